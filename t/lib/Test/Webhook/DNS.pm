package Test::Webhook::DNS;

# A name server of names below "example", dnsmasq in a child process.
#
#	plan(skip_all => 'no dnsmasq') unless Test::Webhook::DNS->found();
#
#	my $dns = Test::Webhook::DNS->new($t);
#
#	$dns->hosts(name => '127.0.0.1', name => '127.0.0.2');
#	$dns->start();
#
# It is at the port "dns", and answers live for a second.

use strict;
use warnings;

use Test::Webhook ();

sub found {
	my ($dnsmasq) = grep { -x } map { "$_/dnsmasq" }
		split(/:/, $ENV{PATH} || ''), '/usr/sbin';

	return $dnsmasq;
}

sub new {
	my ($class, $t) = @_;

	return bless { t => $t }, $class;
}

# all names with their addresses, instead of those that there were

sub hosts {
	my ($self, @names) = @_;

	my $hosts = '';

	while (my ($name, $addr) = splice @names, 0, 2) {
		$hosts .= "$addr $name.example\n";
	}

	$self->{t}->write_file('hosts', $hosts);
	$self->signal('HUP') if $self->{pid};
}

sub start {
	my ($self) = @_;

	my $t = $self->{t};
	my $dir = $t->testdir();
	my $port = $t->port('dns');
	my $dnsmasq = found();

	defined(my $pid = fork()) or die "fork: $!\n";

	if ($pid == 0) {
		open STDOUT, '>', "$dir/dns.log";
		open STDERR, '>&', \*STDOUT;
		exec { $dnsmasq } $dnsmasq, '--keep-in-foreground',
			'--log-facility=-', '--conf-file=/dev/null',
			"--port=$port", '--listen-address=127.0.0.1',
			'--bind-interfaces', '--no-resolv', '--no-hosts',
			"--addn-hosts=$dir/hosts", '--local=/example/',
			'--local-ttl=1', '--neg-ttl=1', '--pid-file=',
			'--user=' . getpwuid($>);
		exit 1;
	}

	$t->add_child($pid);

	Test::Webhook::wait_for(sub {
		$t->find_in_log(qr/read .*hosts/, 0, 'dns.log')
	}, 10) or die $t->read_file('dns.log');

	$self->{pid} = $pid;
}

sub signal {
	my ($self, $signal) = @_;

	kill $signal, $self->{pid};
}

sub stop {
	my ($self) = @_;

	my $pid = delete $self->{pid};

	kill 'KILL', $pid;
	waitpid $pid, 0;
	$self->{t}->del_child($pid);
}

# TTLs are a second, in whole seconds of the clock

sub past_ttl {
	select undef, undef, undef, 2.1;
}

1;

package Test::Webhook::Example;

# Files of conf-examples, as tests start them.
#
#	my $example = Test::Webhook::Example->new('salesmanago');
#	my ($r) = $example->deliveries(1, POST => '/contacts', $body, %headers);
#	$example->done();
#
# The file is as an operator would have it; see conf_examples.t for what is
# replaced.  A receiver listens where the deliveries go to.

###############################################################################

use warnings;
use strict;

use Exporter qw/ import /;
use Test::More;

use Test::Webhook;
use Test::Webhook::Receiver;

our @EXPORT_OK = qw/ convert places /;

###############################################################################

# "secrets" are files below /etc/nginx/webhook, name => content

sub new {
	my ($class, $name, %o) = @_;

	my $t = Test::Webhook->new();
	my $self = bless { t => $t }, $class;

	$self->{rx} = Test::Webhook::Receiver->new($t, port => 'p9900');

	mkdir $t->testdir() . '/etc';

	for (sort keys %{$o{secrets} || {}}) {
		chmod 0600, $t->write_file("etc/$_", $o{secrets}{$_});
	}

	$t->conf(convert(Test::Webhook::slurp($t->root()
		. "/conf-examples/$name.conf", 0)))->run();

	return $self;
}

sub test { $_[0]->{t} }
sub receiver { $_[0]->{rx} }

# what $n deliveries are, after a request to the first server of the example

sub deliveries {
	my ($self, $n, $method, $uri, $body, %headers) = @_;

	$self->{rx}->forget();

	http(join "\r\n", "$method $uri HTTP/1.1", 'Host: localhost',
		'Connection: close', (map { "$_: $headers{$_}" } sort keys %headers),
		'Content-Length: ' . length($body), '', $body,
		port => port('p8080'));

	my @r = $self->{rx}->wait_requests($n, 20);

	is(@r, $n, "$method $uri makes $n deliveries");
	ok($self->{rx}->only_requests($n, 0.1), 'and no more');

	return @r;
}

sub done {
	my ($self) = @_;

	ok($self->{t}->stop(), 'stopped');
	$self->{t}->done_testing();
}

###############################################################################

# what the harness would write itself

sub convert {
	my ($conf) = @_;

	$conf =~ s/^#.*\n//mg;
	$conf =~ s/^(?:user|error_log|pid)\s.*\n//mg;
	$conf =~ s/^load_module\s.*\n/%%TEST_GLOBALS%%\n/m;
	$conf =~ s/^http \{\n/http {\n    %%TEST_GLOBALS_HTTP%%\n/m;

	return places($conf);
}

sub places {
	my ($s) = @_;

	$s =~ s/127\.0\.0\.1:(\d+)/127.0.0.1:%%PORT_p$1%%/g;
	$s =~ s!/var/lib/nginx/webhook!%%TESTDIR%%/store!g;
	$s =~ s!/var/log/nginx!%%TESTDIR%%!g;
	$s =~ s!/etc/nginx/webhook!%%TESTDIR%%/etc!g;

	return $s;
}

###############################################################################

1;

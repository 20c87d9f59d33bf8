package Test::Webhook::Alertmanager;

# Debian's prometheus-alertmanager in a child process, which notifies nobody.
#
#	Test::Webhook::Alertmanager::start($t, 'am');	name of its port

use strict;
use warnings;

use POSIX ();

use Test::Webhook ();

sub start {
	my ($t, $name) = @_;

	my $conf = $t->write_file('alertmanager.yml', <<'EOC');
route:
  receiver: nobody
receivers:
  - name: nobody
EOC

	my $dir = $t->testdir();
	my $port = $t->port($name);
	my $pid = fork();

	die "fork() failed: $!\n" unless defined $pid;

	if ($pid == 0) {
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', "$dir/alertmanager.log";
		open STDERR, '>&', \*STDOUT;
		no warnings;
		exec 'prometheus-alertmanager', "--config.file=$conf",
			"--storage.path=$dir/alertmanager",
			"--web.listen-address=127.0.0.1:$port",
			'--cluster.listen-address=';
		print STDERR "can't exec prometheus-alertmanager: $!\n";
		POSIX::_exit(127);
	}

	$t->add_child($pid);

	Test::Webhook::wait_for(sub { Test::Webhook::try_connect($port) }, 20)
		or die "alertmanager does not listen:\n"
			. $t->read_file('alertmanager.log');
}

1;

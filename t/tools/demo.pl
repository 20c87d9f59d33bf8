#!/usr/bin/perl

# make demo: nginx with the module in front of a real application, Prometheus
# Alertmanager, with the configuration of conf-examples/alertmanager.conf.
# It makes one request by itself, shows the webhook as received, and goes on
# until Ctrl-C for requests by hand; with DEMO_ONCE=1, or without a terminal,
# it ends with the first webhook, with status 0, or 1 if there was none.
#
# demo.pl --receiver ADDRESS:PORT only prints the requests that it gets.

use strict;
use warnings;

use Cwd qw/ abs_path /;
use File::Basename qw/ dirname /;
use File::Path qw/ remove_tree /;
use File::Temp qw/ tempdir /;
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Time::HiRes qw/ time sleep /;

my $root = abs_path(dirname(abs_path($0)) . '/../..');
my $owner = $$;

my ($dir, %pids, %connections, $received);

$| = 1;
$SIG{PIPE} = 'IGNORE';
$SIG{$_} = sub { exit 0 } for qw/ INT TERM HUP /;

if (@ARGV) {
	die "usage: demo.pl [--receiver ADDRESS:PORT]\n"
		if @ARGV != 2 || $ARGV[0] ne '--receiver';

	my $listen = listening($ARGV[1]);
	print "receiver of webhooks at $ARGV[1]\n";
	receive($listen) for 1 .. ~0 >> 1;
}

demo();

###############################################################################

sub demo {
	my $once = $ENV{DEMO_ONCE} || !-t STDOUT;

	$dir = tempdir('webhook-demo-XXXXXXXX', TMPDIR => 1);
	chmod 0755, $dir;

	my $receiver = listening('127.0.0.1:0');

	my %port = (
		9900 => $receiver->sockport(),
		9093 => free_port(),
		8080 => free_port(8080),
	);

	my $url = "http://127.0.0.1:$port{8080}";

	step("Alertmanager is a real application with a JSON API. It knows"
		. " nothing of webhooks.");
	alertmanager($port{9093});

	step("nginx with ngx_http_webhook_module is in front of it, at $url.");
	nginx(%port);

	step("A receiver of webhooks is at 127.0.0.1:$port{9900}.");

	step('A client creates a silence, through nginx:');

	my $time = time();
	my $response = run(curl($url, 'maintenance of db1'));

	show(curl($url, 'maintenance of db1'));
	step('Its response, from Alertmanager:');
	show($response);

	fail('the request failed') unless $response =~ m!^HTTP/1.1 200 !;

	step('The webhook, as the receiver got it:');

	while (!$received && time() < $time + 20) {
		receive($receiver, 0.1);
	}

	fail('no webhook was received') unless $received;

	exit 0 if $once;

	step('Now by hand, in another terminal:');
	show(curl($url, 'by hand'));
	step('And to delete a silence, with its id:');
	show("curl -i -X DELETE $url/api/v2/silence/ID");
	step("The configuration is $dir/nginx.conf, the log $dir/error.log."
		. " Ctrl-C ends the demo.");

	receive($receiver) while running();

	fail('nginx or Alertmanager has ended');
}

sub curl {
	my ($url, $comment) = @_;

	return <<"EOC";
curl -i -H 'Content-Type: application/json' $url/api/v2/silences -d '{
  "matchers": [{"name": "alertname", "value": "DiskFull", "isRegex": false}],
  "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z",
  "createdBy": "ann", "comment": "$comment"}'
EOC
}

###############################################################################

# the processes

sub alertmanager {
	my ($port) = @_;

	write_file("$dir/alertmanager.yml", <<'EOC');
route:
  receiver: nobody
receivers:
  - name: nobody
EOC

	start('alertmanager', $port, 'prometheus-alertmanager',
		"--config.file=$dir/alertmanager.yml",
		"--storage.path=$dir/alertmanager",
		"--web.listen-address=127.0.0.1:$port",
		'--cluster.listen-address=');
}

sub nginx {
	my (%port) = @_;

	my $module = $ENV{TEST_WEBHOOK_MODULE}
		|| 'objs/ngx_http_webhook_module.so';
	$module = "$root/$module" unless $module =~ m!^/!;

	fail("there is no $module, try \"make module\"") unless -f $module;

	my $conf = read_file("$root/conf-examples/alertmanager.conf");

	$conf =~ s/^load_module\s.*/load_module $module;/m;
	$conf =~ s/^user\s.*\n//m unless $> == 0;
	$conf =~ s/^error_log\s.*/error_log $dir\/error.log info;/m;
	$conf =~ s/^pid\s.*/pid $dir\/nginx.pid;/m;
	$conf =~ s/127\.0\.0\.1:(\d+)/127.0.0.1:$port{$1}/g;
	$conf =~ s!/var/lib/nginx/webhook!$dir/store!g;

	my $paths = "    access_log  $dir/access.log;\n";
	$paths .= "    ${_}_temp_path  $dir/${_}_temp;\n"
		for qw/ client_body proxy fastcgi uwsgi scgi /;

	$conf =~ s/^http \{\n/http {\n$paths\n/m;

	write_file("$dir/nginx.conf", $conf);

	my ($binary) = grep { -x && !-d _ } $ENV{TEST_NGINX_BINARY} || (),
		map { "$_/nginx" } split(/:/, $ENV{PATH} || ''), '/usr/sbin';

	fail('there is no nginx') unless $binary;

	start('nginx', $port{8080}, $binary, '-p', $dir,
		'-c', "$dir/nginx.conf", '-e', "$dir/error.log",
		'-g', 'daemon off;');
}

sub start {
	my ($name, $port, @command) = @_;

	my $pid = fork();

	fail("fork() failed: $!") unless defined $pid;

	if ($pid == 0) {
		$SIG{$_} = 'DEFAULT' for qw/ INT TERM HUP PIPE /;

		# Ctrl-C is for the demo, which stops the others

		setpgrp(0, 0);

		open STDIN, '<', '/dev/null';
		open STDOUT, '>', "$dir/$name.out";
		open STDERR, '>&', \*STDOUT;
		no warnings;
		exec { $command[0] } @command;
		print STDERR "can't exec $command[0]: $!\n";
		POSIX::_exit(127);
	}

	$pids{$pid} = $name;

	my $end = time() + 20;

	while (!IO::Socket::INET->new(PeerAddr => '127.0.0.1',
		PeerPort => $port, Proto => 'tcp'))
	{
		if (!running() || time() >= $end) {
			fail("$name did not start:\n"
				. read_file("$dir/$name.out"));
		}

		sleep(0.02);
	}
}

sub running {
	for my $pid (keys %pids) {
		next if waitpid($pid, POSIX::WNOHANG()) == 0;
		delete $pids{$pid};
		return 0;
	}

	return 1;
}

sub run {
	my ($command) = @_;

	open my $fh, '-|', '/bin/sh', '-c', "$command" =~ s/^curl /curl -s /r
		or fail("can't run curl: $!");
	local $/;
	my $out = <$fh>;
	close $fh;

	return defined $out ? $out =~ s/\r//gr : '';
}

END {
	my $code = $?;

	if ($owner == $$) {
		kill 'TERM', keys %pids;

		for my $pid (keys %pids) {
			my $end = time() + 5;

			while (waitpid($pid, POSIX::WNOHANG()) == 0) {
				kill 'KILL', $pid if time() > $end;
				sleep(0.01);
			}
		}

		remove_tree($dir) if $dir;
	}

	$? = $code;
}

###############################################################################

# the receiver: whoever sends to it is answered with 204, and printed

sub receive {
	my ($listen, $seconds) = @_;

	my $select = IO::Select->new($listen,
		map { $_->[0] } values %connections);

	for my $s ($select->can_read(defined $seconds ? $seconds : 1)) {

		if ($s == $listen) {
			$s = $listen->accept() or next;
			$connections{$s} = [$s, ''];
			next;
		}

		my $c = $connections{$s};

		if (!sysread $s, $c->[1], 65536, length $c->[1]) {
			delete $connections{$s};
			next;
		}

		while ($c->[1] =~ /\A(.*?\r\n)\r\n/s) {
			my ($head, $from) = ($1, $+[0]);
			my ($n) = $head =~ /^Content-Length: *(\d+)\r$/mi;

			$n ||= 0;

			last if length($c->[1]) < $from + $n;

			my $request = substr $c->[1], 0, $from + $n, '';

			show($request =~ s/\r//gr);
			$received++;

			syswrite $s, "HTTP/1.1 204 No Content\r\n\r\n";
		}
	}
}

sub listening {
	my ($address) = @_;

	return IO::Socket::INET->new(LocalAddr => $address, Proto => 'tcp',
		Listen => 128, ReuseAddr => 1)
		|| fail("can't listen on $address: $!");
}

sub free_port {
	my ($wanted) = @_;

	my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
		LocalPort => $wanted || 0, Proto => 'tcp', Listen => 1,
		ReuseAddr => 1);

	return $s ? $s->sockport() : free_port();
}

###############################################################################

sub step { print "\n* $_[0]\n" }

sub show {
	my ($text) = @_;

	chomp $text;
	$text =~ s/^(?=.)/    /mg;

	# names and values out of requests are not for the terminal

	$text =~ s/[^\n -~]/?/g unless utf8_ok($text);

	print "\n$text\n";
}

sub utf8_ok {
	my ($text) = @_;

	return $text !~ /[\0-\x09\x0b-\x1f\x7f]/ && utf8::decode($text)
		&& $text !~ /[\x{80}-\x{9f}]/;
}

sub fail {
	print STDERR "\n$_[0]\n";
	print STDERR read_file("$dir/error.log") if $dir && -f "$dir/error.log";
	exit 1;
}

sub write_file {
	my ($path, $text) = @_;

	open my $fh, '>', $path or fail("can't write $path: $!");
	print $fh $text;
	close $fh or fail("can't write $path: $!");
}

sub read_file {
	my ($path) = @_;

	open my $fh, '<', $path or fail("can't read $path: $!");
	local $/;
	my $text = <$fh>;

	return defined $text ? $text : '';
}

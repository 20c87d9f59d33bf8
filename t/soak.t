#!/usr/bin/perl

# 100,000 events through one worker: nothing grows.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Socket::INET;

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

# octets of anonymous memory and descriptors that may come and go

use constant MEMORY => 512 * 1024;
use constant DESCRIPTORS => 8;

my $events = $ENV{WEBHOOK_SOAK} || 100_000;

my $t = Test::Webhook->new(log_level => 'notice')->plan(5);

$t->conf(<<'EOC')->run();
%%TEST_GLOBALS%%

worker_processes 1;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    access_log off;
    keepalive_requests 1000000;

    webhook_store %%TESTDIR%%/store size=16m journal=4m full=reject;
    webhook_zone small 64k;

    webhook_endpoint many {
        url http://127.0.0.1:%%PORT_rx%%/;
        allow_http on;
        order none;
        concurrency 32;
    }

    webhook_json $email request /email;

    log_format n '$connection';

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location / {
            webhook a.b to=many;
            proxy_pass http://127.0.0.1:%%PORT_app%%;
        }
    }

    server {
        listen 127.0.0.1:%%PORT_app%%;
        return 201 "made";
    }

    server {
        listen 127.0.0.1:%%PORT_rx%%;
        access_log %%TESTDIR%%/rx.log n buffer=64k flush=1s;
        return 204;
    }
}
EOC

###############################################################################

my $sent = 0;
my $log = $t->testdir() . '/rx.log';
my ($pid) = $t->workers();

load($events / 5);
ok(wait_for(sub { delivered() == $sent }, 60, 'deliveries'),
	'warm-up is delivered');

my ($memory, $fds) = usage();

load($events - $events / 5);
ok(wait_for(sub { delivered() == $sent }, 120, 'deliveries'),
	"all $sent events are delivered once");

my ($memory2, $fds2) = usage();

SKIP: {
skip 'sanitizers keep what was freed', 1 if $ENV{TEST_NGINX_PRELOAD};
cmp_ok($memory2 - $memory, '<', MEMORY, 'anonymous memory stays');
}

cmp_ok($fds2 - $fds, '<=', DESCRIPTORS, 'descriptors stay');
is(($t->workers())[0], $pid, 'it is the same worker');

diag("anonymous memory: $memory, then $memory2; "
	. "descriptors: $fds, then $fds2");

###############################################################################

sub load {
	my ($n) = @_;
	my $body = '{"email":"max@example.com","pad":"' . 'x' x 300 . '"}';
	my $request = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: "
		. length($body) . "\r\n\r\n$body";

	my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1:' . port('http'))
		or die "connect: $!\n";

	my $batch = 50;

	for (1 .. $n / $batch) {
		print $s $request x $batch;

		my ($got, $buf) = (0, '');

		while ($got < $batch) {
			sysread($s, $buf, 65536, length $buf)
				or die "connection closed\n";

			$got++ while $buf =~ s/^.*?\r\n\r\nmade//s;
		}

		$sent += $batch;

		# not more than the store can take in the meantime

		wait_for(sub { delivered() > $sent - 5000 }, 60, 'deliveries')
			if $_ % 20 == 0;
	}
}

sub delivered {
	my $n = 0;
	open(my $fh, '<', $log) or return 0;
	local $/ = \65536;
	$n += tr/\n// while <$fh>;
	return $n;
}

sub usage {
	open(my $fh, '<', "/proc/$pid/status") or die "status: $!\n";
	my ($anon) = map { /^RssAnon:\s+(\d+)/ ? $1 * 1024 : () } <$fh>;
	my @fds = glob("/proc/$pid/fd/*");
	return ($anon, scalar @fds);
}

###############################################################################

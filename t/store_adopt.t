#!/usr/bin/perl

# Tests for many deliveries of a lane that are in the journal alone, captured by
# several workers: the memory of its owner while they cannot be moved into the
# database, and the event loop of who takes it over.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Fcntl;
use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Metrics;

use constant { F_OFD_SETLK => 37, LOCK_WAREHOUSE => 1024 };

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $each = 40000;

my $t = Test::Webhook->new()->plan(6);

$t->conf(<<'EOC')->run();
%%TEST_GLOBALS%%

worker_processes 2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    # segments are so large that each worker needs but one

    webhook_store %%TESTDIR%%/store size=256m journal=128m;
    webhook_max_event_size 2m;

    webhook_payload n text {
        template "";
        content_type text/plain;
    }

    webhook_endpoint one {
        url http://127.0.0.1:%%PORT_none%%/;
        allow_http on;
        payload n;
        backlog 10000000;
        retry 1h;
    }

    server {
        listen 127.0.0.1:%%PORT_http%% reuseport;
        keepalive_requests 10000000;

        location /pid { return 200 $pid; }
        location /e { webhook a.b to=one; return 204; }
        location /metrics { webhook_metrics; }
    }
}
EOC

###############################################################################

# nobody gets into the database, so all stays in the journal

sysopen(my $lock, $t->testdir() . '/store/lock', O_RDWR) or die "lock: $!\n";

my $flock = pack('s s x4 q q l x4', F_WRLCK, 0, LOCK_WAREHOUSE, 1, 0);

wait_for(sub { fcntl($lock, F_OFD_SETLK, $flock) }, 10, 'the database');

# by turns: there are records of both workers of any time

my %s;

wait_for(sub {
	my $s = $t->connect_port();
	$s{get('/pid', -socket => $s)->{body}} = $s;
	$s->blocking(1);
	return keys %s == 2;
}, 10, 'connections to both workers');

my $request = "GET /e HTTP/1.1\r\nHost: a\r\n\r\n" x 500;
my $ok = 0;

for (1 .. $each / 500) {
	for my $s (values %s) {
		$s->print($request);
	}

	for my $s (values %s) {
		my $n = 0;
		local $/ = "\r\n\r\n";
		while ($n < 500 && defined(my $r = readline($s))) {
			$n++;
			$ok++ if $r =~ / 204 /;
		}
	}
}

is($ok, 2 * $each, 'many events of two workers');

# each of them is due to be moved, but few of them are in the queue

select undef, undef, undef, 2.5;

my ($anon) = sort { $b <=> $a } map { anon($_) } $t->workers();

SKIP: {
	skip 'memory is of a sanitizer', 1 if $ENV{TEST_NGINX_PRELOAD};

	cmp_ok($anon, '<', 44000, 'what is to be moved takes little memory');
}

$t->kill_all();
close($lock);

$t->run();

is(wait_for(sub {
	my $n = metric('nginx_webhook_backlog{endpoint="one"}') || 0;
	return $n == 2 * $each ? $n : undef;
}, 10, 'the backlog'), 2 * $each, 'all are known after a start');

cmp_ok(metric('nginx_webhook_loop_stall_max_seconds'), '<', 1.5,
	'and no worker was busy with them for long');

is(scalar($t->find_in_log(qr/taken over while this worker did not run/)), 0,
	'nor was anything taken from it');

ok($t->find_in_log(qr/${\(2 * $each)} deliveries recovered from the journal/),
	'they were in the journal alone');

###############################################################################

sub anon {
	my ($pid) = @_;
	return Test::Webhook::slurp("/proc/$pid/status") =~ /^RssAnon:\s+(\d+)/m
		? $1 : 0;
}

sub metric {
	my ($key) = @_;

	return Test::Webhook::Metrics->new(get('/metrics')->{body})->value($key);
}

###############################################################################

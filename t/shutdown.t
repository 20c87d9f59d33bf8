#!/usr/bin/perl

# Tests for worker_shutdown_timeout: attempts in flight are given up, and their
# deliveries go to the next worker; tests of an operator's end.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new()->plan(7);

my $rx = Test::Webhook::Receiver->new($t, port => 'rx', script => { hang => 1 });

$t->conf(<<'EOC')->run();
%%TEST_GLOBALS%%

worker_processes 1;
worker_shutdown_timeout 300ms;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

    webhook_endpoint one {
        url http://127.0.0.1:%%PORT_rx%%/;
        allow_http on;
        timeout 1h;
    }

    webhook_endpoint many {
        url http://127.0.0.1:%%PORT_rx%%/;
        allow_http on;
        timeout 1h;
        order none;
        concurrency 2;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location / { webhook a.b to=one; return 200; }
        location /api { webhook_api write=on; }
        location /many { webhook a.c to=many; return 200; }
    }
}
EOC

###############################################################################

get('/');
get('/many') for 1 .. 3;

ok(wait_for(sub { $rx->count() == 3 }, 5, 'attempts'), 'attempts hang');

my ($old) = $t->workers();

# for those to come

$rx->set(200);

ok($t->reload(), 'reload');
ok(wait_for(sub { !kill(0, $old) }, 10, 'the old worker to end'),
	'old worker does not wait for them');

ok(wait_for(sub { $rx->count() >= 7 }, 10, 'deliveries'),
	'next worker delivers, and permits are free');

my %seen = map { $_ => 1 } $rx->ids();
is(scalar(keys %seen), 4, 'the same events');

$rx->release(200);

###############################################################################

# nor for an operator's test, which is nobody's then

$rx->set({ hang => 1 });

my $n = $rx->count();
my $s = $t->connect_port('http');

Test::Webhook::send_all($s, "POST /api/endpoints/one/test HTTP/1.1\x0d\x0a"
	. "Host: localhost\x0d\x0aContent-Type: application/json\x0d\x0a"
	. "Content-Length: 2\x0d\x0a\x0d\x0a{}", time() + 5);

ok(wait_for(sub { $rx->count() == $n + 1 }, 5), 'test hangs');

($old) = $t->workers();
$t->reload();

ok(wait_for(sub { !kill(0, $old) }, 10, 'the old worker to end'),
	'old worker does not wait for a test');

$rx->release(200);

###############################################################################

#!/usr/bin/perl

# Tests for lanes: order strict, key and none, and their concurrency.

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

my $t = Test::Webhook->new()->plan(16);

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

$t->conf(<<'EOC')->run();
%%TEST_GLOBALS%%

worker_processes 2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

    webhook_payload n text {
        template "${arg_k|none}${arg_n|none}";
        content_type text/plain;
    }

    webhook_endpoint strict {
        url http://127.0.0.1:%%PORT_rx%%/strict;
        allow_http on;
        payload n;
    }

    webhook_endpoint keyed {
        url http://127.0.0.1:%%PORT_rx%%/keyed;
        allow_http on;
        payload n;
        order key $arg_k;
        concurrency 3;
        retry 200ms 200ms;
    }

    webhook_endpoint waits {
        url http://127.0.0.1:%%PORT_rx%%/waits;
        allow_http on;
        payload n;
        order key $arg_k;
        concurrency 3;
        retry 1h;
    }

    webhook_endpoint none {
        url http://127.0.0.1:%%PORT_rx%%/none;
        allow_http on;
        payload n;
        order none;
        concurrency 5;
        retry 300ms 300ms;
    }

    server {
        listen 127.0.0.1:%%PORT_http%% reuseport;

        location /s { webhook a.s to=strict; return 200; }
        location /w { webhook a.w to=waits; return 200; }
        location /k { webhook a.k to=keyed; return 200; }
        location /n { webhook a.n to=none; return 200; }
        location /o { webhook a.o to=keyed order_key=$arg_o; return 200; }
    }
}
EOC

###############################################################################

# strict: one at a time, by two workers

$rx->set({ delay => 0.02 });

get("/s?n=$_") for 1 .. 30;

ok($rx->wait_requests(30, 20), 'strict');
is(join(' ', $rx->bodies()), join(' ', 1 .. 30), 'in order over workers');

# key: one failing blocks its own lane only

$rx->forget();
$rx->set(500, 200);

get('/w?k=a&n=1');
ok($rx->wait_requests(1, 10), 'a lane waits for a retry');
get("/w?k=a&n=$_") for 2, 3;
get("/w?k=b&n=$_") for 1 .. 3;

ok($rx->wait_requests(4, 10), 'other lane does not');
is(join(' ', $rx->bodies()), 'a1 b1 b2 b3', 'and is in order');

$rx->forget();
$rx->set(500, 200);

get('/k?k=a&n=1');
ok($rx->wait_requests(1, 10), 'a lane fails');
get("/k?k=a&n=$_") for 2, 3;

ok($rx->wait_requests(4, 10), 'keyed');
is(join(' ', $rx->bodies()), 'a1 a1 a2 a3', 'failing lane in order');

# key: concurrency over all lanes and workers

$rx->forget();
$rx->set({ hang => 1 });

get("/k?k=$_&n=1") for 1 .. 12;

ok(wait_for(sub { held($rx) == 3 }, 5, 'three in flight'),
	'as many in flight as allowed');
$rx->set(200);
$rx->release(200);
ok($rx->wait_requests(12, 20), 'the others follow');

# none: as many as allowed at once, a failing one blocks nobody

$rx->forget();
$rx->set({ hang => 1 });

get("/n?n=$_") for 1 .. 20;
ok(wait_for(sub { held($rx) == 5 }, 5, 'five in flight'),
	'unordered, as many in flight as allowed');
$rx->set(200);
$rx->release(500);
ok($rx->wait_requests(25, 20), 'failed ones are repeated');
my @b = $rx->bodies();
is(scalar(keys %{{ map { $_ => 1 } @b }}), 20, 'every event arrives');

# order_key= of a trigger wins over the endpoint's

$rx->forget();
$rx->set(500, 200);

get("/o?k=x&n=1&o=same");
get("/o?k=y&n=2&o=same");

ok($rx->wait_requests(3, 10), 'order_key of the trigger');
is(join(' ', $rx->bodies()), 'x1 x1 y2', 'makes the lane');

# a long key is told apart from another one

$rx->forget();
$rx->set(200);

get('/k?n=1&k=' . 'l' x 600);
get('/k?n=2&k=' . 'l' x 601);
ok($rx->wait_requests(2, 10), 'keys longer than a lane can hold');

###############################################################################

sub held {
	my ($r) = @_;
	return $r->count();
}

###############################################################################

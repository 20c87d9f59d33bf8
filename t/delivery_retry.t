#!/usr/bin/perl

# Tests for retries, dead letters and expiry.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::Webhook;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new()->plan(20);

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

$t->conf(<<'EOC')->run();
%%TEST_GLOBALS%%

worker_processes 2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

    webhook_endpoint retry {
        url http://127.0.0.1:%%PORT_rx%%/retry;
        allow_http on;
        retry 100ms 100ms;
    }

    webhook_endpoint permanent {
        url http://127.0.0.1:%%PORT_rx%%/permanent;
        allow_http on;
        permanent 400,404;
        retry 100ms;
    }

    webhook_endpoint expire {
        url http://127.0.0.1:%%PORT_rx%%/expire;
        allow_http on;
        retry 50ms 200ms 200ms;
        expire 250ms;
    }

    webhook_endpoint slow {
        url http://127.0.0.1:%%PORT_rx%%/slow;
        allow_http on;
        timeout 300ms;
        retry 50ms;
    }

    webhook_endpoint picky {
        url http://127.0.0.1:%%PORT_rx%%/picky;
        allow_http on;
        success 200;
        retry off;
    }

    webhook_endpoint down {
        url http://127.0.0.1:%%PORT_down%%/;
        allow_http on;
        retry off;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location /retry { webhook a.retry to=retry; return 200; }
        location /permanent { webhook a.permanent to=permanent; return 200; }
        location /expire { webhook a.expire to=expire; return 200; }
        location /slow { webhook a.slow to=slow; return 200; }
        location /picky { webhook a.picky to=picky; return 200; }
        location /down { webhook a.down to=down; return 200; }
    }
}
EOC

###############################################################################

$rx->set(rules => { '/retry' => [500, 200], '*' => 200 });

get('/retry');
ok($rx->wait_requests(2, 10), 'failed attempt is repeated');

my @r = $rx->requests();
is($r[0]{header}{'webhook-id'}, $r[1]{header}{'webhook-id'},
	'every attempt carries the same id');
is($r[0]{body}, $r[1]{body}, 'every attempt carries the same body');
like($t->read_file('error.log'),
	qr/attempt failed: status, status 500, next in \d+ ms, endpoint: "retry"/,
	'failed attempt is logged, with the time of the next');

# a failing event blocks those behind it, and ends dead

$rx->forget();
$rx->set(rules => { '/retry' => [503, 503, 503, 200] });

get('/retry?n=1');
$rx->wait_requests(1, 5);
get('/retry?n=2');

ok($rx->wait_requests(4, 10), 'dead after the last delay');

my @ids = $rx->ids();
is($ids[0], $ids[1], 'first event again');
is($ids[1], $ids[2], 'and again, before the second one');
isnt($ids[2], $ids[3], 'then the second event');
ok($t->wait_log(qr/attempt failed: status, status 503, it is dead, endpoint: "retry", event: "a.retry"/, 5),
	'end as dead is logged');

# permanent

$rx->forget();
$rx->set(rules => { '/permanent' => [404, 200] });

get('/permanent');
$rx->wait_requests(1, 5);
get('/permanent');
ok($rx->wait_requests(2, 5), 'lane goes on behind a permanent failure');
@ids = $rx->ids();
isnt($ids[0], $ids[1], 'permanent failure is not repeated');

# expire: at 0, 50, 250 (equal is allowed), not at 450

$rx->forget();
$rx->set(rules => { '/expire' => [500] });

get('/expire');
ok($t->wait_log(qr/it has expired, endpoint: "expire"/, 5),
	'expiry is logged');
is($rx->count(), 3, 'an attempt exactly at the end is made, none beyond');

# timeout of the whole attempt

$rx->forget();
$rx->set(rules => { '/slow' => [{ trickle => 0.1 }, 200] });

get('/slow');
ok($t->wait_log(qr/attempt failed: timeout, .*endpoint: "slow"/, 5),
	'trickling answer meets the deadline of the whole attempt');
ok($rx->wait_requests(2, 5), 'timeout is repeated');

# success list, redirects

$rx->forget();
$rx->set(rules => { '/picky' => [204, { status => 302,
	headers => [['Location', '/other']] }, 200] });

get('/picky');
ok($t->wait_log(qr/attempt failed: status, status 204,.*"picky"/, 5),
	'204 is a failure where only 200 is a success');
get('/picky');
ok($t->wait_log(qr/attempt failed: redirect, status 302,.*"picky"/, 5),
	'redirect is a failure');
get('/picky');
ok($rx->wait_requests(3, 5), 'next event');
is(scalar(grep { $_->{target} eq '/other' } $rx->requests()), 0,
	'redirect is not followed');

# refused

get('/down');
ok($t->wait_log(qr/attempt failed: connect, status 0,.*"down"/, 5),
	'refused connection is its own class');

###############################################################################

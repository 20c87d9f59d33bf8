#!/usr/bin/perl

# Tests that deliveries begin when clients have got what was for them in a turn
# of the event loop: the next request of a connection does not wait for them.

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

my $CRLF = "\x0d\x0a";

my $t = Test::Webhook->new()->plan(6);

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

$t->conf(<<'EOC')->run();
%%TEST_GLOBALS%%

worker_processes 1;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

    webhook_endpoint one {
        url http://127.0.0.1:%%PORT_rx%%/;
        allow_http on;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location = /first {
            webhook some.event to=one;
            return 200;
        }

        location / { root %%TESTDIR%%; }
    }
}
EOC

###############################################################################

# the lane is this worker's after the first event

get('/first');
ok($rx->wait_requests(1, 10), 'an event');
ok($t->wait_log(qr/webhook attempt end/, 10), 'delivered');

my $r = http("GET /first HTTP/1.1${CRLF}Host: a${CRLF}${CRLF}"
	. "GET /second HTTP/1.1${CRLF}Host: a${CRLF}"
	. "Connection: close${CRLF}${CRLF}",
	until_close => 1, timeout => 10);

like($r, qr/ 200 OK.* 404 Not Found/s, 'two requests in a row');
ok($rx->wait_requests(2, 10), 'the first one has an event');
ok(wait_for(sub {
	(() = $t->read_file('error.log') =~ /webhook attempt end/g) == 2
}, 10), 'which is delivered');
like($t->read_file('error.log'),
	qr/"GET \/second .*webhook attempt begin/s,
	'but only after the second one was answered');

$t->stop();

###############################################################################

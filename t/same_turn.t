#!/usr/bin/perl

# Tests that a delivery to a target with an idle connection is sent in the very
# turn of the event loop in which its event was committed, and not by a timer.

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

turns('', qr/\?second HTTP/);
turns('sync=always', qr/run completion handler for task/);

done_testing();

###############################################################################

# from what commits the event to the first octets of its attempt

sub turns {
	my ($sync, $commit) = @_;

	my $t = Test::Webhook->new();
	my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

	my ($nginx, $name) = ($t->binary(), $sync || 'sync=off');

SKIP: {
	skip 'nginx has no debug log, which tells turns apart', 6
		if `$nginx -V 2>&1` !~ /--with-debug/;

	$t->conf(<<"EOC")->run();
%%TEST_GLOBALS%%

worker_processes 1;
error_log %%TESTDIR%%/debug.log debug;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m $sync;

    webhook_endpoint one {
        url http://127.0.0.1:%%PORT_rx%%/;
        allow_http on;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location = /one { webhook some.event to=one; return 200; }
    }
}
EOC

	# the target is warm after the first one

	$t->get('/one');
	ok($rx->wait_requests(1, 10), "$name: an event");
	ok($t->wait_log(qr/webhook delivery end/, 10), "$name: delivered");

	$t->get('/one?second');
	ok($rx->wait_requests(2, 10), "$name: the next one");
	is($rx->connections(), 1, "$name: by the same connection");

	$t->stop();

	my ($log) = $t->read_file('debug.log') =~ /(\?second HTTP.*)/s;
	my ($turn) = $log =~ /^.*?($commit(?:(?!$commit).)*?webhook attempt begin.*?upstream send request body.*?writev: \d+ of \d+)/s;

	ok($turn, "$name: committed, and sent");
	unlike($turn, qr/worker cycle/, "$name: in one turn of the event loop");
}
}

###############################################################################

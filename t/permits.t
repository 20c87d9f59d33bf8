#!/usr/bin/perl

# Tests for permits of endpoints with a concurrency, and the death of workers
# that hold some.

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

my $t = Test::Webhook->new()->plan(6)->allow_alerts(
	qr/worker process \d+ exited on signal 9/);

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

conf('one')->run();

###############################################################################

# all permits are in flight when a configuration comes without the endpoint

$rx->set({ hang => 1 });

get("/p?k=$_") for 1 .. 4;

ok($rx->wait_requests(2, 10), 'as many as may be are in flight');

my ($old) = $t->workers();

conf();

ok($t->reload(), 'reload without the endpoint');

kill 'KILL', $old;

ok(wait_for(sub {
	$t->read_file('error.log') =~ /worker process $old in slot \d+ has ended/
}, 10), 'the worker that had them is found dead');

$rx->set(200);
$rx->forget();

conf('one');

ok($t->reload(), 'reload with the endpoint');

get('/p?k=5');

ok($rx->wait_requests(5, 20), 'all are delivered: permits of the dead are void');
is($rx->count(), 5, 'once');

###############################################################################

sub conf {
	my ($with) = @_;

	my $endpoint = $with ? <<'EOC' : '';
    webhook_endpoint p {
        url http://127.0.0.1:%%PORT_rx%%/p;
        allow_http on;
        order key $arg_k;
        concurrency 2;
        timeout 1h;
    }

EOC
	my $trigger = $with ? 'webhook a.p to=p; ' : '';

	return $t->conf(<<"EOC");
%%TEST_GLOBALS%%

worker_processes 1;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_zone webhook 1m;
    webhook_store %%TESTDIR%%/store size=16m journal=4m;

    webhook_endpoint other {
        url http://127.0.0.1:%%PORT_rx%%/o;
        allow_http on;
    }

$endpoint
    server {
        listen 127.0.0.1:%%PORT_http%%;

        location = /p { ${trigger}return 200; }
        location = /o { webhook a.o to=other; return 200; }
    }
}
EOC
}

###############################################################################

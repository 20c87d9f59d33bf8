#!/usr/bin/perl

# Tests for endpoints with many lanes: those that wait go on together, some in
# each turn of the event loop, in their order.

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

# more than twice what is driven in a turn

use constant LANES => 600;

my $t = Test::Webhook->new(log_level => 'notice')->plan(7);

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

$t->conf(<<'EOC')->run();
%%TEST_GLOBALS%%

worker_processes 1;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    access_log off;

    webhook_store %%TESTDIR%%/store size=32m journal=8m;

    webhook_payload k text {
        template "${arg_k|none}.${arg_n|none}";
        content_type text/plain;
    }

    webhook_endpoint e {
        url http://127.0.0.1:%%PORT_rx%%/;
        allow_http on;
        payload k;
        order key $arg_k;
        concurrency 1;
        rate 1000r/s burst=2000;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location / { webhook a.b to=e; return 200; }
        location /api { webhook_api write=on; }
    }
}
EOC

###############################################################################

ok(command('disable'), 'disabled');

send_all($_) for 1 .. 2;

ok(command('enable'), 'enabled');
ok($rx->wait_requests(2 * LANES, 60), 'all lanes go on');
in_order(2);

# while they are on their way

$rx->forget();
$rx->set({ status => 200, delay => 0.5 });

send_all($_) for 1 .. 2;

command('disable');
$rx->set(200);

ok(command('enable'), 'disabled and enabled in between');
ok($rx->wait_requests(2 * LANES, 60), 'all lanes go on again');
in_order(2);

###############################################################################

sub send_all {
	my ($n) = @_;

	get("/?k=$_&n=$n") for 1 .. LANES;
}

sub in_order {
	my ($n) = @_;

	my %next;
	my $bad = 0;

	for my $body ($rx->bodies()) {
		my ($k, $i) = split /\./, $body;
		$bad++ unless $i == ++$next{$k};
	}

	$bad++ for grep { $next{$_} != $n } keys %next;

	is($bad + LANES - keys %next, 0, 'each of them in order, and all once');
}

sub command {
	return post("/api/endpoints/e/$_[0]", '',
		'Content-Type' => 'application/json')->status() == 200;
}

###############################################################################

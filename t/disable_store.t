#!/usr/bin/perl

# States of endpoints and windows of failures live as long as the store: after
# a reload, a restart, a kill of everything, with zones of another size.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP qw/ decode_json /;

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new()->allow_alerts(
	qr/worker process \d+ exited on signal 9/);

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

sub conf {
	my ($size, $tolerated) = @_;

	return <<"EOC";
%%TEST_GLOBALS%%

worker_processes 2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;
    webhook_zone own $size;
    webhook_zone all $size disable=4/1h;

    webhook_payload n text {
        template "\${arg_n|none}";
        content_type text/plain;
    }

    webhook_endpoint a {
        url http://127.0.0.1:%%PORT_rx%%/a;
        allow_http on;
        payload n;
        disable $tolerated/1h;
        retry off;
    }

    webhook_endpoint b {
        url http://127.0.0.1:%%PORT_rx%%/b;
        allow_http on;
        payload n;
        zone all;
        retry off;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location = /a { webhook a.a to=a; return 200; }
        location = /b { webhook a.b to=b; return 200; }
        location /api { webhook_api write=on; }
    }
}
EOC
}

$t->conf(conf('128k', 9))->run();

###############################################################################

my %way = (
	'a reload' => sub { $t->reload() },
	'a zone of another size' => sub {
		$t->conf(conf('192k', 9));
		$t->reload();
	},
	'a larger window' => sub {
		$t->conf(conf('192k', 300));
		my $ok = $t->reload();
		$t->conf(conf('192k', 9));
		$ok && $t->reload();
	},
	'a restart' => sub { $t->stop(); $t->start_again(); 1 },
	'a kill of everything' => sub { $t->kill_all(); $t->start_again(); 1 },
	'a kill of a worker' => sub {
		my @w = $t->workers();
		kill 'KILL', $w[0];
		$t->wait_workers(2, not => [$w[0]]);
	},
);

# windows: 4 of 9 failures before, 5 after, and one more

for my $way ('a reload', 'a zone of another size', 'a larger window',
	'a restart', 'a kill of everything', 'a kill of a worker')
{
	$rx->set(500);
	$rx->forget();

	fail_n($_, 4, 0) for qw/ a b /;
	wait_for(sub { saved() }, 10, 'states to be stored');

	ok($way{$way}->(), $way);

	is(state('a')->{windows}[0]{failures}, 4, "failures are known after $way");
	is(state('b')->{zone_window}{failures}, 4, 'and of the zone');
	is(state('a')->{failures_in_a_row}, 4, 'and those in a row');

	my $mark = $t->log_mark();

	get('/b');
	ok($t->wait_log(qr/"b" is disabled: 5 failures in 3600000 ms of/, 10,
		$mark), 'one more of the zone');

	fail_n('a', 5, 4);
	is(state('a')->{state}, 'enabled', 'as many as are tolerated');
	get('/a');
	ok($t->wait_log(qr/"a" is disabled: 10 failures/, 10, $mark), 'one more');

	# states

	get("/a?n=$_") for 1 .. 5;
	wait_for(sub { saved() }, 10, 'states to be stored');

	ok($way{$way}->(), "$way again");

	is(state('a')->{reason}, 'window', 'state after it');
	is(state('b')->{reason}, 'zone', 'state by a zone');

	get("/a?n=$_") for 6 .. 8;
	is($rx->count(), 15, 'no attempt is made');

	$rx->set(200);
	$rx->forget();

	command($_, 'enable') for qw/ a b /;
	ok(wait_for(sub { held() >= 8 }, 20), 'events that were held are delivered');
	is(join(' ', held()), '1 2 3 4 5 6 7 8', 'in their order');

	# a kill may undo the end of the last one that has failed

	is($rx->count(), 8, 'and nothing else') unless $way =~ /kill/;
	wait_for(sub { !grep { state($_)->{backlog}{events} } qw/ a b / }, 10,
		'nothing to be left');
	wait_for(sub { saved() }, 10, 'states to be stored');

	ok($way{$way}->(), "$way again");
	is(state('a')->{state}, 'enabled', 'enabled after it');
	is(state('a')->{windows}[0]{failures}, 0, 'with an empty window');
}

# by an operator, and then nginx is killed at once

command('a', 'disable');
ok(wait_for(sub { saved() }, 10), 'stored');
$t->kill_all();
$t->start_again();
is(state('a')->{reason}, 'operator', 'what an operator has said is kept');

# ... and then it ends in peace, while what was said before is being stored

for my $last (qw/ enable disable enable disable enable disable /) {
	command('a', $_) for qw/ enable disable enable disable enable disable /, $last;
	$t->stop();
	$t->start_again();
	is(state('a')->{state}, "${last}d",
		"the last word is kept, $last");
}

# ... or while attempts are in flight

command('a', 'enable');
wait_for(sub { saved() }, 10, 'states to be stored');

$rx->set({ status => 500, delay => 1 });
$rx->forget();

get('/a');
$rx->wait_requests(1, 10);

$t->stop();
$t->start_again();

is(state('a')->{failures_in_a_row}, 1, 'a failure during a graceful exit');
is(state('a')->{windows}[0]{failures}, 1, 'is in its window');

done_testing();

###############################################################################

sub state {
	my ($name) = @_;
	return decode_json(get("/api/endpoints/$name")->body());
}

sub command {
	my ($name, $verb) = @_;
	return post("/api/endpoints/$name/$verb", '',
		'Content-Type' => 'application/json')->status() == 200;
}

sub fail_n {
	my ($name, $n, $before) = @_;

	get("/$name") for 1 .. $n;

	wait_for(sub { state($name)->{failures_in_a_row} == $n + $before }, 10)
		or die "not so many failures of $name\n";
}

# those that have failed before have no number

sub held { grep { length } $rx->bodies() }

# failures are stored within half a second

sub saved {
	for my $e (@{decode_json(get('/api/endpoints')->body())->{endpoints}}) {
		return 0 unless $e->{stored};
	}

	return 1;
}

###############################################################################

#!/usr/bin/perl

# Tests for what survives restarts, kills, reloads and upgrades.

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

my $t = Test::Webhook->new()->plan(19);

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
        template "${arg_n|none}";
        content_type text/plain;
    }

    webhook_endpoint one {
        url http://127.0.0.1:%%PORT_rx%%/one;
        allow_http on;
        payload n;
        timeout 1s;
        retry 200ms 200ms 200ms 200ms 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s;
    }

    webhook_endpoint keyed {
        url http://127.0.0.1:%%PORT_rx%%/keyed;
        allow_http on;
        payload n;
        order key $arg_k;
        concurrency 4;
        timeout 1s;
        retry 200ms 200ms 200ms 200ms 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s;
    }

    server {
        listen 127.0.0.1:%%PORT_http%% reuseport;

        location / { webhook a.b to=one; return 200; }
        location /k { webhook a.k to=keyed; return 200; }
    }
}
EOC

###############################################################################

# all shards are without an owner at a start

my %adopted;

ok(wait_for(sub {
	my $n = 0;
	%adopted = ();

	for ($t->find_in_log(qr/\[info\].* has adopted \d+ shards?/)) {
		my ($pid, $shards) = /(\d+)#.* has adopted (\d+)/;
		$adopted{$pid}++;
		$n += $shards;
	}

	return $n == 1024;
}, 10), 'workers take all shards, and tell it');
is(join(' ', grep { $_ != 1 } values %adopted), '', 'each tells it once');

# a dead target, everything killed

$rx->stop();

get("/?n=$_") for 1 .. 50;
$t->kill_all();
$t->start_again();
$rx->start();

ok($rx->wait_requests(50, 20), 'nothing is lost by killing all processes');
is(join(' ', $rx->bodies()), join(' ', 1 .. 50), 'and the order is kept');

# the same after the move to the warehouse

$rx->stop();
$rx->forget();

get("/?n=$_") for 1 .. 50;
select undef, undef, undef, 2;
$t->kill_all();
$t->start_again();
$rx->start();

ok($rx->wait_requests(50, 20), 'nothing is lost out of the warehouse');
is(join(' ', $rx->bodies()), join(' ', 1 .. 50), 'in order');

# one worker killed, with a deep backlog

$rx->stop();
$rx->forget();

get("/?n=$_") for 1 .. 300;
$t->signal_worker(0, 'KILL');
wait_for(sub { $t->workers() == 2 }, 5, 'new worker');
get("/?n=$_") for 301 .. 600;
$rx->start();

ok($rx->wait_requests(600, 30), 'nothing is lost with a worker killed');
is(join(' ', uniq($rx->bodies())), join(' ', 1 .. 600), 'in order');

# graceful stop and start

$rx->stop();
$rx->forget();

get("/?n=$_") for 1 .. 100;
$t->stop();
$t->start_again();
$rx->start();

ok($rx->wait_requests(100, 20), 'nothing is lost by a stop');
is(join(' ', uniq($rx->bodies())), join(' ', 1 .. 100), 'in order');

# reload

$rx->stop();
$rx->forget();

get("/?n=$_") for 1 .. 100;
$t->reload();
get("/?n=$_") for 101 .. 200;
$rx->start();

ok($rx->wait_requests(200, 20), 'nothing is lost by a reload');
is(join(' ', uniq($rx->bodies())), join(' ', 1 .. 200), 'in order');

# binary upgrade

$rx->stop();
$rx->forget();

get("/?n=$_") for 1 .. 100;
$t->upgrade();
get("/?n=$_") for 101 .. 200;
$rx->start();

ok($rx->wait_requests(200, 20), 'nothing is lost by an upgrade');
is(join(' ', uniq($rx->bodies())), join(' ', 1 .. 200), 'in order');

# many lanes

$rx->stop();
$rx->forget();

for my $n (1 .. 200) {
	get("/k?n=$n&k=" . $n % 20);
}

$t->kill_all();
$t->start_again();
$rx->start();

ok($rx->wait_requests(200, 30), 'nothing is lost of many lanes');

my (%last, $bad);
$bad = 0;

for (uniq($rx->bodies())) {
	$bad++ if ($last{$_ % 20} || 0) > $_;
	$last{$_ % 20} = $_;
}

is($bad, 0, 'each lane in order');

# a killed master, its orphans go on, a new one starts beside them

$rx->forget();
$t->kill_master();

get("/?n=$_") for 1 .. 20;
ok($rx->wait_requests(20, 10), 'orphans of a killed master deliver');

$t->start_again();

get("/?n=$_") for 21 .. 100;
ok($rx->wait_requests(100, 20), 'a new nginx beside orphans');
is(join(' ', uniq($rx->bodies())), join(' ', 1 .. 100), 'in order');

$t->allow_alerts(qr/exited on signal 9/);

###############################################################################

sub uniq {
	my %seen;
	return grep { !$seen{$_}++ } @_;
}

###############################################################################

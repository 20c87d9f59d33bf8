#!/usr/bin/perl

# Tests for shares of a worker's sockets: endpoints that hang do not have all.

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

plan(skip_all => 'no /proc/net/tcp') unless -r '/proc/net/tcp';

my $t = Test::Webhook->new()->plan(18);

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');
my $hang = Test::Webhook::Receiver->new($t, port => 'hang');

my @slow = map { "slow$_" } 1 .. 16;
my @new = map { "new$_" } 1 .. 16;
my @busy = map { "busy$_" } 1 .. 16;

conf('1s')->run();

###############################################################################

# these are known to answer at once

ok(delivered('quick1', 'quick2'), 'quick ones');

# one endpoint of a high concurrency

$hang->set({ hang => 1 });

get("/?to=greedy") for 1 .. 20;

ok(wait_for(sub { sockets() >= 6 }, 10), 'three quarters of the sockets hang');
ok(delivered('quick1', 'quick2'), 'quick ones beside them');
is(sockets(), 6, 'which is the most that a single endpoint has');

$hang->set(200);
$hang->release(200);

ok($hang->wait_requests(20, 20), 'all follow when it answers');

# many that hang, each of them with one delivery, that always wants a socket

$hang->forget();
$hang->set({ hang => 1 });

get("/?to=$_") for @slow;

my %seen;

ok(wait_for(sub {
	$seen{$_} = 1 for $t->read_file('error.log')
		=~ /attempt failed: timeout.* endpoint: "(slow\d+)"/g;
	return keys %seen == @slow;
}, 60), 'each of them has timed out');

# from now on they hang for ever; new workers know them

conf('1h');

ok($t->reload(), 'reload');
ok(wait_for(sub { !$t->old_workers() }, 20), 'old worker has gone');
ok(wait_for(sub { sockets() == 4 }, 20), 'slow ones have half of the sockets');
ok(delivered(map { ('quick1', 'quick2') } 1 .. 5), 'quick ones beside them');
is(sockets(), 4, 'which is the most that slow ones have');

# of which nothing is known does not have the last quarter

get("/?to=$_") for @new;

ok(wait_for(sub { sockets() == 6 }, 20), 'new ones that hang');
ok(delivered('quick2', 'quick1'), 'quick ones beside all of them');

$hang->set(200);
$hang->release(200);

ok(wait_for(sub {
	my %done = map { $_ => 1 } $t->read_file('error.log')
		=~ /attempt end: .*?lane "((?:slow|new)\d+)" .* class success /g;
	return keys %done == @slow + @new;
}, 30), 'all are delivered when they answer');

# quick ones that want all sockets, for seconds, and one that was slow once

$rx->set(rules => { '/late' => { status => 200, delay => 1.1 }, '*' => 200 });

ok(delivered('late'), 'slow one');
ok(wait_for(sub { ended('late') == 1 }, 10), 'which has taken its time');

$rx->set(200);
$hang->forget();
$hang->set({ status => 200, delay => 0.2 });

for (1 .. 12) {
	get("/?to=$_") for @busy;
}

ok(delivered('late'), 'slow one beside quick ones that want all sockets');
cmp_ok($hang->count(), '<', 8 * @busy, 'before these have had all they want');

###############################################################################

# one after the other

sub delivered {
	for my $name (@_) {
		my $n = $rx->count();

		get("/?to=$name");
		$rx->wait_requests($n + 1, 10) or return 0;
	}

	return 1;
}

sub ended {
	my ($name) = @_;

	my @ends = $t->read_file('error.log')
		=~ /attempt end: .*?lane "\Q$name\E" .* class success /g;

	return scalar @ends;
}

sub sockets {
	my $port = sprintf '%04X', $hang->port();

	my @sockets = grep { / [0-9A-F]{8}:[0-9A-F]{4} [0-9A-F]{8}:$port 01 / }
		split /\n/, Test::Webhook::slurp('/proc/net/tcp', 0);

	return scalar @sockets;
}

sub conf {
	my ($timeout) = @_;

	my %endpoints = (
		(map { $_ => 'port rx' } qw/ quick1 quick2 late /),
		greedy => 'order none; concurrency 100; timeout 1h;',
		(map { $_ => "timeout $timeout;" } @slow),
		(map { $_ => 'timeout 1h;' } @new, @busy),
	);

	my $blocks = join '', map {
		my $lines = $endpoints{$_};
		my $port = $lines =~ s/^port rx$// ? 'rx' : 'hang';

		<<"EOC";
    webhook_endpoint $_ {
        url http://127.0.0.1:%%PORT_$port%%/$_;
        allow_http on;
        retry exponential min=100ms max=100ms;
        $lines
    }

EOC
	} sort keys %endpoints;

	return $t->conf(<<"EOC");
%%TEST_GLOBALS%%

worker_processes 1;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    access_log off;

    webhook_store %%TESTDIR%%/store size=16m journal=4m;
    webhook_connections 8;

$blocks
    server {
        listen 127.0.0.1:%%PORT_http%%;

        location / { webhook a.b to=\$arg_to; return 200; }
    }
}
EOC
}

###############################################################################

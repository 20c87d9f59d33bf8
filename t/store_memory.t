#!/usr/bin/perl

# A backlog larger than the memory for it: lanes wait in the database, and
# none is forgotten, overtaken, or sent twice.

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

my $t = Test::Webhook->new(log_level => 'notice')->plan(9);

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

$t->conf(<<'EOC')->run();
%%TEST_GLOBALS%%

worker_processes 2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    access_log off;

    webhook_store %%TESTDIR%%/store size=32m journal=8m;
    webhook_memory 128k;

    webhook_payload n text {
        template "${arg_k|none}.${arg_n|none}";
        content_type text/plain;
    }

    webhook_endpoint keyed {
        url http://127.0.0.1:%%PORT_rx%%/;
        allow_http on;
        payload n;
        order key $arg_k;
        concurrency 16;
        retry 1s 1s 2s 2s 2s 2s 2s 2s 2s 2s 2s 2s 2s 2s 2s 2s;
    }

    server {
        listen 127.0.0.1:%%PORT_http%% reuseport;

        location / { webhook a.b to=keyed; return 200; }
    }
}
EOC

###############################################################################

# 1500 lanes of two events each, for a target that is down

$rx->stop();

get("/?k=$_&n=1") for 1 .. 1500;
get("/?k=$_&n=2") for 1 .. 1500;

# until all has been moved, and most of it out of memory

ok(wait_for(sub { $t->find_in_log(qr/attempt failed/) }, 10, 'attempts'),
	'target is down');
select undef, undef, undef, 2.5;

# more of the same lanes, while their past is in the database

get("/?k=$_&n=3") for 1 .. 1500;

$rx->start();

ok($rx->wait_requests(4500, 60), 'every event of every lane arrives');

my (%last, $bad, %seen);
$bad = 0;

for ($rx->bodies()) {
	my ($k, $n) = split /\./;

	next if $seen{$_}++;

	$bad++ if $n != ($last{$k} || 0) + 1;
	$last{$k} = $n;
}

is($bad, 0, 'in the order of its lane');
is(scalar(keys %seen), 4500, 'none is missing');
is($rx->count(), 4500, 'none is sent twice');

# and the lanes are free again

$rx->forget();
get("/?k=$_&n=4") for 1 .. 100;
ok($rx->wait_requests(100, 10), 'lanes go on');

# the same over a kill: what is adopted does not fit either

$rx->stop();
$rx->forget();

get("/?k=$_&n=5") for 1 .. 1000;
select undef, undef, undef, 2;
get("/?k=$_&n=6") for 1 .. 1000;
$t->kill_all();
$t->start_again();


# a connection may still be taken by a process that is about to die

for my $k (1 .. 1000) {
	wait_for(sub { get("/?k=$k&n=7")->{status} == 200 }, 5, 'answer');
}

$rx->start();

ok(wait_for(sub { keys %{{ map { $_ => 1 } $rx->bodies() }} == 3000 }, 60,
	'deliveries'), 'every event arrives after a kill');

my (%got, %order);
$order{(split /\./)[0]} .= (split /\./)[1] for grep { !$got{$_}++ } $rx->bodies();
is(scalar(grep { $_ ne '567' } values %order), 0, 'in order');
is(scalar(keys %order), 1000, 'of every lane');

###############################################################################

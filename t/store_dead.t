#!/usr/bin/perl

# Tests for dead letters that are dropped as there are more than "dead=": all
# of them are told of, though not each time.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Policy qw/ watch state /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new()->plan(4);

my $rx = Test::Webhook::Receiver->new($t, port => 'rx', default => 400);
watch($rx);

$t->conf(<<'EOC')->run();
%%TEST_GLOBALS%%

worker_processes 1;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m dead=5;

    webhook_endpoint one {
        url http://127.0.0.1:%%PORT_rx%%/;
        allow_http on;
        permanent 400;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location / { webhook a.b to=one; return 200; }
        location /api { webhook_api; }
    }
}
EOC

###############################################################################

my $n = 0;

bury() while $n < 100 && !dropped_lines();
my $first = told();
ok($first, 'the first ones are told of');

bury() for 1 .. 10;
is(told(), $first, 'and no others as yet');

$t->stop();

is(told(), $n - 5, 'at the end of the worker all are');

is(dropped_lines(), 2, 'together');

###############################################################################

sub bury {
	$n++;
	get('/');
	wait_for(sub { state('one')->{ends}{dead} == $n }, 10, 'its end');
}

sub dropped_lines {
	return scalar $t->find_in_log(qr/dead letters? \w+ dropped/);
}

sub told {
	my $n = 0;
	$n += $_ for map { /(\d+) dead letter/ }
		$t->find_in_log(qr/dead letters? \w+ dropped/);
	return $n;
}

###############################################################################

#!/usr/bin/perl

# Tests for order none: deliveries that wait for a retry hold up nobody.

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

my $t = Test::Webhook->new(log_level => 'error')->plan(5);

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

    webhook_payload n text {
        template "${arg_n|none}";
        content_type text/plain;
    }

    webhook_endpoint none {
        url http://127.0.0.1:%%PORT_rx%%/;
        allow_http on;
        payload n;
        order none;
        concurrency 16;
        retry exponential min=10s max=10s jitter=0%;
    }

    server {
        listen 127.0.0.1:%%PORT_http%% reuseport;

        location / { webhook a.b to=none; return 200; }
    }
}
EOC

###############################################################################

# more than a lane keeps in memory

$rx->stop();

get("/?n=$_") for 1 .. 3000;

ok(wait_for(sub { failed() >= 2000 }, 20, 'failed attempts'),
	'deliveries fail');

$rx->start();

get("/?n=$_") for 3001 .. 3100;

ok(wait_for(sub { $rx->count() >= 3100 }, 60, 'retries'),
	'those that waited follow');

# those who wait for up to 10 seconds are later than the new ones, and more of
# them than a lane keeps in memory

my @old = reverse $rx->bodies();
my $n = 0;
$n++ while $n < @old && $old[$n] <= 3000;
cmp_ok($n, '>', 1024 + 64, 'new deliveries pass those that wait');

is(scalar(keys %{{ map { $_ => 1 } $rx->bodies() }}), 3100, 'all of them');
is($rx->count(), 3100, 'once');

###############################################################################

sub failed {
	my $n = () = $t->read_file('error.log') =~ /attempt failed/g;
	return $n;
}

###############################################################################

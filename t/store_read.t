#!/usr/bin/perl

# Tests for a turn in the database that has written, and cannot read: what was
# written is written again, and dead letters are not counted twice.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use File::Temp qw/ tempdir /;
use JSON::PP qw/ decode_json /;

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $dir = tempdir(CLEANUP => 1);
chmod(0777, $dir);

system("cc -shared -fPIC -o $dir/fail.so $FindBin::Bin/tools/read_fail.c -ldl")
	== 0 or die "can't compile read_fail.c\n";

my $t = Test::Webhook->new(env => {
	LD_PRELOAD => join(' ', split(/[ :]/, $ENV{TEST_NGINX_PRELOAD} || ''),
		"$dir/fail.so"),
	READ_FAIL => "$dir/fail"
})->plan(5);

$t->allow_alerts(qr/cannot read the database: Input\/output error/);

my $rx = Test::Webhook::Receiver->new($t, port => 'rx', script => [503]);

$t->conf(<<'EOC')->run();
%%TEST_GLOBALS%%

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m dead=80;

    webhook_endpoint one {
        url http://127.0.0.1:%%PORT_rx%%/;
        allow_http on;
        permanent 400;
        retry 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location / { webhook a.b to=one; return 200; }
        location /api/ { webhook off; webhook_api; }
    }
}
EOC

###############################################################################

# a lane with more than is in memory: it is read on while the first ones die

get('/') for 1 .. 100;
ok(wait_for(sub { queued() == 100 }, 20, 'all in the database'),
	'many deliveries of a lane');

open(my $fh, '>', "$dir/fail") or die;
close($fh);
chmod(0666, "$dir/fail");

$rx->set(script => [400]);

ok(wait_for(sub { !-e "$dir/fail" }, 20), 'the database cannot be read');
ok($t->wait_log(qr/cannot read the database/, 10), 'which is logged');

ok(wait_for(sub { queued() == 0 }, 20, 'all over'), 'all have ended');

is(dead(), 80, 'as many dead letters are kept as are to be');

###############################################################################

sub queued {
	my $r = get('/api/endpoints/one/queue?limit=500');

	return $r->{status} == 200 ? @{decode_json($r->{body})->{deliveries}} : -1;
}

sub dead {
	my $r = get('/api/dead?limit=500');

	return $r->{status} == 200 ? @{decode_json($r->{body})->{dead}} : -1;
}

###############################################################################

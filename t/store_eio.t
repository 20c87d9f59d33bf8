#!/usr/bin/perl

# Tests for a database of which a page could not be written, once: LMDB uses
# it no more, but the module does.

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

system("cc -shared -fPIC -o $dir/fail.so $FindBin::Bin/tools/meta_fail.c -ldl")
	== 0 or die "can't compile meta_fail.c\n";

my $t = Test::Webhook->new(env => {
	LD_PRELOAD => join(' ', split(/[ :]/, $ENV{TEST_NGINX_PRELOAD} || ''),
		"$dir/fail.so"),
	META_FAIL => "$dir/fail"
})->plan(8);

$t->allow_alerts(qr/cannot write the database: Input\/output error/);

my $rx = Test::Webhook::Receiver->new($t, port => 'rx', script => [400]);

$t->conf(<<'EOC')->run();
%%TEST_GLOBALS%%

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

    webhook_endpoint one {
        url http://127.0.0.1:%%PORT_rx%%/;
        allow_http on;
        permanent 400;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location / { webhook a.b to=one; return 200; }
        location /api/ { webhook off; webhook_api; }
    }
}
EOC

###############################################################################

get('/');
ok(wait_for(sub { dead() == 1 }, 10, 'a dead letter'), 'a dead letter');

open(my $fh, '>', "$dir/fail") or die;
close($fh);
chmod(0666, "$dir/fail");

get('/');
ok(wait_for(sub { !-e "$dir/fail" }, 10), 'a page cannot be written');
ok(wait_for(sub { dead() == 2 }, 10, 'the second one'),
	'the dead letter is kept all the same');

get('/');
ok(wait_for(sub { dead() == 3 }, 10, 'the third one'), 'and the next one');

is(scalar($t->find_in_log(qr/cannot write the database/)), 1, 'one alert');
is(scalar($t->find_in_log(qr/\[warn\].*database is opened anew/)), 1,
	'and what was done about it');

$t->stop();
$t->run();

is(dead(), 3, 'all are there after a start');
is($rx->count(), 3, 'and were sent once');

###############################################################################

sub dead {
	my $r = get('/api/dead');

	return $r->{status} == 200 ? @{decode_json($r->{body})->{dead}} : -1;
}

###############################################################################

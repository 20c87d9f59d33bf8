#!/usr/bin/perl

# Tests for many readers of the API at once: each looks through all of the
# history, in threads which commits need, too.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP qw/ decode_json encode_json /;

use Test::Webhook qw/ :DEFAULT wait_for connect_port /;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $n = 10000;
my $readers = 600;

my $t = Test::Webhook->new();

$t->conf(<<'EOC')->run();
%%TEST_GLOBALS%%

worker_processes 1;
thread_pool default threads=2;

events {
    worker_connections 2048;
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=256m journal=32m sync=always;
    webhook_history all count=1000000 size=128m body=off;

    webhook_endpoint many {
        url http://127.0.0.1:%%PORT_sink%%/;
        allow_http on;
        order none;
        concurrency 32;
        retry off;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location = /one { webhook b.one to=many; return 204; }
        location = /post { webhook_accept; webhook a.* to=many; }
        location /api { webhook_api; }
        location = /metrics { webhook_metrics; }
    }

    server {
        listen 127.0.0.1:%%PORT_sink%%;

        location / { return 204; }
    }
}
EOC

# in parts, each of which the store has before the next: none is given up

my $made = 0;

while ($made < $n) {
	post('/post', encode_json([map { { type => 'a.b', data => 1,
		id => 'n-' . ++$made } } 1 .. 500]),
		'Content-Type: application/json');

	next if $made % 2000;

	wait_for(sub { @{decode_json(get("/api/attempts?id=n-$made&limit=1")
		->body())->{attempts}} }, 60) or last;
}

###############################################################################

my @r = readers();

get('/one') for 1 .. 4;

like(get('/metrics')->body(), qr/\{event="b.one",result="late"\} 0\n/,
	'readers do not delay commits');
is(answered(@r), $readers, 'all readers are answered');

# a worker that is to exit does not leave them

@r = readers();

$t->reload();

is(answered(@r), $readers, 'all readers are answered over a reload');

$t->stop();

done_testing();

###############################################################################

sub readers {
	my @c = map { connect_port('http') } 1 .. $readers;

	print $_ "GET /api/attempts?id=none HTTP/1.1\r\nHost: a\r\n"
		. "Connection: close\r\n\r\n" for @c;

	# accepted in their order

	get('/api/openapi.json');

	return @c;
}

sub answered {
	return scalar(grep { local $/; (<$_> || '') =~ / 200 OK\r.*"next":null/s }
		@_);
}

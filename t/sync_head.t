#!/usr/bin/perl

# Tests for sync=always with an upstream that sends a body where there is
# none: as soon as the header was sent nginx leaves such an upstream.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::Webhook qw/ :DEFAULT /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $CRLF = "\x0d\x0a";

my $t = Test::Webhook->new()->plan(8);

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

# neither of them ends

my $app = Test::Webhook::Receiver->new($t, port => 'app', rules => {
	'/length' => {
		raw => "HTTP/1.1 200 OK${CRLF}Content-Length: 100${CRLF}"
			. "${CRLF}SEE-",
		keep => 1
	},
	'*' => {
		raw => "HTTP/1.1 200 OK${CRLF}${CRLF}SEE-",
		keep => 1
	},
});

$t->conf(<<'EOC')->run();
%%TEST_GLOBALS%%

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m sync=always;

    webhook_endpoint one {
        url http://127.0.0.1:%%PORT_rx%%/;
        allow_http on;
    }

    webhook any.request to=one status=any;

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location / {
            proxy_method GET;
            proxy_pass http://127.0.0.1:%%PORT_app%%;
        }

        location /unbuffered/ {
            proxy_method GET;
            proxy_pass http://127.0.0.1:%%PORT_app%%/;
            proxy_buffering off;
        }

        location /next { return 200 "the next one"; }
    }
}
EOC

###############################################################################

for my $uri (qw! / /length /unbuffered/ /unbuffered/length !) {
	my $r = http("HEAD $uri HTTP/1.1${CRLF}Host: a${CRLF}${CRLF}"
		. "GET /next HTTP/1.1${CRLF}Host: a${CRLF}"
		. "Connection: close${CRLF}${CRLF}",
		until_close => 1, timeout => 10);

	unlike($r, qr/SEE-/, "$uri - no body");
	like($r, qr!200 OK.*200 OK.*the next one!s,
		"$uri - the next request is answered");
}

$t->stop();

###############################################################################

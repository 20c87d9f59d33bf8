#!/usr/bin/perl

# A body that is longer than what is examined waits for that in part only.

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

my $t = Test::Webhook->new()->plan(6);

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

mkdir $t->testdir() . '/html';
$t->write_file('html/large', '{"v":"early","pad":"' . 'p' x 20_000_000 . '"}');

$t->conf(<<'EOC')->run();
%%TEST_GLOBALS%%

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;
    webhook_memory 1m;
    webhook_max_body_size 512k;

    webhook_endpoint one {
        url http://127.0.0.1:%%PORT_rx%%/one;
        allow_http on;
    }

    log_format state '$uri $webhook_request_body_state '
                     '$webhook_response_body_state $webhook_result';
    access_log %%TESTDIR%%/state.log state;

    server {
        listen 127.0.0.1:%%PORT_http%%;
        webhook any.event to=one status=any;

        location /request {
            webhook_json $v request /v;
            client_max_body_size 0;
            client_body_buffer_size 32m;
            proxy_pass http://127.0.0.1:%%PORT_rx%%/app;
        }

        location /large {
            webhook_json $v response /v;
            root %%TESTDIR%%/html;
            output_buffers 2 16m;
        }
    }
}
EOC

###############################################################################

my $body = $t->read_file('html/large');

is(post('/request', $body)->status(), 200, 'a large request');
ok(get('/large')->body() eq $body, 'a large response');

wait_for(sub { 2 == events() }, 10, 'both events');

my @events = events();

like($events[0]{body}, qr/"v":"early"/, 'the request has its early value');
like($events[1]{body}, qr/"v":"early"/, 'and so has the response');

wait_for(sub { $t->read_file('state.log') =~ /^\/large/m }, 5, 'the log');

my $log = $t->read_file('state.log');

like($log, qr!^/request truncated none committed$!m,
	'no memory is taken for what will not be examined, of a request');
like($log, qr!^/large none truncated committed$!m, 'nor of a response');

###############################################################################

sub events { grep { $_->{target} eq '/one' } $rx->requests() }

###############################################################################

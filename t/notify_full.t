#!/usr/bin/perl

# A store that is full: operators are told all the same.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP qw/ decode_json /;

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Mail;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();
my $rx = Test::Webhook::Receiver->new($t, port => 'rx');
my $ops = Test::Webhook::Receiver->new($t, port => 'ops');
my $mx = Test::Webhook::Mail->new($t);

$t->write_file('pad', '${arg_n|none}' . 'x' x 60000);

$t->conf(<<'EOC');
%%TEST_GLOBALS%%

worker_processes 2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

    webhook_notify endpoint=ops email=ops@example.com
                   smtp=127.0.0.1:%%PORT_mx%%;

    log_format result '$status $webhook_result';

    webhook_payload n text {
        file %%TESTDIR%%/pad;
        content_type text/plain;
    }

    webhook_endpoint ops {
        url http://127.0.0.1:%%PORT_ops%%/;
        allow_http on;
    }

    webhook_endpoint one {
        url http://127.0.0.1:%%PORT_rx%%/;
        allow_http on;
        payload n;
        retry exponential min=100ms max=1s;
        backlog 1g;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;
        access_log %%TESTDIR%%/result.log result;

        location / { webhook a.b to=one; empty_gif; }
        location /api { webhook_api write=on; }
    }
}
EOC

$rx->stop();
$t->run();

###############################################################################

my $n = 0;

ok(wait_for(sub {
	get('/?n=' . ++$n) for 1 .. 50;
	$t->read_file('result.log') =~ /200 dropped/;
}, 60), 'a store is full');

my ($r) = $ops->wait_requests(1, 10);
my $e = decode_json($r->{body});

is($e->{type}, 'webhook.store.full', 'an event tells');
cmp_ok($e->{data}{events}, '>', 0, 'how many were lost');
is($e->{data}{full}, 'drop', 'and how');

my ($m) = $mx->wait_mails(1, 10);
like($m->{subject}, qr/the store is full$/, 'and a mail');

# more of it are told in a minute; transitions as soon as there is room

get('/?n=' . ++$n) for 1 .. 50;

post('/api/endpoints/one/disable', '', 'Content-Type' => 'application/json');
post('/api/endpoints/one/enable', '', 'Content-Type' => 'application/json');

$rx->start();

is(join(' ', map { decode_json($_->{body})->{type} }
	$ops->wait_requests(3, 60)), 'webhook.store.full '
	. 'webhook.endpoint.disabled webhook.endpoint.enabled',
	'transitions are told when there is room');

done_testing();

###############################################################################

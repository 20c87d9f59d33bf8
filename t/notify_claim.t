#!/usr/bin/perl

# Notices that several workers make up for at once, one of which stops
# between its claim and the store: they are told once.

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

# the test build, with stop points

my $module = $ENV{TEST_WEBHOOK_STOP_MODULE}
	|| "$FindBin::Bin/../objs-stop/ngx_http_webhook_module.so";

plan(skip_all => 'no test build, see "make stop-module"') unless -f $module;

$ENV{TEST_WEBHOOK_MODULE} = $module;

my $dir = tempdir(CLEANUP => 1);
chmod(0777, $dir);

my $t = Test::Webhook->new(env => { WEBHOOK_STOP_DIR => $dir })->plan(5);

my $ops = Test::Webhook::Receiver->new($t, port => 'ops');

sub conf {
	my ($notify) = @_;

	return <<"EOC";
%%TEST_GLOBALS%%

worker_processes 3;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;
    webhook_zone main 256k;
    webhook_zone ops 256k;

    $notify

    webhook_endpoint ops {
        url http://127.0.0.1:%%PORT_ops%%/;
        allow_http on;
        zone ops;
    }

    webhook_endpoint a {
        url http://127.0.0.1:%%PORT_ops%%/a;
        allow_http on;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location /api { webhook_api write=on; }
    }
}
EOC
}

$t->conf(conf(''))->run();

###############################################################################

# a state that nobody was told of

is($t->request('POST', '/api/endpoints/a/disable', '',
	'Content-Type' => 'application/json')->{status}, 200, 'disabled');

ok(wait_for(sub { decode_json(get('/api/endpoints/a')->body())->{stored} },
	10), 'and stored');

$t->kill_all();

open(my $fh, '>', "$dir/stop.claim") or die;
close($fh);
chmod(0666, "$dir/stop.claim");

$t->conf(conf('webhook_notify endpoint=ops;'));
$t->start_again();

# all workers make up for it at the same time; the others find an open claim

my $stopped;

ok(wait_for(sub { ($stopped) = grep { state($_) eq 'T' } $t->workers() }, 20),
	'a worker stops with the claim of a notice');

kill 'CONT', $stopped if $stopped;

ok($ops->wait_requests(1, 20), 'it is told');
ok($ops->only_requests(1, 1.5), 'once');

###############################################################################

sub state {
	my ($pid) = @_;

	open(my $fh, '<', "/proc/$pid/stat") or return '';

	return (split / /, scalar <$fh>)[2];
}

###############################################################################

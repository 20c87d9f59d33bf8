#!/usr/bin/perl

# Tests for full=reject: of two workers that come for the last room of the
# store at the same time only one gets it.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use File::Temp qw/ tempdir /;

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

my $t = Test::Webhook->new(env => { WEBHOOK_STOP_DIR => $dir })->plan(9);

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

# what ten endpoints may need is more than half of the journal

my @names = map { "e$_" } 1 .. 10;

my $endpoints = join '', map {
	"    webhook_endpoint $_ { url http://127.0.0.1:%%PORT_rx%%/; "
	. "allow_http on; }\n"
} @names;

my $to = join ',', @names;

$t->conf(<<"EOC")->run();
%%TEST_GLOBALS%%

worker_processes 2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m full=reject;

$endpoints
    server {
        listen 127.0.0.1:%%PORT_http%% reuseport;

        location /pid { return 200 \$pid; }
        location /all { webhook a.b to=$to; try_files /none =204; }
    }
}
EOC

###############################################################################

my %s;

wait_for(sub {
	my $s = $t->connect_port();
	push @{$s{get('/pid', -socket => $s)->{body}}}, $s;
	return keys %s == 2 && !grep { @$_ < 2 } values %s;
}, 10, 'connections to both workers');

my ($one, $other) = keys %s;

is(get('/all', -socket => pop @{$s{$one}})->{status}, 204,
	'there is room for a request');
ok($rx->wait_requests(10, 10), 'its events are delivered');

# one of them is stopped where it has asked, and was not answered

open(my $fh, '>', "$dir/stop.reserve") or die;
close($fh);
chmod(0666, "$dir/stop.reserve");

my $s = pop @{$s{$one}};
print $s "GET /all HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

ok(wait_for(sub { state($one) eq 'T' }, 10), 'a worker has stopped');

my $second = get('/all', -socket => pop @{$s{$other}});

is($second->{status}, 503, 'another one is not given the same room');
is($second->header('Retry-After'), 5, 'and the client is told when to return');

kill 'CONT', $one;

like(Test::Webhook::read_response($s, 'GET', time() + 10), qr!^HTTP/1.1 204 !,
	'the first one has got it');
ok($rx->wait_requests(20, 10), 'and its events are delivered');

# room that was not had is given back

is(get('/all', -socket => pop @{$s{$other}})->{status}, 204,
	'there is room again');
ok($rx->wait_requests(30, 10), 'for all events');

###############################################################################

sub state {
	my ($pid) = @_;
	open(my $fh, '<', "/proc/$pid/stat") or return '';
	return (split / /, readline($fh))[2];
}

###############################################################################

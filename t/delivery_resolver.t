#!/usr/bin/perl

# Tests for names of receivers that are resolved at run time: by dnsmasq.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Time::HiRes qw/ time /;

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::DNS;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

plan(skip_all => 'no dnsmasq') unless Test::Webhook::DNS->found();

my $t = Test::Webhook->new(log_level => 'info')->plan(46);

my $cert = $t->cert('hook', san => ['DNS:tls.example']);

# the same port at several addresses

my @rx = map {
	Test::Webhook::Receiver->new($t, port => 'rx', host => "127.0.0.$_")
} 1 .. 3;

my $rx6 = eval { Test::Webhook::Receiver->new($t, port => 'rx',
	host => '::1') };

my $names = join '', map { <<"EOC" } qw/ moving several failing absent slow
    webhook_endpoint $_ {
        url http://$_.example:%%PORT_rx%%/$_;
        allow_http on;
        payload n;
        timeout 3s;
        retry 200ms 200ms 200ms 200ms 200ms 200ms 200ms 200ms 200ms 200ms
              200ms 200ms 200ms 200ms 200ms 200ms 200ms 200ms 200ms 200ms;
    }
EOC
	six mixed/;

my $conf = <<"EOC";
%%TEST_GLOBALS%%

worker_processes 1;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

    resolver 127.0.0.1:%%PORT_dns%%;
    resolver_timeout 1s;

    webhook_payload n text {
        template "\${arg_n|none}";
        content_type text/plain;
    }
$names
    webhook_endpoint tls {
        url https://tls.example:%%PORT_tls%%/tls;
        ssl_trusted_certificate $cert->{ca};
        payload n;
        retry 200ms 200ms 200ms;
    }

    webhook_endpoint named {
        url http://pool.example/named;
        allow_http on;
        payload n;
        retry off;
    }

    upstream pool.example {
        server 127.0.0.2:%%PORT_rx%%;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location = /nothing { return 204; }
        location ~ ^/(\\w+)\$ { WEBHOOKS return 200; }
    }

    log_format tls "\$ssl_session_reused \$ssl_server_name";

    server {
        listen 127.0.0.1:%%PORT_tls%% ssl;
        listen 127.0.0.2:%%PORT_tls%% ssl;
        ssl_certificate $cert->{chain};
        ssl_certificate_key $cert->{key};
        ssl_session_cache shared:tls:1m;
        keepalive_timeout 0;
        access_log %%TESTDIR%%/tls.log tls;

        location / { return 204; }
    }
}
EOC

my $locations = join "\n        ", map {
	"location = /$_ { webhook a.$_ to=$_; return 200; }"
} qw/ moving several failing absent slow six mixed tls named /;

$conf =~ s/location ~ .*/$locations/;

$t->conf($conf);

###############################################################################

# no name server: nginx starts, what cannot be resolved is a failed attempt

ok($t->run(), 'start without a name server');

my $mark = $t->log_mark();
get('/moving?n=1');
ok($t->wait_log(qr/attempt end: .*"moving".* class dns /, 10, $mark),
	'no name server is a failure of class dns');
ok($t->wait_log(qr/failed: dns, .*next in .*"moving"/, 10, $mark),
	'which is repeated');

my $dns = Test::Webhook::DNS->new($t);

$dns->hosts(moving => '127.0.0.1', tls => '127.0.0.1');
$dns->start();

ok($rx[0]->wait_requests(1, 10), 'delivered when the name server is there');
is($rx[0]->request(0)->{header}{host}, 'moving.example:' . $rx[0]->port(),
	'host is the name');

# connections are kept while the address is the same, over TTLs

deliver($rx[0], '/moving');

my $conns = $rx[0]->connections();

for (1 .. 3) {
	deliver($rx[0], '/moving');
	$dns->past_ttl();
}

is($rx[0]->connections(), $conns, 'connections are kept over TTLs');

# another address

$dns->hosts(moving => '127.0.0.2', tls => '127.0.0.1');
$dns->past_ttl();
$rx[0]->forget();
get('/moving?n=2');
ok($rx[1]->wait_requests(1, 10), 'another address is followed');
get("/moving?n=$_") for 3 .. 10;
ok($rx[1]->wait_requests(9, 10), 'by all deliveries');
ok($rx[0]->only_requests(0, 0.2), 'the old one is not used any more');
cmp_ok($rx[1]->connections(), '<=', 2, 'by a few connections');

# while the old one is dead: the next attempt asks again

$_->forget() for @rx;
$rx[1]->stop();
$dns->hosts(moving => '127.0.0.3', tls => '127.0.0.1');
get('/moving?n=11');
ok($rx[2]->wait_requests(1, 10), 'attempts are repeated to the new address');
$rx[1]->start();

# a name that goes away, and returns

$_->forget() for @rx;
$dns->hosts(tls => '127.0.0.1');
$dns->past_ttl();
$mark = $t->log_mark();
get('/moving?n=12');
ok($t->wait_log(qr/"moving".* class dns status 0 /, 10, $mark),
	'a name that is gone is a failure');
is($rx[2]->count(), 0, 'and no stale address is used');
$dns->hosts(moving => '127.0.0.1');
ok($rx[0]->wait_requests(1, 10), 'until it is there again');
is($rx[0]->request(0)->{body}, '12', 'the delivery');

# one that never is

$mark = $t->log_mark();
get('/absent?n=1');
ok(wait_for(sub { $t->find_in_log(qr/failed: dns, .*"absent"/, $mark) >= 3 },
	10), 'a name that does not exist is tried again');

###############################################################################

# several addresses

$dns->hosts(several => '127.0.0.1', several => '127.0.0.2',
	several => '127.0.0.3', failing => '127.0.0.1', failing => '127.0.0.2');

$_->forget() for @rx;
get("/several?n=$_") for 1 .. 60;
ok(wait_for(sub { total() == 60 }, 10), 'several addresses');
is(scalar(grep { $_->count() } @rx), 3, 'all are used');

my %seen = map { $_ => 1 } map { $_->bodies() } @rx;
is(scalar(keys %seen), 60, 'each delivery once');

$_->forget() for @rx;
$rx[0]->stop();
$mark = $t->log_mark();
get("/failing?n=$_") for 1 .. 20;
ok($rx[1]->wait_requests(20, 10), 'the next address if one refuses');
is(join("\n", $t->find_in_log(qr/attempt failed: .*"failing"/, $mark)), '',
	'is no failed attempt');
is($rx[2]->count(), 0, 'only those of the name are used');
$rx[0]->start();

###############################################################################

# IPv6

SKIP: {
skip 'no IPv6', 5 unless $rx6;

$dns->hosts(six => '::1', mixed => '::1', mixed => '127.0.0.1');

$_->forget() for @rx;
get('/six?n=1');
ok($rx6->wait_requests(1, 10), 'IPv6 only');
get("/mixed?n=$_") for 1 .. 20;
ok(wait_for(sub { $rx6->count() + $rx[0]->count() == 21 }, 10),
	'both families');
cmp_ok($rx6->count(), '>', 1, 'IPv6 is used');
cmp_ok($rx[0]->count(), '>', 0, 'IPv4, too');

$rx6->stop();
$rx[0]->forget();
$mark = $t->log_mark();
get("/mixed?n=$_") for 1 .. 10;
ok($rx[0]->wait_requests(10, 10), 'IPv4 if IPv6 refuses');

}

###############################################################################

# TLS: sessions are kept by address and name

$dns->hosts(tls => '127.0.0.1');
$dns->past_ttl();

for (1 .. 4) {
	get("/tls?n=$_");
	tls($_);
}

my @tls = tls(4);
is(scalar(@tls), 4, 'TLS, each by a connection of its own');
is($tls[0], '. tls.example', 'a full handshake first');
is("@tls[1 .. 3]", 'r tls.example r tls.example r tls.example',
	'then the session is used again');

$dns->past_ttl();
get('/tls?n=5');
is((tls(5))[4], 'r tls.example', 'over TTLs');

$dns->hosts(tls => '127.0.0.2');
$dns->past_ttl();
get('/tls?n=6');
is((tls(6))[5], '. tls.example', 'but not at another address');

# an upstream by its name is none for the resolver

$rx[1]->forget();
get('/named?n=1');
ok($rx[1]->wait_requests(1, 10), 'upstream with a name like a host');

###############################################################################

# a name server that does not answer: clients do not wait

$dns->hosts(slow => '127.0.0.1', moving => '127.0.0.1');
$dns->past_ttl();
$dns->signal('STOP');

$mark = $t->log_mark();
$_->forget() for @rx;
get('/slow?n=1');

my $begin = time();
is(get('/nothing')->{status}, 204, 'client while a name is resolved')
	for 1 .. 5;
cmp_ok(time() - $begin, '<', 0.9, 'is served at once');

ok($t->wait_log(qr/"slow".* class dns status 0 /, 10, $mark),
	'resolver_timeout');

# the end of the whole attempt, and of nginx, while it is asked

get('/slow?n=2');
$dns->signal('CONT');
ok($rx[0]->wait_requests(2, 10), 'delivered when it answers again');
is(join(' ', $rx[0]->bodies()), '1 2', 'in order');

$dns->signal('STOP');
$dns->past_ttl();
get('/moving?n=1');
ok($t->reload(), 'reload while a name is resolved');
get('/moving?n=2');
ok($t->stop(), 'and stop');
$dns->signal('CONT');
$dns->hosts(moving => '127.0.0.3');
$t->start_again();
ok($rx[2]->wait_requests(2, 10), 'delivered after that');
is(join(' ', $rx[2]->bodies()), '1 2', 'in order');

$dns->stop();

###############################################################################

sub total {
	my $n = 0;
	$n += $_->count() for @rx;

	return $n;
}

sub deliver {
	my ($rx, $uri) = @_;

	my $n = $rx->count();
	get("$uri?n=x");
	$rx->wait_requests($n + 1, 10);
}

# lines of the log of the TLS server, once there are so many

sub tls {
	my ($n) = @_;

	my @lines;

	wait_for(sub {
		@lines = -e $t->testdir() . '/tls.log'
			? split /\n/, $t->read_file('tls.log') : ();
		@lines >= $n;
	}, 10);

	return @lines;
}

###############################################################################

#!/usr/bin/perl

# Tests for delivery through upstream {} and by a resolver, kept alive
# connections, limits of sockets, and what nginx counts and logs of all that:
# nothing.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Socket::INET;
use Socket qw/ inet_aton /;

use Test::Webhook qw/ :DEFAULT wait_for connect_port /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $poor = Test::Webhook->new();
my $few = Test::Webhook->new();
my $t = Test::Webhook->new()->plan(76);

my $stub = (Test::Webhook::command($t->binary(), '-V'))[1]
	=~ /--with-http_stub_status_module/;
my $status = $stub ? 'location = /status { stub_status; }' : '';

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');
my $dns = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1',
	LocalPort => port('dns')) or die "no name server: $!\n";
my $rx2 = Test::Webhook::Receiver->new($t, port => 'rx2');
my $hang = Test::Webhook::Receiver->new($t, port => 'hang');
my $rx6 = eval { Test::Webhook::Receiver->new($t, port => 'rx6',
	host => '::1') };

my $head = <<"EOC";
%%TEST_GLOBALS%%

worker_processes 1;

events {
    worker_connections 512;
}

http {
    %%TEST_GLOBALS_HTTP%%

    log_subrequest on;

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

    webhook_payload n text {
        template "\${arg_n|none}";
        content_type text/plain;
    }
EOC

my $endpoint6 = $rx6 ? <<"EOC" : '';
    webhook_endpoint v6 {
        url http://[::1]:@{[ $rx6->port() ]}/v6;
        allow_http on;
        retry off;
    }
EOC

my $named = join '', map { <<"EOC" } qw/ two both spare down none kept zoned
    webhook_endpoint $_ {
        url http://$_/$_;
        allow_http on;
        payload n;
        timeout 5s;
        retry off;
    }

EOC
	hashed iphash socket /;

my $location6 = $rx6 ? 'location /v6 { webhook a.v6 to=v6; return 200; }' : '';

$t->conf($head . <<"EOC")->run();

    webhook_connections 4;

    resolver 127.0.0.1:%%PORT_dns%% ipv6=off;

    upstream two {
        server 127.0.0.1:%%PORT_down%%;
        server 127.0.0.1:%%PORT_rx%%;
    }

    upstream both {
        server 127.0.0.1:%%PORT_rx%%;
        server 127.0.0.1:%%PORT_rx2%%;
    }

    upstream spare {
        server 127.0.0.1:%%PORT_down%%;
        server 127.0.0.1:%%PORT_rx2%% backup;
    }

    upstream down {
        server 127.0.0.1:%%PORT_rx%% down;
    }

    upstream none {
        server 127.0.0.1:%%PORT_down%%;
        server 127.0.0.1:%%PORT_down2%%;
    }

    upstream kept {
        server 127.0.0.1:%%PORT_rx%%;
        keepalive 4;
    }

    upstream zoned {
        zone zoned 128k;
        least_conn;
        server 127.0.0.1:%%PORT_rx%% max_conns=1;
    }

    upstream hashed {
        hash \$remote_addr\$request_uri\$arg_n consistent;
        server 127.0.0.1:%%PORT_rx%%;
        server 127.0.0.1:%%PORT_rx2%%;
    }

    upstream iphash {
        ip_hash;
        server 127.0.0.1:%%PORT_rx%%;
        server 127.0.0.1:%%PORT_rx2%%;
    }

    upstream socket {
        server unix:%%TESTDIR%%/rx.sock;
    }

$named
    webhook_endpoint direct {
        url http://127.0.0.1:%%PORT_rx%%/direct;
        allow_http on;
        payload n;
    }

    webhook_endpoint dns {
        url http://localhost:%%PORT_rx%%/dns;
        allow_http on;
        payload n;
        retry off;
    }

    webhook_endpoint hanging {
        url http://127.0.0.1:%%PORT_hang%%/;
        allow_http on;
        payload n;
        order key \$arg_k;
        concurrency 100;
        timeout 60s;
    }
$endpoint6
    server {
        listen 127.0.0.1:%%PORT_http%%;

        keepalive_requests 10000;

        location /two { webhook a.two to=two; return 200; }
        location /both { webhook a.both to=both; return 200; }
        location /spare { webhook a.spare to=spare; return 200; }
        location /down { webhook a.down to=down; return 200; }
        location /none { webhook a.none to=none; return 200; }
        location /kept { webhook a.kept to=kept; return 200; }
        location /zoned { webhook a.zoned to=zoned; return 200; }
        location /hashed { webhook a.hashed to=hashed; return 200; }
        location /iphash { webhook a.iphash to=iphash; return 200; }
        location /socket { webhook a.socket to=socket; return 200; }
        location /direct { webhook a.direct to=direct; return 200; }
        location /dns { webhook a.dns to=dns; return 200; }
        location /hanging { webhook a.hanging to=hanging; return 200; }
        $location6
        $status

        location /proxied {
            proxy_pass http://kept/proxied;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }
    }
}
EOC

my $socket = Test::Webhook::Receiver->new($t,
	port => 'unix:' . $t->testdir() . '/rx.sock');

my $requests = 0;
my $client = connect_port('http');

sub event {
	my ($uri) = @_;

	$requests++;
	return $t->get($uri, -socket => $client);
}

my $before = $stub ? stub() : {};

###############################################################################

# peers of an upstream

my $mark = $t->log_mark();

event("/two?n=$_") for 1 .. 4;
ok($rx->wait_requests(4, 10), 'peer that is up gets all');
is(join(' ', $rx->bodies()), '1 2 3 4', 'in order');
like(ended('two'), qr/ attempt 1 class success /, 'next peer, same attempt');
is($t->find_in_log(qr/attempt failed/, $mark), 0, 'no attempt has failed');
is($t->find_in_log(qr/connect\(\) failed/, $mark), 1,
	'peer that is down is left alone then');

# one who has seen the request may have done what it asks for

$_->set({ close => 'before' })->close_connections()->forget()
	for $rx, $rx2;

event('/both?n=1');
like(ended('both'), qr/ class broken status 0\b/, 'peer closes');
is($rx->count() + $rx2->count(), 1, 'another one is not asked then');

$_->set(200) for $rx, $rx2;
$_->forget() for $rx, $rx2;

event('/spare?n=1');
like(ended('spare'), qr/ attempt 1 class success /, 'backup peer');
is($rx2->count(), 1, 'which was asked');

event('/none?n=1');
like(ended('none'), qr/ class connect status 0\b/, 'all peers are down');
event('/none?n=2');
like(ended('none', 2), qr/ class connect status 0\b/, 'and known to be');
event('/down?n=1');
like(ended('down'), qr/ class connect status 0\b/, 'all peers marked as down');

$_->forget() for $rx, $rx2;

for my $name (qw/ zoned hashed iphash /) {
	event("/$name?n=$_") for 1 .. 5;
	ended($name, 5);
	is($t->find_in_log(qr/attempt end: .*"$name" .* class success /), 5,
		"balancer, $name");
}

is($rx->count() + $rx2->count(), 15, 'balanced ones are received once each');

event('/socket?n=1');
ok($socket->wait_requests(1, 5), 'unix socket of an upstream');
is($socket->request()->{header}{host}, 'socket', 'host is its name');

# names of literal urls, with a resolver

$rx->forget();

event('/dns?n=1');
is(answer(), 'localhost', 'name is asked for');
like(ended('dns'), qr/ class dns status 0\b/, 'name that does not exist');

event('/dns?n=2');
is(answer('127.0.0.1'), 'localhost', 'name is asked for again');
ok($rx->wait_requests(1, 5), 'name that exists');
is($rx->request()->{header}{host}, 'localhost:' . $rx->port(),
	'host is the name');
is($rx->request()->{body}, '2', 'next event');

SKIP: {
skip 'no IPv6', 2 unless $rx6;

event('/v6');
ok($rx6->wait_requests(1, 5), 'IPv6');
is($rx6->request()->{header}{host}, '[::1]:' . $rx6->port(), 'host of IPv6');

}

###############################################################################

# kept alive connections

for my $name ('direct', 'kept') {
	$rx->close_connections();
	$rx->forget();

	my $conns = $rx->connections();

	event("/$name?n=$_") for 1 .. 100;

	ok($rx->wait_requests(100, 10), "many deliveries, $name");
	is(join(' ', $rx->bodies()), join(' ', 1 .. 100), "in order, $name");
	cmp_ok($rx->connections() - $conns, '<=', 2,
		"by a few connections, $name");
}

# the same address is the same connection, whoever asks

$rx->forget();
event('/direct?n=1');
$rx->wait_requests(1, 5);
ended('direct', 101);
event('/kept?n=1');
$rx->wait_requests(2, 5);

my @r = $rx->requests();
is($r[0]{conn}, $r[1]{conn}, 'endpoints share connections in clear');

# endpoint that closes

$rx->forget();
$rx->set({ keepalive => 0 });
event("/direct?n=$_") for 1 .. 3;
@r = $rx->wait_requests(3, 5);
isnt($r[1]{conn}, $r[2]{conn}, 'close is obeyed');
$rx->set(200);

# the more in flight, the more connections: and no more than allowed

$hang->set({ hang => 1 });
$rx->forget();

event("/hanging?k=$_&n=$_") for 1 .. 20;

ok($hang->wait_requests(3, 5), 'many lanes hang');

# the last one is for an endpoint that was quick so far

$rx->set({ hang => 1 });
event("/direct?n=$_") for 1 .. 3;
ok($rx->wait_requests(1, 5), 'another one hangs');

# by then the worker has tried to send what else there is

event('/kept?n=4');
event("/hanging?k=$_&n=$_") for 21 .. 30;

my $active = $stub ? stub() : {};

ok($hang->only_requests(3, 0.3), 'webhook_connections holds');
is(scalar(sockets_to($hang->port(), $rx->port())), 4,
	'for all sockets of the worker');
is($rx->count(), 1, 'others have to wait');
is(event('/nothing')->status(), 404, 'clients have not');

# one place is enough for all

for ($hang, $rx) {
	$_->set(200);
	$_->release(200);
}

ok($rx->wait_requests(4, 10), 'others are delivered after');
ok($hang->wait_requests(30, 10), 'and all that hung');
is(join(' ', sort { $a <=> $b } $hang->bodies()), join(' ', 1 .. 30), 'once');
is(join(' ', grep { $_ < 4 } $rx->bodies()), '1 2 3', 'in order');
is($t->find_in_log(qr/ class (?:local|timeout) /), 0,
	'waiting is no attempt');

# a connection kept alive by the upstream is not used: who knows what for

$rx->close_connections();
$rx->forget();
event('/proxied');
event('/kept?n=1');
$rx->wait_requests(2, 5);

@r = $rx->requests();
is(join(' ', map { $_->{target} } @r), '/proxied /kept', 'both got through');
isnt($r[0]{conn}, $r[1]{conn}, 'by connections of their own');

###############################################################################

# nothing of all this is a client request

SKIP: {
skip 'no --with-http_stub_status_module', 6 unless $stub;

is($active->{active}, 1, 'stub_status, active connections');
is(join(' ', @$active{qw/ reading writing waiting /}), '0 1 0',
	'stub_status, states while attempts hang');

my $after = stub();

is($after->{requests} - $before->{requests}, $requests - $before->{mine},
	'stub_status, requests');
is($after->{accepts}, $before->{accepts}, 'stub_status, accepted');
is($after->{handled}, $before->{handled}, 'stub_status, handled');
is($after->{active}, 1, 'stub_status, active after all');

}

ok(wait_for(sub { logged() == $requests }, 5),
	'access log has the client requests');
is(scalar(grep { /POST/ } split /\n/, $t->read_file('access.log')), 0,
	'and nothing else');

###############################################################################

# worker_connections exhausted: the last ones are for clients

$few->allow_alerts(qr/worker_connections are not enough/);

$few->conf(($head =~ s/connections 512/connections 64/r) . <<"EOC")->run();

    webhook_endpoint direct {
        url http://127.0.0.1:@{[ $rx->port() ]}/few;
        allow_http on;
        payload n;
        retry off;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;
        client_header_timeout 60s;

        location /direct { webhook a.direct to=direct; return 200; }
        location / { return 204; }
    }
}
EOC

$rx->forget();

my @events = begin($few, 'direct?n=1', 'direct?n=2', 'direct?n=3');
my @held;

# each of them is a descriptor

for (1 .. 64) {
	push @held, begin($few, $_);
	last if $few->find_in_log(qr/connections are not enough/);
}

cmp_ok(scalar(@held), '>=', 50, 'all connections are busy');

finish($_) for @events;

ok($rx->only_requests(0, 0.3), 'no socket, no delivery');
is($few->find_in_log(qr/attempt failed/), 0, 'and no failed attempt');

close $_ for @held;
@held = ();

ok($rx->wait_requests(3, 10), 'delivered later');
is(join(' ', $rx->bodies()), '1 2 3', 'in order');
ok(wait_for(sub { 3 == $few->find_in_log(
	qr/attempt end: .* attempt 1 class success /) }, 5),
	'by the first attempt');

###############################################################################

# no descriptors: an attempt that begins, and is none

$poor->allow_alerts(qr/ failed \(24: /);

$poor->conf("worker_rlimit_nofile 64;\n" . $head . <<"EOC")->run();

    webhook_endpoint direct {
        url http://127.0.0.1:@{[ $rx->port() ]}/poor;
        allow_http on;
        payload n;
        retry off;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;
        client_header_timeout 60s;

        location /direct { webhook a.direct to=direct; return 200; }
        location / { return 204; }
    }
}
EOC

$rx->forget();

@events = begin($poor, 'direct?n=1', 'direct?n=2', 'direct?n=3');

# until one more connection waits for a descriptor: it takes any that is free

for (1 .. 128) {
	last if $poor->find_in_log(qr/accept4?\(\) failed \(24: /);
	push @held, begin($poor, $_);
}

ok($poor->find_in_log(qr/accept4?\(\) failed \(24: /),
	'all descriptors are used');

finish($_) for @events;

ok($poor->wait_log(qr/attempt end: .* attempt 1 class local /, 5),
	'attempt without a socket');
ok($poor->wait_log(qr/attempt begin: .* attempt 1\b.*/, 5,
	after($poor, qr/attempt end: .* class local /)),
	'is tried again as the first one');
is($poor->find_in_log(qr/attempt failed/), 0, 'and is no failed attempt');

close $_ for @held;

ok($rx->wait_requests(3, 10), 'delivered later');
is(join(' ', $rx->bodies()), '1 2 3', 'in order');
ok(wait_for(sub { 3 == $poor->find_in_log(
	qr/attempt end: .* attempt 1 class success /) }, 5),
	'by the first attempt');
is($poor->find_in_log(qr/attempt failed/), 0, 'none has failed');
is($poor->get('/')->status(), 204, 'clients are served again');

###############################################################################

# the line of how the nth attempt of an endpoint has ended

sub ended {
	my ($name, $n) = @_;

	my $re = qr/webhook attempt end: .*lane "$name" /;
	$n ||= 1;

	return wait_for(sub { ($t->find_in_log($re))[$n - 1] }, 10) || '';
}

# the position behind the first line that matches

sub after {
	my ($nginx, $re) = @_;

	my $log = $nginx->read_file('error.log');

	return $log =~ /$re.*\n/ ? $+[0] : 0;
}

# client connections with a request that has begun, when the worker has them

sub begin {
	my ($nginx, @uris) = @_;

	my ($pid) = $nginx->workers();

	return map {
		my $n = fds($pid);
		my $s = $nginx->connect_port('http');

		syswrite $s, "GET /$_ HTTP/1.1\x0d\x0aHost: a\x0d\x0a";

		wait_for(sub { fds($pid) > $n || $nginx->find_in_log(
			qr/connections are not enough|accept4?\(\) failed/)
		}, 5, 'accept');
		$s;
	} @uris;
}

# the rest of the request, and the response

sub finish {
	my ($s) = @_;

	like($t->http("\x0d\x0a", socket => $s, method => 'GET'),
		qr!^HTTP/1.1 200 !, 'client is served');
}

sub fds {
	my ($pid) = @_;

	opendir my $dh, "/proc/$pid/fd" or return 0;
	return scalar grep { /^\d+$/ } readdir $dh;
}

# answers a query, with an address or that there is none: returns the name

sub answer {
	my (@addr) = @_;

	my $r = '';
	vec($r, fileno $dns, 1) = 1;
	select($r, undef, undef, 10) > 0 or return '';

	my $peer = recv $dns, my $query, 512, 0;
	my ($id, undef, $n) = unpack 'nnn', $query;
	my @labels = unpack '(C/a)*', substr $query, 12, -4;

	send $dns, pack('n6', $id, @addr ? 0x8180 : 0x8183, $n, scalar @addr,
		0, 0) . substr($query, 12) . join('', map {
			pack 'n3Nna4', 0xc00c, 1, 1, 60, 4, inet_aton($_)
		} @addr), 0, $peer;

	return join '.', grep { length } @labels;
}

# lines of the access log

sub logged {
	my @lines = split /\n/, $t->read_file('access.log');

	return scalar @lines;
}

# established connections from anywhere to these ports

sub sockets_to {
	my %ports = map { sprintf('%04X', $_) => 1 } @_;

	return grep {
		my (undef, undef, $remote, $state) = split;
		$remote =~ /:([0-9A-F]{4})$/ && $ports{$1} && $state eq '01';
	} split /\n/, Test::Webhook::slurp('/proc/net/tcp', 0);
}

sub stub {
	my $r = event('/status');
	my %s;

	@s{qw/ active accepts handled requests reading writing waiting /} =
		$r->{body} =~ /(\d+)/g;
	$s{mine} = $requests;

	return \%s;
}

###############################################################################

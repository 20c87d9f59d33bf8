#!/usr/bin/perl

# Tests of the test harness itself, with nginx without the module.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Socket::INET;
use JSON::PP ();
use Time::HiRes qw/ time sleep /;

use Test::Webhook qw/ :DEFAULT connect_port /;
use Test::Webhook::App;
use Test::Webhook::Receiver;

###############################################################################

my $t = Test::Webhook->new(module => 0);

my $rx = Test::Webhook::Receiver->new($t, keepalive_timeout => 0);
my $app = Test::Webhook::App->new($t);

my $conf = <<'EOF2';

%%TEST_GLOBALS%%

worker_processes 2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    server {
        listen       127.0.0.1:%%PORT_http%%;
        server_name  localhost;

        location / {
            return 200 version1;
        }

        location /app/ {
            proxy_pass http://127.0.0.1:%%PORT_app%%/;
            proxy_http_version 1.1;
        }
    }

    server {
        listen       127.0.0.1:%%PORT_h2%% http2;

        location / {
            add_header X-Method $request_method;
            return 201 h2body;
        }
    }
}

EOF2

$t->conf($conf);

###############################################################################

# configuration, ports, files

my %ports = map { port("many$_") => 1 } 1 .. 30;

is(keys %ports, 30, 'ports are distinct');
is(port('many1'), $t->port('many1'), 'port of a name stays');
isnt(port('http'), port('rx'), 'ports of names differ');

my ($low) = Test::Webhook::slurp('/proc/sys/net/ipv4/ip_local_port_range', 0)
	=~ /(\d+)/;

SKIP: {
skip 'client ports start low', 1 unless $low > 12000;

ok(!(grep { $_ >= $low } keys %ports), 'ports are not ones of clients');

}

# other processes at the same time

my $list = '$t = Test::Webhook->new(); print port("p$_"), "\n" for 1 .. 50;'
	. 'print "end\n"; STDOUT->flush(); <STDIN>';
my (@others, %seen);
my $taken = 0;

for (1 .. 3) {
	require IPC::Open2;
	my $pid = IPC::Open2::open2(my $out, my $in, $^X,
		"-I$FindBin::Bin/lib", '-MTest::Webhook', '-e', $list);

	my @p;

	while (my $line = <$out>) {
		last if $line eq "end\n";
		push @p, $line + 0;
	}

	$taken += grep { $seen{$_}++ || $ports{$_} } @p;
	push @others, [$pid, $in];
}

is(keys %seen, 150, 'ports of other processes are given');
is($taken, 0, 'ports are not shared with other processes');

for (@others) {
	close $_->[1];
	waitpid $_->[0], 0;
}

is($t->read_file('nginx.conf') =~ /%%/, '', 'configuration is expanded');
unlike($t->read_file('nginx.conf'), qr/load_module/, 'no module if not wanted');

{
local $ENV{TEST_WEBHOOK_MODULE} = 'some/module.so';
local $ENV{TEST_NGINX_GLOBALS} = 'worker_rlimit_core 0;';
local $t->{module} = 1;

like($t->globals(), qr!^load_module /.*/some/module.so;$!m, 'module loaded');
like($t->globals(), qr/^worker_rlimit_core 0;$/m, 'globals from environment');

local $ENV{TEST_WEBHOOK_STATIC} = 1;
unlike($t->globals(), qr/load_module/, 'static module not loaded');

local $ENV{TEST_NGINX_PRELOAD} = '/lib/libasan.so';
my %env = $t->environment();

is($env{LD_PRELOAD}, '/lib/libasan.so', 'preload');
like($env{ASAN_OPTIONS}, qr!log_path=\Q$t->{dir}\E/asan$!, 'asan log path');
like($t->globals(), qr/^env LD_PRELOAD;$/m, 'preload kept for new binary');

}

$t->write_file('some', "one\0two");
is($t->read_file('some'), "one\0two", 'file written and read');

my ($code, $out) = $t->test_conf();
is($code, 0, 'good configuration tested');
like($out, qr/test is successful/, 'good configuration output');

$t->conf($conf . 'nonsense;');

($code, $out) = $t->test_conf();
is($code, 1, 'bad configuration tested');
like($out, qr/unknown directive "nonsense"/, 'bad configuration output');

like($t->run_expect_fail(), qr/unknown directive "nonsense"/,
	'failing start expected');
ok(!$t->running(), 'not running after failing start');

$t->conf($conf);
ok(!defined $t->run_expect_fail(), 'failing start did not fail');
ok(!$t->running(), 'not running after start which did not fail');

###############################################################################

# requests

$t->run();

is($t->workers(), 2, 'workers');
ok($t->running(), 'running');

my $r = get('/');
is($r->{status}, 200, 'get status');
is($r->{body}, 'version1', 'get body');
is($r->{headers}{'content-length'}, 8, 'get header');
is($r->header('Connection'), 'close', 'get connection close');
like($r, qr!^HTTP/1.1 200 OK\x0d\x0a.*version1$!s, 'get bytes');

$r = post('/app/echo?a=b', "some\nbody", 'X-Some' => 'value',
	'X-More' => ['one', 'two']);
my $echo = JSON::PP::decode_json($r->{body});

is($echo->{method}, 'POST', 'post method');
is($echo->{target}, '/echo?a=b', 'post target');
is($echo->{body}, "some\nbody", 'post body');
is($echo->{headers}{'x-some'}, 'value', 'post header');
is($echo->{headers}{'x-more'}, 'two', 'post repeated header');

my $s = connect_port('http');
$r = http("GET /1 HTTP/1.1\x0d\x0aHost: a\x0d\x0a\x0d\x0a", socket => $s);
like($r, qr/version1$/, 'keepalive first');
$r = get('/2', -socket => $s);
is($r->{status}, 200, 'keepalive second');

$r = http(["GET / HTTP/1.1\x0d\x0a", "Host: a\x0d\x0a\x0d\x0a"],
	pause => 0.05, port => 'http');
like($r, qr/version1$/, 'request in parts');

$r = get('/', -method => 'HEAD');
is($r->{body}, '', 'head');
is(get('/', -port => port('closed'))->{status}, 0, 'no connection');

like($t->read_file('access.log'), qr!"GET /1 HTTP/1.1" 200!, 'access log');

$r = parse_response("HTTP/1.1 103 Early Hints\x0d\x0aLink: a\x0d\x0a\x0d\x0a"
	. "HTTP/1.1 200 OK\x0d\x0aTransfer-Encoding: chunked\x0d\x0a"
	. "A: 1\x0d\x0aa: 2\x0d\x0a\x0d\x0a"
	. "3\x0d\x0aabc\x0d\x0aA;x=y\x0d\x0a0123456789\x0d\x0a"
	. "0\x0d\x0aT: x\x0d\x0a\x0d\x0arest");
is($r->{status}, 200, 'parse status after interim');
is($r->{interim}[0]{status}, 103, 'parse interim');
is($r->{headers}{a}, '1, 2', 'parse repeated headers');
is($r->{body}, 'abc0123456789', 'parse chunked body');
is($r->{rest}, 'rest', 'parse rest');
ok($r->{complete}, 'parse complete');

ok(!parse_response("HTTP/1.1 200 OK\x0d\x0aContent-Length: 5\x0d\x0a\x0d\x0a"
	. 'abc')->{complete}, 'parse incomplete body');
is(parse_response('')->{status}, 0, 'parse nothing');

SKIP: {
skip 'no nghttp', 4 unless h2();

my $h2 = h2('/some', port => 'h2');
is($h2->{status}, 201, 'http2 status');
is($h2->{headers}{'x-method'}, 'GET', 'http2 header');
like($h2->{out}, qr/h2body/, 'http2 body');

$h2 = h2('/some', port => 'h2', body => 'some');
is($h2->{headers}{'x-method'}, 'POST', 'http2 post');

}

###############################################################################

# the application

is(get('/app/status/418')->{status}, 418, 'app status');
is(length get('/app/length/100')->{body}, 100, 'app length');
is(length get('/app/length/100000')->{body}, 100000, 'app large length');
is(length get('/app/chunked/5000')->{body}, 5000, 'app chunked');
is(length get('/app/chunked/300000')->{body}, 300000, 'app large chunked');
is(get('/app/empty')->{headers}{'content-length'}, 0, 'app empty');
is(get('/app/204')->{status}, 204, 'app no content');
is(get('/app/304')->{status}, 304, 'app not modified');
is(get('/app/status/200?header=X-Reply:a%20b')->{headers}{'x-reply'}, 'a b',
	'app header');
is(get('/app/close')->{status}, 502, 'app close');

my $start = time();
is(get('/app/delay/0.3')->{body}, 'ok', 'app delay');
cmp_ok(time() - $start, '>=', 0.3, 'app delayed');

$r = parse_response(rx_get('/nolength/10', port => 'app'));
is($r->{body}, 'x' x 10, 'app until close');
ok($r->{until_close}, 'app no length');

is($app->request(0)->{target}, '/echo?a=b', 'app records');

###############################################################################

# the receiver

$r = rx_post('/hook?x=y', "body\0\xff\"\\\n", "Webhook-Id: msg_1\x0d\x0a"
	. "X-Bytes: \"quoted\" \\ \xc3\xa9\x0d\x0aX-Empty:\x0d\x0a");
like($r, qr!^HTTP/1.1 200 OK\x0d\x0a.*Content-Length: 2.*\x0d\x0aok$!s,
	'default answer');

my ($req) = $rx->wait_requests(1, 5);
is($req->{n}, 1, 'recorded number');
is($req->{method}, 'POST', 'recorded method');
is($req->{target}, '/hook?x=y', 'recorded target');
is($req->{version}, 'HTTP/1.1', 'recorded version');
is($req->{body}, "body\0\xff\"\\\n", 'recorded body');
is($req->{headers}[1][0], 'Webhook-Id', 'recorded header name');
is($req->{header}{'x-bytes'}, "\"quoted\" \\ \xc3\xa9", 'recorded header bytes');
is($req->{header}{'x-empty'}, '', 'recorded empty header');
is($req->{complete}, 1, 'recorded complete');
cmp_ok(abs($req->{time} - time()), '<', 5, 'recorded time');

my $line = (split /\n/, Test::Webhook::slurp($rx->{record}, 0))[1];
my $json = JSON::PP::decode_json($line);
is($json->{target}, '/hook?x=y', 'record is json');
is_deeply($json->{headers}, $req->{headers}, 'record parsed as json');

is(join(' ', $rx->ids()), 'msg_1', 'ids');
is(($rx->bodies())[0], "body\0\xff\"\\\n", 'bodies');
is($rx->connections(), 1, 'connections');

my $s2 = connect_port('rx');
rx_get('/', socket => $s2);
close $s2;
is(($rx->wait_event('close') || {})->{conn}, 2, 'close by client noted');

$rx->forget();
is($rx->requests(), 0, 'requests forgotten');

rx_send("POST /c HTTP/1.1\x0d\x0aHost: a\x0d\x0aTransfer-Encoding: chunked"
	. "\x0d\x0a\x0d\x0a3\x0d\x0aabc\x0d\x0a2;x\x0d\x0ade\x0d\x0a"
	. "0\x0d\x0aT: t\x0d\x0a\x0d\x0a");
is($rx->request()->{body}, 'abcde', 'chunked request');

$r = http(["POST /e HTTP/1.1\x0d\x0aHost: a\x0d\x0aContent-Length: 3\x0d\x0a"
	. "Expect: 100-continue\x0d\x0a\x0d\x0a", 'abc'],
	port => 'rx', pause => 0.1, method => 'POST');
like($r, qr!^HTTP/1.1 100 Continue\x0d\x0a\x0d\x0aHTTP/1.1 200!,
	'request with expectation');

$r = http("GET /1 HTTP/1.1\x0d\x0aHost: a\x0d\x0a\x0d\x0a"
	. "GET /2 HTTP/1.1\x0d\x0aHost: a\x0d\x0aConnection: close"
	. "\x0d\x0a\x0d\x0a", port => 'rx', until_close => 1);
is(() = $r =~ /200 OK/g, 2, 'pipelined requests');

is(parse_response(rx_send("garbage\x0d\x0a\x0d\x0a"))->{status}, 400,
	'garbage refused');
is($rx->request()->{method}, 'BAD', 'garbage recorded');

$rx->forget();
$s = connect_port('rx');
syswrite $s, "POST / HTTP/1.1\x0d\x0aContent-Length: 10\x0d\x0a\x0d\x0aabc";
close $s;
ok($rx->wait_requests(1, 5), 'incomplete request recorded');
is($rx->request()->{complete}, 0, 'incomplete request');
is($rx->request()->{body}, 'abc', 'incomplete request body');

# a request is recorded before its answer is sent

$rx->forget();
$s = connect_port('rx');
my $late = 0;

for my $n (1 .. 300) {
	rx_get("/$n", socket => $s);
	$late++ if $rx->count() != $n;
}

is($late, 0, 'recorded before answer');

# scripts

$rx->set(503, { status => 429, headers => ['Retry-After' => 5],
	reason => 'Slow Down', body => 'later' }, 204);

like(rx_get('/'), qr!^HTTP/1.1 503 Service Unavailable\x0d\x0a!, 'script status');
$r = rx_get('/');
like($r, qr!^HTTP/1.1 429 Slow Down\x0d\x0a!, 'script reason');
like($r, qr!\x0d\x0aRetry-After: 5\x0d\x0a!, 'script headers');
like($r, qr!\x0d\x0a\x0d\x0alater$!, 'script body');
like(rx_get('/'), qr!^HTTP/1.1 204 No Content\x0d\x0a!, 'script third');
like(rx_get('/'), qr!^HTTP/1.1 204 No Content\x0d\x0a!, 'script last repeated');

$rx->set(script => [500, 502], default => 200);
is(join(' ', map { rx_status('/') } 1 .. 4), '500 502 200 200',
	'script default');

$rx->set(rules => { '/a' => [500, 200], '/b' => 410,
	'*' => { status => 404 } }, default => undef);
is(join(' ', map { rx_status($_) } '/a', '/b', '/c', '/a?x', '/b', '/a'),
	'500 410 404 200 410 200', 'script rules by path');

$rx->set({ delay => 0.3 });
$start = time();
is(rx_status('/'), 200, 'action delay');
cmp_ok(time() - $start, '>=', 0.29, 'action delayed');

$rx->set({ hang => 1, status => 201 });
is(rx_get('/', timeout => 0.2), '', 'action hang');

$rx->forget();
$s = connect_port('rx');
syswrite $s, "GET / HTTP/1.1\x0d\x0aHost: a\x0d\x0a\x0d\x0a";
ok($rx->wait_requests(1, 5), 'hung request recorded');
$rx->release();
like(Test::Webhook::read_response($s, 'GET', time() + 5), qr/^HTTP\S+ 201 /,
	'hung request released');

$s = connect_port('rx');
syswrite $s, "GET / HTTP/1.1\x0d\x0aHost: a\x0d\x0a\x0d\x0a";
ok($rx->wait_requests(2, 5), 'another hung request recorded');
$rx->release(503);
like(Test::Webhook::read_response($s, 'GET', time() + 5), qr/^HTTP\S+ 503 /,
	'hung request released with status');

$rx->set({ hang => 'header' });
like(rx_get('/', timeout => 0.2), qr/^HTTP(?!.*\x0d\x0a\x0d\x0a)/s,
	'action hang in header');

$rx->set({ hang => 'body', body => '0123456789' });
like(rx_get('/', timeout => 0.2), qr/\x0d\x0a\x0d\x0a01234$/, 'action hang in body');

$rx->set({ reset => 1 });
is(close_of('/'), 'reset', 'action reset');

$rx->set({ close => 'before' });
is(close_of('/'), 'closed 0', 'action close before');

$rx->set({ close => 'header' });
like(rx_get('/'), qr/^HTTP(?!.*\x0d\x0a\x0d\x0a)/s, 'action close in header');

$rx->set({ close => 'body', body => '0123456789' });
like(rx_get('/'), qr/Content-Length: 10\x0d\x0a.*\x0d\x0a\x0d\x0a01234$/s,
	'action close in body');

$rx->set({ trickle => 0.02, trickle_from => 'body', body => '0123456789' });
$start = time();
like(rx_get('/'), qr/\x0d\x0a\x0d\x0a0123456789$/, 'action trickle body');
cmp_ok(time() - $start, '>=', 0.19, 'action trickle body is slow');

$rx->set({ trickle => 0.005 });
$start = time();
like(rx_get('/'), qr/\x0d\x0a\x0d\x0aok$/, 'action trickle');
cmp_ok(time() - $start, '>=', 0.2, 'action trickle is slow');

$rx->set({ raw => "\xff\0garbage\x0d\x0a" });
is(rx_get('/'), "\xff\0garbage\x0d\x0a", 'action raw');

$rx->set({ interim => [100, 103], headers => { 'X-Accel-Redirect' => '/x' } });
$r = parse_response(rx_get('/'));
is(join(' ', map { $_->{status} } @{$r->{interim}}), '100 103', 'action interim');
is($r->{headers}{'x-accel-redirect'}, '/x', 'action hostile header');

$rx->set({ chunked => 1, body => 'x' x 2500 });
$r = rx_get('/');
like($r, qr/\x0d\x0a\x0d\x0a400\x0d\x0ax/, 'action chunked');
is(length parse_response($r)->{body}, 2500, 'action chunked body');

$rx->set({ huge => 3000000 });
is(length parse_response(rx_get('/'))->{body}, 3000000, 'action huge');

$rx->set({ close_after => 1 });
$r = http("GET / HTTP/1.1\x0d\x0aHost: a\x0d\x0a\x0d\x0a", port => 'rx',
	until_close => 1);
like($r, qr/\x0d\x0a\x0d\x0aok$/, 'action close after');
unlike($r, qr/Connection: close/, 'action close after not announced');

$rx->set({ keepalive => 0 });
$r = http("GET / HTTP/1.1\x0d\x0aHost: a\x0d\x0a\x0d\x0a", port => 'rx',
	until_close => 1);
like($r, qr/Connection: close\x0d\x0a.*ok$/s, 'action no keepalive');

$rx->set({ no_length => 1, body => 'until close' });
$r = parse_response(rx_get('/'));
ok($r->{until_close}, 'action no length');
is($r->{body}, 'until close', 'action no length body');

$rx->set({ early => 1, status => 413 });
$rx->forget();
$r = http("POST / HTTP/1.1\x0d\x0aHost: a\x0d\x0aContent-Length: 1000000"
	. "\x0d\x0a\x0d\x0a" . 'x' x 500000, port => 'rx', method => 'POST');
is(parse_response($r)->{status}, 413, 'action early');
is($rx->request()->{complete}, 0, 'action early before body');

# connections

$rx->set({});
$rx->set(keepalive_timeout => 0.2);
$s = connect_port('rx');
rx_get('/', socket => $s);
$start = time();
is(sysread_blocking($s), 0, 'idle connection closed');
cmp_ok(time() - $start, '>', 0.1, 'idle connection closed after timeout');
$rx->set(keepalive_timeout => 0);

$s = connect_port('rx');
rx_get('/', socket => $s);
$rx->close_connections();
is(sysread_blocking($s), 0, 'connections closed on demand');

$s = connect_port('rx');
rx_get('/', socket => $s);
$rx->reset_connections();
is(sysread_blocking($s), -1, 'connections reset on demand');

$rx->set(on_accept => 'close');
is(close_of('/', 1), 'closed 0', 'closed on accept');
$rx->set(on_accept => 'hang');
is(rx_get('/', timeout => 0.2), '', 'hang on accept');
$rx->set(on_accept => { delay => 0.2 });
$start = time();
is(rx_status('/'), 200, 'delay on accept');
cmp_ok(time() - $start, '>=', 0.19, 'delayed on accept');
$rx->set(on_accept => undef);

my $before = $rx->connections();
$s = connect_port('rx');
rx_get('/', socket => $s) for 1 .. 3;
is($rx->connections(), $before + 1, 'connection reused');

# stop and start

$rx->forget();
$rx->set(500, 200);
rx_get('/before');
$rx->stop();
ok(!connect_port('rx'), 'stopped receiver refuses');
$rx->start();
is(rx_status('/after'), 200, 'script goes on after restart');
is(join(' ', map { $_->{target} } $rx->requests()), '/before /after',
	'records go on after restart');
$rx->restart();
is(rx_status('/'), 200, 'restarted');

ok($rx->only_requests(3, 0.1), 'no more requests');
ok(!defined(wait_for(sub { 0 }, 0.05)), 'wait timed out');
is(wait_for(sub { 'value' }, 1), 'value', 'wait value');

# concurrent slow answers do not block each other

$rx->set({ delay => 0.3 });
$start = time();
my @s = map { connect_port('rx') } 1 .. 50;
syswrite $_, "GET / HTTP/1.1\x0d\x0aHost: a\x0d\x0a\x0d\x0a" for @s;
my @r = grep { /200 OK/ } map {
	Test::Webhook::read_response($_, 'GET', time() + 5) } @s;
is(@r, 50, 'concurrent requests');
cmp_ok(time() - $start, '<', 3, 'concurrent delays');

# a script in code, on a unix socket

my $unix = Test::Webhook::Receiver->new($t,
	port => 'unix:' . $t->testdir() . '/rx.sock',
	script => sub { { status => $_[0]{target} eq '/x' ? 202 : 404 } });
is(parse_response(rx_get('/x', port => $unix->port()))->{status}, 202,
	'unix socket and code');

###############################################################################

# TLS

SKIP: {
eval { require IO::Socket::SSL; };
skip 'no IO::Socket::SSL', 13 if $@;

my $cert = $t->cert('server');
my $client = $t->cert('client', client => 1, cn => 'the client');
my $expired = $t->cert('expired', expired => 1, ca => $cert);

like((Test::Webhook::command('openssl', 'verify', '-CAfile', $cert->{ca},
	$cert->{cert}))[1], qr/: OK$/, 'certificate verified');
like((Test::Webhook::command('openssl', 'verify', '-CAfile', $cert->{ca},
	$expired->{cert}))[1], qr/expired/, 'certificate expired');

my $tls = Test::Webhook::Receiver->new($t, port => 'tls',
	tls => { cert => $cert->{cert}, key => $cert->{key} });

like($tls->url('/x'), qr!^https://127.0.0.1:\d+/x$!, 'tls url');

my %trust = (SSL_verify_mode => 1, SSL_ca_file => $cert->{ca});

$r = get('/tls', -port => 'tls', -tls => \%trust);
is($r->{body}, 'ok', 'tls answer');
is($tls->request()->{tls}{sni}, 'localhost', 'tls server name recorded');
like($tls->request()->{tls}{version}, qr/^TLSv1_[23]$/, 'tls version recorded');

$tls->set({ huge => 1000000 });
is(length get('/', -port => 'tls', -tls => \%trust)->{body}, 1000000,
	'tls huge answer');
is(length post('/', 'x' x 1000000, -port => 'tls', -tls => \%trust)->{body},
	1000000, 'tls huge request');
is(length $tls->request()->{body}, 1000000, 'tls huge request body');

ok(!connect_port('tls', quiet => 1, tls => {
	SSL_verify_mode => 1, SSL_ca_file => $client->{ca} }),
	'tls wrong ca');
ok($tls->wait_event('tls_error', 1, 5), 'tls error noted');

my $mtls = Test::Webhook::Receiver->new($t, port => 'mtls',
	tls => { cert => $cert->{cert}, key => $cert->{key},
	ca_for_clients => $client->{ca} });

get('/', -port => 'mtls', -tls => { %trust,
	SSL_cert_file => $client->{cert}, SSL_key_file => $client->{key} });
is($mtls->request()->{tls}{client}, 'the client', 'tls client certificate');

my $n = $mtls->count();
get('/', -port => 'mtls', -tls => \%trust, -quiet => 1);
is($mtls->count(), $n, 'tls no client certificate');

}

###############################################################################

# processes

my $master = $t->master_pid();
my @workers = $t->workers();
my $first = $workers[0];

$t->conf($conf =~ s/version1/version2/r);

ok($t->reload(), 'reload');
is(get('/')->{body}, 'version2', 'reloaded');
is($t->master_pid(), $master, 'same master after reload');
is($t->workers(), 2, 'workers after reload');
ok(!(grep { $_ == $first } $t->workers()), 'new workers after reload');

# a worker which is shutting down

$s = connect_port('http');
syswrite $s, "GET /app/delay/1 HTTP/1.1\x0d\x0aHost: a\x0d\x0a\x0d\x0a";
ok($app->wait_event('open'), 'request is in progress');
sleep(0.1);

ok($t->reload(), 'reload with old worker');
is($t->old_workers(), 1, 'old worker is shutting down');
like(Test::Webhook::read_response($s, 'GET', time() + 5), qr/ok$/,
	'request in old worker');
ok(wait_for(sub { !$t->old_workers() }, 5), 'old worker exited');

$t->conf($conf . 'nonsense;');
like($t->reload_expect_fail(), qr/unknown directive "nonsense"/,
	'bad reload');
is(get('/')->{body}, 'version2', 'old configuration after bad reload');

$t->conf($conf =~ s/version1/version3/r);
ok($t->upgrade(), 'upgrade');
isnt($t->master_pid(), $master, 'new master after upgrade');
ok(!Test::Webhook::alive($master), 'old master quit');
is(get('/')->{body}, 'version3', 'upgraded');
ok($t->upgrade(), 'upgrade again');
is(get('/')->{body}, 'version3', 'upgraded again');

$t->allow_alerts(qr/worker process \d+ exited on signal 9/);

@workers = $t->workers();
is($t->signal_worker(1, 'KILL'), $workers[1], 'worker killed');
ok(wait_for(sub {
	$t->workers() == 2 && !grep { $_ == $workers[1] } $t->workers()
}, 10), 'killed worker replaced');
is($t->find_in_log(qr/exited on signal 9/), 1, 'found in log');

my $mark = $t->log_mark();
$t->signal('USR1');
like($t->wait_log(qr/signal 10 .*received/, 5, $mark) || '', qr/signal 10/,
	'waited for log');

# the first thread is gone, another one is not

SKIP: {
my ($python) = grep { -x } map { "$_/python3" } split /:/, $ENV{PATH};
my $exit = { x86_64 => 60, aarch64 => 93 }->{(POSIX::uname())[4]};

skip 'no python3, or the number of exit() is not known', 2
	unless $python && $exit;

my $threads = fork();

if (!$threads) {
	no warnings;
	exec $python, '-c', "import ctypes, threading, time\n"
		. "threading.Thread(target=time.sleep, args=(60,)).start()\n"
		. "ctypes.CDLL(None).syscall($exit, 0)";
	POSIX::_exit(1);
}

Test::Webhook->add_child($threads);

ok(wait_for(sub { (Test::Webhook::stat_of($threads))[0] eq 'Z' }, 30)
	&& Test::Webhook::alive($threads), 'alive until its last thread is gone');

kill 'KILL', $threads;
ok($t->wait_gone($threads), 'then it is not');
Test::Webhook->del_child($threads);

}

ok($t->stop(), 'stop');
ok(!$t->running(), 'stopped');
is($t->all_pids(), 0, 'no processes after stop');

$t->start_again();
is(get('/')->{body}, 'version3', 'started again');
ok($t->kill_master(), 'master killed');
is($t->all_pids(), 2, 'workers without master');
ok($t->kill_all(), 'all killed');
is($t->all_pids(), 0, 'no processes after kill');

$t->start_again();
is(get('/')->{body}, 'version3', 'started after kill');
$t->kill_all();
is($t->all_pids(), 0, 'no processes after second kill');
ok(!connect_port('http'), 'nothing listens after kill');

$t->start_again();
ok($t->term(), 'term');

# environment

my $env = Test::Webhook->new(module => 0, env => { SOME_VAR => 'some value' },
	debug => 1);
my $wrapper = $env->write_file('nginx.sh', "#!/bin/bash\n"
	. 'echo "$SOME_VAR" >> ' . $env->testdir() . "/env\n"
	. 'exec -a "$0" ' . $env->binary() . ' "$@"' . "\n");
chmod 0755, $wrapper;
$env->{binary} = $wrapper;

$env->conf($conf)->run();

is($env->read_file('env'), "some value\n", 'environment');
ok($env->upgrade(), 'upgrade with environment');
is($env->read_file('env'), "some value\n" x 2, 'environment after upgrade');

get('/');

SKIP: {
skip 'no --with-debug', 1 unless (Test::Webhook::command($env->binary(),
	'-V'))[1] =~ /--with-debug/;

ok($env->wait_log(qr/\[debug\]/, 5), 'debug log');

}

my $dir = $env->testdir();
my $pid = $env->master_pid();
$env->finish();
ok(!-e $dir, 'directory removed');
ok(!Test::Webhook::alive($pid), 'nginx stopped at the end');
undef $env;

###############################################################################

# what is found at the end, in a test of its own

my $fake = '2026/01/01 00:00:00 [alert] 1#1: fake alert';

($code, $out) = nested(<<'EOT');
$t->plan(1); $t->run(); ok(1, 'one');
EOT

is($code, 0, 'good test exit code');
like($out, qr/^1\.\.3$/m, 'good test plan');
like($out, qr/^ok 2 - no alerts$/m, 'good test without alerts');
like($out, qr/^ok 3 - no sanitizer errors$/m, 'good test without errors');

($code, $out) = nested(<<EOT);
\$t->plan(1); ok(1, 'one'); \$t->write_file('error.log', "$fake\n");
EOT

isnt($code, 0, 'alert exit code');
like($out, qr/^not ok 2 - no alerts$/m, 'alert found');
like($out, qr/^#\s+\Q$fake\E$/m, 'alert shown');
like($out, qr/^ok 3 - no sanitizer errors$/m, 'alert is not sanitizer error');

($code, $out) = nested(<<EOT);
\$t->plan(1); ok(1, 'one'); \$t->write_file('error.log', "$fake\n");
\$t->allow_alerts(qr/fake/);
EOT

is($code, 0, 'allowed alert exit code');
like($out, qr/^ok 2 - no alerts$/m, 'allowed alert');

($code, $out) = nested(<<'EOT');
ok(1, 'one'); $t->write_file('asan.123', "==1==ERROR: AddressSanitizer: x\n");
$t->done_testing();
EOT

isnt($code, 0, 'sanitizer exit code');
like($out, qr/^ok 2 - no alerts$/m, 'sanitizer error is not alert');
like($out, qr/^not ok 3 - no sanitizer errors$/m, 'sanitizer error found');
like($out, qr/^# .*ERROR: AddressSanitizer: x$/m, 'sanitizer error shown');

($code, $out) = nested(<<'EOT');
ok(1, 'one'); $t->write_file('error.log', "a.c:1:2: runtime error: overflow\n");
done_testing();
EOT

isnt($code, 0, 'error after done testing exit code');
like($out, qr/^# .*runtime error: overflow$/m, 'error after done testing shown');

($code, $out) = nested(<<'EOT');
plan(skip_all => 'nothing');
EOT

is($code, 0, 'skip all exit code');
unlike($out, qr/^(?:not )?ok /m, 'no tests when all skipped');

# nothing stays after die, and after a signal

my $rest = '$t->plan(1); my $rx = Test::Webhook::Receiver->new($t); $t->run();'
	. 'print "PIDS $rx->{pid} ", join(" ", $t->all_pids()), " DIR ",'
	. ' $t->testdir(), "\n"; $| = 1; print "";';

for my $how ('die "enough\n"', 'kill TERM => $$; sleep 5') {
	($code, $out) = nested($rest . $how);

	my ($name) = $how =~ /^(\w+)/;
	my ($pids, $dir) = $out =~ /PIDS ([\d ]+) DIR (\S+)/;
	my @pids = split ' ', $pids || '';

	isnt($code, 0, "$name exit code");
	is(@pids, 4, "$name processes");
	unlike($out, qr/^(?:not )?ok /m, "$name ends tests");
	is(grep({ Test::Webhook::alive($_) } @pids), 0,
		"$name leaves no processes");
	ok($dir && !-e $dir, "$name leaves no directory");
}

# a receiver does not outlive a killed test

($code, $out) = nested('my $rx = Test::Webhook::Receiver->new($t);'
	. '$| = 1; print "PID $rx->{pid} ", $t->testdir(), "\n";'
	. 'kill KILL => $$;');
my ($orphan, $left) = $out =~ /PID (\d+) (\S+)/;
ok(wait_for(sub { !Test::Webhook::alive($orphan) }, 5),
	'receiver exits without test');
File::Path::remove_tree($left) if $left && $left =~ m!/webhook-test-!;

$t->done_testing();

###############################################################################

sub nested {
	my ($code) = @_;

	my $file = $t->write_file('nested.conf', $conf);
	my $script = <<"EOT";
use strict; use warnings;
use Test::More; use Test::Webhook; use Test::Webhook::Receiver;
my \$t = Test::Webhook->new(module => 0);
\$t->conf(Test::Webhook::slurp('$file', 0));
$code
EOT

	local @ENV{qw/ TEST_NGINX_LEAVE TEST_NGINX_CATLOG HARNESS_ACTIVE /};
	delete @ENV{qw/ TEST_NGINX_LEAVE TEST_NGINX_CATLOG HARNESS_ACTIVE /};

	return Test::Webhook::command($^X, "-I$FindBin::Bin/lib", '-e',
		$script);
}

sub rx_send {
	my ($bytes, %o) = @_;

	return http($bytes, port => 'rx', %o);
}

sub rx_get {
	my ($uri, %o) = @_;

	my $close = $o{socket} ? '' : "Connection: close\x0d\x0a";

	return rx_send("GET $uri HTTP/1.1\x0d\x0aHost: a\x0d\x0a$close\x0d\x0a",
		%o);
}

sub rx_status {
	return parse_response(rx_get(@_))->{status};
}

sub rx_post {
	my ($uri, $body, $headers) = @_;

	return rx_send("POST $uri HTTP/1.1\x0d\x0aHost: a\x0d\x0a$headers"
		. "Connection: close\x0d\x0aContent-Length: " . length($body)
		. "\x0d\x0a\x0d\x0a$body");
}

# the number of bytes, or -1 on reset

sub sysread_blocking {
	my ($s) = @_;

	$s->blocking(1);

	local $SIG{ALRM} = sub { die "timeout\n" };
	alarm(5);
	my $n = sysread $s, my $buf, 1000;
	alarm(0);

	return defined $n ? $n : $!{ECONNRESET} ? -1 : "$!";
}

sub close_of {
	my ($uri, $silent) = @_;

	my $s = connect_port('rx');
	syswrite $s, "GET $uri HTTP/1.1\x0d\x0aHost: a\x0d\x0a\x0d\x0a"
		unless $silent;

	my $n = sysread_blocking($s);

	return $n eq '-1' ? 'reset' : "closed $n";
}

###############################################################################

#!/usr/bin/perl

# Tests for sync=always: responses are held until their events are flushed.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use File::Temp qw/ tempdir /;

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::App;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

# an interposer that slows the flush down to what is in a file, in ms

my $dir = tempdir(CLEANUP => 1);
chmod(0777, $dir);

system("cc -shared -fPIC -o $dir/slow.so $FindBin::Bin/tools/slow_flush.c -ldl")
	== 0 or die "can't compile slow_flush.c\n";

slow(0);

open(my $fh, '>', "$dir/slow.log") or die;
close($fh);
chmod(0666, "$dir/slow.log");

my $t = Test::Webhook->new(env => {
	LD_PRELOAD => join(' ', split(/[ :]/, $ENV{TEST_NGINX_PRELOAD} || ''),
		"$dir/slow.so"),
	SLOW_FLUSH => "$dir/slow"
})->plan(57);

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');
my $app = Test::Webhook::App->new($t, port => 'app');

$t->write_file('static', 's' x 5000);

$t->conf(<<'EOC')->run();
%%TEST_GLOBALS%%

worker_processes 2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m sync=always
                  commit_timeout=600ms;

    webhook_endpoint one {
        url http://127.0.0.1:%%PORT_rx%%/one;
        allow_http on;
    }

    log_format result '$request_uri $status $webhook_result';

    webhook any.request to=one status=any;

    server {
        listen 127.0.0.1:%%PORT_http%%;
        access_log %%TESTDIR%%/result.log result;

        location / {
            proxy_pass http://127.0.0.1:%%PORT_app%%;
        }

        location /unbuffered/ {
            proxy_pass http://127.0.0.1:%%PORT_app%%/;
            proxy_buffering off;
        }

        location /early/ {
            webhook early.request to=one on=request;
            proxy_pass http://127.0.0.1:%%PORT_app%%/;
        }

        location /return { return 200 "returned"; }
        location /none { return 204; }
        location /static { root %%TESTDIR%%; }
        location /off { webhook off; return 200; }
    }

    server {
        listen 127.0.0.1:%%PORT_h2%% http2;

        location / {
            proxy_pass http://127.0.0.1:%%PORT_app%%;
        }
    }
}
EOC

###############################################################################

# every form of response is held until the flush, and complete after it

my @forms = (
	[ 'content-length', '/length/100' ],
	[ 'content-length above postpone_output', '/length/20000' ],
	[ 'large', '/length/300000' ],
	[ 'chunked', '/chunked/3000' ],
	[ 'empty', '/empty' ],
	[ 'proxied 204', '/status/204' ],
	[ 'proxied 304', '/status/304' ],
	[ 'proxied 500', '/status/500' ],
	[ 'unbuffered content-length', '/unbuffered/length/20000' ],
	[ 'unbuffered chunked', '/unbuffered/chunked/20000' ],
	[ 'unbuffered 204', '/unbuffered/status/204' ],
	[ 'return', '/return' ],
	[ 'return 204', '/none' ],
	[ 'static', '/static' ],
	[ 'head', '/length/100', 'HEAD' ],
	[ 'head of static', '/static', 'HEAD' ],
	[ 'not found', '/static/no' ],
	[ 'on=request', '/early/length/20000' ],
	[ 'on=request, chunked', '/early/chunked/20000' ],
	[ 'on=request, head', '/early/length/100', 'HEAD' ],
);

for (@forms) {
	my ($name, $uri, $method) = @$_;

	slow(0);
	my $plain = request($uri, $method);

	slow(150);
	my $before = flushes();
	my $held = request($uri, $method);

	is(body_of($held), body_of($plain), "$name - same response");
	cmp_ok(flushes(), '>', $before, "$name - after its flush");
}

slow(0);

SKIP: {
skip 'no nghttp', 2 unless h2();

slow(150);
my $before = flushes();
my $r = $t->h2('/length/20000', port => 'h2');
my $octets = 0;
$octets += $1 while $r->{out} =~ /recv DATA frame <length=(\d+)/g;
is($octets, 20000, 'http2 - same response');
cmp_ok(flushes(), '>', $before, 'http2 - after its flush');
}

# without an event there is nothing to wait for

slow(0);
wait_for(sub { $rx->count() == 41 }, 5, 'all delivered');
my $before = flushes();
is(get('/off')->{status}, 200, 'no event');
is(flushes(), $before, 'no flush');

# late: the response goes on, and so does its event, lest another overtakes it

$rx->forget();
$before = flushes();
slow(5000);
my $r = get('/return?late');
is($r->{status}, 200, 'response goes on after commit_timeout');
ok($t->wait_log(qr/late/, 5), 'late is logged');
ok($rx->wait_requests(1, 4), 'a late event is delivered');
is(flushes(), $before, 'before its flush has ended');
slow(0);
wait_for(sub { flushes() > $before }, 10, 'the flush');
is($rx->count(), 1, 'and not once more after it');
ok($t->wait_log(qr!/return\?late 200 late!, 5, undef, 'result.log'),
	'result is late');

# a client that goes away during the hold

slow(300);
$rx->forget();
$app->forget();
my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1:' . port('http'));
$s->print("GET /length/10 HTTP/1.1\r\nHost: a\r\n\r\n");
$app->wait_requests(1, 5);
close($s);
slow(0);
ok($rx->wait_requests(1, 10), 'event of a client that went away');

# group commit: many held at once

slow(100);
$before = flushes();
my @s = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1:' . port('http')) }
	1 .. 40;
$_->print("GET /return HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	for @s;
my $ok = grep { local $/; (readline($_) || '') =~ /200 OK.*returned/s } @s;
is($ok, 40, 'many held responses');
cmp_ok(flushes() - $before, '<', 40, 'share flushes');

# a flush that fails: late, alert, delivered

$rx->forget();
slow(-1);
is(get('/return?failed')->{status}, 200, 'response goes on after a failure');
ok($rx->wait_requests(1, 10), 'and its event is delivered');
ok($t->wait_log(qr!/return\?failed 200 late!, 5, undef, 'result.log'),
	'failed flush is late');
ok($t->wait_log(qr/\[alert\].*the journal could not be flushed/, 5),
	'failed flush is an alert');
slow(0);

$t->allow_alerts(qr/the journal could not be flushed/);

###############################################################################

sub request {
	my ($uri, $method) = @_;
	return http(($method || 'GET')
		. " $uri HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
		method => $method || 'GET');
}

sub body_of {
	my ($raw) = @_;
	$raw =~ s/^(Date|Last-Modified|ETag): .*?\r\n//gm;
	$raw =~ s/"conn":\d+//;
	return $raw;
}

sub slow {
	my ($ms) = @_;
	open(my $fh, '>', "$dir/slow.new") or die;
	print $fh "$ms\n";
	close($fh);
	rename("$dir/slow.new", "$dir/slow") or die;
}

# each completed flush is one octet in slow.log

sub flushes {
	return -s "$dir/slow.log" || 0;
}

###############################################################################

#!/usr/bin/perl

# The client never waits (G5): its response is complete while the attempt is
# in progress, or has not even begun.  What came first is read from the order
# of lines in the debug log, not from a clock.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Socket::INET;
use Time::HiRes qw/ time /;

use Test::Webhook qw/ :DEFAULT wait_for connect_port /;
use Test::Webhook::App;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new(debug => 1);

plan(skip_all => 'no --with-debug')
	unless (Test::Webhook::command($t->binary(), '-V'))[1] =~ /--with-debug/;

# what => [uri, method, status, body octets]

my @forms = (
	'return' => ['/return', 'GET', 200, 6],
	'HEAD' => ['/return', 'HEAD', 200, 0],
	'POST' => ['/return', 'POST', 200, 6],
	'empty' => ['/empty', 'GET', 200, 0],
	'204' => ['/204', 'GET', 204, 0],
	'304' => ['/app/304', 'GET', 304, 0],
	'redirect' => ['/redirect', 'GET', 302, undef],
	'error_page' => ['/error', 'GET', 404, 5],
	'static' => ['/small.txt', 'GET', 200, 5],
	'range' => ['/small.txt', 'GET', 206, 2, 'Range' => 'bytes=0-1'],
	'gzip' => ['/app/length/5000', 'GET', 200, undef,
		'Accept-Encoding' => 'gzip'],
	'proxied' => ['/app/length/100', 'GET', 200, 100],
	'proxied post' => ['/app/echo', 'POST', 200, undef],
	'proxied, many buffers' => ['/app/length/100000', 'GET', 200, 100000],
	'chunked' => ['/app/chunked/20000', 'GET', 200, 20000],
	'unbuffered' => ['/unbuffered/length/20000', 'GET', 200, 20000],
	'unbuffered chunked' => ['/unbuffered/chunked/20000', 'GET', 200, 20000],
	'bad gateway' => ['/app/close', 'GET', 502, undef],
);

my @names = map { $forms[2 * $_] } 0 .. $#forms / 2;
my %form = @forms;

my $h2 = h2() ? 1 : 0;

$t->plan(@names * 6 + 25);

my $rx = Test::Webhook::Receiver->new($t, port => 'rx',
	script => [{ hang => 1 }]);
my $silent = Test::Webhook::Receiver->new($t, port => 'silent',
	on_accept => 'hang');
my $app = Test::Webhook::App->new($t);

# a name server that never answers

my $dns = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1',
	LocalPort => port('dns')) or die "no name server: $!\n";

$t->write_file('small.txt', 'small');

my $location = sub {
	my ($to) = @_;

	return <<"EOC";
            webhook a.$to to=$to status=any;

            location /$to/return { return 200 return; }
            location /$to/empty { return 200; }
            location /$to/204 { return 204; }
            location /$to/redirect { return 302 /elsewhere; }
            location /$to/error { error_page 404 /$to/404; }
            location = /$to/404 { internal; return 404 error; }
            location /$to/small.txt { alias %%TESTDIR%%/small.txt; }

            location /$to/app/ {
                gzip on;
                gzip_types *;
                proxy_pass http://127.0.0.1:%%PORT_app%%/;
                proxy_http_version 1.1;
            }

            location /$to/unbuffered/ {
                proxy_pass http://127.0.0.1:%%PORT_app%%/;
                proxy_http_version 1.1;
                proxy_buffering off;
            }
EOC
};

my $locations = join '', map { "        location /$_/ {\n"
	. $location->($_) . "        }\n" } qw/ hang silent dns dead /;

$t->conf(<<"EOC")->run();
%%TEST_GLOBALS%%

worker_processes 1;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

    resolver 127.0.0.1:%%PORT_dns%% ipv6=off;
    resolver_timeout 60s;

    webhook_endpoint hang {
        url http://127.0.0.1:%%PORT_rx%%/;
        allow_http on;
        order none;
        concurrency 200;
        timeout 60s;
    }

    webhook_endpoint silent {
        url http://127.0.0.1:%%PORT_silent%%/;
        allow_http on;
        order none;
        concurrency 200;
        timeout 60s;
    }

    webhook_endpoint dns {
        url http://localhost:%%PORT_rx%%/;
        allow_http on;
        order none;
        concurrency 200;
        timeout 60s;
    }

    webhook_endpoint dead {
        url http://127.0.0.1:%%PORT_dead%%/;
        allow_http on;
        order none;
        concurrency 200;
        retry off;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;
        listen 127.0.0.1:%%PORT_h2%% http2;

        location = /plain { return 200 plain; }

$locations
    }
}
EOC

###############################################################################

# dead target: the last octets are with the kernel before it is known

for my $name (@names) {
	my $mark = $t->log_mark();
	my $r = request($name, 'dead');

	ok($r, "response, $name");

	$t->wait_log(qr/webhook attempt end: .*lane "dead" .* class connect /,
		10, $mark) or next;

	my ($octets, $begin, $end) = order($mark,
		qr! http request line: "\w+ /dead/!,
		qr/^writev: |^sendfile: |^send: |^http write filter 0{8,}$/);

	ok(defined $octets, "response is written, $name");
	cmp_ok($octets // 1e9, '<', $end // -1,
		"before the attempt ends, $name");
	cmp_ok($octets // 1e9, '<', $begin // -1,
		"and before it begins, $name");
}

SKIP: {
skip 'no nghttp', 3 unless $h2;

my $mark = $t->log_mark();
my $r = h2('/dead/app/length/100', port => 'h2');
is($r->{status}, 200, 'response, HTTP/2');
$t->wait_log(qr/webhook attempt end: .*lane "dead" /, 10, $mark);

my ($octets, $begin, $end) = order($mark, qr/ http2 send SETTINGS frame/,
	qr/^http2 frame sent: .* sid:[1-9]/);

ok(defined $octets, 'response is written, HTTP/2');
cmp_ok($octets // 1e9, '<', $end // -1, 'before the attempt ends, HTTP/2');

}

###############################################################################

# target that hangs: the response is complete while it does

for my $name (@names) {
	my $mark = $t->log_mark();

	ok(request($name, 'hang'), "response while the target hangs, $name");
	ok($t->wait_log(qr/webhook attempt begin: .*lane "hang" /, 10, $mark),
		"attempt is in progress, $name");
}

my $n = @names;

if ($h2) {
	h2('/hang/app/length/100', port => 'h2');
	$n++;
}

ok($rx->wait_requests($n, 10), 'target has got all');

# other ways not to answer

for my $to ('silent', 'dns') {
	my $s = connect_port('http');
	my $mark = $t->log_mark();

	is(get("/$to/app/length/100", -socket => $s)->{body}, 'x' x 100,
		"response, $to");
	ok($t->wait_log(qr/webhook attempt begin: .*lane "$to" /, 10, $mark),
		"attempt is in progress, $to");
	is(get('/plain', -socket => $s)->{body}, 'plain',
		"connection is of use meanwhile, $to");
}

# a kept alive connection is of use at once

my $s = connect_port('http');

for (1 .. 3) {
	my $r = get('/hang/return', -socket => $s);
	is($r->{body}, 'return', "kept alive connection, event $_");
}

is(get('/plain', -socket => $s)->{body}, 'plain',
	'kept alive connection, no event');

# for requests that are there already, too

$s = connect_port('http');
my $request = "GET /hang/app/chunked/5000 HTTP/1.1\x0d\x0aHost: a\x0d\x0a\x0d\x0a";
my $bytes = http($request x 3
	. "GET /plain HTTP/1.1\x0d\x0aHost: a\x0d\x0aConnection: close\x0d\x0a"
	. "\x0d\x0a", socket => $s, until_close => 1);

my @bodies;

for (1 .. 4) {
	my $r = parse_response($bytes);
	push @bodies, $r->{complete} ? length $r->{body} : 'incomplete';
	$bytes = $r->{rest} // '';
}

is(join(' ', @bodies), '5000 5000 5000 5', 'pipelined requests');

$n += 6;
ok($rx->wait_requests($n, 10), 'each has its attempt');

# a large body to a client that reads it: more than a socket takes at once

is(length get('/hang/app/length/8000000')->{body}, 8000000,
	'large response while the target hangs');
$n++;

# an application that is slow is as slow as it is, and another client is not

$s = connect_port('http');
syswrite $s, "GET /hang/app/delay/1 HTTP/1.1\x0d\x0aHost: a\x0d\x0a\x0d\x0a";
ok(wait_for(sub { grep { $_->{target} eq '/delay/1' } $app->requests() }, 5),
	'slow application');
is(get('/plain')->{body}, 'plain', 'does not stop another client');
like(Test::Webhook::read_response($s, 'GET', time() + 10),
	qr/ok$/, 'and its response is complete');
$n++;

# up to here no attempt has ended

ok($rx->wait_requests($n, 10), 'target has got all of them');
is($t->find_in_log(qr/webhook attempt end: .*lane "(?:hang|silent|dns)" /), 0,
	'and all attempts are still in progress');

# nor do they hold a connection of a client

undef $s;
ok(wait_for(sub { clients() == 0 }, 5), 'no connection of a client is left');

my $mark = $t->log_mark();

$rx->set(200);
$rx->release(200);

ok(wait_for(sub { $t->find_in_log(
	qr/webhook attempt end: .*lane "hang" .* class success /, $mark)
	== $n }, 20), 'all are delivered once the target answers');

ok($t->term(), 'nginx ends at once while the others never answer');

###############################################################################

# true if the response is as it should be, and complete

sub request {
	my ($name, $to) = @_;

	my ($uri, $method, $status, $length, @headers) = @{$form{$name}};

	push @headers, 'If-None-Match' => '*' if $status == 304;

	my $r = $method eq 'POST'
		? post("/$to$uri", 'x' x 50000, @headers)
		: get("/$to$uri", -method => $method, @headers);

	return $r->{complete} && $r->{status} == $status
		&& (!defined $length || length $r->{body} == $length)
		|| diag("$name: $r->{status} " . length $r->{body}) && 0;
}

# numbers of lines in the log: of the last one by which octets were handed to
# the kernel, on the connection with a line like the first one, and those of
# an attempt's beginning and end

sub order {
	my ($from, $first, $octets) = @_;

	my @lines = split /\n/, Test::Webhook::slurp($t->log_path(), $from);
	my ($conn, $last, $begin, $end);

	for my $i (0 .. $#lines) {
		if ($lines[$i] =~ /\[debug\] \d+#\d+: \*(\d+) (.*)$/) {
			my ($c, $text) = ($1, $2);

			$conn = $c if !$conn && " $text" =~ $first;
			$last = $i if $conn && $c == $conn
				&& $text =~ $octets;
			next;
		}

		$begin = $i if $lines[$i] =~ /webhook attempt begin: /;
		$end = $i if $lines[$i] =~ /webhook attempt end: /;
	}

	return ($last, $begin, $end);
}

# connections of clients that the worker still has

sub clients {
	my $port = sprintf '%04X', port('http');

	return scalar grep {
		my (undef, $local, undef, $state) = split;
		defined $local && $local =~ /:$port$/ && $state eq '01';
	} split /\n/, Test::Webhook::slurp('/proc/net/tcp', 0);
}

###############################################################################

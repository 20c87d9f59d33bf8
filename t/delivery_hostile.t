#!/usr/bin/perl

# Tests for delivery to targets that answer badly, endlessly, slowly, or not
# at all, that want to steer nginx, or that drop kept alive connections.

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

my $t = Test::Webhook->new();

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');
my $abrupt = Test::Webhook::Receiver->new($t, port => 'abrupt',
	on_accept => 'reset');
my $silent = Test::Webhook::Receiver->new($t, port => 'silent',
	on_accept => 'hang');

my $crlf = "\x0d\x0a";
my $ok = "HTTP/1.1 200 OK$crlf";
my $two = "Content-Length: 2$crlf";

sub raw { return { raw => join('', @_) } }

# every case has an endpoint, and a location with its trigger:
# name => [what, action, class, status]

my @cases = (

	# not HTTP

	garbage => ['garbage', raw("\x16\x03\x01\0\xffgarbage$crlf$crlf"),
		'broken', 0],
	http09 => ['body without a header, as of HTTP/0.9',
		raw("<html><p>hello</p></html>\n"), 'broken', 0],
	http2 => ['HTTP/2 preface',
		raw("PRI * HTTP/2.0$crlf${crlf}SM$crlf$crlf"), 'broken', 0],
	empty => ['empty lines', raw($crlf x 100), 'broken', 0],
	nuls => ['a lot of NULs', raw("\0" x 100000), 'broken', 0],

	# status line

	http10 => ['HTTP/1.0', raw("HTTP/1.0 200 OK$crlf$two${crlf}ok"),
		'success', 200],
	http10close => ['HTTP/1.0 without a length',
		raw("HTTP/1.0 200 OK$crlf${crlf}ok"), 'success', 200],
	noreason => ['no reason phrase', raw("HTTP/1.1 200$crlf$two${crlf}ok"),
		'success', 200],
	longreason => ['endless reason phrase',
		raw('HTTP/1.1 200 ', 'x' x 200000, "$crlf$two${crlf}ok"),
		'broken', 0],
	fullreason => ['reason phrase that fills the buffer',
		raw('HTTP/1.1 500 ', 'x' x 4083, "$crlf$two${crlf}ok"),
		'broken', 0],
	fullspaces => ['status line whose status is cut by the buffer',
		raw('HTTP/1.1', ' ' x 4086, "500 X$crlf$two${crlf}ok"),
		'broken', 0],
	s099 => ['status 099', raw("HTTP/1.1 099 X$crlf$two${crlf}ok"),
		'broken', 0],
	s000 => ['status 000', raw("HTTP/1.1 000 X$crlf$two${crlf}ok"),
		'broken', 0],
	s20 => ['status of two digits', raw("HTTP/1.1 20$crlf$two${crlf}ok"),
		'broken', 0],
	s2000 => ['status of four digits',
		raw("HTTP/1.1 2000 OK$crlf$two${crlf}ok"), 'broken', 0],
	s999 => ['status 999', { status => 999 }, 'status', 999],
	s444 => ['status 444', { status => 444 }, 'status', 444],
	s499 => ['status 499', { status => 499 }, 'status', 499],
	s500 => ['status 500', { status => 500 }, 'status', 500],
	s502 => ['status 502', { status => 502 }, 'status', 502],
	s504 => ['status 504', { status => 504 }, 'status', 504],
	s304 => ['status 304', { status => 304 }, 'redirect', 304],
	s204 => ['status 204 with a body',
		raw("HTTP/1.1 204 No$crlf${crlf}body"), 'success', 204],

	# 1xx and 101

	interim => ['1xx before the final answer',
		{ interim => [100, 102, 103, 103], status => 201 },
		'success', 201],
	interimonly => ['nothing behind 1xx',
		raw("HTTP/1.1 100 Continue$crlf$crlf"), 'broken', 0],
	interimlength => ['lengths in 1xx do not count',
		raw("HTTP/1.1 103 Hints${crlf}Content-Length: 5$crlf",
		"Transfer-Encoding: chunked$crlf$crlf", "$ok$two${crlf}ok"),
		'success', 200],
	interims => ['endless 1xx',
		raw("HTTP/1.1 103 Early Hints$crlf$crlf" x 5000), 'broken', 0],
	switch => ['status 101', raw("HTTP/1.1 101 Switching$crlf",
		"Upgrade: x$crlf${crlf}data"), 'broken', 0],

	# length

	truncated => ['truncated body',
		raw("${ok}Content-Length: 100$crlf${crlf}short"),
		'broken', 200],
	nobody => ['no body at all',
		raw("${ok}Content-Length: 100$crlf$crlf"), 'broken', 200],
	truncated500 => ['truncated body of a failure',
		raw("HTTP/1.1 500 X${crlf}Content-Length: 100$crlf$crlf"),
		'broken', 500],
	conflict => ['conflicting Content-Length',
		raw("$ok${two}Content-Length: 3$crlf${crlf}okx"),
		'broken', 0],
	repeated => ['repeated Content-Length',
		raw("$ok$two$two${crlf}ok"), 'success', 200],
	negative => ['negative Content-Length',
		raw("${ok}Content-Length: -2$crlf${crlf}ok"), 'broken', 0],
	notnumber => ['Content-Length is no number',
		raw("${ok}Content-Length: 0x2$crlf${crlf}ok"), 'broken', 0],
	overflow => ['Content-Length overflows',
		raw("${ok}Content-Length: 9223372036854775808$crlf${crlf}ok"),
		'broken', 0],
	both => ['Content-Length and chunked',
		raw("$ok${two}Transfer-Encoding: chunked$crlf${crlf}",
		"0$crlf$crlf"), 'broken', 0],
	extra => ['more octets than announced',
		raw("$ok$two${crlf}ok", 'x' x 10000), 'success', 200],

	# chunks

	chunked => ['chunked', { chunked => 1, body => 'x' x 5000,
		chunk_size => 7 }, 'success', 200],
	trailers => ['extensions and trailers',
		raw("${ok}Transfer-Encoding: Chunked$crlf$crlf",
		"2;a=\"b\"$crlf", "ok$crlf", "0$crlf", "Trailer: x$crlf$crlf"),
		'success', 200],
	cutchunk => ['truncated chunk',
		raw("${ok}Transfer-Encoding: chunked$crlf${crlf}10${crlf}cut"),
		'broken', 200],
	cutchunks => ['no last chunk',
		raw("${ok}Transfer-Encoding: chunked$crlf${crlf}2${crlf}ok",
		$crlf), 'broken', 200],
	badchunk => ['bad chunk size',
		raw("${ok}Transfer-Encoding: chunked$crlf${crlf}zz$crlf"),
		'broken', 200],
	minuschunk => ['negative chunk size',
		raw("${ok}Transfer-Encoding: chunked$crlf${crlf}-2${crlf}ok"),
		'broken', 200],
	bigchunk => ['chunk size overflows',
		raw("${ok}Transfer-Encoding: chunked$crlf${crlf}",
		'f' x 17, "${crlf}ok"), 'broken', 200],
	gzip => ['transfer encoding that was not asked for',
		raw("${ok}Transfer-Encoding: gzip, chunked$crlf$crlf",
		"0$crlf$crlf"), 'broken', 0],
	chunkedtwice => ['chunked twice',
		raw("${ok}Transfer-Encoding: chunked$crlf",
		"Transfer-Encoding: chunked$crlf$crlf", "0$crlf$crlf"),
		'broken', 0],

	# header

	bighead => ['header of 40 KB', { headers => [map {
		("X-Header-$_", 'v' x 100) } 1 .. 350] }, 'success', 200],
	hugehead => ['header of 200 KB', { headers => [map {
		("X-Header-$_", 'v' x 1000) } 1 .. 200] }, 'broken', 0],
	hugeheader => ['one header line of 1 MB',
		{ headers => ['X-Header', 'v' x 1000000] }, 'broken', 0],
	hugename => ['header name of 1 MB',
		{ headers => ['x' x 1000000, 'v'] }, 'broken', 0],
	nul => ['NUL in a header value',
		raw("$ok${two}X-Header: a\0b$crlf${crlf}ok"), 'broken', 0],
	nulname => ['NUL in a header name',
		raw("$ok${two}X-He\0der: b$crlf${crlf}ok"), 'broken', 0],
	lf => ['header with bare LF',
		raw("HTTP/1.1 200 OK\nContent-Length: 2\n\nok"),
		'success', 200],

	# bodies

	mb3 => ['body of 3 MB', { huge => 3000000 }, 'success', 200],
	mb3chunked => ['chunked body of 3 MB',
		{ huge => 3000000, chunked => 1, status => 500 },
		'status', 500],
	until => ['body until the close', { no_length => 1 }, 'success', 200],
	mb3until => ['body of 3 MB until the close',
		{ huge => 3000000, no_length => 1 }, 'success', 200],

	# early answers and closes

	early => ['answer before the request was read',
		{ early => 1, status => 413 }, 'status', 413],
	reset => ['reset', { reset => 1 }, 'broken', 0],
	before => ['close without an answer', { close => 'before' },
		'broken', 0],
	inheader => ['close in the header', { close => 'header' },
		'broken', 0],
	inbody => ['close in the body',
		{ close => 'body', body => 'x' x 1000 }, 'broken', 200],
	inchunked => ['close in a chunked body',
		{ close => 'body', chunked => 1, body => 'x' x 1000 },
		'broken', 200],
	abrupt => ['reset when connected', undef, qr/connect|broken/, 0,
		$abrupt],

	# steering: see below

	redirect => ['redirect', { status => 302,
		headers => { Location => '/internal' } }, 'redirect', 302],
	selfredirect => ['redirect to a whole url', { status => 308,
		headers => { Location => $rx->url('/internal') } },
		'redirect', 308],
	accel => ['X-Accel-Redirect', { body => 'x' x 20000, headers => {
		'X-Accel-Redirect' => '/internal',
		'X-Accel-Limit-Rate' => 1,
		'X-Accel-Buffering' => 'yes',
		'X-Accel-Expires' => 86400,
		'X-Accel-Charset' => 'koi8-r',
		'X-Sendfile' => '/etc/passwd',
		'Set-Cookie' => 'a=b',
		'Refresh' => '0; url=/internal',
		'Location' => '/internal',
		'Cache-Control' => 'max-age=3600',
		'Vary' => '*',
		'WWW-Authenticate' => 'Basic realm=x',
		'Content-Encoding' => 'gzip',
		} }, 'success', 200],
	accelnamed => ['X-Accel-Redirect to a named location',
		{ headers => { 'X-Accel-Redirect' => '@fallback' } },
		'success', 200],
	accelfailed => ['X-Accel-Redirect of a failure', { status => 404,
		headers => { 'X-Accel-Redirect' => '/internal' } },
		'status', 404],
	s401 => ['status 401', { status => 401, headers => {
		'WWW-Authenticate' => 'Basic realm=x' } }, 'status', 401],

	# slow ones

	trickle => ['an octet in 0.1 seconds', { trickle => 0.1 },
		'timeout', 0],
	tricklebody => ['a body octet in 0.1 seconds', { trickle => 0.1,
		trickle_from => 'body', body => 'x' x 1000 },
		'timeout', 200],
	trickle1xx => ['a 1xx octet in 0.1 seconds', { trickle => 0.1,
		raw => "HTTP/1.1 103 Hints$crlf$crlf" x 100 }, 'timeout', 0],
	hang => ['no answer', { hang => 1 }, 'timeout', 0],
	hangheader => ['half a header', { hang => 'header' }, 'timeout', 0],
	hangbody => ['half a body', { hang => 'body', body => 'x' x 100 },
		'timeout', 200],
	silent => ['connection, and nothing else', undef, 'timeout', 0,
		$silent],
);

sub visit { return get($_[0], -port => 'http') }

my %case = @cases;
my @names = map { $cases[2 * $_] } 0 .. $#cases / 2;
my @more = qw/ huge hugechunked endless hints dead lost half smuggle /;

$t->plan(@names + 39);

my $endpoints = join '', map { <<EOC } @names, @more;

    webhook_endpoint $_ {
        url http://127.0.0.1:@{[ ($case{$_}[4] || $rx)->port() ]}/$_;
        allow_http on;
        timeout @{[ ($case{$_}[2] || '') eq 'timeout' ? '1s' : '10s' ]};
        retry off;
    }
EOC

my $locations = join '', map {
	"        location = /$_ { webhook a.$_ to=$_; return 200; }\n"
} @names, @more;

# what the operator says to the first server is not meant for deliveries

$t->conf(<<"EOC")->run();
%%TEST_GLOBALS%%

worker_processes 1;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    log_subrequest on;
    recursive_error_pages on;
    error_page 400 401 404 413 500 502 503 504 /internal;
    gzip on;

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

    webhook_endpoint wait {
        url http://127.0.0.1:%%PORT_rx%%/wait;
        allow_http on;
        retry 300ms;
    }
$endpoints
    server {
        listen 127.0.0.1:%%PORT_first%%;

        limit_rate 100;
        send_timeout 1ms;
        resolver_timeout 1ms;
        proxy_read_timeout 1ms;
        proxy_intercept_errors on;
        satisfy any;
        deny all;

        location /internal { return 200 first; }
        location \@fallback { return 200 first; }
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location / { return 404; }
        location /internal { return 200 internal; }
        location \@fallback { return 200 fallback; }
        location = /wait { webhook a.wait to=wait; return 200; }
$locations
    }
}
EOC

###############################################################################

# all at once

$rx->set(rules => { (map { ("/$_" => [$case{$_}[1]]) }
	grep { $case{$_}[1] } @names), '*' => 200 });

visit("/$_") for @names;

for my $name (@names) {
	my ($what, undef, $class, $status) = @{$case{$name}};

	my $line = ended($name);
	like($line, qr/ class $class status $status\b/, $what);
}

is($t->find_in_log(qr/ class local /), 0, 'nothing is our fault');

# each is one attempt, and one line

my %failed;
$failed{$_}++ for map { /endpoint: "(\w+)"/ }
	$t->find_in_log(qr/webhook attempt failed: /);

is(join(' ', sort keys %failed), join(' ', sort grep {
	$case{$_}[2] ne 'success' } @names),
	'failed attempts are logged, and no others');
is(scalar(grep { $_ != 1 } values %failed), 0, 'once');

# the answers steer nothing

my @access = split /\n/, $t->read_file('access.log');

is(scalar(@access), scalar(@names), 'access log has the client requests only');
is(scalar(grep { m!internal|fallback! } @access), 0, 'no internal request');
is(scalar(grep { $_->{target} =~ /internal/ } $rx->requests()), 0,
	'and none to the target');
is(scalar(grep { join(' ', keys %{$_->{header}}) =~ /cookie/i }
	$rx->requests()), 0, 'no cookie comes back');

# timeouts are those of the whole attempt

my @ms = map { / ms (\d+) / }
	$t->find_in_log(qr/webhook attempt end: .* class timeout /);

is(scalar(@ms), scalar(grep { $case{$_}[2] eq 'timeout' } @names),
	'durations of timeouts');
is(scalar(grep { $_ < 950 } @ms), 0, 'not before the deadline');

###############################################################################

# endless bodies: the status ends the attempt, and nothing is kept of them

my @huge = ('huge', 'hugechunked', 'endless');

$rx->set(rules => {
	'/huge' => { huge => 100e6 },
	'/hugechunked' => { huge => 100e6, chunked => 1, status => 500 },
	'/endless' => { huge => 100e6, no_length => 1 },
	'*' => 200,
});

my ($worker) = $t->workers();
my $rss;

for my $round (0 .. 10) {
	my $mark = $t->log_mark();

	visit("/$_") for @huge;
	my @lines = map { ended($_, $mark) } @huge;

	if ($round == 0) {
		like($lines[0], qr/ class success status 200\b/,
			'body of 100 MB');
		like($lines[1], qr/ class status status 500\b/,
			'chunked body of 100 MB');
		like($lines[2], qr/ class success status 200\b/,
			'body of 100 MB until the close');

		$rss = rss($worker);
	}
}

my $grown = rss($worker) - $rss;

ok($rss, 'memory of the worker');

SKIP: {
skip 'a sanitizer keeps freed memory', 1 if $ENV{TEST_NGINX_PRELOAD}
	|| $ENV{TEST_WEBHOOK_ASAN};

cmp_ok($grown, '<', 512, 'does not grow with bodies');

}

# what is not read is not received: the connections were closed by nginx

ok(wait_for(sub { $rx->events('close') >= 33 }, 5),
	'endless bodies are not read to the end');

# nor does each of many answers before the final one cost a page of memory

$rx->set(rules => { '/hints' => { raw => "HTTP/1.1 103\n\n" x 4600 },
	'*' => 200 });

my $peak = rss($worker, 'VmHWM');

visit('/hints');
like(ended('hints'), qr/ class broken status 0\b/, 'thousands of 1xx');

SKIP: {
skip 'a sanitizer keeps freed memory', 1 if $ENV{TEST_NGINX_PRELOAD}
	|| $ENV{TEST_WEBHOOK_ASAN};

cmp_ok(rss($worker, 'VmHWM') - $peak, '<', 4096, 'take little memory');

}

###############################################################################

# a kept alive connection that was closed meanwhile is no failed attempt

$rx->set(rules => { '*' => 200 });
deliver('dead');

for my $how ('close', 'reset') {
	my ($conn) = map { $_->{conn} } deliver('dead');
	my $mark = $t->log_mark();

	$how eq 'close' ? $rx->close_connections(1)
		: $rx->reset_connections(1);

	my @r = deliver('dead', $mark);

	is(scalar(@r), 1, "one webhook is received after a $how");
	isnt($r[0]{conn}, $conn, "by another connection after a $how");
	is($t->find_in_log(qr/attempt failed/, $mark), 0,
		"and no attempt has failed after a $how");
}

# one that is found dead only when the request was sent: the target has got
# it twice then, as the same attempt

for my $action ({ close => 'before' }, { reset => 1 }) {
	my ($how) = keys %$action;

	$rx->set(rules => { '/lost' => [200, $action, 200], '*' => 200 });
	deliver('lost');

	my $mark = $t->log_mark();
	my @r = deliver('lost', $mark);

	is(scalar(@r), 2, "sent again at once, $how");
	is(($r[1] || {})->{header}{'webhook-id'},
		$r[0]{header}{'webhook-id'}, "with the same id, $how");
	isnt($r[0]{conn}, ($r[1] || $r[0])->{conn},
		"by a new connection, $how");
	is($t->find_in_log(qr/attempt failed/, $mark), 0,
		"which is no failed attempt, $how");
	is($t->find_in_log(qr/webhook attempt begin: .*"lost"/, $mark), 1,
		"and one attempt, $how");
}

# but one that has begun to answer was not dead, nor is a new one

$rx->set(rules => { '/half' => [200, { close => 'header' }, 200],
	'*' => 200 });
deliver('half');

my $mark = $t->log_mark();
is(scalar(deliver('half', $mark)), 1, 'one that has answered is not asked again');
like(ended('half', $mark), qr/ class broken status 0\b/,
	'answer cut short is a failure');

# an answer that nobody has asked for is not one to the next webhook

my $answer = "HTTP/1.1 500 X$crlf$two${crlf}no";

$rx->set(rules => { '/smuggle' => [{ raw => "$ok$two${crlf}ok$answer",
	keep => 1 }, 200], '*' => 200 });

my ($first) = deliver('smuggle');
$mark = $t->log_mark();
my ($second) = deliver('smuggle', $mark);

isnt($second->{conn}, $first->{conn},
	'connection with more than the answer is not kept');
like(ended('smuggle', $mark), qr/ class success status 200\b/,
	'so that nothing is taken for the next answer');

###############################################################################

# Retry-After that cannot be understood is none

$rx->forget();
$rx->set(rules => { '/wait' => [{ status => 503, headers => {
	'Retry-After' => 'never' } }, 200], '*' => 200 });

visit('/wait');
ok($rx->wait_requests(2, 5), 'bad Retry-After is none');

# the worker has survived all of this

is(join(' ', $t->workers()), $worker, 'same worker');

###############################################################################

# how the attempt has ended

sub ended {
	my ($name, $mark) = @_;

	return $t->wait_log(qr/webhook attempt end: .*lane "$name" /, 12,
		$mark || 0) || '';
}

# the requests received for one event, after its end

sub deliver {
	my ($name, $mark) = @_;

	$mark = $t->log_mark() unless defined $mark;
	$rx->forget();

	visit("/$name");
	ended($name, $mark);

	return $rx->requests();
}

sub rss {
	my ($pid, $which) = @_;

	$which ||= 'RssAnon';

	my ($kb) = Test::Webhook::slurp("/proc/$pid/status", 0)
		=~ /^$which:\s+(\d+) kB/m;

	return $kb;
}

###############################################################################

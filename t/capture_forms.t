#!/usr/bin/perl

# Tests for capture: every form of response makes one event, and reaches the
# client as it does without a trigger.  Then which requests are which events.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use File::Path qw/ make_path /;
use Socket qw/ SOL_SOCKET SO_LINGER /;

use Test::Webhook qw/ :DEFAULT connect_port find_in_log /;
use Test::Webhook::App;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $CRLF = "\x0d\x0a";

my $t = Test::Webhook->new();

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');
my $app = Test::Webhook::App->new($t, port => 'app');

# what the application does not do

my $odd = Test::Webhook::Receiver->new($t, port => 'odd', rules => {
	'/101' => { raw => "HTTP/1.1 101 Switching Protocols${CRLF}"
		. "Upgrade: some${CRLF}Connection: upgrade${CRLF}${CRLF}hello" },
	'/trickle' => { trickle => 0.002, trickle_from => 'body',
		body => 'slow' x 5 },
	'/cutchunked' => { raw => "HTTP/1.1 200 OK${CRLF}"
		. "Transfer-Encoding: chunked${CRLF}${CRLF}"
		. "3e8${CRLF}" . 'c' x 500 },
	'/garbage' => { raw => 'not HTTP at all' . $CRLF },
	'*' => { body => 'odd' },
});

static('empty', '');
static('f1', 'f');
static('f100', join('', map { chr(65 + $_ % 26) } 1 .. 100));
static('f5000', join('', map { "line $_\n" } 1 .. 600));
static('f300000', join('', map { "$_\n" } 1 .. 50000));
static('dir/index.html', 'the index');
static('list/one', '1');
static('ssi.html', 'begin <!--#include virtual="/part" --> and '
	. '<!--#include virtual="/p/chunked/3000" --> end');
static('sub.html', 'some text with a word');
static('f100.gz', 'precompressed, as it is said');

# locations of two servers each for HTTP/1 and HTTP/2: without a trigger, and
# with one

$t->write_file_expand('forms.conf', <<'EOC');
root %%TESTDIR%%/html;
absolute_redirect off;
proxy_http_version 1.1;

location / { }
location /p/ { proxy_pass http://127.0.0.1:%%PORT_app%%/; }
location /nb/ {
    proxy_pass http://127.0.0.1:%%PORT_app%%/;
    proxy_buffering off;
}
location /po/ {
    proxy_pass http://127.0.0.1:%%PORT_app%%/;
    postpone_output 0;
}
location /tmp/ {
    proxy_pass http://127.0.0.1:%%PORT_app%%/;
    proxy_buffers 2 4k;
    proxy_buffer_size 4k;
    proxy_busy_buffers_size 4k;
}
location /cache/ {
    proxy_pass http://127.0.0.1:%%PORT_app%%/;
    proxy_cache one;
    proxy_cache_key $server_port$uri;
    proxy_cache_valid any 10m;
    proxy_force_ranges on;
    add_header X-Cache $upstream_cache_status always;
}
location /small/ {
    client_max_body_size 1k;
    lingering_timeout 20ms;
    proxy_pass http://127.0.0.1:%%PORT_app%%/;
}
location /odd/ { proxy_pass http://127.0.0.1:%%PORT_odd%%/; }
location /up/ {
    proxy_pass http://127.0.0.1:%%PORT_odd%%/;
    proxy_set_header Upgrade some;
    proxy_set_header Connection upgrade;
}
location /gzip/ {
    gzip on;
    gzip_types *;
    gzip_min_length 1;
    alias %%TESTDIR%%/html/;
}
location /gzipped/ {
    gzip on;
    gzip_types *;
    gzip_min_length 1;
    proxy_pass http://127.0.0.1:%%PORT_app%%/;
}
location /gzstatic/ { gzip_static always; alias %%TESTDIR%%/html/; }
location /sendfile/ { sendfile on; alias %%TESTDIR%%/html/; }
location /nosendfile/ { sendfile off; alias %%TESTDIR%%/html/; }
location /aio/ { sendfile off; aio threads; alias %%TESTDIR%%/html/; }
location /limited/ { limit_rate 50k; limit_rate_after 4k; alias %%TESTDIR%%/html/; }
location /chunkless/ {
    chunked_transfer_encoding off;
    proxy_pass http://127.0.0.1:%%PORT_app%%/;
}
location /ssi/ { ssi on; alias %%TESTDIR%%/html/; }
location /part { return 200 "a part"; }
location /added/ { add_after_body /part; add_before_body /f1; alias %%TESTDIR%%/html/; }
location /sub/ { sub_filter word "longer word"; alias %%TESTDIR%%/html/; }
location /mirror/ { mirror /part; proxy_pass http://127.0.0.1:%%PORT_app%%/; }
location /auth/ { auth_request /part; alias %%TESTDIR%%/html/; }
location /authno/ { auth_request /r403; alias %%TESTDIR%%/html/; }
location /post/ { post_action /f1; alias %%TESTDIR%%/html/; }
location /list/ { autoindex on; }
location /gif { empty_gif; }
location /r200 { return 200 "text returned"; }
location /r200empty { return 200 ""; }
location /r204 { return 204; }
location /r302 { return 302 /elsewhere; }
location /r403 { return 403; }
location /r444 { return 444; }
location /r500 { return 500; }
location /rewritten/ { rewrite ^/rewritten/(.*) /$1 last; }
location /denied { deny all; }
location /dead { proxy_pass http://127.0.0.1:%%PORT_dead%%; }
location /ep/ { error_page 404 /f100; }
location /ep200/ { error_page 404 =200 /f100; }
location /epuri/ { error_page 404 =302 http://localhost/elsewhere; }
location /epnamed/ { error_page 404 @named; }
location /epintercept/ {
    proxy_intercept_errors on;
    error_page 500 503 = @named;
    proxy_pass http://127.0.0.1:%%PORT_app%%/;
}
location /epreturn/ { error_page 404 = /r204; }
location /ep412/ { error_page 412 /f100; alias %%TESTDIR%%/html/; }
location /ep416/ { error_page 416 /f100; alias %%TESTDIR%%/html/; }
location /ep412named/ { error_page 412 @named; alias %%TESTDIR%%/html/; }
location /ep502 { error_page 502 =200 /f100; proxy_pass http://127.0.0.1:%%PORT_dead%%; }
location @named {
    rewrite ^ /length/7? break;
    proxy_pass http://127.0.0.1:%%PORT_app%%;
}
location /try/ { try_files /none /f100; }
location /trycode/ { try_files /none =410; }
location /trynamed/ { try_files /none @named; }
location /accel/ { proxy_pass http://127.0.0.1:%%PORT_app%%/; }
location /internal/ { internal; alias %%TESTDIR%%/html/; }
EOC

# names of forms, method, URI, status; further: headers, body, version, and
# events => 0

my $old = 'Sun, 09 Sep 2001 01:46:40 GMT';
my $older = 'Sat, 01 Jan 2000 00:00:00 GMT';
my $accel = 'header=X-Accel-Redirect:';
my @zip = ('Accept-Encoding: gzip');

my @forms = (
	['length below postpone_output', GET => '/p/length/100', 200],
	['length above postpone_output', GET => '/p/length/20000', 200],
	['length of postpone_output', GET => '/p/length/1460', 200],
	['300 KB', GET => '/p/length/300000', 200],
	['300 KB through a temporary file', GET => '/tmp/length/300000', 200],
	['length 0', GET => '/p/empty', 200],
	['chunked', GET => '/p/chunked/5000', 200],
	['chunked, 300 KB', GET => '/p/chunked/300000', 200],
	['chunked and empty', GET => '/p/chunked/0', 200],
	['until close', GET => '/p/nolength/5000', 200],
	['204', GET => '/p/204', 204],
	['304', GET => '/p/304', 304],
	['404', GET => '/p/status/404', 404],
	['500', GET => '/p/status/500', 500],
	['HEAD with length', HEAD => '/p/length/100', 200],
	['HEAD with chunked', HEAD => '/p/chunked/100', 200],
	['HEAD with length 0', HEAD => '/p/empty', 200],
	['HEAD with 204', HEAD => '/p/204', 204],
	['HEAD with 500', HEAD => '/p/status/500', 500],
	['POST', POST => '/p/length/9', 200, body => 'some body'],
	['PUT', PUT => '/p/status/201', 201, body => '{"a":1}'],
	['DELETE', DELETE => '/p/204', 204],
	['unknown method', BREW => '/p/length/9', 200],
	['chunked request', POST => '/p/length/9', 200,
		headers => ['Transfer-Encoding: chunked'],
		body => "5${CRLF}hello${CRLF}0${CRLF}${CRLF}"],

	['unbuffered length', GET => '/nb/length/20000', 200],
	['unbuffered 300 KB', GET => '/nb/length/300000', 200],
	['unbuffered chunked', GET => '/nb/chunked/20000', 200],
	['unbuffered until close', GET => '/nb/nolength/5000', 200],
	['unbuffered length 0', GET => '/nb/empty', 200],
	['unbuffered 204', GET => '/nb/204', 204],
	['unbuffered 304', GET => '/nb/304', 304],
	['unbuffered HEAD', HEAD => '/nb/length/100', 200],
	['unbuffered HEAD with chunked', HEAD => '/nb/chunked/100', 200],
	['postpone_output 0, length', GET => '/po/length/1000', 200],
	['postpone_output 0, chunked', GET => '/po/chunked/20000', 200],
	['trickled body', GET => '/odd/trickle', 200],

	['HTTP/1.0', GET => '/p/length/100', 200, version => '1.0'],
	['HTTP/1.0 with chunked', GET => '/p/chunked/5000', 200,
		version => '1.0'],
	['HTTP/1.0 static', GET => '/f5000', 200, version => '1.0'],
	['HTTP/1.0 HEAD', HEAD => '/f5000', 200, version => '1.0'],
	['HTTP/0.9', GET => '/f100', 200, version => '0.9'],
	['chunked_transfer_encoding off', GET => '/chunkless/chunked/5000',
		200],

	['cached miss', GET => '/cache/length/5000', 200],
	['cached hit', GET => '/cache/length/5000', 200],
	['cached hit by HEAD', HEAD => '/cache/length/5000', 200],
	['cached chunked miss', GET => '/cache/chunked/300000', 200],
	['cached chunked hit', GET => '/cache/chunked/300000', 200],
	['cached range', GET => '/cache/length/5000', 206,
		headers => ['Range: bytes=5-9']],
	['cached miss by HEAD', HEAD => '/cache/length/77', 200],
	['cached 204 miss', GET => '/cache/204', 204],
	['cached 204 hit', GET => '/cache/204', 204],
	['cached 404 miss', GET => '/cache/status/404', 404],
	['cached 404 hit', GET => '/cache/status/404', 404],

	(map {
		my ($name, $uri) = @$_;
		map {
			["$name, $_->[0]", GET => "$uri/$_->[1]", 200],
			["$name, $_->[0], HEAD", HEAD => "$uri/$_->[1]", 200]
		} ['empty', 'empty'], ['small', 'f100'], ['5 KB', 'f5000'],
			['300 KB', 'f300000'];
	} ['static', ''], ['sendfile', '/sendfile'],
		['sendfile off', '/nosendfile'], ['aio threads', '/aio']),

	['limit_rate', GET => '/limited/f5000', 200],
	['static 404', GET => '/none', 404],
	['static 404, HEAD', HEAD => '/none', 404],
	['static 405', POST => '/f100', 405, body => 'some body'],
	['index', GET => '/dir/', 200],
	['redirect to directory', GET => '/dir', 301],
	['autoindex', GET => '/list/', 200],
	['empty_gif', GET => '/gif', 200],
	['304 by If-Modified-Since', GET => '/f100', 304,
		headers => ["If-Modified-Since: $old"]],
	['412', GET => '/f100', 412,
		headers => ["If-Unmodified-Since: $older"]],
	['range 206', GET => '/f5000', 206, headers => ['Range: bytes=10-19']],
	['range 206, HEAD', HEAD => '/f5000', 206,
		headers => ['Range: bytes=10-19']],
	['ranges 206', GET => '/f5000', 206,
		headers => ['Range: bytes=0-0,5-9']],
	['range to the end', GET => '/f5000', 206,
		headers => ['Range: bytes=-5']],
	['range 416', GET => '/f100', 416,
		headers => ['Range: bytes=9999-']],
	['range 416, HEAD', HEAD => '/f100', 416,
		headers => ['Range: bytes=9999-']],
	['cached range, HEAD', HEAD => '/cache/length/5000', 206,
		headers => ['Range: bytes=5-9']],
	['range of empty', GET => '/empty', 416,
		headers => ['Range: bytes=9999-']],

	['gzip', GET => '/gzip/f5000', 200, headers => \@zip],
	['gzip, 300 KB', GET => '/gzip/f300000', 200, headers => \@zip],
	['gzip, HEAD', HEAD => '/gzip/f5000', 200, headers => \@zip],
	['gzip of empty', GET => '/gzip/empty', 200, headers => \@zip],
	['gzip of proxied', GET => '/gzipped/length/5000', 200,
		headers => \@zip],
	['gzip of chunked', GET => '/gzipped/chunked/5000', 200,
		headers => \@zip],
	['gzip not accepted', GET => '/gzip/f5000', 200],
	['gzip_static', GET => '/gzstatic/f100', 200, headers => \@zip],
	['SSI with subrequests', GET => '/ssi/ssi.html', 200],
	['SSI, HEAD', HEAD => '/ssi/ssi.html', 200],
	['additions', GET => '/added/sub.html', 200],
	['sub_filter', GET => '/sub/sub.html', 200],
	['mirror', GET => '/mirror/length/50', 200],
	['mirror of POST', POST => '/mirror/length/50', 200, body => 'body'],
	['auth_request', GET => '/auth/f100', 200],
	['auth_request denied', GET => '/authno/f100', 403],
	['post_action', GET => '/post/f100', 200],

	['return', GET => '/r200', 200],
	['return, HEAD', HEAD => '/r200', 200],
	['return of nothing', GET => '/r200empty', 200],
	['return 204', GET => '/r204', 204],
	['return 302', GET => '/r302', 302],
	['return 403', GET => '/r403', 403],
	['return 500', GET => '/r500', 500],
	['return after POST', POST => '/r200', 200, body => 'body'],
	['rewritten', GET => '/rewritten/f100', 200],
	['rewritten, 300 KB', GET => '/rewritten/p/length/300000', 200],
	['denied', GET => '/denied', 403],
	['dead upstream', GET => '/dead', 502],
	['dead upstream, HEAD', HEAD => '/dead', 502],
	['upstream that closes', GET => '/p/close', 502],
	['upstream without a status', GET => '/odd/garbage', 200,
		events => 0],
	['413', POST => '/small/length/9', 413,
		headers => ['Content-Length: 999999']],
	['414', GET => '/' . 'u' x 40000, 414, uri => ''],
	['400', GET => '/p/length/9', 400, headers => ['Host: another']],
	['closed by return 444', GET => '/r444', 0, events => 0],

	['error_page', GET => '/ep/none', 404],
	['error_page, HEAD', HEAD => '/ep/none', 404],
	['error_page =200', GET => '/ep200/none', 200],
	['error_page to a redirect', GET => '/epuri/none', 302],
	['error_page to a named location', GET => '/epnamed/none', 404],
	['error_page to a named location, HEAD', HEAD => '/epnamed/none', 404],
	['error_page of upstream', GET => '/epintercept/status/500', 200],
	['error_page of upstream, POST', POST => '/epintercept/status/500',
		200, body => 'body'],
	['error_page not wanted', GET => '/epintercept/status/404', 404],
	['error_page to return', GET => '/epreturn/none', 204],
	['error_page of 502', GET => '/ep502', 200],
	['error_page of a filter', GET => '/ep412/f100', 412,
		headers => ["If-Unmodified-Since: $older"]],
	['error_page of a filter, HEAD', HEAD => '/ep412/f100', 412,
		headers => ["If-Unmodified-Since: $older"]],
	['error_page of the range filter', GET => '/ep416/f100', 416,
		headers => ['Range: bytes=9999-']],
	['named error_page of a filter', GET => '/ep412named/f100', 0,
		headers => ["If-Unmodified-Since: $older"], events => 0],
	['try_files', GET => '/try/x', 200],
	['try_files, HEAD', HEAD => '/try/x', 200],
	['try_files to a status', GET => '/trycode/x', 410],
	['try_files to a named location', GET => '/trynamed/x', 200],
	['X-Accel-Redirect', GET => "/accel/empty?${accel}/internal/f100", 200],
	['X-Accel-Redirect, HEAD',
		HEAD => "/accel/empty?${accel}/internal/f100", 200],
	['X-Accel-Redirect, 300 KB',
		GET => "/accel/empty?${accel}/internal/f300000", 200],
	['X-Accel-Redirect to empty',
		GET => "/accel/empty?${accel}/internal/empty", 200],
	['X-Accel-Redirect to upstream',
		GET => "/accel/empty?${accel}/nb/chunked/20000", 200],
	['X-Accel-Redirect to nothing',
		GET => "/accel/empty?${accel}/internal/none", 404],
	['X-Accel-Redirect after POST',
		POST => "/accel/empty?${accel}/internal/f100", 200,
		body => 'body'],
	['101', GET => '/up/101', 101, headers => ['Upgrade: some']],
	['cut by upstream', GET => '/p/cut', 200],
	['cut by upstream, unbuffered', GET => '/nb/cut', 200],
	['cut by upstream, chunked', GET => '/odd/cutchunked', 200],
);

# the error page of a filter cannot be held

my %late = map { $_ => 1 } 'error_page of a filter',
	'error_page of a filter, HEAD';

# made 206 or 416 by nginx after the event, see README, "What is not promised"

my %ranged = map { $_ => 1 } 'range 206, HEAD', 'range 416, HEAD',
	'cached range, HEAD', 'range of empty';

my @h2 = (
	['length', '/p/length/20000', 200],
	['300 KB', '/p/length/300000', 200],
	['chunked', '/p/chunked/20000', 200],
	['unbuffered', '/nb/chunked/20000', 200],
	['length 0', '/p/empty', 200],
	['204', '/p/204', 204],
	['304', '/p/304', 304],
	['static', '/f5000', 200],
	['static, 300 KB', '/f300000', 200],
	['static empty', '/empty', 200],
	['return', '/r200', 200],
	['dead upstream', '/dead', 502],
	['cached', '/cache/length/5000', 200],
	['SSI', '/ssi/ssi.html', 200],
	['X-Accel-Redirect', "/accel/empty?${accel}/internal/f100", 200],
	['HEAD', '/p/length/20000', 200, 'HEAD'],
	['HEAD of static', '/f5000', 200, 'HEAD'],
	['HEAD of return', '/r200', 200, 'HEAD'],
);

my @pipelined = (
	['GET', '/p/length/100', 200], ['HEAD', '/p/length/100', 200],
	['GET', '/f100', 200], ['GET', '/p/chunked/5000', 200],
	['GET', '/none', 404], ['GET', '/r204', 204], ['GET', '/r200', 200],
	['GET', '/nb/length/20000', 200], ['GET', '/f300000', 200],
	['GET', '/p/304', 304], ['GET', '/empty', 200], ['GET', '/f1', 200],
);

my ($n, @expected) = (0);

# the application's errors are those it is asked for

$t->allow_alerts(qr/upstream prematurely closed/);

forms($_) for 'off', 'always';
triggers();

$t->done_testing();

###############################################################################

# each form of response

sub forms {
	my ($sync) = @_;

	$t->conf(<<"EOC")->run();
%%TEST_GLOBALS%%

worker_processes 2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store-$sync size=16m journal=4m sync=$sync
                  commit_timeout=10s;

    webhook_endpoint one {
        url http://127.0.0.1:%%PORT_rx%%/one;
        allow_http on;
        header X-Request-Uri \$request_uri;
    }

    proxy_cache_path %%TESTDIR%%/cache-$sync keys_zone=one:1m;
    log_format result '\$request_uri \$status \$webhook_result '
                      '\$webhook_complete';

    server {
        listen 127.0.0.1:%%PORT_plain%%;
        include forms.conf;

        location /nolist/ { error_page 404 /haslist/none; }

        location /haslist/ {
            access_log %%TESTDIR%%/$sync.log result;
            webhook form.seen to=one status=any;
        }
    }

    server {
        listen 127.0.0.1:%%PORT_with%%;
        access_log %%TESTDIR%%/$sync.log result;
        webhook form.seen to=one status=any;
        include forms.conf;
    }

    server {
        listen 127.0.0.1:%%PORT_h2plain%% http2;
        include forms.conf;
    }

    server {
        listen 127.0.0.1:%%PORT_h2with%% http2;
        webhook form.seen to=one status=any;
        include forms.conf;
    }
}
EOC

	$rx->forget();
	@expected = ();

	for my $form (@forms) {
		my ($name, $method, $uri, $status, %o) = @$form;

		my $request = bytes($method, $uri, ++$n, %o);

		same("sync=$sync, $name", $method, $status, map {
			raw($request, $_)
		} 'plain', 'with');

		# the URI is not known

		$uri = $o{uri} if exists $o{uri};

		push @expected, [length $uri ? $n : 'none', $name, $status,
			$method, $uri] unless exists $o{events};
	}

	# several on a connection, all sent at once, or one after the other

	my @n = map { ++$n } @pipelined;

	my $request = join '', map {
		bytes($pipelined[$_][0], $pipelined[$_][1], $n[$_],
			keepalive => $_ < $#pipelined)
	} 0 .. $#pipelined;

	expect_pipelined('pipelined', @n);

	my ($plain, $with) = map { raw($request, $_) } 'plain', 'with';
	is(split_all($with), split_all($plain),
		"sync=$sync, pipelined - the client's bytes are the same");

	@n = map { ++$n } @pipelined;
	expect_pipelined('on one connection', @n);

	($plain, $with) = map {
		my $s = connect_port($_);
		join '', map {
			my ($method, $uri) = @{$pipelined[$_]};

			http(bytes($method, $uri, $n[$_], keepalive => 1),
				socket => $s, method => $method);
		} 0 .. $#pipelined;
	} 'plain', 'with';

	is(split_all($with), split_all($plain),
		"sync=$sync, one connection - the client's bytes are the same");

	# without triggers, and then to a location which has some

	raw(bytes('GET', '/nolist/x', ++$n), 'plain');
	push @expected, [$n, 'first location with triggers', 404, 'GET',
		'/nolist/x'];

	http2($sync) if $t->h2();

	# deliveries come in the order of requests, so this one is the last

	raw(bytes('GET', '/r204', ++$n), 'with');
	push @expected, [$n, 'last', 204, 'GET', '/r204'];

	ok(wait_for(sub { grep { $_ eq "/r204?n=$n" }
		map { $_->{header}{'x-request-uri'} || '' } $rx->requests() },
		20),
		"sync=$sync, all events are delivered");

	my %seen;

	for my $r ($rx->requests()) {
		my $uri = $r->{header}{'x-request-uri'};
		my ($k) = defined $uri ? $uri =~ /\bn=(\d+)$/ : 'none';
		push @{$seen{$k}}, $r;
	}

	for (@expected) {
		my ($k, $name, $status, $method, $uri) = @$_;

		my @r = @{delete $seen{$k} || []};
		my ($path) = $uri =~ /^([^?]*)/;

		$status = 200 if $ranged{$name};

		is(join(' ', map { $_->{header}{'webhook-event'} . ' '
			. ($_->{body} =~ /"data":(.*)\}$/)[0] } @r),
			"form.seen {\"method\":\"$method\",\"path\":\"$path\","
			. "\"status\":$status}",
			"sync=$sync, $name - one event");
	}

	is(join(' ', map { map { $_->{header}{'x-request-uri'} } @$_ }
		values %seen), '', "sync=$sync, no other event");

	$t->stop();

	my @log = split /\n/, $t->read_file("$sync.log");

	my %result = map { /\bn=(\d+) .* (\S+ \S+)$/ } @log;

	is(join(', ', map { "$_->[1]: $result{$_->[0]}" }
		grep { $_->[1] !~ m!^(?:HTTP/2|414)! && $result{$_->[0]} ne
			($_->[1] =~ /^cut / ? 'committed 0'
			: $sync eq 'always' && $late{$_->[1]} ? 'late 1'
			: 'committed 1')
		} @expected), '', "sync=$sync, results, and those cut are known");
}

sub expect_pipelined {
	my ($name, @n) = @_;

	push @expected, map {
		my ($method, $uri, $status) = @{$pipelined[$_]};
		[$n[$_], "$name $_", $status, $method, $uri]
	} 0 .. $#pipelined;
}

sub http2 {
	my ($sync) = @_;

	for (@h2) {
		my ($name, $uri, $status, $method) = @$_;
		my @r;

		$name = "HTTP/2 $name";

		for my $port ('h2plain', 'h2with') {
			$n++ if $port eq 'h2with';

			my $r = $t->h2(args($uri, $n), port => $port,
				$method ? (method => $method) : ());

			# without its verbose output there is the body only

			$r->{body} = (Test::Webhook::command('nghttp',
				$method ? ('-H', ":method: $method") : (),
				'http://127.0.0.1:' . port($port) . $uri))[1]
				if $port eq 'h2plain';
			push @r, $r;
		}

		push @expected, [$n, $name, $status, $method || 'GET', $uri];

		is($r[1]{status}, $status, "sync=$sync, $name - status");
		is(h2_norm($r[1]), h2_norm($r[0]),
			"sync=$sync, $name - the client's headers are the same");

		my ($code, $body) = Test::Webhook::command('nghttp',
			$method ? ('-H', ":method: $method") : (),
			'http://127.0.0.1:' . port('h2with')
			. args($uri, ++$n));

		push @expected, [$n, "$name body", $status, $method || 'GET',
			$uri];

		ok($code == 0 && $body eq $r[0]{body},
			"sync=$sync, $name - the client's body is the same");
	}
}

sub h2_norm {
	my ($r) = @_;

	my %h = %{$r->{headers}};
	delete @h{qw/ date expires x-cache /};

	my $octets = 0;
	$octets += $1 while $r->{out} =~ /recv DATA frame <length=(\d+)/g;

	return join "\n", "status: $r->{status}", "octets: $octets",
		map { "$_: $h{$_}" } sort keys %h;
}

sub bytes {
	my ($method, $uri, $n, %o) = @_;

	$uri = args($uri, $n);

	my $v = $o{version} || '1.1';

	return "$method $uri$CRLF" if $v eq '0.9';

	my @h = (@{$o{headers} || []}, 'Host: localhost');

	push @h, 'Content-Length: ' . length $o{body} if defined $o{body}
		&& !grep { /^(?:Content-Length|Transfer-Encoding):/ } @h;
	push @h, 'Connection: close' unless $o{keepalive};

	return join $CRLF, "$method $uri HTTP/$v", @h, '',
		defined $o{body} ? $o{body} : '';
}

sub args {
	my ($uri, $n) = @_;

	return $uri . ($uri =~ /\?/ ? '&' : '?') . "n=$n";
}

sub raw {
	my ($request, $port) = @_;

	return http($request, port => $port, until_close => 1);
}

# chunks may be cut differently, which the time decides

sub norm {
	my ($raw, $method) = @_;

	return $raw if $raw !~ m!^HTTP/1!;

	my $r = parse_response($raw, method => $method);

	my ($head) = $raw =~ /^(.*?)\r\n\r\n/s;
	my $body = $r->{body};

	for ($head, $body) {
		s/boundary=\d+/boundary=N/g;
		s/^--\d{20}/--N/mg;
		s/^Date: .*?\r?$/Date: D/mg;
	}

	return "$head\n\n$body\n"
		. ($r->{complete} ? "complete" : "not complete") . "\n"
		. ($r->{rest} || '');
}

sub same {
	my ($name, $method, $status, $plain, $with) = @_;

	my $got = $with =~ m!^HTTP/\S+ (\d+)! ? $1 : length $with ? 200 : 0;
	my ($p, $w) = (norm($plain, $method), norm($with, $method));

	ok($p eq $w && $got == $status,
		"$name - the client's bytes are the same, status $status")
		or diag("got status $got,", short($w),
			"without a trigger", short($p));
}

sub short {
	my ($s) = @_;
	return sprintf "%d octets: %s ... %s", length $s, substr($s, 0, 600),
		length $s > 600 ? substr($s, -60) : '';
}

sub split_all {
	my ($raw) = @_;

	$raw =~ s/^Date: .*?\r?$/Date: D/mg;
	return $raw;
}

sub static {
	my ($name, $content) = @_;

	my $path = $t->testdir() . "/html/$name";

	make_path($path =~ m!(.*)/!);
	$t->write_file("html/$name", $content);
	utime 1e9, 1e9, $path or die "utime() failed: $!\n";
}

###############################################################################

# which requests are which events

sub triggers {
	$rx->forget();
	@expected = ();

	$t->conf(<<'EOC')->run();
%%TEST_GLOBALS%%

worker_processes 2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;
    webhook_max_hops 2;
    webhook_max_event_size 2k;

    webhook_endpoint one {
        url http://127.0.0.1:%%PORT_rx%%/one;
        allow_http on;
        header X-Request-Uri $request_uri;
        header X-Event-Id $webhook_id;
        header X-Kind $kind;
    }

    webhook_endpoint contacts {
        url http://127.0.0.1:%%PORT_rx%%/contacts;
        allow_http on;
        header X-Request-Uri $request_uri;
        events contact.* *.person;
    }

    webhook_endpoint keyed {
        url http://127.0.0.1:%%PORT_rx%%/keyed;
        allow_http on;
        header X-Request-Uri $request_uri;
        order key $arg_k;
    }

    webhook_endpoint loop {
        url http://127.0.0.1:%%PORT_http%%/loop/in;
        allow_http on;
    }

    webhook_json $kind request /kind;

    map $kind $is_customer {
        default 0;
        customer 1;
    }

    log_format result '$request_uri $status [$webhook_event] '
                      '[$webhook_result] $webhook_complete [$webhook_id]';
    access_log %%TESTDIR%%/result.log result;

    webhook http.level to=one;

    proxy_http_version 1.1;

    server {
        listen 127.0.0.1:%%PORT_http%%;
        root %%TESTDIR%%/html;

        location /app/ { proxy_pass http://127.0.0.1:%%PORT_app%%/; }

        location /status/ {
            webhook s.default to=one;
            webhook s.one to=one status=404;
            webhook s.range to=one status=500-503;
            webhook s.list to=one status=201,3xx,404,500-599;
            webhook s.any to=one status=any;
            proxy_pass http://127.0.0.1:%%PORT_app%%;
        }

        location /method/ {
            webhook m.get to=one method=GET status=any;
            webhook m.some to=one method=post,PUT status=any;
            webhook m.head to=one method=HEAD status=any;
            webhook m.all to=one status=any;
            error_page 404 = /app/length/3;
        }

        location /if/ {
            webhook i.arg to=one if=$arg_c;
            webhook i.text to=one if=0$arg_c;
            webhook i.order to=one method=POST if=$is_customer;
            proxy_pass http://127.0.0.1:%%PORT_app%%/;
        }

        location /several/ {
            webhook contact.created;
            webhook contact.address.changed;
            webhook contact.deleted status=404;
            webhook some.person;
            webhook person to=contacts,one;
            add_header X-Id $webhook_id always;
            add_header X-Event $webhook_event;
            add_header X-Result "[$webhook_result]";
            add_header X-Complete $webhook_complete;
            proxy_pass http://127.0.0.1:%%PORT_app%%/;
        }

        location /off/ {
            webhook off;
            error_page 404 /inner/none;
            add_header X-Id "[$webhook_id]" always;
        }

        location /inner/ {
            webhook inner.level to=one status=any;

            location /inner/same/ { }
            location /inner/other/ { webhook other.level to=one status=any; }
            location /inner/off/ { webhook off; }

            location /inner/if/ {
                if ($arg_c) { return 200 "in if"; }
            }

            location /inner/limit/ {
                limit_except POST { deny all; }
            }
        }

        location /first/ {
            webhook first.level to=one status=any;
            error_page 404 /inner/none;
        }

        location /tries/ {
            webhook tries.level to=one status=any;
            try_files /none /inner/none;
        }

        location /accel/ {
            webhook accel.level to=one status=any;
            proxy_pass http://127.0.0.1:%%PORT_app%%/;
        }

        location /rewritten/ {
            webhook rewritten.level to=one status=any;
            rewrite ^ /inner/none last;
        }

        location /sub/ {
            webhook sub.main to=one;
            auth_request /sub/auth;
            mirror /sub/mirror;
            ssi on;

            location /sub/auth { webhook sub.auth to=one; return 204; }
            location /sub/mirror { webhook sub.mirror to=one; return 204; }
            location /sub/part { webhook sub.part to=one; return 200 part; }

            location /sub/page {
                webhook sub.main to=one;
                auth_request /sub/auth;
                mirror /sub/mirror;
                ssi on;
                default_type text/html;
                alias %%TESTDIR%%/html/page.html;
            }
        }

        location /keyed/ {
            webhook keyed.event to=keyed order_key=$arg_o;
            return 200;
        }

        location /loop/out { webhook loop.out to=loop; return 200; }
        location /loop/in { webhook loop.in to=one; return 200; }

        location /slow/ {
            webhook slow.read to=one;
            limit_rate 1k;
            alias %%TESTDIR%%/html/;
        }

        location /hang/ {
            webhook hang.read to=one;
            proxy_pass http://127.0.0.1:%%PORT_odd%%/;
            proxy_buffering off;
        }
    }

    server {
        listen 127.0.0.1:%%PORT_none%%;
        webhook off;

        location /on/ { webhook location.on to=one status=any; }
    }

    server {
        listen 127.0.0.1:%%PORT_server%%;
        webhook server.level to=one;
        location / { return 200 "server"; }
    }
}
EOC

	static('page.html', '<!--#include virtual="/sub/part" -->');
	static('inner/same/f1', 'f');
	static('inner/off/f1', 'f');
	static('off/f1', 'f');
	static('inner/other/f1', 'f');
	$odd->set(rules => { '/half' => { hang => 'body', body => 'b' x 10 } });

	status_and_method();
	condition();
	several();
	inheritance();
	others();
	gone();
	delivered();

	$t->stop();
}

sub status_and_method {
	for (
		[200, 's.default s.any', 1, 0, 0, 0, 1],
		[201, 's.default s.list s.any', 1, 0, 0, 1, 1],
		[204, 's.default s.any', 1, 0, 0, 0, 1],
		[302, 's.default s.list s.any', 1, 0, 0, 1, 1],
		[400, 's.any', 0, 0, 0, 0, 1],
		[404, 's.one s.list s.any', 0, 1, 0, 1, 1],
		[499, 's.any', 0, 0, 0, 0, 1],
		[500, 's.range s.list s.any', 0, 0, 1, 1, 1],
		[503, 's.range s.list s.any', 0, 0, 1, 1, 1],
		[504, 's.list s.any', 0, 0, 0, 1, 1],
	) {
		my ($status, $events, @fired) = @$_;

		check("status= with $status", "/status/$status", $events,
			join(',', map { $_ ? 'committed' : 'filtered' }
			@fired));
	}

	check("method= with $_->[0]", '/method/none', $_->[1], $_->[2],
		method => $_->[0])
	for (
		['GET', 'm.get m.all', 'committed,filtered,filtered,committed'],
		['HEAD', 'm.head m.all',
			'filtered,filtered,committed,committed'],
		['POST', 'm.some m.all',
			'filtered,committed,filtered,committed'],
		['PUT', 'm.some m.all',
			'filtered,committed,filtered,committed'],
		['BREW', 'm.all', 'filtered,filtered,filtered,committed'],
	);
}

sub condition {
	for (
		['', 'i.text', 'filtered,filtered'],
		['0', 'i.text', 'filtered,committed'],
		['00', 'i.arg i.text', 'committed,committed'],
		['no', 'i.arg i.text', 'committed,committed'],
	) {
		my ($c, $events, $result) = @$_;

		check("if= with \"$c\"", "/if/length/1?c=$c",
			$c eq '' ? '' : $events, "$result,filtered");
	}

	check("if= by map of $_->[0]", '/if/length/1', $_->[1],
		"filtered,filtered,$_->[2]", method => 'POST',
		body => $_->[0], headers => $_->[3])
	for (
		['{"kind":"customer"}', 'i.order', 'committed'],
		['{"kind":"other"}', '', 'filtered'],
		['{"kind":1}', '', 'filtered'],
		['{}', '', 'filtered'],
		['no JSON', '', 'filtered'],
		["13${CRLF}{\"kind\":\"customer\"}${CRLF}0${CRLF}${CRLF}",
			'i.order', 'committed',
			['Transfer-Encoding: chunked']],
	);

	# the last one may be on its way

	my $r;

	wait_for(sub {
		($r) = grep {
			($_->{header}{'x-request-uri'} || '') =~ /\bn=$n$/
		} $rx->requests();
	}, 10);

	is($r->{header}{'x-kind'}, 'customer', 'value in a header of endpoint');
}


sub several {
	my $r = check('several triggers', '/several/length/10',
		'contacts:contact.created contacts:contact.address.changed '
		. 'contacts:some.person contacts:person one:person',
		'committed,committed,filtered,committed,committed');

	my $id = qr/[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}/;

	like($r->header('X-Id'), qr/^$id(?:,$id){4}$/,
		'$webhook_id in add_header');
	is($r->header('X-Event'), 'contact.created,contact.address.changed,'
		. 'contact.deleted,some.person,person',
		'$webhook_event in add_header');
	is($r->header('X-Result'), '[]',
		'$webhook_result is not known in add_header');
	is($r->header('X-Complete'), '1', '$webhook_complete in add_header');

	my ($log) = find_in_log(qr/n=$n /, 0, 'result.log');
	my @ids = split /,/, $r->header('X-Id');

	is(($log =~ /\[([^]]*)\]$/)[0], $r->header('X-Id'),
		'$webhook_id in log_format');
	is(($log =~ /\[(.*?)\]/)[0], $r->header('X-Event'),
		'$webhook_event in log_format');
	is(keys %{{ map { $_ => 1 } @ids }}, 5, 'each event has its own id');

	my @r;

	wait_for(sub {
		@r = grep { ($_->{header}{'x-request-uri'} || '') =~ /n=$n$/ }
			$rx->requests();
		@r == 5
	}, 10, 'several events');

	my %id = ('contact.created' => $ids[0],
		'contact.address.changed' => $ids[1],
		'some.person' => $ids[3], 'person' => $ids[4]);

	is(join(' ', map { $_->{header}{'webhook-id'} } @r),
		join(' ', map { $id{$_->{header}{'webhook-event'}} } @r),
		'ids of deliveries are those of $webhook_id');
	is(scalar(grep { $_->{header}{'webhook-event'} eq 'person'
		&& $_->{header}{'webhook-id'} eq $ids[4] } @r), 2,
		'an event has the same id for each endpoint');

	@r = grep { $_->{target} eq '/one' } @r;

	is(join(' ', map { $_->{header}{'x-event-id'} } @r),
		join(' ', map { $_->{header}{'webhook-id'} } @r),
		'$webhook_id in a header of an endpoint is that of the event');

	check('an error fires others', '/several/status/404',
		'contacts:contact.deleted',
		'filtered,filtered,committed,filtered,filtered');
	is(($rx->wait_requests(1))[0]{version}, 'HTTP/1.1', 'HTTP/1.1 is sent');
}

sub inheritance {
	check('inherited from http', '/app/length/5', 'http.level',
		'committed');
	check('inherited from server', '/', 'server.level', 'committed',
		port => 'server');

	my $r = check('webhook off', '/off/f1', '', '-');
	is($r->header('X-Id'), '[]', 'no $webhook_id without a trigger');

	check('webhook off stays through error_page', '/off/none', '', '-');
	check('webhook off of server', '/any', '', '-', port => 'none');
	check('webhook off of server, and a location with a trigger',
		'/on/none', 'location.on', 'committed', port => 'none');
	check('inherited by a nested location', '/inner/same/f1',
		'inner.level', 'committed');
	check('the nested location\'s own', '/inner/other/f1', 'other.level',
		'committed');
	check('webhook off in a nested location', '/inner/off/f1', '', '-');
	check('inherited by "if"', '/inner/if/?c=1', 'inner.level',
		'committed');
	check('inherited by limit_except', '/inner/limit/', 'inner.level',
		'committed');

	check('the first location\'s through error_page', '/first/none',
		'first.level', 'committed');
	check('the first location\'s through try_files', '/tries/none',
		'tries.level', 'committed');
	check('the first location\'s through X-Accel-Redirect',
		"/accel/empty?${accel}/inner/other/f1", 'accel.level',
		'committed');
	check('those after rewriting', '/rewritten/none', 'inner.level',
		'committed');
}

sub others {
	check('triggers of subrequests do not fire', '/sub/page', 'sub.main',
		'committed');

	# the value of the trigger wins

	check('order_key=', '/keyed/?k=a&o=b', 'keyed:keyed.event',
		'committed');

	# too large: dropped, logged, and nothing of it reaches the client

	my $long = 'l' x 2100;

	check('larger than webhook_max_event_size', "/app/length/5?$long", '',
		'dropped');
	ok($t->wait_log(qr/event is larger than "webhook_max_event_size", dropped: event "http.level" [\w-]+, endpoint "one"/, 5),
		'it is logged');

	# below webhook_max_hops a delivery to the same nginx is a request
	# like any other

	http(bytes('GET', '/loop/out', ++$n), port => 'http');
	ok(wait_for(sub {
		grep { $_->{header}{'webhook-event'} eq 'loop.in' }
			$rx->requests()
	}, 10), 'delivery to the same nginx');
}

sub gone {

	# before the status is known: no event

	my $s = connect_port('http');
	print $s bytes('GET', '/app/hang', ++$n);
	wait_for(sub { grep { $_->{target} =~ /n=$n/ } $app->requests() }, 5,
		'request at the application');
	close $s;
	like($t->wait_log(qr/n=$n /, 5, 0, 'result.log'),
		qr/ 499 \[http.level\] \[-\] 0 /,
		'client gone before the response - no event');

	# in the middle of the body

	for my $uri ('/slow/f300000', '/hang/half') {
		for my $how ('close', 'reset') {
			$s = connect_port('http');
			print $s bytes('GET', $uri, ++$n);
			sysread $s, my $buf, 100;
			setsockopt $s, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0)
				if $how eq 'reset';
			close $s;

			my $event = $uri =~ /slow/ ? 'slow.read' : 'hang.read';

			like($t->wait_log(qr/n=$n /, 5, 0, 'result.log'),
				qr/ 200 \[$event\] \[committed\] 0 /,
				"client gone during $uri, $how - not complete");
			push @expected, [$n, "client gone during $uri, $how",
				"one:$event"];
		}
	}
}

# lanes are in order: after the last event of each nothing can come

sub delivered {
	my @last;

	for (['/app/length/1', 'one'], ['/several/length/1', 'contacts'],
		['/keyed/?o=b', 'keyed'])
	{
		http(bytes('GET', $_->[0], ++$n), port => 'http');
		push @last, [$n, $_->[1]];
	}

	ok(wait_for(sub {
		my @r = $rx->requests();
		3 == grep { my ($n, $to) = @$_; grep {
			$_->{target} eq "/$to"
			&& $_->{header}{'x-request-uri'} =~ /n=$n$/ } @r }
			@last
	}, 20), 'all are delivered') or return;

	my %seen;

	for my $r ($rx->requests()) {
		my ($k) = ($r->{header}{'x-request-uri'} || '') =~ /n=(\d+)$/;

		push @{$seen{$k || 'loop'}}, substr($r->{target}, 1) . ":"
			. $r->{header}{'webhook-event'};
	}

	for (@expected) {
		my ($k, $name, $events) = @$_;

		is(join(' ', sort @{delete $seen{$k} || []}),
			join(' ', sort split / /, $events), "$name - events");
	}

	delete $seen{$_->[0]} for @last;
	is(join(', ', map { @$_ } values %seen), 'one:loop.in',
		'no other event');
}

# sends a request, looks for its results in the log, and has its events looked
# for at the end

sub check {
	my ($name, $uri, $events, $results, %o) = @_;

	my $method = $o{method} || 'GET';

	my $r = parse_response(http(bytes($method, $uri, ++$n, %o),
		port => $o{port} || 'http', method => $method),
		method => $method);

	my $line = $t->wait_log(qr/n=$n /, 5, 0, 'result.log') || '';

	is(($line =~ /\] \[(.*?)\]/)[0], $results, "$name - results");

	push @expected, [$n, $name, join ' ', map { /:/ ? $_ : "one:$_" }
		split / /, $events];

	return $r;
}

###############################################################################

#!/usr/bin/perl

# Tests that the module changes nothing: what an application answers, and what
# becomes of it on the way.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::Webhook::Twin;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $CRLF = "\x0d\x0a";

my $t = Test::Webhook::Twin->new(http => <<'EOC', origin => <<'EOC2');
    upstream kept { server 127.0.0.1:%%PORT_origin%%; keepalive 4; }
    upstream second { server 127.0.0.1:%%PORT_dead%% max_fails=0;
                      server 127.0.0.1:%%PORT_app%% max_fails=0 backup; }
EOC
        location /status { return 201 '{"id":"origin"}'; }
        location /moved { return 301 /elsewhere; }
        location /dir { autoindex on; }
EOC2

my $json = ['Content-Type', 'application/json'];
my $answer = { headers => $json, body => '{"id":"r1","list":[1,2,3]}' };
my $large = '{"pad":"' . 'p' x 300000 . '","id":"r2"}';

my $post = '{"id":7,"name":"ann"}';
my @post = (post => '/x?y=z', body => $post,
	headers => ['Content-Type: application/json']);

$t->file('f.json', '{"id":"file","name":"static"}');
$t->file('f.txt', join '', map { "line $_\n" } 1 .. 600);
$t->file('empty.txt', '');
$t->file('error.json', '{"id":"error","code":404}');

sub status { return { status => $_[0], headers => $json,
	body => "{\"id\":\"s$_[0]\"}" } }

###############################################################################

# what an application answers

$t->add('GET', get => '/x?y', fires => '200', answer => 'rid=r7', h2 => 1);
$t->add('POST', @post, fires => '200 id=7 name=ann', answer => 'rid=r7',
	h2 => 1);
$t->add('HEAD', head => '/x', fires => '200', h2 => 1);
$t->add('HTTP/1.0', get => '/x', version => '1.0', fires => '200',
	answer => 'rid=r7');
$t->add("$_ by the application", @post, app => status($_),
	fires => "$_ id=7 name=ann", answer => "rid=s$_")
	for 200, 201, 202, 400, 401, 403, 404, 409, 418, 422, 429, 500, 503;
$t->add("$_ by the application", @post, app => { status => $_ },
	fires => "$_ id=7 name=ann", h2 => 1) for 204, 304;
$t->add("$_ by the application to HEAD", head => '/x',
	app => status($_), fires => $_) for 200, 204, 304, 404;
$t->add('206 by the application', get => '/x', app => { status => 206,
	headers => [@$json, 'Content-Range', 'bytes 0-9/20'],
	body => '{"id":"r"}' }, fires => '206');
$t->add('empty body', get => '/x', app => { body => '' }, fires => '200');
$t->add('body of an octet', get => '/x', app => { body => '1' },
	fires => '200');
$t->add('large body', get => '/x', h2 => 1, chunks => 'any',
	app => { headers => $json, body => $large }, fires => '200',
	answer => 'rid=r2');
$t->add('chunked body', get => '/x', h2 => 1, chunks => 'any',
	app => { %$answer, chunked => 1, chunk_size => 5 }, fires => '200',
	answer => 'rid=r1');
$t->add('large chunked body', get => '/x', chunks => 'any', app => {
	headers => $json, body => $large, chunked => 1, chunk_size => 9999 },
	fires => '200', answer => 'rid=r2');
$t->add('chunked and empty', get => '/x', chunks => 'any',
	app => { body => '', chunked => 1 }, fires => '200');
$t->add('body until close', get => '/x', chunks => 'any', h2 => 1,
	app => { %$answer, no_length => 1 }, fires => '200',
	answer => 'rid=r1');
$t->add('body until close, HTTP/1.0', get => '/x', version => '1.0',
	app => { %$answer, no_length => 1 }, fires => '200',
	answer => 'rid=r1');
$t->add('trickled body', get => '/x', chunks => 'any', app => { %$answer,
	trickle => 0.002, trickle_from => 'body' }, fires => '200',
	answer => 'rid=r1');
$t->add('headers of many kinds', get => '/x', app => { %$answer,
	headers => [@$json, 'Set-Cookie', 'a=b', 'Set-Cookie', 'c=d', 'ETag',
	'"e"', 'Last-Modified', 'Sun, 09 Sep 2001 01:46:40 GMT', 'X-Empty', '',
	'Vary', 'Accept', 'Cache-Control', 'no-store', 'Link', '</a>',
	'Server', 'app'] }, fires => '200', answer => 'rid=r1');
$t->add('HTTP/0.9 of an application', get => '/x', version => '1.0',
	app => { raw => 'not HTTP at all' }, fires => '');

# and an nginx

$t->add("nginx, $_->[0]", get => $_->[1], fires => $_->[2],
	answer => $_->[3], conf => 'location / { proxy_pass http://origin; }')
	for ['return', '/status', '201', 'rid=origin'],
	['redirect', '/moved', '301', ''],
	['file', '/f.json', '200', 'rid=file'],
	['empty file', '/empty.txt', '200', ''],
	['missing file', '/none', '404', ''];
$t->add('nginx, kept connections', conf => <<'EOC', steps => [
        location / {
            proxy_pass http://kept;
            proxy_set_header Connection "";
        }
EOC
	{ get => '/f.json', fires => '200', answer => 'rid=file' },
	{ head => '/f.json', fires => '200' },
	{ get => '/f.txt', fires => '200' },
	{ get => '/none', fires => '404' },
	{ get => '/f.json', headers => ['Range: bytes=0-4'], fires => '206' },
	{ get => '/f.json', headers => ['If-None-Match: *'],
		fires => '304' },
	{ post => '/status', body => $post, fires => '201 id=7 name=ann',
		answer => 'rid=origin' },
]);
$t->add('range of an application', get => '/f.txt', fires => '206',
	headers => ['Range: bytes=1-2,5-9'],
	conf => 'location / { proxy_pass http://origin; }');
$t->add('range made of the answer', get => '/f.txt', fires => '206',
	headers => ['Range: bytes=10-19'], conf => <<'EOC');
        location / {
            proxy_pass http://origin;
            proxy_set_header Range "";
            proxy_force_ranges on;
        }
EOC

# ways through nginx

for (
	['buffering off', 'proxy_buffering off;'],
	['HTTP/1.0 to the application', 'proxy_http_version 1.0;'],
	['small buffers', 'proxy_buffers 2 4k; proxy_buffer_size 4k; '
		. 'proxy_busy_buffers_size 4k;'],
	['no temporary files', 'proxy_buffers 4 4k; '
		. 'proxy_max_temp_file_size 0;'],
	['stored', 'proxy_store %%TESTDIR%%/stored/$host; '
		. 'proxy_store_access all:rw; '
		. 'proxy_temp_path %%TESTDIR%%/stored_temp;'],
	['postpone_output 0', 'postpone_output 0;'],
	['chunked_transfer_encoding off', 'chunked_transfer_encoding off;'],
	['request body not passed', 'proxy_pass_request_body off; '
		. 'proxy_set_header Content-Length "";'],
	['limit_rate', 'limit_rate 4m; proxy_limit_rate 4m;'],
) {
	my ($name, $conf) = @$_;

	my @conf = (conf => "location / { proxy_pass http://app; $conf }",
		chunks => 'any');

	$t->add("$name, JSON", @post, @conf, fires => '200 id=7 name=ann',
		answer => 'rid=r7');
	$t->add("$name, large", get => '/x', @conf, fires => '200',
		app => { headers => $json, body => $large },
		answer => 'rid=r2');
	$t->add("$name, chunked", get => '/x', @conf, fires => '200',
		app => { headers => $json, body => $large, chunked => 1 },
		answer => 'rid=r2');
	$t->add("$name, until close", get => '/x', @conf, fires => '200',
		app => { %$answer, no_length => 1 }, answer => 'rid=r1');
	$t->add("$name, empty", get => '/x', @conf, app => { body => '' },
		fires => '200');
	$t->add("$name, 204", @post, @conf, app => { status => 204 },
		fires => '204 id=7 name=ann');
	$t->add("$name, HEAD", head => '/x', @conf, app => $answer,
		fires => '200');
}

# redirects

for my $code (301, 302, 303, 307, 308) {
	$t->add("redirect $code", get => '/x', app => { status => $code,
		headers => ['Location', 'http://app/elsewhere'], body => '' },
		fires => $code, h2 => $code == 302);
}

$t->add('redirect of a POST', @post, app => { status => 303,
	headers => ['Location', '/made/7'], body => '{"id":"m7"}' },
	fires => '303 id=7 name=ann', answer => 'rid=m7');
$t->add('proxy_redirect', get => '/api/x', fires => '302', app => {
	status => 302, headers => ['Location', 'http://other/x',
	'Refresh', '5; url=http://other/y'], body => '' },
	shows => '/new/x', conf => <<'EOC');
        location /api/ {
            proxy_pass http://app/;
            proxy_redirect http://other/ /new/;
            proxy_cookie_domain a.example b.example;
        }
EOC
$t->add('proxy_redirect off', get => '/api/x', fires => '302', app => {
	status => 302, headers => ['Location', 'http://app/x'], body => '' },
	conf => <<'EOC');
        location /api/ { proxy_pass http://app/; proxy_redirect off; }
EOC

# errors

$t->add('502', @post, fires => '502 id=7 name=ann', h2 => 1,
	conf => 'location / { proxy_pass http://dead; }');
$t->add('502 to HEAD', head => '/x', fires => '502',
	conf => 'location / { proxy_pass http://dead; }');
$t->add('closed by the application', get => '/x', app => { close => 1 },
	fires => '502');
$t->add('reset by the application', get => '/x', app => { reset => 1 },
	fires => '502');
$t->add('closed within the header', get => '/x', fires => '502',
	app => { close => 'header' });
$t->add('header too large', get => '/x', fires => '502',
	app => { headers => ['X-Large', 'x' x 9000] });
$t->add('not a valid header', get => '/x', fires => '502',
	app => { raw => "HTTP/1.1 200 OK${CRLF}a\0b: c$CRLF$CRLF" });
$t->add('next upstream', @post, fires => '200 id=7 name=ann',
	conf => 'location / { proxy_pass http://second; }',
	answer => 'rid=r7');
$t->add('504', @post, fires => '504 id=7 name=ann', app => { hang => 1 },
	conf => <<'EOC');
        location / { proxy_pass http://app; proxy_read_timeout 30ms; }
EOC
$t->add('504 with an error page', get => '/x', fires => '504',
	answer => 'rid=error', app => { hang => 1 }, conf => <<'EOC');
        error_page 502 504 /error.json;
        location = /error.json { }
        location / { proxy_pass http://app; proxy_read_timeout 30ms; }
EOC
$t->add('502 with a named page', @post, fires => '200 id=7 name=ann',
	answer => 'rid=r7', conf => <<'EOC');
        error_page 502 = @other;
        location @other { proxy_pass http://app; }
        location / { proxy_pass http://dead; }
EOC
$t->add('cut by the application', get => '/x', cut => 1,
	answer => 'rid=r1', fires => '200',
	app => { %$answer, close => 'body' }, forms => 'close');
$t->add('cut by the application, chunked', get => '/x', cut => 1,
	answer => 'rid=r1',
	app => { %$answer, close => 'body', chunked => 1 }, fires => '200',
	forms => 'close', chunks => 'any');
$t->add('cut by the application, unbuffered', get => '/x', cut => 1,
	answer => 'rid=r1',
	app => { %$answer, close => 'body' }, fires => '200',
	forms => 'close', conf => <<'EOC');
        location / { proxy_pass http://app; proxy_buffering off; }
EOC
$t->add('read timeout within the body', get => '/x', cut => 1,
	app => { %$answer, hang => 'body' }, fires => '200',
	forms => 'close', conf => <<'EOC');
        location / { proxy_pass http://app; proxy_read_timeout 30ms; }
EOC

# error_page of answers

$t->add('intercepted', @post, app => status(404), h2 => 1,
	fires => '404 id=7 name=ann', answer => 'rid=error', conf => <<'EOC');
        error_page 404 /error.json;
        location = /error.json { }
        location / { proxy_pass http://app; proxy_intercept_errors on; }
EOC
$t->add('not intercepted', @post, app => status(404),
	fires => '404 id=7 name=ann', answer => 'rid=s404', conf => <<'EOC');
        error_page 404 /error.json;
        location / { proxy_pass http://app; }
EOC
$t->add('intercepted without a page', @post, app => status(404),
	fires => '404 id=7 name=ann', answer => 'rid=s404', conf => <<'EOC');
        location / { proxy_pass http://app; proxy_intercept_errors on; }
EOC
$t->add('intercepted, and asked again', @post, h2 => 1,
	app => [status(503), status(201)], fires => '201 id=7 name=ann',
	answer => 'rid=s201', conf => <<'EOC');
        location / {
            proxy_intercept_errors on;
            error_page 503 = @again;
            proxy_pass http://app;
        }
        location @again { proxy_pass http://app; }
EOC
$t->add('intercepted, again and again', @post,
	app => [status(503), status(502), status(201)],
	fires => '201 id=7 name=ann', answer => 'rid=s201', conf => <<'EOC');
        recursive_error_pages on;
        proxy_intercept_errors on;
        location / { error_page 503 = @one; proxy_pass http://app; }
        location @one { error_page 502 = @two; proxy_pass http://app; }
        location @two { proxy_pass http://app; }
EOC
$t->add('intercepted redirect', @post, app => [{ status => 302,
	headers => ['Location', '/second'], body => '' }, status(200)],
	fires => '200 id=7 name=ann', answer => 'rid=s200', conf => <<'EOC');
        location / {
            proxy_intercept_errors on;
            error_page 302 = @follow;
            proxy_pass http://app;
        }
        location @follow {
            set $to $upstream_http_location;
            proxy_pass http://app$to;
        }
EOC
$t->add('intercepted 401 keeps its challenge', get => '/x', fires => '401',
	app => { status => 401, headers => ['WWW-Authenticate', 'Basic'] },
	answer => 'rid=error', conf => <<'EOC');
        error_page 401 /error.json;
        location = /error.json { }
        location / { proxy_pass http://app; proxy_intercept_errors on; }
EOC
$t->add('next upstream by status', @post, app => status(503),
	fires => '503 id=7 name=ann', answer => 'rid=s503', conf => <<'EOC');
        location / {
            proxy_pass http://second;
            proxy_next_upstream error http_503 non_idempotent;
        }
EOC

# X-Accel-Redirect

sub accel { return { headers => ['X-Accel-Redirect', @_],
	body => '{"id":"hidden"}' } }

my $accel = <<'EOC';
        location /in/ { internal; alias %%TESTDIR%%/html/; }
        location /back/ { internal; proxy_pass http://origin/; }
        location @named { rewrite ^ /f.json break; proxy_pass http://origin; }
        location / { proxy_pass http://app; }
EOC

$t->add("X-Accel-Redirect to $_->[0]", @post, app => accel($_->[1]),
	conf => $accel, fires => "$_->[2] id=7 name=ann", answer => $_->[3],
	h2 => $_->[1] ne '/in/none')
	for ['an application', '/back/status', '201', 'rid=origin'],
	['a missing file', '/in/none', '404', ''],
	['a named location', '@named', '405', ''],
	['a redirect', '/back/moved', '301', ''];
$t->add("X-Accel-Redirect to $_->[0], $_->[1]", method => $_->[1],
	uri => '/x', app => accel($_->[2]), conf => $accel,
	fires => '200', answer => $_->[3])
	for ['a file', 'GET', '/in/f.json', 'rid=file'],
	['a file', 'POST', '/in/f.json', 'rid=file'],
	['an empty file', 'GET', '/in/empty.txt', ''],
	['a file', 'HEAD', '/in/f.json', ''],
	['a named location', 'GET', '@named', 'rid=file'],
	['a named location', 'HEAD', '@named', ''];
$t->add('X-Accel-Redirect and a range', get => '/x', conf => $accel,
	app => accel('/in/f.txt'), headers => ['Range: bytes=5-9'],
	fires => '206');
$t->add('X-Accel-Redirect and a condition', get => '/x', conf => $accel,
	app => accel('/in/f.json'), headers => [
	'If-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT'], fires => '304');
$t->add('X-Accel-Redirect with a limit', get => '/x', conf => $accel,
	app => accel('/in/f.txt', 'X-Accel-Limit-Rate', '1000000',
	'X-Accel-Buffering', 'no', 'X-Accel-Charset', 'utf-8',
	'Set-Cookie', 'a=b'), fires => '200');
$t->add('X-Accel-Redirect ignored', @post, app => accel('/in/f.json'),
	fires => '200 id=7 name=ann', answer => 'rid=hidden', conf => <<'EOC');
        location / {
            proxy_pass http://app;
            proxy_ignore_headers X-Accel-Redirect;
        }
EOC

# auth_request

sub auth {
	my ($code) = @_;

	return sub {
		my ($req) = @_;

		return $req->{target} eq '/auth' ? { status => $code,
			headers => ['WWW-Authenticate', 'Basic', 'X-User',
			'u1'], body => '{"id":"auth"}' } : $answer;
	};
}

my $auth = <<'EOC';
        location / {
            auth_request /auth;
            auth_request_set $user $upstream_http_x_user;
            add_header X-User $user always;
            proxy_pass http://app;
        }
        location = /auth {
            internal;
            proxy_pass http://app/auth;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
        }
EOC

$t->add("auth_request, $_->[0]", @post, app => auth($_->[0]),
	conf => $auth, h2 => 1, fires => $_->[1], answer => $_->[2])
	for [200, '200 id=7 name=ann', 'rid=r1'],
	[204, '200 id=7 name=ann', 'rid=r1'], [401, '401', ''],
	[403, '403', ''], [500, '500', ''], [302, '500', ''];
$t->add('auth_request to a dead application', @post, fires => '500',
	conf => <<'EOC');
        location / { auth_request /auth; proxy_pass http://app; }
        location = /auth { proxy_pass http://dead; }
EOC
$t->add('auth_request with an error page', @post, app => auth(401),
	fires => '302', conf => <<"EOC");
        error_page 401 =302 /login?from=\$request_uri;
        location = /login { return 302 https://login/; }
$auth
EOC
$t->add('auth_request and satisfy any', @post, app => auth(403),
	fires => '200 id=7 name=ann', answer => 'rid=r1',
	conf => "satisfy any; allow 127.0.0.1; deny all;\n$auth");

# others

$t->add('mirror', @post, fires => '200 id=7 name=ann', answer => 'rid=r7',
	h2 => 1, conf => <<'EOC');
        location / { mirror /copy; proxy_pass http://app; }
        location = /copy { internal; proxy_pass http://app/copy; }
EOC
$t->add('mirror to a dead application', @post, fires => '200 id=7 name=ann',
	answer => 'rid=r7', conf => <<'EOC');
        location / { mirror /copy; proxy_pass http://app; }
        location = /copy { internal; proxy_pass http://dead; }
EOC
$t->add('mirror without the body', @post, fires => '200 id=7 name=ann',
	answer => 'rid=r7', conf => <<'EOC');
        location / {
            mirror /copy;
            mirror_request_body off;
            proxy_pass http://app;
        }
        location = /copy {
            internal;
            proxy_pass http://app/copy;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
        }
EOC
$t->add('post_action', @post, fires => '200 id=7 name=ann',
	answer => 'rid=r7', conf => <<'EOC');
        location / { post_action @after; proxy_pass http://app; }
        location @after { rewrite ^ /after break; proxy_pass http://app; }
EOC
$t->add('upgrade', get => '/x', forms => 'close', fires => '101',
	headers => ['Connection: upgrade', 'Upgrade: some'],
	app => { raw => "HTTP/1.1 101 Switching Protocols$CRLF"
		. "Upgrade: some${CRLF}Connection: upgrade$CRLF${CRLF}hello" },
	conf => <<'EOC');
        location / {
            proxy_pass http://app;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
        }
EOC
$t->add('body put by proxy_set_body', @post, fires => '200 id=7 name=ann',
	answer => 'rid=r7', conf => <<'EOC');
        location / { proxy_pass http://app; proxy_set_body "$request_body-"; }
EOC
$t->add('method put by proxy_method', @post, fires => '200 id=7 name=ann',
	answer => 'rid=r7', conf => <<'EOC');
        location / { proxy_pass http://app; proxy_method PUT; }
EOC
$t->add('rewrite break', @post, fires => '200 id=7 name=ann',
	answer => 'rid=r7', conf => <<'EOC');
        location / { rewrite ^/(.*) /inner/$1 break; proxy_pass http://app; }
EOC
$t->add('proxy_pass in if', @post, fires => '200 id=7 name=ann',
	answer => 'rid=r7', conf => <<'EOC');
        location / {
            if ($request_method = POST) { proxy_pass http://app; }
        }
EOC
$t->add('try_files to an application', @post, fires => '200 id=7 name=ann',
	answer => 'rid=r7', conf => <<'EOC');
        location / { try_files $uri @app; }
        location @app { proxy_pass http://app; }
EOC
$t->add('error_page to an application', @post, fires => '200 id=7 name=ann',
	answer => 'rid=r7', conf => <<'EOC');
        location / { error_page 404 405 = @app; }
        location @app { proxy_pass http://app; }
EOC

$t->run();

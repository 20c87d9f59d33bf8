#!/usr/bin/perl

# Tests that the module changes nothing: what nginx answers by itself, without
# an application.

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

my $t = Test::Webhook::Twin->new(http => <<'EOC');
    limit_req_zone $host zone=req:1m rate=1r/m;
EOC

my $lines = join '', map { "line $_\n" } 1 .. 600;

$t->file('f.json', '{"id":"file","name":"static"}');
$t->file('f.txt', $lines);
$t->file('large.txt', "$lines$lines" x 40);
$t->file('empty.txt', '');
$t->file('dir/index.html', '<p>index</p>');
$t->file('dir/sub/inner.txt', 'inner');
$t->file('list/one.txt', '1');
$t->file('list/two/x.txt', '2');
$t->file('error.json', '{"id":"error","code":404}');

$t->file('users', "user:{PLAIN}password\n");

my $post = '{"id":7,"name":"ann"}';
my $basic = 'Authorization: Basic dXNlcjpwYXNzd29yZA==';

###############################################################################

# return

$t->add('return with a body', h2 => 1, conf => <<'EOC',
        location / { return 200 '{"id":"returned"}'; }
EOC
	get => '/x?y', fires => '200', answer => 'rid=returned');

$t->add('return in server', conf => 'return 200 in-server;',
	get => '/', fires => '200');

$t->add('return in server, with a request body',
	conf => 'return 201 in-server;',
	post => '/', body => $post, fires => '201');

$t->add('return in location, with a request body', h2 => 1, conf => <<'EOC',
        location / { return 201 in-location; }
EOC
	post => '/', body => $post, fires => '201');

$t->add('return in location, with a chunked body', conf => <<'EOC',
        location / { return 201 in-location; }
EOC
	post => '/', body => $post, chunked => 5, fires => '201');

for my $code (200, 204, 400, 403, 404, 405, 410, 418, 500, 503) {
	$t->add("return $code", conf => "location / { return $code; }",
		get => '/x', fires => $code);
}

$t->add('return 204 to HEAD', h2 => 1, conf => 'return 204;', head => '/',
	fires => '204');
$t->add('return with a body to HEAD', conf => 'return 200 text;',
	head => '/', fires => '200');
$t->add('return of nothing', conf => 'return 200 "";', get => '/',
	fires => '200');
$t->add('return 444', conf => 'return 444;', get => '/', fires => '',
	forms => 'close pipe', silent => 1);
$t->add('return 499', conf => 'return 499;', get => '/', fires => '',
	forms => 'close pipe', silent => 1);
$t->add('return with headers', conf => <<'EOC',
        location / {
            add_header X-Added $request_method always;
            add_header X-Two 2;
            return 404 "not here";
        }
EOC
	get => '/', fires => '404', shows => 'X-Added: GET');

# redirects

for my $code (301, 302, 303, 307, 308) {
	$t->add("redirect $code", conf => "return $code /elsewhere?a=\$args;",
		get => '/x?b', fires => $code);
}

$t->add('redirect 302 of a POST', h2 => 1, conf => <<'EOC',
        location / { return 302 /elsewhere; }
EOC
	post => '/x', body => $post, fires => '302');
$t->add('redirect to another site',
	conf => 'return https://example.com$request_uri;',
	get => '/x', fires => '302');
$t->add('relative redirect', conf => 'absolute_redirect off; return 301 /r;',
	get => '/x', fires => '301');
$t->add('redirect without a port',
	conf => 'port_in_redirect off; return 301 /r;',
	get => '/x', fires => '301');
$t->add('redirect with the name of the server',
	conf => 'server_name_in_redirect on; return 301 /r;',
	get => '/x', fires => '301', forms => 'close', h2 => 1);
$t->add('redirect to HEAD', conf => 'return 301 /r;', head => '/x',
	fires => '301');
$t->add('slash redirect of a directory', h2 => 1, conf => 'index index.html;',
	get => '/dir?a=b', shows => '/dir/?a=b', fires => '301');
$t->add('slash redirect, relative', conf => 'absolute_redirect off;',
	get => '/dir', fires => '301');
$t->add('slash redirect of a location', conf => <<'EOC',
        location /app/ { proxy_pass http://app; }
EOC
	get => '/app', fires => '301');
$t->add('rewrite permanent', h2 => 1, conf => <<'EOC',
        rewrite ^/old/(.*) /new/$1 permanent;
EOC
	get => '/old/x?y', fires => '301');
$t->add('rewrite redirect', conf => <<'EOC',
        location /old/ { rewrite ^/old/(.*) http://$host/new/$1? redirect; }
EOC
	get => '/old/x?y', fires => '302');

# rewrite

$t->add('rewrite last', h2 => 1, conf => <<'EOC',
        location /a/ { rewrite ^/a/(.*) /b/$1 last; }
        location /b/ { rewrite ^/b/(.*) /$1 break; }
EOC
	get => '/a/f.json', fires => '200', answer => 'rid=file');
$t->add('rewrite in server', conf => 'rewrite ^/a/(.*) /$1;',
	get => '/a/f.json', fires => '200', answer => 'rid=file');
$t->add('rewrite cycle', conf => <<'EOC',
        location / { rewrite ^ /again last; }
EOC
	get => '/x', fires => '500');
$t->add('if with return', h2 => 1, conf => <<'EOC',
        location / { if ($arg_a) { return 202 "in if"; } }
EOC
	get => '/x?a=1', fires => '202');
$t->add('if without return', conf => <<'EOC',
        location / {
            if ($arg_a) { add_header X-If $arg_a; }
        }
EOC
	get => '/f.json?a=1', fires => '200', answer => 'rid=file');
$t->add('if in server', conf => 'if ($http_user_agent !~ x) { return 403; }',
	get => '/f.json', fires => '403');
$t->add('if with a file', conf => <<'EOC',
        if (!-f $document_root$uri) { rewrite ^ /f.json break; }
EOC
	get => '/none', fires => '200', answer => 'rid=file');

# files

$t->add('file', h2 => 1, get => '/f.json', conf => '', fires => '200',
	answer => 'rid=file');
$t->add('file, HEAD', h2 => 1, head => '/f.json', conf => '', fires => '200');
$t->add('file, HTTP/1.0', get => '/f.json', version => '1.0', conf => '',
	fires => '200', answer => 'rid=file');
$t->add('file, HTTP/1.0 and keepalive', get => '/f.json', version => '1.0',
	headers => ['Connection: keep-alive'], conf => 'keepalive_timeout 0;',
	fires => '200', answer => 'rid=file');
$t->add('empty file', h2 => 1, get => '/empty.txt', conf => '', fires => '200');
$t->add('large file, sendfile', h2 => 1, get => '/large.txt', fires => '200',
	conf => 'sendfile on;');
$t->add('large file, sendfile in small pieces', get => '/large.txt',
	conf => 'sendfile on; sendfile_max_chunk 16k; tcp_nopush on;',
	fires => '200');
$t->add('large file, read', get => '/large.txt', conf => 'sendfile off;',
	fires => '200');
$t->add('large file, read by threads', get => '/large.txt', fires => '200',
	conf => 'sendfile off; aio threads; output_buffers 2 8k;');
$t->add('file by alias', get => '/else/f.json', fires => '200',
	conf => 'location /else/ { alias %%TESTDIR%%/html/; }',
	answer => 'rid=file');
$t->add('file by alias and regex', get => '/else/f', fires => '200',
	conf => 'location ~ ^/else/(.*) { alias %%TESTDIR%%/html/$1.json; }',
	answer => 'rid=file');
$t->add('POST to a file', h2 => 1, post => '/f.json', body => $post, conf => '',
	fires => '405');
$t->add('missing file', h2 => 1, get => '/none?x', conf => '', fires => '404');
$t->add('missing file, HEAD', head => '/none', conf => '', fires => '404');
$t->add('index', get => '/dir/', conf => '', fires => '200');
$t->add('index by internal redirect', get => '/dir/', fires => '200',
	conf => 'location = /dir/ { index /f.json; }', answer => 'rid=file');
$t->add('directory without an index', get => '/list/', conf => '',
	fires => '403');
$t->add('autoindex', get => '/list/', shows => 'two/', conf => 'autoindex on;',
	fires => '200');
$t->add('autoindex, JSON', get => '/list/', fires => '200',
	conf => 'autoindex on; autoindex_format json;');
$t->add('empty_gif', get => '/x', conf => 'location / { empty_gif; }',
	fires => '200');
$t->add('empty_gif, HEAD', head => '/x', conf => 'location / { empty_gif; }',
	fires => '200');
$t->add('stub_status', get => '/x', conf => 'location / { stub_status; }',
	partial => 1, fires => '200');
$t->add('method which is not allowed', method => 'TRACE', uri => '/x',
	conf => '', fires => '405');
$t->add('method nobody knows', method => 'BREW', uri => '/f.json', conf => '',
	fires => '405');

# conditional and partial

my $date = 'Sun, 09 Sep 2001 01:46:40 GMT';

$t->add('304 by date', h2 => 1, get => '/f.json', conf => '', fires => '304',
	headers => ["If-Modified-Since: $date"]);
$t->add('304 by etag', get => '/f.json', conf => '', fires => '304',
	headers => ['If-None-Match: "x", "3b9aca00-1d"']);
$t->add('304 by date, HEAD', head => '/f.json', conf => '', fires => '304',
	headers => ["If-Modified-Since: $date"]);
$t->add('412', get => '/f.json', conf => '', fires => '412',
	headers => ['If-Match: "other"']);
$t->add('range', get => '/f.txt', shows => 'Content-Range: bytes 10-19/', conf => '', fires => '206',
	headers => ['Range: bytes=10-19']);
$t->add('range of JSON', get => '/f.json', conf => '', fires => '206',
	headers => ['Range: bytes=0-28']);
$t->add('range to the end', get => '/f.txt', conf => '', fires => '206',
	headers => ['Range: bytes=-10']);
$t->add('ranges', h2 => 1, get => '/f.txt', shows => 'multipart/byteranges', conf => '', fires => '206',
	headers => ['Range: bytes=0-0,100-199,-5']);
$t->add('range of what is not there', h2 => 1, get => '/f.txt', conf => '',
	fires => '416', headers => ['Range: bytes=99999-']);
$t->add('range of a large file', get => '/large.txt', fires => '206',
	conf => 'sendfile on;', headers => ['Range: bytes=1000-200000']);
$t->add('If-Range holds', get => '/f.txt', conf => '', fires => '206',
	headers => ['Range: bytes=1-2', "If-Range: $date"]);
$t->add('If-Range does not hold', h2 => 1, get => '/f.json', conf => '', fires => '200',
	headers => ['Range: bytes=1-2', 'If-Range: "other"'],
	answer => 'rid=file');
$t->add('max_ranges 0', get => '/f.json', conf => 'max_ranges 0;',
	headers => ['Range: bytes=1-2'], fires => '200', answer => 'rid=file');

# error_page

$t->add('error_page', h2 => 1, get => '/none', fires => '404',
	conf => 'error_page 404 /error.json;', answer => 'rid=error');
$t->add('error_page, HEAD', head => '/none', fires => '404',
	conf => 'error_page 404 /error.json;');
$t->add('error_page of a POST', h2 => 1, post => '/f.json', body => $post,
	conf => 'error_page 405 /error.json;', fires => '405',
	answer => 'rid=error');
$t->add('error_page =200', get => '/none', fires => '200',
	conf => 'error_page 404 =200 /error.json;', answer => 'rid=error');
$t->add('error_page = of a location', get => '/none', fires => '202',
	conf => <<'EOC');
        error_page 404 = /other;
        location = /other { return 202 other; }
EOC
$t->add('error_page to a named location', get => '/none', fires => '404',
	conf => <<'EOC', answer => 'rid=error');
        error_page 404 @named;
        location @named { rewrite ^ /error.json break; }
EOC
$t->add('error_page to return in a named location', get => '/none',
	fires => '410', conf => <<'EOC');
        error_page 404 = @named;
        location @named { return 410 gone; }
EOC
$t->add('error_page to another site', h2 => 1, get => '/none', fires => '302',
	conf => 'error_page 404 http://example.com/none.html;');
$t->add('error_page to another site, 301', get => '/none', fires => '301',
	conf => 'error_page 404 =301 http://example.com$uri;');
$t->add('error_page which is not there', get => '/none', fires => '404',
	conf => 'error_page 404 /nothing;');
$t->add('recursive error pages', h2 => 1, get => '/none', fires => '200',
	conf => <<'EOC', answer => 'rid=error');
        recursive_error_pages on;
        error_page 404 = @one;
        location @one { error_page 403 = @two; return 403; }
        location @two { error_page 500 =200 /error.json; return 500; }
EOC
$t->add('error page in an error page is not searched', get => '/none',
	fires => '403', conf => <<'EOC');
        error_page 404 = @one;
        location @one { error_page 403 = /error.json; return 403; }
EOC
$t->add('error_page of 412 in a filter', h2 => 1, get => '/f.json', fires => '412',
	late => 1, answer => 'rid=error',
	conf => 'error_page 412 /error.json;',
	headers => ["If-Unmodified-Since: Sat, 01 Jan 2000 00:00:00 GMT"]);
$t->add('error_page of 416 in a filter', get => '/f.txt', fires => '416',
	answer => 'rid=error', conf => 'error_page 416 /error.json;',
	headers => ['Range: bytes=99999-']);

# try_files, named and internal locations

$t->add('try_files, a file', get => '/x', fires => '200',
	conf => 'location / { try_files $uri /f.json =404; }',
	answer => 'rid=file');
$t->add('try_files, a directory', get => '/dir', fires => '200',
	conf => 'location / { try_files $uri/index.html =404; }');
$t->add('try_files, fallback', h2 => 1, get => '/x', fires => '202',
	conf => <<'EOC');
        location / { try_files $uri /other/?q=$uri; }
        location /other/ { return 202 "$args"; }
EOC
$t->add('try_files, named', get => '/x', fires => '202', conf => <<'EOC');
        try_files $uri @named;
        location @named { return 202 "$uri"; }
EOC
$t->add('try_files, status', get => '/x', fires => '410',
	conf => 'location / { try_files $uri =410; }');
$t->add('internal from outside', get => '/in/f.json', fires => '404',
	conf => 'location /in/ { internal; alias %%TESTDIR%%/html/; }');
$t->add('internal from inside', get => '/x', fires => '200',
	conf => <<'EOC', answer => 'rid=file');
        location /in/ { internal; alias %%TESTDIR%%/html/; }
        location / { error_page 404 =200 /in/f.json; }
EOC

# access

$t->add('deny', get => '/x', conf => 'location / { deny all; }',
	fires => '403');
$t->add('deny of a POST', post => '/x', body => $post, fires => '403',
	conf => 'location / { deny all; proxy_pass http://app; }');
$t->add('auth_basic without a user', h2 => 1, get => '/f.json', shows => 'WWW-Authenticate:', fires => '401',
	conf => 'auth_basic some; auth_basic_user_file html/users;');
$t->add('auth_basic of a POST', post => '/x', body => $post, fires => '401',
	conf => <<'EOC');
        location / {
            auth_basic some;
            auth_basic_user_file html/users;
            proxy_pass http://app;
        }
EOC
$t->add('auth_basic with a user', get => '/f.json', headers => [$basic],
	conf => 'auth_basic some; auth_basic_user_file html/users;',
	fires => '200', answer => 'rid=file');
$t->add('auth_basic with a wrong password', get => '/f.json', fires => '401',
	headers => ['Authorization: Basic dXNlcjp3cm9uZw=='],
	conf => 'auth_basic some; auth_basic_user_file html/users;');
$t->add('auth_basic with an error page', get => '/f.json', fires => '401',
	conf => <<'EOC', answer => 'rid=error');
        auth_basic some;
        auth_basic_user_file html/users;
        error_page 401 /error.json;
        location = /error.json { auth_basic off; }
EOC
$t->add("satisfy $_->[0]", get => '/f.json', headers => [$basic],
	conf => <<"EOC", fires => $_->[1], answer => $_->[2])
        satisfy $_->[0];
        deny all;
        auth_basic some;
        auth_basic_user_file html/users;
EOC
	for ['any', '200', 'rid=file'], ['all', '403', ''];
$t->add('satisfy any, without a user', h2 => 1, get => '/f.json', fires => '401',
	conf => <<'EOC');
        satisfy any;
        deny all;
        auth_basic some;
        auth_basic_user_file html/users;
EOC
$t->add('limit_except', post => '/x', body => $post, fires => '403',
	conf => 'location / { limit_except GET { deny all; } }');
$t->add('limit_req', conf => 'limit_req zone=req;', forms => 'close', h2 => 1,
	steps => [
		{ get => '/f.json', fires => '200', answer => 'rid=file' },
		{ get => '/f.json', fires => '503' },
		{ post => '/f.json', body => $post, fires => '503' },
	]);
$t->add('limit_req with a status and a page', forms => 'close', h2 => 1,
	conf => <<'EOC', steps => [
        limit_req zone=req;
        limit_req_status 429;
        error_page 429 @slow;
        location @slow { return 429 slow; }
EOC
		{ get => '/f.json', fires => '200', answer => 'rid=file' },
		{ get => '/f.json', fires => '429' },
	]);
$t->add('limit_rate', conf => 'limit_rate 200k; limit_rate_after 4k;',
	get => '/f.txt', fires => '200', forms => 'close', h2 => 1);
$t->add('413', h2 => 1, post => '/x', body => 'x' x 3000, fires => '413',
	conf => 'client_max_body_size 1k;');
$t->add('413 with a body to come', post => '/x', body => '', fires => '413',
	conf => 'client_max_body_size 1k;', forms => 'close',
	headers => ['Content-Length: 5000']);
$t->add('413 with an error page', post => '/x', body => 'x' x 3000,
	conf => 'client_max_body_size 1k; error_page 413 /error.json;',
	fires => '413', answer => 'rid=error');

# DAV

my $dav = <<'EOC';
        root %%TESTDIR%%/dav/$host/;
        create_full_put_path on;
        dav_methods PUT DELETE MKCOL COPY MOVE;
        client_body_temp_path %%TESTDIR%%/dav;
EOC

$t->add('DAV', h2 => 1, conf => $dav, steps => [
	{ put => '/a/f.json', body => $post, headers => ["Date: $date"],
		fires => '201 id=7 name=ann' },
	{ get => '/a/f.json', fires => '200', answer => 'rid=7' },
	{ put => '/a/f.json', body => '{"id":8}', headers => ["Date: $date"],
		fires => '204 id=8' },
	{ get => '/a/f.json', fires => '200', answer => 'rid=8' },
	{ put => '/b/empty', body => '', fires => '201' },
	{ put => '/b/chunked', body => $post, chunked => 3,
		headers => ["Date: $date"], fires => '201 id=7 name=ann' },
	{ get => '/b/chunked', fires => '200', answer => 'rid=7' },
	{ put => '/b/large', body => '{"pad":"' . 'p' x 200000
		. '","id":9}', headers => ["Date: $date"],
		fires => '201 id=9' },
	{ get => '/b/large', fires => '200', answer => 'rid=9' },
	{ put => '/a/', body => $post, fires => '409' },
	{ method => 'MKCOL', uri => '/c/', fires => '201' },
	{ method => 'MOVE', uri => '/a/f.json', fires => '204',
		headers => ['Destination: /c/g.json'] },
	{ delete => '/c/g.json', fires => '204' },
	{ delete => '/c/g.json', fires => '404' },
]);

# requests which are not right

$t->add('400 by a bad header', get => '/f.json', forms => 'close',
	headers => ['Host: another'], conf => '', fires => '400');
$t->add('501', post => '/f.json', forms => 'close', fires => '501',
	conf => '', headers => ['Transfer-Encoding: gzip']);
$t->add('URI with a bad escape', get => '/%zz', conf => '', forms => 'close',
	early => 1, fires => '400');
$t->add('OPTIONS *', options => '*', conf => '', forms => 'close',
	early => 1, fires => '400');
$t->add('absolute URI', get => 'http://after/f.json', forms => 'close',
	path => '/f.json', fires => '200', shows => 'the-response-after');
$t->add('merged slashes', h2 => 1, get => '//dir/..//f.json', conf => '',
	fires => '200', answer => 'rid=file');

$t->run();

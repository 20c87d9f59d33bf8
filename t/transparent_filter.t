#!/usr/bin/perl

# Tests that the module changes nothing: filters, caches, and subrequests.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Compress::Gzip qw/ gzip /;

use Test::Webhook::Twin;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook::Twin->new(http => <<'EOC', origin => <<'EOC2');
    proxy_cache_path %%TESTDIR%%/cache levels=1 keys_zone=one:1m;
    proxy_cache_key $host$request_method$uri$slice_range;
    gzip_types *;
    gzip_min_length 1;
    ssi_types *;
    sub_filter_types *;
    addition_types *;
EOC
        location /gzip/ {
            alias %%TESTDIR%%/html/;
            gzip on;
            gzip_types *;
            gzip_min_length 1;
            gzip_http_version 1.0;
            gzip_proxied any;
        }
        location /expires/ { alias %%TESTDIR%%/html/; expires 1h; }
        location /part { return 200 '{"id":"part"}'; }
EOC2

my $type = ['Content-Type', 'application/json'];
my $answer = { headers => $type, body => '{"id":"r1","word":"a word"}' };
my $large = '{"pad":"' . join(',', 1 .. 40000) . '","id":"r2"}';
my $post = '{"id":7,"name":"ann"}';
my @post = (post => '/x?y=z', body => $post);
my @zip = (headers => ['Accept-Encoding: gzip']);
my $values = '200 id=7 name=ann';

gzip \$answer->{body} => \my $zipped, -Minimal => 1 or die;
gzip \$large => \my $large_zipped, -Minimal => 1 or die;

my $zip = { headers => [@$type, 'Content-Encoding', 'gzip'],
	body => $zipped };

$t->file('f.json', '{"id":"file","name":"static"}');
$t->file('f.json.gz', $zipped);
$t->file('f.txt', join '', map { "line $_\n" } 1 .. 6000);
$t->file('empty.txt', '');
$t->file('ssi.json', '{"id":"page","part":<!--#include virtual="/part" -->}');
$t->file('ssi.html', 'begin <!--#include virtual="/p/one" --> and '
	. '<!--#include virtual="/f.json" --> and <!--#include '
	. 'virtual="/part" --> and <!--#echo var="request_uri" --> end');
$t->file('ssi-wait.html', '<!--#include virtual="/p/one" wait="yes" -->'
	. '<!--#include virtual="/p/two" set="two" -->'
	. '<!--#if expr="$two = /id/" -->has<!--#else -->no<!--#endif -->');
$t->file('ssi-error.html', 'a <!--#include virtual="/none" --> b '
	. '<!--#include virtual="/dead" --> c <!--#no such --> d');
$t->file('ssi-large.html', '<!--#include virtual="/f.txt" -->'
	. '<!--#include virtual="/p/large" -->');
$t->file('ssi-only.html', '<!--#include virtual="/part" -->');
$t->file('sub.json', '{"id":"a word"}');

###############################################################################

# gzip

my $gzip = 'location / { proxy_pass http://app; gzip on; }';

for (
	['gzip of a file', get => '/f.json', conf => 'gzip on;',
		fires => '200', answer => 'rid=file', h2 => 1],
	['gzip of a large file', get => '/f.txt', conf => 'gzip on;',
		fires => '200'],
	['gzip of an empty file', get => '/empty.txt', conf => 'gzip on;',
		fires => '200'],
	['gzip of an answer', @post, conf => $gzip, fires => $values,
		answer => 'rid=r1', app => $answer, h2 => 1],
	['gzip of a large answer', @post, conf => $gzip, fires => $values,
		app => { headers => $type, body => $large }, chunks => 'any',
		answer => 'rid=r2'],
	['gzip of a chunked answer', @post, conf => $gzip, fires => $values,
		app => { %$answer, chunked => 1, chunk_size => 4 },
		chunks => 'any', answer => 'rid=r1'],
	['gzip of a 404', @post, conf => $gzip, app => { %$answer,
		status => 404 }, fires => '404 id=7 name=ann',
		answer => 'rid=r1'],
	['gzip of return', get => '/x', fires => '200', answer => 'rid=r',
		conf => 'location / { gzip on; return 200 \'{"id":"r"}\'; }'],
	['gzip_static', get => '/f.json', conf => 'gzip_static on;',
		fires => '200', answer => 'rid=r1'],
	['gzip of an application', @post, conf => <<'EOC', app => $zip,
        location / { proxy_pass http://app; }
EOC
		fires => $values, answer => 'rid=r1'],
	['gzip of another nginx', get => '/gzip/f.json', conf => <<'EOC',
        location / { proxy_pass http://origin; }
EOC
		chunks => 'any', fires => '200', answer => 'rid=file'],
) {
	my ($name, @o) = @$_;
	my %o = @o;

	$o{headers} = [@{$o{headers} || []}, 'Accept-Encoding: gzip'];

	$t->add($name, shows => $name =~ /empty/ ? '' : 'Content-Encoding: gzip',
		%o);
	$t->add("$name, HEAD", %o, method => 'HEAD', uri => '/f.json',
		map { $_ => undef } qw/ get post body answer h2 /)
		if $o{conf} eq 'gzip on;' && !$o{chunks};
	$t->add("$name, not accepted", %o, headers => [], h2 => 0,
		$name eq 'gzip_static' ? (answer => 'rid=file') : ());
}

$t->add('gunzip', @post, shows => $answer->{body}, app => $zip, fires => $values, answer => 'rid=r1',
	h2 => 1, conf => 'location / { proxy_pass http://app; gunzip on; }');
$t->add('gunzip of a large answer', @post, chunks => 'any', fires => $values,
	app => { %$zip, body => $large_zipped }, answer => 'rid=r2',
	conf => 'location / { proxy_pass http://app; gunzip on; }');
$t->add('gunzip, accepted', @post, app => $zip, fires => $values, @zip,
	answer => 'rid=r1',
	conf => 'location / { proxy_pass http://app; gunzip on; }');
$t->add('answer which is not gzip', @post, fires => $values,
	app => { %$zip, body => 'not gzip at all' },
	conf => 'location / { proxy_pass http://app; }');
$t->add('answer with another encoding', @post, fires => $values,
	app => { %$answer, headers => [@$type, 'Content-Encoding', 'br'] },
	conf => 'location / { proxy_pass http://app; gunzip on; }');

# sub and addition

my $sub = 'sub_filter word "longer thing";';

$t->add('sub_filter of a file', get => '/sub.json', conf => $sub,
	fires => '200', answer => 'rid=a word', shows => 'longer thing', h2 => 1);
$t->add('sub_filter of a file, HEAD', head => '/sub.json', conf => $sub,
	fires => '200');
$t->add('sub_filter of an answer', @post, fires => $values, app => $answer,
	answer => 'rid=r1',
	conf => "location / { proxy_pass http://app; $sub }");
$t->add('sub_filter of a chunked answer', @post, fires => $values,
	app => { %$answer, chunked => 1, chunk_size => 3 }, chunks => 'any',
	answer => 'rid=r1',
	conf => "location / { proxy_pass http://app; $sub }");
$t->add('sub_filter of nothing', @post, fires => $values, answer => 'rid=r1',
	app => $answer,
	conf => 'location / { proxy_pass http://app; sub_filter none some; }');
$t->add('sub_filter and gzip', @post, fires => $values, app => $answer, @zip,
	answer => 'rid=r1', conf => "location / { proxy_pass http://app; $sub "
	. 'gzip on; }');

my $added = <<'EOC';
        location /part { return 200 '{"id":"part"}'; }
        location /p/ { proxy_pass http://app/; }
        location /dead { proxy_pass http://dead; }
EOC

$t->add('addition to a file', get => '/f.json', fires => '200', h2 => 1,
	answer => 'rid=file',
	conf => "add_before_body /part; add_after_body /f.txt; $added");
$t->add('addition to an answer', @post, fires => $values, answer => 'rid=r1',
	app => $answer, chunks => 'any', conf => <<"EOC");
        location / {
            proxy_pass http://app;
            add_before_body /part;
            add_after_body /p/after;
        }
$added
EOC
$t->add('addition of what fails', get => '/f.json', fires => '200',
	answer => 'rid=file',
	conf => "add_before_body /none; add_after_body /dead; $added");

# SSI

my @ssi = (conf => "ssi on; $added", chunks => 'any', app => $answer);

$t->add('SSI', get => '/ssi.html', @ssi, shows => '{"id":"part"}', fires => '200', h2 => 1);
$t->add('SSI of JSON', get => '/ssi.json', @ssi, fires => '200',
	state => 'none');
$t->add('SSI, HEAD', head => '/ssi.html', @ssi, fires => '200');
$t->add('SSI which waits', get => '/ssi-wait.html', @ssi, shows => 'has', fires => '200');
$t->add('SSI with errors', get => '/ssi-error.html', @ssi, fires => '200');
$t->add('SSI of large parts', get => '/ssi-large.html', @ssi, h2 => 1,
	app => { headers => $type, body => $large }, fires => '200');
$t->add('SSI of one part', get => '/ssi-only.html', @ssi, fires => '200');
$t->add('SSI and gzip', get => '/ssi.html', @ssi, fires => '200', @zip,
	conf => "ssi on; gzip on; $added");
$t->add('SSI, HTTP/1.0', get => '/ssi.html', version => '1.0', @ssi,
	fires => '200');
$t->add('SSI of an answer', @post, fires => $values, chunks => 'any',
	answer => undef, app => sub {
		my ($req) = @_;

		return $req->{target} =~ m!^/x! ? { headers => $type,
			body => '{"id":"r1","part":<!--#include '
			. 'virtual="/p/one" -->}' } : $answer;
	}, conf => "location / { proxy_pass http://app; ssi on; } $added");

# cache

my $cache = <<'EOC';
            proxy_cache one;
            proxy_cache_valid any 10m;
            proxy_cache_methods GET HEAD POST;
            add_header X-Cache $upstream_cache_status always;
EOC

my $cached = "location / { proxy_pass http://app; $cache }";

my @twice = (h2 => 1, conf => $cached);

sub twice {
	my (%o) = @_;

	return steps => [{ %o, shows => 'X-Cache: MISS' },
		{ %o, shows => 'X-Cache: HIT' },
		{ %o, shows => 'X-Cache: HIT' }];
}

$t->add('cache', @twice, app => [$answer, { body => 'again' }],
	twice(get => '/x', fires => '200', answer => 'rid=r1'));
$t->add('cache of a POST', @twice, app => [$answer, { body => 'again' }],
	twice(@post, fires => $values, answer => 'rid=r1'));
$t->add('cache, HEAD first', conf => $cached, app => [$answer], steps => [
	{ head => '/x', fires => '200' },
	{ get => '/x', fires => '200', answer => 'rid=r1' },
	{ head => '/x', fires => '200' },
]);
$t->add('cache, large and chunked', @twice, chunks => 'any', app => [{
	headers => $type, body => $large, chunked => 1 }, { body => 'again' }],
	twice(get => '/x', fires => '200', answer => 'rid=r2'));
$t->add('cache, empty', @twice, app => [{ body => '' }, $answer],
	twice(get => '/x', fires => '200'));
$t->add('cache, 204', @twice, app => [{ status => 204 }, $answer],
	twice(get => '/x', fires => '204'));
$t->add('cache, 404', @twice, app => [{ %$answer, status => 404 }, $answer],
	twice(get => '/x', fires => '404', answer => 'rid=r1'));
$t->add('cache, 301', @twice, app => [{ status => 301, headers => ['Location',
	'/elsewhere'] }, $answer], twice(get => '/x', fires => '301'));
$t->add('cache, ranges', conf => $cached, app => [{ %$answer, headers =>
	[@$type, 'Accept-Ranges', 'bytes', 'Last-Modified',
	'Sun, 09 Sep 2001 01:46:40 GMT', 'ETag', '"e"'] }], steps => [
	{ get => '/x', fires => '206', headers => ['Range: bytes=1-5'] },
	{ get => '/x', fires => '206', headers => ['Range: bytes=1-1,3-5'] },
	{ get => '/x', fires => '416', headers => ['Range: bytes=999-'] },
	{ get => '/x', fires => '304', headers => ['If-None-Match: "e"'] },
	{ get => '/x', fires => '200', answer => 'rid=r1' },
]);
$t->add('cache, gzip of a hit', conf => "$cached gzip on;",
	app => [$answer], @zip,
	twice(get => '/x', fires => '200', answer => 'rid=r1'));
$t->add('cache of gzip', conf => "$cached gunzip on;", app => [$zip],
	twice(get => '/x', fires => '200', answer => 'rid=r1'));

my $old = { %$answer, headers => [@$type, 'Last-Modified',
	'Sun, 09 Sep 2001 01:46:40 GMT', 'ETag', '"e"'] };

$t->add("cache, $_->[0]", conf => <<"EOC", h2 => 1, app => [$old, $_->[1]],
        location / {
            proxy_pass http://app;
            proxy_cache one;
            proxy_cache_use_stale error timeout http_500;
            proxy_cache_revalidate on;
            proxy_cache_valid any 1s;
            add_header X-Cache \$upstream_cache_status always;
        }
EOC
	steps => [
		{ get => '/x', fires => '200', answer => 'rid=r1' },
		{ wait => 2.1, get => '/x', fires => '200',
			answer => "rid=$_->[2]",
			shows => 'X-Cache: ' . uc(($_->[0] =~ /(\w+)/)[0]) },
	])
	for ['revalidated', { status => 304 }, 'r1'],
	['expired', { headers => $type, body => '{"id":"r3"}' }, 'r3'],
	['stale by a status', { status => 500 }, 'r1'],
	['stale by a broken answer', { close => 1 }, 'r1'];
$t->add('cache, bypassed', conf => <<'EOC', app => $answer,
        location / {
            proxy_pass http://app;
            proxy_cache one;
            proxy_cache_valid any 10m;
            proxy_cache_bypass $arg_fresh;
            proxy_no_cache $arg_fresh;
            proxy_cache_lock on;
            add_header X-Cache $upstream_cache_status;
        }
EOC
	steps => [
		{ get => '/x?fresh=1', fires => '200', answer => 'rid=r1' },
		{ get => '/x', fires => '200', answer => 'rid=r1' },
		{ get => '/x?fresh=1', fires => '200', answer => 'rid=r1' },
	]);

# slices

$t->add('slice', conf => <<'EOC', h2 => 1, steps => [
        location / {
            slice 4k;
            proxy_pass http://origin;
            proxy_cache one;
            proxy_cache_valid 200 206 10m;
            proxy_set_header Range $slice_range;
            add_header X-Cache $upstream_cache_status;
        }
EOC
	{ get => '/f.txt', fires => '200', shows => 'X-Cache: MISS' },
	{ get => '/f.txt', fires => '200', shows => 'X-Cache: HIT' },
	{ get => '/f.txt', fires => '206', shows => 'X-Cache: HIT',
		headers => ['Range: bytes=4000-9000'] },
	{ get => '/f.txt', fires => '206', headers => ['Range: bytes=0-9'] },
	{ get => '/f.txt', fires => '416',
		headers => ['Range: bytes=999999-'] },
	{ head => '/f.txt', fires => '200' },
	{ get => '/f.json', fires => '200', answer => 'rid=file' },
	{ get => '/none', fires => '404' },
]);

# others

$t->add('charset', get => '/f.json', fires => '200', answer => 'rid=file',
	conf => 'charset utf-8; charset_types *;');
$t->add('expires and trailers', get => '/f.json', fires => '200',
	answer => 'rid=file', headers => ['TE: trailers'],
	conf => 'expires max; add_trailer X-Trailer $request_method;');
$t->add('etag off', get => '/f.json', fires => '200', answer => 'rid=file',
	conf => 'etag off; if_modified_since off;',
	headers => ['If-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT']);
$t->add('directio', get => '/f.txt', fires => '200',
	conf => 'directio 4k; output_buffers 1 8k;');

$t->run();

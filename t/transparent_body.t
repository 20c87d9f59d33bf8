#!/usr/bin/perl

# Tests that the module changes nothing: bodies of requests, requests in one
# write, and clients that go.

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

my $t = Test::Webhook::Twin->new(http => <<'EOC');
    client_max_body_size 500k;
EOC

my $post = '{"id":7,"name":"ann"}';
my $large = '{"id":8,"pad":"' . 'p' x 100000 . '","name":"large"}';

my $values = '200 id=7 name=ann';
my $length = { headers => ['Content-Type', 'application/json'],
	body => '{"id":"l"}' };

$t->file('f.json', '{"id":"file"}');
$t->file('large.txt', join '', map { "line $_\n" } 1 .. 30000);

# an application that tells only how much it got, and a sum of it

sub sum {
	my ($req) = @_;

	return { %$length, body => sprintf '{"id":"%d %08x"}',
		length $req->{body}, unpack '%32C*', $req->{body} };
}

my $sum = \&sum;
my $of_large = sprintf 'rid=%d %08x', length $large, unpack '%32C*', $large;

###############################################################################

# ways of a body through nginx

for (
	['buffered', ''],
	['unbuffered', 'proxy_request_buffering off;'],
	['unbuffered, HTTP/1.0 to the application',
		'proxy_request_buffering off; proxy_http_version 1.0;'],
	['in a file', 'client_body_in_file_only clean;'],
	['in a file that stays', 'client_body_in_file_only on;'],
	['in a single buffer', 'client_body_in_single_buffer on; '
		. 'client_body_buffer_size 1m;'],
	['in a tiny buffer', 'client_body_buffer_size 16;'],
	['in a tiny buffer, unbuffered', 'client_body_buffer_size 16; '
		. 'proxy_request_buffering off;'],
	['with a mirror', 'mirror /mirror;'],
	['with auth_request', 'auth_request /auth;'],
	['read for a variable', 'mirror /mirror; mirror_request_body on; '
		. 'proxy_set_header X-Length "$content_length";'],
) {
	my ($name, $conf) = @$_;

	my @conf = (conf => <<"EOC", post => '/x');
        location / { proxy_pass http://app; $conf }
        location = /mirror { internal; proxy_pass http://app; }
        location = /auth {
            internal;
            proxy_pass http://app;
            proxy_method GET;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
        }
EOC

	$t->add("$name, length", @conf, body => $post, fires => $values,
		answer => 'rid=r7', h2 => !!($name =~ /^in a file$|auth/));
	$t->add("$name, chunked", @conf, body => $post, chunked => 4,
		fires => $values, answer => 'rid=r7', h2 => $name eq 'with a mirror');
	$t->add("$name, chunks of an octet", @conf, body => $post,
		chunked => 1, fires => $values, answer => 'rid=r7');
	$t->add("$name, large", @conf, body => $large, app => $sum,
		fires => '200 id=8 name=large', answer => $of_large,
		h2 => $name eq 'unbuffered');
	$t->add("$name, large and chunked", @conf, body => $large,
		chunked => 10000, app => $sum,
		fires => '200 id=8 name=large', answer => $of_large,
		h2 => $name eq 'buffered');
	$t->add("$name, empty", @conf, body => '', fires => '200',
		answer => 'rid=r7');
	$t->add("$name, chunked and empty", @conf, body => '', chunked => 1,
		fires => '200', answer => 'rid=r7');
	$t->add("$name, an octet", @conf, body => '7', fires => '200',
		state => 'complete', answer => 'rid=r7');
	$t->add("$name, not JSON", @conf, body => 'a=b&c=d', fires => '200',
		state => 'invalid', answer => 'rid=r7');
	$t->add("$name, Expect", @conf, body => $post, fires => $values,
		answer => 'rid=r7', headers => ['Expect: 100-continue'],
		parts => sub { ($_[0], qr/100 Continue\r\n\r\n/, $_[1]) });
	$t->add("$name, in pieces", @conf, body => $post, fires => $values,
		answer => 'rid=r7', parts => sub { ($_[0], 'pause',
			map { ($_, 'pause') } split /(?<=[,:])/, $_[1]) });
	$t->add("$name, chunked, in pieces", @conf, body => $post,
		chunked => 7, fires => $values, answer => 'rid=r7',
		parts => sub { ($_[0], map { ($_, 'pause') }
			split /(?<=[,7])/, $_[1]) });
	$t->add("$name, larger than allowed", @conf, body => $post,
		headers => ['Content-Length: 9999999'], fires => '413',
		forms => 'close', parts => sub { $_[0] });
	$t->add("$name, chunked, larger than allowed", @conf,
		body => 'x' x 600000, chunked => 100000, fires => '413',
		forms => 'close', state => 'invalid');
	$t->add("$name, bad chunks", @conf, body => '', forms => 'close',
		headers => ['Transfer-Encoding: chunked'], fires => '400',
		state => 'any', parts => sub { $_[0]
			=~ s/Content-Length: 0\r\n//r . "zz$CRLF" });
}

# bodies nobody reads

for (
	['return', 'return 200 text;', '200', ''],
	['a file', 'error_page 405 =200 /f.json;', '200', 'rid=file'],
	['403', 'deny all;', '403', ''],
	['404', 'return 404;', '404', ''],
	['redirect', 'return 307 /other;', '307', ''],
) {
	my ($name, $conf, $status, $answer) = @$_;

	my @of = (conf => $conf, fires => $status, answer => $answer);

	$t->add("$name, with a body", post => '/f.json', body => $post, @of);
	$t->add("$name, with a large body", post => '/f.json', body => $large,
		@of);
	$t->add("$name, with a chunked body", post => '/f.json',
		body => $post, chunked => 3, @of);
	$t->add("$name, with Expect", post => '/f.json', body => $post, @of,
		headers => ['Expect: 100-continue'],
		parts => sub { ($_[0], qr/\r\n\r\n/, $_[1]) });
}

$t->add('GET with a body', get => '/x', body => $post, fires => $values,
	answer => 'rid=r7', conf => 'location / { proxy_pass http://app; }');
$t->add('DELETE with a body', delete => '/x', body => $post, fires => $values,
	answer => 'rid=r7', h2 => 1);
# several requests in one write

my %echo = (fires => $values, answer => 'rid=r7', body => $post);

$t->add('requests in one write', conf => <<'EOC', forms => 'close',
        location /app/ { proxy_pass http://app/; }
        location /un/ {
            proxy_pass http://app/;
            proxy_buffering off;
            proxy_request_buffering off;
        }
        location /r { return 200 "returned"; }
        location /moved { return 301 /f.json; }
EOC
	pipeline => [
		{ get => '/f.json', fires => '200', answer => 'rid=file' },
		{ post => '/app/1', %echo },
		{ post => '/app/2', %echo, chunked => 4 },
		{ post => '/r', body => $post, fires => '200' },
		{ post => '/r', body => $post, chunked => 2, fires => '200' },
		{ head => '/f.json', fires => '200' },
		{ post => '/un/3', %echo },
		{ post => '/un/4', %echo, chunked => 9 },
		{ get => '/moved', fires => '301' },
		{ post => '/app/5', body => $large, chunked => 5000,
			fires => '200 id=8 name=large', answer => 'rid=r7' },
		{ get => '/large.txt', fires => '200' },
		{ post => '/app/6', body => '', fires => '200',
			answer => 'rid=r7' },
		{ put => '/f.json', body => $post, fires => '405' },
		{ get => '/none', fires => '404' },
		{ post => '/un/7', body => $large,
			fires => '200 id=8 name=large', answer => 'rid=r7' },
		{ get => '/f.json', fires => '200', answer => 'rid=file' },
	]);

###############################################################################

# clients that go

my @go = (forms => 'close', partial => 1);

$t->add('client goes before the answer', @go, post => '/x', body => $post,
	app => { hang => 1 }, fires => '',
	parts => sub { (@_, 'app', 'close') });
$t->add('client goes before the answer, unbuffered', @go, post => '/x',
	body => $post, app => { hang => 1 }, fires => '',
	conf => <<'EOC', parts => sub { (@_, 'app', 'close') });
        location / {
            proxy_pass http://app;
            proxy_buffering off;
            proxy_request_buffering off;
        }
EOC
$t->add('client goes within its body', @go, post => '/x', body => $post,
	fires => '', headers => ['Content-Length: 100'],
	parts => sub { (@_, 'pause', 'close') });
$t->add('client goes within its body, chunked', @go, post => '/x',
	body => $post, chunked => 5, fires => '', parts => sub {
		($_[0], substr($_[1], 0, -7), 'pause', 'close') });
$t->add('client goes within its body, unbuffered', @go, post => '/x',
	body => $post, fires => '', headers => ['Content-Length: 100'],
	conf => <<'EOC', parts => sub { (@_, 'pause', 'close') });
        location / { proxy_pass http://app; proxy_request_buffering off; }
EOC
$t->add('client goes within the answer', @go, post => '/x', body => $post,
	app => { %$length, hang => 'body' }, cut => 1, fires => $values,
	conf => <<'EOC', parts => sub { (@_, qr/\{"/, 'close') });
        location / { proxy_pass http://app; proxy_buffering off; }
EOC
$t->add('client goes within the answer, chunked', @go, post => '/x',
	body => $post, app => { %$length, hang => 'body', chunked => 1 },
	cut => 1, fires => $values,
	conf => <<'EOC', parts => sub { (@_, qr/\{"/, 'close') });
        location / { proxy_pass http://app; proxy_buffering off; }
EOC
$t->add('client that does not matter goes', @go, post => '/x', body => $post,
	app => { %$length, delay => 0.05 }, fires => $values, answer => 'rid=l',
	conf => <<'EOC', parts => sub { (@_, 'app', 'close') });
        location / { proxy_pass http://app; proxy_ignore_client_abort on; }
EOC
$t->add('client goes within a large file', @go, get => '/large.txt',
	cut => 1, fires => '200', conf => 'sendfile on; limit_rate 64k;',
	parts => sub { ($_[0], qr/line 9\n/, 'close') });
$t->add('client goes within a large file, read', @go, get => '/large.txt',
	cut => 1, fires => '200', conf => 'sendfile off; limit_rate 64k;',
	parts => sub { ($_[0], qr/line 9\n/, 'close') });
$t->add('client sends half of a header', @go, get => '/x', fires => '',
	unlogged => 1, parts => sub { (substr($_[0], 0, -10), 'close') });

$t->run();

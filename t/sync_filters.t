#!/usr/bin/perl

# Tests for sync=always with a filter that sends the header, or an error page
# in its place, when it has seen the body: the image filter, before and after
# the module.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use MIME::Base64 qw/ decode_base64 /;

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $CRLF = "\x0d\x0a";

my $so = 'ngx_http_image_filter_module.so';
my ($so_dir) = `${\Test::Webhook->new()->binary()} -V 2>&1`
	=~ /--modules-path=(\S+)/;

plan(skip_all => "no $so") unless $so_dir && -f "$so_dir/$so";

my $gif = decode_base64(
	'R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7');

my @requests = (
	['HEAD', 'HEAD', '/image/gif', 200],
	['HEAD, not an image', 'HEAD', '/image/text', 415],
	['HEAD, too large', 'HEAD', '/small/gif', 415],
	['HEAD, JSON in its place', 'HEAD', '/size/gif', 200],
	['HEAD, other location', 'HEAD', '/gif', 200],
	['HEAD, slices', 'HEAD', '/slice/text', 200],
	['GET', 'GET', '/image/gif', 200],
	['GET, not an image', 'GET', '/image/text', 415],
	['GET, empty', 'GET', '/image/empty', 415],
	['GET, too large', 'GET', '/small/gif', 415],
	['GET, too large while read', 'GET', '/unbuffered', 415],
	['GET, too large in a buffer', 'GET', '/buffered', 415],
);

# two of each nginx are of its end

plan(tests => 2 * (2 * @requests + 1 + 2));

for my $first ('image filter', 'module') {
	my $t = Test::Webhook->new();

	my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

	# without Content-Length; only what is buffered ends by itself

	my $raw = "HTTP/1.1 200 OK${CRLF}${CRLF}$gif" . 'x' x 3000;

	my $app = Test::Webhook::Receiver->new($t, port => 'app', rules => {
		'/unbuffered' => { raw => $raw, keep => 1 },
		'/buffered' => { raw => $raw },
	});

	mkdir $t->testdir() . '/html';
	$t->write_file('html/gif', $gif);
	$t->write_file('html/text', 'not an image at all, but long enough');
	$t->write_file('html/empty', '');

	my $load = "load_module $so_dir/$so;";
	my ($before, $after) = $first eq 'module' ? ($load, '') : ('', $load);

	my $locations = <<'EOC';
        location / { root %%TESTDIR%%/html; }
        location /image/ {
            image_filter test;
            alias %%TESTDIR%%/html/;
        }
        location /size/ {
            image_filter size;
            alias %%TESTDIR%%/html/;
        }
        location /small/ {
            image_filter test;
            image_filter_buffer 20;
            alias %%TESTDIR%%/html/;
        }
        location /slice/ {
            slice 10;
            proxy_cache slices;
            proxy_cache_key $server_port$uri$slice_range;
            proxy_cache_valid any 1m;
            proxy_set_header Range $slice_range;
            proxy_pass http://127.0.0.1:%%PORT_plain%%/;
        }
        location /unbuffered {
            image_filter rotate 90;
            image_filter_buffer 20;
            proxy_buffering off;
            proxy_buffer_size 512;
            proxy_pass http://127.0.0.1:%%PORT_app%%;
        }
        location /buffered {
            image_filter rotate 90;
            image_filter_buffer 20;
            proxy_pass http://127.0.0.1:%%PORT_app%%;
        }
EOC

	$t->conf(<<"EOC")->run();
$before
%%TEST_GLOBALS%%
$after

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m sync=always;

    proxy_cache_path %%TESTDIR%%/cache keys_zone=slices:1m;

    webhook_endpoint one {
        url http://127.0.0.1:%%PORT_rx%%/;
        allow_http on;
    }

    server {
        listen 127.0.0.1:%%PORT_plain%%;

$locations
    }

    server {
        listen 127.0.0.1:%%PORT_held%%;
        webhook any.request to=one status=any;

$locations
    }
}
EOC

	for (@requests) {
		my ($name, $method, $uri, $status) = @$_;

		my $plain = request($t, 'plain', $method, $uri);
		my $held = request($t, 'held', $method, $uri);

		like($held, qr/^HTTP\/1\.1 $status /, "$name - $first first");
		is($held, $plain, "$name - as without a trigger");
	}

	ok($rx->wait_requests(scalar @requests, 10), 'an event of each');

	$t->stop();
}

###############################################################################

# all until the connection is closed

sub request {
	my ($t, $port, $method, $uri) = @_;

	my $start = time();
	my $r = $t->http("$method $uri HTTP/1.1${CRLF}Host: a${CRLF}"
		. "Connection: close${CRLF}${CRLF}",
		port => $port, until_close => 1, timeout => 5);

	$r =~ s/^(Date|Last-Modified|ETag): .*?\r\n//gm;

	return $r . (time() - $start > 4 ? ' and not closed' : '');
}

###############################################################################

#!/usr/bin/perl

# Tests for values of responses, and of forms: webhook_json ... response,
# webhook_form, webhook_capture, and the state of bodies.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Compress::Gzip qw/ gzip /;
use IO::Compress::Deflate qw/ deflate /;

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

my $json = '{"id":12345678901234567890,"price":2.50,"name":"J\u00f6rg",'
	. '"tags":["a",{"b":[1.0,1e400,null,true]}],"none":null}';
my $large = '{"id":1,"pad":"' . 'p' x 700_000 . '","name":"late"}';

gzip \$json => \my $gzipped or die;
deflate \$json => \my $deflated or die;
gzip \('{"id":1,"pad":"' . 'p' x 900_000 . '","name":"late"}') => \my $bomb,
	-Level => 9 or die;

sub answer {
	my ($body, @headers) = @_;

	return { raw => join("\x0d\x0a", 'HTTP/1.1 200 OK',
		'Content-Length: ' . length $body, 'Connection: close', @headers,
		'', $body) };
}

sub chunked {
	my ($size, $body) = @_;

	return join('', map { sprintf("%x\x0d\x0a%s\x0d\x0a", length, $_) }
		unpack("(a$size)*", $body), '');
}

my $te = "HTTP/1.1 200 OK\x0d\x0aTransfer-Encoding: chunked\x0d\x0a"
	. "Connection: close\x0d\x0a\x0d\x0a";

my $app = Test::Webhook::Receiver->new($t, port => 'app', rules => {
	'/json' => answer($json, 'Content-Type: application/json'),
	'/text' => answer('not JSON', 'Content-Type: text/plain'),
	'/plain' => answer($json),
	'/empty' => answer(''),
	'/large' => answer($large),
	'/chunked' => { raw => $te . chunked(7, $json) },
	'/cut' => { raw => "HTTP/1.1 200 OK\x0d\x0aContent-Length: 500\x0d\x0a"
		. "\x0d\x0a" . $json },
	'/close' => { raw => "HTTP/1.0 200 OK\x0d\x0a\x0d\x0a$json" },
	'/gzip' => answer($gzipped, 'Content-Encoding: gzip'),
	'/deflate' => answer($deflated, 'Content-Encoding: deflate'),
	'/br' => answer($json, 'Content-Encoding: br'),
	'/bomb' => answer($bomb, 'Content-Encoding: gzip'),
	'/404' => { raw => "HTTP/1.1 404 Not Found\x0d\x0aContent-Length: "
		. length($json) . "\x0d\x0aConnection: close\x0d\x0a\x0d\x0a$json" },
	'/latin' => answer("{\"id\":1,\"name\":\"\xf6\"}"),
	'/two' => answer('{"id":1}{"id":2}'),
});

mkdir $t->testdir() . '/html';
$t->write_file('html/file.json', $json);
$t->write_file('html/large.json', $large);

$t->conf(<<'EOC')->run();
%%TEST_GLOBALS%%

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

    webhook_endpoint one {
        url http://127.0.0.1:%%PORT_rx%%/one;
        allow_http on;
        header X-N $arg_n;
        header X-State "$webhook_request_body_state $webhook_response_body_state";
        order none;
        concurrency 32;
    }

    webhook_json $id response /id;
    webhook_json $name response /name;

    log_format state '$arg_n $status [$webhook_request_body_state] '
                     '[$webhook_response_body_state] [$id] [$name] [$email] '
                     '[$webhook_result]';
    access_log %%TESTDIR%%/state.log state;

    map $id $known {
        default 0;
        12345678901234567890 1;
    }

    proxy_cache_path %%TESTDIR%%/cache keys_zone=cache:1m;
    webhook_form $email request email;

    server {
        listen 127.0.0.1:%%PORT_http%%;
        listen 127.0.0.1:%%PORT_h2%% http2;
        webhook any.response to=one status=any;

        location / {
            proxy_pass http://127.0.0.1:%%PORT_app%%;
            webhook_json $id response /id;
            webhook_json $name response /name;
            webhook_json $tags response /tags type=json;
            webhook_json $first response /tags/0;
            webhook_json $price response /price;
        }

        location /unbuffered/ {
            proxy_pass http://127.0.0.1:%%PORT_app%%/;
            proxy_buffering off;
            proxy_buffer_size 1k;
        }

        location /gzipped/ {
            proxy_pass http://127.0.0.1:%%PORT_app%%/;
            gzip on;
            gzip_types *;
            gzip_min_length 1;
            gzip_proxied any;
        }

        location /cached/ {
            proxy_pass http://127.0.0.1:%%PORT_app%%/;
            proxy_cache cache;
            proxy_cache_valid any 1h;
        }

        location /max/ {
            proxy_pass http://127.0.0.1:%%PORT_app%%/;
            webhook_max_body_size 40;
        }

        location /static/ {
            alias %%TESTDIR%%/html/;
            sendfile on;
            output_buffers 1 1m;
        }

        location /if/ {
            proxy_pass http://127.0.0.1:%%PORT_app%%/;
            webhook any.known to=one if=$known;
        }

        location /get-only/ {
            proxy_pass http://127.0.0.1:%%PORT_app%%/;
            webhook any.get to=one method=GET status=404;
        }

        location /capture/ {
            proxy_pass http://127.0.0.1:%%PORT_app%%/;
            webhook off;
            webhook_capture on;
        }

        location /off/ {
            proxy_pass http://127.0.0.1:%%PORT_app%%/;
            webhook off;
        }

        location /return {
            return 200 '{"id":7,"name":"returned"}';
        }

        location /ssi/ {
            proxy_pass http://127.0.0.1:%%PORT_app%%/;
            ssi on;
            ssi_types *;
            sub_filter_types *;
            sub_filter J K;
        }

        location /form {
            proxy_pass http://127.0.0.1:%%PORT_app%%/empty;
            webhook_form $email request email;
            webhook_form $city request "user[city]";
            webhook_json $both request /email;
        }

        location /form-in-file {
            proxy_pass http://127.0.0.1:%%PORT_app%%/empty;
            webhook_form $email request email;
            webhook_form $city request "user[city]";
            client_body_in_file_only clean;
            proxy_request_buffering on;
        }

        location /form-unbuffered {
            proxy_pass http://127.0.0.1:%%PORT_app%%/empty;
            webhook_form $email request email;
            webhook_form $city request "user[city]";
            proxy_request_buffering off;
            proxy_http_version 1.1;
        }
    }

    server {
        listen 127.0.0.1:%%PORT_plain%%;
        access_log off;

        location / { proxy_pass http://127.0.0.1:%%PORT_app%%; }
        location /static/ { alias %%TESTDIR%%/html/; }
        location /unbuffered/ { proxy_pass http://127.0.0.1:%%PORT_app%%/; }
        location /cached/ { proxy_pass http://127.0.0.1:%%PORT_app%%/; }
        location /max/ { proxy_pass http://127.0.0.1:%%PORT_app%%/; }
    }
}
EOC

###############################################################################

my ($n, @expected) = (0);

my $all = '"id":12345678901234567890,"name":"J\u00f6rg","tags":["a",{"b":[1.0,1e400,null,true]}],"first":"a","price":2.50';
$all =~ s/\\u00f6/\xc3\xb6/;
my $both = "\"id\":12345678901234567890,\"name\":\"J\xc3\xb6rg\"";
my $bare = '';

# a location of its own has all of its level and above, values own first

seen('JSON', '/json', 'complete', $all, 1);
seen('JSON of no type', '/plain', 'complete', $all, 1);
seen('chunked', '/chunked', 'complete', $all);
seen('until the close', '/close', 'complete', $all);
seen('not JSON', '/text', 'invalid', $bare, 1);
seen('not UTF-8', '/latin', 'invalid', $bare);
seen('two texts', '/two', 'invalid', $bare);
seen('empty', '/empty', 'none', $bare);
seen('large', '/large', 'complete', '"id":1,"name":"late"', 1);
seen('gzip', '/gzip', 'complete', $all, 1);
seen('deflate', '/deflate', 'complete', $all, 1);
seen('another encoding', '/br', 'encoded', $bare, 1);
seen('gzip that grows too much', '/bomb', 'truncated', '"id":1', 1);
seen('an error', '/404', 'complete', $all, 0, status => 404);
seen('unbuffered', '/unbuffered/json', 'complete', $both, 1);
seen('unbuffered, large', '/unbuffered/large', 'complete',
	'"id":1,"name":"late"', 1);
seen('unbuffered, chunked', '/unbuffered/chunked', 'complete', $both);
seen('gzipped by nginx', '/gzipped/json', 'complete', $both, 0,
	headers => ['Accept-Encoding' => 'gzip']);
seen('not yet in the cache', '/cached/json', 'complete', $both, 1);
seen('in the cache', '/cached/json', 'complete', $both, 1);
seen('a file', '/static/file.json', 'complete', $both, 1);
seen('a large file', '/static/large.json', 'complete', '"id":1,"name":"late"',
	1);
seen('a range', '/static/file.json', 'none', $bare, 0, status => 206,
	headers => [Range => 'bytes=0-20']);
seen('HEAD', '/static/file.json', 'none', $bare, 0, method => 'HEAD');
seen('beyond webhook_max_body_size', '/max/json', 'truncated',
	'"id":12345678901234567890', 1);
seen('return', '/return', 'complete', '"id":7,"name":"returned"');
seen('before ssi and sub_filter', '/ssi/json', 'complete', $both);
seen('cut', '/cut', 'truncated', $all, 0, complete => 0);

seen('a condition on it', '/if/json', 'complete', $both);
seen('that is false', '/if/large', 'complete', undef, 0, result => 'filtered',
	logged => 'any');

seen('a trigger that cannot fire by its status', '/get-only/json', 'none',
	undef, 0, result => 'filtered', logged => '');
seen('nor by its method', '/get-only/404', 'none', undef, 0, status => 404,
	method => 'POST', result => 'filtered', logged => '');
seen('captured without a trigger', '/capture/json', 'complete', undef, 0,
	result => '-', logged => 'any');
seen('not captured', '/off/json', 'none', undef, 0, result => '-', logged => '');

# forms

my $type = 'application/x-www-form-urlencoded';
my $multi = 'multipart/form-data; boundary=xyz';

my $form = 'a=1&email=ann%40example.com&user%5Bcity%5D=K%C3%B6ln+am+Rhein'
	. '&email=second';
my $values = '"email":"ann@example.com","city":"K' . "\xc3\xb6" . 'ln am Rhein"';

my $parts = join("\x0d\x0a", '--xyz',
	'Content-Disposition: form-data; name="email"', '', 'ann@example.com',
	'--xyz', 'Content-Disposition: form-data; name="file"; filename="a.txt"',
	'Content-Type: text/plain', '', 'x' x 50000, '--xyz',
	'Content-Disposition: form-data; name="user[city]"', '',
	"K\xc3\xb6ln am Rhein", '--xyz--', '');

for my $where (qw( /form /form-in-file /form-unbuffered )) {
	form("$where, urlencoded", $where, $form, $type, 'complete', $values);
	form("$where, urlencoded with a charset", $where, $form,
		"$type; charset=UTF-8", 'complete', $values);
	form("$where, multipart", $where, $parts, $multi, 'complete', $values);
	form("$where, chunked", $where, chunked(1000, $parts), $multi, 'complete',
		$values, headers => ['Transfer-Encoding' => 'chunked']);
}

form('no field that is wanted', '/form', 'a=1', $type, 'complete', '');
form('an empty field', '/form', 'email=&a', $type, 'complete', '"email":""');
form('no boundary', '/form', $parts, 'multipart/form-data', 'invalid', '');
form('a form that is cut off', '/form', substr($parts, 0, -8), $multi,
	'invalid', '');
form('JSON', '/form', '{"email":"json@example.com"}', 'application/json',
	'complete', '"both":"json@example.com"');
form('JSON where only forms are wanted', '/form-in-file', '{"email":"a"}',
	'application/json', 'none', '');

gzip \$form => \my $zipped or die;

form('a gzipped form', '/form', $zipped, $type, 'complete', $values,
	headers => ['Content-Encoding' => 'gzip']);

###############################################################################

# what became of all that

my %want = map { $_->{n} => $_ } @expected;
my $fired = grep { defined $_->{data} } @expected;

ok($rx->wait_requests($fired, 20), 'all events are delivered');

wait_for(sub { my $k = () = $t->read_file('state.log') =~ /^\d+ \d+ \[/mg;
	$k >= @expected }, 10, 'lines of the log');

my (%event, %log);

push @{$event{$_->{header}{'x-n'}}}, $_ for $rx->requests();

for (split /\n/, $t->read_file('state.log')) {
	/^(\d+) (\d+) \[(.*?)\] \[(.*?)\] \[(.*?)\] \[(.*?)\] \[(.*?)\] \[(.*?)\]$/
		or next;
	$log{$1} = { status => $2, states => [$3, $4], id => $5,
		email => $7, result => $8 };
}

for my $e (@expected) {
	my $name = $e->{name};
	my $l = $log{$e->{n}} || {};
	my @events = @{$event{$e->{n}} || []};

	is("$l->{status} $l->{states}[$e->{form} ? 0 : 1] $l->{result}",
		"$e->{status} $e->{state} $e->{result}", "$name - status, state, result");

	if (exists $e->{logged}) {
		is($l->{id} ne '-', $e->{logged} ne '', "$name - in the log");
	}

	is(scalar(@events), defined $e->{data} ? 1 : 0, "$name - events");
	next unless @events && defined $e->{data};

	my ($data) = $events[0]{body} =~ /"status":\d+,?(.*)\}\}$/s;

	is(sorted($data), sorted($e->{data}), "$name - values");
}

$t->done_testing();

###############################################################################

sub sorted {
	my ($s) = @_;

	return join ' ', sort split /,(?="[a-z]+":)/, $s;
}

sub seen {
	my ($name, $uri, $state, $data, $same, %o) = @_;

	my $k = ++$n;
	my $method = $o{method} || 'GET';
	my @args = ("$uri?n=$k", undef, @{$o{headers} || []});

	my $r = $t->request($method, @args);

	push @expected, { n => $k, name => $name, state => $state, data => $data,
		status => 200, result => 'committed', %o };

	if ($same) {
		my $plain = $t->request($method, @args, -port => 'plain');

		ok($r->body() eq $plain->body(), "$name - the client's octets");
	}
}

sub form {
	my ($name, $uri, $body, $type, $state, $data, %o) = @_;

	my $k = ++$n;
	$t->request('POST', "$uri?n=$k", $body, 'Content-Type' => $type,
		@{$o{headers} || []});

	push @expected, { n => $k, name => $name, state => $state, data => $data,
		status => 200, result => 'committed', form => 1 };
}

###############################################################################

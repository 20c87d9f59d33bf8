#!/usr/bin/perl

# Tests for URLs with variables and with fields of payloads: how values are
# encoded in each place, what makes no URL, and what is fixed at capture.

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
my $other = Test::Webhook::Receiver->new($t, port => 'other');

my $base = 'http://127.0.0.1:%%PORT_rx%%';

# what follows the host, by endpoint

my %url = (
	segment => '/a/$v/b',
	inner => '/a/x${v}y.json',
	last => '/a/$v',
	several => '/a/$v$v/b',
	path => '/a/${v|path}/b',
	appended => '/a${v|path}',
	query => '/a?b=$v&c=d',
	name => '/a?$v=b',
	both => '/$v?$v',
	event => '/$webhook_event/$webhook_id',
	dollar => '/$$/$v',
	field => '/a/__s__/b?s=__s__',
	typed => '/a?n=__n__&b=__b__&j=__o.j__&t=__o.t__&d=__d__&f=__f__&z=__z__&o=__none__',
	flat => '/a/__o.s__?__o.s__',
	form => '/a?f=__s__',
	literal => '/a/__/_v_/__a!__?__',
);

my %line = (
	field => 'payload tree;', typed => 'payload tree;', flat => 'payload flat;',
	form => 'method GET; payload form;',
);

my $endpoints = join '', map { <<"EOE" } sort keys %url;
    webhook_endpoint $_ {
        url "$base$url{$_}";
        allow_http on;
        retry off;
        @{[ $line{$_} || '' ]}
    }

EOE

my $locations = join '', map { <<"EOE" } sort keys %url;
        location = /$_ { webhook some.event to=$_; return 200; }
EOE

my $conf = <<'EOC';
%%TEST_GLOBALS%%

worker_processes 1;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

    client_header_buffer_size 32k;
    large_client_header_buffers 4 32k;

    resolver 127.0.0.1:%%PORT_dns%%;

    webhook_json $v request /v;
    webhook_json $n request /n;
    webhook_json $b request /b;
    webhook_json $j request /j type=json;

    webhook_payload tree structured {
        field s $v;
        field n $n number;
        field b $b boolean;
        field o.j $j json;
        field o.t 1 time;
        field d $arg_none default=a/b;
        field f "c&d";
        field z "" null;
        field none $arg_none omit_empty;
    }

    webhook_payload flat flat { separator :; field o.s $v; }
    webhook_payload form form { field s $v; }
    webhook_payload nothing form { field a 1; }

%%ENDPOINTS%%
    webhook_endpoint whole {
        url $v;
        allow_http on;
        addresses any;
        retry off;
    }

    webhook_endpoint https {
        url $v;
        addresses any;
        retry off;
    }

    webhook_endpoint host {
        url http://$v/a?b;
        allow_http on;
        addresses any;
        retry off;
    }

    webhook_endpoint port {
        url http://127.0.0.1:$v/a;
        allow_http on;
        addresses any;
        retry off;
    }

    webhook_endpoint inside {
        url http://a.${v}.example:%%PORT_rx%%/a;
        allow_http on;
        addresses any;
        retry off;
    }

    webhook_endpoint fixed {
        url %%FIXED%%;
        allow_http on;
        %%ADDRESSES%%
        retry 200ms 200ms 200ms 200ms 200ms 200ms 200ms 200ms 200ms 200ms
              200ms 200ms 200ms 200ms 200ms 200ms 200ms 200ms 200ms 200ms
              200ms 200ms 200ms 200ms 200ms 200ms 200ms 200ms 200ms 200ms;
    }

    upstream inside { server 127.0.0.1:%%PORT_rx%%; }

    server {
        listen 127.0.0.1:%%PORT_http%%;

        webhook_capture on;

        location / { proxy_pass http://127.0.0.1:%%PORT_http%%/in/; }

        location /p/ {
            proxy_pass http://127.0.0.1:%%PORT_app%%/;
            location = /p/whole { webhook some.event to=whole; proxy_pass http://127.0.0.1:%%PORT_app%%; }
            location = /p/https { webhook some.event to=https; proxy_pass http://127.0.0.1:%%PORT_app%%; }
            location = /p/host { webhook some.event to=host; proxy_pass http://127.0.0.1:%%PORT_app%%; }
            location = /p/port { webhook some.event to=port; proxy_pass http://127.0.0.1:%%PORT_app%%; }
            location = /p/inside { webhook some.event to=inside; proxy_pass http://127.0.0.1:%%PORT_app%%; }
            location = /p/fixed { webhook some.event to=fixed; proxy_pass http://127.0.0.1:%%PORT_app%%; }
            location = /p/named { webhook some.event to=$arg_to payload=nothing; proxy_pass http://127.0.0.1:%%PORT_app%%; }
%%LOCATIONS%%
        }

        location = /accept { webhook some.event to=query,segment; webhook_json $v request /data/v; webhook_accept; }

        location ~ ^/re/(.+)$ { webhook some.event to=captures; proxy_pass http://127.0.0.1:%%PORT_app%%; }
    }

    webhook_endpoint captures {
        url http://127.0.0.1:%%PORT_rx%%/a/$1/b;
        allow_http on;
        retry off;
    }

    server {
        listen 127.0.0.1:%%PORT_app%%;
        location / { return 200; }
    }
}
EOC

$locations =~ s!location = /(\w+) \{ (.*?) return 200; \}!location = /p/$1 { $2 proxy_pass http://127.0.0.1:%%PORT_app%%; }!g;
$conf =~ s/%%ENDPOINTS%%\n/$endpoints/;
$conf =~ s/%%LOCATIONS%%\n/$locations/;
$conf =~ s/^        location \/ \{ proxy.*\n//m;

sub conf {
	my ($fixed, $addresses) = @_;

	return $conf =~ s/%%FIXED%%/$fixed/r =~ s/%%ADDRESSES%%/$addresses/r;
}

$t->conf(conf("$base/first/\$v", ''))->run();

###############################################################################

# values that end nothing, and what becomes of them in each place

my %encoded = (
	'plain' => ['abc-._~1', 'abc-._~1'],
	'slash' => ['a/b', 'a%2Fb'],
	'question mark' => ['a?b=c', 'a%3Fb%3Dc'],
	'fragment' => ['a#b', 'a%23b'],
	'ampersand' => ['a&b=c;d', 'a%26b%3Dc%3Bd'],
	'percent' => ['a%2Fb%00%', 'a%252Fb%2500%25'],
	'space and plus' => ['a b+c', 'a%20b%2Bc'],
	'line ends' => ["a HTTP/1.1\\r\\nX: y\\r\\n\\r\\n",
		'a%20HTTP%2F1.1%0D%0AX%3A%20y%0D%0A%0D%0A'],
	'NUL' => ['a\\u0000b', 'a%00b'],
	'backslash' => ['a\\\\b', 'a%5Cb'],
	'UTF-8' => ["\xc3\xa4\xe2\x82\xac", '%C3%A4%E2%82%AC'],
	'another host' => ['@evil.example:80', '%40evil.example%3A80'],
	'quotes' => ['\'\\"<>[]{}', '%27%22%3C%3E%5B%5D%7B%7D'],
	'placeholders' => ['$uri __s__', '%24uri%20__s__'],
	'dots within' => ['a..b.c', 'a..b.c'],
);

for my $name (sort keys %encoded) {
	my ($v, $e) = @{$encoded{$name}};

	is(target('segment', $v), "/a/$e/b", "$name in a segment");
	is(target('query', $v), "/a?b=$e&c=d", "$name in a query");
	is(target('name', $v), "/a?$e=b", "$name in a name of a query");
	is(target('field', $v), "/a/$e/b?s=$e", "$name by a field");
}

is(target('inner', 'a/b'), '/a/xa%2Fby.json', 'within a segment');
is(target('inner', ''), '/a/xy.json', 'nothing within a segment');
is(target('last', '?x'), '/a/%3Fx', 'the last segment');
is(target('several', 'a/'), '/a/a%2Fa%2F/b', 'several values');
is(target('both', '?'), '/%3F?%3F', 'path and query');
is(target('query', ''), '/a?b=&c=d', 'nothing in a query');
is(target('query', '..'), '/a?b=..&c=d', 'dots in a query');
is(target('dollar', 'a'), '/$/a', 'a dollar');
is(target('literal', 'a'), '/a/__/_v_/__a!__?__', 'what is no placeholder');

is(target('path', 'b/c d?e#f'), '/a/b/c%20d%3Fe%23f/b', 'path keeps slashes');
is(target('appended', '/b/c'), '/a/b/c', 'a path appended');
is(target('appended', ''), '/a', 'nothing appended');
is(target('appended', '/b/'), '/a/b/', 'a path with a slash at its end');

like(target('event', 'a'), qr!^/some\.event/[0-9a-f-]{36}$!, 'event and id');

is(target('typed', 'a', ',"n":2.50,"b":true,"j":{"a":[1,"&"]}'),
	'/a?n=2.50&b=true&j=%7B%22a%22%3A%5B1%2C%22%26%22%5D%7D'
	. '&t=1970-01-01T00%3A00%3A01.000Z&d=a%2Fb&f=c%26d&z=&o=',
	'fields of all types');
is(target('typed', 'a', ',"n":"x","b":"x","j":null'),
	'/a?n=&b=&j=null&t=1970-01-01T00%3A00%3A01.000Z&d=a%2Fb&f=c%26d&z=&o=',
	'fields without values of their types');
is(target('flat', 'a/b'), '/a/a%2Fb?a%2Fb', 'field of one level');
is(target('form', 'a&b c'), '/a?f=a%26b%20c&s=a%26b+c',
	'form of GET behind a query of values');

# a capture of the location, decoded by nginx

$rx->forget();
get('/re/a%3Fb%23c%20d');
is($rx->wait_requests(1, 10) && $rx->request(0)->{target},
	'/a/a%3Fb%23c%20d/b', 'capture');

###############################################################################

# values that would be another resource

for my $v ('.', '..', '../', '../x', '/..', 'x/../y', '..\\\\x', 'x\\\\..', './x') {
	my $name = $v =~ s/\\\\/\\/gr;

	like(dropped('segment', $v), qr/a value makes a segment "\." or "\.\."/,
		"$name as a segment makes no URL");
	like(dropped('path', $v), qr/a value makes a segment/,
		"$name in a path makes no URL");
	like(dropped('field', $v), qr/a value makes a segment/,
		"$name by a field makes no URL");
}

is(target('inner', '..'), '/a/x..y.json', 'dots beside others are none');

for my $name (qw/ segment last several path field flat both /) {
	like(dropped($name, ''), qr/a segment of the path is empty/,
		"$name without a value makes no URL");
}

###############################################################################

# the length

my $max = 8192 - length '/a?b=&c=d';

is(length target('query', 'x' x $max), 8192, 'a target of 8192 octets');

# a line a second, with the number of others

my @long = (
	['a longer one', 'query', 'x' x ($max + 1)],
	['one that is too long when it is encoded', 'query', '&' x $max],
	['one that is far too long', 'query', 'x' x 60000],
	['a whole URL', 'whole', 'http://127.0.0.1/' . 'x' x 9000],
);

$rx->forget();

for (@long) {
	my ($what, $name, $v) = @$_;

	post_to($name, "{\"v\":\"$v\"}");
	post_to('query', '{"v":"next"}');
	is(join(' ', map { $_->{target} } $rx->wait_requests(1, 10)),
		'/a?b=next&c=d', "$what is dropped");
	$rx->forget();
}

ok($t->wait_log(qr/event makes a URL too long, dropped: event "some\.event"/,
	10), 'which is logged');

###############################################################################

# hosts and whole URLs

my $port = $rx->port();

is(target('whole', "http://127.0.0.1:$port/x/../y?z=1&a"), '/x/../y?z=1&a',
	'a whole URL is as it is');
is($rx->request(0)->{header}{host}, "127.0.0.1:$port", 'its host');
is(target('whole', "HTTP://127.0.0.1:$port"), '/', 'without a path');
is(target('host', "127.0.0.1:$port"), '/a?b', 'a host with a port');
is($rx->request(0)->{header}{host}, "127.0.0.1:$port", 'is that of the header');
is(target('port', $port), '/a', 'a port');

for (
	['', 'does not start with "http'],
	['/x', 'does not start with'],
	['ftp://127.0.0.1/', 'does not start with'],
	['file:///etc/passwd', 'does not start with'],
	['unix:/run/x.sock', 'does not start with'],
	['http:/127.0.0.1/', 'does not start with'],
	['javascript:alert(1)', 'does not start with'],
	[' http://127.0.0.1/', 'space'],
	['http://127.0.0.1/ HTTP/1.1', 'space'],
	['http://127.0.0.1/\\r\\nX: y', 'control character'],
	['http://127.0.0.1/\\u0000', 'control character'],
	['http://user@127.0.0.1/', 'user information'],
	['http://user:password@127.0.0.1/', 'user information'],
	['http://a.example@127.0.0.1/', 'user information'],
	['http://127.0.0.1\\\\@a.example/', 'user information'],
	['http://127.0.0.1/#x', 'fragment'],
	['http://127.0.0.1?x', 'no path before'],
	['http:///x', 'no host'],
	['http://127.0.0.1:0/', 'port is out of range'],
	['http://127.0.0.1:65536/', 'port is out of range'],
	['http://127.0.0.1:/', 'no port'],
	['http://127.0.0.1:80:80/', 'invalid port'],
	['http://127.0.0.1:+80/', 'invalid port'],
	['http://127.1/', 'invalid IPv4'],
	['http://0177.0.0.1/', 'invalid IPv4'],
	['http://2130706433/', 'invalid IPv4'],
	['http://0x7f000001/', 'invalid IPv4'],
	['http://[::1/', 'no "]"'],
	['http://[::1%25lo]/', 'invalid IPv6'],
	['http://[fe80::1%lo]/', 'invalid IPv6'],
	["http://\xc3\xa4.example/", 'non-ASCII'],
	['http://a..example/', 'empty label'],
	['http://a%2eb/', 'invalid character in host'],
	['http://' . 'a' x 64 . '.example/', 'label in host is too long'],
	['http://' . 'a.' x 130 . 'example/', 'host is too long'],
) {
	my ($v, $why) = @$_;

	like(dropped('whole', $v), qr/\Q$why\E/,
		substr("$v is no URL", 0, 60) =~ s/[^ -~]/?/gr);
}

like(dropped('https', "http://127.0.0.1:$port/"),
	qr/"http:\/\/" needs "allow_http on"/, 'http is not allowed by default');

for (
	['', 'no host'],
	["127.0.0.1:$port/x?", 'invalid character in host'],
	["127.0.0.1:$port#", 'invalid character in host'],
	["127.0.0.1:$port?", 'invalid character in host'],
	["x\@127.0.0.1:$port", 'invalid character in host'],
	["127.0.0.1:$port\\r\\nX: y", 'invalid character in host'],
	["127.0.0.1:$port ", 'invalid character in host'],
	['127.0.0.1%2f', 'invalid character in host'],
	['a\\\\b', 'invalid character in host'],
	["\xc3\xa4.example", 'invalid character in host'],
	['127.0.0.1:99999', 'port is out of range'],
	['::1', 'no host'],
) {
	my ($v, $why) = @$_;

	like(dropped('host', $v), qr/\Q$why\E/,
		"$v is no host" =~ s/[^ -~]/?/gr);
}

like(dropped('port', '80@evil.example'), qr/invalid character in host/,
	'no port with another host');
like(dropped('port', ''), qr/no port/, 'nothing is no port');
like(dropped('inside', "b:$port/"), qr/invalid character in host/,
	'a host is not ended within');
like(dropped('inside', 'b:1'), qr/invalid port/, 'nor by a port');
like(dropped('inside', ''), qr/empty label/, 'nothing is no label');

###############################################################################

# an endpoint by a variable, with a payload that has not its fields

$rx->forget();
post_to('named?to=field', '{"v":"a"}');
ok(wait_for(sub {
	$t->find_in_log(qr/endpoint "field" has no valid URL .*has no such field/)
}, 10), 'a payload without the field');
ok($rx->only_requests(0, 0.1), 'is not sent');

# posted events: all or none, and the poster is told

$rx->forget();
my $r = post('/accept', '[{"type":"some.event","data":{"v":"a/b"}},'
	. '{"type":"some.event","data":{"v":".."}}]');
is($r->{status}, 400, 'an event that makes no URL is refused');
like($r->{body}, qr/the event makes no valid URL/, 'with the reason');
ok($rx->only_requests(0, 0.1), 'and nothing is committed');

$r = post('/accept', '{"type":"some.event","data":{"v":"a/b"}}');
is($r->{status}, 202, 'one that makes URLs is accepted');
is(join(' ', sort map { $_->{target} } $rx->wait_requests(2, 10)),
	'/a/a%2Fb/b /a?b=a%2Fb&c=d', 'and sent');

###############################################################################

# fixed at capture: path and query, if the URL has values; see url_hosts.t

$rx->set(rules => { '*' => 500 });
$rx->forget();
post_to('fixed', '{"v":"a"}');
ok($rx->wait_requests(1, 10), 'an attempt');
is($rx->request(0)->{target}, '/first/a', 'by its URL');
$t->stop();

$t->conf(conf("http://127.0.0.1:%%PORT_other%%/second/\$v", ''))->run();
ok($other->wait_requests(1, 10), 'delivered after a change of the URL');
is($other->request(0)->{target}, '/first/a', 'path of the capture');
is($other->request(0)->{header}{host}, '127.0.0.1:' . $other->port(),
	'at the host of the configuration');

$other->forget();
post_to('fixed', '{"v":"b"}');
ok($other->wait_requests(1, 10), 'a new event');
is($other->request(0)->{target}, '/second/b', 'by the new URL');

# and to a literal one

$other->set(rules => { '*' => 500 });
$other->forget();
post_to('fixed', '{"v":"c"}');
ok($other->wait_requests(1, 10), 'an attempt');
$t->stop();

$t->conf(conf("$base/third", ''))->run();
$rx->forget();
$rx->set(rules => { '*' => 200 });
ok($rx->wait_requests(1, 10), 'delivered with a literal URL');
is($rx->request(0)->{target}, '/second/c', 'path of the capture');
$rx->forget();

# a literal one is that of the attempt, and cannot become one with values

$rx->set(rules => { '*' => 500 });
post_to('fixed', '{"v":"d"}');
ok($rx->wait_requests(1, 10), 'an attempt by a literal URL');
is($rx->request(0)->{target}, '/third', 'by it');
$t->stop();

$t->conf(conf("$base/fourth/\$v", ''))->run();
ok($t->wait_log(qr/delivery for "fixed" is dead: record has no URL, that of the endpoint has variables/,
	10), 'a record without a URL is dead');

# addresses are those of the configuration in force

$rx->forget();
post_to('fixed', '{"v":"e"}');
ok($rx->wait_requests(1, 10), 'an attempt');
$t->stop();
$rx->forget();
$rx->set(rules => { '*' => 200 });
my $mark = $t->log_mark();
$t->conf(conf("http://inside/fifth/\$v", 'addresses public;'))->run();
ok($t->wait_log(qr/attempt failed: blocked, status 0.*"fixed"/, 10, $mark),
	'addresses are those of the configuration');
ok($rx->only_requests(0, 0.1), 'and nothing is sent');
$t->stop();

$t->done_testing();

###############################################################################

# the request target of the delivery of a value; its octets are JSON

sub target {
	my ($name, $v, $more) = @_;

	$rx->forget();
	post_to($name, "{\"v\":\"$v\"" . ($more || '') . '}');

	my ($r) = $rx->wait_requests(1, 10) or return 'nothing';

	return $r->{target};
}

# the reason in the log, when nothing is sent

sub dropped {
	my ($name, $v) = @_;

	my $mark = $t->log_mark();
	$rx->forget();
	post_to($name, "{\"v\":\"$v\"}");

	my @lines;

	wait_for(sub {
		@lines = $t->find_in_log(
			qr/endpoint "$name" has no valid URL for event "some\.event": (.*?), client/,
			$mark);
	}, 10);

	return $rx->count() ? 'sent' : $lines[0];
}

sub post_to {
	my ($name, $body) = @_;

	return http(join "\r\n", "POST /p/$name HTTP/1.1", 'Host: localhost',
		'Connection: close', 'Content-Length: ' . length $body, '', $body);
}

###############################################################################

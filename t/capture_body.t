#!/usr/bin/perl

# Tests for webhook_json: values out of bodies of requests, however these come,
# and whatever is in them.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Compress::Deflate qw/ deflate /;
use IO::Compress::Gzip qw/ gzip /;
use IO::Compress::RawDeflate qw/ rawdeflate /;

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

# answers as soon as it has the header

my $early = Test::Webhook::Receiver->new($t, port => 'early',
	script => [{ early => 1, body => 'early' }]);

$t->write_file('static', 'static');

$t->conf(<<'EOC')->run();
%%TEST_GLOBALS%%

worker_processes 2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;
    webhook_max_event_size 8k;

    webhook_endpoint one {
        url http://127.0.0.1:%%PORT_rx%%/one;
        allow_http on;
        header X-Request-Uri $request_uri;
    }

    webhook_payload escapes text {
        content_type text/plain;
        template 'json ${v|json} in "${v|json-in-string}" url ${v|url} form ${v|form} none ${v|none}.';
    }

    webhook_endpoint text {
        url http://127.0.0.1:%%PORT_rx%%/text;
        allow_http on;
        payload escapes;
        header X-Request-Uri $request_uri;
        header X-Value $v;
        header X-Before "<$v>";
        bearer $v;
    }

    log_format state '$request_uri $status [$webhook_request_body_state] '
                     '[$webhook_result]';

    proxy_http_version 1.1;
    client_max_body_size 10m;

    webhook_json $outer request /outer;

    server {
        listen 127.0.0.1:%%PORT_http%%;
        listen 127.0.0.1:%%PORT_h2%% http2;
        access_log %%TESTDIR%%/state.log state;

        webhook body.seen to=one status=any;

        webhook_json $v request /v;
        webhook_json $raw request /raw type=json;
        webhook_json $item request "/list/1/a~1b~0";
        webhook_json $deep request /o/o/o;
        webhook_json $nokey request /;

        location /buffered/ { proxy_pass http://127.0.0.1:%%PORT_app%%/length/2; }

        location /unbuffered/ {
            proxy_request_buffering off;
            proxy_pass http://127.0.0.1:%%PORT_app%%/length/2;
        }

        location /file/ {
            client_body_in_file_only clean;
            proxy_pass http://127.0.0.1:%%PORT_app%%/length/2;
        }

        location /single/ {
            client_body_in_single_buffer on;
            client_body_buffer_size 1m;
            proxy_pass http://127.0.0.1:%%PORT_app%%/length/2;
        }

        location /tiny/ {
            client_body_buffer_size 16;
            proxy_pass http://127.0.0.1:%%PORT_app%%/length/2;
        }

        location /max/ {
            webhook_max_body_size 64;
            proxy_pass http://127.0.0.1:%%PORT_app%%/length/2;
        }

        location /zero/ {
            webhook_max_body_size 0;
            proxy_pass http://127.0.0.1:%%PORT_app%%/length/2;
        }

        location /early/ {
            proxy_request_buffering off;
            proxy_pass http://127.0.0.1:%%PORT_early%%;
        }

        location /return/ { return 200 returned; }
        location /static { root %%TESTDIR%%; }

        location /error/ {
            proxy_intercept_errors on;
            error_page 404 = @again;
            proxy_pass http://127.0.0.1:%%PORT_app%%/status/404;
        }

        location @again {
            rewrite ^ /length/2 break;
            proxy_pass http://127.0.0.1:%%PORT_app%%;
        }

        location /whole/ {
            webhook_json $whole request "" type=json;
            proxy_pass http://127.0.0.1:%%PORT_app%%/length/2;
        }

        location /other/ {
            webhook_json $v request /other;
            proxy_pass http://127.0.0.1:%%PORT_app%%/length/2;
        }

        location /named/ {
            webhook_json $method request /m;
            webhook_json $path request /p;
            proxy_pass http://127.0.0.1:%%PORT_app%%/length/2;
        }

        location /text/ {
            webhook text.seen to=text;
            proxy_pass http://127.0.0.1:%%PORT_app%%/length/2;
        }
    }
}
EOC

###############################################################################

# ways of a body through nginx

my ($n, %echo, @expected) = (0);

my $small = '{"list":[0,{"a/b~":"found"}],"v":"value",'
	. '"raw":{"a":[1,2.50],"b":null}}';
my $large = '{"pad":"' . 'p' x 100000 . '","v":"after","o":{"o":{"o":1.0}}}';
my $values = ',"v":"value","raw":{"a":[1,2.50],"b":null},"item":"found"';
my $late = ',"v":"after","deep":1.0';

for my $where (qw/ buffered unbuffered file single tiny /) {
	for (['small', $small, $values], ['100 KB', $large, $late]) {
		my ($name, $body, $data) = @$_;

		$name = "$where, $name";

		body("$name, length", $body, 'complete', $data,
			where => $where, echo => 1);
		body("$name, chunked", chunked(4096, $body), 'complete', $data,
			where => $where, te => 1, echo => $body);
		body("$name, Expect", $body, 'complete', $data,
			where => $where, echo => 1, expect => 1);
		body("$name, in pieces", [pieces(int(length($body) / 7) + 1,
			$body)], 'complete', $data, where => $where);
		http2("$name, HTTP/2", $body, 'complete', $data, $where)
			if $t->h2();
	}

	body("$where, octet by octet", [split //, $small], 'complete', $values,
		where => $where, echo => $small, pause => 0.0002);
	body("$where, chunks of an octet", chunked(1, $small), 'complete',
		$values, where => $where, te => 1, echo => $small);
	body("$where, chunked octet by octet",
		[split //, chunked(30, $small)], 'complete', $values,
		where => $where, te => 1, echo => $small, pause => 0.0002);
	body("$where, chunked with extension and trailer",
		sprintf("%x;some=thing$CRLF%s${CRLF}0${CRLF}X-Trailer: a"
		. "$CRLF$CRLF", length $small, $small), 'complete', $values,
		where => $where, te => 1);
	body("$where, not JSON", 'a=b', 'invalid', '', where => $where,
		echo => 1);
	body("$where, empty", '', 'none', '', where => $where);
	body("$where, chunked and empty", "0$CRLF$CRLF", 'none', '',
		where => $where, te => 1);
}

body('without a body', undef, 'none', '', method => 'GET');
body('after error_page', $small, 'complete', $values, where => 'error',
	echo => 1);
body('answered before the body is read', $small, 'none', '',
	where => 'return');
body('answered by a static file', $small, 'none', '', where => 'static',
	status => 405);
body('application answers early', substr($large, 0, 50000), 'truncated', '',
	where => 'early', preread => 1, headers => ['Content-Length: ' . length $large]);

###############################################################################

# encodings, and the limit

gzip \$small => \my $zipped or die;

deflate \$small => \my $deflated or die;
rawdeflate \$small => \my $bare or die;

body('Content-Encoding gzip', $zipped, 'complete', $values, echo => 1,
	headers => ['Content-Encoding: gzip']);
body('Content-Encoding x-gzip', $zipped, 'complete', $values,
	headers => ['Content-Encoding: X-GZip']);
body('Content-Encoding deflate', $deflated, 'complete', $values, echo => 1,
	headers => ['Content-Encoding: deflate']);
body('Content-Encoding deflate, bare', $bare, 'complete', $values,
	headers => ['Content-Encoding: deflate']);
body('gzip in pieces of an octet', [map { substr $zipped, $_, 1 }
	0 .. length($zipped) - 1], 'complete', $values,
	headers => ['Content-Encoding: gzip']);
body('gzip in members', join('', map { gzip \$_ => \my $z; $z }
	pieces(20, $small)), 'complete', $values,
	headers => ['Content-Encoding: gzip']);
body('gzip cut off', substr($zipped, 0, -9), 'invalid', '',
	headers => ['Content-Encoding: gzip']);
body('gzip with something after it', $zipped . 'more', 'invalid', '',
	headers => ['Content-Encoding: gzip']);
body('not gzip', $small, 'invalid', '',
	headers => ['Content-Encoding: gzip']);
body('gzip of gzip', $zipped, 'encoded', '',
	headers => ['Content-Encoding: gzip, gzip']);

# 100 KB are 200 octets and less: by ratio; early values are there all the same

gzip \('{"v":"early","pad":"' . 'p' x 500_000 . '","o":{"o":{"o":1}}}')
	=> \my $bomb, -Level => 9 or die;

body('gzip that grows too much', $bomb, 'truncated', ',"v":"early"', echo => 1,
	headers => ['Content-Encoding: gzip']);
body('gzip, larger than webhook_max_body_size', $zipped, 'truncated',
	undef, where => 'max', headers => ['Content-Encoding: gzip']);

body('unknown Content-Encoding', $small, 'encoded', '',
	headers => ['Content-Encoding: some']);
body('Content-Encoding identity', $small, 'complete', $values,
	headers => ['Content-Encoding: IDENTITY']);
body('several Content-Encodings', $small, 'encoded', '',
	headers => ['Content-Encoding: identity', 'Content-Encoding: br']);
body('Content-Type does not matter', $small, 'complete', $values,
	headers => ['Content-Type: text/plain']);

my $fit = '{"v":"early","pad":"p","o":{"o":{"o":"late"}}}';
my $over = '{"v":"early","pad":"' . 'p' x 60 . '","o":{"o":{"o":"late"}}}';

$fit .= ' ' x (64 - length $fit);

body('of webhook_max_body_size', $fit, 'complete',
	',"v":"early","deep":"late"', where => 'max');
body('longer by an octet', "$fit ", 'truncated', ',"v":"early","deep":"late"',
	where => 'max');
body('longer than webhook_max_body_size', $over, 'truncated', ',"v":"early"',
	where => 'max', echo => 1);
body('longer, chunked', chunked(10, $over), 'truncated', ',"v":"early"',
	where => 'max', te => 1, echo => $over);
body('not JSON behind the limit', substr($over, 0, 70) . '!', 'truncated',
	',"v":"early"', where => 'max');
body('webhook_max_body_size 0', $small, 'truncated', '', where => 'zero',
	echo => 1);
body('1 MB and more', '{"v":1,"pad":"' . 'p' x 1100000 . '","raw":1}',
	'truncated', ',"v":1');
body('a value larger than webhook_max_event_size',
	'{"v":"' . 'v' x 9000 . '","raw":1}', 'complete', ',"raw":1');

###############################################################################

# what JSON is

body("not JSON - $_->[0]", $_->[1], 'invalid', '') for (
	['empty but spaces', "  \n"],
	['word', 'word'],
	['comma at the end', '{"v":1,}'],
	['cut', '{"v":"a"'],
	['cut in a string', '{"v":"a'],
	['two values', '{"v":1} {"v":2}'],
	['something after', '{"v":1}]'],
	['comment', '{"v":1 /* comment */}'],
	['single quotes', "{'v':1}"],
	['name without quotes', '{v:1}'],
	['NaN', '{"v":NaN}'],
	['leading zero', '{"v":01}'],
	['plus', '{"v":+1}'],
	['no digit after the point', '{"v":1.}'],
	['no digit before the point', '{"v":.5}'],
	['hexadecimal', '{"v":0x10}'],
	['line in a string', "{\"v\":\"a\nb\"}"],
	['tab in a string', "{\"v\":\"a\tb\"}"],
	['NUL in a string', "{\"v\":\"a\0b\"}"],
	['unknown escape', '{"v":"\x"}'],
	['cut escape', '{"v":"\u12"}'],
	['byte order mark', "\xef\xbb\xbf{\"v\":1}"],
	['UTF-16', "{\0\"\0v\0\"\0:\0001\0}\0"],
	['form', 'v=1&raw=2'],
);

body("$_->[0]", '{"v":"' . $_->[1] . '"}', 'invalid', '') for (
	['stray continuation', "\x80"],
	['no continuation', "\xc3"],
	['cut sequence of three', "\xe2\x82"],
	['cut sequence of four', "\xf0\x9f\x98"],
	['octet FF', "\xff"],
	['octet FE', "\xfe"],
	['octet F5', "\xf5\x80\x80\x80"],
	['overlong slash', "\xc0\xaf"],
	['overlong NUL', "\xc0\x80"],
	['overlong C1', "\xc1\xbf"],
	['overlong of three', "\xe0\x80\xaf"],
	['overlong of three, greatest', "\xe0\x9f\xbf"],
	['overlong of four', "\xf0\x80\x80\xaf"],
	['overlong of four, greatest', "\xf0\x8f\xbf\xbf"],
	['surrogate', "\xed\xa0\x80"],
	['surrogate pair', "\xed\xa0\xbd\xed\xb8\x80"],
	['beyond U+10FFFF', "\xf4\x90\x80\x80"],
	['five octets', "\xf8\x88\x80\x80\x80"],
	['Latin-1', "caf\xe9"],
);

body('invalid UTF-8 in a name', "{\"v\":1,\"\xc0\xaf\":2}", 'invalid', '');
body('invalid UTF-8 in what nobody asked for', "{\"v\":1,\"x\":[\"\xff\"]}",
	'invalid', '');

body("valid UTF-8, $_->[0]", "{\"v\":\"$_->[1]\"}", 'complete',
	",\"v\":\"$_->[1]\"") for (
	['two octets', "\xc2\x80\xdf\xbf"],
	['three octets', "\xe0\xa0\x80\xe2\x82\xac\xed\x9f\xbf\xee\x80\x80"],
	['four octets', "\xf0\x90\x80\x80\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf"],
	['U+2028', "\xe2\x80\xa8"],
);

body('UTF-8 in pieces', [split //, "{\"v\":\"\xe2\x82\xac\"}"], 'complete',
	",\"v\":\"\xe2\x82\xac\"", where => 'unbuffered', pause => 0.002);

my ($o, $c) = ('[', ']');

body('128 levels', '{"v":1,"x":' . $o x 127 . $c x 127 . '}', 'complete',
	',"v":1');
body('129 levels', '{"v":1,"x":' . $o x 128 . $c x 128 . '}', 'invalid', '');
body('129 levels of objects', '{"v":' x 129 . '1' . '}' x 129, 'invalid', '');
body('many levels', $o x 100000, 'invalid', '');

###############################################################################

# values, in the default payload

body("value - $_->[0]", $_->[1], 'complete', $_->[2]) for (
	['string', '{"v":"a"}', ',"v":"a"'],
	['empty string', '{"v":""}', ',"v":""'],
	['null', '{"v":null}', ',"v":null'],
	['true', '{"v":true}', ',"v":true'],
	['false', '{"v":false}', ',"v":false'],
	['missing', '{"w":1}', ''],
	['object without type=json', '{"v":{"v":1}}', ''],
	['array without type=json', '{"v":[1]}', ''],
	['not an object', '[1,2]', ''],
	['a string', '"v"', ''],
	['spaces around', " \r\n\t{ \"v\" : 1 } \n ", ',"v":1'],
	['0', '{"v":0}', ',"v":0'],
	['-0', '{"v":-0}', ',"v":-0'],
	['2.499', '{"v":2.499}', ',"v":2.499'],
	['0.10', '{"v":0.10}', ',"v":0.10'],
	['1e400', '{"v":1e400}', ',"v":1e400'],
	['1E+2', '{"v":1E+2}', ',"v":1E+2'],
	['64-bit id', '{"v":9223372036854775807}',
		',"v":9223372036854775807'],
	['larger than 64 bits', '{"v":123456789012345678901234567890}',
		',"v":123456789012345678901234567890'],
	['many digits', '{"v":0.1234567890123456789012345}',
		',"v":0.1234567890123456789012345'],
	['number in a string', '{"v":"007"}', ',"v":"007"'],
	['repeated name', '{"v":1,"v":2}', ',"v":2'],
	['repeated name, then null', '{"v":1,"v":null}', ',"v":null'],
	['repeated name, then an object', '{"v":1,"v":{}}', ''],
	['repeated object', '{"o":{"o":{"o":1}},"o":{}}', ''],
	['repeated objects', '{"o":{"o":{"o":1}},"o":{"o":{"o":2}}}',
		',"deep":2'],
	['empty name', '{"":1}', ',"nokey":1'],
	['escapes', '{"v":"\"\\\\\/\b\f\n\r\t"}',
		',"v":"\"\\\\/\b\f\n\r\t"'],
	['\u escapes', '{"v":"\u0041\u00e4\u20AC\ud83d\ude00"}',
		",\"v\":\"A\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""],
	['\u0000', '{"v":"a\u0000b"}', ',"v":"a\u0000b"'],
	['\u001f', '{"v":"\u001f\u007f"}', ",\"v\":\"\\u001f\x7f\""],
	['surrogate without its pair', '{"v":"a\ud800b"}', ',"v":"a?b"'],
	['escaped name', '{"\u0076":1}', ',"v":1'],
	['NUL in a name', '{"v\u0000":1}', ''],
	['slash and tilde in a name', '{"list":[0,{"a/b~":"x"}]}',
		',"item":"x"'],
	['no such item', '{"list":[{"a/b~":"x"}]}', ''],
	['object for an item', '{"list":{"1":{"a/b~":"x"}}}', ',"item":"x"'],
);

body("type=json - $_->[0]", "{\"raw\":$_->[1]}", 'complete',
	',"raw":' . (defined $_->[2] ? $_->[2] : $_->[1])) for (
	['object', '{"b":1,"a":[true,false,null],"c":{}}'],
	['spaces', '{ "a" : [ 1 , 2 ] }', '{"a":[1,2]}'],
	['array', '[]'],
	['empty object', '{}'],
	['string', '"a\"b"'],
	['empty string', '""'],
	['number', '1e400'],
	['numbers', '[2.499,9223372036854775807,-0,1E-7]'],
	['true', 'true'],
	['null', 'null'],
	['escapes', '["\u00e4\/\n\u0000"]', "[\"\xc3\xa4/\\n\\u0000\"]"],
	['repeated names', '{"a":1,"a":2}'],
);

body('pointer to the whole', '{"v":1, "w":[2]}', 'complete',
	',"whole":{"v":1,"w":[2]},"v":1', where => 'whole');
body('pointer of the inner level', '{"v":1,"other":2}', 'complete',
	',"v":2', where => 'other');
body('pointers of outer levels', '{"v":1,"other":2,"outer":3}', 'complete',
	',"v":1,"outer":3');
body('values in place of members', '{"m":"M","p":"P"}', 'complete',
	'{"status":200,"method":"M","path":"P"}', where => 'named',
	whole => 1);

###############################################################################

# values with line ends and the like, where each could do harm

my $evil = "a\x0d\x0aX-Evil: \"1\"&b=c d\x09\xc3\xa4+%";
my $json = 'a\r\nX-Evil: \"1\"&b=c d\t' . "\xc3\xa4+%";

body('line ends in JSON', "{\"v\":\"$json\"}", 'complete', ",\"v\":\"$json\"");

my @r = text('line ends', $json);

is($r[0]{body}, "json \"$json\" in \"$json\" url "
	. 'a%0D%0AX-Evil%3A%20%221%22%26b%3Dc%20d%09%C3%A4%2B%25 form '
	. 'a%0D%0AX-Evil%3A+%221%22%26b%3Dc+d%09%C3%A4%2B%25 none ' . $evil
	. '.', 'line ends with each escape');
is($r[0]{header}{'x-value'}, undef, 'header with line ends is left out');
is($r[0]{header}{'x-before'}, undef, 'and one with text around it');
is($r[0]{header}{'authorization'}, undef, 'and bearer');
is($r[0]{header}{'x-evil'}, undef, 'no header is injected');
is(scalar(find_in_log(qr/endpoint "text": value of header "(?:X-Value|X-Before|Authorization)" has a control character, header is left out/)),
	3, 'headers left out are logged');
is($r[0]{header}{'content-type'}, 'text/plain', 'content_type');

for (['line feed', '\n'], ['carriage return', '\r'], ['NUL', '\u0000'],
	['DEL', '\u007f'], ['escape', '\u001b'])
{
	@r = text($_->[0], "a$_->[1]b");
	ok(@r == 1 && !exists $r[0]{header}{'x-value'},
		"header with $_->[0] is left out");
}

@r = text('tab and UTF-8', "a\\tb \xe2\x82\xac");
is($r[0]{header}{'x-value'}, "a\tb \xe2\x82\xac", 'tab and UTF-8 are sent');
is($r[0]{header}{'authorization'}, "Bearer a\tb \xe2\x82\xac",
	'variable of bearer');

@r = text('empty', '');
is($r[0]{header}{'x-value'}, undef, 'empty header is not sent');
is($r[0]{header}{'x-before'}, '<>', 'empty value within a header');
is($r[0]{body}, 'json "" in "" url  form  none .', 'empty value in text');

@r = text('none', undef);
is($r[0]{body}, 'json null in "" url  form  none .', 'missing value in text');

is(scalar(grep { $_->{method} eq 'BAD' } $rx->requests()), 0,
	'nothing but requests was sent');

###############################################################################

# all that was sent above

ok($rx->wait_requests(scalar @expected, 20), 'all events are delivered');

my (%event, %state);

for my $r ($rx->requests()) {
	my ($k) = $r->{header}{'x-request-uri'} =~ /n=(\d+)/;
	push @{$event{$k}}, $r;
}

# a line is written after its response

wait_for(sub { my $n = () = $t->read_file('state.log') =~ /n=\d+ \d+ \[/g;
	$n >= @expected }, 5, 'lines of the log');

for (split /\n/, $t->read_file('state.log')) {
	$state{$1} = [$2, $3, $4] if /n=(\d+) (\d+) \[(.*?)\] \[(.*?)\]/;
}

my %app = map { $_->{target} =~ /n=(\d+)/ ? ($1 => $_->{body}) : () }
	$app->requests();

for (@expected) {
	my ($k, $name, $method, $path, $status, $state, $data, $whole) = @$_;

	my @e = @{$event{$k} || []};
	my $s = $state{$k} || ['', '', ''];
	my $start = "{\"method\":\"$method\",\"path\":\"$path\","
		. "\"status\":$status";

	is("@$s", "$status $state committed", "$name - state");
	is(scalar(@e), 1, "$name - one event");

	ok(defined $app{$k} && $app{$k} eq $echo{$k},
		"$name - the application has its body") if defined $echo{$k};

	next unless defined $data && @e;

	is(($e[0]{body} =~ /"data":(.*)\}$/s)[0],
		$whole ? $data : "$start$data}", "$name - data");
}

$t->done_testing();

###############################################################################

# sends a body; options: where (the location), method, te (it is chunked
# already), headers, expect, echo (what the application is to get), pause,
# preread (all at once), status, whole (the data is not only what comes after
# the status)

sub body {
	my ($name, $body, $state, $data, %o) = @_;

	my $where = $o{where} || 'buffered';
	my $path = "/$where" . ($where eq 'static' ? '' : '/');
	my $method = $o{method} || 'POST';
	my @parts = ref $body ? @$body : defined $body ? $body : ();
	my $all = join '', @parts;

	my @h = ('Host: localhost', 'Connection: close',
		@{$o{headers} || []});

	push @h, 'Transfer-Encoding: chunked' if $o{te};
	push @h, 'Content-Length: ' . length $all
		if @parts && !$o{te} && !grep { /^Content-Length:/ } @h;
	push @h, 'Expect: 100-continue' if $o{expect};

	my $head = join $CRLF, "$method $path?n=" . ++$n . ' HTTP/1.1', @h,
		'', '';

	my ($s, $interim) = (connect_port('http'), '');

	if ($o{expect}) {
		syswrite $s, $head;

		while ($interim !~ /\r\n\r\n$/) {
			sysread $s, $interim, 1, length $interim or last;
		}

		$head = '';
	}

	@parts = ($head . join '', @parts), $head = '' if $o{preread};

	my $r = parse_response($interim . http([$head, @parts],
		socket => $s, pause => $o{pause} || 0.0001,
		method => $method));

	my $status = $o{status} || 200;

	is($r->status(), $status, "$name - answered");
	is(scalar(@{$r->{interim}}), 1, "$name - 100 Continue")
		if $o{expect};

	$echo{$n} = !$o{echo} ? undef : $o{echo} eq '1' ? $all : $o{echo};

	push @expected, [$n, $name, $method, $path, $status, $state, $data,
		$o{whole}];
}

sub http2 {
	my ($name, $body, $state, $data, $where) = @_;

	my $r = $t->h2("/$where/?n=" . ++$n, port => 'h2', body => $body);

	is($r->{status}, 200, "$name - answered");

	push @expected, [$n, $name, 'POST', "/$where/", 200, $state, $data];
}

# the request of the other endpoint for a value, which is text in JSON

sub text {
	my ($name, $v) = @_;

	body("text with $name", defined $v ? "{\"v\":\"$v\"}" : '{}',
		'complete', undef, where => 'text');

	my @r;

	wait_for(sub {
		@r = grep { ($_->{header}{'x-request-uri'} || '') =~ /n=$n$/ }
			$rx->requests();
		@r
	}, 10, "event of $name");

	return @r;
}

sub chunked {
	my ($size, $body) = @_;

	return join('', map { sprintf "%x$CRLF%s$CRLF", length $_, $_ }
		pieces($size, $body)) . "0$CRLF$CRLF";
}

sub pieces {
	my ($size, $body) = @_;
	return $body =~ /(.{1,$size})/gs;
}

###############################################################################

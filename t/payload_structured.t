#!/usr/bin/perl

# Tests for payloads, structured and text, for the headers of attempts, and for
# secrets, which are nowhere but in the attempts.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use MIME::Base64 qw/ encode_base64 /;

use Test::Webhook qw/ :DEFAULT find_in_log log_mark /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

# secrets of each kind; what an attempt carries must be found at the receiver
# only

my %secret = map { $_ => "SECRET-$_-" . int(rand(1e9)) }
	qw/ password filepassword envpassword token filetoken envtoken
	header fileheader envheader /;

my $t = Test::Webhook->new(debug => 1, env => {
	map { uc $_ => $secret{$_} } qw/ envpassword envtoken envheader /
});

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

for (qw/ filepassword filetoken fileheader /) {
	$t->write_file($_, $secret{$_} . ($_ eq 'filetoken' ? "\r\n"
		: $_ eq 'fileheader' ? "\n" : ''));
	chmod 0600, $t->testdir() . "/$_";
}

$t->write_file('template.txt', "line 1 \${arg_s|none}\nline 2 \$\$\n\n");

my %endpoints = (
	(map { $_ => "payload $_;" }
		qw/ nested types omit times escapes events fixed nothing file /),
	default => '',
	put => 'method PUT; payload fixed;',
	patch => 'method PATCH; payload fixed;',
	deletebody => 'method DELETE; payload fixed;',
	get => 'method GET; payload fixed;',
	delete => 'method DELETE; payload nothing;',
	off => 'event_headers off;',
	retried => 'retry 20ms;',
	headers => 'header X-Literal "some text"; header X-Variable $arg_v;
		header X-Text "v: $arg_v"; header X-Twice 1; header X-Twice 2;
		header User-Agent own/1.0;
		header content-type application/own;
		header Traceparent 00-own;',
	replaced => 'header User-Agent $arg_v; header Content-Type $arg_v;',
	basic => "basic ann $secret{password};",
	basicfile => 'basic ann file:filepassword;',
	basicenv => 'basic ann env:ENVPASSWORD;',
	bearer => "bearer $secret{token};",
	bearerfile => 'bearer file:filetoken;',
	bearerenv => 'bearer env:ENVTOKEN;',
	bearervariable => 'bearer $arg_v;',
	header => "header X-Key $secret{header};",
	headerfile => 'header X-Key file:%%TESTDIR%%/fileheader;',
	headerenv => 'header X-Key env:ENVHEADER;',
	authorization => "header Authorization \"Some $secret{header}\";",
);

my $endpoints = join '', map { <<"EOE" } sort keys %endpoints;
    webhook_endpoint $_ {
        url http://127.0.0.1:%%PORT_rx%%/$_;
        allow_http on;
        @{[ $_ eq 'retried' ? '' : 'retry off;' ]}
        $endpoints{$_}
    }

EOE

my $conf = <<'EOC';
%%TEST_GLOBALS%%

worker_processes 1;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

    webhook_payload nested structured {
        field event $webhook_event;
        field a.b.c 1;
        field x first;
        field a.b.d 2 number;
        field a.e "";
        field x\.y dotted;
        field x\\y backslashed;
        field deep.e.f.g deep;
        field z.z.z $arg_none;
        field "quoted \"name\"" 1 boolean;
        field last end;
    }

    webhook_payload types structured {
        field s $arg_s;
        field s2 $arg_s string;
        field text "<$arg_s|${arg_t}>$$";
        field n $arg_n number;
        field nd $arg_n number default=-1.50;
        field b $arg_b boolean;
        field bd $arg_b boolean default=true;
        field j $arg_j json;
        field jd $arg_j json default=[];
        field nothing "" null;
        field t $arg_t time;
        field tu $arg_t time:unix;
        field tm $arg_t time:ms;
        field ts $arg_t time:us;
        field td $arg_t time:iso default=0;
        field fixed.s text;
        field fixed.n 1e400 number;
        field fixed.b 0 boolean;
        field fixed.j '{"a": [1, 2]}' json;
        field fixed.t 1 time;
        field d $arg_d default=fallback;
        field de $arg_d default=;
    }

    webhook_payload omit structured {
        field s $arg_s omit_empty;
        field n $arg_n number omit_empty;
        field nd $arg_n number omit_empty default=0;
        field f "" omit_empty;
        field o.s $arg_s omit_empty;
        field o.p $arg_s omit_empty;
        field last 1;
    }

    webhook_payload times structured {
        content_type application/vnd.some+json;
        field iso $webhook_time time;
        field unix $webhook_time time:unix;
        field ms $webhook_time time:ms;
        field us $webhook_time time:us;
        field text $webhook_time;
        field in "at $webhook_time";
        field id $webhook_id;
        field status $status number;
        field method $request_method;
    }

    webhook_payload escapes text {
        template '${arg_s|json},${arg_s|json-in-string},${arg_s|url},${arg_s|form},${arg_s|none},$$';
    }

    webhook_payload events text {
        content_type application/x-www-form-urlencoded;
        template "${webhook_event|form}&${webhook_id|url}&${webhook_time|url}&${webhook_event|json}";
    }

    webhook_payload fixed text { template "fixed text"; }
    webhook_payload nothing text { template ""; }
    webhook_payload file text { file template.txt; content_type text/plain; }

%%ENDPOINTS%%
    upstream named { server 127.0.0.1:%%PORT_rx%%; }

    webhook_endpoint upstream {
        url http://named/upstream?a=b&c=%20d;
        allow_http on;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location /to/ {
            webhook some.event to=nested,types,omit,times,escapes,events;
            webhook other.event to=fixed,nothing,file;
            return 201;
        }

        location /default/ { webhook some.event to=default; return 200; }
        location /methods/ {
            webhook some.event to=put,patch,get,delete,deletebody;
            return 200;
        }
        location /off/ { webhook some.event to=off; return 200; }
        location /retried/ { webhook some.event to=retried; return 200; }
        location /headers/ { webhook some.event to=headers; return 200; }
        location /replaced/ { webhook some.event to=replaced; return 200; }
        location /upstream/ { webhook some.event to=upstream; return 200; }

        location /wins/ {
            webhook some.event to=nested,default payload=fixed;
            return 200;
        }

        location /secret/ {
            webhook some.event to=basic,basicfile,basicenv,bearer,bearerfile,bearerenv,bearervariable,header,headerfile,headerenv,authorization;
            return 200;
        }
    }
}
EOC

$conf =~ s/%%ENDPOINTS%%\n/$endpoints/;

$t->conf($conf)->run();

my $port = port('rx');
my $id = qr/[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}/;
my $iso = qr/20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/;
my %r;

###############################################################################

# structured

%r = to('');

is($r{nested}{body}, '{"event":"some.event",'
	. '"a":{"b":{"c":"1","d":2},"e":""},"x":"first",'
	. '"x.y":"dotted","x\\\\y":"backslashed",'
	. '"deep":{"e":{"f":{"g":"deep"}}},"z":{"z":{"z":null}},'
	. '"quoted \\"name\\"":true,"last":"end"}',
	'objects stand where their first field stands');

is($r{types}{body}, '{"s":null,"s2":null,"text":"<|>$","n":null,"nd":-1.50,'
	. '"b":null,"bd":true,"j":null,"jd":[],"nothing":null,"t":null,'
	. '"tu":null,"tm":null,"ts":null,"td":"1970-01-01T00:00:00.000Z",'
	. '"fixed":{"s":"text","n":1e400,"b":false,"j":{"a": [1, 2]},'
	. '"t":"1970-01-01T00:00:01.000Z"},"d":"fallback","de":""}',
	'missing values are null, or the default');

is($r{omit}{body}, '{"nd":0,"o":{},"last":"1"}',
	'omit_empty leaves out missing values without a default');
is($r{escapes}{body}, 'null,,,,,$', 'missing values with each escape');
is($r{nothing}{body}, '', 'empty text');
is($r{fixed}{body}, 'fixed text', 'fixed text');
is($r{file}{body}, "line 1 \nline 2 \$\n", 'text of a file');
is($r{file}{header}{'content-type'}, 'text/plain', 'content_type');
is($r{fixed}{header}{'content-type'}, 'application/json',
	'default content_type');

%r = to('s=&n=&b=&j=&t=&d=');

is($r{types}{body}, '{"s":"","s2":"","text":"<|>$","n":null,"nd":-1.50,'
	. '"b":null,"bd":true,"j":null,"jd":[],"nothing":null,"t":null,'
	. '"tu":null,"tm":null,"ts":null,"td":"1970-01-01T00:00:00.000Z",'
	. '"fixed":{"s":"text","n":1e400,"b":false,"j":{"a": [1, 2]},'
	. '"t":"1970-01-01T00:00:01.000Z"},"d":"","de":""}',
	'empty strings are kept, other types have the default');
is($r{omit}{body}, '{"o":{},"last":"1"}', 'omit_empty leaves out the empty');
is($r{escapes}{body}, '"",,,,,$', 'empty values with each escape');

%r = to('s=text&n=2.499&b=1&j={"b":1,"a":[2,2.0]}&t=1795292387.952&d=value');

is($r{types}{body}, '{"s":"text","s2":"text",'
	. '"text":"<text|1795292387.952>$","n":2.499,"nd":2.499,'
	. '"b":true,"bd":true,"j":{"b":1,"a":[2,2.0]},'
	. '"jd":{"b":1,"a":[2,2.0]},"nothing":null,'
	. '"t":"2026-11-21T20:19:47.952Z","tu":1795292387,'
	. '"tm":1795292387952,"ts":1795292387952000,'
	. '"td":"2026-11-21T20:19:47.952Z",'
	. '"fixed":{"s":"text","n":1e400,"b":false,"j":{"a": [1, 2]},'
	. '"t":"1970-01-01T00:00:01.000Z"},"d":"value","de":"value"}',
	'values of each type');
is($r{omit}{body}, '{"s":"text","n":2.499,"nd":2.499,'
	. '"o":{"s":"text","p":"text"},"last":"1"}',
	'omit_empty keeps the rest');

for (
	['n', '1e400', '1e400'], ['n', '-0', '-0'], ['n', '0.10', '0.10'],
	['n', '9223372036854775807', '9223372036854775807'],
	['n', '1E-7', '1E-7'], ['n', '01', 'null'], ['n', '1.', 'null'],
	['n', '.5', 'null'], ['n', '0x10', 'null'], ['n', 'NaN', 'null'],
	['n', '1,2', 'null'], ['n', '+1', 'null'], ['n', '1}', 'null'],
	['b', 'true', 'true'], ['b', 'false', 'false'], ['b', '0', 'false'],
	['b', '1', 'true'], ['b', 'yes', 'null'], ['b', 'TRUE', 'null'],
	['b', '2', 'null'],
	['j', 'null', 'null'], ['j', '"a"', '"a"'], ['j', '1,2', 'null'],
	['j', '{"a":1}}', 'null'], ['j', '{', 'null'], ['j', 'word', 'null'],
	['j', '[' x 129 . ']' x 129, 'null'],
	['j', '[' x 128 . ']' x 128, '[' x 128 . ']' x 128],
	['t', '0', '"1970-01-01T00:00:00.000Z"'],
	['t', '253402300799.999', '"9999-12-31T23:59:59.999Z"'],
	['t', '253402300800', 'null'], ['t', '-1', 'null'],
	['t', '1.', 'null'], ['t', '1e3', 'null'], ['t', 'now', 'null'],
) {
	my ($name, $value, $want) = @$_;

	%r = to("$name=$value");
	like($r{types}{body}, qr/"\Q$name\E":\Q$want\E,/,
		"$name - " . (length $value > 20 ? 'long' : $value));
}

ok(find_in_log(qr/\[info\].*webhook event "some.event": value of field "n" is not of its type/),
	'values of another type are logged');

# octets of all kinds in a string: invalid UTF-8 is replaced

%r = to("s=\"\\/\xc3\xa4\xff<>'");
is($r{types}{body} =~ /^\{"s":("(?:[^"\\]|\\.)*")/ && $1,
	"\"\\\"\\\\/\xc3\xa4\xef\xbf\xbd<>'\"", 'string escapes');
is($r{escapes}{body}, "\"\\\"\\\\/\xc3\xa4\xef\xbf\xbd<>'\","
	. "\\\"\\\\/\xc3\xa4\xef\xbf\xbd<>',"
	. "%22%5C%2F%C3%A4%FF%3C%3E%27,%22%5C%2F%C3%A4%FF%3C%3E%27,"
	. "\"\\/\xc3\xa4\xff<>',\$", 'text with each escape');

%r = to('s=AZaz09-._~*!+%20');
is($r{escapes}{body}, '"AZaz09-._~*!+%20",AZaz09-._~*!+%20,'
	. 'AZaz09-._~%2A%21%2B%2520,AZaz09-._%7E*%21%2B%2520,'
	. 'AZaz09-._~*!+%20,$', 'what url and form leave alone');

# the event's own

like($r{times}{body}, qr/^\{"iso":"$iso","unix":\d{10},"ms":\d{13},"us":\d{16},"text":"$iso","in":"at $iso","id":"$id","status":201,"method":"GET"\}$/,
	'$webhook_time and $webhook_id');

my ($text, $unix, $ms, $us, $eid) = $r{times}{body}
	=~ /"iso":"(.*?)","unix":(\d+),"ms":(\d+),"us":(\d+),.*"id":"(.*?)"/;

is($unix, int($ms / 1000), 'seconds and milliseconds');
is("${ms}000", $us, 'milliseconds and microseconds');
is(substr($text, 20, 3), substr($ms, -3), 'milliseconds in text');
is($eid, $r{times}{header}{'webhook-id'}, 'id in the body is the header\'s');
is($r{times}{header}{'content-type'}, 'application/vnd.some+json',
	'content_type of structured');
like($r{events}{body}, qr/^some\.event&$id&[^&:]+%3A\d\d%3A[^&]+&"some.event"$/,
	'event, id and time in text');
is(($r{events}{body} =~ /&($id)&/)[0], $r{events}{header}{'webhook-id'},
	'id in text');
is($r{events}{header}{'webhook-id'}, $r{times}{header}{'webhook-id'},
	'one event has one id');
isnt($r{fixed}{header}{'webhook-id'}, $r{times}{header}{'webhook-id'},
	'another event has another');

%r = send_to('/wins/', 2);
is($r{nested}{body}, 'fixed text', 'payload of the trigger wins');
is($r{default}{body}, 'fixed text', 'and is for all its endpoints');

###############################################################################

# what an attempt sends

%r = send_to('/default/?secret=query', 1);

like($r{default}{body}, qr/^\{"type":"some\.event","timestamp":"$iso","id":"$id","data":\{"method":"GET","path":"\/default\/","status":200\}\}$/,
	'default payload');
is(names($r{default}), 'Host User-Agent Content-Type Content-Length '
	. 'webhook-id webhook-timestamp webhook-event webhook-hops',
	'headers of an attempt');
is($r{default}{method}, 'POST', 'method');
is($r{default}{target}, '/default', 'target');
is($r{default}{version}, 'HTTP/1.1', 'version');
is($r{default}{header}{'host'}, "127.0.0.1:$port", 'Host');
like($r{default}{header}{'user-agent'},
	qr!^ngx_http_webhook_module/\d+\.\d+\.\d+$!, 'User-Agent');
is($r{default}{header}{'content-type'}, 'application/json', 'Content-Type');
is($r{default}{header}{'content-length'}, length $r{default}{body},
	'Content-Length');
like($r{default}{header}{'webhook-id'}, qr/^$id$/, 'webhook-id');
like($r{default}{header}{'webhook-timestamp'}, qr/^\d{10}$/,
	'webhook-timestamp');
cmp_ok(abs($r{default}{header}{'webhook-timestamp'} - time()), '<', 60,
	'webhook-timestamp is of now');
is($r{default}{header}{'webhook-event'}, 'some.event', 'webhook-event');

%r = send_to('/upstream/', 1);
my ($up) = values %r;
is($up->{header}{host}, 'named', 'Host of an upstream');
is($up->{target}, '/upstream?a=b&c=%20d', 'query of the URL');

%r = send_to('/methods/', 5);
is($r{put}{method} . ' ' . $r{put}{body}, 'PUT fixed text', 'method PUT');
is($r{patch}{method} . ' ' . $r{patch}{body}, 'PATCH fixed text',
	'method PATCH');
is($r{deletebody}{method} . ' ' . $r{deletebody}{body}, 'DELETE fixed text',
	'method DELETE');
is($r{get}{method} . ' ' . $r{get}{body}, 'GET ', 'method GET has no body');
is(names($r{get}), 'Host User-Agent webhook-id webhook-timestamp '
	. 'webhook-event webhook-hops', 'headers of GET');
is($r{delete}{header}{'content-length'}, undef,
	'no length of no body with DELETE');

%r = send_to('/headers/?v=value', 1);
is(names($r{headers}), 'Host Content-Length webhook-id webhook-timestamp '
	. 'webhook-event webhook-hops X-Variable X-Text X-Literal X-Twice X-Twice '
	. 'User-Agent content-type Traceparent', 'own headers');
is($r{headers}{header}{'x-literal'}, 'some text', 'literal header');
is($r{headers}{header}{'x-variable'}, 'value', 'header with a variable');
is($r{headers}{header}{'x-text'}, 'v: value', 'header with text');
is($r{headers}{header}{'x-twice'}, '1, 2', 'header given twice');
is($r{headers}{header}{'user-agent'}, 'own/1.0', 'own User-Agent');
is($r{headers}{header}{'content-type'}, 'application/own',
	'own Content-Type');

%r = send_to('/headers/', 1);
is($r{headers}{header}{'x-variable'}, undef, 'empty header is not sent');
is($r{headers}{header}{'x-text'}, 'v:', 'text without the value');

%r = send_to('/replaced/?v=mine', 1);
is($r{replaced}{header}{'user-agent'}, 'mine', 'User-Agent by a variable');
is($r{replaced}{header}{'content-type'}, 'mine', 'Content-Type by one');

%r = send_to('/replaced/', 1);
like($r{replaced}{header}{'user-agent'}, qr!^ngx_http_webhook_module/!,
	'User-Agent where the variable is empty');

# traceparent

my ($trace, $parent) = ('4bf92f3577b34da6a3ce929d0e0e4736',
	'00f067aa0ba902b7');

%r = send_to('/default/', 1, "traceparent: 00-$trace-$parent-01");
like($r{default}{header}{traceparent}, qr/^00-$trace-[\da-f]{16}-01$/,
	'traceparent has the same trace and flags');
unlike($r{default}{header}{traceparent}, qr/$parent|-0{16}-/,
	'and a new parent');

for (
	['of another version', "01-$trace-$parent-00-more", "00-$trace-"],
	['not sampled', "00-$trace-$parent-00", "00-$trace-"],
	['in capitals', uc "00-$trace-$parent-01", undef],
	['of zeroes', '00-' . '0' x 32 . "-$parent-01", undef],
	['with a parent of zeroes', "00-$trace-" . '0' x 16 . '-01', undef],
	['of version ff', "ff-$trace-$parent-01", undef],
	['cut', "00-$trace-$parent", undef],
	['too long', "00-$trace-$parent-01-more", undef],
	['empty', '', undef],
	['given twice', "00-$trace-$parent-01\r\n"
		. "Traceparent: 00-$trace-$parent-01", undef],
) {
	my ($name, $value, $want) = @$_;

	%r = send_to('/default/', 1, "traceparent: $value");

	my $got = $r{default}{header}{traceparent};

	ok(defined $want ? defined $got && $got =~ /^$want[\da-f]{16}-0[01]$/
		: !defined $got, "traceparent $name")
		or diag(defined $got ? $got : 'none');
}

%r = send_to('/off/', 1, "traceparent: 00-$trace-$parent-01");
is(names($r{off}), 'Host User-Agent Content-Type Content-Length webhook-hops',
	'event_headers off');

$rx->forget();
$rx->set(rules => { '/retried' => [500, 200], '*' => 200 });
get('/retried/', traceparent => "00-$trace-$parent-01");
my @tries = $rx->wait_requests(2, 10);
is($tries[0]{header}{'webhook-id'}, $tries[1]{header}{'webhook-id'},
	'attempts have the same id');
is($tries[0]{body}, $tries[1]{body}, 'and the same body');
isnt($tries[0]{header}{traceparent}, $tries[1]{header}{traceparent},
	'and parents of their own');
like($tries[1]{header}{traceparent}, qr/^00-$trace-[\da-f]{16}-01$/,
	'in the same trace');

###############################################################################

# authentication; nobody accepts, so that all is in the database in the end

$rx->set(rules => { '*' => 500 });

%r = send_to('/secret/?v=variable-value', 11);

is($r{basic}{header}{authorization}, 'Basic '
	. encode_base64("ann:$secret{password}", ''), 'basic');
is($r{basicfile}{header}{authorization}, 'Basic '
	. encode_base64("ann:$secret{filepassword}", ''), 'basic with a file');
is($r{basicenv}{header}{authorization}, 'Basic '
	. encode_base64("ann:$secret{envpassword}", ''),
	'basic with an environment variable');
is($r{bearer}{header}{authorization}, "Bearer $secret{token}", 'bearer');
is($r{bearerfile}{header}{authorization}, "Bearer $secret{filetoken}",
	'bearer with a file, without its line end');
is($r{bearerenv}{header}{authorization}, "Bearer $secret{envtoken}",
	'bearer with an environment variable');
is($r{bearervariable}{header}{authorization}, 'Bearer variable-value',
	'bearer with a variable');
is($r{header}{header}{'x-key'}, $secret{header}, 'header');
is($r{headerfile}{header}{'x-key'}, $secret{fileheader},
	'header with a file');
is($r{headerenv}{header}{'x-key'}, $secret{envheader},
	'header with an environment variable');
is($r{authorization}{header}{authorization}, "Some $secret{header}",
	'header Authorization');

# dead letters are in the database; the journal has what was committed

my $eid2 = $r{basic}{header}{'webhook-id'};

wait_for(sub {
	grep({ /it is dead, .*id: \Q$eid2\E/ } find_in_log(qr/it is dead/)) == 11
}, 10, 'dead letters');
ok(wait_for(sub {
	my $db = $t->read_file('store/data.mdb');
	11 <= (() = $db =~ /\Q$eid2\E/g)
}, 10), 'deliveries are in the database');
like($t->read_file('store/journal'), qr/\Q$eid2\E/,
	'deliveries are in the journal');
ok($t->read_file('store/data.mdb') =~ /Bearer variable-value/,
	'what a variable had is stored');

$t->stop();

my @places = grep { -f } glob($t->testdir() . '/store/*');
push @places, $t->testdir() . '/error.log', $t->testdir() . '/access.log';

like(join(' ', @places), qr/journal/, 'there are files of the store');
like($t->read_file('error.log'), qr/\[debug\]/, 'there is a debug log');

for my $kind (sort keys %secret) {
	my $encoded = encode_base64("ann:$secret{$kind}", '');

	my @found = grep {
		Test::Webhook::slurp($_, 0)
			=~ /\Q$secret{$kind}\E|\Q$encoded\E/
	} @places;

	is("@found", '', "secret $kind is in no file");
}

$t->done_testing();

###############################################################################

# the requests by endpoint

sub to {
	my ($args) = @_;
	return send_to("/to/?$args", 9);
}

sub send_to {
	my ($uri, $n, @headers) = @_;

	$rx->forget();

	http(join "\r\n", "GET $uri HTTP/1.1", 'Host: localhost',
		'Connection: close', @headers, '', '');

	my %r = map { $_->{target} =~ m!^/(\w+)! ? ($1 => $_) : () }
		$rx->wait_requests($n, 10);

	return %r;
}

sub names {
	my ($r) = @_;
	return join ' ', grep { $_ ne 'Connection' }
		map { $_->[0] } @{$r->{headers}};
}

###############################################################################

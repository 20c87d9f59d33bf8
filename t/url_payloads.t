#!/usr/bin/perl

# Tests for URLs with values, and what else is in a request: values that change
# from attempt to attempt, fields of all kinds of payloads, languages, keys in
# the query, signatures, and the mark of deliveries.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Receiver;
use Test::Webhook::Sign;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();
my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

$t->write_file('de.json', '{"status":{"open":"ge' . "\xc3\xb6" . 'ffnet/a"}}');
$t->write_file('fr.json', '{"status":{"open":"ouvert"}}');

my $icu = icu();
my $shared = join '', map { chr } 1 .. 64;

$t->write_file('key.b64', b64($shared) . "\n");
$t->write_file('secret', "a&b/c\n");
chmod 0600, $t->testdir() . "/$_" for qw/ key.b64 secret /;

my $sign = 'sign http file:%%TESTDIR%%/key.b64 key_encoding=base64 '
	. 'components=@method,@target-uri,@authority,@scheme,@query;';

# what follows the host, and lines of the endpoint

my %endpoint = (
	attempt => ['/$webhook_attempt/$v?r=${webhook_retry}&t=$webhook_attempt_time',
		'retry 50ms 50ms;'],
	many => ['/many/${webhook_attempt|path}/b', 'retry ' . '20ms ' x 11 . ';'],
	holes => ['/__n__/__s__?t=__o.t__&i=__i__&a=$v', 'payload holes; retry 50ms 50ms;'],
	holes_form => ['/__n__?s=__s__', 'payload holes_form; method GET; retry 50ms;'],
	de => ['/a/__status__/__fixed__?n=__n__', 'payload local; language de;'],
	fr => ['/a/__status__/__fixed__?n=__n__', 'payload local; language fr;'],
	none => ['/a/__status__', 'payload untranslated;'],
	arrays => ['/__tags[0]__?a=__tags[1]__&i=__items[0].id__&d=__a\.b__', 'payload arrays;'],
	string => ['/a?j=__j__', 'payload string;'],
	diff => ['/a?d=__d__', 'payload diff;'],
	joined => ['/a?j=__j__', 'payload joined;'],
	joined_form => ['/a?j=__j__', 'payload joined_form; method GET;'],
	numbered => ['/a?j=__j__', 'payload numbered;'],
	tree => ['/a?j=__j__', 'payload tree;'],
	ce => ['/a/__s__', 'payload ce;'],
	get => ['/a/__j__', 'payload tree; method GET;'],
	key => ['/a?b=$v', 'api_key query k file:%%TESTDIR%%/secret;'],
	key_path => ['/a/$v', 'api_key query k file:%%TESTDIR%%/secret;'],
	key_value => ['/a/$v', 'api_key query k $v; api_key query n $webhook_attempt;'],
	key_form => ['/a/__s__?b=c', 'method GET; payload form; api_key query k file:%%TESTDIR%%/secret;'],
	key_body => ['/a/$v', 'payload form; api_key field k secret;'],
	signed => ['/a/$v/__s__?b=$webhook_attempt', "payload form; $sign"],
	back => ['/back/$webhook_attempt/$v', ''],
);

my $endpoints = join '', map { <<"EOE" } sort keys %endpoint;
    webhook_endpoint $_ {
        url "http://127.0.0.1:%%PORT_@{[ $_ eq 'back' ? 'http' : 'rx' ]}%%$endpoint{$_}[0]";
        allow_http on;
        @{[ $endpoint{$_}[1] =~ /retry/ ? '' : 'retry off;' ]}
        $endpoint{$_}[1]
    }

EOE

my $number = $icu ? '$n number_text' : '$n';

my $conf = <<"EOC";
%%TEST_GLOBALS%%

worker_processes 1;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

    resolver 127.0.0.1:%%PORT_dns%%;

    webhook_translations de %%TESTDIR%%/de.json;
    webhook_translations fr %%TESTDIR%%/fr.json;

    webhook_json \$v request /v;
    webhook_json \$n request /n;
    webhook_json \$j request /j type=json;
    webhook_json \$k request /k type=json;

    webhook_payload holes structured {
        field n \$webhook_attempt number;
        field s "no. \$webhook_attempt/\$v";
        field o.t \$webhook_attempt_time time:unix;
        field i \$webhook_attempt_time;
    }

    webhook_payload holes_form form {
        field n \$webhook_retry;
        field s "\$webhook_attempt&\$v";
    }

    webhook_payload local structured {
        field status \$v translate=status;
        field fixed open translate=status;
        field n $number;
    }

    webhook_payload untranslated structured {
        field status \$v;
    }

    webhook_payload arrays structured {
        field tags[0] \$v;
        field tags[1] "x y";
        field items[0].id \$n number;
        field a\\.b dot;
    }

    webhook_payload string structured { field j \$j json_string; }
    webhook_payload diff structured { field d \$j json diff=\$k; }
    webhook_payload joined flat { join ", "; field j \$j json; }
    webhook_payload joined_form form { join ","; field j \$j json; }
    webhook_payload numbered flat { field j \$j json; }
    webhook_payload tree structured { field j \$j json; }
    webhook_payload form form { field s \$v; }

    webhook_payload ce cloudevents binary {
        source /x;
        field s \$v;
    }

$endpoints
    webhook_endpoint whole {
        url \$v;
        allow_http on;
        addresses any;
        retry off;
        $sign
    }

    log_format back '\$uri \$webhook_result';

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location /to/ {
            webhook some.event to=\$arg_to;
            webhook_capture on;
            proxy_pass http://127.0.0.1:%%PORT_app%%/;
        }

        location /back/ {
            webhook other.event to=attempt;
            access_log %%TESTDIR%%/back.log back;
            return 200;
        }
    }

    server {
        listen 127.0.0.1:%%PORT_app%%;
        location / { return 200; }
    }
}
EOC

$t->conf($conf)->run();

###############################################################################

# values of an attempt

my $iso = qr/\d{4}-\d\d-\d\dT\d\d%3A\d\d%3A\d\d\.\d{3}Z/;

$rx->set(script => [500, 500, 200]);

my @r = send_to('attempt', 3, v => 'a/b');

is(join(' ', map { $_->{target} =~ m!^(/.*)&t=$iso$! } @r),
	'/1/a%2Fb?r=0 /2/a%2Fb?r=1 /3/a%2Fb?r=2',
	'number and time of each attempt');
is(keys %{{ map {; ($_->{target} =~ /t=(.*)/)[0] => 1 } @r }}, 3,
	'each has a time of its own');

$rx->set(script => [(500) x 11, 200]);

is(join(' ', map { $_->{target} } send_to('many', 12)),
	join(' ', map { "/many/$_/b" } 1 .. 12), 'numbers of any length');

$rx->set(script => [500, 500, 200]);
@r = send_to('holes', 3, v => 'c d');

for my $n (1 .. 3) {
	my $r = $r[$n - 1];
	my ($time, $text) = $r->{body} =~ /"t":(\d+)\},"i":"(.*?)"/;

	is($r->{target}, "/$n/no.%20$n%2Fc%20d?t=$time&i="
		. $text =~ s/:/%3A/gr . '&a=c%20d',
		"attempt $n, fields that have its number and its time");
}

$rx->set(script => [500, 200]);

is(join(' ', map { $_->{target} } send_to('holes_form', 2, v => 'x')),
	'/0?s=1%26x&n=0&s=1%26x /1?s=2%26x&n=1&s=2%26x', 'of a form with GET');

$rx->set(script => [200]);

###############################################################################

# fields of payloads

is(target('de', v => 'open', n => '1234.50'),
	'/a/ge%C3%B6ffnet%2Fa/ge%C3%B6ffnet%2Fa?n='
	. ($icu ? '1.234%2C50' : '1234.50'), 'in one language');
is(target('fr', v => 'open', n => '1234.50'), '/a/ouvert/ouvert?n='
	. ($icu ? '1%E2%80%AF234%2C50' : '1234.50'), 'in another one');
is(target('none', v => 'open'), '/a/open', 'in none');

is(target('arrays', v => 'a/b', n => 7), '/a%2Fb?a=x%20y&i=7&d=dot',
	'elements of arrays');
is(target('string', j => '{"a": "b&c"}'), '/a?j=%7B%22a%22%3A%22b%26c%22%7D',
	'JSON as a string');
is(target('diff', j => '{"a":1,"b":2}', k => '{"a":1,"b":3}'),
	'/a?d=%7B%22b%22%3A2%7D', 'what differs');
is(target('diff', j => '1', k => '2'), '/a?d=', 'what cannot differ');

my $list = '["a","b/c",1.50,null,true]';

for (
	['joined', $list, 'a%2C%20b%2Fc%2C%201.50%2C%20%2C%20true', 'an array'],
	['joined', '[]', '', 'an empty array'],
	['joined', '"a\"b"', 'a%22b', 'a string'],
	['joined', '5.0', '5.0', 'a number'],
	['joined', 'null', '', 'null'],
	['joined', '{"a":[1]}', '%7B%22a%22%3A%5B1%5D%7D', 'an object'],
	['joined', '[1,{"a":2},3]', '1%2C%203', 'what is joined of a mixed array'],
	['numbered', '[1,"a"]', '%5B1%2C%22a%22%5D', 'an array'],
	['numbered', '"a b"', 'a%20b', 'a string'],
	['tree', '[1,"a"]', '%5B1%2C%22a%22%5D', 'an array'],
	['tree', '"a b"', '%22a%20b%22', 'a string'],
) {
	my ($name, $j, $e, $what) = @$_;

	is(target($name, j => $j), "/a?j=$e", "$name, $what");
}

is(target('joined_form', j => $list),
	'/a?j=a%2Cb%2Fc%2C1.50%2C%2Ctrue&j=a%2Cb%2Fc%2C1.50%2C%2Ctrue',
	'a joined array in a form, too');
is(target('ce', v => 'a b'), '/a/a%20b', 'data of CloudEvents');

my ($r) = send_to('get', 1, j => '1');
is("$r->{method} $r->{target} [$r->{body}]", 'GET /a/1 []',
	'GET, where the URL is all there is of a payload');

###############################################################################

# keys

is(target('key', v => '&k=x'), '/a?b=%26k%3Dx&k=a%26b%2Fc', 'a key');
is(target('key_path', v => '?'), '/a/%3F?k=a%26b%2Fc', 'without a query');
is(target('key_value', v => 'x&'), '/a/x%26?k=x%26&n=1', 'keys of values');
is(target('key_form', v => 'x&'), '/a/x%26?b=c&s=x%26&k=a%26b%2Fc',
	'behind a form');

($r) = send_to('key_body', 1, v => 'x');
is("$r->{target} $r->{body}", '/a/x s=x&k=secret', 'in the body');

my $stored = join '', map { $t->read_file("store/$_") } qw/ journal data.mdb /;

like($stored, qr!127\.0\.0\.1:\d+/a\?b=%26k%3Dx!, 'URLs are stored');
unlike($stored, qr!a%26b%2Fc|a&b/c!, 'without secrets');

my $max = 8192 - length '/a?b=&k=a%26b%2Fc';

is(length target('key', v => 'x' x $max), 8192, 'as long as it may be');
send_to('key', 0, v => 'x' x ($max + 1));
is(target('key', v => 'next'), '/a?b=next&k=a%26b%2Fc', 'a longer one');
ok($t->wait_log(qr/event makes a URL too long, dropped/, 10), 'is dropped');

###############################################################################

# signatures are of what is sent

for (
	['signed', 'a b', qr!^/a/a%20b/a%20b\?b=1$!],
	['whole', 'http://LOCALHOST:' . $rx->port() . '/x?y', qr!^/x\?y$!],
) {
	my ($name, $v, $target) = @$_;

	$v =~ s/LOCALHOST/127.0.0.1/;
	($r) = send_to($name, 1, v => $v);
	my $s = http_signatures($r)->{sig1};

	like($r->{target}, $target, "$name, URL");
	is($s->{sig}, hmac(http_base($r, $s), $shared),
		"$name, with its scheme, host, path and query");
}

# and the mark is, too

send_to('back', 0, v => 'x y');

ok(wait_for(sub { -s $t->testdir() . '/back.log' }, 10), 'back again');
is($t->read_file('back.log'), "/back/1/x y filtered\n",
	'the mark is that of the URL');

$t->stop();
$t->done_testing();

###############################################################################

# values are JSON, but for "v"

sub send_to {
	my ($name, $n, %v) = @_;

	$v{v} = "\"$v{v}\"" if exists $v{v};

	my $body = '{' . join(',', map { "\"$_\":$v{$_}" } sort keys %v) . '}';

	$rx->forget();
	http(join "\r\n", "POST /to/?to=$name HTTP/1.1", 'Host: localhost',
		'Connection: close', 'Content-Length: ' . length $body, '',
		$body);

	return unless $n;

	my @r = $rx->wait_requests($n, 20);

	is(@r, $n, "$name, attempts") if $n > 1;

	return @r if @r;
	return { target => '', body => '', header => {}, headers => [] };
}

sub target {
	my ($r) = send_to($_[0], 1, @_[1 .. $#_]);

	return $r->{target};
}

sub icu {
	$t->conf("%%TEST_GLOBALS%%\nevents { }\nhttp {\n%%TEST_GLOBALS_HTTP%%\n"
		. "webhook_payload p structured { field a 1 number_text; }\n}\n");

	my ($code, $out) = $t->test_conf();

	die "unexpected: $out\n" if $code && $out !~ /built with ICU/;

	return !$code;
}

###############################################################################

#!/usr/bin/perl

# Tests for API keys, in headers, queries and bodies, and for where they are
# not: in the store, in logs, and in what clients could name.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use MIME::Base64;

use Test::Webhook qw/ :DEFAULT find_in_log wait_log log_mark /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

# what is special in JSON, forms, URLs and headers alike

my $special = "\xc3\xa4 '%&=+#?/\\\\<>;,~\t.";

my %secret = map { $_ => "SECRET-$_-" . int(rand(1e9)) }
	qw/ header query field file env set later /;

$secret{special} = 'SPECIAL-' . int(rand(1e9)) . $special;
$secret{quoted} = 'QUOTED-' . int(rand(1e9)) . '"}{[]$';
$secret{latin} = 'LATIN-' . int(rand(1e9)) . "\xe4\xff";
$secret{long} = 'LONG-' . int(rand(1e9)) . 'x' x 7000;

my $t = Test::Webhook->new(debug => 1, env => { KEYENV => $secret{env},
	SETENV => 'of the master' });

secret_file($_) for qw/ file special quoted latin long /;

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

my %endpoints = (
	header => "api_key header X-Key $secret{header};"
		. ' api_key header X-File file:file;',
	query => "api_key query key $secret{query}; api_key query 'a&b' file:file;",
	queryafter => "api_key query key $secret{query};",
	queryform => "method GET; payload form; api_key query key $secret{query};"
		. " api_key field token $secret{field};",
	form => "payload form; api_key field token $secret{field};"
		. " api_key field 'a&b' env:KEYENV;",
	emptyform => "payload emptyform; api_key field token $secret{field};",
	structured => "payload structured; api_key field token $secret{field};"
		. ' api_key field "a.\"b\"" env:SETENV;',
	empty => "payload empty; api_key field token $secret{field};",
	flat => "payload flat; api_key field token $secret{field};",
	bytrigger => "api_key field token $secret{field};",
	variables => 'payload structured; api_key header X-Key $v;'
		. ' api_key query key $v; api_key field token "<$v>";'
		. " api_key field last $secret{field};",
	variablesform => 'payload form; api_key query key "$v-$webhook_attempt";'
		. ' api_key field token $v; api_key field n $webhook_retry;',
	variablesempty => 'payload empty; api_key field token $v;'
		. ' api_key field try $webhook_attempt;',
	special => 'payload structured; api_key header X-Key file:special;'
		. ' api_key query key file:special; api_key field token file:special;',
	specialform => 'payload form; api_key field token file:special;',
	quoted => 'payload structured; api_key header X-Key file:quoted;'
		. ' api_key query key file:quoted; api_key field token file:quoted;',
	latin => 'api_key header X-Key file:latin; api_key query key file:latin;',
	long => 'payload structured; api_key header X-Key file:long;'
		. ' api_key query key file:long; api_key field token file:long;',
	retried => "payload form; retry 50ms 50ms; api_key field token $secret{field};"
		. " api_key query key $secret{query};",
	named => "payload structured; api_key field token $secret{field};",
	getnamed => "method GET; payload form; api_key field token $secret{field};",
	keyless => 'payload structured; api_key field token $arg_to;',
	pattern => "events other.*; api_key field token $secret{field};",
);

my %query = (queryafter => '?a=b', queryform => '?a=b');

my $endpoints = join '', map { <<"EOE" } sort keys %endpoints;
    webhook_endpoint $_ {
        url http://127.0.0.1:%%PORT_rx%%/$_@{[ $query{$_} || '' ]};
        allow_http on;
        @{[ $endpoints{$_} =~ /retry \d/ ? '' : 'retry off;' ]}
        $endpoints{$_}
    }

EOE

my $all = join ',', grep { !/^(?:bytrigger|retried|named|getnamed|keyless|pattern)$/ }
	sort keys %endpoints;

my $conf = <<'EOC';
%%TEST_GLOBALS%%

worker_processes 1;

env KEYENV;
env SETENV=%%SETENV%%;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

    log_format looped $webhook_result;

    webhook_payload structured structured { field x.token 1; field y 2; }
    webhook_payload array structured { field [0] $v; }
    webhook_payload empty structured { field x $arg_none omit_empty; }
    webhook_payload form form { field x 1; field j $j json; }
    webhook_payload emptyform form { field x $arg_none omit_empty; }
    webhook_payload flat flat { separator .; field x 1; field token\.x $j json; field j $t json; }
    webhook_payload text text { template text; }

    webhook_json $j request /j type=json;
    webhook_json $t request /t type=json;
    webhook_json $v request /v;

%%ENDPOINTS%%
    webhook_endpoint reloaded {
        url http://127.0.0.1:%%PORT_rx%%/reloaded;
        allow_http on;
        retry 100ms 100ms 100ms 100ms 100ms 100ms 100ms 100ms 100ms 100ms;
        %%RELOADED%%
    }

    webhook_endpoint refused {
        url http://127.0.0.1:%%PORT_none%%/refused;
        allow_http on;
        retry off;
        payload form;
        api_key header X-Key %%QUERY%%;
        api_key query key %%QUERY%%;
        api_key field token %%QUERY%%;
    }

    webhook_endpoint loop {
        url http://127.0.0.1:%%PORT_http%%/looped;
        allow_http on;
        api_key query key %%QUERY%%;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;

        access_log off;

        location / {
            webhook some.event to=%%ALL%% on=request;
            proxy_pass http://127.0.0.1:%%PORT_http%%/empty;
        }

        location /empty { return 200; }
        location /bytrigger { webhook some.event to=bytrigger payload=flat; return 200; }
        location /retried { webhook some.event to=retried; return 200; }
        location /reloaded { webhook some.event to=reloaded payload=%%PAYLOAD%%; return 200; }
        location /refused { webhook some.event to=refused; return 200; }
        location /loop { webhook some.event to=loop; return 200; }

        location /looped {
            access_log %%TESTDIR%%/looped.log looped;
            webhook some.event to=header;
            return 200;
        }

        location /accept { webhook * payload=text; webhook_accept; }
        location /named { webhook some.event to=$arg_to payload=text; return 200; }
        location /keyless { webhook some.event to=$arg_to payload=array; return 200; }
        location /getnamed { webhook some.event to=$arg_to payload=structured; return 200; }
    }
}
EOC

$conf =~ s/%%ENDPOINTS%%\n/$endpoints/;
$conf =~ s/%%ALL%%/$all/;

conf(RELOADED => 'api_key header X-Key file:file;');
$t->run();

my %r;

###############################################################################

# where they are

%r = send_to('/', $all =~ tr/,// + 1, '{"v":"VAR&\\"","j":{"a":1}}');

is($r{header}{header}{'x-key'}, $secret{header}, 'header');
is($r{header}{header}{'x-file'}, $secret{file}, 'header with a file');
is($r{query}{target}, "/query?key=$secret{query}&a%26b=$secret{file}",
	'query');
is($r{queryafter}{target}, "/queryafter?a=b&key=$secret{query}",
	'query after another one');
is($r{queryform}{target}, "/queryform?a=b&x=1&j_a=1&token=$secret{field}"
	. "&key=$secret{query}", 'query after a form, with a field');
is($r{queryform}{body}, '', 'which has no body');
is($r{form}{body}, "x=1&j_a=1&token=$secret{field}&a%26b=$secret{env}",
	'field of a form, out of the environment');
is($r{emptyform}{body}, "token=$secret{field}", 'field of an empty form');
is($r{structured}{body}, '{"x":{"token":"1"},"y":"2",'
	. "\"token\":\"$secret{field}\",\"a.\\\"b\\\"\":\"$secret{set}\"}",
	'field of JSON, and what "env" sets wins');
is($r{empty}{body}, "{\"token\":\"$secret{field}\"}",
	'field of an empty object');

is($r{variables}{header}{'x-key'}, 'VAR&"', 'variable in a header');
is($r{variables}{target}, '/variables?key=VAR%26%22', 'in the query');
is($r{variables}{body}, '{"x":{"token":"1"},"y":"2","token":"<VAR&\\">",'
	. "\"last\":\"$secret{field}\"}", 'in JSON');
is($r{variablesform}{target}, '/variablesform?key=VAR%26%22-1',
	'variable in the query, with the attempt');
is($r{variablesform}{body}, 'x=1&j_a=1&token=VAR%26%22&n=0', 'in a form');
is($r{variablesempty}{body}, '{"token":"VAR&\\"","try":"1"}',
	'in an empty object');

is($r{$_}{header}{'content-length'}, length $r{$_}{body},
	"Content-Length of $_")
	for qw/ form emptyform structured empty variables variablesform /;

is($r{$_}{header}{'webhook-hops'} ? 1 : 0, 1, "mark of $_")
	for qw/ query queryform variables /;

# octets of all kinds

is($r{special}{header}{'x-key'}, $secret{special}, 'special in a header');
is($r{special}{target}, '/special?key=' . encode($secret{special}),
	'special in the query');
is($r{special}{body}, '{"x":{"token":"1"},"y":"2","token":"'
	. ($secret{special} =~ s/\\/\\\\/gr =~ s/\t/\\t/r) . '"}',
	'special in JSON');
is($r{specialform}{body}, 'x=1&j_a=1&token='
	. (encode($secret{special}) =~ s/%20/+/gr =~ s/~/%7E/gr),
	'special in a form');
is($r{quoted}{header}{'x-key'}, $secret{quoted}, 'quote in a header');
is($r{quoted}{target}, '/quoted?key=' . encode($secret{quoted}),
	'quote in the query');
is($r{quoted}{body}, '{"x":{"token":"1"},"y":"2","token":"'
	. ($secret{quoted} =~ s/"/\\"/gr) . '"}', 'quote in JSON');
is($r{latin}{header}{'x-key'}, $secret{latin}, 'no UTF-8 in a header');
is($r{latin}{target}, '/latin?key=' . encode($secret{latin}),
	'no UTF-8 in the query');
is($r{long}{header}{'x-key'}, $secret{long}, 'long in a header');
is($r{long}{target}, "/long?key=$secret{long}", 'long in the query');
is($r{long}{body}, '{"x":{"token":"1"},"y":"2","token":"'
	. "$secret{long}\"}", 'long in JSON');

# values with variables: nothing can be injected, empty ones are left out

for (
	['""', '', ''],
	['null', '', ''],
	['"a\r\nX-Evil: 1"', '%0D%0A', '\r\n'],
	['"\u0000\u007f"', '%00%7F', "\\u0000\x7f"],
	['"' . 'y' x 7000 . '"', 'y' x 7000, 'y' x 7000],
) {
	my ($v, $url, $json) = @$_;
	my $name = length $v > 50 ? 'long' : $v;

	%r = send_to('/', $all =~ tr/,// + 1, "{\"v\":$v}");

	ok(!exists $r{variables}{header}{'x-evil'}, "$name, no header");

	if ($url eq '') {
		ok(!exists $r{variables}{header}{'x-key'}, "$name, in a header");
		is($r{variables}{target}, '/variables', "$name, in the query");
		is($r{variablesform}{body}, 'x=1&j=&n=0', "$name, in a form");
		is($r{variablesempty}{body}, '{"try":"1"}', "$name, in JSON");
		next;
	}

	ok(!exists $r{variables}{header}{'x-key'} || $name eq 'long',
		"$name, in a header");
	like($r{variables}{target}, qr/^\/variables\?key=[^ ]*\Q$url\E[^ ]*$/,
		"$name, in the query");
	like($r{variables}{body}, qr/"token":"<[^"]*\Q$json\E[^"]*>","last"/,
		"$name, in JSON");
	like($r{variablesform}{body}, qr/&token=[^&]*\Q$url\E[^&]*&n=0$/,
		"$name, in a form");
}

ok(find_in_log(qr/endpoint "variables": value of header "X-Key" has a control character, header is left out/),
	'what is left out is logged');

%r = send_to('/', ($all =~ tr/,//) - 1, '{"v":"' . 'z' x 9000 . '"}');
ok(wait_log(qr/webhook delivery for "variables" is dead: the URL is too long with the API key in it/,
	10), 'too long for an URL');

# no name of data is that of the key

%r = send_to('/bytrigger', 1, '{"j":{"y":1},"t":{"a":2}}');
is($r{bytrigger}{body}, '{"x":"1","token.x":null,"j":null,"token":"'
	. "$secret{field}\"}", 'payload of the trigger')
	or diag($r{bytrigger}{body});

%r = send_to('/', $all =~ tr/,// + 1, '{"j":{"a":1},"t":{"token":2}}');
is($r{flat}{body}, '{"x":"1","token.x.a":1,"j.token":2,"token":"'
	. "$secret{field}\"}", 'names of data beside the key');

# an endpoint that was not known, with a payload that has no place for a key

my $mark = log_mark();
get('/named?to=named');
ok(wait_log(qr/webhook delivery for "named" is dead: the body is none that could have the field of "api_key"/,
	10, $mark), 'not sent without its key');

for my $uri (qw! /named /keyless !) {
	$mark = log_mark();
	get("$uri?to=keyless");
	ok(wait_log(qr/webhook delivery for "keyless" is dead: the body is none that could have the field of "api_key"/,
		10, $mark), "nor without one of a variable, $uri");
}

$mark = log_mark();
get('/getnamed?to=getnamed');
ok(wait_log(qr/webhook delivery for "getnamed" is dead: the body is none that could have the field of "api_key"/,
	10, $mark), 'GET has no body');

$mark = log_mark();
post('/accept', '{"type":"other.event","data":{}}');
ok(wait_log(qr/webhook delivery for "pattern" is dead: the body is none that could have the field/,
	10, $mark), 'likewise by a pattern');

# a receiver that is not there, with all that nginx says of it

$mark = log_mark();
get('/refused');
ok(wait_log(qr/webhook attempt failed: connect, .*"refused"/, 10, $mark),
	'refused');

###############################################################################

# retries

$rx->forget();
$rx->set(500, 500, 200);
get('/retried');
my @r = $rx->wait_requests(3, 10);

is($r[2]{body}, "x=1&j=&token=$secret{field}", 'body of the last attempt');
is($r[2]{target}, "/retried?key=$secret{query}", 'and its URL');
is($r[0]{body}, $r[2]{body}, 'as that of the first');

###############################################################################

# reload: what comes next has the new key, and old events as well

$rx->forget();
$rx->set(500);
get('/reloaded');
$rx->wait_requests(1, 10);
is($rx->request(0)->{header}{'x-key'}, $secret{file}, 'key of a file');

$secret{file2} = 'SECRET-file2-' . int(rand(1e9));
$t->write_file('file', "$secret{file2}\n");
ok($t->reload(), 'reload');

ok(wait_for(sub {
	my @k = map { $_->{header}{'x-key'} } $rx->requests();
	@k && $k[-1] eq $secret{file2};
}, 10), 'new content of the file');

conf(RELOADED => "api_key field key $secret{later}; api_key query q env:SETENV;",
	SETENV => 'SECRET-changed');
ok($t->reload(), 'reload');

ok(wait_for(sub {
	my @k = $rx->requests();
	@k && $k[-1]{body} eq "{\"x\":{\"token\":\"1\"},\"y\":\"2\",\"key\":\"$secret{later}\"}"
		&& $k[-1]{target} eq '/reloaded?q=SECRET-changed';
}, 10), 'a key that was not configured when the event was committed');

$rx->set(200);

###############################################################################

# they are in no file

$t->stop();

$secret{changed} = 'SECRET-changed';

my @places = grep { -f } glob($t->testdir() . '/store/*');
push @places, $t->testdir() . '/error.log', $t->testdir() . '/access.log';

like(join(' ', @places), qr/data\.mdb.*journal|journal.*data\.mdb/,
	'there are files of the store');
like($t->read_file('error.log'), qr/\[debug\]/, 'there is a debug log');
like($t->read_file('store/data.mdb'), qr/"token":"1"/,
	'what was retried was in the database');

for my $kind (sort keys %secret) {
	my ($s) = $secret{$kind} =~ /^([\w-]+)/;

	my $b = substr(encode_base64($s, ''), 0, 16);

	my @found = grep {
		Test::Webhook::slurp($_, 0) =~ /\Q$s\E|\Q$b\E/
	} @places;

	is("@found", '', "secret $kind is in no file");
}

###############################################################################

# what has keys in the log of nginx by itself: as a receiver, and as it upgrades

$t->run();

# the mark of a delivery that comes back is of the URL with its key

for (1 .. 2) {
	get('/loop');
	ok(wait_for(sub {
		-e $t->testdir() . "/looped.log"
			&& $_ == (() = $t->read_file('looped.log') =~ /\n/g);
	}, 10), "delivery to itself $_");
}

is($t->read_file('looped.log'), "filtered\nfiltered\n",
	'it causes no event');

# a new master has what "env" names

ok($t->upgrade(), 'upgrade');
%r = send_to('/', $all =~ tr/,// + 1, '{"v":"a"}');
is($r{form}{body}, "x=1&j=&token=$secret{field}&a%26b=$secret{env}",
	'environment of an upgraded nginx');

$t->done_testing();

###############################################################################

sub conf {
	my %o = (RELOADED => '', PAYLOAD => 'structured', QUERY => $secret{query},
		SETENV => $secret{set}, @_);

	my $c = $conf;
	$c =~ s/%%$_%%/$o{$_}/g for keys %o;

	$t->conf($c);
}

sub secret_file {
	my ($name) = @_;

	$t->write_file($name, "$secret{$name}\n");
	chmod 0600, $t->testdir() . "/$name";
}

sub encode {
	my ($s) = @_;
	return $s =~ s/([^\w.~-])/sprintf '%%%02X', ord $1/gear;
}

# the requests by endpoint

sub send_to {
	my ($uri, $n, $body) = @_;

	$rx->forget();

	post($uri, $body);

	my %got = map { $_->{target} =~ m!^/(\w+)! ? ($1 => $_) : () }
		$rx->wait_requests($n, 10);

	return %got;
}

###############################################################################

#!/usr/bin/perl

# Tests for payloads of the kind form: bodies of requests, and the query of
# GET.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::Webhook qw/ :DEFAULT find_in_log /;
use Test::Webhook::App;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');
my $app = Test::Webhook::App->new($t, port => 'app');

my %endpoints = (
	post => 'payload types;',
	put => 'method PUT; payload types;',
	delete => 'method DELETE; payload types;',
	get => 'method GET; payload types;',
	getquery => 'method GET; payload types;',
	getempty => 'method GET; payload types;',
	getamp => 'method GET; payload types;',
	getnothing => 'method GET; payload nothing;',
	gettext => 'method GET; payload text;',
	separated => 'payload separated;',
	long => 'method GET; payload long;',
	longpost => 'payload long;',
	reloaded => '%%METHOD%% payload long; retry ' . '200ms ' x 60 . ';',
);

my %query = (getquery => '?a=b', getempty => '?', getamp => '?a=b&');

my $endpoints = join '', map { <<"EOE" } sort keys %endpoints;
    webhook_endpoint $_ {
        url http://127.0.0.1:%%PORT_rx%%/$_@{[ $query{$_} || '' ]};
        allow_http on;
        @{[ $endpoints{$_} =~ /retry/ ? '' : 'retry off;' ]}
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

    webhook_payload types form {
        field event $webhook_event;
        field s $s;
        field n $n number;
        field b $b boolean;
        field x $j json;
        field nd $arg_none number default=1E+5;
        field t 1 time;
        field "a name&" '&=+% "*-._~/?#';
        field nothing "" null;
        field o $arg_none omit_empty;
    }

    webhook_payload separated form {
        content_type text/plain;
        separator "[&]";
        field a.b 1;
        field c $j json;
    }

    webhook_payload nothing form { field o $arg_none omit_empty; }

    webhook_payload text text {
        content_type application/x-www-form-urlencoded;
        template a=b;
    }

    webhook_payload long form { field s $arg_s; }

%%ENDPOINTS%%
    webhook_json $s request /s;
    webhook_json $n request /n;
    webhook_json $b request /b;
    webhook_json $j request /j type=json;

    server {
        listen 127.0.0.1:%%PORT_http%%;

        large_client_header_buffers 4 16k;

        location / {
            webhook some.event to=post,put,delete,get,getquery,getempty,getamp,getnothing,gettext,separated;
            proxy_pass http://127.0.0.1:%%PORT_app%%/length/2;
        }

        location /long {
            webhook some.event to=long,longpost;
            return 200;
        }

        location /reloaded {
            webhook some.event to=reloaded;
            return 200;
        }
    }
}
EOC

$conf =~ s/%%ENDPOINTS%%\n/$endpoints/;

$t->conf($conf =~ s/%%METHOD%%//r)->run();

my %r;

###############################################################################

my $fixed = 'nd=1E%2B5&t=1970-01-01T00%3A00%3A01.000Z'
	. '&a+name%26=%26%3D%2B%25+%22*-._%7E%2F%3F%23&nothing=';

%r = send_to('{"s":"text","n":2.499,"b":true,"j":{"a":{"b":1},"c":[5,"6"]}}');

my $want = "event=some.event&s=text&n=2.499&b=true&x_a_b=1&x_c_0=5&x_c_1=6"
	. "&$fixed";

is($r{post}{body}, $want, 'form');
is($r{post}{header}{'content-type'}, 'application/x-www-form-urlencoded',
	'content type');
is($r{put}{body}, $want, 'form of PUT');
is($r{delete}{body}, $want, 'form of DELETE');
is($r{delete}{target}, '/delete', 'which is no query');

is($r{get}{target}, "/get?$want", 'form of GET is the query');
is($r{get}{method}, 'GET', 'method of GET');
is($r{get}{body}, '', 'GET has no body');
is($r{get}{header}{'content-type'}, undef, 'and no Content-Type');
is($r{get}{header}{'content-length'}, undef, 'and no Content-Length');
ok($r{get}{header}{'webhook-id'}, 'but an id');
is($r{getquery}{target}, "/getquery?a=b&$want", 'it follows another query');
is($r{getempty}{target}, "/getempty?$want", 'it follows an empty query');
is($r{getamp}{target}, "/getamp?a=b&$want", 'it follows an ampersand');
is($r{getnothing}{target}, '/getnothing', 'an empty form adds nothing');
is($r{gettext}{target}, '/gettext', 'text is no form, whatever its type');

is($r{separated}{body}, 'a%5B%26%5Db=1&c%5B%26%5Da%5B%26%5Db=1'
	. '&c%5B%26%5Dc%5B%26%5D0=5&c%5B%26%5Dc%5B%26%5D1=6', 'separator');
is($r{separated}{header}{'content-type'}, 'text/plain', 'content_type');

for (
	['missing values', '{}', 's=&n=&b=&x='],
	['empty strings', '{"s":"","n":0,"b":false,"j":""}',
		's=&n=0&b=false&x='],
	['nulls', '{"s":null,"n":null,"b":null,"j":[null]}',
		's=&n=&b=&x_0='],
	['reserved characters', '{"s":"a&b=c+d%20 \u0000\r\n;#?/:@"}',
		's=a%26b%3Dc%2Bd%2520+%00%0D%0A%3B%23%3F%2F%3A%40&n=&b=&x='],
	['reserved characters in names', '{"j":{"a&b=c+d%20 ":1}}',
		's=&n=&b=&x_a%26b%3Dc%2Bd%2520+=1'],
	['UTF-8', "{\"s\":\"\xc3\xa4\xe2\x82\xac\",\"j\":{\"\\u00fc\":1}}",
		's=%C3%A4%E2%82%AC&n=&b=&x_%C3%BC=1'],
	['64-bit ids', '{"s":"9223372036854775807","n":9223372036854775807,'
		. '"j":[18446744073709551615]}', 's=9223372036854775807'
		. '&n=9223372036854775807&b=&x_0=18446744073709551615'],
	['numbers as written', '{"n":1e400,"j":[-0,0.10,1E+2]}',
		's=&n=1e400&b=&x_0=-0&x_1=0.10&x_2=1E%2B2'],
	['values of another type', '{"s":1,"n":"x","b":"yes"}',
		's=1&n=&b=&x='],
	['repeated names', '{"j":{"a":1,"a":2,"b":[3],"b_0":4}}',
		's=&n=&b=&x_a=2&x_b_0=4'],
	['empty object and array', '{"j":{"a":{},"b":[]}}',
		's=&n=&b=&x_a=&x_b='],
) {
	my ($name, $body, $form) = @$_;

	%r = send_to($body);
	is($r{post}{body}, "event=some.event&$form&$fixed", $name);
	is($r{get}{target}, "/get?event=some.event&$form&$fixed",
		"$name, in a query");
}

###############################################################################

# the length of an URL: "/long?s=" and the value

my $max = 8192 - length '/long?s=';

$rx->forget();
get('/long?s=' . 'a' x $max);
%r = by_endpoint(2);
is(length $r{long}{target}, 8192, 'an URL of 8192 octets');
is(length $r{longpost}{body}, $max + 2, 'and the same as a body');

$rx->forget();
get('/long?s=' . 'a' x ($max + 1));
%r = by_endpoint(1);
ok(wait_for(sub {
	find_in_log(qr/event makes a URL too long, dropped: event "some\.event".*endpoint "long"/)
}, 10), 'a longer one is dropped and logged');
ok($r{longpost}, 'while other endpoints have the event');
ok($rx->only_requests(1, 0.2), 'and nothing else is sent');

# an event that was committed for POST

$rx->set(rules => { '/reloaded' => 500, '*' => 200 });
$rx->forget();
get('/reloaded?s=' . 'a' x 9000);
get('/reloaded?s=short');
$rx->wait_requests(1, 10);
$t->stop();

$rx->set(rules => { '*' => 200 });
$t->conf($conf =~ s/%%METHOD%%/method GET;/r)->run();
ok(wait_for(sub {
	grep { $_->{target} eq '/reloaded?s=short' } $rx->requests()
}, 20), 'the method is that of the attempt');
ok(find_in_log(qr/the URL is too long with the form in it/),
	'a URL that became too long is dead');

$t->stop();
$t->done_testing();

###############################################################################

sub send_to {
	my ($body) = @_;

	$rx->forget();

	http(join "\r\n", "POST / HTTP/1.1", 'Host: localhost',
		'Connection: close', 'Content-Length: ' . length $body, '', $body);

	return by_endpoint(10);
}

# the requests by endpoint

sub by_endpoint {
	my ($n) = @_;

	return map { $_->{target} =~ m!^/(\w+)! ? ($1 => $_) : () }
		$rx->wait_requests($n, 10);
}

###############################################################################

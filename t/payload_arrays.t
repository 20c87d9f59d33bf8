#!/usr/bin/perl

# Tests for fields that are elements of arrays, for JSON as a string, for what
# differs between two objects, for joined arrays, and for requests without a
# body.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Encode qw/ encode /;
use JSON::PP ();

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
	array => 'payload array;',
	root => 'payload root;',
	strings => 'payload strings;',
	flatstrings => 'payload flatstrings;',
	diff => 'payload diff;',
	flatdiff => 'payload flatdiff;',
	joined => 'payload joined;',
	form => 'payload form;',
	(map { ("$_" => 'method ' . uc($_) . '; payload array;') }
		qw/ put patch delete get /),
	(map { ("empty$_" => 'method ' . uc($_) . '; payload empty;') }
		qw/ post put delete get /),
	(map { ("form$_" => 'method ' . uc($_) . '; payload form;') }
		qw/ put delete /),
	defaultget => 'method GET;',
	defaultdelete => 'method DELETE;',
);

my $endpoints = join '', map { <<"EOE" } sort keys %endpoints;
    webhook_endpoint $_ {
        url http://127.0.0.1:%%PORT_rx%%/$_;
        allow_http on;
        retry off;
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

    webhook_store %%TESTDIR%%/store size=64m journal=16m;
    webhook_max_event_size 256k;
    client_body_buffer_size 1m;

    webhook_payload array structured {
        field tags[0] $a;
        field tags[1] 2 number;
        field tags[2] "<$a>";
        field items[0].name email;
        field items[0].value $a omit_empty;
        field items[1].name phone;
        field left[0] $none omit_empty;
        field left[1] $a omit_empty;
        field deep[0][0][0].x[0] $j json;
        field literal '["a", {"b": [1]}]' json;
        field a\[0] 1 number;
        field b[] 2 number;
        field c[0]d 3 number;
    }

    webhook_payload root structured {
        field [0].labels.alertname $a;
        field [0].labels.n 1 number;
        field [1] $j json;
    }

    webhook_payload strings structured {
        field s $j json_string;
        field d $none json_string "default={}";
        field fixed '{"a":"b"}' json_string;
        field n $j;
        field bad $arg_bad json_string;
    }

    webhook_payload flatstrings flat {
        field s $j json_string;
        field a[0] 1 number;
    }

    webhook_payload diff structured {
        field previous $old json diff=$new;
        field changed $new json diff=$old "default={}";
        field same $old json diff=$old omit_empty;
        field empty $old json diff=$old;
    }

    webhook_payload flatdiff flat {
        field previous $old json diff=$new;
    }

    webhook_payload joined flat {
        join ", ";
        field x $j json;
        field fixed "[1,null,\"a\"]" json;
    }

    webhook_payload form form {
        field x $j json;
        join ;
        separator .;
    }

    webhook_payload empty text { template ""; }

%%ENDPOINTS%%
    webhook_json $a request /a;
    webhook_json $j request /j type=json;
    webhook_json $old request /old type=json;
    webhook_json $new request /new type=json;
    webhook_json $none request /none;

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location / {
            webhook some.event to=array,root,strings,flatstrings,diff,flatdiff,joined,form;
            proxy_pass http://127.0.0.1:%%PORT_app%%/length/2;
        }

        location /methods {
            webhook some.event to=put,patch,delete,get,emptypost,emptyput,emptydelete,emptyget,formput,formdelete,defaultget,defaultdelete;
            proxy_pass http://127.0.0.1:%%PORT_app%%/length/2;
        }
    }
}
EOC

$conf =~ s/%%ENDPOINTS%%\n/$endpoints/;
$conf =~ s/join ;/join "|";/;

$t->conf($conf)->run();

my %r;

###############################################################################

# arrays

%r = send_to('{"a":"A","j":{"k":[1,2.0]}}');

is($r{array}{body}, '{"tags":["A",2,"<A>"],'
	. '"items":[{"name":"email","value":"A"},{"name":"phone"}],'
	. '"left":["A"],"deep":[[[{"x":[{"k":[1,2.0]}]}]]],'
	. '"literal":["a", {"b": [1]}],"a[0]":1,"b[]":2,"c[0]d":3}',
	'elements of arrays; one that is omitted is none');
is($r{root}{body}, '[{"labels":{"alertname":"A","n":1}},{"k":[1,2.0]}]',
	'the whole may be an array');
is($r{strings}{body}, '{"s":"{\"k\":[1,2.0]}","d":"{}",'
	. '"fixed":"{\"a\":\"b\"}","n":"{\"k\":[1,2.0]}","bad":null}',
	'JSON as a string');
is($r{flatstrings}{body}, '{"s":"{\"k\":[1,2.0]}","a[0]":1}',
	'such a string is not flattened, in a flat payload brackets are so');
is($r{joined}{body}, '{"x_k":"1, 2.0","fixed":"1, , a"}', 'joined arrays');
is($r{form}{body}, 'x.k=1%7C2.0', 'joined arrays in a form');

%r = send_to('{}');

is($r{array}{body}, '{"tags":[null,2,"<>"],'
	. '"items":[{"name":"email"},{"name":"phone"}],"left":[],'
	. '"deep":[[[{"x":[null]}]]],"literal":["a", {"b": [1]}],'
	. '"a[0]":1,"b[]":2,"c[0]d":3}', 'missing values in arrays');
is($r{strings}{body}, '{"s":null,"d":"{}","fixed":"{\"a\":\"b\"}",'
	. '"n":null,"bad":null}', 'missing JSON');
is($r{joined}{body}, '{"x":null,"fixed":"1, , a"}', 'nothing to join');

%r = send_to('{"j":[["a","b"],"c",{"d":["e"]},null]}', 'bad=%7B');

is($r{joined}{body}, '{"x_0":"a, b","x_2_d":"e","x":"c, ","fixed":"1, , a"}',
	'what is no object or array is joined');
is($r{form}{body}, 'x.0=a%7Cb&x.2.d=e&x=c%7C', 'in a form, too');
like($r{strings}{body}, qr/"bad":null\}$/, 'text that is no JSON');
ok(find_in_log(qr/value of field "bad" is not of its type/),
	'that is logged');

# nothing ends a string, an array or a pair

my $evil = "\"],\"x\":[\\\"}&=\r\n\0\x{1}%22\x{e4}\x{20ac}|, ";
my $json = JSON::PP->new()->utf8()->canonical();

%r = send_to($json->encode({ a => $evil, j => [$evil, { $evil => $evil }] }));

my $got = $json->decode($r{array}{body});

is($got->{tags}[0], $evil, 'injection into an element');
is(scalar @{$got->{tags}}, 3, 'no element more');
is($got->{items}[0]{value}, $evil, 'injection into an object of an array');
is(join(' ', sort keys %$got), 'a[0] b[] c[0]d deep items left literal tags',
	'no name more');
is($json->decode($r{root}{body})->[0]{labels}{alertname}, $evil,
	'injection into an array that is all');
is($json->encode($json->decode(encode('UTF-8',
	$json->decode($r{strings}{body})->{s}))),
	$json->encode([$evil, { $evil => $evil }]),
	'injection into JSON as a string');

$got = $json->decode($r{joined}{body});

is($got->{x}, $evil, 'injection into what is joined');
is($got->{"x_1_$evil"}, $evil, 'and into a name beside it');
is(scalar keys %$got, 3, 'no name more there');
is(scalar(() = $r{form}{body} =~ /[&=]/g), 3, 'no pair more');

%r = send_to("{\"a\":\"\xff\"}");
like($r{array}{body}, qr/^\{"tags":\[null,/, 'invalid UTF-8 is no JSON');

%r = send_to($json->encode({ a => 'a' x 30000, j => ['b' x 30000, 'c'] }));

is(length $json->decode($r{array}{body})->{tags}[0], 30000, 'a long element');
is($json->decode($r{joined}{body})->{x}, 'b' x 30000 . ', c', 'joined');

###############################################################################

# what differs

%r = send_to('{"old":{"title":"a","value":1.0,"stage":{"id":1,"n":[1]},"x":1},'
	. '"new":{"value":1,"stage":{"n":[1],"id":2},"title":"a","y":2}}');

is($r{diff}{body}, '{"previous":{"stage":{"id":1,"n":[1]},"x":1},'
	. '"changed":{"stage":{"n":[1],"id":2},"y":2},"empty":{}}',
	'members that differ');
is($r{flatdiff}{body}, '{"previous_stage_id":1,"previous_stage_n_0":1,'
	. '"previous_x":1}', 'in a flat payload');

%r = send_to('{"old":{"a":1}}');
is($r{diff}{body}, '{"previous":{"a":1},"changed":{},"empty":{}}',
	'without the other all differs');

%r = send_to('{"new":{"a":1}}');
is($r{diff}{body}, '{"previous":null,"changed":{"a":1},"same":null,"empty":null}'
	=~ s/"same":null,//r, 'without the first there is none');

%r = send_to('{"old":null,"new":{"a":1}}');
is($r{diff}{body}, '{"previous":null,"changed":{"a":1},"same":null,'
	. '"empty":null}', 'null stays null');

%r = send_to('{"old":[1],"new":{"a":1}}');
is($r{diff}{body}, '{"previous":null,"changed":{"a":1},"same":null,'
	. '"empty":null}', 'an array has no members');
ok(find_in_log(qr/value of field "previous" is not of its type/),
	'that is logged, too');

%r = send_to('{"old":{"a":"' . 'b' x 70000 . '"},"new":{"a":1}}');
is($r{diff}{body}, '{"previous":null,"changed":{},"same":null,"empty":null}',
	'an object that is too long to be compared');

%r = send_to($json->encode({ old => { $evil => $evil, a => 1 },
	new => { a => 1 } }));
is($json->encode($json->decode($r{diff}{body})->{previous}),
	$json->encode({ $evil => $evil }), 'injection into what differs');

###############################################################################

# methods

%r = send_to('{"a":"A"}', '', '/methods', 12);

for (qw/ put patch delete /) {
	is($r{$_}{method}, uc, "$_");
	like($r{$_}{body}, qr/^\{"tags":\["A"/, "$_ has a body");
	is($r{$_}{header}{'content-type'}, 'application/json',
		"$_ has a content type");
	is($r{$_}{header}{'content-length'}, length $r{$_}{body},
		"$_ has a length");
}

for (qw/ get emptyget emptydelete defaultget /) {
	is($r{$_}{body}, '', "$_ has no body");
	is($r{$_}{header}{'content-length'}, undef, "$_ has no length");
	is($r{$_}{header}{'content-type'}, undef, "$_ has no content type");
	ok($r{$_}{header}{'webhook-id'}, "$_ has an id");
	is($r{$_}{target}, "/$_", "$_ has the URL as it is");
}

for (qw/ emptypost emptyput /) {
	is($r{$_}{body}, '', "$_ has no body");
	is($r{$_}{header}{'content-length'}, 0, "$_ has a length");
}

for (qw/ formput formdelete /) {
	is($r{$_}{body}, 'x=', "$_ has a form");
	is($r{$_}{header}{'content-type'},
		'application/x-www-form-urlencoded', "$_ says so");
}

like($r{defaultdelete}{body}, qr/^\{"type":"some\.event"/,
	'delete with the default payload');

ok($t->stop(), 'stopped');

$t->done_testing();

###############################################################################

sub send_to {
	my ($body, $args, $uri, $n) = @_;

	$rx->forget();

	http("POST " . ($uri || '/') . '?' . ($args || '') . " HTTP/1.1\r\n"
		. "Host: localhost\r\nConnection: close\r\n"
		. 'Content-Length: ' . length($body) . "\r\n\r\n$body");

	return map { $_->{target} =~ m!^/(\w+)! ? ($1 => $_) : () }
		$rx->wait_requests($n || 8, 10);
}

###############################################################################

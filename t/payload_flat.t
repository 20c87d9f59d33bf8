#!/usr/bin/perl

# Tests for flat payloads: one object of one level, whatever is in the values.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

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

my @kinds = qw/ flat separated nested declared fixed typed /;

my $endpoints = join '', map { <<"EOE" } @kinds;
    webhook_endpoint $_ {
        url http://127.0.0.1:%%PORT_rx%%/$_;
        allow_http on;
        payload $_;
        retry off;
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

    webhook_payload flat flat {
        field event $webhook_event;
        field x $body json;
    }

    webhook_payload separated flat {
        content_type application/vnd.some+json;
        field a.b $body json;
        separator "->";
        field c\.d.e 1;
    }

    webhook_payload nested structured {
        field x $body json;
    }

    # names that data might have, too

    webhook_payload declared flat {
        field x_role user;
        field x $body json;
        field x.id $arg_id number;
        field x_gone $arg_gone omit_empty;
        field x.n 1 number;
    }

    webhook_payload fixed flat {
        field a.b.c 1;
        field x first;
        field a.b 2 number;
        field a 3;
        field dot\.ted dotted;
        field o '{"a": {"b": 1.0}, "c": [], "d": {}, "e": [[], "s"]}' json;
        field "quoted \"name\"" 1 boolean;
        field empty "";
        field left "" omit_empty;
        field nothing "" null;
        field s '"\\u00e4"' json;
    }

    webhook_payload typed flat {
        field s $arg_s;
        field n $arg_n number default=-1.50;
        field b $arg_b boolean;
        field t $arg_t time;
        field tu $arg_t time:unix;
        field at $webhook_time time:ms;
        field j $arg_j json 'default={"a":[1]}';
        field o $arg_s omit_empty;
    }

%%ENDPOINTS%%
    webhook_json $body request "" type=json;

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location / {
            webhook some.event to=flat,separated,nested,declared,fixed,typed;
            proxy_pass http://127.0.0.1:%%PORT_app%%/length/2;
        }
    }
}
EOC

$conf =~ s/%%ENDPOINTS%%\n/$endpoints/;

$t->conf($conf)->run();

my %r;

###############################################################################

%r = send_to('{"a":{"b":1},"c":[5,6]}');

is($r{flat}{body}, '{"event":"some.event","x_a_b":1,"x_c_0":5,"x_c_1":6}',
	'captured objects and arrays are flattened');
is($r{flat}{header}{'content-type'}, 'application/json', 'content type');
is($r{separated}{body}, '{"a->b->a->b":1,"a->b->c->0":5,"a->b->c->1":6,'
	. '"c.d->e":"1"}', 'separator, a dot of its own is none');
is($r{separated}{header}{'content-type'}, 'application/vnd.some+json',
	'content_type');
is($r{fixed}{body}, '{"a_b_c":"1","x":"first","a_b":2,"a":"3",'
	. '"dot.ted":"dotted","o_a_b":1.0,"o_c":null,"o_d":null,"o_e_0":null,'
	. '"o_e_1":"s","quoted \\"name\\"":true,"empty":"","nothing":null,'
	. "\"s\":\"\xc3\xa4\"}", 'names are joined, JSON of the configuration, too');
like($r{typed}{body}, qr/^\{"s":null,"n":-1\.50,"b":null,"t":null,"tu":null,"at":\d{13},"j_a_0":1\}$/,
	'missing values are null, or the default');

like(send_to('1', 's=&n=2.499&b=1&t=1795292387.952&j=[]')->{typed}{body},
	qr/^\{"s":"","n":2\.499,"b":true,"t":"2026-11-21T20:19:47\.952Z","tu":1795292387,"at":\d{13},"j":null\}$/,
	'values of each type, empty strings are kept');
like(send_to('1', 's=text&j={"a":1')->{typed}{body},
	qr/^\{"s":"text",.*,"j_a_0":1,"o":"text"\}$/,
	'what is no JSON is the default, flattened');

for (
	['string', '"a"', '"x":"a"'],
	['empty string', '""', '"x":""'],
	['null', 'null', '"x":null'],
	['number', '1e400', '"x":1e400'],
	['empty object', '{}', '"x":null'],
	['empty array', '[]', '"x":null'],
	['empty ones inside', '{"a":[],"b":[{}]}', '"x_a":null,"x_b_0":null'],
	['numbers as written', '[2.499,9223372036854775807,-0,1E-7]',
		'"x_0":2.499,"x_1":9223372036854775807,"x_2":-0,"x_3":1E-7'],
	['arrays in arrays', '[[1,[true]],false]',
		'"x_0_0":1,"x_0_1_0":true,"x_1":false'],
	['empty names', '{"":{"":1}}', '"x__":1'],
	['UTF-8', "{\"\xc3\xa4\":\"\xe2\x82\xac\"}",
		"\"x_\xc3\xa4\":\"\xe2\x82\xac\""],
	['escapes', '{"\u00e4\"":"\ud83d\ude00\n\u0000"}',
		"\"x_\xc3\xa4\\\"\":\"\xf0\x9f\x98\x80\\n\\u0000\""],
	['repeated name', '{"a":1,"b":2,"a":3}', '"x_b":2,"x_a":3'],
	['name repeated by an escape', '{"a":1,"\u0061":2}', '"x_a":2'],
	['name repeated by the separator', '{"a":{"b":1},"a_b":2}',
		'"x_a_b":2'],
	['deepest', '[' x 128 . '1' . ']' x 128, '"x' . '_0' x 128 . '":1'],
) {
	my ($name, $body, $want) = @$_;

	is(send_to($body)->{flat}{body}, '{"event":"some.event",' . $want . '}',
		$name);
}

ok(find_in_log(qr/\[info\].*webhook event "some\.event": 1 value is left out, there are others of its name/),
	'that a value is left out is logged');

# no client has a say in what the configuration says

%r = send_to('{"role":"admin","id":7,"gone":1,"n":[2],"other":3}', 'id=1');
is($r{declared}{body}, '{"x_role":"user","x_other":3,"x_id":1,"x_n":1}'
	=~ s/"x_other":3/"x_n_0":2,"x_other":3/r,
	'names of the configuration win');

%r = send_to('{"role":"admin","id":7,"gone":1,"n":2}', 'id=1&gone=0');
is($r{declared}{body}, '{"x_role":"user","x_id":1,"x_gone":"0","x_n":1}',
	'wherever they stand');

%r = send_to('"scalar"', 'id=none');
is($r{declared}{body}, '{"x_role":"user","x":"scalar","x_id":null,"x_n":1}',
	'a scalar is its field');

# the same as JSON says it

my $json = JSON::PP->new->canonical->allow_nonref;
my $body = '{"list":[{"id":1,"tags":["a","b"]},{"id":2,"tags":[]}],'
	. '"o":{"p":{"q":{"r":[[["deep"]]]}}},"last":null}';

%r = send_to($body);
my $flat = $json->decode($r{flat}{body});
delete $flat->{event};

is($r{nested}{body}, "{\"x\":$body}", 'structured has it as it is');
is_deeply($flat, { flatten('x', $json->decode($body)) }, 'a larger one');

# values that are not of their type are counted, by endpoint

send_to('1', 'n=x&b=x&t=x&j=x');
send_to('1', 'n=x');

ok(find_in_log(qr/value of field "n" is not of its type, endpoint "typed" has had (\d+) such values?/),
	'values of another type are logged');

my @n = map { /"typed" has had (\d+) such/ } grep { /field "[nbtj]\w?" is/ }
	find_in_log(qr/"typed" has had \d+ such/);

cmp_ok(@n, '>=', 6, 'all of them');
is("@n", join(' ', 1 .. @n), 'and counted');

# more than an event may have, made of little: the names are what is large

$rx->forget();
http_post('{"' . 'n' x 500 . '":[' . join(',', (1) x 200) . ']}');
$rx->wait_requests(3, 10);

ok($rx->only_requests(3, 0.2), 'an event that is too large is not sent');
is(join(' ', sort map { $_->{target} } $rx->requests()),
	'/fixed /nested /typed', 'others are');
ok(find_in_log(qr/event is larger than "webhook_max_event_size", dropped: event "some\.event".*endpoint "flat"/),
	'which is logged');

$t->stop();
$t->done_testing();

###############################################################################

# the requests by endpoint

sub send_to {
	my ($body, $args) = @_;

	$rx->forget();

	http_post($body, $args);

	my %r = map { $_->{target} =~ m!^/(\w+)! ? ($1 => $_) : () }
		$rx->wait_requests(scalar @kinds, 10);

	return wantarray ? %r : \%r;
}

sub http_post {
	my ($body, $args) = @_;

	$args = '' unless defined $args;

	return http(join "\r\n", "POST /?$args HTTP/1.1", 'Host: localhost',
		'Connection: close', 'Content-Length: ' . length $body, '', $body);
}

sub flatten {
	my ($name, $v) = @_;

	if (ref $v eq 'HASH' && %$v) {
		return map { flatten("${name}_$_", $v->{$_}) } keys %$v;
	}

	if (ref $v eq 'ARRAY' && @$v) {
		return map { flatten("${name}_$_", $v->[$_]) } 0 .. $#$v;
	}

	return ($name => ref $v ? undef : $v);
}

###############################################################################

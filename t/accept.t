#!/usr/bin/perl

# Tests for webhook_accept: applications post events.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Compress::Gzip qw/ gzip /;

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

$t->conf(<<'EOC')->run();
%%TEST_GLOBALS%%

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;
    webhook_max_event_size 16k;
    webhook_max_body_size 512k;

    webhook_payload named text {
        template "${webhook_event|none} ${email|none} ${whole|none}";
        content_type text/plain;
    }

    webhook_payload raw raw { body request; }
    webhook_payload reply raw { body response; }

    webhook_endpoint all {
        url http://127.0.0.1:%%PORT_rx%%/all;
        allow_http on;
    }

    webhook_endpoint subscribed {
        url http://127.0.0.1:%%PORT_rx%%/subscribed;
        allow_http on;
        events deal.*;
    }

    log_format result '$request_uri $status [$webhook_event] [$webhook_id] '
                      '[$webhook_result]';

    map $email $wanted {
        default 1;
        no@example.com 0;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;
        listen 127.0.0.1:%%PORT_h2%% http2;
        access_log %%TESTDIR%%/result.log result;

        location /events {
            webhook_accept;
            webhook_json $email request /data/email;
            webhook_json $whole request /data type=json;
            webhook contact.created to=all if=$wanted;
            webhook contact.named to=all payload=named;
            webhook deal.*;
            webhook both.ways to=all;
            webhook both.* to=subscribed;
            webhook keyed.event to=all id=$email;
            webhook varied.event to=all,$arg_to;
            client_body_buffer_size 512;
            client_max_body_size 600k;
        }

        location /small {
            webhook_accept;
            webhook a.b to=all;
            client_max_body_size 100;
        }

        location /stars {
            webhook_accept;
            webhook *.*.*.*.*.*.*.*.*.*.*.*.x to=all;
            webhook *.b.*.b.y to=all;
        }

        location /slow {
            webhook_accept;
            webhook a.b to=all;
            limit_rate 1000;
        }

        location /if {
            webhook_accept;
            webhook a.b to=all;
            if ($arg_if) { add_header X-If 1; }
        }

        location /limited {
            webhook_accept;
            webhook a.b to=all;
            limit_except GET { allow all; }
        }

        location /raw {
            webhook_accept;
            webhook a.b to=all payload=raw;
            webhook a.c to=all payload=reply;
        }

        location /redirected {
            webhook other.event to=all status=any;
            rewrite ^ /events;
        }

        location /late {
            webhook other.event to=all status=any;
            try_files /none @accept;
        }

        location @accept {
            webhook_accept;
            webhook contact.created to=all;
        }
    }
}
EOC

###############################################################################

my $id = qr/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/;

# one event, and several

my $r = post_to('/events', '{"type":"contact.created",'
	. '"data":{"email":"ann@example.com","n":2.50,"big":12345678901234567890}}');

is($r->status(), 202, 'an event is accepted');
is($r->header('Content-Type'), 'application/json', 'the answer is JSON');
like($r->body(), qr/^\{"ids":\["$id"\]\}\n$/, 'with the id');

$rx->wait_requests(1, 10);

my ($e) = $rx->requests();

like($e->{body}, qr/^\{"type":"contact\.created","timestamp":"[^"]+","id":"$id","data":\{"email":"ann\@example\.com","n":2\.50,"big":12345678901234567890\}\}$/,
	'the event has the data as it was posted');
like($r->body(), qr/"$e->{header}{'webhook-id'}"/, 'it has the id of the answer');
is($e->{header}{'webhook-event'}, 'contact.created', 'and its type');

$rx->forget();

$r = post_to('/events', ' [ {"type":"contact.created","id":"a-1","data":1},'
	. '{"type":"deal.won","id":"a-2"} , {"data":{"email":"e"},'
	. '"type":"contact.named","id":"a-3"}]  ');

is($r->status(), 202, 'an array is accepted');
is($r->body(), qq({"ids":["a-1","a-2","a-3"]}\n), 'with the ids that were given');

$rx->wait_requests(3, 10);

is(join(' ', sort map { "$_->{target}:$_->{header}{'webhook-id'}" }
	$rx->requests()), '/all:a-1 /all:a-3 /subscribed:a-2',
	'each goes to the endpoints of its type');

my %body = map { $_->{header}{'webhook-id'} => $_->{body} } $rx->requests();

is($body{'a-3'}, 'contact.named e {"email":"e"}',
	'pointers are relative to the element');
like($body{'a-2'}, qr/"data":null\}$/, 'no data are null');
like($body{'a-1'}, qr/"data":1\}$/, 'data may be of any type');

# several triggers of a type, conditions, names from variables

$rx->forget();

$r = post_to('/events?to=subscribed', '[{"type":"both.ways"},'
	. '{"type":"contact.created","data":{"email":"no@example.com"}},'
	. '{"type":"varied.event"}]');

is($r->status(), 202, 'a mixed array is accepted');

my @ids = $r->body() =~ /"($id)"/g;

is(scalar(@ids), 3, 'each element has an id');
$rx->wait_requests(4, 10);

is(join(' ', sort map { "$_->{target}:$_->{header}{'webhook-event'}" }
	$rx->requests()), '/all:both.ways /all:varied.event '
	. '/subscribed:both.ways /subscribed:varied.event',
	'all triggers that match fire, if their condition is true');

is(join(' ', sort map { $_->{header}{'webhook-id'} } $rx->requests()),
	join(' ', sort @ids[0, 0, 2, 2]), 'an event has one id for all endpoints');

$rx->forget();

$r = post_to('/events', '{"type":"keyed.event","data":{"email":"my-key"}}');

is($r->body(), qq({"ids":["my-key"]}\n), 'the id is of the trigger');

$r = post_to('/events', '{"type":"keyed.event","id":"own",'
	. '"data":{"email":"other-key"}}');

is($r->body(), qq({"ids":["own"]}\n), 'unless the element has one');

$rx->wait_requests(2, 10);
$rx->forget();

is(post_to('/events', '[]')->body(), qq({"ids":[]}\n),
	'an empty array is accepted');

# what is wrong, and where: nothing of it is committed

my @bad = (
	['', 400, 'the body is empty'],
	['{', 400, 'not JSON', ''],
	['nonsense', 400, 'not JSON', ''],
	['"text"', 400, 'type must be', '/type'],
	['[{"type":"contact.created"}', 400, 'not a JSON array'],
	['[{"type":"contact.created"},]', 400, 'not a JSON array'],
	['[{"type":"contact.created"} 1]', 400, 'not JSON', '/0'],
	['{"type":"contact.created"} 1', 400, 'not JSON', ''],
	['[{"type":"contact.created"},{"type":"contact.created",}]', 400,
		'not JSON', '/1'],
	['[{"type":"contact.created"},5]', 400, 'type must be', '/1/type'],
	['[{"type":"contact.created"},{"typo":"contact.created"}]', 400,
		'type must be', '/1/type'],
	['{"type":null}', 400, 'type must be', '/type'],
	['{"type":{"a":1}}', 400, 'type must be', '/type'],
	['{"type":"contact.*"}', 400, 'type must be', '/type'],
	['{"type":"a b"}', 400, 'type must be', '/type'],
	['[{"type":"contact.created"},{"type":"contact.lost"}]', 400,
		'no event of this type', '/1/type'],
	['{"type":"contact.created","id":""}', 400, 'id must be', '/id'],
	['{"type":"contact.created","id":5}', 400, 'id must be', '/id'],
	['{"type":"contact.created","id":"a b"}', 400, 'id must be', '/id'],
	['{"type":"contact.created","id":"' . 'a' x 129 . '"}', 400,
		'id must be', '/id'],
	["{\"type\":\"contact.created\",\"data\":\"\xff\"}", 400, 'not JSON', ''],
	['[' x 200 . ']' x 200, 400, 'not JSON', '/0'],
	['[{"type":"contact.created"},{"type":"contact.created","data":"'
		. 'd' x 16384 . '"}]', 413, 'webhook_max_event_size', '/1'],
	['{"type":"contact.created","data":"' . 'd' x 16300 . '"}', 413,
		'webhook_max_event_size', ''],
	['[' . join(',', ('{"type":"contact.created","data":"' . 'd' x 10000
		. '"}') x 30) . ']', 413, 'to be committed together', '/25'],
	[' ' x 524289, 413, 'webhook_max_body_size'],
	['[{"type":"contact.created"},{"type":"varied.event"}]', 500,
		'no endpoint', '/1', '/events?to=none'],
);

for (@bad) {
	my ($body, $status, $error, $at, $uri) = @$_;
	my $name = length $body > 60 ? substr($body, 0, 60) . '...' : $body;

	$r = post_to($uri || '/events', $body);

	is($r->status(), $status, "$name - $status");
	like($r->body(), qr/^\{"error":"[^\n]*$error/, "$name - error");
	is(($r->body() =~ /,"at":"([^"]*)"/)[0], $at, "$name - where");
}

is(post_to('/small', '{"type":"a.b","data":"' . 'd' x 100 . '"}')->status(), 413,
	'client_max_body_size is nginx\'s own');

is(get('/events')->status(), 405, 'GET is not allowed');

# codings and ways of a body

gzip \'{"type":"contact.created","id":"zipped"}' => \my $zipped;

is(post_to('/events', $zipped, 'Content-Encoding: gzip')->body(),
	qq({"ids":["zipped"]}\n), 'a gzipped body is accepted');
is(post_to('/events', $zipped, 'Content-Encoding: br')->status(), 415,
	'another encoding is not');
is(post_to('/events', $zipped . 'more', 'Content-Encoding: gzip')->status(),
	400, 'nor one that is broken');

my $large = '[' . join(',', map { '{"type":"contact.created","id":"l-'
	. $_ . '","data":"' . 'd' x 1500 . '"}' } 1 .. 20) . ']';

is(post_to('/events', $large)->status(), 202,
	'a body beyond client_body_buffer_size is accepted');

$r = post('/events', join('', map { sprintf("%x\r\n%s\r\n", length, $_) }
	'{"type":"contact.created","id":"chunked","da', 'ta":1}', ''),
	'Transfer-Encoding' => 'chunked');

is($r->body(), qq({"ids":["chunked"]}\n), 'a chunked body is accepted');

SKIP: {
	skip 'no client for HTTP/2', 1 unless $t->h2();

	my $h2 = $t->h2('/events', port => 'h2', method => 'POST',
		body => '{"type":"contact.created","id":"h2"}');

	like($h2->{out}, qr/\{"ids":\["h2"\]\}/, 'over HTTP/2');
}

ok($rx->wait_requests(22 + ($t->h2() ? 1 : 0), 10), 'all are delivered');
is(join(',', grep { /^l-/ } $rx->ids()), join(',', map { "l-$_" } 1 .. 20),
	'in the order of the array');

# answers that do not go out at once

$rx->forget();

$r = post('/slow', '[' . join(',', ('{"type":"a.b"}') x 100) . ']');

is($r->status(), 202, 'an answer may be slow');
is(scalar(() = $r->body() =~ /"$id"/g), 100, 'and is complete');
ok($rx->wait_requests(100, 10), 'events are delivered');

# if and limit_except have the handler of their location

$rx->forget();

is(post_to('/if?if=1', '{"type":"a.b"}')->status(), 202, 'within if');
is(post_to('/limited', '{"type":"a.b"}')->status(), 202, 'limit_except');
is(get('/limited')->status(), 405, 'limit_except, another method');

$rx->wait_requests(2, 10);

# the element is the body

$rx->forget();
post_to('/raw', '[{"type":"a.b","data":1} , {"type":"a.b","data":2}]');

$rx->wait_requests(2, 10);

is(join(' ', $rx->bodies()), '{"type":"a.b","data":1} {"type":"a.b","data":2}',
	'a raw body is that of the element');
is(post_to('/raw', '{"type":"a.c"}')->status(), 500, 'a response is none');

# many

is(post_to('/if', '[' . join(',', ('{"type":"a.b"}') x 1025) . ']')->status(),
	413, 'there may be 1024 events, not more');

# patterns: with a try for each choice of labels this would take years

my $labels = join('.', ('a') x 63);

is(post_to('/stars', qq({"type":"$labels.a"}))->status(), 400,
	'a pattern of many stars does not match');
is(post_to('/stars', qq({"type":"$labels.x"}))->status(), 202,
	'a pattern of many stars matches');

for (['a.b.a.b.y', 202], ['a.b.b.b.b.y', 202], ['b.b.b.b.y', 202],
	['a.a.b.a.b.a.b.y', 202], ['b.a.b.y', 400], ['a.b.b.y', 400],
	['a.b.a.b.y.y', 400], ['a.b.a.b', 400], ['a.b.a.a.y', 400])
{
	my ($type, $status) = @$_;

	is(post_to('/stars', qq({"type":"$type"}))->status(), $status,
		"$type - $status by *.b.*.b.y");
}

# redirects

$rx->forget();

$r = post_to('/redirected', '{"type":"contact.created","id":"rewritten"}');

is($r->body(), qq({"ids":["rewritten"]}\n), 'a rewritten request is accepted');

is(post_to('/late', '{"type":"contact.created","id":"never"}')->status(), 500,
	'a redirected one has the triggers of its first location');
ok($t->find_in_log(qr/"webhook_accept" is for requests that come to/),
	'which is logged');

$rx->wait_requests(1, 10);

# the log

wait_for(sub { $t->read_file('result.log') =~ m!^/late!m }, 5, 'the log');

my $log = $t->read_file('result.log');

like($log, qr!^/events 202 \[contact\.created,deal\.won,contact\.named\] \[a-1,a-2,a-3\] \[committed,committed,committed\]$!m,
	'variables list events in order');
like($log, qr!^/events\?to=subscribed 202 \[both\.ways,both\.ways,contact\.created,varied\.event\] \[($id),\1,$id,$id\] \[committed,committed,filtered,committed\]$!m,
	'with their results');
like($log, qr!^/events 400 \[contact\.created\] \[$id\] \[rejected\]$!m,
	'what was not committed is rejected');

is(scalar(grep { $_->{header}{'webhook-event'} ne 'other.event'
	&& $_->{header}{'webhook-id'} ne 'rewritten' } $rx->requests()), 0, 'nothing of what was refused is delivered');

$t->done_testing();

###############################################################################

sub post_to {
	my ($uri, $body, @headers) = @_;

	return post($uri, $body, map { split /: /, $_, 2 } @headers);
}

###############################################################################

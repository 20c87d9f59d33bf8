#!/usr/bin/perl

# Tests with a real application: silences of Prometheus Alertmanager, which
# is Debian's package prometheus-alertmanager.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();

use Test::Webhook;
use Test::Webhook::Alertmanager;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $json = JSON::PP->new->utf8->canonical;

my $t = Test::Webhook->new();

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

$t->conf(<<'EOC');

%%TEST_GLOBALS%%

worker_processes 2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    log_format webhook '$request_method $status $webhook_event'
                       ' $webhook_result $webhook_request_body_state';

    access_log %%TESTDIR%%/webhook.log webhook;

    map $uri $silence_in_path {
        ~^/api/v2/silence/(?<silence>[^/]+)$ $silence;
    }

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

    webhook_payload saved structured {
        field event $webhook_event;
        field id $webhook_id;
        field silence.id $id omit_empty;
        field silence.comment $comment;
        field silence.by $created_by;
        field silence.alert $matcher;
        field silence.regex $is_regex boolean;
        field silence.matchers $matchers json;
    }

    webhook_payload deleted structured {
        field event $webhook_event;
        field silence.id $silence_in_path;
    }

    webhook_endpoint audit {
        url http://127.0.0.1:%%PORT_rx%%/hook;
        allow_http on;
        events silence.*;
        retry 100ms 100ms 100ms 100ms 100ms;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location / {
            proxy_pass http://127.0.0.1:%%PORT_am%%;
        }

        location = /api/v2/silences {
            webhook silence.saved method=POST status=200 payload=saved;
            webhook silence.refused method=POST status=4xx;

            webhook_json $id request /id;
            webhook_json $comment request /comment;
            webhook_json $created_by request /createdBy;
            webhook_json $matcher request /matchers/0/name;
            webhook_json $is_regex request /matchers/0/isRegex;
            webhook_json $matchers request /matchers type=json;

            proxy_pass http://127.0.0.1:%%PORT_am%%;
        }

        location /api/v2/silence/ {
            webhook silence.deleted method=DELETE status=200
                    payload=deleted;

            proxy_pass http://127.0.0.1:%%PORT_am%%;
        }
    }
}

EOC

Test::Webhook::Alertmanager::start($t, 'am');

$t->run();

###############################################################################

# created

my $r = save(comment => "disk is \"full\" \x{2013} again", createdBy => 'ann');

is($r->status(), 200, 'created');

my $id = $json->decode($r->body())->{silenceID};

like($id, qr/^[\da-f-]{36}$/, 'created silence has id');

my $hook = received('silence.saved');

is($hook->{event}, 'silence.saved', 'saved event in body');
is($hook->{id}, $rx->request()->{header}{'webhook-id'}, 'saved event id');
is($hook->{silence}{comment}, "disk is \"full\" \x{2013} again",
	'saved comment');
is($hook->{silence}{by}, 'ann', 'saved author');
is($hook->{silence}{alert}, 'alertname', 'saved first matcher');
is($hook->{silence}{regex}, JSON::PP::false, 'saved boolean');
is($json->encode($hook->{silence}{matchers}), $json->encode(matchers()),
	'saved matchers');
ok(!exists $hook->{silence}{id}, 'saved new silence without id');
is(silences()->{$id}{comment}, $hook->{silence}{comment},
	'application has the same comment');

# changed

$r = save(id => $id, comment => 'new disk', createdBy => 'bob');

is($r->status(), 200, 'changed');

$hook = received('silence.saved');

is($hook->{silence}{id}, $id, 'changed silence id');
is($hook->{silence}{comment}, 'new disk', 'changed comment');
is($hook->{silence}{by}, 'bob', 'changed author');

$id = $json->decode($r->body())->{silenceID};

# deleted

$r = $t->request('DELETE', "/api/v2/silence/$id");

is($r->status(), 200, 'deleted');
is($r->body(), '', 'deleted with empty response');

$hook = received('silence.deleted');

is($hook->{silence}{id}, $id, 'deleted silence id');
is(silences()->{$id}{status}{state}, 'expired', 'application has deleted it');

# what changes nothing

is(get('/api/v2/silences')->status(), 200, 'listed');
is(get("/api/v2/silence/$id")->status(), 200, 'read');
like($t->request('DELETE', '/api/v2/silence/unknown')->status(), qr/^4/,
	'unknown silence not deleted');

ok($rx->only_requests(3), 'no event if nothing was changed');

# refused by the application: the default payload has what was found

is(save(comment => 'too late', createdBy => 'ann',
	endsAt => '2026-01-01T00:00:01Z')->status(), 400, 'refused silence');

$hook = received('silence.refused');

is($hook->{data}{status}, 400, 'refused status');
is($hook->{data}{comment}, 'too late', 'refused comment');

is(post('/api/v2/silences', '{"comment":', 'Content-Type' => 'application/json')
	->status(), 400, 'refused broken body');

$hook = received('silence.refused');

is($json->encode($hook->{data}), '{"method":"POST","path":"/api/v2/silences",'
	. '"status":400}', 'broken body has no values');

# a receiver that is away

$rx->stop();

is(save(comment => 'receiver is away', createdBy => 'ann')->status(), 200,
	'created without receiver');
ok($t->wait_log(qr/webhook attempt failed: connect/, 10), 'attempt failed');

$rx->start();

is(received('silence.saved')->{silence}{comment}, 'receiver is away',
	'delivered when receiver is back');

my $n = 0;

for (1 .. 20) {
	$n++ if save(comment => "number $_", createdBy => 'ann')->status()
		== 200;
}

is($n, 20, 'many created');

$rx->wait_requests(26, 20);

is(join(' ', map { $_->{silence}{comment} } (map { $json->decode($_) }
	$rx->bodies())[-20 .. -1]), join(' ', map { "number $_" } 1 .. 20),
	'many delivered in order');

ok($t->stop(), 'stopped');

my $log = $t->read_file('webhook.log');

like($log, qr/^POST 200 silence.saved,silence.refused committed,filtered complete$/m,
	'log of saved');
like($log, qr/^POST 400 silence.saved,silence.refused filtered,committed invalid$/m,
	'log of refused');
like($log, qr/^DELETE 200 silence.deleted committed none$/m, 'log of deleted');
like($log, qr/^GET 200 silence.saved,silence.refused filtered,filtered none$/m,
	'log of listed');

$t->done_testing();

###############################################################################

sub matchers {
	return [
		{ name => 'alertname', value => 'DiskFull',
			isRegex => JSON::PP::false, isEqual => JSON::PP::true },
		{ name => 'instance', value => 'db[12]',
			isRegex => JSON::PP::true, isEqual => JSON::PP::true },
	];
}

sub save {
	my (%o) = @_;

	return post('/api/v2/silences', $json->encode({
		startsAt => '2026-01-01T00:00:00Z',
		endsAt => '2099-01-01T00:00:00Z',
		matchers => matchers(), %o,
	}), 'Content-Type' => 'application/json');
}

sub silences {
	return { map { $_->{id} => $_ }
		@{$json->decode(get('/api/v2/silences')->body())} };
}

my $seen;

sub received {
	my ($event) = @_;

	my @r = $rx->wait_requests(++$seen, 10);
	my $r = $r[$seen - 1] or return {};

	is($r->{header}{'webhook-event'}, $event, "received $event");

	return $json->decode($r->{body});
}

###############################################################################

#!/usr/bin/perl

# Tests for what the API answers to what it cannot do: a defined status, a
# code, and a sentence; and for who may do what.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP qw/ decode_json /;

use Test::Webhook;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

$t->write_file('users', "ann:{PLAIN}pass\n");

$t->conf(<<'EOC')->run();
%%TEST_GLOBALS%%

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

    webhook_payload body raw {
        body request;
    }

    webhook_endpoint crm {
        url http://127.0.0.1:%%PORT_rx%%/;
        allow_http on;
    }

    webhook_endpoint body {
        url http://127.0.0.1:%%PORT_rx%%/;
        allow_http on;
        payload body;
    }

    webhook_endpoint value {
        url http://127.0.0.1:%%PORT_rx%%/$arg_id;
        allow_http on;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location /api { webhook_api write=on; }
        location /view/ { webhook_api; }

        location /slow { webhook_api write=on; limit_rate 300; }

        location /limited {
            webhook_api write=on;
            limit_except GET { deny all; }
        }

        location /allowed {
            webhook_api write=on;
            limit_except GET { allow all; }
        }

        location /read {
            webhook_api;
            limit_except GET { allow all; }
        }

        location /if {
            webhook_api write=on;
            if ($http_x_if) { set $a 1; }
        }

        location /guarded/ {
            webhook_api write=on;
            auth_basic operators;
            auth_basic_user_file %%TESTDIR%%/users;
        }
    }
}
EOC

###############################################################################

my @json = ('Content-Type' => 'application/json');

my $dead = '0' x 36;
my $attempt = '0' x 28;

my @errors = (
	# unknown things
	['GET', '', 404, 'no_such_route'],
	['GET', '/', 404, 'no_such_route'],
	['GET', '/endpoint', 404, 'no_such_route'],
	['GET', '/endpointsx', 404, 'no_such_route'],
	['GET', '/endpoints/', 404, 'no_such_route'],
	['GET', '/endpoints/crm/', 404, 'no_such_route'],
	['GET', '/endpoints/crm/queue/x', 404, 'no_such_route'],
	['POST', '/endpoints/crm/none', 404, 'no_such_route'],
	['GET', '/endpoints/none', 404, 'no_such_endpoint'],
	['GET', '/endpoints/none/queue', 404, 'no_such_endpoint'],
	['POST', '/endpoints/none/enable', 404, 'no_such_endpoint'],
	['POST', '/endpoints/none/test', 404, 'no_such_endpoint'],
	['POST', '/endpoints/none/render', 404, 'no_such_endpoint'],
	['GET', "/dead/$dead", 404, 'no_such_dead_letter'],
	['GET', '/dead/xyz', 404, 'no_such_dead_letter'],
	['GET', "/dead/${dead}00", 404, 'no_such_dead_letter'],
	['POST', "/dead/$dead/replay", 404, 'no_such_dead_letter'],
	['POST', '/dead/xyz/replay', 404, 'no_such_dead_letter'],
	['DELETE', "/dead/$dead", 404, 'no_such_dead_letter'],
	['GET', "/attempts/$attempt", 404, 'no_such_attempt'],
	['GET', '/attempts/xyz', 404, 'no_such_attempt'],
	['DELETE', "/attempts/$attempt", 404, 'no_such_attempt'],
	['DELETE', '/orphans/' . 'x' x 65, 404, 'no_such_orphan'],

	# methods
	['POST', '/endpoints', 405, 'method_not_allowed', 'GET, HEAD'],
	['DELETE', '/endpoints/crm', 405, 'method_not_allowed', 'GET, HEAD'],
	['GET', '/endpoints/crm/test', 405, 'method_not_allowed', 'POST'],
	['PUT', '/dead', 405, 'method_not_allowed', 'GET, HEAD, DELETE'],
	['GET', '/dead/x/replay', 405, 'method_not_allowed', 'POST'],
	['POST', '/attempts', 405, 'method_not_allowed', 'GET, HEAD, DELETE'],

	# arguments
	['GET', '/endpoints?x=1', 400, 'unknown_argument'],
	['GET', '/dead?failed=1', 400, 'unknown_argument'],
	['GET', '/dead?x', 400, 'bad_argument'],
	['GET', '/dead?limit=0', 400, 'bad_argument'],
	['GET', '/dead?limit=-1', 400, 'bad_argument'],
	['GET', '/dead?limit=1001', 400, 'bad_argument'],
	['GET', '/dead?limit=99999999999999999999999', 400, 'bad_argument'],
	['GET', '/dead?limit=', 400, 'bad_argument'],
	['GET', '/dead?limit=1&limit=1', 400, 'duplicate_argument'],
	['GET', '/dead?since=yesterday', 400, 'bad_argument'],
	['GET', '/dead?until=2026-13-01', 400, 'bad_argument'],
	['GET', '/dead?endpoint=%zz', 400, 'bad_argument'],
	['GET', '/dead?endpoint=%00', 400, 'bad_argument'],
	['GET', '/dead?cursor=12', 400, 'bad_cursor'],
	['GET', '/attempts?cursor=' . 'g' x 28, 400, 'bad_cursor'],
	['GET', '/attempts?class=none', 400, 'bad_argument'],
	['GET', '/attempts?status=99', 400, 'bad_argument'],
	['GET', '/attempts?failed=yes', 400, 'bad_argument'],
	['GET', '/endpoints/crm/queue?cursor=x', 400, 'bad_cursor'],
	['GET', '/endpoints/crm/queue?cursor=' . '0' x 2000, 400, 'bad_cursor'],
	['GET', '/endpoints/crm/queue?endpoint=crm', 400, 'unknown_argument'],
	['DELETE', '/dead', 400, 'no_filter'],
	['DELETE', '/attempts', 400, 'no_filter'],
	['DELETE', '/dead?limit=1', 400, 'no_filter'],
	['DELETE', '/dead?since=0', 400, 'no_filter'],
	['DELETE', '/attempts?failed=0', 400, 'no_filter'],
	['DELETE', '/attempts?since=0&failed=0', 400, 'no_filter'],
	['DELETE', '/attempts?all=0', 400, 'bad_argument'],
	['POST', '/dead/replay?limit=10001', 400, 'bad_argument'],
	['POST', '/orphans/gone/move', 400, 'no_such_endpoint'],
	['POST', '/orphans/gone/move?to=none', 400, 'no_such_endpoint'],

	# states
	['DELETE', '/orphans/crm', 409, 'endpoint_configured'],
	['POST', '/orphans/crm/move?to=crm', 409, 'endpoint_configured'],
	['POST', '/endpoints/body/test', 409, 'cannot_render'],
	['POST', '/endpoints/body/render', 409, 'cannot_render'],
	['POST', '/endpoints/value/render', 409, 'cannot_render'],
);

for (@errors) {
	my ($method, $path, $status, $code, $allow) = @$_;

	my $name = "$method " . substr $path, 0, 60;
	my $r = $t->request($method, "/api$path",
		$method eq 'GET' ? undef : '', @json);

	is($r->status(), $status, "$name: status");
	is(error($r), $code, "$name: code");
	is($r->header('Allow'), $allow, "$name: Allow") if $allow;
}

for (
	['body', 'the payload is a body, and it has none'],
	['value', 'its values make no valid URL, see the error log'],
) {
	my ($endpoint, $reason) = @$_;

	like(post("/api/endpoints/$endpoint/render", '', @json)->body(),
		qr/No request can be made of a test event: $reason\./,
		"the reason, $endpoint");
}

# what is empty, or begins behind everything, is no error

for my $path ('/dead', '/attempts', "/dead?cursor=$dead",
	"/attempts?cursor=$attempt", '/attempts?endpoint=' . 'x' x 300,
	'/dead?until=1', '/dead?since=2026-01-02T03:04:05Z',
	'/endpoints/crm/queue?cursor=' . 'f' x 40, '/orphans')
{
	is(get("/api$path")->status(), 200, "GET $path");
}

is($t->request('HEAD', '/api/endpoints')->status(), 200, 'HEAD');
is($t->request('HEAD', '/api/endpoints/none')->status(), 404, 'HEAD of none');

# bodies

is(error(post('/api/endpoints/crm/disable', 'x' x 70000, @json)),
	'body_too_large', 'a body that nobody needs');
is(post('/api/endpoints/crm/disable', 'x' x 70000, @json)->status(), 413,
	'its status');
is(post('/api/endpoints/crm/enable', '{"x":' x 1000, @json)->status(), 200,
	'any other is not read');

# an answer that goes out slowly

for my $command (qw/ enable disable disable pause enable /) {
	my $r = post("/slow/endpoints/crm/$command", '', @json);

	ok(eval { decode_json($r->body()) }, "$command: the answer is complete");
}

# who may write

is(post('/limited/endpoints/crm/enable', '', @json)->status(), 403,
	'limit_except, denied');
is(get('/limited/endpoints/crm')->status(), 200, 'limit_except, GET');
is(post('/allowed/endpoints/crm/enable', '', @json)->status(), 200,
	'limit_except, allowed');
is(error(post('/read/endpoints/crm/enable', '', @json)), 'read_only',
	'limit_except, without write=on');
is(post('/if/endpoints/crm/enable', '', @json, 'X-If' => 1)->status(), 200,
	'within if');

my @writes = (
	['POST', '/endpoints/crm/disable'],
	['POST', '/endpoints/crm/enable'],
	['POST', '/endpoints/crm/pause'],
	['POST', '/endpoints/crm/resume'],
	['POST', '/endpoints/crm/test'],
	['POST', '/dead/replay'],
	['POST', "/dead/$dead/replay"],
	['DELETE', '/dead?all=1'],
	['DELETE', "/dead/$dead"],
	['DELETE', '/orphans/x'],
	['POST', '/orphans/x/move?to=crm'],
	['DELETE', '/attempts?all=1'],
	['DELETE', "/attempts/$attempt"],
);

for (@writes) {
	my ($method, $path) = @$_;

	my $r = $t->request($method, "/view$path", '', @json);
	is($r->status() . ' ' . error($r), '403 read_only',
		"$method $path without write=on");

	$r = $t->request($method, "/api$path", '', @json,
		Origin => 'https://evil.example');
	is($r->status() . ' ' . error($r), '403 cross_site',
		"$method $path for another site");

	is($t->request($method, "/guarded$path", '', @json)->status(), 401,
		"$method $path without a password");

	next if $method ne 'POST';

	for my $type (undef, 'text/plain', 'application/x-www-form-urlencoded',
		'application/jsonx')
	{
		$r = post("/api$path", '', $type ? ('Content-Type' => $type) : ());
		is($r->status() . ' ' . error($r), '415 content_type',
			"POST $path as " . ($type || 'nothing'));
	}
}

is($rx->count(), 0, 'nothing was sent by all that');

is(post('/guarded/endpoints/crm/test', '', @json,
	Authorization => 'Basic YW5uOnBhc3M=')->status(), 200,
	'with the password');
is(post('/api/endpoints/crm/test', '',
	'Content-Type' => 'application/json; charset=utf-8')->status(), 200,
	'a type with a parameter');
ok($rx->wait_requests(2, 10), 'that was sent');

done_testing();

###############################################################################

sub error {
	my ($r) = @_;
	my $e = eval { decode_json($r->body())->{error} } || {};

	return $e->{message} && $e->{message} =~ /^[A-Z"].*[.]$/ && $e->{code}
		|| $r->body();
}

###############################################################################

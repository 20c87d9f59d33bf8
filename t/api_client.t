#!/usr/bin/perl

# Tests for the API by curl: each answer of each route that the document has is
# provoked, and none is left out; clients that are slow, leave, or come at once.

###############################################################################

use warnings;
use strict;

use Test::More;

use Fcntl qw/ SEEK_SET F_WRLCK /;
use File::Temp qw/ tempdir /;
use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP qw/ decode_json /;

use Test::Webhook qw/ :DEFAULT wait_for connect_port /;
use Test::Webhook::Curl;
use Test::Webhook::Receiver;

use constant { F_OFD_SETLK => 37, LOCK_WAREHOUSE => 1024 };

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my @json = ('-H', 'Content-Type: application/json');
my $unknown = '0' x 36;

# operations of the document, with arguments that are answered by 200, but for
# names of what is not there

my $doc = decode_json(slurp('src/admin/openapi.json'));
my @operations;

for my $path (sort keys %{$doc->{paths}}) {
	my $item = $doc->{paths}{$path};

	for my $method (grep { /^(?:get|post|delete)$/ } sort keys %$item) {
		my $op = $item->{$method};

		push @operations, {
			method => uc $method, path => $path,
			uri => uri($path, 'crm'),
			responses => $op->{responses},
			args => { map { $_->{name} => 1 } grep { $_->{in} eq 'query' }
				map { find($_) } @{$op->{parameters} || []} },
		};
	}
}

cmp_ok(scalar(@operations), '>', 20, 'operations');

my $t = Test::Webhook->new();
my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

$t->write_file('users', "ann:{PLAIN}pass\n");

$t->conf(conf(gone => 'crm held gone'))->run();

###############################################################################

# what is there

$rx->set(500);

is(ask('POST', "/endpoints/$_/disable")->status(), 200, "disabled: $_")
	for qw/ held gone /;

get("/crm?n=$_") for 1 .. 9;
get("/held?n=$_") for 1 .. 3;
get("/gone?n=$_") for 1 .. 2;

ok(wait_for(sub { list('dead') == 9 }, 20), 'dead letters');
ok(wait_for(sub { list('attempts') == 9 }, 20), 'attempts');
ok(wait_for(sub { list('endpoints/held/queue') == 3 }, 20), 'a queue');
ok(wait_for(sub { list('endpoints/gone/queue') == 2 }, 20), 'another one');

get("/none?n=1");
ok(wait_for(sub { list('dead') == 10 }, 20), 'of what will be gone');

$t->conf(conf());
ok($t->reload(), 'reload');
ok(wait_for(sub { list('orphans') == 1 }, 20), 'orphans');

my ($dead, @dead) = map { $_->{key} }
	grep { $_->{endpoint} eq 'crm' } list('dead');
my ($lost) = grep { $_->{endpoint} eq 'none' } list('dead');
my ($attempt) = map { $_->{key} } list('attempts');

# whatever can be read, by HEAD as by GET, in HTTP/1.0, 1.1 and 2

for my $path ('openapi.json', 'config', 'endpoints', 'endpoints/crm',
	'endpoints/crm/config',
	'endpoints/held/queue', 'dead', "dead/$dead", 'orphans', 'attempts',
	"attempts/$attempt")
{
	for my $version (qw/ --http1.0 --http1.1 --http2-prior-knowledge /) {
		my $server = $version =~ /2/ ? 'h2' : '';

		my $r = ask('GET', "/$path", $version, -port => $server);
		my $h = ask('HEAD', "/$path", $version, -port => $server);

		is($r->status() . ' ' . $h->status(), '200 200', "$path $version");
		is($h->header('Content-Length'), length $r->body(),
			"$path $version: length");
	}
}

# a stream, for a second: without chunks it is complete whenever it ends

like(ask('GET', '/attempts/stream?since=0', '--http1.0', '-m', 1)->body(),
	qr/^event: attempt$/m, 'a stream');

# filters

for my $filter ('endpoint=crm', 'event=a.crm', 'class=status', 'status=500',
	'since=0', 'since=2026-01-02T03:04:05Z', 'until=9000000000000',
	'until=2099-01-02T03:04:05.678%2B01:00', 'limit=1000')
{
	cmp_ok(list("dead?$filter"), '>=', 9, "dead letters by $filter");
	cmp_ok(list("attempts?$filter"), '>=', 9, "attempts by $filter");
}

for my $filter ('endpoint=none2', 'event=none', 'id=none', 'class=timeout',
	'status=404', 'since=9000000000000', 'until=1', 'endpoint=%ff%fe')
{
	is(scalar(list("dead?$filter")), 0, "no dead letters by $filter");
	is(scalar(list("attempts?$filter")), 0, "no attempts by $filter");
}

is(scalar(list('attempts?failed=0')), scalar(list('attempts?failed=1')),
	'failed');

my $page = decode_json(ask('GET', '/dead?limit=4')->body());
is(@{$page->{dead}}, 4, 'a page');
is(list("dead?limit=1000&cursor=$page->{next}"), 6, 'the rest of it');

# one dead letter is replayed by several: one of them does it

$rx->set(200);
$rx->forget();

my @r = curls($t, map { [command("/dead/$dead/replay")] } 1 .. 8);
is(join(' ', sort map { $_->status() } @r), '200' . ' 404' x 7,
	'replays of one dead letter at once');
ok($rx->wait_requests(1, 10), 'it is sent');
ok($rx->only_requests(1, 0.3), 'once');

# or dropped

$rx->forget();
@r = curls($t, map { [command("/dead/$dead[0]/replay")],
	['DELETE', "/api/dead/$dead[0]"] } 1 .. 4);
is(join(' ', sort map { $_->status() } @r), '200' . ' 404' x 7,
	'or dropped, by somebody else');

my ($done) = grep { $_->status() == 200 } @r;
ok($rx->only_requests($done->body() =~ /replayed/ ? 1 : 0, 0.5),
	'and is sent, or not, as that was told');

# two operators want different things

@r = curls($t, map { [command('/endpoints/crm/enable')],
	[command('/endpoints/crm/disable')] } 1 .. 6);
is(join(' ', map { $_->status() } @r), '200' . ' 200' x 11,
	'enabled and disabled at once');

my %states = map { decode_json(ask('GET', '/endpoints/crm')->body())->{state}
	=> 1 } 1 .. 10;
is(join('', map { /^(?:en|dis)abled$/ ? 1 : 0 } keys %states), 1,
	'it is one of both');

ok(wait_for(sub { decode_json(ask('GET', '/endpoints/crm')->body())
	->{stored} }, 10), 'it is stored');
my ($state) = keys %states;
$t->kill_all();
$t->start_again();
is(decode_json(ask('GET', '/endpoints/crm')->body())->{state}, $state,
	'and survives a kill');

# commands

is(ask('POST', '/endpoints/crm/enable')->status(), 200, 'enabled');
is(ask('POST', '/endpoints/crm/enable')->status(), 200, 'enabled again');
is(ask('POST', '/endpoints/crm/pause')->status(), 200, 'paused');
is(ask('POST', '/endpoints/crm/resume')->status(), 200, 'resumed');
is(error(ask('POST', '/endpoints/held/pause')), '409 endpoint_disabled',
	'what is disabled is not paused');
is(ask('POST', '/endpoints/crm/test')->status(), 200, 'a test');
is(ask('POST', '/endpoints/crm/render')->status(), 200, 'rendered');
is(ask('POST', "/dead/$lost->{key}/replay")->status(), 409,
	'no endpoint for a dead letter');
is(ask('DELETE', "/dead/$dead[1]")->status(), 200, 'a dead letter dropped');
is(ask('DELETE', '/dead?endpoint=crm&limit=1')->status(), 200, 'another one');
is(ask('POST', '/dead/replay')->status(), 200, 'the others replayed');
is(ask('POST', '/orphans/gone/move?to=crm&limit=1')->status(), 200, 'moved');
is(ask('DELETE', '/orphans/gone')->status(), 200, 'dropped');
is(ask('DELETE', '/orphans/gone')->status(), 200, 'there are no more');
is(ask('DELETE', "/attempts/$attempt")->status(), 200, 'an attempt forgotten');
is(ask('DELETE', '/attempts?all=1')->status(), 200, 'all of them');

# errors

for my $path ('/', '/x', '/endpoints/', '/endpoints/%2F', '/endpoints/crm/x',
	'/openapi.json/', '/dead/x/y/z', '/%ff')
{
	is(error(ask('GET', $path)), '404 no_such_route', $path);
}

for my $name ('%ff', '%c3%28', 'x' x 3000, '%c3%a9' x 1500, '%22', '%0a') {
	is(error(ask('GET', "/endpoints/$name")), '404 no_such_endpoint',
		'an endpoint "' . substr($name, 0, 20) . '"');
}

for my $op (@operations) {
	my ($method, $path, $uri) = @$op{qw/ method path uri /};
	my $name = "$method $path";
	my $write = $method ne 'GET';

	for my $other (qw/ GET POST PUT DELETE PATCH OPTIONS FOO /) {
		next if $doc->{paths}{$path}{lc $other} 
			|| $path =~ m!^/(?:dead/replay|attempts/stream)$!;

		is(error(ask($other, $uri, @json)), '405 method_not_allowed',
			"$name by $other");
	}

	is(error(ask($method, "$uri?%ff=1")), '400 unknown_argument',
		"$name?x=1");
	is(error(ask($method, "$uri?x")), '400 bad_argument', "$name?x");

	my ($arg) = sort keys %{$op->{args}};
	my %good = (since => 1, until => 1, class => 'dns', status => 200);

	if ($arg) {
		my $value = $good{$arg} || 1;

		is(error(ask($method, "$uri?$arg=$value&$arg=$value")),
			'400 duplicate_argument', "$name?$arg=$value, twice");
	}

	my %bad = (limit => [qw/ 0 -1 1e3 10001 99999999999999999999 x /],
		since => [qw/ x -1 2026-02-30 2026-01-02T03:04:05 /],
		until => [qw/ 0 x /], class => [qw/ x Dns /],
		status => [qw/ 0 99 600 200x /], failed => [qw/ 2 -1 true /],
		all => [qw/ 0 true /]);

	for my $arg (sort keys %{$op->{args}}) {
		is(error(ask($method, "$uri?$arg=")), '400 bad_argument',
			"$name?$arg=");

		for my $value ('%zz', '%00', @{$bad{$arg} || []}) {
			is(error($t->request($method, "/api$uri?$arg=$value", '',
				'Content-Type' => 'application/json')),
				'400 bad_argument', "$name?$arg=$value");
		}
	}

	if ($op->{args}{cursor}) {
		my $event = $op->{args}{event} ? 'event=x&' : '';

		is(error(ask($method, "$uri?${event}cursor=$_")), '400 bad_cursor',
			"$name?cursor=" . substr $_, 0, 8)
			for 'x', '0', '12' x 500;
	}

	is(error(ask($method, $uri, -at => '/guarded')), '401 html',
		"$name without a password");
	is(error(ask($method, $uri, @json, '-d', 'x' x 65537)),
		'413 body_too_large', "$name with a large body");

	next unless $write;

	# a dry run writes nothing

	is(error(ask($method, $uri, -at => '/view')), '403 read_only',
		"$name where it can only be read") if $path !~ /render$/;

	is(error(ask($method, $uri, '-H', $_)), '403 cross_site', "$name, $_")
		for 'Origin: https://evil.example', 'Origin: null',
		'Sec-Fetch-Site: cross-site', 'Sec-Fetch-Site: same-site';

	if ($method eq 'POST') {
		is(error(ask($method, $uri, '-H', "Content-Type:$_")),
			'415 content_type', "$name as \"$_\"")
			for '', ' text/plain', ' application/x-www-form-urlencoded';
	}
}

my @single = (
	['GET', '/endpoints/none', 404, 'no_such_endpoint'],
	['GET', '/endpoints/none/queue', 404, 'no_such_endpoint'],
	['GET', '/endpoints/none/config', 404, 'no_such_endpoint'],
	(map { ['POST', "/endpoints/none/$_", 404, 'no_such_endpoint'] }
		qw/ enable disable pause resume test render /),
	(map { ['POST', "/endpoints/body/$_", 409, 'cannot_render'] }
		qw/ test render /),
	(map { ['POST', '/endpoints/crm/render', $_->[0], $_->[1],
		@json, '-d', $_->[2]] } [400, 'bad_body', '{'],
		[400, 'bad_body', '{"x":1}'],
		[404, 'no_such_event', '{"event":"none"}']),
	['GET', "/dead/$unknown", 404, 'no_such_dead_letter'],
	['DELETE', "/dead/$unknown", 404, 'no_such_dead_letter'],
	['POST', "/dead/$unknown/replay", 404, 'no_such_dead_letter'],
	['DELETE', '/dead', 400, 'no_filter'],
	['DELETE', '/attempts', 400, 'no_filter'],
	['DELETE', '/orphans/' . 'x' x 65, 404, 'no_such_orphan'],
	['POST', '/orphans/' . 'x' x 65 . '/move', 404, 'no_such_orphan'],
	['DELETE', '/orphans/crm', 409, 'endpoint_configured'],
	['POST', '/orphans/crm/move', 409, 'endpoint_configured'],
	['POST', '/orphans/x/move?to=none', 400, 'no_such_endpoint'],
	['GET', '/attempts/' . '0' x 28, 404, 'no_such_attempt'],
	['DELETE', '/attempts/' . '0' x 28, 404, 'no_such_attempt'],
	['GET', '/attempts/stream?after=x', 400, 'bad_key'],
	['GET', '/attempts/stream?endpoint=quiet', 409, 'history_off'],
);

is(ask('POST', '/endpoints/crm/render', -at => '/view')->status(), 200,
	'a dry run is a read');
is(error(ask('POST', '/endpoints/crm/render', @json, '-d', $_->[0])), $_->[1],
	"a dry run of $_->[0]") for ['{"event":', '400 bad_body'],
	['{"event":"no.such"}', '404 no_such_event'];

for (@single) {
	my ($method, $uri, $status, $code, @args) = @$_;
	is(error(ask($method, $uri, @args)), "$status $code",
		"$method $uri: $code");
}

is(ask('GET', '/openapi.json', '-H', 'If-None-Match: '
	. ask('GET', '/openapi.json')->header('ETag'))->status(), 304,
	'a document that is known');

is(error(ask('GET', '/attempts/stream', -at => '/full')),
	'503 too_many_streams', 'where there are no streams');

# nothing of that was done

is(decode_json(ask('GET', '/endpoints/crm')->body())->{state}, 'enabled',
	'the endpoint is as it was');

# bodies: none is read

for (['an object', '{"x":1}'], ['no JSON', '{"x":'], ['as large as it may be',
	'x' x 65536])
{
	is(ask('POST', '/endpoints/crm/enable', @json, '-d', $_->[1])->status(),
		200, "a body that is $_->[0]");
}

my @chunked = (@json, '-H', 'Transfer-Encoding: chunked', '-d', 'x' x 100000);

is(ask('POST', '/endpoints/crm/enable', @chunked)->status(), 200,
	'a body in chunks');

# curl 7.88 loses an answer that comes before all was sent, by HTTP/2

for (['a body', 65536, 200], ['a large body', 65537, 413]) {
	my ($name, $size, $status) = @$_;

	is($t->h2('/api/endpoints/crm/enable', port => 'h2', method => 'POST',
		headers => { 'content-type' => 'application/json' },
		body => 'x' x $size)->{status}, $status, "$name in HTTP/2");
}

is(error(ask('POST', '/endpoints/crm/enable', @json, '-d',
	'@' . $t->write_file('large', 'x' x 2000000))), '413 html',
	'a body above client_max_body_size');

my $head = "POST /api/endpoints/crm/enable HTTP/1.1\r\nHost: localhost\r\n"
	. "Content-Type: application/json\r\n";

my $s = connect_port($t, 'http');
my $r = $t->http($head . "Content-Length: 4\r\n\r\n{", socket => $s);
like($r, qr/^HTTP\/1.1 200 /, 'a body that is late is not waited for');
$r = $t->http("\"x}GET /api/endpoints/crm HTTP/1.1\r\nHost: localhost\r\n\r\n",
	socket => $s, method => 'GET');
like($r, qr/^HTTP\/1.1 200 /, 'and what follows it is the next request');
close $s;

like($t->http($head . "Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
	qr/^HTTP\/1.1 400 /, 'chunks that are none');

# a client that leaves

$s = connect_port($t, 'http');
Test::Webhook::send_all($s, $head . "Content-Length: 100\r\n\r\n{", time() + 5);
close $s;

my $lock = lock_warehouse($t);
$s = connect_port($t, 'http');
Test::Webhook::send_all($s, "DELETE /api/dead?all=1 HTTP/1.1\r\n"
	. "Host: localhost\r\n\r\n", time() + 5);
ok(wait_for(sub { ask('GET', '/endpoints')->status() == 200 }, 5),
	'others are answered');
close $s;
close $lock;

ok(wait_for(sub { list('dead') == 0 }, 10),
	'what a client asked for who has left is done');

# a store that fails, is busy, or full

my $dir = tempdir(CLEANUP => 1);
chmod(0777, $dir);

system("cc -shared -fPIC -o $dir/fail.so $FindBin::Bin/tools/api_fail.c -ldl")
	== 0 or die "can't compile api_fail.c\n";

my $t2 = Test::Webhook->new(env => {
	LD_PRELOAD => join(' ', split(/[ :]/, $ENV{TEST_NGINX_PRELOAD} || ''),
		"$dir/fail.so"),
	MALLOC_PERTURB_ => 165,
	map { ("API_FAIL_$_" => "$dir/$_") } qw/ READ HOLD COMMIT AFTER SOCKET /
});

$t2->allow_alerts(qr/cannot (?:read|write) the database/,
	qr/socket\(\) failed \(24: /);
$t2->write_file('users', "ann:{PLAIN}pass\n");

my $rx2 = Test::Webhook::Receiver->new($t2, port => 'rx');
$t2->conf(conf(workers => 1, http => 'webhook_connections 1;'))->run();

my @store = grep { $_->{responses}{500} } @operations;

each_of('READ', 5, [grep { $_->{method} eq 'GET' } @store],
	'500 store_failed');
each_of('READ', -30790, [grep { $_->{method} eq 'GET' } @store],
	'503 store_busy');
each_of('COMMIT', 5, [grep { $_->{method} ne 'GET' } @store],
	'500 store_failed');
each_of('COMMIT', -30792, [grep { $_->{method} ne 'GET' } @store],
	'507 store_full');

# what it takes several transactions to forget

$rx2->set({ keepalive => 0 });
get('/crm') for 1 .. 600;
ok(wait_for(sub { decode_json(ask('GET', '/attempts?limit=600&endpoint=crm',
	-of => $t2)->body())->{attempts}[599] }, 30), 'a long history');

# the only commit that is made may have been one of the history's own

for my $n (1 .. 20) {
	fails('AFTER', $n);
	fails('COMMIT', -30792);
	$r = ask('DELETE', '/attempts?all=1', -of => $t2);
	fails($_) for qw/ COMMIT AFTER /;
	last if $r->body() !~ /nothing was done/;
}

is(error($r), '507 store_full', 'the store is full before all is forgotten');
like(decode_json($r->body())->{error}{message}, qr/not all .* but 512 of them/,
	'and some of it is told to be');

$lock = lock_warehouse($t2);
is(join(' ', map { error($_) } curls($t2, map {
	[$_->{method}, "/api$_->{uri}" . ($_->{path} =~ /^\/(?:dead|attempts)$/
		? '?all=1' : $_->{path} =~ /move/ ? '?to=crm' : ''), '',
		$_->{method} eq 'POST' ? @json : ()]
	} grep { $_->{method} ne 'GET' } @store)),
	join(' ', map { '503 store_busy' } grep { $_->{method} ne 'GET' } @store),
	'commands while the store is somebody else\'s');
close $lock;

# a client that leaves while the store is read for a part of a page

$t2->write_file('page', '<!--# include virtual="/hang" -->'
	. '<!--# include virtual="/api/orphans" -->');

$rx2->forget();
$rx2->set({ hang => 1 });
fails('HOLD', 1);
$s = connect_port($t2, 'http');
Test::Webhook::send_all($s, "GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n",
	time() + 5);
ok($rx2->wait_requests(1, 10), 'another part of it hangs');
close $s;
ok($t2->wait_log(qr/client prematurely closed connection/, 10),
	'a client has left a page');
fails('HOLD');
is(ask('GET', '/orphans', -of => $t2)->status(), 200,
	'what was read for it is forgotten');
$rx2->set(200);
$rx2->forget();

fails('SOCKET', 1);
is(error(ask('POST', '/endpoints/crm/test', -of => $t2)), '503 no_resources',
	'no descriptor for an attempt');
fails('SOCKET');

$rx2->set({ hang => 1 });
my $hanging = connect_port($t2, 'http');
Test::Webhook::send_all($hanging, "POST /api/endpoints/crm/test HTTP/1.1\r\n"
	. "Host: localhost\r\nContent-Type: application/json\r\n\r\n",
	time() + 5);
ok($rx2->wait_requests(1, 10), 'an attempt hangs');
is(error(ask('POST', '/endpoints/crm/test', -of => $t2)), '503 no_connection',
	'no connection for another one');
close $hanging;

# no store at all

my $t3 = Test::Webhook->new();

$t3->conf(<<'EOC')->run();
%%TEST_GLOBALS%%

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    server {
        listen 127.0.0.1:%%PORT_http%%;
        location /api { webhook_api write=on; }
    }
}
EOC

for my $op (@operations) {
	next if $op->{path} eq '/openapi.json';

	is(error(ask($op->{method}, $op->{uri}, -of => $t3)), '503 no_store',
		"$op->{method} $op->{path} without a store");
}

# all answers were as in the document, and all of the document was answered

my %seen;

for my $one ($t, $t2, $t3) {
	my ($problems, $seen) = Test::Webhook::API::check($one);

	is(join("\n", @$problems[0 .. ($#$problems < 9 ? $#$problems : 9)]), '',
		'answers are as documented');
	$seen{$_} = 1 for @$seen;
}

my @missing;

for my $op (@operations) {
	for my $status (sort keys %{$op->{responses}}) {
		my $content = find($op->{responses}{$status})->{content} || {};
		my ($codes) = map { $_->{properties}{error}{properties}{code}{enum}
			|| () } @{($content->{'application/json'} || { schema => {} })
			->{schema}{allOf} || []};

		push @missing, grep { !$seen{$_} } map {
			"$op->{method} $op->{path} $status $_" } @{$codes || ['-']};
	}
}

is(join("\n", @missing), '', 'all answers of the document were seen');
ok($seen{'GET - 404 no_such_route'}, 'paths that are none');
ok($seen{'OPTIONS - 405 method_not_allowed'}, 'methods that are none');

done_testing();

###############################################################################

sub conf {
	my (%o) = (gone => '', workers => 2, http => '', @_);

	my @names = ('crm', 'held', $o{gone} ? ('gone', 'none') : ());

	my $endpoints = join '', map { <<"EOC" } @names;

    webhook_endpoint $_ {
        url http://127.0.0.1:%%PORT_rx%%/$_;
        allow_http on;
        payload n;
        retry off;
        history all;
        quota 10000/1d;
        disable 1000/1h;
    }
EOC

	my $locations = join '', map { <<"EOC" } @names;
        location = /$_ { webhook a.$_ to=$_; return 200; }
EOC

	my $h2 = '%%PORT_h2%%';

	return <<"EOC";
%%TEST_GLOBALS%%

worker_processes $o{workers};

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    large_client_header_buffers 4 16k;

    webhook_store %%TESTDIR%%/store size=32m journal=4m;
    $o{http}

    webhook_payload n text {
        template "\${arg_n|none}";
        content_type text/plain;
    }

    webhook_payload raw raw {
        body request;
    }
$endpoints
    webhook_endpoint quiet {
        url http://127.0.0.1:%%PORT_rx%%/;
        allow_http on;
        history off;
    }

    webhook_endpoint body {
        url http://127.0.0.1:%%PORT_rx%%/;
        allow_http on;
        payload raw;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;
        listen 127.0.0.1:$h2 http2;

$locations
        location /api { webhook_api write=on; }
        location /view { webhook_api; }
        location /full { webhook_api streams=0; }
        location = /hang { proxy_pass http://127.0.0.1:%%PORT_rx%%; }
        location = /page { ssi on; ssi_types *; root %%TESTDIR%%; }

        location /guarded {
            webhook_api write=on;
            auth_basic operators;
            auth_basic_user_file %%TESTDIR%%/users;
        }
    }
}
EOC
}

sub slurp {
	my ($name) = @_;

	open my $fh, '<:raw', Test::Webhook->root() . "/$name"
		or die "can't read $name: $!\n";
	local $/;
	return scalar <$fh>;
}

sub find {
	my ($thing) = @_;

	while (my $ref = $thing->{'$ref'}) {
		$thing = $doc;
		$thing = $thing->{$_} for grep { $_ ne '#' } split m!/!, $ref;
	}

	return $thing;
}

# of things that are not there, but for endpoints

sub uri {
	my ($path, $name) = @_;

	$path =~ s!^/endpoints/\{name\}!/endpoints/$name!;
	$path =~ s!^/attempts/\{key\}!'/attempts/' . '0' x 28!e;
	$path =~ s!^/dead/\{key\}!/dead/$unknown!;
	$path =~ s!\{name\}!unknown!;

	return $path;
}

# a request by curl; "-of" is another instance, "-at" a location, "-port" one

sub ask {
	my ($method, $uri, @args) = @_;
	my (%o, @curl);

	while (@args) {
		my $arg = shift @args;

		if ($arg =~ /^-(of|at|port)$/) {
			$o{$1} = shift @args;
			next;
		}

		push @curl, $arg;
	}

	push @curl, @json if $method eq 'POST'
		&& !grep { /^Content-Type:/ } @curl;

	return curl($o{of} || $t, $method, ($o{at} || '/api') . $uri,
		$o{port} || '', @curl);
}

sub command { return ('POST', "/api$_[0]", '', @json) }

# "STATUS CODE" of an error, which has a sentence

sub error {
	my ($r) = @_;

	return $r->status() . ' html'
		if ($r->header('Content-Type') || '') eq 'text/html';

	my $e = eval { decode_json($r->body())->{error} } || {};

	return $r->status() . ' ' . (($e->{message} || '') =~ /^[A-Z"]/
		&& $e->{code} || $r->body());
}

# entries of a list

sub list {
	my ($path) = @_;
	my $r = decode_json(ask('GET', "/$path")->body());
	my ($list) = grep { ref eq 'ARRAY' } values %$r;

	return @{$list || []};
}

sub fails {
	my ($what, $code) = @_;

	unlink "$dir/$what";
	return unless $code;

	open my $fh, '>', "$dir/$what.new" or die;
	print $fh "$code\n";
	close $fh;
	rename "$dir/$what.new", "$dir/$what" or die;
}

sub each_of {
	my ($what, $code, $operations, $expected) = @_;

	fails($what, $code);

	for my $op (@$operations) {
		my $args = $op->{path} =~ m!^/(?:dead|attempts)$!
			&& $op->{method} eq 'DELETE' ? '?all=1'
			: $op->{path} =~ /move/ ? '?to=crm' : '';

		is(error(ask($op->{method}, "$op->{uri}$args", -of => $t2)),
			$expected, "$op->{method} $op->{path}: $expected");
	}

	fails($what);
}

# as long as the handle is open no worker is let in

sub lock_warehouse {
	my ($of) = @_;

	open(my $fh, '+<', $of->testdir() . '/store/lock') or die "lock: $!\n";

	my $flock = pack('s s x![q] q q i x![q]', F_WRLCK, SEEK_SET,
		LOCK_WAREHOUSE, 1, 0);

	wait_for(sub { fcntl($fh, F_OFD_SETLK, $flock) }, 10)
		or die "lock: $!\n";

	return $fh;
}

###############################################################################

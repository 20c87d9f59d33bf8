#!/usr/bin/perl

# Tests for the configuration in force, as the API tells it: all directives,
# those of endpoints with their defaults, no secrets, in pages.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP qw/ decode_json /;

use Test::Webhook;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();

$t->write_file('secret', "topsecret1\n");
$t->write_file('de.json', '{}');
chmod 0600, $t->testdir() . '/secret';

$ENV{WEBHOOK_SECRET} = 'topsecret2';

my $many = join '', map { <<"EOC" } 1 .. 250;
    webhook_endpoint many$_ { url http://127.0.0.1:9/$_; allow_http on; }
EOC

my $key = 'whsec_dG9wc2VjcmV0dG9wc2VjcmV0dG9wc2VjcmV0';

$t->conf(<<"EOC")->run();
%%TEST_GLOBALS%%

env WEBHOOK_SECRET;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;
    webhook_zone one 1m disable=30/30m;
    webhook_zone two 1m;
    webhook_history all count=100;
    webhook_translations de %%TESTDIR%%/de.json;
    webhook_max_event_size 32k;
    webhook_log %%TESTDIR%%/attempts.log;
    webhook_notify email=ann\@example.com smtp=127.0.0.1:9
        smtp_user=nginx smtp_password=topsecret3 starttls=off;

    webhook_payload contact structured {
        field mail \$email;
        field both "a \\"b\\"" omit_empty;
    }

    webhook_endpoint plain {
        url http://127.0.0.1:9/plain?source=nginx;
        allow_http on;
    }

    webhook_endpoint full {
        url http://127.0.0.1:9/full;
        allow_http on;
        events a.* b.*;
        events c.d;
        payload contact;
        language de;
        zone two;
        order key \$email;
        header X-Literal topsecret4;
        header X-File file:%%TESTDIR%%/secret;
        header X-Env env:WEBHOOK_SECRET;
        header X-Value \$email;
        header X-Braces \${email};
        header X-Mixed "topsecret5 \$email";
        api_key query key topsecret6;
        basic ann file:%%TESTDIR%%/secret;
        sign standard $key;
        sign header=X-Sig key=topsecret7 topsecret8topsecret8 encoding=hex separator=,;
        retry 30s 60s 90s;
        disable 5/1m for=10m;
        disable after=3d;
    }

    webhook_endpoint token {
        url http://127.0.0.1:9/token;
        allow_http on;
        bearer topsecret9;
        history off;
        order none;
    }

$many
    server {
        listen 127.0.0.1:%%PORT_http%%;

        webhook_json \$email request /mail;

        location /a {
            webhook a.b to=plain status=201 if=\$email;
            webhook a.c;
            webhook_json \$id response /id type=json;
            webhook_form \$form request name;
            webhook_max_body_size 2m;

            location /a/inner { return 200; }
        }

        location /accept { webhook c.* to=plain; webhook_accept; }
        location /off { webhook off; return 200; }

        location /api { webhook_api write=on; }
        location /view { webhook_api; }
    }
}
EOC

###############################################################################

# all pages

my (@blocks, @pages);
my $next = '';

while (defined $next) {
	my $r = get('/view/config' . ($next && "?cursor=$next"));
	is($r->status(), 200, 'a page') or last;

	my $page = decode_json($r->body());
	push @pages, scalar @{$page->{blocks}};
	push @blocks, @{$page->{blocks}};
	$next = $page->{next};
}

is(join(' ', @pages), join(' ', (100) x int(@blocks / 100), @blocks % 100),
	'pages are full but the last one');

my $all = join '', map { $_->body() } get('/view/config'),
	get('/view/endpoints/full/config'), get('/view/endpoints/token/config');
unlike($all, qr/topsecret|dG9wc2Vj/, 'there is no secret in it');

is(scalar(grep { $_->{context} eq 'webhook_endpoint' } @blocks), 253,
	'all endpoints');

# http

my ($http) = grep { $_->{context} eq 'http' } @blocks;

is_deeply(args($http, 'webhook_store'),
	[[$t->testdir() . '/store', 'size=16m', 'journal=4m']], 'webhook_store');
is_deeply(args($http, 'webhook_zone'), [['one', '1m', 'disable=30/30m'],
	['two', '1m']], 'webhook_zone');
is_deeply(args($http, 'webhook_history'), [['all', 'count=100']],
	'webhook_history');
is_deeply(args($http, 'webhook_notify'), [['email=ann@example.com',
	'smtp=127.0.0.1:9', 'smtp_user=nginx', 'smtp_password=***',
	'starttls=off']], 'webhook_notify');
is_deeply(args($http, 'webhook_max_event_size'), [['32768']],
	'webhook_max_event_size');
is_deeply(args($http, 'webhook_max_hops'), [['1']], 'a default');
is(scalar @{args($http, $_)}, 1, $_) for qw/ webhook_translations webhook_log
	webhook_memory webhook_connections /;

my ($store) = grep { $_->{name} eq 'webhook_store' } @{$http->{directives}};
is($store->{file}, $t->testdir() . '/nginx.conf', 'its file');
like((split /\n/, $t->read_file('nginx.conf'))[$store->{line} - 1],
	qr/webhook_store/, 'and its line');

# payloads

my ($payload) = grep { $_->{context} eq 'webhook_payload' } @blocks;
is($payload->{name}, 'contact', 'a payload');
is_deeply(args($payload, 'webhook_payload'), [['contact', 'structured']],
	'its kind');
is_deeply(args($payload, 'field'), [['mail', '$email'],
	['both', 'a "b"', 'omit_empty']], 'its fields');

# triggers, inherited ones, too

my %location = map { $_->{name} => $_ }
	grep { $_->{context} eq 'location' } @blocks;

is(join(' ', sort keys %location), '/a /a/inner /accept',
	'locations with triggers');

for ('/a', '/a/inner') {
	is_deeply(args($location{$_}, 'webhook'),
		[['a.b', 'to=plain', 'status=201', 'if=$email'], ['a.c']],
		"$_: triggers");
	is_deeply([sort map { "@$_" } @{args($location{$_}, 'webhook_json')}],
		['$email request /mail', '$id response /id type=json'],
		"$_: values");
	is_deeply(args($location{$_}, 'webhook_form'),
		[['$form', 'request', 'name']], "$_: of forms");
	is_deeply(args($location{$_}, 'webhook_max_body_size'), [['2097152']],
		"$_: sizes");
}

is_deeply(args($location{'/accept'}, 'webhook_accept'), [[]],
	'webhook_accept');
is_deeply(args($location{'/a'}, 'webhook_capture'), [['off']],
	'webhook_capture');

# endpoints

my %full = endpoint('full');
my $dir = $t->testdir();

is_deeply($full{header}, [['X-Literal', '***'], ['X-File', '***'],
	['X-Env', '***'], ['X-Value', '$email'], ['X-Braces', '${email}'],
	['X-Mixed', '***']], 'header');
is_deeply($full{api_key}, [['query', 'key', '***']], 'api_key');
is_deeply($full{basic}, [['ann', '***']], 'basic');
is_deeply($full{sign}, [['standard', '***'],
	['header=X-Sig', '***', '***', 'encoding=hex', 'separator=,']], 'sign');
is_deeply($full{events}, [['a.*', 'b.*'], ['c.d']], 'lines of one name');
is_deeply($full{retry}, [['30s', '60s', '90s']], 'retry');
is_deeply($full{disable}, [['5/1m', 'for=10m'], ['after=3d']], 'disable');
is_deeply($full{zone}, [['two']], 'zone');
is_deeply($full{concurrency}, [['8'], 'default'],
	'a default that depends on another directive');
is_deeply($full{history}, [['all'], 'default'], 'one of the level outside');

my %token = endpoint('token');
is_deeply($token{bearer}, [['***']], 'bearer');
is_deeply($token{history}, [['off']], 'history of its own');

my %plain = endpoint('plain');
is_deeply($plain{url}, [['http://127.0.0.1:9/plain?source=nginx']], 'url');
is_deeply($plain{zone}, [['one'], 'default'], 'the first zone');
is_deeply($plain{concurrency}, [['1'], 'default'], 'order strict');
is_deeply($plain{addresses}, [['any'], 'default'], 'addresses');
is_deeply($plain{payload}, [[], 'default'], 'none');

# every directive of the table, and its default in README.md

my $source = slurp('src/delivery/ngx_http_webhook_endpoint_directives.c');
my ($table) = $source
	=~ /^static ngx_http_webhook_endpoint_cmd_t.*?= \{\n(.*?)^\};/ms;
my @names = $table =~ /ngx_string\("(\w+)"\)/g;

cmp_ok(scalar @names, '>', 30, 'directives of the source');
is(join(' ', grep { !$plain{$_} } @names), '', 'all of them are there');
is(join(' ', sort keys %plain), join(' ', sort @names), 'and nothing else');

my $readme = slurp('README.md');

while ($table =~ /ngx_string\("(\w+)"\)[^}]*, "([^"]+)" \}/g) {
	my ($name, $preset) = ($1, $2);
	my ($text) = $readme =~ /^\| (?:`webhook_endpoint` )?\| `$name` \| (.*?) \|/m;

	like($text, qr/^\Q$preset\E\b/, "README has the default of $name");
}

# of one endpoint, it is the same

for my $name (qw/ plain full token /) {
	my ($block) = grep { $_->{context} eq 'webhook_endpoint'
		&& $_->{name} eq $name } @blocks;
	is_deeply(decode_json(get("/view/endpoints/$name/config")->body()),
		$block, "the same for $name alone");
}

# pages

is(scalar @{decode_json(get('/api/config?limit=1')->body())->{blocks}}, 1,
	'limit');
is_deeply(decode_json(get('/api/config?cursor=ffffffff')->body()),
	{ blocks => [], next => undef }, 'behind the end');

# errors

is_error(get('/api/endpoints/none/config'), 404, 'no_such_endpoint',
	'unknown endpoint');
is_error(get('/api/config?limit=101'), 400, 'bad_argument', 'limit too high');
is_error(get('/api/config?cursor=12'), 400, 'bad_cursor', 'short cursor');
is_error(get('/api/config?cursor=0000000x'), 400, 'bad_cursor', 'no cursor');
is_error(get('/api/config?endpoint=full'), 400, 'unknown_argument',
	'argument');
is_error(get('/api/endpoints/full/config?limit=1'), 400, 'unknown_argument',
	'argument of one');
is_error(post('/api/config', '{}', 'Content-Type' => 'application/json'), 405,
	'method_not_allowed', 'method');
is_error($t->request('GET', '/api/endpoints/full/config', 'x' x 70000), 413,
	'body_too_large', 'oversized body');
is($t->request('HEAD', '/api/config')->status(), 200, 'HEAD');

# a reload changes it

my $conf = $t->read_file('nginx.conf');
$conf =~ s/retry 30s 60s 90s;/retry off;/;
$t->write_file('nginx.conf', $conf);
$t->reload();
%full = endpoint('full');
is_deeply($full{retry}, [['off']], 'after a reload it is the new one');

done_testing();

###############################################################################

# arguments of all lines of a name

sub args {
	my ($block, $name) = @_;
	return [map { $_->{args} } grep { $_->{name} eq $name }
		@{$block->{directives}}];
}

sub endpoint {
	my ($name) = @_;
	my $block = decode_json(get("/view/endpoints/$name/config")->body());
	my %found;

	for (@{$block->{directives}}) {
		push @{$found{$_->{name}}}, $_->{args},
			$_->{default} ? 'default' : ();
	}

	return %found;
}

sub slurp {
	my ($name) = @_;
	open my $fh, '<', "$FindBin::Bin/../$name" or die "$name: $!\n";
	local $/;
	return <$fh>;
}

sub is_error {
	my ($r, $status, $code, $name) = @_;
	my $e = eval { decode_json($r->body())->{error} } || {};

	is($r->status() . ' ' . ($e->{code} || $r->body()), "$status $code",
		$name);
}

###############################################################################

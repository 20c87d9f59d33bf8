#!/usr/bin/perl

# Tests for "on=request", and for endpoints whose names come from variables.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');
my $app = Test::Webhook::Receiver->new($t, port => 'app', rules => {
	'/slow' => { hang => 1 },
});

mkdir $t->testdir() . '/html';
$t->write_file('html/file', 'file');
$t->write_file('users', 'ann:{PLAIN}secret');

$t->conf(<<'EOC')->run();
%%TEST_GLOBALS%%

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

    webhook_endpoint one {
        url http://127.0.0.1:%%PORT_rx%%/one;
        allow_http on;
        order none;
        header X-N $arg_n;
    }

    webhook_endpoint two {
        url http://127.0.0.1:%%PORT_rx%%/two;
        allow_http on;
        order none;
        header X-N $arg_n;
    }

    log_format result '$arg_n $status [$webhook_event] [$webhook_result]';
    access_log %%TESTDIR%%/result.log result;

    webhook_json $v request /v;

    server {
        listen 127.0.0.1:%%PORT_http%%;
        listen 127.0.0.1:%%PORT_h2%% http2;
        webhook asked to=one on=request;
        webhook answered to=one status=any;
        auth_basic_user_file %%TESTDIR%%/users;

        location / {
            proxy_pass http://127.0.0.1:%%PORT_app%%;
        }

        location /unbuffered/ {
            proxy_pass http://127.0.0.1:%%PORT_app%%;
            proxy_request_buffering off;
        }

        location /return { return 200; }
        location /deny { deny all; }
        location /auth { auth_basic realm; }

        location /satisfy {
            auth_basic realm;
            deny all;
            satisfy any;
            proxy_pass http://127.0.0.1:%%PORT_app%%;
        }

        location /page {
            deny all;
            error_page 403 = /denied?$args;
        }

        location /denied { proxy_pass http://127.0.0.1:%%PORT_app%%; }

        location /missing {
            root %%TESTDIR%%/html;
            error_page 404 = @fallback;
        }

        location @fallback { proxy_pass http://127.0.0.1:%%PORT_app%%; }

        location /try {
            root %%TESTDIR%%/html;
            try_files /none @fallback;
        }

        location /try-denied {
            root %%TESTDIR%%/html;
            try_files /none /deny?$args;
        }

        location /rewrite { rewrite ^ /rewritten last; }

        location /file { root %%TESTDIR%%/html; }

        location /request-auth {
            auth_request /allow;
            proxy_pass http://127.0.0.1:%%PORT_app%%;
        }

        location /request-denied {
            auth_request /forbid;
            proxy_pass http://127.0.0.1:%%PORT_app%%;
        }

        location = /allow { internal; return 204; }
        location = /forbid { internal; return 403; }

        location /mirror {
            mirror /mirrored;
            proxy_pass http://127.0.0.1:%%PORT_app%%;
        }

        location = /mirrored { internal; return 204; }

        location /large {
            client_max_body_size 5;
            proxy_pass http://127.0.0.1:%%PORT_app%%;
        }

        location /method {
            webhook posted to=one on=request method=POST if=$v;
            proxy_pass http://127.0.0.1:%%PORT_app%%;
        }

        location /to {
            webhook named to=$arg_to on=request;
            webhook both to=one,$arg_to;
            proxy_pass http://127.0.0.1:%%PORT_app%%;
        }
    }
}
EOC

###############################################################################

my ($n, @expected) = (0);
my $v = '{"v":"value"}';

# asked, answered: what fires

fires('GET', 1, 1, 'GET', '/get', undef);
fires('POST', 1, 1, 'POST', '/post', $v);
fires('unbuffered', 1, 1, 'POST', '/unbuffered/', $v);
fires('HEAD', 1, 1, 'HEAD', '/head', undef);
fires('return', 0, 1, 'GET', '/return', undef);
fires('403', 0, 1, 'GET', '/deny', undef, status => 403);
fires('403 with a body', 0, 1, 'POST', '/deny', $v, status => 403);
fires('401', 0, 1, 'GET', '/auth', undef, status => 401);
fires('satisfy any', 1, 1, 'GET', '/satisfy', undef,
	headers => [Authorization => 'Basic YW5uOnNlY3JldA==']);
fires('satisfy any, denied', 0, 1, 'GET', '/satisfy', undef, status => 401);
fires('an error page after 403', 0, 1, 'GET', '/page', undef);
fires('a fallback after 404', 1, 1, 'GET', '/missing', undef);
fires('try_files', 1, 1, 'POST', '/try', $v);
fires('try_files to where it is denied', 0, 1, 'GET', '/try-denied', undef,
	status => 403);
fires('rewrite', 1, 1, 'POST', '/rewrite', $v);
fires('a file', 1, 1, 'GET', '/file', undef);
fires('auth_request', 1, 1, 'POST', '/request-auth', $v);
fires('auth_request, denied', 0, 1, 'POST', '/request-denied', $v,
	status => 403);
fires('mirror', 1, 1, 'POST', '/mirror', $v);
fires('413', 0, 1, 'POST', '/large', $v, status => 413);
fires('a body that is empty', 1, 1, 'POST', '/post', '');

# with values, before the application answers

my $s = $t->connect_port();

ok($s, 'connected');

my $k = ++$n;

syswrite($s, "POST /slow?n=$k HTTP/1.1\r\nHost: localhost\r\n"
	. "Connection: close\r\nContent-Length: " . length($v) . "\r\n\r\n"
	. substr($v, 0, 5));

get("/get?n=" . ++$n);
push @expected, { n => $n, name => 'between', asked => 1, answered => 1,
	status => 200 };

wait_for(sub { grep { $_->{header}{'x-n'} == $n } $rx->requests() }, 10,
	'another event');

is(scalar(grep { $_->{header}{'x-n'} == $k } $rx->requests()), 0,
	'nothing fires before the last octet of the request was read');

syswrite($s, substr($v, 5));

wait_for(sub { grep { $_->{header}{'x-n'} == $k } $rx->requests() }, 10,
	'the event of the request');

my ($asked) = grep { $_->{header}{'x-n'} == $k } $rx->requests();

is($asked->{header}{'webhook-event'}, 'asked',
	'it fires while the application still works');
like($asked->{body}, qr!"data":\{"method":"POST","path":"/slow","v":"value"\}!,
	'with values, but without a status');

ok(wait_for(sub { grep { $_->{target} =~ m!^/slow! } $app->requests() }, 10),
	'which has the request');

$app->release();

push @expected, { n => $k, name => 'slow', asked => 1, answered => 1,
	status => 200 };

# a request that is left before it was received

my $left = $t->connect_port();

$k = ++$n;

syswrite($left, "POST /left?n=$k HTTP/1.1\r\nHost: localhost\r\n"
	. "Content-Length: 100\r\n\r\n$v");
close($left);

push @expected, { n => $k, name => 'left', asked => 0, answered => 0,
	status => 400, result => qr/^(?:-|filtered,.*)$/ };

# method= and if=

fires('POST with a value', 1, undef, 'POST', '/method', $v, event => 'posted');
fires('POST without', 0, undef, 'POST', '/method', '{}', event => 'posted');
fires('GET', 0, undef, 'GET', '/method', undef, event => 'posted');

# HTTP/2

SKIP: {
	skip 'no client for HTTP/2', 1 unless $t->h2();

	$k = ++$n;
	$t->h2("/h2?n=$k", port => 'h2', method => 'POST', body => $v);
	push @expected, { n => $k, name => 'HTTP/2', asked => 1, answered => 1,
		status => 200 };

	$k = ++$n;
	$t->h2("/h2?n=$k", port => 'h2');
	push @expected, { n => $k, name => 'HTTP/2 GET', asked => 1, answered => 1,
		status => 200 };

	pass('HTTP/2');
}

# names out of variables

my @named = (
	['two', 'named:/two both:/one both:/two', 'committed,committed'],
	['one', 'named:/one both:/one', 'committed,committed'],
	['', 'both:/one', 'filtered,committed'],
	['none', 'both:/one', 'dropped,committed'],
);

for (@named) {
	my ($to, $got, $result) = @$_;
	$k = ++$n;

	get("/to?n=$k&to=$to");
	push @expected, { n => $k, name => "to \"$to\"", all => $got,
		status => 200, result => qr/^$result$/ };
}

###############################################################################

wait_for(sub { my $l = $t->read_file('result.log');
	!grep { $l !~ /^$_->{n} /m } @expected }, 10, 'the log');

my %log = map { /^(\d+) (\d+) \[(.*?)\] \[(.*?)\]/ ? ($1 => [$2, $3, $4]) : () }
	split /\n/, $t->read_file('result.log');

my $wanted = 0;

for my $e (@expected) {
	$wanted += exists $e->{all} ? scalar(split / /, $e->{all})
		: ($e->{asked} ? 1 : 0) + ($e->{answered} ? 1 : 0);
}

ok($rx->wait_requests($wanted, 10), 'all events are delivered');

my %got;

push @{$got{$_->{header}{'x-n'}}},
	"$_->{header}{'webhook-event'}:$_->{target}" for $rx->requests();

for my $e (@expected) {
	my $l = $log{$e->{n}};
	my $all = $e->{all};

	$all = join ' ', ($e->{asked} ? ($e->{event} || 'asked') . ':/one' : ()),
		($e->{answered} ? 'answered:/one' : ()) unless defined $all;

	is(join(' ', sort @{$got{$e->{n}} || []}), join(' ', sort split / /, $all),
		"$e->{name} - events");
	is($l->[0], $e->{status}, "$e->{name} - status");

	my $result = $e->{result} || join ',',
		($e->{asked} ? 'committed' : 'filtered'),
		defined $e->{answered} ? $e->{answered} ? 'committed' : 'filtered' : ();

	like($l->[2], ref $result ? $result : qr/^$result$/, "$e->{name} - result");
}

ok($t->find_in_log(qr/no endpoint has the name that a variable gave.*endpoint "none"/),
	'an unknown name is logged');

$t->done_testing();

###############################################################################

sub fires {
	my ($name, $asked, $answered, $method, $uri, $body, %o) = @_;
	my $k = ++$n;

	my $r = $t->request($method, "$uri?n=$k", $body, @{$o{headers} || []});

	push @expected, { name => $name, n => $k, asked => $asked,
		answered => $answered, status => $o{status} || 200,
		event => $o{event} };
}

###############################################################################

#!/usr/bin/perl

# Tests for HTTP Message Signatures (RFC 9421) and Content-Digest (RFC 9530):
# each is verified by other code, over the octets that were received.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Digest::SHA qw/ sha256 sha512 /;

use Test::Webhook;
use Test::Webhook::App;
use Test::Webhook::Receiver;
use Test::Webhook::Sign;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');
my $app = Test::Webhook::App->new($t, port => 'app');

my ($seed, $public) = ed25519_key($t);
my $shared = join '', map { chr } 1 .. 64;

$t->write_file('key.b64', b64($shared) . "\n");
$t->write_file('key.ed', b64($seed) . "\n");
chmod 0600, $t->testdir() . "/key.$_" for qw/ b64 ed /;

my $hmac = 'sign http file:%%TESTDIR%%/key.b64 key_encoding=base64';
my $ed = 'sign http key=file:%%TESTDIR%%/key.ed algorithm=ed25519';

my %endpoint = (
	hmac => "$hmac keyid=shared;",
	ed => "$ed keyid=one label=ed;",
	two => "$hmac keyid=old label=a digest=sha-512;
		$ed keyid=new label=b components=\@authority,content-digest;",
	parts => "$ed digest=sha-256,sha-512 expires=5m nonce=on
		'keyid=a \"b\" \\\\' tag=app label=parts
		components=\@method,\@authority,\@scheme,\@target-uri,\@request-target,\@path,\@query,Content-Type,content-length,content-digest,host,user-agent,webhook-id,webhook-timestamp,webhook-event,x-many,x-secret,x-hub-signature-256,content-encoding,traceparent,webhook-hops;
		sign github other;
		header X-Many one; header X-Many 'two  three';
		header X-Secret \$arg_secret;",
	nodigest => "$hmac digest=off;",
	get => "method GET; payload form; $ed components=\@method,\@query,content-type,content-digest;",
	retry => "$hmac nonce=on; retry 1100ms;",
	ce => "payload ce; $ed components=ce-id,ce-type,ce-subject,ce-none;",
);

my $endpoints = join '', map { <<"EOE" } sort keys %endpoint;
    webhook_endpoint $_ {
        url http://LOCALHOST:%%PORT_rx%%/$_?a=%20b;
        allow_http on;
        @{[ $endpoint{$_} =~ /retry/ ? '' : 'retry off;' ]}
        $endpoint{$_}
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

    webhook_payload form form { field a "$arg_to&="; }

    webhook_payload ce cloudevents binary {
        subject "a %";
        extension none $arg_none;
    }

    upstream LOCALHOST { server 127.0.0.1:%%PORT_rx%%; }

%%ENDPOINTS%%
    server {
        listen 127.0.0.1:%%PORT_http%%;

        location / {
            webhook some.event to=$arg_to;
            proxy_pass http://127.0.0.1:%%PORT_app%%/length/2;
        }
    }
}
EOC

$endpoints =~ s/LOCALHOST:%%PORT_rx%%/LOCALHOST/g;
$conf =~ s/%%ENDPOINTS%%\n/$endpoints/;

$t->conf($conf)->run();

###############################################################################

my $r = send_to('hmac');
my $s = http_signatures($r);

is(join(' ', keys %$s), 'sig1', 'one signature');
is("@{$s->{sig1}{components}}",
	'@method @target-uri content-type content-digest', 'covers by default');
is(join(' ', sort keys %{$s->{sig1}{params}}), 'alg created keyid',
	'and has parameters');
is($s->{sig1}{params}{keyid}, 'shared', 'keyid');
is($s->{sig1}{params}{alg}, 'hmac-sha256', 'alg');
is($s->{sig1}{params}{created}, $r->{header}{'webhook-timestamp'},
	'created is the time of the attempt');
is($r->{header}{'content-digest'}, 'sha-256=:' . b64(sha256($r->{body})) . ':',
	'digest of the body');
is($s->{sig1}{sig}, hmac(http_base($r, $s->{sig1}), $shared),
	'signature by HMAC');

$r = send_to('ed');
$s = http_signatures($r);
is($s->{ed}{params}{alg}, 'ed25519', 'alg of Ed25519');
ok(ed25519_ok($t, $public, http_base($r, $s->{ed}), $s->{ed}{sig}),
	'signature by Ed25519');

$r = send_to('two');
$s = http_signatures($r);
is(join(' ', sort keys %$s), 'a b', 'two labels');
is(scalar header_values($r, 'Signature'), 1, 'in one header');
is($r->{header}{'content-digest'},
	'sha-256=:' . b64(sha256($r->{body})) . ':, sha-512=:'
	. b64(sha512($r->{body})) . ':', 'with the digests of both');
is($s->{a}{sig}, hmac(http_base($r, $s->{a}), $shared), 'one by HMAC');
ok(ed25519_ok($t, $public, http_base($r, $s->{b}), $s->{b}{sig}),
	'and one by Ed25519');
is("@{$s->{b}{components}}", '@authority content-digest',
	'each with components of its own');

$r = send_to('parts', '&secret=%20%09of%20client',
	'Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
$s = http_signatures($r)->{parts};
is("@{$s->{components}}", '@method @authority @scheme @target-uri '
	. '@request-target @path @query content-type content-length '
	. 'content-digest host user-agent webhook-id webhook-timestamp '
	. 'webhook-event x-many x-secret x-hub-signature-256 traceparent '
	. 'webhook-hops', 'all components but what is not sent');
is($s->{params}{keyid}, 'a "b" \\', 'a keyid with quotes');
is($s->{params}{tag}, 'app', 'tag');
is($s->{params}{expires}, $s->{params}{created} + 300, 'expires');
like($s->{params}{nonce}, qr/^[\w-]{24}$/, 'nonce');
is($r->{header}{host}, 'LOCALHOST', 'a host in upper case');
like(http_base($r, $s), qr/^"\@authority": localhost$/m,
	'is in lower case as an authority');
ok(ed25519_ok($t, $public, http_base($r, $s), $s->{sig}),
	'signature of all components');

$r = send_to('nodigest');
$s = http_signatures($r)->{sig1};
is("@{$s->{components}}", '@method @target-uri content-type',
	'no digest is covered with digest=off');
ok(!exists $r->{header}{'content-digest'}, 'nor is one sent');
is($s->{sig}, hmac(http_base($r, $s), $shared), 'but signed it is');

$r = send_to('get');
$s = http_signatures($r)->{sig1};
is("@{$s->{components}}", '@method @query content-digest',
	'GET has no Content-Type');
is($r->{header}{'content-digest'}, 'sha-256=:' . b64(sha256('')) . ':',
	'and an empty body');
like($r->{target}, qr/^\/get\?a=%20b&a=get%26%3D$/, 'and a form in its query');
ok(ed25519_ok($t, $public, http_base($r, $s), $s->{sig}),
	'which is signed');

$r = send_to('ce');
$s = http_signatures($r)->{sig1};
is("@{$s->{components}}", 'ce-id ce-type ce-subject',
	'attributes of CloudEvents that are there');
like(http_base($r, $s), qr/^"ce-subject": a%20%25$/m, 'as they are sent');
ok(ed25519_ok($t, $public, http_base($r, $s), $s->{sig}),
	'signature of attributes');

$rx->set(rules => { '*' => [500, 200] });
$rx->forget();
send_it('retry');
my @r = $rx->wait_requests(2, 20);
my @s = map { http_signatures($_)->{sig1} } @r;

is(@r, 2, 'two attempts');
cmp_ok($s[1]{params}{created}, '>', $s[0]{params}{created},
	'each has a time of its own');
isnt($s[1]{params}{nonce}, $s[0]{params}{nonce}, 'and a nonce of its own');
is($s[$_]{sig}, hmac(http_base($r[$_], $s[$_]), $shared),
	'and a signature of its own') for 0, 1;

$t->stop();
$t->done_testing();

###############################################################################

sub send_it {
	my ($to, $args, @headers) = @_;

	http(join "\r\n", "POST /?to=$to" . ($args || '') . ' HTTP/1.1',
		'Host: localhost', 'Connection: close', @headers,
		'Content-Length: 2', '', '{}');
}

sub send_to {
	$rx->forget();
	send_it(@_);

	my ($r) = $rx->wait_requests(1, 10);

	return $r || { header => {}, headers => [], body => '', target => '' };
}

###############################################################################

#!/usr/bin/perl

# Tests for signatures of attempts: each is verified by other code, over the
# octets that were received.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Compress::Gzip qw/ gzip /;

use Test::Webhook qw/ :DEFAULT find_in_log /;
use Test::Webhook::App;
use Test::Webhook::Receiver;
use Test::Webhook::Sign;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new(env => { SIGN_KEY_OF_TEST => 'from environment' });

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');
my $app = Test::Webhook::App->new($t, port => 'app');

my $old = 'octets of the old secret key..';
my $new = 'octets of the new secret key, longer';
my ($seed, $public, $pem) = ed25519_key($t);
my ($pkcs8) = $pem =~ /-----\n(\S+)\n-----/;

my %file = (
	old => 'whsec_' . b64($old),
	new => 'whsec_' . b64($new),
	whsk => 'whsk_' . b64($seed . $public),
	pkcs8 => $pkcs8,
	text => 'text of a key',
);

for (keys %file) {
	$t->write_file("key.$_", "$file{$_}\n");
	chmod 0600, $t->testdir() . "/key.$_";
}

my $std = 'sign standard file:key.old';

my %endpoint = (
	v1 => "$std;",
	literal => "sign standard $file{old};",
	v1a => 'sign standard file:key.whsk;',
	both => 'sign standard file:key.new file:key.old file:key.whsk;',
	quiet => "$std; event_headers off;",
	get => "method GET; payload form; $std;",
	raw => "payload raw; $std; sign github file:key.text;",
	empty => "payload empty; $std; sign github file:key.text;
		sign header=X-Ed algorithm=ed25519 file:key.pkcs8 content=.\$body;",
	retry => "$std; retry 1100ms 50ms;",
	github => 'sign github file:key.text;',
	stripe => 'sign stripe file:key.text key=whsec_another;',
	shopify => 'sign shopify file:key.text;',
	respond => 'sign respond.io env:SIGN_KEY_OF_TEST;',
	presets => 'sign github one; sign stripe two; sign shopify three;
		sign respond.io four; sign standard file:key.new;',
	convoy => 'sign header=X-Convoy-Signature key=file:key.text
		algorithm=hmac-sha512 content=$timestamp,$body
		start=t=$timestamp, prefix=v1= separator=, encoding=hex;',
	slack => 'sign header=X-Slack-Signature content=v0:$timestamp:$body
		prefix=v0= key=file:key.text
		timestamp_header=X-Slack-Request-Timestamp;',
	outpost => 'sign header=X-Outpost-Signature start=v0= separator=,
		key=one key=two;',
	parts => 'sign header=X-Parts key=one encoding=base64url
		"content=$$ $id ${event}|$method $target $host $url
${timestamp_ms}" prefix=${id}=;',
	binary => 'sign header=X-A key=AP8B key_encoding=base64;
		sign header=X-B key=00ff01 key_encoding=hex encoding=base64;',
	ed => "sign header=X-Ed algorithm=ed25519 file:key.pkcs8
		content=\$id.\$body encoding=base64;
		sign header=X-Ed-Hex algorithm=ed25519 @{[ b64($seed) ]};",
	preset => 'sign github file:key.text header=X-Gitea-Signature prefix=
		algorithm=hmac-sha512;',
	later => "header X-Later \$arg_to; retry @{[ '200ms ' x 60 ]};",
	none => '',
);

my $endpoints = join '', map { <<"EOE" } sort keys %endpoint;
    webhook_endpoint $_ {
        url http://127.0.0.1:%%PORT_rx%%/$_?a=%20b;
        allow_http on;
        @{[ $endpoint{$_} =~ /retry/ ? '' : 'retry off;' ]}
        $endpoint{$_}
    }

EOE

$endpoints =~ s!file:key!file:%%TESTDIR%%/key!g;

my $conf = <<'EOC';
%%TEST_GLOBALS%%

worker_processes 1;

env SIGN_KEY_OF_TEST;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

    webhook_payload form form { field a "$arg_a&="; }
    webhook_payload raw raw { body request; content_type text/x; }
    webhook_payload empty text { template ""; }

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

$conf =~ s/%%ENDPOINTS%%\n/$endpoints/;

$t->conf($conf)->run();

my $text = $file{text};

###############################################################################

# Standard Webhooks

my $start = time;
my $r = send_to('v1');
my ($id, $ts, $content) = standard($r);

like($ts, qr/^\d+$/, 'a timestamp in seconds');
ok($ts >= $start - 1 && $ts <= time + 1, 'which is that of the attempt');
is($r->{header}{'webhook-signature'}, 'v1,' . b64(hmac($content, $old)),
	'HMAC-SHA256 of id, time and body');
is(scalar header_values($r, 'webhook-signature'), 1, 'in one header');

$r = send_to('literal');
is($r->{header}{'webhook-signature'},
	'v1,' . b64(hmac((standard($r))[2], $old)), 'a literal key');

$r = send_to('v1a');
like($r->{header}{'webhook-signature'}, qr/^v1a,[\w+\/]{86}==$/,
	'one signature of Ed25519');
ok(ed25519_ok($t, $public, (standard($r))[2],
	b64d(substr $r->{header}{'webhook-signature'}, 4)), 'verified by OpenSSL');
ok(!ed25519_ok($t, $public, (standard($r))[2] . ' ',
	b64d(substr $r->{header}{'webhook-signature'}, 4)),
	'and not for other octets');

$r = send_to('both');
$content = (standard($r))[2];
my @s = split / /, $r->{header}{'webhook-signature'};
is(@s, 3, 'several keys make several signatures');
is($s[0], 'v1,' . b64(hmac($content, $new)), 'one of the new key');
is($s[1], 'v1,' . b64(hmac($content, $old)), 'one of the old key');
ok($s[2] =~ s/^v1a,// && ed25519_ok($t, $public, $content, b64d($s[2])),
	'and one of Ed25519');

$r = send_to('quiet');
is($r->{header}{'webhook-signature'},
	'v1,' . b64(hmac((standard($r))[2], $old)),
	'id and time are sent in spite of event_headers off');
ok(!exists $r->{header}{'webhook-event'}, 'but nothing else of the event');

$r = send_to('get', '&a=b%26');
is($r->{target}, '/get?a=%20b&a=b%2526%26%3D', 'a form in the query');
is($r->{header}{'webhook-signature'},
	'v1,' . b64(hmac("$r->{header}{'webhook-id'}.$r->{header}{'webhook-timestamp'}.", $old)),
	'leaves an empty body to be signed');

my $octets = join '', map { chr } 0 .. 255;
gzip \($octets x 20) => \my $zipped or die;

$r = send_to('raw', '', $zipped, 'Content-Encoding: gzip');
is($r->{body}, $zipped, 'a body that is compressed');
is($r->{header}{'webhook-signature'},
	'v1,' . b64(hmac((standard($r))[2], $old)), 'is signed as it is sent');
is($r->{header}{'x-hub-signature-256'},
	'sha256=' . unpack('H*', hmac($zipped, $text)), 'also for github');

$r = send_to('raw', '', $octets x 250);
is(length $r->{body}, 64000, 'a body of 64000 octets');
is($r->{header}{'webhook-signature'},
	'v1,' . b64(hmac((standard($r))[2], $old)), 'is signed');

$r = send_to('empty');
is($r->{body}, '', 'an empty body');
is($r->{header}{'webhook-signature'},
	'v1,' . b64(hmac((standard($r))[2], $old)), 'is signed');
is($r->{header}{'x-hub-signature-256'},
	'sha256=' . unpack('H*', hmac('', $text)), 'also alone');
ok(ed25519_ok($t, $public, '.', pack('H*', $r->{header}{'x-ed'})),
	'and by Ed25519');

###############################################################################

# attempts

$rx->set(rules => { '*' => [500, 500, 200] });
$rx->forget();
http_to('retry');
my @r = $rx->wait_requests(3, 20);
$rx->set(rules => { '*' => 200 });

is(@r, 3, 'three attempts');
is(join(' ', map { $_->{header}{'webhook-id'} eq $r[0]{header}{'webhook-id'} }
	@r), '1 1 1', 'have one id');
cmp_ok($r[1]{header}{'webhook-timestamp'}, '>',
	$r[0]{header}{'webhook-timestamp'}, 'each has a time of its own');
isnt($r[1]{header}{'webhook-signature'}, $r[0]{header}{'webhook-signature'},
	'and a signature of its own');
is($_->{header}{'webhook-signature'},
	'v1,' . b64(hmac((standard($_))[2], $old)), 'which is correct') for @r;

###############################################################################

# presets

$r = send_to('github');
is($r->{header}{'x-hub-signature-256'},
	'sha256=' . unpack('H*', hmac($r->{body}, $text)), 'github');

$r = send_to('stripe');
$ts = $r->{header}{'webhook-timestamp'};
is($r->{header}{'stripe-signature'}, "t=$ts,v1="
	. unpack('H*', hmac("$ts.$r->{body}", $text)) . ',v1='
	. unpack('H*', hmac("$ts.$r->{body}", 'whsec_another')),
	'stripe, with two keys');

$r = send_to('shopify');
is($r->{header}{'x-shopify-hmac-sha256'}, b64(hmac($r->{body}, $text)),
	'shopify');

$r = send_to('respond');
is($r->{header}{'x-webhook-signature'},
	b64(hmac($r->{body}, 'from environment')),
	'respond.io, with a key of the environment');

$r = send_to('presets');
$ts = $r->{header}{'webhook-timestamp'};
is($r->{header}{'x-hub-signature-256'},
	'sha256=' . unpack('H*', hmac($r->{body}, 'one')), 'several at a time');
is($r->{header}{'stripe-signature'}, "t=$ts,v1="
	. unpack('H*', hmac("$ts.$r->{body}", 'two')), 'each has its key');
is($r->{header}{'x-shopify-hmac-sha256'}, b64(hmac($r->{body}, 'three')),
	'and its header');
is($r->{header}{'x-webhook-signature'}, b64(hmac($r->{body}, 'four')),
	'and its encoding');
is($r->{header}{'webhook-signature'},
	'v1,' . b64(hmac((standard($r))[2], $new)), 'and its content');

$r = send_to('preset');
is($r->{header}{'x-gitea-signature'},
	unpack('H*', hmac($r->{body}, $text, 512)), 'a preset with changes');
ok(!exists $r->{header}{'x-hub-signature-256'}, 'has no other header');

###############################################################################

# others

$r = send_to('convoy');
$ts = $r->{header}{'webhook-timestamp'};
is($r->{header}{'x-convoy-signature'}, "t=$ts,v1="
	. unpack('H*', hmac("$ts,$r->{body}", $text, 512)), 'as Convoy has it');

$r = send_to('slack');
$ts = $r->{header}{'x-slack-request-timestamp'};
is($ts, $r->{header}{'webhook-timestamp'}, 'a header with the time');
is($r->{header}{'x-slack-signature'},
	'v0=' . unpack('H*', hmac("v0:$ts:$r->{body}", $text)), 'as Slack has it');

$r = send_to('outpost');
is($r->{header}{'x-outpost-signature'}, 'v0='
	. unpack('H*', hmac($r->{body}, 'one')) . ','
	. unpack('H*', hmac($r->{body}, 'two')), 'as Outpost has it');

$r = send_to('parts');
my $host = $r->{header}{host};
($id, $ts) = standard($r);
my ($name, $value) = $r->{header}{'x-parts'} =~ /^(.+)=([\w-]{43})$/;
is($name, $id, 'a prefix with a placeholder');

my ($ms) = grep {
	b64(hmac("\$ $id some.event|POST $r->{target} $host "
		. "http://$host$r->{target}\n$ts" . sprintf('%03d', $_), 'one'))
		=~ tr!+/=!-_!dr eq $value
} 0 .. 999;

ok(defined $ms, 'all parts of a content');

$r = send_to('binary');
is($r->{header}{'x-a'}, unpack('H*', hmac($r->{body}, "\x00\xff\x01")),
	'a key in base64');
is($r->{header}{'x-b'}, b64(hmac($r->{body}, "\x00\xff\x01")),
	'a key in hexadecimal digits');

$r = send_to('ed');
ok(ed25519_ok($t, $public, "$r->{header}{'webhook-id'}.$r->{body}",
	b64d($r->{header}{'x-ed'})), 'a key as openssl writes it');
ok(ed25519_ok($t, $public, $r->{body}, pack('H*', $r->{header}{'x-ed-hex'})),
	'a seed in base64');

$r = send_to('none');
is(join(' ', grep { /signature/i } keys %{$r->{header}}), '',
	'no signature without sign');

###############################################################################

# what is signed already is signed anew after a reload, with the new key

$rx->set(rules => { '*' => 500 });
$rx->forget();
http_to('retry');
http_to('later');
$rx->wait_requests(2, 10);

$t->write_file('key.old', "$file{new}\n");
$t->conf($conf =~ s/header X-Later \$arg_to;/sign header=X-Later key=one;/r);
$t->reload();
$rx->set(rules => { '*' => 200 });

ok(wait_for(sub {
	my ($last) = grep { $_->{target} =~ /^\/retry/ } reverse $rx->requests();
	$last && $last->{header}{'webhook-signature'}
		eq 'v1,' . b64(hmac((standard($last))[2], $new));
}, 20), 'a changed key is used by the next attempt');

ok(wait_for(sub {
	my ($last) = grep { $_->{target} =~ /^\/later/ } reverse $rx->requests();
	$last && join(' ', header_values($last, 'X-Later'))
		eq unpack('H*', hmac($last->{body}, 'one'));
}, 20), 'a signature takes the place of a header that is stored');

$t->stop();

# no key is where it could be found

my @keys = (@file{qw/ old new whsk pkcs8 /}, $old, $new, $text, $seed,
	'whsec_another', 'from environment');

for my $path (grep { -f } glob($t->testdir() . '/store/* '
	. $t->testdir() . '/*.log'))
{
	my $content = Test::Webhook::slurp($path, 0);

	is(scalar(grep { index($content, $_) >= 0 } @keys), 0,
		'no key in ' . $path =~ s!.*/!!r);
}

$t->done_testing();

###############################################################################

sub http_to {
	my ($to, $args, $body, @headers) = @_;

	$body = '{"a":"b"}' unless defined $body;

	http(join "\r\n", "POST /?to=$to" . ($args || '') . ' HTTP/1.1',
		'Host: localhost', 'Connection: close', @headers,
		'Content-Length: ' . length $body, '', $body);
}

sub send_to {
	$rx->forget();
	http_to(@_);

	my ($r) = $rx->wait_requests(1, 10);

	return $r || { header => {}, headers => [], body => '', target => '' };
}

# id, time, and what is signed of a request

sub standard {
	my ($r) = @_;

	my $id = $r->{header}{'webhook-id'} || '';
	my $ts = $r->{header}{'webhook-timestamp'} || '';

	return ($id, $ts, "$id.$ts.$r->{body}");
}

###############################################################################

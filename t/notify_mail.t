#!/usr/bin/perl

# Mail to operators, by a real server of mail: STARTTLS, AUTH, what is sent
# and what is not, servers that fail and come back.

###############################################################################

use warnings;
use strict;
use utf8;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Encode qw/ decode_utf8 encode_utf8 /;
use IO::Socket::INET;
use JSON::PP qw/ decode_json /;
use MIME::Base64 qw/ encode_base64 /;

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Mail;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();

my $good = $t->cert('good', san => ['DNS:localhost']);
my $other = $t->cert('other', san => ['DNS:mail.test'], ca => $good);
my $foreign = $t->cert('foreign', san => ['DNS:localhost']);

my $password = 'sesame-open-1234';
my @tls = (cert => $good->{cert}, key => $good->{key});
my @user = (user => 'nginx', password => $password);

my %mx = (
	plain => server('plain'),
	tls => server('tls', @tls, @user),
	login => server('login', @tls, @user, exclude => ['PLAIN']),
	clear => server('clear', @user, clear => 1),
	name => server('name', cert => $other->{cert}, key => $other->{key}),
	ca => server('ca', cert => $foreign->{cert}, key => $foreign->{key}),
	later => server('later', script => ['451 4.7.1 greylisted']),
	final => server('final', script => ['550 5.1.1 unknown user']),
	hang => server('hang', hang => 'EHLO'),
	data => server('data', hang => 'DATA'),
	seven => server('seven', eight => JSON::PP::false),
);

$t->write_file('password', "$password\n");
chmod 0600, $t->testdir() . '/password';

my $user = 'smtp_user=nginx smtp_password=file:%%TESTDIR%%/password';
my $ca = "trusted_certificate=$good->{ca}";

my @lines = map { "webhook_notify $_;\n    " }
	"email=plain\@example.com email=second\@example.com "
		. "smtp=127.0.0.1:%%PORT_plain%% from=nginx\@web.example.com",
	"email=tls\@example.com smtp=localhost:%%PORT_tls%% "
		. "starttls=required $ca $user",
	"email=login\@example.com smtp=localhost:%%PORT_login%% "
		. "starttls=required $ca $user",
	"email=auto\@example.com smtp=127.0.0.1:%%PORT_tls%% $user",
	"email=clear\@example.com smtp=127.0.0.1:%%PORT_clear%% "
		. "starttls=off smtp_user=nginx smtp_password=env:MAIL_PASSWORD",
	"email=auto-clear\@example.com smtp=127.0.0.1:%%PORT_clear%% $user",
	"email=required\@example.com smtp=localhost:%%PORT_plain%% "
		. "starttls=required $ca",
	"email=name\@example.com smtp=localhost:%%PORT_name%% "
		. "starttls=required $ca",
	"email=ca\@example.com smtp=localhost:%%PORT_ca%% "
		. "starttls=required $ca",
	"email=wrong\@example.com smtp=127.0.0.1:%%PORT_tls%% "
		. "smtp_user=nginx smtp_password=$password-not",
	"email=later\@example.com smtp=127.0.0.1:%%PORT_later%%",
	"email=final\@example.com smtp=127.0.0.1:%%PORT_final%%",
	"email=hang\@example.com smtp=127.0.0.1:%%PORT_hang%% timeout=1s",
	"email=data\@example.com smtp=127.0.0.1:%%PORT_data%% timeout=1s",
	"email=seven\@example.com smtp=127.0.0.1:%%PORT_seven%%",
	"email=down\@example.com smtp=127.0.0.1:%%PORT_down%%";

$t->{env}{MAIL_PASSWORD} = $password;

$t->conf(encode_utf8(<<"EOC"))->run();
%%TEST_GLOBALS%%

worker_processes 2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;
    webhook_zone "Köln & Zürich, mit einem langen Namen für den Betreff" 256k
                 disable=2/1h;
    webhook_log %%TESTDIR%%/attempts.log;

    @lines

    webhook_endpoint a {
        url http://127.0.0.1:%%PORT_http%%/fail;
        allow_http on;
        retry off;
    }

    webhook_endpoint b {
        url http://127.0.0.1:%%PORT_http%%/fail;
        allow_http on;
        retry off;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location = /a { webhook a.b to=a; return 200; }
        location = /fail { return 503; }
        location /api { webhook_api write=on; }
    }
}
EOC

###############################################################################

get('/a') for 1 .. 3;

# a line for each attempt, also of a mail, which has neither method nor URL

ok(wait_for(sub { lines() =~ m!^\S+ mail\S* .* "- -"$!m }, 10),
	'a mail is logged') or diag(lines());

# in the clear, and what a mail is

my @m = $mx{plain}->wait_mails(2, 10);

is(scalar @m, 2, 'each recipient has a mail');

my ($m) = grep { $_->{recipients}[0] eq 'plain@example.com' } @m;

is("@{$m->{recipients}}", 'plain@example.com', 'of its own');
is($m->{sender}, 'nginx@web.example.com', 'the sender');
ok(!$m->{tls}, 'in the clear where there is no STARTTLS');
like("@{$m->{options}}", qr/BODY=8BITMIME/, '8BITMIME is used');
is($m->{headers}{from}[0], '<nginx@web.example.com>', 'From');
is($m->{headers}{to}[0], '<plain@example.com>', 'To');
like($m->{headers}{date}[0],
	qr/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d+ \w{3} 20\d\d [\d:]{8} \+0000$/,
	'Date');
like($m->{headers}{'message-id'}[0], qr/^<[\da-f-]{36}\@web\.example\.com>$/,
	'Message-ID');
is($m->{headers}{'auto-submitted'}[0], 'auto-generated', 'Auto-Submitted');
is($m->{headers}{'x-webhook-event'}[0], 'webhook.endpoint.disabled',
	'the event');
is($m->{headers}{'mime-version'}[0], '1.0', 'MIME-Version');
is($m->{headers}{'content-type'}[0], 'text/plain; charset=utf-8', 'its type');
is($m->{headers}{'content-transfer-encoding'}[0], '8bit', 'its encoding');

my $zone = 'Köln & Zürich, mit einem langen Namen für den Betreff';

like(decode_utf8($m->{subject}),
	qr/^\[webhook\] \S+: zone "$zone": 2 endpoints are disabled$/,
	'the subject in UTF-8');
unlike($m->{head}, qr/[^\x00-\x7f]/, 'whose header is ASCII');
ok(!(grep { length > 78 } split /\r\n/, $m->{head}), 'and folded');
like(decode_utf8($m->{text}), qr/zone "Köln & Zürich/, 'the text in UTF-8');
unlike($m->{raw}, qr/[^\r]\n|\r[^\n]/, 'all lines end with CR LF');

# without 8BITMIME

($m) = $mx{seven}->wait_mails(1, 10);
is($m->{headers}{'content-transfer-encoding'}[0], 'quoted-printable',
	'quoted-printable for a server of seven bits');
unlike($m->{raw}, qr/[^\x00-\x7f]/, 'which gets no more of them');
like(decode_utf8($m->{text}), qr/zone "Köln & Zürich/, 'but the same text');

# TLS and AUTH

@m = $mx{tls}->wait_mails(2, 10);
is(join(' ', sort map { $_->{recipients}[0] } @m),
	'auto@example.com tls@example.com', 'mail by TLS');
ok($m[0]{tls} && $m[1]{tls}, 'required, or as it was offered');
is("$m[0]{user} $m[1]{user}", 'nginx nginx', 'after authentication');

($m) = $mx{login}->wait_mails(1, 10);
is($m->{user}, 'nginx', 'AUTH LOGIN');
is(join(' ', map { $_->{way} } $mx{login}->notes('auth')), 'LOGIN',
	'is used where there is no AUTH PLAIN');
is(join(' ', map { $_->{way} } ($mx{tls}->notes('auth'))[0]), 'PLAIN',
	'which is preferred');

($m) = $mx{clear}->wait_mails(1, 10);
is($m->{recipients}[0], 'clear@example.com',
	'a password in the clear where that was allowed');

# what is not sent

fails('auto-clear', 'there is no STARTTLS, and without it no password is sent');
fails('required', 'there is no STARTTLS, but it is required');
fails('name', 'STARTTLS: the certificate is not for that name');
fails('ca', 'STARTTLS: (unable|self-signed|self signed)');
fails('wrong', 'AUTH PLAIN was answered by 535 ""');
fails('final', 'RCPT TO was answered by 550 "5.1.1 unknown user"');
fails('later', 'RCPT TO was answered by 451 "4.7.1 greylisted"');
fails('hang', 'EHLO timed out');
fails('data', 'the message timed out');
fails('down', 'no connection');

is(scalar $mx{clear}->notes('auth'), 1, 'no password without TLS');
is(scalar $mx{$_}->notes('mail'), 0, "nothing for $_") for qw/ name ca /;

ok($t->wait_log(qr/it is dead, endpoint: "mail:final\@example.com"/, 10),
	'5xx is final');
ok($t->wait_log(qr/it is dead, endpoint: "mail:wrong\@example.com"/, 10),
	'for a password, too');
is(scalar $mx{final}->notes('rcpt'), 1, 'asked once');

# those that come back

$mx{hang}->restart(hang => undef);
$mx{data}->restart(hang => undef);
$mx{down} = server('down');

($m) = $mx{later}->wait_mails(1, 30);
ok($m, 'mail that was put off comes');
is(scalar $mx{later}->notes('rcpt'), 2, 'at the second attempt');

for (qw/ hang down /) {
	ok($mx{$_}->wait_mails(1, 60), "mail after a server was $_");
}

my @twice = $mx{data}->wait_mails(2, 60);
is($twice[1]{headers}{'message-id'}[0], $twice[0]{headers}{'message-id'}[0],
	'a mail that may have been sent is the same one');

# a mail that waits outlives a kill

$mx{plain}->forget()->stop();

my $mark = $t->log_mark();
post('/api/endpoints/a/enable', '', 'Content-Type' => 'application/json');

ok($t->wait_log(qr/to <plain\@example.com>: no connection/, 10, $mark),
	'a mail that cannot be sent');

$t->kill_all();
wait_for(sub {
	IO::Socket::INET->new(Listen => 1, ReuseAddr => 1,
		LocalAddr => '127.0.0.1:' . port('http'));
}, 30) or die "port is in use\n";

$mx{plain}->start();
$t->start_again();

ok(wait_for(sub { 2 == (() = $mx{plain}->mails()) }, 60),
	'is sent after a kill of everything');
like(($mx{plain}->mails())[0]{subject}, qr/endpoint "a" is enabled$/,
	'as it was');

# secrets

$t->stop();

for my $path ('error.log', 'attempts.log', grep { -f } glob $t->testdir() . '/store/*') {
	my $octets = $t->read_file($path);
	my ($file) = $path =~ m!([^/]+)$!;

	for my $secret ($password, encode_base64($password, ''),
		encode_base64("\0nginx\0$password", ''))
	{
		ok(index($octets, $secret) == -1, "no password in $file");
	}
}

done_testing();

###############################################################################

sub lines { return join '', $t->read_file('attempts.log') }

sub server {
	my ($name, %o) = @_;
	return Test::Webhook::Mail->new($t, port => $name, %o);
}

sub fails {
	my ($name, $why) = @_;

	ok($t->wait_log(qr/webhook mail to <$name\@example.com>.*$why/, 20),
		"not for $name: $why");
}

###############################################################################

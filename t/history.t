#!/usr/bin/perl

# Tests for the history of attempts: what is kept of them, what is masked,
# pages and filters, what is forgotten, and how it is bounded; and for tests
# of endpoints by operators.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP qw/ decode_json /;
use MIME::Base64 qw/ decode_base64 /;

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

$t->write_file("secret", "secret-of-a-file\n");
chmod 0600, $t->testdir() . '/secret';

my %endpoint = (
	fails => 'retry 10ms 10ms;',
	all => 'history all; retry off;',
	none => 'history off; retry off;',
	secret => <<'EOC',
        history all;
        retry off;
        method POST;
        basic user secret-password;
        header X-Short secr;
        header X-Token file:%%TESTDIR%%/secret;
        header X-Plain $arg_v;
        api_key header X-Key secret-key;
        api_key query key secret-in-query;
        api_key query var $arg_v;
        api_key query more "secret+in/\"more";
        sign github secret-of-signatures;
EOC
	form => <<'EOC',
        history all;
        retry off;
        payload f;
        method GET;
        api_key field token secret-in-form;
EOC
	raw => 'history all; retry off; payload r;',
	large => 'history all; retry off;',
	nowhere => 'url http://127.0.0.1:%%PORT_closed%%/; retry off;',
	bounded => 'history all; retry off; order none;',
	off => 'history off; retry off;',
);

sub conf {
	my ($history) = @_;

	my $endpoints = join '', map {
		my $own = $endpoint{$_};
		my $url = $own =~ /\burl / ? '' : "url http://127.0.0.1:%%PORT_rx%%/$_?a=b;";
		my $payload = $own =~ /\bpayload / ? '' : 'payload n;';

		<<"EOC" } sort keys %endpoint;

    webhook_endpoint $_ {
        allow_http on;
        $url
        $payload
        $own
    }
EOC

	my $locations = join '', map { <<"EOC" } sort keys %endpoint;
        location = /$_ { webhook a.$_ to=$_; return 200; }
EOC

	return <<"EOC";
%%TEST_GLOBALS%%

worker_processes 2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=64m journal=8m;
    webhook_history $history;

    webhook_payload n text {
        template "\${arg_n|none}";
        content_type text/plain;
    }

    webhook_payload f form {
        field n \$arg_n;
    }

    webhook_payload r text {
        template "\${arg_n|none}";
        content_type application/octet-stream;
    }
$endpoints
    server {
        listen 127.0.0.1:%%PORT_http%%;

$locations
        location /api { webhook_api write=on; }
    }
}
EOC
}

$t->conf(conf('failures body=100'))->run();

###############################################################################

# failures, and what is known of one

$rx->set({ status => 503, headers => ['X-Answer' => 'sorry'],
	body => 'not now' });

get('/fails?n=hello');
get('/none?n=hello');

my @a = wait_attempts('endpoint=fails', 3);

is(join(' ', map { $_->{attempt} } @a), '3 2 1', 'each attempt, latest first');
is(join(' ', map { "$_->{class} $_->{status}" } @a),
	'status 503 status 503 status 503', 'how they have ended');
is(scalar(keys %{{ map { $_->{id} => 1 } @a }}), 1, 'of one event');

my $a = one($a[2]);

is("$a->{method} $a->{url}", 'POST http://127.0.0.1:' . $rx->port()
	. '/fails?a=b', 'final URL');
is($a->{request}{body}, 'hello', 'body');
ok(!$a->{request}{cut}, 'all of it');
is(header($a->{request}, 'webhook-id'), $a->{id}, 'request header');
is(header($a->{request}, 'Content-Type'), 'text/plain', 'another one');
is($a->{response}{line}, 'HTTP/1.1 503 Service Unavailable', 'status line')
	or diag($a->{response}{line});
is(header($a->{response}, 'X-Answer'), 'sorry', 'response header');
is($a->{response}{excerpt}, 'not now', 'excerpt');
like($a->{timings}{total}, qr/^\d+$/, 'time');
like($a->{worker}, qr/^\d+$/, 'worker');

my @hidden = grep { header($_->{request}, 'webhook-hops') ne '***' }
	map { one($_) } @a;
is(@hidden, 0, 'the mark of deliveries is not told');

# no answer

get('/nowhere?n=1');
my ($b) = wait_attempts('endpoint=nowhere', 1);
is("$b->{class} $b->{status}", 'connect 0', 'an attempt without an answer');
$b = one($b);
is($b->{response}{line} . @{$b->{response}{headers}}, '0', 'has none');

# successes

$rx->set(200);
get('/all?n=1');
get('/fails?n=2');

my ($s) = wait_attempts('endpoint=all', 1);
is("$s->{class} $s->{status}", 'success 200', 'a success, where it is kept');
ok(!$s->{failed}, 'it has not failed');

# bodies

get('/large?n=' . 'x' x 300);
my ($l) = wait_attempts('endpoint=large', 1);
$l = one($l);
is($l->{request}{body}, 'x' x 100, 'the body is kept up to its limit');
ok($l->{request}{cut}, 'which is told');

# secrets

$rx->set({ status => 200, headers => ['X-Echo' => 'secret-key'],
	body => 'you sent secret-of-a-file and secret-in-query,'
		. ' ?more=secret%2Bin%2F%22more {"k":"secret+in/\"more"}'
		. ' as user:secret-password' . ' ' x 893 . 'secret-of-a-file' });

get('/secret?n=1&v=of-a-variable');
my ($m) = wait_attempts('endpoint=secret', 1);

my $text = get("/api/attempts/$m->{key}")->body();
unlike($text, qr/secret[-+%]/, 'no secret');
unlike($text, qr/dXNlcjpzZWNyZXQ/, 'nor one that is encoded');

$m = one($m);
is($m->{url}, 'http://127.0.0.1:' . $rx->port() . '/secret?a=b&var=***&key=***'
	. '&more=***',
	'masked in the URL');
is(header($m->{request}, $_), '***', "masked: $_")
	for qw/ Authorization X-Short X-Token X-Key X-Hub-Signature-256 /;
is(header($m->{request}, 'X-Plain'), 'of-a-variable', 'others are told');
is($m->{response}{excerpt}, 'you sent *** and ***, ?more=*** {"k":"***"}'
	. ' as user:***' . ' ' x 893 . '***',
	'masked in an answer, also as sent, and where it is cut');
is(header($m->{response}, 'X-Echo'), '***', 'in its headers, too');
is($rx->request($rx->count() - 1)->{header}{'x-token'}, 'secret-of-a-file',
	'it is sent');

$rx->set(200);
get('/form?n=1');
my ($f) = wait_attempts('endpoint=form', 1);
is($f->{url}, 'http://127.0.0.1:' . $rx->port() . '/form?a=b&n=1&token=***',
	'masked in a form');

opendir my $dir, $t->testdir() . '/store' or die;
is(join(' ', grep { -f $t->testdir() . "/store/$_" && $_ ne 'lock'
	&& slurp($t->testdir() . "/store/$_") =~ /secret-(?!of-sig)/ }
	readdir $dir), '', 'no secret in the store');

# octets that are no text

get('/raw?n=' . "\xff\xfe");
my ($o) = wait_attempts('endpoint=raw', 1);
$o = one($o);
is(decode_base64($o->{request}{body_base64} || ''), "\xff\xfe", 'octets');

# text that is cut inside a character: of the request after 100 octets, of the
# answer after 1024

$rx->set({ status => 503, body => 'ab' . "\xe2\x82\xac" x 400 });
get('/raw?n=aa' . "\xe2\x82\xac" x 40);
($o) = wait_attempts('endpoint=raw', 2);
$o = one($o);
is($o->{request}{body}, 'aa' . "\x{20ac}" x 32, 'is text to the last whole one');
is($o->{response}{excerpt}, 'ab' . "\x{20ac}" x 340, 'of the answer, too');

# pages, while attempts come

$rx->set(500);
get("/fails?n=p$_") for 1 .. 20;
wait_attempts('endpoint=fails', 63);

my @before = map { $_->{key} } attempts('limit=1000');
my ($next, @seen) = ('');

do {
	my $r = decode_json(get("/api/attempts?limit=7$next")->body());
	push @seen, map { $_->{key} } @{$r->{attempts}};
	$next = $r->{next} ? "&cursor=$r->{next}" : '';
	get('/fails?n=more');
} while ($next);

my %old = map { $_ => 1 } @before;
is(join(' ', grep { $old{$_} } @seen), join(' ', @before),
	'pages have all that was there, in order');
is(scalar(keys %{{ map { $_ => 1 } @seen }}), scalar(@seen), 'none twice');

# filters

is(scalar(attempts("id=$a->{id}")), 3, 'by id');
is(scalar(attempts('event=a.secret')), 1, 'by event');
is(scalar(attempts('class=connect')), 1, 'by class');
is(scalar(attempts('status=200&endpoint=all')), 1, 'by status');
is(scalar(grep { !$_->{failed} } attempts('failed=1')), 0, 'failures only');
is(scalar(attempts("since=$m->{time}&until=" . ($m->{time} + 1)
	. '&endpoint=secret')), 1, 'by time');
is(scalar(attempts('endpoint=none')), 0, 'none of what is not kept');

# forgotten

is(forget("attempts?id=$a->{id}")->{forgotten}, 3, 'forgotten by id');
is(scalar(attempts("id=$a->{id}")), 0, 'they are gone');
is(get("/api/attempts/$a->{key}")->status(), 404, 'each of them');
is(forget("attempts/$m->{key}")->{forgotten}, 1, 'one by its key');
is(scalar(attempts('endpoint=secret')), 0, 'it is gone');
cmp_ok(forget('attempts?endpoint=fails')->{forgotten}, '>=', 60,
	'of an endpoint');
is(scalar(attempts('endpoint=all')), 1, 'others are kept');
forget('attempts?all=1');
wait_for(sub { $rx->only_requests($rx->count(), 0.3) }, 10);
forget('attempts?all=1');
is(scalar(attempts('')), 0, 'all of them');

# tests

$rx->set({ status => 202, body => 'thanks' });
$rx->forget();

my $r = command('endpoints/fails/test');
is("$r->{event} $r->{class} $r->{status} $r->{attempt}",
	'webhook.test success 202 1', 'a test');
ok($r->{test}, 'which is told');
is($r->{response}{excerpt}, 'thanks', 'with the answer');
is($rx->request(0)->{header}{'webhook-event'}, 'webhook.test',
	'the event tells that it is a test');
is($rx->request(0)->{header}{'webhook-id'}, $r->{id}, 'its id');

command('endpoints/fails/disable');
is(command('endpoints/fails/test')->{status}, 202,
	'a disabled endpoint is tested');
command('endpoints/fails/enable');

my $row = state_row();

$rx->set(500);
is(command('endpoints/fails/test')->{class}, 'status', 'a test that fails');
is(command('endpoints/nowhere/test')->{class}, 'connect', 'or cannot be sent');
is($rx->count(), 3, 'it is not sent again');

my ($test) = wait_attempts('event=webhook.test&endpoint=fails', 1);
ok($test->{test}, 'in the history');
is(state_row(), $row, 'it counts for nothing');

my $n = $rx->count();
$r = command('endpoints/secret/render');
is("$r->{event} $r->{body}", 'webhook.test ', 'a dry run');
is((map { $_->{value} } grep { $_->{name} eq 'Authorization' }
	@{$r->{headers}})[0], '***', 'masked');
is($rx->count(), $n, 'sends nothing');

# bounds

forget('attempts?all=1');
$rx->set(200);
$t->conf(conf('all count=20 body=off'));
ok($t->reload(), 'reload');

get("/bounded?n=$_") for 1 .. 100;
ok(wait_for(sub { my @n = attempts('limit=1000'); @n == 20 }, 10),
	'bounded by a count');
is(one((attempts('limit=1'))[0])->{request}{body}, undef, 'without bodies');

$t->conf(conf('all age=1s'));
ok($t->reload(), 'reload');
get('/bounded?n=1');
ok(wait_for(sub { get('/bounded?n=1'); my @n = attempts('limit=1000');
	@n && $n[-1]{time} >= $n[0]{time} - 2500 }, 15), 'bounded by age');

$t->conf(conf('off'));
ok($t->reload(), 'reload');
$rx->forget();
get('/none?n=1');
$rx->wait_requests(1, 10);
is(scalar(attempts('endpoint=none')), 0, 'off');

done_testing();

###############################################################################

sub state_row {
	return decode_json(get('/api/endpoints/fails')->body())
		->{failures_in_a_row};
}

sub slurp {
	my ($file) = @_;
	open my $fh, '<:raw', $file or return '';
	local $/;
	return <$fh>;
}

sub attempts {
	my ($args) = @_;
	my (@all, $next);

	do {
		my $r = get("/api/attempts?$args" . ($next ? "&cursor=$next" : ''));
		my $page = decode_json($r->body());
		push @all, @{$page->{attempts}};
		$next = $page->{next};
	} while ($next);

	return @all;
}

sub wait_attempts {
	my ($args, $n) = @_;
	my @a;

	wait_for(sub { @a = attempts("$args&limit=1000"); @a >= $n }, 20)
		or diag("$args: " . @a . " attempts");

	return @a;
}

sub one { decode_json(get("/api/attempts/$_[0]{key}")->body()) }

sub header {
	my ($m, $name) = @_;
	my ($h) = grep { lc $_->{name} eq lc $name } @{$m->{headers}};
	return $h ? $h->{value} : '';
}

sub forget {
	my ($path) = @_;
	return decode_json($t->request('DELETE', "/api/$path", '')->body());
}

sub command {
	my ($path) = @_;
	return decode_json(post("/api/$path", '',
		'Content-Type' => 'application/json')->body());
}

###############################################################################

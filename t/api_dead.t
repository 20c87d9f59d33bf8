#!/usr/bin/perl

# Tests for dead letters in the API: pages and filters, one of them, replay of
# one and of many, by two at once, while traffic flows, and what is dropped;
# and for deliveries whose endpoint is not configured any more.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP qw/ decode_json /;

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Policy qw/ begins /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

my %endpoint = (
	one => 'order strict;',
	two => 'order key $arg_k;',
	three => 'order none; header Cookie session=$arg_w; '
		. 'api_key header X-Key $arg_w;',
	slow => 'order strict; rate 50r/s burst=1;',
);

sub conf {
	my (@names) = @_;

	my $endpoints = join '', map { <<"EOC" } @names;

    webhook_endpoint $_ {
        url http://127.0.0.1:%%PORT_rx%%/$_?from=here;
        allow_http on;
        payload n;
        retry off;
        header X-Literal fixed;
        header X-Variable \$arg_v;
        bearer very-secret-token;
        api_key query key very-secret-key;
        $endpoint{$_}
    }
EOC

	my $locations = join '', map { <<"EOC" } @names;
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
    webhook_zone own 256k;

    webhook_payload n text {
        template "\${arg_n|none}";
        content_type text/plain;
    }
$endpoints
    server {
        listen 127.0.0.1:%%PORT_http%%;

$locations
        location /api { webhook_api write=on; }
        location /view { webhook_api; }
    }
}
EOC
}

$t->conf(conf(qw/ one slow three two /))->run();

###############################################################################

# pages

$rx->set(500);

get("/one?n=$_&v=x$_") for 1 .. 25;
get("/two?n=$_&k=" . $_ % 5) for 1 .. 20;
get("/three?n=$_") for 1 .. 10;

ok(wait_for(sub { dead() == 55 }, 20), 'dead letters');

my @all = pages('limit=7');

is(@all, 55, 'pages have all of them');
is(scalar(keys %{{ map { $_->{key} => 1 } @all }}), 55, 'each once');
ok(!grep({ $all[$_]{ended} < $all[$_ + 1]{ended} } 0 .. 53), 'latest first');

my ($d) = grep { $_->{endpoint} eq 'one' } reverse @all;

is(join(' ', sort keys %$d), 'attempts class end ended endpoint event id key '
	. 'status time', 'what is told of one');
is("$d->{event} $d->{end} $d->{attempts} $d->{class} $d->{status}",
	'a.one dead 1 status 500', 'its values');

is(scalar(pages('endpoint=two&limit=6')), 20, 'filter by endpoint');
is(scalar(pages('event=a.three')), 10, 'filter by event');
is(join(' ', map { $_->{key} } pages("id=$d->{id}")), $d->{key},
	'filter by id');
is(scalar(pages("since=$all[0]{ended}")), scalar(grep {
	$_->{ended} >= $all[0]{ended} } @all), 'filter by time, since');
is(scalar(pages("until=$all[0]{ended}&limit=9")), scalar(grep {
	$_->{ended} < $all[0]{ended} } @all), 'filter by time, until');
is(scalar(pages('endpoint=none')), 0, 'no such endpoint');
is(scalar(pages('status=500&class=status')), 55, 'filter by outcome');
is(scalar(pages('class=timeout')), 0, 'filter by another outcome');

# one of them

my $one = decode_json(get("/view/dead/$d->{key}")->body());

is($one->{body}, 1, 'the body');
is_deeply([map { "$_->{name}: $_->{value}" } @{$one->{headers}}],
	['Content-Type: text/plain', 'X-Variable: x1'], 'headers as captured');
unlike(get("/view/dead/$d->{key}")->body(), qr/very-secret/, 'no secret');

# one is replayed

$rx->set(200);
$rx->forget();

my $r = command('POST', "dead/$d->{key}/replay");
is($r->{replayed}, 1, 'one is replayed');
ok($rx->wait_requests(1, 10), 'and sent');
is($rx->request(0)->{header}{'webhook-id'}, $d->{id}, 'with its id');
is(get("/view/dead/$d->{key}")->status(), 404, 'it is no dead letter now');
is(status('POST', "dead/$d->{key}/replay"), 404, 'nor can it be replayed');
ok($rx->only_requests(1, 0.3), 'it is sent once');

# by two at once, over two workers

$rx->forget();

my @r = together(map { "POST /api/dead/replay?endpoint=one" } 1 .. 4);
my $sum = 0;
$sum += decode_json($_->body())->{replayed} for @r;

is($sum, 24, 'what several replay at once is replayed once');
ok($rx->wait_requests(24, 10), 'and sent');
ok($rx->only_requests(24, 0.3), 'once');
is(join(' ', map { $_->{body} } $rx->requests()), join(' ', 2 .. 25),
	'in order');

# in lanes, while events are captured, some at a time

$rx->forget();
my $n = 0;

my $next = '';

do {
	$r = command('POST', "dead/replay?endpoint=two&limit=6$next");
	$next = $r->{next} ? "&cursor=$r->{next}" : '';
	$n += $r->{replayed};
	get("/two?n=new$_&k=$_") for 0 .. 4;
} while ($next);

is($n, 20, 'all are replayed, some at a time');
ok(wait_for(sub { $rx->count() == 40 }, 20), 'and sent, new ones too')
	or diag($rx->count());

for my $k (0 .. 4) {
	is(join(' ', grep { /^\d+$/ && $_ % 5 == $k } $rx->bodies()),
		join(' ', grep { $_ % 5 == $k } 1 .. 20), "order of key $k");
}

# without an order

$rx->forget();
is(command('POST', 'dead/replay?event=a.three')->{replayed}, 10,
	'those without an order');
ok($rx->wait_requests(10, 10), 'they are sent');
is(dead(), 0, 'no dead letter is left');

# many, at the rate of their endpoint, while traffic flows

$rx->set(500);
command('POST', 'endpoints/slow/disable');
command('POST', 'endpoints/slow/enable');
get("/slow?n=$_") for 1 .. 30;
ok(wait_for(sub { dead() == 30 }, 20), 'many');

$rx->set(200);
$rx->forget();
my $mark = $t->log_mark();

is(command('POST', 'dead/replay')->{replayed}, 30, 'replayed');
ok($rx->wait_requests(30, 20), 'sent');

my @at = map { $_->{time} } begins('slow', $mark);
is(@at, 30, 'an attempt each');
cmp_ok($at[-1] - $at[0], '>=', 29 * 20 - 1, 'at the rate of the endpoint');
is(join(' ', $rx->bodies()), join(' ', 1 .. 30), 'in order');

# over a restart

$rx->set(500);
get("/one?n=$_") for 1 .. 5;
ok(wait_for(sub { dead() == 5 }, 10), 'dead once more');
$rx->set({ hang => 1 });
is(command('POST', 'dead/replay')->{replayed}, 5, 'replayed');
$t->kill_all();
$rx->set(200);
$rx->forget();
$t->start_again();
ok($rx->wait_requests(5, 20), 'what was replayed survives a kill');
is(join(' ', $rx->bodies()), '1 2 3 4 5', 'in order');

# purging

$rx->set(500);
get("/one?n=$_") for 1 .. 5;
get("/two?n=$_&k=1") for 1 .. 5;
ok(wait_for(sub { dead() == 10 }, 10), 'dead to be dropped');

my ($last) = pages('endpoint=two&limit=1');

is(status('DELETE', 'dead'), 400, 'not all of them by mistake');
is(command('DELETE', "dead/$last->{key}")->{dropped}, 1, 'one is dropped');
is(status('DELETE', "dead/$last->{key}"), 404, 'once');
is(command('DELETE', 'dead?endpoint=one')->{dropped}, 5, 'by a filter');
is(dead(), 4, 'the others are there');
is(command('DELETE', 'dead?all=1')->{dropped}, 4, 'all of them');
is(dead(), 0, 'there is none');

my $ends = decode_json(get('/view/endpoints/one')->body())->{ends};
is($ends->{dropped}, 5, 'they have ended as dropped');

# orphans

command('POST', "endpoints/$_/disable") for qw/ one two /;
get("/one?n=$_") for 1 .. 5;
get("/two?n=$_&k=1") for 1 .. 4;

ok(wait_for(sub { queue('one') == 5 && queue('two') == 4 }, 10), 'waiting');
is_deeply(decode_json(get('/view/orphans')->body())->{orphans}, [],
	'no orphans');
is(status('DELETE', 'orphans/one'), 409, 'an endpoint is no orphan');

$t->conf(conf(qw/ slow three /));
ok($t->reload(), 'reload');

ok(wait_for(sub { orphans() eq 'one 5, two 4' }, 10), 'orphans')
	or diag(orphans());

$rx->set(200);
$rx->forget();

is(command('POST', 'orphans/two/move?to=three')->{moved}, 4, 'moved');
ok($rx->wait_requests(4, 10), 'and sent');
is(join(' ', map { $_->{target} } ($rx->requests())[0]),
	'/three?from=here&key=very-secret-key', 'by their new endpoint');

is(command('DELETE', 'orphans/one')->{dropped}, 5, 'dropped');
is(orphans(), '', 'no orphans any more');
is(status('POST', 'orphans/one/move?to=nobody'), 400, 'moved to nobody');

# what the history masks is masked, and all of an endpoint that nobody knows

$rx->set(500);
get('/three?n=masked&v=seen&w=not-seen');
ok(wait_for(sub { @all = pages('endpoint=three') }, 10), 'a dead letter');

is(join(' ', headers($all[0])), 'Content-Type:text/plain X-Variable:seen '
	. 'Cookie:*** X-Key:***', 'keys and cookies are masked');

$t->conf(conf(qw/ slow /));
ok($t->reload(), 'reload without its endpoint');

is(join(' ', headers($all[0])), 'Content-Type:text/plain X-Variable:*** '
	. 'Cookie:*** X-Key:***', 'all values are masked');

done_testing();

###############################################################################

sub headers {
	my ($letter) = @_;
	my $whole = decode_json(get("/view/dead/$letter->{key}")->body());

	return map { "$_->{name}:$_->{value}" } @{$whole->{headers}};
}

sub dead { scalar(() = pages('limit=1000')) }

sub pages {
	my ($args) = @_;
	my (@all, $next);

	do {
		my $r = get("/view/dead?$args" . ($next ? "&cursor=$next" : ''));
		my $page = decode_json($r->body());
		push @all, @{$page->{dead}};
		$next = $page->{next};
	} while ($next);

	return @all;
}

sub queue {
	my ($name) = @_;
	return scalar @{decode_json(get("/view/endpoints/$name/queue")->body())
		->{deliveries}};
}

sub orphans {
	return join ', ', sort map { "$_->{endpoint} $_->{deliveries}" }
		@{decode_json(get('/view/orphans')->body())->{orphans}};
}

sub ask {
	my ($method, $path) = @_;
	return $t->request($method, "/api/$path", '',
		'Content-Type' => 'application/json');
}

sub status { ask(@_)->status() }
sub command { decode_json(ask(@_)->body()) }

# requests that are in flight at the same time

sub together {
	my (@lines) = @_;

	my @s = map { Test::Webhook::connect_port($t, 'http') } @lines;

	for my $i (0 .. $#s) {
		Test::Webhook::send_all($s[$i], "$lines[$i] HTTP/1.1\r\n"
			. "Host: localhost\r\nConnection: close\r\n"
			. "Content-Type: application/json\r\n"
			. "Content-Length: 0\r\n\r\n", time() + 10);
	}

	return map { Test::Webhook::parse_response(
		Test::Webhook::read_response($_, 'POST', time() + 10),
		method => 'POST') } @s;
}

###############################################################################

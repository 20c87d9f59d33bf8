#!/usr/bin/perl

# Tests for endpoints that operators pause: what is captured meanwhile is held
# and sent in order, nothing is disabled by it, nobody is told, and it outlasts
# all but the operator.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP qw/ decode_json /;
use Time::HiRes qw/ time sleep /;

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Policy qw/ policy state bodies n gate begins /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

my %endpoint = (
	order => '',
	drop => 'while_disabled drop; retry 10ms;',
	dead => 'while_disabled dead;',
	clock => 'retry 10ms 10ms; expire 3s;',
	flight => 'disable consecutive=2; retry 10ms; while_disabled drop;',
	gone => 'retry 10ms;',
	quota => 'quota 1/3s;',
	off => 'disable consecutive=1; retry off; while_disabled drop;',
	kept => '',
	gate => '',
	notices => 'event_headers on;',
);

policy($t, $rx, \%endpoint, view => 1, bare => ['notices'],
	http => <<'EOC')->run();
    webhook_notify endpoint=notices;
EOC

###############################################################################

# what is captured meanwhile waits, and is sent in order

my $s = command('order', 'pause');
is("$s->{state} $s->{reason}", 'paused pause', 'paused');
ok(abs($s->{since} / 1000 - time()) < 10, 'since when');
ok($s->{stored}, 'the store has it');
ok(!exists $s->{until} && !exists $s->{probe}, 'it has no end of its own');
ok($t->wait_log(qr/\[notice\].*"order" is paused by an operator/, 5),
	'it is logged');

my $since = $s->{since};
$s = command('order', 'pause');
is($s->{since}, $since, 'a command may be repeated');

get("/order?n=$_") for 1 .. 20;
gate();
is(n('/order'), 0, 'nothing is sent');

like(get('/metrics')->body(),
	qr/endpoint_state\{endpoint="order",state="paused"\} 1/, 'in metrics');
like(get('/metrics')->body(),
	qr/endpoint_state\{endpoint="order",state="disabled"\} 0/,
	'it is not disabled');

is(post('/api/endpoints/order/test', '', json())->status(), 200,
	'a test is sent nevertheless');

$s = command('order', 'resume');
is($s->{state}, 'enabled', 'resumed');
ok($t->wait_log(qr/\[notice\].*"order" is resumed after \d+ ms/, 5),
	'that is logged');
ok(wait_for(sub { n('/order') == 21 }, 20), 'what has waited is sent');
is(join(' ', grep { length } bodies('/order')), join(' ', 1 .. 20),
	'in its order');
is(command('order', 'resume')->{state}, 'enabled', 'resumed twice');

# "while_disabled" is not about pauses

for (qw/ drop dead /) {
	command($_, 'pause');
	get("/$_?n=1");
	get("/$_?n=2");
	gate();
	command($_, 'resume');
	ok(wait_for(sub { n("/$_") == 2 }, 10), "while_disabled $_: both are sent");
	my $name = $_;
	wait_for(sub { state($name)->{ends}{delivered} == 2 }, 10);
	is_deeply(state($_)->{ends}, { delivered => 2, dead => 0, expired => 0,
		dropped => 0 }, "while_disabled $_: nothing was refused");
}

# clocks stand still: a Retry-After added to the time of the pause is beyond
# "expire", and added to the rest it is not

$rx->set(rules => { '*' => 200, '/clock' => [{ hang => 1, status => 500 },
	{ status => 429, headers => [['Retry-After', 1]] }, 200] });
get('/clock?n=1');
ok(wait_for(sub { n('/clock') == 1 }, 10), 'an attempt');
command('clock', 'pause');
$rx->release();
ok($t->wait_log(qr/failed:.*"clock"/, 10), 'fails');

my ($begin) = begins('clock');
wait_for(sub { time() * 1000 > $begin->{time} + 2100 }, 10);
is(n('/clock'), 1, 'no retry while paused');
command('clock', 'resume');
ok(wait_for(sub { state('clock')->{ends}{delivered} == 1 }, 10),
	'it has not expired, and is delivered');

# an attempt is on its way when the endpoint is paused

for (['flight', 500], ['gone', 410]) {
	my ($name, $status) = @$_;

	$rx->set(rules => { "/$name" => { status => $status, delay => 2 },
		'*' => 200 });
	get("/$name?n=1");
	ok(wait_for(sub { n("/$name") == 1 }, 10), "$name: on its way");
	command($name, 'pause');
	ok($t->wait_log(qr/failed: (?:status|gone)[^\n]*"$name"/, 10),
		"$name: it has failed");
	get("/$name?n=2");
	gate();

	is(state($name)->{reason}, 'pause', "$name: paused nevertheless");

	$rx->set(200);
	command($name, 'resume');
	ok(wait_for(sub { state($name)->{ends}{delivered} == 2 }, 10),
		"$name: all is delivered");
	is(join(' ', bodies("/$name")), '1 1 2', "$name: in order");
}

# a quota

get("/quota?n=$_") for 1, 2;
ok($t->wait_log(qr/"quota" is paused for \d+ ms: its quota/, 10),
	'paused by a quota');
is(command('quota', 'resume')->{reason}, 'quota', 'that is not resumed');
is(command('quota', 'pause')->{reason}, 'pause', 'it may be paused, too');

my $until = state('quota')->{quota}{until};
ok(wait_for(sub { !state('quota')->{quota}{used} }, 10), 'the quota ends');
cmp_ok(time() * 1000, '>=', $until, 'in its time');
is(state('quota')->{reason}, 'pause', 'it is paused nevertheless');
is(n('/quota'), 1, 'nothing is sent');
command('quota', 'resume');
ok(wait_for(sub { n('/quota') == 2 }, 10), 'until it is resumed');

# enabled and disabled

command('order', 'pause');
get('/order?n=30');
$s = command('order', 'enable');
is($s->{state}, 'enabled', 'enabling resumes');
ok(wait_for(sub { grep { $_ eq '30' } bodies('/order') }, 10), 'it is sent');

command('drop', 'pause');
get('/drop?n=held');
sleep 0.01;
is(command('drop', 'disable')->{reason}, 'operator', 'disabled while paused');
sleep 0.01;
get('/drop?n=dropped');
ok(wait_for(sub { state('drop')->{ends}{dropped} == 1 }, 10),
	'"while_disabled" holds from then on');

my $r = post('/api/endpoints/drop/pause', '', json());
is($r->status(), 409, 'what is disabled cannot be paused');
is(decode_json($r->body())->{error}{code}, 'endpoint_disabled', 'its code');
is(command('drop', 'resume')->{reason}, 'operator', 'nor resumed');
command('drop', 'enable');
ok(wait_for(sub { grep { $_ eq 'held' } bodies('/drop') }, 10),
	'what was captured during the pause is sent');
ok(!(grep { $_ eq 'dropped' } bodies('/drop')), 'and nothing else');

$rx->set(rules => { '/off' => 500, '*' => 200 });
get('/off?n=1');
ok($t->wait_log(qr/"off" is disabled: 1 failure in a row/, 10), 'disabled');
is(post('/api/endpoints/off/pause', '', json())->status(), 409,
	'by failures, likewise');

# a reload, and all are killed

command('kept', 'pause');
get('/kept?n=1');
$t->reload();
get('/kept?n=2');
gate();
is(state('kept')->{reason}, 'pause', 'a reload does not resume');

$t->kill_all();
$t->start_again();
is(state('kept')->{reason}, 'pause', 'nor does a kill of all processes');
get('/kept?n=3');
gate();
is(n('/kept'), 0, 'nothing was sent');
$rx->set(200);
command('kept', 'resume');
ok(wait_for(sub { n('/kept') == 3 }, 20), 'nothing was lost');
is(join(' ', bodies('/kept')), '1 2 3', 'nor its order');

# who is told

my @told = map { "$_->{data}{endpoint} $_->{type}" }
	map { decode_json($_) } bodies('/notices');
ok(!(grep { !/^(?:drop|off) webhook\.endpoint\./ } @told),
	'nobody is told of pauses') or diag("@told");
ok((grep { $_ eq 'drop webhook.endpoint.disabled' } @told),
	'but of what is disabled');

# errors

for my $command (qw/ pause resume /) {
	is_error(post("/api/endpoints/none/$command", '', json()), 404,
		'no_such_endpoint', "$command: unknown endpoint");
	is_error(post("/view/endpoints/order/$command", '', json()), 403,
		'read_only', "$command: read-only location");
	is_error(post("/api/endpoints/order/$command", '', json(),
		Origin => 'https://evil.example'), 403, 'cross_site',
		"$command: for another site");
	is_error(post("/api/endpoints/order/$command", '',
		'Content-Type' => 'text/plain'), 415, 'content_type',
		"$command: content type");
	is_error(post("/api/endpoints/order/$command?x=1", '', json()), 400,
		'unknown_argument', "$command: argument");
	is_error(post("/api/endpoints/order/$command", 'x' x 70000, json()), 413,
		'body_too_large', "$command: oversized body");

	$r = get("/api/endpoints/order/$command");
	is_error($r, 405, 'method_not_allowed', "$command: method");
	is($r->header('Allow'), 'POST', "$command: what is allowed");
}

is(state('order')->{state}, 'enabled', 'errors pause nothing');

done_testing();

###############################################################################

sub json { ('Content-Type' => 'application/json') }
sub command {
	my ($name, $verb) = @_;
	my $r = post("/api/endpoints/$name/$verb", '', json());

	return $r->status() == 200 ? decode_json($r->body())
		: die "$verb $name: " . $r->status() . ' ' . $r->body();
}

sub is_error {
	my ($r, $status, $code, $name) = @_;
	my $e = eval { decode_json($r->body())->{error} } || {};

	is($r->status() . ' ' . ($e->{code} || $r->body()), "$status $code",
		$name);
}

###############################################################################

#!/usr/bin/perl

# Tests for endpoints that are disabled: by failures, their own or those of a
# zone, by 410 and by operators; and for what becomes of events meanwhile.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP qw/ decode_json /;
use Time::HiRes qw/ time /;

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Policy qw/ policy state command bodies n gate begins ends
	in_a_row row /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

my %endpoint = (
	a => 'zone all; retry off;',
	b => 'zone all; retry off;',
	c => 'zone all; retry off; order none;',
	window => 'disable 2/1h; retry 10ms 10ms 10ms 10ms;',
	first => 'disable 2/1h count=first; retry 10ms 10ms;',
	late => 'disable 1/50ms; retry 200ms 200ms ' . '10ms ' x 30 . ';',
	ban => 'disable 1/1h for=300ms; retry 10ms 10ms;',
	row => 'disable consecutive=3; retry off;',
	after => 'disable after=150ms; retry 100ms 100ms 100ms;',
	gone => 'retry 10ms;',
	clock => 'disable consecutive=1; retry 1h; expire 2h;',
	expire => 'retry 10ms 10ms; expire 3s;',
	keyed => 'order key $arg_k; retry off;',
	drop => 'while_disabled drop; retry 10ms;',
	dead => 'while_disabled dead; retry 10ms;',
	probe => 'disable consecutive=1; probe 100ms; retry 1h;',
	next => 'disable consecutive=1; probe 100ms; retry off;',
	both => 'disable 1/1s for=100ms; disable consecutive=6; retry '
		. '10ms ' x 12 . ';',
	longest => 'disable 1/1h for=50ms; disable 1/1h for=1h; retry 10ms 10ms;',
	poison => 'disable consecutive=1; probe 100ms; retry 1h; permanent 400;',
	gate => '',
);

policy($t, $rx, \%endpoint, lines => 'zone own;', view => 1,
	http => <<'EOC')->run();
    webhook_zone own 256k;
    webhook_zone all 256k disable=30/30m;
EOC

###############################################################################

# the 31st failure, over three endpoints and two workers

$rx->set(rules => { map { ("/$_" => 500) } qw/ a b c / });

get("/$_") for (qw/ a b c /) x 10;
ok($rx->wait_requests(30, 20), 'attempts');
ok(wait_for(sub { $t->find_in_log(qr/failed:.*it is dead.*"[abc]"/) == 30
	}, 20), 'all have failed');
is(scalar(() = $t->find_in_log(qr/is disabled/)), 0, '30 are tolerated');
is(state('a')->{zone_window}{failures}, 30, 'they are counted');

get('/b');

ok($t->wait_log(qr/"$_" is disabled: 31 failures in 1800000 ms of the endpoints of zone "all"/, 10),
	"the 31st one disables $_") for qw/ a b c /;

is(state($_)->{reason}, 'zone', "$_ is disabled") for qw/ a b c /;
is(state('ban')->{state}, 'enabled', 'an endpoint of another zone is not');

$rx->set(200);
$rx->forget();

get("/$_?n=$_") for qw/ a b c /;
get("/a?n=$_") for 1 .. 5;
gate();
is($rx->count(), 1, 'no attempt while disabled');

is(scalar(() = $t->find_in_log(qr/is disabled/)), 3, 'each transition once');

$rx->forget();
ok(command('a', 'enable'), 'enabled');
ok($rx->wait_requests(6, 10), 'events that were held are sent');
is(join(' ', $rx->bodies()), 'a 1 2 3 4 5', 'in their order');
is(state('a')->{zone_window}{failures}, 0, 'the window is empty again');
is(state('b')->{state}, 'disabled', 'the others are disabled still');

$rx->forget();
command($_, 'enable') for qw/ b c /;
ok($rx->wait_requests(2, 10), 'until they are enabled, too');

# windows

$rx->set(rules => { '/gate' => 200, '*' => 500 });
$rx->forget();
get('/window');
ok($t->wait_log(qr/"window" is disabled: 3 failures in 3600000 ms/, 10),
	'window of an endpoint');
gate();
is(n('/window'), 3, 'no attempt follows');

get('/first');
ok($t->wait_log(qr/failed:.*it is dead.*"first"/, 10),
	'retries do not count as first attempts');
is(state('first')->{windows}[0]{failures}, 1, 'only the first one counts');

get('/late');
ok($t->wait_log(qr/"late" is disabled: 2 failures in 50 ms/, 10),
	'the window slides');

my @late = map { $_->{time} } ends('late');
my @gaps = map { $late[$_] - $late[$_ - 1] } 1 .. $#late;
cmp_ok(pop @gaps, '<=', 50, 'it has to be so many in so short a time');
is(scalar(grep { $_ <= 50 } @gaps), 0, 'and not in a longer one');

# a ban

get('/ban');
ok($t->wait_log(qr/"ban" is disabled: 2 failures in 3600000 ms, for 300 ms/,
	10), 'ban');
$rx->set(200);
ok($t->wait_log(qr/"ban" is enabled: its ban is over/, 10),
	'a ban ends by itself');
ok(wait_for(sub { n('/ban') == 3 }, 10), 'and the event is sent');
is(scalar(() = $t->find_in_log(qr/"ban" is enabled/)), 1, 'once');

# failures in a row

$rx->set(rules => { '/row' => [500, 500, 200, 500, 500, 500], '*' => 200 });
get('/row') for 1 .. 6;
ok($t->wait_log(qr/"row" is disabled: 3 failures in a row/, 10),
	'failures in a row');
is(n('/row'), 6, 'a success ends a row');

# no success for a time

$rx->set(500);
get('/after');
my $row = in_a_row('after');
is($row, row('after', 150), 'no success for a time');
cmp_ok($row, '>', 1, 'a single failure is no time');

# 410

$rx->set(rules => { '/gone' => [410, 200], '/gate' => 200, '*' => 500 });
get('/gone');
ok($t->wait_log(qr/"gone" is disabled: it has answered 410/, 10), 'answer 410');
is(state('gone')->{reason}, 'gone', '410 in the state');
command('gone', 'enable');
ok(wait_for(sub { n('/gone') == 2 }, 10), 'the delivery goes on');

# the clock stands still: the retry is due in an hour, of being enabled

get('/clock');
ok($t->wait_log(qr/"clock" is disabled: 1 failure in a row/, 10), 'disabled');
command('clock', 'enable');
gate();
is(n('/clock'), 1, 'enabling sends nothing that is not due');

# disabled during the first attempt; a Retry-After added to the time until it is
# enabled is beyond "expire", and added to the rest it is not

$rx->set(rules => { '*' => 500, '/expire' => [{ hang => 1, status => 500 },
	{ status => 429, headers => [['Retry-After', 1]] }, 200] });
get('/expire');
ok(wait_for(sub { n('/expire') == 1 }, 10), 'an attempt');
command('expire', 'disable');
ok($t->wait_log(qr/"expire" is disabled: by an operator/, 10), 'by an operator');
$rx->release();
ok($t->wait_log(qr/failed:.*"expire"/, 10), 'its failure');
my ($begin) = begins('expire');
wait_for(sub { time() * 1000 > $begin->{time} + 2100 }, 10);
is(n('/expire'), 1, 'the retry is not made');
command('expire', 'enable');
ok(wait_for(sub { state('expire')->{ends}{delivered} == 1 }, 10),
	'nor is it expired');

# lanes of keys

command('keyed', 'disable');
get("/keyed?k=$_&n=$_") for 1 .. 20;
gate();
is(n('/keyed'), 0, 'lanes of keys are held');
command('keyed', 'enable');
ok(wait_for(sub { n('/keyed') == 20 }, 10), 'all of them go on');

# while_disabled

for my $e (qw/ drop dead /) {
	$rx->set(rules => { "/$e" => [500, { hang => 1 }], '*' => 200 });
	$rx->forget();

	# the first event is the backlog

	get("/$e?n=1");
	ok(wait_for(sub { n("/$e") == 2 }, 10), 'backlog');
	command($e, 'disable');

	# what was captured in the very millisecond may be of the backlog

	my $disabled = state($e)->{since};
	wait_for(sub { time() * 1000 > $disabled + 2 }, 5);
	get("/$e?n=2") for 1 .. 3;

	my $name = $e eq 'drop' ? 'dropped' : 'dead';

	ok(wait_for(sub {
		my $n = 0;
		$n += $_ for $t->read_file('error.log')
			=~ /"$e" is disabled, (\d+) events? (?:is|are) $name/g;
		return $n == 3;
	}, 10), "$e: what is captured while disabled is $name, each is told");
	ok(wait_for(sub { state($e)->{ends}{$name} == 3 }, 10), 'counted');

	$rx->set(200);
	$rx->release(500);
	ok($t->wait_log(qr/failed:.*"$e".*attempt: 2/, 10),
		'attempt that was on its way');
	command($e, 'enable');
	gate();
	get("/$e?n=3");
	ok(wait_for(sub { grep { $_ eq 3 } bodies("/$e") }, 10), 'enabled again');
	is(join(' ', grep { $_ eq 2 } bodies("/$e")), '', 'none of them is sent');
}

# probes

$rx->set(rules => { '/probe' => [500, 500, 200], '*' => 200 });
get("/probe?n=$_") for 1 .. 3;
ok($t->wait_log(qr/probe failed:.*"probe"/, 10), 'a probe');
ok($t->wait_log(qr/"probe" is enabled: a probe has succeeded/, 10),
	'its success enables');
ok(wait_for(sub { n('/probe') == 5 }, 10), 'all are sent');
is(join(' ', bodies('/probe')), '1 1 1 2 3', 'the oldest one was the probe');

$rx->set(rules => { '/next' => [500, 200], '*' => 200 });
get('/next?n=1');
ok($t->wait_log(qr/"next" is disabled/, 10), 'without a backlog');
wait_for(sub { state('next')->{probe} < time() * 1000 }, 5);
is(n('/next'), 1, 'there is nothing to probe with');
get('/next?n=2');
ok($t->wait_log(qr/"next" is enabled: a probe has succeeded/, 10),
	'the next event is the probe');

# the API

my $list = decode_json(get('/api/endpoints')->body());
is(scalar @{$list->{endpoints}}, scalar keys %endpoint, 'all endpoints');
is(get('/api/endpoints/none')->status(), 404, 'unknown endpoint');
is(get('/api/other')->status(), 404, 'unknown route');
is(get('/api/endpoints/a/enable')->status(), 405, 'a command by GET');
is(post('/api/endpoints/a/none', '')->status(), 404, 'unknown command');
is(post('/api/endpoints', '')->status(), 405, 'a list by POST');
is(post('/view/endpoints/a/disable', '')->status(), 403,
	'no command without write=on');

my @json = ('Content-Type' => 'application/json');

for my $h (['Sec-Fetch-Site' => 'cross-site'], ['Sec-Fetch-Site' => 'same-site'],
	[Origin => 'http://evil.example'], [Origin => 'null'])
{
	is(post('/api/endpoints/a/disable', '', @json, @$h)->status(), 403,
		"no command from $h->[1]");
}

is(state('a')->{state}, 'enabled', 'and none is obeyed');
is(post('/api/endpoints/a/disable', '', @json, Origin => 'http://localhost',
	'Sec-Fetch-Site' => 'same-origin')->status(), 200, 'from the same site');
is(state('a')->{reason}, 'operator', 'it is');
is(post('/api/endpoints/a/disable', '', @json)->status(), 200,
	'a command may be repeated');
is(scalar(() = $t->find_in_log(qr/"a" is disabled: by an operator/)), 1,
	'without another transition');

# windows beside a ban: its end is no success

$rx->set(rules => { '/both' => 500, '/longest' => 500, '/poison' => [500, 400],
	'*' => 200 });
$rx->forget();

get('/both?n=1');
ok($t->wait_log(qr/"both" is disabled: 6 failures in a row/, 10),
	'failures in a row go on through bans');
ok($t->find_in_log(qr/"both" is enabled: its ban is over/), 'there were some');

get('/longest?n=1');
ok($t->wait_log(qr/"longest" is disabled: 2 failures in 3600000 ms, for 3600000 ms/,
	10), 'of two bans the longer counts');

# a probe with an event that is refused for good

get('/poison?n=1');
ok($t->wait_log(qr/"poison" is disabled/, 10), 'an endpoint is disabled');
get('/poison?n=2');
ok($t->wait_log(qr/(?:probe failed: status, status 400|failed: status, status 400, it is dead, endpoint: "poison")/, 10),
	'a probe is refused for good');
ok($t->wait_log(qr/status 400, it is dead, endpoint: "poison"/, 10),
	'that ends its event');
$rx->set(200);
ok($t->wait_log(qr/"poison" is enabled: a probe has succeeded/, 10),
	'the next one enables');

done_testing();

###############################################################################

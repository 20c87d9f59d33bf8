#!/usr/bin/perl

# Just inside and just outside of what the policy of an endpoint says, where
# other tests do not look: t/delivery_retry.t, t/delivery_throttle.t,
# t/disable.t, t/policy_pipedrive.t.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Time::HiRes qw/ time /;

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Policy qw/ policy state command n /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

my %endpoint = (
	a => 'zone all; retry off; order none; concurrency 4;',
	b => 'zone all; retry off; order key $arg_k; concurrency 4;',
	c => 'zone all; retry off;',
	equal => 'retry 20ms 80ms 10ms; expire 100ms;',
	less => 'retry 20ms 80ms 10ms; expire 99ms;',
	age => 'retry 200ms 200ms 3s; max_age 3s;',
	first => 'retry off; disable consecutive=1; probe 100ms; '
		. 'while_disabled dead;',
	stale => 'retry 50ms 1h; max_age 1s; disable consecutive=1; '
		. 'probe 1200ms; timeout 1s;',
	paced => 'disable consecutive=2; retry 20ms 20ms;',
	counted => 'disable consecutive=2; count_throttled on; retry 20ms 20ms;',
	window => 'disable 1/1h; retry 20ms 20ms;',
	probe => 'disable consecutive=1; probe 300ms; retry 10ms;',
	two => 'disable 1/900ms; disable 3/1h; count_throttled on; retry 10ms;',
);

policy($t, $rx, \%endpoint, workers => 4, lines => 'zone own;',
	listen => 'reuseport', http => <<'EOC')->run();
    webhook_zone own 256k;
    webhook_zone all 256k disable=30/30m;
EOC

###############################################################################

# the 31st failure, over three endpoints and four workers

$rx->set(500);

for my $k (1 .. 15) {
	get("/$_?k=$k") for qw/ a b /;
}

ok(wait_for(sub { $t->find_in_log(qr/webhook attempt failed/) == 30
	}, 20), '30 failures of two endpoints');

my %slot = map { /slot (\d+)/ ? ($1 => 1) : () }
	$t->find_in_log(qr/webhook attempt end/);

cmp_ok(keys %slot, '>', 1, 'by several workers');
is(scalar(() = $t->find_in_log(qr/is disabled/)), 0, 'are tolerated');

get('/c');

ok($t->wait_log(qr/"$_" is disabled: 31 failures in 1800000 ms of the endpoints of zone "all"/, 10),
	"one more, of another, disables $_") for qw/ a b c /;

is(state($_)->{reason}, 'zone', "$_ is disabled") for qw/ a b c /;

# many at a time: some are on their way when there are enough

for my $round (1 .. 3) {
	my $mark = $t->log_mark();

	command($_, 'enable') for qw/ a b c /;

	for my $k (1 .. 25) {
		get("/$_?k=$k") for qw/ a b c /;
	}

	ok($t->wait_log(qr/"$_" is disabled: 31 failures/, 10, $mark),
		"$_ is disabled, round $round") for qw/ a b c /;
	is(scalar(() = $t->find_in_log(qr/is disabled/, $mark)), 3,
		'each of them once');
}

$rx->set(200);
command($_, 'enable') for qw/ a b c /;
ok(wait_for(sub {
	my $left = 0;

	for (qw/ a b c /) {
		my $e = state($_)->{ends};
		$left += $e->{delivered} + $e->{dead};
	}

	return $left == 31 + 3 * 75;
}, 20), 'all deliveries have ended');

# expire, of planned times: attempts at 0, 20, 100 and no more

$rx->set(rules => { map { ("/$_" => 500) } qw/ equal less / });
$rx->forget();

get('/equal');
get('/less');
ok($t->wait_log(qr/it has expired, endpoint: "$_"/, 10), "$_ has expired")
	for qw/ equal less /;
is(n('/equal'), 3, 'an attempt planned just at the end is made');
is(n('/less'), 2, 'and none a millisecond behind it');

# max_age: attempts at 0, 200, 400, and not at 3400

$rx->set(rules => { '/age' => 500 });

get('/age');
ok($t->wait_log(qr/attempt failed: .* it has expired, endpoint: "age"/, 10),
	'expired before its age');
is(n('/age'), 3, 'attempts within max_age are made');

# a probe does not send what is too old

$rx->set(rules => { '/stale' => [500, 200], '*' => 200 });

get('/stale');
ok($t->wait_log(qr/older than "max_age", it has expired, endpoint: "stale"/, 10),
	'too old for a probe');
is(n('/stale'), 1, 'and not sent');

# without a backlog the next event is the probe, whatever becomes of others

$rx->set(rules => { '/first' => [500, 200], '*' => 200 });

get('/first?n=1');
ok($t->wait_log(qr/"first" is disabled/, 10), 'nothing to probe with');
wait_for(sub { state('first')->{probe} < time() * 1000 }, 5);
get('/first?n=2');
ok($t->wait_log(qr/"first" is enabled: a probe has succeeded/, 10),
	'but the next event');

# throttled attempts in windows

$rx->set(rules => { '/paced' => [429, 429, 429, 429, 500, 200, 429, 500, 429, 500],
	'/counted' => [429, 429], '*' => 200 });
$rx->forget();

get('/paced');
ok(wait_for(sub { n('/paced') == 6 }, 10), 'throttled attempts do not count');
is(state('paced')->{state}, 'enabled', 'a failure and a success');

get('/paced');
ok($t->wait_log(qr/"paced" is disabled: 2 failures in a row/, 10),
	'nor do they end a row');
is(n('/paced'), 10, 'of two failures');

get('/counted');
ok($t->wait_log(qr/"counted" is disabled: 2 failures in a row/, 10),
	'with count_throttled they do');
is(n('/counted'), 2, 'each of them');

# N and N + 1

$rx->set(rules => { '/window' => [500, 200, 500], '*' => 200 });
$rx->forget();

get('/window');
ok(wait_for(sub { n('/window') == 2 }, 10), 'a failure that is tolerated');
is(state('window')->{state}, 'enabled', 'and a success');
get('/window');
ok($t->wait_log(qr/"window" is disabled: 2 failures in 3600000 ms/, 10),
	'a success does not empty a window');
is(n('/window'), 3, 'one more is too many');

# of two windows one slides, the other one does not: a second from an answer on
# is one between failures, which delays of planned times are not

$rx->set(rules => { '*' => 200,
	'/two' => { status => 429, headers => [['Retry-After', 1]] } });

get('/two');
ok($t->wait_log(qr/"two" is disabled: 4 failures in 3600000 ms/, 10),
	'failures are counted in a long time, and not in a short one');

# a probe is not sent before its time

$rx->set(rules => { '/probe' => [500, 500, 200], '*' => 200 });
$rx->forget();

get('/probe');
ok($t->wait_log(qr/"probe" is enabled: a probe has succeeded/, 10), 'probes');

my @r = grep { $_->{target} eq '/probe' } $rx->requests();
cmp_ok($r[1]{time} - $r[0]{time}, '>', 0.298, 'the first one in its time');
cmp_ok($r[2]{time} - $r[1]{time}, '>', 0.298, 'the next one again');

$t->stop();
$t->finish();
done_testing();

###############################################################################

#!/usr/bin/perl

# Tests for rates and quotas: of endpoints and zones, over several workers.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Time::HiRes qw/ time /;

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Policy qw/ policy state command bodies n gate begins /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

my %endpoint = (
	rate => 'rate 20r/s;',
	burst => 'rate 1r/h burst=3;',
	keyed => 'rate 20r/s burst=2; order key $arg_k;',
	none => 'rate 50r/s; order none; concurrency 2;',
	limited => 'rate 20r/s; retry 10ms 10ms 10ms 10ms;',
	slow => 'rate 1r/d; disable consecutive=1; probe 50ms; '
		. 'order key $arg_k; retry off;',
	quota => 'quota 3/2s; order key $arg_k;',
	retries => 'quota 2/1h; retry 10ms 10ms 10ms;',
	clock => 'quota 1/1h; retry 10ms 10ms; expire 3s; order none;',
	operator => 'quota 2/1h;',
	kept => 'quota 2/1h;',
	drop => 'quota 1/1h; while_disabled drop;',
	z1 => 'zone few;',
	z2 => 'zone few; order none;',
	own => 'zone many; quota 1/1h;',
	raised => 'quota 1/1h;',
	removed => 'quota 1/1h;',
	same => 'quota 1/1h;',
	z3 => 'zone raised;',
	gate => '',
);

policy($t, $rx, \%endpoint, http => <<'EOC')->run();
    webhook_zone webhook 256k;
    webhook_zone few 256k quota=4/1h;
    webhook_zone many 256k quota=1000/1h;
    webhook_zone raised 256k quota=1/1h;
EOC

###############################################################################

# rates: n attempts take n - burst intervals, and no less

get("/rate?n=$_") for 1 .. 10;
ok(wait_for(sub { n('/rate') == 10 }, 10), 'all are sent');
is(join(' ', bodies('/rate')), join(' ', 1 .. 10), 'in their order');
paced('/rate', 20, 1);

get("/keyed?k=$_") for 1 .. 12;
ok(wait_for(sub { n('/keyed') == 12 }, 10), 'lanes of several workers');
paced('/keyed', 20, 2);

get('/none') for 1 .. 12;
ok(wait_for(sub { n('/none') == 12 }, 10), 'without an order');
paced('/none', 50, 1);

get("/burst?n=$_") for 1 .. 4;
ok(wait_for(sub { n('/burst') == 3 }, 10), 'a burst');
gate();
is(n('/burst'), 3, 'is as large as it says');

$rx->set(rules => { '/limited' => 500, '*' => 200 });
get('/limited');
ok(wait_for(sub { n('/limited') == 5 }, 10), 'retries');
paced('/limited', 20, 1);

# a lane that waits for the rate is of use for a probe

$rx->set(rules => { '/slow' => [500, 200], '*' => 200 });
get("/slow?k=1&n=1");
ok($t->wait_log(qr/"slow" is disabled/, 10), 'disabled');
get("/slow?k=$_&n=2") for 2, 3;
ok($t->wait_log(qr/"slow" is enabled: a probe has succeeded/, 10),
	'a probe needs no rate');

# quotas

get("/quota?k=$_&n=$_") for 1 .. 7;
ok($t->wait_log(qr/"quota" is paused for \d+ ms: its quota of 3 in 2000 ms is used up/, 10),
	'over quota');
ok($t->wait_log(qr/"quota" is resumed after \d+ ms/, 10), 'resumed by itself');
ok(wait_for(sub { n('/quota') == 7 }, 20), 'none is lost');

# with at most 3 of 7 in a window the last but one is not in the first window,
# and the last one is alone in a third one: by the clock of those who send

my @at = times_of('quota');
is(@at, 7, 'an attempt each');
cmp_ok($at[5] - $at[0], '>=', 2000, 'the window begins with the first one');
cmp_ok($at[6] - $at[0], '>=', 4000, 'and the next one likewise');

$rx->set(rules => { '/retries' => [500, 500, 500, 200], '*' => 200 });
get("/retries?n=$_") for 1, 2;
ok(wait_for(sub { n('/retries') == 5 }, 10), 'retries do not count');
is(state('retries')->{quota}{used}, 2, 'first attempts do');

# the first one fails after the second one has paused; a Retry-After added to
# the time of the pause is beyond "expire", and added to the rest it is not

my $later = { status => 429, headers => [['Retry-After', 1]] };

$rx->set(rules => { '*' => 200, '/clock' => [{ hang => 1, status => 500 },
	$later, $later, 200] });
get("/clock?n=$_") for 1, 2;
ok($t->wait_log(qr/"clock" is paused/, 10), 'a pause');
ok(wait_for(sub { n('/clock') == 1 }, 10), 'during an attempt');
$rx->release();
ok($t->wait_log(qr/failed:.*"clock"/, 10), 'a failure');

my ($begin) = times_of('clock');
wait_for(sub { time() * 1000 > $begin + 2100 }, 10);

command('clock', 'enable');
ok(wait_for(sub { state('clock')->{ends}{delivered} == 2 }, 10),
	'does not let it expire');
is(state('clock')->{ends}{expired}, 0, 'nothing has expired');

# an operator's command begins it anew

get("/operator?n=$_") for 1 .. 5;
ok($t->wait_log(qr/"operator" is paused/, 10), 'paused');

my $s = state('operator');
is("$s->{state} $s->{reason}", 'paused quota', 'paused in the state');
is($s->{quota}{used}, 2, 'as many as it says are used');
is($s->{quota}{until}, $s->{until}, 'until when');
is(n('/operator'), 2, 'and sent');

command('operator', 'enable');
ok(wait_for(sub { n('/operator') == 4 }, 10), 'an operator has resumed it');
gate();
is(n('/operator'), 4, 'with the whole quota, and no more');

command('operator', 'disable');
is(state('operator')->{reason}, 'operator', 'what is paused may be disabled');
command('operator', 'enable');
gate();
is(n('/operator'), 4, 'that is not the end of a quota');

# "while_disabled" is not about pauses

get("/drop?n=$_") for 1 .. 3;
ok($t->wait_log(qr/"drop" is paused/, 10), 'paused');
get('/drop?n=4');
gate();
command('drop', 'enable');
ok(wait_for(sub { n('/drop') == 2 }, 10), 'nothing is dropped');
is(state('drop')->{ends}{dropped}, 0, 'none');

# of a zone

get("/z1?n=$_") for 1 .. 3;
ok(wait_for(sub { n('/z1') == 3 }, 10), 'of the zone');
get("/z2?n=$_") for 1 .. 3;
ok($t->wait_log(qr/"z2" is paused for \d+ ms: its quota of 4 in 3600000 ms/, 10),
	'a quota of the zone');
get('/z1?n=4');
ok($t->wait_log(qr/"z1" is paused/, 10), 'holds for all of its endpoints');
ok(wait_for(sub { n('/z1') + n('/z2') == 4 }, 10), 'taken together');

get("/own?n=$_") for 1 .. 3;
ok($t->wait_log(qr/"own" is paused for \d+ ms: its quota of 1 in/, 10),
	'beside an own one');
is(state('own')->{zone_quota}{used}, 1, 'which alone is counted');

# a pause is that of the quota: a reload that changes it ends it

for my $ep (qw/ raised removed same z3 /) {
	get("/$ep?n=$_") for 1 .. 4;
	ok($t->wait_log(qr/"$ep" is paused/, 10), "$ep: paused");
	is(n("/$ep"), 1, 'one is sent');
}

my $conf = $t->read_file('nginx.conf');

$conf =~ s{(webhook_endpoint raised .*?quota) 1/1h}{$1 3/1h}s;
$conf =~ s{(webhook_endpoint removed .*?)quota 1/1h;}{$1}s;
$conf =~ s{(webhook_zone raised 256k quota)=1/1h}{$1=3/1h};

$t->write_file('nginx.conf', $conf);
$t->reload();

ok($t->wait_log(qr/"removed" is resumed/, 10), 'a quota that is removed');
ok(wait_for(sub { n('/removed') == 4 }, 10), 'allows all');
ok($t->wait_log(qr/"raised" is resumed/, 10), 'a quota that is raised');
ok(wait_for(sub { n('/raised') == 3 }, 10), 'allows more');
ok($t->wait_log(qr/"z3" is resumed/, 10), 'and one of a zone');
ok(wait_for(sub { n('/z3') == 3 }, 10), 'does, too');
ok(wait_for(sub { state('raised')->{state} eq 'paused'
	&& state('z3')->{state} eq 'paused' }, 10), 'until it is used up');
gate();
is(join(' ', map { n("/$_") } qw/ raised z3 /), '3 3', 'no more is sent');
is(n('/same'), 1, 'a quota that stays goes on');
unlike($t->read_file('error.log'), qr/"same" is resumed/, 'without a break');

# it is not forgotten

get("/kept?n=$_") for 1 .. 2;
ok(wait_for(sub { n('/kept') == 2 && state('kept')->{stored} }, 10), 'used up');

$t->reload();
get('/kept?n=3');
ok($t->wait_log(qr/"kept" is paused/, 10), 'a reload does not forget it');
ok(wait_for(sub { state('kept')->{stored} }, 10), 'stored');

$t->stop();
$t->run();

get('/kept?n=4');
gate();
is(n('/kept'), 2, 'nor does a start');
is(state('kept')->{quota}{used}, 2, 'it is known');
is(n('/z1') + n('/z2'), 4, 'and that of the zone');
is(state('z1')->{zone_quota}{used}, 4, 'is known, too');

command('kept', 'enable');
ok(wait_for(sub { n('/kept') == 4 }, 10), 'what was held is sent');
is(join(' ', bodies('/kept')), '1 2 3 4', 'in its order');

done_testing();

###############################################################################
# a burst, and then one in each interval, by the clock of those who send: a
# receiver may see the first one late

sub paced {
	my ($target, $rate, $burst) = @_;

	my ($name) = $target =~ m!(\w+)$!;

	my @at = times_of($name);

	is(@at, n($target), "$target: an attempt each");

	cmp_ok($at[-1] - $at[0], '>=', (@at - $burst) * 1000 / $rate - 20,
		"$target: the rate is kept");
}

sub times_of {
	my ($name) = @_;

	my @at = sort { $a <=> $b } map { $_->{time} } begins($name);

	return @at;
}

###############################################################################

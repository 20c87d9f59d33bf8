#!/usr/bin/perl

# The policy of Pipedrive's webhooks, as in conf-examples/pipedrive-retries.conf
# with shorter times: retries, a ban by ten failed first attempts, an end after
# a time without success.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Time::HiRes qw/ time /;

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Policy qw/ policy state command requests bodies n ends
	in_a_row row /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

my $policy = 'retry 20ms 40ms 60ms; order key $arg_k;';

my %endpoint = (
	never => 'retry ' . '200ms ' x 20 . '; disable after=500ms;',
	once => 'retry ' . '200ms ' x 20 . '; disable after=500ms;',
	both => 'retry off; disable 1/1h count=first for=100ms; '
		. 'disable after=3s;',
);

# seconds of bans

my @bans = (1, 4, 16);

for my $s (@bans) {
	my $ban = "$policy disable 9/1h count=first for=${s}s;";

	$endpoint{"hold$s"} = $ban;
	$endpoint{"drop$s"} = "$ban while_disabled drop;";
}

policy($t, $rx, \%endpoint)->run();

###############################################################################

# What is asked before the end of a ban is known to have been so only if it was
# answered before its end, too.  Where it was late, by the clock of the test,
# all of this is done again with a longer ban.

for my $kind (qw/ hold drop /) {
	for my $s (@bans) {
		last if ban("$kind$s", $s * 1000, $s == $bans[-1]);
	}
}

# no success for a time: the failure that is so long behind the first one

$rx->set(rules => { '*' => 500 });

get('/never?n=1');
is(in_a_row('never'), row('never', 500), 'nothing has succeeded for so long');
is(state('never')->{until}, undef, 'that is for good');

# the first failure after a success is that long behind the one before it

$rx->set(rules => { '/once' => [500, 200, 500], '*' => 200 });
get('/never?n=2');

get('/once?n=1');
ok(wait_for(sub { state('once')->{ends}{delivered} == 1 }, 20),
	'a failure and a success');
later('once', 500);

get('/once?n=2');
is(in_a_row('once'), row('once', 500), 'again, for another endpoint');
cmp_ok(row('once', 500), '>', 1, 'one success is enough until then');

is(state('never')->{state}, 'disabled', 'the first one is still disabled');

ok(command('never', 'enable'), 'an operator enables');
ok(wait_for(sub { state('never')->{ends}{delivered} == 2 }, 10),
	'what was held is delivered');

# both: an end of a ban is no success

$rx->set(500);
get("/both?n=$_") for 1, 2;

ok($t->wait_log(qr/"both" is disabled: 2 failures in 3600000 ms, for 100 ms/,
	20), 'a ban');
ok(wait_for(sub { state('both')->{state} eq 'enabled' }, 20), 'its end');
later('both', 3000);

get('/both?n=3');
is(in_a_row('both'), 3, 'after a ban without a success it ends for good');
is(state('both')->{reason}, 'after', 'that is its state');
is(state('both')->{until}, undef, 'and not the ban');

$t->stop();
$t->finish();
done_testing();

###############################################################################

# a ban of an endpoint; false if it may have been over too early to be seen,
# and is not the last one

sub ban {
	my ($e, $ms, $final) = @_;

	my $mark = $t->log_mark();

	$rx->forget();
	$rx->set(500);

	# nine events with all their retries

	get("/$e?k=$_&n=first$_") for 1 .. 9;
	ok(wait_for(sub { state($e)->{ends}{dead} == 9 }, 20),
		"$e: nine events have failed");

	is(n("/$e"), 36, 'with three retries each');
	is(state($e)->{state}, 'enabled', 'the 9th first attempt does not ban');
	is(state($e)->{windows}[0]{failures}, 9, 'retries do not count');

	my $start = time();

	get("/$e?k=10&n=first10");
	ok($t->wait_log(qr/"$e" is disabled: 10 failures in 3600000 ms, for $ms ms/,
		10, $mark), 'the 10th one does');

	my $ban = state($e);

	# what is captured in its very millisecond may have been there before

	wait_for(sub { time() * 1000 > $ban->{since} + 2 }, 5);

	$rx->set(200);

	get("/$e?k=same&n=$_") for 1 .. 5;
	get("/$e?k=other$_&n=other") for 1 .. 5;

	my $since = state($e)->{since};
	my $sent = n("/$e");

	return 0 if (time() - $start) * 1000 >= $ms && !$final;

	is($ban->{until} - $ban->{since}, $ms, 'the ban has an end');
	is($ban->{windows}[0]{failures}, 0, 'the counter is reset');
	is($since, $ban->{since}, 'events during the ban');
	is($sent, 37, 'make no attempts');

	my $line = $t->wait_log(qr/"$e" is enabled: its ban is over, it was disabled/,
		$ms / 1000 + 10, $mark);
	my ($for) = $line =~ /for (\d+) ms/;
	cmp_ok($for, '>=', $ms, 'the ban ends by itself');

	# retries of the 10th event go on

	if ($e =~ /hold/) {
		ok(wait_for(sub { state($e)->{ends}{delivered} == 11 }, 10),
			'events of the ban are held and delivered');

		is(join(' ', grep { /^\d$/ } bodies("/$e")), '1 2 3 4 5',
			'in their order');

	} else {
		ok(wait_for(sub { state($e)->{ends}{dropped} == 10 }, 10),
			'events of the ban are dropped');
		ok(wait_for(sub { state($e)->{ends}{delivered} == 1 }, 10),
			'but not that of before the ban');

		get("/$e?k=same&n=6");
		ok(wait_for(sub { state($e)->{ends}{delivered} == 2 }, 10),
			'and not what comes after it');
		is(join(' ', grep { /^\d$/ } bodies("/$e")), '6',
			'they are lost');
	}

	is(scalar(grep { $_ eq 'first10' } bodies("/$e")), 2,
		'the 10th event is retried after the ban');

	my @r = requests("/$e");
	cmp_ok($r[37]{time} * 1000, '>=', $ban->{until}, 'not before its end');

	is(scalar(() = $t->find_in_log(qr/"$e" is disabled: 10/, $mark)), 1,
		'one ban');
	is(scalar(() = $t->find_in_log(qr/"$e" is enabled/, $mark)), 1,
		'and one end of it');

	return 1;
}

# a time after the first failure, of those who send

sub later {
	my ($e, $ms) = @_;

	my ($first) = grep { $_->{failure} } ends($e);

	wait_for(sub { time() * 1000 > $first->{time} + $ms + 1 }, 10);
}

###############################################################################

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


use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Policy qw/ policy state command /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

my $policy = 'retry 20ms 40ms 60ms; order key $arg_k;';

my %endpoint = (
	hold => "$policy disable 9/1h count=first for=1s;",
	drop => "$policy disable 9/1h count=first for=1s; while_disabled drop;",
	drop4 => "$policy disable 9/1h count=first for=4s; while_disabled drop;",
	drop16 => "$policy disable 9/1h count=first for=16s; "
		. 'while_disabled drop;',
	never => 'retry ' . '200ms ' x 20 . '; disable after=500ms;',
	once => 'retry ' . '200ms ' x 20 . '; disable after=500ms;',
	both => 'retry 20ms 40ms 60ms; disable 1/1h count=first for=100ms; '
		. 'disable after=500ms;',
);

policy($t, $rx, \%endpoint)->run();

###############################################################################

# the ban

for my $e (qw/ hold drop /) {
	my $mark = $t->log_mark();

	$rx->forget();
	$rx->set(500);

	# nine events with all their retries

	get("/$e?k=$_&n=first$_") for 1 .. 9;
	ok(wait_for(sub { state($e)->{ends}{dead} == 9 }, 20),
		"$e: nine events have failed");

	is($rx->count(), 36, 'with three retries each');
	is(state($e)->{state}, 'enabled', 'the 9th first attempt does not ban');
	is(state($e)->{windows}[0]{failures}, 9, 'retries do not count');

	get("/$e?k=10&n=first10");
	my $line = $t->wait_log(qr/"$e" is disabled: 10 failures in 3600000 ms, for 1000 ms/,
		10, $mark);
	ok($line, 'the 10th one does');

	my $ban = state($e);
	is($ban->{until} - $ban->{since}, 1000, 'the ban has an end');
	is($ban->{windows}[0]{failures}, 0, 'the counter is reset');

	# what is captured in its very millisecond may have been there before

	wait_for(sub { Time::HiRes::time() * 1000 > $ban->{since} + 2 }, 5);

	$rx->set(200);

	get("/$e?k=same&n=$_") for 1 .. 5;
	get("/$e?k=other$_&n=other") for 1 .. 5;

	ok(state($e)->{since} == $ban->{since}, 'events during the ban');
	is($rx->count(), 37, 'make no attempts');

	ok($t->wait_log(qr/"$e" is enabled: its ban is over, it was disabled for 1\d\d\d ms/,
		10, $mark), 'the ban ends by itself');

	# retries of the 10th event go on

	if ($e eq 'hold') {
		ok(wait_for(sub { state($e)->{ends}{delivered} == 11 }, 10),
			'events of the ban are held and delivered');

		is(join(' ', grep { /^\d$/ } $rx->bodies()), '1 2 3 4 5',
			'in their order');

	} else {
		ok(wait_for(sub { state($e)->{ends}{dropped} == 10 }, 10),
			'events of the ban are dropped');
		ok(wait_for(sub { state($e)->{ends}{delivered} == 1 }, 10),
			'but not that of before the ban');

		get("/$e?k=same&n=6");
		ok(wait_for(sub { state($e)->{ends}{delivered} == 2 }, 10),
			'and not what comes after it');
		is(join(' ', grep { /^\d$/ } $rx->bodies()), '6', 'they are lost');
	}

	is(scalar(grep { $_->{body} eq 'first10' } $rx->requests()), 2,
		'the 10th event is retried after the ban');

	my @r = $rx->requests();
	cmp_ok($r[37]{time} * 1000, '>=', $ban->{until}, 'not before its end');

	is(scalar(() = $t->find_in_log(qr/"$e" is disabled: 10/, $mark)), 1,
		'one ban');
	is(scalar(() = $t->find_in_log(qr/"$e" is enabled/, $mark)), 1,
		'and one end of it');
}

# no success for a time: failures at 0, 200, 400 and 600

$rx->set(rules => { '*' => 500 });
$rx->forget();

get('/never?n=1');
ok($t->wait_log(qr/"never" is disabled: no success for 500 ms, 4 failures in a row/,
	20), 'nothing has succeeded for so long');
is(state('never')->{until}, undef, 'that is for good');

$rx->set(200);
get('/never?n=2');

# the success is at 400, failures are at 400, 600, 800 and 1000

$rx->set(rules => { '/once' => [500, 500, 200, 500], '*' => 200 });
$rx->forget();

get('/once?n=1');
get('/once?n=2');
ok($t->wait_log(qr/"once" is disabled: no success for 500 ms, 4 failures in a row/,
	20), 'again, for another endpoint');
is(join(' ', $rx->bodies()), '1 1 1 2 2 2 2', 'one success is enough until then');

is(state('never')->{state}, 'disabled', 'the first one is still disabled');

ok(command('never', 'enable'), 'an operator enables');
ok(wait_for(sub { state('never')->{ends}{delivered} == 2 }, 10),
	'what was held is delivered');

# both: an end of a ban is no success

$rx->set(500);
get("/both?n=$_") for 1 .. 20;

ok($t->wait_log(qr/"both" is disabled: 2 failures in 3600000 ms, for 100 ms/,
	20), 'a ban');
ok($t->wait_log(qr/"both" is enabled: its ban is over/, 20), 'its end');
ok($t->wait_log(qr/"both" is disabled: no success for 500 ms/, 20),
	'after some bans without a success it ends for good');
is(state('both')->{reason}, 'after', 'that is its state');
is(state('both')->{until}, undef, 'and not the ban');

$t->stop();
$t->finish();
done_testing();

###############################################################################

#!/usr/bin/perl

# Tests for exponential retries, throttling receivers, Retry-After and max_age.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use POSIX qw/ strftime /;
use Time::HiRes qw/ time /;

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();

my %endpoint = (
	counted => 'retry exponential min=50ms max=100ms jitter=0% count=3;',
	double => 'retry exponential min=1h max=4h jitter=0%;',
	jitter => 'order none; retry exponential min=1h max=4h jitter=50%;',
	bounded => 'retry exponential min=50ms max=100ms; expire 1s;',
	place => 'retry 50ms;',
	numbers => 'retry 50ms 1h; count_throttled on;',
	off => 'retry off;',
	final => 'permanent 429,503; retry 50ms;',
	seconds => 'retry 50ms 50ms;',
	service => 'retry 50ms 50ms;',
	imf => 'retry 50ms;',
	rfc850 => 'retry 50ms;',
	asctime => 'retry 50ms;',
	long => 'retry 50ms; retry_after_max 100ms;',
	default => 'retry 50ms;',
	schedule => 'retry 1h;',
	late => 'retry 50ms; expire 10s;',
	garbage => 'order none; retry 2h;',
	planned => 'retry 10s; max_age 9s;',
	waiting => 'timeout 3s; retry off; max_age 1500ms;',
	gone => 'timeout 3s; retry off; max_age 1500ms; expire 0 drop;',
	kept => 'retry 50ms 1h;',
	older => 'retry 50ms 3s 1h;',
);

my $endpoints = join "\n", map { <<EOC } sort keys %endpoint;
    webhook_endpoint $_ {
        url http://127.0.0.1:%%PORT_rx%%/$_;
        allow_http on;
        $endpoint{$_}
    }
EOC

my $locations = join "\n", map {
	"        location /$_ { webhook a.b to=$_; return 200; }"
} sort keys %endpoint;

# a full hour, or a little less

my $hour = qr/next in (?:3600000|35\d{5}) ms/;

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

$t->conf(<<EOC)->run();
%%TEST_GLOBALS%%

worker_processes 2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

$endpoints

    server {
        listen 127.0.0.1:%%PORT_http%%;

$locations
    }
}
EOC

###############################################################################

# exponential

rules(counted => [500, 500, 500, 500, 200]);

get('/counted');
ok(failed('counted', qr/it is dead/), 'number of delays ends a delivery');
is($rx->count(), 4, 'one attempt more than delays');
is(join(' ', attempts('counted')), '1 2 3 4', 'attempts are numbered');

rules(double => [500]);

get('/double');
like(failed('double', qr/next in/), $hour,
	'first delay is the shortest');

rules(jitter => [500]);

get('/jitter') for 1 .. 8;
$rx->wait_requests(8, 10);

my @delays;
wait_for(sub { @delays = delays('jitter'); @delays == 8 }, 10);

is(scalar(grep { $_ < 1790000 || $_ > 3600000 } @delays), 0,
	'jitter shortens delays by its part at most');
cmp_ok(max(@delays) - min(@delays), '>', 10000, 'and by different parts');

rules(bounded => [500]);

get('/bounded');
ok(failed('bounded', qr/it has expired/), 'expire ends an exponential retry');
cmp_ok($rx->count(), '>=', 2, 'after more attempts than one');

###############################################################################

# throttled attempts use no delay

rules(place => [429, 429, 429, 500, 429, 200]);

get('/place');
ok($rx->wait_requests(6, 10), 'throttled attempts use no place');
is(classes('place'), 'throttled throttled throttled status throttled',
	'429 is a class of its own');
is(join(' ', attempts('place')), '1 2 3 4 5', 'throttled attempts are numbered');

rules(place => [429, 500, 429, 500, 200]);

get('/place');
ok(failed('place', qr/it is dead/), 'other failures use theirs');
is($rx->count(), 4, 'and no more');

rules(numbers => [429, 500, 500]);

get('/numbers');
like(failed('numbers', qr/attempt: 3$/), $hour,
	'the place in the list is not that of the attempt');

is(ends('numbers'), 'throttled 1 status 1 status 1',
	'throttled attempts are failures with count_throttled');
like(ends('place'), qr/^throttled 0 throttled 0 throttled 0 status 1/,
	'and are none without it');

rules(off => [429]);

get('/off');
ok(failed('off', qr/throttled, status 429, it is dead/),
	'without retries a throttled delivery is dead');

rules(final => [429]);

get('/final');
ok(failed('final', qr/status, status 429, it is dead/),
	'status that is permanent is not throttled');

###############################################################################

# Retry-After

rules(seconds => [after(429, 1), 200], service => [after(503, 1), 200],
	long => [after(503, 3600), 200], default => [after(429, 86400)],
	schedule => [after(429, 1)], late => [after(429, 11)]);

# whole seconds from now on, so that they are not over

my $when = int(time()) + 3;
my %form = (
	imf => '%a, %d %b %Y %H:%M:%S GMT',
	rfc850 => '%A, %d-%b-%y %H:%M:%S GMT',
	asctime => '%a %b %e %H:%M:%S %Y',
);

POSIX::setlocale(&POSIX::LC_TIME, 'C');

$rx->set(rules => { %{rules_of()}, map {
	("/$_" => [after(429, strftime($form{$_}, gmtime $when)), 200])
} keys %form });

get("/$_") for qw/ imf rfc850 asctime seconds service long default schedule late /;

ok(wait_for(sub { of('seconds') == 2 }, 10), 'throttled with seconds');
cmp_ok(gap('seconds'), '>', 0.98, 'seconds of Retry-After are waited for');

ok(wait_for(sub { of('service') == 2 }, 10), '503 with Retry-After');
cmp_ok(gap('service'), '>', 0.98, 'it is waited for');
is(classes('service'), 'throttled', '503 with Retry-After is throttled');

ok(wait_for(sub { of('long') == 2 }, 10), 'Retry-After is bounded');
like(failed('long', qr/next in/), qr/next in (?:100|\d\d?) ms/,
	'by retry_after_max');
like(failed('default', qr/next in/), $hour,
	'by an hour without it');
like(failed('schedule', qr/next in/), $hour,
	'longer delay of the schedule is waited for');
ok(failed('late', qr/throttled, status 429, it has expired/),
	'Retry-After beyond expire ends a delivery');

for my $name (qw/ imf rfc850 asctime /) {
	ok(wait_for(sub { of($name) == 2 }, 10), "throttled with $name");
	cmp_ok((of($name))[1]{time}, '>', $when - 0.02,
		"date of Retry-After is waited for, $name");
}

# of what cannot be understood nothing is left but the status

my @garbage = ('-1', '99999999999999999999', 'soon', '1.5', '',
	'Sun, 31 Feb 2999 00:00:00 GMT');

rules(garbage => [map { after(503, $_) } @garbage]);

get('/garbage') for @garbage;
$rx->wait_requests(scalar @garbage, 10);

wait_for(sub { delays('garbage') == @garbage }, 10);

is(classes('garbage'), join(' ', ('status') x @garbage),
	'503 with an invalid Retry-After is an ordinary failure');
is(scalar(grep { $_ < 7190000 || $_ > 7200000 } delays('garbage')), 0,
	'with the delay of the schedule');

rules(garbage => [after(503, 0)]);

get('/garbage');
ok(failed('garbage', qr/throttled, status 503/), 'no time is a time, too');

###############################################################################

# max_age

rules(planned => [500]);

get('/planned');
ok(failed('planned', qr/it has expired/),
	'delivery expires that would be too old at its next attempt');
is($rx->count(), 1, 'before that');

rules(waiting => [{ hang => 1 }], gone => [{ hang => 1 }]);

for my $name (qw/ waiting gone /) {
	get("/$name");
	wait_for(sub { of($name) == 1 }, 5);
	get("/$name");
}

ok($t->wait_log(qr/older than "max_age", it has expired, endpoint: "$_", event: "a\.b", id: [\w-]{36}, attempts: 0/, 10),
	"event too old before its first attempt is logged, $_")
	for qw/ waiting gone /;

is(of('waiting'), 1, 'and is not sent');

###############################################################################

# restart

rules(kept => [after(429, 2), 500, 500], older => [500, 500, 500, 200]);

get('/kept');
get('/older');

ok(failed('kept', qr/throttled/), 'throttled before a restart');
ok(failed('older', qr/attempt: 2$/), 'failed before a restart');

$t->stop();

my %dead = map { $_ => 0 } keys %endpoint;
older_values();

$t->start_again();

ok(wait_for(sub { of('kept') == 3 }, 10),
	'place in the list survives a restart');
cmp_ok(gap('kept'), '>', 1.98, 'planned time survives a restart');
like(failed('kept', qr/attempt: 3$/), $hour,
	'and the list goes on from there');

like(failed('older', qr/attempt: 3$/), $hour,
	'value of the version before is read');

is($dead{waiting}, 2, 'expired delivery is kept as a dead letter');
is($dead{gone}, 1, 'unless expire says drop');

$t->stop();

$t->finish();
done_testing();

###############################################################################

sub after {
	my ($status, $value) = @_;

	return { status => $status, headers => [['Retry-After', $value]] };
}

my %rules;

sub rules {
	%rules = @_;

	$rx->forget();
	$rx->set(rules => rules_of());
}

sub rules_of { return { map { ("/$_" => $rules{$_}) } keys %rules } }

# the log line of a failed attempt

sub failed {
	my ($name, $re) = @_;

	my $line;

	wait_for(sub {
		($line) = grep { /$re/ } lines($name);
		defined $line;
	}, 10);

	return $line;
}

sub lines {
	my ($name) = @_;

	return map { /(webhook attempt failed: .*)/ } grep { /endpoint: "$name"/ }
		split /\n/, $t->read_file('error.log');
}

sub delays { map { /next in (\d+) ms/ } lines($_[0]) }
sub attempts { map { /attempt: (\d+)$/ } lines($_[0]) }
sub classes { join ' ', map { /failed: (\w+),/ } lines($_[0]) }

sub ends {
	my ($name) = @_;

	return join ' ', map { /lane "$name" .* class (\w+) .* failure (\d) / }
		grep { /webhook attempt end/ }
		split /\n/, $t->read_file('error.log');
}

sub of {
	my ($name) = @_;

	my @r = grep { $_->{target} eq "/$name" } $rx->requests();

	return @r;
}

# seconds between the first attempts

sub gap {
	my ($name) = @_;

	my @r = of($name);

	return @r > 1 ? $r[1]{time} - $r[0]{time} : 0;
}

sub min { (sort { $a <=> $b } @_)[0] }
sub max { (sort { $b <=> $a } @_)[0] }

# the database with what is queued for "older" as the version before has
# written it, and the dead letters counted

sub older_values {
	my $dir = $t->testdir() . '/store';
	my @lines = grep { !/^db_pagesize=/ } split /\n/, `mdb_dump $dir`;
	my ($key, $n);

	for (@lines) {
		/^ ([0-9a-f]*)$/ or next;

		if (!defined $key) {
			$key = pack 'H*', $1;
			next;
		}

		my $value = pack 'H*', $1;

		if ($key =~ /^q..\x05older/s) {
			substr($value, 0, 4) = pack 'L', 1;
			substr($value, 48, 16) = '';
			$_ = ' ' . unpack 'H*', $value;
			$n++;

		} elsif ($key =~ /^d/) {
			$dead{$1}++ if $value =~ /q..[\x01-\x40](waiting|gone)\0/s;
		}

		undef $key;
	}

	is($n, 1, 'queued delivery is in the database');

	open my $fh, '>', "$dir.dump" or die "can't write: $!\n";
	print $fh "$_\n" for @lines;
	close $fh;

	# it is overwritten in place: its owner stays

	unlink "$dir/lock.mdb";
	truncate "$dir/data.mdb", 0;

	system("mdb_load -f $dir.dump $dir") == 0 or die "mdb_load failed\n";
}

###############################################################################

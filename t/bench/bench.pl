#!/usr/bin/perl

# make bench: what a webhook costs, next to nginx's "mirror" and "post_action".
#
# One front for each variant, an nginx with one worker, on the first core; the
# application, the receivers and the load are on the second one.  All fronts
# are up at the same time, idle ones cost nothing, and take turns in short
# slices in random order, since a machine drifts by more than the differences
# to see.  Each slice is compared to the slice without a webhook, and to that
# with a mirror, of the same round.  CPU time is the kernel's, of the whole
# front, all processes and threads, until 150 ms after the slice and until
# everything was delivered.  Figures are medians, with quartiles.
#
# Compare requests per second with caution: the second core is shared.
#
# At last, on an idle machine, the time from the end of a commit to the first
# octets at the target, which has a connection: the sum of what nginx does in
# the one turn of the event loop that t/same_turn.t asserts.
#
# Environment:
#
#     BENCH_ROUNDS   9 by default
#     BENCH_SLICE    seconds, 0.8 by default
#     BENCH_RATE     requests per second of the open loop, 5000 by default
#     BENCH_ONLY     names of variants ("off,strict"); "none" and "mirror" are
#                    always there
#     BENCH_PHASE    of "closed,open,first,targets", all by default
#     BENCH_TIME     seconds, no round begins that might end later; 175 by
#                    default, or without a limit if BENCH_ROUNDS is set
#     BENCH_CONF     lines to add to each "webhook_endpoint"
#     BENCH_STORE    parameters to add to each "webhook_store"
#     BENCH_KEEP     the temporary directory is kept
#     TEST_WEBHOOK_MODULE, TEST_NGINX_BINARY, TMPDIR

use strict;
use warnings;

use File::Basename qw/ dirname /;
use lib dirname(__FILE__), dirname(__FILE__) . '/../lib';

use List::Util qw/ shuffle sum0 max /;
use Time::HiRes qw/ time sleep /;

use Bench;

my $began = time();

my $rounds = $ENV{BENCH_ROUNDS} || 9;
my $slice = $ENV{BENCH_SLICE} || 0.8;
my $rate = $ENV{BENCH_RATE} || 5000;
my $limit = $ENV{BENCH_TIME} || ($ENV{BENCH_ROUNDS} ? 1e9 : 175);
my $connections = 32;

my %phase = map { $_ => 1 } split /[\s,]+/,
	$ENV{BENCH_PHASE} || 'closed,open,first,targets';
my %only = map { $_ => 1 } split /[\s,]+/, $ENV{BENCH_ONLY} || '';

# name, in the table, options of front(), phases

my @variants = (
	['none', 'no webhook', {}, 'closed,open,targets'],

	['mirror', 'mirror', front_mirror(), 'closed,open'],

	['post_action', 'post_action', front_post_action(), 'closed,open'],

	['off', 'webhook', front_webhook(
		endpoint => 'order none; concurrency 32;'), 'closed,open'],

	['values', 'webhook, 3 values', front_webhook(values => 1,
		endpoint => 'order none; concurrency 32;'), 'closed,open'],

	['always', 'webhook, sync=always', front_webhook(
		store => 'sync=always',
		endpoint => 'order none; concurrency 32;'), 'closed,open'],

	# the default; one after the other, so it has no chance in the closed
	# loop to be as fast as 32 clients

	['strict', 'webhook, order strict', front_webhook(), 'open'],

	# what fails is not tried again before the end

	['dead', 'webhook, target is down', front_webhook(
		endpoint => 'order none; concurrency 32; retry 1h;'),
		'targets'],

	['hanging', 'webhook, target hangs', front_webhook(
		endpoint => 'order none; concurrency 32; retry 1h;'),
		'targets'],
);

@variants = grep {
	$_->[0] =~ /^(?:none|mirror)$/ || !%only || $only{$_->[0]}
} @variants;

# where each commit is timed, and what it leads to

my %first = (
	'sync=off' => 'first_off',
	'sync=always' => 'first_always',
);

my @names = map { $_->[0] } @variants;
my %title = map { $_->[0] => $_->[1] } @variants;
my %options = map { $_->[0] => $_->[2] } @variants;
my %in = map { $_->[0] => { map { $_ => 1 } split /,/, $_->[3] } } @variants;

my (%front, %results, %requests, @problems);

###############################################################################

$| = 1;

setup();

system("cc -O2 -shared -fPIC -o $Bench::dir/first.so " . dirname(__FILE__)
	. '/first.c -ldl') == 0 or die "can't compile first.c\n"
	if $phase{first};

peer(app => 'app', (map { ("hook_$_" => 'hook') } values %first), map { ("hook_$_" => $_ eq 'hanging' ? 'hang' : 'hook') }
	grep { $_ ne 'none' && $_ ne 'dead' } @names);

my @loops = grep { $phase{$_} } qw/ closed open /;
my $targets = $phase{targets}
	&& grep { $_ ne 'none' && $in{$_}{targets} } @names;

if (@loops) {
	start($_) for grep { $in{$_}{closed} || $in{$_}{open} } @names;

	rounds($rounds, $limit - ($targets ? 45 : 0), '', @loops);

	report('closed', "Closed loop, $connections connections");
	report('open', "Open loop, $rate requests/s");
	check();
}

first() if $phase{first};

# these leave something to do, so they come at last

if ($targets) {
	for my $name (@names) {
		stop($name) if $front{$name} && !$in{$name}{targets};
		start($name) if !$front{$name} && $in{$name}{targets};
	}

	rounds(int(($rounds + 2) / 3), $limit, 'targets ', qw/ closed open /);

	report('targets closed', "Targets that fail, closed loop");
	report('targets open', "Targets that fail, $rate requests/s");
}

stop($_) for grep { $front{$_} } @names;

print "\n", map { "$_\n" } @problems if @problems;
printf "\n%d seconds\n", time() - $began;

exit(@problems ? 1 : 0);

###############################################################################

sub start {
	my ($name) = @_;

	$front{$name} = front($name, %{$options{$name}},
		hook => "hook_$name");

	# its connections, and whatever else is made at first

	load($front{$name}, connections => $connections, requests => 500);
	$requests{$name} = 500;
	delivered($name, 5);
}

sub stop {
	my ($name) = @_;

	my $front = delete $front{$name};
	my @lines = log_problems($front);

	# one line for each failed attempt is as it should be

	@lines = grep { !/ webhook attempt |Connection refused/ } @lines
		if $name =~ /^(?:dead|hanging)$/;

	push @problems, "$name: " . @lines . " lines in its log: $lines[0]"
		if @lines;

	stop_front($front, 'KILL');
}

sub delivered {
	my ($name, $seconds) = @_;

	return if $name =~ /^(?:none|dead|hanging)$/;

	return wait_until($seconds, sub {
		counts()->{"hook_$name"} >= $requests{$name}
	});
}

sub rounds {
	my ($n, $limit, $prefix, @loops) = @_;

	my $longest = 0;

	for my $round (1 .. $n) {
		my $from = time();

		last if $from + $longest > $began + $limit;

		for my $loop (@loops) {
			progress("$prefix$loop loop, round $round of $n");

			for my $name (shuffle grep {
				$in{$_}{$prefix ? 'targets' : $loop} } @names)
			{
				push @{$results{"$prefix$loop"}{$name}},
					measure($name, $loop, $prefix);
			}
		}

		$longest = max($longest, time() - $from);
	}

	progress('');
}

sub measure {
	my ($name, $loop, $settle) = @_;

	my $front = $front{$name};
	my $before = cpu($front);

	my $r = load($front, connections => $connections, seconds => $slice,
		rate => $loop eq 'open' ? $rate : 0);

	$requests{$name} += $r->{requests};

	sleep(0.15);
	delivered($name, 10);

	my $after = cpu($front);

	$r->{us} = ($after - $before) / 1000 / $r->{requests};
	$r->{rate} = $r->{requests} / $r->{seconds};

	# into the warehouse, until nothing happens any more

	if ($settle && $name ne 'none') {
		my ($last, $quiet) = ($after, 0);

		for (1 .. 20) {
			sleep(0.2);

			my $now = cpu($front);
			$quiet = $now - $last < 1_000_000 ? $quiet + 1 : 0;
			$last = $now;

			last if $quiet == 4;
		}

		$r->{later} = ($last - $after) / 1000 / $r->{requests};
	}

	return $r;
}

###############################################################################

sub report {
	my ($key, $title) = @_;

	my $all = $results{$key} or return;
	my ($none, $mirror) = ($all->{none}, $all->{mirror});

	# differences are of one round, but a quotient of two of them is wild

	my $unit = $mirror ? median(map {
		$mirror->[$_]{us} - $none->[$_]{us} } 0 .. $#$none) : 0;

	printf "\n%s; %d rounds of %s s, %.1f us/request without a webhook\n\n",
		$title, scalar @$none, $slice, median(map { $_->{us} } @$none);

	printf "%-24s %-21s %-19s %8s %8s %8s\n", '', 'us/event more',
		$mirror ? 'ratio to mirror' : 'and later', 'req/s', 'p50 ms',
		'p99 ms';

	for my $name (@names) {
		my $own = $all->{$name} or next;

		my @more = map { $own->[$_]{us} - $none->[$_]{us} }
			0 .. $#$own;
		my @ratio = map {
			1 + ($own->[$_]{us} - $mirror->[$_]{us})
				/ max(0.1, $unit)
		} $mirror ? 0 .. $#$own : ();
		my @later = grep { defined } map { $_->{later} } @$own;

		my %median = map {
			my $field = $_;
			$_ => median(map { $_->{$field} } @$own)
		} qw/ rate p50 p99 /;

		my $first = $name eq 'none';

		printf "%-24s %-21s %-19s %8.0f %8.2f %8.2f\n", $title{$name},
			$first ? '' : spread('%.1f', @more),
			$first ? '' : @ratio ? spread('%.2f', @ratio)
				: spread('%.1f', @later),
			$median{rate}, $median{p50} / 1000,
			$median{p99} / 1000;
	}
}

sub spread {
	my ($format, @values) = @_;

	return sprintf "$format ($format..$format)", median(@values),
		quartiles(@values);
}

# all that was captured was delivered, and once

sub check {
	sleep(0.5);

	my $counts = counts();
	my $sum = 0;

	for my $name (grep { $front{$_} && $_ ne 'none' } @names) {
		my ($is, $want) = ($counts->{"hook_$name"}, $requests{$name});

		$sum += $want;
		push @problems, "$name: $want events, $is deliveries"
			if $is != $want;
	}

	print "\nAll $sum events were delivered, each of them once.\n"
		unless @problems;
}

# one request after the other, so that nothing waits for another one

sub first {
	print "\nFrom a commit to the first octets at the target\n\n";
	printf "%-24s %8s %8s %8s %8s\n", '', 'events', 'p50 us', 'p99 us',
		'max us';

	for my $sync (sort { $b cmp $a } keys %first) {
		my $name = $first{$sync};
		my $file = "$Bench::dir/$name.first";

		progress("first octets, $sync");

		save($file, "\0" x 80008);
		chmod 0666, $file;

		my $front = front($name, %{front_webhook(store => $sync)},
			hook => "hook_$name", wrap => [command(0), 'env',
			"LD_PRELOAD=$Bench::dir/first.so",
			"FIRST_FILE=$file"]);

		load($front, connections => 1, requests => 20);
		sleep(0.2);
		save($file, "\0" x 8, '+<');

		load($front, connections => 1, rate => 200,
			seconds => 4 * $slice);
		sleep(0.2);

		my $text = slurp($file);
		my @us = sort { $a <=> $b } map { $_ / 1000 }
			unpack 'x8L' . unpack('Q', $text), $text;

		progress('');

		if (@us == 0) {
			push @problems, "$name: no first octets";

		} else {
			printf "%-24s %8d %8.1f %8.1f %8.1f\n", $sync,
				scalar @us, $us[$#us / 2], $us[$#us * 0.99],
				$us[-1];
		}

		stop_front($front, 'KILL');
	}
}

sub save {
	my ($path, $octets, $mode) = @_;

	open my $fh, $mode || '>', $path or die "can't write $path: $!\n";
	binmode $fh;
	print $fh $octets;
	close $fh;
}

sub progress {
	my ($text) = @_;

	printf STDERR "\r%-60s%s", $text, $text eq '' ? "\r" : ''
		if -t STDERR;
}

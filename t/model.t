#!/usr/bin/perl

# A model check: schedules of events, failures, commands, kills and restarts
# are made by numbers, and run against a real nginx; what was observed is
# compared with what is promised.
#
#	WEBHOOK_MODEL=200		so many schedules, each with a number of
#					its own; by default a few, the same each
#					time
#	WEBHOOK_MODEL_SEED=n		this one; with WEBHOOK_MODEL the first one
#	WEBHOOK_MODEL_JOBS=n		so many at a time
#	WEBHOOK_MODEL_SAVE=path		what was observed, as JSON
#
# A number makes the schedule, not the time it takes: a race may need some runs
# to be seen again.
#
# The judge is judged, too: what was observed is spoiled in many ways, each of
# which has to be found.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP;
use Storable qw/ dclone /;

use Test::Webhook;
use Test::Webhook::Model;
use Test::Webhook::ModelCheck;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $json = JSON::PP->new()->canonical();

if (defined $ENV{WEBHOOK_MODEL_ONE}) {
	one($ENV{WEBHOOK_MODEL_ONE});
	exit;
}

schedules();
faults();

done_testing();

###############################################################################

sub one {
	my ($seed) = @_;

	my $seen = Test::Webhook::Model::run(Test::Webhook::Model::plan($seed));
	my @wrong = Test::Webhook::ModelCheck::check($seen);

	save($seen);

	ok(!@wrong, "seed $seed keeps all promises")
		or diag(join "\n", @wrong, $json->encode($seen->{plan}{endpoints}));

	done_testing();
}

sub save {
	my ($seen) = @_;

	my $path = $ENV{WEBHOOK_MODEL_SAVE} or return;

	open my $fh, '>', $path or die "can't write $path: $!\n";
	print $fh $json->encode($seen);
}

# each in a process, some at a time

sub schedules {
	my $n = $ENV{WEBHOOK_MODEL} || ($ENV{WEBHOOK_MODEL_SEED} ? 1 : 8);
	my $jobs = $ENV{WEBHOOK_MODEL_JOBS} || 4;
	my $seed = $ENV{WEBHOOK_MODEL_SEED} || ($ENV{WEBHOOK_MODEL} ? time() : 1);

	my (%running, %out);
	my @todo = $seed .. $seed + $n - 1;

	while (@todo || %running) {

		while (@todo && keys %running < $jobs) {
			my $s = shift @todo;

			local $ENV{WEBHOOK_MODEL_ONE} = $s;
			my $pid = open my $fh, '-|', "exec '$^X' '$0' 2>&1"
				or die "can't start: $!\n";

			$running{$pid} = [$s, $fh];
		}

		my $r = '';
		vec($r, fileno $_->[1], 1) = 1 for values %running;
		select $r, undef, undef, 60;

		for my $pid (keys %running) {
			my ($s, $fh) = @{$running{$pid}};

			next unless vec $r, fileno $fh, 1;
			next if sysread $fh, $out{$s}, 65536, length($out{$s} // '');

			delete $running{$pid};
			close $fh;

			ok($? == 0, "seed $s keeps all promises") or diag($out{$s});
			delete $out{$s};
		}
	}
}

###############################################################################

# a plan that has something of everything, without kills

sub everything {
	my %e = (zone => 'free', order => 'strict', concurrency => 1,
		timeout => 1000, retry_after_max => 100, retry => [],
		while_disabled => 'hold', limits => []);
	my $ok = [[100, 'ok']];
	my $fail = [[100, 'fail']];

	# with one worker nothing is left to chance, neither the order of what it
	# does nor what may be said of it

	my %plan = (seed => 1, workers => 1, zones => { free => {},
		all => { n => 3, time => 60000 } }, endpoints => {
		good => { %e, phases => $ok },
		old => { %e, phases => $fail, expire => 50,
			retry => [20, 20, 20, 20] },
		ban => { %e, phases => $fail, order => 'key',
			while_disabled => 'drop',
			limits => [{ n => 3, time => 60000, ban => 150,
			first => 0 }] },
		zoned => { %e, phases => $fail, zone => 'all' },
		other => { %e, phases => $ok, zone => 'all' },
		slow => { %e, phases => [[100, 'slow']], order => 'none',
			concurrency => 2 },
		probed => { %e, phases => $fail, consecutive => 2, probe => 50,
			while_disabled => 'dead' },
		halted => { %e, phases => $ok, while_disabled => 'drop' },
	});

	my ($n, @steps) = (0);

	for my $at (0 .. 9) {
		push @steps, map { { at => $at * 60, do => 'request', to => $_,
			key => 1 + ++$n % 2 } } qw/ good good old ban zoned other
			slow slow probed /;
	}

	push @steps, map { { at => 600, do => 'until', to => $_->[0],
		seen => $_->[1] } } (
		['zoned', 'endpoint "other" is disabled: 4 failures'],
		['ban', 'delivery end: .*"ban" .* dropped'],
		['ban', 'endpoint "ban" is enabled: its ban is over'],
		['probed', 'attempt begin: .*"probed" .* probe 1']);
	push @steps, { at => 600, do => 'disable', to => 'other' };

	push @steps, { at => 600, do => 'until', to => 'halted',
		seen => 'delivery end: .*"halted"' };
	push @steps, map { { at => 600, do => $_, to => 'halted', key => 1 } }
		qw/ pause request resume /;

	return { %plan, steps => \@steps };
}

# [what is spoiled, how, what the judge says]

sub faults {
	my $seen = Test::Webhook::Model::run(everything());
	my @wrong = Test::Webhook::ModelCheck::check($seen);

	save($seen) unless $ENV{WEBHOOK_MODEL_SEED};

	is(join("\n", @wrong), '', 'a schedule with something of everything')
		or return;

	for (
		['two deliveries change places', \&swapped,
			qr/^good: .*begins before/],
		['an event is lost', \&lost, qr/^good: 1 events without an attempt/],
		['an event that was begun does not end', \&endless,
			qr/^good: event \d+ has not ended/],
		['a delivery ends twice', \&twice, qr/^good: .* has ended twice/],
		['a delivery is repeated', \&repeated,
			qr/^good: .* follows the end of its delivery/],
		['a delivery ends as it must not',
			sub { edit($_[0], 'old', qr/^webhook delivery end/,
			sub { s/ expired / dead / }) }, qr/^old: .* ends dead/],
		['what was delivered did not arrive',
			sub { $_[0]{answers} = [grep { $_->{to} ne 'good' }
			@{$_[0]{answers}}] }, qr/^good: .* accepted 0/],
		['what was not sent arrives',
			sub { push @{$_[0]{arrivals}}, grep { $_->{to} eq 'good' }
			@{$_[0]{arrivals}} }, qr/^good: .* was received 2 times, sent 1/],
		['two attempts of a lane at a time', \&overlapping,
			qr/^good: .* at a time/],
		['more attempts than its concurrency', \&crowded,
			qr/^slow: 3 attempts at a time/],
		['an attempt behind expire',
			sub { edit($_[0], 'old', qr/begin.*attempt 3 /, sub {
			s/planned (\d+)/'planned ' . ($1 + 11)/e }) },
			qr/^old: .* planned behind expire/],
		['one more attempt behind expire',
			sub { edit($_[0], 'old', qr/failed.*attempt: 3/, sub {
			s/it has expired/next in 20 ms/ }) }, qr/^old: .* did not expire/],
		['expired before its time',
			sub { edit($_[0], 'old', qr/failed.*attempt: 2/, sub {
			s/next in \d+ ms/it has expired/ }) },
			qr/^old: .* expired too early/],
		['an attempt before its time',
			sub { edit($_[0], 'old', qr/begin.*attempt 2 /, sub {
			s/ time (\d+)/' time ' . ($1 - 500)/e }) },
			qr/^old: .* before its time/],
		['a wrong delay', sub { edit($_[0], 'old', qr/begin.*attempt 2 /,
			sub { s/planned (\d+)/'planned ' . ($1 - 1)/e }) },
			qr/^old: .* is planned for/],
		['an attempt too old', sub { $_[0]{plan}{endpoints}{old}{max_age} = 1 },
			qr/^old: .* older than max_age/],
		['a transition is missing',
			sub { cut($_[0], qr/^webhook endpoint "ban" is disabled:/) },
			qr/^ban: a failure has to disable/],
		['a transition of a zone is missing',
			sub { cut($_[0], qr/"other" is disabled: 4 failures/) },
			qr/^other: is not disabled with its zone/],
		['a transition too many', \&spurious,
			qr/^good: disabled by nothing/],
		['a transition is repeated', \&again,
			qr/^ban: disabled twice by window/],
		['a transition by a failure less', \&fewer,
			qr/^ban: disabled by window without a reason/],
		['a failure too late for a window',
			sub { $_[0]{plan}{endpoints}{ban}{limits}[0]{time} = 61000;
			$_[0]{log} = [map { $_->[2] =~
			s/"ban" is disabled: 4 failures in 60000/"ban" is disabled: 4 failures in 61000/;
			$_ } @{$_[0]{log}}];
			edit($_[0], 'ban', qr/end: .*class status/, sub {
			s/time (\d+)/'time ' . ($1 - 70000)/e }) },
			qr/^ban: disabled by window without a reason/],
		['failures in a row are not counted',
			sub { cut($_[0], qr/"probed" is disabled: 2 failures/) },
			qr/^probed: a failure has to disable/],
		['a ban ends too early',
			sub { edit($_[0], undef, qr/"ban" is enabled/, sub {
			s/for (\d+) ms/for 149 ms/ }) },
			qr/^ban: a ban has ended too early/],
		['an attempt while disabled', \&forbidden,
			qr/^ban: attempt 1 .* while disabled/],
		['a probe before its time',
			sub { $_[0]{plan}{endpoints}{probed}{probe} = 1000000 },
			qr/^probed: a probe before its time/],
		['an event of before is refused',
			sub { edit($_[0], 'ban', qr/delivery end: .* dropped/, sub {
			s/commit (\d+)/'commit ' . ($1 - 2000)/e }) },
			qr/^ban: refused, and captured before/],
		['an operator is not obeyed',
			sub { cut($_[0], qr/"other" is disabled: by an operator/);
			cut($_[0], qr/"other" is disabled: 4 failures/) },
			qr/^other: does not obey disable/],
		['an operator\'s pause is not obeyed',
			sub { cut($_[0], qr/"halted" is paused/) },
			qr/^halted: does not obey pause/],
		['a pause does not end',
			sub { cut($_[0], qr/"halted" is resumed/) },
			qr/^halted: does not obey resume/],
		['a pause ends by itself',
			sub { $_->{do} eq 'resume' and $_->{do} = 'pause'
			for @{$_[0]{steps}} }, qr/^halted: resumed by no operator/],
		['an attempt while paused', \&unpaused,
			qr/^halted: attempt 1 .* while paused/],
		['an event of a pause is refused', \&refused,
			qr/^halted: refused while paused/],
	) {
		my ($what, $spoil, $expect) = @$_;
		my $spoiled = dclone($seen);

		$spoil->($spoiled);

		my @found = Test::Webhook::ModelCheck::check($spoiled);

		ok(scalar(grep { $_ =~ $expect } @found), "found: $what")
			or diag(join "\n", @found);
	}
}

# the first line that matches, of an endpoint

sub edit {
	my ($seen, $ep, $re, $code) = @_;

	for my $l (@{$seen->{log}}) {
		next unless $l->[2] =~ $re && (!defined $ep
			|| $l->[2] =~ /(?:lane|endpoint:) "$ep"/);

		for ($l->[2]) {
			$code->();
		}
		return;
	}

	die "no line to spoil\n";
}

sub cut {
	my ($seen, $re) = @_;

	my ($i) = grep { $seen->{log}[$_][2] =~ $re } 0 .. $#{$seen->{log}};

	die "no line to cut\n" unless defined $i;
	splice @{$seen->{log}}, $i, 1;
}

# lines of an endpoint by what they are

sub lines {
	my ($seen, $re) = @_;

	return grep { $_->[2] =~ $re } @{$seen->{log}};
}

sub insert {
	my ($seen, $behind, @l) = @_;

	my ($i) = grep { $seen->{log}[$_] == $behind } 0 .. $#{$seen->{log}};
	my $n = 0;

	# positions are octets, and lines have more than these

	splice @{$seen->{log}}, $i + 1, 0,
		map { [$behind->[0] + ++$n, $behind->[1], $_->[2]] } @l;
}

# ids and numbers of two events are exchanged

sub swapped {
	my ($seen) = @_;

	my @b = lines($seen, qr/begin: .*"good"/);
	my @v = map { [$_->[2] =~ /seq (\S+) id (\S+)/] } @b[1, 2];

	for my $l (@{$seen->{log}}) {
		for my $i (0, 1) {
			$l->[2] =~ s/\b\Q$v[0][$i]\E\b/other/
				|| $l->[2] =~ s/\b\Q$v[1][$i]\E\b/$v[0][$i]/;
			$l->[2] =~ s/\bother\b(?!")/$v[1][$i]/;
		}
	}
}

sub lost {
	my ($seen) = @_;

	my ($seq, $id) = (lines($seen, qr/begin: .*"good"/))[1][2]
		=~ /seq (\S+) id (\S+)/;

	$seen->{log} = [grep { $_->[2] !~ /\b(?:\Q$seq\E|$id)\b/ } @{$seen->{log}}];
	$seen->{arrivals} = [grep { $_->{id} ne $id } @{$seen->{arrivals}}];
}

sub endless {
	my ($seen) = @_;

	my ($seq) = (lines($seen, qr/begin: .*"good"/))[1][2] =~ /seq (\S+)/;

	$seen->{log} = [grep { $_->[2] !~ /end: .*\b\Q$seq\E\b/ } @{$seen->{log}}];
}

sub twice {
	my ($seen) = @_;

	my ($d) = lines($seen, qr/delivery end: .*"good"/);

	insert($seen, $d, $d);
}

sub repeated {
	my ($seen) = @_;

	my ($b) = lines($seen, qr/attempt begin: .*"good"/);
	my ($e) = lines($seen, qr/attempt end: .*"good"/);
	my ($d) = lines($seen, qr/delivery end: .*"good"/);

	insert($seen, $d, $b, $e);
}

sub overlapping {
	my ($seen) = @_;

	my @b = lines($seen, qr/attempt begin: .*"good"/);
	my ($e) = lines($seen, qr/attempt end: .*"good"/);

	$seen->{log} = [grep { $_ != $e } @{$seen->{log}}];
	$e->[1] = $b[1][1];
	insert($seen, $b[1], $e);
}

sub crowded {
	my ($seen) = @_;

	my @b = lines($seen, qr/attempt begin: .*"slow"/);
	my ($e) = lines($seen, qr/attempt end: .*"slow"/);

	$seen->{log} = [grep { $_ != $e } @{$seen->{log}}];
	insert($seen, $seen->{log}[-1], $e);
}

sub spurious {
	my ($seen) = @_;

	my ($d) = lines($seen, qr/delivery end: .*"good"/);

	insert($seen, $d, [0, 0,
		'webhook endpoint "good" is disabled: 4 failures in 60000 ms']);
}

sub again {
	my ($seen) = @_;

	my ($t) = lines($seen, qr/"ban" is disabled:/);

	insert($seen, $t, $t);
}

sub fewer {
	my ($seen) = @_;

	edit($seen, 'ban', qr/end: .*class status/, sub {
		s/class status status 500/class throttled status 429/;
		s/failure 1/failure 0/;
	});
}

sub forbidden {
	my ($seen) = @_;

	my ($t) = lines($seen, qr/"ban" is disabled:/);
	my @b = grep { $_->[0] > $t->[0] && $_->[1] == $t->[1] }
		lines($seen, qr/attempt begin: .*"ban"/);

	# the next one of this worker is brought forward

	@b or @b = lines($seen, qr/attempt begin: .*"ban"/);

	insert($seen, $t, $b[0]);
}

# the last event is one of the pause

sub unpaused {
	my ($seen) = @_;

	my ($p) = lines($seen, qr/"halted" is paused/);

	insert($seen, $p, (lines($seen, qr/attempt begin: .*"halted"/))[-1]);
}

sub refused {
	my ($seen) = @_;

	my ($p) = lines($seen, qr/"halted" is paused/);
	my $d = (lines($seen, qr/delivery end: .*"halted"/))[-1];
	my ($seq) = $d->[2] =~ /seq (\S+)/;

	$seen->{log} = [grep { $_->[2] !~ /\b\Q$seq\E\b/ } @{$seen->{log}}];
	$d->[2] =~ s/ delivered / dropped /;
	insert($seen, $p, $d);
}

###############################################################################

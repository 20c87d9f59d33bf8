package Test::Webhook::ModelCheck;

# Judges what Test::Webhook::Model has seen; knows the promises, and nothing of
# the code.
#
#	my @wrong = Test::Webhook::ModelCheck::check($seen);
#
# All lines of nginx's log have an order, and those of one worker tell it
# exactly: what a worker does between two of its lines is between them.  Of two
# workers only that is known.  So what one of them did is before what another
# did if its lines are, and where their lines overlap either may be first: a
# transition that both orders have is required, one that some order has is
# allowed.  Times of workers are cached by nginx, those of two workers differ by
# up to STALE; of the same worker they are exact.
#
# With one worker, and with lines that do not overlap, nothing is tolerated.
# What a killed worker did after its last line is not known: it may have.

use strict;
use warnings;

use Test::Webhook::ModelStates qw/ STALE NEVER %rank /;


sub check {
	my ($seen) = @_;

	my $m = parse($seen);

	return (@{$m->{wrong}}, ends($m), order($m), flight($m), retries($m),
		received($m),
		Test::Webhook::ModelStates->new($m)->check());
}

###############################################################################

sub parse {
	my ($seen) = @_;

	my %m = (%$seen, ep => $seen->{plan}{endpoints}, lines => [],
		wrong => [], begins => [], reports => [], transitions => []);
	my (%last, %open, %pending, %aged, %kill);

	for (grep { $_->{do} eq 'kill' } @{$seen->{steps}}) {
		$kill{$_->{pid}} = $_->{mark};
	}

	$m{breaks} = [grep { $_->{do} =~ /^(?:kill|restart)$/ }
		@{$seen->{steps}}];

	for (@{$seen->{log}}) {
		my ($pos, $pid, $text) = @$_;

		my $l = line($text);
		my $before = $last{$pid};

		$last{$pid} = $pos;

		# what a worker did before this line was written

		if (my $r = $pending{$pid}) {
			if ($l && $l->{type} =~ /^(?:failed|done|begin|end)$/) {
				$r->{to} = $pos;
				$r->{failed} = $l if $l->{type} eq 'failed'
					&& $l->{id} eq $r->{id};
				delete $pending{$pid};
			}
		}

		$l or next;

		@$l{qw/ pos pid prev /} = ($pos, $pid, $before || 0);
		push @{$m{lines}}, $l;

		my $type = $l->{type};

		if ($type eq 'begin') {
			$open{"$pid $l->{ep} $l->{seq}"} = $l;
			push @{$m{begins}}, $l;

		} elsif ($type eq 'end') {
			my $b = delete $open{"$pid $l->{ep} $l->{seq}"};

			push @{$m{wrong}}, "an end without a begin: $text"
				unless $b;

			$l->{begin} = $b || {};
			$b->{end} = $l if $b;
			$l->{to} = NEVER;
			$pending{$pid} = $l;
			push @{$m{reports}}, $l;

		} elsif ($type eq 'aged') {
			$aged{$pid} = $l;

		} elsif ($type eq 'done') {
			my $a = delete $aged{$pid};

			$m{seq}{$l->{ep}}{$a->{id}} = $l->{seq} if $a;
			$l->{aged} = $a;
			push @{$m{done}{$l->{ep}}{$l->{seq}}}, $l;

		} elsif ($type eq 'off' || $type eq 'on') {
			my $r = $pending{$pid};

			$l->{report} = $r;
			$l->{from} = $r ? $r->{pos} : $l->{prev};
			push @{$m{transitions}}, $l;
		}
	}

	# an attempt without an end has ended with its worker

	for (@{$m{begins}}) {
		$m{seq}{$_->{ep}}{$_->{id}} = $_->{seq};

		my $b = $_;

		if ($b->{end}) {
			$b->{until} = $b->{end}{pos};
			next;
		}

		my ($break) = grep { $_->{do} eq 'restart' && $_->{down} >= $b->{pos}
			|| $_->{do} eq 'kill' && $_->{pid} == $b->{pid} }
			@{$m{breaks}};

		push @{$m{wrong}}, "attempt $b->{attempt} of $b->{id} never ended"
			unless $break;

		$b->{until} = !$break ? NEVER : $break->{do} eq 'restart'
			? $break->{down} : $break->{mark};
	}

	for my $r (@{$m{reports}}) {
		$r->{maybe} = 1 if $r->{to} == NEVER && broken(\%m, $r->{pos}, NEVER);
		$r->{to} = $kill{$r->{pid}} if $r->{maybe} && $kill{$r->{pid}}
			&& $kill{$r->{pid}} > $r->{pos};

		$r->{outcome} = $r->{class} eq 'success' ? 'success'
			: $r->{class} eq 'local' ? 'none'
			: $r->{class} eq 'status' && $r->{status} == 410 ? 'gone'
			: $r->{class} eq 'status' || $r->{failure} ? 'failure' : 'none';
	}

	# when a transition was made, in ms

	for my $t (@{$m{transitions}}) {
		if ($t->{report}) {
			$t->{low} = $t->{time} = $t->{report}{time};
			next;
		}

		my ($s) = grep { $_->{to} eq $t->{ep} && $_->{mark} <= $t->{pos}
			&& $_->{end} > $t->{pos} }
			grep { defined $_->{status} } @{$m{steps}};

		next unless $s;

		$t->{step} = $s;
		$t->{low} = int($s->{from} * 1000) - STALE;
		$t->{time} = int($s->{to_time} * 1000);
	}

	return \%m;
}

sub line {
	my ($text) = @_;

	my %l;

	# so that patterns can be written over several lines

	$text =~ s/ /_/g;

	if ($text =~ /^webhook_attempt_begin:_slot_\d+_fence_\d+_lane_"(\w+?)"
		_key_"(.*?)"_seq_((\d+)\.\d+)_id_(\S+?)_attempt_(\d+)_probe_(\d)
		_commit_(\d+)_first_(\d+)_planned_(\d+)_time_(\d+)$/x)
	{
		@l{qw/ ep key seq number id attempt probe commit first planned
			time /} = ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);
		$l{type} = 'begin';

	} elsif ($text =~ /^webhook_attempt_end:_slot_\d+_fence_\d+_lane_"(\w+?)"
		_seq_(\d+\.\d+)_id_(\S+?)_attempt_(\d+)_class_([a-z]+)_status_(\d+)
		_failure_(\d)_ms_(\d+)_probe_(\d)_time_(\d+)$/x)
	{
		@l{qw/ ep seq id attempt class status failure ms probe time /}
			= ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);
		$l{type} = 'end';

	} elsif ($text =~ /^webhook_attempt_failed:_([a-z]+),_status_(\d+),
		_(next_in_(\d+)_ms|it_is_dead|it_has_expired),_endpoint:_"(\w+?)",
		_event:_"[^"]*",_id:_(\S+?),_attempt:_(\d+)$/x)
	{
		@l{qw/ class status what next ep id attempt /}
			= ($1, $2, $3, $4, $5, $6, $7);
		$l{what} = $l{what} =~ /^next/ ? 'again'
			: $l{what} =~ /dead/ ? 'dead' : 'expired';
		$l{type} = 'failed';

	} elsif ($text =~ /^webhook_probe_failed:_.*_endpoint:_"(\w+?)",
		_event:_"[^"]*",_id:_(\S+?),_attempt:_(\d+)$/x)
	{
		@l{qw/ ep id attempt /} = ($1, $2, $3);
		@l{qw/ type what /} = ('failed', 'probe');

	} elsif ($text =~ /^webhook_delivery_is_older_.*_endpoint:_"(\w+?)",
		_event:_"[^"]*",_id:_(\S+?),_attempts:_(\d+)$/x)
	{
		@l{qw/ ep id attempts /} = ($1, $2, $3);
		$l{type} = 'aged';

	} elsif ($text =~ /^webhook_delivery_end:_.*_lane_"(\w+?)"
		_seq_(\d+\.\d+)_([a-z]+)_commit_(\d+)$/x)
	{
		@l{qw/ ep seq how commit /} = ($1, $2, $3, $4);
		$l{type} = 'done';

	} elsif ($text =~ /^webhook_endpoint_"(\w+?)"_is_disabled:_(.*)$/) {
		@l{qw/ ep type /} = ($1, 'off');
		my $why = $2;

		$l{ban} = $why =~ s/,_for_(\d+)_ms$// ? $1 : 0;

		if ($why =~ /^(\d+)_failures?_in_(\d+)_ms(_of_the_endpoints)?/) {
			@l{qw/ n time_of /} = ($1 - 1, $2);
			$l{cause} = $3 ? 'zone' : 'window';

		} else {
			$l{cause} = $why =~ /_in_a_row$/ && $why !~ /^no_success/
				? 'consecutive' : $why =~ /^no_success/ ? 'after'
				: $why =~ /410/ ? 'gone' : 'operator';
		}

		$l{rank} = $l{ban} ? 1 : $rank{$l{cause}};

	} elsif ($text =~ /^webhook_endpoint_"(\w+?)"_is_enabled:_(.*),
		_it_was_disabled_for_(\d+)_ms$/x)
	{
		@l{qw/ ep type lasted /} = ($1, 'on', $3);
		my $why = $2;

		$l{cause} = $why =~ /ban/ ? 'ban' : $why =~ /probe/ ? 'probe'
			: 'operator';

	} elsif ($text =~ /^webhook_endpoint_"(\w+?)"_is_paused_by_an_operator$/) {
		@l{qw/ ep type cause ban rank /} = ($1, 'off', 'pause', 0,
			$rank{pause});

	} elsif ($text =~ /^webhook_endpoint_"(\w+?)"_is_resumed_after_(\d+)_ms$/) {
		@l{qw/ ep type cause lasted /} = ($1, 'on', 'resume', $2);

	} else {
		return;
	}

	return \%l;
}

# something was killed between two positions of the log

sub broken {
	my ($m, $a, $b) = @_;

	return scalar grep { $_->{mark} <= $b && $_->{end} >= $a }
		@{$m->{breaks}};
}

# the attempts of a delivery, in order

sub chains {
	my ($m) = @_;

	my %chain;

	push @{$chain{$_->{ep}}{$_->{seq}}}, $_ for @{$m->{begins}};

	return \%chain;
}

# where a delivery has ended for the first time

sub completed {
	my ($m, $ep, $seq, $chain) = @_;

	my @at = map { $_->{pos} } @{$m->{done}{$ep}{$seq} || []};

	for (grep { $_->{end} } @{$chain || []}) {
		push @at, $_->{end}{pos} if $_->{end}{class} eq 'success';
	}

	return (sort { $a <=> $b } @at)[0];
}

###############################################################################

# every event ends, once, and as the policy says

sub ends {
	my ($m) = @_;

	my $chain = chains($m);
	my @wrong;

	for my $ep (sort keys %{$m->{ep}}) {
		my $e = $m->{ep}{$ep};
		my @requests = grep { $_->{to} eq $ep } @{$m->{requests}};
		my $seq = $m->{seq}{$ep} || {};
		my $done = $m->{done}{$ep} || {};

		# those that were never begun are told by their number only

		my $silent = 0;

		for (grep { $_->{id} } @requests) {
			my $s = $seq->{$_->{id}};

			if (!defined $s) {
				$silent++;
				next;
			}

			push @wrong, "$ep: event $_->{n} has not ended"
				unless defined completed($m, $ep, $s,
					$chain->{$ep}{$s});
		}

		my @refused = grep { !$chain->{$ep}{$_}
			&& !grep { $_->{aged} } @{$done->{$_}} } keys %$done;
		my $unknown = grep { !$_->{id} } @requests;

		push @wrong, "$ep: $silent events without an attempt, "
			. @refused . ' of them refused'
			if @refused < $silent || @refused > $silent + $unknown;

		for my $s (sort keys %$done) {
			my @d = @{$done->{$s}};

			push @wrong, "$ep: $s has ended twice"
				if @d > 1 && !broken($m, $d[0]{pos}, $d[-1]{pos});

			push @wrong, map { ending($m, $_, $chain->{$ep}{$s}) } @d;
		}
	}

	return @wrong;
}

sub ending {
	my ($m, $d, $chain) = @_;

	my $e = $m->{ep}{$d->{ep}};
	my $old = $e->{drop} ? 'dropped' : 'expired';

	return $d->{how} eq $old ? () : "$d->{ep}: $d->{seq} too old, $d->{how}"
		if $d->{aged};

	my @before = grep { $_->{end} && $_->{end}{pos} < $d->{pos} }
		@{$chain || []};
	my ($last) = grep { $_->{pid} == $d->{pid} } reverse @before;

	my $what = !$last ? ''
		: $last->{end}{class} eq 'success' ? 'delivered'
		: !$last->{end}{failed} ? ''
		: $last->{end}{failed}{what} eq 'dead' ? 'dead'
		: $last->{end}{failed}{what} eq 'expired' ? $old : '';

	return if $d->{how} eq $what;

	# captured while the endpoint is disabled; a probe is no attempt

	my %refused = (drop => 'dropped', dead => 'dead', hold => '');

	return if $what eq '' && $d->{how} eq $refused{$e->{while_disabled}}
		&& !grep { !$_->{probe} && $_->{end}{class} ne 'local' } @before;

	return "$d->{ep}: $d->{seq} ends $d->{how} after "
		. ($what eq '' ? 'nothing' : $what);
}

###############################################################################

# lanes: in the order of the commits, one after another

sub order {
	my ($m) = @_;

	my $chain = chains($m);
	my @wrong;

	for my $ep (sort keys %{$m->{ep}}) {
		my %lane;

		push @{$lane{$_->[0]{key}}}, $_ for values %{$chain->{$ep}};

		for my $key ($m->{ep}{$ep}{order} eq 'none' ? () : sort keys %lane) {
			my $last = 0;
			my $before;

			for (sort { $a->[0]{number} <=> $b->[0]{number} }
				@{$lane{$key}})
			{
				my $b = $_->[0];

				push @wrong, "$ep: $b->{seq} begins before "
					. "$before->[0]{seq} has ended"
					if $before && $b->{pos} < $last;

				push @wrong, map { "$ep: $_->{seq} again after "
					. "$b->{seq} has begun" }
					grep { $_->{pos} > $b->{pos}
					&& !broken($m, $last, $_->{pos}) }
					@{$before || []};

				my $end = completed($m, $ep, $b->{seq}, $_);
				$last = $end if defined $end && $end > $last;
				$before = $_;
			}
		}

		# a request is sent after the answer to the one before

		my ($n, $number) = (0, 0);

		for (grep { $_->{to} eq $ep && $_->{id} } @{$m->{requests}}) {
			my $s = $m->{seq}{$ep}{$_->{id}};
			my ($this) = ($s || '') =~ /^(\d+)/ or next;

			push @wrong, "$ep: event $_->{n} is before $n"
				if $this <= $number;

			($n, $number) = ($_->{n}, $this);
		}
	}

	return @wrong;
}

# attempts under way

sub flight {
	my ($m) = @_;

	my @wrong;

	for my $ep (sort keys %{$m->{ep}}) {
		my $e = $m->{ep}{$ep};
		my @now;

		for my $b (grep { $_->{ep} eq $ep } @{$m->{begins}}) {
			@now = grep { $_->{until} > $b->{pos} } @now;

			push @wrong, "$ep: " . (@now + 1) . ' attempts at a time'
				if @now >= $e->{concurrency};

			push @wrong, map { "$ep: $_->{seq} and $b->{seq} at a time" }
				grep { $_->{key} eq $b->{key}
				&& $e->{order} ne 'none' || $_->{seq} eq $b->{seq} }
				@now;

			push @now, $b;
		}
	}

	return @wrong;
}

###############################################################################

# the schedule of each delivery

sub retries {
	my ($m) = @_;

	my $chain = chains($m);
	my @wrong;

	for my $ep (sort keys %{$m->{ep}}) {
		my $e = $m->{ep}{$ep};

		for my $seq (sort keys %{$chain->{$ep} || {}}) {
			my ($before, $want, $used);

			# those between were told of by workers that were killed

			for my $b (@{$chain->{$ep}{$seq}}) {
				my $name = "$ep: attempt $b->{attempt} of $seq";

				push @wrong, "$name is $_" for single($e, $b);

				if (!$before) {
					$used = 0;

					push @wrong, "$name is the first one" if $b->{attempt} != 1
						&& !broken($m, 0, $b->{pos});
					push @wrong, "$name was not begun then"
						if $b->{attempt} == 1 && $b->{first} != $b->{time}
						&& !broken($m, 0, $b->{pos});

				} elsif (broken($m, $before->{pos}, $b->{pos})) {
					$used = undef;

				} else {
					push @wrong, map { "$name $_" }
						follows($m, $before, $b, $want);
				}

				$before = $b;
				$want = undef;

				my $end = $b->{end} or next;

				push @wrong, "$name: class of $end->{status} is $end->{class}"
					if class($e, $end) ne $end->{class};

				next if $b->{probe} && $end->{failed}
					&& $end->{failed}{what} eq 'probe'
					|| $end->{class} eq 'local'
					|| $end->{class} eq 'success' || !$end->{failed};

				push @wrong, map { "$name $_" }
					after($m, $e, $b, $used, \$want);

				$used++ if defined $used && $end->{class} ne 'throttled';
			}
		}
	}

	return @wrong;
}

# what can be said of an attempt by itself

sub single {
	my ($e, $b) = @_;

	my @wrong;

	push @wrong, 'older than max_age'
		if $e->{max_age} && $b->{time} - $b->{commit} > $e->{max_age};

	return @wrong if $b->{probe};

	push @wrong, 'planned behind expire'
		if $e->{expire} && $b->{planned} - $b->{first} > $e->{expire};
	push @wrong, 'before its time' if $b->{time} < $b->{planned};

	return @wrong;
}

sub class {
	my ($e, $end) = @_;

	my $status = $end->{status};

	return $end->{class} if $end->{class} !~ /^(?:status|throttled|success)$/;
	return 'success' if $status == 200;

	# 503 has a Retry-After always

	return 'throttled' if $status == 429 || $status == 503;
	return 'status';
}

sub follows {
	my ($m, $before, $b, $want) = @_;

	my $end = $before->{end};

	return 'follows an attempt that has not ended' unless $end;
	return "follows the end of its delivery" if $end->{class} eq 'success'
		|| $end->{failed} && $end->{failed}{what} =~ /^(?:dead|expired)$/;

	my $attempt = $before->{attempt}
		+ ($end->{class} eq 'local'
		|| $end->{failed} && $end->{failed}{what} eq 'probe' ? 0 : 1);

	return "follows attempt $before->{attempt}" if $b->{attempt} != $attempt;

	# a time while it was disabled makes all later by as much

	return unless $want && !$b->{probe};

	my @t = grep { $_->{ep} eq $b->{ep} && $_->{pos} > $end->{pos}
		&& $_->{from} < $b->{pos} } @{$m->{transitions}};
	my ($low, $high) = @$want;
	my $off = 0;

	for (@t) {
		$off = 1 if $_->{type} eq 'off';
		$low += $_->{lasted} if $_->{type} eq 'on' && $off
			&& $_->{pos} < $b->{pos};
	}

	return "is planned for $b->{planned}, before $low" if $b->{planned} < $low;
	return "is planned for $b->{planned}, after $high"
		if $b->{planned} > $high && !@t;

	return;
}

# what has to follow out of a failure; *want: the next one is planned between

sub after {
	my ($m, $e, $b, $used, $want) = @_;

	my $end = $b->{end};
	my $what = $end->{failed}{what};
	my $status = $end->{class} eq 'status' ? $end->{status} : 0;

	return $what eq 'dead' ? () : "was permanent, and $what"
		if $e->{permanent} && $status == 404;

	my $off = $e->{retry} && !@{$e->{retry}};

	return $what eq 'dead' ? () : "was the only one, and $what" if $off;

	# not known how many delays are used

	return unless defined $used;

	# the clock may have stood still during the attempt

	return if grep { $_->{ep} eq $b->{ep} && $_->{pos} > $b->{pos}
		&& $_->{from} < $end->{to} && !($_->{type} eq 'off'
		&& $_->{report} && $_->{report} == $end) } @{$m->{transitions}};

	# it was begun when another worker had disabled the endpoint already

	my ($state) = grep { $_->{ep} eq $b->{ep} && $_->{pos} < $b->{pos} }
		reverse @{$m->{transitions}};

	return if $state && $state->{type} eq 'off' && !$b->{probe}
		&& $state->{pid} != $b->{pid};

	my $throttled = $end->{class} eq 'throttled';
	my $n = $e->{retry} ? @{$e->{retry}} : $e->{count} || 0;

	return $what eq 'dead' ? () : "was the last one, and $what"
		if $n && $used >= $n && !$throttled;

	my ($low, $high);

	if ($e->{retry}) {
		$low = $high = $e->{retry}[$used < $n ? $used : -1];

	} else {
		$high = $e->{min} * 2 ** ($used < 20 ? $used : 20);
		$high = $e->{max} if $high > $e->{max};
		$low = $high - $high * $e->{jitter} / 100 - 1;
		$low = 0 if $low < 0;
	}

	$_ += $b->{planned} for $low, $high;

	if ($throttled) {

		# 429 comes with 0 or 1, which is above any maximum

		my $least = $end->{time}
			+ ($end->{status} == 429 ? 0 : $e->{retry_after_max});
		my $most = $end->{time} + $e->{retry_after_max};

		$low = $least if $low < $least;
		$high = $most if $high < $most;
	}

	if ($throttled || !$n) {
		for ($low, $high) {
			$_ = $end->{time} if $_ < $end->{time};
		}
	}

	my $late = sub {
		$e->{expire} && $_[0] - $b->{first} > $e->{expire}
		|| $e->{max_age} && $_[0] - $b->{commit} > $e->{max_age}
	};

	return $late->($high) ? () : 'expired too early' if $what eq 'expired';
	return 'is dead with delays left' if $what eq 'dead';
	return 'did not expire' if $late->($low);

	my $next = $end->{time} + $end->{failed}{next};

	return "is followed in $end->{failed}{next} ms" if $next > $high
		&& $end->{failed}{next} || $next < $low;

	$$want = [$low, $high];

	return;
}

###############################################################################

# what the receiver has seen

sub received {
	my ($m) = @_;

	my (%begun, %ok, %got, %said, %key, %first, @wrong);

	for (@{$m->{begins}}) {
		$begun{$_->{ep}}{$_->{id}}++;
		$ok{$_->{ep}}{$_->{id}}++ if $_->{end}
			&& $_->{end}{class} eq 'success';
	}

	$said{$_->{to}}{$_->{id}}++ for grep { $_->{status} eq '200' }
		@{$m->{answers}};

	# a connection that was kept and is reset is no attempt

	$begun{$_->{to}}{$_->{id}}++ for grep { $_->{status} eq 'reset' }
		@{$m->{answers}};
	$got{$_->{to}}{$_->{id}}++ for @{$m->{arrivals}};

	for my $ep (sort keys %got) {
		for my $id (sort keys %{$got{$ep}}) {
			my ($n, $of) = ($got{$ep}{$id}, $begun{$ep}{$id} || 0);

			push @wrong, "$ep: $id was received $n times, sent $of"
				if $n > $of;
		}
	}

	for my $ep (sort keys %ok) {
		for my $id (sort keys %{$ok{$ep}}) {
			my ($n, $of) = ($ok{$ep}{$id}, $said{$ep}{$id} || 0);

			push @wrong, "$ep: $id was delivered $n times, accepted $of"
				if $n > $of;
			push @wrong, "$ep: $id was delivered $n times"
				if $n > 1 && !@{$m->{breaks}};
		}
	}

	# first arrivals of a lane are in the order of the requests; those with a
	# timeout may have come later than nginx thinks, and a kill may undo an end
	# that was no delivery

	my %late = map { $_->{id} => 1 } grep { $_->{class} eq 'timeout' }
		@{$m->{reports}};

	for my $b (@{$m->{begins}}) {
		$late{$b->{id}} = 1 if grep { $_->{pos} < $b->{pos} }
			@{$m->{done}{$b->{ep}}{$b->{seq}} || []};
	}

	$key{$_->{id}} = $_ for grep { $_->{id} } @{$m->{requests}};

	for (@{$m->{arrivals}}) {
		my $r = $key{$_->{id}} or next;
		my $order = $m->{ep}{$_->{to}}{order};

		next if $order eq 'none' || $late{$_->{id}}
			|| $first{seen}{$_->{to}}{$_->{id}}++;

		my $lane = $order eq 'key' ? "$_->{to} $r->{key}" : $_->{to};

		push @wrong, "$_->{to}: event $r->{n} was received after "
			. $first{last}{$lane}
			if $r->{n} < ($first{last}{$lane} || 0);

		$first{last}{$lane} = $r->{n};
	}

	return @wrong;
}

###############################################################################

1;

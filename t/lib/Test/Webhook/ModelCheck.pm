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

use constant STALE => 150;		# ms
use constant LOSS => 700;		# ms before a kill of all
use constant DAY => 86400000;
use constant NEVER => 9e15;

my %rank = (window => 2, zone => 2, consecutive => 2, after => 2, gone => 3,
	operator => 4);

sub check {
	my ($seen) = @_;

	my $m = parse($seen);

	return (@{$m->{wrong}}, ends($m), order($m), flight($m), retries($m),
		received($m),
		Test::Webhook::ModelCheck::States->new($m)->check());
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
			grep { $_->{do} =~ /able$/ } @{$m{steps}};

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

		if ($why =~ /^(\d+)_failures_in_(\d+)_ms(_of_the_endpoints)?/) {
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

package Test::Webhook::ModelCheck::States;

# Endpoints that are disabled and enabled: what the failures have to lead to is
# worked out anew, and compared with the transitions that were made.

use strict;
use warnings;

BEGIN {
	*STALE = \&Test::Webhook::ModelCheck::STALE;
	*LOSS = \&Test::Webhook::ModelCheck::LOSS;
	*NEVER = \&Test::Webhook::ModelCheck::NEVER;
}

sub new {
	my ($class, $m) = @_;

	my $self = bless { m => $m, wrong => [] }, $class;

	for (@{$m->{transitions}}) {
		push @{$self->{of}{$_->{ep}}}, $_;
		push @{$self->{by}{$_->{report}{pos}}}, $_ if $_->{report};
	}

	for my $name (keys %{$m->{ep}}) {
		$self->{state}{$name} = { off => 0, rank => 0 };
		$self->{row}{$name} = { low => 0, high => 0 };
		$self->{windows}{$name} = [map { { %$_, list => [] } }
			@{$m->{ep}{$name}{limits}}];
	}

	for my $name (keys %{$m->{plan}{zones}}) {
		$self->{zone}{$name} = { %{$m->{plan}{zones}{$name}}, list => [] };
	}

	return $self;
}

sub check {
	my ($self) = @_;

	my $m = $self->{m};
	my @events;

	push @events, map { [$_->{pos}, 1, 'report', $_] } @{$m->{reports}};
	push @events, map { [$_->{pos}, 1, 'transition', $_] }
		@{$m->{transitions}};
	push @events, map { [$_->{pos}, 1, 'begin', $_] } @{$m->{begins}};

	for my $ep (keys %{$m->{done} || {}}) {
		push @events, map { [$_->{pos}, 1, 'done', $_] }
			map { @$_ } values %{$m->{done}{$ep}};
	}

	for (grep { $_->{do} eq 'restart' } @{$m->{steps}}) {
		push @events, [$_->{down}, 0, 'restart', $_],
			[$_->{end}, 0, 'restored', $_];
	}

	for (sort { $a->[0] <=> $b->[0] || $a->[1] <=> $b->[1] } @events) {
		my $method = $_->[2];
		$self->$method($_->[3]);
	}

	for my $ep (sort keys %{$self->{state}}) {
		$self->wrong("$ep: disabled at the end")
			if $self->{state}{$ep}{off} && !$self->{state}{$ep}{unsure};
	}

	return @{$self->{wrong}};
}

sub wrong {
	my ($self, $what, $l) = @_;

	push @{$self->{wrong}}, $what . ($l ? " (at $l->{pos})" : '');
}

# may another worker have made a transition between two positions?

sub racing {
	my ($self, $ep, $from, $to, $pid) = @_;

	return grep { $_->{pid} != $pid && $_->{pos} > $from && $_->{from} < $to }
		@{$self->{of}{$ep} || []};
}

# transitions by operators and by bans are somewhere between two lines of their
# worker, which may be far from each other: times tell more

sub racing_report {
	my ($self, $ep, $r) = @_;

	return grep { !defined $_->{low} || $_->{low} - STALE <= $r->{time} + STALE }
		$self->racing($ep, $r->{pos}, $r->{to}, $r->{pid});
}

###############################################################################

sub report {
	my ($self, $r) = @_;

	my $ep = $r->{ep};
	my $e = $self->{m}{ep}{$ep};
	my $s = $self->{state}{$ep};
	my @own = @{$self->{by}{$r->{pos}} || []};
	my $race = $self->racing_report($ep, $r) || $r->{maybe} || $s->{unsure};

	$self->{probed}{$ep} = $r->{time} if $r->{probe};

	if ($r->{outcome} eq 'success') {
		$self->succeeded($ep, $r);

		$self->wrong("$ep: disabled by a success", $r)
			if grep { $_->{type} eq 'off' } @own;
		return;
	}

	if ($r->{outcome} eq 'none') {
		$self->wrong("$ep: disabled by no failure", $r)
			if grep { $_->{type} eq 'off' } @own;
		return;
	}

	# what was on its way when it was disabled does not count

	my $on = !$s->{off} || grep { $_->{type} eq 'on' && $_->{ep} eq $ep } @own;
	my $counted = $race ? 0.5 : $on ? 1 : 0;
	my (%may, $must);

	$must = 0;

	if ($r->{outcome} eq 'gone') {
		$may{gone} = 1;
		$must = 3 unless $race || $s->{off} && $s->{rank} >= 3;
	}

	if ($counted) {
		my $z = $self->{zone}{$e->{zone}};

		if ($z->{n}) {
			my ($yes, $no) = $self->add($z, $r, $counted,
				sub { $self->{m}{ep}{$_[0]{ep}}{zone} eq $e->{zone} });

			$may{zone} = 1 if $yes;
			$must = 2 if $no && $must < 2;

			my ($line) = grep { $_->{type} eq 'off'
				&& $_->{cause} eq 'zone' } @own;

			$self->all_of_zone($r, \@own, $e->{zone}) if $no;
			$self->settle($z, $r, $line || $no, $yes,
				$counted == 1 && $r->{outcome} ne 'gone');
		}

		for my $w (@{$self->{windows}{$ep}}) {
			next if $w->{first} && $r->{attempt} != 1;

			my ($yes, $no) = $self->add($w, $r, $counted,
				sub { $_[0]{ep} eq $ep
				&& (!$w->{first} || $_[0]{attempt} == 1) });

			my ($line) = grep { is_of($_, $w) } @own;

			push @{$may{window}}, $w if $yes;

			my $rank = $w->{ban} ? 1 : 2;

			$must = $rank if $no && $must < $rank;
			$self->settle($w, $r, $line || $no, $yes, $counted == 1
				&& !grep { $_->{type} eq 'off' && $_->{ep} eq $ep } @own);
		}

		$self->failed($ep, $r, $counted, \%may, \$must);
	}

	$self->justified($r, $_, \%may) for grep { $_->{type} eq 'off' } @own;

	my %count;

	for (grep { $_->{type} eq 'off' } @own) {
		$self->wrong("$_->{ep}: disabled twice by $_->{cause}", $r)
			if $count{"$_->{ep} $_->{cause}"}++;
	}

	my ($best) = sort { $b <=> $a } map { $_->{rank} }
		grep { $_->{type} eq 'off' && $_->{ep} eq $ep } @own;

	$self->wrong("$ep: a failure has to disable, and does not", $r)
		if $must && !$race && ($best || 0) < $must;

	# its worker may have been killed before it wrote a line

	if ($r->{maybe} && %may) {
		for (keys %{$self->{state}}) {
			$self->{state}{$_}{unsure} = 1 if $_ eq $ep
				|| $self->{m}{ep}{$_}{zone} eq $e->{zone};
		}
	}
}

sub is_of {
	my ($t, $w) = @_;

	return $t->{type} eq 'off' && $t->{cause} eq 'window'
		&& $t->{n} == $w->{n} && $t->{time_of} == $w->{time}
		&& $t->{ban} == $w->{ban};
}

sub justified {
	my ($self, $r, $t, $may) = @_;

	my $e = $self->{m}{ep}{$r->{ep}};
	my $z = $self->{zone}{$e->{zone}};
	my $ok;

	if ($t->{cause} eq 'zone') {
		$ok = $may->{zone} && $t->{n} == $z->{n}
			&& $t->{time_of} == $z->{time}
			&& $self->{m}{ep}{$t->{ep}}{zone} eq $e->{zone};

	} elsif ($t->{ep} ne $r->{ep}) {
		$ok = 0;

	} elsif ($t->{cause} eq 'window') {
		$ok = grep { is_of($t, $_) } @{$may->{window} || []};

	} else {
		$ok = $may->{$t->{cause}};
	}

	$self->wrong("$t->{ep}: disabled by $t->{cause} without a reason", $t)
		unless $ok;
}

# all endpoints of a zone are disabled by its window

sub all_of_zone {
	my ($self, $r, $own, $zone) = @_;

	for my $ep (sort keys %{$self->{state}}) {
		my $s = $self->{state}{$ep};

		next if $self->{m}{ep}{$ep}{zone} ne $zone || $s->{unsure}
			|| $s->{off} && $s->{rank} > 1 || $r->{maybe}
			|| $ep eq $r->{ep}
			|| $self->racing($ep, $r->{pos}, $r->{to}, $r->{pid});

		$self->wrong("$ep: is not disabled with its zone", $r)
			unless grep { $_->{type} eq 'off' && $_->{ep} eq $ep
			&& $_->{cause} eq 'zone' } @$own;
	}
}

###############################################################################

# one more failure in a window: is it too many in some order, in each order?

sub add {
	my ($self, $w, $r, $counted, $scope) = @_;

	my @other = grep { $_->{pid} != $r->{pid} && $_->{pos} > $r->{pos}
		&& $_->{pos} < $r->{to} && $_->{outcome} =~ /^(?:failure|gone)$/
		&& $scope->($_) } @{$self->{m}{reports}};

	my $over = sub { $_[0]{pid} != $r->{pid} && $_[0]{to} > $r->{pos} };

	my $within = sub {
		my ($time) = @_;
		return defined $time && ($r->{time} >= $time
			? $r->{time} - $time <= $w->{time}
			: $time - $r->{time} <= 1000);
	};

	my @all = sort { $b <=> $a } map { $_->{time} } @{$w->{list}}, @other;
	my @sure = grep { $_->{sure} && !$over->($_) } @{$w->{list}};

	my $may = @all >= $w->{n} && $within->($all[$w->{n} - 1]);
	my $must = $counted == 1 && @sure >= $w->{n}
		&& $within->($sure[-$w->{n}]{time});

	push @{$w->{list}}, { time => $r->{time}, pos => $r->{pos},
		to => $r->{to}, pid => $r->{pid}, sure => $counted == 1 };

	return ($may, $must);
}

# a window that was exceeded is empty; "clear": it would have been seen

sub settle {
	my ($self, $w, $r, $tripped, $may, $clear) = @_;

	if ($tripped) {
		$self->empty($w, $r->{pos}, $r->{pid});

	} elsif ($may && !$clear) {
		$_->{sure} = 0 for @{$w->{list}};
	}
}

sub empty {
	my ($self, $w, $pos, $pid) = @_;

	push @{$w->{gone}}, grep { $_->{time} } @{$w->{list}};
	@{$w->{list}} = grep { $_->{pid} != $pid && $_->{to} > $pos }
		@{$w->{list}};
	$_->{sure} = 0 for @{$w->{list}};
}

# failures in a row, and since when

sub failed {
	my ($self, $ep, $r, $counted, $may, $must) = @_;

	my $e = $self->{m}{ep}{$ep};
	my $row = $self->{row}{$ep};

	my @over = grep { $_->{ep} eq $ep && $_->{pid} != $r->{pid}
		&& $_->{pos} < $r->{to} && $_->{to} > $r->{pos} }
		@{$self->{m}{reports}};
	my $later = grep { $_->{pos} > $r->{pos}
		&& $_->{outcome} =~ /^(?:failure|gone)$/ } @over;

	# a success beside it: before it or after it

	my $success = grep { $_->{outcome} eq 'success' } @over;

	$row->{high}++;
	$row->{high_since} = $r->{time} if !defined $row->{high_since}
		|| $row->{high_since} > $r->{time};

	if ($counted == 1 && !$success) {
		$row->{low}++;
		$row->{low_since} = $r->{time} unless defined $row->{low_since};

	} elsif ($success) {
		$row->{low} = 0;
		$row->{low_since} = undef;
	}

	if ($e->{consecutive}) {
		$may->{consecutive} = 1
			if $row->{high} + $later >= $e->{consecutive};
		$$must = 2 if $counted == 1 && $row->{low} >= $e->{consecutive}
			&& $$must < 2;
	}

	if ($e->{after}) {
		$may->{after} = 1
			if $r->{time} - $row->{high_since} >= $e->{after};
		$$must = 2 if $counted == 1 && defined $row->{low_since}
			&& !@over && $r->{time} - $row->{low_since} >= $e->{after}
			&& $$must < 2;
	}
}

sub succeeded {
	my ($self, $ep, $r) = @_;

	my @over = grep { $_->{ep} eq $ep && $_->{pid} != $r->{pid}
		&& $_->{pos} < $r->{to} && $_->{to} > $r->{pos}
		&& $_->{outcome} =~ /^(?:failure|gone)$/ } @{$self->{m}{reports}};

	# a worker that was killed may not have come to it

	return if $r->{maybe};

	push @{$self->{rows}{$ep}}, { %{$self->{row}{$ep}}, until => $r->{time} };

	my ($since) = sort { $a <=> $b } map { $_->{time} }
		grep { $_->{pos} < $r->{pos} } @over;

	$self->{row}{$ep} = { low => 0, high => scalar @over };
	$self->{row}{$ep}{high_since} = $since if defined $since;
}

###############################################################################

sub transition {
	my ($self, $t) = @_;

	my $ep = $t->{ep};
	my $s = $self->{state}{$ep};
	my $r = $t->{report};
	my $race = $s->{unsure}
		|| $self->racing($ep, $t->{from}, $t->{pos}, $t->{pid});

	if ($t->{type} eq 'off') {
		$self->wrong("$ep: disabled by $t->{cause} while it is", $t)
			if $s->{off} && $t->{rank} <= $s->{rank} && !$race;
		$self->wrong("$ep: disabled by nothing", $t)
			unless $r || $t->{step} && $t->{cause} eq 'operator'
			&& $t->{step}{do} eq 'disable';

		my $since = $s->{off} && !$s->{unsure} ? $s->{since} : $t->{time};

		$self->{state}{$ep} = { off => 1, rank => $t->{rank}, t => $t,
			since => $since, ban => $t->{ban}, cause => $t->{cause},
			low => defined $t->{low} ? $t->{low} : $since };
		delete $self->{probed}{$ep};
		return;
	}

	$self->wrong("$ep: enabled while it is", $t) if !$s->{off} && !$race;

	if ($t->{cause} eq 'ban') {
		$self->wrong("$ep: a ban that was none has ended", $t)
			if $s->{off} && !$s->{ban} && !$race;
		$self->wrong("$ep: a ban has ended too early", $t)
			if $s->{off} && $s->{ban} && $t->{lasted} < $s->{ban}
			&& !$race;

		if (defined $s->{since}) {
			$t->{low} = $t->{time} = $s->{since} + $t->{lasted};
		}

	} elsif ($t->{cause} eq 'probe') {
		$self->wrong("$ep: enabled by no probe", $t)
			unless $r && $r->{ep} eq $ep && $r->{probe}
			&& $r->{outcome} eq 'success';
		$self->wrong("$ep: a probe has enabled what an operator has to", $t)
			if $s->{off} && $s->{rank} > 2 && !$race;

		# the time is that of the report, to the millisecond

		$self->wrong("$ep: was not disabled for $t->{lasted} ms", $t)
			if $s->{off} && $s->{t} && $s->{t}{report} && !$race
			&& defined $s->{since}
			&& $t->{lasted} != $r->{time} - $s->{since};

	} else {
		$self->wrong("$ep: enabled by no operator", $t)
			unless $t->{step} && $t->{step}{do} eq 'enable';
	}

	$self->{state}{$ep} = { off => 0, rank => 0, t => $t };
	delete $self->{probed}{$ep};

	return if $t->{cause} eq 'ban';

	# all is counted anew

	push @{$self->{rows}{$ep}}, { %{$self->{row}{$ep}}, until => $t->{time} };

	$self->empty($_, $t->{from}, $t->{pid}) for @{$self->{windows}{$ep}};
	$self->{row}{$ep} = { low => 0, high => scalar grep { $_->{ep} eq $ep
		&& $_->{pid} != $t->{pid} && $_->{pos} < $t->{pos}
		&& $_->{to} > $t->{from} } @{$self->{m}{reports}} };
}

# no attempts while disabled, but probes

sub begin {
	my ($self, $b) = @_;

	my $ep = $b->{ep};
	my $e = $self->{m}{ep}{$ep};
	my $s = $self->{state}{$ep};

	return if $s->{unsure};

	my ($next) = grep { $_->{pos} > $b->{pos} } @{$self->{of}{$ep} || []};

	# another worker's line may be late, or this one may not have known yet

	my $known = !$s->{t} || $s->{t}{pid} == $b->{pid}
		|| !defined $s->{t}{time} || $b->{time} > $s->{t}{time} + STALE;
	my $early = $next && $next->{pid} != $b->{pid}
		&& $next->{from} < $b->{pos};

	if ($s->{off} && !$b->{probe}) {
		$self->wrong("$ep: attempt $b->{attempt} of $b->{seq} while "
			. 'disabled', $b)
			if $known && !($early && $next->{type} eq 'on');
		return;
	}

	return unless $b->{probe};

	if (!$s->{off}) {
		$self->wrong("$ep: a probe while enabled", $b)
			if $known && !($early && $next->{type} eq 'off');
		return;
	}

	$self->wrong("$ep: a probe that is not to be", $b)
		if !$e->{probe} || $s->{rank} > 2 && $known;

	my $since = defined $self->{probed}{$ep} ? $self->{probed}{$ep}
		: $s->{restored} ? undef : $s->{t} ? $s->{t}{time} : undef;
	my $stale = $s->{t} && $s->{t}{pid} == $b->{pid}
		&& !defined $self->{probed}{$ep} ? 0 : STALE;

	$self->wrong("$ep: a probe before its time", $b)
		if defined $since && $e->{probe}
		&& $b->{time} + $stale < $since + $e->{probe};
}

# an event that was refused is one of a time when it was disabled

sub done {
	my ($self, $d) = @_;

	my $s = $self->{state}{$d->{ep}};

	return if $d->{aged} || $s->{unsure};
	return if grep { $_->{ep} eq $d->{ep} && $_->{seq} eq $d->{seq} }
		@{$self->{m}{begins}};

	my ($next) = grep { $_->{pos} > $d->{pos} }
		@{$self->{of}{$d->{ep}} || []};

	if (!$s->{off}) {
		my $known = !$s->{t} || $s->{t}{pid} == $d->{pid};

		$self->wrong("$d->{ep}: refused while enabled", $d)
			if $known && !($next && $next->{pid} != $d->{pid}
			&& $next->{from} < $d->{pos});
		return;
	}

	$self->wrong("$d->{ep}: refused, and captured before", $d)
		if defined $s->{low} && $d->{commit} <= $s->{low} - STALE
		|| defined $s->{since} && $s->{t} && $s->{t}{report}
		&& $d->{commit} <= $s->{since} && $s->{since} == $s->{t}{time};
}

###############################################################################

# what is stored may lack some of the last failures, and where nobody was asked
# to end in peace the last transitions

sub restart {
	my ($self, $step) = @_;

	for my $s (values %{$self->{state}}) {
		my $time = $s->{t} ? $s->{t}{time} : 0;

		# who made it may not have lived to store it, another one does
		# so later

		$time += LOSS if $time && grep { $_->{do} eq 'kill'
			&& $_->{pid} == $s->{t}{pid}
			&& abs($_->{from} * 1000 - $time) < LOSS }
			@{$self->{m}{steps}};

		$s->{unsure} = 1 if $step->{how} ne 'QUIT'
			&& (!defined $time || $time > $step->{from} * 1000 - LOSS);
	}

	for my $w (values %{$self->{zone}}, map { @$_ } values %{$self->{windows}}) {
		unshift @{$w->{list}}, @{delete $w->{gone} || []}
			if $step->{how} ne 'QUIT';
		$_->{sure} = 0 for @{$w->{list}};
	}

	for my $ep (keys %{$self->{row}}) {
		my $row = $self->{row}{$ep};

		$row->{low} = 0;
		$row->{low_since} = undef;

		# a success may be what is lacking

		for (@{$self->{rows}{$ep} || []}) {
			next if $step->{how} eq 'QUIT' || defined $_->{until}
				&& $_->{until} < $step->{from} * 1000 - LOSS;

			$row->{high} += $_->{high};
			$row->{high_since} = $_->{high_since}
				if defined $_->{high_since} && (!defined $row->{high_since}
				|| $_->{high_since} < $row->{high_since});
		}
	}
}

sub restored {
	my ($self, $step) = @_;

	for my $api (@{$step->{states}}) {
		my $ep = $api->{name};
		my $s = $self->{state}{$ep};
		my $off = $api->{state} ne 'enabled' ? 1 : 0;

		# the line of another worker may be late

		next if grep { $_->{pos} >= $step->{down} }
			grep { $_->{from} < $step->{end} } @{$self->{of}{$ep} || []};

		my $rank = !$off ? 0 : $api->{until} ? 1 : $rank{$api->{reason}};

		if ($off == $s->{off} && $rank == $s->{rank}) {
			$self->wrong("$ep: disabled since $api->{since} after a "
				. "restart, and not $s->{since}") if $off && !$s->{unsure}
				&& $s->{t} && $s->{t}{report} && !$s->{restored}
				&& $api->{since} != $s->{since};

			@$s{qw/ restored unsure since /} = (1, 0, $api->{since});
			next;
		}

		$self->wrong("$ep: $api->{state} after a restart, and was "
			. ($s->{off} ? 'disabled' : 'enabled')) unless $s->{unsure};

		$self->{state}{$ep} = { off => $off, rank => $rank, restored => 1,
			ban => $api->{until} ? $api->{until} - $api->{since} : 0,
			since => $api->{since}, low => $api->{since} };
	}
}

1;

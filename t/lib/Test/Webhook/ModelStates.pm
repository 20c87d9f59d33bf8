package Test::Webhook::ModelStates;

# Endpoints that are disabled and enabled: what the failures have to lead to is
# worked out anew, and compared with the transitions that were made.

use strict;
use warnings;

use Exporter qw/ import /;

our @EXPORT_OK = qw/ STALE NEVER %rank /;

use constant STALE => 150;		# ms, between the times of two workers
use constant LOSS => 700;		# ms before a kill of all
use constant NEVER => 9e15;

# a cause takes the place of lesser ones; a ban is the least, and what is
# disabled is not paused

our %rank = (window => 2, zone => 2, consecutive => 2, after => 2, gone => 3,
	pause => 4, operator => 5);

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

	push @events, map { [$_->{end}, 0, 'obeyed', $_] }
		grep { defined $_->{status} } @{$m->{steps}};

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
			unless $r || $t->{step} && $t->{step}{do}
			eq ($t->{cause} eq 'pause' ? 'pause' : 'disable');
		$self->wrong("$ep: paused while it is disabled", $t)
			if $t->{cause} eq 'pause' && $s->{off} && !$race
			&& !ban_over($s, $t);

		my $since = $s->{off} && $s->{cause} ne 'pause' && !$s->{unsure}
			? $s->{since} : $t->{time};

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

	} elsif ($t->{cause} eq 'resume') {
		$self->wrong("$ep: resumed, and was disabled", $t)
			if $s->{off} && $s->{cause} ne 'pause' && !$race;
		$self->wrong("$ep: resumed by no operator", $t)
			unless $t->{step} && $t->{step}{do} =~ /^(?:resume|enable)$/;

	} else {
		$self->wrong("$ep: enabled by no operator", $t)
			unless $t->{step} && $t->{step}{do} eq 'enable';
		$self->wrong("$ep: enabled, and was paused", $t)
			if $s->{off} && $s->{cause} eq 'pause' && !$race;
	}

	$self->{state}{$ep} = { off => 0, rank => 0, t => $t };
	delete $self->{probed}{$ep};

	return if $t->{cause} eq 'ban';
	return $self->resumed($t) if $t->{step} && $t->{step}{do} eq 'resume';

	# all is counted anew

	push @{$self->{rows}{$ep}}, { %{$self->{row}{$ep}}, until => $t->{time} };

	$self->empty($_, $t->{from}, $t->{pid}) for @{$self->{windows}{$ep}};
	$self->{row}{$ep} = { low => 0, high => scalar grep { $_->{ep} eq $ep
		&& $_->{pid} != $t->{pid} && $_->{pos} < $t->{pos}
		&& $_->{to} > $t->{from} } @{$self->{m}{reports}} };
}

# nobody may have seen yet that it is over

sub ban_over {
	my ($s, $t) = @_;

	return $s->{ban} && defined $s->{since} && defined $t->{time}
		&& $t->{time} + STALE >= $s->{since} + $s->{ban};
}

# a pause is no time without a success, and that is all that is counted anew;
# a failure of another worker may be behind it

sub resumed {
	my ($self, $t) = @_;

	my $row = $self->{row}{$t->{ep}};

	$row->{low_since} += $t->{lasted} if defined $row->{low_since};
	$row->{high_since} += $t->{lasted} if defined $row->{high_since}
		&& !grep { $_->{ep} eq $t->{ep} && $_->{pid} != $t->{pid}
		&& $_->{pos} < $t->{pos} && $_->{to} > $t->{from} }
		@{$self->{m}{reports}};
}

# a command has done what it was for when it is answered

sub obeyed {
	my ($self, $step) = @_;

	my $ep = $step->{to};
	my $s = $self->{state}{$ep};
	my $off = $s->{off} ? $s->{cause} : '';

	# commands come one after another, but there is more beside them

	return if $s->{unsure}
		|| grep { $_->{cause} !~ /^(?:operator|pause|resume)$/
		&& $_->{pos} >= $step->{mark} && $_->{from} < $step->{end} }
		@{$self->{of}{$ep} || []};

	my $ok = $step->{do} eq 'enable' ? $off eq ''
		: $step->{do} eq 'disable' ? $off eq 'operator'
		: $step->{do} eq 'pause' ? $off eq 'pause'
		: $off ne 'pause';

	$self->wrong("$ep: does not obey $step->{do}", { pos => $step->{end} })
		if $step->{status} == 200 && !$ok;
	$self->wrong("$ep: $step->{do} was answered $step->{status}",
		{ pos => $step->{end} }) if $step->{status} != 200
		&& !($step->{do} eq 'pause' && $step->{status} == 409
		&& $off ne '' && $off ne 'pause');
}

# no attempts while disabled, but probes, and none while paused

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
			. ($s->{cause} eq 'pause' ? 'paused' : 'disabled'), $b)
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

# an event that was refused is one of a time when it was disabled, not paused

sub done {
	my ($self, $d) = @_;

	my $s = $self->{state}{$d->{ep}};

	return if $d->{aged} || $s->{unsure};
	return if grep { $_->{ep} eq $d->{ep} && $_->{seq} eq $d->{seq} }
		@{$self->{m}{begins}};

	my ($next) = grep { $_->{pos} > $d->{pos} }
		@{$self->{of}{$d->{ep}} || []};

	if (!$s->{off} || $s->{cause} eq 'pause') {
		my $known = !$s->{t} || $s->{t}{pid} == $d->{pid};

		$self->wrong("$d->{ep}: refused while "
			. ($s->{off} ? 'paused' : 'enabled'), $d)
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
			. (!$s->{off} ? 'enabled' : $s->{cause} eq 'pause'
			? 'paused' : 'disabled')) unless $s->{unsure};

		$self->{state}{$ep} = { off => $off, rank => $rank, restored => 1,
			cause => $off ? $api->{reason} : '',
			ban => $api->{until} ? $api->{until} - $api->{since} : 0,
			since => $api->{since}, low => $api->{since} };
	}
}

1;

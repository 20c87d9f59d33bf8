#!/usr/bin/perl

# The checker is checked: bugs are planted into copies of the scheduler, one
# at a time, and the model check has to find each of them.

###############################################################################

use warnings;
use strict;

use Test::More;

use File::Temp qw/ tempdir /;

###############################################################################

my $schedules = $ENV{WEBHOOK_MUTANT_SCHEDULES} || 30000;

my @base = qw/ lane permit policy rate retry sched state window /;

# a name, a file, what is there exactly once, and what is there instead

my @mutants = (
	[ 'a window tolerates one failure less', 'window',
	  'seq < base || seq - base < n', 'seq < base || seq - base < n - 1' ],
	[ 'a window is one millisecond too short', 'window',
	  'now - first <= time : ', 'now - first < time : ' ],
	[ 'failures that have disabled count again', 'window',
	  '&base, seq + 1, 0,', '&base, base, 0,' ],
	[ 'only first attempts count, always', 'policy',
	  '(!limit->first || o->first)', '(limit->first || o->first)' ],
	[ 'consecutive= is one too many', 'policy',
	  'row >= p->consecutive', 'row > p->consecutive' ],
	[ 'after= is one millisecond too late', 'policy',
	  'time >= p->after', 'time > p->after' ],
	[ 'failures while disabled count', 'policy',
	  "    if (o->counts\n        && (s.reason == WH_STATE_ENABLED"
	  . " || s.reason == WH_STATE_QUOTA))\n",
	  "    if (o->counts)\n" ],
	[ 'the shortest ban of several wins', 'policy',
	  'two->ban == 0 || two->ban > one->ban',
	  'two->ban == 0 || two->ban < one->ban' ],
	[ 'a ban ends one millisecond too late', 'state',
	  's->until == 0 || now < s->until', 's->until == 0 || now <= s->until' ],
	[ 'a ban ends when somebody sees it', 'state',
	  [ 'wh_state_enabled(s, s->until, next)', 's->until && now > s->until' ],
	  [ 'wh_state_enabled(s, now, next)', '0' ] ],
	[ 'what is disabled for longer is forgotten', 'state',
	  'return until ? 2 : 3;', 'return 3;' ],
	[ 'a transition is made twice', 'state',
	  '<= wh_state_rank(s->reason, s->until)',
	  '< wh_state_rank(s->reason, s->until)' ],
	[ 'a success leaves the row', 'policy',
	  "        wh_cell_succeeded(p->cell);\n        return;",
	  "        return;" ],
	[ 'a probe is not leased', 'state',
	  "next->probing = 1;\n    next->probe = wh_state_add(now, lease);",
	  "next->probing = 1;\n    next->probe = s->probe;" ],
	[ 'a probe does not renew its lease', 'policy',
	  "wh_state_probe_renew(&s, now, lease, &next)",
	  "wh_state_probe_renew(&s, now, 0, &next)" ],
	[ 'a former probe ends the present one', 'policy',
	  'o->probe && o->probe == s.number', 'o->probe' ],
	[ 'operators are probed', 'state',
	  "    case WH_STATE_GONE:\n    case WH_STATE_OPERATOR:\n"
	  . "    case WH_STATE_QUOTA:\n    case WH_STATE_PAUSE:\n"
	  . "        return 0;",
	  "    case WH_STATE_GONE:\n    case WH_STATE_QUOTA:\n"
	  . "    case WH_STATE_PAUSE:\n        return 0;" ],
	[ 'an operator\'s pause is probed', 'state',
	  "    case WH_STATE_PAUSE:\n        return 0;", "        return 0;" ],
	[ 'what is paused by an operator is disabled by failures', 'state',
	  "    case WH_STATE_PAUSE:\n        return 5;",
	  "    case WH_STATE_PAUSE:\n        return 1;" ],
	[ 'what is captured during a pause is refused', 'state',
	  's->reason == WH_STATE_QUOTA || s->reason == WH_STATE_PAUSE',
	  's->reason == WH_STATE_QUOTA' ],
	[ 'a pause is time without a success', 'policy',
	  'wh_cell_halted(p->cell, next.held - s.held);', '' ],
	[ 'resuming ends more than pauses', 'state',
	  's->reason != WH_STATE_PAUSE', 's->reason == WH_STATE_ENABLED' ],
	[ 'a permit is not void with its holder', 'permit',
	  "i < all; i++) {\n\n", "i < 1; i++) {\n\n" ],
	[ 'a wanted permit is nobody\'s business', 'permit',
	  '__atomic_store_n(&p->wanted, 1, __ATOMIC_SEQ_CST);', '' ],
	[ 'one permit too many', 'permit',
	  "i < max; i++", "i <= max; i++" ],
	[ 'the clock does not stand still', 'lane',
	  "    if (item->progress.first && held > item->progress.held) {",
	  "    if (0) {" ],
	[ 'the clock of an attempt does not stand still', 'sched',
	  '(void) wh_item_shift(item, r->held);', '' ],
	[ 'what is loaded is not shifted', 'lane',
	  'lane->held == held && seen', 'lane->held >= held && seen' ],
	[ 'order is broken by what comes late', 'lane',
	  "        if (rc < 0) {\n            break;\n        }",
	  "        if (rc < 2) {\n            break;\n        }" ],
	[ 'order is broken by what is read', 'lane',
	  "            if (rc > 0) {\n                break;\n            }",
	  "            if (rc > -2) {\n                break;\n            }" ],
	[ 'what is not in memory is passed over', 'lane',
	  'item->inflight || !wh_lane_known(lane, item)', 'item->inflight' ],
	[ 'an unordered lane forgets those that wait', 'lane',
	  "        wh_lane_unlist(lane, item);\n"
	  . "        wh_lane_list(lane, item, now);\n    }\n\n    if",
	  "        wh_lane_unlist(lane, item);\n    }\n\n    if" ],
	[ 'the next delay is used', 'retry',
	  'r->delays[used < r->n ? used : r->n - 1]',
	  'r->delays[used + 1 < r->n ? used + 1 : r->n - 1]' ],
	[ 'delays add to the present', 'retry',
	  'wh_retry_add(f->planned, wh_retry_delay(',
	  'wh_retry_add(f->now, wh_retry_delay(' ],
	[ 'expire does not allow its very end', 'retry',
	  'when - f->first > limit', 'when - f->first >= limit' ],
	[ 'max_age does not allow its very end', 'retry',
	  'now - commit > r->max_age', 'now - commit >= r->max_age' ],
	[ 'throttled attempts use delays', 'sched',
	  'progress->attempts - progress->throttled', 'progress->attempts' ],
	[ 'Retry-After is not limited', 'retry',
	  'f->after < r->after_max ? f->after : r->after_max', 'f->after' ],
	[ 'a probe takes a retry', 'sched',
	  '(o->probe && !o->permanent)', '(o->probe && o->permanent)' ],
	[ 'a probe is sent that is too old', 'sched',
	  "            return wh_sched_due(p, now, next);",
	  "            return WH_NEXT_SEND;" ],
	[ 'the backlog is refused', 'sched',
	  'item->progress.time <= s->since', 'item->progress.time > s->since' ],
	[ 'what is captured while disabled is kept', 'sched',
	  'item->early || item->progress.attempts', '1' ],
	[ 'a quota allows one more', 'rate',
	  [ '(old & WH_QUOTA_MASK) < q->n', '(word & WH_QUOTA_MASK) : 0' ],
	  [ '(old & WH_QUOTA_MASK) <= q->n', '(word & WH_QUOTA_MASK) - 1 : 0' ] ],
	[ 'a quota\'s window is too long', 'rate',
	  'now - start >= q->time', 'now - start > q->time' ],
	[ 'a window begins with what was refused', 'policy',
	  "    quota = &p->quota;\n\n    if (quota->n && wh_quota_used(",
	  "    quota = &p->quota;\n\n    if (0 && wh_quota_used(" ],
	[ 'retries are counted by quotas', 'sched',
	  'item->progress.attempts || item->counted', 'item->counted' ],
	[ 'a pause outlasts its quota', 'policy',
	  "    return s->reason != WH_STATE_QUOTA\n",
	  "    return 1 || s->reason != WH_STATE_QUOTA\n" ],
	[ 'a pause ends though the zone\'s quota is used up', 'policy',
	  '|| (p->zone->quota.n', '|| (0 && p->zone->quota.n' ],
	[ 'a pause ends though the quota is used up', 'policy',
	  '|| (p->quota.n', '|| (0 && p->quota.n' ],
	[ 'whatever is not paused by a quota is enabled', 'policy',
	  's->reason != WH_STATE_QUOTA', 's->reason == WH_STATE_ENABLED' ],
	[ 'a ban of the future ends then', 'state',
	  's->until > ahead ? s->until - ahead : s->until', 's->until' ],
	[ 'what begins in the future does so then', 'state',
	  'if (ahead > WH_SKEW) {', 'if (0) {' ],
	[ 'a probe of the future is sent then', 'state',
	  's->probe > most', '0' ],
	[ 'a retry of the future is sent then', 'lane',
	  'progress->planned -= progress->planned < ahead',
	  'progress->planned -= 1 ? 0 : progress->planned < ahead' ],
	[ 'what waits for something else does so for longer', 'lane',
	  'item->notbefore -= item->notbefore < ahead ? item->notbefore : ahead;',
	  '' ],
	[ 'a lane does not see that the clock was set back', 'lane',
	  'lane->held == held && seen <= now', 'lane->held == held' ],
	[ 'an attempt does not see that the clock was set back', 'sched',
	  '(void) wh_item_rebase(item, now);' . "\n\n    item->from",
	  'item->from' ],
	[ 'a rate is one too fast', 'rate',
	  "next > ns + r->burst) {\n            *when",
	  "next > ns + r->burst + r->interval) {\n            *when" ],
);

###############################################################################

my $cc = $ENV{CC} || 'cc';
my $jobs = `nproc` || 1;
my $dir = tempdir('webhook-mutants-XXXXXX', TMPDIR => 1, CLEANUP => 1);

chomp $jobs;

my @flags = qw{ -std=gnu99 -O1 -Isrc/base -It/sched_model };

for my $name (@base) {
	compile("src/base/wh_$name.c", "$dir/wh_$name.o");
}

my @objects;

for my $source (glob "t/sched_model/*.c") {
	my ($name) = $source =~ m{([^/]+)\.c\z};

	compile($source, "$dir/model_$name.o");
	push @objects, "$dir/model_$name.o";
}

plan tests => 1 + @mutants;

my ($status, $out) = model('');

is($status, 0, "the scheduler keeps its contract") or diag($out);

for my $mutant (@mutants) {
	my ($what, $name, $old, $new) = @$mutant;

	my $source = slurp("src/base/wh_$name.c");

	my @old = ref $old ? @$old : $old;
	my @new = ref $new ? @$new : $new;

	my @n = map { my $text = $_; scalar(() = $source =~ /\Q$text\E/g) } @old;

	if (grep { $_ != 1 } @n) {
		fail("found: $what");
		diag("it is there @n times, not once");
		next;
	}

	for my $i (0 .. $#old) {
		$source =~ s/\Q$old[$i]\E/$new[$i]/;
	}

	spew("$dir/mutant.c", $source);
	compile("$dir/mutant.c", "$dir/mutant.o");

	($status, $out) = model($name);

	ok($status && $out =~ /^# seed \d+, at /m, "found: $what")
		or diag($out);
	note($out);
}

###############################################################################

sub compile {
	my ($source, $object) = @_;

	system($cc, @flags, '-w', '-c', '-o', $object, $source) == 0
		or BAIL_OUT("$source cannot be compiled");
}


# with the mutant instead of one file

sub model {
	my ($mutant) = @_;

	my @parts = map { $_ eq $mutant ? "$dir/mutant.o" : "$dir/wh_$_.o" }
		@base;

	system($cc, '-o', "$dir/model", @objects, @parts) == 0
		or BAIL_OUT("the model cannot be linked");

	my $out = `$dir/model -n $schedules -j $jobs 2>&1`;

	return ($?, $out);
}


sub slurp {
	my ($path) = @_;

	open my $fh, '<', $path or BAIL_OUT("$path: $!");
	local $/;

	return scalar <$fh>;
}


sub spew {
	my ($path, $text) = @_;

	open my $fh, '>', $path or BAIL_OUT("$path: $!");
	print $fh $text;
	close $fh or BAIL_OUT("$path: $!");
}

###############################################################################

#!/usr/bin/perl

# make fairness: what 20 endpoints that fail do to 980 others.
#
# Two fronts for each order, nginx with two workers and 1000 endpoints, each of
# them at an address of its own.  In A all are well; in B five refuse
# connections, five answer 500, and ten accept and never answer.  The same
# events go to both, to all endpoints alike, and only the 980 are measured: how
# long from the request to the receiver, how many per second, and the CPU time
# of all processes of the front per event.  They take turns, in random order,
# and stay up between, so that B comes to have a backlog, and retries.
#
# Open loop: events arrive at a rate well below what the machine can do.
# Closed loop: so many events of the 980 are under way at any time.
#
# Ratios B/A are of pairs, geometric means with intervals of 95 % (Student's t,
# of logarithms).
#
# Environment:
#
#     FAIRNESS_PAIRS     10 by default
#     FAIRNESS_SLICE     seconds, 3 by default
#     FAIRNESS_RATE      events per second of the open loop, 2500 by default
#     FAIRNESS_WINDOW    of the closed loop, 200 by default
#     FAIRNESS_ONLY      of "strict,key,none", all by default
#     FAIRNESS_PHASE     of "open,closed", both by default
#     FAIRNESS_SICK      how many refuse, fail and hang: "5,5,10" by default
#     FAIRNESS_CONF      lines to add to each "webhook_endpoint"
#     FAIRNESS_HTTP      lines to add to "http"
#     BENCH_KEEP         the temporary directory is kept
#     TEST_WEBHOOK_MODULE, TEST_NGINX_BINARY, TMPDIR

use strict;
use warnings;

use File::Basename qw/ dirname /;
use lib dirname(__FILE__), dirname(__FILE__) . '/../lib';

use IPC::Open2 qw/ open2 /;
use JSON::PP ();
use List::Util qw/ shuffle /;
use Time::HiRes qw/ time sleep /;

use Bench;

my $began = time();

my $pairs = $ENV{FAIRNESS_PAIRS} || 10;
my $slice = $ENV{FAIRNESS_SLICE} || 3;
my $rate = $ENV{FAIRNESS_RATE} || 2500;
my $window = $ENV{FAIRNESS_WINDOW} || 200;
my ($refuse, $error, $hang) = split /,/, $ENV{FAIRNESS_SICK} || '5,5,10';

my $endpoints = 1000;
my $sick = $refuse + $error + $hang;

# as Debian has it; "webhook_connections" is a quarter of it

my $connections = 768;

my %lines = (
	strict => '',
	key => 'order key $arg_t;',
	none => 'order none;',
);

my @orders = split /[\s,]+/, $ENV{FAIRNESS_ONLY} || 'strict,key,none';
my @phases = split /[\s,]+/, $ENV{FAIRNESS_PHASE} || 'open,closed';

my %units = (p50 => 'ms', p99 => 'ms', max => 'ms', rate => 'events/s',
	cpu => 'us/event', accepted => 'connections/event');
my @measures = qw/ p50 p99 max rate cpu accepted /;

my (@problems, $fair, $in, $out);

###############################################################################

$| = 1;

my $dir = setup('fair');

$fair = open2($out, $in, command(1, "$dir/fair",
	map { port($_) } qw/ ok error hang /));

for my $order (@orders) {
	die "no order \"$order\"\n" unless defined $lines{$order};

	my %front = map { $_ => front("$order-$_", settings($order, $_)) }
		qw/ A B /;

	# at first everything is new, and B has not failed yet

	run($front{$_}, 'open', 1, 1) for qw/ A B /;

	for my $phase (@phases) {
		my %results;

		for my $n (1 .. $pairs) {
			progress("order $order, $phase loop, pair $n of $pairs");

			push @{$results{$_}}, run($front{$_}, $phase, $slice,
				$n) for shuffle qw/ A B /;
		}

		progress('');
		report($order, $phase, \%results);
	}

	failures($front{B});

	stop($front{$_}) for qw/ A B /;
}

close $in;
waitpid $fair, 0;

print "\n", map { "$_\n" } @problems if @problems;
printf "\n%d seconds\n", time() - $began;

exit(@problems ? 1 : 0);

###############################################################################

sub settings {
	my ($order, $side) = @_;

	my %port = map { $_ => port($_) } qw/ ok error hang dead /;
	my $http = <<'EOC';
    webhook_store %%DIR%%/store size=256m;
    webhook_zone webhooks 32m;

    webhook_payload contact structured {
        field event $webhook_event;
        field id $webhook_id;
        field e $arg_e;
        field t $arg_t;
    }

EOC

	$http .= "    $ENV{FAIRNESS_HTTP}\n" if $ENV{FAIRNESS_HTTP};

	for my $i (0 .. $endpoints - 1) {
		my $n = $i - ($endpoints - $sick);
		my $kind = $side eq 'A' || $n < 0 ? 'ok'
			: $n < $refuse ? 'dead'
			: $n < $refuse + $error ? 'error' : 'hang';

		$http .= sprintf <<'EOC', $i, $i >> 8, $i & 255, $port{$kind},
    webhook_endpoint e%d {
        url http://127.1.%d.%d:%d/contacts;
        allow_http on;
        payload contact;
        timeout 3s;
        %s
    }

EOC
			$lines{$order} . ($ENV{FAIRNESS_CONF} || '');
	}

	return (
		module => 1,
		workers => 2,
		connections => $connections,
		http => $http,
		location => '            return 204;',
		server => <<'EOC',
        location = /event {
            webhook contact.changed to=e$arg_e;
            return 204;
        }
EOC
	);
}

sub run {
	my ($front, $phase, $seconds, $seed) = @_;

	my $before = cpu($front);

	printf $in "%d %s %s %d %d %d %d\n", $front->{port}, $seconds,
		$phase eq 'open' ? $rate : 0, $window, $seed, $endpoints,
		$sick;

	my $line = <$out>;
	die "fair has ended\n" unless defined $line;

	my $r = JSON::PP::decode_json($line);

	# what comes later: answers, and moves to the warehouse

	sleep(0.5);

	$r->{cpu} = (cpu($front) - $before) / 1000 / $r->{sent};
	$r->{rate} = $r->{arrived} / ($r->{seconds} || 1);
	$r->{accepted} /= $r->{sent};
	$r->{$_} /= 1000 for qw/ p50 p99 max /;

	push @problems, "$front->{name}: $r->{measured} events, "
		. "$r->{arrived} arrived"
		if $r->{arrived} != $r->{measured};

	push @problems, "$front->{name}: $r->{failed} of $r->{sent} requests "
		. "failed"
		if $r->{failed} || $r->{answered} != $r->{sent};

	return $r;
}

sub report {
	my ($order, $phase, $results) = @_;

	my ($A, $B) = @$results{qw/ A B /};

	printf "\nOrder %s, %s; %d pairs of %s s, %d events to the %d in each"
		. "\n\n", $order, $phase eq 'open'
			? "open loop, $rate events/s"
			: "closed loop, $window under way",
		scalar @$A, $slice, median(map { $_->{measured} } @$A, @$B),
		$endpoints - $sick;

	printf "%-20s %10s %10s %8s   %s\n", '', 'A', 'B', 'B/A', '95 %';

	for my $m (@measures) {
		my @logs = map {
			log(($B->[$_]{$m} || 1e-9) / ($A->[$_]{$m} || 1e-9))
		} 0 .. $#$A;

		my ($ratio, $low, $high) = ratio(@logs);

		printf "%-20s %10.3f %10.3f %8.3f   %.3f..%.3f\n",
			($m eq 'accepted' ? '' : "$m, ") . $units{$m},
			median(map { $_->{$m} } @$A),
			median(map { $_->{$m} } @$B), $ratio, $low, $high;
	}
}

# of values that are logarithms: what they are of, and where that may be

sub ratio {
	my ($mean, $half) = interval(@_);

	return map { exp } $mean, $mean - $half, $mean + $half;
}

# that B was as it should be

sub failures {
	my ($front) = @_;

	my %n;
	$n{$_}++ for slurp("$front->{base}/error.log")
		=~ /webhook attempt failed: (\w+)/g;

	print "\nFailed attempts in B: ",
		join(', ', map { "$n{$_} $_" } sort keys %n), "\n";

	for (($refuse ? 'connect' : ()), ($error ? 'status' : ()),
		($hang ? 'timeout' : ()))
	{
		push @problems, "$front->{name}: no $_" unless $n{$_};
	}
}

sub stop {
	my ($front) = @_;

	my @lines = grep { !/ webhook attempt |Connection refused/ }
		log_problems($front);

	push @problems, "$front->{name}: " . @lines . " lines in its log: "
		. $lines[0] if @lines;

	stop_front($front, 'KILL');
}

sub progress {
	my ($text) = @_;

	printf STDERR "\r%-60s%s", $text, $text eq '' ? "\r" : ''
		if -t STDERR;
}

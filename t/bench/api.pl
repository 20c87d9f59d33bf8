#!/usr/bin/perl

# What reading the API, the history and the metrics costs requests under full
# load, in instructions, by valgrind's callgrind: unlike times they hardly
# depend on the machine and what else it does.
#
# One nginx process with webhooks, and a history of all attempts and dead
# letters that were filled before, so that they do not grow.  Counted are all
# instructions in user space of all its threads, by the chains of their callers:
# what is called by handlers of the API and of the metrics, or done for them in
# threads, is the readers'; what is left is the requests' own path, with
# deliveries, the store and the loop.  The connections of readers, and their
# request lines and headers, have the same callers as those of requests: what
# they cost is measured at rest, and moved from the path to the readers.  (What
# whole pages take at rest is no measure of what they take under load: they look
# at other attempts then, among them more or fewer of those that they look for.)
# What timers do at rest, too, is taken off by the second, for valgrind makes
# seconds longer than they are.
#
# Loads of equally many requests and failures, with readers and without, in
# turn, are pairs: shown are the means, and of the differences the mean with its
# interval of 95 % (Student's t).  One series has so many readers that what they
# change in the path would show; the other one a reader who asks for each page
# every second.  How many requests a second are full load is measured before,
# without valgrind: as many as take a second of CPU time, with their deliveries,
# in all threads and in the kernel.
#
# Environment:
#
#     BENCH_PAIRS         6 by default
#     BENCH_REQUESTS      5000 by default, of a load with many readers
#     BENCH_REFRESHES     10 by default, among these requests
#     BENCH_HISTORY       attempts in the history, 10000 by default
#     BENCH_CONNECTIONS   16 by default

use strict;
use warnings;

use File::Basename qw/ dirname /;
use lib dirname(__FILE__), dirname(__FILE__) . '/../lib';

use IO::Socket::INET;
use List::Util qw/ sum0 /;
use POSIX ();
use Time::HiRes qw/ time sleep /;

use Bench;
use Callgrind;

my $pairs = $ENV{BENCH_PAIRS} || 6;
my $requests = $ENV{BENCH_REQUESTS} || 5000;
my $refreshes = $ENV{BENCH_REFRESHES} || 10;
my $history = $ENV{BENCH_HISTORY} || 10000;
my $connections = $ENV{BENCH_CONNECTIONS} || 16;

system('valgrind --version >/dev/null 2>&1') == 0
	or die "valgrind is needed\n";

$| = 1;

my $dir = setup();
my $closed = port('closed');

peer(app => 'app', hook => 'hook');

my $webhook = front_webhook(endpoint => 'order none; concurrency 32;',
	store => 'size=256m dead=' . (int($history / 50) || 1));

$webhook->{http} .= <<"EOC" . join '', map { <<"EOC" } 1 .. 20;
    webhook_history all count=$history;

    map \$connection_requests \$rare {
        ~[05]0\$ 1;
        default '';
    }

    webhook_endpoint dead {
        url http://127.0.0.1:$closed/;
        allow_http on;
        order none;
        retry off;
    }

EOC
    webhook_endpoint more$_ {
        url http://127.0.0.1:$closed/;
        allow_http on;
        disable 30/30m;
    }

EOC

$webhook->{location} .= <<'EOC';
            webhook contact.failed to=dead if=$rare;
EOC

$webhook->{server} = <<'EOC';
        location /api { webhook_api write=on; }
        location /metrics { webhook_metrics; }
EOC

my @pages = (
	['endpoints', '/api/endpoints', 1],
	['attempts', '/api/attempts?limit=100', 1],
	['attempts of an endpoint', '/api/attempts?endpoint=hook&limit=100', 1],
	['attempts that failed', '/api/attempts?failed=1&limit=100', 1],
	['attempts of no status, all looked at', '/api/attempts?status=599', 0],
	['dead letters', '/api/dead?limit=100', 1],
	['metrics', '/metrics', 1],
);

# Parts by chains of callers: the readers'; threads; turns of the loop, with
# what its timers do; requests and deliveries.

my $readers = qr/'ngx_http_webhook_(?:(?:api|metrics)_\w+
	|job_thread|job_read_done)(?:'|$)/x;
my $turns = qr/'(?:ngx_time_update|epoll_wait|ngx_event_find_timer
	|ngx_event_expire_timers|ngx_event_move_posted_next)(?:'|$)
	|^'ngx_(?:single_process_cycle|process_events_and_timers
	|event_process_posted)(?:'|$)/x;

my @parts = (
	['loop', 'requests and deliveries'],
	['threads', 'the store, in threads'],
	['turns', 'turns of the event loop, and timers'],
);

my @calls = (
	['epoll_wait', 'turns of the event loop'],
	['ngx_http_webhook_turn_thread', 'turns of the store'],
	['ngx_http_process_request', 'requests, with those of readers'],
);

# the history, and how many requests are full load

my $front = front('api', %$webhook, hook => 'hook', single => 1);

load($front, connections => 5, requests => 500)
	for 1 .. int($history / 500) + 1;

wait_until(30, sub { quiet() });

my $busy = cpu($front);
my $full = load($front, connections => 32, seconds => 4)->{answered};

wait_until(30, sub { quiet() });
$full /= (cpu($front) - $busy) / 1e9;

stop_front($front, 'QUIT');
callgrind($front, "$dir/callgrind");

load($front, connections => $connections, requests => 200);
ask($_->[1]) for @pages;
wait_until(30, sub { quiet() });

my $rest = count(sub { sleep(6) });

printf "Full load of one process is %.0f requests per second of CPU time; %d "
	. "endpoints,\n%d attempts and %d dead letters; at rest %.0f "
	. "instructions/s.\n\n", $full, 22,
	length_of('/api/attempts', 'attempts'), length_of('/api/dead', 'dead'),
	sum0(values %{$rest->{instructions}}) / $rest->{seconds};

my $alone = of_requests($requests, count(sub { requests($requests) }));

printf "%-40s %10s %14s %10s %14s\n", 'page, at rest', 'octets', 'instructions',
	'a second', 'of full load';

for my $page (@pages) {
	my ($title, $uri, $rate) = @$page;
	my $octets;

	my $r = of_requests(20, count(sub {
		$octets = length ask($uri) for 1 .. 20
	}));

	@$page[3, 4] = @$r{qw/ all loop /};

	printf "%-40s %10d %14.0f %10s %12.3f %%\n", $title, $octets, $r->{all},
		$rate || '', 100 * $r->{all} / $full / $alone->{all};
}

my @asked = grep { $_->[2] } @pages;
my $asked = sum0(map { $_->[3] } @asked);
my $common = sum0(map { $_->[4] } @asked);

printf "%-40s %10s %14.0f %10s %12.3f %%\n", 'in all, of those every second',
	'', $asked, '', 100 * $asked / $full / $alone->{all};

printf "%-40s %10s %14.0f %10s %12.3f %%\n\n", 'of it connections and headers',
	'', $common, '', 100 * $common / $full / $alone->{all};

print <<'EOC';
Counted are instructions in user space, of all threads; not the kernel, caches
that readers displace, waiting.  What is done once a second is done for fewer
requests than without valgrind, with readers and without.

EOC

my ($many, $per) = compare('Many readers', $requests, $refreshes);
my ($most) = compare('Each page every second', $full, 1);

print $most < 1 ? 'Less' : 'Not shown to be less', " than 1 % in all with a "
	. "reader of each page every second.\n";

printf "By what many readers take, 1 %% is a refresh of all pages per %.0f "
	. "requests,\n%.1f a second.\n", $many * $per, $full / $many / $per;

stop_front($front, 'KILL');

my @lines = grep { !/attempt failed|dead letters were/ } log_problems($front);
print "\n", map { "$_\n" } @lines if @lines;

exit 0;

###############################################################################

# With so many refreshes among so many requests, against none: the difference in
# all, in percent, at the upper end of its interval; and requests per refresh.

sub compare {
	my ($title, $n, $refreshes) = @_;

	my (@without, @with);

	# each 50th request of a connection fails: each load has as many

	$n = $connections * (50 * (int($n / $connections / 50) || 1) + 25);

	for my $i (1 .. $pairs) {
		for my $many ($i % 2 ? (0, $refreshes) : ($refreshes, 0)) {
			my $r = of_requests($n, count(sub {
				requests($n, $many)
			}));

			# connections and headers of readers

			$r->{loop} -= $many * $common / $n;
			$r->{own} -= $many * $common / $n;
			$r->{readers} += $many * $common / $n;

			push @{$many ? \@with : \@without}, $r;
		}
	}

	printf "%s: a refresh per %.0f requests, %.1f/s; %d pairs of %d "
		. "requests\n\n", $title, $n / $refreshes,
		$full * $refreshes / $n, $pairs, $n;

	printf "%-40s %12s %12s %20s\n", 'instructions per request', 'without',
		'with', 'difference, 95 %';

	my $base = mean(map { $_->{all} } @without);
	my $of_own = mean(map { $_->{own} } @without);

	my $row = sub {
		my ($name, $title, $of, $format) = @_;

		my @d = interval(map {
			100 * ($with[$_]{$name} - $without[$_]{$name}) / $of
		} 0 .. $pairs - 1);

		printf "%-40s %12s %12s %+9.2f %% +- %.2f\n", $title,
			(map { sprintf $format, mean(map { $_->{$name} } @$_) }
				\@without, \@with), @d;

		return \@d;
	};

	$row->($_->[0], "  $_->[1]", $of_own, '%.0f') for @parts;
	$row->('own', 'own path of the requests', $of_own, '%.0f');
	$row->('readers', 'readers', $base, '%.0f');
	my $all = $row->('all', 'in all', $base, '%.0f');

	print "\n";

	for (@calls) {
		my ($name, $title) = @$_;

		printf "%-40s %12.4f %12.4f\n", "$title, per request",
			map { mean(map { $_->{$name} } @$_) } \@without, \@with;
	}

	print "\n";

	return ($all->[0] + $all->[1], $n / $refreshes);
}

# by the request, without what is done at rest

sub of_requests {
	my ($n, $r) = @_;

	my %by = map {
		my $part = $r->{instructions};
		my $idle = $rest->{instructions};

		$_ => (($part->{$_} || 0) - ($idle->{$_} || 0)
			/ $rest->{seconds} * $r->{seconds}) / $n
	} 'readers', map { $_->[0] } @parts;

	$by{own} = sum0(map { $by{$_->[0]} } @parts);
	$by{all} = $by{own} + $by{readers};

	$by{$_} = $r->{calls}{$_} / $n for keys %{$r->{calls}};

	return \%by;
}

sub count {
	my ($code) = @_;

	return counted($front, sub {
		my ($chain) = @_;

		return 'readers' if $chain =~ $readers;
		return 'threads' if $chain =~ /'start_thread(?:'|$)/;
		return 'turns' if $chain =~ $turns;
		return 'loop';

	}, [map { $_->[0] } @calls], $code);
}

# the load; with so many refreshes of all pages, evenly among its requests; what
# watches it is there also if there are none

sub requests {
	my ($n, $refreshes) = @_;

	my $before = counts();
	my $pid = fork();

	die "fork() failed: $!\n" unless defined $pid;

	if ($pid == 0) {
		my $ok = eval { refresh($before->{app}, $n, $refreshes); 1 };

		print $@ unless $ok;
		POSIX::_exit($ok ? 0 : 1);
	}

	load($front, connections => $connections, requests => $n);

	waitpid $pid, 0;
	die "pages failed\n" if $?;

	wait_until(60, sub { counts()->{hook} >= $before->{hook} + $n })
		or die "not all events were delivered\n";

	# what is done once a second

	sleep(2);
}

sub refresh {
	my ($from, $n, $refreshes) = @_;

	for my $i (1 .. $refreshes || 1) {
		my $at = $from + $n * ($i - 0.5) / ($refreshes || 1);

		wait_until(600, sub { counts()->{app} >= $at });

		if ($refreshes) {
			answer($_) for map { request($_->[1]) } @asked;
		}
	}

	die "pages came after the requests\n"
		if $refreshes && counts()->{app} >= $from + $n;
}

sub ask {
	my ($uri) = @_;

	return answer(request($uri));
}

sub request {
	my ($uri) = @_;

	my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
		PeerPort => $front->{port}) or die "can't connect: $!\n";

	print $s "GET $uri HTTP/1.0\r\n\r\n";

	return $s;
}

sub answer {
	my ($s) = @_;

	my $answer = '';
	1 while sysread $s, $answer, 1 << 20, length $answer;

	$answer =~ m!^HTTP/1.1 200 ! or die substr($answer, 0, 500) . "\n";

	return $answer;
}

sub length_of {
	my ($uri, $name) = @_;
	my ($n, $cursor) = (0, '');

	for ( ;; ) {
		my $page = ask("$uri?limit=1000$cursor");

		$n += () = $page =~ /"key":"/g;
		$page =~ /"next":"(\w+)"/ or return $n;
		$cursor = "&cursor=$1";
	}
}

sub quiet {
	my $n = counts()->{hook};
	sleep(0.7);

	return counts()->{hook} == $n;
}

#!/usr/bin/perl

# A history of a million attempts, read and trimmed while traffic flows: how
# long pages take, and how long turns of the event loop do, as
# nginx_webhook_loop_stall_max_seconds tells: the module's own turns.
#
# They are timed by a clock that goes on while others have the processor, be it
# a process or another guest of the host.  What a part needs it needs each time,
# what others do comes and goes: so a part in which the metric gets to 1 ms is
# done again, HISTORY_TRIES times at most, and the least one counts; "tries"
# tells how many it took.  Once more it is done with CPU time instead (see
# turns.c), which also gives that of the longest whole turn of nginx.
#
# The attempts are real ones.  nginx is started again for each part, so that the
# metric begins anew; "<": it had this value before the part, from the start.
# The first part is traffic alone, to compare with; and in front of it there is
# what a program sees that does nothing but to read the clock.
#
# Environment:
#
#     HISTORY_ROWS        attempts, 1000000 by default
#     HISTORY_RATE        requests per second meanwhile, 200 by default; each
#                         makes four attempts
#     HISTORY_WORKERS     2 by default
#     HISTORY_TRIES       of a part, 5 by default
#     BENCH_KEEP          see bench.pl

use strict;
use warnings;

use File::Basename qw/ dirname /;
use lib dirname(__FILE__), dirname(__FILE__) . '/../lib';

use IO::Socket::INET;
use List::Util qw/ max /;
use POSIX ();
use Time::HiRes qw/ time sleep /;

use Bench;

my $rows = $ENV{HISTORY_ROWS} || 1_000_000;
my $rate = $ENV{HISTORY_RATE} || 200;
my $workers = $ENV{HISTORY_WORKERS} || 2;
my $tries = $ENV{HISTORY_TRIES} || 5;

my $each = 4;
my $chunk = 500;

$| = 1;

my $dir = setup();

system("cc -O2 -shared -fPIC -o $dir/turns.so " . dirname(__FILE__)
	. '/turns.c -ldl') == 0 or die "can't compile turns.c\n";
system("cc -O2 -o $dir/gaps " . dirname(__FILE__) . '/gaps.c') == 0
	or die "can't compile gaps.c\n";

peer(app => 'app', map { ("hook$_" => 'hook') } 1 .. $each);

my $closed = port('closed');

my $endpoints = join '', map { <<"EOC" } 1 .. $each;
    webhook_endpoint e$_ {
        url http://127.0.0.1:@{[port("hook$_")]}/hook;
        allow_http on;
        order none;
        concurrency 64;
    }
EOC

my @options = (
	module => 1,
	workers => $workers,
	http => <<"EOC",
    webhook_store %%DIR%%/store size=%%SIZE%% journal=256m;
    webhook_history all %%BOUNDS%%;

    split_clients \$request_id \$rare {
        0.02% 1;
        * '';
    }

$endpoints
    webhook_endpoint rare {
        url http://127.0.0.1:$closed/rare;
        allow_http on;
        order none;
        retry off;
    }
EOC
	location => <<"EOC",
            webhook contact.created to=@{[join ',', map { "e$_" } 1 .. $each]};
            webhook contact.rare to=rare if=\$rare;
EOC
	server => <<"EOC",
        location /api { webhook_api write=on; }
        location /metrics { webhook_metrics; }
EOC
	wrap => ['taskset', '-c', '0-' . (processors() - 1), 'env',
		"LD_PRELOAD=$dir/turns.so", "TURNS_FILE=$dir/turns",
		'TURNS_CLOCK=none'],
);

# about 1.4 KB of the store each, and at most 70 % of it are filled by them

my $size = int($rows * 2600 / (1 << 20)) + 1024;

for (@options) {
	s/%%SIZE%%/${size}m/;
	s/%%BOUNDS%%/count=@{[$rows + 9e6]} size=${size}m body=1k/;
}

turns_reset();

my $front = front('history', @options);
my ($failed, $cpu_failed) = (0, 0);

seed();

printf "%d attempts in a store of %d MB of which %.0f %% are used, %d workers, "
	. "%d requests\nand %d attempts per second meanwhile.  Load of the "
	. "machine: %s.\n\n", $rows, $size, used(), $workers, $rate,
	$rate * $each, loadavg();

printf "A program that only reads the clock, for 10 s: %s\n",
	`taskset -c 0 $dir/gaps 10`;

printf "%-40s %6s %7s %7s %7s %9s %5s %9s %8s %7s\n", '', '', '', 'median',
	'longest', 'metric', 'tries', 'CPU time', 'CPU time', 'load of';
printf "%-40s %6s %7s %7s %7s %9s %5s %9s %8s %7s\n", 'all times in ms',
	'asked', 'rows', '', '', '', '', 'of it', 'of turns', 'machine';

my $began = time();
my ($n, @found) = all();

printf "%-40s %6d %6d %8.1f\n", 'all, in pages of 1000', scalar(@found), $n,
	1000 * (time() - $began) / @found;

my ($middle, $last) = map { $_->{key} } $found[@found / 2], $found[-1];
my ($when, $id) = @{$found[@found / 2]}{qw/ time id /};

# of the newer half, for what is done once only

my @times = map { $found[$_ * @found / 2 / ($tries + 2)]{time} }
	1 .. $tries + 1;

part('traffic alone', sub { sleep(5); return });

part('first page', pages('limit=100'));
part('first page of 1000', pages('limit=1000'));
part('page in the middle', pages("limit=100&cursor=$middle"));
part('last page', pages("limit=100&cursor=$last"));
part('of an endpoint', pages('endpoint=e2&limit=100'));
part('of an endpoint that is rare', pages('endpoint=rare&limit=100'));
part('of a class that is rare, looks at 100k', pages('class=connect'));
part('of an event that is rare, looks at 100k',
	pages("event=contact.rare&cursor=$middle"));
part('of an id, looks at 100k', pages("id=$id&cursor=$middle"));
part('of a status that is none, all pages', walk('status=599'));
part('of a time', pages("since=$when&until=" . ($when + 2000)));
part('of an endpoint and a time',
	pages("endpoint=e3&since=$when&until=" . ($when + 2000)));
part('an attempt', pages(undef, "/$middle"));
part('8 clients, pages that look at 100k', many(8, 'status=599'));
part('forget by an id that is none, all rows', forget('id=none'));
part('forget 5000 of a time', undef, sub {
	$when = pop @times;
	return forget(span($when, 5000));
});

bounded('bounded by count', sub { "count=$_[0]" });
bounded('bounded by age', sub {
	'age=' . int(time() - $_[1] / 1000) . 's' });

printf "\nLoad of the machine: %s.\n", loadavg();
print "\n", map { "$_\n" } log_problems($front);
stop_front($front);

print "\nTurns of the module of 1 ms or more: in $failed parts by the metric, "
	. "in $cpu_failed of CPU time.\n";

exit 0;

###############################################################################

sub processors {
	my $n = () = slurp('/proc/cpuinfo') =~ /^processor\s*:/mg;

	return $n || 1;
}

sub loadavg { return (split ' ', slurp('/proc/loadavg'))[0] }

sub turns_reset {
	open my $fh, '>', "$dir/turns" or die "can't write: $!\n";
	print $fh "\0" x 16;
	close $fh;

	chmod 0666, "$dir/turns";
}

sub turns { return (unpack 'QQ', slurp("$dir/turns"))[1] / 1e6 }

# in chunks, for the history gives up what the store can't take in time

sub seed {
	my ($began, $there, $made) = (time(), 0, 0);

	while ($there < $rows) {
		my $done = 0;

		while ($there + $done * $each < $rows) {
			load($front, connections => 16, requests => $chunk);
			$done += $chunk;
			$made += $chunk;

			wait_until(60, sub {
				my $n = counts();
				!grep { $n->{"hook$_"} < $made } 1 .. $each
			}) or die "not all was delivered\n";

			sleep(0.05);
		}

		sleep(2);
		($there) = all();
	}

	printf "%d attempts made in %.0f s, %d of them are kept.\n",
		$made * $each, time() - $began, $there;
}

sub ask {
	my ($uri, $method) = @_;

	my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
		PeerPort => $front->{port}) or die "can't connect: $!\n";

	print $s +($method || 'GET') . " $uri HTTP/1.0\r\n\r\n";

	my $answer = '';
	1 while sysread $s, $answer, 1 << 20, length $answer;

	$answer =~ m!^HTTP/1.1 200 ! or die "$uri: "
		. substr($answer, 0, 500) . "\n";

	return $answer;
}

sub stall {
	return ask('/metrics')
		=~ /^nginx_webhook_loop_stall_max_seconds (\S+)/m ? 1000 * $1 : -1;
}

sub used {
	my $text = ask('/metrics');
	my ($used) = $text =~ /store_bytes\{kind="warehouse_used"\} (\S+)/;

	return 100 * ($used || 0) / ($size << 20);
}

sub keys_of { return $_[0] =~ /"key":"(\w+)"/g }
sub next_of { return $_[0] =~ /"next":"(\w+)"/ ? $1 : undef }
sub times_of { return $_[0] =~ /"time":(\d+)/g }

# all there is: the first key and time of each thousand, and how many there are

sub all {
	my ($cursor, $n, @found) = ('', 0);

	for ( ;; ) {
		my $page = ask("/api/attempts?limit=1000$cursor");
		my @keys = keys_of($page);

		push @found, { key => $keys[0], time => (times_of($page))[0],
			id => $page =~ /"id":"([^"]+)"/ };
		$n += @keys;

		my $next = next_of($page) or last;
		$cursor = "&cursor=$next";
	}

	return ($n, @found);
}

sub older {
	my ($key) = @_;
	my ($n, $next) = (0, $key);

	while ($next) {
		my $page = ask("/api/attempts?limit=1000&cursor=$next");
		$n += () = keys_of($page);
		$next = next_of($page);
	}

	return $n;
}

# arguments for about n attempts

sub span {
	my ($since, $n) = @_;
	my $until = $since;

	for my $step (reverse map { 50 * 2 ** $_ } 0 .. 10) {
		my $more = $until + $step;
		my $page = ask("/api/attempts?limit=1000&since=$since&until=$more");
		my $found = () = keys_of($page);

		while ($found <= $n && (my $next = next_of($page))) {
			$page = ask("/api/attempts?limit=1000&since=$since"
				. "&until=$more&cursor=$next");
			$found += () = keys_of($page);
		}

		$until = $more if $found <= $n;
	}

	return "since=$since&until=" . ($until + 50);
}

# each of them gives times of requests, and rows

sub pages {
	my ($args, $path) = @_;

	my $uri = defined $args ? "/api/attempts?$args" : "/api/attempts$path";

	return sub {
		my (@took, $n);

		for (1 .. 25) {
			my $began = time();
			$n = () = keys_of(ask($uri));
			push @took, time() - $began;
			sleep(0.1);
		}

		return ($n, @took);
	};
}

sub walk {
	my ($args) = @_;

	return sub {
		my ($cursor, $n, @took) = ('', 0);

		for ( ;; ) {
			my $began = time();
			my $page = ask("/api/attempts?$args$cursor");

			push @took, time() - $began;
			$n += () = keys_of($page);

			my $next = next_of($page) or return ($n, @took);
			$cursor = "&cursor=$next";
		}
	};
}

sub many {
	my ($clients, $args) = @_;

	return sub {
		my @pids = map {
			my $pid = fork();
			die "fork() failed: $!\n" unless defined $pid;

			if ($pid == 0) {
				eval { ask("/api/attempts?$args") for 1 .. 3; 1 }
					or print $@;
				POSIX::_exit(0);
			}

			$pid;
		} 1 .. $clients;

		waitpid $_, 0 for @pids;

		return (0);
	};
}

sub forget {
	my ($args) = @_;

	return sub {
		my $began = time();
		my ($n) = ask("/api/attempts?$args", 'DELETE')
			=~ /"forgotten":(\d+)/;

		return ($n, time() - $began);
	};
}

# a bound that 50000 are beyond, which go while traffic flows

sub bounded {
	my ($title, $bounds) = @_;

	part($title, undef, sub {
		my ($n, @found) = all();
		my ($some, $most) = @found > 100
			? (50, 80) : (@found / 3, @found / 2);
		my $new = $bounds->($n - 1000 * int $some, $found[-$some]{time});
		my $key = $found[-$most]{key};

		my $conf = slurp("$front->{base}/nginx.conf");

		$conf =~ s/(webhook_history all) [^;]*;/$1 size=${size}m $new body=1k;/;

		open my $fh, '>', "$front->{base}/nginx.conf" or die;
		print $fh $conf;
		close $fh;

		my $before = older($key);

		return sub {
			my ($began, $left) = (time());

			wait_until(60, sub {
				sleep(1);
				$left = older($key);
				$left <= $before - 1000 * int $some;
			});

			return ($before - $left, time() - $began);
		};
	});
}

# with traffic, by both clocks; what can be done only once is prepared again

sub part {
	my ($title, $code, $prepare) = @_;
	my ($metric, $began, $n, @took);

	my $count = 0;

	for (1 .. $tries) {
		my ($stall, $before, undef, $rows, @more)
			= timed('none', $prepare ? $prepare->() : $code);

		$count++;
		push @took, @more;

		$n = $rows unless defined $n && (!defined $rows || $rows < $n);
		($metric, $began) = ($stall, $before)
			unless defined $metric && $metric <= $stall;

		last if $metric < 1;
	}

	my ($cpu, $cpu_began, $turn, $rows, @more)
		= timed('cpu', $prepare ? $prepare->() : $code);

	push @took, @more;
	@took = map { 1000 * $_ } @took;

	printf "%-40s %6s %7s %7s %7s %9s %5d %9s %8.3f %7s\n", $title,
		scalar(@took) || '', defined $n ? $n : '',
		@took ? sprintf('%.1f', median(@took)) : '',
		@took ? sprintf('%.1f', max(@took)) : '',
		(map { sprintf '%s%.3f', $_->[0] > $_->[1] ? '' : '<', $_->[0] }
			[$metric, $began]), $count,
		(map { sprintf '%s%.3f', $_->[0] > $_->[1] ? '' : '<', $_->[0] }
			[$cpu, $cpu_began]), $turn, loadavg();

	$failed++ if $metric >= 1;
	$cpu_failed++ if $cpu >= 1 && $cpu > $cpu_began;
}

# the front is started again

sub timed {
	my ($clock, $code) = @_;

	stop_front($front, 'QUIT');
	s/^TURNS_CLOCK=.*/TURNS_CLOCK=$clock/ for @{$front->{command}};
	start_front($front);
	sleep(1);

	my $pid = fork();
	die "fork() failed: $!\n" unless defined $pid;

	if ($pid == 0) {
		setpgrp(0, 0);
		eval { load($front, connections => 16, rate => $rate); 1 }
			or print $@;
		POSIX::_exit(0);
	}

	sleep(1);
	turns_zero();

	my $before = stall();

	my @result = $code->();
	unshift @result, stall(), $before, turns();

	kill 'KILL', -$pid;
	waitpid $pid, 0;

	return @result;
}

sub turns_zero {
	open my $fh, '+<', "$dir/turns" or die;
	syswrite $fh, "\0" x 16;
}

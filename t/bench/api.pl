#!/usr/bin/perl

# What reading the API, the history and the metrics costs requests under full
# load, in instructions, by valgrind's callgrind: unlike times they hardly
# depend on the machine and what else it does.
#
# One nginx process with webhooks, and a history of all attempts that was filled
# before.  Counted are, each by itself: nothing for some seconds (timers, which
# run by the clock, and are taken off all others); each page; requests alone;
# the same requests while a reader refreshes all pages, evenly among them.
# What the pages have cost alone is taken off that: what is left is what the
# requests themselves have cost, to compare.
#
# How many requests a second are full load is measured before, without
# valgrind; the ratio is that of a dashboard that asks for each page every
# second, and a scrape every five seconds.
#
# Environment:
#
#     BENCH_REQUESTS      3000 by default
#     BENCH_REFRESHES     15 by default, among these requests
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

my $requests = $ENV{BENCH_REQUESTS} || 3000;
my $refreshes = $ENV{BENCH_REFRESHES} || 15;
my $history = $ENV{BENCH_HISTORY} || 10000;
my $connections = $ENV{BENCH_CONNECTIONS} || 16;

system('valgrind --version >/dev/null 2>&1') == 0
	or die "valgrind is needed\n";

$| = 1;

my $dir = setup();
my $file = "$dir/callgrind";
my $closed = port('closed');
my $dumps = 0;

peer(app => 'app', hook => 'hook');

my $webhook = front_webhook(endpoint => 'order none; concurrency 32;',
	store => 'size=256m');

$webhook->{http} .= <<"EOC" . join '', map { <<"EOC" } 1 .. 20;
    webhook_history all count=$history;

    split_clients \$request_id \$rare {
        2% 1;
        * '';
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
	['metrics', '/metrics', 0.2],
);

# the history, and how many requests are full load

my $front = front('api', %$webhook, hook => 'hook', single => 1);

load($front, connections => $connections, requests => 500)
	for 1 .. int($history / 500) + 1;

sleep(1);

my $full = load($front, connections => 32, seconds => 4);
$full = $full->{answered} / $full->{seconds};

wait_until(30, sub { quiet() });
stop_front($front, 'QUIT');

my ($at) = grep { $front->{command}[$_] eq '-p' } 0 .. $#{$front->{command}};

splice @{$front->{command}}, $at - 1, 0, 'valgrind', '-q', '--tool=callgrind',
	'--vgdb-poll=200', "--callgrind-out-file=$file", '--dump-line=no';

start_front($front);
load($front, connections => $connections, requests => 200);
ask($_->[1]) for @pages;
wait_until(30, sub { quiet() });

my $idle = counted(sub { sleep(6) });
$idle = $idle->{instructions} / $idle->{seconds};

printf "Full load of one process is %.0f requests/s; %d endpoints, %d attempts "
	. "and %d dead\nletters; at rest %.0f instructions/s.\n\n", $full, 22,
	length_of('/api/attempts', 'attempts'), length_of('/api/dead', 'dead'),
	$idle;

printf "%-40s %10s %14s %10s %14s\n", '', 'octets', 'instructions', 'a second',
	'of full load';

my (%cost, $each);

sub each_request {
	my $r = counted(\&requests);

	return (net($r) / $requests);
}

my @alone = (each_request());

for my $page (@pages) {
	my ($title, $uri, $rate) = @$page;
	my $octets;

	my $r = counted(sub { $octets = length ask($uri) for 1 .. 20 });

	$page->[3] = net($r) / 20;

	printf "%-40s %10d %14.0f %10s %12.3f %%\n", $title, $octets, $page->[3],
		$rate || '', 100 * ($rate || 1) * $page->[3] / $full / $alone[0];
}

my $all = sum0(map { $_->[2] * $_->[3] } @pages);
my $refresh = sum0(map { $_->[3] } grep { $_->[2] } @pages);

printf "%-40s %10s %14.0f %10s %12.3f %%\n\n", 'in all', '', $all, '',
	100 * $all / $full / $alone[0];

my (@with, @own);

for (1 .. 2) {
	my $r = counted(sub { requests($refreshes) });

	push @with, net($r) / $requests;
	push @own, (net($r) - $refreshes * $refresh) / $requests;
	push @alone, each_request();
}

$each = median(@alone);

printf "Instructions of a request:\n"
	. "    alone                           %s\n"
	. "    with a refresh per %4d requests %s\n"
	. "    the same without the pages      %s, %+.2f %%\n",
	join(' ', map { sprintf '%.0f', $_ } @alone), $requests / $refreshes,
	join(' ', map { sprintf '%.0f', $_ } @with),
	join(' ', map { sprintf '%.0f', $_ } @own),
	100 * (median(@own) / $each - 1);

stop_front($front, 'KILL');

my @lines = grep { !/attempt failed/ } log_problems($front);
print "\n", map { "$_\n" } @lines if @lines;

exit 0;

###############################################################################

# the load; with so many refreshes of all pages, evenly among its requests

sub requests {
	my ($n) = @_;

	my $before = counts();
	my ($pid, $from) = (0, $before->{app});

	if ($n) {
		$pid = fork();
		die "fork() failed: $!\n" unless defined $pid;
	}

	if ($n && $pid == 0) {
		my $ok = eval {
			for my $i (1 .. $n) {
				my $at = $from + $requests * ($i - 0.5) / $n;

				wait_until(600, sub { counts()->{app} >= $at });
				ask($_->[1]) for grep { $_->[2] } @pages;
			}

			1;
		};

		print $@ unless $ok;
		POSIX::_exit($ok ? 0 : 1);
	}

	load($front, connections => $connections, requests => $requests);

	if ($pid) {
		waitpid $pid, 0;
		die "pages failed\n" if $?;
	}

	wait_until(60, sub { counts()->{hook} >= $before->{hook} + $requests })
		or die "not all events were delivered\n";

	sleep(1);
}

sub counted {
	my ($code) = @_;

	control('-z');

	my $began = time();
	$code->();
	my $seconds = time() - $began;

	control('-d');
	$dumps++;

	my $n;

	wait_until(20, sub {
		($n) = slurp("$file.$dumps") =~ /^totals: (\d+)/m;
	}) or die "no dump\n";

	unlink "$file.$dumps";

	return { instructions => $n, seconds => $seconds };
}

sub net {
	my ($r) = @_;

	return $r->{instructions} - $idle * $r->{seconds};
}

sub control {
	my ($option) = @_;

	my $out = `callgrind_control $option $front->{pid} 2>&1`;

	die "callgrind_control failed:\n$out" if $? != 0;
}

sub ask {
	my ($uri) = @_;

	my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
		PeerPort => $front->{port}) or die "can't connect: $!\n";

	print $s "GET $uri HTTP/1.0\r\n\r\n";

	my $answer = '';
	1 while sysread $s, $answer, 1 << 20, length $answer;

	$answer =~ m!^HTTP/1.1 200 ! or die "$uri: "
		. substr($answer, 0, 500) . "\n";

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

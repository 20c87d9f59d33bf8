#!/usr/bin/perl

# Tests for durability and order over kills of workers, of the master, and of
# everything, over reloads and binary upgrades, under load of all forms of
# responses.  The short form takes half a minute, WEBHOOK_CRASH=long is for
# half an hour.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Time::HiRes qw/ sleep /;

use Test::Webhook;
use Test::Webhook::App;
use Test::Webhook::Load qw/ mark arrivals lanes monotonic build /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $long = ($ENV{WEBHOOK_CRASH} || '') eq 'long';
my $seed = $ENV{WEBHOOK_SEED} || int(rand(1e6));

srand($seed);
note("WEBHOOK_SEED=$seed");

# "exited on signal 9" and a mutex of shared memory that was held then are
# the master's own lines about a process that was killed

my @allowed = (qr/\[alert\] \d+#\d+: (?:\*\d+ )?(?:worker|cache manager|cache loader) process \d+ exited on signal 9\s*$/,
	qr/\[alert\] \d+#\d+: shared memory zone "[^"]*" was locked by \d+\s*$/);

plan(tests => 14 + 10);

kills();
held();

###############################################################################

sub config {
	my ($load, $port, $store) = @_;

	my $retry = join ' ', ('300ms') x 64;
	my $timeout = $long ? '10s' : '2s';

	return <<'EOC' . $load->http_conf() . <<EOC2 . $load->locations() . "}}\n";
%%TEST_GLOBALS%%

worker_processes 2;
worker_rlimit_nofile 4096;

events {
    worker_connections 512;
}

http {
    %%TEST_GLOBALS_HTTP%%

    map $http_x_n $some {
        default    0;
        ~[147]$    1;
    }

    map $http_x_n $few {
        default    0;
        ~[25]$     1;
    }
EOC
    webhook_store %%TESTDIR%%/store size=64m journal=8m $store;

    webhook_endpoint good {
        url http://127.0.0.1:%%PORT_rx%%/good;
        allow_http on;
        order key \$http_x_key;
        payload load;
        retry $retry;
    }

    webhook_endpoint strict {
        url http://127.0.0.1:%%PORT_rx%%/strict;
        allow_http on;
        payload load;
        retry $retry;
    }

    webhook_endpoint none {
        url http://127.0.0.1:%%PORT_rx%%/none;
        allow_http on;
        order none;
        concurrency 4;
        payload load;
        retry $retry;
    }

    webhook_endpoint flap {
        url http://127.0.0.1:%%PORT_flap%%/flap;
        allow_http on;
        order key \$http_x_key;
        payload load;
        retry $retry;
    }

    webhook_endpoint hang {
        url http://127.0.0.1:%%PORT_hang%%/hang;
        allow_http on;
        order key \$http_x_key;
        payload load;
        timeout $timeout;
        retry $retry;
    }

    webhook load.all to=good status=any;
    webhook load.some to=strict,none,flap status=any if=\$some;
    webhook load.few to=hang status=any if=\$few;

    server {
        listen 127.0.0.1:%%PORT_$port%%;
        listen 127.0.0.1:%%PORT_${port}2%% http2;
EOC2
}

# what is in an endpoint's share

sub some { $_[0]{n} =~ /[147]$/ }
sub few { $_[0]{n} =~ /[25]$/ }

###############################################################################

sub kills {
	my $t = Test::Webhook->new(timeout => 60)->allow_alerts(@allowed);

	my $app = Test::Webhook::App->new($t);
	my $rx = Test::Webhook::Receiver->new($t);

	# answers now and then; what it has accepted is in a file

	my $taken = $t->testdir() . '/flap.txt';

	my $flap = Test::Webhook::Receiver->new($t, port => 'flap',
		handler => sub {
			my ($req) = @_;
			my $p = rand();

			return { status => 503 } if $p < 0.1;
			return { close => 'before' } if $p < 0.15;
			return { reset => 1 } if $p < 0.17;
			return { delay => 0.05, status => 500 } if $p < 0.2;

			open my $fh, '>>', $taken or die;
			syswrite $fh, "$1\n" if $req->{body} =~ /^(\d+) /;

			return { status => 200 };
		});

	my $hang = Test::Webhook::Receiver->new($t, port => 'hang',
		script => [{ hang => 1 }]);

	# a new master beside orphans of a killed one needs other ports

	my $load = Test::Webhook::Load->new($t, ports => [qw/ a b /],
		h2 => [qw/ a2 b2 /], rate => $long ? 150 : 180);

	my $port = 'a';
	my $turn = sub { $port = $port eq 'a' ? 'b' : 'a' };

	$t->conf(config($load, $port, ''))->run();
	$load->start();

	my @steps = $long
		? (('worker') x 150, ('master') x 25, ('all') x 30,
			('reload') x 20, ('upgrade') x 5)
		: (('worker') x 8, ('master') x 2, ('all') x 2,
			('reload') x 3, 'upgrade');

	my $kills = 0;

	# Fisher and Yates

	for (my $i = @steps; --$i > 0; ) {
		my $j = int rand($i + 1);
		@steps[$i, $j] = @steps[$j, $i];
	}

	for my $step (@steps) {

		# any moment will do

		sleep(rand(0.8));

		if ($ENV{WEBHOOK_CRASH_VERBOSE}) {
			diag(sprintf '%.1f %s', monotonic(), $step);
		}

		if ($step eq 'worker') {
			my @w = $t->workers();
			my $pid = $w[rand @w];

			mark($t, 'kill', $pid);
			kill 'KILL', $pid;
			$t->wait_workers(undef, not => [$pid])
				or diag("worker $pid was not replaced");
			$kills++;

		} elsif ($step eq 'master') {
			$kills++;
			$t->kill_master();
			my @orphans = $t->all_pids();

			sleep(rand(0.5));

			$turn->();
			$t->conf(config($load, $port, ''))->start_again();

			sleep(rand(0.7));

			# some end well, some do not

			for my $pid (@orphans) {
				if (rand() < 0.5) {
					kill 'QUIT', $pid;
					next;
				}

				mark($t, 'kill', $pid);
				kill 'KILL', $pid;
				$kills++;
			}

			my $gone = Test::Webhook::wait_for(sub {
				!grep { Test::Webhook::alive($_) } @orphans
			}, 30, 'orphans to end');

			if (!$gone) {
				diag("orphans: @orphans");
				mark($t, 'kill', @orphans);
				kill 'KILL', @orphans;
				fail('orphans end');
			}

		} elsif ($step eq 'all') {
			$kills++;
			kill_all($t, $port);
			$t->start_again();

		} elsif ($step eq 'reload') {
			$t->reload() or fail('reload');

		} else {
			$t->upgrade() or fail('upgrade');
		}
	}

	sleep(0.5);
	$load->stop();

	my @results = $load->results();
	my $complete = grep { $_->{complete} } @results;

	note("$kills kills, " . @results . " requests, $complete complete");

	# now that they are backlogged the target comes back

	my (%good, %strict, %none, %flap, %hang);
	my (@good, @strict, @flap, @hang);
	my ($pos, $pos_flap, $pos_hang) = ({}, {}, {});

	$hang->update();
	$pos_hang->{pos} = @{$hang->{parsed}};

	$hang->set({ status => 200 });
	$hang->close_connections();

	Test::Webhook::wait_for(sub {
		for (arrivals($rx, $pos)) {
			my ($n, $path) = @$_;

			if ($path eq '/good') {
				push @good, $n;
				$good{$n} = 1;

			} elsif ($path eq '/strict') {
				push @strict, $n;
				$strict{$n} = 1;

			} else {
				$none{$n} = 1;
			}
		}

		for (arrivals($flap, $pos_flap)) {
			push @flap, $_->[0];
		}

		for (arrivals($hang, $pos_hang)) {
			push @hang, $_->[0];
			$hang{$_->[0]} = 1;
		}

		$flap{$_} = 1 for split /\n/, Test::Webhook::slurp($taken, 0);

		return !grep { $_->{complete} && (!$good{$_->{n}}
			|| some($_) && (!$strict{$_->{n}} || !$none{$_->{n}}
			|| !$flap{$_->{n}})
			|| few($_) && !$hang{$_->{n}}) } @results;
	}, $long ? 300 : 90, 'all events to arrive');

	cmp_ok($complete, '>', 100, 'there was load');

	lost('good', $load->missing(\%good));
	lost('strict', $load->missing(\%strict, \&some));
	lost('none', $load->missing(\%none, \&some));
	lost('flapping', $load->missing(\%flap, \&some));
	lost('hanging', $load->missing(\%hang, \&few));

	in_order('order by key', $load->disorder(\@good, 1));
	in_order('strict order', $load->disorder(\@strict, 0));
	in_order('order of a flapping target', $load->disorder(\@flap, 1));
	in_order('order of a backlog', $load->disorder(\@hang, 1));

	my $lanes = lanes($t, qw/ good strict flap hang /);

	note("$lanes->{attempts} attempts, $lanes->{takeovers} takeovers");
	in_order('one owner per lane', @{$lanes->{bad}});

	$t->stop();

	my @ends = $t->find_in_log(qr/it is dead|it has expired|dropped/);
	in_order('nothing ended otherwise', @ends);

	forms(@results);

	$t->finish();
}

# sync=always: workers are killed while responses are held for a flush

sub held {
	my $t = Test::Webhook->new(timeout => 60)->allow_alerts(@allowed);

	my $so = build($t, 'slowsync');

	SKIP: {
	skip 'no compiler', 10 unless $so;

	my $log = $t->write_file('slowsync.log', '');
	my $delay = $t->write_file('slowsync.delay', 0);
	chmod 0666, $log;

	$t->{env} = { LD_PRELOAD => $so, SLOWSYNC_LOG => $log,
		SLOWSYNC_DELAY => $delay };

	my $app = Test::Webhook::App->new($t);
	my $rx = Test::Webhook::Receiver->new($t);
	my $flap = Test::Webhook::Receiver->new($t, port => 'flap');
	my $hang = Test::Webhook::Receiver->new($t, port => 'hang');

	my $load = Test::Webhook::Load->new($t, ports => [qw/ a b /],
		h2 => [qw/ a2 b2 /], rate => 150, connections => 24);

	$t->conf(config($load, 'a', 'sync=always'))->run();
	$t->write_file('slowsync.delay', 60);
	$load->start();

	my $wanted = $long ? 55 : 5;
	my $hits = 0;

	for (1 .. 3 * $wanted) {
		last if $hits >= $wanted;

		sleep(rand(0.3));

		# somebody in the middle of a flush

		my $all = rand() < 0.15;
		my ($pid, $at);

		Test::Webhook::wait_for(sub {
			my %w = map { $_ => 1 } $t->workers();

			($pid, $at) = @$_ for grep { $w{$_->[0]} }
				flushing($log);
			$pid;
		}, 10, 'a flush') or last;

		if ($all) {
			kill_all($t, 'a');

		} else {
			mark($t, 'kill', $pid);
			kill 'KILL', $pid;
			$t->wait_gone($pid);
		}

		$hits++ if grep { $_->[0] == $pid && $_->[1] == $at }
			flushing($log);

		if ($all) {
			$t->start_again();
		} else {
			$t->wait_workers(undef, not => [$pid])
				or diag("worker $pid was not replaced");
		}
	}

	cmp_ok($hits, '>=', $wanted, 'responses were held while killed');

	# the flush takes longer than the client is to wait

	my $mark = $t->log_mark();

	$t->write_file('slowsync.delay', 1300);
	ok($t->wait_log(qr/webhook event "[^"]+" \S+ is committed late/, 10,
		$mark), 'late');
	$t->write_file('slowsync.delay', 0);

	$load->stop();

	my (@good, %good, %flap, @flap, %hang);
	my ($pos, $pos_flap, $pos_hang) = ({}, {}, {});
	my @results = $load->results();

	Test::Webhook::wait_for(sub {
		for (arrivals($rx, $pos)) {
			next unless $_->[1] eq '/good';
			push @good, $_->[0];
			$good{$_->[0]} = 1;
		}

		for (arrivals($flap, $pos_flap)) {
			push @flap, $_->[0];
			$flap{$_->[0]} = 1;
		}

		$hang{$_->[0]} = 1 for arrivals($hang, $pos_hang);

		return !grep { $_->{complete} && (!$good{$_->{n}}
			|| some($_) && !$flap{$_->{n}}
			|| few($_) && !$hang{$_->{n}}) } @results;
	}, 60, 'all events to arrive');

	note("$hits kills, " . @results . ' requests, '
		. (grep { $_->{complete} } @results) . ' complete');

	lost('held', $load->missing(\%good));
	lost('held, second target', $load->missing(\%flap, \&some));
	lost('held, third target', $load->missing(\%hang, \&few));

	in_order('held, order by key', $load->disorder(\@good, 1));
	in_order('held, order of the second', $load->disorder(\@flap, 1));

	my $lanes = lanes($t, qw/ good strict flap hang /);
	in_order('held, one owner per lane', @{$lanes->{bad}});

	$t->stop();
	$t->finish();

	}
}

# a thread that writes to the disk ends after its process, and sockets with it

sub kill_all {
	my ($t, $port) = @_;

	mark($t, 'kill', $t->all_pids());
	$t->kill_all();

	Test::Webhook::wait_for(sub {
		!grep { Test::Webhook::try_connect($t->port($_)) }
			$port, "${port}2"
	}, 10, 'sockets to be closed');
}

# processes and beginnings of flushes that have not ended

sub flushing {
	my ($log) = @_;

	my %open;

	for (split /\n/, Test::Webhook::slurp($log, 0)) {
		my ($pid, $tid, $at, $what, $name) = split / /;

		next if $name ne 'msync';

		if ($what eq 'begin') {
			$open{"$pid $tid"} = [$pid, $at];
		} else {
			delete $open{"$pid $tid"};
		}
	}

	return values %open;
}

sub lost {
	my ($what, @lost) = @_;

	is(scalar @lost, 0, "nothing lost: $what") or show(map {
		"$_->{n} $_->{key} $_->{form} $_->{begin} $_->{end}" } @lost);
}

sub in_order {
	my ($what, @bad) = @_;

	is(scalar @bad, 0, $what) or show(@bad);
}

sub show {
	my (@lines) = @_;

	diag("  $_") for splice @lines, 0, 20;
	diag('  and ' . @lines . ' more') if @lines;
}

# what the load consisted of

sub forms {
	my %forms;

	for (@_) {
		$forms{$_->{form}}[0]++;
		$forms{$_->{form}}[1] += $_->{complete};
	}

	note(join ', ', map { "$_ $forms{$_}[1]/$forms{$_}[0]" }
		sort keys %forms);
}

###############################################################################

#!/usr/bin/perl

# Tests for power cuts: the store is copied as it may be found after one,
# nginx is started with the copy, and delivers what it has promised.
#
# A copy is what flushes have covered, as t/tools/slowsync.c has seen them,
# and a random subset of the pages which were written since then.
# WEBHOOK_CRASH=long makes a hundred.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Time::HiRes qw/ sleep /;

use Test::Webhook;
use Test::Webhook::App;
use Test::Webhook::Load qw/ arrivals monotonic build /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $long = ($ENV{WEBHOOK_CRASH} || '') eq 'long';
my %images = $long ? (always => 60, off => 40) : (always => 4, off => 3);
my $seed = $ENV{WEBHOOK_SEED} || int(rand(1e6));

srand($seed);
note("WEBHOOK_SEED=$seed");

# pages of both files

my $page = 4096;

{
	my $t = Test::Webhook->new();
	my $so = build($t, 'slowsync');

	plan(skip_all => 'no compiler') unless $so;

	undef $t;
}

plan(tests => 7 * ($images{always} + $images{off}) + $images{off} + 2 * 3);

for my $sync (qw/ always off /) {
	cut($sync, $images{$sync});
}

###############################################################################

sub config {
	my ($load, $sync) = @_;

	my $retry = join ' ', ('300ms') x 64;

	return <<'EOC' . $load->http_conf() . <<EOC2 . $load->locations() . '}}';
%%TEST_GLOBALS%%

worker_processes 2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    map $http_x_n $few {
        default    0;
        ~[258]$    1;
    }
EOC
    webhook_store %%TESTDIR%%/store size=16m journal=4m sync=$sync;

    webhook_endpoint good {
        url http://127.0.0.1:%%PORT_rx%%/good;
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
        timeout 1s;
        retry $retry;
    }

    webhook load.all to=good status=any;
    webhook load.few to=hang status=any if=\$few;

    server {
        listen 127.0.0.1:%%PORT_http%%;
        listen 127.0.0.1:%%PORT_h2%% http2;
EOC2
}

sub few { $_[0]{n} =~ /[258]$/ }

sub cut {
	my ($sync, $images) = @_;

	my $t = Test::Webhook->new(timeout => 60);
	my $dir = $t->testdir();

	# all processes are stopped for as long as an image takes

	$t->allow_alerts(qr/has stopped inside the database/);

	my $log = $t->write_file('slowsync.log', '');
	my $delay = $t->write_file('slowsync.delay', 5);

	mkdir "$dir/shadow";
	chmod 0666, $log;
	chmod 0777, "$dir/shadow";

	$t->{env} = { LD_PRELOAD => build($t, 'slowsync'),
		SLOWSYNC_LOG => $log, SLOWSYNC_DELAY => $delay,
		SLOWSYNC_STORE => "$dir/store",
		SLOWSYNC_SHADOW => "$dir/shadow" };

	my $app = Test::Webhook::App->new($t);
	my $rx = Test::Webhook::Receiver->new($t);
	my $hang = Test::Webhook::Receiver->new($t, port => 'hang',
		script => [{ hang => 1 }]);

	# a backlog that grows is to fit into the store

	my $load = Test::Webhook::Load->new($t, h2 => ['h2'],
		rate => $long ? 60 : 200, pad => $long ? 100 : 600);

	$t->conf(config($load, $sync))->run();
	$load->start();

	Test::Webhook::wait_for(sub { $load->count() > 300 }, 60, 'load');

	my (@cuts, %received);
	my $pos = {};

	for my $i (1 .. $images) {
		my $limit = monotonic();

		# sync=off may lose what is in the journal alone

		if ($sync eq 'off') {
			my @old = grep { $_->{complete} && $_->{end} <= $limit }
				$load->results();

			my ($oldest, %keys) = (0);

			ok(Test::Webhook::wait_for(sub {
				my $now = monotonic();

				$received{$_->[0]} = 1 for arrivals($rx, $pos);
				@old = unmoved("$dir/store", \%received, @old);

				for (@old) {
					my $age = $now - $_->{end};

					$oldest = $age if $oldest < $age;
					$keys{$_->{key}}++ if $age > 3;
				}

				!@old;
			}, 60), "sync=off, cut $i: what is old is moved")
				or diag(scalar(@old) . ' are not');

			note(sprintf 'sync=off, cut %d: the oldest was %.2f s '
				. 'in the journal alone, above 3 s: %s', $i,
				$oldest, join(' ', sort keys %keys) || 'none');
		}

		sleep(rand(0.7));

		# right behind a flush, or at any moment

		if (rand() < 0.4) {
			my $from = -s $log;

			Test::Webhook::wait_for(sub {
				Test::Webhook::slurp($log, $from) =~ / end /
			}, 10, 'a flush');
		}

		# nothing that was not flushed, some of it, all of it

		my $share = (0, 0.5, rand(), 1, rand(0.2), 1 - rand(0.2))
			[($i - 1) % 6];

		push @cuts, image($t, "image$i", $share);
		$cuts[-1]{limit} = $sync eq 'off' ? $limit : $cuts[-1]{time};

		# what had been acknowledged was recorded before that

		$received{$_->[0]} = 1 for arrivals($rx, $pos);
		$cuts[-1]{received} = { %received };
	}

	$load->stop();
	$t->stop();

	my %late = map { / is committed late.*\?(?:.*&)?n=(\d+) / ? ($1 => 1)
		: () } $t->find_in_log(qr/ is committed late/);
	my @results = grep { $_->{complete} && !$late{$_->{n}} }
		$load->results();

	cmp_ok(scalar @results, '>', 100, "sync=$sync: there was load");
	note("sync=$sync: " . @results . ' responses, ' . keys(%late)
		. ' late');

	for my $cut (@cuts) {
		boot($t, $load, $sync, $cut, \@results);
	}

	$t->finish();
}

# of these results those with a delivery that was not received, or has not
# ended, and is not in the database

sub unmoved {
	my ($dir, $received, @results) = @_;

	my (%queued, $key);

	for (split /\n/, `mdb_dump $dir`) {
		/^ ([0-9a-f]*)$/ or next;

		my $octets = pack 'H*', $1;

		if (!defined $key) {
			$key = $octets;
			next;
		}

		if ($key =~ /^q..\x04(good|hang)/s) {
			my $name = $1;

			$queued{"$name $1"} = 1 if $octets =~ /(\d+) key\d+ x/;
		}

		undef $key;
	}

	return grep {
		!$queued{"good $_->{n}"} && !$received->{$_->{n}}
			|| few($_) && !$queued{"hang $_->{n}"}
	} @results;
}

# all at once, between two instructions

sub image {
	my ($t, $name, $share) = @_;

	my $dir = $t->testdir();
	my %cut = (dir => "$dir/$name", share => $share, time => monotonic());
	my @pids = $t->all_pids();

	kill 'STOP', @pids;

	Test::Webhook::wait_for(sub { !grep { !stopped($_) } @pids }, 10,
		'processes to stop');

	mkdir $cut{dir} or die "mkdir() $cut{dir} failed: $!\n";

	$cut{pages} = $cut{kept} = 0;

	for my $file (qw/ journal data.mdb /) {
		my $live = Test::Webhook::slurp("$dir/store/$file", 0);
		my $safe = Test::Webhook::slurp("$dir/shadow/$file", 0);

		# its space was allocated

		$safe .= "\0" x (length($live) - length($safe))
			if length($safe) < length($live);

		for (my $off = 0; $off < length $live; $off += $page) {
			next if substr($live, $off, $page)
				eq substr($safe, $off, $page);

			$cut{pages}++;
			next if rand() >= $share;

			substr($safe, $off, $page)
				= substr($live, $off, $page);
			$cut{kept}++;
		}

		$t->write_file("$cut{dir}/$file", $safe);
	}

	$t->write_file("$cut{dir}/lock", '');
	$t->write_file("$cut{dir}/lock.mdb",
		Test::Webhook::slurp("$dir/store/lock.mdb", 0));

	kill 'CONT', @pids;

	$cut{stopped} = monotonic() - $cut{time};

	return \%cut;
}

sub stopped {
	my ($pid) = @_;

	return !grep {
		Test::Webhook::slurp($_, 0) !~ /^\d+ \(.*\) [TZX] /s
	} glob("/proc/$pid/task/*/stat");
}

sub boot {
	my ($from, $load, $sync, $cut, $results) = @_;

	my ($name) = $cut->{dir} =~ m!/image(\d+)$!;
	$name = "sync=$sync, cut $name";

	note(sprintf '%s: %d of %d pages, stopped for %.2f s', $name,
		$cut->{kept}, $cut->{pages}, $cut->{stopped});

	my $t = Test::Webhook->new(timeout => 60);
	my $dir = $t->testdir();

	rename $cut->{dir}, "$dir/store" or die "rename() failed: $!\n";
	chmod 0700, "$dir/store";

	my $app = Test::Webhook::App->new($t);
	my $rx = Test::Webhook::Receiver->new($t);
	my $hang = Test::Webhook::Receiver->new($t, port => 'hang');

	my $load2 = Test::Webhook::Load->new($t, pad => $load->{pad});

	my $ok = eval { $t->conf(config($load2, $sync))->run(); 1 };

	ok($ok, "$name: starts") or diag($@);

	my $r = $ok ? $t->get('/return/200', 'X-N' => 999999999,
		'X-Key' => 'key1') : { status => 0 };

	my @acked = grep { $_->{end} <= $cut->{limit} } @$results;

	my (@good, %good, @hang, %hang);
	my ($pos, $pos_hang) = ({}, {});

	my $lost = sub {
		for (arrivals($rx, $pos)) {
			push @good, $_->[0];
			$good{$_->[0]} = 1;
		}

		for (arrivals($hang, $pos_hang)) {
			push @hang, $_->[0];
			$hang{$_->[0]} = 1;
		}

		return grep { !$good{$_->{n}} && !$cut->{received}{$_->{n}}
			|| few($_) && !$hang{$_->{n}} } @acked;
	};

	Test::Webhook::wait_for(sub {
		!$lost->() && $good{999999999}
	}, 30, 'all events to arrive') if $ok;

	$ok &&= $r->{status} == 200 && $good{999999999};
	ok($ok, "$name: serves and delivers");

	my @lost = $lost->();

	is(scalar @lost, 0, "$name: nothing lost of " . @acked) or do {
		diag(sprintf '  %d %s %s, %.3f s before the cut%s%s',
			@$_{qw/ n key form /}, $cut->{time} - $_->{end},
			$good{$_->{n}} || $cut->{received}{$_->{n}} ? ''
			: ', good', few($_) && !$hang{$_->{n}} ? ', hang' : '')
			for splice @lost, 0, 20;
	};

	is(join("\n", $load->disorder(\@good, 1), $load->disorder(\@hang, 1)),
		'', "$name: order");

	is(join("\n", $t->find_in_log(qr/set aside/)), '',
		"$name: no file is damaged");

	note("$name: $_") for map { s/.*webhook_store "[^"]*": //r }
		$t->find_in_log(qr/recovered from|not written completely/);

	$t->stop() if $t->running();
	$t->finish();
}

###############################################################################

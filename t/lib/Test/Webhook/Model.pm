package Test::Webhook::Model;

# A schedule of events, failures, commands and kills, made by a number, and run
# against a real nginx and a real receiver; what was observed is returned.
#
#	my $plan = Test::Webhook::Model::plan($seed);
#	my $seen = Test::Webhook::Model::run($plan);
#
# A plan is data: endpoints with their policies, zones, how targets behave at
# what time, and steps (requests, commands, kills, reloads, restarts).
#
# What is seen is data, too: the plan, the clients' requests with answers, the
# steps with their times and positions in the log, the arrivals at the receiver
# and its answers, and the lines of nginx's error log.  It is all that
# Test::Webhook::ModelCheck gets.

use strict;
use warnings;

use JSON::PP ();
use Time::HiRes qw/ time sleep /;

use Test::Webhook ();
use Test::Webhook::Receiver;

my $json = JSON::PP->new()->ascii()->canonical();

###############################################################################

# a generator of its own, so that nobody else takes numbers out of it

sub generator {
	my ($seed) = @_;

	my $x = ($seed * 1000003 + 12345) & 0xffffffff;

	my $next = sub {
		$x = ($x * 1664525 + 1013904223) & 0xffffffff;
		return $x >> 10;
	};

	$next->() for 1 .. 5;

	return $next;
}

sub plan {
	my ($seed) = @_;

	my $next = generator($seed);
	my $int = sub { $_[0] + $next->() % ($_[1] - $_[0] + 1) };
	my $chance = sub { $next->() % 100 < $_[0] };
	my $one = sub { $_[$next->() % @_] };

	my %plan = (seed => $seed, workers => $int->(1, 4));

	$plan{zones}{free} = {};
	$plan{zones}{all} = { n => $int->(4, 20),
		time => $one->(100, 400, 1000, 60000) };

	for my $i (1 .. $int->(3, 6)) {
		my %e = (zone => $chance->(40) ? 'all' : 'free',
			order => $one->(qw/ strict strict key key none /),
			timeout => $int->(80, 200), retry_after_max => $int->(20, 120));

		$e{concurrency} = $e{order} eq 'strict' ? 1 : $int->(1, 6);

		if ($chance->(60)) {
			$e{retry} = [map { $int->(10, 80) } 1 .. $int->(1, 5)];

		} elsif ($chance->(80)) {
			$e{min} = $int->(10, 30);
			$e{max} = $int->(40, 120);
			$e{jitter} = $int->(0, 60);
			$e{count} = $int->(1, 6) if $chance->(50);

		} else {
			$e{retry} = [];
		}

		$e{expire} = $int->(50, 300) if $chance->(25);
		$e{drop} = 1 if $e{expire} && $chance->(40);
		$e{max_age} = $int->(100, 1000) if $chance->(20);
		$e{count_throttled} = 1 if $chance->(25);
		$e{permanent} = 1 if $chance->(30);
		$e{consecutive} = $int->(2, 8) if $chance->(30);
		$e{after} = $int->(60, 300) if $chance->(25);
		$e{probe} = $int->(40, 200) if $chance->(45);
		$e{while_disabled} = $one->(qw/ hold hold drop dead /);

		# lines of the log tell them by number and time

		$e{limits} = [];

		for my $j (1 .. $int->(0, 2)) {
			push @{$e{limits}}, {
				n => $int->(1, 4) + 4 * ($j - 1),
				time => $one->(50, 150, 400, 1000, 60000),
				first => $chance->(40) ? 1 : 0,
				ban => $chance->(60) ? $int->(40, 300) : 0,
			};
		}

		# how the target behaves, in turn

		$e{phases} = [map { [$int->(60, 400), $one->(qw/ ok ok fail fail
			flaky flaky slow hang throttle busy mixed /)] } 1 .. 8];
		$e{gone} = $int->(10, 40) if $chance->(12);

		$plan{endpoints}{"e$i"} = \%e;
	}

	# steps, by their times in ms

	my @names = sort keys %{$plan{endpoints}};
	my $length = $int->(900, 1500);
	my @steps;

	for (1 .. $int->(12, 30)) {
		my $at = $int->(0, $length);

		push @steps, map { { at => $at, do => 'request',
			to => $one->(@names), key => $int->(1, 3) }
		} 1 .. $int->(1, 8);
	}

	push @steps, map { { at => $int->(0, $length),
		do => $one->(qw/ enable enable disable pause pause resume /),
		to => $one->(@names) } } 1 .. $int->(0, 8);

	push @steps, map { { at => $int->(100, $length), do => 'kill',
		which => $int->(0, 3) } } 1 .. $one->(0, 0, 1, 2);
	push @steps, { at => $int->(100, $length), do => 'reload' }
		if $chance->(30);
	push @steps, { at => $int->(100, $length), do => 'restart',
		how => $one->(qw/ QUIT TERM KILL /) } if $chance->(30);

	$plan{steps} = [sort { $a->{at} <=> $b->{at} } @steps];

	return \%plan;
}

###############################################################################

sub conf {
	my ($plan) = @_;

	my $zones = join '', map {
		my $z = $plan->{zones}{$_};
		"    webhook_zone $_ 256k"
			. ($z->{n} ? " disable=$z->{n}/$z->{time}ms" : '') . ";\n"
	} sort keys %{$plan->{zones}};

	my ($endpoints, $locations) = ('', '');

	for my $name (sort keys %{$plan->{endpoints}}) {
		my $e = $plan->{endpoints}{$name};
		my @l;

		push @l, "zone $e->{zone}";
		push @l, "order $e->{order}" . ($e->{order} eq 'key' ? ' $arg_k' : '');
		push @l, "concurrency $e->{concurrency}";
		push @l, "timeout $e->{timeout}ms";
		push @l, "retry_after_max $e->{retry_after_max}ms";
		push @l, 'retry ' . (!$e->{retry}
			? "exponential min=$e->{min}ms max=$e->{max}ms "
				. "jitter=$e->{jitter}%"
				. ($e->{count} ? " count=$e->{count}" : '')
			: @{$e->{retry}} ? join ' ', map { "${_}ms" } @{$e->{retry}}
			: 'off');
		push @l, "expire $e->{expire}ms" . ($e->{drop} ? ' drop' : '')
			if $e->{expire};
		push @l, "max_age $e->{max_age}ms" if $e->{max_age};
		push @l, 'count_throttled on' if $e->{count_throttled};
		push @l, 'permanent 404' if $e->{permanent};
		push @l, "disable consecutive=$e->{consecutive}"
			if $e->{consecutive};
		push @l, "disable after=$e->{after}ms" if $e->{after};
		push @l, "probe $e->{probe}ms" if $e->{probe};
		push @l, "while_disabled $e->{while_disabled}";

		push @l, "disable $_->{n}/$_->{time}ms"
			. ($_->{first} ? ' count=first' : '')
			. ($_->{ban} ? " for=$_->{ban}ms" : '') for @{$e->{limits}};

		$endpoints .= join "\n        ", "    webhook_endpoint $name {",
			"url http://127.0.0.1:%%PORT_rx%%/$name;",
			'allow_http on;', 'payload n;', map { "$_;" } @l;
		$endpoints .= "\n    }\n\n";

		$locations .= "        location = /$name { webhook a.$name to=$name; "
			. "return 200; }\n";
	}

	return <<"EOC";
%%TEST_GLOBALS%%

worker_processes $plan->{workers};

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=64m journal=16m;

    log_format result '\$arg_n \$webhook_result';

$zones
    webhook_payload n text {
        template "\${arg_n|none}";
        content_type text/plain;
    }

$endpoints
    server {
        listen 127.0.0.1:%%PORT_http%% reuseport;

        add_header X-Id \$webhook_id;
        access_log %%TESTDIR%%/result.log result;

$locations
    }

    server {
        listen 127.0.0.1:%%PORT_api%%;
        location /api { webhook_api write=on; }
    }
}
EOC
}

# what the receiver does, in its process

sub handler {
	my ($plan, $dir, $start) = @_;

	my $next = generator($plan->{seed} + 1000003);
	my (%n, $fh);

	return sub {
		my ($req) = @_;

		my ($name) = $req->{target} =~ m!^/(\w+)!;
		my %h = map { lc $_->[0] => $_->[1] } @{$req->{headers}};
		my $action = -e "$dir/healed" ? 200 : behave($plan, $name,
			(time() - $start) * 1000, ++$n{$name}, $next);
		my $status = ref $action
			? $action->{hang} ? 'none' : $action->{reset} ? 'reset'
			: $action->{status} : $action;

		$fh || open $fh, '>>', "$dir/answers" or die "answers: $!\n";
		syswrite $fh, "$name $h{'webhook-id'} $status\n";

		return $action;
	};
}

sub behave {
	my ($plan, $name, $ms, $n, $next) = @_;

	my $e = $plan->{endpoints}{$name};
	my $sum = 0;

	return 410 if $e->{gone} && $e->{gone} == $n;

	$sum += $_->[0] for @{$e->{phases}};
	$ms %= $sum;

	my ($phase) = grep { ($ms -= $_->[0]) < 0 } @{$e->{phases}};
	my $what = $phase->[1];

	if ($what eq 'mixed') {
		$what = (qw/ ok fail slow throttle busy missing reset /)[$next->() % 7];
	}

	return 200 if $what eq 'ok';
	return 500 if $what eq 'fail';
	return 404 if $what eq 'missing';
	return $next->() % 2 ? 200 : 502 if $what eq 'flaky';
	return { delay => ($next->() % 60) / 1000, status => 200 }
		if $what eq 'slow';
	return { hang => 1 } if $what eq 'hang';
	return { reset => 1 } if $what eq 'reset';
	return { status => 429, headers => [['Retry-After', $next->() % 2]] }
		if $what eq 'throttle';
	return { status => 503, headers => [['Retry-After', 1]] };
}

###############################################################################

sub run {
	my ($plan) = @_;

	my $t = Test::Webhook->new()->allow_alerts(
		qr/worker process \d+ exited on signal 9/);
	my $dir = $t->testdir();

	# a worker that is still shutting down leaves its connections when it is
	# told to end at once, of which nginx before 1.25.4 complains

	$t->allow_alerts(qr/open socket #\d+ left in connection/, qr/aborting$/)
		if join(' ', map { $_->{how} || $_->{do} } @{$plan->{steps}})
		=~ /\breload\b.*\bTERM\b/;

	$t->conf(conf($plan))->run();

	# a start that takes long does not make a burst of all steps

	my $start = time();

	my $rx = Test::Webhook::Receiver->new($t, port => 'rx',
		handler => handler($plan, $dir, $start));

	my %seen = (plan => $plan, requests => [], steps => [], start => $start);

	for my $s (@{$plan->{steps}}) {
		my $left = $start + $s->{at} / 1000 - time();

		sleep($left) if $left > 0;
		step($t, \%seen, $s);
	}

	# all are healed and enabled, so that nothing may be left

	$t->write_file('healed', '');
	$seen{healed} = time();

	my $end = time() + 20;
	my $done;

	while (!$done && time() < $end) {

		for (states($t)) {
			step($t, \%seen, { do => 'enable', to => $_->{name} })
				if $_->{state} ne 'enabled';
		}

		$done = ended($t, \%seen);
		sleep(0.05) unless $done;
	}

	$seen{log} = [log_lines($t)];
	$seen{arrivals} = [map { { time => $_->{time}, n => $_->{body},
		id => $_->{header}{'webhook-id'}, to => substr $_->{target}, 1 }
	} $rx->requests()];
	$seen{answers} = [map { { to => $_->[0], id => $_->[1],
		status => $_->[2] } } map { [split] } split /\n/,
		-e "$dir/answers" ? $t->read_file('answers') : ''];

	$t->stop();

	# what was not committed is no event, but has an id all the same

	my %result = map { split } split /\n/, $t->read_file('result.log');

	for (@{$seen{requests}}) {
		delete $_->{id} if ($result{$_->{n}} || 'committed') ne 'committed';
	}

	return \%seen;
}

sub step {
	my ($t, $seen, $s) = @_;

	return until_seen($t, $seen, $s) if $s->{do} eq 'until';

	my %did = (%$s, from => time(), mark => $t->log_mark());

	if ($s->{do} eq 'request') {
		$did{n} = 1 + @{$seen->{requests}};

		my $r = Test::Webhook::get("/$s->{to}?n=$did{n}&k=$s->{key}");

		$did{id} = $r->header('x-id') if $r && $r->status() == 200;
		$did{to_time} = time();

		push @{$seen->{requests}}, \%did;
		return;
	}

	if ($s->{do} =~ /^(?:enable|disable|pause|resume)$/) {
		my $r = Test::Webhook::post("/api/endpoints/$s->{to}/$s->{do}", '',
			'Content-Type' => 'application/json', -port => 'api');
		$did{status} = $r ? $r->status() : 0;

	} elsif ($s->{do} eq 'kill') {
		my @w = $t->workers();

		$did{pid} = $w[$s->{which} % @w];
		kill 'KILL', $did{pid};
		$t->wait_workers(scalar @w, not => [$did{pid}]);

	} elsif ($s->{do} eq 'reload') {
		$did{ok} = $t->reload();

	} elsif ($s->{do} eq 'restart') {
		$s->{how} eq 'KILL' ? $t->kill_all()
			: $s->{how} eq 'TERM' ? $t->term() : $t->stop();

		$did{down} = $t->log_mark();
		$t->start_again();
		$did{states} = [states($t)];
	}

	$did{to_time} = time();
	$did{end} = $t->log_mark();

	push @{$seen->{steps}}, \%did;
}

# requests until a line is logged, so that a schedule has seen it whatever the
# time that it takes

sub until_seen {
	my ($t, $seen, $s) = @_;

	my $end = time() + 20;

	until ($t->find_in_log(qr/$s->{seen}/)) {
		die "not seen: $s->{seen}\n" if time() > $end;

		step($t, $seen, { do => 'request', to => $s->{to}, key => 1 });
		sleep(0.02);
	}
}

sub states {
	my ($t) = @_;

	my $r = Test::Webhook::get('/api/endpoints', -port => 'api') or return;

	return @{$json->decode($r->body())->{endpoints}};
}

# true when there are as many ends as events

sub ended {
	my ($t, $seen) = @_;

	my (%ended, %n);

	for ($t->find_in_log(qr/webhook (?:delivery|attempt) end/)) {
		/lane "(\w+)" seq (\S+) (?:id .* class success|delivered|dead|expired|dropped)/
			and $ended{$1}{$2} = 1;
	}

	$n{$_->{to}}++ for grep { $_->{id} } @{$seen->{requests}};

	return !grep { keys %{$ended{$_}} < $n{$_} } keys %n;
}

# [position, pid, text] of each line that tells something; how processes end is
# for people

sub log_lines {
	my ($t) = @_;

	my ($pos, @lines) = (0);

	for (split /^/, $t->read_file('error.log')) {
		push @lines, [$pos, $1, $2] if /\]\ (\d+)\#\d+:\ (?:\*\d+\ )?
			(webhook\ .*|worker\ process\ .*|.*(?:exit|shutting).*)/x;
		$pos += length;
	}

	return @lines;
}

###############################################################################

1;

#!/usr/bin/perl

# Tests for backlogs when the store fails, somebody stops inside of it, workers
# are killed, and nginx is reloaded: nothing is counted twice, or for ever.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use File::Temp qw/ tempdir /;

use Test::Webhook qw/ :DEFAULT connect_port wait_for /;
use Test::Webhook::Policy qw/ watch state command n /;
use Test::Webhook::Receiver;
use Test::Webhook::Store qw/ queued /;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $dir = tempdir(CLEANUP => 1);
chmod(0777, $dir);

system("cc -shared -fPIC -o $dir/fail.so $FindBin::Bin/tools/api_fail.c -ldl")
	== 0 or die "can't compile api_fail.c\n";

my $t = Test::Webhook->new(env => {
	LD_PRELOAD => join(' ', split(/[ :]/, $ENV{TEST_NGINX_PRELOAD} || ''),
		"$dir/fail.so"),
	map { ("API_FAIL_$_" => "$dir/$_") } qw/ READ COMMIT STOP /
});

$t->allow_alerts(qr/cannot (?:read|write) the database/,
	qr/has stopped inside the database/,
	qr/worker process \d+ exited on signal 9/);

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');
watch($rx);

my @overflows = qw/ dead drop_newest drop_oldest reject /;

sub conf {
	my ($workers, $more) = @_;

	my $endpoints = join '', map { <<"EOC" } @overflows;
    webhook_endpoint $_ {
        url http://127.0.0.1:%%PORT_rx%%/$_;
        allow_http on;
        order key \$arg_n;
        retry 500ms 500ms 500ms 500ms 500ms 500ms 500ms 500ms 500ms 500ms;
        backlog 40 overflow=$_;
    }
EOC

	my $locations = join '', map { <<"EOC" } qw/ strict own /, @overflows;
        location = /$_ { webhook a.$_ to=$_; try_files /empty =404; }
EOC

	return <<"EOC";
%%TEST_GLOBALS%%

worker_processes $workers;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=16m;
    webhook_zone all @{[ $more || '512k' ]};

    webhook_endpoint strict {
        url http://127.0.0.1:%%PORT_rx%%/strict;
        allow_http on;
        retry 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s;
        backlog 150;
    }

    webhook_endpoint own {
        url http://127.0.0.1:%%PORT_rx%%/own;
        allow_http on;
        order none;
    }
$endpoints
    server {
        listen 127.0.0.1:%%PORT_http%%;

$locations
        location /api { webhook_api write=on; }
    }
}
EOC
}

$t->write_file('empty', '');

###############################################################################

# what is captured for lanes that are not known yet, as they cannot be read, and
# is moved meanwhile: what is one too many is known later

$t->conf(conf(1))->run();

command('strict', 'disable');
get('/strict');
ok(settled('strict', 1), 'a backlog');

error('READ', 5);
replace();
ok($t->wait_log(qr/cannot read the database/, 10), 'it cannot be read');

get('/strict') for 2 .. 250;
ok(failures(4), 'not for long enough to be moved');
is(state('strict')->{ends}{dead}, 0, 'none has ended so far');

unlink "$dir/READ";

ok(wait_for(sub { state('strict')->{ends}{dead} == 100 }, 10),
	'it can: those that are too many end');
ok(settled('strict', 150), 'N are kept');

command('strict', 'enable');
ok(empty('strict'), 'nothing is left of them');

# a turn that has failed behind its commit, and those without the lock after it

$t->stop();
$t->conf(conf(3))->run();

command($_, 'disable') for qw/ strict own /;
get('/strict') for 1 .. 10;
get('/own') for 1 .. 60;
ok(settled('strict', 10), 'a backlog');

my $owner = owner('strict');

# lanes of a dead one are taken over by whoever is the first

error('READ', 5);
my $mark = $t->log_mark();
ok(wait_for(sub {
	replace((grep { $_ != $owner } $t->workers())[0]);
	return wait_for(sub {
		get('/own') for 1 .. 10;
		$t->find_in_log(qr/ $owner#.*cannot read the database/, $mark);
	}, 5);
}, 40), 'the owner has lanes of the dead one, and cannot read them');

my ($stopped) = grep { $_ != $owner } $t->workers();

is(scalar(grep { get('/strict')->status() == 200 } 11 .. 50), 40,
	'captured meanwhile');
ok(failures(4, $owner), 'what it has is moved meanwhile');
ok(settled('strict', 50), 'a commit with a failure behind it counts once');

$mark = $t->log_mark();
error('STOP', $stopped);
ok(wait_for(sub {
	get('/own', -timeout => 0.2) for 1 .. 5;
	(Test::Webhook::stat_of($stopped))[0] eq 'T';
}, 20), 'another one stops inside the database');

unlink "$dir/READ";

ok($t->wait_log(qr/ $owner#.*$stopped has stopped inside/, 20, $mark),
	'the owner goes on without the lock');
ok($t->wait_log(qr/does not run, \d+ shards? of it (?:is|are) taken/, 20,
	$mark), 'lanes are taken over');

my %seen;
my $until = time() + 3;
$seen{state('strict')->{backlog}{events}}++ while time() < $until;
is(join(' ', sort keys %seen), '50', 'nothing counts twice meanwhile');

kill 'CONT', $stopped;
ok(wait_for(sub { (Test::Webhook::stat_of($stopped))[0] ne 'T' }, 10),
	'it goes on');
ok(settled('strict', 50), 'nor after that');

command($_, 'enable') for qw/ strict own /;
ok(empty('strict'), 'nothing is left');

# what was committed then had been taken over: it is sent again, with a sweep

ok(empty('own', 90), 'nor of what was committed while it was taken over');

# errors, kills and reloads, with traffic: of each overflow nothing is left

$rx->set(500);

my $n = 0;

for my $round (1 .. 3) {
	for my $what (
		sub { error('COMMIT', 5) },
		sub { replace(($t->workers())[0]) },
		sub { unlink "$dir/COMMIT"; error('READ', 5) },
		sub { replace(($t->workers())[0]) },
		sub { error('COMMIT', -30792) },
		sub { unlink "$dir/READ"; $t->reload() },
		sub { replace(($t->workers())[1]) },
		sub { unlink "$dir/COMMIT" },
		sub { $t->conf(conf(3, $round % 2 ? '640k' : '512k'));
			$t->reload() })
	{
		for (1 .. 12) {
			$n++;
			get("/$_?n=$n", -timeout => 1) for @overflows;
		}

		$what->();
	}
}

$rx->set(200);

for my $e (@overflows) {
	ok(empty($e), "$e: nothing is left");
}

# nor of what was promised; what a dead one had may have been nobody's till now

for my $e (@overflows) {
	ok(gone($e), "$e: nor of what a dead one had");
	command($e, 'disable');

	is(scalar(grep { get("/$e?n=$_")->status() == 200 } 1 .. 40), 40,
		"$e: N are captured");
	ok(settled($e, 40), "$e: N are kept");
}

is(get('/reject?n=41')->status(), 503, 'reject: one more is not');

my $log = $t->log_mark();

error('READ', 5);
$t->conf(conf(3, '768k'));
ok($t->reload(), 'reload with another zone, whose numbers cannot be read');
ok($t->wait_log(qr/cannot read the database/, 10, $log), 'for a while');
unlink "$dir/READ";
ok(settled($_, 40), "$_: the number is known then") for @overflows;

command($_, 'enable') for @overflows;
ok(empty($_), "$_: nothing is left in the end") for @overflows;

$t->stop();

# what waits for its flush has its place

system("cc -shared -fPIC -o $dir/slow.so $FindBin::Bin/tools/slow_flush.c -ldl")
	== 0 or die "can't compile slow_flush.c\n";

$t->{env} = {
	LD_PRELOAD => join(' ', split(/[ :]/, $ENV{TEST_NGINX_PRELOAD} || ''),
		"$dir/slow.so"),
	SLOW_FLUSH => "$dir/SLOW"
};

my $conf = conf(1);
$conf =~ s/journal=16m/journal=16m sync=always/;
$t->conf($conf)->run();

command('reject', 'disable');
get("/reject?n=$_") for 1 .. 38;
ok(settled('reject', 38), 'sync=always: a backlog');

error('SLOW', 500);

my @s = map { connect_port($t, 'http') } 1 .. 5;
my %status;

print $_ "GET /reject HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	for @s;
$status{(split / /, readline($_))[1]}++ for @s;

is_deeply(\%status, { 200 => 2, 503 => 3 },
	'sync=always: what is not flushed as yet has its place');

unlink "$dir/SLOW";
ok(settled('reject', 40), 'sync=always: N are kept');

$t->done_testing();

###############################################################################

sub error {
	my ($what, $code) = @_;

	open(my $fh, '>', "$dir/new") or die;
	print $fh $code;
	close($fh);

	chmod(0666, "$dir/new");
	rename("$dir/new", "$dir/$what") or die;
}

# a worker dies, or all do, and others come

sub replace {
	my (@pids) = @_;
	my @w = $t->workers();

	@pids = @w unless @pids;
	kill 'KILL', @pids;

	return $t->wait_workers(scalar @w, not => [@pids]);
}

# that many turns have failed since, a second apart

sub failures {
	my ($times, $pid) = @_;

	my $re = $pid ? qr/ $pid#.*cannot read the database/
		: qr/cannot read the database/;
	my $mark = $t->log_mark();

	return wait_for(sub { $t->find_in_log($re, $mark) >= $times }, 20);
}

# the worker whose turn it was to keep it

sub owner {
	my ($e) = @_;

	my ($mark, @begun, @ended) = ($t->log_mark());

	$rx->set(500);
	command($e, 'enable');
	ok(wait_for(sub {
		@begun = $t->find_in_log(qr/webhook attempt begin: .*"$e"/, $mark)
	}, 10), 'an attempt tells the owner');
	command($e, 'disable');

	# it is not to succeed

	ok(wait_for(sub {
		@begun = $t->find_in_log(qr/webhook attempt begin: .*"$e"/, $mark);
		@ended = $t->find_in_log(qr/webhook attempt end: .*"$e"/, $mark);
		return @begun == @ended;
	}, 10), 'and fails');
	$rx->set(200);

	return $begun[-1] =~ / (\d+)#/ ? $1 : die "no owner: $begun[-1]\n";
}

# what was committed while its lanes were taken over is gone with a sweep, which
# is once a minute

sub settled {
	my ($e, $n) = @_;
	my ($got, $there);

	return 1 if wait_for(sub {
		$got = state($e)->{backlog}{events};
		return 0 if $got != $n;

		$there = queued($t, $e);
		return $there == $n;
	}, 90);

	diag "$e: $got, in the store: ", $there // queued($t, $e);

	return 0;
}

# nothing is left anywhere

sub gone {
	my ($e) = @_;

	return 1 if wait_for(sub { queued($t, $e) == 0 }, 30) && empty($e);

	diag "$e: " . queued($t, $e) . ' in the store';

	return 0;
}

# delivered, and no number has anything left

sub empty {
	my ($e, $timeout) = @_;
	my $got;

	return 1 if wait_for(sub {
		$got = state($e)->{backlog};
		return $got->{events} == 0 && $got->{octets} == 0;
	}, $timeout || 30);

	diag "$e: $got->{events} $got->{octets}";

	return 0;
}

###############################################################################

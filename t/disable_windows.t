#!/usr/bin/perl

# States and windows that are kept: lines that move at a reload, records that
# are damaged, zones that change, commands that wait for the store.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Compress::Raw::Zlib qw/ crc32 /;
use Fcntl qw/ :DEFAULT :seek /;
use IO::Socket::INET;
use JSON::PP qw/ decode_json /;
use Time::HiRes qw/ time /;

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();
my $rx = Test::Webhook::Receiver->new($t, port => 'rx');
my $store = $t->testdir() . '/store';

# lines: of the endpoint "a"; zone: of "b"; size: of the zone "two"

sub conf {
	my (%o) = (lines => 'disable 5/1h;', zone => 'one', size => '128k', @_);

	return <<"EOC";
%%TEST_GLOBALS%%

worker_processes 2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;
    webhook_zone one 128k;
    webhook_zone two $o{size};

    webhook_endpoint a {
        url http://127.0.0.1:%%PORT_rx%%/a;
        allow_http on;
        retry off;
        $o{lines}
    }

    webhook_endpoint b {
        url http://127.0.0.1:%%PORT_rx%%/b;
        allow_http on;
        zone $o{zone};
        retry off;
        disable 5/1h;
    }

    webhook_endpoint c {
        url http://127.0.0.1:%%PORT_rx%%/c;
        allow_http on;
        zone two;
        order none;
        retry off;
        disable 5/1h;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location = /a { webhook a.a to=a; return 200; }
        location = /b { webhook a.b to=b; return 200; }
        location = /c { webhook a.c to=c; return 200; }
        location /api { webhook_api write=on; }
    }
}
EOC
}

sub reload {
	$t->conf(conf(@_));
	$t->reload();
	$t->wait_gone($_) for $t->old_workers();
}

$t->conf(conf())->run();
$rx->set(500);

###############################################################################

# windows are those of their lines, wherever these stand

fail_n('a', 3);
is(windows('a'), '5:3', 'failures of a line');

reload(lines => 'disable 9/2h; disable 5/1h;');
is(windows('a'), '9:0 5:3', 'a line before it has none of them');

fail_n('a', 1);
reload(lines => 'disable 5/1h; disable 9/2h;');
is(windows('a'), '5:4 9:1', 'lines change places with their failures');

reload(lines => 'disable 7/1h; disable 9/2h count=first;');
is(windows('a'), '7:4 9:0',
	'more are tolerated, but another count begins empty');

fail_n('a', 1);
reload(lines => 'disable 7/1h; disable 70/1h for=1m;');
is(windows('a'), '7:5 70:0', 'a second line of the same time begins empty');

reload(lines => 'disable 70/1h for=1m; disable 7/1h;');
is(windows('a'), '70:0 7:5', 'and each stays what it is');

wait_for(\&saved, 10);
$t->stop();
$t->conf(conf(lines => 'disable 3/3h; disable 7/1h; disable 70/1h for=1m;'));
$t->start_again();
is(windows('a'), '3:0 7:5 70:0', 'likewise after a restart');

# windows that no line uses any more make room

my $ok = 1;

for (1 .. 12) {
	reload(lines => "disable 2000/${_}h;");
	$ok &&= windows('a') eq '2000:0';
}

ok($ok, 'many reloads with other windows');
is($t->find_in_log(qr/no room for a failure window/), 0,
	'take the room of a few');

reload();

# commands wait until they are in the store

my $lock = "$store/lock";
my $mark;

for my $n (1 .. 5) {
	my $r = command('b', 'disable');
	kill_all();

	is($r->{stored}, JSON::PP::true, 'a command is answered when stored');

	$t->start_again();
	is(state('b')->{reason}, 'operator', 'and is known after a kill');

	ok(command('b', 'enable')->{stored}, 'enabled');
}

kill_all();
$t->start_again();
is(state('b')->{state}, 'enabled', 'after a kill, too');

# the warehouse is taken: the answer comes all the same, and so do others

take($lock, F_WRLCK);

my $start = time();
my $s = send_command('b', 'disable');

# one client has gone, before the answer
close send_command('b', 'disable');

is(state('b')->{reason}, 'operator', 'others are served meanwhile');
ok(time() - $start < 0.9, 'at once');

my $answer = do { local $/; <$s> };

ok(time() - $start >= 0.9, 'a command waits for a write');
like($answer, qr/^HTTP\/1.1 200 .*"reason":"operator".*"stored":false/s,
	'not for ever, and tells that it is not stored');

take($lock, F_UNLCK);

ok(wait_for(\&saved, 10), 'it is stored when that is possible');

# damaged records are written over

for my $way (
	[ 'damaged', sub { substr($_[0], 60, 1) ^= "\x01" } ],
	[ 'of a newer version', sub { substr($_[0], 0, 4) = pack 'L', 9 } ],
	[ 'of a number too high',
		sub { substr($_[0], 40, 8) = "\xff" x 8 } ],
	[ 'cut', sub { substr($_[0], 50) = '' } ],
	[ 'of the first version', sub { $_[0] = pack 'LLQ', 1, 0, 2 ** 60 } ],
) {
	my ($name, $change) = @$way;

	command('b', 'disable');
	$t->stop();
	change_record('sea', $change);
	change_record('seb', $change);

	$mark = $t->log_mark();

	$t->start_again();

	ok($t->wait_log(qr/the state of "b" is damaged/, 10, $mark),
		"a record $name is seen");
	is(state('b')->{state}, 'enabled', 'and is none');
	ok(wait_for(\&saved, 10), 'it is written again');

	ok(command('b', 'disable')->{stored}, 'a command is stored');
	kill_all();
	$t->start_again();
	is(state('b')->{reason}, 'operator', 'over it');
}

# a state of a clock that was wrong: a command is not lost by it

command('b', 'enable');
command('b', 'disable');
command('b', 'enable');
change_record('seb', \&far, 1);

$mark = $t->log_mark();
my $r = command('b', 'disable');

is($r->{reason}, 'operator', 'a command is repeated over a newer state');
ok($r->{stored}, 'and stored');
ok($t->find_in_log(qr/"b" is enabled: processes of another/, $mark),
	'which was taken over');

kill_all();
$t->start_again();
is(state('b')->{reason}, 'operator', 'for good');

# an endpoint that was in another zone meanwhile

command('b', 'disable');
reload(zone => 'two');
is(state('b')->{reason}, 'operator', 'a state in another zone');

command('b', 'enable');
$rx->set(500);
fail_n('b', 2);
ok(wait_for(\&saved, 10), 'stored there');

reload(zone => 'one');
is(state('b')->{state}, 'enabled', 'is not that of the zone that is back');
is(windows('b'), '5:2', 'nor are its failures');

# an old worker with another zone: 410 while the new ones are at work

reload();
$rx->set({ hang => 1 }, 500);
$rx->forget();
get('/c');
$rx->wait_requests(1, 10);

$t->conf(conf(size => '192k'));
$t->reload();

$mark = $t->log_mark();
my @old = $t->old_workers();

$rx->release(410);
ok($t->wait_log(qr/"c" is disabled: it has answered 410/, 10, $mark),
	'an old worker disables an endpoint');
$t->wait_gone($_) for @old;

get('/c');
ok(wait_for(sub { (state('c')->{reason} || '') eq 'gone' }, 10),
	'new ones learn it out of the store');
ok($t->wait_log(qr/"c" is disabled: processes of another configuration/, 10,
	$mark), 'and say so');

kill_all();
$t->start_again();
is(state('c')->{reason}, 'gone', 'the newest transition is in the store');

done_testing();

###############################################################################

sub state {
	my ($name) = @_;
	return decode_json(get("/api/endpoints/$name")->body());
}

sub windows {
	my ($name) = @_;
	return join ' ', map { "$_->{tolerated}:$_->{failures}" }
		@{state($name)->{windows}};
}

# a thread that flushes is not killed at once, and keeps the listening socket

sub kill_all {
	$t->kill_all();

	wait_for(sub {
		IO::Socket::INET->new(Listen => 1, ReuseAddr => 1,
			LocalAddr => '127.0.0.1:' . port('http'));
	}, 30) or die "port is in use\n";
}

sub command {
	my ($name, $verb) = @_;
	return decode_json(post("/api/endpoints/$name/$verb", '',
		'Content-Type' => 'application/json')->body());
}

sub send_command {
	my ($name, $verb) = @_;

	my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1:' . port('http'))
		or die "can't connect: $!\n";

	$s->autoflush(1);
	print $s "POST /api/endpoints/$name/$verb HTTP/1.1\r\nHost: a\r\n"
		. "Content-Type: application/json\r\n"
		. "Connection: close\r\nContent-Length: 0\r\n\r\n";

	return $s;
}

sub fail_n {
	my ($name, $n) = @_;

	my $before = state($name)->{failures_in_a_row};

	get("/$name") for 1 .. $n;

	wait_for(sub { state($name)->{failures_in_a_row} == $n + $before }, 10)
		or die "not so many failures of $name\n";
}

sub saved {
	for my $e (@{decode_json(get('/api/endpoints')->body())->{endpoints}}) {
		return 0 unless $e->{stored};
	}

	return 1;
}

# the lock of the warehouse, as a worker has it that was stopped inside

my $locked;

sub take {
	my ($file, $type) = @_;

	unless ($locked) {
		open $locked, '+<', $file or die "can't open $file: $!\n";
	}

	my $flock = pack 's s x4 q q l x4', $type, SEEK_SET, 1024, 1, 0;

	fcntl $locked, $type == F_UNLCK ? F_SETLK : F_SETLKW, $flock
		or die "can't lock: $!\n";
}

# a whole record of a transition in many years

sub far {
	substr($_[0], 40, 8) = pack 'Q', 2 ** 60;

	my $sum = 2166136261;
	$sum = ($sum ^ $_) * 16777619 & 0xffffffff
		for unpack 'C*', substr($_[0], 40, 52);

	substr($_[0], 92, 4) = pack 'L', $sum;
	substr($_[0], 4, 4) = pack 'L', crc32(substr($_[0], 8), 4);
}

# a record of the store, by its key, while nginx is stopped, or runs

sub change_record {
	my ($name, $change, $runs) = @_;

	my @lines = grep { !/^db_pagesize=/ } split /\n/, `mdb_dump $store`;
	my ($key, $n);

	for (@lines) {
		/^ ([0-9a-f]*)$/ or next;

		if (!defined $key) {
			$key = pack 'H*', $1;
			next;
		}

		if ($key eq $name) {
			my $value = pack 'H*', $1;
			$change->($value);
			$_ = ' ' . unpack 'H*', $value;
			$n++;
		}

		undef $key;
	}

	$n or die "no record of $name\n";

	open my $fh, '>', "$store.dump" or die "can't write: $!\n";
	print $fh "$_\n" for @lines;
	close $fh;

	# it is overwritten in place: its owner stays

	unless ($runs) {
		unlink "$store/lock.mdb";
		truncate "$store/data.mdb", 0;
	}

	system("mdb_load -f $store.dump $store") == 0 or die "mdb_load failed\n";
}

###############################################################################

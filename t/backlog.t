#!/usr/bin/perl

# Tests for the backlog of an endpoint: each overflow at N and one above, over
# workers, the journal and the warehouse, reloads, starts and kills.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP qw/ decode_json /;
use Time::HiRes qw/ time /;

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Policy qw/ watch state command bodies n /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');
watch($rx);

my %endpoint = (
	dead => 'backlog 3;',
	newest => 'backlog 3 overflow=drop_newest;',
	oldest => 'backlog 3 overflow=drop_oldest;',
	keys => 'backlog 3 overflow=drop_oldest; order key $arg_n;',
	none => 'backlog 3 overflow=drop_oldest; order none;',
	reject => 'backlog 3 overflow=reject;',
	named => 'backlog 2 overflow=reject;',
	several => 'backlog 2 overflow=reject;',
	bulk => 'backlog 3 overflow=reject;',
	octets => 'backlog 4k;',
	default => '',
	many => 'backlog 50; order key $arg_n;',
	one => 'backlog 1 overflow=drop_oldest;',
	refused => 'backlog 2 overflow=drop_oldest; while_disabled drop;',
	kept => 'backlog 5;',
	killed => 'backlog 40; order key $arg_n;',
	again => 'backlog 2; permanent 500;',
	tested => 'backlog 2;',
	moved => 'backlog 2;',
	purged => 'backlog 2;',
	target => 'backlog 4;',
	aged => 'order key $arg_n;',
	crowd => 'backlog 60; order key $arg_n;',
);

sub conf {
	my ($sync, %only) = @_;

	my $workers = delete $only{workers} || 4;
	my %e = (%endpoint, %only);

	delete $e{$_} for grep { !defined $e{$_} } keys %e;

	my $endpoints = join '', map { <<"EOC" } sort keys %e;

    webhook_endpoint $_ {
        url http://127.0.0.1:%%PORT_rx%%/$_;
        allow_http on;
        payload n;
        retry 1h;
        $e{$_}
    }
EOC

	my $locations = join '', map { <<"EOC" } sort keys %e;
        location = /$_ { webhook a.$_ to=$_; return 200; }
        location = /file/$_ { webhook a.$_ to=$_; try_files /empty =404; }
EOC

	return <<"EOC";
%%TEST_GLOBALS%%

worker_processes $workers;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    log_format results '\$uri \$status [\$webhook_result]';
    access_log %%TESTDIR%%/results.log results;

    webhook_store %%TESTDIR%%/store size=16m journal=16m sync=$sync;
    webhook_zone all 512k;

    webhook_payload n text {
        template "\${arg_n|none}";
        content_type text/plain;
    }
$endpoints
    server {
        listen 127.0.0.1:%%PORT_http%%;

$locations
        location = /by-name {
            webhook a.named to=\$arg_e;
            try_files /empty =404;
        }

        location = /by-names {
            webhook a.one to=\$arg_e;
            webhook a.two to=\$arg_e;
            webhook a.three to=\$arg_e;
            try_files /empty =404;
        }

        location = /events {
            webhook a.bulk to=bulk;
            webhook_accept;
        }

        location /api { webhook_api write=on; }
    }
}
EOC
}

$t->write_file('empty', '');

$t->conf(conf('off'))->run();

###############################################################################

# each overflow, of endpoints that are disabled: what they hold counts, too

for my $e (qw/ dead newest oldest /) {
	command($e, 'disable');

	get("/$e?n=$_") for 1 .. 3;
	ok(settled($e, 3), "$e: N are kept");
	is(ended($e), 0, "$e: none of them ends");

	get("/$e?n=4");
	ok(wait_for(sub { ended($e) == 1 }, 10), "$e: the one above ends one");
	ok(settled($e, 3), "$e: N are kept after it");

	get("/$e?n=$_") for 5, 6;
	ok(wait_for(sub { ended($e) == 3 }, 10), "$e: each further one, too");
	ok(settled($e, 3), "$e: N are kept still");
	is(state($e)->{ends}{$e eq 'dead' ? 'dropped' : 'dead'}, 0,
		"$e: they end as configured");

	command($e, 'enable');
	ok(wait_for(sub { n("/$e") == 3 }, 10), "$e: they are delivered");
	is(join(' ', bodies("/$e")), $e eq 'oldest' ? '4 5 6' : '1 2 3',
		"$e: what was to be kept");
	ok(settled($e, 0), "$e: nothing is left");
	is(state($e)->{backlog}{octets}, 0, "$e: no octets are left");
	is(state($e)->{backlog}{oldest}, undef, "$e: nor an oldest one");
}

like(($t->find_in_log(qr/"dead" has a backlog/))[0],
	qr/\[error\].*"dead" has a backlog of 3 deliveries and \d+ octets, its limit is 3 deliveries: 1 of the newest is dead/,
	'an overflow is logged');
like(($t->find_in_log(qr/"oldest" has a backlog/))[0],
	qr/\d of the oldest (?:is|are) dropped/, 'so are the oldest ones');

# other orders

for my $e (qw/ keys none /) {
	command($e, 'disable');
	get("/$e?n=$_") for 1 .. 3;
	ok(settled($e, 3), "order of $e: N are kept");

	get("/$e?n=4");
	ok(wait_for(sub { state($e)->{ends}{dropped} == 1 }, 10),
		"order of $e: the one above drops one");
	ok(settled($e, 3), "order of $e: N are kept after it");
	command($e, 'enable');
	ok(wait_for(sub { n("/$e") == 3 }, 10), "order of $e: delivered");
	ok(settled($e, 0), "order of $e: nothing is left");
}

# N is 1: the first one is in flight and is not dropped

$rx->set(rules => { '/one' => { hang => 1 }, '*' => 200 });

get('/one?n=1');
ok(wait_for(sub { n('/one') == 1 }, 10), 'one is in flight');
get('/one?n=2');
ok(wait_for(sub { state('one')->{ends}{dropped} == 1 }, 10),
	'what is in flight is not dropped');
$rx->release();
ok(wait_for(sub { state('one')->{ends}{delivered} == 1 }, 10),
	'but delivered');

# disabled, and what is captured meanwhile is dropped: not what was there

command('refused', 'disable');
my $since = state('refused')->{since};
wait_for(sub { time() * 1000 > $since + 2 }, 5);
command('refused', 'enable');

$rx->set(rules => { '/refused' => 500, '*' => 200 });
get("/refused?n=$_") for 1, 2;
ok(settled('refused', 2), 'backlog of a failing endpoint');
command('refused', 'disable');
$since = state('refused')->{since};
wait_for(sub { time() * 1000 > $since + 2 }, 5);
get('/refused?n=3');
ok($t->wait_log(qr/"refused" is disabled, 1 event is dropped/, 10),
	'what is refused does not push out');
ok(settled('refused', 2), 'the backlog stays');

# reject: before the application, and with it nothing is committed

command('reject', 'disable');

is(get("/file/reject?n=$_")->status(), 200, "request $_ of N") for 1 .. 3;
ok(settled('reject', 3), 'reject: N are kept');

my $r = get('/file/reject?n=4');
is($r->status(), 503, 'reject: the request above is refused');
ok($r->header('Retry-After'), 'reject: with Retry-After');
ok($t->wait_log(qr/\[error\].*the backlog of the endpoint is full, request rejected: event "a.reject" .*, endpoint "reject"/, 10),
	'reject: logged');
ok(settled('reject', 3), 'reject: nothing of it is committed');
is(ended('reject'), 0, 'reject: nothing ends');

command('reject', 'enable');
ok(wait_for(sub { n('/reject') == 3 }, 10), 'reject: what was kept is sent');
ok(settled('reject', 0), 'reject: nothing is left');
is(get('/file/reject?n=5')->status(), 200, 'reject: there is room again');

like($t->read_file('results.log'), qr!^/file/reject 503 \[rejected\]$!m,
	'reject: the result');

# names of variables are known when the response is there

command('named', 'disable');
get('/by-name?e=named') for 1 .. 4;
ok($t->wait_log(qr/the backlog of the endpoint is full, event dropped: .*"named"/,
	10), 'a name of a variable: dropped');
ok(settled('named', 2), 'a name of a variable: N are kept');

command('several', 'disable');
get('/by-names?e=several');
ok(settled('several', 2), 'a name of a variable: also of one request');

# events that applications post are all or none

command('bulk', 'disable');

my $event = '{"type":"a.bulk","data":{}}';

is(accept_events($event, $event)->status(), 202, 'two of N are accepted');
ok(settled('bulk', 2), 'they are kept');

$r = accept_events($event, $event);
is($r->status(), 503, 'not N + 1');
like($r->body(), qr/the backlog of an endpoint is full/, 'the answer says why');
is(accept_events($event)->status(), 202, 'but N');
ok(settled('bulk', 3), 'N are kept');

# a size

command('octets', 'disable');
is_deeply(state('octets')->{backlog}{limit}, { octets => 4096 }, 'a size');
get("/octets?n=$_") for 1 .. 40;
ok(wait_for(sub { my $s = state('octets');
	$s->{ends}{dead} && $s->{backlog}{events} + $s->{ends}{dead} == 40
}, 10), 'a size: what is above is dead');
my $octets = state('octets')->{backlog}{octets};
my $events = state('octets')->{backlog}{events};
ok($octets <= 4096 && $octets + 2 * $octets / $events > 4096,
	'a size: as many as fit are kept') or diag "$events, $octets";

is_deeply(state('default')->{backlog}{limit}, { octets => int(16777216 / 10) },
	'by default a tenth of the store');
is(state('default')->{backlog}{overflow}, 'dead', 'what is above is dead');

# an endpoint that fails, over workers, and from the journal to the warehouse

$rx->set(500);

my $before = int(time() * 1000);
get("/many?n=$_") for 1 .. 100;

ok(wait_for(sub {
	my $s = state('many');
	$s->{backlog}{events} + $s->{ends}{dead} == 100;
}, 10), 'workers: all of them are there, or dead');

my $s = state('many');
my $kept = $s->{backlog}{events};
cmp_ok($kept, '>=', 50, 'workers: N are kept');
cmp_ok($kept, '<=', 54, 'workers: and hardly more');

wait_for(sub { state('many')->{backlog}{oldest} }, 5);
my $oldest = state('many')->{backlog}{oldest};
ok($oldest >= $before && $oldest <= time() * 1000,
	'the oldest one is told by its commit');

# retries are in the warehouse soon, and what was in the journal a second later

my %seen;
my $until = time() + 2;
$seen{state('many')->{backlog}{events}}++ while time() < $until;
is(join(' ', keys %seen), $kept, 'moving to the warehouse changes nothing');

# reload, stop and start, kill: the number is the same

command('kept', 'disable');
get("/kept?n=$_") for 1 .. 5;
ok(settled('kept', 5), 'N are kept');

ok($t->reload(), 'reload');
overflow('kept', 5, 1, 'reload');

$t->stop();
$t->run();
ok(settled('kept', 5), 'stop and start: as many as before');
ok(settled('many', $kept), 'stop and start: as many of others');

$t->kill_all();
$t->run();
overflow('kept', 5, 1, 'kill of all');
ok(settled('many', $kept), 'kill of all: as many of others');

# a worker is killed, with deliveries in the journal alone

command('killed', 'disable');
get("/killed?n=$_") for 1 .. 20;

my @w = $t->workers();
kill 'KILL', $w[0], $w[1];
ok($t->wait_workers(4, not => [@w[0, 1]]), 'workers were killed');
ok(settled('killed', 20), 'killed workers: the number heals');

$kept = 20;

for my $i (1 .. 3) {
	get("/killed?n=$i-$_") for 1 .. 5;
	kill 'KILL', my $pid = ($t->workers())[0];
	$t->wait_workers(4, not => [$pid]);
	$kept += 5;
	ok(settled('killed', $kept), "killed worker $i: the number heals");
}

ok(wait_for(sub { settled('killed', $kept) }, 5), 'it stays so');
get("/killed?n=$_") for 21 .. 30;
ok(wait_for(sub { my $s = state('killed');
	$s->{backlog}{events} + $s->{ends}{dead} == 45 }, 10),
	'killed workers: all of them are there, or dead');
cmp_ok(state('killed')->{backlog}{events}, '<=', 44,
	'killed workers: hardly more than N are kept');

is(scalar($t->find_in_log(qr/"killed" has a backlog of (?!4[0-4] )/)), 0,
	'killed workers: nothing is counted twice');

$t->allow_alerts(qr/worker process \d+ exited on signal 9/);

# a new worker knows what is not in its memory, and a smaller limit keeps it

$t->conf(conf('off', kept => 'backlog 2;'));
ok($t->reload(), 'reload with a smaller limit');
overflow('kept', 5, 1, 'a smaller limit');

# dead letters that are sent again count, and leave again

$rx->set(rules => { '/again' => 500, '*' => 200 });

get("/again?n=$_") for 1 .. 3;
ok(wait_for(sub { state('again')->{ends}{dead} == 3 }, 10), 'dead letters');
ok(settled('again', 0), 'a dead letter is no backlog');

command('again', 'disable');
is(operate('POST', '/api/dead/replay?endpoint=again')->{replayed}, 3,
	'dead letters are sent again');
ok(settled('again', 3), 'they count, and are not limited themselves');
cmp_ok(state('again')->{backlog}{octets}, '>', 300, 'with their octets');

overflow('again', 3, 1, 'sent again');
is(operate('DELETE', '/api/dead?endpoint=again')->{dropped}, 1,
	'a dead letter is purged');
ok(settled('again', 3), 'which is no backlog');

$t->kill_all();
$t->run();
ok(settled('again', 3), 'sent again: kill of all');

$rx->set(200);
command('again', 'enable');
ok(wait_for(sub { state('again')->{ends}{delivered} == 3 }, 10),
	'sent again: delivered');
ok(settled('again', 0), 'sent again: nothing is left');
is(state('again')->{backlog}{octets}, 0, 'sent again: no octets are left');

# tests are sent beside it

command('tested', 'disable');
get("/tested?n=$_") for 1, 2;
ok(settled('tested', 2), 'N are kept');
is(operate('POST', '/api/endpoints/tested/test')->{class}, 'success',
	'a test is sent over a full backlog');
ok(settled('tested', 2), 'a test is no backlog');

# endpoints that are removed, and added again

for my $e (qw/ moved purged /) {
	command($e, 'disable');
	get("/$e?n=$_") for 1, 2;
	ok(settled($e, 2), "$e: N are kept");
}

command('target', 'disable');
get('/target');
ok(settled('target', 1), 'backlog of another one');

$t->conf(conf('off', moved => undef, purged => undef, tested => undef));
ok($t->reload(), 'endpoints are removed');

ok(wait_for(sub {
	join(' ', sort map { "$_->{endpoint} $_->{deliveries}" }
		@{decode_json(get('/api/orphans')->body())->{orphans}})
	eq 'moved 2 purged 2 tested 2'
}, 10), 'what they had is kept');

is(operate('POST', '/api/orphans/moved/move?to=target')->{moved}, 2,
	'of one it is moved');
ok(settled('target', 3), 'moved: it counts there');
is(operate('DELETE', '/api/orphans/purged')->{dropped}, 2,
	'of one it is purged');

$t->conf(conf('off'));
ok($t->reload(), 'endpoints are there again');

overflow('tested', 2, 1, 'there again');
overflow('target', 3, 0, 'moved');

for my $e (qw/ moved purged /) {
	ok(settled($e, 0), "$e: nothing is left");
	get("/$e?n=$_") for 1, 2;
	ok(settled($e, 2), "$e: N are kept again");
	overflow($e, 2, 1, $e);
}

# the oldest one of many lanes

command('aged', 'disable');
get('/aged?n=first');
my $first = int(time() * 1000);
wait_for(sub { time() * 1000 > $first + 20 }, 5);
get("/aged?n=$_") for 1 .. 80;

ok(settled('aged', 81), 'many lanes');
ok(wait_for(sub { my $o = state('aged')->{backlog}{oldest};
	$o && $o <= $first }, 5), 'the first one is the oldest');
command('aged', 'enable');
ok(settled('aged', 0), 'many lanes: nothing is left');
ok(wait_for(sub { !state('aged')->{backlog}{oldest} }, 5), 'nor an oldest one');

# more worker processes than an endpoint has parts for

command('crowd', 'disable');
get("/crowd?n=before-$_") for 1 .. 10;
ok(settled('crowd', 10), 'backlog of a few workers');

$t->conf(conf('off', workers => 24));
ok($t->reload(), 'reload with more workers');
ok($t->wait_workers(24), '24 workers');
ok(settled('crowd', 10), 'many workers: as many as before');

get("/crowd?n=$_") for 1 .. 40;
ok(settled('crowd', 50), 'many workers: all of them count');

@w = $t->workers();
kill 'KILL', @w[0 .. 19];
ok($t->wait_workers(24, not => [@w[0 .. 19]]), 'most of them are killed');
ok(settled('crowd', 50), 'many workers: the number heals');

get("/crowd?n=more-$_") for 1 .. 20;
ok(wait_for(sub { my $s = state('crowd');
	$s->{backlog}{events} + $s->{ends}{dead} == 70 }, 10),
	'many workers: all of them are there, or dead');
$kept = state('crowd')->{backlog}{events};
cmp_ok($kept, '>=', 60, 'many workers: N are kept');
cmp_ok($kept, '<=', 64, 'many workers: and hardly more');

@w = $t->workers();
$t->conf(conf('off'));
ok($t->reload(), 'reload with fewer workers');
ok($t->wait_workers(4, not => [@w]), 'few workers again');
ok(settled('crowd', $kept), 'few workers: as many as before');

# sync=always

$t->stop();
$t->conf(conf('always', late => 'backlog 2;'));
$t->run();

ok(settled('kept', 5), 'sync=always: the number is known');
command('late', 'disable');
get("/late?n=$_") for 1, 2;
ok(settled('late', 2), 'sync=always: N are kept');
overflow('late', 2, 1, 'sync=always');

$rx->set(200);
command($_, 'enable') for qw/ late kept /;
ok(settled($_, 0), "sync=always: nothing is left of $_") for qw/ late kept /;
is(join(' ', sort(bodies('/kept'))), '1 2 3 4 5', 'what was to be kept');

# a store of before, without numbers, is counted once

command('kept', 'disable');
get("/kept?n=$_") for 1 .. 5;
ok(settled('kept', 5), 'backlog of a store');
$octets = state('kept')->{backlog}{octets};
$t->stop();

without_numbers();

$t->run();
ok(settled('kept', 5), 'a store without numbers is counted');
is(state('kept')->{backlog}{octets}, $octets, 'with all octets');

done_testing();

###############################################################################

# $n deliveries, or more of them are not captured; one more ends

sub overflow {
	my ($e, $n, $more, $name) = @_;

	ok(settled($e, $n), "$name: as many as before");

	my $ended = ended($e);

	get("/$e?n=above-$_") for 1 .. $more;
	ok(wait_for(sub { ended($e) == $ended + $more }, 10),
		"$name: one above ends");
	ok(settled($e, $n), "$name: the others stay");
}

sub settled {
	my ($e, $n) = @_;

	my $got;

	return 1 if wait_for(sub {
		$got = state($e)->{backlog}{events};
		return $got == $n;
	}, 10);

	diag "$e: $got";

	return 0;
}

sub ended {
	my ($e) = @_;
	my $ends = state($e)->{ends};
	return $ends->{dead} + $ends->{dropped};
}

# the database as it would be without the keys of numbers

sub without_numbers {
	my $dir = $t->testdir() . '/store';
	my @lines = grep { !/^db_pagesize=/ } split /\n/, `mdb_dump $dir`;
	my (@kept, $key, $n);

	for (@lines) {
		if (!/^ ([0-9a-f]*)$/) {
			push @kept, $_;

		} elsif (!defined $key) {
			$key = $_;

		} else {
			if ($key =~ /^ 6e/ || pack('H*', substr($key, 1)) eq 'mcounted') {
				$n++;

			} else {
				push @kept, $key, $_;
			}

			undef $key;
		}
	}

	cmp_ok($n, '>=', 2, 'a store has numbers');

	open my $fh, '>', "$dir.dump" or die "can't write: $!\n";
	print $fh "$_\n" for @kept;
	close $fh;

	# it is overwritten in place: its owner stays

	unlink "$dir/lock.mdb";
	truncate "$dir/data.mdb", 0;

	system("mdb_load -f $dir.dump $dir") == 0 or die "mdb_load failed\n";
}

sub accept_events {
	return post('/events', '[' . join(',', @_) . ']',
		'Content-Type' => 'application/json');
}

# a command with its answer

sub operate {
	my ($method, $uri) = @_;
	my $p = port('http');

	my $r = http("$method $uri HTTP/1.1\r\nHost: 127.0.0.1:$p\r\n"
		. "Content-Type: application/json\r\nContent-Length: 0\r\n"
		. "Connection: close\r\n\r\n");

	return decode_json($r =~ /\r\n\r\n(.*)\z/s ? $1 : '{}');
}

###############################################################################

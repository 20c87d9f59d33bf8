#!/usr/bin/perl

# Tests for reload, and for the ends by QUIT and TERM: attempts in flight,
# settings that change, endpoints that go and return, many reloads.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new()->plan(74);

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');
my $rx2 = Test::Webhook::Receiver->new($t, port => 'rx2');

# options: what is in endpoints, undef for an endpoint that is not there

sub conf {
	my (%o) = @_;

	my %endpoint = (
		strict => 'retry 200ms 200ms;',
		keyed => 'order key $arg_k; retry 200ms 200ms;',
		none => 'order none; concurrency 5;',
		moved => 'retry ' . '200ms ' x 40 . ';',
		gone => 'retry ' . '200ms ' x 40 . ';',
		brief => 'timeout 1s; retry 200ms;',
		%o);

	my @names = grep { defined $endpoint{$_} } sort keys %endpoint;

	my $endpoints = join '', map { <<"EOC" } @names;

    webhook_endpoint $_ {
        @{[ $endpoint{$_} =~ /\burl / ? ''
		: "url http://127.0.0.1:%%PORT_rx%%/$_;" ]}
        allow_http on;
        payload n;
        $endpoint{$_}
    }
EOC

	my $locations = join '', map { <<"EOC" } @names;

        location = /$_ { webhook a.$_ to=$_; return 200; }
EOC

	return <<"EOC";
%%TEST_GLOBALS%%

worker_processes 2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=32m journal=16m;

    webhook_payload n text {
        template "\${arg_n|none}";
        content_type text/plain;
    }
$endpoints
    server {
        listen 127.0.0.1:%%PORT_http%%;
$locations
    }
}
EOC
}

$t->conf(conf())->run();

###############################################################################

# attempts in flight finish, and nobody else sends meanwhile

$rx->set({ hang => 1 });

get('/strict?n=s1');
get("/keyed?k=a&n=k1");
get("/none?n=n$_") for 1 .. 5;

ok($rx->wait_requests(7, 10), 'attempts are in flight');

my $mark = $t->log_mark();
my %old = map { $_ => 1 } $t->workers();

ok($t->reload(), 'reload');

cmp_ok(scalar($t->old_workers()), '>=', 1, 'workers with attempts stay');

get("/strict?n=s$_") for 2, 3;
get("/keyed?k=a&n=k2");
get("/none?n=n$_") for 6 .. 8;

ok($rx->only_requests(7, 0.3), 'their lanes and places are not used twice');

get("/keyed?k=b&n=other");
ok($rx->wait_requests(8, 5), 'but another lane goes on');

$rx->set(200);
$rx->release(200);

ok($rx->wait_requests(14, 10), 'the others follow');

is(join(' ', grep { /s/ } $rx->bodies()), 's1 s2 s3', 'strict, in order');
is(join(' ', grep { /k/ } $rx->bodies()), 'k1 k2', 'key, in order');
is(join(' ', sort grep { /n/ } $rx->bodies()),
	'n1 n2 n3 n4 n5 n6 n7 n8', 'none, each once');

ok(wait_for(sub { !$t->old_workers() }, 10), 'old workers end');

my @ends = wait_ends(14, $mark);
is(scalar(grep { $old{(pids($_))[0]} } @ends), 7,
	'attempts have ended in the workers that began them');
is(scalar(grep { / class success / } @ends), 14, 'and none has failed');

# one that fails there is repeated by the others

$rx->forget();
$rx->set({ hang => 1 });

get('/strict?n=1');
$rx->wait_requests(1, 10);
$mark = $t->log_mark();
%old = map { $_ => 1 } $t->workers();
ok($t->reload(), 'reload');
get('/strict?n=2');

$rx->set(200);
$rx->release(500);

ok($rx->wait_requests(3, 10), 'failed attempt is repeated');
is(join(' ', $rx->bodies()), '1 1 2', 'in order');

my @ids = $rx->ids();
is($ids[0], $ids[1], 'with the same id');

my ($first, $second) = wait_ends(2, $mark);
like($first, qr/ attempt 1 class status /, 'first attempt');
like($second, qr/ attempt 2 class success /, 'second attempt');
ok($old{(pids($first))[0]}, 'first one by an old worker');
ok(!$old{(pids($second))[0]}, 'second one by a new worker');

###############################################################################

# settings of the next attempt are the new ones

$rx->forget();
$rx->set(rules => { '/moved' => 500, '*' => 200 });

get('/moved?n=1');
get('/moved?n=2');
ok($rx->wait_requests(2, 5), 'target that fails');

$mark = $t->log_mark();

$t->conf(conf(moved => <<'EOC'));
        url http://127.0.0.1:%%PORT_rx2%%/new?a=b;
        method PUT;
        header X-New new;
        bearer token2;
        retry 200ms 200ms;
EOC

ok($t->reload(), 'reload with other settings');
ok($rx2->wait_requests(2, 10), 'next attempt is made by them');

my @r = $rx2->requests();
my @before = $rx->requests();

is($r[0]{target}, '/new?a=b', 'url');
is($r[0]{header}{host}, '127.0.0.1:' . $rx2->port(), 'host and port');
is($r[0]{method}, 'PUT', 'method');
is($r[0]{header}{'x-new'}, 'new', 'header');
is($r[0]{header}{authorization}, 'Bearer token2', 'authorization');
is($r[0]{body}, '1', 'body of the event');
is($r[0]{header}{'webhook-id'}, $before[0]{header}{'webhook-id'},
	'id of the event');
is($r[1]{body}, '2', 'next event, in order');
cmp_ok(attempt($mark, qr/"moved".* class success /), '>', 1,
	'attempts are counted on');
ok(wait_for(sub { !$t->old_workers() }, 10), 'old workers end');

# an attempt in flight is finished by the old ones

$rx2->forget();
$rx2->set({ hang => 1 });

get('/moved?n=3');
$rx2->wait_requests(1, 10);
$rx->forget();
$rx->set(200);

$t->conf(conf());
ok($t->reload(), 'reload with the old settings');
get('/moved?n=4');

$rx2->set(200);
$rx2->release(500);

ok($rx->wait_requests(2, 10), 'next attempt by the new ones');
is(join(' ', $rx->bodies()), '3 4', 'in order');
is($rx->request(0)->{method}, 'POST', 'without what is not set anymore');
is($rx2->count(), 1, 'and no other by the old ones');

# the list of retries, too: what would have been repeated is dead

$rx->forget();
$rx->set({ hang => 1 });
get('/moved?n=5');
$rx->wait_requests(1, 10);
$rx->set(500);

$mark = $t->log_mark();
$t->conf(conf(moved => 'retry off;'));
ok($t->reload(), 'reload with another list of retries');
$rx->release(500);

($first, $second) = wait_ends(2, $mark);
like($first, qr/ attempt 1 class status /, 'which does not end the event');
like($second, qr/ attempt 2 class status /, 'before its next attempt');
ok($t->wait_log(qr/it is dead, endpoint: "moved".* attempt: 2/, 5, $mark),
	'but then');

$t->conf(conf());
$rx->set(200);
ok($t->reload(), 'reload');

###############################################################################

# an endpoint that is removed: its backlog is kept

$rx->forget();
$rx->set(rules => { '/gone' => 500, '*' => 200 });

get("/gone?n=$_") for 1 .. 5;
ok($rx->wait_requests(1, 5), 'backlog');

$mark = $t->log_mark();
$t->conf(conf(gone => undef));
ok($t->reload(), 'reload without the endpoint');

ok($t->wait_log(qr/\[warn\] .*endpoint "gone" is not configured any more/, 10,
	$mark), 'is warned about');
ok(wait_for(sub { !$t->old_workers() }, 10), 'old workers end');

$rx->forget();
get('/strict?n=1');
ok($rx->wait_requests(1, 5), 'others go on');
ok($rx->only_requests(1, 0.3), 'and nothing is sent for it');

# a restart does not forget it, either

ok($t->stop(), 'stop');
$mark = $t->log_mark();
$t->start_again();

ok($t->wait_log(qr/\[warn\] .*endpoint "gone" is not configured any more/, 10,
	$mark), 'is warned about after a restart');

$rx->forget();
$rx->set(200);

$t->conf(conf());
ok($t->reload(), 'reload with the endpoint');
ok($rx->wait_requests(5, 10), 'backlog resumes');
get('/gone?n=6');
$rx->wait_requests(6, 10);
is(join(' ', $rx->bodies()), '1 2 3 4 5 6', 'in order');

###############################################################################

# QUIT: attempts in flight finish, the rest is for the next start

$rx->forget();
$rx->set({ hang => 1 });

get("/strict?n=s$_") for 1 .. 3;
get("/none?n=n$_") for 1 .. 7;
$rx->wait_requests(6, 10);

my $master = $t->master_pid();
$mark = $t->log_mark();
$t->signal('QUIT');
$t->wait_log(qr/gracefully shutting down/, 10, $mark);

ok($rx->only_requests(6, 0.2), 'nothing is begun after QUIT');
ok($t->running(), 'attempts in flight are waited for');

$rx->release(200);
ok($t->wait_gone($master), 'then nginx has quit');
is(scalar(grep { / class success / } ends($mark)), 6,
	'and has got their outcomes');

$rx->set(200);
$t->start_again();
ok($rx->wait_requests(10, 10), 'the rest is delivered after the start');
is(join(' ', sort $rx->bodies()), 'n1 n2 n3 n4 n5 n6 n7 s1 s2 s3',
	'and none twice');

# with a target that hangs, to the end of their time

$rx->forget();
$rx->set({ hang => 1 });
get("/brief?n=$_") for 1 .. 2;
$rx->wait_requests(1, 10);

$mark = $t->log_mark();
ok($t->stop(), 'QUIT with a target that hangs');
ok($t->find_in_log(qr/attempt failed: timeout, .*"brief"/, $mark),
	'attempt has timed out');

$mark = $t->log_mark();
$rx->set(200);
$t->start_again();
ok($rx->wait_requests(3, 10), 'repeated after the start');
is(join(' ', $rx->bodies()), '1 1 2', 'in order');
is(attempt($mark, qr/"brief".* class success /), 2,
	'as the second attempt');

# TERM: attempts in flight are aborted

$rx->forget();
$rx->set({ hang => 1 });
get("/strict?n=$_") for 1 .. 3;
$rx->wait_requests(1, 10);

ok($t->term(), 'TERM with a target that hangs');

$rx->set(200);
$t->start_again();
ok($rx->wait_requests(4, 10), 'sent again after the start');
is(join(' ', $rx->bodies()), '1 1 2 3', 'in order');

###############################################################################

# many reloads

$rx->forget();
$rx->set({ delay => 0.005 });
$mark = $t->log_mark();
my $n = 0;

for my $i (1 .. 20) {
	$t->signal('HUP');

	for (1 .. 5) {
		$n++;
		get('/' . (qw/ strict keyed none /)[$n % 3] . "?n=$n&k="
			. $n % 4)->{status} == 200 or diag("event $n");
	}

	wait_for(sub { $t->find_in_log(qr/reconfiguring/, $mark) >= $i }, 10);
}

$rx->wait_requests($n, 20);

is($n, 100, 'events under 20 reloads');
is(join(' ', sort { $a <=> $b } $rx->bodies()), join(' ', 1 .. 100),
	'each is received, and once');
is(join(' ', map { $_->{body} } grep { $_->{target} eq '/strict' }
	$rx->requests()), join(' ', grep { $_ % 3 == 0 } 1 .. 100),
	'strict, in order');

my %keyed;
push @{$keyed{$_->{body} % 4}}, $_->{body}
	for grep { $_->{target} eq '/keyed' } $rx->requests();

is(scalar(grep { "@$_" ne join(' ', sort { $a <=> $b } @$_) } values %keyed),
	0, 'key, in order');
ok(wait_for(sub { !$t->old_workers() && $t->workers() == 2 }, 10),
	'no old worker is left');
is($t->find_in_log(qr/attempt failed/, $mark), 0, 'no attempt has failed');

###############################################################################

# lines of ends of attempts, and of them the first once there are so many

sub ends {
	my ($from) = @_;

	return $t->find_in_log(qr/webhook attempt end: /, $from);
}

sub wait_ends {
	my ($count, $from) = @_;

	my @lines;

	wait_for(sub { @lines = ends($from); @lines >= $count }, 10);

	return map { $_ // '' } @lines[0 .. $count - 1];
}

sub pids {
	return map { / (\d+)#\d+: / ? $1 : 0 } @_;
}

# the number of the first attempt that has ended so

sub attempt {
	my ($from, $re) = @_;

	my $line = $t->wait_log(qr/webhook attempt end: .*$re/, 10, $from)
		|| '';

	return $line =~ / attempt (\d+) / ? $1 : 0;
}

###############################################################################

#!/usr/bin/perl

# What a reload means for what is queued already: changed settings, endpoints
# that are renamed, another store, other sizes, zones, numbers of workers; and
# that a test of the configuration, or a broken one, changes nothing.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Digest::SHA;

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t2 = Test::Webhook->new();
my $t = Test::Webhook->new(log_level => 'info');

eval { require IO::Socket::SSL; 1 }
	or plan(skip_all => 'no IO::Socket::SSL');

my $cert = $t->cert('rx', san => ['DNS:one.example', 'DNS:two.example']);

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');
my $tls = Test::Webhook::Receiver->new($t, port => 'tls',
	tls => { cert => $cert->{chain}, key => $cert->{key} });

$t->plan(67);

my $retry = 'retry ' . '200ms ' x 50 . ';';

# options: store, zone, workers, payload, trigger (parameters), and what is in
# endpoints, undef for one that is not there

sub conf {
	my (%o) = @_;

	my %g = (store => '%%TESTDIR%%/store size=16m journal=4m', workers => 2,
		zone => '', payload => 'template "${arg_n|none}";',
		trigger => '', dir => '', max => '');

	exists $o{$_} and $g{$_} = delete $o{$_} for keys %g;

	my %endpoint = (strict => $retry, keyed => "order key \$arg_k; $retry",
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

        location = /$_ { webhook a.$_ to=$_ $g{trigger}; return 200; }
EOC

	return <<"EOC";
%%TEST_GLOBALS%%

worker_processes $g{workers};

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store $g{store};
    $g{zone}
    $g{max}

    webhook_payload n text {
        $g{payload}
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

# timeout

$rx->set({ hang => 1 });
get('/strict?n=1');
$rx->wait_requests(1, 10);

my $mark = reload(strict => "timeout 1s; $retry");
$rx->release(500);
ok($rx->wait_requests(2, 10), 'next attempt');
ok($t->wait_log(qr/failed: timeout, .*"strict"/, 5, $mark),
	'timeout of the next attempt is the new one');

$rx->set(200);
$rx->release(200);
$rx->wait_requests(3, 10);
drained($mark);

# names of TLS

$rx->forget();
$rx->set(500);
get('/strict?n=1');
$rx->wait_requests(1, 10);

my $https = "url https://127.0.0.1:%%PORT_tls%%/;"
	. " ssl_trusted_certificate $cert->{ca};";

$mark = reload(strict => "$https ssl_name other.example; $retry");
ok($t->wait_log(qr/failed: tls, .*"strict"/, 10, $mark),
	'another name of a certificate');

reload(strict => "$https ssl_name two.example; $retry");
ok($tls->wait_requests(1, 10), 'and the right one');
is($tls->request(0)->{tls}{sni}, 'two.example', 'SNI is the new name');
drained($mark);

# order: nothing is lost

reload();
backlog(strict => 1 .. 6);
$mark = reload(strict => "order none; concurrency 4; $retry");
ok(sent(1 .. 6), 'order none for a strict backlog');
drained($mark);

backlog(strict => 1 .. 6);
$mark = reload();
ok(sent(1 .. 6), 'order strict for a backlog without');
drained($mark);

# concurrency

my $none = "order none; timeout 30s; $retry";

reload(keyed => "$none concurrency 2;");
$rx->forget();
$rx->set({ hang => 1 });
get("/keyed?n=$_") for 1 .. 4;
$rx->wait_requests(2, 10);
ok($rx->only_requests(2, 0.2), 'concurrency');

reload(keyed => "$none concurrency 5;");
get("/keyed?n=$_") for 5 .. 9;
ok($rx->wait_requests(5, 10), 'more concurrency');
ok($rx->only_requests(5, 0.2), 'old attempts count');

$mark = $t->log_mark();
$rx->set(200);
$rx->release(200);
$rx->wait_requests(9, 10);
drained($mark);
is(sorted(), '1 2 3 4 5 6 7 8 9', 'each is sent once');

###############################################################################

# an endpoint with another name

reload();
backlog(strict => 1 .. 5);
$mark = reload(strict => undef, renamed => $retry);

like($t->wait_log(qr/is not configured any more/, 10, $mark),
	qr/\[warn\] .*"strict" .* 5 deliveries of it are kept until it is/,
	'the old name is warned about, with the number of its deliveries');

$rx->set(200);
$rx->forget();
get('/renamed?n=6');
ok($rx->wait_requests(1, 5), 'new name');
ok($rx->only_requests(1, 0.3), 'nothing of the old one is sent');
is($rx->request(0)->{target}, '/renamed', 'to the new one');

$mark = reload(renamed => undef);
ok($rx->wait_requests(6, 10), 'backlog of the old name, when it returns');
get('/strict?n=7');
$rx->wait_requests(7, 10);
is(join(' ', $rx->bodies()), '6 1 2 3 4 5 7', 'in order');
drained($mark);

# swapped names: identity is the name

backlog(strict => 1 .. 3);
$rx->set(rules => { '/keyed' => 200, '*' => 500 });
$mark = reload(strict => "url http://127.0.0.1:%%PORT_rx%%/keyed; $retry",
	keyed => "url http://127.0.0.1:%%PORT_rx%%/strict; $retry");
succeeded($mark, 3);
is(join(' ', map { $_->{body} } grep { $_->{target} eq '/keyed' }
	$rx->requests()), '1 2 3', 'a backlog goes with the name');

###############################################################################

# payload and trigger: what was captured stays as it was

reload();
my $id = backlog(strict => 1 .. 2);
$mark = reload(payload => 'template "new ${arg_n|none}";',
	trigger => 'status=404');
ok(sent(1, 2), 'backlog with another payload and trigger');
is(join(' ', uniq()), '1 2', 'as it was captured');
is($rx->request(0)->{header}{'webhook-id'}, $id, 'id, too');

get('/strict?n=3');
reload(payload => 'template "new ${arg_n|none}";');
get('/strict?n=4');
ok(wait_for(sub { join(' ', uniq()) eq '1 2 new 4' }, 10),
	'new events are by the new ones');
drained($mark);

###############################################################################

# another directory, and back

reload();
backlog(strict => 1 .. 4);
$mark = reload(store => '%%TESTDIR%%/other size=16m journal=4m');
my ($dir, $other) = map { $t->testdir() . "/$_" } qw/ store other /;

like($t->wait_log(qr/webhook_store is/, 5, $mark),
	qr/\[warn\] .*"\Q$other\E" now, .* in "\Q$dir\E" are kept until/,
	'another store is warned about');

ok(wait_for(sub { !$t->old_workers() }, 10), 'old workers end');
$rx->set(200);
$rx->forget();
get('/strict?n=new');
ok($rx->wait_requests(1, 5), 'new store works');
ok($rx->only_requests(1, 0.3), 'nothing is sent of the old one');

# the old one is free for another nginx, the new one is not

$t2->conf(conf(store => "$dir size=16m journal=4m", workers => 1,
	strict => "url http://127.0.0.1:" . $rx->port() . "/second; $retry",
	keyed => undef));
$t2->run();
ok($rx->wait_requests(5, 10), 'another nginx delivers what is left in it');
is(join(' ', $rx->bodies()), 'new 1 2 3 4', 'in order');
$t2->stop();

# back, with a backlog in both

backlog(strict => 'other1', 'other2');
reload();
get('/strict?n=5');
ok($rx->wait_requests(2, 5), 'reload with the first store');

$mark = reload(store => '%%TESTDIR%%/other size=16m journal=4m');
get('/strict?n=other3');
$rx->forget();
$rx->set({ hang => 1 });
$rx->wait_requests(1, 10);
$rx->forget();
$rx->set(200);
$rx->release(500);
$rx->wait_requests(3, 10);
is(join(' ', $rx->bodies()), 'other1 other2 other3',
	'the other one delivers the rest');

reload();
$rx->wait_requests(4, 10);
is($rx->request(3)->{body}, '5', 'and so does the first one');

# an attempt under way is finished by those who began it

$rx->forget();
$rx->set({ hang => 1 });
get('/strict?n=old');
$rx->wait_requests(1, 10);
$mark = reload(store => '%%TESTDIR%%/other size=16m journal=4m');
$rx->set(200);
$rx->release(200);
ok($t->wait_log(qr/attempt end: .*"strict" .* class success/, 5, $mark),
	'attempt of an old worker ends');
wait_for(sub { !$t->old_workers() }, 10);
reload();
ok($rx->only_requests(1, 0.3), 'and is known to have ended');

###############################################################################

# other sizes

reload();
backlog(strict => 1 .. 3);
$mark = reload(store => '%%TESTDIR%%/store size=64m journal=8m');
ok($t->wait_log(qr/\[warn\] .*the journal keeps its size/, 5, $mark),
	'another size of the journal is for the next start');
reload(store => '%%TESTDIR%%/store size=32m journal=16m');
get('/strict?n=4');
ok(sent(1 .. 4), 'other sizes with a backlog');
is(join(' ', uniq()), '1 2 3 4', 'in order');

reload(max => 'webhook_max_event_size 256k;',
	store => '%%TESTDIR%%/store size=64m journal=16m');
$rx->forget();
get('/strict?n=1');
ok($rx->wait_requests(1, 10), 'another size of events');

$mark = $t->log_mark();
reload();
is($t->find_in_log(qr/keeps its size/, $mark), 1, 'is that of the journal');
$mark = $t->log_mark();
reload();
is($t->find_in_log(qr/keeps its size|webhook_store is/, $mark), 0,
	'nothing is said when nothing changes');

# zones

my $p = "order none; concurrency 3; $retry";

for my $zone ('webhook_zone webhook 2m;', 'webhook_zone other 2m;',
	'webhook_zone other 32k; webhook_zone more 1m;')
{
	reload();
	backlog(keyed => 1 .. 5);
	reload(zone => $zone, keyed => $p);
	get('/keyed?n=6');
	ok(sent(1 .. 6), "$zone with a backlog");
}

# sync

reload();
backlog(strict => 1 .. 3);
$mark = reload(store => '%%TESTDIR%%/store size=16m journal=4m sync=always');
get('/strict?n=4');
ok(sent(1 .. 4), 'sync=always with a backlog');
is(join(' ', uniq()), '1 2 3 4', 'in order');

backlog(strict => 1 .. 3);
$mark = reload();
get('/strict?n=4');
ok(sent(1 .. 4), 'and without again');
is(join(' ', uniq()), '1 2 3 4', 'in order');

###############################################################################

# numbers of workers

reload();
backlog(keyed => map { ("1.$_&k=$_", "2.$_&k=$_") } 1 .. 30);

my $n = 2;

for my $workers (4, 1, 3, 2) {
	reload(workers => $workers);
	$n++;
	get("/keyed?n=$n.$_&k=$_") for 1 .. 30;
}

$mark = $t->log_mark();
$rx->forget();
$rx->set(200);
ok($rx->wait_requests(180, 30), 'backlog with 4, 1, 3 and 2 workers');
my @got = $rx->bodies();
is(scalar(uniq()), 180, 'each is sent');

my %by;

for (@got) {
	my ($v, $k) = split /\./;
	push @{$by{$k}}, $v unless @{$by{$k} || []} && $by{$k}[-1] == $v;
}

is(join(' ', grep { join(' ', @{$by{$_}}) ne '1 2 3 4 5 6' } keys %by), '',
	'in order of their keys');
is(scalar($t->find_in_log(qr/out of order|not in the journal/)), 0,
	'nothing is lost');

###############################################################################

# a target that hangs, more than one reload

drained($mark);
$rx->forget();
$rx->set({ hang => 1 });
get("/strict?n=$_") for 1 .. 3;
$rx->wait_requests(1, 10);
reload() for 1 .. 3;
ok($rx->only_requests(1, 0.3), 'one attempt of a lane under three reloads');
$rx->set(200);
$rx->release(200);
ok($rx->wait_requests(3, 10), 'the others follow');
is(join(' ', $rx->bodies()), '1 2 3', 'in order');
ok(wait_for(sub { !$t->old_workers() }, 10), 'no old worker is left');

# a configuration that is broken

backlog(strict => 1 .. 2);

my @workers = sort $t->workers();

for my $broken (conf() =~ s/webhook_payload n text/webhook_payload n txt/r,
	conf(strict => 'url ftp://127.0.0.1/;'),
	conf(store => '%%TESTDIR%%/third size=16m journal=4m')
	=~ s/(listen .*)/$1 listen 192.0.2.1:%%PORT_http%%;/r)
{
	$t->conf($broken);
	ok($t->reload_expect_fail(), 'a broken configuration');
	is(join(' ', sort $t->workers()), "@workers", 'leaves workers alone');
}

get('/strict?n=3');
$rx->set(200);
$t->conf(conf());
ok(wait_for(sub { join(' ', uniq()) eq '1 2 3' }, 10), 'and the backlog');

# a directory that a broken configuration has named is not held by it

$t2->conf(conf(store => $t->testdir() . '/third size=16m journal=4m'));
ok(eval { $t2->run() }, 'and takes no store');
$t2->stop();

###############################################################################

# nginx -t

$t->conf(conf(strict => undef, store => '%%TESTDIR%%/store size=64m'));
quiet();
my $before = state(1);
my ($rc) = $t->test_conf();
is($rc, 0, 'nginx -t beside nginx');
is(state(1), $before, 'has changed nothing in the store');

$t->conf(conf(store => '%%TESTDIR%%/fourth size=16m'));
$t->test_conf();
ok(!-e $t->testdir() . '/fourth', 'makes no directory');

$t->conf(conf());
$rx->set(500);
get('/strict?n=1');
$rx->wait_requests(4, 10);
$t->stop();

$before = state();
$t->test_conf();
$t->conf(conf(strict => undef));
$t->test_conf();
is(state(), $before, 'nginx -t without nginx has changed nothing');

$rx->forget();
$rx->set(200);
$t->conf(conf());
$t->start_again();
ok($rx->wait_requests(1, 10), 'what was left is sent');

###############################################################################

# the mark of the log before

sub reload {
	my $from = $t->log_mark();

	$t->conf(conf(@_));
	$t->reload() or fail('reload');

	return $from;
}

# events for a target that fails, the database has them

sub backlog {
	my ($name, @n) = @_;

	$rx->set(500);
	$rx->forget();
	my $from = $t->log_mark();
	get("/$name?n=$_")->{status} == 200 or diag("$name $_") for @n;
	$rx->wait_requests(1, 10);
	wait_for(sub { $t->find_in_log(qr/attempt end: .* class status/,
		$from) }, 10);
	my $id = ($rx->ids())[0];
	$rx->forget();

	return $id;
}

sub uniq {
	my %seen;

	return grep { !$seen{$_}++ } $rx->bodies();
}

# the target succeeds from now on: these, and nothing else, are received

sub sent {
	my @all = @_;
	my $from = $t->log_mark();

	$rx->set(200);
	succeeded($from, scalar @all);

	return join(' ', sort(uniq())) eq join(' ', sort @all);
}

sub succeeded {
	my ($from, $n) = @_;

	return wait_for(sub {
		$t->find_in_log(qr/attempt end: .* class success/, $from) >= $n
	}, 10);
}

sub sorted { return join ' ', sort { $a cmp $b } $rx->bodies() }

# whatever has begun since has ended

sub drained {
	my ($from) = @_;

	wait_for(sub {
		my $n = () = $t->find_in_log(qr/webhook attempt begin/, $from);
		my $m = () = $t->find_in_log(qr/webhook attempt end/, $from);
		$n <= $m;
	}, 10);
}

# no octet of the database has changed for some time

sub quiet {
	my ($last, $same) = ('', 0);

	wait_for(sub {
		my $now = state(1);
		$same = $now eq $last ? $same + 1 : 0;
		$last = $now;
		select undef, undef, undef, 0.1;
		$same >= 20;
	}, 20, 'a quiet store');
}

# workers leave signs of life in the journal

sub state {
	my ($running) = @_;

	my $store = $t->testdir() . '/store';

	return join "\n", map {
		my @s = stat $_;
		-f _ && !($running && /journal$/) ? "$_ $s[7] $s[9] $s[2] $s[1] "
			. Digest::SHA->new(1)->addfile($_)->hexdigest()
			: "$_ $s[2]"
	} sort $store, glob("$store/*");
}

###############################################################################

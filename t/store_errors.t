#!/usr/bin/perl

# Tests for stores that are unusable, damaged, full, or somebody else's.

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

my $t = Test::Webhook->new()->plan(27);

$t->allow_alerts(qr/is not a directory/, qr/mkdir\(\)/, qr/another version/,
	qr/out of reach/);

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

my $conf = <<'EOC';
%%TEST_GLOBALS%%

worker_processes 2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/STORE size=16m journal=4m PARAM;

    log_format result '$request_uri $status $webhook_result';

    webhook_payload n text {
        PAD
        content_type text/plain;
    }

    webhook_endpoint one {
        url http://127.0.0.1:%%PORT_rx%%/one;
        allow_http on;
        payload n;
        timeout 1s;
        backlog 64m;
        retry 100ms 100ms 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;
        access_log %%TESTDIR%%/result.log result;

        location / { webhook a.b to=one; empty_gif; }
    }
}
EOC

###############################################################################

# a directory that cannot be written, or is none

$t->write_file('file', '');
like(fails(STORE => 'file'), qr/"[^"]+file" is not a directory/,
	'a file instead of a directory is named');
like(fails(STORE => 'no/such/store'), qr/mkdir\(\) "[^"]+" failed \(2: /,
	'a directory that cannot be made is named');

SKIP: {
	skip 'must be root', 3 if $>;

	my $locked = $t->testdir() . '/locked';
	mkdir $locked or die "mkdir() failed: $!\n";
	chmod 0700, $locked or die "chmod() failed: $!\n";

	like(fails(STORE => 'locked/store'),
		qr/locked\/store" is out of reach of .* \(13: /,
		'a directory that workers cannot get at is named');
	is_deeply([ glob("$locked/store/*") ], [], 'and nothing is made in it');

	chmod 0711, $locked or die "chmod() failed: $!\n";

	run(STORE => 'locked/store');
	get('/?n=0');
	ok($rx->wait_requests(1, 5), 'and delivers when they are let through');
	$t->stop();
	$rx->forget();
}

# another version

run(STORE => 'store');
get('/?n=1');
$rx->wait_requests(1, 5);
$t->stop();

my $journal = $t->testdir() . '/store/journal';
poke($journal, 8, pack('V', 99));

like(fails(STORE => 'store'), qr/"[^"]+journal" is of another version/,
	'a journal of a newer version is refused');

poke($journal, 8, pack('V', 1));

# damage: set aside, counted, and served on

poke($journal, 0, 'garbage!');
$rx->forget();
run(STORE => 'store');
get('/?n=2');
ok($rx->wait_requests(1, 5), 'serves on with a damaged journal set aside');
ok($t->find_in_log(qr/journal" is damaged, it was set aside/), 'and says so');
$t->stop();
is(scalar(() = glob($t->testdir() . '/store/journal.damaged.*')), 1,
	'damaged journal is kept');

my $mdb = $t->testdir() . '/store/data.mdb';
poke($mdb, 0, "\xff" x 8192);
$rx->forget();
run(STORE => 'store');
get('/?n=3');
ok($rx->wait_requests(1, 5), 'serves on with a damaged database set aside');
ok($t->find_in_log(qr/the database is damaged, it was set aside/),
	'and says so');
$t->stop();

truncate($mdb, 8192);
$rx->stop();
$rx->forget();
run(STORE => 'store');
get('/?n=4');
select undef, undef, undef, 1.8;
$t->stop();
truncate($mdb, 12288);
$rx->start();
run(STORE => 'store');
get('/?n=5');
ok($rx->wait_requests(1, 5), 'serves on with a truncated database');
$t->stop();

# a second nginx

run(STORE => 'store');
my $t2 = Test::Webhook->new();
$t2->allow_alerts(qr/used by another nginx/);
my $second = $conf;
my $dir = $t->testdir();
$second =~ s!%%TESTDIR%%/STORE!$dir/store!;
$second =~ s!PARAM!!g;
$second =~ s!PAD!template "";!g;
$t2->conf($second);
like($t2->run_expect_fail(), qr/store" is used by another nginx/,
	'a second nginx is refused');
$rx->forget();
$t->get('/?n=6');
ok($rx->wait_requests(1, 5), 'the first one is not disturbed');

# nginx -t changes nothing

my ($rc, $out) = $t->test_conf();
is($rc, 0, 'nginx -t beside a running nginx');
$t->stop();

my @before = map { (stat)[9] } glob("$dir/store/*");
$t->test_conf();
is_deeply([map { (stat)[9] } glob("$dir/store/*")], \@before,
	'nginx -t does not touch the store');

# full

$t->write_file('pad', '${arg_n|none}' . 'x' x 30000);
my $pad = "file $dir/pad;";

$rx->stop();
$t->write_file('result.log', '');
run(STORE => 'full', PAD => $pad);
$t->get("/?n=$_") for 1 .. 1000;
ok($t->wait_log(qr/store is full/, 10), 'a full store is logged');
my $log = $t->read_file('result.log');
like($log, qr/200 dropped/, 'events are dropped');
is(scalar(grep { !/ 200 / } split /\n/, $log), 0, 'clients are served');
my $kept = () = $log =~ /200 committed/g;
cmp_ok($kept, '>', 200, 'what fits is kept');
$rx->forget();
$rx->start();
ok($rx->wait_requests($kept, 60), 'and delivered later');
$t->stop();

$rx->stop();
$t->write_file('result.log', '');
run(STORE => 'full2', PAD => $pad, PARAM => 'full=reject');
my @got = map { $t->get("/?n=$_") } 1 .. 1000;
my ($rejected) = grep { $_->{status} == 503 } @got;
ok($rejected, 'full=reject answers 503');
ok($rejected && $rejected->header('Retry-After'), 'with Retry-After');
like($t->read_file('result.log'), qr/503 rejected/, 'result is rejected');
unlike($t->read_file('result.log'), qr/dropped/, 'nothing is dropped');
$rx->forget();
$rx->start();

###############################################################################

sub configure {
	my (%v) = @_;
	my $c = $conf;
	my %all = (STORE => 'store', PARAM => '', PAD => 'template "${arg_n|none}";',
		%v);
	$c =~ s/$_/$all{$_}/g for keys %all;
	return $t->conf($c);
}

sub run {
	configure(@_);
	return $t->run();
}

sub fails {
	configure(@_);
	return $t->run_expect_fail();
}

sub poke {
	my ($file, $offset, $bytes) = @_;
	open(my $fh, '+<', $file) or die "$file: $!\n";
	seek($fh, $offset, 0);
	print $fh $bytes;
	close($fh);
}

###############################################################################

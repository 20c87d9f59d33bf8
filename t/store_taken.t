#!/usr/bin/perl

# Lanes that a worker takes: what the database holds of them comes first, and
# what is captured while it is read is not forgotten.

###############################################################################

use warnings;
use strict;

use Test::More;

use Fcntl qw/ :DEFAULT :seek /;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

use constant F_OFD_SETLK => 37;
use constant LOCK_WAREHOUSE => 1024;

my $keys = 40;
my $lanes = 1200;

my $t = Test::Webhook->new(log_level => 'notice')->plan(12);

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

sub conf {
	my ($gone) = @_;

	$gone = $gone ? <<'EOC' : '';
    webhook_endpoint gone {
        url http://127.0.0.1:%%PORT_rx%%/gone;
        allow_http on;
        payload n;
        order key $arg_k;
        retry 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s;
    }
EOC

	return <<"EOC";
%%TEST_GLOBALS%%

worker_processes 2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    access_log off;

    webhook_store %%TESTDIR%%/store size=256m journal=64m;

    webhook_payload n text {
        template "\${arg_k|none}.\${arg_n|none}";
        content_type text/plain;
    }

    webhook_payload large text {
        file %%TESTDIR%%/large;
        content_type text/plain;
    }

    webhook_endpoint held {
        url http://127.0.0.1:%%PORT_none%%/held;
        allow_http on;
        payload large;
        order key \$arg_k;
        retry 1h;
        backlog 100m;
    }

    webhook_endpoint keyed {
        url http://127.0.0.1:%%PORT_rx%%/keyed;
        allow_http on;
        payload n;
        order key \$arg_k;
    }
$gone
    server {
        listen 127.0.0.1:%%PORT_http%% reuseport;

        location = /held { webhook a.b to=held; return 200; }
        location = /keyed { webhook a.b to=keyed; return 200; }
@{[ $gone && 'location = /gone { webhook a.b to=gone; return 200; }' ]}
    }
}
EOC
}

$t->write_file('large', 'x' x 30000);
$t->conf(conf(1))->run();

###############################################################################

# an endpoint returns while the database cannot be read

$rx->set(rules => { '/keyed' => 200, '*' => 500 });

for my $n (1, 2) {
	get("/gone?k=$_&n=$n") for 1 .. $keys;
}

ok($rx->wait_requests($keys, 10), 'backlog of an endpoint');

my $mark = $t->log_mark();
$t->conf(conf(0));
ok($t->reload(), 'reload without it');
like($t->wait_log(qr/"gone" is not configured any more/, 10, $mark),
	qr/ more, @{[ 2 * $keys ]} deliveries of it are kept/,
	'its deliveries are kept');
ok(wait_for(sub { !$t->old_workers() }, 10), 'old workers end');

$rx->forget();
$rx->set(200);

my $lock = lock_warehouse();

$t->conf(conf(1));
ok($t->reload(), 'reload with it');

get("/gone?k=$_&n=3") for 1 .. $keys;

ok($rx->only_requests(0, 0.3), 'nothing is sent before what is kept is known');

close($lock);

ok($rx->wait_requests(3 * $keys, 10), 'all of it is sent');

is(disorder(), '', 'in order');

is($t->find_in_log(qr/"gone" is not configured any more/, $mark), 1,
	'one warning');

###############################################################################

# a start with many lanes: they are taken up a part at a time

get("/held?k=$_&n=1") for 1 .. $lanes;

ok(wait_for(sub { $t->find_in_log(qr/failed: .*"held"/, $mark) >= $lanes },
	20), 'many lanes');

my $late = 0;

for (1 .. 6) {
	$t->stop();
	$rx->forget();
	$t->start_again();

	get("/keyed?k=$_&n=1") for 1 .. 400;

	$late++ unless $rx->wait_requests(400, 3);
}

is($late, 0, 'events meanwhile are sent at once');

$t->stop();
is($t->find_in_log(qr/not in the journal/), 0, 'none is lost');

###############################################################################

# keys whose events have not come in order

sub disorder {
	my %by;

	for ($rx->bodies()) {
		my ($k, $n) = split /\./;
		push @{$by{$k}}, $n;
	}

	return join ' ', map { "$_:" . join(',', @{$by{$_}}) }
		grep { join(' ', @{$by{$_}}) ne '1 2 3' }
		sort { $a <=> $b } keys %by;
}

# as long as the handle is open no worker is let in

sub lock_warehouse {
	open(my $fh, '+<', $t->testdir() . '/store/lock') or die "lock: $!\n";

	my $flock = pack('s s x![q] q q i x![q]', F_WRLCK, SEEK_SET,
		LOCK_WAREHOUSE, 1, 0);

	wait_for(sub { fcntl($fh, F_OFD_SETLK, $flock) }, 10)
		or die "lock: $!\n";

	return $fh;
}

###############################################################################

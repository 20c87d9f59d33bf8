#!/usr/bin/perl

# A worker that stops at the worst moments: the other one serves and commits
# on, and takes its lanes over.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use File::Temp qw/ tempdir /;

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

# the test build, with stop points

my $module = $ENV{TEST_WEBHOOK_STOP_MODULE}
	|| "$FindBin::Bin/../objs-stop/ngx_http_webhook_module.so";

plan(skip_all => 'no test build, see "make stop-module"') unless -f $module;

$ENV{TEST_WEBHOOK_MODULE} = $module;

my $dir = tempdir(CLEANUP => 1);
chmod(0777, $dir);

my $t = Test::Webhook->new(env => { WEBHOOK_STOP_DIR => $dir })->plan(21);

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

my $conf = <<'EOC';
%%TEST_GLOBALS%%

worker_processes 2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

    webhook_payload n text {
        template "${arg_n|none} PAD";
        content_type text/plain;
    }

    webhook_endpoint one {
        url http://127.0.0.1:%%PORT_rx%%/one;
        allow_http on;
        payload n;
        timeout 500ms;
        retry 100ms 100ms 100ms 100ms 100ms 100ms 100ms 100ms 1s 1s 1s 1s;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location / { webhook a.b to=one; return 200; }
        location /off { return 200; }
    }
}
EOC

# so that the events below take more than a segment of 256k

$conf =~ s/PAD/'x' x 1000/e;

$t->conf($conf)->run();

###############################################################################

my $n = 0;

for my $point (qw/ append publish ack commit /) {

	# what is needed to get there: a dead target for the warehouse

	$rx->stop() if $point eq 'commit';
	$rx->forget();

	my $first = $n + 1;
	my %answered;

	open(my $fh, '>', "$dir/stop.$point") or die;
	close($fh);
	chmod(0666, "$dir/stop.$point");

	# requests go on until somebody has stopped

	my $stopped;

	wait_for(sub {
		$answered{++$n} = 1 if send_one($n + 1);
		($stopped) = grep { state($_) eq 'T' } $t->workers();
		return $stopped;
	}, 20, "a worker to stop in $point");

	ok($stopped, "$point - a worker has stopped");

	# more than a journal segment's worth

	my $served = 0;

	for (1 .. 600) {
		if (send_one($n + 1)) {
			$answered{++$n} = 1;
			$served++;

		} else {
			$n++;
		}
	}

	cmp_ok($served, '>=', 300, "$point - the other one serves on");

	if ($point eq 'commit') {
		ok($t->wait_log(qr/worker process $stopped has stopped inside/,
			20), "$point - an alert names the process");

		kill 'CONT', $stopped;
		$rx->start();
	}

	my $expected = join(' ', sort { $a <=> $b } keys %answered);

	ok(wait_for(sub { join(' ', grep { $answered{$_} }
		uniq(sort { $a <=> $b } numbers())) eq $expected }, 40,
		'deliveries'), "$point - all that was answered is delivered");

	is(join(' ', grep { $answered{$_} } uniq(numbers())), $expected,
		"$point - in order");

	kill 'CONT', $stopped;

	ok(wait_for(sub { send_one(++$n) }, 10, 'goes on'),
		"$point - the resumed one goes on");
}

$t->allow_alerts(qr/has stopped inside the database/);

###############################################################################

# one request on its own connection, given up when it is not answered soon

sub send_one {
	my ($i) = @_;
	my $r = get("/?n=$i", -timeout => 0.2);
	return $r->{complete} && $r->{status} == 200;
}

sub numbers {
	return map { (split / /)[0] } $rx->bodies();
}

sub state {
	my ($pid) = @_;
	open(my $fh, '<', "/proc/$pid/stat") or return '';
	return (split / /, readline($fh))[2];
}

sub uniq {
	my %seen;
	return grep { !$seen{$_}++ } @_;
}

###############################################################################

#!/usr/bin/perl

# Tests with a worker that is stopped (SIGSTOP) at any moment: the other one
# serves and commits on, takes its lanes over, and nothing is lost, out of
# order, or acknowledged by the stopped one when it goes on.
# WEBHOOK_CRASH=long stops twenty times.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Time::HiRes qw/ sleep /;

use Test::Webhook;
use Test::Webhook::App;
use Test::Webhook::Load qw/ mark arrivals lanes /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $long = ($ENV{WEBHOOK_CRASH} || '') eq 'long';
my $stops = $long ? 20 : 3;
my $seed = $ENV{WEBHOOK_SEED} || int(rand(1e6));

srand($seed);
note("WEBHOOK_SEED=$seed");

# nobody can be in the database while somebody stopped there holds it

my $t = Test::Webhook->new(timeout => 60)
	->allow_alerts(qr/has stopped inside the database/)
	->plan(2 * $stops + 7);

my $app = Test::Webhook::App->new($t);
my $rx = Test::Webhook::Receiver->new($t);
my $hang = Test::Webhook::Receiver->new($t, port => 'hang',
	script => [{ hang => 1 }]);

my $load = Test::Webhook::Load->new($t, h2 => ['h2'], rate => 180,
	connections => 16, pad => 1000, timeout => 3);

my $retry = join ' ', ('200ms') x 64;

$t->conf(<<'EOC' . $load->http_conf() . <<EOC2 . $load->locations() . '}}');
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
    webhook_store %%TESTDIR%%/store size=64m journal=8m;

    webhook_endpoint good {
        url http://127.0.0.1:%%PORT_rx%%/good;
        allow_http on;
        order key \$http_x_key;
        payload load;
        timeout 1s;
        retry $retry;
    }

    webhook_endpoint strict {
        url http://127.0.0.1:%%PORT_rx%%/strict;
        allow_http on;
        payload load;
        timeout 1s;
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

    webhook load.all to=good,strict status=any;
    webhook load.few to=hang status=any if=\$few;

    server {
        listen 127.0.0.1:%%PORT_http%%;
        listen 127.0.0.1:%%PORT_h2%% http2;
EOC2

$t->run();
$load->start();

Test::Webhook::wait_for(sub { $load->count() > 50 }, 30, 'load');

###############################################################################

for my $i (1 .. $stops) {

	sleep(rand(1));

	# mostly one that has something to lose

	my @w = $t->workers();
	my @open = map { scalar under_way($_) } @w;
	my $victim = $w[rand() < 0.8 ? ($open[0] < $open[1] ? 1 : 0)
		: rand @w];

	mark($t, 'stop', $victim);
	kill 'STOP', $victim;

	Test::Webhook::wait_for(sub {
		(Test::Webhook::stat_of($victim))[0] eq 'T'
	}, 10, 'worker to stop');

	my $log = $t->log_mark();
	my $count = $load->count();
	my %lanes = under_way($victim);

	# each response is two or three records of a kilobyte

	ok(Test::Webhook::wait_for(sub { $load->count() > $count + 300 }, 60),
		"stop $i: more than a segment of events is served");

	# everything it had under way is done again by the other one

	my $stuck;

	my $taken = Test::Webhook::wait_for(sub {
		for ($t->find_in_log(qr/webhook attempt begin: slot/, $log)) {
			/ (\d+)#.* lane "([^"]*)" key "([^"]*)"/ or next;
			delete $lanes{"$2 $3"} if $1 != $victim;
		}

		return 1 if !keys %lanes;

		return $stuck = () = $t->find_in_log(
			qr/worker process $victim has stopped inside/, $log);
	}, 60);

	ok($taken, "stop $i: lanes are taken over")
		or diag('not taken: ' . join ', ', sort keys %lanes);
	note("worker $victim had stopped inside the database") if $stuck;

	# at once, or when it is late for everything

	sleep(rand(1));

	mark($t, 'cont', $victim);
	kill 'CONT', $victim;
}

sleep(rand(1));
$load->stop();

###############################################################################

my (@good, @strict, @hang, %good, %strict, %hang);
my ($pos, $pos_hang) = ({}, {});
my @results = $load->results();

$hang->update();
$pos_hang->{pos} = @{$hang->{parsed}};
$hang->set({ status => 200 });
$hang->close_connections();

Test::Webhook::wait_for(sub {
	for (arrivals($rx, $pos)) {
		my ($n, $path) = @$_;

		push @{$path eq '/good' ? \@good : \@strict}, $n;
		($path eq '/good' ? \%good : \%strict)->{$n} = 1;
	}

	for (arrivals($hang, $pos_hang)) {
		push @hang, $_->[0];
		$hang{$_->[0]} = 1;
	}

	return !grep { $_->{complete} && (!$good{$_->{n}} || !$strict{$_->{n}}
		|| few($_) && !$hang{$_->{n}}) } @results;
}, $long ? 300 : 90, 'all events to arrive');

note(@results . ' requests, ' . (grep { $_->{complete} } @results)
	. ' complete');

none('nothing lost', numbers($load->missing(\%good)));
none('nothing lost in strict order', numbers($load->missing(\%strict)));
none('nothing lost of a backlog', numbers($load->missing(\%hang, \&few)));

none('order by key', $load->disorder(\@good, 1));
none('strict order', $load->disorder(\@strict, 0));
none('order of a backlog', $load->disorder(\@hang, 1));

my $lanes = lanes($t, qw/ good strict hang /);

note("$lanes->{attempts} attempts, $lanes->{takeovers} takeovers");
none('one owner per lane', @{$lanes->{bad}});

###############################################################################

sub numbers { map { "$_->{n} $_->{key} $_->{form}" } @_ }

sub none {
	my ($what, @bad) = @_;

	is(scalar @bad, 0, $what)
		or diag(map { "  $_\n" } splice @bad, 0, 20);
}

sub few { $_[0]{n} =~ /[258]$/ }

# lanes of a process with attempts under way, as a hash

sub under_way {
	my ($pid) = @_;

	my (%open, %key, %lane);

	for ($t->find_in_log(qr/ $pid#.*webhook attempt (?:begin|end): slot/)) {
		if (/begin: .* lane "([^"]*)" key "([^"]*)" seq (\S+)/) {
			$open{"$1 $3"} = "$1 $2";
		} elsif (/end: .* lane "([^"]*)" seq (\S+)/) {
			delete $open{"$1 $2"};
		}
	}

	$lane{$_} = 1 for values %open;

	return wantarray ? %lane : scalar keys %lane;
}

###############################################################################

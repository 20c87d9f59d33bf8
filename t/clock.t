#!/usr/bin/perl

# Tests for a clock that is set back: what waits does so for as long as it is
# to from then on, not for as long as the clock was ahead.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";


use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Policy qw/ watch state command n gate /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $ahead = 86400;

my $t = Test::Webhook->new();

my $lib = clock($t->testdir());
plan(skip_all => 'no compiler for a clock that can be set') unless $lib;

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');
watch($rx);

$t->{env} = { LD_PRELOAD => $lib };

my %endpoint = (
	quota => 'quota 1/20s;',
	kept => 'quota 1/20s;',
	ban => 'disable 1/1h for=4s; retry 10ms 10ms 10ms;',
	probe => 'disable 1/1h; probe 4s; retry 10ms 10ms 10ms;',
	long => 'disable 1/1h for=1h; retry 10ms 10ms 10ms;',
	drop => 'quota 1/1h; while_disabled drop;',
	retry => 'retry 4s;',
	none => 'order none; retry 4s;',
	rate => 'rate 1r/s;',
	gate => '',
);

my $endpoints = join '', map { <<"EOC" } sort keys %endpoint;

    webhook_endpoint $_ {
        url http://127.0.0.1:%%PORT_rx%%/$_;
        allow_http on;
        $endpoint{$_}
    }
EOC

my $locations = join '', map { <<"EOC" } sort keys %endpoint;
        location = /$_ { webhook a.$_ to=$_; return 200; }
EOC

$t->conf(<<"EOC");
%%TEST_GLOBALS%%

worker_processes 1;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;
    webhook_zone webhook 1m;
$endpoints
    server {
        listen 127.0.0.1:%%PORT_http%%;

$locations
        location /api { webhook_api write=on; }
    }
}
EOC

$rx->set(rules => {
	'/ban' => [500, 500, 200],
	'/probe' => [500, 500, 200],
	'/long' => [500, 500, 200],
	'/retry' => [500, 200],
	'/none' => [500, 500, 200],
	'*' => 200
});

set_clock($ahead);
$t->run();

###############################################################################

get("/$_") for qw/ quota quota ban probe long drop drop none none retry rate
	rate /;

for (qw/ ban probe long /) {
	ok($t->wait_log(qr/"$_" is disabled/, 20), "$_: disabled");
}

for (qw/ quota drop /) {
	ok($t->wait_log(qr/"$_" is paused/, 20), "$_: paused");
}

ok(command('drop', 'disable'), 'drop: disabled');

ok(wait_for(sub { n('/retry') == 1 && n('/none') == 2 && n('/rate') == 2 },
	20), 'retries wait');
is(n('/quota'), 1, 'one in its window');

cmp_ok(abs(state('ban')->{since} / 1000 - time() - $ahead), '<', 60,
	'the clock is ahead');

set_clock(0);
gate();

# the times of the future are a day ahead; these are awaited for less

ok(wait_for(sub { n('/quota') == 2 }, 20), 'a pause ends');
ok($t->wait_log(qr/"ban" is enabled/, 20), 'a ban ends');
ok(wait_for(sub { n('/ban') == 3 }, 20), 'and what was held is sent');
ok($t->wait_log(qr/"probe" is enabled: a probe/, 20), 'a probe is sent');
ok(wait_for(sub { n('/retry') == 2 }, 20), 'a retry is sent');
ok(wait_for(sub { n('/none') == 4 }, 20), 'and without an order');

get('/rate');
ok(wait_for(sub { n('/rate') == 3 }, 20), 'a rate goes on');

my $s = state('long');
is("$s->{state} $s->{reason}", 'disabled window', 'a long ban goes on');
cmp_ok(abs($s->{since} / 1000 - time()), '<', 60, 'since now');
is($s->{until} - $s->{since}, 3600000, 'for as long');

# what was captured before it was disabled is later by its time

get('/drop');
ok(wait_for(sub { state('drop')->{ends}{dropped} == 1 }, 20),
	'what is captured while disabled is dropped');
command('drop', 'enable');
ok(wait_for(sub { n('/drop') == 2 }, 20), 'what was there before is sent');
is(state('drop')->{ends}{dropped}, 1, 'all of it');

# set back while it does not run

$t->stop();
set_clock($ahead);
$t->run();

get('/kept') for 1, 2;
ok($t->wait_log(qr/"kept" is paused/, 20), 'paused');
ok(wait_for(sub { state('kept')->{stored} }, 20), 'which is stored');

$t->stop();
set_clock(0);
$t->run();

ok(wait_for(sub { n('/kept') == 2 }, 20), 'a pause of the future ends');

done_testing();

###############################################################################
# s that the clock is ahead

sub set_clock {
	my ($s) = @_;

	my $path = $t->testdir() . '/clock';

	open my $fh, '>', "$path.new" or die "can't write $path: $!\n";
	print $fh $s;
	close $fh;

	rename "$path.new", $path or die "can't rename $path: $!\n";
}

# a library that says so to nginx, or undef

sub clock {
	my ($dir) = @_;

	return undef unless $^O eq 'linux';

	open my $fh, '>', "$dir/clock.c" or die "can't write: $!\n";
	print $fh <<"EOC";
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long
ahead(void)
{
    int   fd;
    char  s[32] = { 0 };

    fd = open("$dir/clock", O_RDONLY | O_CLOEXEC);

    if (fd == -1) {
        return 0;
    }

    if (read(fd, s, sizeof(s) - 1) < 0) {
        s[0] = 0;
    }

    close(fd);

    return atol(s);
}

int
gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    struct timespec  ts;

    (void) tz;
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &ts);

    tv->tv_sec = ts.tv_sec + ahead();
    tv->tv_usec = ts.tv_nsec / 1000;

    return 0;
}

int
clock_gettime(clockid_t id, struct timespec *ts)
{
    int  rc;

    rc = (int) syscall(SYS_clock_gettime, id, ts);

    if (rc == 0 && id == CLOCK_REALTIME) {
        ts->tv_sec += ahead();
    }

    return rc;
}
EOC
	close $fh;

	my $cc = $ENV{CC} || 'cc';

	system("$cc -shared -fPIC -O1 -o '$dir/clock.so' '$dir/clock.c' "
		. ">'$dir/clock.out' 2>&1") == 0 or return undef;

	return "$dir/clock.so";
}

###############################################################################

#!/usr/bin/perl

# Tests for sync=always with a disk that does not come to an end of a flush:
# events that go on late take no more time the more of them there are.

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

my $dir = tempdir(CLEANUP => 1);
chmod(0777, $dir);

system("cc -shared -fPIC -o $dir/slow.so $FindBin::Bin/tools/slow_flush.c -ldl")
	== 0 or die "can't compile slow_flush.c\n";

slow(0);

my $t = Test::Webhook->new(env => {
	LD_PRELOAD => join(' ', split(/[ :]/, $ENV{TEST_NGINX_PRELOAD} || ''),
		"$dir/slow.so"),
	SLOW_FLUSH => "$dir/slow"
})->plan(4);

$t->allow_alerts(qr/worker process \d+ exited on signal 9/);

# the first one fails, the others wait behind it

my $rx = Test::Webhook::Receiver->new($t, port => 'rx', rules => {
	'*' => [503, 200],
});

$t->conf(<<'EOC')->run();
%%TEST_GLOBALS%%

worker_processes 1;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    access_log off;
    keepalive_requests 100000;

    webhook_store %%TESTDIR%%/store size=64m journal=64m sync=always
                  commit_timeout=1ms;

    webhook_endpoint one {
        url http://127.0.0.1:%%PORT_rx%%/;
        allow_http on;
        retry 1h;
        backlog 1000000;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location / { webhook a.b to=one; return 204; }
        location /metrics { webhook_metrics; }
    }
}
EOC

###############################################################################

my ($pid) = $t->workers();

get('/');
ok($rx->wait_requests(1, 10), 'an event before them');

slow(600000);

my @cost = map { cost() } 1 .. 4;

my ($late) = get('/metrics')->{body} =~ /result="late"\} (\d+)/;
cmp_ok($late, '>=', 20000, 'events go on late, all behind one flush');

# sixteen times as much, when each of them looks at all before it

cmp_ok($cost[3], '<', 4 * $cost[0], 'they take no longer than the first ones')
	or diag("cpu of each 5000, in jiffies: @cost");

slow(0);

kill 'KILL', $pid;
ok($t->wait_workers(1, not => [$pid]), 'the flush is not waited for');

###############################################################################

# of the event loop, for 5000 requests, in jiffies

sub cost {
	my $before = cpu();
	my @s = map { $t->connect_port() } 1 .. 50;

	print $_ "GET / HTTP/1.1\r\nHost: a\r\n\r\n" x 99
		. "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" for @s;

	for my $s (@s) {
		my $n = () = join('', <$s>) =~ /204 No Content/g;
		die "no answers\n" if $n != 100;
	}

	return cpu() - $before;
}

sub cpu {
	open(my $fh, '<', "/proc/$pid/task/$pid/stat") or die;
	my @f = split / /, (split /\) /, <$fh>, 2)[1];
	return $f[11] + $f[12];
}

sub slow {
	my ($ms) = @_;
	open(my $fh, '>', "$dir/slow.new") or die;
	print $fh "$ms\n";
	close($fh);
	rename("$dir/slow.new", "$dir/slow") or die;
}

###############################################################################

#!/usr/bin/perl

# Tests for sync=always while a flush hangs for long: events go on late, and
# what a worker remembers of them for the flush does not grow with their number.

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

open(my $fh, '>', "$dir/slow.log") or die;
close($fh);
chmod(0666, "$dir/slow.log");

my $t = Test::Webhook->new(env => {
	LD_PRELOAD => join(' ', split(/[ :]/, $ENV{TEST_NGINX_PRELOAD} || ''),
		"$dir/slow.so"),
	SLOW_FLUSH => "$dir/slow"
});

plan(skip_all => 'memory is not that of the module with a sanitizer')
	if $ENV{TEST_NGINX_PRELOAD};

$t->plan(8);

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

# "none" is full: what is captured for it ends at once

$t->conf(<<'EOC')->run();
%%TEST_GLOBALS%%

worker_processes 1;

events {
    worker_connections 1024;
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=32m journal=16m sync=always
                  commit_timeout=1ms;

    webhook_payload n text {
        template "${arg_n|none}";
        content_type text/plain;
    }

    webhook_endpoint none {
        url http://127.0.0.1:%%PORT_rx%%/none;
        allow_http on;
        payload n;
        backlog 1 overflow=drop_newest;
        retry 1h;
    }

    webhook_endpoint one {
        url http://127.0.0.1:%%PORT_rx%%/one;
        allow_http on;
        payload n;
    }

    access_log off;
    keepalive_requests 100000;

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location /none { webhook a.b to=none; return 204; }
        location /one { webhook a.b to=one; return 204; }
    }
}
EOC

###############################################################################

my $n = 4000;
my $conns = 20;

$rx->stop();

get('/none?n=0');
ok(burst($n), 'responses without a flush that hangs');

slow(-2);

# the next one hangs, others gather behind it

is(get('/none?n=1')->{status}, 204, 'a response goes on');

wait_for(sub { -e "$dir/slow.hang" }, 10, 'a flush that hangs');
my $calm = flushes();

ok(burst($n), 'more go on while the flush hangs');

my $first = memory();

ok(burst($n) && burst($n) && burst($n) && burst($n) && burst($n) && burst($n),
	'many more');

my $grown = memory() - $first;

is(flushes(), $calm, 'all while a flush was under way');

cmp_ok($grown, '<', 1500, 'memory does not grow with them');
diag("grown by $grown kB") if $ENV{TEST_VERBOSE};

# nothing was lost for it

get('/one?n=last');
$rx->start();
ok(wait_for(sub { grep { $_->{body} eq 'last' } $rx->requests() }, 20),
	'an event of that time is delivered');

slow(0);
ok(wait_for(sub { flushes() > $calm }, 20), 'and flushed at last');

###############################################################################

# "n" requests over a few connections, with many in a row; true: all answered

sub burst {
	my ($n) = @_;

	my $each = $n / $conns;
	my @s = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1:' . port('http'))
		or die "can't connect: $!\n" } 1 .. $conns;

	$_->print("GET /none HTTP/1.1\r\nHost: a\r\n\r\n" x ($each - 1),
		"GET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n") for @s;

	my $answers = 0;

	for my $s (@s) {
		local $/;
		$answers += () = (readline($s) || '') =~ m!HTTP/1.1 204!g;
	}

	return $answers == $n;
}

# private memory of the worker, in kB

sub memory {
	my ($pid) = $t->workers();
	my ($kb) = (Test::Webhook::slurp("/proc/$pid/status") || '')
		=~ /^VmData:\s+(\d+) kB/m;
	return $kb;
}

sub slow {
	my ($ms) = @_;
	open(my $fh, '>', "$dir/slow.new") or die;
	print $fh "$ms\n";
	close($fh);
	rename("$dir/slow.new", "$dir/slow") or die;
}

sub flushes {
	return -s "$dir/slow.log" || 0;
}

###############################################################################

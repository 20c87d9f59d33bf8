#!/usr/bin/perl

# Tests for answers that are there before the request is sent: a receiver that
# is overloaded says so to whoever connects, and nothing else is believed.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use File::Temp qw/ tempdir /;
use IO::Socket::INET;
use POSIX ();

use Test::Webhook qw/ :DEFAULT wait_for /;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $dir = tempdir(CLEANUP => 1);
chmod(0777, $dir);

system("cc -shared -fPIC -o $dir/early.so $FindBin::Bin/tools/early.c -ldl")
	== 0 or die "can't compile early.c\n";

my $server = IO::Socket::INET->new(Listen => 512, LocalAddr => '127.0.0.1')
	or die "no socket: $!\n";
my $port = $server->sockport();

my $t = Test::Webhook->new(env => {
	LD_PRELOAD => join(' ', split(/[ :]/, $ENV{TEST_NGINX_PRELOAD} || ''),
		"$dir/early.so"),
	EARLY_PORT => $port
})->plan(10);

$t->add_child(my $pid = fork() // die "fork: $!\n");
serve() unless $pid;
close $server;

my %lines = (
	plain => '',
	success => 'success 503;',
	permanent => 'permanent 503;',
);

my $endpoints = join '', map { <<"EOC" } sort keys %lines;
    webhook_endpoint $_ {
        url http://127.0.0.1:$port/;
        allow_http on;
        retry 10s;
        order none;
        $lines{$_}
    }

EOC

$t->conf(<<"EOC")->run();
%%TEST_GLOBALS%%

worker_processes 1;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

$endpoints
    server {
        listen 127.0.0.1:%%PORT_http%%;

        location / { webhook a.b to=\$to; return 200; }
    }

    map \$uri \$to { ~^/(?<name>.*) \$name; }
}
EOC

###############################################################################

my $ok = "Content-Length: 2\r\n\r\nok";

is(early('plain', "503 Busy\r\nRetry-After: 100\r\n$ok"),
	'throttled 503 100', '503 with Retry-After');
is(early('plain', "503 Busy\r\nRetry-After: 50\r\n\r\n"),
	'throttled 503 50', 'without a length');
is(early('plain', "429 Slow Down\r\n$ok"), 'throttled 429 10', 'too many requests');
is(early('plain', "503 Busy\r\n$ok"), 'status 503 10', '503 alone');

is(early('plain', "200 OK\r\n$ok"), 'broken 0 10', 'no success');
is(early('plain', "410 Gone\r\n$ok"), 'broken 0 10', 'nor a word on the event');
is(early('plain', "103 Early\r\n\r\nHTTP/1.1 200 OK\r\n$ok"), 'broken 0 10',
	'nor one behind an interim answer');
is(early('plain', "503 Busy\r\nRetry-After: 7200\r\n"), 'broken 0 10',
	'a head that is not complete');
is(early('success', "503 Busy\r\n$ok"), 'broken 0 10',
	'a status that is a success');
is(early('permanent', "503 Busy\r\n$ok"), 'broken 0 10',
	'and one that is final');

kill 'KILL', $pid;
waitpid $pid, 0;

###############################################################################

# class, status, and the next attempt in seconds

sub early {
	my ($name, $answer) = @_;

	open(my $fh, '>', "$dir/answer.new") or die;
	print $fh "HTTP/1.1 $answer";
	close($fh);
	rename("$dir/answer.new", "$dir/answer") or die;

	my $mark = $t->log_mark();

	get("/$name");

	my $re = qr/attempt failed: (\w+), status (\d+), next in (\d+) ms/;
	$t->wait_log($re, 10, $mark) or return 'none';

	my ($class, $status, $ms) = substr($t->read_file('error.log'), $mark)
		=~ $re;

	$t->find_in_log(qr/sent an answer before the request/, $mark)
		or return 'not early';

	return "$class $status " . POSIX::ceil($ms / 1000);
}

# the answer of the moment, to each connection at once

sub serve {
	my @s;

	while (my $s = $server->accept()) {
		open(my $fh, '<', "$dir/answer") or next;
		local $/;
		syswrite $s, readline($fh);
		shutdown $s, 1;
		push @s, $s;
	}

	POSIX::_exit(0);
}

###############################################################################

#!/usr/bin/perl

# Tests for answers that are sent before there is a request: with TLS that is
# whatever somebody in between says in the clear.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Socket::INET;
use POSIX ();

use Test::Webhook qw/ :DEFAULT wait_for /;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();

my $ssl = (Test::Webhook::command($t->binary(), '-V'))[1]
	=~ /--with-http_ssl_module/;

$t->plan(4);

my $asked = $t->testdir() . '/asked';
my $server = IO::Socket::INET->new(Listen => 512, LocalAddr => '127.0.0.1')
	or die "no socket: $!\n";
my $port = $server->sockport();
my $scheme = $ssl ? 'https' : 'http';

$t->add_child(my $pid = fork() // die "fork: $!\n");
serve() unless $pid;
close $server;

$t->conf(<<"EOC")->run();
%%TEST_GLOBALS%%

worker_processes 1;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

    webhook_endpoint clear {
        url http://127.0.0.1:$port/;
        allow_http on;
        retry off;
        order none;
        concurrency 100;
    }

    webhook_endpoint tls {
        url $scheme://127.0.0.1:$port/;
        allow_http on;
        retry off;
        order none;
        concurrency 100;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location / { webhook a.b to=\$to; return 200; }
        location /api { webhook_api write=on; }
    }

    map \$uri \$to { ~^/(?<name>.*) \$name; }
}
EOC

###############################################################################

# many at once: of some the answer is there when the connection is

burst('clear');

my $delivered = $t->find_in_log(qr/attempt end: .*"clear".* class success /);

SKIP: {
skip 'no answer was early enough', 1
	unless $t->find_in_log(qr/sent an answer before the request.*"clear"/);

ok($t->find_in_log(qr/attempt end: .*"clear".* class broken status 0 /),
	'an answer before the request is none');

}

ok(wait_for(sub { -s $asked >= $delivered }, 5),
	'what was delivered was sent');

SKIP: {
skip 'no --with-http_ssl_module', 2 unless $ssl;

burst('tls');

is($t->find_in_log(qr/attempt end: .*"tls".* class success /), 0,
	'nothing in the clear is an answer to TLS');
is($t->find_in_log(qr/attempt end: .*"tls".* class (?!tls|connect)/), 0,
	'but a failure of it');

}

kill 'KILL', $pid;
waitpid $pid, 0;

###############################################################################

sub burst {
	my ($name) = @_;

	my @json = ('Content-Type' => 'application/json');

	$t->post("/api/endpoints/$name/pause", '', @json);
	get("/$name") for 1 .. 100;
	$t->post("/api/endpoints/$name/resume", '', @json);

	wait_for(sub { $t->find_in_log(qr/attempt end: .*"$name"/) >= 100 },
		20, "attempts of $name");
}

# answers whom it has accepted, and then looks who has asked

sub serve {
	local $SIG{CHLD} = 'IGNORE';

	open my $fh, '>>', $asked or exit(1);
	$fh->autoflush(1);

	while (my $s = $server->accept()) {
		syswrite $s, "HTTP/1.1 200 OK\x0d\x0aConnection: close\x0d\x0a"
			. "Content-Length: 2\x0d\x0a\x0d\x0aok";

		next if fork();

		my $buf = '';

		while (sysread $s, $buf, 4096, length $buf) {
			next unless $buf =~ /\x0d\x0a\x0d\x0a/;

			print $fh '.';
			last;
		}

		POSIX::_exit(0);
	}

	POSIX::_exit(0);
}

###############################################################################

#!/usr/bin/perl

# Tests for a name of several addresses that is resolved at start: none of them
# is given up for what has happened to another attempt.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use File::Temp;

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

# the name is one of a file of hosts, which is mounted for this process only

if (!$ENV{TEST_WEBHOOK_HOSTS}) {
	plan(skip_all => 'no mount namespaces')
		if system('unshare -m mount --bind /etc/hosts /etc/hosts'
			. ' 2>/dev/null') != 0;

	my $hosts = File::Temp->new();
	print $hosts "127.0.0.1 localhost two.test\n127.0.0.2 two.test\n";
	close $hosts;

	$ENV{TEST_WEBHOOK_HOSTS} = $hosts->filename();

	exit(system('unshare', '-m', 'sh', '-c',
		'mount --bind "$TEST_WEBHOOK_HOSTS" /etc/hosts && exec "$@"',
		'sh', $^X, $0) >> 8);
}

my $t = Test::Webhook->new()->plan(4);

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

$t->conf(<<'EOC')->run();
%%TEST_GLOBALS%%

worker_processes 1;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

    webhook_endpoint two {
        url http://two.test:%%PORT_rx%%/;
        allow_http on;
        timeout 2s;
        retry off;
        order none;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location / { webhook a.b to=two; return 200; }
    }
}
EOC

###############################################################################

# at one address nobody listens, and at the other one one webhook is too much

$rx->set({ close => 'before' });

like(attempt(), qr/ class broken status 0\b/, 'an attempt that fails');
attempt();

$rx->set(200);

like(attempt(), qr/ class success /, 'which another one does not know of');
like(attempt(), qr/ class success /, 'nor the next one');
is($t->find_in_log(qr/no live upstreams/), 0, 'some address is always tried');

###############################################################################

sub attempt {
	my $mark = $t->log_mark();

	get('/');

	return $t->wait_log(qr/webhook attempt end: /, 10, $mark) || '';
}

###############################################################################

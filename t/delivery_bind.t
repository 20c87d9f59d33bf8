#!/usr/bin/perl

# Tests for "bind": the address that connections to receivers come from.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Socket::IP;

use Test::Webhook qw/ :DEFAULT wait_for /;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $six = IO::Socket::IP->new(LocalHost => '::1', Listen => 1) ? 1 : 0;

my $t = Test::Webhook->new(log_level => 'info');

my %endpoints = (
	none => 'url http://127.0.0.1:%%PORT_rx%%/;',
	five => 'url http://127.0.0.1:%%PORT_rx%%/; bind 127.0.0.5;',
	again => 'url http://127.0.0.1:%%PORT_rx%%/; bind 127.0.0.5;',
	six => 'url http://127.0.0.1:%%PORT_rx%%/; bind 127.0.0.6;',
	other => 'url http://127.0.0.1:%%PORT_rx%%/; bind ::1;',
	ipv6 => 'url http://[::1]:%%PORT_rx%%/; bind ::1;',
	both => 'url http://both/; bind 127.0.0.5;',
	absent => 'url http://127.0.0.1:%%PORT_rx%%/; bind 192.0.2.7; retry 100ms 100ms;',
);

my $endpoints = join '', map {
	"    webhook_endpoint $_ { allow_http on; $endpoints{$_}"
	. ($endpoints{$_} =~ /retry/ ? '' : ' retry off;') . " }\n"
} sort keys %endpoints;

my $locations = join '', map {
	"        location = /$_ { webhook a.b to=$_; return 200; }\n"
} sort keys %endpoints;

my $listen = $six ? 'listen [::1]:%%PORT_rx%%;' : '';

$t->conf(<<"EOC")->run();
%%TEST_GLOBALS%%

worker_processes 1;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

$endpoints
    upstream both {
        server [::1]:%%PORT_rx%%;
        server 127.0.0.1:%%PORT_rx%%;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;

$locations
    }

    log_format rx "\$remote_addr \$connection \$http_webhook_event";

    server {
        listen 127.0.0.1:%%PORT_rx%%;
        $listen
        access_log %%TESTDIR%%/rx.log rx;

        location / { return 204; }
    }
}
EOC

###############################################################################

my $n = 0;
my @first = sent('five');

is($first[0], '127.0.0.5', 'connections come from that address');
is(join(' ', sent('five')), "@first", 'and are kept');
is(join(' ', sent('again')), "@first", 'for others with the same one');

my @none = sent('none');

is($none[0], '127.0.0.1', 'but not for those without one');
isnt($none[1], $first[1], 'which have a connection of their own');

my @six = sent('six');

is($six[0], '127.0.0.6', 'nor for those with another');
is(join(' ', sent('none')), "@none", 'each is kept');
is(join(' ', sent('six')), "@six", 'for its own address');
is(join(' ', sent('five')), "@first", 'and is used again');

SKIP: {
skip 'no IPv6', 1 unless $six;

is((sent('ipv6'))[0], '::1', 'IPv6');

}

# an address of the other family

my $mark = $t->log_mark();
get('/other');
ok($t->wait_log(qr/attempt end: .*"other".* class connect status 0 failure 1 /,
	10, $mark), 'an address of the other family is not connected to');
ok($t->find_in_log(qr/127\.0\.0\.1:\d+ is not of the family of "bind"/, $mark),
	'which is logged');

is((sent('both'))[0], '127.0.0.5', 'others are, if there are any')
	for 1 .. 3;

# an address that is not here: a failure, not a loop without end

$mark = $t->log_mark();
get('/absent');
ok($t->wait_log(qr/attempt failed: connect, status 0, it is dead, .*"absent".* attempt: 3/,
	10, $mark), 'an address that is not here is a failure');
is(scalar($t->find_in_log(qr/bind\(192\.0\.2\.7\) failed/, $mark)), 3,
	'of each attempt');

$t->stop();
$t->done_testing();

###############################################################################

# address and number of the connection of one more delivery

sub sent {
	my ($name) = @_;

	my @lines;

	get("/$name");
	$n++;

	wait_for(sub {
		@lines = -e $t->testdir() . '/rx.log'
			? split /\n/, $t->read_file('rx.log') : ();
		@lines >= $n;
	}, 10);

	wait_for(sub {
		$t->find_in_log(qr/attempt end: .* class success /) >= $n;
	}, 10);

	return (split / /, $lines[$n - 1] || '')[0, 1];
}

###############################################################################

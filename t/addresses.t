#!/usr/bin/perl

# Tests for "addresses": where deliveries may go, whatever a URL or a name
# server says; and for TLS of hosts that come from variables.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::DNS;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

plan(skip_all => 'no dnsmasq') unless Test::Webhook::DNS->found();

my $t = Test::Webhook->new(log_level => 'info');

my $cert = $t->cert('hook', san => ['DNS:tls.example', 'IP:127.0.0.1']);

# the same port at several addresses

my @rx = map {
	Test::Webhook::Receiver->new($t, port => 'rx', host => "127.0.0.$_")
} 1 .. 2;

my $rx6 = eval { Test::Webhook::Receiver->new($t, port => 'rx',
	host => '::1') };

# endpoints, and lines of them

my %endpoints = (
	default => 'url http://$arg_v/; retry off;',
	again => 'url http://$arg_v/; retry 100ms 100ms;',
	public => 'url http://$arg_v/; addresses public; bind ::1; retry off;',
	public6 => 'url http://$arg_v/; addresses public; bind 127.0.0.1; retry off;',
	any => 'url http://$arg_v/; addresses any; retry off;',
	one => 'url http://$arg_v/; addresses 127.0.0.2; retry off;',
	several => 'url http://$arg_v/; addresses public 10.0.0.0/8 127.0.0.0/31; retry off;',
	six => 'url http://$arg_v/; addresses ::1; retry off;',
	whole => 'url $arg_v; retry off;',
	literal => 'url http://127.0.0.1:%%PORT_rx%%/; retry off;',
	blocked => 'url http://literal/; addresses public; retry off;',
	listed => 'url http://127.0.0.1:%%PORT_rx%%/; addresses 127.0.0.1; retry off;',
	values => 'url http://127.0.0.1:%%PORT_rx%%/$arg_v; retry off;',
	named => 'url http://name.example:%%PORT_rx%%/; addresses 127.0.0.2; retry off;',
	start => 'url http://start/; addresses public; retry off;',
	mixed => 'url http://mixed/; addresses 127.0.0.2; retry off;',
	sock => 'url http://sock/; addresses public; retry off;',
	anysock => 'url http://sock/; addresses any; retry off;',
	secure => 'url https://$arg_v/; addresses 127.0.0.0/8; retry off; ssl_trusted_certificate '
		. "$cert->{ca};",
	unverified => 'url https://$arg_v/; addresses 127.0.0.0/8; retry off; ssl_verify off;',
	either => 'url $arg_v; addresses 127.0.0.0/8; retry off; ssl_trusted_certificate '
		. "$cert->{ca};",
	upstream => 'url http://$arg_v/; addresses any; retry off;',
);

my $endpoints = join '', map {
	"    webhook_endpoint $_ { allow_http on; timeout 3s; $endpoints{$_} }\n"
} sort keys %endpoints;

my $locations = join '', map {
	"        location = /$_ { webhook a.b to=$_; return 200; }\n"
} sort keys %endpoints;

my $conf = <<"EOC";
%%TEST_GLOBALS%%

worker_processes 1;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

    resolver 127.0.0.1:%%PORT_dns%%;
    resolver_timeout 2s;

$endpoints
    upstream start { server localhost:%%PORT_rx%%; }

    upstream literal { server 127.0.0.1:%%PORT_rx%%; }

    upstream mixed {
        server 127.0.0.1:%%PORT_rx%%;
        server 127.0.0.2:%%PORT_rx%%;
    }

    upstream sock { server unix:%%TESTDIR%%/none.sock; }

    server {
        listen 127.0.0.1:%%PORT_http%%;

$locations
        location /proxy { proxy_pass http://mixed; }
    }

    log_format tls "\$ssl_session_reused \$ssl_server_name \$host \$connection";

    server {
        listen 127.0.0.1:%%PORT_tls%% ssl;
        listen 127.0.0.2:%%PORT_tls%% ssl;
        ssl_certificate $cert->{chain};
        ssl_certificate_key $cert->{key};
        ssl_session_cache shared:tls:1m;
        access_log %%TESTDIR%%/tls.log tls;

        location / { return 204; }
    }
}
EOC

$t->conf($conf);

my $dns = Test::Webhook::DNS->new($t);

$dns->hosts(name => '127.0.0.2', loop => '127.0.0.1', loop6 => '::1',
	mixed => '127.0.0.1', mixed => '127.0.0.2', private => '10.0.0.1',
	mapped => '::ffff:127.0.0.1', pub => '8.8.8.8',
	tls => '127.0.0.1', alias => '127.0.0.1');

$dns->start();

$t->run();

my $port = port('rx');
my $tls = port('tls');

###############################################################################

# a host out of variables: public ones only, unless the operator says so

for my $v ("127.0.0.1:$port", "127.0.0.2:$port", "[::1]:$port",
	"[::ffff:127.0.0.1]:$port", "[::ffff:7f00:1]:$port", "[::127.0.0.1]:$port",
	"0.0.0.0:$port", "[::]:$port", '10.1.2.3', '172.16.0.1', '192.168.1.1',
	'100.64.0.1', '169.254.169.254', '192.0.2.1', '198.18.0.1', '224.0.0.1',
	'255.255.255.254', '[fe80::1]', '[fc00::1]', '[ff02::1]',
	'[2001:db8::1]', '[64:ff9b::7f00:1]', '[2002:7f00:1::]',
	"loop.example:$port", "loop6.example:$port", "mapped.example:$port",
	"LOOP.example.:$port", 'private.example')
{
	is(outcome('default', $v), 'blocked', "$v is blocked by default");
}

is(outcome('whole', "http://127.0.0.1:$port/"), 'blocked', 'in a whole URL');
is(outcome('public', "127.0.0.1:$port"), 'blocked', 'by public');
is(outcome('default', 'none.example'), 'dns', 'a name that is none');
is(total(), 0, 'nothing was sent');

# what is allowed would be sent but from an address of the other family

is(outcome('public', $_), 'connect', "$_ is not blocked")
	for '8.8.8.8', 'pub.example';
is(outcome('public6', $_), 'connect', "$_ is not blocked")
	for '[2001:4860:4860::8888]', '[2606:4700::1111]';

is(outcome('any', "127.0.0.1:$port"), 'success', 'any');
is(outcome('any', "loop.example:$port"), 'success', 'any, by a name');

SKIP: {
skip 'no IPv6', 4 unless $rx6;

is(outcome('any', "[::1]:$port"), 'success', 'any IPv6');
is($rx6->request(-1)->{header}{host}, "[::1]:$port", 'host of IPv6');
is(outcome('six', "[::1]:$port"), 'success', 'a listed address of IPv6');
is(outcome('six', "loop6.example:$port"), 'success', 'and a name with it');

}

is(outcome('six', "127.0.0.1:$port"), 'blocked', 'which is not IPv4');

is(outcome('one', "127.0.0.2:$port"), 'success', 'a listed address');
is(outcome('one', "127.0.0.1:$port"), 'blocked', 'and another');
is(outcome('several', "127.0.0.1:$port"), 'success', 'public and others');
is(outcome('several', "127.0.0.2:$port"), 'blocked', 'and none of both');
is(outcome('several', "[::ffff:127.0.0.1]:$port"), 'success',
	'a mapped address is one of IPv4') if $rx6;

# refused is a failure, which is repeated

my $mark = $t->log_mark();
get("/again?v=127.0.0.1:$port");
ok($t->wait_log(qr/attempt failed: blocked, status 0, it is dead, .*"again".* attempt: 3/,
	10, $mark), 'a blocked delivery is repeated, and dead');
is(scalar($t->find_in_log(qr/"again".* class blocked status 0 failure 1 /,
	$mark)), 3, 'each attempt is a failure');
ok($t->find_in_log(qr/127\.0\.0\.1:$port is not among "addresses".*endpoint: "again"/,
	$mark), 'the address is in the log');

###############################################################################

# literal hosts, as they are known at start

is(outcome('literal', ''), 'success', 'a literal host goes anywhere');
is(outcome('values', 'x'), 'success', 'with values in the path, too');
is(outcome('blocked', ''), 'blocked', 'unless it may not');
is(outcome('listed', ''), 'success', 'or is listed');
is(outcome('start', ''), 'blocked', 'a server of an upstream by its name');
is(outcome('sock', ''), 'blocked', 'a socket of the domain unix is not public');
is(outcome('anysock', ''), 'connect', 'but any');

$_->forget() for @rx;
is(outcome('mixed', ''), 'success', 'other addresses are used') for 1 .. 4;
is($rx[0]->count(), 0, 'instead of what is not allowed');

get('/proxy') for 1 .. 4;
cmp_ok($rx[0]->count(), '>', 0, 'which does no harm to others');

# the name of an upstream is none for a host out of variables

is(outcome('upstream', 'mixed'), 'dns', 'an upstream by a variable is none');

###############################################################################

# names that have other addresses later

is(outcome('named', ''), 'success', 'a name with an allowed address');
$_->forget() for @rx;
$dns->hosts(name => '127.0.0.1');
$dns->past_ttl();
is(outcome('named', ''), 'blocked', 'and then with another');
is(outcome('one', "name.example:$port"), 'blocked', 'also out of a variable');
is($rx[0]->count(), 0, 'which is never used');

$dns->hosts(name => '127.0.0.1', name => '127.0.0.2', tls => '127.0.0.1',
	alias => '127.0.0.1', wrong => '127.0.0.2');
$dns->past_ttl();
is(outcome('named', ''), 'success', 'of several, those that are allowed')
	for 1 .. 4;
is($rx[0]->count(), 0, 'and no others');
is($rx[1]->count(), 4, 'all of them');

###############################################################################

# TLS: the name of the URL is verified, and nothing is shared between names

is(outcome('secure', "tls.example:$tls"), 'success', 'TLS by the name');
is(outcome('secure', "TLS.example:$tls"), 'success', 'once more');
is(outcome('secure', "alias.example:$tls"), 'tls',
	'another name of the same address has no connection of it');
is(outcome('secure', "127.0.0.1:$tls"), 'success', 'TLS by an address');
is(outcome('secure', "127.0.0.1:$tls"), 'success', 'once more');
is(outcome('secure', "127.0.0.2:$tls"), 'tls', 'not by another address');
is(outcome('secure', "tls.example.:$tls"), 'success', 'with the dot of the root');
is(outcome('unverified', "alias.example:$tls"), 'success',
	'not verified, any name');
is(outcome('unverified', "127.0.0.2:$tls"), 'success',
	'and any address');
is(outcome('secure', "alias.example:$tls"), 'tls',
	'which is of no use for those that verify');

my @tls = map { [split] } split /\n/, $t->read_file('tls.log');

is($tls[0][1], 'tls.example', 'SNI is the name');
is($tls[0][3], $tls[1][3], 'the connection is kept by the name');
is($tls[2][1], '-', 'no SNI with an address');
isnt($tls[2][3], $tls[1][3], 'and a connection of its own');
is($tls[3][3], $tls[2][3], 'which is kept, too');
is($tls[4][1], 'tls.example', 'no dot of the root in it');
is($tls[5][1], 'alias.example', 'SNI of another name');

# plain and TLS by one endpoint

is(outcome('either', "http://127.0.0.1:$port/x"), 'success', 'http');
is(outcome('either', "https://127.0.0.1:$tls/x"), 'success', 'and https');
is(outcome('either', "http://127.0.0.1:$tls/x"), 'status',
	'a connection with TLS is none for http');
is(outcome('either', "https://127.0.0.1:$tls/x"), 'success',
	'nor the other way');

# sessions, without a connection

$t->reload();
is(outcome('secure', "tls.example:$tls"), 'success', 'after a reload');
ok((map { [split] } split /\n/, $t->read_file('tls.log'))[-1][3]
	!= $tls[0][3], 'by a new connection');

# more names than there are places

$dns->hosts(map { ("n$_" => '127.0.0.1') } 1 .. 200);
$dns->past_ttl();

my $n = 0;

for (1 .. 200) {
	$n++ if outcome('unverified', "n$_.example:$tls") eq 'success';
}

is($n, 200, 'many names');

$t->stop();
$dns->stop();

$t->done_testing();

###############################################################################

# the class of the attempt

sub outcome {
	my ($name, $v) = @_;

	my ($mark, $class) = $t->log_mark();

	get("/$name?v=$v");

	wait_for(sub {
		($class) = map { / class (\w+) / }
			$t->find_in_log(qr/attempt end: .* lane "$name" /, $mark);
	}, 10);

	return $class;
}

sub total {
	my $n = 0;
	$n += $_->count() for @rx, $rx6 || ();

	return $n;
}

###############################################################################

#!/usr/bin/perl

# Tests for nginx's own counters: stub_status counts clients' connections and
# requests, while deliveries in any state, probes, tests and mails go on.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::Webhook qw/ :DEFAULT wait_for connect_port /;
use Test::Webhook::Mail;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();

my $rx = Test::Webhook::Receiver->new($t, port => 'rx', keepalive => 1);
my $mute = Test::Webhook::Receiver->new($t, port => 'mute',
	on_accept => 'hang');
my $mx = Test::Webhook::Mail->new($t, port => 'mx');
my $stuck = Test::Webhook::Mail->new($t, port => 'stuck', hang => 'DATA');

my %endpoint = (
	good => 'order none; concurrency 8;',
	silent => '',
	header => '',
	body => '',
	fails => 'retry 10ms 10ms;',
	probed => 'disable consecutive=1; probe 100ms; retry 1h;',
	late => 'timeout 200ms; retry off;',
	mute => 'url https://127.0.0.1:%%PORT_mute%%/; retry off;',
	closed => 'url http://127.0.0.1:%%PORT_closed%%/; retry 10ms;',
	test => '',
);

my $endpoints = join '', map { <<"EOC" } sort keys %endpoint;

    webhook_endpoint $_ {
        @{[$endpoint{$_} =~ /^url/ ? '' : "url http://127.0.0.1:%%PORT_rx%%/$_;"]}
        allow_http on;
        $endpoint{$_}
    }
EOC

my $locations = join '', map { <<"EOC" } sort keys %endpoint;
        location = /$_ { webhook a.b to=$_; return 204; }
EOC

$t->conf(<<"EOC")->run();
%%TEST_GLOBALS%%

worker_processes 2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;
    webhook_notify email=one\@example.com smtp=127.0.0.1:%%PORT_mx%%;
    webhook_notify email=two\@example.com smtp=127.0.0.1:%%PORT_stuck%%
                   timeout=3s;
$endpoints
    server {
        listen 127.0.0.1:%%PORT_http%%;

$locations
        location = /status { stub_status; }
        location = /metrics { webhook_metrics; }
        location /api { webhook_api write=on; }
    }
}
EOC

$rx->set(rules => { '/silent' => { hang => 1 }, '/header' => { hang =>
	'header' }, '/body' => { hang => 'body' }, '/late' => { hang => 1 },
	'/fails' => 500, '/probed' => [500, 500, 500, 200], '*' => 200 });

###############################################################################

# one connection for all that is asked

my $s = connect_port('http');
my $asked = 0;
my (%first, %now);

ok(wait_for(sub { %first = status(); $first{active} == 1 }, 10),
	'one client at first');

ok_status('at first');

# of all kinds at once, none of which ends by itself

client("/$_") for qw/ silent header body mute /;
client('/good') for 1 .. 20;
client('/late') for 1 .. 3;
client("/$_") for qw/ fails closed probed /;

ok($rx->wait_requests(20 + 3 + 3 + 1 + 1, 20), 'deliveries');
ok_status('deliveries in flight');

ok(wait_for(sub { n('/good') == 20 && n('/fails') >= 3 && n('/late') >= 2 },
	20), 'some have ended, some have been repeated');
ok_status('deliveries that have ended');

# a probe, and mails

ok($t->wait_log(qr/"probed" is enabled: a probe has succeeded/, 20),
	'probes');
ok(scalar($mx->wait_mails(2, 20)), 'mails');
ok_status('mails in flight, and delivered');

# what an operator asks for is a request, what it does is none

command('/api/endpoints/test/test');
is(n('/test'), 1, 'a test');
client('/metrics');
client('/api/attempts');
ok_status('a test, metrics and a page');

# of a real client's, which is still there

my $idle = connect_port('http');
print $idle "GET /good HTTP/1.1\r\n";

ok(wait_for(sub { my %s = status(); $s{active} == 2 && $s{reading} == 1 }, 10),
	'a client is counted');

close $idle;

ok(wait_for(sub { my %s = status(); $s{active} == 1 && $s{reading} == 0 }, 10),
	'until it goes');

$first{$_}++ for qw/ accepts handled requests /;
ok_status('after that');

# they end by their target's end

$rx->set(200);
$mute->stop();
$rx->reset_connections();
ok($t->wait_log(qr/attempt failed:.*"silent"/, 20), 'a target resets');
ok_status('deliveries that are to be repeated');

done_testing();

###############################################################################

sub ok_status {
	my ($when) = @_;

	my %s = status();

	is("$s{active} $s{reading} $s{writing} $s{waiting}", '1 0 1 0',
		"$when: active, reading, writing, waiting");
	is(($s{accepts} - $first{accepts}) . ' '
		. ($s{handled} - $first{handled}), '0 0',
		"$when: connections");
	is($s{requests} - $first{requests}, $asked - $first{asked},
		"$when: requests");
}

sub status {
	my $text = client('/status');
	my %s = (asked => $asked);

	@s{qw/ active accepts handled requests reading writing waiting /} =
		$text =~ /(\d+)/g;

	return %s;
}

sub client { return talk('GET', $_[0]) }

sub command {
	return talk('POST', $_[0], "Content-Type: application/json\r\n"
		. "Content-Length: 0\r\n");
}

# on the connection; the body

sub talk {
	my ($method, $uri, $more) = @_;
	my ($text, $body) = ('');

	$asked++;
	print $s "$method $uri HTTP/1.1\r\nHost: localhost\r\n"
		. ($more || '') . "\r\n";

	local $SIG{ALRM} = sub { die "$uri: no answer\n" };
	alarm(30);

	1 while $text !~ /\r\n\r\n/ && sysread $s, $text, 4096, length $text;

	(my $head, $body) = $text =~ /^(.*?\r\n)\r\n(.*)/s or die "$uri: closed\n";

	if ($head =~ /^Content-Length: (\d+)/mi) {
		my $n = $1;
		1 while length $body < $n
			&& sysread $s, $body, 65536, length $body;

	} elsif ($head =~ /^Transfer-Encoding: chunked/mi) {
		1 while $body !~ /(?:^|\r\n)0\r\n\r\n\z/
			&& sysread $s, $body, 65536, length $body;
	}

	alarm(0);

	return $body;
}

sub n { scalar grep { $_->{target} eq $_[0] } $rx->requests() }

###############################################################################

#!/usr/bin/perl

# Notices: once per transition, by an operational event and a mail.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Socket::INET;
use JSON::PP qw/ decode_json /;

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Mail;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();
my $rx = Test::Webhook::Receiver->new($t, port => 'rx');
my $ops = Test::Webhook::Receiver->new($t, port => 'ops');
my $mx = Test::Webhook::Mail->new($t);

sub conf {
	my (%o) = (notify => 'webhook_notify endpoint=ops summary=15s; '
		. 'webhook_notify email=ops@example.com '
		. 'smtp=127.0.0.1:%%PORT_mx%%;', @_);

	return <<"EOC";
%%TEST_GLOBALS%%

worker_processes 3;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;
    webhook_zone main 256k disable=30/30m;
    webhook_zone own 256k;
    webhook_zone ops 256k;

    $o{notify}

    webhook_endpoint ops {
        url http://127.0.0.1:%%PORT_ops%%/\$webhook_event;
        allow_http on;
        zone ops;
        header X-Host "a \$hostname";
        retry off;
        disable 1/1h;
    }

    webhook_endpoint a {
        url http://127.0.0.1:%%PORT_rx%%/a;
        allow_http on;
        retry off;
        order none;
    }

    webhook_endpoint b {
        url http://127.0.0.1:%%PORT_rx%%/b;
        allow_http on;
        retry off;
        order none;
    }

    webhook_endpoint c {
        url http://127.0.0.1:%%PORT_rx%%/c;
        allow_http on;
        retry off;
        order none;
    }

    webhook_endpoint d {
        url http://127.0.0.1:%%PORT_rx%%/d;
        allow_http on;
        zone own;
        retry off;
        disable 2/250ms for=1h;
        disable 2/1h;
    }

    webhook_endpoint e {
        url http://127.0.0.1:%%PORT_rx%%/e;
        allow_http on;
        zone own;
        retry off;
        disable consecutive=1;
        probe 1s;
    }

    webhook_endpoint f {
        url http://inside/f;
        allow_http on;
        addresses public;
        zone own;
        retry off;
        disable consecutive=1;
    }

    upstream inside { server 127.0.0.1:%%PORT_rx%%; }

    server {
        listen 127.0.0.1:%%PORT_http%% reuseport;

        location ~ ^/([a-f])\$ { webhook a.b to=\$to; return 200; }
        location = /mail { webhook a.b to=\$mail; return 200; }
        location = /ops { webhook a.b to=ops; return 200; }
        location /api { webhook_api write=on; }
    }

    map \$uri \$to { ~^/(?<name>.*) \$name; }
    map \$uri \$mail { default mail:ops\@example.com; }
}
EOC
}

sub plain { my $c = conf(@_); $c =~ s!/\\?\$webhook_event;!/;!; return $c }

$t->conf(plain())->run();
$rx->set(500);

###############################################################################

# the 31st failure over three endpoints and several workers

get('/' . (qw/ a b c /)[$_ % 3]) for 1 .. 31;

my ($r) = $ops->wait_requests(1, 10);
my ($m) = $mx->wait_mails(1, 10);

my $body = decode_json($r->{body});
my $data = $body->{data};

is($body->{type}, 'webhook.endpoint.disabled', 'a zone: operational event');
is($r->{header}{'webhook-event'}, $body->{type}, 'and its header');
is($r->{header}{'webhook-id'}, $body->{id}, 'its id');
like($r->{header}{'x-host'}, qr/^a \S/, 'and a header with a variable');
like($body->{timestamp}, qr/^20\d\d-\d\d-\d\dT[\d:.]+Z$/, 'its time');
is($data->{zone}, 'main', 'the zone');
is($data->{reason}, 'zone', 'the reason');
is($data->{failures}, 31, 'failures');
is($data->{window}, 1800, 'and in which time');
is("@{$data->{endpoints}}", 'a b c', 'all of its endpoints');
is($data->{endpoints_total}, 3, 'how many');
like($data->{since}, qr/Z$/, 'since');
is($data->{until}, undef, 'for good');
is(scalar @{$data->{last_failures}}, 8, 'the last failures');
is($data->{last_failures}[0]{status}, 500, 'with their status');
is($data->{last_failures}[0]{class}, 'status', 'and class');
like($data->{last_failures}[0]{event}, qr/^[\da-f-]{36}$/, 'and event');
like($data->{next}, qr/an operator must enable it/, 'what to do next');

like($m->{subject}, qr/zone "main": 3 endpoints are disabled$/,
	'a zone: a mail');
like($m->{text}, qr/^    a\n    b\n    c\n/m, 'names them');
like($m->{text}, qr/31 failures in 30m/, 'and why');

ok(!wait_for(sub { told('endpoint.disabled') > 1 }, 1), 'exactly one event');
is(scalar $mx->mails(), 1, 'exactly one mail');

# an endpoint's own, with two windows at once

forget();
get('/d') for 1 .. 3;

$data = wait_event('webhook.endpoint.disabled');
is($data->{endpoint}, 'd', 'an endpoint of its own');
is($data->{reason}, 'window', 'by its window');
is($data->{zone}, undef, 'not by its zone');
is($data->{failures}, 3, 'its failures');
($m) = $mx->wait_mails(1, 10);
like($m->{subject}, qr/endpoint "d" is disabled$/, 'its mail');

# enabled

forget();
ok(command('d', 'enable')->{stored}, 'the store has a state that is told');
$data = wait_event('webhook.endpoint.enabled');
is($data->{endpoint}, 'd', 'enabled');
is($data->{by}, 'operator', 'by whom');
is($data->{reason}, 'window', 'it was disabled by');
($m) = $mx->wait_mails(1, 10);
like($m->{text}, qr/is enabled by an operator\.\nIt had been disabled since 20/,
	'a mail of it');

# by an operator: no failures

forget();
command('d', 'disable');
$data = wait_event('webhook.endpoint.disabled');
is($data->{reason}, 'operator', 'disabled by an operator');
is("@{$data->{last_failures}}", '', 'what failed before is not the reason');

# of whatever class the last failures were

forget();
get('/f');
$data = wait_event('webhook.endpoint.disabled');
is($data->{last_failures}[0]{class}, 'blocked',
	'an address that is not allowed is a failure that is told');
$mx->wait_mails(1, 10);

# a zone again: that is another notice

forget();
command($_, 'enable') for qw/ a b c /;
$ops->wait_requests(3, 10);
$mx->wait_mails(3, 10);
forget();
get('/a') for 1 .. 31;
$data = wait_event('webhook.endpoint.disabled');
is("@{$data->{endpoints}}", 'a b c', 'a zone trips once more');
is(scalar $mx->wait_mails(1, 10), 1, 'and it is mailed');

# a probe

forget();
get('/e');
$data = wait_event('webhook.endpoint.disabled');
get('/e');
is($data->{reason}, 'consecutive', 'an endpoint with a probe');
like($data->{probe}, qr/Z$/, 'which is due');
$data = wait_event('webhook.endpoint.probe_failed', 2);
is($data->{endpoint}, 'e', 'a probe has failed');
is(scalar $mx->mails(), 1, 'which is not mailed');

$rx->set(200);
$data = wait_event('webhook.endpoint.enabled', 3);
is($data->{by}, 'probe', 'enabled by a probe');

# deliveries that are dead are summed up

my ($dead) = grep { $_->{type} eq 'webhook.deliveries.dead' } @::all;

unless ($dead) {
	wait_event('webhook.deliveries.dead');
	forget();
	($dead) = grep { $_->{type} eq 'webhook.deliveries.dead' } @::all;
}

cmp_ok($dead->{data}{deliveries}, '>=', 31, 'dead deliveries are summed up');

my %dead = map { $_->{endpoint} => $_->{deliveries} }
	@{$dead->{data}{endpoints}};

cmp_ok($dead{a}, '>=', 11, 'by endpoint');
is($dead->{data}{endpoints_total}, scalar keys %dead, 'all of them');
ok(!exists $dead{ops}, 'but those that are told');

# the operational endpoint tells nothing of itself, but by mail

forget();
$ops->set(500);
get('/ops') for 1 .. 2;
($m) = $mx->wait_mails(1, 10);
like($m->{subject}, qr/endpoint "ops" is disabled/,
	'of the operational endpoint there is a mail');
is(told('endpoint'), 0, 'but no event');

# what is told while it is disabled is kept

$ops->set(200);
forget();
command('d', 'enable');
$mx->wait_mails(1, 10);
is(told('endpoint'), 0, 'notices wait for an operational endpoint');
command('ops', 'enable');
$data = wait_event('webhook.endpoint.enabled');
is($data->{endpoint}, 'd', 'and come');

# nobody else can send mail

forget();
get('/mail');
ok($t->wait_log(qr/no endpoint has the name/, 10),
	'a variable does not name a recipient of mail');
is(scalar(grep { $_->{subject} !~ /is (?:en|dis)abled/ } $mx->mails()), 0,
	'who gets nothing but notices');

# what was not told before a kill is made up for, what was is not

forget();
command('d', 'disable');
wait_event('webhook.endpoint.disabled');
$mx->wait_mails(1, 10);
ok(wait_for(\&saved, 10), 'all is in the store');
kill_all();
$t->start_again();
forget();
command('e', 'disable');
$data = wait_event('webhook.endpoint.disabled');
is($data->{endpoint}, 'e', 'after a kill nothing is told twice');

# nor when the store does not know yet that it was

for my $verb (qw/ enable disable enable disable /) {
	forget();
	command('d', $verb);
	wait_event("webhook.endpoint.${verb}d");
	kill_all();
	forget();
	$t->start_again();
	command('e', $verb eq 'enable' ? 'enable' : 'disable');
	wait_event("webhook.endpoint.${verb}d");
	ok(!wait_for(sub { told('endpoint') > 1 }, 1.5),
		"a notice of a claim is not made twice, $verb");
}

$t->conf(plain(notify => ''));
$t->reload();
$t->wait_gone($_) for $t->old_workers();
command('d', 'enable');
command('a', 'disable');
ok(wait_for(\&saved, 10), 'transitions without notices');
kill_all();
$t->conf(plain());
forget();
$t->start_again();
$ops->wait_requests(2, 10);
my %made = map { $_->{data}{endpoint} => $_->{type} }
	map { decode_json($_->{body}) } $ops->requests();

is($made{a}, 'webhook.endpoint.disabled', 'what nobody knows is told');
is($made{d}, 'webhook.endpoint.enabled', 'either way');
ok($ops->only_requests(2, 1.5), 'and nothing else');

done_testing();

###############################################################################

# of an event that comes next, or later

sub wait_event {
	my ($type) = @_;
	my $found;

	wait_for(sub {
		for ($ops->requests()) {
			my $e = decode_json($_->{body});
			next if $e->{type} ne $type;
			$found = $e->{data};
			return 1;
		}
		return 0;
	}, 15);

	ok($found, "$type has come");

	return $found || {};
}

sub forget {
	push @::all, map { decode_json($_->{body}) } $ops->requests();
	$ops->forget();
	$mx->forget();
}

sub command {
	my ($name, $verb) = @_;
	return decode_json(post("/api/endpoints/$name/$verb", '',
		'Content-Type' => 'application/json')->body());
}

sub told {
	my ($what) = @_;

	$what = '' unless defined $what;

	return scalar grep { $_->{body} =~ /"type":"webhook\.\Q$what\E/ }
		$ops->requests();
}

sub saved {
	for my $e (@{decode_json(get('/api/endpoints')->body())->{endpoints}}) {
		return 0 unless $e->{stored};
	}

	return 1;
}

sub kill_all {
	$t->kill_all();

	wait_for(sub {
		IO::Socket::INET->new(Listen => 1, ReuseAddr => 1,
			LocalAddr => '127.0.0.1:' . port('http'));
	}, 30) or die "port is in use\n";
}

###############################################################################

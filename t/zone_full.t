#!/usr/bin/perl

# A zone without room for all endpoints: they are served all the same.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Select;
use JSON::PP qw/ decode_json /;

use Test::Webhook qw/ :DEFAULT connect_port wait_for /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new()->plan(9);

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

my $conf = <<'EOC';
%%TEST_GLOBALS%%

worker_processes 2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;
    webhook_zone small 32k;

ENDPOINTS

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location / { webhook a.b to=e1,e30; return 200; }
    }
}
EOC

my $endpoints = join('', map {
	"    webhook_endpoint e$_ {\n"
	. "        url http://127.0.0.1:%%PORT_rx%%/e$_;\n"
	. "        allow_http on;\n        order none;\n    }\n" } 1 .. 30);

$conf =~ s/ENDPOINTS/$endpoints/;

$t->conf($conf)->run();

###############################################################################

get('/') for 1 .. 20;

ok($rx->wait_requests(40, 10), 'events are delivered');

for my $e (qw/ e1 e30 /) {
	is(scalar(grep { $_->{target} eq "/$e" } $rx->requests()), 20,
		"endpoint $e is served");
}

ok($t->find_in_log(qr/\[alert\].*no room for webhook endpoint "e30"/),
	'a full zone is an alert');

$t->allow_alerts(qr/no room for webhook endpoint/,
	qr/webhook zone "small" is full/);

# so are the backlogs of many worker processes

$t->stop();

$endpoints = join('', map {
	"    webhook_endpoint e$_ {\n"
	. "        url http://127.0.0.1:%%PORT_rx%%/e$_;\n"
	. "        allow_http on;\n        backlog 5;\n        retry 1h;\n"
	. ($_ > 1 ? "        order key \$arg_k;\n    }\n" : "    }\n") }
	1 .. 10);

$endpoints .= <<'EOC';
    webhook_endpoint rejecting {
        url http://127.0.0.1:%%PORT_rx%%/rejecting;
        allow_http on;
        backlog 1 overflow=reject;
    }
EOC

my $keyed = join ',', map { "e$_" } 2 .. 10;

$conf =~ s/(webhook_zone small 32k;\n).*?(    server)/$1$endpoints$2/s;
$conf =~ s/worker_processes 2/worker_processes 12/;
$conf =~ s/to=e1,e30; return 200; }/to=e1; return 200; }
        location \/keyed { webhook a.c to=$keyed; return 200; }
        location \/api { webhook_api; }
        location \/pid { return 200 "\$pid\\n"; }
        location \/rejecting {
            webhook a.d to=rejecting status=404;
            proxy_pass http:\/\/127.0.0.1:%%PORT_hang%%;
        }/;
$conf =~ s/(PORT_http%%);/$1 reuseport;/;

$rx->set(500);

my $hang = Test::Webhook::Receiver->new($t, port => 'hang',
	script => [{ hang => 1 }]);

$t->conf($conf)->run();

get('/') for 1 .. 20;

my $s;

ok(wait_for(sub {
	$s = decode_json(get('/api/endpoints/e1')->body());
	$s->{backlog}{events} == 5 && $s->{ends}{dead} == 15
}, 10), 'a backlog is limited without room for it')
	or diag("$s->{backlog}{events} $s->{ends}{dead}");

is($s->{backlog}{limit}{events}, 5, 'as configured');

# lanes of all workers

my $k = 0;

ok(wait_for(sub {
	get("/keyed?k=" . ++$k) for 1 .. 20;
	$t->find_in_log(qr/\[alert\].*no room for backlogs of so many worker/);
}, 20), 'that is an alert, too');

# each worker knows at least of what it has promised itself

my %by;

for (1 .. 1000) {
	my $s = connect_port($t, 'http');
	print $s "GET /pid HTTP/1.1\r\nHost: a\r\n\r\n";
	push @{$by{$1}}, $s if answer($s) =~ /\r\n\r\n(\d+)\n/;
	last if keys %by == 12 && !grep { @$_ < 2 } values %by;
}

is(scalar(keys %by), 12, 'connections to each worker');

my $refused = 0;

for my $pid (sort keys %by) {
	my ($first, $second) = @{$by{$pid}};

	# whoever has a promise of another worker sees that, until it has ended

	my $n = $hang->requests();

	ok_promised($first, $n) or next;

	print $second "GET /rejecting HTTP/1.1\r\nHost: a\r\n\r\n";
	$refused++ if answer($second) =~ / 503 /;

	close $first;
}

is($refused, 12, 'the second of two at a time is refused by all of them');

###############################################################################

sub ok_promised {
	my ($s, $n) = @_;

	return wait_for(sub {
		print $s "GET /rejecting HTTP/1.1\r\nHost: a\r\n\r\n";

		return 1 if wait_for(sub {
			$hang->requests() > $n || IO::Select->new($s)->can_read(0)
		}, 5) && $hang->requests() > $n;

		answer($s);
		return 0;
	}, 10);
}

# what comes within five seconds

sub answer {
	my ($s) = @_;
	my $got = '';

	while (IO::Select->new($s)->can_read(5)) {
		sysread($s, $got, 65536, length $got) or last;
		last if $got =~ /\r\n\r\n\d+\n/ || $got =~ /<\/html>/;
	}

	return $got;
}

###############################################################################

#!/usr/bin/perl

# Large bodies are examined in slices, one in a turn of the event loop: others
# are served in between, and whatever else happens in between does no harm.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Compress::Gzip qw/ gzip /;

use Test::Webhook qw/ :DEFAULT connect_port wait_for /;
use Test::Webhook::App;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $CRLF = "\x0d\x0a";
my $mark = 0;

my $t = Test::Webhook->new(log_level => 'notice');
my $rx = Test::Webhook::Receiver->new($t, port => 'rx');
my $app = Test::Webhook::App->new($t, port => 'app');

# 8 MB, or 120 slices, of which gzip makes little, but more than a bomb

my $list = '';

for my $i (1 .. 1000) {
	$list .= join('', map { sprintf '{"id":%d,"n":"%x"},', $i * 7919 + $_,
		$i ** 3 * $_ ** 2 % 999999937 } 1 .. 10) x 30;
}

# cut between elements

my $half = substr($list, 0, rindex($list, '},{', length($list) / 2) + 1);
my $rest = substr($list, length($half) + 1);

my $large = "{\"list\":[$half],\"middle\":\"M\",\"more\":[${rest}0],"
	. '"end":"E"}';

gzip \$large => \my $zipped or die;

mkdir $t->testdir() . '/files' or die;
$t->write_file('files/large.gz', $zipped);

$t->conf(<<'EOC')->run();
%%TEST_GLOBALS%%

worker_processes 1;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;
    webhook_memory 12m;
    webhook_max_body_size 20m;

    webhook_endpoint one {
        url http://127.0.0.1:%%PORT_rx%%/;
        allow_http on;
    }

    webhook_json $q_middle request /middle;
    webhook_json $q_end request /end;
    webhook_json $p_middle response /middle;
    webhook_json $p_end response /end;

    log_format order '$arg_n $status ${q_middle}${q_end}${p_middle}${p_end} '
                     '$webhook_result';

    client_max_body_size 20m;
    client_body_buffer_size 20m;

    server {
        listen 127.0.0.1:%%PORT_http%%;
        listen unix:%%TESTDIR%%/app.sock;

        access_log %%TESTDIR%%/order.log order;

        location /upload {
            webhook request.seen to=one;
            proxy_pass http://unix:%%TESTDIR%%/app.sock:/answer;
        }

        location /early {
            webhook request.seen to=one on=request;
            proxy_pass http://unix:%%TESTDIR%%/app.sock:/answer;
        }

        location /app/upload {
            webhook request.seen to=one;
            proxy_pass http://127.0.0.1:%%PORT_app%%/length/6;
        }

        location /app/early {
            webhook request.seen to=one on=request;
            proxy_pass http://127.0.0.1:%%PORT_app%%/length/6;
        }

        location /logged {
            webhook_capture on;
            proxy_pass http://unix:%%TESTDIR%%/app.sock:/answer;
        }

        location /large {
            webhook response.seen to=one;
            alias %%TESTDIR%%/files/large;
            gzip_static always;
            output_buffers 1 20m;
        }

        # an answer that takes the worker some turns

        location = /hops { proxy_pass http://unix:%%TESTDIR%%/app.sock:/hop1; }
        location = /hop1 { access_log off;
            proxy_pass http://unix:%%TESTDIR%%/app.sock:/hop2; }
        location = /hop2 { access_log off;
            proxy_pass http://unix:%%TESTDIR%%/app.sock:/hop3; }
        location = /hop3 { access_log off;
            proxy_pass http://unix:%%TESTDIR%%/app.sock:/answer; }

        location = /answer { access_log off; return 200 answer; }
    }
}
EOC

###############################################################################

cmp_ok(length $large, '>', 100 * 65536, 'a body of many slices');
cmp_ok(length $zipped, '>', length($large) / 150, 'which is no bomb');
cmp_ok(length $zipped, '<', 200_000, 'it is small in gzip');

# others, on connections that are there already, come right behind it, and need
# more than one turn

for (['upload', 'request', 'ME--'], ['early', 'on=request', 'ME--'],
	['logged', 'webhook_capture', 'ME--'], ['large', 'response', '--ME'])
{
	my ($uri, $name, $values) = @$_;

	my @other = map { keepalive() } 1 .. 5;
	my $s = keepalive();

	my ($head, $tail) = request($uri, $uri);

	send_all($s, $head);
	get('/answer') for 1 .. 2;

	stopped(sub {
		send_all($s, $tail);
		send_all($other[$_ - 1], "GET /hops?n=other$_ HTTP/1.1$CRLF"
			. "Host: a$CRLF$CRLF") for 1 .. 5;
	});

	my $r = response($s);

	is($r->status(), 200, "$name, answered");
	is($r->body(), $uri eq 'large' ? $zipped : 'answer', 'with its body');
	is(response($_)->body(), 'answer', 'others, too') for @other;

	my @lines = results(6);

	is(join(' ', sort map { /^other/ ? 'other' : $_ }
		map { (split)[0] } @lines[0 .. 4]),
		'other other other other other', 'others first');
	is($lines[5], "$uri 200 $values "
		. ($uri eq 'logged' ? '-' : 'committed'),
		'then the examined one, with its values');
}

ok($rx->wait_requests(3, 10), 'events arrive');
is(scalar(grep { /_middle":"M"/ && /_end":"E"/ } $rx->bodies()), 3,
	'with values that are not in the first slice');

###############################################################################

# clients that leave: what is held comes back, there is room for one backlog

for my $uri (qw/ upload early logged large /) {
	for my $n (1 .. 4) {
		my $s = connect_port('http');

		send_all($s, request($uri, 'left', $large));
		close $s;
	}

	results(4);

	my $s = connect_port('http');
	send_all($s, request($uri, 'next', $large));

	is(response($s)->status(), 200, "$uri, after clients that left");

	my ($line) = results(1);
	like($line, $uri eq 'logged' ? qr/^next 200 ME-- -$/ :
		$uri eq 'large' ? qr/^next 200 --ME committed$/
		: qr/^next 200 ME-- committed$/,
		'a body of the same size is examined');
}

###############################################################################

# workers that end, with an application that does not

for my $how (qw/ worker quit /) {
	for my $uri (qw! app/upload app/early large !) {

		# not idle, so that it is not closed

		my $s = connect_port('http');
		my ($head, $tail) = request($uri, $how);

		send_all($s, $head);
		get('/answer') for 1 .. 2;

		$rx->forget();

		my ($worker) = $t->workers();

		# the signal comes first

		stopped(sub {
			send_all($s, $tail);
			$t->signal('QUIT') if $how eq 'quit';
			kill 'QUIT', $worker;
		});

		my $r = response($s);

		is($r->status(), 200, "$how, $uri, answered");
		is(length($r->body()), $uri eq 'large' ? length($zipped) : 6,
			'with its body');

		my ($line) = results(1);
		like($line, qr/^$how 200 \S+ committed$/, 'committed');

		if ($how eq 'quit') {
			$t->wait_gone(delete $t->{master});
			$t->start_again();

		} else {
			$t->wait_gone($worker);
		}

		ok($rx->wait_requests(1, 10), 'the event arrives');
	}
}

$t->stop();

done_testing();

###############################################################################

# a connection that was accepted, and waits for the next request

sub keepalive {
	my $s = connect_port('http');

	send_all($s, "GET /answer HTTP/1.1${CRLF}Host: a$CRLF$CRLF");
	response($s)->status() == 200 or die "no connection\n";

	return $s;
}

# a request in two parts, the first one for the worker to have it in hand; with
# the body in gzip, unless another one is given

sub request {
	my ($uri, $n, $body) = @_;

	my @head = ("/$uri?n=$n HTTP/1.1", 'Host: a');

	return ("GET $head[0]$CRLF", "$head[1]$CRLF$CRLF") if $uri eq 'large';

	push @head, 'Content-Encoding: gzip' unless defined $body;
	$body = $zipped unless defined $body;
	push @head, 'Content-Length: ' . length $body;

	return ("POST " . join($CRLF, @head, '', '') . substr($body, 0, 20),
		substr($body, 20));
}

sub send_all {
	my ($s, @parts) = @_;

	Test::Webhook::send_all($s, $_, time() + 20)
		or die "can't send: $!\n" for @parts;
}

sub response {
	my ($s) = @_;

	return parse_response(Test::Webhook::read_response($s, 'GET',
		time() + 20));
}

# what is done while the worker is stopped comes to it at once

sub stopped {
	my ($code) = @_;

	my $pid = $t->signal_worker(0, 'STOP');

	wait_for(sub {
		Test::Webhook::slurp("/proc/$pid/stat") =~ /^\d+ \(.*\) T/s
	}, 5, 'a stopped worker');

	$code->();
	kill 'CONT', $pid;
}

# the next lines of the log



sub results {
	my ($n) = @_;

	my @lines;

	wait_for(sub {
		@lines = split /\n/, Test::Webhook::slurp($t->testdir()
			. '/order.log', $mark);
		@lines >= $n;
	}, 20, "$n requests in the log");

	$mark += length($_) + 1 for @lines;

	return @lines;
}

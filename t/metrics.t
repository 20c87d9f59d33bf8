#!/usr/bin/perl

# Tests for webhook_metrics: both forms, by their grammar and by promtool; what
# is counted, for how long, and what it costs.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Socket::INET;
use JSON::PP qw/ decode_json /;

use Test::Webhook qw/ :DEFAULT wait_for connect_port /;
use Test::Webhook::Metrics;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();
my $d = $t->testdir();

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

my $om = 'application/openmetrics-text;version=1.0.0';
my $many = 2000;

my $conf = <<'EOC';
%%TEST_GLOBALS%%

worker_processes 2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    # of clients that do not read until the test has parsed other answers

    send_timeout 10m;

    webhook_store %%TESTDIR%%/store size=16m journal=4m;
    webhook_zone webhook 256k disable=100/1h quota=1000/1d;
    webhook_zone 'two " \ of' 256k;

    webhook_endpoint ok {
        url http://127.0.0.1:%%PORT_rx%%/ok;
        allow_http on;
    }

    webhook_endpoint failing {
        url http://127.0.0.1:%%PORT_rx%%/failing;
        allow_http on;
        retry 10ms;
        disable 50/30m;
        disable 50/30m;
        disable 20/1h count=first for=5m;
        quota 7/1h;
    }

    webhook_endpoint slow {
        url http://127.0.0.1:%%PORT_rx%%/slow;
        allow_http on;
        zone 'two " \ of';
    }

    webhook_endpoint free {
        url http://127.0.0.1:%%PORT_rx%%/slow;
        allow_http on;
        order none;
        concurrency 2;
    }

    gzip_types *;
    gzip_min_length 0;
    gzip_http_version 1.0;

    server {
        listen 127.0.0.1:%%PORT_http%%;
        server_name _;

        location / { webhook a.b to=ok; return 200; }
        location = /failing { webhook a.failing to=failing; return 200; }
        location = /slow { webhook a.slow to=slow; return 200; }
        location = /free { webhook a.free to=free; return 200; }
        location = /never { webhook a.b to=ok if=$arg_a; return 200; }
        location = /post {
            webhook c.* to=ok;
            webhook d.one to=ok;
            webhook_accept;
        }

        location = /metrics { webhook_metrics; }
        location = /gzip { webhook_metrics; gzip on; }
        location = /limited { webhook_metrics; limit_rate 8k; }
        location = /page { ssi on; ssi_types *; root %%TESTDIR%%; }
        location = /denied { webhook_metrics; deny all; }
        location = /status { stub_status; }
        location /api { webhook_api write=on; }
    }
}
EOC

$t->write_file('page', '<!--# include virtual="/metrics" -->' x 2 . 'end');

$t->conf($conf)->run();
$rx->set(rules => { '/failing' => 500, '/slow' => { hang => 1 }, '*' => 200 });

###############################################################################

# forms

my $r = metrics();

is($r->status(), 200, 'answer');
is($r->header('Content-Type'), 'text/plain; version=0.0.4; charset=utf-8',
	'text without Accept');

$r = metrics($om);

is($r->header('Content-Type'), 'application/openmetrics-text; version=1.0.0; '
	. 'charset=utf-8', 'OpenMetrics by Accept');
is(metrics("$om;q=0.1,text/plain;q=0.5")->header('Content-Type'),
	'text/plain; version=0.0.4; charset=utf-8', 'text by its weight');

like(http("HEAD /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
	qr/^HTTP\/1.1 200 OK\r\n(?:[^\r\n]+\r\n)+\r\n\z/, 'HEAD');
is(post('/metrics', 'a')->status(), 405, 'POST is not allowed');
is(get('/denied')->status(), 403, 'access as of the location');

# what is counted

get('/') for 1 .. 3;
get('/never');
get('/failing') for 1 .. 2;
post('/post', '[{"type":"c.one","data":{}},{"type":"c.two","data":{}},'
	. '{"type":"d.one","data":{}}]');

ok(counts('nginx_webhook_deliveries_total{endpoint="ok",end="delivered"}', 6),
	'delivered');
ok(counts('nginx_webhook_deliveries_total{endpoint="failing",end="dead"}', 2),
	'dead');

my $m = parse();

is($m->value('nginx_webhook_attempts_total{endpoint="ok",class="success"}'),
	6, 'attempts');
is($m->value('nginx_webhook_attempts_total{endpoint="failing",class="status"}'),
	4, 'attempts that failed');
is($m->value('nginx_webhook_attempts_total{endpoint="slow",class="timeout"}'),
	0, 'nothing is 0');
is($m->value('nginx_webhook_events_total{event="a.b",result="committed"}'), 3,
	'events');
is($m->value('nginx_webhook_events_total{event="a.b",result="filtered"}'), 1,
	'events that were none');
is($m->value('nginx_webhook_events_total{event="c.*",result="committed"}'), 2,
	'accepted events count by their pattern');
is($m->value('nginx_webhook_events_total{event="d.one",result="committed"}'),
	1, 'and by their name');

my $h = 'nginx_webhook_attempt_duration_seconds';

is($m->value("${h}_count{endpoint=\"failing\"}"), 4, 'durations');
is($m->value("${h}_bucket{endpoint=\"failing\",le=\"60.0\"}"), 4,
	'in their buckets');

$h = 'nginx_webhook_delivery_latency_seconds';

is($m->value("${h}_count{endpoint=\"ok\"}"), 6, 'latencies');
is($m->value("${h}_count{endpoint=\"failing\"}"), 0,
	'of what was delivered only');

cmp_ok($m->value('nginx_webhook_commit_duration_seconds_count'), '>=', 6,
	'commits');
cmp_ok($m->value('nginx_webhook_commit_duration_seconds_sum'), '>', 0,
	'their duration');
cmp_ok($m->value('nginx_webhook_loop_stall_max_seconds'), '>', 0,
	'longest turn');
is($m->value('nginx_webhook_workers'), 2, 'workers');

like(($m->samples('nginx_webhook_build_info'))[0]{labels}{nginx},
	qr/^1\.\d+\.\d+$/, 'build');

my %w = map { ("$_->{labels}{name} $_->{labels}{window}" => $_->{value}) }
	$m->samples('nginx_webhook_window_failures');

is_deeply(\%w, { 'webhook 100/3600000ms' => 4, 'failing 50/1800000ms' => 4,
	'failing 20/3600000ms count=first for=300000ms' => 2 },
	'failures in windows, lines that are the same once');
is($m->value('nginx_webhook_window_tolerated{scope="zone",name="webhook",'
	. 'window="100/3600000ms"}'), 100, 'tolerated failures');

is($m->value('nginx_webhook_quota{scope="endpoint",name="failing"}'), 7,
	'quota');
is($m->value('nginx_webhook_quota_used{scope="endpoint",name="failing"}'), 2,
	'used quota');
is($m->value('nginx_webhook_quota_used{scope="zone",name="webhook"}'), 8,
	'of a zone');

is($m->value('nginx_webhook_store_bytes{kind="size"}'), 16 << 20, 'size');
cmp_ok($m->value('nginx_webhook_store_bytes{kind="journal_used"}'), '>', 0,
	'journal');
cmp_ok($m->value('nginx_webhook_store_bytes{kind="journal_used"}'), '<=',
	$m->value('nginx_webhook_store_bytes{kind="journal"}'), 'its size');
ok(wait_for(sub {
	(parse()->value('nginx_webhook_store_bytes{kind="warehouse_used"}') || 0)
		> 0 }, 10), 'warehouse');

my $zone = 'nginx_webhook_zone_bytes{zone="two \" \\\\ of",state=';

is($m->value($zone . '"used"}') + $m->value($zone . '"free"}'), 256 << 10,
	'zone, with its name escaped');

# in flight

is($m->value('nginx_webhook_inflight{endpoint="ok"}'), 0,
	'what has ended is not in flight');
is($m->value('nginx_webhook_inflight{endpoint="slow"}'), 0, 'none in flight');

get('/slow') for 1 .. 3;
get('/free') for 1 .. 3;

ok(counts('nginx_webhook_inflight{endpoint="slow"}', 1),
	'one in flight in strict order');
ok(counts('nginx_webhook_inflight{endpoint="free"}', 2),
	'as many as may be, without');

# what has not ended

ok(counts('nginx_webhook_backlog{endpoint="slow"}', 3), 'backlog');
ok(counts('nginx_webhook_backlog{endpoint="ok"}', 0), 'no backlog');

ok(wait_for(sub {
	(parse()->value('nginx_webhook_backlog_oldest_seconds{endpoint="slow"}')
		|| 0) > 0.1 }, 10), 'its age');

$m = parse();

cmp_ok($m->value('nginx_webhook_backlog_oldest_seconds{endpoint="slow"}'), '<',
	60, 'in seconds');
cmp_ok($m->value('nginx_webhook_backlog_oldest_seconds{endpoint="ok"}'), '==', 0,
	'no age without it');
cmp_ok($m->value('nginx_webhook_backlog_bytes{endpoint="slow"}'), '>', 300,
	'its size');
is($m->value('nginx_webhook_backlog_bytes{endpoint="ok"}'), 0,
	'no size without it');

is(get('/status')->body() =~ /requests\s+(\d+ \d+ \d+)/ ? 1 : 0, 1,
	'stub_status');

# deliveries are no requests

my $before = status();
get('/') for 1 .. 5;
ok(counts('nginx_webhook_deliveries_total{endpoint="ok",end="delivered"}', 11,
	my $asked = []), 'five more');

is(status() - $before, 5 + @$asked + 1,
	'stub_status counts requests of clients only');

# states

is(state('ok'), 'enabled', 'enabled');
post('/api/endpoints/ok/disable', '', 'Content-Type' => 'application/json');
is(state('ok'), 'disabled', 'disabled');

get('/failing') for 1 .. 6;
ok(wait_for(sub { state('failing') eq 'paused' }, 10), 'paused by a quota');

# a reload

my $old = parse();

$t->reload();

my $new = parse();

for my $s ('nginx_webhook_deliveries_total{endpoint="ok",end="delivered"}',
	'nginx_webhook_events_total{event="a.b",result="filtered"}',
	'nginx_webhook_attempt_duration_seconds_count{endpoint="ok"}',
	'nginx_webhook_commit_duration_seconds_count')
{
	is($new->value($s), $old->value($s), "$s survives a reload");
}

# what it says by the book

for my $accept ('', $om) {
	my $form = $accept ? 'OpenMetrics' : 'text';
	my $body = metrics($accept)->body();
	my $parsed = Test::Webhook::Metrics->new($body, openmetrics => !!$accept);

	is(join("\n", $parsed->errors()), '', "$form: grammar");

	if (!$accept) {
		my ($code, $out) = promtool('check', 'metrics', \$body);

		is("$code $out", '0 ', "$form: promtool check metrics");
		next;
	}

	# that one knows the older form only; what it makes of OpenMetrics, to
	# import it, needs times

	$body =~ s/^([^#].*)$/$1 1700000000/mg;

	my $file = $t->write_file('openmetrics', $body);
	my ($code, $out) = promtool('tsdb', 'create-blocks-from', 'openmetrics',
		$file, "$d/blocks", \'');

	is($code, 0, "$form: promtool tsdb create-blocks-from openmetrics")
		or diag($out);
}

# rules, and a board: promtool knows the ones, of both the metrics have to be

is((promtool('check', 'rules', "$FindBin::Bin/../conf-examples/"
	. 'prometheus-rules.yml', \''))[0], 0, 'promtool check rules');

my %known = map { $_->{name} => 1 } @{parse()->{samples}};

for my $file (qw/ prometheus-rules.yml grafana-dashboard.json /) {
	my $text = $t->read_file("$FindBin::Bin/../conf-examples/$file");

	decode_json($text) if $file =~ /json$/;

	my @used = $text =~ /\b(nginx_webhook_\w+)/g;

	cmp_ok(@used, '>', 10, "$file: metrics found");
	is(join(' ', grep { !$known{$_} } @used), '', "$file: they exist");
}

is(join(' ', map { $_->{name} =~ s/_(?:bucket|sum|count)$//r . ' ' . join ',',
	sort keys %{$_->{labels}} } grep { $_->{name} !~ /_bucket$/ }
	@{parse($om)->{samples}}), join(' ', map { $_->{name}
	=~ s/_(?:bucket|sum|count)$//r . ' ' . join ',', sort keys %{$_->{labels}} }
	grep { $_->{name} !~ /_bucket$/ } @{parse()->{samples}}),
	'the same samples in both forms');

is(gunzip(raw('/gzip', 'Accept-Encoding: gzip')->body()) =~ /^# TYPE/ ? 1 : 0,
	1, 'gzip');

# the end once, also when it cannot be sent at once

my $limited = connect_port('http');
my ($text, $buf) = ('');

print $limited "GET /limited HTTP/1.1\r\nHost: a\r\nAccept: $om\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
$text .= $buf while sysread $limited, $buf, 65536;

like($text, qr/\n# EOF\n\r\n0\r\n\r\nHTTP\/1.1 200 /, 'the end, once');

# the killed one's attempts in flight are not in flight any more

kill 'KILL', $t->workers();

ok(wait_for(sub { (parse()->value('nginx_webhook_inflight{endpoint="slow"}')
	|| 0) <= 1 && (parse()->value('nginx_webhook_inflight{endpoint="free"}')
	|| 0) <= 2 }, 20), 'attempts of a killed worker');

###############################################################################

# many endpoints: in slices, also for a client that does not read

$rx->set(rules => { '*' => 200 });

$t->conf($conf =~ s/webhook_zone webhook 256k/webhook_zone big 16m/r
	=~ s/(\n    gzip_types)/endpoints() . $1/re
	)->reload();

my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', Proto => 'tcp',
	PeerPort => port('http')) or die "connect() failed: $!\n";
print $s "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

my $rss = rss();

$m = parse($om);

is(join("\n", ($m->errors())[0 .. 4] ? ($m->errors())[0 .. 4] : ()), '',
	'many endpoints: grammar');
is(scalar($m->samples('nginx_webhook_inflight')), $many + 4,
	'many endpoints: all of them');

get('/') for 1 .. 10;
cmp_ok(rss() - $rss, '<', 4096, 'bounded memory');
cmp_ok($m->value('nginx_webhook_loop_stall_max_seconds'), '<', 0.5,
	'no long turn');

$text = '';
$text .= $buf while sysread $s, $buf, 65536;

ok($text =~ /\r\n0\r\n\r\n\z/, 'all for a client that reads later');
is(() = $text =~ /^nginx_webhook_inflight\{/mg, $many + 4,
	'all of the endpoints');

# parts of a page, for a client that reads later

$s = connect_port('http');
print $s "GET /page HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

get('/') for 1 .. 10;

$text = '';
$text .= $buf while sysread $s, $buf, 65536;

ok($text =~ /end\r\n0\r\n\r\n\z/, 'all of a page');
is(() = $text =~ /^nginx_webhook_inflight\{/mg, 2 * ($many + 4),
	'all of its parts');

# the list of them

is(join(' ', get('/api/endpoints')->body() =~ /\{"name":"(\w+)","zone"/g),
	join(' ', qw/ ok failing slow free /, map { "many$_" } 1 .. $many),
	'the list of many endpoints');

$s = connect_port('http');
print $s "GET /api/endpoints HTTP/1.1\r\nHost: a\r\n\r\n";
close $s;

# one that goes away

$s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', Proto => 'tcp',
	PeerPort => port('http')) or die "connect() failed: $!\n";
print $s "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
sysread $s, $buf, 100;
close $s;

is(metrics()->status(), 200, 'a client that goes away disturbs nothing');

$t->stop();

$t->allow_alerts(qr/exited on signal 9/);

done_testing();

###############################################################################

sub endpoints {
	return join '', map { <<"EOC" } 1 .. $many;

    webhook_endpoint many$_ {
        url http://127.0.0.1:%%PORT_rx%%/many;
        allow_http on;
    }
EOC
}

sub raw {
	my ($uri, @headers) = @_;

	my ($text, $buf) = ('');
	my $c = connect_port('http');

	print $c join "\r\n", "GET $uri HTTP/1.1", 'Host: a',
		'Connection: close', @headers, '', '';
	$text .= $buf while sysread $c, $buf, 65536;

	return parse_response($text);
}

sub metrics {
	my ($accept) = @_;

	return raw('/metrics', $accept ? "Accept: $accept" : ());
}

sub parse {
	my ($accept) = @_;

	return Test::Webhook::Metrics->new(metrics($accept)->body(),
		openmetrics => !!$accept);
}

sub counts {
	my ($sample, $n, $asked) = @_;

	return wait_for(sub {
		push @$asked, 1;
		my $value = parse()->value($sample);
		defined $value && $value == $n;
	}, 10);
}

sub status {
	my ($n) = get('/status')->body() =~ /^ \d+ \d+ (\d+)/m;

	return $n;
}

sub state {
	my ($endpoint) = @_;

	my @s = grep { $_->{labels}{endpoint} eq $endpoint && $_->{value} }
		parse()->samples('nginx_webhook_endpoint_state');

	return join ',', map { $_->{labels}{state} } @s;
}

sub promtool {
	my $in = pop;

	my $file = $t->write_file('promtool.in', $$in);
	my $out = `promtool @_ < $file 2>&1`;

	return ($? >> 8, $out);
}

sub gunzip {
	my ($data) = @_;

	require IO::Uncompress::Gunzip;
	IO::Uncompress::Gunzip::gunzip(\$data => \my $out) or return '';

	return $out;
}

sub rss {
	my $sum = 0;

	for my $pid ($t->workers()) {
		open my $fh, '<', "/proc/$pid/status" or next;
		$sum += /^RssAnon:\s+(\d+)/ ? $1 : 0 while <$fh>;
	}

	return $sum;
}

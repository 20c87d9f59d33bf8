#!/usr/bin/perl

# Hostile values in every position where a value of a request, of a response,
# or of an answer can end up: what arrives is one request, of exactly the
# headers that were meant, from which the value, or what is documented instead
# of it, can be read again; or nothing arrives.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();

use Test::Webhook qw/ :DEFAULT connect_port wait_for /;
use Test::Webhook::Hostile;
use Test::Webhook::Mail;
use Test::Webhook::Metrics;
use Test::Webhook::Positions;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $json = JSON::PP->new->utf8->canonical->allow_nonref;

my $t = Test::Webhook->new(log_level => 'info');

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');
my $port = $rx->port();

my $p = Test::Webhook::Positions->new($t, $rx);

# the values

my @values = (

	# what is logged once is logged with this one

	log => "a\n2026/01/01 00:00:00 [warn] 1#1: forged",

	plain => 'plain',
	empty => '',
	quote => 'a"b',
	quotes => '"},"forged":{"a":"',
	backslash => 'a\\',
	escape => '\\u0022,\\n',
	script => '</script><!--',
	nul => "a\0b",
	c0 => join('', map { chr } 1 .. 31),
	bell => "a\x07b",
	tab => "a\tb",
	del => "a\x7fb",
	c1 => "a\xc2\x85b",
	lf => "a\nX-Forged: 1",
	cr => "a\rX-Forged: 1",
	header => "a\r\nX-Forged: 1",
	body => "a\r\nContent-Length: 0\r\n\r\nPOST /forged HTTP/1.1\r\n\r\n",
	overlong => "a\xc0\xaf\xe0\x80\xafb",
	surrogate => "a\xed\xa0\x80b",
	truncated => "a\xe2\x82",
	octets => join('', map { chr } 128 .. 255),
	above => "\xf4\x90\x80\x80",
	utf8 => "\xc3\xa9\xf0\x9f\x98\x80",
	separators => "a\xe2\x80\xa8b\xe2\x80\xa9c",
	bidi => "a\xe2\x80\xaeb\xe2\x81\xa6c",
	nonchar => "a\xef\xbf\xbe",
	coded_crlf => '%0d%0aX-Forged:%201',
	coded_nul => 'a%00b',
	coded_dots => '%2e%2e%2f',
	coded_more => '%252e%zz%',
	dot => '.',
	dots => '..',
	up => '../',
	down => 'a/../../b',
	windows => 'a\\..\\b',
	slash => '/',
	slashes => '//evil',
	question => 'a?b=c',
	hash => 'a#b',
	amp => 'a&admin=1',
	equals => 'a=b',
	semicolon => 'a;b',
	plus => 'a+b c',
	at => '@host',
	user => 'x@127.0.0.1',
	authority => "127.0.0.1:$port/forged?",
	scheme => "http://127.0.0.1:$port/forged\r\n",
	variable => '$var',
	braces => '${x}',
	mustache => '{{x}}{%x%}',
	placeholder => '__s__',
	space => ' a b ',
	list => 'a", "b, c',
	object => '{"role":"admin"}',
	number => '1e400',
	true => 'true',
	mail => "a\r\n.\r\nQUIT\r\n",
	format => '%s%n%V',
	glob => '*',
	long => 'x' x 1000,
	feed => "\f[1]\x0b",
	id => 'x' x 128,
	id_long => 'x' x 129,
);

my %value = @values;
my @names = map { $values[2 * $_] } 0 .. $#values / 2;

###############################################################################

my $payloads = $p->payloads();
my $endpoints = $p->endpoints();
my $locations = $p->locations();

my $mx = Test::Webhook::Mail->new($t, port => 'mx');
my $refuses = Test::Webhook::Mail->new($t, port => 'refuses',
	script => ["554 5.1.1 \"forged\" \e[31m\x01"]);

$t->write_file('de.json', '{"z":"Z"}');

$t->conf(<<"EOC")->run();
%%TEST_GLOBALS%%

worker_processes 1;

events {
    worker_connections 1024;
}

http {
    %%TEST_GLOBALS_HTTP%%

    client_max_body_size 4m;
    large_client_header_buffers 4 64k;

    resolver 127.0.0.1:%%PORT_nodns%%;
    resolver_timeout 100ms;

    webhook_store %%TESTDIR%%/store size=64m journal=16m;
    webhook_history all count=100000 size=8m;
    webhook_translations de de.json;
    webhook_zone "Z\\"\\\\ <b> \xc3\xa9" 1m;

    webhook_notify email=ops\@example.com smtp=127.0.0.1:%%PORT_mx%%
                   summary=1s;
    webhook_notify email=no\@example.com smtp=127.0.0.1:%%PORT_refuses%%;
    webhook_notify endpoint=operations;

    log_format all escape=json
        '{"url":"\$webhook_url","endpoint":"\$webhook_endpoint","id":"\$webhook_id"}';

    webhook_log %%TESTDIR%%/default.log;
    webhook_log %%TESTDIR%%/json.log all;

    map \$uri \$none { default ""; volatile; }

$payloads
$endpoints

    webhook_endpoint accepted {
        url http://127.0.0.1:%%PORT_rx%%/accepted;
        allow_http on;
        retry off;
    }

    webhook_endpoint answers {
        url http://127.0.0.1:%%PORT_rx%%/answers/\$arg_n;
        allow_http on;
        retry off;
    }

    webhook_endpoint gone {
        url http://127.0.0.1:%%PORT_rx%%/gone;
        allow_http on;
        retry off;
    }

    webhook_endpoint operations {
        url http://127.0.0.1:%%PORT_rx%%/operations;
        allow_http on;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;
        server_name localhost;

$locations
        location = /limit {
            webhook_json \$v request /v;

            webhook limit.x to=\$arg_to;

            proxy_pass http://127.0.0.1:%%PORT_http%%/ok;
        }

        location = /accept {
            webhook_accept;
            webhook acc.* to=accepted;
        }

        location = /ok { return 200; }
        location = /answers { webhook answer.x to=answers; return 200; }
        location = /gone { webhook gone.x to=gone; return 200; }
        location = /metrics { webhook_metrics; }
        location /api { webhook_api write=on; }
    }
}
EOC

###############################################################################

# each value by each way, once

$p->send($_, $value{$_}) for @names;

my $wrong = $p->wrong();

for my $name ($p->names(), 'forged') {
	my @errors = @{$wrong->{$name} || []};

	is(scalar @errors, 0, "position $name")
		or diag(join "\n", map { substr $_, 0, 500 }
			@errors > 8 ? @errors[0 .. 7] : @errors);
}

###############################################################################

# the longest that is sent; one that is longer by an octet makes no event, or
# is left out where that is documented; of one of a megabyte, which no event
# could have, and one that is beyond what is examined, there is nothing

my @limits = (
	path => [8192 - length('/path//end')],
	query => [8192 - length('/query?q=&z=1')],
	form_get => [8192 - length('/form_get?s=&after=1')],
	key_query => [8192 - length('/key_query?k=')],
	place => [(8192 - length('/place/x?q=&z=1') - 1) / 2],
	string => [60000, 65536],
	none => [60000, 65536],
	key_header => [30000, 33000],
	cloud_header => [4096, 4097, 1],
	lane => [255, 256, 1],
);

my %limit = @limits;
my (@sizes, %size);

$rx->forget();

for my $name (sort keys %limit) {
	my ($fits, $above, $sent) = @{$limit{$name}};

	$above = $fits + 1 unless $above;

	for my $size ($fits, $above, 1024 * 1024 - 100, 1024 * 1024 + 1) {
		my $large = $size > 1000000;
		my $row = "$name-$size";

		push @sizes, $row;
		$size{$row} = [$name, 'x' x $size, $size == $fits
			|| $size == $above && $sent
			|| $large && $name ne 'path', $large];

		my $r = post("/limit?to=$name&row=$row",
			'{"v":"' . 'x' x $size . '"}',
			'Content-Type' => 'application/json');

		is($r->status(), 200, "$row is answered")
			if $r->status() != 200;
	}
}

$rx->wait_requests(scalar(grep { $_->[2] } values %size), 10);
$rx->only_requests(scalar(grep { $_->[2] } values %size), 0.3);

my %arrived = map { $_->{header}{'x-row'} => $_ } $rx->requests();

for my $row (@sizes) {
	my ($name, $v, $sent, $large) = @{$size{$row}};
	my $r = $arrived{$row};
	my @errors = !$r ? ()
		: !$large ? $p->check($name, $r, $v)
		: (grep { /x{20}/ } $r->{target}, $r->{body},
			map { $_->[1] } @{$r->{headers}})
		? 'a part of it is sent' : ();

	is(join("\n", $r ? 'sent' : 'not sent', map { substr $_, 0, 200 } @errors),
		$sent ? 'sent' : 'not sent', "limit $row");
}

###############################################################################

# headers of a request that are sent on: the type and the coding of a body, and
# the trace

my @types = grep { $value{$_} !~ /[\0\r\n]/ } @names;

$rx->forget();

for my $name (@types) {
	my $v = $value{$name};

	post("/limit?to=$_&row=$name", '{}', 'Content-Type' => $v,
		'Content-Encoding' => $v, 'traceparent' => $v)
		for qw/ raw cloud_body /;
}

my (@typed, @wrong);

wait_for(sub {
	@typed = $rx->requests();
	return (grep { $_->{target} eq '/raw' } @typed) >= @types;
}, 10, 'bodies as they were');

for my $r (@typed) {
	my $name = $r->{header}{'x-row'};
	my $v = field($value{$name});
	my @errors;

	if ($r->{target} eq '/raw') {
		push @errors, headers($r, 'content-type' => $v,
			'content-encoding' => $v, traceparent => undef);

	# with a coding it is not known what is in it

	} elsif (defined $v) {
		push @errors, 'has arrived';
	}

	push @errors, grep { $_ !~ /^header content-encoding$/ }
		Test::Webhook::Positions::request({}, $r);
	push @wrong, map { "$name: $_" } @errors;
}

is(join("\n", @wrong), '', 'headers that are sent on');

###############################################################################

# events of applications

my @events = map { my $v = $value{$_}; is_utf8($v) ? [$_, $v] : () } @names;
my ($accepted, @refused) = (0);

$rx->forget();

for (@events) {
	my ($name, $v) = @$_;
	my $q = quoted($v);

	my $r = post('/accept', "[{\"type\":\"acc.x\",\"data\":{$q:[$q]}}]");
	push @refused, $name if $r->status() != 202;

	$r = post('/accept', "{\"type\":\"acc.x\",\"id\":$q,\"data\":$q}");
	$accepted++ if $r->status() == 202;
	push @refused, "id $name" if $r->status()
		!= ($v =~ /^[A-Za-z0-9_-]{1,128}\z/ ? 202 : 400)
		|| !is_json($r->body());

	for my $body ("{\"type\":$q,\"data\":1}", "{$q:1}", "[$q]", $v) {
		$r = post('/accept', $body);
		push @refused, "$body: $r" if $r->status() != 400
			&& $r->body() ne '{"ids":[]}' || !is_json($r->body());
	}
}

is(join("\n", @refused), '', 'events of applications, or what is wrong');

my @requests = $rx->wait_requests(@events + $accepted, 10);

my (@data, @want);

for (@requests) {
	my $data = $json->decode($_->{body})->{data};
	push @data, $json->encode(ref $data ? $data : { $data => [$data] });
}

push @want, map { $json->encode({ text($_->[1]) => [text($_->[1])] }) }
	@events, grep { $_->[1] =~ /^[A-Za-z0-9_-]{1,128}\z/ } @events;

is(join("\n", sort @data), join("\n", sort @want), 'data of events');

# half of a character, which JSON can have and UTF-8 cannot

$rx->forget();

post('/json?row=half', '{"v":"a\ud800b","o":{"\udfff":{"k":"\ud800"}},'
	. '"l":["\ud83d"],"m":{}}', 'Content-Type' => 'application/json');

my $half = grep { !/^(?:id|interval|to)$/ && !$p->drops($_, 'a?b') }
	$p->names();

my %half = map { $_->{target} =~ m!^/(\w+)! => $_ }
	$rx->wait_requests($half, 10);

is($half{string}{body}, '{"s":"a?b","after":1}', 'half a character');
is($half{members}{body}, '{"o":{"?":{"k":"?"}},"l":["?"]}',
	'half a character in JSON');
is($half{query}{target}, '/query?q=a%3Fb&z=1', 'half a character in a URL');

###############################################################################

# what targets answer

my $all = join '', map { chr } 0 .. 255;
my $mail = "\r\n.\r\nQUIT\r\n";

my @answers = (
	["HTTP/1.1 500 \"><script>\\\xff\e[31m forged\r\n"
		. "X-A: \"\\\x01\x1b\x7f\xff </script>\r\n"
		. "X-B: {\"a\":1}\r\nContent-Length: 256\r\n\r\n$all", 500],
	["HTTP/1.1 200 OK\r\nX-Accel-Redirect: /api/endpoints\r\n"
		. "X-Accel-Limit-Rate: 1\r\nX-Accel-Buffering: no\r\n"
		. "Set-Cookie: a=b\r\nLocation: /forged\r\n"
		. "webhook-id: forged\r\nContent-Length: "
		. length($mail) . "\r\n\r\n$mail", 200],
	["HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:$port/forged\r\n"
		. "Content-Length: 0\r\n\r\n", 302],
	["HTTP/1.1 503 x\r\nRetry-After: 99999999999999999999999\r\n"
		. "Content-Length: 1\r\n\r\n\xc3", 503],
	["HTTP/1.1 429 x\r\nRetry-After: -1\r\nContent-Length: 3\r\n\r\na\0b", 429],
	["HTTP/1.1 500 x\r\nX-A: a\0b\r\nContent-Length: 0\r\n\r\n", undef],
	["HTTP/1.1 500 x\r\n folded: 1\r\n\tmore\r\nContent-Length: 0\r\n\r\n", undef],
	["\0\xff\r\n\r\n", undef],
);

$rx->forget();
$rx->set(rules => { gone(), '*' => 200,
	map { ("/answers/$_" => { raw => $answers[$_][0] }) } 0 .. $#answers });

sub gone {
	return '/gone' => { status => 410,
		reason => '"gone"' . "\xff",
		headers => ['X-A' => "\x01\"</script>"], body => $mail };
}

get("/answers?n=$_") for 0 .. $#answers;
get('/gone');

my %answer;

wait_for(sub {
	%answer = map { $_->{url} =~ m!/answers/(\d+)! ? ($1 => $_) : () }
		attempts('endpoint=answers');
	return keys %answer == @answers;
}, 10, 'attempts');

for (0 .. $#answers) {
	my ($bytes, $status) = @{$answers[$_]};
	my $a = api("attempts/$answer{$_}{key}");

	is($a->{status}, $status, "status of answer $_") if defined $status;
	unlike($json->encode($a), qr/[\x00-\x1f]/, "answer $_ in the history");
}

my @forged = grep { $_->{target} !~ m!^/(?:answers/\d+|gone|operations)$! }
	$rx->requests();

is(@forged, 0, 'an answer makes no request') or diag(explain(\@forged));

sub api {
	my ($path) = @_;

	my $r = get("/api/$path");

	is($r->status(), 200, "API: $path") if $r->status() != 200;

	my $got = eval { $json->decode($r->body()) };

	fail("no JSON of $path: $@") unless $got;

	return $got;
}

# the latest ones

sub attempts { @{api("attempts?limit=1000&$_[0]")->{attempts}} }

# the history of all of it

my @attempts = attempts('');
my @samples = grep { $_ % 20 == 0 } 0 .. $#attempts;

is(scalar @attempts, 1000, 'attempts are JSON');
is(scalar(grep { !ref api("attempts/$attempts[$_]{key}") } @samples), 0,
	'each of them is JSON');

ok(ref api('dead?limit=1000'), 'dead letters are JSON');

# HTTP/1.0, as there are no chunks

my $s = connect_port('http');
my $stream = '';

print {$s} "GET /api/attempts/stream?limit=1000&since=0 HTTP/1.0\r\n\r\n";
$s->blocking(0);

ok(wait_for(sub {
	sysread $s, $stream, 65536, length $stream;
	return (() = $stream =~ /^data: .*\n\n/mg) >= 1000;
}, 10), 'a stream of attempts');

close $s;

$stream =~ s/^.*?\r\n\r\n//s;
$stream =~ s/[^\n]*\z//;

my @streamed = $stream =~ /^data: (.*)/mg;

is(join("\n", grep { !/^(?:|:.*|retry: \d+|id: [0-9a-f]+|event: \w+|data: \{.*\})$/
	|| /[\x00-\x1f\x7f]/ } split /\n/, $stream), '', 'lines of a stream');
is(scalar(grep { $_ % 20 == 0 && !is_json($streamed[$_]) } 0 .. $#streamed), 0,
	'which are JSON');

ok(ref api('endpoints'), 'endpoints are JSON');

# mails and notices

my @mails = $mx->wait_mails(1, 10);
wait_for(sub { (@mails = grep { $_->{subject} =~ /disabled/ }
	$mx->mails()) > 0 }, 10, 'mail');

my $m = $mails[0];

is(join(' ', sort keys %{$m->{headers}}), 'auto-submitted content-transfer-'
	. 'encoding content-type date from message-id mime-version subject to '
	. 'x-webhook-event', 'headers of a mail');
is(scalar(grep { @$_ > 1 } values %{$m->{headers}}), 0, 'each once');
unlike($m->{raw}, qr/[^\t\r\n\x20-\x7e\x80-\xff]|^\.\r$/m, 'lines of a mail');

my @notices;

ok(wait_for(sub {
	@notices = grep { $_->{target} eq '/operations'
		&& $_->{body} =~ /endpoint\.disabled/ } $rx->requests();
	return @notices > 0;
}, 10), 'an operational event');

is(eval { $json->decode($notices[0]{body})->{data}{endpoint} }, 'gone',
	'it is JSON');

###############################################################################

# logs and metrics

my %metrics = map { $_ => Test::Webhook::Metrics->new(get('/metrics',
	Accept => $_ ? 'application/openmetrics-text' : '*/*')->body(),
	openmetrics => $_) } 0, 1;

is(join("\n", map { $_->errors() } values %metrics), '', 'metrics');

is(join(' ', sort map { $_->{labels}{event} }
	grep { $_->{labels}{result} eq 'committed' }
	$metrics{0}->samples('nginx_webhook_events_total')),
	'acc.* answer.x gone.x in.form in.json limit.x own.id own.interval own.to',
	'labels are of the configuration');

$t->stop();

my @lines = split /\n/, $t->read_file('error.log');

is(join("\n", grep { !m!^2\d\d\d/\d\d/\d\d \d\d:\d\d:\d\d \[\w+\] \d+#\d+: !
	|| m!^2026/01/01 00:00:00 ! || /[\x00-\x08\x0a-\x1f]/ } @lines), '',
	'lines of the error log');

ok(scalar(grep { /no endpoint has the name.*forged/ } @lines),
	'an unknown endpoint is logged');
ok(scalar(grep { /no translation of.*forged/ } @lines),
	'a missing translation is logged');
ok(scalar(grep { /refuses|answered by 554 "5.1.1 \?forged/ } @lines),
	'what a server of mail answers is logged');

@lines = split /\n/, $t->read_file('default.log'), -1;
pop @lines;

is(join("\n", grep { !/^\S+ [\w:\@.-]+ [\w.]+ \S+ \d+ \w+ [\d-]+ \w+ [\d.]+ "[A-Z-]* [\x21\x23-\x7e]+"$/ }
	@lines), '', 'lines of a log of attempts');

@lines = split /\n/, $t->read_file('json.log');

my $string = qr/"(?:[^"\\\x00-\x1f]|\\["\\bfnrt\/]|\\u[0-9a-fA-F]{4})*"/;

is(join("\n", grep { !/^\{"url":$string,"endpoint":$string,"id":$string\}$/ }
	@lines), '', 'lines of JSON');

done_testing();

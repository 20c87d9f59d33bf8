#!/usr/bin/perl

# Tests for dry runs: what the API renders of given values is what a target
# gets of a request with the same values; what was missing is told, and what
# would drop the event; nothing is sent, stored or counted.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP qw/ decode_json encode_json /;
use MIME::Base64 qw/ decode_base64 /;
use Time::Local qw/ timegm /;

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');
my $http = $t->port('http');

$t->write_file('secret', "topsecret1\n");
chmod 0600, $t->testdir() . "/secret";
$t->write_file('de.json', '{"new": "neu"}');

my %payload = (
	structured => <<'EOP',
        field event $webhook_event;
        field at $webhook_time time:ms;
        field who.mail $email;
        field who.size $size number;
        field who.tags $tags json;
        field answer.id $id number;
        field answer.status $status number;
        field none $phone default=unknown;
        field number $email number default=-1;
        field gone $phone omit_empty;
        field both "$email <$phone>";
        field try $webhook_attempt number;
EOP
	flat => "        field mail \$email;\n        field tags \$tags json;\n",
	form => "        field mail \$email;\n        field tag \$tags json;\n"
		. "        field phone \$phone;\n",
	text => '        template \'{"m":${email|json},"p":${phone|json},'
		. '"q":"${path|json-in-string}"}\';' . "\n"
		. "        content_type application/json;\n",
	translated => "        field state \$state translate;\n"
		. "        field mail \$email;\n",
);

my %endpoint = (
	default => '',
	structured => 'payload structured;',
	flat => 'payload flat; header X-Mail $email; header X-None $phone; '
		. 'header X-Also $phone;',
	form => 'payload form; api_key field token %%TESTDIR%%/secret;',
	get => 'payload form; method GET; api_key query key topsecret2;',
	text => 'payload text; method PUT;',
	raw => 'payload raw; sign standard whsec_dG9wc2VjcmV0dG9wc2VjcmV0dG9wc2VjcmV0;',
	answer => 'payload answer; bearer file:%%TESTDIR%%/secret;',
	ce => 'payload ce;',
	binary => 'payload binary; basic ann file:%%TESTDIR%%/secret;',
	translated => 'payload translated; language de;',
	url => 'payload structured; order key $email;',
	keyed => 'payload mapped; api_key header X-Key topsecret4;',
);

$endpoint{form} =~ s/%%TESTDIR/file:%%TESTDIR/;

my %url = (url => '/url/$id/__who.mail__?s=$size&p=$phone');

my $payloads = join '', map { "    webhook_payload $_ "
	. ($_ =~ /translated/ ? 'structured' : $_) . " {\n$payload{$_}    }\n" }
	sort keys %payload;

my $endpoints = join '', map { my $url = $url{$_} || "/$_"; <<"EOC" }
    webhook_endpoint $_ {
        url http://127.0.0.1:%%PORT_rx%%$url;
        allow_http on;
        $endpoint{$_}
    }
EOC
	sort keys %endpoint;

my $locations = join '', map { <<"EOC" } sort keys %endpoint;
        location = /app/$_ {
            webhook made.$_ to=$_ status=201 method=POST if=\$wanted;
            proxy_pass http://127.0.0.1:%%PORT_http%%/answer;
        }
EOC

$t->conf(<<"EOC")->run();
%%TEST_GLOBALS%%

worker_processes 1;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;
    webhook_history all;
    webhook_max_event_size 4k;
    webhook_translations de %%TESTDIR%%/de.json;

    map \$email \$domain { ~@(?<d>.*)\$ \$d; default none; }
    map \$state \$wanted { default 1; old 0; }
    map \$uri \$path { default \$uri; }

$payloads
    webhook_payload raw raw { body request; }
    webhook_payload answer raw { body response; }
    webhook_payload ce cloudevents structured { source /app; field mail \$email; }
    webhook_payload binary cloudevents binary { source /app; field mail \$email; }
    webhook_payload mapped structured {
        field domain \$domain;
        field method \$request_method;
        field q \$arg_q;
        field body \$request_body;
    }
    webhook_payload large text { template "\${email|none}\${email|none}\${email|none}"; }

$endpoints
    webhook_endpoint large {
        url http://127.0.0.1:%%PORT_rx%%/large;
        allow_http on;
        payload large;
        events made.large;
    }

    webhook_endpoint segment {
        url http://127.0.0.1:%%PORT_rx%%/x/\$email/y;
        allow_http on;
        events made.segment;
    }

    webhook_endpoint posted {
        url http://127.0.0.1:%%PORT_rx%%/posted;
        allow_http on;
    }

    webhook_endpoint asked {
        url http://127.0.0.1:%%PORT_rx%%/asked;
        allow_http on;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;

        webhook_json \$email request /mail;
        webhook_json \$size request /size;
        webhook_json \$tags request /tags type=json;
        webhook_json \$state request /state;
        webhook_json \$phone request /phone;
        webhook_json \$id response /id;

$locations
        location /answer {
            default_type application/json;
            return 201 '{"id": 12345678901234567890}';
        }

        location /large { webhook made.large; return 200; }
        location /segment { webhook made.segment; return 200; }

        location /accept {
            webhook post.* to=posted;
            webhook_json \$email request /data/mail;
            webhook_accept;
        }

        location /asked {
            webhook made.asked to=asked on=request;
            proxy_pass http://127.0.0.1:%%PORT_http%%/answer;
        }

        location /two { webhook made.two to=posted,asked payload=mapped; return 200; }
        location /three { webhook made.two to=posted; return 200; }

        location /api { webhook_api write=on; }
        location /view { webhook_api; }
        location /metrics { webhook_metrics; }
    }
}
EOC

###############################################################################

# for each kind of payload: a request, and then a dry run of the same values

my $body = '{"mail":"ann@example.com","size":2.50,"tags":["a",{"b":null}],'
	. '"state":"new","more":"' . "\xc3\xbc" . '"}';

for my $name (sort keys %endpoint) {
	$rx->forget();

	is(post("/app/$name?q=1%202", $body,
		'Content-Type' => 'application/json')->status(), 201,
		"$name: request");
	ok($rx->wait_requests(1, 10), "$name: sent") or next;

	my $got = $rx->request();
	my %command = (
		event => "made.$name", id => header($got, 'webhook-id'),
		path => "/app/$name?q=1%202", method => 'POST', status => 201,
		time => event_time($got),
	);

	my $r = render($name, encode_json(\%command) =~ s/}$/,"request":$body,/r
		. '"response":{"id": 12345678901234567890}}');

	is($r->{method}, $got->{method}, "$name: method");
	is(unmask($r->{url}, "http://127.0.0.1:" . $rx->port() . $got->{target}),
		"http://127.0.0.1:" . $rx->port() . $got->{target}, "$name: url");
	is($r->{event}, "made.$name", "$name: event");
	is($r->{location}, "/app/$name", "$name: location");
	ok($r->{fires}, "$name: it fires");
	is($r->{language}, $name eq 'translated' ? 'de' : undef,
		"$name: language");

	my $sent = $got->{body};

	utf8::encode($r->{body});
	$sent =~ s/&?token=[^&]*//;

	# the body of a raw payload is JSON here, which has lost its white space

	if ($name eq 'raw' || $name eq 'answer') {
		is_deeply(decode_json($r->{body}), decode_json($sent), "$name: body");

	} else {
		is($r->{body}, $sent, "$name: body");
	}

	is_deeply([map { lc $_->{name} } @{$r->{headers}}],
		[map { lc $_->[0] } headers($got)], "$name: names of headers");

	for (@{$r->{headers}}) {
		next if $_->{name} =~ /^(?:webhook-timestamp|traceparent)$/i;
		next if $_->{name} =~ /^content-length$/i
			&& $name =~ /^(?:raw|form|answer)$/;
		next if $_->{value} eq '***';

		is($_->{value}, header($got, $_->{name}), "$name: $_->{name}");
	}

	is($r->{content_type}, header($got, 'content-type'),
		"$name: content_type");
}

# secrets

my $all = '';

for (sort keys %endpoint) {
	my $r = post("/api/endpoints/$_/render", '{}', json());
	like($r->status(), qr/^(?:200|409)$/, "$_: without anything");
	$all .= $r->body();
}

unlike($all, qr/topsecret/, 'no secrets');
unlike($all, qr/dG9wc2VjcmV0|YW5uOn/, 'nor encoded ones');
is(value(render('keyed', '{}'), 'X-Key'), '***', 'masked: a header');
is(value(render('raw', '{"request":1}'), 'webhook-signature'), '***',
	'masked: a signature');

# values that are missing, and what is there instead

my $r = render('structured', '{"event":"made.structured","request":'
	. '{"mail":"x","size":"many"}}');
my %missing = map { ($_->{field} || '') . ' ' . ($_->{variable} || 'type'),
	exists $_->{instead} ? encode($_->{instead}) : 'left out' }
	@{$r->{missing}};

is_deeply(\%missing, {
	'who.tags tags' => 'null',
	'who.size type' => 'null',
	'answer.id id' => 'null',
	'none phone' => '"unknown"',
	'number type' => '-1',
	'gone phone' => 'left out',
	'both phone' => '""',
}, 'what is missing');

is_deeply([map { "$_->{variable} " . encode($_->{instead}) }
	@{render('text', '{"event":"made.text"}')->{missing}}],
	['email null', 'phone null'], 'in a template');
is_deeply([map { $_->{variable} } @{render('flat',
	'{"event":"made.flat","variables":{"email":"a","tags":"[]"}}')->{missing}}],
	['phone'], 'in a header');

# the default payload, and variables

$r = render('default', '{"event":"made.default","request":{"mail":"a",'
	. '"size":1,"tags":[1]},"variables":{"email":"b","size":null,'
	. '"state":true,"phone":12.50}}');
is_deeply(decode_json($r->{body})->{data}, { method => 'POST',
	path => '/app/default', status => 200, email => 'b', size => undef,
	tags => [1], state => JSON::PP::true(), phone => 12.5 },
	'given variables are values');
like($r->{body}, qr/"phone":12.50/, 'numbers stay as they are');
ok(!$r->{fires}, 'it would not fire by its status');

is(decode_json(render('keyed', '{"event":"made.keyed","variables":'
	. '{"email":"a@b.example"}}')->{body})->{domain}, 'b.example',
	'variables of variables');
is(decode_json(render('keyed', '{"event":"made.keyed","variables":'
	. '{"domain":"given"}}')->{body})->{domain}, 'given',
	'or these themselves');
is_deeply(decode_json(render('keyed', '{"event":"made.keyed","method":"PUT",'
	. '"path":"/a%20b?q=c","request":[1]}')->{body}), { domain => 'none',
	method => 'PUT', q => 'c', body => '[1]' }, 'variables of nginx');
ok(!render('default', '{"event":"made.default","status":201,"method":"GET"}')
	->{fires}, 'it would not fire by its method');
ok(!render('default', '{"event":"made.default","status":201,"variables":'
	. '{"state":"old"}}')->{fires}, 'nor by its condition');

# which trigger

$r = render('posted', '{"event":"made.two"}');
is($r->{location}, '/two', 'the first location that makes it');
ok(exists decode_json($r->{body})->{domain}, 'the payload of the trigger');
$r = render('posted', '{"event":"made.two","location":"/three"}');
is($r->{location}, '/three', 'or the one that is named');
ok(exists decode_json($r->{body})->{data}, 'the payload of the endpoint');

$r = render('asked', '{"event":"made.asked","request":{"mail":"a"},'
	. '"response":{"id":1},"status":500}');
is_deeply(decode_json($r->{body})->{data}, { method => 'POST',
	path => '/asked', email => 'a' }, 'on=request knows no response');
ok($r->{fires}, 'nor its status');

# events that are posted

$rx->forget();
is(post('/accept', '{"type":"post.x","id":"i1","data":{"mail":"m","n":1.0}}')
	->status(), 202, 'posted');
ok($rx->wait_requests(1, 10), 'and sent');
my $got = $rx->request();
$r = render('posted', '{"event":"post.x","id":"i1","time":' . event_time($got)
	. ',"request":{"type":"post.x","id":"i1","data":{"mail":"m","n":1.0}}}');
is($r->{body}, $got->{body}, 'an event that is posted');
is(value($r, 'webhook-id'), 'i1', 'its id');

# a test, as before

$r = render('default', '');
is($r->{event}, 'webhook.test', 'without a body: the test event');
is_deeply($r->{missing}, [], 'of which nothing is told');
is(render('default', '{}')->{event}, 'webhook.test', 'nothing is needed');
is(render('default', '{"variables":{"email":"x"}}')->{event}, 'webhook.test',
	'without an event, too');

# what would drop it

my %drop = (
	'large {"event":"made.large","variables":{"email":"' . 'x' x 2000 . '"}}' =>
		qr/larger than "webhook_max_event_size", at the body/,
	'structured {"event":"made.structured","variables":{"email":"'
		. 'x' x 5000 . '"}}' => qr/larger than .*at the field "who.mail"/,
	'segment {"event":"made.segment"}' => qr/no valid URL.*at the url/,
	'segment {"event":"made.segment","variables":{"email":"' . 'x' x 9000
		. '"}}' => qr/larger than "webhook_max_event_size", at the body/,
	'raw {}' => qr/payload is a body, and there is none/,
);

for (sort keys %drop) {
	my ($name, $body) = /^(\S+) (.*)/;
	my $r = post("/api/endpoints/$name/render", $body, json());

	is_error($r, 409, 'cannot_render', substr($_, 0, 40));
	like(decode_json($r->body())->{error}{message}, $drop{$_},
		substr($_, 0, 40) . ': why');
}

# base64

$r = render('text', '{"event":"made.text","variables":{"path":"a\u0000b"}}');
is($r->{body}, '{"m":null,"p":null,"q":"a\\u0000b"}', 'a NUL is escaped');

# nothing is sent, stored, or counted

$rx->forget();
my $count = sub { join '', sort grep { !/commit|stall|store_bytes|_seconds/ }
	split /^/, get('/metrics')->body() };
my $attempts;
ok(wait_for(sub {
	$attempts = get('/api/attempts')->body();
	return @{decode_json($attempts)->{attempts}} == 14;
}, 10), 'the history is written');
my $before = $count->();
render($_, qq({"event":"made.$_","request":$body,"response":{"id":1}}))
	for sort keys %endpoint;
is($count->(), $before, 'no counter has moved');
is(get('/api/attempts')->body(), $attempts, 'nothing is in the history');
is($rx->count(), 0, 'nothing was sent');

# who may

for my $path ('/view/endpoints/default/render', '/api/endpoints/default/render') {
	is(post($path, '{}', json())->status(), 200, "$path: it is a read");
	is_error(post($path, '{}', json(), Origin => 'https://evil.example'), 403,
		'cross_site', "$path: but for no other site");
	is_error(post($path, '{}', 'Content-Type' => 'text/plain'), 415,
		'content_type', "$path: content type");
	is_error(post($path, '{}'), 415, 'content_type', "$path: none");
	$r = get($path);
	is_error($r, 405, 'method_not_allowed', "$path: method");
	is($r->header('Allow'), 'POST', "$path: what is allowed");
}

# what is wrong

my @wrong = (
	['none', '{}', 404, 'no_such_endpoint'],
	['default', '{"event":"made.none"}', 404, 'no_such_event'],
	['default', '{"event":"made.raw"}', 404, 'no_such_event'],
	['default', '{"event":"made.default","location":"/no"}', 404,
		'no_such_event'],
	['default', '{', 400, 'bad_body', qr/not JSON.*octet 1/],
	['default', '{"event":"a"', 400, 'bad_body', qr/not JSON/],
	['default', "{\"event\":\"\xff\"}", 400, 'bad_body', qr/not JSON/],
	['default', '[' x 1000, 400, 'bad_body'],
	['default', '[]', 400, 'bad_body', qr/must be an object/],
	['default', '{"evnt":"a"}', 400, 'bad_body', qr/must be among event/],
	['default', '{"event":1}', 400, 'bad_body', qr/"event"/],
	['default', '{"event":"a b"}', 400, 'bad_body', qr/"event".*labels/],
	['default', '{"location":"/"}', 400, 'bad_body', qr/"location".*event/],
	['default', '{"id":"a b"}', 400, 'bad_body', qr/"id"/],
	['default', '{"method":"GET /"}', 400, 'bad_body', qr/"method"/],
	['default', '{"path":"a"}', 400, 'bad_body', qr/"path"/],
	['default', '{"path":"/a b"}', 400, 'bad_body', qr/"path"/],
	['default', '{"path":"/a\r\nX: y"}', 400, 'bad_body', qr/"path"/],
	['default', '{"status":99}', 400, 'bad_body', qr/"status".*100 to 599/],
	['default', '{"time":-1}', 400, 'bad_body', qr/"time"/],
	['default', '{"variables":{"no_such":"a"}}', 400, 'bad_body',
		qr/"variables".*no variable/],
	['default', '{"variables":{"email":{}}}', 400, 'bad_body',
		qr/"variables".*members must be/],
	['default?x=1', '{}', 400, 'unknown_argument'],
	['default', ' ' x 65537, 413, 'body_too_large'],
);

for (@wrong) {
	my ($name, $body, $status, $code, $like) = @$_;

	my $what = "$name " . substr $body, 0, 40;
	$name =~ s/(\?.*)?$/'\/render' . ($1 || '')/e;

	my $r = post("/api/endpoints/$name", $body =~ s/\\r\\n/\\u000d\\u000a/r,
		json());
	is_error($r, $status, $code, $what);
	like(decode_json($r->body())->{error}{message}, $like, "$what: message")
		if $like;
}

# bodies that come in pieces, or are written to a file

my $long = '{"event":"made.keyed","variables":{"email":"a@b.example"}'
	. ' ' x 40000 . '}';
is(decode_json(render('keyed', $long)->{body})->{domain}, 'b.example',
	'a long body');

sub chunked { join('', map { sprintf("%x\r\n%s\r\n", length, $_) } @_)
	. "0\r\n\r\n" }

$r = post('/api/endpoints/keyed/render', chunked($long =~ /.{1,9000}/gs),
	json(), 'Transfer-Encoding' => 'chunked');
is($r->status(), 200, 'a chunked body');
is_error(post('/api/endpoints/keyed/render',
	chunked(('{"a":' . ' ' x 8000) x 9), json(),
	'Transfer-Encoding' => 'chunked'), 413, 'body_too_large',
	'a chunked body that is too large');

# afterwards a connection is used again

my $s = $t->connect_port('http');
my $two = join '', map { my $b = $_; "POST /api/endpoints/default/render "
	. "HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
	. 'Content-Length: ' . length($b) . "\r\n"
	. ($b eq '{}' ? "Connection: close\r\n" : '') . "\r\n$b" } '{"x":', '{}';
my $answers = $t->http($two, socket => $s, until_close => 1);
is(join(' ', $answers =~ m!HTTP/1.1 (\d+)!g), '400 200',
	'a connection goes on after an error');

done_testing();

###############################################################################

sub json { ('Content-Type' => 'application/json') }

sub render {
	my ($name, $body) = @_;
	my $r = post("/api/endpoints/$name/render", $body, json());

	return $r->status() == 200 ? decode_json($r->body())
		: die "render $name: " . $r->status() . ' ' . $r->body();
}

sub encode { JSON::PP->new()->allow_nonref()->encode($_[0]) }

sub value {
	my ($r, $name) = @_;
	return (map { $_->{value} } grep { lc $_->{name} eq lc $name }
		@{$r->{headers}})[0];
}

sub headers { @{$_[0]->{headers}} }

sub header {
	my ($r, $name) = @_;
	return (map { $_->[1] } grep { lc $_->[0] eq lc $name } headers($r))[0];
}

# of the event, wherever it shows

sub event_time {
	my ($r) = @_;

	my $text = join "\n", $r->{body}, map { $_->[1] } headers($r);

	return $1 + 0 if $text =~ /"at":(\d+)/;

	return 1_000_000_000_000 unless $text
		=~ /(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{3})Z/;

	return timegm($6, $5, $4, $3, $2 - 1, $1) * 1000 + $7;
}

# what is masked, as it was sent

sub unmask {
	my ($masked, $sent) = @_;

	my $re = join '(.*?)', map { quotemeta } split /\*\*\*/, $masked, -1;

	return $sent =~ /\A$re\z/ ? $sent : $masked;
}

sub is_error {
	my ($r, $status, $code, $name) = @_;
	my $e = eval { decode_json($r->body())->{error} } || {};

	is($r->status() . ' ' . ($e->{code} || $r->body()), "$status $code",
		$name);
}

###############################################################################

#!/usr/bin/perl

# Tests for payloads of the kind cloudevents (CloudEvents 1.0.2, its JSON
# format and its HTTP binding).

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use MIME::Base64 qw/ encode_base64 decode_base64 /;
use Sys::Hostname;

use Test::Webhook qw/ :DEFAULT find_in_log /;
use Test::Webhook::App;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');
my $app = Test::Webhook::App->new($t, port => 'app');

# each payload in both modes

my %payloads = (
	default => '',
	fields => 'field contact.email $s; field n 1 number;',
	full => 'source https://shop.example.com/orders; type com.example.$webhook_event;
		subject "order $s"; dataschema https://example.com/schema#1;
		extension partitionkey $s; extension sequence $webhook_time;
		extension traceparent $http_traceparent;
		extension i $arg_i integer; extension b $arg_b boolean;
		extension bin $s binary; extension u $arg_u uri;
		extension r $arg_u uriref; extension t $arg_t timestamp;
		extension fixed "a b"; extension fixedn -5 integer;
		extension fixedb 1 boolean;
		datacontenttype application/vnd.some+json; field s $s;',
	variable => 'source $arg_source; type $arg_type; dataschema $arg_source;
		field a b;',
	raw => 'body request;',
	text => 'body request; datacontenttype "text/plain; charset=utf-8";',
	json => 'body request; datacontenttype application/some+json;',
);

my $payloads = join '', map { my $p = $_; map { <<"EOE" }
    webhook_payload $p$_ cloudevents $_ {
        $payloads{$p}
    }

    webhook_endpoint $p$_ {
        url http://127.0.0.1:%%PORT_rx%%/$p/$_;
        allow_http on;
        payload $p$_;
        retry off;
    }

EOE
	qw/ structured binary / } sort keys %payloads;

sub both { join ',', map { ("${_}structured", "${_}binary") } @_ }

my $conf = <<'EOC';
%%TEST_GLOBALS%%

worker_processes 1;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;
    client_body_buffer_size 64k;

%%PAYLOADS%%

    webhook_endpoint get {
        url http://127.0.0.1:%%PORT_rx%%/get/binary;
        allow_http on;
        method GET;
        payload fieldsbinary;
    }

    webhook_json $s request /s;
    webhook_json $o request /o type=json;

    log_format result '$request_uri [$webhook_result]';

    server {
        listen 127.0.0.1:%%PORT_http%%;
        server_name shop.example.com;
        access_log %%TESTDIR%%/result.log result;

        location / {
            webhook order.created method=POST to=%%ALL%%;
            proxy_pass http://127.0.0.1:%%PORT_app%%/length/2;
        }

        location /raw {
            webhook order.created to=%%RAW%%;
            proxy_pass http://127.0.0.1:%%PORT_app%%/length/2;
        }

        location /get {
            webhook order.created to=get;
            proxy_pass http://127.0.0.1:%%PORT_app%%/length/2;
        }

        location /accept {
            webhook order.created method=POST to=%%ALL%%;
            webhook_accept;
        }
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;
        server_name "~^(a|b c)$";

        location / {
            webhook order.created to=defaultstructured,defaultbinary;
            proxy_pass http://127.0.0.1:%%PORT_app%%/length/2;
        }
    }
}
EOC

my @all = qw/ default fields full variable /;
my @raw = qw/ raw text json /;

$conf =~ s/%%PAYLOADS%%\n/$payloads/;
$conf =~ s/%%ALL%%/both(@all)/ge;
$conf =~ s/%%RAW%%/both(@raw)/ge;

$t->conf($conf)->run();

my $uuid = qr/[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}/;
my $iso = qr/20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/;
my $own = qr/"specversion":"1\.0","id":"$uuid","source":"\/\/shop\.example\.com","type":"order\.created","time":"$iso"/;
my $json = JSON::PP->new()->utf8()->canonical();
my $trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
my %r;

###############################################################################

# the attributes of the event

%r = send_to('/', '{"s":"a@example.com","o":{"x":1}}');

like($r{default}{structured}{body}, qr/^\{$own,"datacontenttype":"application\/json","data":\{"method":"POST","path":"\/","status":200,"s":"a\@example\.com","o":\{"x":1\}\}\}$/,
	'structured, default data');
is($r{default}{structured}{header}{'content-type'},
	'application/cloudevents+json; charset=utf-8', 'content type');
is($r{default}{binary}{body}, '{"method":"POST","path":"/","status":200,'
	. '"s":"a@example.com","o":{"x":1}}', 'binary, default data');
is($r{default}{binary}{header}{'content-type'}, 'application/json',
	'content type of the data');
is(ce($r{default}{binary}), 'id source specversion time type',
	'attributes are headers');

my %a = %{$json->decode($r{default}{structured}{body})};
my $h = $r{default}{binary}{header};

is($h->{"ce-$_"}, $a{$_}, "$_ is the same in both")
	for qw/ id source specversion time type /;
is($a{id}, $h->{'webhook-id'}, 'and the id is that of the event');
is($r{default}{structured}{header}{'ce-id'}, undef,
	'no headers with structured');

like($r{fields}{structured}{body}, qr/^\{$own,"datacontenttype":"application\/json","data":\{"contact":\{"email":"a\@example\.com"\},"n":1\}\}$/,
	'data of fields');
is($r{fields}{binary}{body}, '{"contact":{"email":"a@example.com"},"n":1}',
	'binary data of fields');

# all kinds of attributes

%r = send_to('/?i=-7&b=0&u=urn:a&t=2020-02-29T00:00:00Z', '{"s":"x y"}',
	"traceparent: $trace");

like($r{full}{structured}{body}, qr/^\{"specversion":"1\.0","id":"$uuid","source":"https:\/\/shop\.example\.com\/orders","type":"com\.example\.order\.created","time":"$iso","subject":"order x y","dataschema":"https:\/\/example\.com\/schema#1","partitionkey":"x y","sequence":"$iso","traceparent":"$trace","i":-7,"b":false,"bin":"eCB5","u":"urn:a","r":"urn:a","t":"2020-02-29T00:00:00Z","fixed":"a b","fixedn":-5,"fixedb":true,"datacontenttype":"application\/vnd\.some\+json","data":\{"s":"x y"\}\}$/,
	'attributes in their order');

$h = $r{full}{binary}{header};

is($h->{'ce-source'}, 'https://shop.example.com/orders', 'source');
is($h->{'ce-type'}, 'com.example.order.created', 'type');
is($h->{'webhook-event'}, 'order.created', 'the event is what it was');
is($h->{'ce-subject'}, 'order%20x%20y', 'subject');
is($h->{'ce-dataschema'}, 'https://example.com/schema#1', 'dataschema');
is($h->{'ce-partitionkey'}, 'x%20y', 'partitionkey');
is($h->{'ce-sequence'}, $h->{'ce-time'}, 'sequence');
is($h->{'ce-traceparent'}, $trace, 'traceparent');
is($h->{'ce-i'}, '-7', 'integer');
is($h->{'ce-b'}, 'false', 'boolean');
is($h->{'ce-bin'}, 'eCB5', 'binary');
is($h->{'ce-u'}, 'urn:a', 'uri');
is($h->{'ce-fixed'}, 'a%20b', 'fixed');
is($h->{'ce-fixedb'}, 'true', 'fixed boolean');
is($h->{'ce-datacontenttype'}, undef, 'datacontenttype is no header');
is($h->{'content-type'}, 'application/vnd.some+json', 'but Content-Type');

# what is missing is left out, and what is not of its type

my $few = 'fixed fixedb fixedn id sequence source specversion subject time '
	. 'type dataschema';

%r = send_to('/', '{}');
is(ce($r{full}{binary}), join(' ', sort split / /, $few),
	'missing values are left out');

%r = send_to("/?i=2147483648&b=yes&u=/a%20b&t=today&source=a\"b&type=\xff", '{}',
	'traceparent: 00-' . '0' x 32 . '-00f067aa0ba902b7-01');
is(ce($r{full}{binary}), join(' ', sort split / /, "$few r"),
	'values that are not of their type are left out');
is($r{full}{binary}{header}{'ce-r'}, '/a%2520b',
	'which a reference to an URI is');
is(join(' ', sort keys %{$json->decode($r{full}{structured}{body})}),
	join(' ', sort split / /, "$few r data datacontenttype"),
	'in structured ones, too');
ok(find_in_log(qr/value of field "i" is not of its type, endpoint "fullbinary"/),
	'that is logged');

is($r{variable}{binary}{header}{'ce-source'}, '//shop.example.com',
	'a source is never missing');
is($r{variable}{binary}{header}{'ce-type'}, 'order.created', 'nor a type');

%r = send_to('/?source=urn:x&type=a.b', '{}');
is($r{variable}{binary}{header}{'ce-source'}, 'urn:x', 'source of a variable');
is($r{variable}{binary}{header}{'ce-type'}, 'a.b', 'type of a variable');
is($r{variable}{binary}{header}{'ce-dataschema'}, 'urn:x', 'and a schema');

%r = send_to('/', '{}', 'Host: a');
is($r{default}{binary}{header}{'ce-source'}, '//' . lc hostname(),
	'a server named by a regular expression');

###############################################################################

# injection

my $evil = "a\"b%c d\x{e4}\x{20ac}\x{1f600}\\}{:,";

%r = send_to('/', $json->encode({ s => $evil }));

is($json->decode($r{full}{structured}{body})->{subject}, "order $evil",
	'injection into an attribute');
is($json->decode($r{full}{structured}{body})->{data}{s}, $evil,
	'injection into the data');
is($r{full}{binary}{header}{'ce-partitionkey'},
	'a%22b%25c%20d%C3%A4%E2%82%AC%F0%9F%98%80\}{:,',
	'injection into a header');

for my $bad ("a\r\nce-x: 1", "a\nb", "\0", "\x7f", "\x{85}", "\x{fffe}") {
	%r = send_to('/', $json->encode({ s => $bad }));

	my $name = $json->encode([$bad]);

	is($r{full}{binary}{header}{'ce-partitionkey'}, undef,
		"no attribute is $name");
	is($r{full}{binary}{header}{'ce-x'}, undef, 'and no header more');
	is($json->decode($r{full}{structured}{body})->{partitionkey}, undef,
		'nor a member');
	is($json->decode($r{full}{structured}{body})->{data}{s}, $bad,
		'but data may be');
	is(decode_base64($r{full}{binary}{header}{'ce-bin'}),
		do { my $b = $bad; utf8::encode($b); $b }, 'and binary, too');
}

%r = send_to('/', $json->encode({ s => 'a' x 4096 }));
is(length $r{full}{binary}{header}{'ce-partitionkey'}, 4096,
	'as long as it may be');
is($r{full}{binary}{header}{'ce-subject'}, undef, 'a longer one is left out');

%r = send_to('/', $json->encode({ s => 'a' x 30000 }));
is($r{full}{binary}{header}{'ce-partitionkey'}, undef, 'much longer');
is(length $json->decode($r{full}{binary}{body})->{s}, 30000, 'data is there');

###############################################################################

# bodies

%r = send_to('/raw', ' {"a": 1} ', 'Content-Type: application/json');

like($r{raw}{structured}{body}, qr/^\{$own,"datacontenttype":"application\/json","data": \{"a": 1\} \}$/,
	'JSON as it was');
is($r{raw}{binary}{body}, ' {"a": 1} ', 'octets as they were');
is($r{raw}{binary}{header}{'content-type'}, 'application/json',
	'with their type');
is($json->decode($r{text}{structured}{body})->{data}, ' {"a": 1} ',
	'text is a string');
is($json->decode($r{text}{structured}{body})->{datacontenttype},
	'text/plain; charset=utf-8', 'with its type');
is($r{text}{binary}{header}{'content-type'}, 'text/plain; charset=utf-8',
	'and as a header');

%r = send_to('/raw', "\"\\\r\n\0\xc3\xa4", 'Content-Type: text/some');

is($json->decode($r{raw}{structured}{body})->{data}, "\"\\\r\n\0\x{e4}",
	'injection into text');
is($r{raw}{binary}{body}, "\"\\\r\n\0\xc3\xa4", 'text as it was');
is($json->decode($r{json}{structured}{body})->{data_base64},
	encode_base64("\"\\\r\n\0\xc3\xa4", ''),
	'what should be JSON, and is not, are octets');

%r = send_to('/raw', "a\xff", 'Content-Type: text/some');

my $d = $json->decode($r{raw}{structured}{body});
is($d->{data_base64}, encode_base64("a\xff", ''), 'other octets');
ok(!exists $d->{data}, 'and no data beside');
is($r{raw}{binary}{body}, "a\xff", 'octets in binary');

%r = send_to('/raw', '{"a":1}');
$d = $json->decode($r{raw}{structured}{body});
is($json->encode($d->{data}), '{"a":1}', 'data without a type is JSON');
ok(!exists $d->{datacontenttype}, 'and has none');
is($r{raw}{binary}{header}{'content-type'}, undef, 'in binary, too');

%r = send_to('/raw', 'text');
$d = $json->decode($r{raw}{structured}{body});
is($d->{data_base64}, encode_base64('text', ''), 'or octets');
is($d->{datacontenttype}, 'application/octet-stream', 'of a type that says so');

%r = send_to('/raw', '{"a":1}', "Content-Type: a/json\x01");
$d = $json->decode($r{raw}{structured}{body});
ok(!exists $d->{datacontenttype}, 'a type that cannot be an attribute');

%r = send_to('/raw', '');
$d = $json->decode($r{raw}{structured}{body});
ok(!exists $d->{data} && !exists $d->{data_base64}, 'no data');
is($r{raw}{binary}{body}, '', 'no data in binary');

%r = send_to('/raw', 'abc', 'Content-Encoding: own', 3);
is($r{raw}{binary}{header}{'content-encoding'}, 'own', 'an encoded body');
is($r{raw}{structured}, undef, 'which structured ones cannot be');

###############################################################################

# no body at all; an event that is posted

%r = send_to('/get', '{"s":"x"}', '', 1);
is($r{get}{binary}{method}, 'GET', 'GET');
like($r{get}{binary}{header}{'ce-id'}, qr/^$uuid$/, 'has the attributes');

%r = send_to('/accept', '{"type":"order.created","data":{"s":"x", "n":1.0}}');
is($r{default}{binary}{body}, '{"s":"x","n":1.0}', 'data of a posted event');
like($r{default}{structured}{body}, qr/,"data":\{"s":"x","n":1\.0\}\}$/,
	'in structured ones, too');

ok($t->stop(), 'stopped');

$t->done_testing();

###############################################################################

sub send_to {
	my ($uri, $body, $header, $n) = @_;
	my %r;

	my @headers = $header || ();

	unshift @headers, 'Host: shop.example.com' unless "@headers" =~ /^Host:/;

	$n ||= $uri =~ /raw/ ? 6 : "@headers" =~ /^Host: a$/ ? 2 : 8;

	$rx->forget();

	http(join "\r\n", "POST $uri HTTP/1.1", @headers, 'Connection: close',
		'Content-Length: ' . length($body), '', $body);

	for ($rx->wait_requests($n, 10)) {
		$r{$1}{$2} = $_ if $_->{target} =~ m!^/(\w+)/(\w+)!;
	}

	return %r;
}

sub ce {
	my ($r) = @_;

	return join ' ', sort map { /^ce-(.*)/ ? $1 : () } keys %{$r->{header}};
}

###############################################################################

#!/usr/bin/perl

# Tests for payloads of the kind raw: a body as it was on the wire, with its
# own Content-Type and Content-Encoding.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Compress::Gzip qw/ gzip /;

use Test::Webhook qw/ :DEFAULT find_in_log /;
use Test::Webhook::App;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');
my $app = Test::Webhook::App->new($t, port => 'app');

my %endpoints = (
	raw => 'payload request;',
	typed => 'payload typed;',
	get => 'method GET; payload request;',
	own => 'payload request; header Content-Encoding own;
		header Content-Type $arg_type;',
	response => 'payload response;',
	other => 'payload other;',
);

my $endpoints = join '', map { <<"EOE" } sort keys %endpoints;
    webhook_endpoint $_ {
        url http://127.0.0.1:%%PORT_rx%%/$_;
        allow_http on;
        retry off;
        $endpoints{$_}
    }

EOE

my $conf = <<'EOC';
%%TEST_GLOBALS%%

worker_processes 1;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;
    webhook_max_event_size 16k;
    client_body_buffer_size 64k;

    webhook_payload request raw { body request; }
    webhook_payload response raw { body response; }

    webhook_payload typed raw {
        body request;
        content_type application/vnd.some+json;
    }

    webhook_payload other structured { field method $request_method; }

%%ENDPOINTS%%
    log_format result '$request_uri [$webhook_result]';

    server {
        listen 127.0.0.1:%%PORT_http%%;
        access_log %%TESTDIR%%/result.log result;

        location / {
            webhook some.event to=raw,typed,get,own;
            proxy_pass http://127.0.0.1:%%PORT_app%%/length/2;
        }

        location /small {
            client_body_buffer_size 16;
            webhook some.event to=raw;
            proxy_pass http://127.0.0.1:%%PORT_app%%/length/2;
        }

        location /unbuffered {
            proxy_request_buffering off;
            proxy_http_version 1.1;
            webhook some.event to=raw;
            proxy_pass http://127.0.0.1:%%PORT_app%%/length/2;
        }

        location /response {
            webhook some.event to=response;
            proxy_pass http://127.0.0.1:%%PORT_app%%/length/1000?header=Content-Type:text/some&header=Content-Encoding:own;
        }

        location /captured/ {
            webhook_capture on;
            webhook_json $a request /a;
            webhook some.event to=response;
            proxy_pass http://127.0.0.1:%%PORT_app%%/;
        }

        location /static/ {
            alias %%TESTDIR%%/;
            webhook some.event to=response,other;
        }

        location /return {
            webhook some.event to=raw,other;
            webhook other.event to=raw;
            return 200;
        }
    }
}
EOC

$t->write_file('file', '0123456789' x 10);

$conf =~ s/%%ENDPOINTS%%\n/$endpoints/;

$t->conf($conf)->run();

my %r;

###############################################################################

my $body = join '', map { chr } 0 .. 255;

%r = send_to('/', 4, $body, 'Content-Type: application/some; a="b"');

is($r{raw}{body}, $body, 'the body, whatever octets it has');
is($r{raw}{header}{'content-type'}, 'application/some; a="b"',
	'with its own Content-Type');
is($r{raw}{header}{'content-length'}, 256, 'and its length');
is($r{raw}{header}{'content-encoding'}, undef, 'and no Content-Encoding');
ok($r{raw}{header}{'webhook-id'}, 'and the headers of an event');
is($r{typed}{header}{'content-type'}, 'application/vnd.some+json',
	'content_type of the payload');
is($r{typed}{body}, $body, 'and the same body');
is($r{get}{body}, '', 'GET has no body');
is($r{get}{target}, '/get', 'a raw body is no query');

gzip \$body => \my $zipped or die;

%r = send_to('/?type=mine', 4, $zipped, 'Content-Encoding: gzip');

is($r{raw}{body}, $zipped, 'a body is not inflated');
is($r{raw}{header}{'content-encoding'}, 'gzip', 'its Content-Encoding is told');
is($r{raw}{header}{'content-type'}, undef, 'no Content-Type if it had none');
is($r{typed}{header}{'content-encoding'}, 'gzip',
	'Content-Encoding beside content_type');
is($r{get}{header}{'content-encoding'}, undef, 'no encoding of no body');
is($r{own}{header}{'content-encoding'}, 'own',
	'Content-Encoding of the endpoint wins');
is($r{own}{header}{'content-type'}, 'mine', 'and its Content-Type');

for my $where (qw/ small unbuffered /) {
	my $large = 'l' x 10000;

	%r = send_to("/$where", 1, $large, 'Content-Type: text/plain');
	ok(defined $r{raw}{body} && $r{raw}{body} eq $large,
		"body of a request, $where");
	is($r{raw}{header}{'content-type'}, 'text/plain', "$where, its type");

	%r = send_to("/$where", 1, "4\r\nsome\r\n6\r\n chunk\r\n0\r\n\r\n",
		'Transfer-Encoding: chunked', 'Content-Type: text/plain');
	is($r{raw}{body}, 'some chunk', "$where, chunked: without the chunks");
	is($r{raw}{header}{'transfer-encoding'}, undef,
		"$where, chunked: with a length");
}

# headers are for the receiver, not for whoever sends them

%r = send_to('/', 4, 'body', "Content-Type: a\x01b");
is($r{raw}{header}{'content-type'}, undef,
	'Content-Type with a control character is left out');
is($r{raw}{body}, 'body', 'and the event is sent');

%r = send_to('/', 4, 'body', "Content-Encoding: a\x7fb");
is($r{raw}{header}{'content-encoding'}, undef,
	'Content-Encoding with a control character, too');
ok(find_in_log(qr/webhook payload "request": Content-Encoding of the body has a control character, header is left out/),
	'which is logged');

# a body that there is not

%r = send_to('/return', 1, 'not read');

is($r{other}{body}, '{"method":"POST"}', 'another endpoint has its event');
ok(find_in_log(qr/event is a raw body that is not to be had, dropped: event "some\.event".*endpoint "raw"/),
	'a body that is not to be had is dropped and logged');
ok($rx->only_requests(1, 0.2), 'and not sent');
ok(wait_for(sub {
	$t->read_file('result.log') =~ m!^/return \[committed,dropped\]!m
}, 10), 'and dropped is the result');

# a body that is too large

$rx->forget();
request('/', 'b' x 20000);
ok(wait_for(sub {
	$t->read_file('result.log') =~ m!^/ \[dropped\]!m
}, 10), 'a body larger than an event may be is dropped');
is($rx->count(), 0, 'all or nothing of it is sent');

# responses

%r = send_to('/response', 1, '');
ok(defined $r{response}{body} && $r{response}{body} eq 'x' x 1000,
	'body of a response');
is($r{response}{header}{'content-type'}, 'text/some', 'with its type');
is($r{response}{header}{'content-encoding'}, 'own', 'and its encoding');

%r = send_to('/captured/length/1000', 1, '');
is(length $r{response}{body}, 1000,
	'beside webhook_capture, which is for the other body');

%r = get_of('/static/file', 2);
is($r{response}{body}, '0123456789' x 10, 'body of a file');

%r = get_of('/static/file', 1, 'Range: bytes=3-5');
ok($r{other}, 'a part of a file has an event');
ok($rx->only_requests(1, 0.2), 'but none of a raw body');

$t->stop();
$t->done_testing();

###############################################################################

# the requests by endpoint

sub send_to {
	my ($uri, $n, $body, @headers) = @_;

	$rx->forget();
	request($uri, $body, @headers);

	return map { $_->{target} =~ m!^/(\w+)! ? ($1 => $_) : () }
		$rx->wait_requests($n, 10);
}

sub get_of {
	my ($uri, $n, @headers) = @_;

	$rx->forget();
	http(join "\r\n", "GET $uri HTTP/1.1", 'Host: localhost',
		'Connection: close', @headers, '', '');

	return map { $_->{target} =~ m!^/(\w+)! ? ($1 => $_) : () }
		$rx->wait_requests($n, 10);
}

sub request {
	my ($uri, $body, @headers) = @_;

	push @headers, 'Content-Length: ' . length $body
		unless grep { /^Transfer-Encoding/ } @headers;

	return http(join "\r\n", "POST $uri HTTP/1.1", 'Host: localhost',
		'Connection: close', @headers, '', $body);
}

###############################################################################

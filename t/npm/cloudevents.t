#!/usr/bin/perl

# The SDK of CloudEvents parses and validates what "cloudevents" payloads are;
# run by "make npm", which installs it.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/../lib";

use IPC::Open2;
use JSON::PP;

use Test::Webhook;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();
my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

my $endpoints = join '', map { <<"EOC" } qw/ fields raw binary default /;

    webhook_endpoint $_ {
        url http://127.0.0.1:%%PORT_rx%%/$_;
        allow_http on;
        payload $_;
    }
EOC

$t->conf(<<"EOC")->run();
%%TEST_GLOBALS%%

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

    webhook_payload fields cloudevents structured {
        source https://crm.example.com/nginx;
        subject \$arg_s;
        extension attempts 3 integer;
        field name \$arg_s;
        field status \$status number;
    }

    webhook_payload raw cloudevents structured {
        subject \$arg_s;
        body request;
    }

    webhook_payload binary cloudevents binary {
        subject \$arg_s;
        body request;
    }

    webhook_payload default cloudevents binary { }
$endpoints
    server {
        listen 127.0.0.1:%%PORT_http%%;

        location / {
            webhook some.event to=fields,raw,binary,default;
            proxy_pass http://127.0.0.1:%%PORT_app%%;
        }
    }

    server {
        listen 127.0.0.1:%%PORT_app%%;
        location / { return 201; }
    }
}
EOC

###############################################################################

my $subject = "\xc3\xa4 \"b\" 100%";
my $escaped = '%C3%A4%20%22b%22%20100%25';

post("/?s=$escaped", "\0\xffa,b", 'Content-Type' => 'application/octet-stream');

my %event = map { $_->{target} => parse($_) } $rx->wait_requests(4, 20);

for my $name (qw/ fields raw binary default /) {
	my $e = $event{"/$name"};

	is($e->{error}, undef, "$name: valid");
	is($e->{specversion}, '1.0', "$name: version");
	is($e->{type}, 'some.event', "$name: type");
	like($e->{id}, qr/^[0-9a-f-]{36}$/, "$name: id");
	like($e->{time}, qr/^20\d\d-.*Z$/, "$name: time");
}

is($event{'/fields'}{source}, 'https://crm.example.com/nginx', 'source');
is($event{'/fields'}{attempts}, 3, 'an extension');
is($event{'/fields'}{data}{status}, 201, 'data of fields');
is($event{'/raw'}{data_base64}, 'AP9hLGI=', 'binary data in JSON');
is($event{'/binary'}{datacontenttype}, 'application/octet-stream',
	'type of a body');
is($event{'/default'}{data}{status}, 201, 'default data');

$t->stop();
$t->done_testing();

###############################################################################

sub parse {
	my ($r) = @_;

	my %headers = map { lc $_->[0] => $_->[1] } @{$r->{headers}};

	my $pid = open2(my $out, my $in, 'node', "$FindBin::Bin/parse.js");

	binmode $in;
	print $in JSON::PP->new->ascii->encode({ headers => \%headers,
		body => $r->{body} });
	close $in;

	my $line = join '', <$out>;
	waitpid $pid, 0;

	return JSON::PP->new->decode($line);
}

###############################################################################

#!/usr/bin/perl

# Tests for payloads, structured and text, for the headers of attempts, and for
# secrets, which are nowhere but in the attempts.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use MIME::Base64 qw/ encode_base64 /;

use Test::Webhook qw/ :DEFAULT find_in_log log_mark /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

# secrets of each kind; what an attempt carries must be found at the receiver
# only

my %secret = map { $_ => "SECRET-$_-" . int(rand(1e9)) }
	qw/ password filepassword envpassword token filetoken envtoken
	header fileheader envheader /;

my $t = Test::Webhook->new(debug => 1, env => {
	map { uc $_ => $secret{$_} } qw/ envpassword envtoken envheader /
});

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

for (qw/ filepassword filetoken fileheader /) {
	$t->write_file($_, $secret{$_} . ($_ eq 'filetoken' ? "\r\n"
		: $_ eq 'fileheader' ? "\n" : ''));
	chmod 0600, $t->testdir() . "/$_";
}

$t->write_file('template.txt', "line 1 \${arg_s|none}\nline 2 \$\$\n\n");

my %conf = map { $_ => $secret{$_} } keys %secret;

$t->conf(<<"EOC")->run();
%%TEST_GLOBALS%%

worker_processes 1;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

    webhook_payload nested structured {
        field event \$webhook_event;
        field a.b.c 1;
        field x first;
        field a.b.d 2 number;
        field a.e "";
        field x\\.y dotted;
        field x\\\\y backslashed;
        field a.b.e.f.g deep;
        field z.z.z \$arg_none;
        field "quoted \\"name\\"" 1 boolean;
        field last end;
    }

    webhook_payload types structured {
        field s \$arg_s;
        field s2 \$arg_s string;
        field text "<\$arg_s|\${arg_t}>\$\$";
        field n \$arg_n number;
        field nd \$arg_n number default=-1.50;
        field b \$arg_b boolean;
        field bd \$arg_b boolean default=true;
        field j \$arg_j json;
        field jd \$arg_j json default=[];
        field nothing "" null;
        field t \$arg_t time;
        field tu \$arg_t time:unix;
        field tm \$arg_t time:ms;
        field ts \$arg_t time:us;
        field td \$arg_t time:iso default=0;
        field fixed.s text;
        field fixed.n 1e400 number;
        field fixed.b 0 boolean;
        field fixed.j '{"a": [1, 2]}' json;
        field fixed.t 1 time;
        field d \$arg_d default=fallback;
        field de \$arg_d default=;
    }

    webhook_payload omit structured {
        field s \$arg_s omit_empty;
        field n \$arg_n number omit_empty;
        field nd \$arg_n number omit_empty default=0;
        field f "" omit_empty;
        field o.s \$arg_s omit_empty;
        field o.p \$arg_s omit_empty;
        field last 1;
    }

    webhook_payload times structured {
        content_type application/vnd.some+json;
        field iso \$webhook_time time;
        field unix \$webhook_time time:unix;
        field ms \$webhook_time time:ms;
        field us \$webhook_time time:us;
        field text \$webhook_time;
        field in "at \$webhook_time";
        field id \$webhook_id;
        field status \$status number;
        field method \$request_method;
    }

    webhook_payload escapes text {
        template '\${arg_s|json},\${arg_s|json-in-string},\${arg_s|url},\${arg_s|form},\${arg_s|none},\$\$';
    }

    webhook_payload events text {
        content_type application/x-www-form-urlencoded;
        template "\${webhook_event|form}&\${webhook_id|url}&\${webhook_time|url}&\${webhook_event|json}";
    }

    webhook_payload fixed text { template "fixed text"; }
    webhook_payload nothing text { template ""; }
    webhook_payload file text { file template.txt; content_type text/plain; }

    @{[ map { endpoint($_, "payload $_;") }
        qw/ nested types omit times escapes events fixed nothing file / ]}

    @{[ endpoint('default', ''),
        endpoint('put', 'method PUT; payload fixed;'),
        endpoint('get', 'method GET; payload fixed;'),
        endpoint('delete', 'method DELETE; payload nothing;'),
        endpoint('off', 'event_headers off;'),
        endpoint('retried', 'retry 20ms;'),
        endpoint('headers', 'header X-Literal "some text"; '
            . 'header X-Variable \$arg_v; header X-Text "v: \$arg_v"; '
            . 'header X-Twice 1; header X-Twice 2; '
            . 'header User-Agent own/1.0; '
            . 'header content-type application/own; '
            . 'header Traceparent 00-own;'),
        endpoint('replaced', 'header User-Agent \$arg_v; '
            . 'header Content-Type \$arg_v;'),
        endpoint('basic', "basic ann $conf{password};"),
        endpoint('basicfile', 'basic ann file:filepassword;'),
        endpoint('basicenv', 'basic ann env:ENVPASSWORD;'),
        endpoint('bearer', "bearer $conf{token};"),
        endpoint('bearerfile', 'bearer file:filetoken;'),
        endpoint('bearerenv', 'bearer env:ENVTOKEN;'),
        endpoint('bearervariable', 'bearer \$arg_v;'),
        endpoint('header', "header X-Key $conf{header};"),
        endpoint('headerfile',
            'header X-Key file:%%TESTDIR%%/fileheader;'),
        endpoint('headerenv', 'header X-Key env:ENVHEADER;'),
        endpoint('authorization',
            "header Authorization \\"Some $conf{header}\\";") ]}

    upstream named { server 127.0.0.1:%%PORT_rx%%; }

    webhook_endpoint upstream {
        url http://named/upstream?a=b&c=%20d;
        allow_http on;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location /to/ {
            webhook some.event to=nested,types,omit,times,escapes,events;
            webhook other.event to=fixed,nothing,file;
            return 201;
        }

        location /default/ { webhook some.event to=default; return 200; }
        location /methods/ { webhook some.event to=put,get,delete; return 200; }
        location /off/ { webhook some.event to=off; return 200; }
        location /retried/ { webhook some.event to=retried; return 200; }
        location /headers/ { webhook some.event to=headers; return 200; }
        location /replaced/ { webhook some.event to=replaced; return 200; }
        location /upstream/ { webhook some.event to=upstream; return 200; }

        location /wins/ {
            webhook some.event to=nested,default payload=fixed;
            return 200;
        }

        location /secret/ {
            webhook some.event to=basic,basicfile,basicenv,bearer,bearerfile,bearerenv,bearervariable,header,headerfile,headerenv,authorization;
            return 200;
        }
    }
}
EOC

sub endpoint {
	my ($name, $lines) = @_;

	return <<"EOE";
    webhook_endpoint $name {
        url http://127.0.0.1:%%PORT_rx%%/$name;
        allow_http on;
        retry off;
        $lines
    }
EOE
}


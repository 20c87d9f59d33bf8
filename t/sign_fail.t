#!/usr/bin/perl

# Tests for signatures that the TLS library fails to make.

###############################################################################

use warnings;
use strict;

use Test::More;

use File::Temp qw/ tempdir /;
use FindBin;
use MIME::Base64 qw/ encode_base64 /;
use lib "$FindBin::Bin/lib";

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $dir = tempdir(CLEANUP => 1);
chmod(0777, $dir);

system("cc -shared -fPIC -o $dir/fail.so $FindBin::Bin/tools/sign_fail.c -ldl")
	== 0 or die "can't compile sign_fail.c\n";

my $t = Test::Webhook->new(env => {
	LD_PRELOAD => join(' ', split(/[ :]/, $ENV{TEST_NGINX_PRELOAD} || ''),
		"$dir/fail.so"),
	SIGN_FAIL_HMAC => "$dir/hmac",
	SIGN_FAIL_PKEY => "$dir/pkey"
})->plan(6);

my $key = 'whsk_' . encode_base64('Z' x 32, '');

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

$t->conf(<<"EOC")->run();
%%TEST_GLOBALS%%

worker_processes 1;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

    webhook_endpoint e {
        url http://127.0.0.1:%%PORT_rx%%/e;
        allow_http on;
        sign standard $key;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location / { webhook a.b to=e; return 200; }
    }
}
EOC

###############################################################################

# the mark that all deliveries have, and the signature

my %failed = (hmac => qr/HMAC_Final\(\) failed/,
	pkey => qr/EVP_DigestSign\(\) failed/);

for my $name (qw/ hmac pkey /) {
	my $mark = $t->log_mark();

	open my $fh, '>', "$dir/$name" or die "can't create: $!\n";
	close $fh;

	get('/');

	ok($t->wait_log(qr/\[crit\].*$failed{$name}/, 10, $mark),
		"$name: a failure is logged");
	ok($t->wait_log(qr/delivery for "e" is dead: it cannot be signed/, 10,
		$mark), 'the delivery is dead, with the reason');

	unlink "$dir/$name";
}

get('/');

ok($rx->wait_requests(1, 10), 'the next one is sent');
like($rx->request(0)->{header}{'webhook-signature'}, qr/^v1a,/,
	'with its signature');

###############################################################################

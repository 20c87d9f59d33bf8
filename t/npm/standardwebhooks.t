#!/usr/bin/perl

# The library of Standard Webhooks verifies what "sign standard" makes; run by
# "make npm", which installs it.

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
use Test::Webhook::Sign;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();
my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

my ($old, $new) = map { 'whsec_' . b64($_ x 32) } 'o', 'n';
my ($seed, $public) = ed25519_key($t);
my $whsk = 'whsk_' . b64($seed . $public);

$t->conf(<<"EOC")->run();
%%TEST_GLOBALS%%

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

    webhook_endpoint e {
        url http://127.0.0.1:%%PORT_rx%%/;
        allow_http on;
        retry 1100ms;
        sign standard $new $whsk $old;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location / {
            webhook some.event to=e;
            return 200;
        }
    }
}
EOC

###############################################################################

$rx->set(500, 200);
get('/%C3%A4');

my @r = $rx->wait_requests(2, 20);

is(@r, 2, 'two attempts');

for my $r (@r) {
	is(verify($r, $new), 'verified', 'the new key');
	is(verify($r, $old), 'verified', 'the old key');
	is(verify($r, 'whsec_' . b64('x' x 32)), 'No matching signature found',
		'no other key');

	$r->{body} .= ' ';
	is(verify($r, $new), 'No matching signature found', 'no other body');
}

$t->stop();
$t->done_testing();

###############################################################################

sub verify {
	my ($r, $key) = @_;

	my %headers = map { $_->[0] => $_->[1] } @{$r->{headers}};

	my $pid = open2(my $out, my $in, 'node', "$FindBin::Bin/verify.js", $key);

	binmode $in;
	print $in JSON::PP->new->ascii->encode({ headers => \%headers,
		body => $r->{body} });
	close $in;

	my $line = <$out>;
	waitpid $pid, 0;

	chomp $line if defined $line;

	return $line;
}

###############################################################################

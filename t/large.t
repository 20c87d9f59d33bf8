#!/usr/bin/perl

# Tests that endpoints and triggers take memory by what is theirs alone: TLS
# contexts, CA certificates and the zone are shared, workers share with each
# other what they only read, and reloads leave nothing behind.  By memory, as
# differences between configurations of two sizes, so that what nginx takes
# itself is not in it, and by no clock.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::Webhook qw/ :DEFAULT cert /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

plan(skip_all => 'memory is of a sanitizer') if $ENV{TEST_NGINX_PRELOAD};
plan(skip_all => 'no /proc/PID/smaps_rollup') unless -r '/proc/self/smaps_rollup';

my $t = Test::Webhook->new()->plan(15);
my $dir = $t->testdir();

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

my $cc = $ENV{CC} || 'cc';

system("$cc -O2 -o $dir/usage $FindBin::Bin/bench/usage.c") == 0
	or BAIL_OUT("can't compile usage.c");

# authorities to trust, and one pair under many names

my $cert = $t->cert('client', client => 1);

$t->write_file('trusted.pem', authorities(60));

for (1 .. 200) {
	symlink $cert->{cert}, "$dir/c$_.crt";
}

my $ca = "ssl_trusted_certificate $dir/trusted.pem;";
my $own = "$ca ssl_certificate $dir/cN.crt; ssl_certificate_key $cert->{key};";
my $one = $own =~ s/cN/c1/r;

###############################################################################

# "nginx -t"

my $small = tested(500);

# about 5.6 KB as measured; 3.6 KB more if the zone was touched

per_endpoint('an endpoint and its trigger', 8, 1500, $small, tested(2000));
per_endpoint('one with windows', 8, 1500, tested(500, 'disable 30/30m;'),
	tested(2000, 'disable 30/30m;'));
per_endpoint('one that shares a TLS context', 9, 1500,
	tested(500, $ca), tested(2000, $ca));

# an endpoint with a certificate of its own has a context: 20 KB, and 3 KB more
# for each authority, if it had these on its own

per_endpoint('one with the certificate of others', 5, 200,
	tested(500, $ca, 200), tested(500, $one, 200));
per_endpoint('one with a certificate of its own', 60, 200,
	tested(500, $one, 200), tested(500, $own, 200));

###############################################################################

# processes

my @few = started(200);

is(delivered('e200'), 1, 'the last of few is delivered');
ok($t->stop(), 'stopped');

my @many = started(2000);

is(delivered('e2000'), 1, 'the last of many is delivered');

# 4 KB if workers wrote to all endpoints

per_endpoint('a worker itself', 1.5, 1800, $few[1], $many[1]);
per_endpoint('a worker\'s part of what is shared', 5, 1800, $few[2], $many[2]);

# reloads

my @sizes;

for (1 .. 5) {
	$t->reload();
	push @sizes, memory($t->master_pid());
}

cmp_ok($sizes[4], '<', $sizes[1] + 2000, 'reloads leave nothing in the master')
	or diag("KB: @sizes");
is(delivered('e2000'), 1, 'the last one is delivered after reloads');

my ($worker) = $t->workers();
my ($own_size) = own($worker);

cmp_ok($own_size, '<', $many[1] + 2000, 'nor in a worker')
	or diag("KB: $many[1], then $own_size");

# a name that comes back has what it had

like(get('/metrics')->body(),
	qr/^nginx_webhook_events_total\{event="e2000\.done",result="committed"\} 2$/m,
	'what was counted is kept by all reloads');
like(get('/metrics')->body(),
	qr/^nginx_webhook_deliveries_total\{endpoint="e2000",end="delivered"\} 2$/m,
	'of endpoints, too');

###############################################################################

# "lines" for the first "some" of n endpoints, by https then; 30 triggers in a
# location, so that these take little, of which the last one is for GET, too

sub configuration {
	my ($n, $lines, $some) = @_;

	my ($http, $locations) = ('', '');
	my $port = $t->port('rx');

	for (1 .. $n) {
		my $own = defined $lines && $_ <= ($some || $n)
			? $lines =~ s/cN/c$_/r : '';
		my $scheme = $own =~ /ssl_/ ? 'https' : 'http';

		$own .= ' allow_http on;' if $scheme eq 'http';

		$http .= "webhook_endpoint e$_ { url $scheme://127.0.0.1:$port/;"
			. " events e$_.*; $own }\n";
	}

	for (1 .. $n) {
		$locations .= "location /l$_/ {\n" if $_ % 30 == 1;
		$locations .= "webhook e$_.done"
			. ($_ < $n ? ' method=PUT' : '') . ";\n";
		$locations .= "return 204; }\n" if $_ % 30 == 0 || $_ == $n;
	}

	return <<"EOC";
%%TEST_GLOBALS%%

worker_processes 2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

$http

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location /metrics { webhook_metrics; }

$locations
    }
}
EOC
}

# the largest resident set of "nginx -t", in KB

sub tested {
	my (@args) = @_;

	$t->conf(configuration(@args));

	my $nginx = $t->binary();
	my ($code, $out) = Test::Webhook::command("$dir/usage", $nginx, '-t',
		'-q', '-p', "$dir/", '-c', "$dir/nginx.conf", '-e',
		"$dir/error.log");

	BAIL_OUT("nginx -t: $out") if $code;

	return (split ' ', $out)[2];
}

# resident in the master; own, and proportional, of a worker; KB

sub started {
	my ($n) = @_;

	$t->conf(configuration($n))->run();

	my ($worker) = $t->workers();

	return (memory($t->master_pid()), own($worker));
}

sub memory {
	my ($pid) = @_;

	return { rollup($pid) }->{Rss};
}

sub own {
	my ($pid) = @_;

	my %kb = rollup($pid);

	return ($kb{Private_Dirty} + $kb{Private_Clean}, $kb{Pss});
}

sub rollup {
	my ($pid) = @_;

	return Test::Webhook::slurp("/proc/$pid/smaps_rollup", 0)
		=~ /^(\w+): +(\d+) kB/mg;
}

sub per_endpoint {
	my ($what, $bound, $n, $less, $more) = @_;

	my $kb = ($more - $less) / $n;

	cmp_ok($kb, '<', $bound, "$what takes less than $bound KB");
	note(sprintf '%s: %.2f KB', $what, $kb);
}

sub delivered {
	my ($name) = @_;

	my ($n) = $name =~ /(\d+)/;
	my $before = $rx->count();

	get('/l' . (30 * int(($n - 1) / 30) + 1) . '/');

	my @r = $rx->wait_requests($before + 1, 20);

	return scalar grep { $_->{body} =~ /"type":"$name\.done"/ }
		@r[$before .. $#r];
}

# self-signed ones, of different names

sub authorities {
	my ($n) = @_;

	my $text = '';

	Test::Webhook::command('openssl', 'ecparam', '-genkey', '-noout', '-name',
		'prime256v1', '-out', "$dir/ca.key");

	for (1 .. $n) {
		my ($code, $out) = Test::Webhook::command('openssl', 'req', '-x509',
			'-new', '-key', "$dir/ca.key", '-subj', "/CN=authority $_",
			'-days', '2', '-out', "$dir/ca.crt");

		BAIL_OUT("openssl: $out") if $code;

		$text .= $t->read_file('ca.crt');
	}

	return $text;
}

###############################################################################

#!/usr/bin/perl

# Tests for delivery over TLS: verification, names, client certificates,
# reuse of connections and sessions, and what must never be shared.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

eval { require IO::Socket::SSL; };
plan(skip_all => 'no IO::Socket::SSL') if $@;

my $t = Test::Webhook->new();

plan(skip_all => 'no --with-http_ssl_module')
	unless (Test::Webhook::command($t->binary(), '-V'))[1]
	=~ /--with-http_ssl_module/;

$t->plan(88);

# "one" and "two" are CAs; "system" is the CA that the system trusts

my $one = $t->cert('one', san => ['DNS:a.test', 'DNS:b.test',
	'DNS:*.wild.test', 'IP:127.0.0.1', 'IP:::1']);
my $name = $t->cert('name', san => ['DNS:a.test'], ca => $one);
my $two = $t->cert('two', san => ['DNS:a.test']);
my $expired = $t->cert('expired', san => ['DNS:a.test'], ca => $one,
	expired => 1);
my $self = $t->cert('self', san => ['DNS:a.test'], self_signed => 1);
my $system = $t->cert('system', san => ['DNS:a.test', 'DNS:b.test']);
my $alice = $t->cert('alice', client => 1, cn => 'alice');
my $bob = $t->cert('bob', client => 1, cn => 'bob', ca => $alice);
my $eve = $t->cert('eve', client => 1, cn => 'eve');

$t->{env}{SSL_CERT_FILE} = $system->{ca};
$t->{env}{SSL_CERT_DIR} = $t->testdir() . '/none';

sub receiver {
	my ($port, $cert, %o) = @_;

	return Test::Webhook::Receiver->new($t, port => $port,
		tls => { cert => $cert->{cert}, key => $cert->{key}, %o });
}

my $rx = receiver('rx', $one);
my $rxname = receiver('rxname', $name);
my $rxtwo = receiver('rxtwo', $two);
my $rxexpired = receiver('rxexpired', $expired);
my $rxself = receiver('rxself', $self);
my $rxsystem = receiver('rxsystem', $system);
my $rxold = receiver('rxold', $one, version => 'TLSv1_2');
my $rxclient = receiver('rxclient', $one, ca_for_clients => $alice->{ca});
my $rxclient12 = receiver('rxclient12', $one, version => 'TLSv1_2',
	ca_for_clients => $alice->{ca});

my $shared = receiver('shared', $one, ca_for_clients => $alice->{ca},
	optional => 1);

my @all = ($rx, $rxname, $rxtwo, $rxexpired, $rxself, $rxsystem, $rxold,
	$rxclient, $rxclient12, $shared);

# endpoints, each with a trigger at a location of its name

my %endpoint;
my $ca = 'ssl_trusted_certificate %%TESTDIR%%/one.ca.crt;';
my $alices = 'ssl_certificate %%TESTDIR%%/alice.crt;'
	. ' ssl_certificate_key %%TESTDIR%%/alice.key;';
my $bobs = $alices =~ s/alice/bob/gr;
my $eves = $alices =~ s/alice/eve/gr;

# verification

$endpoint{good} = "url https://a.test/good; $ca";
$endpoint{unknown} = 'url https://a.test/unknown;';
$endpoint{other} = "url https://a.test/other;"
	. ' ssl_trusted_certificate %%TESTDIR%%/two.ca.crt;';
$endpoint{self} = "url https://127.0.0.1:%%PORT_rxself%%/self;"
	. " ssl_name a.test; $ca";
$endpoint{expired} = "url https://127.0.0.1:%%PORT_rxexpired%%/expired;"
	. " ssl_name a.test; $ca";
$endpoint{system} = 'url https://127.0.0.1:%%PORT_rxsystem%%/system;'
	. ' ssl_name a.test;';
$endpoint{own} = "url https://127.0.0.1:%%PORT_rxsystem%%/own;"
	. " ssl_name a.test; $ca";
$endpoint{off} = 'url https://127.0.0.1:%%PORT_rxexpired%%/off;'
	. ' ssl_verify off;';
$endpoint{offself} = 'url https://127.0.0.1:%%PORT_rxself%%/offself;'
	. ' ssl_verify off; ssl_name nobody.test;';

# names

$endpoint{mismatch} = "url https://c.test/mismatch; $ca";
$endpoint{wild} = "url https://x.wild.test/wild; $ca";
$endpoint{wilder} = "url https://127.0.0.1:%%PORT_rx%%/wilder;"
	. " ssl_name x.y.wild.test; $ca";
$endpoint{name} = "url https://127.0.0.1:%%PORT_rxname%%/name;"
	. " ssl_name a.test; $ca";
$endpoint{named} = "url https://a.test/named; ssl_name b.test; $ca";
$endpoint{misnamed} = "url https://a.test/misnamed; ssl_name c.test; $ca";
$endpoint{ip} = "url https://127.0.0.1:%%PORT_rx%%/ip; $ca";
$endpoint{noip} = "url https://127.0.0.1:%%PORT_rxname%%/noip; $ca";
$endpoint{nameip} = "url https://c.test/nameip; ssl_name 127.0.0.1; $ca";
$endpoint{nameip6} = "url https://c.test/nameip6; ssl_name ::1; $ca";
$endpoint{othernameip} = "url https://a.test/othernameip;"
	. " ssl_name 127.0.0.2; $ca";

# peers that speak something else

$endpoint{plain} = "url https://127.0.0.1:%%PORT_http%%/plain;"
	. " ssl_name a.test; $ca";
$endpoint{nottls} = 'url http://127.0.0.1:%%PORT_rx%%/nottls; allow_http on;';
$endpoint{old} = "url https://127.0.0.1:%%PORT_rxold%%/old; $ca";
$endpoint{new} = "url https://127.0.0.1:%%PORT_rxold%%/new; $ca"
	. ' ssl_protocols TLSv1.3;';

# client certificates

for (qw/ client client12 /) {
	my $url = "url https://127.0.0.1:%%PORT_rx$_%%";
	$endpoint{$_} = "$url/$_; $ca $alices";
	$endpoint{"no$_"} = "$url/no$_; $ca";
	$endpoint{"eves$_"} = "$url/eves$_; $ca $eves";
}

# reuse

$endpoint{reuse} = "url https://a.test/reuse; $ca ssl_ciphers HIGH;";
$endpoint{reuse12} = "url https://127.0.0.1:%%PORT_rxold%%/reuse12; $ca"
	. ' ssl_ciphers HIGH;';

# the same peer through one upstream

$endpoint{alice} = "url https://shared/alice; ssl_name a.test; $ca $alices";
$endpoint{alice2} = "url https://shared/alice2; ssl_name a.test; $ca $alices";
$endpoint{bob} = "url https://shared/bob; ssl_name a.test; $ca $bobs";
$endpoint{nobody} = "url https://shared/nobody; ssl_name a.test; $ca";
$endpoint{offshared} = 'url https://shared/offshared; ssl_name a.test;'
	. ' ssl_verify off;';
$endpoint{bshared} = "url https://shared/bshared; ssl_name b.test; $ca";
$endpoint{cashared} = 'url https://shared/cashared; ssl_name a.test;'
	. ' ssl_trusted_certificate %%TESTDIR%%/two.ca.crt;';
$endpoint{cshared} = "url https://shared/cshared; ssl_name c.test; $ca";

my $endpoints = join '', map { <<"EOC" } sort keys %endpoint;

    webhook_endpoint $_ {
        $endpoint{$_}
        timeout 5s;
        retry off;
    }
EOC

my $locations = join '', map {
	"        location = /$_ { webhook a.$_ to=$_; return 200; }\n"
} sort keys %endpoint;

# a name is one of an upstream, so that nothing has to be resolved

my $conf = <<"EOC";
%%TEST_GLOBALS%%

worker_processes 1;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

    upstream a.test { server 127.0.0.1:%%PORT_rx%%; }
    upstream c.test { server 127.0.0.1:%%PORT_rx%%; }
    upstream x.wild.test { server 127.0.0.1:%%PORT_rx%%; }

    upstream shared {
        server 127.0.0.1:%%PORT_shared%%;
        keepalive 8;
    }
$endpoints
    server {
        listen 127.0.0.1:%%PORT_http%%;

$locations
        location /proxied {
            proxy_pass https://shared/proxied;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }
    }
}
EOC

$t->conf($conf)->run();

###############################################################################

# verification

delivered('good', $rx, 'certificate of the endpoint\'s own CA is accepted');

my $log = failed('unknown', 'certificate of an unknown CA is refused');
like($log, qr/endpoint: "unknown"/, 'and the log names the endpoint');

failed('other', 'certificate of another endpoint\'s CA is refused');
failed('self', 'self-signed certificate is refused');
failed('expired', 'expired certificate is refused');

delivered('system', $rxsystem, 'CAs of the system are trusted by default');
failed('own', 'and they are not with an own CA');

delivered('off', $rxexpired, 'nothing is verified with ssl_verify off');
delivered('offself', $rxself, 'nor is the name');

# names

my $r = delivered('good', $rx, 'name of the certificate matches');
is($r->{tls}{sni}, 'a.test', 'name of the url is sent');
is($r->{header}{host}, 'a.test', 'as it is in the host');

failed('mismatch', 'certificate of another name is refused');

$r = delivered('wild', $rx, 'wildcard name matches one label');
is($r->{tls}{sni}, 'x.wild.test', 'and the name itself is sent');
failed('wilder', 'wildcard name does not match two labels');

$r = delivered('name', $rxname, 'ssl_name is verified instead of the url');
is($r->{tls}{sni}, 'a.test', 'and is sent');

$r = delivered('named', $rx, 'ssl_name wins over the name in the url');
is($r->{tls}{sni}, 'b.test', 'in what is sent, too');
is($r->{header}{host}, 'a.test', 'but not in the host');
failed('misnamed', 'certificate without the ssl_name is refused');

$r = delivered('ip', $rx, 'address in the certificate matches the url');
is($r->{tls}{sni}, undef, 'and an address is not sent as a name');
failed('noip', 'certificate without the address is refused');

delivered('nameip', $rx, 'ssl_name may be an address');
delivered('nameip6', $rx, 'of IPv6, too');
failed('othernameip', 'which has to match');

# something else

failed('plain', 'peer that does not speak TLS');
outcome('nottls', 'broken', 'TLS where none was asked for is a bad answer');

$r = delivered('old', $rxold, 'TLS 1.2 is spoken by default');
is($r->{tls}{version}, 'TLSv1_2', 'if it is the best');
failed('new', 'and is not if ssl_protocols does not have it');

# client certificates

for (qw/ client client12 /) {
	my $receiver = /12/ ? $rxclient12 : $rxclient;

	$r = delivered($_, $receiver, "client certificate is sent, $_");
	is($r->{tls}{client}, 'alice', "and verified by the peer, $_");

	# with TLS 1.3 the peer says so only after the request was sent

	outcome("no$_", /12/ ? 'tls' : qr/tls|broken/,
		"peer refuses a client without, no$_");
	outcome("eves$_", /12/ ? 'tls' : qr/tls|broken/,
		"peer refuses a certificate of another CA, eves$_");
}

is(scalar(grep { $_->{target} !~ m!^/client! } map { $_->requests() }
	$rxclient, $rxclient12), 0, 'nothing is received from refused clients');

# connections and sessions

for (['reuse', $rx, '1.3'], ['reuse12', $rxold, '1.2']) {
	my ($ep, $receiver, $version) = @$_;

	$receiver->set(200);
	$receiver->forget();
	get("/$ep") for 1 .. 5;
	$receiver->wait_requests(5, 10);

	my @r = $receiver->requests();
	is(conns(@r), 1, "connection is kept alive, TLS $version");
	is($r[0]{tls}{reused}, 0, "after a full handshake, TLS $version");

	$receiver->close_connections();
	$receiver->set({ keepalive => 0 });
	$receiver->forget();
	get("/$ep") for 1 .. 3;
	$receiver->wait_requests(3, 10);

	@r = $receiver->requests();
	is(conns(@r), 3, "closed connections are not, TLS $version");
	is(join(' ', map { $_->{tls}{reused} } @r), '1 1 1',
		"but their session is resumed, TLS $version");

	$receiver->set(200);
}

# an answer behind that of a request, which nobody has asked for, may have come
# with the same record, and fill the buffer to its end

my $head = "HTTP/1.1 200 OK\x0d\x0aContent-Length: %04d\x0d\x0a\x0d\x0a";
my $length = 4096 - length(sprintf $head, 0);

$rx->set(rules => { '/reuse' => [{ keep => 1,
	raw => sprintf($head, $length) . 'x' x $length
	. "HTTP/1.1 500 X\x0d\x0aContent-Length: 2\x0d\x0a\x0d\x0ano" }, 200],
	'*' => 200 });
$rx->forget();

delivered('reuse', $rx, 'more than the answer is answered');
delivered('reuse', $rx, 'which is not the next answer');

$rx->set(200);

# what is different never meets

for my $mode ('connections', 'sessions') {

	$shared->set($mode eq 'connections' ? 200 : { keepalive => 0 });
	$shared->close_connections();
	$shared->forget();

	my $mark = $t->log_mark();
	my @names = qw/ offshared alice bob nobody bshared /;
	my $n = 0;

	for my $ep (@names, @names) {
		get("/$ep");
		$shared->wait_requests(++$n, 10);
	}

	my @r = $shared->requests();
	my %conns;

	push @{$conns{$_->{target} =~ s!/!!r}}, $_ for @r;

	my %seen;
	$seen{$_->{conn}}{$_->{target}} = 1 for @r;
	is(scalar(grep { keys %$_ > 1 } values %seen), 0,
		"connections are not shared, $mode");

	if ($mode eq 'connections') {
		is(scalar(keys %seen), @names, 'but each is kept alive');
		is(join(' ', map { $_->{tls}{reused} } @r[0 .. 4]),
			'0 0 0 0 0', 'sessions are not shared');

	} else {
		is(scalar(keys %seen), @r, 'one connection each');
		is(join(' ', map { $_->{tls}{reused} } @r[5 .. 9]),
			'1 1 1 1 1', 'each has resumed its own session');
	}

	is(join(' ', map { $_->{tls}{client} // '-' } @r),
		join(' ', ('-', 'alice', 'bob', '-', '-') x 2),
		"client certificates are not mixed up, $mode");
	is(join(' ', map { $_->{tls}{sni} } @r),
		join(' ', (('a.test') x 4, 'b.test') x 2),
		"names are not mixed up, $mode");

	# neither a connection nor a session that others have verified (or
	# not) serves one who would refuse the peer

	failed('cashared', "another CA is not fooled, $mode");
	failed('cshared', "another name is not fooled, $mode");
}

# nor do connections that are kept alive by the upstream

$shared->set(200);
$shared->close_connections();
$shared->forget();

get('/proxied');
get('/proxied');
get('/alice');
$shared->wait_requests(3, 10);
get('/proxied');
get('/alice');

my @r = $shared->wait_requests(5, 10);

is(join(' ', map { $_->{target} . ' ' . ($_->{tls}{client} // '-') } @r),
	'/proxied - /proxied - /alice alice /proxied - /alice alice',
	'connections of proxy_pass are not used');

# equal settings are the same identity

$shared->forget();
get('/alice');
$shared->wait_requests(1, 10);
get('/alice2');
@r = $shared->wait_requests(2, 10);

is(conns(@r), 1, 'endpoints of equal settings share a connection');

###############################################################################

# nothing is sent in clear unless asked for

$t->conf($conf =~ s/(nottls;) allow_http on;/$1/r);
my ($code, $out) = $t->test_conf();

isnt($code, 0, 'http is refused by nginx -t');
like($out, qr/\[emerg\].*"http:\/\/".*"nottls".*"allow_http on".*:\d+$/m,
	'which names the endpoint, what is needed, and the line');

$t->conf($conf =~ s/(nottls;) allow_http on;/$1 allow_http off;/r);
($code, $out) = $t->test_conf();
isnt($code, 0, 'and with allow_http off');

$t->conf($conf);

###############################################################################

sub conns {
	my %conns = map { $_->{conn} => 1 } @_;

	return scalar keys %conns;
}

# one test: the event is delivered; the request as received

sub delivered {
	my ($ep, $receiver, $what) = @_;

	my $mark = $t->log_mark();
	my $n = $receiver->count();

	get("/$ep");

	my $line = $t->wait_log(qr/webhook attempt end: .*lane "$ep" /, 10,
		$mark) || '';

	like($line, qr/ class success status 200\b/, $what);
	$receiver->wait_requests($n + 1, 5) or return {};

	my ($r) = grep { $_->{target} eq "/$ep" } reverse $receiver->requests();

	return $r || {};
}

# two tests: the attempt fails so, and nobody has got the webhook

sub failed {
	my ($ep, $what) = @_;

	return outcome($ep, 'tls', $what, 1);
}

sub outcome {
	my ($ep, $class, $what, $quiet) = @_;

	my $mark = $t->log_mark();

	get("/$ep");

	my $line = $t->wait_log(qr/attempt failed: .*endpoint: "$ep"/, 10,
		$mark) || '';

	like($line, qr/attempt failed: $class, status 0, it is dead/, $what);

	return $line unless $quiet;

	is(scalar(grep { $_->{target} eq "/$ep" } map { $_->requests() } @all),
		0, "nothing is sent, $ep");

	return $line;
}

###############################################################################

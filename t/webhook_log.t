#!/usr/bin/perl

# Tests for webhook_log: the access log of attempts.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP qw/ decode_json /;

use Test::Webhook qw/ :DEFAULT wait_for cert /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();
my $d = $t->testdir();

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');
my $tls = Test::Webhook::Receiver->new($t, port => 'tls', tls => cert('rx'));

$t->write_file('key', "secret of a file");
chmod 0600, "$d/key";

my @timings = qw/ dns connect tls header /;

my $fields = join ',', map { qq!"$_":"\$webhook_$_"! } qw/ endpoint event id
	attempt retry attempt_time class status end method url worker
	upstream_addr reused bytes_sent bytes_received attempt_duration latency /;
$fields .= join '', map { qq!,"$_":"\$webhook_${_}_time"! } @timings;

sub endpoints {
	my (%e) = @_;

	return join '', map { <<"EOC" } sort keys %e;

    webhook_endpoint $_ {
        url $e{$_}
        allow_http on;
    }
EOC
}

my $endpoints = endpoints(
	ok => 'http://127.0.0.1:%%PORT_rx%%/ok?a=b;',
	tls => 'https://127.0.0.1:%%PORT_tls%%/tls; ssl_verify off;',
	nodns => 'http://name.example.com/x; retry off;',
	retry => 'http://127.0.0.1:%%PORT_rx%%/retry; retry 10ms 10ms;',
	dead => 'http://127.0.0.1:%%PORT_rx%%/dead; permanent 404;',
	expired => 'http://127.0.0.1:%%PORT_rx%%/expired; retry 1h; expire 1m;',
	dropped =>
		'http://127.0.0.1:%%PORT_rx%%/dropped; retry 1h; expire 1m drop;',
	refused => 'http://127.0.0.1:%%PORT_none%%/x; retry off;',
	slow => 'http://127.0.0.1:%%PORT_rx%%/slow; retry off; timeout 300ms;',
	keys => 'http://127.0.0.1:%%PORT_rx%%/keys?x=1; '
		. 'api_key query "the key" file:%%TESTDIR%%/key; '
		. 'api_key query tenant $arg_k; basic user secret-of-basic; '
		. 'header X-Key secret-of-header;',
	variable => '$arg_url; addresses 127.0.0.0/8; retry off;',
	form => 'http://127.0.0.1:%%PORT_rx%%/form; method GET; payload f; '
		. 'api_key field token secret-of-field;',
);

my $locations = join '', map { <<"EOC" } qw/ ok tls retry dead expired
        location = /$_ { webhook a.$_ to=$_; return 200; }
EOC
	dropped refused slow keys form variable nodns /;

my $conf = <<"EOC";
%%TEST_GLOBALS%%

worker_processes 1;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

    resolver 127.0.0.1:%%PORT_nodns%%;
    resolver_timeout 200ms;

    log_format all escape=json '{$fields}';
    log_format quoted '"\$webhook_event" [\$request_uri] [\$arg_a] [\$request] '
                      '[\$request_method] [\$remote_addr] [\$status] '
                      '[\$http_host] [\$cookie_a] [\$request_body] '
                      '[\$server_addr\$host\$unknown]';
    log_format plain escape=none '\$webhook_class "\$remote_user"';

    map \$webhook_class \$failed {
        success 0;
        default 1;
    }

    map \$uri \$unknown { default ""; }

    webhook_log %%TESTDIR%%/all.log all;
    webhook_log %%TESTDIR%%/default.log;
    webhook_log %%TESTDIR%%/failed.log if=\$failed;
    webhook_log %%TESTDIR%%/quoted.log quoted;
    webhook_log %%TESTDIR%%/plain.log plain;
    webhook_log %%TESTDIR%%/by-\$webhook_endpoint.log plain;
    webhook_log %%TESTDIR%%/buffered.log webhook_attempts buffer=64k flush=1h;
    webhook_log %%TESTDIR%%/flushed.log buffer=64k flush=10ms;
    webhook_log %%TESTDIR%%/full.log plain;

    webhook_payload f form { field n 1; }
$endpoints
    server {
        listen 127.0.0.1:%%PORT_http%%;
        server_name server.example.com;

$locations
        location = /variables {
            add_header X-Endpoint "<\$webhook_endpoint>";
            add_header X-Url "<\$webhook_url>";
            add_header X-Time "<\$webhook_dns_time>";
            add_header X-Attempt "<\$webhook_attempt>";
            return 200;
        }
    }
}
EOC

symlink '/dev/full', "$d/full.log" or die "symlink() failed: $!\n";

$t->conf($conf)->run();
$rx->set(rules => { '/dead' => 404, '/retry' => [500, 500, 200],
	'/expired' => 500, '/dropped' => 503, '/slow' => { hang => 1 }, '*' => 200 });

###############################################################################

# one line for each attempt

my $l = attempt('ok');

is($l->{endpoint}, 'ok', 'endpoint');
is($l->{event}, 'a.ok', 'event');
is($l->{id}, ($rx->ids())[0], 'id');
is($l->{attempt}, 1, 'attempt');
is($l->{retry}, 0, 'retry');
like($l->{attempt_time}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
	'time of the attempt');
is($l->{class}, 'success', 'class');
is($l->{status}, 200, 'status');
is($l->{end}, 'delivered', 'end');
is($l->{method}, 'POST', 'method');
is($l->{url}, 'http://127.0.0.1:' . port('rx') . '/ok?a=b', 'URL');
is($l->{worker}, 0, 'worker');
is($l->{upstream_addr}, '127.0.0.1:' . port('rx'), 'address');
is($l->{reused}, 0, 'new connection');
cmp_ok($l->{bytes_sent}, '>', length(($rx->bodies())[0]), 'octets sent');
cmp_ok($l->{bytes_received}, '>', 15, 'octets received');
like($l->{$_}, qr/^\d+\.\d{3}$/, "$_ in seconds")
	for qw/ attempt_duration latency connect header /;
is($l->{$_}, '', "no time of $_") for qw/ dns tls /;

$l = attempt('ok');

is($l->{reused}, 1, 'kept connection');
is($l->{connect}, '0.000', 'no time for a kept connection');

# what follows

my @l = attempts('retry', 3);

is(join(' ', map { "$_->{attempt}:$_->{status}:$_->{end}" } @l),
	'1:500:retry 2:500:retry 3:200:delivered', 'retries');
is(join(' ', map { $_->{id} eq $l[0]{id} ? 1 : 0 } @l), '1 1 1', 'one id');

is(attempt('dead')->{end}, 'dead', 'dead');
is(attempt('expired')->{end}, 'expired', 'expired');
is(attempt('dropped')->{end}, 'dropped', 'dropped');

# timings

$l = attempt('tls');

like($l->{$_}, qr/^\d+\.\d{3}$/, "$_ with TLS") for qw/ connect tls header /;
is($l->{url}, 'https://127.0.0.1:' . port('tls') . '/tls', 'https');
is(attempt('tls')->{tls}, '0.000', 'no handshake on a kept connection');

$l = attempt('refused');

is("$l->{class} $l->{status}", 'connect ', 'no connection');
is("$l->{connect}$l->{header}", '', 'its times have no end');

$l = attempt('nodns');

is("$l->{class} $l->{connect}", 'dns ', 'no name');
cmp_ok($l->{dns}, '>=', 0.15, 'time of a name that is not found');
is($l->{upstream_addr}, '', 'no address');

$l = attempt('slow');

is($l->{class}, 'timeout', 'timeout');
like($l->{connect}, qr/^0\.\d{3}$/, 'a connection before it');
is($l->{header}, '', 'no answer before it');
cmp_ok($l->{attempt_duration}, '>=', 0.25, 'duration of a timeout');

# an URL with a host out of the event

is(attempt('variable', '?url=http://127.0.0.1:' . port('rx') . '/v?a=1')->{url},
	'http://127.0.0.1:' . port('rx') . '/v?a=1', 'URL of an event');

# no secrets

$l = attempt('keys', '?k=secret-of-variable');

like($l->{url}, qr!/keys\?x=1&tenant=\*\*\*&the%20key=\*\*\*$!,
	'keys in the query are masked');

my ($r) = grep { $_->{target} =~ m!^/keys! } $rx->requests();

like($r->{target}, qr/tenant=secret-of-variable&the%20key=secret%20of%20a/,
	'but sent');

like(attempt('form')->{url}, qr!/form\?n=1&token=\*\*\*$!,
	'keys in a form with GET are masked');

unlike(join('', map { $t->read_file($_) } grep { !/access|full/ }
	 glob "$d/*.log"),
	qr/secret[- ](?:of|%20)/, 'no secret in any log');

###############################################################################

# formats

like($t->read_file('default.log'), qr/\A\d{4}-\S+T\S+\ ok\ a\.ok\ [\w-]{36}\ 1
	\ success\ 200\ delivered\ \d+\.\d{3}\ "POST\ http:\S+"$/mx,
	'default format');
like($t->read_file('default.log'),
	qr/^\S+ refused a\.refused \S+ 1 connect - dead \d+\.\d{3} /m,
	'what there is not is "-"');
like($t->read_file('quoted.log'),
	qr/^"a\.ok" (?:\[-?\] ){5}\[000\] (?:\[-\] ){3}\[unix:\S*\]$/m,
	'no variables of a client');
like($t->read_file('plain.log'), qr/^success ""$/m, 'escape=none');

is(join(' ', map { (split)[1] } split /\n/, $t->read_file('failed.log')),
	'retry retry dead expired dropped refused nodns slow', 'if=');

like($t->read_file('by-retry.log'), qr/\Astatus ""\nstatus ""\nsuccess ""\n\z/,
	'variables in the path');

is($t->read_file('buffered.log'), '', 'buffered');
ok(wait_for(sub { lines('flushed.log') == lines('default.log') }),
	'flush=');

my $alerts = () = $t->read_file('error.log') =~ /write\(\) to ".*full\.log/g;
is($alerts, 1, 'a full disk is told of once a minute');

# files

my ($uid, $gid, $mode) = (stat "$d/all.log")[4, 5, 2];

is($uid, (stat "$d/access.log")[4], 'owner as of access_log');
is($mode, (stat "$d/access.log")[2], 'mode as of access_log');

rename "$d/default.log", "$d/default.log.1" or die "rename() failed: $!\n";
$t->signal('USR1');

ok(wait_for(sub { -e "$d/default.log" && lines('buffered.log') }),
	'reopened, which writes what is buffered');

my $before = lines('default.log.1');

attempt('ok');

is(lines('default.log.1') . ' ' . lines('default.log'), "$before 1",
	'written to the new file');

$r = get('/variables');

is(join(' ', map { $r->header("X-$_") } qw/ Endpoint Url Time Attempt /),
	'<> <> <> <>', 'no variables of attempts in requests of clients');

# a reload

$t->conf($conf =~ s/webhook_log (\S+)all.log all;/webhook_log $1after.log all;/r
	=~ s/^.*(?:full|by-).*\n//gmr)->reload();

get('/ok');
ok(wait_for(sub { lines('after.log') == 1 }), 'another log after a reload');

# off

$t->conf($conf =~ s/webhook_log .*all;/webhook_log off;/r
	=~ s/^.*(?:full|by-).*\n//gmr)->reload();

my ($n, $lines) = ($rx->count('/ok'), lines('default.log'));

get('/ok');
$rx->wait_requests($rx->count() + 0);
ok(wait_for(sub { $rx->count('/ok') == $n + 1 }), 'delivered without a log');

$t->stop();

is(lines('default.log'), $lines, 'off');

is(lines('buffered.log'), lines('default.log') + lines('default.log.1'),
	'a worker that exits writes what is buffered');

$t->allow_alerts(qr/write\(\) to ".*full\.log" failed \(28: /);

done_testing();

###############################################################################

# sends an event to an endpoint, and gives the line of its attempt

sub attempt {
	my ($name, $args) = @_;

	return (attempts($name, 1, $args))[0];
}

sub attempts {
	my ($name, $n, $args) = @_;

	my $before = lines('all.log');

	get("/$name" . ($args || ''));

	wait_for(sub { lines('all.log') >= $before + $n }, 10)
		or return map { {} } 1 .. $n;

	my @lines = split /\n/, $t->read_file('all.log');

	return map { decode_json($_) } @lines[$before .. $before + $n - 1];
}

sub lines {
	my ($name) = @_;

	my $n = () = $t->read_file($name) =~ /\n/g;

	return $n;
}

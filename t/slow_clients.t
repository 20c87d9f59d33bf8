#!/usr/bin/perl

# Many clients that send half of a body and wait: what their captures hold
# stays within webhook_memory, what does not fit is dropped as a whole, and all
# is given back in the end.  WEBHOOK_SLOW=long: 10000 of them.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Compress::Raw::Zlib;
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use Socket qw/ :DEFAULT IPPROTO_TCP TCP_NODELAY /;

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $CRLF = "\x0d\x0a";

my $long = ($ENV{WEBHOOK_SLOW} || '') eq 'long';
my $clients = $long ? 10000 : 1000;

# JSON alone fits, with every fourth body in gzip it does not

my $memory = $long ? 64 : 6;

# each of them takes a descriptor here, and two in the worker

my $files = $clients + 200;

if (POSIX::sysconf(POSIX::_SC_OPEN_MAX()) < $files) {
	plan(skip_all => "no $files open files, see ulimit -n")
		if $ENV{WEBHOOK_SLOW_FILES};

	$ENV{WEBHOOK_SLOW_FILES} = $files;
	exec('sh', '-c', 'ulimit -n $0; exec "$@"', $files, $^X, $0);
}

my $conf = <<'EOC';
%%TEST_GLOBALS%%

worker_processes 1;
worker_rlimit_nofile %%FILES%%;

events {
    worker_connections %%FILES%%;
}

http {
    %%TEST_GLOBALS_HTTP%%

    client_body_timeout 10m;
    keepalive_timeout 0;

    %%WEBHOOK%%

    server {
        listen 127.0.0.1:%%PORT_http%%;
        listen unix:%%TESTDIR%%/app.sock;

        location / {
            access_log %%TESTDIR%%/result.log %%FORMAT%%;
            proxy_pass http://unix:%%TESTDIR%%/app.sock:/app;
            %%TRIGGER%%
        }

        location /app { return 200 answer; }
    }
}
EOC

my $files2 = 2 * $clients + 500;
my ($hard) = `sh -c 'ulimit -Hn'` =~ /^(\d+)/;

# a client's connection to the application is for the end of its request only

$files2 = $hard if defined $hard && $hard < $files2;

$conf =~ s/%%FILES%%/$files2/g;

# the same nginx without the module

my $bare = Test::Webhook->new(module => 0);

{
	my $c = $conf;

	$c =~ s/%%(?:WEBHOOK|TRIGGER|FORMAT)%%//g;
	$c =~ s/PORT_http/PORT_bare/g;

	$bare->conf($c)->run();
}

my $t = Test::Webhook->new(log_level => 'notice');
my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

$conf =~ s/%%TRIGGER%%/webhook body.seen to=one;/;
$conf =~ s/%%FORMAT%%/result/;

$conf =~ s/%%WEBHOOK%%/<<"EOC"/e;
webhook_store %%TESTDIR%%\/store size=64m journal=16m;
    webhook_memory ${memory}m;

    webhook_endpoint one {
        url http:\/\/127.0.0.1:%%PORT_rx%%\/;
        allow_http on;
        order none;
        concurrency 4;
    }

    webhook_json \$first request \/first;
    webhook_json \$split request \/split;
    webhook_json \$object request \/object type=json;
    webhook_json \$second request \/second;
    webhook_form \$field request second;

    log_format result '\$arg_n \$status \$webhook_result '
                      '\$webhook_request_body_state';
EOC

$t->conf($conf)->run();

###############################################################################

# half and the other half of bodies, by their kind

my ($head, $tail) = ('{"first":"' . 'f' x 100 . '","object":{"a":[1,2,3],'
	. '"b":{}},"pad":"' . 'p' x 200 . '","split":"' . 's' x 50,
	's' x 50 . '","more":[1,2,3],"second":"S"}');

my %expected = (first => 'f' x 100, object => { a => [1, 2, 3], b => {} },
	split => 's' x 100, second => 'S');

my %halves = (
	json => [$head, $tail],
	gzip => [zipped($head, $tail), 'Content-Encoding: gzip'],
	form => ['first=fff&se', 'cond=S', 'Content-Type: '
		. 'application/x-www-form-urlencoded'],
);

sub zipped {
	my ($head, $tail) = @_;

	my ($z) = Compress::Raw::Zlib::Deflate->new(-AppendOutput => 1,
		-WindowBits => WANT_GZIP);
	my ($one, $two) = ('', '');

	$z->deflate($head, $one);
	$z->flush($one, Z_SYNC_FLUSH);
	$z->deflate($tail, $two);
	$z->flush($two);

	return ($one, $two);
}

my @mixed = qw/ json json gzip json json json form gzip json json /;

# a round of $n clients; memory of the worker, in octets, since the first one:
# "grown" while they wait, "left" when they have gone

my %base;

sub slow {
	my ($self, $port, $n, @kinds) = @_;

	my ($worker) = $self->workers();
	my (@s, $i, %r);

	if (!$base{$worker}) {
		post('/?n=json.0', $head . $tail, -port => $port);
		$base{$worker} = anon($worker);
	}

	for $i (0 .. $n - 1) {
		my ($one, $two, $header) = @{$halves{$kinds[$i % @kinds]}};

		my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
			PeerPort => $port) or die "can't connect: $!\n";

		setsockopt $s, IPPROTO_TCP, TCP_NODELAY, 1;

		syswrite $s, join $CRLF, "POST /?n=$kinds[$i % @kinds].$i "
			. 'HTTP/1.1', 'Host: localhost', $header || (),
			'Expect: 100-continue',
			'Content-Length: ' . length("$one$two"), '', '';

		sysread $s, my $buf, 4096;
		die "no 100 but $buf\n" unless $buf =~ / 100 Continue/;

		syswrite $s, $one;
		push @s, [$s, $two];
	}

	# events come in their order: what was sent before this was read

	get('/app', -port => $port) for 1 .. 2;

	$r{grown} = anon($worker) - $base{$worker};
	$r{answers} = 0;

	for (@s) {
		my ($s, $two) = @$_;

		syswrite $s, $two;

		my $buf = '';
		1 while sysread $s, $buf, 4096, length $buf;

		$r{answers}++ if $buf =~ m!^HTTP/1.1 200 .*\r\n\r\nanswer$!s;
		close $s;
	}

	$r{left} = anon($worker) - $base{$worker};

	return \%r;
}

sub anon {
	my ($pid) = @_;

	my ($kb) = Test::Webhook::slurp("/proc/$pid/status")
		=~ /^RssAnon:\s+(\d+)/m;

	return 1024 * $kb;
}

# results of the requests since the last call: {kind => {result => count}}

my $mark = 0;

sub results {
	my ($n) = @_;

	my @lines;

	wait_for(sub {
		@lines = split /\n/, Test::Webhook::slurp($t->testdir()
			. '/result.log', $mark);
		@lines >= $n;
	}, 10, 'all requests in the log');

	$mark += length($_) + 1 for @lines;

	my %r = map { $_ => { committed => 0, dropped => 0 } } keys %halves;

	for (@lines) {
		my ($kind, $status, $result, $state)
			= /^(\w+)\.\d+ (\d+) (\S+) (\S+)$/ or die "$_\n";

		$r{$kind}{$result}++;
		$r{$kind}{"$result $state"}++;
	}

	return \%r;
}

sub all {
	my ($r, $result) = @_;

	my $n = 0;
	$n += $r->{$_}{$result} for keys %$r;

	return $n;
}

sub mb { sprintf '%.2f MB', $_[0] / 1048576 }

###############################################################################

my ($http, $plain) = ($t->port('http'), $bare->port('bare'));

# how many fit of the largest kind, when nothing is held

my $full = int($memory * 1048576 / 30000);

my $gzip = slow($t, $http, $full, 'gzip');
my $r = results($full + 1);
my $fit = $r->{gzip}{committed};

cmp_ok($fit, '>', $memory * 1048576 / 60000, "$fit captures of gzip fit");
cmp_ok($fit, '<', $full, 'more do not');

my (@grown, @left);
my ($committed, $forms) = (all($r, 'committed'), 0);

for my $round (1 .. 5) {
	my $with = slow($t, $http, $clients, @mixed);
	my $r = results($clients);

	is($with->{answers}, $clients, "round $round, clients are answered");
	is(all($r, 'committed') + all($r, 'dropped'), $clients,
		'every trigger is committed or dropped');
	cmp_ok(all($r, 'dropped'), '>', 0, 'some do not fit');
	cmp_ok(all($r, 'committed'), '>', 0, 'others do');
	is($r->{$_}{'committed truncated'}, undef,
		"no truncated event of $_") for sort keys %halves;

	$committed += all($r, 'committed');
	$forms += $r->{form}{committed};
	push @grown, $with->{grown};
	push @left, $with->{left};
}

cmp_ok(scalar($t->find_in_log(qr/captures hold all of "webhook_memory"/)),
	'>', 0, 'dropped events are logged');

# all of it is there again

slow($t, $http, $full, 'gzip');
is(results($full)->{gzip}{committed}, $fit, 'as many fit as at first');
$committed += $fit;

# no kilobyte is missing, neither octets of the account nor values

my $json = int($clients * ($long ? 1 : 0.9));

slow($t, $http, $json, 'json');
is(all(results($json), 'committed'), $json, "$json captures of JSON fit");
$committed += $json;

###############################################################################

# what was committed arrives, and is whole

ok($rx->wait_requests($committed, 120), "$committed events arrive")
	or diag($rx->count());

my ($events, $broken, $empty) = (0, 0, 0);

for ($rx->bodies()) {
	my $data = JSON::PP::decode_json($_)->{data};

	delete @$data{qw/ method path status /};
	$events++;

	# of a form

	$empty++, next if delete($data->{field}) || !%$data;

	$broken++ if JSON::PP->new()->canonical()->encode($data)
		ne JSON::PP->new()->canonical()->encode(\%expected);
}

is($events, $committed, 'as many as were committed');
is($broken, 0, 'with all of their values');
is($empty, $forms, 'and none, if it was a form');

###############################################################################

# memory; a sanitizer has its own ideas of it

SKIP: {
	skip('a sanitizer', 2) if $ENV{TEST_NGINX_PRELOAD};

	my $nginx = slow($bare, $plain, $clients, @mixed)->{grown};
	my ($max) = sort { $b <=> $a } $gzip->{grown}, @grown;

	note("$clients clients: nginx grows by ", mb($nginx),
		', with captures by ', join(', ', map { mb($_) } @grown),
		", $full with gzip by ", mb($gzip->{grown}));

	# and a tenth, for gaps in the heap and for deliveries

	cmp_ok($max - $nginx, '<=', 1.1 * $memory * 1048576,
		'captures take no more than webhook_memory: '
		. mb($max - $nginx));

	# what malloc() once had it keeps, and zlib does not use all at first

	my ($most) = sort { $b <=> $a } @left[0 .. 3];

	cmp_ok($left[4] - $most, '<=', $memory * 1048576 / 4,
		'the last round takes no more than those before: '
		. join ', ', map { mb($_) } @left);
}

$bare->stop();
$t->stop();

done_testing();

###############################################################################

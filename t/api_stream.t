#!/usr/bin/perl

# Tests for streams of attempts: what they send, by several workers, to whom
# that comes back, to those who read slowly or leave, and how they end.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Select;
use JSON::PP qw/ decode_json /;
use POSIX ();
use Socket;
use Time::HiRes qw/ time /;

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();

my $rx = Test::Webhook::Receiver->new($t, port => 'rx', rules => {
	'/bad' => 500, '*' => 200 });

# rows that fill a socket soon
my $long = 'x' x 3000;

sub conf {
	my ($history, $of_all) = @_;

	return <<"EOC";
%%TEST_GLOBALS%%

worker_processes 3;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=64m journal=12m;
    webhook_history $history;

    gzip on;
    gzip_types *;
    gzip_min_length 1;

    webhook_endpoint good {
        url http://127.0.0.1:%%PORT_rx%%/good?v=\$arg_v;
        allow_http on;
        history $of_all;
        order none;
    }

    webhook_endpoint bad {
        url http://127.0.0.1:%%PORT_rx%%/bad;
        allow_http on;
        history $of_all;
        retry off;
        bearer secret-of-bad;
        api_key query key secret-in-query;
    }

    webhook_endpoint long {
        url http://127.0.0.1:%%PORT_rx%%/long?$long;
        allow_http on;
        history $of_all;
        order none;
        concurrency 8;
    }

    webhook_endpoint off {
        url http://127.0.0.1:%%PORT_rx%%/off;
        allow_http on;
        history off;
    }

    server {
        listen 127.0.0.1:%%PORT_http%% sndbuf=8k;
        listen 127.0.0.1:%%PORT_h2%% http2;

        location = /good { webhook a.good to=good; return 200; }
        location = /bad { webhook a.bad to=bad; return 200; }
        location = /long { webhook a.long to=long; return 200; }
        location = /off { webhook a.off to=off; return 200; }

        location /api { webhook_api write=on streams=100; }
        location /few { webhook_api streams=2; }
        location /none { webhook_api streams=0; }
        location /rate { webhook_api; limit_rate 2k; }
        location = /sub { auth_request /api/attempts/stream; empty_gif; }
    }
}
EOC
}

$t->conf(conf('all count=150', 'all'))->run();

my $stream = '/api/attempts/stream';

###############################################################################

# the answer

my $all = Stream->open($stream, 'Accept-Encoding' => 'gzip');
my $quiet = Stream->open("$stream?endpoint=nobody");
my $since = time();

ok($all->wait(sub { $_[0]->{last} }), 'it begins at once');

my $r = $all->response();
is($r->{status}, 200, 'status');
is($r->header('Content-Type'), 'text/event-stream', 'type');
is($r->header('Transfer-Encoding'), 'chunked', 'chunks');
is($r->header('Cache-Control'), 'no-store', 'not to be stored');
is($r->header('X-Accel-Buffering'), 'no', 'not to be gathered by a proxy');
is($r->header('Content-Encoding'), undef, 'not compressed');
like($all->body(), qr/\Aretry: \d+\nid: [0-9a-f]{28}\n\n\z/,
	'a time to come back, and where');

$r = $t->request('HEAD', $stream, undef);
is($r->{status} . $r->header('Content-Type'), '200text/event-stream', 'HEAD');

# what it sends

my %by = map { $_ => Stream->open("$stream?$_") } qw/ endpoint=good event=a.bad
	class=status status=200 failed=1 id=none endpoint=bad&failed=1 /;

$by{old} = Stream->open($stream, version => '1.0');
$by{rate} = Stream->open('/rate/attempts/stream?endpoint=bad');

$_->wait(sub { $_[0]->{last} }) for values %by;

get("/good?v=$_") for 1 .. 40;
get('/bad') for 1 .. 5;

ok($all->wait(sub { $_[0]->events() >= 45 }), 'attempts of all workers');

my @e = $all->events();
my @kept = attempts('limit=1000');

is(scalar(@e), 45, 'each once');
is(join(',', map { $_->{event} } @e), join(',', ('attempt') x 45),
	'as events');
is_deeply([sort { $a->{key} cmp $b->{key} } map { $_->{data} } @e],
	[sort { $a->{key} cmp $b->{key} } @kept], 'as in the list');
is(join(',', map { $_->{id} } @e), join(',', sort map { $_->{id} } @e),
	'identifiers grow');
is(scalar(grep { $_->{id} ne $_->{data}{key} } @e), 0, 'they are the keys');

my %pids = map { $_->{data}{worker} => 1 } @e;
cmp_ok(scalar(keys %pids), '>', 1, 'by more than one worker');

unlike($all->body(), qr/secret-/, 'nothing secret');
like($all->body(), qr/key=\*\*\*/, 'it is masked');

my %want = ('endpoint=good' => 40, 'event=a.bad' => 5, 'class=status' => 5,
	'status=200' => 40, 'failed=1' => 5, 'id=none' => 0,
	'endpoint=bad&failed=1' => 5, old => 45, rate => 5);

for my $f (sort keys %want) {
	$by{$f}->wait(sub { $_[0]->events() >= $want{$f} });
	is(scalar($by{$f}->events()), $want{$f}, $f);
}

$r = $by{old}->response();
is($r->header('Transfer-Encoding'), undef, 'HTTP/1.0 has no chunks');
is($r->header('Connection'), 'close', 'and ends by a close');

$_->leave() for values %by;

# HTTP/2

SKIP: {
	skip 'no HTTP/2 in curl', 4 unless `curl -V 2>/dev/null` =~ /HTTP2/;

	my $out = $t->testdir() . '/h2';
	my $pid = background($out, 'curl', '-sNi', '--http2-prior-knowledge',
		'-m', 60, "http://127.0.0.1:" . $t->port('h2') . $stream);

	ok(wait_for(sub { slurp($out) =~ /^id: /m }, 10), 'HTTP/2');

	get('/bad');

	ok(wait_for(sub { slurp($out) =~ /^event: attempt\r?$/m }, 10),
		'an event');
	is(open_on('h2'), 1, 'a connection');

	end($pid);
	ok(wait_for(sub { open_on('h2') == 0 }, 10), 'it may leave');
}

# to come back

ok($all->wait(sub { $_[0]->{last} eq newest() }), 'all is read');
my $last = $all->{last};
$all->leave();

get('/good?v=b') for 1 .. 12;
wait_for(sub { attempts("endpoint=good&since=" . int($since * 1000)) >= 52 },
	10);

my ($key) = map { $_->{key} } attempts('limit=1000');

my $back = Stream->open($stream, 'Last-Event-ID' => $last);
ok($back->wait(sub { $_[0]->events() >= 12 }), 'Last-Event-ID');
is(join(',', map { $_->{id} } $back->events()),
	join(',', reverse map { $_->{key} } (attempts('limit=1000'))[0 .. 11]),
	'exactly what was missed');

my $after = Stream->open("$stream?after=$last");
ok($after->wait(sub { $_[0]->events() >= 12 }), 'the same by an argument');

my $both = Stream->open("$stream?after=$last", 'Last-Event-ID' => $key);
my $from = Stream->open("$stream?endpoint=bad&since=0");
my $some = Stream->open("$stream?limit=5", 'Last-Event-ID' => $last);
my $foreign = Stream->open($stream, 'Last-Event-ID' => 'f' x 28);

ok($from->wait(sub { $_[0]->events() >= 5 }), 'or from a time on');
ok($some->wait(sub { $_[0]->events() >= 6 }), 'or not all of it');
is(join(',', map { $_->{event} } $some->events()),
	join(',', 'gap', ('attempt') x 5), 'which is told');
is(($some->events())[0]->{data}{reason}, 'limit', 'with the reason');
ok($foreign->wait(sub { $_[0]->events() >= 1 }), 'of another store');
is(join(',', map { $_->{event} } $foreign->events()), 'gap',
	'where it was is not known');

get('/bad');

ok($both->wait(sub { $_[0]->events() >= 1 }), 'a browser that comes back');
is(scalar($both->events()), 1, 'is not sent twice what it has');

ok($foreign->wait(sub { $_[0]->events() >= 2 }), 'and it goes on');

$_->leave() for $after, $both, $from, $some, $foreign, $back;

# errors

for (
	["$stream?until=1", 400, 'unknown_argument'],
	["$stream?cursor=1", 400, 'unknown_argument'],
	["$stream?after=xyz", 400, 'bad_key'],
	["$stream?limit=10001", 400, 'bad_argument'],
	["$stream?endpoint=off", 409, 'history_off'],
	['/none/attempts/stream', 503, 'too_many_streams'],
) {
	$r = get($_->[0]);
	is("$r->{status} " . decode_json($r->body())->{error}{code},
		"$_->[1] $_->[2]", "$_->[0]: $_->[2]");
}

$r = get($stream, 'Last-Event-ID' => 'bad');
is($r->{status}, 400, 'Last-Event-ID that is none');
is($t->request('POST', $stream, '{}')->{status}, 405, 'POST');
is(get('/sub')->{status}, 500, 'no part of another answer');

# limits, and clients that leave

my @few = map { Stream->open('/few/attempts/stream') } 1 .. 7;
$_->wait(sub { $_[0]->response()->{status} }) for @few;

my @status = map { $_->response()->{status} } @few;
my $ok = grep { $_ == 200 } @status;
my $busy = grep { $_ == 503 } @status;

is($ok + $busy, 7, 'streams, or an error');
cmp_ok($busy, '>=', 1, 'no more than two of a worker');

$_->leave() for @few;

ok(wait_for(sub {
	my $s = Stream->open('/few/attempts/stream');
	$s->wait(sub { $_[0]->response()->{status} });
	my $status = $s->response()->{status};
	$s->leave();
	return $status == 200;
}, 10), 'again, when others have left');

sub come_and_go {
	for (1 .. $_[0]) {
		my @s = map { Stream->open("$stream?since=0") } 1 .. 6;
		$_->wait(sub { $_[0]->{last} }) for @s;
		$_->leave() for @s;
	}
}

come_and_go(10);
my $rss = rss();
my $fds = fds();
come_and_go(40);
my $grown = rss() - $rss;

SKIP: {
	skip 'memory of sanitizers', 1 if $ENV{TEST_NGINX_PRELOAD};

	cmp_ok($grown, '<', 3000, 'no memory is kept, in kB');
}

ok(wait_for(sub { fds() <= $fds }, 10), 'and no connection')
	or diag(fds() . " of $fds");

# a slow reader

my $n = $rx->count();
my $slow = Stream->open($stream, rcvbuf => 4096);
$slow->wait(sub { $_[0]->{last} });

get('/long') for 1 .. 60;
wait_for(sub { long() >= 60 }, 20);

my $sixtieth = newest();

# all at once, the store might not keep up, and what it gives up is no gap

for my $i (1 .. 40) {
	get('/long') for 1 .. 10;
	wait_for(sub { $rx->count() >= 60 + 10 * $i + $n }, 20);
}

cmp_ok($rx->count(), '>=', 460 + $n, 'attempts');

ok(wait_for(sub { (attempts('limit=1000'))[-1]{key} gt $sixtieth }, 20),
	'of which more are gone than are on their way to him');

# workers write what they have gathered one after the other: that of another
# one may follow, and be more than is kept

my $bad = sub {
	return scalar grep { ($_->{data}{event} || '') eq 'a.bad' }
		$slow->events();
};

ok(wait_for(sub { get('/bad'); $slow->wait($bad, 2) }, 60),
	'a slow reader gets the last')
	or diag(($slow->{closed} ? 'closed' : 'open') . ' after '
		. scalar($slow->events()) . ' events');

my @slow = $slow->events();
cmp_ok(scalar(@slow), '<', 460, 'but not all');
cmp_ok(scalar(grep { $_->{event} eq 'gap' } @slow), '>=', 1, 'he is told')
	or diag(scalar(@slow) . ' events: ' . join(' ', map {
		join ' ', $_->{id}, $_->{event}, $_->{data}{event} || ''
	} @slow));
is((grep { $_->{event} eq 'gap' } @slow)[0]->{data}{reason}, 'purged',
	'that they are gone');
is(join(',', map { $_->{id} } @slow), join(',', sort map { $_->{id} } @slow),
	'the order is kept');
cmp_ok($slow->first(), '>=', 1, 'those in front of the gap were sent');

$slow->leave();

# a sign of life

ok($quiet->wait(sub { $_[0]->body() =~ /^:\n/m }, 20), 'a comment');
ok($quiet->wait(sub { $_[0]->{last} eq newest() }, 20),
	'with how far the stream has come');
is(scalar(grep { $_->{event} ne 'gap' } $quiet->events()), 0,
	'though there was no event');

# reload, with a reader that does not read; a browser's client

my $out = $t->testdir() . '/eventsource';
my $client = eventsource($out);

my $open = Stream->open($stream);
$open->wait(sub { $_[0]->{last} });

my $stuck = Stream->open("$stream?after=" . ('0' x 28), rcvbuf => 4096);
my @old = $t->workers();

ok($t->reload(), 'reload');
ok($open->wait(sub { $_[0]->response()->{complete} }), 'a stream ends well');
ok(wait_for(sub { !grep { kill 0, $_ } @old }, 10),
	'old workers wait for no stream');
$stuck->leave();

get('/bad');

my $next = Stream->open($stream, 'Last-Event-ID' => $open->{last});
ok($next->wait(sub { $_[0]->events() >= 1 }), 'and goes on at another one');

SKIP: {
	skip 'no eventsource of node.js', 2 unless $client;

	ok(wait_for(sub { slurp($out) =~ /"event":"a\.bad"/ }, 20),
		'a client comes back by itself');
	get('/bad');
	ok(wait_for(sub { my @n = slurp($out) =~ /"event":"a\.bad"/g;
		@n == 2 }, 20), 'and misses nothing');
	end($client);
}

# a worker that is killed

$last = $next->{last};
kill 'KILL', $t->workers();
ok($next->wait(sub { $_[0]->{closed} }), 'a worker is killed');
ok(wait_for(sub { $t->workers() == 3 && get('/bad')->{status} == 200 }, 10),
	'others follow');

$next = Stream->open($stream, 'Last-Event-ID' => $last);
ok($next->wait(sub { grep { $_->{data}{event} eq 'a.bad' }
	$_[0]->events() }), 'where the history is');

# failures only, and none

$t->conf(conf('failures', 'failures'));
ok($t->reload(), 'reload');

$next = Stream->open($stream);
$next->wait(sub { $_[0]->{last} });
get('/good');
get('/bad');
$next->wait(sub { $_[0]->events() >= 1 });
is(join(',', map { $_->{data}{event} } $next->events()), 'a.bad',
	'what the history has');
$next->leave();

$t->conf(conf('off', 'off'));
ok($t->reload(), 'reload');
is(get($stream)->{status}, 409, 'no history');

$t->allow_alerts(qr/exited on signal 9/);

done_testing();

###############################################################################

sub newest { (attempts('limit=1'))[0]->{key} }

sub attempts {
	my ($args) = @_;
	return @{decode_json(get("/api/attempts?$args")->body())->{attempts}};
}

sub long { scalar(my @a = attempts('event=a.long&limit=1000')) }

sub background {
	my ($out, @command) = @_;

	my $pid = fork();
	die "fork() failed: $!\n" unless defined $pid;

	if ($pid == 0) {
		$SIG{$_} = 'DEFAULT' for qw/ INT TERM HUP PIPE /;
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', $out;
		open STDERR, '>&', \*STDOUT;
		no warnings;
		exec { $command[0] } @command;
		POSIX::_exit(127);
	}

	$t->add_child($pid);

	return $pid;
}

sub end {
	my ($pid) = @_;
	kill 'TERM', $pid;
	waitpid $pid, 0;
	$t->del_child($pid);
}

# of Debian's node-eventsource, if it is there

sub eventsource {
	my ($out) = @_;

	local $ENV{NODE_PATH} = $ENV{NODE_PATH} || '/usr/share/nodejs';

	my ($code) = Test::Webhook::command('node', '-e',
		'require("eventsource")');
	return if $code;

	my $url = 'http://127.0.0.1:' . $t->port('http') . "$stream?endpoint=bad";
	my $pid = background($out, 'node', '-e', <<"EOJ");
const s = new (require("eventsource"))("$url");
s.onopen = () => console.log("open");
s.addEventListener("attempt", (e) => console.log(e.data));
EOJ

	wait_for(sub { slurp($out) =~ /^open/m }, 10);

	return $pid;
}

sub slurp {
	my ($file) = @_;
	open my $fh, '<:raw', $file or return '';
	local $/;
	my $text = <$fh>;
	return defined $text ? $text : '';
}

# descriptors of all workers

sub fds {
	my $n = 0;
	$n += () = glob("/proc/$_/fd/*") for $t->workers();
	return $n;
}

# connections of a port that nginx has not closed: ESTABLISHED or CLOSE_WAIT

sub open_on {
	my $local = sprintf '0100007F:%04X', $t->port(@_);

	return scalar grep { /^\s*\d+: $local \S+ (?:01|08) / }
		split /\n/, slurp('/proc/net/tcp');
}

sub rss {
	my $n = 0;

	for my $pid ($t->workers()) {
		slurp("/proc/$pid/status") =~ /^VmRSS:\s+(\d+)/m;
		$n += $1;
	}

	return $n;
}

###############################################################################

package Stream;

# options: version => '1.0', rcvbuf, or headers

sub open {
	my ($class, $uri, %o) = @_;

	my $version = delete $o{version} || '1.1';
	my $rcvbuf = delete $o{rcvbuf};

	my $s;

	if ($rcvbuf) {
		socket $s, Socket::PF_INET(), Socket::SOCK_STREAM(), 0;
		setsockopt $s, Socket::SOL_SOCKET(), Socket::SO_RCVBUF(),
			$rcvbuf;
		connect $s, Socket::pack_sockaddr_in($t->port('http'),
			Socket::inet_aton('127.0.0.1')) or die "connect: $!\n";

	} else {
		$s = $t->connect_port('http') or die "no connection\n";
	}

	syswrite $s, "GET $uri HTTP/$version\r\nHost: localhost\r\n"
		. join('', map { "$_: $o{$_}\r\n" } sort keys %o) . "\r\n";

	return bless { s => $s, buf => '', last => '' }, $class;
}

# reads until it is as the code wants it to be

sub wait {
	my ($self, $code, $time) = @_;
	my $end = Time::HiRes::time() + ($time || 20);
	my $select = IO::Select->new($self->{s});

	for ( ;; ) {
		$self->parse();

		return 1 if $code->($self);
		return 0 if $self->{closed} || Time::HiRes::time() > $end;

		my $pause = Time::HiRes::time() + 0.2;

		while (!$self->{closed} && Time::HiRes::time() < $pause
			&& $select->can_read(0.05))
		{
			my $n = sysread $self->{s}, $self->{buf}, 65536,
				length $self->{buf};
			$self->{closed} = 1 unless $n;
		}
	}
}

sub parse {
	my ($self) = @_;

	my @blocks = split /\n\n/, $self->body(), -1;
	pop @blocks;

	my @events;

	for (@blocks) {
		my %e = (event => 'message');

		for (split /\n/) {
			/^(\w+): (.*)/ or next;
			$e{$1} = $2;
		}

		$self->{last} = $e{id} if $e{id};
		next unless defined $e{data};

		$e{data} = JSON::PP::decode_json($e{data});
		push @events, \%e;
	}

	$self->{events} = \@events;
}

sub response { Test::Webhook::parse_response($_[0]->{buf}) }
sub body { $_[0]->response()->{body} }
sub events { @{$_[0]->{events} || []} }

# events in front of a gap

sub first {
	my ($self) = @_;
	my $n = 0;

	for ($self->events()) {
		last if $_->{event} eq 'gap';
		$n++;
	}

	return $n;
}

sub leave { close $_[0]->{s} }

###############################################################################

#!/usr/bin/perl

# Tests with responses that take their time: server-sent events of an
# application on uwsgi, WebSockets of Debian's package python3-websockets.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Socket::INET;
use Socket qw/ SO_RCVBUF SOL_SOCKET /;

use Test::Webhook qw/ wait_for /;
use Test::Webhook::Servers;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $CRLF = "\x0d\x0a";

my $t = Test::Webhook::Servers->new(servers => [qw/ uhttp ws /],
	http => <<'EOC', live => \&live);
    map $http_upgrade $connection_upgrade {
        default upgrade;
        "" close;
    }
EOC

my $uwsgi = 'location / { uwsgi_pass 127.0.0.1:%%PORT_uwsgi%%; }';
my $http = 'location / { proxy_pass http://127.0.0.1:%%PORT_uhttp%%; }';

###############################################################################

# server-sent events, the application says X-Accel-Buffering: no

for (['uwsgi', $uwsgi], ['http', $http]) {
	my ($name, $conf) = @$_;

	my @sse = (fires => '200', of_response => 'invalid', conf => $conf,
		chunks => 'any', forms => 'close');

	$t->add("$name, events", get => '/x?events=100', h2 => 1, @sse);
	$t->add("$name, many events", get => '/x?events=20000', @sse);
	$t->add("$name, events, HTTP/1.0", get => '/x?events=100',
		version => '1.0', @sse);
	$t->add("$name, events, cut", get => '/x?events=2000000', @sse,
		cut => 1, partial => 1, parts => sub {
			($_[0], qr/data: \{"id": 1000\}/, 'close')
		});
	$t->add("$name, half of JSON, cut", get => '/x?endless', @sse,
		cut => 1, partial => 1, answer => 'rid=e1',
		of_response => 'truncated', parts => sub {
			($_[0], qr/"list":\[1/, 'close')
		});
	$t->add("$name, half of JSON, cut by HTTP/1.0", get => '/x?endless',
		@sse, cut => 1, partial => 1, answer => 'rid=e1',
		of_response => 'truncated', version => '1.0', parts => sub {
			($_[0], qr/"list":\[1/, 'close')
		});
	$t->add("$name, all of it", get => '/x?endless', @sse,
		answer => 'rid=e1', of_response => 'truncated', parts => sub {
			($_[0], qr/"list":\[1/, $t->go())
		});
}

###############################################################################

# WebSockets

my @upgrade = (headers => ['Connection: Upgrade', 'Upgrade: websocket',
	'Sec-WebSocket-Version: 13',
	'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='], get => '/chat',
	forms => 'close', fires => '101', conf => <<'EOC');
        location / {
            proxy_pass http://127.0.0.1:%%PORT_ws%%;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
        }
EOC

my $header = qr/\r\n\r\n/;
my $close = frame(8, pack 'n', 1000);

my $text = '{"id":"ws"}';
my $large = '{"id":"' . 'w' x 100_000 . '"}';

$t->add('echo', @upgrade, shows => 'websocket-accept',
	parts => sub { ($_[0], $header, frame(1, $text), qr/\Q$text/,
		frame(1, 'second'), qr/second/, $close) });
$t->add('echo of binary', @upgrade,
	parts => sub { ($_[0], $header, frame(2, "\0\xff\r\n\r\n\x01"),
		qr/\0\xff\r\n\r\n\x01/, $close) });
$t->add('echo of much', @upgrade,
	parts => sub { ($_[0], $header, frame(1, $large), qr/\Q$large/,
		$close) });
$t->add('frames in pieces', @upgrade,
	parts => sub { ($_[0], $header, (map { ($_, 'pause') }
		split //, frame(1, $text)), qr/\Q$text/, $close) });
$t->add('many messages', @upgrade,
	parts => sub { ($_[0], $header, frame(1, 'many 3000'),
		qr/message 2999/, $close) });
$t->add('nothing but the handshake', @upgrade,
	parts => sub { ($_[0], $header, $close) });
$t->add('frames right behind the handshake', @upgrade,
	parts => sub { ($_[0] . frame(1, $text), qr/\Q$text/, $close) });
$t->add('ended by the server', @upgrade,
	parts => sub { ($_[0], $header, frame(1, 'bye'), qr/bye/, $close) });
$t->add('ping', @upgrade,
	parts => sub { ($_[0], $header, frame(9, 'are you there'),
		qr/are you there/, $close) });
$t->add('cut by the client', @upgrade, partial => 1,
	parts => sub { ($_[0], $header, frame(1, $text), qr/\Q$text/,
		'close') });
$t->add('cut within a frame', @upgrade, partial => 1,
	parts => sub { ($_[0], $header, substr(frame(1, $text), 0, 5),
		'pause', 'close') });
$t->add('a broken frame', @upgrade,
	parts => sub { ($_[0], $header, "\xff\xff\xff\xff\xff") });
$t->add('no handshake', @upgrade, headers => [], fires => '426',
	of_response => 'invalid');
$t->add('a wrong handshake', @upgrade, fires => '400',
	headers => ['Connection: close, Upgrade', 'Upgrade: websocket'],
	of_response => 'invalid');

# for live()

$t->add('live', get => '/live?events=1', fires => '200', forms => 'close',
	of_response => 'invalid', chunks => 'any', conf => <<'EOC');
        location /live {
            uwsgi_pass 127.0.0.1:%%PORT_uwsgi%%;
            uwsgi_buffering off;
        }
        location /chat {
            proxy_pass http://127.0.0.1:%%PORT_ws%%;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
        }
EOC

$t->run();

###############################################################################

# what is there while a response is on its way; of a strict lane, so that what
# is delivered later was committed later

sub live {
	my ($case) = grep { $_->{name} eq 'live' } @{$t->{cases}};
	my $host = "$case->{host}-close";

	# WebSocket

	my $s = Test::Webhook::connect_port($t->{t}{with}, 'http');
	my $n = ++$t->{n};

	my $upgrade = join $CRLF, 'GET /chat HTTP/1.1', "Host: $host",
		"X-N: $n", @{{@upgrade}->{headers}}, '', '';

	syswrite $s, $upgrade;
	reads($s, $header);

	like(event($n), qr/ 101 complete=1$/,
		'the event of 101 comes while the connection is open');

	syswrite $s, frame(1, 'afterwards');

	like(reads($s, qr/afterwards/), qr/afterwards/,
		'which goes on after it');

	close $s;

	# events, and a client that reads some of them only

	$n = ++$t->{n};

	my @got;

	for my $twin (qw/ plain with /) {
		my $c = IO::Socket::INET->new(Proto => 'tcp') or die;

		setsockopt $c, SOL_SOCKET, SO_RCVBUF, 4096;
		connect $c, Socket::pack_sockaddr_in(
			$t->{t}{$twin}->port('http'), Socket::INADDR_LOOPBACK())
			or die "connect() failed: $!\n";

		syswrite $c, join $CRLF, 'GET /live?events=200000 HTTP/1.1',
			"Host: $host", "X-N: $n", 'Connection: close', '', '';

		my $in = reads($c, qr/data: \{"id": 100\}/);

		if ($twin eq 'with') {
			my $m = ++$t->{n};

			Test::Webhook::http(join($CRLF, 'GET / HTTP/1.1',
				'Host: after', "X-N: $m", 'Connection: close',
				'', ''), socket => Test::Webhook::connect_port(
				$t->{t}{with}, 'http'));

			like(event($m), qr/ 200 complete=1$/,
				'an event after it');
			is(scalar(seen($n)), 0, 'there is no event while a '
				. 'client is slow');
		}

		while (sysread $c, $in, 65536, length $in) { }

		push @got, Test::Webhook::parse_response($in);
	}

	ok($got[0]->body() eq $got[1]->body() && $got[1]{complete},
		'slow clients get the same');
	cmp_ok(length $got[1]->body(), '>', 6_000_000, 'and all of it');
	like(event($n), qr/ 200 complete=1$/, 'then the event comes');
}

sub reads {
	my ($s, $re) = @_;

	my $in = '';

	$s->blocking(1);

	while ($in !~ $re) {
		sysread $s, $in, 4096, length $in or last;
	}

	return $in;
}

sub seen {
	my ($n) = @_;

	return grep { ($_->{header}{'x-n'} || '') eq $n }
		$t->{rx}->requests();
}

sub event {
	my ($n) = @_;

	my @seen;

	wait_for(sub { @seen = seen($n) }, 20, "the event $n");

	return join ' and ', map { Test::Webhook::Twin::event($_) } @seen;
}

# of a client, with a mask

sub frame {
	my ($opcode, $data) = @_;

	my $n = length $data;
	my $mask = "\x12\x34\x56\x78";

	return pack('C', 0x80 | $opcode)
		. ($n < 126 ? pack('C', 0x80 | $n)
			: $n < 65536 ? pack('Cn', 0xfe, $n)
			: pack('CNN', 0xff, 0, $n))
		. $mask . ($data ^ substr $mask x ($n / 4 + 1), 0, $n);
}

###############################################################################

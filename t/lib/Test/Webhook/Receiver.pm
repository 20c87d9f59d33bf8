package Test::Webhook::Receiver;

# A scripted receiver of webhooks: an HTTP server in a child process.
#
#	my $rx = Test::Webhook::Receiver->new($t, port => 'rx',
#		script => [503, { delay => 0.5 }, 200]);
#
# An action is a status, or a hash of:
#
#	status, reason, body, headers	the answer, 200 with "ok" by default
#	delay => seconds		before anything of the below
#	hang => 1 | 'header' | 'body'	never answer, or not the second half
#	reset => 1			RST
#	close => 'before' | 'header' | 'body'
#	trickle => seconds		one byte each, trickle_from => 'body'
#	raw => bytes			then close, unless keep => 1
#	interim => [103, ...]		before the answer
#	chunked => 1, chunk_size => n
#	huge => n			octets of body
#	close_after => 1		close without announcing
#	keepalive => 0			announce and close
#	no_length => 1			body until close
#	early => 1			before the body of the request is read
#
# The script is consumed in order of requests, then "default" is used if it is
# set, or the last action repeated.  "rules" is a hash of actions or lists of
# them by path, "*" is for the others.

use strict;
use warnings;

use Fcntl qw/ :DEFAULT /;
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP ();
use MIME::Base64 qw/ decode_base64 /;
use POSIX ();
use Scalar::Util qw/ weaken /;
use Socket;
use Storable qw/ nfreeze /;
use Test::More ();
use Time::HiRes qw/ time sleep /;

use Test::Webhook ();
use Test::Webhook::HTTPD;

my $json = JSON::PP->new->ascii;
my $serial = 0;

# ends of control sockets which are not for other children
my %ends;

my @config = qw/ script rules default on_accept keepalive keepalive_timeout /;

# options: port (name, number, or unix:path), host, tls => { cert, key,
# ca_for_clients, ... }, script, rules, default, on_accept ('reset', 'close',
# 'hang', { delay => seconds }), keepalive, keepalive_timeout, handler (code),
# start => 0

sub new {
	my ($class, $t, %o) = @_;

	my $self = bless {
		host => '127.0.0.1', port => $class->default_port(), %o,
		config => {}, pid => undef, owner => $$, pos => {},
		offset => 0, parsed => [], events => [], from => 0,
		count => [0, 0], n => 0, conns => 0,
	}, $class;

	$self->{t} = $t;
	$self->{record} = $t->testdir() . "/requests-$$-" . ++$serial
		. '.jsonl';

	$self->{port} = $t->port($self->{port})
		unless $self->{port} =~ /^unix:/;

	for (@config) {
		$self->{config}{$_} = delete $self->{$_} if exists $self->{$_};
	}

	if (ref $self->{config}{script} eq 'CODE') {
		$self->{handler} = delete $self->{config}{script};
	}

	push @{$t->{daemons}}, $self;
	weaken($t->{daemons}[-1]);

	$self->start() unless exists $o{start} && !$o{start};

	return $self;
}

sub default_port { 'rx' }
sub port { $_[0]->{port} }

sub url {
	my ($self, $uri) = @_;

	my $scheme = $self->{tls} ? 'https' : 'http';
	my $host = $self->{host} =~ /:/ ? "[$self->{host}]" : $self->{host};

	return ($self->{port} =~ /^unix:/ ? "$scheme://$self->{port}:"
		: "$scheme://$host:$self->{port}")
		. (defined $uri ? $uri : '/');
}

###############################################################################

# the process

sub start {
	my ($self) = @_;

	return $self if $self->{pid};

	my $listen;

	Test::Webhook::wait_for(sub { $listen = $self->listen_socket() }, 5)
		or die "receiver can't listen on $self->{port}: $!\n";

	socketpair my $ours, my $theirs, AF_UNIX, SOCK_STREAM, PF_UNSPEC
		or die "socketpair() failed: $!\n";

	my $parent = $$;
	my $pid = fork();
	die "fork() failed: $!\n" unless defined $pid;

	if ($pid == 0) {
		$SIG{$_} = 'DEFAULT' for qw/ INT TERM HUP __DIE__ /;
		$SIG{PIPE} = 'IGNORE';

		close $ours;
		close $_ for grep { $_ } values %ends;

		open STDIN, '<', '/dev/null';
		open STDOUT, '>', '/dev/null';

		eval {
			Test::Webhook::HTTPD->new(
				listen => $listen, ctl => $theirs,
				record => $self->{record}, parent => $parent,
				config => $self->{config},
				handler => $self->{handler},
				tls => $self->{tls}, pos => $self->{pos},
				n => $self->{n}, conns => $self->{conns},
			)->run();
		};

		print STDERR "receiver died: $@";
		POSIX::_exit(1);
	}

	close $listen;
	close $theirs;

	$self->{pid} = $pid;
	$self->{ctl} = $ends{$pid} = $ours;
	weaken($ends{$pid});

	Test::Webhook->add_child($pid);

	return $self;
}

sub listen_socket {
	my ($self) = @_;

	if ($self->{port} =~ /^unix:(.*)/) {
		unlink $1;
		my $s = IO::Socket::UNIX->new(Local => $1, Listen => 1024)
			or return;
		chmod 0777, $1;
		return $s;
	}

	my %args = (Proto => 'tcp', LocalPort => $self->{port},
		Listen => 1024, ReuseAddr => 1);

	if ($self->{host} =~ /:/) {
		require IO::Socket::IP;
		return IO::Socket::IP->new(%args, LocalHost => $self->{host},
			V6Only => 1);
	}

	return IO::Socket::INET->new(%args, LocalAddr => $self->{host});
}

# connections are closed, the port refuses

sub stop {
	my ($self) = @_;

	my $pid = delete $self->{pid} or return $self;

	my $state = eval { $self->command('stop') };

	@$self{qw/ n conns pos /} = @$state{qw/ n conns pos /} if $state;

	kill 'KILL', $pid unless $state;

	if (waitpid($pid, 0) == $pid && $? && $? != 9) {
		Test::More::diag("receiver exited with status $?");
	}

	Test::Webhook->del_child($pid);
	delete $ends{$pid};
	close delete $self->{ctl};

	return $self;
}

sub restart {
	my ($self) = @_;

	$self->stop();

	return $self->start();
}

sub running { $_[0]->{pid} ? 1 : 0 }

sub command {
	my ($self, $cmd, %args) = @_;

	my $ctl = $self->{ctl} or die "receiver is not running\n";

	# JSON::PP takes seconds for megabytes of answers

	my $bytes = pack 'N/a*', nfreeze({ cmd => $cmd, %args });

	while (length $bytes) {
		my $n = syswrite $ctl, $bytes;
		die "receiver is gone: $!\n" unless $n;
		substr($bytes, 0, $n, '');
	}

	my $in = '';
	my $end = time() + 60;

	while ($in !~ /\n$/) {
		my $r = '';
		vec($r, fileno $ctl, 1) = 1;

		my $left = $end - time();
		die "receiver does not reply\n" if $left <= 0;

		select($r, undef, undef, $left) > 0 or next;
		sysread $ctl, $in, 65536, length $in
			or die "receiver is gone\n";
	}

	return $json->decode($in);
}

# either actions, which make a new script: set(503, 200), set({hang => 1}),
# or options of new(): set(rules => {...}, on_accept => 'reset')

sub set {
	my ($self, @args) = @_;

	my %config;

	if (@args && !ref $args[0] && $args[0] =~ /^[a-z]/) {
		%config = @args;

		for my $name (keys %config) {
			die "unknown option $name\n"
				unless grep { $_ eq $name } @config;
		}

	} else {
		$config{script} = ref $args[0] eq 'ARRAY' ? $args[0] : \@args;
	}

	$config{rules} = undef if exists $config{script}
		&& !exists $config{rules};
	$config{script} = undef if exists $config{rules}
		&& !exists $config{script};

	$self->{config} = { %{$self->{config}}, %config };
	$self->{pos} = {};
	delete $self->{handler}
		if exists $config{script} || exists $config{rules};

	$self->command('set', config => \%config) if $self->{pid};

	return $self;
}

# answers requests held by {hang => 1} now, as the rest of the action says,
# or with another action

sub release {
	my ($self, $action) = @_;

	$action = { status => $action } if defined $action && !ref $action;

	$self->command('release', action => $action);

	return $self;
}

# closes connections at once: all of them, or with "idle" only idle ones

sub close_connections {
	my ($self, $idle) = @_;

	$self->command('close', idle => $idle ? 1 : 0);

	return $self;
}

sub reset_connections {
	my ($self, $idle) = @_;

	$self->command('reset', idle => $idle ? 1 : 0);

	return $self;
}

###############################################################################

# records

# new lines of the file, parsed

sub update {
	my ($self) = @_;

	open my $fh, '<:raw', $self->{record} or return;
	return if -s $fh <= $self->{offset};

	seek $fh, $self->{offset}, 0;

	while (my $line = <$fh>) {

		# still being written

		last unless $line =~ /\n\z/;

		$self->{offset} += length $line;

		if ($line =~ /^\{"event"/) {
			my $e = $json->decode($line);
			push @{$self->{events}}, $e;
			next;
		}

		push @{$self->{parsed}}, parse_line($line);
	}
}

# JSON::PP takes milliseconds a line, thus requests are parsed here

sub parse_line {
	my ($line) = @_;

	my $str = qr/"((?:[^"\\]++|\\.)*+)"/;

	$line =~ /^\{"n":(\d+),"time":([\d.]+),"conn":(\d+),"method":$str,
		"target":$str,"version":$str,"complete":(true|false),
		"tls":(null|\{.*?\}),"headers":\[/gcx
		or return $json->decode($line);

	my %r = (n => $1, time => $2, conn => $3, method => unquote($4),
		target => unquote($5), version => unquote($6),
		complete => $7 eq 'true' ? 1 : 0,
		tls => $8 eq 'null' ? undef : $json->decode($8));

	my (@headers, %h);

	while ($line =~ /\G\[$str,$str\],?/gc) {
		my ($name, $value) = (unquote($1), unquote($2));

		push @headers, [$name, $value];
		$name = lc $name;
		$h{$name} = exists $h{$name} ? "$h{$name}, $value" : $value;
	}

	$line =~ /\G\],"body":"/gc or die "bad record: $line";

	$r{headers} = \@headers;
	$r{header} = \%h;
	$r{body} = decode_base64(substr $line, pos($line), -3);

	return \%r;
}

sub unquote {
	my ($s) = @_;

	return $s if index($s, '\\') < 0;

	$s =~ s/\\(?:u([\da-f]{4})|(.))/defined $1 ? chr hex $1 : $2/ge;

	return $s;
}

# recorded requests, in order: n, time, conn, method, target, version, headers
# (list of [name, value]), header (hash by lower case name), body, complete,
# tls (undef or version, cipher, sni, reused, alpn, client)

sub requests {
	my ($self) = @_;

	$self->update();

	my @requests = @{$self->{parsed}}[$self->{from} .. $#{$self->{parsed}}];

	return @requests;
}

sub request {
	my ($self, $i) = @_;

	return ($self->requests())[defined $i ? $i : -1];
}

# the number of requests, without parsing of them

sub count {
	my ($self) = @_;

	my ($pos, $n) = @{$self->{count}};

	if (open my $fh, '<:raw', $self->{record}) {
		if (-s $fh > $pos) {
			seek $fh, $pos, 0;

			while (my $line = <$fh>) {
				last unless $line =~ /\n\z/;
				$pos += length $line;
				$n++ if substr($line, 0, 4) eq '{"n"';
			}

			$self->{count} = [$pos, $n];
		}
	}

	return $n - $self->{from};
}

# requests (in scalar context their number, as of requests()) once there are
# $n of them or more, nothing if they did not come

sub wait_requests {
	my ($self, $n, $seconds) = @_;

	Test::Webhook::wait_for(sub { $self->count() >= $n }, $seconds)
		or do {
			Test::More::diag("timed out waiting for $n requests, "
				. 'got ' . $self->count());
			return;
		};

	return $self->requests();
}

# true if there are exactly $n requests, and no more during some time

sub only_requests {
	my ($self, $n, $seconds) = @_;

	my $end = time() + (defined $seconds ? $seconds : 0.5);

	while (time() < $end) {
		last if $self->count() > $n;
		sleep(0.005);
	}

	return $self->count() == $n;
}

sub ids { map { $_->{header}{'webhook-id'} } $_[0]->requests() }
sub bodies { map { $_->{body} } $_[0]->requests() }

# the number of connections accepted so far

sub connections { my @opened = $_[0]->events('open'); scalar @opened }

# 'open', 'close' (by the client), 'tls_error': hashes of event, time, conn,
# and text

sub events {
	my ($self, $what) = @_;

	$self->update();

	my @events = grep { !defined $what || $_->{event} eq $what }
		@{$self->{events}};

	return @events;
}

sub wait_event {
	my ($self, $what, $n, $seconds) = @_;

	$n = 1 unless defined $n;

	Test::Webhook::wait_for(sub { $self->events($what) >= $n }, $seconds,
		"event $what") or return;

	return ($self->events($what))[$n - 1];
}

# requests until now are not seen anymore

sub forget {
	my ($self) = @_;

	$self->update();
	$self->{from} = @{$self->{parsed}};

	return $self;
}

sub DESTROY {
	my ($self) = @_;

	return if $self->{owner} != $$;

	local ($?, $@, $!);
	$self->stop();
}

1;

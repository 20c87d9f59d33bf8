package Test::Webhook::HTTPD;

# The event loop HTTP server behind Test::Webhook::Receiver and
# Test::Webhook::App.  It runs in a child process, records each request
# before the answer to it is written, and answers by script.

use strict;
use warnings;

use Errno qw/ EINTR EAGAIN EWOULDBLOCK /;
use Fcntl qw/ :DEFAULT /;
use JSON::PP ();
use MIME::Base64 qw/ encode_base64 /;
use POSIX ();
use Socket qw/ :DEFAULT IPPROTO_TCP TCP_NODELAY /;
use Storable qw/ thaw /;
use Time::HiRes qw/ time sleep /;

my %reason = (
	100 => 'Continue', 101 => 'Switching Protocols', 102 => 'Processing',
	103 => 'Early Hints',
	200 => 'OK', 201 => 'Created', 202 => 'Accepted', 204 => 'No Content',
	206 => 'Partial Content', 301 => 'Moved Permanently', 302 => 'Found',
	303 => 'See Other', 304 => 'Not Modified', 307 => 'Temporary Redirect',
	308 => 'Permanent Redirect', 400 => 'Bad Request',
	401 => 'Unauthorized', 403 => 'Forbidden', 404 => 'Not Found',
	405 => 'Method Not Allowed', 408 => 'Request Timeout',
	409 => 'Conflict', 410 => 'Gone', 413 => 'Payload Too Large',
	425 => 'Too Early', 429 => 'Too Many Requests',
	500 => 'Internal Server Error', 501 => 'Not Implemented',
	502 => 'Bad Gateway', 503 => 'Service Unavailable',
	504 => 'Gateway Timeout', 507 => 'Insufficient Storage',
);

# options: listen (socket), ctl (socket), record (path), parent (pid), tls,
# handler, config, n and conns (counters to go on from)

sub new {
	my ($class, %o) = @_;

	return bless {
		n => 0, conns => 0, %o,
		conn => {}, timers => [], log => '', todo => [], again => [],
		held => {}, rvec => '', wvec => '', pos => $o{pos} || {},
		ctl_in => '',
	}, $class;
}

sub run {
	my ($self) = @_;

	my ($lfd, $cfd) = map { fileno $self->{$_} } qw/ listen ctl /;

	for my $s (@$self{qw/ listen ctl /}) {
		$s->blocking(0);
		vec($self->{rvec}, fileno $s, 1) = 1;
	}

	sysopen $self->{fh}, $self->{record}, O_WRONLY | O_CREAT | O_APPEND
		or die "can't open $self->{record}: $!\n";

	$self->tls_context() if $self->{tls};

	my $checked = time();

	for ( ;; ) {
		my $timers = $self->{timers};
		my $timeout = 1;

		if (@{$self->{again}}) {
			$timeout = 0;

		} elsif (@$timers) {
			$timeout = $timers->[0][0] - time();
			$timeout = $timeout < 0 ? 0 : $timeout > 1 ? 1
				: $timeout;
		}

		my ($r, $w) = @$self{qw/ rvec wvec /};
		my $n = select($r, $w, undef, $timeout);
		my $now = $self->{now} = time();

		if ($now - $checked >= 1) {
			$checked = $now;
			POSIX::_exit(0) if getppid() != $self->{parent};
		}

		while (@$timers && $timers->[0][0] <= $now) {
			my $timer = shift @$timers;
			$timer->[1]->() unless $timer->[2]{closed};
		}

		my @again = splice @{$self->{again}};
		$_->{closed} || $self->process($_) for @again;

		if ($n > 0) {
			my $stop = vec($r, $cfd, 1) && $self->control();

			my @ready = sort { $a->{n} <=> $b->{n} }
				grep { vec($r, $_->{fd}, 1)
				|| vec($w, $_->{fd}, 1) }
				values %{$self->{conn}};

			for my $c (@ready) {
				next if $c->{closed};

				if ($c->{handshake}) {
					$self->handshake($c);
					next;
				}

				$self->read_conn($c) if vec($r, $c->{fd}, 1);
				push @{$self->{todo}}, $c
					if vec($w, $c->{fd}, 1)
					&& !$c->{closed};
			}

			$self->accept_conns() if vec($r, $lfd, 1);

			if ($stop) {
				$self->flush();
				$self->reply({ n => $self->{n},
					conns => $self->{conns},
					pos => $self->{pos} });
				POSIX::_exit(0);
			}
		}

		$self->flush();

		my @todo = splice @{$self->{todo}};
		$_->{closed} || $self->write_conn($_) for @todo;

		# notes of connections closed while writing

		$self->flush();

		$self->reply({ ok => 1 }) if delete $self->{reply};
	}
}

# what is recorded is in the file before anything is written in response

sub flush {
	my ($self) = @_;

	while (length $self->{log}) {
		my $n = syswrite $self->{fh}, $self->{log};

		if (!defined $n) {
			next if $! == EINTR;
			die "can't write $self->{record}: $!\n";
		}

		substr($self->{log}, 0, $n, '');
	}
}

sub timer {
	my ($self, $seconds, $c, $code) = @_;

	my $at = time() + $seconds;
	my $timers = $self->{timers};
	my ($low, $high) = (0, scalar @$timers);

	while ($low < $high) {
		my $mid = ($low + $high) >> 1;
		if ($timers->[$mid][0] <= $at) { $low = $mid + 1 }
		else { $high = $mid }
	}

	splice @$timers, $low, 0, [$at, $code, $c];
}

###############################################################################

# control

my $json = JSON::PP->new->ascii->canonical;

sub reply {
	my ($self, $data) = @_;

	$self->{ctl}->blocking(1);
	syswrite $self->{ctl}, $json->encode($data) . "\n";
	$self->{ctl}->blocking(0);
}

sub control {
	my ($self) = @_;

	my $n = sysread $self->{ctl}, $self->{ctl_in}, 1048576,
		length $self->{ctl_in};

	POSIX::_exit(0) if defined $n && $n == 0;

	while (length $self->{ctl_in} >= 4) {
		my $size = unpack 'N', $self->{ctl_in};

		last if length $self->{ctl_in} < 4 + $size;

		my $m = thaw(substr $self->{ctl_in}, 4, $size);
		my $cmd = $m->{cmd};

		substr($self->{ctl_in}, 0, 4 + $size, '');

		return 1 if $cmd eq 'stop';

		if ($cmd eq 'set') {
			delete $self->{handler} if exists $m->{config}{script}
				|| exists $m->{config}{rules};
			$self->{config} = { %{$self->{config}},
				%{$m->{config}} };
			@$self{qw/ pos bytes /} = ({}, {});

		} elsif ($cmd eq 'release') {
			my @held = sort { $a->{c}{n} <=> $b->{c}{n} }
				values %{$self->{held}};
			$self->{held} = {};

			for (@held) {
				my %a = %{$m->{action} || $_->{action}};
				delete @a{qw/ hang delay /};
				$self->answer($_->{c}, $_->{req}, \%a);
			}

		} elsif ($cmd eq 'close' || $cmd eq 'reset') {
			for my $c (values %{$self->{conn}}) {
				next if $m->{idle}
					&& ($c->{busy} || $c->{req}
					|| length $c->{in});
				$self->close_conn($c, $cmd eq 'reset');
			}
		}

		$self->{reply} = 1;
	}

	return;
}

###############################################################################

# connections

sub accept_conns {
	my ($self) = @_;

	for (1 .. 64) {
		my $paddr = accept my $s, $self->{listen};
		last unless $paddr;

		$s->blocking(0);
		setsockopt $s, IPPROTO_TCP, TCP_NODELAY, 1
			if sockaddr_family($paddr) != AF_UNIX;

		my $fd = fileno $s;
		my $c = { sock => $s, fd => $fd, n => ++$self->{conns},
			in => '', out => '' };

		$self->{conn}{$fd} = $c;
		$self->event('open', $c);

		my $action = $self->{config}{on_accept} || '';

		if (ref $action) {
			$self->timer($action->{delay}, $c, sub {
				$self->start_conn($c);
			});
			next;
		}

		if ($action eq 'reset' || $action eq 'close') {
			$self->close_conn($c, $action eq 'reset');
			next;
		}

		$self->start_conn($c) unless $action eq 'hang';
	}
}

sub start_conn {
	my ($self, $c) = @_;

	vec($self->{rvec}, $c->{fd}, 1) = 1;

	if ($self->{tls}) {
		my $s = IO::Socket::SSL->start_SSL($c->{sock},
			SSL_server => 1, SSL_startHandshake => 0,
			SSL_reuse_ctx => $self->{ctx});

		if (!$s) {
			$self->event('tls_error', $c, $IO::Socket::SSL::SSL_ERROR);
			return $self->close_conn($c);
		}

		$c->{sock} = $s;
		$c->{handshake} = 1;
		return $self->handshake($c);
	}

	$self->read_conn($c);
}

sub tls_context {
	my ($self) = @_;

	require IO::Socket::SSL;

	my %tls = %{$self->{tls}};
	my %ssl = (
		SSL_server => 1,
		SSL_cert_file => delete $tls{cert},
		SSL_key_file => delete $tls{key},
		SSL_session_id_context => 'receiver',
	);

	if (my $ca = delete $tls{ca_for_clients}) {
		$ssl{SSL_ca_file} = $ca;
		$ssl{SSL_verify_mode} = IO::Socket::SSL::SSL_VERIFY_PEER()
			| (delete $tls{optional} ? 0
			: IO::Socket::SSL::SSL_VERIFY_FAIL_IF_NO_PEER_CERT());
	}

	$ssl{SSL_version} = delete $tls{version} if $tls{version};
	$ssl{SSL_cipher_list} = delete $tls{ciphers} if $tls{ciphers};
	$ssl{SSL_alpn_protocols} = delete $tls{alpn} if $tls{alpn};

	# the rest is options of IO::Socket::SSL

	$self->{ctx} = IO::Socket::SSL::SSL_Context->new(%ssl, %tls)
		or die "TLS context: $IO::Socket::SSL::SSL_ERROR\n";
}

sub handshake {
	my ($self, $c) = @_;

	vec($self->{wvec}, $c->{fd}, 1) = 0;

	if ($c->{sock}->accept_SSL()) {
		my $s = $c->{sock};

		delete $c->{handshake};

		my %tls = (
			version => scalar($s->get_sslversion()),
			cipher => scalar($s->get_cipher()),
			sni => scalar(eval { $s->get_servername() }),
			reused => $s->get_session_reused() ? 1 : 0,
			alpn => scalar(eval { $s->alpn_selected() }),
			client => scalar(eval { $s->peer_certificate('cn') }),
		);

		$c->{tls} = $json->encode(\%tls);

		return $self->read_conn($c);
	}

	if ($IO::Socket::SSL::SSL_ERROR
		== IO::Socket::SSL::SSL_WANT_WRITE())
	{
		vec($self->{wvec}, $c->{fd}, 1) = 1;
		return;
	}

	return if $IO::Socket::SSL::SSL_ERROR
		== IO::Socket::SSL::SSL_WANT_READ();

	$self->event('tls_error', $c, "$IO::Socket::SSL::SSL_ERROR");
	$self->close_conn($c);
}

sub read_conn {
	my ($self, $c) = @_;

	my $s = $c->{sock};

	for (1 .. 16) {
		my $n = sysread $s, $c->{in}, 65536, length $c->{in};

		if ($n) {
			$c->{in} = '' if $c->{linger};
			next if $c->{tls} && $s->pending() || $n == 65536;
			last;
		}

		last if !defined $n && ($! == EAGAIN || $! == EWOULDBLOCK
			|| $! == EINTR);

		# the client has gone

		$self->event('close', $c, defined $n ? '' : "$!");
		$self->incomplete($c);
		return $self->close_conn($c);
	}

	$self->process($c);
}

sub write_conn {
	my ($self, $c) = @_;

	my $s = $c->{sock};

	for (1 .. 16) {
		if (!length $c->{out} && $c->{more}) {
			my $next = $c->{more}->();

			if (defined $next) {
				$c->{out} = $next;
			} else {
				delete $c->{more};
			}
		}

		last if !length $c->{out};

		my $n = syswrite $s, $c->{out}, 65536;

		if (defined $n) {
			substr($c->{out}, 0, $n, '');
			next;
		}

		if ($! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR) {
			vec($self->{wvec}, $c->{fd}, 1) = 1;
			return;
		}

		$self->event('close', $c, "$!");
		return $self->close_conn($c);
	}

	if (length $c->{out} || $c->{more}) {
		vec($self->{wvec}, $c->{fd}, 1) = 1;
		return;
	}

	vec($self->{wvec}, $c->{fd}, 1) = 0;

	return unless $c->{done};

	if ($c->{linger} && $c->{done} eq 'close' && !$c->{tls}) {

		# a close with unread data would be a reset

		shutdown $s, 1;
		$c->{done} = '';

		$self->timer(5, $c, sub { $self->close_conn($c) });
		return;
	}

	return $self->close_conn($c, $c->{done} eq 'reset')
		if $c->{done} ne 'keep';

	$c->{busy} = $c->{done} = 0;

	if (length $c->{in}) {
		push @{$self->{again}}, $c;
		return;
	}

	if (my $t = $self->{config}{keepalive_timeout}) {
		my $served = $c->{served};

		$self->timer($t, $c, sub {
			$self->close_conn($c) if !$c->{busy}
				&& $c->{served} == $served
				&& !length $c->{in} && !$c->{req};
		});
	}
}

sub close_conn {
	my ($self, $c, $reset) = @_;

	return if $c->{closed};
	$c->{closed} = 1;

	vec($self->{$_}, $c->{fd}, 1) = 0 for qw/ rvec wvec /;

	delete $self->{conn}{$c->{fd}};
	delete $self->{held}{$c->{n}};
	delete $c->{more};

	my $s = delete $c->{sock};

	setsockopt $s, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0) if $reset;

	if ($self->{tls} && $s->isa('IO::Socket::SSL')) {
		$s->close($reset || $c->{handshake} ? (SSL_no_shutdown => 1)
			: (SSL_fast_shutdown => 1));
		return;
	}

	close $s;
}

###############################################################################

# requests

sub process {
	my ($self, $c) = @_;

	return if $c->{busy};

	my $req = $c->{req} || $self->head($c) || return;

	return if $c->{busy};

	if ($req->{chunked}) {
		$self->chunks($c, $req) or return;

	} elsif ($req->{length}) {
		return if length $c->{in} < $req->{length};
		$req->{body} = substr $c->{in}, 0, $req->{length}, '';
	}

	delete $c->{req};
	$c->{busy} = 1;
	$req->{complete} = 1;

	$self->record($c, $req);
	$self->respond($c, $req);
}

sub head {
	my ($self, $c) = @_;

	$c->{in} =~ s/^(?:\r\n)+// if substr($c->{in}, 0, 1) eq "\r";

	my $end = index $c->{in}, "\r\n\r\n";

	if ($end < 0) {
		return $self->bad($c) if length $c->{in} > 1048576;
		return;
	}

	my $head = substr $c->{in}, 0, $end + 4, '';
	my ($line, @lines) = split /\r\n/, $head;

	$line =~ m!^(\S+) (\S+) (HTTP/1\.[01])$!
		or return $self->bad($c, $head);

	my $req = {
		method => $1, target => $2, version => $3, body => '',
		keep => $3 eq 'HTTP/1.1',
	};

	my (@headers, $expect);

	for (@lines) {
		my $colon = index $_, ':';
		return $self->bad($c, $head) if $colon < 1 || /^[ \t]/;

		my $name = substr $_, 0, $colon;
		my $value = substr $_, $colon + 1;
		$value =~ s/^[ \t]+//;
		$value =~ s/[ \t]+$//;

		push @headers, [$name, $value];

		# the first letter is enough for most of names

		next if $name !~ /^[cte]/i;
		$name = lc $name;

		if ($name eq 'content-length') {
			return $self->bad($c, $head) if $value !~ /^\d+$/
				|| defined $req->{length};
			$req->{length} = $value;

		} elsif ($name eq 'transfer-encoding') {
			return $self->bad($c, $head)
				if lc $value ne 'chunked';
			$req->{chunked} = 1;

		} elsif ($name eq 'connection') {
			$req->{keep} = 0 if $value =~ /\bclose\b/i;
			$req->{keep} = 1 if $value =~ /\bkeep-alive\b/i;

		} elsif ($name eq 'expect') {
			$expect = lc $value eq '100-continue';
		}
	}

	return $self->bad($c, $head)
		if $req->{chunked} && defined $req->{length};

	$req->{headers} = \@headers;
	$c->{req} = $req;

	$req->{action} = $self->pick($req) unless $self->{handler};

	if ($req->{action} && $req->{action}{early}) {
		$c->{busy} = $c->{linger} = 1;
		$req->{keep} = 0;
		delete $c->{req};

		$self->record($c, $req);
		$self->respond($c, $req);

	} elsif ($expect) {
		$c->{out} .= "HTTP/1.1 100 Continue\r\n\r\n";
		push @{$self->{todo}}, $c;
	}

	return $req;
}

sub chunks {
	my ($self, $c, $req) = @_;

	for ( ;; ) {
		if (defined $req->{left}) {
			return if length $c->{in} < $req->{left} + 2;

			$req->{body} .= substr $c->{in}, 0, $req->{left}, '';
			$c->{in} =~ s/^\r\n// or return $self->bad($c);
			delete $req->{left};
		}

		if ($req->{trailer}) {
			$c->{in} =~ s/^(?:[^\r\n]+\r\n)*\r\n// or return;
			return 1;
		}

		my $eol = index $c->{in}, "\r\n";

		if ($eol < 0) {
			return $self->bad($c) if length $c->{in} > 4096;
			return;
		}

		my $line = substr $c->{in}, 0, $eol + 2, '';
		$line =~ /^([\da-f]+)[ \t]*(?:;.*)?\r\n/i
			or return $self->bad($c, $line);

		my $size = hex $1;

		if ($size == 0) {
			$req->{trailer} = 1;
		} else {
			$req->{left} = $size;
		}
	}
}

# not HTTP: recorded with the method BAD and the bytes as the body

sub bad {
	my ($self, $c, $bytes) = @_;

	my $req = delete $c->{req} || { method => 'BAD', target => '',
		version => '', headers => [], body => '' };

	$req->{body} .= ($bytes || '') . $c->{in};
	$c->{in} = '';
	$c->{busy} = 1;

	$self->record($c, $req);

	$self->answer($c, { method => 'GET', keep => 0 },
		{ status => 400, body => "bad request\n" });

	return;
}

# the client closed in the middle of a request

sub incomplete {
	my ($self, $c) = @_;

	return if $c->{busy};

	my $req = delete $c->{req};

	if (!$req) {
		return unless length $c->{in};

		$req = { method => 'BAD', target => '', version => '',
			headers => [], body => '' };
	}

	$req->{body} .= $c->{in};

	$self->record($c, $req);
}

# strings in JSON: bytes as characters up to U+00FF

my %escape = map { chr $_ => sprintf '\\u%04x', $_ } 0 .. 31, 127 .. 255;
@escape{'"', '\\'} = ('\\"', '\\\\');

sub quote {
	my ($s) = @_;

	$s =~ s/([^\x20\x21\x23-\x5b\x5d-\x7e])/$escape{$1}/g;

	return "\"$s\"";
}

sub record {
	my ($self, $c, $req) = @_;

	my $headers = join ',', map {
		'[' . quote($_->[0]) . ',' . quote($_->[1]) . ']'
	} @{$req->{headers}};

	$c->{served}++;
	$req->{n} = ++$self->{n};
	$req->{conn} = $c->{n};

	$self->{log} .= sprintf '{"n":%d,"time":%.6f,"conn":%d,"method":%s,'
		. '"target":%s,"version":%s,"complete":%s,"tls":%s,'
		. '"headers":[%s],"body":"%s"}' . "\n",
		$req->{n}, $self->{now}, $c->{n}, quote($req->{method}),
		quote($req->{target}), quote($req->{version}),
		$req->{complete} ? 'true' : 'false', $c->{tls} || 'null',
		$headers,
		length $req->{body} ? encode_base64($req->{body}, '') : '';
}

sub event {
	my ($self, $what, $c, $text) = @_;

	$self->{log} .= sprintf '{"event":"%s","time":%.6f,"conn":%d,'
		. '"text":%s}' . "\n", $what, time(), $c->{n},
		quote(defined $text ? $text : '');
}

###############################################################################

# answers

my $default = { status => 200, body => 'ok' };

sub pick {
	my ($self, $req) = @_;

	my $config = $self->{config};
	my ($list, $key);

	if ($config->{rules}) {
		my ($path) = $req->{target} =~ m!^(?:https?://[^/]*)?([^?]*)!;

		($key) = grep { exists $config->{rules}{$_} } $path, '*';
		$list = $config->{rules}{$key} if defined $key;

	} else {
		($key, $list) = ('', $config->{script});
	}

	my $action;

	if (ref $list eq 'ARRAY') {
		my $i = $self->{pos}{$key}++;

		$action = $i < @$list ? $list->[$i]
			: defined $config->{default} ? $config->{default}
			: $list->[-1];

	} elsif (defined $list) {
		$action = $list;
	}

	$action = $config->{default} unless defined $action;
	$action = $default unless defined $action;

	return ref $action ? $action : $self->{status}{$action}
		||= { status => $action };
}

sub respond {
	my ($self, $c, $req) = @_;

	my $action = $req->{action};

	if (!$action) {
		$action = $self->{handler}->($req);
		$action = $default unless defined $action;
		$action = { status => $action } unless ref $action;
	}

	if ($action->{hang}) {
		$self->{held}{$c->{n}} = { c => $c, req => $req,
			action => $action } if $action->{hang} eq '1';
		$self->answer($c, $req, $action) if $action->{hang} ne '1';
		return;
	}

	if ($action->{delay}) {
		$self->timer($action->{delay}, $c, sub {
			$self->answer($c, $req, $action);
		});
		return;
	}

	$self->answer($c, $req, $action);
}

sub header_list {
	my ($headers) = @_;

	return map { [$_, $headers->{$_}] } sort keys %$headers
		if ref $headers eq 'HASH';

	my @list = @{$headers || []};
	my @pairs;

	while (@list) {
		push @pairs, ref $list[0] ? shift @list
			: [shift @list, shift @list];
	}

	return @pairs;
}

sub answer {
	my ($self, $c, $req, $a) = @_;

	push @{$self->{todo}}, $c;

	# the most frequent case first

	my $bytes = $self->{bytes}{0 + $a};

	if (defined $bytes && $req->{keep} && $req->{method} ne 'HEAD') {
		$c->{out} .= $bytes;
		$c->{done} = 'keep';
		return;
	}

	if ($a->{reset}) {
		$c->{done} = 'reset';
		return;
	}

	my $close = $a->{close} || '';

	if ($close eq 'before' || $close eq '1') {
		$c->{done} = 'close';
		return;
	}

	if (defined $a->{raw}) {
		return $self->send_out($c, $a, $a->{raw}, '',
			exists $a->{keep} && $a->{keep}
			&& !$a->{close_after} ? 'keep' : 'close');
	}

	my $status = defined $a->{status} ? $a->{status} : 200;
	my $body = defined $a->{body} ? $a->{body} : $default->{body};
	my $nobody = $status =~ /^(?:1..|204|304)$/;

	my $length = $a->{huge} ? $a->{huge} : length $body;

	my $announce = !$req->{keep}
		|| exists $a->{keepalive} && !$a->{keepalive}
		|| exists $self->{config}{keepalive}
		&& !$self->{config}{keepalive};

	my @headers = header_list($a->{headers});
	my %given = map { lc $_->[0] => 1 } @headers;

	my $head = '';

	$head .= "HTTP/1.1 $_ " . ($reason{$_} || 'Interim') . "\r\n"
		. ($_ == 103 ? "Link: </x>; rel=preload\r\n" : '') . "\r\n"
		for @{$a->{interim} || []};

	my $reason = defined $a->{reason} ? $a->{reason}
		: $reason{$status} || 'Status';

	$head .= "HTTP/1.1 $status $reason\r\n";
	$head .= "Content-Type: text/plain\r\n"
		unless $nobody || $given{'content-type'};

	if ($nobody) {
		# no length either

	} elsif ($a->{chunked}) {
		$head .= "Transfer-Encoding: chunked\r\n";

	} elsif (!$a->{no_length} && !$given{'content-length'}
		&& !$given{'transfer-encoding'})
	{
		$head .= "Content-Length: $length\r\n";
	}

	$head .= "Connection: close\r\n"
		if $announce && !$given{connection};
	$head .= "$_->[0]: $_->[1]\r\n" for @headers;
	$head .= "\r\n";

	my $done = $announce || $a->{close_after}
		|| $a->{no_length} && !$nobody ? 'close' : 'keep';

	my $hang = $a->{hang} || '';
	my $cut = $close || $hang;

	if ($cut eq 'header') {
		return $self->send_out($c, $a, substr($head, 0,
			length($head) / 2), '', $close ? 'close' : '');
	}

	if ($nobody || $req->{method} eq 'HEAD') {
		return $self->send_out($c, $a, $head, '', $done);
	}

	if ($cut eq 'body') {
		my $half = substr $body, 0, length($body) / 2;
		$half = 'x' x ($length / 2) if $a->{huge};
		$half = sprintf "%x\r\n%s", length $body, $half
			if $a->{chunked};

		return $self->send_out($c, $a, $head, $half,
			$close ? 'close' : '');
	}

	if ($a->{huge}) {
		my $left = $length;

		$c->{more} = sub {
			return if $left < 0;

			my $n = $left < 65536 ? $left : 65536;
			$left = $n ? $left - $n : -1;

			return $a->{chunked} ? "0\r\n\r\n" : undef
				if $n == 0;
			return $a->{chunked}
				? sprintf("%x\r\n%s\r\n", $n, 'x' x $n)
				: 'x' x $n;
		};

		return $self->send_out($c, $a, $head, '', $done);
	}

	if ($a->{chunked}) {
		my $size = $a->{chunk_size} || 1024;
		my $chunks = '';

		for (my $pos = 0; $pos < length $body; $pos += $size) {
			my $part = substr $body, $pos, $size;
			$chunks .= sprintf "%x\r\n%s\r\n", length $part,
				$part;
		}

		$body = "${chunks}0\r\n\r\n";
	}

	if ($done eq 'keep' && !$a->{trickle} && !$hang && $req->{action}
		&& $req->{action} == $a && length $body < 65536)
	{
		$self->{bytes}{0 + $a} = $head . $body;
	}

	$self->send_out($c, $a, $head, $body, $done);
}

# $done is what to do after that: 'keep', 'close' or to hang if empty

sub send_out {
	my ($self, $c, $a, $head, $body, $done) = @_;

	if ($a->{trickle}) {
		my @bytes = ($a->{trickle_from} || '') eq 'body'
			? ($head, split //, $body) : split //, $head . $body;

		my $next;

		$next = sub {
			$c->{out} .= shift @bytes if @bytes;
			push @{$self->{todo}}, $c;

			if (@bytes) {
				$self->timer($a->{trickle}, $c, $next);
				return;
			}

			undef $next;
			$c->{done} = $done;
		};

		return $next->();
	}

	$c->{out} .= $head . $body;
	$c->{done} = $done;
}

1;

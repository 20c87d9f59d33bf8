package Test::Webhook::Load;

# A load generator in a child process, and the judgement about what it did.
#
#	my $load = Test::Webhook::Load->new($t, ports => ['http'],
#		h2 => ['h2'], connections => 12, rate => 200);
#	$load->start();
#	...
#	$load->stop();
#	is_deeply([$load->missing($arrived)], [], 'nothing lost');
#
# Each request has a unique number in the X-N header (and in the query) and an
# order key in X-Key.  The time before its first octet is written and the time
# when its response was received completely, as its framing says, are taken
# from the monotonic clock.  A number is never used twice, even by another
# start.
#
# locations() are the nginx locations of all forms of responses, payload() is
# a payload which carries number and key.

use strict;
use warnings;

use Errno qw/ EINTR EAGAIN EWOULDBLOCK EINPROGRESS /;
use Exporter qw/ import /;
use Fcntl qw/ :DEFAULT /;
use List::Util qw/ shuffle /;
use POSIX ();
use Socket qw/ :DEFAULT IPPROTO_TCP TCP_NODELAY /;
use Test::More ();
use Time::HiRes qw/ clock_gettime CLOCK_MONOTONIC sleep /;

use Test::Webhook ();

our @EXPORT_OK = qw/ mark arrivals lanes monotonic build /;

# method, URI, more header lines; "%d" is for a number to choose a size

my %forms = (
	'head' => ['HEAD', '/app/length/100'],
	'head-static' => ['HEAD', '/static/small'],
	'204' => ['GET', '/app/204'],
	'304' => ['GET', '/app/304'],
	'empty' => ['GET', '/app/empty'],
	'length-small' => ['GET', '/app/length/300'],
	'length-large' => ['GET', '/app/length/5000'],
	'length-huge' => ['GET', '/app/length/150000'],
	'chunked-small' => ['GET', '/app/chunked/100'],
	'chunked-large' => ['GET', '/app/chunked/5000'],
	'post' => ['POST', '/app/echo', 'Content-Length: 11'],
	'slow' => ['GET', '/app/delay/0.05'],
	'unbuffered' => ['GET', '/unbuffered/length/3000'],
	'unbuffered-chunked' => ['GET', '/unbuffered/chunked/3000'],
	'cached' => ['GET', '/cached/length/700'],
	'cached-large' => ['GET', '/cached/length/9000'],
	'gzip' => ['GET', '/gzip/length/4000', 'Accept-Encoding: gzip'],
	'static' => ['GET', '/static/small'],
	'static-large' => ['GET', '/static/large'],
	'range' => ['GET', '/static/large', 'Range: bytes=100-2099'],
	'not-modified' => ['GET', '/static/small',
		'If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT'],
	'accel' => ['GET',
		'/app/status/200?header=X-Accel-Redirect:%2fstatic%2fsmall'],
	'return' => ['GET', '/return/200'],
	'return-204' => ['GET', '/return/204'],
	'return-302' => ['GET', '/return/302'],
	'error-page' => ['GET', '/error'],
);

my $serial = 0;

my @keys = map { "key$_" } 1 .. 7;

# options: ports, h2 (lists of names of ports; who refuses is skipped),
# connections, rate (requests per second), timeout (seconds, of a response),
# forms (names, all by default), pad (octets more in each payload)

sub new {
	my ($class, $t, %o) = @_;

	my $self = bless {
		connections => 12, rate => 200, timeout => 5, h2 => [],
		ports => ['http'], forms => [sort keys %forms], %o,
		t => $t, first => 1, owner => $$,
	}, $class;

	$self->{$_} = [map { $t->port($_) } @{$self->{$_}}]
		for qw/ ports h2 /;

	$self->{file} = $t->testdir() . '/load-' . ++$serial . '.txt';

	return $self;
}

sub monotonic { return clock_gettime(CLOCK_MONOTONIC) }

sub start {
	my ($self) = @_;

	my $pid = fork();
	die "fork() failed: $!\n" unless defined $pid;

	if ($pid == 0) {
		$SIG{$_} = 'DEFAULT' for qw/ INT HUP __DIE__ /;
		$SIG{PIPE} = 'IGNORE';

		my $parent = $self->{owner};
		my $ok = eval { $self->run($parent); 1 };

		print STDERR "load generator died: $@" unless $ok;
		POSIX::_exit($ok ? 0 : 1);
	}

	$self->{pid} = $pid;
	Test::Webhook->add_child($pid);

	return $self;
}

# responses under way are waited for

sub stop {
	my ($self) = @_;

	my $pid = delete $self->{pid} or return $self;

	kill 'TERM', $pid;
	waitpid $pid, 0;
	Test::Webhook->del_child($pid);

	die "load generator failed\n" if $?;

	my @r = $self->results();
	$self->{first} = @r ? 1 + (sort { $a <=> $b }
		map { $_->{n} } @r)[-1] : $self->{first};

	return $self;
}

# the number of complete responses so far

sub count {
	my ($self) = @_;

	my ($pos, $n) = @{$self->{count} || [0, 0]};

	if (open my $fh, '<:raw', $self->{file}) {
		seek $fh, $pos, 0;

		while (my $line = <$fh>) {
			last unless $line =~ /\n\z/;
			$pos += length $line;
			$n++ if $line =~ / 1\n\z/;
		}
	}

	$self->{count} = [$pos, $n];

	return $n;
}

# all requests, in the order of their ends: hashes of n, key, form, status,
# begin, end, complete

sub results {
	my ($self) = @_;

	my @results;

	for (split /\n/, Test::Webhook::slurp($self->{file}, 0)) {
		my %r;
		@r{qw/ n key form status begin end complete /} = split / /;
		push @results, \%r;
	}

	return @results;
}

###############################################################################

# in the child

sub run {
	my ($self, $parent) = @_;

	sysopen $self->{fh}, $self->{file}, O_WRONLY | O_CREAT | O_APPEND
		or die "can't open $self->{file}: $!\n";

	srand($$ ^ int(1000 * monotonic()));

	my $stopping = 0;
	local $SIG{TERM} = sub { $stopping ||= monotonic() };

	my @conns = map { { state => 'closed', i => $_, at => 0 } }
		1 .. $self->{connections};

	my $next = monotonic();
	my $n = $self->{first};

	for ( ;; ) {
		my $now = monotonic();

		last if $stopping && ($now - $stopping > $self->{timeout}
			|| !grep { $_->{state} eq 'busy' } @conns);
		last if getppid() != $parent;

		# no more than a short burst is made up for

		$next = $now - 0.1 if $next < $now - 0.1;

		for my $c (shuffle @conns) {
			last if $stopping;

			if ($c->{state} eq 'closed' && $c->{at} <= $now) {
				$self->open_conn($c);
			}

			if ($c->{state} eq 'idle' && $next <= $now) {
				$next += 1 / $self->{rate};
				$self->request($c, $n++);
			}
		}

		my ($r, $w) = ('', '');

		for my $c (@conns) {
			next if $c->{state} eq 'closed';
			vec($r, fileno $c->{sock}, 1) = 1;
			vec($w, fileno $c->{sock}, 1) = 1
				if length $c->{out};
		}

		my $wait = $next - $now;
		$wait = 0.002 if $wait < 0.002;
		$wait = 0.05 if $wait > 0.05 || $stopping;

		select($r, $w, undef, $wait) > 0 or ($r, $w) = ('', '');

		$now = monotonic();

		for my $c (@conns) {
			next if $c->{state} eq 'closed';

			my $fd = fileno $c->{sock};

			$self->write_conn($c) if vec($w, $fd, 1);
			$self->read_conn($c) if $c->{state} ne 'closed'
				&& vec($r, $fd, 1);

			$self->done($c, 0) if $c->{state} eq 'busy'
				&& $now - $c->{begin} > $self->{timeout};
		}
	}

	$_->{state} eq 'busy' && $self->done($_, 0) for @conns;
}

sub open_conn {
	my ($self, $c) = @_;

	my $h2 = @{$self->{h2}} && rand() < 0.2;
	my $ports = $h2 ? $self->{h2} : $self->{ports};

	for my $port (shuffle @$ports) {

		socket my $s, PF_INET, SOCK_STREAM, 0
			or die "socket() failed: $!\n";

		# on the loopback it is there, or not, at once

		connect $s, pack_sockaddr_in($port, INADDR_LOOPBACK) or next;

		setsockopt $s, IPPROTO_TCP, TCP_NODELAY, 1;
		$s->blocking(0);

		@$c{qw/ sock state in out h2 stream left preface /}
			= ($s, 'idle', '', '', $h2, -1, 1 + int(rand(20)), 0);

		return;
	}

	$c->{at} = monotonic() + 0.02;
}

sub request {
	my ($self, $c, $n) = @_;

	my @names = @{$self->{forms}};
	my $form = $names[rand @names];
	my ($method, $uri, @headers) = @{$forms{$form}};

	$uri .= ($uri =~ /\?/ ? '&' : '?') . "n=$n";

	my $key = $keys[rand @keys];

	push @headers, "X-N: $n", "X-Key: $key";

	my $body = $method eq 'POST' ? 'hello world' : '';
	my $close = --$c->{left} <= 0;

	if ($c->{h2}) {
		$c->{stream} += 2;
		$c->{out} = $self->h2_request($c, $method, $uri, $body,
			@headers);

	} else {
		push @headers, 'Connection: close' if $close && rand() < 0.5;

		$c->{out} = join "\r\n", "$method $uri HTTP/1.1",
			'Host: localhost', @headers, '', $body;
	}

	@$c{qw/ n key form method head chunk last status state /}
		= ($n, $key, $form, $method, undef, undef, $close, 0, 'busy');

	$c->{begin} = monotonic();

	$self->write_conn($c);
}

sub write_conn {
	my ($self, $c) = @_;

	my $n = syswrite $c->{sock}, $c->{out};

	if (defined $n) {
		substr($c->{out}, 0, $n, '');
		return;
	}

	return if $! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR;

	# there may be a response nevertheless

	$c->{out} = '';
}

sub read_conn {
	my ($self, $c) = @_;

	my $n = sysread $c->{sock}, $c->{in}, 262144, length $c->{in};

	if ($n) {
		my $now = monotonic();

		if ($c->{state} eq 'idle' && !$c->{h2}) {
			$c->{form} = 'unexpected';
			$c->{begin} = $now;
			$c->{n} = $c->{status} = 0;
			$c->{key} = '-';
			$self->done($c, 0);
			return;
		}

		my $rc = $c->{h2} ? $self->h2_parse($c) : $self->parse($c);

		$self->done($c, $rc > 0 ? $now : 0) if $rc;
		return;
	}

	return if !defined $n && ($! == EAGAIN || $! == EWOULDBLOCK
		|| $! == EINTR);

	$self->done($c, 0) if $c->{state} eq 'busy';
	$self->close_conn($c) if $c->{state} ne 'closed';
}

sub close_conn {
	my ($self, $c) = @_;

	close delete $c->{sock};

	$c->{state} = 'closed';
	$c->{at} = monotonic();
}

sub done {
	my ($self, $c, $end) = @_;

	syswrite $self->{fh}, sprintf "%d %s %s %d %.6f %.6f %d\n",
		$c->{n}, $c->{key}, $c->{form}, $c->{status}, $c->{begin},
		$end || 0, $end ? 1 : 0;

	if (!$end || $c->{last} || !$c->{h2} && length $c->{in}) {
		$self->close_conn($c);
		return;
	}

	$c->{state} = 'idle';
}

# 1: complete, 0: not yet, -1: broken

sub parse {
	my ($self, $c) = @_;

	while (!$c->{head}) {
		$c->{in} =~ s/^(.*?)\r\n\r\n//s or return 0;

		my $head = $1;

		$head =~ m!^HTTP/1\.[01] (\d{3})! or return -1;
		my $status = $1;

		next if $status < 200;

		$c->{status} = $status;
		$c->{head} = 1;
		$c->{last} = 1 if $head =~ /^Connection: close/mi;

		$c->{chunk} = $c->{length} = undef;

		if ($c->{method} eq 'HEAD' || $status =~ /^(?:204|304)$/) {
			$c->{length} = 0;

		} elsif ($head =~ /^Transfer-Encoding: chunked/mi) {
			$c->{chunk} = 'size';

		} elsif ($head =~ /^Content-Length: (\d+)/mi) {
			$c->{length} = $1;
		}
	}

	if (defined $c->{length}) {
		my $n = length $c->{in};
		$n = $c->{length} if $n > $c->{length};

		substr($c->{in}, 0, $n, '');
		$c->{length} -= $n;

		return $c->{length} == 0 ? 1 : 0;
	}

	# the end of a response without a length is never known

	return 0 unless $c->{chunk};

	for ( ;; ) {
		if ($c->{chunk} eq 'size') {
			$c->{in} =~ s/^([\da-f]+)[^\r\n]*\r\n//i
				or return $c->{in} =~ /\r\n/ ? -1 : 0;
			$c->{size} = hex $1;
			$c->{chunk} = $c->{size} ? 'data' : 'end';
		}

		if ($c->{chunk} eq 'end') {
			return $c->{in} =~ s/^(?:[^\r\n]+\r\n)*\r\n//
				? 1 : 0;
		}

		return 0 if length $c->{in} < $c->{size} + 2;

		substr($c->{in}, 0, $c->{size} + 2) =~ /\r\n\z/ or return -1;
		substr($c->{in}, 0, $c->{size} + 2, '');
		$c->{chunk} = 'size';
	}
}

# as little of HTTP/2 as a client needs: one stream at a time, field lines
# are sent as literals, those received are not looked at

sub h2_frame {
	my ($type, $flags, $stream, $payload) = @_;

	return substr(pack('N', length $payload), 1)
		. pack('CCN', $type, $flags, $stream) . $payload;
}

sub h2_request {
	my ($self, $c, $method, $uri, $body, @headers) = @_;

	my $out = '';

	if (!$c->{preface}++) {

		# SETTINGS with a large window, the same for the connection

		$out .= "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
			. h2_frame(4, 0, 0, pack('nN', 4, 0x7fffffff))
			. h2_frame(8, 0, 0, pack('N', 0x7fff0000 - 65535));
	}

	my $block = '';

	for ([':method', $method], [':scheme', 'http'], [':path', $uri],
		[':authority', 'localhost'],
		map { [lc((split /: /)[0]), (split /: /)[1]] } @headers)
	{
		my ($name, $value) = @$_;
		$block .= pack('C', 0) . pack('C/a*', $name)
			. (length $value < 127 ? pack('C/a*', $value)
			: die "long header value\n");
	}

	$out .= h2_frame(1, length $body ? 4 : 5, $c->{stream}, $block);
	$out .= h2_frame(0, 1, $c->{stream}, $body) if length $body;

	return $out;
}

sub h2_parse {
	my ($self, $c) = @_;

	while (length $c->{in} >= 9) {
		my $length = unpack 'N', "\0" . substr $c->{in}, 0, 3;
		my ($type, $flags, $stream) = unpack 'CCN',
			substr $c->{in}, 3, 6;

		return 0 if length $c->{in} < 9 + $length;

		my $payload = substr $c->{in}, 0, 9 + $length, '';
		substr($payload, 0, 9, '');

		if ($type == 4 && !($flags & 1)) {
			$c->{out} .= h2_frame(4, 1, 0, '');

		} elsif ($type == 6 && !($flags & 1)) {
			$c->{out} .= h2_frame(6, 1, 0, $payload);

		} elsif ($type == 7) {
			$c->{last} = 1;
			$c->{left} = 0;

			if ($c->{state} eq 'idle') {
				$self->close_conn($c);
				return 0;
			}
		}

		next if $c->{state} ne 'busy' || $stream != $c->{stream};

		return -1 if $type == 3;
		return 1 if ($type == 0 || $type == 1) && $flags & 1;
	}

	return 0;
}

###############################################################################

# configuration

sub locations {
	my ($self) = @_;

	my $t = $self->{t};

	mkdir $t->testdir() . '/static';
	$t->write_file('static/small', 'x' x 500);
	$t->write_file('static/large', 'x' x 20000);

	my $s = '';

	for (['app'], ['unbuffered', 'proxy_buffering off'],
		['cached', 'proxy_cache load', 'proxy_cache_key $uri',
			'proxy_cache_valid 200 2s'],
		['gzip', 'gzip on', 'gzip_types *', 'gzip_min_length 20'])
	{
		my ($name, @more) = @$_;

		$s .= "location /$name/ {\n"
			. "proxy_pass http://127.0.0.1:%%PORT_app%%/;\n"
			. "proxy_http_version 1.1;\n"
			. join('', map { "$_;\n" } @more) . "}\n";
	}

	return $s . <<'EOC';
location /static/ { }
location = /return/200 { return 200 "some text"; }
location = /return/204 { return 204; }
location = /return/302 { return 302 /static/small; }
location = /error { error_page 404 =200 /static/small; return 404; }
EOC
}

# of the http block

sub http_conf {
	my ($self) = @_;

	my $pad = ' ' . 'x' x ($self->{pad} || 1);

	return <<'EOC' . <<EOC2;
proxy_cache_path %%TESTDIR%%/cache keys_zone=load:1m;
EOC
webhook_payload load text {
    template "\${http_x_n|none} \${http_x_key|none}$pad";
}
EOC2
}

###############################################################################

# judgement

# requests with a complete response whose event has not arrived; $arrived is
# a hash by number, $which selects requests

sub missing {
	my ($self, $arrived, $which) = @_;

	return grep { $_->{complete} && !$arrived->{$_->{n}}
		&& (!$which || $which->($_)) } $self->results();
}

# first arrivals of events of a lane in a wrong order: of a pair of requests
# one of which began after the response to the other one was complete; $list
# are numbers in the order of arrivals, $by_key is 0 for one lane of all

sub disorder {
	my ($self, $list, $by_key) = @_;

	my %r = map { $_->{n} => $_ } $self->results();
	my (%lanes, %seen, @bad);

	for my $n (@$list) {
		next if $seen{$n}++ || !$r{$n};
		push @{$lanes{$by_key ? $r{$n}{key} : ''}}, $r{$n};
	}

	for my $lane (sort keys %lanes) {
		my $least;

		for my $r (reverse @{$lanes{$lane}}) {
			push @bad, "lane \"$lane\": $r->{n} (began "
				. "$r->{begin}) before $least->{n} (complete "
				. "$least->{end})"
				if $least && $least->{end} < $r->{begin};

			$least = $r if $r->{complete}
				&& (!$least || $r->{end} < $least->{end});
		}
	}

	return @bad;
}

# requests of a receiver as [number, path], those which came since the last
# call with the same $state

sub arrivals {
	my ($rx, $state) = @_;

	$rx->update();

	my @new;
	my $all = $rx->{parsed};

	for (my $i = $state->{pos} || 0; $i < @$all; $i++) {
		my $r = $all->[$i];

		$r->{complete} && $r->{body} =~ /^(\d+) /
			or next;
		push @new, [$1, $r->{target}];
	}

	$state->{pos} = @$all;

	return @new;
}

# a line in the error log, before a process is killed, stopped, or goes on

sub mark {
	my ($t, $what, @pids) = @_;

	sysopen my $fh, $t->log_path(), O_WRONLY | O_APPEND | O_CREAT
		or die "can't open error log: $!\n";

	syswrite $fh, "TEST $what $_\n" for @pids;
}

# walks attempts in the log: what contradicts one owner at a time, one attempt
# at a time, growing fences, and sequence; $ordered are names of endpoints,
# returns a hash of attempts, bad (a list of text), takeovers

sub lanes {
	my ($t, @ordered) = @_;

	my %ordered = map { $_ => 1 } @ordered;
	my (%gone, %stopped, %lane, %key, @bad);
	my ($attempts, $takeovers) = (0, 0);

	open my $fh, '<:raw', $t->log_path() or die "can't read log: $!\n";

	while (my $line = <$fh>) {

		# what a process that is stopped has under way may be taken
		# over, or has been by the time that this is logged

		if ($line =~ /^TEST (\w+) (\d+)$/
			|| $line =~ /webhook\ worker\ process\ ()(\d+)\ in\ slot
				\ \d+\ does\ not\ run/x)
		{
			$gone{$2} = 1 if $1 eq 'kill';
			$stopped{$2} = 1;

			for my $l (values %lane) {
				delete $l->{pid} if ($l->{pid} || 0) == $2;
			}

			next;
		}

		next if index($line, ' webhook attempt ') < 0;

		if ($line =~ /\ (\d+)\#\d+:\ (?:\*\d+\ )?
			webhook\ attempt\ begin:\ slot\ (\d+)\ fence\ (\d+)
			\ lane\ "([^"]*)"\ key\ "([^"]*)"\ seq\ (\d+)\.(\d+)/x)
		{
			my ($pid, $slot, $fence, $name, $key, $seq, $i)
				= ($1, $2, $3, $4, $5, $6, $7);

			$attempts++;
			next unless $ordered{$name};

			my $l = $lane{"$name $key"} ||= {};
			my $id = sprintf '%020d.%05d', $seq, $i;

			chomp $line;

			$key{"$name $id"} = $key;

			if ($l->{pid} && !$gone{$l->{pid}}) {
				push @bad, "attempt of $l->{pid} under way: "
					. $line;
			}

			if (defined $l->{fence}) {
				push @bad, "fence after $l->{fence}: $line"
					if $fence < $l->{fence};
				push @bad, "fence of $l->{owner}: $line"
					if $fence == $l->{fence}
					&& $pid != $l->{owner};
				$takeovers++ if $pid != $l->{owner};
			}

			# of overlapping requests the one with the lower
			# number may be published, and sent, later

			if (defined $l->{ended} && $id eq $l->{ended}
				&& !$stopped{$l->{by}})
			{
				push @bad, "after success by $l->{by}: $line";
			}

			@$l{qw/ pid id fence owner /}
				= ($pid, $id, $fence, $pid);

			next;
		}

		if ($line =~ /\ (\d+)\#\d+:\ (?:\*\d+\ )?
			webhook\ attempt\ end:\ slot\ \d+\ fence\ \d+
			\ lane\ "([^"]*)"\ seq\ (\d+)\.(\d+)\ .*
			\ class\ (\S+)/x)
		{
			my ($pid, $name, $class) = ($1, $2, $5);

			next unless $ordered{$name};

			my $id = sprintf '%020d.%05d', $3, $4;
			my $l = $lane{$name . ' ' . ($key{"$name $id"} // '')};

			if (!$l) {
				push @bad, "end without a begin: $line";
				next;
			}

			# the end of one that was taken over counts no more

			next if ($l->{pid} || 0) != $pid || $l->{id} ne $id;

			delete $l->{pid};
			@$l{qw/ ended by /} = ($id, $pid)
				if $class eq 'success';
		}
	}

	return { attempts => $attempts, bad => \@bad,
		takeovers => $takeovers };
}

# compiles t/tools/NAME.c into a shared object in the test's directory, undef
# without a compiler

sub build {
	my ($t, $name) = @_;

	my $so = $t->testdir() . "/$name.so";
	my $cc = $ENV{CC} || 'cc';
	my ($code, $out) = Test::Webhook::command($cc, '-shared', '-fPIC',
		'-O1', '-Wall', '-o', $so, $t->root() . "/t/tools/$name.c",
		'-ldl', '-lpthread');

	return $so if $code == 0;

	Test::More::diag("$cc: $out");
	return;
}

1;

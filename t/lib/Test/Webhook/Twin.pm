package Test::Webhook::Twin;

# Two nginx of one configuration: "plain" has never heard of the module, "with"
# has a trigger for everything and takes values out of bodies.  Both get the
# same octets of requests, the octets of their responses have to be the same,
# what the application gets has to be the same, and so have their access logs.
# Then it is checked what fired.
#
#	my $twin = Test::Webhook::Twin->new(http => '...', origin => '...');
#
#	$twin->file('dir/name', 'content');
#	$twin->add('name of the case', ...);
#	$twin->run();
#
# A case is a server of its own:
#
#	conf => text			of the server; proxies to the
#					application by default
#	get => uri			or head, post, put, delete, options;
#					for others method => M, uri => uri
#	headers => [line, ...]
#	body => octets			with Content-Length
#	chunked => n			the body in chunks of n octets
#	version => '1.0'
#	app => action, or a list	answers of the application, see Receiver;
#					by default JSON of the request
#	parts => sub { }		takes header and body, returns what is
#					sent: octets, a regex to be received
#					before it goes on, 'app' to wait for the
#					application to have the request,
#					'pause', 'close'
#	steps => [{ ... }, ...]		several requests one after the other
#	wait => seconds			since the earlier steps, the last ones
#					of a case only
#	pipeline => [{ ... }, ...]	several requests in one write
#	forms => 'close pipe'		how requests come: alone, or with
#					another one behind it in one write
#	h2 => 1				over HTTP/2, too, with TLS and without
#	chunks => 'any'			time decides how a response is cut
#	partial => 1			time decides how much the client gets
#	shows => text			what has to be in the response
#	silent => 1			no octet is sent
#
# and what fires (TEST_TWIN_SYNC=always runs all of it with sync=always,
# TEST_TWIN_SHOW=1 shows responses):
#
#	fires => '201 id=7 name=x'	the status the event has, and values of
#					the request ('' if there is no event)
#	answer => 'rid=7'		values of the response
#	state => 'complete'		$webhook_request_body_state, told by
#					values by default
#	cut => 1			$webhook_complete is 0
#	path => path			if it is not that of the URI
#	late => 1			with sync=always it cannot be held
#	early => 1			it ends before its header is known, so
#					there are only the method and the status
#	unlogged => 1			so there is no line in the access log

use strict;
use warnings;

use File::Path qw/ make_path /;
use Test::More ();
use Time::HiRes qw/ time sleep /;

use Test::Webhook qw/ wait_for parse_response /;
use Test::Webhook::App;
use Test::Webhook::Receiver;

my $CRLF = "\x0d\x0a";

my @twins = qw/ plain with /;
my @forms = qw/ close pipe h2c h2 /;

# what the module is told

my $with = <<'EOC';
    webhook_store %%TESTDIR%%/store size=16m journal=4m sync=SYNC
                  commit_timeout=10s;

    webhook_endpoint rx {
        url http://127.0.0.1:%%PORT_rx%%/;
        allow_http on;
        header X-N $http_x_n;
        header X-Complete $webhook_complete;
    }

    webhook seen to=rx status=any;

    webhook_json $id request /id;
    webhook_json $name request /name;
    webhook_json $rid response /id;

    log_format fired '$http_x_n $webhook_event $webhook_result '
                     '$webhook_complete $webhook_request_body_state';
    access_log %%TESTDIR%%/fired.log fired;
EOC

my $main = <<'EOC';
%%TEST_GLOBALS%%

worker_processes 2;
worker_shutdown_timeout 10s;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%
%%WITH%%
    log_format twin '$http_x_n $request_method $status $body_bytes_sent '
                    '"$request_completion" "$upstream_status"';
    access_log %%TESTDIR%%/twin.log twin;

    types { text/html html; application/json json; text/plain txt; }
    default_type text/plain;
    server_names_hash_max_size 4096;
    lingering_timeout 100ms;
    keepalive_timeout 30s;
    proxy_http_version 1.1;

    upstream app { server 127.0.0.1:%%PORT_app%%; }
    upstream origin { server 127.0.0.1:%%PORT_origin%%; }
    upstream dead { server 127.0.0.1:%%PORT_dead%%; }

    ssl_certificate %%CERT%%;
    ssl_certificate_key %%KEY%%;

%%HTTP%%
    server {
        %%LISTEN%%
        server_name after;
        return 200 "the-response-after\n";
    }
EOC

###############################################################################

# options: http (configuration of both), origin (of the server of a third nginx,
# which is "http://origin" for both), origin_http

sub new {
	my ($class, %o) = @_;

	my $self = bless { sync => $ENV{TEST_TWIN_SYNC} || 'off', http => '', origin => '', origin_http => '', %o, cases => [],
		files => [], n => 0, expected => [] }, $class;

	my %t = (
		origin => Test::Webhook->new(module => 0),
		plain => Test::Webhook->new(module => 0),
		with => Test::Webhook->new(),
	);

	$self->{t} = \%t;

	# one port each, but it is the same nginx they proxy to

	my $origin = $t{origin}->port('origin');
	$_->{ports}{origin} = $origin for @t{@twins};

	return $self;
}

sub file {
	my ($self, $name, $content) = @_;

	push @{$self->{files}}, [$name, $content];
}

sub add {
	my ($self, $name, %o) = @_;

	my $case = { conf => 'location / { proxy_pass http://app; }',
		forms => 'close pipe', %o, name => $name,
		host => 'c' . @{$self->{cases}} };

	my @steps = map { { %$case, %$_ } } @{$o{steps} || [{}]};

	$case->{steps} = \@steps;

	push @{$self->{cases}}, $case;
}

# everything, and the end of the test

sub run {
	my ($self) = @_;

	$self->start();

	my $nghttp = $self->{t}{plain}->h2();
	my @later;

	Test::More::note('no nghttp, no HTTP/2') unless $nghttp;

	for my $case (@{$self->{cases}}) {
		for my $form (@forms) {
			my $h2 = $form =~ /^h2/;

			next if $h2 ? !$nghttp || !$case->{h2}
				: " $case->{forms} " !~ / $form /;

			next if $form eq 'pipe' && ($case->{parts}
				|| $case->{pipeline} || $case->{version});

			my $how = $h2 ? 'h2' : 'one';

			for my $i (0 .. $#{$case->{steps}}) {
				my $step = $case->{steps}[$i];

				my @args = ($case, $form, $i, $step);

				if ($step->{wait}) {
					push @later, [$how, @args,
						time() + $step->{wait}];
				} else {
					$self->$how(@args);
				}
			}
		}
	}

	# what has to grow old first

	for (@later) {
		my ($how, @args) = @$_;
		my $left = pop(@args) - time();

		sleep($left) if $left > 0;
		$self->$how(@args);
	}

	$self->fired();
	$self->same_logs();
	$self->same_requests();

	$self->{t}{$_}->stop() for @twins, 'origin';
	$self->{t}{with}->done_testing();
}

###############################################################################

# what runs

sub start {
	my ($self) = @_;

	my $t = $self->{t};
	my %actions = map { $_->{host} => $_->{app} } @{$self->{cases}};

	$self->{rx} = Test::Webhook::Receiver->new($t->{with}, port => 'rx');

	for my $twin (@twins) {
		my %pos;

		$self->{app}{$twin} = Test::Webhook::Receiver->new($t->{$twin},
			port => 'app',
			handler => sub { app($_[0], \%actions, \%pos) });
	}

	for my $file (@{$self->{files}}) {
		$self->put($t->{$_}, @$file) for @twins, 'origin';
	}

	$t->{origin}->conf(<<"EOC")->run();
%%TEST_GLOBALS%%

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    types { text/html html; application/json json; text/plain txt; }
    default_type text/plain;
    $self->{origin_http}

    server {
        listen 127.0.0.1:%%PORT_origin%%;
        location / { root %%TESTDIR%%/html; }
        $self->{origin}
    }
}
EOC

	my $cert = $t->{plain}->cert('twin');

	for my $twin (@twins) {
		my $conf = $self->conf($twin);

		$conf =~ s/%%CERT%%/$cert->{cert}/;
		$conf =~ s/%%KEY%%/$cert->{key}/;

		$t->{$twin}->conf($conf)->run();
	}
}

sub conf {
	my ($self, $twin) = @_;

	my $t = $self->{t}{$twin};

	my $listen = 'listen 127.0.0.1:%%PORT_http%%; '
		. 'listen 127.0.0.1:%%PORT_h2c%% http2; '
		. 'listen 127.0.0.1:%%PORT_h2%% ssl http2;';

	my $conf = $main;
	my $snippet = '';

	if ($twin eq 'with') {
		$snippet = $with;
		$snippet =~ s/SYNC/$self->{sync}/;
	}

	$conf =~ s/%%WITH%%/$snippet/;
	$conf =~ s/%%HTTP%%/$self->{http}/;

	for my $case (@{$self->{cases}}) {
		my $names = join ' ', map { "$case->{host}-$_" } @forms;
		my $root = $case->{conf} =~ /^\s*root /m ? ''
			: 'root %%TESTDIR%%/html;';

		$conf .= "    server {\n        %%LISTEN%%\n"
			. "        server_name $names;\n        $root\n"
			. "$case->{conf}\n    }\n";
	}

	$conf =~ s/%%LISTEN%%/$listen/g;

	return "$conf}\n";
}

sub put {
	my ($self, $t, $name, $content) = @_;

	my $path = $t->testdir() . "/html/$name";

	make_path($path =~ m!(.*)/!);
	$t->write_file("html/$name", $content);

	# directories are listed with their times, too

	for (my $p = $path; $p =~ m!/html!; $p =~ s!/[^/]*$!!) {
		utime 1e9, 1e9, $p or die "utime() failed: $!\n";
	}
}

# the application

sub app {
	my ($req, $actions, $pos) = @_;

	my %h = map { lc $_->[0] => $_->[1] } @{$req->{headers}};
	my ($host) = ($h{'x-case'} || '') =~ /^([^-]*)/;
	my $action = $actions->{$host};

	if (ref $action eq 'ARRAY') {
		my $i = $pos->{$h{'x-case'}}++;
		$action = $action->[$i < @$action ? $i : -1];
	}

	$action = $action->($req, \%h) if ref $action eq 'CODE';

	return $action if defined $action;

	delete @h{'x-case', 'host'};

	return { status => 200, headers => ['Content-Type',
		'application/json'], body => '{"id":"r7","method":'
		. quote($req->{method}) . ',"target":' . quote($req->{target})
		. join('', map { ",\"$_\":" . quote($h{$_}) } sort keys %h)
		. ',"body":' . quote($req->{body}) . "}\n" };
}

sub quote { Test::Webhook::HTTPD::quote(@_) }

###############################################################################

# HTTP/1

sub one {
	my ($self, $case, $form, $i, $step) = @_;

	my $name = "$case->{name}, $form";
	$name .= ', ' . ($i + 1) if @{$case->{steps}} > 1;

	my $host = "$case->{host}-$form";
	my @parts;

	if ($step->{pipeline}) {
		my @list = @{$step->{pipeline}};
		my $bytes = '';

		for my $k (0 .. $#list) {
			my $s = { %$step, fires => undef, %{$list[$k]} };

			$bytes .= join '', $self->bytes($s, $host,
				$k == $#list);
			$self->expect($s, $name . ', ' . ($k + 1));
		}

		@parts = ($bytes);

	} else {
		@parts = $self->bytes($step, $host, $form eq 'close');
		$self->expect($step, $name);

		@parts = $step->{parts} ? $step->{parts}->(@parts)
			: join '', @parts;
	}

	my $after;

	if ($form eq 'pipe') {
		my $s = { get => '/', fires => '200', name => $name };

		$parts[0] .= join '', $self->bytes($s, 'after', 1);
		$after = $self->expect($s, "$name, the next one");
	}

	my @got = $self->exchange(\@parts, $self->{n});

	if ($after && $got[0] !~ /the-response-after/) {

		# the connection was closed before

		$after->{fires} = '';
		$after->{unlogged} = 1;
	}

	my ($plain, $with) = map {
		$self->norm($twins[$_], $got[$_], $step)
	} 0, 1;

	if ($step->{partial}) {
		Test::More::unlike("@got", qr/\(timed out\)/,
			"$name - it comes to an end");
		return;
	}

	same("$name - the client's octets are the same", $step, $plain, $with,
		length $plain || $step->{silent});
}

# header and body

sub bytes {
	my ($self, $s, $host, $last) = @_;

	my ($method, $uri) = request($s);

	my @h = ("Host: $host", "X-Case: $host", 'X-N: ' . ++$self->{n},
		@{$s->{headers} || []});

	my $body = defined $s->{body} ? $s->{body} : '';

	if ($s->{chunked}) {
		push @h, 'Transfer-Encoding: chunked';
		$body = chunked($body, $s->{chunked});

	} elsif (defined $s->{body}
		&& !grep { /^Content-Length:/ } @h)
	{
		push @h, 'Content-Length: ' . length $body;
	}

	push @h, 'Connection: close' if $last
		&& !grep { /^Connection:/ } @h;

	my $version = $s->{version} || '1.1';

	return (join($CRLF, "$method $uri HTTP/$version", @h, '', ''), $body);
}

sub request {
	my ($s) = @_;

	for (qw/ get head post put delete options /) {
		return (uc $_, $s->{$_}) if defined $s->{$_};
	}

	return @$s{qw/ method uri /};
}

sub chunked {
	my ($body, $size) = @_;

	my $s = '';

	for (my $pos = 0; $pos < length $body; $pos += $size) {
		my $part = substr $body, $pos, $size;
		$s .= sprintf "%x$CRLF%s$CRLF", length $part, $part;
	}

	return "${s}0$CRLF$CRLF";
}

# the same to both, and what comes until they close

sub exchange {
	my ($self, $parts, $n) = @_;

	my $end = time() + 20;
	my @c;

	for my $twin (@twins) {
		my $s = Test::Webhook::connect_port($self->{t}{$twin}, 'http')
			or return ('', 'no connection');

		$s->blocking(0);

		push @c, { sock => $s, parts => [@$parts], in => '', out => '',
			twin => $twin };
	}

	while (my @open = grep { $_->{sock} } @c) {
		my ($r, $w, $idle) = ('', '', 1);

		for my $c (@open) {
			$self->next_part($c, $n);
			$c->{sock} or next;

			vec($r, fileno $c->{sock}, 1) = 1;
			vec($w, fileno $c->{sock}, 1) = 1 if length $c->{out};
		}

		@open = grep { $_->{sock} } @open or last;
		last if time() >= $end;

		select($r, $w, undef, (grep { @{$_->{parts}} } @open)
			? 0.002 : 0.5);

		for my $c (grep { $_->{sock} } @open) {
			my $fd = fileno $c->{sock};

			if (length $c->{out} && vec($w, $fd, 1)) {
				my $k = syswrite $c->{sock}, $c->{out};

				# whatever it is, the response may be there

				$c->{out} = '' if !defined $k && !$!{EAGAIN};
				substr($c->{out}, 0, $k, '') if $k;
			}

			next unless vec($r, $fd, 1);

			my $k = sysread $c->{sock}, $c->{in}, 65536,
				length $c->{in};

			close delete $c->{sock}
				if defined $k ? $k == 0 : !$!{EAGAIN};
		}
	}

	$_->{in} .= '(timed out)' for grep { $_->{sock} } @c;

	return map { $_->{in} } @c;
}

sub next_part {
	my ($self, $c, $n) = @_;

	while (@{$c->{parts}} && !length $c->{out}) {
		my $part = $c->{parts}[0];

		if (ref $part) {
			return unless $c->{in} =~ $part;

		} elsif ($part eq 'app') {
			return unless grep {
				($_->{header}{'x-n'} || '') eq $n
			} $self->{app}{$c->{twin}}->requests();

		} elsif ($part eq 'pause') {

			# so that what was sent is probably read alone

			$c->{pause} ||= time() + 0.003;
			return if time() < $c->{pause};
			delete $c->{pause};

		} elsif ($part eq 'close') {
			close delete $c->{sock};
			$c->{parts} = [];
			return;

		} else {
			$c->{out} = $part;
		}

		shift @{$c->{parts}};
	}
}

# what may differ, and nothing else

sub norm {
	my ($self, $twin, $raw, $s) = @_;

	my $t = $self->{t}{$twin};
	my %ports = %{$t->{ports}};

	for my $port (sort keys %ports) {
		$raw =~ s/:$ports{$port}\b/:$port/g;
	}

	for ($raw) {
		s/^(date: ).*?(?=\r?$)/$1-/mgi;
		s/boundary=\d{20}/boundary=-/g;
		s/^--\d{20}/--/mg;
	}

	if (($s->{chunks} || '') eq 'any') {
		my ($method) = request($s);
		my $r = parse_response($raw, method => $method);
		my ($head) = $raw =~ /^(.*?\r\n\r\n)/s;

		$raw = "$head$r->{body}\n"
			. ($r->{complete} ? 'complete' : 'not complete')
			. ($r->{rest} || '');
	}

	return $raw;
}

# and it is what the case is about

sub same {
	my ($name, $s, $plain, $with, $ok) = @_;

	my $shows = defined $s->{shows} ? lc $s->{shows} : '';

	$ok &&= $plain eq $with && $plain !~ /\(timed out\)$/
		&& index(lc $plain, $shows) >= 0;

	Test::More::ok($ok, $name)
		or Test::More::diag("shows \"$shows\", plain", short($plain),
			"\nwith", short($with));

	Test::More::note($plain) if $ENV{TEST_TWIN_SHOW};
}

sub short {
	my ($s) = @_;

	return ' (' . length($s) . "): " . (length $s > 1500
		? substr($s, 0, 1400) . ' ... ' . substr $s, -100 : $s);
}

###############################################################################

# HTTP/2, by nghttp

sub h2 {
	my ($self, $case, $form, $i, $step) = @_;

	my $name = "$case->{name}, $form";
	$name .= ', ' . ($i + 1) if @{$case->{steps}} > 1;

	my $host = "$case->{host}-$form";
	my ($method, $uri) = request($step);

	my @h = (":method: $method", ":path: $uri", ":authority: $host",
		"x-case: $host", 'x-n: ' . ++$self->{n},
		'accept-encoding: identity', 'user-agent: nghttp');

	for (@{$step->{headers} || []}) {
		my ($h, $value) = /^([^:]*): *(.*)/;

		@h = grep { !/^\L$h:/ } @h;
		push @h, lc($h) . ": $value";
	}

	my @args = ('-v', '--no-dep', '-t', 15, map { ('-H', $_) } @h);

	$self->expect($step, $name);

	my @out;

	for my $twin (@twins) {
		my $t = $self->{t}{$twin};
		my @a = @args;

		push @a, '-y' if $form eq 'h2';
		push @a, '-d', $t->write_file("h2-$self->{n}", $step->{body})
			if defined $step->{body};
		push @a, '--no-content-length' if $step->{chunked};

		my $pid = open my $fh, '-|';

		if (!$pid) {
			open STDERR, '>&', \*STDOUT;
			exec 'nghttp', @a, ($form eq 'h2' ? 'https' : 'http')
				. '://127.0.0.1:' . $t->port($form) . '/'
				or POSIX::_exit(127);
		}

		push @out, $fh;
	}

	for (@out) {
		local $/;
		$_ = h2_response(scalar <$_>);
	}

	return if $step->{partial};

	my ($plain, $with) = map {
		$self->norm($twins[$_], $out[$_], { %$step, chunks => '' })
	} 0, 1;

	same("$name - the client's response is the same", $step, $plain,
		$with, $plain =~ /^:status/);
}

# of verbose output: header fields in order, and the body

sub h2_response {
	my ($out) = @_;

	my ($head, $octets) = ('', 0);

	$out =~ s/^.*?(?=\[ *\d+\.\d+\] recv \(stream_id)//s;

	while ($out =~ /recv \(stream_id=\d+(?:, sensitive)?\) (.*)/g) {
		$head .= "$1\n";
	}

	$octets += $1 while $out =~ /recv DATA frame <length=(\d+)/g;

	my $end = $out =~ /; END_STREAM/ ? 'complete' : 'not complete';

	$out =~ s/\[ *\d+\.\d+\] (?:recv|send) .*\n(?: {10}.*\n)*//g;

	return "$head\n$octets $end\n$out";
}

###############################################################################

# what fired

sub expect {
	my ($self, $s, $name) = @_;

	my ($method, $uri) = request($s);

	my $e = { path => ($uri =~ /^([^?]*)/)[0], %$s, n => $self->{n},
		name => $name, method => $method };

	push @{$self->{$s->{early} ? 'early' : 'expected'}}, $e;

	return $e;
}

sub fired {
	my ($self) = @_;

	my $t = $self->{t}{with};
	my @expected = @{$self->{expected}};

	# a delivery can only come after its line in the log, if anything else
	# than the log tells the end of a request

	for my $twin (@twins) {
		my %seen;

		wait_for(sub {
			%seen = map { $_ => 1 } $self->{t}{$twin}
				->read_file('twin.log') =~ /^(\d+) /mg;
			!grep { !$seen{$_->{n}} && !$_->{unlogged} } @expected;
		}, 20) or Test::More::diag("not in the log of $twin: "
			. join ', ', map { $_->{name} }
			grep { !$seen{$_->{n}} && !$_->{unlogged} } @expected);
	}

	my %event = map { $_->{n} => $_ } @expected;
	my %log = map { /^(\d+) (.*)/ ? ($1, $2) : () }
		split /\n/, $t->read_file('fired.log');

	# one lane, so what is delivered last is the last

	my $s = { get => '/', fires => '200' };

	$self->exchange([join '', $self->bytes($s, 'after', 1)], 0);

	my $last = $self->{n};
	my $rx = $self->{rx};

	wait_for(sub { grep { ($_->{header}{'x-n'} || '') eq $last }
		$rx->requests() }, 20)
		or Test::More::diag('not all events were delivered');

	my $always = $self->{sync} eq 'always';
	my %got;

	push @{$got{defined $_->{header}{'x-n'} ? $_->{header}{'x-n'} : ''}},
		$_ for $rx->requests();

	delete $got{$last};

	for my $e (@expected) {
		my @events = @{delete $got{$e->{n}} || []};
		my $fires = defined $e->{fires} ? $e->{fires} : '(not said)';

		my ($status, @v) = split / /, $fires;
		my $n = @v;

		push @v, $e->{answer} if defined $e->{answer}
			&& length $e->{answer};

		# which part was read before the error, time decides

		my ($seen) = ($log{$e->{n}} || '') =~ /(\w+)$/;
		local $e->{state} = $seen if ($e->{state} || '') eq 'any';

		my $state = defined $e->{state} ? $e->{state}
			: $n ? 'complete' : 'none';

		my $complete = $e->{cut} ? 0 : 1;

		my $want = !length $fires ? 'nothing'
			: join ' ', 'seen', $e->{method}, $e->{path}, $status,
			@v, "complete=$complete",
			($e->{late} && $always ? 'late' : 'committed')
			. " $complete $state";

		my $have = join ' and ', map { event($_) } @events;

		my (undef, $result) = split / /, $log{$e->{n}} || '', 2;
		$result = '' unless defined $result;

		$have .= " $result" if @events;
		$have = 'nothing' unless @events;
		$have .= " but $result"
			if !@events && $result =~ /^(?:committed|late)/;

		Test::More::is($have, $want, "$e->{name} - what fires");
	}

	Test::More::is(join(', ', map { event($_) } @{delete $got{''} || []}),
		join(', ', map { "seen $_->{method}  $_->{fires} complete=1" }
			@{$self->{early}}), 'what fires early')
		if $self->{early};

	Test::More::is(join(' and ', map { "n=$_: " . join ', ', map {
		event($_) } @{$got{$_}} } sort keys %got), '',
		'nothing else fires');
}

sub event {
	my ($r) = @_;

	my ($data) = $r->{body} =~ /"data":\{(.*)\}\}$/s
		or return $r->{body};

	my @words;

	while ($data =~ /\G,?"(\w+)":("(?:[^"\\]|\\.)*"|[^,]*)/gc) {
		my ($name, $value) = ($1, $2);

		$value =~ s/^"(.*)"$/$1/s;
		push @words, $name =~ /^(?:method|path|status)$/ ? $value
			: "$name=$value";
	}

	return join ' ', $r->{header}{'webhook-event'}, @words,
		"complete=$r->{header}{'x-complete'}";
}

# lines of the access log

sub same_logs {
	my ($self) = @_;

	my %skip = map { $_->{n} => 1 } grep {
		$_->{partial} || $_->{chunks} } @{$self->{expected}};
	my %name = map { $_->{n} => $_->{name} } @{$self->{expected}};
	my @log;

	for my $twin (@twins) {
		my %line;

		for (split /\n/, $self->{t}{$twin}->read_file('twin.log')) {
			my ($n, $rest) = /^(\S+) (.*)/ or next;

			# how much was sent may depend on the time

			$rest =~ s/^(\S+ \S+) \d+ /$1 - / if $skip{$n};

			# a header that is held has to be followed by a body, since
			# a filter may want that first: a client that leaves as soon
			# as it has the header of HEAD is seen while nginx reads on

			$rest =~ s/ "(?:OK)?" / - / if $rest =~ /^HEAD /
				&& $self->{sync} eq 'always';

			$line{$n} .= "$rest\n" if $name{$n};
		}

		push @log, \%line;
	}

	Test::More::is(join("\n", map {
		"$name{$_}: $log[0]{$_} but with the module "
			. (defined $log[1]{$_} ? $log[1]{$_} : 'none')
	} grep { !defined $log[1]{$_} || $log[0]{$_} ne $log[1]{$_} }
		sort { $a <=> $b } keys %{$log[0]}), '',
		'access logs are the same');
}

# requests to the application

sub same_requests {
	my ($self) = @_;

	my %name = map { $_->{n} => $_->{name} } @{$self->{expected}};
	my @seen;

	for my $twin (@twins) {
		my %seen;

		push @{$seen{$_->{header}{'x-n'} || ''}},
			join $CRLF, "$_->{method} $_->{target} $_->{version}",
			(map { "$_->[0]: $_->[1]" } @{$_->{headers}}), '',
			$_->{body}
			for $self->{app}{$twin}->requests();

		# what goes at the same time has no order

		$_ = join "\n", sort @$_ for values %seen;

		push @seen, \%seen;
	}

	my %all = map { %$_ } @seen;

	my @differ = grep {
		!defined $seen[0]{$_} || !defined $seen[1]{$_}
			|| $seen[0]{$_} ne $seen[1]{$_}
	} sort keys %all;

	Test::More::is(join(', ', map { $name{$_} || "n=$_" } @differ), '',
		'requests to the application are the same')
		or Test::More::diag(map { ("\nplain", short($seen[0]{$_} || ''),
			"\nwith", short($seen[1]{$_} || '')) } @differ);
}

1;

#!/usr/bin/perl

# Tests of gRPC, with a server and a client on Debian's package python3-grpcio:
# the client gets the same as without the module, and the events are right.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::Webhook qw/ wait_for /;
use Test::Webhook::Servers;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

# what the client of each call is told is compared; then what fires:
# status, complete, asked; the state of the request

my @calls = (
	['echo', 200, 1, 1, 'invalid'],
	['empty', 200, 1, 1, 'invalid'],
	['json', 200, 1, 1, 'invalid'],
	['much', 200, 1, 1, 'invalid'],
	['fail', 200, 1, 1, 'invalid'],
	['unknown', 200, 1, 1, 'invalid'],
	['count', 200, 1, 1, 'invalid'],
	['none', 200, 1, 1, 'invalid'],
	['many', 200, 1, 1, 'invalid'],
	['half', 200, 1, 1, 'invalid'],
	['sum', 200, 1, 1, 'invalid'],
	['sum of none', 200, 1, 1, 'none'],
	['sum of much', 200, 1, 1, 'invalid'],
	['each', 200, 1, 1, 'invalid'],
	['ping', 200, 1, 1, 'invalid'],
	['early', 200, 1, undef, 'invalid'],
	['endless', 200, 0, 1, 'invalid'],

	# the server knows the deadline, too, and may be the first

	['deadline', undef, undef, 1, 'invalid'],
	['gone', undef, undef, 1, 'invalid'],
	['echo', 200, 1, 1, 'invalid'],
);

my $t = Test::Webhook::Servers->new(servers => ["grpc"],
	http => '', live => \&live);

$t->add('default', get => '/x', fires => '200', forms => 'close',
	asks => '', conf => <<'EOC');
        server_name localhost;
        client_max_body_size 0;
        location / { return 200 "no gRPC\n"; }
        location /test.Test/ { grpc_pass grpc://127.0.0.1:%%PORT_grpc%%; }
EOC

$t->run();

###############################################################################

sub live {
	my %log;

	for my $port (qw/ h2c h2 /) {
		my (%out, @n);

		@n = map { ++$t->{n} } @calls;

		for my $twin (qw/ plain with /) {
			$out{$twin} = client($twin, $port, \@n);
		}

		for my $i (0 .. $#calls) {
			my ($name) = @{$calls[$i]};

			ok(defined $out{plain}[$i]
				&& $out{plain}[$i] =~ /^$n[$i] \Q$name\E /,
				"$port, $name - there is an answer")
				or diag(join "\n", @{$out{plain}});
			is($out{with}[$i], $out{plain}[$i],
				"$port, $name - the client gets the same");
		}

		fires($port, \@n);
	}
}

sub client {
	my ($twin, $port, $n) = @_;

	my @args = map { "$n->[$_] $calls[$_][0]" } 0 .. $#calls;
	my ($gone) = grep { $calls[$_][0] eq 'gone' } 0 .. $#calls;

	my $dir = $t->{dir};
	my $before = () = Test::Webhook::slurp("$dir/waits", 0)
		=~ /^$n->[$gone]$/mg;

	pipe my $r, my $w or die "pipe() failed: $!\n";

	my $pid = open my $fh, '-|';
	die "fork() failed: $!\n" unless defined $pid;

	if ($pid == 0) {
		$SIG{$_} = 'DEFAULT' for qw/ INT TERM HUP PIPE __DIE__ /;
		open STDIN, '<&', $r;
		open STDERR, '>&', \*STDOUT;
		close $w;

		exec '/usr/bin/python3', "$t->{apps}/grpc_client.py",
			$t->{t}{$twin}->port($port), $port eq 'h2'
			? $t->{t}{plain}->testdir() . '/twin.ca.crt' : '-',
			@args or POSIX::_exit(127);
	}

	close $r;

	# the application has the call that is to be left

	wait_for(sub {
		my $now = () = Test::Webhook::slurp("$dir/waits", 0)
			=~ /^$n->[$gone]$/mg;
		$now > $before
	}, 60, 'the call in the application');

	print $w "\n";
	close $w;

	my @out = <$fh>;
	close $fh;

	return \@out;
}

sub fires {
	my ($port, $n) = @_;

	my $with = $t->{t}{with};
	my (%fired, %body, %seen, %asked);

	wait_for(sub {
		%fired = map { /^(\d+) (.*)/ ? ($1, $2) : () } split /\n/,
			$with->read_file('fired.log');
		%body = map { /^(\d+) (.*)/ ? ($1, $2) : () } split /\n/,
			$with->read_file('state.log');
		!grep { !defined $body{$_} } @$n
	}, 20, 'lines of the log');

	my @seen = grep { defined $calls[$_][1] } 0 .. $#calls;
	my @asked = grep { $calls[$_][3] } 0 .. $#calls;

	wait_for(sub {
		%seen = events($t->{rx});
		%asked = events($t->{asked});

		!(grep { !$seen{$n->[$_]} } @seen)
			&& !grep { !$asked{$n->[$_]} } @asked
	}, 20, 'events');

	for my $i (0 .. $#calls) {
		my ($name, $status, $complete, $asked, $state) = @{$calls[$i]};

		my $method = $name =~ /^(?:empty|json|much)$/ ? 'Echo'
			: $name =~ /^(?:none|many)$/ ? 'Count'
			: $name =~ /^(?:deadline|gone)$/ ? 'Wait'
			: $name =~ /^sum/ ? 'Sum'
			: $name eq 'ping' ? 'Each' : ucfirst $name;

		my $path = "POST /test.Test/$method";

		is(join(' and ', @{$seen{$n->[$i]} || []}), defined $status
			? "seen $path $status complete=$complete" : '',
			"$port, $name - what fires")
			if $name ne 'deadline';

		is(join(' and ', @{$asked{$n->[$i]} || []}), "asked $path",
			"$port, $name - what fires of the request")
			if defined $asked;

		like($fired{$n->[$i]}, qr/ $state$/,
			"$port, $name - the state of the request");
		like($body{$n->[$i]}, qr/^(?:none|invalid)$/,
			"$port, $name - the state of the response");
	}
}

sub events {
	my ($rx) = @_;

	my %events;

	for ($rx->requests()) {
		$_->{header}{'x-complete'} = ''
			unless defined $_->{header}{'x-complete'};

		my $event = Test::Webhook::Twin::event($_);

		$event =~ s/ complete=$//;
		push @{$events{$_->{header}{'x-n'}}}, $event;
	}

	return %events;
}

###############################################################################

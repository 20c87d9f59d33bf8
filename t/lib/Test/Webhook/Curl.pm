package Test::Webhook::Curl;

# Requests by curl, several at once if need be.

use strict;
use warnings;

use Exporter qw/ import /;
use POSIX ();

use Test::Webhook ();
use Test::Webhook::API ();

our @EXPORT = qw/ curl curls /;

# one request: its method, its URI, a name of a port (empty: the first one), and
# arguments of curl; what it answers, as of parse_response()

sub curl {
	my ($t, @request) = @_;

	return (curls($t, \@request))[0];
}

# requests at once, [METHOD, URI, PORT, ARGUMENTS]; answers in their order

sub curls {
	my ($t, @requests) = @_;
	my (@running, @answers);

	for (@requests) {
		my ($method, $uri, $name, @args) = @$_;
		my $port = $name ? $t->port($name) : $t->first_listen();

		my @command = ('curl', '-s', '-g', '-i', '--raw', '--path-as-is',
			'-m', 60, $method eq 'HEAD' ? '-I' : ('-X', $method),
			@args, "http://127.0.0.1:$port$uri");

		my $pid = open my $fh, '-|';
		die "fork() failed: $!\n" unless defined $pid;

		if ($pid == 0) {
			open STDIN, '<', '/dev/null';
			no warnings;
			exec { $command[0] } @command;
			POSIX::_exit(127);
		}

		push @running, [$fh, $method, $uri];
	}

	for (@running) {
		my ($fh, $method, $uri) = @$_;

		local $/;
		my $out = <$fh>;
		close $fh;

		# an answer to "Expect" is not one; nor has HTTP/2 a reason

		$out =~ s!^HTTP/2 !HTTP/1.1 !mg;

		my $r = Test::Webhook::parse_response($out, method => $method);

		Test::Webhook::API::note($t, $method, $uri, $r);

		push @answers, $r;
	}

	return @answers;
}

1;

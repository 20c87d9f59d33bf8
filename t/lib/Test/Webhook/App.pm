package Test::Webhook::App;

# A tiny HTTP application to proxy to, which answers as the request tells:
#
#	/status/NNN	with the body "status NNN"
#	/length/N	N octets with Content-Length
#	/chunked/N	N octets chunked
#	/empty		Content-Length: 0
#	/nolength/N	N octets until close
#	/delay/SECONDS	"ok" after that
#	/hang, /reset, /close, /cut	no answer, RST, close, half the body
#	/204, /304	without a body
#	others		JSON of the request: method, target, headers, body
#
# "?header=Name:Value" adds response headers, %XX are decoded in it.

use strict;
use warnings;

use JSON::PP ();

use parent 'Test::Webhook::Receiver';

my $json = JSON::PP->new->ascii->canonical;

sub new {
	my ($class, $t, %o) = @_;

	return $class->SUPER::new($t, handler => \&reply, %o);
}

sub default_port { 'app' }

sub reply {
	my ($req) = @_;

	my ($path, $query) = $req->{target}
		=~ m!^(?:https?://[^/]*)?([^?]*)\??(.*)!s;

	my @headers;

	for (split /&/, $query) {
		my ($name, $value) = /^header=([^:]*?)(?::|%3a)(.*)/is
			or next;

		for ($name, $value) {
			tr/+/ /;
			s/%([\da-f]{2})/chr hex $1/gie;
		}

		$value =~ s/^\s+//;
		push @headers, [$name, $value];
	}

	return { action($req, $path), headers => \@headers } if @headers;
	return { action($req, $path) };
}

sub action {
	my ($req, $path) = @_;

	return (status => $1, body => "status $1") if $path =~ m!^/status/(\d{3})$!;
	return length_of($1) if $path =~ m!^/length/(\d+)$!;
	return (length_of($1), chunked => 1) if $path =~ m!^/chunked/(\d+)$!;
	return (length_of($1 || 2), no_length => 1)
		if $path =~ m!^/nolength(?:/(\d+))?$!;
	return (body => '') if $path eq '/empty';
	return (delay => $1) if $path =~ m!^/delay/([\d.]+)$!;
	return (status => $1) if $path =~ m!^/(204|304)$!;
	return (hang => 1) if $path eq '/hang';
	return (reset => 1) if $path eq '/reset';
	return (close => 'before') if $path eq '/close';
	return (close => 'body', body => 'x' x 1000) if $path eq '/cut';

	my %h = map { lc $_->[0] => $_->[1] } @{$req->{headers}};

	return (body => $json->encode({
		method => $req->{method}, target => $req->{target},
		headers => \%h, body => $req->{body}, conn => $req->{conn},
	}));
}

sub length_of {
	my ($n) = @_;

	return $n > 65536 ? (huge => $n) : (body => 'x' x $n);
}

1;

package Test::Webhook::API;

# Answers of webhook_api: all that the client of Test::Webhook gets are kept,
# and compared with the document of the API at the end of a test.

use strict;
use warnings;

use IPC::Open2 ();
use JSON::PP ();
use MIME::Base64 ();

# paths of locations with webhook_api, out of a configuration

sub prefixes {
	my ($conf) = @_;
	my @found;

	while ($conf =~ /\blocation\s+(?:\^~\s*)?([^\s{}]+)\s*\{([^{}]*)\}/g) {
		my ($path, $inner) = ($1, $2);
		push @found, $path if $inner =~ /^\s*webhook_api\b/m;
	}

	return @found;
}

# notes the answer of a request, unless it is of another location; the last
# argument is a response as of parse_response()

sub note {
	my ($self, $method, $uri, $r) = @_;

	my ($path, $query) = $uri =~ m!^(?:https?://[^/]*)?([^?#]*)\??(.*)!s;

	# an empty name is not one, and a location of "/api/" has "/api/dead"

	my ($prefix) = sort { length $b <=> length $a }
		grep { index($path, $_) == 0 } @{$self->{api} || []};

	return unless defined $prefix && $r->{status} && $r->{complete};

	$path = substr $path, length $prefix;
	$path =~ s!^/*!/!;

	utf8::decode(my $key = $path);

	push @{$self->{api_answers}}, JSON::PP->new->ascii->encode({
		method => $method,
		path => $path,
		query => $query,
		status => 0 + $r->{status},
		headers => $r->{headers},
		body => MIME::Base64::encode_base64($r->{body}, ''),
	});
}

# of all that was noted: problems, and what was seen

sub check {
	my ($self) = @_;

	my $answers = $self->{api_answers} || [];
	my $root = $self->root();

	local $SIG{PIPE} = 'IGNORE';

	my $file = $self->write_file('answers', join '', map { "$_\n" } @$answers);

	open my $fh, '-|', "/usr/bin/python3 $root/t/tools/openapi.py "
		. "$root/src/admin/openapi.json <$file 2>&1"
		or die "can't run openapi.py: $!\n";
	my @lines = <$fh>;
	chomp @lines;
	close $fh or push @lines, "problem: openapi.py: exit code $?";

	my @problems = grep { !/^seen: / } @lines;

	return (\@problems, [map { /^seen: (.*)/ ? $1 : () } @lines]);
}

# problems alone; answers are looked at once

sub problems {
	my ($self) = @_;

	return unless @{$self->{api_answers} || []};

	my ($problems) = check($self);
	delete $self->{api_answers};

	return @$problems;
}

1;

package Test::Webhook::Hostile;

# What becomes of hostile values, by rules of its own, and readers of what is
# rendered, which give sentences of what is wrong, or nothing.

use strict;
use warnings;

use Exporter qw/ import /;
use JSON::PP ();

our @EXPORT = qw/ text is_utf8 is_json quoted field leads attribute reference
	unescape equal same pairs headers target /;

my $json = JSON::PP->new->utf8->canonical->allow_nonref;

###############################################################################

# what is expected of a value

# text, U+FFFD for each part that could not go on as a character of UTF-8

my $character = qr/[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]
	|(?:\xe0[\xa0-\xbf]|\xed[\x80-\x9f]|[\xe1-\xec\xee\xef][\x80-\xbf])
		[\x80-\xbf]
	|(?:\xf0[\x90-\xbf]|[\xf1-\xf3][\x80-\xbf]|\xf4[\x80-\x8f])
		[\x80-\xbf]{2}/x;

my $part = qr/\xe0[\xa0-\xbf]|\xed[\x80-\x9f]|[\xe1-\xec\xee\xef][\x80-\xbf]
	|(?:\xf0[\x90-\xbf]|[\xf1-\xf3][\x80-\xbf]|\xf4[\x80-\x8f])
		[\x80-\xbf]?
	|./xs;

sub text {
	my ($v) = @_;

	$v =~ s/\G(?:($character)|$part)/defined $1 ? $1 : "\xef\xbf\xbd"/ge;
	utf8::decode($v);

	return $v;
}

sub is_utf8 { return $_[0] =~ /^$character*\z/ }

sub is_json { my ($v) = @_; return eval { $json->decode($v); 1 } }

# a value as JSON

sub quoted { return $json->encode(text($_[0])) }

# as a header: a tab is sent, spaces around it are not part of it

sub field {
	my ($v) = @_;

	return undef if $v =~ /[\x00-\x08\x0a-\x1f\x7f]/;

	$v =~ s/^[ \t]+//;
	$v =~ s/[ \t]+$//;

	return length $v ? $v : undef;
}

# a segment that a receiver could take for "." or ".."

sub leads {
	my ($segment) = @_;

	return grep { $_ eq '.' || $_ eq '..' } split m![/\\]!, $segment, -1;
}

sub attribute {
	my ($v) = @_;

	return undef if $v eq '' || length $v > 4096 || !is_utf8($v);

	my $c = text($v);

	return undef if $c =~ /[\x00-\x1f\x7f-\x9f]/;
	return undef if grep { my $o = ord; ($o & 0xfffe) == 0xfffe
		|| $o >= 0xfdd0 && $o <= 0xfdef } split //, $c;

	return $v;
}

# a reference of URIs, RFC 3986, but for addresses of IPv6

sub reference {
	my ($v) = @_;

	return $v =~ m{^(?:[A-Za-z][\w+.-]*:|(?![^/?\#]*:))(?://(?:[\w.~!\$&'()*+,;=:-]*@)?[\w.~!\$&'()*+,;=:-]*(?=[/?\#]|\z))?(?:[\w.~!\$&'()*+,;=:\@/-]|%[0-9A-Fa-f]{2})*(?:\?(?:[\w.~!\$&'()*+,;=:\@/?-]|%[0-9A-Fa-f]{2})*)?(?:\#(?:[\w.~!\$&'()*+,;=:\@/?-]|%[0-9A-Fa-f]{2})*)?\z}a
		&& $v ne '' && length $v <= 4096;
}

###############################################################################

# decoders

sub unescape {
	my ($s, $form) = @_;

	$s =~ tr/+/ / if $form;
	return "broken: $s" if $s =~ /%(?![0-9A-Fa-f]{2})/;
	$s =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;

	return $s;
}

# each of them an error, or nothing

sub equal {
	my ($got, $want, $what) = @_;

	return if defined $got && defined $want && $got eq $want;
	return if !defined $got && !defined $want;

	return sprintf '%s: got %s, not %s', $what, map {
		defined $_ ? $json->encode(substr $_, 0, 200) : 'nothing'
	} $got, $want;
}

sub same {
	my ($body, $want) = @_;

	my $got = eval { $json->decode($body) };

	return "no JSON: $body" if $@;

	return equal($json->encode($got), $json->encode($want), 'JSON');
}

sub pairs {
	my ($text, @want) = @_;

	return equal(
		join('&', map { join '=', map { unpack 'H*', unescape($_, 1) }
			split /=/, $_, -1 } split /&/, $text, -1),
		join('&', map { join '=', map { unpack 'H*', $_ } @$_ } @want),
		'form');
}

sub headers {
	my ($r, %want) = @_;

	return grep { $_ } map { equal($r->{header}{$_}, $want{$_}, $_) }
		sort keys %want;
}

sub target {
	my ($r, $prefix, $v, $suffix) = @_;

	my $got = $r->{target} . "\n";
	$suffix .= "\n";

	return "target: $got"
		if substr($got, 0, length $prefix) ne $prefix
		|| substr($got, -length $suffix) ne $suffix;

	$got = substr $got, length $prefix,
		length($got) - length($prefix) - length($suffix);

	return "not encoded: $got" if $got =~ m![^%0-9A-Za-z._~-]!;

	return equal(unescape($got), $v, 'target');
}

1;

package Test::Webhook::Sign;

# Verifies signatures of received requests by code that is not the module's:
# Digest::SHA, and the openssl program for Ed25519.

use strict;
use warnings;

use Digest::SHA qw/ hmac_sha256 hmac_sha512 sha256 sha512 /;
use Exporter qw/ import /;
use MIME::Base64 qw/ encode_base64 decode_base64 /;

use Test::Webhook ();

our @EXPORT = qw/ b64 b64d hmac ed25519_ok ed25519_key header_values
	http_signatures http_base /;

my $serial = 0;

sub b64 { encode_base64($_[0], '') }
sub b64d { decode_base64($_[0]) }

sub hmac {
	my ($content, $key, $bits) = @_;

	return ($bits || 256) == 512 ? hmac_sha512($content, $key)
		: hmac_sha256($content, $key);
}

# octets of the public key, of what was signed, and of the signature

sub ed25519_ok {
	my ($t, $public, $content, $sig) = @_;

	my $n = ++$serial;
	my $pem = "-----BEGIN PUBLIC KEY-----\n"
		. encode_base64(pack('H*', '302a300506032b6570032100') . $public)
		. "-----END PUBLIC KEY-----\n";

	$t->write_file("verify.$n.pem", $pem);
	$t->write_file("verify.$n.sig", $sig);
	$t->write_file("verify.$n", $content);

	my $path = $t->testdir() . "/verify.$n";

	my ($code, $out) = Test::Webhook::command('openssl', 'pkeyutl', '-verify',
		'-rawin', '-pubin', '-inkey', "$path.pem", '-sigfile', "$path.sig",
		'-in', $path);

	return $code == 0 && $out =~ /Verified Successfully/;
}

# a new key: seed and public key, and the PEM of the secret one

sub ed25519_key {
	my ($t) = @_;

	my $path = $t->testdir() . '/ed25519.' . ++$serial . '.pem';

	my ($code, $out) = Test::Webhook::command('openssl', 'genpkey',
		'-algorithm', 'ed25519', '-out', $path);

	die "openssl genpkey failed: $out" if $code;

	my $pem = Test::Webhook::slurp($path, 0);
	my ($b64) = $pem =~ /-----\n(.*?)-----/s;
	my $seed = substr decode_base64($b64), -32;

	($code, my $text) = Test::Webhook::command('openssl', 'pkey', '-in',
		$path, '-pubout');

	($b64) = $text =~ /-----\n(.*?)-----/s;

	return ($seed, substr(decode_base64($b64), -32), $pem);
}

# all lines of a header

sub header_values {
	my ($r, $name) = @_;

	return map { $_->[1] } grep { lc $_->[0] eq lc $name } @{$r->{headers}};
}

# of RFC 9421: label => { components, params, input, sig }

sub http_signatures {
	my ($r) = @_;

	my ($inputs) = header_values($r, 'Signature-Input');
	my ($sigs) = header_values($r, 'Signature');
	my %s;

	while (defined $inputs && $inputs =~ s/^([a-z*][\w.*-]*)=(\(([^)]*)\)((?:;[a-z]+=(?:\d+|"(?:[^"\\]|\\.)*"))*))(?:, |$)//) {
		my ($label, $input, $components, $params) = ($1, $2, $3, $4);
		my %p;

		while ($params =~ /;([a-z]+)=(\d+|"((?:[^"\\]|\\.)*)")/g) {
			my ($name, $value, $string) = ($1, $2, $3);

			$p{$name} = defined $string ? $string =~ s/\\(.)/$1/gr
				: $value;
		}

		$s{$label} = { input => $input, params => \%p,
			components => [$components =~ /"([^"]+)"/g] };
	}

	return { rest => $inputs } if defined $inputs && $inputs ne '';

	$s{$1}{sig} = decode_base64($2) while defined $sigs
		&& $sigs =~ s/^([a-z*][\w.*-]*)=:([A-Za-z0-9+\/]+=*):(?:, |$)//;

	return { rest => $sigs } if defined $sigs && $sigs ne '';

	return \%s;
}

# the signature base, for a request that came by http to 127.0.0.1

sub http_base {
	my ($r, $s) = @_;

	my ($host) = header_values($r, 'Host');
	my ($path, $query) = $r->{target} =~ /^([^?]*)(\?.*)?$/;
	my $base = '';

	my %derived = (
		'@method' => $r->{method},
		'@target-uri' => 'http://' . lc($host) . $r->{target},
		'@authority' => lc $host,
		'@scheme' => 'http',
		'@request-target' => $r->{target},
		'@path' => $path,
		'@query' => defined $query ? $query : '?',
	);

	for my $name (@{$s->{components}}) {
		my @values = header_values($r, $name);

		$base .= "\"$name\": " . ($name =~ /^@/ ? $derived{$name}
			: join ', ', map { s/^\s+|\s+$//gr } @values) . "\n";
	}

	return $base . "\"\@signature-params\": $s->{input}";
}

1;

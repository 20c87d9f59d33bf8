#!/usr/bin/perl

# Tests for errors of the directive "sign": each names the place, the word
# and what is allowed, and none has a key in it.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::Webhook;
use Test::Webhook::Sign;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new(env => { EMPTY_OF_TEST => '' });

my $std = 'whsec_' . b64('S' x 24);
my $seed = b64('Z' x 32);
my $not_its = b64('Z' x 64);
my $public = b64(pack('H*', '302a300506032b6570032100') . 'P' x 32);

my %file = (short => 'whsec_' . b64('S' x 23), good => $std, open => $std,
	public => 'whpk_' . b64('P' x 32));

for (keys %file) {
	$t->write_file($_, "$file{$_}\n");
	chmod $_ eq 'open' ? 0644 : 0600, $t->testdir() . "/$_";
}

mkdir $t->testdir() . '/directory' or die "mkdir() failed: $!\n";

my $dir = $t->testdir();
my $x = "header=X-A key=SECRET";
my $h = "http SECRET";
my $value = qr/it must be "\$body", "\$timestamp", .*or "\$\$" for a dollar/;
my $component = qr/of "sign", it must be "\@method", .*or a header, with commas/;

# the line after "sign", and the message; where it is a list, the lines

my @errors = (
['standard', qr/invalid number of arguments in "sign"/],
['whsec_SECRET key', qr/first word of "sign" must be "standard", "github", "stripe", "shopify", "respond\.io", "http", or a parameter like "header="/],
['SECRET SECRET', qr/first word of "sign" must be "standard"/],
['Standard SECRET', qr/first word of "sign" must be "standard"/],

['standard SECRET', qr/invalid key 1 in "sign": it must begin with "whsec_" or "whsk_"/],
["standard $std SECRET", qr/invalid key 2 in "sign": it must begin/],
['standard whsec_SECRET', qr/invalid key 1 .*there must be base64, with its padding, after "whsec_"/],
["standard $file{short}", qr/invalid key 1 .*base64 of 24 to 64 octets/],
['standard whsec_' . b64('S' x 65), qr/base64 of 24 to 64 octets/],
['standard file:short', qr/invalid key 1, "file:short", in "sign": after "whsec_" there must be base64 of 24 to 64 octets/],
['standard file:public', qr/invalid key 1, "file:public".*it is a public key, it must be the secret one/],
["standard whsk_$not_its", qr/invalid key 1 .*its second half must be the public key of its first half/],
["standard whsk_$public", qr/it is a public key, it must be the secret one/],
['standard whsk_' . b64('Z' x 33), qr/base64 of a seed of 32 octets/],
['standard file:none', qr/open\(\) "\Q$dir\E\/none" failed \(2: No such file/],
['standard file:directory', qr/is not a regular file/],
['standard env:NO_SUCH_OF_TEST', qr/"env:NO_SUCH_OF_TEST" is not set/],
['standard env:EMPTY_OF_TEST', qr/"env:EMPTY_OF_TEST" is not set/],
['standard ""', qr/invalid key 1 in "sign": it is empty/],
["standard \"SECRET\n\"", qr/control character in the value of "sign"/],
["standard $std header=X", qr/unknown parameter "header=" in "sign", it must be "key="; a key like that/],

['github one two', qr/more than one key in "sign", it must be one/],
['github key=', qr/invalid key 1 in "sign": it is empty/],
['github heder=SECRET', qr/unknown parameter "heder=" in "sign", it must be "key=", "key_encoding=".*or "encoding="/],
['stripe one label=SECRET', qr/unknown parameter "label="/],
['github separator=,', qr/no key in "sign"/],
['header=X-A prefix=a', qr/no key in "sign"/],
['key=SECRET prefix=a', qr/no "header=" in "sign"/],
["$x header=X-B", qr/duplicate parameter "header=" in "sign"/],
['header=X:A key=SECRET', qr/invalid value "X:A" in "header=" of "sign", it must be the name of a header/],
['header= key=SECRET', qr/invalid value "" in "header="/],
(map { ["header=$_ key=SECRET", qr/the header "$_" is written by the module, it cannot be set by "sign"/] }
	qw/ Host content-length User-Agent webhook-id webhook-hops TE Content-Type traceparent /),
["$x timestamp_header=webhook-timestamp", qr/the header "webhook-timestamp" is written by the module/],
["$x timestamp_header=a/b", qr/invalid value "a\/b" in "timestamp_header="/],
["$x algorithm=sha1", qr/invalid value "sha1" in "algorithm=" of "sign", it must be "hmac-sha256", "hmac-sha512" or "ed25519"/],
["$x algorithm=hmac-sha1", qr/invalid value "hmac-sha1" in "algorithm="/],
["$x encoding=Hex", qr/invalid value "Hex" in "encoding=" of "sign", it must be "hex", "base64" or "base64url"/],
["$x key_encoding=none", qr/invalid value "none" in "key_encoding=" of "sign", it must be "text", "base64" or "hex"/],
["$x content=\$request_body", qr/invalid value "\$request_body" in "content=" of "sign", $value/],
["$x content=a\$", qr/invalid value "\$" in "content=" of "sign", $value/],
["$x content=\${body", qr/invalid value "\$\{body" in "content="/],
["$x prefix=\$body", qr/invalid value "\$body" in "prefix=" of "sign", it must be "\$timestamp"/],
["$x start=\$foo", qr/invalid value "\$foo" in "start=" of "sign", it must be "\$timestamp"/],
["$x \"prefix=a\nb\"", qr/in "prefix=" of "sign", it must be text without control characters/],
["$x \"separator=\t\n\"", qr/in "separator=" of "sign", it must be text without control characters/],
["$x separator=", qr/invalid value "" in "separator="/],
["header=X-A key=whsk_SECRET", qr/invalid key 1 in "sign": it is a key of Ed25519, it must be one of HMAC/],
["header=X-A key=SECRET key_encoding=base64", qr/invalid key 1 in "sign": it must be base64, with its padding/],
["header=X-A key=SECRET key_encoding=hex", qr/invalid key 1 in "sign": it must be pairs of hexadecimal digits/],
["header=X-A key=$seed key_encoding=base64 algorithm=ed25519", qr/"key_encoding=" in "sign" is for HMAC/],
["$x algorithm=ed25519", qr/invalid key 1 in "sign": it must be base64/],
["header=X-A key=$public algorithm=ed25519", qr/it is a public key/],
["header=X-A key=$std algorithm=ed25519", qr/it is a key of HMAC-SHA256, it must be one of Ed25519/],

["$h SECRET", qr/more than one key in "sign http"/],
['http keyid=a', qr/no key in "sign"/],
["$h header=X-A", qr/unknown parameter "header=" in "sign", it must be "key=".*or "tag="/],
["$h algorithm=hmac-sha512", qr/invalid value "hmac-sha512" in "algorithm=" of "sign", it must be "hmac-sha256" or "ed25519"/],
["$h label=A", qr/invalid value "A" in "label=" of "sign", it must be lower case/],
["$h label=", qr/invalid value "" in "label="/],
["$h keyid=\xc3\xa4", qr/in "keyid=" of "sign", it must be printable ASCII/],
["$h \"tag=a\tb\"", qr/in "tag=" of "sign", it must be printable ASCII/],
["$h expires=0", qr/invalid value "0" in "expires=" of "sign", it must be a time of 1s to 3650d/],
["$h expires=never", qr/invalid value "never" in "expires="/],
["$h expires=3651d", qr/invalid value "3651d" in "expires="/],
["$h nonce=yes", qr/invalid value "yes" in "nonce=" of "sign", it must be "on" or "off"/],
["$h digest=md5", qr/invalid value "md5" in "digest=" of "sign", it must be "off", or "sha-256" and "sha-512"/],
["$h digest=sha-256,", qr/invalid value "" in "digest="/],
["$h components=", qr/invalid value "" in "components=" $component/],
["$h components=\@status", qr/invalid value "\@status" in "components=" $component/],
["$h components=\@method,", qr/invalid value "" in "components="/],
["$h components=signature", qr/invalid value "signature" in "components="/],
["$h components=\@path,\@path", qr/invalid value "\@path" in "components=" of "sign", it must be there once only/],
["$h components=Host,host", qr/invalid value "host" in "components=".*once only/],
);

# what is said at the end of an endpoint

my @lines = (
["sign github a;\nsign github b; #!", qr/header "X-Hub-Signature-256" is set twice in webhook_endpoint "e", by "sign" in %s and by another line; several keys/],
["sign standard $std;\nsign standard $std; #!", qr/header "webhook-signature" is set twice/],
["sign github a; #!\nheader x-hub-signature-256 b;", qr/header "X-Hub-Signature-256" is set twice .* in %s /],
["sign $x timestamp_header=x-a; #!", qr/header "x-a" is set twice/],
["sign header=Authorization key=a; #!\nbearer b;", qr/header "Authorization" is set twice/],
["sign $h; #!\nheader Content-Digest a;", qr/header "Content-Digest" is set twice/],
["sign $h; #!\nheader Signature a;", qr/header "Signature" is set twice/],
["sign header=Signature-Input a;\nsign $h; #!", qr/header "Signature-Input" is set twice/],
["sign $h;\nsign $h; #!", qr/duplicate label "sig1" in "sign http", each line must have a "label=" of its own/],
["sign $h components=x-tenant; #!", qr/webhook_endpoint "e" has no header "x-tenant" that "sign http" in %s could cover/],
["sign $h digest=off components=content-digest; #!", qr/has no header "content-digest"/],
["sign $h components=webhook-id; #!\nevent_headers off;", qr/has no header "webhook-id"/],
["sign $h components=ce-id; #!", qr/has no header "ce-id"/],
["sign $h components=ce-subject; #!\npayload ce;\n}\nwebhook_payload ce cloudevents binary {", qr/has no header "ce-subject"/],
["sign $h components=ce-id; #!\npayload ce;\n}\nwebhook_payload ce cloudevents structured {", qr/has no header "ce-id"/],
);

my @allowed = (
	"sign standard file:good $std;",
	"sign standard key=$std;",
	"sign stripe a b= key=heder=c;",
	"sign $h label=a;\nsign $h label=b digest=off components=content-digest;",
	"sign $h digest=off;\nheader Content-Digest a;",
	"sign $h components=X-Tenant;\nheader x-tenant \$uri;",
	"sign $h components=webhook-id;\nsign standard $std;\nevent_headers off;",
	"header Signature a;\nheader webhook-signature b;",
	"sign $h components=ce-specversion,CE-id,ce-source,ce-type,ce-time,ce-subject,ce-a;\n"
		. "payload ce;\n}\nwebhook_payload ce cloudevents binary {\n"
		. "subject \$uri;\nextension a b;",
	"sign header=Authorization start=HMAC key=a;",
);

###############################################################################

for (@errors) {
	my ($what, $message) = @$_;

	fails("sign $what; #!", $message);
}

fails(@$_) for @lines;

for my $what (@allowed) {
	my ($code, $out) = test($what);

	ok($code == 0 && $out !~ /\[(?:warn|emerg|alert)\]/,
		'allowed: ' . $what =~ s/\s+/ /gr) or diag($out);
}

my ($code, $out, $line) = test('sign standard file:open; #!');

is($code, 0, 'a key that everybody can read is no error');
like($out, qr/\[warn\].*"\Q$dir\E\/open" can be read by everybody in \Q$dir\E\/nginx\.conf:$line$/m,
	'but it is warned about');

$t->done_testing();

###############################################################################

sub fails {
	my ($what, $message) = @_;

	my ($code, $out, $line) = test($what);
	my $place = "$dir/nginx.conf:$line";
	my $re = $message =~ s/%s/\Q$place\E/r;

	my $name = substr $what =~ s/\s+/ /gr, 0, 80;

	isnt($code, 0, "error: $name");
	like($out, qr/\[emerg\](?s:.*)$re/, 'says what is wrong');
	like($out, qr/\Q$place\E/, 'and where');
	unlike($out, qr/SECRET|U1NTU1NT|WlpaWlpa|UFBQUFBQ/, 'without a key');
}

sub test {
	my ($what) = @_;

	my $text = $t->expand(<<"EOC");
%%TEST_GLOBALS%%
events {
}
http {
%%TEST_GLOBALS_HTTP%%
webhook_store $dir/store size=16m journal=4m;
webhook_endpoint e {
url https://127.0.0.1/;
$what
}
server {
listen 127.0.0.1:%%PORT_http%%;
}
}
EOC

	my ($line) = grep { (split /\n/, $text)[$_ - 1] =~ /#!/ }
		1 .. ($text =~ tr/\n//);

	$text =~ s/ ?#!//;

	$t->write_file('nginx.conf', $text);

	local %ENV = (%ENV, $t->environment());

	my ($code, $out) = Test::Webhook::command($t->binary(), '-t',
		'-p', "$dir/", '-c', "$dir/nginx.conf", '-e', "$dir/test.log");

	return ($code, $out, $line || 0);
}

###############################################################################

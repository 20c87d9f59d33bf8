#!/usr/bin/perl

# Tests for the document of the API: that it is what the code has, no more and
# no less, and how it is served.
#
# It is src/admin/openapi.json.  A new route needs there: its path with
# "operationId", "summary", "tags", parameters and all answers, of each error
# the codes; a new schema for what it answers, with all its names, of which
# none is left open; and a row in the table of README.md.  Answers of all tests
# are compared with it, by Test::Webhook::API; t/api_client.t fails until it has
# seen each answer of each route, in what it does there by curl.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP qw/ decode_json /;

use Test::Webhook;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $root = Test::Webhook->root();

my $json = slurp('src/admin/openapi.json');
my $doc = decode_json($json);

my %source = map { m!([^/]+)$!, slurp("src/admin/$1") }
	glob("$root/src/admin/ngx_http_webhook_api*.[ch]");

my $code = join '', map { $source{$_} } sort keys %source;

###############################################################################

# the document is valid

my $t = Test::Webhook->new();

my ($problems) = Test::Webhook::API::check($t);
is_deeply($problems, [], 'the document is valid');

# routes: paths, methods, arguments, limits

my %bits = $code =~ /^#define NGX_HTTP_WEBHOOK_API_(\w+)\s+(0x[\da-f]{4})$/mg;

my ($names) = $code =~ /_api_names\[\] = \{\n(.*?)^\};/ms;
my @names = $names =~ /"(\w+)"/g;

$bits{$_} = hex $bits{$_} for keys %bits;
$bits{PAGE} = $bits{FILTERS} | $bits{LIMIT} | $bits{CURSOR};

my ($routes) = $source{'ngx_http_webhook_api.c'}
	=~ /_api_routes\[\] = \{\n(.*?)^\};/ms;

my (%have, %want);

while ($routes =~ /\{ "([^"]+)", NGX_HTTP_(\w+),\s*(.*?),\s*ngx_http_\w+ \}/gs) {
	my ($path, $method, $rest) = ($1, $2, $3);
	my ($args, $limit, $most) = $rest =~ /^(.*),\s*(\d+),\s*(\d+)$/s or next;

	$args =~ s/NGX_HTTP_WEBHOOK_API_(\w+)/$bits{$1}/g;
	my $given = eval $args;

	$have{"$method /$path"} = join ' ', map {
		!($given & 1 << $_) ? ()
		: $names[$_] eq 'limit' ? "limit=$limit/$most" : $names[$_]
	} 0 .. $#names;
}

for my $path (keys %{$doc->{paths}}) {
	my $item = $doc->{paths}{$path};

	for my $method (grep { /^(?:get|post|delete)$/ } keys %$item) {
		my %p = map { $_->{name} => $_->{schema} }
			grep { $_->{in} eq 'query' } map { find($_) }
			@{$item->{$method}{parameters} || []};

		(my $pattern = $path) =~ s/\{\w+\}/*/g;

		$want{uc($method) . " $pattern"} = join ' ', map {
			!$p{$_} ? ()
			: $_ eq 'limit' ? "limit=$p{limit}{default}/$p{limit}{maximum}"
			: $_ } @names;

		my %known = map { $_ => 1 } @names;
		is(join(' ', grep { !$known{$_} } keys %p), '',
			"$method $path has arguments that there are");
	}
}

is_deeply(\%have, \%want, 'routes with their arguments');
cmp_ok(scalar(keys %have), '>', 20, 'all of them');

# errors: statuses and codes

my %status = (BAD_REQUEST => 400, FORBIDDEN => 403, NOT_FOUND => 404,
	NOT_ALLOWED => 405, CONFLICT => 409, REQUEST_ENTITY_TOO_LARGE => 413,
	UNSUPPORTED_MEDIA_TYPE => 415, INTERNAL_SERVER_ERROR => 500,
	SERVICE_UNAVAILABLE => 503, INSUFFICIENT_STORAGE => 507);

my (%errors, %told);

while ($code =~ /_api_error\([\w>-]+,\s*NGX_HTTP_(\w+),\s*"(\w+)"/g) {
	$errors{($status{$1} || $1) . " $2"} = 1;
}

is(scalar(() = $code =~ /_api_error\(/g) - 2,
	scalar(() = $code =~ /_api_error\([\w>-]+,\s*NGX_HTTP_\w+,\s*"\w+"/g),
	'each error has its code where it is answered');

for my $item (values %{$doc->{paths}}) {
	for my $op (grep { ref eq 'HASH' } values %$item) {
		errors_of($_, $op->{responses}{$_}) for keys %{$op->{responses}};
	}
}

errors_of(404, $doc->{components}{responses}{NoSuchRoute});
errors_of(405, $doc->{components}{responses}{MethodNotAllowed});

is_deeply([sort keys %told], [sort keys %errors], 'errors with their codes');

# README.md has all of it

my $readme = slurp('README.md');
my ($part) = $readme =~ /^### webhook_api\n(.*?)^### /ms;

for (sort keys %errors) {
	my ($status, $name) = split;
	ok($part =~ /^\| $status \|.*`$name`/m, "README has $status $name");
}

(my $table = join '', $part =~ /^(\| `.*\n)/mg) =~ s/`//g;
$table =~ s/\*\w+\*/*/g;

is(join("\n", sort $table =~ m!\b([A-Z]+ /[^\s,?|]*)!g),
	join("\n", sort keys %have), 'README has the routes');

# words

words('Class', 'src/delivery/ngx_http_webhook_attempt.c', 'classes');

is_deeply([grep { $_ ne 'enabled' } table('src/policy/'
	. 'ngx_http_webhook_disable.c', 'disable_reasons')],
	$doc->{components}{schemas}{Endpoint}{properties}{reason}{enum},
	'reasons');
is_deeply([sort(table('src/policy/ngx_http_webhook_zone.c', 'zone_ends'))],
	[sort keys %{$doc->{components}{schemas}{Endpoint}{properties}{ends}
	{properties}}], 'ends');

my ($version) = slurp('src/ngx_http_webhook_module.h')
	=~ /WEBHOOK_VERSION\s+"([^"]+)"/;
is($doc->{info}{version}, $version, 'version');

# it is served, wherever the API is, also without a store

$t->conf(<<'EOC')->run();
%%TEST_GLOBALS%%

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    merge_slashes off;

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location /api { webhook_api write=on; }
        location /deep/er/view/ { webhook_api; }
    }
}
EOC

for my $path ('/api/openapi.json', '/deep/er/view/openapi.json') {
	my $r = get($path);

	is($r->status(), 200, "GET $path");
	is($r->header('Content-Type'), 'application/json', 'its type');
	ok($r->body() eq $json, 'it is the file');

	my $h = $t->request('HEAD', $path);

	is($h->status(), 200, "HEAD $path");
	is($h->header('Content-Length'), length $json, 'its length');
	is($h->body(), '', 'without a body');
	is($h->header('ETag'), $r->header('ETag'), 'the same ETag');

	$r = get($path, 'If-None-Match' => $r->header('ETag'));

	is($r->status(), 304, 'If-None-Match');
	is(get($path, 'If-None-Match' => '"0"')->status(), 200, 'of another');

	# "." of this path, as RFC 3986 has it

	is($doc->{servers}[0]{url}, '.', 'the server is where the document is');

	(my $server = $path) =~ s![^/]*$!!;

	for my $other ("$server/openapi.json", $server . 'openapi.json') {
		is(get($other)->status(), 200, $other);
	}

	is(get($server . '/endpoints')->status(), 503, 'others need a store');
	is(get("$path?x=1")->status(), 400, 'it has no arguments');
	is(post($path, '')->status(), 405, 'nor other methods');
}

done_testing();

###############################################################################

sub slurp {
	my ($name) = @_;

	open my $fh, '<:raw', "$root/$name" or die "can't read $name: $!\n";
	local $/;
	return scalar <$fh>;
}

# what a "$ref" is to

sub find {
	my ($thing) = @_;

	while (my $ref = $thing->{'$ref'}) {
		$thing = $doc;
		$thing = $thing->{$_} for grep { $_ ne '#' } split m!/!, $ref;
	}

	return $thing;
}

sub errors_of {
	my ($status, $response) = @_;

	my $json = find($response)->{content}{'application/json'} or return;

	return if $status < 400;

	my ($codes) = map { $_->{properties}{error}{properties}{code}{enum} || () }
		@{$json->{schema}{allOf}};

	$told{"$status $_"} = 1 for @$codes;
}

# initializers of an array of strings

sub table {
	my ($file, $name) = @_;

	my ($rows) = slurp($file) =~ /_$name\[\] = \{\n(.*?)^\};/ms
		or die "no $name in $file\n";

	return $rows =~ /"(\w+)"/g;
}

sub words {
	my ($schema, $file, $name) = @_;

	is_deeply($doc->{components}{schemas}{$schema}{enum},
		[table($file, $name)], $name);
}

###############################################################################

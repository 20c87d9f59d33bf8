#!/usr/bin/perl

# The reference in README.md has what the source has: directives with their
# contexts and parameters, variables; and every example is tested.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;

###############################################################################

my $root = "$FindBin::Bin/..";
my $readme = read_file('README.md');

my %section = part('Directives') =~ /^### (\S+)\n(.*?)(?=^### |\z)/gms
	or die "no directives in README.md\n";

my $module = read_file('src/ngx_http_webhook_module.c');
my $endpoint = read_file('src/delivery/ngx_http_webhook_endpoint_directives.c');
my $headers = read_file('src/delivery/ngx_http_webhook_endpoint_headers.c');
my $payload = read_file('src/payload/ngx_http_webhook_payload.c');
my $sign = read_file('src/payload/ngx_http_webhook_sign_conf.c');
my $trigger = read_file('src/capture/ngx_http_webhook_trigger.c');
my $store = read_file('src/store/ngx_http_webhook_store_conf.c');
my $notify = read_file('src/delivery/ngx_http_webhook_notify.c');

# directives of the source, with their contexts

my %directive;

my %flag = (MAIN => 'http', SRV => 'server', LOC => 'location',
	LIF => 'if in location');

my $commands = table($module, 'ngx_command_t');

while ($commands =~ /ngx_string\("(\w+)"\),\s+(.*?),/gs) {
	my ($name, $flags) = ($1, $2);

	$directive{$name} = join ', ', map { $flag{$_} }
		$flags =~ /NGX_HTTP_(MAIN|SRV|LOC|LIF)_CONF/g;
}

$directive{$_} = 'webhook_endpoint' for table($endpoint,
	'ngx_http_webhook_endpoint_cmd_t') =~ /ngx_string\("(\w+)"\)/g;

$directive{$_} = 'webhook_payload' for table($payload,
	'ngx_http_webhook_payload_cmd_t') =~ /ngx_string\("(\w+)"\)/g;

cmp_ok(keys %directive, '>', 30, 'directives found in the source');

###############################################################################

my ($index) = part('Directives') =~ /(^\|.*?)^### /ms;

for my $name (sort keys %directive) {
	my $text = $section{$name};

	ok($text, "$name is documented") or next;

	(my $context = $directive{$name}) =~ s/_/\\_/g;
	like($index, qr/^\| \Q$context\E \|.*\(#$name\)/m,
		"$name is in the index");

	# the Markdown of a name has backslashes before some "_"

	$text =~ s/\\([_*|\[\]])/$1/g;

	like($text, qr/\A\n\*\*Syntax:\*\* \*\*`\Q$name\E`\*\*(?: .*|;)\n\n/,
		"$name syntax");
	like($text, qr/^\*\*Default:\*\* (?:-|\Q$name\E .*;|[a-z].*)\n\n/m,
		"$name default");
	like($text, qr/^\*\*Context:\*\* \Q$directive{$name}\E\n\n/m,
		"$name context");
	like($text, qr/^_This directive appeared in version [\d.]+\._\n\n\S/m,
		"$name version and text");
	ok(scalar part('Defaults') =~ /^\|.*`\Q$name\E`.*\|.+\|$/m,
		"$name in table of defaults");
}

is(join(' ', grep { !$directive{$_} } sort keys %section), '',
	'directives of README.md exist');

# parameters

my %parameter = (
	webhook => [table($trigger, 'ngx_http_webhook_trigger_param_t')
		=~ /ngx_string\("(\w+=)"\)/g],
	webhook_store => [$store
		=~ /ngx_str(?:n)?cmp\(value\[i\]\.data, "(\w+=\w*)"/g],
	webhook_notify => [table($notify, 'ngx_str_t', 'params')
		=~ /ngx_string\("(\w+=)"\)/g],
	webhook_payload => [table($payload, 'ngx_str_t', 'kinds')
		=~ /ngx_string\("(\w+)"\)/g],
	method => [table($endpoint, 'ngx_str_t', 'methods')
		=~ /ngx_string\("(\w+)"\)/g],
	sign => [map { "$_=" } table($sign, 'ngx_http_webhook_sign_param_t')
		=~ /ngx_string\("(\w+)"\)/g],
	order => [table($endpoint, 'ngx_str_t', 'orders')
		=~ /ngx_string\("(\w+)"\)/g],
	header => [table($headers, 'ngx_str_t', 'reserved_headers')
		=~ /ngx_string\("([\w-]+)"\)/g],
);

for my $name (sort keys %parameter) {
	my @p = @{$parameter{$name}};

	cmp_ok(@p, '>', 2, "$name parameters found");
	is(join(' ', grep { $section{$name} !~ /`\Q$_\E/i } @p), '',
		"$name parameters are documented");
}

my @schemes = table($sign, 'ngx_http_webhook_sign_preset_t')
	=~ /\{ ngx_string\("([\w.]+)"\)/g;

is(@schemes, 6, 'names of signatures found');
is(join(' ', grep { $section{sign} !~ /`\Q$_\E`/ } @schemes), '',
	'names of signatures are documented');

my @escapes = table(read_file('src/ngx_http_webhook_text.c'),
	'ngx_str_t', 'escapes') =~ /ngx_string\("([\w-]+)"\)/g;
my @types = table(read_file('src/payload/ngx_http_webhook_type.c'),
	'ngx_http_webhook_type_name_t') =~ /ngx_string\("([\w:]+)"\)/g;

is(@escapes, 5, 'escapes found');
cmp_ok(@types, '>', 8, 'types found');
is(join(' ', grep { part('Payloads') !~ /^\|.*`\Q$_\E`.*\|.+\|/m }
	@escapes, @types), '', 'escapes and types are documented');

my @classes = table(read_file('src/delivery/ngx_http_webhook_attempt.c'),
	'ngx_str_t', 'classes') =~ /ngx_string\("(\w+)"\)/g;

cmp_ok(@classes, '>', 8, 'classes found');
is(join(' ', part('What comes back') =~ /^\| `(\w+)`/gm), "@classes",
	'classes are documented');

# variables

my @variables = table(read_file('src/capture/ngx_http_webhook_variables.c'),
	'ngx_http_variable_t') =~ /ngx_string\("(\w+)"\)/g;

cmp_ok(@variables, '>', 4, 'variables found');

push @variables, table(
	read_file('src/delivery/ngx_http_webhook_log_variables.c'),
	'ngx_http_variable_t') =~ /ngx_string\("(\w+)"\)/g;

# of payloads only

push @variables, 'webhook_time';

is(join(' ', sort(part('Variables') =~ /^\| `\$(\w+)`/gm)),
	join(' ', sort @variables), 'variables are documented');

my %known = map { $_ => 1 } @variables;

is(join(' ', grep { !$known{$_} } $readme =~ /\$(webhook_\w+)/g), '',
	'no other variables');

my ($states) = read_file('src/capture/ngx_http_webhook_variables.c')
	=~ /body_states\[\] = \{(.*?)\};/s;
my %states = map { $_ => 1 } $states =~ /ngx_string\("(\w+)"\)/g;

is(join(' ', sort map { /^\| `(\w+)`/gm } part('Variables')),
	join(' ', sort keys %states), 'body states are documented');

# links within the text

my %anchor = map { lc =~ s/[^\w -]//gr =~ s/ /-/gr => 1 }
	$readme =~ /^#+ (.+)$/gm;

is(join(' ', grep { !$anchor{$_} } $readme =~ /\]\(#([^)]+)\)/g), '',
	'links have their headings');
is(join(' ', grep { !-e "$root/$_" } $readme =~ /\]\(([\w.\/-]+)\)/g), '',
	'links have their files');

# targets of make

my $makefile = read_file('Makefile');

is(join(' ', grep { $makefile !~ /^\Q$_\E:.*##/m } $readme
	=~ /^make ([a-z][\w-]*)/gm), '', 'targets of make exist');
like($readme, qr/^make $_\b/m, "make $_ is documented") for qw/ demo test /;

# examples

my $conf_examples = read_file('t/conf_examples.t');

like($conf_examples, qr!glob\("\$FindBin::Bin/\.\./conf-examples/\*\.conf"\)!,
	'all examples are tested');

my @examples = map { m!([^/]+)$! } glob("$root/conf-examples/*");

cmp_ok(@examples, '>', 3, 'examples found');

for my $name (@examples) {
	my $conf = read_file("conf-examples/$name");

	like($readme, qr!\]\(conf-examples/\Q$name\E\)!, "$name is documented");

	# t/metrics.t

	next if $name =~ /^(?:prometheus-rules\.yml|grafana-dashboard\.json)$/;

	like($name, qr/\.conf$/, "$name is tested");

	my ($head) = $conf =~ /\A((?:#.*\n)+)\n/;

	ok($head && $head =~ /^# Try:\n/m && $head =~ /^# Expect at /m
		&& $head =~ m!^#     nginx -c \$PWD/conf-examples/\Q$name\E$!m,
		"$name says what to do and to expect");

	is(join(' ', grep { !/^(?:8080|2525|900[0-2]|9093|9443|9444|9900|9901)$/ }
		$conf =~ /(?:127\.0\.0\.1|localhost):(\d+)/g), '',
		"$name has known ports only");
}

# the version

my ($version) = read_file('src/ngx_http_webhook_module.h')
	=~ /WEBHOOK_VERSION\s+"([^"]+)"/;

like(read_file('CHANGELOG.md'), qr/^## \Q$version\E \(/m,
	'changelog of the version');
like(read_file('debian/changelog'), qr/\A\S+ \(\Q$version\E-/,
	'package of the version');
like($readme, qr!ngx_http_webhook_module/\Q$version\E!,
	'version in README.md');

done_testing();

###############################################################################

sub read_file {
	my ($name) = @_;

	open my $fh, '<', "$root/$name" or die "can't read $name: $!\n";
	local $/;
	return scalar <$fh>;
}

# a section of README.md

sub part {
	my ($name) = @_;

	$readme =~ /^## \Q$name\E\n(.*?)(?=^## |\z)/ms
		or die "no \"$name\" in README.md\n";

	return $1;
}

# the initializers of an array

sub table {
	my ($source, $type, $name) = @_;

	$name = '' unless defined $name;

	$source =~ /^static $type\s+\w*?$name\[\] = \{\n(.*?)^\};/ms
		or die "no table of $type $name\n";

	return $1;
}

###############################################################################

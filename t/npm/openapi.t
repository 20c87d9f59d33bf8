#!/usr/bin/perl

# The document of the API is valid by the schema of the OpenAPI Initiative, and
# its references are to something; run by "make npm", which installs that.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/../lib";

use JSON::PP;

use Test::Webhook;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();

my $json = $t->read_file($t->root() . '/src/admin/openapi.json');

is(validate($json), "valid 3.1.0\n", 'the document');

my $doc = decode_json($json);

$doc->{paths}{'/dead'}{get}{responses}{200}{headers} = [];
isnt(validate(encode_json($doc)), "valid 3.1.0\n", 'a broken one');

$doc = decode_json($json);
$doc->{paths}{'/dead'}{get}{responses}{400}{'$ref'} =~ s/Page/None/;
isnt(validate(encode_json($doc)), "valid 3.1.0\n", 'a broken reference');

done_testing();

###############################################################################

# import() does not look into NODE_PATH

sub validate {
	my ($json) = @_;

	my $file = $t->write_file('openapi.json', $json);
	my $script = $t->write_file('openapi.js',
		$t->read_file("$FindBin::Bin/openapi.js"));

	my ($modules) = split /:/, $ENV{NODE_PATH} || '';
	symlink $modules, $t->testdir() . '/node_modules' if $modules;

	my ($code, $out) = Test::Webhook::command('node', $script, $file);

	return $out;
}

###############################################################################

#!/usr/bin/perl

# The body of SALESmanago, octet by octet, from an application's own JSON: seven
# keys in their order, all of them strings.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::Webhook;
use Test::Webhook::Example;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $example = Test::Webhook::Example->new('salesmanago',
	secrets => { 'salesmanago.password' => "secret\n" });

my ($r) = $example->deliveries(1, POST => '/customers',
	'{"customer":{"mail":"ann@example.com","tel":"+48 123","firm":'
	. '{"name":"A \"B\" & \\\\ C"}}}');

is("$r->{method} $r->{target}", 'POST /salesmanago', 'method and URL');
is($r->{header}{'content-type'}, 'application/json;charset=UTF-8',
	'content type');
is($r->{header}{authorization}, 'Basic c2hvcDpzZWNyZXQ=', 'Basic');
is($r->{body}, '{"id":"b5ac0ba6-2d2e-4d3c-9be4-2f1a3b0f6f3e",'
	. '"name":"New customer","contactId":"c-4711",'
	. '"description":"A customer was created in the shop",'
	. '"email":"ann@example.com","phone":"+48 123",'
	. '"company":"A \"B\" & \\\\ C"}', 'seven keys in their order');

# all are strings, whatever the application has

($r) = $example->deliveries(1, POST => '/customers',
	'{"customer":{"mail":null,"tel":48123,"firm":{}}}');

like($r->{body}, qr/"email":"","phone":"48123","company":""\}$/,
	'strings of what is no string');

$example->done();

###############################################################################

#!/usr/bin/perl

# Requests of KlickTipp from an application's own JSON: forms with names that the
# receiver chose, by POST and in the URL; one in six hours for a contact.

###############################################################################

use warnings;
use strict;
use utf8;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Encode qw/ encode /;

use Test::Webhook;
use Test::Webhook::Example;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $example = Test::Webhook::Example->new('klicktipp');

my ($r) = $example->deliveries(1, POST => '/tags', encode('UTF-8',
	'{"contact":{"id":12345,"mail":"max@example.com",'
	. '"name":{"first":"Jürgen & Söhne=\"+%"},"birthday":622166400},'
	. '"tag":"a&b=c"}'));

is("$r->{method} $r->{target}", 'POST /tagged', 'method and URL');
is($r->{header}{'content-type'}, 'application/x-www-form-urlencoded',
	'content type');
is($r->{body}, 'email=max%40example.com&Subscriber+ID=12345'
	. '&vorname=J%C3%BCrgen+%26+S%C3%B6hne%3D%22%2B%25'
	. '&geburtstag=622166400&tag=a%26b%3Dc&sprache=de&quelle=nginx'
	. '&Authorization=token-1', 'form');
is($r->{header}{authorization}, undef, 'the token is no header');

$example->deliveries(0, POST => '/tags',
	'{"contact":{"id":12345,"mail":"max@example.com"},"tag":"other"}');

($r) = $example->deliveries(1, POST => '/tags',
	'{"contact":{"id":2,"mail":"eva@example.com","birthday":"1.1.1970",'
	. '"language":"fr"},"tag":"x"}');

is($r->{body}, 'email=eva%40example.com&Subscriber+ID=2&vorname='
	. '&geburtstag=&tag=x&sprache=fr&quelle=nginx&Authorization=token-1',
	'another contact; defaults');

# by a body without a tag, a form, and links; contacts are the same

$example->deliveries(0, POST => '/tags',
	'{"contact":{"id":3,"mail":"kim@example.com"}}');

($r) = $example->deliveries(1, POST => '/smart-tags',
	'tag=vip&mail=kim%40example.com',
	'Content-Type' => 'application/x-www-form-urlencoded');

is("$r->{method} $r->{target}", 'POST /tagged', 'of a form');
is($r->{body}, 'email=kim%40example.com&Subscriber+ID=&vorname='
	. '&tag=vip&sprache=de&quelle=nginx&Authorization=token-1',
	'values of a form');

($r) = $example->deliveries(1, GET => '/links/summer/k%C3%B6%26ln@example.com',
	'');

is("$r->{method} $r->{target}", 'POST /tagged', 'of a link');
is($r->{body}, 'email=k%C3%B6%26ln%40example.com&tag=summer&quelle=nginx'
	. '&Authorization=token-1', 'values of an URL');

$example->deliveries(0, GET => '/links/summer/k%C3%B6%26ln@example.com', '');
$example->deliveries(0, GET => '/links/autumn/kim@example.com', '');
$example->deliveries(0, GET => '/links/summer/kim@example.com', '');

for my $n (1, 2) {
	($r) = $example->deliveries(1, POST => '/campaigns/7/run',
		'{"contact":{"id":12345,"mail":"max+1@example.com"}}');

	is($r->{method}, 'GET', "campaign $n by GET");
	is($r->{target}, '/campaign/max%2B1%40example.com?list=7'
		. '&email=max%2B1%40example.com'
		. '&Subscriber+ID=12345&vorname=&quelle=nginx'
		. '&Authorization=token-1', '__email__ in the URL, and the form as its query');
	is($r->{body}, '', 'no body');
	is($r->{header}{'content-length'}, undef, 'no length');
	is($r->{header}{'content-type'}, undef, 'no content type');
}

$example->done();

###############################################################################

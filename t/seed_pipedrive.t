#!/usr/bin/perl

# The bodies of Pipedrive, versions 2 and 1, from an application's own JSON: what
# was created, changed and deleted.

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

my $example = Test::Webhook::Example->new('pipedrive',
	secrets => { 'pipedrive.password' => "secret\n" });

my $deal = '"id":17,"title":"Deal","value":1000.50,"stage_id":%d,"label":null';
my $now = '{' . sprintf($deal, 3) . '}';
my $before = '{' . sprintf($deal, 2) . '}';
my $new = '{"id":18,"title":"New \"deal\"","value":0}';
my $gone = '{"id":17,"title":"Deal","stage_id":3}';

for (
	['POST', '/deals', 'create', 'added', 18, $new, 'null', 'null'],
	['PUT', '/deals/17', 'change', 'updated', 17, $now, '{"stage_id":2}',
		$before],
	['DELETE', '/deals/17', 'delete', 'deleted', 17, 'null', $gone, $gone],
) {
	my ($method, $uri, $action, $old, $id, $data, $changed, $was) = @$_;

	my %r = map { $_->{target} => $_ }
		$example->deliveries($action eq 'create' ? 2 : 3,
			$method => $uri, '{"stage":3}');

	for (qw! /v2 /v1 !) {
		is($r{$_}{method}, 'POST', "$action, $_");
		is($r{$_}{header}{'content-type'}, 'application/json', 'type');
		is($r{$_}{header}{authorization}, 'Basic bmdpbng6c2VjcmV0',
			'Basic');
	}

	my $eid = $r{'/v2'}{header}{'webhook-id'};
	my ($correlation) = $r{'/v2'}{body} =~ /"correlation_id":"(\w{32})"/;
	my ($time) = $r{'/v2'}{body}
		=~ /"timestamp":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)"/;

	is($r{'/v2'}{body}, '{"meta":{"action":"' . $action . '","entity":"deal",'
		. '"company_id":"7966119","correlation_id":"' . $correlation . '",'
		. '"entity_id":"' . $id . '","id":"' . $eid . '",'
		. '"is_bulk_edit":false,"timestamp":"' . $time . '",'
		. '"type":"general","user_id":"12256380","version":"2.0",'
		. '"webhook_id":"781914","webhook_owner_id":"12256380",'
		. '"change_source":"app","attempt":1,'
		. '"host":"company.example.com",'
		. '"permitted_user_ids":["123","456"]},'
		. '"data":' . $data . ',"previous":' . $changed . '}',
		"version 2: $action");

	my ($unix, $us) = $r{'/v1'}{body}
		=~ /"timestamp":(\d{10}),"timestamp_micro":(\d{16}),/;

	is($r{'/v1'}{body}, '{"v":1,"matches_filters":{"current":[]},'
		. '"meta":{"action":"' . $old . '","change_source":"app",'
		. '"company_id":7966119,"host":"company.example.com","id":' . $id
		. ',"is_bulk_update":false,"matches_filters":{"current":[]},'
		. '"object":"deal","permitted_user_ids":[123,456],'
		. '"pipedrive_service_name":false,"timestamp":' . $unix . ','
		. '"timestamp_micro":' . $us . ',"trans_pending":false,'
		. '"user_id":12256380,"v":1,"webhook_id":"781914"},'
		. '"current":' . $data . ',"previous":' . $was
		. ',"event":"' . $old . '.deal","retry":0}',
		"version 1: $old");

	is(int($us / 1000000), $unix, 'the times are one');

	next if $action eq 'create';

	my ($automation) = grep { !m!^/v! } keys %r;

	if ($action eq 'delete') {
		is($automation, '/automation/deals/17', 'its path');
		is($r{$automation}{method}, 'DELETE', 'its method');
		is($r{$automation}{body}, '{"title":"Deal"}', 'its body');
		next;
	}

	is($automation, '/automation/deals/17/stages/3', 'a path appended');
	is($r{$automation}{method}, 'PUT', 'method of the automation');
	is($r{$automation}{body}, '{"title":"Deal","stage":3}',
		'keys and values');
	is($r{$automation}{header}{authorization}, 'Basic bmdpbng6c2VjcmV0',
		'Basic of the automation');
}

# the condition of the automation: here the stage stays

my %r = map { $_->{target} => $_ }
	$example->deliveries(2, PUT => '/deals/19', '{"title":"Other"}');

is(join(' ', sort keys %r), '/v1 /v2', 'no automation without its condition');
like($r{'/v2'}{body}, qr/"data":\{"id":19,"title":"Other","stage_id":3\},"previous":\{"title":"Deal"\}\}$/,
	'what has changed');

# the body of the second attempt, three seconds later

$example->receiver()->set(rules => { '*' => [500, 500, 200] });

my @r = $example->deliveries(4, POST => '/deals', '{"stage":3}');

for (['/v2', 'attempt', 1], ['/v1', 'retry', 0]) {
	my ($target, $name, $first) = @$_;
	my @n = map { $_->{body} =~ /"$name":(\d+)/ }
		grep { $_->{target} eq $target } @r;

	is("@n", "$first " . ($first + 1), "$target: $name of each attempt");
}

$example->done();

###############################################################################

#!/usr/bin/perl

# The pushes of Dealfront Connect, octet by octet as they are published, from an
# application's own JSON.

###############################################################################

use warnings;
use strict;
use utf8;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Encode qw/ encode decode /;

use Test::Webhook;
use Test::Webhook::Example;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $example = Test::Webhook::Example->new('dealfront',
	secrets => { 'dealfront.key' => "key-1\n" });

# what the application has

my $firm = '"firm":{"staff":101,"since":1970,"vat":"DE123456789",'
	. '"mail":"test@webhooktest.de","tel":"+49 721 123456",'
	. '"fax":"+49 721 1234567","name":"WebhookTest GmbH","key":"ZWNob2JvdA",'
	. '"about":{"en":"I am a test company to test your webhook '
	. 'implementation!","de":"Ich bin eine Test-Firma um deine Webhooks zu '
	. 'testen!"},"address":{"zip":"76131","city":"Karlsruhe",'
	. '"street":"Teststraße","number":"1","iso":"DE","country":"Deutschland"},'
	. '"register":{"form":"GmbH","number":"HRB123456","court":"Mannheim",'
	. '"status":"consolidated"},"web":{"site":"webhooktest.de",'
	. '"domains":["webhooktest.io", "webhooktest.de"],'
	. '"xing":["https://www.xing.com/pages/webhooktest",'
	. '"https://www.xing.com/companies/webhooktest"],'
	. '"youtube":["https://www.youtube.com/webhooktest"],'
	. '"facebook":["https://www.facebook.com/webhooktest"],'
	. '"twitter":["https:\/\/twitter.com/webhooktest"]}}';

my $person = '"person":{"key":"Y29ubmVjdA","sex":"male","title":"",'
	. '"name":["Max","Mustermann"],"job":{"de":"Gesch\u00e4ftsführer",'
	. '"en":"Managing Director"},"departments":'
	. '{"management_department":"Unternehmensführung"},'
	. '"levels":{"top_management":"Top-Management"},"country":"Deutschland",'
	. '"iso":"DE","city":"Hamburg","tel":{"office":"+49 721 123456",'
	. '"direct":"+49 721 1234569","mobile":"+49 1512 1234567",'
	. '"fax":"+49 721 1234567"},"mail":{"address":"max.mustermann@webhook.de",'
	. '"status":"seen","valid":"valid"},"web":{'
	. '"xing":["https://www.xing.com/profile/Max_Mustermann"],'
	. '"linkedin":["https://de.linkedin.com/in/maxmustermann"],'
	. '"sources":["https://webhook.io/contacts"]}}';

# what is published; a company ends with "twitter", as the documents do

my $company = '"company":{"id":"ZWNob2JvdA","name":"WebhookTest GmbH",'
	. '"description":"Ich bin eine Test-Firma um deine Webhooks zu testen!",'
	. '"descriptionEn":"I am a test company to test your webhook '
	. 'implementation!","streetNameAndNumber":"Teststraße 1",'
	. '"streetName":"Teststraße","streetNumber":"1","location":"Karlsruhe",'
	. '"postalCode":"76131","country":"Deutschland","countryCode":"DE",'
	. '"legalForm":"GmbH","registerNumber":"HRB123456",'
	. '"registerName":"Mannheim","registerTypeText":"Handelsregisternummer",'
	. '"registerStatusKey":"consolidated","registerStatusText":"Aktiv",'
	. '"foundedYear":1970,"taxId":"DE123456789",'
	. '"email":"test@webhooktest.de","phone":"+49 721 123456",'
	. '"fax":"+49 721 1234567",'
	. '"connectUrl":"https://connect.echobotsales.de/#/company/ZWNob2JvdA",'
	. '"website":"webhooktest.de",'
	. '"domains":["webhooktest.io","webhooktest.de"],"employeesNum":101,'
	. '"socialProfiles":{"xing":["https://www.xing.com/pages/webhooktest",'
	. '"https://www.xing.com/companies/webhooktest"],'
	. '"youtube":["https://www.youtube.com/webhooktest"],'
	. '"facebook":["https://www.facebook.com/webhooktest"],'
	. '"twitter":["https://twitter.com/webhooktest"]}}';

my $contact = '"contact":{"id":"Y29ubmVjdA","salutation":"Herr",'
	. '"gender":"male","title":"","firstName":"Max","lastName":"Mustermann",'
	. '"jobTitle":"Geschäftsführer","jobTitleEn":"Managing Director",'
	. '"departments":{"management_department":"Unternehmensführung"},'
	. '"hierarchies":{"top_management":"Top-Management"},'
	. '"country":"Deutschland","countryCode":"DE","location":"Hamburg",'
	. '"phone":"+49 721 123456","phoneDirect":"+49 721 1234569",'
	. '"mobile":"+49 1512 1234567","fax":"+49 721 1234567",'
	. '"email":"max.mustermann@webhook.de","emailStatusKey":"seen",'
	. '"emailValidationStatusKey":"valid",'
	. '"emailStatusText":"gesehen, validiert","socialProfiles":{'
	. '"xing":["https://www.xing.com/profile/Max_Mustermann"],'
	. '"linkedin":["https://de.linkedin.com/in/maxmustermann"]},'
	. '"furtherSources":["https://webhook.io/contacts"],'
	. '"companyId":"ZWNob2JvdA","companyPhone":"+49 721 123456"}';

my %r = map { $_->{target} => $_ } $example->deliveries(3,
	POST => '/sync/company', encode('UTF-8', "{$firm}"));

is($r{'/structured'}{method}, 'POST', 'method');
is($r{'/structured'}{header}{'webhook-event'}, 'company.synced', 'event');
is($r{'/structured'}{header}{'content-type'},
	'application/json; charset=utf-8', 'content type');
is($r{'/structured'}{header}{'x-api-key'}, 'key-1', 'key');
is(decode('UTF-8', $r{'/structured'}{body}), "{$company}", 'company');
is($r{'/flat'}{body}, '{"company_id":"ZWNob2JvdA",'
	. '"company_name":"WebhookTest GmbH",'
	. '"company_domains":"webhooktest.io, webhooktest.de"}',
	'flat company, which is ours');
is($r{'/flat'}{header}{'x-api-key'}, 'key-1', 'its key');
is("$r{'/legacy'}{method} $r{'/legacy'}{body}", 'POST {"type":"company",'
	. '"id":"ZWNob2JvdA","name":"WebhookTest GmbH","founded":"1970"}',
	'legacy company, by a template, which is ours');
is($r{'/legacy'}{header}{'x-api-key'}, 'key-1', 'its key');

%r = map { $_->{target} => $_ } $example->deliveries(2,
	POST => '/sync/contact', encode('UTF-8', "{$person,$firm}"));

my $contacts = '/contacts?api_key=key-1';

ok($r{$contacts}, 'key for contacts in the query');
is($r{$contacts}{header}{'x-api-key'}, undef, 'and not in a header');
is(decode('UTF-8', $r{$contacts}{body}), "{$contact,$company}", 'contact');
is($r{'/flat'}{body}, '{"company_id":"ZWNob2JvdA",'
	. '"company_name":"WebhookTest GmbH",'
	. '"company_domains":"webhooktest.io, webhooktest.de",'
	. '"contact_id":"Y29ubmVjdA",'
	. '"contact_email":"max.mustermann@webhook.de",'
	. '"contact_xing":"https://www.xing.com/profile/Max_Mustermann"}',
	'flat contact, which is ours');

my ($lead) = $example->deliveries(1,
	POST => '/sync/lead', encode('UTF-8', "{$person,$firm}"));

is("$lead->{method} $lead->{target}", 'POST /leads?api_key=key-1',
	'a lead has its own URL');
is($lead->{header}{'webhook-event'}, 'lead.synced', 'and event');
is(decode('UTF-8', $lead->{body}), "{$contact,$company}",
	'its body is that of a contact, which is ours');

$example->done();

###############################################################################

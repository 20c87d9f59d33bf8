#!/usr/bin/perl

# The eleven bodies of respond.io, octet by octet in the order of its documents,
# and their signatures, from an application's own JSON.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::Webhook;
use Test::Webhook::Example;
use Test::Webhook::Sign;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $example = Test::Webhook::Example->new('respond-io',
	secrets => { 'respond-io.key' => "secret\n" });
my %ids;

# what the application has

my $person = '"person":{"since":1663274081,"no":1,'
	. '"name":{"last":"Doe","first":"John"},"tel":"+60123456789",'
	. '"mail":"johndoe@sample.com","lang":"en","country":"MY",'
	. '"picture":"https:\/\/cdn.chatapi.net\/johndoe.png","state":"open",'
	. '"agent":{"no":2,"first":"Agent","last":"Smith",'
	. '"mail":"agent@sample.com"},"labels":["a","b\"c"]}';

my $line = '"line":{"no":1,"name":"WhatsApp","kind":"facebook","extra":%s,'
	. '"since":1663274081}';

# what is published

my $contact = '"contact":{"id":1,"firstName":"John","lastName":"Doe",'
	. '"phone":"+60123456789","email":"johndoe@sample.com",'
	. '"language":"en","profilePic":"https://cdn.chatapi.net/johndoe.png",'
	. '"countryCode":"MY","status":"open","assignee":{"id":2,'
	. '"firstName":"Agent","lastName":"Smith","email":"agent@sample.com"},'
	. '"created_at":1663274081%s}';

my $channel = '"channel":{"id":1,"name":"WhatsApp","source":"facebook",'
	. '"meta":"%s","created_at":1663274081}';

my $message = '"message":{"messageId":1262965213,"channelMessageId":123,'
	. '"contactId":1,"channelId":1,"traffic":"%s",'
	. '"message":{"type":"text","text":"Message text",'
	. '"messageTag":"ACCOUNT_UPDATE"},"timestamp":1662965213,'
	. '"status":[{"value":"pending","timestamp":1662965213}]}';

sub contact { sprintf $contact, @_ ? $_[0] : '' }
sub channel { sprintf $channel, $_[0] }
sub line { sprintf $line, $_[0] }

my $sent = '"message":{"no":1262965213,"line_no":123,"body":"Message text",'
	. '"tag":"ACCOUNT_UPDATE","at":1662965213,"state":"pending",'
	. '"from":{"team":3489,"user":25262}}';

###############################################################################

event('message.received', POST => '/messages/in',
	"{$person,$sent," . line('{}') . '}',
	contact() . ',' . sprintf($message, 'incoming') . ',' . channel('{}'));

event('message.sent', POST => '/messages/out',
	"{$person,$sent," . line('{"a": ["\"", "\\\\"]}') . '}',
	contact() . ',' . sprintf($message, 'outgoing') . ','
	. channel('{\"a\":[\"\\\\\"\",\"\\\\\\\\\"]}') . ','
	. '"user":{"id":2,"firstName":"Agent","lastName":"Smith",'
	. '"email":"agent@sample.com"},"sender":{"type":"message",'
	. '"source":"user","teamId":3489,"userId":25262}');

my $file = '{"ext":"mp4","url":"https://a/b","size":95283,"type":"video",'
	. '"fileName":"video.mp4","mimeType":"video/mp4"}';

event('comment.created', POST => '/notes',
	"{$person,\"note\":{\"body\":\"A \\\"comment\\\"\\n\",\"files\":[$file],"
	. '"users":[1, 2],"mails":["test@example.com"]}}',
	contact() . ',"text":"A \"comment\"\n","attachments":[' . $file . '],'
	. '"mentionedUserIds":[1,2],'
	. '"mentionedUserEmails":["test@example.com"]', 1);

event('conversation.opened', POST => '/talks',
	"{$person,\"talk\":{\"by\":\"api\",\"opened\":1663274081,"
	. '"first":{"body":"hello","line":1}}}',
	contact() . ',"conversation":{"source":"api",'
	. '"conversationOpenedAt":1663274081,"firstIncomingMessage":"hello",'
	. '"firstIncomingMessageChannelId":1}');

my $closer = '{"id":2,"firstName":"Agent","lastName":"Smith",'
	. '"email":"agent@sample.com"}';

for my $by ($closer, '{}', 'null') {
	event('conversation.closed', POST => '/talks/7/close',
		"{$person,\"talk\":{\"category\":\"sales\",\"summary\":\"done\","
		. '"opened":1663274001,"by":"user","closed":1663274081,'
		. '"closer":' . $by . ',"closer_kind":"user",'
		. '"times":{"response":0,"resolution":0,"assigned":0},'
		. '"count":{"in":5,"out":3},"team":"one"}}',
		contact() . ',"conversation":{"category":"sales",'
		. '"summary":"done","openedTime":1663274001,'
		. '"openedBySource":"user","closedTime":1663274081,'
		. '"closedBy":' . $by . ',"closedBySource":"user",'
		. '"firstResponseTime":0,"resolutionTime":0,'
		. '"incomingMessageCount":5,"outgoingMessageCount":3,'
		. '"assigneeTeam":"one","lastAssignmentTime":0}');
}

event('contact.created', POST => '/persons', "{$person}", contact());

event('contact.updated', PUT => '/persons/1', "{$person}",
	contact() . ',"action":"updated"');

event('contact.assignee.updated', PUT => '/persons/1/agent', "{$person}",
	contact());

for (['POST', 'add'], ['DELETE', 'remove']) {
	my ($method, $action) = @$_;

	event('contact.tag.updated', $method => '/persons/1/labels',
		"{$person,\"label\":\"sampleTag2\"}",
		contact(',"tags":["a","b\"c"]') . ',"tag":"sampleTag2",'
		. "\"action\":\"$action\"");
}

event('contact.lifecycle.updated', PUT => '/persons/1/stage',
	"{$person,\"stage\":{\"before\":\"Hot Lead\",\"now\":\"New Lead\"}}",
	contact() . ',"action":"updated","lifecycle":"New Lead",'
	. '"oldLifecycle":"Hot Lead"');

my $words = '[{"start":2.499,"end":3.099,"text":"Hello","speaker":"contact"}]';

event('call.ended', POST => '/calls/9/end',
	"{$person," . line('{}') . ',"call":{"key":"c-1","line":"WhatsApp",'
	. '"from":1769402615,"to":1769402629,"lang":"eng",'
	. '"direction":"inbound","words":' . $words . ',"about":{'
	. '"title":"Call","points":["one"],"todo":["two"]},'
	. '"recording":"https://a/b","seconds":120}}',
	'"call":{"id":"c-1","status":"completed","channel":"WhatsApp",'
	. '"start_time":1769402615,"end_time":1769402629,"language":"eng",'
	. '"direction":"inbound","transcript":' . $words . ',"callSummary":{'
	. '"title":"Call","summary":["one"],"actionItems":["two"]},'
	. '"recordingURL":"https://a/b","durationSeconds":120},'
	. '"user":{"id":2,"role":"user","email":"agent@sample.com",'
	. '"firstName":"Agent","lastName":"Smith"},' . channel('{}') . ','
	. contact());

is(scalar keys %ids, 14, 'each event has an id of its own');

$example->done();

###############################################################################

sub event {
	my ($type, $method, $uri, $body, $expected, $id_first) = @_;

	my ($r) = $example->deliveries(1, $method => $uri, $body);

	my $id = $r->{header}{'webhook-id'};
	my @end = ("\"event_type\":\"$type\"", "\"event_id\":\"$id\"");

	@end = reverse @end if $id_first;

	is("$r->{method} $r->{target}", 'POST /respond-io', "$type URL");
	is($r->{header}{'content-type'}, 'application/json', "$type type");
	is($r->{body}, "{$expected,$end[0],$end[1]}", $type);
	is($r->{header}{'x-webhook-signature'}, b64(hmac($r->{body}, 'secret')),
		"$type signature");

	$ids{$id}++;
}

###############################################################################

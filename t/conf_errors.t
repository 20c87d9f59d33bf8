#!/usr/bin/perl

# Tests for errors of the configuration: each names the place, the word, and
# what is allowed; and what is allowed has none.

###############################################################################

use warnings;
use strict;

use POSIX qw/ mkfifo /;
use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::Webhook;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new(env => { SECRET_OF_TEST => 'secret',
	EMPTY_OF_TEST => '', LINES_OF_TEST => "two\nlines" });

$t->write_file('secret', "secret\n");
$t->write_file('open', "secret\n");
$t->write_file('empty', "\n");
$t->write_file('lines', "one\ntwo\n");
$t->write_file('large', 's' x 65537);
$t->write_file('most', 's' x 65536);
$t->write_file('template', "one\ntwo \${name}\n");
$t->write_file('long', 't' x 1048577);
$t->write_file('not.pem', "not a certificate\n");
$t->write_file('timeout.conf', "timeout never;\n");
$t->write_file("$_->[0].conf", "\n$_->[1]\n") for (
	['payload_none', 'payload none;'],
	['zone_none', 'zone none;'],
	['language_none', 'language "";'],
	['url_port', 'url https://hosts:444/;'],
	['url_field', 'url https://127.0.0.1/__none__;'],
	['url_host', 'url https://$arg_a/;'],
	['sign_short', 'sign standard whsec_MTIz;'],
	['sign_none', 'sign standard file:none;'],
	['key_none', 'api_key header X file:none;'],
	['escape_none', 'template "${uri|html}";'],
	['field_none', 'field a $no_such;'],
	['type_none', 'field a b sometimes;'],
);
$t->write_file('closed.conf', "\$uri = a;\n}\n\$uri = b;\n");
$t->write_file('unclosed.conf', "any {\n\$uri = a;\n\n");
$t->write_file('quote.conf', "any {\n\$uri = 'a;\n}");

my $dir = $t->testdir();

mkdir "$dir/directory" or die "mkdir() failed: $!\n";
mkfifo("$dir/fifo", 0600) or die "mkfifo() failed: $!\n";
chmod 0600, "$dir/$_" for qw/ secret empty lines large most /;
chmod 0644, "$dir/open";

my $cert = $t->cert('client', client => 1);
my $other = $t->cert('other');

my $long = 'n' x 65;
my $event = 'e' x 129;

# [where, what, message]: the line with "#!" is the place that is named, in
# nginx.conf; where it is one of
#
#	bare		http, with nothing else of this module
#	http, server, location
#	endpoint	webhook_endpoint with an url
#	urlless		one without
#	structured, flat, form, text, raw	webhook_payload
#	condition	webhook_condition, of $c
#	main		outside of http
#
# Further: place => regex of another place, or '' for none; close => 0 if the
# block is closed in it; server => 0.

my $status = qr/it must be "any", or a list of/;
my $url = qr/in "url"/;
my $size = qr/it must be a size/;
my $time = qr/it must be a time above 0/;
my $names = qr/1 to 64 letters, digits, "_", "\." or "-"/;

my @errors = (

# webhook

['http', 'webhook; #!', qr/number of arguments in "webhook"/],
['http', 'webhook a..b to=known; #!',
	qr/invalid event "a\.\.b", it must be 1 to 128 octets of labels/],
['http', 'webhook .a to=known; #!', qr/invalid event "\.a", it must be/],
['http', 'webhook a. to=known; #!', qr/invalid event "a\.", it must be/],
['http', 'webhook a-b to=known; #!', qr/invalid event "a-b", it must be/],
['http', 'webhook "" to=known; #!', qr/invalid event "", it must be/],
['http', 'webhook $a to=known; #!', qr/invalid event "\$a", it must be/],
['http', 'webhook a.* to=known; #!',
	qr/event "a\.\*" is a pattern, which is for locations with "webhook_accept" only/],
['http', 'webhook a* to=known; #!', qr/invalid event "a\*", it must be/],
['http', 'webhook a.*b to=known; #!', qr/invalid event "a\.\*b", it must be/],
['http', "webhook $event to=known; #!",
	qr/invalid event "e{129}", it must be 1 to 128/],
['http', 'webhook a.b; #!', qr/event "a\.b" has no endpoint, it must have/],
['http', 'webhook a.b to=none; #!',
	qr/unknown endpoint "none" in "to=" of event "a\.b", it must be a "webhook_endpoint" \("known"\)/],
['server', 'webhook a.b to=known,none; #!',
	qr/unknown endpoint "none".*\("known"\)/],
['location', 'webhook a.b to=none; #!', qr/unknown endpoint "none"/],
['http', 'webhook a.b to=known,,known; #!',
	qr/empty name in "to=known,,known"/],
['http', 'webhook a.b to=known,; #!', qr/empty name in "to=known,"/],
['http', 'webhook a.b to=known,known; #!',
	qr/duplicate endpoint "known" in "to=known,known"/],
['http', 'webhook a.b to=; #!', qr/empty parameter "to="/],
['http', 'webhook a.b to=$none_such; #!',
	qr/unknown variable "\$none_such", it must be/],
['http', 'webhook a.b to=known,$arg_a,$arg_a; #!',
	qr/duplicate endpoint "\$arg_a" in "to=known,\$arg_a,\$arg_a"/],
['http', 'webhook a.b to=known on=request status=2xx; #!',
	qr/"status=" must not come with "on=request", there is no status yet/],
['http', 'webhook a.b to=known on=some; #!',
	qr/invalid value "some" of "on=", it must be "response" or "request"/],
['http', 'webhook a.b to=known status=200,some; #!',
	qr/invalid status "some" in "status=200,some", $status/],
map({ my $s = $_; ['http', "webhook a.b to=known status=$s; #!",
	qr/invalid status ".*" in "status=\Q$s\E", $status/] }
	'20', '2000', '99', '600', '6xx', '0xx', '2xX', '200-', '-299',
	'299-200', '200-700', '200,', ',200', '200,,300', 'any,200', '+20',
	'-20', '20x', '$arg_a'),
['http', 'webhook a.b to=known status=; #!', qr/empty parameter "status="/],
['http', 'webhook a.b to=known method=GET,BREW; #!',
	qr/invalid method "BREW" in "method=GET,BREW", it must be GET, HEAD, POST/],
['http', 'webhook a.b to=known method=GET,; #!',
	qr/invalid method "" in "method=GET,", it must be GET/],
['http', 'webhook a.b to=known method=any; #!', qr/invalid method "any"/],
['http', 'webhook a.b to=known payload=none; #!',
	qr/unknown payload "none", it must be the name of a "webhook_payload"/],
['http', 'webhook a.b to=known some=1; #!',
	qr/invalid parameter "some=1", it must be one of "to=", "on=", "status=", "method=", "if=", "order_key=", "payload=", "every=", "per=", "id="/],
map({ my $s = $_; ['http', "webhook a.b to=known every=$s; #!",
	qr/invalid time "\Q$s\E" in "every=", it must be longer than 0/] }
	'0', '0s', '-1h', '1x', '366d', '1h1h', '99999999999999999999d', '$arg_a'),
['http', 'webhook a.b to=known per=$arg_a; #!',
	qr/"per=" must come with "every="/],
['http', 'webhook a.b to=known every=1h per=$none_such; #!',
	qr/unknown variable "\$none_such", it must be/],
['http', 'webhook a.b to=known id=$none_such; #!',
	qr/unknown variable "\$none_such", it must be/],
['http', 'webhook a.b known; #!', qr/invalid parameter "known", it must be/],
['http', 'webhook a.b to=known to=known; #!',
	qr/duplicate parameter "to=known"/],
['http', 'webhook a.b to=known if=$arg_a if=$arg_b; #!',
	qr/duplicate parameter "if=\$arg_b"/],
['http', 'webhook a.b to=known if=$none_such; #!',
	qr/unknown variable "\$none_such", it must be/],
['http', 'webhook a.b to=known order_key=a${none_such}; #!',
	qr/unknown variable "\$none_such", it must be/],
map({ my $p = $_; (
	['http', "webhook a.b to=known every=1h $p\${arg_a; #!",
		qr/"\$\{arg_a" is not closed by "\}"/],
	['http', "webhook a.b to=known every=1h ${p}a\$; #!",
		qr/"\$" is not followed by a variable's name, a dollar is "\$\$"/],
	['http', "webhook a.b to=known every=1h $p\$0; #!",
		qr/"\$0" is no capture, it must be one of "\$1" to "\$9"/],
	['http', "webhook a.b to=known every=1h $p\${12}; #!",
		qr/"\$\{12\}" is no capture, it must be one of "\$1" to "\$9"/],
	['http', "webhook a.b to=known every=1h $p\${arg_a|json}; #!",
		qr/"\$\{arg_a\|json\}" must have no escape here/],
	) } 'if=', 'per=', 'id=', 'order_key='),
['http', 'webhook a.b to=known,${arg_a; #!', qr/"\$\{arg_a" is not closed by "\}"/],
map({ my $p = $_; ['http', "webhook a.b to=known every=1h $p\$webhook_time; #!",
	qr/unknown variable "\$webhook_time", it must be/] } 'if=', 'id='),
['http', 'webhook off to=known; #!',
	qr/invalid parameter "to=known", "webhook off" has none/],
['http', "webhook a.b to=known;\nwebhook off; #!",
	qr/"webhook off" must be the only "webhook" directive on its level/],
['http', "webhook off;\nwebhook a.b to=known; #!",
	qr/"webhook off" must be the only/],
['http', "webhook off;\nwebhook off; #!", qr/"webhook off" must be the only/],
['http', "webhook a.b to=known;\n" x 32 . 'webhook a.b to=known; #!',
	qr/too many "webhook" directives on one level, at most 32/],
['bare', "webhook_endpoint e {\nurl https://127.0.0.1/;\n}\nserver { }\n"
	. 'webhook a.b to=e; #!',
	qr/no "webhook_store" is defined for "webhook a\.b"/],
['bare', "webhook_store %%TESTDIR%%/store;\nwebhook a.b to=e; #!",
	qr/unknown endpoint "e" in "to=" of event "a\.b", it must be a "webhook_endpoint", there is none/],
['location', "if (\$arg_a) {\nwebhook a.b to=known; #!\n}",
	qr/"webhook" directive is not allowed here/],
['main', 'webhook a.b to=known; #!',
	qr/"webhook" directive is not allowed here/],

# webhook_json

['http', 'webhook_json $v request; #!', qr/number of arguments in "webhook_json"/],
['http', 'webhook_json $v request /a type=json more; #!',
	qr/number of arguments in "webhook_json"/],
['http', 'webhook_json v request /a; #!',
	qr/invalid variable name "v", it must be like "\$name"/],
['http', 'webhook_json $ request /a; #!',
	qr/invalid variable name "\$", it must be like "\$name"/],
['http', 'webhook_json "" request /a; #!', qr/invalid variable name ""/],
['http', 'webhook_json $a-b request /a; #!',
	qr/invalid variable name "\$a-b", it must be like "\$name"/],
['http', 'webhook_json "$a b" request /a; #!',
	qr/invalid variable name "\$a b", it must be like "\$name"/],
['http', 'webhook_json ${v} request /a; #!',
	qr/invalid variable name "\$\{v\}", it must be like "\$name"/],
['http', 'webhook_json $1 request /a; #!',
	qr/invalid variable name "\$1", it must be like "\$name"/],
['http', 'webhook_json $v reply /a; #!',
	qr/invalid source "reply", it must be "request" or "response"/],
['http', 'webhook_form $v response a; #!',
	qr/invalid source "response", it must be "request"/],
['http', 'webhook_form $v request ""; #!',
	qr/empty name of a form field, it must be 1 octet or more/],
['http', 'webhook_form v request a; #!',
	qr/invalid variable name "v", it must be like "\$name"/],
['http', 'webhook_json $v request /a; webhook_form $v request a; #!',
	qr/duplicate variable "\$v" on one level/],
['http', 'webhook_capture yes; #!',
	qr/invalid value "yes".*it must be "on" or "off"/],
['http', 'webhook_accept; #!', qr/directive is not allowed here/],
['location', 'webhook_accept; #!',
	qr/"webhook_accept" must come with "webhook" in its location or around it/],
['location', 'webhook a.b to=known; webhook_accept; proxy_pass http://127.0.0.1; #!',
	qr/"webhook_accept" must be the only directive that answers, as "proxy_pass" does/],
['location', 'webhook a.b to=known; proxy_pass http://127.0.0.1; webhook_accept; #!',
	qr/"webhook_accept" must be the only directive that answers, as "proxy_pass" does/],
['http', 'webhook a.b to=known if=big; #!',
	qr/no variable in "if=big", it must have one, as "if=\$name"/],
['location', 'webhook off; webhook_accept; #!',
	qr/"webhook_accept" must come with "webhook" in its location or around it/],
['http', 'webhook_json $v body /a; #!',
	qr/invalid source "body", it must be "request"/],
['http', 'webhook_json $v request a/b; #!',
	qr/invalid JSON pointer "a\/b" at octet 1, it must be like/],
['http', 'webhook_json $v request /a~b; #!',
	qr/invalid JSON pointer "\/a~b" at octet 3, it must be like/],
['http', 'webhook_json $v request /a~; #!',
	qr/invalid JSON pointer "\/a~" at octet 3, it must be like/],
['http', "webhook_json \$v request /\xff; #!",
	qr/invalid JSON pointer "\/.*" at octet 2, it must be like/],
['http', 'webhook_json $v request /a type=string; #!',
	qr/invalid parameter "type=string", it must be "type=json"/],
['http', 'webhook_json $v request /a some; #!',
	qr/invalid parameter "some", it must be "type=json"/],
['http', "webhook_json \$v request /a;\nwebhook_json \$v request /b; #!",
	qr/duplicate variable "\$v" on one level/],
['http', 'webhook_json $uri request /a; #!', qr/the duplicate "uri" variable/],
['http', 'webhook_json $webhook_id request /a; #!',
	qr/the duplicate "webhook_id" variable/],
['http', "map \$uri \$v { default 1; }\nwebhook_json \$v request /a; #!",
	qr/variable "\$v" is already defined by another directive/],
['http', "webhook_json \$v request /a; #!\nmap \$uri \$v { default 1; }",
	qr/variable "\$v" is already defined by another directive/],

# webhook_condition

map({ my $v = $_; ['http', "webhook_condition $v { #!\n\$uri = a;\n}",
	qr/invalid variable name ".*", it must be like "\$name"/] }
	'c', '$', '""', '$a-b', '"$a b"', '${c}', '$1'),
['http', 'webhook_condition $c; #!', qr/has no opening "\{"/],
['http', 'webhook_condition { } #!', qr/number of arguments/],
['http', 'webhook_condition $c $d { } #!', qr/number of arguments/],
['server', 'webhook_condition $c { } #!', qr/not allowed here/],
['location', 'webhook_condition $c { } #!', qr/not allowed here/],
['http', "webhook_condition \$c {\n\$uri = a;\n}\n"
	. "webhook_condition \$c { #!\n\$uri = b;\n}",
	qr/the duplicate "c" variable/],
['http', "webhook_condition \$c {\n\$uri = a;\n}\n"
	. "webhook_condition \$C { #!\n\$uri = b;\n}",
	qr/the duplicate "C" variable/],
['http', "webhook_condition \$uri { #!\n\$host = a;\n}",
	qr/the duplicate "uri" variable/],
['http', "map \$uri \$c { default 1; }\nwebhook_condition \$c { #!\n\$uri = a;\n}",
	qr/variable "\$c" is already defined by another directive/],
['http', "webhook_json \$c request /a;\nwebhook_condition \$c { #!\n\$uri = a;\n}",
	qr/variable "\$c" is already defined by another directive/],
['http', "webhook_condition \$c {\n\$uri = a;\n}\nmap \$uri \$c { #!\ndefault 1;\n}",
	qr/the duplicate "c" variable/],
['http', "webhook_condition \$c {\n\$uri = a;\n}\nwebhook_json \$c request /a; #!",
	qr/the duplicate "c" variable/],
['condition', '} #!',
	qr/webhook_condition "\$c" must have at least one line as "VALUE OPERATOR VALUE;"/,
	close => 0],
['condition', "include empty;\n} #!", qr/must have at least one line/,
	close => 0],
map({ my $b = $_;
	['condition', "$b {\n} #!",
		qr/"$b" must have at least one line as "VALUE OPERATOR VALUE;"/],
	['condition', "\$uri = a;\n$b { #!\n\$uri = b;\n",
		qr/unexpected "\{"/, place => qr/nginx\.conf:\d+$/m],
	['condition', "$b = a; #!",
		qr/"$b" must be followed by "\{", as a value it must have quotes/],
	['condition', "$b\n# comment\n\$uri = a; #!",
		qr/"$b" must be followed by "\{"/],
	['condition', "\$uri = a;\n$b \$uri = a; #!",
		qr/"$b" must be followed by "\{"/],
	['condition', ("any {\n" x 8) . "$b { #!\n\$uri = a;\n}" . ("}\n" x 8),
		qr/"$b" is nested deeper than 8 levels/],
	} 'any', 'all'),
['condition', 'some { } #!', qr/unexpected "\{"/],
['condition', 'any; #!', qr/no operator behind "any", it must be one of/],
['condition', '$uri; #!',
	qr/no operator behind "\$uri", it must be one of "=", "!=", "~", "~\*", "!~", "!~\*", "<", "<=", ">", ">=", "exists", "!exists" or "in"/],
map({ my $v = $_; ['condition', "\$uri $v a; #!",
	qr/unknown operator ".*", it must be one of "=", "!=", "~", "~\*", "!~", "!~\*", "<", "<=", ">", ">=", "exists", "!exists" or "in"/] }
	'==', '=~', '!', '<>', 'IN', 'is', '!in', '""', '$uri'),
['condition', '$uri=a; #!', qr/no operator behind "\$uri=a"/],
map({ my $v = $_;
	['condition', "\$uri $v; #!",
		qr/invalid number of words with "\Q$v\E", it must be "VALUE \Q$v\E VALUE"/],
	['condition', "\$uri $v 1 2; #!",
		qr/invalid number of words with "\Q$v\E", it must be "VALUE \Q$v\E VALUE"/],
	} '=', '!=', '~', '~*', '!~', '!~*', '<', '<=', '>', '>='),
map({ my $v = $_;
	['condition', "\$uri $v a; #!",
		qr/invalid number of words with "$v", it must be "VALUE $v"/],
	['condition', "uri $v; #!",
		qr/no variable in "uri", "$v" must have one as "\$name"/],
	['condition', "a\$\$ $v; #!", qr/no variable in "a\$\$", "$v" must/],
	} 'exists', '!exists'),
['condition', '$uri in; #!',
	qr/invalid number of words with "in", it must be "VALUE in VALUE \.\.\."/],
map({ my ($v, $bad) = @$_; ['condition', "$v; #!",
	qr/"\Q$bad\E" with "\S+" is not a number, it must be one like "-2\.499" or "1e9", or have a variable/] }
	['$uri < a', 'a'], ['$uri <= ""', ''], ['$uri > 01', '01'],
	['$uri >= +1', '+1'], ['$uri < 1.', '1.'], ['$uri < 0x10', '0x10'],
	['$uri < " 1"', ' 1'], ['$uri < $$', '$$'], ['uri < 1', 'uri'],
	['"" > $uri', '']),
map({ my $v = $_; ['condition', "\$uri $v a(b; #!",
	qr/"a\(b" with "\Q$v\E" must be a regular expression: pcre.*"a\(b"/] }
	'~', '~*', '!~', '!~*'),
map({ my $v = $_; ['condition', "\$uri = $v; #!",
	qr/"\$.*" is not followed by a variable's name, a dollar is "\$\$"/] }
	'$', 'a$', '${}', '$-', 'a$$$'),
map({ my $v = $_; ['condition', "\$uri = $v; #!",
	qr/"\$.*" is not closed by "\}" or has a wrong character in it/] }
	'${uri', '"${u ri}"'),
['condition', '$uri = $1; #!',
	qr/"\$1" is a capture, it must be a variable with a name/],
['condition', '$1 exists; #!', qr/"\$1" is a capture/],
['condition', '$none_such = a; #!',
	qr/unknown variable "\$none_such", it must be/],
['condition', '$uri in a b${none_such}; #!',
	qr/unknown variable "\$none_such", it must be/],
['condition', '$C = 1; #!',
	qr/"\$c" is used in its own condition, it must be another variable/],
['condition', "any {\n\$uri = a\${c}b; #!\n}",
	qr/"\$c" is used in its own condition/],
['condition', 'include none.conf; #!', qr/open\(\) ".*none\.conf" failed/],
['condition', 'include directory; #!', qr/".*\/directory" failed \(21: /],
['condition', "\$uri = a;\ninclude timeout.conf;",
	qr/unknown operator "never", it must be/, place => qr/timeout\.conf:1$/m],
['condition', "\$uri = a;\ninclude closed.conf;", qr/unexpected "\}"/,
	place => qr/closed\.conf:2$/m],
['condition', "\$uri = a;\ninclude unclosed.conf;",
	qr/unexpected end of file, expecting "\}"/,
	place => qr/unclosed\.conf:4$/m],
['condition', "\$uri = a;\ninclude quote.conf;",
	qr/unexpected end of file, expecting/, place => qr/quote\.conf:\d+$/m],

# webhook_max_body_size, webhook_max_event_size, webhook_connections
# webhook_max_body_size, webhook_max_event_size, webhook_connections,
# webhook_max_hops

map({ my $v = $_; ['http', "webhook_max_body_size $v; #!",
	qr/invalid size "\Q$v\E" in "webhook_max_body_size", it must be a number of octets, or one with "k", "m" or "g"/] }
	'-1', '1x', 'none', '99999999999999999999', '1.5m'),
['http', 'webhook_max_body_size ""; #!',
	qr/invalid size "" in "webhook_max_body_size"/],
['http', "webhook_max_body_size 1m;\nwebhook_max_body_size 2m; #!",
	qr/"webhook_max_body_size" directive is duplicate/],
map({ my $v = $_; ['http', "webhook_max_event_size $v; #!",
	qr/"$v" is too small in "webhook_max_event_size", it must be at least 1024/] }
	'1023', '0'),
map({ my $v = $_; ['http', "webhook_max_event_size $v; #!",
	qr/"$v" is too large in "webhook_max_event_size", it must be at most 16777216/] }
	'17m', '16777217', '1g'),
map({ my $v = $_; ['http', "webhook_memory $v; #!",
	qr/"$v" is too small in "webhook_memory", it must be at least 65536/] }
	'63k', '0'),
map({ my $v = $_; ['http', "webhook_memory $v; #!",
	qr/invalid size "\Q$v\E" in "webhook_memory"/] }
	'-1', '1x', '99999999999999999999'),
['http', 'webhook_max_event_size -1; #!',
	qr/invalid size "-1" in "webhook_max_event_size"/],
['server', 'webhook_max_event_size 1m; #!', qr/not allowed here/],
map({ my $v = $_; ['http', "webhook_connections $v; #!",
	qr/invalid number/] } '-1', 'many', '1k', '99999999999999999999'),
['server', 'webhook_connections 10; #!', qr/not allowed here/],
map({ my $v = $_; ['http', "webhook_max_hops $v; #!",
	qr/invalid number "\Q$v\E" in "webhook_max_hops", it must be from 1 to 255/] }
	'0', '256', '-1', 'off', '1k', '99999999999999999999'),
['http', 'webhook_max_hops ""; #!',
	qr/invalid number "" in "webhook_max_hops", it must be from 1 to 255/],
['http', "webhook_max_hops 1;\nwebhook_max_hops 2; #!",
	qr/"webhook_max_hops" directive is duplicate/],
['server', 'webhook_max_hops 1; #!', qr/not allowed here/],

# webhook_store

['bare', 'webhook_store; #!', qr/number of arguments in "webhook_store"/],
['bare', 'webhook_store ""; #!',
	qr/"webhook_store" directive needs a directory/],
['bare', 'webhook_store /; #!', qr/"webhook_store" directive needs a directory/],
['bare', 'webhook_store /' . 'd' x 5000 . '; #!',
	qr/"webhook_store" directive has too long a path|too long parameter/],
['bare', 'webhook_store redis://127.0.0.1:6379; #!',
	qr/"redis:.*" is not supported by this version, the store must be a directory/],
['bare', "webhook_store one;\nwebhook_store two; #!",
	qr/"webhook_store" directive is duplicate/],
map({ my $v = $_; ['bare', "webhook_store one $v; #!",
	qr/invalid parameter "\Q$v\E", it must be "size=", "journal=", "claims=", "sync=off", "sync=always", "full=drop", "full=reject", "commit_timeout=", "dead=" or "dedupe="/] }
	'some', 'sync=on', 'sync=', 'full=stop', 'full=', 'history=1d',
	'SIZE=1g'),
map({ my $v = $_; ['bare', "webhook_store one size=$v; #!",
	qr/invalid size "size=\Q$v\E", $size/] }
	'', 'large', '-16m', '0', '1.5g', '16mm', '99999999999999999999',
	'99999999999999999999g', '9223372036854775807', '8589934591g'),
['bare', 'webhook_store one size=15m; #!',
	qr/"size=15m" is too small, it must be at least 16777216/],
['bare', 'webhook_store one size=16777215; #!', qr/too small/],
map({ my $v = $_; ['bare', "webhook_store one journal=$v; #!",
	qr/invalid size "journal=\Q$v\E", $size/] }
	'', 'large', '-16m', '0', '99999999999999999999',
	'9223372036854775807', '1048576g', '1048580g'),
['bare', 'webhook_store one size=16m journal=4194303; #!',
	qr/"journal" of "webhook_store" must be at least 4194304 with "webhook_max_event_size" 65536/],
['bare', "webhook_max_event_size 1m;\n"
	. 'webhook_store one journal=63m; #!',
	qr/"journal" of "webhook_store" must be at least 67108864 with "webhook_max_event_size" 1048576/],
['bare', "webhook_store one; #!\nwebhook_max_event_size 16m;",
	qr/"journal" of "webhook_store" must be at least 1073741824/],
map({ my $v = $_; ['bare', "webhook_store one claims=$v; #!",
	qr/invalid size "claims=\Q$v\E", $size/] }
	'', 'large', '-1m', '0', '1.5m', '99999999999999999999', '1048576g'),
['bare', 'webhook_store one claims=65535; #!',
	qr/"claims=65535" is too small, it must be at least 65536/],
map({ my $v = $_; ['bare', "webhook_store one dedupe=$v; #!",
	qr/invalid time "\Q$v\E" in "dedupe", $time, at most 365d/] }
	'', '0', '0s', '-1s', '1x', 'off', '366d', '31536001s',
	'99999999999999999999', '9223372036854775807ms'),
map({ my $v = $_; ['bare', "webhook_store one commit_timeout=$v; #!",
	qr/invalid time "\Q$v\E" in "commit_timeout", $time, at most 1h/] }
	'', '0', '-1s', '1x', 'never', '99999999999999999999', '61m',
	'9223372036854775807ms'),
map({ my $v = $_; ['bare', "webhook_store one dead=$v; #!",
	qr/invalid value "\Q$v\E" in "dead", it must be a number or a time above 0/] }
	'', '0', '-1', '0s', '1x', 'off', '99999999999999999999'),
map({ my $v = $_; ['bare', "webhook_store one $v $v; #!",
	qr/duplicate parameter "\Q$v\E"/] }
	'size=1g', 'journal=64m', 'sync=off', 'full=drop',
	'commit_timeout=1s', 'dead=10', 'claims=1m', 'dedupe=1h'),
['server', 'webhook_store one; #!', qr/not allowed here/],

# webhook_notify

['http', 'webhook_notify; #!', qr/number of arguments in "webhook_notify"/],
['http', 'webhook_notify starttls=auto; #!',
	qr/"webhook_notify" needs "endpoint=" or "email="/],
['http', 'webhook_notify mail=a@b; #!',
	qr/invalid parameter "mail=" in "webhook_notify", it must be one of "endpoint=", "email="/],
['http', 'webhook_notify endpoint=a smtp=127.0.0.1; #!',
	qr/without "email=" there may be nothing but "endpoint=" and "summary="/],
['http', 'webhook_notify endpoint=a endpoint=b; #!',
	qr/duplicate parameter "endpoint=" in "webhook_notify"/],
map({ my $v = $_; ['http', "webhook_notify 'email=$v'; #!",
	qr/invalid value of "email=" in "webhook_notify": "\Q$v\E", it must be an address as/] }
	'', 'ops', '<a@b>', 'a@b c', 'a@b>', 'a@', '.a@b'),
['http', "webhook_notify 'email=a\@b\nRCPT'; #!",
	qr/invalid value of "email="/],
['http', 'webhook_notify email=a@b from=c; #!',
	qr/invalid value of "from=" in "webhook_notify": "c", it must be an address/],
map({ my $v = $_; ['http', "webhook_notify email=a\@b smtp=$v; #!",
	qr/invalid value of "smtp=" in "webhook_notify": "\Q$v\E", it must be "HOST" or "HOST:PORT"/] }
	'', '127.0.0.1:0', 'unix:/tmp/a', '127.0.0.1/a'),
['http', 'webhook_notify email=a@b starttls=on; #!',
	qr/invalid value of "starttls=" in "webhook_notify": "on", it must be "auto", "required" or "off"/],
map({ my $v = $_; ['http', "webhook_notify email=a\@b timeout=$v; #!",
	qr/invalid value of "timeout=" in "webhook_notify": "\Q$v\E", it must be a time of 1s to 10m/] }
	'0', '11m', 'x'),
['http', 'webhook_notify endpoint=a summary=0; #!',
	qr/invalid value of "summary=" in "webhook_notify": "0", it must be a time of 1s to 1d/],
['http', 'webhook_notify email=a@b smtp_user=u; #!',
	qr/"smtp_user=" and "smtp_password=" must be both given/],
['http', 'webhook_notify email=a@b smtp_user=u smtp_password=env:NO_SUCH; #!',
	qr/the environment variable of "env:NO_SUCH" is not set/],
['http', 'webhook_notify email=a@b trusted_certificate=a.pem; #!',
	qr/"trusted_certificate=" in "webhook_notify" needs "starttls=required"/],
['http', 'webhook_notify endpoint=nobody; #!',
	qr/unknown webhook_endpoint "nobody" in "webhook_notify"/],
['http', 'webhook_notify email=a@b smtp=127.0.0.1;
webhook_notify email=a@b smtp=127.0.0.2; #!',
	qr/duplicate "email=a\@b" in "webhook_notify"/],
['http', 'webhook_notify email=a@b smtp=no-such-host.invalid; #!',
	qr/host not found in "smtp=no-such-host.invalid" of "webhook_notify"/],
['server', 'webhook_notify email=a@b; #!', qr/not allowed here/],

# webhook_zone

['http', 'webhook_zone one; #!', qr/number of arguments in "webhook_zone"/],
['http', 'webhook_zone "" 1m; #!', qr/invalid zone name ""/],
map({ my $v = $_; ['http', "webhook_zone one $v; #!",
	qr/invalid size "\Q$v\E" of zone "one", $size/] }
	'large', '-1m', '1x', '99999999999999999999'),
['http', 'webhook_zone one 31k; #!',
	qr/zone "one" is too small, it must be at least \d+/],
['http', 'webhook_zone one 0; #!', qr/zone "one" is too small/],
map({ my $v = $_; ['http', "webhook_zone one 1m $v; #!",
	qr/invalid parameter "\Q$v\E", "webhook_zone" may have one "disable=N\/TIME"/] }
	'some', 'quota', 'disable=', 'disable=30', 'disable=0/1m',
	'disable=-1/1m', 'disable=10001/1m', 'disable=99999999999999999999/1m',
	'disable=30/', 'disable=30/0', 'disable=30/-1m', 'disable=30/1x',
	'disable=30/3651d', 'disable=30/99999999999999999999'),
['http', 'webhook_zone one 1m disable=1/1m disable=2/1m; #!',
	qr/invalid parameter "disable=2\/1m"/],
['http', "webhook_zone one 32k disable=10000/1h; #!",
	qr/webhook_zone "one" of 32768 is too small for the failure windows of its endpoints, it must be at least \d+/],
['http', "webhook_zone one 32k; #!\nwebhook_endpoint e {\n"
	. "url https://127.0.0.1/;\ndisable 10000/1h;\n}",
	qr/webhook_zone "one" of 32768 is too small for the failure windows/],
['http', "webhook_zone one 1m;\nwebhook_zone one 1m; #!",
	qr/duplicate zone "one"/],
['http', "webhook_zone one 1m;\nwebhook_zone one 2m; #!",
	qr/zone "one" conflicts|duplicate zone "one"/],
['http', "limit_req_zone \$uri zone=one:1m rate=1r/s;\n"
	. 'webhook_zone one 1m; #!',
	qr/zone "one" is already declared for a different use/],
['server', 'webhook_zone one 1m; #!', qr/not allowed here/],

# webhook_endpoint

map({ my $v = $_; ['http', "webhook_endpoint $v { #!\nurl https://127.0.0.1/;\n}",
	qr/invalid value ".*" in "webhook_endpoint", it must be a name of $names/] }
	'""', $long, 'a/b', '"a b"', '$a', "\xc3\xa4"),
['http', "webhook_endpoint known { #!\nurl https://127.0.0.1/;\n}",
	qr/duplicate webhook_endpoint "known", the other one is in .*nginx\.conf:\d+/],
['http', 'webhook_endpoint a; #!', qr/has no opening "\{"/],
['http', 'webhook_endpoint a b { } #!', qr/number of arguments/],
['server', 'webhook_endpoint a { } #!', qr/not allowed here/],
['endpoint', 'some thing; #!',
	qr/unknown directive "some" in webhook_endpoint "e"/],
['endpoint', 'webhook a.b; #!', qr/unknown directive "webhook" in webhook_endpoint "e"/],
['endpoint', 'signs standard file:secret; #!', qr/unknown directive "signs"/],
['endpoint', 'URL https://127.0.0.1/; #!', qr/unknown directive "URL"/],
['endpoint', 'include timeout.conf;', qr/invalid value "never" in "timeout"/,
	place => qr/timeout\.conf:1$/m],
map({ my ($where, $file, $message) = @$_;
	[$where, "include $file.conf;", $message,
		place => qr/ in \Q$dir\E\/\Q$file\E\.conf:2$/m] }
	['endpoint', 'payload_none', qr/unknown webhook_payload "none" in webhook_endpoint "e"/],
	['endpoint', 'zone_none', qr/unknown webhook_zone "none" in webhook_endpoint "e"/],
	['endpoint', 'language_none', qr/invalid value "" in "language"/],
	['urlless', 'url_field', qr/"__none__" in "url" of webhook_endpoint "\w+" needs a "payload"/],
	['urlless', 'url_host', qr/the host of "https:\/\/\$arg_a\/" .* needs a "resolver"/],
	['endpoint', 'sign_short', qr/invalid key 1.* in "sign"/],
	['endpoint', 'sign_none', qr/open\(\) ".*\/none" failed/],
	['endpoint', 'key_none', qr/open\(\) ".*\/none" failed/],
	['text', 'escape_none', qr/"\$\{uri\|html\}" has an unknown escape/],
	['structured', 'field_none', qr/unknown variable "\$no_such"/],
	['structured', 'type_none', qr/"sometimes"/]),
['urlless', "include url_port.conf;\n}\nupstream hosts {\nserver 127.0.0.1;",
	qr/upstream "hosts" may not have port 444/,
	place => qr/url_port\.conf:2$/m],
['endpoint', 'include none.conf; #!', qr/none\.conf" failed/],
map({ my $v = $_; ['endpoint', "$v; #!",
	qr/invalid number of arguments in "\w+" directive/] }
	'method', 'method POST GET', 'payload', 'payload a b', 'events',
	'header X', 'header X a b', 'basic ann', 'basic ann a b', 'bearer',
	'bearer a b', 'timeout', 'timeout 1s 2s', 'success', 'success 200 201',
	'retry', 'expire', 'expire 1m drop more', 'max_age', 'max_age 1s 2s',
	'retry_after_max', 'retry_after_max 1s 2s', 'count_throttled',
	'count_throttled on off', 'permanent',
	'permanent 400 404', 'order', 'order key $uri more', 'concurrency',
	'concurrency 1 2', 'zone', 'event_headers', 'allow_http',
	'disable', 'disable 1/1m count=all for=1m more', 'while_disabled',
	'while_disabled hold drop', 'probe', 'probe 1s 2s',
	'rate', 'rate 1r/s burst=1 more', 'quota', 'quota 1/1s more',
	'backlog', 'backlog 1 overflow=dead more',
	'ssl_verify', 'ssl_name', 'ssl_protocols', 'ssl_ciphers',
	'ssl_certificate', 'ssl_certificate_key', 'ssl_trusted_certificate'),
map({ my $v = $_; ['endpoint', "$v;\n$v; #!",
	qr/"\w+" directive is duplicate/] }
	'method GET', 'payload known', 'basic ann a', 'bearer a',
	'timeout 1s', 'success 200', 'retry 1s', 'retry exponential',
	'expire 1m', 'max_age 1m', 'retry_after_max 1m', 'count_throttled on',
	'permanent 400',
	'order none', 'concurrency 1', 'zone one', 'event_headers on',
	'allow_http on', 'ssl_verify on', 'ssl_name a', 'ssl_protocols TLSv1.2',
	'ssl_ciphers DEFAULT', 'ssl_certificate a', 'ssl_certificate_key a',
	'ssl_trusted_certificate a'),
['endpoint', 'url https://127.0.0.1/; #!', qr/"url" directive is duplicate/],

# url

['urlless', "timeout 1s;\n} #!", qr/no "url" in webhook_endpoint "e"/,
	close => 0],
map({ my ($v, $why) = @$_; ['urlless', "url $v; #!",
	qr/invalid value "\Q$v\E" $url: \Q$why\E/] }
	['example.com', 'URL does not start with "http://" or "https://"'],
	['//example.com/', 'URL does not start with'],
	['ftp://example.com/', 'URL does not start with'],
	['https:/example.com', 'URL does not start with'],
	['https://', 'no host in URL'],
	['https:///path', 'no host in URL'],
	['https://:443/', 'no host in URL'],
	['https://@example.com/', 'user information in URL'],
	['https://example.com:/', 'no port after ":" in URL'],
	['https://example.com:x/', 'invalid port in URL'],
	['https://example.com:0/', 'port is out of range in URL'],
	['https://example.com:65536/', 'port is out of range in URL'],
	['https://example.com:99999999999/', 'port is out of range in URL'],
	['https://[::1/', 'no "]" in URL'],
	['https://[::g]/', 'invalid IPv6 address in URL'],
	['https://[::1]x/', 'unexpected character after "]" in URL'],
	['https://256.0.0.1/', 'invalid IPv4 address in URL'],
	['https://127.1/', 'invalid IPv4 address in URL'],
	['https://0x7f000001/', 'invalid IPv4 address in URL'],
	['https://a..b/', 'empty label in host in URL'],
	['https://a_b!/', 'invalid character in host in URL'],
	['https://' . 'a' x 64 . '.b/', 'label in host is too long in URL'],
	['https://example.com#a', 'fragment in URL'],
	['https://example.com?a=b', 'no path before "?" in URL'],
	["https://example.com/\xc3\xa4", 'non-ASCII octet in URL'],
),
['urlless', 'url https://user:p@ss@example.com/; #!',
	qr/invalid value "https:\/\/\*\*\*\@example.com\/" $url: user information/],
['urlless', 'url user@example.com/a@b; #!',
	qr/invalid value "\*\*\*\@example.com\/a\@b" $url: URL does not start with/],
['urlless', 'url "https://example.com/a b"; #!', qr/space in URL/],
['urlless', "url \"https://example.com/\t\"; #!", qr/control character in URL/],
['urlless', 'url https://example.com/$none_such; #!',
	qr/unknown variable "\$none_such"/],
['urlless', 'url https://example.com/$; #!',
	qr/"\$" is not followed by a variable's name/],
['urlless', 'url "https://example.com/${uri"; #!', qr/"\$\{uri" is not closed/],
['urlless', 'url "https://example.com/${uri|json}"; #!',
	qr/"\$\{uri\|json\}" has an unknown escape, in a URL it must be "path"/],
['urlless', 'url "https://example.com/?${uri|path}"; #!',
	qr/"\$\{uri\|path\}" $url must be in the path/],
['urlless', 'url "https://${host|path}/"; #!',
	qr/"\$\{host\|path\}" $url must be in the path/],
['urlless', 'url "${arg_u|path}"; #!',
	qr/"\$\{arg_u\|path\}" $url must be in the path/],
['urlless', 'url $scheme://example.com/; #!',
	qr/invalid value "\$scheme:.*" $url: URL does not start with/],
['urlless', 'url $arg_u/path; #!', qr/$url: URL does not start with/],
['urlless', 'url https://example.com$arg_a?b; #!', qr/no path before "\?"/],
['urlless', 'url https://$arg_a@example.com/; #!', qr/user information in URL/],
['urlless', 'url https://example.com/$arg_a#b; #!', qr/fragment in URL/],
['urlless', 'url https://example.com/../$arg_a; #!',
	qr/with variables it must have no "\." or "\.\." as a segment/],
['urlless', 'url https://example.com/$arg_a/%2e; #!',
	qr/with variables it must have no "\." or "\.\." as a segment/],
['urlless', "url https://\$arg_a/; #!\n", qr/the host of "https:\/\/\$arg_a\/" $url of webhook_endpoint "e" comes from variables, which needs a "resolver" on the "http" level/],
['urlless', "url \$arg_a; #!\n", qr/the host of "\$arg_a" .* needs a "resolver"/],
['urlless', "url https://\$arg_a/;\nssl_name a.example;\n} #!",
	qr/"ssl_name" in webhook_endpoint "e" must not come with a host out of variables/,
	close => 0],
['urlless', "url http://\$arg_a/;\n} #!", qr/needs "allow_http on"/,
	close => 0],
['urlless', 'url https://127.0.0.1/__a__; #!',
	qr/"__a__" $url of webhook_endpoint "e" needs a "payload" with that field/],
['bare', "webhook_payload p structured {\nfield a.b 1;\n}\n"
	. "webhook_endpoint e {\nurl https://127.0.0.1/__a__; #!\npayload p;\n}\nserver { }",
	qr/"__a__" $url of webhook_endpoint "e" is no "field" of webhook_payload "p"/],
map({ ['bare', "webhook_payload p $_\n"
	. "webhook_endpoint e {\nurl https://127.0.0.1/?a=__b__; #!\npayload p;\n}\nserver { }",
	qr/"__b__" $url of webhook_endpoint "e" is no "field" of webhook_payload "p"/]
} "text { template b; }", "raw { body request; }", "form { field a 1; }",
	"flat { field a 1; }"),
['bare', "webhook_store s;\nwebhook_payload p form {\nfield a 1;\n}\n"
	. "webhook_payload other form {\nfield b 1;\n}\n"
	. "webhook_endpoint e {\nurl https://127.0.0.1/__a__; #!\npayload p;\n}\n"
	. "webhook a.b to=e payload=other;\nserver { }",
	qr/"__a__" $url of webhook_endpoint "e" is no "field" of webhook_payload "other"/],
['urlless', 'url https://__a__.example.com/; #!',
	qr/"__a__" $url must be in the path or the query/],
map({ my $v = $_; map({ ['urlless', "url $_; #!",
	qr/"\$$v" $url must be in the path or the query/] }
	"\$$v", "https://\$$v/", "https://a.example:\${$v}0/") }
	qw/ webhook_attempt webhook_retry webhook_attempt_time /),
['bare', "webhook_payload p structured {\nfield a[0] 1;\n}\n"
	. "webhook_endpoint e {\nurl https://127.0.0.1/__a[1]__; #!\npayload p;\n}\nserver { }",
	qr/"__a\[1\]__" $url of webhook_endpoint "e" is no "field" of webhook_payload "p"/],
['urlless', "url https://127.0.0.1/?b=c&k=\$arg_k;\napi_key query k a; #!\n}",
	qr/has a parameter "k" of its own beside that of "api_key query"/,
	close => 0],
['urlless', "url https://\$arg_h/?k=\$arg_k;\napi_key query k a; #!\n}",
	qr/has a parameter "k" of its own beside that of "api_key query"/,
	close => 0],

# addresses, bind

map({ ['endpoint', "addresses $_; #!",
	qr/invalid value "\Q$_\E" in "addresses", it must be "any", or a list of "public" and addresses/]
} qw! none 10.0.0.0/33 ::/129 10.0.0 example.com unix: $arg_a Public !),
['endpoint', 'addresses any public; #!',
	qr/invalid value "any" in "addresses", it must be alone/],
map({ my ($url, $lines, $allowed) = @$_;
	my ($address) = $url =~ m!//\[?([^/\]]+)!;
	['urlless', "url $url; #!\naddresses $lines;",
	qr/invalid address \Q$address\E, by "addresses" in \S+nginx\.conf:\d+ it must be one of "\Q$lines\E", in "url" of webhook_endpoint "e" in/]
} ['https://127.0.0.1/', 'public'], ['https://10.1.0.1/$arg_a', 'public 10.0.0.0/16 ::1'],
	['https://[::1]/', 'public'], ['https://[2001:db8::1]/', '192.0.2.1 2001:db9::/32']),
['endpoint', 'addresses; #!', qr/invalid number of arguments in "addresses"/],
map({ ['endpoint', "bind $_; #!",
	qr/invalid value "\Q$_\E" in "bind", it must be an address as 192\.0\.2\.7/]
} qw! localhost 127.0.0.1:80 $arg_a 127.0.0.0/8 off !),
['endpoint', 'bind 127.0.0.1 transparent; #!',
	qr/invalid number of arguments in "bind"/],
['urlless', 'url ""; #!', qr/invalid value "" $url: URL does not start with/],
['urlless', "url http://127.0.0.1/;\n} #!",
	qr/"http:\/\/" in "url" of webhook_endpoint "e" needs "allow_http on"/,
	close => 0],
['urlless', "url http://127.0.0.1/;\nallow_http off;\n} #!",
	qr/needs "allow_http on"/, close => 0],
['urlless', 'url https://none.invalid/; #!',
	qr/host not found in .*"none\.invalid/, place => qr/nginx\.conf:\d+$/m],
['urlless', "url https://pool:8080/;\n}\n"
	. 'upstream pool { server 127.0.0.1:1; #!',
	qr/upstream "pool" may not have port 8080/,
	place => qr/nginx\.conf:\d+$/m],
['urlless', "url https://unix:8080/;\n}\n"
	. 'upstream unix { server 127.0.0.1:1; #!',
	qr/upstream "unix" may not have port 8080/,
	place => qr/nginx\.conf:\d+$/m],

# method, events, payload, zone

map({ my $v = $_; ['endpoint', "method $v; #!",
	qr/invalid value "\Q$v\E" in "method", it must be "POST", "GET", "PUT", "PATCH" or "DELETE"/] }
	'HEAD', 'post', 'BREW', '$request_method'),
map({ my $v = $_; ['endpoint', "events $v; #!",
	qr/invalid value ".*" in "events", it must be/] }
	'""', 'a,b', 'a/b', '"a b"', 'a..b', '.a', 'a.', 'con*',
	'a.*b', 'a-b', '**', '$a'),
['endpoint', 'payload none; #!',
	qr/unknown webhook_payload "none" in webhook_endpoint "e"/],
['endpoint', 'payload ""; #!',
	qr/invalid value "" in "payload", it must be the name of a webhook_payload/],
['endpoint', 'zone none; #!', qr/unknown webhook_zone "none" in webhook_endpoint "e"/],
['endpoint', 'zone ""; #!',
	qr/invalid value "" in "zone", it must be the name of a webhook_zone/],

# disable, while_disabled, probe

map({ my $v = $_; ['endpoint', "disable $v; #!",
	qr/invalid value "\Q$v\E" in "disable", it must be "N\/TIME" with a number of 1 to 10000 and a time above 0/] }
	'30', '0/1m', '-1/1m', '10001/1m', '1/0', '1/-1m', '1/1x', '1/3651d',
	'/1m', '1/', 'x/1m', '1/1m/1m', '99999999999999999999/1m',
	'1/99999999999999999999', 'off'),
map({ my $v = $_; ['endpoint', "disable $v; #!",
	qr/invalid value "\Q$v\E" in "disable", it must be "after=TIME" with a time above 0, at most 3650d/] }
	'after=', 'after=0', 'after=-1d', 'after=3651d', 'after=never'),
map({ my $v = $_; ['endpoint', "disable $v; #!",
	qr/invalid value "\Q$v\E" in "disable", it must be "consecutive=N" with a number of 1 to 1000000/] }
	'consecutive=', 'consecutive=0', 'consecutive=-1', 'consecutive=1000001',
	'consecutive=1x'),
map({ my $v = $_; ['endpoint', "disable 1/1m $v; #!",
	qr/invalid value "\Q$v\E" in "disable", it must be "count=all", "count=first" or "for=TIME"/] }
	'count=', 'count=some', 'for=', 'for=0', 'for=-1m', 'for=3651d',
	'after=1d', 'more'),
['endpoint', "disable after=1d;\ndisable after=2d; #!",
	qr/invalid value "after=2d" in "disable", it must be "after=" once only/],
['endpoint', "disable consecutive=1;\ndisable consecutive=2; #!",
	qr/invalid value "consecutive=2" in "disable", it must be "consecutive=" once only/],
['endpoint', "disable 1/1m;\n" x 4 . 'disable 5/1m; #!',
	qr/invalid value "5\/1m" in "disable", it must be one of four windows at most/],
map({ my $v = $_; ['endpoint', "while_disabled $v; #!",
	qr/invalid value "\Q$v\E" in "while_disabled", it must be "hold", "drop" or "dead"/] }
	'keep', 'Hold', 'on'),
map({ my $v = $_; ['endpoint', "probe $v; #!",
	qr/invalid value "\Q$v\E" in "probe", it must be a time above 0, at most 3650d/] }
	'0', '-1s', 'off', '3651d', '99999999999999999999'),
map({ my $v = $_; ['endpoint', "$v;\n$v; #!",
	qr/"\w+" directive is duplicate/] } 'while_disabled hold', 'probe 1s',
	'rate 1r/s', 'quota 1/1s', 'backlog 1'),

# rate, quota

map({ my $v = $_; ['endpoint', "rate $v; #!",
	qr/invalid value "\Q$v\E" in "rate", it must be a number of 1 to 1000000 with "r\/s"/] }
	'1', '0r/s', '-1r/s', '1000001r/s', 'r/s', '1r/w', '1.5r/s',
	'99999999999999999999r/s'),
map({ my $v = $_; ['endpoint', "rate 1r/s $v; #!",
	qr/invalid value "\Q$v\E" in "rate", it must be "burst=N" with a number of 1 to 1000000/] }
	'burst', 'burst=', 'burst=0', 'burst=-1', 'burst=1000001', 'nodelay'),
map({ my $v = $_; ['endpoint', "quota $v; #!",
	qr/invalid value "\Q$v\E" in "quota", it must be "N\/TIME" with a number of 1 to 4000000/] }
	'1', '0/1d', '-1/1d', '4000001/1d', '1/0', '1/-1d', '1/3651d', '/1d', '1/',
	'99999999999999999999/1d', '1/99999999999999999999', 'off'),
map({ my $v = $_; ['http', "webhook_zone one 1m $v; #!",
	qr/invalid parameter "\Q$v\E", "webhook_zone" may have .* one "quota=N\/TIME"/] }
	'quota=', 'quota=0/1d', 'quota=1', 'quota=4000001/1d'),
['http', 'webhook_zone one 1m quota=1/1d quota=2/1d; #!',
	qr/invalid parameter "quota=2\/1d"/],

# webhook_log, by nginx's own messages

['http', 'webhook_log; #!', qr/invalid number of arguments/],
['http', 'webhook_log ""; #!',
	qr/invalid path "" in "webhook_log", it must be a file, "syslog:" or "off"/],
['http', "webhook_log $dir/x.log none; #!", qr/unknown log format "none"/],
['http', "webhook_log $dir/x.log buffer=0; #!", qr/invalid buffer size "0"/],
['http', "webhook_log $dir/x.log buffer=1k flush=x; #!",
	qr/invalid flush time "x"/],
['http', "webhook_log $dir/x.log flush=1s; #!", qr/no buffer is defined/],
['http', "webhook_log $dir/x.log webhook_attempts more; #!",
	qr/invalid parameter "more"/],
['http', "webhook_log $dir/x.log if=\$a more; #!",
	qr/invalid parameter "more"/],
['http', 'webhook_log off more; #!', qr/invalid parameter "more"/],
['http', "webhook_log $dir/\$webhook_endpoint.log buffer=1k; #!",
	qr/buffered logs cannot have variables in name/],
['http', "webhook_log $dir/none/x.log;",
	qr/open\(\) ".*none\/x\.log" failed \(2: /, place => qr/./],
['http', "log_format f '\$none_such';\nwebhook_log $dir/x.log f;",
	qr/unknown "none_such" variable/, place => qr/./],
['http', "webhook_log $dir/x.log;\nlog_format webhook_attempts a; #!",
	qr/duplicate "log_format" name "webhook_attempts"/],
['server', "webhook_log $dir/x.log; #!", qr/not allowed here/],

# webhook_metrics

['location', 'webhook_metrics on; #!', qr/invalid number of arguments/],
['location', "webhook_metrics;\nwebhook_metrics; #!",
	qr/"webhook_metrics" directive is duplicate/],
['http', 'webhook_metrics; #!', qr/not allowed here/],

# webhook_history

['http', 'webhook_history some; #!',
	qr/invalid parameter "some", it must be "failures", "all" or "off" first, then "count=", "age=", "size=" or "body="/],
['http', 'webhook_history count=1 all; #!', qr/invalid parameter "all"/],
['http', 'webhook_history all count=0; #!',
	qr/invalid value of "count=0", it must be a number of 1 to 100000000/],
['http', 'webhook_history all age=0s; #!',
	qr/invalid value of "age=0s", it must be a time above 0, at most 3650d/],
['http', 'webhook_history all size=x; #!',
	qr/invalid value of "size=x", it must be a size above 0, such as "64m"/],
['http', 'webhook_history all body=0; #!',
	qr/invalid value of "body=0", it must be "off", or a size above 0, at most 16m/],
['http', 'webhook_history all bodies=1; #!',
	qr/invalid parameter "bodies=1", it must be "count=", "age=", "size=" or "body="/],
['http', 'webhook_history all count=1 count=2; #!',
	qr/duplicate parameter "count=2"/],
['http', "webhook_history all;\nwebhook_history off; #!",
	qr/"webhook_history" directive is duplicate/],
['http', 'webhook_history; #!', qr/invalid number of arguments/],
['server', 'webhook_history all; #!', qr/not allowed here/],
['endpoint', 'history some; #!',
	qr/invalid value "some" in "history", it must be "failures", "all" or "off"/],

# backlog

map({ my $v = $_; ['endpoint', "backlog $v; #!",
	qr/invalid value "\Q$v\E" in "backlog", it must be a number of deliveries of 1 to 4000000000, or a size such as "64k", "100m" or "2g"/] }
	'0', '-1', '0k', '-1k', '4000000001', '1.5', '1kb', '10%', 'off',
	'overflow=dead', '99999999999999999999', '99999999999999999999g',
	'9223372036854775807k'),
map({ my $v = $_; ['endpoint', "backlog 1 $v; #!",
	qr/invalid value "\Q$v\E" in "backlog", it must be "overflow=dead", "overflow=drop_oldest", "overflow=drop_newest" or "overflow=reject"/] }
	'dead', 'overflow', 'overflow=', 'overflow=drop', 'overflow=dead1', '2'),

# webhook_api

['location', 'webhook_api write=yes; #!',
	qr/invalid parameter "write=yes" in "webhook_api", it must be "write=on" or "write=off", or "streams=" and a number of 0 to 1000/],
['location', 'webhook_api write=on streams=1001; #!',
	qr/invalid parameter "streams=1001" in "webhook_api", it must be "write=on"/],
['location', 'webhook_api streams= write=on; #!',
	qr/invalid parameter "streams=" in "webhook_api", it must be "write=on"/],
['location', 'webhook_api write=on write=off; #!',
	qr/duplicate parameter "write=off"/],
['location', 'webhook_api streams=1 streams=2; #!',
	qr/duplicate parameter "streams=2"/],
['location', "webhook_api;\nwebhook_api; #!",
	qr/"webhook_api" directive is duplicate/],
['location', 'webhook_api write=on streams=1 more; #!',
	qr/invalid number of arguments/],
['http', 'webhook_api; #!', qr/not allowed here/],
['server', "location ~ ^/api {\nwebhook_api; #!\n}",
	qr/"webhook_api" must be in a location given by a prefix/],
['server', "location = /api {\nwebhook_api; #!\n}",
	qr/"webhook_api" must be in a location given by a prefix/],
['server', "location \@api {\nwebhook_api; #!\n}",
	qr/"webhook_api" must be in a location given by a prefix/],

# header, basic, bearer

map({ my $v = $_; ['endpoint', "header $v a; #!",
	qr/invalid value ".*" in "header", it must be the name of a header/] }
	'""', 'X:', '"X Y"', "X\xc3\xa4", 'X(', '"X\r"'),
map({ my $v = $_; ['endpoint', "header $v a; #!",
	qr/the header "\Q$v\E" is written by the module, it cannot be set by "header"/] }
	'Host', 'host', 'Content-Length', 'Transfer-Encoding', 'Connection',
	'Upgrade', 'Expect', 'TE', 'Trailer', 'webhook-id', 'Webhook-Timestamp',
	'webhook-event', 'webhook-hops', 'Webhook-Hops'),
map({ my $d = $_;
	['endpoint', "$d file:none; #!", qr/open\(\) ".*\/none" failed \(2: /],
	['endpoint', "$d file:; #!", qr/no path in "file:"/],
	['endpoint', "$d file:directory; #!",
		qr/"\S+directory" is not a regular file/],
	['endpoint', "$d file:empty; #!", qr/"\S+empty" is empty/],
	['endpoint', "$d file:lines; #!",
		qr/"\S+lines" has more than one line, or a control character/],
	['endpoint', "$d file:large; #!",
		qr/"\S+large" is larger than 65536 octets/],
	['endpoint', "$d env:NONE_OF_TEST; #!",
		qr/the environment variable of "env:NONE_OF_TEST" is not set/],
	['endpoint', "$d env:EMPTY_OF_TEST; #!", qr/is not set/],
	['endpoint', "$d env:; #!", qr/of "env:" is not set/],
	['endpoint', "$d env:LINES_OF_TEST; #!",
		qr/control character in the value of "@{[ $d =~ m!^(\w+)! ]}"/],
	['endpoint', "$d \"a\nb\"; #!",
		qr/control character in the value of "@{[ $d =~ m!^(\w+)! ]}"/],
	} 'header X', 'basic ann', 'bearer', 'api_key header X',
	'api_key query x', 'api_key field x'),
map({; ['endpoint', "$_ \$none_such; #!", qr/unknown variable "\$none_such", it must be/] }
	'header X', 'bearer', 'api_key header X', 'api_key query x',
	'api_key field x'),
map({; ['endpoint', "$_ a\$; #!", qr/"\$" is not followed by a variable's name/],
	['endpoint', "$_ \$0; #!", qr/"\$0" is no capture/] }
	'header X', 'bearer', 'order key'),
map({; ['endpoint', "$_ \"a\nb\$arg_a\"; #!",
	qr/control character in the value of "@{[ m!^(\w+)! ]}"/] }
	'header X', 'bearer', 'api_key header X', 'api_key query x',
	'api_key field x'),
['endpoint', "bearer \"\$\$a\nb\"; #!",
	qr/control character in the value of "bearer"/],
['endpoint', 'bearer ""; #!', qr/invalid value "" in "bearer", it must be/],
map({ my $v = $_; ['endpoint', "basic $v a; #!",
	qr/invalid value "(?s:.*)" in "basic", it must be a user name without colon and control characters/] }
	'a:b', '"a\r"', '"a\n"'),
['endpoint', "basic ann a;\nbearer b; #!",
	qr/the header "Authorization" is set twice in webhook_endpoint "e"/],
map({ my $n = $_; ['endpoint', "header $n a;\nheader \L$n\E \$uri; #!",
	qr/the header "\L$n\E" is set twice in webhook_endpoint "e", the other one is in \S+:\d+/] }
	'Content-Type', 'Content-Encoding', 'User-Agent', 'Traceparent'),
['endpoint', "header authorization a;\nbasic ann b; #!",
	qr/"Authorization" is set twice/],
['endpoint', "bearer a;\nheader Authorization b; #!",
	qr/"Authorization" is set twice/],

# API keys

map({; ['endpoint', "$_; #!", qr/invalid number of arguments in "api_key"/] }
	'api_key', 'api_key header', 'api_key header X', 'api_key query x y z'),
map({ my $v = $_; ['endpoint', "api_key $v a b; #!",
	qr/invalid value "\Q$v\E" in "api_key", it must be "header", "query" or "field"/] }
	'body', 'Header', 'cookie'),
['endpoint', 'api_key header "X Y" a; #!',
	qr/invalid value "X Y" in "api_key", it must be the name of a header/],
['endpoint', 'api_key header Host a; #!',
	qr/the header "Host" is written by the module, it cannot be set by "api_key"/],
map({ my $p = $_;
	map({; ['endpoint', "api_key $p $_ a; #!",
		qr/invalid name ".*" in "api_key $p", it must be 1 octet or more of UTF-8 without control characters/s] }
		'""', '"a\r"', "\xff", '"\n"'),
	['endpoint', "api_key $p k a;\napi_key $p k b; #!",
		qr/duplicate "api_key $p k", the other one is in \S+nginx\.conf:\d+/],
	} 'query', 'field'),
['endpoint', "api_key query k a;\napi_key query K b; #!",
	qr/duplicate "api_key query K", the other one is in \S+nginx\.conf:\d+/],
map({; ['endpoint', "api_key $_ k \"\"; #!",
	qr/invalid value "" in "api_key", it must be a key/] }
	'header', 'query', 'field'),
['endpoint', "api_key field k \xe4; #!",
	qr/the value of "api_key field k" is not UTF-8/],
map({ my ($one, $two) = @$_; ['endpoint', "$one a;\n$two b; #!",
	qr/the header "(?i:x-key)" is set twice in webhook_endpoint "e", the other one is in \S+nginx\.conf:\d+/] }
	['header X-Key', 'api_key header x-key'],
	['api_key header X-Key', 'header x-key'],
	['api_key header X-Key', 'api_key header X-Key']),
['endpoint', "bearer a;\napi_key header Authorization b; #!",
	qr/the header "Authorization" is set twice/],
['urlless', "url https://127.0.0.1/?a=b&key=c;\napi_key query key d; #!",
	qr/the URL of webhook_endpoint "e" in \S+:\d+ has a parameter "key" of its own beside that of "api_key query"/],
['urlless', "url https://127.0.0.1/?key;\napi_key query key d; #!",
	qr/has a parameter "key" of its own/],
['endpoint', "api_key query key " . 'x' x 3000 . ";\napi_key query k2 "
	. 'y' x 3000 . ";\napi_key query k3 " . 'z' x 3000 . ";\n} #!",
	qr/path and query of the URL of webhook_endpoint "e" have more than 8192 octets with "api_key query"/,
	close => 0],
['endpoint', join(";\n", map { "api_key header X$_ file:most" } 1 .. 2)
	. ";\n} #!",
	qr/no request can be made for webhook_endpoint "e": request head is too large, it may have 65536 octets at most/,
	close => 0],
map({ my ($payload, $is) = @$_;
	['http', "webhook_payload r raw { body request; }\n"
		. "webhook_payload t text { template a; }\n"
		. "webhook_endpoint e { url https://127.0.0.1/; api_key field k a; }\n"
		. 'server { location /x {'
		. "\nwebhook some.event to=e $payload; #!\n} }",
		qr/"api_key field" of webhook_endpoint "e" in \S+:\d+ needs a payload of kind "structured", "flat" or "form", not $is in/] }
	['payload=r', '"r"'], ['payload=t', '"t"'], ['', 'the default payload']),
['http', "webhook_payload t text { template a; }\n"
	. "webhook_endpoint e { url https://127.0.0.1/; api_key field k a;\n"
	. "payload t; #!\n}",
	qr/needs a payload of kind "structured", "flat" or "form", not "t" in/],
map({; ['http', "webhook_payload r structured { field [0] a; }\n"
	. "webhook_endpoint e { url https://127.0.0.1/; api_key field k $_;\n"
	. "payload r; #!\n}",
	qr/needs a payload of kind "structured" that is no array, "flat" or "form", not "r" in/] }
	'a', '\$arg_k'),
['endpoint', "method GET;\napi_key field k a;\npayload known; #!",
	qr/needs a payload of kind "form", as there is no body with GET, not "known" in/],
['endpoint', "api_key field a k;\npayload known; #!",
	qr/"api_key" of webhook_endpoint "e" in \S+:\d+ has the name of field "a" in \S+:\d+, they meet in/],
['http', "webhook_payload f form { field k a; }\n"
	. "webhook_endpoint e { url https://127.0.0.1/; api_key query k a; method GET;\n"
	. "payload f; #!\n}",
	qr/"api_key" of webhook_endpoint "e" in \S+:\d+ has the name of field "k" in \S+:\d+, they meet in/],
['http', "webhook_payload f flat { field x.k a; }\n"
	. "webhook_endpoint e { url https://127.0.0.1/; api_key field x_k a; }\n"
	. "server { location /x {\nwebhook some.event to=known,e payload=f; #!\n} }",
	qr/has the name of field "x.k" in/],

# values of an attempt

map({ my ($where, $line) = @$_;
	map({ my $v = $_; [$where, $line =~ s/\$/\$$v/r,
		qr/"\$$v" is not known before an attempt, it must be in a payload, a URL, a header or another value that is sent/] }
		'webhook_attempt', 'webhook_retry', 'webhook_attempt_time',
		'Webhook_Attempt') }
	['location', 'webhook some.event to=$; #!'],
	['location', 'webhook some.event to=known if=$; #!'],
	['location', 'webhook some.event to=known id=x-$; #!'],
	['location', 'webhook some.event to=known every=1h per=$; #!'],
	['location', 'webhook some.event to=known order_key=$; #!'],
	['endpoint', 'order key $; #!'],
	['condition', '$ = 1; #!'], ['condition', 'a = $; #!']),
map({ my ($v, $type) = @$_; ['structured', "field a $v $type; #!",
	qr/field "a" cannot be of type "\Q$type\E", "\$webhook_attempt" and "\$webhook_retry" must be "string", or "number"/] }
	['$webhook_attempt', 'boolean'], ['$webhook_retry', 'json'],
	['$webhook_attempt', 'time'], ['$webhook_attempt', 'time:unix'],
	['$webhook_attempt_time', 'number'], ['$webhook_attempt_time', 'json'],
	['1$webhook_attempt', 'number'],
	['$webhook_attempt$webhook_retry', 'number'],
	['$webhook_attempt_time$webhook_retry', 'time']),
map({ my ($v, $type) = @$_; ['structured', "field a $v $type; #!",
	qr/field "a" cannot be of type "\Q$type\E", "\$webhook_attempt" and "\$webhook_retry" must be "string", or "number"|type "\Q$type\E" of field "a" needs the module built with ICU/] }
	['$webhook_attempt', 'number_text'],
	['$webhook_attempt_time', 'datetime_text']),
['structured', 'field a "no. $webhook_attempt" translate; #!',
	qr/field "a" cannot be of type "string", .* without "translate"/],
['structured', 'field a $webhook_attempt null; #!',
	qr/field "a" of type "null" must have the value ""/],
['text', 'template "$webhook_attempt"; #!', qr/must name its escape/],

# times, statuses, numbers, flags

map({ my $v = $_; ['endpoint', "timeout $v; #!",
	qr/invalid value ".*" in "timeout", $time, at most 3650d/] }
	'0', '0ms', '3651d', '-1s', '1x', 'never', '""', '1.5s', '99999999999999999999',
	'9223372036854775807ms', '106751991167d'),
map({ my $v = $_; ['endpoint', "retry $v; #!",
	qr/invalid value ".*" in "retry", it must be "off", "exponential", or one or more times above 0, each at most 3650d/] }
	'0', '1s 0', '1s 3651d', '1s off', 'off 1s', '-1s', 'EXPONENTIAL', '""',
	'1s exponential', 'min=5s', 'exponentially',
	'1s,2s', '99999999999999999999', '9223372036854775807ms'),
map({ my $v = $_; ['endpoint', "retry exponential $v; #!",
	qr/invalid value "\Q$v\E" in "retry", it must be a time above 0, at most 3650d/] }
	'min=0', 'max=0', 'min=', 'max=', 'min=-1s', 'max=3651d', 'min=1.5s',
	'max=1x', 'max=99999999999999999999', 'min=9223372036854775807ms'),
map({ my $v = $_; ['endpoint', "retry exponential $v; #!",
	qr/invalid value "\Q$v\E" in "retry", it must be a percentage of 0% to 100%/] }
	'jitter=', 'jitter=%', 'jitter=20', 'jitter=101%', 'jitter=-1%',
	'jitter=1.5%', 'jitter=20%%', 'jitter=18446744073709551636%'),
map({ my $v = $_; ['endpoint', "retry exponential $v; #!",
	qr/invalid value "\Q$v\E" in "retry", it must be a number of 1 to 10000/] }
	'count=', 'count=0', 'count=-1', 'count=10001', 'count=many',
	'count=4294967297', 'count=99999999999999999999'),
map({ my $v = $_; ['endpoint', "retry exponential $v; #!",
	qr/invalid parameter "\Q$v\E" in "retry exponential", it must be one of "min=", "max=", "jitter=", "count="/] }
	'5s', 'factor=2', 'min', 'MIN=5s', 'off'),
map({ my $v = $_; ['endpoint', "retry exponential $v $v; #!",
	qr/duplicate parameter "\Q$v\E"/] }
	'min=1s', 'max=1s', 'jitter=1%', 'count=1'),
['endpoint', 'retry exponential min=2s max=1s; #!',
	qr/"min=" in "retry exponential" is 2000 ms, it must be at most "max=", which is 1000 ms/],
['endpoint', 'retry exponential min=2h; #!', qr/which is 3600000 ms/],
['endpoint', 'retry exponential max=4999ms; #!', qr/is 5000 ms, it must be at most/],
map({ my $d = $_; map({ my $v = $_; ['endpoint', "$d $v; #!",
	qr/invalid value ".*" in "$d", it must be a time of 0 to 3650d/] }
	'-1s', '3651d', '1x', 'never', '""', '99999999999999999999',
	'9223372036854775807ms') } 'max_age', 'retry_after_max'),
['endpoint', 'count_throttled yes; #!',
	qr/invalid value "yes" in "count_throttled", it must be "on" or "off"/],
['endpoint', 'retry ' . '1s ' x 65 . '; #!',
	qr/invalid value "1s" in "retry", it must be at most 64 times/],
map({ my $v = $_; ['endpoint', "expire $v; #!",
	qr/invalid value ".*" in "expire", it must be a time, or 0 for never, at most 3650d/] }
	'-1s', '3651d', '1x', 'never', '""', '99999999999999999999',
	'9223372036854775807ms'),
['endpoint', 'expire 1m keep; #!',
	qr/invalid value "keep" in "expire", it must be "drop"/],
map({ my $d = $_; map({ my $v = $_; ['endpoint', "$d $v; #!",
	qr/invalid value ".*" in "$d", it must be "any", or a list of "2xx", "404" or "500-599" with commas/] }
	'""', 'some', '20', '600', '6xx', '200,', '299-200', '200,,201') }
	'success', 'permanent'),
map({ my $v = $_; ['endpoint', "order $v; #!",
	qr/invalid value "\Q$v\E" in "order", it must be "strict", "key" or "none"/] }
	'some', 'STRICT', '$uri'),
['endpoint', 'order strict $uri; #!',
	qr/"strict" in "order" has no value "\$uri", only "key" may have one/],
['endpoint', 'order none $uri; #!', qr/"none" in "order" has no value/],
['endpoint', 'order key $none_such; #!', qr/unknown variable "\$none_such", it must be/],
map({ my $v = $_; ['endpoint', "concurrency $v; #!",
	qr/invalid value ".*" in "concurrency", it must be a number of 1 to 256/] }
	'0', '-1', 'many', '""', '257', '65535', '65536', '1.5',
	'99999999999999999999'),
['endpoint', "concurrency 2;\n} #!",
	qr/"concurrency 2" in webhook_endpoint "e" needs "order key" or "order none"/,
	close => 0],
['endpoint', "order strict;\nconcurrency 2;\n} #!", qr/needs "order key"/,
	close => 0],
map({ my $d = $_; map({ my $v = $_; ['endpoint', "$d $v; #!",
	qr/invalid value ".*" in "$d", it must be "on" or "off"/] }
	'yes', '1', '""') } 'event_headers', 'allow_http', 'ssl_verify'),

# ssl

['endpoint', "ssl_certificate a;\n} #!",
	qr/"ssl_certificate" and "ssl_certificate_key" must be both given in webhook_endpoint "e"/,
	close => 0],
['endpoint', "ssl_certificate_key a;\n} #!", qr/must be both given/,
	close => 0],
map({ my $v = $_; ['endpoint', "ssl_name $v; #!",
	qr/invalid value ".*" in "ssl_name", it must be a host name or an IP address/] }
	'""', 'a:443', 'https://a', '"a b"', '$host', '[::g]'),
map({ my $v = $_; ['endpoint', "ssl_protocols $v; #!",
	qr/invalid value ".*" in "ssl_protocols", it must be "TLSv1", "TLSv1\.1", "TLSv1\.2" or "TLSv1\.3"/] }
	'SSLv3', 'TLSv1.4', 'tlsv1.2', '""', 'TLSv1.2,TLSv1.3'),
map({ my $d = $_; ['endpoint', "$d \"\"; #!",
	qr/invalid value "" in "$d", it must be given/] }
	'ssl_ciphers', 'ssl_certificate', 'ssl_certificate_key',
	'ssl_trusted_certificate'),
map({ my $v = $_; ['endpoint', $v,
	qr/TLS of webhook_endpoint "e" in \S+nginx\.conf:\d+ cannot be set up/,
	place => ''] }
	'ssl_ciphers NONE-SUCH;', 'ssl_trusted_certificate none.pem;',
	'ssl_trusted_certificate not.pem;',
	"ssl_certificate none.pem;\nssl_certificate_key none.pem;",
	"ssl_certificate not.pem;\nssl_certificate_key not.pem;",
	"ssl_certificate client.crt;\nssl_certificate_key other.key;"),
['bare', "webhook_store one;\nwebhook_endpoint e { #!\nurl https://127.0.0.1/;\n}",
	qr/webhook_endpoint needs a "server" beside it/, server => 0],

# webhook_payload

['http', "webhook_payload \"\" structured { #!\nfield a b;\n}",
	qr/invalid payload name "", it must be/],
['http', "webhook_payload known structured { #!\nfield a b;\n}",
	qr/duplicate payload "known"/],
map({ my $v = $_; ['http', "webhook_payload p $v { #!\nfield a b;\n}",
	qr/unknown kind ".*", it must be "structured", "flat", "form", "text", "raw" or "cloudevents"/] }
	'some', 'RAW', 'STRUCTURED', '""'),
['http', 'webhook_payload p { } #!', qr/number of arguments/],
['server', 'webhook_payload p text { } #!', qr/not allowed here/],
['structured', '} #!', qr/payload "p" must have at least one "field"/,
	close => 0],
['structured', "content_type text/plain;\n} #!",
	qr/payload "p" must have at least one "field"/, close => 0],
['text', '} #!', qr/payload "p" must have a "template" or a "file"/,
	close => 0],
['structured', 'some thing; #!',
	qr/unknown directive "some" in a structured payload, it must be "field", "content_type" or "include"/],
['text', 'some thing; #!',
	qr/unknown directive "some" in a text payload, it must be "template", "file", "content_type" or "include"/],
map({ my $v = $_; [$v, 'some thing; #!',
	qr/unknown directive "some" in a $v payload, it must be "field", "separator", "join", "content_type" or "include"/] }
	'flat', 'form'),
['raw', 'some thing; #!',
	qr/unknown directive "some" in a raw payload, it must be "body", "content_type" or "include"/],
['structured', 'separator .; #!',
	qr/unknown directive "separator" in a structured payload/],
['flat', 'body request; #!',
	qr/unknown directive "body" in a flat payload/],
['raw', 'field a b; #!', qr/unknown directive "field" in a raw payload/],
['structured', 'template a; #!',
	qr/unknown directive "template" in a structured payload, it must be/],
['text', 'field a; #!', qr/unknown directive "field" in a text payload/],
['text', 'field a b; #!',
	qr/unknown directive "field" in a text payload, it must be/],
['flat', '} #!', qr/payload "p" must have at least one "field"/,
	close => 0],
['form', "separator .;\n} #!",
	qr/payload "p" must have at least one "field"/, close => 0],
['raw', '} #!', qr/payload "p" must have a "body"/, close => 0],
['raw', "content_type a/b;\n} #!", qr/payload "p" must have a "body"/,
	close => 0],
['structured', 'content_type; #!',
	qr/invalid number of arguments in "content_type"/],
['structured', "content_type a/b;\ncontent_type c/d; #!",
	qr/"content_type" directive is duplicate/],
map({ my $v = $_; ['structured', "content_type $v; #!",
	qr/invalid content type "(?s:.*)", it must be/] } '""', '"a\r\nb"'),

# separator, body

map({ my $v = $_; ['flat', "separator $v; #!",
	qr/invalid separator "(?s:.*)", it must be 1 to 8 octets of UTF-8/] }
	'""', '123456789', '"a\nb"', "\"\xff\""),
map({ my $v = $_; ['form', "join $v; #!",
	qr/invalid join "(?s:.*)", it must be 1 to 8 octets of UTF-8/] }
	'""', '123456789', '"a\nb"', "\"\xff\""),
['flat', "join .;\njoin .; #!", qr/"join" directive is duplicate/],
['structured', 'join .; #!',
	qr/unknown directive "join" in a structured payload/],
['form', 'separator; #!', qr/invalid number of arguments in "separator"/],
['form', "separator .;\nseparator .; #!",
	qr/"separator" directive is duplicate/],
map({ my $v = $_; ['raw', "body $v; #!",
	qr/invalid body ".*", it must be "request" or "response"/] }
	'""', 'some', 'REQUEST', '$uri'),
['raw', 'body; #!', qr/invalid number of arguments in "body"/],
['raw', 'body request response; #!',
	qr/invalid number of arguments in "body"/],
['raw', "body request;\nbody response; #!",
	qr/"body" directive is duplicate/],

# names of one level

map({ my $v = $_; ['flat', "field $v b; #!",
	qr/invalid field name ".*", a part of it is empty; a dot in a name is "\\\."/] }
	'""', '.a', 'a.', 'a..b', '.'),
['flat', "field a b;\nfield a c; #!",
	qr/duplicate field "a", its name is "a" as that of field "a" in \S+:\d+ in/],
['flat', "field a.b c;\nfield a_b d; #!\nfield a.c d;",
	qr/duplicate field "a_b", its name is "a_b" as that of field "a\.b" in/],
['form', "field a.b c;\nfield a-b d; #!\nseparator -;",
	qr/duplicate field "a-b", its name is "a-b" as that of field "a\.b" in/],
['flat', 'separator .;'. "\nfield a.b c;\nfield a\\.b d; #!",
	qr/duplicate field "a\\\.b", its name is "a\.b" as that of field "a\.b"/],
['form', 'field a $uri none; #!', qr/invalid parameter "none" of field "a"/],
['flat', 'field a "{" json; #!', qr/"\{" in field "a" is not of type "json"/],

# field

['structured', 'field; #!', qr/"field" must have a name and a value/],
['structured', 'field a; #!', qr/"field" must have a name and a value/],
map({ my $v = $_; ['structured', "field $v b; #!",
	qr/invalid field name ".*", a part of it is empty; a dot in a name is "\\\."/] }
	'""', '.a', 'a.', 'a..b', '.'),
['structured', "field a b;\nfield a c; #!",
	qr/duplicate field "a", the first is in \S+:\d+/],
['structured', "field a b;\nfield a.b c; #!",
	qr/field "a\.b" conflicts with field "a" in \S+:\d+: "a" cannot be both a value and an object/],
['structured', "field a.b c;\nfield a b; #!",
	qr/field "a" conflicts with field "a\.b" in \S+:\d+: "a" cannot be both/],
['structured', 'field ' . 'a.' x 32 . 'a b; #!',
	qr/field "a\..*" is deeper than 32 levels/],
map({ my $v = $_; ['structured', "field a \$uri $v; #!",
	qr/invalid parameter ".*" of field "a", it must be one type \("string", "number", .*"default=", "diff=", .* or "omit_empty"/] }
	'some', 'string number', 'default=a default=b', 'omit_empty omit_empty',
	'time:ns', 'json5', '""', 'translated'),
map({ my ($v, $type) = @$_; ['structured', "field a $v; #!",
	qr/".*" in field "a" is not of type "$type"/] }
	['text number', 'number'], ['"" number', 'number'], ['01 number', 'number'],
	['yes boolean', 'boolean'], ['"{" json', 'json'],
	['a null', 'null'], ['now time', 'time'], ['-1 time:ms', 'time:ms'],
	['$uri number default=a', 'number'],
	['$uri boolean default=', 'boolean'],
	['$uri json default=[', 'json'], ['$uri time default=x', 'time']),

# arrays; JSON, and what differs in it

['structured', "field a[0] b;\nfield a[0] c; #!",
	qr/duplicate field "a\[0\]", the first is in \S+:\d+/],
['structured', "field a[0] b;\nfield a[2] c; #!",
	qr/field "a\[2\]" has no element \[1\] before the element \[2\]/],
['structured', 'field a[1].b c; #!',
	qr/field "a\[1\]\.b" has no element \[0\] before the element \[1\]/],
['structured', "field a[0] b;\nfield a.b c; #!",
	qr/field "a\.b" conflicts with field "a\[0\]" in \S+:\d+: one is in an array where the other is in an object/],
['structured', "field a.b c;\nfield a[0] b; #!",
	qr/field "a\[0\]" conflicts with field "a\.b" in \S+:\d+: one is in an/],
['structured', "field a b;\nfield [0] b; #!",
	qr/field "\[0\]" conflicts with field "a" in \S+:\d+: one is in an/],
['structured', "field a[0] b;\nfield a b; #!",
	qr/field "a" conflicts with field "a\[0\]" in \S+:\d+: "a" cannot be both/],
['structured', "field a[0] b;\nfield a[0].b b; #!",
	qr/field "a\[0\]\.b" conflicts with field "a\[0\]" in/],
map({ my $v = $_; ['structured', "field $v b; #!",
	qr/invalid field name ".*", a part of it is empty/] }
	'a.[0]', 'a[0].', 'a[0]..b', '[0].'),
['structured', 'field a' . '[0]' x 32 . ' b; #!',
	qr/field "a\[0\].*" is deeper than 32 levels/],
map({ my ($kind, $type) = @$_; [$kind, "field a '[\"\${uri}\"]' $type; #!",
	qr/value of field "a" of type "$type" must be one variable, or a text without variables; arrays and objects are made of fields, as "a\[0\]"/] }
	['structured', 'json'], ['flat', 'json'], ['form', 'json_string']),
['structured', 'field a $uri json "diff={$uri}"; #!',
	qr/value of field "a" of type "json" must be one variable/],
map({ my $v = $_; ['structured', "field a $v; #!",
	qr/field "a" with "diff=" must be of the type "json", and both values must be variables/] }
	'$uri diff=$uri', '$uri json_string diff=$uri', '"{}" json diff=$uri',
	'$uri json "diff={}"'),
['structured', 'field a $uri json diff=$uri diff=$uri; #!',
	qr/invalid parameter "diff=\$uri" of field "a"/],
['structured', 'field a $uri diff=; #!',
	qr/invalid parameter "diff=" of field "a"/],
['structured', 'field a $uri json diff=$none_such; #!',
	qr/unknown variable "\$none_such", it must be/],
['flat', 'field a "{" json_string; #!',
	qr/"\{" in field "a" is not of type "json_string"/],

# cloudevents

['http', "webhook_payload p cloudevents { #!\n}",
	qr/kind "cloudevents" must be followed by "structured" or "binary"/],
['http', "webhook_payload p cloudevents both { #!\n}",
	qr/kind "cloudevents" must be followed by "structured" or "binary"/],
['http', "webhook_payload p flat binary { #!\n}",
	qr/invalid parameter "binary" of a flat payload, it has none/],
['http', "webhook_payload p cloudevents binary more { #!\n}",
	qr/number of arguments/],
['cloudevents structured', 'some thing; #!',
	qr/unknown directive "some" in a cloudevents payload, it must be "source", "type", "subject", "dataschema", "datacontenttype", "extension", "field", "body" or "include"/],
['cloudevents binary', 'content_type a/b; #!',
	qr/unknown directive "content_type" in a cloudevents payload/],
['structured', 'subject a; #!',
	qr/unknown directive "subject" in a structured payload/],
map({ my $v = $_; ['cloudevents binary', "$v; #!",
	qr/invalid value ".*" of ".*", it is not of the type of that attribute/] }
	'source ""', 'source "a b"', 'type ""', "subject \"a\x01\"",
	'dataschema /a', 'extension a b integer', 'extension a 2147483648 integer',
	'extension a yes boolean', 'extension a /b uri', 'extension a "" string',
	'extension a 2020-01-01 timestamp', 'extension traceparent a'),
map({ my $v = $_; ['cloudevents structured', "extension $v b; #!",
	qr/invalid name ".*" of an extension, it must be 1 to 20 of "a" to "z" and "0" to "9", and none of the attributes of CloudEvents/] }
	'""', 'A', 'a-b', 'a_b', 'a' x 21, 'id', 'data', 'subject',
	'datacontenttype', 'time', 'specversion'),
['cloudevents structured', 'extension a b number; #!',
	qr/invalid type "number" of extension "a", it must be "string", "integer", "boolean", "binary", "uri", "uriref" or "timestamp"/],
map({ my $v = $_; ['cloudevents structured', "extension $v; #!",
	qr/"extension" must have a name and a value, and may have a type/] }
	'a', 'a b string c'),
['cloudevents structured', "subject a;\nsubject b; #!",
	qr/duplicate attribute "subject"/],
['cloudevents structured', "extension a b;\nextension a b; #!",
	qr/duplicate attribute "a"/],
['cloudevents structured', 'subject; #!',
	qr/invalid number of arguments in "subject"/],
['cloudevents structured', 'subject $none_such; #!',
	qr/unknown variable "\$none_such", it must be/],
map({ my $v = $_; ['cloudevents binary', "datacontenttype $v; #!",
	qr/invalid datacontenttype "(?s:.*)", it must be like "application\/json"/] }
	'""', 'json', '"a/b\r\nc"'),
['cloudevents binary', "datacontenttype a/b;\ndatacontenttype a/b; #!",
	qr/"datacontenttype" directive is duplicate/],
['cloudevents binary', "field a b;\nbody request;\n} #!",
	qr/payload "p" must have either a "body" or "field" directives/,
	close => 0],
['cloudevents binary', "datacontenttype text/plain;\n} #!",
	qr/datacontenttype "text\/plain" of payload "p" must be one of JSON, as its data is, unless there is a "body"/,
	close => 0],
['structured', 'field a $uri null; #!',
	qr/field "a" of type "null" must have the value ""/],
['structured', 'field a $none_such; #!', qr/unknown variable "\$none_such", it must be/],
['structured', 'field a ${uri|json}; #!',
	qr/"\$\{uri\|json\}" must have no escape here, it is for templates of "text" payloads/],
['structured', 'field a ${uri; #!',
	qr/"\$\{uri" is not closed by "\}" or has a wrong character in it/],
['structured', 'field a $; #!',
	qr/"\$" is not followed by a variable's name, a dollar is "\$\$"/],
['structured', 'field a a$1; #!',
	qr/"\$1" is a capture, it must be a variable with a name/],

# template, file

['text', 'template $uri; #!',
	qr/"\$uri" must name its escape as in "\$\{name\|json\}", one of "json", "json-in-string", "url", "form" or "none"/],
['text', 'template ${uri}; #!', qr/"\$\{uri\}" must name its escape/],
['text', 'template ${uri|html}; #!',
	qr/"\$\{uri\|html\}" has an unknown escape, it must be "json", "json-in-string", "url", "form" or "none"/],
['text', 'template ${uri|}; #!', qr/"\$\{uri\|\}" has an unknown escape/],
['text', 'template ${uri|JSON}; #!', qr/has an unknown escape/],
['text', 'template "${uri|json"; #!', qr/is not closed by "\}"/],
['text', 'template ${|json}; #!', qr/is not followed by a variable's name/],
['text', 'template ${1|json}; #!', qr/is a capture/],
['text', 'template a$; #!', qr/is not followed by a variable's name/],
['text', 'template ${none_such|json}; #!', qr/unknown variable "\$none_such", it must be/],
['text', "template a;\ntemplate b; #!",
	qr/a second "template" or "file" in a payload/],
['text', "template a;\nfile open; #!",
	qr/a second "template" or "file" in a payload/],
['text', 'file none; #!', qr/open\(\) ".*\/none" failed \(2: /],
['text', 'file directory; #!',
	qr/"\S+directory" is not a file of at most 1048576 octets/],
['text', 'file long; #!', qr/"\S+long" is not a file of at most 1048576/],
['text', 'file fifo; #!', qr/"\S+fifo" is not a file of at most 1048576/],
['http', 'webhook_translations de fifo; #!',
	qr/"\S+fifo" is not a file of at most 1048576/],
['text', 'file template; #!',
	qr/"\$\{name\}" in line 2 of "\S+template" must name its escape/],
);

# what is allowed: [where, what]

my @allowed = (
['bare', ''],
['bare', "webhook_condition \$c {\n\$uri = a;\n}"],
['condition', '$uri = a;'],
['condition', ('any {' x 8) . '1 < 2;' . ('}' x 8)],
['condition', '1 < 2; $uri in a b c d e f g h i j k l m n o p q r s t;'],
['condition', 'all{any{$uri !~* "a{2}$";}} any { "$$" != $uri; }'],
['condition', 'include empty; $uri = a; include nothing*.conf;'],
['condition', '$d = 1; } webhook_condition $d { $c = 1;'],
['bare', 'webhook_store one;'],
['bare', 'webhook_store one/ size=16m journal=4m sync=always full=reject '
	. 'commit_timeout=1ms dead=1 claims=64k dedupe=1ms;'],
['bare', 'webhook_store one claims=1g dedupe=365d;'],
['bare', 'webhook_store one dead=1s;'],
['http', "webhook_zone one 32k;\nwebhook_zone two 1m;"],
['http', 'webhook_max_event_size 1k;'],
['bare', "webhook_max_event_size 16m;\nwebhook_store one journal=1g;"],
['http', 'webhook_max_body_size 0;'],
['http', 'webhook_connections 0;'],
['http', 'webhook_max_hops 1;'],
['http', 'webhook_max_hops 255;'],
['http', 'webhook a.b to=known;'],
['http', 'webhook ' . 'e' x 128 . ' to=known;'],
['http', "webhook a.b to=known;\n" x 32],
['http', 'webhook off;'],
['location', 'webhook a_1.B.c to=known on=response status=2xx,404,500-599 '
	. 'method=get,POST if=$arg_a order_key=$uri payload=known;'],
['location', 'webhook a.b to=known status=100-599;'],
['http', "webhook_json \$v request \"\";\nwebhook_json \$w request /a~0b~1c/0 type=json;"],
['location', 'webhook_json $v request /;'],
['endpoint', 'events a.* *.b * a.*.b a_1;'],
['endpoint', "events a;\nevents b;\nheader X a;\nheader X b;"],
['endpoint', "order key;\nconcurrency 256;"],
['endpoint', "order strict;\nconcurrency 1;"],
['endpoint', 'order none;'],
['endpoint', 'history all;'],
['http', 'webhook_history off;'],
['http', 'webhook_history count=5;'],
['http', 'webhook_history failures count=100000000 age=3650d size=1g body=off;'],
['endpoint', "retry off;\nexpire 0 drop;\ntimeout 1ms;"],
['endpoint', 'retry ' . '1s ' x 64 . ';'],
['endpoint', 'retry exponential;'],
['endpoint', 'retry exponential min=1s max=1s jitter=100% count=10000;'],
['endpoint', 'retry exponential count=1 jitter=0% max=3650d min=3650d;'],
['endpoint', "max_age 3650d;\nretry_after_max 3650d;\ncount_throttled off;"],
['endpoint', "max_age 0;\nretry_after_max 0;\ncount_throttled on;"],
['endpoint', "success any;\npermanent 400,4xx,500-599;"],
['endpoint', "bearer file:secret;\nheader X env:SECRET_OF_TEST;"],
['endpoint', 'header X "";'],
['endpoint', "header X a;\nheader x b;"],
['endpoint', "api_key header X file:secret;\napi_key query k env:SECRET_OF_TEST;"
	. "\napi_key field k \$arg_k;\napi_key field a.b c;\npayload known;"],
['urlless', "url https://127.0.0.1/?keys=a&b=key;\napi_key query key c;"],
['http', "webhook_payload f form { field k a; }\nwebhook_endpoint e { "
	. 'url https://127.0.0.1/; payload f; api_key query k a; }'],
['endpoint', 'basic key "";'],
['endpoint', 'basic ann pa$$word;'],
['endpoint', 'timeout 3650d;'],
['endpoint', "disable 1/1ms;\ndisable 10000/3650d count=all;\n"
	. "disable 30/30m count=first for=30m;\ndisable 1/1s for=1ms count=all;\n"
	. "disable after=3d;\ndisable consecutive=1000000;\nprobe 1ms;\n"
	. 'while_disabled dead;'],
['endpoint', "disable after=1ms;\nwhile_disabled drop;\nprobe 3650d;"],
['http', 'webhook_zone one 256k disable=10000/3650d;'],
['http', 'webhook_zone one 1m disable=1/1ms;'],
['http', 'webhook_zone one 1m quota=4000000/3650d disable=1/1ms;'],
['endpoint', "rate 1000000r/s burst=1000000;\nquota 4000000/3650d;"],
['endpoint', "rate 1r/d;\nquota 1/1ms;"],
map({ ['endpoint', "backlog $_;"] } '1', '4000000000', '1k', '1m', '100g',
	'1 overflow=dead', '1 overflow=drop_oldest', '1m overflow=drop_newest',
	'1 overflow=reject'),
['server', 'location /api { webhook_api write=off; }'],
['server', 'location /api { webhook_api streams=0 write=on; }'],
['server', 'location /api { webhook_api write=off streams=1000; }'],
['server', 'location ^~ /api/ { webhook_api write=on; }'],
['http', 'webhook_memory 64k;'],
['http', "webhook_memory 1g;\nwebhook_max_body_size 1g;"],
['flat', "field a b;\nfield a.b c;\nfield a\\.b d;\nseparator 12345678;"],
['flat', "field a[0] b;\nfield a[2] c;\njoin ', ';"],
['structured', "field a[0][0] b;\nfield a[0][1].c d;\nfield a[1] e;\nfield b[] c;\nfield b[x] c;\nfield b[0]c d;\nfield c\\[0] d;"],
['structured', "field [0].a b;\nfield [1] '[1]' json_string;"],
['structured', 'field a $uri json diff=$args omit_empty "default={}";'],
['cloudevents structured', ''],
['cloudevents binary', "body response;\ndatacontenttype text/plain;"],
['cloudevents binary', "source urn:a;\ntype com.example.\$webhook_event;\nsubject \$uri;\ndataschema https://example.com/;\nextension a 1 integer;\nextension b true boolean;\nextension traceparent \$http_traceparent;\nfield a b;"],
['form', "field a b;\nseparator \xc3\xa4;\ncontent_type text/plain;"],
['flat', 'field ' . 'a.' x 100 . 'a b;'],
['raw', "content_type text/plain;\nbody response;"],
['endpoint', "ssl_name [::1];\nssl_verify off;\nssl_protocols TLSv1.2 TLSv1.3;"],
['endpoint', "ssl_certificate client.crt;\nssl_certificate_key client.key;\n"
	. 'ssl_trusted_certificate client.ca.crt;'],
['urlless', 'url https://[::1]:8443/a?b=c;'],
['urlless', 'url HTTPS://127.0.0.1;'],
['urlless', 'url https://127.0.0.1/$$;'],
['urlless', 'url https://127.0.0.1/../_a_/__/__/;'],
['urlless', 'url https://127.0.0.1:8443/$arg_a/${arg_b|path}?$arg_c=$webhook_id;'],
['urlless', 'url https://127.0.0.1/$webhook_attempt?t=${webhook_attempt_time}&$Webhook_Retry;'],
['urlless', "url https://127.0.0.1:\$arg_a/\$1;\n}\nresolver 127.0.0.1;\n"
	. "webhook_endpoint f {\nurl \$arg_a;\naddresses any;\n}\n"
	. "webhook_endpoint g {\nurl https://\${arg_a}.example:\$arg_b/;\n"],
['endpoint', 'addresses public 127.0.0.0/8 192.0.2.1 2001:db8::/32 ::1;'],
['endpoint', 'addresses any;'],
['urlless', 'url https://198.41.0.4/; addresses public;'],
['urlless', 'url https://10.0.0.1/; addresses public 10.0.0.0/8;'],
['urlless', 'url https://[::1]/; addresses public ::1;'],
['urlless', "url https://hosts/;\naddresses public;\n}\n"
	. "upstream hosts {\nserver 127.0.0.1:443;"],
['endpoint', 'bind 192.0.2.7;'],
['endpoint', 'bind 2001:db8::7;'],
['urlless', "url http://127.0.0.1/;\nallow_http on;"],
['structured', 'field ' . 'a.' x 31 . 'a b;'],
['structured', "field a b;\nfield a\\.b c;\nfield a\\\\ d;"],
['text', 'template "";'],
['text', 'file open;'],
);

###############################################################################

for (@errors) {
	my ($where, $what, $message, %o) = @$_;
	my ($code, $out, $line) = test($where, $what, %o);

	my $place = exists $o{place} ? $o{place}
		: qr/ in \Q$dir\E\/nginx\.conf:$line$/m;

	my $name = "$where - $what";

	$name =~ s/ ?#!//;
	$name =~ s/\s+/ /g;
	$name =~ s/[^\x20-\x7e]/?/g;
	$name = substr($name, 0, 100) . '...' if length $name > 100;

	my @bad;

	push @bad, 'there is no error' if $code == 0;
	push @bad, 'another message' if $code && $out !~ $message;
	push @bad, "not at line " . ($line || 'as said') if $code && $out !~ $place;


	ok(!@bad, $name) or diag(join(', ', @bad) . ": $out"
		. "wanted: $message");
}

for (@allowed) {
	my ($where, $what, %o) = @$_;
	my ($code, $out) = test($where, $what, %o);

	my $name = "allowed, $where - $what";

	$name =~ s/\s+/ /g;
	$name = substr($name, 0, 100) . '...' if length $name > 100;

	ok($code == 0 && $out !~ /\[(?:warn|emerg|alert)\]/, $name)
		or diag($out);
}

# warnings

for my $d ('header X', 'basic ann', 'bearer', 'api_key header X',
	'api_key query x', 'api_key field x')
{
	my ($code, $out, $line) = test('endpoint', "$d file:open; #!");

	is($code, 0, "world-readable secret of $d is no error");
	like($out, qr/\[warn\].*"\Q$dir\E\/open" can be read by everybody in \Q$dir\E\/nginx\.conf:$line$/m,
		"but it is warned about");
}

for (
	['structured', 'field a b;', 1], ['text', 'template a;', 1],
	['raw', 'body request;', 1], ['cloudevents structured', '', 1],
	['cloudevents binary', '', 0], ['form', 'field a b;', 0],
	['structured', 'field a b;', 0, '__a__'],
	['structured', 'field a b;', 1, '$arg_a'],
) {
	my ($kind, $what, $warn, $path) = @$_;
	my $e = 'webhook_endpoint g { url https://127.0.0.1/' . ($path || '')
		. ";\nmethod GET;\n"
		. "payload p;\n}\nwebhook_payload p $kind {\n$what\n}";
	my ($code, $out) = test('http', $e);

	is($code, 0, "$kind with GET is no error");
	is(scalar $out =~ /\[warn\].*payload "p" of webhook_endpoint "g" in \S+:\d+ is not sent: with "method GET" there is no body/ ? 1 : 0,
		$warn, $warn ? 'but it is warned about' : 'and no warning');
}

ok(!-e "$dir/store" && !-e "$dir/one", 'nginx -t makes no store');

# no secret in a message

my ($code, $out) = test('endpoint', "basic ann \"pass\nword\";");
unlike($out, qr/pass|word\b/, 'a literal secret is not in a message');

for my $w (['endpoint', 'basic ann:s3cret file:secret;'],
	['http', 'webhook_notify email=a@b smtp_user=u smtp_pasword=s3cret;'],
	['http', 'webhook_notify email=a@b smtp=user:s3cret@127.0.0.1:25;'],
	['urlless', 'url https://user:s3cret@127.0.0.1/;'],
	['urlless', 'url https://user:a/s3cret?/x@127.0.0.1/;'],
	['bare', 'webhook_store redis://user:s3cret@127.0.0.1:6379;'],
	['bare', 'webhook_store rediss://user:s3cret@127.0.0.1:6379;'])
{
	($code, $out) = test(@$w);
	my ($name) = $w->[1] =~ /^(\w+)/;

	ok($code && $out !~ /s3cret/, "nor one that \"$name\" has by mistake");
}

###############################################################################

sub test {
	my ($where, $what, %o) = @_;

	my %part = (bare => '', http => '', server => '', location => '',
		main => '');

	my $store = "webhook_store $dir/store size=16m journal=4m;\n"
		. "webhook_endpoint known {\nurl http://127.0.0.1/;\nallow_http on;\n}\n"
		. "webhook_payload known structured {\nfield a b;\n}\n";

	$store = '' if $where eq 'bare';

	my $close = exists $o{close} && !$o{close} ? '' : "}\n";

	if ($where eq 'endpoint') {
		$part{http} = "webhook_endpoint e {\nurl https://127.0.0.1/;\n"
			. "$what\n$close";

	} elsif ($where eq 'urlless') {
		$part{http} = "webhook_endpoint e {\n$what\n$close";

	} elsif ($where eq 'condition') {
		$part{http} = "webhook_condition \$c {\n$what\n$close";

	} elsif ($where =~ /^(?:structured|flat|form|text|raw|cloudevents \w+)$/) {
		$part{http} = "webhook_payload p $where {\n$what\n$close";

	} else {
		$part{$where} = $what;
	}

	my $server = exists $o{server} && !$o{server} ? '' : <<"EOS";
server {
listen 127.0.0.1:%%PORT_http%%;
$part{server}
location / {
$part{location}
}
}
EOS

	my $text = $t->expand(<<"EOC");
%%TEST_GLOBALS%%
events {
}
$part{main}
http {
%%TEST_GLOBALS_HTTP%%
$store
$part{bare}
$part{http}
$server
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

$t->done_testing();

###############################################################################

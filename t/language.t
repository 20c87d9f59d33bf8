#!/usr/bin/perl

# Tests for languages of endpoints: translations, numbers and dates in text.
# Without ICU in the module, the latter are errors.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::Webhook qw/ :DEFAULT find_in_log log_mark /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();
my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

$t->write_file('de.json', <<'EOF');
{
  "open": "offen",
  "status": {"open": "geöffnet", "quoted": "\"so\"\n", "empty": ""},
  "departments": {
    "management_department": "Unternehmensführung",
    "it": "EDV"
  }
}
EOF

$t->write_file('at.json', '{"status": {"open": "aufgesperrt"}}');
$t->write_file('fr.json', '{"status": {"open": "ouvert"}}');
$t->write_file('tlh.json', '{"status": {"open": "poSta\'"}}');

my $icu = icu();

diag('the module is built without ICU') unless $icu;

my %endpoints = (
	de => 'language de; payload status;',
	at => 'language de-AT; payload status;',
	fr => 'language FR; payload form;',
	tlh => 'language tlh; payload status;',
	json => 'language de; payload json;',
	flat => 'language de; payload flat;',
	omit => 'language de; payload omit;',
	none => '',
	$icu ? (
		ntext => 'language de; payload numbers;',
		nfr => 'language fr; payload numbers;',
		nhi => 'language hi; payload numbers;',
		nform => 'language de-CH; payload numbers_form;',
		dde => 'language de; payload dates;',
		dfr => 'language fr; payload dates;',
	) : (),
);

my $endpoints = join '', map { <<"EOE" } sort keys %endpoints;
    webhook_endpoint $_ {
        url http://127.0.0.1:%%PORT_rx%%/$_;
        allow_http on;
        retry off;
        $endpoints{$_}
    }

EOE

my $texts = $icu ? <<'EOC' : '';
    webhook_payload numbers structured {
        field n $arg_n number_text;
        field d $arg_n number_text default=-;
        field o $arg_n number_text omit_empty;
        field fixed 1234.50 number_text;
    }

    webhook_payload numbers_form form {
        field n $arg_n number_text;
    }

    webhook_payload dates structured {
        field d $arg_d date_text;
        field short $arg_d date_text style=short;
        field long $arg_d date_text style=long zone=Europe/Berlin;
        field full $arg_d date_text style=full zone=Pacific/Auckland;
        field t $arg_d datetime_text style=short zone=Europe/Berlin;
        field default $arg_d date_text default=never;
        field fixed 2026-11-21T23:30:00-01:00 date_text style=short;
        field now $webhook_time date_text;
        field unix $webhook_time time:unix;
    }

EOC

my $locations = $icu ? <<'EOC' : '';
        location /numbers/ {
            webhook some.event to=ntext,nfr,nhi,nform;
            return 200;
        }

        location /dates/ { webhook some.event to=dde,dfr; return 200; }

        location /unsure/ {
            webhook some.event to=$arg_to payload=numbers;
            return 200;
        }
EOC

my $conf = <<'EOC';
%%TEST_GLOBALS%%

worker_processes 1;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

    webhook_translations de %%TESTDIR%%/de.json;
    webhook_translations de-at %%TESTDIR%%/at.json;
    webhook_translations fr %%TESTDIR%%/fr.json;
    webhook_translations tlh %%TESTDIR%%/tlh.json;

    webhook_payload status structured {
        field key $arg_s;
        field s $arg_s translate=status;
        field d $arg_s translate=status default=unbekannt;
        field plain $arg_s translate;
        field whole "status.$arg_s" translate;
        field fixed open translate=status;
        field last 1;
    }

    webhook_payload form form {
        field s $arg_s translate=status;
        field departments $arg_j json translate=departments map;
    }

    webhook_payload json structured {
        field values $arg_j json translate=departments;
        field map $arg_j json translate=departments map;
        field d $arg_j json translate map 'default={}';
    }

    webhook_payload flat flat {
        field departments $arg_j json translate=departments map;
    }

    webhook_payload omit structured {
        field s $arg_s translate=status omit_empty;
        field last 1;
    }

%%TEXTS%%
%%ENDPOINTS%%
    server {
        listen 127.0.0.1:%%PORT_http%%;

        location /to/ {
            webhook some.event to=de,at,fr,tlh,json,flat,omit;
            return 200;
        }

        location /two/ { webhook some.event to=de,fr; return 200; }
        location /de/ { webhook some.event to=de; return 200; }

        location /variable/ {
            webhook some.event to=$arg_to payload=status;
            return 200;
        }

%%LOCATIONS%%
    }
}
EOC

$conf =~ s/%%TEXTS%%\n/$texts/;
$conf =~ s/%%ENDPOINTS%%\n/$endpoints/;
$conf =~ s/%%LOCATIONS%%\n/$locations/;

$t->conf($conf)->run();

my %r;

###############################################################################

# two languages and two formats of one event

%r = send_to('/two/?s=open&j=["it","sales"]', 2);

is($r{de}{body}, '{"key":"open","s":"geöffnet","d":"geöffnet",'
	. '"plain":"offen","whole":"geöffnet","fixed":"geöffnet","last":"1"}',
	'structured in German');
is($r{fr}{body}, 's=ouvert&departments_it=it&departments_sales=sales',
	'form in French, what is not there is as it is');
is($r{de}{header}{'webhook-id'}, $r{fr}{header}{'webhook-id'}, 'is one event');

# translations

%r = send_to('/to/?s=open&j={"management_department":1,"it":{"x":[]}}', 7);

is($r{at}{body}, '{"key":"open","s":"aufgesperrt","d":"aufgesperrt",'
	. '"plain":"offen","whole":"aufgesperrt","fixed":"aufgesperrt",'
	. '"last":"1"}', 'what de-AT does not have is that of de');
is($r{tlh}{body}, '{"key":"open","s":"poSta\'","d":"poSta\'",'
	. '"plain":"open","whole":"poSta\'","fixed":"poSta\'","last":"1"}',
	'a language that nobody knows but its catalogue');
is($r{json}{body}, '{"values":{"management_department":1,"it":{"x":[]}},'
	. '"map":{"management_department":"Unternehmensführung","it":"EDV"},'
	. '"d":{"management_department":"management_department","it":"it"}}',
	'an object as a map of its names');
is($r{flat}{body}, '{"departments_management_department":'
	. '"Unternehmensführung","departments_it":"EDV"}', 'a map in a flat one');

%r = send_to('/to/?s=quoted&j=["it","sales",null,"it"]', 7);

is($r{de}{body}, '{"key":"quoted","s":"\"so\"\n","d":"\"so\"\n",'
	. '"plain":"quoted","whole":"\"so\"\n","fixed":"geöffnet","last":"1"}',
	'translations are escaped');
is($r{json}{body}, '{"values":["EDV","sales",null,"EDV"],'
	. '"map":{"sales":"sales","it":"EDV"},"d":{"sales":"sales","it":"it"}}',
	'an array as values, and as a map');

%r = send_to('/to/?s=empty&j="it"', 7);

is($r{de}{body}, '{"key":"empty","s":"","d":"","plain":"empty","whole":"",'
	. '"fixed":"geöffnet","last":"1"}', 'an empty translation is one');
is($r{json}{body}, '{"values":"EDV","map":{"it":"EDV"},"d":{"it":"it"}}',
	'one string');

%r = send_to('/to/?s=none&j=[[]]', 7);

is($r{de}{body}, '{"key":"none","s":"none","d":"unbekannt","plain":"none",'
	. '"whole":"status.none","fixed":"geöffnet","last":"1"}',
	'no translation is the default, or the value');
is($r{json}{body}, '{"values":[[]],"map":null,"d":{}}',
	'what cannot be a map is the default, or null');

%r = send_to('/to/?j=', 7);

is($r{de}{body}, '{"key":null,"s":null,"d":"unbekannt","plain":null,'
	. '"whole":"status.","fixed":"geöffnet","last":"1"}',
	'no value is the default, or null');
is($r{json}{body}, '{"values":null,"map":null,"d":{}}', 'no JSON');
is($r{omit}{body}, '{"last":"1"}', 'omit_empty');

%r = send_to("/to/?s=open%22\xff", 7);
like($r{de}{body}, qr/"s":"open%22\xef\xbf\xbd"/, 'invalid UTF-8 is replaced');

# missing ones are logged, but not each

my $mark = log_mark();

send_to('/de/?s=missing', 1) for 1 .. 5;

is(find_in_log(qr/no translation of/, $mark), 0, 'missing ones are not logged');

my @lines = find_in_log(qr/no translation of/);

is(grep({ /into "de"/ } @lines), 1, 'but once in a while for a language');
like((grep { /into "tlh"/ } @lines)[0],
	qr/\[warn\].*webhook: no translation of "open" into "tlh" for field "plain" and endpoint "tlh", 1 value was/,
	'with the first value');

# an endpoint that is not known to have a language

%r = send_to('/variable/?to=none&s=open', 1);
is($r{none}{body}, '{"key":"open","s":"open","d":"unbekannt","plain":"open",'
	. '"whole":"status.open","fixed":"open","last":"1"}',
	'without a language nothing is translated');

%r = send_to('/variable/?to=json&s=open', 1);
like($r{json}{body}, qr/"s":"geöffnet"/, 'with one it is');

# numbers

SKIP: {
skip 'no ICU', 33 unless $icu;

my $nb = "\xe2\x80\xaf";

%r = send_to('/numbers/?n=1234567.50', 4);

is($r{ntext}{body}, '{"n":"1.234.567,50","d":"1.234.567,50",'
	. '"o":"1.234.567,50","fixed":"1.234,50"}', 'numbers in German');
is($r{nfr}{body}, "{\"n\":\"1${nb}234${nb}567,50\","
	. "\"d\":\"1${nb}234${nb}567,50\",\"o\":\"1${nb}234${nb}567,50\","
	. "\"fixed\":\"1${nb}234,50\"}", 'numbers in French');
like($r{nhi}{body}, qr/"n":"12,34,567.50"/, 'numbers in Hindi');
is($r{nform}{body}, 'n=1%E2%80%99234%E2%80%99567.50',
	'numbers in a form, in Swiss German');

for (
	['0', '0'], ['-0', '-0'], ['-1234.5', '-1.234,5'], ['0.10', '0,10'],
	['9223372036854775807', '9.223.372.036.854.775.807'],
	['0.' . '3' x 50, '0,' . '3' x 50], ['1e3', '1.000'],
	['12E-4', '0,0012'],
) {
	my ($n, $want) = @$_;

	%r = send_to("/numbers/?n=$n", 4);
	like($r{ntext}{body}, qr/"n":"\Q$want\E","d":"\Q$want\E"/,
		'number ' . substr $n, 0, 20);
}

%r = send_to('/numbers/?n=1e400', 4);
like($r{ntext}{body}, qr/^\{"n":"10(?:\.000){133}"/, 'number 1e400');

$mark = log_mark();

for ('1e2000', '1e-2000', '1e99999999999999999999', 'text', '1,5', '01') {
	%r = send_to("/numbers/?n=$_", 4);
	like($r{ntext}{body}, qr/^\{"n":null,"d":"-","o":null,/, "no number $_");
}

is(find_in_log(qr/value of field "n" is not of its type, endpoint "ntext"/,
	$mark), 6, 'numbers that are none are counted');

%r = send_to('/numbers/?n=', 4);
is($r{ntext}{body}, '{"n":null,"d":"-","fixed":"1.234,50"}',
	'an empty number');

%r = send_to('/unsure/?to=none&n=1', 1);
is($r{none}{body}, '{"n":null,"d":"-","o":null,"fixed":null}',
	'no number in text without a language');

%r = send_to('/unsure/?to=de&n=1.5', 1);
like($r{de}{body}, qr/"n":"1,5"/, 'but with one');

# dates

for my $d ('1795292387.952', '2026-11-21T20:19:47.952Z',
	'2026-11-21T15:19:47-05:00')
{
	%r = send_to("/dates/?d=$d", 2);

	like($r{dde}{body}, qr/^\{"d":"21\.11\.2026","short":"21\.11\.26","long":"21\. November 2026","full":"Sonntag, 22\. November 2026","t":"21\.11\.26, 21:19","default":"21\.11\.2026","fixed":"22\.11\.26",/,
		"date in German - $d");
}

like($r{dfr}{body}, qr/^\{"d":"21 nov\. 2026","short":"21\/11\/2026","long":"21 novembre 2026","full":"dimanche 22 novembre 2026",/,
	'date in French');

my ($now, $unix) = $r{dde}{body} =~ /"now":"(.*?)","unix":(\d+)/;
my ($day, $month, $year) = (gmtime($unix))[3 .. 5];

is($now, sprintf('%02d.%02d.%d', $day, $month + 1, $year + 1900),
	'date of the event');

%r = send_to('/dates/?d=2026-02-29', 2);
like($r{dde}{body}, qr/^\{"d":null,"short":null,"long":null,"full":null,"t":null,"default":"never",/,
	'no date');

%r = send_to('/dates/?d=1999-12-31', 2);
like($r{dde}{body}, qr/^\{"d":"31\.12\.1999",/, 'a date alone');

}

# reload

$t->write_file('de.json', '{"status": {"open": "auf"}}');

ok($t->reload(), 'reload');

%r = send_to('/de/?s=open', 1);
like($r{de}{body}, qr/"s":"auf"/, 'a reload takes new translations');

$t->write_file('de.json', "{\"status\":\n {\"open\": \"\xff\"}}");

like($t->reload_expect_fail(),
	qr/"\S+de\.json":2:12 is not JSON in UTF-8, it must be an object of strings, or of such objects in \S+nginx\.conf:\d+/,
	'but not wrong ones');

%r = send_to('/de/?s=open', 1);
like($r{de}{body}, qr/"s":"auf"/, 'which leaves the others');

ok($t->stop(), 'stopped');

# errors of the configuration

my $none = $t->testdir() . '/none.json';

$t->write_file('de.json', '{}');
$t->write_file('list.json', "\n[]");
$t->write_file('number.json', "{\n\"a\": {\"b\": 1}}");
$t->write_file('twice.json', "{\"a\": \"b\",\n\"a\": \"c\"}");
$t->write_file('short.json', "{\"a\": \"b\",\n");

for (
	['webhook_translations de_AT de.json; #!',
		qr/invalid language "de_AT" in "webhook_translations", it must be like "de" or "pt-BR"/],
	['webhook_translations "" de.json; #!', qr/invalid language "" in/],
	['webhook_translations ../de de.json; #!', qr/invalid language "\.\.\/de"/],
	["webhook_translations de de.json;\nwebhook_translations DE de.json; #!",
		qr/duplicate "webhook_translations" of language "DE"/],
	['webhook_translations de none.json; #!', qr/open\(\) "\Q$none\E" failed/],
	['webhook_translations de list.json; #!',
		qr/"\S+list\.json":2 is not an object, it must be an object/],
	['webhook_translations de number.json; #!',
		qr/"\S+number\.json":2 has a value that is neither a string nor an object: "a\.b", it must/],
	['webhook_translations de twice.json; #!',
		qr/"\S+twice\.json":2 has a name twice: "a", it must/],
	['webhook_translations de short.json; #!',
		qr/"\S+short\.json":2:1 is JSON that ends too early, it must/],
	["webhook_endpoint e {\nurl https://127.0.0.1/;\nlanguage a; #!\n}",
		qr/invalid value "a" in "language", it must be a language, as "de" or "pt-BR"/],
	["webhook_endpoint e {\nurl https://127.0.0.1/;\nlanguage xx; #!\n}",
		qr/unknown language "xx" in webhook_endpoint "e", it must (?:be one of ICU's, as "de" or "pt-BR", or )?have a "webhook_translations"/],
	["webhook_payload p structured {\nfield a b translate;\n}\nwebhook_endpoint e { #!\nurl https://127.0.0.1/;\npayload p;\n}",
		qr/field "a" in \S+nginx\.conf:\d+ needs a "language" in webhook_endpoint "e"/],
	["webhook_translations en de.json;\nwebhook_translations de at.json;\nwebhook_payload p structured {\nfield a b translate;\n}\nwebhook_endpoint e {\nurl https://127.0.0.1/;\nlanguage en;\n}\nwebhook_endpoint f { #!\nurl https://127.0.0.1/;\n}\nwebhook a.b to=e,f payload=p;",
		qr/field "a" in \S+nginx\.conf:\d+ needs a "language" in webhook_endpoint "f"/],
	$icu ? (
	["webhook_payload p structured {\nfield a b translate;\n}\nwebhook_endpoint e { #!\nurl https://127.0.0.1/;\nlanguage de;\npayload p;\n}",
		qr/field "a" in \S+nginx\.conf:\d+ needs a "webhook_translations" of language "de" of webhook_endpoint "e"/],
	["webhook_translations xx de.json;\nwebhook_payload p structured {\nfield a 1 number_text;\n}\nwebhook_endpoint e { #!\nurl https://127.0.0.1/;\nlanguage xx;\npayload p;\n}",
		qr/field "a" in \S+nginx\.conf:\d+ needs a language of ICU's, as "de" or "pt-BR", not "xx" of webhook_endpoint "e"/],
	(map { ["webhook_payload p structured {\nfield a $_->[0]; #!\n}", $_->[1]] }
	['$uri date_text zone=Europe/Nowhere',
		qr/unknown time zone "Europe\/Nowhere" of field "a", it must be "UTC" or like "Europe\/Berlin"/],
	['text number_text', qr/"text" in field "a" is not of type "number_text"/],
	['2026-02-30 date_text', qr/"2026-02-30" in field "a" is not of type "date_text"/],
	) ) : (
	map({ ["webhook_payload p structured {\nfield a \$uri $_; #!\n}",
		qr/type "$_" of field "a" needs the module built with ICU/] }
		qw/ number_text date_text datetime_text /),
	),
	(map { ["webhook_payload p structured {\nfield a \$uri $_->[0]; #!\n}", $_->[1]] }
	['zone=UTC', qr/"zone=" of field "a" must come with the type "date_text" or "datetime_text"/],
	['number style=full', qr/"style=" of field "a" must come with the type "date_text"/],
	['style=some', qr/invalid parameter "style=some" of field "a", the style must be "short", "medium", "long" or "full"/],
	['number translate', qr/"translate" of field "a" must come with the type "string" or "json"/],
	['map', qr/"map" of field "a" must come with "translate" and the type "json"/],
	['translate map', qr/"map" of field "a" must come with "translate" and/],
	['translate=', qr/invalid parameter "translate=" of field "a", it must be/],
	['translate translate=a', qr/invalid parameter "translate=a" of field "a"/],
	['json translate map map', qr/invalid parameter "map" of field "a"/],
	['zone=', qr/invalid parameter "zone=" of field "a"/],
	['style=full style=full', qr/invalid parameter "style=full" of field "a"/],
	),
	["webhook_payload p structured {\nfield a '{' json translate; #!\n}",
		qr/"\{" in field "a" is not of type "json"/],
) {
	my ($lines, $message) = @$_;
	my ($code, $out, $line) = try_conf($lines);
	my ($name) = $lines =~ /(?:.*\n)*(.*) #!/;

	ok($code != 0 && $out =~ /\[emerg\].*$message.* in \S+nginx\.conf:$line$/m,
		"error - $name") or diag("line $line: $out");
}

my ($code, $out) = try_conf("webhook_endpoint e {\n"
	. "url https://127.0.0.1/;\nlanguage @{[ $icu ? 'pt-BR' : 'xx-YY' ]};\n}\n"
	. 'webhook_translations xx de.json;');

is($code, 0, 'a language that is not needed') or diag($out);

$t->done_testing();

###############################################################################

sub send_to {
	my ($uri, $n) = @_;

	$rx->forget();

	http("GET $uri HTTP/1.1\r\nHost: localhost\r\n"
		. "Connection: close\r\n\r\n");

	return map { $_->{target} =~ m!^/(\w+)! ? ($1 => $_) : () }
		$rx->wait_requests($n, 10);
}

# nginx -t with these lines, and the line that has the mark

sub try_conf {
	my ($lines) = @_;

	my $text = $t->expand(<<"EOC");
%%TEST_GLOBALS%%
events {
}
http {
%%TEST_GLOBALS_HTTP%%
webhook_store %%TESTDIR%%/none size=16m journal=4m;
$lines
server {
listen 127.0.0.1:%%PORT_http%%;
}
}
EOC

	my ($line) = grep { (split /\n/, $text)[$_ - 1] =~ /#!/ }
		1 .. ($text =~ tr/\n//);

	$text =~ s/ ?#!//;

	$t->write_file('nginx.conf', $text);

	return ($t->test_conf(), $line || 0);
}

sub icu {
	my ($code, $out) = try_conf("webhook_payload p structured {\n"
		. "field a 1 number_text;\n}\n");

	die "unexpected: $out\n" if $code && $out !~ /built with ICU/;

	return !$code;
}

###############################################################################

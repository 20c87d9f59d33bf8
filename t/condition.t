#!/usr/bin/perl

# Tests for webhook_condition: operators, blocks, missing values, and where the
# variable is used.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::Webhook qw/ :DEFAULT find_in_log wait_log log_mark /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

# without a line end, as an editor may leave it, and a block in front

$t->write_file('block.conf', "# comment\nany { \$arg_a = 1; }\n"
	. "all {\n\$arg_b = 2;\n}");
$t->write_file('line.conf', '$arg_c = 3; # comment } without end');
$t->write_file('several-1.conf', '$arg_a = 1;');
$t->write_file('several-2.conf', "include line.conf;\nany { include block.conf; }\n");

# blocks that the parser's buffer of 4096 octets ends within

my $long = join '', map { 'all {' . ' ' x $_ . "#\n" . '$arg_a = 1; any ' . "\n"
	. ' ' x $_ . '{ $arg_a exists; } }' . "\n" } 1 .. 200;

$t->conf(<<"EOC")->run();
%%TEST_GLOBALS%%

worker_processes 1;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

    webhook_condition \$eq { \$arg_a = \$arg_b; }
    webhook_condition \$ne { \$arg_a != \$arg_b; }
    webhook_condition \$lt { \$arg_a < \$arg_b; }
    webhook_condition \$le { \$arg_a <= \$arg_b; }
    webhook_condition \$gt { \$arg_a > \$arg_b; }
    webhook_condition \$ge { \$arg_a >= \$arg_b; }

    webhook_condition \$lt_literal { \$arg_a < 2.5; }
    webhook_condition \$literal_le { -1e400 <= \$arg_a; }

    webhook_condition \$in { \$arg_a in one \$arg_b "three \$arg_b"; }
    webhook_condition \$in_empty { \$arg_a in one ""; }

    webhook_condition \$re { \$arg_a ~ ^a(?<found>b+)c\$; }
    webhook_condition \$re_i { \$arg_a ~* ^a(b+)c\$; }
    webhook_condition \$nre { \$arg_a !~ "^a(b{2})c\$"; }
    webhook_condition \$nre_i { \$arg_a !~* "^a(b{2})c\$"; }
    webhook_condition \$re_empty { \$arg_a ~ ^\$; }
    webhook_condition \$re_utf { \$arg_a ~ "(*UTF8)x"; }
    webhook_condition \$nre_utf { \$arg_a !~ "(*UTF8)x"; }

    webhook_condition \$exists { \$arg_a exists; }
    webhook_condition \$nexists { \$arg_a !exists; }
    webhook_condition \$exist2 { "<\${arg_a}-\$arg_b>" exists; }
    webhook_condition \$nexist2 { "<\${arg_a}-\$arg_b>" !exists; }

    webhook_condition \$text { "<\${arg_a}-\$arg_b>" = "<1-2>"; }
    webhook_condition \$dollar { "\$\$a\$\$\$arg_a" = "\$\$a\$\$1"; }
    webhook_condition \$words { 'any' = \$arg_a; }
    webhook_condition \$anyone { anyone = \$arg_a; }

    webhook_condition \$and {
        \$arg_a = 1;
        \$arg_b = 2;
    }

    webhook_condition \$or {
        any {
            \$arg_a = 1;
            \$arg_b = 2;
        }
    }

    webhook_condition \$nested { # (a or (b and (c or d))) and not e
        any{\$arg_a = 1; all{ \$arg_b = 1;
            any # comment { }
            {
                # any {
                \$arg_c = 1; \$arg_d = 1;
            }
        }}
        \$arg_e != 1;
    }

    webhook_condition \$deep {
        any { all { any { all { any { all { any { all {
            \$arg_a = 1;
        } } } } } } } }
    }

    webhook_condition \$long {
$long
    }

    webhook_condition \$block { include block.conf; \$arg_d !exists; }
    webhook_condition \$line { any { include line.conf; \$arg_a = 1; } }
    webhook_condition \$several { include several-*.conf; }

    # what is not evaluated cannot be logged

    webhook_condition \$lazy_and { \$arg_a = 1; \$loop exists; }
    webhook_condition \$lazy_or { any { \$arg_a = 1; \$loop exists; } }

    webhook_condition \$loop {
        any { \$looped = 1; \$looped = 1; \$loop2 = 1; \$loop2 = 1; }
    }

    webhook_condition \$loop2 { any { \$loop = 1; \$loop = 1; \$loop = 0; } }

    map \$loop \$looped {
        volatile;
        default \$loop;
    }

    webhook_condition \$outer { \$and = 1; \$or = 1; }

    map \$and \$mapped {
        0 no;
        1 yes;
        default other;
    }

    # values of requests

    webhook_condition \$j_eq { \$j = "a b"; }
    webhook_condition \$j_exists { \$j exists; }
    webhook_condition \$j_big { \$j > 18446744073709551616; }
    webhook_condition \$j_small { \$j <= 2.499; }
    webhook_condition \$j_either { any { \$j = true; \$k exists; } }

    log_format json '\$arg_n: \$j_exists \$mapped \$webhook_result';

    webhook_payload flags structured {
        field big \$j_big boolean;
        field j \$j;
    }

    webhook_endpoint one {
        url http://127.0.0.1:%%PORT_rx%%/one;
        allow_http on;
        payload flags;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location /compare {
            return 200 "\$eq\$ne\$lt\$le\$gt\$ge";
        }

        location /literal { return 200 "\$lt_literal\$literal_le"; }
        location /in { return 200 "\$in\$in_empty"; }
        location /re { return 200 "\$re\$re_i\$nre\$nre_i\$re_empty"; }
        location /utf { return 200 "\$re_utf\$nre_utf"; }
        location /exists { return 200 "\$exists\$nexists\$exist2\$nexist2"; }
        location /text { return 200 "\$text\$dollar\$words\$anyone"; }
        location /blocks { return 200 "\$and\$or\$outer\$mapped"; }
        location /nested { return 200 "\$nested"; }
        location /deep { return 200 "\$deep\$long"; }
        location /include { return 200 "\$block\$line\$several"; }
        location /lazy/and { return 200 "\$lazy_and"; }
        location /lazy/or { return 200 "\$lazy_or"; }
        location /loop { return 200 "\$loop"; }

        location ~ ^/captures/(?<found>x+)/(y+)\$ {
            return 200 "\$2 \$re \$2 \$found";
        }

        location /changes {
            set \$x 1;
            set \$before \$changes;
            set \$x 2;
            return 200 "\$before\$changes";
        }

        location /if {
            if (\$and) {
                return 200 yes;
            }

            return 200 no;
        }

        location /json {
            access_log %%TESTDIR%%/json.log json;

            webhook_json \$j request /j;
            webhook_json \$k request /k;

            webhook j.eq to=one if=\$j_eq;
            webhook j.exists to=one if=\$j_exists;
            webhook j.big to=one if=\$j_big;
            webhook j.small to=one if=\$j_small;
            webhook j.either to=one if=\$j_either;

            proxy_pass http://127.0.0.1:%%PORT_http%%/in;
        }
    }

    webhook_condition \$changes { \$x = 1; }
}
EOC

###############################################################################

# numbers and texts: = != < <= > >=

compare(@$_) for (
	['1', '1', '100101'],
	['1', '2', '011100'],
	['2', '1', '010011'],
	['10', '9', '010011'],
	['1.0', '1', '010101', 'equal as numbers only'],
	['1e0', '10e-1', '010101', 'equal as numbers only'],
	['-0', '0', '010101'],
	['-2', '-1', '011100'],
	['2.499', '2.5', '011100'],
	['2.4990000000000000000000000001', '2.499', '010011'],
	['18446744073709551616', '18446744073709551617', '011100'],
	['12345678901234567890', '12345678901234567890.0', '010101'],
	['1e400', '1e401', '011100'],
	['1e99999999999999999999', '1e99999999999999999998', '010011'],
	['1e-99999999999999999999', '0', '010011'],
	['a', 'a', '100000', 'texts are not compared'],
	['a', 'A', '010000'],
	['a', 'b', '010000'],
	['1', 'a', '010000', 'a text is not compared'],
	['a', '1', '010000'],
	['+1', '0', '010000', 'no number'],
	['01', '0', '010000', 'no number'],
	['1.', '0', '010000', 'no number'],
	['0x10', '1', '010000', 'no number'],
	['1', '', '010000', 'empty'],
	['', '1', '010000', 'empty'],
	['', '', '100000', 'empty'],
	[undef, '', '100000', 'missing equals empty'],
	[undef, undef, '100000', 'missing'],
	[undef, '1', '010000', 'missing is not compared'],
	['1', undef, '010000', 'missing is not compared'],
);

is(cond('/literal?a=2.4'), '11', 'literal numbers');
is(cond('/literal?a=2.5'), '01', 'literal number that is the same');
is(cond('/literal?a=-1e401'), '10', 'literal number with an exponent');
is(cond('/literal'), '00', 'literal numbers and a missing one');

# in

is(cond('/in?a=one'), '11', 'in, first');
is(cond('/in?a=two&b=two'), '10', 'in, variable');
is(cond('/in?a=two&b=one'), '00', 'in none');
is(cond('/in?a=One'), '00', 'in, another case');
is(cond('/in'), '11', 'in, missing is empty');
is(cond('/in?a=three'), '00', 'in, part of a value');

# regex

is(cond('/re?a=abbc'), '11000', 'regex');
is(cond('/re?a=ABBC'), '01100', 'regex, another case');
is(cond('/re?a=abc'), '11110', 'regex without the braces');
is(cond('/re?a=x'), '00110', 'regex, no match');
is(cond('/re?a='), '00111', 'regex, empty');
is(cond('/re'), '00111', 'regex, missing is empty');

is(cond('/captures/xx/yyy?a=abbbbbbc'), 'yyy 1 yyy xx',
	'captures of the request stay, a condition sets none');

is(cond("/utf?a=x\xff"), '00', 'both false after an error of the regex');
is(scalar(find_in_log(qr/\[error\].*failed: -?\d+ on a value of 2 octets using "\(\*UTF8\)x", the line of "webhook_condition" is false/)),
	2, 'which is logged');
is(cond('/utf?a=x'), '10', 'regex with UTF-8');

# exists

is(cond('/exists?a=1&b=2'), '1010', 'exists');
is(cond('/exists?a=&b='), '1010', 'exists, empty');
is(cond('/exists?a=1'), '1001', 'exists, one of two');
is(cond('/exists?b=1'), '0101', 'exists, the other of two');
is(cond('/exists'), '0101', 'does not exist');

# texts

is(cond('/text?a=1&b=2'), '1100', 'text with variables');
is(cond('/text?a=12'), '0000', 'text with others');
is(cond('/text?a=any'), '0010', 'quoted name of a block');
is(cond('/text?a=anyone'), '0001', 'word that begins as a block');

###############################################################################

# blocks

is(cond('/blocks?a=1&b=2'), '111yes', 'and, or');
is(cond('/blocks?a=1'), '010no', 'or, first');
is(cond('/blocks?b=2'), '010no', 'or, second');
is(cond('/blocks?a=2'), '000no', 'or, none');

for my $i (0 .. 31) {
	my %v;
	my @names = qw/ a b c d e /;

	@v{@names} = map { $i >> $_ & 1 } 0 .. 4;

	my $args = join '&', map { "$_=$v{$_}" } @names;
	my $expected = ($v{a} || ($v{b} && ($v{c} || $v{d}))) && !$v{e};

	is(cond("/nested?$args"), $expected ? 1 : 0, "nested, $args");
}

is(cond('/deep?a=1'), '11', 'eight levels, and a long block');
is(cond('/deep?a=2'), '00', 'eight levels, and a long block, false');

is(cond('/include?a=1&b=2&c=3'), '111', 'include');
is(cond('/include?a=1&b=2'), '110', 'include, one is false');
is(cond('/include?a=1&c=3'), '011', 'include, block is false');
is(cond('/include?c=3'), '010', 'include in a block');

like($t->read_file('nginx.conf'), qr/include block\.conf/, 'configuration');

my ($code, $out) = $t->test_conf('-T');

is($code, 0, 'nginx -T');
is(() = $out =~ /^# configuration file \S+block\.conf:\n# comment\nany \{/mg, 1,
	'nginx -T shows what is included, once');
is(() = $out =~ /^# configuration file \S+line\.conf:\n/mg, 1,
	'and what is included by that');
like($out, qr/webhook_condition \$deep \{.*webhook_condition \$changes \{ \$x = 1; \}\n\}\n/s,
	'and all of the configuration with blocks');

# evaluation

is(cond('/lazy/and?a=2'), 0, 'and ends at the first that is false');
is(cond('/lazy/or?a=1'), 1, 'or ends at the first that is true');
is(find_in_log(qr/depends on itself/), 0, 'and the rest is not evaluated');

is(cond('/changes'), '10', 'evaluated at each use');
is(cond('/if?a=1&b=2'), 'yes', 'if, true');
is(cond('/if?a=1'), 'no', 'if, false');

like(cond('/loop'), qr/^[01]$/, 'a condition that uses itself has an end');
cmp_ok(scalar(find_in_log(qr/\[error\].*webhook_condition "\$loop" depends on itself/)),
	'>', 0, 'which is logged');
is(cond('/blocks?a=1&b=2'), '111yes', 'others go on');

###############################################################################

# values of requests, in triggers, map and log_format:
# equal, exists, big, small, either

my ($n, $sent) = (0, 0);

json(@$_) for (
	['"a b"', '11000'],
	['"a  b"', '01000'],
	['null', '00000'],
	[undef, '00000'],
	['{"k":1}', '00000'],
	['""', '01000'],
	['true', '01001'],
	['"true"', '01001'],
	['1', '01010'],
	['2.499', '01010'],
	['2.4990000000000000000001', '01000'],
	['"2.4"', '01010'],
	['18446744073709551616', '01000'],
	['18446744073709551617', '01100'],
	['1e400', '01100'],
	['-1e400', '01010'],
	['null,"k":0', '00001'],
	['1,"k":null', '01010'],
);

my @r = $rx->wait_requests($sent, 10);

is(scalar(@r), $sent, 'all events and no others are delivered');

my %big = map { $_->{header}{'webhook-event'} . $_->{body} => 1 } @r;

ok($big{'j.big{"big":true,"j":"1e400"}'}, 'true in a payload');
ok($big{'j.small{"big":false,"j":"-1e400"}'}, 'false in a payload');

$t->done_testing();

###############################################################################

sub cond {
	my ($uri) = @_;

	return get($uri)->body();
}

sub compare {
	my ($x, $y, $expected, $what) = @_;

	my $args = join '&', defined $x ? "a=$x" : (),
		defined $y ? "b=$y" : ();

	is(cond("/compare?$args"), $expected, '= != < <= > >= of '
		. join(' and ', map { defined $_ ? "\"$_\"" : 'none' } $x, $y)
		. ($what ? ", $what" : ''));
}

sub json {
	my ($value, $expected) = @_;

	my $k = ++$n;
	my $body = defined $value ? "{\"j\":$value}" : '{"i":1}';

	my $mark = -s $t->testdir() . '/json.log' || 0;

	post("/json?n=$k&a=1&b=" . (1 + $k % 2), $body);

	my $line = wait_log(qr/^$k: /, 5, $mark, 'json.log') || '';
	my $exists = substr $expected, 1, 1;
	my $mapped = $k % 2 ? 'yes' : 'no';

	my $result = join ',', map { $_ ? 'committed' : 'filtered' }
		split //, $expected;

	is($line, "$k: $exists $mapped $result", "request with $body");

	$sent += $expected =~ tr/1//;
}

###############################################################################

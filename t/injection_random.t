#!/usr/bin/perl

# Random values in every position, see t/injection.t.
#
#	WEBHOOK_RANDOM=300		so many values
#	WEBHOOK_RANDOM_SEED=n		the same ones again; of its own, the clock's
#					with WEBHOOK_RANDOM, else always the same

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::Webhook qw/ :DEFAULT /;
use Test::Webhook::Hostile;
use Test::Webhook::Positions;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $n = $ENV{WEBHOOK_RANDOM} || 24;
my $seed = $ENV{WEBHOOK_RANDOM_SEED} || ($ENV{WEBHOOK_RANDOM} ? time() : 1);

note("WEBHOOK_RANDOM=$n WEBHOOK_RANDOM_SEED=$seed");

my $t = Test::Webhook->new(log_level => 'info');
my $rx = Test::Webhook::Receiver->new($t, port => 'rx');
my $p = Test::Webhook::Positions->new($t, $rx);

my $payloads = $p->payloads();
my $endpoints = $p->endpoints();
my $locations = $p->locations();

$t->write_file('de.json', '{"z":"Z"}');

$t->conf(<<"EOC")->run();
%%TEST_GLOBALS%%

worker_processes 2;

events {
    worker_connections 1024;
}

http {
    %%TEST_GLOBALS_HTTP%%

    resolver 127.0.0.1:%%PORT_nodns%%;
    resolver_timeout 100ms;

    webhook_store %%TESTDIR%%/store size=64m journal=16m dead=1000;
    webhook_translations de de.json;
    webhook_log %%TESTDIR%%/attempts.log;

$payloads
$endpoints
    server {
        listen 127.0.0.1:%%PORT_http%%;
        server_name localhost;

$locations
        location = /ok { return 200; }
    }
}
EOC

###############################################################################

# a generator of its own, as rand() differs between versions

my $state = $seed;

sub below {
	my ($n) = @_;

	$state = ($state * 1103515245 + 12345) & 0x7fffffff;

	return ($state >> 8) % $n;
}

sub one { return $_[below(scalar @_)] }

my @pieces = ('"', '\\', '\\"', '\\u0000', '</script>', "\0", "\r\n", "\n", "\r",
	"\r\n\r\n", "\r\nX-Forged: 1", '../', '/', '//', '..', '.', '?', '#', '&',
	'=', ';', '+', '%', '%0d%0a', '%00', '%2f', '@', ':', '__s__', '__',
	'$v', '${v}', '$$', '{{', '}', '{', '[', ']', ',', '<', '>', "'", '`', ' ',
	"\t", "\x7f", "\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xae", "\xef\xbb\xbf",
	"\xf0\x9f\x98\x80", "\xed\xa0\x80", "\xc0\xaf", "\xe2\x82", "\xff", 'a',
	'Z', '-', '_', '~', '*', '|', '^', "\xc3\xa9");

sub value {
	my $kind = below(4);

	return join '', map { one(@pieces) } 0 .. below(12) if $kind < 2;
	return join '', map { chr below(256) } 0 .. below(60) if $kind == 2;
	return json(3);
}

sub string { return quoted(join '', map { one(@pieces) } 1 .. below(4)) }

sub json {
	my ($depth) = @_;

	my $kind = $depth ? below(5) : 2;

	return '[' . join(one(',', ' , '), map { json($depth - 1) }
		1 .. below(4)) . ']' if $kind == 0;
	return '{' . join(',', map { string() . ':' . json($depth - 1) }
		1 .. below(4)) . '}' if $kind == 1;
	return string();
}

# of what is a number, a boolean, or a name that the configuration has, more
# would have to be known

my %seen = ('' => 1, map { $_ => 1 } qw/ true false plain z Z ~~ /);

sub next_value {
	for ( ;; ) {
		my $v = substr value(), 0, 160;

		return $v unless $seen{$v}++ || $v =~ /^[-+.\deE]*$/;
	}
}

my (%wrong, $sent);

for my $i (1 .. $n) {
	$p->send($i, next_value());

	next if $i % 12 && $i != $n;

	$sent += $p->count();

	my $wrong = $p->wrong();

	push @{$wrong{$_}}, @{$wrong->{$_}} for keys %$wrong;
}

note("$sent deliveries");

for my $name ($p->names(), 'forged') {
	my @errors = @{$wrong{$name} || []};

	is(scalar @errors, 0, "position $name")
		or diag("seed $seed", join "\n", '', map { substr $_, 0, 500 }
			@errors > 8 ? @errors[0 .. 7] : @errors);
}

$t->stop();

is(join("\n", grep { !m!^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[\w+\] \d+#\d+: !
	|| /[\x00-\x08\x0a-\x1f]/ } split /\n/, $t->read_file('error.log')), '',
	'lines of the error log');

done_testing();

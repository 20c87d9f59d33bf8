#!/usr/bin/perl

# Instructions per request, by valgrind's callgrind: unlike times they hardly
# depend on the machine and what else it does.
#
# A front of one process each, without a webhook, with the module but without
# a trigger in the location, with a mirror, with a webhook, and with a webhook
# of three values.  After a first load callgrind is reset, then a second load
# is counted.  Shown are instructions per request, the functions of the module
# by their own instructions, and all functions by what a webhook adds to them.
#
# Environment:
#
#     BENCH_REQUESTS      2000 by default
#     BENCH_CONNECTIONS   1 by default: one event at a time, nothing in batches
#     BENCH_TOP           25 functions by default
#     BENCH_ONLY          names of variants, "none" is always there
#     BENCH_CONF, BENCH_STORE, BENCH_KEEP and others, see bench.pl

use strict;
use warnings;

use File::Basename qw/ dirname /;
use lib dirname(__FILE__), dirname(__FILE__) . '/../lib';

use List::Util qw/ sum0 /;
use Time::HiRes qw/ sleep /;

use Bench;

my $requests = $ENV{BENCH_REQUESTS} || 2000;
my $connections = $ENV{BENCH_CONNECTIONS} || 1;
my $top = $ENV{BENCH_TOP} || 25;
my %only = map { $_ => 1 } split /[\s,]+/, $ENV{BENCH_ONLY} || '';

my $webhook = front_webhook(endpoint => 'order none; concurrency 32;');

my @variants = (
	['none', 'no webhook', {}],

	['module', 'a trigger elsewhere', {
		%$webhook,
		location => '',
		server => "        location /other {\n"
			. "            webhook contact.created;\n"
			. "        }\n",
	}],

	['mirror', 'mirror', front_mirror()],
	['post_action', 'post_action', front_post_action()],
	['off', 'webhook', $webhook],

	['values', 'webhook, 3 values', front_webhook(values => 1,
		endpoint => 'order none; concurrency 32;')],

	['strict', 'webhook, order strict', front_webhook()],

	['always', 'webhook, sync=always', front_webhook(
		store => 'sync=always',
		endpoint => 'order none; concurrency 32;')],
);

@variants = grep { $_->[0] eq 'none' || !%only || $only{$_->[0]} } @variants;

my %titles = map { $_->[0] => $_->[1] } @variants;

system('valgrind --version >/dev/null 2>&1') == 0
	or die "valgrind is needed\n";

$| = 1;

my $dir = setup();
my %profile;

peer(app => 'app', map { ("hook_$_->[0]" => 'hook') } @variants);

printf "%d requests by %d connection%s, instructions in user space\n\n",
	$requests, $connections, $connections == 1 ? '' : 's';

printf "%-26s %12s %12s %14s %12s\n", '', 'per request', 'more',
	'in the module', 'calls of it';

for my $variant (@variants) {
	my ($name, $title, $options) = @$variant;

	my $p = $profile{$name} = profile($name, $options);
	my @own = grep { $p->{$_}{own} } keys %$p;

	printf "%-26s %12.0f %12s %14s %12s\n", $title, total($p),
		$name eq 'none' ? '' : sprintf('%.0f',
			total($p) - total($profile{none})),
		map { $_ ? sprintf '%.0f', $_ : '' }
			sum0(map { $p->{$_}{self} } @own),
			sum0(map { $p->{$_}{calls} } @own);
}

for my $name (grep { $profile{$_} } qw/ off values /) {
	my ($p, $none) = @profile{$name, 'none'};
	my $title = $titles{$name};

	print "\nFunctions of the module, per event, $title\n\n";

	table($p, { map { $_ => $p->{$_}{self} }
		grep { $p->{$_}{own} } keys %$p });

	print "\nLibraries, per event, $title\n\n";

	my %objects;
	$objects{$p->{$_}{object}} += $p->{$_}{self}
		- ($none->{$_} ? $none->{$_}{self} : 0) for keys %$p;

	for (sort { $objects{$b} <=> $objects{$a} } keys %objects) {
		printf "%9.0f  %s\n", $objects{$_}, $_
			if abs $objects{$_} >= 50;
	}

	print "\nAll functions by what they are called or do more for an event,"
		. " $title\n\n";

	table($p, { map {
		$_ => $p->{$_}{self} - ($none->{$_} ? $none->{$_}{self} : 0)
	} keys %$p }, $none);
}

exit 0;

###############################################################################

sub profile {
	my ($name, $options) = @_;

	my $file = "$dir/callgrind.$name";

	my $front = front($name, %$options, hook => "hook_$name", single => 1,
		wrap => ['valgrind', '-q', '--tool=callgrind',
			'--vgdb-poll=200', "--callgrind-out-file=$file",
			'--dump-line=no', '--compress-strings=no',
			'--compress-pos=no']);

	load($front, connections => $connections, requests => 200);
	sleep(1.5);

	control('-z', $front->{pid});
	load($front, connections => $connections, requests => $requests);

	wait_until(10, sub {
		$name =~ /^(?:none|module)$/ || counts()->{"hook_$name"}
			>= $requests + 200
	}) or die "$name: not all events were delivered\n";

	sleep(0.3);
	control('-d', $front->{pid});

	wait_until(20, sub { glob "$file.*" }) or die "no dump of $name\n";
	sleep(0.5);

	my ($dump) = sort glob "$file.*";
	my $p = parse($dump);

	stop_front($front, 'KILL');

	my @lines = log_problems($front);
	print "$name: $lines[0]\n" if @lines;

	return $p;
}

sub control {
	my ($option, $pid) = @_;

	my $out = `callgrind_control $option $pid 2>&1`;

	die "callgrind_control failed:\n$out" if $? != 0;
}

# callgrind's format: costs of a function, and "calls=" with the costs of the
# called one in the next line

sub parse {
	my ($path) = @_;

	my (%p, $object, $called, $fn, $cfn);

	open my $fh, '<', $path or die "can't read $path: $!\n";

	while (<$fh>) {
		if (/^ob=(.*)/) {
			$object = $1;

		} elsif (/^cob=(.*)/) {
			$called = $1;

		} elsif (/^fn=(.*)/) {
			$fn = entry(\%p, $1, $object);

		} elsif (/^cfn=(.*)/) {
			$cfn = entry(\%p, $1,
				defined $called ? $called : $object);
			undef $called;

		} elsif (/^calls=(\d+)/) {
			my $n = $1;

			my $line = <$fh>;
			my ($cost) = $line =~ /^\S+ (\d+)/;

			$cfn->{calls} += $n / $requests;
			$cfn->{total} += ($cost || 0) / $requests
				if $cfn != $fn;

		} elsif (/^[\d+*-]\S* (\d+)/) {
			$fn->{self} += $1 / $requests;
		}
	}

	return \%p;
}

sub entry {
	my ($p, $name, $object) = @_;

	$name =~ s/'\d+$//;
	$object =~ s!.*/!!;

	return $p->{$name} ||= {
		self => 0, calls => 0, total => 0, object => $object,
		own => scalar($object =~ /^ngx_http_webhook_module/),
	};
}

sub total {
	my ($p) = @_;

	return sum0(map { $_->{self} } values %$p);
}

sub table {
	my ($p, $by, $none) = @_;

	my @names = sort { $by->{$b} <=> $by->{$a} || $a cmp $b } keys %$by;

	printf "%9s %9s %10s %8s  %s\n", $none ? ('more', 'in all') :
		('own', ''), 'inclusive', 'calls', 'function';

	for my $name (splice @names, 0, $top) {
		my $f = $p->{$name};
		my $less = $none && $none->{$name};

		printf "%9.0f %9s %10.0f %8.2f  %s%s\n", $by->{$name},
			$none ? sprintf '%.0f', $f->{self} : '',
			$f->{total}, $f->{calls} - ($less ? $less->{calls} : 0),
			$name, $f->{own} ? '' : " [$f->{object}]";
	}
}

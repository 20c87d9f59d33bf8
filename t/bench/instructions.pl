#!/usr/bin/perl

# Instructions per request, by valgrind's callgrind: unlike times they hardly
# depend on the machine and what else it does.
#
# A front of one process each, without the module, with the module only, with
# an endpoint but no trigger, with a trigger in another location, with a mirror,
# with a webhook, and with a webhook of three values.  After a first load
# callgrind is reset, then a second load is counted.  Shown are instructions per
# request, the functions of the module by their own instructions, and all
# functions by what a webhook adds to them.
#
# "its hooks" is what requests cause in the module, without what it does by the
# clock, which counts for much here because valgrind is slow.
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
use Callgrind qw/ control /;

my $requests = $ENV{BENCH_REQUESTS} || 2000;
my $connections = $ENV{BENCH_CONNECTIONS} || 1;
my $top = $ENV{BENCH_TOP} || 25;
my %only = map { $_ => 1 } split /[\s,]+/, $ENV{BENCH_ONLY} || '';

my $webhook = front_webhook(endpoint => 'order none; concurrency 32;');

my @variants = (
	['none', 'no webhook', {}],

	['loaded', 'module, nothing configured', { module => 1 }],

	['store', 'endpoint, no trigger', { %$webhook, location => '' }],

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

printf "%-26s %12s %12s %14s %12s %12s\n", '', 'per request', 'more',
	'in the module', 'its hooks', 'calls of it';

for my $variant (@variants) {
	my ($name, $title, $options) = @$variant;

	my $p = $profile{$name} = profile($name, $options);
	my @own = grep { $p->{$_}{own} } keys %$p;

	printf "%-26s %12.0f %12s %14s %12s %12s\n", $title, total($p),
		$name eq 'none' ? '' : sprintf('%.0f',
			total($p) - total($profile{none})),
		map { $_ ? sprintf '%.0f', $_ : '' }
			sum0(map { $p->{$_}{self} } @own),
			sum0(map { $_->{self} } hooks($p)),
			sum0(map { $p->{$_}{calls} } @own);
}

if ($profile{module}) {
	my $p = $profile{module};
	my $n = sum0(map { $_->{self} } hooks($p));

	printf "\nA request without a trigger passes %d functions of the module "
		. "with %.0f\ninstructions in all, %.2f %% of the request.\n",
		sum0(map { $_->{calls} } hooks($p)), $n,
		100 * $n / total($profile{none});
}

for my $name (grep { $profile{$_} } qw/ module off values /) {
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
		$name =~ /^(?:none|loaded|store|module)$/ || counts()->{"hook_$name"}
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
			$cfn->{by}{$fn->{name}} += $n / $requests;
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
		name => $name, by => {},
		self => 0, calls => 0, total => 0, object => $object,
		own => scalar($object =~ /^ngx_http_webhook_module/),
	};
}

# functions of the module that nginx calls for each request, and what they
# call of it; not the timers, which run by the clock, whatever the requests

sub hooks {
	my ($p) = @_;

	my @own = grep { $_->{own} } values %$p;
	my %hooks;

	for my $f (@own) {
		my $calls = sum0(map { $f->{by}{$_} }
			grep { !$p->{$_}{own} } keys %{$f->{by}});

		$hooks{$f->{name}} = $f if $calls > 0.5;
	}

	for ( ;; ) {
		my @more = grep {
			my $f = $_;
			!$hooks{$f->{name}}
				&& grep { $hooks{$_} } keys %{$f->{by}};
		} @own or last;

		$hooks{$_->{name}} = $_ for @more;
	}

	return values %hooks;
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

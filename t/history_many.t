#!/usr/bin/perl

# Tests for a history of many attempts: pages, also of filters that match
# rarely, are complete and in order while attempts come; many are forgotten at
# once, and the oldest go when there are too many octets.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP qw/ decode_json encode_json /;

use Test::Webhook qw/ :DEFAULT wait_for /;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $n = $ENV{WEBHOOK_HISTORY} || 20000;
my $each = 500;
my $rare = 1000;

my $t = Test::Webhook->new();

sub conf {
	my ($history) = @_;

	return <<"EOC";
%%TEST_GLOBALS%%

worker_processes 2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=256m journal=32m;
    webhook_history all $history;

    webhook_endpoint many {
        url http://127.0.0.1:%%PORT_sink%%/many;
        allow_http on;
        events a.* b.*;
        order none;
        concurrency 32;
        retry off;
    }

    webhook_endpoint rare {
        url http://127.0.0.1:%%PORT_sink%%/rare;
        allow_http on;
        events rare.*;
        order none;
        retry off;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location = /post {
            webhook_accept;
            webhook a.*;
            webhook b.*;
            webhook rare.*;
        }

        location /api { webhook_api write=on; }
    }

    server {
        listen 127.0.0.1:%%PORT_sink%%;

        location / { return 204; }
        location = /rare { return 503; }
    }
}
EOC
}

$t->conf(conf("count=1000000 size=128m body=off"))->run();

###############################################################################

# in parts, each of which the store has before the next: none is given up

my $made = 0;

while ($made < $n) {
	post_events(map { $made++; [$made % 2 ? 'a.odd' : 'b.even', "n-$made"],
		$made % $rare ? () : ['rare.one', "r-$made"] } 1 .. $each);

	next if $made % 2000;

	wait_for(sub { attempts("endpoint=many&id=n-$made") }, 60) or last;
}

my $all = $n + $n / $rare;

ok(wait_for(sub { count('limit=1000') >= $all }, 60), 'all are kept');

# pages, while attempts come

my @new;

for my $args ('limit=1000', 'limit=333&endpoint=many') {
	my (@seen, %twice, $next);
	my $disorder = 0;

	do {
		my $page = page("$args" . ($next ? "&cursor=$next" : ''));

		for (@{$page->{attempts}}) {
			$disorder++ if @seen && $_->{key} ge $seen[-1][0];
			$twice{$_->{id}}++;
			push @seen, [$_->{key}, $_->{id}];
		}

		$next = $page->{next};

		push @new, 'new-' . @new;
		post_events(['a.new', $new[-1]]);
	} while ($next);

	is($disorder, 0, "$args: the latest first");
	is(scalar(grep { $_ > 1 } values %twice), 0, "$args: none twice");
	is(join(' ', (grep { !$twice{"n-$_"} } 1 .. $n)[0 .. 0]) || '', '',
		"$args: none is missing");
	is(scalar(grep { /^r-/ } keys %twice), $args =~ /endpoint/ ? 0
		: $n / $rare, "$args: of all endpoints asked for");
}

# filters that match rarely, each over all of them

my $r = join ' ', map { 'r-' . $rare * $_ } reverse 1 .. $n / $rare;

for my $args ('endpoint=rare', 'event=rare.one', 'class=status', 'status=503',
	'failed=1', 'endpoint=rare&limit=3', 'status=503&limit=7')
{
	my @found = attempts($args);

	is(scalar(@found), $n / $rare, "$args: all of them");
	is(join(' ', sort map { $_->{id} } @found),
		join(' ', sort split / /, $r), "$args: the right ones");
}

is(join(' ', map { $_->{id} } attempts('id=n-' . $n / 2)), 'n-' . $n / 2,
	'one in the middle');
is(join(' ', map { $_->{id} } attempts('id=n-1')), 'n-1', 'the first one');
is(scalar(attempts('status=599')), 0, 'none');

# by time: what is before it, and what is not, are all there are

my ($middle) = attempts('id=n-' . $n / 2);
my $before = () = attempts("until=$middle->{time}&limit=1000");
my $after = () = attempts("since=$middle->{time}&limit=1000");

ok(wait_for(sub { count('event=a.new&limit=1000') == @new }, 20),
	'those that came meanwhile');

$after = () = attempts("since=$middle->{time}&limit=1000");

is($before + $after, $all + @new, 'by time, before and after');

# forgotten, many at once, while attempts come

my $times = forget("event=a.odd&since=$middle->{time}");

is($times + count("event=a.odd&limit=1000"), $n / 2, 'since a time');
is(count("event=a.odd&since=$middle->{time}"), 0, 'all of them');

is(forget("event=a.odd&until=$middle->{time}"), $n / 2 - $times,
	'until a time');
is(count('event=b.even&limit=1000'), $n / 2, 'others are kept');
is(count('endpoint=rare'), $n / $rare, 'of the other endpoint, too');

post_events(['a.new', 'last-1'], ['a.new', 'last-2']);
ok(wait_for(sub { count('event=a.new&limit=1000') == @new + 2 }, 20),
	'new ones come');

# by octets: each has some 400, and a row of 100 at least

$t->conf(conf('count=1000000 size=100k body=off'));
ok($t->reload(), 'reload');

ok(wait_for(sub {
	post_events(map { ['a.size', "s-$_"] } 1 .. 10);
	count('limit=1000') < 1024;
}, 60), 'bounded by size');

my @left = attempts('limit=1000');
my %left = map { $_->{id} => 1 } @left;

cmp_ok(scalar(@left), '>', 50, 'as many as it may have');
is(scalar(grep { $left{"n-$_"} } 1 .. $n / 2), 0, 'the oldest have gone');
ok(wait_for(sub { count('endpoint=many&limit=1000')
	+ count('endpoint=rare&limit=1000') == count('limit=1000') }, 20),
	'and are in no list');

# by time, also when no others are written

$t->conf(conf('age=1s body=off'));
ok($t->reload(), 'reload');
ok(wait_for(sub { count('limit=1000') == 0 }, 30), 'bounded by age');

done_testing();

###############################################################################

sub post_events {
	my @events = map { { type => $_->[0], id => $_->[1], data => {} } } @_;
	my $r = post('/post', encode_json(\@events),
		'Content-Type' => 'application/json');

	$r->status() =~ /^20[02]$/ or diag('answered ' . $r->status() . ' '
		. $r->body());
}

# JSON::PP takes a millisecond for each, and to compare them with the document
# of the API takes longer: that is done with those of the small pages

sub page {
	local $t->{api} = $_[0] =~ m!limit=\d{3}! ? [] : $t->{api};

	my $text = get("/api/attempts?$_[0]")->body();

	my @attempts = map {
		my ($key, $time, $event, $id) = /^"key":"(\w+)","time":(\d+),
			"endpoint":"\w+","event":"([\w.]+)","id":"([\w-]+)"/x
			or die "not an attempt: $_\n";
		{ key => $key, time => $time, event => $event, id => $id }
	} $text =~ /\{("key":.*?)\}/g;

	return { attempts => \@attempts,
		next => $text =~ /"next":"(\w+)"/ ? $1 : undef };
}

sub attempts {
	my ($args) = @_;
	my (@all, $next);

	do {
		my $page = page($args . ($next ? "&cursor=$next" : ''));
		push @all, @{$page->{attempts}};
		$next = $page->{next};
	} while ($next);

	return @all;
}

sub count { scalar(() = attempts($_[0])) }

sub forget {
	my ($args) = @_;

	return decode_json($t->request('DELETE', "/api/attempts?$args", '')
		->body())->{forgotten};
}

###############################################################################

#!/usr/bin/perl

# Tests for many dead letters that are sent again while traffic flows to the
# same endpoints: each once, in the order of their lanes, as new events are, and
# not faster than the endpoint's rate.
#
# WEBHOOK_REPLAY: how many, 400 by default.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP qw/ decode_json encode_json /;

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $n = $ENV{WEBHOOK_REPLAY} || 400;
my $lanes = 8;
my $parts = 10;

# all of it takes four seconds at the least, at 10000 ten

my $rate = $n < 4000 ? $n / 4 : $n / 10;

my $t = Test::Webhook->new();

my $rx = Test::Webhook::Receiver->new($t, port => 'rx', keepalive => 1);

my %endpoint = (
	strict => 'order strict;',
	key => 'order key $k;',
	paced => "order key \$k; rate ${rate}r/s burst=1;",
);

my $endpoints = join '', map { <<"EOC" } sort keys %endpoint;

    webhook_endpoint $_ {
        url http://127.0.0.1:%%PORT_rx%%/$_;
        allow_http on;
        retry off;
        timeout 60s;
        header X-N \$n;
        header X-K \$k;
        payload n;
        $endpoint{$_}
    }
EOC

my $locations = join '', map { <<"EOC" } sort keys %endpoint;

        location = /$_ {
            webhook_accept;
            webhook_json \$n request /data/n;
            webhook_json \$k request /data/k;
            webhook a.b to=$_;
        }
EOC

$t->conf(<<"EOC")->run();
%%TEST_GLOBALS%%

worker_processes 2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=256m journal=32m dead=100000;

    webhook_payload n text {
        template "\${n|none}";
        content_type text/plain;
    }
$endpoints
    server {
        listen 127.0.0.1:%%PORT_http%%;
$locations
        location /api { webhook_api write=on; }
    }
}
EOC

###############################################################################

for my $name (qw/ strict key paced /) {

	# dead letters

	$rx->set(500);

	my $last = 0;

	while ($last < $n) {
		my @part = $last + 1 .. ($last + 200 < $n ? $last + 200 : $n);

		events($name, @part);
		$last = $part[-1];
	}

	ok(wait_for(sub { dead($name) == $n }, 300), "$name: dead letters");

	# they are sent again in parts, with new events before and behind each

	$rx->set(200);
	$rx->forget();

	my ($next, $replayed, $new) = ('', 0, $n);
	my $limit = int(($n + $parts - 1) / $parts);

	do {
		events($name, $new + 1 .. $new + 20);
		$new += 20;

		my $r = decode_json(post("/api/dead/replay?endpoint=$name&limit="
			. $limit . $next, '', 'Content-Type' => 'application/json')
			->body());

		$replayed += $r->{replayed};
		$next = $r->{next} ? "&cursor=$r->{next}" : '';
	} while ($next);

	events($name, $new + 1 .. $new + 20);
	$new += 20;

	is($replayed, $n, "$name: all are sent again");
	ok(wait_for(sub { $rx->count() >= $new }, 300), "$name: all come")
		or diag($rx->count() . " of $new");
	ok($rx->only_requests($new, 0.3), "$name: once");

	my @r = map { [@{$_->{header}}{qw/ x-n x-k /}, $_->{time}] }
		$rx->requests();

	is(join(' ', sort { $a <=> $b } map { $_->[0] } @r),
		join(' ', 1 .. $new), "$name: each of them");

	# those that were dead among themselves, and new ones among themselves

	my $lane = $name eq 'strict' ? sub { 0 } : sub { $_[0][1] };

	for my $which (['dead', sub { $_[0] <= $n }], ['new', sub { $_[0] > $n }])
	{
		my ($title, $is) = @$which;
		my (%last, @wrong);

		for (grep { $is->($_->[0]) } @r) {
			my $l = $lane->($_);

			push @wrong, "$last{$l} before $_->[0]"
				if defined $last{$l} && $last{$l} > $_->[0];
			$last{$l} = $_->[0];
		}

		is(scalar(@wrong), 0, "$name: $title ones in order")
			or diag(join ', ', @wrong[0 .. ($#wrong < 4 ? $#wrong : 4)]);
	}

	# traffic flows meanwhile: new events do not wait for all that was dead

	my ($first) = grep { $r[$_][0] > $n } 0 .. $#r;
	cmp_ok($first, '<', $n, "$name: new ones come among them");

	if ($name eq 'paced') {
		my $seconds = $r[-1][2] - $r[0][2];

		cmp_ok($seconds, '>', 0.9 * ($new - 1) / $rate,
			"$name: not faster than its rate");
		note(sprintf '%d in %.2f s, %.1f/s of %.1f/s', scalar(@r), $seconds,
			(@r - 1) / $seconds, $rate);
	}

	$rx->forget();
}

done_testing();

###############################################################################

sub events {
	my ($name, @n) = @_;

	my $r = post("/$name", encode_json([map { { type => 'a.b',
		data => { n => $_, k => 'k' . $_ % $lanes } } } @n]),
		'Content-Type' => 'application/json');

	is($r->status(), 202, "$name: events") if $r->status() != 202;
}

sub dead {
	my ($name) = @_;
	my ($found, $next) = (0, '');

	# to compare large pages with the document of the API takes long

	local $t->{api} = [];

	do {
		my $text = get("/api/dead?endpoint=$name&limit=1000$next")->body();
		$found += () = $text =~ /"key":"/g;
		$next = $text =~ /"next":"(\w+)"/ ? "&cursor=$1" : '';
	} while ($next);

	return $found;
}

###############################################################################

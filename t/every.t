#!/usr/bin/perl

# Tests for "every=", "per=" and "id=" of triggers: claims on events.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

my $conf = <<'EOC';
%%TEST_GLOBALS%%

worker_processes 2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m DEDUPE;

    webhook_endpoint one {
        url http://127.0.0.1:%%PORT_rx%%/one;
        allow_http on;
    }

    webhook_endpoint two {
        url http://127.0.0.1:%%PORT_rx%%/two;
        allow_http on;
    }

    log_format result '$request_uri $webhook_result';
    access_log %%TESTDIR%%/result.log result;

    server {
        listen 127.0.0.1:%%PORT_http%% reuseport;

        location /every {
            webhook every.event to=one every=1h per=$arg_p;
            add_header X-Id $webhook_id;
            return 200;
        }

        location /single {
            webhook single.event to=one every=1h;
            return 200;
        }

        location /short {
            webhook short.event to=one every=300ms;
            return 200;
        }

        location /some {
            webhook some.event to=$arg_to,one every=1h per=$arg_p;
            return 200;
        }

        location /id {
            webhook id.event to=one,two id=$arg_id;
            add_header X-Id $webhook_id;
            return 200;
        }

        location /both {
            webhook both.event to=one id=$arg_id every=1h per=$arg_p;
            return 200;
        }

        location /accept {
            webhook_accept;
            webhook id.event to=one,two;
            webhook every.event to=one every=1h per=$type;
            webhook_json $type request /data;
        }

        location /large {
            webhook large.event to=one id=$arg_id payload=large;
            return 200;
        }
    }

    webhook_payload large text {
        template "${arg_pad|none}${arg_pad|none}${arg_pad|none}";
    }

    webhook_max_event_size 4k;
}
EOC

my $short = $conf;

$conf =~ s/ DEDUPE//;
$short =~ s/DEDUPE/dedupe=300ms/;

$t->conf($conf)->run();

my (%asked, $again);

###############################################################################

# intervals

ask('/every?p=a') for 1 .. 5;
ask('/every?p=b') for 1 .. 3;
ask('/every') for 1 .. 2;

$rx->wait_requests(3, 10);

is(results('/every?p=a'), 'committed suppressed suppressed suppressed suppressed',
	'the first of an interval is committed, others are suppressed');
is(results('/every?p=b'), 'committed suppressed suppressed',
	'each value has an interval of its own');
is(results('/every'), 'committed suppressed', 'so does an empty one');

ask('/single?n=' . $_) for 1 .. 3;
is(join(' ', map { results("/single?n=$_") } 1 .. 3),
	'committed suppressed suppressed', 'without per= there is one interval');

ask('/some?p=x');
ask('/some?p=x&to=two');
is(results('/some?p=x') . ' ' . results('/some?p=x&to=two'),
	'committed committed', 'an interval is of one endpoint');

$rx->wait_requests(6, 10);

is(join(' ', sort map { $_->{target} } grep {
	$_->{header}{'webhook-event'} eq 'some.event' } $rx->requests()),
	'/one /two', 'which did not see it twice');

ask('/short?n=1');
ask('/short?n=2');
wait_for(sub { ask('/short?n=3'); results('/short?n=3') =~ /committed/ }, 5,
	'the end of an interval');

like(results('/short?n=3'), qr/^committed(?: suppressed)*$/,
	'after the interval there is another');

# ids

$rx->forget();

ask('/id?id=order-1') for 1 .. 3;
ask('/id?id=order_2');

# what was sent before may still arrive

wait_for(sub { ids_of('id.event') == 4 }, 10, 'both ids at both endpoints');

is(results('/id?id=order-1'), 'committed duplicate duplicate',
	'the same id again is a duplicate');
is(join(' ', sort map { $_->{target} . ':' . $_->{header}{'webhook-id'} }
	ids_of('id.event')),
	'/one:order-1 /one:order_2 /two:order-1 /two:order_2',
	'each endpoint got each id once');

my $long = 'a' x 128;

is(ask("/id?id=$long")->header('X-Id'), $long, 'an id of 128 octets is taken');

for ('', 'a%20b', 'a.b', "%c3%a4", $long . 'a') {
	my $r = ask("/id?id=$_");

	like($r->header('X-Id'), qr/^[0-9a-f-]{36}$/, 'another is given for '
		. (length $_ > 100 ? length : "\"$_\""));
}

ok($t->find_in_log(qr/\[warn\].*webhook event "id\.event" has no usable "id="/),
	'which is warned about');

ask('/both?id=1&p=x');
ask('/both?id=1&p=y');
ask('/both?id=2&p=x');
ask('/both?id=2&p=y');

is(join(' ', map { results("/both?id=$_") } '1&p=x', '1&p=y', '2&p=x', '2&p=y'),
	'committed duplicate suppressed committed',
	'a duplicate begins no interval, what is suppressed takes no id');

# what was dropped claims nothing

ask("/large?id=l&pad=" . 'p' x 2000);
ask("/large?id=l&pad=1");

is(results('/large?id=l&pad=' . 'p' x 2000) . ' '
	. results('/large?id=l&pad=1'), 'dropped committed',
	'an event that was dropped does not claim its id');

# accepted events

wait_for(sub { grep { $_->{header}{'webhook-event'} eq 'large.event' }
	$rx->requests() }, 10, 'what was sent before');
$rx->forget();

my $event = '{"type":"id.event","id":"posted"}';
my $r = post('/accept', "[$event,{\"type\":\"every.event\",\"data\":\"t\"},"
	. "$event,{\"type\":\"every.event\",\"data\":\"t\"}]");

is($r->status(), 202, 'events are accepted');
is(results('/accept'), 'committed,committed,duplicate,suppressed',
	'twice in one array is once');

$r = post('/accept', $event);

is($r->status(), 200, 'only duplicates are 200');
is($r->body(), qq({"ids":["posted"]}\n), 'with their ids');

is(post('/accept', "[$event,{\"type\":\"id.event\",\"id\":\"p2\"}]")->status(),
	202, 'some duplicates are 202');

$rx->wait_requests(5, 10);
is(join(' ', sort map { $_->{target} . ':' . $_->{header}{'webhook-event'} }
	$rx->requests()), '/one:every.event /one:id.event /one:id.event '
	. '/two:id.event /two:id.event', 'nothing is delivered twice');

# over all workers, reloads, restarts, and kills

$rx->forget();

my @pids = map { my $pid = fork(); $pid or do {
	for my $n (1 .. 50) { get("/id?id=race-$n"); }
	exec('true');
} } 1 .. 4;

waitpid($_, 0) for @pids;

ok($rx->wait_requests(100, 20), 'events of a race are delivered');

my %seen;
$seen{"$_->{target} $_->{header}{'webhook-id'}"}++ for $rx->requests();

is(scalar(keys %seen), 100, 'all of them');
is(scalar(grep { $_ > 1 } values %seen), 0, 'each of them once');

wait_for(sub { my $n = () = $t->read_file('result.log') =~ m!^/id\?id=race!mg;
	$n == 200 }, 5, 'the log');

is(scalar(() = $t->read_file('result.log') =~ m!^/id\?id=race.* committed$!mg),
	50, 'one of four requests committed');

$t->reload();

is(again('/id?id=order-1'), 'duplicate', 'ids are known after a reload');
is(again('/every?p=a'), 'suppressed', 'intervals, too');

$t->kill_all();
$t->start_again();

is(again('/id?id=order-1'), 'duplicate', 'ids are known after a kill -9');
is(again('/every?p=a'), 'suppressed', 'intervals, too');

# dedupe

$t->stop();
$t->conf($short);
$t->start_again();

ask('/id?id=soon');
ok(wait_for(sub { again('/id?id=soon') eq 'committed' }, 10),
	'after dedupe an id is new again');

$t->done_testing();

###############################################################################

sub ask {
	my ($uri) = @_;

	$asked{$uri}++;

	return get($uri);
}

sub ids_of {
	my ($event) = @_;

	return grep { $_->{header}{'webhook-event'} eq $event } $rx->requests();
}

# what was logged of all requests for a URI, sorted

sub results {
	my ($uri) = @_;
	my @found;

	wait_for(sub {
		@found = ();

		for (split /\n/, $t->read_file('result.log')) {
			push @found, $1 if /^\Q$uri\E (\S+)$/;
		}

		return @found >= ($asked{$uri} || 1);
	}, 5, 'the log');

	# workers write in any order

	return join ' ', sort @found;
}

sub again {
	my $uri = "$_[0]&again=" . ++$again;

	ask($uri);

	return results($uri);
}

###############################################################################

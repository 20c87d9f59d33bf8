#!/usr/bin/perl

# The intervals of KlickTipp's webhooks, as in
# conf-examples/klicktipp-interval.conf with a shorter time: by a tag once in
# it for a contact, or for the webhook, by a campaign always.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Time::HiRes qw/ time /;

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

$t->conf(<<'EOC')->run();
%%TEST_GLOBALS%%

worker_processes 2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

    webhook_form $email request email;

    webhook_payload contact form {
        field event $webhook_event;
        field email $email;
    }

    webhook_endpoint klicktipp {
        url http://127.0.0.1:%%PORT_rx%%/;
        allow_http on;
        payload contact;
        events tag.* campaign.*;
    }

    server {
        listen 127.0.0.1:%%PORT_http%% reuseport;

        add_header X-Result $webhook_result;

        location = /tags {
            webhook tag.applied every=2s per=$email;
            proxy_pass http://127.0.0.1:%%PORT_app%%;
        }

        location = /long {
            webhook tag.long every=6h per=$email;
            proxy_pass http://127.0.0.1:%%PORT_app%%;
        }

        location = /all {
            webhook tag.all every=6h;
            proxy_pass http://127.0.0.1:%%PORT_app%%;
        }

        location = /campaigns {
            webhook campaign.action;
            proxy_pass http://127.0.0.1:%%PORT_app%%;
        }
    }

    server {
        listen 127.0.0.1:%%PORT_app%%;
        return 204;
    }
}
EOC

###############################################################################

my $n = 0;

# A commit is between asking and the answer, so it is known to be within the
# interval if it was answered before its end.  Where the last answer before it
# has come too late, or few of them, all of this is done again with another
# contact.

for my $try (1 .. 5) {
	my $ann = "ann$try";
	my ($inside, $last, $late) = (0, 0, 0);

	# the first one, and others long before the end of the interval

	my $first = apply('tags', "$ann\@example.com");
	is(sent(1), "tag.applied $ann", 'a tag');

	apply('tags', "$ann\@example.com") for 1 .. 3;
	apply('tags', "bob$try\@example.com");
	is(sent(1), "tag.applied bob$try",
		'of another contact, and not of the same again');

	apply('campaigns', "$ann\@example.com") for 1 .. 3;
	is(sent(3), join(' ', ("campaign.action $ann") x 3),
		'a campaign, always');

	# until just before its end

	while (time() < $first->[0] + 1.95) {
		$last = apply('tags', "$ann\@example.com")->[1];
		$late = 1 if $last >= $first->[0] + 2;
		$inside++;
		select undef, undef, undef, 0.02;
	}

	if (($late || $inside <= 5) && $try < 5) {
		apply('campaigns', "late\@example.com");
		wait_for(sub { ($rx->bodies())[-1] =~ /late/ }, 10);
		$n = $rx->count();
		next;
	}

	apply('campaigns', "carl\@example.com");
	is(sent(1), 'campaign.action carl', 'nothing within the interval');
	cmp_ok($inside, '>', 5, 'though there were tags');
	cmp_ok($last, '>', $first->[0] + 1.5, 'until its end');

	# just after it

	wait_for(sub { time() > $first->[1] + 2.002 }, 5);

	apply('tags', "$ann\@example.com");
	is(sent(1), "tag.applied $ann", 'after the interval');

	apply('tags', "$ann\@example.com");
	apply('tags', 'dora@example.com');
	is(sent(1), 'tag.applied dora', 'which begins another one');
	last;
}

# intervals of events are their own; a campaign does not begin one

apply('campaigns', 'ed@example.com');
apply('long', 'ed@example.com');
apply('tags', 'ed@example.com');
is(sent(3), 'campaign.action ed tag.long ed tag.applied ed',
	'each event has intervals of its own');

# of the webhook, whoever the contact is

apply('all', 'ed@example.com');
apply('all', 'flo@example.com');
apply('campaigns', 'flo@example.com');
is(sent(2), 'tag.all ed campaign.action flo',
	'without per= there is one interval for all contacts');

# over a reload

ok($t->reload(), 'reload');
apply('long', 'ed@example.com');
apply('campaigns', 'ed@example.com');
is(sent(1), 'campaign.action ed', 'a reload does not end an interval');

$t->stop();
$t->start_again();

apply('long', 'ed@example.com');
apply('all', 'gus@example.com');
apply('campaigns', 'ed@example.com');
is(sent(1), 'campaign.action ed', 'nor does a restart');

$t->stop();
$t->finish();
done_testing();

###############################################################################

# when it was asked, and when it was answered

sub apply {
	my ($what, $email) = @_;

	my $from = time();
	my $r = post("/$what", 'email=' . ($email =~ s/@/%40/r),
		'Content-Type' => 'application/x-www-form-urlencoded');
	my $end = time();

	is($r->status(), 204, "$what of $email") if $r->status() != 204;

	return [$from, $end];
}

# the next deliveries; as they are in order, none was between them

sub sent {
	my ($more) = @_;

	my @r = $rx->wait_requests($n += $more, 10);

	return join ' ', map {
		$_->{body} =~ /^event=([\w.]+)&email=(\w+)%40/ ? "$1 $2" : $_->{body}
	} @r[$n - $more .. $#r];
}

###############################################################################

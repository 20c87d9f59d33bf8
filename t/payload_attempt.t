#!/usr/bin/perl

# Tests for what changes from attempt to attempt: $webhook_attempt,
# $webhook_retry and $webhook_attempt_time in bodies, headers and URLs.

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

my $rx = Test::Webhook::Receiver->new($t, port => 'rx',
	rules => rules());

my %endpoints = (
	structured => 'payload structured;',
	flat => 'payload flat;',
	form => 'payload form;',
	query => 'method GET; payload form;',
	text => 'payload text;',
	headers => 'payload text; header X-Attempt $webhook_attempt;'
		. ' header X-Text "attempt ${webhook_attempt} of $arg_n, $webhook_retry";'
		. ' header X-Time $webhook_attempt_time;'
		. ' header X-Bad "$webhook_attempt$bad";'
		. ' bearer "$arg_n-$WEBHOOK_Retry";'
		. ' api_key query try "$webhook_attempt $webhook_attempt_time";',
	long => 'payload long;',
	many => 'payload structured; retry ' . '20ms ' x 11 . ';',
);

my $endpoints = join '', map { <<"EOE" } sort keys %endpoints;
    webhook_endpoint $_ {
        url http://127.0.0.1:%%PORT_rx%%/$_;
        allow_http on;
        @{[ $endpoints{$_} =~ /retry \d/ ? '' : 'retry 50ms 100ms;' ]}
        $endpoints{$_}
    }

EOE

my $conf = <<'EOC';
%%TEST_GLOBALS%%

worker_processes 1;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    log_format attempt '[$webhook_attempt][$webhook_retry][$webhook_attempt_time]';

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

    webhook_payload structured structured {
        field meta.attempt $webhook_attempt number;
        field meta.text $webhook_attempt;
        field meta.of 'attempt $webhook_attempt of "$arg_n"\${webhook_retry}';
        field meta.pair "$webhook_attempt$webhook_retry";
        field times.iso $webhook_attempt_time;
        field times.iso2 $webhook_attempt_time time;
        field times.unix $webhook_attempt_time time:unix;
        field times.ms $webhook_attempt_time time:ms;
        field times.us $webhook_attempt_time time:us;
        field times.in "at $webhook_attempt_time";
        field event $webhook_time;
        field retry $webhook_retry number omit_empty default=7;
    }

    webhook_payload flat flat {
        field attempt $webhook_attempt number;
        field d $j json;
        field retry "<$webhook_retry>";
        field d.time $webhook_attempt_time time:unix;
    }

    webhook_payload form form {
        field attempt $webhook_attempt number;
        field d $j json;
        field text "no. $webhook_attempt & $arg_n";
        field time $webhook_attempt_time;
        field ms $webhook_attempt_time time:ms;
        field d.retry $webhook_retry;
    }

    webhook_payload text text {
        content_type text/plain;
        template '${webhook_attempt|json},${webhook_attempt|json-in-string},${webhook_retry|url},${webhook_retry|form},${webhook_attempt|none},${webhook_attempt_time|json},${webhook_attempt_time|json-in-string},${webhook_attempt_time|url},${webhook_attempt_time|form},${webhook_attempt_time|none},$$';
    }

    webhook_payload long text {
        content_type text/plain;
        template '${arg_l|none}${webhook_attempt|none}${arg_l|none}${webhook_retry|none}';
    }

    webhook_json $j request /j type=json;
    webhook_json $bad request /bad;

%%ENDPOINTS%%
    webhook_endpoint moved {
        url http://127.0.0.1:%%PORT_rx%%/moved;
        allow_http on;
        payload structured;
        retry 50ms 3s 100ms;
    }

    webhook_endpoint damaged {
        url http://127.0.0.1:%%PORT_rx%%/damaged;
        allow_http on;
        payload structured;
        retry 3s;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;

        access_log %%TESTDIR%%/attempt.log attempt;

        location / {
            webhook some.event to=structured,flat,form,query,text,headers on=request;
            proxy_pass http://127.0.0.1:%%PORT_http%%/empty;
        }

        location /empty { return 200; }
        location /long { webhook some.event to=long; return 200; }
        location /many { webhook some.event to=many; return 200; }
        location /moved { webhook some.event to=moved; return 200; }
        location /damaged { webhook some.event to=damaged; return 200; }
    }
}
EOC

$conf =~ s/%%ENDPOINTS%%\n/$endpoints/;

$t->conf($conf)->run();

my $iso = qr/20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/;
my $url = qr/20\d\d-\d\d-\d\dT\d\d%3A\d\d%3A\d\d\.\d{3}Z/;
my (%r, @r);

###############################################################################

# two retries each

post('/?n=3', '{"j":{"x":[1,"0"],"time":"from data","y":2},'
	. '"bad":"\r\nX-Bad: 2"}');

@r = $rx->wait_requests(18, 20);
is(@r, 18, 'all attempts were made');

push @{$r{$_->{target} =~ m!^/(\w+)! ? $1 : ''}}, $_ for @r;

for my $n (1 .. 3) {
	my $i = $n - 1;
	my $body = $r{structured}[$i]{body};

	like($body, qr/^\Q{"meta":{"attempt":$n,"text":"$n","of":"attempt $n of \"3\"\\$i","pair":"$n$i"},\E/,
		"numbers and strings, attempt $n");
	like($body, qr/"times":\{"iso":"$iso","iso2":"$iso","unix":\d{10},"ms":\d{13},"us":\d{16},"in":"at $iso"\},"event":"$iso","retry":$i\}$/,
		"times, attempt $n");

	my ($unix, $ms) = $body =~ /"unix":(\d+),"ms":(\d+)/;

	is($unix, $r{structured}[$i]{header}{'webhook-timestamp'},
		"the time is that of the attempt, $n");
	is($unix, int($ms / 1000), "in any unit, attempt $n");

	like($r{flat}[$i]{body}, qr/^\Q{"attempt":$n,"d_x_0":1,"d_x_1":"0","d_y":2,"retry":"<$i>","d_time":\E\d{10}\}$/,
		"flat, where a name of data is left out, attempt $n");

	my $form = qr/attempt=$n&d_x_0=1&d_x_1=0&d_time=from\+data&d_y=2&text=no\.\+$n\+%26\+3&time=$url&ms=\d{13}&d_retry=$i/;

	like($r{form}[$i]{body}, qr/^$form$/, "form, attempt $n");
	like($r{query}[$i]{target}, qr/^\/query\?$form$/, "query, attempt $n");
	is($r{query}[$i]{body}, '', "query has no body, attempt $n");

	like($r{text}[$i]{body}, qr/^"$n",$n,$i,$i,$n,"$iso",$iso,$url,$url,$iso,\$$/,
		"text with each escape, attempt $n");

	my $h = $r{headers}[$i]{header};

	is($h->{'x-attempt'}, $n, "header, attempt $n");
	is($h->{'x-text'}, "attempt $n of 3, $i", "text in a header, attempt $n");
	like($h->{'x-time'}, qr/^$iso$/, "time in a header, attempt $n");
	is($h->{authorization}, "Bearer 3-$i",
		"names in any case, behind a prefix, attempt $n");
	ok(!exists $h->{'x-bad'}, "header with a control character, attempt $n");
	like($r{headers}[$i]{target}, qr/^\/headers\?try=$n%20$url$/,
		"URL, attempt $n");

	for my $e (sort keys %r) {
		next if $e eq 'query';

		is($r{$e}[$i]{header}{'content-length'}, length $r{$e}[$i]{body},
			"Content-Length of $e, attempt $n");
	}
}

my @ms = map { $_->{body} =~ /"ms":(\d+)/ } @{$r{structured}};
cmp_ok($ms[1], '>', $ms[0], 'time of the first retry');
cmp_ok($ms[2], '>', $ms[1], 'time of the second one');
is(join(' ', map { $_->{body} =~ /"event":"(.*?)"/ } @{$r{structured}}),
	join(' ', ($r{structured}[0]{body} =~ /"event":"(.*?)"/) x 3),
	'the time of the event stays');

ok(find_in_log(qr/endpoint "headers": value of header "X-Bad" has a control character, header is left out/),
	'the header that was left out is logged');

# elsewhere they are empty

like($t->read_file('attempt.log'), qr/^(?:\[-\]\[-\]\[-\]\n)+\z/,
	'in an access log there is nothing');

# more digits

$rx->forget();
get('/many');
@r = $rx->wait_requests(12, 20);
is(join(' ', map { $_->{body} =~ /"attempt":(\d+)/ } @r), join(' ', 1 .. 12),
	'attempts have more digits');
is($r[11]{header}{'content-length'}, length $r[11]{body},
	'which Content-Length follows');

# long texts

my $l = 'x' x 6000;

$rx->forget();
get("/long?l=$l");
@r = $rx->wait_requests(3, 20);
is(join('|', map { $_->{body} } @r),
	join('|', map { $l . ($_ + 1) . $l . $_ } 0 .. 2), 'a long text');

###############################################################################

# out of the database, by another process

$rx->forget();
get('/moved');
$rx->wait_requests(2, 10);
ok(wait_for(sub {
	$t->read_file('store/data.mdb') =~ /"attempt":1,"text":"1"/
}, 10), 'the database has the body of a first attempt');

$t->stop();
$t->run();

@r = $rx->wait_requests(3, 10);
is(join(' ', map { $_->{body} =~ /"attempt":(\d),.*"retry":(\d)/ } @r),
	'1 0 2 1 3 2', 'attempts are counted across a restart');

# damaged there

my @damage = (
	['kind', sub { substr($_[0], 5, 1) = "\x08" }],
	['position', sub { substr($_[0], 0, 4) = "\xff\xff\xff\x7f" }],
	['length', sub { substr($_[0], 4, 1) = "\xff" }],
	['overlap', sub { substr($_[0], 6, 4) = substr($_[0], 0, 4) }],
);

for (@damage) {
	my ($name, $code) = @$_;

	$rx->forget();
	get("/damaged?n=$name");
	$rx->wait_requests(1, 10);
	ok(wait_for(sub {
		$t->read_file('store/data.mdb') =~ /attempt 1 of \\"$name\\"/
	}, 10), "$name, in the database");
	$t->stop();

	my $db = $t->read_file('store/data.mdb');

	# all copies, the body is followed by its holes

	my $n = $db =~ s{(attempt\ 1\ of\ \\"$name\\"[^\}]+\}[^\}]+\}[^\}]+\}
		\x0c...\0)(.{12})}{
		my ($head, $holes) = ($1, $2); $code->($holes); $head . $holes
	}gesx;

	ok($n, "$name, damaged");

	$t->write_file('store/data.mdb', $db);

	my $mark = log_mark();
	$t->run();

	ok(wait_log(qr/webhook delivery for "damaged" is dead: record has a hole that is damaged or of an unknown kind/,
		10, $mark), "$name, dead with a reason");
	is($rx->count(), 1, "$name, it is not sent");
}

$rx->forget();
get('/moved');
is($rx->wait_requests(1, 10), 1, 'others are sent');

$t->done_testing();

###############################################################################

sub rules {
	return {
		map({; "/$_" => [500, 500, 200] }
			qw/ structured flat form query text headers long moved /),
		'/many' => [(500) x 11, 200], '*' => 500,
	};
}

###############################################################################

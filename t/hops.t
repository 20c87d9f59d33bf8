#!/usr/bin/perl

# Tests for webhook_max_hops: a delivery that comes back to the same nginx is
# known by its mark, and nobody else can make one.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Digest::SHA qw/ hmac_sha256 /;
use MIME::Base64 qw/ encode_base64url /;
use POSIX ();

use Test::Webhook qw/ :DEFAULT cert find_in_log wait_log log_mark /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new(debug => 1);
my $rx = Test::Webhook::Receiver->new($t, port => 'rx');
my $ca = cert($t, 'front');

my %endpoints = (
	self => 'url http://127.0.0.1:%%PORT_http%%/self?a=b&c=%20d;',
	put => 'url http://127.0.0.1:%%PORT_http%%/put; method PUT;',
	off => 'url http://127.0.0.1:%%PORT_http%%/off; event_headers off;',
	returned => 'url http://127.0.0.1:%%PORT_http%%/returned;',
	redirected => 'url http://127.0.0.1:%%PORT_http%%/redirected;',
	upstream => 'url http://front/upstream;',
	asked => 'url http://127.0.0.1:%%PORT_http%%/asked;',
	tls => "url https://localhost:%%PORT_tls%%/tls;
		ssl_trusted_certificate $ca->{ca};",
);

my $endpoints = join '', map { <<"EOE" } sort keys %endpoints;
    webhook_endpoint $_ { allow_http on; retry off; $endpoints{$_} }
EOE

my $conf = <<'EOC';
%%TEST_GLOBALS%%

worker_processes 2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    log_format result '$request [$http_webhook_hops] '
                      '[$webhook_result] [$webhook_id]';
    access_log %%TESTDIR%%/result.log result;

    webhook_store store size=16m journal=8m;
    %%MAX%%

%%ENDPOINTS%%

    webhook_endpoint seen {
        url http://127.0.0.1:%%PORT_rx%%/seen;
        allow_http on;
        header X-Uri $request_uri;
    }

    upstream front { server 127.0.0.1:%%PORT_http%%; }

    server {
        listen 127.0.0.1:%%PORT_http%%;
        listen 127.0.0.1:%%PORT_h2c%% http2;
        listen 127.0.0.1:%%PORT_tls%% ssl http2;

        ssl_certificate %%CERT%%;
        ssl_certificate_key %%KEY%%;

        location / { empty_gif; }

        location /self {
            webhook e.self to=self,seen;
            error_page 405 =200 @ok;
            empty_gif;
        }

        location /put {
            webhook e.put to=put,seen;
            error_page 405 =200 @ok;
            empty_gif;
        }

        location /off {
            webhook e.off to=off,seen;
            error_page 405 =200 @ok;
            empty_gif;
        }

        location /tls {
            webhook e.tls to=tls,seen;
            error_page 405 =200 @ok;
            empty_gif;
        }

        location /upstream {
            webhook e.upstream to=upstream,seen;
            error_page 405 =200 @ok;
            empty_gif;
        }

        location /asked {
            webhook e.asked on=request to=asked,seen;
            proxy_pass http://front/ok;
        }

        location /returned { webhook e.returned to=returned,seen; return 200; }

        location /redirected {
            webhook e.redirected to=redirected,seen;
            error_page 404 =200 /other;
        }

        location /direct {
            webhook e.one to=seen;
            webhook e.two to=seen;
            return 200;
        }

        location @ok { return 200; }
        location /ok { return 200; }
        location /other { webhook e.other to=seen; return 200; }
    }
}
EOC

$conf =~ s/%%ENDPOINTS%%\n/$endpoints/;
$conf =~ s/%%CERT%%/$ca->{cert}/;
$conf =~ s/%%KEY%%/$ca->{key}/;

configure('');

my ($code) = $t->test_conf();

is($code, 0, 'configuration is correct');
ok(!-e $t->testdir() . '/store', 'a test makes no key');

$t->run();

my $n = 0;
my %expected;
my $key = key();

is(length $key, 32, 'a key of 32 octets');
is(mode(), '0600', 'nobody else may read it');
is(find_in_log(qr/store\/key/), 0, 'the first key is no news');

###############################################################################

# loops

for my $name (sort keys %endpoints) {
	loop($name, 1, "default, $name");
}

my ($header) = map { /\[(1\.\d{10}\.[\w-]{43})\] \[filtered\]/ ? $1 : () }
	find_in_log(qr!^POST /self\?a=b&c=%20d !, 0, 'result.log');

ok($header, 'a mark is of the documented form');
is($header, mark(time => $header =~ /^1\.(\d+)/, method => 'POST',
	host => '127.0.0.1:' . port('http'), uri => '/self?a=b&c=%20d'), 'and can be computed from the key');

# receivers get a mark, too, which is of no use elsewhere

my ($seen) = grep { $_->{header}{'webhook-event'} eq 'e.self' }
	$rx->requests();

like($seen->{header}{'webhook-hops'}, qr/^1\.\d{10}\.[\w-]{43}$/,
	'every receiver gets a mark');
is(result($seen->{header}{'webhook-hops'}), 'committed,committed',
	'that of another target is void');

###############################################################################

# marks by hand: "filtered" shows that a mark is valid

is(result(), 'committed,committed', 'no mark');
is(result(mark()), 'filtered,filtered', 'a mark');
is(result(mark(hops => 2)), 'filtered,filtered', 'a mark beyond the limit');
is(result(mark(time => time() - 290)), 'filtered,filtered',
	'a mark that is not too old');
is(result(mark(time => time() + 290)), 'filtered,filtered',
	'a mark of a clock that is ahead');
is(result(mark(method => 'POST'), method => 'POST'), 'filtered,filtered',
	'a mark of POST');
is(result(mark(host => 'some'), host => 'some'), 'filtered,filtered',
	'a mark of another host');
is(result(mark(), name => 'Webhook-HOPS'), 'filtered,filtered',
	'a header in any case');

for (
	[sub { '' }, 'an empty mark'],
	[sub { '1' }, 'a number'],
	[sub { '1.' . time() . '.' . 'A' x 43 }, 'a forged mark'],
	[sub { mark(key => 'k' x 32) }, 'another key'],
	[sub { mark(key => "\0" x 32) }, 'a key of zeroes'],
	[sub { mark(domain => '') }, 'another use of the key'],
	[sub { mark(hops => 0) }, 'no hops'],
	[sub { mark(hops => 1000) }, 'too many hops'],
	[sub { mark(hops => -1) }, 'a negative number of hops'],
	[sub { mark(time => time() - 330) }, 'an old mark'],
	[sub { mark(time => time() + 330) }, 'a mark of the future'],
	[sub { mark(time => 0) }, 'a mark of 1970'],
	[sub { mark(time => '9' x 19) }, 'a time that is too large'],
	[sub { mark(time => '18446744073709551616' . time()) }, 'a time that wraps'],
	[sub { mark(time => '-' . time()) }, 'a negative time'],
	[sub { mark(method => 'POST') }, 'another method'],
	[sub { mark(host => 'other') }, 'another host'],
	[sub { mark(uri => '/direct?n=0') }, 'another query'],
	[sub { mark(uri => '/direct') }, 'no query'],
	[sub { mark(uri => '/other') }, 'another URI'],
	[sub { mark(uri => "/direct?n=$n&m=1") }, 'a longer URI'],
	[sub { changed(mark(), qr/^1/, '2') }, 'a changed number of hops'],
	[sub { changed(mark(), qr/^1\.\d+/, '1.' . (time() - 1)) }, 'a changed time'],
	[sub { flipped(mark()) }, 'a changed MAC'],
	[sub { mark() . 'A' }, 'a longer MAC'],
	[sub { substr(mark(), 0, -1) }, 'a shorter MAC'],
	[sub { mark() . '=' }, 'a padded MAC'],
	[sub { mark() . '.' }, 'a dot at the end'],
	[sub { '.' . mark() }, 'a dot at the beginning'],
	[sub { changed(mark(), qr/\./, '..') }, 'two dots'],
	[sub { ' ' . changed(mark(), qr/^1/, '1 ') }, 'a space inside'],
	[sub { '9' x 5000 }, 'many digits'],
	[sub { '.' x 5000 }, 'many dots'],
) {
	my ($code, $name) = @$_;

	is(result($code->()), 'committed,committed', $name);
}

is(result([mark(), mark()]), 'committed,committed', 'the same mark twice');
is(result([mark(), 'some']), 'committed,committed', 'a second header');
is(result(['some', mark()]), 'committed,committed', 'a first header');
is(result(mark(), http10 => 1), 'committed,committed', 'no Host');
is(result(mark(host => 'some'), host => 'some:80'), 'committed,committed',
	'Host with a port');

# replayed at the same URI it is the same request, and at no other one

my $mark = mark(n => $n + 1);
is(result($mark), 'filtered,filtered', 'a mark for the first time');
is(result($mark), 'committed,committed', 'at another URI');

# HTTP/2, names of headers are lower case

SKIP: {
	skip 'no nghttp', 6 unless h2();

	for (['h2c', 0], ['tls', 1]) {
		my ($port, $tls) = @$_;
		my $host = '127.0.0.1:' . port($port);

		is(result2($port, $tls, mark(host => $host)),
			'filtered,filtered', "$port, a mark");
		is(result2($port, $tls, mark(host => 'other')),
			'committed,committed', "$port, another host");
		is(result2($port, $tls, mark(host => $host, method => 'POST')),
			'committed,committed', "$port, another method");
	}
}

###############################################################################

# the key is kept

ok($t->reload(), 'reload');
is(key(), $key, 'the key after a reload');
is(result(mark()), 'filtered,filtered', 'a mark after a reload');
loop('self', 1, 'after a reload');

ok($t->upgrade(), 'upgrade');
is(key(), $key, 'the key after an upgrade');
is(result(mark()), 'filtered,filtered', 'a mark after an upgrade');

$t->stop();
$t->start_again();
is(key(), $key, 'the key after a restart');
is(result(mark()), 'filtered,filtered', 'a mark after a restart');
loop('self', 1, 'after a restart');

is(find_in_log(qr/store\/key/), 0, 'nothing is logged about a good key');

# more hops

configure('webhook_max_hops 2;');
ok($t->reload(), 'webhook_max_hops 2');
loop($_, 2, "webhook_max_hops 2, $_") for sort keys %endpoints;
is(result(mark(hops => 1)), 'committed,committed', 'a mark below the limit');
is(result(mark(hops => 2)), 'filtered,filtered', 'a mark at the limit');

configure('webhook_max_hops 255;');
ok($t->reload(), 'webhook_max_hops 255');
is(result(mark(hops => 254)), 'committed,committed', 'below the highest');

my $uri = uri($n);

ok(wait_for(sub {
	2 == grep { $_->{header}{'x-uri'} eq $uri
		&& $_->{header}{'webhook-hops'} =~ /^255\./ } $rx->requests()
}, 10), 'each event counts one more');

is(result(mark(hops => 255)), 'filtered,filtered', 'the highest limit');
is(result(mark(hops => 256)), 'filtered,filtered', 'beyond the highest');

configure('');
ok($t->reload(), 'default again');
loop('self', 1, 'default again');

###############################################################################

# a key that cannot be used is replaced

is(find_in_log(qr/\Q$key\E/), 0, 'the key is not in the log');
is(find_in_log(qr/\Q@{[ unpack 'H*', $key ]}\E/i), 0, 'nor in hexadecimal');
is(find_in_log(qr/\Q@{[ encode_base64url($key) ]}\E/), 0, 'nor in base64url');

my $path = $t->testdir() . '/store/key';
my $out = $t->testdir() . '/out';

for (
	['missing', 'missing', sub { unlink $path }],
	['empty', 'damaged', sub { put('') }],
	['too short', 'damaged', sub { put('k' x 31) }],
	['too long', 'damaged', sub { put('k' x 33) }],
	['of zeroes', 'damaged', sub { put("\0" x 32) }],
	['readable by others', 'damaged', sub { chmod 0644, $path }],
	['a link', 'damaged', sub { rename $path, $out; symlink $out, $path }],
	['a FIFO', 'damaged', sub {
		unlink $path;
		POSIX::mkfifo($path, 0600);
	}],
) {
	my ($name, $word, $code) = @$_;

	my $old = key();
	my $mark = log_mark();

	$code->();

	ok($t->reload(), "a key that is $name, reload");
	ok(find_in_log(qr/\[warn\].*store\/key" is $word, a new one is made/,
		$mark), "a key that is $name, warning");
	ok(-f $path && !-l $path && mode() eq '0600' && length key() == 32
		&& key() ne $old, "a key that is $name, replaced");
	is(result(mark(key => $old)), 'committed,committed',
		"a key that is $name, old marks are void");
	is(result(mark()), 'filtered,filtered',
		"a key that is $name, new marks are valid");
}

# one that cannot be replaced either: the configuration in force stays

unlink $path;
mkdir $path;

like($t->reload_expect_fail(), qr/cannot create "\S+store\/key"/,
	'no key, no reload');
ok((grep { (readlink $_ || '') =~ /\/store\/lock$/ }
	glob('/proc/' . $t->master_pid() . '/fd/*')), 'the lock is still held');

rmdir $path;
ok($t->reload(), 'with place for a key, reload');
is(result(mark()), 'filtered,filtered', 'with place for a key');

isnt(Test::Webhook::slurp($out, 0), key(),
	'nothing was written to the target of the link');

loop('self', 1, 'with a new key');

# and at start

$t->stop();
put('');
$t->start_again();
is(result(mark()), 'filtered,filtered', 'a new key at start');
loop('self', 1, 'a new key at start');

# a leftover of a master that was killed meanwhile

$t->stop();
unlink $path;
$t->write_file("$path.new", 'left');
$t->start_again();
is(result(mark()), 'filtered,filtered', 'a leftover is no obstacle');
ok(!-e "$path.new", 'and is gone');

is(find_in_log(qr/webhook attempt failed/), 0, 'no failed attempts');

$t->stop();

# whatever came back, nothing came of it

for (sort keys %expected) {
	is(events($_), $expected{$_}, "events, $_");
	is(find_in_log(qr/^\w+ \/$_\b.*\[committed\]/, 0, 'result.log'),
		$expected{$_}, "requests with an event, $_");
}

$t->finish();

###############################################################################

# full=reject: what will not be captured is not rejected

full();

done_testing();

###############################################################################

sub full {
	$t = Test::Webhook->new();

	my $triggers = "webhook e.large to=one;\n" x 32;

	$t->conf(<<"EOC");
%%TEST_GLOBALS%%

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    access_log off;

    webhook_store store size=16m journal=4m full=reject;

    webhook_endpoint one {
        url http://127.0.0.1:%%PORT_none%%/;
        allow_http on;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location / {
            $triggers
            empty_gif;
        }
    }
}
EOC

	$t->run();

	my $uri = uri(1);

	is(get($uri)->status(), 503,
		'a request that cannot be captured is rejected');
	is(get($uri, 'webhook-hops' => mark(n => 1))->status(), 200,
		'one that will not be captured is not');
}

sub configure {
	my ($max) = @_;

	$t->conf($conf =~ s/%%MAX%%/$max/r);
}

sub key { $t->read_file('store/key') }
sub mode { sprintf '%04o', (stat $t->testdir() . '/store/key')[2] & 07777 }
sub put { $t->write_file('store/key', $_[0]) }

# one request: so many events, deliveries back, and the last one is filtered

sub loop {
	my ($name, $max, $title) = @_;

	my ($target) = $endpoints{$name} =~ m!://[^/]+(/[^;]*);!;
	my $method = $name eq 'put' ? 'PUT' : 'POST';
	my $at = log_position();
	my $before = events($name);

	get("/$name?n=" . ++$n);

	ok(wait_log(qr/^$method \Q$target\E \S+ \[$max\.[^]]+\] \[filtered\]/, 10,
		$at, 'result.log'), "$title, filtered");
	ok(wait_for(sub { events($name) >= $before + $max }, 10),
		"$title, delivered");

	$expected{$name} += $max;
}

sub events {
	my ($name) = @_;

	return scalar grep { $_->{header}{'webhook-event'} eq "e.$name" }
		$rx->requests();
}

sub log_position { -s $t->testdir() . '/result.log' || 0 }

# the results of the triggers of a request with such headers

sub result {
	my ($mark, %o) = @_;

	my $uri = uri(++$n);
	my $at = log_position();
	my $name = $o{name} || 'webhook-hops';
	my $method = $o{method} || 'GET';
	my $host = $o{host} || 'localhost';

	http("$method $uri HTTP/1." . ($o{http10} ? "0\r\n"
			: "1\r\nHost: $host\r\n")
		. join('', map { "$name: $_\r\n" } grep { defined }
			ref $mark ? @$mark : $mark)
		. "Connection: close\r\n\r\n", port => 'http');

	return results($uri, $at);
}

sub result2 {
	my ($port, $tls, $mark) = @_;

	my $uri = uri(++$n);
	my $at = log_position();

	h2($uri, port => $port, tls => $tls,
		headers => { 'webhook-hops' => $mark });

	return results($uri, $at);
}

sub results {
	my ($uri, $at) = @_;

	my $line = wait_log(qr/^\w+ \Q$uri\E /, 5, $at, 'result.log') || '';

	return $line =~ /\[([\w,]+)\] \[[\w,-]+\]$/ ? $1 : $line;
}

sub uri { '/direct?n=' . $_[0] }

# a mark for the next request of result()

sub mark {
	my (%o) = @_;

	my %m = (key => key(), domain => "ngx_http_webhook_module hops 1\n",
		hops => 1, time => time(), method => 'GET', host => 'localhost',
		uri => uri($o{n} || $n + 1), %o);

	my $stamp = "$m{hops}.$m{time}";

	return "$stamp." . encode_base64url(hmac_sha256($m{domain}
		. join('', map { "$_\n" } $stamp, @m{qw/ method host uri /}),
		$m{key}));
}

sub changed {
	my ($mark, $re, $to) = @_;

	return $mark =~ s/$re/$to/r;
}

sub flipped {
	my ($mark) = @_;

	return $mark =~ s/\.(.)([^.]*)$/'.' . ($1 eq 'A' ? 'B' : 'A') . $2/er;
}

###############################################################################

#!/usr/bin/perl

# Tests for texts with variables, of triggers and of endpoints: each variable
# is asked once, captures are those of the location, and of an id nothing may
# be missing.

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

sub answer {
	my ($body) = @_;

	return { raw => join("\x0d\x0a", 'HTTP/1.1 200 OK',
		'Content-Length: ' . length $body, 'Connection: close', '',
		$body) };
}

my $app = Test::Webhook::Receiver->new($t, port => 'app', rules => {
	map({ ("/app/$_" => answer("{\"id\":\"$_\"}")) } 7, 8),
	'/app/none' => answer('{}'),
});

my $auth = Test::Webhook::Receiver->new($t, port => 'auth');

my $conf = <<'EOC';
%%TEST_GLOBALS%%

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=64m journal=16m;
    webhook_max_event_size 256k;
    client_body_buffer_size 256k;

    webhook_endpoint one {
        url http://127.0.0.1:%%PORT_rx%%/one;
        allow_http on;
    }

    webhook_endpoint one-w {
        url http://127.0.0.1:%%PORT_rx%%/one-w;
        allow_http on;
    }

    webhook_endpoint headers {
        url http://127.0.0.1:%%PORT_rx%%/headers;
        allow_http on;
        header X-Both $1-$cls-$1;
        header X-Event "$webhook_event ${webhook_id} $webhook_time";
        header X-Dollar "$$5 $arg_n";
        header X-Secret $$secret;
        bearer $arg_n-$1;
    }

    webhook_endpoint long {
        url http://127.0.0.1:%%PORT_rx%%/long;
        allow_http on;
        header X-Long "a$email";
    }

    webhook_endpoint keyed {
        url http://127.0.0.1:%%PORT_rx%%/keyed;
        allow_http on;
        order key $1-$cls;
    }

    webhook_json $email request /email;
    webhook_json $oid response /id;

    map $email $cls {
        volatile;
        "~^z(.*)$" w;
    }

    map $oid $key {
        volatile;
        default $oid;
        "" none;
    }

    map $webhook_id $around {
        volatile;
        default $webhook_id;
    }

    log_format result '$arg_n [$webhook_result] [$webhook_id]';
    access_log %%TESTDIR%%/result.log result;

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location ~ ^/per/(.*)$ {
            webhook a.per to=one every=1h per=$1-$cls;
            proxy_pass http://127.0.0.1:%%PORT_app%%;
        }

        location ~ ^/named/(?<part>.*)$ {
            webhook a.named to=one every=1h per=$part-$cls-${part};
            proxy_pass http://127.0.0.1:%%PORT_app%%;
        }

        location ~ ^/id/(.*)$ {
            webhook a.id to=one id=${cls}-$1;
            proxy_pass http://127.0.0.1:%%PORT_app%%;
        }

        location ~ ^/if/(.*)$ {
            webhook a.if to=one if=$1${cls}0;
            proxy_pass http://127.0.0.1:%%PORT_app%%;
        }

        location ~ ^/to/(.*)$ {
            webhook a.to to=$1-$cls;
            proxy_pass http://127.0.0.1:%%PORT_app%%;
        }

        location ~ ^/key/(.*)$ {
            webhook a.key to=keyed;
            webhook b.key to=keyed order_key=$cls-$1;
            proxy_pass http://127.0.0.1:%%PORT_app%%;
        }

        location ~ ^/headers/(.*)$ {
            webhook a.headers to=headers;
            webhook b.headers to=headers;
            proxy_pass http://127.0.0.1:%%PORT_app%%;
        }

        location = /own {
            webhook one to=$webhook_event;
            webhook keyed to=$webhook_event;
            return 200;
        }

        location = /long/header {
            webhook a.long to=long;
            proxy_pass http://127.0.0.1:%%PORT_app%%/app/none;
        }

        location = /long/per {
            webhook b.long to=one every=1h per=a$email;
            proxy_pass http://127.0.0.1:%%PORT_app%%/app/none;
        }

        location = /long/if {
            webhook c.long to=one if=a$email;
            proxy_pass http://127.0.0.1:%%PORT_app%%/app/none;
        }

        location = /long/alone {
            webhook d.long to=one every=1h per=$email if=$email;
            proxy_pass http://127.0.0.1:%%PORT_app%%/app/none;
        }

        location /app/ {
            webhook a.order to=one id=order-$oid;
            add_header X-Id $webhook_id;
            proxy_pass http://127.0.0.1:%%PORT_app%%;
        }

        location /mapped/ {
            webhook a.mapped to=one id=mapped-$key;
            add_header X-Id $webhook_id;
            proxy_pass http://127.0.0.1:%%PORT_app%%/app/;
        }

        location = /missing {
            webhook a.missing to=one every=1h per=$arg_a-$arg_b;
            return 200;
        }

        location = /auth {
            internal;
            proxy_set_header X-Id $webhook_id;
            proxy_pass http://127.0.0.1:%%PORT_auth%%;
        }

        location = /sub {
            webhook a.sub to=one id=$arg_id;
            auth_request /auth;
            proxy_pass http://127.0.0.1:%%PORT_app%%;
        }

        location = /around {
            AROUND
            return 200;
        }

    }
}
EOC

my $around = join "\n", map { "webhook around.n$_ to=one id=\$around;" } 1 .. 16;
$conf =~ s/AROUND/$around/;

$t->conf($conf)->run();

my ($n, %body) = (0);
my ($z, $other) = map { $_ x 12000 } 'z', 'y';

###############################################################################

# a "map" that replaces captures is evaluated between others of a text

is(fire('/per/x', $z), 'committed', 'per= with a capture');
is(fire('/per/x', "z$z"), 'suppressed', 'and again');
is(fire('/per/y', $z), 'committed', 'another capture is another value');
is(fire('/per/x', $other), 'committed', 'so is another class');

is(fire('/named/x', $z), 'committed', 'per= with a named capture');
is(fire('/named/x', "z$z"), 'suppressed', 'a named capture again');
is(fire('/named/y', $z), 'committed', 'another named capture');

is(fire('/id/x', $z), 'committed', 'id= with a capture');
is(sent()->{header}{'webhook-id'}, 'w-x', 'is the id');

is(join(' ', fire('/if/', $other), fire('/if/', $z), fire('/if/1', $other)),
	'filtered committed committed', 'if= with a capture');

is(fire('/to/one', $z), 'committed', 'to= with a capture');
is(sent()->{target}, '/one-w', 'is the endpoint');

is(fire('/key/x', $z), 'committed,committed', 'order keys with captures');

is(fire('/headers/x', $z), 'committed,committed', 'headers with captures');

my @sent = sent(2);
my ($ids) = logged() =~ /\[(\S+)\]$/;

is(join(' ', map { $_->{header}{'x-both'} } @sent), 'x-w-x x-w-x',
	'each of them is the one of the location');
is(join(' ', map { $_->{header}{authorization} } @sent),
	"Bearer $n-x Bearer $n-x", 'in a later header, too');
is(join(' ', map { $_->{header}{'x-dollar'} } @sent), "\$5 $n \$5 $n",
	'a dollar is $$');
is(join(' ', map { $_->{header}{'x-secret'} } @sent), '$secret $secret',
	'and no variable');

my $store = join '', map { $t->read_file($_) }
	grep { -f } glob($t->testdir() . '/store/*');

ok($store =~ /X-Both:x-w-x/, 'what has variables is in the store');
ok($store !~ /\$secret/, 'what has none is not');

# of the event

is(join(',', map { (split / /, $_->{header}{'x-event'})[1] } @sent), $ids,
	'$webhook_id in a header is that of the event');
is(scalar(grep { my $h = $_->{header};
	$h->{'x-event'} =~ /^$h->{'webhook-event'} $h->{'webhook-id'} (\S+)$/
		&& $1 =~ /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/ } @sent), 2,
	'so are $webhook_event and $webhook_time');

is(fire('/own'), 'committed,committed', 'to=$webhook_event');
is(join(' ', sort map { $_->{target} } sent(2)), '/keyed /one',
	'is the type of the event');

# no text is cut

my $long = 'b' x 65536;

is(fire('/long/header', $long), 'dropped', 'a header beyond 64k drops events');
is(fire('/long/per', $long), 'dropped', 'so does per=');
is(fire('/long/if', $long), 'dropped', 'so does if=');
is(fire('/long/per', substr $long, 1), 'committed', '64k are allowed');
is(fire('/long/alone', "$long$long"), 'committed',
	'a variable alone may be longer');
ok($t->find_in_log(
	qr/\[error\].*a text with variables is longer than 65536 octets/),
	'it is logged');

# an id with something missing

my $r = ask('/app/7');

is(result(), 'committed', 'id= with a value of the response');
is(sent()->{header}{'webhook-id'}, 'order-7', 'is known at the commit');
like($r->header('X-Id'), qr/^[0-9a-f-]{36}$/, 'but not in the header');

ask('/app/7');
is(result(), 'duplicate', 'the same value is a duplicate');
ask('/app/8');
is(result(), 'committed', 'another value is another event');

for (1, 2) {
	$r = ask('/app/none');
	is(result(), 'committed', "a missing value is no id ($_)");
	is(sent()->{header}{'webhook-id'}, $r->header('X-Id'),
		"another is given, as the header had it ($_)");
}

ok($t->find_in_log(qr/\[warn\].*event "a\.order" has no "id="/),
	'which is warned about');

$r = ask('/mapped/7');
is($r->header('X-Id'), 'mapped-none', 'an id as of the header');
is(sent()->{header}{'webhook-id'}, 'mapped-7', 'may be another at the commit');

is(join(' ', map { ask("/missing?a=$_"); result() } 'x', 'x', 'y'),
	'committed suppressed committed', 'in per= a missing variable is empty');

# $webhook_id in a subrequest

ask('/sub?id=main');
is(result(), 'committed', 'an id, with a subrequest');
is(sent()->{header}{'webhook-id'}, 'main', 'is that of the main request');
is(($auth->requests())[-1]{header}{'x-id'}, 'main', 'in the subrequest, too');

# "id=" that depends on $webhook_id

ask('/around');
is(result(), join(',', ('committed') x 16), 'ids that depend on each other');

$t->done_testing();

###############################################################################

# a request whose arguments have a number of its own

sub ask {
	my ($uri, $email) = @_;

	$uri .= ($uri =~ /\?/ ? '&' : '?') . 'n=' . ++$n;

	return defined $email ? post($uri, "{\"email\":\"$email\"}") : get($uri);
}

sub logged {
	my $line;

	wait_for(sub {
		($line) = $t->read_file('result.log') =~ /^($n \[.*)$/m;
	}, 10, 'the log');

	return $line;
}

sub result { return (logged() =~ /^\d+ \[(\S*)\]/)[0] }

sub fire {
	ask(@_);

	return result();
}

# what was delivered of the last request, by its ids

sub sent {
	my ($count) = @_;
	my ($ids) = logged() =~ /\[(\S+)\]$/;
	my %id = map { $_ => 1 } split /,/, $ids;
	my @r;

	wait_for(sub {
		@r = grep { $id{$_->{header}{'webhook-id'}} } $rx->requests();
		@r >= ($count || 1);
	}, 10, 'deliveries');

	return wantarray ? @r : $r[0];
}

###############################################################################

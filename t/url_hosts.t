#!/usr/bin/perl

# Tests for deliveries that wait while the URL of their endpoint is changed: the
# credentials of the configuration go to no host but one that it could make.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Receiver;
use Test::Webhook::Sign;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new();
my $cert = $t->cert('hook', san => ['IP:127.0.0.1']);

my $old = Test::Webhook::Receiver->new($t, port => 'old', default => 500);
my $new = Test::Webhook::Receiver->new($t, port => 'new', default => 200);
my $tls = Test::Webhook::Receiver->new($t, port => 'tls', default => 200,
	tls => { cert => $cert->{chain}, key => $cert->{key} });

my $shared = join '', map { chr } 1 .. 64;

$t->write_file('key.b64', b64($shared) . "\n");
chmod 0600, $t->testdir() . '/key.b64';

my ($o, $n, $s) = map { '127.0.0.1:' . $_->port() } $old, $new, $tls;

# the URL of the capture, the one of the attempt, and where it goes

my %case = (
	whole_literal => ['$v', "http://$n/other", 'new'],
	whole_values => ['$v', "http://$n/other/\$v", 'new'],
	whole_upstream => ['$v', 'http://up/other', 'new'],
	whole_secure => ['$v', "https://$s/other", 'tls'],
	host_literal => ['http://$v/host_literal/p', "http://$n/other", 'new'],
	literal_literal => ["http://$o/\$v/p", "http://$n/other", 'new'],
	literal_secure => ["http://$o/\$v/p", "https://$s/\$v", 'tls'],
	literal_host => ["http://$o/\$v/p", 'http://$v/other', 'old'],
	literal_whole => ["http://$o/\$v/p", '$v', 'old'],
	whole_last => ['$v', 'http://127.0.0.$v/other', 'old'],
	whole_port => ['$v', 'http://127.0.0.1:$v/other', 'old'],
	whole_two => ['$v', 'http://${v}.0.${v}/other', 'old'],
	whole_prefix => ['$v', 'http://128.$v/other', 'dead'],
	whole_suffix => ['$v', 'http://$v:80/other', 'dead'],
	whole_middle => ['$v', 'http://127.${v}.7.$v/other', 'dead'],
	whole_longer => ['$v', 'http://127.0.0.1.$v/other', 'dead'],
	whole_scheme => ['$v', 'https://$v/other', 'dead'],
	whole_http => ['$v', '$v', 'http', 'allow_http off;'],
);

$t->conf(conf(0))->run();

for my $name (sort keys %case) {
	my $v = $name =~ /^whole/ ? "http://$o/$name/p"
		: $name =~ /^host/ ? $o : $name;
	my $body = "{\"v\":\"$v\"}";

	http(join "\r\n", "POST /?to=$name HTTP/1.1", 'Host: localhost',
		'Connection: close', 'Content-Length: ' . length $body, '',
		$body);
}

ok(wait_for(sub {
	keys %{requests($old)} == keys %case;
}, 20), 'attempts by the URLs of the capture') or diag(explain(requests($old)));

$t->stop();
$_->forget() for $old, $new, $tls;

$t->conf(conf(1))->run();

my %at = (old => $old, new => $new, tls => $tls);

for my $name (sort keys %case) {
	my ($before, $after, $where) = @{$case{$name}};
	my $what = "$before and then $after" =~ s/:\d{4,}/:PORT/gr;

	if ($where eq 'dead' || $where eq 'http') {
		my $why = $where eq 'http'
			? 'its URL has "http://", which needs "allow_http on"'
			: 'its URL is none that that of the endpoint could be';

		ok($t->wait_log(qr/delivery for "$name" is dead: \Q$why\E$/, 10),
			"$what: dead");
		next;
	}

	my $r;

	wait_for(sub { $r = requests($at{$where})->{$name} }, 10);

	ok($r, "$what: goes to the $where one") or next;
	is($r->{header}{host}, $name =~ /upstream/ ? 'up'
		: '127.0.0.1:' . $at{$where}->port(), "$name, host");
	is($r->{target}, "/$name/p?key=new-$name", "$name, path of the capture");
	is($r->{header}{authorization}, "Bearer new-$name", "$name, new secret");

	my $s = http_signatures($r)->{sig1};
	my $base = http_base($r, $s);

	$base =~ s/^("\@(?:scheme|target-uri)": http)/$1s/gm if $where eq 'tls';

	is($s->{sig}, hmac($base, $shared), "$name, signature of all that");
}

# those that went elsewhere went there only

is(join(' ', sort keys %{requests($old)}),
	join(' ', sort grep { $case{$_}[2] eq 'old' } keys %case),
	'no new secret goes to a host that has none of it');

$t->stop();
$t->done_testing();

###############################################################################

# the newest, by endpoint

sub requests {
	my ($rx) = @_;

	return { map { $_->{target} =~ m!^/(\w+)/! ? ($1 => $_) : () }
		$rx->requests() };
}

sub conf {
	my ($after) = @_;

	my $endpoints = join '', map { <<"EOE" } sort keys %case;
    webhook_endpoint $_ {
        url "$case{$_}[$after]";
        @{[ $after && $case{$_}[3] || 'allow_http on;' ]}
        addresses 127.0.0.0/8;
        ssl_trusted_certificate $cert->{ca};
        retry @{[ '250ms ' x 60 ]};
        @{[ $after ? "bearer new-$_;" : 'bearer old;' ]}
        api_key query key @{[ $after ? "new-$_" : 'old' ]};
        sign http file:%%TESTDIR%%/key.b64 key_encoding=base64
             components=\@scheme,\@authority,\@target-uri;
    }

EOE

	return <<"EOC";
%%TEST_GLOBALS%%

worker_processes 1;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

    resolver 127.0.0.1:%%PORT_dns%%;

    upstream up { server $n; }

    webhook_json \$v request /v;

$endpoints
    server {
        listen 127.0.0.1:%%PORT_http%%;

        location / {
            webhook some.event to=\$arg_to;
            webhook_capture on;
            proxy_pass http://127.0.0.1:%%PORT_app%%;
        }
    }

    server {
        listen 127.0.0.1:%%PORT_app%%;
        location / { return 200; }
    }
}
EOC
}

###############################################################################

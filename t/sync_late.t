#!/usr/bin/perl

# Tests for sync=always: an event goes on late, before the flush, while an
# earlier one of the same worker still waits for it, whom nobody waits for any
# more: its response was cut short.  The earlier one is not to be passed over.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use File::Temp qw/ tempdir /;

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $dir = tempdir(CLEANUP => 1);
chmod(0777, $dir);

system("cc -shared -fPIC -o $dir/slow.so $FindBin::Bin/tools/slow_flush.c -ldl")
	== 0 or die "can't compile slow_flush.c\n";

slow(0);

open(my $fh, '>', "$dir/slow.log") or die;
close($fh);
chmod(0666, "$dir/slow.log");

my $t = Test::Webhook->new(env => {
	LD_PRELOAD => join(' ', split(/[ :]/, $ENV{TEST_NGINX_PRELOAD} || ''),
		"$dir/slow.so"),
	SLOW_FLUSH => "$dir/slow"
})->plan(8);

# the first attempt fails: the worker that has made it owns the lane for long

my $rx = Test::Webhook::Receiver->new($t, port => 'rx', rules => {
	'/one' => [503, 200],
	'/two' => 200,
});

my $app = Test::Webhook::Receiver->new($t, port => 'app', rules => {
	'*' => {
		raw => "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut short"
	},
});

$t->conf(<<'EOC')->run();
%%TEST_GLOBALS%%

worker_processes 2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m sync=always
                  commit_timeout=1s;

    log_format result '$request_uri $webhook_result';

    webhook_payload n text {
        template "${arg_n|none}";
        content_type text/plain;
    }

    webhook_endpoint one {
        url http://127.0.0.1:%%PORT_rx%%/one;
        allow_http on;
        payload n;
        retry 6s 1s 1s 1s 1s;
    }

    webhook_endpoint two {
        url http://127.0.0.1:%%PORT_rx%%/two;
        allow_http on;
        payload n;
    }

    server {
        listen 127.0.0.1:%%PORT_http%% reuseport;
        access_log %%TESTDIR%%/result.log result;

        location /pid { return 200 $pid; }
        location /one { webhook a.b to=one; return 200; }
        location /two { webhook a.b to=two; return 200; }

        location /cut {
            webhook a.b to=one;
            proxy_pass http://127.0.0.1:%%PORT_app%%;
        }
    }
}
EOC

###############################################################################

my %s;

wait_for(sub {
	my $s = $t->connect_port();
	push @{$s{get('/pid', -socket => $s)->{body}}}, $s;
	return keys %s == 2 && !grep { @$_ < 2 } values %s;
}, 10, 'connections to both workers');

my ($first, $second) = values %s;

slow(4000);

ask($first->[0], '/cut?n=first');
ok($t->wait_log(qr!/cut\?n=first committed!, 5, undef, 'result.log'),
	'an event of a response that was cut short');

is(get('/two?n=second', -socket => $first->[1])->{status}, 200,
	'the next response of that worker goes on');
ok($t->wait_log(qr!/two\?n=second late!, 5, undef, 'result.log'),
	'late, while a flush is under way');

# the other worker reads the journal twice a second

is(get('/one?n=third', -socket => $second->[0])->{status}, 200,
	'a response of the other worker goes on');
ok($t->wait_log(qr!/one\?n=third late!, 5, undef, 'result.log'), 'late, too');

slow(0);

my $all = wait_for(sub {
	my %n = map { $_->{body} => 1 } $rx->requests();
	return keys %n == 3;
}, 20, 'all events');

ok($all, 'all events are delivered');

my @one = map { $_->{body} } grep { $_->{target} eq '/one' } $rx->requests();

is($one[0], 'first', 'the one before is not overtaken');

# one that nobody waits for is late of itself, not with the next one

slow(-2);

get('/cut?n=fourth');
ok(wait_for(sub { grep { $_->{body} eq 'fourth' } $rx->requests() }, 20),
	'an event of a response that was cut short is late, too');

slow(0);

###############################################################################

sub ask {
	my ($s, $uri) = @_;
	$s->print("GET $uri HTTP/1.1\r\nHost: a\r\n\r\n");
}

sub slow {
	my ($ms) = @_;
	open(my $fh, '>', "$dir/slow.new") or die;
	print $fh "$ms\n";
	close($fh);
	rename("$dir/slow.new", "$dir/slow") or die;
}

###############################################################################

#!/usr/bin/perl

# Tests for memory: what is captured and moved to the database before it is
# known whether it is one too many stays in memory until then, and no longer.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use File::Temp qw/ tempdir /;

use Test::Webhook qw/ :DEFAULT wait_for /;
use Test::Webhook::Policy qw/ watch state command /;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $dir = tempdir(CLEANUP => 1);
chmod(0777, $dir);

system("cc -shared -fPIC -o $dir/fail.so $FindBin::Bin/tools/api_fail.c -ldl")
	== 0 or die "can't compile api_fail.c\n";

my $t = Test::Webhook->new(env => {
	LD_PRELOAD => join(' ', split(/[ :]/, $ENV{TEST_NGINX_PRELOAD} || ''),
		"$dir/fail.so"),
	map { ("API_FAIL_$_" => "$dir/$_") } qw/ READ COMMIT STOP /
})->plan(7);

$t->allow_alerts(qr/cannot read the database/,
	qr/worker process \d+ exited on signal 9/);

my $rx = Test::Webhook::Receiver->new($t, port => 'rx', rules => {
	'/large' => { hang => 1 },
	'/keyed' => 200,
});
watch($rx);

$t->conf(<<'EOC')->run();
%%TEST_GLOBALS%%

worker_processes 1;
worker_shutdown_timeout 1s;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=32m journal=16m;
    webhook_memory 1m;

    webhook_payload large text {
        template "${http_x_large|none}";
        content_type text/plain;
    }

    webhook_payload n text {
        template "${arg_n|none}";
        content_type text/plain;
    }

    # the first one is in flight: the lane does not wait

    webhook_endpoint large {
        url http://127.0.0.1:%%PORT_rx%%/large;
        allow_http on;
        payload large;
        timeout 10m;
    }

    webhook_endpoint keyed {
        url http://127.0.0.1:%%PORT_rx%%/keyed;
        allow_http on;
        payload n;
        order key $arg_n;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;
        large_client_header_buffers 4 16k;

        location /large { webhook a.large to=large; return 200; }
        location /keyed { webhook a.keyed to=keyed; return 200; }
        location /api { webhook_api write=on; }
    }
}
EOC

###############################################################################

# lanes that have no place in memory

command('keyed', 'disable');
get("/keyed?n=$_") for 1 .. 50;
ok(settled('keyed', 50), 'deliveries of many lanes');

# what is captured while none can be read

get('/large', 'X-Large' => 'x' x 4000);
ok($rx->wait_requests(1, 10), 'a lane with a delivery in flight');
ok(settled('large', 1), 'and not ended');

# until all has been moved

select undef, undef, undef, 2.5;

error('READ', 5);

my @w = $t->workers();
kill 'KILL', @w;
$t->wait_workers(1, not => [@w]);

ok($t->wait_log(qr/cannot read the database/, 10), 'its lane cannot be read');

get('/large', 'X-Large' => 'x' x 4000) for 1 .. 300;
ok(failures(4), 'what is captured is moved meanwhile');

unlink "$dir/READ";

ok($rx->wait_requests(2, 20), 'it can');

command('keyed', 'enable');

ok(wait_for(sub {
	my %n = map { $_->{body} => 1 } grep { $_->{target} eq '/keyed' }
		$rx->requests();
	return keys %n == 50;
}, 20), 'other lanes have a place in memory');

###############################################################################

sub error {
	my ($what, $code) = @_;

	open(my $fh, '>', "$dir/new") or die;
	print $fh $code;
	close($fh);

	chmod(0666, "$dir/new");
	rename("$dir/new", "$dir/$what") or die;
}

# that many turns have failed since, a second apart

sub failures {
	my ($times) = @_;
	my $mark = $t->log_mark();

	return wait_for(sub {
		$t->find_in_log(qr/cannot read the database/, $mark) >= $times
	}, 20);
}

sub settled {
	my ($e, $n) = @_;
	return wait_for(sub { state($e)->{backlog}{events} == $n }, 10);
}

###############################################################################

#!/usr/bin/perl

# A worker that is killed right behind its commit to the database, before other
# processes can see it: who takes over its deliveries has to see it.

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

system("cc -shared -fPIC -o $dir/kill.so $FindBin::Bin/tools/commit_kill.c -ldl")
	== 0 or die "can't compile commit_kill.c\n";

my $t = Test::Webhook->new(env => {
	LD_PRELOAD => join(' ', split(/[ :]/, $ENV{TEST_NGINX_PRELOAD} || ''),
		"$dir/kill.so"),
	COMMIT_KILL => "$dir/now"
})->allow_alerts(qr/worker process \d+ exited on signal 9/);

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

$t->conf(<<'EOC')->run();
%%TEST_GLOBALS%%

worker_processes 2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;

    webhook_endpoint one {
        url http://127.0.0.1:%%PORT_rx%%/one;
        allow_http on;
        retry 1s 1s;
    }

    webhook_endpoint two {
        url http://127.0.0.1:%%PORT_rx%%/two;
        allow_http on;
        retry 20ms;
    }

    server {
        listen 127.0.0.1:%%PORT_http%% reuseport;

        location /one { webhook a.one to=one; return 200; }
        location /two { webhook a.two to=two; return 200; }
    }
}
EOC

###############################################################################

$rx->set(rules => { '/one' => [500, 200], '/two' => [500, 200] });

open(my $fh, '>', "$dir/now") or die "can't write: $!\n";
close($fh);

get('/one');

ok(wait_for(sub { !-e "$dir/now" }, 10), 'killed behind its commit');
ok($t->wait_log(qr/lane "one" .* delivered/, 20), 'taken over, and delivered');
is(join(' ', map { /attempt (\d+)/ } $t->find_in_log(
	qr/attempt begin: .*"one"/)), '1 2', 'the first attempt is known');

# the next commit, and whatever comes to light with it

get('/two');
ok($t->wait_log(qr/lane "two" .* delivered/, 10), 'another event');

ok($t->stop(), 'stop');
$t->start_again();

get('/one');
ok(wait_for(sub { received('/one') >= 3 }, 10), 'and one more after a restart');
my @one = grep { $_->{target} eq '/one' } $rx->requests();
isnt($one[2]{header}{'webhook-id'}, $one[0]{header}{'webhook-id'},
	'what was delivered is not sent again');

$t->stop();
$t->finish();
done_testing();

###############################################################################

sub received {
	my ($target) = @_;
	return scalar grep { $_->{target} eq $target } $rx->requests();
}

###############################################################################

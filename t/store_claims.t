#!/usr/bin/perl

# Tests for the file of claims in the store: made, kept, checked, resized, and
# never a reason not to serve.

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

# octets of the header, of a bucket, of an entry, and where entries begin

use constant { HEAD => 4096, BUCKET => 512, ENTRY => 40, ENTRIES => 32 };
use constant { DAY => 86400000, CLOSED => 2 };

my $t = Test::Webhook->new(log_level => 'notice')->plan(50);

my $rx = Test::Webhook::Receiver->new($t, port => 'rx');

my $dir = $t->testdir();
my $file = "$dir/store/claims";
my $n = 0;

###############################################################################

# made, and of which size

run('');
is(-s $file, 1024 * 1024, 'at least 1m by default');
is((stat $file)[2] & 07777, 0600, 'for nobody else');
ok((stat _)[12] * 512 >= 1024 * 1024, 'with all of its space');
is((stat $file)[4], (stat "$dir/store/journal")[4], 'owner of the journal');
is(mapped($t->workers()), 2, 'workers have mapped it');
is(mapped($t->master_pid()), 0, 'the master has not');
$t->stop();

run('', 'other', 'size=80m journal=4m');
is(-s "$dir/other/claims", 80 * 1024 * 1024 / 64,
	'a sixty-fourth of the size by default');
$t->stop();

# reload and restart: it is the same

my $now = int(time() * 1000);

run('claims=64k', 'kept');
$file = "$dir/kept/claims";
is(-s $file, 65536, 'the least size');
$t->stop();

my %claims = (old => claim(1, $now - 3600000), older => claim(2, $now - DAY / 2),
	recent => claim(3, $now - 3600000 + 4000),
	newest => claim(4, $now - 3600000 + 8000),
	over => claim(5, $now - DAY, $now - 1000),
	open => claim(6, $now - 3600000, $now + DAY, 1 | 3 << 2 | 9 << 10));
insert(3, values %claims);
is(kept(), 'newest old older open over recent', 'claims are written');

run('claims=64k', 'kept');
serves('with claims');
is(kept(), 'newest old older over recent', 'they are kept, without open ones');

my $inode = (stat $file)[1];
my $fds = descriptors($t->master_pid());

for (1 .. 3) { $t->reload() }
ok(wait_for(sub { !$t->old_workers() }, 10), 'reloads');

is((stat $file)[1], $inode, 'it is the same file');
is(mapped($t->master_pid()), 0, 'the master has not mapped it');
ok(wait_for(sub { descriptors($t->master_pid()) <= $fds }, 10),
	'nor has it more descriptors');
is(mapped($t->workers()), 2, 'workers have mapped it once');
is(kept(), 'newest old older over recent', 'and claims are kept');
ok(!$t->find_in_log(qr/claims/), 'there is nothing to say');

# killed

my $mark = $t->log_mark();
$t->kill_all();
run('claims=64k', 'kept');
is(kept(), 'newest old older over recent', 'claims outlive a kill');

# a size that changes

configure('claims=128k', 'kept');
$mark = $t->log_mark();
ok($t->reload(), 'reload with another size');
is(scalar($t->find_in_log(
	qr/\[notice\].*"claims" keeps its size of 65536 until nginx is started/,
	$mark)), 1, 'it is kept, and this is said');
is(-s $file, 65536, 'so it is');
$t->stop();

run('claims=128k', 'kept');
is(-s $file, 131072, 'until nginx is started');
is(kept(), 'newest old older recent', 'claims are kept that hold');
serves('with another size');
$t->stop();

run('claims=64k', 'kept');
is(-s $file, 65536, 'a smaller size');
is(kept(), 'newest old older recent', 'claims are kept');
$t->stop();

# a power cut

my $boot = $t->read_file('/proc/sys/kernel/random/boot_id');
like($t->read_file($file), qr/^whclaims.{24}\Q$boot\E/s,
	'the boot is written down');
poke($file, 32, '00000000');
$mark = $t->log_mark();
run('claims=64k', 'kept');
is(kept(), 'old older', 'after another boot the newest are void');
ok($t->find_in_log(qr/\[notice\].*2 intervals and ids are forgotten/, $mark),
	'and this is said');
$t->stop();
run('claims=64k', 'kept');
is(kept(), 'old older', 'once');
$t->stop();

# damage

for my $case (['a header', sub { poke($file, 20, "\xff") }],
	['a short file', sub { truncate $file, 5000 }],
	['a very short file', sub { truncate $file, 100 }],
	['an empty file', sub { truncate $file, 0 }])
{
	my ($name, $damage) = @$case;

	$damage->();
	$mark = $t->log_mark();
	run('claims=64k', 'kept');
	serves($name);
	ok($t->find_in_log(qr/\[warn\].*claims" is damaged, .* are forgotten/,
		$mark), "$name is found damaged");
	is(-s $file, 65536, "$name is replaced");
	$t->stop();
}

poke($file, 8, pack('V', 9));
$mark = $t->log_mark();
run('claims=64k', 'kept');
ok($t->find_in_log(qr/\[warn\].*claims" is of another version/, $mark),
	'another version is no reason to refuse the store');

# nothing that could be used

unlink $file;
mkdir $file;
$mark = $t->log_mark();
ok($t->reload(), 'reload with a directory instead of the file');
ok($t->find_in_log(qr/\[error\].*"claims" is out of order/, $mark),
	'out of order');
is(mapped($t->workers()), 0, 'nothing is mapped');
serves('without claims');
rmdir $file;
ok($t->reload(), 'reload when it is gone');
is(mapped($t->workers()), 2, 'claims are in order');

###############################################################################

sub configure {
	my ($param, $store, $size) = @_;

	$store ||= 'store';
	$size ||= 'size=16m journal=4m';

	return $t->conf(<<"EOC");
%%TEST_GLOBALS%%

worker_processes 2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/$store $size $param;

    webhook_payload n text {
        template "\${arg_n|none}";
        content_type text/plain;
    }

    webhook_endpoint one {
        url http://127.0.0.1:%%PORT_rx%%/one;
        allow_http on;
        payload n;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location / { webhook a.b to=one; return 200; }
    }
}
EOC
}

sub run {
	configure(@_);
	return $t->run();
}

sub serves {
	my ($name) = @_;

	$n++;
	$t->get("/?n=$n");

	ok(wait_for(sub { grep { $_ eq $n } $rx->bodies() }, 10),
		"$name: events are delivered");
}

# how many of the processes have it mapped, each once

sub mapped {
	return scalar grep {
		my @maps = Test::Webhook::slurp("/proc/$_/maps", 0)
			=~ m!/claims(?: \(deleted\))?$!mg;
		@maps == 1;
	} @_;
}

sub descriptors {
	my ($pid) = @_;
	return scalar(() = glob("/proc/$pid/fd/*"));
}

sub claim {
	my ($key, $time, $until, $word) = @_;

	return pack('Q5', $key << 32, $key, $until || $now + DAY, $time,
		defined $word ? $word : CLOSED);
}

# into a bucket; where a key belongs does not matter here

sub insert {
	my ($bucket, @claims) = @_;
	poke($file, HEAD + BUCKET * $bucket + ENTRIES, join '', @claims);
}

sub kept {
	my $data = $t->read_file($file);
	my %name = map { substr($claims{$_}, 0, 16) => $_ } keys %claims;
	my @names;

	for (my $b = HEAD; $b < length $data; $b += BUCKET) {
		for my $i (0 .. 11) {
			my $e = substr $data, $b + ENTRIES + ENTRY * $i, ENTRY;

			push @names, $name{substr $e, 0, 16} || 'unknown'
				if (unpack 'Q5', $e)[4];
		}
	}

	return join ' ', sort @names;
}

sub poke {
	my ($path, $offset, $bytes) = @_;

	open(my $fh, '+<', $path) or die "$path: $!\n";
	binmode $fh;
	seek($fh, $offset, 0);
	print $fh $bytes;
	close($fh);
}

###############################################################################

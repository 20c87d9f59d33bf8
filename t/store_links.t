#!/usr/bin/perl

# Tests for links in the directory of a store, which belongs to the workers:
# the master, most likely root, neither writes nor gives away what they are of.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::Webhook qw/ :DEFAULT /;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook->new()->plan(14);

my $dir = $t->testdir();
my $victim = "$dir/victim";
my $text = "somebody else's\n" x 1000;

my $conf = <<'EOC';
%%TEST_GLOBALS%%

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/STORE size=16m journal=4m;

    webhook_endpoint one {
        url https://127.0.0.1/;
    }

    server {
        listen 127.0.0.1:%%PORT_http%%;

        location / {
            webhook a.b to=one;
            return 200;
        }
    }
}
EOC

###############################################################################

# what is made is made anew

store('fresh');
link_to($_, $victim) for qw/ journal.new claims.new /;
write_victim();

$t->run();
$t->stop();

is($t->read_file('victim'), $text, 'fresh files are not written through a link');
ok(-f "$dir/fresh/$_" && !-l "$dir/fresh/$_", "$_ is made beside it")
	for qw/ journal claims /;

# of others no owner is changed, at a start and at a reload

SKIP: {
	skip 'must be root', 2 if $>;

	link_to("wake.$_", $victim) for 200 .. 201;

	$t->run();
	is((stat($victim))[4], 0, 'a file behind a link keeps its owner');

	$t->reload();
	is((stat($victim))[4], 0, 'and at a reload');

	$t->stop();
}

# none of these may be elsewhere

for my $name (qw/ lock data.mdb lock.mdb /) {
	store("no_$name");
	link_to($name, "$dir/nothing");

	like($t->run_expect_fail(), qr/Too many levels of symbolic links/,
		"$name is a link: refused");
	ok(!-e "$dir/nothing", 'and nothing is made behind it');
}

store('no_journal');
write_victim();
link_to('journal', $victim);

like($t->run_expect_fail(),
	qr/open\(\) ".*journal" failed .*symbolic links/,
	'journal is a link: refused');
ok(-l "$dir/no_journal/journal", 'and not set aside');
is($t->read_file('victim'), $text, 'nor is it written');

###############################################################################

my $store;

sub store {
	($store) = @_;

	my $c = $conf;

	$c =~ s/STORE/$store/;

	mkdir "$dir/$store" or die "mkdir() failed: $!\n";

	return $t->write_file_expand('nginx.conf', $c);
}

sub link_to {
	my ($name, $file) = @_;

	symlink $file, "$dir/$store/$name" or die "symlink() failed: $!\n";
}

sub write_victim {
	$t->write_file('victim', $text);
	chmod 0600, $victim or die "chmod() failed: $!\n";
}

###############################################################################

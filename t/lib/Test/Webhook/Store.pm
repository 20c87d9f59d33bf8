package Test::Webhook::Store;

# What is in a store, by its files, whoever may know of it.
#
#	queued($t, 'name')	deliveries of an endpoint that have not ended
#
# Sizes and offsets are those of wh_journal.h.

use strict;
use warnings;

use Exporter qw/ import /;

our @EXPORT_OK = qw/ queued /;

use constant {
	PAGE => 4096,
	SLOTS => 256 * 64,
	SHARDS => 1024 * 64,
	SEGMENT => 64,
	RECORD => 40,
	ENTRY => 24,
	OPEN => 1
};

# the journal first: what is moved meanwhile is in both

sub queued {
	my ($t, $name) = @_;
	my $dir = $t->testdir() . '/store';

	return scalar keys %{{ map { $_ => 1 } journal("$dir/journal", $name),
		warehouse($dir, $name) }};
}

# "sequence number.index" of what is open in the journal

sub journal {
	my ($file, $name) = @_;
	my @open;

	open(my $fh, '<:raw', $file) or die "can't open $file: $!\n";
	my $all = do { local $/; <$fh> };
	close($fh);

	my ($nsegs, $size) = unpack('L Q', substr($all, 12, 12));
	my $segments = PAGE + SLOTS + SHARDS;
	my $data = length($all) - $nsegs * $size;

	for my $i (0 .. $nsegs - 1) {
		my (undef, $gen, $tail) = unpack('Q3',
			substr($all, $segments + $i * SEGMENT, SEGMENT));

		my $at = $data + $i * $size;
		my $end = $at + $tail;

		while ($at < $end) {
			my ($len, undef, $of, $seq, undef, $n) = unpack('L2 Q3 L',
				substr($all, $at, RECORD));

			last if $len == 0 || $of != $gen;

			push @open, map { "$seq.$_" } grep {
				is_open(substr($all, $at, $len), $n, $_, $gen, $name)
			} 0 .. $n - 1;

			$at += $len;
		}
	}

	return @open;
}

sub is_open {
	my ($record, $n, $i, $gen, $name) = @_;

	my $word = unpack('Q', substr($record, RECORD + 8 * $i, 8));
	my ($at, undef, undef, undef, undef, $len) = unpack('L3 S3',
		substr($record, RECORD + 8 * $n + ENTRY * $i, ENTRY));

	return ($word & 0xff) == OPEN && $word >> 40 == ($gen & 0xffffff)
		&& substr($record, $at, $len) eq $name;
}

# ... and of what is queued in the database: its keys are "q", a shard's number,
# two strings with an octet of length before, number and index

sub warehouse {
	my ($dir, $name) = @_;
	my ($is_key, @queued) = (1);

	for (`mdb_dump $dir`) {
		next unless /^ ([0-9a-f]*)$/;

		if ($is_key) {
			my $key = pack('H*', $1);

			if ($key =~ /^q..(.)/s && substr($key, 4, ord($1)) eq $name) {
				my ($epoch, $count, $i) = unpack('N2 n', substr($key, -10));
				push @queued, ($epoch << 32 | $count) . ".$i";
			}
		}

		$is_key = !$is_key;
	}

	die "can't read $dir\n" if $?;

	return @queued;
}

1;

package Callgrind;

# A front under valgrind's callgrind: its instructions by the chains of callers
# that took them, so that one function counts apart for each who needs it.

use strict;
use warnings;

use Exporter qw/ import /;
use List::Util qw/ sum0 /;
use Time::HiRes qw/ time /;

use Bench;

our @EXPORT = qw/ callgrind control counted /;

###############################################################################

# makes valgrind run a front that was stopped; dumps are named after the file

sub callgrind {
	my ($front, $file) = @_;

	my $command = $front->{command};
	my ($at) = grep { $command->[$_] eq '-p' } 0 .. $#$command;

	splice @$command, $at - 1, 0, 'valgrind', '-q', '--tool=callgrind',
		'--vgdb-poll=200', "--callgrind-out-file=$file",
		'--dump-line=no', '--compress-strings=no',
		'--compress-pos=no', '--separate-callers=100',
		'--separate-recs=1';

	$front->{dump} = $file;
	$front->{dumps} = 0;

	start_front($front);
}

sub control {
	my ($option, $pid) = @_;

	my $out = `callgrind_control $option $pid 2>&1`;

	die "callgrind_control failed:\n$out" if $? != 0;
}

# What the front does while code runs: "seconds"; "calls" by name, of functions
# that are asked for; "instructions" by what "part" returns for a chain of
# names, the called first, each behind a "'".

sub counted {
	my ($front, $part, $calls, $code) = @_;

	control('-z', $front->{pid});

	my $began = time();
	$code->();
	my $seconds = time() - $began;

	control('-d', $front->{pid});

	my $path = $front->{dump} . '.' . ++$front->{dumps};

	wait_until(20, sub { slurp($path) =~ /^totals: \d/m })
		or die "no dump\n";

	my $r = parse($path, $part, $calls);

	unlink $path;

	return { %$r, seconds => $seconds };
}

sub parse {
	my ($path, $part, $calls) = @_;

	my (%chains, %calls, %parts, $chain, $called, $total);

	open my $fh, '<', $path or die "can't read $path: $!\n";

	while (<$fh>) {
		if (/^fn=(.*)/) {
			$chain = $1;

		} elsif (/^cfn=([^']*)/) {
			$called = $1;

		} elsif (/^calls=(\d+)/) {
			$calls{$called} += $1;
			<$fh>;

		} elsif (/^\d\S* (\d+)/) {
			$chains{$chain} += $1;

		} elsif (/^totals: (\d+)/) {
			$total = $1;
		}
	}

	$parts{$part->("'$_")} += $chains{$_} for keys %chains;

	die "$path: $total instructions, but " . sum0(values %parts)
		. " of functions\n" if $total != sum0(values %parts);

	return {
		instructions => \%parts,
		calls => { map { $_ => $calls{$_} || 0 } @$calls },
	};
}

1;

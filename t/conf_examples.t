#!/usr/bin/perl

# Every file of conf-examples is started, and what its comment says to try is
# done, with the result that its comment says to expect.
#
# The files are as an operator would have them.  A test replaces:
#
#	load_module, user, error_log, pid	by those of the harness
#	http {					adds paths of temporary files
#	127.0.0.1:PORT				by free ports
#	/var/lib/nginx/webhook			by a temporary directory
#	/var/log/nginx, /etc/nginx/webhook	likewise
#
# Commands follow "Set up:" and "Try:".  Deliveries follow "Expect at
# 127.0.0.1:PORT, in this order:" or "in any order:", with an empty line
# between: method and target, headers, and the body as the last line.  There
# "..." stands for anything.  "Expect N failed attempts." is for the error log,
# which has none otherwise.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::Webhook;
use Test::Webhook::Alertmanager;
use Test::Webhook::Example qw/ convert places /;
use Test::Webhook::Mail;
use Test::Webhook::Receiver;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my @examples = glob("$FindBin::Bin/../conf-examples/*.conf");

ok(@examples, 'there are examples');

# prove -It/lib t/conf_examples.t :: NAME

@examples = grep { m!/\Q$ARGV[0]\E\.conf$! } @examples if @ARGV;

example($_) for @examples;

done_testing();

###############################################################################

sub example {
	my ($file) = @_;

	my ($name) = $file =~ m!([^/]+)\.conf$!;
	my $conf = Test::Webhook::slurp($file, 0);
	my %part = comment($conf);

	my $t = Test::Webhook->new();

	ok($part{try} && $part{expect}, "$name has something to try");

	# the application that is not in the file itself

	my $mx = Test::Webhook::Mail->new($t, port => 'p2525')
		if $conf =~ /smtp=127\.0\.0\.1:2525;/;

	Test::Webhook::Alertmanager::start($t, 'p9093')
		if $conf =~ /proxy_pass\s+http:\/\/127\.0\.0\.1:9093;/;

	my %rx;

	for (@{$part{expect}}) {
		$rx{$_->{port}} ||= Test::Webhook::Receiver->new($t,
			port => "p$_->{port}");
	}

	is(shell($t, $part{'set up'}), 0, "$name set up") if $part{'set up'};

	$t->conf(convert($conf));

	my ($code, $out) = $t->test_conf();

	SKIP: {
		skip "$name needs ICU", 1 if $out =~ /needs the module built with ICU/;
		is($code, 0, "$name is correct") or diag($out);
	}

	return $t->finish() if $out =~ /needs the module built with ICU/;

	unlike($out, qr/\[(?:warn|error)\]/, "$name gives no warning");
	ok(!-e $t->testdir() . '/store', "$name makes no store by a test");

	$t->run();

	is(shell($t, $part{try}), 0, "$name tried");

	for my $e (@{$part{expect}}) {
		my $rx = $rx{$e->{port}};
		my $n = @{$e->{deliveries}};
		my @r = $rx->wait_requests($n, 20);

		is(@r, $n, "$name deliveries to $e->{port}");

		for my $want (@{$e->{deliveries}}) {

			my ($got) = $e->{any}
				? grep { !defined differs($t, $want, $r[$_]) } 0 .. $#r
				: 0;

			my $d = defined $got ? differs($t, $want, $r[$got])
				: 'not received';

			ok(!defined $d, "$name delivery $want->{line}")
				or diag($d);

			splice @r, $got, 1 if defined $got;
		}
	}

	ok($rx{$_}->only_requests($rx{$_}->count(), 0.2),
		"$name no more deliveries to $_") for sort keys %rx;

	if ($mx) {
		my @to = $conf =~ /email=(\S+?@\S+?)[;\s]/g;
		my @mails = $mx->wait_mails(2 * @to, 10);

		is(join(' ', sort map { @{$_->{recipients}} } @mails),
			join(' ', sort @to, @to), "$name mails");
	}

	my ($failed) = $conf =~ /^# Expect (\d+) failed attempts?\.$/m;

	is($t->find_in_log(qr/webhook attempt failed/), $failed || 0,
		"$name failed attempts");

	ok($t->stop(), "$name stopped");
	$t->finish();
}

# the comment at the head: commands and expectations

sub comment {
	my ($conf) = @_;

	my ($head) = $conf =~ /\A((?:#.*\n)+)/ or return;
	my (%part, $lines, $e);

	for (split /\n/, $head) {
		s/^# ?//;

		if (/^(Set up|Try):$/) {
			$lines = $part{lc $1} = [];
			next;
		}

		if (/^Expect at 127\.0\.0\.1:(\d+), in (this|any) order:$/) {
			$e = { port => $1, any => $2 eq 'any', deliveries => [] };
			push @{$part{expect}}, $e;
			$lines = undef;
			next;
		}

		if (/^\S/) {
			$lines = $e = undef;
			next;
		}

		my ($line) = /^ {4}(.*)/;

		if ($lines) {
			push @$lines, $line if defined $line;
			next;
		}

		next unless $e;

		if (!defined $line) {
			push @{$e->{deliveries}}, {};
			next;
		}

		push @{$e->{deliveries}[-1]{text}}, $line;
	}

	for my $expect (@{$part{expect} || []}) {
		my @d = grep { $_->{text} } @{$expect->{deliveries}};

		for (@d) {
			$_->{line} = shift @{$_->{text}};
			$_->{body} = pop @{$_->{text}};
		}

		$expect->{deliveries} = \@d;
	}

	return %part;
}

# undef, or what is different

sub differs {
	my ($t, $want, $r) = @_;

	return 'no request' unless $r;

	return "$r->{method} $r->{target}"
		if "$r->{method} $r->{target}" ne $want->{line};

	for (@{$want->{text}}) {
		my ($name, $value) = /^([^:]+): (.*)$/;
		my $got = $r->{header}{lc $name};

		$value = pattern($t->expand(places($value)));

		return "$name: " . (defined $got ? $got : 'none')
			unless defined $got && $got =~ $value;
	}

	return $r->{body} unless $r->{body} =~ pattern($want->{body});
	return;
}

sub pattern {
	my ($s) = @_;

	my $re = join '.*', map { quotemeta } split /\.\.\./, $s, -1;

	return qr/\A$re\z/s;
}

sub shell {
	my ($t, $lines) = @_;

	my $script = $t->write_file_expand('script.sh',
		places(join "\n", 'set -e', @$lines, ''));

	my ($code, $out) = Test::Webhook::command('/bin/sh', $script);

	diag($out) if $code;

	return $code;
}

###############################################################################

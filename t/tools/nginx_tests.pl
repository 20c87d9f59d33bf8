#!/usr/bin/perl

# make nginx-tests: nginx's own test suite without the module, and with it and
# a trigger on the http level, in several modes.  A test that does not end the
# same is run again alone, up to three times on both sides.  If it then still
# differs it is printed with its diagnostics, and the exit status is 1; if it
# does not, it is listed as unstable.  What differs by its nature is listed
# with the reason.
#
#     nginx_tests.pl [-jN] [-k] [-m MODE,...] DIR [FILE.t ...]
#
# DIR is a checkout of https://github.com/nginx/nginx-tests, of a time that
# suits nginx.  MODE is a key of %modes below, all by default.  -k keeps the
# directories of tests, but for the store, and the output of each.
#
# Environment:
#
#     TEST_NGINX_BINARY    nginx, by default out of PATH
#     TEST_NGINX_MODULES   directory of its dynamic modules, by default the one
#                          that nginx was built with
#     TEST_WEBHOOK_MODULE  the module, by default that of objs/
#     TEST_NGINX_GLOBALS, TEST_NGINX_GLOBALS_HTTP   for both sides
#
# As root the tests are run as www-data or nobody, but for those that need
# root; so they have to be able to read nginx and the directory of modules.

use strict;
use warnings;

use Cwd qw/ abs_path /;
use File::Basename qw/ basename dirname /;
use File::Copy qw/ copy /;
use File::Path qw/ remove_tree /;
use File::Temp qw/ tempdir /;
use Getopt::Std qw/ getopts /;
use IO::Socket::INET;
use POSIX ();
use Time::HiRes qw/ time sleep /;

# parameters of the store by mode, and what every request meets

my %modes = (
	drop => ['', 'full'],
	always => ['sync=always', 'full'],
	reject => ['full=reject', 'full'],
	light => ['sync=always', 'light'],
);

# a request may have one record only, so the largest event of each of four
# triggers has to fit in there

my $globals_http = <<'EOF';
webhook_store %%DIR%%/webhook size=16m journal=16m %%MODE%%;
webhook_zone webhook 1m;
webhook_max_event_size 32k;

webhook_endpoint receiver {
    url http://127.0.0.1:%%PORT%%/;
    allow_http on;
    order none;
}

EOF

my %globals_http = (

	# all of both bodies

	full => <<'EOF',
webhook_payload request raw {
    body request;
}

webhook_payload response raw {
    body response;
}

webhook_capture on;

webhook_json $wh_a request /a;
webhook_json $wh_b response /b;
webhook_json $wh_request request "" type=json;
webhook_json $wh_response response "" type=json;
webhook_form $wh_c request c;

webhook any.response to=receiver status=any;
webhook any.request to=receiver on=request;
webhook raw.response to=receiver status=any payload=response;
webhook raw.request to=receiver on=request payload=request;
EOF

	# as little as there can be: responses are not read, files are sent

	light => <<'EOF',
webhook any.response to=receiver status=any;
EOF
);

# what differs by its nature

my %known = (
	'split_clients.t' => {
		tests => [1],
		reason => '$connection is counted, and deliveries are connections,'
			. ' as those of proxy_pass are',
	},
	'grpc.t' => {
		tests => [145],
		modes => [qw/ always light /],
		reason => 'RST_STREAM of an earlier stream may be what is read,'
			. ' then the held 502 of the next one has not ended yet',
	},
	'h2_priority.t' => {
		tests => [1 .. 20],
		modes => [qw/ always light /],
		reason => 'the last octets are held, a window that is opened'
			. ' before lets the others go in a DATA frame of their own',
	},
	'h3_reusable.t' => {
		tests => [1, 2],
		reason => 'worker_connections 12 are what the test needs, there'
			. ' are none for deliveries',
	},
	'ssl.t' => {
		tests => [17],
		modes => [qw/ always light /],
		reason => '1000 requests one after the other, of which each'
			. ' waits for a flush, within 8 seconds',
	},
	'memcached_keepalive.t' => {
		tests => [10, 13],
		modes => [qw/ always light /],
		reason => 'a body after HEAD that was there before its header was'
			. ' flushed has been read, so the connection is kept',
	},
);

my $timeout = 300;
my $rounds = 3;

my $root = abs_path(dirname(abs_path($0)) . '/../..');
my $owner = $$;

my (%o, $dir, $suite, $module, $nginx, @user, %running, $receiver, $port);
my $serial = 0;

$| = 1;
$SIG{$_} = sub { exit 130 } for qw/ INT TERM HUP /;

getopts('j:km:', \%o) && @ARGV
	or die "usage: nginx_tests.pl [-jN] [-k] [-m MODE,...] DIR"
		. " [FILE.t ...]\n";

exit main(@ARGV);

###############################################################################

sub main {
	my ($checkout, @files) = @_;

	my @modes = split /,/, $o{m} || 'drop,always,reject,light';

	for (@modes) {
		die "unknown mode \"$_\"\n" unless exists $modes{$_};
	}

	prepare($checkout);

	@files = map { basename($_) } @files ? @files : glob("$suite/*.t");

	# side by side, so that both meet the same machine

	my %result;

	run_all(\%result, map { my $f = $_; map { [$f, $_] } '', @modes }
		@files);

	my (@real, @seen, @known);

	for my $file (@files) {
		for my $mode (@modes) {
			my ($real, $seen, $known) = compare($file, $mode,
				@{$result{$file}}{'', $mode});

			push @real, @$real;
			push @seen, @$seen;
			push @known, @$known;
		}
	}

	print "\nknown:\n\n", map { "$_\n" } @known if @known;
	print "\nunstable:\n\n", map { "$_\n" } @seen if @seen;
	print "\ndifferent:\n\n", @real if @real;

	slower(\%result, \@files, \@modes);

	my @base = map { $result{$_}{''} } @files;
	my @with = map { my $f = $_; map { $result{$f}{$_} } @modes } @files;

	printf "\n%d files, %d of them skipped; %d tests without the module,"
		. " %d of them failed, %d files not complete\n",
		scalar @files, scalar(grep { defined $_->{skip} } @base),
		tests(@base), tests_failed(@base), incomplete(@base);

	printf "%d tests with it (%s), %d failed, %d files not complete:"
		. " %d differ, %d are unstable\n",
		tests(@with), join(', ', @modes), tests_failed(@with),
		incomplete(@with), scalar @real, scalar @seen;

	printf "%d differ by their nature, %d deliveries were received\n",
		scalar @known, deliveries();

	return @real ? 1 : 0;
}

sub tests {
	my $n = 0;

	$n += keys %{$_->{tests}} for @_;

	return $n;
}

sub tests_failed {
	return scalar grep { $_->{outcome} eq 'not ok' }
		map { values %{$_->{tests}} } @_;
}

sub incomplete {
	return scalar grep { outcomes($_)->{0} =~ /^(?:timeout|not )/ } @_;
}

###############################################################################

# what both sides need

sub prepare {
	my ($checkout) = @_;

	die "no tests in $checkout\n" unless -f "$checkout/lib/Test/Nginx.pm";

	($nginx) = grep { -x && !-d _ } $ENV{TEST_NGINX_BINARY} || (),
		map { "$_/nginx" } split(/:/, $ENV{PATH} || ''), '/usr/sbin';

	die "no nginx binary found\n" unless $nginx;

	$nginx = abs_path($nginx);

	my $so = $ENV{TEST_WEBHOOK_MODULE}
		|| "$root/objs/ngx_http_webhook_module.so";

	die "no module $so\n" unless -f $so;

	# the paths of sockets have to be short

	$dir = tempdir('ngt-XXXXXX', TMPDIR => 1);
	chmod 0755, $dir;

	# copies, for a user who may not look into the checkouts

	$suite = "$dir/suite";
	$module = "$dir/ngx_http_webhook_module.so";

	system('cp', '-r', $checkout, $suite) == 0
		or die "can't copy $checkout\n";
	copy($so, $module) or die "can't copy $so: $!\n";

	if ($> == 0) {
		@user = getpwnam('www-data');
		@user = getpwnam('nobody') unless @user;

		system('chown', '-R', "$user[2]:$user[3]", $suite);
	}

	if (!defined $ENV{TEST_NGINX_MODULES}
		&& `$nginx -V 2>&1` =~ /--modules-path=(\S+)/ && -d $1)
	{
		$ENV{TEST_NGINX_MODULES} = $1;
	}

	start_receiver();
}

sub start_receiver {
	my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)
		or die "no free port: $!\n";

	$port = $s->sockport();
	close $s;

	mkdir "$dir/receiver";

	# a module of perl looks for its other half

	my $perl = dirname($nginx) . '/src/http/modules/perl';

	open my $fh, '>', "$dir/receiver/nginx.conf" or die "receiver: $!\n";
	print $fh <<"EOF";
daemon off;
master_process off;
pid $dir/receiver/nginx.pid;
error_log $dir/receiver/error.log;
env PERL5LIB=$perl:$perl/blib/arch;

events {
}

http {
    access_log $dir/receiver/access.log;
    client_body_temp_path $dir/receiver/body;
    proxy_temp_path $dir/receiver/proxy;
    fastcgi_temp_path $dir/receiver/fastcgi;
    uwsgi_temp_path $dir/receiver/uwsgi;
    scgi_temp_path $dir/receiver/scgi;

    server {
        listen 127.0.0.1:$port;
        return 200;
    }
}
EOF
	close $fh;

	$receiver = fork();
	die "fork(): $!\n" unless defined $receiver;

	if ($receiver == 0) {
		exec($nginx, '-p', "$dir/receiver/", '-e', 'error.log',
			'-c', 'nginx.conf') or POSIX::_exit(1);
	}

	for (1 .. 100) {
		return if IO::Socket::INET->new("127.0.0.1:$port");
		sleep 0.1;
	}

	die "the receiver did not start\n";
}

sub deliveries {
	return scalar grep { /" 200 / } split /^/,
		slurp("$dir/receiver/access.log");
}

sub environment {
	my ($mode, $tmp) = @_;

	my %env = (
		TEST_NGINX_BINARY => $nginx,
		TEST_NGINX_LEAVE => 1,
	);

	return %env if $mode eq '';

	my ($parameters, $variant) = @{$modes{$mode}};

	my $http = $globals_http . $globals_http{$variant};

	# not in the directory of the test: workers of root may not look into it

	$http =~ s/%%DIR%%/$tmp/;
	$http =~ s/%%PORT%%/$port/;
	$http =~ s/%%MODE%%/$parameters/;

	$env{TEST_NGINX_GLOBALS} = "load_module $module;\n"
		. ($ENV{TEST_NGINX_GLOBALS} || '');
	$env{TEST_NGINX_GLOBALS_HTTP} = $http
		. ($ENV{TEST_NGINX_GLOBALS_HTTP} || '');

	return %env;
}

###############################################################################

# runs of test files

sub run_all {
	my ($result, @jobs) = @_;

	my $left = my $all = @jobs;
	my $max = $o{j} || 2;
	my $shown = time();

	while ($left) {

		while (@jobs && keys %running < $max) {
			start(@{shift @jobs});
		}

		for my $job (reap()) {
			my ($file, $mode) = @$job{qw/ file mode /};

			$result->{$file}{$mode} = finish($job);
			$left--;
			differs($result, $file, $mode) if $all > 1;
		}

		if (time() - $shown > 30) {
			$shown = time();
			print "$left of $all left\n";
		}
	}
}

# what is to be run again, for who does not want to wait

sub differs {
	my ($result, $file, $mode) = @_;

	my $r = $result->{$file};

	return unless $r->{''};

	for my $other ($mode eq '' ? grep { $_ ne '' } keys %$r : $mode) {
		my @n = sort { $a <=> $b } differences($r->{''}, $r->{$other});

		print "$file ($other): @n\n" if @n;
	}
}

sub run_alone {
	my ($file, $mode) = @_;

	my %result;

	run_all(\%result, [$file, $mode]);

	return $result{$file}{$mode};
}

sub start {
	my ($file, $mode) = @_;

	my $tmp = "$dir/" . ++$serial;
	my $plain = @user && slurp("$suite/$file") !~ /must be root/;

	mkdir $tmp or die "can't create $tmp: $!\n";
	chown $user[2], $user[3], $tmp if $plain;

	my $pid = fork();
	die "fork(): $!\n" unless defined $pid;

	if ($pid == 0) {
		setpgrp;

		%ENV = (%ENV, environment($mode, $tmp), TMPDIR => $tmp);

		open STDIN, '<', '/dev/null';
		open STDOUT, '>', "$tmp.log" or POSIX::_exit(1);
		open STDERR, '>&', \*STDOUT;

		if ($plain) {
			$ENV{HOME} = $tmp;
			$) = "$user[3] $user[3]";
			POSIX::setgid($user[3]);
			POSIX::setuid($user[2]);
		}

		chdir $suite;
		exec('perl', $file) or POSIX::_exit(1);
	}

	$running{$pid} = {
		file => $file,
		mode => $mode,
		tmp => $tmp,
		start => time(),
	};
}

sub reap {
	my @jobs;

	for my $pid (keys %running) {
		my $job = $running{$pid};

		if (waitpid($pid, POSIX::WNOHANG()) == $pid) {
			$job->{status} = $?;

		} elsif (time() - $job->{start} > $timeout) {
			kill 'KILL', -$pid;
			waitpid($pid, 0);
			$job->{status} = 'timeout';

		} else {
			next;
		}

		# daemons of tests that died

		kill 'KILL', -$pid;

		$job->{time} = time() - $job->{start};

		push @jobs, delete $running{$pid};
	}

	sleep 0.02 unless @jobs;

	return @jobs;
}

# what a run has shown: the outcome and the diagnostics of each test

sub finish {
	my ($job) = @_;

	my $log = slurp("$job->{tmp}.log");

	my %r = (
		tests => {},
		errors => [],
		log => $log,
		time => $job->{time},
		status => $job->{status},
	);

	my $test;

	for (split /\n/, $log) {

		if (/^(ok|not ok) (\d+)(?: - (.*))?/) {
			my ($ok, $n, $name) = ($1, $2, defined $3 ? $3 : '');

			if ($name =~ s/ ?# (skip|TODO)\b.*//i) {
				$ok = lc($1) eq 'skip' ? 'skip' : "todo $ok";
			}

			$test = $r{tests}{$n} = {
				outcome => $ok,
				name => $name,
				diag => '',
			};

		} elsif (/^1\.\.0 # skip ?(.*)/i) {
			$r{skip} = $1;

		} elsif (/^1\.\.(\d+)/) {
			$r{plan} = $1;

		} elsif ($test) {
			$test->{diag} .= "$_\n";
		}
	}

	# the disk has no room for all of them

	remove_tree("$job->{tmp}/webhook");

	push @{$r{errors}}, errors($_)
		for glob("$job->{tmp}/*/error.log");

	if (!$o{k}) {
		remove_tree($job->{tmp});
		unlink "$job->{tmp}.log";
	}

	return \%r;
}

# alerts are a test of the suite, but some files expect some; the receiver
# takes whatever comes

sub errors {
	my ($path) = @_;

	open my $fh, '<', $path or return;

	return grep {
		/\[(?:alert|crit|emerg)\].*(?:webhook|exited on signal)/
			|| /webhook attempt failed/
			|| /Sanitizer|: runtime error: /
	} <$fh>;
}

###############################################################################

# comparison

sub outcomes {
	my ($r) = @_;

	my %out = map { $_ => $r->{tests}{$_}{outcome} } keys %{$r->{tests}};

	# 0 stands for the file

	$out{0} = defined $r->{skip} ? "skipped: $r->{skip}"
		: $r->{status} eq 'timeout' ? 'timeout'
		: !defined $r->{plan} || keys %{$r->{tests}} != $r->{plan}
			? 'not complete'
		: @{$r->{errors}} ? 'errors logged' : 'complete';

	return \%out;
}

sub outcome {
	my ($r, $n) = @_;

	my $out = outcomes($r)->{$n};

	return defined $out ? $out : 'missing';
}

sub differences {
	my ($base, $with) = @_;

	my %all = (%{outcomes($base)}, %{outcomes($with)});

	return grep { outcome($base, $_) ne outcome($with, $_) } keys %all;
}

sub compare {
	my ($file, $mode, $base, $with) = @_;

	my %differ = map { $_ => [$base, $with] } differences($base, $with);
	my (@real, @seen, @known);

	for my $n (known($file, $mode)) {
		my $pair = delete $differ{$n} or next;

		push @known, describe($file, $mode, $n, @$pair)
			. ": $known{$file}{reason}";
	}

	my %still = %differ;

	for (1 .. $rounds) {
		last unless %still;

		$base = run_alone($file, '');
		$with = run_alone($file, $mode);

		my %now = map { $_ => [$base, $with] }
			differences($base, $with);

		%still = map { $_ => $now{$_} } grep { $now{$_} } keys %still;
	}

	for my $n (sort { $a <=> $b } keys %differ) {
		my $pair = $still{$n} || $differ{$n};
		my $line = describe($file, $mode, $n, @$pair);

		push @real, $line . "\n" . diagnostics($n, @$pair) . "\n"
			if $still{$n};
		push @seen, $line unless $still{$n};
	}

	return (\@real, \@seen, \@known);
}

sub known {
	my ($file, $mode) = @_;

	my $known = $known{$file} or return;

	return if $known->{modes} && !grep { $_ eq $mode } @{$known->{modes}};

	return @{$known->{tests}};
}

sub describe {
	my ($file, $mode, $n, $base, $with) = @_;

	my ($test) = grep { $_ } map { $_->{tests}{$n} } $with, $base;

	return "$file $n" . ($test ? " \"$test->{name}\"" : '')
		. ": " . outcome($base, $n) . ', with the module ('
		. $mode . '): ' . outcome($with, $n);
}

sub diagnostics {
	my ($n, $base, $with) = @_;

	my $text = '';

	for (['without', $base], ['with', $with]) {
		my ($side, $r) = @$_;

		my $diag = $n == 0
			? join('', tail($r->{log}), @{$r->{errors}})
			: $r->{tests}{$n} ? $r->{tests}{$n}{diag} : '';

		next unless length $diag;

		$diag =~ s/^/        /mg;
		$diag =~ s/\n?\z/\n/;
		$text .= "    $side:\n$diag";
	}

	return $text;
}

sub tail {
	my @lines = split /^/, $_[0];

	return @lines > 20 ? @lines[-20 .. -1] : @lines;
}

sub slower {
	my ($result, $files, $modes) = @_;

	my @slow;

	for my $file (@$files) {
		for my $mode (@$modes) {
			my ($base, $with) = map { $result->{$file}{$_}{time} }
				'', $mode;

			next if $with < 2 * $base || $with < $base + 3;

			push @slow, sprintf "%s: %.1fs, with the module (%s):"
				. " %.1fs\n", $file, $base, $mode, $with;
		}
	}

	print "\nslower:\n\n", @slow if @slow;
}

###############################################################################

sub slurp {
	my ($path) = @_;

	open my $fh, '<:raw', $path or return '';
	local $/;
	my $content = <$fh>;

	return defined $content ? $content : '';
}

END {
	if ($$ == $owner) {
		my $rc = $?;

		kill 'KILL', -$_ for keys %running;

		if ($receiver) {
			kill 'QUIT', $receiver;
			waitpid($receiver, 0);
		}

		print "kept: $dir\n" if $dir && $o{k};
		remove_tree($dir) if $dir && !$o{k};

		$? = $rc;
	}
}

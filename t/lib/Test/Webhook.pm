package Test::Webhook;

# Test harness of ngx_http_webhook_module: starts nginx in a temporary
# directory, controls its processes, and checks its error log at the end.
# Core Perl only.  See t/harness.t for examples of everything here.

use strict;
use warnings;

use Cwd ();
use Errno qw/ EINTR EAGAIN EWOULDBLOCK /;
use Exporter qw/ import /;
use Fcntl qw/ :DEFAULT :flock /;
use File::Path ();
use File::Spec;
use File::Temp ();
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Scalar::Util qw/ blessed weaken /;
use Socket qw/ :DEFAULT IPPROTO_TCP TCP_NODELAY /;
use Test::More ();
use Test2::API ();
use Time::HiRes qw/ time sleep /;

use Test::Webhook::API ();

our @EXPORT = qw/ http get post h2 port wait_for parse_response /;
our @EXPORT_OK = qw/ connect_port cert find_in_log wait_log log_mark /;

my $root = Cwd::abs_path(File::Spec->catdir(
	(File::Spec->splitpath(Cwd::abs_path(__FILE__)))[1],
	('..') x 3));

my ($current, @instances, %dirs, %children);
my ($owner, $died, $failed) = ($$, 0, 0);

# the prctl(PR_SET_CHILD_SUBREAPER) lets the test reap nginx processes
# whose parent has gone; everything works without it as well

{
	my $nr = { x86_64 => 157, aarch64 => 167, i686 => 172, armv7l => 172,
		riscv64 => 167, ppc64le => 171, s390x => 172 }
		->{(POSIX::uname())[4]};
	eval { no warnings; syscall($nr, 36, 1, 0, 0, 0) } if $nr;
}

for my $sig (qw/ INT TERM HUP /) {
	next if ref $SIG{$sig} || ($SIG{$sig} || '') eq 'IGNORE';
	$SIG{$sig} = sub { $died = 1; exit 130 };
}

# lexicals of a test may go before END, so it may be not known there

$SIG{__DIE__} = sub { $died = 1 if defined $^S && !$^S && $owner == $$ }
	unless $SIG{__DIE__};

$SIG{PIPE} = 'IGNORE';

###############################################################################

# options: module => 0 (no load_module line), debug => 1, env => {...},
# log_level => 'notice', timeout => seconds to wait for processes

sub new {
	my ($class, %o) = @_;

	my $dir = Cwd::abs_path(File::Temp::tempdir('webhook-test-XXXXXXXX',
		TMPDIR => 1, CLEANUP => 0));

	$dirs{$dir} = $$;

	my $self = bless {
		module => 1,
		timeout => 30,
		env => {},
		%o,
		dir => $dir,
		pid => $$,
		pgrps => [],
		daemons => [],
		allowed => [],
		ignored => [],
		tail => {},
	}, $class;

	$self->{debug} = 1 if $ENV{TEST_NGINX_DEBUG};

	if ($> == 0) {
		my @pw = getpwnam('www-data');
		@pw = getpwnam('nobody') unless @pw;

		$self->{user} = "$pw[0] " . getgrgid($pw[3]) if @pw;
		chown $pw[2], $pw[3], $dir if @pw;
	}

	chmod 0755, $dir;

	push @instances, $self;
	weaken($instances[-1]);

	$current = $self;
	weaken($current);

	return $self;
}

sub testdir { $_[0]->{dir} }
sub root { $root }

# all helpers are functions of the latest instance as well as methods

sub self {
	my ($args) = @_;

	return shift @$args if blessed $args->[0]
		&& $args->[0]->isa(__PACKAGE__);

	return $current || die "no Test::Webhook instance\n";
}

sub write_file {
	my ($self, $name, $content) = @_;

	my $path = $name =~ m!^/! ? $name : "$self->{dir}/$name";

	open my $fh, '>:raw', $path or die "can't write $path: $!\n";
	print $fh $content;
	close $fh or die "can't write $path: $!\n";

	return $path;
}

sub read_file {
	my ($self, $name) = @_;

	my $path = $name =~ m!^/! ? $name : "$self->{dir}/$name";

	return slurp($path, 0);
}

sub slurp {
	my ($path, $from) = @_;

	open my $fh, '<:raw', $path or return '';
	seek $fh, $from, 0 if $from;
	local $/;
	my $content = <$fh>;

	return defined $content ? $content : '';
}

###############################################################################

# ports: outside of the range of client ports, and locked among all test
# processes of the machine for the life of this process

my (%locks, %used, $portdir);

sub port {
	my $self = self(\@_);
	my ($name) = @_;

	return $name if $name =~ /^\d+$/;
	return $self->{ports}{$name} ||= reserve_port();
}

sub port_dir {
	return $portdir if $portdir;

	my $uid = -1;

	for my $dir ('/tmp/test-webhook-ports',
		File::Spec->tmpdir() . "/test-webhook-ports-$>")
	{
		if (mkdir $dir) {
			chmod 01777, $dir;
		}

		return $portdir = $dir if -d $dir && -w $dir && -x $dir;
	}

	die "no directory for port locks\n";
}

sub reserve_port {
	my $dir = port_dir();

	my ($low, $high) = slurp('/proc/sys/net/ipv4/ip_local_port_range', 0)
		=~ /(\d+)\s+(\d+)/;
	($low, $high) = (32768, 60999) unless $high;

	my ($from, $to) = $low > 12000 ? (10000, $low - 1)
		: $high < 64000 ? ($high + 1, 65535) : (0, 0);

	for (1 .. 2000) {
		my $port = $from
			? $from + int(rand($to - $from + 1)) : bindable(0);

		next if !$port || $used{$port};

		my $fh = lock_port("$dir/$port") or next;

		if (!bindable($port)) {
			close $fh;
			next;
		}

		$locks{$port} = $fh;
		$used{$port} = 1;

		return $port;
	}

	die "no free port\n";
}

sub lock_port {
	my ($path) = @_;

	# a file of another user in a sticky directory may be opened,
	# but not with O_CREAT

	my $fh;

	for (1 .. 2) {
		last if sysopen $fh, $path, O_RDONLY;
		last if sysopen $fh, $path, O_RDWR | O_CREAT | O_EXCL, 0644;
		undef $fh;
	}

	return unless $fh && flock $fh, LOCK_EX | LOCK_NB;
	return $fh;
}

sub bindable {
	my ($port) = @_;

	# no SO_REUSEADDR here, so a port with any remains does not pass

	for ([PF_INET, SOCK_STREAM], [PF_INET, SOCK_DGRAM],
		[PF_INET6, SOCK_STREAM])
	{
		my ($family, $type) = @$_;

		socket my $s, $family, $type, 0
			or ($family == PF_INET6 ? next : return);

		my $addr = $family == PF_INET6
			? pack_sockaddr_in6($port, Socket::IN6ADDR_LOOPBACK())
			: pack_sockaddr_in($port, INADDR_LOOPBACK);

		if (!bind $s, $addr) {
			next if $family == PF_INET6
				&& $!{EADDRNOTAVAIL};
			return;
		}

		($port) = unpack_sockaddr_in(getsockname $s) if $port == 0;
	}

	return $port;
}

###############################################################################

# configuration

sub conf {
	my ($self, $text) = @_;

	$self->write_file_expand('nginx.conf', $text);

	my %api = map { $_ => 1 } @{$self->{api} || []},
		Test::Webhook::API::prefixes($text);
	$self->{api} = [keys %api];

	return $self;
}

sub write_file_expand {
	my ($self, $name, $text) = @_;

	return $self->write_file($name, $self->expand($text));
}

sub expand {
	my ($self, $text) = @_;

	$text =~ s/%%TEST_GLOBALS%%/$self->globals()/ge;
	$text =~ s/%%TEST_GLOBALS_HTTP%%/$self->globals_http()/ge;
	$text =~ s/%%TESTDIR%%/$self->{dir}/g;
	$text =~ s/%%PORT_(\w+?)%%/$self->port($1)/ge;

	die "unknown macro $1\n" if $text =~ /(%%[A-Z]\w*%%)/;

	return $text;
}

sub globals {
	my ($self) = @_;

	my $s = '';

	if ($self->{module} && !$ENV{TEST_WEBHOOK_STATIC}) {
		my $so = $ENV{TEST_WEBHOOK_MODULE}
			|| 'objs/ngx_http_webhook_module.so';

		$s .= 'load_module '
			. File::Spec->rel2abs($so, $root) . ";\n";
	}

	my $level = $self->{debug} ? 'debug' : $self->{log_level} || 'info';

	$s .= "daemon off;\n";
	$s .= "pid %%TESTDIR%%/nginx.pid;\n";
	$s .= "error_log %%TESTDIR%%/error.log $level;\n";
	$s .= "user $self->{user};\n" if $self->{user};

	# otherwise workers and a new binary lose these

	my %env = $self->environment();
	$s .= "env $_;\n" for sort keys %env;

	$s .= "$ENV{TEST_NGINX_GLOBALS}\n" if $ENV{TEST_NGINX_GLOBALS};

	return $s;
}

sub globals_http {
	my ($self) = @_;

	my $s = "root %%TESTDIR%%;\n";

	$s .= "access_log %%TESTDIR%%/access.log;\n";
	$s .= "${_}_temp_path %%TESTDIR%%/${_}_temp;\n"
		for qw/ client_body proxy fastcgi uwsgi scgi /;

	$s .= "$ENV{TEST_NGINX_GLOBALS_HTTP}\n"
		if $ENV{TEST_NGINX_GLOBALS_HTTP};

	return $s;
}

sub environment {
	my ($self) = @_;

	my %env;

	if ($ENV{TEST_NGINX_PRELOAD}) {
		$env{LD_PRELOAD} = join ' ', $ENV{TEST_NGINX_PRELOAD},
			$self->{env}{LD_PRELOAD} || ();
	}

	if ($ENV{TEST_NGINX_PRELOAD} || $ENV{TEST_WEBHOOK_ASAN}) {
		my $log = "log_path=$self->{dir}/asan";

		# of the same options the last one wins

		$env{ASAN_OPTIONS} = join ':',
			'detect_leaks=0:detect_odr_violation=0',
			$ENV{ASAN_OPTIONS} || (), $log;
		$env{UBSAN_OPTIONS} = join ':', 'print_stacktrace=1',
			$ENV{UBSAN_OPTIONS} || (), $log;
		$env{LSAN_OPTIONS} = $ENV{LSAN_OPTIONS}
			if $ENV{LSAN_OPTIONS};
	}

	return (%{$self->{env}}, %env);
}

sub binary {
	my ($self) = @_;

	return $self->{binary} if $self->{binary};
	return $ENV{TEST_NGINX_BINARY} if $ENV{TEST_NGINX_BINARY};

	for my $dir (split(/:/, $ENV{PATH} || ''), '/usr/sbin') {
		return "$dir/nginx" if -x "$dir/nginx" && !-d _;
	}

	die "no nginx binary found\n";
}

# the first listening address in the configuration: a port or unix:path

sub first_listen {
	my ($self) = @_;

	my $conf = $self->read_file('nginx.conf');
	$conf =~ s/^\s*#.*$//mg;

	return $1 if $conf =~ /\blisten\s+(unix:[^\s;]+)/
		&& $conf !~ /\blisten\s+(?:[^\s;:]+:)?\d+[\s;]/;
	return "[$1]:$2" if $conf =~ /\blisten\s+\[([\da-f:]+)\]:(\d+)/
		&& $conf !~ /\blisten\s+(?:[^\s;:\[]+:)?\d+[\s;]/;
	return $1 if $conf =~ /\blisten\s+(?:[^\s;:\[]+:)?(\d+)[\s;]/;
	return;
}

sub expected_workers {
	my ($self) = @_;

	my $conf = $self->read_file('nginx.conf');
	$conf =~ s/^\s*#.*$//mg;

	return 0 if $conf =~ /\bmaster_process\s+off\b/;
	return $1 if $conf =~ /\bworker_processes\s+(\d+)/;
	return 1;
}

###############################################################################

# starting

# nginx is started through a short-lived process, which goes away as soon as
# nginx runs: nginx does not obey USR2 if its parent is the one it has been
# started by, that is, with "daemon off" started directly

sub spawn {
	my ($self, $out, @args) = @_;

	my $binary = $self->binary();

	pipe my $pr, my $pw or die "pipe() failed: $!\n";
	pipe my $gr, my $gw or die "pipe() failed: $!\n";

	my $middle = fork();
	die "fork() failed: $!\n" unless defined $middle;

	if ($middle == 0) {
		$SIG{$_} = 'DEFAULT' for qw/ INT TERM HUP PIPE __DIE__ /;
		close $pr;
		close $gw;

		my $pid = fork();

		if (defined $pid && $pid == 0) {
			setpgrp(0, 0);

			open STDIN, '<', '/dev/null';
			open STDOUT, '>>', $out;
			open STDERR, '>&', \*STDOUT;

			my %env = $self->environment();
			@ENV{keys %env} = values %env;

			no warnings;
			exec { $binary } $binary, '-p', "$self->{dir}/",
				@args;
			print STDERR "can't exec $binary: $!\n";
			POSIX::_exit(127);
		}

		syswrite $pw, "$pid\n";
		close $pw;
		sysread $gr, my $buf, 1;
		POSIX::_exit(0);
	}

	close $pw;
	close $gr;

	my $pid = <$pr>;
	die "can't start nginx\n" unless $pid;
	chomp $pid;

	push @{$self->{pgrps}}, $pid;

	return ($pid, sub {
		return unless $gw;
		close $gw;
		undef $gw;
		waitpid $middle, 0;
	});
}

sub launch {
	my ($self) = @_;

	die "no configuration\n" unless -f "$self->{dir}/nginx.conf";
	die "nginx is already running\n" if $self->running();

	# a pid file left by a killed nginx

	unlink "$self->{dir}/nginx.pid", "$self->{dir}/nginx.pid.oldbin";

	delete $self->{status};

	my $out = "$self->{dir}/start.out";
	my $from = -s $out || 0;

	my ($pid, $release) = $self->spawn($out, '-c',
		"$self->{dir}/nginx.conf", '-e', "$self->{dir}/error.log");

	$self->{master} = $pid;

	my $ok = wait_for(sub {
		return 'dead' if !alive($pid);
		return 'up' if $self->pid_file() == $pid;
	}, $self->{timeout}) || 'timeout';

	$release->();

	if ($ok ne 'up') {
		kill 'KILL', -$pid;
		$self->wait_gone($pid);
		delete $self->{master};
	}

	return ($ok, slurp($out, $from));
}

sub run {
	my ($self) = @_;

	my ($ok, $out) = $self->launch();

	die "can't start nginx ($ok):\n$out\n" if $ok ne 'up';

	my $listen = $self->first_listen();

	if ($listen) {
		wait_for(sub { try_connect($listen) }, $self->{timeout})
			or die "nginx does not listen on $listen\n";
	}

	$self->wait_workers() or die "nginx workers did not start\n";

	return $self;
}

sub start_again { $_[0]->run() }

# the output of a failing start, undef if nginx did start

sub run_expect_fail {
	my ($self) = @_;

	my $from = $self->log_mark();
	my ($ok, $out) = $self->launch();

	if ($ok eq 'up') {
		$self->stop();
		return;
	}

	push @{$self->{ignored}}, [$from, $self->log_mark()];

	return $out;
}

# nginx -t: the exit code and the output

sub test_conf {
	my ($self, @args) = @_;

	my $out = "$self->{dir}/test.out";
	my $from = -s $out || 0;
	my $mark = $self->log_mark();

	my $had = -e "$self->{dir}/nginx.pid";

	my ($pid, $release) = $self->spawn($out, '-t', '-c',
		"$self->{dir}/nginx.conf", '-e', "$self->{dir}/test.log",
		@args);

	my $gone = wait_for(sub { !alive($pid) }, $self->{timeout});

	kill 'KILL', -$pid unless $gone;
	$release->();
	$self->wait_gone($pid);

	unlink "$self->{dir}/nginx.pid" unless $had;

	push @{$self->{ignored}}, [$mark, $self->log_mark()];

	my $status = delete $self->{exit}{$pid};
	my $text = slurp($out, $from);

	# without a subreaper the exit code is not known

	my $code = defined $status ? $status >> 8 || $status & 127
		: $text =~ /test is successful/ ? 0 : 1;

	return ($code, $text);
}

###############################################################################

# processes

# a process is alive unless it is gone or a zombie; one that is killed has its
# sockets and locks until its last thread is gone

sub alive {
	my ($pid) = @_;

	my ($state) = stat_of($pid) or return 0;

	return 1 if $state !~ /[ZX]/;

	opendir my $dh, "/proc/$pid/task" or return 0;

	return (grep { /^\d+$/ && $_ != $pid } readdir $dh) ? 1 : 0;
}

# state, parent, process group

sub stat_of {
	my ($pid) = @_;

	my $stat = slurp("/proc/$pid/stat", 0);

	return $stat =~ /^\d+ \(.*\) (\S) (\d+) (\d+)/s ? ($1, $2, $3) : ();
}

sub title_of {
	my ($pid) = @_;

	my $title = slurp("/proc/$pid/cmdline", 0);
	$title =~ tr/\0/ /;
	$title =~ s/\s+$//;

	return $title;
}

sub processes {
	opendir my $dh, '/proc' or die "can't read /proc: $!\n";
	return sort { $a <=> $b } grep { /^\d+$/ } readdir $dh;
}

sub wait_gone {
	my ($self, $pid, $seconds) = @_;

	my $gone = wait_for(sub {
		$self->reap($pid);
		!alive($pid);
	}, $seconds || 10);

	$self->reap($pid);

	return $gone;
}

sub reap {
	my ($self, $pid) = @_;

	$self->{exit}{$pid} = $? if waitpid($pid, POSIX::WNOHANG()) == $pid;
}

sub pid_file {
	my ($self) = @_;

	return slurp("$self->{dir}/nginx.pid", 0) =~ /^(\d+)\n/ ? $1 : 0;
}

sub running {
	my ($self) = @_;

	return $self->{master} && alive($self->{master});
}

sub master_pid { $_[0]->{master} }

sub children_of {
	my ($self, $master, $re) = @_;

	return unless $master;

	my @pids;

	if (open my $fh, '<', "/proc/$master/task/$master/children") {
		@pids = sort { $a <=> $b } split ' ', do { local $/; <$fh> }
			|| '';

	} else {
		@pids = grep { ((stat_of($_))[1] || 0) == $master }
			processes();
	}

	return grep { alive($_) && title_of($_) =~ $re } @pids;
}

# working processes of the master, without ones which are shutting down

sub workers {
	my ($self, $master) = @_;

	return $self->children_of($master || $self->{master},
		qr/^nginx: worker process$/);
}

sub old_workers {
	my ($self, $master) = @_;

	return $self->children_of($master || $self->{master},
		qr/^nginx: worker process is shutting down/);
}

# every living process of all starts of this nginx, whoever is the parent

sub all_pids {
	my ($self) = @_;

	my %pgrp = map { $_ => 1 } @{$self->{pgrps}} or return;

	return grep {
		my @s = stat_of($_);
		@s && $pgrp{$s[2]} && alive($_)
	} processes();
}

sub wait_workers {
	my ($self, $n, %o) = @_;

	$n = $self->expected_workers() unless defined $n;

	my %not = map { $_ => 1 } @{$o{not} || []};
	my @w;

	wait_for(sub {
		@w = $self->workers($o{master});
		@w >= $n && !grep { $not{$_} } @w;
	}, $self->{timeout}) or return;

	return $n ? @w : 1;
}

sub signal_worker {
	my ($self, $i, $sig) = @_;

	my @w = $self->workers();
	my $pid = $w[$i] or die "no worker $i\n";

	kill $sig, $pid or die "kill($sig, $pid) failed: $!\n";

	return $pid;
}

sub signal {
	my ($self, $sig) = @_;

	return kill $sig, $self->{master} || die "nginx is not running\n";
}

# true when new workers run and the old ones are gone or shutting down,
# false when the new configuration was rejected

sub reload {
	my ($self) = @_;

	my @old = $self->workers();
	my $mark = $self->log_mark();
	my $n = $self->expected_workers();
	my %old = map { $_ => 1 } @old;
	my $result;

	$self->signal('HUP');

	wait_for(sub {
		return $result = 'failed'
			if slurp($self->log_path(), $mark)
			=~ /\[emerg\] $self->{master}#/;
		return $result = 'dead' unless $self->running();

		my @w = $self->workers();

		$result = 'ok' if @w >= $n && !grep { $old{$_} } @w;
	}, $self->{timeout});

	return 1 if $result && $result eq 'ok';

	Test::More::diag('reload: ' . ($result || 'timed out'))
		unless $self->{quiet};

	return 0;
}

# the log of a reload which must be rejected, undef if it was not

sub reload_expect_fail {
	my ($self) = @_;

	my $mark = $self->log_mark();

	local $self->{quiet} = 1;
	my $ok = $self->reload();

	push @{$self->{ignored}}, [$mark, $self->log_mark()];

	return $ok ? undef : slurp($self->log_path(), $mark);
}

# options: quit => 0 leaves the old master and its workers running

sub upgrade {
	my ($self, %o) = @_;

	my $old = $self->{master} or die "nginx is not running\n";
	my $mark = $self->log_mark();
	my $new;

	$self->signal('USR2');

	wait_for(sub {
		$new = $self->pid_file();
		$new && $new != $old && alive($new)
			&& -e "$self->{dir}/nginx.pid.oldbin"
			&& $self->workers($new) >= $self->expected_workers();
	}, $self->{timeout}, 'the new master') or return 0;

	$self->{master} = $new;
	$self->{old_master} = $old;

	return $new if defined $o{quit} && !$o{quit};

	$self->quit_old() or return 0;

	return $new;
}

sub quit_old {
	my ($self) = @_;

	my $old = delete $self->{old_master} or die "no old master\n";

	kill 'QUIT', $old;

	return 1 if $self->wait_gone($old, $self->{timeout});

	Test::More::diag('the old master did not quit');
	return 0;
}

sub stop { $_[0]->shut('QUIT') }
sub term { $_[0]->shut('TERM') }

sub shut {
	my ($self, $sig) = @_;

	my $pid = $self->{master} or return 1;

	if (!alive($pid)) {
		$self->reap($pid);
		delete $self->{master};
		$self->failure("nginx was running before $sig");
		return 0;
	}

	kill $sig, $pid;

	my $ok = $self->wait_gone($pid, $self->{timeout});
	delete $self->{master};

	if (!$ok) {
		my @left = map { "$_ " . title_of($_) } $self->all_pids();
		$self->kill_pids($self->all_pids());

		$self->failure("nginx stopped after $sig");
		Test::More::diag("killed: $_") for @left;
		return 0;
	}

	my $status = $self->{status} = delete $self->{exit}{$pid};

	if ($status) {
		$self->failure("nginx exited cleanly after $sig");
		Test::More::diag(sprintf 'status 0x%04x', $status);
		return 0;
	}

	return 1;
}

# a failing test, or after done_testing() a failing exit code

sub failure {
	my ($self, $what) = @_;

	return Test::More::fail($what) if testing();

	Test::More::diag("failed: $what");
	$failed = 1;
}

# no chance to clean up for anyone

sub kill_all {
	my ($self) = @_;

	kill 'KILL', $self->{master} if $self->{master};
	$self->kill_pids($self->all_pids());

	delete @$self{qw/ master old_master /};

	return 1;
}

# workers stay, and keep the listening sockets: see all_pids(), kill_all()

sub kill_master {
	my ($self) = @_;

	my $pid = delete $self->{master} or die "nginx is not running\n";

	kill 'KILL', $pid;

	return $self->wait_gone($pid);
}

sub kill_pids {
	my ($self, @pids) = @_;

	kill 'KILL', @pids if @pids;
	$self->wait_gone($_) for @pids;

	# someone might have been forked meanwhile

	while (my @more = $self->all_pids()) {
		kill 'KILL', @more;
		$self->wait_gone($_) for @more;
	}
}

###############################################################################

# the end: processes are stopped, and logs are checked

sub plan {
	my ($self, $n) = @_;

	Test::More::plan(tests => $n + 2 * grep { $_ && !$_->{finished} }
		@instances);

	return $self;
}

sub done_testing {
	$_ && $_->finish() for grep { $_ && !$_->{finished} } @instances;
	Test::More::done_testing();
}

sub allow_alerts {
	my ($self, @re) = @_;

	push @{$self->{allowed}}, @re;

	return $self;
}

sub error_logs {
	my ($self) = @_;

	return grep { -f } glob("$self->{dir}/error*.log");
}

# lines of error logs with unexpected alerts

sub alerts {
	my ($self) = @_;

	my @bad;

	for my $log ($self->error_logs()) {
		my @ignored = $log eq $self->log_path()
			? @{$self->{ignored}} : ();

		open my $fh, '<:raw', $log or next;
		my $pos = 0;

		while (my $line = <$fh>) {
			my $from = $pos;
			$pos += length $line;

			next unless $line =~ /\[(alert|emerg)\] \d+#\d+:/;
			my $level = $1;

			next if $level eq 'emerg' && grep {
				$from >= $_->[0] && $from < $_->[1]
			} @ignored;

			next if grep { $line =~ $_ } @{$self->{allowed}};

			chomp $line;
			push @bad, $line;
		}
	}

	return @bad;
}

# reports of sanitizers

sub sanitizer_errors {
	my ($self) = @_;

	my @bad;
	my $re = qr/AddressSanitizer|LeakSanitizer|runtime\ error:
		|ERROR:\ .*Sanitizer|UndefinedBehaviorSanitizer/x;

	for my $log ($self->error_logs(),
		grep { -f } map { "$self->{dir}/$_" }
		qw/ test.log start.out test.out /)
	{
		open my $fh, '<:raw', $log or next;

		while (my $line = <$fh>) {
			next unless $line =~ $re;
			push @bad, $line;

			while (@bad < 200 && defined($line = <$fh>)) {
				last unless $line =~ /^\s|^==|^$|^SUMMARY/;
				push @bad, $line;
			}
		}
	}

	for my $file (glob("$self->{dir}/asan*")) {
		next unless -s $file;
		push @bad, "$file:", split /\n/, slurp($file, 0);
	}

	chomp @bad;

	return @bad;
}

# true if tests can still be added

sub testing {
	my $hub = Test2::API::test2_stack()->top();

	return if $hub->meta('Test::Builder', {})->{Done_Testing};
	return if ($hub->plan() || '') eq 'SKIP' || $hub->bailed_out();
	return $hub->plan() || $hub->count();
}

sub finish {
	my ($self) = @_;

	return if $self->{finished}++ || $self->{pid} != $$;

	$self->shut('QUIT') if $self->{master} && !$died;

	# daemons go after nginx, which may be still sending to them

	$_ && $_->stop() for @{$self->{daemons}};

	$self->kill_all();

	my @alerts = $self->alerts();
	my @asan = $self->sanitizer_errors();
	my @api = $died ? () : Test::Webhook::API::problems($self);
	my $ok = !@alerts && !@asan && !@api;

	if ($died) {
		$self->show('alerts', @alerts);
		$self->show('sanitizer errors', @asan);

	} elsif (testing()) {
		Test::More::ok(!@alerts, 'no alerts')
			or $self->show('alerts', @alerts);
		Test::More::ok(!@asan, 'no sanitizer errors')
			or $self->show('sanitizer errors', @asan);
		Test::More::ok(0, 'the API is as documented'), $self->show(
			'answers that are not as documented', @api) if @api;

	} elsif (!$ok) {

		# after done_testing() the exit code is what is left

		$self->show('alerts', @alerts);
		$self->show('sanitizer errors', @asan);
		$self->show('answers that are not as documented', @api);
		$failed = 1;
	}

	if ($ENV{TEST_NGINX_CATLOG}) {
		Test::More::diag("$_:\n" . slurp($_, 0))
			for $self->error_logs();
	}

	$self->cleanup();

	return $ok;
}

sub show {
	my ($self, $what, @lines) = @_;

	return unless @lines;

	my $n = @lines;
	splice @lines, 100 if $n > 100;

	Test::More::diag("$n lines of $what in $self->{dir}:");
	Test::More::diag("  $_") for @lines;
}

sub cleanup {
	my ($self) = @_;

	if ($ENV{TEST_NGINX_LEAVE}) {
		Test::More::note("left: $self->{dir}");

	} elsif (($dirs{$self->{dir}} || 0) == $$) {
		File::Path::remove_tree($self->{dir}, { error => \my $e });
	}

	delete $dirs{$self->{dir}};
}

# daemons register here to be killed in any case

sub add_child { $children{$_[1]} = $$ }
sub del_child { delete $children{$_[1]} }

sub DESTROY {
	my ($self) = @_;

	return if $self->{finished} || $self->{pid} != $$;

	local ($?, $@, $!);
	$self->finish() unless ${^GLOBAL_PHASE} eq 'DESTRUCT';
}

END {
	if ($owner == $$) {
		my $code = $?;

		# after die() there is no sense in more tests

		$died ||= $code != 0;

		for my $self (grep { $_ && !$_->{finished} } @instances) {
			eval { $self->finish(); 1 } or Test::More::diag($@);
		}

		$code ||= 1 if $failed;

		for my $pid (grep { $children{$_} == $$ } keys %children) {
			kill 'KILL', $pid;
			waitpid $pid, 0;
		}

		unless ($ENV{TEST_NGINX_LEAVE}) {
			File::Path::remove_tree($_, { error => \my $e })
				for grep { $dirs{$_} == $$ } keys %dirs;
		}

		$? = $code;
	}
}

###############################################################################

# waiting and logs

sub wait_for {
	shift if blessed $_[0] && $_[0]->isa(__PACKAGE__);
	my ($code, $seconds, $what) = @_;

	my $end = time() + (defined $seconds ? $seconds : 10);

	for ( ;; ) {
		my $last = time() >= $end;
		my $value = $code->();

		return $value if $value;
		last if $last;

		sleep(0.005);
	}

	Test::More::diag("timed out waiting for $what") if defined $what;

	return;
}

sub log_path { "$_[0]->{dir}/error.log" }

# a position for find_in_log() and wait_log() to start from

sub log_mark {
	my $self = self(\@_);

	return -s $self->log_path() || 0;
}

# lines which match, or in scalar context their number

sub find_in_log {
	my $self = self(\@_);
	my ($re, $mark, $file) = @_;

	my @found = grep { $_ =~ $re } split /\n/,
		slurp($file ? "$self->{dir}/$file" : $self->log_path(),
		$mark || 0);

	return @found;
}

# the first line which matches, once it is there

sub wait_log {
	my $self = self(\@_);
	my ($re, $seconds, $mark, $file) = @_;

	my $pos = $mark || 0;
	my $path = $file ? "$self->{dir}/$file" : $self->log_path();
	my $rest = '';

	return wait_for(sub {
		return if (-s $path || 0) <= $pos;

		my $new = slurp($path, $pos);
		$pos += length $new;

		my @lines = split /\n/, $rest . $new, -1;
		$rest = pop @lines;

		for (@lines) {
			return $_ if $_ =~ $re;
		}
		return;
	}, $seconds, "$re in " . ($file || 'error.log'));
}

###############################################################################

# HTTP client

sub try_connect {
	my ($to) = @_;

	return IO::Socket::UNIX->new(Peer => $1) if $to =~ /^unix:(.*)/;

	if ($to =~ /^\[(.*)\]:(\d+)/) {
		require IO::Socket::IP;
		return IO::Socket::IP->new(PeerHost => $1, PeerPort => $2);
	}

	return IO::Socket::INET->new(Proto => 'tcp',
		PeerAddr => '127.0.0.1', PeerPort => $to);
}

# a connected socket: the port is a number, a name, or unix:path;
# options: tls => 1 or { SSL_... }, timeout

sub connect_port {
	my $self = self(\@_);
	my ($port, %o) = @_;

	my $to = !defined $port ? $self->first_listen()
		: $port =~ /^(?:unix:|\[)/ ? $port : $self->port($port);

	my $s = try_connect($to) or return;
	$s->autoflush(1);

	setsockopt $s, IPPROTO_TCP, TCP_NODELAY, 1
		unless $s->isa('IO::Socket::UNIX');

	if ($o{tls}) {
		require IO::Socket::SSL;

		my %ssl = (SSL_verify_mode => 0, SSL_hostname => 'localhost',
			ref $o{tls} ? %{$o{tls}} : ());

		local $SIG{ALRM} = sub { die "timeout\n" };
		alarm($o{timeout} || 10);
		my $ok = eval { IO::Socket::SSL->start_SSL($s, %ssl) };
		alarm(0);

		if (!$ok) {
			Test::More::diag('TLS handshake failed: '
				. ($IO::Socket::SSL::SSL_ERROR || $@))
				unless $o{quiet};
			return;
		}
	}

	return $s;
}

# sends bytes (or a list of them, with a pause between), returns the response
# as bytes; options: port (of the first listen by default), socket, timeout,
# pause, tls, method, until_close

sub http {
	my $self = self(\@_);
	my ($request, %o) = @_;

	my @parts = ref $request ? @$request : $request;

	my $s = $o{socket}
		|| $self->connect_port($o{port}, %o) or return '';

	my ($method) = $o{method} || ("@parts" =~ /^(\S+) /);
	my $end = time() + ($o{timeout} || 10);

	while (@parts) {
		my $part = shift @parts;

		send_all($s, $part, $end) or last;
		sleep($o{pause} || 0.1) if @parts;
	}

	return read_response($s, $method, $end, $o{until_close});
}

sub send_all {
	my ($s, $data, $end) = @_;

	my $pos = 0;
	my $rest = '';

	$s->blocking(0);

	while ($pos < length $data) {
		my $n = syswrite $s, $data, 65536, $pos;

		if (defined $n) {
			$pos += $n;
			next;
		}

		last unless $! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR;
		last if time() >= $end;

		# an early response ends the request

		my ($r, $w) = ('', '');
		vec($w, fileno $s, 1) = 1;
		vec($r, fileno $s, 1) = 1;

		select($r, $w, undef, 0.1) > 0 or next;
		last if vec($r, fileno $s, 1) && !vec($w, fileno $s, 1);
	}

	return $pos == length $data;
}

sub read_response {
	my ($s, $method, $end, $until_close) = @_;

	my $buf = '';

	$s->blocking(0);

	for ( ;; ) {
		my $n = sysread $s, $buf, 65536, length $buf;

		if (defined $n) {
			last if $n == 0;
			next if $s->can('pending') && $s->pending();
			last if !$until_close && complete($buf, $method);
			next;
		}

		last unless $! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR;

		my $left = $end - time();
		last if $left <= 0;

		my $r = '';
		vec($r, fileno $s, 1) = 1;
		select($r, undef, undef, $left);
	}

	return $buf;
}

sub complete {
	my ($buf, $method) = @_;

	return unless $buf =~ /\r?\n\r?\n/;

	my $r = parse_response($buf, method => $method);

	return $r->{complete} && !$r->{until_close};
}

# {status, reason, version, headers, header_list, body, complete, interim}:
# headers is a hash by name in lower case, repeated ones joined with ", ";
# the object is the bytes as received in string context

sub parse_response {
	shift if blessed $_[0] && $_[0]->isa(__PACKAGE__);
	my ($bytes, %o) = @_;

	$bytes = '' unless defined $bytes;

	my $r = bless {
		raw => $bytes, status => 0, headers => {}, header_list => [],
		body => '', complete => 0, interim => [],
	}, 'Test::Webhook::Response';

	my $data = $bytes;

	for ( ;; ) {
		$data =~ s/^(.*?)\r?\n\r?\n//s or return $r;

		my ($line, @lines) = split /\r?\n/, $1;

		$line =~ m!^(HTTP/\d\.\d) (\d\d\d)(?: (.*))?$! or return $r;
		@$r{qw/ version status reason /} = ($1, $2, $3);

		my (%h, @h);

		for (@lines) {
			my ($name, $value) = /^([^:]*):[ \t]*(.*?)[ \t]*$/s
				or next;

			push @h, [$name, $value];
			$name = lc $name;
			$h{$name} = exists $h{$name}
				? "$h{$name}, $value" : $value;
		}

		@$r{qw/ headers header_list /} = (\%h, \@h);

		last if $r->{status} >= 200 || $r->{status} == 101;

		push @{$r->{interim}}, { status => $r->{status},
			headers => \%h };
		$r->{status} = 0;
	}

	my $h = $r->{headers};

	if (($o{method} || '') eq 'HEAD' || $r->{status} =~ /^(?:1..|204|304)/) {
		$r->{complete} = 1;
		$r->{rest} = $data;

	} elsif (($h->{'transfer-encoding'} || '') =~ /chunked/i) {
		my $pos = 0;

		for ( ;; ) {
			pos($data) = $pos;
			$data =~ /\G([\da-f]+)[^\r\n]*\r\n/gci or last;

			my $size = hex $1;
			my $from = pos $data;

			if ($size == 0) {
				$data =~ /\G(?:[^\r\n]+\r\n)*\r\n/gc
					or last;
				$r->{complete} = 1;
				$r->{rest} = substr $data, pos $data;
				last;
			}

			last if length $data <= $from;

			$r->{body} .= substr $data, $from, $size;
			$pos = $from + $size + 2;
			last if length $data < $pos;
		}

	} elsif (defined $h->{'content-length'}
		&& $h->{'content-length'} =~ /^\d+$/)
	{
		my $n = $h->{'content-length'};

		$r->{body} = substr $data, 0, $n;
		$r->{rest} = substr $data, length $r->{body};
		$r->{complete} = length $r->{body} == $n ? 1 : 0;

	} else {
		$r->{body} = $data;
		$r->{until_close} = $r->{complete} = 1;
	}

	return $r;
}

# "-name" arguments are options of http(), others are request headers

sub request {
	my ($self, $method, $uri, $body, @args) = @_;

	my (%o, @h, %seen);

	while (my ($name, $value) = splice @args, 0, 2) {
		if ($name =~ s/^-//) {
			$o{$name} = $value;
			next;
		}

		$seen{lc $name} = 1;
		push @h, map { "$name: $_" } ref $value ? @$value
			: defined $value ? $value : ();
	}

	unshift @h, 'Host: localhost' unless $seen{host};
	push @h, 'Connection: close' unless $seen{connection} || $o{socket};
	push @h, 'Content-Length: ' . length $body
		if defined $body && !$seen{'content-length'}
		&& !$seen{'transfer-encoding'};

	$method = $o{method} if $o{method};

	my $bytes = join "\r\n", "$method $uri HTTP/1.1", @h, '',
		defined $body ? $body : '';

	my $r = parse_response($self->http($bytes, %o, method => $method),
		method => $method);

	Test::Webhook::API::note($self, $method, $uri, $r);

	return $r;
}

sub get {
	my $self = self(\@_);
	my ($uri, @args) = @_;

	return $self->request('GET', $uri, undef, @args);
}

sub post {
	my $self = self(\@_);
	my ($uri, $body, @args) = @_;

	return $self->request('POST', $uri, $body, @args);
}

# HTTP/2 with nghttp: undef if there is none, else a hash of status, headers
# (of the response), out (verbose output), and code of exit; options: port,
# tls, method, body, headers => { name => value }, args => [...]

sub h2 {
	my $self = self(\@_);
	my ($uri, %o) = @_;

	my ($nghttp) = grep { -x } map { "$_/nghttp" }
		split(/:/, $ENV{PATH} || ''), '/usr/bin';

	return unless $nghttp;
	return 1 unless defined $uri;

	my @args = ('-v', '--no-dep', '-t', $o{timeout} || 10);
	push @args, '-y' if $o{tls};

	push @args, '-H', ":method: $o{method}" if $o{method};
	push @args, '-H', "$_: $o{headers}{$_}"
		for sort keys %{$o{headers} || {}};

	if (defined $o{body}) {
		push @args, '-d', $self->write_file(
			'h2-' . ++$self->{h2} . '.body', $o{body});
	}

	my $port = defined $o{port} ? $self->port($o{port})
		: $self->first_listen();

	push @args, @{$o{args} || []},
		($o{tls} ? 'https' : 'http') . "://127.0.0.1:$port$uri";

	my ($code, $out) = command($nghttp, @args);

	my (%h, $status);

	while ($out =~ /recv \(stream_id=\d+(?:, sensitive)?\) (:?[^:\s]+): ?(.*)/g) {
		if ($1 eq ':status') { $status = $2 } else { $h{$1} = $2 }
	}

	return { code => $code, out => $out, status => $status || 0,
		headers => \%h };
}

# runs a command without a shell: the exit code and the output

sub command {
	my (@command) = @_;

	my $pid = open my $fh, '-|';
	die "fork() failed: $!\n" unless defined $pid;

	if ($pid == 0) {
		$SIG{$_} = 'DEFAULT' for qw/ INT TERM HUP PIPE /;
		open STDIN, '<', '/dev/null';
		open STDERR, '>&', \*STDOUT;
		no warnings;
		exec { $command[0] } @command;
		print "can't exec $command[0]: $!\n";
		POSIX::_exit(127);
	}

	local $/;
	my $out = <$fh>;
	close $fh;

	return ($? >> 8 || $? & 127, defined $out ? $out : '');
}

###############################################################################

# certificates

# makes a CA and a leaf certificate signed by it, returns paths {cert, key,
# ca, ca_key, chain}; options: san => [...] ('DNS:localhost', 'IP:127.0.0.1'
# by default), ca => an earlier result whose CA signs this one too, cn,
# client => 1 (for client authentication), expired => 1, self_signed => 1

sub cert {
	my $self = self(\@_);
	my ($name, %o) = @_;

	my $base = "$self->{dir}/$name";
	my $san = join ',', @{$o{san} || ['DNS:localhost', 'IP:127.0.0.1']};
	my $cn = defined $o{cn} ? $o{cn} : $name;
	my $usage = $o{client} ? 'clientAuth' : 'serverAuth';

	my $openssl = sub {
		my ($code, $out) = command('openssl', @_);
		die "openssl @_ failed:\n$out" if $code;
	};

	my @new = ('req', '-new', '-newkey', 'ec', '-pkeyopt',
		'ec_paramgen_curve:prime256v1', '-nodes', '-config',
		"$base.cnf");

	$self->write_file("$name.cnf", <<"EOC");
[req]
prompt = no
string_mask = utf8only
distinguished_name = dn
[dn]
CN = $cn
[cadn]
CN = $name CA
[ca_ext]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[leaf_ext]
basicConstraints = CA:FALSE
keyUsage = digitalSignature
extendedKeyUsage = $usage
subjectKeyIdentifier = hash
subjectAltName = $san
[ca]
default_ca = signer
[signer]
database = $base.index
new_certs_dir = $self->{dir}
default_md = sha256
rand_serial = yes
unique_subject = no
policy = policy
[policy]
commonName = supplied
EOC

	my %r = (cert => "$base.crt", key => "$base.key",
		chain => "$base.chain.crt");

	if ($o{self_signed}) {
		$openssl->(@new, '-x509', '-days', 10, '-extensions',
			'leaf_ext', '-keyout', $r{key}, '-out', $r{cert});
		@r{qw/ ca ca_key /} = @r{qw/ cert key /};

	} else {
		if ($o{ca}) {
			@r{qw/ ca ca_key /} = @{$o{ca}}{qw/ ca ca_key /};

		} else {
			@r{qw/ ca ca_key /} = ("$base.ca.crt", "$base.ca.key");

			$openssl->(@new, '-x509', '-days', 10, '-extensions',
				'ca_ext', '-subj', "/CN=$name CA",
				'-keyout', $r{ca_key}, '-out', $r{ca});
		}

		$openssl->(@new, '-keyout', $r{key}, '-out', "$base.csr");

		$self->write_file("$name.index", '');

		my @time = map { POSIX::strftime('%Y%m%d%H%M%SZ', gmtime $_) }
			$o{expired}
			? (time() - 20 * 86400, time() - 10 * 86400)
			: (time() - 86400, time() + 10 * 86400);

		$openssl->('ca', '-batch', '-notext', '-config', "$base.cnf",
			'-cert', $r{ca}, '-keyfile', $r{ca_key}, '-in',
			"$base.csr", '-out', $r{cert}, '-extensions',
			'leaf_ext', '-startdate', $time[0], '-enddate',
			$time[1]);
	}

	$self->write_file($r{chain}, slurp($r{cert}, 0) . slurp($r{ca}, 0));
	chmod 0644, @r{qw/ key ca_key /};

	return \%r;
}

###############################################################################

package Test::Webhook::Response;

use overload
	'""' => sub { $_[0]->{raw} },
	'bool' => sub { length $_[0]->{raw} },
	'fallback' => 1;

sub status { $_[0]->{status} }
sub body { $_[0]->{body} }
sub header { $_[0]->{headers}{lc $_[1]} }

1;

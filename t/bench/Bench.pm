package Bench;

# What the benchmarks have in common: fronts (an nginx with one worker that
# proxies to the application), the application, receivers, the load.

use strict;
use warnings;

use Cwd qw/ abs_path /;
use Exporter qw/ import /;
use File::Basename qw/ dirname /;
use File::Path qw/ remove_tree /;
use File::Temp qw/ tempdir /;
use IO::Socket::INET;
use List::Util qw/ sum0 /;
use JSON::PP ();
use POSIX ();
use Time::HiRes qw/ time sleep /;

use Test::Webhook ();

our @EXPORT = qw/ setup command port peer counts front start_front stop_front
	cpu log_problems load
	front_mirror front_post_action front_webhook
	wait_until slurp median quartiles mean interval /;

our $root = abs_path(dirname(abs_path(__FILE__)) . '/../..');
our $dir;

my $owner = $$;
my $pinned = 0;
my (@user, $peer, %ports, %masters);

###############################################################################

# a temporary directory, and in it the programs; others by their names

sub setup {
	my (@others) = @_;

	$dir = tempdir('webhook-bench-XXXXXXXX', TMPDIR => 1);

	if ($> == 0) {
		@user = getpwnam('www-data');
		@user = getpwnam('nobody') unless @user;
		chown $user[2], $user[3], $dir;
	}

	chmod 0755, $dir;

	my $cc = $ENV{CC} || 'cc';

	for my $name (qw/ load peer /, @others) {
		system("$cc -O2 -o $dir/$name $root/t/bench/$name.c -lm") == 0
			or die "can't compile $name.c\n";
	}

	# one core for the fronts, another one for all the rest

	my $n = () = slurp('/proc/cpuinfo') =~ /^processor\s*:/mg;
	$pinned = $n > 1 && system('taskset 2>/dev/null -c 0,1 true') == 0;

	print "One core, or no taskset: fronts, load and peers share it.\n"
		unless $pinned;

	pin($$, 1);

	return $dir;
}

sub pin {
	my ($pid, $cpu) = @_;

	system("taskset -pc $cpu $pid >/dev/null") if $pinned;
}

sub command {
	my ($cpu, @command) = @_;

	return $pinned ? ('taskset', '-c', $cpu, @command) : @command;
}

# runs in a group of its own

sub spawn {
	my ($out, @command) = @_;

	my $pid = fork();
	die "fork() failed: $!\n" unless defined $pid;

	if ($pid == 0) {
		$SIG{$_} = 'DEFAULT' for qw/ INT TERM HUP PIPE __DIE__ /;
		setpgrp(0, 0);

		open STDIN, '<', '/dev/null';
		open STDOUT, '>>', $out;
		open STDERR, '>&', \*STDOUT;

		no warnings;
		exec { $command[0] } @command;
		POSIX::_exit(127);
	}

	return $pid;
}

sub slurp {
	my ($path) = @_;

	open my $fh, '<', $path or return '';
	local $/;
	my $s = <$fh>;

	return defined $s ? $s : '';
}

sub wait_until {
	my ($seconds, $code) = @_;

	my $end = time() + $seconds;

	for ( ;; ) {
		return 1 if $code->();
		return 0 if time() >= $end;
		sleep(0.005);
	}
}

sub port { return $ports{$_[0]} ||= Test::Webhook::reserve_port() }

###############################################################################

# the application and the receivers, of names with their kinds, instead of those
# before

sub peer {
	my (%kinds) = @_;

	if ($peer) {
		kill 'KILL', $peer;
		waitpid $peer, 0;
	}

	my @args = map { port($_) . "=$kinds{$_}" } sort keys %kinds;

	$peer = spawn("$dir/peer.log", command(1, "$dir/peer", @args,
		port('count') . '=count'));

	wait_until(5, sub { eval { counts(); 1 } })
		or die "can't start peer: " . slurp("$dir/peer.log");
}

# how many requests each of them got

sub counts {
	my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
		PeerPort => port('count')) or die "no peer: $!\n";

	print $s "GET / HTTP/1.0\r\n\r\n";

	local $/;
	my $text = <$s>;

	my %by_port = $text =~ /^(\d+) (\d+)$/mg;

	return { map { $_ => $by_port{$ports{$_}} || 0 } keys %ports };
}

###############################################################################

# fronts; options: module, http, server, location (configuration), hook (the
# name of its receiver), wrap (a command that runs nginx, not pinned then),
# single (no master process), workers, connections (of each)

sub front {
	my ($name, %o) = @_;

	my $base = "$dir/$name";
	my ($http, $port, $app) = ('', port($name), port('app'));
	my $workers = $o{workers} || 1;
	my $connections = $o{connections} || 2048;

	mkdir $base or die "can't create $base: $!\n";
	chown $user[2], $user[3], $base if @user;

	my $module = $ENV{TEST_WEBHOOK_MODULE}
		|| "$root/objs/ngx_http_webhook_module.so";

	my $conf = '';
	$conf .= "load_module " . abs_path($module) . ";\n" if $o{module};
	$conf .= "user $user[0];\n" if @user;
	$conf .= "master_process off;\n" if $o{single};

	my %text = map { $_ => defined $o{$_} ? $o{$_} : '' }
		qw/ http server location /;

	for (values %text) {
		s/%%DIR%%/$base/g;
		s/%%HOOK%%/'127.0.0.1:' . port($o{hook})/ge;
	}

	$conf .= <<"EOC";
daemon off;
pid $base/nginx.pid;
error_log $base/error.log warn;
worker_processes $workers;

events {
    worker_connections $connections;
}

http {
    access_log off;

    client_body_temp_path $base/body;
    proxy_temp_path $base/proxy;
    fastcgi_temp_path $base/fastcgi;
    uwsgi_temp_path $base/uwsgi;
    scgi_temp_path $base/scgi;

    keepalive_requests 1000000000;
    keepalive_timeout 1h;

    upstream app {
        server 127.0.0.1:$app;
        keepalive 64;
        keepalive_requests 1000000000;
        keepalive_timeout 1h;
    }

    proxy_http_version 1.1;
    proxy_set_header Connection "";

$text{http}
    server {
        listen 127.0.0.1:$port backlog=4096;

        location / {
$text{location}
            proxy_pass http://app;
        }

$text{server}
    }
}
EOC

	open my $fh, '>', "$base/nginx.conf" or die "can't write: $!\n";
	print $fh $conf;
	close $fh;

	my $nginx = $ENV{TEST_NGINX_BINARY}
		|| (-x '/usr/sbin/nginx' ? '/usr/sbin/nginx' : 'nginx');

	my @nginx = ($nginx, '-p', "$base/", '-c', "$base/nginx.conf",
		'-e', "$base/error.log");

	return start_front({ name => $name, base => $base, port => $port,
		workers => $o{single} ? 0 : $workers,
		command => [$o{wrap} ? (@{$o{wrap}}, @nginx)
			: command(0, @nginx)] });
}

# also one that was stopped, with all that it has stored

sub start_front {
	my ($self) = @_;

	my ($name, $base) = @$self{qw/ name base /};

	$self->{pid} = spawn("$base/start.log", @{$self->{command}});

	$masters{$self->{pid}} = 1;

	wait_until(60, sub {
		die "can't start $name:\n" . slurp("$base/start.log")
			. slurp("$base/error.log")
			if waitpid($self->{pid}, POSIX::WNOHANG()) != 0;

		my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
			PeerPort => $self->{port}) or return 0;

		return processes($self) > $self->{workers};
	}) or die "can't start $name\n";

	$self->{pids} = [processes($self)];

	return $self;
}

###############################################################################

# options of front() for the ways to send a webhook

my $upstream = <<'EOC';
    upstream hooks {
        server %%HOOK%%;
        keepalive 64;
        keepalive_requests 1000000000;
        keepalive_timeout 1h;
    }

EOC

sub front_mirror {
	return {
		http => $upstream,
		location => <<'EOC',
            mirror /hook;

EOC
		server => <<'EOC',
        location = /hook {
            internal;
            proxy_pass http://hooks;
        }
EOC
	};
}

sub front_post_action {
	return {
		http => $upstream,
		location => <<'EOC',
            post_action @hook;

EOC
		server => <<'EOC',
        location @hook {
            proxy_pass http://hooks;
        }
EOC
	};
}

# options: store (parameters), endpoint (lines), values (three in a payload)

sub front_webhook {
	my (%o) = @_;

	my $store = join ' ', $o{store} || (), $ENV{BENCH_STORE} || ();
	my $lines = join ' ', $o{endpoint} || (), $ENV{BENCH_CONF} || ();

	my $endpoint = <<"EOC";
    webhook_store %%DIR%%/store $store;

    webhook_endpoint hook {
        url http://%%HOOK%%/hook;
        allow_http on;
        events *;
        $lines
    }

EOC

	return {
		module => 1,
		http => $endpoint,
		location => <<'EOC',
            webhook contact.created method=POST;

EOC
	} unless $o{values};

	return {
		module => 1,
		http => <<'EOC' . $endpoint,
    webhook_payload contact structured {
        field event $webhook_event;
        field id $webhook_id;
        field time $webhook_time time;
        field contact.email $email;
        field contact.name $name;
        field contact.age $age number omit_empty;
    }

EOC
		location => <<'EOC',
            webhook contact.created method=POST payload=contact;

            webhook_json $email request /contact/email;
            webhook_json $name request /contact/name;
            webhook_json $age request /contact/age;

EOC
	};
}

###############################################################################

sub processes {
	my ($self) = @_;

	my @pids = $self->{pid};

	for my $path (glob '/proc/[0-9]*/stat') {
		push @pids, $1 if slurp($path)
			=~ /^(\d+) \(.*\) \S $self->{pid} /s;
	}

	return @pids;
}

# CPU time in ns of all threads of all its processes

sub cpu {
	my ($self) = @_;

	my $sum = 0;

	for my $pid (@{$self->{pids}}) {
		for my $path (glob "/proc/$pid/task/*/schedstat") {
			$sum += $1 if slurp($path) =~ /^(\d+)/;
		}
	}

	return $sum;
}

sub stop_front {
	my ($self, $signal) = @_;

	kill $signal || 'TERM', $self->{pid};

	wait_until(30, sub {
		waitpid($self->{pid}, POSIX::WNOHANG()) != 0
	});

	kill 'KILL', -$self->{pid};
	delete $masters{$self->{pid}};
}

# what must not be in its log

sub log_problems {
	my ($self) = @_;

	return grep { /\[(?:warn|error|crit|alert|emerg)\]|dropped/ }
		split /\n/, slurp("$self->{base}/error.log");
}

###############################################################################

# options: connections, seconds, rate, requests

sub load {
	my ($self, %o) = @_;

	my @command = command(1, "$dir/load", $self->{port},
		$o{connections} || 32, $o{seconds} || 3600, $o{rate} || 0,
		$o{requests} || 0);

	my $out = `@command 2>&1`;

	my $r = eval { JSON::PP::decode_json($out) }
		or die "$self->{name}: $out\n";

	die "$self->{name}: $r->{failed} of $r->{requests} requests failed, "
		. ($r->{requests} - $r->{answered}) . " were not answered\n"
		if $r->{failed} || $r->{answered} != $r->{requests}
			|| !$r->{requests};

	return $r;
}

###############################################################################

sub quantile {
	my ($q, @values) = @_;

	@values = sort { $a <=> $b } @values;

	my $at = $q * $#values;
	my $i = int $at;

	return $values[$i] if $i == $#values;
	return $values[$i] + ($at - $i) * ($values[$i + 1] - $values[$i]);
}

sub median { return quantile(0.5, @_) }
sub quartiles { return (quantile(0.25, @_), quantile(0.75, @_)) }

sub mean {
	my (@values) = @_;

	return sum0(@values) / @values;
}

# the mean, and how far off the true one may be, by 95 % (Student's t)

sub interval {
	my (@values) = @_;

	my @t = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23,
		2.20, 2.18, 2.16, 2.14, 2.13, 2.12, 2.11, 2.10, 2.09);

	my $mean = mean(@values);

	return ($mean, 9 ** 9 ** 9) if @values < 2;

	my $square = sum0(map { ($_ - $mean) ** 2 } @values) / $#values;

	return ($mean, ($t[$#values - 1] || 2.09) * sqrt($square / @values));
}

END {
	if ($owner == $$) {
		my $code = $?;

		kill 'KILL', -$_ for keys %masters, $peer || ();
		waitpid $_, 0 for keys %masters, $peer || ();

		remove_tree($dir, { error => \my $e })
			if $dir && !$ENV{BENCH_KEEP};

		$? = $code;
	}
}

1;

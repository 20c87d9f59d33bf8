#!/usr/bin/perl

# make large: what 10,000 endpoints and 10,000 triggers cost.  Each location has
# a trigger of an event of its own, which one endpoint takes by its "events";
# compared with locations without a trigger.
#
# For "nginx -t" and for reloads: CPU time, memory, and how long until new
# workers serve.  "own" memory is what a process has alone: shared with nobody,
# neither from before its fork nor by the zone.  The longest turn is of the event
# loops of all workers, old and new, in CPU time.  At last there are reloads
# while many endpoints have a delivery that waits.
#
# Environment:
#
#     LARGE_ENDPOINTS   10000 by default
#     LARGE_TLS         of these by https, 1000 by default
#     LARGE_RELOADS     10 by default
#     LARGE_PENDING     endpoints with waiting deliveries, 2000 by default
#     LARGE_ONLY        names of configurations ("none,tls"), all by default

use strict;
use warnings;

use File::Basename qw/ dirname /;
use lib dirname(__FILE__), dirname(__FILE__) . '/../lib';

use IO::Socket::INET;
use Time::HiRes qw/ time sleep /;

use Bench;
use Test::Webhook ();

my $n = $ENV{LARGE_ENDPOINTS} || 10000;
my $tls = $ENV{LARGE_TLS} || 1000;
my $reloads = $ENV{LARGE_RELOADS} || 10;
my $pending = $ENV{LARGE_PENDING} || 2000;
my %only = map { $_ => 1 } split /[\s,]+/, $ENV{LARGE_ONLY} || '';

my @confs = (
	['none', 'no webhook', undef],
	['http', 'http', {}],
	['disable', 'http, disable 30/30m', { lines => 'disable 30/30m;' }],
	['tls', "$tls https, of equal settings", { tls => '' }],
	['certs', "$tls https, client certificates", { tls => 'certs' }],
);

my @problems;

$| = 1;

my $dir = setup('usage');

system("cc -O2 -shared -fPIC -o $dir/turns.so " . dirname(__FILE__)
	. '/turns.c -ldl') == 0 or die "can't compile turns.c\n";

peer(app => 'app');
certificates() if !%only || $only{certs};

printf "%d endpoints, events and locations\n", $n;

for my $conf (@confs) {
	my ($name, $title, $o) = @$conf;

	next if %only && !$only{$name};

	print "\n$title\n\n";

	measure($name, $o);
}

waiting() if !%only || $only{waiting};

print "\n", map { "$_\n" } @problems if @problems;

exit(@problems ? 1 : 0);

###############################################################################

sub options {
	my ($o) = @_;

	my $locations = "        location = /alive { return 204; }\n";

	for (1 .. $n) {
		$locations .= "        location = /l$_ { "
			. ($o ? "webhook e$_.done; " : '') . "return 204; }\n";
	}

	return { server => $locations } unless $o;

	my $hook = '127.0.0.1:' . port('hook');
	my $http = '    webhook_store %%DIR%%/store size=256m journal=64m;' . "\n";

	for (1 .. $n) {
		my $lines = $o->{lines} || '';
		my $scheme = 'http';

		if (defined $o->{tls} && $_ <= $tls) {
			$scheme = 'https';
			$lines .= " ssl_certificate $dir/c$_.crt;"
				. " ssl_certificate_key $dir/c.key;"
				if $o->{tls} eq 'certs';

		} else {
			$lines .= ' allow_http on;';
		}

		$http .= "    webhook_endpoint e$_ { url $scheme://$hook/;"
			. " events e$_.*; $lines }\n";
	}

	return {
		module => 1,
		workers => 2,
		http => $http,
		server => $locations
			. "        location = /metrics { webhook_metrics; }\n",
	};
}

# other names, the same content: nobody may tell that they are equal

sub certificates {
	system("openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=bench"
		. " -days 1 -keyout $dir/c.key -out $dir/c.crt 2>/dev/null") == 0
		or die "can't make a certificate\n";

	symlink "$dir/c.crt", "$dir/c$_.crt" for 1 .. $tls;
	chmod 0644, "$dir/c.key";
}

###############################################################################

sub measure {
	my ($name, $o) = @_;

	my $front = traced($name, %{options($o)});

	row('', qw/ CPU_s wall_s RSS_MB /);
	row('nginx -t', test($front));

	sleep(1);

	row('');
	row('', qw/ master_CPU_s serves_s master_MB own_MB worker_MB own_MB
		Pss_MB /);
	row('start', seconds($front->{pid}), '', sizes($front));

	my ($cpu, $first, $served);

	for my $i (1 .. $reloads) {
		$cpu = seconds($front->{pid});
		$served = reload($front);
		$cpu = seconds($front->{pid}) - $cpu;

		row("reload $i", $cpu, $served, sizes($front))
			if $i == 1 || $i == 2 || $i == $reloads;
	}

	my $turn = turn($front);

	row('');
	row('zone', sprintf('%.0f octets used, of an endpoint and event',
		metrics($front)->{'nginx_webhook_zone_bytes{zone="webhook",'
			. 'state="used"}'} / $n)) if $o;
	row('longest turn', $turn);

	push @problems, map { "$name: $_" } log_problems($front);
	stop_front($front, 'QUIT');
}

# a receiver that comes after two reloads

sub waiting {
	my $o = options({ lines => 'retry 2s 2s 2s 2s 2s 2s 2s 2s 2s 2s 2s;' });
	my $front = traced('waiting', %$o);

	print "\n$pending of them have a delivery that waits\n\n";

	get($front, "/l$_") for 1 .. $pending;

	row('', qw/ master_CPU_s serves_s master_MB own_MB worker_MB own_MB
		Pss_MB /);

	for my $i (1, 2) {
		my $cpu = seconds($front->{pid});
		my $served = reload($front);

		row("reload $i", seconds($front->{pid}) - $cpu, $served,
			sizes($front));
	}

	peer(hook => 'hook');

	my $from = time();
	my $all = wait_until(60, sub { counts()->{hook} >= $pending });

	row('');
	row('all delivered', $all ? sprintf('%.1f s, once: %s', time() - $from,
		counts()->{hook} == $pending ? 'yes' : counts()->{hook}) : 'no');
	row('longest turn', turn($front));

	push @problems, 'waiting: not all were delivered' unless $all;
	push @problems, map { "waiting: $_" }
		grep { !/webhook attempt failed|Connection refused/ }
		log_problems($front);

	stop_front($front, 'QUIT');
}

###############################################################################

sub traced {
	my ($name, %options) = @_;

	my $file = "$dir/$name.turns";

	open my $fh, '>', $file or die "can't write $file: $!\n";
	print $fh "\0" x 16;
	close $fh;
	chmod 0666, $file;

	my $front = front($name, %options, workers => 2, wrap => [command(0),
		'env', "LD_PRELOAD=$dir/turns.so", "TURNS_FILE=$file"]);

	$front->{turns} = $file;

	return $front;
}

sub turn {
	my ($front) = @_;

	return sprintf '%.2f ms', (unpack 'QQ', slurp($front->{turns}))[1] / 1e6;
}

sub test {
	my ($front) = @_;

	my $nginx = $ENV{TEST_NGINX_BINARY}
		|| (-x '/usr/sbin/nginx' ? '/usr/sbin/nginx' : 'nginx');

	my @command = command(0, "$dir/usage", $nginx, '-t', '-q', '-p',
		"$front->{base}/", '-c', "$front->{base}/nginx.conf", '-e',
		"$front->{base}/error.log");

	my ($cpu, $wall, $kb) = split ' ', `@command`;

	return ($cpu, $wall, $kb / 1024);
}

# seconds until a new worker answers, and then until the old ones have gone

sub reload {
	my ($front) = @_;

	my %old = map { $_ => 1 } workers($front);
	my $from = time();

	kill 'HUP', $front->{pid};

	wait_until(120, sub { grep { !$old{$_} } workers($front) })
		or die "no new workers\n";

	get($front, '/alive');

	my $served = time() - $from;

	wait_until(120, sub { !grep { $old{$_} } workers($front) })
		or die "old workers do not end\n";

	sleep(0.5);

	return $served;
}

sub workers {
	my ($front) = @_;

	return grep { $_ != $front->{pid} } Bench::processes($front);
}

sub get {
	my ($front, $uri) = @_;

	my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
		PeerPort => $front->{port}, Timeout => 30)
		or die "can't connect: $!\n";

	print $s "GET $uri HTTP/1.0\r\n\r\n";

	local $/;
	my $text = <$s>;

	return defined $text ? $text : '';
}

sub metrics {
	my ($front) = @_;

	return { get($front, '/metrics') =~ /^(nginx_webhook_\S+) (\S+)\r?$/mg };
}

# CPU time of one process

sub seconds {
	my ($pid) = @_;

	return (slurp("/proc/$pid/schedstat") =~ /^(\d+)/)[0] / 1e9;
}

# of the master and of its largest worker

sub sizes {
	my ($front) = @_;

	my ($master, $worker) = map { [memory($_)] } $front->{pid},
		(sort { (memory($b))[1] <=> (memory($a))[1] }
			workers($front))[0];

	return ($master->[0], $master->[1], @$worker);
}

# MB: resident, of its own, and with its part of what is shared

sub memory {
	my ($pid) = @_;

	my %kb = slurp("/proc/$pid/smaps_rollup") =~ /^(\w+): +(\d+) kB/mg;

	return map { $_ / 1024 } $kb{Rss},
		$kb{Private_Dirty} + $kb{Private_Clean}, $kb{Pss};
}

sub row {
	my ($title, @values) = @_;

	printf "%-14s", $title;
	print map { sprintf /^-?\d+\.\d+$/ ? ' %12.2f' : ' %12s', tr/_/ /r }
		@values;
	print "\n";
}

###############################################################################

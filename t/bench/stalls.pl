#!/usr/bin/perl

# How long a body of 1 MB holds the event loop: the longest turn of the loop, in
# CPU time, while such bodies pass an nginx without the module, and with values
# taken out of them.  For each way the median, over requests, of the longest
# turn of a request; both are measured in one run, by turns.
#
# Environment:
#
#     BENCH_REQUESTS      30 by default, of each way
#     BENCH_SIZE          octets of a body, 1000000 by default

use strict;
use warnings;

use File::Basename qw/ dirname /;
use lib dirname(__FILE__), dirname(__FILE__) . '/../lib';

use IO::Compress::Gzip qw/ gzip /;
use IO::Socket::INET;
use Time::HiRes qw/ sleep /;

use Bench;

my $requests = $ENV{BENCH_REQUESTS} || 30;
my $size = $ENV{BENCH_SIZE} || 1_000_000;

$| = 1;

my $dir = setup();

system("cc -O2 -shared -fPIC -o $dir/turns.so " . dirname(__FILE__)
	. '/turns.c -ldl') == 0 or die "can't compile turns.c\n";

# records as an application would send them, the last one with the value

my $body = '{"list":[';
my $i = 0;

$body .= sprintf '{"id":%d,"name":"Ann \u00e9 %x","price":%d.%02d,"tags":'
	. '["new","vip"],"ok":true},', 1e9 + $i, $i * 7919, $i % 977, $i++ % 100
	while length($body) < $size - 100;

$body .= '{}],"last":"found"}';

gzip \$body => \my $zipped, -Minimal => 1 or die;

# strings as nobody would send them, but to do harm

my $escaped = '{"list":["' . join('","', ('\udc00' x 65000)
	x int($size / 390_000)) . '"],"last":"found"}';

peer(app => 'app', hook => 'hook');

mkdir "$dir/files" or die;
save("$dir/files/big", $body);
save("$dir/files/zipped", $zipped);

my $origin = front('origin', server => <<"EOC");
        client_max_body_size 100m;

        location /upload { return 201 answer; }

        location /big { root $dir/files; }

        location /zipped {
            root $dir/files;
            add_header Content-Encoding gzip;
        }
EOC

my $ways = <<"EOC";
        client_max_body_size 100m;
        client_body_buffer_size 4m;
        proxy_buffer_size 64k;
        proxy_buffers 4 1m;
        proxy_busy_buffers_size 2m;
        output_buffers 1 4m;
        sendfile off;

        location /upload { proxy_pass http://127.0.0.1:$origin->{port}; }
        location /big { proxy_pass http://127.0.0.1:$origin->{port}; }
        location /zipped { proxy_pass http://127.0.0.1:$origin->{port}; }

        location /file/ { alias $dir/files/; }
EOC

my $webhook = front_webhook();

my %fronts = (
	none => traced('none', server => $ways),

	webhook => traced('webhook', %$webhook, location => '',
		hook => 'hook', server => "$ways
        webhook body.seen;
        webhook_json \$q request /last;
        webhook_json \$p response /last;
"),

	log => traced('log', module => 1, http => '
    log_format values "$q $p";
', server => "$ways
        access_log $dir/values.log values;
        webhook_capture on;
        webhook_json \$q request /last;
        webhook_json \$p response /last;
"),
);

my @ways = (
	['request', 'POST', '/upload', $body],
	['request, gzip', 'POST', '/upload', $zipped],
	['request, lone surrogates', 'POST', '/upload', $escaped],
	['request, left by its client', 'POST', '/upload', $body, 1],
	['response, proxied', 'GET', '/big'],
	['response, proxied, gzip', 'GET', '/zipped'],
	['response, of a file', 'GET', '/file/big'],
);

printf "%d octets of JSON, %d in gzip, %d requests, CPU time of the longest "
	. "turn in us\n\n", length $body, length $zipped, $requests;

printf "%-30s %10s %10s %8s %8s %10s %8s\n", '', 'no module', 'webhook',
	'ratio', 'turns', 'log only', 'ratio';

for my $way (@ways) {
	my ($title, @args) = @$way;
	my %r;

	for (0 .. $requests) {
		for my $name (sort keys %fronts) {
			my ($turns, $longest) = pass($fronts{$name}, @args);

			# the first one warms up

			push @{$r{$name}}, [$turns, $longest] if $_;
		}
	}

	my %longest = map {
		$_ => median(map { $_->[1] / 1000 } @{$r{$_}})
	} keys %r;

	printf "%-30s %10.0f %10.0f %8.2f %8.0f %10.0f %8.2f\n", $title,
		$longest{none}, $longest{webhook},
		$longest{webhook} / $longest{none},
		median(map { $_->[0] } @{$r{webhook}}), $longest{log},
		$longest{log} / $longest{none};
}

my @lines = map { log_problems($_) } values %fronts;
print "\n", map { "$_\n" } @lines if @lines;

stop_front($_) for $origin, values %fronts;

exit 0;

###############################################################################

sub save {
	my ($path, $data) = @_;

	open my $fh, '>', $path or die "can't write $path: $!\n";
	print $fh $data;
	close $fh;
}

# a front whose turns are measured

sub traced {
	my ($name, @options) = @_;

	save("$dir/$name.turns", "\0" x 16);
	chmod 0666, "$dir/$name.turns";

	my $self = front($name, @options, wrap => ['env',
		"LD_PRELOAD=$dir/turns.so", "TURNS_FILE=$dir/$name.turns"]);

	$self->{turns} = "$dir/$name.turns";

	return $self;
}

# one request: its turns, and the longest of them

sub pass {
	my ($front, $method, $uri, $body, $leave) = @_;

	my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
		PeerPort => $front->{port}) or die "can't connect: $!\n";

	my $head = "$method $uri HTTP/1.0\r\n";

	if (defined $body) {
		$head .= "Content-Encoding: gzip\r\n" if $body =~ /^\x1f\x8b/;
		$head .= 'Content-Length: ' . length($body) . "\r\n";
	}

	sleep(0.002);

	open my $fh, '+<', $front->{turns} or die;
	syswrite $fh, "\0" x 16;

	print $s "$head\r\n", defined $body ? $body : ();

	if ($leave) {
		close $s;

	} else {
		my $answer = '';
		1 while sysread $s, $answer, 1 << 20, length $answer;

		$answer =~ m!^HTTP/1.1 20[01] ! or die "$front->{name}: "
			. substr($answer, 0, 1000) . "\n";
	}

	my ($turns, $last) = (-1, 0);

	# until nothing goes on there

	while ($turns != $last) {
		$turns = $last;
		sleep(0.01);

		sysseek $fh, 0, 0;
		sysread $fh, my $buf, 16;

		($last, my $longest) = unpack 'QQ', $buf;
		return ($last, $longest) if $turns == $last;
	}
}

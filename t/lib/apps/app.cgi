#!/usr/bin/perl

# An application by CGI: the query tells what it does, see app.py.

use strict;
use warnings;

$| = 1;
binmode $_ for *STDIN, *STDOUT;

my ($do, $arg) = split /=/, $ENV{QUERY_STRING} || '';
my $dir = $ENV{WEBHOOK_TEST_DIR};

$do ||= 'json';
$arg = '' unless defined $arg;

my $type = "Content-Type: application/json\r\n";
my $body = $do =~ /^early/ ? '' : do { local $/; <STDIN> };

sub note {
	open my $fh, '>>', "$dir/waits" or die;
	syswrite $fh, "$ENV{HTTP_X_N}\n";
}

sub go {
	for (1 .. 2000) {
		last if -e "$dir/go-$ENV{HTTP_X_N}";
		select undef, undef, undef, 0.01;
	}
}

if ($do eq 'json' || $do eq 'stderr') {
	print STDERR "complaint of the application\n" x 3 if $do eq 'stderr';
	print "Status: 201 Made\r\n$type\r\n", sprintf
		'{"id":"r7","method":"%s","octets":%d,"sum":%d}',
		$ENV{REQUEST_METHOD}, length $body, unpack '%32C*', $body;
	print STDERR "and at the end\n" if $do eq 'stderr';

} elsif ($do eq 'length') {
	my $json = '{"id":"r7","x":"' . 'y' x $arg . '"}';
	print $type, 'Content-Length: ', length $json, "\r\n\r\n$json";

} elsif ($do eq 'status') {
	print "Status: $arg Said\r\n$type\r\n", $arg == 204 || $arg == 304
		? '' : '{"id":"s"}';

} elsif ($do eq 'empty') {
	print "Content-Length: 0\r\n$type\r\n";

} elsif ($do eq 'location') {
	print "Status: 302 Found\r\nLocation: $arg\r\n\r\n";

} elsif ($do eq 'early') {
	print "Status: 413 Early\r\n$type\r\n{\"id\":\"early\"}";

} elsif ($do eq 'accel') {
	print "X-Accel-Redirect: $arg\r\n$type\r\n{\"id\":\"hidden\"}";

} elsif ($do eq 'complain') {
	print STDERR "nothing but this\n";

} elsif ($do eq 'cut') {
	print $type, "Content-Length: 1000\r\n\r\n{\"id\":\"cut\",\"x\":\"";

} elsif ($do eq 'events') {
	print "Content-Type: text/event-stream\r\n",
		"X-Accel-Buffering: no\r\n\r\n";
	print "id: $_\r\ndata: {\"id\": $_}\r\n\r\n" for 1 .. $arg;

} elsif ($do eq 'endless') {
	print $type, "X-Accel-Buffering: no\r\n\r\n", '{"id":"e1","list":[1';
	note();
	go();
	$SIG{PIPE} = 'DEFAULT';
	print ',2' x 1000 for 1 .. 1000;

} elsif ($do eq 'wait') {
	note();
	go();
	print "$type\r\n{\"id\":\"waited\"}";
}

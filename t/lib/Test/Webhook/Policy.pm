package Test::Webhook::Policy;

# Endpoints of one receiver whose policies are tested.
#
#	policy($t, $rx, { name => 'retry off;', ... }, %options)->run();
#
# For each endpoint there is the location "/name", which sends the argument "n"
# to the path "/name" of the receiver.  Options:
#
#	workers => 2		number of them
#	http => lines		others in http {}
#	lines => lines		of endpoints that have no "zone" of their own
#	bare => [names]		endpoints without payload
#	listen => 'reuseport'	parameters of "listen"
#	view => 1		state() asks a location that cannot write
#
# Tests with a configuration of their own call watch($rx) instead.

use strict;
use warnings;

use JSON::PP ();

use Test::Webhook ();

use Exporter qw/ import /;

our @EXPORT_OK = qw/ policy watch state command requests bodies n gate begins
	ends in_a_row row /;

my $rx;
my $view = '/api';

sub policy {
	my ($t, $receiver, $endpoint, %o) = @_;

	watch($receiver);

	my $workers = $o{workers} || 2;
	my $http = $o{http} || '';
	my $listen = $o{listen} ? " $o{listen}" : '';
	my $more = '';

	if ($o{view}) {
		$view = '/view';
		$more = "location $view { webhook_api; }";
	}

	my %bare = map { $_ => 1 } @{$o{bare} || []};

	my ($endpoints, $locations) = ('', '');

	for my $name (sort keys %$endpoint) {
		my $own = $endpoint->{$name};
		my $payload = $bare{$name} ? '' : 'payload n;';
		my $lines = $own =~ /\bzone / ? '' : $o{lines} || '';

		$endpoints .= <<"EOC";

    webhook_endpoint $name {
        url http://127.0.0.1:%%PORT_rx%%/$name;
        allow_http on;
        $payload
        $lines
        $own
    }
EOC

		$locations .= <<"EOC";
        location = /$name { webhook a.$name to=$name; return 200; }
EOC
	}

	return $t->conf(<<"EOC");
%%TEST_GLOBALS%%

worker_processes $workers;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    webhook_store %%TESTDIR%%/store size=16m journal=4m;
$http
    webhook_payload n text {
        template "\${arg_n|none}";
        content_type text/plain;
    }
$endpoints
    server {
        listen 127.0.0.1:%%PORT_http%%$listen;

$locations
        location /api { webhook_api write=on; }
        location /metrics { webhook_metrics; }
        $more
    }
}
EOC
}

# the receiver that is asked below

sub watch {
	($rx) = @_;
}

# of an endpoint, as the API tells it

sub state {
	my ($name) = @_;

	return JSON::PP::decode_json(
		Test::Webhook::get("$view/endpoints/$name")->body());
}

# a command to an endpoint: whether it was obeyed

sub command {
	my ($name, $verb) = @_;

	return Test::Webhook::post("/api/endpoints/$name/$verb", '',
		'Content-Type' => 'application/json')->status() == 200;
}

# what came to a path: requests, their bodies, how many

sub requests {
	my ($target) = @_;

	return grep { $_->{target} eq $target } $rx->requests();
}

sub bodies { map { $_->{body} } requests(@_) }
sub n { scalar(() = requests(@_)) }

# attempts of an endpoint, as the log tells them from a mark on: hashes of all
# that a line names.  Their "time" is the one the policy goes by, in ms; a
# receiver may see an attempt any time later.

sub begins { attempts('begin', @_) }
sub ends { attempts('end', @_) }

sub attempts {
	my ($what, $name, $mark) = @_;

	return map { { /\b(\w+) (\S+)/g } } map { /attempt $what: (.*)/ }
		Test::Webhook::find_in_log(
			qr/attempt $what: .* lane "$name" /, $mark);
}

# failures in a row when an endpoint was disabled by "after=": as it tells, and
# as it is to be by the times of the attempts, in ms

sub in_a_row {
	my ($name) = @_;

	my $line = Test::Webhook::wait_log(
		qr/"$name" is disabled: no success for /, 20) || '';

	return $line =~ /, (\d+) failures in a row/ ? $1 : undef;
}

sub row {
	my ($name, $ms) = @_;

	my ($n, $first) = (0, 0);

	for (ends($name)) {
		if (!$_->{failure}) {
			$n = 0;
			next;
		}

		$first = $_->{time} if $n++ == 0;

		return $n if $_->{time} - $first >= $ms;
	}

	return 0;
}

# whatever was to be sent before this is; it needs the endpoint "gate"

sub gate {
	my $n = n('/gate');

	Test::Webhook::get('/gate');
	Test::Webhook::wait_for(sub { n('/gate') > $n }, 20)
		or die "gate is closed\n";
}

1;

package Test::Webhook::Servers;

# Twins (see Twin) in front of servers out of Debian's packages, by the
# protocols nginx speaks to them:
#
#	fcgi		fcgiwrap, with app.cgi
#	ufcgi		uwsgi by FastCGI, with app.py, and so are
#	uwsgi, scgi, uhttp
#	ws		python3-websockets
#	memcached
#	grpc		python3-grpcio
#
# Both twins use the same servers.  Besides "seen" there is an event "asked",
# of on=request, and the states of the responses' bodies are looked at:
#
#	asks => '= id=7'	values of "asked", those of "fires" by default;
#				'' if it does not fire
#	of_response => state	$webhook_response_body_state, told by "answer"
#				by default
#
# In "parts" a sub is called with the number of the request until it is true.
# After all cases, live() of the test is called, if there is one.

use strict;
use warnings;

use parent 'Test::Webhook::Twin';

use POSIX ();
use Test::More ();

use Test::Webhook qw/ wait_for /;
use Test::Webhook::Receiver;

my $more = <<'EOC';

    webhook_endpoint asked {
        url http://127.0.0.1:%%PORT_asked%%/;
        allow_http on;
        header X-N $http_x_n;
    }

    webhook asked to=asked on=request;

    map $webhook_result $seen_result { ~^(?<first>[^,]*) $first; }

    log_format state '$http_x_n $webhook_response_body_state';
    access_log %%TESTDIR%%/state.log state;
EOC

my $params = '';

for my $protocol (qw/ fastcgi uwsgi scgi /) {
	$params .= "    ${protocol}_param $_;\n" for
		'REQUEST_METHOD $request_method',
		'QUERY_STRING $query_string',
		'CONTENT_TYPE $content_type',
		'CONTENT_LENGTH $content_length',
		'REQUEST_URI $request_uri', 'PATH_INFO $document_uri',
		'SERVER_PROTOCOL $server_protocol',
		'REMOTE_ADDR $remote_addr', 'SERVER_NAME $server_name',
		'SERVER_PORT 80';
}

# options: of Twin, servers => [...] by the names above

sub new {
	my ($class, %o) = @_;

	my $self = $class->SUPER::new(%o, http => $params . $o{http});
	my $t = $self->{t};

	$self->{dir} = $t->{plain}->testdir();
	$self->{apps} = Test::Webhook::root() . '/t/lib/apps';

	# one port each, for both

	for my $name (@{$o{servers}}) {
		my $port = $t->{plain}->port($name);

		$t->{with}{ports}{$name} = $port;
		$t->{origin}{ports}{$name} = $port;

		my $start = "start_$name";
		$self->$start($port) if $self->can($start);
	}

	$self->{asked} = Test::Webhook::Receiver->new($t->{with},
		port => 'asked');

	return $self;
}

sub conf {
	my ($self, $twin) = @_;

	my $conf = $self->SUPER::conf($twin);

	$conf =~ s/%%DIR%%/$self->{dir}/g;

	if ($twin eq 'with') {
		$conf =~ s/(webhook seen .*\n)/$1$more/;
		$conf =~ s/'(\$http_x_n) \$webhook_event \$webhook_result '/
			'$1 seen \$seen_result '/;
	}

	return $conf;
}

###############################################################################

# a program in a process group of its own, until the end of the test

sub program {
	my ($self, $port, @command) = @_;

	my $t = $self->{t}{plain};
	my $pid = fork();

	die "fork() failed: $!\n" unless defined $pid;

	if ($pid == 0) {
		$SIG{$_} = 'DEFAULT' for qw/ INT TERM HUP PIPE __DIE__ /;
		setpgrp(0, 0);
		$ENV{WEBHOOK_TEST_DIR} = $self->{dir};

		open STDIN, '<', '/dev/null';
		open STDOUT, '>>', "$self->{dir}/servers.log";
		open STDERR, '>&', \*STDOUT;

		no warnings;
		exec { $command[0] } @command;
		print STDERR "can't exec $command[0]: $!\n";
		POSIX::_exit(127);
	}

	eval { setpgrp($pid, $pid) };

	$t->add_child(-$pid);

	wait_for(sub { Test::Webhook::try_connect($port) }, 20)
		or die "$command[0] does not listen:\n"
			. $t->read_file('servers.log');
}

sub start_fcgi {
	my ($self, $port) = @_;

	chmod 0755, $self->{t}{plain}->write_file('app.cgi',
		Test::Webhook::slurp("$self->{apps}/app.cgi", 0));

	$self->program($port, 'fcgiwrap', '-f', '-c', 8, '-s',
		"tcp:127.0.0.1:$port");
}

sub start_uhttp {
	my ($self) = @_;

	my $t = $self->{t}{plain};
	my ($last, @sockets);

	for (['socket', 'uwsgi'], ['scgi-socket', 'scgi'],
		['fastcgi-socket', 'ufcgi'], ['http-socket', 'uhttp'])
	{
		my ($option, $name) = @$_;

		$last = $t->port($name);
		$self->{t}{$_}{ports}{$name} = $last for qw/ with origin /;

		push @sockets, "--$option", "127.0.0.1:$last";
	}

	$self->program($last, 'uwsgi_python3', '--wsgi-file',
		"$self->{apps}/app.py", '--threads', 16, '--log-master',
		'--disable-write-exception', '--ignore-sigpipe', @sockets);
}

sub start_ws {
	my ($self, $port) = @_;

	$self->program($port, '/usr/bin/python3', "$self->{apps}/ws.py",
		$port);
}

sub start_grpc {
	my ($self, $port) = @_;

	$self->program($port, '/usr/bin/python3',
		"$self->{apps}/grpc_server.py", $port);
}

sub start_memcached {
	my ($self, $port) = @_;

	$self->program($port, 'memcached', '-l', '127.0.0.1', '-p', $port,
		'-U', 0, '-m', 8, '-t', 1, $> == 0 ? ('-u', 'nobody') : ());
}

###############################################################################

sub next_part {
	my ($self, $c, $n) = @_;

	while (@{$c->{parts}} && ref $c->{parts}[0] eq 'CODE'
		&& !length $c->{out})
	{
		return unless $c->{parts}[0]->($n);
		shift @{$c->{parts}};
	}

	$self->SUPER::next_part($c, $n);
}

# an application that waits for this has been waiting long enough

sub one {
	my $self = shift;

	$self->SUPER::one(@_);
	$self->{t}{plain}->write_file("go-$self->{n}", '');
}

# both have come to the application, which waits

sub waiting {
	my ($self) = @_;

	return sub {
		my $there = Test::Webhook::slurp("$self->{dir}/waits", 0);

		return 2 == (() = $there =~ /^$_[0]$/mg);
	};
}

# how much of it has come is not looked at

sub norm {
	my ($self, $twin, $raw, $s) = @_;

	return $s->{partial} ? $raw : $self->SUPER::norm($twin, $raw, $s);
}

# it need not wait any more

sub go {
	my ($self) = @_;

	return sub { $self->{t}{plain}->write_file("go-$_[0]", '') };
}

# what Twin compares is what another application got; here there is more to
# be seen in what has fired

sub same_requests {
	my ($self) = @_;

	$self->asked();
	$self->states();
	$self->{live}->() if $self->{live};
}

sub asked {
	my ($self) = @_;

	my (@expected, %got);

	for my $e (@{$self->{expected}}) {
		my $fires = defined $e->{fires} ? $e->{fires} : '';
		my (undef, @v) = split / /, $fires;

		# the one behind is answered before anything is asked

		push @expected, [$e, defined $e->{asks} ? $e->{asks}
			: $e->{name} =~ /the next one$/ ? ''
			: join ' ', '=', @v];
	}

	my $n = grep { length $_->[1] } @expected;

	wait_for(sub { $self->{asked}->count() >= $n }, 20);

	for ($self->{asked}->requests()) {
		my ($data) = $_->{body} =~ /"data":\{(.*)\}\}$/s;

		$data =~ s/"(?:method|path)":"[^"]*",?//g;
		$data =~ s/"(\w+)":"?([^",]*)"?/$1=$2/g;
		$data =~ tr/,/ /;

		push @{$got{$_->{header}{'x-n'}}}, join ' ', '=',
			length $data ? $data : ();
	}

	for (@expected) {
		my ($e, $asks) = @$_;

		Test::More::is(join(' and ', @{$got{$e->{n}} || []}), $asks,
			"$e->{name} - what fires of the request");
	}
}

sub states {
	my ($self) = @_;

	my %state = map { /^(\d+) (\w*)/ ? ($1, $2) : () } split /\n/,
		$self->{t}{with}->read_file('state.log');

	for my $e (@{$self->{expected}}) {
		my $state = defined $e->{of_response} ? $e->{of_response}
			: defined $e->{answer} ? 'complete' : next;

		Test::More::is($state{$e->{n}}, $state,
			"$e->{name} - the state of the response");
	}
}

1;

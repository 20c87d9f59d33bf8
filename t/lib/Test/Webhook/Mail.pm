package Test::Webhook::Mail;

# A server of mail, python3-aiosmtpd in a child process.
#
#	my $mx = Test::Webhook::Mail->new($t, port => 'mx', user => ...);
#
# Other options than the port are those of t/lib/apps/smtp.py.

use strict;
use warnings;

use JSON::PP ();
use MIME::Base64 qw/ decode_base64 /;
use POSIX ();

use Test::Webhook ();

my $serial = 0;

sub new {
	my ($class, $t, %o) = @_;

	my $name = delete $o{port} || 'mx';

	my $self = bless {
		t => $t,
		port => $t->port($name),
		file => $t->testdir() . '/mail-' . ++$serial . '.json',
		options => \%o,
		from => 0,
	}, $class;

	return $self->start();
}

sub start {
	my ($self, %o) = @_;

	my $t = $self->{t};

	$self->{options} = { %{$self->{options}}, %o };

	my $pid = fork();

	die "fork() failed: $!\n" unless defined $pid;

	if ($pid == 0) {
		$SIG{$_} = 'DEFAULT' for qw/ INT TERM HUP PIPE __DIE__ /;
		setpgrp(0, 0);

		open STDIN, '<', '/dev/null';
		open STDOUT, '>>', "$self->{file}.log";
		open STDERR, '>&', \*STDOUT;

		no warnings;
		exec '/usr/bin/python3',
			Test::Webhook::root() . '/t/lib/apps/smtp.py',
			$self->{port}, $self->{file},
			JSON::PP->new->ascii->encode($self->{options});
		POSIX::_exit(127);
	}

	eval { setpgrp($pid, $pid) };

	$t->add_child(-$pid);
	$self->{pid} = $pid;

	Test::Webhook::wait_for(sub {
		Test::Webhook::try_connect($self->{port})
	}, 20) or die "the server of mail does not listen:\n"
		. $t->read_file("$self->{file}.log");

	return $self;
}

sub stop {
	my ($self) = @_;

	kill 'KILL', -$self->{pid};
	waitpid $self->{pid}, 0;
	$self->{t}->del_child(-$self->{pid});

	return $self;
}

sub restart {
	my ($self, %o) = @_;
	return $self->stop()->start(%o);
}

# what has come: hashes, see smtp.py

sub notes {
	my ($self, $what) = @_;

	my @notes;

	if (open my $fh, '<:raw', $self->{file}) {
		while (my $line = <$fh>) {
			last unless $line =~ /\n\z/;
			push @notes, JSON::PP::decode_json($line);
		}
	}

	return grep { $_->{what} eq $what } @notes;
}

# hashes of sender, recipients, options, tls, user; headers, the body as it
# came, and the subject and the text decoded

sub mails {
	my ($self) = @_;

	my @mails = $self->notes('mail');

	splice @mails, 0, $self->{from};

	for my $m (@mails) {
		$m->{raw} = decode_base64($m->{content});

		my ($head, $body) = $m->{raw} =~ /^(.*?\r\n)\r\n(.*)\z/s;

		$m->{head} = $head;
		$m->{body} = $body;

		$head =~ s/\r\n[ \t]/ /g;
		push @{$m->{headers}{lc $1}}, $2
			while $head =~ /^([^:\r\n]+): *(.*)\r\n/mg;

		my ($subject) = @{$m->{headers}{subject}};

		1 while $subject =~ s/(\?=)\s+(=\?)/$1$2/;
		$subject =~ s/=\?utf-8\?B\?(.*?)\?=/decode_base64($1)/eg;
		$m->{subject} = $subject;

		my $encoding = $m->{headers}{'content-transfer-encoding'}[0];
		my $text = $body;

		if ($encoding eq 'quoted-printable') {
			$text =~ s/=\r\n//g;
			$text =~ s/=([0-9A-F]{2})/chr hex $1/eg;
		}

		$text =~ s/\r\n/\n/g;
		$m->{text} = $text;
	}

	return @mails;
}

sub wait_mails {
	my ($self, $n, $seconds) = @_;

	Test::Webhook::wait_for(sub {
		my @mails = $self->mails();
		return @mails >= $n;
	}, $seconds);

	return $self->mails();
}

sub forget {
	my ($self) = @_;

	$self->{from} = () = $self->notes('mail');

	return $self;
}

1;

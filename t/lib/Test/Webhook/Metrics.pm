package Test::Webhook::Metrics;

# A strict reader of metrics: OpenMetrics 1.0 by its grammar, and the text
# format 0.0.4 of Prometheus.
#
#	my $m = Test::Webhook::Metrics->new($text, openmetrics => 1);
#	$m->errors();			list of sentences, empty: it is valid
#	$m->value('name{a="b"}');	of a sample, labels in any order
#	$m->family('name');		its type, or undef
#	$m->samples('name');		list of { name, labels, value }

use strict;
use warnings;

my $name = qr/[a-zA-Z_:][a-zA-Z0-9_:]*/;
my $label = qr/[a-zA-Z_][a-zA-Z0-9_]*/;
my $number = qr/[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|[+-]?Inf|NaN/;
my $string = qr/(?:[^"\\\n]|\\["\\n])*/;

# suffixes of samples by type, in OpenMetrics

my %suffixes = (
	counter => ['_total', '_created'],
	gauge => [''],
	histogram => ['_bucket', '_sum', '_count', '_created'],
	info => ['_info'],
	stateset => [''],
	summary => ['', '_sum', '_count', '_created'],
	unknown => [''],
);

sub new {
	my ($class, $text, %o) = @_;

	my $self = bless { %o, errors => [], types => {}, samples => [],
		values => {}, units => {} }, $class;

	$self->parse($text);

	return $self;
}

sub errors { @{$_[0]->{errors}} }
sub family { $_[0]->{types}{$_[1]} }
sub samples { my ($s, $n) = @_; grep { $_->{name} eq $n } @{$s->{samples}} }

sub value {
	my ($self, $key) = @_;

	my ($n, $rest) = $key =~ /^([^{]+)(?:\{(.*)\})?$/ or return;
	my %l = (defined $rest ? $rest : '') =~ /($label)="($string)"/g;

	return $self->{values}{id($n, \%l)};
}

sub id {
	my ($n, $labels) = @_;

	return join "\0", $n, map { "$_=$labels->{$_}" } sort keys %$labels;
}

sub error {
	my ($self, $line, $text) = @_;

	push @{$self->{errors}}, "$text: $line";
}

sub parse {
	my ($self, $text) = @_;

	my $om = $self->{openmetrics};

	$self->error('', 'no UTF-8') unless utf8::decode(my $copy = $text);
	$self->error('', 'no line feed at the end') if $text !~ /\n\z/;
	$self->error('', 'carriage return') if $text =~ /\r/;

	my @lines = split /\n/, $text, -1;
	pop @lines;

	if ($om) {
		$self->error('', 'no # EOF at the end')
			if !@lines || pop @lines ne '# EOF';

	} elsif (grep { $_ eq '# EOF' } @lines) {
		$self->error('', '# EOF');
	}

	my ($family, %seen, %meta, @samples);

	for my $line (@lines) {

		if ($line =~ /^# (TYPE|UNIT|HELP) ($name) (.*)$/) {
			my ($what, $n, $value) = ($1, $2, $3);

			if (!defined $family || $family ne $n) {
				$self->error($line, 'family not in one piece')
					if $seen{$n}++;
				$self->whole($family, \@samples);
				($family, @samples) = ($n);
				%meta = ();
			}

			$self->error($line, 'metadata behind samples') if @samples;
			$self->error($line, "second $what") if $meta{$what}++;

			if ($what eq 'TYPE') {
				$self->error($line, 'unknown type')
					unless $suffixes{$value};
				$self->error($line, 'no type of this form')
					if !$om && $value =~ /^(?:info|stateset)$/;
				$self->{types}{$n} = $value;
			}

			if ($what eq 'UNIT') {
				$self->error($line, 'no UNIT in this form') if !$om;
				$self->error($line, 'unit is no suffix of the name')
					unless $n =~ /_\Q$value\E$/;
			}

			if ($what eq 'HELP' && $om) {
				$self->error($line, 'wrong escape in HELP')
					if $value !~ /^(?:[^\\"]|\\[n\\"]|")*$/;
			}

			next;
		}

		if ($line =~ /^#/ || $line eq '') {
			$self->error($line, 'neither metadata nor sample');
			next;
		}

		if ($line !~ /^($name)(?:\{(.*)\})? ($number)(?: [\d.]+)?$/) {
			$self->error($line, 'no sample');
			next;
		}

		my ($n, $rest, $value) = ($1, $2, $3);
		my %labels;

		if (defined $rest) {
			my $r = $rest;

			while ($r =~ s/^($label)="($string)"(?:,(?=.)|$)//) {
				$self->error($line, "label $1 twice")
					if exists $labels{$1};
				$labels{$1} = $2;
			}

			$self->error($line, 'labels') if $r ne '' || !%labels;
		}

		my $base = $self->base($family, $n);

		if (!defined $base) {
			$self->error($line, 'sample of no family, or not its');
			next;
		}

		my $id = id($n, \%labels);

		$self->error($line, 'sample twice')
			if exists $self->{values}{$id};
		$self->{values}{$id} = $value;

		my $sample = { name => $n, labels => \%labels, value => $value,
			line => $line };

		push @samples, $sample;
		push @{$self->{samples}}, $sample;
	}

	$self->whole($family, \@samples);
}

sub base {
	my ($self, $family, $n) = @_;

	return unless defined $family && $self->{types}{$family};

	my $type = $self->{types}{$family};
	my @suffixes = @{$suffixes{$type}};

	# names of the older form are those of the samples

	@suffixes = ('') if !$self->{openmetrics} && $type eq 'counter';

	return (grep { $n eq "$family$_" } @suffixes) ? $family : undef;
}

# what holds for all samples of a family

sub whole {
	my ($self, $family, $samples) = @_;

	return if !defined $family;

	my $type = $self->{types}{$family};

	$self->error($family, 'no TYPE') if !$type;
	return if !$type;

	$self->error($family, 'counter without _total')
		if $type eq 'counter' && !$self->{openmetrics}
			&& $family !~ /_total$/;
	$self->error($family, 'suffix of a sample')
		if $self->{openmetrics}
			&& $family =~ /_(?:total|created|bucket|sum|count|info)$/;

	for (@$samples) {
		$self->error($_->{line}, 'not counted')
			if $type =~ /counter|histogram/
				&& $_->{value} !~ /^\d+(?:\.\d+)?$/;
		$self->error($_->{line}, 'info is not 1')
			if $type eq 'info' && $_->{value} ne '1';
		$self->error($_->{line}, 'state without its name')
			if $type eq 'stateset'
				&& !defined $_->{labels}{$family};
	}

	return unless $type eq 'histogram';

	my (%groups, @order, $last);

	for (@$samples) {
		my %l = %{$_->{labels}};
		delete $l{le};
		my $id = id('', \%l);

		if (!defined $last || $last ne $id) {
			$self->error($_->{line}, 'histogram not in one piece')
				if $groups{$id};
			$last = $id;
		}

		push @{$groups{$id}}, $_;
	}

	for my $g (values %groups) {
		my @b = grep { $_->{name} =~ /_bucket$/ } @$g;
		my ($count) = grep { $_->{name} =~ /_count$/ } @$g;
		my ($sum) = grep { $_->{name} =~ /_sum$/ } @$g;
		my ($le, $n);

		for (@b) {
			my $this = $_->{labels}{le};

			$self->error($_->{line}, 'no le') if !defined $this;
			$self->error($_->{line}, 'le is not canonical')
				if $this !~ /^(?:\d+\.\d+|\d(?:\.\d+)?e-\d\d|\+Inf)$/;
			$self->error($_->{line}, 'le does not rise')
				if defined $le && ($le eq '+Inf'
					|| $this ne '+Inf' && $this <= $le);
			$self->error($_->{line}, 'buckets are not cumulative')
				if defined $n && $_->{value} < $n;
			($le, $n) = ($this, $_->{value});
		}

		$self->error($g->[0]{line}, 'no bucket of +Inf')
			if !@b || $le ne '+Inf';
		$self->error($g->[0]{line}, 'no _sum or _count')
			if !$sum || !$count;
		$self->error($g->[0]{line}, '_count is not the last bucket')
			if $count && @b && $count->{value} != $n;
	}
}

1;

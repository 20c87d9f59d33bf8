package Test::Webhook::Positions;

# Every position where a value of a request can end up in what is sent: for
# each an endpoint, and what is wrong with what has arrived there.
#
#	my $p = Test::Webhook::Positions->new($t, $rx);
#	$p->payloads(), $p->endpoints(), $p->locations()	for the configuration
#	$p->send('name', $value);	by a form, and by JSON if it is UTF-8
#	$p->count();			deliveries that have to arrive
#	$p->wrong();			position => list of sentences, of what was
#					sent since the last call
#	$p->check('path', $request, $value);
#
# The server's port is that of PORT_http, and it has a "location = /ok".

use strict;
use warnings;

use Digest::SHA qw/ hmac_sha256_hex /;
use Encode ();
use JSON::PP ();
use MIME::Base64 qw/ decode_base64 /;

use Test::Webhook ();
use Test::Webhook::Hostile;

my $json = JSON::PP->new->utf8->canonical->allow_nonref;

# headers of any attempt

my @common = qw/ host user-agent content-type content-length webhook-id
	webhook-timestamp webhook-event webhook-hops x-row /;

###############################################################################

# the table: lines of the endpoint, of its payload, and what is wrong with what
# arrived; "json": of what is JSON only, "drops" when nothing has to arrive

my $key = 'key-of-signatures';

my @cloud = (
	subject => 'subject $v;',
	str => 'extension str $v;',
	bin => 'extension bin $v binary;',
	int => 'extension int $v integer;',
	bool => 'extension bool $v boolean;',
	ref => 'extension ref $v uriref;',
	uri => 'extension uri $v uri;',
	at => 'extension at $v timestamp;',
	dataschema => 'dataschema $v;',
);

my $cloud = join ' ', map { $cloud[2 * $_ + 1] } 0 .. $#cloud / 2;

my @positions = (

	# JSON

	string => {
		payload => 'structured { field s $v; field after 1 number; }',
		check => sub { same($_[0]{body},
			{ s => text($_[1]), after => 1 }) },
	},
	parts => {
		payload => 'structured { field a.b[0] "<$v>$v"; }',
		check => sub { same($_[0]{body},
			{ a => { b => ['<' . text($_[1]) . '>'
				. text($_[1])] } }) },
	},
	default => {
		payload => 'structured { field s $arg_none default=x;
			field v $v omit_empty; }',
		check => sub { same($_[0]{body}, { s => 'x',
			length $_[1] ? (v => text($_[1])) : () }) },
	},
	number => {
		payload => 'structured { field s $v number; field t $v time;
			field d $v number default=7; }',
		check => sub {
			my $n = $_[1] eq '1e400' ? $_[1] : undef;
			equal($_[0]{body}, sprintf('{"s":%s,"t":null,"d":%s}',
				$n || 'null', $n || 7), 'body');
		},
	},
	boolean => {
		payload => 'structured { field s $v boolean; }',
		check => sub { equal($_[0]{body}, '{"s":'
			. ($_[1] eq 'true' ? 'true' : 'null') . '}', 'body') },
	},
	json => {
		payload => 'structured { field s $v json; field a 1 number; }',
		check => sub {
			my $v = is_json($_[1]) ? $_[1] : 'null';

			# as written

			return if $_[0]{body} eq "{\"s\":$v,\"a\":1}";
			return same($_[0]{body}, { s => $json->decode($v), a => 1 });
		},
	},
	members => {
		json => 1,
		payload => 'structured { field o $o json; field l $l json; }',
		check => sub {
			my $v = text($_[1]);
			same($_[0]{body},
				{ o => { $v => { k => $v } }, l => [$v, 'z'] });
		},
	},
	json_string => {
		json => 1,
		payload => 'structured { field o $o json_string; }',
		check => sub {
			my $v = text($_[1]);
			my $got = eval { $json->decode($_[0]{body}) }
				or return 'no JSON';
			same(Encode::encode_utf8($got->{o}),
				{ $v => { k => $v } });
		},
	},
	flat => {
		json => 1,
		payload => 'flat { field o $o json; field s $v; }',
		check => sub {
			my $v = text($_[1]);
			same($_[0]{body}, { "o_${v}_k" => $v, s => $v });
		},
	},
	declared => {
		json => 1,
		payload => 'flat { field o_plain_k mine; field o $o json; }',
		check => sub {
			my $v = text($_[1]);
			same($_[0]{body}, { "o_${v}_k" => $v, o_plain_k => 'mine' });
		},
	},
	join => {
		json => 1,
		payload => 'flat { join "|"; field l $l json; }',
		check => sub { same($_[0]{body},
			{ l => text($_[1]) . '|z' }) },
	},
	diff => {
		json => 1,
		payload => 'structured { field d $m json diff=$o;
			field n $o json diff=$m; }',
		check => sub {
			my $v = text($_[1]);
			same($_[0]{body}, { d => { '~~' => { $v => $v } },
				n => {} });
		},
	},
	translated => {
		json => 1,
		lines => 'language de;',
		payload => 'structured { field s $v translate=g;
			field d $v translate=g default=x; field l $l json translate;
			field m $l json translate map; }',
		check => sub {
			my $v = text($_[1]);
			same($_[0]{body}, { s => $v, d => 'x', l => [$v, 'Z'],
				m => { $v => $v, z => 'Z' } });
		},
	},
	standard => {
		check => sub {
			my ($r, $v) = @_;
			my $got = eval { $json->decode($r->{body}) }
				or return 'no JSON';
			return equal(join(' ', sort keys %$got),
					'data id timestamp type', 'members'),
				equal($got->{data}{v}, text($v), 'value'),
				equal($got->{data}{method}, 'POST', 'method');
		},
	},

	# forms

	form => {
		payload => 'form { field s $v; field after 1; }',
		check => sub { pairs($_[0]{body},
			[s => $_[1]], [after => 1]) },
	},
	form_names => {
		json => 1,
		payload => 'form { field o $o json; field l $l json; }',
		check => sub { pairs($_[0]{body}, ["o_$_[1]_k" => $_[1]],
			[l_0 => $_[1]], [l_1 => 'z']) },
	},
	form_get => {
		lines => 'method GET;',
		payload => 'form { field s $v; field after 1; }',
		check => sub {
			my ($query) = $_[0]{target} =~ m!^/form_get\?(.*)!s
				or return "target: $_[0]{target}";
			return equal($_[0]{body}, '', 'body'),
				pairs($query, [s => $_[1]], [after => 1]);
		},
	},

	# texts and bodies as they were

	template => {
		payload => 'text { template \'{"a":${v|json},'
			. '"b":"<${v|json-in-string}>","u":"${v|url}",'
			. '"f":"${v|form}"}\'; }',
		check => sub {
			my ($r, $v) = @_;
			my $got = eval { $json->decode($r->{body}) }
				or return "no JSON: $r->{body}";
			return equal(join(' ', sort keys %$got), 'a b f u', 'members'),
				equal($got->{a}, text($v), 'json'),
				equal($got->{b}, '<' . text($v) . '>', 'in a string'),
				equal(unescape($got->{u}), $v, 'url'),
				equal(unescape($got->{f}, 1), $v, 'form');
		},
	},
	none => {
		payload => 'text { template "<${v|none}>"; content_type text/plain; }',
		check => sub { equal($_[0]{body}, "<$_[1]>", 'body') },
	},
	raw => {
		payload => 'raw { body request; }',
		check => sub {
			my ($r, $v, $sent, $type) = @_;
			return equal($r->{body}, $sent, 'body'),
				headers($r, 'content-type' => $type);
		},
	},

	# URLs

	path => {
		url => '/path/$v/end',
		drops => sub { $_[0] eq '' || leads($_[0]) },
		check => sub { target($_[0], '/path/', $_[1], '/end') },
	},
	segment => {
		url => '/segment/x$v',
		drops => sub { leads("x$_[0]") },
		check => sub { target($_[0], '/segment/x', $_[1], '') },
	},
	tree => {
		url => '/tree/x${v|path}/end',
		drops => sub { leads("x$_[0]") },
		check => sub {
			my ($r, $v) = @_;
			my $n = () = "/tree/x$v/end" =~ m!/!g;
			my $m = () = $r->{target} =~ m!/!g;
			return equal($m, $n, 'slashes'),
				equal(unescape($r->{target}), "/tree/x$v/end", 'path'),
				$r->{target} =~ m![^/%\w.~-]! ? 'not encoded' : ();
		},
	},
	query => {
		url => '/query?q=$v&z=1',
		check => sub { target($_[0], '/query?q=', $_[1], '&z=1') },
	},
	query_name => {
		url => '/query_name?$v=1&z=1',
		check => sub { target($_[0], '/query_name?', $_[1], '=1&z=1') },
	},
	place => {
		url => '/place/x__s__?q=__s__&z=1',
		payload => 'structured { field s $v; }',
		drops => sub { leads("x$_[0]") },
		check => sub {
			my ($r, $v) = @_;
			my ($path, $query) = split /\?/, $r->{target}, 2;
			return target({ target => $path }, '/place/x', $v, ''),
				target({ target => $query }, 'q=', $v, '&z=1'),
				same($r->{body}, { s => text($v) });
		},
	},
	place_name => {
		json => 1,
		url => '/place_name/x__o__',
		payload => 'structured { field o $o json; }',
		drops => sub {
			my $q = quoted($_[0]);
			leads("x{$q:{\"k\":$q}}");
		},
		check => sub {
			my ($r, $v) = @_;
			my ($got) = $r->{target} =~ m!^/place_name/x([\w.~%-]*)$!
				or return "target: $r->{target}";
			return same(unescape($got),
				{ text($v) => { k => text($v) } });
		},
	},
	host => {
		whole => 'http://$v:%%PORT_rx%%/host',
		drops => sub { 1 },
	},
	label => {
		whole => 'http://127.0.0.1$v:%%PORT_rx%%/label',
		drops => sub { $_[0] ne '' },
		check => sub { () },
	},
	port => {
		whole => 'http://127.0.0.1:$v/port',
		drops => sub { 1 },
	},
	url => {
		whole => '$v',
		drops => sub { 1 },
	},

	# headers

	header => {
		lines => 'header X-V $v; header X-T "<$v>"; header X-End end;',
		headers => [qw/ x-v x-t x-end /],
		check => sub { headers($_[0], 'x-v' => field($_[1]),
			'x-t' => field("<$_[1]>"), 'x-end' => 'end') },
	},
	replaced => {
		lines => 'header User-Agent $v; header Content-Type $v;',
		check => sub {
			my $v = field($_[1]);
			headers($_[0], 'user-agent' => defined $v ? $v
					: 'ngx_http_webhook_module/0.1.0',
				'content-type' => defined $v ? $v
					: 'application/json');
		},
	},
	bearer => {
		lines => 'bearer $v;',
		headers => [qw/ authorization /],
		check => sub {
			my $v = field("Bearer $_[1]");
			headers($_[0], authorization => $_[1] eq '' ? undef : $v);
		},
	},
	key_header => {
		lines => 'api_key header X-Key $v;',
		headers => [qw/ x-key /],
		check => sub { headers($_[0], 'x-key' => field($_[1])) },
	},
	key_query => {
		lines => 'api_key query k $v;',
		check => sub { $_[1] eq ''
			? equal($_[0]{target}, '/key_query', 'target')
			: target($_[0], '/key_query?k=', $_[1], '') },
	},
	key_field => {
		lines => 'api_key field k $v;',
		payload => 'structured { field a 1; }',
		check => sub { same($_[0]{body}, { a => '1',
			length $_[1] ? (k => text($_[1])) : () }) },
	},
	key_form => {
		lines => 'api_key field k $v;',
		payload => 'form { field a 1; }',
		check => sub { pairs($_[0]{body}, [a => 1],
			length $_[1] ? [k => $_[1]] : ()) },
	},
	signed => {
		url => '/signed?q=$v',
		lines => "sign header=X-Sig $key 'content=\$method \$target \$body' "
			. 'start=s=;',
		payload => 'text { template "${v|none}"; content_type text/plain; }',
		headers => [qw/ x-sig /],
		check => sub {
			my ($r, $v) = @_;
			return equal($r->{body}, $v, 'body'),
				headers($r, 'x-sig' => 's=' . hmac_sha256_hex(
					"POST $r->{target} $v", $key));
		},
	},
	signed_http => {
		url => '/signed_http?q=$v',
		lines => "header X-V \$v; sign http $key "
			. 'components=@target-uri,content-digest;',
		headers => [qw/ x-v content-digest signature signature-input /],
		check => sub {
			my ($r) = @_;
			my ($input) = $r->{header}{'signature-input'}
				=~ /^sig1=(.*)$/ or return 'no input';
			my ($sig) = $r->{header}{signature} =~ /^sig1=:(.*):$/
				or return 'no signature';
			my $base = "\"\@target-uri\": http://"
				. "$r->{header}{host}$r->{target}\n\"content-digest\": "
				. "$r->{header}{'content-digest'}\n"
				. "\"\@signature-params\": $input";
			return equal(unpack('H*', decode_base64($sig)),
				hmac_sha256_hex($base, $key), 'signature');
		},
	},

	# CloudEvents

	cloud => {
		payload => "cloudevents structured { $cloud field s \$v; }",
		check => sub {
			my ($r, $v) = @_;
			my $got = eval { $json->decode($r->{body}) }
				or return 'no JSON';
			return equal($got->{data}{s}, text($v), 'data'),
				cloud($v, sub { my $a = $got->{$_[0]};
					defined $a ? Encode::encode_utf8($a)
						: undef }, qw/ specversion id
					source type time datacontenttype data /);
		},
	},
	cloud_named => {
		payload => 'cloudevents structured { source $v; type "x.$v";
			field s 1; }',
		check => sub {
			my ($r, $v) = @_;
			my $got = eval { $json->decode($r->{body}) }
				or return 'no JSON';
			my $source = reference($v) ? $v : '//localhost';
			return equal($got->{source}, $source, 'source'),
				equal(Encode::encode_utf8($got->{type}),
					attribute("x.$v") || $r->{header}{'webhook-event'},
					'type');
		},
	},
	cloud_header => {
		payload => "cloudevents binary { $cloud field s \$v; }",
		headers => [map { "ce-$_" } qw/ specversion id source type time /,
			map { $cloud[2 * $_] } 0 .. $#cloud / 2],
		check => sub {
			my ($r, $v) = @_;
			return same($r->{body}, { s => text($v) }),
				cloud($v, sub { my $a = $r->{header}{"ce-$_[0]"};
					defined $a && $a =~ /[^\x21-\x7e]|"/
						? "not encoded: $a"
						: defined $a ? unescape($a) : undef }),
				$r->{header}{'ce-id'} eq $r->{header}{'webhook-id'}
					? () : 'id';
		},
	},
	cloud_body => {
		payload => 'cloudevents structured { body request; }',
		check => sub {
			my ($r, $v, $sent, $type) = @_;
			my $got = eval { $json->decode($r->{body}) }
				or return 'no JSON';
			return equal($json->encode($got->{data}),
					$type =~ /json/ ? $json->encode($json->decode($sent))
						: $json->encode($sent), 'data');
		},
	},

	# what a delivery is told by

	lane => {
		lines => 'order key $v;',
		check => sub { () },
	},
	interval => {
		own => 'webhook own.interval every=1h per=$v to=interval;',
		check => sub { () },
	},
	id => {
		own => 'webhook own.id id=$v to=id;',
		check => sub {
			my ($r, $v) = @_;
			my $id = $r->{header}{'webhook-id'};
			return $v =~ /^[A-Za-z0-9_-]{1,128}\z/
				? equal($id, $v, 'id') : $id =~ /^[0-9a-f-]{36}\z/
				? () : "id: $id";
		},
	},
	to => {
		own => 'webhook own.to to=$v;',
		drops => sub { 1 },
	},
);

my %position = @positions;
my @position = map { $positions[2 * $_] } 0 .. $#positions / 2;

# attributes of the types that @cloud has

sub cloud {
	my ($v, $get, @others) = @_;

	my %want = (
		subject => attribute($v),
		str => attribute($v),
		int => undef,
		bool => $v eq 'true' ? '1' : undef,
		at => undef,
		bin => $v eq '' || length $v > 4096 ? undef : $v,
	);

	my @errors;

	for my $name (sort keys %want) {
		my $got = $get->($name);

		$got = '1' if $name eq 'bool' && defined $got && $got eq 'true';
		$got = decode_base64($got) if $name eq 'bin' && defined $got;

		push @errors, equal($got, $want{$name}, $name);
	}

	for (qw/ ref uri dataschema /) {
		my $is = reference($v)
			&& ($_ eq 'ref' || $v =~ /^[A-Za-z][\w+.-]*:/a);

		push @errors, equal($get->($_), $is ? $v : undef, $_);
	}

	return @errors;
}

###############################################################################

sub new {
	my ($class, $t, $rx) = @_;

	my $self = bless { t => $t, rx => $rx, payloads => '',
		endpoints => '', own => '', sent => {}, want => {} }, $class;

	for my $name (@position) {
		my $p = $position{$name};
		my $url = $p->{whole} || 'http://127.0.0.1:%%PORT_rx%%'
			. ($p->{url} || "/$name");
		my $events = $p->{own} ? '' : 'events '
			. ($p->{json} ? 'in.json' : 'in.*') . ';';

		$self->{own} .= "            $p->{own}\n" if $p->{own};

		next if $name eq 'to';

		$self->{payloads} .= "    webhook_payload $name $p->{payload}\n"
			if $p->{payload};

		$self->{endpoints} .= <<"EOE";
    webhook_endpoint $name {
        url "$url";
        allow_http on;
        addresses any;
        retry off;
        header X-Row \$arg_row;
        $events
        @{[ $p->{payload} ? "payload $name;" : '' ]}
        @{[ $p->{lines} || '' ]}
    }

EOE
	}

	return $self;
}

sub names { @position }
sub payloads { $_[0]->{payloads} }
sub endpoints { $_[0]->{endpoints} }

sub locations {
	my ($self) = @_;

	return <<"EOL";
        location = /form {
            webhook_form \$v request v;

            webhook in.form;
$self->{own}
            proxy_pass http://127.0.0.1:%%PORT_http%%/ok;
        }

        location = /json {
            webhook_json \$v request /v;
            webhook_json \$o request /o type=json;
            webhook_json \$l request /l type=json;
            webhook_json \$m request /m type=json;

            webhook in.json;

            proxy_pass http://127.0.0.1:%%PORT_http%%/ok;
        }
EOL
}

sub send {
	my ($self, $name, $v) = @_;

	(my $coded = $v) =~ s/(.)/sprintf '%%%02x', ord $1/sge;

	$self->row("form-$name", 'form', $v, "v=$coded",
		'application/x-www-form-urlencoded');

	# what is no UTF-8 is no JSON

	return unless is_utf8($v);

	my $q = quoted($v);

	$self->row("json-$name", 'json', $v, "{\"v\":$q,\"o\":{$q:{\"k\":$q}},"
		. "\"l\":[$q,\"z\"],\"m\":{$q:{\"k\":$q},\"~~\":{$q:$q}}}",
		'application/json; charset=utf-8');
}

sub row {
	my ($self, $row, $way, $v, $body, $type) = @_;

	$self->{sent}{$row} = [$v, $body, $type];

	for my $name (@position) {
		my $p = $position{$name};

		next if $way eq 'form' && $p->{json};
		next if $way eq 'json' && $p->{own};

		$self->{want}{"$row $name"} = 1 unless $self->drops($name, $v);
	}

	my $r = $self->{t}->post("/$way?row=$row", $body,
		'Content-Type' => $type);

	die "$row was answered by $r\n" if $r->status() != 200;
}

sub drops {
	my ($self, $name, $v) = @_;

	return $position{$name}{drops} && $position{$name}{drops}->($v);
}

sub count { scalar keys %{$_[0]->{want}} }

sub check {
	my ($self, $name, $r, @args) = @_;

	return $position{$name}{check}->($r, @args);
}

sub wrong {
	my ($self) = @_;

	my $rx = $self->{rx};
	my (%got, %wrong);

	$rx->wait_requests($self->count(), 30);
	$rx->only_requests($self->count(), 0.3);

	for my $r ($rx->requests()) {
		my ($name) = $r->{target} =~ m!^/(\w+)!;
		my $row = $r->{header}{'x-row'};

		if (!defined $row || !$name || !$position{$name}
			|| !$self->{sent}{$row})
		{
			push @{$wrong{forged}}, $json->encode($r);
			next;
		}

		push @{$wrong{$name}}, "$row: twice" if $got{"$row $name"}++;
		push @{$wrong{$name}}, map { "$row: $_" }
			request($position{$name}, $r),
			$self->check($name, $r, @{$self->{sent}{$row}});
	}

	for (sort keys %{{ %got, %{$self->{want}} }}) {
		my ($row, $name) = split / /;

		push @{$wrong{$name}}, "$row: has not arrived" if !$got{$_};
		push @{$wrong{$name}}, "$row: has arrived"
			if !$self->{want}{$_};
	}

	# anew

	$self->{sent} = {};
	$self->{want} = {};
	$rx->forget();

	return \%wrong;
}

# one request, of the headers it has to have

sub request {
	my ($p, $r) = @_;

	my @errors;

	push @errors, 'not complete' if !$r->{complete};
	push @errors, "method $r->{method}" if $r->{method} !~ /^(?:POST|GET)$/;
	push @errors, "target $r->{target}"
		if $r->{target} !~ /^[\x21-\x7e]+\z/;

	my %may = map { $_ => 1 } @common, @{$p->{headers} || []};
	my %seen;

	for (@{$r->{headers}}) {
		my $n = lc $_->[0];

		push @errors, "header $n" if !$may{$n} || $seen{$n}++;
		push @errors, "control characters in $n"
			if $_->[1] =~ /[\x00-\x08\x0a-\x1f\x7f]/;
	}

	return @errors;
}

1;

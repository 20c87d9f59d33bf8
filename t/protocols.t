#!/usr/bin/perl

# Tests with applications behind FastCGI, uwsgi, SCGI, and memcached, which are
# Debian's packages fcgiwrap, uwsgi-plugin-python3, and memcached: the client
# gets the same octets as without the module, and the events are right.

###############################################################################

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::Webhook::Servers;

###############################################################################

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Webhook::Servers->new(live => \&tls,
	servers => [qw/ fcgi uhttp memcached /], http => <<'EOC');
    fastcgi_cache_path %%TESTDIR%%/cache keys_zone=cache:1m;
    fastcgi_param SCRIPT_FILENAME %%DIR%%/app.cgi;
    fastcgi_param NO_BUFFERING 1;
EOC

$t->file('in/f.json', '{"id":"file"}');
$t->file('error.json', '{"id":"error"}');

my %pass = (
	fcgi => 'fastcgi_pass 127.0.0.1:%%PORT_fcgi%%;',
	ufcgi => 'fastcgi_pass 127.0.0.1:%%PORT_ufcgi%%;',
	uwsgi => 'uwsgi_pass 127.0.0.1:%%PORT_uwsgi%%;',
	scgi => 'scgi_pass 127.0.0.1:%%PORT_scgi%%;',
	uhttp => 'proxy_pass http://127.0.0.1:%%PORT_uhttp%%;',
);

my $small = '{"id":7,"name":"ann"}';
my $large = '{"id":7,"name":"ann","x":"' . 'z' x 300_000 . '"}';
my $huge = '{"id":7,"name":"ann","x":"' . 'z' x 900_000 . '"}';
my $binary = "\0\1\2\xff\xfe--" x 1000;

my @values = (fires => '201 id=7 name=ann', answer => 'rid=r7');

###############################################################################

for my $server (sort keys %pass) {
	my ($p) = $pass{$server} =~ /^(\w+)_pass/;
	my $forms = $server =~ /^(?:fcgi|uwsgi)$/ ? 'close pipe' : 'close';

	my $add = sub {
		my ($name, %o) = @_;

		my $conf = $o{conf} || '';
		my $server_conf = delete $o{server} || '';

		$conf =~ s/%%P%%/$p/g;
		$server_conf =~ s/%%P%%/$p/g;

		$t->add("$server, $name", chunks => 'any', forms => $forms,
			%o, conf =>
			"location / { $pass{$server} $conf }\n$server_conf");
	};

	# requests

	$add->('GET', get => '/x', fires => '201', answer => 'rid=r7',
		h2 => 1);
	$add->('HEAD', head => '/x', fires => '201', h2 => 1,
		of_response => 'none');
	$add->('POST', post => '/x', body => $small, @values, h2 => 1,
		shows => '"octets":21');
	$add->('POST of much', post => '/x', body => $large, @values, h2 => 1,
		shows => '"octets":300028');
	$add->('POST chunked', post => '/x', body => $small, chunked => 4,
		@values, h2 => 1);
	$add->('POST of much chunked', post => '/x', body => $large,
		chunked => 7777, @values);
	$add->('POST of something else', post => '/x', body => $binary,
		fires => '201', answer => 'rid=r7', state => 'invalid');
	$add->('POST of nothing', post => '/x', body => '', fires => '201',
		answer => 'rid=r7');
	$add->('PUT', put => '/x', body => $small, @values);

	for my $size ('', 'of much ') {
		my $body = $size ? $large : $small;

		$add->("POST ${size}as it comes", post => '/x', @values,
			body => $body, h2 => 1,
			conf => '%%P%%_request_buffering off;');
		$add->("POST ${size}as it comes, chunked", post => '/x',
			@values, body => $body, chunked => 5000,
			conf => '%%P%%_request_buffering off; '
			. ($p eq 'proxy' ? 'proxy_http_version 1.0;' : ''));
		$add->("POST ${size}in parts", post => '/x', @values,
			body => $body, parts => sub {
				$_[1] =~ /(.{3})(.{8})(.*)/s;
				("$_[0]$1", 'pause', $2, 'pause', $3)
			}, conf => '%%P%%_request_buffering off; '
			. '%%P%%_buffering off;');
	}

	# answers

	for my $how ('', '%%P%%_buffering off;',
		'%%P%%_buffers 2 4k; %%P%%_buffer_size 4k; '
		. '%%P%%_busy_buffers_size 4k; %%P%%_max_temp_file_size 0;')
	{
		my ($kind) = $how =~ /_(\w+ \w+);/;

		$kind = $kind ? ", $kind" : '';

		$add->("with a length$kind", get => '/x?length=10',
			fires => '200', answer => 'rid=r7', conf => $how,
			h2 => 1);
		$add->("long$kind", get => '/x?length=200000', fires => '200',
			answer => 'rid=r7', conf => $how);
		$add->("events$kind", get => '/x?events=3000', h2 => !$how,
			fires => '200', of_response => 'invalid',
			conf => $how, shows => 'data: {"id": 3000}');
		$add->("empty$kind", get => '/x?empty', fires => '200',
			conf => $how, of_response => 'none');
		$add->("204$kind", get => '/x?status=204', fires => '204',
			conf => $how, of_response => 'none', h2 => 1);
		$add->("304$kind", get => '/x?status=304', fires => '304',
			conf => $how, of_response => 'none');
		$add->("404$kind", post => '/x?status=404', body => $small,
			fires => '404 id=7 name=ann', answer => 'rid=s',
			conf => $how);
		$add->("redirect$kind", get => '/x?location=http://x/y',
			fires => '302', conf => $how);
		$add->("HEAD of much$kind", head => '/x?length=200000',
			fires => '200', of_response => 'none', conf => $how);
	}

	$add->('500 intercepted', post => '/x?status=500', body => $small,
		fires => '500 id=7 name=ann', answer => 'rid=error',
		conf => '%%P%%_intercept_errors on; '
		. 'error_page 500 /error.json;',
		server => 'location = /error.json { }');
	$add->('cut', get => '/x?cut', fires => '200', cut => 1,
		of_response => 'truncated', answer => 'rid=cut',
		forms => 'close');
	$add->('cut, as it comes', get => '/x?cut', fires => '200', cut => 1,
		of_response => 'truncated', answer => 'rid=cut',
		forms => 'close', conf => '%%P%%_buffering off;');
	$add->('what is written to stderr', post => '/x?stderr',
		body => $small, @values, h2 => 1);
	$add->('nothing but stderr', post => '/x?complain', body => $small,
		fires => '502 id=7 name=ann') if $server eq 'fcgi';

	# X-Accel-Redirect

	my $in = 'location /in/ { internal; }';

	$add->('X-Accel-Redirect', get => '/x?accel=/in/f.json', h2 => 1,
		fires => '200', answer => 'rid=file', server => $in);
	$add->('X-Accel-Redirect of POST', post => '/x?accel=/in/f.json',
		body => $small, fires => '200 id=7 name=ann', h2 => 1,
		answer => 'rid=file', server => $in);
	$add->('X-Accel-Redirect to nothing', get => '/x?accel=/in/g',
		fires => '404', server => $in);
	$add->('X-Accel-Redirect to an application',
		post => '/x?accel=@other', body => $small, method => 'POST',
		fires => '201 id=7 name=ann', answer => 'rid=r7',
		server => "location \@other { rewrite ^ /y? break; "
		. "$pass{$server} }");

	# before the body was read

	$add->('early', post => '/x?early', body => $small, h2 => 1,
		fires => '413 id=7 name=ann', answer => 'rid=early');

	if ($server ne 'fcgi') {

		# that one wants it all, and then answers

		$add->('early, before the body came', post => '/x?early',
			body => $small, asks => '', fires => '413 id=7',
			answer => 'rid=early', state => 'truncated',
			forms => 'close', parts => sub {
				$_[1] =~ /(.{10})(.*)/s;
				("$_[0]$1", qr/"early"/, $2)
			}, conf => '%%P%%_request_buffering off;');
	}

	# clients who do not wait

	$add->('gone before the answer', post => '/x?wait', body => $small,
		fires => '', asks => '= id=7 name=ann', partial => 1,
		forms => 'close', parts => sub {
			(join('', @_), $t->waiting(), 'close')
		});
	$add->('gone within the request', post => '/x', body => $small,
		fires => '', asks => '', partial => 1, forms => 'close',
		parts => sub { ("$_[0]\{", 'pause', 'close') });
	$add->('gone within the answer', get => '/x?endless', fires => '200',
		answer => 'rid=e1', of_response => 'truncated', cut => 1,
		partial => 1, forms => 'close', parts => sub {
			($_[0], qr/"list":\[1/, 'close')
		});
	$add->('not gone', post => '/x?wait', body => $small,
		fires => '200 id=7 name=ann', answer => 'rid=waited',
		forms => 'close', parts => sub {
			(join('', @_), $t->waiting(), $t->go())
		});
}

# there is an answer while the request is still examined

$t->add('early, much', post => '/x', body => $huge, asks => '= id=7 name=ann',
	fires => '201 id=7 name=ann', answer => 'rid=r7', conf => <<"EOC");
        location / {
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            $pass{uhttp}
        }
EOC

# cached

$t->add('fastcgi_cache', steps => [
	{ get => '/x?length=100', shows => 'miss' },
	{ get => '/x?length=100', shows => 'hit' },
	{ head => '/x?length=100', of_response => 'none',
		answer => undef },
], fires => '200', answer => 'rid=r7', forms => 'close', conf => <<"EOC");
        location / {
            fastcgi_cache cache;
            fastcgi_cache_key \$host\$request_uri;
            fastcgi_cache_valid 1m;
            add_header X-Cache \$upstream_cache_status;
            $pass{fcgi}
        }
EOC

# memcached

my $memcached = <<'EOC';
        error_page 404 = @application;
        location / {
            set $memcached_key $uri;
            memcached_pass 127.0.0.1:%%PORT_memcached%%;
        }
        location @application { rewrite ^ /y? break; PASS }
EOC

$memcached =~ s/PASS/$pass{uwsgi}/;

my $c = Test::Webhook::try_connect($t->{t}{plain}->port('memcached'));

for (['known', '{"id":"cached"}'],
	['long', '{"id":"cached","x":"' . 'y' x 100_000 . '"}'],
	['empty', ''])
{
	my ($key, $value) = @$_;

	print $c "set /$key 0 0 " . length($value) . "\r\n$value\r\n";
	is(readline $c, "STORED\r\n", "$key is in memcached");
}

close $c;

$t->add('memcached, a hit', get => '/known', fires => '200',
	answer => 'rid=cached', conf => $memcached, h2 => 1);
$t->add('memcached, HEAD', head => '/known', fires => '200',
	conf => $memcached);
$t->add('memcached, much', get => '/long', fires => '200',
	answer => 'rid=cached', conf => $memcached, h2 => 1);
$t->add('memcached, nothing', get => '/empty', fires => '200',
	conf => $memcached);
$t->add('memcached, POST', post => '/known', body => $small, asks => '',
	fires => '405', of_response => 'invalid', conf => $memcached);
$t->add('memcached, a miss', get => '/unknown', fires => '201',
	answer => 'rid=r7', conf => $memcached, h2 => 1);

$t->run();

###############################################################################

# HTTP/1.1 with TLS

sub tls {
	my @cases = grep { $_->{name} =~ /,\ (?:POST|POST\ of\ much|HEAD
		|events|long|204|X-Accel-Redirect|POST\ as\ it\ comes)$/x }
		@{$t->{cases}};

	for my $case (@cases) {
		my @got;
		my $step = { %$case, name => "$case->{name}, TLS" };
		my $request = join '', $t->bytes($step,
			"$case->{host}-close", 1);

		for my $twin (qw/ plain with /) {
			my $nginx = $t->{t}{$twin};
			my $raw = $nginx->http($request, port => 'h2',
				tls => 1, until_close => 1, timeout => 60);

			push @got, $t->norm($twin, $raw, $step);
		}

		Test::Webhook::Twin::same("$step->{name} - the client's octets"
			. ' are the same', $step, @got, length $got[0]);

		my ($fires) = grep {
			($_->{header}{'x-n'} || '') eq $t->{n}
		} Test::Webhook::wait_for(sub {
			grep { ($_->{header}{'x-n'} || '') eq $t->{n} }
				$t->{rx}->requests()
		}, 20) ? $t->{rx}->requests() : ();

		my ($method, $uri) = Test::Webhook::Twin::request($case);
		my ($status, @v) = split / /, $case->{fires};

		push @v, $case->{answer} if $case->{answer};

		$uri =~ s/\?.*//;

		is($fires ? Test::Webhook::Twin::event($fires) : '',
			join(' ', 'seen', $method, $uri, $status, @v,
			'complete=1'), "$step->{name} - what fires");
	}
}

###############################################################################

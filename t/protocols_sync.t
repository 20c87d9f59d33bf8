#!/usr/bin/perl

# Tests of sync=always: responses of all kinds of applications are held for the
# flush, and what the client gets is the same as without the module.

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

$ENV{TEST_TWIN_SYNC} = 'always';

my $t = Test::Webhook::Servers->new(
	servers => [qw/ fcgi uhttp ws /], http => <<'EOC');
    fastcgi_param SCRIPT_FILENAME %%DIR%%/app.cgi;
    fastcgi_param NO_BUFFERING 1;
EOC

my %pass = (
	fcgi => 'fastcgi_pass 127.0.0.1:%%PORT_fcgi%%;',
	ufcgi => 'fastcgi_pass 127.0.0.1:%%PORT_ufcgi%%;',
	uwsgi => 'uwsgi_pass 127.0.0.1:%%PORT_uwsgi%%;',
	scgi => 'scgi_pass 127.0.0.1:%%PORT_scgi%%;',
	uhttp => 'proxy_pass http://127.0.0.1:%%PORT_uhttp%%;',
);

my @post = (body => '{"id":7,"name":"ann"}');
my $in = 'location /in/ { internal; }';

$t->file('in/f.json', '{"id":"file"}');

for my $server (sort keys %pass) {
	my ($p) = $pass{$server} =~ /^(\w+)_pass/;

	for my $how ('', "${p}_buffering off;") {
		my $add = sub {
			my ($name, %o) = @_;

			$t->add("$server, $name" . ($how ? ', unbuffered' : ''),
				chunks => 'any', conf => "$in location / { "
				. "$pass{$server} $how }\n", %o);
		};

		$add->('POST', post => '/x', @post, h2 => 1,
			fires => '201 id=7 name=ann', answer => 'rid=r7');
		$add->('HEAD', head => '/x', fires => '201', h2 => 1);
		$add->('with a length', get => '/x?length=100000',
			fires => '200', answer => 'rid=r7');
		$add->('events', get => '/x?events=500', fires => '200',
			of_response => 'invalid', h2 => 1);
		$add->('empty', get => '/x?empty', fires => '200');
		$add->('204', get => '/x?status=204', fires => '204',
			h2 => 1);
		$add->('304', get => '/x?status=304', fires => '304');
		$add->('redirect', get => '/x?location=http://x/y',
			fires => '302');
		$add->('stderr', post => '/x?stderr', @post,
			fires => '201 id=7 name=ann', answer => 'rid=r7');
		$add->('X-Accel-Redirect', get => '/x?accel=/in/f.json',
			fires => '200', answer => 'rid=file', h2 => 1);
		$add->('cut', get => '/x?cut', fires => '200', cut => 1,
			of_response => 'truncated', answer => 'rid=cut',
			forms => 'close');
		$add->('gone within the answer', get => '/x?endless',
			fires => '200', answer => 'rid=e1', cut => 1,
			of_response => 'truncated', partial => 1,
			forms => 'close', parts => sub {
				($_[0], qr/"list":\[1/, 'close')
			});
	}
}

# 101 is not held

$t->add('WebSocket', get => '/chat', forms => 'close', fires => '101',
	headers => ['Connection: Upgrade', 'Upgrade: websocket',
	'Sec-WebSocket-Version: 13',
	'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='], parts => sub {
		("$_[0]\x89\x82\0\0\0\0hi", qr/\x8a\x02hi/,
		"\x88\x82\0\0\0\0\x03\xe8")
	}, conf => <<'EOC');
        location / {
            proxy_pass http://127.0.0.1:%%PORT_ws%%;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
        }
EOC

$t->run();

###############################################################################

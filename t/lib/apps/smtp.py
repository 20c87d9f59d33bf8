# a server of mail: smtp.py PORT FILE OPTIONS, the last one as JSON; what is
# received is appended to FILE, one line of JSON each
#
#   cert, key         STARTTLS is offered
#   user, password    AUTH is, in the clear too if "clear" is true
#   exclude           ways of AUTH that are not offered
#   script            replies to RCPT TO, one each; "" is that of the server
#   hang              "EHLO" or "DATA" are not answered
#   eight             false: no 8BITMIME

import asyncio
import base64
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


class Handler:
    def __init__(self, options, file):
        self.options = options
        self.file = file
        self.script = list(options.get('script', []))

    def note(self, **what):
        self.file.write(json.dumps(what) + '\n')
        self.file.flush()

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        session.host_name = hostname
        self.note(what='ehlo', name=hostname, tls=session.ssl is not None)

        if self.options.get('hang') == 'EHLO':
            await asyncio.sleep(3600)

        if not self.options.get('eight', True):
            responses = [r for r in responses if '8BITMIME' not in r]

        return responses

    async def handle_RCPT(self, server, session, envelope, address, options):
        reply = self.script.pop(0) if self.script else ''
        self.note(what='rcpt', address=address, reply=reply)

        if reply:
            return reply

        envelope.rcpt_tos.append(address)
        return '250 OK'

    async def handle_DATA(self, server, session, envelope):
        self.note(what='mail', sender=envelope.mail_from,
                  recipients=envelope.rcpt_tos,
                  options=envelope.mail_options,
                  tls=session.ssl is not None,
                  user=session.auth_data or '',
                  content=base64.b64encode(envelope.content).decode())

        if self.options.get('hang') == 'DATA':
            await asyncio.sleep(3600)

        return '250 it is yours no more'


class Server(SMTP):
    # each way of authentication that was used is told

    async def auth_PLAIN(self, *args):
        self.event_handler.note(what='auth', way='PLAIN')
        return await super().auth_PLAIN(*args)

    async def auth_LOGIN(self, *args):
        self.event_handler.note(what='auth', way='LOGIN')
        return await super().auth_LOGIN(*args)


def main():
    port, path, options = int(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
    handler = Handler(options, open(path, 'a'))
    kwargs = {'hostname': 'mx.example.com', 'timeout': 600}

    if 'cert' in options:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options['cert'], options['key'])
        kwargs['tls_context'] = context

    if 'user' in options:
        def check(server, session, envelope, mechanism, data):
            good = (data.login == options['user'].encode()
                    and data.password == options['password'].encode())
            return AuthResult(success=good, handled=False,
                              auth_data=data.login.decode())

        kwargs['authenticator'] = check
        kwargs['auth_required'] = True
        kwargs['auth_require_tls'] = not options.get('clear', False)
        kwargs['auth_exclude_mechanism'] = options.get('exclude', [])

    async def serve():
        server = await asyncio.get_running_loop().create_server(
            lambda: Server(handler, **kwargs), '127.0.0.1', port)
        await server.serve_forever()

    asyncio.run(serve())


main()

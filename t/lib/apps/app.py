# An application by WSGI; the query tells what it does:
#
#	json		JSON of the request with 201, the default
#	length=N	with Content-Length
#	status=N, empty, location=URI, accel=URI
#	early		answers before it reads the body of the request
#	stderr, complain	writes to stderr, with an answer or without
#	cut		less than it has said
#	events=N	server-sent events
#	endless		half of an answer, and more when it may go on
#	wait		no answer until it may go on

import os
import time

dir = os.environ['WEBHOOK_TEST_DIR']


def note(env):
    fd = os.open(dir + '/waits', os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(fd, (env['HTTP_X_N'] + '\n').encode())
    os.close(fd)


def go(env):
    for i in range(2000):
        if os.path.exists(dir + '/go-' + env['HTTP_X_N']):
            break
        time.sleep(0.01)


def application(env, start):
    do, _, arg = (env.get('QUERY_STRING') or 'json').partition('=')

    json = [('Content-Type', 'application/json')]
    stream = [('X-Accel-Buffering', 'no')]
    body = b''

    if not do.startswith('early'):
        while True:
            part = env['wsgi.input'].read(8192)
            if not part:
                break
            body += part

    if do in ('json', 'stderr'):
        if do == 'stderr':
            env['wsgi.errors'].write('complaint of the application\n')
        start('201 Made', json)
        yield ('{"id":"r7","method":"%s","octets":%d,"sum":%d}' % (
            env['REQUEST_METHOD'], len(body), sum(body))).encode()

    elif do == 'length':
        text = '{"id":"r7","x":"' + 'y' * int(arg) + '"}'
        start('200 OK', json + [('Content-Length', str(len(text)))])
        yield text.encode()

    elif do == 'status':
        start(arg + ' Said', json)
        if arg not in ('204', '304'):
            yield b'{"id":"s"}'

    elif do == 'empty':
        start('200 OK', json + [('Content-Length', '0')])

    elif do == 'location':
        start('302 Found', [('Location', arg)])

    elif do == 'early':
        start('413 Early', json)
        yield b'{"id":"early"}'

    elif do == 'accel':
        start('200 OK', json + [('X-Accel-Redirect', arg)])
        yield b'{"id":"hidden"}'

    elif do == 'cut':
        start('200 OK', json + [('Content-Length', '1000')])
        yield b'{"id":"cut","x":"'

    elif do == 'events':
        start('200 OK', [('Content-Type', 'text/event-stream')] + stream)
        for i in range(1, int(arg) + 1):
            yield b'id: %d\r\ndata: {"id": %d}\r\n\r\n' % (i, i)

    elif do == 'endless':
        start('200 OK', json + stream)
        yield b'{"id":"e1","list":[1'
        note(env)
        go(env)
        for i in range(1000):
            yield b',2' * 1000

    elif do == 'wait':
        note(env)
        go(env)
        start('200 OK', json)
        yield b'{"id":"waited"}'

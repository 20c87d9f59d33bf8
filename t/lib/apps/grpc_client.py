# usage: grpc_client.py port CA|- calls
#
# Makes each of the calls, "number name", and prints what came of it.

import hashlib
import sys
import threading

import grpc

port, ca, calls = sys.argv[1], sys.argv[2], sys.argv[3:]

options = (('grpc.max_receive_message_length', -1),
           ('grpc.primary_user_agent', 'test'))

if ca == '-':
    channel = grpc.insecure_channel('localhost:' + port, options)
else:
    with open(ca, 'rb') as f:
        channel = grpc.secure_channel('localhost:' + port,
            grpc.ssl_channel_credentials(f.read()), options)


def show(what):
    if len(what) > 100:
        return '%d octets %s' % (len(what), hashlib.md5(what).hexdigest())
    return repr(what)


def pairs(metadata):
    return sorted((k, v) for k, v in (metadata or ()) if k != 'date')


def call(n, name):
    kind, messages = {
        'echo': ('unary_unary', [b'\0\1hello']),
        'empty': ('unary_unary', [b'']),
        'json': ('unary_unary', [b'{"id":7,"name":"ann"}']),
        'much': ('unary_unary', [bytes(range(256)) * 8000]),
        'fail': ('unary_unary', [b'x']),
        'unknown': ('unary_unary', [b'x']),
        'deadline': ('unary_unary', [b'x']),
        'gone': ('unary_unary', [b'x']),
        'count': ('unary_stream', [b'3']),
        'none': ('unary_stream', [b'0']),
        'many': ('unary_stream', [b'3000']),
        'half': ('unary_stream', [b'5']),
        'endless': ('unary_stream', [b'x']),
        'sum': ('stream_unary', [b'x' * i for i in range(500)]),
        'sum of none': ('stream_unary', []),
        'sum of much': ('stream_unary', [b'x' * 100000] * 20),
        'early': ('stream_unary', None),
        'each': ('stream_stream', [b'%d' % i for i in range(300)]),
        'ping': ('stream_stream', None),
    }[name]

    method = {'empty': 'Echo', 'json': 'Echo', 'much': 'Echo',
              'none': 'Count', 'many': 'Count', 'ping': 'Each',
              'deadline': 'Wait', 'gone': 'Wait', 'early': 'Early',
              'sum of none': 'Sum', 'sum of much': 'Sum'}.get(
                  name, name.capitalize())

    multi = getattr(channel, kind)('/test.Test/' + method)
    metadata = (('x-n', n),)
    timeout = 1 if name == 'deadline' else 30

    if kind.startswith('unary'):
        argument = messages[0]
    elif messages is not None:
        argument = iter(messages)
    else:
        # the next message waits for the answer to the one before

        answered = threading.Semaphore(0)

        def write():
            for i in range(50):
                yield b'ping %d' % i
                answered.acquire()

        argument = write()

    if kind.endswith('unary'):
        rpc = multi.future(argument, timeout, metadata)

        if name == 'gone':
            sys.stdin.readline()
            rpc.cancel()

        got = []
        try:
            got.append(rpc.result())
        except (grpc.RpcError, grpc.FutureCancelledError):
            pass
    else:
        rpc = multi(argument, timeout, metadata)
        got = []
        try:
            for m in rpc:
                got.append(m)
                if name == 'ping':
                    answered.release()
                if name == 'endless' and len(got) == 100:
                    rpc.cancel()
        except grpc.RpcError:
            pass

    if name == 'early':
        for i in range(50):
            answered.release()

    data = b''.join(got)

    if name in ('gone', 'endless', 'deadline'):
        print(n, name, len(got), rpc.code())
    else:
        print(n, name, len(got), show(data), rpc.code(), rpc.details(),
              pairs(rpc.initial_metadata()), pairs(rpc.trailing_metadata()))


for c in calls:
    call(*c.split(' ', 1))

# A gRPC service of Debian's package python3-grpcio.  Messages are octets:
# there is no schema, so none is compiled.

import os
import sys
import time
from concurrent import futures

import grpc

dir = os.environ['WEBHOOK_TEST_DIR']


def note(context):
    n = dict(context.invocation_metadata())['x-n']
    fd = os.open(dir + '/waits', os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(fd, (n + '\n').encode())
    os.close(fd)


def echo(request, context):
    context.send_initial_metadata((('x-initial', 'first'),))
    context.set_trailing_metadata((('x-trailer', 'last'),
                                   ('x-octets-bin', b'\0\xff')))
    return request


def fail(request, context):
    context.set_trailing_metadata((('x-trailer', 'last'),))
    context.abort(grpc.StatusCode.NOT_FOUND, 'there is none: 100%')


def count(request, context):
    for i in range(int(request)):
        yield b'message %d' % i


def half(request, context):
    for i in range(int(request)):
        yield b'message %d' % i
    context.abort(grpc.StatusCode.DATA_LOSS, 'no more')


def total(messages, context):
    return b'%d' % sum(len(m) for m in messages)


def early(messages, context):
    next(messages)
    return b'enough'


def each(messages, context):
    for m in messages:
        yield b'got ' + m


def wait(request, context):
    note(context)
    while context.is_active():
        time.sleep(0.01)


def endless(request, context):
    i = 0
    while context.is_active():
        yield b'message %d' % i
        i += 1


unary = grpc.unary_unary_rpc_method_handler
down = grpc.unary_stream_rpc_method_handler
up = grpc.stream_unary_rpc_method_handler
both = grpc.stream_stream_rpc_method_handler

server = grpc.server(futures.ThreadPoolExecutor(16),
                     options=(('grpc.max_receive_message_length', -1),))

server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(
    'test.Test', {
        'Echo': unary(echo), 'Fail': unary(fail), 'Wait': unary(wait),
        'Count': down(count), 'Half': down(half), 'Endless': down(endless),
        'Sum': up(total), 'Early': up(early), 'Each': both(each)}),))

server.add_insecure_port('127.0.0.1:' + sys.argv[1])
server.start()
server.wait_for_termination()

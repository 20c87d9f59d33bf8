# WebSockets: what comes goes back, "bye" ends it, "many N" gives N messages

import asyncio
import sys

import websockets


async def echo(ws, path=None):
    async for message in ws:
        if message == 'bye':
            await ws.close(1000, 'bye')
        elif isinstance(message, str) and message.startswith('many '):
            for i in range(int(message[5:])):
                await ws.send('message %d' % i)
        else:
            await ws.send(message)


async def main():
    async with websockets.serve(echo, '127.0.0.1', int(sys.argv[1]),
                                compression=None, ping_interval=None):
        await asyncio.Future()

asyncio.run(main())

"""An envelope on its way through two brokers, and back: each ROUTER adds an address, and takes it off the reply.

    python examples/guide/two_brokers.py

The client and the service see nothing of it: a REQ adds the empty frame where the addresses end, and a REP keeps what
is in front of that.
"""

from __future__ import annotations

import asyncio
import contextlib

import aiomq


def text(frame: bytes) -> str:
    return repr(frame.decode()) if frame[:1] != b"\0" else "an address"


async def pass_on(what: str, source: aiomq.Socket, sink: aiomq.Socket) -> None:
    async for message in source:
        print(f"{what}: [{', '.join(map(text, message))}]")
        await sink.send_multipart(message)


def broker(context: aiomq.Context, name: str, front: str, back: str) -> list[asyncio.Task[None]]:
    frontend, backend = context.socket(aiomq.ROUTER), context.socket(aiomq.DEALER)
    frontend.bind(front)
    backend.connect(back)
    return [
        asyncio.create_task(pass_on(f"{name}, request", frontend, backend)),
        asyncio.create_task(pass_on(f"{name}, reply", backend, frontend)),
    ]


async def serve(socket: aiomq.Socket) -> None:
    await socket.send_string((await socket.recv_string()).upper())


async def main() -> None:
    async with aiomq.Context() as context:
        service = context.socket(aiomq.REP)
        service.bind("inproc://service")
        tasks = [
            *broker(context, "broker 2", "inproc://middle", "inproc://service"),
            *broker(context, "broker 1", "inproc://front", "inproc://middle"),
            asyncio.create_task(serve(service)),
        ]
        client = context.socket(aiomq.REQ)
        client.connect("inproc://front")
        await client.send_string("hello")
        print("the client gets", repr(await client.recv_string()))
    await asyncio.gather(*tasks)  # they end with the context


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        aiomq.run(main())

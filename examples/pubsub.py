"""A publisher and two subscribers, each with its own topics.

    python examples/pubsub.py

What is published while nobody is subscribed goes nowhere. This publisher begins when both subscribers are there: it is
an XPUB, which is a PUB that can also receive, namely the subscriptions.
"""

from __future__ import annotations

import asyncio
import contextlib

import aiomq

END = b"end"


async def subscribe(context: aiomq.Context, endpoint: str, name: str, topic: str) -> None:
    async with context.socket(aiomq.SUB) as socket:
        socket.connect(endpoint)
        socket.subscribe(END)
        socket.subscribe(topic)
        async for heading, text in socket:
            if heading == END:
                return
            print(f"{name} reads {heading.decode()}: {text.decode()}")


async def publish(socket: aiomq.Socket) -> None:
    for heading, text in (
        ("weather.oslo", "3 degrees, snow"),
        ("sport", "2:1 after extra time"),
        ("weather.rome", "21 degrees, sun"),
        ("music", "a new song"),
    ):
        await socket.send_multipart([heading.encode(), text.encode()])
    await socket.send_multipart([END, b""])


async def main() -> None:
    async with aiomq.Context() as context, context.socket(aiomq.XPUB) as publisher, asyncio.TaskGroup() as tasks:
        publisher.bind("tcp://127.0.0.1:*")
        for name, topic in (("Ada", "weather."), ("Grace", "sport")):
            tasks.create_task(subscribe(context, publisher.last_endpoint, name, topic))
        expected = {b"\x01weather.", b"\x01sport"}
        while expected:
            expected.discard(await publisher.recv())
        await publish(publisher)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        aiomq.run(main())

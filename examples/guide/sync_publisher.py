"""A common start, the publisher: nothing is sent before every subscriber has said that it hears us.

    python examples/guide/sync_publisher.py [SUBSCRIBERS] [ENDPOINT] [READY]

Then start so many (2) of sync_subscriber.py. A connection being there does not mean that the subscription is. So
greetings are published until each subscriber has heard one, and has told so by a request. sync_start.py is shorter.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

import aiomq

UPDATES = 10_000


async def greet(publisher: aiomq.Socket) -> None:
    while True:
        await publisher.send(b"hello")
        await asyncio.sleep(0.05)


async def main(subscribers: str = "2", endpoint: str = "tcp://*:5561", ready: str = "tcp://*:5562") -> None:
    async with aiomq.Context() as context, context.socket(aiomq.PUB) as publisher, context.socket(aiomq.REP) as service:
        publisher.sndhwm = 0  # whoever is slow gets it all nevertheless
        publisher.bind(endpoint)
        service.bind(ready)
        print("updates at", publisher.last_endpoint)
        print("readiness at", service.last_endpoint)
        greeting = asyncio.create_task(greet(publisher))
        for _ in range(int(subscribers)):
            await service.recv()
            await service.send(b"")
        greeting.cancel()
        for number in range(UPDATES):
            await publisher.send(b"update %d" % number)
        await publisher.send(b"end")
        print(f"published {UPDATES} updates to {subscribers} subscribers")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        aiomq.run(main(*sys.argv[1:]))

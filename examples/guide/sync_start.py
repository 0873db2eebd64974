"""A common start, shorter: the publisher waits until it has its subscribers.

    python examples/guide/sync_start.py

The subscribers need no second socket for it, and may be of any ZeroMQ.
"""

from __future__ import annotations

import asyncio
import contextlib

import aiomq

SUBSCRIBERS = 3
UPDATES = 1000


async def subscribe(context: aiomq.Context, endpoint: str) -> int:
    async with context.socket(aiomq.SUB) as socket:
        socket.connect(endpoint)
        socket.subscribe("")
        count = 0
        while await socket.recv() != b"end":
            count += 1
        return count


async def main() -> None:
    async with aiomq.Context() as context, context.socket(aiomq.PUB) as publisher, asyncio.TaskGroup() as group:
        publisher.sndhwm = 0
        publisher.bind("tcp://127.0.0.1:*")
        counts = [group.create_task(subscribe(context, publisher.last_endpoint)) for _ in range(SUBSCRIBERS)]
        await publisher.wait_subscribed(n=SUBSCRIBERS)
        for number in range(UPDATES):
            await publisher.send(b"update %d" % number)
        await publisher.send(b"end")
        for count in counts:
            print(f"received {await count} updates")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        aiomq.run(main())

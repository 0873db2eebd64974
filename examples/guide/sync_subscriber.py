"""A common start, the subscriber: it tells the publisher that it is there, and misses nothing from then on.

    python examples/guide/sync_subscriber.py [PUBLISHER] [READY]

The publisher is sync_publisher.py.
"""

from __future__ import annotations

import contextlib
import sys

import aiomq


async def main(publisher: str = "tcp://localhost:5561", ready: str = "tcp://localhost:5562") -> None:
    async with aiomq.Context() as context, context.socket(aiomq.SUB) as updates, context.socket(aiomq.REQ) as client:
        updates.rcvhwm = 0
        updates.connect(publisher)
        updates.subscribe("")
        await updates.recv()  # a greeting: the subscription has arrived
        client.connect(ready)
        await client.send(b"")
        await client.recv()
        count = 0
        async for (text,) in updates:
            if text == b"end":
                break
            count += text != b"hello"
        print(f"received {count} updates")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        aiomq.run(main(*sys.argv[1:]))

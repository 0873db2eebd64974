"""A subscriber with a name, which a durable publisher remembers while it is away.

    python examples/guide/durable_subscriber.py [SECONDS] [ENDPOINT] [NAME]

It prints the updates of durable_publisher.py for SECONDS (3) and ends. Start it again: first come the updates that it
has missed. What had been sent to it, and was not read when it ended, is lost; see docs/how-to/durable-sockets.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

import aiomq


async def main(seconds: str = "3", endpoint: str = "tcp://localhost:5565", name: str = "subscriber") -> None:
    async with aiomq.Context() as context, context.socket(aiomq.SUB, routing_id=name.encode()) as subscriber:
        subscriber.subscribe("")
        subscriber.connect(endpoint)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(float(seconds)):
                async for (update,) in subscriber:
                    print(update.decode())


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        aiomq.run(main(*sys.argv[1:]))

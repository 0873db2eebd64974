"""A durable publisher: who goes away and comes back within a minute goes on where it was.

    python examples/guide/durable_publisher.py [COUNT] [ENDPOINT] [INTERVAL] [STORE]

It publishes COUNT (100) updates, one each INTERVAL (0.5) seconds, from when the first subscriber is there. Start
durable_subscriber.py, which soon ends, and again, and again. With STORE, the name of a file, what waits outlives
the publisher as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

import aiomq

AWAY = 60.0
"""Seconds that a subscriber may be away."""


async def main(
    count: str = "100", endpoint: str = "tcp://*:5565", interval: str = "0.5", store: str | None = None
) -> None:
    async with aiomq.Context() as context, context.socket(aiomq.PUB, durable=AWAY) as publisher:
        if store is not None:
            publisher.durable_store = store
        publisher.bind(endpoint)
        print("updates at", publisher.last_endpoint)
        await publisher.wait_subscribed()
        for number in range(int(count)):
            await publisher.send(b"update %d" % number)
            await asyncio.sleep(float(interval))
        for peer in publisher.peers():
            print(peer.routing_id.decode(), "is", peer.state, "with", peer.queued_out, "updates waiting")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        aiomq.run(main(*sys.argv[1:]))

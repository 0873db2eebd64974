"""Envelopes, the publisher: the topic has a frame of its own, and the content may be anything.

    python examples/guide/envelope_publisher.py [ENDPOINT]

Then start envelope_subscriber.py. Ctrl-C ends the publisher.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

import aiomq


async def main(endpoint: str = "tcp://*:5563") -> None:
    async with aiomq.Context() as context, context.socket(aiomq.PUB) as socket:
        socket.bind(endpoint)
        print("publishing at", socket.last_endpoint)
        while True:
            await socket.send_multipart([b"A", b"We do not want to see this"])
            await socket.send_multipart([b"B", b"We would like to see this"])
            await asyncio.sleep(0.1)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        aiomq.run(main(*sys.argv[1:]))

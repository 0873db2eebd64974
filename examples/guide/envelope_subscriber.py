"""Envelopes, the subscriber: it reads what has B on the envelope.

    python examples/guide/envelope_subscriber.py [ENDPOINT]

The publisher is envelope_publisher.py. A topic is compared with the first frame only, as the beginning of it.
"""

from __future__ import annotations

import contextlib
import sys

import aiomq


async def main(endpoint: str = "tcp://localhost:5563") -> None:
    async with aiomq.Context() as context, context.socket(aiomq.SUB) as socket:
        socket.connect(endpoint)
        socket.subscribe("B")
        for _ in range(3):
            topic, text = await socket.recv_multipart()
            print(f"[{topic.decode()}] {text.decode()}")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        aiomq.run(main(*sys.argv[1:]))

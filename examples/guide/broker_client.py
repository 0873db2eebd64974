"""A client of the broker: it asks ten times.

    python examples/guide/broker_client.py [ENDPOINT]

The broker is broker.py, or queue_device.py, or `aiomq proxy queue`.
"""

from __future__ import annotations

import contextlib
import sys

import aiomq


async def main(endpoint: str = "tcp://localhost:5559") -> None:
    async with aiomq.Context() as context, context.socket(aiomq.REQ) as socket:
        socket.connect(endpoint)
        for number in range(10):
            await socket.send_string("Hello")
            print(f"answer {number}: {await socket.recv_string()}")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        aiomq.run(main(*sys.argv[1:]))

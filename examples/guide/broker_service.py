"""A service behind the broker: it connects, and comes and goes as it likes.

    python examples/guide/broker_service.py [ENDPOINT]

The broker is broker.py, or queue_device.py, or `aiomq proxy queue`. Ctrl-C ends the service.
"""

from __future__ import annotations

import contextlib
import sys

import aiomq


async def main(endpoint: str = "tcp://localhost:5560") -> None:
    async with aiomq.Context() as context, context.socket(aiomq.REP) as socket:
        socket.connect(endpoint)
        while True:
            print("asked:", await socket.recv_string())
            await socket.send_string("World")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        aiomq.run(main(*sys.argv[1:]))

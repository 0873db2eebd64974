"""Weather, the server: it publishes reports for a thousand postal codes, to whoever wants them.

    python examples/guide/weather_server.py [ENDPOINT]

Then start any number of weather_client.py. Ctrl-C ends the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys

import aiomq


def report() -> bytes:
    return b"%d %d %d" % (random.randrange(10_000, 11_000), random.randrange(-20, 40), random.randrange(10, 90))


async def main(endpoint: str = "tcp://*:5556") -> None:
    async with aiomq.Context() as context, context.socket(aiomq.PUB) as socket:
        socket.bind(endpoint)
        print("publishing at", socket.last_endpoint)
        while True:
            for _ in range(1000):
                await socket.send(report())  # one that nobody has subscribed to goes nowhere
            await asyncio.sleep(0.05)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        aiomq.run(main(*sys.argv[1:]))

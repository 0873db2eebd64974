"""Weather for another network: it passes subscriptions up to the server, and reports down to the clients.

    python examples/guide/weather_proxy.py [SERVER] [ENDPOINT]

    python examples/guide/weather_client.py 10001 tcp://localhost:8100

takes the reports from here. The server, weather_server.py, sends what somebody here has subscribed to, and once only.
"""

from __future__ import annotations

import contextlib
import sys

import aiomq


async def main(server: str = "tcp://localhost:5556", endpoint: str = "tcp://*:8100") -> None:
    async with (
        aiomq.Context() as context,
        context.socket(aiomq.XSUB) as frontend,
        context.socket(aiomq.XPUB) as backend,
    ):
        frontend.connect(server)
        backend.bind(endpoint)
        print("publishing at", backend.last_endpoint)
        await aiomq.proxy(frontend, backend)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        aiomq.run(main(*sys.argv[1:]))

"""Weather, the client: it collects the reports for one postal code, and prints their average.

    python examples/guide/weather_client.py [POSTAL_CODE] [ENDPOINT]

The server is weather_server.py, or a weather_proxy.py before it.
"""

from __future__ import annotations

import contextlib
import sys

import aiomq

REPORTS = 10


async def main(postal_code: str = "10001", endpoint: str = "tcp://localhost:5556") -> None:
    async with aiomq.Context() as context, context.socket(aiomq.SUB) as socket:
        socket.subscribe(f"{postal_code} ")  # without a subscription nothing comes
        socket.connect(endpoint)
        total = 0
        for _ in range(REPORTS):
            _, temperature, _ = (await socket.recv_string()).split()
            total += int(temperature)
        print(f"average temperature at {postal_code}: {total / REPORTS:.1f} degrees")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        aiomq.run(main(*sys.argv[1:]))

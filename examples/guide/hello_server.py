"""Hello World, the server: it answers whoever asks.

    python examples/guide/hello_server.py [ENDPOINT]

Then start hello_client.py, as often as you like. Ctrl-C ends the server.
"""

from __future__ import annotations

import contextlib
import sys

import aiomq


async def main(endpoint: str = "tcp://*:5555") -> None:
    async with aiomq.Context() as context, context.socket(aiomq.REP) as socket:
        socket.bind(endpoint)
        print("answering at", socket.last_endpoint)
        while True:
            print("asked:", await socket.recv_string())
            await socket.send_string("World")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        aiomq.run(main(*sys.argv[1:]))

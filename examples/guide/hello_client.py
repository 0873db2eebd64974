"""Hello World, the client: it asks ten times, and waits for each answer.

    python examples/guide/hello_client.py [ENDPOINT]

The server is hello_server.py, or threaded_service.py; it may be started later.
"""

from __future__ import annotations

import contextlib
import sys

import aiomq


async def main(endpoint: str = "tcp://localhost:5555") -> None:
    async with aiomq.Context() as context, context.socket(aiomq.REQ) as socket:
        socket.connect(endpoint)
        for number in range(10):
            await socket.send_string("Hello")
            print(f"answer {number}: {await socket.recv_string()}")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        aiomq.run(main(*sys.argv[1:]))

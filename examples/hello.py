"""A client asks, a server answers: request-reply over tcp.

    python examples/hello.py

Both ends are tasks of one program here. They would be the same in two programs, or on two machines: only the endpoint
connects them.
"""

from __future__ import annotations

import asyncio
import contextlib

import aiomq


async def serve(socket: aiomq.Socket) -> None:
    while True:
        name = await socket.recv_string()
        await socket.send_string(f"Hello {name}")


async def ask(socket: aiomq.Socket) -> None:
    for name in ("Ada", "Grace", "Barbara"):
        await socket.send_string(name)
        print(await socket.recv_string())


async def main() -> None:
    async with aiomq.Context() as context, context.socket(aiomq.REP) as server, context.socket(aiomq.REQ) as client:
        server.bind("tcp://127.0.0.1:*")
        client.connect(server.last_endpoint)
        serving = asyncio.create_task(serve(server))
        await ask(client)
        serving.cancel()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        aiomq.run(main())

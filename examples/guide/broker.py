"""A broker for requests: clients connect to one side, services to the other, and neither has to know the other.

    python examples/guide/broker.py [FRONTEND] [BACKEND]

Then start broker_client.py and broker_service.py, any number of each. A ROUTER notes where a request came from in a
frame that it puts in front, and takes that frame off the reply; a DEALER deals out the requests. Ctrl-C ends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

import aiomq


async def pass_on(source: aiomq.Socket, sink: aiomq.Socket) -> None:
    async for message in source:
        await sink.send_multipart(message)


async def main(front: str = "tcp://*:5559", back: str = "tcp://*:5560") -> None:
    async with (
        aiomq.Context() as context,
        context.socket(aiomq.ROUTER) as frontend,
        context.socket(aiomq.DEALER) as backend,
        asyncio.TaskGroup() as tasks,
    ):
        frontend.bind(front)
        backend.bind(back)
        print("clients at", frontend.last_endpoint)
        print("services at", backend.last_endpoint)
        tasks.create_task(pass_on(frontend, backend))
        tasks.create_task(pass_on(backend, frontend))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        aiomq.run(main(*sys.argv[1:]))

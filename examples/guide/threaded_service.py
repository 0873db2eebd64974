"""A service with five threads: a ROUTER to the world, a DEALER to the workers, a proxy in between.

    python examples/guide/threaded_service.py [ENDPOINT]

Then start hello_client.py, as often as you like. Each thread has an event loop and a socket of its own; what they share
is the context. Ctrl-C ends the service.
"""

from __future__ import annotations

import contextlib
import sys
import threading

import aiomq

WORKERS = 5


async def work(context: aiomq.Context) -> None:
    async with context.socket(aiomq.REP) as socket:
        socket.connect("inproc://workers")
        async for (question,) in socket:
            print(f"{threading.current_thread().name} was asked: {question.decode()}")
            await socket.send_string("World")


async def main(endpoint: str = "tcp://*:5555") -> None:
    async with (
        aiomq.Context() as context,
        context.socket(aiomq.ROUTER) as clients,
        context.socket(aiomq.DEALER) as workers,
        contextlib.AsyncExitStack() as threads,
    ):
        clients.bind(endpoint)
        workers.bind("inproc://workers")
        for _ in range(WORKERS):
            await threads.enter_async_context(aiomq.run_in_thread(work, context))
        print("answering at", clients.last_endpoint)
        await aiomq.proxy(clients, workers)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        aiomq.run(main(*sys.argv[1:]))

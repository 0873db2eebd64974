"""Custom routing, ROUTER to REQ: whoever has been idle for longest gets the next task.

    python examples/guide/router_to_req.py

A worker asks for work when it has nothing to do, so the ROUTER only answers. What it sends to a REQ, or gets from one,
has an empty frame between the address and the content.
"""

from __future__ import annotations

import asyncio
import contextlib
import random

import aiomq

WORKERS = 10
TASKS = WORKERS * 5


async def work(context: aiomq.Context) -> int:
    async with context.socket(aiomq.REQ) as socket:
        socket.connect("inproc://workers")
        count = 0
        while True:
            await socket.send(b"ready")
            if await socket.recv() == b"end":
                return count
            count += 1
            await asyncio.sleep(random.random() / 1000)  # hard work


async def main() -> None:
    async with aiomq.Context() as context, context.socket(aiomq.ROUTER) as client:
        client.bind("inproc://workers")
        workers = [asyncio.create_task(work(context)) for _ in range(WORKERS)]
        for number in range(TASKS + WORKERS):
            address, empty, _ = await client.recv_multipart()
            await client.send_multipart([address, empty, b"a task" if number < TASKS else b"end"])
        counts = [await worker for worker in workers]
        print(f"{WORKERS} workers did {sum(counts)} tasks: {', '.join(map(str, counts))}")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        aiomq.run(main())

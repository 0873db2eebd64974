"""Custom routing, ROUTER to DEALER: the sender chooses who gets a message.

    python examples/guide/router_to_dealer.py

Worker A gets two thirds of the work, and worker B the rest: what no socket type does by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import random

import aiomq

TASKS = 30


async def work(context: aiomq.Context, name: str) -> int:
    async with context.socket(aiomq.DEALER, routing_id=name.encode()) as socket:
        socket.connect("inproc://workers")
        count = 0
        while await socket.recv() != b"end":
            count += 1
        return count


async def main() -> None:
    async with aiomq.Context() as context, context.socket(aiomq.ROUTER, router_mandatory=1) as client:
        client.bind("inproc://workers")
        workers = {name: asyncio.create_task(work(context, name)) for name in "AB"}
        await client.wait_connected(len(workers))  # a ROUTER can't queue for somebody it does not know
        for _ in range(TASKS):
            name = random.choice("AAB")
            await client.send_multipart([name.encode(), b"a task"])
        for name, worker in workers.items():
            await client.send_multipart([name.encode(), b"end"])
            print(f"{name} did {await worker} tasks")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        aiomq.run(main())

"""Parallel tasks, the worker: it does one task after the other, and tells the sink.

    python examples/guide/worker.py [TASKS] [SINK]

The tasks come from ventilator.py. Start several of these. Ctrl-C ends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

import aiomq


async def main(tasks: str = "tcp://localhost:5557", sink: str = "tcp://localhost:5558") -> None:
    async with aiomq.Context() as context, context.socket(aiomq.PULL) as inlet, context.socket(aiomq.PUSH) as outlet:
        inlet.connect(tasks)
        outlet.connect(sink)
        while True:
            cost = await inlet.recv_json()
            await asyncio.sleep(cost / 1000)  # hard work
            print(f"worked {cost} ms")
            await outlet.send(b"")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        aiomq.run(main(*sys.argv[1:]))

"""Parallel tasks, the sink: it counts the results of a batch, and tells how long that took.

    python examples/guide/sink.py [ENDPOINT]

Start it before ventilator.py, which says how many results to wait for.
"""

from __future__ import annotations

import contextlib
import math
import sys
import time

import aiomq


async def main(endpoint: str = "tcp://*:5558") -> None:
    async with aiomq.Context() as context, context.socket(aiomq.PULL) as socket:
        socket.bind(endpoint)
        print("results at", socket.last_endpoint)
        begin, done = 0.0, 0
        size = math.inf  # of the batch: what the ventilator says of it may come after the first results
        while done < size:
            message = await socket.recv()
            if not begin:
                begin = time.perf_counter()
            if message:
                size = int(message)
            else:
                done += 1
        print(f"{done} results after {(time.perf_counter() - begin) * 1000:.0f} ms")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        aiomq.run(main(*sys.argv[1:]))

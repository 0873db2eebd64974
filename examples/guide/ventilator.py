"""Parallel tasks, the ventilator: it deals a hundred tasks out to the workers.

    python examples/guide/ventilator.py [WORKERS] [ENDPOINT] [SINK]

Start sink.py and as many worker.py as you say here; the first of them to connect would get all tasks, so it waits until
so many (1) are there. A task is the number of milliseconds that it takes.
"""

from __future__ import annotations

import contextlib
import random
import sys

import aiomq

TASKS = 100


async def main(workers: str = "1", endpoint: str = "tcp://*:5557", sink: str = "tcp://localhost:5558") -> None:
    async with aiomq.Context() as context, context.socket(aiomq.PUSH) as tasks, context.socket(aiomq.PUSH) as start:
        tasks.bind(endpoint)
        print("tasks at", tasks.last_endpoint)
        await tasks.wait_connected(int(workers))
        start.connect(sink)
        await start.send_json(TASKS)  # the batch begins: so many results will come
        costs = [random.randint(1, 10) for _ in range(TASKS)]
        for cost in costs:
            await tasks.send_json(cost)
        print(f"dealt out {TASKS} tasks of {sum(costs)} ms in all")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        aiomq.run(main(*sys.argv[1:]))

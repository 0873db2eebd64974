"""Work dealt out to processes, and the results collected: a pipeline that uses several cores.

    python examples/pipeline.py

counts primes with two workers. They are told two endpoints and no more, so they might as well be on other machines.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

import aiomq

WORKERS = 2
STEP = 10_000
STEPS = 20


def primes_between(start: int, stop: int) -> int:
    return sum(all(number % divisor for divisor in range(2, int(number**0.5) + 1)) for number in range(start, stop))


async def work(tasks: str, results: str) -> None:
    async with aiomq.Context() as context, context.socket(aiomq.PULL) as inlet, context.socket(aiomq.PUSH) as outlet:
        inlet.connect(tasks)
        outlet.connect(results)
        await outlet.send_json("ready")
        while True:
            start, stop = await inlet.recv_json()
            await outlet.send_json([start, stop, primes_between(start, stop)])


async def deal_out(outlet: aiomq.Socket) -> None:
    for start in range(2, 2 + STEPS * STEP, STEP):
        await outlet.send_json([start, start + STEP])


async def keep_worker(*endpoints: str) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, __file__, "worker", *endpoints)
    try:
        raise RuntimeError(f"a worker ended with status {await process.wait()}")
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def main() -> None:
    async with (
        aiomq.Context() as context,
        context.socket(aiomq.PUSH) as outlet,
        context.socket(aiomq.PULL) as inlet,
        asyncio.TaskGroup() as group,
    ):
        outlet.bind("tcp://127.0.0.1:*")
        inlet.bind("tcp://127.0.0.1:*")
        endpoints = (outlet.last_endpoint, inlet.last_endpoint)
        workers = [group.create_task(keep_worker(*endpoints)) for _ in range(WORKERS)]
        for _ in workers:
            await inlet.recv_json()  # "ready": tasks are dealt in turn to the workers that are there
        group.create_task(deal_out(outlet))
        total = 0
        for _ in range(STEPS):
            start, stop, count = await inlet.recv_json()
            print(f"{count} primes from {start} to {stop - 1}")
            total += count
        print(f"{total} in all")
        for worker in workers:
            worker.cancel()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        aiomq.run(work(*sys.argv[2:]) if sys.argv[1:2] == ["worker"] else main())

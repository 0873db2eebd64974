"""Signals between threads: the third step waits for the second, and that for the first, by PAIR sockets.

    python examples/guide/relay.py

Each step binds before it starts the one that connects to it, and a signal is a message without content.
"""

from __future__ import annotations

import contextlib

import aiomq


async def step_1(context: aiomq.Context) -> None:
    async with context.socket(aiomq.PAIR) as next_step:
        next_step.connect("inproc://step2")
        print("step 1 is ready, and signals step 2")
        await next_step.send(b"")


async def step_2(context: aiomq.Context) -> None:
    async with context.socket(aiomq.PAIR) as receiver, context.socket(aiomq.PAIR) as next_step:
        receiver.bind("inproc://step2")
        first = aiomq.run_in_thread(step_1, context)
        await receiver.recv()
        next_step.connect("inproc://step3")
        print("step 2 is ready, and signals step 3")
        await next_step.send(b"")
        await first.join()


async def main() -> None:
    async with aiomq.Context() as context, context.socket(aiomq.PAIR) as receiver:
        receiver.bind("inproc://step3")
        second = aiomq.run_in_thread(step_2, context)
        await receiver.recv()
        await second.join()
        print("step 3 has the signal")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        aiomq.run(main())

"""The second process of `aiomq demo`: it answers, publishes, works, and at last sends as fast as it can.

It is started with the endpoints that the first process has bound, one for each part, and the seconds of the last one.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from typing import Final

from aiomq.constants import PULL, PUSH, REP, XPUB
from aiomq.context import Context
from aiomq.runner import run

__all__ = ["NEWS", "SMALL", "peer"]

NEWS: Final = ("weather.oslo 3 degrees, snow", "sport 2:1", "weather.rome 21 degrees, sun", "music a new song")
SMALL: Final = b"sixteen bytes..."
"""What is sent as fast as possible."""

_DEADLINE: Final = 30.0
"""Seconds after which this process ends by itself, should the first one have been killed."""

_SENDS_PER_LOOK: Final = 256
"""Messages between two looks at the clock."""


async def peer(endpoints: Sequence[str], seconds: float) -> None:
    """Do this process's half of every part, in order."""
    requests, news, tasks, results, flood = endpoints
    async with asyncio.timeout(_DEADLINE), Context() as context:
        await _answer(context, requests)
        await _publish(context, news)
        await _work(context, tasks, results)
        await _flood(context, flood, seconds)


async def _answer(context: Context, requests: str) -> None:
    async with context.socket(REP) as socket:
        socket.connect(requests)
        while name := await socket.recv_string():
            await socket.send_string(f"Hello {name}, this is process {os.getpid()}")
        await socket.send_string("Goodbye")


async def _publish(context: Context, news: str) -> None:
    async with context.socket(XPUB) as socket:  # a PUB that is told of subscriptions
        socket.connect(news)
        await socket.recv()
        for text in NEWS:
            await socket.send_string(text)


async def _work(context: Context, tasks: str, results: str) -> None:
    async with context.socket(PULL) as inlet, context.socket(PUSH) as outlet:
        inlet.connect(tasks)
        outlet.connect(results)
        while number := await inlet.recv_json():
            await outlet.send_json([number, number**2])


async def _flood(context: Context, flood: str, seconds: float) -> None:
    async with context.socket(PUSH) as socket:
        socket.connect(flood)
        await socket.send(b"begin")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for _ in range(_SENDS_PER_LOOK):
                await socket.send(SMALL)
        await socket.send(b"end")


if __name__ == "__main__":
    *endpoints, duration = sys.argv[1:]
    run(peer(endpoints, float(duration)))

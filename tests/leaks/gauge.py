"""What a program holds, measured: memory, descriptors and tasks, before and after much work."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from tests.sockets.links import turns

__all__ = ["ROUNDS", "SOAK", "flat", "many"]

log = logging.getLogger("tests.leaks")

SOAK: Final = os.environ.get("AIOMQ_SOAK") == "1"
"""Whether to do all of it: a million messages, ten thousand reconnections."""

ROUNDS: Final = 5

_BLOCKS: Final = 300
"""How many more blocks of memory there may be in the end: caches of the interpreter and of the loop breathe a bit.

One block for each message, or a few for each connection, would be more than that also in the short run.
"""

_RSS_KIB: Final = 8 * 1024
"""How much larger the process may be in the end."""

_DESCRIPTORS: Final = "/proc/self/fd"


def many(short: int, full: int) -> int:
    """Return how often to do something: for some seconds, or for the soak test."""
    return full if SOAK else short


@dataclass(frozen=True)
class Gauge:
    """What there is now."""

    blocks: int
    rss_kib: int
    descriptors: int
    tasks: int

    @classmethod
    async def read(cls) -> Gauge:
        """Let what has ended go, and look."""
        await turns(20)
        gc.collect()
        await turns(2)
        gc.collect()
        return cls(sys.getallocatedblocks(), _rss_kib(), _open_files(), len(asyncio.all_tasks()))


def _open_files() -> int:
    try:
        return len(os.listdir(_DESCRIPTORS))
    except FileNotFoundError:
        return 0


def _rss_kib() -> int:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = int(file.read().split()[1])
    except FileNotFoundError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


async def flat(work: Callable[[int], Awaitable[object]], count: int, *, under_way: int = 0) -> None:
    """Do some work so often, in rounds, and check that nothing has grown since the first of them.

    Args:
        work: does it as often as it is told.
        count: how often in all, after two rounds to warm up.
        under_way: how many descriptors come and go by themselves, so that the one look may see them and the other not.
    """
    share = max(count // ROUNDS, 1)
    for _ in range(2):
        await work(share)
    before = await Gauge.read()
    for _ in range(ROUNDS):
        await work(share)
    after = await Gauge.read()
    log.info(
        "%d times: blocks %+d, RSS %+d KiB",
        share * ROUNDS,
        after.blocks - before.blocks,
        after.rss_kib - before.rss_kib,
    )
    assert abs(after.descriptors - before.descriptors) <= under_way
    assert after.tasks == before.tasks
    assert after.blocks - before.blocks < _BLOCKS, f"of {share * ROUNDS} times something stays: {before} {after}"
    assert after.rss_kib - before.rss_kib < _RSS_KIB, f"{before} {after}"

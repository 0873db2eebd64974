"""Waiting for closed sockets to send what they hold."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection
from typing import Final

from aiomq.core import SocketCore

__all__ = ["wait_finished"]

_SLACK: Final = 1.0
"""Seconds between the end of a LINGER and the end of the wait for it."""

_LOOK: Final = 0.05
"""Seconds between two looks whether the loops of other threads still exist: they end without a word."""

_SLICE: Final = 0.25
"""Seconds that are waited at a time: what a loop that stands still takes longer is not held against the sockets."""


async def wait_finished(cores: Collection[SocketCore], grace: float) -> list[SocketCore]:
    """Wait until closed sockets are finished, for as long as they make progress.

    Args:
        cores: the sockets, of this loop or of others; each is bounded by its own LINGER as well.
        grace: seconds after which sockets whose queues did not change are waited for no longer; a socket with a
            longer LINGER has that time.

    Returns:
        Those that were given up.

    Cancellation: nothing changes; they go on in the background.
    """
    loop = asyncio.get_running_loop()
    changed = asyncio.Event()

    def tell() -> None:
        with contextlib.suppress(RuntimeError):  # this loop was closed meanwhile: nobody waits any longer
            loop.call_soon_threadsafe(changed.set)

    for core in cores:
        core.finished_callbacks.append(tell)
    try:
        while waiting := [core for core in cores if not core.finished]:
            before = [core.queued() for core in waiting]
            changed.clear()
            seconds = max(grace, *(_patience(core) for core in waiting))
            if not await _happens(changed, seconds, waiting) and before == [core.queued() for core in waiting]:
                return waiting
        return []
    finally:
        for core in cores:
            core.finished_callbacks.remove(tell)


async def _happens(changed: asyncio.Event, seconds: float, waiting: Collection[SocketCore]) -> bool:
    """Wait for an event, for so long at most; return whether it came.

    Time in which this loop got no turn, for the machine is busy or the program was stopped, is not counted: nothing
    could move in it. A loop in another thread may be closed meanwhile, and then finishes nothing: its sockets are given
    up.
    """
    loop = asyncio.get_running_loop()
    elsewhere = [core for core in waiting if core.thread is not None and core.loop is not loop]
    left = seconds
    while not changed.is_set():
        if left <= 0:
            return False
        waited = min(left, _LOOK if elsewhere else _SLICE)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(waited):
                await changed.wait()
        left -= waited
        for core in elsewhere:
            if not core.finished and core.loop.is_closed():
                core.abandon()
    return True


def _patience(core: SocketCore) -> float:
    """Return the seconds that a socket must get: its LINGER, at whose end it drops by itself what it holds."""
    seconds = core.linger_seconds
    return 0 if seconds is None else seconds + _SLACK

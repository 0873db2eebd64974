"""Waiting for closed sockets to send what they hold."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection

from aiomq.core import SocketCore

__all__ = ["wait_finished"]


async def wait_finished(cores: Collection[SocketCore], grace: float) -> list[SocketCore]:
    """Wait until closed sockets are finished, for as long as they make progress.

    Args:
        cores: the sockets, of this loop or of others; each is bounded by its own LINGER as well.
        grace: seconds after which sockets whose queues did not change are waited for no longer.

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
            try:
                async with asyncio.timeout(grace):
                    await changed.wait()
            except TimeoutError:
                if before == [core.queued() for core in waiting]:
                    return waiting
        return []
    finally:
        for core in cores:
            core.finished_callbacks.remove(tell)

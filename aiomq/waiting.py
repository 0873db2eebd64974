"""Waiting until somebody is there: for connections, and for subscribers."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable

from aiomq.core import SocketCore
from aiomq.errors import ZMQError

__all__ = ["wait_connected", "wait_subscribed"]


async def wait_connected(core: SocketCore, n: int) -> None:
    """Wait until `n` peers are connected; see `Socket.wait_connected`."""
    await _wait(core, lambda: sum(peer.state == "connected" for peer in core.peers), n)


async def wait_subscribed(core: SocketCore, topic: bytes, n: int) -> None:
    """Wait until `n` peers are subscribed; see `Socket.wait_subscribed`."""
    core.check_open()
    core.pattern.subscribers(topic)  # raises for a type that has none
    await _wait(core, lambda: core.pattern.subscribers(topic), n)


async def _wait(core: SocketCore, count: Callable[[], int], n: int) -> None:
    """Look at every change until there are enough.

    Cancellation: the future goes, and nothing else was changed.
    """
    if n < 1:
        raise ZMQError(errno.EINVAL, f"n is 1 or more, not {n}")
    core.enter()
    while count() < n:
        watcher: asyncio.Future[None] = core.loop.create_future()
        core.watchers.append(watcher)
        try:
            await watcher
        finally:
            if watcher in core.watchers:
                core.watchers.remove(watcher)
        core.check_open()

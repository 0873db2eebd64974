"""Waiting until somebody is there: for connections, and for subscribers."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from typing import Final

from aiomq.core import SocketCore
from aiomq.errors import ZMQError

__all__ = ["settle", "wait_connected", "wait_subscribed"]

SETTLE_SECONDS: Final = 0.1
"""So long a first message waits at most for handshakes that go on: a stranger must not hold it up for longer."""

_QUIET_TURNS: Final = 8
"""After so many turns in which nobody was in a handshake there is nobody who has been waiting."""

_PAUSE: Final = 0.001
"""Seconds between two looks at those who are in a handshake, and for what they say at once after it: topics."""


async def wait_connected(core: SocketCore, n: int) -> None:
    """Wait until `n` peers are connected; see `Socket.wait_connected`."""
    await _wait(core, lambda: sum(peer.state == "connected" for peer in core.peers), n)


async def wait_subscribed(core: SocketCore, topic: bytes, n: int) -> None:
    """Wait until `n` peers are subscribed; see `Socket.wait_subscribed`."""
    core.check_open()
    core.pattern.subscribers(topic)  # raises for a type that has none
    await _wait(core, lambda: core.pattern.subscribers(topic), n)


async def settle(core: SocketCore) -> None:
    """Let in who has been waiting for a socket that was bound before there was a loop, before its first message.

    With libzmq, whose threads accept from the bind on, they would have been there long ago; a PUB or a ROUTER would
    send that message to nobody. SNDTIMEO bounds it too.

    Cancellation: nothing was sent; the next send does it again.
    """
    loop = core.loop
    sndtimeo = core.options.sndtimeo
    deadline = loop.time() + (SETTLE_SECONDS if sndtimeo < 0 else min(SETTLE_SECONDS, sndtimeo / 1000))
    quiet, pause = 0, 0.0
    while quiet < _QUIET_TURNS and loop.time() < deadline:
        is_busy = any(endpoint.is_busy() for endpoint in tuple(core.endpoints.values()))
        quiet = 0 if is_busy else quiet + 1
        pause = _PAUSE if is_busy else pause
        await asyncio.sleep(pause)
        core.check_open()
    core.newly_begun = False


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

"""Telling a tornado loop when a socket is ready, wherever the socket lives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from tornado.ioloop import IOLoop

from aiomq.compat.zmq.constants import PollEvent
from aiomq.compat.zmq.error import ZMQError
from aiomq.compat.zmq.sugar.io_thread import IoThread
from aiomq.poller import wait_ready

__all__ = ["Watch"]


class Watch:
    """Waits for one socket at a time of readiness: it tells once, and is then set again.

    Args:
        socket: a plain socket.
        io_loop: whom to tell.
        tell: what to call there.
    """

    def __init__(self, socket: Any, io_loop: IOLoop, tell: Callable[[], Any]) -> None:
        self._inner = socket._inner
        self._home: IoThread | None = socket._home
        self._io_loop = io_loop
        self._tell = tell
        self._task: asyncio.Task[None] | None = None
        self._events = PollEvent(0)

    def set(self, events: int) -> None:
        """Wait for these from now on, and no longer for others; may be called from any thread."""
        if self._home is None:
            self._io_loop.add_callback(self._begin, events)
        elif not self._home.loop.is_closed():
            self._home.loop.call_soon_threadsafe(self._begin, events)

    def _begin(self, events: int) -> None:
        if self._task is not None and not self._task.done():
            if events == self._events:
                return
            self._task.cancel()
        self._events = PollEvent(events)
        self._task = asyncio.get_running_loop().create_task(self._wait(self._events)) if events else None

    async def _wait(self, events: PollEvent) -> None:
        try:
            await wait_ready([(self._inner, events)], None)
        except ZMQError:  # the socket was closed, or its context terminated: who is told will see
            self._events = PollEvent(0)
        if self._home is None:
            self._tell()
        else:
            self._io_loop.add_callback(self._tell)

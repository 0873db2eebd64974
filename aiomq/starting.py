"""Sockets that were bound or connected before an event loop ran, and what starts them.

Nothing accepts, connects or is joined without a loop. With libzmq its own threads do that at once; so the first loop in
which a context is used, in the thread of the binds and connects, takes care of all of them, and not only of the socket
that happens to be used first: who waits for one side may never touch the other.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from typing import Protocol

__all__ = ["Startable", "Unstarted"]


class Startable(Protocol):
    """A socket, as it is kept here."""

    def start_in(self, loop: asyncio.AbstractEventLoop) -> None:
        """Belong to a loop from now on, and begin, unless it belongs to one already."""


class Unstarted:
    """The sockets of one context that wait for a loop, in the order of their first bind or connect."""

    __slots__ = ("_loops", "_waiting", "lock")

    def __init__(self) -> None:
        self._waiting: dict[Startable, threading.Thread] = {}
        # The thread itself, and not its number, which goes to another thread later.
        self._loops: weakref.WeakKeyDictionary[threading.Thread, weakref.ref[asyncio.AbstractEventLoop]]
        self._loops = weakref.WeakKeyDictionary()
        self.lock = threading.Lock()
        """Whoever gives a socket its loop holds it: two threads may want to at the same time."""

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, socket: Startable) -> None:
        """A socket was bound or connected in this thread, and has no loop."""
        here = threading.current_thread()
        self._waiting[socket] = here
        known = self._loops.get(here)
        loop = None if known is None else known()
        if loop is not None and not loop.is_closed():  # it stands still, and may run again
            loop.call_soon(self.start)

    def discard(self, socket: Startable) -> None:
        """A socket has a loop now, or waits for none any longer."""
        self._waiting.pop(socket, None)

    def started(self, loop: asyncio.AbstractEventLoop) -> None:
        """A socket of the context is used in a loop for the first time: start those of this thread that wait."""
        self._loops[threading.current_thread()] = weakref.ref(loop)
        if self._waiting:
            self._start(loop)

    def start(self) -> None:
        """The context is used: start those of this thread that wait, if a loop runs here."""
        if not self._waiting:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self.started(loop)

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        here = threading.current_thread()
        for socket in [each for each, thread in tuple(self._waiting.items()) if thread is here]:
            if self._waiting.pop(socket, None) is not None:  # it may be started already, by the start of another
                socket.start_in(loop)

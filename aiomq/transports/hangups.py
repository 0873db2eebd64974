"""Connections that are not read, and whose other side has gone: no read tells of it, so the system is asked.

One timer for a loop looks after all of them. Where the system does not tell, which is Windows, such a connection is
noticed when it is read again, or written to.
"""

from __future__ import annotations

import asyncio
import select
import weakref
from typing import Any, Final, Protocol

__all__ = ["PERIOD", "Hangups", "Paused", "hangups_of"]

PERIOD: Final = 1.0
"""Seconds between two looks."""

_EVENTS: Final = getattr(select, "POLLRDHUP", 0)
"""POLLHUP and POLLERR are told in any case."""


class Paused(Protocol):
    """A connection that is not read."""

    fd: int

    def hung_up(self) -> None:
        """The other side has gone."""


class Hangups:
    """The connections of one loop that are not read."""

    __slots__ = ("_loop", "_paused", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self._paused: dict[Paused, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, connection: Paused) -> None:
        """Tell this connection if the other side goes."""
        self._paused[connection] = None
        loop = self._loop()
        if self._timer is None and loop is not None and not loop.is_closed():
            self._timer = loop.call_later(PERIOD, self._due)

    def forget(self, connection: Paused) -> None:
        """It is read again, or over."""
        self._paused.pop(connection, None)

    def _due(self) -> None:
        self._timer = None
        loop = self._loop()
        if self._paused and loop is not None:
            self._timer = loop.call_later(PERIOD, self._due)
            self.look()

    def look(self) -> None:
        """Find out now who has gone."""
        gone = _hung_up([connection.fd for connection in self._paused])
        for connection in [each for each in self._paused if each.fd in gone]:
            connection.hung_up()


def _hung_up(descriptors: list[int]) -> frozenset[int]:
    """Return those of these whose other side has gone."""
    if not hasattr(select, "poll"):
        return frozenset()
    poll: Any = select.poll()  # the type is not there on every platform
    for descriptor in descriptors:
        if descriptor >= 0:
            poll.register(descriptor, _EVENTS)
    return frozenset(descriptor for descriptor, _ in poll.poll(0))


_of_loops: Final[weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Hangups]] = weakref.WeakKeyDictionary()


def hangups_of(loop: asyncio.AbstractEventLoop) -> Hangups:
    """Return those of a loop."""
    hangups = _of_loops.get(loop)
    if hangups is None:
        hangups = _of_loops[loop] = Hangups(loop)
    return hangups

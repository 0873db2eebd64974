"""Ends connections that stand still: `idle_timeout` and `write_timeout`.

One timer of a connection looks, four times within the shorter limit, at how many bytes have come and left so far. So
nothing is done for a message, and a connection is cut at most a quarter of the limit after its time is over. As in
`patience`, the other side is not blamed for a loop that stood still: then the time begins anew, once.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from aiomq.options import SocketOptions
from aiomq.zmtp.errors import ZmtpError

__all__ = ["Moving", "Pace", "pace_for"]

LOOKS: Final = 4
"""So many looks are taken within the shorter limit."""

_LATE: Final = 0.1
"""A look that comes later than this part of a limit says that the loop stood still."""


class Moving(Protocol):
    """The connection, as it is looked at here."""

    def bytes_read(self) -> int:
        """Return how many bytes have ever arrived."""

    def bytes_left(self) -> int:
        """Return how many have ever left for the peer, as far as the system tells."""

    def is_deaf(self) -> bool:
        """Whether this side does not read now, for an inbox is full."""

    def has_to_send(self) -> bool:
        """Whether something waits here to leave."""

    def stands_still(self, error: ZmtpError) -> None:
        """End the connection."""


class Pace:
    """The limits of one connection, in milliseconds; 0 is off."""

    __slots__ = (
        "_connection",
        "_forgiven",
        "_handle",
        "_idle",
        "_left",
        "_loop",
        "_moved_at",
        "_read",
        "_sent_at",
        "_tick",
        "_when",
        "_write",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, idle: int, write: int, connection: Moving) -> None:
        self._loop = loop
        self._idle = idle
        self._write = write
        self._connection = connection
        self._tick = min(each for each in (idle, write) if each) / 1000 / LOOKS
        self._forgiven = False
        self._read = self._left = 0
        self._moved_at = self._sent_at = loop.time()
        self._when = 0.0
        self._handle: asyncio.Handle | None = None
        self._wait()

    def stop(self) -> None:
        """Look no more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _wait(self) -> None:
        self._when = self._loop.time() + self._tick
        self._handle = self._loop.call_at(self._when, self._look)

    def _look(self) -> None:
        now = self._loop.time()
        has_moved = self._note(now)
        if now - self._when > self._tick * LOOKS * _LATE and not self._forgiven:
            self._forgiven = True
            self._moved_at = self._sent_at = now
        elif has_moved:
            self._forgiven = False
        if self._verdict(now) is None:
            self._wait()
        else:  # what has come meanwhile is looked at first: some loops run their timers before their descriptors
            self._handle = self._loop.call_soon(self._look_again)

    def _look_again(self) -> None:
        self._handle = self._loop.call_soon(self._end)

    def _end(self) -> None:
        now = self._loop.time()
        self._note(now)
        error = self._verdict(now)
        if error is None:
            self._wait()
        else:
            self._handle = None
            self._connection.stands_still(error)

    def _note(self, now: float) -> bool:
        """Look what has moved; return whether anything has."""
        connection = self._connection
        read, left = connection.bytes_read(), connection.bytes_left()
        has_left = left > self._left
        has_moved = has_left or read > self._read
        self._read, self._left = read, left
        if has_moved or connection.is_deaf():
            self._moved_at = now
        if has_left or not connection.has_to_send():
            self._sent_at = now
        return has_moved

    def _verdict(self, now: float) -> ZmtpError | None:
        """Return why the connection has to end, if it has."""
        if self._write and now - self._sent_at >= self._write / 1000:
            why = f"nothing of what waits for the peer has left within {self._write} ms (write_timeout)"
            return ZmtpError(why, budget="write_timeout", fatal=False)
        if self._idle and now - self._moved_at >= self._idle / 1000:
            why = f"nothing has come from the peer, nor left for it, within {self._idle} ms (idle_timeout)"
            return ZmtpError(why, budget="idle_timeout", fatal=False)
        return None


def pace_for(options: SocketOptions, loop: asyncio.AbstractEventLoop, connection: Moving) -> Pace | None:
    """Return what looks after a connection, if the options of its socket ask for it."""
    if not (options.idle_timeout or options.write_timeout):
        return None
    return Pace(loop, options.idle_timeout, options.write_timeout, connection)

"""A time limit on the other side, of which only that time counts in which it could have shown life."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

__all__ = ["Patience"]

_LATE: Final = 0.1
"""A timer that comes later than this part of its time says that the loop stood still, not that the peer is silent."""


def _no_progress() -> int:
    return 0


class Patience:
    """Calls back once a peer was silent for so many seconds, unless it is stopped.

    It is not a plain `call_later`, which would blame the peer for three things that are not its own:

    * What it sent lies in the system's buffers while the program blocks its loop. So the limit begins anew, once, when
      the timer comes late; and before the verdict the loop gets two turns, for some loops (libuv's) run their timers
      before they look at their descriptors.
    * What it is to answer has not reached it yet, for the link is slow. So as long as bytes leave for it, it is given
      more time.
    """

    __slots__ = ("_forgiven", "_handle", "_is_over", "_loop", "_progress", "_seconds", "_seen", "_when")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        seconds: float,
        is_over: Callable[[], None],
        progress: Callable[[], int] = _no_progress,
    ) -> None:
        """Begin to wait.

        Args:
            loop: where the time passes.
            seconds: how long.
            is_over: called when the time is over; at most once.
            progress: a count that grows as what was written leaves for the peer.
        """
        self._loop = loop
        self._seconds = seconds
        self._is_over = is_over
        self._progress = progress
        self._forgiven = False
        self._handle: asyncio.Handle | None = None
        self._seen = 0
        self._when = 0.0
        self.restart()

    def restart(self) -> None:
        """Wait for the whole time again."""
        self.stop()
        self._seen = self._progress()
        self._when = self._loop.time() + self._seconds
        self._handle = self._loop.call_at(self._when, self._due)

    def stop(self) -> None:
        """Wait no longer; `restart` begins again."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _due(self) -> None:
        has_moved = self._progress() > self._seen
        was_late = self._loop.time() - self._when > self._seconds * _LATE
        if has_moved or (was_late and not self._forgiven):
            self._forgiven = not has_moved
            self.restart()
        else:
            self._handle = self._loop.call_soon(self._look)

    def _look(self) -> None:
        self._handle = self._loop.call_soon(self._end)

    def _end(self) -> None:
        self._handle = None
        self._is_over()

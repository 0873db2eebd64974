"""Giving freed memory back to the system after many connections have ended.

What connections held, such as messages nobody had read, stays with the process when it is freed (see `allocator`). That
is right between one burst of traffic and the next. When those who sent it have left it is not: an attack, or a night's
peak, would be in the memory of the process for ever. So some quiet seconds after the last connection was lost, what
glibc has free is looked at, and if it is much, it is given back, in a thread: that takes some 10 ms for 100 MB.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

__all__ = ["GivingBack", "connection_ended"]

QUIET: Final = 2.0
"""Seconds without the end of a connection before anything is looked at."""

LATE: Final = 10.0
"""A timer that is so many seconds late will not come: its loop stands."""

MUCH: Final = 32 << 20
"""Bytes that are free and worth giving back."""

KEPT: Final = 16 << 20
"""Bytes at the end of the heap that stay, for the next large message."""


class _Free(ctypes.Structure):
    """The struct mallinfo2 of glibc."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "used", "free", "top")
    )

    free: int


class GivingBack:
    """Waits for quiet, and gives back what is free then; one for a process.

    Args:
        free: returns how many bytes of the heap are free, those that were given back before too.
        resident: returns how many bytes the process has in memory.
        give: gives back what is free.
    """

    def __init__(self, free: Callable[[], int], resident: Callable[[], int], give: Callable[[], object]) -> None:
        self._free = free
        self._resident = resident
        self._give = give
        self._given_at = 0
        """What was in memory when it had been given back the last time."""
        self._ended_at = 0.0
        self._due_at = 0.0
        """When the timer is to look; 0 if there is none."""

    def connection_ended(self, loop: asyncio.AbstractEventLoop) -> None:
        """Somebody has left."""
        self._ended_at = now = time.monotonic()
        if not self._due_at or now > self._due_at + LATE:
            self._look_in(QUIET, loop)

    def _look_in(self, seconds: float, loop: asyncio.AbstractEventLoop) -> None:
        self._due_at = time.monotonic() + seconds
        loop.call_later(seconds, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        left = self._ended_at + QUIET - time.monotonic()
        if left > 0:
            self._look_in(left, loop)
            return
        self._due_at = 0.0
        if self._free() >= MUCH and self._resident() >= self._given_at + MUCH:
            threading.Thread(target=self._give_back, name="aiomq gives memory back", daemon=True).start()

    def _give_back(self) -> None:
        self._give()
        self._given_at = self._resident()


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _glibc() -> GivingBack | None:
    """Return what gives back, where the C library is a glibc of 2.33 or later; the calls of others differ."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    trim, info = getattr(library, "malloc_trim", None), getattr(library, "mallinfo2", None)
    if trim is None or info is None or not Path("/proc/self/statm").exists():
        return None
    trim.argtypes = (ctypes.c_size_t,)
    info.restype = _Free
    return GivingBack(lambda: int(info().free), _resident, lambda: trim(KEPT))


_process: Final = _glibc()


def connection_ended(loop: asyncio.AbstractEventLoop) -> None:
    """A connection that had come in has ended."""
    if _process is not None:
        _process.connection_ended(loop)

"""What a process holds, seen from outside, and how long its loop has stood: both without its help.

A server under attack may be unable to answer, so its parent reads memory and descriptors from the system, and the turns
of its loop from a small file that both have mapped.
"""

from __future__ import annotations

import asyncio
import mmap
import os
import struct
import time
from pathlib import Path
from typing import Final

import msgspec

__all__ = ["Beat", "Holding", "Turns", "holding"]

BEAT_SECONDS: Final = 0.005
"""How often the loop is asked for a turn."""

LONG_SECONDS: Final = 0.150
"""A stretch without a turn that counts as one too long."""

_LAYOUT: Final = struct.Struct("=dddQ")


class Turns(msgspec.Struct, frozen=True):
    """How the turns of a loop came.

    Attributes:
        last: when the last one was, on the clock that all processes share; 0 before the first.
        longest: the longest stretch between two, in seconds.
        cpu: how much of that stretch the process computed: the rest it was kept waiting for a core.
        too_long: how many stretches were over `LONG_SECONDS`.
    """

    last: float
    longest: float
    cpu: float
    too_long: int

    def until(self, now: float) -> float:
        """Return the longest stretch, the one that goes on now included."""
        return max(self.longest, now - self.last if self.last else 0.0)


class Beat:
    """Writes down the turns of the loop it runs in, or reads what another process wrote down.

    Args:
        path: of a file that need not exist.
    """

    def __init__(self, path: Path) -> None:
        with path.open("a+b") as file:
            file.truncate(_LAYOUT.size)
            self._map = mmap.mmap(file.fileno(), _LAYOUT.size)
        self._cpu_before = 0.0
        self._next: asyncio.TimerHandle | None = None

    def read(self) -> Turns:
        """Return what is written down."""
        return Turns(*_LAYOUT.unpack_from(self._map))

    def reset(self) -> None:
        """Begin anew: the stretches so far do not count."""
        self._cpu_before = time.process_time()
        _LAYOUT.pack_into(self._map, 0, time.monotonic(), 0.0, 0.0, 0)

    def start(self) -> None:
        """Begin to write down the turns of the running loop."""
        self.reset()
        self._turn(asyncio.get_running_loop())

    def close(self) -> None:
        """Write down no more, and let the file go."""
        if self._next is not None:
            self._next.cancel()
        self._map.close()

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        now, cpu = time.monotonic(), time.process_time()
        before = self.read()
        longest, cpu_of_longest, stretch = before.longest, before.cpu, now - before.last
        if stretch > longest:
            longest, cpu_of_longest = stretch, cpu - self._cpu_before
        too_long = before.too_long + (stretch > LONG_SECONDS)
        _LAYOUT.pack_into(self._map, 0, now, longest, cpu_of_longest, too_long)
        self._cpu_before = cpu
        self._next = loop.call_later(BEAT_SECONDS, self._turn, loop)


class Holding(msgspec.Struct, frozen=True):
    """What the system says that a process holds.

    Attributes:
        rss_kib: resident memory, now.
        peak_kib: the most that it ever was.
        descriptors: open files.
    """

    rss_kib: int
    peak_kib: int
    descriptors: int


def holding(pid: int) -> Holding:
    """Return what a process holds; nothing, if it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text("ascii", "replace")
        descriptors = len(os.listdir(f"/proc/{pid}/fd"))
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return Holding(0, 0, 0)
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return Holding(_kib(fields, "VmRSS"), _kib(fields, "VmHWM"), descriptors)


def _kib(fields: dict[str, str], name: str) -> int:
    """Return a size of /proc/PID/status, which a process that has ended and is not waited for has no more."""
    text = fields.get(name, "0 kB")
    return int(text.split()[0])

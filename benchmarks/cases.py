"""What is measured: one `Case` a scenario, transport and message size."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Literal

import msgspec

__all__ = ["FULL", "QUICK", "Case", "Scenario", "select_cases", "size_text"]

Scenario = Literal["throughput", "multipart", "batch", "latency", "fanout", "echo", "memory"]

SIZES = (16, 256, 1024, 65536, 1048576)
TRANSPORTS = ("tcp", "ipc", "inproc")


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing to measure, the same for every library."""

    scenario: Scenario
    transport: str
    size: int = 16
    """Bytes of one frame."""
    frames: int = 1
    """Frames of one message."""
    batch: int = 1
    """Messages handed over by one call; above one only where the library has such a call."""
    fan: int = 1
    """Sockets on the connecting side: subscribers, clients or idle peers."""

    @property
    def id(self) -> str:
        """The name in tables, results and `--only`, such as `throughput/tcp/1KiB`."""
        parts = [self.scenario, self.transport]
        if self.scenario != "memory":
            parts.append(size_text(self.size) if self.frames == 1 else f"{self.frames}x{size_text(self.size)}")
        if self.scenario in ("fanout", "echo", "memory"):
            parts.append(f"{self.fan}")
        return "/".join(parts)

    @property
    def chunk(self) -> int:
        """Messages between two looks at the clock: enough to hide the look, few enough to stop in time."""
        message_size = self.size * self.frames
        if message_size <= 4096:
            return 1000 // self.frames
        return max(4, 4 * 1024 * 1024 // message_size)


def size_text(size: int) -> str:
    """Return a size in the largest binary unit that divides it: 65536 is `64KiB`."""
    for unit, text in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit and size % unit == 0:
            return f"{size // unit}{text}"
    return f"{size}B"


FULL: tuple[Case, ...] = (
    *(Case("throughput", transport, size) for transport in TRANSPORTS for size in SIZES),
    *(Case("latency", transport) for transport in TRANSPORTS),
    Case("multipart", "tcp", size=64, frames=2),
    Case("multipart", "tcp", size=64, frames=10),
    Case("batch", "tcp", batch=100),
    Case("fanout", "tcp", size=256, fan=1),
    Case("fanout", "tcp", size=256, fan=10),
    Case("echo", "tcp", fan=1),
    Case("echo", "tcp", fan=100),
    Case("memory", "tcp", fan=200),
)

QUICK: tuple[Case, ...] = (
    *(Case("throughput", "tcp", size) for size in SIZES),
    Case("throughput", "ipc", 1024),
    Case("throughput", "inproc", 1024),
    *(Case("latency", transport) for transport in TRANSPORTS),
)


def select_cases(cases: Iterable[Case], patterns: Iterable[str]) -> tuple[Case, ...]:
    """Return the cases whose id contains, or as a glob matches, any of the patterns; all of them without patterns.

    Raises:
        ValueError: a pattern selects nothing.
    """
    cases, patterns = tuple(cases), tuple(patterns)
    if not patterns:
        return cases
    for pattern in patterns:
        if not any(_is_match(case, pattern) for case in cases):
            raise ValueError(f"--only {pattern} selects nothing; there are: {', '.join(case.id for case in cases)}")
    return tuple(case for case in cases if any(_is_match(case, pattern) for pattern in patterns))


def _is_match(case: Case, pattern: str) -> bool:
    return pattern in case.id or fnmatchcase(case.id, pattern)

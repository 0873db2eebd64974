"""What is measured: one `Case` a scenario, transport and message size, and the plans of a full and a quick run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Final, Literal

import msgspec

__all__ = ["CURVE", "FULL", "QUICK", "QUICK_PEERS", "SIZES", "Case", "Scenario", "select_cases", "size_text"]

Scenario = Literal[
    "throughput",
    "multipart",
    "batch",
    "threads",
    "threads-latency",
    "latency",
    "fanout",
    "topics",
    "echo",
    "proxy",
    "matching",
    "connections",
    "memory",
    "allocation",
    "curve",
    "curve-mixed",
    "curve-handshakes",
]

SIZES: Final = (16, 256, 1024, 65536, 1048576)
TRANSPORTS: Final = ("tcp", "ipc", "inproc")

_FANNED: Final = frozenset({"fanout", "topics", "echo", "matching", "connections", "memory", "curve-handshakes"})
"""Scenarios whose id says how many sockets or topics there are."""

_SIZELESS: Final = frozenset({"matching", "connections", "memory", "curve-mixed", "curve-handshakes"})
"""Scenarios in which the size of a message plays no part."""

CURVE: Final[frozenset[Scenario]] = frozenset({"curve", "curve-mixed", "curve-handshakes"})
"""Scenarios whose connections are encrypted."""

_ONCE: Final = {"connections": 1, "allocation": 1, "memory": 3, "matching": 5}
"""Rounds at most, of what takes long or varies little; everything else is measured in every round."""


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
    """How many there are: subscribers, clients or idle peers, topics in `topics`, prefixes in `matching`."""

    @property
    def id(self) -> str:
        """The name in tables, results and `--only`, such as `throughput/tcp/1KiB`."""
        parts = [self.scenario, self.transport]
        if self.scenario not in _SIZELESS:
            parts.append(size_text(self.size) if self.frames == 1 else f"{self.frames}x{size_text(self.size)}")
        if self.scenario in _FANNED:
            parts.append(f"{self.fan}")
        return "/".join(parts)

    @property
    def chunk(self) -> int:
        """Messages between two looks at the clock: enough to hide the look, few enough to stop in time."""
        message_size = self.size * self.frames
        if message_size <= 4096:
            return 1000 // self.frames
        return max(4, 4 * 1024 * 1024 // message_size)

    @property
    def rounds_max(self) -> int | None:
        """In how many rounds of a run this is measured at most; None for all."""
        return _ONCE.get(self.scenario)


def size_text(size: int) -> str:
    """Return a size in the largest binary unit that divides it: 65536 is `64KiB`."""
    for unit, text in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit and size % unit == 0:
            return f"{size // unit}{text}"
    return f"{size}B"


FULL: Final[tuple[Case, ...]] = (
    *(Case("throughput", transport, size) for transport in TRANSPORTS for size in SIZES),
    Case("batch", "tcp", batch=100),
    *(Case("latency", transport) for transport in TRANSPORTS),
    Case("threads", "inproc"),
    Case("threads-latency", "inproc"),
    Case("multipart", "tcp", size=64, frames=2),
    Case("multipart", "tcp", size=64, frames=10),
    *(Case("fanout", "tcp", size=64, fan=fan) for fan in (1, 10, 100)),
    Case("fanout", "tcp", size=256, fan=10),
    Case("topics", "tcp", size=64, fan=1000),
    Case("echo", "tcp", fan=1),
    Case("echo", "tcp", fan=100),
    Case("proxy", "tcp"),
    *(Case("matching", "inproc", fan=fan) for fan in (1, 1000, 1_000_000)),
    Case("memory", "tcp", fan=200),
    Case("connections", "tcp", fan=10_000),
    Case("allocation", "inproc"),
    *(Case("curve", "tcp", size) for size in (16, 1024, 65536)),
    Case("curve-mixed", "tcp"),
    *(Case("curve-handshakes", "tcp", fan=fan) for fan in (1, 50)),
)

_THEM: Final = ("aiomq", "pyzmq")
_PYTHON: Final = ("aiomq", "pyzmq", "zmq.asyncio")
_LARGE: Final = ("aiomq", "pyzmq", "pyomq", "libzmq")

QUICK_PEERS: Final[Mapping[Case, tuple[str, ...]]] = {
    Case("throughput", "tcp", 16): ("aiomq", "aiomq+asyncio", "pyzmq", "zmq.asyncio", "pyomq", "pyomq.asyncio"),
    Case("throughput", "tcp", 256): ("aiomq", "pyzmq", "zmq.asyncio", "pyomq", "pyomq.asyncio"),
    Case("throughput", "tcp", 1024): ("aiomq", "pyzmq", "libzmq"),
    Case("throughput", "tcp", 65536): (*_LARGE, "raw-socket", "raw-uvloop"),
    Case("throughput", "tcp", 1048576): _LARGE,
    Case("throughput", "ipc", 1024): _THEM,
    Case("throughput", "inproc", 16): _PYTHON,
    Case("batch", "tcp", batch=100): ("aiomq",),
    Case("latency", "tcp"): (*_PYTHON, "pyomq", "raw-socket", "raw-uvloop"),
    Case("latency", "ipc"): _THEM,
    Case("latency", "inproc"): ("aiomq", "zmq.asyncio"),
    Case("threads", "inproc"): _PYTHON,
    Case("threads-latency", "inproc"): ("aiomq", "zmq.asyncio"),
    Case("multipart", "tcp", size=64, frames=2): _THEM,
    Case("fanout", "tcp", size=64, fan=10): _PYTHON,
    Case("topics", "tcp", size=64, fan=1000): _THEM,
    Case("echo", "tcp", fan=100): _THEM,
    Case("proxy", "tcp"): _THEM,
    Case("matching", "inproc", fan=1000): ("aiomq",),
    Case("matching", "inproc", fan=1_000_000): ("aiomq",),
    Case("connections", "tcp", fan=1000): _THEM,
    Case("allocation", "inproc"): ("aiomq",),
    Case("curve", "tcp", 1024): _THEM,
    Case("curve-mixed", "tcp"): _THEM,
    Case("curve-handshakes", "tcp", fan=50): _THEM,
}
"""What a quick run measures, and of whom: every scenario but `memory`, with the libraries that a target names."""

QUICK: Final[tuple[Case, ...]] = tuple(QUICK_PEERS)


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

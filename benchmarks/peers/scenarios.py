"""What the scenarios have in common, whichever way a library is driven."""

from __future__ import annotations

from typing import Any, Final

from benchmarks.cases import Case, Scenario
from benchmarks.spec import Role

__all__ = [
    "BASELINE_PEERS",
    "CHAIN",
    "ECHOES_PER_CHUNK",
    "FAN_CHUNK",
    "MEASURING_ROLE",
    "STOP",
    "payload",
    "topic_of",
    "topics_of",
]

MEASURING_ROLE: Final[dict[Scenario, Role]] = {
    "throughput": "bind",
    "multipart": "bind",
    "batch": "bind",
    "proxy": "bind",
    "memory": "bind",
    "connections": "bind",
    "latency": "connect",
    "fanout": "connect",
    "topics": "connect",
    "echo": "connect",
    "threads": "inproc",
    "threads-latency": "inproc",
    "matching": "inproc",
    "allocation": "inproc",
}
"""Which of the processes holds the stop-watch; the others go on until they are ended. Over inproc there is only one."""

CHAIN: Final[dict[Scenario, tuple[Role, ...]]] = {"proxy": ("bind", "proxy", "connect")}
"""The processes in the order of starting, each told where the one before is bound, if not `bind`, `connect`."""

STOP: Final = b""
"""Ends the other thread or task over inproc. No measured message is empty."""

FAN_CHUNK: Final = 100
"""Messages that a publisher numbers alike, and that each subscriber takes before the next one's turn."""

ECHOES_PER_CHUNK: Final = 100
"""Round trips between two looks at the clock."""

BASELINE_PEERS: Final = 10
"""Peers that are connected before memory is looked at for the first time, so that one-time growth isn't counted."""


def payload(case: Case) -> Any:
    """Return the message to send: bytes, or a list of them if it has several frames."""
    frame = b"x" * case.size
    return frame if case.frames == 1 else [frame] * case.frames


def topic_of(case: Case, number: int) -> bytes:
    """Return the topic of the messages with this number: empty, but for `topics`, which takes them in turn."""
    return b"t%07d" % (number % case.fan) if case.scenario == "topics" else b""


def topics_of(case: Case) -> list[bytes]:
    """Return everything that a subscriber subscribes to."""
    return [topic_of(case, number) for number in range(case.fan if case.scenario == "topics" else 1)]

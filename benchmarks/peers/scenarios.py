"""What the scenarios have in common, whichever way a library is driven."""

from __future__ import annotations

from typing import Any, Final

from benchmarks.cases import Case, Scenario
from benchmarks.spec import Role

__all__ = ["BASELINE_PEERS", "ECHOES_PER_CHUNK", "FAN_CHUNK", "MEASURING_ROLE", "STOP", "payload"]

MEASURING_ROLE: Final[dict[Scenario, Role]] = {
    "throughput": "bind",
    "multipart": "bind",
    "batch": "bind",
    "memory": "bind",
    "latency": "connect",
    "fanout": "connect",
    "echo": "connect",
}
"""Which of the two processes holds the stop-watch; the other one goes on until it is ended."""

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

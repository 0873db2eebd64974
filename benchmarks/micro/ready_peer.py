"""A peer without a network, as cheap as a peer can be: what is timed is the pattern's part."""

from __future__ import annotations

from collections import deque
from typing import Any, Final, TypeAlias

from aiomq.message import Item, Message

__all__ = ["OPERATIONS", "Benchmark", "ready_peers"]

OPERATIONS: Final = 1000
"""Operations that one timed call makes: the time of one of them is a thousandth of what the table shows."""

Benchmark: TypeAlias = Any
"""The fixture of pytest-benchmark, which has no types."""


class _ReadyPeer:
    """Always room in the outbox, and an inbox that is filled beforehand."""

    def __init__(self) -> None:
        self.routing_id = b""
        self.inbox: deque[Item] = deque()
        self.outbox: deque[Message] = deque()
        self.low_water = -1
        self.in_fair_queue = False
        self.dropped = 0
        self.over_wire = False
        self.writable = True

    def put(self, message: Message) -> bool:
        self.outbox.append(message)
        return True

    def discard_outbox(self) -> None:
        self.outbox.clear()


def ready_peers(count: int) -> list[Any]:
    """Return so many peers with that part of the contract (`aiomq.patterns.base.Peer`) that a hot path uses."""
    return [_ReadyPeer() for _ in range(count)]

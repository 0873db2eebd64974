"""When queued messages go to the wire.

The first message of a loop turn is written at once, which keeps a round trip short. What follows in the same turn is
held back and leaves in one batch when the turn is over, which keeps the cost of a message low.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

__all__ = ["Flushable", "Flusher"]


class Flushable(Protocol):
    """A peer with something to write."""

    corked: bool
    """True while its messages are held back: to be flushed when the turn ends, or when it can write again."""

    def flush(self) -> None:
        """Write what is queued, as far as the transport takes it."""

    def uncork(self) -> None:
        """The turn is over: write what is queued; later messages start a new turn."""


class Flusher:
    """Collects the peers of one socket that got messages in this turn; one loop callback serves them all."""

    __slots__ = ("_corked", "_loop", "_turn_ended")

    def __init__(self, loop: asyncio.AbstractEventLoop, turn_ended: Callable[[], None]) -> None:
        self._loop = loop
        self._turn_ended = turn_ended
        self._corked: list[Flushable] = []

    def touch(self, peer: Flushable) -> None:
        """A peer that was not corked got a message."""
        corked = self._corked
        peer.corked = True
        if not corked:
            corked.append(peer)
            peer.flush()
            self._loop.call_soon(self.end_turn)  # not before the flush: that is what the other side waits for
        else:
            corked.append(peer)

    def flush(self) -> None:
        """Write everything now, without waiting for the end of the turn (a lot of bytes has piled up)."""
        for peer in self._corked:
            peer.flush()

    def end_turn(self) -> None:
        """Write what was held back."""
        self._turn_ended()
        corked, self._corked = self._corked, []
        for peer in corked:
            peer.uncork()

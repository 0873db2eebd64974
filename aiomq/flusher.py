"""When queued messages go to the wire.

The first message of a loop turn is written at once, which keeps a round trip short. What follows in the same turn is
held back and leaves in one batch when the turn is over, which keeps the cost of a message low.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from aiomq.message import Item

__all__ = ["SLICE", "Flushable", "Flusher", "LastBatch"]

SLICE: Final = 256
"""So many peers are written to before everybody else in the loop gets a turn: a few milliseconds."""


SLICE_SECONDS: Final = 0.01
"""A slice ends here too: large messages for many peers take their time, as each transport copies them."""

_WORTH_A_LOOK: Final = 4096
"""A longer queue is more than one batch: to compare all of it for each of them would cost more than it saves."""


class Flushable(Protocol):
    """A peer with something to write."""

    corked: bool
    """True while its messages are held back: to be flushed when the turn ends, or when it can write again."""

    def flush(self) -> None:
        """Write what is queued, as far as the transport takes it."""

    def uncork(self) -> None:
        """The turn is over: write what is queued; later messages start a new turn."""


class Encoder(Protocol):
    """What turns queued messages into buffers."""

    @property
    def form(self) -> object:
        """Encoders of the same form make the same of the same messages; None: no other does."""

    def encode(self, queue: deque[Item]) -> tuple[list[bytes], int]:
        """Encode from the head of a queue, which is left as it is; return the buffers and how many items they hold."""


class LastBatch:
    """What was encoded last, for the next peer that is to get the same messages."""

    __slots__ = ("_encoded", "_form", "_items")

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._form: object = None
        self._encoded: tuple[list[bytes], int] = [], 0

    def encode(self, encoder: Encoder, queue: deque[Item]) -> tuple[list[bytes], int]:
        """Encode as the encoder does, or give what came out the last time, if the queue holds the same."""
        if len(queue) > _WORTH_A_LOOK:
            return encoder.encode(queue)
        items = list(queue)
        if encoder.form is None or encoder.form != self._form or items != self._items:
            self._items, self._form = items, encoder.form
            self._encoded = encoder.encode(queue)
        return self._encoded


class Flusher:
    """Collects the peers of one socket that got messages in this turn; one loop callback serves them all."""

    __slots__ = ("_behind", "_corked", "_loop", "_turn_ended", "last_batch")

    def __init__(self, loop: asyncio.AbstractEventLoop, turn_ended: Callable[[], None]) -> None:
        self._loop = loop
        self._turn_ended = turn_ended
        self._corked: list[Flushable] = []
        self.last_batch: LastBatch | None = None
        """While several peers are written to, one after the other; else None."""
        self._behind: deque[Flushable] = deque()
        """What is left of turns that ended with more peers than are written to at once."""

    @property
    def is_behind(self) -> bool:
        """Whether peers still wait for what was held back in earlier turns."""
        return bool(self._behind)

    def touch(self, peer: Flushable) -> None:
        """A peer that was not corked got a message."""
        corked = self._corked
        peer.corked = True
        if not corked:
            corked.append(peer)
            try:
                peer.flush()
            finally:  # not before the flush: that is what the other side waits for
                self._loop.call_soon(self.end_turn)
        else:
            corked.append(peer)

    def hold(self, peer: Flushable) -> None:
        """A peer that was not corked is to collect all of this turn, its first message too."""
        peer.corked = True
        if not self._corked:
            self._loop.call_soon(self.end_turn)
        self._corked.append(peer)

    def flush(self) -> None:
        """Write to one slice of the peers now, without waiting for the end of the turn: many bytes have piled up."""
        until = time.monotonic() + SLICE_SECONDS
        for peer in self._corked[:SLICE]:
            peer.flush()
            if time.monotonic() > until:
                break

    def end_turn(self) -> None:
        """Write what was held back: to a slice of the peers here, and to one after each further turn."""
        self._turn_ended()
        was_behind = self.is_behind
        self._behind += self._corked
        self._corked = []
        if not was_behind:
            self._next_slice()

    def _next_slice(self) -> None:
        behind = self._behind
        if len(behind) == 1:  # as most often: there is nothing to share, and no crowd
            behind.popleft().uncork()
            return
        self.last_batch = LastBatch()
        until = time.monotonic() + SLICE_SECONDS
        try:
            for _ in range(min(SLICE, len(behind))):
                behind.popleft().uncork()
                if time.monotonic() > until:
                    break
        finally:  # whatever one peer's transport raises, the others have their turn
            self.last_batch = None
            if behind:
                self._loop.call_soon(self._next_slice)

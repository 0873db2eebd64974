"""How many bytes wait in an outbox, weighed only where something is left behind: what leaves at once costs nothing.

What is weighed is the head of the outbox: each message once, when a flush leaves it there, or at the latest when the
peer has to know whether it is full. Whatever was put since is not weighed yet. So a mark may be passed by what is put
in one turn of the event loop, where that is many small messages: large ones are flushed one by one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import Final, Protocol

from aiomq.message import Item

__all__ = ["EXACT_BELOW", "FEW", "SMALL", "Unsent", "Weights", "size_of", "sizes_of"]

EXACT_BELOW: Final = 4 << 20
"""A mark of fewer bytes is kept to the message, which costs more for each of them."""


SMALL: Final = 4096
"""Messages of more bytes are weighed at once, as each of them is flushed by itself."""

FEW: Final = 8
"""So few messages are weighed in any case."""


def size_of(item: Item) -> int:
    """Return how many bytes of a user a queued item holds; a subscription holds none."""
    if type(item) is bytes:
        return len(item)
    return sum(map(len, item)) if type(item) is tuple else 0


def sizes_of(items: Iterable[Item]) -> list[int]:
    """Return the same of each of several items."""
    batch = list(items)
    if set(map(type, batch)) == {bytes}:
        return list(map(len, batch))  # type: ignore[arg-type]  # all of them are bytes
    return list(map(size_of, batch))


class Held(Protocol):
    """A peer that may be full because of what all peers of its socket hold together."""

    def reweigh(self) -> None:
        """Others of its socket made room: have room again, if that is so."""


class Unsent:
    """What waits to leave for all peers of a socket, together.

    Attributes:
        limit: the bytes from which on peers with something that waits are full; 0 for none.
        total: bytes that were weighed and have not left.
        is_mixed: large messages are not flushed one by one, as those of users are: all have to be weighed.
    """

    __slots__ = ("_full", "is_mixed", "limit", "total")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.total = 0
        self.is_mixed = False
        self._full: dict[Held, None] = {}
        """Who is to be told when there is room."""

    def change(self, count: int) -> None:
        """So many bytes more wait, or fewer."""
        self.total += count
        if count < 0 and self._full and self.total <= self.limit // 2:
            full, self._full = self._full, {}
            for peer in full:
                peer.reweigh()

    def is_over(self, peer: Held, *, was_over: bool) -> bool:
        """Tell whether a peer with something that waits is full, and if so, tell it when that is over."""
        if not self.limit or self.total < (self.limit // 2 + 1 if was_over else self.limit):
            return False
        self._full[peer] = None
        return True


class Weights:
    """The weights of the messages at the head of an outbox."""

    __slots__ = ("_sizes", "_unsent", "held", "is_over", "mark")

    def __init__(self, mark: int, unsent: Unsent | None) -> None:
        self.mark = mark
        self.held = 0
        """Bytes of what was weighed."""
        self.is_over = False
        """A mark was reached, and half of the bytes have not left since."""
        self._sizes: deque[int] = deque()
        self._unsent = unsent

    @property
    def known(self) -> int:
        """How many messages were weighed."""
        return len(self._sizes)

    def weigh(self, outbox: deque[Item]) -> None:
        """Weigh what was put since the last time."""
        sizes = self._sizes
        known = len(sizes)
        if known < len(outbox):
            added = sizes_of(islice(outbox, known, None)) if known else sizes_of(outbox)
            sizes.extend(added)
            self._change(sum(added))

    def left(self, count: int) -> None:
        """So many items are gone from the head of the outbox."""
        sizes = self._sizes
        if count >= len(sizes):
            self.clear()
            return
        gone = 0
        for _ in range(count):
            gone += sizes.popleft()
        self._change(-gone)

    def clear(self) -> None:
        """Nothing of what was weighed is there any longer."""
        self._sizes.clear()
        self._change(-self.held)

    def _change(self, count: int) -> None:
        self.held += count
        if self._unsent is not None and count:
            self._unsent.change(count)

    def look(self, peer: Held) -> bool:
        """Return whether a mark is reached, or was and half of it is not free yet."""
        held, mark = self.held, self.mark
        is_over = bool(mark) and (held >= mark or (self.is_over and held > mark // 2))
        if self._unsent is not None and held and not is_over:
            is_over = self._unsent.is_over(peer, was_over=self.is_over)
        self.is_over = is_over
        return is_over

    def excess(self, outbox: deque[Item], size: int) -> int:
        """Return how many of the oldest items have to go for one of this size, the last one aside."""
        count, held = 0, self.held
        for each in islice(self._sizes, max(len(outbox) - 1, 0)):
            if held - each + size <= self.mark or not self.mark:
                break
            held -= each
            count += 1
        return count

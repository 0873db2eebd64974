"""Large frames on their way: a buffer that grows with what really arrives, and one budget for those of a process.

A frame of which only the head has arrived is received straight into a buffer of its own, and copied out of it once,
when it is whole. Nothing is reserved on a peer's word alone: the first buffer is small, unless one of a small stock is
free, and it is doubled each time it is full. What all such buffers of the process hold together has a budget. It is the
frame whose buffer has not grown for longest that has to go: who stopped sending goes before who sends, nobody waits for
anybody, and so nobody can make another wait for ever.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import ClassVar, Final

from aiomq.memory import memory_for_process
from aiomq.zmtp.errors import ZmtpError

__all__ = ["FIRST_GRANT", "SPARE_BYTES", "Budget", "Claim", "LargeFrame", "budget"]

FIRST_GRANT: Final = 16 << 10
"""Bytes reserved for a large frame before any of it has arrived; doubled as it does."""

SPARE_BYTES: Final = 4 << 20
"""Larger buffers are given back to the system rather than kept for the next large frame."""

BUDGET_MIN: Final = 64 << 20
BUDGET_SHARE: Final = 8
"""The budget is one part of so many of the memory that the process may have."""

BUDGET_VARIABLE: Final = "AIOMQ_LARGE_FRAMES"
"""The environment variable that sets the budget, in bytes."""

_spare: deque[bytearray] = deque(maxlen=4)
"""Buffers waiting for the next large frame of any connection; `append` and `pop` are atomic between threads."""


def _borrow(filled: int, size: int) -> bytearray:
    """Return a buffer for a frame of so many bytes, of which so many are there."""
    least = min(size, max(FIRST_GRANT, 2 * filled))
    try:
        buffer = _spare.pop()
    except IndexError:
        return bytearray(least)
    return buffer if len(buffer) >= least else bytearray(least)


class Claim:
    """A hold of one connection on the budget.

    Attributes:
        held: the bytes that the budget counts for it.
        ref: a reference to this that keeps nothing alive.
        given_up: is called, in whatever thread, when the budget needs what is held here: the connection has to end.
    """

    may_exceed: ClassVar[bool] = False
    """Whether it may have more than all of the budget, while it is alone."""

    __slots__ = ("__weakref__", "_budget", "given_up", "held", "ref")

    def __init__(self) -> None:
        self.held = 0
        self.given_up: Callable[[ZmtpError], None] | None = None
        self.ref = weakref.ref(self)
        self._budget = budget

    def hold(self, size: int) -> None:
        """Hold so many bytes from now on.

        Raises:
            ZmtpError: it is this one that has to go.
        """
        self._budget.enter(self, size)

    def discard(self) -> None:
        """Give back what is held."""
        self._budget.leave(self)

    def give_up(self, error: ZmtpError) -> None:
        """End the connection: others need the room."""
        if self.given_up is not None:
            self.given_up(error)

    def __del__(self) -> None:
        if self.held:
            self._budget.leave(self)


class Budget:
    """The bytes that unfinished frames and messages hold, over all connections and threads of a process."""

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit
        """Bytes; None: found out when it is first needed."""
        self.held = 0
        self._claims: dict[weakref.ref[Claim], None] = {}
        """What grew longest ago comes first."""
        self._lock = threading.RLock()  # a frame may be collected, and give back what it held, in here

    def find_limit(self) -> int:
        """Return the budget in bytes."""
        if self.limit is None:
            chosen = os.environ.get(BUDGET_VARIABLE, "")
            by_memory = max(memory_for_process() // BUDGET_SHARE, BUDGET_MIN)
            self.limit = int(chosen) if chosen.isascii() and chosen.isdigit() else by_memory
        return self.limit

    def enter(self, claim: Claim, size: int) -> None:
        """A buffer has so many bytes from now on: let others go for it, if that is too much together.

        Raises:
            ZmtpError: it is this one that has to go: it has more than half of the budget, and there are others; or it
                has more than all of it.
        """
        limit = self.limit or self.find_limit()
        with self._lock:
            total = self.held + size - claim.held
            others = len(self._claims) > (claim.ref in self._claims)
            if total > limit and ((size > limit // 2 and others) or (size > limit and not claim.may_exceed)):
                raise ZmtpError(_text(size, limit), fatal=False)
            self.held = total
            claim.held = size
            self._claims.pop(claim.ref, None)
            self._claims[claim.ref] = None
            victims = self._take_out(claim, limit) if total > limit else ()
        for victim, size_held in victims:
            victim.give_up(ZmtpError(_text(size_held, limit), fatal=False))

    def _take_out(self, newest: Claim, limit: int) -> list[tuple[Claim, int]]:
        victims = []
        while self.held > limit:
            oldest = next(iter(self._claims))
            if oldest is newest.ref:  # alone: MAXMSGSIZE is what bounds it
                break
            victim = oldest()
            del self._claims[oldest]
            if victim is not None:  # else it is being collected, and gives back what it held by itself
                victims.append((victim, victim.held))
                self.held -= victim.held
                victim.held = 0
        return victims

    def leave(self, claim: Claim) -> None:
        """What was held is given back."""
        with self._lock:
            self.held -= claim.held
            claim.held = 0
            self._claims.pop(claim.ref, None)


def _text(size: int, limit: int) -> str:
    return (
        f"unfinished messages and large frames hold more than {limit} bytes in this process, {size} of them for this"
        f" connection (raise {BUDGET_VARIABLE} to allow more)"
    )


budget: Final = Budget()
"""That of this process."""


class LargeFrame(Claim):
    """The large frame of one connection that is on its way; there is at most one at a time.

    Attributes:
        flags: those of the frame.
        size: its bytes.
    """

    may_exceed = True  # its size is known, and MAXMSGSIZE bounds it
    __slots__ = ("_buffer", "_filled", "flags", "size")

    def __init__(self) -> None:
        super().__init__()
        self.flags = self.size = self._filled = 0
        self._buffer = bytearray()

    def start(self, flags: int, size: int, head: bytes | memoryview) -> memoryview:
        """Begin a frame of which only the head has arrived; return where its next bytes go."""
        filled = len(head)
        buffer = _borrow(filled, size)
        self.hold(len(buffer))
        self.flags, self.size, self._filled, self._buffer = flags, size, filled, buffer
        buffer[:filled] = head
        return memoryview(buffer)[filled:size]

    def fill(self, count: int) -> memoryview | None:
        """So many bytes were written; return where the next ones go, or None if the frame is whole.

        Raises:
            ZmtpError: it has to go, as there is no room for it.
        """
        self._filled += count
        if self._filled >= self.size:
            return None
        if self._filled == len(self._buffer):
            self._grow()
        return memoryview(self._buffer)[self._filled : self.size]

    def _grow(self) -> None:
        """Double the buffer. It is a new one: the loop still has a hold on the old one, which so has a fixed size."""
        old = self._buffer
        more = min(len(old), self.size - len(old))
        if len(old) < SPARE_BYTES < len(old) + more:  # so that the largest that is kept is reached
            more = SPARE_BYTES - len(old)
        self.hold(len(old) + more)
        self._buffer = old + memoryview(old)[:more]  # what stands in the new part is no matter: zeroing costs more
        if len(self._buffer) > SPARE_BYTES >= len(old):
            _spare.append(old)  # for the start of the next one: what this becomes is not kept

    def finish(self) -> bytes:
        """Return the whole frame, and lend the buffer to others."""
        buffer = self._buffer
        body = bytes(memoryview(buffer)[: self.size])
        if len(buffer) <= SPARE_BYTES:
            _spare.append(buffer)
        self.discard()
        return body

    def discard(self) -> None:
        """Give back what is held."""
        self._buffer = bytearray()
        super().discard()

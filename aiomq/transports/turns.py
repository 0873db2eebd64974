"""Turns of the loop, shared by its connections: one that sends what no message pays for must not stand in their way.

Whole messages cost room in an inbox, which is bounded; commands, and parts of messages that never end, cost nothing to
who sends them. So all connections of a loop have one allowance of such frames for a turn. Where it is used up they do
not read on; they wait in a queue, and each gets a share of a later turn.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import Final, Protocol

from aiomq.zmtp.allowance import Allowance

__all__ = ["TURN", "Turns", "Waiting", "turns_for"]

TURN: Final = 512
"""Frames for all connections of a loop in a turn: a few milliseconds, with what a subscription costs a publisher."""

SHARE: Final = 64
"""Of these, for each connection that has waited: so a few who send much do not keep all others waiting for long."""


UNDECODED: Final = 32 << 20
"""Bytes that all connections of a loop may keep undecoded, in chunks that were read, before less is read at a time."""

NARROW: Final = 8 << 10
"""Bytes that are read at a time then."""


class Waiting(Protocol):
    """A connection that has more to decode."""

    def go_on(self) -> None:
        """Its turn has come."""


class Turns:
    """The allowance of one loop, and the connections that wait for more of it."""

    __slots__ = ("_is_renewing", "_undecoded", "_waiting", "allowance", "is_crowded", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.is_crowded = False
        """So much is kept undecoded that no more than `NARROW` bytes are to be read at a time."""
        self._undecoded = 0
        self.allowance = Allowance(TURN)
        self._waiting: deque[Waiting] = deque()
        self._is_renewing = False

    def renew_soon(self) -> None:
        """Some of the allowance was used: there is a new one from the next turn on."""
        if not self._is_renewing:
            self._is_renewing = True
            self.loop.call_soon(self._renew)

    def keep(self, count: int) -> None:
        """A connection keeps so many bytes more undecoded, or fewer."""
        self._undecoded += count
        self.is_crowded = self._undecoded > UNDECODED

    def wait(self, connection: Waiting) -> None:
        """Let a connection go on in a later turn, after those that wait already."""
        self._waiting.append(connection)
        self.renew_soon()

    def _renew(self) -> None:
        self._is_renewing = False
        left = TURN
        try:
            for _ in range(len(self._waiting)):
                share = self.allowance.left = min(SHARE, left)
                self._waiting.popleft().go_on()
                left -= share - self.allowance.left
                if left <= 0:
                    break
        finally:  # whatever one of them raises, the others have their turn
            self.allowance.left = left
            if self._waiting or left < TURN:
                self.renew_soon()


_of_thread = threading.local()


def turns_for(loop: asyncio.AbstractEventLoop) -> Turns:
    """Return what the connections of a loop share. A thread runs one loop at a time: it remembers the last one's."""
    turns: Turns | None = getattr(_of_thread, "turns", None)
    if turns is None or turns.loop is not loop:
        turns = _of_thread.turns = Turns(loop)
    return turns

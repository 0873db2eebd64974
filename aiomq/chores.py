"""Work of a pattern that takes long, done a slice at a time, so that everybody else in the loop has turns between."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

__all__ = ["Chores", "ChoresOwner"]


class ChoresOwner(Protocol):
    """The socket, as its chores see it."""

    loop: asyncio.AbstractEventLoop
    closed: bool

    def wake_after_detach(self) -> None:
        """A slice was done: let those who wait to send or to receive look again."""


class Chores:
    """What one socket has still to do; when the socket is closed it is left undone."""

    __slots__ = ("_owner", "_works")

    def __init__(self, owner: ChoresOwner) -> None:
        self._owner: Final = owner
        self._works: Final[deque[Callable[[], bool]]] = deque()

    def add(self, work: Callable[[], bool]) -> None:
        """Call `work` once in each turn of the loop, until it returns that there is no more to do."""
        loop = self._owner.loop
        if loop.is_closed():  # and with it whatever could be done there
            return
        self._works.append(work)
        if len(self._works) == 1:
            loop.call_soon(self._run)

    def _run(self) -> None:
        owner, works = self._owner, self._works
        if owner.closed:
            works.clear()
            return
        is_left = True  # also after an error, which is the loop's to report
        try:
            is_left = works[0]()
        finally:
            works.rotate(-1)
            if not is_left:
                works.pop()
            if works:
                owner.loop.call_soon(self._run)
            owner.wake_after_detach()

    def __repr__(self) -> str:
        return f"<Chores {len(self._works)}>"

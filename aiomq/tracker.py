"""Telling when a socket is done with a message: when it left for the transport, or was dropped.

An outbox is a queue, and its peer counts what leaves it: a message is gone from there when as many have left as were
ever put up to it. So nothing is added to a message, and nothing is kept for one that nobody asks about.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Protocol

from aiomq.errors import NotDone
from aiomq.message import Message

__all__ = ["Departures", "MessageTracker", "Traceable", "tracked"]


class MessageTracker:
    """Whether a message that was sent with `track=True` has left the socket; it can be awaited.

    It has left when its bytes were handed to the transport (for inproc: to the other socket), or when it was dropped:
    by a type that drops, by `disconnect`, with a connection, or at the end of LINGER. That a message has left does not
    say that it arrived.
    """

    def __init__(self, *towatch: object) -> None:
        """Make a tracker of several others.

        Args:
            towatch: trackers, and frames that have a tracker; it is done when all are. Without any it is done.

        Raises:
            ValueError: a frame has no tracker.
            TypeError: it is neither.
        """
        self._others = tuple(map(_tracker_of, towatch))
        self._held = 0  # places that have the message; the send itself is one until it succeeds
        self._waiters: list[asyncio.Future[None]] = []

    @property
    def done(self) -> bool:
        """Whether the socket is done with the message."""
        return not self._held and all(other.done for other in self._others)

    async def wait(self, timeout: float | None = None) -> None:
        """Wait until the socket is done with the message.

        Args:
            timeout: seconds; None or negative waits as long as it takes.

        Raises:
            NotDone: the time was over first.

        Cancellation: the message is not affected, and the tracker may be waited for again.
        """
        try:
            async with asyncio.timeout(None if timeout is None or timeout < 0 else timeout):
                await self._wait()
        except TimeoutError:
            raise NotDone(f"the message has not left the socket within {timeout} seconds") from None

    async def _wait(self) -> None:
        if self._held:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            finally:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
        for other in self._others:
            await other._wait()

    def __await__(self) -> Generator[object, None, None]:
        return self._wait().__await__()

    def hold(self) -> None:
        """One more place has the message."""
        self._held += 1

    def release(self) -> None:
        """One place less has the message."""
        self._held -= 1
        if self._held:
            return
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def give_up(self) -> None:
        """The socket has ended: what it still had was dropped."""
        while self._held:
            self.release()

    def __repr__(self) -> str:
        return f"<aiomq.MessageTracker {'done' if self.done else 'not done'}>"


def _tracker_of(each: object) -> MessageTracker:
    if isinstance(each, MessageTracker):
        return each
    if not hasattr(each, "tracker"):
        raise TypeError(f"a tracker is made of trackers and tracked frames, not of {type(each).__name__}")
    if not isinstance(each.tracker, MessageTracker):
        raise ValueError(f"{each!r} has no tracker: it was not sent with track=True")
    return each.tracker


class Traceable(Protocol):
    """A peer that can tell what became of a message that was put to it."""

    @property
    def total_put(self) -> int:
        """How many messages were ever put here."""

    def call_when_gone(self, callback: Callable[[], None], /) -> None:
        """Call back when everything that was put so far has left or was dropped; at once, if it has."""


class Departures:
    """The messages in one outbox that somebody wants to know the departure of."""

    __slots__ = ("_wanted",)

    def __init__(self) -> None:
        self._wanted: deque[tuple[int, Callable[[], None]]] = deque()

    def add(self, total: int, callback: Callable[[], None]) -> None:
        """Call back when so many have left in total; totals never fall."""
        self._wanted.append((total, callback))

    def left(self, total: int) -> bool:
        """So many have left in total; return whether anybody goes on waiting."""
        wanted = self._wanted
        while wanted and wanted[0][0] <= total:
            wanted.popleft()[1]()
        return bool(wanted)

    def end(self) -> None:
        """What is still here was dropped."""
        while self._wanted:
            self._wanted.popleft()[1]()


def tracked(
    peers: Iterable[Traceable], try_send: Callable[[Message], bool], trackers: Sequence[MessageTracker]
) -> Callable[[Message], bool]:
    """Return a `try_send` that lets trackers know which peers took the message, and when it has left from there."""

    def send(message: Message) -> bool:
        before = [(peer, peer.total_put) for peer in peers]
        if not try_send(message):
            return False
        takers = [peer for peer, total in before if peer.total_put != total]
        for tracker in trackers:
            for peer in takers:
                tracker.hold()
                peer.call_when_gone(tracker.release)
            tracker.release()  # it was held until it was sent
        return True

    return send

"""One direction of a socket: who waits for it, who watches it, and when it must let the rest of the loop run.

There are three ways for an operation. Granted: for now it is known that so many operations come down to one call on one
queue, and that is all they do. Short: the pattern decides, and nothing waits. Long: checks, turns, timeouts, waiting.
Whatever could make a grant wrong revokes it; one to send ends with the turn of the loop, for that is when it leaves.

Readiness itself is not kept here: it is a property of the socket's queues, asked for with `is_ready`, so it cannot be
missed or go stale. A gate only keeps the tasks that found it false. Whoever changes the queues calls `wake`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import types
from collections import deque
from collections.abc import Callable, Generator
from typing import Any, Final, TypeVar

from aiomq.errors import Again

__all__ = ["BUDGET", "GRANT_MIN", "Gate", "turn"]

BUDGET: Final = 256
"""Operations that may finish without suspending before one gives the event loop a turn."""

GRANT_MIN: Final = 8
"""A grant for fewer operations than this would cost more than it saves."""

T = TypeVar("T")


@types.coroutine
def turn() -> Generator[None, None, None]:
    """Let everything that is ready to run in this event loop run once."""
    yield


def _nothing(*_: object) -> None:
    raise RuntimeError("there is no grant")


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class Gate:
    """The waiters of one direction, served in the order they came.

    Attributes:
        budget: operations left before the loop gets a turn. Zero also while anybody waits, or when the socket is
            closed: so one test of it tells the short way from the long one.
        granted: operations that may be done by calling `operation` and nothing else; each counts it down.
        is_awaited: whether anybody waits or watches.
        operation: a queue's `append` or `popleft`; anything while `granted` is 0.
        offer: called when a new budget begins, to make a grant if one is possible. (One to receive is also made when
            messages arrive, and lasts as long as the budget.)
    """

    __slots__ = (
        "_error",
        "_is_ready",
        "_size",
        "_used",
        "_watch",
        "budget",
        "granted",
        "is_awaited",
        "offer",
        "operation",
        "waiters",
    )

    def __init__(self, is_ready: Callable[[], bool], offer: Callable[[], None] | None = None) -> None:
        self._is_ready = is_ready
        self.granted = 0
        self.operation: Callable[..., Any] = _nothing
        self._size = 0
        self._used: Callable[[int], None] | None = None
        self.offer = offer
        self._error: Exception | None = None
        self._watch: asyncio.Future[None] | None = None
        self.budget = 0
        self.waiters: deque[asyncio.Future[None]] = deque()
        self.is_awaited = False

    async def take_turn(self) -> None:
        """Give the loop a turn and begin a new budget.

        Cancellation: nothing has happened yet but the turn, so that a call that is tried again has its budget: else one
        whose time is always over at its first turn would never get further.
        """
        try:
            await turn()
        finally:
            self.refill()

    def grant(self, operation: Callable[..., Any], count: int, used: Callable[[int], None] | None = None) -> None:
        """Let `count` operations of this turn come down to a call of `operation`. The owner ends the turn.

        When the grant is over `used` is told how many there were.
        """
        self.operation = operation
        self.granted = self._size = count
        self.budget -= count
        self._used = used

    def revoke(self) -> None:
        """What a grant relied on may change: let operations go the short way again."""
        if self._size:
            used = self._size - self.granted
            self.budget += self.granted
            self.granted = self._size = 0
            if self._used is not None:
                self._used(used)

    def end_turn(self) -> None:
        """The turn that a grant was made in is over, and with it the budget."""
        self.revoke()
        if not self.waiters and self._error is None:
            self.budget = BUDGET

    def refill(self) -> None:
        """Begin a new budget, unless operations must go the long way."""
        if not self.waiters and self._error is None:
            if self._size:
                self.revoke()
            self.budget = BUDGET
            if self.offer is not None:
                self.offer()

    def wake(self, count: int = 1) -> None:
        """Let up to `count` waiters try again, the longest waiting first, and tell everybody who watches."""
        watch = self._watch
        if watch is not None:
            self._watch = None
            self.is_awaited = bool(self.waiters)
            if not watch.done():
                watch.set_result(None)
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(None)
                count -= 1
                if count <= 0:
                    return

    def close(self, error: Exception) -> None:
        """End all waits with an error, tell everybody who watches, and let nothing go the short way again."""
        self._error = error
        self.revoke()
        self.budget = 0
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_exception(error)
        self.wake()

    def forsake(self, error: Exception) -> None:
        """Refuse everything with an error, and hand nothing out: in a forked child, where this is a copy."""
        self._error = error
        self.granted = self._size = self.budget = 0
        self._used = None
        for waiter in self.waiters:
            if not waiter.done():
                with contextlib.suppress(RuntimeError):  # the loop of another thread, which is not there either
                    waiter.set_exception(error)
                    waiter.exception()  # seen: there may be no loop here that ever runs the task

    def watch(self, loop: asyncio.AbstractEventLoop) -> asyncio.Future[None]:
        """Return the future that is done at the next `wake`; all who watch share it, so nobody may cancel it."""
        if self._watch is None or self._watch.done():
            self._watch = loop.create_future()
            self.is_awaited = True
        return self._watch

    async def wait_for(
        self,
        attempt: Callable[[], T | None],
        loop: asyncio.AbstractEventLoop,
        timeout_ms: int,
        late: str,
        *,
        early: bool = False,
    ) -> T:
        """Try again and again, each time somebody says it may work, until `attempt` gives something.

        With `early` the first attempt is not left to a wake-up: what those in front wait for may be something else. It
        is made as soon as none of them is about to try.

        Cancellation: between the attempt that succeeds and the return nothing is awaited, so what was taken is
        delivered; a wake-up that was meant for a cancelled waiter goes to the next one.

        Raises:
            Again: `timeout_ms` (-1: never) went by first; its text is `late`.
        """
        if self._error is not None:  # nobody would wake this waiter
            raise self._error
        waiter = self._join(loop, early=early)
        deadline = None if timeout_ms < 0 else loop.time() + timeout_ms / 1000
        timer = None if deadline is None else loop.call_at(deadline, self._expire, waiter, late)
        try:
            while True:
                await waiter
                if self._error is not None:  # closed since the wake-up: what it was for is gone
                    raise self._error
                early = early and self._is_behind(waiter)
                if not early and (result := attempt()) is not None:
                    return result
                waiter = self._renew(waiter, loop, early=early)
                if deadline is not None and timer is not None:
                    if loop.time() >= deadline:  # woken for nothing in every turn, the timer would not get at it
                        raise Again(late)
                    timer.cancel()
                    timer = loop.call_at(deadline, self._expire, waiter, late)
        except BaseException:  # a cancellation, too, may come after the error that the waiter holds
            if waiter.done() and not waiter.cancelled():
                waiter.exception()  # seen, also where a cancellation came first: asyncio logs those nobody looked at
            raise
        finally:
            if timer is not None:
                timer.cancel()
            self._leave(waiter)

    def _join(self, loop: asyncio.AbstractEventLoop, *, early: bool) -> asyncio.Future[None]:
        """Stand at the end of the line."""
        if self._size:
            self.revoke()
        self.budget = 0
        waiter: asyncio.Future[None] = loop.create_future()
        self.waiters.append(waiter)
        self.is_awaited = True
        if early:
            loop.call_soon(_wake, waiter)
        return waiter

    def _renew(
        self, waiter: asyncio.Future[None], loop: asyncio.AbstractEventLoop, *, early: bool
    ) -> asyncio.Future[None]:
        """Put a fresh future in the place of one that was woken for nothing."""
        fresh: asyncio.Future[None] = loop.create_future()
        self.waiters[self.waiters.index(waiter)] = fresh
        if early:
            loop.call_soon(_wake, fresh)
        return fresh

    def _is_behind(self, waiter: asyncio.Future[None]) -> bool:
        """Whether one who came before is woken and has not tried yet."""
        return any(other.done() for other in itertools.takewhile(lambda other: other is not waiter, self.waiters))

    @staticmethod
    def _expire(waiter: asyncio.Future[None], late: str) -> None:
        if not waiter.done():
            waiter.set_exception(Again(late))

    def _leave(self, waiter: asyncio.Future[None]) -> None:
        waiters = self.waiters
        if waiters[0] is waiter:
            del waiters[0]
        else:
            waiters.remove(waiter)
        if not waiters:
            self.is_awaited = self._watch is not None
            self.refill()
        elif self._error is None and self._is_ready():
            self.wake()

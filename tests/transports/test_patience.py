"""A time limit on a peer, on a clock that the test turns."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import Any, cast

import pytest

from aiomq.transports.patience import Patience


class Handle:
    """What a loop gives for a callback."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Clockwork:
    """As much of an event loop as a timer needs; time passes when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0
        self._timers: list[tuple[float, int, Handle]] = []
        self._soon: list[Handle] = []
        self._numbers = itertools.count()

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> Handle:
        handle = Handle(callback)
        heapq.heappush(self._timers, (when, next(self._numbers), handle))
        return handle

    def call_soon(self, callback: Callable[[], None]) -> Handle:
        self._soon.append(Handle(callback))
        return self._soon[-1]

    def turn(self) -> None:
        """Run what is due."""
        due, self._soon = self._soon, []
        while self._timers and self._timers[0][0] <= self.now:
            due.append(heapq.heappop(self._timers)[2])
        for handle in due:
            if not handle.cancelled:
                handle.callback()

    def sleep(self, seconds: float) -> None:
        """Let time pass while the loop turns all the time."""
        end = self.now + seconds
        while self._timers and self._timers[0][0] <= end:
            self.now = max(self.now, self._timers[0][0])
            self.turn()
        self.now = end

    def block(self, seconds: float) -> None:
        """Let time pass while the loop stands still, and give it one turn."""
        self.now += seconds
        self.turn()


@pytest.fixture
def loop() -> Clockwork:
    return Clockwork()


class Limit:
    """A limit of a second, and whether it was over."""

    def __init__(self, loop: Clockwork) -> None:
        self.over = 0
        self.left = 0
        self.patience = Patience(cast(Any, loop), 1.0, self._end, lambda: self.left)

    def _end(self) -> None:
        self.over += 1


def test_limit_is_over_two_turns_after_its_time(loop: Clockwork) -> None:
    limit = Limit(loop)
    loop.sleep(0.99)
    assert limit.over == 0

    loop.sleep(0.02)
    loop.turn()
    loop.turn()

    assert limit.over == 1
    loop.sleep(10)
    assert limit.over == 1


@pytest.mark.parametrize("turns", [0, 1])
def test_limit_stopped_within_the_last_turns_is_not_over(loop: Clockwork, turns: int) -> None:
    limit = Limit(loop)
    loop.sleep(1.0)
    for _ in range(turns):
        loop.turn()
    assert limit.over == 0

    limit.patience.stop()
    loop.sleep(10)

    assert limit.over == 0


def test_limit_goes_on_as_long_as_bytes_leave(loop: Clockwork) -> None:
    limit = Limit(loop)
    for _ in range(5):
        loop.sleep(0.9)
        limit.left += 1
    loop.sleep(0.5)
    assert limit.over == 0

    loop.sleep(2.1)
    loop.turn()
    loop.turn()

    assert limit.over == 1


def test_limit_that_comes_late_begins_anew_once(loop: Clockwork) -> None:
    limit = Limit(loop)
    loop.block(5.0)
    loop.sleep(0.9)
    assert limit.over == 0

    loop.block(5.0)
    loop.turn()
    loop.turn()

    assert limit.over == 1


def test_limit_forgives_again_after_progress(loop: Clockwork) -> None:
    limit = Limit(loop)
    loop.block(5.0)
    limit.left += 1
    loop.sleep(1.0)  # it has moved: a whole second again
    loop.block(5.0)
    loop.turn()
    loop.turn()

    assert limit.over == 0


def test_limit_restarted_has_its_whole_time_again(loop: Clockwork) -> None:
    limit = Limit(loop)
    loop.sleep(0.9)
    limit.patience.stop()
    loop.sleep(5)

    limit.patience.restart()
    loop.sleep(0.9)
    assert limit.over == 0
    loop.sleep(0.2)
    loop.turn()
    loop.turn()

    assert limit.over == 1

"""`Gate`: waiters in order, wake-ups that are not lost, and the budget of a turn."""

from __future__ import annotations

import asyncio
import errno

import pytest

from aiomq.errors import Again, ZMQError
from aiomq.gate import BUDGET, Gate, turn
from tests.sockets.links import settled, started, turns

LATE = "nobody came"


class Shelf:
    """Something that waiters take from: its gate's readiness is that it is not empty."""

    def __init__(self) -> None:
        self.items: list[str] = []
        self.taken: list[str] = []
        self.gate = Gate(lambda: bool(self.items))

    def put(self, *items: str, wake: int | None = None) -> None:
        self.items += items
        self.gate.wake(len(items) if wake is None else wake)

    def take(self) -> str | None:
        return self.items.pop(0) if self.items else None

    async def get(self, name: str = "", timeout_ms: int = -1) -> str:
        item = await self.gate.wait_for(self.take, asyncio.get_running_loop(), timeout_ms, LATE)
        self.taken.append(f"{name}{item}")
        return item


async def test_wait_for_woken_waiters_are_served_in_order() -> None:
    shelf = Shelf()
    tasks = [await started(shelf.get(name)) for name in "ABC"]

    shelf.put("1", "2", "3")
    await asyncio.gather(*tasks)

    assert shelf.taken == ["A1", "B2", "C3"]


async def test_wake_with_a_count_wakes_the_longest_waiting_first() -> None:
    shelf = Shelf()
    tasks = [await started(shelf.get(name)) for name in "ABC"]

    shelf.gate.wake(2)

    assert [waiter.done() for waiter in shelf.gate.waiters] == [True, True, False]
    shelf.put("1", "2", "3")
    await asyncio.gather(*tasks)


async def test_wake_again_in_the_same_turn_goes_to_the_next_waiter() -> None:
    shelf = Shelf()
    tasks = [await started(shelf.get(name)) for name in "AB"]

    shelf.put("1")
    shelf.put("2")
    await asyncio.gather(*tasks)

    assert shelf.taken == ["A1", "B2"]


async def test_wait_for_one_wake_up_for_several_items_reaches_every_waiter() -> None:
    shelf = Shelf()
    tasks = [await started(shelf.get(name)) for name in "ABC"]

    shelf.put("1", "2", "3", wake=1)
    await asyncio.gather(*tasks)

    assert shelf.taken == ["A1", "B2", "C3"]


async def test_wait_for_woken_waiter_that_is_cancelled_passes_its_wake_up_on() -> None:
    shelf = Shelf()
    first, second = await started(shelf.get("A")), await started(shelf.get("B"))

    shelf.put("1")
    first.cancel()

    assert await second == "1"
    assert first.cancelled()


async def test_wait_for_whole_row_of_cancelled_waiters_loses_no_wake_up() -> None:
    shelf = Shelf()
    tasks = [await started(shelf.get()) for _ in range(10)]

    shelf.put("1")
    for task in tasks[:-1]:
        task.cancel()

    assert await tasks[-1] == "1"


async def test_wait_for_cancelled_waiter_with_nothing_ready_wakes_nobody() -> None:
    shelf = Shelf()
    first, second = await started(shelf.get("A")), await started(shelf.get("B"))

    shelf.gate.wake()
    first.cancel()
    await turns(3)

    assert [waiter.done() for waiter in shelf.gate.waiters] == [False]
    shelf.put("1")
    assert await second == "1"


async def test_wait_for_woken_for_nothing_keeps_its_place() -> None:
    shelf = Shelf()
    first, second = await started(shelf.get("A")), await started(shelf.get("B"))

    shelf.gate.wake()
    await settled(first)
    shelf.put("1", "2")
    await asyncio.gather(first, second)

    assert shelf.taken == ["A1", "B2"]


async def test_wait_for_error_of_the_attempt_is_raised_and_wakes_the_next() -> None:
    shelf = Shelf()

    def refuse() -> str | None:
        raise ZMQError(errno.ENOTSUP)

    loop = asyncio.get_running_loop()
    first = await started(shelf.gate.wait_for(refuse, loop, -1, LATE))
    second = await started(shelf.get())
    shelf.put("1")

    with pytest.raises(ZMQError):
        await first
    assert await second == "1"


async def test_wait_for_time_over_raises_again_with_the_text() -> None:
    shelf = Shelf()

    with pytest.raises(Again, match=LATE):
        await shelf.get(timeout_ms=1)

    assert not shelf.gate.is_awaited


async def test_wait_for_woken_for_nothing_has_the_deadline_it_began_with() -> None:
    shelf = Shelf()
    loop = asyncio.get_running_loop()
    begin = loop.time()
    task = await started(shelf.get(timeout_ms=5))

    while not task.done():
        shelf.gate.wake()
        await asyncio.sleep(0)

    with pytest.raises(Again):
        task.result()
    assert loop.time() - begin < 5


async def test_wait_for_time_over_and_woken_at_once_passes_the_wake_up_on() -> None:
    shelf = Shelf()
    first = await started(shelf.get("A", timeout_ms=60_000))
    second = await started(shelf.get("B"))

    shelf.gate._expire(shelf.gate.waiters[0], LATE)  # as the timer does, in the turn in which the item comes
    shelf.put("1", wake=1)

    assert await second == "1"
    with pytest.raises(Again):
        await first


async def test_wait_for_success_leaves_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf()
    loop = asyncio.get_running_loop()
    made: list[asyncio.TimerHandle] = []
    call_at = loop.call_at

    def recording(*args: object, **kwargs: object) -> asyncio.TimerHandle:
        made.append(call_at(*args, **kwargs))  # type: ignore[arg-type]  # passed on as it came
        return made[-1]

    monkeypatch.setattr(loop, "call_at", recording)
    task = await started(shelf.get(timeout_ms=60_000))
    shelf.gate.wake()
    await settled(task)
    shelf.put("1")
    await task

    assert made
    assert all(timer.cancelled() for timer in made)


async def test_close_ends_every_wait_with_the_error() -> None:
    shelf = Shelf()
    tasks = [await started(shelf.get()) for _ in range(3)]

    shelf.gate.close(ZMQError(errno.ENOTSOCK, "closed"))
    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert [str(result) for result in results] == ["closed"] * 3


async def test_close_in_the_turn_of_the_wake_up_ends_that_wait_too() -> None:
    shelf = Shelf()
    task = await started(shelf.get())

    shelf.put("1")
    shelf.gate.close(ZMQError(errno.ENOTSOCK, "closed"))

    with pytest.raises(ZMQError, match="closed"):
        await task
    assert shelf.items == ["1"]


async def test_close_lets_nothing_go_the_short_way_again() -> None:
    shelf = Shelf()
    shelf.gate.refill()
    task = await started(shelf.get())

    shelf.gate.close(ZMQError(errno.ENOTSOCK, "closed"))
    with pytest.raises(ZMQError):
        await task
    await shelf.gate.take_turn()

    assert shelf.gate.budget <= 0


async def test_watch_is_shared_and_done_at_the_next_wake() -> None:
    shelf = Shelf()
    loop = asyncio.get_running_loop()

    watch = shelf.gate.watch(loop)
    assert shelf.gate.watch(loop) is watch
    assert shelf.gate.is_awaited
    shelf.gate.wake()

    assert watch.done()
    assert not shelf.gate.is_awaited
    assert not shelf.gate.watch(loop).done()


async def test_watch_takes_no_wake_up_from_a_waiter() -> None:
    shelf = Shelf()
    task = await started(shelf.get())
    watch = shelf.gate.watch(asyncio.get_running_loop())

    shelf.put("1", wake=1)

    assert watch.done()
    assert await task == "1"


async def test_watch_is_done_when_the_gate_closes() -> None:
    shelf = Shelf()
    watch = shelf.gate.watch(asyncio.get_running_loop())

    shelf.gate.close(ZMQError(errno.ENOTSOCK, "closed"))

    assert watch.done()
    assert watch.exception() is None


async def test_budget_is_zero_while_somebody_waits_and_new_when_the_last_leaves() -> None:
    shelf = Shelf()
    await shelf.gate.take_turn()
    assert shelf.gate.budget == BUDGET

    first, second = await started(shelf.get()), await started(shelf.get())
    assert shelf.gate.budget == 0
    shelf.put("1")
    await first
    shelf.gate.refill()
    assert shelf.gate.budget == 0
    shelf.put("2")
    await second

    assert shelf.gate.budget == BUDGET


async def test_take_turn_lets_what_is_ready_run_once() -> None:
    ran: list[str] = []
    loop = asyncio.get_running_loop()
    loop.call_soon(lambda: loop.call_soon(ran.append, "next turn"))
    loop.call_soon(ran.append, "this turn")

    await Shelf().gate.take_turn()

    assert ran == ["this turn"]
    await turn()
    assert ran == ["this turn", "next turn"]


async def test_take_turn_cancelled_has_given_the_turn_and_begins_a_budget() -> None:
    shelf = Shelf()
    task = asyncio.get_running_loop().create_task(shelf.gate.take_turn())
    await asyncio.sleep(0)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert shelf.gate.budget == BUDGET


async def test_wait_for_at_a_closed_gate_raises_what_closed_it() -> None:
    shelf = Shelf()
    closed = ZMQError(errno.ENOTSOCK, "closed")
    shelf.gate.close(closed)

    with pytest.raises(ZMQError) as raised:
        await asyncio.wait_for(shelf.get(), 5)

    assert raised.value is closed
    assert not shelf.gate.waiters

"""Freed memory that goes back to the system when those who had made us hold it have left."""

from __future__ import annotations

import asyncio
import threading

import pytest

import aiomq
from aiomq.transports import giving_back
from aiomq.transports.giving_back import MUCH, GivingBack
from tests.transports.scripted import BOUND, Script, settled


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every quiet moment do."""
    monkeypatch.setattr(giving_back, "QUIET", 0.01)


class Heap:
    """A heap that is looked at, and given back."""

    def __init__(self, free: int, resident: int) -> None:
        self.free, self.resident = free, resident
        self.looks = 0
        self.given = threading.Event()
        self.made = GivingBack(self.look, lambda: self.resident, self.give)

    def look(self) -> int:
        self.looks += 1
        return self.free

    def give(self) -> None:
        self.resident -= self.free
        self.given.set()


async def test_much_that_is_free_is_given_back_once_it_is_quiet() -> None:
    heap = Heap(free=2 * MUCH, resident=4 * MUCH)
    for _ in range(1000):
        heap.made.connection_ended(asyncio.get_running_loop())
    async with asyncio.timeout(BOUND):
        await asyncio.to_thread(heap.given.wait, BOUND)
    await settled(lambda: heap.made._given_at == 2 * MUCH)
    assert heap.looks == 1


@pytest.mark.parametrize(("free", "resident"), [(MUCH - 1, 10 * MUCH), (2 * MUCH, MUCH - 1)])
async def test_little_that_is_free_or_in_memory_stays(free: int, resident: int) -> None:
    heap = Heap(free, resident)
    heap.made.connection_ended(asyncio.get_running_loop())
    await settled(lambda: heap.looks == 1)
    await settled(lambda: not heap.made._due_at)
    assert not heap.given.is_set()


async def test_what_was_given_back_is_not_given_back_again() -> None:
    heap = Heap(free=2 * MUCH, resident=4 * MUCH)
    for looks in (1, 2):
        heap.made.connection_ended(asyncio.get_running_loop())
        await settled(lambda looks=looks: heap.looks == looks and not heap.made._due_at)  # type: ignore[misc]
        await settled(heap.given.is_set)
        await settled(lambda: heap.made._given_at > 0)
    assert heap.resident == 2 * MUCH


def test_loop_that_stands_keeps_no_other_from_looking() -> None:
    heap = Heap(free=2 * MUCH, resident=4 * MUCH)

    async def lose() -> None:
        heap.made.connection_ended(asyncio.get_running_loop())

    asyncio.run(lose())
    heap.made._due_at -= giving_back.LATE + 1  # time passes

    async def lose_and_wait() -> None:
        await lose()
        await settled(lambda: heap.looks == 1)

    asyncio.run(lose_and_wait())
    assert heap.given.wait(BOUND)


async def test_end_of_a_connection_that_came_in_is_told(
    context: aiomq.Context, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    heap = Heap(free=0, resident=0)
    monkeypatch.setattr(giving_back, "_process", heap.made)
    with context.socket(aiomq.PULL) as pull:
        pull.bind("tcp://127.0.0.1:*")
        (await script.greeted(pull.last_endpoint, "PUSH")).close()
        await settled(lambda: heap.looks == 1)

"""What a message costs the event loop when nothing has to wait: no task, no future, a callback for a whole batch."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

import aiomq
from tests.sockets.links import linked, subscribed, until

Endpoint = Callable[[], str]

MESSAGES = 1000
FEW = MESSAGES // 12
"""Callbacks are for batches: the turns that are given to others, the flush of each, what is read in them."""


class Calls:
    """Counts what is asked of the loop while it is being counted."""

    MADE = ("create_task", "create_future", "call_later", "call_at", "call_soon")

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.counts: Counter[str] = Counter()
        self._patch = monkeypatch

    def begin(self) -> None:
        loop = asyncio.get_running_loop()
        for name in self.MADE:
            self._patch.setattr(loop, name, self._counting(name, getattr(loop, name)), raising=True)

    def end(self) -> Counter[str]:
        self._patch.undo()
        return self.counts

    def _counting(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def count(*args: Any, **kwargs: Any) -> Any:
            self.counts[name] += 1
            return original(*args, **kwargs)

        return count


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Return a counter of the calls to this test's loop."""
    return Calls(monkeypatch)


def check(counts: Counter[str]) -> None:
    """Check that nothing was made, and that only few callbacks were scheduled."""
    made = {name: counts[name] for name in Calls.MADE if name != "call_soon" and counts[name]}
    assert made == {}
    assert counts["call_soon"] <= FEW


@pytest.mark.parametrize("size", [1, 1000])
async def test_send_with_room_makes_nothing(
    context: aiomq.Context, endpoint: Endpoint, calls: Calls, size: int
) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH, hwm=0)
    await push.send(b"first")
    await pull.recv()
    message = bytes(size)

    calls.begin()
    for _ in range(MESSAGES):
        await push.send(message)

    check(calls.end())


async def test_recv_with_messages_there_makes_nothing(context: aiomq.Context, endpoint: Endpoint, calls: Calls) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH, hwm=0)
    await push.send_many([b"x"] * MESSAGES)
    await until(lambda: f"in={MESSAGES}>" in repr(pull))

    calls.begin()
    for _ in range(MESSAGES):
        await pull.recv()

    check(calls.end())


async def test_multipart_messages_make_nothing_either(context: aiomq.Context, endpoint: Endpoint, calls: Calls) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH, hwm=0)
    await push.send(b"first")
    await pull.recv()

    calls.begin()
    for _ in range(MESSAGES):
        await push.send_multipart([b"a", b"b"])
    sent = calls.end().copy()
    await until(lambda: f"in={MESSAGES}>" in repr(pull))
    calls.counts.clear()
    calls.begin()
    for _ in range(MESSAGES):
        await pull.recv_multipart()

    check(sent)
    check(calls.end())


async def test_send_many_and_recv_many_make_nothing(context: aiomq.Context, endpoint: Endpoint, calls: Calls) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH, hwm=0)
    await push.send(b"first")
    await pull.recv()

    calls.begin()
    await push.send_many([b"x"] * MESSAGES)
    sent = calls.end().copy()
    await until(lambda: f"in={MESSAGES}>" in repr(pull))
    calls.counts.clear()
    calls.begin()
    received = await pull.recv_many(MESSAGES)

    check(sent)
    check(calls.end())
    assert len(received) == MESSAGES


async def test_nowait_verbs_make_nothing(context: aiomq.Context, endpoint: Endpoint, calls: Calls) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH, hwm=0)
    await push.send(b"first")
    await pull.recv()

    calls.begin()
    for _ in range(MESSAGES):
        push.send_nowait(b"x")
    sent = calls.end().copy()
    await until(lambda: f"in={MESSAGES}>" in repr(pull))
    calls.counts.clear()
    calls.begin()
    for _ in range(MESSAGES):
        pull.recv_nowait()

    check(sent)
    check(calls.end())


async def test_publishing_to_several_subscribers_makes_nothing(
    context: aiomq.Context, endpoint: Endpoint, calls: Calls
) -> None:
    pub, _ = await subscribed(context, endpoint(), hwm=0)
    for topic in "ab":
        other = context.socket(aiomq.SUB, hwm=0)
        other.subscribe(topic)
        other.connect(pub.last_endpoint)
    await until(lambda: pub.topics_count == 3)

    calls.begin()
    for _ in range(MESSAGES):
        await pub.send(b"a message for two of three")

    check(calls.end())


async def test_polling_what_is_ready_makes_no_task(context: aiomq.Context, endpoint: Endpoint, calls: Calls) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    await push.send(b"x")
    poller = aiomq.Poller()
    poller.register(pull, aiomq.POLLIN)
    await poller.poll()

    calls.begin()
    for _ in range(MESSAGES):
        await poller.poll()
    counts = calls.end()

    assert counts["create_task"] == 0
    assert counts["call_soon"] <= FEW


async def test_waiting_for_a_message_makes_one_future_and_no_task(context: aiomq.Context, calls: Calls) -> None:
    pull, push = linked(context, "inproc://wait", aiomq.PULL, aiomq.PUSH)
    loop = asyncio.get_running_loop()
    loop.call_soon(lambda: loop.call_soon(push.send_nowait, b"x"))

    calls.begin()
    received = await pull.recv()
    counts = calls.end()

    assert received == b"x"
    assert counts["create_task"] == 0
    assert counts["create_future"] == 1


async def test_idle_connections_have_no_task(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)

    await push.send(b"x")
    await pull.recv()
    await until(lambda: len(asyncio.all_tasks()) == 1)

    assert asyncio.all_tasks() == {asyncio.current_task()}

"""Durable sockets whose store fails: nothing hangs, and nothing is lost in silence."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path

import pytest

import aiomq
from aiomq import SqliteStore
from aiomq.durable_ledger import RETRY_SECONDS
from tests.durable.memory_store import MemoryStore
from tests.durable.stays import away, come, gone, received, there
from tests.sockets.links import started, turns, until


async def test_send_says_that_the_store_failed_and_works_again_with_it(
    context: aiomq.Context, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = MemoryStore()
    pub = context.socket(aiomq.PUB, durable=60.0, durable_store=store)
    pub.bind(address)
    await gone(pub, await there(pub, aiomq.SUB))
    await turns(2)
    store.failure = OSError(errno.ENOSPC, "no space left on the device")
    await pub.send(b"queued")  # nothing is known yet
    await turns(2)

    for _ in range(3):
        with pytest.raises(aiomq.ZMQError, match="no space left") as refused:
            await pub.send(b"refused")
        assert refused.value.errno == errno.ENOSPC
    with pytest.raises(aiomq.ZMQError, match="no space left"):
        pub.sync_store()
    assert [peer.queued_out for peer in away(pub)] == [1]
    assert len([each for each in caplog.records if "failed" in each.message]) == 1

    store.failure = None
    pub.sync_store()
    await pub.send(b"and on")
    await turns(2)
    assert list(store.messages[b"one"].values()) == [b"queued", b"and on"]


async def test_broadcast_is_not_taken_down_while_the_store_fails(context: aiomq.Context, address: str) -> None:
    store = MemoryStore()
    pub = context.socket(aiomq.PUB, durable=60.0, durable_store=store, sndhwm=0)
    pub.bind(address)
    await gone(pub, await there(pub, aiomq.SUB))
    await turns(2)
    store.failure = ValueError("whatever")
    sent = 0
    refusal = None
    while sent < 10_000 and refusal is None:
        try:
            await pub.send(b"x")
            sent += 1
        except aiomq.ZMQError as error:
            refusal = error
    assert refusal is not None
    assert (refusal.errno, "whatever" in str(refusal)) == (errno.EIO, True)
    store.failure = None
    pub.sync_store()

    assert len(store.messages[b"one"]) == sent
    for _ in range(1000):
        await pub.send(b"x")
    await turns(2)
    assert len(store.messages[b"one"]) == sent + 1000


async def test_store_that_failed_is_tried_again_by_itself(
    context: aiomq.Context, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiomq.durable_ledger.RETRY_SECONDS", 0.001)
    store = MemoryStore()
    push = context.socket(aiomq.PUSH, durable=60.0, durable_store=store, sndhwm=3)
    push.bind(address)
    await gone(push, await there(push, aiomq.PULL))
    await push.send(b"1")
    await turns(2)
    store.failure = OSError("broken")
    await push.send(b"2")
    await until(lambda: push._core.durable and push._core.durable.ledger and push._core.durable.ledger.error)
    pull = come(push, aiomq.PULL)
    await push.wait_connected()
    await turns(50)
    with pytest.raises(aiomq.Again):
        pull.recv_nowait()  # what the store has does not leave before it is struck out

    store.failure = None
    assert await received(pull.recv, 2) == [b"1", b"2"]
    await push.send(b"3")
    assert await pull.recv() == b"3"
    assert RETRY_SECONDS == 1.0


async def test_end_of_a_socket_whose_store_fails_says_what_is_lost(
    context: aiomq.Context, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = MemoryStore()
    pub = context.socket(aiomq.PUB, durable=60.0, durable_store=store)
    pub.bind(address)
    await gone(pub, await there(pub, aiomq.SUB))
    await pub.send(b"kept")
    await turns(2)
    store.failure = OSError(errno.EIO, "broken")
    pub.send_nowait(b"lost")
    async with asyncio.timeout(5):
        await pub.aclose()

    assert store.closed == 1
    assert list(store.messages[b"one"].values()) == [b"kept"]
    assert [each.args for each in caplog.records if "are lost" in each.msg] == [(1,)]


async def test_send_that_waits_for_room_learns_that_the_store_failed(context: aiomq.Context, address: str) -> None:
    store = MemoryStore()
    push = context.socket(aiomq.PUSH, durable=60.0, durable_store=store, sndhwm=1)
    push.bind(address)
    await gone(push, await there(push, aiomq.PULL))
    await push.send(b"1")
    waiting = await started(push.send(b"2"))
    store.failure = OSError(errno.EIO, "broken")
    come(push, aiomq.PULL, b"two")

    with pytest.raises(aiomq.ZMQError, match="broken"):
        await asyncio.wait_for(waiting, 5)


async def test_store_that_cannot_be_used_is_an_error_at_the_call(
    context: aiomq.Context, address: str, store_path: Path
) -> None:
    first = context.socket(aiomq.PUB, durable=60.0, durable_store=store_path)
    with pytest.raises(aiomq.ZMQError, match="has it open"):
        context.socket(aiomq.PUB, durable=60.0, durable_store=store_path)
    with pytest.raises(aiomq.ZMQError, match="which stays"):
        first.durable_store = store_path.with_name("other.db")
    with pytest.raises(aiomq.ZMQError, match="stays durable"):
        first.durable = 0
    assert isinstance(first.durable_store, SqliteStore)
    bound = context.socket(aiomq.PUB, durable=60.0)
    bound.bind(address)
    with pytest.raises(aiomq.ZMQError, match="before the first bind"):
        bound.durable_store = store_path.with_name("other.db")
    await first.aclose()
    with pytest.raises(aiomq.ZMQError, match="bogus"):  # and lets go of the store
        context.socket(aiomq.PUB, durable=60.0, durable_store=store_path, bogus=1)
    await context.socket(aiomq.PUB, durable=60.0, durable_store=store_path).aclose()


def test_store_of_a_socket_whose_loop_has_ended_is_let_go(store_path: Path) -> None:
    context = aiomq.Context()

    async def left_open() -> aiomq.Socket:
        socket = context.socket(aiomq.PUSH, durable=60.0, durable_store=store_path)
        socket.bind("tcp://127.0.0.1:*")
        return socket

    asyncio.run(left_open()).close()

    SqliteStore(store_path).close()
    context.destroy()

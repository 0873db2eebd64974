"""Connections on which nothing moves: `idle_timeout` and `write_timeout`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

import aiomq
from tests.sockets.links import linked, until
from tests.sockets.strangers import Stranger
from tests.transports.scripted import events_until, frame

MIB = 1 << 20
LARGE = bytes(2 * MIB)
ADDRESSES = ["tcp://127.0.0.1:*", "ipc://*"]


@pytest.fixture
def strangers() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize(
    ("ours", "theirs"), [(aiomq.PUSH, "PULL"), (aiomq.DEALER, "ROUTER"), (aiomq.PUB, "SUB"), (aiomq.XPUB, "SUB")]
)
async def test_peer_that_takes_nothing_is_cut(
    context: aiomq.Context, strangers: ExitStack, address: str, ours: int, theirs: str
) -> None:
    socket = context.socket(ours, write_timeout=200)
    socket.bind(address)
    monitor = socket.monitor(events=aiomq.Event.DISCONNECTED)
    stranger = strangers.enter_context(Stranger(socket.last_endpoint, theirs))
    await socket.wait_connected()
    if theirs == "SUB":
        await stranger.send(b"\0\1\1")
        await socket.wait_subscribed(b"")
    await socket.send_many([LARGE] * 3)

    event = (await events_until(monitor, aiomq.Event.DISCONNECTED))[-1]
    assert "write_timeout" in str(event.error)
    await until(lambda: not socket.peers())
    assert socket.counters.over == {"write_timeout": 1}
    assert (socket.counters.cut, socket.counters.protocol_errors) == (1, 0)


@pytest.mark.parametrize("address", ADDRESSES)
async def test_peer_that_takes_a_little_now_and_then_is_kept(
    context: aiomq.Context, strangers: ExitStack, address: str
) -> None:
    push = context.socket(aiomq.PUSH, write_timeout=1500)
    push.bind(address)
    stranger = strangers.enter_context(Stranger(push.last_endpoint, "PULL"))
    await push.wait_connected()
    await push.send_many([LARGE] * 20)
    loop = asyncio.get_running_loop()
    end = loop.time() + 4
    while loop.time() < end:
        for _ in range(16):
            await stranger.read(64 << 10)
        await asyncio.sleep(0.2)
    assert push.counters.cut == 0
    assert len(push.peers()) == 1


@pytest.mark.parametrize("address", ADDRESSES)
async def test_what_the_cut_peer_had_sent_is_still_read(
    context: aiomq.Context, strangers: ExitStack, address: str
) -> None:
    router = context.socket(aiomq.ROUTER, rcvhwm=10, write_timeout=200)
    router.bind(address)
    stranger = strangers.enter_context(Stranger(router.last_endpoint, "DEALER"))
    await stranger.send(b"".join(frame(b"%d" % number) for number in range(100)))
    for number in range(5):
        name, body = await router.recv_multipart()
        assert body == b"%d" % number
        await router.send_multipart([name, LARGE])
    await until(lambda: router.counters.cut == 1)
    assert [int((await router.recv_multipart())[1]) for _ in range(95)] == list(range(5, 100))


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize(
    ("ours", "theirs"), [(aiomq.PULL, "PUSH"), (aiomq.REP, "REQ"), (aiomq.ROUTER, "DEALER"), (aiomq.PUB, "SUB")]
)
async def test_peer_that_is_silent_is_cut(
    context: aiomq.Context, strangers: ExitStack, address: str, ours: int, theirs: str
) -> None:
    socket = context.socket(ours, idle_timeout=200)
    socket.bind(address)
    strangers.enter_context(Stranger(socket.last_endpoint, theirs))
    await until(lambda: socket.counters.connects == 1)
    await until(lambda: not socket.peers())
    assert socket.counters.over == {"idle_timeout": 1}


async def test_silent_byte_stream_is_cut(context: aiomq.Context, strangers: ExitStack) -> None:
    stream = context.socket(aiomq.STREAM, idle_timeout=200)
    stream.bind("tcp://127.0.0.1:*")
    strangers.enter_context(Stranger(stream.last_endpoint, "whatever"))
    await until(lambda: stream.counters.over == {"idle_timeout": 1})


@pytest.mark.parametrize("address", ADDRESSES)
async def test_dialer_connects_again_after_the_cut(context: aiomq.Context, address: str) -> None:
    pull, push = linked(context, address, aiomq.PULL, aiomq.PUSH)
    lone = context.socket(aiomq.PUSH, idle_timeout=200, reconnect_ivl=1)
    lone.connect(pull.last_endpoint)
    await until(lambda: lone.counters.cut >= 1)
    await until(lambda: lone.counters.connects >= 2)
    await lone.send(b"here again")
    assert await pull.recv() == b"here again"
    assert push.counters.cut == 0


@pytest.mark.parametrize("address", ADDRESSES)
async def test_heartbeats_are_traffic(context: aiomq.Context, address: str) -> None:
    pull = context.socket(aiomq.PULL, idle_timeout=1000, heartbeat_ivl=100)
    pull.bind(address)
    push = context.socket(aiomq.PUSH, idle_timeout=1000)
    push.connect(pull.last_endpoint)
    await push.wait_connected()
    await asyncio.sleep(2.5)
    assert (pull.counters.cut, push.counters.cut) == (0, 0)


@pytest.mark.parametrize("address", ADDRESSES)
async def test_nobody_is_blamed_for_an_inbox_that_is_not_read(
    context: aiomq.Context, strangers: ExitStack, address: str
) -> None:
    pull = context.socket(aiomq.PULL, rcvhwm=2, idle_timeout=200)
    pull.bind(address)
    stranger = strangers.enter_context(Stranger(pull.last_endpoint, "PUSH"))
    await stranger.send(frame(b"x") * 10)
    await until(lambda: pull.peers() and pull.peers()[0].queued_in == 2)
    await asyncio.sleep(0.8)
    assert pull.counters.cut == 0
    for _ in range(10):
        await pull.recv()
    await until(lambda: pull.counters.over == {"idle_timeout": 1})

"""Peers that fill an inbox that nobody reads, and leave: nothing that they sent is lost, and nothing of them stays."""

from __future__ import annotations

import asyncio
import select
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import aiomq
from aiomq.transports.hangups import hangups_of
from tests.sockets.links import turns, until
from tests.sockets.strangers import Stranger
from tests.transports.scripted import MORE, frame

KIB, MIB = 1 << 10, 1 << 20
ADDRESSES = ["tcp://127.0.0.1:*", "ipc://*"]

pytestmark = pytest.mark.skipif(not hasattr(select, "poll"), reason="the system does not tell of hang-ups")


@pytest.fixture
def strangers() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


async def noticed(socket: aiomq.Socket, count: int = 0) -> None:
    """Look for hang-ups, as is done every second, until only so many peers are left."""
    while len(socket.peers()) > count:
        hangups_of(asyncio.get_running_loop()).look()
        await turns(3)


async def paused(socket: aiomq.Socket, queued: int) -> None:
    """Wait until so many messages of the one peer are in its inbox."""
    await until(lambda: [peer.queued_in for peer in socket.peers()] == [queued])
    await turns(5)


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("count", [20, 11, 3000])
async def test_peer_that_left_is_gone_and_all_it_sent_is_read_in_order(
    context: aiomq.Context, address: str, count: int
) -> None:
    pull = context.socket(aiomq.PULL, rcvhwm=10)
    pull.bind(address)
    stranger = Stranger(pull.last_endpoint, "PUSH")
    await stranger.send(b"".join(frame(b"%d" % number) for number in range(count)))
    await paused(pull, 10)
    stranger.leave()
    await noticed(pull)

    assert [int(await pull.recv()) for _ in range(count)] == list(range(count))
    with pytest.raises(aiomq.Again):
        await pull.recv(aiomq.DONTWAIT)
    assert pull.counters.received == count


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("ours", [aiomq.ROUTER, aiomq.DEALER, aiomq.PAIR, aiomq.REP, aiomq.XPUB, aiomq.SUB])
async def test_all_types_that_read_notice_who_left(context: aiomq.Context, address: str, ours: int) -> None:
    types: dict[int, tuple[str, bytes]] = {
        aiomq.ROUTER: ("DEALER", b""),
        aiomq.DEALER: ("ROUTER", b""),
        aiomq.PAIR: ("PAIR", b""),
        aiomq.REP: ("REQ", frame(b"", MORE)),
        aiomq.XPUB: ("XSUB", b""),
        aiomq.SUB: ("PUB", b""),
    }
    theirs, head = types[ours]
    socket = context.socket(ours, rcvhwm=10)
    if ours == aiomq.SUB:
        socket.subscribe(b"")
    socket.bind(address)
    stranger = Stranger(socket.last_endpoint, theirs)
    await until(socket.peers)
    await stranger.send(b"".join(head + frame(b"x%d" % number) for number in range(200)))
    await paused(socket, 10)
    stranger.leave()
    await noticed(socket)

    for number in range(200):
        assert (await socket.recv_multipart())[-1] == b"x%d" % number
        if ours == aiomq.REP:
            await socket.send(b"to nobody")


@pytest.mark.parametrize("address", ADDRESSES)
async def test_many_that_come_and_go_leave_no_connection(context: aiomq.Context, address: str) -> None:
    pull = context.socket(aiomq.PULL, rcvhwm=10)
    pull.bind(address)
    many = [Stranger(pull.last_endpoint, "PUSH") for _ in range(50)]
    for stranger in many:
        await stranger.send(frame(b"x") * 100)
    await until(lambda: [peer.queued_in for peer in pull.peers()] == [10] * 50)
    for stranger in many:
        stranger.leave()
    await noticed(pull)
    assert [await pull.recv() for _ in range(5000)] == [b"x"] * 5000


@pytest.mark.parametrize("address", ADDRESSES)
async def test_flood_that_ends_in_a_reset_leaves_no_connection(context: aiomq.Context, address: str) -> None:
    pull = context.socket(aiomq.PULL, rcvhwm=10)
    pull.bind(address)
    stranger = Stranger(pull.last_endpoint, "PUSH")
    sending = asyncio.create_task(stranger.send(frame(bytes(1000)) * 30_000))
    await paused(pull, 10)
    sending.cancel()
    await turns(2)
    stranger.close()  # with our side of the handshake unread
    await noticed(pull)
    count = 0
    while pull._core.pattern.can_recv():
        assert len(await pull.recv()) == 1000
        count += 1
    assert count >= 10


@pytest.mark.parametrize("address", ADDRESSES)
async def test_timer_looks_by_itself(context: aiomq.Context, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiomq.transports.hangups.PERIOD", 0.05)
    pull = context.socket(aiomq.PULL, rcvhwm=10)
    pull.bind(address)
    stranger = Stranger(pull.last_endpoint, "PUSH")
    await stranger.send(frame(b"x") * 20)
    await paused(pull, 10)
    stranger.leave()
    await until(lambda: not pull.peers())


@pytest.mark.parametrize("address", ADDRESSES)
async def test_what_is_over_the_mark_stays_in_the_system_and_is_not_lost(context: aiomq.Context, address: str) -> None:
    pull = context.socket(aiomq.PULL, rcvhwm=4, rcvhwm_bytes=64 * KIB)
    pull.bind(address)
    stranger = Stranger(pull.last_endpoint, "PUSH")
    sizes = [1 * KIB, 30 * KIB, 100 * KIB, 3 * KIB, 7] * 4
    sending = asyncio.create_task(stranger.send(b"".join(frame(bytes(size)) for size in sizes)))
    await until(lambda: pull.peers() and pull.peers()[0].queued_in >= 3)
    received = []
    while not sending.done():
        received.append(len(await pull.recv()))
    stranger.leave()
    for _ in range(5):
        hangups_of(asyncio.get_running_loop()).look()
        await turns(3)
    (peer,) = pull._core.peers
    assert peer.raw_bytes <= 64 * KIB + 256 * KIB  # type: ignore[attr-defined]  # a peer over a stream

    received += [len(await pull.recv()) for _ in range(len(sizes) - len(received))]
    assert received == sizes
    await noticed(pull)


@pytest.mark.parametrize("address", ADDRESSES)
async def test_large_frame_on_its_way_is_put_together(context: aiomq.Context, address: str) -> None:
    pull = context.socket(aiomq.PULL, rcvhwm=2)
    pull.bind(address)
    stranger = Stranger(pull.last_endpoint, "PUSH")
    sizes = [3, 3, 3, 70_000, 5]
    data = b"".join(frame(bytes((number,)) * size) for number, size in enumerate(sizes))
    await stranger.send(data[:30_000])
    await paused(pull, 2)
    await stranger.send(data[30_000:])
    stranger.leave()
    await noticed(pull)
    for number, size in enumerate(sizes):
        assert await pull.recv() == bytes((number,)) * size


@pytest.mark.parametrize("address", ADDRESSES)
async def test_end_of_a_connection_keeps_to_the_mark_in_messages(context: aiomq.Context, address: str) -> None:
    pull = context.socket(aiomq.PULL, rcvhwm=100)
    pull.bind(address)
    stranger = Stranger(pull.last_endpoint, "PUSH")
    await stranger.send(frame(b"") * 50_000)
    await paused(pull, 100)
    (peer,) = pull._core.peers
    stranger.leave()
    await noticed(pull)
    assert len(peer.inbox) == 100
    for number in range(50_000):
        assert await pull.recv() == b""
        assert len(peer.inbox) <= 100, number
    assert peer.rest is None  # type: ignore[attr-defined]  # a peer over a stream
    assert peer.raw_bytes == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:*", "ipc://{}/served"])
async def test_next_connection_of_a_dialer_comes_after_what_the_last_one_left(
    context: aiomq.Context, address: str, tmp_path: Path
) -> None:
    push = context.socket(aiomq.PUSH)
    push.bind(address.format(tmp_path))
    endpoint = push.last_endpoint
    pull = context.socket(aiomq.PULL, rcvhwm=10, reconnect_ivl=1)
    pull.connect(endpoint)
    await push.wait_connected()
    await push.send_many([b"%d" % number for number in range(1000)])
    await paused(pull, 10)
    await until(lambda: push.peers()[0].queued_out == 0)
    push.close()
    await until(lambda: not push._core.endpoints)
    again = context.socket(aiomq.PUSH)
    again.bind(endpoint)
    sending = asyncio.create_task(again.send_many([b"%d" % number for number in range(1000, 2000)]))
    while not again.peers():
        hangups_of(asyncio.get_running_loop()).look()
        await turns(3)
    await sending
    assert [int(await pull.recv()) for _ in range(2000)] == list(range(2000))
    assert len(pull.peers()) == 1

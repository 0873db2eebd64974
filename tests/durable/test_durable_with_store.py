"""Durable sockets with a store: what outlives the sender, what is written, and when."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import time
from pathlib import Path

import pytest

import aiomq
from aiomq import SqliteStore
from aiomq.message import first_frame
from tests.durable.memory_store import MemoryStore
from tests.durable.stays import Clock, away, come, gone, received, subscribed, there
from tests.sockets.links import turns, until

KINDS = [(aiomq.PUB, aiomq.SUB), (aiomq.XPUB, aiomq.SUB), (aiomq.PUSH, aiomq.PULL), (aiomq.DEALER, aiomq.DEALER)]


# -- the sender's restart ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sender", "receiver"), KINDS)
async def test_what_waits_for_a_peer_outlives_the_sender(
    context: aiomq.Context, address: str, store_path: Path, sender: int, receiver: int
) -> None:
    socket = context.socket(sender, durable=60.0, durable_store=store_path)
    socket.bind(address)
    await gone(socket, await there(socket, receiver))
    await socket.send_many([b"%d" % number for number in range(300)])
    await socket.aclose()

    socket = context.socket(sender, durable=60.0, durable_store=str(store_path))
    assert [(peer.routing_id, peer.queued_out) for peer in away(socket)] == [(b"one", 300)]
    await socket.send(b"more")
    socket.bind(address)
    peer = await there(socket, receiver)

    assert await received(peer.recv, 301) == [*(b"%d" % number for number in range(300)), b"more"]
    await socket.aclose()
    store = SqliteStore(store_path)
    assert [(each.identity, each.messages) for each in store.load()] == [(b"one", [])]
    store.close()


async def test_routers_messages_of_several_frames_outlive_it(
    context: aiomq.Context, address: str, store_path: Path
) -> None:
    router = context.socket(aiomq.ROUTER, durable=60.0, durable_store=store_path)
    router.bind(address)
    dealer = come(router, aiomq.DEALER)
    await dealer.send(b"hello")
    await router.recv_multipart()
    await gone(router, dealer)
    await router.send_multipart([b"one", b"a", b"", b"c"])
    await router.aclose()

    router = context.socket(aiomq.ROUTER, durable=60.0, durable_store=store_path, router_mandatory=1)
    router.bind(address)
    await router.send_multipart([b"one", b"d"])
    dealer = come(router, aiomq.DEALER)

    assert await dealer.recv_multipart() == [b"a", b"", b"c"]
    assert await dealer.recv_multipart() == [b"d"]


async def test_subscriptions_outlive_the_publisher(context: aiomq.Context, address: str, store_path: Path) -> None:
    pub = context.socket(aiomq.PUB, durable=60.0, durable_store=store_path)
    pub.bind(address)
    sub = context.socket(aiomq.SUB, routing_id=b"one")
    for topic in ("a", "b", "c"):
        sub.subscribe(topic)
    sub.connect(pub.last_endpoint)
    await subscribed(pub, b"c")
    sub.unsubscribe("b")
    await until(lambda: pub.topics_count == 2)
    await gone(pub, sub)
    await pub.aclose()

    pub = context.socket(aiomq.PUB, durable=60.0, durable_store=store_path)

    assert pub.topics_count == 2
    await pub.send_many([b"a1", b"b1", b"c1", b"d1"])
    assert [peer.queued_out for peer in away(pub)] == [2]


async def test_xpub_is_told_of_remembered_topics_after_its_restart(
    context: aiomq.Context, address: str, store_path: Path
) -> None:
    xpub = context.socket(aiomq.XPUB, durable=60.0, durable_store=store_path)
    xpub.bind(address)
    sub = come(xpub, aiomq.SUB)
    assert await xpub.recv() == b"\1"
    await gone(xpub, sub)
    await xpub.aclose()

    xpub = context.socket(aiomq.XPUB, durable=60.0, durable_store=store_path)

    assert await xpub.recv() == b"\1"


async def test_topics_that_a_user_granted_outlive_a_manual_xpub(
    context: aiomq.Context, address: str, store_path: Path
) -> None:
    xpub = context.socket(aiomq.XPUB, durable=60.0, durable_store=store_path, xpub_manual=1)
    xpub.bind(address)
    sub = come(xpub, aiomq.SUB)
    assert await xpub.recv() == b"\1"
    xpub.subscribe("granted")
    xpub.subscribe("taken back")
    xpub.unsubscribe("taken back")
    await gone(xpub, sub)
    await xpub.aclose()

    xpub = context.socket(aiomq.XPUB, durable=60.0, durable_store=store_path, xpub_manual=1)

    assert [xpub._core.pattern.topics_of(peer) for peer in xpub._core.peers] == [[b"granted"]]


async def test_time_away_goes_on_while_the_sender_is_not_there(context: aiomq.Context) -> None:
    store = MemoryStore()
    store.peers = {b"late": (None, 900.0), b"there": (None, None), b"soon": (None, 950.0)}
    store.written = 1000.0
    pub = context.socket(aiomq.PUB, durable=99.0)
    durable = pub._core.make_durable()
    durable._epoch_clock = Clock(1000.0)
    clock = durable._clock = Clock(7.0)
    pub.durable_store = store

    assert sorted((peer.routing_id, peer.away_since) for peer in away(pub)) == [(b"soon", 950.0), (b"there", 1000.0)]
    clock.now += 50
    durable.expire()
    assert [peer.routing_id for peer in away(pub)] == [b"there"]
    await turns(2)
    assert list(store.peers) == [b"there"]


@pytest.mark.parametrize("jump", [1e6, -1e6])
@pytest.mark.parametrize("written", [None, 960.0])
async def test_wall_clock_that_jumped_drops_nobody_at_a_restart(
    context: aiomq.Context, caplog: pytest.LogCaptureFixture, jump: float, written: float | None
) -> None:
    store = MemoryStore()
    store.peers = {b"one": (None, 950.0), b"there": (None, None)}
    store.messages = {b"one": {0: b"x"}}
    store.written = written
    pub = context.socket(aiomq.PUB, durable=100.0)
    durable = pub._core.make_durable()
    now = 1000.0 + jump
    durable._epoch_clock, clock = Clock(now), Clock(7.0)
    durable._clock = clock
    pub.durable_store = store
    before = 0.0 if written is None else written - 950.0
    believed = before + (50.0 if jump > 0 else 0.0)

    found = {peer.routing_id: (peer.queued_out, peer.away_since) for peer in away(pub)}
    assert found == {b"one": (1, now - believed), b"there": (0, now)}
    assert ("the wall clock says" in caplog.text) == (jump > 0)
    clock.now += 99.0 - believed
    durable.expire()
    assert len(away(pub)) == 2
    clock.now += 2.0
    durable.expire()
    assert b"one" not in {peer.routing_id for peer in away(pub)}


@pytest.mark.parametrize("jump", [1e6, -1e6])
async def test_wall_clock_that_is_set_meanwhile_changes_no_time_away(
    context: aiomq.Context, address: str, jump: float
) -> None:
    store = MemoryStore()
    pub = context.socket(aiomq.PUB, durable=100.0)
    durable = pub._core.make_durable()
    wall, clock = Clock(5000.0), Clock(7.0)
    durable._epoch_clock, durable._clock = wall, clock
    pub.durable_store = store
    pub.bind(address)
    await gone(pub, await there(pub, aiomq.SUB))
    clock.now += 30.0
    wall.now += 30.0 + jump
    await pub.aclose()

    assert store.peers == {b"one": (None, 5000.0 + jump)}


async def test_store_in_a_file_outlives_a_jump_of_the_wall_clock(context: aiomq.Context, store_path: Path) -> None:
    store = SqliteStore(store_path)
    store.remember(b"one", None, 1000.0)
    store.append(b"one", 0, [b"x"])
    store.commit()
    store.close()
    os.utime(store_path, (1010.0, 1010.0))

    push = context.socket(aiomq.PUSH, durable=60.0, durable_store=store_path)
    (peer,) = away(push)
    assert peer.queued_out == 1
    assert peer.away_since == pytest.approx(time.time() - 40.0, abs=15.0)
    await push.aclose()


@pytest.mark.parametrize("since", [math.nan, math.inf, -math.inf])
async def test_time_that_is_none_counts_as_none(context: aiomq.Context, since: float) -> None:
    store = MemoryStore()
    store.peers = {b"one": (None, since)}
    push = context.socket(aiomq.PUSH, durable=60.0, durable_store=store)

    assert len(away(push)) == 1


async def test_more_peers_than_the_limit_are_not_taken_over(context: aiomq.Context) -> None:
    store = MemoryStore()
    store.peers = {b"%d" % number: (None, 1.0 + number) for number in range(9)}
    pub = context.socket(aiomq.PUB, durable=1e12, durable_limit=3, durable_store=store)

    assert sorted(peer.routing_id for peer in away(pub)) == [b"0", b"1", b"2"]
    await turns(2)
    assert sorted(store.peers) == [b"0", b"1", b"2"]


def test_socket_without_a_loop_takes_over_at_its_first_use() -> None:
    store = MemoryStore()
    store.peers = {b"one": (None, None)}
    store.messages = {b"one": {5: b"x"}}
    with aiomq.Context() as context:
        push = context.socket(aiomq.PUSH, durable=60.0, durable_store=store)

        async def main() -> list[int]:
            return [peer.queued_out for peer in push.peers()]

        assert asyncio.run(main()) == [1]
    assert store.closed == 1


# -- what is written, and when ----------------------------------------------------------------------------------------


async def test_messages_that_leave_in_their_turn_are_never_written(context: aiomq.Context, address: str) -> None:
    store = MemoryStore()
    push = context.socket(aiomq.PUSH, durable=60.0, durable_store=store)
    push.bind(address)
    pull = await there(push, aiomq.PULL)
    await turns(2)
    before = store.commits
    for number in range(100):
        await push.send(b"%d" % number)
    await received(pull.recv, 100)

    assert store.appended == 0
    assert store.commits == before


async def test_messages_of_one_turn_are_one_commit(context: aiomq.Context, address: str) -> None:
    store = MemoryStore()
    pub = context.socket(aiomq.PUB, durable=60.0, durable_store=store)
    pub.bind(address)
    one, two = come(pub, aiomq.SUB), come(pub, aiomq.SUB, b"two")
    await subscribed(pub, count=2)
    await gone(pub, one)
    await gone(pub, two)
    await turns(2)
    before = store.commits
    for number in range(50):
        await pub.send(b"%d" % number)
    await turns(3)

    assert store.commits == before + 1
    assert list(store.messages[b"one"].values()) == [b"%d" % number for number in range(50)]


async def test_sync_store_writes_at_once(context: aiomq.Context, address: str) -> None:
    store = MemoryStore()
    pub = context.socket(aiomq.PUB, durable=60.0, durable_store=store)
    pub.bind(address)
    await gone(pub, await there(pub, aiomq.SUB))
    for number in range(50):
        pub.send_nowait(b"%d" % number)
    pub.sync_store()

    assert len(store.messages[b"one"]) == 50


async def test_what_leaves_is_struck_out_before(context: aiomq.Context, address: str) -> None:
    store = MemoryStore()
    push = context.socket(aiomq.PUSH, durable=60.0, durable_store=store)
    push.bind(address)
    await gone(push, await there(push, aiomq.PULL))
    await push.send_many([b"%d" % number + bytes(10_000) for number in range(100)])
    await turns(2)
    assert sorted(store.messages[b"one"]) == list(range(100))
    pull = come(push, aiomq.PULL)
    for number in range(100):
        assert (await pull.recv()).startswith(b"%d\0" % number)
        assert number not in store.messages[b"one"]

    assert store.messages[b"one"] == {}


async def test_store_has_what_a_full_connection_does_not_take(context: aiomq.Context, address: str) -> None:
    store = MemoryStore()
    push = context.socket(aiomq.PUSH, durable=60.0, durable_store=store, sndhwm=50)
    push.bind(address)
    pull = come(push, aiomq.PULL, rcvhwm=1)
    await push.wait_connected()
    sent = 0
    with contextlib.suppress(TimeoutError):
        while True:
            async with asyncio.timeout(0.2):
                await push.send(b"%d" % sent + bytes(100_000))
            sent += 1
    (peer,) = push.peers()
    kept = [int(first_frame(message)[:6].rstrip(b"\0")) for message in store.messages[b"one"].values()]

    assert peer.queued_out == len(kept)
    assert kept == list(range(sent - len(kept), sent))
    for number in range(sent):
        assert int((await pull.recv())[:6].rstrip(b"\0")) == number
    push.sync_store()
    assert not store.messages[b"one"]


@pytest.mark.parametrize(
    "options", [{"conflate": 1}, {"sndhwm_bytes": 25_000}, {"on_mute": "drop_oldest", "sndhwm": 2}]
)
async def test_store_follows_a_queue_that_drops(
    context: aiomq.Context, address: str, options: dict[str, object]
) -> None:
    store = MemoryStore()
    pub = context.socket(aiomq.PUB, durable=60.0, durable_store=store, **options)
    pub.bind(address)
    await gone(pub, await there(pub, aiomq.SUB))
    for number in range(9):
        await pub.send(b"%d" % number + bytes(9_999))
        await turns(2)
    queued = [message[:1] for message in store.messages[b"one"].values()]
    await pub.aclose()
    assert 1 <= len(queued) < 9

    pub = context.socket(aiomq.PUB, durable=60.0, durable_store=store, **options)
    pub.bind(address)
    sub = await there(pub, aiomq.SUB)

    assert [(await sub.recv())[:1] for _ in queued] == queued


async def test_byte_mark_of_the_inbox_and_a_store_go_together(context: aiomq.Context, address: str) -> None:
    store = MemoryStore()
    dealer = context.socket(aiomq.DEALER, durable=60.0, durable_store=store, rcvhwm_bytes=1000)
    dealer.bind(address)
    await gone(dealer, await there(dealer, aiomq.DEALER))
    await dealer.send(b"kept")
    other = await there(dealer, aiomq.DEALER)
    await other.send_many([bytes(600)] * 10)

    assert await other.recv() == b"kept"
    assert await received(dealer.recv, 10) == [bytes(600)] * 10


async def test_secured_connection_takes_what_the_store_had(context: aiomq.Context, address: str) -> None:
    store = MemoryStore()
    public, secret = aiomq.curve_keypair()
    mine, my_secret = aiomq.curve_keypair()
    client = {"curve_publickey": mine, "curve_secretkey": my_secret, "curve_serverkey": public}
    push = context.socket(aiomq.PUSH, durable=60.0, durable_store=store, curve_server=1, curve_secretkey=secret)
    push.bind(address)
    pull = come(push, aiomq.PULL, **client)
    await push.wait_connected()
    await gone(push, pull)
    await push.send_many([b"%d" % number for number in range(2000)][:900])
    await turns(2)
    pull = come(push, aiomq.PULL, **client)

    assert await received(pull.recv, 900) == [b"%d" % number for number in range(900)]


async def test_user_of_another_name_does_not_get_the_queue(context: aiomq.Context, address: str) -> None:
    store = MemoryStore()
    store.peers = {b"one": (b"somebody else", None)}
    store.messages = {b"one": {0: b"secret"}}
    push = context.socket(aiomq.PUSH, durable=60.0, durable_store=store)
    push.bind(address)
    pull = await there(push, aiomq.PULL)
    await push.send(b"for all")

    assert await pull.recv() == b"for all"
    assert [(peer.state, peer.queued_out) for peer in away(push)] == [("away", 1)]

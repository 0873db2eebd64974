"""Durable sockets over tcp and ipc: peers that go away and come back, by type of socket."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import math

import pytest

import aiomq
from tests.durable.stays import Clock, away, come, gone, received, subscribed, there
from tests.sockets.links import started, until
from tests.transports.scripted import events_until

PAIRS = [(aiomq.PUB, aiomq.SUB), (aiomq.XPUB, aiomq.XSUB), (aiomq.PUSH, aiomq.PULL), (aiomq.DEALER, aiomq.DEALER)]


# -- every type -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sender", "receiver"), PAIRS)
async def test_peer_that_returns_gets_what_was_sent_while_it_was_away(
    context: aiomq.Context, address: str, sender: int, receiver: int
) -> None:
    socket = context.socket(sender, durable=60.0)
    socket.bind(address)
    first = await there(socket, receiver)
    await socket.send(b"before")
    assert await first.recv() == b"before"
    await gone(socket, first)
    for number in range(10):
        await socket.send(b"%d" % number)

    second = await there(socket, receiver)
    await socket.send(b"after")

    assert await received(second.recv, 11) == [*(b"%d" % number for number in range(10)), b"after"]
    assert socket.counters.dropped == 0


@pytest.mark.parametrize(("sender", "receiver"), PAIRS)
async def test_peer_without_a_routing_id_is_not_remembered(
    context: aiomq.Context, address: str, sender: int, receiver: int
) -> None:
    socket = context.socket(sender, durable=60.0)
    socket.bind(address)
    first = await there(socket, receiver, b"")
    first.close()

    await until(lambda: not socket.peers())
    assert socket.counters.forgotten == 0


@pytest.mark.parametrize(("sender", "receiver"), PAIRS)
async def test_peer_of_a_socket_that_is_not_durable_is_not_remembered(
    context: aiomq.Context, address: str, sender: int, receiver: int
) -> None:
    socket = context.socket(sender)
    socket.bind(address)
    first = await there(socket, receiver)
    first.close()

    await until(lambda: not socket.peers())


@pytest.mark.parametrize(("sender", "receiver"), PAIRS)
async def test_peer_that_comes_back_twice_loses_nothing_that_was_queued(
    context: aiomq.Context, address: str, sender: int, receiver: int
) -> None:
    socket = context.socket(sender, durable=60.0)
    socket.bind(address)
    for life in range(3):
        peer = await there(socket, receiver)
        await received(peer.recv, 5 if life else 0)
        await gone(socket, peer)
        for number in range(5):
            await socket.send(b"%d" % number)

    assert [status.queued_out for status in away(socket)] == [5]
    assert socket.counters.dropped == 0


# -- who is away ------------------------------------------------------------------------------------------------------


async def test_peer_that_is_away_is_told_with_its_queue_and_since_when(context: aiomq.Context, address: str) -> None:
    pub = context.socket(aiomq.PUB, durable=60.0)
    pub._core.make_durable()._epoch_clock = Clock(1_700_000_000.0)
    pub.bind(address)
    await gone(pub, await there(pub, aiomq.SUB))
    await pub.send(b"x")

    (status,) = pub.peers()

    assert status.state == "away"
    assert status.away_since == 1_700_000_000.0
    assert (status.routing_id, status.queued_out, status.address) == (b"one", 1, "")
    back = await there(pub, aiomq.SUB)
    assert await back.recv() == b"x"
    assert [(each.state, each.away_since) for each in pub.peers()] == [("connected", None)]


async def test_queue_of_a_peer_that_is_away_ends_at_the_mark_and_counts(context: aiomq.Context, address: str) -> None:
    pub = context.socket(aiomq.PUB, durable=60.0, sndhwm=5)
    pub.bind(address)
    first = await there(pub, aiomq.SUB)
    await pub.send(b"before")
    assert await first.recv() == b"before"
    await gone(pub, first)
    for number in range(8):
        await pub.send(b"%d" % number)

    assert [(status.queued_out, status.dropped) for status in away(pub)] == [(5, 3)]
    assert pub.counters.dropped == 3
    second = await there(pub, aiomq.SUB)
    assert await received(second.recv, 5) == [b"%d" % number for number in range(5)]


async def test_queue_of_a_peer_that_is_away_keeps_the_newest_if_told_so(context: aiomq.Context, address: str) -> None:
    pub = context.socket(aiomq.PUB, durable=60.0, sndhwm=3, on_mute="drop_oldest")
    pub.bind(address)
    await gone(pub, await there(pub, aiomq.SUB))
    for number in range(8):
        await pub.send(b"%d" % number)

    second = await there(pub, aiomq.SUB)

    assert await received(second.recv, 3) == [b"5", b"6", b"7"]
    assert pub.counters.dropped == 5


async def test_conflating_publisher_keeps_the_latest_for_who_is_away(context: aiomq.Context, address: str) -> None:
    pub = context.socket(aiomq.PUB, durable=60.0, conflate=1)
    pub.bind(address)
    await gone(pub, await there(pub, aiomq.SUB))
    for number in range(8):
        await pub.send(b"%d" % number)

    assert await (await there(pub, aiomq.SUB)).recv() == b"7"


# -- the end of a stay ------------------------------------------------------------------------------------------------


async def test_peer_that_stays_away_too_long_is_forgotten_with_its_queue(
    context: aiomq.Context, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    pub = context.socket(aiomq.PUB, durable=60.0)
    durable = pub._core.make_durable()
    clock = durable._clock = Clock()
    pub.bind(address)
    await gone(pub, await there(pub, aiomq.SUB))
    await pub.send(b"lost")

    clock.now += 59.9
    durable.expire()
    assert len(away(pub)) == 1
    clock.now += 0.1
    durable.expire()

    assert pub.peers() == []
    assert (pub.counters.dropped, pub.counters.forgotten, pub.topics_count) == (1, 1, 0)
    assert [(each.levelno, each.args) for each in caplog.records if "forgot" in each.msg] == [
        (logging.WARNING, (b"one", 1, "it was away for over 60 s"))
    ]
    second = await there(pub, aiomq.SUB)
    await pub.send(b"new")
    assert await second.recv() == b"new"


async def test_peer_is_forgotten_by_itself_when_its_time_is_over(context: aiomq.Context, address: str) -> None:
    pub = context.socket(aiomq.PUB, durable=0.01)
    pub.bind(address)
    peer = await there(pub, aiomq.SUB)
    peer.close()

    await until(lambda: not pub.peers())
    assert pub.counters.forgotten == 1


async def test_change_of_the_time_applies_to_who_is_away(context: aiomq.Context, address: str) -> None:
    pub = context.socket(aiomq.PUB, durable=math.inf)
    durable = pub._core.make_durable()
    clock = durable._clock = Clock()
    pub.bind(address)
    await gone(pub, await there(pub, aiomq.SUB))
    clock.now += 1e9
    durable.expire()
    assert len(away(pub)) == 1

    pub.durable = 1e9 + 1
    assert len(away(pub)) == 1
    pub.durable = 5
    assert pub.peers() == []


async def test_socket_that_is_durable_no_longer_forgets_all(context: aiomq.Context, address: str) -> None:
    pub = context.socket(aiomq.PUB, durable=60)
    pub.bind(address)
    await gone(pub, await there(pub, aiomq.SUB))
    stays = await there(pub, aiomq.SUB, b"two")

    pub.durable = None

    assert [peer.routing_id for peer in pub.peers()] == [b"two"]
    stays.close()
    await until(lambda: not pub.peers())


async def test_one_peer_too_many_pushes_out_the_newest_without_messages(context: aiomq.Context, address: str) -> None:
    pub = context.socket(aiomq.PUB, durable=60.0, durable_limit=2)
    pub.bind(address)
    subs = [come(pub, aiomq.SUB, name) for name in (b"one", b"two")]
    await subscribed(pub, count=2)
    for sub in subs:
        await gone(pub, sub)
    await pub.send(b"x")
    third = await there(pub, aiomq.SUB, b"three")
    third.close()
    await until(lambda: pub.counters.forgotten == 1)

    assert sorted(peer.routing_id for peer in away(pub)) == [b"one", b"two"]
    assert pub.counters.dropped == 0


async def test_stranger_with_many_names_makes_nobody_else_forgotten(context: aiomq.Context, address: str) -> None:
    pub = context.socket(aiomq.PUB, durable=60.0, durable_limit=8)
    pub.bind(address)
    good = [b"good %d" % number for number in range(5)]
    subs = [come(pub, aiomq.SUB, name) for name in good]
    await subscribed(pub, count=5)
    for sub in subs:
        await gone(pub, sub)
    await pub.send_many([b"%d" % number for number in range(100)])
    for number in range(12):
        stranger = come(pub, aiomq.SUB, b"invented %d" % number)
        await pub.wait_connected()
        stranger.close(linger=0)
        await until(lambda: all(peer.state == "away" for peer in pub.peers()))

    assert pub.counters.forgotten == 9
    assert {peer.routing_id: peer.queued_out for peer in away(pub)}.items() >= dict.fromkeys(good, 100).items()
    sub = await there(pub, aiomq.SUB, good[4])
    assert await received(sub.recv, 100) == [b"%d" % number for number in range(100)]


async def test_unbind_forgets_who_is_there_and_keeps_who_is_away(context: aiomq.Context, address: str) -> None:
    pub = context.socket(aiomq.PUB, durable=60.0)
    pub.bind(address)
    await gone(pub, await there(pub, aiomq.SUB))
    await there(pub, aiomq.SUB, b"two")
    await pub.send(b"kept")

    pub.unbind(pub.last_endpoint)

    await until(lambda: len(pub.peers()) == 1)
    pub.bind(address)
    assert await (await there(pub, aiomq.SUB)).recv() == b"kept"


async def test_closed_socket_comes_to_its_end_whoever_is_away(context: aiomq.Context, address: str) -> None:
    push = context.socket(aiomq.PUSH, durable=60.0, linger=-1)
    push.bind(address)
    await gone(push, await there(push, aiomq.PULL))
    tracker = await push.send(b"lost", track=True)

    async with asyncio.timeout(5):
        await push.aclose()
        await tracker.wait()


# -- two at once ------------------------------------------------------------------------------------------------------


async def test_newer_connection_of_an_identity_takes_the_place_of_the_older(
    context: aiomq.Context, address: str
) -> None:
    push = context.socket(aiomq.PUSH, durable=60.0, sndhwm=0)
    push.bind(address)
    first = await there(push, aiomq.PULL, reconnect_ivl=-1)
    await push.send(b"to the first")
    assert await first.recv() == b"to the first"

    with push.monitor() as events:
        second = come(push, aiomq.PULL)
        told = await events_until(events, aiomq.Event.DISCONNECTED)
        await push.send(b"to the second")

        assert await second.recv() == b"to the second"
        assert "took its place" in told[-1].reason
    assert [(peer.state, peer.sent) for peer in push.peers()] == [("connected", 2)]
    assert push.counters.connects - push.counters.disconnects == 1


async def test_older_connection_that_still_has_something_to_say_is_not_heard(
    context: aiomq.Context, address: str
) -> None:
    dealer = context.socket(aiomq.DEALER, durable=60.0)
    dealer.bind(address)
    first = await there(dealer, aiomq.DEALER, reconnect_ivl=-1)
    await first.send(b"heard")
    assert await dealer.recv() == b"heard"
    second = come(dealer, aiomq.DEALER)
    await second.send(b"heard too")
    assert await dealer.recv() == b"heard too"
    await gone(dealer, second)
    assert [peer.state for peer in dealer.peers()] == ["away"]
    assert dealer.counters.connects == dealer.counters.disconnects == 2


# -- PUB and XPUB -----------------------------------------------------------------------------------------------------


async def test_subscriptions_go_on_while_a_peer_is_away(context: aiomq.Context, address: str) -> None:
    pub = context.socket(aiomq.PUB, durable=60.0)
    pub.bind(address)
    first = context.socket(aiomq.SUB, routing_id=b"one")
    first.subscribe("a")
    first.connect(pub.last_endpoint)
    await subscribed(pub, b"a")
    await gone(pub, first)
    await pub.send(b"a1")
    await pub.send(b"b1")
    second = context.socket(aiomq.SUB, routing_id=b"one")
    second.subscribe("b")
    second.connect(pub.last_endpoint)
    await subscribed(pub, b"b")
    await pub.send(b"b2")

    assert await second.recv() == b"b2"  # and what it does not ask for any longer, it filters out
    assert (pub.topics_count, [peer.sent for peer in pub.peers()]) == (2, [2])


async def test_xpub_is_told_of_a_topic_when_its_last_peer_is_forgotten(context: aiomq.Context, address: str) -> None:
    xpub = context.socket(aiomq.XPUB, durable=60.0)
    xpub.bind(address)
    first = come(xpub, aiomq.SUB)
    assert await xpub.recv() == b"\1"
    await gone(xpub, first)
    second = come(xpub, aiomq.SUB)
    await until(lambda: not away(xpub))
    await xpub.send(b"x")
    assert await second.recv() == b"x"
    await gone(xpub, second)
    assert not xpub.ready_events() & aiomq.POLLIN

    xpub.durable = 0

    assert await xpub.recv() == b"\0"


# -- PUSH and DEALER --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sender", "receiver"), PAIRS[2:])
async def test_peer_that_is_away_gets_nothing_new_while_others_are_there(
    context: aiomq.Context, address: str, sender: int, receiver: int
) -> None:
    socket = context.socket(sender, durable=60.0)
    socket.bind(address)
    await gone(socket, await there(socket, receiver))
    await socket.send(b"waits")
    other = await there(socket, receiver, b"two")
    for number in range(4):
        await socket.send(b"%d" % number)

    assert await received(other.recv, 4) == [b"%d" % number for number in range(4)]
    back = come(socket, receiver)
    assert await back.recv() == b"waits"
    for name in (b"x", b"y"):
        await socket.send(name)
    assert {await other.recv(), await back.recv()} == {b"x", b"y"}


@pytest.mark.parametrize(("sender", "receiver"), PAIRS[2:])
async def test_send_waits_when_all_are_away_and_full_until_one_comes(
    context: aiomq.Context, address: str, sender: int, receiver: int
) -> None:
    socket = context.socket(sender, durable=60.0, sndhwm=2)
    socket.bind(address)
    await gone(socket, await there(socket, receiver))
    await socket.send(b"1")
    await socket.send(b"2")
    waiting = await started(socket.send(b"3"))
    other = come(socket, receiver, b"two")

    assert await other.recv() == b"3"
    await asyncio.wait_for(waiting, 5)


async def test_send_that_waited_for_a_full_peer_goes_on_when_that_is_back(context: aiomq.Context, address: str) -> None:
    push = context.socket(aiomq.PUSH, durable=60.0, sndhwm=2)
    push.bind(address)
    pull = await there(push, aiomq.PULL, rcvhwm=1)
    with contextlib.suppress(TimeoutError):
        while True:  # the buffers in between take in many
            async with asyncio.timeout(0.2):
                await push.send(bytes(100_000))
    waiting = await started(push.send(b"last"))
    await gone(push, pull)

    assert [peer.queued_out for peer in away(push)] == [2]
    assert not waiting.done()
    back = come(push, aiomq.PULL)
    assert await received(back.recv, 3) == [bytes(100_000), bytes(100_000), b"last"]
    await asyncio.wait_for(waiting, 5)


# -- ROUTER and REP ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mandatory", [0, 1])
async def test_router_queues_for_a_peer_that_is_away(context: aiomq.Context, address: str, mandatory: int) -> None:
    router = context.socket(aiomq.ROUTER, durable=60.0, router_mandatory=mandatory)
    router.bind(address)
    first = come(router, aiomq.DEALER)
    await first.send(b"hello")
    assert await router.recv_multipart() == [b"one", b"hello"]
    await gone(router, first)
    await router.send_multipart([b"one", b"for", b"you"])

    second = come(router, aiomq.DEALER)

    assert await second.recv_multipart() == [b"for", b"you"]
    assert router.counters.dropped == 0
    await second.send(b"again")
    assert await router.recv_multipart() == [b"one", b"again"]


async def test_router_reaches_nobody_once_the_peer_is_forgotten(context: aiomq.Context, address: str) -> None:
    router = context.socket(aiomq.ROUTER, durable=60.0, router_mandatory=1)
    router.bind(address)
    first = come(router, aiomq.DEALER)
    await first.send(b"hello")
    await router.recv_multipart()
    await gone(router, first)
    router.durable = 0

    with pytest.raises(aiomq.ZMQError) as refused:
        await router.send_multipart([b"one", b"x"])
    assert refused.value.errno == errno.EHOSTUNREACH


async def test_reply_waits_for_a_requester_that_lost_its_connection(context: aiomq.Context, address: str) -> None:
    rep = context.socket(aiomq.REP, durable=60.0)
    rep.bind(address)
    req = come(rep, aiomq.REQ)
    await req.send(b"question")
    assert await rep.recv() == b"question"
    (listener,) = rep._core.endpoints.values()
    (connection,) = listener._connections  # type: ignore[attr-defined]  # the network breaks
    connection.transport.abort()
    await until(lambda: away(rep))
    await rep.send(b"answer")

    assert await req.recv() == b"answer"
    assert rep.counters.dropped == 0

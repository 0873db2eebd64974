"""PARITY section 11, what waits where: points 7, 8, 9 and 16."""

from __future__ import annotations

import errno
import itertools

import pytest

import aiomq
from aiomq import Event
from tests.parity.subjects import Make, failing, filled
from tests.transports.scripted import MORE, Script, closed_port, frame

_names = (f"inproc://parity-{number}" for number in itertools.count())

MANY = 1500
"""More than the marks of both ends by default, so that "no limit" shows at marks of a few."""


# -- 7: the mark of an inproc link is the sum of both ends' -----------------------------------------------------------


@pytest.mark.parametrize(
    ("sndhwm", "rcvhwm", "room"), [(2, 3, 5), (1, 1, 2), (7, 1, 8), (0, 3, MANY), (2, 0, MANY), (0, 0, MANY)]
)
async def test_parity_11_07_inproc_mark_is_the_sum_and_zero_is_no_limit(
    make: Make, sndhwm: int, rcvhwm: int, room: int
) -> None:
    pull, push = make(aiomq.PULL, rcvhwm=rcvhwm), make(aiomq.PUSH, sndhwm=sndhwm)
    push.connect(pull.bind(next(_names)))
    assert filled(push) == room


async def test_parity_11_07_inproc_mark_is_the_sum_in_both_directions(make: Make) -> None:
    bound, connected = make(aiomq.PAIR, sndhwm=1, rcvhwm=4), make(aiomq.PAIR, sndhwm=2, rcvhwm=8)
    connected.connect(bound.bind(next(_names)))
    assert filled(connected) == 6
    assert filled(bound) == 9


async def test_parity_11_07_inproc_mark_before_bind_is_the_connecting_ends_own(make: Make) -> None:
    name = next(_names)
    push, pull = make(aiomq.PUSH, sndhwm=2), make(aiomq.PULL, rcvhwm=3)
    push.connect(name)
    assert filled(push) == 2
    pull.bind(name)
    assert filled(push) == 3
    assert [pull.take() for _ in range(5)] == [[b"message"]] * 5


# -- 8: whole messages count, and room comes back by halves -----------------------------------------------------------


@pytest.mark.parametrize(("sndhwm", "rcvhwm"), [(4, 4), (3, 2), (1, 1), (10, 1)])
@pytest.mark.parametrize("frames", [(b"one",), (b"one", b"two", b"three")])
async def test_parity_11_08_full_until_half_of_the_mark_is_read(
    make: Make, sndhwm: int, rcvhwm: int, frames: tuple[bytes, ...]
) -> None:
    hwm = sndhwm + rcvhwm
    half = (hwm + 1) // 2
    pull, push = make(aiomq.PULL, rcvhwm=rcvhwm), make(aiomq.PUSH, sndhwm=sndhwm)
    push.connect(pull.bind(next(_names)))
    assert filled(push, frames) == hwm
    for _ in range(half - 1):
        assert pull.take() == list(frames)
        assert not push.writable
        assert not push.offer(*frames)
    assert pull.take() == list(frames)
    assert push.writable
    assert filled(push, frames) == half


async def test_parity_11_08_a_mark_changed_later_is_that_of_the_links_there_are(make: Make) -> None:
    pull, push = make(aiomq.PULL, rcvhwm=1), make(aiomq.PUSH, sndhwm=1)
    push.connect(pull.bind(next(_names)))
    push.set("sndhwm", 4)
    assert filled(push) == 5


# -- 9: who queues, and for whom --------------------------------------------------------------------------------------


@pytest.mark.parametrize("socket_type", [aiomq.PUSH, aiomq.DEALER, aiomq.PAIR])
async def test_parity_11_09_a_connecting_socket_queues_before_there_is_a_connection(
    make: Make, script: Script, socket_type: int
) -> None:
    sender = make(socket_type, sndhwm=5)
    sender.connect(closed_port(script.bound()))
    assert filled(sender) == 5


async def test_parity_11_09_a_connecting_req_queues_before_there_is_a_connection(make: Make, script: Script) -> None:
    req = make(aiomq.REQ)
    sock = script.bound()
    req.connect(closed_port(sock))
    assert req.offer(b"question")
    wire = await script.accepted(await script.listen(sock))
    await wire.greet("REP")
    assert [await wire.frame() for _ in range(2)] == [(MORE, b""), (0, b"question")]


@pytest.mark.parametrize("socket_type", [aiomq.PUSH, aiomq.DEALER, aiomq.PAIR, aiomq.REQ])
async def test_parity_11_09_a_binding_socket_has_no_room_without_a_peer(make: Make, socket_type: int) -> None:
    sender = make(socket_type)
    sender.bind("tcp://127.0.0.1:*")
    assert not sender.writable
    assert filled(sender) == 0


@pytest.mark.parametrize("socket_type", [aiomq.PUSH, aiomq.DEALER, aiomq.REQ])
async def test_parity_11_09_immediate_has_no_room_without_a_connection(
    make: Make, script: Script, socket_type: int
) -> None:
    sender = make(socket_type, immediate=1)
    sender.connect(closed_port(script.bound()))
    assert filled(sender) == 0


async def test_parity_11_09_a_connecting_socket_keeps_its_queue_over_a_reconnection(make: Make, script: Script) -> None:
    acceptor = await script.listen()
    push = make(aiomq.PUSH, reconnect_ivl=10)
    push.watch()
    push.connect(acceptor.endpoint)
    first = await script.accepted(acceptor)
    await first.greet("PULL")
    await push.told_until(Event.HANDSHAKE_SUCCEEDED)
    first.close()
    await push.told_until(Event.DISCONNECTED)
    for number in b"123":
        await push.send(bytes((number,)))
    second = await script.accepted(acceptor)
    await second.greet("PULL")
    assert [await second.frame() for _ in range(3)] == [(0, b"1"), (0, b"2"), (0, b"3")]


async def test_parity_11_09_a_binding_socket_loses_its_queue_with_the_peer(make: Make, script: Script) -> None:
    router = make(aiomq.ROUTER, sndhwm=1, router_mandatory=1)
    router.watch()
    endpoint = router.bind("tcp://127.0.0.1:*")
    first = await script.greeted(endpoint, "DEALER", ("Identity", b"peer"))
    first.send(frame(b"here"))
    assert await router.recv() == [b"peer", b"here"]
    while router.offer(b"peer", bytes(1 << 20)):
        continue
    first.abort()
    await router.told_until(Event.DISCONNECTED)
    second = await script.greeted(endpoint, "DEALER", ("Identity", b"next"))
    second.send(frame(b"here"))
    assert await router.recv() == [b"next", b"here"]
    await router.send(b"next", b"fresh")
    assert await second.frame() == (0, b"fresh")


# -- 16: a message is never cut ---------------------------------------------------------------------------------------


async def test_parity_11_16_a_message_cut_by_its_sender_is_not_seen(make: Make, script: Script) -> None:
    pull = make(aiomq.PULL)
    pull.watch()
    endpoint = pull.bind("tcp://127.0.0.1:*")
    dying = await script.greeted(endpoint, "PUSH")
    dying.send(frame(b"first", MORE) + frame(b"second", MORE))
    await dying.drain()
    dying.close()
    await pull.told_until(Event.DISCONNECTED)
    living = await script.greeted(endpoint, "PUSH")
    living.send(frame(b"whole", MORE) + frame(b"message"))
    assert await pull.recv() == [b"whole", b"message"]


async def test_parity_11_16_a_full_subscriber_misses_whole_messages(make: Make) -> None:
    pub, sub = make(aiomq.PUB, sndhwm=1), make(aiomq.SUB, rcvhwm=1)
    sub.connect(pub.bind(next(_names)))
    sub.subscribe(b"")
    messages = [[b"%d" % number, b"middle", b"end"] for number in range(5)]
    for each in messages:
        assert pub.offer(*each)
    assert [sub.take() for _ in range(3)] == [*messages[:2], None]
    assert pub.offer(*messages[4])
    assert sub.take() == messages[4]


async def test_parity_11_16_a_peer_lost_between_two_parts_gets_none_and_no_other_gets_half(
    context: aiomq.Context, script: Script
) -> None:
    # libzmq has chosen the peer with the first part and drops the rest with it; here the choice is made when the
    # message is whole, so that all of it goes to a peer that is still there.
    push = context.socket(aiomq.PUSH)
    with push.monitor() as events:
        push.bind("tcp://127.0.0.1:*")
        dying = await script.greeted(push.last_endpoint, "PULL")
        await push.send(b"to the first")
        assert await dying.frame() == (0, b"to the first")
        living = await script.greeted(push.last_endpoint, "PULL")
        await push.send(b"one", aiomq.SNDMORE)
        dying.close()
        async for event in events:
            if event.event is Event.DISCONNECTED:
                break
        await push.send(b"two", aiomq.SNDMORE)
        await push.send(b"three")
        assert [await living.frame() for _ in range(3)] == [(MORE, b"one"), (MORE, b"two"), (0, b"three")]
    push.close()


async def test_parity_11_16_a_failed_send_of_many_parts_sends_none(make: Make) -> None:
    pull, push = make(aiomq.PULL, rcvhwm=1), make(aiomq.PUSH, sndhwm=1)
    push.connect(pull.bind(next(_names)))
    assert filled(push, (b"a", b"b")) == 2
    assert not push.offer(b"c", b"d")
    assert [pull.take() for _ in range(3)] == [[b"a", b"b"], [b"a", b"b"], None]
    assert push.offer(b"e", b"f")
    assert pull.take() == [b"e", b"f"]


async def test_parity_11_16_router_refuses_what_the_peer_is_gone_for(make: Make) -> None:
    router, dealer = make(aiomq.ROUTER, router_mandatory=1), make(aiomq.DEALER, routing_id=b"peer")
    dealer.connect(router.bind(next(_names)))
    await dealer.send(b"here")
    assert await router.recv() == [b"peer", b"here"]
    with failing(errno.EHOSTUNREACH):
        router.offer(b"nobody", b"one", b"two")
    assert router.offer(b"peer", b"one", b"two")
    assert await dealer.recv() == [b"one", b"two"]

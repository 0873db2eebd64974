"""RFC 29, PUBSUB: each clause on PUB and SUB, over the wire or with the pattern by itself."""

from __future__ import annotations

import errno

import pytest

import aiomq
from aiomq.message import Subscription
from aiomq.options import SocketOptions
from aiomq.patterns.publishers import PubPattern
from aiomq.patterns.subscribers import SubPattern
from tests.conformance import queue_clauses as queues
from tests.conformance.scripted_peer import (
    V30,
    V31,
    Dialect,
    command,
    join,
    meet,
    receive,
    talk,
    turns,
    until,
)
from tests.patterns.fake_peer import FakePeer

EVERYTHING = Subscription(b"", subscribe=True)
FRAMES = ([b""], [b"", b"x"], [b"\x01topic"], [b"\x05READY", b"", b"y" * 300])


@pytest.fixture
def pub() -> PubPattern:
    return PubPattern(SocketOptions())


@pytest.fixture
def sub() -> SubPattern:
    pattern = SubPattern(SocketOptions())
    pattern.subscribe(b"")
    return pattern


def subscriber(pub: PubPattern, topic: bytes = b"", *, hwm: int = 1000) -> FakePeer:
    """Return a peer that is subscribed to a topic."""
    peer = FakePeer(pub, hwm=hwm).attach()
    peer.deliver(Subscription(topic, subscribe=True))
    return peer


# -- PUB, general behavior --------------------------------------------------------------------------------------------


async def test_rfc29_pub_only_sends_messages(context: aiomq.Context) -> None:
    """To receive is an error."""
    with context.socket(aiomq.PUB) as socket:
        with pytest.raises(aiomq.ZMQError) as unsupported:
            await socket.recv()
        assert unsupported.value.errno == errno.ENOTSUP


def test_rfc29_pub_maintains_one_queue_for_each_subscriber(pub: PubPattern) -> None:
    """What is in the queue of one is no matter for another."""
    slow, quick = subscriber(pub, hwm=1), subscriber(pub)
    for number in range(3):
        assert pub.try_send(b"%d" % number)
    assert (slow.outbox, quick.outbox) == ([b"0"], [b"0", b"1", b"2"])


async def test_rfc29_pub_creates_a_queue_when_it_connects(context: aiomq.Context) -> None:
    """It is there from the connect on; but as nobody has subscribed yet, nothing goes in, as in libzmq."""
    socket = context.socket(aiomq.PUB)
    async with meet(socket, "connects") as peer:
        await socket.send(b"too early")
        await peer.follow(V31.handshake(aiomq.PUB, aiomq.SUB))
        await socket.send(b"too early still")
        await peer.says(V31.subscribe(b""))
        await until(lambda: socket.topics_count == 1)
        await socket.send(b"in time")
        await peer.hears(V31.message(b"in time"))


async def test_rfc29_pub_maintains_the_queue_without_a_connection(context: aiomq.Context) -> None:
    """A subscriber that was connected to keeps its queue and its subscriptions while its connection is made anew."""
    await queues.queue_outlives_a_connection(context, aiomq.PUB, aiomq.SUB, said=V31.subscribe(b""))


async def test_rfc29_pub_creates_a_queue_when_a_subscriber_connects(context: aiomq.Context) -> None:
    """From then on its subscriptions count."""
    socket = context.socket(aiomq.PUB)
    async with meet(socket) as peer:
        await socket.send(b"too early")
        await peer.follow(V31.handshake(aiomq.PUB, aiomq.SUB))
        await peer.says(V31.subscribe(b""))
        await until(lambda: socket.topics_count == 1)
        await socket.send(b"in time")
        await peer.hears(V31.message(b"in time"))


async def test_rfc29_pub_destroys_the_queue_of_an_accepted_subscriber_that_disconnects(context: aiomq.Context) -> None:
    """It takes with it what was still to be sent to it, and its subscriptions."""
    await queues.accepted_queue_dies_with_its_peer(context, aiomq.PUB, aiomq.SUB, said=V31.subscribe(b""))


def test_rfc29_pub_constrains_its_queues(pub: PubPattern) -> None:
    """What is put to a subscriber ends when it has no more room, and goes on when it has."""
    peer = subscriber(pub, hwm=2)
    for number in range(4):
        assert pub.try_send(b"%d" % number)
    assert peer.take() == [b"0", b"1"]
    assert pub.try_send(b"4")
    assert peer.outbox == [b"4"]


async def test_rfc29_pub_discards_messages_of_subscribers_silently(context: aiomq.Context) -> None:
    """However many, and whatever they are: nothing comes of them but what is a subscription."""
    socket = context.socket(aiomq.PUB)
    async with talk(socket, V31, aiomq.SUB) as peer:
        await peer.says(V31.message(b"hello") * 3000 + V31.message(b"two", b"frames") + V31.subscribe(b"t"))
        await until(lambda: socket.topics_count == 1)
        assert not socket.ready_events() & aiomq.POLLIN
        await socket.send(b"topic")
        await peer.hears(V31.message(b"topic"))


# -- PUB, outgoing messages and subscriptions -------------------------------------------------------------------------


async def test_rfc29_pub_does_not_modify_messages(context: aiomq.Context) -> None:
    """Whatever the frames are, they leave as they are."""
    socket = context.socket(aiomq.PUB)
    async with talk(socket, V31, aiomq.SUB) as peer:
        await peer.says(V31.subscribe(b""))
        await until(lambda: socket.topics_count == 1)
        for frames in FRAMES:
            await socket.send_multipart(frames)
            await peer.hears(V31.message(*frames))


def test_rfc29_pub_compares_subscriptions_with_the_start_of_the_first_frame(pub: PubPattern) -> None:
    """Octet by octet, and with no other frame."""
    peer = subscriber(pub, b"\x00\xffA")
    for message in (b"\x00\xffA", b"\x00\xffa", b"\x00\xff", (b"\x00\xffAB", b"x"), (b"x", b"\x00\xffA")):
        assert pub.try_send(message)
    assert peer.outbox == [b"\x00\xffA", (b"\x00\xffAB", b"x")]


def test_rfc29_pub_drops_messages_for_a_subscriber_whose_queue_is_full(pub: PubPattern) -> None:
    """Silently, for that one, and always the whole message."""
    full, other = subscriber(pub, hwm=1), subscriber(pub)
    assert pub.try_send(b"1")
    assert pub.try_send((b"2", b"two"))
    assert (full.outbox, other.outbox) == ([b"1"], [b"1", (b"2", b"two")])


async def test_rfc29_pub_does_not_block_on_sending(context: aiomq.Context) -> None:
    """With nobody there, or nobody who takes anything, a send is over at once."""
    socket = context.socket(aiomq.PUB, sndhwm=1, sndtimeo=0)
    await socket.send(b"to nobody")
    socket.bind("tcp://127.0.0.1:0")
    peer = await join(socket, V31, aiomq.SUB)
    await peer.says(V31.subscribe(b""))
    await until(lambda: socket.topics_count == 1)
    for _ in range(20):
        await socket.send(queues.LARGE)
    assert queues.queued_out_of(socket) == 1
    assert socket.ready_events() & aiomq.POLLOUT
    socket.close()
    peer.close()


@pytest.mark.parametrize("dialect", [V31, V30], ids=lambda dialect: dialect.name)
async def test_rfc29_pub_receives_subscriptions_in_the_form_of_the_transport(
    context: aiomq.Context, dialect: Dialect
) -> None:
    """As commands and as messages over the wire, as they are in the process."""
    socket = context.socket(aiomq.PUB)
    socket.bind("inproc://publisher")
    near = context.socket(aiomq.SUB)
    near.connect("inproc://publisher")
    near.subscribe(b"near")
    async with talk(socket, dialect, aiomq.SUB) as peer:
        await peer.says(dialect.subscribe(b"far") + dialect.subscribe(b"gone") + dialect.cancel(b"gone"))
        await until(lambda: socket.topics_count == 2)
        for topic in (b"gone", b"near", b"far"):
            await socket.send(topic)
        await peer.hears(dialect.message(b"far"))
        assert await receive(near) == [b"near"]
        near.close()


async def test_rfc29_pub_does_not_deliver_subscriptions(context: aiomq.Context) -> None:
    """There is nothing to be received, and to try is an error."""
    socket = context.socket(aiomq.PUB)
    async with talk(socket, V31, aiomq.SUB) as peer:
        await peer.says(V31.subscribe(b"t"))
        await until(lambda: socket.topics_count == 1)
        with pytest.raises(aiomq.ZMQError) as unsupported:
            socket.recv_nowait()
        assert unsupported.value.errno == errno.ENOTSUP


# -- SUB --------------------------------------------------------------------------------------------------------------


async def test_rfc29_sub_only_receives_messages(context: aiomq.Context) -> None:
    """To send is an error, and nothing but subscriptions reaches a publisher."""
    socket = context.socket(aiomq.SUB)
    async with talk(socket, V31, aiomq.PUB) as peer:
        with pytest.raises(aiomq.ZMQError) as unsupported:
            await socket.send(b"\x01topic")
        assert unsupported.value.errno == errno.ENOTSUP
        await peer.hears_nothing()


async def test_rfc29_sub_maintains_one_queue_for_each_publisher(context: aiomq.Context) -> None:
    """A publisher that has filled its queue does not keep another from being heard."""
    socket = context.socket(aiomq.SUB, rcvhwm=1)
    async with talk(socket, V31, aiomq.PUB) as busy:
        socket.subscribe(b"")
        await busy.hears(V31.subscribe(b""))
        await busy.says(V31.message(b"busy") * 3)
        await turns(3)
        other = await join(socket, V31, aiomq.PUB)
        await other.says(V31.message(b"other"))
        await turns(3)
        assert sorted([await receive(socket), await receive(socket)]) == [[b"busy"], [b"other"]]
        assert [await receive(socket), await receive(socket)] == [[b"busy"], [b"busy"]]
        other.close()


async def test_rfc29_sub_creates_and_maintains_a_queue_when_it_connects(context: aiomq.Context) -> None:
    """What a publisher that was connected to sent stays to be read when the connection is lost."""
    await queues.incoming_queue_outlives_a_connection(context, aiomq.SUB, aiomq.PUB)


async def test_rfc29_sub_creates_a_queue_when_a_publisher_connects(context: aiomq.Context) -> None:
    """It is told the subscriptions, and what it sends is heard."""
    socket = context.socket(aiomq.SUB)
    socket.subscribe(b"t")
    async with meet(socket) as peer:
        await peer.follow(V31.handshake(aiomq.SUB, aiomq.PUB))
        await peer.hears(command(b"SUBSCRIBE", b"t"))
        await peer.says(V31.message(b"topic"))
        assert await receive(socket) == [b"topic"]


async def test_rfc29_sub_keeps_what_a_disconnected_publisher_sent(context: aiomq.Context) -> None:
    """The RFC would have unread messages of an accepted one discarded with it. As in libzmq they can still be read."""
    await queues.received_messages_outlive_their_peer(context, aiomq.SUB, aiomq.PUB)


async def test_rfc29_sub_discards_messages_beyond_a_full_queue(context: aiomq.Context) -> None:
    """What does not fit is lost silently. As in libzmq it is the publisher that drops it: a wire just stands still."""
    publisher = context.socket(aiomq.PUB, sndhwm=1)
    publisher.bind("inproc://full")
    socket = context.socket(aiomq.SUB, rcvhwm=2)
    socket.subscribe(b"")
    socket.connect("inproc://full")
    for number in range(6):
        publisher.send_nowait(b"%d" % number)
    assert [await receive(socket) for _ in range(3)] == [[b"0"], [b"1"], [b"2"]]
    publisher.send_nowait(b"later")
    assert await receive(socket) == [b"later"]
    publisher.close()
    socket.close()


def test_rfc29_sub_incoming_messages_are_fair_queued(sub: SubPattern) -> None:
    """A publisher that sent many does not keep the others waiting."""
    first, second, third = (FakePeer(sub).attach() for _ in range(3))
    first.deliver(b"a1", b"a2", b"a3")
    second.deliver(b"b1")
    third.deliver(b"c1", (b"c2", b"more"))
    assert [sub.try_recv() for _ in range(7)] == [b"a1", b"b1", b"c1", b"a2", (b"c2", b"more"), b"a3", None]


async def test_rfc29_sub_does_not_modify_messages(context: aiomq.Context) -> None:
    """Whatever the frames are, they arrive as they are."""
    socket = context.socket(aiomq.SUB)
    async with talk(socket, V31, aiomq.PUB) as peer:
        socket.subscribe(b"")
        await peer.hears(V31.subscribe(b""))
        for frames in FRAMES:
            await peer.says(V31.message(*frames))
            assert await receive(socket) == frames


async def test_rfc29_sub_incoming_messages_are_delivered(context: aiomq.Context) -> None:
    """From every publisher, to whoever receives; what no subscription matches is filtered out here as well."""
    socket = context.socket(aiomq.SUB)
    async with talk(socket, V31, aiomq.PUB) as first:
        socket.subscribe(b"t")
        second = await join(socket, V31, aiomq.XPUB)
        await first.hears(V31.subscribe(b"t"))
        await first.says(V31.message(b"unasked") + V31.message(b"t1"))
        assert await receive(socket) == [b"t1"]
        await second.says(V31.message(b"t2"))
        assert await receive(socket) == [b"t2"]
        second.close()

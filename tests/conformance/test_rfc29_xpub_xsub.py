"""RFC 29, PUBSUB: each clause on XPUB and XSUB, over the wire or with the pattern by itself."""

from __future__ import annotations

import pytest

import aiomq
from aiomq.message import Subscription
from aiomq.options import SocketOptions
from aiomq.patterns.publishers import XPubPattern
from aiomq.patterns.subscribers import XSubPattern
from tests.conformance import queue_clauses as queues
from tests.conformance.scripted_peer import (
    V30,
    V31,
    Dialect,
    join,
    meet,
    receive,
    talk,
    turns,
)
from tests.patterns.fake_peer import FakePeer

FRAMES = ([b""], [b"", b"x"], [b"\x05READY", b"", b"y" * 300], [b"\xff\x00"])


@pytest.fixture
def xpub() -> XPubPattern:
    return XPubPattern(SocketOptions())


@pytest.fixture
def xsub() -> XSubPattern:
    return XSubPattern(SocketOptions())


def subscriber(xpub: XPubPattern, topic: bytes = b"", *, hwm: int = 1000) -> FakePeer:
    """Return a peer that is subscribed to a topic; what the user is told of that is read."""
    peer = FakePeer(xpub, hwm=hwm).attach()
    peer.deliver(Subscription(topic, subscribe=True))
    xpub.try_recv()
    return peer


# -- XPUB, general behavior -------------------------------------------------------------------------------------------


def test_rfc29_xpub_maintains_a_double_queue_for_each_subscriber(xpub: XPubPattern) -> None:
    """A subscriber that takes nothing is heard, and one that is not read yet is sent to; nor does it touch others."""
    full, other = subscriber(xpub, hwm=1), subscriber(xpub)
    for number in range(2):
        assert xpub.try_send(b"%d" % number)
    full.deliver(b"from the full one")
    assert xpub.try_send(b"2")
    assert xpub.try_recv() == b"from the full one"
    assert (full.outbox, other.outbox) == ([b"0"], [b"0", b"1", b"2"])


async def test_rfc29_xpub_creates_a_double_queue_when_it_connects(context: aiomq.Context) -> None:
    """It is there from the connect on; but as nobody has subscribed yet, nothing goes in, as in libzmq."""
    socket = context.socket(aiomq.XPUB)
    async with meet(socket, "connects") as peer:
        await socket.send(b"too early")
        await peer.follow(V31.handshake(aiomq.XPUB, aiomq.SUB))
        await peer.says(V31.subscribe(b""))
        assert await receive(socket) == [b"\x01"]
        await socket.send(b"in time")
        await peer.hears(V31.message(b"in time"))


async def test_rfc29_xpub_maintains_the_queue_without_a_connection(context: aiomq.Context) -> None:
    """A subscriber that was connected to keeps its queue and its subscriptions while its connection is made anew."""
    await queues.queue_outlives_a_connection(context, aiomq.XPUB, aiomq.XSUB, said=V31.subscribe(b""))


async def test_rfc29_xpub_maintains_the_incoming_queue_without_a_connection(context: aiomq.Context) -> None:
    """What such a subscriber sent stays to be read when the connection is lost."""
    await queues.incoming_queue_outlives_a_connection(context, aiomq.XPUB, aiomq.XSUB)


async def test_rfc29_xpub_destroys_the_queue_of_an_accepted_subscriber_that_disconnects(context: aiomq.Context) -> None:
    """It takes with it what was still to be sent to it, and its subscriptions."""
    await queues.accepted_queue_dies_with_its_peer(context, aiomq.XPUB, aiomq.SUB, said=V31.subscribe(b""))


async def test_rfc29_xpub_keeps_what_a_disconnected_subscriber_sent(context: aiomq.Context) -> None:
    """The RFC would have unread messages of such a one discarded too. As in libzmq they can still be read."""
    await queues.received_messages_outlive_their_peer(context, aiomq.XPUB, aiomq.XSUB)


def test_rfc29_xpub_constrains_its_queues(xpub: XPubPattern) -> None:
    """Out: what a subscriber has no room for is dropped. In: beyond RCVHWM messages wait in the subscriber's inbox."""
    peer = subscriber(xpub, hwm=2)
    for number in range(4):
        assert xpub.try_send(b"%d" % number)
    assert peer.outbox == [b"0", b"1"]
    xpub.options.rcvhwm = 2
    peer.deliver(b"in 0", b"in 1", b"in 2")
    assert list(peer.inbox) == [b"in 2"]
    assert [xpub.try_recv() for _ in range(4)] == [b"in 0", b"in 1", b"in 2", None]


# -- XPUB, outgoing messages ------------------------------------------------------------------------------------------


async def test_rfc29_xpub_does_not_modify_messages(context: aiomq.Context) -> None:
    """Whatever the frames are, they leave as they are."""
    socket = context.socket(aiomq.XPUB)
    async with talk(socket, V31, aiomq.SUB) as peer:
        await peer.says(V31.subscribe(b""))
        assert await receive(socket) == [b"\x01"]
        for frames in (*FRAMES, [b"\x01topic"]):
            await socket.send_multipart(frames)
            await peer.hears(V31.message(*frames))


def test_rfc29_xpub_compares_subscriptions_with_the_start_of_the_first_frame(xpub: XPubPattern) -> None:
    """Octet by octet, and with no other frame."""
    peer = subscriber(xpub, b"\x00\xffA")
    for message in (b"\x00\xffA", b"\x00\xffa", b"\x00\xff", (b"\x00\xffAB", b"x"), (b"x", b"\x00\xffA")):
        assert xpub.try_send(message)
    assert peer.outbox == [b"\x00\xffA", (b"\x00\xffAB", b"x")]


def test_rfc29_xpub_drops_messages_for_a_subscriber_whose_queue_is_full(xpub: XPubPattern) -> None:
    """Silently, for that one, and always the whole message. With XPUB_NODROP, as in libzmq, nobody gets it."""
    full, other = subscriber(xpub, hwm=1), subscriber(xpub)
    assert xpub.try_send(b"1")
    assert xpub.try_send((b"2", b"two"))
    assert (full.outbox, other.outbox) == ([b"1"], [b"1", (b"2", b"two")])
    xpub.options.xpub_nodrop = True
    assert not xpub.try_send(b"3")
    assert other.outbox[2:] == []


async def test_rfc29_xpub_does_not_block_on_sending(context: aiomq.Context) -> None:
    """With nobody there, or nobody who takes anything, a send is over at once."""
    socket = context.socket(aiomq.XPUB, sndhwm=1, sndtimeo=0)
    await socket.send(b"to nobody")
    socket.bind("tcp://127.0.0.1:0")
    peer = await join(socket, V31, aiomq.SUB)
    await peer.says(V31.subscribe(b""))
    assert await receive(socket) == [b"\x01"]
    for _ in range(20):
        await socket.send(queues.LARGE)
    assert queues.queued_out_of(socket) == 1
    socket.close()
    peer.close()


# -- XPUB, incoming messages and subscriptions ------------------------------------------------------------------------


def test_rfc29_xpub_incoming_messages_are_fair_queued(xpub: XPubPattern) -> None:
    """A subscriber that sent many does not keep the others waiting."""
    xpub.options.rcvhwm = 1
    first, second, third = (FakePeer(xpub).attach() for _ in range(3))
    first.deliver(b"a1", b"a2", b"a3", b"a4")
    second.deliver(b"b1")
    third.deliver(b"c1", b"c2")
    assert [xpub.try_recv() for _ in range(8)] == [b"a1", b"a2", b"b1", b"c1", b"a3", b"c2", b"a4", None]


async def test_rfc29_xpub_incoming_messages_are_delivered(context: aiomq.Context) -> None:
    """Messages that are no subscriptions reach the user as they are."""
    socket = context.socket(aiomq.XPUB)
    async with talk(socket, V31, aiomq.XSUB) as peer:
        for frames in FRAMES:
            await peer.says(V31.message(*frames))
            assert await receive(socket) == frames


@pytest.mark.parametrize("dialect", [V31, V30], ids=lambda dialect: dialect.name)
async def test_rfc29_xpub_receives_and_delivers_subscriptions_in_the_form_of_the_transport(
    context: aiomq.Context, dialect: Dialect
) -> None:
    """Commands or messages, over the wire or in the process: the user gets 1 or 0 and the topic."""
    socket = context.socket(aiomq.XPUB)
    socket.bind("inproc://publisher")
    near = context.socket(aiomq.SUB)
    near.connect("inproc://publisher")
    near.subscribe(b"near")
    assert await receive(socket) == [b"\x01near"]
    async with talk(socket, dialect, aiomq.SUB) as peer:
        await peer.says(dialect.subscribe(b"far") + dialect.cancel(b"far"))
        assert await receive(socket) == [b"\x01far"]
        assert await receive(socket) == [b"\x00far"]
        near.close()
        assert await receive(socket) == [b"\x00near"]


def test_rfc29_xpub_normalizes_identical_subscriptions_unless_told_not_to(xpub: XPubPattern) -> None:
    """The first subscription to a topic is told, and the last cancellation; XPUB_VERBOSER tells of all."""
    first, second = FakePeer(xpub).attach(), FakePeer(xpub).attach()
    for subscribe in (True, False):
        for peer in (first, second):
            peer.deliver(Subscription(b"t", subscribe=subscribe))
    assert [xpub.try_recv() for _ in range(3)] == [b"\x01t", b"\x00t", None]
    xpub.options.xpub_verboser = True
    for subscribe in (True, False):
        for peer in (first, second):
            peer.deliver(Subscription(b"t", subscribe=subscribe))
    assert [xpub.try_recv() for _ in range(5)] == [b"\x01t", b"\x01t", b"\x00t", b"\x00t", None]


async def test_rfc29_xpub_generates_an_unsubscription_for_a_lost_subscriber(context: aiomq.Context) -> None:
    """For each topic of it that nobody else is subscribed to."""
    socket = context.socket(aiomq.XPUB)
    async with talk(socket, V31, aiomq.SUB) as stays:
        await stays.says(V31.subscribe(b"shared"))
        assert await receive(socket) == [b"\x01shared"]
        leaves = await join(socket, V31, aiomq.SUB)
        await leaves.says(V31.subscribe(b"shared") + V31.subscribe(b"own"))
        assert await receive(socket) == [b"\x01own"]
        leaves.close()
        assert await receive(socket) == [b"\x00own"]
        assert not socket.ready_events() & aiomq.POLLIN


# -- XSUB, general behavior -------------------------------------------------------------------------------------------


async def test_rfc29_xsub_maintains_a_double_queue_for_each_publisher(context: aiomq.Context) -> None:
    """A publisher that is not read is sent to, and one that takes nothing is read."""
    socket = context.socket(aiomq.XSUB, sndhwm=1, rcvhwm=1)
    async with talk(socket, V31, aiomq.XPUB) as peer:
        for number in range(3):
            await peer.says(V31.message(b"unread %d" % number))
        await socket.send(b"out")
        await peer.hears(V31.message(b"out"))
        for number in range(3):
            assert await receive(socket) == [b"unread %d" % number]


async def test_rfc29_xsub_creates_a_double_queue_when_it_connects(context: aiomq.Context) -> None:
    """Subscriptions and messages for a publisher that is not there yet wait for it."""
    socket = context.socket(aiomq.XSUB)
    async with meet(socket, "connects") as peer:
        await socket.send(b"\x01topic")
        await socket.send(b"message")
        await peer.follow(V31.handshake(aiomq.XSUB, aiomq.XPUB))
        await peer.hears(V31.subscribe(b"topic") + V31.message(b"message"))


async def test_rfc29_xsub_maintains_the_outgoing_queue_without_a_connection(context: aiomq.Context) -> None:
    """What is sent while there is no connection waits. As in libzmq what waited when it was lost is discarded."""
    await queues.queue_outlives_a_connection(context, aiomq.XSUB, aiomq.XPUB)


async def test_rfc29_xsub_maintains_the_incoming_queue_without_a_connection(context: aiomq.Context) -> None:
    """What a publisher that was connected to sent stays to be read when the connection is lost."""
    await queues.incoming_queue_outlives_a_connection(context, aiomq.XSUB, aiomq.XPUB)


async def test_rfc29_xsub_destroys_the_queue_of_an_accepted_publisher_that_disconnects(context: aiomq.Context) -> None:
    """It takes with it what was still to be sent to it."""
    await queues.accepted_queue_dies_with_its_peer(context, aiomq.XSUB, aiomq.XPUB)


async def test_rfc29_xsub_keeps_what_a_disconnected_publisher_sent(context: aiomq.Context) -> None:
    """The RFC would have unread messages of such a one discarded too. As in libzmq they can still be read."""
    await queues.received_messages_outlive_their_peer(context, aiomq.XSUB, aiomq.XPUB)


# -- XSUB, incoming messages ------------------------------------------------------------------------------------------


async def test_rfc29_xsub_does_not_modify_incoming_messages(context: aiomq.Context) -> None:
    """Whatever the frames are, they arrive as they are, asked for or not: an XSUB does not filter, as in libzmq."""
    socket = context.socket(aiomq.XSUB)
    async with talk(socket, V31, aiomq.PUB) as peer:
        for frames in (*FRAMES, [b"\x01topic"]):
            await peer.says(V31.message(*frames))
            assert await receive(socket) == frames


async def test_rfc29_xsub_discards_messages_beyond_a_full_queue(context: aiomq.Context) -> None:
    """What does not fit is lost silently. As in libzmq it is the publisher that drops it: a wire just stands still."""
    publisher = context.socket(aiomq.XPUB, sndhwm=1)
    publisher.bind("inproc://full")
    socket = context.socket(aiomq.XSUB, rcvhwm=2)
    socket.connect("inproc://full")
    await socket.send(b"\x01")
    assert await receive(publisher) == [b"\x01"]
    for number in range(6):
        publisher.send_nowait(b"%d" % number)
    assert [await receive(socket) for _ in range(3)] == [[b"0"], [b"1"], [b"2"]]
    publisher.send_nowait(b"later")
    assert await receive(socket) == [b"later"]
    publisher.close()
    socket.close()


def test_rfc29_xsub_incoming_messages_are_fair_queued(xsub: XSubPattern) -> None:
    """A publisher that sent many does not keep the others waiting."""
    first, second, third = (FakePeer(xsub).attach() for _ in range(3))
    first.deliver(b"a1", b"a2", b"a3")
    second.deliver(b"b1")
    third.deliver(b"c1", (b"c2", b"more"))
    assert [xsub.try_recv() for _ in range(7)] == [b"a1", b"b1", b"c1", b"a2", (b"c2", b"more"), b"a3", None]


async def test_rfc29_xsub_incoming_messages_are_delivered(context: aiomq.Context) -> None:
    """From every publisher, to whoever receives."""
    socket = context.socket(aiomq.XSUB)
    async with talk(socket, V31, aiomq.PUB) as first:
        second = await join(socket, V31, aiomq.XPUB)
        await first.says(V31.message(b"from the first"))
        assert await receive(socket) == [b"from the first"]
        await second.says(V31.message(b"from the second"))
        assert await receive(socket) == [b"from the second"]
        second.close()


# -- XSUB, outgoing messages and subscriptions ------------------------------------------------------------------------


async def test_rfc29_xsub_does_not_modify_outgoing_messages(context: aiomq.Context) -> None:
    """Whatever the frames are, if none begins with 1 or 0: such a frame is a subscription, as in libzmq."""
    socket = context.socket(aiomq.XSUB)
    async with talk(socket, V31, aiomq.XPUB) as peer:
        for frames in FRAMES:
            await socket.send_multipart(frames)
            await peer.hears(V31.message(*frames))


def test_rfc29_xsub_sends_messages_to_all_publishers(xsub: XSubPattern) -> None:
    """Each of them gets each message."""
    peers = [FakePeer(xsub).attach() for _ in range(3)]
    assert xsub.try_send((b"hello", b"all"))
    assert [peer.outbox for peer in peers] == [[(b"hello", b"all")]] * 3


def test_rfc29_xsub_drops_messages_for_a_publisher_whose_queue_is_full(xsub: XSubPattern) -> None:
    """Silently, for that one. A subscription is queued all the same, where libzmq would drop it and mute a topic."""
    full, other = FakePeer(xsub, hwm=1).attach(), FakePeer(xsub).attach()
    for message in (b"x", b"y", b"\x01topic"):
        assert xsub.try_send(message)
    assert (full.outbox, other.outbox) == ([b"x"], [b"x", b"y"])
    assert full.controls == other.controls == [Subscription(b"topic", subscribe=True)]


async def test_rfc29_xsub_does_not_block_on_sending(context: aiomq.Context) -> None:
    """With nobody there, or nobody who takes anything, a send is over at once."""
    socket = context.socket(aiomq.XSUB, sndhwm=1, sndtimeo=0)
    await socket.send(b"to nobody")
    socket.bind("tcp://127.0.0.1:0")
    peer = await join(socket, V31, aiomq.XPUB)
    for _ in range(20):
        await socket.send(queues.LARGE)
    assert queues.queued_out_of(socket) == 1
    assert socket.ready_events() & aiomq.POLLOUT
    socket.close()
    peer.close()


def test_rfc29_xsub_accepts_subscriptions_from_its_application(xsub: XSubPattern) -> None:
    """As messages that begin with 1 and 0; they are counted."""
    for message in (b"\x01a", b"\x01a", b"\x01b", b"\x00a", b"\x00unknown"):
        assert xsub.try_send(message)
    assert xsub.topics_count == 2
    assert xsub.try_send(b"\x00a")
    assert xsub.topics_count == 1


@pytest.mark.parametrize("dialect", [V31, V30], ids=lambda dialect: dialect.name)
async def test_rfc29_xsub_sends_subscriptions_in_the_form_of_the_transport(
    context: aiomq.Context, dialect: Dialect
) -> None:
    """Commands or messages over the wire, and as they are in the process: to every publisher."""
    near = context.socket(aiomq.XPUB)
    near.bind("inproc://publisher")
    socket = context.socket(aiomq.XSUB)
    socket.connect("inproc://publisher")
    async with talk(socket, dialect, aiomq.XPUB) as peer:
        await turns(5)
        await socket.send(b"\x01topic")
        await socket.send(b"\x00topic")
        await peer.hears(dialect.subscribe(b"topic") + dialect.cancel(b"topic"))
        assert await receive(near) == [b"\x01topic"]
        assert await receive(near) == [b"\x00topic"]
        near.close()

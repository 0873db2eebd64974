"""RFC 31, EXPAIR: each clause on PAIR, over the wire or with the pattern by itself."""

from __future__ import annotations

import asyncio

import pytest

import aiomq
from aiomq.options import SocketOptions
from aiomq.patterns.pair import PairPattern
from tests.conformance import queue_clauses as queues
from tests.conformance.scripted_peer import V31, dial, join, meet, peers_of, receive, talk, turns, until
from tests.patterns.fake_peer import FakePeer


@pytest.fixture
def pair() -> PairPattern:
    return PairPattern(SocketOptions())


async def test_rfc31_pair_has_at_most_one_peer(context: aiomq.Context) -> None:
    """A second one is turned away and changes nothing for the first; once that has gone, another may come."""
    socket = context.socket(aiomq.PAIR)
    socket.bind("tcp://127.0.0.1:0")
    first = await join(socket, V31, aiomq.PAIR)
    second = await dial(socket)
    await second.follow(V31.handshake(aiomq.PAIR, aiomq.PAIR))
    await second.hears_end()
    second.close()
    await first.says(V31.message(b"from the first"))
    assert await receive(socket) == [b"from the first"]
    await socket.send(b"to the first")
    await first.hears(V31.message(b"to the first"))
    first.close()
    await until(lambda: peers_of(socket) == 0)
    third = await join(socket, V31, aiomq.PAIR)
    await socket.send(b"to the third")
    await third.hears(V31.message(b"to the third"))
    socket.close()
    third.close()


async def test_rfc31_pair_does_not_filter_or_modify_messages(context: aiomq.Context) -> None:
    """Whatever the frames are, they leave and arrive as they are."""
    socket = context.socket(aiomq.PAIR)
    async with talk(socket, V31, aiomq.PAIR) as peer:
        for frames in ([b""], [b"", b"x"], [b"\x01topic"], [b"\x05READY", b"", b"y" * 300]):
            await socket.send_multipart(frames)
            await peer.hears(V31.message(*frames))
            await peer.says(V31.message(*frames))
            assert await receive(socket) == frames


async def test_rfc31_pair_maintains_a_double_queue(context: aiomq.Context) -> None:
    """Messages in and messages out are queued independently of each other."""
    await queues.directions_are_independent(context, aiomq.PAIR, aiomq.PAIR)


async def test_rfc31_pair_creates_a_double_queue_when_it_connects(context: aiomq.Context) -> None:
    """Messages can be sent to a peer that was connected to and is not there yet."""
    await queues.queue_exists_from_connect_on(context, aiomq.PAIR, aiomq.PAIR)


async def test_rfc31_pair_maintains_the_outgoing_queue_without_a_connection(context: aiomq.Context) -> None:
    """The queue of a peer that was connected to is there whether or not the connection is."""
    await queues.queue_outlives_a_connection(context, aiomq.PAIR, aiomq.PAIR)


async def test_rfc31_pair_maintains_the_incoming_queue_without_a_connection(context: aiomq.Context) -> None:
    """What such a peer sent stays to be read when the connection is lost."""
    await queues.incoming_queue_outlives_a_connection(context, aiomq.PAIR, aiomq.PAIR)


async def test_rfc31_pair_creates_a_double_queue_when_a_peer_connects(context: aiomq.Context) -> None:
    """Not before: without a peer a bound PAIR has nowhere to put a message."""
    socket = context.socket(aiomq.PAIR)
    async with meet(socket) as peer:
        with pytest.raises(aiomq.Again):
            socket.send_nowait(b"too early")
        await peer.follow(V31.handshake(aiomq.PAIR, aiomq.PAIR))
        await socket.send(b"x")
        await peer.hears(V31.message(b"x"))


async def test_rfc31_pair_destroys_the_queue_of_an_accepted_peer_that_disconnects(context: aiomq.Context) -> None:
    """A peer that connected to us takes with it what was still to be sent to it."""
    await queues.accepted_queue_dies_with_its_peer(context, aiomq.PAIR, aiomq.PAIR)


async def test_rfc31_pair_keeps_what_a_disconnected_peer_sent(context: aiomq.Context) -> None:
    """The RFC would have unread messages of such a peer discarded too. As in libzmq they can still be read."""
    await queues.received_messages_outlive_their_peer(context, aiomq.PAIR, aiomq.PAIR)


async def test_rfc31_pair_constrains_its_queues(context: aiomq.Context) -> None:
    """SNDHWM and RCVHWM are the limits."""
    await queues.queue_sizes_are_limited(context, aiomq.PAIR, aiomq.PAIR)


def test_rfc31_pair_outgoing_peer_is_available_only_while_its_queue_is_not_full(pair: PairPattern) -> None:
    """A full peer can be sent to again as soon as it has room."""
    peer = FakePeer(pair, hwm=1).attach()
    assert pair.can_send()
    assert pair.try_send(b"1")
    assert not pair.can_send()
    peer.take()
    assert pair.can_send()


async def test_rfc31_pair_sending_without_available_peer_blocks_or_returns_an_error(context: aiomq.Context) -> None:
    """A message waits for a peer; a call that may not wait gets an error."""
    socket = context.socket(aiomq.PAIR)
    socket.bind("tcp://127.0.0.1:0")
    with pytest.raises(aiomq.Again):
        socket.send_nowait(b"x")
    sending = asyncio.create_task(socket.send(b"x"))
    await turns(3)
    assert not sending.done()
    peer = await join(socket, V31, aiomq.PAIR)
    await sending
    await peer.hears(V31.message(b"x"))
    socket.close()
    peer.close()


def test_rfc31_pair_outgoing_messages_are_not_accepted_without_available_peer(pair: PairPattern) -> None:
    """Neither without a peer nor with a full one."""
    assert not pair.try_send(b"x")
    FakePeer(pair, hwm=1).attach()
    assert pair.try_send(b"x")
    assert not pair.try_send(b"x")


def test_rfc31_pair_outgoing_messages_that_cannot_be_queued_are_not_discarded(pair: PairPattern) -> None:
    """A refused message is the caller's still, and goes out whole when there is room."""
    peer = FakePeer(pair, hwm=1).attach()
    assert pair.try_send(b"1")
    assert not pair.try_send((b"2", b"two"))
    assert peer.take() == [b"1"]
    assert pair.try_send((b"2", b"two"))
    assert peer.outbox == [(b"2", b"two")]


def test_rfc31_pair_incoming_messages_are_received_from_the_single_peer_if_there_is_one(pair: PairPattern) -> None:
    """From it alone: not from one that was turned away."""
    assert pair.try_recv() is None
    first, second = FakePeer(pair).attach(), FakePeer(pair).attach()
    assert second.closed
    second.deliver(b"never heard")
    assert pair.try_recv() is None
    first.deliver(b"heard")
    assert pair.try_recv() == b"heard"


async def test_rfc31_pair_incoming_messages_are_delivered(context: aiomq.Context) -> None:
    """Over the wire and in the process, both ways."""
    one, other = context.socket(aiomq.PAIR), context.socket(aiomq.PAIR)
    one.bind("inproc://pair")
    other.connect("inproc://pair")
    await one.send_multipart([b"there", b""])
    assert await receive(other) == [b"there", b""]
    await other.send(b"and back")
    assert await receive(one) == [b"and back"]
    one.close()
    other.close()

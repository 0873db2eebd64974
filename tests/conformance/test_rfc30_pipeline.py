"""RFC 30, PIPELINE: each clause on PUSH and PULL, over the wire or with the pattern by itself."""

from __future__ import annotations

import asyncio
import errno

import pytest

import aiomq
from aiomq.options import SocketOptions
from aiomq.patterns.push_pull import PullPattern, PushPattern
from tests.conformance import queue_clauses as queues
from tests.conformance.scripted_peer import V31, join, meet, receive, talk, turns
from tests.patterns.fake_peer import FakePeer


@pytest.fixture
def push() -> PushPattern:
    return PushPattern(SocketOptions())


@pytest.fixture
def pull() -> PullPattern:
    return PullPattern(SocketOptions())


def three(pattern: PushPattern | PullPattern, *, hwm: int = 1000) -> list[FakePeer]:
    """Return three peers of a pattern, called a, b and c."""
    return [FakePeer(pattern, name=name, hwm=hwm).attach() for name in "abc"]


# -- PUSH, general behavior -------------------------------------------------------------------------------------------


async def test_rfc30_push_only_sends_messages(context: aiomq.Context) -> None:
    """To receive is an error, and what a peer sends all the same is dropped."""
    socket = context.socket(aiomq.PUSH)
    async with talk(socket, V31, aiomq.PULL) as peer:
        with pytest.raises(aiomq.ZMQError) as unsupported:
            await socket.recv()
        assert unsupported.value.errno == errno.ENOTSUP
        await peer.says(V31.message(b"upstream") * 3000)
        await socket.send(b"downstream")
        await peer.hears(V31.message(b"downstream"))
        assert not socket.ready_events() & aiomq.POLLIN


async def test_rfc30_push_does_not_filter_or_modify_messages(context: aiomq.Context) -> None:
    """Whatever the frames are, they leave as they are."""
    socket = context.socket(aiomq.PUSH)
    async with talk(socket, V31, aiomq.PULL) as peer:
        for frames in ([b""], [b"", b"x"], [b"\x01topic"], [b"\x05READY", b"", b"y" * 300]):
            await socket.send_multipart(frames)
            await peer.hears(V31.message(*frames))


def test_rfc30_push_maintains_a_queue_for_each_peer(push: PushPattern) -> None:
    """One peer that takes nothing does not hold up another."""
    slow, quick = (FakePeer(push, hwm=1).attach() for _ in range(2))
    for number in range(4):
        assert push.try_send(b"%d" % number)
        quick.take()
    assert slow.outbox == [b"0"]


async def test_rfc30_push_creates_a_queue_when_it_connects(context: aiomq.Context) -> None:
    """Messages can be sent to a peer that was connected to and is not there yet."""
    await queues.queue_exists_from_connect_on(context, aiomq.PUSH, aiomq.PULL)


async def test_rfc30_push_maintains_the_queue_without_a_connection(context: aiomq.Context) -> None:
    """The queue of a peer that was connected to is there whether or not the connection is."""
    await queues.queue_outlives_a_connection(context, aiomq.PUSH, aiomq.PULL)


async def test_rfc30_push_creates_a_queue_when_a_peer_connects(context: aiomq.Context) -> None:
    """Not before: without a peer a bound PUSH has nowhere to put a message."""
    socket = context.socket(aiomq.PUSH)
    async with meet(socket) as peer:
        with pytest.raises(aiomq.Again):
            socket.send_nowait(b"too early")
        await peer.follow(V31.handshake(aiomq.PUSH, aiomq.PULL))
        await socket.send(b"x")
        await peer.hears(V31.message(b"x"))


async def test_rfc30_push_destroys_the_queue_of_an_accepted_peer_that_disconnects(context: aiomq.Context) -> None:
    """A peer that connected to us takes with it what was still to be sent to it."""
    await queues.accepted_queue_dies_with_its_peer(context, aiomq.PUSH, aiomq.PULL)


async def test_rfc30_push_constrains_its_queues(context: aiomq.Context) -> None:
    """SNDHWM is the limit for each peer."""
    await queues.queue_sizes_are_limited(context, aiomq.PUSH, aiomq.PULL)


# -- PUSH, outgoing messages ------------------------------------------------------------------------------------------


def test_rfc30_push_peer_is_available_only_while_its_queue_is_not_full(push: PushPattern) -> None:
    """A full peer gets nothing; it is back as soon as it has room."""
    first, second, third = three(push, hwm=2)
    for number in range(4):
        assert push.try_send(b"%d" % number)
    second.take()
    for number in range(4, 7):
        assert push.try_send(b"%d" % number)
    assert not push.can_send()
    assert (first.outbox, second.outbox, third.outbox) == ([b"0", b"3"], [b"4", b"6"], [b"2", b"5"])


def test_rfc30_push_messages_are_routed_round_robin(push: PushPattern) -> None:
    """Whole messages, one for each available peer in turn."""
    peers = three(push)
    for number in range(6):
        assert push.try_send((b"%d" % number, b"more"))
    assert [[message[0] for message in peer.outbox] for peer in peers] == [[b"0", b"3"], [b"1", b"4"], [b"2", b"5"]]


async def test_rfc30_push_sending_without_available_peers_blocks_or_returns_an_error(context: aiomq.Context) -> None:
    """A message waits for a peer; a call that may not wait gets an error."""
    socket = context.socket(aiomq.PUSH)
    socket.bind("tcp://127.0.0.1:0")
    with pytest.raises(aiomq.Again):
        socket.send_nowait(b"x")
    sending = asyncio.create_task(socket.send(b"x"))
    await turns(3)
    assert not sending.done()
    peer = await join(socket, V31, aiomq.PULL)
    await sending
    await peer.hears(V31.message(b"x"))
    socket.close()
    peer.close()


def test_rfc30_push_messages_are_not_accepted_without_available_peers(push: PushPattern) -> None:
    """Neither with no peer at all nor with full ones."""
    assert not push.try_send(b"x")
    three(push, hwm=1)
    for _ in range(3):
        assert push.try_send(b"x")
    assert not push.try_send(b"x")


def test_rfc30_push_messages_that_cannot_be_queued_are_not_discarded(push: PushPattern) -> None:
    """A refused message is the caller's still, and goes out whole when there is room."""
    peer = FakePeer(push, hwm=1).attach()
    assert push.try_send(b"1")
    assert not push.try_send((b"2", b"two"))
    assert peer.take() == [b"1"]
    assert push.try_send((b"2", b"two"))
    assert peer.outbox == [(b"2", b"two")]


# -- PULL -------------------------------------------------------------------------------------------------------------


async def test_rfc30_pull_only_receives_messages(context: aiomq.Context) -> None:
    """To send is an error, and nothing reaches the peer."""
    socket = context.socket(aiomq.PULL)
    async with talk(socket, V31, aiomq.PUSH) as peer:
        with pytest.raises(aiomq.ZMQError) as unsupported:
            await socket.send(b"upstream")
        assert unsupported.value.errno == errno.ENOTSUP
        await peer.hears_nothing()


async def test_rfc30_pull_does_not_filter_or_modify_messages(context: aiomq.Context) -> None:
    """Whatever the frames are, they arrive as they are."""
    socket = context.socket(aiomq.PULL)
    async with talk(socket, V31, aiomq.PUSH) as peer:
        for frames in ([b""], [b"", b"x"], [b"\x01topic"], [b"\x05READY", b"", b"y" * 300]):
            await peer.says(V31.message(*frames))
            assert await receive(socket) == frames


async def test_rfc30_pull_maintains_a_queue_for_each_peer(context: aiomq.Context) -> None:
    """One peer that has filled its queue does not keep another from being heard."""
    socket = context.socket(aiomq.PULL, rcvhwm=1)
    async with talk(socket, V31, aiomq.PUSH) as busy:
        await busy.says(V31.message(b"busy") * 3)
        await turns(3)
        other = await join(socket, V31, aiomq.PUSH)
        await other.says(V31.message(b"other"))
        await turns(3)
        assert sorted([await receive(socket), await receive(socket)]) == [[b"busy"], [b"other"]]
        assert [await receive(socket), await receive(socket)] == [[b"busy"], [b"busy"]]
        other.close()


async def test_rfc30_pull_maintains_the_queue_without_a_connection(context: aiomq.Context) -> None:
    """What a peer that was connected to sent stays to be read when the connection is lost."""
    await queues.incoming_queue_outlives_a_connection(context, aiomq.PULL, aiomq.PUSH)


async def test_rfc30_pull_creates_a_queue_when_a_peer_connects(context: aiomq.Context) -> None:
    """A message can be heard from the moment that the handshake is over."""
    socket = context.socket(aiomq.PULL)
    async with meet(socket) as peer:
        await peer.follow(V31.handshake(aiomq.PULL, aiomq.PUSH))
        await peer.says(V31.message(b"x"))
        assert await receive(socket) == [b"x"]


async def test_rfc30_pull_keeps_what_a_disconnected_peer_sent(context: aiomq.Context) -> None:
    """The RFC would have unread messages of an accepted peer discarded with it. As in libzmq they can still be read."""
    await queues.received_messages_outlive_their_peer(context, aiomq.PULL, aiomq.PUSH)


async def test_rfc30_pull_constrains_its_queues(context: aiomq.Context) -> None:
    """RCVHWM is the limit for each peer: beyond it the peer's own queue, and then the peer itself, has to wait."""
    pull = context.socket(aiomq.PULL, rcvhwm=2)
    pull.bind("inproc://limited")
    push = context.socket(aiomq.PUSH, sndhwm=3)
    push.connect("inproc://limited")
    for number in range(5):
        push.send_nowait(b"%d" % number)
    with pytest.raises(aiomq.Again):
        push.send_nowait(b"too many")
    assert [await receive(pull) for _ in range(5)] == [[b"%d" % number] for number in range(5)]
    push.close()
    pull.close()


def test_rfc30_pull_incoming_messages_are_fair_queued(pull: PullPattern) -> None:
    """A peer that sent many does not keep the others waiting."""
    first, second, third = three(pull)
    first.deliver(b"a1", b"a2", b"a3")
    second.deliver(b"b1")
    third.deliver(b"c1", (b"c2", b"more"))
    assert [pull.try_recv() for _ in range(7)] == [b"a1", b"b1", b"c1", b"a2", (b"c2", b"more"), b"a3", None]


async def test_rfc30_pull_incoming_messages_are_delivered(context: aiomq.Context) -> None:
    """From every peer, to whoever receives."""
    socket = context.socket(aiomq.PULL)
    async with talk(socket, V31, aiomq.PUSH) as first:
        second = await join(socket, V31, aiomq.PUSH)
        await first.says(V31.message(b"from the first"))
        assert await receive(socket) == [b"from the first"]
        await second.says(V31.message(b"from the second"))
        assert await receive(socket) == [b"from the second"]
        second.close()

"""RFC 28, REQREP: each clause on DEALER and ROUTER, over the wire or with the pattern by itself."""

from __future__ import annotations

import asyncio
import errno

import pytest

import aiomq
from aiomq.options import SocketOptions
from aiomq.patterns.dealer_router import DealerPattern, RouterPattern
from tests.conformance import queue_clauses as queues
from tests.conformance.scripted_peer import V31, dial, join, receive, talk, turns
from tests.patterns.fake_peer import FakePeer


@pytest.fixture
def dealer() -> DealerPattern:
    return DealerPattern(SocketOptions())


@pytest.fixture
def router() -> RouterPattern:
    return RouterPattern(SocketOptions())


def three(pattern: DealerPattern | RouterPattern, *, hwm: int = 1000) -> list[FakePeer]:
    """Return three peers of a pattern with the routing ids a, b and c."""
    return [FakePeer(pattern, name=name, hwm=hwm, routing_id=name.encode()).identify() for name in "abc"]


# -- DEALER, general behavior -----------------------------------------------------------------------------------------


async def test_rfc28_dealer_does_not_filter_or_modify_messages(context: aiomq.Context) -> None:
    """Whatever the frames are, they leave and arrive as they are: there is no envelope and no delimiter."""
    socket = context.socket(aiomq.DEALER)
    async with talk(socket, V31, aiomq.DEALER) as peer:
        for frames in ([b""], [b"", b"x"], [b"\x01topic"], [b"\x05READY", b"", b"y" * 300]):
            await socket.send_multipart(frames)
            await peer.hears(V31.message(*frames))
            await peer.says(V31.message(*frames))
            assert await receive(socket) == frames


async def test_rfc28_dealer_maintains_a_double_queue_for_each_peer(context: aiomq.Context) -> None:
    """Messages in and messages out are queued independently of each other."""
    await queues.directions_are_independent(context, aiomq.DEALER, aiomq.DEALER)


async def test_rfc28_dealer_creates_a_double_queue_when_it_connects(context: aiomq.Context) -> None:
    """Messages can be sent to a peer that was connected to and is not there yet."""
    await queues.queue_exists_from_connect_on(context, aiomq.DEALER, aiomq.ROUTER)


async def test_rfc28_dealer_maintains_the_outgoing_queue_without_a_connection(context: aiomq.Context) -> None:
    """The queue of a peer that was connected to is there whether or not the connection is."""
    await queues.queue_outlives_a_connection(context, aiomq.DEALER, aiomq.ROUTER)


async def test_rfc28_dealer_maintains_the_incoming_queue_without_a_connection(context: aiomq.Context) -> None:
    """What such a peer sent stays to be read when the connection is lost."""
    await queues.incoming_queue_outlives_a_connection(context, aiomq.DEALER, aiomq.ROUTER)


async def test_rfc28_dealer_destroys_the_queue_of_an_accepted_peer_that_disconnects(context: aiomq.Context) -> None:
    """A peer that connected to us takes with it what was still to be sent to it."""
    await queues.accepted_queue_dies_with_its_peer(context, aiomq.DEALER, aiomq.DEALER)


async def test_rfc28_dealer_keeps_what_a_disconnected_peer_sent(context: aiomq.Context) -> None:
    """The RFC would have unread messages of such a peer discarded too. As in libzmq they can still be read."""
    await queues.received_messages_outlive_their_peer(context, aiomq.DEALER, aiomq.DEALER)


async def test_rfc28_dealer_constrains_its_queues(context: aiomq.Context) -> None:
    """SNDHWM and RCVHWM are limits for each peer."""
    await queues.queue_sizes_are_limited(context, aiomq.DEALER, aiomq.DEALER)


# -- DEALER, outgoing and incoming messages ---------------------------------------------------------------------------


def test_rfc28_dealer_outgoing_peer_is_available_only_while_its_queue_is_not_full(dealer: DealerPattern) -> None:
    """A full peer gets nothing; it is back as soon as it has room."""
    first, second, third = three(dealer, hwm=2)
    for number in range(4):
        assert dealer.try_send(b"%d" % number)
    second.take()
    for number in range(4, 7):
        assert dealer.try_send(b"%d" % number)
    assert not dealer.can_send()
    assert [len(peer.outbox) for peer in (first, second, third)] == [2, 2, 2]


def test_rfc28_dealer_outgoing_messages_are_routed_round_robin(dealer: DealerPattern) -> None:
    """Whole messages, one for each available peer in turn."""
    peers = three(dealer)
    for number in range(6):
        assert dealer.try_send((b"%d" % number, b"more"))
    assert [[message[0] for message in peer.outbox] for peer in peers] == [[b"0", b"3"], [b"1", b"4"], [b"2", b"5"]]


async def test_rfc28_dealer_sending_without_available_peers_blocks_or_returns_an_error(context: aiomq.Context) -> None:
    """A message waits for a peer; a call that may not wait gets an error."""
    socket = context.socket(aiomq.DEALER)
    socket.bind("tcp://127.0.0.1:0")
    with pytest.raises(aiomq.Again):
        socket.send_nowait(b"x")
    sending = asyncio.create_task(socket.send(b"x"))
    await turns(3)
    assert not sending.done()
    peer = await dial(socket)
    await peer.follow(V31.handshake(aiomq.DEALER, aiomq.DEALER))
    await sending
    await peer.hears(V31.message(b"x"))
    socket.close()
    peer.close()


def test_rfc28_dealer_outgoing_messages_are_not_accepted_without_available_peers(dealer: DealerPattern) -> None:
    """Neither with no peer at all nor with full ones."""
    assert not dealer.try_send(b"x")
    three(dealer, hwm=1)
    for _ in range(3):
        assert dealer.try_send(b"x")
    assert not dealer.try_send(b"x")


def test_rfc28_dealer_outgoing_messages_that_cannot_be_queued_are_not_discarded(dealer: DealerPattern) -> None:
    """A refused message is the caller's still, and goes out whole when there is room."""
    peer = FakePeer(dealer, hwm=1).attach()
    assert dealer.try_send(b"1")
    assert not dealer.try_send((b"2", b"two"))
    assert peer.take() == [b"1"]
    assert dealer.try_send((b"2", b"two"))
    assert peer.outbox == [(b"2", b"two")]


def test_rfc28_dealer_incoming_messages_are_fair_queued(dealer: DealerPattern) -> None:
    """A peer that sent many does not keep the others waiting."""
    first, second, third = three(dealer)
    first.deliver(b"a1", b"a2", b"a3")
    second.deliver(b"b1")
    third.deliver(b"c1", (b"c2", b"more"))
    assert [dealer.try_recv() for _ in range(7)] == [b"a1", b"b1", b"c1", b"a2", (b"c2", b"more"), b"a3", None]


async def test_rfc28_dealer_incoming_messages_are_delivered(context: aiomq.Context) -> None:
    """From every peer, to whoever receives."""
    socket = context.socket(aiomq.DEALER)
    async with talk(socket, V31, aiomq.ROUTER) as first:
        second = await join(socket, V31, aiomq.REP)
        await first.says(V31.message(b"from the first"))
        assert await receive(socket) == [b"from the first"]
        await second.says(V31.message(b"from the second"))
        assert await receive(socket) == [b"from the second"]
        second.close()


# -- ROUTER, general behavior -----------------------------------------------------------------------------------------


async def test_rfc28_router_maintains_a_double_queue_for_each_peer(context: aiomq.Context) -> None:
    """Messages in and messages out are queued independently of each other."""
    await queues.directions_are_independent(context, aiomq.ROUTER, aiomq.DEALER, b"them", router_mandatory=True)


async def test_rfc28_router_creates_a_double_queue_when_it_connects(context: aiomq.Context) -> None:
    """With CONNECT_ROUTING_ID a peer can be sent to at once. Without, as in libzmq, nobody knows its name as yet."""
    options = {"connect_routing_id": b"them", "router_mandatory": True}
    await queues.queue_exists_from_connect_on(context, aiomq.ROUTER, aiomq.DEALER, b"them", **options)


async def test_rfc28_router_maintains_the_outgoing_queue_without_a_connection(context: aiomq.Context) -> None:
    """The queue of a peer that was connected to is there whether or not the connection is."""
    await queues.queue_outlives_a_connection(context, aiomq.ROUTER, aiomq.DEALER, b"them")


async def test_rfc28_router_maintains_the_incoming_queue_without_a_connection(context: aiomq.Context) -> None:
    """What such a peer sent stays to be read when the connection is lost."""
    await queues.incoming_queue_outlives_a_connection(context, aiomq.ROUTER, aiomq.DEALER, b"them")


async def test_rfc28_router_destroys_the_queue_of_an_accepted_peer_that_disconnects(context: aiomq.Context) -> None:
    """What was still to be sent to it does not go to the next one, though that has the same name."""
    await queues.accepted_queue_dies_with_its_peer(context, aiomq.ROUTER, aiomq.DEALER, b"them")


async def test_rfc28_router_keeps_what_a_disconnected_peer_sent(context: aiomq.Context) -> None:
    """The RFC would have unread messages of such a peer discarded too. As in libzmq they can still be read."""
    await queues.received_messages_outlive_their_peer(context, aiomq.ROUTER, aiomq.DEALER, b"them")


async def test_rfc28_router_constrains_its_queues(context: aiomq.Context) -> None:
    """SNDHWM and RCVHWM are limits for each peer."""
    await queues.queue_sizes_are_limited(context, aiomq.ROUTER, aiomq.DEALER, b"them", router_mandatory=True)


def test_rfc28_router_identifies_each_queue_by_a_unique_string(router: RouterPattern) -> None:
    """Peers without a name get one each; as in libzmq one with a name in use takes no part, and gets nothing."""
    anonymous = [FakePeer(router).identify() for _ in range(3)]
    assert len({peer.routing_id for peer in anonymous}) == 3
    first, second = (FakePeer(router, routing_id=b"same").identify() for _ in range(2))
    second.deliver(b"nobody hears this")
    assert router.try_recv() is None
    assert router.try_send((b"same", b"x"))
    assert (first.outbox, second.outbox) == ([b"x"], [])


async def test_rfc28_router_allows_a_peer_to_specify_its_identity(context: aiomq.Context) -> None:
    """The Identity of its READY is the name that the peer has here."""
    socket = context.socket(aiomq.ROUTER)
    async with talk(socket, V31, aiomq.REQ, their_id=b"chosen") as peer:
        await peer.says(V31.message(b"", b"Q"))
        assert await receive(socket) == [b"chosen", b"", b"Q"]


# -- ROUTER, incoming and outgoing messages ---------------------------------------------------------------------------


def test_rfc28_router_incoming_messages_are_fair_queued(router: RouterPattern) -> None:
    """A peer that sent many does not keep the others waiting."""
    first, second, third = three(router)
    first.deliver(b"1", b"2", b"3")
    second.deliver(b"1")
    third.deliver(b"1", b"2")
    received = [router.try_recv() for _ in range(6)]
    assert received == [(b"a", b"1"), (b"b", b"1"), (b"c", b"1"), (b"a", b"2"), (b"c", b"2"), (b"a", b"3")]


def test_rfc28_router_incoming_messages_are_prefixed_with_the_identity(router: RouterPattern) -> None:
    """One frame more than was sent, and it comes first."""
    first, second, _ = three(router)
    first.deliver((b"", b"Q"))
    second.deliver(b"")
    assert router.try_recv() == (b"a", b"", b"Q")
    assert router.try_recv() == (b"b", b"")


async def test_rfc28_router_incoming_messages_are_delivered(context: aiomq.Context) -> None:
    """From every peer, to whoever receives."""
    socket = context.socket(aiomq.ROUTER)
    async with talk(socket, V31, aiomq.DEALER, their_id=b"1") as first:
        second = await join(socket, V31, aiomq.ROUTER, their_id=b"2")
        await first.says(V31.message(b"x"))
        assert await receive(socket) == [b"1", b"x"]
        await second.says(V31.message(b"y", b""))
        assert await receive(socket) == [b"2", b"y", b""]
        second.close()


def test_rfc28_router_outgoing_first_frame_is_removed_and_names_the_queue(router: RouterPattern) -> None:
    """The peer sees the frames after the first; a name with nothing after it is no message, as in libzmq."""
    first, second, _ = three(router)
    assert router.try_send((b"b", b"", b"r"))
    assert router.try_send((b"b", b"x"))
    assert router.try_send(b"b")
    assert (first.outbox, second.outbox) == ([], [(b"", b"r"), b"x"])


def test_rfc28_router_outgoing_messages_go_to_the_queue_that_is_named_and_has_space(router: RouterPattern) -> None:
    """To that one and no other, in whatever order."""
    peers = three(router, hwm=2)
    for name in (b"c", b"a", b"c", b"b"):
        assert router.try_send((name, b"for " + name))
    assert [peer.outbox for peer in peers] == [[b"for a"], [b"for b"], [b"for c", b"for c"]]


def test_rfc28_router_outgoing_messages_to_an_unknown_queue_are_dropped_or_an_error(router: RouterPattern) -> None:
    """Dropped by default; with ROUTER_MANDATORY the error is EHOSTUNREACH."""
    three(router)
    assert router.try_send((b"nobody", b"x"))
    router.options.router_mandatory = True
    with pytest.raises(aiomq.ZMQError) as unreachable:
        router.try_send((b"nobody", b"x"))
    assert unreachable.value.errno == errno.EHOSTUNREACH


def test_rfc28_router_outgoing_messages_to_a_full_queue_are_dropped_or_an_error(router: RouterPattern) -> None:
    """Dropped by default; with ROUTER_MANDATORY refused, and not queued."""
    first, _, _ = three(router, hwm=1)
    assert router.try_send((b"a", b"1"))
    assert router.try_send((b"a", b"2"))
    router.options.router_mandatory = True
    assert not router.try_send((b"a", b"3"))
    assert first.outbox == [b"1"]


async def test_rfc28_router_does_not_block_on_sending(context: aiomq.Context) -> None:
    """With nobody there, or no room, a send is over at once. With ROUTER_MANDATORY, as in libzmq, it waits for room."""
    socket = context.socket(aiomq.ROUTER, sndhwm=1, sndtimeo=0)
    await socket.send_multipart([b"nobody", b"x"])
    socket.bind("tcp://127.0.0.1:0")
    peer = await join(socket, V31, aiomq.DEALER, their_id=b"them")
    for _ in range(20):
        await socket.send_multipart([b"them", queues.LARGE])
    assert socket.ready_events() & aiomq.POLLOUT
    socket.router_mandatory = True
    with pytest.raises(aiomq.Again):
        await socket.send_multipart([b"them", b"x"])
    socket.close()
    peer.close()

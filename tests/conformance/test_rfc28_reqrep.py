"""RFC 28, REQREP: each clause on REQ and REP, over the wire or with the pattern by itself."""

from __future__ import annotations

import asyncio

import pytest

import aiomq
from aiomq.options import SocketOptions
from aiomq.patterns.req_rep import RepPattern, ReqPattern
from tests.conformance.scripted_peer import V31, dial, receive, talk, turns
from tests.patterns.fake_peer import FakePeer


@pytest.fixture
def req() -> ReqPattern:
    return ReqPattern(SocketOptions())


@pytest.fixture
def rep() -> RepPattern:
    return RepPattern(SocketOptions())


def three(pattern: ReqPattern | RepPattern) -> list[FakePeer]:
    """Return three peers of a pattern, called a, b and c."""
    return [FakePeer(pattern, name=name).attach() for name in "abc"]


# -- REQ --------------------------------------------------------------------------------------------------------------


async def test_rfc28_req_sends_and_then_receives_one_message_at_a_time(context: aiomq.Context) -> None:
    """Neither a second request before the reply, nor a second reply, nor a reply without request."""
    socket = context.socket(aiomq.REQ)
    async with talk(socket, V31, aiomq.REP) as peer:
        for _ in range(2):
            with pytest.raises(aiomq.ZMQError, match="before it sent") as early:
                await socket.recv()
            await socket.send(b"Q")
            with pytest.raises(aiomq.ZMQError, match="before it received") as again:
                await socket.send(b"Q again")
            await peer.hears(V31.message(b"", b"Q"))
            await peer.says(V31.message(b"", b"r"))
            assert await receive(socket) == [b"r"]
            assert early.value.errno == again.value.errno == aiomq.EFSM


async def test_rfc28_req_messages_on_the_wire_are_a_delimiter_and_data_frames(context: aiomq.Context) -> None:
    """An empty frame, which the user does not see, then one frame or more that the user does."""
    socket = context.socket(aiomq.REQ)
    async with talk(socket, V31, aiomq.REP) as peer:
        for body in ([b"Q"], [b""], [b"", b"Q", b""]):
            await socket.send_multipart(body)
            await peer.hears(V31.message(b"", *body))
            await peer.says(V31.message(b"", *body))
            assert await receive(socket) == body


def test_rfc28_req_outgoing_messages_are_prefixed_with_an_empty_delimiter(req: ReqPattern) -> None:
    """The pattern adds the frame, whoever carries the message."""
    peer = FakePeer(req).attach()
    assert req.try_send((b"one", b"two"))
    assert peer.outbox == [(b"", b"one", b"two")]


def test_rfc28_req_outgoing_messages_are_routed_round_robin(req: ReqPattern) -> None:
    """Each request goes to the peer after the one before it."""
    peers = three(req)
    for number in range(6):
        assert req.try_send(b"%d" % number)
        peers[number % 3].deliver((b"", b"r"))
        assert req.try_recv() == b"r"
    assert [peer.outbox for peer in peers] == [
        [(b"", b"0"), (b"", b"3")],
        [(b"", b"1"), (b"", b"4")],
        [(b"", b"2"), (b"", b"5")],
    ]


async def test_rfc28_req_sending_without_peers_blocks_or_returns_an_error(context: aiomq.Context) -> None:
    """Without a peer a request waits; a call that may not wait gets an error."""
    socket = context.socket(aiomq.REQ)
    socket.bind("tcp://127.0.0.1:0")
    with pytest.raises(aiomq.Again):
        socket.send_nowait(b"Q")
    sending = asyncio.create_task(socket.send(b"Q"))
    await turns(3)
    assert not sending.done()
    peer = await dial(socket)
    await peer.follow(V31.handshake(aiomq.REQ, aiomq.REP))
    await sending
    await peer.hears(V31.message(b"", b"Q"))
    socket.close()
    peer.close()


def test_rfc28_req_message_that_cannot_be_sent_is_not_discarded(req: ReqPattern) -> None:
    """A request that finds no room is refused, changes nothing, and can be sent when there is room."""
    peer = FakePeer(req, hwm=0).attach()
    assert not req.try_send(b"Q")
    with pytest.raises(aiomq.ZMQError, match="before it sent"):
        req.try_recv()
    peer.hwm = 1
    peer.take()
    assert req.try_send(b"Q")
    assert peer.outbox == [(b"", b"Q")]


def test_rfc28_req_incoming_message_is_accepted_from_the_last_peer_only(req: ReqPattern) -> None:
    """The reply must come from where the request went. If that peer is gone, any may reply, as in libzmq."""
    first, second, _ = three(req)
    assert req.try_send(b"Q")
    second.deliver((b"", b"not asked"))
    assert req.try_recv() is None
    first.deliver((b"", b"r"))
    assert req.try_recv() == b"r"


def test_rfc28_req_messages_of_other_peers_are_discarded_silently(req: ReqPattern) -> None:
    """What others send is dropped, before and after they are asked themselves."""
    first, second, third = three(req)
    third.deliver((b"", b"before any request"))
    assert req.try_send(b"Q1")
    second.deliver((b"", b"not asked"))
    first.deliver((b"", b"r1"))
    assert req.try_recv() == b"r1"
    assert req.try_send(b"Q2")
    assert req.try_recv() is None
    second.deliver((b"", b"r2"))
    assert req.try_recv() == b"r2"


# -- REP --------------------------------------------------------------------------------------------------------------


async def test_rfc28_rep_does_not_filter_or_modify_messages(context: aiomq.Context) -> None:
    """Bodies pass as they are, empty frames and all. A message without delimiter has none and is dropped (libzmq)."""
    socket = context.socket(aiomq.REP)
    async with talk(socket, V31, aiomq.DEALER) as peer:
        await peer.says(V31.message(b"no delimiter"))
        for body in ([b""], [b"", b"", b"\x00\x01"], [b"x" * 256, b""]):
            await peer.says(V31.message(b"", *body))
            assert await receive(socket) == body
            await socket.send_multipart(body[::-1])
            await peer.hears(V31.message(b"", *body[::-1]))


async def test_rfc28_rep_receives_and_then_sends_one_message_at_a_time(context: aiomq.Context) -> None:
    """Neither a second request before the reply, nor a second reply, nor a reply without request."""
    socket = context.socket(aiomq.REP)
    async with talk(socket, V31, aiomq.REQ) as peer:
        await peer.says(V31.message(b"", b"Q1") + V31.message(b"", b"Q2"))
        for number in (b"1", b"2"):
            with pytest.raises(aiomq.ZMQError, match="before it received") as early:
                await socket.send(b"r")
            assert await receive(socket) == [b"Q" + number]
            with pytest.raises(aiomq.ZMQError, match="before it replied") as again:
                await socket.recv()
            await socket.send(b"r" + number)
            await peer.hears(V31.message(b"", b"r" + number))
            assert early.value.errno == again.value.errno == aiomq.EFSM


async def test_rfc28_rep_messages_on_the_wire_are_an_envelope_a_delimiter_and_data_frames(
    context: aiomq.Context,
) -> None:
    """No identity, one, or several, then the empty frame, then what the user sees: the same way back."""
    socket = context.socket(aiomq.REP)
    async with talk(socket, V31, aiomq.DEALER) as peer:
        for envelope in ([], [b"hop"], [b"\x00\x00\x00\x00\x01", b"i" * 255, b"hop"]):
            await peer.says(V31.message(*envelope, b"", b"Q", b""))
            assert await receive(socket) == [b"Q", b""]
            await socket.send_multipart([b"", b"r"])
            await peer.hears(V31.message(*envelope, b"", b"", b"r"))


def test_rfc28_rep_incoming_messages_are_fair_queued(rep: RepPattern) -> None:
    """A peer with many requests does not keep the others waiting."""
    first, second, third = three(rep)
    first.deliver((b"", b"a1"), (b"", b"a2"), (b"", b"a3"))
    second.deliver((b"", b"b1"))
    third.deliver((b"", b"c1"), (b"", b"c2"))
    received = []
    while (request := rep.try_recv()) is not None:
        received.append(request)
        assert rep.try_send(b"r")
    assert received == [b"a1", b"b1", b"c1", b"a2", b"c2", b"a3"]


def test_rfc28_rep_envelope_is_removed_and_stored_and_the_rest_passed_on(rep: RepPattern) -> None:
    """The user gets what follows the first empty frame, and never what stands before it."""
    peer = FakePeer(rep).attach()
    peer.deliver((b"hop", b"", b"one", b"", b"two"))
    assert rep.try_recv() == (b"one", b"", b"two")


def test_rfc28_rep_waits_for_a_single_reply(rep: RepPattern) -> None:
    """After one reply there is nothing to reply to."""
    peer = FakePeer(rep).attach()
    peer.deliver((b"", b"Q"))
    assert rep.try_recv() == b"Q"
    assert rep.try_send(b"r")
    with pytest.raises(aiomq.ZMQError, match="before it received"):
        rep.try_send(b"r again")


def test_rfc28_rep_reply_is_prepended_with_envelope_and_delimiter(rep: RepPattern) -> None:
    """What was removed of the request is put before the reply."""
    peer = FakePeer(rep).attach()
    peer.deliver((b"two", b"one", b"", b"Q"))
    assert rep.try_recv() == b"Q"
    assert rep.try_send((b"r", b""))
    assert peer.outbox == [(b"two", b"one", b"", b"r", b"")]


def test_rfc28_rep_reply_is_delivered_to_the_originating_peer(rep: RepPattern) -> None:
    """To nobody else, whatever came from others meanwhile."""
    first, second, third = three(rep)
    second.deliver((b"", b"Q"))
    assert rep.try_recv() == b"Q"
    first.deliver((b"", b"other"))
    assert rep.try_send(b"r")
    assert (first.outbox, second.outbox, third.outbox) == ([], [(b"", b"r")], [])


def test_rfc28_rep_reply_to_a_peer_that_is_gone_is_discarded(rep: RepPattern) -> None:
    """Silently, and the next request can be received."""
    first, second, _ = three(rep)
    first.deliver((b"", b"Q1"))
    second.deliver((b"", b"Q2"))
    assert rep.try_recv() == b"Q1"
    first.detach()
    assert rep.try_send(b"r1")
    assert rep.try_recv() == b"Q2"
    assert (first.outbox, second.outbox) == ([], [])


def test_rfc28_rep_does_not_block_on_sending(rep: RepPattern) -> None:
    """A reply that finds no room at its peer is dropped."""
    peer = FakePeer(rep, hwm=0).attach()
    peer.deliver((b"", b"Q"))
    assert rep.try_recv() == b"Q"
    assert rep.can_send()
    assert rep.try_send(b"r")
    assert peer.outbox == []

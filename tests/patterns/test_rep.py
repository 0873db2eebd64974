from __future__ import annotations

import pytest

from aiomq.errors import EFSM, ZMQError
from aiomq.message import Message
from aiomq.options import SocketOptions
from aiomq.patterns.req_rep import RepPattern
from tests.patterns.fake_peer import FakePeer


@pytest.fixture
def rep() -> RepPattern:
    return RepPattern(SocketOptions())


def test_rep_gives_the_body_of_a_request_and_replies_with_the_delimiter(rep: RepPattern) -> None:
    peer = FakePeer(rep).attach()
    peer.deliver((b"", b"hello"))
    assert rep.can_recv()
    assert rep.try_recv() == b"hello"
    assert rep.can_send()
    assert rep.try_send(b"world")
    assert peer.outbox == [(b"", b"world")]


def test_rep_gives_back_the_whole_envelope(rep: RepPattern) -> None:
    peer = FakePeer(rep).attach()
    peer.deliver((b"router 2", b"router 1", b"", b"a", b"", b"b"))
    assert rep.try_recv() == (b"a", b"", b"b")
    assert rep.try_send((b"c", b"d"))
    assert peer.outbox == [(b"router 2", b"router 1", b"", b"c", b"d")]


def test_rep_empty_request_and_reply_are_messages(rep: RepPattern) -> None:
    peer = FakePeer(rep).attach()
    peer.deliver((b"", b""))
    assert rep.try_recv() == b""
    assert rep.try_send(b"")
    assert peer.outbox == [(b"", b"")]


@pytest.mark.parametrize("malformed", [b"", b"body", (b"no", b"delimiter"), (b"no body", b"")])
def test_rep_request_without_delimiter_or_body_is_skipped(rep: RepPattern, malformed: Message) -> None:
    peer = FakePeer(rep).attach()
    peer.deliver(malformed)
    assert not rep.can_recv()
    assert rep.try_recv() is None
    peer.deliver(malformed, (b"", b"right"))
    assert rep.can_recv()
    assert rep.try_recv() == b"right"


def test_rep_reads_from_its_peers_in_turn_and_replies_to_each(rep: RepPattern) -> None:
    first, second = FakePeer(rep).attach(), FakePeer(rep).attach()
    first.deliver((b"", b"a1"), (b"", b"a2"))
    second.deliver((b"", b"b1"))
    for request in (b"a1", b"b1", b"a2"):
        assert rep.try_recv() == request
        assert rep.try_send(b"re " + request)
    assert first.outbox == [(b"", b"re a1"), (b"", b"re a2")]
    assert second.outbox == [(b"", b"re b1")]


def test_rep_peers_with_equal_routing_ids_are_kept_apart(rep: RepPattern) -> None:
    first, second = FakePeer(rep, routing_id=b"X").identify(), FakePeer(rep, routing_id=b"X").identify()
    second.deliver((b"", b"from the second"))
    assert rep.try_recv() == b"from the second"
    assert rep.try_send(b"to the second")
    assert first.outbox == []
    assert second.outbox == [(b"", b"to the second")]


def test_rep_send_before_a_request_is_out_of_turn(rep: RepPattern) -> None:
    FakePeer(rep).attach().deliver((b"", b"hello"))
    assert not rep.can_send()
    with pytest.raises(ZMQError, match="REP socket cannot send before") as caught:
        rep.try_send(b"x")
    assert caught.value.errno == EFSM
    assert rep.try_recv() == b"hello"


def test_rep_second_send_is_out_of_turn(rep: RepPattern) -> None:
    FakePeer(rep).attach().deliver((b"", b"hello"))
    assert rep.try_recv() == b"hello"
    assert rep.try_send(b"world")
    with pytest.raises(ZMQError) as caught:
        rep.try_send(b"again")
    assert caught.value.errno == EFSM


def test_rep_second_recv_before_the_reply_is_out_of_turn(rep: RepPattern) -> None:
    FakePeer(rep).attach().deliver((b"", b"1"), (b"", b"2"))
    assert rep.try_recv() == b"1"
    assert not rep.can_recv()
    with pytest.raises(ZMQError, match="REP socket cannot receive again") as caught:
        rep.try_recv()
    assert caught.value.errno == EFSM
    assert rep.try_send(b"one")
    assert rep.try_recv() == b"2"


def test_rep_reply_to_a_gone_peer_is_dropped(rep: RepPattern) -> None:
    gone, other = FakePeer(rep).attach(), FakePeer(rep).attach()
    gone.deliver((b"", b"hello"))
    assert rep.try_recv() == b"hello"
    rep.detach(gone)
    assert gone.writable, "whatever the peer itself says"
    assert rep.can_send()
    assert rep.try_send(b"world")
    assert gone.outbox == other.outbox == []
    other.deliver((b"", b"next"))
    assert rep.try_recv() == b"next"


def test_rep_reply_to_a_full_peer_is_dropped(rep: RepPattern) -> None:
    peer = FakePeer(rep, hwm=1).attach()
    peer.deliver((b"", b"1"), (b"", b"2"))
    assert rep.try_recv() == b"1"
    assert rep.try_send(b"one")
    assert rep.try_recv() == b"2"
    assert rep.can_send()
    assert rep.try_send(b"two")
    assert peer.outbox == [(b"", b"one")]


def test_rep_request_that_a_gone_peer_left_is_read_and_its_reply_dropped(rep: RepPattern) -> None:
    peer = FakePeer(rep).attach()
    peer.deliver((b"", b"last words"))
    peer.detach()
    assert rep.try_recv() == b"last words"
    assert rep.try_send(b"too late")
    assert peer.outbox == []


def test_rep_request_seen_by_can_recv_survives_the_peer(rep: RepPattern) -> None:
    peer = FakePeer(rep).attach()
    peer.deliver((b"", b"last words"))
    assert rep.can_recv()
    peer.detach()
    assert rep.can_recv()
    assert rep.try_recv() == b"last words"
    assert rep.try_send(b"too late")
    assert peer.outbox == []


def test_rep_with_probe_router_puts_one_empty_message_to_each_new_peer(rep: RepPattern) -> None:
    rep.options.probe_router = True
    assert FakePeer(rep).attach().outbox == [b""]

from __future__ import annotations

import sys

import pytest

from aiomq.errors import EFSM, ZMQError
from aiomq.message import Message
from aiomq.options import SocketOptions
from aiomq.patterns.req_rep import ReqPattern
from tests.patterns.fake_peer import FakePeer


@pytest.fixture
def req() -> ReqPattern:
    return ReqPattern(SocketOptions())


@pytest.fixture
def relaxed() -> ReqPattern:
    return ReqPattern(SocketOptions(req_relaxed=True))


@pytest.fixture
def correlating() -> ReqPattern:
    return ReqPattern(SocketOptions(req_correlate=True))


def _request_id(message: Message) -> bytes:
    assert isinstance(message, tuple)
    assert message[1] == b""
    return message[0]


# -- one request after the other --------------------------------------------------------------------------------------


def test_req_puts_an_empty_delimiter_before_the_request(req: ReqPattern) -> None:
    peer = FakePeer(req).attach()
    assert req.try_send(b"hello")
    assert peer.outbox == [(b"", b"hello")]


def test_req_keeps_the_frames_of_a_multipart_request_and_reply(req: ReqPattern) -> None:
    peer = FakePeer(req).attach()
    assert req.try_send((b"a", b"", b"b"))
    assert peer.outbox == [(b"", b"a", b"", b"b")]
    peer.deliver((b"", b"c", b"", b"d"))
    assert req.try_recv() == (b"c", b"", b"d")


def test_req_reply_comes_without_the_delimiter(req: ReqPattern) -> None:
    peer = FakePeer(req).attach()
    assert req.try_send(b"hello")
    assert req.try_recv() is None
    peer.deliver((b"", b"world"))
    assert req.can_recv()
    assert req.try_recv() == b"world"


def test_req_empty_reply_is_a_reply(req: ReqPattern) -> None:
    peer = FakePeer(req).attach()
    assert req.try_send(b"")
    assert peer.outbox == [(b"", b"")]
    peer.deliver((b"", b""))
    assert req.can_recv()
    assert req.try_recv() == b""


def test_req_second_send_before_the_reply_is_out_of_turn(req: ReqPattern) -> None:
    peer = FakePeer(req).attach()
    assert req.try_send(b"1")
    assert not req.can_send()
    with pytest.raises(ZMQError, match="REQ socket cannot send again") as caught:
        req.try_send(b"2")
    assert caught.value.errno == EFSM
    peer.deliver((b"", b"one"))
    assert req.try_recv() == b"one"


def test_req_recv_before_a_request_is_out_of_turn(req: ReqPattern) -> None:
    FakePeer(req).attach().deliver((b"", b"unasked"))
    assert not req.can_recv()
    with pytest.raises(ZMQError, match="REQ socket cannot receive before") as caught:
        req.try_recv()
    assert caught.value.errno == EFSM


def test_req_second_recv_after_the_reply_is_out_of_turn(req: ReqPattern) -> None:
    peer = FakePeer(req).attach()
    assert req.try_send(b"1")
    peer.deliver((b"", b"one"), (b"", b"one again"))
    assert req.try_recv() == b"one"
    assert not req.can_recv()
    with pytest.raises(ZMQError) as caught:
        req.try_recv()
    assert caught.value.errno == EFSM


def test_req_requests_go_to_its_peers_in_turn(req: ReqPattern) -> None:
    peers = [FakePeer(req).attach() for _ in range(3)]
    for number in range(6):
        assert req.try_send(b"%d" % number)
        peers[number % 3].deliver((b"", b"ok"))
        assert req.try_recv() == b"ok"
    assert [peer.outbox for peer in peers] == [[(b"", b"%d" % n), (b"", b"%d" % (n + 3))] for n in range(3)]


def test_req_without_peers_waits_and_may_send_later(req: ReqPattern) -> None:
    assert not req.can_send()
    assert not req.try_send(b"1")
    with pytest.raises(ZMQError):
        req.try_recv()
    peer = FakePeer(req).attach()
    assert req.can_send()
    assert req.try_send(b"1")
    assert peer.outbox == [(b"", b"1")]


def test_req_with_full_peers_waits_and_discards_nothing(req: ReqPattern) -> None:
    peer = FakePeer(req, hwm=1).attach()
    assert req.try_send(b"1")
    peer.deliver((b"", b"one"))
    assert req.try_recv() == b"one"
    peer.deliver((b"", b"unasked"))
    assert not req.try_send(b"2")
    assert len(peer.inbox) == 1
    peer.take()
    assert req.try_send(b"2")
    assert peer.outbox == [(b"", b"2")]


def test_req_with_probe_router_puts_one_empty_message_to_each_new_peer(req: ReqPattern) -> None:
    req.options.probe_router = True
    peer = FakePeer(req).attach()
    assert peer.outbox == [b""]
    assert req.try_send(b"1")
    assert peer.outbox == [b"", (b"", b"1")]


# -- which replies are taken ------------------------------------------------------------------------------------------


def test_req_discards_all_it_has_received_before_it_sends(req: ReqPattern) -> None:
    first, second = FakePeer(req).attach(), FakePeer(req, low_water=0, backlog=[(b"", b"older")]).attach()
    first.deliver((b"", b"old"), (b"", b"old too"))
    second.deliver((b"", b"old"))
    assert req.try_send(b"new")
    assert not first.inbox
    assert not second.inbox
    assert not second.backlog
    assert req.try_recv() is None
    first.deliver((b"", b"answer"))
    assert req.try_recv() == b"answer"


def test_req_takes_the_reply_only_from_the_peer_that_was_asked(req: ReqPattern) -> None:
    asked, other = FakePeer(req).attach(), FakePeer(req).attach()
    assert req.try_send(b"1")
    other.deliver((b"", b"wrong"))
    assert not req.can_recv()
    assert req.try_recv() is None
    asked.deliver((b"", b"right"))
    assert req.try_recv() == b"right"


@pytest.mark.parametrize(
    "malformed",
    [b"", b"no delimiter", (b"no", b"delimiter"), (b"\x00\x00\x00\x01", b"", b"an id nobody asked for")],
)
def test_req_malformed_reply_is_skipped(req: ReqPattern, malformed: Message) -> None:
    peer = FakePeer(req).attach()
    assert req.try_send(b"1")
    peer.deliver(malformed)
    assert not req.can_recv()
    peer.deliver(malformed, (b"", b"right"))
    assert req.can_recv()
    assert req.try_recv() == b"right"


@pytest.mark.parametrize(
    "reply",
    [
        (b"", b"body"),
        (b"", b""),
        (b"", b"several", b"parts"),
        (b"1234", b"", b"body"),
        (b"1234", b"", b"two", b"parts"),
    ],
)
def test_req_reply_of_any_request_is_no_breach(req: ReqPattern, reply: Message) -> None:
    assert req.names_breaches
    assert not req.breach(reply)


@pytest.mark.parametrize(
    "other", [b"", b"body", (b"id", b"", b"body"), (b"1234", b"body"), (b"1234", b""), (b"1234", b"1234", b"", b"body")]
)
def test_req_what_replies_to_no_request_is_a_breach(req: ReqPattern, other: Message) -> None:
    assert "no reply" in req.breach(other)


def test_req_waits_on_after_the_asked_peer_is_gone(req: ReqPattern) -> None:
    asked, other = FakePeer(req).attach(), FakePeer(req).attach()
    assert req.try_send(b"1")
    asked.detach()
    assert req.try_recv() is None
    assert not req.can_send()
    assert other.outbox == []


def test_req_takes_the_reply_from_any_peer_after_the_asked_one_is_gone(req: ReqPattern) -> None:
    asked, other = FakePeer(req).attach(), FakePeer(req).attach()
    assert req.try_send(b"1")
    asked.detach()
    other.deliver((b"", b"from another"))
    assert req.try_recv() == b"from another"


def test_req_takes_the_reply_that_the_asked_peer_left(req: ReqPattern) -> None:
    peer = FakePeer(req).attach()
    assert req.try_send(b"1")
    peer.deliver((b"", b"last words"))
    peer.detach()
    assert req.try_recv() == b"last words"


def test_req_reply_seen_by_can_recv_survives_the_peer(req: ReqPattern) -> None:
    peer = FakePeer(req).attach()
    assert req.try_send(b"1")
    peer.deliver((b"", b"one"))
    assert req.can_recv()
    peer.detach()
    assert req.can_recv()
    assert req.try_recv() == b"one"


# -- REQ_CORRELATE ----------------------------------------------------------------------------------------------------


def test_req_correlating_numbers_its_requests_one_after_the_other(correlating: ReqPattern) -> None:
    peer = FakePeer(correlating).attach()
    numbers = []
    for _ in range(3):
        assert correlating.try_send(b"body")
        request_id = _request_id(peer.take()[0])
        assert len(request_id) == 4
        numbers.append(int.from_bytes(request_id, sys.byteorder))
        peer.deliver((request_id, b"", b"reply"))
        assert correlating.try_recv() == b"reply"
    assert [(number - numbers[0]) % 2**32 for number in numbers] == [0, 1, 2]


def test_req_correlating_skips_replies_with_another_request_id(correlating: ReqPattern) -> None:
    peer = FakePeer(correlating).attach()
    assert correlating.try_send(b"1")
    request_id = _request_id(peer.outbox[0])
    wrong_id = bytes(octet ^ 0xFF for octet in request_id)
    peer.deliver((wrong_id, b"", b"wrong"), (b"", b"no id"), (request_id, b"no delimiter"), (request_id, b""))
    assert not correlating.can_recv()
    peer.deliver((request_id, b"", b"right"))
    assert correlating.try_recv() == b"right"


# -- REQ_RELAXED ------------------------------------------------------------------------------------------------------


def test_req_relaxed_second_send_goes_to_the_next_peer_and_closes_none(relaxed: ReqPattern) -> None:
    first, second = FakePeer(relaxed).attach(), FakePeer(relaxed).attach()
    assert relaxed.try_send(b"1")
    assert relaxed.can_send()
    assert relaxed.try_send(b"2")
    assert first.outbox == [(b"", b"1")]
    assert second.outbox == [(b"", b"2")]
    assert not first.closed


def test_req_relaxed_reply_to_the_request_given_up_is_skipped(relaxed: ReqPattern) -> None:
    first, second = FakePeer(relaxed).attach(), FakePeer(relaxed).attach()
    assert relaxed.try_send(b"1")
    assert relaxed.try_send(b"2")
    first.deliver((b"", b"late"))
    assert not relaxed.can_recv()
    second.deliver((b"", b"two"))
    assert relaxed.try_recv() == b"two"


def test_req_relaxed_reply_already_here_is_discarded_by_the_next_send(relaxed: ReqPattern) -> None:
    peer = FakePeer(relaxed).attach()
    assert relaxed.try_send(b"1")
    peer.deliver((b"", b"one"))
    assert relaxed.can_recv()
    assert relaxed.try_send(b"2")
    assert not relaxed.can_recv()
    peer.deliver((b"", b"two"))
    assert relaxed.try_recv() == b"two"


def test_req_relaxed_send_without_room_keeps_the_request_that_is_out(relaxed: ReqPattern) -> None:
    peer = FakePeer(relaxed, hwm=1).attach()
    assert relaxed.try_send(b"1")
    assert not relaxed.can_send()
    assert not relaxed.try_send(b"2")
    peer.deliver((b"", b"one"))
    assert relaxed.try_recv() == b"one"


def test_req_relaxed_and_correlating_takes_only_the_reply_to_the_last_request(relaxed: ReqPattern) -> None:
    relaxed.options.req_correlate = True
    peer = FakePeer(relaxed).attach()
    assert relaxed.try_send(b"given up")
    assert relaxed.try_send(b"asked")
    for request in peer.take():
        peer.deliver(request)
    assert relaxed.try_recv() == b"asked"

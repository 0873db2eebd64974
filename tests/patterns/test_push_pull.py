from __future__ import annotations

import errno

import pytest

from aiomq.errors import ZMQError
from aiomq.options import SocketOptions
from aiomq.patterns.push_pull import PullPattern, PushPattern
from tests.patterns.fake_peer import FakePeer


@pytest.fixture
def push() -> PushPattern:
    return PushPattern(SocketOptions())


@pytest.fixture
def pull() -> PullPattern:
    return PullPattern(SocketOptions())


def test_push_without_peers_waits(push: PushPattern) -> None:
    assert not push.try_send(b"x")
    assert not push.can_send()


def test_push_deals_messages_out_in_turn(push: PushPattern) -> None:
    first, second = FakePeer(push).attach(), FakePeer(push).attach()
    for message in (b"1", (b"2", b"two"), b"3"):
        assert push.try_send(message)
    assert first.outbox == [b"1", b"3"]
    assert second.outbox == [(b"2", b"two")]


def test_push_with_all_peers_full_waits_until_one_has_room(push: PushPattern) -> None:
    peer = FakePeer(push, hwm=2).attach()
    assert push.try_send(b"1")
    assert push.try_send(b"2")
    assert not push.can_send()
    assert not push.try_send(b"3")
    assert peer.take(1) == [b"1"]
    assert push.can_send()
    assert push.try_send(b"3")
    assert peer.outbox == [b"2", b"3"]


def test_push_after_its_peer_is_gone_waits(push: PushPattern) -> None:
    peer = FakePeer(push).attach()
    peer.detach()
    assert not push.try_send(b"x")
    assert peer.outbox == []


def test_push_peer_in_reconnection_keeps_its_queue(push: PushPattern) -> None:
    peer = FakePeer(push).attach()
    assert push.try_send(b"1")
    push.hiccup(peer)
    assert push.try_send(b"2")
    assert peer.outbox == [b"1", b"2"]
    assert peer.discard_count == 0


def test_push_throws_away_what_it_receives(push: PushPattern) -> None:
    peer = FakePeer(push, low_water=1).attach()
    peer.deliver(b"1", b"2", b"3")
    assert not peer.inbox
    assert peer.low_count == 2
    assert not push.can_recv()


def test_push_recv_is_not_supported(push: PushPattern) -> None:
    with pytest.raises(ZMQError, match="PUSH socket cannot receive") as caught:
        push.try_recv()
    assert caught.value.errno == errno.ENOTSUP


def test_pull_without_messages_gives_none(pull: PullPattern) -> None:
    FakePeer(pull).attach()
    assert pull.try_recv() is None
    assert not pull.can_recv()


def test_pull_reads_from_its_peers_in_turn(pull: PullPattern) -> None:
    FakePeer(pull).attach().deliver(b"a1", (b"a2", b"more"))
    FakePeer(pull).attach().deliver(b"b1")
    assert pull.can_recv()
    assert [pull.try_recv() for _ in range(4)] == [b"a1", b"b1", (b"a2", b"more"), None]


def test_pull_reads_what_a_gone_peer_left(pull: PullPattern) -> None:
    peer = FakePeer(pull).attach()
    peer.deliver(b"1", b"2")
    peer.detach()
    assert [pull.try_recv() for _ in range(3)] == [b"1", b"2", None]


def test_pull_send_is_not_supported(pull: PullPattern) -> None:
    FakePeer(pull).attach()
    with pytest.raises(ZMQError, match="PULL socket cannot send") as caught:
        pull.try_send(b"x")
    assert caught.value.errno == errno.ENOTSUP
    assert not pull.can_send()

from __future__ import annotations

import pytest

from aiomq.options import SocketOptions
from aiomq.patterns.pair import PairPattern
from tests.patterns.fake_peer import FakePeer


@pytest.fixture
def pair() -> PairPattern:
    return PairPattern(SocketOptions())


def test_pair_without_peer_waits(pair: PairPattern) -> None:
    assert not pair.try_send(b"x")
    assert not pair.can_send()
    assert pair.try_recv() is None
    assert not pair.can_recv()


def test_pair_sends_and_receives_in_order(pair: PairPattern) -> None:
    peer = FakePeer(pair).attach()
    assert pair.can_send()
    assert pair.try_send(b"1")
    assert pair.try_send((b"2", b"two"))
    assert peer.outbox == [b"1", (b"2", b"two")]
    peer.deliver(b"a", (b"b", b"bee"))
    assert pair.can_recv()
    assert [pair.try_recv() for _ in range(3)] == [b"a", (b"b", b"bee"), None]


def test_pair_with_full_peer_waits_until_it_has_room(pair: PairPattern) -> None:
    peer = FakePeer(pair, hwm=1).attach()
    assert pair.try_send(b"1")
    assert not pair.can_send()
    assert not pair.try_send(b"2")
    peer.take()
    assert pair.can_send()
    assert pair.try_send(b"2")
    assert peer.outbox == [b"2"]


@pytest.mark.parametrize("detach_on_close", [False, True])
def test_pair_second_peer_is_turned_away(pair: PairPattern, detach_on_close: bool) -> None:
    first = FakePeer(pair).attach()
    second = FakePeer(pair, detach_on_close=detach_on_close).attach()
    assert second.closed
    assert not first.closed
    assert pair.try_send(b"x")
    assert first.outbox == [b"x"]
    second.deliver(b"let me in")
    assert not pair.can_recv()
    assert pair.try_recv() is None


def test_pair_first_peer_stays_when_one_turned_away_goes(pair: PairPattern) -> None:
    first, second = FakePeer(pair).attach(), FakePeer(pair).attach()
    second.detach()
    assert pair.try_send(b"x")
    assert first.outbox == [b"x"]


def test_pair_after_its_peer_is_gone_takes_the_next(pair: PairPattern) -> None:
    FakePeer(pair).attach().detach()
    assert not pair.try_send(b"x")
    second = FakePeer(pair).attach()
    assert not second.closed
    assert pair.try_send(b"y")
    assert second.outbox == [b"y"]


def test_pair_reads_what_a_gone_peer_left(pair: PairPattern) -> None:
    peer = FakePeer(pair).attach()
    peer.deliver(b"1", b"2")
    peer.detach()
    assert [pair.try_recv() for _ in range(3)] == [b"1", b"2", None]
    assert not pair.can_recv()


def test_pair_reads_what_gone_peers_left_before_what_the_next_sends(pair: PairPattern) -> None:
    for message in (b"1", b"2"):
        peer = FakePeer(pair).attach()
        peer.deliver(message)
        peer.detach()
    FakePeer(pair).attach().deliver(b"3")
    assert [pair.try_recv() for _ in range(4)] == [b"1", b"2", b"3", None]


def test_pair_pop_at_low_water_gives_credit(pair: PairPattern) -> None:
    peer = FakePeer(pair, low_water=1, backlog=[b"4"]).attach()
    peer.deliver(b"1", b"2", b"3")
    counts = []
    while pair.try_recv() is not None:
        counts.append(peer.low_count)
    assert counts == [0, 1, 2, 3]

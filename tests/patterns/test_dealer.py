from __future__ import annotations

import pytest

from aiomq.options import SocketOptions
from aiomq.patterns.dealer_router import DealerPattern
from tests.patterns.fake_peer import FakePeer


@pytest.fixture
def dealer() -> DealerPattern:
    return DealerPattern(SocketOptions())


def test_dealer_without_peers_waits(dealer: DealerPattern) -> None:
    assert not dealer.try_send(b"x")
    assert not dealer.can_send()
    assert dealer.try_recv() is None
    assert not dealer.can_recv()


def test_dealer_deals_messages_out_in_turn_unchanged(dealer: DealerPattern) -> None:
    first, second = FakePeer(dealer).attach(), FakePeer(dealer).attach()
    for message in (b"1", (b"", b"2"), b"3"):
        assert dealer.try_send(message)
    assert first.outbox == [b"1", b"3"]
    assert second.outbox == [(b"", b"2")]


def test_dealer_reads_from_its_peers_in_turn_unchanged(dealer: DealerPattern) -> None:
    FakePeer(dealer).attach().deliver(b"a1", (b"", b"a2"))
    FakePeer(dealer).attach().deliver(b"b1")
    assert dealer.can_recv()
    assert [dealer.try_recv() for _ in range(4)] == [b"a1", b"b1", (b"", b"a2"), None]


def test_dealer_with_full_peers_waits_until_one_has_room(dealer: DealerPattern) -> None:
    peer = FakePeer(dealer, hwm=1).attach()
    assert dealer.try_send(b"1")
    assert not dealer.can_send()
    assert not dealer.try_send(b"2")
    peer.take()
    assert dealer.try_send(b"2")


def test_dealer_gone_peer_gets_nothing_and_is_read_to_its_end(dealer: DealerPattern) -> None:
    peer = FakePeer(dealer).attach()
    peer.deliver(b"1")
    peer.detach()
    assert not dealer.try_send(b"x")
    assert dealer.try_recv() == b"1"
    assert dealer.try_recv() is None


def test_dealer_without_probe_router_puts_nothing_to_a_new_peer(dealer: DealerPattern) -> None:
    assert FakePeer(dealer).attach().outbox == []


def test_dealer_with_probe_router_puts_one_empty_message_to_each_new_peer(dealer: DealerPattern) -> None:
    dealer.options.probe_router = True
    first, second = FakePeer(dealer).attach(), FakePeer(dealer).attach()
    assert first.outbox == second.outbox == [b""]
    assert dealer.try_send(b"1")
    assert first.outbox == [b"", b"1"]


def test_dealer_peer_filled_by_the_probe_gets_messages_once_it_has_room(dealer: DealerPattern) -> None:
    dealer.options.probe_router = True
    peer = FakePeer(dealer, hwm=1).attach()
    assert not dealer.can_send()
    assert peer.take() == [b""]
    assert dealer.try_send(b"1")


def test_dealer_peer_without_room_is_not_probed(dealer: DealerPattern) -> None:
    dealer.options.probe_router = True
    assert FakePeer(dealer, hwm=0).attach().outbox == []

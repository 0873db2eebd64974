from __future__ import annotations

import errno

import pytest

from aiomq.errors import ZMQError
from aiomq.options import SocketOptions
from aiomq.patterns.base import Peer
from aiomq.patterns.dealer_router import RouterPattern
from tests.patterns.fake_peer import FakePeer


@pytest.fixture
def router() -> RouterPattern:
    return RouterPattern(SocketOptions())


@pytest.fixture
def mandatory() -> RouterPattern:
    return RouterPattern(SocketOptions(router_mandatory=True))


@pytest.fixture
def handover() -> RouterPattern:
    return RouterPattern(SocketOptions(router_handover=True))


# -- receiving --------------------------------------------------------------------------------------------------------


def test_router_recv_puts_the_routing_id_before_the_frames(router: RouterPattern) -> None:
    peer = FakePeer(router, routing_id=b"me").identify()
    peer.deliver(b"one", (b"", b"two"))
    assert router.can_recv()
    assert [router.try_recv() for _ in range(3)] == [(b"me", b"one"), (b"me", b"", b"two"), None]


def test_router_reads_from_its_peers_in_turn(router: RouterPattern) -> None:
    FakePeer(router, routing_id=b"A").identify().deliver(b"1", b"2")
    FakePeer(router, routing_id=b"B").identify().deliver(b"1")
    assert [router.try_recv() for _ in range(3)] == [(b"A", b"1"), (b"B", b"1"), (b"A", b"2")]


def test_router_reads_what_a_gone_peer_left_under_its_routing_id(router: RouterPattern) -> None:
    peer = FakePeer(router, routing_id=b"me").identify()
    peer.deliver(b"1", b"2")
    peer.detach()
    assert [router.try_recv() for _ in range(3)] == [(b"me", b"1"), (b"me", b"2"), None]


def test_router_peer_before_identification_is_neither_read_nor_routable(router: RouterPattern) -> None:
    peer = FakePeer(router).attach()
    peer.deliver(b"early")
    assert not router.can_recv()
    assert router.try_send((b"", b"x"))
    assert peer.outbox == []
    peer.routing_id = b"me"
    router.identify(peer)
    assert router.try_recv() == (b"me", b"early")
    assert router.try_send((b"me", b"x"))
    assert peer.outbox == [b"x"]


def test_router_peer_gone_before_identification_leaves_nothing(router: RouterPattern) -> None:
    peer = FakePeer(router).attach()
    peer.deliver(b"early")
    peer.detach()
    assert not router.can_recv()


# -- routing ids ------------------------------------------------------------------------------------------------------


def test_router_peer_without_routing_id_gets_one_of_zero_and_a_counter(router: RouterPattern) -> None:
    first, second = FakePeer(router).identify(), FakePeer(router).identify()
    assert first.routing_id[0] == second.routing_id[0] == 0
    assert len(first.routing_id) == len(second.routing_id) == 5
    assert first.routing_id != second.routing_id
    first.deliver(b"1")
    assert router.try_recv() == (first.routing_id, b"1")
    assert router.try_send((second.routing_id, b"2"))
    assert second.outbox == [b"2"]


@pytest.mark.parametrize("detach_on_close", [False, True])
def test_router_duplicate_routing_id_is_closed_and_never_heard(router: RouterPattern, detach_on_close: bool) -> None:
    first = FakePeer(router, routing_id=b"X").identify()
    second = FakePeer(router, routing_id=b"X", detach_on_close=detach_on_close).identify()
    second.deliver(b"from the second")
    assert second.closed
    assert not first.closed
    assert not router.can_recv()
    assert router.try_send((b"X", b"to the first"))
    assert first.outbox == [b"to the first"]
    assert second.outbox == []


def test_router_duplicate_that_is_closed_stays_unheard_after_the_holder_is_gone(router: RouterPattern) -> None:
    first, second = FakePeer(router, routing_id=b"X").identify(), FakePeer(router, routing_id=b"X").identify()
    first.detach()
    second.deliver(b"from the second")
    assert router.try_recv() is None
    assert router.try_send((b"X", b"to nobody"))
    assert second.outbox == []


def test_router_duplicate_that_stays_takes_part_once_the_holder_is_gone(router: RouterPattern) -> None:
    told: list[tuple[Peer, str]] = []

    def stays(peer: Peer, reason: str) -> bool:
        told.append((peer, reason))
        return True

    router.turn_away = stays
    first, other, second, third, gone = (
        FakePeer(router, name=str(number), routing_id=routing_id).identify()
        for number, routing_id in enumerate((b"X", b"Y", b"X", b"X", b"X"))
    )
    assert [peer for peer, _ in told] == [second, third, gone]
    assert all("b'X'" in reason for _, reason in told)
    second.deliver(b"from the second")
    third.deliver(b"from the third")
    assert not router.can_recv()
    gone.detach()
    other.detach()
    assert not router.can_recv()
    first.detach()
    assert router.try_recv() == (b"X", b"from the second")
    assert router.try_recv() is None
    assert router.try_send((b"X", b"to the second"))
    assert second.outbox == [b"to the second"]
    second.detach()
    assert router.try_recv() == (b"X", b"from the third")
    third.detach()
    assert router.try_send((b"X", b"to nobody"))
    assert gone.outbox == []


def test_router_closed_duplicate_going_leaves_the_holder(router: RouterPattern) -> None:
    first, second = FakePeer(router, routing_id=b"X").identify(), FakePeer(router, routing_id=b"X").identify()
    second.detach()
    assert router.try_send((b"X", b"to the first"))
    assert first.outbox == [b"to the first"]


def test_router_routing_id_is_free_once_its_holder_is_gone(router: RouterPattern) -> None:
    first = FakePeer(router, routing_id=b"X").identify()
    first.deliver(b"last words")
    first.detach()
    second = FakePeer(router, routing_id=b"X").identify()
    second.deliver(b"first words")
    assert router.try_send((b"X", b"to the second"))
    assert second.outbox == [b"to the second"]
    assert [router.try_recv(), router.try_recv()] == [(b"X", b"last words"), (b"X", b"first words")]


@pytest.mark.parametrize("detach_on_close", [False, True])
def test_router_with_handover_gives_the_routing_id_to_the_newcomer(
    handover: RouterPattern, detach_on_close: bool
) -> None:
    first = FakePeer(handover, routing_id=b"X", detach_on_close=detach_on_close).identify()
    first.deliver(b"queued")
    second = FakePeer(handover, routing_id=b"X").identify()
    second.deliver(b"from the second")
    assert first.closed
    assert not second.closed
    assert first.routing_id[0] == 0
    assert len(first.routing_id) == 5
    assert handover.try_send((b"X", b"to the second"))
    assert second.outbox == [b"to the second"]
    assert [handover.try_recv(), handover.try_recv()] == [(first.routing_id, b"queued"), (b"X", b"from the second")]


def test_router_with_handover_former_holder_is_not_routable(handover: RouterPattern) -> None:
    first = FakePeer(handover, routing_id=b"X").identify()
    second = FakePeer(handover, routing_id=b"X").identify()
    assert handover.try_send((first.routing_id, b"to nobody"))
    assert first.outbox == []
    first.detach()
    assert handover.try_send((b"X", b"to the second"))
    assert second.outbox == [b"to the second"]


def test_router_claim_of_a_free_routing_id_passes(router: RouterPattern) -> None:
    router.claim(b"server")
    peer = FakePeer(router, routing_id=b"server").identify()
    assert router.try_send((b"server", b"x"))
    assert peer.outbox == [b"x"]
    peer.detach()
    router.claim(b"server")


@pytest.mark.parametrize("with_handover", [False, True])
def test_router_claim_of_a_routing_id_in_use_is_refused(router: RouterPattern, with_handover: bool) -> None:
    router.options.router_handover = with_handover
    FakePeer(router, routing_id=b"server").identify()
    with pytest.raises(ZMQError, match=r"CONNECT_ROUTING_ID b'server'") as caught:
        router.claim(b"server")
    assert caught.value.errno == errno.EINVAL


# -- sending ----------------------------------------------------------------------------------------------------------


def test_router_send_strips_the_routing_id_and_goes_to_that_peer(router: RouterPattern) -> None:
    first = FakePeer(router, routing_id=b"A").identify()
    second = FakePeer(router, routing_id=b"B").identify()
    assert router.try_send((b"B", b"one"))
    assert router.try_send((b"B", b"", b"two"))
    assert router.try_send((b"A", b""))
    assert first.outbox == [b""]
    assert second.outbox == [b"one", (b"", b"two")]


def test_router_send_to_unknown_peer_is_dropped(router: RouterPattern) -> None:
    assert router.try_send((b"nobody", b"x"))


def test_router_send_to_full_peer_is_dropped(router: RouterPattern) -> None:
    peer = FakePeer(router, routing_id=b"me", hwm=1).identify()
    assert router.try_send((b"me", b"1"))
    assert router.try_send((b"me", b"2"))
    assert peer.outbox == [b"1"]


def test_router_send_to_gone_peer_is_dropped(router: RouterPattern) -> None:
    peer = FakePeer(router, routing_id=b"me").identify()
    peer.detach()
    assert router.try_send((b"me", b"x"))
    assert peer.outbox == []


def test_router_send_of_a_routing_id_alone_is_ignored(router: RouterPattern, mandatory: RouterPattern) -> None:
    peer = FakePeer(router, routing_id=b"me").identify()
    assert router.try_send(b"me")
    assert peer.outbox == []
    assert mandatory.try_send(b"nobody")


def test_router_can_always_send(router: RouterPattern) -> None:
    assert router.can_send()
    FakePeer(router, routing_id=b"me", hwm=0).identify()
    assert router.can_send()


def test_router_mandatory_send_to_unknown_peer_is_unreachable(mandatory: RouterPattern) -> None:
    with pytest.raises(ZMQError, match="b'nobody'") as caught:
        mandatory.try_send((b"nobody", b"x"))
    assert caught.value.errno == errno.EHOSTUNREACH


def test_router_mandatory_send_to_gone_peer_is_unreachable(mandatory: RouterPattern) -> None:
    FakePeer(mandatory, routing_id=b"me").identify().detach()
    with pytest.raises(ZMQError) as caught:
        mandatory.try_send((b"me", b"x"))
    assert caught.value.errno == errno.EHOSTUNREACH


def test_router_mandatory_send_to_full_peer_waits_until_it_has_room(mandatory: RouterPattern) -> None:
    peer = FakePeer(mandatory, routing_id=b"me", hwm=1).identify()
    assert mandatory.try_send((b"me", b"1"))
    assert not mandatory.try_send((b"me", b"2"))
    assert peer.take() == [b"1"]
    assert mandatory.try_send((b"me", b"2"))
    assert peer.outbox == [b"2"]


def test_router_mandatory_can_send_if_any_peer_has_room(mandatory: RouterPattern) -> None:
    assert not mandatory.can_send()
    FakePeer(mandatory, routing_id=b"full", hwm=0).identify()
    assert not mandatory.can_send()
    FakePeer(mandatory, routing_id=b"free").identify()
    assert mandatory.can_send()


def test_router_with_probe_router_puts_one_empty_message_to_each_new_peer(router: RouterPattern) -> None:
    router.options.probe_router = True
    assert FakePeer(router).attach().outbox == [b""]

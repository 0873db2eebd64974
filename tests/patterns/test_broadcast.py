"""Messages taken down for everybody: who gets them, how many there may be, and what comes first."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from aiomq.message import Subscription
from aiomq.mute import OnMute
from aiomq.options import SocketOptions
from aiomq.patterns.broadcast import Broadcast
from aiomq.patterns.distributor import CROWD, Distributor
from aiomq.patterns.publishers import PubPattern, XPubPattern
from tests.patterns.fake_peer import FakePeer

Publisher = PubPattern | XPubPattern
MAKERS = pytest.mark.parametrize("make", [PubPattern, XPubPattern])


def subscribe(peer: FakePeer, topic: bytes = b"") -> None:
    peer.deliver(Subscription(topic, subscribe=True))


def audience(pattern: Publisher, *hwms: int) -> list[FakePeer]:
    """Attach peers with these marks, all subscribed to everything."""
    peers = [FakePeer(pattern, name=f"peer{number}", hwm=hwm).attach() for number, hwm in enumerate(hwms)]
    for peer in peers:
        subscribe(peer)
    return peers


def begun(pattern: Publisher) -> Broadcast:
    broadcast = pattern.broadcast()
    assert broadcast is not None
    return broadcast


@MAKERS
def test_broadcast_messages_reach_every_subscriber_in_order_when_spread(
    make: Callable[[SocketOptions], Publisher],
) -> None:
    pattern = make(SocketOptions())
    peers = audience(pattern, 9, 9, 9)
    broadcast = begun(pattern)
    for message in (b"1", (b"2", b"two"), b"3"):
        broadcast.append(message)
    assert [peer.outbox for peer in peers] == [[]] * 3

    broadcast.spread()
    broadcast.spread()

    assert [peer.outbox for peer in peers] == [[b"1", (b"2", b"two"), b"3"]] * 3
    assert broadcast.messages == []


def test_broadcast_room_leaves_every_peer_writable_and_is_limited() -> None:
    pattern = PubPattern(SocketOptions())
    small, large = audience(pattern, 5, 90)
    broadcast = begun(pattern)
    assert broadcast.room(100) == 4
    assert broadcast.room(3) == 3

    for _ in range(4):
        broadcast.append(b"x")
    broadcast.spread()

    assert (small.writable, large.writable) == (True, True)
    assert begun(pattern).room(100) == 0


def test_broadcast_full_peer_misses_all_of_it_and_bounds_nothing() -> None:
    pattern = PubPattern(SocketOptions())
    slow, fast = audience(pattern, 1, 9)
    pattern.try_send(b"1")
    broadcast = begun(pattern)
    assert broadcast.room(100) == 7

    broadcast.append(b"2")
    broadcast.append(b"3")
    broadcast.spread()

    assert (slow.outbox, fast.outbox) == ([b"1"], [b"1", b"2", b"3"])
    assert (slow.dropped, fast.dropped, pattern.dropped) == (2, 0, 2)


def test_broadcast_with_nobody_to_send_to_takes_messages_and_forgets_them() -> None:
    pattern = PubPattern(SocketOptions())
    broadcast = begun(pattern)
    assert broadcast.room(100) == 100
    broadcast.append(b"x")
    broadcast.spread()
    assert (broadcast.messages, pattern.dropped) == ([], 0)


def test_broadcast_messages_go_before_one_that_is_sent_to_each_peer() -> None:
    pattern = PubPattern(SocketOptions())
    (peer,) = audience(pattern, 9)
    begun(pattern).append(b"1")
    pattern.try_send(b"2")
    assert peer.outbox == [b"1", b"2"]


def test_broadcast_begun_again_hands_out_first_what_was_taken_down() -> None:
    pattern = PubPattern(SocketOptions())
    (early,) = audience(pattern, 9)
    begun(pattern).append(b"1")
    (late,) = audience(pattern, 9)
    begun(pattern).append(b"2")
    begun(pattern)
    assert (early.outbox, late.outbox) == ([b"1", b"2"], [b"2"])


def test_broadcast_peer_told_of_its_messages_may_lead_to_another_spread() -> None:
    pattern = PubPattern(SocketOptions())
    first, second = audience(pattern, 9, 9)
    broadcast = begun(pattern)
    put_many = first.put_many

    def again(messages: list[bytes]) -> None:
        put_many(messages)
        broadcast.spread()

    first.put_many = again  # type: ignore[method-assign, assignment]  # what a flush does that makes another peer writable
    broadcast.append(b"x")
    broadcast.spread()
    assert (first.outbox, second.outbox) == ([b"x"], [b"x"])


@MAKERS
def test_broadcast_is_none_where_a_message_may_go_to_some_alone(make: Callable[[SocketOptions], Publisher]) -> None:
    pattern = make(SocketOptions())
    (peer,) = audience(pattern, 9)
    assert pattern.broadcast() is not None
    subscribe(peer, b"topic")
    assert pattern.broadcast() is None
    peer.deliver(Subscription(b"topic", subscribe=False))
    assert pattern.broadcast() is not None


@MAKERS
@pytest.mark.parametrize("option", ["xpub_nodrop", "invert_matching"])
def test_broadcast_is_none_with_options_that_look_at_each_message(
    make: Callable[[SocketOptions], Publisher], option: str
) -> None:
    pattern = make(SocketOptions())
    audience(pattern, 9)
    setattr(pattern.options, option, True)
    assert pattern.broadcast() is None


def test_broadcast_is_none_where_the_oldest_message_is_dropped() -> None:
    pattern = PubPattern(SocketOptions())
    audience(pattern, 9)
    pattern.set_on_mute(OnMute.DROP_OLDEST)
    assert pattern.broadcast() is None


def test_broadcast_is_none_where_the_next_message_may_be_a_last_value() -> None:
    pattern = XPubPattern(SocketOptions())
    pattern.options.xpub_manual_last_value = True
    assert pattern.broadcast() is None


@MAKERS
@pytest.mark.parametrize("subscribing", [True, False])
def test_subscription_tells_before_it_changes_the_audience(
    make: Callable[[SocketOptions], Publisher], subscribing: bool
) -> None:
    pattern = make(SocketOptions())
    (peer,) = audience(pattern, 9)
    told: list[int] = []
    pattern.audience_changes = lambda: told.append(pattern.topics_count)
    peer.deliver(Subscription(b"topic" if subscribing else b"", subscribe=subscribing))
    assert told == [1]


def test_stalled_subscription_tells_when_it_is_applied() -> None:
    """An XPUB leaves subscriptions in an inbox while its user does not read: then a receive changes the audience."""
    pattern = XPubPattern(SocketOptions(rcvhwm=1, xpub_verbose=True))
    (peer,) = audience(pattern, 9)
    subscribe(peer, b"waits")
    assert pattern.topics_count == 1
    told: list[int] = []
    pattern.audience_changes = lambda: told.append(pattern.topics_count)

    assert pattern.try_recv() == b"\x01"

    assert told == [1]
    assert pattern.topics_count == 2


def test_distributor_tells_of_a_crowd_and_of_nobody_else() -> None:
    spent: list[int] = []
    distributor = Distributor(spent.append)
    peers = [FakePeer(hwm=9) for _ in range(CROWD)]
    distributor.send(b"x", peers[1:])
    assert spent == []
    distributor.send(b"x", peers)
    assert spent == [CROWD]

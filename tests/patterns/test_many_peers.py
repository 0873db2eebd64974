"""Many peers of which few are active: nobody looks at the others."""

from __future__ import annotations

from typing import Any

from aiomq.message import Subscription
from aiomq.options import SocketOptions
from aiomq.patterns.dealer_router import RouterPattern
from aiomq.patterns.publishers import PubPattern
from tests.patterns.fake_peer import FakePeer

MANY = 10_000


class Watched(FakePeer):
    """A peer that counts how often anybody looks at it, once it is told to."""

    looks = 0
    is_watched = False

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("__") and name not in {"is_watched", "looks"} and self.is_watched:
            type(self).looks += 1
        return super().__getattribute__(name)


def idle_peers(pattern: RouterPattern) -> list[Watched]:
    peers = [Watched(pattern, name=str(number), routing_id=b"%d" % number).identify() for number in range(MANY)]
    Watched.looks = 0
    return peers  # type: ignore[return-value]  # `identify` returns the same peer


def test_router_with_ten_thousand_peers_looks_at_the_active_ones_only() -> None:
    pattern = RouterPattern(SocketOptions())
    peers = idle_peers(pattern)
    active = peers[::4000]
    for peer in peers:
        peer.is_watched = peer not in active

    for _ in range(3):
        for peer in active:
            peer.deliver(b"a", b"b")
        got = [pattern.try_recv() for _ in range(2 * len(active))]
        assert got == [(peer.routing_id, body) for body in (b"a", b"b") for peer in active]
        assert pattern.try_recv() is None
        assert all(pattern.try_send((peer.routing_id, b"reply")) for peer in active)
    active[0].detach()

    assert Watched.looks == 0


def test_publisher_with_ten_thousand_peers_looks_at_the_subscribed_ones_only() -> None:
    pattern = PubPattern(SocketOptions())
    peers = [Watched(pattern, name=str(number)) for number in range(MANY)]
    for number, peer in enumerate(peers):
        peer.attach()
        peer.deliver(Subscription(b"%05d" % number, subscribe=True))
    Watched.looks = 0
    for peer in peers[1:]:
        peer.is_watched = True

    assert pattern.try_send(b"00000 news")

    assert peers[0].outbox == [b"00000 news"]
    assert Watched.looks == 0

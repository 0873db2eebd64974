"""Who is remembered, and for how long: fake connections, an owner that notes what it is told, and a clock by hand."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence

import pytest

from aiomq.constants import SocketType
from aiomq.counters import Tally
from aiomq.durable import Durability
from aiomq.flusher import Flusher
from aiomq.options import default_options
from aiomq.peer import StreamPeer
from tests.durable.stays import Clock


class Owner:
    """A socket that notes what becomes of its peers."""

    accepts_subscriptions = accepts_memberships = closed = False
    conflates = (False, False)

    def __init__(self) -> None:
        self.options = default_options(SocketType.PUSH)
        self.tally = Tally()
        self.loop = asyncio.get_running_loop()
        self.flusher = Flusher(self.loop, lambda: None)
        self.clock = Clock()
        self.durability = Durability(self, self.clock, Clock(5000.0))
        self.told: list[tuple[str, bytes]] = []

    def note(self, what: str, peer: StreamPeer) -> None:
        self.told.append((what, peer.routing_id))

    def peer_away(self, peer: StreamPeer) -> None:
        self.note("away", peer)

    def peer_back(self, peer: StreamPeer) -> None:
        self.note("back", peer)

    def peer_detached(self, peer: StreamPeer) -> None:
        self.note("gone", peer)
        self.durability.detached(peer)

    def link_made(self) -> None:
        """Nobody counts."""

    link_lost = link_made

    def message_received(self, peer: StreamPeer, count: int) -> None:
        raise AssertionError("nobody sends anything")

    inbox_full = peer_full = store_failed = store_recovered = link_made

    def peer_attached(self, peer: StreamPeer) -> None:
        raise AssertionError("the listener attaches peers")

    peer_writable = peer_attached

    def peer_corked(self, peer: StreamPeer, append: object, room: int) -> None:
        """No grants here."""

    def peer_restored(self, peer: StreamPeer, topics: Sequence[bytes]) -> None:
        raise AssertionError("there is no store")

    def topics_of(self, peer: StreamPeer) -> Sequence[bytes]:
        return ()


class Wire:
    """A connection that carries nothing away."""

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self.peer: StreamPeer | None = None
        self.reason = ""

    def flush(self) -> None:
        """Keep everything queued."""

    refill = flush

    def end(self, reason: str = "") -> None:
        self.reason = reason or "closed"

    def finish(self, linger: float | None) -> None:
        self.reason = "finished"

    def connect(self, name: bytes, user: bytes | None = None) -> StreamPeer:
        """Do what a listener does with a connection that is ready."""
        durability = self.owner.durability
        properties = {} if user is None else {"User-Id": user}
        peer = durability.returning(self, name, properties)
        if peer is None:
            peer = durability.new_peer(self, "tcp://here", self.owner.options, name, properties)
            peer.routing_id = name
        self.peer = peer
        peer.attach_link(self)
        durability.returned(peer)
        return peer

    def lose(self) -> bool:
        """Do what a listener does when the connection is lost; return whether the peer is kept."""
        assert self.peer is not None
        self.peer.detach_link()
        if self.owner.durability.keeps(self):
            return True
        self.peer.close()
        return False


@pytest.fixture
async def owner() -> Owner:
    made = Owner()
    made.durability.set_retention(60.0)
    return made


async def test_identity_that_returns_gets_its_peer(owner: Owner) -> None:
    first = Wire(owner)
    peer = first.connect(b"one")
    assert first.lose()
    peer.put(b"x")

    assert Wire(owner).connect(b"one") is peer
    assert owner.told == [("away", b"one"), ("back", b"one")]
    assert owner.durability.away_since(peer) is None
    owner.durability.close()


async def test_peer_is_away_since_the_loss_of_its_connection(owner: Owner) -> None:
    wire = Wire(owner)
    peer = wire.connect(b"one")
    assert owner.durability.away_since(peer) is None
    wire.lose()

    assert owner.durability.away_since(peer) == 5000.0
    owner.durability.close()


async def test_whole_mark_is_free_for_a_peer_that_is_away(owner: Owner) -> None:
    owner.options.sndhwm = 4
    wire = Wire(owner)
    peer = wire.connect(b"one")
    for _ in range(4):
        peer.put(b"x")
    peer.outbox.popleft()
    peer.flushed(1)
    assert not peer.writable
    owner.peer_writable = lambda peer: owner.note("writable", peer)  # type: ignore[method-assign]  # a fake that takes notes
    wire.lose()

    assert peer.writable
    assert owner.told == [("writable", b"one"), ("away", b"one")]
    owner.durability.close()


async def test_times_are_over_in_the_order_in_which_peers_went(owner: Owner) -> None:
    for name in (b"one", b"two", b"three"):
        wire = Wire(owner)
        wire.connect(name).put(b"x")
        wire.lose()
        owner.clock.now += 10
    owner.told.clear()

    owner.clock.now += 39  # "one" went 69 s ago, "two" 59
    owner.durability.expire()
    assert owner.told == [("gone", b"one")]
    owner.clock.now += 1
    owner.durability.expire()
    assert owner.told == [("gone", b"one"), ("gone", b"two")]

    assert (owner.durability.dropped, owner.durability.forgotten) == (2, 2)
    owner.durability.close()


async def test_peer_that_was_back_meanwhile_has_its_whole_time_again(owner: Owner) -> None:
    first, second = Wire(owner), Wire(owner)
    first.connect(b"one")
    first.lose()
    owner.clock.now += 50
    second.connect(b"one")
    second.lose()
    owner.clock.now += 50
    owner.durability.expire()
    assert owner.durability.forgotten == 0

    owner.clock.now += 10
    owner.durability.expire()
    assert owner.durability.forgotten == 1


async def test_peer_is_kept_for_ever_without_a_timer(owner: Owner) -> None:
    owner.durability.set_retention(math.inf)
    wire = Wire(owner)
    wire.connect(b"one")
    wire.lose()
    owner.clock.now += 1e12
    owner.durability.expire()

    assert owner.durability._timer is None
    assert owner.durability.forgotten == 0


async def test_longest_away_goes_first_beyond_the_limit(owner: Owner) -> None:
    owner.durability.set_limit(2)
    wires = [Wire(owner) for _ in range(4)]
    for number, wire in enumerate(wires):
        wire.connect(b"%d" % number)
    for wire in wires:
        wire.lose()

    assert [name for what, name in owner.told if what == "gone"] == [b"0", b"1"]
    assert owner.durability.forgotten == 2
    owner.durability.close()


async def test_newer_connection_takes_the_peer_and_the_older_ends_without_it(owner: Owner) -> None:
    first, second = Wire(owner), Wire(owner)
    peer = first.connect(b"one")
    assert second.connect(b"one") is peer

    assert "took its place" in first.reason
    assert first.peer is not None
    assert first.peer is not peer
    assert not first.lose()
    assert peer.link is second
    assert second.lose()
    assert owner.told == [("away", b"one")]  # for the pattern nothing had happened before
    owner.durability.close()


@pytest.mark.parametrize("users", [(b"ada", b"eve"), (None, b"eve"), (b"ada", None)])
async def test_another_user_with_the_same_routing_id_gets_another_peer(
    owner: Owner, users: tuple[bytes | None, bytes | None]
) -> None:
    first, second, third = Wire(owner), Wire(owner), Wire(owner)
    peer = first.connect(b"one", users[0])
    first.lose()

    assert second.connect(b"one", users[1]) is not peer
    assert not second.lose()
    assert third.connect(b"one", users[0]) is peer
    owner.durability.close()


async def test_peer_that_the_pattern_has_closed_is_not_kept(owner: Owner) -> None:
    wire = Wire(owner)
    wire.connect(b"one").close("it asked for too much")

    assert not wire.lose()
    assert owner.durability.forgotten == 0
    assert Wire(owner).connect(b"one").routing_id == b"one"


async def test_nobody_new_is_remembered_once_it_is_off(owner: Owner) -> None:
    there, gone = Wire(owner), Wire(owner)
    there.connect(b"there")
    gone.connect(b"gone")
    gone.lose()
    owner.durability.set_retention(0)

    assert owner.told == [("away", b"gone"), ("gone", b"gone")]
    assert not there.lose()
    later = Wire(owner)
    later.connect(b"later")
    assert not later.lose()
    assert repr(owner.durability) == "<Durability 0 s, identities=0 away=0>"

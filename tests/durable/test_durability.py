"""Who is remembered, and for how long: fake connections, an owner that notes what it is told, and a clock by hand."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence

import pytest

from aiomq.constants import SocketType
from aiomq.counters import Tally
from aiomq.durable import Durability
from aiomq.flusher import Flusher
from aiomq.message import Item
from aiomq.options import default_options
from aiomq.peer import StreamPeer
from aiomq.weights import Unsent
from tests.durable.stays import Clock


class Owner:
    """A socket that notes what becomes of its peers."""

    accepts_subscriptions = accepts_memberships = closed = False
    accepts_messages = True
    conflates = (False, False)

    def __init__(self) -> None:
        self.options = default_options(SocketType.PUSH)
        self.breach: Callable[[Item], str] | None = None
        self.unsent = Unsent(0)
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

    def end(self, reason: str = "", budget: str = "") -> None:
        self.reason = reason or "closed"

    def finish(self, linger: float | None) -> None:
        self.reason = "finished"

    def connect(self, name: bytes, user: bytes | None = None, address: bytes = b"", key: bytes = b"") -> StreamPeer:
        """Do what a listener does with a connection that is ready."""
        durability = self.owner.durability
        properties = {"Peer-Address": address} if address else {}
        if key:
            properties["Public-Key"] = key
        if user is not None:
            properties["User-Id"] = user
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


def gone(owner: Owner) -> list[bytes]:
    """Return who was forgotten."""
    return [name for what, name in owner.told if what == "gone"]


async def test_newest_claim_goes_first_beyond_the_limit(owner: Owner) -> None:
    owner.durability.set_limit(2)
    wires = [Wire(owner) for _ in range(4)]
    for number, wire in enumerate(wires):
        wire.connect(b"%d" % number)
    for wire in reversed(wires):
        wire.lose()

    assert gone(owner) == [b"3", b"2"]
    assert owner.durability.forgotten == 2
    assert Wire(owner).connect(b"1").routing_id == b"1"
    owner.durability.close()


async def test_who_has_no_messages_goes_before_who_has(owner: Owner) -> None:
    for name, queued in ((b"first", 0), (b"second", 0), (b"third", 5), (b"fourth", 5)):
        wire = Wire(owner)
        peer = wire.connect(name)
        wire.lose()
        for _ in range(queued):
            peer.put(b"x")
    for limit in (3, 2, 1):
        owner.durability.set_limit(limit)

    assert gone(owner) == [b"second", b"first", b"fourth"]
    assert owner.durability.dropped == 5
    owner.durability.close()


@pytest.mark.parametrize("queued", [0, 1])
async def test_names_that_one_stranger_invents_cost_nobody_else_anything(owner: Owner, queued: int) -> None:
    owner.durability.set_limit(20)
    wires = [Wire(owner) for _ in range(5)]
    good = [wire.connect(b"good %d" % number) for number, wire in enumerate(wires)]
    for wire, peer in zip(wires, good, strict=True):
        wire.lose()
        peer.put(b"x")
    for number in range(101):
        wire = Wire(owner)
        peer = wire.connect(b"invented %d" % number)
        if queued:
            peer.put(b"x")
        wire.lose()

    assert all(name.startswith(b"invented") for name in gone(owner))
    assert owner.durability.forgotten == 86
    assert [Wire(owner).connect(b"good %d" % number) for number in range(5)] == good
    owner.durability.close()


@pytest.mark.parametrize("addresses", [(b"192.0.2.1", b"192.0.2.2"), (b"2001:db8::1", b"2001:db8:0:1::1")])
async def test_address_that_has_more_than_half_pays_for_who_comes_later(
    owner: Owner, addresses: tuple[bytes, bytes]
) -> None:
    owner.durability.set_limit(20)
    for number in range(20):
        wire = Wire(owner)
        wire.connect(b"invented %d" % number, address=addresses[0]).put(b"x")
        wire.lose()
    for number in range(8):
        wire = Wire(owner)
        wire.connect(b"good %d" % number, address=addresses[1])
        wire.lose()

    assert gone(owner) == [b"invented %d" % number for number in range(19, 11, -1)]
    owner.durability.close()


async def test_limit_for_each_is_for_a_user_or_an_address(owner: Owner) -> None:
    owner.durability.set_limit_each(2)
    who = [
        (b"192.0.2.1", None),
        (b"::ffff:192.0.2.1", None),
        (b"192.0.2.1", b"ada"),
        (b"192.0.2.2", b"ada"),
        (b"192.0.2.1", None),
        (b"192.0.2.3", b"ada"),
        (b"192.0.2.3", None),
        (b"", None),
        (b"", None),
        (b"", None),
    ]
    for number, (address, user) in enumerate(who):
        wire = Wire(owner)
        wire.connect(b"%d" % number, user, address)
        wire.lose()
    assert gone(owner) == [b"4", b"5"]

    owner.durability.set_limit_each(1)
    assert sorted(gone(owner)[2:]) == [b"1", b"3"]
    owner.durability.close()


async def test_peer_counts_where_it_was_last(owner: Owner) -> None:
    owner.durability.set_limit_each(1)
    for name, address in ((b"a", b"192.0.2.1"), (b"a", b"192.0.2.2"), (b"b", b"192.0.2.1")):
        wire = Wire(owner)
        wire.connect(name, address=address)
        wire.lose()
    assert gone(owner) == []

    wire = Wire(owner)
    wire.connect(b"c", address=b"192.0.2.2")
    wire.lose()
    assert gone(owner) == [b"c"]
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


PROOFS: list[tuple[bytes | None, bytes]] = [
    (None, b""),
    (None, b"one key"),
    (None, b"another key"),
    (b"", b"a third key"),
    (b"ada", b""),
    (b"one key", b""),
    (b"\0key one key", b""),
]
"""A User-Id and a key: no two of these prove the same."""


@pytest.mark.parametrize("theirs", range(len(PROOFS)))
async def test_queue_is_for_who_proves_the_same_alone(owner: Owner, theirs: int) -> None:
    first = Wire(owner)
    peer = first.connect(b"one", PROOFS[theirs][0], key=PROOFS[theirs][1])
    first.lose()

    for number, (user, key) in enumerate(PROOFS):
        if number != theirs:
            other = Wire(owner)
            assert other.connect(b"one", user, key=key) is not peer
            assert not other.lose()
    assert Wire(owner).connect(b"one", PROOFS[theirs][0], key=PROOFS[theirs][1]) is peer
    owner.durability.close()


async def test_user_keeps_the_queue_whatever_the_key(owner: Owner) -> None:
    first, second = Wire(owner), Wire(owner)
    peer = first.connect(b"one", b"ada", key=b"an old key")
    first.lose()

    assert second.connect(b"one", b"ada", key=b"a new key") is peer
    owner.durability.close()


async def test_keys_are_counted_by_their_address(owner: Owner) -> None:
    owner.durability.set_limit_each(2)
    for number in range(4):
        wire = Wire(owner)
        wire.connect(b"%d" % number, address=b"192.0.2.1", key=b"key %d" % number)
        wire.lose()

    assert gone(owner) == [b"2", b"3"]
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

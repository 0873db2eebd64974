"""The budgets of topics and groups: who is cut when peers want more, and who is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from aiomq.message import Control, Item, Membership, Subscription
from aiomq.options import SocketOptions
from aiomq.patterns.publishers import PubPattern, XPubPattern
from aiomq.patterns.radio_dish import RadioPattern
from tests.patterns.fake_peer import FakePeer

AnyPattern = PubPattern | XPubPattern | RadioPattern


class Audience:
    """Peers of one pattern, and what the socket would be told of those that are cut."""

    def __init__(self, pattern: AnyPattern) -> None:
        self.pattern = pattern
        self.cut: list[tuple[str, str]] = []
        self.reasons: list[str] = []
        pattern.over_budget = self._over_budget  # type: ignore[assignment]  # all its peers are fake ones

    def _over_budget(self, peer: FakePeer, budget: str, reason: str) -> None:
        self.cut.append((peer.name, budget))
        self.reasons.append(reason)
        peer.close(reason)

    def peer(self, name: str, address: str = "", *, over_wire: bool = True) -> FakePeer:
        peer = FakePeer(self.pattern, name=name, detach_on_close=True)
        peer.over_wire = over_wire
        if address:
            peer.properties = {"Peer-Address": address.encode()}
        return peer.attach()

    def ask(self, peer: FakePeer, *keys: bytes) -> None:
        """Let a peer subscribe to topics, or join groups, in one batch."""
        peer.deliver(*(self._asking(key) for key in keys))

    def _asking(self, key: bytes) -> Control:
        if isinstance(self.pattern, RadioPattern):
            return Membership(key, join=True)
        return Subscription(key, subscribe=True)

    @property
    def count(self) -> int:
        """How many different keys are held."""
        return len(self.pattern._table)

    def reached_by(self, key: bytes, peer: FakePeer) -> bool:
        peer.outbox.clear()
        if isinstance(self.pattern, RadioPattern):
            self.pattern.try_send_to(b"x", 0, key)
        else:
            self.pattern.try_send(key)
        return bool(peer.outbox)


def pub(options: SocketOptions) -> Audience:
    return Audience(PubPattern(options))


def xpub(options: SocketOptions) -> Audience:
    return Audience(XPubPattern(options))


def manual_xpub(options: SocketOptions) -> Audience:
    options.xpub_manual = True
    return Audience(XPubPattern(options))


def verbose_xpub(options: SocketOptions) -> Audience:
    options.xpub_verboser = True
    return Audience(XPubPattern(options))


def radio(options: SocketOptions) -> Audience:
    return Audience(RadioPattern(options))


def keys(prefix: bytes, count: int) -> list[bytes]:
    return [b"%b%d" % (prefix, number) for number in range(count)]


Make = Callable[[SocketOptions], Audience]
TOPICS = pytest.mark.parametrize("make", [pub, xpub, verbose_xpub])
KINDS = pytest.mark.parametrize(("make", "kind"), [(pub, "topics"), (xpub, "topics"), (radio, "groups")])


def allowing(**budgets: int) -> SocketOptions:
    return SocketOptions(**budgets)  # type: ignore[arg-type]  # all budgets are numbers


# -- of one peer ------------------------------------------------------------------------------------------------------


@KINDS
def test_peer_with_one_key_more_than_a_peer_may_have_is_cut_and_loses_all(make: Make, kind: str) -> None:
    audience = make(allowing(**{f"{kind}_per_peer": 3}))
    good, greedy = audience.peer("good"), audience.peer("greedy")
    audience.ask(good, *keys(b"good", 3), b"good0")
    audience.ask(greedy, *keys(b"greedy", 4), b"more")
    assert audience.cut == [("greedy", f"{kind}_per_peer")]
    assert not greedy.inbox
    assert audience.count == 3
    assert all(audience.reached_by(key, good) for key in keys(b"good", 3))


@pytest.mark.parametrize("make", [pub, xpub, verbose_xpub, manual_xpub])
@pytest.mark.parametrize("as_message", [False, True])
def test_peer_of_any_version_is_cut_for_what_it_asks(make: Make, as_message: bool) -> None:
    audience = make(allowing(topics_per_peer=2))
    peer = audience.peer("greedy")
    items: list[Item] = [b"\x01" + key if as_message else Subscription(key, subscribe=True) for key in keys(b"", 3)]
    peer.deliver(*items)
    assert audience.cut == [("greedy", "topics_per_peer")]


@TOPICS
def test_peer_with_more_bytes_of_topics_than_a_peer_may_have_is_cut(make: Make) -> None:
    audience = make(allowing(topic_bytes_per_peer=10))
    good, greedy = audience.peer("good"), audience.peer("greedy")
    audience.ask(good, b"12345", b"67890", b"")
    audience.ask(greedy, b"12345", b"67890", b"+")
    assert audience.cut == [("greedy", "topic_bytes_per_peer")]


@KINDS
def test_key_that_was_given_back_leaves_room_for_another(make: Make, kind: str) -> None:
    audience = make(allowing(**{f"{kind}_per_peer": 2, f"{kind}_per_address": 2, f"{kind}_max": 2}))
    peer = audience.peer("modest", "192.0.2.1")
    for key in keys(b"k", 100):
        audience.ask(peer, key)
        peer.deliver(Membership(key, join=False) if kind == "groups" else Subscription(key, subscribe=False))
    audience.ask(peer, b"a", b"b")
    assert not audience.cut


@KINDS
def test_budget_of_zero_is_no_limit_and_a_new_value_counts_at_once(make: Make, kind: str) -> None:
    options = allowing(**{f"{kind}_{name}": 0 for name in ("per_peer", "per_address", "max")})
    options.topic_bytes_per_peer = options.topic_bytes_max = 0
    audience = make(options)
    peer = audience.peer("peer", "192.0.2.1")
    audience.ask(peer, *keys(b"k", 20_000))
    assert not audience.cut
    setattr(options, f"{kind}_per_peer", 20_001)
    audience.ask(peer, b"one more")
    assert not audience.cut
    audience.ask(peer, b"too many")
    assert audience.cut == [("peer", f"{kind}_per_peer")]


@KINDS
def test_reason_names_the_budget_its_value_and_how_to_raise_it(make: Make, kind: str) -> None:
    audience = make(allowing(**{f"{kind}_per_peer": 7}))
    audience.ask(audience.peer("greedy"), *keys(b"k", 8))
    (reason,) = audience.reasons
    assert reason.startswith(f"over {kind}_per_peer: 7 {kind} at most for one peer")
    assert f"set {kind}_per_peer of the socket to allow more" in reason


# -- shared -----------------------------------------------------------------------------------------------------------


@KINDS
def test_over_the_budget_of_an_address_its_peer_with_most_is_cut(make: Make, kind: str) -> None:
    audience = make(allowing(**{f"{kind}_per_address": 10}))
    good, greedy = audience.peer("good", "192.0.2.1"), audience.peer("greedy", "192.0.2.1")
    other = audience.peer("other", "192.0.2.2")
    audience.ask(other, *keys(b"other", 10))
    audience.ask(greedy, *keys(b"greedy", 9))
    audience.ask(good, *keys(b"good", 3))
    assert audience.cut == [("greedy", f"{kind}_per_address")]
    assert audience.count == 13
    assert audience.reached_by(b"good2", good)


@KINDS
def test_over_the_budget_of_the_socket_the_peer_with_most_of_the_address_with_most_is_cut(
    make: Make, kind: str
) -> None:
    audience = make(allowing(**{f"{kind}_max": 20}))
    lonely = audience.peer("lonely", "192.0.2.1")
    audience.ask(lonely, *keys(b"lonely", 7))
    crowd = [audience.peer(f"crowd{number}", "192.0.2.2") for number in range(3)]
    for number, peer in enumerate(crowd):
        audience.ask(peer, *keys(b"crowd%d-" % number, 3 + number))
    newcomer = audience.peer("newcomer", "192.0.2.3")
    audience.ask(newcomer, *keys(b"new", 2))
    assert audience.cut == [("crowd2", f"{kind}_max")]
    assert audience.reached_by(b"new1", newcomer)
    assert audience.reached_by(b"lonely6", lonely)


@KINDS
def test_peer_that_would_have_most_goes_itself(make: Make, kind: str) -> None:
    audience = make(allowing(**{f"{kind}_max": 4}))
    first, second = audience.peer("first", "192.0.2.1"), audience.peer("second", "192.0.2.2")
    audience.ask(first, *keys(b"first", 2))
    audience.ask(second, *keys(b"second", 3))
    assert audience.cut == [("second", f"{kind}_max")]
    assert not first.closed


@TOPICS
def test_over_the_bytes_of_the_socket_the_peer_with_most_bytes_is_cut(make: Make) -> None:
    audience = make(allowing(topic_bytes_max=100))
    many, long = audience.peer("many", "192.0.2.1"), audience.peer("long", "192.0.2.2")
    audience.ask(many, *keys(b"x", 10))
    audience.ask(long, bytes(70))
    audience.ask(many, bytes(15))
    assert audience.cut == [("long", "topic_bytes_max")]
    assert not many.closed
    audience.ask(many, bytes(101))
    assert audience.cut[1:] == [("many", "topic_bytes_max")]


@KINDS
def test_lowered_budget_cuts_as_many_as_it_takes(make: Make, kind: str) -> None:
    options = allowing(**{f"{kind}_max": 100})
    audience = make(options)
    peers = [audience.peer(f"p{number}", f"192.0.2.{number}") for number in range(1, 6)]
    for number, peer in enumerate(peers, 1):
        audience.ask(peer, *keys(b"p%d-" % number, number))
    setattr(options, f"{kind}_max", 4)
    audience.ask(peers[0], b"another")
    assert [name for name, _ in audience.cut] == ["p5", "p4", "p3"]
    assert audience.count == 4


@KINDS
@pytest.mark.parametrize("address", ["localhost:1000:1000:4711", "2001:db8::1", "::ffff:192.0.2.1", ""])
def test_what_one_may_have_at_will_is_one_address_and_no_address_is_none(make: Make, kind: str, address: str) -> None:
    siblings = {
        "localhost:1000:1000:4711": "localhost:1000:1000:4712",
        "2001:db8::1": "2001:db8::2",
        "::ffff:192.0.2.1": "192.0.2.1",
        "": "",
    }
    audience = make(allowing(**{f"{kind}_per_address": 2}))
    one, two = audience.peer("one", address), audience.peer("two", siblings[address])
    audience.ask(one, *keys(b"one", 2))
    audience.ask(two, b"two")
    assert audience.cut == ([("one", f"{kind}_per_address")] if address else [])


@KINDS
def test_peers_of_the_same_process_are_neither_cut_nor_counted(make: Make, kind: str) -> None:
    audience = make(allowing(**{f"{kind}_{name}": 3 for name in ("per_peer", "per_address", "max")}))
    own = audience.peer("own", over_wire=False)
    audience.ask(own, *keys(b"own", 10))
    stranger = audience.peer("stranger", "192.0.2.1")
    audience.ask(stranger, *keys(b"stranger", 3))
    assert not audience.cut
    audience.ask(stranger, b"more")
    assert audience.cut == [("stranger", f"{kind}_per_peer")]
    assert audience.count == 10


@TOPICS
def test_peer_that_comes_back_from_elsewhere_counts_there(make: Make) -> None:
    audience = make(allowing(topics_per_address=4))
    roaming, local = audience.peer("roaming", "192.0.2.1"), audience.peer("local", "192.0.2.1")
    audience.ask(roaming, *keys(b"roaming", 3))
    audience.pattern.peer_away(roaming)
    roaming.properties = {"Peer-Address": b"192.0.2.2"}
    audience.pattern.peer_back(roaming)
    audience.ask(local, *keys(b"local", 4))
    assert not audience.cut
    stay = audience.peer("stay", "192.0.2.2")
    audience.ask(stay, *keys(b"stay", 2))
    assert audience.cut == [("roaming", "topics_per_address")]


def test_many_peers_that_wait_for_the_user_and_then_go_over_a_budget_are_cut_one_after_the_other() -> None:
    options = allowing(topics_max=1, rcvhwm=1)
    options.xpub_verboser = True
    audience = Audience(XPubPattern(options))
    peers = [audience.peer(f"p{number}", f"192.0.2.{number % 250}") for number in range(2000)]
    for peer in peers:
        peer.deliver(b"for the user", Subscription(peer.name.encode(), subscribe=True))
    pattern = audience.pattern
    while pattern.try_recv() is not None:  # makes room, and lets those that wait go on, each of which cuts another
        assert len(pattern._table) <= 1
    assert len(audience.cut) == 1999


# -- while somebody leaves --------------------------------------------------------------------------------------------


@KINDS
def test_peer_with_much_that_left_counts_no_longer(make: Make, kind: str) -> None:
    audience = make(allowing(**{f"{kind}_max": 1000}))
    audience.pattern.later = lambda work: None  # nothing is taken back by itself
    gone = audience.peer("gone", "192.0.2.1")
    audience.ask(gone, *keys(b"k", 1000))
    gone.detach()
    audience.ask(audience.peer("next", "192.0.2.1"), *keys(b"n", 1000))
    assert not audience.cut
    assert audience.count == 1000  # who subscribes takes back as much of what others left

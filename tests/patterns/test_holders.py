"""Tables of who holds what, while peers that held much leave: against a model in which they are gone at once."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiomq.message import Membership, Message, Subscription
from aiomq.options import SocketOptions
from aiomq.patterns.groups import GroupTable
from aiomq.patterns.holders import AT_ONCE, SLICE
from aiomq.patterns.prefixes import LENGTHS_MAX
from aiomq.patterns.publishers import PubPattern, XPubPattern
from aiomq.patterns.radio_dish import RadioPattern
from aiomq.patterns.subscriptions import SubscriptionTable
from tests.patterns.fake_peer import FakePeer

topics = st.text("ab", max_size=LENGTHS_MAX + 2).map(str.encode)
steps = st.lists(
    st.tuples(st.sampled_from(["add", "add", "remove", "leave", "slice", "match"]), st.integers(0, 3), topics),
    max_size=60,
)

BALLAST = [b"\xff%d" % number for number in range(AT_ONCE)]
"""With it nobody's keys are few."""

MANY = AT_ONCE + 2 * SLICE


def many(prefix: bytes = b"k") -> list[bytes]:
    return [b"%b%06d" % (prefix, number) for number in range(MANY)]


class Model:
    """A table, and pairs of those that are there and what they hold: whoever leaves is gone at once."""

    def __init__(self) -> None:
        self.table = SubscriptionTable()
        self.pairs: set[tuple[FakePeer, bytes]] = set()
        self.peers = [FakePeer(name=str(number)) for number in range(4)]

    def holders(self, topic: bytes) -> set[FakePeer]:
        return {each for each, key in self.pairs if key == topic}

    def add(self, number: int, topic: bytes) -> None:
        self.table.settle(topic)
        assert self.table.add(self.peers[number], topic) is (not self.holders(topic))
        self.pairs.add((self.peers[number], topic))

    def remove(self, number: int, topic: bytes) -> None:
        self.table.settle(topic)
        self.pairs.discard((self.peers[number], topic))
        assert self.table.remove(self.peers[number], topic) is (not self.holders(topic))

    def leave(self, number: int, _: bytes) -> None:
        peer = self.peers[number]
        for each in BALLAST:
            self.table.add(peer, each)
        self.table.leave(peer)
        self.pairs = {pair for pair in self.pairs if pair[0] is not peer}
        self.peers[number] = FakePeer(name=f"{number} again")

    def slice(self, _: int, __: bytes) -> None:
        self.table.take_back(3)

    def match(self, _: int, topic: bytes) -> None:
        matching = self.table.match(topic)
        assert len(matching) == len(set(matching))
        assert set(matching) == {each for each, key in self.pairs if topic.startswith(key)}
        assert set(self.table.holders_of(topic)) == self.holders(topic)
        everyone = self.table.everyone()
        assert everyone is None or set(everyone) == self.holders(b"")


@given(steps)
def test_table_with_peers_that_leave_agrees_with_one_without(changes: list[tuple[str, int, bytes]]) -> None:
    model = Model()
    for action, number, topic in changes:
        getattr(model, action)(number, topic)
    while model.table.take_back(7):
        assert model.table.leaving
    assert set(model.table._holders) == {topic for _, topic in model.pairs}


@pytest.mark.parametrize("make", [SubscriptionTable, GroupTable])
def test_table_takes_back_a_slice_at_a_time(make: type[SubscriptionTable | GroupTable]) -> None:
    table, peer = make(), FakePeer()
    for key in many():
        table.add(peer, key)
    table.leave(peer)
    assert len(table) == MANY
    assert table.holders_of(b"k000000") == ()
    assert table.keys_of(peer) == []
    assert table.take_back(SLICE)
    assert len(table) == MANY - SLICE
    assert table.take_back(SLICE)
    assert len(table) == MANY - 2 * SLICE
    assert not table.take_back(SLICE)
    assert (len(table), table.leaving) == (0, {})


def test_table_takes_back_little_at_once() -> None:
    table, peer = SubscriptionTable(), FakePeer()
    for key in many()[:AT_ONCE]:
        table.add(peer, key)
    table.leave(peer)
    assert (len(table), table.leaving) == (0, {})


def test_group_table_counts_how_often_a_peer_joined() -> None:
    table, peer = GroupTable(), FakePeer()
    assert table.add(peer, b"g")
    assert not table.add(peer, b"g")
    assert not table.remove(peer, b"g")
    assert table.holders_of(b"g") == (peer,)
    assert table.remove(peer, b"g")
    assert table.holders_of(b"g") == ()


# -- patterns ---------------------------------------------------------------------------------------------------------


def by_hand(pattern: PubPattern | XPubPattern | RadioPattern) -> list[object]:
    """Let slices be taken by the test alone; return where they are asked for."""
    asked: list[object] = []
    pattern.later = asked.append
    return asked


def subscriber(pattern: PubPattern | XPubPattern, *topics: bytes) -> FakePeer:
    peer = FakePeer(pattern, detach_on_close=True).attach()
    peer.deliver(*(Subscription(topic, subscribe=True) for topic in topics))
    return peer


def read_all(pattern: XPubPattern) -> list[Message]:
    messages = []
    while (message := pattern.try_recv()) is not None:
        messages.append(message)
    return messages


@pytest.mark.parametrize("pattern_class", [PubPattern, XPubPattern])
@pytest.mark.parametrize("inverted", [False, True])
def test_publisher_sends_nothing_to_who_left_and_drops_nothing(
    pattern_class: type[PubPattern | XPubPattern], inverted: bool
) -> None:
    pattern = pattern_class(SocketOptions(invert_matching=inverted))
    by_hand(pattern)
    stays = subscriber(pattern, b"k000007", b"")
    gone = subscriber(pattern, *many(), b"")
    gone.detach()
    assert pattern.subscribers(b"k000007") == (0 if inverted else 1)
    for topic in (b"k000007", b"k000008", b"other"):
        pattern.try_send(topic)
    assert (len(stays.outbox), gone.outbox, pattern.dropped) == (0 if inverted else 3, [], 0)
    assert pattern.broadcast() is None or pattern_class is PubPattern


@pytest.mark.parametrize("pattern_class", [PubPattern, XPubPattern])
def test_publisher_asks_for_turns_once_and_until_all_is_taken_back(
    pattern_class: type[PubPattern | XPubPattern],
) -> None:
    pattern = pattern_class(SocketOptions())
    asked = by_hand(pattern)
    one, two = subscriber(pattern, *many(b"1")), subscriber(pattern, *many(b"2"))
    one.detach()
    two.detach()
    assert len(asked) == 1
    counts = [pattern.topics_count]
    while pattern._take_back():
        counts.append(pattern.topics_count)
    assert counts[0] == 2 * MANY
    assert all(before - after == SLICE for before, after in itertools.pairwise(counts))
    assert pattern.topics_count == 0
    subscriber(pattern, *many()).detach()
    assert len(asked) == 2


def test_radio_sends_nothing_to_who_left() -> None:
    radio = RadioPattern(SocketOptions())
    asked = by_hand(radio)
    stays, gone = FakePeer(radio).attach(), FakePeer(radio).attach()
    stays.deliver(Membership(b"k000007", join=True))
    gone.deliver(*(Membership(group, join=True) for group in many()), Membership(None, join=True))
    gone.detach()
    for group in (b"k000007", b"k000008"):
        radio.try_send_to(b"x", 0, group)
    assert (stays.outbox, gone.outbox, radio.dropped) == ([(b"k000007", b"x")], [], 0)
    assert len(asked) == 1
    while radio._take_back():
        assert radio._table.leaving
    assert repr(radio) == "<RadioPattern peers=1 groups=1 dropped=0>"


@pytest.mark.parametrize("rcvhwm", [0, 10])
def test_xpub_tells_the_end_of_a_topic_before_it_begins_anew(rcvhwm: int) -> None:
    pattern = XPubPattern(SocketOptions(rcvhwm=rcvhwm))
    by_hand(pattern)
    gone = subscriber(pattern, *many())
    read_all(pattern)
    gone.detach()
    last = many()[-1]
    subscriber(pattern, last)
    told = read_all(pattern)
    assert told.index(b"\x00" + last) < told.index(b"\x01" + last)
    while pattern._take_back():
        told += read_all(pattern)
    told += read_all(pattern)
    assert [each for each in told if each[1:] == last] == [b"\x00" + last, b"\x01" + last]
    assert sorted(each for each in told if each[:1] == b"\0") == [b"\0" + key for key in many()]
    assert pattern.topics_count == 1


def test_xpub_tells_nothing_of_a_topic_that_another_has_before_or_after_the_end() -> None:
    pattern = XPubPattern(SocketOptions())
    by_hand(pattern)
    gone = subscriber(pattern, *many())
    other = subscriber(pattern, b"k001000")
    read_all(pattern)
    gone.detach()
    other.deliver(Subscription(b"k001000", subscribe=False))
    told = read_all(pattern)
    assert told.count(b"\0k001000") == 1
    assert pattern.subscribers(b"k001000") == 0
    while pattern._take_back():
        told += read_all(pattern)
    told += read_all(pattern)
    assert sorted(told) == [b"\0" + key for key in many()]


@pytest.mark.parametrize("manual", [False, True])
def test_verboser_xpub_tells_each_topic_of_who_left_once_and_in_order(manual: bool) -> None:
    pattern = XPubPattern(SocketOptions(xpub_verboser=not manual, xpub_manual=manual, rcvhwm=0))
    by_hand(pattern)
    gone = subscriber(pattern, *many())
    subscriber(pattern, *many())
    read_all(pattern)
    gone.detach()
    while pattern._take_back():
        assert pattern._has_leavers()
    assert read_all(pattern) == [b"\0" + key for key in many()]


def test_xpub_granted_topics_of_who_left_are_taken_back_too() -> None:
    pattern = XPubPattern(SocketOptions(xpub_manual=True))
    by_hand(pattern)
    peer = subscriber(pattern, b"asked")
    pattern.try_recv()
    for key in many():
        pattern.subscribe(key)
    peer.detach()
    assert pattern.subscribers(b"k000007") == 0
    while pattern._take_back():
        assert pattern._has_leavers()
    assert read_all(pattern) == [b"\0asked"]
    assert pattern.topics_count == 0


@pytest.mark.parametrize("pattern_class", [PubPattern, XPubPattern])
@pytest.mark.parametrize("step", ["distributor", "table"])
def test_publisher_takes_every_step_of_an_end_though_one_fails(
    pattern_class: type[PubPattern | XPubPattern], step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pattern = pattern_class(SocketOptions())
    peer = subscriber(pattern, *many())
    if step == "distributor":
        monkeypatch.setattr(type(pattern.distributor), "detach", out_of_memory)
    else:
        monkeypatch.setattr(type(pattern._table), "_vanished", once_out_of_memory(pattern))
    with pytest.raises(MemoryError):
        peer.detach()
    assert pattern.subscribers(b"k000001") == 0
    while pattern._take_back():
        assert pattern._table.leaving
    assert not pattern._table.leaving


def out_of_memory(*_: object) -> None:
    raise MemoryError


def once_out_of_memory(pattern: PubPattern | XPubPattern) -> object:
    """Return what takes the place of `_vanished` and fails at its first call."""
    table, failed = type(pattern._table), [False]
    vanished = table._vanished

    def fails_once(self: SubscriptionTable, key: bytes) -> None:
        vanished(self, key)
        if not failed[0]:
            failed[0] = True
            raise MemoryError

    return fails_once


def test_xpub_news_that_nobody_reads_are_bounded_by_the_topics_there_are() -> None:
    pattern = XPubPattern(SocketOptions(rcvhwm=10))
    stays = subscriber(pattern, *many())
    for round_number in range(20):
        subscriber(pattern, *many(b"%d-" % round_number)).detach()
        stays.deliver(Subscription(b"x", subscribe=True), Subscription(b"x", subscribe=False))
        assert len(pattern._notifications) <= 10 + MANY


def test_xpub_news_cancelled_out_in_the_middle_leave_order_and_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiomq.patterns.notifications._VOID_FROM", 10)
    pattern = XPubPattern(SocketOptions(rcvhwm=1))
    entries = pattern._notifications
    subscriber(pattern, b"first")
    for number in range(100):
        early, late = subscriber(pattern, b"early%d" % number), subscriber(pattern, b"late%d" % number)
        if number % 10:
            early.detach()
            late.detach()
        assert len(entries._entries) <= 2 * len(entries) + 12
    kept = [b"\x01%b%d" % (name, number) for number in range(0, 100, 10) for name in (b"early", b"late")]
    assert len(entries) == 21
    assert read_all(pattern) == [b"\x01first", *kept]
    assert len(entries._entries) == entries._void == 0

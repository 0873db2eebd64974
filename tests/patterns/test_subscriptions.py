"""The subscription tables of both ends, against naive models of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiomq.message import Message, Subscription
from aiomq.options import SocketOptions
from aiomq.patterns.prefixes import LENGTHS_MAX, RECENT_FROM, RECENT_MAX, RecentTopics
from aiomq.patterns.subscriptions import SubscribedTopics, SubscriptionTable, is_subscription, split_subscriptions
from tests.patterns.fake_peer import FakePeer

# Few letters and many lengths: topics begin each other, and the table needs its tree.
topics = st.text("ab", max_size=LENGTHS_MAX + 6).map(str.encode)
steps = st.lists(st.tuples(st.sampled_from(["add", "remove", "leave", "match"]), st.integers(0, 3), topics))


class NaiveTable:
    def __init__(self) -> None:
        self.pairs: set[tuple[FakePeer, bytes]] = set()

    def holders(self, topic: bytes) -> set[FakePeer]:
        return {peer for peer, each in self.pairs if each == topic}

    def match(self, frame: bytes) -> set[FakePeer]:
        return {peer for peer, topic in self.pairs if frame.startswith(topic)}


@given(steps)
def test_subscription_table_after_any_steps_agrees_with_a_naive_one(changes: list[tuple[str, int, bytes]]) -> None:
    table, naive = SubscriptionTable(), NaiveTable()
    peers = [FakePeer(name=str(number)) for number in range(4)]
    for action, number, topic in changes:
        peer = peers[number]
        if action == "add":
            assert table.add(peer, topic) is (not naive.holders(topic))
            naive.pairs.add((peer, topic))
        elif action == "remove":
            naive.pairs.discard((peer, topic))
            assert table.remove(peer, topic) is (not naive.holders(topic))
        elif action == "leave":
            own = {topic for each, topic in naive.pairs if each is peer}
            naive.pairs = {pair for pair in naive.pairs if pair[0] is not peer}
            assert set(table.remove_peer(peer)) == {topic for topic in own if not naive.holders(topic)}
        else:
            matching = table.match(topic)
            assert len(matching) == len(set(matching))
            assert set(matching) == naive.match(topic)
        assert len(table) == len({topic for _, topic in naive.pairs})
        assert (topic in table) is bool(naive.holders(topic))
        everyone = table.everyone()
        assert (everyone is None) is any(topic for _, topic in naive.pairs)
        assert everyone is None or set(everyone) == naive.holders(b"")


@given(st.lists(st.tuples(st.booleans(), topics)), st.lists(topics, min_size=1))
def test_subscribed_topics_after_any_steps_agree_with_counting(
    changes: list[tuple[bool, bytes]], frames: list[bytes]
) -> None:
    subscribed, counts = SubscribedTopics(), dict[bytes, int]()
    for is_added, topic in changes:
        count = counts.get(topic, 0)
        if is_added:
            subscribed.add(topic)
            counts[topic] = count + 1
        else:
            assert subscribed.remove(topic) is (count == 1)
            counts[topic] = max(count - 1, 0)
    alive = {topic for topic, count in counts.items() if count}
    assert set(subscribed) == alive
    assert len(subscribed) == len(alive)
    assert subscribed.everything is (b"" in alive)
    for frame in frames:
        assert subscribed.matches(frame) is frame.startswith(tuple(alive))


def test_subscription_table_empty_topic_matches_every_frame() -> None:
    table, peer = SubscriptionTable(), FakePeer()
    table.add(peer, b"")
    assert list(table.match(b"")) == [peer]
    assert list(table.match(b"anything")) == [peer]


def test_subscription_table_with_a_topic_in_the_tree_alone_has_no_everyone() -> None:
    table, all_of_it, part_of_it = SubscriptionTable(), FakePeer(), FakePeer()
    table.add(all_of_it, b"")
    lengths = range(1, LENGTHS_MAX + 2)
    for length in lengths:
        table.add(part_of_it, bytes(length))
    for length in lengths[:-1]:
        table.remove(part_of_it, bytes(length))

    assert table.everyone() is None

    table.remove(part_of_it, bytes(lengths[-1]))
    assert table.everyone() == (all_of_it,)


def test_subscription_table_peer_with_several_matching_topics_is_met_once() -> None:
    table, one, two = SubscriptionTable(), FakePeer(name="1"), FakePeer(name="2")
    for topic in (b"", b"a", b"ab"):
        table.add(one, topic)
    table.add(two, b"ab")
    assert set(table.match(b"abc")) == {one, two}
    assert len(table.match(b"abc")) == 2


def test_subscription_table_topic_from_one_peer_twice_ends_with_one_cancellation() -> None:
    table, peer = SubscriptionTable(), FakePeer()
    assert table.add(peer, b"a")
    assert not table.add(peer, b"a")
    assert table.remove(peer, b"a")
    assert list(table.match(b"a")) == []


def test_subscription_table_cancellation_by_a_stranger_leaves_the_topic() -> None:
    table, holder, stranger = SubscriptionTable(), FakePeer(name="holder"), FakePeer(name="stranger")
    table.add(holder, b"a")
    assert not table.remove(stranger, b"a")
    assert list(table.match(b"a")) == [holder]


def test_subscription_table_topic_longer_than_the_frame_does_not_match() -> None:
    table, peer = SubscriptionTable(), FakePeer()
    table.add(peer, b"abc")
    assert list(table.match(b"ab")) == []


def test_subscription_table_match_is_not_changed_by_a_later_subscription() -> None:
    table, peers = SubscriptionTable(), [FakePeer(name=str(number)) for number in range(3)]
    table.add(peers[0], b"a")
    table.add(peers[1], b"a")
    matching = table.match(b"abc")
    table.add(peers[2], b"a")
    assert list(matching) == peers[:2]


def test_subscription_table_topics_of_a_peer_are_in_the_order_of_subscription() -> None:
    table, peer = SubscriptionTable(), FakePeer()
    for topic in (b"z", b"a", b"m"):
        table.add(peer, topic)
    assert table.topics_of(peer) == [b"z", b"a", b"m"]
    assert table.remove_peer(peer) == [b"z", b"a", b"m"]
    assert table.topics_of(peer) == []


def test_subscription_table_room_ends_at_the_number_of_topics() -> None:
    options = SocketOptions(topics_per_peer=2)
    table, peer, other = SubscriptionTable(), FakePeer(), FakePeer(name="other")
    table.add(peer, b"a")
    assert table.breach(peer, b"b", options) is None
    table.add(peer, b"b")
    assert table.breach(peer, b"c", options) == ("topics_per_peer", peer)
    assert table.breach(peer, b"b", options) is None
    assert table.breach(other, b"c", options) is None


def test_subscription_table_room_ends_at_the_bytes_of_the_topics() -> None:
    options = SocketOptions(topic_bytes_per_peer=10)
    table, peer = SubscriptionTable(), FakePeer()
    assert table.breach(peer, b"x" * 11, options) == ("topic_bytes_per_peer", peer)
    table.add(peer, b"x" * 6)
    assert table.breach(peer, b"y" * 4, options) is None
    assert table.breach(peer, b"y" * 5, options) == ("topic_bytes_per_peer", peer)
    table.remove(peer, b"x" * 6)
    assert table.breach(peer, b"y" * 10, options) is None


def test_subscribed_topics_with_many_prefixes_find_the_one_that_matches() -> None:
    subscribed = SubscribedTopics()
    for number in range(1000):
        subscribed.add(b"topic-%d;" % number)
    assert subscribed.matches(b"topic-777;news")
    assert not subscribed.matches(b"topic-7777;news")
    assert not subscribed.matches(b"t")
    subscribed.add(b"")
    assert subscribed.matches(b"t")


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (b"\x01topic", True),
        (b"\x00topic", True),
        (b"\x01", True),
        (b"", False),
        (b"\x02", False),
        ((b"\x01a", b"\x01b"), False),
        (Subscription(b"", subscribe=True), True),
    ],
)
def test_is_subscription_of_each_kind_of_item(item: Message | Subscription, expected: bool) -> None:
    assert is_subscription(item) is expected


SUB_A, SUB_B, CANCEL_C = (
    Subscription(b"a", subscribe=True),
    Subscription(b"b", subscribe=True),
    Subscription(b"c", subscribe=False),
)


@pytest.mark.parametrize(
    ("message", "only_first", "subscriptions", "frames"),
    [
        (b"\x01a", False, [SUB_A], []),
        (b"\x00c", True, [CANCEL_C], []),
        (b"user", False, [], [b"user"]),
        (b"", False, [], [b""]),
        ((b"\x01a", b"\x01b", b"\x00c"), False, [SUB_A, SUB_B, CANCEL_C], []),
        ((b"\x01a", b"\x01b", b"\x00c"), True, [SUB_A, SUB_B, CANCEL_C], []),
        ((b"user", b"\x01b"), False, [SUB_B], [b"user"]),
        ((b"user", b"\x01b"), True, [], [b"user", b"\x01b"]),
        ((b"\x01a", b"user", b""), False, [SUB_A], [b"user", b""]),
    ],
)
def test_split_subscriptions_takes_what_the_option_says(
    message: Message, only_first: bool, subscriptions: list[Subscription], frames: list[bytes]
) -> None:
    assert split_subscriptions(message, only_first=only_first) == (subscriptions, frames)


# -- what is remembered of large tables -------------------------------------------------------------------------------


def large_table(peer: FakePeer) -> SubscriptionTable:
    table = SubscriptionTable()
    for number in range(RECENT_FROM + 1):
        table.add(peer, b"%06d" % number)
    return table


def test_large_table_finds_the_same_again_from_memory() -> None:
    peer = FakePeer()
    table = large_table(peer)
    assert [list(table.match(b"000007 news")) for _ in range(3)] == [[peer]] * 3
    assert [list(table.match(b"x00007 news")) for _ in range(3)] == [[]] * 3


def test_large_table_forgets_what_it_remembers_of_a_topic_that_changes() -> None:
    first, second = FakePeer(name="first"), FakePeer(name="second")
    table = large_table(first)
    assert list(table.match(b"000007 news")) == [first]
    table.add(second, b"000007")
    assert list(table.match(b"000007 news")) == [first, second]
    table.remove(first, b"000007")
    assert list(table.match(b"000007 news")) == [second]
    table.remove(second, b"000007")
    assert list(table.match(b"000007 news")) == []
    table.add(first, b"000007")
    assert list(table.match(b"000007 news")) == [first]


def test_large_table_remembered_topic_hides_no_longer_one() -> None:
    peer, other = FakePeer(name="peer"), FakePeer(name="other")
    table = large_table(peer)
    assert list(table.match(b"000007 news")) == [peer]
    table.add(other, b"000007 n")
    assert list(table.match(b"000007 news")) == [peer, other]


def test_subscriber_with_many_topics_forgets_what_it_remembers_of_one_that_ends() -> None:
    topics = SubscribedTopics()
    for number in range(RECENT_FROM + 1):
        topics.add(b"%06d" % number)
    assert [topics.matches(b"000007 news") for _ in range(2)] == [True, True]
    topics.remove(b"000007")
    assert not topics.matches(b"000007 news")
    topics.add(b"000007")
    assert topics.matches(b"000007 news")


def test_recent_topics_are_bounded() -> None:
    recent: RecentTopics[bool] = RecentTopics()
    recent.changed(b"x", RECENT_FROM)
    for number in range(3 * RECENT_MAX):
        recent.remember(b"%d" % number, True)
        assert recent.found is not None
        assert 0 < len(recent.found) <= RECENT_MAX


def test_recent_topics_of_a_small_table_are_none() -> None:
    recent: RecentTopics[bool] = RecentTopics()
    recent.changed(b"x", RECENT_FROM - 1)
    recent.remember(b"x", True)
    assert recent.found is None

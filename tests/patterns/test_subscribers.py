"""SUB and XSUB: what goes upstream, and what their users get (29/PUBSUB)."""

from __future__ import annotations

import errno

import pytest

from aiomq.errors import ZMQError
from aiomq.message import Item, Message, Subscription
from aiomq.options import SocketOptions
from aiomq.patterns.base import Pattern
from aiomq.patterns.subscribers import SubPattern, XSubPattern
from tests.patterns.fake_peer import FakePeer


def sub(topic: bytes) -> Subscription:
    return Subscription(topic, subscribe=True)


def cancel(topic: bytes) -> Subscription:
    return Subscription(topic, subscribe=False)


def ask(pattern: SubPattern | XSubPattern, *changes: bytes) -> None:
    """Subscribe and cancel in the way of either type; `changes` are frames as an XSUB's user sends them."""
    for change in changes:
        if isinstance(pattern, XSubPattern):
            assert pattern.try_send(change)
        elif change[0]:
            pattern.subscribe(change[1:])
        else:
            pattern.unsubscribe(change[1:])


def read_all(pattern: Pattern) -> list[Message]:
    messages = []
    while (message := pattern.try_recv()) is not None:
        messages.append(message)
    assert not pattern.can_recv()
    return messages


def sub_with(*topics: bytes, invert_matching: bool = False) -> SubPattern:
    pattern = SubPattern(SocketOptions(invert_matching=invert_matching))
    for topic in topics:
        pattern.subscribe(topic)
    return pattern


SUBSCRIBERS = pytest.mark.parametrize("pattern_class", [SubPattern, XSubPattern])

# -- upstream ---------------------------------------------------------------------------------------------------------


@SUBSCRIBERS
def test_subscriber_forwards_every_subscription_and_the_last_cancellation(
    pattern_class: type[SubPattern | XSubPattern],
) -> None:
    pattern = pattern_class(SocketOptions())
    peer = FakePeer(pattern).attach()
    ask(pattern, b"\x01a", b"\x01a", b"\x00a")
    assert peer.controls == [sub(b"a"), sub(b"a")]
    assert pattern.topics_count == 1
    ask(pattern, b"\x00a")
    assert peer.controls[2:] == [cancel(b"a")]
    assert pattern.topics_count == 0


@SUBSCRIBERS
def test_subscriber_does_not_forward_the_cancellation_of_an_unknown_topic(
    pattern_class: type[SubPattern | XSubPattern],
) -> None:
    pattern = pattern_class(SocketOptions())
    peer = FakePeer(pattern).attach()
    ask(pattern, b"\x00unknown")
    assert peer.controls == []


@SUBSCRIBERS
def test_subscriber_tells_a_new_publisher_each_topic_once(pattern_class: type[SubPattern | XSubPattern]) -> None:
    pattern = pattern_class(SocketOptions())
    ask(pattern, b"\x01a", b"\x01a", b"\x01b", b"\x01gone", b"\x00gone")
    assert FakePeer(pattern).attach().controls == [sub(b"a"), sub(b"b")]


@SUBSCRIBERS
def test_subscriber_tells_all_publishers_but_those_that_left(pattern_class: type[SubPattern | XSubPattern]) -> None:
    pattern = pattern_class(SocketOptions())
    one, two, gone = (FakePeer(pattern).attach() for _ in range(3))
    gone.detach()
    ask(pattern, b"\x01")
    assert (one.controls, two.controls, gone.controls) == ([sub(b"")], [sub(b"")], [])


@SUBSCRIBERS
def test_subscriber_after_a_hiccup_discards_the_outbox_and_tells_all_topics(
    pattern_class: type[SubPattern | XSubPattern],
) -> None:
    pattern = pattern_class(SocketOptions())
    peer = FakePeer(pattern).attach()
    ask(pattern, b"\x01a", b"\x01a", b"\x01b", b"\x00b")
    pattern.hiccup(peer)
    assert peer.discard_count == 1
    assert peer.controls == [sub(b"a")]


@SUBSCRIBERS
def test_subscriber_subscribes_also_at_a_publisher_that_is_full(pattern_class: type[SubPattern | XSubPattern]) -> None:
    pattern = pattern_class(SocketOptions())
    peer = FakePeer(pattern, hwm=0).attach()
    ask(pattern, b"\x01a")
    assert peer.controls == [sub(b"a")]


# -- SUB --------------------------------------------------------------------------------------------------------------


def test_sub_cannot_send() -> None:
    pattern = sub_with(b"")
    assert not pattern.can_send()
    with pytest.raises(ZMQError, match="a SUB socket cannot send") as caught:
        pattern.try_send(b"x")
    assert caught.value.errno == errno.ENOTSUP


@pytest.mark.parametrize(
    ("topics", "inverted", "expected"),
    [
        ([], False, []),
        ([b""], False, [b"a", (b"b", b"1"), b"", (b"ab", b"2")]),
        ([b"a"], False, [b"a", (b"ab", b"2")]),
        ([b"a", b"b"], False, [b"a", (b"b", b"1"), (b"ab", b"2")]),
        ([b"ab"], False, [(b"ab", b"2")]),
        ([b"1"], False, []),
        ([b"a"], True, [(b"b", b"1"), b""]),
        ([b""], True, []),
        ([], True, [b"a", (b"b", b"1"), b"", (b"ab", b"2")]),
    ],
)
def test_sub_delivers_what_matches_by_the_first_frame(
    topics: list[bytes], inverted: bool, expected: list[Message]
) -> None:
    pattern = sub_with(*topics, invert_matching=inverted)
    FakePeer(pattern).attach().deliver(b"a", (b"b", b"1"), b"", (b"ab", b"2"))
    assert read_all(pattern) == expected


def test_sub_with_many_topics_delivers_what_matches_one_of_them() -> None:
    pattern = sub_with(*(b"%d;" % number for number in range(500)))
    FakePeer(pattern).attach().deliver(b"499;x", b"500;y", (b"0;", b"z"))
    assert read_all(pattern) == [b"499;x", (b"0;", b"z")]


def test_sub_reads_publishers_in_turn() -> None:
    pattern = sub_with(b"")
    one, two = FakePeer(pattern).attach(), FakePeer(pattern).attach()
    one.deliver(b"a1", b"a2")
    two.deliver(b"b1", b"b2")
    assert read_all(pattern) == [b"a1", b"b1", b"a2", b"b2"]


def test_sub_can_recv_is_true_only_when_a_matching_message_is_there() -> None:
    pattern = sub_with(b"a")
    peer = FakePeer(pattern, low_water=100).attach()
    peer.deliver(b"x", b"y")
    assert not pattern.can_recv()
    assert not peer.inbox
    assert peer.low_count == 2
    peer.deliver(b"z", b"a1", b"a2")
    assert pattern.can_recv()
    assert pattern.can_recv()
    assert read_all(pattern) == [b"a1", b"a2"]


def test_sub_empty_message_that_matches_counts_as_one() -> None:
    pattern = sub_with(b"")
    FakePeer(pattern).attach().deliver(b"")
    assert pattern.can_recv()
    assert pattern.try_recv() == b""
    assert not pattern.can_recv()


def test_sub_drops_what_was_on_its_way_when_the_topic_was_cancelled() -> None:
    pattern = sub_with(b"a", b"b")
    FakePeer(pattern).attach().deliver(b"a1", b"b1")
    pattern.unsubscribe(b"a")
    assert read_all(pattern) == [b"b1"]


def test_sub_cancelling_everything_leaves_the_other_topics() -> None:
    pattern = sub_with(b"", b"a")
    pattern.unsubscribe(b"")
    FakePeer(pattern).attach().deliver(b"a1", b"b1")
    assert read_all(pattern) == [b"a1"]


def test_sub_inverting_later_takes_effect_at_once() -> None:
    options = SocketOptions()
    pattern = SubPattern(options)
    pattern.subscribe(b"")
    FakePeer(pattern).attach().deliver(b"1", b"2")
    assert pattern.try_recv() == b"1"
    options.invert_matching = True
    assert pattern.try_recv() is None


def test_sub_messages_of_a_publisher_that_left_stay_readable() -> None:
    pattern = sub_with(b"a")
    peer = FakePeer(pattern).attach()
    peer.deliver(b"x", b"a1")
    peer.detach()
    assert read_all(pattern) == [b"a1"]


def test_sub_takes_what_credit_brings_at_once() -> None:
    pattern = sub_with(b"a")
    backlog: list[Item] = [b"x", b"y", b"a1"]
    FakePeer(pattern, low_water=0, backlog=backlog).attach().deliver(b"z")
    assert read_all(pattern) == [b"a1"]


# -- XSUB -------------------------------------------------------------------------------------------------------------


def test_xsub_delivers_what_it_did_not_ask_for() -> None:
    pattern = XSubPattern(SocketOptions())
    FakePeer(pattern).attach().deliver(b"x", (b"y", b"1"))
    assert pattern.can_recv()
    assert read_all(pattern) == [b"x", (b"y", b"1")]


def test_xsub_with_verbose_unsubscribe_forwards_every_cancellation() -> None:
    pattern = XSubPattern(SocketOptions(xsub_verbose_unsubscribe=True))
    peer = FakePeer(pattern).attach()
    ask(pattern, b"\x01a", b"\x01a", b"\x00a", b"\x00a", b"\x00unknown")
    assert peer.controls == [sub(b"a"), sub(b"a"), cancel(b"a"), cancel(b"a"), cancel(b"unknown")]
    assert pattern.topics_count == 0


def test_xsub_sends_user_messages_to_every_publisher_with_room() -> None:
    pattern = XSubPattern(SocketOptions())
    full, free = FakePeer(pattern, hwm=1).attach(), FakePeer(pattern).attach()
    assert pattern.can_send()
    assert pattern.try_send(b"one")
    assert pattern.try_send((b"two", b"frames"))
    assert (full.outbox, free.outbox) == ([b"one"], [b"one", (b"two", b"frames")])
    assert pattern.dropped == 1
    assert not full.writable


def test_xsub_takes_subscriptions_out_of_a_message_and_sends_the_rest() -> None:
    pattern = XSubPattern(SocketOptions())
    peer = FakePeer(pattern).attach()
    pattern.try_send((b"user", b"\x01a", b"more", b"\x01b"))
    assert peer.controls == [sub(b"a"), sub(b"b")]
    assert peer.outbox == [(b"user", b"more")]


def test_xsub_with_only_first_subscribe_sends_later_frames_as_they_are() -> None:
    pattern = XSubPattern(SocketOptions(only_first_subscribe=True))
    peer = FakePeer(pattern).attach()
    pattern.try_send((b"user", b"\x01a"))
    pattern.try_send((b"\x01b", b"\x01c"))
    assert peer.outbox == [(b"user", b"\x01a")]
    assert peer.controls == [sub(b"b"), sub(b"c")]


def test_xsub_empty_message_is_a_user_message() -> None:
    pattern = XSubPattern(SocketOptions())
    peer = FakePeer(pattern).attach()
    pattern.try_send(b"")
    assert (peer.outbox, peer.controls) == ([b""], [])


def test_xsub_refuses_the_option_subscribe() -> None:
    pattern = XSubPattern(SocketOptions())
    for call in (pattern.subscribe, pattern.unsubscribe):
        with pytest.raises(ZMQError, match="by sending") as caught:
            call(b"a")
        assert caught.value.errno == errno.EINVAL
    assert repr(pattern) == "<XSubPattern peers=0 topics=0>"

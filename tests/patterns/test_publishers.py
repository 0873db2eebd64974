"""PUB and XPUB: who gets what, and what an XPUB's user is told (29/PUBSUB)."""

from __future__ import annotations

import errno

import pytest

from aiomq.errors import ZMQError
from aiomq.message import Item, Message, Subscription
from aiomq.options import SocketOptions
from aiomq.patterns.publishers import PubPattern, XPubPattern
from tests.patterns.fake_peer import FakePeer

PUBLISHERS = pytest.mark.parametrize("pattern_class", [PubPattern, XPubPattern])


def sub(topic: bytes) -> Subscription:
    return Subscription(topic, subscribe=True)


def cancel(topic: bytes) -> Subscription:
    return Subscription(topic, subscribe=False)


def subscriber(pattern: PubPattern | XPubPattern, *topics: bytes, hwm: int = 1000) -> FakePeer:
    peer = FakePeer(pattern, hwm=hwm).attach()
    peer.deliver(*map(sub, topics))
    return peer


def read_all(pattern: XPubPattern) -> list[Message]:
    messages = []
    while (message := pattern.try_recv()) is not None:
        messages.append(message)
    assert not pattern.can_recv()
    return messages


def xpub(**options: bool | int | bytes) -> XPubPattern:
    return XPubPattern(SocketOptions(**options))  # type: ignore[arg-type]  # the tests give each its own type


@PUBLISHERS
def test_publisher_says_that_it_accepts_subscriptions(pattern_class: type[PubPattern | XPubPattern]) -> None:
    assert pattern_class.accepts_subscriptions


# -- sending ----------------------------------------------------------------------------------------------------------


@PUBLISHERS
@pytest.mark.parametrize(
    ("message", "expected"), [(b"weather 21", True), ((b"weather", b"21"), True), ((b"x", b"weather"), False)]
)
def test_publisher_matches_the_first_frame_by_prefix(
    pattern_class: type[PubPattern | XPubPattern], message: Message, expected: bool
) -> None:
    pattern = pattern_class(SocketOptions())
    peer = subscriber(pattern, b"weather")
    assert pattern.try_send(message)
    assert peer.outbox == ([message] if expected else [])


@PUBLISHERS
def test_publisher_without_subscribers_drops_silently(pattern_class: type[PubPattern | XPubPattern]) -> None:
    pattern = pattern_class(SocketOptions())
    peer = FakePeer(pattern).attach()
    assert pattern.can_send()
    assert pattern.try_send(b"x")
    assert peer.outbox == []
    assert pattern.dropped == 0


@PUBLISHERS
def test_publisher_takes_subscriptions_in_the_form_of_frames(pattern_class: type[PubPattern | XPubPattern]) -> None:
    pattern = pattern_class(SocketOptions())
    peer = FakePeer(pattern).attach()
    peer.deliver(b"\x01a", (b"\x01b", b"\x01c"), b"\x00a")
    for topic in (b"a", b"b", b"c"):
        pattern.try_send(topic)
    assert peer.outbox == [b"b", b"c"]
    assert pattern.topics_count == 2


@PUBLISHERS
def test_publisher_with_only_first_subscribe_leaves_later_frames_alone(
    pattern_class: type[PubPattern | XPubPattern],
) -> None:
    pattern = pattern_class(SocketOptions(only_first_subscribe=True))
    peer = FakePeer(pattern).attach()
    peer.deliver((b"user", b"\x01a"), (b"\x01b", b"\x01c"))
    assert pattern.topics_count == 2
    pattern.try_send(b"a")
    pattern.try_send(b"b")
    assert peer.outbox == [b"b"]


@PUBLISHERS
def test_publisher_peer_that_is_full_misses_the_message_and_is_counted(
    pattern_class: type[PubPattern | XPubPattern],
) -> None:
    pattern = pattern_class(SocketOptions())
    slow, fast = subscriber(pattern, b"", hwm=1), subscriber(pattern, b"")
    assert pattern.try_send(b"1")
    assert not slow.writable
    assert pattern.try_send((b"2", b"two"))
    assert (slow.outbox, fast.outbox) == ([b"1"], [b"1", (b"2", b"two")])
    assert pattern.dropped == 1


@PUBLISHERS
def test_publisher_with_nodrop_sends_to_all_matching_peers_or_none(
    pattern_class: type[PubPattern | XPubPattern],
) -> None:
    pattern = pattern_class(SocketOptions(xpub_nodrop=True))
    slow, fast = subscriber(pattern, b"", hwm=1), subscriber(pattern, b"")
    assert pattern.try_send(b"1")
    assert not pattern.try_send(b"2")
    assert fast.outbox == [b"1"]
    slow.take()
    assert pattern.try_send(b"2")
    assert (slow.outbox, fast.outbox) == ([b"2"], [b"1", b"2"])
    assert pattern.dropped == 0
    assert pattern.can_send()


def test_publisher_with_nodrop_does_not_wait_for_a_full_peer_that_does_not_match() -> None:
    pattern = PubPattern(SocketOptions(xpub_nodrop=True))
    full = subscriber(pattern, b"a", hwm=1)
    other = subscriber(pattern, b"b")
    assert pattern.try_send(b"a")
    assert not full.writable
    assert pattern.try_send(b"b")
    assert other.outbox == [b"b"]


@PUBLISHERS
def test_publisher_with_inverted_matching_sends_to_those_that_do_not_match(
    pattern_class: type[PubPattern | XPubPattern],
) -> None:
    pattern = pattern_class(SocketOptions(invert_matching=True))
    matching, other, without = subscriber(pattern, b"a"), subscriber(pattern, b"b"), subscriber(pattern)
    pattern.try_send(b"a1")
    assert (matching.outbox, other.outbox, without.outbox) == ([], [b"a1"], [b"a1"])


@PUBLISHERS
def test_publisher_peer_that_leaves_takes_its_subscriptions_along(
    pattern_class: type[PubPattern | XPubPattern],
) -> None:
    pattern = pattern_class(SocketOptions())
    gone, left = subscriber(pattern, b"a", b"b"), subscriber(pattern, b"b")
    gone.detach()
    gone.detach()
    assert pattern.topics_count == 1
    pattern.try_send(b"b")
    assert (gone.outbox, left.outbox) == ([], [b"b"])


@PUBLISHERS
def test_publisher_applies_what_was_in_the_inbox_when_the_peer_was_attached(
    pattern_class: type[PubPattern | XPubPattern],
) -> None:
    pattern = pattern_class(SocketOptions())
    peer = FakePeer(pattern)
    peer.inbox.append(sub(b"a"))
    peer.attach()
    pattern.try_send(b"a")
    assert peer.outbox == [b"a"]


@PUBLISHERS
def test_publisher_greets_a_new_peer_with_the_welcome_message(pattern_class: type[PubPattern | XPubPattern]) -> None:
    pattern = pattern_class(SocketOptions(xpub_welcome_msg=b"W"))
    assert FakePeer(pattern).attach().outbox == [b"W"]


@PUBLISHERS
def test_publisher_keeps_subscriptions_and_outbox_over_a_hiccup(pattern_class: type[PubPattern | XPubPattern]) -> None:
    pattern = pattern_class(SocketOptions())
    peer = subscriber(pattern, b"a")
    pattern.try_send(b"a")
    pattern.hiccup(peer)
    pattern.try_send(b"a")
    assert peer.outbox == [b"a", b"a"]
    assert peer.discard_count == 0


# -- what a peer can make it hold -------------------------------------------------------------------------------------


@PUBLISHERS
@pytest.mark.parametrize("detach_on_close", [True, False])
def test_publisher_closes_a_peer_with_too_many_subscriptions(
    pattern_class: type[PubPattern | XPubPattern], detach_on_close: bool
) -> None:
    pattern = pattern_class(SocketOptions(topics_per_peer=3))
    modest = subscriber(pattern, b"a", b"b", b"c", b"c")
    greedy = FakePeer(pattern, detach_on_close=detach_on_close).attach()
    greedy.deliver(*(sub(b"%d" % number) for number in range(5)))
    assert greedy.closed
    assert not modest.closed
    assert pattern.topics_count == 3
    greedy.deliver(sub(b"late"))
    if not detach_on_close:
        greedy.detach()
    assert pattern.topics_count == 3
    pattern.try_send(b"a")
    assert modest.outbox == [b"a"]


@PUBLISHERS
def test_publisher_closes_a_peer_with_too_long_topics(pattern_class: type[PubPattern | XPubPattern]) -> None:
    pattern = pattern_class(SocketOptions(topic_bytes_per_peer=10))
    peer = FakePeer(pattern).attach()
    peer.deliver(b"\x01" + b"x" * 6, b"\x01" + b"y" * 5)
    assert peer.closed
    assert pattern.topics_count == 0


def test_xpub_in_manual_mode_closes_a_peer_with_too_many_subscriptions() -> None:
    pattern = xpub(xpub_manual=True, topics_per_peer=2)
    peer = subscriber(pattern, b"a", b"b", b"c")
    assert peer.closed


@PUBLISHERS
def test_publisher_gives_credit_once_per_item_below_the_low_water_mark(
    pattern_class: type[PubPattern | XPubPattern],
) -> None:
    pattern = pattern_class(SocketOptions())
    peer = FakePeer(pattern, low_water=1).attach()
    peer.deliver(sub(b"a"), sub(b"b"), sub(b"c"))
    assert peer.low_count == 2


@PUBLISHERS
def test_publisher_takes_what_credit_brings_at_once(pattern_class: type[PubPattern | XPubPattern]) -> None:
    pattern = pattern_class(SocketOptions())
    backlog = [sub(b"%d" % number) for number in range(100)]
    peer = FakePeer(pattern, low_water=0, backlog=backlog).attach()
    peer.deliver(sub(b"a"))
    assert pattern.topics_count == 101
    assert not peer.inbox


# -- PUB --------------------------------------------------------------------------------------------------------------


def test_pub_drops_what_is_no_subscription_and_cannot_receive() -> None:
    pattern = PubPattern(SocketOptions())
    peer = FakePeer(pattern).attach()
    peer.deliver(b"user", (b"user", b"two"), b"")
    assert not peer.inbox
    assert not pattern.can_recv()
    with pytest.raises(ZMQError, match="a PUB socket cannot receive") as caught:
        pattern.try_recv()
    assert caught.value.errno == errno.ENOTSUP


@pytest.mark.parametrize("pattern", [PubPattern(SocketOptions(xpub_manual=True)), XPubPattern(SocketOptions())])
def test_publisher_without_manual_mode_refuses_subscribe(pattern: PubPattern | XPubPattern) -> None:
    for call in (pattern.subscribe, pattern.unsubscribe):
        with pytest.raises(ZMQError, match="SUBSCRIBE") as caught:
            call(b"a")
        assert caught.value.errno == errno.EINVAL


# -- XPUB: what its user reads ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [b"\x01a", b"\x00a"]),
        ({"xpub_verbose": True}, [b"\x01a", b"\x01a", b"\x01a", b"\x00a"]),
        ({"xpub_verboser": True}, [b"\x01a", b"\x01a", b"\x01a", b"\x00a", b"\x00a"]),
    ],
)
def test_xpub_tells_of_the_first_subscriber_and_the_last_unless_verbose(
    options: dict[str, bool], expected: list[bytes]
) -> None:
    pattern = xpub(**options)
    one, two = FakePeer(pattern).attach(), FakePeer(pattern).attach()
    one.deliver(sub(b"a"), b"\x01a")
    two.deliver(sub(b"a"))
    one.deliver(cancel(b"a"))
    two.deliver(b"\x00a")
    assert read_all(pattern) == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [({}, [b"\x00b"]), ({"xpub_verbose": True}, [b"\x00b"]), ({"xpub_verboser": True}, [b"\x00a", b"\x00b"])],
)
def test_xpub_peer_loss_cancels_topics_that_nobody_else_has(options: dict[str, bool], expected: list[bytes]) -> None:
    pattern = xpub(**options)
    gone = subscriber(pattern, b"a", b"b")
    subscriber(pattern, b"a")
    read_all(pattern)
    gone.detach()
    assert pattern.can_recv()
    assert read_all(pattern) == expected


def test_xpub_tells_of_a_cancellation_of_what_nobody_has() -> None:
    pattern = xpub()
    FakePeer(pattern).attach().deliver(cancel(b"unknown"))
    assert read_all(pattern) == [b"\x00unknown"]


def test_xpub_does_not_tell_of_a_cancellation_by_a_stranger_of_what_another_has() -> None:
    pattern = xpub()
    holder, stranger = subscriber(pattern, b"a"), FakePeer(pattern).attach()
    read_all(pattern)
    stranger.deliver(cancel(b"a"))
    assert read_all(pattern) == []
    pattern.try_send(b"a")
    assert holder.outbox == [b"a"]


def test_xpub_passes_user_messages_on_whole() -> None:
    pattern = xpub()
    FakePeer(pattern).attach().deliver(b"one", (b"two", b"frames"), b"")
    assert read_all(pattern) == [b"one", (b"two", b"frames"), b""]


def test_xpub_takes_subscriptions_out_of_a_message_and_passes_the_rest_on() -> None:
    pattern = xpub()
    FakePeer(pattern).attach().deliver((b"user", b"\x01a", b"more"))
    assert read_all(pattern) == [b"\x01a", (b"user", b"more")]


def test_xpub_with_only_first_subscribe_passes_later_frames_on() -> None:
    pattern = xpub(only_first_subscribe=True)
    FakePeer(pattern).attach().deliver((b"user", b"\x01a"))
    assert read_all(pattern) == [(b"user", b"\x01a")]
    assert pattern.topics_count == 0


# -- XPUB: the queue of notifications is bounded ----------------------------------------------------------------------


def test_xpub_user_messages_beyond_the_mark_stay_in_the_inbox_and_keep_their_order() -> None:
    pattern = xpub(rcvhwm=3)
    peer = FakePeer(pattern, low_water=100).attach()
    messages: list[Item] = [b"%d" % number for number in range(10)]
    peer.deliver(*messages)
    assert len(peer.inbox) == 7
    assert peer.low_count == 3
    assert pattern.try_recv() == b"0"
    assert len(peer.inbox) == 6
    assert read_all(pattern) == messages[1:]
    assert not peer.inbox


def test_xpub_peers_that_wait_for_room_are_served_in_turn() -> None:
    pattern = xpub(rcvhwm=1)
    one, two = FakePeer(pattern).attach(), FakePeer(pattern).attach()
    one.deliver(b"a1", b"a2", b"a3")
    two.deliver(b"b1", b"b2")
    assert read_all(pattern) == [b"a1", b"a2", b"b1", b"a3", b"b2"]


def test_xpub_flooded_peer_that_leaves_keeps_its_messages_but_not_its_subscriptions() -> None:
    pattern = xpub(rcvhwm=1)
    peer = FakePeer(pattern).attach()
    peer.deliver(b"1", b"2", sub(b"a"), b"3")
    peer.detach()
    assert read_all(pattern) == [b"1", b"2", b"3"]
    assert pattern.topics_count == 0


def test_xpub_with_mark_zero_never_waits() -> None:
    pattern = xpub(rcvhwm=0)
    peer = FakePeer(pattern).attach()
    peer.deliver(*[b"x"] * 5000)
    assert not peer.inbox
    assert len(read_all(pattern)) == 5000


def test_xpub_whose_user_never_reads_still_applies_every_subscription() -> None:
    pattern = xpub(rcvhwm=3)
    peer = subscriber(pattern, *(b"%03d" % number for number in range(100)))
    assert not peer.inbox
    pattern.try_send(b"099")
    assert peer.outbox == [b"099"]
    assert read_all(pattern) == [b"\x01%03d" % number for number in range(100)]


def test_xpub_unread_comings_and_goings_cancel_out_when_the_queue_is_full() -> None:
    pattern = xpub(rcvhwm=2)
    subscriber(pattern, b"stays", b"too")
    for number in range(100):
        subscriber(pattern, b"%d" % number).detach()
    peer = FakePeer(pattern).attach()
    peer.deliver(*(cancel(b"unknown%d" % number) for number in range(100)))
    peer.deliver(sub(b"a"), cancel(b"a"), sub(b"a"), cancel(b"a"), sub(b"a"))
    assert read_all(pattern) == [b"\x01stays", b"\x01too", b"\x01a"]


def test_xpub_news_that_cancel_out_make_room_for_a_peer_that_waits() -> None:
    pattern = xpub(rcvhwm=1)
    early = subscriber(pattern, b"a")
    waiting = FakePeer(pattern).attach()
    waiting.deliver(b"user")
    assert list(waiting.inbox) == [b"user"]
    early.detach()
    assert not waiting.inbox
    assert read_all(pattern) == [b"user"]


def test_xpub_user_told_of_a_topic_is_told_of_its_end_also_when_the_queue_was_full_between() -> None:
    pattern = xpub(rcvhwm=1)
    peer = subscriber(pattern, b"a")
    assert read_all(pattern) == [b"\x01a"]
    peer.deliver(sub(b"filler"), cancel(b"a"))
    assert read_all(pattern) == [b"\x01filler", b"\x00a"]


@pytest.mark.parametrize("option", ["xpub_verbose", "xpub_verboser", "xpub_manual"])
def test_xpub_that_tells_everything_leaves_subscriptions_beyond_the_mark_in_the_inbox(option: str) -> None:
    pattern = xpub(rcvhwm=2, **{option: True})
    peer = FakePeer(pattern).attach()
    peer.deliver(*[sub(b"a")] * 5)
    assert len(peer.inbox) == 3
    assert read_all(pattern) == [b"\x01a"] * 5


# -- XPUB: manual mode ------------------------------------------------------------------------------------------------


def test_xpub_manual_applies_what_its_user_says_to_the_peer_of_the_last_message_read() -> None:
    pattern = xpub(xpub_manual=True)
    one, two = subscriber(pattern, b"a"), subscriber(pattern, b"b")
    assert pattern.topics_count == 0
    assert pattern.try_recv() == b"\x01a"
    pattern.subscribe(b"XA")
    assert pattern.try_recv() == b"\x01b"
    pattern.subscribe(b"XB")
    for topic in (b"a", b"XA", b"b", b"XB"):
        pattern.try_send(topic)
    assert (one.outbox, two.outbox) == ([b"XA"], [b"XB"])
    pattern.unsubscribe(b"XB")
    pattern.try_send(b"XB")
    assert two.outbox == [b"XB"]


def test_xpub_manual_user_message_makes_its_sender_the_last_peer() -> None:
    pattern = xpub(xpub_manual=True)
    one, two = FakePeer(pattern).attach(), FakePeer(pattern).attach()
    one.deliver(sub(b"a"))
    two.deliver(b"hello")
    assert (pattern.try_recv(), pattern.try_recv()) == (b"\x01a", b"hello")
    pattern.subscribe(b"for two")
    pattern.try_send(b"for two")
    assert (one.outbox, two.outbox) == ([], [b"for two"])


def test_xpub_manual_tells_every_request_and_ends_nothing_by_itself() -> None:
    pattern = xpub(xpub_manual=True)
    peer = subscriber(pattern, b"a", b"a")
    assert pattern.try_recv() == b"\x01a"
    pattern.subscribe(b"a")
    peer.deliver(cancel(b"a"), cancel(b"a"))
    assert read_all(pattern) == [b"\x01a", b"\x00a", b"\x00a"]
    pattern.try_send(b"a")
    assert peer.outbox == [b"a"]


def test_xpub_manual_peer_loss_cancels_each_topic_it_asked_for_and_what_was_granted() -> None:
    pattern = xpub(xpub_manual=True)
    gone = subscriber(pattern, b"a", b"b")
    subscriber(pattern, b"a")
    read_all(pattern)
    gone.deliver(b"x")
    pattern.try_recv()
    pattern.subscribe(b"granted")
    gone.detach()
    assert read_all(pattern) == [b"\x00a", b"\x00b"]
    assert pattern.topics_count == 0
    pattern.subscribe(b"nobody")  # the peer of the last message is gone: no effect, and no error
    pattern.unsubscribe(b"nobody")
    assert pattern.topics_count == 0


def test_xpub_manual_message_of_a_peer_that_left_grants_nothing() -> None:
    pattern = xpub(xpub_manual=True)
    peer = subscriber(pattern, b"a")
    peer.detach()
    assert pattern.try_recv() == b"\x01a"
    pattern.subscribe(b"a")
    assert pattern.topics_count == 0


def test_xpub_manual_switched_off_leaves_no_trace_of_a_lost_peer() -> None:
    options = SocketOptions(xpub_manual=True)
    pattern = XPubPattern(options)
    peer = subscriber(pattern, b"asked")
    pattern.try_recv()
    pattern.subscribe(b"granted")
    options.xpub_manual = False
    peer.detach()
    assert read_all(pattern) == [b"\x00granted"]
    options.xpub_manual = True
    assert pattern.topics_count == 0
    assert repr(pattern) == "<XPubPattern peers=0 topics=0 dropped=0>"


def test_xpub_manual_last_value_sends_once_to_the_peer_of_the_last_message_alone() -> None:
    pattern = xpub(xpub_manual_last_value=True)
    early = subscriber(pattern, b"a")
    pattern.try_recv()
    pattern.subscribe(b"a")
    pattern.try_send(b"a0")
    late = subscriber(pattern, b"a")
    pattern.try_recv()
    pattern.subscribe(b"a")
    pattern.try_send(b"a1")
    pattern.try_send(b"a2")
    assert (early.outbox, late.outbox) == ([b"a0", b"a2"], [b"a1", b"a2"])


def test_xpub_manual_last_value_that_does_not_match_goes_to_nobody() -> None:
    pattern = xpub(xpub_manual_last_value=True)
    peer = subscriber(pattern, b"a")
    pattern.try_recv()
    pattern.subscribe(b"a")
    assert pattern.try_send(b"b")
    assert peer.outbox == []


def test_xpub_manual_last_value_with_nodrop_keeps_the_last_peer_while_it_is_full() -> None:
    pattern = xpub(xpub_manual_last_value=True, xpub_nodrop=True)
    other = subscriber(pattern, b"a")
    pattern.try_recv()
    pattern.subscribe(b"a")
    pattern.try_send(b"a0")
    late = subscriber(pattern, b"a", hwm=1)
    pattern.try_recv()
    pattern.subscribe(b"a")
    assert late.put(b"fills it") is False
    assert not pattern.try_send(b"a1")
    late.take()
    assert pattern.try_send(b"a1")
    assert (other.outbox, late.outbox) == ([b"a0"], [b"a1"])

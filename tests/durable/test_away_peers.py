"""What patterns do with peers that are away: fake peers, and no loop."""

from __future__ import annotations

import pytest

from aiomq.constants import SocketType
from aiomq.mute import OnMute
from aiomq.options import default_options
from aiomq.patterns.base import Pattern
from aiomq.patterns.table import PATTERNS
from tests.patterns.fake_peer import FakePeer

DEALING = [SocketType.PUSH, SocketType.DEALER]
KEEPING = [*DEALING, SocketType.PUB, SocketType.XPUB, SocketType.ROUTER, SocketType.REP]


def pattern_of(kind: SocketType) -> Pattern:
    return PATTERNS[kind](default_options(kind))


def peers_of(pattern: Pattern, *names: str, hwm: int = 1000) -> list[FakePeer]:
    return [FakePeer(pattern, name=name, hwm=hwm).attach() for name in names]


def test_types_that_send_and_are_not_bound_to_one_peer_keep_peers() -> None:
    assert {kind for kind, pattern in PATTERNS.items() if pattern.keeps_away_peers} == set(KEEPING)


@pytest.mark.parametrize("kind", DEALING)
def test_peer_away_gets_nothing_while_another_is_there(kind: SocketType) -> None:
    pattern = pattern_of(kind)
    one, two = peers_of(pattern, "one", "two")
    pattern.peer_away(one)
    for _ in range(3):
        assert pattern.try_send(b"x")

    assert (len(one.outbox), len(two.outbox)) == (0, 3)
    assert pattern.straight_out() is two


@pytest.mark.parametrize("kind", DEALING)
def test_full_peer_that_is_there_is_waited_for_though_another_is_away(kind: SocketType) -> None:
    pattern = pattern_of(kind)
    one, two = peers_of(pattern, "one", "two", hwm=1)
    pattern.peer_away(one)
    assert pattern.try_send(b"1")
    assert not pattern.can_send()
    assert not pattern.try_send(b"2")
    two.take()
    assert pattern.try_send(b"2")

    assert (one.outbox, two.outbox) == ([], [b"2"])


@pytest.mark.parametrize("kind", DEALING)
def test_peers_away_take_turns_while_nobody_is_there(kind: SocketType) -> None:
    pattern = pattern_of(kind)
    one, two = peers_of(pattern, "one", "two")
    pattern.peer_away(one)
    pattern.peer_away(two)
    for number in range(4):
        assert pattern.try_send(b"%d" % number)
    assert sorted((len(one.outbox), len(two.outbox))) == [2, 2]

    (three,) = peers_of(pattern, "three")
    assert pattern.try_send(b"x")
    assert three.outbox == [b"x"]
    three.detach()
    assert pattern.try_send(b"y")
    assert len(one.outbox) + len(two.outbox) == 5


@pytest.mark.parametrize("kind", DEALING)
def test_peer_away_that_gets_room_does_not_stand_in_for_those_there(kind: SocketType) -> None:
    pattern = pattern_of(kind)
    one, two = peers_of(pattern, "one", "two", hwm=1)
    pattern.peer_away(one)
    pattern.peer_away(two)
    assert pattern.try_send(b"1")
    assert pattern.try_send(b"2")
    (three,) = peers_of(pattern, "three")
    one.take()
    for _ in range(2):
        assert pattern.try_send(b"x")

    assert one.outbox == []
    assert three.outbox == [b"x", b"x"]


@pytest.mark.parametrize("kind", DEALING)
def test_peer_that_is_back_takes_its_turns_again(kind: SocketType) -> None:
    pattern = pattern_of(kind)
    one, two = peers_of(pattern, "one", "two")
    pattern.peer_away(one)
    pattern.peer_back(one)
    for _ in range(4):
        assert pattern.try_send(b"x")

    assert (len(one.outbox), len(two.outbox)) == (2, 2)


@pytest.mark.parametrize("kind", DEALING)
def test_only_peer_that_is_back_is_alone_again(kind: SocketType) -> None:
    pattern = pattern_of(kind)
    one, two = peers_of(pattern, "one", "two")
    pattern.peer_away(one)
    pattern.peer_away(two)
    pattern.peer_back(two)

    assert pattern.straight_out() is two
    two.detach()
    assert pattern.straight_out() is one
    one.detach()
    assert not pattern.can_send()


@pytest.mark.parametrize("kind", DEALING)
def test_oldest_message_of_a_peer_away_is_dropped_only_while_nobody_is_there(kind: SocketType) -> None:
    pattern = pattern_of(kind)
    pattern.set_on_mute(OnMute.DROP_OLDEST)
    one, two = peers_of(pattern, "one", "two", hwm=1)
    pattern.peer_away(one)
    pattern.peer_away(two)
    for number in range(4):
        assert pattern.try_send(b"%d" % number)
    assert sorted(one.outbox + two.outbox) == [b"2", b"3"]
    kept = list(one.outbox), list(two.outbox)

    (three,) = peers_of(pattern, "three", hwm=1)
    for number in range(4, 7):
        assert pattern.try_send(b"%d" % number)

    assert (one.outbox, two.outbox) == kept
    assert three.outbox == [b"6"]


@pytest.mark.parametrize("kind", [SocketType.PUB, SocketType.XPUB])
def test_remembered_subscriber_is_attached_with_its_topics(kind: SocketType) -> None:
    pattern = pattern_of(kind)
    pattern.options.xpub_welcome_msg = b"welcome"
    peer = FakePeer(pattern)
    pattern.restore(peer, [b"a", b"b"])
    pattern.peer_away(peer)
    for topic in (b"a1", b"b1", b"c1"):
        assert pattern.try_send(topic)

    assert peer.outbox == [b"a1", b"b1"]  # and no welcome: that was said in its time
    assert sorted(pattern.topics_of(peer)) == [b"a", b"b"]
    assert (pattern.try_recv() == b"\1a") if kind is SocketType.XPUB else pattern.topics_count == 2


def test_types_without_topics_remember_peers_as_they_are() -> None:
    pattern = pattern_of(SocketType.PUSH)
    peer = FakePeer(pattern)
    pattern.restore(peer, [])

    assert pattern.try_send(b"x")
    assert (peer.outbox, pattern.topics_of(peer)) == ([b"x"], ())

"""SERVER, CLIENT, PEER, SCATTER, GATHER and CHANNEL by themselves (RFC 41, 49, 51, 52)."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Final, TypeAlias

import pytest

from aiomq.errors import ZMQError
from aiomq.options import SocketOptions
from aiomq.patterns.base import Pattern
from aiomq.patterns.channel import ChannelPattern
from aiomq.patterns.scatter_gather import GatherPattern, ScatterPattern
from aiomq.patterns.server_client import ClientPattern, PeerPattern, ServerPattern
from tests.patterns.fake_peer import FakePeer

Dealing: TypeAlias = ClientPattern | ScatterPattern
Reading: TypeAlias = ClientPattern | GatherPattern | ServerPattern | ChannelPattern

SENDERS: Final = [ClientPattern, ScatterPattern, ServerPattern, PeerPattern, ChannelPattern]
READERS: Final = [ClientPattern, GatherPattern, ServerPattern, PeerPattern, ChannelPattern]
NUMBERERS: Final = [ServerPattern, PeerPattern]


def refused(call: Callable[..., object], *args: object) -> int:
    """Return the number of the error that a call ends with."""
    with pytest.raises(ZMQError) as caught:
        call(*args)
    assert caught.value.errno is not None
    return caught.value.errno


def numbers(pattern: ServerPattern, *peers: FakePeer) -> list[int]:
    """Return the routing ids of peers, which are asked for by their messages."""
    found = []
    for peer in peers:
        peer.deliver(b"hello")
        assert pattern.try_recv() == b"hello"
        found.append(pattern.last_routing_id)
    return found


# -- one frame --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SENDERS)
def test_message_in_parts_is_refused(kind: type[Pattern]) -> None:
    pattern = kind(SocketOptions())
    FakePeer(pattern).attach()
    assert refused(pattern.try_send, (b"a", b"b")) == errno.EINVAL
    assert refused(pattern.wants_more, [b"a"]) == errno.EINVAL


@pytest.mark.parametrize("kind", READERS)
def test_message_in_parts_from_a_peer_is_dropped_and_counted(kind: type[Reading]) -> None:
    pattern = kind(SocketOptions())
    peer = FakePeer(pattern).attach()
    peer.deliver((b"a", b"b"), b"whole", (b"c", b"d"))
    assert pattern.try_recv() == b"whole"
    assert pattern.try_recv() is None
    assert pattern.dropped == 2


@pytest.mark.parametrize("kind", READERS)
def test_readiness_does_not_count_messages_in_parts(kind: type[Reading]) -> None:
    pattern = kind(SocketOptions())
    peer = FakePeer(pattern).attach()
    peer.deliver((b"a", b"b"))
    assert not pattern.can_recv()
    peer.deliver((b"a", b"b"), b"whole", b"next")
    assert pattern.can_recv()
    assert pattern.can_recv()
    assert [pattern.try_recv() for _ in range(3)] == [b"whole", b"next", None]


@pytest.mark.parametrize("kind", READERS)
def test_credit_is_given_for_messages_that_are_dropped(kind: type[Reading]) -> None:
    pattern = kind(SocketOptions())
    peer = FakePeer(pattern, low_water=0, backlog=[(b"c", b"d"), b"whole"]).attach()
    peer.deliver((b"a", b"b"))
    assert pattern.try_recv() == b"whole"
    assert peer.low_count == 3


@pytest.mark.parametrize("kind", READERS)
def test_inbox_that_may_hold_messages_in_parts_is_never_read_directly(kind: type[Reading]) -> None:
    pattern = kind(SocketOptions())
    FakePeer(pattern).attach().deliver(b"whole")
    assert pattern.straight_in() is None


# -- CLIENT, SCATTER, GATHER ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [ClientPattern, ScatterPattern])
def test_messages_are_dealt_out_to_peers_with_room(kind: type[Dealing]) -> None:
    pattern = kind(SocketOptions())
    assert not pattern.try_send(b"nobody")
    quick, full = FakePeer(pattern).attach(), FakePeer(pattern, hwm=1).attach()
    assert all(pattern.try_send(b"%d" % number) for number in range(4))
    assert (quick.outbox, full.outbox) == ([b"0", b"2", b"3"], [b"1"])
    assert pattern.straight_out() is quick
    full.take()
    assert pattern.straight_out() is None
    quick.detach()
    full.detach()
    assert not pattern.can_send()


@pytest.mark.parametrize("kind", [ClientPattern, GatherPattern])
def test_messages_are_read_from_peers_in_turn(kind: type[ClientPattern | GatherPattern]) -> None:
    pattern = kind(SocketOptions())
    for name in (b"a", b"b"):
        FakePeer(pattern).attach().deliver(name, name)
    assert [pattern.try_recv() for _ in range(5)] == [b"a", b"b", b"a", b"b", None]


def test_scatter_throws_away_what_comes_in() -> None:
    pattern = ScatterPattern(SocketOptions())
    peer = FakePeer(pattern, low_water=0).attach()
    peer.deliver(b"noise", (b"more", b"noise"))
    assert not peer.inbox
    assert refused(pattern.try_recv) == errno.ENOTSUP


def test_gather_sends_nothing() -> None:
    assert refused(GatherPattern(SocketOptions()).try_send, b"x") == errno.ENOTSUP


# -- SERVER, PEER -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", NUMBERERS)
def test_every_peer_has_a_number_of_its_own(kind: type[ServerPattern]) -> None:
    pattern = kind(SocketOptions())
    peers = [FakePeer(pattern).identify() for _ in range(3)]
    found = numbers(pattern, *peers)
    assert len(set(found)) == 3
    assert all(0 < each < 2**32 for each in found)
    for peer, routing_id in zip(peers, found, strict=True):
        assert pattern.try_send_to(b"to you", routing_id, b"")
        assert peer.outbox == [b"to you"]
        assert pattern.peer_of(routing_id) is peer


@pytest.mark.parametrize("kind", NUMBERERS)
def test_numbers_are_never_zero_and_never_taken(kind: type[ServerPattern], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiomq.patterns.server_client.secrets.randbits", lambda bits: 2**bits - 3)
    pattern = kind(SocketOptions())
    peers = [FakePeer(pattern).identify() for _ in range(3)]
    assert numbers(pattern, *peers) == [2**32 - 2, 2**32 - 1, 1]


@pytest.mark.parametrize("kind", NUMBERERS)
def test_identity_that_a_peer_announces_does_not_replace_its_number(kind: type[ServerPattern]) -> None:
    pattern = kind(SocketOptions())
    peer = FakePeer(pattern).attach()
    peer.routing_id = b"me"  # as a dialer has it once the handshake is over
    pattern.identify(peer)
    (routing_id,) = numbers(pattern, peer)
    assert pattern.peer_of(routing_id) is peer


@pytest.mark.parametrize("kind", NUMBERERS)
def test_full_peer_is_waited_for(kind: type[ServerPattern]) -> None:
    pattern = kind(SocketOptions())
    peer = FakePeer(pattern, hwm=1).identify()
    (routing_id,) = numbers(pattern, peer)
    assert pattern.try_send_to(b"1", routing_id, b"")
    assert not pattern.try_send_to(b"2", routing_id, b"")
    assert pattern.can_send()
    peer.take()
    assert pattern.try_send_to(b"2", routing_id, b"")


@pytest.mark.parametrize("kind", NUMBERERS)
def test_unknown_number_is_unreachable(kind: type[ServerPattern]) -> None:
    pattern = kind(SocketOptions())
    peer = FakePeer(pattern).identify()
    (routing_id,) = numbers(pattern, peer)
    for unknown in (routing_id + 1, 0):
        assert refused(pattern.try_send_to, b"x", unknown, b"") == errno.EHOSTUNREACH
    assert refused(pattern.try_send, b"x") == errno.EHOSTUNREACH
    assert refused(pattern.try_send_to, b"x", routing_id, b"group") == errno.EINVAL


@pytest.mark.parametrize("kind", NUMBERERS)
def test_what_a_peer_left_is_read_under_its_number(kind: type[ServerPattern]) -> None:
    pattern = kind(SocketOptions())
    peer = FakePeer(pattern).identify()
    (routing_id,) = numbers(pattern, peer)
    peer.deliver(b"last", b"words")
    peer.detach()
    assert [pattern.try_recv(), pattern.try_recv(), pattern.try_recv()] == [b"last", b"words", None]
    assert pattern.last_routing_id == routing_id
    assert refused(pattern.try_send_to, b"x", routing_id, b"") == errno.EHOSTUNREACH
    assert refused(pattern.peer_of, routing_id) == errno.EHOSTUNREACH


def test_peer_tells_the_number_of_the_last_one_attached() -> None:
    pattern = PeerPattern(SocketOptions())
    peer = FakePeer(pattern).identify()
    assert pattern.peer_of(pattern.last_attached()) is peer
    assert refused(ServerPattern(SocketOptions()).last_attached) == errno.ENOTSUP
    assert refused(ClientPattern(SocketOptions()).peer_of, 1) == errno.ENOTSUP


# -- CHANNEL ----------------------------------------------------------------------------------------------------------


def test_channel_has_one_peer() -> None:
    pattern = ChannelPattern(SocketOptions())
    assert not pattern.try_send(b"nobody")
    first, second = FakePeer(pattern).attach(), FakePeer(pattern).attach()
    assert (first.closed, second.closed) == (False, True)
    assert pattern.try_send(b"there")
    assert pattern.straight_out() is first
    first.deliver(b"back")
    first.detach()
    assert pattern.try_recv() == b"back"
    third = FakePeer(pattern).attach()
    third.deliver(b"again")
    assert pattern.try_recv() == b"again"

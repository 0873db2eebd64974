"""Patterns against models that say the same in the plainest way: who gets a message, whose is read, what is refused.

The peers are fake ones, which check the contract of a peer along with it.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Final

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from aiomq.constants import SocketType
from aiomq.errors import EFSM, ZMQError
from aiomq.message import Message, Subscription, first_frame
from aiomq.options import default_options
from aiomq.patterns.base import Pattern
from aiomq.patterns.subscriptions import SubscribedTopics
from aiomq.patterns.table import PATTERNS
from tests.fuzz.profile import machine_settings
from tests.patterns.fake_peer import FakePeer

PEERS_MAX: Final = 5
PICKS: Final = st.integers(0, 99)
TOPICS: Final = st.text("ab", max_size=24).map(str.encode)
"""Few letters, so that one is often the beginning of another; many lengths, so that the tree has its turn too."""


class PatternMachine(RuleBasedStateMachine):
    """What all have in common: peers that come and go, and messages that are numbered."""

    socket_type: SocketType

    def __init__(self) -> None:
        super().__init__()
        self.pattern: Pattern = PATTERNS[self.socket_type](default_options(self.socket_type))
        self.peers: list[FakePeer] = []
        self.count = 0

    def numbered(self) -> bytes:
        """Return a message that there was not before."""
        self.count += 1
        return b"%d" % self.count

    def pick(self, number: int) -> FakePeer:
        """Return one of the peers."""
        return self.peers[number % len(self.peers)]

    @precondition(lambda self: len(self.peers) < PEERS_MAX)
    @rule(hwm=st.integers(0, 3))
    def attach(self, hwm: int) -> None:
        self.peers.append(FakePeer(self.pattern, name=self.numbered().decode(), hwm=hwm).attach())
        self.attached(self.peers[-1])

    @precondition(lambda self: self.peers)
    @rule(pick=PICKS)
    def detach(self, pick: int) -> None:
        peer = self.peers.pop(pick % len(self.peers))
        self.detached(peer)
        peer.detach()

    def attached(self, peer: FakePeer) -> None:
        """A peer has come."""

    def detached(self, peer: FakePeer) -> None:
        """A peer is about to go."""


# -- whose turn it is -------------------------------------------------------------------------------------------------


class FairMachine(PatternMachine):
    """A PULL: nothing is lost or out of order, and nobody is read twice while another waits."""

    socket_type = SocketType.PULL

    def __init__(self) -> None:
        super().__init__()
        self.unread: dict[str, deque[Message]] = {}
        self.since: dict[str, int] = {}
        """When a peer began to wait: since its last message was read, or came."""
        self.turn = 0

    @precondition(lambda self: self.peers)
    @rule(pick=PICKS, count=st.integers(1, 3))
    def deliver(self, pick: int, count: int) -> None:
        peer = self.pick(pick)
        messages = [self.numbered() for _ in range(count)]
        queue = self.unread.setdefault(peer.name, deque())
        if not queue:
            self.since[peer.name] = self.turn
        queue.extend(messages)
        peer.deliver(*messages)

    @rule()
    def receive(self) -> None:
        message = self.pattern.try_recv()
        waiting = {name: queue for name, queue in self.unread.items() if queue}
        if message is None:
            assert not waiting
            return
        self.turn += 1
        (reader,) = [name for name, queue in waiting.items() if queue[0] == message]
        assert not [name for name in waiting if self.since[name] < self.since[reader]], "somebody waits for longer"
        waiting[reader].popleft()
        self.since[reader] = self.turn

    @invariant()
    def readable_when_there_is_something(self) -> None:
        assert self.pattern.can_recv() == any(self.unread.values())


class DealingMachine(PatternMachine):
    """A PUSH: each message goes to one peer with room, and to nobody twice while another with room has waited."""

    socket_type = SocketType.PUSH

    def __init__(self) -> None:
        super().__init__()
        self.since: dict[str, int] = {}
        self.turn = 0

    def attached(self, peer: FakePeer) -> None:
        self.since[peer.name] = self.turn

    @rule()
    def send(self) -> None:
        message = self.numbered()
        before = {peer.name: len(peer.outbox) for peer in self.peers}
        candidates = [peer.name for peer in self.peers if peer.writable]
        assert self.pattern.can_send() == bool(candidates)
        assert self.pattern.try_send(message) == bool(candidates)
        taken = [peer for peer in self.peers if len(peer.outbox) > before[peer.name]]
        assert len(taken) == bool(candidates)
        if taken:
            self.turn += 1
            name = taken[0].name
            assert taken[0].outbox[-1] == message
            assert self.since[name] == min(self.since[each] for each in candidates), "somebody has waited for longer"
            self.since[name] = self.turn

    @precondition(lambda self: self.peers)
    @rule(pick=PICKS, count=st.integers(1, 3))
    def take(self, pick: int, count: int) -> None:
        peer = self.pick(pick)
        was_full = not peer.writable
        peer.take(count)
        if was_full and peer.writable:
            self.since[peer.name] = self.turn


# -- who is who -------------------------------------------------------------------------------------------------------


class RoutingMachine(PatternMachine):
    """A ROUTER: a message goes to the peer that it names and to no other; what is read begins with its sender's id."""

    socket_type = SocketType.ROUTER

    def __init__(self) -> None:
        super().__init__()
        self.by_id: dict[bytes, FakePeer] = {}
        self.unread: dict[bytes, deque[Message]] = {}

    def attach(self, hwm: int) -> None:
        """Nothing: `identify` does it."""

    @precondition(lambda self: len(self.peers) < PEERS_MAX)
    @rule(hwm=st.integers(1, 3), routing_id=st.sampled_from([b"", b"a", b"b", b"c"]), early=st.booleans())
    def identify(self, hwm: int, routing_id: bytes, *, early: bool) -> None:
        peer = FakePeer(self.pattern, hwm=hwm, routing_id=routing_id, name=self.numbered().decode())
        peer.attach()
        message = self.numbered()
        if early:
            peer.deliver(message)
        self.pattern.identify(peer)
        if routing_id and routing_id in self.by_id:
            assert peer.closed, "two peers of one routing id"
            peer.detach()
            return
        assert not peer.closed
        assert peer.routing_id
        assert peer.routing_id not in self.by_id
        self.peers.append(peer)
        self.by_id[peer.routing_id] = peer
        if early:
            self.unread.setdefault(peer.routing_id, deque()).append(message)

    def detached(self, peer: FakePeer) -> None:
        del self.by_id[peer.routing_id]

    @precondition(lambda self: self.peers)
    @rule(pick=PICKS)
    def deliver(self, pick: int) -> None:
        peer = self.pick(pick)
        message = self.numbered()
        self.unread.setdefault(peer.routing_id, deque()).append(message)
        peer.deliver(message)

    @rule()
    def receive(self) -> None:
        message = self.pattern.try_recv()
        if message is None:
            assert not any(self.unread.values())
            return
        assert isinstance(message, tuple)
        routing_id, body = message
        queue = self.unread[routing_id]
        assert body in queue  # a peer that came back under the id of one that left something may be read first
        queue.remove(body)

    @rule(routing_id=st.sampled_from([b"a", b"b", b"c", b"nobody", b""]))
    def send(self, routing_id: bytes) -> None:
        before = [list(peer.outbox) for peer in self.peers]
        dropped = self.pattern.dropped
        peer = self.by_id.get(routing_id)
        fits = peer is not None and peer.writable
        body = self.numbered()
        assert self.pattern.try_send((routing_id, body))
        assert self.pattern.dropped == dropped + (not fits)
        for each, queue in zip(self.peers, before, strict=True):
            assert each.outbox == ([*queue, body] if each is peer and fits else queue)

    @precondition(lambda self: self.peers)
    @rule(pick=PICKS)
    def take(self, pick: int) -> None:
        self.pick(pick).take()


# -- who wants what ---------------------------------------------------------------------------------------------------


class PublishingMachine(PatternMachine):
    """A PUB: a message goes to everybody who has a topic that it begins with, once, if there is room."""

    socket_type = SocketType.PUB

    def __init__(self) -> None:
        super().__init__()
        self.topics: dict[str, set[bytes]] = {}

    def attached(self, peer: FakePeer) -> None:
        self.topics[peer.name] = set()

    def detached(self, peer: FakePeer) -> None:
        del self.topics[peer.name]

    @precondition(lambda self: self.peers)
    @rule(pick=PICKS, topics=st.lists(TOPICS, min_size=1, max_size=12), as_message=st.booleans())
    def subscribe(self, pick: int, topics: list[bytes], *, as_message: bool) -> None:
        peer = self.pick(pick)
        self.topics[peer.name] |= set(topics)
        changes = [Subscription(topic, subscribe=True) for topic in topics]
        peer.deliver(*[each.as_frame() if as_message else each for each in changes])

    @precondition(lambda self: self.peers)
    @rule(pick=PICKS, topic=TOPICS, known=PICKS, as_message=st.booleans())
    def cancel(self, pick: int, topic: bytes, known: int, *, as_message: bool) -> None:
        peer = self.pick(pick)
        theirs = sorted(self.topics[peer.name])
        if theirs and known % 4:
            topic = theirs[known % len(theirs)]
        self.topics[peer.name].discard(topic)
        change = Subscription(topic, subscribe=False)
        peer.deliver(change.as_frame() if as_message else change)

    @rule(topic=TOPICS, has_more=st.booleans())
    def send(self, topic: bytes, *, has_more: bool) -> None:
        message: Message = (topic, self.numbered()) if has_more else topic + self.numbered()
        frame = first_frame(message)
        wants = {peer.name: any(map(frame.startswith, self.topics[peer.name])) for peer in self.peers}
        before = [(list(peer.outbox), peer.writable) for peer in self.peers]
        assert self.pattern.subscribers(frame) == sum(wants.values())
        assert self.pattern.try_send(message)
        for peer, (outbox, had_room) in zip(self.peers, before, strict=True):
            assert peer.outbox == ([*outbox, message] if wants[peer.name] and had_room else outbox)

    @precondition(lambda self: self.peers)
    @rule(pick=PICKS)
    def take(self, pick: int) -> None:
        self.pick(pick).take()

    @invariant()
    def topics_are_counted(self) -> None:
        assert self.pattern.topics_count == len(set().union(*self.topics.values()))


class WantingMachine(RuleBasedStateMachine):
    """What a SUB asked for: each topic as often as it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.topics = SubscribedTopics()
        self.counts: Counter[bytes] = Counter()

    @rule(topics=st.lists(TOPICS, min_size=1, max_size=20))
    def add(self, topics: list[bytes]) -> None:
        for topic in topics:
            self.topics.add(topic)
            self.counts[topic] += 1

    @rule(topic=TOPICS, known=PICKS)
    def remove(self, topic: bytes, known: int) -> None:
        theirs = sorted(self.counts)
        if theirs and known % 4:
            topic = theirs[known % len(theirs)]
        assert self.topics.remove(topic) == (self.counts[topic] == 1)
        self.counts[topic] -= 1
        self.counts = +self.counts

    @rule(frame=TOPICS)
    def match(self, frame: bytes) -> None:
        assert self.topics.matches(frame) == any(map(frame.startswith, self.counts))

    @invariant()
    def topics_are_those_asked_for(self) -> None:
        assert len(self.topics) == len(self.counts)
        assert set(self.topics) == set(self.counts)

    @invariant()
    def nothing_stays_of_topics_that_are_gone(self) -> None:
        index = self.topics._index
        assert len(index.lengths) <= len(self.counts)
        nodes = [] if index.tree is None else [index.tree._root]
        for node in nodes:
            nodes += node.children.values()
        assert len(nodes) <= 1 + 2 * len(self.counts)


# -- whose turn it is to speak ----------------------------------------------------------------------------------------


class AskingMachine(PatternMachine):
    """A REQ: a request, its reply, and so on; the reply comes from whoever was asked, if that one is still there."""

    socket_type = SocketType.REQ

    def __init__(self) -> None:
        super().__init__()
        self.asked: FakePeer | None = None
        self.is_out = False
        self.replies: list[bytes] = []
        """That may be the next thing received: of the peer asked, or of anybody if that one is gone."""

    def detached(self, peer: FakePeer) -> None:
        if peer is self.asked:
            self.asked = None

    @rule()
    def send(self) -> None:
        body = self.numbered()
        if self.is_out:
            with pytest.raises(ZMQError) as refused:
                self.pattern.try_send(body)
            assert refused.value.errno == EFSM
            return
        before = {peer.name: len(peer.outbox) for peer in self.peers}
        can_send = any(peer.writable for peer in self.peers)
        assert self.pattern.can_send() == can_send
        assert self.pattern.try_send(body) == can_send
        if can_send:
            (self.asked,) = [peer for peer in self.peers if len(peer.outbox) > before[peer.name]]
            assert self.asked.outbox[-1] == (b"", body)
            self.is_out, self.replies = True, []

    @precondition(lambda self: self.peers)
    @rule(pick=PICKS, is_reply=st.booleans())
    def deliver(self, pick: int, *, is_reply: bool) -> None:
        peer = self.pick(pick)
        body = self.numbered()
        peer.deliver((b"", body) if is_reply else (b"no", b"", body))
        if is_reply and self.is_out and self.asked in {None, peer}:
            self.replies.append(body)

    @rule()
    def receive(self) -> None:
        if not self.is_out:
            assert not self.pattern.can_recv()
            with pytest.raises(ZMQError) as refused:
                self.pattern.try_recv()
            assert refused.value.errno == EFSM
            return
        is_there = self.pattern.can_recv()
        reply = self.pattern.try_recv()
        assert is_there == (reply is not None)
        assert reply is not None or not self.replies, "a reply is there and not given"
        if reply is not None:
            assert self.asked is None or reply in self.replies
            self.is_out, self.asked = False, None

    @precondition(lambda self: self.peers)
    @rule(pick=PICKS)
    def take(self, pick: int) -> None:
        self.pick(pick).take()


class ReplyingMachine(PatternMachine):
    """A REP: a request, the reply to whoever sent it, and so on."""

    socket_type = SocketType.REP

    def __init__(self) -> None:
        super().__init__()
        self.requests: dict[bytes, tuple[FakePeer, tuple[bytes, ...]]] = {}
        self.origin: tuple[FakePeer, tuple[bytes, ...]] | None = None
        self.is_replying = False

    @precondition(lambda self: self.peers)
    @rule(pick=PICKS, envelope=st.lists(st.sampled_from([b"way", b"back"]), max_size=2), is_request=st.booleans())
    def deliver(self, pick: int, envelope: list[bytes], *, is_request: bool) -> None:
        peer = self.pick(pick)
        body = self.numbered()
        if is_request:
            self.requests[body] = (peer, (*envelope, b""))
            peer.deliver((*envelope, b"", body))
        else:
            peer.deliver(body)

    @rule()
    def receive(self) -> None:
        if self.is_replying:
            assert not self.pattern.can_recv()
            with pytest.raises(ZMQError) as refused:
                self.pattern.try_recv()
            assert refused.value.errno == EFSM
            return
        assert self.pattern.can_recv() == bool(self.requests)
        body = self.pattern.try_recv()
        assert (body is None) == (not self.requests)
        if body is not None:
            self.origin = self.requests.pop(body)  # type: ignore[arg-type]  # one frame
            self.is_replying = True

    @rule()
    def send(self) -> None:
        body = self.numbered()
        assert self.pattern.can_send() == self.is_replying
        if not self.is_replying:
            with pytest.raises(ZMQError) as refused:
                self.pattern.try_send(body)
            assert refused.value.errno == EFSM
            return
        assert self.origin is not None
        peer, envelope = self.origin
        before = {each.name: list(each.outbox) for each in self.peers}
        has_room = peer in self.peers and peer.writable
        assert self.pattern.try_send(body)
        for each in self.peers:
            wanted = [(*envelope, body)] if each is peer and has_room else []
            assert each.outbox == [*before[each.name], *wanted]
        self.is_replying = False

    @precondition(lambda self: self.peers)
    @rule(pick=PICKS)
    def take(self, pick: int) -> None:
        self.pick(pick).take()


FairMachine.TestCase.settings = machine_settings()
TestFairness = FairMachine.TestCase
DealingMachine.TestCase.settings = machine_settings()
TestDealing = DealingMachine.TestCase
RoutingMachine.TestCase.settings = machine_settings()
TestRouting = RoutingMachine.TestCase
PublishingMachine.TestCase.settings = machine_settings()
TestPublishing = PublishingMachine.TestCase
WantingMachine.TestCase.settings = machine_settings()
TestWanting = WantingMachine.TestCase
AskingMachine.TestCase.settings = machine_settings()
TestAsking = AskingMachine.TestCase
ReplyingMachine.TestCase.settings = machine_settings()
TestReplying = ReplyingMachine.TestCase

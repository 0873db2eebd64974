from __future__ import annotations

from collections import deque

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from aiomq.message import Message
from aiomq.options import SocketOptions
from aiomq.patterns.fair_queue import FairQueue, discard_inbox
from aiomq.patterns.push_pull import PullPattern
from tests.patterns.fake_peer import FakePeer


def _peer(queue: FairQueue, *messages: Message, low_water: int = -1) -> FakePeer:
    peer = FakePeer(low_water=low_water)
    peer.inbox.extend(messages)
    queue.peer_readable(peer)
    return peer


def _read_all(queue: FairQueue) -> list[Message]:
    return list(iter(queue.try_recv, None))


def test_fair_queue_without_messages_gives_none() -> None:
    queue = FairQueue()
    queue.peer_readable(FakePeer())
    assert queue.try_recv() is None
    assert not queue.can_recv()


def test_fair_queue_with_one_peer_reads_in_order() -> None:
    queue = FairQueue()
    peer = _peer(queue, b"1", b"2", b"3")
    assert queue.can_recv()
    assert _read_all(queue) == [b"1", b"2", b"3"]
    assert queue.last_peer is peer
    assert not queue.can_recv()
    assert not peer.in_fair_queue


def test_fair_queue_empty_message_is_a_message() -> None:
    queue = FairQueue()
    _peer(queue, b"")
    assert queue.try_recv() == b""
    assert queue.try_recv() is None


def test_fair_queue_with_three_peers_takes_turns_by_whole_message() -> None:
    queue = FairQueue()
    _peer(queue, (b"a1", b"more"), b"a2", b"a3")
    _peer(queue, b"b1")
    _peer(queue, b"c1", b"c2")
    assert _read_all(queue) == [(b"a1", b"more"), b"b1", b"c1", b"a2", b"c2", b"a3"]


def test_fair_queue_last_peer_is_the_sender_of_each_message() -> None:
    queue = FairQueue()
    first, second = _peer(queue, b"a1", b"a2"), _peer(queue, b"b1")
    senders = []
    while queue.try_recv() is not None:
        senders.append(queue.last_peer)
    assert senders == [first, second, first]


def test_fair_queue_told_twice_of_a_readable_peer_gives_it_one_turn() -> None:
    queue = FairQueue()
    first = _peer(queue, b"a1", b"a2")
    _peer(queue, b"b1", b"b2")
    queue.peer_readable(first)
    assert _read_all(queue) == [b"a1", b"b1", b"a2", b"b2"]


def test_fair_queue_peer_that_was_emptied_rejoins_behind_the_waiting() -> None:
    queue = FairQueue()
    first = _peer(queue, b"a1")
    _peer(queue, b"b1", b"b2")
    assert queue.try_recv() == b"a1"
    first.inbox.append(b"a2")
    queue.peer_readable(first)
    assert _read_all(queue) == [b"b1", b"a2", b"b2"]


def test_fair_queue_pop_at_low_water_gives_credit_once() -> None:
    queue = FairQueue()
    peer = _peer(queue, b"1", b"2", b"3", b"4", low_water=1)
    counts = []
    while queue.try_recv() is not None:
        counts.append(peer.low_count)
    assert counts == [0, 0, 1, 2]


def test_fair_queue_inbox_refilled_by_credit_stays_readable() -> None:
    queue = FairQueue()
    peer = FakePeer(low_water=0, backlog=[b"2", b"3"])
    peer.inbox.append(b"1")
    queue.peer_readable(peer)
    assert _read_all(queue) == [b"1", b"2", b"3"]


def test_fair_queue_inbox_refilled_by_credit_waits_for_its_turn() -> None:
    queue = FairQueue()
    greedy = FakePeer(low_water=0, backlog=[b"a2", b"a3"])
    greedy.inbox.append(b"a1")
    queue.peer_readable(greedy)
    _peer(queue, b"b1", b"b2")
    assert _read_all(queue) == [b"a1", b"b1", b"a2", b"b2", b"a3"]


def test_fair_queue_detached_peer_is_read_to_its_end() -> None:
    queue = FairQueue()
    gone = _peer(queue, b"1", b"2")
    queue.detach(gone)
    assert _read_all(queue) == [b"1", b"2"]
    assert not gone.in_fair_queue


def test_fair_queue_inbox_cleared_before_detach_is_not_read() -> None:
    queue = FairQueue()
    gone = _peer(queue, b"1", b"2")
    _peer(queue, b"b1")
    gone.inbox.clear()
    queue.detach(gone)
    assert _read_all(queue) == [b"b1"]


def test_fair_queue_removed_peer_is_not_read() -> None:
    queue = FairQueue()
    gone = _peer(queue, b"1", b"2")
    queue.remove(gone)
    queue.remove(gone)
    assert not queue.can_recv()
    assert list(gone.inbox) == [b"1", b"2"]


class _GoneOnCredit(FakePeer):
    """Its link turns out to be broken when it is asked for more."""

    queue: FairQueue

    def inbox_low(self) -> None:
        super().inbox_low()
        self.inbox.clear()
        self.queue.detach(self)


def test_fair_queue_peer_gone_while_giving_credit_leaves_the_others_their_turns() -> None:
    queue = FairQueue()
    gone = _GoneOnCredit(low_water=5)
    gone.queue = queue
    gone.inbox.extend([b"a1", b"a2"])
    queue.peer_readable(gone)
    _peer(queue, b"b1", b"b2")
    _peer(queue, b"c1", b"c2")
    assert _read_all(queue) == [b"a1", b"b1", b"c1", b"b2", b"c2"]


def test_discard_inbox_empties_it_and_gives_credit_for_what_follows() -> None:
    peer = FakePeer(low_water=1, backlog=[b"4", b"5"])
    peer.inbox.extend([b"1", b"2", b"3"])
    discard_inbox(peer)
    assert not peer.inbox
    assert not peer.backlog
    assert peer.low_count == 4


class _Queueing(RuleBasedStateMachine):
    """Any order of arriving, reading, coming and going."""

    def __init__(self) -> None:
        super().__init__()
        self.pattern = PullPattern(SocketOptions())
        self.peers: list[FakePeer] = []
        self.expected: dict[int, deque[Message]] = {}
        self.overtaken_by: dict[int, set[int]] = {}  # who was read since each readable peer last was
        self.sent = 0

    @rule(low_water=st.integers(-1, 2), refill=st.integers(1, 3))
    def attach(self, low_water: int, refill: int) -> None:
        number = len(self.expected)
        self.expected[number] = deque()
        self.peers.append(FakePeer(self.pattern, name=str(number), low_water=low_water, refill=refill).attach())

    @precondition(lambda self: self.peers)
    @rule(data=st.data(), count=st.integers(1, 3), waiting=st.integers(0, 2))
    def deliver(self, data: st.DataObject, count: int, waiting: int) -> None:
        peer = data.draw(st.sampled_from(self.peers))
        if peer.low_water < 0:
            waiting = 0  # nobody would ask for it
        if peer.backlog:
            return  # what is behind must not be overtaken
        messages = [b"%s:%d" % (peer.name.encode(), self.sent + index) for index in range(count + waiting)]
        self.sent += len(messages)
        self.expected[int(peer.name)].extend(messages)
        peer.backlog.extend(messages[count:])
        peer.deliver(*messages[:count])
        self.overtaken_by.setdefault(int(peer.name), set())

    @precondition(lambda self: any(not peer.backlog for peer in self.peers))
    @rule(data=st.data())
    def detach(self, data: st.DataObject) -> None:
        peer = data.draw(st.sampled_from([peer for peer in self.peers if not peer.backlog]))
        self.peers.remove(peer)
        peer.detach()

    @rule()
    def recv(self) -> None:
        message = self.pattern.try_recv()
        if message is None:
            assert not any(self.expected.values()), "what arrived is readable"
            return
        assert isinstance(message, bytes)
        number = int(message.partition(b":")[0])
        assert self.expected[number].popleft() == message, "the messages of a peer are read in order"
        for other, overtakers in self.overtaken_by.items():
            if other != number:
                assert number not in overtakers, f"peer {number} is read twice before peer {other} once"
                overtakers.add(number)
        self.overtaken_by[number] = set()
        if not self.expected[number]:
            del self.overtaken_by[number]

    @invariant()
    def readable_exactly_if_something_is_unread(self) -> None:
        assert self.pattern.can_recv() == any(self.expected.values())

    def teardown(self) -> None:
        while self.pattern.can_recv():
            self.recv()
        assert not any(self.expected.values())


test_fair_queue_in_any_course_of_events_is_fair_and_loses_nothing = _Queueing.TestCase

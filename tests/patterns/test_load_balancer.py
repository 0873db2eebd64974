from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from aiomq.message import Message
from aiomq.patterns.load_balancer import LoadBalancer
from tests.patterns.fake_peer import FakePeer


def _peers(balancer: LoadBalancer, count: int, hwm: int = 100) -> list[FakePeer]:
    peers = [FakePeer(name=f"peer{number}", hwm=hwm) for number in range(count)]
    for peer in peers:
        balancer.attach(peer)
    return peers


def _send(balancer: LoadBalancer, count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        assert balancer.try_send(b"%d" % number)


def _outboxes(peers: list[FakePeer]) -> list[list[Message]]:
    return [peer.outbox for peer in peers]


def test_load_balancer_without_peers_sends_nothing() -> None:
    balancer = LoadBalancer()
    assert not balancer.try_send(b"x")
    assert not balancer.can_send()
    assert balancer.front is None


def test_load_balancer_with_one_peer_sends_all_to_it_in_order() -> None:
    balancer = LoadBalancer()
    (peer,) = _peers(balancer, 1)
    _send(balancer, 3)
    assert peer.outbox == [b"0", b"1", b"2"]


def test_load_balancer_with_three_peers_takes_turns_from_the_first_attached() -> None:
    balancer = LoadBalancer()
    peers = _peers(balancer, 3)
    _send(balancer, 7)
    assert _outboxes(peers) == [[b"0", b"3", b"6"], [b"1", b"4"], [b"2", b"5"]]


def test_load_balancer_front_is_the_one_that_gets_the_message() -> None:
    balancer = LoadBalancer()
    _peers(balancer, 3)
    for _ in range(5):
        peer = balancer.front
        assert isinstance(peer, FakePeer)
        before = len(peer.outbox)
        assert balancer.try_send(b"x")
        assert len(peer.outbox) == before + 1


def test_load_balancer_multipart_message_goes_whole_to_one_peer() -> None:
    balancer = LoadBalancer()
    first, second = _peers(balancer, 2)
    assert balancer.try_send((b"a", b"b"))
    assert balancer.try_send((b"c", b"d"))
    assert first.outbox == [(b"a", b"b")]
    assert second.outbox == [(b"c", b"d")]


def test_load_balancer_full_peer_is_passed_over_until_it_has_room() -> None:
    balancer = LoadBalancer()
    slow, fast = FakePeer(name="slow", hwm=1), FakePeer(name="fast")
    balancer.attach(slow)
    balancer.attach(fast)
    _send(balancer, 4)
    assert slow.outbox == [b"0"]
    assert fast.outbox == [b"1", b"2", b"3"]
    slow.take()
    balancer.peer_writable(slow)
    _send(balancer, 2, first=4)
    assert slow.outbox == [b"5"]


def test_load_balancer_with_all_peers_full_sends_nothing() -> None:
    balancer = LoadBalancer()
    peers = _peers(balancer, 2, hwm=1)
    _send(balancer, 2)
    assert not balancer.can_send()
    assert not balancer.try_send(b"too much")
    assert _outboxes(peers) == [[b"0"], [b"1"]]


def test_load_balancer_peer_attached_full_gets_its_turn_once_writable() -> None:
    balancer = LoadBalancer()
    peer = FakePeer(hwm=1)
    peer.put(b"probe")
    balancer.attach(peer)
    assert not balancer.can_send()
    peer.take()
    balancer.peer_writable(peer)
    _send(balancer, 1)
    assert peer.outbox == [b"0"]


def test_load_balancer_told_twice_of_a_writable_peer_gives_it_one_turn() -> None:
    balancer = LoadBalancer()
    first, second = _peers(balancer, 2)
    balancer.peer_writable(first)
    _send(balancer, 4)
    assert len(first.outbox) == len(second.outbox) == 2


def test_load_balancer_peer_detached_in_front_passes_its_turn_on() -> None:
    balancer = LoadBalancer()
    first, second, third = _peers(balancer, 3)
    _send(balancer, 1)
    balancer.detach(second)
    _send(balancer, 3, first=1)
    assert _outboxes([first, second, third]) == [[b"0", b"2"], [], [b"1", b"3"]]


def test_load_balancer_detached_peer_gets_nothing_more() -> None:
    balancer = LoadBalancer()
    (peer,) = _peers(balancer, 1)
    balancer.detach(peer)
    balancer.detach(peer)
    assert not balancer.try_send(b"x")
    assert peer.outbox == []


def test_load_balancer_full_peer_can_be_detached() -> None:
    balancer = LoadBalancer()
    gone, other = FakePeer(hwm=1), FakePeer()
    balancer.attach(gone)
    balancer.attach(other)
    _send(balancer, 1)
    balancer.detach(gone)
    _send(balancer, 2, first=1)
    assert other.outbox == [b"1", b"2"]


class _DrainedInPut(FakePeer):
    """Its other side takes the message while it is being put, as one in the same loop may."""

    balancer: LoadBalancer

    def put(self, message: Message, /) -> bool:
        super().put(message)
        self.take()
        self.balancer.peer_writable(self)
        return False


def test_load_balancer_peer_writable_again_inside_put_keeps_its_turn() -> None:
    balancer = LoadBalancer()
    peer = _DrainedInPut(hwm=1)
    peer.balancer = balancer
    balancer.attach(peer)
    assert balancer.try_send(b"a")
    assert balancer.can_send()
    assert balancer.try_send(b"b")


class _GoneInPut(FakePeer):
    """Its link breaks while a message is put to it."""

    balancer: LoadBalancer

    def put(self, message: Message, /) -> bool:
        super().put(message)
        self.writable = False
        self.balancer.detach(self)
        return False


def test_load_balancer_peer_gone_inside_put_leaves_the_others_their_turns() -> None:
    balancer = LoadBalancer()
    gone = _GoneInPut(name="gone")
    gone.balancer = balancer
    balancer.attach(gone)
    others = _peers(balancer, 2)
    _send(balancer, 5)
    assert gone.outbox == [b"0"]
    assert _outboxes(others) == [[b"1", b"3"], [b"2", b"4"]]


class _Balancing(RuleBasedStateMachine):
    """Any order of sending, taking, coming and going."""

    def __init__(self) -> None:
        super().__init__()
        self.balancer = LoadBalancer()
        self.peers: list[FakePeer] = []
        self.accepted: list[Message] = []
        self.arrived: list[Message] = []
        self.overtaken_by: dict[FakePeer, set[FakePeer]] = {}  # who was served since each writable peer last was

    @rule(hwm=st.integers(1, 3))
    def attach(self, hwm: int) -> None:
        peer = FakePeer(name=f"peer{len(self.peers)}", hwm=hwm)
        self.peers.append(peer)
        self.overtaken_by[peer] = set()
        self.balancer.attach(peer)

    @precondition(lambda self: self.peers)
    @rule(data=st.data())
    def detach(self, data: st.DataObject) -> None:
        peer = data.draw(st.sampled_from(self.peers))
        self.peers.remove(peer)
        self.arrived += peer.take()
        self.overtaken_by.pop(peer, None)
        self.balancer.detach(peer)

    @precondition(lambda self: self.peers)
    @rule(data=st.data(), count=st.integers(1, 3))
    def take(self, data: st.DataObject, count: int) -> None:
        peer = data.draw(st.sampled_from(self.peers))
        was_writable = peer.writable
        taken = peer.take(count)
        assert taken == sorted(taken), "a peer gets its messages in the order of sending"
        self.arrived += taken
        if peer.writable and not was_writable:
            self.overtaken_by[peer] = set()
            self.balancer.peer_writable(peer)

    @rule()
    def send(self) -> None:
        message = b"%06d" % len(self.accepted)
        sizes = {peer: len(peer.outbox) for peer in self.peers}
        assert self.balancer.try_send(message) == bool(self.overtaken_by)
        served = [peer for peer in self.peers if len(peer.outbox) > sizes[peer]]
        assert len(served) == bool(self.overtaken_by), "a message goes to one peer, if any has room"
        for peer in served:
            assert peer.outbox[-1] == message
            self.accepted.append(message)
            self._serve(peer)

    def _serve(self, served: FakePeer) -> None:
        for peer, overtakers in self.overtaken_by.items():
            if peer is not served:
                assert served not in overtakers, f"{served!r} is served twice before {peer!r} once"
                overtakers.add(served)
        self.overtaken_by[served] = set()
        if not served.writable:
            del self.overtaken_by[served]

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        queued = [message for peer in self.peers for message in peer.outbox]
        assert sorted(map(bytes, self.arrived + queued)) == self.accepted  # type: ignore[arg-type]  # all are bytes

    @invariant()
    def there_is_a_next_peer_exactly_if_one_is_writable(self) -> None:
        assert self.balancer.can_send() == any(peer.writable for peer in self.peers)


test_load_balancer_in_any_course_of_events_is_fair_and_loses_nothing = _Balancing.TestCase

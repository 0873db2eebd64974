"""The distributor: one message to many peers, whole or not at all."""

from __future__ import annotations

from aiomq.patterns.distributor import Distributor
from tests.patterns.fake_peer import FakePeer


def new_distributor() -> Distributor:
    return Distributor(lambda count: None)


def attached(distributor: Distributor, *hwms: int) -> list[FakePeer]:
    peers = [FakePeer(name=f"peer{number}", hwm=hwm) for number, hwm in enumerate(hwms)]
    for peer in peers:
        distributor.attach(peer)
    return peers


def test_distributor_with_no_peer_sends_to_nobody() -> None:
    distributor = new_distributor()
    distributor.send_to_all(b"x")
    assert distributor.dropped == 0


def test_distributor_send_to_all_reaches_every_attached_peer() -> None:
    distributor = new_distributor()
    peers = attached(distributor, 9, 9, 9)
    distributor.send_to_all((b"a", b"b"))
    assert [peer.outbox for peer in peers] == [[(b"a", b"b")]] * 3


def test_distributor_send_reaches_the_chosen_peers_alone() -> None:
    distributor = new_distributor()
    first, second, third = attached(distributor, 9, 9, 9)
    distributor.send(b"x", [first, third])
    assert [first.outbox, second.outbox, third.outbox] == [[b"x"], [], [b"x"]]


def test_distributor_full_peer_misses_the_whole_message_and_others_get_it() -> None:
    distributor = new_distributor()
    slow, fast = attached(distributor, 1, 9)
    distributor.send_to_all(b"1")
    distributor.send_to_all((b"2", b"two"))
    assert slow.outbox == [b"1"]
    assert fast.outbox == [b"1", (b"2", b"two")]
    assert distributor.dropped == 1


def test_distributor_peer_with_room_again_gets_the_next_message() -> None:
    distributor = new_distributor()
    (peer,) = attached(distributor, 1)
    distributor.send_to_all(b"1")
    distributor.send_to_all(b"2")
    peer.take()
    distributor.send_to_all(b"3")
    assert peer.outbox == [b"3"]


def test_distributor_leaves_a_peer_full_with_the_last_message_it_takes() -> None:
    distributor = new_distributor()
    small, large = attached(distributor, 2, 9)
    distributor.send_to_all(b"1")
    assert small.writable
    distributor.send_to_all(b"2")
    assert (small.writable, large.writable) == (False, True)
    assert distributor.dropped == 0


def test_distributor_counts_each_message_that_a_full_peer_misses() -> None:
    distributor = new_distributor()
    attached(distributor, 1)
    for message in (b"1", b"2", b"3"):
        distributor.send_to_all(message)
    assert distributor.dropped == 2


def test_distributor_detached_peer_gets_nothing_and_detaching_twice_is_harmless() -> None:
    distributor = new_distributor()
    gone, left = attached(distributor, 9, 9)
    distributor.detach(gone)
    distributor.detach(gone)
    distributor.send_to_all(b"x")
    assert (gone.outbox, left.outbox) == ([], [b"x"])


def test_distributor_all_except_returns_the_other_peers_in_order() -> None:
    distributor = new_distributor()
    first, second, third = attached(distributor, 9, 9, 9)
    assert distributor.all_except((second,)) == [first, third]
    assert distributor.all_except(()) == [first, second, third]


def test_distributor_peer_that_leaves_while_a_message_goes_out_does_not_disturb_the_others() -> None:
    distributor = new_distributor()

    class Leaving(FakePeer):
        def put(self, message: bytes | tuple[bytes, ...], /) -> bool:
            distributor.detach(self)
            return super().put(message)

    leaving = Leaving(name="leaving")
    distributor.attach(leaving)
    (other,) = attached(distributor, 9)
    distributor.send_to_all(b"x")
    assert other.outbox == [b"x"]
    assert list(distributor.peers) == [other]

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aiomq.patterns.routing_table import RoutingTable
from tests.patterns.fake_peer import FakePeer


def _counter(routing_id: bytes) -> int:
    return int.from_bytes(routing_id[1:], "big")


def test_routing_table_finds_a_peer_by_its_routing_id() -> None:
    table = RoutingTable()
    peer = FakePeer(routing_id=b"me")
    table.add(peer)
    assert table.find(b"me") is peer
    assert table.find(b"you") is None
    assert len(table) == 1


def test_routing_table_removed_peer_is_not_found() -> None:
    table = RoutingTable()
    peer = FakePeer(routing_id=b"me")
    table.add(peer)
    table.remove(peer)
    table.remove(peer)
    assert table.find(b"me") is None


def test_routing_table_removing_a_namesake_leaves_the_peer() -> None:
    table = RoutingTable()
    peer = FakePeer(routing_id=b"me")
    table.add(peer)
    table.remove(FakePeer(routing_id=b"me"))
    assert table.find(b"me") is peer


def test_routing_table_free_ids_are_zero_and_a_big_endian_counter() -> None:
    table = RoutingTable()
    first, second = table.free_id(), table.free_id()
    assert len(first) == len(second) == 5
    assert first[0] == second[0] == 0
    assert _counter(second) == (_counter(first) + 1) % 2**32


def test_routing_table_free_id_is_one_that_nobody_announced() -> None:
    table = RoutingTable()
    counter = _counter(table.free_id())
    for ahead in (1, 2):
        table.add(FakePeer(routing_id=b"\x00" + ((counter + ahead) % 2**32).to_bytes(4, "big")))
    assert _counter(table.free_id()) == (counter + 3) % 2**32


@given(st.lists(st.integers(0, 2), max_size=4))
def test_routing_table_any_writable_is_true_if_one_peer_has_room(marks: list[int]) -> None:
    table = RoutingTable()
    for number, hwm in enumerate(marks):
        table.add(FakePeer(routing_id=b"%d" % number, hwm=hwm))
    assert table.any_writable() == any(marks)

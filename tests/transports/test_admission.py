"""Who may come in and who has to go for it: the counts alone, without sockets, and whose an address is."""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Hashable

import pytest

from aiomq.budgets import Budgets
from aiomq.transports import credentials
from aiomq.transports.address_keys import address_key
from aiomq.transports.admission import Door, Guest, Guests, Handshakes, Over


class Visitor(Guest):
    """A guest that keeps why it had to go."""

    def __init__(self, key: Hashable) -> None:
        super().__init__(key)
        self.why: Over | None = None

    def evicted(self, over: Over) -> None:
        assert self.door is None
        self.why = over


def budgets(**limits: int) -> Budgets:
    """Return these budgets, and no limit for the others."""
    return Budgets(**{"handshakes_max": 0, "handshakes_per_endpoint": 0, **limits})


def let_in(door: Door, key: Hashable, count: int = 1, *, proved: bool = False) -> list[Visitor]:
    """Let in so many of an address."""
    visitors = [Visitor(key) for _ in range(count)]
    for each in visitors:
        assert door.admit(each, 0) is None
        if proved:
            each.prove()
    return visitors


# -- the table of handshakes ------------------------------------------------------------------------------------------


def test_oldest_is_of_the_key_that_has_most() -> None:
    table = Handshakes()
    few, many = [Visitor("few") for _ in range(2)], [Visitor("many") for _ in range(3)]
    for each in (few[0], many[0], few[1], *many[1:]):
        table.add(each)

    assert table.oldest() is many[0]
    assert table.oldest_of("few") is few[0]
    assert (len(table), table.count_of("few"), table.count_of("none")) == (5, 2, 0)
    table.discard(many[0])
    table.discard(many[0])  # twice is once
    assert len(table) == 4
    assert table.oldest() is few[0]  # both have two, and it had them first
    for each in (*few, *many):
        table.discard(each)
    assert table.oldest() is table.oldest_of("many") is None


@pytest.mark.parametrize("seed", range(5))
def test_table_agrees_with_a_plain_list(seed: int) -> None:
    chance = random.Random(seed)
    table, plain = Handshakes(), list[Visitor]()
    for _ in range(2000):
        if plain and chance.random() < 0.48:
            gone = plain.pop(chance.randrange(len(plain)))
            table.discard(gone)
        else:
            plain.append(Visitor(chance.randrange(5)))
            table.add(plain[-1])
        counts = {key: sum(each.key == key for each in plain) for key in range(5)}
        assert len(table) == len(plain)
        oldest = table.oldest()
        if plain:
            assert oldest is not None
            assert counts[oldest.key] == max(counts.values())  # type: ignore[index]  # the keys here are numbers
            assert oldest is next(each for each in plain if each.key == oldest.key)
        else:
            assert oldest is None


def test_a_step_takes_no_longer_with_a_hundred_times_as_many() -> None:
    def seconds(count: int) -> float:
        door = Door(Guests(), budgets(handshakes_per_endpoint=count))
        for number in range(count):
            door.admit(Visitor(number % (count // 2)), 0)
        best = float("inf")
        for _ in range(5):
            began = time.process_time()
            for number in range(2000):
                door.admit(Visitor(-number % 7), 0)
            best = min(best, time.process_time() - began)
        return best

    assert seconds(50_000) < 10 * seconds(500)


# -- handshakes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("budget", ["handshakes_max", "handshakes_per_endpoint"])
def test_newcomer_of_any_address_drives_out_the_oldest_of_who_has_most(budget: str) -> None:
    door = Door(Guests(), budgets(**{budget: 10}))
    (good,) = let_in(door, "good")
    crowd = let_in(door, "crowd", 9)
    (newcomer,) = let_in(door, "elsewhere")

    assert crowd[0].why == Over(budget, 10)
    (same,) = let_in(door, "crowd")
    assert crowd[1].why == Over(budget, 10)
    let_in(door, "crowd", 7)
    assert [each.why for each in (good, newcomer, same)] == [None] * 3
    assert door.handshakes == 10


def test_handshakes_of_an_address_have_a_limit_of_their_own() -> None:
    guests = Guests()
    doors = [Door(guests, budgets(handshakes_per_address=2)) for _ in range(2)]
    first = let_in(doors[0], "one", 2)
    others = let_in(doors[1], "other", 2)
    let_in(doors[1], "one")

    assert first[0].why == Over("handshakes_per_address", 2)
    assert [each.why for each in (first[1], *others)] == [None] * 3


def test_proved_ones_make_room_for_handshakes_and_are_never_driven_out() -> None:
    door = Door(Guests(), budgets(handshakes_per_endpoint=2, handshakes_max=2, handshakes_per_address=2))
    proved = let_in(door, "one", 50, proved=True)

    assert (door.handshakes, door.count) == (0, 50)
    assert {each.why for each in proved} == {None}


def test_handshakes_of_a_socket_are_those_of_all_its_endpoints() -> None:
    guests = Guests()
    doors = [Door(guests, budgets(handshakes_max=4)) for _ in range(2)]
    crowd = let_in(doors[0], "crowd", 3)
    let_in(doors[1], "good", 2)

    assert crowd[0].why == Over("handshakes_max", 4)
    assert (doors[0].handshakes, doors[1].handshakes) == (2, 2)


# -- connections ------------------------------------------------------------------------------------------------------

CONNECTIONS = ["connections_max", "connections_per_endpoint", "connections_per_address"]


@pytest.mark.parametrize("budget", CONNECTIONS)
def test_newcomer_is_refused_where_all_are_proved(budget: str) -> None:
    door = Door(Guests(), budgets(**{budget: 3}))
    proved = let_in(door, "one", 3, proved=True)
    newcomer = Visitor("one")

    assert door.admit(newcomer, 0) == Over(budget, 3)
    assert newcomer.door is None
    newcomer.leave()
    assert door.count == 3
    proved[0].leave()
    proved[0].leave()  # twice is once
    assert door.count == 2
    let_in(door, "one")


@pytest.mark.parametrize("budget", CONNECTIONS)
def test_handshakes_do_not_keep_newcomers_out(budget: str) -> None:
    door = Door(Guests(), budgets(**{budget: 3}))
    let_in(door, "one", 2, proved=True)
    (silent,) = let_in(door, "one")
    (newcomer,) = let_in(door, "one")

    assert silent.why == Over(budget, 3)
    assert newcomer.why is None
    assert door.count == 3


def test_connections_of_other_addresses_and_endpoints_do_not_count() -> None:
    guests = Guests()
    doors = [Door(guests, budgets(connections_per_endpoint=2, connections_per_address=3)) for _ in range(3)]
    let_in(doors[0], "one", 2, proved=True)
    let_in(doors[1], "one", 1, proved=True)

    assert doors[1].admit(Visitor("one"), 0) == Over("connections_per_address", 3)
    let_in(doors[1], "other", 1, proved=True)
    assert doors[1].admit(Visitor("third"), 0) == Over("connections_per_endpoint", 2)
    let_in(doors[2], "third", 2)
    assert guests.by_key == {"one": 3, "other": 1, "third": 2}


def test_who_is_refused_has_driven_out_nobody() -> None:
    door = Door(Guests(), budgets(handshakes_per_endpoint=1, connections_per_address=1))
    (proved,) = let_in(door, "one", proved=True)
    (silent,) = let_in(door, "silent")

    assert door.admit(Visitor("one"), 0) == Over("connections_per_address", 1)
    assert silent.why is proved.why is None


def test_so_many_connections_a_second_and_as_many_at_once() -> None:
    door = Door(Guests(), budgets(connections_per_second=2))
    came = [door.admit(Visitor("one"), now) is None for now in (0, 0, 0, 0.4, 0.5, 0.6, 1.1, 9, 9, 9)]

    assert came == [True, True, False, False, True, False, True, True, True, False]
    assert door.admit(Visitor("one"), 9) == Over("connections_per_second", 2)


def test_nothing_is_kept_of_those_who_are_gone() -> None:
    guests = Guests()
    door = Door(guests, budgets(handshakes_per_endpoint=10))
    for number in range(100):
        for each in let_in(door, number, 2):
            each.leave()

    assert (guests.count, guests.by_key, len(guests.handshakes)) == (0, {}, 0)
    assert not guests.handshakes._by_key
    assert not guests.handshakes._by_count
    assert guests.handshakes._most == 0


# -- addresses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("192.0.2.1", 5), ("192.0.2.1", 6), True),
        (("192.0.2.1", 5), ("192.0.2.2", 5), False),
        (("::ffff:192.0.2.1", 5, 0, 0), ("192.0.2.1", 5), True),
        (("::ffff:c000:201", 5, 0, 0), ("192.0.2.1", 5), True),
        (("64:ff9b::c000:201", 5, 0, 0), ("192.0.2.1", 5), True),
        (("2001:db8::1", 5, 0, 0), ("2001:db8::2:3:4:5", 6, 0, 0), True),
        (("2001:db8::1", 5, 0, 0), ("2001:db8:0:1::1", 5, 0, 0), False),
        (("fe80::1", 5, 0, 2), ("fe80::2", 5, 0, 2), False),
        (("fe80::1%eth0", 5, 0, 2), ("fe80::1", 6, 0, 2), True),
        (("fe80::1", 5, 0, 2), ("fe80::1", 5, 0, 3), False),
        ((3, 5), (3, 6), True),
        ((3, 5), (4, 5), False),
        ((3, 0x01002003, 77, 0, 2), (3, 0x01002003, 78, 0, 2), True),
        ((3, 0x01002003, 77, 0, 2), (3, 0x01002004, 77, 0, 2), False),
    ],
)
def test_addresses_are_compared_and_not_their_texts(one: object, other: object, same: bool) -> None:
    with socket.socket() as sock:
        assert (address_key(sock, one) == address_key(sock, other)) is same


def test_peers_of_ipc_are_counted_by_their_users() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        expected = os.getuid() if credentials.HAS_CREDENTIALS and ours.family == socket.AF_UNIX else None
        assert address_key(ours, "") == expected

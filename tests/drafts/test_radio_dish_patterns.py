"""RADIO and DISH by themselves (RFC 48)."""

from __future__ import annotations

import errno
from collections.abc import Callable

import pytest

from aiomq.errors import ZMQError
from aiomq.message import Membership, Subscription
from aiomq.options import SocketOptions
from aiomq.patterns.radio_dish import DishPattern, RadioPattern
from tests.patterns.fake_peer import FakePeer


@pytest.fixture
def radio() -> RadioPattern:
    return RadioPattern(SocketOptions())


@pytest.fixture
def dish() -> DishPattern:
    return DishPattern(SocketOptions())


def joins(*groups: bytes) -> list[Membership]:
    """Return what joins groups."""
    return [Membership(group, join=True) for group in groups]


def leaves(*groups: bytes) -> list[Membership]:
    """Return what leaves groups."""
    return [Membership(group, join=False) for group in groups]


def refused(call: Callable[..., object], *args: object) -> int:
    """Return the number of the error that a call ends with."""
    with pytest.raises(ZMQError) as caught:
        call(*args)
    assert caught.value.errno is not None
    return caught.value.errno


# -- RADIO ------------------------------------------------------------------------------------------------------------


def test_radio_sends_to_those_who_joined_exactly_this_group(radio: RadioPattern) -> None:
    exact, shorter, longer, nothing = (FakePeer(radio).attach() for _ in range(4))
    exact.deliver(*joins(b"group"))
    shorter.deliver(*joins(b"grou", b""))
    longer.deliver(*joins(b"groups"))
    assert radio.try_send_to(b"body", 0, b"group")
    assert [each.outbox for each in (exact, shorter, longer, nothing)] == [[(b"group", b"body")], [], [], []]
    assert radio.try_send(b"no group")
    assert shorter.outbox == [(b"", b"no group")]


def test_radio_counts_joins_of_one_peer(radio: RadioPattern) -> None:
    peer = FakePeer(radio).attach()
    peer.deliver(*joins(b"g", b"g"), *leaves(b"g"))
    radio.try_send_to(b"1", 0, b"g")
    peer.deliver(*leaves(b"g", b"g", b"never joined"))
    radio.try_send_to(b"2", 0, b"g")
    assert peer.outbox == [(b"g", b"1")]


def test_radio_drops_for_a_full_peer_and_counts(radio: RadioPattern) -> None:
    full, quick = FakePeer(radio, hwm=1).attach(), FakePeer(radio).attach()
    for peer in (full, quick):
        peer.deliver(*joins(b"g"))
    assert radio.try_send_to(b"1", 0, b"g")
    assert radio.try_send_to(b"2", 0, b"g")
    assert (len(full.outbox), len(quick.outbox), radio.dropped) == (1, 2, 1)
    assert radio.can_send()


def test_radio_with_nodrop_waits_for_all_of_the_group(radio: RadioPattern) -> None:
    radio.options.xpub_nodrop = True
    full, quick = FakePeer(radio, hwm=1).attach(), FakePeer(radio).attach()
    full.deliver(*joins(b"both"))
    quick.deliver(*joins(b"both", b"one"))
    assert radio.try_send_to(b"1", 0, b"both")
    assert not radio.try_send_to(b"2", 0, b"both")
    assert radio.try_send_to(b"3", 0, b"one")
    assert quick.outbox == [(b"both", b"1"), (b"one", b"3")]
    full.take()
    assert radio.try_send_to(b"2", 0, b"both")


def test_radio_sends_everything_to_a_peer_that_cannot_say_what_it_wants(radio: RadioPattern) -> None:
    peer = FakePeer(radio)
    peer.inbox.append(Membership(None, join=True))
    peer.attach().deliver(*joins(b"g"))
    for group in (b"g", b"h", b""):
        radio.try_send_to(b"x", 0, group)
    assert peer.outbox == [(b"g", b"x"), (b"h", b"x"), (b"", b"x")]
    peer.detach()
    assert radio.try_send_to(b"x", 0, b"g")


def test_radio_forgets_a_peer_that_is_gone(radio: RadioPattern) -> None:
    peer, other = FakePeer(radio).attach(), FakePeer(radio).attach()
    for each in (peer, other):
        each.deliver(*joins(b"g", b"h"))
    peer.detach()
    assert radio.try_send_to(b"x", 0, b"g")
    assert (peer.outbox, other.outbox) == ([], [(b"g", b"x")])
    other.detach()
    assert repr(radio) == "<RadioPattern peers=0 groups=0 dropped=0>"


def test_radio_ignores_what_is_no_membership(radio: RadioPattern) -> None:
    peer = FakePeer(radio, low_water=0).attach()
    peer.deliver(b"\x01g", (b"a", b"b"), Subscription(b"g", subscribe=True))
    radio.try_send_to(b"x", 0, b"g")
    assert (peer.outbox, peer.closed) == ([], False)
    assert refused(radio.try_recv) == errno.ENOTSUP


def test_radio_closes_a_peer_that_joins_what_no_group_can_be_called(radio: RadioPattern) -> None:
    peer = FakePeer(radio).attach()
    peer.deliver(*joins(b"ok", bytes(256), b"later"))
    assert peer.closed
    assert radio.try_send_to(b"x", 0, b"ok")
    assert peer.outbox == []


def test_radio_closes_a_peer_that_joins_too_many_groups(radio: RadioPattern) -> None:
    radio.options.groups_per_peer = 2
    peer = FakePeer(radio, detach_on_close=True).attach()
    peer.deliver(*joins(b"a", b"b", b"b"))
    assert not peer.closed
    peer.deliver(*joins(b"c"))
    assert peer.closed


@pytest.mark.parametrize("group", [b"x" * 256, b"a\0b"])
def test_radio_refuses_names_that_no_group_can_have(radio: RadioPattern, group: bytes) -> None:
    assert refused(radio.try_send_to, b"x", 0, group) == errno.EINVAL
    assert refused(radio.try_send_to, b"x", 7, b"") == errno.EINVAL
    assert refused(radio.try_send, (b"a", b"b")) == errno.EINVAL
    assert refused(radio.join, b"g") == errno.ENOTSUP
    assert refused(radio.leave, b"g") == errno.ENOTSUP


# -- DISH -------------------------------------------------------------------------------------------------------------


def test_dish_tells_every_radio_what_it_joins_and_leaves(dish: DishPattern) -> None:
    early = FakePeer(dish).attach()
    dish.join(b"a")
    dish.join(b"b")
    late = FakePeer(dish).attach()
    dish.leave(b"a")
    assert early.controls == [*joins(b"a", b"b"), *leaves(b"a")]
    assert late.controls == [*joins(b"a", b"b"), *leaves(b"a")]


def test_dish_tells_its_groups_anew_over_a_hiccup(dish: DishPattern) -> None:
    peer = FakePeer(dish).attach()
    dish.join(b"a")
    dish.join(b"b")
    dish.leave(b"a")
    dish.hiccup(peer)
    assert (peer.discard_count, peer.controls) == (1, joins(b"b"))


def test_dish_delivers_bodies_of_its_groups_and_tells_which(dish: DishPattern) -> None:
    dish.join(b"wanted")
    dish.join(b"")
    peer = FakePeer(dish).attach()
    peer.deliver((b"unwanted", b"1"), (b"wanted", b"2"), (b"want", b"3"), (b"", b"4"))
    assert (dish.try_recv(), dish.last_group) == (b"2", b"wanted")
    assert (dish.try_recv(), dish.last_group) == (b"4", b"")
    assert dish.try_recv() is None


def test_dish_is_ready_only_for_what_it_joined(dish: DishPattern) -> None:
    dish.join(b"g")
    peer = FakePeer(dish).attach()
    peer.deliver((b"other", b"1"))
    assert not dish.can_recv()
    peer.deliver((b"g", b"2"))
    assert dish.can_recv()
    dish.leave(b"g")
    assert not dish.can_recv()
    assert dish.try_recv() is None


def test_dish_reads_radios_in_turn(dish: DishPattern) -> None:
    dish.join(b"g")
    for name in (b"a", b"b"):
        FakePeer(dish).attach().deliver((b"g", name), (b"g", name))
    assert [dish.try_recv() for _ in range(4)] == [b"a", b"b", b"a", b"b"]


@pytest.mark.parametrize("bad", [b"alone", (b"g", b"body", b"more"), (bytes(256), b"body")])
def test_dish_closes_a_radio_that_sends_something_else(dish: DishPattern, bad: bytes | tuple[bytes, ...]) -> None:
    dish.join(b"g")
    peer, other = FakePeer(dish, detach_on_close=True).attach(), FakePeer(dish).attach()
    peer.deliver((b"g", b"before"), bad, (b"g", b"after"))
    other.deliver((b"g", b"unharmed"))
    assert {dish.try_recv(), dish.try_recv()} == {b"before", b"unharmed"}
    assert dish.try_recv() is None
    assert (peer.closed, other.closed) == (True, False)


def test_dish_joins_once_and_leaves_what_it_joined(dish: DishPattern) -> None:
    dish.join(b"g")
    assert refused(dish.join, b"g") == errno.EINVAL
    assert refused(dish.leave, b"h") == errno.EINVAL
    dish.leave(b"g")
    assert refused(dish.leave, b"g") == errno.EINVAL
    assert refused(dish.join, b"x" * 256) == errno.EINVAL
    dish.join(b"x" * 255)
    assert refused(dish.try_send, b"x") == errno.ENOTSUP

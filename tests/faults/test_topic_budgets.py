"""Strangers that subscribe to, or join, more than they may, and those that leave much behind: over real connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import aiomq
from aiomq import Event
from aiomq.patterns.holders import SLICE
from aiomq.patterns.subscriptions import SubscriptionTable
from tests.sockets.links import turns, until
from tests.transports.scripted import COMMAND, Script, Wire, frame
from tests.transports.scripted import until as event

MANY = 10_000


@pytest.fixture
async def script() -> AsyncIterator[Script]:
    """Return a maker of scripted peers; nothing may be given to the event loop to log."""
    async with Script() as made:
        yield made


@pytest.fixture(params=["tcp", "ipc"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return an address to bind."""
    return "tcp://127.0.0.1:*" if request.param == "tcp" else f"ipc://{tmp_path}/s"


def asking(keys: list[bytes], command: bytes = b"\x09SUBSCRIBE") -> bytes:
    return b"".join([frame(command + key, COMMAND) for key in keys])


def joining(keys: list[bytes]) -> bytes:
    return asking(keys, b"\x04JOIN")


def old_asking(keys: list[bytes]) -> bytes:
    return b"".join([frame(b"\x01" + key) for key in keys])


def numbered(count: int, prefix: bytes = b"k") -> list[bytes]:
    return [b"%b%06d" % (prefix, number) for number in range(count)]


async def greeted(script: Script, endpoint: str, version: tuple[int, int], kind: str = "SUB") -> Wire:
    """Return a wire to a publisher, as a peer of this version."""
    wire = await script.dial(endpoint)
    if version >= (3, 0):
        await wire.greet(kind, version=version)
    elif version == (2, 0):
        wire.send(b"\xff" + bytes(7) + b"\x01\x7f\x01\x02\x00\x00")
        await wire.read(14)
    else:
        wire.send(b"\x01\x00")
        await wire.read(2)
    return wire


def old_framed(keys: list[bytes]) -> bytes:
    """Return what a peer of ZMTP 1.0 sends to subscribe."""
    return b"".join([bytes((len(key) + 2, 0)) + b"\x01" + key for key in keys])


async def knows(wire: Wire) -> None:
    """Wait until the other side has taken what this peer said."""
    wire.send(frame(b"\x04PING\0\0", COMMAND))
    assert await wire.frame() == (COMMAND, b"\x04PONG")


# -- over a budget ----------------------------------------------------------------------------------------------------


SPEAKERS = {(3, 1): asking, (3, 0): old_asking, (2, 0): old_asking, (1, 0): old_framed}


@pytest.mark.parametrize("kind", [aiomq.PUB, aiomq.XPUB])
@pytest.mark.parametrize("version", SPEAKERS)
async def test_peer_over_its_topics_is_cut_with_the_reason_and_nobody_else_loses_anything(
    context: aiomq.Context, script: Script, address: str, kind: int, version: tuple[int, int]
) -> None:
    pub = context.socket(kind, zmtp_min="1.0")  # else peers before 3.0 are refused where there is a budget
    pub.topics_per_peer = 20
    with pub.monitor() as events:
        pub.bind(address)
        good = await script.greeted(pub.last_endpoint, "SUB")
        good.send(asking(numbered(20, b"good")))
        await knows(good)
        bad = await greeted(script, pub.last_endpoint, version)
        bad.send(SPEAKERS[version](numbered(21, b"bad")))
        await bad.ended()
        told = await event(events, Event.DISCONNECTED)
    assert told.reason.startswith("over topics_per_peer: 20 topics at most for one peer")
    assert (pub.counters.cut, pub.counters.over) == (1, {"topics_per_peer": 1})
    assert pub.topics_count == 20
    await pub.send(b"good000019")
    assert await good.frame() == (0, b"good000019")


async def test_dish_over_its_groups_is_cut_with_the_reason_and_nobody_else_loses_anything(
    context: aiomq.Context, script: Script, address: str
) -> None:
    radio = context.socket(aiomq.RADIO)
    radio.groups_per_peer = 20
    with radio.monitor() as events:
        radio.bind(address)
        good = await script.greeted(radio.last_endpoint, "DISH")
        good.send(joining(numbered(20)))
        await knows(good)
        bad = await script.greeted(radio.last_endpoint, "DISH")
        bad.send(joining(numbered(21)))
        await bad.ended()
        told = await event(events, Event.DISCONNECTED)
    assert told.reason.startswith("over groups_per_peer: 20 groups at most for one peer")
    assert radio.counters.over == {"groups_per_peer": 1}
    await radio.send(b"x", group="k000019")
    assert (await good.frame())[1] == b"k000019"
    assert (await good.frame())[1] == b"x"


async def test_default_lets_ten_thousand_topics_in_and_one_more_ends_it(
    context: aiomq.Context, script: Script, address: str
) -> None:
    pub = context.socket(aiomq.PUB)
    pub.bind(address)
    peer = await script.greeted(pub.last_endpoint, "SUB")
    peer.send(asking(numbered(MANY)))
    await knows(peer)
    assert pub.topics_count == MANY
    peer.send(asking([b"k000000"]))
    await knows(peer)
    peer.send(asking([b"one more"]))
    await peer.ended()
    assert pub.counters.over == {"topics_per_peer": 1}


async def test_strangers_that_use_up_the_budget_of_the_socket_keep_nobody_out(
    context: aiomq.Context, script: Script, address: str
) -> None:
    pub = context.socket(aiomq.PUB)
    pub.topics_max = pub.topics_per_address = 50
    pub.bind(address)
    strangers = [await script.greeted(pub.last_endpoint, "SUB") for _ in range(2)]
    for number, each in enumerate(strangers):
        each.send(asking(numbered(20 + number * 10, b"%d-" % number)))
        await knows(each)
    good = await script.greeted(pub.last_endpoint, "SUB")
    good.send(asking([b"good"]))
    await knows(good)
    await strangers[1].ended()
    await until(lambda: pub.counters.cut)
    assert pub.topics_count == 21
    await pub.send(b"good")
    assert await good.frame() == (0, b"good")


async def test_socket_of_the_same_process_may_subscribe_to_as_much_as_it_wants(context: aiomq.Context) -> None:
    pub, sub = context.socket(aiomq.PUB), context.socket(aiomq.SUB)
    pub.topics_per_peer = pub.topics_max = 10
    pub.bind("inproc://own")
    sub.connect("inproc://own")
    for topic in numbered(100):
        sub.subscribe(topic)
    await until(lambda: pub.topics_count == 100)
    assert pub.counters.cut == 0


async def test_subscriber_that_was_connected_to_is_cut_too_and_not_connected_to_again(
    context: aiomq.Context, script: Script
) -> None:
    acceptor = await script.listen()
    pub = context.socket(aiomq.PUB, reconnect_ivl=1)
    pub.topics_per_peer = 2
    pub.connect(acceptor.endpoint)
    bad = await script.accepted(acceptor)
    await bad.greet("SUB")
    bad.send(asking(numbered(3)))
    await bad.ended()
    await until(lambda: pub.counters.cut)
    await turns(20)
    assert (pub.counters.over, pub.topics_count, pub.peers()) == ({"topics_per_peer": 1}, 0, [])
    assert acceptor.waiting == 0


async def test_durable_subscriber_that_is_away_is_the_one_to_go_if_it_has_most(
    context: aiomq.Context, script: Script
) -> None:
    pub = context.socket(aiomq.PUB)
    pub.durable = 60
    pub.topics_max = 10
    pub.bind("tcp://127.0.0.1:*")
    away = await script.greeted(pub.last_endpoint, "SUB", ("Identity", b"away"))
    away.send(asking(numbered(9)))
    await knows(away)
    away.abort()
    await until(lambda: [each.state for each in pub.peers()] == ["away"])
    good = await script.greeted(pub.last_endpoint, "SUB")
    good.send(asking([b"a", b"b"]))
    await knows(good)
    assert [each.state for each in pub.peers()] == ["connected"]
    assert (pub.topics_count, pub.counters.over) == (2, {"topics_max": 1})


# -- what is left behind ----------------------------------------------------------------------------------------------


async def test_topics_of_who_left_are_taken_back_in_slices_with_turns_between(
    context: aiomq.Context, script: Script, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = slices_taken(monkeypatch)
    pub = context.socket(aiomq.XPUB, rcvhwm=0)
    pub.bind(address)
    stays = await script.greeted(pub.last_endpoint, "SUB")
    stays.send(asking([b"k000000", b"stays"]))
    await knows(stays)
    gone = await script.greeted(pub.last_endpoint, "SUB")
    gone.send(asking(numbered(MANY)))
    await knows(gone)
    assert {await pub.recv() for _ in range(MANY + 1)} == {b"\x01stays", *(b"\x01" + each for each in numbered(MANY))}
    gone.abort()
    assert sorted([await pub.recv() for _ in range(MANY - 1)]) == [b"\0" + each for each in numbered(MANY)[1:]]
    assert max(taken) <= SLICE
    assert pub.topics_count == 2
    await pub.send(b"k000000")
    assert await stays.frame() == (0, b"k000000")


def slices_taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that will have how many topics each slice took back."""
    taken: list[int] = []
    take_back = SubscriptionTable.take_back

    def counted(table: SubscriptionTable, count: int) -> bool:
        before = len(table)
        more = take_back(table, count)
        taken.append(before - len(table))
        return more

    monkeypatch.setattr(SubscriptionTable, "take_back", counted)
    return taken


async def test_reader_that_waits_is_woken_by_what_is_taken_back_later(context: aiomq.Context, script: Script) -> None:
    pub = context.socket(aiomq.XPUB, rcvhwm=0)
    pub.bind("tcp://127.0.0.1:*")
    gone = await script.greeted(pub.last_endpoint, "SUB")
    gone.send(asking(numbered(MANY)))
    await knows(gone)
    for _ in range(MANY):
        await pub.recv()
    reader = asyncio.ensure_future(pub.recv())
    gone.abort()
    assert await reader == b"\0k000000"
    for _ in range(MANY - 1):
        assert (await pub.recv())[:1] == b"\0"
    await until(lambda: pub.topics_count == 0)


@pytest.mark.parametrize("kind", [aiomq.PUB, aiomq.XPUB])
async def test_socket_closes_cleanly_while_topics_are_taken_back(
    context: aiomq.Context, script: Script, address: str, kind: int
) -> None:
    pub = context.socket(kind)
    pub.bind(address)
    gone = await script.greeted(pub.last_endpoint, "SUB")
    gone.send(asking(numbered(MANY)))
    await knows(gone)
    gone.abort()
    await until(lambda: not pub.peers())
    assert pub.topics_count > 0
    pub.close()
    await turns(3)
    assert pub.closed


async def test_subscriber_that_comes_back_at_once_gets_what_it_had_subscribed_to(
    context: aiomq.Context, script: Script, address: str
) -> None:
    pub = context.socket(aiomq.XPUB, rcvhwm=0)
    pub.bind(address)
    topics = numbered(MANY)
    first = await script.greeted(pub.last_endpoint, "SUB")
    first.send(asking(topics))
    await knows(first)
    first.abort()
    again = await script.greeted(pub.last_endpoint, "SUB")
    again.send(asking(topics[::-1]))
    await knows(again)
    for _ in range(2):
        assert pub.topics_count >= MANY
        await pub.send(topics[-1])
        assert await again.frame() == (0, topics[-1])
    told = [await pub.recv() for _ in range(3 * MANY)]
    for topic in (topics[0], topics[-1]):
        assert [each[0] for each in told if each[1:] == topic] == [1, 0, 1]
    await until(lambda: pub.topics_count == MANY)

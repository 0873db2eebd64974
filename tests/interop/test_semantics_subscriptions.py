"""The options of publishers and subscribers, whichever side is aiomq."""

from __future__ import annotations

import errno
import itertools
from typing import Final

import pytest

import aiomq
from tests.interop.conftest import Sides
from tests.parity.subjects import Make, Subject, failing, filled
from tests.transports.scripted import COMMAND, MORE, Script, frame

_names = (f"inproc://subscriptions-{number}" for number in itertools.count())

FENCE: Final = b"~"


async def told(xpub: Subject, xsub: Subject) -> list[bytes]:
    """Return what the XPUB tells, up to a topic that nobody asked for before."""
    await xsub.send(b"\x01" + FENCE)
    seen = []
    while (each := (await xpub.recv())[0]) != b"\x01" + FENCE:
        seen.append(each)
    await xsub.send(b"\x00" + FENCE)
    assert await xpub.recv() == [b"\x00" + FENCE]
    return seen


# -- what an XPUB is told ---------------------------------------------------------------------------------------------

STEPS: Final = (b"\x01a", b"\x01a", b"\x01b", b"\x00a", b"\x00a", b"\x00a", b"\x00never")

TOLD: Final = {
    "none": ({}, [b"\x01a", b"\x01b", b"\x00a"]),
    "verbose": ({"xpub_verbose": 1}, [b"\x01a", b"\x01a", b"\x01b", b"\x00a"]),
    "verboser": ({"xpub_verboser": 1}, [b"\x01a", b"\x01a", b"\x01b", b"\x00a"]),
}


@pytest.mark.parametrize(("options", "expected"), TOLD.values(), ids=TOLD)
async def test_xpub_is_told_as_its_options_have_it(
    sides: Sides, options: dict[str, int], expected: list[bytes]
) -> None:
    xpub, xsub = sides.one(aiomq.XPUB, **options), sides.other(aiomq.XSUB)
    xsub.connect(xpub.bind("tcp://127.0.0.1:*"))
    for step in STEPS:
        await xsub.send(step)
    assert await told(xpub, xsub) == expected


async def test_verboser_xpub_is_told_the_cancels_of_everybody(sides: Sides) -> None:
    xpub = sides.one(aiomq.XPUB, xpub_verboser=1)
    endpoint = xpub.bind("tcp://127.0.0.1:*")
    subs = [sides.other(aiomq.SUB) for _ in range(2)]
    for sub in subs:
        sub.connect(endpoint)
        sub.subscribe(b"a")
        assert await xpub.recv() == [b"\x01a"]
    for sub in subs:
        sub.unsubscribe(b"a")
        assert sub.take() is None
        assert await xpub.recv() == [b"\x00a"]


async def test_verbose_ends_verboser_at_once(make: Make, script: Script) -> None:
    xpub = make(aiomq.XPUB, xpub_verboser=1)
    endpoint = xpub.bind("tcp://127.0.0.1:*")
    one, other = [await script.greeted(endpoint, "XSUB") for _ in range(2)]
    for wire in (one, other):
        wire.send(frame(b"\x01a"))
        assert await xpub.recv() == [b"\x01a"]
    xpub.set("xpub_verbose", 1)
    one.send(frame(b"\x00a") + frame(b"\x01a"))
    assert await xpub.recv() == [b"\x01a"]


# -- XPUB_MANUAL ------------------------------------------------------------------------------------------------------


async def test_manual_xpub_grants_what_it_likes(sides: Sides) -> None:
    xpub, sub = sides.one(aiomq.XPUB, xpub_manual=1), sides.other(aiomq.SUB)
    sub.connect(xpub.bind("tcp://127.0.0.1:*"))
    sub.subscribe(b"a")
    sub.subscribe(b"granted")
    for asked, granted in ((b"\x01a", b"granted-a"), (b"\x01granted", b"granted-b")):
        assert await xpub.recv() == [asked]
        xpub.subscribe(granted)
    for message in (b"a", b"granted", b"granted-a", b"granted-b"):
        await xpub.send(message)
    assert [await sub.recv() for _ in range(2)] == [[b"granted-a"], [b"granted-b"]]
    sub.unsubscribe(b"a")
    assert sub.take() is None
    assert await xpub.recv() == [b"\x00a"]
    xpub.unsubscribe(b"granted-a")
    await xpub.send(b"granted-a")
    await xpub.send(b"granted-b again")
    assert await sub.recv() == [b"granted-b again"]


async def test_manual_xpub_acts_on_the_peer_of_the_message_that_was_read_last(sides: Sides) -> None:
    xpub = sides.one(aiomq.XPUB, xpub_manual=1)
    endpoint = xpub.bind("tcp://127.0.0.1:*")
    first, second = (sides.other(aiomq.SUB) for _ in range(2))
    for sub in (first, second):
        sub.connect(endpoint)
        sub.subscribe(b"")
        assert await xpub.recv() == [b"\x01"]
        if sub is first:
            xpub.subscribe(b"first")
    xpub.subscribe(b"second")
    await xpub.send(b"second")
    await xpub.send(b"first")
    assert await first.recv() == [b"first"]
    assert await second.recv() == [b"second"]
    assert first.take() is None


async def test_last_value_goes_to_the_late_joiner_alone(sides: Sides) -> None:
    xpub = sides.one(aiomq.XPUB, xpub_manual_last_value=1)
    endpoint = xpub.bind("tcp://127.0.0.1:*")
    early, late = (sides.other(aiomq.SUB) for _ in range(2))
    for sub, last_value in ((early, b"t to early"), (late, b"t to late")):
        sub.connect(endpoint)
        sub.subscribe(b"t")
        assert await xpub.recv() == [b"\x01t"]
        xpub.subscribe(b"t")
        await xpub.send(last_value)
    await xpub.send(b"t to both")
    assert [await early.recv() for _ in range(2)] == [[b"t to early"], [b"t to both"]]
    assert [await late.recv() for _ in range(2)] == [[b"t to late"], [b"t to both"]]


@pytest.mark.parametrize("option", ["subscribe", "unsubscribe"])
async def test_xpub_that_is_not_manual_grants_nothing(make: Make, option: str) -> None:
    xpub = make(aiomq.XPUB)
    with failing(errno.EINVAL):
        getattr(xpub, option)(b"a")


# -- XPUB_WELCOME_MSG, XPUB_NODROP ------------------------------------------------------------------------------------


async def test_welcome_message_comes_first_to_who_subscribes_to_it(sides: Sides) -> None:
    xpub = sides.one(aiomq.XPUB, xpub_welcome_msg=b"welcome")
    endpoint = xpub.bind("tcp://127.0.0.1:*")
    for topics in ([b"welcome", b"t"], [b"t"]):
        sub = sides.other(aiomq.SUB)
        for topic in topics:
            sub.subscribe(topic)
        sub.connect(endpoint)
        if len(topics) > 1:
            assert sorted([await xpub.recv() for _ in topics]) == [[b"\x01t"], [b"\x01welcome"]]
            assert await sub.recv() == [b"welcome"]
            sub.close()
            assert sorted([await xpub.recv() for _ in topics]) == [[b"\x00t"], [b"\x00welcome"]]
        else:
            assert await xpub.recv() == [b"\x01t"]
            await xpub.send(b"t")
            assert await sub.recv() == [b"t"]


async def test_nodrop_publisher_loses_nothing(sides: Sides) -> None:
    xpub = sides.one(aiomq.XPUB, xpub_nodrop=1, sndhwm=2)
    sub = sides.other(aiomq.SUB, rcvhwm=2)
    sub.subscribe(b"")
    sub.connect(xpub.bind("tcp://127.0.0.1:*"))
    assert await xpub.recv() == [b"\x01"]
    big = bytes(1 << 20)
    sent = filled(xpub, (big,), 200)
    assert sent < 200
    for _ in range(sent):
        assert await sub.recv() == [big]
    assert sub.take() is None


# -- subscribers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("publisher", ["PUB", "XPUB"])
async def test_inverted_matching_delivers_the_rest(sides: Sides, publisher: str) -> None:
    pub = sides.one(getattr(aiomq, publisher), invert_matching=1)
    sub = sides.other(aiomq.SUB, invert_matching=1)
    witness = sides.other(aiomq.SUB, invert_matching=1)
    endpoint = pub.bind("tcp://127.0.0.1:*")
    for each, topic in ((sub, b"not"), (witness, b"x")):
        each.subscribe(topic)
        each.connect(endpoint)
    met = False
    while not met:  # whose subscription has come is not told by a PUB
        await pub.send(b"hello")
        met = witness.take() is not None and sub.take() is not None
    await pub.send(b"not this")
    await pub.send(b"but this")
    while (got := await sub.recv()) == [b"hello"]:
        continue
    assert got == [b"but this"]


async def test_topics_count_counts_distinct_topics(context: aiomq.Context) -> None:
    with context.socket(aiomq.XPUB, linger=0) as xpub, context.socket(aiomq.SUB) as sub:
        name = next(_names)
        xpub.bind(name)
        sub.connect(name)
        for topic, count in ((b"a", 1), (b"a", 1), (b"b", 2), (b"", 3)):
            sub.subscribe(topic)
            assert sub.get(aiomq.TOPICS_COUNT) == xpub.get(aiomq.TOPICS_COUNT) == count
        for topic, count in ((b"a", 3), (b"a", 2), (b"never", 2), (b"", 1)):
            sub.unsubscribe(topic)
            assert sub.get(aiomq.TOPICS_COUNT) == xpub.get(aiomq.TOPICS_COUNT) == count


@pytest.mark.parametrize("verbose", [0, 1])
async def test_xsub_tells_the_last_cancel_or_every_one(draft_make: Make, script: Script, verbose: int) -> None:
    acceptor = await script.listen()
    xsub = draft_make(aiomq.XSUB, xsub_verbose_unsubscribe=verbose)
    xsub.connect(acceptor.endpoint)
    wire = await script.accepted(acceptor)
    await wire.greet("XPUB", version=(3, 0))
    for said in (b"\x01a", b"\x01a", b"\x00a", b"\x00a", b"\x00a", b"\x01end"):
        await xsub.send(said)
    seen = []
    while (each := (await wire.frame())[1]) != b"\x01end":
        seen.append(each)
    cancels = 3 if verbose else 1
    assert seen == [b"\x01a"] * 2 + [b"\x00a"] * cancels


async def test_xpub_of_which_only_first_parts_subscribe_leaves_later_ones_alone(
    draft_make: Make, script: Script
) -> None:
    xpub = draft_make(aiomq.XPUB, only_first_subscribe=1)
    wire = await script.greeted(xpub.bind("tcp://127.0.0.1:*"), "XSUB")
    wire.send(frame(b"user", MORE) + frame(b"\x01b") + frame(b"\x01c"))
    assert [await xpub.recv() for _ in range(2)] == [[b"user", b"\x01b"], [b"\x01c"]]


async def test_xpub_takes_later_parts_for_subscriptions(context: aiomq.Context, script: Script) -> None:
    # libzmq's subscribes as well, but makes one message of the user's part and the news of the subscription.
    with context.socket(aiomq.XPUB, linger=0) as xpub:
        xpub.bind("tcp://127.0.0.1:*")
        wire = await script.greeted(xpub.last_endpoint, "XSUB")
        wire.send(frame(b"user", MORE) + frame(b"\x01b"))
        assert sorted([await xpub.recv() for _ in range(2)]) == [b"\x01b", b"user"]


async def test_cancel_in_flight_does_not_let_a_sub_see_what_it_does_not_want(make: Make, script: Script) -> None:
    acceptor = await script.listen()
    sub = make(aiomq.SUB)
    sub.subscribe(b"a")
    sub.subscribe(b"b")
    sub.connect(acceptor.endpoint)
    wire = await script.accepted(acceptor)
    await wire.greet("XPUB")
    assert {(await wire.frame())[1] for _ in range(2)} == {b"\x09SUBSCRIBEa", b"\x09SUBSCRIBEb"}
    sub.unsubscribe(b"a")
    assert await wire.frame() == (COMMAND, b"\x06CANCELa")
    wire.send(frame(b"a late") + frame(b"b wanted"))
    assert await sub.recv() == [b"b wanted"]

"""CONFLATE: of what waits for a peer, and of what waits from one, the latest message alone (pairs of all libraries)."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Final

import pytest
import zmq

import aiomq
from aiomq import Event
from tests.interop.conftest import Sides
from tests.parity.subjects import Make
from tests.transports.judge import Judge, receive
from tests.transports.scripted import COMMAND, Script, Wire, frame

NUMBERS: Final = [b"%d" % number for number in range(50)]
_names = (f"inproc://conflate-{number}" for number in itertools.count())


async def heard(wire: Wire) -> None:
    """Wait until the other side has taken in all that was sent to it: it answers a PING behind that."""
    wire.send(frame(b"\x04PING\x00\x00heard?", COMMAND))
    while await wire.frame() != (COMMAND, b"\x04PONGheard?"):
        continue


# -- what comes in ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "peer"), [("PULL", "PUSH"), ("DEALER", "ROUTER"), ("SUB", "PUB")])
@pytest.mark.parametrize("rcvhwm", [1, 1000])
async def test_conflating_receiver_keeps_the_latest_that_came(
    make: Make, script: Script, name: str, peer: str, rcvhwm: int
) -> None:
    receiver = make(getattr(aiomq, name), conflate=1, rcvhwm=rcvhwm)
    if name == "SUB":
        receiver.subscribe(b"")
    wire = await script.greeted(receiver.bind("tcp://127.0.0.1:*"), peer)
    wire.send(b"".join(map(frame, NUMBERS)))
    await heard(wire)
    assert await receiver.recv() == [NUMBERS[-1]]
    assert receiver.take() is None
    wire.send(frame(b"next"))
    assert await receiver.recv() == [b"next"]


async def test_conflating_receiver_keeps_one_message_of_each_peer(make: Make, script: Script) -> None:
    pull = make(aiomq.PULL, conflate=1)
    endpoint = pull.bind("tcp://127.0.0.1:*")
    wires = [await script.greeted(endpoint, "PUSH") for _ in range(3)]
    for number, wire in enumerate(wires):
        wire.send(frame(b"old") + frame(b"new %d" % number))
        await heard(wire)
    assert sorted([await pull.recv() for _ in wires]) == [[b"new 0"], [b"new 1"], [b"new 2"]]
    assert pull.take() is None


# -- what goes out ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "peer"), [("PUSH", "PULL"), ("DEALER", "ROUTER")])
@pytest.mark.parametrize("sndhwm", [1, 1000])
async def test_conflating_sender_keeps_the_latest_for_a_peer_that_is_not_there_yet(
    make: Make, script: Script, name: str, peer: str, sndhwm: int
) -> None:
    acceptor = await script.listen()
    sender = make(getattr(aiomq, name), conflate=1, sndhwm=sndhwm)
    sender.connect(acceptor.endpoint)
    for number in NUMBERS:
        assert sender.offer(number), "a conflating sender never waits for room"
    wire = await script.accepted(acceptor)
    await wire.greet(peer)
    assert await wire.frame() == (0, NUMBERS[-1])
    await sender.send(b"next")
    assert await wire.frame() == (0, b"next")


@pytest.mark.parametrize(("name", "peer"), [("PUB", "SUB"), ("PUSH", "PULL"), ("DEALER", "ROUTER")])
async def test_conflating_sender_keeps_the_latest_for_a_peer_that_does_not_read(
    make: Make, script: Script, name: str, peer: str
) -> None:
    sender = make(getattr(aiomq, name), conflate=1, sndhwm=1)
    wire = await script.greeted(sender.bind("tcp://127.0.0.1:*"), peer)
    wire.send(frame(b"\x01") if name == "PUB" else b"")
    await heard(wire)
    while not sender.writable:  # noqa: ASYNC110  # libzmq sees to a new peer of a bound socket within calls alone
        await asyncio.sleep(0)
    big = bytes(1 << 20)
    for _ in range(64):
        assert sender.offer(big)
    assert sender.offer(b"last")
    seen = 0
    while await wire.frame() != (0, b"last"):
        seen += 1
    assert seen < 64


async def test_conflating_pair_delivers_the_latest_whoever_is_aiomq(sides: Sides, tmp_path: Path) -> None:
    address = f"ipc://{tmp_path}/late"
    push = sides.one(aiomq.PUSH, conflate=1, reconnect_ivl=5)
    push.connect(address)
    for number in NUMBERS:
        await push.send(number)
    pull = sides.other(aiomq.PULL)
    pull.bind(address)
    assert await pull.recv() == [NUMBERS[-1]]
    await push.send(b"next")
    assert await pull.recv() == [b"next"]


async def test_conflating_publisher_and_subscriber_go_on_to_the_latest(sides: Sides) -> None:
    xpub = sides.one(aiomq.XPUB)
    sub = sides.other(aiomq.SUB, conflate=1)
    sub.subscribe(b"t")
    sub.connect(xpub.bind("tcp://127.0.0.1:*"))
    assert await xpub.recv() == [b"\x01t"]
    for number in NUMBERS:
        await xpub.send(b"t" + number)
    seen = [(await sub.recv())[0]]
    while seen[-1] != b"t" + NUMBERS[-1]:
        seen.append((await sub.recv())[0])
    assert [int(each[1:]) for each in seen] == sorted({int(each[1:]) for each in seen})
    assert sub.take() is None


# -- aiomq alone: what libzmq does otherwise, or does not promise -----------------------------------------------------


async def test_conflated_message_of_several_parts_stays_whole(context: aiomq.Context, script: Script) -> None:
    # libzmq keeps the latest frame, be it the last part of a message.
    with context.socket(aiomq.PULL, conflate=1) as pull, context.socket(aiomq.DEALER, conflate=1, linger=0) as dealer:
        pull.bind("tcp://127.0.0.1:*")
        wire = await script.greeted(pull.last_endpoint, "PUSH")
        wire.send(frame(b"a", 1) + frame(b"old") + frame(b"a", 1) + frame(b"b", 1) + frame(b"new"))
        await heard(wire)
        assert await pull.recv_multipart() == [b"a", b"b", b"new"]
        acceptor = await script.listen()
        dealer.connect(acceptor.endpoint)
        await dealer.send_multipart([b"a", b"old"])
        await dealer.send_multipart([b"a", b"b", b"new"])
        peer = await script.accepted(acceptor)
        await peer.greet("ROUTER")
        assert [await peer.frame() for _ in range(3)] == [(1, b"a"), (1, b"b"), (0, b"new")]


async def test_conflating_sub_tells_every_subscription(context: aiomq.Context, script: Script) -> None:
    # libzmq conflates them too: of those before the connection it tells the last.
    acceptor = await script.listen()
    with context.socket(aiomq.SUB, conflate=1) as sub:
        sub.connect(acceptor.endpoint)
        for topic in (b"a", b"b", b"c"):
            sub.subscribe(topic)
        wire = await script.accepted(acceptor)
        await wire.greet("PUB")
        assert [(await wire.frame())[1][-1:] for _ in range(3)] == [b"a", b"b", b"c"]


async def test_conflating_pub_takes_every_subscription_of_an_old_peer(context: aiomq.Context, script: Script) -> None:
    with context.socket(aiomq.PUB, conflate=1, linger=0) as pub:
        pub.bind("tcp://127.0.0.1:*")
        wire = await script.dial(pub.last_endpoint)
        await wire.greet("SUB", version=(3, 0))
        wire.send(frame(b"\x01a") + frame(b"\x01b") + frame(b"\x01c"))
        await heard(wire)
        assert pub.get(aiomq.TOPICS_COUNT) == 3


@pytest.mark.parametrize("conflating", ["sender", "receiver", "both"])
@pytest.mark.parametrize("bind_first", [True, False])
async def test_conflation_over_inproc_holds_whichever_end_asks_for_it(
    context: aiomq.Context, conflating: str, bind_first: bool
) -> None:
    # libzmq asks the end that connects, for both directions.
    name = next(_names)
    push = context.socket(aiomq.PUSH, linger=0, conflate=int(conflating != "receiver"))
    pull = context.socket(aiomq.PULL, conflate=int(conflating != "sender"))
    with push, pull:
        steps = [pull.bind, push.connect]
        for step in steps if bind_first else reversed(steps):
            step(name)
        for number in NUMBERS:
            push.send_nowait(number)
        assert await pull.recv() == NUMBERS[-1]
        with pytest.raises(aiomq.Again):
            pull.recv_nowait()


@pytest.mark.parametrize("name", ["PAIR", "REQ", "REP", "ROUTER", "XPUB", "XSUB"])
async def test_parity_11_further_conflate_is_without_effect_on_other_types(
    make: Make, script: Script, name: str
) -> None:
    peer, other = {
        "PAIR": ("PAIR", b""), "REQ": ("REP", b""), "REP": ("REQ", b""), "ROUTER": ("DEALER", b""),
        "XPUB": ("XSUB", b"\x01"), "XSUB": ("PUB", b""),
    }[name]  # fmt: skip
    socket = make(getattr(aiomq, name), conflate=1)
    wire = await script.greeted(socket.bind("tcp://127.0.0.1:*"), peer)
    envelope = frame(b"", 1) if name in {"REQ", "REP"} else b""
    if name == "REQ":
        await socket.send(b"question")
        assert [await wire.frame() for _ in range(2)] == [(1, b""), (0, b"question")]
    wire.send(envelope + frame(other + b"first") + envelope + frame(other + b"second"))
    await heard(wire)
    assert (await socket.recv())[-1] == other + b"first"
    if name == "REP":
        await socket.send(b"reply")
    if name != "REQ":
        assert (await socket.recv())[-1] == other + b"second"


async def test_tracker_of_a_message_that_was_replaced_is_done_and_that_of_the_latest_is_not(
    context: aiomq.Context, script: Script
) -> None:
    acceptor = await script.listen()
    with context.socket(aiomq.PUSH, conflate=1, linger=0) as push:
        push.connect(acceptor.endpoint)
        first, second = [await push.send(number, copy=False, track=True) for number in (b"1", b"2")]
        assert first is not None
        assert second is not None
        assert (first.done, second.done) == (True, False)
        wire = await script.accepted(acceptor)
        await wire.greet("PULL")
        assert await wire.frame() == (0, b"2")
        assert second.done


async def test_conflate_is_for_later_binds_and_connects(context: aiomq.Context, script: Script) -> None:
    with context.socket(aiomq.PULL) as pull:
        pull.bind("tcp://127.0.0.1:*")
        before = pull.last_endpoint
        pull.set(aiomq.CONFLATE, 1)
        pull.bind("tcp://127.0.0.1:*")
        for endpoint, expected in ((before, [b"1", b"2"]), (pull.last_endpoint, [b"2"])):
            wire = await script.greeted(endpoint, "PUSH")
            wire.send(frame(b"1") + frame(b"2"))
            await heard(wire)
            assert [await pull.recv() for _ in expected] == expected
            with pytest.raises(aiomq.Again):
                pull.recv_nowait()


async def test_conflating_push_does_not_block_when_its_peer_does_not_read(context: aiomq.Context, judge: Judge) -> None:
    pull, endpoint = judge.bound(zmq.PULL, rcvhwm=1)
    with context.socket(aiomq.PUSH, conflate=1, sndhwm=1, linger=0) as push:
        monitor = push.monitor()
        push.connect(endpoint)
        await anext(each async for each in monitor if each.event is Event.HANDSHAKE_SUCCEEDED)
        for _ in range(64):
            push.send_nowait(bytes(1 << 20))
        push.send_nowait(b"last")
        while await receive(pull) != [b"last"]:
            continue

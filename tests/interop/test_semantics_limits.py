"""MAXMSGSIZE, RCVTIMEO and SNDTIMEO, whichever side is aiomq."""

from __future__ import annotations

import asyncio
import errno
import time

import pytest

import aiomq
from aiomq import Event
from tests.interop.conftest import Sides
from tests.parity.subjects import Make, failing
from tests.transports.scripted import MORE, Script, closed_port, frame

# -- MAXMSGSIZE -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("binds", [True, False], ids=["receiver binds", "receiver connects"])
async def test_peer_that_sends_too_much_is_dropped_and_others_are_not(sides: Sides, binds: bool) -> None:
    pull = sides.one(aiomq.PULL, maxmsgsize=300, reconnect_ivl=1)
    pull.watch()
    push = sides.other(aiomq.PUSH)
    good = sides.other(aiomq.PUSH)
    if binds:
        endpoint = pull.bind("tcp://127.0.0.1:*")
        for each in (push, good):
            each.connect(endpoint)
    else:
        for each in (push, good):
            pull.connect(each.bind("tcp://127.0.0.1:*"))
    await good.send(bytes(300))
    assert await pull.recv() == [bytes(300)]
    await push.send(b"small")
    await push.send(bytes(301))
    assert await pull.recv() == [b"small"]
    told = await pull.told_until(Event.DISCONNECTED)
    assert told[-1][0] == "DISCONNECTED"
    await good.send(b"still here")
    assert await pull.recv() == [b"still here"]


async def test_limit_counts_frames_and_not_messages(make: Make, script: Script) -> None:
    pull = make(aiomq.PULL, maxmsgsize=100)
    wire = await script.greeted(pull.bind("tcp://127.0.0.1:*"), "PUSH")
    wire.send(frame(bytes(100), MORE) * 5 + frame(bytes(100)))
    assert await pull.recv() == [bytes(100)] * 6
    wire.send(frame(bytes(101)))
    assert await wire.ended() == b""


async def test_limit_set_later_is_for_the_next_bind(make: Make, script: Script) -> None:
    pull = make(aiomq.PULL)
    first = pull.bind("tcp://127.0.0.1:*")
    pull.set("maxmsgsize", 100)
    second = pull.bind("tcp://127.0.0.1:*")
    wire = await script.greeted(first, "PUSH")
    wire.send(frame(bytes(1000)))
    assert await pull.recv() == [bytes(1000)]
    wire = await script.greeted(second, "PUSH")
    wire.send(frame(bytes(1000)))
    assert await wire.ended() == b""


async def test_event_says_which_limit_was_passed(context: aiomq.Context, script: Script) -> None:
    with context.socket(aiomq.PULL, maxmsgsize=64) as pull, pull.monitor() as monitor:
        pull.bind("tcp://127.0.0.1:*")
        wire = await script.greeted(pull.last_endpoint, "PUSH")
        wire.send(frame(bytes(65)))
        await wire.ended()
        async for each in monitor:
            if each.event is Event.DISCONNECTED:
                assert "MAXMSGSIZE" in each.reason
                break


@pytest.mark.parametrize("scheme", ["tcp", "inproc"])
async def test_mark_of_zero_set_on_a_full_link_is_no_limit_from_then_on(
    context: aiomq.Context, script: Script, scheme: str
) -> None:
    with context.socket(aiomq.PUSH, sndhwm=2, linger=0) as push, context.socket(aiomq.PULL, rcvhwm=2) as pull:
        pull.bind("inproc://marks")
        push.connect("inproc://marks" if scheme == "inproc" else closed_port(script.bound()))
        for _ in range(4 if scheme == "inproc" else 2):
            push.send_nowait(b"1")
        with pytest.raises(aiomq.Again):
            push.send_nowait(b"one too many")
        waiting = asyncio.ensure_future(push.send(b"waits"))
        await asyncio.sleep(0)
        push.sndhwm = 0
        await waiting
        for _ in range(100):
            push.send_nowait(b"1")


# -- timeouts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("timeout", [0, 30])
async def test_timeouts_end_waits_with_eagain(make: Make, timeout: int) -> None:
    dealer = make(aiomq.DEALER, rcvtimeo=timeout, sndtimeo=timeout)
    dealer.bind("tcp://127.0.0.1:*")
    for call in (dealer.recv(), dealer.send(b"nobody there")):
        begun = time.monotonic()
        with failing(errno.EAGAIN):
            await call
        assert time.monotonic() - begun >= timeout / 1000 - 0.002


async def test_timeouts_work_at_once(make: Make) -> None:
    dealer = make(aiomq.DEALER, rcvtimeo=-1, sndtimeo=-1)
    dealer.bind("tcp://127.0.0.1:*")
    dealer.set("rcvtimeo", 1)
    dealer.set("sndtimeo", 1)
    with failing(errno.EAGAIN):
        await dealer.recv()
    with failing(errno.EAGAIN):
        await dealer.send(b"nobody there")


async def test_timeout_does_not_end_a_wait_that_is_answered(sides: Sides) -> None:
    pull, push = sides.one(aiomq.PULL, rcvtimeo=10_000), sides.other(aiomq.PUSH)
    push.connect(pull.bind("tcp://127.0.0.1:*"))
    await push.send(b"1")
    assert await pull.recv() == [b"1"]

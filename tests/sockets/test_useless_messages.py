"""Messages that are of no use to who gets them: skipped some at a time, whatever a stranger sends of them."""

from __future__ import annotations

import asyncio

import pytest

import aiomq
from aiomq.patterns.base import SKIPS, Pattern
from aiomq.patterns.fair_queue import FairQueue
from tests.sockets.links import until
from tests.sockets.strangers import Stranger
from tests.transports.scripted import BOUND, MORE, frame

MANY = 5 * SKIPS

GROUP, BODY = frame(b"group", MORE), frame(b"wanted")

CASES = {
    "REP": (aiomq.REP, "REQ", frame(b"no delimiter"), frame(b"", MORE) + BODY),
    "SUB": (aiomq.SUB, "PUB", frame(b"other"), BODY),
    "DISH": (aiomq.DISH, "RADIO", frame(b"other", MORE) + frame(b"x"), GROUP + BODY),
}


def prepared(context: aiomq.Context, kind: int) -> aiomq.Socket:
    """Return a bound socket that has a use for what is wanted."""
    socket = context.socket(kind, rcvhwm=0)
    if kind == aiomq.SUB:
        socket.subscribe(b"wanted")
    if kind == aiomq.DISH:
        socket.join(b"group")
    socket.bind("tcp://127.0.0.1:*")
    return socket


@pytest.mark.parametrize("name", CASES)
async def test_wanted_message_is_received_behind_many_that_are_of_no_use(
    context: aiomq.Context, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    kind, stranger_type, useless, wanted = CASES[name]
    taken = most = 0
    take = FairQueue.try_recv

    def counting(queue: FairQueue) -> object:
        nonlocal taken, most
        taken += 1
        most = max(most, taken)
        return take(queue)

    async def turns() -> None:
        nonlocal taken
        while True:
            taken = 0
            await asyncio.sleep(0)

    monkeypatch.setattr(FairQueue, "try_recv", counting)
    socket = prepared(context, kind)
    watcher = asyncio.create_task(turns())
    with Stranger(socket.last_endpoint, stranger_type) as stranger:
        await stranger.send(useless * MANY + wanted)
        async with asyncio.timeout(BOUND):
            assert await socket.poll(None) == aiomq.POLLIN
            assert await socket.recv() == b"wanted"
    watcher.cancel()
    assert most <= 4 * SKIPS  # each call is bounded, and a turn may have several


async def test_reply_is_received_behind_many_that_are_none(context: aiomq.Context) -> None:
    req = context.socket(aiomq.REQ, rcvhwm=0)
    req.bind("tcp://127.0.0.1:*")
    with Stranger(req.last_endpoint, "REP") as stranger:
        await until(req.peers)
        await req.send(b"question")
        numbered = frame(b"0000", MORE) + frame(b"", MORE) + frame(b"to another question")
        await stranger.send(numbered * MANY + frame(b"", MORE) + frame(b"answer"))
        async with asyncio.timeout(BOUND):
            assert await req.recv() == b"answer"


async def test_receive_that_does_not_wait_finds_it_after_some_turns(context: aiomq.Context) -> None:
    sub = prepared(context, aiomq.SUB)
    with Stranger(sub.last_endpoint, "PUB") as stranger:
        await stranger.send(frame(b"other") * MANY + BODY)
        received: list[bytes] = []

        def try_once() -> bool:
            try:
                received.append(sub.recv_nowait())
            except aiomq.Again:
                return False
            return True

        await until(try_once)
        assert received == [b"wanted"]


def test_skipping_is_put_off_once_at_a_time() -> None:
    later: list[object] = []
    pattern = Pattern(aiomq.options.SocketOptions())
    pattern.later = later.append
    pattern._skip_on_later()
    pattern._skip_on_later()
    assert len(later) == 1
    assert pattern._skipped() is False
    pattern._skip_on_later()
    assert len(later) == 2

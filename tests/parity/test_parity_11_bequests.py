"""PARITY section 3.2: what a closed socket had sent to an inproc name is there for whoever binds it."""

from __future__ import annotations

import asyncio
import itertools

import pytest

import aiomq
from tests.parity.subjects import Make

_names = (f"inproc://bequest-{number}" for number in itertools.count())


@pytest.mark.parametrize("linger", [-1, 0, 100])
@pytest.mark.parametrize("how", ["close", "disconnect"])
async def test_parity_11_further_messages_wait_for_an_inproc_name_without_their_socket(
    make: Make, linger: int, how: str
) -> None:
    name = next(_names)
    sender, receiver = make(aiomq.PAIR, linger=linger), make(aiomq.PAIR)
    sender.connect(name)
    await sender.send(b"1")
    await sender.send(b"2", b"of two frames")
    if how == "close":
        sender.close()
    else:
        sender.disconnect(name)
    await asyncio.sleep(0)

    receiver.bind(name)

    assert await receiver.recv() == [b"1"]
    assert await receiver.recv() == [b"2", b"of two frames"]


@pytest.mark.parametrize(
    ("sending", "receiving", "expected"),
    [
        (aiomq.PUSH, aiomq.PULL, [b"x"]),
        (aiomq.DEALER, aiomq.ROUTER, [b"me", b"x"]),
        (aiomq.REQ, aiomq.REP, [b"x"]),
        (aiomq.REQ, aiomq.ROUTER, [b"me", b"", b"x"]),
    ],
)
async def test_parity_11_further_messages_wait_for_an_inproc_name_in_each_pattern(
    make: Make, sending: int, receiving: int, expected: list[bytes]
) -> None:
    name = next(_names)
    sender, receiver = make(sending), make(receiving)
    if receiving == aiomq.ROUTER:
        sender.set("routing_id", b"me")
    sender.connect(name)
    await sender.send(b"x")
    sender.close()

    receiver.bind(name)

    assert await receiver.recv() == expected

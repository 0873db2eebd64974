"""What strangers can make us hold before their handshake is over."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from typing import Any, Final

import pytest

import aiomq
from aiomq import Event
from aiomq.budgets import BUDGETS
from aiomq.crypto import is_available
from tests.transports.scripted import COMMAND, LONG, Script, Wire, events_until, frame, greeting, settled, until

KIB: Final = 1024
COUNT: Final = 50
LIMIT: Final = BUDGETS["handshake_bytes"].default
HEADER: Final = bytes((COMMAND | LONG,)) + LIMIT.to_bytes(8, "big")

MECHANISMS: Final = ["NULL", "PLAIN", *(["CURVE"] if is_available() else [])]


def options_for(mechanism: str) -> dict[str, Any]:
    if mechanism == "CURVE":
        return {"curve_server": 1, "curve_secretkey": aiomq.curve_keypair()[1]}
    return {"plain_server": 1} if mechanism == "PLAIN" else {}


async def talk(script: Script, endpoint: str, said: list[bytes]) -> list[Wire]:
    """Let strangers say something, piece by piece and in turns."""
    wires = [await script.dial(endpoint) for _ in range(COUNT)]
    for piece in said:
        for each in wires:
            each.send(piece)
            await each.drain()
    return wires


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize(
    ("pieces", "most"),
    [
        ([], 8 * KIB),
        ([b"G"], 8 * KIB),
        ([b"G", HEADER, bytes(LIMIT - 1)], 64 * KIB),
        ([b"G", HEADER, *[bytes(1000)] * (LIMIT // 1000)], 64 * KIB),
    ],
    ids=["silent", "greeting", "lie", "drip"],
)
async def test_stranger_costs_little(
    context: aiomq.Context, script: Script, mechanism: str, pieces: list[bytes], most: int
) -> None:
    said = [greeting(mechanism.encode()) if each == b"G" else each for each in pieces]
    with context.socket(aiomq.PULL, **options_for(mechanism)) as pull:
        pull.bind("tcp://127.0.0.1:*")
        await talk(script, pull.last_endpoint, said)  # the first ones make what is shared
        await settled(lambda: pull._core.guests.count == COUNT)
        await script.hang_up()
        await settled(lambda: not pull._core.guests.count)
        (listener,) = pull._core.endpoints.values()
        made: Any = listener
        gc.collect()
        tracemalloc.start()
        try:
            await talk(script, pull.last_endpoint, said)
            held = sum(map(len, said))
            await settled(lambda: sum(each._session.held >= held - 64 for each in made._connections) == COUNT)
            snapshot = tracemalloc.take_snapshot()
        finally:
            tracemalloc.stop()
        ours = snapshot.filter_traces(
            [tracemalloc.Filter(inclusive=False, filename_pattern=f"*{name}") for name in ("streams.py", "scripted.py")]
        )
        each = sum(stat.size for stat in ours.statistics("filename")) / COUNT

    assert each < most


@pytest.mark.parametrize("size", [1000, 0])
async def test_command_over_the_budget_is_cut_on_its_header(context: aiomq.Context, script: Script, size: int) -> None:
    claimed = (size or 1 << 30) + (size > 0)
    with context.socket(aiomq.PULL, handshake_bytes=size) as pull, pull.monitor() as events:
        pull.bind("tcp://127.0.0.1:*")
        wire = await script.dial(pull.last_endpoint)
        wire.send(greeting() + bytes((COMMAND | LONG,)) + claimed.to_bytes(8, "big"))
        if not size:  # no limit: it waits for the rest
            await events_until(events, Event.ACCEPTED)
            await settled(lambda: pull._core.guests.count == 1)
            wire.close()
        assert (str(claimed) in (await until(events, Event.DISCONNECTED)).reason) is bool(size)
        assert pull.counters.over == ({"handshake_bytes": 1} if size else {})


async def test_budget_holds_while_a_zap_handler_thinks(context: aiomq.Context, script: Script) -> None:
    with context.socket(aiomq.REP) as handler, context.socket(aiomq.PULL, zap_domain="global") as pull:
        handler.bind("inproc://zeromq.zap.01")
        thinking = asyncio.ensure_future(handler.recv_multipart())
        pull.handshake_bytes = 1000
        events = pull.monitor()
        pull.bind("tcp://127.0.0.1:*")
        wire = await script.dial(pull.last_endpoint)
        wire.send(greeting())
        await thinking
        wire.send(frame(bytes(2000)))
        ended = await until(events, Event.DISCONNECTED)

        assert "before it was let in" in ended.reason
        assert pull.counters.over == {"handshake_bytes": 1}

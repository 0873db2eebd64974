"""Large frames that never get whole: what they cost, and whom they keep waiting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

import aiomq
from aiomq import Event
from aiomq.zmtp import large_frames
from aiomq.zmtp.large_frames import FIRST_GRANT, Budget
from tests.transports.scripted import Script, events_until, settled

CLAIM: Final = b"\x02" + (2**63 - 1).to_bytes(8, "big") + b"x"


@pytest.fixture
def budget(monkeypatch: pytest.MonkeyPatch) -> Iterator[Budget]:
    """Return a budget of 16 first grants, in the place of the process's; no buffer is in stock."""
    made = Budget(16 * FIRST_GRANT)
    monkeypatch.setattr(large_frames, "budget", made)
    large_frames._spare.clear()
    yield made
    large_frames._spare.clear()


@pytest.mark.parametrize("socket_type", [aiomq.PULL, aiomq.ROUTER, aiomq.XPUB, aiomq.REP])
async def test_strangers_over_the_budget_are_cut_with_an_event_and_a_good_client_is_served(
    context: aiomq.Context, script: Script, budget: Budget, socket_type: int
) -> None:
    other = {aiomq.PULL: "PUSH", aiomq.ROUTER: "DEALER", aiomq.XPUB: "SUB", aiomq.REP: "REQ"}[
        aiomq.SocketType(socket_type)
    ]
    with context.socket(socket_type) as server, server.monitor() as events:
        server.bind("tcp://127.0.0.1:*")
        for _ in range(20):
            (await script.greeted(server.last_endpoint, other)).send(CLAIM)
        cut = [each for each in await events_until(events, Event.DISCONNECTED, 4) if each.event is Event.DISCONNECTED]
        assert all("unfinished messages and large frames hold more than" in str(each.error) for each in cut)
        await settled(lambda: budget.held == budget.limit)
        good = await script.greeted(server.last_endpoint, other)
        body = bytes(100_000)
        good.send(b"\x01\x00" if other == "REQ" else b"")
        good.send(b"\x02" + len(body).to_bytes(8, "big") + body)
        assert (await server.recv_multipart())[-1] == body
    await settled(lambda: budget.held == 0)


async def test_connection_that_ends_gives_back_what_its_frame_held(
    context: aiomq.Context, script: Script, budget: Budget
) -> None:
    with context.socket(aiomq.PULL) as pull:
        pull.bind("tcp://127.0.0.1:*")
        wire = await script.greeted(pull.last_endpoint, "PUSH")
        wire.send(CLAIM + bytes(50_000))
        await settled(lambda: budget.held >= 50_000)
        wire.abort()
        await settled(lambda: budget.held == 0)

"""The attacks themselves, made small: they run, they measure, and they can miss a bar. No time is judged here."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import math
import sys
import time
from pathlib import Path

import pytest

from tests.attack.bars import misses, quantile
from tests.attack.cell import Cell, Measured, Settings, Snapshot, attack, stays
from tests.attack.client import Latencies
from tests.attack.gauge import Beat, Holding, Turns
from tests.attack.kinds import FLOODERS, SLOW
from tests.attack.plans import ATTACK_KINDS, plan, shares
from tests.attack.specs import STEP_SECONDS, AttackReport, ClientReport, ServerState, good_body, parse_good

FAST_LOOP = "uvloop" if importlib.util.find_spec("uvloop") else "asyncio"

KINDS = ("commands", "pings", "parts", "silent", "drip", "garbage", "half-greeting", "hoard", "idle")
MORE_KINDS = ("giant", "squat", "churn", "fill")

SMALL = Settings(
    connections=40,
    flooders=3,
    kinds=KINDS + MORE_KINDS,
    seconds=2.0,
    settle_seconds=0.0,
    patience_seconds=20.0,
    pins=False,
)


@pytest.mark.skipif(sys.platform != "linux", reason="the attacks need Linux")
@pytest.mark.parametrize(
    "cell",
    [Cell("PULL", "asyncio"), Cell("ROUTER", FAST_LOOP), Cell("XPUB", FAST_LOOP), Cell("REP", "asyncio")],
    ids=str,
)
def test_good_client_is_served_among_a_few_strangers_and_nothing_of_them_stays(cell: Cell) -> None:
    measured = attack(cell, SMALL)

    assert measured.client is not None, measured.failures
    assert measured.client.unanswered < len(measured.client.latencies)
    assert measured.client.newcomers
    assert sum(did.connects for did in measured.strangers.kinds.values()) >= SMALL.connections
    assert stays(measured.before, measured.after) == []


# -- what is measured -------------------------------------------------------------------------------------------------


def snapshot(*, descriptors: int = 10, peers: int = 1, tasks: int = 2, rss_kib: int = 40_000) -> Snapshot:
    return Snapshot(Holding(rss_kib, rss_kib, descriptors), ServerState(peers=peers, tasks=tasks))


def measured(after: Snapshot, *, standing: float = 0.01, latency: float = 0.001, newcomer: float = 0.01) -> Measured:
    return Measured(
        cell=Cell("PULL", "asyncio"),
        before=snapshot(),
        after=after,
        turns=Turns(1.0, standing, 0.0, 0),
        standing=standing,
        client=ClientReport(
            latencies=[latency] * 100,
            unanswered=0,
            newcomers=[newcomer],
            locked_out=0,
            longest=0.0,
            complaints={},
        ),
        strangers=AttackReport({}),
        failures=[],
        log=(0, []),
    )


@pytest.mark.parametrize(
    ("result", "missed"),
    [
        (measured(snapshot()), []),
        (measured(snapshot(), standing=0.2), ["stands"]),
        (measured(snapshot(), latency=0.1), ["p99"]),
        (measured(snapshot(), newcomer=1.1), ["newcomers"]),
        (measured(snapshot(descriptors=11)), ["descriptors stay"]),
        (measured(snapshot(peers=2)), ["peers stay"]),
        (measured(snapshot(tasks=3)), ["tasks stay"]),
        (measured(snapshot(rss_kib=400_000)), ["memory stays"]),
        (measured(Snapshot(Holding(0, 0, 0), None)), ["server does not answer"]),
    ],
    ids=lambda value: "-".join(value) or "none" if isinstance(value, list) else "",
)
def test_each_bar_that_is_missed_is_named(result: Measured, missed: list[str]) -> None:
    assert misses(result, Settings()) == missed


def test_latency_counts_from_when_a_message_was_due_and_to_the_end_without_an_answer() -> None:
    latencies = Latencies(begin=100.0)
    latencies.answer(0, 100.5)
    latencies.answer(1, 100.5)

    found, unanswered = latencies.finish(100.0 + 200 * STEP_SECONDS)

    assert found[:3] == pytest.approx([0.5, 0.5 - STEP_SECONDS, 198 * STEP_SECONDS])
    assert len(found) == 200
    assert unanswered > 150


def test_stamp_of_a_good_message_comes_back_and_other_bodies_have_none() -> None:
    assert parse_good(good_body(7, 1.5)) == (7, 1.5)
    assert parse_good(b"good") is None
    assert parse_good(bytes(len(good_body(7, 1.5)))) is None


async def test_beat_notes_a_stretch_without_a_turn(tmp_path: Path) -> None:
    beat = Beat(tmp_path / "beat")
    beat.start()

    time.sleep(0.2)  # noqa: ASYNC251  # what it is to note
    async with asyncio.timeout(10):
        while not beat.read().too_long:  # noqa: ASYNC110  # a file tells of no event
            await asyncio.sleep(0.001)

    with contextlib.closing(Beat(tmp_path / "beat")) as seen_from_outside:
        assert seen_from_outside.read().longest >= 0.2
    beat.close()


def test_stretch_that_goes_on_counts() -> None:
    assert Turns(last=10.0, longest=0.1, cpu=0.0, too_long=0).until(13.0) == 3.0
    assert Turns(last=0.0, longest=0.0, cpu=0.0, too_long=0).until(13.0) == 0.0


def test_quantile_of_a_few_values_and_of_none() -> None:
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert quantile([3.0, 1.0, 2.0], 1.0) == 3.0
    assert math.isnan(quantile([], 0.5))


# -- who attacks ------------------------------------------------------------------------------------------------------


def test_every_kind_has_its_share_and_all_of_them_are_as_many_as_wanted() -> None:
    found = shares(2000, 100)

    assert set(found) == set(ATTACK_KINDS)
    assert sum(found[kind] for kind in FLOODERS) == 100
    assert sum(found[kind] for kind in SLOW) == 1900
    assert min(found.values()) >= 1


def test_one_kind_alone_takes_all_connections() -> None:
    assert shares(50, 10, ("commands",)) == {"commands": 50}
    assert shares(50, 10, ("silent",)) == {"silent": 50}
    assert shares(50, 10, ("topics-250",)) == {"topics-250": 50}


@pytest.mark.parametrize("kind", ATTACK_KINDS)
@pytest.mark.parametrize("server_type", ["PULL", "ROUTER", "XPUB", "REP"])
def test_every_kind_has_a_plan_for_every_type(kind: str, server_type: str) -> None:
    does = plan(kind, server_type)

    assert does.again > 0, "a connection that was cut comes again, and not at once"
    assert bool(does.chunk) == (kind in FLOODERS)

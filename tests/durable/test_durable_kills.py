"""What durable sockets promise, held by count while processes are killed at some moment: see `rounds`.

With AIOMQ_DURABLE_ROUNDS=200 and `--log-cli-level=INFO` they kill more, and say what came of it.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

import aiomq
from tests.durable.rounds import ROUNDS, kill_receivers, kill_senders

log = logging.getLogger(__name__)

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL"),
    pytest.mark.timeout(60 + 3 * ROUNDS),
    pytest.mark.asyncio(loop_factories=["asyncio"]),  # the other loop is in the other tests; these take seconds
]


@pytest.mark.parametrize(
    ("sender", "receiver"), [("PUSH", "PULL"), ("DEALER", "DEALER"), ("PUB", "SUB"), ("ROUTER", "DEALER")]
)
async def test_receiver_that_is_killed_misses_what_was_in_flight_and_nothing_else(
    context: aiomq.Context, tmp_path: Path, sender: str, receiver: str
) -> None:
    socket = context.socket(getattr(aiomq, sender), durable=600.0, sndhwm=0)
    socket.bind("tcp://127.0.0.1:*")

    found = await kill_receivers(socket, receiver, tmp_path, seed=ROUNDS)

    log.info("%s", found)
    assert found.received >= ROUNDS


@pytest.mark.parametrize(("sender", "receiver"), [("PUSH", "PULL"), ("PUB", "SUB")])
async def test_sender_that_is_killed_goes_on_with_what_its_store_has(
    context: aiomq.Context, tmp_path: Path, sender: str, receiver: str
) -> None:
    socket = context.socket(getattr(aiomq, receiver), routing_id=b"receiver", reconnect_ivl=10, rcvhwm=10)
    if receiver == "SUB":
        socket.subscribe(b"")

    found = await kill_senders(sender, socket, f"ipc://{tmp_path}/sender", tmp_path, seed=ROUNDS)

    log.info("%s", found)
    assert found.received >= ROUNDS

"""Rounds of killing: a receiver, or a sender with a store, dies by SIGKILL at some moment, and what arrives is counted.

Programs tell what they do by lines in a file of their own, written with one `write` each: what is there when a process
is killed was done. The numbers that are sent rise by one, so a list of what was received says what is missing, what
came twice, and what came out of turn.
"""

from __future__ import annotations

import asyncio
import os
import random
from itertools import pairwise
from pathlib import Path

import aiomq
from aiomq import SqliteStore
from tests.durable.stays import away
from tests.faults.processes import program
from tests.sockets.links import turns, until

__all__ = ["ROUNDS", "Lost", "kill_receivers", "kill_senders"]

ROUNDS = int(os.environ.get("AIOMQ_DURABLE_ROUNDS", "20"))
"""How often each test kills."""

RECEIVER = """
    import asyncio, os, sys
    import aiomq

    async def main():
        log = os.open(sys.argv[3], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        async with aiomq.Context() as context:
            socket = context.socket(getattr(aiomq, sys.argv[1]), routing_id=b"receiver")
            if sys.argv[1] == "SUB":
                socket.subscribe(b"")
            socket.connect(sys.argv[2])
            if sys.argv[1] == "DEALER":
                await socket.send(b"hello")
            while True:
                message = await socket.recv()
                os.write(log, message.rstrip(b"\\0") + b"\\n")

    asyncio.run(main())
"""

SENDER = """
    import asyncio, os, sys
    import aiomq

    kind, endpoint, path, first, size, log = sys.argv[1:]

    async def main():
        report = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        async with aiomq.Context() as context:
            options = {"on_mute": "block"} if kind == "PUSH" else {}
            socket = context.socket(getattr(aiomq, kind), durable=600.0, durable_store=path, sndhwm=0, **options)
            queued = sum(peer.queued_out for peer in socket.peers())
            socket.bind(endpoint)
            os.write(report, b"bound %d\\n" % queued)
            if not socket.peers():
                await socket.wait_connected()
                if kind == "PUB":
                    await socket.wait_subscribed()
            number = int(first)
            while True:
                for _ in range(7):
                    message = b"%d" % number + bytes(int(size))
                    await socket.send_multipart([b"receiver", message] if kind == "ROUTER" else [message])
                    number += 1
                socket.sync_store()
                os.write(report, b"synced %d\\n" % number)
                await asyncio.sleep(0)

    asyncio.run(main())
"""


class Lost:
    """What the rounds have found: how much was sent, how much arrived, and how much was in flight at a kill."""

    def __init__(self) -> None:
        self.sent = self.received = self.in_flight = self.rounds = 0

    def __repr__(self) -> str:
        return f"{self.rounds} rounds: {self.sent} sent, {self.received} received, {self.in_flight} lost in flight"


def numbers(log: Path) -> list[int]:
    """Return the numbers in the whole lines of a file."""
    if not log.exists():
        return []
    text = log.read_text(encoding="ascii")
    return [int(line) for line in text[: text.rfind("\n") + 1].split()]


def check_run(life: list[int], first: int) -> None:
    """Check that one receiver got what waited first of all, and then everything, once and in order."""
    assert life == list(range(first, first + len(life))), f"from {first}: {life[:5]} ... {life[-5:]}"


# -- the receiver dies ------------------------------------------------------------------------------------------------


async def kill_receivers(sender: aiomq.Socket, receiver: str, folder: Path, seed: int) -> Lost:
    """Kill the receiver of a durable socket, again and again, while messages go on being sent.

    The promise: a receiver gets, first, the first message that had not left when the one before it died; then all that
    follow, in order. So no number comes twice, and what is missing was in flight.
    """
    chance, lost = random.Random(seed), Lost()
    number = left = 0  # so many were sent, and of these had left, when the last receiver died
    size = chance.choice([0, 100, 3000])
    for life in range(ROUNDS + 1):
        log = folder / f"life-{life}"
        with program(RECEIVER, receiver, sender.last_endpoint, str(log)) as process:
            await _there(sender)
            goal = left + chance.randrange(1, 200)
            while (got := numbers(log)) == [] or got[-1] < goal:
                for _ in range(chance.randrange(1, 100)):
                    await _send(sender, number, size)
                    number += 1
                await turns(chance.randrange(20))
            process.signal(9)
            before = sender.peers()[0].sent
            await until(lambda: away(sender))
        (peer,) = sender.peers()
        got = numbers(log)
        check_run(got, left)
        left = number - peer.queued_out
        assert got[-1] < left
        assert before <= peer.sent
        lost.in_flight += left - (got[-1] + 1)
        lost.received += len(got)
        for _ in range(chance.randrange(50)):  # and some while nobody is there
            await _send(sender, number, size)
            number += 1
    lost.rounds, lost.sent = ROUNDS, number
    assert lost.received + lost.in_flight + sender.peers()[0].queued_out == number
    assert sender.counters.dropped == 0
    return lost


async def _there(sender: aiomq.Socket) -> None:
    async with asyncio.timeout(20):
        await sender.wait_connected()
        if sender.socket_type == aiomq.PUB:
            await sender.wait_subscribed()
        elif sender.socket_type == aiomq.ROUTER:
            assert (await sender.recv_multipart())[0] == b"receiver"


async def _send(sender: aiomq.Socket, number: int, size: int) -> None:
    message = b"%d" % number + bytes(size)
    await sender.send_multipart([b"receiver", message] if sender.socket_type == aiomq.ROUTER else [message])


# -- the sender dies --------------------------------------------------------------------------------------------------


def _synced(log: Path) -> int | None:
    """Return up to which number a sender had synced its store; None if it had not begun."""
    if not log.exists():
        return None
    text = log.read_text(encoding="ascii")
    lines = text[: text.rfind("\n") + 1].splitlines()
    return int(lines[-1].split()[1]) if lines and lines[-1].startswith("synced") else None


def _stored(path: Path) -> range:
    """Return the numbers that wait in the store, after checking that the messages under them are these."""
    store = SqliteStore(path)
    try:
        peers = store.load()
    finally:
        store.close()
    assert len(peers) == 1
    held = [int(message.rstrip(b"\0")) for message in peers[0].messages if isinstance(message, bytes)]
    assert held == list(range(held[0], held[0] + len(held))) if held else True
    return range(held[0], held[0] + len(held)) if held else range(0)


async def kill_senders(kind: str, receiver: aiomq.Socket, endpoint: str, folder: Path, seed: int) -> Lost:
    """Kill a sender with a store, again and again, while it sends, and while it delivers what the store has.

    The promise: what was synced is in the store, unless it has left; what is in the store arrives, once and in order,
    whatever dies; what was in flight may be lost, and nothing comes twice. The next sender goes on with the number
    after all that is known, so that what was queued and not synced is told apart: it was lost with its process.
    """
    chance, lost, path = random.Random(seed), Lost(), folder / "queues.db"
    receiver.connect(endpoint)
    got: list[int] = []
    waiting = range(0)
    first = 0
    for life in range(ROUNDS + 1):
        log = folder / f"life-{life}"
        size = chance.choice([0, 100, 3000])
        with program(SENDER, kind, endpoint, str(path), str(first), str(size), str(log)) as process:
            goal = first + chance.randrange(1, 400)
            pause = [200 if chance.random() < 0.7 else 0]
            reading = asyncio.get_running_loop().create_task(_read(receiver, got, pause))
            await until(lambda goal=goal, log=log: (_synced(log) or -1) >= goal)  # type: ignore[misc]  # a default binds it
            process.signal(9)
            await asyncio.to_thread(process.process.wait)
            pause[0] = 0
        synced = _synced(log)
        assert synced is not None
        await _drained(receiver)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        waiting = _stored(path)
        assert got == sorted(set(got)), "something came twice, or out of turn"
        if waiting:
            assert not got or got[-1] < waiting.start, "what is in the store has been delivered"
            assert waiting.stop >= synced, "what was synced is not in the store"
        first = max([waiting.stop, synced, *([got[-1] + 1] if got else [])])
    lost.rounds, lost.sent, lost.received = ROUNDS, first, len(got)
    before = len(got)
    with program(
        SENDER, kind, endpoint, str(path), str(first), "0", str(folder / "last")
    ):  # nothing dies any more: all that waits arrives
        async with asyncio.timeout(20):
            while not got or got[-1] < first:
                got.append(_number(await receiver.recv_multipart()))
    assert got == sorted(set(got))
    assert sum(after - number > 1 for number, after in pairwise(got)) <= ROUNDS + 1, "more gaps than kills"
    assert got[before:][: len(waiting)] == [*waiting]
    lost.received = sum(number < first for number in got)
    lost.in_flight = first - lost.received
    return lost


async def _read(receiver: aiomq.Socket, got: list[int], pause: list[int]) -> None:
    """Read on, with so many turns after each message: slowly, so that the sender has something in its store."""
    while True:
        got.append(_number(await receiver.recv_multipart()))
        await turns(pause[0])


async def _drained(receiver: aiomq.Socket) -> None:
    """Wait until the connection is lost and all that had arrived by it was read."""
    await until(lambda: all(peer.state == "waiting" and not peer.queued_in for peer in receiver.peers()))


def _number(frames: list[bytes]) -> int:
    return int(frames[-1].rstrip(b"\0"))

"""Many subscribers on one XPUB: what each costs in memory, how long a message to all takes, and whom it holds up.

The subscribers are scripted connections in another process (`benchmarks.crowd`), the same for every library. The first
ten come before memory is looked at; when the publisher says `GO`, the others follow.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Sequence
from typing import Any, Final

from benchmarks.meters import resident_bytes
from benchmarks.peers.base import Reporter
from benchmarks.peers.binding import Binding
from benchmarks.peers.scenarios import BASELINE_PEERS
from benchmarks.spec import Report, Spec
from benchmarks.stats import quantile

__all__ = ["BROADCASTS", "DONE", "GO", "announce_to_crowd", "await_crowd"]

GO: Final = b"go"
"""Tells the first subscribers, and with them their process, to let the others come."""

DONE: Final = b"done "
"""Begins the topic with which the subscribers' process answers a broadcast: how many have it, and since when."""

BROADCASTS: Final = 3
"""Messages to all. Of their times the median counts, of the times that the loop was held up the longest."""

_TICK_SECONDS: Final = 0.001


class _Ticker:
    """Asks the event loop for a turn each millisecond, and keeps the longest time that it had to wait for one.

    By its own clock: the time of uvloop stands still while the loop is held up, and counts whole milliseconds.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._due = time.perf_counter()
        self._longest = 0.0
        self._handle: asyncio.Handle = self._loop.call_soon(self._tick)

    def _tick(self) -> None:
        self._look()
        self._due = time.perf_counter() + _TICK_SECONDS
        self._handle = self._loop.call_later(_TICK_SECONDS, self._tick)

    def _look(self) -> None:
        self._longest = max(self._longest, time.perf_counter() - self._due)

    def stop(self) -> float:
        """Return the longest wait in seconds."""
        self._look()
        self._handle.cancel()
        return self._longest


class _Answers:
    """What the other process said of each broadcast."""

    def __init__(self, subscribers: int) -> None:
        self._subscribers = subscribers
        self._milliseconds: list[float] = []
        self._delivered = 0

    def add(self, frames: Sequence[bytes], sent_at: int) -> None:
        """Note an answer: a subscription to `done COUNT NANOSECONDS`."""
        topic = frames[0][1:]
        if not topic.startswith(DONE):
            raise RuntimeError(f"the subscribers should answer a broadcast, not {topic!r}")
        count, nanoseconds = map(int, topic.removeprefix(DONE).split())
        self._delivered += count
        self._milliseconds.append((nanoseconds - sent_at) / 1e6)

    def metrics(self) -> dict[str, float]:
        """Return the time until the last subscriber had a message, and how many had it."""
        published = self._subscribers * len(self._milliseconds)
        return {
            "broadcast_ms": quantile(self._milliseconds, 0.5),
            "delivered_percent": 100 * self._delivered / published,
        }


def _memory() -> int:
    gc.collect()
    return resident_bytes()


def announce_to_crowd(binding: Binding, spec: Spec, report: Reporter) -> None:
    """Play the publisher with a blocking library."""
    socket = binding.announcer(spec)
    report(Report(endpoint=binding.endpoint_of(socket)))
    recv, send, count = socket.recv_multipart, socket.send, spec.case.fan
    for _ in range(BASELINE_PEERS):
        recv()
    before, start = _memory(), time.perf_counter()
    send(GO)
    for _ in range(count):
        recv()
    connecting = time.perf_counter() - start
    growth, answers = (_memory() - before) / count, _Answers(count + BASELINE_PEERS)
    for _ in range(BROADCASTS):
        sent_at = time.perf_counter_ns()
        send(sent_at.to_bytes(8, "big"))
        answers.add(recv(), sent_at)
    report(Report(metrics={"bytes_per_peer": growth, "connect_seconds": connecting, **answers.metrics()}))


async def await_crowd(binding: Binding, spec: Spec, report: Reporter) -> None:
    """Play the publisher with an asyncio library, and watch its event loop."""
    socket = binding.announcer(spec)
    report(Report(endpoint=binding.endpoint_of(socket)))
    recv, count = socket.recv_multipart, spec.case.fan
    for _ in range(BASELINE_PEERS):
        await recv()
    before, start = _memory(), time.perf_counter()
    await socket.send(GO)
    for _ in range(count):
        await recv()
    connecting = time.perf_counter() - start
    growth, answers, blocked = (_memory() - before) / count, _Answers(count + BASELINE_PEERS), 0.0
    for _ in range(BROADCASTS):
        blocked = max(blocked, await _broadcast(socket, answers))
    metrics = {"bytes_per_peer": growth, "connect_seconds": connecting, "blocked_ms": 1e3 * blocked}
    report(Report(metrics=metrics | answers.metrics()))


async def _broadcast(socket: Any, answers: _Answers) -> float:
    """Send a message to all, wait until all have it, and return the longest time the loop was held up meanwhile."""
    ticker = _Ticker()
    await asyncio.sleep(_TICK_SECONDS)
    sent_at = time.perf_counter_ns()
    await socket.send(sent_at.to_bytes(8, "big"))
    frames = await socket.recv_multipart()
    blocked = ticker.stop()
    answers.add(frames, sent_at)
    return blocked

"""Measurements of aiomq's own parts, for which there is nothing comparable elsewhere: its matcher, its allocations."""

from __future__ import annotations

import asyncio
import gc
import random
import sys
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiomq.patterns.subscriptions import SubscriptionTable
from benchmarks.peers.base import Reporter
from benchmarks.peers.binding import Binding
from benchmarks.peers.scenarios import payload
from benchmarks.spec import Report, Spec

__all__ = ["measure_allocation", "measure_matching"]

_FRAMES: Final = 10_000
"""Messages that are matched in turn: enough for a million topics not to be served from the processor's cache alone."""

_READY: Final = 1000
"""Messages that are queued, and then received without waiting."""


class _Subscriber:
    """Stands for the peer that holds all subscriptions: the table does no more with it than to keep it."""

    over_wire = False


def measure_matching(spec: Spec, report: Reporter) -> None:
    """Look up random messages in a publisher's table of so many prefixes."""
    count, subscriber = spec.case.fan, _Subscriber()
    topics = [b"topic.%07d" % number for number in range(count)]
    table = SubscriptionTable()
    add, peer = table.add, _as_peer(subscriber)
    start = time.perf_counter()
    for topic in topics:
        add(peer, topic)
    subscribing = time.perf_counter() - start
    draw = random.Random(0)
    frames = [topics[draw.randrange(count)] + b".value" for _ in range(_FRAMES)]
    if not all(table.match(frame) for frame in frames):
        raise RuntimeError("a message that begins with a topic has to be matched")
    match, seconds, matched = table.match, 0.0, 0
    while seconds < spec.duration_seconds:
        start = time.perf_counter()
        for frame in frames:
            match(frame)
        seconds += time.perf_counter() - start
        matched += _FRAMES
    metrics = {"nanoseconds_per_match": seconds / matched * 1e9}
    if count > 1:
        metrics["subscribe_us"] = subscribing / count * 1e6
    report(Report(metrics=metrics))


def _as_peer(subscriber: Any) -> Any:
    return subscriber


async def measure_allocation(binding: Binding, spec: Spec, report: Reporter) -> None:
    """Count what messages cost in memory while they are queued, while a call runs, and after they are read."""
    pull, push = binding.bound("PULL", spec), binding.connected("PUSH", spec)
    message = payload(spec.case)
    await _send(push, message)
    await _receive(pull)
    blocks = _blocks()
    await _send(push, message)
    queued_blocks = _blocks() - blocks
    await _receive(pull)
    kept_blocks = _blocks() - blocks
    tracemalloc.start()
    traced = tracemalloc.get_traced_memory()[0]
    await _send(push, message)
    queued_bytes = tracemalloc.get_traced_memory()[0] - traced
    await _receive(pull)
    call_bytes = max([await _peak_of(push.send, message), await _peak_of(pull.recv)])
    tracemalloc.stop()
    report(
        Report(
            metrics={
                "queued_blocks": queued_blocks / _READY,
                "queued_bytes": queued_bytes / _READY,
                "kept_blocks": kept_blocks / _READY,
                "call_bytes": float(call_bytes),
            }
        )
    )
    await binding.aclose()


async def _send(socket: Any, message: bytes) -> None:
    for _ in range(_READY):
        await socket.send(message)
    await asyncio.sleep(0)


async def _receive(socket: Any) -> None:
    for _ in range(_READY):
        await socket.recv()
    await asyncio.sleep(0)


async def _peak_of(call: Callable[..., Awaitable[object]], *arguments: object) -> int:
    """Return how many bytes one call that need not wait takes for as long as it runs."""
    await asyncio.sleep(0)
    level = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    await call(*arguments)
    return tracemalloc.get_traced_memory()[1] - level


def _blocks() -> int:
    gc.collect()
    return sys.getallocatedblocks()

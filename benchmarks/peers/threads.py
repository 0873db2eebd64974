"""Two event loops in two threads, joined by inproc sockets of one context."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from benchmarks.peers.asynchronous import answer, flood, measure_pull, measure_request
from benchmarks.peers.base import Reporter
from benchmarks.peers.binding import Binding
from benchmarks.peers.loops import RunMain
from benchmarks.peers.scenarios import STOP
from benchmarks.spec import Spec

__all__ = ["run_threads"]


async def run_threads(binding: Binding, run: RunMain, spec: Spec, report: Reporter) -> None:
    """Measure what the loop in this thread gets from one in another thread."""
    is_latency = spec.case.scenario == "threads-latency"
    await (_round_trips if is_latency else _throughput)(binding, run, spec, report)
    await binding.aclose()


async def _throughput(binding: Binding, run: RunMain, spec: Spec, report: Reporter) -> None:
    pull, is_over = binding.bound("PULL", spec), threading.Event()

    async def push(socket: Any) -> None:
        await flood(socket, spec, is_over)
        await socket.send(STOP)

    async with _other_thread(binding, run, spec, "PUSH", push):
        report(await measure_pull(pull, spec))
        is_over.set()
        while await pull.recv() != STOP:
            continue


async def _round_trips(binding: Binding, run: RunMain, spec: Spec, report: Reporter) -> None:
    request = binding.bound("REQ", spec)
    async with _other_thread(binding, run, spec, "REP", answer):
        report(await measure_request(request, spec))
        await request.send(STOP)
        await request.recv()


@contextlib.asynccontextmanager
async def _other_thread(
    binding: Binding, run: RunMain, spec: Spec, kind: str, play: Callable[[Any], Awaitable[None]]
) -> AsyncIterator[None]:
    """Run `play` with a connected socket in another thread. The socket lives until this side has got everything."""
    all_here = threading.Event()

    async def main() -> None:
        socket = binding.connected(kind, spec)
        await play(socket)
        await asyncio.to_thread(all_here.wait)
        binding.close_one(socket)

    thread = threading.Thread(target=lambda: run(main()), daemon=True)
    thread.start()
    yield
    all_here.set()
    await asyncio.to_thread(thread.join)

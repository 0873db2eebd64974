"""An asyncio library shaped like pyzmq: one `await` a message, a task per side over inproc."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.meters import FlowMeter, RoundTripMeter, resident_bytes
from benchmarks.peers.base import Reporter
from benchmarks.peers.binding import Binding
from benchmarks.peers.crowds import await_crowd
from benchmarks.peers.scenarios import (
    BASELINE_PEERS,
    ECHOES_PER_CHUNK,
    FAN_CHUNK,
    HANDSHAKES_PER_CHUNK,
    STOP,
    payload,
    payloads,
    topic_of,
)
from benchmarks.peers.stamps import LossCounter, stamped
from benchmarks.spec import Report, Spec

__all__ = ["answer", "flood", "measure_pull", "measure_request", "run_asynchronous"]

_Role = Callable[[Binding, Spec, Reporter], Awaitable[None]]


async def run_asynchronous(binding: Binding, spec: Spec, report: Reporter) -> None:
    """Play one side of a measurement, or both over inproc."""
    await _ROLES[spec.case.scenario, spec.role](binding, spec, report)
    await binding.aclose()


def _bind(binding: Binding, kind: str, spec: Spec, report: Reporter) -> Any:
    socket = binding.bound(kind, spec)
    report(Report(endpoint=binding.endpoint_of(socket)))
    return socket


async def _pull(binding: Binding, spec: Spec, report: Reporter) -> None:
    report(await measure_pull(_bind(binding, "PULL", spec, report), spec))


async def measure_pull(socket: Any, spec: Spec) -> Report:
    """Count what comes out of a socket."""
    recv = socket.recv if spec.case.frames == 1 else socket.recv_multipart
    meter, chunk = FlowMeter(spec), spec.case.chunk
    for _ in meter.chunks():
        for _ in range(chunk):
            await recv()
    return Report(metrics=meter.metrics("messages_per_second", chunk))


async def _push(binding: Binding, spec: Spec, report: Reporter) -> None:
    await flood(binding.connected("PUSH", spec), spec, asyncio.Event())


async def flood(socket: Any, spec: Spec, is_over: asyncio.Event | threading.Event) -> None:
    """Send until it is over."""
    send = socket.send if spec.case.frames == 1 else socket.send_multipart
    messages = payloads(spec.case)
    while not is_over.is_set():
        for message in messages:
            await send(message)


async def _inproc_throughput(binding: Binding, spec: Spec, report: Reporter) -> None:
    pull, push, is_over = binding.bound("PULL", spec), binding.connected("PUSH", spec), asyncio.Event()

    async def pour() -> None:
        await flood(push, spec, is_over)
        await push.send(STOP)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(pour())
        report(await measure_pull(pull, spec))
        is_over.set()
        while await pull.recv() != STOP:
            continue


async def _pull_batches(binding: Binding, spec: Spec, report: Reporter) -> None:
    recv_many = _bind(binding, "PULL", spec, report).recv_many
    meter, chunk = FlowMeter(spec), spec.case.chunk
    for _ in meter.chunks():
        wanted = chunk
        while wanted:
            wanted -= len(await recv_many(wanted))
    report(Report(metrics=meter.metrics("messages_per_second", chunk)))


async def _push_batches(binding: Binding, spec: Spec, report: Reporter) -> None:
    send_many, batch = binding.connected("PUSH", spec).send_many, [payload(spec.case)] * spec.case.batch
    while True:
        await send_many(batch)


async def _reply(binding: Binding, spec: Spec, report: Reporter) -> None:
    await answer(_bind(binding, "REP", spec, report))


async def answer(socket: Any) -> None:
    """Send back each message, `STOP` as the last one."""
    message = None
    while message != STOP:
        message = await socket.recv()
        await socket.send(message)


async def _request(binding: Binding, spec: Spec, report: Reporter) -> None:
    report(await measure_request(binding.connected("REQ", spec), spec))


async def measure_request(socket: Any, spec: Spec) -> Report:
    """Time single round trips."""
    meter, message, now = RoundTripMeter(spec), payload(spec.case), time.perf_counter_ns
    send, recv, note = socket.send, socket.recv, meter.nanoseconds.append
    for _ in meter.warmups():
        await send(message)
        await recv()
    for _ in meter.rounds():
        start = now()
        await send(message)
        await recv()
        note(now() - start)
    return meter.report()


async def _inproc_latency(binding: Binding, spec: Spec, report: Reporter) -> None:
    reply, request = binding.bound("REP", spec), binding.connected("REQ", spec)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(answer(reply))
        report(await measure_request(request, spec))
        await request.send(STOP)
        await request.recv()


async def _publish(binding: Binding, spec: Spec, report: Reporter) -> None:
    send, number = _bind(binding, "PUB", spec, report).send, 0
    while True:
        number += 1
        message = stamped(number, spec.case.size, topic_of(spec.case, number))
        for _ in range(FAN_CHUNK):
            await send(message)


async def _subscribe(binding: Binding, spec: Spec, report: Reporter) -> None:
    count = spec.case.fan if spec.case.scenario == "fanout" else 1
    recvs = [binding.connected("SUB", spec).recv for _ in range(count)]
    meter, losses, message = FlowMeter(spec), LossCounter(FAN_CHUNK, len(topic_of(spec.case, 0))), b""
    for _ in meter.chunks():
        for recv in reversed(recvs):
            for _ in range(FAN_CHUNK):
                message = await recv()
        if meter.is_measuring:
            losses.add(message, FAN_CHUNK)
    delivered = meter.metrics("delivered_per_second", FAN_CHUNK * count)
    report(Report(metrics=delivered | {"lost_percent": losses.lost_percent}))


async def _route(binding: Binding, spec: Spec, report: Reporter) -> None:
    socket = _bind(binding, "ROUTER", spec, report)
    recv, send = socket.recv_multipart, socket.send_multipart
    while True:
        await send(await recv())


async def _deal(binding: Binding, spec: Spec, report: Reporter) -> None:
    sockets = [binding.connected("DEALER", spec) for _ in range(spec.case.fan)]
    sends, recvs = [socket.send for socket in sockets], [socket.recv for socket in sockets]
    meter, message, turns = FlowMeter(spec), payload(spec.case), max(1, ECHOES_PER_CHUNK // spec.case.fan)
    for _ in meter.chunks():
        for _ in range(turns):
            for send in sends:
                await send(message)
            for recv in recvs:
                await recv()
    report(Report(metrics=meter.metrics("echoes_per_second", turns * spec.case.fan)))


async def _greet(binding: Binding, spec: Spec, report: Reporter) -> None:
    """Connect so many clients at once, let each have one echo, and close them: again and again."""
    meter, message, fan = FlowMeter(spec), payload(spec.case), spec.case.fan
    turns = max(1, HANDSHAKES_PER_CHUNK // fan)
    for _ in meter.chunks():
        for _ in range(turns):
            sockets = [binding.connected("DEALER", spec) for _ in range(fan)]
            for socket in sockets:
                await socket.send(message)
            for socket in sockets:
                await socket.recv()
                binding.close_one(socket)
    report(Report(metrics=meter.metrics("handshakes_per_second", turns * fan)))


async def _host(binding: Binding, spec: Spec, report: Reporter) -> None:
    socket = _bind(binding, "ROUTER", spec, report)
    before = 0
    for count in range(1, BASELINE_PEERS + spec.case.fan + 1):
        frames = await socket.recv_multipart()
        if count == BASELINE_PEERS:
            before = resident_bytes()
        await socket.send_multipart(frames)
    report(Report(metrics={"bytes_per_peer": (resident_bytes() - before) / spec.case.fan}))


async def _idle(binding: Binding, spec: Spec, report: Reporter) -> None:
    message = payload(spec.case)
    for _ in range(BASELINE_PEERS + spec.case.fan):
        socket = binding.connected("DEALER", spec)
        await socket.send(message)
        await socket.recv()
    await asyncio.Event().wait()


async def _forward(binding: Binding, spec: Spec, report: Reporter) -> None:
    frontend = _bind(binding, "PULL", spec, report)
    await binding.constants.proxy(frontend, binding.onward("PUSH", spec))


_ROLES: dict[tuple[str, str], _Role] = {
    ("throughput", "bind"): _pull,
    ("throughput", "connect"): _push,
    ("throughput", "inproc"): _inproc_throughput,
    ("multipart", "bind"): _pull,
    ("multipart", "connect"): _push,
    ("batch", "bind"): _pull_batches,
    ("batch", "connect"): _push_batches,
    ("latency", "bind"): _reply,
    ("latency", "connect"): _request,
    ("latency", "inproc"): _inproc_latency,
    ("fanout", "bind"): _publish,
    ("fanout", "connect"): _subscribe,
    ("echo", "bind"): _route,
    ("echo", "connect"): _deal,
    ("memory", "bind"): _host,
    ("memory", "connect"): _idle,
    ("topics", "bind"): _publish,
    ("topics", "connect"): _subscribe,
    ("proxy", "bind"): _pull,
    ("proxy", "proxy"): _forward,
    ("proxy", "connect"): _push,
    ("curve", "bind"): _pull,
    ("curve", "connect"): _push,
    ("curve-mixed", "bind"): _pull,
    ("curve-mixed", "connect"): _push,
    ("curve-handshakes", "bind"): _route,
    ("curve-handshakes", "connect"): _greet,
    ("connections", "bind"): await_crowd,
}

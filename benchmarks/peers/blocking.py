"""A blocking library shaped like pyzmq: plain `send` and `recv` in a loop, a thread per side over inproc."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from benchmarks.meters import FlowMeter, RoundTripMeter, resident_bytes
from benchmarks.peers.base import Reporter
from benchmarks.peers.binding import Binding
from benchmarks.peers.crowds import announce_to_crowd
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

__all__ = ["run_blocking"]

_Role = Callable[[Binding, Spec, Reporter], None]


def run_blocking(binding: Binding, spec: Spec, report: Reporter) -> None:
    """Play one side of a measurement, or both over inproc."""
    _ROLES[spec.case.scenario, spec.role](binding, spec, report)
    binding.close()


def _bind(binding: Binding, kind: str, spec: Spec, report: Reporter) -> Any:
    socket = binding.bound(kind, spec)
    report(Report(endpoint=binding.endpoint_of(socket)))
    return socket


def _pull(binding: Binding, spec: Spec, report: Reporter) -> None:
    report(_measure_pull(_bind(binding, "PULL", spec, report), spec))


def _measure_pull(socket: Any, spec: Spec) -> Report:
    recv = socket.recv if spec.case.frames == 1 else socket.recv_multipart
    meter, chunk = FlowMeter(spec), spec.case.chunk
    for _ in meter.chunks():
        for _ in range(chunk):
            recv()
    return Report(metrics=meter.metrics("messages_per_second", chunk))


def _push(binding: Binding, spec: Spec, report: Reporter) -> None:
    _flood(binding.connected("PUSH", spec), spec, threading.Event())


def _flood(socket: Any, spec: Spec, is_over: threading.Event) -> None:
    send = socket.send if spec.case.frames == 1 else socket.send_multipart
    messages = payloads(spec.case)
    while not is_over.is_set():
        for message in messages:
            send(message)


def _inproc_throughput(binding: Binding, spec: Spec, report: Reporter) -> None:
    pull, push, is_over = binding.bound("PULL", spec), binding.connected("PUSH", spec), threading.Event()

    def flood() -> None:
        _flood(push, spec, is_over)
        push.send(STOP)

    sender = threading.Thread(target=flood, daemon=True)
    sender.start()
    report(_measure_pull(pull, spec))
    is_over.set()
    while pull.recv() != STOP:
        continue
    sender.join()


def _reply(binding: Binding, spec: Spec, report: Reporter) -> None:
    _answer(_bind(binding, "REP", spec, report))


def _answer(socket: Any) -> None:
    message = None
    while message != STOP:
        message = socket.recv()
        socket.send(message)


def _request(binding: Binding, spec: Spec, report: Reporter) -> None:
    report(_measure_request(binding.connected("REQ", spec), spec))


def _measure_request(socket: Any, spec: Spec) -> Report:
    meter, message, now = RoundTripMeter(spec), payload(spec.case), time.perf_counter_ns
    send, recv, note = socket.send, socket.recv, meter.nanoseconds.append
    for _ in meter.warmups():
        send(message)
        recv()
    for _ in meter.rounds():
        start = now()
        send(message)
        recv()
        note(now() - start)
    return meter.report()


def _inproc_latency(binding: Binding, spec: Spec, report: Reporter) -> None:
    reply, request = binding.bound("REP", spec), binding.connected("REQ", spec)
    answerer = threading.Thread(target=_answer, args=(reply,), daemon=True)
    answerer.start()
    report(_measure_request(request, spec))
    request.send(STOP)
    request.recv()
    answerer.join()


def _publish(binding: Binding, spec: Spec, report: Reporter) -> None:
    send, number = _bind(binding, "PUB", spec, report).send, 0
    while True:
        number += 1
        message = stamped(number, spec.case.size, topic_of(spec.case, number))
        for _ in range(FAN_CHUNK):
            send(message)


def _subscribe(binding: Binding, spec: Spec, report: Reporter) -> None:
    count = spec.case.fan if spec.case.scenario == "fanout" else 1
    recvs = [binding.connected("SUB", spec).recv for _ in range(count)]
    meter, losses, message = FlowMeter(spec), LossCounter(FAN_CHUNK, len(topic_of(spec.case, 0))), b""
    for _ in meter.chunks():
        for recv in reversed(recvs):
            for _ in range(FAN_CHUNK):
                message = recv()
        if meter.is_measuring:
            losses.add(message, FAN_CHUNK)
    delivered = meter.metrics("delivered_per_second", FAN_CHUNK * count)
    report(Report(metrics=delivered | {"lost_percent": losses.lost_percent}))


def _route(binding: Binding, spec: Spec, report: Reporter) -> None:
    socket = _bind(binding, "ROUTER", spec, report)
    recv, send = socket.recv_multipart, socket.send_multipart
    while True:
        send(recv())


def _deal(binding: Binding, spec: Spec, report: Reporter) -> None:
    sockets = [binding.connected("DEALER", spec) for _ in range(spec.case.fan)]
    sends, recvs = [socket.send for socket in sockets], [socket.recv for socket in sockets]
    meter, message, turns = FlowMeter(spec), payload(spec.case), max(1, ECHOES_PER_CHUNK // spec.case.fan)
    for _ in meter.chunks():
        for _ in range(turns):
            for send in sends:
                send(message)
            for recv in recvs:
                recv()
    report(Report(metrics=meter.metrics("echoes_per_second", turns * spec.case.fan)))


def _greet(binding: Binding, spec: Spec, report: Reporter) -> None:
    """Connect so many clients at once, let each have one echo, and close them: again and again."""
    meter, message, fan = FlowMeter(spec), payload(spec.case), spec.case.fan
    turns = max(1, HANDSHAKES_PER_CHUNK // fan)
    for _ in meter.chunks():
        for _ in range(turns):
            sockets = [binding.connected("DEALER", spec) for _ in range(fan)]
            for socket in sockets:
                socket.send(message)
            for socket in sockets:
                socket.recv()
                binding.close_one(socket)
    report(Report(metrics=meter.metrics("handshakes_per_second", turns * fan)))


def _host(binding: Binding, spec: Spec, report: Reporter) -> None:
    socket = _bind(binding, "ROUTER", spec, report)
    before = 0
    for count in range(1, BASELINE_PEERS + spec.case.fan + 1):
        frames = socket.recv_multipart()
        if count == BASELINE_PEERS:
            before = resident_bytes()
        socket.send_multipart(frames)
    report(Report(metrics={"bytes_per_peer": (resident_bytes() - before) / spec.case.fan}))


def _idle(binding: Binding, spec: Spec, report: Reporter) -> None:
    message = payload(spec.case)
    for _ in range(BASELINE_PEERS + spec.case.fan):
        socket = binding.connected("DEALER", spec)
        socket.send(message)
        socket.recv()
    threading.Event().wait()


def _forward(binding: Binding, spec: Spec, report: Reporter) -> None:
    frontend = _bind(binding, "PULL", spec, report)
    binding.constants.proxy(frontend, binding.onward("PUSH", spec))


_ROLES: dict[tuple[str, str], _Role] = {
    ("throughput", "bind"): _pull,
    ("throughput", "connect"): _push,
    ("throughput", "inproc"): _inproc_throughput,
    ("multipart", "bind"): _pull,
    ("multipart", "connect"): _push,
    ("latency", "bind"): _reply,
    ("latency", "connect"): _request,
    ("latency", "inproc"): _inproc_latency,
    ("fanout", "bind"): _publish,
    ("fanout", "connect"): _subscribe,
    ("echo", "bind"): _route,
    ("echo", "connect"): _deal,
    ("memory", "bind"): _host,
    ("memory", "connect"): _idle,
    ("threads", "inproc"): _inproc_throughput,
    ("threads-latency", "inproc"): _inproc_latency,
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
    ("connections", "bind"): announce_to_crowd,
}

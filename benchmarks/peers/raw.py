"""No ZeroMQ at all: bytes over a bare socket, and over a bare uvloop `Protocol`. What the machine can do at most.

A "message" is just `size` bytes, unframed. The streams write blocks of many of them at once.
"""

from __future__ import annotations

import asyncio
import socket as stdlib_socket
import time
from collections.abc import Awaitable, Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import cast

from benchmarks.meters import FlowMeter, RoundTripMeter
from benchmarks.peers.base import PythonPeer, Reporter
from benchmarks.peers.loops import run_on_uvloop
from benchmarks.spec import Report, Spec

__all__ = ["RawSocketPeer", "RawUvloopPeer"]

_BLOCK_BYTES = 65536
_BUFFER_BYTES = 262144
_NETWORKS = frozenset({"tcp", "ipc"})


def _block(size: int) -> bytes:
    return bytes(max(size, _BLOCK_BYTES // size * size))


def _listen(endpoint: str, report: Reporter) -> stdlib_socket.socket:
    transport, _, address = endpoint.partition("://")
    if transport == "ipc":
        listener = stdlib_socket.socket(stdlib_socket.AF_UNIX)
        listener.bind(address)
    else:
        listener = stdlib_socket.create_server((address.rpartition(":")[0], 0))
        endpoint = "tcp://{}:{}".format(*listener.getsockname())
    listener.listen()
    report(Report(endpoint=endpoint))
    return listener


def _dial(endpoint: str) -> stdlib_socket.socket:
    transport, _, address = endpoint.partition("://")
    if transport == "ipc":
        stream = stdlib_socket.socket(stdlib_socket.AF_UNIX)
        stream.connect(address)
        return stream
    host, _, port = address.rpartition(":")
    return _undelayed(stdlib_socket.create_connection((host, int(port))))


def _undelayed(stream: stdlib_socket.socket) -> stdlib_socket.socket:
    if stream.family != getattr(stdlib_socket, "AF_UNIX", None):
        stream.setsockopt(stdlib_socket.IPPROTO_TCP, stdlib_socket.TCP_NODELAY, 1)
    return stream


class RawSocketPeer(PythonPeer):
    """Blocking sockets of the standard library."""

    def __init__(self) -> None:
        super().__init__(
            "raw-socket",
            "blocking socket, no framing",
            scenarios=frozenset({"throughput", "latency"}),
            transports=_NETWORKS,
        )

    def prepare(self, directory: Path) -> str | None:
        """Return no version: the standard library is there."""
        return None

    def run(self, spec: Spec, report: Reporter) -> None:
        """Stream or echo over one connection."""
        if spec.role == "bind":
            with _listen(spec.endpoint, report) as listener:
                stream = _undelayed(listener.accept()[0])
        else:
            stream = _dial(spec.endpoint)
        with stream:
            if spec.case.scenario == "throughput":
                self._read(stream, spec, report) if spec.role == "bind" else self._write(stream, spec)
            else:
                self._echo(stream) if spec.role == "bind" else self._ask(stream, spec, report)

    @staticmethod
    def _read(stream: stdlib_socket.socket, spec: Spec, report: Reporter) -> None:
        meter, buffer, unread = FlowMeter(spec), bytearray(_BUFFER_BYTES), 0
        wanted = spec.case.chunk * spec.case.size
        for _ in meter.chunks():
            while unread < wanted:
                unread += stream.recv_into(buffer)
            unread -= wanted
        report(Report(metrics=meter.metrics("messages_per_second", spec.case.chunk)))

    @staticmethod
    def _write(stream: stdlib_socket.socket, spec: Spec) -> None:
        block = _block(spec.case.size)
        while True:
            stream.sendall(block)

    @staticmethod
    def _echo(stream: stdlib_socket.socket) -> None:
        while data := stream.recv(_BUFFER_BYTES):
            stream.sendall(data)

    @staticmethod
    def _ask(stream: stdlib_socket.socket, spec: Spec, report: Reporter) -> None:
        meter, message, now = RoundTripMeter(spec), bytes(spec.case.size), time.perf_counter_ns

        def round_trip() -> None:
            stream.sendall(message)
            unread = len(message)
            while unread:
                unread -= len(stream.recv(unread))

        for _ in meter.warmups():
            round_trip()
        for _ in meter.rounds():
            start = now()
            round_trip()
            meter.nanoseconds.append(now() - start)
        report(meter.report())


class _Reader(asyncio.BufferedProtocol):
    """Counts bytes as they come, and is done when the meter is."""

    def __init__(self, spec: Spec) -> None:
        self.meter, self.done = FlowMeter(spec), asyncio.get_running_loop().create_future()
        self._buffer, self._unread = bytearray(_BUFFER_BYTES), 0
        self._chunk_bytes = spec.case.chunk * spec.case.size
        self._chunks = self.meter.chunks()
        next(self._chunks)

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._unread += nbytes
        while self._unread >= self._chunk_bytes:
            self._unread -= self._chunk_bytes
            if next(self._chunks, self.done) is self.done and not self.done.done():
                self.done.set_result(None)


class _Writer(asyncio.Protocol):
    """Writes blocks for as long as the transport takes them."""

    def __init__(self, spec: Spec) -> None:
        self._block, self._is_paused = _block(spec.case.size), False
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are WriteTransports in all but their base class.
        self._transport = cast(asyncio.WriteTransport, transport)
        self._pour(self._transport)

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        if self._transport is not None:
            self._pour(self._transport)

    def _pour(self, transport: asyncio.WriteTransport) -> None:
        for _ in range(64):
            if self._is_paused or transport.is_closing():
                return
            transport.write(self._block)
        asyncio.get_running_loop().call_soon(self._pour, transport)


class _Echo(asyncio.Protocol):
    """Writes back what it reads."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)


class _Asker(asyncio.Protocol):
    """Sends the next message when the last one is back."""

    def __init__(self, spec: Spec) -> None:
        self.meter, self.done = RoundTripMeter(spec), asyncio.get_running_loop().create_future()
        self._message, self._unread, self._start = bytes(spec.case.size), 0, 0
        self._is_warm = False
        self._turns: Iterator[None] = self.meter.warmups()
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)
        self._next_turn()

    def data_received(self, data: bytes) -> None:
        self._unread -= len(data)
        if self._unread == 0:
            if self._is_warm:
                self.meter.nanoseconds.append(time.perf_counter_ns() - self._start)
            self._next_turn()

    def _next_turn(self) -> None:
        assert self._transport is not None
        for _ in self._turns:
            self._unread, self._start = len(self._message), time.perf_counter_ns()
            self._transport.write(self._message)
            return
        if self._is_warm:
            self.done.set_result(None)
            return
        self._is_warm, self._turns = True, self.meter.rounds()
        self._next_turn()


class RawUvloopPeer(PythonPeer):
    """Protocols of asyncio, on uvloop."""

    def __init__(self) -> None:
        super().__init__(
            "raw-uvloop",
            "uvloop Protocol, no framing",
            scenarios=frozenset({"throughput", "latency"}),
            transports=_NETWORKS,
        )

    def prepare(self, directory: Path) -> str | None:
        """Return the version of uvloop.

        Raises:
            PackageNotFoundError: it isn't installed.
        """
        return metadata.version("uvloop")

    def run(self, spec: Spec, report: Reporter) -> None:
        """Stream or echo over one connection."""
        run_on_uvloop(self._play(spec, report))

    async def _play(self, spec: Spec, report: Reporter) -> None:
        roles: dict[tuple[str, str], Callable[[Spec, Reporter], Awaitable[None]]] = {
            ("throughput", "bind"): self._read,
            ("throughput", "connect"): self._write,
            ("latency", "bind"): self._echo,
            ("latency", "connect"): self._ask,
        }
        await roles[spec.case.scenario, spec.role](spec, report)

    async def _read(self, spec: Spec, report: Reporter) -> None:
        loop, reader = asyncio.get_running_loop(), _Reader(spec)
        with _listen(spec.endpoint, report) as listener:
            accepted = await self._accept(listener)
            await loop.connect_accepted_socket(lambda: reader, accepted)
            await reader.done
        report(Report(metrics=reader.meter.metrics("messages_per_second", spec.case.chunk)))

    async def _write(self, spec: Spec, report: Reporter) -> None:
        writer = _Writer(spec)
        await self._connect(writer, spec)
        await asyncio.Event().wait()

    async def _echo(self, spec: Spec, report: Reporter) -> None:
        with _listen(spec.endpoint, report) as listener:
            await asyncio.get_running_loop().connect_accepted_socket(_Echo, await self._accept(listener))
            await asyncio.Event().wait()

    async def _ask(self, spec: Spec, report: Reporter) -> None:
        asker = _Asker(spec)
        await self._connect(asker, spec)
        await asker.done
        report(asker.meter.report())

    @staticmethod
    async def _connect(protocol: asyncio.Protocol, spec: Spec) -> None:
        loop, stream = asyncio.get_running_loop(), _dial(spec.endpoint)
        if spec.case.transport == "ipc":
            await loop.create_unix_connection(lambda: protocol, sock=stream)
        else:
            await loop.create_connection(lambda: protocol, sock=stream)

    @staticmethod
    async def _accept(listener: stdlib_socket.socket) -> stdlib_socket.socket:
        listener.setblocking(False)
        accepted, _ = await asyncio.get_running_loop().sock_accept(listener)
        return _undelayed(accepted)

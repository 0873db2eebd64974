"""Peers that put on the wire exactly what a test says, and ways to await what a monitor tells."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

from aiomq import Event, MonitorEvent
from aiomq.monitor import Monitor
from aiomq.zmtp.commands import READY, encode_ready, parse_metadata

__all__ = [
    "BOUND",
    "COMMAND",
    "GREETING",
    "LONG",
    "MORE",
    "Acceptor",
    "Script",
    "Wire",
    "closed_port",
    "events_until",
    "frame",
    "greeting",
    "handshake",
    "names",
    "ready",
    "settled",
    "until",
]

BOUND: Final = 10
"""Seconds after which a test has waited in vain."""

MORE: Final = 1
LONG: Final = 2
COMMAND: Final = 4


def greeting(mechanism: bytes = b"NULL", version: tuple[int, int] = (3, 1)) -> bytes:
    """Return the 64 octets of a greeting."""
    return b"\xff" + bytes(7) + b"\x01\x7f" + bytes(version) + mechanism.ljust(20, b"\0") + bytes(32)


GREETING: Final = greeting()


def frame(body: bytes, flags: int = 0) -> bytes:
    """Return one frame, in the long form where its size asks for it."""
    if len(body) > 255 or flags & LONG:
        return struct.pack(">BQ", flags | LONG, len(body)) + body
    return bytes((flags, len(body))) + body


def ready(socket_type: str, *properties: tuple[str, bytes]) -> bytes:
    """Return the frame of a READY command."""
    return frame(encode_ready([("Socket-Type", socket_type.encode()), *properties]), COMMAND)


def handshake(socket_type: str, *properties: tuple[str, bytes], version: tuple[int, int] = (3, 1)) -> bytes:
    """Return all that one side says in a NULL handshake."""
    return greeting(version=version) + ready(socket_type, *properties)


class Wire:
    """One end of a byte stream."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, data: bytes) -> None:
        """Write octets as they are."""
        self._writer.write(data)

    @property
    def unsent(self) -> int:
        """How many octets the system has not taken yet."""
        return self._writer.transport.get_write_buffer_size()

    async def drain(self) -> None:
        """Wait until the system has taken what was written."""
        await self._writer.drain()

    async def read(self, size: int) -> bytes:
        """Read so many octets."""
        async with asyncio.timeout(BOUND):
            return await self._reader.readexactly(size)

    async def frame(self) -> tuple[int, bytes]:
        """Read one frame: its flags, without LONG, and its body."""
        flags, size = await self.read(2)
        if flags & LONG:
            size = int.from_bytes(bytes((size,)) + await self.read(7))
        return flags & ~LONG, await self.read(size)

    async def greet(
        self, socket_type: str, *properties: tuple[str, bytes], version: tuple[int, int] = (3, 1)
    ) -> dict[str, bytes]:
        """Go through a NULL handshake; return the properties that the other side announced."""
        self.send(handshake(socket_type, *properties, version=version))
        await self.read(len(GREETING))
        flags, body = await self.frame()
        assert flags & COMMAND
        assert body.startswith(READY)
        return parse_metadata(body[len(READY) :])

    async def ended(self) -> bytes:
        """Wait until the other side has closed; return what it still said."""
        rest = b""
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(BOUND):
                rest = await self._reader.read()
        return rest

    def close(self) -> None:
        """Close this end."""
        self._writer.close()

    def abort(self) -> None:
        """Close this end by a reset."""
        sock = self._writer.get_extra_info("socket")
        if sock is None:
            return  # the other side was quicker, and the transport is closed
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def gone(self) -> None:
        """Wait until this end is closed."""
        self._writer.transport.abort()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


class Acceptor:
    """Listens, and gives a wire for whoever connects."""

    def __init__(self) -> None:
        self.endpoint = ""
        self._server: asyncio.Server
        self._accepted: asyncio.Queue[Wire] = asyncio.Queue()

    async def start(self, sock: socket.socket) -> Self:
        """Listen on a bound socket."""
        self._server = await asyncio.start_server(self._add, sock=sock)
        self.endpoint = "tcp://{}:{}".format(*sock.getsockname())
        return self

    def _add(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._accepted.put_nowait(Wire(reader, writer))

    async def accept(self) -> Wire:
        """Wait for somebody to connect."""
        async with asyncio.timeout(BOUND):
            return await self._accepted.get()

    @property
    def waiting(self) -> int:
        """How many connected and were not taken yet."""
        return self._accepted.qsize()

    def close(self) -> None:
        """Listen no more."""
        self._server.close()


class Script:
    """Makes wires and acceptors, closes them all at its end, and fails if the event loop was given an error to log."""

    def __init__(self) -> None:
        self.loop_errors: list[dict[str, Any]] = []
        self._wires: list[Wire] = []
        self._acceptors: list[Acceptor] = []
        self._socks: list[socket.socket] = []

    async def __aenter__(self) -> Self:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: self.loop_errors.append(context))
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for acceptor in self._acceptors:
            acceptor.close()
        for _ in range(5):  # who was being accepted is accepted then
            await asyncio.sleep(0)
        for acceptor in self._acceptors:
            self._wires += [await acceptor.accept() for _ in range(acceptor.waiting)]
        for wire in self._wires:
            await wire.gone()
        for sock in self._socks:
            sock.close()
        asyncio.get_running_loop().set_exception_handler(None)
        assert not self.loop_errors, self.loop_errors

    async def dial(self, endpoint: str, source: str = "") -> Wire:
        """Connect to a tcp or ipc endpoint; over tcp from an address, if one is given."""
        scheme, _, rest = endpoint.partition("://")
        if scheme == "ipc":
            reader, writer = await asyncio.open_unix_connection(rest)
        else:
            host, _, port = rest.rpartition(":")
            local = (source, 0) if source else None
            reader, writer = await asyncio.open_connection(host.strip("[]"), int(port), local_addr=local)
        wire = Wire(reader, writer)
        self._wires.append(wire)
        return wire

    async def greeted(self, endpoint: str, socket_type: str, *properties: tuple[str, bytes]) -> Wire:
        """Connect and go through a NULL handshake."""
        wire = await self.dial(endpoint)
        await wire.greet(socket_type, *properties)
        return wire

    async def listen(self, sock: socket.socket | None = None) -> Acceptor:
        """Listen at a free port, or on a bound socket."""
        acceptor = Acceptor()
        self._acceptors.append(acceptor)
        return await acceptor.start(sock or self.bound())

    async def accepted(self, acceptor: Acceptor) -> Wire:
        """Wait for somebody to connect to an acceptor."""
        wire = await acceptor.accept()
        self._wires.append(wire)
        return wire

    async def hang_up(self) -> None:
        """Close all wires there are."""
        for wire in self._wires:
            await wire.gone()
        self._wires.clear()

    def keep(self, sock: socket.socket) -> None:
        """Close a system socket at the end."""
        self._socks.append(sock)

    def bound(self) -> socket.socket:
        """Return a socket that has a port and does not listen: who connects there is refused."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socks.append(sock)
        sock.bind(("127.0.0.1", 0))
        return sock

    def crowded(self) -> socket.socket:
        """Return a socket whose queue of connections is full: whoever else connects there waits in vain."""
        sock = self.bound()
        sock.listen(0)
        for _ in range(3):
            waiting = socket.socket()
            self.keep(waiting)
            waiting.setblocking(False)
            waiting.connect_ex(sock.getsockname())
        return sock


def closed_port(sock: socket.socket) -> str:
    """Return the endpoint of a socket made by `Script.bound`."""
    return "tcp://{}:{}".format(*sock.getsockname())


async def until(monitor: Monitor, event: Event) -> MonitorEvent:
    """Wait for an event; those before it are skipped."""
    return (await events_until(monitor, event))[-1]


async def events_until(monitor: Monitor, event: Event, count: int = 1) -> list[MonitorEvent]:
    """Return all events up to the one waited for, which may have to come several times."""
    events: list[MonitorEvent] = []
    async with asyncio.timeout(BOUND):
        while count:
            events.append(await anext(monitor))
            count -= events[-1].event is event
    return events


def names(events: list[MonitorEvent]) -> list[str]:
    """Return what happened, without where and why."""
    return [each.event.name or "" for each in events]


async def settled(condition: Callable[[], bool]) -> None:
    """Let the loop turn until something is so."""
    async with asyncio.timeout(BOUND):
        while not condition():  # noqa: ASYNC110  # nobody tells when it is so
            await asyncio.sleep(0)

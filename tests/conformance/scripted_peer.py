"""Peers of every ZMTP version that say exactly what a script says and check every octet they hear.

They are written from the RFCs (13, 15, 23, 37) and share no code with the package: a mistake in its codec is not
repeated here. A `Dialect` knows how one version greets and frames; a `ScriptedPeer` is one raw tcp connection; `meet`
joins it to an aiomq socket that binds or connects.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket as sockets
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import aiomq

BOUND_SECONDS: Final = 5
"""How long a peer waits for octets that never come before its test fails."""

SIGNATURE: Final = bytes.fromhex("ff 0000000000000001 7f")
"""The first ten octets of whoever has no identity."""

NULL_GREETING: Final = b"NULL" + bytes(16) + bytes(32)
"""A 3.x greeting from the mechanism on."""

ANNOUNCING_IDENTITY: Final = frozenset({aiomq.REQ, aiomq.DEALER, aiomq.ROUTER})

SETTLE_TURNS: Final = 5
"""Turns of the loop in which octets that were sent have arrived and had their effect."""


# -- frames -----------------------------------------------------------------------------------------------------------


def v2_frame(body: bytes, flags: int = 0) -> bytes:
    """Return a frame of ZMTP 2.0 or 3.x: flags (1 MORE, 2 LONG, 4 COMMAND), size, body."""
    head = bytes((flags, len(body))) if len(body) <= 255 else struct.pack(">BQ", flags | 2, len(body))
    return head + body


def v1_frame(body: bytes, flags: int = 0) -> bytes:
    """Return a frame of ZMTP 1.0: a length that counts the flags octet, flags (1 MORE), body."""
    size = len(body) + 1
    head = bytes((size,)) if size <= 254 else struct.pack(">BQ", 0xFF, size)
    return head + bytes((flags,)) + body


def command(name: bytes, data: bytes = b"") -> bytes:
    """Return a command frame of ZMTP 3.x."""
    return v2_frame(bytes((len(name),)) + name + data, 4)


def metadata(*properties: tuple[bytes, bytes]) -> bytes:
    """Return properties as a READY command holds them."""
    return b"".join(bytes((len(name),)) + name + struct.pack(">I", len(value)) + value for name, value in properties)


def ready(socket_type: aiomq.SocketType, identity: bytes = b"", *more: tuple[bytes, bytes]) -> bytes:
    """Return the READY command of a type, with the Identity property where the type has one."""
    properties = [(b"Socket-Type", socket_type.name.encode())]
    if socket_type in ANNOUNCING_IDENTITY:
        properties.append((b"Identity", identity))
    return command(b"READY", metadata(*properties, *more))


def signature(identity: bytes = b"") -> bytes:
    """Return the ten octets that open a connection: to a 1.0 peer they are the long header of an identity frame."""
    return b"\xff" + struct.pack(">Q", len(identity) + 1) + b"\x7f"


# -- versions ---------------------------------------------------------------------------------------------------------

Steps = Sequence[tuple[bytes, bytes]]
"""What to hear and what to say then, one after the other."""


@dataclass(frozen=True)
class Dialect:
    """How one version of ZMTP looks on the wire.

    Attributes:
        name: shown in the ids of tests.
        revision: the octet after the signature; None for a peer without a greeting.
        minor: the octet after that, of a 3.x peer.
        frame: makes a frame of a body and flags.
        has_commands: subscriptions are commands, not messages.
    """

    name: str
    revision: int | None
    minor: int | None
    frame: Callable[[bytes, int], bytes]
    has_commands: bool

    @property
    def is_old(self) -> bool:
        """Whether the version has neither metadata nor handshake events."""
        return self.minor is None

    def message(self, *frames: bytes) -> bytes:
        """Return a message of these frames."""
        last = len(frames) - 1
        return b"".join(self.frame(frame, int(index < last)) for index, frame in enumerate(frames))

    def subscribe(self, topic: bytes) -> bytes:
        """Return what subscribes to a topic."""
        return command(b"SUBSCRIBE", topic) if self.has_commands else self.frame(b"\x01" + topic, 0)

    def cancel(self, topic: bytes) -> bytes:
        """Return what cancels a subscription."""
        return command(b"CANCEL", topic) if self.has_commands else self.frame(b"\x00" + topic, 0)

    def handshake(
        self,
        ours: aiomq.SocketType,
        theirs: aiomq.SocketType,
        *,
        our_id: bytes = b"",
        their_id: bytes = b"",
    ) -> Steps:
        """Return the whole handshake of a socket of ours with a peer of this version, as the peer sees it.

        A step that hears nothing is there to let the socket act on less than all it needs.
        """
        opening = signature(our_id)
        if self.revision is None:
            return [(opening, v1_frame(their_id)), (our_id, b"")]
        if self.minor is None:
            return [
                (opening, SIGNATURE),
                (b"\x03", bytes((self.revision,))),
                (bytes((old_type(ours),)), bytes((old_type(theirs),))),
                (self.frame(our_id, 0), self.frame(their_id, 0)),
            ]
        return [
            (opening, SIGNATURE),
            (b"\x03", bytes((self.revision,))),
            (b"\x01" + NULL_GREETING, bytes((self.minor,))),
            (b"", NULL_GREETING),
            (ready(ours, our_id), ready(theirs, their_id)),
        ]


def old_type(socket_type: aiomq.SocketType) -> int:
    """Return the type octet of a 2.0 greeting, where an XPUB is a PUB and an XSUB is a SUB (RFC 15)."""
    return {aiomq.XPUB: 1, aiomq.XSUB: 2}.get(socket_type, int(socket_type))


V31: Final = Dialect("3.1", 3, 1, v2_frame, has_commands=True)
V30: Final = Dialect("3.0", 3, 0, v2_frame, has_commands=False)
V20: Final = Dialect("2.0", 1, None, v2_frame, has_commands=False)
V10: Final = Dialect("1.0", None, None, v1_frame, has_commands=False)
REVISION_0: Final = Dialect("revision-0", 0, None, v1_frame, has_commands=False)

DIALECTS: Final = (V31, V30, V20, V10, REVISION_0)


# -- connections ------------------------------------------------------------------------------------------------------


class ScriptedPeer:
    """One raw connection to an aiomq socket.

    Args:
        sock: connected, and in non-blocking mode.
        piece: how many octets leave at a time; None for all at once.
    """

    def __init__(self, sock: sockets.socket, piece: int | None = None) -> None:
        sock.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NODELAY, 1)
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self.piece = piece
        self.heard = b""
        """Everything that was heard so far."""

    @property
    def address(self) -> str:
        """This end, as the socket's monitor names it."""
        host, port = self._sock.getsockname()
        return f"{host}:{port}"

    async def says(self, data: bytes) -> None:
        """Send octets, in pieces if the peer was made so; each piece is read before the next one is sent."""
        step = self.piece or len(data) or 1
        for start in range(0, len(data), step):
            async with asyncio.timeout(BOUND_SECONDS):
                await self._loop.sock_sendall(self._sock, data[start : start + step])
            if self.piece:
                await turns(2)

    async def hears(self, expected: bytes) -> None:
        """Read as many octets as are expected, and check that they are those."""
        data = b""
        try:
            async with asyncio.timeout(BOUND_SECONDS):
                while len(data) < len(expected):
                    chunk = await self._loop.sock_recv(self._sock, len(expected) - len(data))
                    if not chunk:
                        break
                    data += chunk
        except TimeoutError:
            pass  # the comparison tells what did come
        self.heard += data
        assert data == expected, f"heard {data.hex(' ')}\nwanted {expected.hex(' ')}"

    async def hears_nothing(self) -> None:
        """Check that nothing was sent on account of all that was said so far, and the connection is open."""
        await turns(SETTLE_TURNS)
        with contextlib.suppress(BlockingIOError):
            data = self._sock.recv(1024)
            raise AssertionError(f"heard {data.hex(' ')!r}, wanted silence")

    async def hears_end(self, rest: bytes = b"") -> None:
        """Check that exactly this is still sent before the other side closes."""
        data = b""
        with contextlib.suppress(ConnectionResetError):
            async with asyncio.timeout(BOUND_SECONDS):
                while chunk := await self._loop.sock_recv(self._sock, 65536):
                    data += chunk
        self.heard += data
        assert data == rest, f"heard {data.hex(' ')} before the end\nwanted {rest.hex(' ')}"

    async def hears_only(self, repeated: bytes) -> None:
        """Check that nothing but this, any number of times, is still sent before the other side closes."""
        start = len(self.heard)
        with contextlib.suppress(ConnectionResetError):
            async with asyncio.timeout(BOUND_SECONDS):
                while chunk := await self._loop.sock_recv(self._sock, 65536):
                    self.heard += chunk
        assert not self.heard[start:].replace(repeated, b"")

    async def follow(self, steps: Steps, *, silent_between: bool = False) -> None:
        """Hear and say what the steps have; optionally check that nothing is sent ahead of its step."""
        for expected, said in steps:
            await self.hears(expected)
            if silent_between:
                await self.hears_nothing()
            await self.says(said)

    def close(self) -> None:
        """End the connection."""
        self._sock.close()


async def turns(count: int) -> None:
    """Let everything that is ready to run, and every octet that has arrived, have its effect."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until something is true that no event tells of."""
    async with asyncio.timeout(BOUND_SECONDS):
        while not condition():
            await turns(1)


async def receive(socket: aiomq.Socket) -> list[bytes]:
    """Return the next message, which must come."""
    async with asyncio.timeout(BOUND_SECONDS):
        return await socket.recv_multipart()


def port_of(socket: aiomq.Socket) -> int:
    """Return the tcp port that a socket is bound to."""
    return int(socket.last_endpoint.rsplit(":", 1)[1])


async def dial(socket: aiomq.Socket, piece: int | None = None) -> ScriptedPeer:
    """Return a peer connected to a bound socket."""
    sock = sockets.socket()
    sock.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port_of(socket)))
    except BaseException:  # raised again; nobody else would close it
        sock.close()
        raise
    return ScriptedPeer(sock, piece)


class ScriptedListener:
    """Where aiomq sockets connect to, any number of times.

    Args:
        sock: bound already, to begin listening at a known place; None takes a new one.
    """

    def __init__(self, sock: sockets.socket | None = None) -> None:
        self._sock = sockets.create_server(("127.0.0.1", 0)) if sock is None else sock
        self._sock.listen()
        self._sock.setblocking(False)
        self.endpoint = f"tcp://127.0.0.1:{self._sock.getsockname()[1]}"

    async def accept(self, piece: int | None = None) -> ScriptedPeer:
        """Return the next connection."""
        async with asyncio.timeout(BOUND_SECONDS):
            sock, _ = await asyncio.get_running_loop().sock_accept(self._sock)
        return ScriptedPeer(sock, piece)

    async def accepts_nobody(self) -> None:
        """Check that no connection waits to be accepted."""
        await turns(SETTLE_TURNS)
        with contextlib.suppress(BlockingIOError):
            sock, _ = self._sock.accept()
            sock.close()
            raise AssertionError("somebody connected")

    def close(self) -> None:
        """Listen no more."""
        self._sock.close()


ROLES: Final = ("binds", "connects")
"""What the aiomq socket does; the scripted peer does the other."""


@contextlib.asynccontextmanager
async def meet(socket: aiomq.Socket, role: str = "binds", *, piece: int | None = None) -> AsyncIterator[ScriptedPeer]:
    """Join a socket and a scripted peer over tcp; afterwards close the socket, and check that it sent nothing more.

    A test that has the connection end before looks at that itself, with `hears_end`: the check then finds the end.
    """
    listener = None
    if role == "binds":
        socket.bind("tcp://127.0.0.1:0")
        peer = await dial(socket, piece)
    else:
        listener = ScriptedListener()
        socket.connect(listener.endpoint)
        peer = await listener.accept(piece)
    try:
        yield peer
        socket.close()
        await peer.hears_end()
    finally:
        socket.close()
        peer.close()
        if listener is not None:
            listener.close()


@contextlib.asynccontextmanager
async def talk(
    socket: aiomq.Socket,
    dialect: Dialect,
    theirs: aiomq.SocketType,
    role: str = "binds",
    *,
    their_id: bytes = b"",
    piece: int | None = None,
) -> AsyncIterator[ScriptedPeer]:
    """Join a socket and a scripted peer of a version and type, with the handshake done, as `meet` does."""
    async with meet(socket, role, piece=piece) as peer:
        our_id = socket.routing_id
        await peer.follow(dialect.handshake(socket.socket_type, theirs, our_id=our_id, their_id=their_id))
        await until(lambda: peers_of(socket) > 0)
        yield peer


async def join(
    socket: aiomq.Socket, dialect: Dialect, theirs: aiomq.SocketType, *, their_id: bytes = b""
) -> ScriptedPeer:
    """Return one more peer of a bound socket, with the handshake done. The test closes it."""
    before = peers_of(socket)
    peer = await dial(socket)
    our_id = socket.routing_id
    await peer.follow(dialect.handshake(socket.socket_type, theirs, our_id=our_id, their_id=their_id))
    await until(lambda: peers_of(socket) > before)
    return peer


def peers_of(socket: aiomq.Socket) -> int:
    """Return how many peers a socket has."""
    found = re.search(r"peers=(\d+)", repr(socket))
    assert found is not None
    return int(found[1])


async def wait_for(monitor: aiomq.Monitor, event: aiomq.Event) -> list[aiomq.MonitorEvent]:
    """Return the events up to and including the next one of a kind."""
    events = []
    async with asyncio.timeout(BOUND_SECONDS):
        async for each in monitor:
            events.append(each)
            if each.event is event:
                return events
    raise AssertionError(f"no {event!r} among {[str(each) for each in events]}")


def names_of(events: Sequence[aiomq.MonitorEvent]) -> list[str]:
    """Return the names of events, for comparison with a list in a test."""
    return [each.event.name or "" for each in events]

"""The two sides of a handshake, each of either library, and the ZAP handlers that stand behind a server."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import struct
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Protocol, TypeAlias

import zmq

import aiomq
from aiomq import Event
from aiomq.auth import curve_keypair
from aiomq.zmtp.zap import ENDPOINT
from tests.transports.judge import Judge, receive
from tests.transports.scripted import BOUND

__all__ = [
    "CLIENT_KEYS",
    "CURVE_CLIENT",
    "CURVE_SERVER",
    "PLAIN_CLIENT",
    "PLAIN_SERVER",
    "SERVER_KEYS",
    "Library",
    "Ours",
    "Reply",
    "Side",
    "Theirs",
    "answering",
    "shake_hands",
    "verdict",
]

SERVER_KEYS: Final = curve_keypair()
CLIENT_KEYS: Final = curve_keypair()

PLAIN_SERVER: Final[dict[str, Any]] = {"plain_server": 1}
PLAIN_CLIENT: Final[dict[str, Any]] = {"plain_username": b"admin", "plain_password": b"secret"}
CURVE_SERVER: Final[dict[str, Any]] = {
    "curve_server": 1,
    "curve_publickey": SERVER_KEYS[0],
    "curve_secretkey": SERVER_KEYS[1],
}
CURVE_CLIENT: Final[dict[str, Any]] = {
    "curve_publickey": CLIENT_KEYS[0],
    "curve_secretkey": CLIENT_KEYS[1],
    "curve_serverkey": SERVER_KEYS[0],
}

Outcome: TypeAlias = tuple[Event, int]
Reply: TypeAlias = Callable[[list[bytes]], Sequence[bytes] | None]
"""What a handler answers to a request, as frames after the envelope; None for no answer at all."""

QUIET: Final = 0.2
"""Seconds in which what is not to happen would have happened."""

_EVENT: Final = struct.Struct("=HI")
_OUTCOMES: Final = (
    Event.HANDSHAKE_SUCCEEDED
    | Event.HANDSHAKE_FAILED_NO_DETAIL
    | Event.HANDSHAKE_FAILED_PROTOCOL
    | Event.HANDSHAKE_FAILED_AUTH
)
_numbers: Final = itertools.count(1)


class Side(Protocol):
    """A socket of either library that is watched."""

    def bind(self, address: str, /) -> str:
        """Bind, and return what was bound."""

    def connect(self, address: str, /) -> object:
        """Connect."""

    async def event(self) -> Outcome:
        """Return what happens next, and its value."""

    async def quiet(self) -> bool:
        """Return whether nothing happens for a while."""

    async def send(self, *frames: bytes) -> None:
        """Send a message."""

    async def recv(self) -> list[bytes]:
        """Receive a message."""

    def close(self) -> None:
        """Close."""


async def outcome(side: Side) -> Outcome:
    """Return how the next handshake ends."""
    while True:
        event, value = await side.event()
        if event & _OUTCOMES:
            return event, value


class OurSide:
    """A socket of aiomq."""

    def __init__(self, sock: aiomq.Socket) -> None:
        self.sock = sock
        self._monitor = sock.monitor()
        self.connect = sock.connect
        self.recv = sock.recv_multipart
        self.close = sock.close

    def bind(self, address: str) -> str:
        self.sock.bind(address)
        return self.sock.last_endpoint

    async def event(self) -> Outcome:
        async with asyncio.timeout(BOUND):
            told = await anext(self._monitor)
        return told.event, told.value

    async def quiet(self) -> bool:
        try:
            async with asyncio.timeout(QUIET):
                await anext(self._monitor)
        except TimeoutError:
            return True
        return False

    async def send(self, *frames: bytes) -> None:
        async with asyncio.timeout(BOUND):
            await self.sock.send_multipart(frames)


class TheirSide:
    """A socket of libzmq."""

    def __init__(self, judge: Judge, sock: zmq.Socket[bytes]) -> None:
        self.sock = sock
        self._monitor = judge.monitor(sock)
        self.connect = sock.connect
        self.close = sock.close

    def bind(self, address: str) -> str:
        self.sock.bind(address)
        return self.sock.getsockopt_string(zmq.LAST_ENDPOINT)

    async def event(self) -> Outcome:
        number, value = _EVENT.unpack((await receive(self._monitor))[0])
        return Event(number), value

    async def quiet(self) -> bool:
        return not await asyncio.to_thread(self._monitor.poll, int(QUIET * 1000))

    async def send(self, *frames: bytes) -> None:
        await asyncio.to_thread(self.sock.send_multipart, frames)

    async def recv(self) -> list[bytes]:
        return await receive(self.sock)


class Library(Protocol):
    """Makes sockets and handlers."""

    made: list[Side]
    """The sockets, to be closed in the end."""

    def make(self, socket_type: int, **options: Any) -> Side:
        """Return a watched socket."""

    def handler(self, reply: Reply) -> AbstractAsyncContextManager[list[list[bytes]]]:
        """Bind a ZAP handler; give the list of the requests that it gets."""


class Ours:
    """Sockets and handlers of aiomq."""

    def __init__(self, context: aiomq.Context) -> None:
        self.context = context
        self.made: list[Side] = []

    def make(self, socket_type: int, **options: Any) -> Side:
        self.made.append(OurSide(self.context.socket(socket_type, **({"linger": 0} | options))))
        return self.made[-1]

    @contextlib.asynccontextmanager
    async def handler(self, reply: Reply) -> AsyncIterator[list[list[bytes]]]:
        requests: list[list[bytes]] = []
        sock = self.context.socket(aiomq.ROUTER, linger=0)
        sock.bind(ENDPOINT)

        async def serve() -> None:
            while True:
                identity, _, *request = await sock.recv_multipart()
                requests.append(request)
                answer = reply(request)
                if answer is not None:
                    await sock.send_multipart([identity, b"", *answer])

        serving = asyncio.create_task(serve())
        try:
            yield requests
        finally:
            serving.cancel()
            await asyncio.wait([serving])
            await sock.aclose()


class Theirs:
    """Sockets and handlers of libzmq."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.made: list[Side] = []

    def make(self, socket_type: int, **options: Any) -> Side:
        self.made.append(TheirSide(self.judge, self.judge.socket(socket_type, **options)))
        return self.made[-1]

    @contextlib.asynccontextmanager
    async def handler(self, reply: Reply) -> AsyncIterator[list[list[bytes]]]:
        requests: list[list[bytes]] = []
        sock = self.judge.socket(zmq.ROUTER)
        sock.bind(ENDPOINT)
        over = self.judge.socket(zmq.PAIR)
        over.bind(f"inproc://over-{next(_numbers)}")
        end = self.judge.socket(zmq.PAIR)
        end.connect(over.getsockopt_string(zmq.LAST_ENDPOINT))

        def serve() -> None:
            poller = zmq.Poller()
            poller.register(sock, zmq.POLLIN)
            poller.register(over, zmq.POLLIN)
            while over not in (ready := dict(poller.poll(BOUND * 1000))):
                if sock in ready:
                    identity, _, *request = sock.recv_multipart()
                    requests.append(request)
                    answer = reply(request)
                    if answer is not None:
                        sock.send_multipart([identity, b"", *answer])

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield requests
        finally:
            end.send(b"")
            await asyncio.to_thread(thread.join, BOUND)
            for each in (sock, over, end):
                each.close(0)


def verdict(status: bytes, *, user_id: bytes = b"joe", metadata: bytes = b"") -> Reply:
    """Return a reply that is as it should be."""
    return lambda request: [b"1.0", request[1], status, b"as told", user_id, metadata]


def answering(*frames: bytes) -> Reply:
    """Return a reply of exactly these frames."""
    return lambda _: frames


async def shake_hands(server: Side, client: Side, address: str = "tcp://127.0.0.1:0") -> tuple[Outcome, Outcome]:
    """Connect the client to the server; return what either is told of the first handshake."""
    client.connect(server.bind(address.replace(":0", ":*") if address.startswith("tcp") else address))
    return await outcome(server), await outcome(client)

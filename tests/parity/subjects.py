"""One face for the sockets of both libraries, so that one script can be played to either."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeAlias

import pytest
import zmq

import aiomq
from aiomq import Event
from aiomq.monitor import Monitor
from tests.transports.judge import Judge, LibzmqSocket, receive
from tests.transports.scripted import events_until

__all__ = ["Make", "Subject", "failing", "filled", "ours", "theirs"]

Told: TypeAlias = list[tuple[str, int]]


class Subject(Protocol):
    """A socket of either library."""

    def bind(self, address: str, /) -> str:
        """Bind, and return what was bound."""

    def connect(self, address: str, /) -> object:
        """Connect."""

    def unbind(self, address: str, /) -> object:
        """Take back a bind."""

    def disconnect(self, address: str, /) -> object:
        """Take back a connect."""

    def set(self, name: str, value: Any, /) -> None:
        """Set an option."""

    def subscribe(self, topic: bytes, /) -> object:
        """Subscribe a SUB."""

    def unsubscribe(self, topic: bytes, /) -> object:
        """Take back a subscription."""

    async def send(self, *frames: bytes) -> None:
        """Send a message, waiting for room."""

    async def recv(self) -> list[bytes]:
        """Wait for a message."""

    def offer(self, *frames: bytes) -> bool:
        """Send a message if there is room now; return whether there was."""

    def take(self) -> list[bytes] | None:
        """Return a message if there is one now."""

    @property
    def writable(self) -> bool:
        """Whether POLLOUT is on."""

    def watch(self) -> None:
        """Collect events from now on."""

    async def told_until(self, event: Event, count: int = 1) -> Told:
        """Return the names and values of events up to the one waited for."""

    def close(self) -> None:
        """Close."""


Make: TypeAlias = Callable[..., Subject]
"""Makes a subject of a type, with options by name."""


class _Ours:
    def __init__(self, sock: aiomq.Socket) -> None:
        self._sock = sock
        self._events: Monitor
        self.connect = sock.connect
        self.unbind = sock.unbind
        self.disconnect = sock.disconnect
        self.set = sock.set
        self.subscribe = sock.subscribe
        self.unsubscribe = sock.unsubscribe
        self.recv = sock.recv_multipart
        self.close = sock.close

    def bind(self, address: str) -> str:
        self._sock.bind(address)
        return self._sock.last_endpoint

    async def send(self, *frames: bytes) -> None:
        await self._sock.send_multipart(frames)

    def offer(self, *frames: bytes) -> bool:
        try:
            self._sock.send_multipart_nowait(frames)
        except aiomq.Again:
            return False
        return True

    def take(self) -> list[bytes] | None:
        try:
            return self._sock.recv_multipart_nowait()
        except aiomq.Again:
            return None

    @property
    def writable(self) -> bool:
        return bool(self._sock.ready_events() & aiomq.POLLOUT)

    def watch(self) -> None:
        self._events = self._sock.monitor()

    async def told_until(self, event: Event, count: int = 1) -> Told:
        return [(each.event.name or "", each.value) for each in await events_until(self._events, event, count)]


class _Theirs:
    def __init__(self, judge: Judge, sock: LibzmqSocket) -> None:
        self._judge = judge
        self._sock = sock
        self._events: LibzmqSocket
        self.connect = sock.connect
        self.unbind = sock.unbind
        self.disconnect = sock.disconnect
        self.close = sock.close

    def bind(self, address: str) -> str:
        self._sock.bind(address)
        return self._sock.getsockopt_string(zmq.LAST_ENDPOINT)

    def set(self, name: str, value: Any) -> None:
        setattr(self._sock, name, value)

    def subscribe(self, topic: bytes) -> None:
        self._sock.setsockopt(zmq.SUBSCRIBE, topic)

    def unsubscribe(self, topic: bytes) -> None:
        self._sock.setsockopt(zmq.UNSUBSCRIBE, topic)

    async def send(self, *frames: bytes) -> None:
        await asyncio.to_thread(self._sock.send_multipart, frames)

    async def recv(self) -> list[bytes]:
        return await receive(self._sock)

    def offer(self, *frames: bytes) -> bool:
        self._catch_up()
        try:
            self._sock.send_multipart(frames, zmq.DONTWAIT)
        except zmq.Again:
            return False
        return True

    def take(self) -> list[bytes] | None:
        self._catch_up()
        try:
            return self._sock.recv_multipart(zmq.DONTWAIT)
        except zmq.Again:
            return None

    def _catch_up(self) -> int:
        """Let the socket do what others have asked of it: a send or receive looks for that only now and then."""
        return int(self._sock.getsockopt(zmq.EVENTS))

    @property
    def writable(self) -> bool:
        return bool(self._catch_up() & zmq.POLLOUT)

    def watch(self) -> None:
        self._events = self._judge.monitor(self._sock)

    async def told_until(self, event: Event, count: int = 1) -> Told:
        return await self._judge.events_until(self._events, event, count)


def ours(context: aiomq.Context) -> Make:
    """Return a maker of sockets of aiomq."""

    def make(socket_type: int, **options: Any) -> Subject:
        return _Ours(context.socket(socket_type, **options))

    return make


def theirs(judge: Judge) -> Make:
    """Return a maker of sockets of libzmq."""

    def make(socket_type: int, **options: Any) -> Subject:
        return _Theirs(judge, judge.socket(socket_type, **options))

    return make


@contextmanager
def failing(number: int) -> Iterator[None]:
    """Check that the call inside is refused with this error number."""
    with pytest.raises((aiomq.ZMQError, zmq.ZMQError)) as refused:
        yield
    assert getattr(refused.value, "errno", None) == number


def filled(subject: Subject, frames: Sequence[bytes] = (b"message",), at_most: int = 1500) -> int:
    """Send until there is no room, or so often; return how often there was."""
    count = 0
    while count < at_most and subject.offer(*frames):
        count += 1
    return count

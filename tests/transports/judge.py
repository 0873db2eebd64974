"""The real libzmq, beside the sockets under test: what it does is what they are compared with."""

from __future__ import annotations

import asyncio
import itertools
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

import zmq

from aiomq import Event
from tests.transports.scripted import BOUND

__all__ = ["Judge", "LibzmqSocket", "judging", "off_loop", "receive"]

LibzmqSocket: TypeAlias = "zmq.Socket[bytes]"

_EVENT: Final = struct.Struct("=HI")


class Judge:
    """A libzmq context whose sockets wait for nothing for long."""

    def __init__(self) -> None:
        self._context: zmq.Context[LibzmqSocket] = zmq.Context()
        self._numbers = itertools.count(1)
        self._made: list[LibzmqSocket] = []
        """All sockets, so that none is garbage before it is closed."""

    def socket(self, socket_type: int, **options: Any) -> LibzmqSocket:
        """Return a socket with options given by name."""
        made = self._context.socket(socket_type)
        self._made.append(made)
        made.linger = 0
        made.rcvtimeo = made.sndtimeo = BOUND * 1000
        for name, value in options.items():
            setattr(made, name, value)
        return made

    def bound(self, socket_type: int, **options: Any) -> tuple[LibzmqSocket, str]:
        """Return a socket that is bound to a free port, and its endpoint."""
        made = self.socket(socket_type, **options)
        made.bind("tcp://127.0.0.1:*")
        return made, made.getsockopt_string(zmq.LAST_ENDPOINT)

    def monitor(self, watched: LibzmqSocket) -> LibzmqSocket:
        """Return where the events of a socket arrive, from now on."""
        address = f"inproc://monitor-{next(self._numbers)}"
        watched.monitor(address, zmq.EVENT_ALL)
        events = self.socket(zmq.PAIR)
        events.connect(address)
        return events

    async def events_until(self, events: LibzmqSocket, last: Event, count: int = 1) -> list[tuple[str, int]]:
        """Return the names and values of events up to the one waited for, which may have to come several times."""
        seen: list[tuple[str, int]] = []
        while count:
            number, value = _EVENT.unpack((await receive(events))[0])
            seen.append((Event(number).name or "", value))
            count -= number == last
        return seen

    def destroy(self) -> None:
        """Close everything."""
        self._context.destroy(linger=0)


@contextmanager
def judging() -> Iterator[Judge]:
    """Give a judge that is destroyed afterwards."""
    judge = Judge()
    try:
        yield judge
    finally:
        judge.destroy()


async def off_loop(call: Callable[..., Any], *args: Any) -> Any:
    """Wait for a blocking call without holding up the loop."""
    return await asyncio.to_thread(call, *args)


async def receive(sock: LibzmqSocket) -> list[bytes]:
    """Wait for the next message."""
    return await asyncio.to_thread(sock.recv_multipart)

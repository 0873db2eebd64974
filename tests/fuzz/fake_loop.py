"""An event loop that is stepped by hand, and a transport that leads nowhere: no time passes but that of a test."""

from __future__ import annotations

import asyncio
import heapq
import socket
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Any, cast

__all__ = ["FakeLoop", "FakeSocket", "FakeTransport"]


class FakeLoop:
    """Runs what is due when it is told to. As no part of asyncio, it takes the ways that are meant for uvloop."""

    def __init__(self) -> None:
        self.now = 0.0
        self._soon: deque[asyncio.Handle] = deque()
        self._later: list[asyncio.TimerHandle] = []
        self.accepted: list[FakeTransport] = []
        """The transports of those who connected, until somebody takes them."""

    def time(self) -> float:
        return self.now

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    async def connect_accepted_socket(
        self, factory: Callable[[], asyncio.BufferedProtocol], _sock: object
    ) -> tuple[FakeTransport, asyncio.BufferedProtocol]:
        protocol = factory()
        transport = FakeTransport(self, protocol)
        self.accepted.append(transport)
        protocol.connection_made(transport)
        return transport, protocol

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=cast("asyncio.AbstractEventLoop", self))

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        raise AssertionError(f"something went wrong where nobody looks: {context}")

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, cast("Any", self), context)
        self._soon.append(handle)
        return handle

    call_soon_threadsafe = call_soon

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, cast("Any", self), context)
        heapq.heappush(self._later, handle)
        return handle

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.now + delay, callback, *args, context=context)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Nothing: it is passed over when it is due."""

    def turn(self, seconds: float = 0.0) -> None:
        """Let time pass, and run once what is due."""
        self.now += seconds
        while self._later and self._later[0].when() <= self.now:
            self._soon.append(heapq.heappop(self._later))
        for _ in range(len(self._soon)):
            handle = self._soon.popleft()
            if not handle.cancelled():
                # Not `_run`, which gives what a callback raises to the loop.
                handle._callback(*handle._args)  # type: ignore[attr-defined]  # of every Handle

    def waiting(self) -> list[asyncio.Handle]:
        """Return what is still to be called."""
        return [each for each in (*self._soon, *self._later) if not each.cancelled()]


class FakeSocket:
    """Stands for a socket of the system."""

    family = socket.AF_INET

    def fileno(self) -> int:
        return -1

    def close(self) -> None:
        """Nothing: there is none."""


class FakeTransport(asyncio.Transport):
    """Takes what is written, and reads what a test says; its protocol is told as by a real one."""

    def __init__(self, loop: FakeLoop, protocol: asyncio.BufferedProtocol) -> None:
        super().__init__({"peername": ("192.0.2.7", 4711), "sockname": ("192.0.2.1", 5555), "socket": FakeSocket()})
        self._loop = loop
        self._protocol = protocol
        self._high = 1 << 16
        self.reads = True
        self._is_closing = False
        self.is_lost = False
        self.unsent = 0
        """Octets that were written while the other side does not read."""
        self.takes = True
        self.written = 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = high or self._high

    def write(self, data: Any) -> None:
        assert not self.is_lost, "something was written to a transport that is lost"
        self.written += len(data)
        if not self.takes and not self._is_closing:
            was_full = self.unsent > self._high
            self.unsent += len(data)
            if self.unsent > self._high and not was_full:
                self._protocol.pause_writing()

    def writelines(self, list_of_data: Any) -> None:
        for each in list_of_data:
            self.write(each)

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.close()

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def is_reading(self) -> bool:
        return self.reads

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            self.reads = False
            if not self.unsent:
                self._loop.call_soon(self.lose, None)

    def abort(self) -> None:
        self._is_closing = True
        self.unsent = 0
        self._loop.call_soon(self.lose, None)

    # -- the test's side ---------------------------------------------------------------------------------------------

    def take(self, *, takes: bool) -> None:
        """Let the other side read, or not."""
        self.takes = takes
        if takes and self.unsent:
            was_full, self.unsent = self.unsent > self._high, 0
            if self._is_closing:
                self._loop.call_soon(self.lose, None)
            elif was_full:
                self._protocol.resume_writing()

    def lose(self, error: Exception | None) -> None:
        """The connection is gone."""
        if not self.is_lost:
            self.is_lost = self._is_closing = True
            self.reads = False
            self._protocol.connection_lost(error)

    def receive(self, data: bytes) -> int:
        """Let octets arrive, as many as there is room for; return how many."""
        room = memoryview(self._protocol.get_buffer(-1))
        size = min(len(data), len(room))
        assert size, "a protocol has no room for anything"
        room[:size] = data[:size]
        self._protocol.buffer_updated(size)
        return size

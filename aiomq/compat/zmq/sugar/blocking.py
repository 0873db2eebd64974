"""What a plain socket does with a call that may have to wait.

What can be done at once is done, wherever the socket lives and whatever runs in this thread. Beyond that a socket of
the I/O thread waits, as libzmq's do, unless that would hold up a running event loop without an end. One of an event
loop cannot: it would wait for messages that this very loop has to move.
"""

from __future__ import annotations

import errno
import time
from typing import Any, Final

import aiomq
from aiomq.compat.zmq.constants import RCVTIMEO, SNDTIMEO, Flag, PollEvent
from aiomq.compat.zmq.error import Again, BlockingCallError, ZMQError
from aiomq.compat.zmq.sugar.at_once import at_once, loop_runs
from aiomq.compat.zmq.sugar.io_thread import IoThread
from aiomq.compat.zmq.sugar.messages import Load, Messages, Operation
from aiomq.compat.zmq.sugar.taking_in import take_in

__all__ = ["BlockingMessages", "ready_now"]

_DONTWAIT: Final = int(Flag.DONTWAIT)


class BlockingMessages(Messages):
    """The verbs that move messages, as ordinary calls."""

    @property
    def _home(self) -> IoThread | None:
        """The I/O thread if the socket lives there; None if it belongs to an event loop of the program."""
        raise NotImplementedError

    def _run(self, operation: Operation, name: str, flags: int, event: PollEvent, load: Load | None = None) -> Any:
        if self._inner.closed and not self._inner.context.closed:
            raise ZMQError(errno.ENOTSOCK, "this socket is closed")
        result = self._result(operation, f"Socket.{name}()", flags, event)
        return result if load is None else load(result)

    def _result(self, operation: Operation, name: str, flags: int, event: PollEvent) -> Any:
        home = self._home
        try:
            if home is None:
                return self._here(operation, flags, event)
            return home.attempt(lambda: operation(flags | _DONTWAIT))
        except Again:
            timeout = self._inner.get(RCVTIMEO if event is PollEvent.POLLIN else SNDTIMEO)
            if flags & _DONTWAIT or timeout == 0:
                raise
            method = name.removeprefix("Socket.").removesuffix("()")
            if home is None:
                raise BlockingCallError(
                    name, f"use zmq.asyncio.Context and `await socket.{method}(...)`, or pass zmq.NOBLOCK"
                ) from None
            if timeout < 0:
                refuse_in_loop(name, f"`await socket.{method}(...)` of zmq.asyncio, zmq.NOBLOCK, or a timeout")
        return self._waited(home, operation, name, flags, event, timeout)

    def _here(self, operation: Operation, flags: int, event: PollEvent) -> Any:
        """Do it in the event loop of this thread, with what has arrived since its last turn."""
        try:
            return at_once(lambda: operation(flags | _DONTWAIT))
        except Again:
            if event is not PollEvent.POLLIN or not take_in(self._inner):
                raise
        return at_once(lambda: operation(flags | _DONTWAIT))

    def _waited(
        self, home: IoThread, operation: Operation, name: str, flags: int, event: PollEvent, timeout: int
    ) -> Any:
        """Wait, in the I/O thread. For a message it only looks: so none is taken for a call that Ctrl-C ends."""
        if event is PollEvent.POLLOUT:
            return home.wait(lambda: operation(flags), self._waiter(), name)
        deadline = None if timeout < 0 else time.monotonic() + timeout / 1000
        while True:
            left = None if deadline is None else max(0, deadline - time.monotonic()) * 1000
            ready = home.poll([(self._inner, event)], left, self._waiter())
            try:
                return home.attempt(lambda: operation(flags | _DONTWAIT))
            except Again:  # another thread was faster
                if not ready:
                    raise


def refuse_in_loop(name: str, instead: str) -> None:
    """Raise if a call without an end would hold up a running event loop."""
    if loop_runs():
        raise BlockingCallError(f"{name} in a running event loop", f"use {instead}")


def ready_now(socket: aiomq.Socket, events: int) -> int:
    """Return what of some events a socket of this thread's event loop is ready for now."""
    socket.gates(PollEvent(events))  # raises if it is closed, or of another event loop
    ready = int(socket.ready_events()) & events
    if events & ~ready & PollEvent.POLLIN and take_in(socket):
        ready = int(socket.ready_events()) & events
    return ready

"""`zmq.Poller` and `zmq.select`."""

from __future__ import annotations

import select as system
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from aiomq.compat.zmq.constants import POLLERR, POLLIN, POLLOUT, PollEvent
from aiomq.compat.zmq.error import BlockingCallError
from aiomq.compat.zmq.sugar.blocking import refuse_in_loop
from aiomq.compat.zmq.sugar.io_thread import io_thread
from aiomq.compat.zmq.sugar.socket import Socket
from aiomq.compat.zmq.sugar.waiters import ThreadWaiter, Waiter

__all__ = ["Poller", "select", "zmq_poll"]


class Poller:
    """A set of sockets and descriptors, with the events to wait for of each."""

    _waiter: ClassVar[type[Waiter]] = ThreadWaiter

    def __init__(self) -> None:
        self._flags: dict[Any, int] = {}

    @property
    def sockets(self) -> list[tuple[Any, int]]:
        """What is registered, in the order it was."""
        return list(self._flags.items())

    def __contains__(self, socket: Any) -> bool:
        return socket in self._flags

    def register(self, socket: Any, flags: int = POLLIN | POLLOUT) -> None:
        """Add something, or change its events; no events is the same as `unregister`."""
        if isinstance(socket, Socket):
            socket._expect_poller()
        if flags:
            self._flags[socket] = flags
        else:
            self._flags.pop(socket, None)

    def modify(self, socket: Any, flags: int = POLLIN | POLLOUT) -> None:
        """Change the events of something."""
        self.register(socket, flags)

    def unregister(self, socket: Any) -> None:
        """Remove something; a KeyError if it is not there."""
        del self._flags[socket]

    def poll(self, timeout: float | None = None) -> Any:
        """Return what is ready, and for what; wait for it where that is possible, see `zmq_poll`."""
        return zmq_poll(self.sockets, -1 if timeout is None else timeout, self._waiter)


def zmq_poll(
    sockets: Sequence[tuple[Any, int]], timeout: float = -1, waiter: Callable[[], Waiter] = ThreadWaiter
) -> list[tuple[Any, int]]:
    """Return what of these is ready, and for what.

    Args:
        sockets: sockets, descriptors, and what has a `fileno`, each with the events that are wanted.
        timeout: milliseconds to wait for the first of them; negative for no limit.
        waiter: how to wait.

    Raises:
        BlockingCallError: nothing is ready, and a socket among them belongs to an event loop, or one runs in this
            thread and `timeout` is no limit.
    """
    sockets = [(_polled(socket), flags) for socket, flags in sockets]
    ready = [(socket, now) for socket, flags in sockets if (now := _glance(socket, flags))]
    if ready or timeout == 0:
        return ready
    if any(isinstance(socket, Socket) and socket._home is None for socket, _ in sockets):
        raise BlockingCallError("zmq_poll()", "use `await zmq.asyncio.Poller().poll(timeout)`, or a timeout of 0")
    if timeout < 0:
        refuse_in_loop("zmq_poll()", "`await zmq.asyncio.Poller().poll()`, or a timeout")
    known = {socket._inner if isinstance(socket, Socket) else socket: socket for socket, _ in sockets}
    wanted = [(target, PollEvent(flags)) for target, (_, flags) in zip(known, sockets, strict=True)]
    found = io_thread().poll(wanted, timeout, waiter())
    return [(known[target], int(events)) for target, events in found]


def _polled(socket: Any) -> Any:
    """Return what stands for something in the result: of what is no socket of ours the descriptor, as in pyzmq."""
    return socket if isinstance(socket, (Socket, int)) else socket.fileno()


def _glance(socket: Any, flags: int) -> int:
    """Return what something is ready for now."""
    if isinstance(socket, Socket):
        return socket._ready(flags)
    readable, writable, broken = system.select(
        [socket] if flags & POLLIN else [], [socket] if flags & POLLOUT else [], [socket] if flags & POLLERR else [], 0
    )
    return (POLLIN if readable else 0) | (POLLOUT if writable else 0) | (POLLERR if broken else 0)


def select(
    rlist: list[Any], wlist: list[Any], xlist: list[Any], timeout: float | None = None
) -> tuple[list[Any], list[Any], list[Any]]:
    """Return which of these sockets are ready, as `select.select` does; see `zmq_poll`.

    Args:
        rlist: those to receive from.
        wlist: those to send to.
        xlist: those that may have an error; sockets never have one.
        timeout: seconds to wait for the first of them; None or negative for no limit.
    """
    wanted = ((rlist, POLLIN), (wlist, POLLOUT), (xlist, POLLERR))
    everything = {socket: sum(int(flag) for each, flag in wanted if socket in each) for socket in rlist + wlist + xlist}
    milliseconds = -1 if timeout is None or timeout < 0 else timeout * 1000
    ready = dict(zmq_poll(list(everything.items()), milliseconds))
    lists = [[socket for socket in each if ready.get(socket, 0) & flag] for each, flag in wanted]
    return lists[0], lists[1], lists[2]

"""`zmq.Poller` and `zmq.select`, as far as they need not block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiomq.compat.zmq.constants import POLLERR, POLLIN, POLLOUT, PollEvent
from aiomq.compat.zmq.error import BlockingCallError
from aiomq.compat.zmq.sugar.socket import Socket

__all__ = ["Poller", "select", "zmq_poll"]


class Poller:
    """A set of sockets and descriptors, with the events to wait for of each."""

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
        """Return what is ready now.

        Raises:
            BlockingCallError: `timeout` is not 0.
        """
        return zmq_poll(self.sockets, -1 if timeout is None else int(timeout))


def zmq_poll(sockets: Sequence[tuple[Any, int]], timeout: int = -1) -> list[tuple[Any, int]]:
    """Return what of these is ready now, and for what.

    Raises:
        BlockingCallError: `timeout` (milliseconds) is not 0, or there are descriptors among them, which need a turn of
            the event loop to be looked at.
    """
    if timeout != 0:
        raise BlockingCallError("zmq_poll()", "use `await zmq.asyncio.Poller().poll(timeout)`, or a timeout of 0")
    ready = []
    for socket, flags in sockets:
        if not isinstance(socket, Socket):
            raise BlockingCallError("to poll a descriptor", "use `await zmq.asyncio.Poller().poll()`")
        socket._inner.gates(PollEvent(flags))  # raises if it is closed, or of another event loop
        now = int(socket._inner.ready_events()) & flags
        if now:
            ready.append((socket, now))
    return ready


def select(
    rlist: list[Any], wlist: list[Any], xlist: list[Any], timeout: float | None = None
) -> tuple[list[Any], list[Any], list[Any]]:
    """Return which of these sockets are ready now, as `select.select` does.

    Raises:
        BlockingCallError: `timeout` (seconds) is not 0.
    """
    if timeout != 0:
        raise BlockingCallError("zmq.select()", "use `await zmq.asyncio.Poller().poll(timeout)`, or a timeout of 0")
    wanted = ((rlist, POLLIN), (wlist, POLLOUT), (xlist, POLLERR))
    everything = {socket: sum(int(flag) for each, flag in wanted if socket in each) for socket in rlist + wlist + xlist}
    ready = dict(zmq_poll(list(everything.items()), 0))
    lists = [[socket for socket in each if ready.get(socket, 0) & flag] for each, flag in wanted]
    return lists[0], lists[1], lists[2]

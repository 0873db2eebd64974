"""The few ways in which libraries shaped like pyzmq differ when a socket is opened or closed."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from benchmarks.cases import CURVE
from benchmarks.peers.scenarios import CURVE_CLIENT, CURVE_SERVER, topics_of
from benchmarks.spec import HWM, Spec

__all__ = ["Binding"]


class Binding:
    """A library's constants and one of its contexts. Everything is `Any`: half of these libraries have no types."""

    def __init__(self, constants: Any, context_class: Any) -> None:
        self.constants = constants
        self._context = context_class()
        self._sockets: list[Any] = []

    def open(self, kind: str) -> Any:
        """Return a new socket with the HWM that all libraries get."""
        socket = self._context.socket(getattr(self.constants, kind))
        socket.sndhwm = socket.rcvhwm = HWM
        self._sockets.append(socket)
        return socket

    def bound(self, kind: str, spec: Spec) -> Any:
        """Return a new socket that is bound to the spec's endpoint."""
        socket = self.open(kind)
        if spec.case.scenario in CURVE:
            _set(socket, CURVE_SERVER)
        socket.bind(spec.endpoint)
        return socket

    def connected(self, kind: str, spec: Spec) -> Any:
        """Return a new socket that is connecting to the spec's endpoint; a subscriber to the topics of the case."""
        socket = self.open(kind)
        if kind == "SUB":
            for topic in topics_of(spec.case):
                socket.setsockopt(self.constants.SUBSCRIBE, topic)
        if spec.case.scenario in CURVE:
            _set(socket, CURVE_CLIENT)
        socket.connect(spec.endpoint)
        return socket

    def announcer(self, spec: Spec) -> Any:
        """Return a new XPUB, bound to the spec's endpoint, that is told of every single subscription."""
        socket = self.open("XPUB")
        socket.setsockopt(self.constants.XPUB_VERBOSE, 1)
        socket.bind(spec.endpoint)
        return socket

    def onward(self, kind: str, spec: Spec) -> Any:
        """Return a new socket that is connecting to where a proxy passes messages on to."""
        socket = self.open(kind)
        socket.connect(spec.onward)
        return socket

    def close_one(self, socket: Any) -> None:
        """Close a socket before the others: its part is over, or it belongs to this other thread."""
        self._sockets.remove(socket)
        socket.close(linger=0)

    @staticmethod
    def endpoint_of(socket: Any) -> str:
        """Return where the socket is bound, the wildcard resolved."""
        endpoint = socket.last_endpoint
        return endpoint.decode() if isinstance(endpoint, bytes) else str(endpoint)

    def close(self) -> None:
        """Close every socket at once, queued messages or not, and end the context of a blocking library."""
        self._close_sockets()
        self._context.term()

    async def aclose(self) -> None:
        """As `close`, for a context whose `term` may be a coroutine."""
        self._close_sockets()
        ended = self._context.term()
        if inspect.isawaitable(ended):
            await ended

    def _close_sockets(self) -> None:
        for socket in self._sockets:
            socket.close(linger=0)
        self._sockets.clear()


def _set(socket: Any, options: Mapping[str, object]) -> None:
    for name, value in options.items():
        setattr(socket, name, value)

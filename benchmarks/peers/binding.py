"""The few ways in which libraries shaped like pyzmq differ when a socket is opened or closed."""

from __future__ import annotations

import inspect
from typing import Any

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
        socket.bind(spec.endpoint)
        return socket

    def connected(self, kind: str, spec: Spec) -> Any:
        """Return a new socket that is connecting to the spec's endpoint; a subscriber to all topics."""
        socket = self.open(kind)
        if kind == "SUB":
            socket.setsockopt(self.constants.SUBSCRIBE, b"")
        socket.connect(spec.endpoint)
        return socket

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

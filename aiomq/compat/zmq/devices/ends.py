"""The sockets of a device, as they are to be made where it runs."""

from __future__ import annotations

from typing import Any

from aiomq.compat.zmq.constants import PUSH
from aiomq.compat.zmq.error import ZMQBindError
from aiomq.compat.zmq.sugar.context import Context

__all__ = ["End", "reserve"]


class End:
    """One socket: its type, and what is to be done with it."""

    def __init__(self, socket_type: int) -> None:
        self.socket_type = socket_type
        self.options: list[tuple[int, Any]] = []
        self.binds: list[str] = []
        self.connects: list[str] = []

    def make(self, context: Any) -> Any:
        """Make the socket."""
        socket = context.socket(self.socket_type)
        self.equip(socket)
        return socket

    def equip(self, socket: Any) -> None:
        """Set the options, then bind and connect."""
        for option, value in self.options:
            socket.setsockopt(option, value)
        for address in self.binds:
            socket.bind(address)
        for address in self.connects:
            socket.connect(address)


def reserve(addr: str, taken: set[str], *args: int, **kwargs: int) -> int:
    """Return a port that is free now, and was not returned before; see `Socket.bind_to_random_port`."""
    with Context() as context, context.socket(PUSH) as binder:
        for _ in range(5):
            port: int = binder.bind_to_random_port(addr, *args, **kwargs)
            if f"{addr}:{port}" not in taken:
                taken.add(f"{addr}:{port}")
                return port
    raise ZMQBindError(f"no free port for {addr} that no other end of this device has")

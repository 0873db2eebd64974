"""Linked sockets of the compat layer, and a context that keeps them."""

from __future__ import annotations

from typing import Any

import aiomq.compat.zmq.asyncio as zaio
from aiomq.compat import zmq


class _Keeping:
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.__dict__["kept"] = []

    def socket(self, *args: Any, **kwargs: Any) -> Any:
        socket = super().socket(*args, **kwargs)  # type: ignore[misc]  # of the context it is mixed into
        self.__dict__["kept"].append(socket)
        return socket


class KeepingContext(_Keeping, zaio.Context):
    """A context whose sockets need not be closed one by one."""


class KeepingPlainContext(_Keeping, zmq.Context):
    """The same, of plain sockets."""


def pair(ctx: zmq.Context, binding: int, connecting: int) -> tuple[Any, Any]:
    """Return a bound socket and one connected to it, over tcp."""
    bound, connected = ctx.socket(binding), ctx.socket(connecting)
    connected.connect(f"tcp://127.0.0.1:{bound.bind_to_random_port('tcp://127.0.0.1')}")
    return bound, connected

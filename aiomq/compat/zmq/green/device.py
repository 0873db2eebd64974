"""`zmq.green.device`: `zmq.device`, which waits as its sockets do."""

from __future__ import annotations

from aiomq.compat.zmq.sugar.proxying import device

__all__ = ["device"]

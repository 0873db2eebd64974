"""`zmq.utils.monitor`: what a socket's monitor sends, read."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from aiomq.monitor_socket import MonitorMessage, parse_monitor_message

__all__ = ["parse_monitor_message", "recv_monitor_message"]


def recv_monitor_message(socket: Any, flags: int = 0) -> Any:
    """Receive an event by a socket of `get_monitor_socket`; of an async one, return an awaitable of it."""
    received = socket.recv_multipart(flags)
    return _parsed(received) if isinstance(received, Awaitable) else parse_monitor_message(received)


async def _parsed(received: Awaitable[list[bytes]]) -> MonitorMessage:
    return parse_monitor_message(await received)

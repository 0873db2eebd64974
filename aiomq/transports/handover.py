"""Giving a connected system socket to an event loop."""

from __future__ import annotations

import asyncio
import socket

from aiomq.transports.base import ConnectionFactory

__all__ = ["can_watch", "hand_over"]


def can_watch(loop: asyncio.AbstractEventLoop) -> bool:
    """Tell whether a loop can say when a descriptor can be written to; Windows' Proactor cannot."""
    return type(loop).add_writer is not asyncio.AbstractEventLoop.add_writer


async def hand_over(loop: asyncio.AbstractEventLoop, sock: socket.socket, factory: ConnectionFactory) -> None:
    """Make a connection of a socket, which belongs to the loop from then on."""
    is_unix = hasattr(socket, "AF_UNIX") and sock.family == socket.AF_UNIX
    create = loop.create_unix_connection if is_unix else loop.create_connection
    transport, _ = await create(factory, sock=sock)
    if transport.is_closing() and type(loop).__module__.startswith("uvloop"):
        # It closes the descriptor of a connection that is lost before this, and leaves us the object, whose number may
        # by now be that of somebody else's.
        sock.detach()

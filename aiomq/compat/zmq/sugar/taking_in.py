"""Reading what has arrived for a socket while its event loop has no turn.

A program may look at a socket between two turns of the loop (`poll(0)`, `recv(zmq.NOBLOCK)`) and, with libzmq, finds
what another thread has read meanwhile. Here it lies in the system's buffers until the loop gets at it, or this does.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Final

import aiomq
from aiomq.transports.connection import Connection

__all__ = ["take_in"]

_MOST_READS: Final = 64
"""Per connection: a peer that sends faster than this reads must not hold it for ever."""


def take_in(socket: aiomq.Socket) -> bool:
    """Read what has arrived on the connections of a socket of this thread's event loop; return whether it was any.

    On Windows, where the event loop has a read under way at all times, nothing can be read beside it.
    """
    core = socket._core
    if core.thread is None or core.closed or sys.platform == "win32":
        return False
    links = [getattr(peer, "link", None) for peer in tuple(core.peers)]
    read = [_take_in(link) for link in links if isinstance(link, Connection)]
    return any(read)


def _take_in(connection: Connection) -> bool:
    transport: asyncio.Transport = connection.transport
    fd = connection.fd
    for number in range(_MOST_READS):
        if fd < 0 or connection.lost or transport.is_closing() or not transport.is_reading():
            return number > 0
        try:
            count = os.readv(fd, [connection.get_buffer(-1)])
        except OSError:  # nothing is there; or the connection is broken, which the loop will see
            return number > 0
        if count == 0:  # the end, which the loop will see too
            return number > 0
        connection.buffer_updated(count)
    return True

"""Where a socket lives, and what of it has to be asked there."""

from __future__ import annotations

import weakref
from typing import Final

import aiomq
from aiomq.compat.zmq.sugar.io_thread import io_thread

__all__ = ["is_served", "settle"]

_served: Final[weakref.WeakSet[aiomq.Socket]] = weakref.WeakSet()
"""Sockets of the I/O thread; the others belong to the event loop that uses them first."""


def settle(socket: aiomq.Socket) -> None:
    """Let a socket that was just made live in the I/O thread."""
    _served.add(socket)
    io_thread().do(socket._core.enter)


def is_served(socket: aiomq.Socket) -> bool:
    """Return whether a socket lives in the I/O thread."""
    return socket in _served

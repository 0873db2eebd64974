"""Where a socket lives, and what of it has to be asked there."""

from __future__ import annotations

import weakref
from typing import Final

import aiomq
from aiomq.compat.zmq.sugar.io_thread import io_thread
from aiomq.socket_base import dials

__all__ = ["is_served", "moved", "settle"]

_served: Final[weakref.WeakSet[aiomq.Socket]] = weakref.WeakSet()
"""Sockets of the I/O thread; the others belong to the event loop that uses them first."""


def settle(socket: aiomq.Socket) -> None:
    """Let a socket that was just made live in the I/O thread."""
    _served.add(socket)
    io_thread().do(socket._core.enter)


def is_served(socket: aiomq.Socket) -> bool:
    """Return whether a socket lives in the I/O thread."""
    return socket in _served


def moved(socket: aiomq.Socket) -> aiomq.Socket | None:
    """Put a socket of the I/O thread in the place of one of this event loop, which is closed.

    Returns:
        The new one; None if the old one has bound, subscribed or met a peer: then it stays where it is.
    """
    core = socket._core
    endpoints = [(each, each.endpoint) for each in core.endpoints.values()]
    met = any(getattr(peer, "link", peer) is not None for peer in core.peers)  # inproc has no links
    if core.closed or met or core.pattern.topics_count or not all(dials(each) for each, _ in endpoints):
        return None
    new = socket.context.socket(core.socket_type)
    for name in core.options.__struct_fields__:
        setattr(new._core.options, name, getattr(core.options, name))
    settle(new)
    socket.close(0)
    for _, address in endpoints:
        io_thread().do(lambda address=address: new.connect(address))  # type: ignore[misc]  # called in this turn
    return new

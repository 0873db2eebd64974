"""The descriptors behind transports."""

from __future__ import annotations

import asyncio

__all__ = ["descriptor_of"]


def descriptor_of(transport: asyncio.BaseTransport | None) -> tuple[int, ...]:
    """Return the descriptor of an open transport, alone, or nothing: one that is closing may have given it back."""
    if transport is None or transport.is_closing():
        return ()
    sock = transport.get_extra_info("socket")
    number = -1 if sock is None else sock.fileno()
    return (number,) if number >= 0 else ()

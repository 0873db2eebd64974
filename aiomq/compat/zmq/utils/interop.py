"""`zmq.utils.interop`: addresses are plain numbers here."""

from __future__ import annotations

from typing import Any

__all__ = ["cast_int_addr"]


def cast_int_addr(n: Any) -> int:
    """Return an address as a number.

    Raises:
        ValueError: it is no number: pointers of C libraries mean nothing here.
    """
    if isinstance(n, int):
        return n
    raise ValueError(f"{n!r} is no address of a context or socket of aiomq")

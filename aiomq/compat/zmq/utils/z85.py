"""`zmq.utils.z85`: aiomq's own."""

from __future__ import annotations

from aiomq.z85 import decode, encode

__all__ = ["decode", "encode"]

"""`zmq.Frame`: aiomq's own."""

from __future__ import annotations

from aiomq.frame import Frame

__all__ = ["Frame", "Message"]

Message = Frame

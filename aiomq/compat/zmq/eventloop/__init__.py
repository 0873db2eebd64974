"""`zmq.eventloop`: sockets in tornado's loop, which is asyncio's. Its modules need tornado."""

from __future__ import annotations

__all__: list[str] = []

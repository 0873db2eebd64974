"""`zmq.eventloop`: sockets in tornado's loop, which is asyncio's. It needs tornado, as in pyzmq."""

from __future__ import annotations

from tornado.ioloop import IOLoop

__all__ = ["IOLoop"]

"""`zmq.green.eventloop`: tornado's loop, which has to be patched by gevent."""

from __future__ import annotations

from aiomq.compat.zmq.green.eventloop.ioloop import IOLoop

__all__ = ["IOLoop"]

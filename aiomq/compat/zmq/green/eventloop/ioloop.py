"""`zmq.green.eventloop.ioloop`: as `zmq.eventloop.ioloop`."""

from __future__ import annotations

from aiomq.compat.zmq.eventloop.ioloop import IOLoop, PeriodicCallback, ZMQIOLoop, install

__all__ = ["IOLoop", "PeriodicCallback", "ZMQIOLoop", "install"]

"""`zmq.green.eventloop.zmqstream`: as `zmq.eventloop.zmqstream`."""

from __future__ import annotations

from aiomq.compat.zmq.eventloop.zmqstream import ZMQStream

__all__ = ["ZMQStream"]

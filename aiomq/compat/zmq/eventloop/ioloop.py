"""`zmq.eventloop.ioloop`, which pyzmq deprecates: tornado's own loop is all it takes."""

from __future__ import annotations

import warnings

from tornado.ioloop import IOLoop, PeriodicCallback

__all__ = ["IOLoop", "PeriodicCallback", "ZMQIOLoop", "install"]

ZMQIOLoop = IOLoop


def _deprecated() -> None:
    warnings.warn("zmq.eventloop.ioloop is deprecated: use tornado.ioloop", DeprecationWarning, stacklevel=3)


_deprecated()


def install() -> None:
    """Do nothing, as in pyzmq: no special event loop is needed."""
    _deprecated()

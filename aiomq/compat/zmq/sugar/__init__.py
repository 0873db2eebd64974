"""The classes and functions of `zmq`, under the names of the modules that pyzmq has them in."""

from __future__ import annotations

from aiomq.compat.zmq.sugar import context, frame, poll, proxying, socket, stopwatch, tracker, version

__all__ = ["context", "frame", "poll", "proxying", "socket", "stopwatch", "tracker", "version"]

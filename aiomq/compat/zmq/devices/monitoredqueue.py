"""`zmq.devices.monitoredqueue`: the function."""

from __future__ import annotations

from aiomq.compat.zmq.sugar.proxying import monitored_queue

__all__ = ["monitored_queue"]

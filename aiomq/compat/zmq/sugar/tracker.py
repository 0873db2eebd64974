"""`zmq.MessageTracker`: aiomq's own. Its `wait` is awaited."""

from __future__ import annotations

from typing import Final

from aiomq.tracker import MessageTracker

__all__ = ["_FINISHED_TRACKER", "MessageTracker"]

_FINISHED_TRACKER: Final = MessageTracker()

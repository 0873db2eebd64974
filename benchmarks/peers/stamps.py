"""Numbered messages, with which a subscriber finds out how many it never got."""

from __future__ import annotations

__all__ = ["LossCounter", "stamped"]

_STAMP_BYTES = 8


def stamped(number: int, size: int, topic: bytes = b"") -> bytes:
    """Return a message of this size that has a number behind its topic; a publisher makes one per chunk of messages.

    Raises:
        ValueError: the size has no room for a number.
    """
    least = len(topic) + _STAMP_BYTES
    if size < least:
        raise ValueError(f"a stamped message has at least {least} bytes here, not {size}")
    return topic + number.to_bytes(_STAMP_BYTES, "big") + bytes(size - least)


class LossCounter:
    """Compares what one subscriber got with what was published meanwhile."""

    def __init__(self, messages_per_stamp: int, topic_bytes: int = 0) -> None:
        self._messages_per_stamp = messages_per_stamp
        self._stamp = slice(topic_bytes, topic_bytes + _STAMP_BYTES)
        self._first: int | None = None
        self._last = 0
        self._received = 0

    def add(self, message: bytes, count: int) -> None:
        """Note that `count` messages came, of which this was the last."""
        self._last = int.from_bytes(message[self._stamp], "big")
        if self._first is None:
            self._first = self._last
        else:
            self._received += count

    @property
    def lost_percent(self) -> float:
        """How much of what was published between the first and the last note did not come."""
        published = (self._last - (self._first or 0)) * self._messages_per_stamp
        return max(0.0, 100 * (1 - self._received / published)) if published else 0.0

"""What a socket does with a message that has no room: its mute state, in the words of RFC 28 and 30."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["OnMute"]


class OnMute(StrEnum):
    """What becomes of a message that nobody has room for."""

    BLOCK = "block"
    """`send` waits for room."""

    DROP_NEWEST = "drop_newest"
    """The message is dropped, and what is queued stays."""

    DROP_OLDEST = "drop_oldest"
    """The oldest message that is queued for the peer is dropped, and this one queued in its place."""

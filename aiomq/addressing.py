"""Whom one frame is for: what `send` was told besides its octets.

SERVER and PEER send to a routing id (RFC 41, 51), RADIO to a group (RFC 48). Either is given to `send`, or set on a
`Frame`.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable
from typing import NamedTuple, Self

from aiomq.errors import ZMQError
from aiomq.frame import Frame
from aiomq.message import Message
from aiomq.patterns.base import Pattern
from aiomq.tracker import MessageTracker

__all__ = ["Address", "new_tracker"]


class Address(NamedTuple):
    """A routing id or a group; 0 and the empty group are none."""

    routing_id: int
    group: bytes

    @classmethod
    def of(cls, data: object, routing_id: int | None, group: str | bytes | None) -> Self | None:
        """Return whom a frame is for by the arguments of `send`, or else by what is set on it; None for nobody.

        Raises:
            ZMQError: EINVAL if the routing id or the group cannot be one.
        """
        told = routing_id is not None or group is not None
        goal = data if isinstance(data, Frame) and not told else Frame()
        if routing_id is not None:
            goal.routing_id = routing_id
        if group is not None:
            goal.set("group", group)
        return cls(goal.routing_id, goal.group_bytes) if told or goal.routing_id or goal.group_bytes else None

    def try_send(self, pattern: Pattern, message: Message) -> bool:
        """Queue a message for this address; False means "not now"."""
        if type(message) is not bytes:
            raise ZMQError(errno.EINVAL, "a message for a routing_id or a group has one frame")
        return pattern.try_send_to(message, self.routing_id, self.group)


def new_tracker(parts: Iterable[object]) -> MessageTracker:
    """Return the tracker of a message that is about to be sent, and give it to those of its parts that are frames."""
    tracker = MessageTracker()
    tracker.hold()  # until it is sent
    for part in parts:
        if isinstance(part, Frame):
            part.tracker = tracker
    return tracker

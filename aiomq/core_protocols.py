"""What a socket is made of, as its core sees it: its endpoints, and its peers."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Protocol

from aiomq.message import Item
from aiomq.patterns.base import Peer
from aiomq.tracker import Traceable

__all__ = ["CorePeer", "Endpoint"]


class CorePeer(Peer, Traceable, Protocol):
    """A peer as the core sees it: over a wire or inproc."""

    address: str
    endpoint: str
    left: bool
    dropped: int
    properties: Mapping[str, bytes]

    @property
    def over_wire(self) -> bool:
        """Whether somebody else may be at the other end, who has to be held to the rules."""

    @property
    def outbox(self) -> deque[Item]:
        """What waits here to leave; over inproc hardly ever anything, for the other side has it at once."""

    @property
    def sent(self) -> int:
        """Messages that left, over all connections of this peer."""

    @property
    def received(self) -> int:
        """Messages that arrived."""

    @property
    def state(self) -> str:
        """`connected`, `waiting` or `closed`."""

    @property
    def queued_out(self) -> int:
        """Messages that wait to leave."""

    def close(self, reason: str = "", budget: str = "", /) -> None:
        """End this link for good, and tell monitors why, and by which budget."""

    def leave(self, *, drop: bool = False) -> None:
        """Take no further part in the pattern."""

    def apply_hwm(self) -> None:
        """Apply the socket's high-water marks, which were changed."""

    def end_with_socket(self) -> None:
        """The socket is closed: end, unless an endpoint of the socket sees to it."""


class Endpoint(Protocol):
    """What `bind` or `connect` made: a listener or a dialer."""

    endpoint: str

    def start(self) -> None:
        """Begin; needs the socket's loop."""

    def close(self, linger: float | None) -> None:
        """End when everything is sent, at the latest after so many seconds (None: no limit)."""

    def queued(self) -> int:
        """Return what still waits to leave; 0 for nothing."""

    def is_busy(self) -> bool:
        """Return whether it has just begun, or somebody is in a handshake, and so there may be a peer more soon."""

    def abandon(self) -> None:
        """The loop does not run any more: give back what others may want, such as a name; may run in any thread."""

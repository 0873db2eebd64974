"""PUSH and PULL: a pipeline of work from those who have it to those who do it (RFC 30/PIPELINE).

A PUSH deals its messages out to the peers with room and waits when there is none; it reads nothing. A PULL reads from
all its peers in turn; it sends nothing. Neither ever drops a message, unless `on_mute` tells a PUSH to.
"""

from __future__ import annotations

from collections.abc import Callable

from aiomq.message import Message
from aiomq.options import SocketOptions
from aiomq.patterns.base import Pattern, Peer
from aiomq.patterns.dealing import DealingPattern
from aiomq.patterns.fair_queue import FairQueue, discard_inbox

__all__ = ["PullPattern", "PushPattern"]


class PushPattern(DealingPattern):
    """Sends each message to one of its peers, in turn."""

    name = "PUSH"
    accepts_messages = False
    conflates = (False, True)
    __slots__ = ()

    def peer_readable(self, peer: Peer) -> None:
        """Throw away what came in: RFC 30 lets nothing but messages from PUSH to PULL pass."""
        discard_inbox(peer)


class PullPattern(Pattern):
    """Receives messages from all its peers, in turn."""

    name = "PULL"
    conflates = (True, False)
    __slots__ = ("_fair_queue", "can_recv", "try_recv")

    try_recv: Callable[[], Message | None]
    """The fair queue's own: one call less for each message."""

    can_recv: Callable[[], bool]

    def __init__(self, options: SocketOptions) -> None:
        super().__init__(options)
        self._fair_queue = FairQueue()
        self.try_recv = self._fair_queue.try_recv
        self.can_recv = self._fair_queue.can_recv

    def straight_in(self) -> Peer | None:
        """Return the only peer with unread messages."""
        return self._fair_queue.straight_in()

    def peer_readable(self, peer: Peer) -> None:
        """Read from a peer that sent something."""
        self._fair_queue.peer_readable(peer)

    def detach(self, peer: Peer) -> None:
        """Read what a peer that is gone has left, and then no more."""
        self._fair_queue.detach(peer)

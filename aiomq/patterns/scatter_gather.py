"""SCATTER and GATHER: a pipeline as of PUSH and PULL, with messages of one frame (RFC 49/SCATTER-GATHER)."""

from __future__ import annotations

from collections.abc import Callable

from aiomq.message import Message
from aiomq.options import SocketOptions
from aiomq.patterns.base import Pattern, Peer
from aiomq.patterns.fair_queue import FairQueue, discard_inbox
from aiomq.patterns.load_balancer import LoadBalancer
from aiomq.patterns.single_part import SinglePart, SinglePartInbox

__all__ = ["GatherPattern", "ScatterPattern"]


class ScatterPattern(SinglePart):
    """Sends each message to one of its peers, in turn."""

    name = "SCATTER"
    accepts_messages = False

    can_send: Callable[[], bool]

    def __init__(self, options: SocketOptions) -> None:
        super().__init__(options)
        self._balancer = LoadBalancer()
        self.can_send = self._balancer.can_send

    def try_send(self, message: Message) -> bool:
        """Queue a message for the peer whose turn it is; False if none has room."""
        if type(message) is tuple:
            self.refuse_parts()
        return self._balancer.try_send(message)

    def straight_out(self) -> Peer | None:
        """Return the only peer with room."""
        return self._balancer.straight_out()

    def attach(self, peer: Peer) -> None:
        """Give a new peer its share of the messages."""
        self._balancer.attach(peer)

    def peer_readable(self, peer: Peer) -> None:
        """Throw away what came in: a GATHER sends nothing."""
        discard_inbox(peer)

    def peer_writable(self, peer: Peer) -> None:
        """Give a peer that has room again its share of the messages."""
        self._balancer.peer_writable(peer)

    def detach(self, peer: Peer) -> None:
        """Send nothing more to a peer that is gone."""
        self._balancer.detach(peer)


class GatherPattern(Pattern):
    """Receives messages from all its peers, in turn."""

    name = "GATHER"

    can_recv: Callable[[], bool]
    try_recv: Callable[[], Message | None]

    def __init__(self, options: SocketOptions) -> None:
        super().__init__(options)
        self._fair_queue = FairQueue()
        self._inbox = SinglePartInbox(self._fair_queue.try_recv)
        self.can_recv = self._inbox.can_recv
        self.try_recv = self._inbox.try_recv

    @property
    def dropped(self) -> int:
        """How many messages in parts came and were dropped."""
        return self._inbox.dropped

    def peer_readable(self, peer: Peer) -> None:
        """Read from a peer that sent something."""
        self._fair_queue.peer_readable(peer)

    def detach(self, peer: Peer) -> None:
        """Read what a peer that is gone has left, and then no more."""
        self._fair_queue.detach(peer)

"""Round robin over the peers that sent something: the order in which PULL, DEALER, ROUTER and others read (RFC 28, 30).

The peers with unread messages stand in a ring. One whole message is read from the one in front, which then goes to the
end; one whose inbox is empty leaves, and comes back at the end when more arrives. So no peer, however fast, is read
twice before another that has something is read once.
"""

from __future__ import annotations

from collections import deque

from aiomq.message import Message
from aiomq.patterns.base import Peer

__all__ = ["FairQueue", "discard_inbox"]


class FairQueue:
    """Reads from the inboxes of all peers, in turn.

    It takes what it finds: whoever fills an inbox sees to it that a pattern without use for subscriptions gets none.
    """

    # `front` and `_shared` say again what is in `_ring`, so that reading from an only peer costs no look at the ring.
    __slots__ = ("_ring", "_shared", "front", "last_peer")

    last_peer: Peer
    """Where the last message came from; there is none before the first message."""

    def __init__(self) -> None:
        self._ring: deque[Peer] = deque()
        self.front: Peer | None = None
        self._shared = False

    def try_recv(self) -> Message | None:
        """Take a whole message from the peer whose turn it is; None if every inbox is empty."""
        peer = self.front
        if peer is None:
            return None
        inbox = peer.inbox
        message = inbox.popleft()
        if not inbox and not self._shared and peer.low_water < 0:  # a lone request or reply
            peer.in_fair_queue = False
            self._ring.clear()
            self.front = None
        elif len(inbox) <= peer.low_water or not inbox:
            self._ran_low(peer)
        elif self._shared:
            ring = self._ring
            ring.rotate(-1)
            self.front = ring[0]
        self.last_peer = peer
        return message  # type: ignore[return-value]  # no subscription gets here: see the class

    def can_recv(self) -> bool:
        """Whether some peer has an unread message."""
        return self.front is not None

    def straight_in(self) -> Peer | None:
        """Return the only peer with unread messages; None if there are several, or none.

        Whoever asks takes messages from that peer by himself: it counts as where the last one came from.
        """
        if self._shared or self.front is None:
            return None
        self.last_peer = self.front
        return self.front

    def peer_readable(self, peer: Peer) -> None:
        """A peer's inbox got more: the peer joins at the end of the ring, unless it is in the ring."""
        if not peer.in_fair_queue and peer.inbox:
            peer.in_fair_queue = True
            self._ring.append(peer)
            if self.front is None:
                self.front = peer
            else:
                self._shared = True

    def detach(self, peer: Peer) -> None:
        """A peer is gone; what is left in its inbox stays readable."""
        if peer.in_fair_queue and not peer.inbox:
            self.remove(peer)

    def remove(self, peer: Peer) -> None:
        """Read no more from a peer, whatever is in its inbox."""
        if peer.in_fair_queue:
            peer.in_fair_queue = False
            self._ring.remove(peer)
            self._settle()

    def _ran_low(self, peer: Peer) -> None:
        """End the turn of the peer in front, whose inbox is at its low-water mark or empty, and give its credit.

        The ring is in order before credit is given, because that may bring messages, or the end of a peer, at once.
        """
        inbox = peer.inbox
        if not inbox:
            self.remove(peer)
        elif self._shared:
            self._ring.rotate(-1)
            self.front = self._ring[0]
        if len(inbox) <= peer.low_water:
            peer.inbox_low()
            if inbox and not peer.in_fair_queue:
                self.peer_readable(peer)

    def _settle(self) -> None:
        ring = self._ring
        self.front = ring[0] if ring else None
        self._shared = len(ring) > 1

    def __repr__(self) -> str:
        return f"<FairQueue readable={len(self._ring)}>"


def discard_inbox(peer: Peer) -> None:
    """Throw away what a peer sent, and give its credit, for a pattern that does not read."""
    inbox = peer.inbox
    while inbox:
        inbox.popleft()
        if len(inbox) <= peer.low_water:
            peer.inbox_low()

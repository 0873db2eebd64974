"""The distributor: one message to many peers (29/PUBSUB: PUB, XPUB, and XSUB upstream).

A peer that is full misses the whole message and the others get it: a slow subscriber never holds up a fast one.
Nothing here waits and nothing is ever cut, because a message is queued for a peer in one piece or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aiomq.message import Message
from aiomq.patterns.base import Peer

__all__ = ["Distributor"]


class Distributor:
    """Puts one message to each of several peers, as far as they have room.

    Attributes:
        peers: everyone attached, in that order.
        dropped: how often a peer missed a message because it was full, over the distributor's life.
    """

    __slots__ = ("dropped", "peers")

    def __init__(self) -> None:
        self.peers: dict[Peer, None] = {}
        self.dropped = 0

    def attach(self, peer: Peer) -> None:
        """Count a peer among those who get what goes to all."""
        self.peers[peer] = None

    def detach(self, peer: Peer) -> None:
        """Forget a peer, if it is attached."""
        self.peers.pop(peer, None)

    def send(self, message: Message, peers: Sequence[Peer]) -> None:
        """Put a message to those of these peers that have room; count a drop for each of the others."""
        # A fan-out: when len(peers) > 1, `message` is queued once per peer from here on. What should be made once for
        # all of them, such as its encoding, can be hung on the message at this point.
        for peer in peers:
            if not peer.writable:
                self.dropped += 1
            else:
                peer.put(message)

    def send_to_all(self, message: Message) -> None:
        """Put a message to every attached peer that has room."""
        self.send(message, tuple(self.peers))

    def all_except(self, peers: Iterable[Peer]) -> list[Peer]:
        """Return the attached peers that are not among these."""
        excluded = frozenset(peers)
        return [peer for peer in self.peers if peer not in excluded]

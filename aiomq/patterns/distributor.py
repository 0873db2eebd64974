"""The distributor: one message to many peers (29/PUBSUB: PUB, XPUB, and XSUB upstream).

A peer that is full misses the whole message and the others get it: a slow subscriber never holds up a fast one.
Nothing here waits and nothing is ever cut, because a message is queued for a peer in one piece or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from aiomq.message import Message
from aiomq.patterns.base import Peer
from aiomq.patterns.broadcast import Broadcast

__all__ = ["CROWD", "Distributor"]

CROWD: Final = 64
"""From so many peers on the work of one message is told to the owner: it counts as that of several."""


class Distributor:
    """Puts one message to each of several peers, as far as they have room.

    Attributes:
        peers: everyone attached, in that order.
        dropped: how often a peer missed a message because it was full, over the distributor's life.
        drop_oldest: a full peer misses not the message that it has no room for, but the oldest in its queue.
        broadcast: the messages that were taken down for everybody and not handed out yet; they go first.
    """

    __slots__ = ("_spent", "broadcast", "drop_oldest", "dropped", "peers")

    def __init__(self, spent: Callable[[int], None]) -> None:
        """Begin without peers; `spent` is told to how many peers a message went, if they are a crowd."""
        self.peers: dict[Peer, None] = {}
        self.dropped = 0
        self.drop_oldest = False
        self.broadcast: Final = Broadcast(self._missed)
        self._spent = spent

    def attach(self, peer: Peer) -> None:
        """Count a peer among those who get what goes to all."""
        self.peers[peer] = None

    def detach(self, peer: Peer) -> None:
        """Forget a peer, if it is attached."""
        self.peers.pop(peer, None)

    def send(self, message: Message, peers: Sequence[Peer]) -> None:
        """Put a message to those of these peers that have room; each of the others misses one, which is counted."""
        if self.broadcast.messages:
            self.broadcast.spread()
        for peer in peers:
            if peer.writable:
                peer.put(message)
            else:
                self._spill(peer, message)
        if len(peers) >= CROWD:
            self._spent(len(peers))

    def _spill(self, peer: Peer, message: Message) -> None:
        """A peer is full: it misses this message, or with `drop_oldest` the oldest that is queued for it."""
        self._missed(peer, 1)
        if self.drop_oldest:
            peer.replace_oldest(message)

    def _missed(self, peer: Peer, count: int) -> None:
        self.dropped += count
        peer.dropped += count

    def send_to_all(self, message: Message) -> None:
        """Put a message to every attached peer that has room."""
        self.send(message, tuple(self.peers))

    def all_except(self, peers: Iterable[Peer]) -> list[Peer]:
        """Return the attached peers that are not among these."""
        excluded = frozenset(peers)
        return [peer for peer in self.peers if peer not in excluded]

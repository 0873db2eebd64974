"""Peers that are away, for patterns that deal messages out in turn (PUSH, DEALER).

What is queued for such a peer waits for it. New messages go to the peers that are there; only while there is none at
all do those that are away take their turns, each as far as its queue has room.
"""

from __future__ import annotations

from aiomq.patterns.base import Peer
from aiomq.patterns.load_balancer import LoadBalancer
from aiomq.patterns.overflow import Overflow

__all__ = ["AwayPeers"]


class AwayPeers:
    """Keeps peers that are away out of the ring, or puts them into it where nobody else is."""

    __slots__ = ("_balancer", "_overflow", "_peers", "_standing_in")

    def __init__(self, balancer: LoadBalancer, overflow: Overflow) -> None:
        self._balancer = balancer
        self._overflow = overflow
        self._peers: dict[Peer, None] = {}
        self._standing_in: set[Peer] = set()

    def leave(self, peer: Peer) -> None:
        """A peer goes away."""
        self._take_out(peer)
        self._peers[peer] = None
        self.settle()

    def back(self, peer: Peer) -> None:
        """A peer that was away is there again."""
        self.forget(peer)
        self._put_in(peer)
        self.settle()

    def forget(self, peer: Peer) -> None:
        """A peer will not come back, or is about to."""
        if peer in self._peers:
            del self._peers[peer]
            self._standing_in.discard(peer)
            self._take_out(peer)

    def is_out(self, peer: Peer) -> bool:
        """Whether a peer is away and gets no new messages now."""
        return peer in self._peers and peer not in self._standing_in

    def settle(self) -> None:
        """Let the peers that are away stand in if nobody is there, and no longer if somebody is."""
        if not self._peers:
            return
        if len(self._overflow) > len(self._standing_in):
            for peer in tuple(self._standing_in):
                self._standing_in.remove(peer)
                self._take_out(peer)
        else:
            for peer in self._peers:
                if peer not in self._standing_in:
                    self._standing_in.add(peer)
                    self._put_in(peer)

    def _put_in(self, peer: Peer) -> None:
        self._overflow.attach(peer)
        self._balancer.attach(peer)

    def _take_out(self, peer: Peer) -> None:
        self._overflow.detach(peer)
        self._balancer.detach(peer)

    def __repr__(self) -> str:
        return f"<AwayPeers away={len(self._peers)} standing in={len(self._standing_in)}>"

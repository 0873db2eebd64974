"""Round robin over the peers that have room: how PUSH, DEALER and REQ choose where a message goes (RFC 28, RFC 30).

The peers with room stand in a ring. The one in front gets the next whole message and goes to the end; one that is
full leaves the ring and comes back at the end when it has room again. So nobody is served twice before another is
served once, and a slow peer holds up nobody.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from aiomq.message import Message
from aiomq.patterns.base import Peer

__all__ = ["LoadBalancer", "TrySend"]


class TrySend(Protocol):
    """The type of `Pattern.try_send`, for a pattern that has the balancer's in its place to save a call."""

    def __call__(self, message: Message) -> bool:
        """Queue a whole message; False means "not now"."""


def _refuse(message: Message) -> bool:
    """Not now: whoever sends has to wait."""
    return False


class LoadBalancer:
    """Deals messages out to the peers with room, in turn."""

    # `front` and `_shared` say again what is in `_ring`, so that a message to an only peer costs no look at the ring.
    __slots__ = ("_members", "_ring", "_shared", "front", "spill")

    def __init__(self) -> None:
        self._ring: deque[Peer] = deque()
        self._members: set[Peer] = set()
        self.front: Peer | None = None
        """The peer that the next message goes to; None if none has room."""
        self._shared = False
        self.spill: Callable[[Message], bool] = _refuse
        """What to do with a message that no peer has room for; it returns whether that was dealt with."""

    def try_send(self, message: Message) -> bool:
        """Queue a whole message for the peer whose turn it is; False if no peer has room."""
        peer = self.front
        if peer is None:
            return self.spill(message)
        if peer.put(message):
            if self._shared:
                ring = self._ring
                ring.rotate(-1)
                self.front = ring[0]
        else:
            self._step_aside(peer)
        return True

    def can_send(self) -> bool:
        """Whether some peer has room."""
        return self.front is not None

    def straight_out(self) -> Peer | None:
        """Return the only peer with room; None if there are several, or none."""
        return None if self._shared else self.front

    def attach(self, peer: Peer) -> None:
        """A peer exists now; it gets its turn as soon as it has room."""
        if peer.writable:
            self.peer_writable(peer)

    def peer_writable(self, peer: Peer) -> None:
        """A peer has room: it joins at the end of the ring, unless it is in the ring."""
        if peer not in self._members:
            self._members.add(peer)
            self._ring.append(peer)
            self._settle()

    def detach(self, peer: Peer) -> None:
        """A peer is gone."""
        if peer in self._members:
            self._members.remove(peer)
            self._ring.remove(peer)
            self._settle()

    def _step_aside(self, peer: Peer) -> None:
        """Take a peer that refuses further messages out of the ring."""
        if not peer.writable:  # it may have got room again while it was being told that it has none
            self.detach(peer)

    def _settle(self) -> None:
        ring = self._ring
        self.front = ring[0] if ring else None
        self._shared = len(ring) > 1

    def __repr__(self) -> str:
        return f"<LoadBalancer writable={len(self._ring)}>"

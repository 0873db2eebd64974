"""Peers by routing id, and the ids for those that brought none: how a ROUTER finds its peers (RFC 28/REQREP)."""

from __future__ import annotations

import secrets
from typing import Final

from aiomq.patterns.base import Peer

__all__ = ["RoutingTable"]

_COUNTER_MASK: Final = 0xFFFFFFFF


class RoutingTable:
    """Keeps each peer under the routing id that is in its `routing_id`."""

    __slots__ = ("_counter", "_peers", "find")

    def __init__(self) -> None:
        self._peers: dict[bytes, Peer] = {}
        self._counter = secrets.randbits(32)  # random, so that an id from before a restart finds nobody
        self.find: Final = self._peers.get
        """Return the peer with this routing id, or None."""

    def add(self, peer: Peer) -> None:
        """Enter a peer under its routing id, which must be free."""
        self._peers[peer.routing_id] = peer

    def remove(self, peer: Peer) -> None:
        """Strike out a peer, if it is here; one with the same routing id that was never entered changes nothing."""
        if self._peers.get(peer.routing_id) is peer:
            del self._peers[peer.routing_id]

    def free_id(self) -> bytes:
        """Return a routing id that nobody has: 0x00 and a counter of four octets, in network order."""
        while True:
            routing_id = b"\x00" + self._counter.to_bytes(4, "big")
            self._counter = (self._counter + 1) & _COUNTER_MASK
            if routing_id not in self._peers:  # a peer may announce one of these, whatever the RFC says
                return routing_id

    def any_writable(self) -> bool:
        """Whether some peer has room."""
        return any(peer.writable for peer in self._peers.values())

    def __len__(self) -> int:
        return len(self._peers)

    def __repr__(self) -> str:
        return f"<RoutingTable peers={len(self)}>"

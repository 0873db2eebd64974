"""STREAM: byte streams of peers that know nothing of ZeroMQ, each under a routing id.

A message is a pair, the routing id and a chunk of bytes as it came. An empty chunk is no bytes but the news that a peer
is there, or is gone; sent, it ends the connection.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence

from aiomq.errors import ZMQError
from aiomq.message import Message
from aiomq.options import SocketOptions
from aiomq.patterns.base import Pattern, Peer
from aiomq.patterns.fair_queue import FairQueue
from aiomq.patterns.routing_table import RoutingTable

__all__ = ["StreamPattern"]

_PARTS = 2


class StreamPattern(Pattern):
    """Sends each chunk to the peer that its routing id names, and receives from all peers, in turn."""

    name = "STREAM"

    can_recv: Callable[[], bool]

    def __init__(self, options: SocketOptions) -> None:
        super().__init__(options)
        self._fair_queue = FairQueue()
        self._table = RoutingTable()
        self._named: dict[Peer, bytes] = {}
        self.can_recv = self._fair_queue.can_recv

    def try_send(self, message: Message) -> bool:
        """Queue a chunk for the peer that the first frame names; an empty one ends the connection, after the others.

        Raises:
            ZMQError: EHOSTUNREACH if no peer has this routing id, EINVAL if it is not a routing id and a chunk.
        """
        if not isinstance(message, tuple) or len(message) != _PARTS:
            raise ZMQError(
                errno.EINVAL, "a message of a STREAM socket is two frames: a routing id and a chunk of bytes"
            )
        routing_id, chunk = message
        peer = self._find(routing_id)
        if not chunk:
            peer.finish()
            return True
        if not peer.writable:
            return False
        peer.put(chunk)
        return True

    def wants_more(self, frames: Sequence[bytes]) -> bool:
        """Return whether the chunk is still to come; with it a message is whole, SNDMORE or not.

        Raises:
            ZMQError: EHOSTUNREACH if no peer has this routing id.
        """
        if len(frames) < _PARTS:
            self._find(frames[0])
        return len(frames) < _PARTS

    def _find(self, routing_id: bytes) -> Peer:
        peer = self._table.find(routing_id)
        if peer is None:
            what = f"no peer of this STREAM has the routing id {routing_id!r}: it never connected, or it is gone"
            raise ZMQError(errno.EHOSTUNREACH, what)
        return peer

    def try_recv(self) -> Message | None:
        """Take the next chunk, with the routing id of the peer it came from before it."""
        chunk = self._fair_queue.try_recv()
        return None if chunk is None else (self._fair_queue.last_peer.routing_id, chunk)  # type: ignore[return-value]  # no tuple comes in on a raw connection

    def can_send(self) -> bool:
        """Return True: whether there is room depends on whom a chunk is for."""
        return True

    def claim(self, routing_id: bytes) -> None:
        """Refuse a routing id for the next connect (CONNECT_ROUTING_ID) if a peer has it.

        Raises:
            ZMQError: EINVAL if a peer has this routing id.
        """
        if self._table.find(routing_id) is not None:
            what = (
                f"CONNECT_ROUTING_ID {routing_id!r} is the routing id of another peer of this STREAM: choose a new one"
            )
            raise ZMQError(errno.EINVAL, what)

    def attach(self, peer: Peer) -> None:
        """Enter a peer under the routing id that CONNECT_ROUTING_ID gave it, or give it one.

        ROUTING_ID then reads as that of the last peer which was given one.
        """
        if not peer.routing_id:
            peer.routing_id = self.options.routing_id = self._table.free_id()
        self._named[peer] = peer.routing_id
        self._table.add(peer)
        self._fair_queue.peer_readable(peer)

    def identify(self, peer: Peer) -> None:
        """Keep the routing id of a peer, which has nothing to say about it."""
        peer.routing_id = self._named[peer]

    def peer_readable(self, peer: Peer) -> None:
        """Read from a peer that sent something."""
        self._fair_queue.peer_readable(peer)

    def detach(self, peer: Peer) -> None:
        """Free the routing id of a peer that is gone; what it left is read under that id."""
        self._named.pop(peer, None)
        self._table.remove(peer)
        self._fair_queue.detach(peer)

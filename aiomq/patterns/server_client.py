"""CLIENT and SERVER (RFC 41), and PEER (RFC 51): questions and answers in any order, one frame each.

A CLIENT deals its messages out to its servers in turn and reads from them in turn. A SERVER knows each peer by a number
of 32 bits, which it makes up; it tells it with each message that it receives, and wants it with each that it sends. A
PEER does the same, and is both sides at once.
"""

from __future__ import annotations

import errno
import secrets
from collections.abc import Callable
from typing import Final

from aiomq.constants import SocketOption
from aiomq.errors import ZMQError
from aiomq.message import Message
from aiomq.options import SocketOptions
from aiomq.patterns.base import Peer
from aiomq.patterns.fair_queue import FairQueue
from aiomq.patterns.load_balancer import LoadBalancer
from aiomq.patterns.single_part import SinglePart, SinglePartInbox

__all__ = ["ClientPattern", "PeerPattern", "ServerPattern"]

_ID_MASK: Final = 0xFFFFFFFF


class ClientPattern(SinglePart):
    """Sends each message to one of its servers and receives from all of them, in turn."""

    name = "CLIENT"
    lifecycle = frozenset({SocketOption.HELLO_MSG, SocketOption.HICCUP_MSG})

    can_send: Callable[[], bool]
    can_recv: Callable[[], bool]
    try_recv: Callable[[], Message | None]

    def __init__(self, options: SocketOptions) -> None:
        super().__init__(options)
        self._balancer = LoadBalancer()
        self._fair_queue = FairQueue()
        self._inbox = SinglePartInbox(self._fair_queue.try_recv)
        self.can_send = self._balancer.can_send
        self.can_recv = self._inbox.can_recv
        self.try_recv = self._inbox.try_recv

    @property
    def dropped(self) -> int:
        """How many messages in parts came from servers and were dropped."""
        return self._inbox.dropped

    def try_send(self, message: Message) -> bool:
        """Queue a message for the server whose turn it is; False if none has room."""
        if type(message) is tuple:
            self.refuse_parts()
        return self._balancer.try_send(message)

    def straight_out(self) -> Peer | None:
        """Return the only server with room."""
        return self._balancer.straight_out()

    def attach(self, peer: Peer) -> None:
        """Give a new server its share of the messages."""
        self._balancer.attach(peer)

    def peer_readable(self, peer: Peer) -> None:
        """Read from a server that sent something."""
        self._fair_queue.peer_readable(peer)

    def peer_writable(self, peer: Peer) -> None:
        """Give a server that has room again its share of the messages."""
        self._balancer.peer_writable(peer)

    def detach(self, peer: Peer) -> None:
        """Send nothing more to a server that is gone, and read what it left."""
        self._balancer.detach(peer)
        self._fair_queue.detach(peer)


class ServerPattern(SinglePart):
    """Sends each message to the peer whose routing id it is given, and receives from all peers, in turn."""

    name = "SERVER"
    lifecycle = frozenset({SocketOption.HELLO_MSG, SocketOption.DISCONNECT_MSG})

    can_recv: Callable[[], bool]

    def __init__(self, options: SocketOptions) -> None:
        super().__init__(options)
        self._fair_queue = FairQueue()
        self._inbox = SinglePartInbox(self._fair_queue.try_recv)
        self._peers: dict[int, Peer] = {}
        self._ids: dict[Peer, int] = {}
        self._last_id = secrets.randbits(32)  # random, so that an id from before a restart finds nobody
        self.can_recv = self._inbox.can_recv

    @property
    def dropped(self) -> int:
        """How many messages in parts came from peers and were dropped."""
        return self._inbox.dropped

    def try_send(self, message: Message) -> bool:
        """Refuse: there is nobody to send it to.

        Raises:
            ZMQError: EHOSTUNREACH; EINVAL for a message of several frames.
        """
        if type(message) is tuple:
            self.refuse_parts()
        raise self._unreachable(0)

    def try_send_to(self, data: bytes, routing_id: int, group: bytes) -> bool:
        """Queue a message for the peer with this routing id; False if it has no room.

        Raises:
            ZMQError: EHOSTUNREACH if there is no such peer, EINVAL for a group.
        """
        if group:
            return super().try_send_to(data, 0, group)
        peer = self._peers.get(routing_id)
        if peer is None:
            raise self._unreachable(routing_id)
        if not peer.writable:
            return False
        peer.put(data)
        return True

    def try_recv(self) -> Message | None:
        """Take the next message; `last_routing_id` then tells whom to answer."""
        message = self._inbox.try_recv()
        if message is not None:
            self.last_routing_id = int.from_bytes(self._fair_queue.last_peer.routing_id, "big")
        return message

    def can_send(self) -> bool:
        """Return True: whether there is room depends on whom a message is for."""
        return True

    def peer_of(self, routing_id: int) -> Peer:
        """Return the peer with this routing id.

        Raises:
            ZMQError: EHOSTUNREACH if there is none.
        """
        peer = self._peers.get(routing_id)
        if peer is None:
            raise self._unreachable(routing_id)
        return peer

    def attach(self, peer: Peer) -> None:
        """Give a new peer a routing id, which is not 0 and nobody else's."""
        while True:
            self._last_id = routing_id = (self._last_id + 1) & _ID_MASK
            if routing_id and routing_id not in self._peers:
                break
        self._peers[routing_id] = peer
        self._ids[peer] = routing_id
        self.identify(peer)
        self._fair_queue.peer_readable(peer)

    def identify(self, peer: Peer) -> None:
        """Write the routing id to the peer, in the place of one that it may have announced."""
        peer.routing_id = self._ids[peer].to_bytes(4, "big")

    def peer_readable(self, peer: Peer) -> None:
        """Read from a peer that sent something."""
        self._fair_queue.peer_readable(peer)

    def detach(self, peer: Peer) -> None:
        """Free the routing id of a peer that is gone; what it left is read under that id."""
        self._peers.pop(self._ids.pop(peer, 0), None)
        self._fair_queue.detach(peer)

    def _unreachable(self, routing_id: int) -> ZMQError:
        what = f"no peer of this {self.name} has the routing id {routing_id}: it never connected, or it is gone"
        if not routing_id:
            what = f"a {self.name} socket must be told whom to send to: send(data, routing_id=...)"
        return ZMQError(errno.EHOSTUNREACH, what)


class PeerPattern(ServerPattern):
    """Does what a SERVER does, and names the peers that it connects to before they have said anything."""

    name = "PEER"
    lifecycle = frozenset({SocketOption.HELLO_MSG, SocketOption.DISCONNECT_MSG, SocketOption.HICCUP_MSG})

    def last_attached(self) -> int:
        """Return the routing id of the peer that was attached last."""
        return self._last_id

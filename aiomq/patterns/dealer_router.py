"""DEALER and ROUTER: requests and replies without lockstep, for those who keep the books themselves (RFC 28/REQREP).

A DEALER deals messages out to its peers in turn and reads from them in turn, and changes nothing in a message. A ROUTER
names each peer by a routing id: what it receives begins with the sender's, what it sends begins with the receiver's.
"""

from __future__ import annotations

import errno
from collections.abc import Callable

from aiomq.constants import SocketOption
from aiomq.errors import ZMQError
from aiomq.message import Message
from aiomq.mute import OnMute
from aiomq.options import SocketOptions
from aiomq.patterns.base import Pattern, Peer
from aiomq.patterns.dealing import DealingPattern
from aiomq.patterns.fair_queue import FairQueue
from aiomq.patterns.routing_table import RoutingTable

__all__ = ["DealerPattern", "RouterPattern", "probe"]


def probe(peer: Peer) -> None:
    """Put one empty message to a new peer, so that a ROUTER learns of us before we have anything to say."""
    if peer.writable:
        peer.put(b"")


class DealerPattern(DealingPattern):
    """Sends each message to one of its peers and receives from all of them, in turn."""

    name = "DEALER"
    conflates = (True, True)
    lifecycle = frozenset({SocketOption.HELLO_MSG, SocketOption.HICCUP_MSG})
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

    def attach(self, peer: Peer) -> None:
        """Give a new peer its share of the messages, after the greeting of PROBE_ROUTER if that is set."""
        if self.options.probe_router:
            probe(peer)
        super().attach(peer)

    def peer_readable(self, peer: Peer) -> None:
        """Read from a peer that sent something."""
        self._fair_queue.peer_readable(peer)

    def detach(self, peer: Peer) -> None:
        """Send nothing more to a peer that is gone, and read what it left."""
        super().detach(peer)
        self._fair_queue.detach(peer)


class RouterPattern(Pattern):
    """Sends each message to the peer that its first frame names, and receives from all peers, in turn.

    A peer takes part once its routing id is known: its own, or one made here (`identify`). It is kept in the peer's
    `routing_id`. A peer that announces an id in use is turned away: nothing is read from it nor kept for it. Who cannot
    come back by itself (over inproc) stays, and takes part once the id is free. With ROUTER_HANDOVER the newcomer takes
    the id, and the peer that had it is closed, unless they have proved to be two different ones.
    """

    name = "ROUTER"
    lifecycle = frozenset({SocketOption.HELLO_MSG, SocketOption.DISCONNECT_MSG, SocketOption.ROUTER_NOTIFY})
    mutes = (OnMute.DROP_NEWEST, OnMute.DROP_OLDEST)
    picks_peer = True
    keeps_away_peers = True
    __slots__ = ("_fair_queue", "_identified", "_table", "_waiting", "can_recv")

    can_recv: Callable[[], bool]

    def __init__(self, options: SocketOptions) -> None:
        super().__init__(options)
        self._fair_queue = FairQueue()
        self._table = RoutingTable()
        self._identified: set[Peer] = set()
        self._waiting: dict[Peer, None] = {}
        """Who announced an id that another has, and stays; in the order they came."""
        self.can_recv = self._fair_queue.can_recv

    def try_send(self, message: Message) -> bool:
        """Queue a message, less its first frame, for the peer which that frame names.

        A message that cannot be delivered is dropped; with ROUTER_MANDATORY it is refused: with False if the peer has
        no room, with an error if there is no such peer. A routing id with nothing after it is ignored.

        Raises:
            ZMQError: EHOSTUNREACH if ROUTER_MANDATORY is set and no peer has this routing id.
        """
        if not isinstance(message, tuple):
            return True
        peer = self._table.find(message[0])
        if peer is None:
            if self.options.router_mandatory:
                raise _unreachable(message[0])
            self._dropped += 1
            return True
        body = message[1] if len(message) == 2 else message[1:]
        if not peer.writable:
            return self._spill(peer, body)
        peer.put(body)
        return True

    def _spill(self, peer: Peer, body: Message) -> bool:
        """Do what `on_mute` and ROUTER_MANDATORY say with a message to a full peer."""
        replaced = self.on_mute is OnMute.DROP_OLDEST and peer.replace_oldest(body)
        if not replaced and self.options.router_mandatory:
            return False
        peer.dropped += 1
        self._dropped += 1
        return True

    def try_recv(self) -> Message | None:
        """Take the next message, with the routing id of the peer it came from before it."""
        message = self._fair_queue.try_recv()
        if message is None:
            return None
        routing_id = self._fair_queue.last_peer.routing_id
        return (routing_id, *message) if isinstance(message, tuple) else (routing_id, message)

    def can_send(self) -> bool:
        """Always, as what cannot be delivered is dropped; with ROUTER_MANDATORY whether some peer has room."""
        return not self.options.router_mandatory or self._table.any_writable()

    def claim(self, routing_id: bytes) -> None:
        """Refuse a routing id for the next connect (CONNECT_ROUTING_ID) if a peer has it, ROUTER_HANDOVER or not.

        Nothing is reserved: the peer is to be attached and identified in the same go.

        Raises:
            ZMQError: EINVAL if a peer has this routing id.
        """
        if self._table.find(routing_id) is not None:
            raise ZMQError(
                errno.EINVAL,
                f"CONNECT_ROUTING_ID {routing_id!r} is the routing id of another peer of this ROUTER: choose a new one",
            )

    def attach(self, peer: Peer) -> None:
        """Greet a new peer, if PROBE_ROUTER is set; it takes part once it is identified."""
        if self.options.probe_router:
            probe(peer)

    def identify(self, peer: Peer) -> None:
        """Enter a peer under the routing id it announced, or give it one; turn it away if another has that id."""
        if not peer.routing_id:
            peer.routing_id = self._table.free_id()
        holder = self._table.find(peer.routing_id)
        if holder is not None and not self._hands_over(holder, peer):
            if self.turn_away(peer, _taken(peer.routing_id, with_handover=self.options.router_handover)):
                self._waiting[peer] = None
            return
        if holder is not None:
            self._table.remove(holder)
            holder.routing_id = self._table.free_id()
        self._table.add(peer)
        self._identified.add(peer)
        self._fair_queue.peer_readable(peer)
        if holder is not None:
            holder.close("another peer announced the same routing id and took its place (ROUTER_HANDOVER)")

    def _hands_over(self, holder: Peer, newcomer: Peer) -> bool:
        """Return whether a newcomer gets the id of its holder: what is meant for one user is not for another."""
        return self.options.router_handover and _user(holder) == _user(newcomer)

    def peer_readable(self, peer: Peer) -> None:
        """Read from a peer that sent something, if it takes part."""
        if peer in self._identified:
            self._fair_queue.peer_readable(peer)

    def detach(self, peer: Peer) -> None:
        """Free the routing id of a peer that is gone; what it left is read under that id."""
        self._waiting.pop(peer, None)
        self._table.remove(peer)
        self._identified.discard(peer)
        self._fair_queue.detach(peer)
        if self._waiting:
            self._let_in(peer.routing_id)

    def _let_in(self, routing_id: bytes) -> None:
        """Let in who has waited longest for a routing id, if it is free."""
        if self._table.find(routing_id) is None:
            for peer in self._waiting:
                if peer.routing_id == routing_id:
                    del self._waiting[peer]
                    self.identify(peer)
                    return


def _user(peer: Peer) -> tuple[bytes, bytes]:
    """Return who a peer has proved to be: to the ZAP handler, or by its key of CURVE; nobody where nobody asked."""
    user_id = peer.properties.get("User-Id", b"")
    return user_id, b"" if user_id else peer.properties.get("Public-Key", b"")


def _taken(routing_id: bytes, *, with_handover: bool) -> str:
    hint = "ROUTER_HANDOVER is for the same user alone" if with_handover else "ROUTER_HANDOVER would give it the id"
    whose = "a peer of another user" if with_handover else "another peer of this ROUTER"
    return f"{whose} has the routing id {routing_id!r}: the newcomer is not let in before that one has left ({hint})"


def _unreachable(routing_id: bytes) -> ZMQError:
    return ZMQError(
        errno.EHOSTUNREACH,
        f"no peer of this ROUTER has the routing id {routing_id!r}: it never connected, or it is gone",
    )

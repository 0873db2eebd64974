"""The socket's end of one link: a bounded outbox, a bounded inbox, and the credit between the two sides.

The high-water mark counts whole messages of one peer, and room comes back as in libzmq: in steps of half the mark, so
that a full queue is not filled and drained one message at a time. A peer made by `connect` outlives its connections
and keeps its outbox over a reconnection; one that was accepted dies with its connection.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from aiomq.flusher import Flusher
from aiomq.message import Item, Message, Subscription
from aiomq.options import SocketOptions

__all__ = ["UNLIMITED", "Link", "PeerOwner", "StreamPeer", "low_water_mark"]

UNLIMITED: Final = sys.maxsize


def low_water_mark(hwm: int) -> int:
    """Return after how many messages the reading side gives credit back: half the mark, rounded up."""
    return (hwm + 1) // 2


class PeerOwner(Protocol):
    """The socket, as its peers see it: the protocol one level above the connections'."""

    options: SocketOptions
    accepts_subscriptions: bool

    def peer_attached(self, peer: StreamPeer) -> None:
        """A link exists now."""

    def message_received(self, peer: StreamPeer, count: int) -> None:
        """So many items were added to the peer's inbox."""

    def peer_writable(self, peer: StreamPeer) -> None:
        """A full peer has room again."""

    def peer_corked(self, peer: StreamPeer, append: Callable[[Item], None], room: int) -> None:
        """Until the turn ends a peer only collects messages; it has room for so many, and for another one then."""

    def peer_full(self) -> None:
        """A peer has no more room: the loop should get a turn before the next message is sent."""

    def peer_detached(self, peer: StreamPeer) -> None:
        """The link is gone for good."""


class Link(Protocol):
    """What carries a peer's messages at the moment."""

    def flush(self) -> None:
        """Write what is in the outbox, as far as the transport takes it; call `flushed` on the peer."""

    def refill(self) -> None:
        """The inbox ran low: decode and read on."""

    def end(self, reason: str = "") -> None:
        """The peer is closed: end the connection, and let monitors know why."""


class StreamPeer:
    """A peer whose messages travel over connections, one after the other."""

    __slots__ = (
        "_hwm",
        "_limit",
        "_unreported",
        "address",
        "corked",
        "endpoint",
        "flusher",
        "in_fair_queue",
        "inbox",
        "left",
        "link",
        "low_water",
        "outbox",
        "owner",
        "routing_id",
        "writable",
    )

    def __init__(self, owner: PeerOwner, flusher: Flusher, endpoint: str) -> None:
        self.owner = owner
        self.flusher = flusher
        self.endpoint = endpoint
        self.routing_id = b""
        self.inbox: deque[Item] = deque()
        self.outbox: deque[Item] = deque()
        self.low_water = -1
        self.in_fair_queue = False
        self.address = ""
        self.writable = True
        self.left = False
        self.corked = True  # nothing can be flushed before there is a link
        self.link: Link | None = None
        self._unreported = 0
        self._hwm = 0
        self._limit = UNLIMITED
        self.apply_hwm()

    # -- the outbox --------------------------------------------------------------------------------------------------

    def put(self, message: Message) -> bool:
        """Queue a whole message; return whether there is room for one more."""
        outbox = self.outbox
        outbox.append(message)
        if not self.corked:
            self.flusher.touch(self)
            self.owner.peer_corked(self, outbox.append, self._limit - len(outbox) - 1)
        if len(outbox) < self._limit:
            return True
        return self._make_room()

    def _make_room(self) -> bool:
        """The outbox is full: write at once what the transport takes."""
        if self.link is not None:
            self.link.flush()
            if len(self.outbox) < self._limit:
                return True
        self.writable = False
        self.owner.peer_full()
        return False

    def put_control(self, item: Subscription) -> None:
        """Queue a subscription, whatever the high-water mark says: losing one would silence a topic for good."""
        self.outbox.append(item)
        if not self.corked:
            self.flusher.touch(self)

    def discard_outbox(self) -> None:
        """Throw away what is queued and not on its way."""
        self.outbox.clear()
        self._unreported = 0
        self._credit()

    def flush(self) -> None:
        """Write what is queued, as far as the transport takes it."""
        if self.link is not None:
            self.link.flush()

    def uncork(self) -> None:
        """The turn is over: write what was held back."""
        if self.link is not None:
            self.corked = False
            self.link.flush()

    def flushed(self, count: int) -> None:
        """So many items left the outbox: give credit for them, in steps of the low-water mark."""
        if self._hwm:
            self._unreported = (self._unreported + count) % low_water_mark(self._hwm)
            self._credit()

    def _credit(self) -> None:
        self._limit = self._hwm - self._unreported if self._hwm else UNLIMITED
        if not self.writable and len(self.outbox) < self._limit and not self.left:
            self.writable = True
            self.owner.peer_writable(self)

    def apply_hwm(self) -> None:
        """Apply the owner's SNDHWM (messages; 0 is no limit); the mark of the inbox is looked up at every read."""
        self._hwm = self.owner.options.sndhwm
        self._unreported = 0
        self._limit = self._hwm or UNLIMITED
        if len(self.outbox) < self._limit:
            self._credit()
        else:
            self.writable = False

    # -- the inbox ---------------------------------------------------------------------------------------------------

    def inbox_low(self) -> None:
        """The inbox ran down to `low_water`."""
        if self.link is not None:
            self.link.refill()

    # -- the link ----------------------------------------------------------------------------------------------------

    def attach_link(self, link: Link) -> None:
        """A connection is ready to carry messages."""
        self.link = link
        self.corked = False
        link.flush()

    def detach_link(self) -> None:
        """The connection is gone; what is queued stays for the next one."""
        self.link = None
        self.corked = True

    def leave(self, *, drop: bool = False) -> None:
        """Take no further part in the socket's pattern; what is queued to go out may still go.

        With `drop`, what arrived and was not read is thrown away, and so is what still arrives.
        """
        if not self.left:
            self.left = True
            self.writable = False
            if drop:
                self.inbox.clear()
            self.owner.peer_detached(self)
            if drop:
                self.inbox_low()

    def close(self, reason: str = "", /) -> None:
        """End this link for good; monitors are told the reason."""
        self.leave()
        link = self.link
        if link is not None:
            self.detach_link()
            link.end(reason)

    def end_with_socket(self) -> None:
        """Nothing: the listener or dialer ends its peers, after what they have to send."""

    @property
    def queued_out(self) -> int:
        """Messages that wait to leave."""
        return len(self.outbox)

    @property
    def state(self) -> str:
        """`connected`, `waiting` (for a connection) or `closed`."""
        if self.link is not None:
            return "connected"
        return "closed" if self.left else "waiting"

    def __repr__(self) -> str:
        return f"<Peer {self.endpoint} {self.state} queued out={len(self.outbox)} in={len(self.inbox)}>"

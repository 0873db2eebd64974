"""The contract between a socket and its pattern, and what a pattern knows of a peer.

A pattern is the strategy object that makes a PUSH a PUSH: which peer the next message goes to, which one it comes
from, what happens when there is no room. It is synchronous, knows no event loop, no bytes on a wire and no transport,
so every rule of RFC 28, 29, 30 and 31 can be tested with a fake peer in a plain function.

The socket calls `attach`, `identify`, `peer_readable`, `peer_writable`, `hiccup` and `detach` as things happen to
peers, and `try_send` and `try_recv` for its user. Nothing here waits: "not now" is a return value.
"""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable
from typing import ClassVar, Protocol

from aiomq.errors import ZMQError
from aiomq.message import Item, Message, Subscription
from aiomq.options import SocketOptions

__all__ = ["Pattern", "Peer"]


def _nobody() -> None:
    """Nobody waits for the other direction."""


class Peer(Protocol):
    """The socket's end of one link, as a pattern sees it: a bounded outbox and a bounded inbox."""

    routing_id: bytes
    """The identity the other side announced; empty if it announced none."""

    inbox: deque[Item]
    """What arrived and was not taken yet. Whoever pops must then honour `low_water`."""

    low_water: int
    """After a pop that leaves `len(inbox) <= low_water`, `inbox_low` must be called (once per pop)."""

    in_fair_queue: bool
    """Belongs to the fair queue: True while the peer is in its active list."""

    writable: bool
    """There is room for one more message. Falls to False inside `put`; `Pattern.peer_writable` tells of its return."""

    def put(self, message: Message, /) -> bool:
        """Queue a whole message for this peer, which must be `writable`; return whether it still is."""

    def put_control(self, item: Subscription, /) -> None:
        """Queue a subscription, whatever the high-water mark says."""

    def discard_outbox(self) -> None:
        """Throw away everything queued for this peer and not yet on its way."""

    def inbox_low(self) -> None:
        """The inbox ran down to `low_water`: give credit to the other side. May append to the inbox at once."""

    def close(self, reason: str = "", /) -> None:
        """End this link for good, and tell monitors why. `Pattern.detach` will be called for it, at once or soon."""


class Pattern:
    """What all patterns share: the calls of a type that neither sends nor receives."""

    name: ClassVar[str]
    """The socket type's name, for error texts."""

    wants_routing_id: ClassVar[bool] = False
    """Whether the pattern uses the identity that a peer announces (ROUTER and REP)."""

    accepts_subscriptions: ClassVar[bool] = False
    """Whether subscriptions may stand in the inboxes of its peers (PUB and XPUB); for others they are dropped."""

    def __init__(self, options: SocketOptions) -> None:
        self.options = options
        self.turned: Callable[[], None] = _nobody
        """To be called when a send or receive let the other direction become possible (REQ, REP); set by the socket."""

    @property
    def topics_count(self) -> int:
        """How many distinct topics are subscribed to (TOPICS_COUNT); 0 for a type without subscriptions."""
        return 0

    # -- called for the user of the socket ---------------------------------------------------------------------------

    def try_send(self, message: Message) -> bool:
        """Queue a whole message; False means "not now" and that nothing was queued.

        Raises:
            ZMQError: ENOTSUP where the type cannot send, EFSM out of turn, EHOSTUNREACH for an unknown routing id.
        """
        raise ZMQError(errno.ENOTSUP, f"a {self.name} socket cannot send")

    def try_recv(self) -> Message | None:
        """Take the next message; None means "not now".

        Raises:
            ZMQError: ENOTSUP where the type cannot receive, EFSM out of turn.
        """
        raise ZMQError(errno.ENOTSUP, f"a {self.name} socket cannot receive")

    def can_send(self) -> bool:
        """Whether `try_send` would succeed (POLLOUT)."""
        return False

    def can_recv(self) -> bool:
        """Whether `try_recv` would give a message (POLLIN)."""
        return False

    def subscribe(self, topic: bytes) -> None:
        """Add a prefix to the subscriptions of a SUB socket."""
        raise ZMQError(errno.EINVAL, f"a {self.name} socket has no subscriptions: SUBSCRIBE is for SUB sockets")

    def unsubscribe(self, topic: bytes) -> None:
        """Remove one count of a prefix from the subscriptions of a SUB socket."""
        raise ZMQError(errno.EINVAL, f"a {self.name} socket has no subscriptions: UNSUBSCRIBE is for SUB sockets")

    def straight_out(self) -> Peer | None:
        """Return the one peer that every message goes to as things stand, if its outbox may be filled directly."""
        return None

    def straight_in(self) -> Peer | None:
        """Return the one peer that every message comes from as things stand, if its inbox may be popped directly."""
        return None

    # -- called as things happen to peers ----------------------------------------------------------------------------

    def attach(self, peer: Peer) -> None:
        """A peer exists now: messages may be put to it if it is `writable`."""

    def identify(self, peer: Peer) -> None:
        """A peer's `routing_id` is known now (after `attach`; once in a peer's life, reconnections included)."""

    def peer_readable(self, peer: Peer) -> None:
        """A peer's inbox is no longer empty, or got more."""

    def peer_writable(self, peer: Peer) -> None:
        """A peer that was full has room again."""

    def hiccup(self, peer: Peer) -> None:
        """A dialed peer lost its connection and will get another; its outbox is kept unless the pattern discards it."""

    def detach(self, peer: Peer) -> None:
        """A peer is gone. What is left in its inbox stays readable; whoever wants it dropped clears it before."""

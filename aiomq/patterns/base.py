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
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

from aiomq.constants import SocketOption
from aiomq.errors import ZMQError
from aiomq.message import Control, Item, Message
from aiomq.mute import OnMute
from aiomq.options import SocketOptions

if TYPE_CHECKING:
    from aiomq.patterns.broadcast import Broadcast

__all__ = ["Pattern", "Peer"]


def _nobody() -> None:
    """Nobody waits for the other direction."""


def _ignored(count: int) -> None:
    """Nobody counts."""


def _unnoticed(peer: Peer) -> None:
    """Nobody keeps a record."""


def _closed(peer: Peer, reason: str) -> bool:
    peer.close(reason)
    return False


def _cut(peer: Peer, budget: str, reason: str) -> None:
    peer.close(reason)


def _at_once(work: Callable[[], bool]) -> None:
    while work():
        """There is more."""


SKIPS: Final = 1000
"""Messages that are of no use here are skipped so many at a time: a stranger may have sent any number of them."""


class Peer(Protocol):
    """The socket's end of one link, as a pattern sees it: a bounded outbox and a bounded inbox."""

    routing_id: bytes
    """The identity the other side announced; empty if it announced none."""

    properties: Mapping[str, bytes]
    """What is known of the other side: what it announced, and what was found out. Of its present connection."""

    inbox: deque[Item]
    """What arrived and was not taken yet. Whoever pops must then honour `low_water`."""

    low_water: int
    """After a pop that leaves `len(inbox) <= low_water`, `inbox_low` must be called (once per pop)."""

    in_fair_queue: bool
    """Belongs to the fair queue: True while the peer is in its active list."""

    dropped: int
    """How many messages this peer missed because it was full. Counted by the pattern."""

    @property
    def over_wire(self) -> bool:
        """Whether somebody else may be at the other end: one of the same process is the program's own."""

    writable: bool
    """There is room for one more message. Falls to False inside `put`; `Pattern.peer_writable` tells of its return."""

    def put(self, message: Message, /) -> bool:
        """Queue a whole message for this peer, which must be `writable`; return whether it still is."""

    @property
    def room(self) -> int:
        """How many messages `put_many` may add so that the peer stays writable; 0 where each has to be `put`."""

    def put_many(self, messages: Sequence[Message], /) -> None:
        """Queue as many whole messages as there is `room` for."""

    def hold(self) -> None:
        """Collect what is put in this turn, from the first message on: there will be many."""

    def replace_oldest(self, message: Message, /) -> bool:
        """Drop the oldest message that is queued here, and queue this one; False if none can be taken back.

        For a peer that is full, and stays so.
        """

    def put_control(self, item: Control, /) -> None:
        """Queue a subscription, or a joining or leaving, whatever the high-water mark says."""

    def discard_outbox(self) -> None:
        """Throw away everything queued for this peer and not yet on its way."""

    def inbox_low(self) -> None:
        """The inbox ran down to `low_water`: give credit to the other side. May append to the inbox at once."""

    def close(self, reason: str = "", /) -> None:
        """End this link for good, and tell monitors why. `Pattern.detach` will be called for it, at once or soon."""

    def finish(self) -> None:
        """Drop what was not read, and end this link for good once what is queued has left, as LINGER allows.

        `Pattern.detach` is called for it within this call.
        """


class Pattern:
    """What all patterns share: the calls of a type that neither sends nor receives."""

    name: ClassVar[str]
    """The socket type's name, for error texts."""

    accepts_subscriptions: ClassVar[bool] = False
    """Whether subscriptions may stand in the inboxes of its peers (PUB and XPUB); for others they are dropped."""

    accepts_memberships: ClassVar[bool] = False
    """The same for what joins and leaves groups (RADIO)."""

    accepts_messages: ClassVar[bool] = True
    """Whether it has a use for messages of several frames; for PUSH, PUB and the like they are dropped as they arrive.

    Those of one frame may still be subscriptions (of ZMTP 3.0), and are dropped by the pattern itself."""

    conflates: ClassVar[tuple[bool, bool]] = (False, False)
    """Whether CONFLATE makes the inboxes, and the outboxes, of its peers keep the latest message alone."""

    lifecycle: ClassVar[frozenset[SocketOption]] = frozenset()
    """Which of HELLO_MSG, DISCONNECT_MSG, HICCUP_MSG and ROUTER_NOTIFY have an effect on the type."""

    names_breaches: ClassVar[bool] = False
    """Whether what comes over a wire has to be asked about, with `breach`, before it is received."""

    last_routing_id: int = 0
    """Of the message that `try_recv` gave last: whom to answer (SERVER and PEER); 0 for types without."""

    last_group: bytes = b""
    """Of the message that `try_recv` gave last: the group that it was sent to (DISH); empty for types without."""

    keeps_away_peers: ClassVar[bool] = False
    """Whether a peer may go away and come back (`Socket.durable`): a type that sends, and not to one peer for good."""

    picks_peer: ClassVar[bool] = False
    """Whether it is the message that says whom it goes to: one that has to wait then says nothing of the next."""

    mutes: ClassVar[tuple[OnMute, ...]] = ()
    """What `on_mute` may be for this type, its default first; none where there is nothing to choose."""

    def __init__(self, options: SocketOptions) -> None:
        self.options = options
        self.turned: Callable[[], None] = _nobody
        """To be called when a send or receive let the other direction become possible (REQ, REP); set by the socket."""
        self.audience_changed: Callable[[], None] = _nobody
        """To be called when somebody has subscribed (PUB, XPUB); set by the socket."""
        self.audience_changes: Callable[[], None] = _nobody
        """To be called before anything but an event of a peer changes who gets a message; set by the socket."""
        self.topics_changed: Callable[[Peer], None] = _unnoticed
        """To be called with a peer whose subscriptions have changed (PUB, XPUB); set by a durable socket."""
        self.turn_away: Callable[[Peer, str], bool] = _closed
        """To be called with a peer that can take no part now, and why (ROUTER); set by the socket.

        It returns whether the peer stays, to take part when it can; else its link ends.
        """
        self.over_budget: Callable[[Peer, str, str], None] = _cut
        """To be called with a detached peer, the budget that it went over, and the words for that; set by the socket.

        Its link ends.
        """
        self.later: Callable[[Callable[[], bool]], None] = _at_once
        """To be called with work that takes long, in slices: each call does one and returns whether there are more.

        Set by the socket: it makes one call in each turn of its loop, and then looks anew who can send or receive.
        """
        self._is_skipping = False
        self.spent: Callable[[int], None] = _ignored
        """To be called when one message went to a crowd, with the number of peers; set by the socket."""
        self._dropped = 0
        self.on_mute = self.mutes[0] if self.mutes else OnMute.BLOCK
        """What becomes of a message that nobody has room for."""

    def _skip_on_later(self) -> None:
        """Many messages were of no use: go on in a later turn, when those who wait to receive look again."""
        if not self._is_skipping:
            self._is_skipping = True
            self.later(self._skipped)

    def _skipped(self) -> bool:
        self._is_skipping = False
        return False

    def _crowd(self, count: int) -> None:
        """A message went to so many peers: for a distributor that is made before `spent` is set."""
        self.spent(count)

    @property
    def topics_count(self) -> int:
        """How many distinct topics are subscribed to (TOPICS_COUNT); 0 for a type without subscriptions."""
        return 0

    @property
    def dropped(self) -> int:
        """How many messages were thrown away because a peer was full, unknown or gone: once for each who missed one."""
        return self._dropped

    def set_on_mute(self, policy: OnMute) -> None:
        """Choose what becomes of messages that nobody has room for.

        Raises:
            ZMQError: EINVAL if this type has no such choice.
        """
        if policy not in self.mutes:
            there = f"takes {', '.join(self.mutes)}" if self.mutes else "has no on_mute"
            raise ZMQError(errno.EINVAL, f"a {self.name} socket {there}, not {policy.value}")
        self.on_mute = policy

    # -- called for the user of the socket ---------------------------------------------------------------------------

    def try_send(self, message: Message) -> bool:
        """Queue a whole message; False means "not now" and that nothing was queued.

        Raises:
            ZMQError: ENOTSUP where the type cannot send, EFSM out of turn, EHOSTUNREACH for an unknown routing id.
        """
        raise ZMQError(errno.ENOTSUP, f"a {self.name} socket cannot send")

    def try_send_to(self, data: bytes, routing_id: int, group: bytes) -> bool:
        """Queue a message for one peer (SERVER, PEER) or one group (RADIO); False means "not now".

        Args:
            data: the only frame of the message.
            routing_id: whom to send it to, as `last_routing_id` gave it; 0 for nobody in particular.
            group: the group to send it to; empty for none.

        Raises:
            ZMQError: EINVAL for a type without routing ids or without groups, EHOSTUNREACH for an unknown routing id.
        """
        what = "routing_id" if routing_id else "group"
        raise ZMQError(errno.EINVAL, f"a {self.name} socket does not send by {what}")

    def wants_more(self, frames: Sequence[bytes]) -> bool:
        """Return whether a message goes on after these first frames of it, which its user sent with SNDMORE.

        Raises:
            ZMQError: EINVAL where a message cannot have as many, EHOSTUNREACH if they are for an unknown routing id.
        """
        return True

    def try_recv(self) -> Message | None:
        """Take the next message; None means "not now".

        Raises:
            ZMQError: ENOTSUP where the type cannot receive, EFSM out of turn.
        """
        raise ZMQError(errno.ENOTSUP, f"a {self.name} socket cannot receive")

    def sender(self) -> Peer | None:
        """Return the peer that the message received last came from; None where the type cannot tell.

        It is right until the next `try_recv` or `can_recv`.
        """
        fair_queue = getattr(self, "_fair_queue", None)  # all types but PAIR and XPUB read by one
        return getattr(fair_queue, "last_peer", None)

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

    def subscribers(self, topic: bytes) -> int:
        """Return how many peers would get a message that begins with a topic (PUB, XPUB)."""
        raise ZMQError(errno.ENOTSUP, f"a {self.name} socket has no subscribers: PUB and XPUB sockets have")

    def join(self, group: bytes) -> None:
        """Receive what is sent to a group, on a DISH socket."""
        raise ZMQError(errno.ENOTSUP, f"a {self.name} socket joins no groups: that is for DISH sockets")

    def leave(self, group: bytes) -> None:
        """Receive no more of what is sent to a group, on a DISH socket."""
        raise ZMQError(errno.ENOTSUP, f"a {self.name} socket leaves no groups: that is for DISH sockets")

    def claim(self, routing_id: bytes) -> None:
        """Refuse a routing id for the next connect (CONNECT_ROUTING_ID) if a peer has it; for types that name peers."""

    def last_attached(self) -> int:
        """Return the routing id of the peer that was attached last (PEER).

        Raises:
            ZMQError: ENOTSUP for a type without such ids.
        """
        raise ZMQError(errno.ENOTSUP, f"a {self.name} socket has no connect_peer: that is for PEER sockets")

    def peer_of(self, routing_id: int) -> Peer:
        """Return the peer with this routing id (SERVER, PEER).

        Raises:
            ZMQError: ENOTSUP for a type without such ids, EHOSTUNREACH for an unknown one.
        """
        raise ZMQError(errno.ENOTSUP, f"a {self.name} socket has no disconnect_peer: SERVER and PEER sockets have")

    def broadcast(self) -> Broadcast | None:
        """Return the list for messages that as things stand all go to the same peers, begun for these; else None."""
        return None

    def straight_out(self) -> Peer | None:
        """Return the one peer that every message goes to as things stand, if its outbox may be filled directly."""
        return None

    def straight_in(self) -> Peer | None:
        """Return the one peer that every message comes from as things stand, if its inbox may be popped directly."""
        return None

    # -- called as things happen to peers ----------------------------------------------------------------------------

    @property
    def unread_bytes(self) -> int:
        """The bytes that wait for the user elsewhere than in inboxes."""
        return 0

    def breach(self, item: Item) -> str:
        """Return how an item breaks the rules of the type, so that the connection it came over ends; "" for not."""
        return ""

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

    def peer_away(self, peer: Peer) -> None:
        """An attached peer of a durable socket has no connection, and may come back: its outbox and more is kept."""

    def peer_back(self, peer: Peer) -> None:
        """A peer that was away has a connection again."""

    def topics_of(self, peer: Peer) -> Sequence[bytes]:
        """Return what a peer is subscribed to (PUB, XPUB)."""
        return ()

    def restore(self, peer: Peer, topics: Sequence[bytes]) -> None:
        """Attach a peer that a store remembers, with its subscriptions. It is away: `peer_away` follows."""
        self.attach(peer)

    def detach(self, peer: Peer) -> None:
        """A peer is gone. What is left in its inbox stays readable; whoever wants it dropped clears it before."""

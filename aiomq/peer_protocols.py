"""What the two neighbours of a peer offer it: the socket that owns it, and the connection that carries its messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from aiomq.counters import Tally
from aiomq.message import Item
from aiomq.options import SocketOptions
from aiomq.weights import Unsent

if TYPE_CHECKING:
    from aiomq.peer import StreamPeer

__all__ = ["Link", "PeerOwner", "Rest"]


class PeerOwner(Protocol):
    """The socket, as its peers see it: the protocol one level above the connections'."""

    options: SocketOptions
    tally: Tally
    accepts_subscriptions: bool
    accepts_memberships: bool
    accepts_messages: bool
    conflates: tuple[bool, bool]
    unsent: Unsent
    breach: Callable[[Item], str] | None
    """Says how an item breaks the rules of the socket's type; None where they cannot be broken."""

    def peer_attached(self, peer: StreamPeer) -> None:
        """A link exists now."""

    def message_received(self, peer: StreamPeer, count: int) -> None:
        """So many items were added to the peer's inbox."""

    def inbox_full(self) -> None:
        """A peer's inbox is full, and gives credit at its `low_water` from now on."""

    def peer_writable(self, peer: StreamPeer) -> None:
        """A full peer has room again."""

    def peer_corked(self, peer: StreamPeer, append: Callable[[Item], None], room: int) -> None:
        """Until the turn ends a peer only collects messages; it has room for so many, and for another one then."""

    def peer_full(self) -> None:
        """A peer has no more room: the loop should get a turn before the next message is sent."""

    def peer_detached(self, peer: StreamPeer) -> None:
        """The link is gone for good."""

    def link_made(self) -> None:
        """A peer has a connection now, whose handshake is over."""

    def link_lost(self) -> None:
        """A peer has no connection any longer."""


class Link(Protocol):
    """What carries a peer's messages at the moment."""

    def flush(self) -> None:
        """Write what is in the outbox, as far as the transport takes it; call `flushed` on the peer."""

    def refill(self) -> None:
        """The inbox ran low: decode and read on."""

    def end(self, reason: str = "", budget: str = "") -> None:
        """The peer is closed: end the connection, and let monitors know why; a budget that it went over is counted."""

    def finish(self, linger: float | None) -> None:
        """End the connection when everything queued has left, or after so many seconds (None: no limit)."""


class Rest(Protocol):
    """What connections that are gone have left to be decoded."""

    held: int
    """How many bytes that is, at most."""

    def refill(self) -> None:
        """The inbox ran low: decode more."""

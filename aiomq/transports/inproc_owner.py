"""What a socket is to its inproc peers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from aiomq.constants import SocketOption
from aiomq.message import Item, Membership, Subscription
from aiomq.options import SocketOptions

if TYPE_CHECKING:
    from aiomq.transports.inproc import InprocPeer

__all__ = ["InprocOwner", "takes"]


class InprocOwner(Protocol):
    """The socket, as its inproc peers see it."""

    loop: asyncio.AbstractEventLoop
    options: SocketOptions
    accepts_subscriptions: bool
    accepts_memberships: bool
    conflates: tuple[bool, bool]
    lifecycle: frozenset[SocketOption]

    def peer_attached(self, peer: InprocPeer) -> None:
        """A link exists now."""

    def peer_identified(self, peer: InprocPeer) -> None:
        """The routing id of the other side is known now."""

    def message_received(self, peer: InprocPeer, count: int) -> None:
        """So many items were added to the peer's inbox."""

    def peer_writable(self, peer: InprocPeer) -> None:
        """A full peer has room again."""

    def peer_streams(
        self, peer: InprocPeer, append: Callable[[Item], None], room: int, used: Callable[[int], None]
    ) -> bool:
        """A peer's reader has fallen behind and there is room: messages may go straight to it in this turn."""

    def revoke_grants(self) -> None:
        """What grants rely on is about to change."""

    def inbox_full(self) -> None:
        """A peer's inbox is full, and gives credit at its `low_water` from now on."""

    def peer_full(self) -> None:
        """A peer has no more room: the loop should get a turn before the next message is sent."""

    def peer_detached(self, peer: InprocPeer) -> None:
        """The link is gone for good."""

    def endpoint_closed(self, endpoint: object) -> None:
        """A bound or connected name was closed."""

    def link_made(self) -> None:
        """A peer is linked to its other end now."""

    def link_lost(self) -> None:
        """A peer is linked no longer."""


def takes(owner: InprocOwner, item: Item) -> bool:
    """Whether an item may stand in the inboxes of a socket: messages always, the rest where the type has use for it."""
    if isinstance(item, Subscription):
        return owner.accepts_subscriptions
    return owner.accepts_memberships if isinstance(item, Membership) else True

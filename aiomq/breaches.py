"""Ending connections for what came over them, for the patterns that name breaches of their rules."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol, TypeVar

from aiomq.message import Item
from aiomq.zmtp.errors import ZmtpError

__all__ = ["checked"]


class _Peer(Protocol):
    inbox: deque[Item]
    left: bool

    @property
    def over_wire(self) -> bool:
        """Whether somebody else may be at the other end, who has to be held to the rules."""


PeerT = TypeVar("PeerT", bound=_Peer)


def checked(received: Callable[[PeerT, int], None], breach: Callable[[Item], str]) -> Callable[[PeerT, int], None]:
    """Return a function that passes on what came, as far as it keeps to the rules.

    It raises `ZmtpError` for what does not, once it has passed on what came before; the rest is dropped.

    Args:
        received: is told of a peer how many items were added to its inbox.
        breach: says in words what is wrong with an item; the empty text for nothing.
    """

    def message_received(peer: PeerT, count: int) -> None:
        if peer.over_wire and not peer.left:
            inbox = peer.inbox
            for index in range(-count, 0):
                what = breach(inbox[index])
                if what:
                    for _ in range(-index):
                        inbox.pop()
                    if count + index:
                        received(peer, count + index)
                    raise ZmtpError(what)
        received(peer, count)

    return message_received

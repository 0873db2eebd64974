"""Messages that a socket sends or gets for what happens to a connection, and for nothing that a user sent.

They are the options HELLO_MSG, DISCONNECT_MSG, HICCUP_MSG and ROUTER_NOTIFY, as they were at the bind or connect. What
is told of a connection stands in the inbox of its peer, between the messages that came before and those that come
after, and the high-water mark does not hold it back.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from aiomq.constants import RouterNotify, SocketOption
from aiomq.message import Item
from aiomq.options import SocketOptions

__all__ = ["LifecycleMessages"]


@dataclass(frozen=True, slots=True)
class LifecycleMessages:
    """What to say and to tell at the beginning and at the end of each connection of one endpoint.

    Attributes:
        hello: the first message to whoever is at the other end of a connection; empty for none.
        arrived: what this side's user is told when a handshake is over.
        departed: what this side's user is told when a connection is lost after that.
        farewell: the part of `departed` that holds for inproc too; empty for none.
    """

    hello: bytes
    arrived: tuple[Item, ...]
    departed: tuple[Item, ...]
    farewell: bytes

    @classmethod
    def of_accepted(cls, options: SocketOptions, used: AbstractSet[SocketOption]) -> LifecycleMessages:
        """Return those of a bound endpoint: the loss of a connection is the end of a peer.

        Args:
            options: what they are.
            used: which of them the type of the socket has use for.
        """
        return cls._made(options, used, options.disconnect_msg if SocketOption.DISCONNECT_MSG in used else b"")

    @classmethod
    def of_dialed(cls, options: SocketOptions, used: AbstractSet[SocketOption]) -> LifecycleMessages:
        """Return those of a connected endpoint: the loss of a connection is a hiccup."""
        return cls._made(options, used, options.hiccup_msg if SocketOption.HICCUP_MSG in used else b"")

    @classmethod
    def _made(cls, options: SocketOptions, used: AbstractSet[SocketOption], farewell: bytes) -> LifecycleMessages:
        notify = options.router_notify if SocketOption.ROUTER_NOTIFY in used else 0
        departed = (b"",) if notify & RouterNotify.DISCONNECT else ()
        return cls(
            hello=options.hello_msg if SocketOption.HELLO_MSG in used else b"",
            arrived=(b"",) if notify & RouterNotify.CONNECT else (),
            departed=(*departed, farewell) if farewell else departed,
            farewell=farewell,
        )

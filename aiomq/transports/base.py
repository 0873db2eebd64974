"""What a stream transport provides, and what the socket provides to listeners and dialers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from aiomq.constants import Event, SocketOption
from aiomq.durable import Durability
from aiomq.events import MonitorEvent
from aiomq.flusher import Flusher
from aiomq.options import SocketOptions
from aiomq.peer import PeerOwner, StreamPeer
from aiomq.transports.admission import Guests
from aiomq.transports.connection import Connection
from aiomq.transports.lookups import AddressInfo, Name
from aiomq.transports.zap_client import ZapClient
from aiomq.unread import Unread
from aiomq.zmtp.session import SessionConfig

__all__ = ["Address", "ConnectionFactory", "SocketHost", "StreamTransport", "TargetT_contra"]

TargetT_contra = TypeVar("TargetT_contra", contravariant=True)

ConnectionFactory = Callable[[], Connection]


class Address(NamedTuple):
    """What the system connects to."""

    family: int
    where: Any
    """As the system calls of its family take it."""


class StreamTransport(Protocol, Generic[TargetT_contra]):
    """A way to connect byte streams: tcp, ipc, vsock, tipc."""

    def bind(self, endpoint: TargetT_contra, options: SocketOptions) -> socket.socket:
        """Return a bound and listening operating-system socket.

        Raises:
            OSError: it can't be bound.
        """

    def bound_endpoint(self, sock: socket.socket, endpoint: TargetT_contra) -> str:
        """Return the endpoint that was really bound, as LAST_ENDPOINT gives it."""

    # -- what an attempt to connect needs, in this order (see `attempts`) ---------------------------------------------

    takes_time: bool
    """Whether the system may need a while to connect, which monitors are told of."""

    def names(self, target: TargetT_contra, options: SocketOptions) -> Sequence[Name]:
        """Return what has to be looked up in every attempt; nothing for numbers and paths."""

    def addresses(
        self, target: TargetT_contra, options: SocketOptions, found: Mapping[Name, Sequence[AddressInfo]]
    ) -> Sequence[Address]:
        """Return where to connect to, in order; at least one address.

        Args:
            target: the endpoint.
            options: of the socket.
            found: what the names of `names` were found to mean.

        Raises:
            OSError: there is none.
        """

    def is_lasting(self, target: TargetT_contra, options: SocketOptions) -> bool:
        """Tell whether the addresses are the same in every attempt."""

    def open_socket(self, family: int) -> socket.socket:
        """Return a new system socket that does not block.

        Raises:
            OSError: the platform has none of this kind, or no more of them.
        """

    def prepare(
        self,
        sock: socket.socket,
        target: TargetT_contra,
        options: SocketOptions,
        found: Mapping[Name, Sequence[AddressInfo]],
    ) -> None:
        """Set a socket's options before it connects, and bind it to where it is to connect from.

        Raises:
            OSError: the system does not take them.
        """

    def check(self, sock: socket.socket, target: TargetT_contra) -> None:
        """Find out whether a socket that has connected has somebody at the other end.

        Raises:
            OSError: it has not.
        """

    async def introduce(
        self, loop: asyncio.AbstractEventLoop, sock: socket.socket, target: TargetT_contra, options: SocketOptions
    ) -> None:
        """Tell whoever stands between what to connect to; most have nobody there.

        Raises:
            OSError: that one did not.
        """

    # -- connected, accepted, closed ----------------------------------------------------------------------------------

    def accepted(self, sock: socket.socket, name: object, options: SocketOptions) -> str:
        """Set the options of an accepted connection, before anything is read or written.

        Args:
            sock: of the connection.
            name: who is at the other end, as the system gave it.
            options: of the socket.

        Returns:
            Why it is not let in; an empty text if it is.

        Raises:
            OSError: the system does not take an option; the connection is not let in either.
        """

    def release(self, endpoint: str) -> None:
        """A listener of this endpoint was closed: remove what `bind` made beside the socket."""


class SocketHost(PeerOwner, Protocol):
    """The socket, as its listeners and dialers see it."""

    loop: asyncio.AbstractEventLoop
    flusher: Flusher
    durable: Durability | None
    lifecycle: frozenset[SocketOption]
    leaving: set[object]
    guests: Guests
    monitors: list[Callable[[MonitorEvent], None]]
    zap: ZapClient
    unread: Unread

    def session_config(self, options: SocketOptions) -> SessionConfig:
        """What to announce and accept in a handshake."""

    def peer_identified(self, peer: StreamPeer) -> None:
        """The routing id that a peer announced is known now."""

    def peer_hiccup(self, peer: StreamPeer) -> None:
        """A dialed peer lost its connection and will get another."""

    def endpoint_closed(self, endpoint: object) -> None:
        """A listener or dialer has ended, with all its connections."""

    def emit(
        self,
        event: Event,
        endpoint: str,
        value: int = 0,
        *,
        local: str = "",
        remote: str = "",
        address: str = "",
        routing_id: bytes = b"",
        error: BaseException | None = None,
    ) -> None:
        """Tell the socket's monitors."""

    def warn_once(self, endpoint: str, reason: str) -> None:
        """Log what whoever runs this program has to mend, once for each endpoint."""

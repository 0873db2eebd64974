"""What a stream transport provides, and what the socket provides to listeners and dialers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from aiomq.constants import Event, SocketOption
from aiomq.durable import Durability
from aiomq.flusher import Flusher
from aiomq.options import SocketOptions
from aiomq.peer import PeerOwner, StreamPeer
from aiomq.transports.connection import Connection
from aiomq.transports.zap_client import ZapClient
from aiomq.zmtp.session import SessionConfig

__all__ = ["ConnectionFactory", "SocketHost", "StreamTransport", "TargetT_contra"]

TargetT_contra = TypeVar("TargetT_contra", contravariant=True)

ConnectionFactory = Callable[[], Connection]


class StreamTransport(Protocol, Generic[TargetT_contra]):
    """A way to connect byte streams: tcp, ipc, vsock, tipc."""

    def bind(self, endpoint: TargetT_contra, options: SocketOptions) -> socket.socket:
        """Return a bound and listening operating-system socket.

        Raises:
            OSError: it can't be bound.
        """

    def bound_endpoint(self, sock: socket.socket, endpoint: TargetT_contra) -> str:
        """Return the endpoint that was really bound, as LAST_ENDPOINT gives it."""

    async def serve(
        self, loop: asyncio.AbstractEventLoop, sock: socket.socket, factory: ConnectionFactory, backlog: int
    ) -> asyncio.AbstractServer:
        """Accept connections from a bound socket."""

    async def open(
        self,
        loop: asyncio.AbstractEventLoop,
        endpoint: TargetT_contra,
        options: SocketOptions,
        factory: ConnectionFactory,
        begun: Callable[[bool], None],
    ) -> None:
        """Connect once: resolve, try all addresses.

        Args:
            loop: the loop that the connection is for.
            endpoint: where to.
            options: of the socket.
            factory: makes the protocol of the connection.
            begun: to be called once there is a system socket that begins to connect, and told whether that takes time.

        Raises:
            OSError: none of them answered.
        """

    def accepted(self, transport: asyncio.BaseTransport, options: SocketOptions) -> str:
        """Set the options of an accepted connection.

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
    zap: ZapClient

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

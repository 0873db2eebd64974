"""What a connection calls: the listener or dialer that it came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from aiomq.constants import Event
from aiomq.peer import StreamPeer
from aiomq.transports.lifecycle import LifecycleMessages
from aiomq.transports.zap_client import ZapClient
from aiomq.unread import Unread
from aiomq.zmtp.session import PeerInfo, SessionConfig

if TYPE_CHECKING:
    from aiomq.transports.connection import Connection

__all__ = ["ConnectionHost"]


class ConnectionHost(Protocol):
    """Where a connection came from, and who answers for it."""

    lifecycle: LifecycleMessages
    """What the endpoint says and tells of each of its connections."""

    @property
    def unread(self) -> Unread:
        """What all connections of the socket have read and nobody has taken."""

    def session_config(self) -> SessionConfig:
        """What to announce and accept in the handshake."""

    @property
    def zap(self) -> ZapClient:
        """Whom to ask about the peer."""

    def connection_made(self, connection: Connection) -> None:
        """The transport is connected; the handshake begins."""

    def connection_ready(self, connection: Connection, info: PeerInfo) -> StreamPeer:
        """The handshake is over: return the peer whose messages this connection carries."""

    def connection_lost(self, connection: Connection, error: Exception | None) -> None:
        """The transport is gone; nothing more will come from this connection."""

    def emit(self, event: Event, connection: Connection, value: int = 0, error: Exception | None = None) -> None:
        """Tell the socket's monitors."""

    def warn(self, reason: str) -> None:
        """Log, once for the endpoint, what makes every connection of this kind fail."""

"""A bound endpoint: accepts connections and makes a peer of each that completes its handshake."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Mapping
from copy import copy
from functools import partial
from typing import Final, Generic

from aiomq.byte_marks import stream_peer
from aiomq.constants import Event
from aiomq.peer import StreamPeer
from aiomq.teardown import run_all
from aiomq.transports import giving_back
from aiomq.transports.addresses import endpoint_at
from aiomq.transports.base import SocketHost, StreamTransport, TargetT_contra
from aiomq.transports.connection import Connection
from aiomq.transports.descriptors import descriptor_of
from aiomq.transports.lifecycle import LifecycleMessages
from aiomq.transports.peer_properties import peer_properties
from aiomq.transports.zap_client import ZapClient
from aiomq.unread import Unread
from aiomq.zmtp.session import PeerInfo, SessionConfig

__all__ = ["MAX_HANDSHAKES", "Listener"]

MAX_HANDSHAKES: Final = 4096
"""Connections of one listener that may be in their handshake; further strangers are turned away."""


class Listener(Generic[TargetT_contra]):
    """One bound endpoint. Its peers die with their connections, and its connections with it."""

    def __init__(
        self,
        owner: SocketHost,
        transport: StreamTransport[TargetT_contra],
        endpoint: TargetT_contra,
        connection_type: type[Connection] = Connection,
    ) -> None:
        self._owner = owner
        self._options = copy(owner.options)  # what is set later is for later binds and connects
        self._config = owner.session_config(self._options)
        self.lifecycle = LifecycleMessages.of_accepted(self._options, owner.lifecycle)
        self._transport = transport
        self._connection_type = connection_type
        self._sock: socket.socket | None = transport.bind(endpoint, self._options)
        self.endpoint = transport.bound_endpoint(self._sock, endpoint)
        self._server: asyncio.AbstractServer | None = None
        self._starting: asyncio.Task[None] | None = None
        self._begun = False
        """The loop has begun to be told of the system socket."""
        self._connections: set[Connection] = set()
        self._handshakes = 0
        self._closed = False
        self._ended = False

    @property
    def fd(self) -> int:
        """The listening socket's descriptor, or -1 once it is closed."""
        return -1 if self._sock is None else self._sock.fileno()

    def start(self) -> None:
        """Begin to accept. Needs the owner's loop; until then the operating system queues who connects."""
        self._starting = self._owner.loop.create_task(self._serve(), name=f"aiomq bind {self.endpoint}")
        # Not a `finally` in the task: one that is cancelled before it ever ran has none.
        self._starting.add_done_callback(self._started)
        self._owner.emit(Event.LISTENING, self.endpoint, self.fd, local=self.endpoint)

    async def _serve(self) -> None:
        assert self._sock is not None
        self._begun = True
        owner = self._owner
        self._server = await self._transport.serve(owner.loop, self._sock, self._make_connection, self._options.backlog)

    def _started(self, task: asyncio.Task[None]) -> None:
        self._starting = None
        if not task.cancelled() and (error := task.exception()) is not None:
            number = getattr(error, "errno", None) or 0
            self._owner.emit(Event.ACCEPT_FAILED, self.endpoint, number, local=self.endpoint, error=error)
            task.get_loop().call_exception_handler(
                {"message": f"accepting at {self.endpoint} failed", "exception": error, "task": task}
            )
        if self._closed:
            self._stop_listening()
            self._maybe_end()

    def _make_connection(self) -> Connection:
        return self._connection_type(self, self._owner.loop, self._options)

    # -- called by connections ---------------------------------------------------------------------------------------

    def session_config(self) -> SessionConfig:
        """What to announce and accept in the handshake."""
        return self._config

    @property
    def unread(self) -> Unread:
        """What all connections of the socket have read and nobody has taken."""
        return self._owner.unread

    @property
    def zap(self) -> ZapClient:
        """Whom to ask about the peer."""
        return self._owner.zap

    def connection_made(self, connection: Connection) -> None:
        """Somebody connected."""
        self._connections.add(connection)
        self._handshakes += 1
        error = None if self._closed else self._refusal(connection)
        if error is not None:
            self._owner.tally.refuse()
            self.emit(Event.ACCEPT_FAILED, connection, error.errno or 0, error)
        if self._closed or error is not None:
            connection.finish(0)
        else:
            self.emit(Event.ACCEPTED, connection, connection.fd)

    def _refusal(self, connection: Connection) -> OSError | None:
        """Return why a new connection is not let in, or None."""
        if self._handshakes > MAX_HANDSHAKES:
            return OSError(errno.EMFILE, f"{MAX_HANDSHAKES} connections are in their handshake: no more are accepted")
        try:
            reason = self._transport.accepted(connection.transport, self._options)
        except OSError as error:  # what the system says to an option, or to who has gone already
            return error
        return OSError(errno.EACCES, reason) if reason else None

    def connection_ready(self, connection: Connection, info: PeerInfo) -> StreamPeer:
        """The handshake is over: the connection becomes a peer."""
        owner = self._owner
        properties = peer_properties(info.metadata, connection.transport)
        durable = owner.durable if info.routing_id and not self._closed else None
        known = None if durable is None else durable.returning(connection, info.routing_id, properties)
        if durable is not None and known is not None:
            known.endpoint = self.endpoint
            self._carry(known, connection, properties)
            durable.returned(known)
            return known
        if durable is None:
            peer = stream_peer(owner, owner.flusher, self.endpoint, self._options)
        else:
            peer = durable.new_peer(connection, self.endpoint, self._options, info.routing_id, properties)
        peer.routing_id = info.routing_id
        self._carry(peer, connection, properties)
        if self._closed:
            connection.end()
        else:
            owner.peer_attached(peer)
            owner.peer_identified(peer)
        return peer

    def _carry(self, peer: StreamPeer, connection: Connection, properties: Mapping[str, bytes]) -> None:
        connection.peer = peer
        self._handshakes -= 1  # not before: a connection without a peer counts as one in its handshake, to its end
        peer.address = connection.address
        peer.properties = properties
        peer.attach_link(connection)

    def connection_lost(self, connection: Connection, error: Exception | None) -> None:
        """The peer dies with its connection, unless it is remembered; what it had sent stays readable."""
        if connection.peer is None and connection in self._connections:  # else it failed before it was counted
            self._handshakes -= 1
        self._connections.discard(connection)
        connection.count_end(self._owner.tally, error)
        giving_back.connection_ended(self._owner.loop)
        run_all(lambda: self._lose_peer(connection), self._maybe_end)

    def _lose_peer(self, connection: Connection) -> None:
        peer, durable = connection.peer, self._owner.durable
        keeps = False
        try:
            keeps = durable is not None and not self._closed and durable.keeps(connection)
        finally:
            if peer is not None and not keeps:
                peer.close()

    def emit(self, event: Event, connection: Connection, value: int = 0, error: Exception | None = None) -> None:
        """Tell the socket's monitors, in the name of a connection."""
        peer = connection.peer
        self._owner.emit(
            event,
            self.endpoint,
            value,
            local=self.endpoint,
            remote=endpoint_at(connection.address, self.endpoint),
            address=connection.address,
            routing_id=connection.routing_id if peer is None else peer.routing_id,
            error=error,
        )

    def warn(self, reason: str) -> None:
        """Log, once for this endpoint, what makes every connection of this kind fail."""
        self._owner.warn_once(self.endpoint, reason)

    # -- the end -----------------------------------------------------------------------------------------------------

    def close(self, linger: float | None) -> None:
        """Stop accepting and end all connections, each when its queue is sent or `linger` seconds are over."""
        if not self._closed:
            self._closed = True
            begin = [self._tell_closed, self._stop_listening]
        else:
            begin = []
        endings = [partial(self._finish, each, linger) for each in self._connections]
        run_all(*begin, *endings, self._maybe_end)

    def _tell_closed(self) -> None:
        self._owner.emit(Event.CLOSED, self.endpoint, self.fd, local=self.endpoint)

    @staticmethod
    def _finish(connection: Connection, linger: float | None) -> None:
        peer = connection.peer
        if peer is None:
            connection.finish(0)
        else:
            run_all(lambda: peer.leave(drop=True), lambda: connection.finish(linger))

    def _stop_listening(self) -> None:
        """Free the address, at once wherever that can be had: the next bind may come in this very turn."""
        loop = self._owner.loop if self._starting is not None or self._server is not None else None
        if isinstance(loop, asyncio.SelectorEventLoop):
            # Not Server.close: that leaves open, for ever, the socket of whoever is being accepted in this turn.
            if self._sock is not None:
                loop.remove_reader(self._sock)
        elif self._server is not None:
            self._server.close()
        elif self._starting is not None and self._begun:
            return  # half a server of another loop cannot be closed: it is when it is whole
        cancel = () if self._starting is None else (self._starting.cancel,)
        self._server = None
        run_all(*cancel, self._free_address)

    def abandon(self) -> None:
        """The loop does not run any more: free the address."""
        self._free_address()

    def _free_address(self) -> None:
        sock, self._sock = self._sock, None
        if sock is not None:
            run_all(sock.close, lambda: self._transport.release(self.endpoint))

    def _maybe_end(self) -> None:
        idle = self._starting is None and not self._connections
        if self._closed and not self._ended and self._sock is None and idle:
            self._ended = True
            self._owner.endpoint_closed(self)

    def held_peers(self) -> tuple[StreamPeer, ...]:
        """Return the peers of its connections, also those that left their socket and still have something to send."""
        return tuple(each.peer for each in tuple(self._connections) if each.peer is not None)

    def descriptors(self) -> tuple[int, ...]:
        """Return the descriptors that it and its connections hold."""
        held = [each for connection in tuple(self._connections) for each in descriptor_of(connection.transport)]
        return (*held, self.fd) if self.fd >= 0 else tuple(held)

    def is_busy(self) -> bool:
        """Return whether it does not accept yet, or somebody is in a handshake."""
        return self._starting is not None or self._handshakes > 0

    def queued(self) -> int:
        """Return how many messages and bytes still wait to leave, as one number that only says "none" or "some"."""
        return sum(
            connection.unsent_bytes() + len(connection.peer.outbox)
            for connection in tuple(self._connections)  # asked for by `term`, also from another thread
            if connection.peer is not None
        )

    def __repr__(self) -> str:
        return f"<Listener {self.endpoint} connections={len(self._connections)}>"

"""A bound endpoint: accepts connections and makes a peer of each that completes its handshake."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Mapping
from copy import copy
from functools import partial
from typing import Generic

from aiomq.byte_marks import stream_peer
from aiomq.constants import Event
from aiomq.peer import StreamPeer
from aiomq.teardown import run_all
from aiomq.transports import giving_back
from aiomq.transports.accepting import Acceptor, Episodes, make_acceptor
from aiomq.transports.addresses import address_text, endpoint_at
from aiomq.transports.admission import Door, Over
from aiomq.transports.arrivals import Arrival, refusal
from aiomq.transports.base import SocketHost, StreamTransport, TargetT_contra
from aiomq.transports.connection import Connection
from aiomq.transports.descriptors import descriptor_of
from aiomq.transports.lifecycle import LifecycleMessages
from aiomq.transports.peer_properties import peer_properties
from aiomq.transports.spare import descriptor_limit, spare
from aiomq.transports.zap_client import ZapClient
from aiomq.unread import Unread
from aiomq.zmtp.session import PeerInfo, SessionConfig

__all__ = ["Listener"]


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
        self._acceptor: Acceptor | None = None
        self._episodes: Episodes
        self._door = Door(owner.guests, self._options)
        self._expected: dict[Connection, Arrival] = {}
        """Connections that the loop has not told of yet."""
        self._connections: dict[Connection, Arrival] = {}
        self._closed = False
        self._ended = False

    @property
    def fd(self) -> int:
        """The listening socket's descriptor, or -1 once it is closed."""
        return -1 if self._sock is None else self._sock.fileno()

    def start(self) -> None:
        """Begin to accept. Needs the owner's loop; until then the operating system queues who connects."""
        assert self._sock is not None
        loop = self._owner.loop
        self._episodes = Episodes(loop, self.endpoint)
        self._acceptor = make_acceptor(loop, self._sock, self, self._episodes)
        self._acceptor.start()
        spare.hold()
        self._owner.emit(Event.LISTENING, self.endpoint, self.fd, local=self.endpoint)

    # -- called as somebody connects ---------------------------------------------------------------------------------

    def arrived(self, sock: socket.socket, name: object) -> None:
        """Let somebody in who connected, or not."""
        arrival: Arrival | None = None
        try:
            arrival = Arrival(sock, name)
            refused = self._refusal(arrival)
            if refused is not None:
                self._refuse(arrival, *refused)
                return
            arrival.begin(self._owner.loop, partial(self._make_connection, arrival), self._arrival_ended)
        except BaseException:  # raised again; nobody else would close it
            sock.close()
            if arrival is not None:
                arrival.leave()
            raise

    def _refusal(self, arrival: Arrival) -> tuple[OSError, str] | None:
        """Return why somebody is not let in, and the budget that it would be over; None if it is let in."""
        options = self._options
        try:
            reason = self._transport.accepted(arrival.sock, arrival.name, options)
        except OSError as error:  # what the system says to an option, or to who has gone already
            return error, ""
        if reason:
            return OSError(errno.EACCES, reason), ""
        left = descriptor_limit.left_above(arrival.sock.fileno()) if options.descriptors_free else None
        if left is not None and left < options.descriptors_free:
            shortage = refusal(Over("descriptors_free", options.descriptors_free))
            self._episodes.trouble(shortage)
            return shortage, "descriptors_free"
        over = self._door.admit(arrival, self._owner.loop.time())
        return None if over is None else (refusal(over), over.budget)

    def _refuse(self, arrival: Arrival, error: OSError, budget: str = "") -> None:
        """Close whoever is not let in, and tell of it."""
        address = arrival.address if self._owner.monitors else ""  # as long as the socket is open
        arrival.drop()
        self._tell_refused(address, error, budget)

    def _tell_refused(self, address: str, error: OSError, budget: str) -> None:
        self._owner.tally.refuse(budget)
        remote = endpoint_at(address, self.endpoint)
        self._owner.emit(
            Event.ACCEPT_FAILED,
            self.endpoint,
            error.errno or 0,
            local=self.endpoint,
            remote=remote,
            address=address,
            error=error,
        )

    def turned_away(self, name: object, error: OSError) -> None:
        """Somebody connected and was closed at once, as no descriptor was free."""
        self._tell_refused(address_text(name), error, "descriptors_free" if self._options.descriptors_free else "")

    def accept_failed(self, error: OSError) -> None:
        """The system has not given us a connection."""
        self._owner.emit(Event.ACCEPT_FAILED, self.endpoint, error.errno or 0, local=self.endpoint, error=error)

    def _make_connection(self, arrival: Arrival) -> Connection:
        connection = arrival.connection = self._connection_type(self, self._owner.loop, self._options)
        self._expected[connection] = arrival
        return connection

    def _arrival_ended(self, arrival: Arrival, error: BaseException | None) -> None:
        """The loop has made a connection of somebody who arrived, or has not."""
        if error is None:
            return
        if not arrival.is_made:  # else its end is told as that of any connection
            if arrival.connection is not None:
                self._expected.pop(arrival.connection, None)
            self._refuse(arrival, error if isinstance(error, OSError) else OSError(0, str(error)))
        if not isinstance(error, OSError):
            about = {"message": f"accepting at {self.endpoint} failed", "exception": error}
            self._owner.loop.call_exception_handler(about)
        self._maybe_end()

    # -- called by connections ---------------------------------------------------------------------------------------

    def session_config(self) -> SessionConfig:
        """What to announce and accept in the handshake."""
        return self._config

    @property
    def unread(self) -> Unread:
        """What all connections of the socket have read and nobody has taken."""
        return self._owner.unread

    @property
    def _handshakes(self) -> int:
        return self._door.handshakes

    @property
    def zap(self) -> ZapClient:
        """Whom to ask about the peer."""
        return self._owner.zap

    def connection_made(self, connection: Connection) -> None:
        """The loop has made a connection of somebody who arrived."""
        arrival = self._expected.pop(connection)
        arrival.is_made = True
        self._connections[connection] = arrival
        connection.address = connection.address or arrival.address
        if self._closed:
            connection.finish(0)
        else:
            self.emit(Event.ACCEPTED, connection, connection.fd)
            arrival.cut_if_evicted()

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
        self._connections[connection].prove()  # not before: without a peer it is in its handshake, to its end
        peer.address = connection.address
        peer.properties = properties
        peer.attach_link(connection)

    def connection_lost(self, connection: Connection, error: Exception | None) -> None:
        """The peer dies with its connection, unless it is remembered; what it had sent stays readable."""
        arrival = self._connections.pop(connection, None) or self._expected.pop(connection, None)
        if arrival is not None:
            arrival.leave()
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
        if not self._owner.monitors:
            return
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
        """Free the address, in this very turn: the next bind may come in it."""
        acceptor, self._acceptor = self._acceptor, None
        run_all(*(() if acceptor is None else (acceptor.stop,)), self._free_address)

    def abandon(self) -> None:
        """The loop does not run any more: free the address."""
        with contextlib.suppress(RuntimeError):  # the loop is closed, and has let go of it
            self._stop_listening()

    def _free_address(self) -> None:
        sock, self._sock = self._sock, None
        if sock is not None:
            run_all(sock.close, lambda: self._transport.release(self.endpoint))

    def _maybe_end(self) -> None:
        idle = not self._expected and not self._connections
        if self._closed and not self._ended and self._sock is None and idle:
            self._ended = True
            self._owner.endpoint_closed(self)

    def held_peers(self) -> tuple[StreamPeer, ...]:
        """Return the peers of its connections, also those that left their socket and still have something to send."""
        return tuple(each.peer for each in tuple(self._connections) if each.peer is not None)

    def descriptors(self) -> tuple[int, ...]:
        """Return the descriptors that it and its connections hold."""
        held = [each for connection in tuple(self._connections) for each in descriptor_of(connection.transport)]
        held += [each.sock.fileno() for each in tuple(self._expected.values())]
        return (*held, self.fd) if self.fd >= 0 else tuple(held)

    def is_busy(self) -> bool:
        """Return whether somebody is in a handshake."""
        return self._handshakes > 0

    def queued(self) -> int:
        """Return how many messages and bytes still wait to leave, as one number that only says "none" or "some"."""
        return sum(
            connection.unsent_bytes() + len(connection.peer.outbox)
            for connection in tuple(self._connections)  # asked for by `term`, also from another thread
            if connection.peer is not None
        )

    def __repr__(self) -> str:
        return f"<Listener {self.endpoint} connections={len(self._connections)}>"

"""A connected endpoint: makes a connection, and makes it again when it is lost.

The dialer owns the peer. Without IMMEDIATE the peer exists from `connect` on and outlives every connection: what is
sent waits in its outbox. With IMMEDIATE there is a peer only while there is a connection.
"""

from __future__ import annotations

import asyncio
import errno
import random
from copy import copy
from functools import partial
from typing import Generic

from aiomq.byte_marks import stream_peer
from aiomq.constants import Event, ReconnectStop
from aiomq.options import SocketOptions
from aiomq.peer import StreamPeer
from aiomq.teardown import run_all
from aiomq.transports.addresses import endpoint_at
from aiomq.transports.attempts import Attempt, Way
from aiomq.transports.base import SocketHost, StreamTransport, TargetT_contra
from aiomq.transports.connection import Connection
from aiomq.transports.descriptors import descriptor_of
from aiomq.transports.lifecycle import LifecycleMessages
from aiomq.transports.peer_properties import peer_properties
from aiomq.transports.zap_client import ZapClient
from aiomq.unread import Unread
from aiomq.zmtp.errors import ZmtpError
from aiomq.zmtp.session import PeerInfo, SessionConfig

__all__ = ["Backoff", "Dialer"]


class Backoff:
    """How long to wait before the next attempt (libzmq's rule).

    Without RECONNECT_IVL_MAX the wait is RECONNECT_IVL plus a random part of it; with it the wait doubles up to that
    maximum. A connection whose other side has proved to be one of ours starts the rule anew; that it was accepted does
    not: a server that is overloaded, or a proxy without one behind it, accepts and closes.
    """

    __slots__ = ("_current", "_options")

    def __init__(self, options: SocketOptions) -> None:
        self._options = options
        self._current = 0

    def reset(self) -> None:
        """There was a connection, and somebody at the other end of it."""
        self._current = 0

    def next_ms(self) -> int:
        """Return the milliseconds to wait now."""
        base, limit = self._options.reconnect_ivl, self._options.reconnect_ivl_max
        if limit <= 0:
            return base + random.randrange(base)
        self._current = min(self._current * 2 or base, limit)
        return self._current


class Dialer(Generic[TargetT_contra]):
    """One connected endpoint."""

    def __init__(
        self,
        owner: SocketHost,
        transport: StreamTransport[TargetT_contra],
        target: TargetT_contra,
        endpoint: str,
        routing_id: bytes = b"",
        *,
        connection_type: type[Connection] = Connection,
    ) -> None:
        self._owner = owner
        self._options = copy(owner.options)  # what is set later is for later binds and connects
        self._config = owner.session_config(self._options)
        self.lifecycle = LifecycleMessages.of_dialed(self._options, owner.lifecycle)
        self._transport = transport
        self._connection_type = connection_type
        self._target = target
        self.endpoint = endpoint
        self._routing_id = routing_id
        self._backoff = Backoff(self._options)
        self._connection: Connection | None = None
        self._awaited: Connection | None = None
        """What the attempt that goes on is about to make."""
        self._way: Way[TargetT_contra] | None = None
        self._next: asyncio.Handle | None = None
        """What will begin the next attempt."""
        self._dialing: Attempt[TargetT_contra] | None = None
        self._identified = False
        self._refused = False
        """The socket did not let this connection's peer in: another attempt is to bring a new one."""
        self._opened = False
        """The attempt that goes on has a system socket."""
        self._closed = False
        self._ended = False
        self._kill_timer: asyncio.TimerHandle | None = None
        self.peer: StreamPeer | None = None

    def start(self) -> None:
        """Make the first attempt. Needs the owner's loop."""
        if not self._options.immediate:
            self.peer = self._make_peer()
        if self._peer_closed():  # a PAIR that has a peer takes no other
            self._give_up()
        else:
            self._dial(wait=False)

    def _make_peer(self) -> StreamPeer:
        owner = self._owner
        peer = stream_peer(owner, owner.flusher, self.endpoint, self._options)
        peer.routing_id = self._routing_id
        owner.peer_attached(peer)
        if self._routing_id:
            self._identified = True
            owner.peer_identified(peer)
        return peer

    # -- attempts ----------------------------------------------------------------------------------------------------

    def _dial(self, *, wait: bool) -> None:
        self._next = self._owner.loop.call_soon(self._pause if wait else self._attempt)

    def _pause(self, failure: OSError | None = None) -> None:
        """Wait for the time of the next attempt."""
        pause = self._backoff.next_ms()
        self._next = self._owner.loop.call_later(pause / 1000, self._attempt)
        self._tell(Event.CONNECT_RETRIED, pause, failure)

    def _attempt(self) -> None:
        self._next = None
        if self._way is None:
            self._way = Way(
                self._owner.loop,
                self._transport,
                self._target,
                self._options,
                self._make_connection,
                self._begun,
                self.endpoint,
            )
        self._dialing = Attempt(self._way, self._attempt_done)
        self._dialing.start()

    def _attempt_done(self, attempt: Attempt[TargetT_contra], error: BaseException | None) -> None:
        """There is a connection, or the attempt was cancelled, or it failed."""
        if self._dialing is attempt:
            self._dialing = None
        run_all(lambda: self._take_result(attempt, error), *((self._maybe_end,) if self._closed else ()))

    def _take_result(self, attempt: Attempt[TargetT_contra], error: BaseException | None) -> None:
        if error is not None and not isinstance(error, OSError | asyncio.CancelledError):
            context = {"message": f"connecting to {self.endpoint} failed", "exception": error}
            run_all(self._give_up, lambda: self._owner.loop.call_exception_handler(context))
        elif error is not None and attempt.is_made:
            if self._connection is not None:  # cancelled or lost before it was handed on: not every loop tells it so
                self._connection.connection_lost(error if isinstance(error, OSError) else None)
        elif isinstance(error, OSError):
            self._failed(error)
        elif error is not None:
            self._awaited = None
            self._tell_closed(None)

    def _failed(self, error: OSError) -> None:
        """Try again, if there is any use in it."""
        self._awaited = None
        run_all(
            lambda: self._tell_closed(error, is_last=self._options.reconnect_ivl <= 0),
            self._give_up if self._stops_after(error) or self._has_no_use() else lambda: self._pause(error),
        )

    def _has_no_use(self) -> bool:
        """Tell whether nothing would come of a connection: a peer that left, unless it lingers with messages."""
        return not self._pending() if self._closed else self._peer_closed()

    def _stops_after(self, error: OSError) -> bool:
        """Tell whether to try no more after an attempt that failed."""
        stop = self._options.reconnect_stop
        refused = bool(stop) and isinstance(error, ConnectionRefusedError)
        if refused and stop & ReconnectStop.CONN_REFUSED:
            return True
        if refused and stop & ReconnectStop.AFTER_DISCONNECT and self in self._owner.leaving:
            return True
        return self._options.reconnect_ivl <= 0

    def _begun(self, delayed: bool) -> None:
        self._opened = True
        if delayed:
            self._tell(Event.CONNECT_DELAYED, errno.EINPROGRESS)

    def _tell_closed(self, error: OSError | None, *, is_last: bool = False) -> None:
        """The attempt has ended without a connection.

        One that never got as far as a system socket closes none: of that CONNECT_RETRIED says why, if it comes.
        """
        if self._opened or is_last:
            self._opened = False
            self._tell(Event.CLOSED, -1, error)

    def _tell(self, event: Event, value: int, error: OSError | None = None) -> None:
        self._owner.emit(event, self.endpoint, value, remote=self.endpoint, error=error)

    def _make_connection(self) -> Connection:
        self._awaited = self._connection_type(self, self._owner.loop, self._options)
        return self._awaited

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
        """The stream is connected."""
        if connection is not self._awaited:  # its attempt was given up in this very turn
            connection.finish(0)
            return
        self._opened = False
        self._connection = connection
        if self._dialing is not None:
            self._dialing.is_made = True
        self.emit(Event.CONNECTED, connection, connection.fd)
        if self._ended:
            connection.finish(0)

    def connection_ready(self, connection: Connection, info: PeerInfo) -> StreamPeer:
        """The handshake is over: what waited can leave."""
        peer = self.peer
        if peer is None:
            peer = self.peer = self._make_peer()
        connection.peer = peer
        peer.address = connection.address
        peer.properties = peer_properties(info.metadata, connection.transport)
        peer.attach_link(connection)
        if not self._identified:
            # A reconnection does not change who the peer is (as libzmq has it).
            self._identified = True
            peer.routing_id = info.routing_id
            had_left = peer.left
            self._owner.peer_identified(peer)
            self._refused = peer.left and not had_left
        if self._closed:
            connection.finish(None)
        elif peer.left:
            connection.end("the socket takes no further peer")
        return peer

    def connection_lost(self, connection: Connection, error: Exception | None) -> None:
        """Connect again, unless it was closed on purpose or the two sides can't talk to each other."""
        if connection is not self._connection:
            return
        self._connection = None
        connection.count_end(self._owner.tally, error)
        if connection.is_proved:
            self._backoff.reset()
        is_last = _is_fatal(error) or self._options.reconnect_ivl <= 0 or self._stops_unready(connection)
        if self._closed:
            if self._ended or not self._pending() or is_last:
                self._give_up()
            else:
                self._retry()
        elif is_last or (self._peer_closed() and not self._refused):
            self._give_up()
        else:
            self._retry()

    def _stops_unready(self, connection: Connection) -> bool:
        """Tell whether to try no more after a connection that did not get through its handshake."""
        stop = self._options.reconnect_stop & ReconnectStop.HANDSHAKE_FAILED
        return bool(stop) and connection.peer is None

    def _peer_closed(self) -> bool:
        return self.peer is not None and self.peer.left

    def _retry(self) -> None:
        peer = self.peer
        if peer is not None and (self._options.immediate or self._refused):
            self.peer = None
            self._identified = self._refused = False
            run_all(peer.close, lambda: self._dial(wait=True))
        else:
            hiccup = () if peer is None else (partial(self._owner.peer_hiccup, peer),)
            run_all(*hiccup, lambda: self._dial(wait=True))

    def emit(self, event: Event, connection: Connection, value: int = 0, error: Exception | None = None) -> None:
        """Tell the socket's monitors, in the name of a connection."""
        peer = connection.peer
        self._owner.emit(
            event,
            self.endpoint,
            value,
            local=endpoint_at(connection.local, self.endpoint),
            remote=self.endpoint,
            address=connection.address,
            routing_id=connection.routing_id if peer is None else peer.routing_id,
            error=error,
        )

    def warn(self, reason: str) -> None:
        """Log, once for this endpoint, what makes every connection of this kind fail."""
        self._owner.warn_once(self.endpoint, reason)

    # -- the end -----------------------------------------------------------------------------------------------------

    def _pending(self) -> bool:
        return self.peer is not None and bool(self.peer.outbox)

    def close(self, linger: float | None) -> None:
        """End when everything queued is sent, or after `linger` seconds (None: no limit); meanwhile go on trying."""
        self._closed = True
        run_all(self._cancel_kill_timer, self._leave_peer, lambda: self._end_within(linger))

    def _leave_peer(self) -> None:
        if self.peer is not None:
            self.peer.leave(drop=True)

    def _end_within(self, linger: float | None) -> None:
        connection = self._connection
        if linger == 0 or (connection is None and not self._pending()):
            self._give_up()
        else:
            if linger is not None:
                self._kill_timer = self._owner.loop.call_later(linger, self._give_up)
            if connection is not None and connection.peer is not None:
                connection.finish(linger)
            elif not self._pending():
                self._give_up()

    def _give_up(self) -> None:
        """End now: no further attempt, no peer, no connection."""
        self._closed = self._ended = True
        run_all(self._cancel_kill_timer, self._cancel_next, self._cut_connection, self._close_peer, self._stop_dialing)

    def _cancel_next(self) -> None:
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _cut_connection(self) -> None:
        if self._connection is not None:
            self._connection.finish(0)

    def _close_peer(self) -> None:
        if self.peer is not None:
            self.peer.close()

    def _stop_dialing(self) -> None:
        if self._dialing is not None and self._connection is None:  # else it is just about to be done
            self._dialing.cancel()  # which ends this, now or later
        else:
            self._maybe_end()

    def _cancel_kill_timer(self) -> None:
        if self._kill_timer is not None:
            self._kill_timer.cancel()
            self._kill_timer = None

    def _maybe_end(self) -> None:
        if self._ended and self._connection is None and self._dialing is None:
            self._owner.endpoint_closed(self)

    def abandon(self) -> None:
        """The loop does not run any more: a dialer has nothing that others may want."""
        if self._dialing is not None:
            self._dialing.abandon()

    def held_peers(self) -> tuple[StreamPeer, ...]:
        """Return its peer, also one that left its socket and still has something to send."""
        return () if self.peer is None else (self.peer,)

    def descriptors(self) -> tuple[int, ...]:
        """Return the descriptor of its connection, or of the attempt to get one."""
        if self._connection is not None:
            return descriptor_of(self._connection.transport)
        return () if self._dialing is None else self._dialing.descriptors()

    def is_busy(self) -> bool:
        """Return whether its connection is in its handshake."""
        return self._connection is not None and self._connection.peer is None

    def queued(self) -> int:
        """Return how many messages and bytes still wait to leave, as one number that only says "none" or "some"."""
        unsent = 0 if self._connection is None else self._connection.unsent_bytes()
        return unsent + (0 if self.peer is None else len(self.peer.outbox))

    def __repr__(self) -> str:
        return f"<Dialer {self.endpoint} {'connected' if self._connection is not None else 'dialing'}>"


def _is_fatal(error: Exception | None) -> bool:
    return isinstance(error, ZmtpError) and error.fatal

"""The half of a socket that the event loop holds: its endpoints, its peers, its pattern.

It is a protocol one level above the connections': it is called with `peer_attached`, `message_received`,
`peer_writable` and `peer_detached` as asyncio calls a connection with `connection_made`, `data_received`,
`resume_writing` and `connection_lost`. The other half, `Socket`, is what the user holds; when it is garbage, this one
is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import sys
from _thread import get_ident
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

from aiomq.breaches import checked
from aiomq.chores import Chores
from aiomq.constants import Event, SocketType
from aiomq.core_protocols import CorePeer, Endpoint
from aiomq.durable_core import DurableCore
from aiomq.errors import ContextTerminated, WrongLoopError, ZMQError
from aiomq.flusher import Flusher
from aiomq.gate import GRANT_MIN, Gate
from aiomq.message import Item
from aiomq.options import SocketOptions, default_options
from aiomq.patterns.base import Pattern
from aiomq.patterns.table import PATTERNS
from aiomq.peer import StreamPeer
from aiomq.security import lowest_version, mechanism_for
from aiomq.starting import Unstarted
from aiomq.teardown import run_all
from aiomq.transports.admission import Guests
from aiomq.transports.zap_client import ZapClient
from aiomq.unread import Unread
from aiomq.weights import Unsent
from aiomq.zmtp.session import SessionConfig

__all__ = ["SocketCore", "call_site"]

log = logging.getLogger("aiomq.socket")

PEERS_PER_OPERATION: Final = 64
"""A message to a crowd costs as much of the budget as there are so many peers in it."""


class SocketCore(DurableCore):
    """See the module. All of it runs in one loop, except `close_threadsafe`."""

    def __init__(self, socket_type: SocketType, made_at: str) -> None:
        super().__init__()
        self.socket_type = socket_type
        self.made_at = made_at
        self.options: SocketOptions = default_options(socket_type)
        self.pattern: Pattern = PATTERNS[socket_type](self.options)
        self._hear(self.pattern)
        self.accepts_subscriptions = self.pattern.accepts_subscriptions
        self.accepts_messages = self.pattern.accepts_messages
        self.accepts_memberships = self.pattern.accepts_memberships
        self.conflates = self.pattern.conflates
        self.lifecycle = self.pattern.lifecycle
        self.breach: Callable[[Item], str] | None = self.pattern.breach if self.pattern.names_breaches else None
        if self.breach is not None:  # others pay nothing for it
            received = checked(self.message_received, self.breach)
            self.message_received = received  # type: ignore[method-assign,assignment]  # the names of arguments differ
        self.loop: asyncio.AbstractEventLoop
        self.flusher: Flusher
        self.zap: ZapClient
        self.thread: int | None = None
        self.unstarted = Unstarted()
        """The sockets of the same context that wait for a loop."""
        self.send_gate = Gate(self.pattern.can_send, self._offer_send)
        self.pattern.audience_changes = self.send_gate.revoke
        grants = getattr(self.pattern.straight_in, "__func__", None) is not Pattern.straight_in
        self.recv_gate = Gate(self.pattern.can_recv, self._offer_recv if grants else None)
        self.parts_in: deque[bytes] = deque()
        """Frames of a message that `recv` has begun to give out."""
        self.endpoints: dict[object, Endpoint] = {}
        self.places: dict[object, str] = {}
        """Where the program bound or connected each endpoint."""
        self.leaving: set[object] = set()
        """Endpoints that were unbound or disconnected, and still send what is queued."""
        self.guests = Guests()
        """Connections that came in, as far as they are counted."""
        self.peers: set[CorePeer] = set()
        self.unsent = Unsent(0)
        self.unread = Unread(self.options, partial(_streams, self.peers), partial(_beside, self.pattern))
        self.last_endpoint = ""
        self.closed = False
        self.terminated = False
        self.foreign = ""
        """What to say to whoever uses this, in a process forked from that of the socket."""
        self.finished = False
        """Closed, and nothing of it is left."""
        self.finished_callbacks: list[Callable[[], None]] = []
        self._waiting_for_loop: list[Endpoint] = []
        self.newly_begun = False
        """It was bound or connected before there was a loop, and has sent nothing since: see `waiting.settle`."""
        self._started_along = False
        """It got its loop by the use of another socket, or of the context."""

    def _hear(self, pattern: Pattern) -> None:
        """Let the pattern tell what it has to tell."""
        pattern.turned = self._turned
        pattern.audience_changed = self.tell_watchers
        pattern.turn_away = self._turn_away  # type: ignore[assignment]  # all its peers are the core's
        pattern.over_budget = self._cut  # type: ignore[assignment]  # as above
        pattern.later = Chores(self).add
        pattern.spent = self._spend

    # -- where and whether it may be used ----------------------------------------------------------------------------

    def enter(self) -> None:
        """Check that the socket may be used here and now; the first use in a loop makes it that loop's.

        Raises:
            ContextTerminated: the context was terminated.
            ZMQError: ENOTSOCK if the socket is closed.
            WrongLoopError: it belongs to another loop or thread, or there is no loop.
        """
        self.check_open()
        if self.thread is None:
            self.adopt(asyncio.get_running_loop())
        elif get_ident() != self.thread or not self.loop.is_running():  # in this thread only one loop can run
            self._check_loop()

    def check_open(self) -> None:
        """Raise if the socket is closed or its context terminated."""
        if self.terminated:
            raise ContextTerminated(f"the context of this {self.pattern.name} socket was terminated")
        if self.foreign:
            raise WrongLoopError(self.foreign)
        if self.closed:
            raise ZMQError(errno.ENOTSOCK, f"this {self.pattern.name} socket is closed (it was made at {self.made_at})")

    def _check_loop(self) -> None:
        try:
            running: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is self.loop:
            return
        elsewhere = "" if get_ident() == self.thread else ", in another thread"
        if self._started_along:
            raise WrongLoopError(
                f"this {self.pattern.name} socket belongs to another event loop{elsewhere}: it was bound or connected"
                " before a loop ran, and so was started with its context, in the first loop of that thread. Bind and"
                " connect it in the loop that is to use it"
            )
        raise WrongLoopError(
            f"this {self.pattern.name} socket belongs to another event loop{elsewhere}: a socket is used in the loop"
            " that used it first. To reach another thread give it a socket of its own and connect the two over"
            " inproc://"
        )

    def adopt(self, loop: asyncio.AbstractEventLoop) -> None:
        """Belong to this loop from now on, and begin what was waiting for one, here and at the context's sockets.

        Raises:
            WrongLoopError: another thread was faster.
        """
        if not self._claim(loop):
            self._check_loop()
            return
        self._begin()
        self.unstarted.started(loop)

    def start_in(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin with the other sockets of the context that wait for a loop."""
        if not (self.closed or self.terminated) and self._claim(loop):
            self._started_along = True
            self._begin()

    def _claim(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Belong to this loop, unless another thread was faster."""
        with self.unstarted.lock:
            if self.thread is not None:
                return False
            self.loop = loop
            self.flusher = Flusher(loop, self.send_gate.end_turn)
            self.thread = get_ident()
            return True

    def _begin(self) -> None:
        self.unstarted.discard(self)
        waiting, self._waiting_for_loop = self._waiting_for_loop, []
        self.newly_begun = bool(waiting)
        for endpoint in waiting:
            endpoint.start()
        for callback in self.adopted_callbacks:
            callback()

    @property
    def not_started(self) -> bool:
        """Whether it is bound or connected, and waits for a loop to begin."""
        return bool(self._waiting_for_loop)

    def enter_sync(self) -> None:
        """Check the same for a call that needs no loop yet; a running loop is adopted."""
        self.check_open()
        if self.thread is not None:
            self._check_loop()
            return
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            return
        self.adopt(running)

    # -- endpoints ---------------------------------------------------------------------------------------------------

    def add_endpoint(self, endpoint: Endpoint) -> None:
        """Keep a listener or dialer, and start it as soon as there is a loop."""
        self.endpoints[endpoint] = endpoint
        self.places[endpoint] = call_site()
        self.last_endpoint = endpoint.endpoint
        if self.thread is None:
            self._waiting_for_loop.append(endpoint)
            self.unstarted.add(self)
        else:
            endpoint.start()

    def remove_endpoint(self, endpoint: Endpoint) -> None:
        """Close one, with the socket's LINGER."""
        if endpoint in self._waiting_for_loop:
            self._waiting_for_loop.remove(endpoint)
            if not self._waiting_for_loop:
                self.unstarted.discard(self)
        self.leaving.add(endpoint)
        endpoint.close(self.linger_seconds)

    def endpoint_closed(self, endpoint: object) -> None:
        """A listener or dialer has ended, with all its connections."""
        self.endpoints.pop(endpoint, None)
        self.places.pop(endpoint, None)
        self.leaving.discard(endpoint)
        self._maybe_finish()

    @property
    def linger_seconds(self) -> float | None:
        """LINGER in seconds; None for no limit."""
        return None if self.options.linger < 0 else self.options.linger / 1000

    def session_config(self, options: SocketOptions) -> SessionConfig:
        """What to announce and accept in a handshake."""
        return SessionConfig(
            socket_type=self.socket_type,
            routing_id=options.routing_id,
            lowest_version=lowest_version(options),
            max_message_size=options.maxmsgsize,
            max_held=options.handshake_bytes,
            mechanism=mechanism_for(options),
            zap_domain=options.zap_domain,
            zap_enforce_domain=options.zap_enforce_domain,
            metadata=tuple((name.decode(errors="backslashreplace"), value) for name, value in options.metadata),
        )

    # -- called as things happen to peers ----------------------------------------------------------------------------

    def peer_attached(self, peer: CorePeer) -> None:
        """A link exists now."""
        if self.closed:
            peer.end_with_socket()
            peer.leave(drop=True)
            return
        self.revoke_grants()
        self.peers.add(peer)
        self.pattern.attach(peer)
        if peer.writable:
            self._wake_senders()

    def peer_identified(self, peer: CorePeer) -> None:
        """The routing id that a peer announced is known now."""
        if not peer.left:
            self.pattern.identify(peer)
            self._wake_senders()
            if self.recv_gate.is_awaited and self.pattern.can_recv():
                self.recv_gate.wake()  # for what came before the routing id (inproc)

    def _turn_away(self, peer: CorePeer, reason: str) -> bool:
        """A peer can take no part now. Over a wire it may come again, and nothing of it is kept; else it stays."""
        self.warn_once(peer.endpoint, reason)
        if peer.over_wire:
            peer.close(reason)
        return not peer.over_wire

    def _cut(self, peer: CorePeer, budget: str, reason: str) -> None:
        """A peer went over a budget of the pattern's: its link ends."""
        self.warn_once(peer.endpoint, reason)
        if peer.state != "connected":  # of a durable socket: there is no connection whose end would be counted
            self.tally.over[budget] += 1
        peer.close(reason, budget)

    def message_received(self, peer: CorePeer, count: int) -> None:
        """So many items were added to the peer's inbox."""
        if peer.left:  # closed or disconnected: what still arrives is for nobody
            for _ in range(min(count, len(peer.inbox))):  # a conflating inbox holds one of them
                peer.inbox.pop()
            return
        gate = self.recv_gate
        if gate.granted:
            gate.revoke()
        self.pattern.peer_readable(peer)
        if gate.is_awaited:
            if self.pattern.can_recv():
                gate.wake(count)
        elif len(peer.inbox) > GRANT_MIN <= gate.budget:
            self._offer_recv()
        if self.send_gate.is_awaited:
            self._wake_senders()  # with XPUB_NODROP, a cancelled subscription may be what a send waits for

    def inbox_full(self) -> None:
        """A peer's inbox is full, and gives credit at its `low_water` from now on: no grant may reach down to that."""
        if self.recv_gate.granted:
            self.recv_gate.revoke()
            self._offer_recv()

    def peer_writable(self, peer: CorePeer) -> None:
        """A full peer has room again."""
        self.send_gate.revoke()
        self.pattern.peer_writable(peer)
        self._wake_senders()

    def peer_corked(self, peer: CorePeer, append: Callable[[Item], None], room: int) -> None:
        """Until the turn ends a peer only collects messages: if all go to it, they can go straight to its queue."""
        self._grant_sends(peer, append, room)

    def peer_streams(
        self, peer: CorePeer, append: Callable[[Item], None], room: int, used: Callable[[int], None]
    ) -> bool:
        """The same for an inproc peer whose reader has fallen behind; return whether there is a grant now."""
        if not self._grant_sends(peer, append, room, used):
            return False
        self.loop.call_soon(self.send_gate.end_turn)  # no flusher does it for an inproc peer
        return True

    def _grant_sends(
        self, peer: CorePeer, append: Callable[[Item], None], room: int, used: Callable[[int], None] | None = None
    ) -> bool:
        gate = self.send_gate
        count = min(room, gate.budget - 1)
        if count < GRANT_MIN or gate.granted or self.pattern.straight_out() is not peer:
            return False
        gate.grant(append, count, used)
        return True

    def _offer_send(self) -> None:
        """If all messages go to the same peers, let them be taken down, and handed out when the turn is over."""
        broadcast = self.pattern.broadcast()
        if broadcast is None or self.flusher.is_behind:
            return
        gate = self.send_gate
        count = broadcast.room(gate.budget) - 1  # one is for the send that began this turn
        if count >= GRANT_MIN:
            for peer in broadcast.peers:
                peer.hold()
            gate.grant(broadcast.append, count, broadcast.spread)
            self.loop.call_soon(gate.end_turn)  # the flusher does it for peers with a link only

    def _spend(self, peers: int) -> None:
        """One message went to so many peers: the budget is for operations of one."""
        self.send_gate.budget -= peers // PEERS_PER_OPERATION

    def _offer_recv(self) -> None:
        """If all messages come from one inbox, let them be taken straight out of it: as long as it is not low."""
        peer = None if self.parts_in else self.pattern.straight_in()
        if peer is not None:
            gate = self.recv_gate
            count = min(len(peer.inbox) - max(peer.low_water, 0) - 1, gate.budget)  # the last takes more than a popleft
            if count >= GRANT_MIN:
                gate.grant(peer.inbox.popleft, count)

    def revoke_grants(self) -> None:
        """Peers, subscriptions or queues are about to change."""
        self.send_gate.revoke()
        self.recv_gate.revoke()

    def _turned(self) -> None:
        """A REQ or REP did the one thing, and may be able to do the other now."""
        if self.send_gate.is_awaited:
            self._wake_senders()
        gate = self.recv_gate
        if gate.is_awaited and self.pattern.can_recv():
            gate.wake()

    def _wake_senders(self) -> None:
        gate = self.send_gate
        if gate.is_awaited and self.pattern.can_send():
            gate.wake(len(gate.waiters))

    def peer_full(self) -> None:
        """A peer has no more room: the loop gets a turn before the next message is sent."""
        self.send_gate.budget = min(self.send_gate.budget, 1)

    def peer_hiccup(self, peer: CorePeer) -> None:
        """A dialed peer lost its connection and will get another."""
        self.revoke_grants()
        if not peer.left:
            self.pattern.hiccup(peer)

    def peer_detached(self, peer: CorePeer) -> None:
        """The link is gone for good."""
        run_all(
            self.revoke_grants,
            lambda: self._count_out(peer),
            *(() if self.durable is None else (partial(self.durable.detached, peer),)),
            *(() if self.closed else (partial(self.pattern.detach, peer), self.wake_after_detach)),
        )

    def _count_out(self, peer: CorePeer) -> None:
        if peer in self.peers:
            self.peers.remove(peer)
            self.tally.sent += peer.sent
            self.tally.received += peer.received

    def wake_after_detach(self) -> None:
        """A peer is gone, or more of what it leaves behind: let those who wait look again."""
        if self.recv_gate.is_awaited and self.pattern.can_recv():
            self.recv_gate.wake()  # XPUB tells of the topics that nobody wants any longer
        # Whatever can be sent now: a send that waits for a peer that is gone is to learn of it.
        self.send_gate.wake(len(self.send_gate.waiters))

    # -- options -----------------------------------------------------------------------------------------------------

    def hwm_changed(self) -> None:
        """Apply changed high-water marks to the peers there are."""
        self.revoke_grants()
        for peer in tuple(self.peers):
            peer.apply_hwm()

    def queued(self) -> int:
        """Return what still waits to leave over all endpoints; 0 for nothing."""
        return sum(endpoint.queued() for endpoint in tuple(self.endpoints.values()))

    # -- the end -----------------------------------------------------------------------------------------------------

    def terminate(self) -> None:
        """The context ends: whatever waits, and whatever is called from now on, gets ContextTerminated."""
        if not self.terminated:
            self.terminated = True
            self._fail_waiters()

    def close(self, linger: int | None = None) -> None:
        """Close. What is queued goes on leaving, as long as `linger` milliseconds (None: LINGER) allow."""
        if linger is not None:
            self.options.linger = linger
        was_closed, self.closed = self.closed, True
        begin = () if was_closed else (self._begin_end,)
        run_all(*begin, self._close_peers, self._close_endpoints, self._maybe_finish)

    def _begin_end(self) -> None:
        """Nobody uses the socket any longer."""
        self._waiting_for_loop.clear()
        durable = self.durable
        run_all(
            self._fail_waiters,
            lambda: self.unstarted.discard(self),
            *(() if durable is None else (durable.close,)),
        )

    def _close_peers(self) -> None:
        run_all(*(peer.end_with_socket for peer in self.peers))

    def _close_endpoints(self) -> None:
        seconds = self.linger_seconds if self.thread is not None else 0
        run_all(*(partial(endpoint.close, seconds) for endpoint in self.endpoints.values()))

    def _fail_waiters(self) -> None:
        try:
            self.check_open()
        except ZMQError as error:
            run_all(*(partial(gate.close, error) for gate in (self.send_gate, self.recv_gate)), self.tell_watchers)

    def _maybe_finish(self) -> None:
        if self.closed and not self.endpoints:
            self._finish()

    def _finish(self) -> None:
        if not self.finished:
            self.finished = True
            run_all(lambda: self.emit(Event.MONITOR_STOPPED, self.last_endpoint), *self.finished_callbacks)

    def abandon(self) -> None:
        """Its loop does not run any more: nothing can be sent or closed properly."""
        self.closed = True
        endpoints = tuple(self.endpoints.values())
        run_all(
            *(endpoint.abandon for endpoint in endpoints),
            *(partial(_end_abandoned, peer) for peer in self.peers),
            self._finish,
        )

    def close_threadsafe(self, linger: int | None = None) -> None:
        """Close from wherever the caller is: here, by way of the socket's own loop, or without one."""
        if self.finished:
            return
        if self.thread is None:
            self.close(linger)
            return
        here = get_ident() == self.thread
        if self.loop.is_closed() or not (here or self.loop.is_running()):
            self.abandon()
        elif here:
            self.close(linger)  # also in a loop that stands still: it may go on, and its descriptors are in use again
        else:
            try:
                self.loop.call_soon_threadsafe(self.close, linger)
            except RuntimeError:  # it was closed since we looked
                self.abandon()


def _streams(peers: set[CorePeer]) -> list[StreamPeer]:
    return [peer for peer in tuple(peers) if isinstance(peer, StreamPeer)]


def _beside(pattern: Pattern) -> int:
    return pattern.unread_bytes


def _end_abandoned(peer: CorePeer) -> None:
    with contextlib.suppress(RuntimeError):  # the other end may have waiters in the same dead loop
        peer.end_with_socket()


def call_site() -> str:
    """Return `file:line` of the first frame outside this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] == "aiomq":
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"

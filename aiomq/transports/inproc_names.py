"""The inproc names of one context, and the endpoints that bind and connect to them.

A name belongs to one context. Either side may come first: a peer that connects before anybody has bound the name waits
here, with what it was given to send. If its socket is closed meanwhile, the messages wait on: LINGER has no say in it,
as in libzmq, and they go with the context. The sides may live in different threads, so the table has a lock, under
which two ends are joined as well: an end is closed either before that or after.
"""

from __future__ import annotations

import errno
import logging
import threading
from collections.abc import Callable
from copy import copy
from typing import Final

from aiomq.errors import ZMQError
from aiomq.teardown import run_all
from aiomq.transports.inproc import InprocPeer
from aiomq.transports.inproc_links import join_peers
from aiomq.transports.inproc_owner import InprocOwner
from aiomq.transports.lifecycle import LifecycleMessages

__all__ = ["MAX_BEQUESTS", "InprocDialer", "InprocListener", "InprocNames"]

log = logging.getLogger("aiomq.transport")

MAX_BEQUESTS: Final = 1023
"""Closed ends whose messages wait for a name to be bound; of more than these the oldest is dropped."""


class InprocNames:
    """Who bound which name, and who waits for one to be bound."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bound: dict[str, InprocListener] = {}
        self._waiting: dict[str, list[InprocPeer]] = {}
        self._bequests: dict[InprocPeer, None] = {}
        """Those of the waiting that are closed and left messages, in the order they were closed."""
        self._ended = False

    def reserve(self, endpoint: str, listener: InprocListener) -> None:
        """Take a name.

        Raises:
            ZMQError: EADDRINUSE if another socket of this context has it.
        """
        with self._lock:
            if endpoint in self._bound:
                raise ZMQError(errno.EADDRINUSE, f"{endpoint} is bound by another socket of this context already")
            self._bound[endpoint] = listener

    def open(self, endpoint: str, listener: InprocListener) -> None:
        """The socket that has the name accepts from now on: link those who waited for it."""
        with self._lock:
            listener.is_open = True
            steps = [join_peers(peer, listener.owner, listener.options) for peer in self._taken_out(endpoint)]
        for step in steps:
            step()

    def _taken_out(self, endpoint: str) -> list[InprocPeer]:
        """Return who waits for a name, and those who left messages."""
        waiting = self._waiting.pop(endpoint, [])
        for peer in waiting:
            self._bequests.pop(peer, None)
        return [peer for peer in waiting if not peer.left or peer.leaves_messages]

    def is_bound(self, endpoint: str) -> bool:
        """Return whether somebody has a name, be it that they do not accept yet."""
        with self._lock:
            return endpoint in self._bound

    def link_or_wait(self, peer: InprocPeer) -> None:
        """Link a peer to who has bound the name it connects to; if nobody has, it waits."""
        step: Callable[[], None] | None = None
        with self._lock:
            listener = self._bound.get(peer.endpoint)
            if listener is not None and listener.is_open:
                step = join_peers(peer, listener.owner, listener.options)
            else:
                self._waiting.setdefault(peer.endpoint, []).append(peer)
        if step is not None:
            step()

    def release(self, endpoint: str, listener: InprocListener) -> None:
        """Give a name back."""
        with self._lock:
            if self._bound.get(endpoint) is listener:
                del self._bound[endpoint]

    def forget(self, peer: InprocPeer) -> None:
        """A peer does not wait any longer, and neither does what it has to send."""
        with self._lock:
            self._drop(peer)

    def bequeath(self, peer: InprocPeer) -> None:
        """A peer is closed: it does not wait any longer, but the messages that it has to send do."""
        with self._lock:
            if peer not in self._waiting.get(peer.endpoint, ()):
                return
            if self._ended or not peer.leaves_messages:
                self._drop(peer)
                return
            self._bequests[peer] = None
            oldest = next(iter(self._bequests)) if len(self._bequests) > MAX_BEQUESTS else None
            if oldest is not None:
                self._drop(oldest)
        if oldest is not None:
            log.warning(
                "%s: dropped what a closed socket had sent there, for nobody bound it, and %d others wait for names",
                oldest.endpoint,
                MAX_BEQUESTS,
            )

    def _drop(self, peer: InprocPeer) -> None:
        self._bequests.pop(peer, None)
        waiting = self._waiting.get(peer.endpoint, [])
        if peer in waiting:
            waiting.remove(peer)
            if not waiting:
                del self._waiting[peer.endpoint]

    def bequests(self) -> list[InprocPeer]:
        """Return the closed ends whose messages wait here, the oldest first."""
        with self._lock:
            return list(self._bequests)

    def end(self) -> None:
        """The context ends: nobody will bind a name any more."""
        with self._lock:
            self._ended = True
            for peer in tuple(self._bequests):
                self._drop(peer)


class InprocListener:
    """A bound name. Closing it gives the name back; links that exist live on (as in libzmq)."""

    def __init__(self, owner: InprocOwner, names: InprocNames, endpoint: str) -> None:
        self.owner = owner
        self.endpoint = endpoint
        self.is_open = False
        self.options = copy(owner.options)  # what is set later is for later binds and connects
        self._names = names
        names.reserve(endpoint, self)

    def start(self) -> None:
        """Accept those who wait, and from now on those who come."""
        self._names.open(self.endpoint, self)

    def close(self, linger: float | None) -> None:
        """Give the name back."""
        run_all(lambda: self._names.release(self.endpoint, self), lambda: self.owner.endpoint_closed(self))

    def abandon(self) -> None:
        """The loop does not run any more: give the name back."""
        self._names.release(self.endpoint, self)

    def queued(self) -> int:
        """Nothing ever waits here."""
        return 0

    def is_busy(self) -> bool:
        """Return False: links are made at once."""
        return False

    def __repr__(self) -> str:
        return f"<InprocListener {self.endpoint}>"


class InprocDialer:
    """A connect to a name. It ends with its link, as in libzmq: what binds the name later is not connected to."""

    def __init__(self, owner: InprocOwner, names: InprocNames, endpoint: str, routing_id: bytes = b"") -> None:
        self.owner = owner
        self.endpoint = endpoint
        self._options = copy(owner.options)  # what is set later is for later binds and connects
        self._names = names
        self._routing_id = routing_id
        self._peer: InprocPeer | None = None

    def start(self) -> None:
        """Make the peer; link it, or let it wait for the name."""
        options = self._options
        peer = self._peer = InprocPeer(self.owner, self.endpoint, conflate=options.conflate)
        peer.identity = options.routing_id
        peer.routing_id = self._routing_id
        peer.ended = self._ended
        lifecycle = LifecycleMessages.of_dialed(options, self.owner.lifecycle)
        if lifecycle.hello:
            peer.put(lifecycle.hello)
        self.owner.peer_attached(peer)
        if self._routing_id:
            self.owner.peer_identified(peer)
        if not peer.left:  # a PAIR that has a peer takes no other
            self._names.link_or_wait(peer)

    def _ended(self) -> None:
        """The link is over, by the other side or by the socket's pattern; or there will be none."""
        run_all(self.abandon, lambda: self.owner.endpoint_closed(self))

    def close(self, linger: float | None) -> None:
        """End the link at once. What the other side has not read stays readable there, also before there is one."""
        peer = self._peer
        if peer is not None:
            peer.ended = None
        steps = () if peer is None else (self.abandon, peer.inbox.clear, peer.close)
        run_all(*steps, lambda: self.owner.endpoint_closed(self))

    def abandon(self) -> None:
        """The loop does not run any more: do not wait for the name."""
        if self._peer is not None:
            self._names.bequeath(self._peer)

    def queued(self) -> int:
        """Nothing here keeps a socket from closing: an inproc link has no linger."""
        return 0

    def is_busy(self) -> bool:
        """Return False: links are made at once."""
        return False

    def __repr__(self) -> str:
        return f"<InprocDialer {self.endpoint}>"

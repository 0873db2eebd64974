"""The inproc names of one context, and the endpoints that bind and connect to them.

A name belongs to one context. Either side may come first: a peer that connects before anybody has bound the name waits
here, with what it was given to send. The sides may live in different threads, so the table has a lock.
"""

from __future__ import annotations

import errno
import threading
from copy import copy

from aiomq.errors import ZMQError
from aiomq.transports.inproc import InprocPeer
from aiomq.transports.inproc_links import link_peers
from aiomq.transports.inproc_owner import InprocOwner
from aiomq.transports.lifecycle import LifecycleMessages

__all__ = ["InprocDialer", "InprocListener", "InprocNames"]


class InprocNames:
    """Who bound which name, and who waits for one to be bound."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bound: dict[str, InprocListener] = {}
        self._waiting: dict[str, list[InprocPeer]] = {}

    def reserve(self, endpoint: str, listener: InprocListener) -> None:
        """Take a name.

        Raises:
            ZMQError: EADDRINUSE if another socket of this context has it.
        """
        with self._lock:
            if endpoint in self._bound:
                raise ZMQError(errno.EADDRINUSE, f"{endpoint} is bound by another socket of this context already")
            self._bound[endpoint] = listener

    def open(self, endpoint: str, listener: InprocListener) -> list[InprocPeer]:
        """The socket that has the name accepts from now on: return who waited for it."""
        with self._lock:
            listener.is_open = True
            return self._waiting.pop(endpoint, [])

    def is_bound(self, endpoint: str) -> bool:
        """Return whether somebody has a name, be it that they do not accept yet."""
        with self._lock:
            return endpoint in self._bound

    def find_or_wait(self, peer: InprocPeer) -> InprocListener | None:
        """Return who has bound the name the peer connects to; None if nobody has, and the peer waits."""
        with self._lock:
            listener = self._bound.get(peer.endpoint)
            if listener is not None and listener.is_open:
                return listener
            self._waiting.setdefault(peer.endpoint, []).append(peer)
            return None

    def release(self, endpoint: str, listener: InprocListener) -> None:
        """Give a name back."""
        with self._lock:
            if self._bound.get(endpoint) is listener:
                del self._bound[endpoint]

    def forget(self, peer: InprocPeer) -> None:
        """A peer does not wait any longer."""
        with self._lock:
            waiting = self._waiting.get(peer.endpoint, [])
            if peer in waiting:
                waiting.remove(peer)
                if not waiting:
                    del self._waiting[peer.endpoint]


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
        for peer in self._names.open(self.endpoint, self):
            link_peers(peer, self.owner, self.options)

    def close(self, linger: float | None) -> None:
        """Give the name back."""
        self._names.release(self.endpoint, self)
        self.owner.endpoint_closed(self)

    def abandon(self) -> None:
        """The loop does not run any more: give the name back."""
        self._names.release(self.endpoint, self)

    def queued(self) -> int:
        """Nothing ever waits here."""
        return 0

    def __repr__(self) -> str:
        return f"<InprocListener {self.endpoint}>"


class InprocDialer:
    """A connect to a name."""

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
        lifecycle = LifecycleMessages.of_dialed(options, self.owner.lifecycle)
        if lifecycle.hello:
            peer.put(lifecycle.hello)
        self.owner.peer_attached(peer)
        if self._routing_id:
            self.owner.peer_identified(peer)
        listener = self._names.find_or_wait(peer)
        if listener is not None:
            link_peers(peer, listener.owner, listener.options)

    def close(self, linger: float | None) -> None:
        """End the link at once. What the other side has not read stays readable there; nothing lingers."""
        if self._peer is not None:
            self._names.forget(self._peer)
            self._peer.inbox.clear()
            self._peer.close()
        self.owner.endpoint_closed(self)

    def abandon(self) -> None:
        """The loop does not run any more: do not wait for the name."""
        if self._peer is not None:
            self._names.forget(self._peer)

    def queued(self) -> int:
        """Nothing here keeps a socket from closing: an inproc link has no linger."""
        return 0

    def __repr__(self) -> str:
        return f"<InprocDialer {self.endpoint}>"

"""What is open in this program: contexts, sockets, endpoints and peers, what is queued there, and who made it where.

For the search after what was forgotten or does not move on. Nothing is kept for it but the places of contexts, sockets
and endpoints: everything else is looked at when asked. It may be asked from any thread and needs no event loop; of
loops that run in other threads it sees how things were a moment ago.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from aiomq.context import Context, contexts
from aiomq.core import SocketCore
from aiomq.core_protocols import CorePeer, Endpoint
from aiomq.message import Item
from aiomq.peer import StreamPeer
from aiomq.socket_base import dials
from aiomq.transports.connection import Connection
from aiomq.transports.inproc import InprocPeer
from aiomq.weights import size_of

__all__ = [
    "OpenContext",
    "OpenEndpoint",
    "OpenPeer",
    "OpenSocket",
    "Undelivered",
    "open_contexts",
    "open_sockets",
    "report",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPeer:
    """One peer of an open socket.

    Attributes:
        endpoint: where it came in, or what was connected to.
        address: who is at the other end, `host:port`; empty for ipc and inproc, and while nobody is.
        routing_id: the identity that it announced, or that a ROUTER gave it; empty if it has none.
        state: `connected`, `waiting` for a connection, or `closed`.
        queued_out: messages and subscriptions that wait here to leave. Over inproc the other side has them at once, in
            its `queued_in`.
        queued_in: messages that arrived and were not read.
        bytes_out: what the frames of `queued_out` hold.
        bytes_in: what the frames of `queued_in` hold.
        bytes_unsent: octets that left the queue and that the system has not taken yet.
    """

    endpoint: str
    address: str
    routing_id: bytes
    state: str
    queued_out: int
    queued_in: int
    bytes_out: int
    bytes_in: int
    bytes_unsent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenEndpoint:
    """One bind or connect of an open socket.

    Attributes:
        endpoint: the address, as LAST_ENDPOINT writes it.
        kind: `bound` or `connected`.
        made_at: `file:line` of the call.
        leaving: whether it was unbound or disconnected, or its socket closed, and is still there for what lingers.
    """

    endpoint: str
    kind: str
    made_at: str
    leaving: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSocket:
    """One socket that is open, or closed and lingering.

    Attributes:
        socket_type: the name of its type, such as `PUSH`.
        made_at: `file:line` where it was made.
        context_made_at: the same for its context.
        state: `open`; `not started`: bound or connected, and waiting for an event loop to run; `terminated` with its
            context, and not closed; or `lingering`: closed, and not at its end.
        loop: the event loop it belongs to; empty while it was used in none.
        endpoints: what it bound and connected to.
        peers: whom it has, or waits for.
        queued_out: messages that wait to leave, those of all peers.
        queued_in: messages that were not read.
        bytes_out: what the frames of `queued_out` hold.
        bytes_in: what the frames of `queued_in` hold.
        bytes_unsent: octets that left the queues and that the system has not taken yet.
    """

    socket_type: str
    made_at: str
    context_made_at: str
    state: str
    loop: str
    endpoints: tuple[OpenEndpoint, ...]
    peers: tuple[OpenPeer, ...]
    queued_out: int
    queued_in: int
    bytes_out: int
    bytes_in: int
    bytes_unsent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    """What a socket that is gone had sent to an inproc name that nobody has bound yet.

    Attributes:
        endpoint: the name.
        queued: messages.
        bytes: what their frames hold.
    """

    endpoint: str
    queued: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenContext:
    """One context that is not terminated, or that has sockets left.

    Attributes:
        made_at: `file:line` where it was made.
        thread: the name of the thread it was made in.
        terminated: whether it was, and only waits for sockets that linger.
        sockets: its sockets, in no special order.
        undelivered: messages for inproc names, without the sockets that sent them.
    """

    made_at: str
    thread: str
    terminated: bool
    sockets: tuple[OpenSocket, ...]
    undelivered: tuple[Undelivered, ...]


def open_contexts() -> list[OpenContext]:
    """Return the contexts of this process that are open, or have sockets that linger, by the place they were made."""
    found = [_context(each) for each in tuple(contexts) if not each.closed or _cores(each)]
    return sorted(found, key=lambda each: each.made_at)


def open_sockets() -> list[OpenSocket]:
    """Return the sockets of this process that are open or linger, by the place they were made."""
    found = [socket for context in open_contexts() for socket in context.sockets]
    return sorted(found, key=lambda each: each.made_at)


def report() -> str:
    """Return all of it as text, one line for each context, socket, endpoint and peer."""
    found = open_contexts()
    sockets = sum(len(context.sockets) for context in found)
    lines = [f"{_count(len(found), 'context')}, {_count(sockets, 'socket')}"]
    for context in found:
        lines += _context_lines(context)
    return "\n".join(lines)


# -- looking ----------------------------------------------------------------------------------------------------------


@runtime_checkable
class _Holder(Protocol):
    """An endpoint whose peers outlive their membership of the socket."""

    def held_peers(self) -> tuple[StreamPeer, ...]:
        """Return its peers."""


def _cores(context: Context) -> list[SocketCore]:
    return [core for core in tuple(context._cores) if not core.finished]


def _context(context: Context) -> OpenContext:
    return OpenContext(
        made_at=context._made_at,
        thread=context._thread.name,
        terminated=context.closed,
        sockets=tuple(_socket(core, context) for core in _cores(context)),
        undelivered=tuple(map(_undelivered, context.inproc_names.bequests())),
    )


def _socket(core: SocketCore, context: Context) -> OpenSocket:
    peers = tuple(map(_peer, _peers(core)))
    return OpenSocket(
        socket_type=core.socket_type.name,
        made_at=core.made_at,
        context_made_at=context._made_at,
        state=_state(core),
        loop="" if core.thread is None else repr(core.loop),
        endpoints=tuple(_endpoint(core, each) for each in tuple(core.endpoints.values())),
        peers=peers,
        queued_out=sum(peer.queued_out for peer in peers),
        queued_in=sum(peer.queued_in for peer in peers),
        bytes_out=sum(peer.bytes_out for peer in peers),
        bytes_in=sum(peer.bytes_in for peer in peers),
        bytes_unsent=sum(peer.bytes_unsent for peer in peers),
    )


def _state(core: SocketCore) -> str:
    if core.closed:
        return "lingering"
    if core.terminated:
        return "terminated"
    return "not started" if core.not_started else "open"


def _peers(core: SocketCore) -> list[CorePeer]:
    """Return the peers of a socket, and those that left it and still have something to send."""
    found = list(core.peers)
    for endpoint in tuple(core.endpoints.values()):
        if isinstance(endpoint, _Holder):
            found += [peer for peer in endpoint.held_peers() if peer not in found]
    return found


def _endpoint(core: SocketCore, endpoint: Endpoint) -> OpenEndpoint:
    return OpenEndpoint(
        endpoint=endpoint.endpoint,
        kind="connected" if dials(endpoint) else "bound",
        made_at=core.places.get(endpoint, ""),
        leaving=core.closed or endpoint in core.leaving,
    )


def _peer(peer: CorePeer) -> OpenPeer:
    out, unread = _snapshot(peer.outbox), _snapshot(peer.inbox)
    return OpenPeer(
        endpoint=peer.endpoint,
        address=peer.address,
        routing_id=peer.routing_id,
        state=peer.state,
        queued_out=len(out),
        queued_in=len(unread),
        bytes_out=sum(map(size_of, out)),
        bytes_in=sum(map(size_of, unread)),
        bytes_unsent=_unsent(peer),
    )


def _unsent(peer: CorePeer) -> int:
    link = peer.link if isinstance(peer, StreamPeer) else None
    return link.unsent_bytes() if isinstance(link, Connection) else 0


def _undelivered(peer: InprocPeer) -> Undelivered:
    waiting = _snapshot(peer.outbox)
    return Undelivered(endpoint=peer.endpoint, queued=len(waiting), bytes=sum(map(size_of, waiting)))


def _snapshot(queue: Iterable[Item]) -> list[Item]:
    """Copy a queue that another thread may be using."""
    while True:
        try:
            return list(queue)
        except RuntimeError:  # it changed meanwhile, on a Python whose threads run side by side
            continue


# -- telling ----------------------------------------------------------------------------------------------------------


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _queued(of: OpenSocket | OpenPeer) -> str:
    unsent = f", {of.bytes_unsent} bytes unsent" if of.bytes_unsent else ""
    return f"queued out={of.queued_out} ({of.bytes_out} bytes) in={of.queued_in} ({of.bytes_in} bytes){unsent}"


def _context_lines(context: OpenContext) -> Iterator[str]:
    state = "terminated, waits for its sockets" if context.terminated else "open"
    yield f"context made at {context.made_at} in thread {context.thread}: {state}"
    for socket in sorted(context.sockets, key=lambda each: each.made_at):
        yield f"  {socket.socket_type} made at {socket.made_at}: {socket.state}, {_queued(socket)}"
        for endpoint in socket.endpoints:
            leaving = ", leaving" if endpoint.leaving else ""
            yield f"    {endpoint.kind} {endpoint.endpoint} at {endpoint.made_at}{leaving}"
        for peer in socket.peers:
            address = f" {peer.address}" if peer.address else ""
            yield f"    peer of {peer.endpoint}{address}: {peer.state}, {_queued(peer)}"
    for each in context.undelivered:
        what = f"{_count(each.queued, 'message')} ({each.bytes} bytes) of a closed socket"
        yield f"  {what} for {each.endpoint}, which nobody has bound"

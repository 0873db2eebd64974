"""Which peer an endpoint makes: with marks in bytes, or one that keeps the latest message alone."""

from __future__ import annotations

from typing import NamedTuple

from aiomq.conflating import ConflatingPeer
from aiomq.flusher import Flusher
from aiomq.options import SocketOptions
from aiomq.peer import PeerOwner, StreamPeer
from aiomq.weights import Unsent

__all__ = ["OutboxMarks", "outbox_marks", "stream_peer"]


class OutboxMarks(NamedTuple):
    """What bounds the bytes of an outbox."""

    mark: int
    unsent: Unsent | None


def outbox_marks(owner: PeerOwner, options: SocketOptions) -> OutboxMarks:
    """Return the marks of a peer whose endpoint was bound or connected with these options."""
    unsent = None
    if options.unsent_bytes_max:
        unsent = owner.unsent
        unsent.limit = options.unsent_bytes_max
    return OutboxMarks(options.sndhwm_bytes, unsent)


def stream_peer(owner: PeerOwner, flusher: Flusher, endpoint: str, options: SocketOptions) -> StreamPeer:
    """Make the peer of an endpoint that was bound or connected with these options."""
    if options.conflate and any(owner.conflates):  # where only the latest message is kept there is no pile
        return ConflatingPeer(owner, flusher, endpoint)
    mark, unsent = outbox_marks(owner, options)
    return StreamPeer(owner, flusher, endpoint, mark=mark, unsent=unsent)

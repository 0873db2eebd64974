"""Peers of an endpoint with CONFLATE: of what waits for one, or from one, the latest whole message alone is kept."""

from __future__ import annotations

from collections.abc import Sequence

from aiomq.flusher import Flusher
from aiomq.message import Message
from aiomq.peer import PeerOwner, StreamPeer

__all__ = ["ConflatingPeer"]


class ConflatingPeer(StreamPeer):
    """A stream peer that is never full, as each message takes the place of the one that waits."""

    __slots__ = ()

    def __init__(self, owner: PeerOwner, flusher: Flusher, endpoint: str) -> None:
        super().__init__(owner, flusher, endpoint, conflate=True)

    def put(self, message: Message) -> bool:
        """Queue a whole message, and drop the one that waits, which its tracker is told; there is always room."""
        if not self.replace_oldest(message):
            self.outbox.append(message)
        if not self.corked:
            self.flusher.touch(self)
        return True

    def put_many(self, messages: Sequence[Message]) -> None:
        """Queue the last of these messages, and drop the others."""
        for message in messages:
            self.put(message)

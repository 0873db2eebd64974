"""A peer whose outbox has a high-water mark in bytes beside the one in messages.

It is a class of its own, so that a peer without such a mark pays nothing for it.
"""

from __future__ import annotations

from collections import deque

from aiomq.conflating import ConflatingPeer
from aiomq.flusher import Flusher
from aiomq.message import Control, Item, Message
from aiomq.options import SocketOptions
from aiomq.peer import PeerOwner, StreamPeer

__all__ = ["ByteMarkedPeer", "size_of", "stream_peer"]


def stream_peer(owner: PeerOwner, flusher: Flusher, endpoint: str, options: SocketOptions) -> StreamPeer:
    """Make the peer of an endpoint that was bound or connected with these options."""
    if options.sndhwm_bytes and not options.conflate:  # where only the latest message is kept there is no pile
        return ByteMarkedPeer(owner, flusher, endpoint, options.sndhwm_bytes)
    if options.conflate and any(owner.conflates):
        return ConflatingPeer(owner, flusher, endpoint)
    return StreamPeer(owner, flusher, endpoint)


def size_of(item: Item) -> int:
    """Return how many bytes of a user a queued item holds; a subscription holds none."""
    if type(item) is bytes:
        return len(item)
    return sum(map(len, item)) if type(item) is tuple else 0


class ByteMarkedPeer(StreamPeer):
    """Is full with the message that reaches either mark, and has room again when half of the bytes have left."""

    __slots__ = ("_held", "_is_over", "_mark", "_sizes")

    def __init__(self, owner: PeerOwner, flusher: Flusher, endpoint: str, mark: int) -> None:
        self._mark = mark
        self._held = 0
        self._is_over = False
        self._sizes: deque[int] = deque()
        """Of the items in the outbox, in their order."""
        super().__init__(owner, flusher, endpoint)

    def put(self, message: Message) -> bool:
        """Queue a whole message; return whether there is room for one more."""
        self._add(message)
        self.outbox.append(message)
        if not self.corked:
            self.flusher.touch(self)
        return self._has_room() or self._make_room()

    @property
    def room(self) -> int:
        """Return 0: every message has to be weighed."""
        return 0

    def put_control(self, item: Control) -> None:
        """Queue a subscription or the like, whatever the marks say."""
        self._add(item)
        super().put_control(item)

    def replace_oldest(self, message: Message) -> bool:
        """Drop of the oldest messages that wait here as many as give room to this one, and queue it."""
        if not self.outbox:
            return False
        size = size_of(message)
        while len(self.outbox) > 1 and self._held - self._sizes[0] + size > self._mark:
            self.outbox.popleft()
            self._remove(1)
            self._discarded += 1
            self.dropped += 1
        self._remove(1)
        self._add(message)
        return super().replace_oldest(message)

    def discard_outbox(self) -> None:
        """Throw away what is queued and not on its way."""
        self._remove(len(self._sizes))
        super().discard_outbox()

    def flushed(self, count: int) -> None:
        """So many items left the outbox."""
        self._remove(count)
        super().flushed(count)
        if not self._hwm:
            self._credit()

    def _add(self, item: Item) -> None:
        size = size_of(item)
        self._sizes.append(size)
        self._held += size

    def _remove(self, count: int) -> None:
        sizes = self._sizes
        for _ in range(count):
            self._held -= sizes.popleft()

    def _has_room(self) -> bool:
        self._is_over = self._held >= self._mark or (self._is_over and self._held > self._mark // 2)
        return not self._is_over and len(self.outbox) < self._limit

    def _make_room(self) -> bool:
        if self.link is not None:
            self.link.flush()
        if self._has_room():
            return True
        self.writable = False
        self.owner.peer_full()
        return False

    def _credit(self) -> None:
        if self._has_room():
            super()._credit()
        elif self._hwm:
            self._limit = self._hwm - self._unreported

"""Messages that all go to the same peers: taken down once, and handed to each peer together.

As long as every message of a publisher goes to everybody, a send need not visit each peer: it appends to one list, and
whoever ends the turn calls `spread`. What that relies on is fixed when it begins: who gets the messages, who is full
and misses all of them, and how many there may be so that nobody else becomes full. If any of this is to change, the
owner calls `spread` first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from aiomq.message import Message
from aiomq.patterns.base import Peer

__all__ = ["Broadcast"]


class Broadcast:
    """The list of such messages, and their audience.

    Attributes:
        messages: what was taken down and not handed out yet.
        append: takes a message down.
        peers: who gets the messages: those of the audience that had room when it began.
    """

    __slots__ = ("_full", "_missed", "append", "messages", "peers")

    def __init__(self, missed: Callable[[Peer, int], None]) -> None:
        """Begin without an audience; `missed` is told of each full peer how many messages it missed."""
        self.messages: Final[list[Message]] = []
        self.append: Final = self.messages.append
        self.peers: tuple[Peer, ...] = ()
        self._full: tuple[Peer, ...] = ()
        self._missed = missed

    def begin(self, audience: Sequence[Peer]) -> None:
        """Take messages for these peers from now on."""
        self.spread()
        self.peers = tuple([peer for peer in audience if peer.writable])
        self._full = tuple([peer for peer in audience if not peer.writable]) if len(self.peers) < len(audience) else ()

    def room(self, most: int) -> int:
        """Return how many messages every peer has room for and stays writable, up to `most`."""
        return min([most, *[peer.room for peer in self.peers]])

    def spread(self, count: int = 0) -> None:
        """Hand out what was taken down; the count that a gate gives at the end of a grant is known here."""
        if not self.messages:
            return
        messages = self.messages.copy()
        self.messages.clear()  # before anybody is told: that may lead back here
        for peer in self.peers:
            peer.put_many(messages)
        for peer in self._full:
            self._missed(peer, len(messages))

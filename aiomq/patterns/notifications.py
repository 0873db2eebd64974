"""What an XPUB has to tell its user: subscriptions, cancellations, and the messages that XSUBs sent upstream.

The queue is bounded by RCVHWM and by `rcvhwm_bytes`, as the inbox of one peer is. Whatever can wait in a peer's inbox
is left there when the queue is full, so that the peer's connection is paused. Subscriptions of the ordinary kind do
not wait, because an XPUB whose user never reads must still publish to new subscribers; instead a notification that
undoes an unread one cancels it out, so that the queue then grows with the topics that exist and not with the comings
and goings of peers.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeAlias

from aiomq.message import Message, Subscription
from aiomq.options import SocketOptions
from aiomq.patterns.base import Peer

__all__ = ["Notifications"]

_Entry: TypeAlias = tuple[Message, Peer | None, Subscription | None]


class Notifications:
    """The messages that an XPUB's user has not read yet, each with the peer that it came from."""

    __slots__ = ("_entries", "_latest", "_next", "_options", "held")

    def __init__(self, options: SocketOptions) -> None:
        self._options = options
        # Entries are keyed by a running number, because one in the middle may be cancelled out.
        self._entries: OrderedDict[int, _Entry] = OrderedDict()
        self._latest: dict[bytes, int] = {}
        self._next = 0
        self.held = 0
        """Bytes of the messages, what tells of subscriptions included."""

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def is_full(self) -> bool:
        """Whether what can wait must wait."""
        options = self._options
        return len(self._entries) >= options.rcvhwm > 0 or self.held >= options.rcvhwm_bytes > 0

    def put(self, message: Message, peer: Peer | None) -> None:
        """Queue a message for the user; `peer` is where it came from, None if that peer is gone."""
        self._append((message, peer, None))

    def announce(self, change: Subscription, peer: Peer | None) -> None:
        """Queue the news that a topic has its first subscriber, or lost its last.

        When the queue is full and the last news of the topic is unread, the two are settled against each other.
        """
        if self.is_full:
            number = self._latest.get(change.topic)
            if number is not None:
                if self._entries[number][2] != change:
                    self.held -= _size(self._entries[number][0])
                    del self._entries[number], self._latest[change.topic]
                return
        self._latest[change.topic] = self._next
        self._append((change.as_frame(), peer, change))

    def _append(self, entry: _Entry) -> None:
        self._entries[self._next] = entry
        self.held += _size(entry[0])
        self._next += 1

    def pop(self) -> tuple[Message, Peer | None] | None:
        """Take the oldest message and its peer; None if there is none."""
        if not self._entries:
            return None
        number, (message, peer, change) = self._entries.popitem(last=False)
        self.held -= _size(message)
        if change is not None and self._latest.get(change.topic) == number:
            del self._latest[change.topic]
        return message, peer


def _size(message: Message) -> int:
    return sum(map(len, message)) if isinstance(message, tuple) else len(message)

"""What an XPUB has to tell its user: subscriptions, cancellations, and the messages that XSUBs sent upstream.

The queue is bounded by RCVHWM and by `rcvhwm_bytes`, as the inbox of one peer is. Whatever can wait in a peer's inbox
is left there when the queue is full, so that the peer's connection is paused. Subscriptions of the ordinary kind do
not wait, because an XPUB whose user never reads must still publish to new subscribers; instead a notification that
undoes an unread one cancels it out, so that the queue then grows with the topics that exist and not with the comings
and goings of peers. Beyond the marks there is at most one piece of news for each topic that exists, or that the user
was told of: so the budgets of topics bound this, too.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from aiomq.message import Message, Subscription
from aiomq.options import SocketOptions
from aiomq.patterns.base import Peer

__all__ = ["Notifications"]

_VOID_FROM: Final = 1000
"""Fewer void entries than this are left where they are until their turn comes."""


class _Entry:
    """One thing that is to be read.

    Attributes:
        message: a user's message; of news the topic, which the table of topics has, too; None of a void entry.
        peer: where it came from; None if that is gone.
        subscribe: what the news of the topic is; None for a user's message.
    """

    __slots__ = ("message", "peer", "subscribe")

    def __init__(self, message: Message, peer: Peer | None, subscribe: bool | None) -> None:
        self.message: Message | None = message
        self.peer: Final = peer
        self.subscribe: Final = subscribe

    @property
    def size(self) -> int:
        """The bytes of the message, as the user gets it; 0 of a void entry."""
        message = self.message
        if isinstance(message, tuple):
            return sum(map(len, message))
        return 0 if message is None else len(message) + (self.subscribe is not None)


class Notifications:
    """The messages that an XPUB's user has not read yet, each with the peer that it came from."""

    __slots__ = ("_entries", "_latest", "_options", "_void", "held")

    def __init__(self, options: SocketOptions) -> None:
        self._options = options
        self._entries: deque[_Entry] = deque()
        self._latest: dict[bytes, _Entry] = {}
        self._void = 0
        """How many entries were cancelled out, and are passed over when their turn comes."""
        self.held = 0
        """Bytes of the messages, what tells of subscriptions included."""

    def __len__(self) -> int:
        return len(self._entries) - self._void

    @property
    def is_full(self) -> bool:
        """Whether what can wait must wait."""
        options = self._options
        return len(self) >= options.rcvhwm > 0 or self.held >= options.rcvhwm_bytes > 0

    def put(self, message: Message, peer: Peer | None) -> None:
        """Queue a message for the user; `peer` is where it came from, None if that peer is gone."""
        self._append(_Entry(message, peer, None))

    def tell(self, change: Subscription, peer: Peer | None) -> None:
        """Queue the news of one subscription or cancellation."""
        self._append(_Entry(change.topic, peer, change.subscribe))

    def announce(self, change: Subscription, peer: Peer | None) -> None:
        """Queue the news that a topic has its first subscriber, or lost its last.

        When the queue is full and the last news of the topic is unread, the two are settled against each other.
        """
        topic = change.topic
        if self.is_full:
            latest = self._latest.get(topic)
            if latest is not None:
                if latest.subscribe is not change.subscribe:
                    self._cancel_out(topic, latest)
                return
        entry = _Entry(topic, peer, change.subscribe)
        self._append(entry)
        self._latest[topic] = entry

    def _append(self, entry: _Entry) -> None:
        self._entries.append(entry)
        self.held += entry.size

    def _cancel_out(self, topic: bytes, entry: _Entry) -> None:
        del self._latest[topic]
        self.held -= entry.size
        if self._entries[-1] is entry:  # somebody who came and went
            self._entries.pop()
            return
        entry.message = None
        self._void += 1
        # Most often it is at the head: what a peer that leaves had is taken back in the order in which it came.
        while self._entries and self._entries[0].message is None:
            self._entries.popleft()
            self._void -= 1
        if self._void > max(len(self), _VOID_FROM):
            self._entries = deque([each for each in self._entries if each.message is not None])
            self._void = 0

    def pop(self) -> tuple[Message, Peer | None] | None:
        """Take the oldest message and its peer; None if there is none."""
        entries = self._entries
        while entries:
            entry = entries.popleft()
            message = entry.message
            if message is None:
                self._void -= 1
                continue
            self.held -= entry.size
            if entry.subscribe is None:
                return message, entry.peer
            assert type(message) is bytes
            if self._latest.get(message) is entry:
                del self._latest[message]
            return (b"\x01" if entry.subscribe else b"\x00") + message, entry.peer
        return None

    def __repr__(self) -> str:
        return f"<Notifications {len(self)}>"

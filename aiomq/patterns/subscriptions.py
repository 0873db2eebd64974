"""Subscriptions at both ends: who wants what (publisher), and what was asked for how often (subscriber).

29/PUBSUB: a subscription is a prefix of the first frame, the empty one matches everything. A publisher keeps a set of
peers per topic, so the same topic twice from one peer is stored once and one cancellation ends it. A subscriber counts,
so that two parts of a program may ask for the same topic and end it independently.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from aiomq.message import Item, Message, Subscription
from aiomq.options import SocketOptions
from aiomq.patterns.base import Peer
from aiomq.patterns.holders import Holders, HolderTable, Taken
from aiomq.patterns.prefixes import PrefixIndex, RecentTopics
from aiomq.patterns.shares import TOPICS, Allowance

__all__ = [
    "SubscribedTopics",
    "SubscriptionTable",
    "is_subscription",
    "split_subscriptions",
]

_FEW: Final = 16
"""Up to this many prefixes one `bytes.startswith` of all of them beats looking them up."""


def is_subscription(item: Item) -> bool:
    """Return whether an item is nothing but a subscription or cancellation, as a command or as one frame."""
    return type(item) is Subscription or (type(item) is bytes and item[:1] in {b"\0", b"\1"})


def split_subscriptions(message: Message, *, only_first: bool) -> tuple[list[Subscription], list[bytes]]:
    r"""Take apart a message of the form before ZMTP 3.1: its subscriptions, and the frames that are none.

    Args:
        message: what came from an XSUB's user, or from a peer.
        only_first: the ONLY_FIRST_SUBSCRIBE option. True leaves a message alone unless its first frame is a
            subscription; False takes every frame that begins with 0 or 1 for one, wherever it stands.
    """
    if type(message) is not tuple:
        frames: tuple[bytes, ...] = (message,)  # type: ignore[assignment]  # mypy: type() is no guard
    else:
        frames = message
    if only_first and not is_subscription(frames[0]):
        return [], list(frames)
    subscriptions: list[Subscription] = []
    others: list[bytes] = []
    for frame in frames:
        if is_subscription(frame):
            subscriptions.append(Subscription(frame[1:], subscribe=frame[0] == 1))
        else:
            others.append(frame)
    return subscriptions, others


class SubscriptionTable(HolderTable):
    """Who subscribed to what: the publisher's side."""

    __slots__ = ("_everyone", "_goes_round", "_index", "_recent")

    budgets = TOPICS

    def __init__(self) -> None:
        super().__init__()
        self._index = PrefixIndex()
        self._everyone: tuple[Peer, ...] | None = ()
        self._recent: RecentTopics[Holders] = RecentTopics()
        self._goes_round = False
        """Whether a match has more to look at than the lengths: a tree of topics, or peers that left."""

    @staticmethod
    def allowed(options: SocketOptions) -> Allowance:
        """Return what the peers may subscribe to, as things stand."""
        return (
            options.topics_per_peer,
            options.topic_bytes_per_peer,
            options.topics_per_address,
            options.topics_max,
            options.topic_bytes_max,
        )

    def topics_of(self, peer: Peer) -> list[bytes]:
        """Return the topics of a peer, in the order in which it subscribed."""
        return self.keys_of(peer)

    def remove_peer(self, peer: Peer) -> list[bytes]:
        """Cancel all subscriptions of a peer now; return the topics that nobody is subscribed to after that."""
        gone: list[bytes] = []
        self.leave(peer, lambda topic, is_gone: gone.append(topic) if is_gone else None)
        self.finish(peer)
        return gone

    def leave(self, peer: Peer, taken: Taken | None = None) -> None:
        """Let a peer get nothing from now on, and take back what it subscribed to: little at once, the rest later."""
        try:
            super().leave(peer, taken)
        finally:
            self._look()

    def finish(self, peer: Peer) -> None:
        """Take back all that a peer subscribed to, if it left."""
        try:
            super().finish(peer)
        finally:
            self._look()

    def take_back(self, count: int) -> bool:
        """Take back so many topics of those that left, the first first; return whether there may be more."""
        try:
            return super().take_back(count)
        finally:
            self._look()

    def _look(self) -> None:
        self._goes_round = self._index.tree is not None or bool(self.leaving)

    def _entered(self, key: bytes) -> None:
        if key:
            self._index.add(key)
            if self._index.tree is not None:
                self._goes_round = True
        else:
            self._everyone = None
        self._recent.changed(key, len(self._holders))

    def _changed(self, key: bytes) -> None:
        if not key:
            self._everyone = None
        self._recent.changed(key, len(self._holders))

    def _vanished(self, key: bytes) -> None:
        if key:
            self._index.remove(key)
            if self._goes_round:
                self._look()
        self._changed(key)

    def everyone(self) -> Sequence[Peer] | None:
        """Return the peers that get every message; None if there are topics, and so messages that others get, too."""
        index = self._index
        return None if index.lengths or index.tree is not None else self.match(b"")

    def match(self, frame: bytes) -> Sequence[Peer]:
        """Return the peers of all topics that begin this frame, each once."""
        if self._goes_round:
            return self._match_all(frame)
        found = self._everyone
        if found is None:
            found = self._everyone = tuple(self._holders.get(b"", ()))
        get, recent, size = self._holders.get, self._recent.found, len(frame)
        for length in self._index.lengths:
            if length > size:
                break
            topic = frame[:length]
            holders = None if recent is None else recent.get(topic)
            if holders is None:
                holders = get(topic)
                if holders is not None and recent is not None:
                    self._recent.remember(topic, holders)
            if holders is not None:
                if found:
                    return self._match_all(frame)
                found = tuple(holders)
        return found

    def _match_all(self, frame: bytes) -> Sequence[Peer]:
        """Do what `match` does where several topics may match, and thus a peer be met more than once, or some left."""
        index, topics, size = self._index, self._holders, len(frame)
        hits = [b""] if b"" in topics else []
        hits += [frame[:length] for length in index.lengths if length <= size and frame[:length] in topics]
        if index.tree is not None:
            hits += index.tree.prefixes_of(frame)
        # A copy here and in `match`: a subscription that comes in while a message is put to peers changes nothing.
        if len(hits) == 1:
            found = tuple(topics[hits[0]])
        else:
            found = tuple(dict.fromkeys([peer for topic in hits for peer in topics[topic]]))
        return self.without_leavers(found) if self.leaving else found


class SubscribedTopics:
    """What a subscriber asked for, and how often: the subscriber's side."""

    __slots__ = ("_counts", "_few", "_index", "_recent", "everything")

    def __init__(self) -> None:
        self._counts: dict[bytes, int] = {}
        self._index = PrefixIndex()
        self._few: tuple[bytes, ...] | None = ()
        self._recent: RecentTopics[bool] = RecentTopics()
        self.everything = False
        """Whether the empty topic, which matches every message, is among them."""

    def __len__(self) -> int:
        """Count the distinct topics."""
        return len(self._counts)

    def __iter__(self) -> Iterator[bytes]:
        return iter(tuple(self._counts))

    def add(self, topic: bytes) -> None:
        """Count one more request for a topic."""
        count = self._counts.get(topic, 0)
        self._counts[topic] = count + 1
        if not count:
            if topic:
                self._index.add(topic)
            self._changed(topic)

    def remove(self, topic: bytes) -> bool:
        """Count one request less; return whether that was the last one (of an unknown topic it is not)."""
        count = self._counts.get(topic, 0)
        if count > 1:
            self._counts[topic] = count - 1
        if count != 1:
            return False
        del self._counts[topic]
        if topic:
            self._index.remove(topic)
        self._changed(topic)
        return True

    def _changed(self, topic: bytes) -> None:
        self._recent.changed(topic, len(self._counts))
        self.everything = b"" in self._counts
        self._few = tuple(self._counts) if len(self._counts) <= _FEW else None

    def matches(self, frame: bytes) -> bool:
        """Return whether any of the topics begins this frame."""
        if self._few is not None:
            return frame.startswith(self._few)
        if self.everything:
            return True
        size, counts, index, recent = len(frame), self._counts, self._index, self._recent.found
        for length in index.lengths:
            if length > size:
                break
            topic = frame[:length]
            if recent is not None and topic in recent:
                return True
            if topic in counts:
                self._recent.remember(topic, True)
                return True
        return index.tree is not None and bool(index.tree.prefixes_of(frame))

    def __repr__(self) -> str:
        return f"<SubscribedTopics topics={len(self._counts)}>"

"""Subscriptions at both ends: who wants what (publisher), and what was asked for how often (subscriber).

29/PUBSUB: a subscription is a prefix of the first frame, the empty one matches everything. A publisher keeps a set of
peers per topic, so the same topic twice from one peer is stored once and one cancellation ends it. A subscriber counts,
so that two parts of a program may ask for the same topic and end it independently.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from aiomq.message import Item, Message, Subscription
from aiomq.patterns.base import Peer
from aiomq.patterns.prefixes import PrefixIndex, RecentTopics

__all__ = [
    "SUBSCRIPTIONS_PER_PEER_MAX",
    "TOPIC_BYTES_PER_PEER_MAX",
    "SubscribedTopics",
    "SubscriptionTable",
    "is_subscription",
    "split_subscriptions",
]

SUBSCRIPTIONS_PER_PEER_MAX: Final = 1_000_000
"""So many distinct topics may one peer subscribe to; with one more it is closed."""

TOPIC_BYTES_PER_PEER_MAX: Final = 32 * 1024 * 1024
"""So many bytes may the distinct topics of one peer have together; with one more it is closed."""

_FEW: Final = 16
"""Up to this many prefixes one `bytes.startswith` of all of them beats looking them up."""

_Holders: TypeAlias = tuple[Peer] | dict[Peer, None]
"""The peers of one topic. Most topics of a large table have one peer, and share that peer's own tuple."""


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


class _Subscriber:
    """What a table knows of one peer."""

    __slots__ = ("alone", "topic_bytes", "topics")

    def __init__(self, peer: Peer) -> None:
        self.alone: tuple[Peer] = (peer,)
        self.topics: dict[bytes, None] = {}
        self.topic_bytes = 0


class SubscriptionTable:
    """Who subscribed to what: the publisher's side."""

    __slots__ = ("_everyone", "_holders", "_index", "_recent", "_subscribers")

    def __init__(self) -> None:
        self._holders: dict[bytes, _Holders] = {}
        self._subscribers: dict[Peer, _Subscriber] = {}
        self._index = PrefixIndex()
        self._everyone: tuple[Peer, ...] | None = ()
        self._recent: RecentTopics[_Holders] = RecentTopics()

    def __len__(self) -> int:
        """Count the distinct topics."""
        return len(self._holders)

    def __contains__(self, topic: bytes) -> bool:
        return topic in self._holders

    def has_room(self, peer: Peer, topic: bytes) -> bool:
        """Return whether the peer may have this topic within what one peer is allowed."""
        subscriber = self._subscribers.get(peer)
        if subscriber is None:
            return len(topic) <= TOPIC_BYTES_PER_PEER_MAX
        return topic in subscriber.topics or (
            len(subscriber.topics) < SUBSCRIPTIONS_PER_PEER_MAX
            and subscriber.topic_bytes + len(topic) <= TOPIC_BYTES_PER_PEER_MAX
        )

    def topics_of(self, peer: Peer) -> list[bytes]:
        """Return the topics of a peer, in the order in which it subscribed."""
        subscriber = self._subscribers.get(peer)
        return [] if subscriber is None else list(subscriber.topics)

    def add(self, peer: Peer, topic: bytes) -> bool:
        """Subscribe a peer to a topic; return whether nobody was before."""
        subscriber = self._subscribers.get(peer)
        if subscriber is None:
            subscriber = self._subscribers[peer] = _Subscriber(peer)
        elif topic in subscriber.topics:
            return False
        subscriber.topics[topic] = None
        subscriber.topic_bytes += len(topic)
        if not topic:
            self._everyone = None
        holders = self._holders.get(topic)
        self._recent.changed(topic, len(self._holders))
        if holders is None:
            self._holders[topic] = subscriber.alone
            if topic:
                self._index.add(topic)
            return True
        if type(holders) is tuple:
            holders = self._holders[topic] = {holders[0]: None}
        holders[peer] = None  # type: ignore[index]  # mypy: type() is no guard
        return False

    def remove(self, peer: Peer, topic: bytes) -> bool:
        """Cancel a peer's subscription, if it has it; return whether nobody is subscribed to the topic now."""
        subscriber = self._subscribers.get(peer)
        if subscriber is None or topic not in subscriber.topics:
            return topic not in self._holders
        del subscriber.topics[topic]
        subscriber.topic_bytes -= len(topic)
        if not subscriber.topics:
            del self._subscribers[peer]
        if not topic:
            self._everyone = None
        holders = self._holders[topic]
        self._recent.changed(topic, len(self._holders))
        if type(holders) is dict:
            del holders[peer]
            if holders:
                return False
        del self._holders[topic]
        if topic:
            self._index.remove(topic)
        return True

    def remove_peer(self, peer: Peer) -> list[bytes]:
        """Cancel all subscriptions of a peer; return the topics that nobody is subscribed to now."""
        return [topic for topic in self.topics_of(peer) if self.remove(peer, topic)]

    def everyone(self) -> Sequence[Peer] | None:
        """Return the peers that get every message; None if there are topics, and so messages that others get, too."""
        index = self._index
        return None if index.lengths or index.tree is not None else self.match(b"")

    def match(self, frame: bytes) -> Sequence[Peer]:
        """Return the peers of all topics that begin this frame, each once."""
        found = self._everyone
        if found is None:
            found = self._everyone = tuple(self._holders.get(b"", ()))
        index = self._index
        if index.tree is not None:
            return self._match_all(frame)
        get, recent, size = self._holders.get, self._recent.found, len(frame)
        for length in index.lengths:
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
        """Do what `match` does where several topics may match, and thus a peer be met more than once."""
        index, topics, size = self._index, self._holders, len(frame)
        hits = [b""] if b"" in topics else []
        hits += [frame[:length] for length in index.lengths if length <= size and frame[:length] in topics]
        if index.tree is not None:
            hits += index.tree.prefixes_of(frame)
        if len(hits) == 1:
            return tuple(topics[hits[0]])
        # A copy here and in `match`: a subscription that comes in while a message is put to peers changes nothing.
        return tuple(dict.fromkeys(peer for topic in hits for peer in topics[topic]))

    def __repr__(self) -> str:
        return f"<SubscriptionTable topics={len(self._holders)} peers={len(self._subscribers)}>"


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

"""Which of very many topics begin a frame: the search behind every subscription.

A frame is sliced at each length that some topic has and the slice looked up by hashing, so a million topics cost what a
thousand cost; only the number of different lengths counts. Real topics have few. Where a stranger (or a naming scheme)
brings more than `LENGTHS_MAX`, topics of further lengths go to a radix tree, whose cost follows the branches along the
frame. The index stores no subscriber and no count: whoever owns it keeps those in a dict by topic.
"""

from __future__ import annotations

from typing import Final, Generic, TypeVar

__all__ = ["LENGTHS_MAX", "PrefixIndex", "PrefixTree", "RecentTopics"]

LENGTHS_MAX: Final = 12
"""Up to this many different topic lengths are found by slicing: beyond, descending a tree is the cheaper way."""


RECENT_FROM: Final = 8192
"""From so many topics on a look-up leaves a processor's caches, and those found last are worth a dict of their own."""

RECENT_MAX: Final = 32768
"""So many topics are remembered; with one more all are forgotten, and the next ones found begin anew."""

Found = TypeVar("Found")


class RecentTopics(Generic[Found]):
    """The topics of a large dict that were found last, in a small one: what is published is rarely all there is.

    Attributes:
        found: to be looked into before the large dict; None while that one is not large.
    """

    __slots__ = ("found",)

    def __init__(self) -> None:
        self.found: dict[bytes, Found] | None = None

    def remember(self, topic: bytes, found: Found) -> None:
        """Keep what the large dict has for a topic."""
        recent = self.found
        if recent is not None:
            if len(recent) >= RECENT_MAX:
                recent.clear()
            recent[topic] = found

    def changed(self, topic: bytes, count: int) -> None:
        """The large dict has something else for this topic, or nothing; it holds so many topics now."""
        if self.found is not None:
            self.found.pop(topic, None)
        elif count >= RECENT_FROM:
            self.found = {}


class _Node:
    """One edge of the tree and what hangs below it."""

    __slots__ = ("children", "label", "topic")

    def __init__(self, label: bytes, topic: bytes | None) -> None:
        self.label = label
        self.topic = topic
        self.children: dict[int, _Node] = {}

    def take_over(self, child: _Node) -> None:
        """Become what the only child was: an edge without a branch is one edge."""
        self.label += child.label
        self.topic = child.topic
        self.children = child.children


class PrefixTree:
    """A radix tree of topics: an edge is a run of octets, so its depth is the number of branches, not of octets."""

    __slots__ = ("_count", "_root")

    def __init__(self) -> None:
        self._root = _Node(b"", None)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, topic: bytes) -> None:
        """Add a topic of one octet or more that is not in the tree."""
        node, at = self._root, 0
        while at < len(topic):
            child = node.children.get(topic[at])
            if child is None:
                child = _Node(topic[at:], None)
                node.children[topic[at]] = child
            elif not topic.startswith(child.label, at):
                child = self._split(node, child, _common_length(child.label, topic, at))
            at += len(child.label)
            node = child
        node.topic = topic
        self._count += 1

    @staticmethod
    def _split(node: _Node, child: _Node, at: int) -> _Node:
        upper = _Node(child.label[:at], None)
        child.label = child.label[at:]
        upper.children[child.label[0]] = child
        node.children[upper.label[0]] = upper
        return upper

    def discard(self, topic: bytes) -> bool:
        """Remove a topic; return whether it was in the tree."""
        parent, node, at = self._root, self._root, 0
        while at < len(topic):
            child = node.children.get(topic[at])
            if child is None or not topic.startswith(child.label, at):
                return False
            parent, node, at = node, child, at + len(child.label)
        if node.topic is None:
            return False
        node.topic = None
        self._count -= 1
        self._prune(parent, node)
        return True

    def _prune(self, parent: _Node, node: _Node) -> None:
        if not node.children:
            del parent.children[node.label[0]]
            node = parent
        if node is not self._root and node.topic is None and len(node.children) == 1:
            (child,) = node.children.values()
            node.take_over(child)

    def prefixes_of(self, frame: bytes) -> list[bytes]:
        """Return the topics that begin this frame, the shortest first."""
        found: list[bytes] = []
        node, at, size = self._root, 0, len(frame)
        while at < size:
            child = node.children.get(frame[at])
            if child is None or not frame.startswith(child.label, at):
                break
            at += len(child.label)
            if child.topic is not None:
                found.append(child.topic)
            node = child
        return found


def _common_length(label: bytes, topic: bytes, at: int) -> int:
    """Return how many octets of `label` are also in `topic` from `at` on; the first one is known to be.

    Halving compares slices in C; a loop over octets would let long topics of a stranger hold up everybody.
    """
    low, high = 1, min(len(label), len(topic) - at)
    while low < high:
        middle = (low + high + 1) // 2
        if label[low:middle] == topic[at + low : at + middle]:
            low = middle
        else:
            high = middle - 1
    return low


class PrefixIndex:
    """How to look for the topics of a dict that begin a frame: at these `lengths`, and in this `tree`.

    The empty topic, which begins everything, is left to the owner.
    """

    __slots__ = ("_counts", "lengths", "tree")

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self.lengths: tuple[int, ...] = ()
        """The lengths to slice at, ascending. A topic of the tree may have one of them too, and is then found twice."""
        self.tree: PrefixTree | None = None
        """The topics of further lengths; None while there are none."""

    def add(self, topic: bytes) -> None:
        """Add a topic of one octet or more that the index does not have."""
        length = len(topic)
        if length in self._counts:
            self._counts[length] += 1
        elif len(self._counts) < LENGTHS_MAX:
            self._counts[length] = 1
            self.lengths = tuple(sorted(self._counts))
        else:
            if self.tree is None:
                self.tree = PrefixTree()
            self.tree.add(topic)

    def remove(self, topic: bytes) -> None:
        """Remove a topic that the index has."""
        if self.tree is not None and self.tree.discard(topic):
            if not self.tree:
                self.tree = None
            return
        length = len(topic)
        self._counts[length] -= 1
        if not self._counts[length]:
            del self._counts[length]
            self.lengths = tuple(sorted(self._counts))

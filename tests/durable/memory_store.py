"""A store in memory, for tests that look into it or make it fail."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aiomq import StoredPeer
from aiomq.message import Message

__all__ = ["MemoryStore"]


class MemoryStore:
    """A store that keeps nothing beyond the test, counts its commits, and fails when it is told to."""

    def __init__(self) -> None:
        self.peers: dict[bytes, tuple[bytes | None, float | None]] = {}
        self.topics: dict[bytes, set[bytes]] = {}
        self.messages: dict[bytes, dict[int, Message]] = {}
        self.written: float | None = None
        self.failure: Exception | None = None
        self.commits = self.appended = self.closed = 0
        self._steps: list[tuple[object, ...]] = []

    def load(self) -> Sequence[StoredPeer]:
        return [
            StoredPeer(
                identity=identity,
                user_id=user_id,
                since=since,
                topics=sorted(self.topics.get(identity, ())),
                first=min(self.messages.get(identity, {0: b""})),
                messages=list(self.messages.get(identity, {}).values()),
            )
            for identity, (user_id, since) in self.peers.items()
        ]

    def remember(self, identity: bytes, user_id: bytes | None, since: float | None) -> None:
        self._steps.append((self.peers.__setitem__, identity, (user_id, since)))

    def forget(self, identity: bytes) -> None:
        for table in (self.peers, self.topics, self.messages):
            self._steps.append((table.pop, identity, None))

    def subscribe(self, identity: bytes, topics: Iterable[bytes]) -> None:
        self._steps.append((lambda new: self.topics.setdefault(identity, set()).update(new), frozenset(topics)))

    def cancel(self, identity: bytes, topics: Iterable[bytes]) -> None:
        def cancel() -> None:
            self.topics[identity] -= old

        old = frozenset(topics)
        self._steps.append((cancel,))

    def append(self, identity: bytes, number: int, messages: Iterable[Message]) -> None:
        new = dict(enumerate(messages, number))
        self.appended += len(new)
        self._steps.append((lambda: self.messages.setdefault(identity, {}).update(new),))

    def remove(self, identity: bytes, up_to: int) -> None:
        def remove() -> None:
            kept = self.messages.get(identity, {})
            self.messages[identity] = {number: each for number, each in kept.items() if number > up_to}

        self._steps.append((remove,))

    def commit(self) -> None:
        steps, self._steps = self._steps, []
        if self.failure is not None:
            raise self.failure
        self.commits += bool(steps)
        for step, *arguments in steps:
            step(*arguments)  # type: ignore[operator]  # they are bound methods and functions

    def close(self) -> None:
        self.closed += 1

"""Stores to damage: what is in them, how they are left, and what reading a damaged copy comes to."""

from __future__ import annotations

import errno
import random
from collections.abc import Iterable
from pathlib import Path

from aiomq import SqliteStore, StoredPeer, ZMQError
from aiomq.message import Message

__all__ = ["PEERS", "fill", "flip", "loaded", "outcome"]

_chance = random.Random(20)


def _messages(count: int, size: int) -> list[Message]:
    return [
        _chance.randbytes(size) if number % 3 else (b"a", b"%d" % number, _chance.randbytes(size))
        for number in range(count)
    ]


PEERS = [
    StoredPeer(identity=b"big", user_id=None, since=5.25, topics=[b""], first=3, messages=_messages(5, 9000)),
    StoredPeer(identity=b"empty", user_id=b"ada", since=None, topics=[b"x", b"y" * 300], first=0, messages=[]),
    StoredPeer(identity=b"many", user_id=b"eve", since=7.5, topics=[], first=90_000, messages=_messages(400, 40)),
    StoredPeer(identity=b"one", user_id=b"", since=1e9, topics=[b"t"], first=0, messages=[b"only"]),
]


def fill(store: SqliteStore, peers: Iterable[StoredPeer] = PEERS) -> None:
    """Commit so many peers, each by itself."""
    for peer in peers:
        store.remember(peer.identity, peer.user_id, peer.since)
        store.subscribe(peer.identity, peer.topics)
        store.append(peer.identity, peer.first, peer.messages)
        store.commit()


def loaded(path: Path) -> list[StoredPeer]:
    """Return what a store has, in the order of names, with topics in theirs."""
    store = SqliteStore(path)
    try:
        return sorted(store.load(), key=lambda peer: peer.identity)
    finally:
        store.close()


def outcome(path: Path, expected: list[StoredPeer]) -> str:
    """Return `same` if a store still has it all, or `refused` if it says that it is damaged.

    Raises:
        Exception: it says anything else.
        AssertionError: it gives out something else than it was given.
    """
    try:
        found = loaded(path)
    except ZMQError as error:
        if error.errno != errno.EIO:
            raise
        return "refused"
    assert found == expected, "a damaged store lost or changed something, and said nothing"
    return "same"


def flip(data: bytes, chance: random.Random, bits: int) -> bytes:
    """Return the data with so many bits turned over, near each other."""
    damaged = bytearray(data)
    start = chance.randrange(len(damaged))
    for _ in range(bits):
        at = min(len(damaged) - 1, start + chance.randrange(32))
        damaged[at] ^= 1 << chance.randrange(8)
    return bytes(damaged)

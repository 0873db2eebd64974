"""What has arrived and was not read, over all connections of a socket and of the process, and when that is too much.

Users take messages straight out of inboxes, and nothing counts them then. So what is known at any time is only how
many bytes have arrived since the inboxes were weighed: as long as these would fit in, nothing has to be looked at.
That costs an addition per read. Where they would not, all inboxes are weighed, and it is known again how much may
come.

Where there is too much, no connection with something unread reads on. One whose inbox is empty may always read a chunk:
so whoever waits for a message gets it, whatever others hold.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from itertools import islice
from random import randrange
from typing import Final, Protocol

from aiomq.memory import memory_for_process
from aiomq.peer import StreamPeer
from aiomq.unsent import MESSAGE_COST
from aiomq.weights import sizes_of

__all__ = ["UNREAD_VARIABLE", "Process", "Unread", "process"]

UNREAD_VARIABLE: Final = "AIOMQ_UNREAD_BYTES"
"""The environment variable that sets the mark of the process, in bytes; 0 for none."""

SHARE: Final = 8
"""The mark is one part of so many of the memory that the process may have."""

LEAST: Final = 64 << 20
"""It is not less than what one peer may have."""

FINE: Final = 16
"""A mark is reached when less than one part of so many is left below it: else all would be weighed too often."""

LOAN: Final = 64
"""A socket tells the process of what it reads by one part of so many of the mark."""

AGAIN: Final = 0.05
"""After so many seconds, at the earliest, all is weighed again to see whether there is room."""

EFFORT: Final = 20
"""Nor is it weighed again before so many times as long as the last time took."""

SAMPLE: Final = 64
"""So many messages of an inbox are weighed, taken at random from all of it, and stand for the others."""


class Budgeted(Protocol):
    """The options of a socket."""

    unread_bytes_max: int


def unread_of(peer: StreamPeer) -> int:
    """Return how many bytes of a peer are held that were not read, about; it may be of another thread."""
    rest = peer.rest
    inbox = peer.inbox.copy()
    count = len(inbox)
    step = max(count // SAMPLE, 1)
    sizes = sizes_of(islice(inbox, randrange(step), None, step))
    weight = sum(sizes) * count // max(len(sizes), 1)
    return weight + count * MESSAGE_COST + peer.raw_bytes + (0 if rest is None else rest.held)


class _Gauge:
    """Something that fills up, and is weighed now and then."""

    __slots__ = ("__weakref__", "_again", "allowed", "arrived", "is_full")

    def __init__(self) -> None:
        self.arrived = 0
        """Bytes that were ever read."""
        self.allowed = 0
        """When `arrived` gets there, a closer look is to be taken."""
        self.is_full = False
        self._again = 0.0

    def _is_due(self) -> bool:
        """Whether it is to be weighed now: not too often while it is full."""
        if self.is_full:
            now = time.monotonic()
            if now < self._again:
                return False
            self._again = now + AGAIN
            return True
        return self.arrived >= self.allowed


class Process(_Gauge):
    """What all sockets of this process hold."""

    __slots__ = ("_lock", "_sockets", "limit")

    def __init__(self, limit: int | None = None) -> None:
        super().__init__()
        self.limit = limit
        """Bytes; None: found out when it is first needed. 0 is none."""
        self._lock = threading.Lock()
        self._sockets: weakref.WeakSet[Unread] = weakref.WeakSet()

    def find_limit(self) -> int:
        """Return the mark in bytes."""
        if self.limit is None:
            chosen = os.environ.get(UNREAD_VARIABLE, "")
            by_memory = max(memory_for_process() // SHARE, LEAST)
            self.limit = int(chosen) if chosen.isascii() and chosen.isdigit() else by_memory
        return self.limit

    def forked(self) -> None:
        """Begin anew in a child: another thread of the parent may have held the lock."""
        self._lock = threading.Lock()

    def add(self, socket: Unread) -> None:
        """Weigh this socket too."""
        with self._lock:
            self._sockets.add(socket)

    def take(self, count: int) -> int:
        """So many bytes have arrived at a socket; return how many may before it tells of them: 0 if there is no room.

        UNREAD_VARIABLE says how many bytes there may be.
        """
        limit = self.limit if self.limit is not None else self.find_limit()
        if not limit:
            return 1 << 62
        with self._lock:
            self.arrived += count
            if self._is_due():
                began = time.monotonic()
                room = limit - sum([socket.weigh() for socket in self._sockets])
                now = time.monotonic()
                self._again = max(self._again, now + EFFORT * (now - began))
                self.is_full = room < limit // FINE
                self.allowed = self.arrived + room
            return 0 if self.is_full else max(limit // LOAN, 1)


process: Final = Process()
"""That of this process."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=process.forked)


class Unread(_Gauge):
    """What one socket holds."""

    __slots__ = ("_beside", "_gone", "_options", "_peers", "_process", "_prune_at", "_reported")

    def __init__(
        self,
        options: Budgeted,
        peers: Callable[[], Iterable[StreamPeer]],
        beside: Callable[[], int] = lambda: 0,
        of: Process = process,
    ) -> None:
        """Begin with nothing.

        Args:
            options: says what the mark of the socket is.
            peers: returns its peers.
            beside: returns how many bytes are unread elsewhere than in their inboxes.
            of: what it is a part of.
        """
        super().__init__()
        self._options = options
        self._peers = peers
        self._beside = beside
        self._process = of
        self._reported = 0
        self._gone: dict[StreamPeer, None] = {}
        """Peers that are gone and left something unread."""
        self._prune_at = 64
        of.add(self)

    def left(self, peer: StreamPeer) -> None:
        """A connection has ended: what its peer has left counts until it is read."""
        if peer.inbox:
            self._gone[peer] = None
            if len(self._gone) >= self._prune_at:
                self._prune()
                self._prune_at = max(64, 2 * len(self._gone))

    def _prune(self) -> None:
        for peer in [peer for peer in self._gone if not peer.inbox]:
            del self._gone[peer]

    def weigh(self) -> int:
        """Return how many bytes are unread; maybe in another thread."""
        peers = dict.fromkeys((*tuple(self._peers()), *tuple(self._gone)))
        inboxes = [unread_of(peer) for peer in peers if peer.over_wire and (peer.inbox or peer.rest is not None)]
        return sum(inboxes) + self._beside()

    def has_room(self) -> bool:
        """Return whether who has something unread may read on; call it once `arrived` has come to `allowed`."""
        if self._is_due():
            self._look()
        return not self.is_full

    def _look(self) -> None:
        self._prune()
        news, self._reported = self.arrived - self._reported, self.arrived
        room = self._process.take(news)
        limit = self._options.unread_bytes_max
        if room and limit:
            own = limit - self.weigh()
            room = 0 if own < limit // FINE else min(room, own)
        self.is_full = not room
        self.allowed = self.arrived + room if room else -1

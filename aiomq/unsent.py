"""What waits to leave, over all connections of the process, and when that is too much.

It is known where something is left behind: when a flush finds the transport full, and not with each message. So small
messages that leave at once cost nothing.
"""

from __future__ import annotations

import os
import threading
from typing import Final

from aiomq.memory import memory_for_process

__all__ = ["MESSAGE_COST", "UNSENT_VARIABLE", "ProcessUnsent", "process_unsent"]

UNSENT_VARIABLE: Final = "AIOMQ_UNSENT_BYTES"
"""The environment variable that sets the mark of the process, in bytes; 0 for none."""

SHARE: Final = 8
"""The mark is one part of so many of the memory that the process may have."""

LEAST: Final = 64 << 20
"""It is not less than what one peer may have."""

MESSAGE_COST: Final = 64
"""Bytes that a queued message takes up beside its own."""


class ProcessUnsent:
    """The bytes that wait to leave for all peers of a process.

    Attributes:
        limit: bytes; None until it is found out; 0 for none.
        total: bytes that peers have told of.
    """

    __slots__ = ("_lock", "limit", "total")

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit
        self.total = 0
        self._lock = threading.Lock()

    def find_limit(self) -> int:
        """Return the mark in bytes."""
        if self.limit is None:
            chosen = os.environ.get(UNSENT_VARIABLE, "")
            by_memory = max(memory_for_process() // SHARE, LEAST)
            self.limit = int(chosen) if chosen.isascii() and chosen.isdigit() else by_memory
        return self.limit

    def change(self, count: int) -> None:
        """So many bytes more wait, or fewer."""
        with self._lock:  # peers of other threads do the same
            self.total += count

    @property
    def is_over(self) -> bool:
        """Whether peers for which something waits take nothing more."""
        limit = self.limit if self.limit is not None else self.find_limit()
        return self.total >= limit > 0

    def forked(self) -> None:
        """Begin anew in a child, which has no connections; another thread of the parent may have held the lock."""
        self._lock = threading.Lock()
        self.total = 0


process_unsent: Final = ProcessUnsent()
"""That of this process."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=process_unsent.forked)

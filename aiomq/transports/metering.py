"""How many bytes a connection has read, and whether it may read on: the part of its reading half that weighs.

See `aiomq.unread` for why it only adds up what comes, and weighs now and then.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import deque
from itertools import accumulate, islice
from typing import Final

from aiomq.options import SocketOptions
from aiomq.peer import UNLIMITED, StreamPeer, low_water_mark
from aiomq.transports.scratch import SCRATCH_BYTES
from aiomq.unread import FINE, Unread
from aiomq.weights import EXACT_BELOW, sizes_of

__all__ = ["InboxSizes", "Metering"]


class InboxSizes:
    """The bytes of each message in an inbox, which users take messages out of without a word.

    What is no longer there was the first to come, and `received` counts all that ever came: that tells which are left.
    """

    __slots__ = ("_end", "_sizes", "held")

    def __init__(self) -> None:
        self._sizes: deque[int] = deque()
        self._end = 0
        """The number of the message after the last one weighed."""
        self.held = 0

    def weigh(self, peer: StreamPeer) -> int:
        """Return how many bytes are in the inbox now."""
        inbox, sizes = peer.inbox, self._sizes
        head = peer.received - len(inbox)
        known = self._end - head
        if known <= 0:
            sizes.clear()
            self.held = known = 0
        while len(sizes) > known:
            self.held -= sizes.popleft()
        if known < len(inbox):
            added = sizes_of(islice(inbox, known, None))
            sizes.extend(added)
            self.held += sum(added)
        self._end = peer.received
        return self.held

    def last_within(self, count: int) -> int:
        """Return how many of the newest messages have so many bytes together, or fewer."""
        return bisect_right(list(accumulate(reversed(self._sizes))), count)


class Metering(asyncio.BufferedProtocol):
    """What a connection knows of how much it has read."""

    __slots__ = ("_allowed", "_arrived", "_inbox_sizes", "_is_heavy", "_mark", "_unread")

    _unread: Unread

    def __init__(self, options: SocketOptions) -> None:
        self._mark: Final = options.rcvhwm_bytes
        self._arrived = 0
        """Bytes of traffic that were read."""
        self._allowed = UNLIMITED if not self._mark else -1 if self._is_exact else self._mark
        """When `_arrived` gets there the inbox is to be weighed."""
        self._inbox_sizes: InboxSizes | None = None
        self._is_heavy = False
        """The inbox was found to be full by the mark, or is looked at every time."""

    @property
    def _is_exact(self) -> bool:
        """Whether each message is weighed: for a small mark the next one may be too much."""
        return 0 < self._mark < EXACT_BELOW

    def bytes_read(self) -> int:
        """Return how many bytes of traffic have arrived."""
        return self._arrived

    def _may_go_on(self) -> bool:
        """Return whether nothing has to be weighed."""
        unread = self._unread
        return self._arrived < self._allowed and unread.arrived < unread.allowed

    def _room(self, peer: StreamPeer, hwm: int) -> int:
        """Return how many messages may be decoded now."""
        if peer.rest is not None:  # what came before by another connection is not decoded yet
            return 0
        room = hwm - len(peer.inbox)
        if room <= 0 or self._may_go_on():
            return room
        if self._arrived >= self._allowed:
            room = min(room, self._room_by_mark(peer))
        if room > 0 and not self._unread.has_room() and peer.inbox:
            return 0
        return room

    def _room_by_mark(self, peer: StreamPeer) -> int:
        mark = self._mark
        left = mark - self._weigh(peer)
        self._is_heavy = left < mark // FINE or self._is_exact
        if self._is_exact:
            return 0 if left <= 0 else UNLIMITED if left > SCRATCH_BYTES else 1
        self._allowed = self._arrived if self._is_heavy else self._arrived + left
        return 0 if self._is_heavy and peer.inbox else UNLIMITED

    def _weigh(self, peer: StreamPeer) -> int:
        if self._inbox_sizes is None:
            self._inbox_sizes = InboxSizes()
        return self._inbox_sizes.weigh(peer)

    def _room_for_raw(self, peer: StreamPeer) -> int:
        """Return how many bytes may be read that stay as they are until there is room for messages."""
        if not self._unread.has_room():
            return 0
        return max(self._mark - self._weigh(peer) - peer.raw_bytes, 0) if self._mark else UNLIMITED

    def _low_water(self, peer: StreamPeer, hwm: int) -> int:
        """Return down to how many messages a full inbox is to be read before reading goes on."""
        low = hwm - low_water_mark(hwm)
        if self._is_heavy and self._inbox_sizes is not None:  # else there are fewer than by the other mark
            self._weigh(peer)
            low = min(low, self._inbox_sizes.last_within(self._mark // 2))
        if self._unread.is_full:
            low = min(low, len(peer.inbox) // 2)
        return low

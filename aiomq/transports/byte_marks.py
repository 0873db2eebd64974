"""A connection whose peer's inbox has a high-water mark in bytes beside the one in messages."""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import accumulate, takewhile

from aiomq.byte_marks import size_of
from aiomq.message import Item
from aiomq.options import SocketOptions
from aiomq.peer import UNLIMITED, StreamPeer, low_water_mark
from aiomq.transports.connection import Connection
from aiomq.transports.connection_host import ConnectionHost
from aiomq.transports.scratch import SCRATCH_BYTES

__all__ = ["ByteMarkedConnection"]


class ByteMarkedConnection(Connection):
    """Stops reading with the message that reaches either mark, and goes on when half of the bytes were taken out.

    Users take messages straight out of the inbox. So the bytes that it holds are found when they are asked for: what
    is no longer there was the first to come.
    """

    takes_lone = False
    __slots__ = ("_held", "_mark", "_sizes")

    def __init__(self, host: ConnectionHost, loop: asyncio.AbstractEventLoop, options: SocketOptions) -> None:
        super().__init__(host, loop, options)
        self._mark = options.rcvhwm_bytes
        self._held = 0
        self._sizes: deque[int] = deque()

    def _deliver(self, items: list[Item]) -> None:
        self._weigh()
        sizes = [size_of(item) for item in items]
        self._sizes.extend(sizes)
        self._held += sum(sizes)
        super()._deliver(items)

    def _pump(self) -> None:
        peer, decoder = self.peer, self._decoder
        assert peer is not None
        assert decoder is not None
        hwm = peer.marks.rcvhwm or UNLIMITED
        self._pumping = True
        try:
            while not decoder.starved and self._allowance.left > 0 and (room := self._room(peer, hwm)) > 0:
                items = decoder.take(room)
                if decoder.assembly.commands:
                    self._answer_commands()
                if items:
                    self._deliver(items)
        finally:
            self._pumping = False
        decoder.detach_chunk()
        self._charge(0)
        if self._waits_turn and self._room(peer, hwm) > 0:
            return
        is_full = not decoder.starved or self._room(peer, hwm) <= 0
        self._read_on(peer, is_full=is_full, low_water=self._low_water(hwm) if is_full else -1)

    def _weigh(self) -> None:
        """Bring `_sizes` and `_held` to what is in the inbox now."""
        inbox = () if self.peer is None else self.peer.inbox
        if len(inbox) > len(self._sizes):  # left by a connection before this one
            self._sizes = deque(map(size_of, inbox))
            self._held = sum(self._sizes)
        while len(self._sizes) > len(inbox):
            self._held -= self._sizes.popleft()

    def _room(self, peer: StreamPeer, hwm: int) -> int:
        """Return how many messages may be decoded: one at a time where what was read may be too much."""
        self._weigh()
        if self._held >= self._mark:
            return 0
        room = hwm - len(peer.inbox)
        return room if self._mark - self._held > SCRATCH_BYTES else min(room, 1)

    def _low_water(self, hwm: int) -> int:
        """Return how many messages may be left in the inbox when reading goes on."""
        kept = accumulate(reversed(self._sizes))
        return min(hwm - low_water_mark(hwm), sum(1 for _ in takewhile(lambda held: held <= self._mark // 2, kept)))

"""What was read and is not decoded yet: bytes that came while an inbox was full, and those of connections that ended.

They stay as they came until the user has made room for the messages in them: decoded, many small messages take up
many times as much memory, and no mark would bound that.
"""

from __future__ import annotations

from collections import deque
from typing import Final, TypeAlias

from aiomq.message import Item
from aiomq.peer import UNLIMITED, StreamPeer, low_water_mark
from aiomq.zmtp.assembly import Assembly
from aiomq.zmtp.codecs import Decoder
from aiomq.zmtp.errors import ZmtpError

__all__ = ["Pile", "Rest", "Source"]

JUNK: Final = 100_000
"""So many commands that carry no message show that what is left of a connection is a flood, and not worth decoding: it
is decoded while the user receives, who waits meanwhile."""


class Pile:
    """A decoder that takes chunks before the last one is used up, and keeps them."""

    __slots__ = ("_chunks", "_decoder", "_error", "_peer")

    def __init__(self, decoder: Decoder, peer: StreamPeer) -> None:
        self._decoder = decoder
        self._peer = peer
        self._chunks: deque[bytes] = deque()
        self._error: ZmtpError | None = None

    @property
    def assembly(self) -> Assembly:
        """That of the decoder."""
        return self._decoder.assembly

    @property
    def starved(self) -> bool:
        """Whether all chunks are used up."""
        return self._decoder.starved and not self._chunks and self._error is None

    @property
    def pending(self) -> int:
        """How many bytes of the chunk that is being decoded are left."""
        return self._decoder.pending

    def feed(self, chunk: bytes | memoryview) -> None:
        """Give the next bytes of the stream, in order."""
        if self.starved:
            self._decoder.feed(chunk)
        else:
            self._chunks.append(bytes(chunk))
            self._peer.raw_bytes += len(chunk)

    def detach_chunk(self) -> None:
        """Copy what is left of a chunk that stays undecoded beyond this call."""
        self._decoder.detach_chunk()

    def take(self, limit: int) -> list[Item]:
        """Return up to `limit` items, or one more where a large frame ends.

        Raises:
            ZmtpError: as that of a decoder.
        """
        if self._error is not None:
            raise self._error
        items = self._decoder.take(limit)
        self._fill(items)
        while not items and self._chunks and self._decoder.starved:
            if self.assembly.controls > JUNK:
                raise ZmtpError(f"more than {JUNK} commands that carry no message are left of a connection")
            self._decoder.feed(self._next())
            items = self._decoder.take(limit)
            self._fill(items)
        return items

    def _next(self) -> bytes:
        chunk = self._chunks.popleft()
        self._peer.raw_bytes -= len(chunk)
        return chunk

    def _fill(self, items: list[Item]) -> None:
        """Give a large frame that has begun its part of the chunks: else it would be given what comes after them."""
        assembly = self._decoder.assembly
        while self._chunks and (room := assembly.room) is not None:
            chunk = self._next()
            count = min(len(room), len(chunk))
            room[:count] = chunk[:count]
            if count < len(chunk):
                self._chunks.appendleft(chunk[count:])
                self._peer.raw_bytes += len(chunk) - count
            try:
                item, _ = assembly.fill_large(count)
            except ZmtpError as error:
                if not items:
                    raise
                self._error = error  # once what came before is given out
                return
            if item is not None:
                items.append(item)


Source: TypeAlias = Decoder | Pile


class _Told:
    """Items that need no decoding: what an endpoint says of a connection."""

    pending = 0

    def __init__(self, items: list[Item]) -> None:
        self._items = items

    @property
    def starved(self) -> bool:
        return not self._items

    def take(self, limit: int) -> list[Item]:
        taken, self._items = self._items[:limit], self._items[limit:]
        return taken


class Rest:
    """What connections of one peer have left, in order. The user gets it as the inbox is read."""

    __slots__ = ("_is_filling", "_peer", "_sources", "held", "waits_turn")

    def __init__(self, peer: StreamPeer) -> None:
        self._peer = peer
        self._sources: deque[Source | _Told] = deque()
        self._is_filling = False
        self.held = 0
        """How many bytes are not decoded, at most; those of piles are counted by the peer."""
        self.waits_turn = False
        """There is room, but the allowance of the turn is used up: `refill` has to be called in a later one."""

    @classmethod
    def of(cls, peer: StreamPeer) -> Rest:
        """Return that of a peer, which may be a new one."""
        rest = peer.rest
        if not isinstance(rest, cls):
            rest = peer.rest = cls(peer)
        return rest

    def add(self, source: Source) -> None:
        """A connection has ended with something undecoded: keep it, and decode what there is room for."""
        self._sources.append(source)
        self.held += source.pending
        self.refill()

    def tell(self, items: list[Item]) -> None:
        """Let the user have these after what came before."""
        self._sources.append(_Told(items))

    def holds(self, source: object) -> bool:
        """Whether something is still to come of this one."""
        return source in self._sources

    def refill(self) -> None:
        """Decode what there is room for."""
        if self._is_filling:
            return
        peer = self._peer
        hwm = peer.marks.rcvhwm or UNLIMITED
        self._is_filling = True
        self.waits_turn = False
        try:
            while not self.waits_turn and self._sources and (room := hwm - len(peer.inbox)) > 0:
                self.waits_turn = not self._take(self._sources[0], room)
        finally:
            self._is_filling = False
        if self._sources:
            peer.low_water = hwm - low_water_mark(hwm)
            peer.owner.inbox_full()
            return
        peer.rest = None
        peer.low_water = -1
        if peer.link is not None:
            peer.link.refill()

    def _take(self, source: Source | _Told, room: int) -> bool:
        """Decode some; return whether there was anything to do, and room for it in this turn."""
        items: list[Item] = []
        try:
            pending = source.pending
            items = source.take(room)
            self.held -= pending - source.pending
            if items:
                self._deliver(items)
            is_over = source.starved
        except ZmtpError:  # the connection that it came over has ended already, and is not heard of again
            is_over = True
        if is_over:
            self._sources.remove(source)
            self.held = max(self.held - source.pending, 0)
            if not isinstance(source, _Told):
                source.assembly.discard()
        return is_over or bool(items)

    def _deliver(self, items: list[Item]) -> None:
        peer = self._peer
        owner = peer.owner
        if not peer.left:
            peer.inbox.extend(items)
            peer.received += len(items)
            owner.message_received(peer, len(items))
            return
        breach = owner.breach
        if breach is not None:
            for index, item in enumerate(items):
                if what := breach(item):
                    self._keep(items[:index])
                    raise ZmtpError(what)
        self._keep(items)

    def _keep(self, items: list[Item]) -> None:
        """Put it where who reads from a peer that is gone finds it: nobody else is told of it."""
        peer = self._peer
        peer.inbox.extend(items)
        peer.received += len(items)
        peer.owner.tally.received += len(items)

"""The frame codec of ZMTP 1.0 (RFC 13): length first, the flags inside what the length counts, no commands.

frame = length(1) flags(1) body     or     FF length(8) flags(1) body       length counts the flags octet
"""

from __future__ import annotations

from collections import deque
from struct import Struct
from typing import ClassVar, Final

from aiomq.message import Item, Membership, Subscription
from aiomq.zmtp.assembly import Assembly
from aiomq.zmtp.errors import ZmtpError
from aiomq.zmtp.joining import BATCH_BYTES, LARGE_FRAME, MORE

__all__ = ["LegacyFrameDecoder", "LegacyFrameEncoder"]

_LONG: Final = 0xFF
_SIZE: Final = Struct(">Q")


class LegacyFrameDecoder:
    """Does for ZMTP 1.0 what `FrameDecoder` does for later versions, by the same calls."""

    __slots__ = ("_assembly", "_data", "_position", "starved")

    def __init__(self, max_frame_size: int = -1) -> None:
        self._assembly = Assembly(max_frame_size)
        self._data = b""
        self._position = 0
        self.starved = True
        """Every whole message of the chunk was taken; more bytes are needed for the next one."""

    @property
    def assembly(self) -> Assembly:
        """The part of the decoder that knows of unfinished messages and large frames."""
        return self._assembly

    @property
    def pending(self) -> int:
        """How many bytes of the chunk are not decoded yet."""
        return len(self._data) - self._position

    def feed(self, chunk: bytes | memoryview) -> None:
        """Give the next bytes of the stream, in order."""
        self._data = b"".join((self._data[self._position :], chunk))
        self._position = 0
        self.starved = False

    def detach_chunk(self) -> None:
        """Copy what is left of a chunk: done already by `feed`."""

    def take(self, limit: int) -> list[Item]:
        """Return up to `limit` messages, in order; fewer too where the allowance is used up.

        Raises:
            ZmtpError: a frame is over the size limit, or has a length of nothing.
        """
        items: list[Item] = []
        allowance = self._assembly.allowance
        while len(items) < limit and allowance.left > 0:
            try:
                if not self._take_frame(items):
                    self.starved = True
                    break
            except ZmtpError:
                if not items:
                    raise
                break  # what came before the offence is whole; the next call raises
        return items

    def _take_frame(self, items: list[Item]) -> bool:
        data, position, end = self._data, self._position, len(self._data)
        if position >= end:
            return False
        length: int = data[position]
        start = position + 1
        if length == _LONG:
            if position + 9 > end:
                return False
            length = _SIZE.unpack_from(data, start)[0]
            start += 8
        if length == 0:
            raise ZmtpError("a frame of length 0, without its flags octet")
        self._assembly.check_size(length - 1)
        if start >= end:
            return False
        flags = data[start] & MORE
        start += 1
        stop = start + length - 1
        if stop > end:
            if length >= LARGE_FRAME:
                self._assembly.start_large(flags, length - 1, data[start:end])
                self._position = end
            return False
        self._position = stop
        item = self._assembly.add(flags, data[start:stop])
        if item is not None:
            items.append(item)
        return True


class LegacyFrameEncoder:
    """Does for ZMTP 1.0 what `FrameEncoder` does for later versions, by the same call."""

    __slots__ = ()

    form: ClassVar[object] = "1.0"

    def encode(self, queue: deque[Item]) -> tuple[list[bytes], int]:
        """Encode from the head of a queue, which is left as it is; return the buffers and how many items they hold."""
        buffers: list[bytes] = []
        total = count = 0
        for item in queue:
            for more, frame in _frames(item):
                header = _header(len(frame) + 1, more)
                buffers += (header, frame)
                total += len(header) + len(frame)
            count += 1
            if total >= BATCH_BYTES:
                break
        return ([b"".join(buffers)] if total < LARGE_FRAME else buffers), count


def _frames(item: Item) -> list[tuple[int, bytes]]:
    if isinstance(item, Subscription):
        return [(0, item.as_frame())]
    if isinstance(item, Membership):
        return []  # 1.0 has no groups
    if isinstance(item, bytes):
        return [(0, item)]
    last = len(item) - 1
    return [(MORE if index < last else 0, frame) for index, frame in enumerate(item)]


def _header(length: int, flags: int) -> bytes:
    if length < _LONG:
        return bytes((length, flags))
    return b"\xff" + _SIZE.pack(length) + bytes((flags,))

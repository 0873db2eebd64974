"""Frames of many messages as few buffers: headers made once, and batches joined by as few calls as their shape allows.

A frame is `flags(1) size(1 or 8) body` (RFC 37, Framing).
"""

from __future__ import annotations

from collections import deque
from struct import Struct
from typing import Final

from aiomq.message import Frames, Item

__all__ = [
    "BATCH_BYTES",
    "COMMAND",
    "LARGE_FRAME",
    "LONG",
    "MORE",
    "add_frame",
    "add_message",
    "command_headers",
    "join_columns",
    "join_uniform",
    "last_headers",
    "more_headers",
]

MORE: Final = 1
LONG: Final = 2
COMMAND: Final = 4

LARGE_FRAME: Final = 8192
"""From this size on a body is handed to the transport, and cut out of a chunk, by itself: joining costs a copy."""

BATCH_BYTES: Final = 256 * 1024
"""One encoder batch stops growing here, so that what is in a transport's buffer, beyond any HWM, stays bounded."""

_LONG_HEADER: Final = Struct(">BQ")


class _Headers(dict[int, bytes]):
    """The header of a frame by the frame's size; those of long frames are made, and some kept, as they are needed."""

    def __init__(self, flags: int) -> None:
        super().__init__((size, bytes((flags, size))) for size in range(256))
        self._flags = flags | LONG

    def __missing__(self, size: int) -> bytes:
        header = _LONG_HEADER.pack(self._flags, size)
        if len(self) < _HEADERS_KEPT:
            self[size] = header
        return header


_HEADERS_KEPT: Final = 4096

last_headers: Final = _Headers(0)
more_headers: Final = _Headers(MORE)
command_headers: Final = _Headers(COMMAND)
_headers: Final = {0: last_headers, MORE: more_headers, COMMAND: command_headers}


def join_uniform(batch: deque[Item] | list[Item]) -> bytes | None:
    """Return the frames of a batch of short messages of one frame and one size; None for any other batch."""
    try:
        sizes = list(map(len, batch))  # type: ignore[arg-type]  # the TypeError of a subscription is what we are after
        size = sizes[0]
        count = len(sizes)
        if size >= LARGE_FRAME or size * count > BATCH_BYTES or sizes.count(size) != count:
            return None
        return last_headers[size].join((b"", *batch))
    except TypeError:
        return None


def join_columns(batch: deque[Item] | list[Item]) -> bytes | None:
    """Return the frames of a batch of messages that all have so many short frames; None for any other batch.

    The first frames of all messages are one column, the second ones another: each takes a few calls as a whole.
    """
    if set(map(type, batch)) != {tuple}:
        return None
    messages: list[Frames] = batch  # type: ignore[assignment]  # that is what they are
    try:
        columns = list(zip(*messages, strict=True))
    except ValueError:
        return None
    stride = 2 * len(columns)
    pieces: list[bytes] = [b""] * (len(messages) * stride)
    total = 0
    for place, column in enumerate(columns):
        sizes = list(map(len, column))
        total += sum(sizes)
        if max(sizes) >= LARGE_FRAME or total > BATCH_BYTES:
            return None
        headers = more_headers if place < len(columns) - 1 else last_headers
        pieces[2 * place :: stride] = map(headers.__getitem__, sizes)
        pieces[2 * place + 1 :: stride] = column
    return b"".join(pieces)


def add_message(message: Frames, pieces: list[bytes], buffers: list[bytes]) -> int:
    """Add a message of several frames; return its size."""
    sizes = list(map(len, message))
    count = len(sizes)
    if max(sizes) < LARGE_FRAME:
        own: list[bytes] = [b""] * (2 * count)
        own[::2] = map(more_headers.__getitem__, sizes)
        own[-2] = last_headers[sizes[-1]]
        own[1::2] = message
        pieces += own
        return sum(sizes) + 9 * count
    last = count - 1
    return sum(add_frame(frame, MORE if index < last else 0, pieces, buffers) for index, frame in enumerate(message))


def add_frame(body: bytes, flags: int, pieces: list[bytes], buffers: list[bytes]) -> int:
    """Add a frame to the pieces that will be joined or, if it is large, to the buffers that won't; return its size."""
    size = len(body)
    pieces.append(_headers[flags][size])
    if size < LARGE_FRAME:
        pieces.append(body)
    else:
        buffers.append(b"".join(pieces))
        buffers.append(body)
        pieces.clear()
    return size + 9

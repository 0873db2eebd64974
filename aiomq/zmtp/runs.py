"""Cutting many messages of one shape out of a chunk with one call into C instead of a few for each (RFC 37, Framing).

A run is found by looking at each octet of the headers in all messages at once: as a column, a slice with a stride.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import chain
from struct import Struct
from typing import Final

from aiomq.message import Frames

__all__ = ["SHORTEST_RUN", "take_frames", "take_messages"]

SHORTEST_RUN: Final = 5
"""Fewer messages are taken one by one."""

_GLANCE: Final = 64
"""So many messages are looked at first, and each time four times as many while the run goes on. To look at the whole
chunk for each of many short runs would take time with the square of its length."""

_BLOCK: Final = 32
"""So many frames of a run are cut out by one call, which gives them in one tuple."""


def take_frames(data: bytes, position: int, header: bytes, size: int, limit: int) -> list[bytes]:
    """Take messages of one frame, as long as their frames have this header; return their bodies.

    Args:
        data: the chunk.
        position: where the first of these frames starts.
        header: flags and size, 2 or 9 bytes.
        size: bytes of the body, as the header says.
        limit: how many to take at most.
    """
    stride = len(header) + size
    count = _longest(data, position, stride, tuple(enumerate(header)), limit)
    if count < SHORTEST_RUN:
        return []
    single, block = _frame_structs(len(header), size)
    view = memoryview(data)
    stop = position + count * stride
    rest = position + count // _BLOCK * block.size
    bodies: list[bytes] = []
    for frames in block.iter_unpack(view[position:rest]):
        bodies += frames
    bodies.extend(chain.from_iterable(single.iter_unpack(view[rest:stop])))
    return bodies


def take_messages(data: bytes, position: int, sizes: tuple[int, ...], limit: int) -> list[Frames]:
    """Take messages of several short frames, as long as their frames have these sizes; return them.

    Args:
        data: the chunk.
        position: where the first of these messages starts.
        sizes: bytes of each frame of a message, below 256.
        limit: how many to take at most.
    """
    struct, octets = _message_struct(sizes)
    count = _longest(data, position, struct.size, octets, limit)
    if count < SHORTEST_RUN:
        return []
    return list(struct.iter_unpack(memoryview(data)[position : position + count * struct.size]))


def _longest(data: bytes, position: int, stride: int, octets: tuple[tuple[int, int], ...], limit: int) -> int:
    """Return how many times in a row, every `stride` bytes, these octets stand at their offsets."""
    most = min((len(data) - position) // stride, limit)
    if most < SHORTEST_RUN:
        return 0
    width = min(most, _GLANCE)
    while (count := _count(data, position, stride, octets, width)) == width < most:
        width = min(most, 4 * width)
    return count


def _count(data: bytes, position: int, stride: int, octets: tuple[tuple[int, int], ...], count: int) -> int:
    """Return how many of so many messages have these octets at their offsets, from the first one on."""
    stop = position + count * stride
    for offset, octet in octets:
        column = data[position + offset : stop : stride]
        count = min(count, len(column) - len(column.lstrip(_OCTETS[octet])))
    return count


_OCTETS: Final = [bytes((octet,)) for octet in range(256)]


@lru_cache(maxsize=256)
def _frame_structs(header_size: int, size: int) -> tuple[Struct, Struct]:
    """Return what cuts out one frame at a time, and what cuts out a block of them."""
    frame = f"{header_size}x{size}s"
    return Struct(frame), Struct(frame * _BLOCK)


@lru_cache(maxsize=256)
def _message_struct(sizes: tuple[int, ...]) -> tuple[Struct, tuple[tuple[int, int], ...]]:
    """Return what cuts out a message, and the octets of its headers by their offsets."""
    octets: list[tuple[int, int]] = []
    offset = 0
    for place, size in enumerate(sizes):
        octets += ((offset, int(place < len(sizes) - 1)), (offset + 1, size))
        offset += 2 + size
    return Struct("".join(f"2x{size}s" for size in sizes)), tuple(octets)

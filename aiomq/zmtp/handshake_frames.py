"""Single frames, as a handshake reads and writes them: one at a time, few, small, and refused by their header.

The frames of traffic are a matter of `frames` and `legacy_frames`, which work by the batch.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from aiomq.zmtp.errors import ZmtpError
from aiomq.zmtp.joining import COMMAND, LONG

__all__ = ["MAX_HEADER_SIZE", "encode_command", "encode_v1", "encode_v2", "header_v2", "parse_v1", "parse_v2"]

MAX_HEADER_SIZE: Final = 10
"""Octets before the body: 10 in the long form of ZMTP 1.0, 9 in that of later versions."""

_V1_LONG: Final = 0xFF
_SIZE: Final = Struct(">Q")
_LONG_HEADER: Final = Struct(">BQ")


def encode_v1(body: bytes) -> bytes:
    """Return a ZMTP 1.0 frame that is the last of its message. Its length counts the flags octet."""
    size = len(body) + 1
    head = bytes((size,)) if size < _V1_LONG else _LONG_HEADER.pack(_V1_LONG, size)
    return head + b"\0" + body


def encode_v2(body: bytes, flags: int = 0) -> bytes:
    """Return a frame of ZMTP 2.0 or later with these flags, and LONG where the size asks for it."""
    return header_v2(len(body), flags) + body


def header_v2(size: int, flags: int = 0) -> bytes:
    """Return what is before a body of this size in a frame of ZMTP 2.0 or later."""
    return bytes((flags, size)) if size < 256 else _LONG_HEADER.pack(flags | LONG, size)


def encode_command(body: bytes) -> bytes:
    """Return the frame of a command."""
    return encode_v2(body, COMMAND)


def parse_v1(octets: bytearray, limit: int, what: str) -> tuple[bytes, int] | None:
    """Return the body of the ZMTP 1.0 frame that these octets begin with, and its size with all; None if not whole.

    Flags do not count here: libzmq's signature, which stands for such a frame's header, has seven of them set.

    Raises:
        ZmtpError: the frame has no room for its flags, or its body is over the limit.
    """
    if not octets:
        return None
    length: int = octets[0]
    start = 2
    if length == _V1_LONG:
        if len(octets) < MAX_HEADER_SIZE - 1:
            return None
        length = _SIZE.unpack_from(octets, 1)[0]
        start = MAX_HEADER_SIZE
    if length == 0:
        raise ZmtpError(f"the {what} frame has length 0, but its flags octet counts")
    return _cut(octets, start, length - 1, limit, what)


def parse_v2(octets: bytearray, limit: int, what: str, *, budget: str = "") -> tuple[bytes, int] | None:
    """Return the body of the frame of ZMTP 2.0 or later that these octets begin with, and its size with all.

    None if it is not whole yet. Flags other than LONG do not count, nor does it whether the short form would do.

    Args:
        octets: what has arrived.
        limit: the most that the body may have.
        what: the frame is for.
        budget: the name of the limit, if it is one.

    Raises:
        ZmtpError: the body is over the limit.
    """
    if len(octets) < 2:
        return None
    if octets[0] & LONG:
        if len(octets) < _LONG_HEADER.size:
            return None
        size: int = _SIZE.unpack_from(octets, 1)[0]
        return _cut(octets, _LONG_HEADER.size, size, limit, what, budget=budget)
    return _cut(octets, 2, octets[1], limit, what, budget=budget)


def _cut(
    octets: bytearray, start: int, size: int, limit: int, what: str, *, budget: str = ""
) -> tuple[bytes, int] | None:
    """Return a body of this size that begins there, and where it ends, unless it is too large or not whole."""
    if size > limit:
        why = f"a {what} of {size} octets: up to {limit} are accepted here, fewer with a lower MAXMSGSIZE"
        raise ZmtpError(why, budget=budget)
    stop = start + size
    if len(octets) < stop:
        return None
    return bytes(memoryview(octets)[start:stop]), stop

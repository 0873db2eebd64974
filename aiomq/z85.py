"""Z85: binary keys as printable text, five characters for four octets (RFC 32)."""

from __future__ import annotations

import struct
from typing import Final

__all__ = ["Z85CHARS", "decode", "encode"]

Z85CHARS: Final = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
"""The 85 characters, in the order of their values."""

_VALUES: Final = {chr(octet): value for value, octet in enumerate(Z85CHARS)}
_POWERS: Final = tuple(85**power for power in (4, 3, 2, 1, 0))


def encode(rawbytes: bytes | bytearray | memoryview) -> bytes:
    """Return octets as Z85 text.

    Args:
        rawbytes: a multiple of four octets.

    Raises:
        ValueError: their number is not a multiple of four.
    """
    data = bytes(rawbytes)
    if len(data) % 4:
        raise ValueError(f"Z85 encodes a multiple of 4 octets, not {len(data)}")
    numbers = struct.unpack(f">{len(data) // 4}I", data)
    return bytes(Z85CHARS[number // power % 85] for number in numbers for power in _POWERS)


def decode(z85bytes: str | bytes | bytearray | memoryview) -> bytes:
    """Return the octets that a Z85 text stands for.

    Args:
        z85bytes: a multiple of five characters of Z85.

    Raises:
        ValueError: the length is not a multiple of five, a character is not one of Z85, or five of them stand for
            more than four octets. The text, which may be a secret, is not repeated.
    """
    text = z85bytes if isinstance(z85bytes, str) else bytes(z85bytes).decode("latin-1")
    if len(text) % 5:
        raise ValueError(f"Z85 text has a multiple of 5 characters, not {len(text)}")
    numbers = [_number(text, start) for start in range(0, len(text), 5)]
    return struct.pack(f">{len(numbers)}I", *numbers)


def _number(text: str, start: int) -> int:
    number = 0
    for position in range(start, start + 5):
        value = _VALUES.get(text[position])
        if value is None:
            raise ValueError(f"the character at position {position} is not one of Z85")
        number = number * 85 + value
    if number >> 32:
        raise ValueError(f"the five characters from position {start} on stand for more than four octets")
    return number

"""The codecs of traffic, held against one that takes the frames apart one by one, in the plainest way."""

from __future__ import annotations

import contextlib
import struct
import time
from collections.abc import Callable, Iterator
from typing import Final

from aiomq.message import Item, Membership, Subscription
from aiomq.peer import UNLIMITED
from aiomq.zmtp import frames, large_frames, legacy_frames
from aiomq.zmtp.cipher_frames import CipherDecoder
from aiomq.zmtp.codecs import Decoder
from aiomq.zmtp.commands import Command, encode_control, encode_ping, encode_pong, parse_command
from aiomq.zmtp.errors import ZmtpError
from aiomq.zmtp.frames import FrameDecoder
from aiomq.zmtp.legacy_frames import LegacyFrameDecoder
from aiomq.zmtp.mechanisms.curve import CurveCipher
from tests.fuzz.clear_boxes import clear_boxes
from tests.fuzz.target import Draw

__all__ = ["cipher_frames", "commands", "floods", "legacy", "plain_frames"]

MORE: Final = 1
LONG: Final = 2
COMMAND: Final = 4

FLOOD: Final = 32 * 1024
"""Octets that a small pattern is repeated to."""

FLOODS_RATIO: Final = 8
"""How many times as large a flood is of which the time is taken, too."""

Outcome = tuple[list[Item], list[Command], bool]
"""What came out, the commands beside it, and whether an error ended it."""


# -- the plainest decoder ---------------------------------------------------------------------------------------------


def _split(data: bytes, max_size: int) -> Iterator[tuple[int, bytes] | None]:
    """Yield flags and body of each whole frame of ZMTP 2.0 and later; None for one that is refused, as the last."""
    at = 0
    while at + 2 <= len(data):
        flags, size, start = data[at], data[at + 1], at + 2
        if flags & LONG:
            if at + 9 > len(data):
                return
            size, start = struct.unpack_from(">Q", data, at + 1)[0], at + 9
        if size >> 63 or size > max_size >= 0:
            yield None
            return
        at = start + size
        if at > len(data):
            return
        yield flags, data[start:at]


def _split_legacy(data: bytes, max_size: int) -> Iterator[tuple[int, bytes] | None]:
    """Do the same for ZMTP 1.0."""
    at = 0
    while at < len(data):
        size, start = data[at], at + 1
        if size == 255:
            if at + 9 > len(data):
                return
            size, start = struct.unpack_from(">Q", data, start)[0], at + 9
        if size == 0 or (size - 1) >> 63 or size - 1 > max_size >= 0:
            yield None
            return
        at = start + size
        if at > len(data):
            return
        yield data[start] & MORE, data[start + 1 : at]


def _expected(split: Iterator[tuple[int, bytes] | None]) -> Outcome:
    """Return what has to come out of these frames."""
    items: list[Item] = []
    commands: list[Command] = []
    parts: list[bytes] = []
    for each in split:
        if each is None:
            return items, commands, True
        flags, body = each
        if flags & COMMAND:
            try:
                command = parse_command(body)
            except ZmtpError:
                return items, commands, True
            if isinstance(command, Subscription | Membership):
                items.append(command)
            elif command is not None:
                commands.append(command)
        elif flags & MORE or parts:
            parts.append(body)
            if not flags & MORE:
                items.append(tuple(parts))
                parts.clear()
        else:
            items.append(body)
    return items, commands, False


# -- how a decoder is driven ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _large_from(size: int) -> Iterator[None]:
    """Take frames of so many octets for large ones, which else an input could not hold."""
    changes = [(vars(module), "LARGE_FRAME", size) for module in (frames, legacy_frames)]
    changes += [(vars(large_frames), "FIRST_GRANT", 16), (vars(large_frames), "SPARE_BYTES", 256)]
    before = [names[name] for names, name, _ in changes]
    large_frames._spare.clear()
    try:
        for names, name, value in changes:
            names[name] = value
        yield
    finally:
        for (names, name, _), value in zip(changes, before, strict=True):
            names[name] = value
        large_frames._spare.clear()


def _decode(decoder: Decoder, data: bytes, chunk: int, limit: int) -> Outcome:
    """Give a decoder octets in chunks, as a connection does, and return what comes out."""
    items: list[Item] = []
    commands: list[Command] = []
    assembly = decoder.assembly
    scratch = bytearray(chunk)
    at = 0
    try:
        while at < len(data):
            if assembly.room is not None:
                size = min(chunk, len(data) - at, len(assembly.room))
                assembly.room[:size] = data[at : at + size]
                item, _ = assembly.fill_large(size)
                items += [] if item is None else [item]
            else:
                size = min(chunk, len(data) - at)
                scratch[:size] = data[at : at + size]
                decoder.feed(memoryview(scratch)[:size])
                _drain(decoder, limit, items, scratch)
            at += size
            commands += assembly.commands
            assembly.commands.clear()
    except ZmtpError:
        return items, [*commands, *assembly.commands], True
    finally:
        assembly.discard()
        assert not assembly.parts
        assert assembly.room is None
        assert large_frames.budget.held == 0
    return items, commands, False


def _drain(decoder: Decoder, limit: int, items: list[Item], scratch: bytearray) -> None:
    """Take all that a chunk holds, as far as an inbox has room each time; others read into its buffer meanwhile."""
    for turn in range(1 << 20):
        taken = decoder.take(limit)
        assert len(taken) <= limit
        items += taken
        decoder.detach_chunk()
        if turn == 0:
            scratch[:] = b"\xee" * len(scratch)
        if decoder.starved:
            return
        assert taken or turn < 2 * len(scratch) + 1000, "a decoder neither gets on nor says what it waits for"
    raise AssertionError("a decoder does not come to an end")


def _check(found: Outcome, wanted: Outcome) -> None:
    assert found[2] == wanted[2], f"error: {found[2]}, wanted: {wanted[2]}"
    assert found[0] == wanted[0], f"{found[0]} came out, not {wanted[0]}"
    assert found[1] == wanted[1], f"{found[1]} came out beside it, not {wanted[1]}"
    assert all(map(_is_item, found[0]))


def _is_item(item: Item) -> bool:
    """Return whether an item is what queues may hold."""
    if type(item) is tuple:
        return len(item) >= 2 and all(type(frame) is bytes for frame in item)
    return type(item) in {bytes, Subscription, Membership}


_CHUNKS: Final = (1, 2, 3, 7, 64, 255, 1 << 16, 1 << 16)
_LIMITS: Final = (1, 2, 5, 64, 1000, UNLIMITED, UNLIMITED, UNLIMITED)
_SIZES: Final = (-1, -1, -1, -1, 0, 1, 100, 300)


def _fuzz_decoder(
    data: bytes, make: Callable[[int], Decoder], split: Callable[[bytes, int], Iterator[tuple[int, bytes] | None]]
) -> None:
    draw = Draw(data)
    chunk, limit, max_size = (options[draw.number(8)] for options in (_CHUNKS, _LIMITS, _SIZES))
    large = draw.number(4)
    octets = draw.rest()
    wanted = _expected(split(octets, max_size))
    with _large_from(40) if large == 0 else contextlib.nullcontext():
        _check(_decode(make(max_size), octets, chunk, limit), wanted)


def plain_frames(data: bytes) -> None:
    """Decode the frames of ZMTP 2.0 and later."""
    _fuzz_decoder(data, FrameDecoder, _split)
    _fuzz_lone(data[4:])


def _fuzz_lone(chunk: bytes) -> None:
    """Check that what is taken for one lone message is one."""
    if chunk:
        lone = FrameDecoder().lone(chunk)
        assert lone is None or _expected(_split(chunk, -1)) == ([lone], [], False)


def legacy(data: bytes) -> None:
    """Decode the frames of ZMTP 1.0."""
    _fuzz_decoder(data, LegacyFrameDecoder, _split_legacy)


def floods(data: bytes) -> None:
    """Decode a small pattern that is repeated very often, as a RCVHWM of 0 would have it: all at once."""
    draw = Draw(data)
    make, split = ((FrameDecoder, _split), (FrameDecoder, _split), (LegacyFrameDecoder, _split_legacy))[draw.number(3)]
    head, pattern = draw.piece(draw.number(16)), draw.rest()
    if pattern:
        octets = head + pattern * (FLOOD // len(pattern))
        items, _, has_failed = _decode(make(-1), octets, FLOOD, UNLIMITED)
        wanted = _expected(split(octets, -1))
        assert items == wanted[0][: len(items)]
        assert has_failed or items == wanted[0]  # more commands or parts than anybody needs may end it
        assert not _is_slow(make, head, pattern), "what is so many times as much takes far more times as long"


def _is_slow(make: Callable[[int], Decoder], head: bytes, pattern: bytes) -> bool:
    """Tell whether the time for a flood, of the processor, grows faster than the flood, in each of three tries."""
    for _ in range(3):
        seconds = []
        for size in (FLOOD, FLOOD * FLOODS_RATIO):
            octets = head + pattern * (size // len(pattern))
            began = time.thread_time()
            _decode(make(-1), octets, len(octets), UNLIMITED)
            seconds.append(time.thread_time() - began)
        if seconds[1] <= 2 * FLOODS_RATIO * seconds[0] + 0.1:
            return False
    return True


# -- encrypted traffic ------------------------------------------------------------------------------------------------


def cipher_frames(data: bytes) -> None:
    """Decode frames whose contents are in boxes: as they are, or made from those of plain traffic."""
    draw = Draw(data)
    is_sealed, chunk, limit = draw.number(4) > 0, _CHUNKS[draw.number(8)], _LIMITS[draw.number(8)]
    octets = draw.rest()
    with clear_boxes():
        decoder = CipherDecoder(-1, CurveCipher(b"K" * 32, as_server=True, sent=1, heard=2))
        if is_sealed:
            _check(_decode(decoder, _sealed(octets), chunk, limit), _expected(_unmarked(octets)))
        else:
            items, _, _ = _decode(decoder, octets, chunk, limit)
            assert all(map(_is_item, items))


def _sealed(octets: bytes) -> bytes:
    """Return the frames of plain traffic as an encrypting peer would send them."""
    cipher = CurveCipher(b"K" * 32, as_server=False, sent=2, heard=1)
    sealed = []
    for each in _split(octets, -1):
        if each is not None:
            body = cipher.encode(each[1], more=bool(each[0] & MORE), command=bool(each[0] & COMMAND))
            sealed.append(struct.pack(">BQ", LONG, len(body)) + body)
    return b"".join(sealed)


def _unmarked(octets: bytes) -> Iterator[tuple[int, bytes]]:
    return (each for each in _split(octets, -1) if each is not None)


# -- commands ---------------------------------------------------------------------------------------------------------


def commands(data: bytes) -> None:
    """Read the body of a command, and write it again."""
    try:
        command = parse_command(data)
    except ZmtpError:
        assert data.startswith(b"\x04PING")
        return
    if isinstance(command, Subscription | Membership):
        assert encode_control(command) == data
    elif command is not None:
        assert len(command.context) <= 16
        ttl = getattr(command, "ttl", None)
        body = encode_pong(command.context) if ttl is None else encode_ping(ttl, command.context)
        assert data.startswith(body)
        assert parse_command(body) == command

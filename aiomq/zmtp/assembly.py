"""What every frame decoder keeps between frames: an unfinished message, a large frame on its way, and the limits.

A large frame is received straight into a buffer of its own, which is lent from a small stock, and copied out of it
once, when it is whole. Nothing is reserved on a peer's word alone: the buffer of a frame that claims to be huge grows
with what really arrives.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from aiomq.message import Control, Item, Membership, Subscription
from aiomq.zmtp.commands import Command, parse_command
from aiomq.zmtp.errors import ZmtpError
from aiomq.zmtp.joining import COMMAND, MORE

__all__ = ["Assembly"]

MAX_FRAMES: Final = 1 << 20
"""Frames in one message. A peer that never sends a last frame must not fill the memory with empty ones."""

MAX_COMMANDS: Final = 4096
"""Commands (PING, PONG) in one chunk that are worth an answer."""

FIRST_GRANT: Final = 4 << 20
"""Bytes reserved for a large frame before any of it has arrived; doubled as it does."""

SPARE_BYTES: Final = 4 << 20
"""Larger buffers are given back to the system rather than kept for the next large frame."""

_spare: deque[bytearray] = deque(maxlen=4)
"""Buffers waiting for the next large frame of any connection; `append` and `pop` are atomic between threads."""


def _borrow(size: int) -> bytearray:
    try:
        buffer = _spare.pop()
    except IndexError:
        return bytearray(size)
    return buffer if len(buffer) >= size else bytearray(size)


class Assembly:
    """Puts frames together to messages and splits off commands."""

    __slots__ = (
        "_buffer",
        "_filled",
        "_flags",
        "_max_frame_size",
        "_size",
        "commands",
        "keeps_memberships",
        "keeps_subscriptions",
        "parts",
        "room",
    )

    def __init__(self, max_frame_size: int) -> None:
        self._max_frame_size = max_frame_size
        self.parts: list[bytes] = []
        """The frames so far of a message whose last one is still to come."""
        self.commands: list[Command] = []
        """PING and PONG commands since the owner last looked."""
        self.keeps_subscriptions = True
        """Whether SUBSCRIBE and CANCEL come out as subscriptions; otherwise they are ignored."""
        self.keeps_memberships = True
        """The same for JOIN and LEAVE."""
        self.room: memoryview | None = None
        """Where the next bytes of a large frame go; None while there is no large frame on its way."""
        self._buffer = bytearray()
        self._filled = self._size = self._flags = 0

    def check_size(self, size: int) -> None:
        """Refuse a frame by its header, before anything is reserved for it."""
        if size > self._max_frame_size >= 0:
            raise ZmtpError(f"a frame of {size} bytes is over MAXMSGSIZE ({self._max_frame_size})")
        if size >> 63:
            raise ZmtpError(f"a frame of {size} bytes cannot be")

    def add(self, flags: int, body: bytes) -> Item | None:
        """Add a frame; return the message, or the control item, that it completes."""
        if flags & COMMAND:
            return self._add_command(body)
        parts = self.parts
        if flags & MORE:
            if len(parts) >= MAX_FRAMES:
                raise ZmtpError(f"a message has more than {MAX_FRAMES} frames")
            parts.append(body)
            return None
        if parts:
            parts.append(body)
            message = tuple(parts)
            parts.clear()
            return message
        return body

    def _add_command(self, body: bytes) -> Control | None:
        command = parse_command(body)
        if command is None:
            return None
        if type(command) is Subscription:
            return command if self.keeps_subscriptions else None
        if type(command) is Membership:
            return command if self.keeps_memberships else None
        if len(self.commands) < MAX_COMMANDS:
            self.commands.append(command)
        return None

    def start_large(self, flags: int, size: int, head: bytes | memoryview) -> None:
        """Begin a frame of which only the head has arrived."""
        self._flags = flags
        self._size = size
        self._buffer = _borrow(max(min(size, FIRST_GRANT), len(head)))
        self._filled = len(head)
        self._buffer[: len(head)] = head
        self.room = self._room_left()

    def _room_left(self) -> memoryview:
        return memoryview(self._buffer)[self._filled : self._size]

    def fill_large(self, count: int) -> tuple[Item | None, bool]:
        """So many bytes were written to `room`; return what this completes, and whether the frame is whole."""
        self._filled += count
        if self._filled < self._size:
            self.room = None
            if self._filled == len(self._buffer):
                self._buffer = self._buffer + bytes(min(len(self._buffer), self._size - self._filled))
            self.room = self._room_left()
            return None, False
        body = bytes(memoryview(self._buffer)[: self._size])
        self.room = None
        if len(self._buffer) <= SPARE_BYTES:
            _spare.append(self._buffer)
        self._buffer = bytearray()
        return self.add(self._flags, body), True

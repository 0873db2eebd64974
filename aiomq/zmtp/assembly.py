"""What every frame decoder keeps between frames: an unfinished message, a large frame on its way, and the limits.

A large frame is received straight into a buffer of its own (`large_frames`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from aiomq.message import Control, Item, Membership, Subscription
from aiomq.zmtp.commands import Command, parse_command
from aiomq.zmtp.errors import ZmtpError
from aiomq.zmtp.joining import COMMAND, MORE
from aiomq.zmtp.large_frames import LargeFrame

__all__ = ["Assembly"]

MAX_FRAMES: Final = 1 << 20
"""Frames in one message. A peer that never sends a last frame must not fill the memory with empty ones."""

MAX_COMMANDS: Final = 4096
"""Commands (PING, PONG) in one chunk that are worth an answer."""


class Assembly:
    """Puts frames together to messages and splits off commands."""

    __slots__ = (
        "_large",
        "_max_frame_size",
        "commands",
        "keeps_memberships",
        "keeps_subscriptions",
        "large_given_up",
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
        self._large: LargeFrame | None = None  # hardly any of a crowd of connections needs one
        self.large_given_up: Callable[[ZmtpError], None] | None = None
        """Called, in whatever thread, when other connections need what a large frame holds here: end this one."""

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
        large = self._large
        if large is None:
            large = self._large = LargeFrame()
            large.given_up = self.large_given_up
        self.room = large.start(flags, size, head)

    def fill_large(self, count: int) -> tuple[Item | None, bool]:
        """So many bytes were written to `room`; return what this completes, and whether the frame is whole.

        Raises:
            ZmtpError: the frame, or what is in it, cannot be taken.
        """
        large = self._large
        assert large is not None
        self.room = large.fill(count)
        if self.room is not None:
            return None, False
        return self.add(large.flags, large.finish()), True

    def discard(self) -> None:
        """Nothing more comes: give back what is kept of a message or frame that is not whole."""
        self.parts.clear()
        self.room = None
        if self._large is not None:
            self._large.discard()

"""What every frame decoder keeps between frames: an unfinished message, a large frame on its way, and the limits.

A large frame is received straight into a buffer of its own (`large_frames`). What a message that is not whole holds
counts in the same budget of the process, and for itself by `message_bytes_max` and `message_frames_max`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

from aiomq.budgets import Budgets
from aiomq.message import Control, Item, Membership, Subscription
from aiomq.zmtp.allowance import UNBOUNDED, Allowance
from aiomq.zmtp.commands import Command, parse_command
from aiomq.zmtp.errors import ZmtpError
from aiomq.zmtp.joining import COMMAND, MORE
from aiomq.zmtp.large_frames import Claim, LargeFrame

__all__ = ["Assembly"]

MAX_FRAMES: Final = Budgets().message_frames_max
"""Frames in one message, unless `message_frames_max` says otherwise."""

FRAME_COST: Final = 64
"""Bytes that a frame of a message that is not whole counts for beside its own: empty ones must not be free."""

FIRST_CLAIM: Final = 16 << 10
"""A message that is not whole has so many bytes before it is counted in the budget of the process, and is counted again
only when it has grown by a quarter: the budget has a lock, and most messages never come so far."""

MAX_COMMANDS: Final = 4096
"""Commands (PING, PONG) in one chunk that are worth an answer."""


SHORT_MESSAGE: Final = 256
"""Messages of so many frames, or more, are put together frame by frame, each of which counts in the allowance."""


class Assembly:
    """Puts frames together to messages and splits off commands."""

    cost: ClassVar[int] = 1
    """What a command, or a part of a message, takes of the allowance."""

    __slots__ = (
        "_claim",
        "_claimed",
        "_held",
        "_keeps_parts",
        "_large",
        "_max_bytes",
        "_max_frame_size",
        "_max_frames",
        "allowance",
        "commands",
        "controls",
        "keeps_memberships",
        "keeps_subscriptions",
        "large_given_up",
        "parts",
        "room",
        "weighs_parts",
    )

    def __init__(self, max_frame_size: int) -> None:
        self._max_frame_size = max_frame_size
        self._max_bytes = UNBOUNDED
        self._max_frames = MAX_FRAMES
        self._keeps_parts = True
        self._held = 0  # bytes of the parts, with what each costs beside
        self._claimed = FIRST_CLAIM
        self._claim: Claim | None = None
        self.allowance = Allowance(UNBOUNDED)
        self.parts: list[bytes] = []
        """The frames so far of a message whose last one is still to come."""
        self.commands: list[Command] = []
        """PING and PONG commands since the owner last looked."""
        self.weighs_parts = False
        """Whether a message of a few short frames may be over the limits too, or is to be thrown away."""
        self.controls = 0
        """PINGs, PONGs and commands of no use here since the owner set it to 0."""
        self.keeps_subscriptions = True
        """Whether SUBSCRIBE and CANCEL come out as subscriptions; otherwise they are ignored."""
        self.keeps_memberships = True
        """The same for JOIN and LEAVE."""
        self.room: memoryview | None = None
        """Where the next bytes of a large frame go; None while there is no large frame on its way."""
        self._large: LargeFrame | None = None  # hardly any of a crowd of connections needs one
        self.large_given_up: Callable[[ZmtpError], None] | None = None
        """Called, in whatever thread, when other connections need what is not whole here: end this one."""

    def limit(self, max_bytes: int, max_frames: int, *, keeps_parts: bool) -> None:
        """Set how many bytes and frames a whole message may have (0 is no limit).

        Without `keeps_parts`, messages of several frames are thrown away as they arrive.
        """
        self._max_bytes = max_bytes or UNBOUNDED
        self._max_frames = max_frames or UNBOUNDED
        self._keeps_parts = keeps_parts
        may_be_over = self._max_bytes < SHORT_MESSAGE * 255 or self._max_frames < SHORT_MESSAGE
        self.weighs_parts = may_be_over or not keeps_parts

    def check_size(self, size: int) -> None:
        """Refuse a frame by its header, before anything is reserved for it."""
        if size > self._max_frame_size >= 0:
            raise ZmtpError(f"a frame of {size} bytes is over MAXMSGSIZE ({self._max_frame_size})")
        if size >> 63:
            raise ZmtpError(f"a frame of {size} bytes cannot be")
        if size > self._max_bytes:
            raise self._over_bytes(size)

    def add(self, flags: int, body: bytes) -> Item | None:
        """Add a frame; return the message, or the control item, that it completes."""
        if flags & COMMAND:
            self.allowance.left -= self.cost
            return self._add_command(body)
        if flags & MORE:
            self.allowance.left -= self.cost
            self._add_part(body)
            return None
        return self._complete(body) if self.parts else body

    def _add_part(self, body: bytes) -> None:
        parts = self.parts
        if not self._keeps_parts:
            parts[:] = (b"",)  # enough to know that a message is under way
            return
        if len(parts) + 1 >= self._max_frames:
            raise ZmtpError(
                f"a message has more than {self._max_frames} frames (raise message_frames_max to allow more)",
                budget="message_frames_max",
            )
        self._weigh(len(body))
        parts.append(body)

    def _weigh(self, size: int) -> None:
        """Count the bytes of a further frame of a message that is not whole."""
        held = self._held + size + FRAME_COST
        if held > self._max_bytes and (total := held - (len(self.parts) + 1) * FRAME_COST) > self._max_bytes:
            raise self._over_bytes(total)
        self._held = held
        if held > self._claimed:
            self._claimed = held + max(held // 4, FIRST_CLAIM)
            if self._claim is None:
                self._claim = Claim()
                self._claim.given_up = self.large_given_up
            self._claim.hold(self._claimed)

    def _complete(self, body: bytes) -> Item | None:
        parts = self.parts
        if not self._keeps_parts:
            parts.clear()
            return None
        if self._held + len(body) > self._max_bytes:
            self._weigh(len(body))
        parts.append(body)
        message = tuple(parts)
        parts.clear()
        self._forget_weight()
        return message

    def _forget_weight(self) -> None:
        self._held = 0
        if self._claim is not None:
            self._claim.discard()
            self._claim = None
            self._claimed = FIRST_CLAIM

    def _over_bytes(self, size: int) -> ZmtpError:
        return ZmtpError(
            f"a message of {size} bytes or more is over message_bytes_max ({self._max_bytes})",
            budget="message_bytes_max",
        )

    def _add_command(self, body: bytes) -> Control | None:
        command = parse_command(body)
        if type(command) is Subscription and self.keeps_subscriptions:
            return command
        if type(command) is Membership and self.keeps_memberships:
            return command
        self.controls += 1
        if command is None or isinstance(command, Subscription | Membership):
            return None
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
        self._forget_weight()
        self.room = None
        if self._large is not None:
            self._large.discard()

"""What travels: messages, and the subscriptions that travel among them.

A message with one frame is that frame; one with several is a tuple of them. So the commonest message costs no
container, and every queue in between passes it on as it is. Nothing mutable ever enters a queue.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Final, TypeAlias

from aiomq.errors import ZMQError

__all__ = [
    "Control",
    "FrameBase",
    "FrameLike",
    "Frames",
    "Item",
    "Membership",
    "Message",
    "MessageLike",
    "Subscription",
    "as_frame",
    "as_frames",
    "as_message",
    "first_frame",
    "frames_of",
    "message_of",
]

Frames: TypeAlias = tuple[bytes, ...]

Message: TypeAlias = bytes | Frames
"""One frame as `bytes`, or two and more as a tuple of `bytes`. A tuple of one frame never occurs."""


class FrameBase:
    """What `Frame` is to those who only send it: something with octets, which is no buffer on every Python."""

    __slots__ = ("bytes",)

    bytes: bytes
    """The content."""


FrameLike: TypeAlias = bytes | bytearray | memoryview | FrameBase
"""What a frame can be given as; anything but `bytes` is copied at the call, so it may be reused afterwards."""

MessageLike: TypeAlias = FrameLike | Sequence[FrameLike]


class Subscription:
    """A SUBSCRIBE or CANCEL on its way from a subscriber to a publisher (RFC 37, SUBSCRIBE and CANCEL commands)."""

    __slots__ = ("subscribe", "topic")

    def __init__(self, topic: bytes, *, subscribe: bool) -> None:
        self.topic: Final = topic
        self.subscribe: Final = subscribe

    def as_frame(self) -> bytes:
        """Return the form that ZMTP before 3.1 and XPUB's readers know: one octet, 1 or 0, before the topic."""
        return (b"\x01" if self.subscribe else b"\x00") + self.topic

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Subscription):
            return NotImplemented
        return self.topic == other.topic and self.subscribe == other.subscribe

    def __hash__(self) -> int:
        return hash((self.topic, self.subscribe))

    def __repr__(self) -> str:
        return f"<{'Subscribe' if self.subscribe else 'Cancel'} {self.topic!r}>"


class Membership:
    """A JOIN or LEAVE on its way from a DISH to a RADIO (RFC 48, JOIN and LEAVE commands)."""

    __slots__ = ("group", "join")

    def __init__(self, group: bytes | None, *, join: bool) -> None:
        self.group: Final = group
        """The group; None for all there are, in the name of who cannot say which ones (udp)."""
        self.join: Final = join

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Membership):
            return NotImplemented
        return self.group == other.group and self.join == other.join

    def __hash__(self) -> int:
        return hash((Membership, self.group, self.join))

    def __repr__(self) -> str:
        return f"<{'Join' if self.join else 'Leave'} {self.group!r}>"


Control: TypeAlias = Subscription | Membership
"""What tells the other side what to send, and is no message."""

Item: TypeAlias = Message | Control
"""What a queue between two sockets may hold."""


def frames_of(message: Message) -> Frames:
    """Return the frames of a message, also of one with a single frame."""
    return message if type(message) is tuple else (message,)  # type: ignore[return-value]  # mypy: type() is no guard


def message_of(frames: list[bytes] | Frames) -> Message:
    """Return the message made of these frames; there must be at least one."""
    return frames[0] if len(frames) == 1 else tuple(frames)


def first_frame(message: Message) -> bytes:
    """Return the first frame: the one that subscriptions are matched against."""
    return message[0] if type(message) is tuple else message  # type: ignore[return-value]  # mypy: as above


def as_frame(data: object) -> bytes:
    """Return a user's frame as bytes."""
    if type(data) is bytes:
        return data
    if isinstance(data, FrameBase):
        return data.bytes
    if isinstance(data, str):
        raise TypeError("a frame is bytes, not str: use send_string, or encode the text")
    try:
        return bytes(memoryview(data))  # type: ignore[arg-type]  # the TypeError is what we are after
    except TypeError:
        raise TypeError(f"a frame is bytes or has the buffer interface, not {type(data).__name__}") from None


def as_frames(msg_parts: object) -> Frames:
    """Return a user's message as frames."""
    if isinstance(msg_parts, (bytes, bytearray, memoryview, FrameBase, str)):
        raise TypeError(f"send_multipart takes a sequence of frames, not one {type(msg_parts).__name__}: use send")
    try:
        frames = tuple([as_frame(part) for part in msg_parts])  # type: ignore[attr-defined]  # the TypeError, again
    except TypeError as error:
        raise TypeError(f"a message is a sequence of frames: {error}") from None
    if not frames:
        raise ZMQError(errno.EINVAL, "a message has at least one frame; to send an empty message, send [b'']")
    return frames


def as_message(each: MessageLike) -> Message:
    """Return a user's message as it goes into a queue."""
    if isinstance(each, (bytes, bytearray, memoryview, FrameBase, str)):
        return as_frame(each)
    return message_of(as_frames(each))

"""One frame with what is known about it: whether more follow, where it came from, whether it has left.

A frame of a message is `bytes`, and that is enough for most. Who asks for more, with `copy=False`, gets a `Frame`.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import Final

from aiomq.constants import MessageOption
from aiomq.errors import ZMQError
from aiomq.message import FrameBase, as_frame
from aiomq.patterns.radio_dish import check_group
from aiomq.tracker import MessageTracker

__all__ = ["Frame"]

_SHOWN: Final = 12
"""Of a frame that is longer than 16 octets, a repr shows so many."""

_NONE: Final[Mapping[str, bytes]] = {}

_MAX_ROUTING_ID: Final = 2**32 - 1


class Frame(FrameBase):
    """A frame of a message, to be sent, or as `recv(copy=False)` gives it.

    `bytes(frame)` and `frame.bytes` are its content, `frame.buffer` a view of it. A frame is a buffer itself only from
    Python 3.12 on (PEP 688): on 3.11 `memoryview(frame)` and `numpy.frombuffer(frame)` are TypeErrors; write
    `frame.buffer` there, which is right on every version. `frame[...]` looks up what is known of it (`get`), as in
    pyzmq, and cuts nothing out: that is `frame.bytes[:4]`. Two frames are equal if they are the same object.

    Attributes:
        bytes: the content.
        more: whether another frame of the same message follows this one.
        group_bytes: `group` as the octets it is on the wire.
        tracker: tells whether the message that this was sent in has left; None if it was not tracked.
    """

    __slots__ = ("__weakref__", "_properties", "_routing_id", "group_bytes", "more", "tracker")

    def __init__(
        self, data: object = None, track: bool = False, copy: bool | None = None, copy_threshold: int | None = None
    ) -> None:
        """Make a frame to be sent.

        Args:
            data: the content: `bytes`, or a buffer, which is copied. None is no octets.
            track: whether to have a `tracker` from the beginning; it is done, as nothing is on its way yet.
            copy: accepted for pyzmq's sake, and without effect: what could change is always copied.
            copy_threshold: as `copy`.

        Raises:
            TypeError: `data` is no bytes.
        """
        self.bytes = b"" if data is None else as_frame(data)
        self.more = False
        self.tracker: MessageTracker | None = MessageTracker() if track else None
        self._properties: Mapping[str, bytes] = _NONE
        self._routing_id = 0
        self.group_bytes = b""

    @classmethod
    def received(
        cls,
        data: bytes,
        *,
        more: bool,
        properties: Mapping[str, bytes] = _NONE,
        track: bool = False,
        routing_id: int = 0,
        group: bytes = b"",
    ) -> Frame:
        """Return a frame as it was received."""
        frame = cls(data, track)
        frame.more = more
        frame._properties = properties
        frame._routing_id = routing_id
        frame.group_bytes = group
        return frame

    # -- content -----------------------------------------------------------------------------------------------------

    @property
    def buffer(self) -> memoryview:
        """A view of the content."""
        return memoryview(self.bytes)

    def __buffer__(self, flags: int, /) -> memoryview:
        return memoryview(self.bytes)

    def __bytes__(self) -> bytes:
        return self.bytes

    def __len__(self) -> int:
        return len(self.bytes)

    def __bool__(self) -> bool:
        return bool(self.bytes)

    def __copy__(self) -> Frame:
        frame = type(self).received(
            self.bytes, more=self.more, properties=self._properties, routing_id=self._routing_id, group=self.group_bytes
        )
        frame.tracker = self.tracker
        return frame

    # -- where it came from, where it goes ---------------------------------------------------------------------------

    @property
    def routing_id(self) -> int:
        """The peer of a SERVER or PEER socket that this came from, or is to go to (RFC 41); 0 for none."""
        return self._routing_id

    @routing_id.setter
    def routing_id(self, routing_id: int) -> None:
        if not 0 < routing_id <= _MAX_ROUTING_ID:
            raise ZMQError(errno.EINVAL, f"a routing id is from 1 to {_MAX_ROUTING_ID}, not {routing_id}")
        self._routing_id = routing_id

    @property
    def group(self) -> str:
        """The group of RADIO and DISH that this came with, or is to go to (RFC 48); empty for none."""
        return _text(self.group_bytes)

    @group.setter
    def group(self, group: str | bytes) -> None:
        encoded = group.encode("utf-8", "surrogateescape") if isinstance(group, str) else as_frame(group)
        check_group(encoded)
        self.group_bytes = encoded

    def get(self, option: int | str | bytes) -> int | str:
        """Return what is known of a frame.

        Args:
            option: `aiomq.MORE`, "routing_id" or "group"; or what is known of the peer that sent it: "Peer-Address"
                (without the port), "Socket-Type", "Routing-Id" (also as "Identity"), "User-Id" (as ZAP gave it),
                "Public-Key" (which a client of CURVE proved to its server), and the "X-..." that it announced.

        Raises:
            ZMQError: EINVAL if it is not known.
        """
        if isinstance(option, int):
            return self._get_number(option)
        name = option.decode() if isinstance(option, bytes) else option
        if name == "routing_id" and self._routing_id:
            return self._routing_id
        if name == "group" and self.group_bytes:
            return self.group
        for each, value in self._properties.items():
            if each.lower() == name.lower():  # RFC 23: names do not tell case apart
                return _text(value)
        raise ZMQError(errno.EINVAL, f"nothing is known of this frame under the name {name!r}")

    def _get_number(self, option: int) -> int:
        if option == MessageOption.MORE:
            return int(self.more)
        if option == MessageOption.SHARED:
            return 0
        raise ZMQError(
            errno.EINVAL, f"{option!r} cannot be read from a frame: MORE and SHARED can; its octets are frame.bytes"
        )

    def __getitem__(self, option: int | str | bytes) -> int | str:
        """Return what is known of a frame; see `get`.

        Raises:
            TypeError: it is a slice: the content of a frame is in `bytes` and `buffer`.
            ZMQError: EINVAL if it is not known.
        """
        if not isinstance(option, (int, str, bytes)):
            what = "frame.bytes[...], or frame.buffer[...] without a copy"
            raise TypeError(f"a Frame gives what is known of it by name, not by {type(option).__name__}: write {what}")
        return self.get(option)

    def set(self, option: int | str, value: int | str | bytes) -> None:
        """Set the "routing_id" or the "group" that the frame is to be sent to.

        Raises:
            ZMQError: EINVAL if it is something else, or cannot have this value.
        """
        if option == "routing_id" and isinstance(value, int):
            self.routing_id = value
        elif option == "group" and isinstance(value, (str, bytes)):
            self.group = value
        else:
            raise ZMQError(errno.EINVAL, f"{option!r} cannot be set on a frame to {value!r}: routing_id and group can")

    def __repr__(self) -> str:
        size = len(self.bytes)
        if size <= 16:
            return f"<aiomq.Frame({self.bytes!r})>"
        return f"<aiomq.Frame({self.bytes[:_SHOWN]!r}...{_rounded(size)})>"

    __str__ = __repr__


def _rounded(size: int) -> str:
    for unit, octets in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= octets:
            return f"{size // octets}{unit}"
    return f"{size}B"


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")

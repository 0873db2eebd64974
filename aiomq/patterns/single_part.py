"""Messages of one frame: what CLIENT, SERVER, PEER, SCATTER, GATHER, CHANNEL and RADIO share (RFC 41, 48, 49, 51, 52).

These types came into being as sockets that threads may share, and a message in parts can't be: so there are none. A
user who tries to send one is told so; one that a peer sends is dropped, which the RFCs want, and counted.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from typing import NoReturn

from aiomq.errors import ZMQError
from aiomq.message import Message
from aiomq.patterns.base import Pattern

__all__ = ["SinglePart", "SinglePartInbox"]


class SinglePart(Pattern):
    """The side of the user: no message in parts."""

    def wants_more(self, frames: Sequence[bytes]) -> bool:
        """Refuse SNDMORE.

        Raises:
            ZMQError: EINVAL, always.
        """
        self.refuse_parts()

    def refuse_parts(self) -> NoReturn:
        """Raise what a user gets who sends a message of several frames."""
        raise ZMQError(
            errno.EINVAL, f"a message of a {self.name} socket is one frame: SNDMORE and multipart are not for it"
        )


class SinglePartInbox:
    """The side of the peers: takes whole messages from where they are read, and drops those in parts.

    Attributes:
        dropped: how many were dropped.
    """

    __slots__ = ("_ready", "_take", "dropped")

    def __init__(self, take: Callable[[], Message | None]) -> None:
        self._take = take
        self._ready: bytes | None = None
        """What `can_recv` found. It goes out first."""
        self.dropped = 0

    def try_recv(self) -> bytes | None:
        """Take the next message; None means "not now"."""
        if self._ready is not None:
            message, self._ready = self._ready, None
            return message
        while type(taken := self._take()) is tuple:
            self.dropped += 1
        return taken  # type: ignore[return-value]  # mypy: type() is no guard

    def can_recv(self) -> bool:
        """Whether there is a message; those in parts before it are dropped."""
        if self._ready is None:
            self._ready = self.try_recv()
        return self._ready is not None

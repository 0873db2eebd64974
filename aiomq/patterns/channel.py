"""CHANNEL: two sockets that have only each other, and messages of one frame (RFC 52/CHANNEL)."""

from __future__ import annotations

from collections.abc import Callable

from aiomq.message import Message
from aiomq.options import SocketOptions
from aiomq.patterns.base import Peer
from aiomq.patterns.pair import PairPattern
from aiomq.patterns.single_part import SinglePart, SinglePartInbox

__all__ = ["ChannelPattern"]


class ChannelPattern(PairPattern, SinglePart):
    """Does what a PAIR does, but for messages in parts."""

    name = "CHANNEL"

    can_recv: Callable[[], bool]
    try_recv: Callable[[], Message | None]

    def __init__(self, options: SocketOptions) -> None:
        super().__init__(options)
        self._inbox = SinglePartInbox(super().try_recv)
        self.can_recv = self._inbox.can_recv
        self.try_recv = self._inbox.try_recv

    @property
    def dropped(self) -> int:
        """How many messages were dropped: in parts from the peer, and for want of room where `on_mute` has it so."""
        return self._inbox.dropped + self._overflow.dropped

    def try_send(self, message: Message) -> bool:
        """Queue a message for the peer; False if it has no room, or if there is no peer."""
        if type(message) is tuple:
            self.refuse_parts()
        return super().try_send(message)

    def straight_in(self) -> Peer | None:
        """Return None: what came in parts must not get to the user."""
        return None

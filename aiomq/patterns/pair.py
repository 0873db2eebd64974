"""PAIR: two sockets that have only each other (RFC 31/EXPAIR).

A PAIR has one peer at a time. Another that comes meanwhile is turned away; once the peer is gone, the next may come.
"""

from __future__ import annotations

from collections import deque

from aiomq.message import Message
from aiomq.mute import OnMute
from aiomq.options import SocketOptions
from aiomq.patterns.base import Pattern, Peer
from aiomq.patterns.overflow import MUTES, Overflow

__all__ = ["PairPattern"]


class PairPattern(Pattern):
    """Sends to and receives from the one peer it has."""

    name = "PAIR"
    mutes = MUTES
    __slots__ = ("_former", "_overflow", "_peer", "_sender")

    def __init__(self, options: SocketOptions) -> None:
        super().__init__(options)
        self._overflow = Overflow()
        self._peer: Peer | None = None
        self._sender: Peer | None = None
        self._former: deque[Peer] = deque()  # peers that are gone and left unread messages, in the order they left

    def try_send(self, message: Message) -> bool:
        """Queue a whole message for the peer; False if it has no room, or if there is no peer."""
        peer = self._peer
        if peer is None or not peer.writable:
            return self._overflow.spill(message)
        peer.put(message)
        return True

    def try_recv(self) -> Message | None:
        """Take the next message of the peer, once everything that former peers left is read."""
        if self._former:
            return self._recv_from_former()
        peer = self._peer
        if peer is None or not peer.inbox:
            return None
        self._sender = peer
        return _take(peer)

    def can_send(self) -> bool:
        """Whether there is a peer with room."""
        return self.on_mute is not OnMute.BLOCK or self._has_room()

    def _has_room(self) -> bool:
        return self._peer is not None and self._peer.writable

    @property
    def dropped(self) -> int:
        """How many messages were dropped because the peer had no room, where `on_mute` has it so."""
        return self._overflow.dropped

    def set_on_mute(self, policy: OnMute) -> None:
        """Choose what becomes of a message when there is no peer with room.

        Raises:
            ZMQError: EINVAL if this type has no such choice.
        """
        super().set_on_mute(policy)
        self._overflow.policy = policy

    def can_recv(self) -> bool:
        """Whether the peer, or one before it, left something to read."""
        return bool(self._former) or (self._peer is not None and bool(self._peer.inbox))

    def straight_out(self) -> Peer | None:
        """Return the peer, if it has room."""
        return self._peer if self._has_room() else None

    def straight_in(self) -> Peer | None:
        """Return the peer, once everything that former peers left is read."""
        if self._former:
            return None
        self._sender = self._peer
        return self._peer

    def sender(self) -> Peer | None:
        """Return the peer that the message received last came from."""
        return self._sender

    def attach(self, peer: Peer) -> None:
        """Take the first peer; turn away any other as long as that one is there."""
        if self._peer is None:
            self._peer = peer
            self._overflow.attach(peer)
        else:
            peer.close("this PAIR has a peer, and takes one only")

    def detach(self, peer: Peer) -> None:
        """Make room for the next peer; what this one left stays readable."""
        if peer is self._peer:
            self._peer = None
            self._overflow.detach(peer)
            if peer.inbox:
                self._former.append(peer)

    def _recv_from_former(self) -> Message:
        peer = self._sender = self._former[0]
        message = _take(peer)
        if not peer.inbox:
            self._former.popleft()
        return message


def _take(peer: Peer) -> Message:
    inbox = peer.inbox
    message = inbox.popleft()
    if len(inbox) <= peer.low_water:
        peer.inbox_low()
    return message  # type: ignore[return-value]  # no subscription gets to a PAIR: whoever fills inboxes sees to it

"""What becomes of a message when every peer is full, for patterns that deal messages out in turn and need not wait."""

from __future__ import annotations

from collections import deque
from typing import Final

from aiomq.message import Message
from aiomq.mute import OnMute
from aiomq.patterns.base import Peer

__all__ = ["MUTES", "Overflow", "always"]

MUTES: Final = (OnMute.BLOCK, OnMute.DROP_NEWEST, OnMute.DROP_OLDEST)
"""What the sockets that wait by default may do instead."""


def always() -> bool:
    """Return True: where messages are dropped rather than kept waiting, sending is always possible."""
    return True


class Overflow:
    """Drops messages, and counts them.

    Attributes:
        policy: which message goes: the one that has no room, or the oldest of a full peer.
        dropped: how many went.
    """

    __slots__ = ("_peers", "dropped", "policy")

    def __init__(self) -> None:
        self.policy = OnMute.BLOCK
        self.dropped = 0
        self._peers: deque[Peer] = deque()

    def __len__(self) -> int:
        """Count the peers."""
        return len(self._peers)

    def attach(self, peer: Peer) -> None:
        """A peer exists now."""
        self._peers.append(peer)

    def detach(self, peer: Peer) -> None:
        """A peer is gone."""
        if peer in self._peers:
            self._peers.remove(peer)

    def spill(self, message: Message) -> bool:
        """Do what the policy says; return whether the message is dealt with, False if it has to wait.

        With DROP_OLDEST the full peers take turns. Where nothing queued can be taken back the new message is dropped.
        """
        if self.policy is OnMute.BLOCK:
            return False
        self.dropped += 1
        if self.policy is OnMute.DROP_OLDEST:
            peers = self._peers
            for peer in tuple(peers):
                peers.rotate(-1)
                if peer.replace_oldest(message):
                    peer.dropped += 1
                    break
        return True

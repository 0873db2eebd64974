"""What PUSH and DEALER share: each message goes to one of the peers with room, in turn, and peers may be away."""

from __future__ import annotations

from collections.abc import Callable

from aiomq.mute import OnMute
from aiomq.options import SocketOptions
from aiomq.patterns.away import AwayPeers
from aiomq.patterns.base import Pattern, Peer
from aiomq.patterns.load_balancer import LoadBalancer, TrySend
from aiomq.patterns.overflow import MUTES, Overflow, always

__all__ = ["DealingPattern"]


class DealingPattern(Pattern):
    """The sending half of a pattern that deals its messages out."""

    mutes = MUTES
    keeps_away_peers = True
    __slots__ = ("_away", "_balancer", "_overflow", "can_send", "try_send")

    try_send: TrySend
    """The load balancer's own: one call less for each message."""

    can_send: Callable[[], bool]

    def __init__(self, options: SocketOptions) -> None:
        super().__init__(options)
        self._balancer = LoadBalancer()
        self._overflow = Overflow()
        self._away = AwayPeers(self._balancer, self._overflow)
        self.try_send = self._balancer.try_send
        self.can_send = self._balancer.can_send

    @property
    def dropped(self) -> int:
        """How many messages were dropped because no peer had room, where `on_mute` has it so."""
        return self._overflow.dropped

    def set_on_mute(self, policy: OnMute) -> None:
        """Choose what becomes of a message when no peer has room. Unless that is to wait, sending is always possible.

        Raises:
            ZMQError: EINVAL if this type has no such choice.
        """
        super().set_on_mute(policy)
        self._overflow.policy = policy
        self._balancer.spill = self._overflow.spill
        self.can_send = self._balancer.can_send if policy is OnMute.BLOCK else always

    def straight_out(self) -> Peer | None:
        """Return the only peer with room."""
        return self._balancer.straight_out()

    def attach(self, peer: Peer) -> None:
        """Give a new peer its share of the messages."""
        self._overflow.attach(peer)
        self._balancer.attach(peer)
        self._away.settle()

    def peer_writable(self, peer: Peer) -> None:
        """Give a peer that has room again its share of the messages."""
        if not self._away.is_out(peer):
            self._balancer.peer_writable(peer)

    def peer_away(self, peer: Peer) -> None:
        """Give nothing more to a peer that is away, unless nobody else is there; what it sent is read."""
        self._away.leave(peer)

    def peer_back(self, peer: Peer) -> None:
        """Give a peer that came back its share of the messages."""
        self._away.back(peer)

    def detach(self, peer: Peer) -> None:
        """Send nothing more to a peer that is gone."""
        self._away.forget(peer)
        self._overflow.detach(peer)
        self._balancer.detach(peer)
        self._away.settle()

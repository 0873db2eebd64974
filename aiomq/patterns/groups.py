"""Who has joined which group: the RADIO's side."""

from __future__ import annotations

from aiomq.options import SocketOptions
from aiomq.patterns.base import Peer
from aiomq.patterns.holders import HolderTable
from aiomq.patterns.shares import GROUPS, Allowance, Holding

__all__ = ["GroupTable"]


class GroupTable(HolderTable):
    """Counts how often a peer has joined each group: each time is to be left by itself."""

    __slots__ = ()

    budgets = GROUPS

    @staticmethod
    def allowed(options: SocketOptions) -> Allowance:
        """Return what the peers may join, as things stand; the names of groups are short."""
        return options.groups_per_peer, 0, options.groups_per_address, options.groups_max, 0

    def _once_more(self, holding: Holding, key: bytes) -> None:
        holding.keys[key] += 1

    def remove(self, peer: Peer, key: bytes) -> bool:
        """Let a peer leave a group once; return whether nobody is in the group now."""
        holding = self._holdings.get(peer)
        if holding is not None and holding.keys.get(key, 0) > 1:
            holding.keys[key] -= 1
            return False
        return super().remove(peer, key)

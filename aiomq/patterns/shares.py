"""What peers hold of a budget: how much each, how much all of one address, how much all together, and who has to go.

Of those who share a budget it is not simply whoever asks last that goes: so a few strangers could use it up and keep
everybody else out. The one goes that holds most, of the address that holds most.

Peers of the same process are the program's own: what they hold is counted nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, TypeAlias

from aiomq.budgets import BUDGETS
from aiomq.options import SocketOptions
from aiomq.origins import origin_of
from aiomq.patterns.base import Peer

__all__ = [
    "GROUPS",
    "TOPICS",
    "Allowance",
    "Breach",
    "Holding",
    "Shares",
    "over_text",
]


Allowance: TypeAlias = tuple[int, int, int, int, int]
"""What one peer may hold, in keys and in bytes; the peers of one address, in keys; all, in keys and in bytes. 0 is no
limit."""

TOPICS: Final = ("topics_per_peer", "topic_bytes_per_peer", "topics_per_address", "topics_max", "topic_bytes_max")
"""The budgets of what the peers of a publisher subscribe to, in the order of an allowance."""

GROUPS: Final = ("groups_per_peer", "", "groups_per_address", "groups_max", "")
"""The budgets of what the peers of a RADIO join; the names of groups are short, and their bytes have no budget."""


class Breach(NamedTuple):
    """A budget that somebody would go over, and the peer that has to go for it."""

    budget: str
    peer: Peer


class Holding:
    """What one peer holds.

    Attributes:
        alone: the peer, in the tuple that all keys share which nobody else holds.
        keys: what it holds, and how often. Of a peer that left, 0 is what was taken back.
        octets: how many the keys have together.
        share: of its address; None for a peer that is not counted.
    """

    __slots__ = ("alone", "keys", "octets", "share")

    def __init__(self, peer: Peer) -> None:
        self.alone: Final[tuple[Peer]] = (peer,)
        self.keys: Final[dict[bytes, int]] = {}
        self.octets = 0
        self.share: _Share | None = None


class _Share:
    """What the peers of one address hold together.

    Attributes:
        origin: the address; a peer without one stands for itself.
        holdings: of these peers.
        count: of their keys.
        octets: of their keys.
    """

    __slots__ = ("count", "holdings", "octets", "origin")

    def __init__(self, origin: str | Peer) -> None:
        self.origin: Final = origin
        self.holdings: Final[dict[Holding, None]] = {}
        self.count = 0
        self.octets = 0


class Shares:
    """What the peers of one socket hold."""

    __slots__ = ("_budgets", "_count", "_octets", "_of")

    def __init__(self, budgets: tuple[str, str, str, str, str]) -> None:
        self._budgets: Final = budgets
        self._of: dict[str | Peer, _Share] = {}
        self._count = 0
        self._octets = 0

    def enter(self, holding: Holding) -> None:
        """Count a peer, by the address that it has now."""
        (peer,) = holding.alone
        if not peer.over_wire:
            return
        origin = origin_of(peer.properties) or peer
        share = self._of.get(origin)
        if share is None:
            share = self._of[origin] = _Share(origin)
        share.holdings[holding] = None
        holding.share = share
        self._add(share, len(holding.keys), holding.octets)

    def leave(self, holding: Holding) -> None:
        """Count a peer no longer."""
        share, holding.share = holding.share, None
        if share is None:
            return
        del share.holdings[holding]
        self._add(share, -len(holding.keys), -holding.octets)
        if not share.holdings:
            del self._of[share.origin]

    def _add(self, share: _Share, count: int, octets: int) -> None:
        share.count += count
        share.octets += octets
        self._count += count
        self._octets += octets

    def count(self, holding: Holding, keys: int, octets: int) -> None:
        """A peer holds so many keys and octets more, or less."""
        holding.octets += octets
        share = holding.share
        if share is not None:
            share.count += keys
            share.octets += octets
            self._count += keys
            self._octets += octets

    def breach(self, holding: Holding, size: int, allowed: Allowance) -> Breach | None:
        """Return who has to go if a peer is to hold one more key, of this size; None if there is room."""
        share = holding.share
        if share is None:
            return None
        by_peer, octets_by_peer, by_address, together, octets_together = allowed
        name = self._budgets
        if len(holding.keys) >= by_peer > 0:
            return Breach(name[0], holding.alone[0])
        if holding.octets + size > octets_by_peer > 0:
            return Breach(name[1], holding.alone[0])
        if share.count >= by_address > 0 and type(share.origin) is str:
            return Breach(name[2], _heaviest(share.holdings, holding, 1, _count_of))
        if self._count >= together > 0:
            return Breach(name[3], self._heaviest_by_count(share, holding))
        if self._octets + size > octets_together > 0:
            return Breach(name[4], self._heaviest_by_octets(share, holding, size))
        return None

    def _heaviest_by_count(self, share: _Share, holding: Holding) -> Peer:
        most = max(self._of.values(), key=_count_together)
        most = most if most.count > share.count + 1 else share
        return _heaviest(most.holdings, holding, 1, _count_of)

    def _heaviest_by_octets(self, share: _Share, holding: Holding, size: int) -> Peer:
        most = max(self._of.values(), key=_octets_together)
        most = most if most.octets > share.octets + size else share
        return _heaviest(most.holdings, holding, size, _octets_of)

    def __repr__(self) -> str:
        return f"<Shares addresses={len(self._of)} keys={self._count} bytes={self._octets}>"


def _count_of(holding: Holding) -> int:
    return len(holding.keys)


def _octets_of(holding: Holding) -> int:
    return holding.octets


def _count_together(share: _Share) -> int:
    return share.count


def _octets_together(share: _Share) -> int:
    return share.octets


def _heaviest(holdings: Iterable[Holding], asks: Holding, more: int, weigh: Callable[[Holding], int]) -> Peer:
    """Return the peer that holds most; the one that asks, if it then held as much and is among them."""
    most = max(holdings, key=weigh)
    if asks.share is most.share and weigh(asks) + more >= weigh(most):
        most = asks
    return most.alone[0]


def over_text(budget: str, options: SocketOptions) -> str:
    """Return in words which budget a peer went over, and how to let it have more."""
    told, value = BUDGETS[budget], getattr(options, budget)
    return (
        f"over {budget}: {value} {told.unit} at most for one {told.whose} ({told.counts});"
        f" set {budget} of the socket to allow more, or 0 for no limit"
    )

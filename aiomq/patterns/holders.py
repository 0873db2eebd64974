"""Who holds which key: the peers of each topic of a publisher, and of each group of a RADIO.

A peer that leaves gets nothing from that moment on. But it may have held a great many keys, and to take all of them
back at once would let the loop stand: so they are taken back a slice at a time, and while that is under way whoever
asks for the holders of a key gets them without those that left. What is done with a key meanwhile comes after the end
of those that left: `settle` takes the key from them first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import ClassVar, Final, TypeAlias

from aiomq.options import SocketOptions
from aiomq.patterns.base import Peer
from aiomq.patterns.shares import Allowance, Breach, Holding, Shares

__all__ = ["AT_ONCE", "SLICE", "HolderTable", "Holders", "Taken"]

AT_ONCE: Final = 64
"""Up to this many keys are taken back as their peer leaves."""

SLICE: Final = 500
"""So many keys are taken back before everybody else in the loop gets a turn: a millisecond or two."""

Holders: TypeAlias = tuple[Peer] | dict[Peer, None]
"""The peers of one key. Most keys of a large table have one peer, and share that peer's own tuple."""

Taken: TypeAlias = Callable[[bytes, bool], None]
"""Is told of each key that was taken back, and whether nobody holds it now."""


class _Leaver:
    """What is still to be taken back from a peer that left."""

    __slots__ = ("holding", "rest", "taken")

    def __init__(self, holding: Holding, taken: Taken | None) -> None:
        self.holding = holding
        self.taken = taken
        self.rest: Iterator[bytes] = iter(holding.keys)  # the keys stay: values alone change


class HolderTable:
    """Who holds what.

    Attributes:
        leaving: the peers that left, of whom something is still to be taken back.
    """

    __slots__ = ("_holders", "_holdings", "_shares", "leaving")

    budgets: ClassVar[tuple[str, str, str, str, str]] = ("", "", "", "", "")
    """Of what is held, in the order of an `Allowance`."""

    def __init__(self) -> None:
        self._holders: Final[dict[bytes, Holders]] = {}
        self._holdings: Final[dict[Peer, Holding]] = {}
        self._shares: Final = Shares(self.budgets)
        self.leaving: Final[dict[Peer, _Leaver]] = {}

    def __len__(self) -> int:
        """Count the distinct keys, those included that are still to be taken back."""
        return len(self._holders)

    def __contains__(self, key: bytes) -> bool:
        return key in self._holders

    def keys_of(self, peer: Peer) -> list[bytes]:
        """Return what a peer holds, in the order in which it came."""
        holding = self._holdings.get(peer)
        return [] if holding is None else list(holding.keys)

    def holders_of(self, key: bytes) -> Sequence[Peer]:
        """Return the peers that hold a key, without those that left."""
        holders = self._holders.get(key, ())
        return self.without_leavers(holders) if self.leaving else tuple(holders)

    def without_leavers(self, peers: Iterable[Peer]) -> tuple[Peer, ...]:
        """Return those of these peers that have not left."""
        leaving = self.leaving
        return tuple([peer for peer in peers if peer not in leaving])

    @staticmethod
    def allowed(options: SocketOptions) -> Allowance:
        """Return how much may be held, as things stand."""
        return 0, 0, 0, 0, 0

    # -- what is there to be held ------------------------------------------------------------------------------------

    def _entered(self, key: bytes) -> None:
        """Somebody holds a key that nobody held."""

    def _changed(self, key: bytes) -> None:
        """One peer more or less holds a key."""

    def _vanished(self, key: bytes) -> None:
        """Nobody holds a key any longer."""

    # -- as peers come, ask and cancel -------------------------------------------------------------------------------

    def breach(self, peer: Peer, key: bytes, options: SocketOptions) -> Breach | None:
        """Return who has to go if a peer is to hold a key; None if there is room for it."""
        holding = self._holdings.get(peer)
        if holding is None:
            holding = self._enter(peer)
        if holding.share is None or key in holding.keys:
            return None
        return self._shares.breach(holding, len(key), self.allowed(options))

    def _enter(self, peer: Peer) -> Holding:
        holding = Holding(peer)
        self._shares.enter(holding)
        self._holdings[peer] = holding
        return holding

    def moved(self, peer: Peer) -> None:
        """A peer has another address."""
        holding = self._holdings.get(peer)
        if holding is not None:
            self._shares.leave(holding)
            self._shares.enter(holding)

    def add(self, peer: Peer, key: bytes) -> bool:
        """Let a peer hold a key; return whether nobody did before. If it does already, this is once more."""
        holding = self._holdings.get(peer)
        if holding is None:
            holding = self._enter(peer)
        elif key in holding.keys:
            self._once_more(holding, key)
            return False
        holding.keys[key] = 1
        self._shares.count(holding, 1, len(key))
        holders = self._holders.get(key)
        if holders is None:
            self._holders[key] = holding.alone
            self._entered(key)
            return True
        if type(holders) is tuple:
            holders = self._holders[key] = {holders[0]: None}
        holders[peer] = None  # type: ignore[index]  # mypy: type() is no guard
        self._changed(key)
        return False

    def _once_more(self, holding: Holding, key: bytes) -> None:
        """A peer asked for what it holds: that changes nothing."""

    def remove(self, peer: Peer, key: bytes) -> bool:
        """Take a key from a peer, if it holds it; return whether nobody holds it now."""
        holding = self._holdings.get(peer)
        if holding is None or key not in holding.keys:
            return key not in self._holders
        del holding.keys[key]
        self._shares.count(holding, -1, -len(key))
        return self._drop(peer, key)

    def _drop(self, peer: Peer, key: bytes) -> bool:
        holders = self._holders[key]
        if type(holders) is dict:
            del holders[peer]
            if holders:
                self._changed(key)
                return False
        del self._holders[key]
        self._vanished(key)
        return True

    # -- as peers leave ----------------------------------------------------------------------------------------------

    def leave(self, peer: Peer, taken: Taken | None = None) -> None:
        """Let a peer get nothing from now on, and take back what it held: little at once, the rest by `take_back`."""
        holding = self._holdings.get(peer)
        if holding is None:
            return
        if holding.keys:
            self.leaving[peer] = _Leaver(holding, taken)
        del self._holdings[peer]
        self._shares.leave(holding)
        if len(holding.keys) <= AT_ONCE:
            self.finish(peer)

    def finish(self, peer: Peer) -> None:
        """Take back all that a peer held, if it left."""
        leaver = self.leaving.get(peer)
        if leaver is not None:
            for key in leaver.rest:
                self._take(peer, leaver, key)
            del self.leaving[peer]

    def take_back(self, count: int) -> bool:
        """Take back so many keys of those that left, the first first; return whether there may be more."""
        while self.leaving:
            peer, leaver = next(iter(self.leaving.items()))
            for key in leaver.rest:
                self._take(peer, leaver, key)
                count -= 1
                if count <= 0:
                    return True
            del self.leaving[peer]
        return False

    def settle(self, key: bytes) -> None:
        """Take a key from all that left: what is done with it next comes after that."""
        holders = self._holders.get(key)
        if holders is None:
            return
        left = self.leaving.keys() & (holders.keys() if type(holders) is dict else holders)
        for peer in left:
            self._take(peer, self.leaving[peer], key)

    def _take(self, peer: Peer, leaver: _Leaver, key: bytes) -> None:
        keys = leaver.holding.keys
        if keys[key]:
            keys[key] = 0
            gone = self._drop(peer, key)
            if leaver.taken is not None:
                leaver.taken(key, gone)

    def __repr__(self) -> str:
        name = type(self).__name__
        return f"<{name} keys={len(self._holders)} peers={len(self._holdings)} leaving={len(self.leaving)}>"

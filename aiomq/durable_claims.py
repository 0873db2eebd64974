"""Who is forgotten first when more peers are away than may be.

A routing id costs a stranger nothing. So who came with one first has the better claim to be remembered, and who has
messages waiting a better one than who has none. Peers are counted by who they are as well: by the user that an
authenticator named, or else by their address.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping
from itertools import islice
from operator import attrgetter
from typing import Final, Generic, Protocol, TypeVar

from aiomq.origins import origin_of

__all__ = ["Claims", "holder_of", "proof_of"]

_LOOKED_AT: Final = 1000
"""Among so many of the newest claims one without messages is looked for: each peer that goes may cost that."""


_NO_NAME: Final = b"\0"
"""Begins the proofs that are no plain User-Id."""

_KEY: Final = _NO_NAME + b"key "
_NAME: Final = _NO_NAME + b"user "


class _Queue(Protocol):
    @property
    def queued_out(self) -> int: ...


class Claim(Protocol):
    """One remembered peer.

    Attributes:
        number: how many claims were made before it.
        holder: as `holder_of` says.
        peer: what has the queue.
    """

    number: int
    holder: str

    @property
    def peer(self) -> _Queue: ...


C = TypeVar("C", bound=Claim)

_number = attrgetter("number")


class Claims(Generic[C]):
    """The claims of the peers that are away, by their age, of all and of each holder."""

    def __init__(self) -> None:
        self._all: list[C] = []
        self._of: dict[str, list[C]] = {}
        self._most: list[C] = []
        """Those of the holder that had most when somebody went away last."""

    def __len__(self) -> int:
        return len(self._all)

    def add(self, claim: C) -> None:
        """A peer goes away."""
        insort(self._all, claim, key=_number)
        if claim.holder:
            mine = self._of.setdefault(claim.holder, [])
            insort(mine, claim, key=_number)
            if len(mine) > len(self._most):
                self._most = mine

    def discard(self, claim: C) -> None:
        """A peer is away no longer; nothing happens if it was not."""
        if not _take_out(self._all, claim):
            return
        mine = self._of.get(claim.holder)
        if mine is not None:
            _take_out(mine, claim)
            if not mine:
                del self._of[claim.holder]

    def holders(self) -> Iterator[str]:
        """Return who has claims."""
        return iter(tuple(self._of))

    def count(self, holder: str) -> int:
        """Return how many claims somebody has."""
        return len(self._of.get(holder, ()))

    def worst(self) -> C:
        """Return who is to be forgotten: one of the holder that has more than half of all, if one has."""
        return _worst(self._most if len(self._most) * 2 > len(self._all) else self._all)

    def worst_of(self, holder: str) -> C:
        """Return who of one holder is to be forgotten."""
        return _worst(self._of[holder])


def _take_out(claims: list[C], claim: C) -> bool:
    at = bisect_left(claims, claim.number, key=_number)
    if at == len(claims) or claims[at] is not claim:
        return False
    del claims[at]
    return True


def _worst(claims: list[C]) -> C:
    """Return the newest claim without messages, or the newest of all."""
    newest = islice(reversed(claims), _LOOKED_AT)
    return next((claim for claim in newest if not claim.peer.queued_out), claims[-1])


def proof_of(properties: Mapping[str, bytes]) -> bytes | None:
    """Return what a peer has proved of itself; None where nobody asked it for anything.

    That is the User-Id that the ZAP handler gave it, or, where it gave none, the key with which a client of CURVE came.
    The two are told apart whatever they are. A store keeps this, and nearly all that it ever holds are User-Ids: so
    those are as they are, unless one begins like a key.
    """
    user_id = properties.get("User-Id")
    if user_id:
        return _NAME + user_id if user_id.startswith(_NO_NAME) else user_id
    key = properties.get("Public-Key")
    return _KEY + key if key else user_id


def holder_of(proof: bytes | None, properties: Mapping[str, bytes]) -> str:
    """Return who a peer is, as far as that cannot be invented; an empty text if nothing is known.

    Whom an authenticator named goes by that, others by their address: of IPv6 the network of 64 bits, of ipc the user
    and the group, where the system tells them. A key is no name: anybody can make many.
    """
    return f"user {proof!r}" if proof and not proof.startswith(_KEY) else origin_of(properties)

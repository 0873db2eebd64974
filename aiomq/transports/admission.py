"""Who may come in, and who has to go for it: counts of the connections that a socket's listeners let in.

It knows connections as guests with a key, which stands for an address, and does no I/O. A guest is in its handshake
until it is proved. Where there is no room for a newcomer, the oldest guest in its handshake of the key that has most of
them goes: an attacker with thousands of silent connections only drives out its own, while a handshake in earnest is
over within milliseconds. Who is proved is never driven out; where only such are left, the newcomer is refused.

Every step takes the same time however many guests there are.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, NamedTuple

from aiomq.budgets import Budgets

__all__ = ["Door", "Guest", "Guests", "Handshakes", "Over"]


class Over(NamedTuple):
    """The budget for which somebody is refused, or has to go."""

    budget: str
    limit: int


class Guest:
    """One connection that came in; whoever lets it in derives a class from this."""

    __slots__ = ("door", "key")

    def __init__(self, key: Hashable) -> None:
        self.key: Final = key
        """Whose it is: guests of the same key are counted together."""
        self.door: Door | None = None
        """Where it came in, as long as it is inside."""

    def prove(self) -> None:
        """Its handshake is over: it is never evicted."""
        if self.door is not None:
            self.door.prove(self)

    def leave(self) -> None:
        """It is gone, if it was not before."""
        if self.door is not None:
            self.door.leave(self)

    def evicted(self, over: Over) -> None:
        """It has to go, and is not counted any longer."""
        raise NotImplementedError


class Handshakes:
    """Guests in their handshake, oldest first, by key, and the keys by how many they have."""

    __slots__ = ("_by_count", "_by_key", "_count", "_most")

    def __init__(self) -> None:
        # Not plain dicts: the first key of one from which many were taken is a long way from its beginning.
        self._by_key: dict[Hashable, OrderedDict[Guest, None]] = {}
        self._by_count: dict[int, OrderedDict[Hashable, None]] = {}
        self._count = 0
        self._most = 0

    def __len__(self) -> int:
        return self._count

    def add(self, guest: Guest) -> None:
        """A guest begins its handshake."""
        key = guest.key
        guests = self._by_key.get(key)
        if guests is None:
            guests = self._by_key[key] = OrderedDict()
        before = len(guests)
        guests[guest] = None
        self._count += 1
        self._recount(key, before, before + 1)
        self._most = max(self._most, before + 1)

    def discard(self, guest: Guest) -> None:
        """Its handshake is over, or it is gone."""
        guests = self._by_key.get(guest.key)
        if guests is None or guest not in guests:
            return
        before = len(guests)
        del guests[guest]
        self._count -= 1
        if before == 1:
            del self._by_key[guest.key]
        self._recount(guest.key, before, before - 1)
        if self._most not in self._by_count:  # it had most, alone, and still has the second most
            self._most -= 1

    def _recount(self, key: Hashable, before: int, after: int) -> None:
        if before:
            keys = self._by_count[before]
            del keys[key]
            if not keys:
                del self._by_count[before]
        if after:
            self._by_count.setdefault(after, OrderedDict())[key] = None

    def count_of(self, key: Hashable) -> int:
        """Return how many a key has."""
        return len(self._by_key.get(key, ()))

    def oldest_of(self, key: Hashable) -> Guest | None:
        """Return the one of a key whose handshake began first."""
        guests = self._by_key.get(key)
        return None if guests is None else next(iter(guests))

    def oldest(self) -> Guest | None:
        """Return the oldest of the key that has most; among several such keys, of the one that had so many first."""
        if not self._count:
            return None
        return self.oldest_of(next(iter(self._by_count[self._most])))


class Guests:
    """Those of one socket, by whatever endpoint they came in."""

    __slots__ = ("by_key", "count", "handshakes")

    def __init__(self) -> None:
        self.count = 0
        self.by_key: dict[Hashable, int] = {}
        self.handshakes = Handshakes()


class Door:
    """One endpoint, by which guests come in."""

    __slots__ = ("_budgets", "_guests", "_handshakes", "_tokens", "_when", "count")

    def __init__(self, guests: Guests, budgets: Budgets) -> None:
        """Let in as many as the budgets allow.

        Args:
            guests: of the socket, all its doors together.
            budgets: of this endpoint.
        """
        self._guests = guests
        self._budgets = budgets
        self._handshakes = Handshakes()
        self._tokens = float(budgets.connections_per_second)
        self._when: float | None = None
        self.count = 0
        """Guests that came in here and are inside."""

    @property
    def handshakes(self) -> int:
        """Guests that came in here and are in their handshake."""
        return len(self._handshakes)

    def admit(self, guest: Guest, now: float) -> Over | None:
        """Let a newcomer in, and evict whoever has to go for it; return the budget for which it is refused, if it is.

        Args:
            guest: the newcomer.
            now: the time in seconds, from any beginning.
        """
        over = self._full(guest.key) or self._too_fast(now)
        if over is not None:
            return over
        self._make_room(guest.key)
        guests = self._guests
        guest.door = self
        self.count += 1
        guests.count += 1
        guests.by_key[guest.key] = guests.by_key.get(guest.key, 0) + 1
        self._handshakes.add(guest)
        guests.handshakes.add(guest)
        return None

    def prove(self, guest: Guest) -> None:
        """Its handshake is over."""
        self._handshakes.discard(guest)
        self._guests.handshakes.discard(guest)

    def leave(self, guest: Guest) -> None:
        """A guest that is inside goes."""
        guest.door = None
        guests = self._guests
        self.count -= 1
        guests.count -= 1
        left = guests.by_key[guest.key] - 1
        if left:
            guests.by_key[guest.key] = left
        else:
            del guests.by_key[guest.key]
        self._handshakes.discard(guest)
        guests.handshakes.discard(guest)

    def _full(self, key: Hashable) -> Over | None:
        """Return the budget that is used up by guests of whom none may be evicted."""
        budgets, guests = self._budgets, self._guests
        limit = budgets.connections_per_address
        if limit and guests.by_key.get(key, 0) >= limit and not guests.handshakes.count_of(key):
            return Over("connections_per_address", limit)
        limit = budgets.connections_per_endpoint
        if limit and self.count >= limit and not self._handshakes:
            return Over("connections_per_endpoint", limit)
        limit = budgets.connections_max
        if limit and guests.count >= limit and not guests.handshakes:
            return Over("connections_max", limit)
        return None

    def _too_fast(self, now: float) -> Over | None:
        """Take a token out of the bucket, which holds those of one second."""
        rate = self._budgets.connections_per_second
        if not rate:
            return None
        if self._when is not None:
            self._tokens = min(self._tokens + (now - self._when) * rate, float(rate))
        self._when = now
        if self._tokens < 1:
            return Over("connections_per_second", rate)
        self._tokens -= 1
        return None

    def _make_room(self, key: Hashable) -> None:
        """Evict whoever is over a budget once there is one more."""
        budgets, guests = self._budgets, self._guests
        of_all, here = guests.handshakes, self._handshakes
        limit = budgets.connections_per_address
        if limit and guests.by_key.get(key, 0) >= limit:
            self._evict(of_all.oldest_of(key), Over("connections_per_address", limit))
        limit = budgets.handshakes_per_address
        if limit and of_all.count_of(key) >= limit:
            self._evict(of_all.oldest_of(key), Over("handshakes_per_address", limit))
        limit = budgets.connections_per_endpoint
        if limit and self.count >= limit:
            self._evict(here.oldest(), Over("connections_per_endpoint", limit))
        limit = budgets.handshakes_per_endpoint
        if limit and len(here) >= limit:
            self._evict(here.oldest(), Over("handshakes_per_endpoint", limit))
        limit = budgets.connections_max
        if limit and guests.count >= limit:
            self._evict(of_all.oldest(), Over("connections_max", limit))
        limit = budgets.handshakes_max
        if limit and len(of_all) >= limit:
            self._evict(of_all.oldest(), Over("handshakes_max", limit))

    @staticmethod
    def _evict(guest: Guest | None, over: Over) -> None:
        if guest is not None:
            guest.leave()
            guest.evicted(over)

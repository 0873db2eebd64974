"""Durable sockets, as their users see them: the settings, and the moment when the store has everything."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from functools import wraps

from aiomq.core import SocketCore
from aiomq.durable import DURABLE_LIMIT, retention_of
from aiomq.durable_ledger import Ledger
from aiomq.durable_store import SqliteStore, Store
from aiomq.errors import ZMQError
from aiomq.limits import number_of
from aiomq.message import Message
from aiomq.patterns.table import PATTERNS

__all__ = ["SocketDurability", "check_store", "limit_of"]


class SocketDurability:
    """The parts of `Socket` that make it durable."""

    __slots__ = ()

    _core: SocketCore
    _try_send: Callable[[Message], bool]

    @property
    def durable(self) -> float:
        """For how many seconds a peer that announced a routing id, and lost its connection, is remembered; 0 for not.

        Its queue, which goes on filling up to SNDHWM, and its subscriptions are kept for that time, and are there when
        the same routing id is announced again. It is for PUB, XPUB, PUSH, DEALER, ROUTER and REP, and for peers that
        were accepted over a wire (tcp, ipc, vsock, tipc) after it was set: a peer that was connected to is kept in any
        case. `math.inf` is for as long as the socket is open; 0 and None forget all who are away now.

        Setting it raises:

        * ZMQError: EINVAL for another type of socket, a negative number, or 0 with a `durable_store`.
        * TypeError: it is no number.
        """
        durable = self._core.durable
        return 0.0 if durable is None else durable.retention

    @durable.setter
    def durable(self, value: float | None) -> None:
        core = self._core
        core.enter_sync()
        seconds = retention_of(value)
        if not core.pattern.keeps_away_peers:
            having = ", ".join(kind.name for kind, pattern in PATTERNS.items() if pattern.keeps_away_peers)
            raise ZMQError(errno.EINVAL, f"durable is for {having}, a {core.pattern.name} keeps nothing for its peers")
        if not seconds and core.durable is None:
            return
        durable = core.make_durable()
        if not seconds and durable.ledger is not None:
            raise ZMQError(errno.EINVAL, "a socket with a durable_store stays durable: close it, and delete the store")
        core.revoke_grants()
        durable.set_retention(seconds)

    @property
    def durable_limit(self) -> int:
        """How many peers that are away a durable socket remembers, 1000 if not set.

        With one more, one is forgotten: of the address, or of the user that an authenticator named, that has more than
        half of them, if there is one; rather one for whom no messages wait; and of those the one that came last with a
        new routing id. Setting it raises:

        * ZMQError: EINVAL for a number below 1, or if `durable` is not set.
        * TypeError: it is no number.
        """
        durable = self._core.durable
        return DURABLE_LIMIT if durable is None else durable.limit

    @durable_limit.setter
    def durable_limit(self, value: int) -> None:
        core = self._core
        core.enter_sync()
        limit = limit_of(value)
        self._check_durable("durable_limit")
        core.revoke_grants()
        core.make_durable().set_limit(limit)

    @property
    def durable_limit_each(self) -> int:
        """How many of those peers may be of one user, or one address; as many as `durable_limit` if not set.

        Whom an authenticator named (User-Id) is counted by that, others by their address: of IPv6 the network of 64
        bits, of ipc the user and group where the system tells them. A peer of which nothing is known, as after a
        restart with a store, is not counted. Setting it raises what setting `durable_limit` does.
        """
        durable = self._core.durable
        each = None if durable is None else durable.limit_each
        return self.durable_limit if each is None else each

    @durable_limit_each.setter
    def durable_limit_each(self, value: int) -> None:
        core = self._core
        core.enter_sync()
        limit = limit_of(value, "durable_limit_each")
        self._check_durable("durable_limit_each")
        core.revoke_grants()
        core.make_durable().set_limit_each(limit)

    @property
    def durable_store(self) -> Store | None:
        """Where queues and subscriptions outlive this process; None if they do not.

        A path is that of a SQLite file, opened or made now; anything else is a `Store`. It is for one socket at a time,
        and is closed with it. What it holds is read at once. Setting it raises:

        * ZMQError: EINVAL if `durable` is not set, the socket was bound or connected already, or has a store; and what
          the store says if it cannot be used: see `SqliteStore`.
        * TypeError: it is neither a path nor has what a `Store` has.
        """
        durable = self._core.durable
        return None if durable is None or durable.ledger is None else durable.ledger.store

    @durable_store.setter
    def durable_store(self, value: str | os.PathLike[str] | Store) -> None:
        self._core.enter_sync()
        self._keep_in(value)

    def _keep_in(self, value: str | os.PathLike[str] | Store) -> None:
        core = self._core
        self._check_durable("durable_store")
        if core.endpoints:
            raise ZMQError(errno.EINVAL, "a durable_store is set before the first bind or connect")
        if self.durable_store is not None:
            raise ZMQError(errno.EINVAL, "this socket has a durable_store, which stays")
        store = _store_of(value)
        try:
            core.use_store(store)
        except BaseException:  # raised again; nobody else would close it
            store.close()
            raise
        ledger = core.make_durable().ledger
        assert ledger is not None
        self._try_send = _checking(self._try_send, ledger)

    def _check_durable(self, what: str) -> None:
        if not self.durable:
            raise ZMQError(errno.EINVAL, f"{what} is for durable sockets: set durable first")

    def sync_store(self) -> None:
        """Let the store have, now, what is queued: it would at the end of this turn of the event loop.

        When this returns, each message that was sent before has left, was dropped by the rules of the type, or waits in
        the store for a peer that is remembered. What waits for other peers is in memory, as it is without a store.

        Raises:
            ZMQError: EINVAL if there is no store, or what the store says if it failed.
        """
        core = self._core
        core.enter()
        ledger = None if core.durable is None else core.durable.ledger
        if ledger is None:
            raise ZMQError(errno.EINVAL, "this socket has no durable_store that could have anything")
        core.revoke_grants()
        if not ledger.commit():
            ledger.check()


def limit_of(value: int, name: str = "durable_limit") -> int:
    """Return a number of peers.

    Raises:
        ZMQError: EINVAL for a number below 1.
        TypeError: it is no number.
    """
    return number_of(name, value, "peers", 1)


def check_store(value: object) -> None:
    """Refuse what is no store.

    Raises:
        TypeError: it is neither a path nor has what a `Store` has.
    """
    if isinstance(value, str | os.PathLike):
        return
    missing = [name for name in vars(Store) if not name.startswith("_") and not hasattr(value, name)]
    if missing:
        what = f"{type(value).__name__}, which has no {', '.join(missing)}"
        raise TypeError(f"a durable_store is a path, or has the methods of aiomq.Store; this is {what}")


def _store_of(value: str | os.PathLike[str] | Store) -> Store:
    check_store(value)
    return SqliteStore(value) if isinstance(value, str | os.PathLike) else value


def _checking(try_send: Callable[[Message], bool], ledger: Ledger) -> Callable[[Message], bool]:
    """Return a `try_send` that refuses to queue what the store would not get."""

    @wraps(try_send)
    def send(message: Message) -> bool:
        ledger.check()
        return try_send(message)

    return send

"""The defaults that a context keeps for what `SocketLimits` and `SocketDurability` set, for the sockets to come."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from aiomq.budget_attributes import BudgetAttributes
from aiomq.budgets import BUDGETS
from aiomq.durable import DURABLE_LIMIT, retention_of
from aiomq.durable_socket import check_store, limit_of
from aiomq.durable_store import Store
from aiomq.limits import policy_of
from aiomq.mute import OnMute
from aiomq.security import version_of

if TYPE_CHECKING:
    from aiomq.socket import Socket

__all__ = ["ContextLimits", "LimitDefault", "apply_limits", "apply_store"]

T = TypeVar("T")
S = TypeVar("S")


class LimitDefault(Generic[T, S]):
    """An attribute of a context that is the default of one of them."""

    __slots__ = ("_check", "_name", "_unset")

    def __init__(self, check: Callable[[S], T], unset: T) -> None:
        self._check = check
        self._unset = unset
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> LimitDefault[T, S]: ...

    @overload
    def __get__(self, instance: ContextLimits, owner: type) -> T: ...

    def __get__(self, instance: ContextLimits | None, owner: type) -> LimitDefault[T, S] | T:
        if instance is None:
            return self
        found: T = instance._limits.get(self._name, self._unset)
        return found

    def __set__(self, instance: ContextLimits, value: S) -> None:
        instance._limits[self._name] = self._check(value)

    def __repr__(self) -> str:
        return f"<LimitDefault {self._name}>"


def _policy(value: OnMute | str | None) -> OnMute | None:
    return None if value is None else policy_of(value)


def _store(value: str | os.PathLike[str] | Store | None) -> str | os.PathLike[str] | Store | None:
    if value is not None:
        check_store(value)
    return value


class ContextLimits(BudgetAttributes):
    """Gives a context an attribute for each; a type that has no use for one makes its sockets without.

    The budgets of sockets are among them: see `aiomq.budgets`.

    Attributes:
        on_mute: for types that can do so: see `Socket.on_mute`; None leaves each type its own way.
        durable: as `Socket.durable`.
        durable_limit: as `Socket.durable_limit`, for sockets that are durable.
        durable_store: as `Socket.durable_store`, for sockets that are durable; a store is for one socket at a time, so
            the next one is refused as long as that one is open. None for none.
        zmtp_min: as `Socket.zmtp_min`; None for what follows from the other options of a socket.
    """

    _limits: dict[str, Any]

    def _get_budget(self, name: str, /) -> int:
        value: int = self._limits.get(name, BUDGETS[name].default)
        return value

    def _set_budget(self, name: str, value: int, /) -> None:
        self._limits[name] = value

    on_mute: LimitDefault[OnMute | None, OnMute | str | None] = LimitDefault(_policy, None)
    zmtp_min: LimitDefault[str | None, str | None] = LimitDefault(version_of, None)
    durable: LimitDefault[float, float | None] = LimitDefault(retention_of, 0.0)
    durable_limit: LimitDefault[int, int] = LimitDefault(limit_of, DURABLE_LIMIT)
    durable_store: LimitDefault[
        str | os.PathLike[str] | Store | None,
        str | os.PathLike[str] | Store | None,
    ] = LimitDefault(_store, None)


def apply_limits(limits: Mapping[str, Any], socket: Socket, given: Collection[str]) -> None:
    """Let a new socket have the defaults that its type has a use for; it stays without a loop.

    Args:
        limits: of the context.
        socket: which.
        given: the names of what its maker sets, and that needs no default.
    """
    core = socket._core
    wanted = {name: value for name, value in limits.items() if name not in given}
    for name in wanted.keys() & BUDGETS:
        setattr(core.options, name, wanted[name])
    core.options.zmtp_min = wanted.get("zmtp_min") or ""
    policy = wanted.get("on_mute")
    if policy is not None and policy in core.pattern.mutes:
        core.pattern.set_on_mute(policy)
    if wanted.get("durable") and core.pattern.keeps_away_peers:
        core.make_durable().set_retention(wanted["durable"])


def apply_store(limits: Mapping[str, Any], socket: Socket, given: Collection[str]) -> None:
    """Let a new socket that is durable, now that its maker has set the rest, have the default limit and store.

    Raises:
        ZMQError: what the store says if it cannot be used.
    """
    if not socket.durable:
        return
    if "durable_limit" in limits and "durable_limit" not in given:
        socket._core.make_durable().set_limit(limits["durable_limit"])
    store = None if "durable_store" in given else limits.get("durable_store")
    if store is not None:
        socket._keep_in(store)

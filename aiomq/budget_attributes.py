"""Budgets as attributes of sockets and contexts: `socket.topics_per_peer = 100`.

They are written out, one a line, so that type checkers and editors know them.
"""

from __future__ import annotations

from typing import Protocol, overload

from aiomq.budgets import BUDGETS, budget_of

__all__ = ["BudgetAttribute", "BudgetAttributes", "BudgetHolder"]


class BudgetHolder(Protocol):
    """What has budgets: a socket, and a context for the sockets to come."""

    def _get_budget(self, name: str, /) -> int: ...

    def _set_budget(self, name: str, value: int, /) -> None: ...


class BudgetAttribute:
    """An attribute that is a budget: a whole number from 0 (no limit) on.

    Setting it raises `ZMQError` (EINVAL) for a number below 0, and `TypeError` for what is no number.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name
        told = BUDGETS[name]
        self.__doc__ = f"How many {told.unit} at most for one {told.whose}: {told.counts}; beyond, {told.then}."

    @overload
    def __get__(self, instance: None, owner: type) -> BudgetAttribute: ...

    @overload
    def __get__(self, instance: BudgetHolder, owner: type) -> int: ...

    def __get__(self, instance: BudgetHolder | None, owner: type) -> BudgetAttribute | int:
        return self if instance is None else instance._get_budget(self._name)

    def __set__(self, instance: BudgetHolder, value: int) -> None:
        instance._set_budget(self._name, budget_of(self._name, value))

    def __repr__(self) -> str:
        return f"<BudgetAttribute {self._name}>"


class BudgetAttributes:
    """Gives a socket, and a context for the sockets to come, an attribute for each budget.

    See `aiomq.budgets` and the page of limits for what each counts, and what becomes of who wants more.
    """

    __slots__ = ()

    connections_max = BudgetAttribute()
    connections_per_endpoint = BudgetAttribute()
    connections_per_address = BudgetAttribute()
    connections_per_second = BudgetAttribute()
    handshakes_max = BudgetAttribute()
    handshakes_per_endpoint = BudgetAttribute()
    handshakes_per_address = BudgetAttribute()
    handshake_bytes = BudgetAttribute()
    descriptors_free = BudgetAttribute()
    idle_timeout = BudgetAttribute()
    write_timeout = BudgetAttribute()
    commands_per_second = BudgetAttribute()
    message_bytes_max = BudgetAttribute()
    message_frames_max = BudgetAttribute()
    rcvhwm_bytes = BudgetAttribute()
    unread_bytes_max = BudgetAttribute()
    sndhwm_bytes = BudgetAttribute()
    unsent_bytes_max = BudgetAttribute()
    topics_per_peer = BudgetAttribute()
    topic_bytes_per_peer = BudgetAttribute()
    topics_per_address = BudgetAttribute()
    topics_max = BudgetAttribute()
    topic_bytes_max = BudgetAttribute()
    groups_per_peer = BudgetAttribute()
    groups_per_address = BudgetAttribute()
    groups_max = BudgetAttribute()

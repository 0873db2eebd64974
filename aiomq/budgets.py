"""The budgets of a socket: what others may make it hold or do, how much of it, and what becomes of who wants more.

The table is the one place where a budget has its name, its default and its words; the attributes of sockets and
contexts, and the page of limits, are made of it. A budget of 0 is none.
"""

from __future__ import annotations

import errno
import operator
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec

from aiomq.errors import ZMQError

__all__ = ["BUDGETS", "Budget", "Budgets", "budget_of"]

_MIB: Final = 1 << 20


class Budgets(msgspec.Struct, kw_only=True):
    """The values of all budgets of one socket: plain attributes, for hot paths to read. 0 is no limit."""

    connections_max: int = 0
    connections_per_endpoint: int = 0
    connections_per_address: int = 0
    connections_per_second: int = 0
    handshakes_max: int = 8192
    handshakes_per_endpoint: int = 4096
    handshakes_per_address: int = 0
    handshake_bytes: int = 48 << 10
    descriptors_free: int = 16
    idle_timeout: int = 0
    write_timeout: int = 0
    commands_per_second: int = 1000
    message_bytes_max: int = 0
    message_frames_max: int = 1 << 20
    rcvhwm_bytes: int = 64 * _MIB
    unread_bytes_max: int = 0
    sndhwm_bytes: int = 64 * _MIB
    unsent_bytes_max: int = 0
    topics_per_peer: int = 10_000
    topic_bytes_per_peer: int = 4 * _MIB
    topics_per_address: int = 100_000
    topics_max: int = 1_000_000
    topic_bytes_max: int = 256 * _MIB
    groups_per_peer: int = 10_000
    groups_per_address: int = 100_000
    groups_max: int = 1_000_000


_DEFAULTS: Final = Budgets()


class Budget(NamedTuple):
    """What is known of one budget."""

    name: str
    unit: str
    whose: str
    """Whose use is counted together: a peer, an address, an endpoint, a socket."""
    counts: str
    """What is counted, in words."""
    then: str
    """What happens to who wants more."""
    at_once: bool = False
    """A new value counts now; else for binds and connects that come later."""

    @property
    def default(self) -> int:
        """The value of a new socket."""
        value: int = getattr(_DEFAULTS, self.name)
        return value


_REFUSED: Final = "further ones are closed at once, with ACCEPT_FAILED"
_CUT: Final = "the connection is cut"
_MOST_OF_ADDRESS_CUT: Final = "the peer of that address that has most is cut"
_MOST_CUT: Final = "of the address that has most the peer that has most is cut"
_MOST: Final = "the oldest in its handshake of the address that has most of them is cut for each further one"
_OF_ADDRESS: Final = "the oldest in its handshake of that address is cut for each further one"
_NONE: Final = "where none is in its handshake, further ones are closed at once, with ACCEPT_FAILED"

_TABLE: Final = (
    Budget("connections_max", "connections", "socket", "connections that came in", f"{_MOST}; {_NONE}"),
    Budget("connections_per_endpoint", "connections", "endpoint", "connections that came in", f"{_MOST}; {_NONE}"),
    Budget("connections_per_address", "connections", "address", "connections that came in", f"{_OF_ADDRESS}; {_NONE}"),
    Budget("connections_per_second", "connections", "endpoint", "connections that come in a second", _REFUSED),
    Budget("handshakes_max", "connections", "socket", "connections in their handshake", _MOST),
    Budget("handshakes_per_endpoint", "connections", "endpoint", "connections in their handshake", _MOST),
    Budget("handshakes_per_address", "connections", "address", "connections in their handshake", _OF_ADDRESS),
    Budget(
        "handshake_bytes",
        "bytes",
        "connection",
        "one command of a handshake, metadata included, and what is held of the handshake",
        _CUT,
    ),
    Budget(
        "descriptors_free",
        "descriptors",
        "process",
        "descriptors below the system's limit that connections that come in leave free",
        _REFUSED,
    ),
    Budget("idle_timeout", "milliseconds", "connection", "time in which nothing arrives and nothing leaves", _CUT),
    Budget("write_timeout", "milliseconds", "connection", "time in which nothing leaves of what waits to", _CUT),
    Budget(
        "commands_per_second", "commands", "connection", "PINGs, PONGs and unknown commands that arrive a second", _CUT
    ),
    Budget("message_bytes_max", "bytes", "message", "the frames of a message that arrives, together", _CUT),
    Budget("message_frames_max", "frames", "message", "the frames of a message that arrives", _CUT),
    Budget(
        "rcvhwm_bytes",
        "bytes",
        "peer",
        "messages that arrived and were not read, beside RCVHWM",
        "its connection is not read until half of them are taken",
    ),
    Budget(
        "unread_bytes_max",
        "bytes",
        "socket",
        "messages of all peers that arrived and were not read",
        "no connection is read whose inbox has something in it, until there is room",
    ),
    Budget(
        "sndhwm_bytes",
        "bytes",
        "peer",
        "messages that wait to leave, beside SNDHWM",
        "the peer is full, as with SNDHWM",
    ),
    Budget(
        "unsent_bytes_max",
        "bytes",
        "socket",
        "messages that wait to leave for all peers",
        "the peers with something that waits are full",
    ),
    Budget("topics_per_peer", "topics", "peer", "different topics that one peer subscribes to", _CUT, at_once=True),
    Budget("topic_bytes_per_peer", "bytes", "peer", "these topics together", _CUT, at_once=True),
    Budget(
        "topics_per_address",
        "topics",
        "address",
        "topics of each peer of the address, added up",
        _MOST_OF_ADDRESS_CUT,
        at_once=True,
    ),
    Budget("topics_max", "topics", "socket", "topics of each peer, added up", _MOST_CUT, at_once=True),
    Budget("topic_bytes_max", "bytes", "socket", "topics of each peer, added up", _MOST_CUT, at_once=True),
    Budget("groups_per_peer", "groups", "peer", "different groups that one peer has joined", _CUT, at_once=True),
    Budget(
        "groups_per_address",
        "groups",
        "address",
        "groups of each peer of the address, added up",
        _MOST_OF_ADDRESS_CUT,
        at_once=True,
    ),
    Budget("groups_max", "groups", "socket", "groups of each peer, added up", _MOST_CUT, at_once=True),
)

BUDGETS: Final[Mapping[str, Budget]] = MappingProxyType({each.name: each for each in _TABLE})
"""What is known of each budget, in the order of the page."""


def budget_of(name: str, value: int) -> int:
    """Return the value for a budget.

    Raises:
        ZMQError: EINVAL for a number below 0.
        TypeError: it is no number.
    """
    unit = BUDGETS[name].unit
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} takes a number of {unit}, not {value!r}") from None
    if number < 0:
        raise ZMQError(errno.EINVAL, f"{name} takes a number of {unit} from 0 (no limit) on, not {number}")
    return number

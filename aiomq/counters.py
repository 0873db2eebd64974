"""What a socket and its peers have done so far, in numbers.

Connections count by the batch: what they write and read at a time, never message by message.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

__all__ = ["Counters", "PeerStatus", "Tally"]


class Counters(msgspec.Struct, frozen=True, kw_only=True):
    """What a socket has done since it was made, all its peers together, those that are gone included.

    Attributes:
        sent: messages handed to a transport, or over inproc to the other socket; subscriptions count as messages.
        received: messages that arrived, read or not; subscriptions count as messages.
        dropped: messages that this socket threw away because a peer was full, unknown, or gone, where its type or
            `on_mute` has it so. A message that three subscribers missed counts three times.
        forgotten: peers of a durable socket that had not come back when their time was over, or that were too many.
        connects: connections that finished their handshake.
        disconnects: connections, of those that did, that ended.
        refused: connections that came in and were not let in: by an address rule, or over a budget.
        failed_handshakes: connections that ended before their handshake was over, those refused not counted.
        protocol_errors: connections that ended because the peer broke the protocol.
        cut: connections that ended because the peer went over a budget.
        over: how often each budget was reached, by its name (see `aiomq.budgets`): those refused and cut.
    """

    sent: int = 0
    received: int = 0
    dropped: int = 0
    forgotten: int = 0
    connects: int = 0
    disconnects: int = 0
    refused: int = 0
    failed_handshakes: int = 0
    protocol_errors: int = 0
    cut: int = 0
    over: Mapping[str, int] = MappingProxyType({})


class PeerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One peer of a socket at one moment.

    Attributes:
        endpoint: where it came in, or what was connected to, as LAST_ENDPOINT writes it.
        address: who is at the other end, `host:port`; empty for ipc and inproc, and while nobody is.
        routing_id: the identity that it announced, or that a ROUTER gave it; empty if it has none.
        state: `connected`, `waiting` for a connection, or `away` (of a durable socket).
        away_since: when it went away, in seconds since the epoch; None if it did not.
        queued_out: messages that wait to leave. Over inproc: that the other side has not read.
        queued_in: messages that arrived and were not read.
        sent: messages that left, over all connections of this peer; as in `Counters`.
        received: messages that arrived; as in `Counters`.
        dropped: messages that this peer missed because its queue was full.
    """

    endpoint: str
    address: str = ""
    routing_id: bytes = b""
    state: str
    away_since: float | None = None
    queued_out: int = 0
    queued_in: int = 0
    sent: int = 0
    received: int = 0
    dropped: int = 0


class Tally:
    """The numbers of a socket as they grow; see `Counters`. Drops are counted where they are decided, by patterns."""

    __slots__ = (
        "connects",
        "cut",
        "disconnects",
        "failed_handshakes",
        "over",
        "protocol_errors",
        "received",
        "refused",
        "sent",
    )

    def __init__(self) -> None:
        self.sent = 0
        self.received = 0
        self.connects = 0
        self.disconnects = 0
        self.refused = 0
        self.failed_handshakes = 0
        self.protocol_errors = 0
        self.cut = 0
        self.over: Counter[str] = Counter()

    def refuse(self, budget: str = "") -> None:
        """A connection that came in was not let in: over this budget, or by a rule."""
        self.refused += 1
        if budget:
            self.over[budget] += 1

    def end(self, *, is_proved: bool, is_breach: bool, budget: str) -> None:
        """A connection that was let in, or made, has ended.

        Args:
            is_proved: its handshake was over.
            is_breach: the peer broke the protocol.
            budget: the one that the peer went over, or nothing.
        """
        self.failed_handshakes += not is_proved
        if budget:
            self.cut += 1
            self.over[budget] += 1
        elif is_breach:
            self.protocol_errors += 1

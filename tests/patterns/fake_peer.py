"""A peer without a network: what a pattern sees of one, with every queue open to the test.

It checks what a pattern must keep to (nothing is put to a full or closed peer, credit is given once per pop) with
plain assertions, so that each pattern test checks the contract along with its own rule.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from aiomq.message import Control, Item, Message
from aiomq.patterns.base import Pattern

__all__ = ["FakePeer"]


class FakePeer:
    """Implements `aiomq.patterns.base.Peer` with a bounded outbox, an inbox and a backlog behind it.

    Args:
        pattern: where the events of this peer go; without it the test calls the pattern itself.
        name: shown by `repr`, for readable failures.
        hwm: messages the outbox holds before the peer is full.
        low_water: the level at which the inbox asks for credit; -1 asks never.
        routing_id: the identity the other side announced.
        backlog: items waiting outside; `inbox_low` moves `refill` of them into the inbox at once.
        refill: how many items of the backlog one call of `inbox_low` moves.
        detach_on_close: whether `close` detaches at once, as some transports do.
    """

    def __init__(
        self,
        pattern: Pattern | None = None,
        *,
        name: str = "peer",
        hwm: int = 1000,
        low_water: int = -1,
        routing_id: bytes = b"",
        backlog: Iterable[Item] = (),
        refill: int = 1,
        detach_on_close: bool = False,
    ) -> None:
        self.pattern = pattern
        self.name = name
        self.hwm = hwm
        self.low_water = low_water
        self.routing_id = routing_id
        self.properties: Mapping[str, bytes] = {}
        self.backlog: deque[Item] = deque(backlog)
        self.refill = refill
        self.detach_on_close = detach_on_close
        self.inbox: deque[Item] = deque()
        self.outbox: list[Message] = []
        self.controls: list[Control] = []
        self.in_fair_queue = False
        self.writable = hwm > 0
        self.closed = False
        self.finished = False
        self.low_count = 0
        self.discard_count = 0
        self.dropped = 0
        self.over_wire = True
        self.held = False

    def __repr__(self) -> str:
        return f"<FakePeer {self.name} in={len(self.inbox)} out={len(self.outbox)}/{self.hwm}>"

    # -- the Peer protocol -------------------------------------------------------------------------------------------

    def put(self, message: Message, /) -> bool:
        assert self.writable, f"{self!r}: put to a full peer"
        assert not self.closed, f"{self!r}: put to a closed peer"
        assert type(message) is bytes or (type(message) is tuple and len(message) >= 2), f"no message: {message!r}"
        self.outbox.append(message)
        self.writable = len(self.outbox) < self.hwm
        return self.writable

    @property
    def room(self) -> int:
        return self.hwm - len(self.outbox) - 1

    def put_many(self, messages: Sequence[Message], /) -> None:
        assert len(messages) <= self.room, f"{self!r}: {len(messages)} messages are too many"
        for message in messages:
            self.put(message)

    def hold(self) -> None:
        self.held = True

    def replace_oldest(self, message: Message, /) -> bool:
        assert not self.writable, f"{self!r}: a message was dropped though there was room"
        if not self.outbox:
            return False
        self.outbox.pop(0)
        self.outbox.append(message)
        return True

    def put_control(self, item: Control, /) -> None:
        self.controls.append(item)

    def discard_outbox(self) -> None:
        self.discard_count += 1
        self.outbox.clear()
        self.controls.clear()

    def inbox_low(self) -> None:
        assert len(self.inbox) <= self.low_water, f"{self!r}: credit given above the low-water mark"
        self.low_count += 1
        for _ in range(min(self.refill, len(self.backlog))):
            self.inbox.append(self.backlog.popleft())

    def finish(self) -> None:
        self.finished = True
        self.inbox.clear()
        self.detach()

    def close(self, reason: str = "", /) -> None:
        self.closed = True
        self.writable = False
        if self.detach_on_close and self.pattern is not None:
            self.pattern.detach(self)

    # -- the test's side ---------------------------------------------------------------------------------------------

    def attach(self) -> FakePeer:
        """Attach to the pattern; return the peer, so that making and attaching it fit on one line."""
        self._pattern.attach(self)
        return self

    def identify(self) -> FakePeer:
        """Attach to the pattern with a routing id that is known."""
        self._pattern.attach(self)
        self._pattern.identify(self)
        return self

    def detach(self) -> None:
        """Go away, leaving in the inbox what was not read."""
        self.writable = False
        self._pattern.detach(self)

    def deliver(self, *items: Item) -> None:
        """Let items arrive from the other side as one batch."""
        self.inbox.extend(items)
        self._pattern.peer_readable(self)

    def take(self, count: int | None = None) -> list[Message]:
        """Send off `count` messages of the outbox (all if None); tell the pattern if that ends a full state."""
        number = len(self.outbox) if count is None else count
        taken, self.outbox[:] = self.outbox[:number], self.outbox[number:]
        if not self.writable and not self.closed and len(self.outbox) < self.hwm:
            self.writable = True
            if self.pattern is not None:
                self.pattern.peer_writable(self)
        return taken

    @property
    def _pattern(self) -> Pattern:
        assert self.pattern is not None, f"{self!r} was made without a pattern"
        return self.pattern

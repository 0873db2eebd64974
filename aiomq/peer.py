"""The socket's end of one link: a bounded outbox, a bounded inbox, and the credit between the two sides.

The high-water mark counts whole messages of one peer, and room comes back as in libzmq: in steps of half the mark, so
that a full queue is not filled and drained one message at a time. A peer made by `connect` outlives its connections
and keeps its outbox over a reconnection; one that was accepted dies with its connection.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, Final

from aiomq.flusher import Flusher
from aiomq.message import Control, Item, Message
from aiomq.options import SocketOptions
from aiomq.peer_protocols import Link, PeerOwner, Rest
from aiomq.teardown import run_all
from aiomq.tracker import Departures
from aiomq.unsent import MESSAGE_COST, process_unsent
from aiomq.weights import EXACT_BELOW, FEW, SMALL, Unsent, Weights, size_of

__all__ = ["NO_MARKS", "NO_PROPERTIES", "UNLIMITED", "Link", "PeerOwner", "StreamPeer", "low_water_mark", "new_queue"]

UNLIMITED: Final = sys.maxsize

NO_MARKS: Final = SocketOptions(sndhwm=0, rcvhwm=0)
"""Where the peers of a conflating endpoint look up their marks: one message is all they ever hold."""

NO_PROPERTIES: Final[Mapping[str, bytes]] = MappingProxyType({})
"""What is known of a peer that did not say anything of itself."""


def new_queue(*, latest_only: bool) -> deque[Item]:
    """Return an empty queue; with CONFLATE, one that forgets what it holds as soon as the next whole message comes."""
    return deque(maxlen=1 if latest_only else None)


def low_water_mark(hwm: int) -> int:
    """Return after how many messages the reading side gives credit back: half the mark, rounded up."""
    return (hwm + 1) // 2


class StreamPeer:
    """A peer whose messages travel over connections, one after the other."""

    over_wire: ClassVar[bool] = True
    __slots__ = (
        "_departures",
        "_discarded",
        "_hwm",
        "_limit",
        "_looks",
        "_mark",
        "_unreported",
        "_unsent",
        "_weights",
        "address",
        "corked",
        "dropped",
        "endpoint",
        "flusher",
        "in_fair_queue",
        "inbox",
        "left",
        "link",
        "low_water",
        "marks",
        "noted",
        "outbox",
        "owner",
        "properties",
        "raw_bytes",
        "received",
        "rest",
        "routing_id",
        "sent",
        "writable",
    )

    def __init__(
        self,
        owner: PeerOwner,
        flusher: Flusher,
        endpoint: str,
        *,
        conflate: bool = False,
        mark: int = 0,
        unsent: Unsent | None = None,
    ) -> None:
        latest_in, latest_out = owner.conflates if conflate else (False, False)
        self.owner = owner
        self.marks = NO_MARKS if latest_in or latest_out else owner.options
        self.flusher = flusher
        self.endpoint = endpoint
        self.routing_id = b""
        self.properties = NO_PROPERTIES
        self.inbox = new_queue(latest_only=latest_in)
        self.outbox = new_queue(latest_only=latest_out)
        self.low_water = -1
        self.in_fair_queue = False
        self.address = ""
        self.writable = True
        self.left = False
        self.corked = True  # nothing can be flushed before there is a link
        self.link: Link | None = None
        self.sent = self.received = self.dropped = 0
        self.rest: Rest | None = None
        """What connections that are gone have left, and is not decoded yet."""
        self.raw_bytes = 0
        """Bytes that were read, and are kept until there is room to decode them."""
        self._departures: Departures | None = None
        self._discarded = 0
        self._mark = mark
        """Bytes in the outbox at which it is full; 0 for any."""
        self._unsent = unsent
        """The same for all peers of the socket together."""
        self.noted = 0
        """Bytes that the process counts as waiting to leave here."""
        self._weights: Weights | None = None  # most peers never have anything to weigh
        self._looks = mark > 0 or unsent is not None
        """Each `put` is to find out whether there is room, whatever the number of messages."""
        self._unreported = 0
        self._hwm = 0
        self._limit = UNLIMITED
        self.apply_hwm()

    # -- the outbox --------------------------------------------------------------------------------------------------

    def put(self, message: Message) -> bool:
        """Queue a whole message; return whether there is room for one more."""
        outbox = self.outbox
        outbox.append(message)
        if not self.corked:
            self.flusher.touch(self)
            self.owner.peer_corked(self, outbox.append, self._limit - len(outbox) - 1)
        if len(outbox) < self._limit:
            return True
        return self._make_room()

    @property
    def room(self) -> int:
        """How many messages `put_many` may add so that the peer stays writable."""
        if self._keeps_to_message:
            return 0
        return self._count_limit - len(self.outbox) - 1

    def put_many(self, messages: Sequence[Message]) -> None:
        """Queue as many whole messages as there is `room` for."""
        self.outbox.extend(messages)
        if self._looks and self._is_over():
            self.writable = False
        self.hold()

    def hold(self) -> None:
        """Collect what is put in this turn, from the first message on: there will be many."""
        if not self.corked:
            self.flusher.hold(self)

    def _make_room(self) -> bool:
        """The outbox is full, or has to be weighed: if it is full, write at once what the transport takes."""
        if self._looks and self._has_room():
            self._set_limit()
            return True
        if self.link is not None:
            self.link.flush()
            if self._has_room():
                return True
        self.writable = False
        self.owner.peer_full()
        return False

    # -- bytes in the outbox -----------------------------------------------------------------------------------------

    @property
    def _is_weighed(self) -> bool:
        return self._mark > 0 or self._unsent is not None

    @property
    def _keeps_to_message(self) -> bool:
        return 0 < self._mark < EXACT_BELOW

    @property
    def _count_limit(self) -> int:
        return self._hwm - self._unreported if self._hwm else UNLIMITED

    def _set_limit(self) -> None:
        self._limit = 0 if self._looks else self._count_limit

    def _has_room(self) -> bool:
        return len(self.outbox) < self._count_limit and not self._is_over()

    def _is_over(self) -> bool:
        """Weigh what was put, and return whether it is too much."""
        if self.noted and process_unsent.is_over:
            self._looks = True
            return True
        weights = self._weights
        if weights is None:
            if not self.outbox or not self._is_weighed:
                self._looks = self._is_weighed and (self.link is None or self._keeps_to_message)
                return False
            weights = self._weights = Weights(self._mark, self._unsent)
        weights.weigh(self.outbox)
        is_over = weights.look(self)
        self._looks = is_over or self.link is None or self._keeps_to_message
        return is_over

    def left_behind(self, in_transport: int) -> None:
        """The transport is full, and something stays in it or in the outbox: find out whether that is too much.

        Args:
            in_transport: bytes that are held beside the outbox.
        """
        outbox, weights = self.outbox, self._weights
        count = len(outbox)
        known, held = (0, 0) if weights is None else (weights.known, weights.held)
        unknown = (count - known) * size_of(outbox[-1]) if count > known else 0  # of one kind, most often
        self._note(in_transport + held + unknown + count * MESSAGE_COST)
        if self.writable and (process_unsent.is_over or self._has_to_be_weighed()) and self._is_over():
            self._limit = 0
            self.writable = False
            self.owner.peer_full()

    def _note(self, held: int) -> None:
        if held != self.noted:
            process_unsent.change(held - self.noted)
            self.noted = held

    def nothing_left(self) -> None:
        """All that was put has left for the system."""
        self._note(0)
        if not self.writable:
            self._credit()

    def _has_to_be_weighed(self) -> bool:
        return self._is_weighed and not (self._unsent is None and self._is_light())

    def _is_light(self) -> bool:
        """Whether what was put is many small messages, and too few to reach the mark: weighing them would cost more.

        Larger ones are flushed one by one, so that the last one tells.
        """
        if self.owner.unsent.is_mixed:
            return False
        outbox, weights = self.outbox, self._weights
        known, held = (0, 0) if weights is None else (weights.known, weights.held)
        added = len(outbox) - known
        return added > FEW and added * SMALL < self._mark - held and size_of(outbox[-1]) <= SMALL

    def reweigh(self) -> None:
        """Other peers of the socket have made room."""
        if not self.left:
            self._credit()

    def _drop_excess(self, message: Message) -> None:
        """Drop of the oldest messages all but one of those that have to go for this one."""
        weights = self._weights
        if weights is not None:
            weights.weigh(self.outbox)
            count = weights.excess(self.outbox, size_of(message))
            for _ in range(count):
                self.outbox.popleft()
            self._discarded += count
            self.dropped += count
            weights.left(count + 1)

    # -- more of the outbox ------------------------------------------------------------------------------------------

    def replace_oldest(self, message: Message) -> bool:
        """Drop the oldest message that waits here, and queue this one; False if none waits."""
        outbox = self.outbox
        if not outbox:
            return False
        self._drop_excess(message)
        outbox.popleft()
        outbox.append(message)
        self._discarded += 1
        if self._departures is not None and not self._departures.left(self.sent + self._discarded):
            self._departures = None
        return True

    def put_control(self, item: Control) -> None:
        """Queue a subscription or the like, whatever the high-water mark says: losing one would silence a topic."""
        self.outbox.append(item)
        if not self.corked:
            self.flusher.touch(self)

    def discard_outbox(self) -> None:
        """Throw away what is queued and not on its way."""
        self.outbox.clear()
        self._note(0)
        if self._weights is not None:
            self._weights.clear()
        self._unreported = 0
        self._end_departures()
        self._credit()

    def flush(self) -> None:
        """Write what is queued, as far as the transport takes it."""
        if self.link is not None:
            self.link.flush()

    def uncork(self) -> None:
        """The turn is over: write what was held back."""
        if self.link is not None:
            self.corked = False
            self.link.flush()

    def flushed(self, count: int) -> None:
        """So many items left the outbox: give credit for them, in steps of the low-water mark."""
        self.sent += count
        if self.left:  # and was counted by its owner then
            self.owner.tally.sent += count
        weights = self._weights
        if weights is not None:
            weights.left(count)
        if self._hwm:
            self._unreported = (self._unreported + count) % low_water_mark(self._hwm)
            self._credit()
        elif weights is not None:
            self._credit()
        if self._departures is not None and not self._departures.left(self.sent + self._discarded):
            self._departures = None

    @property
    def total_put(self) -> int:
        """How many items were ever put here, those included that newer ones took the place of."""
        return self.sent + self._discarded + len(self.outbox)

    def call_when_gone(self, callback: Callable[[], None], /) -> None:
        """Call back when everything that was put so far has left or was dropped; at once, if it has."""
        if not self.outbox:
            callback()
            return
        if self._departures is None:
            self._departures = Departures()
        self._departures.add(self.total_put, callback)

    def _end_departures(self) -> None:
        departures, self._departures = self._departures, None
        if departures is not None:
            departures.end()

    def _credit(self) -> None:
        if self._looks:
            has_room = self._has_room()
            self._set_limit()
        else:
            self._limit = limit = self._hwm - self._unreported if self._hwm else UNLIMITED
            has_room = len(self.outbox) < limit
        if has_room and not self.writable and not self.left:
            self.writable = True
            self.owner.peer_writable(self)

    def apply_hwm(self) -> None:
        """Apply the owner's SNDHWM (messages; 0 is no limit); the mark of the inbox is looked up at every read."""
        self._hwm = self.marks.sndhwm
        self._unreported = 0
        self._set_limit()
        if self._has_room():
            self._credit()
        else:
            self.writable = False

    # -- the inbox ---------------------------------------------------------------------------------------------------

    def inbox_low(self) -> None:
        """The inbox ran down to `low_water`."""
        if self.rest is not None:
            self.rest.refill()
        elif self.link is not None:
            self.link.refill()

    # -- the link ----------------------------------------------------------------------------------------------------

    def attach_link(self, link: Link) -> None:
        """A connection is ready to carry messages."""
        self.link = link
        self.corked = False
        self._look_or_not()
        self.owner.link_made()
        link.flush()

    def detach_link(self) -> None:
        """The connection is gone; what is queued stays for the next one."""
        if self.link is not None:
            self.link = None
            self.corked = True
            self._note(0)
            self._look_or_not()
            self.owner.link_lost()

    def _look_or_not(self) -> None:
        """What is put without a link is weighed at once: no flush will do it."""
        if self._is_weighed:
            is_over = self._weights is not None and self._weights.is_over
            self._looks = is_over or self.link is None or self._keeps_to_message
            self._set_limit()

    def _end_weights(self) -> None:
        """Nothing of what is queued will leave: it counts no longer."""
        weights, self._weights = self._weights, None
        self._mark, self._unsent, self._looks = 0, None, False
        self._note(0)
        if weights is not None:
            weights.clear()

    def leave(self, *, drop: bool = False) -> None:
        """Take no further part in the socket's pattern; what is queued to go out may still go.

        With `drop`, what arrived and was not read is thrown away, and so is what still arrives.
        """
        if not self.left:
            self.left = True
            self.writable = False
            if drop:
                self.inbox.clear()
                self.rest = None
                self.raw_bytes = 0
            run_all(lambda: self.owner.peer_detached(self), *((self.inbox_low,) if drop else ()))

    def close(self, reason: str = "", budget: str = "", /) -> None:
        """End this link for good; monitors are told the reason, and a budget that the peer went over is counted."""
        run_all(self.leave, lambda: self._end_link(reason, budget), self._end_departures, self._end_weights)

    def _end_link(self, reason: str, budget: str) -> None:
        link = self.link
        if link is not None:
            run_all(self.detach_link, lambda: link.end(reason, budget))

    def finish(self) -> None:
        """Drop what was not read, and end this link for good once what is queued has left.

        LINGER has no say in it: that is for what the socket still holds when it, or the endpoint, is closed.
        """
        link = self.link
        run_all(lambda: self.leave(drop=True), *(() if link is None else (lambda: link.finish(None),)))

    def end_with_socket(self) -> None:
        """Nothing: the listener or dialer ends its peers, after what they have to send."""

    @property
    def queued_out(self) -> int:
        """Messages that wait to leave."""
        return len(self.outbox)

    @property
    def state(self) -> str:
        """`connected`, `waiting` (for a connection) or `closed`."""
        if self.link is not None:
            return "connected"
        return "closed" if self.left else "waiting"

    def __repr__(self) -> str:
        return f"<Peer {self.endpoint} {self.state} queued out={len(self.outbox)} in={len(self.inbox)}>"

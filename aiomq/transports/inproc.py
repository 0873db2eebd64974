"""Sockets of one process joined without a wire: two linked peers, each of which puts into the other's inbox.

Within one event loop a message is appended to the other side's inbox: no task, no copy, no codec. Between two loops in
two threads it is appended to a queue that the other loop empties, with one wake-up for all that came in between.
The high-water mark of each direction is the sum of the sender's SNDHWM and the receiver's RCVHWM, as in libzmq.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import ClassVar

from aiomq.message import Control, Item, Message
from aiomq.peer import NO_MARKS, NO_PROPERTIES, UNLIMITED, low_water_mark, new_queue
from aiomq.teardown import run_all
from aiomq.tracker import Departures
from aiomq.transports.inproc_owner import InprocOwner, takes

__all__ = ["InprocPeer", "call_in"]

_STREAM_MASK = 15
"""At every so many unread messages (and one) a writer asks for a grant."""


def _summed(one: int, other: int) -> int:
    """Return the mark of a direction: the sum of both ends' marks, 0 (no limit) if either has none."""
    return one + other if one and other else 0


class InprocPeer:
    """One end of an inproc link: pending until the name is bound, then near (same loop) or far (another loop)."""

    __slots__ = (
        "_arrived",
        "_departures",
        "_far",
        "_hwm",
        "_latest",
        "_low",
        "_near",
        "_pipe",
        "_reported",
        "_safe",
        "_signalled",
        "_streaming",
        "_written",
        "address",
        "dropped",
        "ended",
        "endpoint",
        "farewell",
        "identity",
        "in_fair_queue",
        "inbox",
        "left",
        "low_water",
        "marks",
        "owner",
        "properties",
        "routing_id",
        "writable",
    )

    over_wire: ClassVar[bool] = False

    def __init__(self, owner: InprocOwner, endpoint: str, *, conflate: bool = False) -> None:
        self.owner = owner
        self._latest = owner.conflates if conflate else (False, False)
        """Whether this end wants the latest message alone of what comes in, and of what goes out."""
        self.marks = NO_MARKS if any(self._latest) else owner.options
        self.identity = b""
        """The routing id that this end announces."""
        self.farewell = b""
        """What the other side is to read last if this end ends the link; empty for nothing."""
        self.properties = NO_PROPERTIES
        self.ended: Callable[[], None] | None = None
        """Tells whoever connected it that it is over: there is no other connection after the first."""
        self.endpoint = endpoint
        self.address = ""
        self.dropped = 0
        self.routing_id = b""
        self.inbox = new_queue(latest_only=self._latest[0])
        self.low_water = 0
        self.in_fair_queue = False
        self.left = False
        self.writable = True
        self._departures: Departures | None = None
        self._near: InprocPeer | None = None
        self._far: InprocPeer | None = None
        self._pipe = new_queue(latest_only=self._latest[1])
        """What waits for the name to be bound, or for the other loop to fetch it."""
        self._signalled = False
        self._streaming = False
        self._written = 0
        self._reported = 0
        """Of what this end wrote: how much the reader said it has read. (Far links only.)"""
        self._arrived = 0
        """Items that were ever added to the inbox. (Far links, and near ones that have ended.)"""
        self._set_hwm(self.marks.sndhwm)

    def _set_hwm(self, hwm: int) -> None:
        self._hwm = hwm
        self._low = low_water_mark(hwm)
        self._safe = hwm - self._low + 1 if hwm else UNLIMITED
        """With fewer items than this unread the mark cannot be reached, whatever credit is still to be reported."""

    # -- out ---------------------------------------------------------------------------------------------------------

    def put(self, message: Message) -> bool:
        """Hand a whole message to the other side; return whether there is room for one more."""
        near = self._near
        if near is None:
            return self._put_away(message)
        if self._streaming:
            self.owner.revoke_grants()
        inbox = near.inbox
        inbox.append(message)
        self._written += 1
        count = len(inbox)
        if count == 1:
            near.owner.message_received(near, 1)
        elif not count & _STREAM_MASK:
            self._stream(near, count)
        return count < self._safe or self._has_room()

    @property
    def room(self) -> int:
        """None for `put_many`: the reader has to know of each message."""
        return 0

    def put_many(self, messages: Sequence[Message]) -> None:
        """Hand over whole messages, one by one."""
        for message in messages:
            self.put(message)

    def hold(self) -> None:
        """Nothing: an inproc link hands over at once."""

    def _stream(self, near: InprocPeer, count: int) -> None:
        """The reader has fallen behind, and knows that there is something: let what follows go straight to it.

        As long as its inbox does not run empty it needs no word of each message; when it does, the grant ends.
        """
        if not self._streaming and near.in_fair_queue:
            room = self._safe - count - 1
            self._streaming = self.owner.peer_streams(self, near.inbox.append, room, self._streamed)
            near.low_water = max(near.low_water, 0)

    def _streamed(self, count: int) -> None:
        """The grant is over, after so many messages."""
        self._streaming = False
        self._written += count

    def _has_room(self) -> bool:
        """Compare exactly, as libzmq does: the reader gives credit only at every `_low` messages."""
        near = self._near
        if near is None:
            full = self._hwm > 0 and self._written - self._reported >= self._hwm
        else:
            unread = len(near.inbox)
            unreported = (self._written - unread) % self._low
            full = unread + unreported >= self._hwm
            if full:
                near.low_water = max(unread + unreported - self._low, 0)
                near.owner.inbox_full()
        if full:
            self.writable = False
            self.owner.peer_full()
        return not full

    def _put_away(self, item: Item) -> bool:
        self._pipe.append(item)
        self._written += 1
        if self._far is not None and not self._signalled:
            self._signalled = True
            call_in(self._far.owner.loop, self._far.fetch)
        return self._has_room()

    def replace_oldest(self, message: Message) -> bool:
        """Drop the oldest message that the other side has not read, and hand over this one; False if that cannot be.

        From another loop nothing can be taken back: its thread may be reading it now.
        """
        near = self._near
        if near is not None:
            queue = near.inbox
            near.owner.revoke_grants()
        elif self._far is None:
            queue = self._pipe
        else:
            return False
        if not queue:
            return False
        queue.popleft()
        queue.append(message)
        return True

    def put_control(self, item: Control) -> None:
        """Hand over a subscription or the like, whatever the high-water mark says."""
        near = self._near
        if near is None:
            self._pipe.append(item)
            self._written += 1
            if self._far is not None and not self._signalled:
                self._signalled = True
                call_in(self._far.owner.loop, self._far.fetch)
        elif takes(near.owner, item):
            near.inbox.append(item)
            self._written += 1
            near.owner.message_received(near, 1)

    @property
    def total_put(self) -> int:
        """How many items were ever put here."""
        return self._written

    def call_when_gone(self, callback: Callable[[], None], /) -> None:
        """Call back when everything that was put so far is with the other side, or dropped; at once, if it is."""
        if self.state != "waiting" or not self._pipe:
            callback()
            return
        if self._departures is None:
            self._departures = Departures()
        self._departures.add(self._written, callback)

    def _end_departures(self) -> None:
        departures, self._departures = self._departures, None
        if departures is not None:
            departures.end()

    def discard_outbox(self) -> None:
        """Nothing to discard: what was put is with the other side already."""

    # -- in ----------------------------------------------------------------------------------------------------------

    def inbox_low(self) -> None:
        """The inbox ran down to `low_water`: give credit to the other side."""
        near, far = self._near, self._far
        if near is not None:
            if near._streaming:
                near.owner.revoke_grants()
            self.low_water = -1  # until the other side is full, or streams, it has no use for word of an empty inbox
            if not near.writable and not near.left:
                near.become_writable()
        elif far is not None:
            self._report(far)

    def _report(self, far: InprocPeer) -> None:
        low = far._low
        if not low:
            return
        read = self._arrived - len(self.inbox)
        report = read - read % low
        if report > far._reported and not far.left:
            call_in(far.owner.loop, lambda: far.credit(report))
        self.low_water = max(self._arrived - report - low, 0)

    def become_writable(self) -> None:
        """The other side made room."""
        if not self.left and not self.writable:
            self.writable = True
            self.owner.peer_writable(self)

    def credit(self, count: int) -> None:
        """The reader, in its own loop, has read `count` messages of all that were ever written."""
        self._reported = max(self._reported, count)
        if self._written - self._reported < (self._hwm or UNLIMITED):
            self.become_writable()

    def fetch(self) -> None:
        """Take what the other end wrote from its own loop. Runs in this end's loop."""
        far = self._far
        if far is None:
            return
        far._signalled = False  # before the look: what is written from here on signals again
        pipe = far._pipe
        count = 0
        while pipe:
            item = pipe.popleft()
            self._arrived += 1
            kind = type(item)
            if kind is bytes or kind is tuple or takes(self.owner, item):
                self.inbox.append(item)
                count += 1
        low = far._low
        if low:
            read = self._arrived - len(self.inbox)
            self.low_water = max(self._arrived - (read - read % low) - low, 0)
        if count:
            self.owner.message_received(self, count)

    # -- linking and the end -----------------------------------------------------------------------------------------

    def join(self, other: InprocPeer) -> None:
        """Become linked to the other end. Both ends are joined before either is used again."""
        self._set_hwm(_summed(self.marks.sndhwm, other.marks.rcvhwm))
        if self._latest[1] or other._latest[0]:
            self._pipe = deque(self._pipe, maxlen=1)
            other.inbox = new_queue(latest_only=True)
        if self.owner.loop is other.owner.loop:
            self._near = other
            self.low_water = -1
        else:
            self._far = other

    def deliver_pending(self) -> None:
        """Hand over what was queued while the name was not bound yet. Runs in this end's loop."""
        near = self._near
        if near is not None:
            while self._pipe:
                item = self._pipe.popleft()
                if takes(near.owner, item):
                    near.inbox.append(item)
            if near.inbox:
                near.owner.message_received(near, len(near.inbox))
        elif self._far is not None and self._pipe:
            self._signalled = True
            call_in(self._far.owner.loop, self._far.fetch)
        self._end_departures()
        if not self.writable and self._written < (self._hwm or UNLIMITED):
            self.become_writable()

    def leave(self, *, drop: bool = False) -> None:
        """Take no further part in the socket's pattern."""
        if not self.left:
            self._arrived = self.received
            self.left = True
            self.writable = False
            linked = self._near is not None or self._far is not None
            if drop:
                self.inbox.clear()
            run_all(
                lambda: self.owner.peer_detached(self),
                *((self.owner.link_lost,) if linked else ()),
                self._tell_ended,
            )

    def _tell_ended(self) -> None:
        ended, self.ended = self.ended, None
        if ended is not None:
            ended()

    def close(self, reason: str = "", budget: str = "", /) -> None:
        """End the link at once, for both sides. What the other side has not read yet stays readable there."""
        run_all(self._say_farewell, self.leave, self._end_departures, self._unlink)

    def _say_farewell(self) -> None:
        if self.farewell and self.state == "connected":
            self.put(self.farewell)

    def _unlink(self) -> None:
        near, far = self._near, self._far
        self._near = self._far = None
        if near is not None:
            near.other_closed()
        elif far is not None:
            call_in(far.owner.loop, far.other_closed)

    def finish(self) -> None:
        """End the link; what was put is with the other side already."""
        run_all(lambda: self.leave(drop=True), self.close)

    def other_closed(self) -> None:
        """The other side ended the link. Runs in this end's loop."""
        try:
            run_all(*(() if self._far is None else (self.fetch,)), self.leave)
        finally:
            self._near = self._far = None

    @property
    def outbox(self) -> deque[Item]:
        """What waits for the name to be bound, or for the other loop to fetch it."""
        return self._pipe

    @property
    def leaves_messages(self) -> bool:
        """Whether messages wait here for the name to be bound. Subscriptions are of no use without their socket."""
        return any(not isinstance(item, Control) for item in self._pipe)

    def inherit(self, former: InprocPeer) -> None:
        """Take what an end left that was closed before the name was bound, and end too. Runs in this end's loop."""
        if former.farewell:
            former._pipe.append(former.farewell)
        self._far = former
        self.other_closed()

    def end_with_socket(self) -> None:
        """End the link: the other side keeps what it has. An endpoint ends with its socket by itself."""
        self.ended = None
        self.inbox.clear()
        self.close()

    def apply_hwm(self) -> None:
        """Apply the owner's marks, which were changed: each direction of a link counts those of both ends."""
        self._recount()
        if self._near is not None:
            self._near._recount()
        elif self._far is not None:
            call_in(self._far.owner.loop, self._far._recount)

    def _recount(self) -> None:
        other = self._near or self._far
        own = self.marks.sndhwm
        self._set_hwm(own if other is None else _summed(own, other.marks.rcvhwm))
        if not self.writable and not self.left and (not self._hwm or self._has_room()):
            self.become_writable()

    @property
    def state(self) -> str:
        """`connected`, `waiting` (for the name to be bound) or `closed`."""
        if self.left:
            return "closed"
        return "waiting" if self._near is None and self._far is None else "connected"

    @property
    def sent(self) -> int:
        """Messages that were handed to the other side."""
        if self._streaming:
            self.owner.revoke_grants()
        waiting = len(self._pipe) if self._near is None and self._far is None else 0
        return self._written - waiting

    @property
    def received(self) -> int:
        """Messages that arrived."""
        near = self._near
        return self._arrived if near is None or self.left else near.sent

    @property
    def queued_out(self) -> int:
        """Messages put here that the other side's user has not got yet."""
        return len(self._pipe) if self._near is None else len(self._near.inbox)

    def __repr__(self) -> str:
        return f"<Peer {self.endpoint} {self.state} queued out={self.queued_out} in={len(self.inbox)}>"


def call_in(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    """Run something in another thread's loop; nothing, if that loop has ended and its sockets with it."""
    try:
        loop.call_soon_threadsafe(callback)
    except RuntimeError:
        if not loop.is_closed():
            raise

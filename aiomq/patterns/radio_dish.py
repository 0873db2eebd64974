"""RADIO and DISH: messages to groups (RFC 48/RADIO-DISH).

A RADIO's user names a group with each message; it goes to the peers that have joined exactly this group, and a peer
that is full misses it. A DISH's user joins and leaves groups; every RADIO, and every new connection to one, is told.
Between the two a message is a pair, the group and the body, which is also how it stands on the wire.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Final

from aiomq.errors import ZMQError
from aiomq.message import Item, Membership, Message
from aiomq.options import SocketOptions
from aiomq.patterns.base import SKIPS, Pattern, Peer
from aiomq.patterns.distributor import Distributor
from aiomq.patterns.fair_queue import FairQueue
from aiomq.patterns.groups import GroupTable
from aiomq.patterns.holders import SLICE
from aiomq.patterns.shares import over_text
from aiomq.patterns.single_part import SinglePart
from aiomq.teardown import run_all

__all__ = ["GROUP_BYTES_MAX", "DishPattern", "RadioPattern", "check_group"]

GROUP_BYTES_MAX: Final = 255
"""So long may the name of a group be."""


def check_group(group: bytes) -> None:
    """Check the name of a group that a user gave.

    Raises:
        ZMQError: EINVAL if it is no name: RFC 48 allows up to 255 bytes, none of them 0.
    """
    if len(group) > GROUP_BYTES_MAX:
        raise ZMQError(errno.EINVAL, f"the name of a group has up to {GROUP_BYTES_MAX} bytes, not {len(group)}")
    if 0 in group:
        raise ZMQError(errno.EINVAL, f"the name of a group has no byte 0: {group!r}")


class RadioPattern(SinglePart):
    """Sends each message to whoever has joined its group.

    Attributes:
        distributor: the peers, and how often one of them missed a message because it was full.
    """

    name = "RADIO"
    accepts_memberships = True
    accepts_messages = False

    def __init__(self, options: SocketOptions) -> None:
        super().__init__(options)
        self.distributor = Distributor(self._crowd)
        self._table = GroupTable()
        self._takes_back = False
        """What peers had joined that left is being taken back."""
        self._everywhere: dict[Peer, None] = {}
        """Who gets the messages of all groups."""

    @property
    def dropped(self) -> int:
        """How often a peer missed a message because it was full."""
        return self.distributor.dropped

    def try_send(self, message: Message) -> bool:
        """Queue a message to the group without a name."""
        if type(message) is tuple:
            self.refuse_parts()
        return self._send(message, b"")  # type: ignore[arg-type]  # mypy: type() is no guard

    def try_send_to(self, data: bytes, routing_id: int, group: bytes) -> bool:
        """Queue a message for every peer of a group that has room; with XPUB_NODROP for all of them or none.

        False is possible with XPUB_NODROP alone.

        Raises:
            ZMQError: EINVAL for a name that no group can have, or a routing id.
        """
        if routing_id:
            return super().try_send_to(data, routing_id, b"")
        check_group(group)
        return self._send(data, group)

    def _send(self, data: bytes, group: bytes) -> bool:
        peers: Sequence[Peer] = self._table.holders_of(group)
        if self._everywhere:
            peers = tuple(dict.fromkeys((*peers, *self._everywhere)))
        if self.options.xpub_nodrop and not all(peer.writable for peer in peers):
            return False
        self.distributor.send((group, data), peers)
        return True

    def can_send(self) -> bool:
        """Return True: a RADIO drops rather than waits. Also with XPUB_NODROP, as in libzmq."""
        return True

    def attach(self, peer: Peer) -> None:
        """Take on a peer, and what it has joined already."""
        self.distributor.attach(peer)
        self.peer_readable(peer)

    def peer_readable(self, peer: Peer) -> None:
        """Apply what a peer joins and leaves; messages from it are dropped."""
        inbox = peer.inbox
        while inbox:
            self._receive(peer, inbox.popleft())
            if len(inbox) <= peer.low_water:
                peer.inbox_low()

    def _receive(self, peer: Peer, item: Item) -> None:
        if not isinstance(item, Membership) or peer not in self.distributor.peers:
            return
        if item.group is None:
            self._everywhere[peer] = None
        elif len(item.group) > GROUP_BYTES_MAX:
            self._turn_away(peer, f"it joined a group with a name of {len(item.group)} bytes")
        else:
            self._change(peer, item.group, join=item.join)

    def _change(self, peer: Peer, group: bytes, *, join: bool) -> None:
        table = self._table
        if table.leaving:  # those that left lose one group more: so what waits to be taken back gets no more
            table.settle(group)
            table.take_back(1)
        if not join:
            table.remove(peer, group)
        elif self._has_room(peer, group):
            table.add(peer, group)

    def _has_room(self, peer: Peer, group: bytes) -> bool:
        """Make room for a group where others go before this peer does; return whether it is still there."""
        while (breach := self._table.breach(peer, group, self.options)) is not None:
            breach.peer.inbox.clear()
            self.detach(breach.peer)
            self.over_budget(breach.peer, breach.budget, over_text(breach.budget, self.options))
            if peer not in self.distributor.peers:
                return False
        return True

    def _turn_away(self, peer: Peer, reason: str) -> None:
        peer.inbox.clear()
        self.detach(peer)
        peer.close(reason)

    def detach(self, peer: Peer) -> None:
        """Forget a peer and its groups."""
        run_all(
            lambda: self.distributor.detach(peer),
            lambda: self._everywhere.pop(peer, None),
            lambda: self._table.leave(peer),
            self._take_back_later,
        )

    def _take_back_later(self) -> None:
        """Let the rest of what those that left had joined be taken back."""
        if not self._takes_back and self._table.leaving:
            self._takes_back = True
            self.later(self._take_back)

    def _take_back(self) -> bool:
        self._takes_back = self._table.take_back(SLICE)
        return self._takes_back

    def __repr__(self) -> str:
        peers = len(self.distributor.peers)
        return f"<RadioPattern peers={peers} groups={len(self._table)} dropped={self.dropped}>"


class DishPattern(Pattern):
    """Delivers what was sent to the groups it has joined, and sends nothing.

    Radios filter, but over udp all groups arrive, and what was on its way when a group was left still comes: so there
    is a second filter here.
    """

    name = "DISH"

    def __init__(self, options: SocketOptions) -> None:
        super().__init__(options)
        self._groups: dict[bytes, None] = {}
        self._radios: dict[Peer, None] = {}
        self._fair_queue = FairQueue()
        self._ready: tuple[bytes, bytes] | None = None
        """What `can_recv` found to match. It goes out first."""

    def join(self, group: bytes) -> None:
        """Receive what is sent to a group.

        Raises:
            ZMQError: EINVAL if it is joined already, or no group can have this name.
        """
        check_group(group)
        if group in self._groups:
            raise ZMQError(errno.EINVAL, f"this DISH has joined the group {group!r} already: once is enough")
        self._groups[group] = None
        self._tell_all(Membership(group, join=True))

    def leave(self, group: bytes) -> None:
        """Receive no more of what is sent to a group.

        Raises:
            ZMQError: EINVAL if it is not joined.
        """
        if group not in self._groups:
            raise ZMQError(errno.EINVAL, f"this DISH has not joined the group {group!r}: it cannot leave it")
        del self._groups[group]
        if self._ready is not None and self._ready[0] == group:
            self._ready = None
        self._tell_all(Membership(group, join=False))

    def _tell_all(self, change: Membership) -> None:
        for peer in tuple(self._radios):
            peer.put_control(change)

    def try_recv(self) -> Message | None:
        """Take the next message of a group it has joined; `last_group` then tells which."""
        pair = self._next_pair() if self._ready is None else self._ready
        self._ready = None
        if pair is None:
            return None
        self.last_group, body = pair
        return body

    def can_recv(self) -> bool:
        """Whether such a message is there; others before it are dropped."""
        if self._ready is None:
            self._ready = self._next_pair()
        return self._ready is not None

    def _next_pair(self) -> tuple[bytes, bytes] | None:
        for _ in range(SKIPS):
            message = self._fair_queue.try_recv()
            if message is None:
                return None
            if type(message) is not tuple or len(message) != 2 or len(message[0]) > GROUP_BYTES_MAX:
                self._turn_away(self._fair_queue.last_peer)
            elif message[0] in self._groups:
                return message
        self._skip_on_later()
        return None

    def _turn_away(self, peer: Peer) -> None:
        peer.inbox.clear()
        self._fair_queue.remove(peer)
        peer.close("it sent a message that is not a group, of up to 255 bytes, and a body")

    def attach(self, peer: Peer) -> None:
        """Take on a radio and tell it every group."""
        self._radios[peer] = None
        self._tell_groups(peer)
        self._fair_queue.peer_readable(peer)

    def _tell_groups(self, peer: Peer) -> None:
        for group in self._groups:
            peer.put_control(Membership(group, join=True))

    def peer_readable(self, peer: Peer) -> None:
        """A radio's inbox got more: it gets its turn."""
        self._fair_queue.peer_readable(peer)

    def hiccup(self, peer: Peer) -> None:
        """The next connection is to a radio that knows nothing: tell it every group, and nothing stale before."""
        peer.discard_outbox()
        self._tell_groups(peer)

    def detach(self, peer: Peer) -> None:
        """Forget a radio; what is left in its inbox stays readable."""
        self._radios.pop(peer, None)
        self._fair_queue.detach(peer)

    def __repr__(self) -> str:
        return f"<DishPattern peers={len(self._radios)} groups={len(self._groups)}>"

"""PUB and XPUB (29/PUBSUB): every message to every peer with a matching subscription.

Subscriptions come as `Subscription` objects (the commands of ZMTP 3.1, and inproc) or as frames that begin with 1 or 0
(older peers, and users of XSUB); both mean the same. PUB applies them and drops whatever else its peers send. XPUB
tells its user of them and passes the rest on.

What peers can make a publisher hold is bounded by the budgets of topics (`shares`): over one of them a peer is cut.
What a peer that left had subscribed to is taken back in slices (`holders`).
"""

from __future__ import annotations

import errno
from collections import OrderedDict
from collections.abc import Sequence
from functools import partial

from aiomq.errors import ZMQError
from aiomq.message import Item, Message, Subscription, first_frame, message_of
from aiomq.mute import OnMute
from aiomq.options import SocketOptions
from aiomq.patterns.base import Pattern, Peer
from aiomq.patterns.broadcast import Broadcast
from aiomq.patterns.distributor import Distributor
from aiomq.patterns.holders import SLICE
from aiomq.patterns.notifications import Notifications
from aiomq.patterns.shares import over_text
from aiomq.patterns.subscriptions import SubscriptionTable, is_subscription, split_subscriptions
from aiomq.teardown import run_all

__all__ = ["PubPattern", "XPubPattern"]


class _Publisher(Pattern):
    """The sending half that PUB and XPUB share, and the care for what peers send."""

    accepts_subscriptions = True
    keeps_away_peers = True
    mutes = (OnMute.DROP_NEWEST, OnMute.DROP_OLDEST)
    picks_peer = True

    def __init__(self, options: SocketOptions) -> None:
        super().__init__(options)
        self.distributor = Distributor(self._crowd)
        self._table = SubscriptionTable()
        self._takes_back = False
        """What peers had subscribed to that left is being taken back."""

    @property
    def topics_count(self) -> int:
        """The number of distinct topics that peers are subscribed to (TOPICS_COUNT).

        Those of a peer that left count until they are taken back, some turns of the loop later.
        """
        return len(self._table)

    @property
    def dropped(self) -> int:
        """How often a peer missed a message because it was full."""
        return self.distributor.dropped

    def set_on_mute(self, policy: OnMute) -> None:
        """Choose which message a full subscriber misses. DROP_OLDEST goes before XPUB_NODROP: nothing waits then.

        Raises:
            ZMQError: EINVAL if this type has no such choice.
        """
        super().set_on_mute(policy)
        self.distributor.drop_oldest = policy is OnMute.DROP_OLDEST

    def try_send(self, message: Message) -> bool:
        """Queue a message for every matching peer that has room; with XPUB_NODROP for all of them or none.

        False is possible with XPUB_NODROP alone. It may end when a full peer is writable, cancels, or goes.
        """
        options = self.options
        frame: bytes = message[0] if type(message) is tuple else message  # type: ignore[assignment]  # as first_frame
        if options.xpub_nodrop or options.invert_matching:
            return self._send_to(message, self._recipients(frame))
        self.distributor.send(message, self._table.match(frame))
        return True

    def broadcast(self) -> Broadcast | None:
        """Return the distributor's, begun for all subscribers, if nobody has a topic and no option sets them apart."""
        options = self.options
        if options.xpub_nodrop or options.invert_matching or self.distributor.drop_oldest:
            return None
        everyone = self._table.everyone()
        if everyone is None:
            return None
        broadcast = self.distributor.broadcast
        broadcast.begin(everyone)
        return broadcast

    def _recipients(self, frame: bytes) -> Sequence[Peer]:
        matching = self._table.match(frame)
        return self.distributor.all_except(matching) if self.options.invert_matching else matching

    def _send_to(self, message: Message, peers: Sequence[Peer]) -> bool:
        waits = self.options.xpub_nodrop and not self.distributor.drop_oldest
        if waits and not all(peer.writable for peer in peers):
            return False
        self.distributor.send(message, peers)
        return True

    def subscribers(self, topic: bytes) -> int:
        """Return how many peers would get a message that begins with a topic."""
        return len(self._recipients(topic))

    def can_send(self) -> bool:
        """Return True: a publisher drops rather than waits. Also with XPUB_NODROP, as in libzmq."""
        return True

    def peer_back(self, peer: Peer) -> None:
        """A peer that was away has a connection again, maybe from another address."""
        self._asked().moved(peer)

    def attach(self, peer: Peer) -> None:
        """Take on a peer: greet it with XPUB_WELCOME_MSG, and take what it is subscribed to already."""
        self.distributor.attach(peer)
        if self.options.xpub_welcome_msg:
            self.distributor.send(self.options.xpub_welcome_msg, (peer,))
        self.peer_readable(peer)

    def topics_of(self, peer: Peer) -> Sequence[bytes]:
        """Return the topics of which a peer gets the messages."""
        return self._table.topics_of(peer)

    def restore(self, peer: Peer, topics: Sequence[bytes]) -> None:
        """Take on a peer that a store remembers: it was greeted in its time."""
        self.distributor.attach(peer)
        for topic in topics:
            self._take_over(peer, topic)
        self.audience_changed()

    def _take_over(self, peer: Peer, topic: bytes) -> None:
        self._table.add(peer, topic)

    def _consume(self, peer: Peer) -> None:
        """Take one item out of a peer's inbox and do what it says."""
        inbox = peer.inbox
        self._receive(peer, inbox.popleft())
        if len(inbox) <= peer.low_water:
            peer.inbox_low()

    def _receive(self, peer: Peer, item: Item) -> None:
        if isinstance(item, Subscription):
            self._apply(peer, item)
            return
        subscriptions, frames = split_subscriptions(item, only_first=self.options.only_first_subscribe)  # type: ignore[arg-type]  # not a Membership
        for subscription in subscriptions:
            self._apply(peer, subscription)
        if frames:
            self._user_message(peer, message_of(frames))

    def _apply(self, peer: Peer, change: Subscription) -> None:
        if peer not in self.distributor.peers:
            return  # it left, or was closed for what it sent, with this still in its inbox
        self.audience_changes()
        table = self._asked()
        if table.leaving:
            self._settle(table, change.topic)
        if not change.subscribe:
            self._cancel(peer, change)
            self.topics_changed(peer)
        elif self._has_room(table, peer, change.topic):
            self._subscribe(peer, change)
            self.audience_changed()
            self.topics_changed(peer)

    # -- budgets -----------------------------------------------------------------------------------------------------

    def _has_room(self, table: SubscriptionTable, peer: Peer, topic: bytes) -> bool:
        """Make room for a topic where others go before this peer does; return whether it is still there."""
        while (breach := table.breach(peer, topic, self.options)) is not None:
            self._cut(breach.peer, breach.budget)
            if peer not in self.distributor.peers:
                return False
        return True

    def _cut(self, peer: Peer, budget: str) -> None:
        peer.inbox.clear()
        self.detach(peer)
        self.over_budget(peer, budget, over_text(budget, self.options))

    # -- peers that leave --------------------------------------------------------------------------------------------

    @staticmethod
    def _settle(table: SubscriptionTable, topic: bytes) -> None:
        """Before something is done with a topic, take it back from who left; with that they lose one topic more.

        So what waits to be taken back gets no more, however many come, subscribe and leave.
        """
        table.settle(topic)
        table.take_back(1)

    def _take_back_later(self) -> None:
        """Let the rest of what those that left had subscribed to be taken back."""
        if not self._takes_back and self._has_leavers():
            self._takes_back = True
            self.later(self._take_back)

    def _has_leavers(self) -> bool:
        return bool(self._table.leaving)

    def _take_back(self) -> bool:
        self._takes_back = self._take_back_slice()
        return self._takes_back

    def _take_back_slice(self) -> bool:
        return self._table.take_back(SLICE)

    # -- what peers ask for ------------------------------------------------------------------------------------------

    def _asked(self) -> SubscriptionTable:
        """Return the table that holds what peers asked for, which is what bounds them."""
        return self._table

    def _subscribe(self, peer: Peer, change: Subscription) -> None:
        self._table.add(peer, change.topic)

    def _cancel(self, peer: Peer, change: Subscription) -> None:
        self._table.remove(peer, change.topic)

    def _user_message(self, peer: Peer, message: Message) -> None:
        """A peer sent something that is no subscription: PUB has no use for it."""

    def __repr__(self) -> str:
        peers = len(self.distributor.peers)
        return f"<{type(self).__name__} peers={peers} topics={len(self._table)} dropped={self.dropped}>"


class PubPattern(_Publisher):
    """PUB: sends to subscribers, reads nothing. XPUB_MANUAL and XPUB_VERBOSE mean nothing here: nobody is told."""

    name = "PUB"
    accepts_messages = False
    conflates = (False, True)  # subscriptions are no messages: none of them is ever left out

    def peer_readable(self, peer: Peer) -> None:
        """Apply the subscriptions that came; everything else is dropped (29/PUBSUB: SHALL NOT receive)."""
        while peer.inbox:
            self._consume(peer)

    def detach(self, peer: Peer) -> None:
        """Forget a peer and its subscriptions."""
        run_all(
            lambda: self.distributor.detach(peer),
            lambda: self._table.leave(peer),
            self._take_back_later,
        )


class XPubPattern(_Publisher):
    """XPUB: sends to subscribers, and reads who subscribes to what.

    The user gets `01 topic` for the first subscriber of a topic and `00 topic` when the last one cancels or is lost;
    XPUB_VERBOSE and XPUB_VERBOSER add the others. With XPUB_MANUAL nothing takes effect by itself: `subscribe` and
    `unsubscribe` act on the peer of the last message read.
    """

    name = "XPUB"

    def __init__(self, options: SocketOptions) -> None:
        super().__init__(options)
        self._wanted = SubscriptionTable()
        """In manual mode: what peers asked for. `_table` is then what the user granted."""
        self._notifications = Notifications(options)
        self._last_peer: Peer | None = None
        self._stalled: OrderedDict[Peer, None] = OrderedDict()
        """Peers with something in their inbox that waits for room among the notifications."""
        self._resumes = False

    # -- called for the user of the socket ---------------------------------------------------------------------------

    def try_send(self, message: Message) -> bool:
        """Queue a message as PUB does.

        With XPUB_MANUAL_LAST_VALUE the first message after each one read goes to the peer of that one alone, if it
        matches: what a last value cache has to say to a late joiner.
        """
        if self._last_peer is None or not self.options.xpub_manual_last_value:
            return super().try_send(message)
        last = self._last_peer
        if not self._send_to(message, [peer for peer in self._recipients(first_frame(message)) if peer is last]):
            return False
        self._last_peer = None
        return True

    def broadcast(self) -> Broadcast | None:
        """Return the same as PUB does, unless the next message may go to one peer alone."""
        return None if self.options.xpub_manual_last_value else super().broadcast()

    def try_recv(self) -> Message | None:
        """Take the next notification or user message; None means "not now"."""
        taken = self._notifications.pop()
        if taken is None:
            return None
        message, peer = taken
        self._last_peer = peer if peer in self.distributor.peers else None
        self._resume()
        return message

    @property
    def unread_bytes(self) -> int:
        """The bytes of notifications and user messages that were not read."""
        return self._notifications.held

    def sender(self) -> Peer | None:
        """Return the peer that the notification or message received last came from; None if it is gone."""
        return self._last_peer

    def can_recv(self) -> bool:
        """Whether there is a notification or a user message."""
        return bool(self._notifications)

    def subscribe(self, topic: bytes) -> None:
        """Subscribe the peer of the last message read; no effect if that peer is gone.

        Raises:
            ZMQError: EINVAL without XPUB_MANUAL.
        """
        self._check_manual("SUBSCRIBE")
        if self._last_peer is not None:
            self._table.add(self._last_peer, topic)
            self.audience_changed()
            self.topics_changed(self._last_peer)

    def unsubscribe(self, topic: bytes) -> None:
        """Cancel a subscription of the peer of the last message read; no effect if that peer is gone.

        Raises:
            ZMQError: EINVAL without XPUB_MANUAL.
        """
        self._check_manual("UNSUBSCRIBE")
        if self._last_peer is not None:
            self._table.remove(self._last_peer, topic)
            self.topics_changed(self._last_peer)

    def _check_manual(self, option: str) -> None:
        if not self._is_manual():
            raise ZMQError(
                errno.EINVAL, f"{option} on an XPUB socket acts on the peer of the last message read: set XPUB_MANUAL"
            )

    def _is_manual(self) -> bool:
        return self.options.xpub_manual or self.options.xpub_manual_last_value

    # -- called as things happen to peers ----------------------------------------------------------------------------

    def peer_readable(self, peer: Peer) -> None:
        """Apply subscriptions and queue what the user should know, as far as there is room for it."""
        if peer in self._stalled:
            return
        while peer.inbox:
            if self._must_wait(peer.inbox[0]):
                self._stalled[peer] = None
                break
            self._consume(peer)
        self._resume()

    def detach(self, peer: Peer) -> None:
        """Forget a peer, and tell the user of the topics that nobody is subscribed to now.

        User messages in its inbox stay readable.
        """
        if peer not in self.distributor.peers:
            return
        if self._last_peer is peer:
            self._last_peer = None
        asked, tables = self._asked(), (self._table, self._wanted)
        # The other one of the two tables holds something if the user changed XPUB_MANUAL, or granted topics.
        run_all(
            lambda: self.distributor.detach(peer),
            *(partial(each.leave, peer, self._taken_back if each is asked else None) for each in tables),
            self._take_back_later,
            self._resume,
        )

    def _taken_back(self, topic: bytes, gone: bool) -> None:
        """Tell the user of a topic that a peer had that left."""
        if gone or self._tells_everything(subscribe=False):
            self._tell(Subscription(topic, subscribe=False), None)

    def _has_leavers(self) -> bool:
        return bool(self._table.leaving or self._wanted.leaving)

    def _take_back_slice(self) -> bool:
        more = False
        try:
            more = self._table.take_back(SLICE)
        finally:
            more = self._wanted.take_back(SLICE) or more
            self._resume()
        return more

    def _must_wait(self, item: Item) -> bool:
        """Whether an item is left in the inbox until the user has read something."""
        return self._notifications.is_full and (self._tells_everything(subscribe=True) or not is_subscription(item))

    def _resume(self) -> None:
        """Go on with the peers that wait, one item of each in turn, as long as there is room."""
        if self._resumes:  # a peer that is cut for what it asked leads here again
            return
        stalled = self._stalled
        self._resumes = True
        try:
            while stalled and not self._notifications.is_full:
                peer, _ = stalled.popitem(last=False)
                if peer.inbox:
                    self._consume(peer)
                    if peer.inbox:
                        stalled[peer] = None
        finally:
            self._resumes = False

    # -- what peers ask for ------------------------------------------------------------------------------------------

    def _asked(self) -> SubscriptionTable:
        return self._wanted if self._is_manual() else self._table

    def _tells_everything(self, *, subscribe: bool) -> bool:
        options = self.options
        return self._is_manual() or options.xpub_verboser or (subscribe and options.xpub_verbose)

    def _subscribe(self, peer: Peer, change: Subscription) -> None:
        if self._asked().add(peer, change.topic) or self._tells_everything(subscribe=True):
            self._tell(change, peer)

    def _cancel(self, peer: Peer, change: Subscription) -> None:
        asked = self._asked()
        was_known = change.topic in asked
        gone = asked.remove(peer, change.topic)
        if self._tells_everything(subscribe=False):
            self._tell(change, peer)
        elif gone and (was_known or not self._notifications.is_full):
            # Cancelling what nobody has is told too, as in libzmq, but changes nothing that would be worth a queue.
            self._tell(change, peer)

    def _take_over(self, peer: Peer, topic: bytes) -> None:
        if self._is_manual():  # the user granted it in its time
            self._table.add(peer, topic)
        else:
            self._subscribe(peer, Subscription(topic, subscribe=True))

    def _tell(self, change: Subscription, peer: Peer | None) -> None:
        if self._tells_everything(subscribe=change.subscribe):
            self._notifications.tell(change, peer)
        else:
            self._notifications.announce(change, peer)

    def _user_message(self, peer: Peer, message: Message) -> None:
        self._notifications.put(message, peer)

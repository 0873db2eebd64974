"""SUB and XSUB (29/PUBSUB): subscriptions to every publisher, messages from all of them in turn.

A SUB's user calls `subscribe` and `unsubscribe`; an XSUB's user sends them as frames that begin with 1 or 0. They are
counted. A subscription always goes to all publishers, also one that is not new: the user of an XPUB may want to know.
A cancellation goes out when it was the last of its topic. Every new publisher, and every new connection to one, is told
each topic once.
"""

from __future__ import annotations

import errno

from aiomq.errors import ZMQError
from aiomq.message import Message, Subscription, message_of
from aiomq.options import SocketOptions
from aiomq.patterns.base import SKIPS, Pattern, Peer
from aiomq.patterns.distributor import Distributor
from aiomq.patterns.fair_queue import FairQueue
from aiomq.patterns.subscriptions import SubscribedTopics, split_subscriptions

__all__ = ["SubPattern", "XSubPattern"]


class _Subscriber(Pattern):
    """What SUB and XSUB share: the topics, and the peers that are told of them."""

    def __init__(self, options: SocketOptions) -> None:
        super().__init__(options)
        self.distributor = Distributor(self._crowd)
        self._fair_queue = FairQueue()
        self._topics = SubscribedTopics()

    @property
    def topics_count(self) -> int:
        """The number of distinct topics subscribed to (TOPICS_COUNT)."""
        return len(self._topics)

    def attach(self, peer: Peer) -> None:
        """Take on a publisher and tell it every topic."""
        self.distributor.attach(peer)
        self._tell_topics(peer)
        self._fair_queue.peer_readable(peer)

    def peer_readable(self, peer: Peer) -> None:
        """A publisher's inbox got more: it gets its turn."""
        self._fair_queue.peer_readable(peer)

    def hiccup(self, peer: Peer) -> None:
        """The next connection is to a publisher that knows nothing: tell it every topic, and nothing stale before."""
        peer.discard_outbox()
        self._tell_topics(peer)

    def detach(self, peer: Peer) -> None:
        """Forget a publisher; what is left in its inbox stays readable."""
        self.distributor.detach(peer)
        self._fair_queue.detach(peer)

    def _tell_topics(self, peer: Peer) -> None:
        for topic in self._topics:
            peer.put_control(Subscription(topic, subscribe=True))

    def _add(self, subscription: Subscription) -> None:
        self._topics.add(subscription.topic)
        self._forward(subscription)

    def _forward(self, subscription: Subscription) -> None:
        for peer in tuple(self.distributor.peers):
            peer.put_control(subscription)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} peers={len(self.distributor.peers)} topics={len(self._topics)}>"


class SubPattern(_Subscriber):
    """SUB: delivers the messages that its subscriptions match, and sends nothing.

    Publishers filter, but not all of them do (ZMTP 1.0, pgm), and what was on its way when a topic was cancelled still
    comes: so there is a second filter here.
    """

    name = "SUB"
    conflates = (True, False)  # as for PUB

    def __init__(self, options: SocketOptions) -> None:
        super().__init__(options)
        self._take = self._fair_queue.try_recv
        self._ready: Message | None = None
        """A message that `can_recv` found to match. It goes out first."""

    def subscribe(self, topic: bytes) -> None:
        """Ask for the messages whose first frame begins with this topic; the empty topic asks for all."""
        self._add(Subscription(topic, subscribe=True))

    def unsubscribe(self, topic: bytes) -> None:
        """Take back one `subscribe` of a topic; one that was not subscribed to is no error."""
        if self._topics.remove(topic):
            self._forward(Subscription(topic, subscribe=False))

    def try_recv(self) -> Message | None:
        """Take the next message that matches; None means "not now"."""
        if self._ready is not None:
            message, self._ready = self._ready, None
            return message
        if self._topics.everything and not self.options.invert_matching:
            return self._take()
        return self._next_match()

    def straight_in(self) -> Peer | None:
        """Return the only publisher with unread messages, if all of them match."""
        if self._ready is None and self._topics.everything and not self.options.invert_matching:
            return self._fair_queue.straight_in()
        return None

    def can_recv(self) -> bool:
        """Whether a message that matches is there; those before it are dropped."""
        if self._ready is None:
            self._ready = self.try_recv()
        return self._ready is not None

    def _next_match(self) -> Message | None:
        matches, unwanted = self._topics.matches, self.options.invert_matching
        for _ in range(SKIPS):
            message = self._take()
            if message is None:
                return None
            frame: bytes = message[0] if type(message) is tuple else message  # type: ignore[assignment]  # as above
            if matches(frame) is not unwanted:
                return message
        self._skip_on_later()
        return None


class XSubPattern(_Subscriber):
    """XSUB: delivers whatever publishers send, and sends subscriptions and user messages upstream."""

    name = "XSUB"

    @property
    def dropped(self) -> int:
        """How often a publisher missed a user message because it was full."""
        return self.distributor.dropped

    def try_send(self, message: Message) -> bool:
        r"""Apply and forward subscriptions (frames that begin with 1 or 0); send the rest to every publisher with room.

        Every such frame of a message counts, unless ONLY_FIRST_SUBSCRIBE is set and the first frame is none.
        """
        subscriptions, frames = split_subscriptions(message, only_first=self.options.only_first_subscribe)
        for subscription in subscriptions:
            if subscription.subscribe:
                self._add(subscription)
            elif self._topics.remove(subscription.topic) or self.options.xsub_verbose_unsubscribe:
                self._forward(subscription)
        if frames:
            self.distributor.send_to_all(message_of(frames))
        return True

    def can_send(self) -> bool:
        """Return True: subscriptions are never refused, and user messages are dropped where there is no room."""
        return True

    def try_recv(self) -> Message | None:
        """Take the next message, whether it was asked for or not; None means "not now"."""
        return self._fair_queue.try_recv()

    def can_recv(self) -> bool:
        """Whether some publisher has an unread message."""
        return self._fair_queue.can_recv()

    def subscribe(self, topic: bytes) -> None:
        """Refuse: an XSUB subscribes by sending.

        Raises:
            ZMQError: EINVAL, always.
        """
        raise ZMQError(errno.EINVAL, "an XSUB socket subscribes by sending b'\\x01' + topic, not by SUBSCRIBE")

    def unsubscribe(self, topic: bytes) -> None:
        """Refuse: an XSUB cancels by sending.

        Raises:
            ZMQError: EINVAL, always.
        """
        raise ZMQError(errno.EINVAL, "an XSUB socket cancels by sending b'\\x00' + topic, not by UNSUBSCRIBE")

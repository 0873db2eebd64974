"""REQ and REP: a request, its reply, and so on, strictly in turn (RFC 28/REQREP).

On the wire an empty frame, the delimiter, stands between the envelope and the body. The envelope says which way the
reply goes back: every ROUTER that the request passes adds a frame to it, and a REQ with REQ_CORRELATE begins it with
the number of the request. The user of a REQ or a REP sees bodies only.
"""

from __future__ import annotations

import secrets
import sys
from typing import Final

from aiomq.errors import EFSM, ZMQError
from aiomq.message import Frames, Item, Message, frames_of, message_of
from aiomq.options import SocketOptions
from aiomq.patterns.base import SKIPS, Pattern, Peer
from aiomq.patterns.dealer_router import probe
from aiomq.patterns.fair_queue import FairQueue
from aiomq.patterns.load_balancer import LoadBalancer

__all__ = ["RepPattern", "ReqPattern"]

_DELIMITER: Final = b""
_NO_NUMBER: Final = (_DELIMITER,)
"""The envelope of a request without REQ_CORRELATE."""

_NOT_AGAIN: Final = (
    "a REQ socket cannot send again before it received the reply: receive, or set both REQ_RELAXED and REQ_CORRELATE"
    " (without the second a late reply is taken for that to the next request)"
)

_REQUEST_ID_SIZE: Final = 4
_REQUEST_ID_MASK: Final = 0xFFFFFFFF


class ReqPattern(Pattern):
    """Sends requests to its peers in turn, and takes each reply only from the peer that got the request.

    A reply with a wrong envelope, or from another peer, is skipped; what cannot be the reply to any request at all ends
    the connection that it came over (`breach`). If the peer is gone, the wait goes on: a reply may then come from any
    peer. With REQ_RELAXED a new request may be sent at any time; it gives up the one before it, whose reply only
    REQ_CORRELATE can tell from the new one's.
    """

    name = "REQ"
    names_breaches = True
    __slots__ = ("_balancer", "_envelope", "_fair_queue", "_reply", "_reply_peer", "_request_id")

    def __init__(self, options: SocketOptions) -> None:
        super().__init__(options)
        self._balancer = LoadBalancer()
        self._fair_queue = FairQueue()
        self._request_id = secrets.randbits(32)
        self._envelope: Frames | None = None  # of the request that is out, and of its reply; None: no request is out
        self._reply_peer: Peer | None = None  # who alone may reply; None: anyone
        self._reply: Message | None = None  # found by `can_recv`, for `try_recv`

    def try_send(self, message: Message) -> bool:
        """Queue a request for the peer whose turn it is; False if no peer has room.

        Whatever was received before is thrown away, so that an old reply cannot be taken for the new one.

        Raises:
            ZMQError: EFSM if a request is out and REQ_RELAXED is not set.
        """
        if self._envelope is not None and not self.options.req_relaxed:
            raise ZMQError(EFSM, _NOT_AGAIN)
        balancer = self._balancer
        if balancer.front is None:
            return False
        self._reply = None
        if self._fair_queue.front is not None:
            self._discard_replies()
            if balancer.front is None:  # the last one with room was lost meanwhile
                return False
        self._envelope = envelope = self._next_envelope() if self.options.req_correlate else _NO_NUMBER
        self._reply_peer = balancer.front
        return balancer.try_send((*envelope, message) if type(message) is bytes else (*envelope, *message))

    def try_recv(self) -> Message | None:
        """Take the body of the reply; None if it is not here yet.

        Raises:
            ZMQError: EFSM if no request is out.
        """
        if self._envelope is None:
            raise ZMQError(EFSM, "a REQ socket cannot receive before it sent a request: send first")
        if self._reply is None and not self._find_reply(self._envelope):
            return None
        reply = self._reply
        self._envelope = self._reply_peer = self._reply = None
        self.turned()
        return reply

    def can_send(self) -> bool:
        """Whether it is the turn to send and some peer has room."""
        return (self._envelope is None or self.options.req_relaxed) and self._balancer.can_send()

    def can_recv(self) -> bool:
        """Whether the reply is here."""
        return self._envelope is not None and self._find_reply(self._envelope)

    def breach(self, item: Item) -> str:
        """Return what makes an item no reply to any request, as the sessions of libzmq's REQ see it."""
        if type(item) is tuple:
            first = item[0]
            if not first or (len(first) == _REQUEST_ID_SIZE and len(item) > 2 and not item[1]):
                return ""
        return "the peer sent a REQ socket something that is no reply: no empty frame stands before its body"

    def attach(self, peer: Peer) -> None:
        """Give a new peer its share of the requests."""
        if self.options.probe_router:
            probe(peer)
        self._balancer.attach(peer)

    def peer_readable(self, peer: Peer) -> None:
        """Look for a reply in what a peer sent, when asked."""
        self._fair_queue.peer_readable(peer)

    def peer_writable(self, peer: Peer) -> None:
        """Give a peer that has room again its share of the requests."""
        self._balancer.peer_writable(peer)

    def detach(self, peer: Peer) -> None:
        """Send nothing more to a peer that is gone, and take the reply it owes from any peer."""
        self._balancer.detach(peer)
        self._fair_queue.detach(peer)
        if peer is self._reply_peer:
            self._reply_peer = None

    def _next_envelope(self) -> Frames:
        self._request_id = (self._request_id + 1) & _REQUEST_ID_MASK
        return self._request_id.to_bytes(4, sys.byteorder), _DELIMITER  # the order is libzmq's; nobody else reads it

    def _discard_replies(self) -> None:
        while self._fair_queue.try_recv() is not None:
            continue

    def _find_reply(self, envelope: Frames) -> bool:
        """Skip what is not the reply; return whether the reply is found."""
        for _ in range(SKIPS):
            if self._reply is not None:
                return True
            message = self._fair_queue.try_recv()
            if message is None:
                return False
            if self._reply_peer is None or self._fair_queue.last_peer is self._reply_peer:
                self._reply = _body_after(envelope, message)
        if self._reply is None:
            self._skip_on_later()
        return self._reply is not None


class RepPattern(Pattern):
    """Receives requests from all its peers, in turn, and sends each reply to the peer that the request came from.

    A request without delimiter is skipped. A reply is dropped if that peer is gone or has no room. Routing ids have no
    part in it: a REP knows its peers apart without them.
    """

    name = "REP"
    keeps_away_peers = True
    __slots__ = ("_envelope", "_fair_queue", "_origin", "_replying", "_request")

    def __init__(self, options: SocketOptions) -> None:
        super().__init__(options)
        self._fair_queue = FairQueue()
        self._replying = False
        self._request: Message | None = None  # found by `can_recv`, for `try_recv`
        self._envelope: Frames = ()
        self._origin: Peer | None = None  # where the request came from; None if that peer is gone

    def try_send(self, message: Message) -> bool:
        """Queue the reply to the request that was received last, or drop it.

        Raises:
            ZMQError: EFSM if there is no request to reply to.
        """
        if not self._replying:
            raise ZMQError(EFSM, "a REP socket cannot send before it received a request: receive first")
        peer = self._origin
        if peer is not None and peer.writable:
            peer.put((*self._envelope, message) if type(message) is bytes else (*self._envelope, *message))
        else:
            self._dropped += 1
            if peer is not None:
                peer.dropped += 1
        self._replying = False
        self._origin = None
        self.turned()
        return True

    def try_recv(self) -> Message | None:
        """Take the body of the next request.

        Raises:
            ZMQError: EFSM if the request before is not replied to.
        """
        if self._replying:
            raise ZMQError(EFSM, "a REP socket cannot receive again before it replied: send the reply first")
        if self._request is None and not self._find_request():
            return None
        request = self._request
        self._request = None
        self._replying = True
        self.turned()
        return request

    def can_send(self) -> bool:
        """Whether it is the turn to reply: a reply that cannot be delivered is dropped."""
        return self._replying

    def can_recv(self) -> bool:
        """Whether it is the turn to receive and a request is here."""
        return not self._replying and self._find_request()

    def attach(self, peer: Peer) -> None:
        """Greet a new peer, if PROBE_ROUTER is set."""
        if self.options.probe_router:
            probe(peer)

    def peer_readable(self, peer: Peer) -> None:
        """Read from a peer that sent something."""
        self._fair_queue.peer_readable(peer)

    def detach(self, peer: Peer) -> None:
        """Drop the reply to a peer that is gone, and read what it left."""
        self._fair_queue.detach(peer)
        if peer is self._origin:
            self._origin = None

    def _find_request(self) -> bool:
        """Skip what is no request; return whether one is found."""
        for _ in range(SKIPS):
            if self._request is not None:
                return True
            message = self._fair_queue.try_recv()
            if message is None:
                return False
            self._open(frames_of(message))
        if self._request is None:
            self._skip_on_later()
        return self._request is not None

    def _open(self, frames: Frames) -> None:
        """Take a request apart; leave it if there is no delimiter, or no body after it."""
        if len(frames) == 2 and not frames[0]:  # straight from a REQ
            self._envelope, self._request = _NO_NUMBER, frames[1]
            self._origin = self._fair_queue.last_peer
            return
        if _DELIMITER in frames[:-1]:
            start = frames.index(_DELIMITER) + 1
            self._envelope = frames[:start]
            self._request = message_of(frames[start:])
            self._origin = self._fair_queue.last_peer


def _body_after(envelope: Frames, message: Message) -> Message | None:
    """Return the frames after the envelope, or None if the message does not begin with it or ends with it."""
    frames = frames_of(message)
    size = len(envelope)
    return message_of(frames[size:]) if len(frames) > size and frames[:size] == envelope else None

"""Asking the ZAP handler of a context about a peer that wants in (RFC 27).

The handler is a socket bound to a certain inproc name, in any loop of any thread; each question has a link of its own
to it, which is an inproc peer without a socket. There is no time limit here: the handshake that waits has one.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from typing import TypeAlias

from aiomq.counters import Tally
from aiomq.message import Frames
from aiomq.options import SocketOptions
from aiomq.transports.inproc import InprocPeer
from aiomq.transports.inproc_names import InprocNames
from aiomq.transports.inproc_owner import InprocOwner
from aiomq.zmtp.errors import ZmtpError
from aiomq.zmtp.mechanisms.base import ZapReply, ZapRequest
from aiomq.zmtp.zap import ENDPOINT, encode_request, parse_reply

__all__ = ["Answered", "Verdict", "ZapClient", "ZapQuestion"]

Verdict: TypeAlias = ZapReply | ZmtpError
"""What a handler answered, or why there is no answer."""

Answered: TypeAlias = Callable[[Verdict], None]
"""Is told the verdict, or why there is none, in a later turn of the loop that asked."""


class ZapClient:
    """The way from the connections of a context to its ZAP handler."""

    def __init__(self, names: InprocNames) -> None:
        self._names = names

    def ask(
        self,
        loop: asyncio.AbstractEventLoop,
        request: ZapRequest,
        address: bytes,
        options: SocketOptions,
        answered: Answered,
    ) -> ZapQuestion:
        """Ask about a peer.

        Args:
            loop: the running loop, in which the answer is wanted.
            request: what the mechanism found out; if it requires a handler and there is none, the peer is refused.
            address: the peer's, as a number and without a port.
            options: of the socket that the peer connected to.
            answered: called once, unless the question is taken back.
        """
        question = ZapQuestion(loop, self._names, answered)
        if self._names.is_bound(ENDPOINT):
            question.ask(
                encode_request(request, domain=options.zap_domain, address=address, routing_id=options.routing_id)
            )
        elif request.required:
            what = f"there is no ZAP handler to ask: nothing is bound to {ENDPOINT} in this context"
            question.settle(ZmtpError(what, errno=errno.EFAULT))
        else:
            question.settle(ZapReply(status=200))
        return question


class ZapQuestion(InprocOwner):
    """One question: the owner of one link to the handler, and little of what a socket is beside."""

    accepts_subscriptions = False
    accepts_memberships = False
    accepts_messages = True
    conflates = (False, False)
    lifecycle = frozenset()

    def __init__(self, loop: asyncio.AbstractEventLoop, names: InprocNames, answered: Answered) -> None:
        self.loop = loop
        self.options = SocketOptions(sndhwm=0, rcvhwm=0)
        self.tally = Tally()
        self._names = names
        self._answered = answered
        self._link: InprocPeer | None = None
        self._verdict: asyncio.Handle | None = None

    def ask(self, request: Frames) -> None:
        """Send the request to the handler, or to the one that is about to begin."""
        link = self._link = InprocPeer(self, ENDPOINT)
        link.put(request)
        self._names.link_or_wait(link)

    def settle(self, verdict: Verdict) -> None:
        """Tell the verdict, in the next turn: the handler is in the middle of its own work."""
        if self._verdict is None:
            self._verdict = self.loop.call_soon(self._answered, verdict)
            self.loop.call_soon(self._end_link)

    @property
    def settled(self) -> bool:
        """Whether there is a verdict."""
        return self._verdict is not None

    def take_back(self) -> None:
        """The peer is gone: nobody wants to know any more."""
        if self._verdict is None:
            self._verdict = self.loop.call_soon(self._end_link)
        else:
            self._verdict.cancel()

    def _end_link(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            self._names.forget(link)
            link.close()

    # -- called by the link ------------------------------------------------------------------------------------------

    def message_received(self, peer: InprocPeer, count: int) -> None:
        """The handler answered."""
        try:
            reply = parse_reply(peer.inbox.popleft())  # type: ignore[arg-type]  # a handler sends messages alone
        except ZmtpError as error:
            self.settle(error)
        else:
            self.settle(reply)

    def peer_streams(self, *_: object) -> bool:
        """Return that no messages may bypass `message_received`."""
        return False

    def peer_detached(self, peer: InprocPeer) -> None:
        """The handler ended the link; whoever is to be let in may try again."""
        what = "the ZAP handler was closed before it answered"
        self.settle(ZmtpError(what, errno=errno.EFAULT, fatal=False))

    # -- of no concern to a single question --------------------------------------------------------------------------

    def peer_attached(self, peer: InprocPeer) -> None:
        """Nothing: there is no pattern to take part in."""

    def peer_identified(self, peer: InprocPeer) -> None:
        """Nothing: a handler needs no name."""

    def peer_writable(self, peer: InprocPeer) -> None:
        """Nothing: the link has no mark."""

    def peer_full(self) -> None:
        """Nothing: the link has no mark."""

    def inbox_full(self) -> None:
        """Nothing: the link has no mark."""

    def revoke_grants(self) -> None:
        """Nothing: none are given."""

    def endpoint_closed(self, endpoint: object) -> None:
        """Nothing: the link came from no connect."""

    def link_made(self) -> None:
        """Nothing: links of questions are not counted."""

    def link_lost(self) -> None:
        """Nothing: links of questions are not counted."""

    def __repr__(self) -> str:
        return f"<ZapQuestion {'open' if self._verdict is None else 'settled'}>"

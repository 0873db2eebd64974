"""Every valid pair of socket types, and how the two of each talk to each other."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import aiomq
from aiomq.constants import SocketType
from tests.interop.peers import TIMEOUT, End, LibzmqPeer, LibzmqProcess

__all__ = ["ADDRESSES", "PAIRS", "ROLES", "Pair", "Role", "exchange", "in_order", "meet", "meeting"]

ADDRESSES: Final = {"tcp": "tcp://127.0.0.1:*", "ipc": "ipc://*"}
"""What to bind over each transport that reaches libzmq."""


_NONE: Final[Mapping[str, Any]] = MappingProxyType({})


class Pair(NamedTuple):
    """Two types of socket that may be connected. `one` speaks first.

    Attributes:
        one: the type that sends first.
        other: the type that receives first, and answers if `answers`.
        prefix: frames that `one` puts before a body, and finds before the answer.
        envelope: frames that `other` finds before a body, and puts before the answer.
        answers: whether messages go both ways.
        one_options: options that `one` needs for it.
        other_options: options that `other` needs for it.
    """

    one: SocketType
    other: SocketType
    prefix: tuple[bytes, ...] = ()
    envelope: tuple[bytes, ...] = ()
    answers: bool = True
    one_options: Mapping[str, Any] = _NONE
    other_options: Mapping[str, Any] = _NONE

    @property
    def name(self) -> str:
        return f"{self.one.name}-{self.other.name}"


class Role(NamedTuple):
    """A pair, and which of the two is aiomq; the other is libzmq."""

    pair: Pair
    aiomq_is_one: bool

    @property
    def name(self) -> str:
        marks = ("aiomq", "libzmq") if self.aiomq_is_one else ("libzmq", "aiomq")
        return "-".join(f"{each.name}({mark})" for each, mark in zip(self.pair[:2], marks, strict=True))


_ONE: Final = {"routing_id": b"one"}
_ROUTERS: Final = {"probe_router": 1, "router_mandatory": 1}
_ALL_TOPICS: Final = {"subscribe": b""}

PAIRS: Final = (
    Pair(SocketType.PUB, SocketType.SUB, answers=False, other_options=_ALL_TOPICS),
    Pair(SocketType.PUB, SocketType.XSUB, answers=False),
    Pair(SocketType.XPUB, SocketType.SUB, answers=False, other_options=_ALL_TOPICS),
    Pair(SocketType.XPUB, SocketType.XSUB),
    Pair(SocketType.REQ, SocketType.REP),
    Pair(SocketType.REQ, SocketType.ROUTER, envelope=(b"one", b""), one_options=_ONE),
    Pair(SocketType.DEALER, SocketType.REP, prefix=(b"",), one_options=_ONE),
    Pair(SocketType.DEALER, SocketType.DEALER, one_options=_ONE),
    Pair(
        SocketType.DEALER,
        SocketType.ROUTER,
        envelope=(b"one",),
        one_options=_ONE,
        other_options={"router_mandatory": 1},
    ),
    Pair(
        SocketType.ROUTER,
        SocketType.ROUTER,
        prefix=(b"other",),
        envelope=(b"one",),
        one_options=_ONE | _ROUTERS,
        other_options={"routing_id": b"other"} | _ROUTERS,
    ),
    Pair(SocketType.PUSH, SocketType.PULL, answers=False),
    Pair(SocketType.PAIR, SocketType.PAIR),
)

ROLES: Final = tuple(Role(pair, aiomq_is_one) for pair in PAIRS for aiomq_is_one in (True, False))


async def meet(pair: Pair, one: End, other: End) -> None:
    """Return when a message that `one` sends from now on reaches `other`.

    libzmq sees to a new connection of a bound socket only within calls: what has to take part is kept receiving.
    """
    async with asyncio.timeout(TIMEOUT):
        if pair.one is SocketType.ROUTER:  # each may speak once it knows the other: PROBE_ROUTER makes itself known
            to_one, to_other = await asyncio.gather(one.recv_multipart(), other.recv_multipart())
            assert to_one == [*pair.prefix, b""]
            assert to_other == [*pair.envelope, b""]
        if pair.other is SocketType.XSUB:
            await other.send_multipart([b"\x01"])
        if pair.other in {SocketType.SUB, SocketType.XSUB}:
            await _meet_publisher(pair, one, other)


async def _meet_publisher(pair: Pair, publisher: End, subscriber: End) -> None:
    """Wait for the subscription to reach the publisher, while the subscriber receives.

    An XPUB is told of the subscription; a PUB is not: it sends until something arrives.
    """
    arrival = asyncio.ensure_future(subscriber.recv_multipart())
    try:
        if pair.one is SocketType.XPUB:
            assert await publisher.recv_multipart() == [b"\x01"]
        while pair.one is SocketType.PUB and not arrival.done():
            await publisher.send_multipart([b"anybody?"])
            await asyncio.wait([arrival], timeout=0.002)
        await publisher.send_multipart([b"met"])
        received = await arrival
    finally:
        arrival.cancel()
    while received != [b"met"]:
        assert received == [b"anybody?"]
        received = await subscriber.recv_multipart()


async def exchange(pair: Pair, one: End, other: End, body: Sequence[bytes]) -> None:
    """Send a body to the other end, and back where messages go both ways."""
    async with asyncio.timeout(TIMEOUT):
        await one.send_multipart([*pair.prefix, *body])
        assert await other.recv_multipart() == [*pair.envelope, *body]
        if pair.answers:
            await other.send_multipart([*pair.envelope, *body])
            assert await one.recv_multipart() == [*pair.prefix, *body]


@contextlib.asynccontextmanager
async def meeting(
    context: aiomq.Context,
    role: Role,
    address: str,
    *,
    aiomq_binds: bool,
    libzmq: type[LibzmqPeer | LibzmqProcess] = LibzmqPeer,
    **options: Any,
) -> AsyncIterator[tuple[aiomq.Socket, LibzmqPeer | LibzmqProcess]]:
    """Make the two sockets of a role, connect them, and let them meet.

    Args:
        context: what makes the socket of aiomq.
        role: which types, and who is who.
        address: what to bind.
        aiomq_binds: whether aiomq binds and libzmq connects, or the other way round.
        libzmq: where libzmq runs: in a thread or in a process.
        options: options to set on both.
    """
    pair = role.pair
    ours, theirs = pair.one, pair.other
    our_options, their_options = pair.one_options, pair.other_options
    if not role.aiomq_is_one:
        ours, theirs, our_options, their_options = theirs, ours, their_options, our_options
    async with (
        context.socket(ours, linger=0, **our_options, **options) as socket,
        libzmq(theirs, **their_options, **options) as peer,
    ):
        if aiomq_binds:
            socket.bind(address)
            await peer.connect(socket.last_endpoint)
        else:
            socket.connect(await peer.bind(address))
        await meet(pair, *in_order(role, socket, peer))
        yield socket, peer


def in_order(role: Role, socket: End, peer: End) -> tuple[End, End]:
    """Return the one and the other of a role, given who is aiomq and who is libzmq."""
    return (socket, peer) if role.aiomq_is_one else (peer, socket)

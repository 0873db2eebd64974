"""Heartbeats judge by progress: what is slow, full, held or blocked on this side is not a silent peer.

The times are those of the heartbeats themselves: each test takes several times as long as a judge without mercy would
wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import pytest
import zmq

import aiomq
from aiomq import Event, SocketType
from tests.faults.slow_link import SlowLink
from tests.interop.peers import LibzmqPeer, attentive
from tests.security.sides import CURVE_CLIENT, CURVE_SERVER
from tests.sockets.links import until
from tests.transports.fixtures import script
from tests.transports.scripted import COMMAND, Script, frame, handshake

__all__ = ["script"]

INTERVAL: Final = 100
BEATS: Final[dict[str, Any]] = {"heartbeat_ivl": INTERVAL, "heartbeat_timeout": 300, "heartbeat_ttl": 300}
LIMIT: Final = 0.3
"""Seconds of the timeout above."""

BOUND: Final = 20


@dataclass(frozen=True)
class Way:
    """A type that sends, one that receives, and what each needs for it."""

    sends: SocketType
    receives: SocketType
    before: tuple[bytes, ...] = ()
    sender_options: tuple[tuple[str, Any], ...] = ()
    receiver_options: tuple[tuple[str, Any], ...] = ()
    security: str = "NULL"
    answers: bool = False
    """The receiver answers every message before the next is sent."""

    @property
    def name(self) -> str:
        return f"{self.sends.name}-{self.receives.name}-{self.security}"


T = SocketType
NAMED: Final = (("routing_id", b"them"),)
WAYS: Final = (
    Way(T.PUSH, T.PULL),
    Way(T.PUSH, T.PULL, security="CURVE"),
    Way(T.REQ, T.REP, answers=True),
    Way(T.DEALER, T.ROUTER),
    Way(T.ROUTER, T.DEALER, before=(b"them",), receiver_options=NAMED, sender_options=(("router_mandatory", 1),)),
    Way(T.PUB, T.SUB, receiver_options=(("subscribe", b""),), sender_options=(("sndhwm", 0),)),
)
ALL: Final = pytest.mark.parametrize("way", [pytest.param(each, id=each.name) for each in WAYS])


def sender_options(way: Way) -> dict[str, Any]:
    secured = CURVE_CLIENT if way.security == "CURVE" else {}
    return dict(way.sender_options) | secured


def receiver_options(way: Way) -> dict[str, Any]:
    secured = CURVE_SERVER if way.security == "CURVE" else {}
    return dict(way.receiver_options) | secured


class Ends:
    """Makes the two ends, one of them libzmq's where the test asks for it."""

    def __init__(self, context: aiomq.Context, stack: contextlib.AsyncExitStack) -> None:
        self._context = context
        self._stack = stack

    async def make(self, library: str, kind: SocketType, **options: Any) -> aiomq.Socket | LibzmqPeer:
        if library == "aiomq":
            return self._context.socket(kind, reconnect_ivl=10, linger=0, **options)
        if kind is SocketType.PUB:
            kind = SocketType.XPUB  # a PUB that says who has subscribed
        return await self._stack.enter_async_context(LibzmqPeer(kind, **options))


@pytest.fixture
async def ends(context: aiomq.Context) -> AsyncIterator[Ends]:
    context.linger = 0
    context.rcvtimeo = context.sndtimeo = BOUND * 1000
    async with contextlib.AsyncExitStack() as stack:
        yield Ends(context, stack)


async def bound(socket: aiomq.Socket | LibzmqPeer, address: str) -> str:
    if isinstance(socket, LibzmqPeer):
        return await socket.bind(address)
    socket.bind(address)
    return socket.last_endpoint


async def connected(socket: aiomq.Socket | LibzmqPeer, address: str) -> None:
    if isinstance(socket, LibzmqPeer):
        await socket.connect(address)
    else:
        socket.connect(address)


async def linked(way: Way, sender: aiomq.Socket | LibzmqPeer) -> None:
    """Wait until the sender knows of the receiver, where its type drops what is for nobody."""
    async with asyncio.timeout(BOUND):
        if isinstance(sender, aiomq.Socket):
            await sender.wait_connected()
            if way.sends is SocketType.PUB:
                await sender.wait_subscribed(b"")
        elif way.sends is SocketType.PUB:
            assert await sender.recv_multipart() == [b"\x01"]
        elif way.sends is SocketType.ROUTER:
            await until_known(sender, [*way.before, b"known"])


async def until_known(router: LibzmqPeer, message: list[bytes]) -> None:
    """Send this to a peer as soon as a mandatory ROUTER of libzmq, which has no event for it, knows the peer."""
    while True:
        try:
            await router.send_multipart(message)
        except zmq.ZMQError as error:
            if error.errno != errno.EHOSTUNREACH:
                raise
        else:
            return


class Losses:
    """The ends of connections that a socket tells of."""

    def __init__(self, socket: aiomq.Socket) -> None:
        self._monitor = socket.monitor(events=Event.DISCONNECTED)

    async def first(self) -> str:
        """Wait for one, and return its reason."""
        return (await asyncio.wait_for(anext(self._monitor), BOUND)).reason

    async def stop(self) -> list[str]:
        """Return the reasons of all that there were."""
        self._monitor.close()
        return [event.reason async for event in self._monitor]


# -- a slow link ------------------------------------------------------------------------------------------------------


@ALL
@pytest.mark.parametrize("library", ["aiomq", "libzmq"])
async def test_message_that_takes_longer_than_the_timeout_to_leave_arrives(ends: Ends, way: Way, library: str) -> None:
    large = bytes(range(256)) * 3 * 1024  # 768 KiB: three quarters of a second, or twice the timeout and more
    sender = await ends.make("aiomq", way.sends, **BEATS, **sender_options(way))
    receiver = await ends.make(library, way.receives, **receiver_options(way))
    assert isinstance(sender, aiomq.Socket)
    async with SlowLink(rate=1 << 20) as link:
        link.lead_to(await bound(receiver, "tcp://127.0.0.1:*"))
        losses = Losses(sender)
        sender.connect(link.endpoint)
        async with attentive(receiver):
            await linked(way, sender)

        await sender.send_multipart([*way.before, large])

        assert (await receiver.recv_multipart())[-1] == large
        if way.answers:
            await receiver.send_multipart([b"answer"])
            assert await sender.recv_multipart() == [b"answer"]
        assert (await losses.stop(), link.accepted) == ([], 1)
        sender.close(0)


@pytest.mark.parametrize("library", ["aiomq", "libzmq"])
async def test_own_heartbeats_of_who_receives_slowly_keep_the_connection(ends: Ends, library: str) -> None:
    large = bytes(1 << 20)
    sender = await ends.make(library, SocketType.PUSH, sndhwm=5)
    receiver = await ends.make("aiomq", SocketType.PULL, **BEATS)
    assert isinstance(receiver, aiomq.Socket)
    receiver.bind("tcp://127.0.0.1:*")
    losses = Losses(receiver)
    async with SlowLink(rate=1 << 20) as link:
        link.lead_to(receiver.last_endpoint)
        await connected(sender, link.endpoint)
        await sender.send_multipart([large])
        assert await receiver.recv_multipart() == [large]
        assert (await losses.stop(), link.accepted) == ([], 1)


# -- a reader that is paused ------------------------------------------------------------------------------------------


@ALL
@pytest.mark.parametrize("library", ["aiomq", "libzmq"])
@pytest.mark.parametrize("address", ["tcp://127.0.0.1:*", "ipc://*"])
async def test_heartbeats_of_a_full_receiver_do_not_judge_whom_it_does_not_hear(
    ends: Ends, way: Way, library: str, address: str
) -> None:
    count = 1 if way.answers else 400
    sender = await ends.make(library, way.sends, **{"sndhwm": 500} | sender_options(way))
    receiver = await ends.make("aiomq", way.receives, rcvhwm=2, **BEATS, **receiver_options(way))
    assert isinstance(receiver, aiomq.Socket)
    losses = Losses(receiver)
    await connected(sender, await bound(receiver, address))
    await asyncio.wait_for(receiver.wait_connected(), BOUND)
    await linked(way, sender)
    if way.sends is SocketType.ROUTER and library == "libzmq":
        assert await receiver.recv_multipart() == [b"known"]
    for number in range(count):
        await sender.send_multipart([*way.before, b"%d" % number, bytes(20_000)])

    await asyncio.sleep(2.5 * LIMIT)  # nobody receives

    for number in range(count):
        assert (await receiver.recv_multipart())[-2:] == [b"%d" % number, bytes(20_000)]
        if way.answers:
            await receiver.send_multipart([b"answer"])
    assert await losses.stop() == []


@pytest.mark.parametrize("library", ["aiomq", "libzmq"])
@pytest.mark.parametrize("address", ["tcp://127.0.0.1:*", "ipc://*"])
async def test_full_receiver_shows_life_to_a_sender_whose_heartbeats_it_cannot_read(
    ends: Ends, library: str, address: str
) -> None:
    sender = await ends.make(library, SocketType.PUSH, sndhwm=500, heartbeat_ivl=INTERVAL, heartbeat_timeout=300)
    receiver = await ends.make("aiomq", SocketType.PULL, rcvhwm=2)
    assert isinstance(receiver, aiomq.Socket)
    losses = Losses(receiver)
    await connected(sender, await bound(receiver, address))
    await asyncio.wait_for(receiver.wait_connected(), BOUND)
    peer = next(iter(receiver._core.peers))
    await until(lambda: peer.link._heartbeat._cadence)  # type: ignore[attr-defined]  # a PING has come
    for number in range(400):
        await sender.send_multipart([b"%d" % number, bytes(20_000)])

    await asyncio.sleep(2.5 * LIMIT)

    for number in range(400):
        assert (await receiver.recv_multipart())[0] == b"%d" % number
    assert await losses.stop() == []


# -- a loop that stands still -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", ["aiomq", "libzmq"])
@pytest.mark.parametrize("kind", [(T.PUSH, T.PULL), (T.REQ, T.REP), (T.DEALER, T.ROUTER), (T.SUB, T.PUB)])
async def test_loop_that_was_blocked_does_not_take_its_own_silence_for_the_peers(
    ends: Ends, library: str, kind: tuple[SocketType, SocketType]
) -> None:
    ours = await ends.make("aiomq", kind[0], **BEATS | {"heartbeat_ttl": 0})  # else the peer gives us up, and rightly
    theirs = await ends.make(library, kind[1])
    assert isinstance(ours, aiomq.Socket)
    losses = Losses(ours)
    ours.connect(await bound(theirs, "tcp://127.0.0.1:*"))
    await asyncio.wait_for(ours.wait_connected(), BOUND)

    for _ in range(2):
        await asyncio.sleep(1.1 * INTERVAL / 1000)  # a PING has gone, and its answer may not be read yet
        time.sleep(2 * LIMIT)  # noqa: ASYNC251  # what is tested

    await asyncio.sleep(2 * LIMIT)
    assert await losses.stop() == []


# -- who is silent all the same ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:*", "ipc://*"])
async def test_peer_that_takes_nothing_more_in_is_given_up(ends: Ends, address: str, script: Script) -> None:
    push = await ends.make("aiomq", SocketType.PUSH, **BEATS)
    assert isinstance(push, aiomq.Socket)
    push.bind(address)
    losses = Losses(push)
    await script.greeted(push.last_endpoint, "PULL")  # reads no further, and says nothing
    await push.send(bytes(8 << 20))

    assert await losses.first() == "no traffic within 0.3 s of a PING"


async def test_time_to_live_of_a_peer_runs_anew_when_reading_goes_on(ends: Ends, script: Script) -> None:
    pull = await ends.make("aiomq", SocketType.PULL, rcvhwm=1)
    assert isinstance(pull, aiomq.Socket)
    pull.bind("tcp://127.0.0.1:*")
    losses = Losses(pull)
    wire = await script.greeted(pull.last_endpoint, "PUSH")
    wire.send(frame(b"\x04PING\x00\x02", COMMAND) + frame(b"one") + frame(b"two"))  # to be given up after 0.2 s
    await pull.poll(BOUND * 1000)
    await asyncio.sleep(2 * LIMIT)
    assert pull.peers()[0].state == "connected"

    assert [await pull.recv(), await pull.recv()] == [b"one", b"two"]

    assert await losses.first() == "silent for its time-to-live of 0.2 s"


# -- the handshake that somebody else holds up ------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:*", "ipc://*"])
async def test_time_that_a_zap_handler_takes_is_not_held_against_the_peer(
    context: aiomq.Context, script: Script, address: str
) -> None:
    handler = context.socket(aiomq.REP)
    handler.bind("inproc://zeromq.zap.01")
    pull = context.socket(aiomq.PULL, handshake_ivl=600, zap_domain=b"test")
    pull.bind(address)
    wire = await script.dial(pull.last_endpoint)
    with pull.monitor(events=Event.HANDSHAKE_SUCCEEDED | Event.HANDSHAKE_FAILED_NO_DETAIL) as events:
        await asyncio.sleep(0.4)
        wire.send(handshake("PUSH"))
        request = await asyncio.wait_for(handler.recv_multipart(), BOUND)
        await asyncio.sleep(0.4)  # with the time before that is more than HANDSHAKE_IVL
        await handler.send_multipart([request[0], request[1], b"200", b"OK", b"", b""])
        assert (await asyncio.wait_for(anext(events), BOUND)).event is Event.HANDSHAKE_SUCCEEDED


async def test_zap_handler_that_never_answers_is_named(context: aiomq.Context, script: Script) -> None:
    handler = context.socket(aiomq.REP)
    handler.bind("inproc://zeromq.zap.01")
    pull = context.socket(aiomq.PULL, handshake_ivl=100, zap_domain=b"test")
    pull.bind("tcp://127.0.0.1:*")
    wire = await script.dial(pull.last_endpoint)
    with pull.monitor(events=Event.HANDSHAKE_FAILED_NO_DETAIL) as events:
        wire.send(handshake("PUSH"))
        assert (
            await asyncio.wait_for(anext(events), BOUND)
        ).reason == "no answer of the ZAP handler within 100 ms (HANDSHAKE_IVL)"

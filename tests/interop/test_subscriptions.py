"""Subscriptions between aiomq and libzmq: what is let through, what is taken back, and what an XPUB is told of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Final, NamedTuple

import pytest
import zmq

import aiomq
from aiomq.constants import SocketType
from tests.interop.peers import TIMEOUT, LibzmqPeer, attentive

MESSAGES: Final = (
    [b""],
    [b"a"],
    [b"aa"],
    [b"ab", b"a second frame"],
    [b"abc"],
    [b"b"],
    [b"b", b"a"],  # only the first frame is matched
    [b"c", b"", b"c"],
    [b"\x00\xff binary"],
    [b"\x00"],
    [b"\xc3\xa9t\xc3\xa9"],
    [b"long " * 100 + b"topic"],
    [b"long " * 99],
)

publisher_types = pytest.mark.parametrize("publisher_type", [SocketType.PUB, SocketType.XPUB], ids=["PUB", "XPUB"])
subscriber_types = pytest.mark.parametrize("subscriber_type", [SocketType.SUB, SocketType.XSUB], ids=["SUB", "XSUB"])
aiomq_publishes = pytest.mark.parametrize("aiomq_publishes", [True, False], ids=["aiomq to libzmq", "libzmq to aiomq"])


async def subscribe(subscriber: aiomq.Socket | LibzmqPeer, socket_type: SocketType, topic: bytes) -> None:
    """Subscribe a SUB or XSUB of either kind."""
    if socket_type is SocketType.XSUB:
        await subscriber.send_multipart([b"\x01" + topic])
    elif isinstance(subscriber, LibzmqPeer):
        await subscriber.set(subscribe=topic)
    else:
        subscriber.subscribe(topic)


async def unsubscribe(subscriber: aiomq.Socket | LibzmqPeer, socket_type: SocketType, topic: bytes) -> None:
    """Take back a subscription of a SUB or XSUB of either kind."""
    if socket_type is SocketType.XSUB:
        await subscriber.send_multipart([b"\x00" + topic])
    elif isinstance(subscriber, LibzmqPeer):
        await subscriber.set(unsubscribe=topic)
    else:
        subscriber.unsubscribe(topic)


@contextlib.asynccontextmanager
async def publisher_and_subscriber(
    context: aiomq.Context, publisher_type: SocketType, subscriber_type: SocketType, *, aiomq_publishes: bool
) -> AsyncIterator[tuple[aiomq.Socket | LibzmqPeer, aiomq.Socket | LibzmqPeer]]:
    """Make a publisher, and a subscriber that connects to it."""
    ours, theirs = (publisher_type, subscriber_type) if aiomq_publishes else (subscriber_type, publisher_type)
    async with context.socket(ours, linger=0) as socket, LibzmqPeer(theirs) as peer:
        if aiomq_publishes:
            socket.bind("tcp://127.0.0.1:*")
            await peer.connect(socket.last_endpoint)
            yield socket, peer
        else:
            socket.connect(await peer.bind("tcp://127.0.0.1:*"))
            yield peer, socket


async def arrived(
    publisher: aiomq.Socket | LibzmqPeer,
    subscriber: aiomq.Socket | LibzmqPeer,
    subscriber_type: SocketType,
    messages: Sequence[Sequence[bytes]],
    mark: bytes,
) -> list[list[bytes]]:
    """Publish messages once all subscriptions so far are in force; return those that arrived.

    Subscriptions keep their order: when a message for the last one, `mark`, comes through, those before it hold.
    """
    await subscribe(subscriber, subscriber_type, mark)
    arrival = asyncio.create_task(subscriber.recv_multipart())
    async with asyncio.timeout(TIMEOUT):
        while not arrival.done():
            await publisher.send_multipart([mark, b"anybody?"])
            await asyncio.wait([arrival], timeout=0.002)
        for message in messages:
            await publisher.send_multipart(message)
        await publisher.send_multipart([mark, b"the end"])
        received = [await arrival]
        while received[-1] != [mark, b"the end"]:
            received.append(await subscriber.recv_multipart())
    return [message for message in received if message[0] != mark]


def wanted(topics: Sequence[bytes]) -> list[list[bytes]]:
    return [message for message in MESSAGES if message[0].startswith(tuple(topics))]


@aiomq_publishes
@subscriber_types
@publisher_types
async def test_messages_arrive_whose_first_frame_begins_with_a_topic(
    context: aiomq.Context, publisher_type: SocketType, subscriber_type: SocketType, aiomq_publishes: bool
) -> None:
    topics = [b"ab", b"b", b"\x00\xff", "é".encode(), b"long " * 100]
    async with publisher_and_subscriber(context, publisher_type, subscriber_type, aiomq_publishes=aiomq_publishes) as (
        publisher,
        subscriber,
    ):
        for topic in topics:
            await subscribe(subscriber, subscriber_type, topic)
        received = await arrived(publisher, subscriber, subscriber_type, MESSAGES, b"~1")
        assert received == wanted(topics)
        assert len(received) == 7
        await subscribe(subscriber, subscriber_type, b"")
        assert await arrived(publisher, subscriber, subscriber_type, MESSAGES, b"~2") == list(MESSAGES)


@aiomq_publishes
@subscriber_types
@publisher_types
async def test_messages_stop_when_the_last_of_equal_subscriptions_is_taken_back(
    context: aiomq.Context, publisher_type: SocketType, subscriber_type: SocketType, aiomq_publishes: bool
) -> None:
    async with publisher_and_subscriber(context, publisher_type, subscriber_type, aiomq_publishes=aiomq_publishes) as (
        publisher,
        subscriber,
    ):
        for topic in (b"a", b"a", b"ab", b"c"):
            await subscribe(subscriber, subscriber_type, topic)
        left = {
            b"a": [b"a", b"ab", b"c"],  # one of two
            b"ab": [b"a", b"c"],
            b"never subscribed": [b"a", b"c"],
            b"c": [b"a"],
        }
        for number, (topic, topics) in enumerate(left.items()):
            await unsubscribe(subscriber, subscriber_type, topic)
            received = await arrived(publisher, subscriber, subscriber_type, MESSAGES, b"~%d" % number)
            assert received == wanted(topics)
        await unsubscribe(subscriber, subscriber_type, b"a")
        assert await arrived(publisher, subscriber, subscriber_type, MESSAGES, b"~end") == []


# -- what an XPUB is told ---------------------------------------------------------------------------------------------


class Step(NamedTuple):
    """One of two subscribers changes its mind."""

    who: int
    subscribes: bool
    topic: bytes


SCRIPT: Final = (
    Step(0, True, b"a"),
    Step(0, True, b"a"),
    Step(1, True, b"a"),
    Step(1, True, b"b"),
    Step(1, True, b"ab"),
    Step(0, False, b"a"),
    Step(0, False, b"a"),
    Step(0, False, b"a"),  # once too often
    Step(1, False, b"a"),
    Step(0, True, b""),
    Step(0, False, b""),
    Step(0, True, b""),
    Step(0, True, b"b"),
    Step(1, False, b"b"),
    Step(1, True, b"b"),
    Step(0, True, b"c"),
)
SHARED: Final = {b"b"}
"""Of what the first subscriber holds in the end, what the second one holds too."""

HELD_TO_THE_END: Final = {b"", b"b", b"c"}
"""What the first subscriber holds when it goes, its marks aside."""

MODES: Final[dict[str, dict[str, int]]] = {
    "default": {},
    "verbose": {"xpub_verbose": 1},
    "verboser": {"xpub_verboser": 1},
}


async def told(
    publisher: aiomq.Socket | LibzmqPeer,
    endpoint: str,
    context: aiomq.Context,
    *,
    aiomq_subscribes: bool,
    tells_all_cancels: bool,
) -> list[list[bytes]]:
    """Play the script before an XPUB; return what it is told after each step.

    In the end the first subscriber goes, and the XPUB must be told of exactly that; in which order is not promised.
    """
    steps: list[list[bytes]] = []
    async with contextlib.AsyncExitStack() as second, asyncio.timeout(TIMEOUT):
        async with contextlib.AsyncExitStack() as first:
            subscribers = [await _subscriber(each, endpoint, context, aiomq_subscribes) for each in (first, second)]
            marks: set[bytes] = set()
            for number, step in enumerate(SCRIPT):
                subscriber = subscribers[step.who]
                change = subscribe if step.subscribes else unsubscribe
                await change(subscriber, SocketType.SUB, step.topic)
                mark = b"~%d" % number
                await subscribe(subscriber, SocketType.SUB, mark)
                if step.who == 0:
                    marks.add(mark)
                steps.append([])
                while (notification := await publisher.recv_multipart()) != [b"\x01" + mark]:
                    steps[-1].extend(notification)
        lost = marks | (HELD_TO_THE_END if tells_all_cancels else HELD_TO_THE_END - SHARED)
        cancels = [(await publisher.recv_multipart())[0] for _ in lost]
        await subscribe(subscribers[1], SocketType.SUB, b"~end")
        assert await publisher.recv_multipart() == [b"\x01~end"]  # nothing more came of the first one's going
    assert {b"\x00" + topic for topic in lost} == set(cancels)
    return steps


async def _subscriber(
    stack: contextlib.AsyncExitStack, endpoint: str, context: aiomq.Context, aiomq_subscribes: bool
) -> aiomq.Socket | LibzmqPeer:
    if aiomq_subscribes:
        socket = await stack.enter_async_context(context.socket(SocketType.SUB, linger=0))
        socket.connect(endpoint)
        return socket
    peer = await stack.enter_async_context(LibzmqPeer(SocketType.SUB))
    await peer.connect(endpoint)
    return peer


@pytest.mark.parametrize("aiomq_subscribes", [True, False], ids=["aiomq SUB", "libzmq SUB"])
@pytest.mark.parametrize("mode", MODES)
async def test_xpub_is_told_of_subscriptions_as_the_xpub_of_libzmq_is(
    context: aiomq.Context, mode: str, aiomq_subscribes: bool
) -> None:
    options = MODES[mode]
    tells_all_cancels = mode == "verboser"
    async with context.socket(SocketType.XPUB, linger=0, **options) as xpub:
        xpub.bind("tcp://127.0.0.1:*")
        ours = await told(
            xpub,
            xpub.last_endpoint,
            context,
            aiomq_subscribes=aiomq_subscribes,
            tells_all_cancels=tells_all_cancels,
        )
    async with LibzmqPeer(SocketType.XPUB, **options) as peer:
        theirs = await told(
            peer,
            await peer.bind("tcp://127.0.0.1:*"),
            context,
            aiomq_subscribes=aiomq_subscribes,
            tells_all_cancels=tells_all_cancels,
        )
    assert ours == theirs


async def test_xpub_is_told_once_of_each_topic_and_once_of_its_end(context: aiomq.Context) -> None:
    async with context.socket(SocketType.XPUB, linger=0) as xpub:
        xpub.bind("tcp://127.0.0.1:*")
        steps = await told(xpub, xpub.last_endpoint, context, aiomq_subscribes=False, tells_all_cancels=False)
    assert steps == [
        [b"\x01a"], [], [], [b"\x01b"], [b"\x01ab"], [], [], [], [b"\x00a"], [b"\x01"], [b"\x00"], [b"\x01"],
        [], [], [], [b"\x01c"],
    ]  # fmt: skip


@pytest.mark.parametrize("aiomq_publishes", [True, False], ids=["aiomq XPUB", "libzmq XPUB"])
async def test_xpub_is_told_the_cancels_of_a_subscriber_that_disconnects(
    context: aiomq.Context, aiomq_publishes: bool
) -> None:
    async with publisher_and_subscriber(context, SocketType.XPUB, SocketType.SUB, aiomq_publishes=aiomq_publishes) as (
        xpub,
        sub,
    ):
        for topic in (b"a", b"b"):
            await subscribe(sub, SocketType.SUB, topic)
        async with asyncio.timeout(TIMEOUT):
            assert [await xpub.recv_multipart() for _ in range(2)] == [[b"\x01a"], [b"\x01b"]]
            if isinstance(sub, LibzmqPeer):
                await sub.call(lambda socket: socket.disconnect(socket.getsockopt_string(zmq.LAST_ENDPOINT)))
            else:
                sub.disconnect(sub.last_endpoint)
            async with attentive(sub):
                assert sorted([await xpub.recv_multipart() for _ in range(2)]) == [[b"\x00a"], [b"\x00b"]]


async def test_libzmq_sub_gets_the_welcome_message_that_it_is_subscribed_to(context: aiomq.Context) -> None:
    async with (
        context.socket(SocketType.XPUB, linger=0, xpub_welcome_msg=b"welcome") as xpub,
        LibzmqPeer(SocketType.SUB, subscribe=b"welcome") as sub,
    ):
        xpub.bind("tcp://127.0.0.1:*")
        await sub.connect(xpub.last_endpoint)
        assert await sub.recv_multipart() == [b"welcome"]

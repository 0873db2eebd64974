"""The draft types against pyomq, another implementation that has most of them."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, TypeAlias, TypeVar

import pytest

import aiomq

pyomq = pytest.importorskip("pyomq")

pytestmark = pytest.mark.timeout(30)

T = TypeVar("T")
Join: TypeAlias = Callable[[int, int], tuple[aiomq.Socket, Any]]


@pytest.fixture
async def join(context: aiomq.Context) -> AsyncIterator[Join]:
    """Return a function that makes a bound socket of ours and a connected one of pyomq."""
    others: list[Any] = []
    ours: list[aiomq.Socket] = []
    their_context = pyomq.Context()

    def make(our_type: int, their_type: int) -> tuple[aiomq.Socket, Any]:
        socket = context.socket(our_type, linger=0)
        ours.append(socket)
        socket.bind("tcp://127.0.0.1:*")
        other = their_context.socket(their_type)
        others.append(other)
        other.linger = 0
        other.rcvtimeo = other.sndtimeo = 10_000
        other.connect(socket.last_endpoint)
        return socket, other

    yield make
    for each in others:
        await off_loop(each.close)
    for each in ours:
        each.close()
    await off_loop(their_context.term)


async def off_loop(call: Callable[..., T], *args: Any) -> T:
    """Wait for a blocking call without holding up the loop."""
    return await asyncio.to_thread(call, *args)


GROUPS_ASIDE: Final = "group" in inspect.signature(pyomq.Socket.send).parameters
"""Whether its RADIO and DISH have the group beside the one part of a message; before 0.27 it was a part before it."""


def heard_by(dish: Any) -> tuple[bytes, bytes]:
    """Return the group and the body of what a DISH of pyomq receives."""
    if not GROUPS_ASIDE:
        group, body = dish.recv_multipart()
        return group, body
    frame = dish.recv(copy=False)
    return frame.group.encode(), bytes(frame)


def say(radio: Any, group: str, body: bytes) -> None:
    """Send to a group by a RADIO of pyomq."""
    if GROUPS_ASIDE:
        radio.send(body, group=group)
    else:
        radio.send_multipart([group.encode(), body])


async def repeated_until(arrival: asyncio.Future[T], send: Callable[[], Awaitable[Any]]) -> T:
    """Send again and again until something arrives: no RADIO knows at once what a DISH has joined."""
    while not arrival.done():
        await send()
        await asyncio.wait([arrival], timeout=0.002)
    return await arrival


async def test_server_answers_a_client_of_pyomq(join: Join) -> None:
    server, client = join(aiomq.SERVER, pyomq.CLIENT)
    for question in (b"one", b"", b"x" * 70_000):
        await off_loop(client.send, question)
        frame = await server.recv(copy=False)
        assert bytes(frame) == question
        await server.send(b"re:" + question, routing_id=frame.routing_id)
        assert await off_loop(client.recv) == b"re:" + question


async def test_client_is_heard_by_a_server_of_pyomq(join: Join) -> None:
    client, server = join(aiomq.CLIENT, pyomq.SERVER)
    await client.send(b"question")
    assert await off_loop(server.recv) == b"question"


async def test_scatter_sends_to_a_gather_of_pyomq(join: Join) -> None:
    scatter, gather = join(aiomq.SCATTER, pyomq.GATHER)
    await scatter.send_many([b"%d" % number for number in range(100)])
    assert [await off_loop(gather.recv) for _ in range(100)] == [b"%d" % number for number in range(100)]


async def test_gather_receives_from_a_scatter_of_pyomq(join: Join) -> None:
    gather, scatter = join(aiomq.GATHER, pyomq.SCATTER)
    for number in range(100):
        await off_loop(scatter.send, b"%d" % number)
    assert [await gather.recv() for _ in range(100)] == [b"%d" % number for number in range(100)]


async def test_channel_talks_with_a_channel_of_pyomq(join: Join) -> None:
    ours, theirs = join(aiomq.CHANNEL, pyomq.CHANNEL)
    await ours.send(b"there")
    assert await off_loop(theirs.recv) == b"there"
    await off_loop(theirs.send, b"back")
    assert await ours.recv() == b"back"


async def test_peer_talks_with_a_peer_of_pyomq(context: aiomq.Context, join: Join) -> None:
    ours, theirs = join(aiomq.PEER, pyomq.PEER)
    theirs.bind("tcp://127.0.0.1:*")
    routing_id = ours.connect_peer(theirs.last_endpoint.decode())
    await ours.send(b"there", routing_id=routing_id)
    *envelope, body = await off_loop(theirs.recv_multipart)
    assert body == b"there"
    await off_loop(theirs.send_multipart, [*envelope, b"back"])
    frame = await ours.recv(copy=False)
    assert (bytes(frame), frame.routing_id) == (b"back", routing_id)


async def test_radio_sends_to_a_dish_of_pyomq_the_groups_it_has_joined(join: Join) -> None:
    radio, dish = join(aiomq.RADIO, pyomq.DISH)
    dish.join("wanted")
    arrival = asyncio.ensure_future(off_loop(heard_by, dish))

    async def send() -> None:
        await radio.send(b"other", group="unwanted")
        await radio.send(b"body", group="wanted")

    assert await repeated_until(arrival, send) == (b"wanted", b"body")


async def test_dish_receives_from_a_radio_of_pyomq_the_groups_it_has_joined(join: Join) -> None:
    dish, radio = join(aiomq.DISH, pyomq.RADIO)
    dish.join("wanted")
    arrival = asyncio.ensure_future(dish.recv(copy=False))

    async def send() -> None:
        await off_loop(say, radio, "unwanted", b"other")
        await off_loop(say, radio, "wanted", b"body")

    frame = await repeated_until(arrival, send)
    assert (bytes(frame), frame.group) == (b"body", "wanted")

"""The draft types as sockets, aiomq to aiomq, over every transport."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeAlias, TypeVar

import pytest

import aiomq
from tests.conftest import Endpoint
from tests.transports.scripted import BOUND, settled

Join: TypeAlias = Callable[..., tuple[aiomq.Socket, aiomq.Socket]]
T = TypeVar("T")

SINGLE: Final = [aiomq.CLIENT, aiomq.SERVER, aiomq.PEER, aiomq.SCATTER, aiomq.CHANNEL, aiomq.RADIO]


@pytest.fixture
def join(context: aiomq.Context, endpoint: Endpoint) -> Join:
    """Return a function that makes a bound and a connected socket."""

    def make(bound: int, connected: int, **options: Any) -> tuple[aiomq.Socket, aiomq.Socket]:
        one, other = context.socket(bound, **options), context.socket(connected, **options)
        one.bind(endpoint())
        other.connect(one.last_endpoint)
        return one, other

    return make


def refused(call: Callable[[], object]) -> int | None:
    """Return the number of the error that a call ends with."""
    with pytest.raises(aiomq.ZMQError) as caught:
        call()
    return caught.value.errno


async def refusal(call: Coroutine[Any, Any, object]) -> int | None:
    """Return the number of the error that a coroutine ends with."""
    with pytest.raises(aiomq.ZMQError) as caught:
        await call
    return caught.value.errno


# -- CLIENT and SERVER ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("turned", [False, True])
async def test_server_answers_whom_it_heard(join: Join, turned: bool) -> None:
    one, other = join(*((aiomq.CLIENT, aiomq.SERVER) if turned else (aiomq.SERVER, aiomq.CLIENT)))
    server, client = (other, one) if turned else (one, other)
    for body in (b"question", b"", b"x" * 300_000):
        await client.send(body)
        frame = await server.recv(copy=False)
        assert bytes(frame) == body
        assert 0 < frame.routing_id < 2**32
        await server.send(b"re:" + body, routing_id=frame.routing_id)
        assert await client.recv() == b"re:" + body


async def test_server_answers_with_the_frame_that_it_got(join: Join) -> None:
    server, client = join(aiomq.SERVER, aiomq.CLIENT)
    await client.send(b"echo")
    await server.send(await server.recv(copy=False))
    assert await client.recv() == b"echo"


async def test_server_keeps_clients_apart(context: aiomq.Context, join: Join) -> None:
    server, first = join(aiomq.SERVER, aiomq.CLIENT)
    second = context.socket(aiomq.CLIENT)
    second.connect(server.last_endpoint)
    await first.send(b"first")
    await second.send(b"second")
    ids = {}
    for _ in range(2):
        frame = await server.recv(copy=False)
        ids[bytes(frame)] = frame.routing_id
    for name in (b"second", b"first"):
        await server.send(b"to " + name, routing_id=ids[name])
    assert (await first.recv(), await second.recv()) == (b"to first", b"to second")


async def test_server_cannot_reach_a_client_that_is_gone(join: Join) -> None:
    server, client = join(aiomq.SERVER, aiomq.CLIENT)
    await client.send(b"bye")
    frame = await server.recv(copy=False)
    client.close()
    await settled(lambda: "peers=0" in repr(server))
    assert await refusal(server.send(b"?", routing_id=frame.routing_id)) == errno.EHOSTUNREACH
    assert await refusal(server.send(b"?")) == errno.EHOSTUNREACH
    assert server.ready_events() & aiomq.POLLOUT


async def test_server_waits_for_a_full_client_and_no_longer_than_sndtimeo(join: Join) -> None:
    server, client = join(aiomq.SERVER, aiomq.CLIENT, sndhwm=1, rcvhwm=1)
    await client.send(b"hello")
    routing_id = (await server.recv(copy=False)).routing_id
    server.sndtimeo = 50
    sent = 0
    with contextlib.suppress(aiomq.Again):
        while sent < 1000:
            await server.send(bytes(500_000), routing_id=routing_id)
            sent += 1
    assert 2 <= sent < 1000
    server.sndtimeo = BOUND * 1000
    waiting = asyncio.ensure_future(server.send(b"last", routing_id=routing_id))
    for _ in range(sent):
        assert await client.recv() == bytes(500_000)
    await waiting
    assert await client.recv() == b"last"


async def test_disconnect_peer_ends_one_client(join: Join) -> None:
    server, client = join(aiomq.SERVER, aiomq.CLIENT)
    client.reconnect_ivl = -1
    await client.send(b"hello")
    routing_id = (await server.recv(copy=False)).routing_id
    server.disconnect_peer(routing_id)
    assert await refusal(server.send(b"?", routing_id=routing_id)) == errno.EHOSTUNREACH
    assert refused(lambda: server.disconnect_peer(routing_id)) == errno.EHOSTUNREACH
    assert refused(lambda: client.disconnect_peer(1)) == errno.ENOTSUP


# -- PEER -------------------------------------------------------------------------------------------------------------


async def test_connect_peer_names_a_peer_that_can_be_sent_to_at_once(
    context: aiomq.Context, endpoint: Endpoint
) -> None:
    bound, connected = context.socket(aiomq.PEER), context.socket(aiomq.PEER)
    bound.bind(endpoint())
    routing_id = connected.connect_peer(bound.last_endpoint)
    await connected.send(b"there", routing_id=routing_id)
    frame = await bound.recv(copy=False)
    await bound.send(b"back", routing_id=frame.routing_id)
    frame = await connected.recv(copy=False)
    assert (bytes(frame), frame.routing_id) == (b"back", routing_id)
    connected.disconnect_peer(routing_id)
    assert await refusal(connected.send(b"?", routing_id=routing_id)) == errno.EHOSTUNREACH
    await settled(lambda: "peers=0" in repr(bound))
    assert "connected=[]" in repr(connected) or "inproc" in bound.last_endpoint


async def test_connect_peer_needs_a_peer_socket_without_immediate(context: aiomq.Context) -> None:
    server = context.socket(aiomq.SERVER)
    assert refused(lambda: server.connect_peer("tcp://127.0.0.1:1")) == errno.ENOTSUP
    peer = context.socket(aiomq.PEER, immediate=1)
    assert refused(lambda: peer.connect_peer("tcp://127.0.0.1:1")) == errno.EFAULT
    assert "connected=[]" in repr(peer)


# -- SCATTER and GATHER, CHANNEL --------------------------------------------------------------------------------------


async def test_scatter_deals_out_and_gather_collects(context: aiomq.Context, join: Join) -> None:
    gather, scatter = join(aiomq.GATHER, aiomq.SCATTER)
    other = context.socket(aiomq.SCATTER)
    other.connect(gather.last_endpoint)
    bodies = [b"%d" % number for number in range(2000)]
    sending = [asyncio.ensure_future(each.send_many(bodies)) for each in (scatter, other)]
    received = [await gather.recv() for _ in range(4000)]
    await asyncio.gather(*sending)
    assert sorted(received) == sorted(bodies * 2)
    assert await refusal(scatter.recv()) == errno.ENOTSUP
    assert await refusal(gather.send(b"x")) == errno.ENOTSUP


async def test_channel_talks_both_ways(join: Join) -> None:
    one, other = join(aiomq.CHANNEL, aiomq.CHANNEL)
    for number in range(500):
        await one.send(b"%d" % number)
        await other.send(b"-%d" % number)
    assert [await other.recv() for _ in range(500)] == [b"%d" % number for number in range(500)]
    assert [await one.recv() for _ in range(500)] == [b"-%d" % number for number in range(500)]


# -- RADIO and DISH ---------------------------------------------------------------------------------------------------


async def heard(dish: aiomq.Socket, radio: aiomq.Socket, group: str) -> None:
    """Send to a group until it gets there, and take out all that did."""
    arrival = asyncio.ensure_future(dish.recv())
    while not arrival.done():
        await radio.send(b"anybody?", group=group)
        await asyncio.wait([arrival], timeout=0.002)
    await radio.send(b"end", group=group)
    body = await arrival
    while body != b"end":
        assert body == b"anybody?"
        body = await dish.recv()


@pytest.mark.parametrize("turned", [False, True])
async def test_dish_receives_the_groups_it_has_joined(join: Join, turned: bool) -> None:
    one, other = join(*((aiomq.DISH, aiomq.RADIO) if turned else (aiomq.RADIO, aiomq.DISH)))
    radio, dish = (other, one) if turned else (one, other)
    dish.join("wanted")
    dish.join(b"also")
    await heard(dish, radio, "wanted")
    await heard(dish, radio, "also")
    for group in ("unwanted", "wante", "also", "wanted"):
        await radio.send(group.encode(), group=group)
    frames = [await dish.recv(copy=False) for _ in range(2)]
    assert [(bytes(each), each.group) for each in frames] == [(b"also", "also"), (b"wanted", "wanted")]
    dish.leave("wanted")
    await heard(dish, radio, "also")
    await radio.send(b"no", group="wanted")
    await radio.send(b"yes", group="also")
    assert await dish.recv() == b"yes"


async def test_radio_drops_for_a_dish_that_does_not_read(join: Join) -> None:
    radio, dish = join(aiomq.RADIO, aiomq.DISH, sndhwm=5, rcvhwm=5)
    dish.join("g")
    await heard(dish, radio, "g")
    for number in range(5000):
        await radio.send(b"%5000d" % number, group="g")
    await radio.send(b"x", group="g")
    assert int(await dish.recv()) == 0


async def test_join_and_leave_are_for_dish(context: aiomq.Context) -> None:
    dish, radio = context.socket(aiomq.DISH), context.socket(aiomq.RADIO)
    assert refused(lambda: radio.join("g")) == errno.ENOTSUP
    assert refused(lambda: dish.leave("g")) == errno.EINVAL
    dish.join("g")
    assert refused(lambda: dish.join(b"g")) == errno.EINVAL
    with pytest.raises(TypeError, match="int"):
        dish.join(5)  # type: ignore[arg-type]  # the mistake it is about
    assert dish.linger == 0
    assert await refusal(dish.send(b"x")) == errno.ENOTSUP
    assert await refusal(radio.recv()) == errno.ENOTSUP


# -- common to all ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SINGLE, ids=lambda kind: kind.name)
async def test_message_in_parts_is_refused_at_the_call(context: aiomq.Context, kind: aiomq.SocketType) -> None:
    socket = context.socket(kind)
    assert await refusal(socket.send(b"a", aiomq.SNDMORE)) == errno.EINVAL
    assert await refusal(socket.send_multipart([b"a", b"b"])) == errno.EINVAL
    assert refused(lambda: socket.send_multipart_nowait([b"a", b"b"])) == errno.EINVAL


@pytest.mark.parametrize("name", ["PUSH", "DEALER", "PUB", "CLIENT", "PAIR"])
async def test_routing_id_and_group_are_refused_where_they_mean_nothing(context: aiomq.Context, name: str) -> None:
    socket = context.socket(aiomq.SocketType[name])
    assert await refusal(socket.send(b"a", routing_id=7)) == errno.EINVAL
    assert await refusal(socket.send(b"a", group="g")) == errno.EINVAL


@pytest.mark.parametrize(
    ("name", "endpoint_text", "bind", "connect"),
    [
        ("STREAM", "inproc://stream", False, False),
        ("DGRAM", "inproc://dgram", False, False),
        ("DGRAM", "tcp://127.0.0.1:5555", False, False),
        ("DGRAM", "ipc:///tmp/dgram", False, False),
        ("PUB", "udp://127.0.0.1:5555", False, False),
        ("CLIENT", "udp://127.0.0.1:5555", False, False),
        ("RADIO", "udp://127.0.0.1:5555", False, True),
        ("DISH", "udp://127.0.0.1:*", True, False),
        ("DGRAM", "udp://127.0.0.1:*", True, False),
    ],
)
async def test_transport_that_a_type_does_not_have_is_refused(
    context: aiomq.Context, name: str, endpoint_text: str, bind: bool, connect: bool
) -> None:
    socket = context.socket(aiomq.SocketType[name])
    if not bind:
        assert refused(lambda: socket.bind(endpoint_text)) == aiomq.ENOCOMPATPROTO
    if not connect:
        address = endpoint_text.replace("*", "5555")
        assert refused(lambda: socket.connect(address)) == aiomq.ENOCOMPATPROTO
    if bind:
        socket.bind(endpoint_text)
        assert socket.last_endpoint.startswith("udp://127.0.0.1:")
    if connect:
        socket.connect(endpoint_text)
        assert socket.last_endpoint == endpoint_text


@pytest.mark.parametrize(
    ("name", "address", "call"),
    [
        ("STREAM", "tcp://127.0.0.1:5555", "bind"),
        ("STREAM", "tcp://127.0.0.1:5555", "connect"),
        ("DISH", "udp://127.0.0.1:5555", "bind"),
        ("RADIO", "udp://127.0.0.1:5555", "connect"),
    ],
)
async def test_security_that_there_cannot_be_is_refused(
    context: aiomq.Context, name: str, address: str, call: str
) -> None:
    socket = context.socket(aiomq.SocketType[name])
    socket.plain_username = b"user"
    socket.plain_password = b"password"
    with pytest.raises(aiomq.ZMQError, match="PLAIN") as caught:
        getattr(socket, call)(address)
    assert caught.value.errno == errno.EINVAL

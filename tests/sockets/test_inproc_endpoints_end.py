"""A connect over inproc lives as long as its link: there is no second one, so when the other side ends it, it is gone.

libzmq forgets it as soon as the socket has read that the link is over, which is behind all that was sent before.
"""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import zmq

import aiomq
from aiomq import debug
from aiomq.constants import SocketType
from tests.sockets.links import in_thread, linked, until

Name = Callable[[], str]

PAIRS = [
    (SocketType.PUSH, SocketType.PULL),
    (SocketType.PULL, SocketType.PUSH),
    (SocketType.PUB, SocketType.SUB),
    (SocketType.SUB, SocketType.PUB),
    (SocketType.XPUB, SocketType.XSUB),
    (SocketType.REQ, SocketType.REP),
    (SocketType.REP, SocketType.REQ),
    (SocketType.DEALER, SocketType.ROUTER),
    (SocketType.ROUTER, SocketType.DEALER),
    (SocketType.PAIR, SocketType.PAIR),
    (SocketType.CLIENT, SocketType.SERVER),
    (SocketType.RADIO, SocketType.DISH),
    (SocketType.SCATTER, SocketType.GATHER),
    (SocketType.PEER, SocketType.PEER),
    (SocketType.CHANNEL, SocketType.CHANNEL),
]
NAME = "inproc://service"


def nothing_is_left(context: aiomq.Context, socket: aiomq.Socket, name: str = NAME) -> None:
    """Check that a socket has forgotten a connect wherever it could be listed."""
    core = socket._core
    assert (core.endpoints, core.places, core.leaving, core.peers) == ({}, {}, set(), set())
    assert socket.peers() == []
    assert "connected=[]" in repr(socket)
    mine = debug._socket(core, context)
    assert (mine.endpoints, mine.peers) == ((), ())
    assert name not in context.inproc_names._waiting
    with pytest.raises(aiomq.ZMQError, match="is not connected on this socket: nothing is") as caught:
        socket.disconnect(name)
    assert caught.value.errno == errno.ENOENT


@pytest.fixture
async def sole() -> AsyncIterator[aiomq.Context]:
    """Return a context that notes for each socket the line of this test that made it."""
    async with aiomq.Context() as context:
        yield context


@pytest.mark.parametrize(("connects", "binds"), PAIRS, ids=lambda kind: kind.name)
async def test_connect_is_forgotten_when_the_other_side_is_closed(
    sole: aiomq.Context, connects: SocketType, binds: SocketType
) -> None:
    with sole.socket(connects) as socket:
        bound = sole.socket(binds)
        bound.bind(NAME)
        socket.connect(NAME)
        assert len(socket._core.endpoints) == 1
        bound.close()
        nothing_is_left(sole, socket)
        assert sole.inproc_names._bound == {}


@pytest.mark.parametrize(("connects", "binds"), PAIRS, ids=lambda kind: kind.name)
async def test_connect_is_forgotten_when_the_other_side_is_closed_in_another_thread(
    sole: aiomq.Context, connects: SocketType, binds: SocketType
) -> None:
    bound = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def serve() -> None:
        with sole.socket(binds) as service:
            service.bind(NAME)
            loop.call_soon_threadsafe(bound.set)
            await service.wait_connected()

    with sole.socket(connects) as socket:
        serving = asyncio.ensure_future(in_thread(serve))
        await bound.wait()
        socket.connect(NAME)
        await serving
        await until(lambda: not socket._core.endpoints)
        nothing_is_left(sole, socket)


async def test_client_of_services_that_come_and_go_keeps_none(sole: aiomq.Context) -> None:
    with sole.socket(aiomq.REQ) as client:
        for number in range(20):
            with sole.socket(aiomq.REP) as service:
                service.bind(f"{NAME}-{number}")
                client.connect(f"{NAME}-{number}")
                await client.send(b"question")
                assert await service.recv() == b"question"
                await service.send(b"answer")
                assert await client.recv() == b"answer"
        nothing_is_left(sole, client, f"{NAME}-19")


async def test_service_that_is_back_can_be_connected_to_again(sole: aiomq.Context) -> None:
    """Types that connect to an address once would take a connect that was kept for one that is there."""
    for kind in (aiomq.DEALER, aiomq.REQ):
        with sole.socket(kind) as client:
            for _ in range(3):
                with sole.socket(aiomq.REP) as service:
                    service.bind(NAME)
                    client.connect(NAME)
                    await client.send_multipart([b"", b"x"] if kind == aiomq.DEALER else [b"x"])
                    assert await service.recv() == b"x"
                    await service.send(b"y")
                    assert (await client.recv_multipart())[-1] == b"y"
            assert client._core.endpoints == {}


async def test_what_was_not_read_stays_readable(sole: aiomq.Context) -> None:
    with sole.socket(aiomq.PULL) as pull:
        push = sole.socket(aiomq.PUSH)
        push.bind(NAME)
        pull.connect(NAME)
        await push.send_many([b"%d" % number for number in range(100)])
        push.close()
        assert pull._core.endpoints == {}
        assert [await pull.recv() for _ in range(100)] == [b"%d" % number for number in range(100)]


async def test_connect_stays_before_the_name_is_bound_and_after_it_is_unbound(sole: aiomq.Context) -> None:
    with sole.socket(aiomq.PUSH) as push, sole.socket(aiomq.PULL) as pull:
        push.connect(NAME)
        assert f"connected=[{NAME}]" in repr(push)
        pull.bind(NAME)
        pull.unbind(NAME)
        assert f"connected=[{NAME}]" in repr(push)
        await push.send(b"x")
        assert await pull.recv() == b"x"
        push.disconnect(NAME)
        nothing_is_left(sole, push)
        push.connect(NAME)
        push.disconnect(NAME)
        nothing_is_left(sole, push)


async def test_pair_that_is_turned_away_has_no_endpoint(sole: aiomq.Context) -> None:
    with sole.socket(aiomq.PAIR) as bound, sole.socket(aiomq.PAIR) as first, sole.socket(aiomq.PAIR) as second:
        bound.bind(NAME)
        first.connect(NAME)
        second.connect(NAME)
        nothing_is_left(sole, second)
        assert len(first._core.endpoints) == 1
        first.connect(f"{NAME}-other")  # it has a peer
        assert [str(each.endpoint) for each in first._core.endpoints.values()] == [NAME]


async def test_connected_and_disconnected_peers_leave_nothing(context: aiomq.Context, endpoint: Name) -> None:
    server, client = context.socket(aiomq.PEER), context.socket(aiomq.PEER)
    server.bind(endpoint())
    for _ in range(50):
        client.disconnect_peer(client.connect_peer(server.last_endpoint))
    await until(lambda: not client._core.endpoints)
    assert (client._core.places, client._core.leaving) == ({}, set())
    await until(lambda: not server.peers())
    routing_id = client.connect_peer(server.last_endpoint)
    await client.send(b"x", routing_id=routing_id)
    assert await server.recv() == b"x"


async def test_peers_of_a_name_that_nobody_binds_leave_nothing(sole: aiomq.Context) -> None:
    with sole.socket(aiomq.PEER) as client:
        for _ in range(50):
            client.disconnect_peer(client.connect_peer(NAME))
        nothing_is_left(sole, client)


async def test_peer_that_the_binder_disconnects_is_forgotten_by_the_other(sole: aiomq.Context) -> None:
    with sole.socket(aiomq.SERVER) as server, sole.socket(aiomq.CLIENT) as client:
        server.bind(NAME)
        client.connect(NAME)
        await client.send(b"x")
        server.disconnect_peer((await server.recv(copy=False)).routing_id or 0)
        nothing_is_left(sole, client)


async def test_closed_socket_ends_once_and_leaves_no_name(context: aiomq.Context) -> None:
    for count in (1, 3):
        dealer = context.socket(aiomq.DEALER)
        monitor = dealer.monitor()
        services = [context.socket(aiomq.ROUTER) for _ in range(count)]
        for number, service in enumerate(services):
            service.bind(f"{NAME}-{number}")
            dealer.connect(f"{NAME}-{number}")
        dealer.connect(f"{NAME}-waiting")
        dealer.close()
        assert dealer._core.finished
        assert [event.event async for event in monitor] == [aiomq.Event.MONITOR_STOPPED]
        assert all(service.peers() == [] for service in services)
        assert context.inproc_names._waiting == {}
        for service in services:
            service.close()


async def test_context_that_ends_leaves_no_endpoint() -> None:
    async with aiomq.Context() as context:
        sockets = linked(context, NAME, aiomq.DEALER, aiomq.ROUTER)
    assert all(socket._core.endpoints == {} for socket in sockets)


@pytest.mark.parametrize(("connects", "binds"), [(zmq.DEALER, zmq.DEALER), (zmq.PUSH, zmq.PULL), (zmq.SUB, zmq.PUB)])
async def test_libzmq_forgets_it_as_well(sole: aiomq.Context, connects: int, binds: int) -> None:
    def use(make: Callable[[int], Any], poll: Callable[[Any], object]) -> list[int]:
        results = []
        with make(connects) as socket:
            bound = make(binds)
            bound.bind(NAME)
            socket.connect(NAME)
            bound.close()
            poll(socket)
            for _ in range(2):
                try:
                    socket.disconnect(NAME)
                    results.append(0)
                except (zmq.ZMQError, aiomq.ZMQError) as error:
                    results.append(error.errno or 0)
            socket.connect("inproc://nobody")
            socket.disconnect("inproc://nobody")
        return results

    forgotten = [errno.ENOENT] * 2
    with zmq.Context() as theirs:
        for wait in (10, 100, 1000):  # its other side is closed by another thread, and nothing tells when
            if use(theirs.socket, lambda socket, wait=wait: read_the_end(socket, wait)) == forgotten:  # type: ignore[misc]
                break
        else:
            pytest.fail("libzmq keeps it")
    assert use(sole.socket, lambda _: None) == forgotten


def read_the_end(socket: Any, wait: int) -> None:
    """Let libzmq take note of the end, for so many milliseconds."""
    end = time.monotonic() + wait / 1000
    while time.monotonic() < end:
        socket.poll(1, zmq.POLLIN)

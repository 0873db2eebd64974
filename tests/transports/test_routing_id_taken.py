"""A peer that announces the routing id of another: a ROUTER closes it, says why, and lets it in when the id is free."""

from __future__ import annotations

import asyncio
import logging
import socket as system
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import aiomq
from aiomq.constants import SocketType
from tests.sockets.links import KeepingContext, turns
from tests.sockets.links import until as comes_true
from tests.transports.judge import Judge, receive
from tests.transports.scripted import BOUND, Script, events_until, frame, handshake, until

ADDRESSES = {"tcp": "tcp://127.0.0.1:*", "ipc": "ipc://{}/taken"}

over = pytest.mark.parametrize(
    "over",
    [
        "tcp",
        pytest.param("ipc", marks=pytest.mark.skipif(not hasattr(system, "AF_UNIX"), reason="needs Unix sockets")),
    ],
)


@pytest.fixture
async def context() -> AsyncIterator[aiomq.Context]:
    """Return a context that keeps its sockets, in which nothing waits without end."""
    async with KeepingContext() as context:
        context.rcvtimeo = context.sndtimeo = BOUND * 1000
        yield context


@pytest.fixture
def address(over: str, short_path: Path) -> str:
    return ADDRESSES[over].format(short_path)


@pytest.fixture
def short_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("id")


def router_at(context: aiomq.Context, address: str, **options: object) -> aiomq.Socket:
    router = context.socket(aiomq.ROUTER, router_mandatory=1, **options)
    router.bind(address)
    return router


def named(context: aiomq.Context, name: bytes = b"alice", **options: object) -> aiomq.Socket:
    return context.socket(aiomq.DEALER, routing_id=name, reconnect_ivl=5, **options)


# -- turned away ------------------------------------------------------------------------------------------------------


@over
async def test_newcomer_with_a_taken_id_is_closed_with_an_event_that_names_it(
    context: aiomq.Context, script: Script, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    router = router_at(context, address)
    monitor = router.monitor()
    first = await script.greeted(router.last_endpoint, "DEALER", ("Identity", b"alice"))
    first.send(frame(b"from the first"))
    assert await router.recv_multipart() == [b"alice", b"from the first"]

    with caplog.at_level(logging.WARNING, "aiomq.socket"):
        for _ in range(3):
            second = await script.dial(router.last_endpoint)
            second.send(handshake("DEALER", ("Identity", b"alice")) + frame(b"unheard"))
            await second.ended()
            ended = await until(monitor, aiomq.Event.DISCONNECTED)
            assert ended.routing_id == b"alice"
            assert "has the routing id b'alice'" in ended.reason
            assert isinstance(ended.error, ConnectionAbortedError)
            assert len(router.peers()) == 1

    assert len(caplog.records) == 1
    assert "has the routing id b'alice'" in caplog.text
    await router.send_multipart([b"alice", b"to the first"])
    assert await first.frame() == (0, b"to the first")
    assert await router.poll(0, aiomq.POLLIN) == 0


@pytest.mark.parametrize("socket_type", ["REQ", "DEALER", "ROUTER"])
async def test_newcomer_of_each_type_is_turned_away(context: aiomq.Context, script: Script, socket_type: str) -> None:
    router = router_at(context, "tcp://127.0.0.1:*")
    await script.greeted(router.last_endpoint, socket_type, ("Identity", b"alice"))
    await router.wait_connected(1)
    second = await script.greeted(router.last_endpoint, socket_type, ("Identity", b"alice"))

    assert await second.ended() == b""


async def test_newcomer_of_zmtp_1_is_turned_away(context: aiomq.Context, script: Script) -> None:
    router = router_at(context, "tcp://127.0.0.1:*")
    monitor = router.monitor()
    wires = [await script.dial(router.last_endpoint) for _ in range(2)]
    for wire in wires:
        wire.send(b"\x06\x00alice")  # an identity of five octets
        await comes_true(router.peers)

    assert "b'alice'" in (await until(monitor, aiomq.Event.DISCONNECTED)).reason
    assert len(router.peers()) == 1


async def test_newcomer_that_announces_an_id_made_up_here_is_turned_away(
    context: aiomq.Context, script: Script
) -> None:
    router = router_at(context, "tcp://127.0.0.1:*")
    first = await script.greeted(router.last_endpoint, "DEALER")
    first.send(frame(b"hello"))
    made_up = (await router.recv_multipart())[0]

    second = await script.greeted(router.last_endpoint, "DEALER", ("Identity", made_up))

    assert await second.ended() == b""


async def test_squatters_of_one_id_leave_nothing(context: aiomq.Context, script: Script) -> None:
    router = router_at(context, "tcp://127.0.0.1:*")
    monitor = router.monitor()
    holder = await script.greeted(router.last_endpoint, "DEALER", ("Identity", b"alice"))
    holder.send(frame(b"hello"))
    assert await router.recv_multipart() == [b"alice", b"hello"]
    said = handshake("DEALER", ("Identity", b"alice")) + frame(bytes(1000)) * 300

    async def squat() -> None:
        wire = await script.dial(router.last_endpoint)
        wire.send(said)
        await wire.ended()

    for _ in range(10):
        await asyncio.gather(*(squat() for _ in range(20)))
        await script_closed(script, keep=holder)
    await events_until(monitor, aiomq.Event.DISCONNECTED, 200)

    assert [peer.routing_id for peer in router.peers()] == [b"alice"]
    assert sum(peer.queued_in for peer in router.peers()) == 0
    assert len(context_descriptors(router)) == 2  # the listener's, and the holder's
    assert await router.poll(0, aiomq.POLLIN) == 0
    holder.close()
    alice = named(context)
    alice.connect(router.last_endpoint)
    await alice.send(b"the true one")
    assert await router.recv_multipart() == [b"alice", b"the true one"]


async def script_closed(script: Script, keep: object) -> None:
    for wire in tuple(script._wires):
        if wire is not keep:
            await wire.gone()
            script._wires.remove(wire)


def context_descriptors(socket: aiomq.Socket) -> tuple[int, ...]:
    return tuple(
        each
        for endpoint in socket._core.endpoints.values()
        for each in endpoint.descriptors()  # type: ignore[attr-defined]  # listeners have it
    )


# -- let in later -----------------------------------------------------------------------------------------------------


@over
async def test_newcomer_gets_in_once_the_holder_has_left(context: aiomq.Context, address: str) -> None:
    router = router_at(context, address)
    monitor = router.monitor()
    first, second = named(context), named(context)
    first.connect(router.last_endpoint)
    await first.send(b"from the first")
    assert await router.recv_multipart() == [b"alice", b"from the first"]
    second.connect(router.last_endpoint)
    await until(monitor, aiomq.Event.DISCONNECTED)

    first.close()
    await second_is_served(router, second)


async def second_is_served(router: aiomq.Socket, second: aiomq.Socket) -> None:
    """Ask until it is heard: what it sends to a connection that is turned away is lost."""
    while not await router.poll(20, aiomq.POLLIN):
        await second.send(b"from the second")
    assert await router.recv_multipart() == [b"alice", b"from the second"]
    await router.send_multipart([b"alice", b"to the second"])
    assert await second.recv() == b"to the second"


async def test_dealer_of_libzmq_gets_in_once_the_holder_has_left(context: aiomq.Context, judge: Judge) -> None:
    router = router_at(context, "tcp://127.0.0.1:*")
    monitor = router.monitor()
    first, second = (judge.socket(SocketType.DEALER, routing_id=b"alice", reconnect_ivl=10) for _ in range(2))
    first.connect(router.last_endpoint)
    first.send(b"from the first")
    assert await router.recv_multipart() == [b"alice", b"from the first"]
    second.connect(router.last_endpoint)
    for _ in range(3):  # it tries again and again
        assert "b'alice'" in (await until(monitor, aiomq.Event.DISCONNECTED)).reason

    first.close()
    while not await router.poll(20, aiomq.POLLIN):
        second.send(b"from the second")
    assert await router.recv_multipart() == [b"alice", b"from the second"]
    await router.send_multipart([b"alice", b"to the second"])
    assert await receive(second) == [b"to the second"]


@over
async def test_connecting_router_tries_again_until_the_id_is_free(
    context: aiomq.Context, address: str, over: str, short_path: Path
) -> None:
    dealers = [named(context) for _ in range(2)]
    for number, dealer in enumerate(dealers):
        dealer.bind(address if over == "tcp" else f"{address}{number}")
    router = context.socket(aiomq.ROUTER, router_mandatory=1, reconnect_ivl=5)
    monitor = router.monitor()
    router.connect(dealers[0].last_endpoint)
    await dealers[0].send(b"from the first")
    assert await router.recv_multipart() == [b"alice", b"from the first"]
    router.connect(dealers[1].last_endpoint)
    for _ in range(3):
        assert "b'alice'" in (await until(monitor, aiomq.Event.DISCONNECTED)).reason

    router.disconnect(dealers[0].last_endpoint)
    await second_is_served(router, dealers[1])
    assert [peer.routing_id for peer in router.peers()] == [b"alice"]


@pytest.mark.parametrize("ends", ["close", "disconnect"])
async def test_connecting_router_whose_peer_is_turned_away_can_end(context: aiomq.Context, ends: str) -> None:
    dealers = [named(context) for _ in range(2)]
    router = context.socket(aiomq.ROUTER, reconnect_ivl=5)
    monitor = router.monitor()
    for dealer in dealers:
        dealer.bind("tcp://127.0.0.1:*")
        router.connect(dealer.last_endpoint)
    await until(monitor, aiomq.Event.DISCONNECTED)

    if ends == "close":
        await router.aclose()
    else:
        router.disconnect(dealers[0].last_endpoint)
        router.disconnect(dealers[1].last_endpoint)
        await comes_true(lambda: not router.peers())


async def test_connecting_router_goes_on_calling_a_newcomer_by_the_first_id(
    context: aiomq.Context, script: Script
) -> None:
    acceptor = await script.listen()
    router = context.socket(aiomq.ROUTER, router_mandatory=1, reconnect_ivl=5)
    router.connect(acceptor.endpoint)
    for name in (b"alice", b"bob"):  # as libzmq does
        wire = await script.accepted(acceptor)
        await wire.greet("DEALER", ("Identity", name))
        wire.send(frame(name))
        assert await router.recv_multipart() == [b"alice", name]
        await router.send_multipart([b"alice", b"hello"])
        assert await wire.frame() == (0, b"hello")
        wire.close()


# -- over inproc, where nobody comes back by itself -------------------------------------------------------------------


@pytest.mark.parametrize("first_binds", [True, False])
async def test_newcomer_over_inproc_waits_and_gets_in_once_the_holder_has_left(
    context: aiomq.Context, first_binds: bool, caplog: pytest.LogCaptureFixture
) -> None:
    router = context.socket(aiomq.ROUTER, router_mandatory=1)
    first, second, third = named(context), named(context), named(context)
    if first_binds:
        router.bind("inproc://taken")
    for dealer, text in (first, b"1"), (second, b"2"), (third, b"3"):
        dealer.connect("inproc://taken")
        await dealer.send(text)
    with caplog.at_level(logging.WARNING, "aiomq.socket"):
        if not first_binds:
            router.bind("inproc://taken")
        await turns(3)
        assert await router.recv_multipart() == [b"alice", b"1"]
        assert await router.poll(0, aiomq.POLLIN) == 0
    if not first_binds:
        assert "has the routing id b'alice'" in caplog.text
    receiving = asyncio.create_task(router.recv_multipart())
    await turns(3)

    first.close()
    assert await receiving == [b"alice", b"2"]
    await router.send_multipart([b"alice", b"to the second"])
    assert await second.recv() == b"to the second"
    second.close()
    assert await router.recv_multipart() == [b"alice", b"3"]


async def test_newcomer_over_inproc_that_leaves_while_it_waits_leaves_nothing(context: aiomq.Context) -> None:
    router = router_at(context, "inproc://leaves")
    first, second = named(context), named(context)
    for dealer in (first, second):
        dealer.connect("inproc://leaves")
    await second.send(b"unheard")

    second.close()
    first.close()
    await turns(3)

    assert router.peers() == []
    assert await router.poll(0, aiomq.POLLIN) == 0


# -- what hands an id over --------------------------------------------------------------------------------------------


@over
async def test_handover_still_gives_the_id_to_the_newcomer(
    context: aiomq.Context, script: Script, address: str
) -> None:
    router = router_at(context, address, router_handover=1)
    first = await script.greeted(router.last_endpoint, "DEALER", ("Identity", b"alice"))
    first.send(frame(b"first"))
    assert await router.recv_multipart() == [b"alice", b"first"]

    second = await script.greeted(router.last_endpoint, "DEALER", ("Identity", b"alice"))
    second.send(frame(b"second"))

    assert await router.recv_multipart() == [b"alice", b"second"]
    assert await first.ended() == b""

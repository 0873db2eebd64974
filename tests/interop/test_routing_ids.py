"""Routing ids between aiomq and libzmq: announced, made up, taken twice, handed over, chosen at connect."""

from __future__ import annotations

import asyncio
from typing import Final

import pytest
import zmq

import aiomq
from aiomq.constants import Event, SocketType
from tests.interop.peers import TIMEOUT, LibzmqPeer, happened

ANYWHERE: Final = "tcp://127.0.0.1:*"
IDS: Final = {
    "one octet": b"i",
    "text": b"worker-7",
    "binary": b"\x01\xff\x00\x80",
    "longest": b"x" * 255,
}

askers = pytest.mark.parametrize(
    "asker_type", [SocketType.REQ, SocketType.DEALER, SocketType.ROUTER], ids=["REQ", "DEALER", "ROUTER"]
)


def is_automatic(routing_id: bytes) -> bool:
    return len(routing_id) == 5 and routing_id[0] == 0


# -- announced and automatic ids --------------------------------------------------------------------------------------


@pytest.mark.parametrize("routing_id", IDS.values(), ids=IDS)
@askers
async def test_router_sees_the_id_that_libzmq_announces(
    context: aiomq.Context, asker_type: SocketType, routing_id: bytes
) -> None:
    async with (
        context.socket(SocketType.ROUTER, linger=0, router_mandatory=1, routing_id=b"ours") as router,
        LibzmqPeer(asker_type, routing_id=routing_id, probe_router=1) as asker,
    ):
        router.bind(ANYWHERE)
        await asker.connect(router.last_endpoint)
        async with asyncio.timeout(TIMEOUT):
            assert await router.recv_multipart() == [routing_id, b""]
            if asker_type is SocketType.REQ:
                await asker.send_multipart([b"question"])
                assert await router.recv_multipart() == [routing_id, b"", b"question"]
                await router.send_multipart([routing_id, b"", b"answer"])
                assert await asker.recv_multipart() == [b"answer"]
            else:
                await router.send_multipart([routing_id, b"hello"])
                sender = [b"ours"] if asker_type is SocketType.ROUTER else []
                assert await asker.recv_multipart() == [*sender, b"hello"]


@pytest.mark.parametrize("routing_id", IDS.values(), ids=IDS)
@askers
async def test_libzmq_router_sees_the_id_that_aiomq_announces(
    context: aiomq.Context, asker_type: SocketType, routing_id: bytes
) -> None:
    async with (
        LibzmqPeer(SocketType.ROUTER, router_mandatory=1, routing_id=b"theirs") as router,
        context.socket(asker_type, linger=0, routing_id=routing_id, probe_router=1) as asker,
    ):
        asker.connect(await router.bind(ANYWHERE))
        assert await router.recv_multipart() == [routing_id, b""]
        async with asyncio.timeout(TIMEOUT):
            if asker_type is SocketType.REQ:
                await asker.send(b"question")
                assert await router.recv_multipart() == [routing_id, b"", b"question"]
                await router.send_multipart([routing_id, b"", b"answer"])
                assert await asker.recv_multipart() == [b"answer"]
            else:
                await router.send_multipart([routing_id, b"hello"])
                sender = [b"theirs"] if asker_type is SocketType.ROUTER else []
                assert await asker.recv_multipart() == [*sender, b"hello"]


@askers
async def test_router_gives_ids_of_its_own_to_libzmq_peers_that_announce_none(
    context: aiomq.Context, asker_type: SocketType
) -> None:
    async with (
        context.socket(SocketType.ROUTER, linger=0) as router,
        LibzmqPeer(asker_type, probe_router=1) as one,
        LibzmqPeer(asker_type, probe_router=1) as another,
    ):
        router.bind(ANYWHERE)
        given = []
        for asker in (one, another):
            await asker.connect(router.last_endpoint)
            async with asyncio.timeout(TIMEOUT):
                routing_id, *rest = await router.recv_multipart()
            assert rest == [b""]
            given.append(routing_id)
    assert all(map(is_automatic, given)), given
    assert given[0] != given[1]


@askers
async def test_libzmq_router_gives_ids_of_its_own_to_aiomq_peers_that_announce_none(
    context: aiomq.Context, asker_type: SocketType
) -> None:
    async with (
        LibzmqPeer(SocketType.ROUTER) as router,
        context.socket(asker_type, linger=0, probe_router=1) as one,
        context.socket(asker_type, linger=0, probe_router=1) as another,
    ):
        endpoint = await router.bind(ANYWHERE)
        given = []
        for asker in (one, another):
            asker.connect(endpoint)
            routing_id, *rest = await router.recv_multipart()
            assert rest == [b""]
            given.append(routing_id)
    assert all(map(is_automatic, given)), given
    assert given[0] != given[1]


async def test_answers_by_automatic_ids_reach_the_libzmq_peer_that_asked(context: aiomq.Context) -> None:
    async with (
        context.socket(SocketType.ROUTER, linger=0, router_mandatory=1) as router,
        LibzmqPeer(SocketType.DEALER) as one,
        LibzmqPeer(SocketType.DEALER) as another,
    ):
        router.bind(ANYWHERE)
        for asker, name in ((one, b"one"), (another, b"another")):
            await asker.connect(router.last_endpoint)
            await asker.send_multipart([name])
        async with asyncio.timeout(TIMEOUT):
            questions = [await router.recv_multipart() for _ in range(2)]
        for routing_id, name in questions:
            await router.send_multipart([routing_id, b"to " + name])
        assert await one.recv_multipart() == [b"to one"]
        assert await another.recv_multipart() == [b"to another"]


# -- an id that is taken ----------------------------------------------------------------------------------------------


async def test_router_closes_a_libzmq_peer_with_an_id_that_is_taken(context: aiomq.Context) -> None:
    async with (
        context.socket(SocketType.ROUTER, linger=0, router_mandatory=1) as router,
        LibzmqPeer(SocketType.DEALER, routing_id=b"same") as second,
        LibzmqPeer(SocketType.DEALER, routing_id=b"witness") as witness,
    ):
        router.bind(ANYWHERE)
        monitor = router.monitor()
        async with LibzmqPeer(SocketType.DEALER, routing_id=b"same") as first, asyncio.timeout(TIMEOUT):
            await first.connect(router.last_endpoint)
            await first.send_multipart([b"from the first"])
            assert await router.recv_multipart() == [b"same", b"from the first"]
            await second.connect(router.last_endpoint)
            await second.send_multipart([b"from the second"])
            assert "b'same'" in (await happened(monitor, Event.DISCONNECTED)).reason
            await witness.connect(router.last_endpoint)
            await witness.send_multipart([b"after the second"])
            assert await router.recv_multipart() == [b"witness", b"after the second"]
            await first.send_multipart([b"again from the first"])
            assert await router.recv_multipart() == [b"same", b"again from the first"]
            await router.send_multipart([b"same", b"to the first"])
            assert await first.recv_multipart() == [b"to the first"]
        async with asyncio.timeout(TIMEOUT):
            while not await router.poll(20, aiomq.POLLIN):  # what it sends to a connection that is closed is lost
                await second.send_multipart([b"again from the second"])
            sender, message = await router.recv_multipart()
            # The first was lost with its connection, or stayed in libzmq's pipe for the next one.
            assert sender == b"same"
            assert message in (b"from the second", b"again from the second")
            await router.send_multipart([b"same", b"to the second"])
            assert await second.recv_multipart() == [b"to the second"]


async def test_libzmq_router_ignores_an_aiomq_peer_with_an_id_that_is_taken(context: aiomq.Context) -> None:
    async with (
        LibzmqPeer(SocketType.ROUTER, router_mandatory=1) as router,
        context.socket(SocketType.DEALER, linger=0, routing_id=b"same") as first,
        context.socket(SocketType.DEALER, linger=0, routing_id=b"same") as second,
        context.socket(SocketType.DEALER, linger=0, routing_id=b"witness") as witness,
        asyncio.timeout(TIMEOUT),
    ):
        endpoint = await router.bind(ANYWHERE)
        first.connect(endpoint)
        await first.send(b"from the first")
        assert await router.recv_multipart() == [b"same", b"from the first"]
        monitor = second.monitor()
        second.connect(endpoint)
        await second.send(b"from the second")
        await happened(monitor, Event.HANDSHAKE_SUCCEEDED)
        witness.connect(endpoint)
        await witness.send(b"after the second")
        assert await router.recv_multipart() == [b"witness", b"after the second"]
        await first.send(b"again from the first")
        assert await router.recv_multipart() == [b"same", b"again from the first"]
        await router.send_multipart([b"same", b"to the first"])
        assert await first.recv() == b"to the first"
        monitor.close()
        assert Event.DISCONNECTED not in [each.event async for each in monitor]


async def test_router_with_handover_gives_a_taken_id_to_the_libzmq_peer_that_comes_last(
    context: aiomq.Context,
) -> None:
    async with (
        context.socket(SocketType.ROUTER, linger=0, router_handover=1) as router,
        LibzmqPeer(SocketType.DEALER, routing_id=b"same", reconnect_ivl=-1) as first,
        LibzmqPeer(SocketType.DEALER, routing_id=b"same", reconnect_ivl=-1) as second,
        asyncio.timeout(TIMEOUT),
    ):
        router.bind(ANYWHERE)
        with router.monitor() as monitor:
            for number, asker in enumerate((first, second)):
                await asker.connect(router.last_endpoint)
                await asker.send_multipart([b"%d" % number])
                assert await router.recv_multipart() == [b"same", b"%d" % number]
                await router.send_multipart([b"same", b"to %d" % number])
                assert await asker.recv_multipart() == [b"to %d" % number]
            await happened(monitor, Event.DISCONNECTED)


async def test_libzmq_router_with_handover_gives_a_taken_id_to_the_aiomq_peer_that_comes_last(
    context: aiomq.Context,
) -> None:
    async with (
        LibzmqPeer(SocketType.ROUTER, router_handover=1) as router,
        context.socket(SocketType.DEALER, linger=0, routing_id=b"same", reconnect_ivl=-1) as first,
        context.socket(SocketType.DEALER, linger=0, routing_id=b"same", reconnect_ivl=-1) as second,
        asyncio.timeout(TIMEOUT),
    ):
        endpoint = await router.bind(ANYWHERE)
        for number, asker in enumerate((first, second)):
            asker.connect(endpoint)
            await asker.send(b"%d" % number)
            assert await router.recv_multipart() == [b"same", b"%d" % number]
            await router.send_multipart([b"same", b"to %d" % number])
            assert await asker.recv() == b"to %d" % number


# -- an id chosen by the side that connects ---------------------------------------------------------------------------


async def test_connect_routing_id_names_a_libzmq_peer_whatever_it_announces(context: aiomq.Context) -> None:
    async with (
        context.socket(SocketType.ROUTER, linger=0, router_mandatory=1) as router,
        LibzmqPeer(SocketType.DEALER, routing_id=b"what it announces") as dealer,
        asyncio.timeout(TIMEOUT),
    ):
        endpoint = await dealer.bind(ANYWHERE)
        router.connect_routing_id = b"chosen"
        router.connect(endpoint)
        await router.send_multipart([b"chosen", b"before it answers"])
        assert await dealer.recv_multipart() == [b"before it answers"]
        await dealer.send_multipart([b"answer"])
        assert await router.recv_multipart() == [b"chosen", b"answer"]
        with pytest.raises(aiomq.ZMQError):
            await router.send_multipart([b"what it announces", b"to nobody"])


async def test_libzmq_connect_routing_id_names_an_aiomq_peer_whatever_it_announces(context: aiomq.Context) -> None:
    async with (
        LibzmqPeer(SocketType.ROUTER, router_mandatory=1) as router,
        context.socket(SocketType.DEALER, linger=0, routing_id=b"what it announces") as dealer,
        asyncio.timeout(TIMEOUT),
    ):
        dealer.bind(ANYWHERE)
        await router.set(connect_routing_id=b"chosen")
        await router.connect(dealer.last_endpoint)
        await router.send_multipart([b"chosen", b"before it answers"])
        assert await dealer.recv() == b"before it answers"
        await dealer.send(b"answer")
        assert await router.recv_multipart() == [b"chosen", b"answer"]
        with pytest.raises(zmq.ZMQError):
            await router.send_multipart([b"what it announces", b"to nobody"])


async def test_router_without_mandatory_drops_what_is_for_an_unknown_id(context: aiomq.Context) -> None:
    async with (
        context.socket(SocketType.ROUTER, linger=0) as router,
        LibzmqPeer(SocketType.DEALER, routing_id=b"known") as dealer,
        asyncio.timeout(TIMEOUT),
    ):
        router.bind(ANYWHERE)
        await dealer.connect(router.last_endpoint)
        await dealer.send_multipart([b"hello"])
        assert await router.recv_multipart() == [b"known", b"hello"]
        await router.send_multipart([b"unknown", b"dropped"])
        await router.send_multipart([b"known", b"delivered"])
        assert await dealer.recv_multipart() == [b"delivered"]

"""A sender that waits for one full peer holds up no other whose peer has room (ROUTER_MANDATORY, XPUB_NODROP)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

import aiomq
from tests.sockets.links import started, turns, until

Endpoint = Callable[[], str]


async def routed(context: aiomq.Context, address: str) -> tuple[aiomq.Socket, aiomq.Socket, aiomq.Socket]:
    """Return a mandatory ROUTER with two peers, `full` and `free`; the first has no room left."""
    router = context.socket(aiomq.ROUTER, router_mandatory=1, sndhwm=1, linger=0)
    router.bind(address)
    peers = []
    for name in (b"full", b"free"):
        peer = context.socket(aiomq.DEALER, routing_id=name, rcvhwm=1, linger=0)
        peer.connect(router.last_endpoint)
        await peer.send(b"here")
        assert await router.recv_multipart() == [name, b"here"]
        peers.append(peer)
    await fill(router)
    return router, peers[0], peers[1]


async def fill(router: aiomq.Socket) -> None:
    """Send to `full` until it takes no more, however much the system buffers."""
    refused = 0
    while refused < 100:
        try:
            await router.send_multipart([b"full", bytes(100_000)], aiomq.DONTWAIT)
        except aiomq.Again:
            refused += 1
            await turns(1)
        else:
            refused = 0


async def test_router_sender_with_room_goes_past_one_that_waits(context: aiomq.Context, endpoint: Endpoint) -> None:
    router, full, free = await routed(context, endpoint())
    waiting = await started(router.send_multipart([b"full", b"late"]))

    async with asyncio.timeout(5):
        await router.send_multipart([b"free", b"at once"])
        assert await free.recv() == b"at once"
        await router.send_multipart([b"free", b"again"], aiomq.DONTWAIT)
        assert await free.recv() == b"again"
    assert not waiting.done()

    async with asyncio.timeout(20):
        while await full.recv() != b"late":
            continue
        await waiting


async def test_router_senders_to_the_same_peer_keep_their_order(context: aiomq.Context, endpoint: Endpoint) -> None:
    router, full, _ = await routed(context, endpoint())
    waiting = [await started(router.send_multipart([b"full", b"%d" % number])) for number in range(5)]

    async with asyncio.timeout(20):
        received: list[int] = []
        while len(received) < len(waiting):
            message = await full.recv()
            if len(message) == 1:
                received.append(int(message))
        await asyncio.gather(*waiting)
    assert received == [0, 1, 2, 3, 4]


async def test_router_sender_that_waits_its_time_in_vain_gets_again(context: aiomq.Context, endpoint: Endpoint) -> None:
    router, _, _ = await routed(context, endpoint())
    waiting = await started(router.send_multipart([b"full", b"for ever"]))
    router.sndtimeo = 20

    with pytest.raises(aiomq.Again):
        await router.send_multipart([b"full", b"not for long"])

    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def test_nodrop_publisher_sends_to_others_while_one_topic_waits(context: aiomq.Context) -> None:
    pub = context.socket(aiomq.PUB, xpub_nodrop=1, sndhwm=1, linger=0)
    pub.bind("inproc://topics")
    subs = {}
    for topic in ("full", "free"):
        subs[topic] = context.socket(aiomq.SUB, rcvhwm=1, linger=0)
        subs[topic].subscribe(topic)
        subs[topic].connect("inproc://topics")
    await until(lambda: pub.topics_count == 2)
    for _ in range(2):
        await pub.send(b"full")
    waiting = await started(pub.send(b"full, late"))

    async with asyncio.timeout(5):
        await pub.send(b"free")
        assert await subs["free"].recv() == b"free"
        assert not waiting.done()
        assert [await subs["full"].recv() for _ in range(3)] == [b"full", b"full", b"full, late"]
        await waiting


async def test_push_senders_are_served_in_the_order_they_came(context: aiomq.Context) -> None:
    push = context.socket(aiomq.PUSH)
    push.bind("inproc://in-order")
    waiting = [await started(push.send(b"%d" % number)) for number in range(5)]

    with context.socket(aiomq.PULL) as pull:
        pull.connect("inproc://in-order")
        assert [await pull.recv() for _ in waiting] == [b"0", b"1", b"2", b"3", b"4"]
        await asyncio.gather(*waiting)

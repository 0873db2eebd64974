"""`wait_connected` and `wait_subscribed`."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable

import pytest

import aiomq
from tests.sockets.links import linked, settled, started, until

Endpoint = Callable[[], str]


async def test_wait_connected_ends_when_the_peers_are_there(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull = context.socket(aiomq.PULL)
    pull.bind(endpoint())
    waiting = await started(pull.wait_connected(2))
    for _ in range(2):
        assert not waiting.done()
        push = context.socket(aiomq.PUSH)
        push.connect(pull.last_endpoint)
        await push.wait_connected()
        assert push.peers()[0].state == "connected"

    await asyncio.wait_for(waiting, 5)
    await pull.wait_connected(2)  # at once


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:*", "inproc://nobody"])
async def test_wait_connected_goes_on_while_nobody_listens(context: aiomq.Context, address: str) -> None:
    with context.socket(aiomq.PULL) as gone:
        gone.bind(address)
        address = gone.last_endpoint
    push = context.socket(aiomq.PUSH, reconnect_ivl=1)
    push.connect(address)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await push.wait_connected()

    with context.socket(aiomq.PULL) as back:
        back.bind(address)
        async with asyncio.timeout(5):
            await push.wait_connected()


async def test_wait_connected_does_not_count_a_peer_of_the_wrong_type(context: aiomq.Context) -> None:
    pull = context.socket(aiomq.PULL)
    pull.bind("tcp://127.0.0.1:*")
    with context.socket(aiomq.SUB) as sub, sub.monitor(events=aiomq.Event.DISCONNECTED) as events:
        waiting = await started(pull.wait_connected())
        sub.connect(pull.last_endpoint)
        await anext(events)
        await settled(waiting)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    assert pull._core.watchers == []


async def test_wait_connected_of_a_socket_that_is_closed_is_an_error(context: aiomq.Context) -> None:
    push = context.socket(aiomq.PUSH)
    waiting = await started(push.wait_connected())
    push.close()

    with pytest.raises(aiomq.ZMQError) as refused:
        await asyncio.wait_for(waiting, 5)
    assert refused.value.errno == errno.ENOTSOCK
    with pytest.raises(aiomq.ZMQError):
        await push.wait_connected()


async def test_wait_connected_ends_with_the_context() -> None:
    context = aiomq.Context()
    push = context.socket(aiomq.PUSH)
    waiting = await started(push.wait_connected())
    await context.term()

    with pytest.raises(aiomq.ContextTerminated):
        await waiting


@pytest.mark.parametrize("n", [0, -1])
async def test_wait_connected_for_nobody_is_refused(context: aiomq.Context, n: int) -> None:
    with pytest.raises(aiomq.ZMQError, match="1 or more"):
        await context.socket(aiomq.PUSH).wait_connected(n)


@pytest.mark.parametrize("publisher", [aiomq.PUB, aiomq.XPUB])
async def test_wait_subscribed_ends_with_the_first_matching_subscription(
    context: aiomq.Context, endpoint: Endpoint, publisher: int
) -> None:
    pub, sub = linked(context, endpoint(), publisher, aiomq.SUB)
    waiting = await started(pub.wait_subscribed("weather.oslo"))
    sub.subscribe("weather.oslo.snow")
    await until(lambda: pub.topics_count)
    await settled(waiting)
    sub.subscribe("weather")

    await asyncio.wait_for(waiting, 5)
    await pub.send(b"weather.oslo")
    assert await sub.recv() == b"weather.oslo"


async def test_wait_subscribed_counts_peers_not_subscriptions(context: aiomq.Context, endpoint: Endpoint) -> None:
    pub, first = linked(context, endpoint(), aiomq.PUB, aiomq.SUB)
    waiting = await started(pub.wait_subscribed(b"ab", 2))
    for topic in ("", "a", "ab"):
        first.subscribe(topic)
    await until(lambda: pub.topics_count == 3)
    await settled(waiting)
    second = context.socket(aiomq.SUB)
    second.connect(pub.last_endpoint)
    second.subscribe("a")

    await asyncio.wait_for(waiting, 5)


async def test_wait_subscribed_counts_what_the_user_of_a_manual_xpub_granted(context: aiomq.Context) -> None:
    xpub, sub = linked(context, "inproc://manual", aiomq.XPUB, aiomq.SUB, linger=0)
    xpub.xpub_manual = 1
    waiting = await started(xpub.wait_subscribed("granted"))
    sub.subscribe("asked")
    assert await xpub.recv() == b"\x01asked"
    await settled(waiting)
    xpub.subscribe("granted")

    await asyncio.wait_for(waiting, 5)


@pytest.mark.parametrize("socket_type", [aiomq.SUB, aiomq.PUSH, aiomq.ROUTER])
async def test_wait_subscribed_of_a_socket_that_does_not_publish_is_refused(
    context: aiomq.Context, socket_type: int
) -> None:
    with pytest.raises(aiomq.ZMQError) as refused:
        await context.socket(socket_type).wait_subscribed("a")
    assert refused.value.errno == errno.ENOTSUP

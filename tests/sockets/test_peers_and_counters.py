"""What a socket says of its peers, and how it counts."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable

import pytest

import aiomq
from aiomq import Counters, PeerStatus
from tests.sockets.links import in_thread, linked, subscribed, turns, until

Endpoint = Callable[[], str]


async def test_peers_of_a_connection_say_who_and_how_much(context: aiomq.Context) -> None:
    router = context.socket(aiomq.ROUTER)
    router.bind("tcp://127.0.0.1:*")
    dealer = context.socket(aiomq.DEALER, routing_id=b"who")
    dealer.connect(router.last_endpoint)
    await dealer.send_many([b"1", b"2", b"3"])
    assert await router.recv_multipart() == [b"who", b"1"]
    await router.send_multipart([b"who", b"back"])
    assert await dealer.recv() == b"back"
    await until(lambda: router.peers()[0].received == 3)

    (at_router,), (at_dealer,) = router.peers(), dealer.peers()

    assert at_router.endpoint == router.last_endpoint
    assert at_router.address.startswith("127.0.0.1:")
    assert at_router == PeerStatus(
        endpoint=at_router.endpoint,
        address=at_router.address,
        routing_id=b"who",
        state="connected",
        queued_in=2,
        sent=1,
        received=3,
    )
    assert (at_dealer.state, at_dealer.sent, at_dealer.received, at_dealer.queued_in) == ("connected", 3, 1, 0)
    assert at_dealer.address == router.last_endpoint.removeprefix("tcp://")


async def test_peers_without_a_connection_wait_with_their_queue(context: aiomq.Context, endpoint: Endpoint) -> None:
    with context.socket(aiomq.PULL) as gone:
        gone.bind(endpoint())
        address = gone.last_endpoint
    push = context.socket(aiomq.PUSH)
    push.connect(address)
    await push.send(b"later")

    assert push.peers() == [PeerStatus(endpoint=address, state="waiting", queued_out=1)]
    assert push.counters == Counters()


@pytest.mark.parametrize("count", [1, 3, 1000])
async def test_counters_count_every_message_once(context: aiomq.Context, endpoint: Endpoint, count: int) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    for _ in range(count):
        await push.send(b"one")
    await push.send_many([b"many"] * count)
    for _ in range(2 * count):
        await pull.recv()
    await turns(3)

    assert push.counters == Counters(sent=2 * count, connects=1)
    assert pull.counters == Counters(received=2 * count, connects=1)
    assert [each.sent for each in push.peers()] == [2 * count]
    assert [each.received for each in pull.peers()] == [2 * count]


async def test_counters_keep_what_was_done_with_peers_that_are_gone(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull = context.socket(aiomq.PULL)
    pull.bind(endpoint())
    for _ in range(3):
        with context.socket(aiomq.PUSH) as push:
            push.connect(pull.last_endpoint)
            await push.send(b"x")
            await pull.recv()
        assert push.counters.sent == 1
    await until(lambda: not pull.peers())

    assert pull.counters == Counters(received=3, connects=3, disconnects=3)


async def test_counters_of_a_reconnecting_socket_go_on(context: aiomq.Context) -> None:
    push = context.socket(aiomq.PUSH, reconnect_ivl=1)
    with context.socket(aiomq.PULL) as first:
        first.bind("tcp://127.0.0.1:*")
        address = first.last_endpoint
        push.connect(address)
        await push.send(b"x")
        await first.recv()
    await until(lambda: push.peers()[0].state == "waiting")
    second = context.socket(aiomq.PULL)
    second.bind(address)
    await push.send(b"y")
    await second.recv()

    assert push.counters == Counters(sent=2, connects=2, disconnects=1)
    assert push.peers()[0].sent == 2


async def test_counters_of_a_closed_socket_can_be_read(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    await push.send(b"x")
    await pull.recv()
    push.close()
    await until(lambda: push.counters.disconnects)

    assert push.counters == Counters(sent=1, connects=1, disconnects=1)
    with pytest.raises(aiomq.ZMQError) as refused:
        push.peers()
    assert refused.value.errno == errno.ENOTSOCK


async def test_counters_between_threads(context: aiomq.Context) -> None:
    async def send() -> Counters:
        with context.socket(aiomq.PUSH) as push:
            push.connect("inproc://over-there")
            await push.send_many([b"x"] * 100)
            while push.peers()[0].queued_out:  # noqa: ASYNC110  # nobody tells when they were fetched
                await asyncio.sleep(0)
            return push.counters

    pull = context.socket(aiomq.PULL)
    pull.bind("inproc://over-there")
    sending = asyncio.create_task(in_thread(send))
    for _ in range(100):
        await pull.recv()

    assert await sending == Counters(sent=100, connects=1)
    await until(lambda: pull.counters.disconnects)
    assert pull.counters == Counters(received=100, connects=1, disconnects=1)


# -- drops ------------------------------------------------------------------------------------------------------------


async def test_counters_tell_what_a_slow_subscriber_missed(context: aiomq.Context) -> None:
    pub, sub = await subscribed(context, "inproc://slow", hwm=2)
    for _ in range(10):
        await pub.send(b"x")

    assert pub.counters.dropped == 6
    assert [each.dropped for each in pub.peers()] == [6]
    assert sub.counters.dropped == 0


async def test_counters_tell_of_messages_to_nobody(context: aiomq.Context) -> None:
    router = context.socket(aiomq.ROUTER)
    router.bind("inproc://router")
    await router.send_multipart([b"nobody", b"x"])

    assert router.counters.dropped == 1


async def test_counters_tell_of_replies_to_a_peer_that_is_gone(context: aiomq.Context, endpoint: Endpoint) -> None:
    rep, req = linked(context, endpoint(), aiomq.REP, aiomq.REQ)
    await req.send(b"question")
    await rep.recv()
    req.close()
    await until(lambda: not rep.peers())
    await rep.send(b"answer")

    assert rep.counters.dropped == 1

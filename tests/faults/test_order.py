"""Several tasks on one socket: served in the order they came, and none of them starves."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest

import aiomq
from tests.sockets.links import linked, started, still_works, until

Endpoint = Callable[[], str]


async def test_receivers_get_the_messages_in_the_order_they_came(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    await still_works(push, pull)
    tasks = [await started(pull.recv()) for _ in range(20)]

    for number in range(20):
        await push.send(b"%d" % number)

    assert await asyncio.gather(*tasks) == [b"%d" % number for number in range(20)]


async def test_receivers_of_every_kind_are_one_queue(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    await still_works(push, pull)
    one, whole, many, last = (
        await started(pull.recv()),
        await started(pull.recv_multipart()),
        await started(pull.recv_many(1)),
        await started(pull.recv()),
    )

    await push.send_many([b"0", b"1", b"2", b"3"])

    assert (await one, await whole, await many, await last) == (b"0", [b"1"], [[b"2"]], b"3")


async def test_newcomer_does_not_overtake_who_waits(context: aiomq.Context) -> None:
    pull, push = linked(context, "inproc://over", aiomq.PULL, aiomq.PUSH)
    waiting = await started(pull.recv())

    push.send_nowait(b"first")  # the waiter is woken, and has not run when the newcomer comes
    newcomer = asyncio.create_task(pull.recv())
    push.send_nowait(b"second")

    assert await newcomer == b"second"
    assert await waiting == b"first"


async def test_newcomer_that_does_not_suspend_does_not_overtake_either(context: aiomq.Context) -> None:
    pull, push = linked(context, "inproc://short", aiomq.PULL, aiomq.PUSH)
    await still_works(push, pull)
    waiting = await started(pull.recv())

    await push.send_many([b"first", b"second"])
    second = await pull.recv()

    assert second == b"second"
    assert await waiting == b"first"


async def test_senders_get_room_in_the_order_they_came(context: aiomq.Context, endpoint: Endpoint) -> None:
    push = context.socket(aiomq.PUSH)
    push.bind(endpoint())
    tasks = [await started(push.send(b"%d" % number)) for number in range(20)]

    pull = context.socket(aiomq.PULL)
    pull.connect(push.last_endpoint)

    assert [await pull.recv() for _ in range(20)] == [b"%d" % number for number in range(20)]
    await asyncio.gather(*tasks)


@pytest.mark.parametrize("hwm", [1, 2, 10])
async def test_senders_at_a_small_hwm_keep_their_order(context: aiomq.Context, endpoint: Endpoint, hwm: int) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH, hwm=hwm)
    frame = bytes(40_000)  # so that they wait for one another also where a wire buffers much

    tasks = [asyncio.create_task(push.send_multipart([b"%d" % number, frame])) for number in range(100)]
    received = [(await pull.recv_multipart())[0] for _ in range(100)]
    await asyncio.gather(*tasks)

    assert received == [b"%d" % number for number in range(100)]


async def test_sender_that_never_waits_does_not_overtake_who_waits(context: aiomq.Context) -> None:
    pull, push = linked(context, "inproc://sender", aiomq.PULL, aiomq.PUSH, hwm=1)
    await push.send_many([b"0", b"1"])
    waiting = await started(push.send(b"2"))

    assert pull.recv_nowait() == b"0"
    newcomer = asyncio.create_task(push.send(b"3"))

    assert [await pull.recv() for _ in range(3)] == [b"1", b"2", b"3"]
    await waiting
    await newcomer


async def test_receiving_loops_share_what_comes(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH, hwm=10)
    shares: Counter[int] = Counter()

    async def receive(task: int) -> None:
        async for _ in pull:
            shares[task] += 1

    tasks = [asyncio.create_task(receive(task)) for task in range(4)]
    for _ in range(2000):
        await push.send(b"x")
    await until(lambda: shares.total() == 2000)
    pull.close()
    await asyncio.gather(*tasks)

    assert min(shares.values()) > 300, shares


async def test_sending_loops_share_the_room(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH, hwm=10)
    frame = bytes(20_000)

    async def send(name: bytes) -> None:
        while True:
            await push.send_multipart([name, frame])

    tasks = [asyncio.create_task(send(name)) for name in (b"a", b"b", b"c", b"d")]
    shares = Counter([(await pull.recv_multipart())[0] for _ in range(1000)])
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)

    assert sorted(shares) == [b"a", b"b", b"c", b"d"]
    assert min(shares.values()) > 100, shares

"""A loop that always finds room, or a message, still lets the rest of the event loop run, and a PUB loses nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

import aiomq
from tests.faults.processes import program
from tests.sockets.links import linked, started, subscribed, until

Endpoint = Callable[[], str]

HWMS = [1, 2, 10, 1000]
GAP = 600
"""Operations that may go by between two turns of the loop, at most."""


class Ticker:
    """Counts the turns of the loop, while something else is busy."""

    def __init__(self) -> None:
        self.ticks = 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Ticker]:
        async def tick() -> None:
            while True:
                await asyncio.sleep(0)
                self.ticks += 1

        task = await started(tick())
        self.ticks = 0
        try:
            yield self
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


# -- nothing is lost --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hwm", HWMS)
async def test_pub_in_a_bare_loop_loses_nothing_for_a_fast_subscriber(
    context: aiomq.Context, endpoint: Endpoint, hwm: int
) -> None:
    pub, sub = await subscribed(context, endpoint(), hwm=hwm)

    async def receive() -> list[int]:
        return [int(await sub.recv()) for _ in range(3000)]

    receiving = await started(receive())
    for number in range(3000):
        await pub.send(b"%d" % number)

    assert await receiving == list(range(3000))


@pytest.mark.parametrize("hwm", HWMS)
async def test_pub_send_many_loses_nothing_for_a_fast_subscriber(
    context: aiomq.Context, endpoint: Endpoint, hwm: int
) -> None:
    pub, sub = await subscribed(context, endpoint(), hwm=hwm)

    async def receive() -> list[int]:
        return [int(message[0]) async for message in _first(sub, 3000)]

    receiving = await started(receive())
    await pub.send_many(b"%d" % number for number in range(3000))

    assert await receiving == list(range(3000))


async def _first(socket: aiomq.Socket, count: int) -> AsyncIterator[list[bytes]]:
    for _ in range(count):
        yield await socket.recv_multipart()


@pytest.mark.parametrize("size", [3000, 50_000])
async def test_pub_of_large_messages_in_a_bare_loop_loses_nothing_for_a_fast_subscriber(
    context: aiomq.Context, endpoint: Endpoint, size: int
) -> None:
    pub, sub = await subscribed(context, endpoint())

    async def receive() -> int:
        return sum([len(await sub.recv()) for _ in range(400)])

    receiving = await started(receive())
    for _ in range(400):
        await pub.send(bytes(size))

    assert await receiving == 400 * size


async def test_pub_to_several_fast_subscribers_loses_nothing(context: aiomq.Context, endpoint: Endpoint) -> None:
    pub, first = await subscribed(context, endpoint(), hwm=10)
    subs = [first]
    for topic in "ab":
        subs.append(context.socket(aiomq.SUB, hwm=10))
        subs[-1].subscribe(topic)
        subs[-1].connect(pub.last_endpoint)
    await until(lambda: pub.topics_count == 3)

    async def receive(sub: aiomq.Socket, count: int) -> list[bytes]:
        return [await sub.recv() for _ in range(count)]

    receiving = [await started(receive(sub, count)) for sub, count in zip(subs, (2000, 1000, 1000), strict=True)]
    for number in range(1000):
        await pub.send(b"a%d" % number)
        await pub.send(b"b%d" % number)

    everything, of_a, of_b = await asyncio.gather(*receiving)
    assert [message for message in everything if message.startswith(b"a")] == of_a
    assert [message for message in everything if message.startswith(b"b")] == of_b
    assert of_a == [b"a%d" % number for number in range(1000)]
    assert of_b == [b"b%d" % number for number in range(1000)]


SUBSCRIBER = """
import sys
import aiomq

async def main():
    async with aiomq.Context() as context:
        sub = context.socket(aiomq.SUB, hwm=int(sys.argv[2]))
        sub.subscribe(b"")
        sub.connect(sys.argv[1])
        count = 0
        async for message in sub:
            if message == [b"end"]:
                break
            assert int(message[0]) == count, (message, count)
            count += 1
        print(count, flush=True)
        sub.close()

aiomq.run(main())
"""


@pytest.mark.parametrize("hwm", [1, 10, 1000])
async def test_pub_in_a_bare_loop_loses_nothing_for_another_process(context: aiomq.Context, hwm: int) -> None:
    pub = context.socket(aiomq.PUB, hwm=hwm)
    pub.bind("tcp://127.0.0.1:0")
    with program(SUBSCRIBER, pub.last_endpoint, str(hwm)) as subscriber:
        await until(lambda: pub.topics_count)
        for number in range(5000):
            await pub.send(b"%d" % number)
        await pub.send(b"end")

        assert await asyncio.to_thread(subscriber.read_line) == "5000"


@pytest.mark.parametrize("hwm", [1, 2, 10])
async def test_pub_below_its_hwm_loses_nothing_for_a_subscriber_that_does_not_read(
    context: aiomq.Context, endpoint: Endpoint, hwm: int
) -> None:
    pub, sub = await subscribed(context, endpoint(), hwm=hwm)

    for number in range(hwm):
        await pub.send(b"%d" % number)

    assert [await sub.recv() for _ in range(hwm)] == [b"%d" % number for number in range(hwm)]


# -- others keep running ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 5000])
async def test_tight_send_loop_lets_others_run(context: aiomq.Context, endpoint: Endpoint, size: int) -> None:
    _, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH, hwm=0)

    async with Ticker().running() as ticker:
        for _ in range(6000):
            await push.send(bytes(size))
        ticks = ticker.ticks

    assert ticks >= 6000 // GAP


async def test_tight_send_loop_of_a_pub_without_subscribers_lets_others_run(
    context: aiomq.Context, endpoint: Endpoint
) -> None:
    pub = context.socket(aiomq.PUB)
    pub.bind(endpoint())

    async with Ticker().running() as ticker:
        for _ in range(6000):
            await pub.send(b"x")
        ticks = ticker.ticks

    assert ticks >= 6000 // GAP


async def test_tight_send_multipart_loop_lets_others_run(context: aiomq.Context, endpoint: Endpoint) -> None:
    _, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH, hwm=0)

    async with Ticker().running() as ticker:
        for _ in range(6000):
            await push.send_multipart([b"a", b"b"])
        ticks = ticker.ticks

    assert ticks >= 6000 // GAP


async def test_send_many_of_many_lets_others_run(context: aiomq.Context, endpoint: Endpoint) -> None:
    _, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH, hwm=0)

    async with Ticker().running() as ticker:
        await push.send_many([b"x"] * 6000)
        ticks = ticker.ticks

    assert ticks >= 6000 // GAP


async def test_tight_recv_loop_lets_others_run(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH, hwm=0)
    await push.send_many([b"x"] * 6000)
    await until(lambda: "in=6000>" in repr(pull))

    async with Ticker().running() as ticker:
        for _ in range(6000):
            await pull.recv()
        ticks = ticker.ticks

    assert ticks >= 6000 // GAP


async def test_tight_recv_many_loop_lets_others_run(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH, hwm=0)
    await push.send_many([b"x"] * 20_000)
    await until(lambda: "in=20000>" in repr(pull))

    async with Ticker().running() as ticker:
        count = 0
        while count < 20_000:
            count += len(await pull.recv_many(10))
        ticks = ticker.ticks

    assert ticks >= 5


@pytest.mark.parametrize("somebody_waits", [False, True])
async def test_tight_recv_dontwait_loop_lets_others_run(context: aiomq.Context, somebody_waits: bool) -> None:
    pull = context.socket(aiomq.PULL)
    waiting = await started(pull.recv()) if somebody_waits else None

    async with Ticker().running() as ticker:
        for _ in range(3000):
            with pytest.raises(aiomq.Again):
                await pull.recv(aiomq.DONTWAIT)
        ticks = ticker.ticks

    assert ticks >= 3000 // GAP
    if waiting is not None:
        waiting.cancel()


@pytest.mark.parametrize("somebody_waits", [False, True])
async def test_tight_send_dontwait_loop_lets_others_run(context: aiomq.Context, somebody_waits: bool) -> None:
    push = context.socket(aiomq.PUSH)
    waiting = await started(push.send(b"x")) if somebody_waits else None

    async with Ticker().running() as ticker:
        for _ in range(3000):
            with pytest.raises(aiomq.Again):
                await push.send(b"x", aiomq.DONTWAIT)
        ticks = ticker.ticks

    assert ticks >= 3000 // GAP
    if waiting is not None:
        waiting.cancel()


async def test_tight_dontwait_loops_see_what_arrives(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH, hwm=2)
    frame = bytes(30_000)

    async def send() -> None:
        sent = 0
        while sent < 100:
            with contextlib.suppress(aiomq.Again):
                await push.send_multipart([b"%d" % sent, frame], aiomq.DONTWAIT)
                sent += 1

    sending = asyncio.create_task(send())
    received: list[bytes] = []
    while len(received) < 100:
        with contextlib.suppress(aiomq.Again):
            received.append((await pull.recv_multipart(aiomq.DONTWAIT))[0])
    await sending

    assert received == [b"%d" % number for number in range(100)]


async def test_tight_poll_loop_that_only_looks_lets_others_run(context: aiomq.Context) -> None:
    pull = context.socket(aiomq.PULL)
    poller = aiomq.Poller()
    poller.register(pull, aiomq.POLLIN)

    async with Ticker().running() as ticker:
        for _ in range(1000):
            assert await pull.poll(0) == 0
            assert await poller.poll(0) == []
        ticks = ticker.ticks

    assert ticks >= 1000


async def test_busy_pair_of_sockets_does_not_hold_up_another_pair(context: aiomq.Context, endpoint: Endpoint) -> None:
    busy_pull, busy_push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    rep, req = linked(context, endpoint(), aiomq.REP, aiomq.REQ)

    async def flood() -> None:
        while True:
            await busy_push.send(b"x")

    async def drain() -> None:
        while True:
            await busy_pull.recv()

    async def answer() -> None:
        while True:
            await rep.send(await rep.recv())

    tasks = [asyncio.create_task(each) for each in (answer(), flood(), drain())]
    for _ in range(50):
        await req.send(b"are you there?")
        assert await req.recv() == b"are you there?"

    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)

"""Memory, descriptors and tasks stay what they are, however long it goes on.

With AIOMQ_SOAK=1 it goes on for a million messages and ten thousand reconnections of each kind.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import aiomq
from tests.leaks.gauge import SOAK, flat, many
from tests.sockets.links import in_thread, linked, subscribed, turns, until

Endpoint = Callable[[], str]

pytestmark = pytest.mark.timeout(1200 if SOAK else 60)

MESSAGES = many(20_000, 1_000_000)
RECONNECTS = many(100, 10_000)
CANCELLATIONS = many(2_000, 100_000)
TOPICS = many(2_000, 10_000)


# -- messages ---------------------------------------------------------------------------------------------------------


async def recv_count(socket: aiomq.Socket, count: int) -> None:
    """Receive so many messages."""
    for _ in range(count):
        await socket.recv_multipart()


async def test_messages_leave_nothing_behind(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)

    async def pass_on(count: int) -> None:
        receiving = asyncio.create_task(recv_count(pull, count))
        for number in range(count):
            await push.send(b"%d" % number) if number % 4 else await push.send_multipart([b"%d" % number, b"body"])
        await receiving

    await flat(pass_on, MESSAGES)


async def test_requests_leave_nothing_behind(context: aiomq.Context, endpoint: Endpoint) -> None:
    router, req = linked(context, endpoint(), aiomq.ROUTER, aiomq.REQ)

    async def answer(count: int) -> None:
        for _ in range(count):
            await router.send_multipart(await router.recv_multipart())

    async def ask(count: int) -> None:
        answering = asyncio.create_task(answer(count))
        for number in range(count):
            await req.send(b"%d" % number)
            assert await req.recv() == b"%d" % number
        await answering

    await flat(ask, MESSAGES // 10)


async def test_messages_between_threads_leave_nothing_behind() -> None:
    async with aiomq.Context() as context:

        async def send(address: str, count: int) -> None:
            async with context.socket(aiomq.PUSH) as push:
                push.connect(address)
                for number in range(count):
                    await push.send(b"%d" % number)

        async def pass_on(count: int) -> None:
            async with context.socket(aiomq.PULL) as pull:
                pull.bind("inproc://soak")
                sending = asyncio.create_task(in_thread(partial(send, "inproc://soak", count)))
                await recv_count(pull, count)
                await sending

        await flat(pass_on, MESSAGES // 10)


# -- connections ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
async def test_reconnections_leave_nothing_behind(context: aiomq.Context, transport: str, tmp_path: Path) -> None:
    first = "tcp://127.0.0.1:0" if transport == "tcp" else f"ipc://{tmp_path}/again"
    pull, push = linked(context, first, aiomq.PULL, aiomq.PUSH, reconnect_ivl=1)
    address = pull.last_endpoint

    async def reconnect(count: int) -> None:
        for _ in range(count):
            await push.wait_connected()
            lost = push.counters.disconnects
            pull.unbind(address)
            while push.counters.disconnects == lost:
                await turns(1)
            pull.bind(address)
            await push.send(b"over the next connection")
            assert await pull.recv() == b"over the next connection"

    await flat(reconnect, RECONNECTS)


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
async def test_attempts_in_vain_leave_nothing_behind(context: aiomq.Context, endpoint: Endpoint) -> None:
    with context.socket(aiomq.PULL) as closed:
        closed.bind(endpoint())
        address = closed.last_endpoint
    await until(lambda: closed._core.finished)
    push = context.socket(aiomq.PUSH, reconnect_ivl=1)
    with push.monitor(events=aiomq.Event.CONNECT_RETRIED) as retries:
        push.connect(address)

        async def try_in_vain(count: int) -> None:
            for _ in range(count):
                await anext(retries)

        await flat(try_in_vain, RECONNECTS, under_way=1)  # the attempt of the moment


async def test_sockets_leave_nothing_behind(endpoint: Endpoint) -> None:
    async with aiomq.Context() as context:
        pull = context.socket(aiomq.PULL)
        pull.bind(endpoint())

        async def come_and_go(count: int) -> None:
            for _ in range(count):
                async with context.socket(aiomq.PUSH) as push:
                    push.connect(pull.last_endpoint)
                    await push.send(b"hello, and goodbye")
                assert await pull.recv() == b"hello, and goodbye"
            await until(lambda: not pull.peers())

        await flat(come_and_go, RECONNECTS)
        assert len(context._cores) == 1
        await pull.aclose()


async def test_sockets_closed_before_an_inproc_name_is_bound_leave_nothing_behind() -> None:
    async with aiomq.Context() as context:

        async def send_and_bind(count: int) -> None:
            for _ in range(count):
                async with context.socket(aiomq.PUSH) as push:
                    push.connect("inproc://later")
                    await push.send(b"x")
                async with context.socket(aiomq.PULL) as pull:
                    pull.bind("inproc://later")
                    assert await pull.recv() == b"x"

        await flat(send_and_bind, RECONNECTS * 5)
        assert context.inproc_names.bequests() == []


async def test_contexts_leave_nothing_behind(endpoint: Endpoint) -> None:
    async def come_and_go(count: int) -> None:
        for _ in range(count):
            async with aiomq.Context() as context:
                pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
                await push.send(b"x")
                assert await pull.recv() == b"x"
                waiting = asyncio.create_task(pull.recv())
                await turns(1)
            with pytest.raises(aiomq.ContextTerminated):
                await waiting

    await flat(come_and_go, RECONNECTS // 2)
    assert aiomq.debug.open_contexts() == []


async def test_refused_handshakes_leave_nothing_behind(context: aiomq.Context, tmp_path: Path) -> None:
    pull = context.socket(aiomq.PULL)
    pull.bind(f"ipc://{tmp_path}/door")
    openings = itertools.cycle([b"GET / HTTP/1.1" + bytes(60), b"\xff" + bytes(8) + b"\x7f\x03" + b"\xee" * 60, b""])

    async def be_refused(count: int) -> None:
        for _ in range(count):
            reader, writer = await asyncio.open_unix_connection(f"{tmp_path}/door")
            writer.write(next(openings))
            if writer.can_write_eof():
                writer.write_eof()
            with contextlib.suppress(ConnectionError):
                await reader.read()
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        await until(lambda: "connections=0" in repr(pull._core.endpoints))

    await flat(be_refused, RECONNECTS)
    assert not pull.peers()


# -- cancellation -----------------------------------------------------------------------------------------------------


async def test_storms_of_cancellations_leave_nothing_behind(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH, hwm=2)
    poller = aiomq.Poller()
    poller.register(pull, aiomq.POLLIN)
    chance = random.Random(1)

    async def storm(count: int) -> None:
        for _ in range(count // 5):
            tasks = [
                asyncio.create_task(pull.recv()),
                asyncio.create_task(push.send(b"x")),
                asyncio.create_task(pull.poll()),
                asyncio.create_task(push.poll(flags=aiomq.POLLOUT)),
                asyncio.create_task(poller.poll()),
            ]
            await turns(chance.choice((0, 1, 2, 3)))
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    await flat(storm, CANCELLATIONS)
    while await pull.poll(0):
        pull.recv_nowait()
    await push.send(b"still works")
    assert await pull.recv() in {b"still works", b"x"}


# -- subscriptions ----------------------------------------------------------------------------------------------------


async def test_topics_that_come_and_go_leave_nothing_behind(context: aiomq.Context, endpoint: Endpoint) -> None:
    pub, sub = await subscribed(context, endpoint())
    numbers = itertools.count()

    async def change_interests(count: int) -> None:
        for _ in range(count):
            topic = b"topic-%d" % next(numbers)
            sub.subscribe(topic)
            sub.unsubscribe(topic)
        sub.subscribe(b"last")
        await pub_knows(2)
        sub.unsubscribe(b"last")
        await pub_knows(1)

    async def pub_knows(count: int) -> None:
        await until(lambda: pub.topics_count == count)

    await flat(change_interests, TOPICS)


async def test_subscribers_that_come_and_go_leave_nothing_behind(endpoint: Endpoint) -> None:
    async with aiomq.Context() as context:
        pub = context.socket(aiomq.XPUB)
        pub.bind(endpoint())

        async def come_and_go(count: int) -> None:
            for number in range(count):
                async with context.socket(aiomq.SUB) as sub:
                    sub.subscribe(b"%d" % number)
                    sub.connect(pub.last_endpoint)
                    assert await pub.recv() == b"\x01%d" % number
                    await pub.send(b"%d" % number)
                    assert await sub.recv() == b"%d" % number
                assert await pub.recv() == b"\x00%d" % number

        await flat(come_and_go, RECONNECTS // 2)
        await pub.aclose()

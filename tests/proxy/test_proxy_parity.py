"""The proxy of aiomq and that of libzmq, with the same played to both."""

from __future__ import annotations

import asyncio
import struct
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
import zmq

import aiomq
from tests.sockets.links import KeepingContext
from tests.transports.judge import Judge, LibzmqSocket, judging, off_loop, receive

ANY = "tcp://127.0.0.1:*"

Ends = tuple[str, str, str]
"""Where the frontend, the backend and the control socket of a proxy are."""

Run = Callable[[tuple[int, int], int], AbstractAsyncContextManager[Ends]]
"""Runs a proxy of one library between sockets of these types, with such a control socket."""


@pytest.fixture
def judge() -> Iterator[Judge]:
    with judging() as made:
        yield made


@asynccontextmanager
async def ours(kinds: tuple[int, int], control: int) -> AsyncIterator[Ends]:
    async with KeepingContext() as context:
        sockets = [context.socket(kind) for kind in (*kinds, control)]
        for socket in sockets:
            socket.bind(ANY)
        front, back, steering = sockets
        task = asyncio.create_task(aiomq.proxy_steerable(front, back, None, steering))
        yield front.last_endpoint, back.last_endpoint, steering.last_endpoint
        await asyncio.wait_for(task, 20)


@asynccontextmanager
async def theirs(kinds: tuple[int, int], control: int) -> AsyncIterator[Ends]:
    context: zmq.Context[LibzmqSocket] = zmq.Context()
    sockets = [context.socket(kind) for kind in (*kinds, control)]
    for socket in sockets:
        socket.linger = 0
        socket.bind(ANY)
    front, back, steering = sockets
    thread = threading.Thread(target=zmq.proxy_steerable, args=(front, back, None, steering))
    thread.start()
    where = [socket.getsockopt_string(zmq.LAST_ENDPOINT) for socket in sockets]
    yield where[0], where[1], where[2]
    await off_loop(thread.join, 20)
    for socket in sockets:
        socket.close()
    context.term()


proxies = pytest.mark.parametrize("proxy", [ours, theirs])


def connected(judge: Judge, kind: int, endpoint: str, **options: object) -> LibzmqSocket:
    socket = judge.socket(kind, **options)
    socket.connect(endpoint)
    return socket


async def asked(socket: LibzmqSocket, *frames: bytes) -> list[bytes]:
    await off_loop(socket.send_multipart, frames)
    return await receive(socket)


@proxies
async def test_steered_proxy_counts_parts_and_answers_as_libzmq(judge: Judge, proxy: Run) -> None:
    async with proxy((aiomq.ROUTER, aiomq.DEALER), aiomq.REP) as (front, back, control):
        pilot = connected(judge, zmq.REQ, control)
        client, service = connected(judge, zmq.REQ, front, routing_id=b"12345"), connected(judge, zmq.REP, back)
        for _ in range(3):
            await off_loop(client.send_multipart, [b"one", b"three"])
            assert await receive(service) == [b"one", b"three"]
            await off_loop(service.send, b"four")
            assert await receive(client) == [b"four"]
        numbers = [struct.unpack("=Q", frame)[0] for frame in await asked(pilot, b"STATISTICS")]
        assert numbers == [12, 39, 9, 27, 9, 27, 12, 39]
        assert await asked(pilot, b"PAUSE") == [b""]
        assert await asked(pilot, b"RESUME") == [b""]
        assert await asked(pilot, b"TERMINATE") == [b""]


@proxies
async def test_steered_proxy_answers_every_command_of_a_pair_as_libzmq(judge: Judge, proxy: Run) -> None:
    async with proxy((aiomq.PULL, aiomq.PUSH), aiomq.PAIR) as (_, _, control):
        pilot = connected(judge, zmq.PAIR, control)
        for command in (b"PAUSE", b"nonsense", b"RESUME"):
            assert await asked(pilot, command) == [b""]
        assert await asked(pilot, b"STATISTICS") == [bytes(8)] * 8
        assert await asked(pilot, b"TERMINATE") == [b""]


async def test_steered_proxy_that_is_paused_passes_nothing_until_it_resumes(judge: Judge) -> None:
    """As the manual of libzmq has it; version 4.3.5 answers PAUSE and goes on all the same."""
    async with ours((aiomq.PULL, aiomq.PUSH), aiomq.PAIR) as (front, back, control):
        pilot = connected(judge, zmq.PAIR, control)
        source, sink = connected(judge, zmq.PUSH, front), connected(judge, zmq.PULL, back)
        await off_loop(source.send, b"before")
        assert await receive(sink) == [b"before"]
        assert await asked(pilot, b"PAUSE") == [b""]
        assert len(await asked(pilot, b"STATISTICS")) == 8
        await off_loop(source.send, b"meanwhile")
        assert not await off_loop(sink.poll, 100)
        assert await asked(pilot, b"nonsense") == [b""]
        assert await asked(pilot, b"RESUME") == [b""]
        assert await receive(sink) == [b"meanwhile"]
        assert await asked(pilot, b"TERMINATE") == [b""]


async def test_forwarder_of_sub_and_pub_is_one_way(judge: Judge) -> None:
    async with KeepingContext() as context:
        front, back = context.socket(aiomq.SUB), context.socket(aiomq.PUB)
        front.subscribe("")
        front.bind(ANY)
        back.bind(ANY)
        publisher, subscriber = judge.socket(zmq.XPUB), judge.socket(zmq.SUB)
        publisher.connect(front.last_endpoint)
        subscriber.connect(back.last_endpoint)
        subscriber.setsockopt(zmq.SUBSCRIBE, b"b")
        assert await receive(publisher) == [b"\x01"]
        await back.wait_subscribed("b")
        task = asyncio.create_task(aiomq.proxy(front, back))
        for topic in (b"a", b"b"):
            await off_loop(publisher.send_multipart, [topic, b"text"])
        assert await receive(subscriber) == [b"b", b"text"]
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()


async def test_proxy_with_a_publisher_that_copies_is_not_held_up_by_a_slow_watcher(judge: Judge) -> None:
    async with KeepingContext() as context:
        front, back, capture = (context.socket(kind) for kind in (aiomq.PULL, aiomq.PUSH, aiomq.PUB))
        for socket in (front, back, capture):
            socket.bind(ANY)
        capture.sndhwm = 1
        watcher = connected(judge, zmq.SUB, capture.last_endpoint, rcvhwm=1)
        watcher.setsockopt(zmq.SUBSCRIBE, b"")
        await capture.wait_subscribed()
        source, sink = connected(judge, zmq.PUSH, front.last_endpoint), connected(judge, zmq.PULL, back.last_endpoint)
        task = asyncio.create_task(aiomq.proxy(front, back, capture))
        body = bytes(100_000)
        for _ in range(200):
            await off_loop(source.send, body)
            assert await receive(sink) == [body]
        task.cancel()
        await asyncio.wait({task})


async def test_proxy_of_a_socket_of_another_loop_is_refused() -> None:
    async with KeepingContext() as context:
        front, back = context.socket(aiomq.PULL), context.socket(aiomq.PUSH)
        front.bind(ANY)

        async def elsewhere() -> None:
            await aiomq.proxy(front, back)

        with pytest.raises(aiomq.WrongLoopError):
            await aiomq.run_in_thread(elsewhere).join()

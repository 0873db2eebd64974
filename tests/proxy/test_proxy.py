"""The proxy: whole messages, both ways, with backpressure, copies and control."""

from __future__ import annotations

import asyncio
import struct
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import zmq

import aiomq
from tests.sockets.links import until


@asynccontextmanager
async def running(coroutine: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    """Run a proxy beside the body, and cancel it at the end."""
    task: asyncio.Task[None] = asyncio.ensure_future(coroutine)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})


_made: list[aiomq.Socket] = []


@pytest.fixture(autouse=True)
def _closed_in_the_end() -> Iterator[None]:
    """Close the sockets of a test, whatever became of it."""
    yield
    while _made:
        _made.pop().close(linger=0)


def made(context: aiomq.Context, kind: aiomq.SocketType, **options: int | bytes) -> aiomq.Socket:
    _made.append(context.socket(kind, **options))
    return _made[-1]


def bound(context: aiomq.Context, kind: aiomq.SocketType, endpoint: str, **options: int | bytes) -> aiomq.Socket:
    socket = made(context, kind, **options)
    socket.bind(endpoint)
    return socket


def connected(context: aiomq.Context, kind: aiomq.SocketType, to: aiomq.Socket, **options: int | bytes) -> aiomq.Socket:
    socket = made(context, kind, **options)
    socket.connect(to.last_endpoint)
    return socket


async def test_proxy_between_router_and_dealer_passes_requests_and_replies(
    context: aiomq.Context, endpoint: Callable[[], str]
) -> None:
    front, back = bound(context, aiomq.ROUTER, endpoint()), bound(context, aiomq.DEALER, "inproc://back")
    client, service = connected(context, aiomq.REQ, front), connected(context, aiomq.REP, back)
    async with running(aiomq.proxy(front, back)):
        for number in range(300):
            await client.send_multipart([b"question", b"%d" % number, b""])
            assert await service.recv_multipart() == [b"question", b"%d" % number, b""]
            await service.send(b"answer %d" % number)
            assert await client.recv() == b"answer %d" % number


async def test_proxy_between_pull_and_push_keeps_order_and_loses_nothing(
    context: aiomq.Context, endpoint: Callable[[], str]
) -> None:
    front, back = bound(context, aiomq.PULL, endpoint()), bound(context, aiomq.PUSH, "tcp://127.0.0.1:*")
    source, sink = connected(context, aiomq.PUSH, front), connected(context, aiomq.PULL, back)
    async with running(aiomq.proxy(front, back)):
        sending = asyncio.create_task(source.send_many([b"%d" % number for number in range(5000)]))
        assert [await sink.recv() for _ in range(5000)] == [b"%d" % number for number in range(5000)]
        await sending


async def test_proxy_between_xsub_and_xpub_passes_subscriptions_up_and_messages_down(context: aiomq.Context) -> None:
    front, back = bound(context, aiomq.XSUB, "tcp://127.0.0.1:*"), bound(context, aiomq.XPUB, "tcp://127.0.0.1:*")
    publisher, subscriber = connected(context, aiomq.XPUB, front), connected(context, aiomq.SUB, back)
    async with running(aiomq.proxy(front, back)):
        subscriber.subscribe(b"a")
        assert await publisher.recv() == b"\x01a"
        await publisher.send_multipart([b"b", b"not wanted"])
        await publisher.send_multipart([b"a1", b"wanted"])
        assert await subscriber.recv_multipart() == [b"a1", b"wanted"]


async def test_proxy_takes_nothing_while_the_other_side_has_no_room(context: aiomq.Context) -> None:
    front = bound(context, aiomq.PULL, "inproc://front", rcvhwm=2)
    back = bound(context, aiomq.PUSH, "inproc://back", sndhwm=2)
    source = connected(context, aiomq.PUSH, front, sndhwm=2)
    async with running(aiomq.proxy(front, back)):
        for number in range(4):  # as many as the link from the source holds
            await source.send(b"%d" % number)
        with pytest.raises(aiomq.Again):
            await source.send(b"too many", aiomq.DONTWAIT)
        sink = connected(context, aiomq.PULL, back, rcvhwm=2)
        assert [await sink.recv() for _ in range(4)] == [b"0", b"1", b"2", b"3"]


async def test_proxy_that_is_cancelled_has_lost_nothing(context: aiomq.Context) -> None:
    front, back = bound(context, aiomq.PULL, "inproc://front"), bound(context, aiomq.PUSH, "inproc://back")
    source, sink = connected(context, aiomq.PUSH, front), connected(context, aiomq.PULL, back)
    got: list[bytes] = []
    for number in range(200):
        async with running(aiomq.proxy(front, back)):
            await source.send(b"%d" % number)
            await asyncio.sleep(0)
    async with running(aiomq.proxy(front, back)):
        got += [await sink.recv() for _ in range(200)]
    assert got == [b"%d" % number for number in range(200)]


async def test_proxy_copies_both_directions_to_the_capture_socket(context: aiomq.Context) -> None:
    front, back = bound(context, aiomq.ROUTER, "inproc://front"), bound(context, aiomq.DEALER, "inproc://back")
    capture = bound(context, aiomq.PUSH, "inproc://capture")
    client, service = made(context, aiomq.REQ, routing_id=b"client"), connected(context, aiomq.REP, back)
    client.connect("inproc://front")
    watcher = connected(context, aiomq.PULL, capture)
    async with running(aiomq.proxy(front, back, capture)):
        await client.send(b"question")
        await service.send(b"answer to " + await service.recv())
        assert await client.recv() == b"answer to question"
        assert await watcher.recv_multipart() == [b"client", b"", b"question"]
        assert await watcher.recv_multipart() == [b"client", b"", b"answer to question"]


async def test_proxy_of_one_socket_sends_its_messages_back(context: aiomq.Context) -> None:
    echo = bound(context, aiomq.ROUTER, "tcp://127.0.0.1:*")
    client = connected(context, aiomq.DEALER, echo)
    async with running(aiomq.proxy(echo, echo)):
        await client.send_multipart([b"a", b"b"])
        assert await client.recv_multipart() == [b"a", b"b"]


async def test_proxy_ends_when_the_context_is_terminated(context: aiomq.Context) -> None:
    other = aiomq.Context()
    front, back = bound(other, aiomq.PULL, "inproc://front"), bound(other, aiomq.PUSH, "inproc://back")
    async with running(aiomq.proxy(front, back)) as task:
        await asyncio.sleep(0)
        terminating = asyncio.create_task(other.term())
        with pytest.raises(aiomq.ContextTerminated):
            await task
        front.close()
        back.close()
        await terminating


async def test_proxy_ends_when_a_socket_is_closed(context: aiomq.Context) -> None:
    front, back = bound(context, aiomq.PULL, "inproc://front"), bound(context, aiomq.PUSH, "inproc://back")
    async with running(aiomq.proxy(front, back)) as task:
        await asyncio.sleep(0)
        front.close()
        with pytest.raises(aiomq.ZMQError, match="is closed"):
            await task


async def test_proxy_between_libzmq_peers_passes_requests_of_many(context: aiomq.Context) -> None:
    front, back = bound(context, aiomq.ROUTER, "tcp://127.0.0.1:*"), bound(context, aiomq.DEALER, "tcp://127.0.0.1:*")
    failures: list[str] = []

    def serve(judge: zmq.Context[zmq.Socket[bytes]]) -> None:
        with judge.socket(zmq.REP) as socket:
            socket.setsockopt(zmq.RCVTIMEO, 20_000)
            socket.connect(back.last_endpoint)
            while (request := socket.recv()) != b"stop":
                socket.send(request.upper())
            socket.send(b"stopped")

    def ask(judge: zmq.Context[zmq.Socket[bytes]], name: str) -> None:
        with judge.socket(zmq.REQ) as socket:
            socket.setsockopt(zmq.RCVTIMEO, 20_000)
            socket.connect(front.last_endpoint)
            for number in range(200):
                socket.send_string(f"{name}{number}")
                answer = socket.recv_string()
                if answer != f"{name}{number}".upper():
                    failures.append(answer)

    with zmq.Context() as judge:
        server = threading.Thread(target=serve, args=(judge,))
        clients = [threading.Thread(target=ask, args=(judge, name)) for name in "abc"]
        async with running(aiomq.proxy(front, back)):
            for thread in (server, *clients):
                thread.start()
            for thread in clients:
                await asyncio.to_thread(thread.join, 30)
            stopper = connected(context, aiomq.REQ, front)
            await stopper.send(b"stop")
            assert await stopper.recv() == b"stopped"
            await asyncio.to_thread(server.join, 10)
    assert failures == []
    assert not server.is_alive()


async def test_proxy_steerable_obeys_pause_resume_statistics_and_terminate(context: aiomq.Context) -> None:
    front, back = bound(context, aiomq.PULL, "inproc://front"), bound(context, aiomq.PUSH, "inproc://back")
    control = bound(context, aiomq.REP, "inproc://control")
    source, sink = connected(context, aiomq.PUSH, front), connected(context, aiomq.PULL, back)
    pilot = connected(context, aiomq.REQ, control)

    async def command(text: bytes) -> list[bytes]:
        await pilot.send(text)
        return await pilot.recv_multipart()

    async with running(aiomq.proxy_steerable(front, back, None, control)) as task:
        await source.send_multipart([b"one", b"two"])
        assert await sink.recv_multipart() == [b"one", b"two"]
        assert await command(b"PAUSE") == [b""]
        await source.send(b"three")
        statistics = await command(b"STATISTICS")
        assert [struct.unpack("=Q", frame)[0] for frame in statistics] == [2, 6, 0, 0, 0, 0, 2, 6]
        assert await command(b"nonsense") == [b""]
        assert not await sink.poll(0)
        assert await command(b"RESUME") == [b""]
        assert await sink.recv() == b"three"
        assert await command(b"TERMINATE") == [b""]
        await task
    assert task.result() is None


async def test_proxy_steerable_by_a_pair_answers_every_command(context: aiomq.Context) -> None:
    front, back = bound(context, aiomq.PULL, "inproc://front"), bound(context, aiomq.PUSH, "inproc://back")
    control = bound(context, aiomq.PAIR, "inproc://control")
    pilot = connected(context, aiomq.PAIR, control)
    async with running(aiomq.proxy_steerable(front, back, None, control)) as task:
        for text in (b"PAUSE", b"nonsense", b"STATISTICS", b"TERMINATE"):
            await pilot.send(text)
            assert await pilot.recv_multipart() == ([bytes(8)] * 8 if text == b"STATISTICS" else [b""])
        await task


async def test_proxy_steerable_by_a_sub_obeys_and_answers_nothing(context: aiomq.Context) -> None:
    front, back = bound(context, aiomq.PULL, "inproc://front"), bound(context, aiomq.PUSH, "inproc://back")
    control = bound(context, aiomq.SUB, "inproc://control")
    control.subscribe("")
    pilot = connected(context, aiomq.PUB, control)
    async with running(aiomq.proxy_steerable(front, back, None, control)) as task:
        await pilot.wait_subscribed()
        for text in (b"PAUSE", b"STATISTICS", b"RESUME", b"TERMINATE"):
            await pilot.send(text)
        await task


async def test_proxy_waits_for_a_full_peer_of_a_mandatory_router_and_loses_nothing(context: aiomq.Context) -> None:
    front = bound(context, aiomq.ROUTER, "inproc://front", sndhwm=1, router_mandatory=1)
    back = bound(context, aiomq.DEALER, "inproc://back")
    client = made(context, aiomq.DEALER, routing_id=b"slow", rcvhwm=1)
    client.connect("inproc://front")
    idle = connected(context, aiomq.DEALER, front)
    service = connected(context, aiomq.DEALER, back)
    async with running(aiomq.proxy(front, back)):
        for number in range(50):
            await service.send_multipart([b"slow", b"%d" % number])
        assert [await client.recv() for _ in range(50)] == [b"%d" % number for number in range(50)]
    idle.close()


async def test_monitored_queue_copies_each_direction_behind_its_prefix(context: aiomq.Context) -> None:
    front, back = bound(context, aiomq.ROUTER, "inproc://front"), bound(context, aiomq.DEALER, "inproc://back")
    monitor = bound(context, aiomq.PUSH, "inproc://monitor")
    client, service = made(context, aiomq.REQ, routing_id=b"client"), connected(context, aiomq.REP, back)
    client.connect("inproc://front")
    watcher = connected(context, aiomq.PULL, monitor)
    async with running(aiomq.monitored_queue(front, back, monitor, b"to", b"fro")):
        await client.send(b"question")
        await service.recv()
        await service.send(b"answer")
        await client.recv()
        assert await watcher.recv_multipart() == [b"to", b"client", b"", b"question"]
        assert await watcher.recv_multipart() == [b"fro", b"client", b"", b"answer"]


async def test_monitored_queue_between_routers_swaps_the_addresses(context: aiomq.Context) -> None:
    front, back = bound(context, aiomq.ROUTER, "inproc://front"), bound(context, aiomq.ROUTER, "inproc://back")
    monitor = bound(context, aiomq.PUB, "inproc://monitor")
    client = made(context, aiomq.DEALER, routing_id=b"client")
    service = made(context, aiomq.DEALER, routing_id=b"service")
    client.connect("inproc://front")
    service.connect("inproc://back")
    async with running(aiomq.monitored_queue(front, back, monitor)):
        await client.send_multipart([b"service", b"question"])
        assert await service.recv_multipart() == [b"client", b"question"]
        await service.send_multipart([b"client", b"answer"])
        assert await client.recv_multipart() == [b"service", b"answer"]


@pytest.mark.parametrize("kind", [aiomq.QUEUE, aiomq.FORWARDER, aiomq.STREAMER])
async def test_device_of_each_kind_passes_messages_on(context: aiomq.Context, kind: int) -> None:
    front, back = bound(context, aiomq.PULL, "inproc://front"), bound(context, aiomq.PUSH, "inproc://back")
    source, sink = connected(context, aiomq.PUSH, front), connected(context, aiomq.PULL, back)
    async with running(aiomq.device(kind, front, back)):
        await source.send(b"on its way")
        assert await sink.recv() == b"on its way"


async def test_device_of_an_unknown_kind_is_refused(context: aiomq.Context) -> None:
    front, back = made(context, aiomq.PULL), made(context, aiomq.PUSH)
    with pytest.raises(aiomq.ZMQError, match="QUEUE, FORWARDER or STREAMER"):
        await aiomq.device(7, front, back)


async def test_proxy_lets_other_tasks_run_under_load(context: aiomq.Context) -> None:
    front, back = bound(context, aiomq.PULL, "inproc://front"), bound(context, aiomq.PUSH, "inproc://back")
    source, sink = connected(context, aiomq.PUSH, front), connected(context, aiomq.PULL, back)
    received = turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while received < 20_000:
            turns += 1
            await asyncio.sleep(0)

    async with running(aiomq.proxy(front, back)):
        counting = asyncio.create_task(count_turns())
        sending = asyncio.create_task(source.send_many([b"x"] * 20_000))
        while received < 20_000:
            received += len(await sink.recv_many())
        await sending
        await counting
    assert turns >= 20_000 // 512
    await until(lambda: not sink.ready_events() & aiomq.POLLIN)

"""`zmq.eventloop`: callbacks in tornado's loop, which is asyncio's."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest

import aiomq.compat.zmq.asyncio as zaio
from aiomq.compat import zmq
from tests.compat.linked import KeepingPlainContext, pair
from tests.compat.needed import needed

ioloop = needed("tornado.ioloop")

from aiomq.compat.zmq.eventloop.zmqstream import ZMQStream  # noqa: E402  # needs tornado

Streams: TypeAlias = tuple[ZMQStream, ZMQStream]


@pytest.fixture(params=["of the I/O thread", "of the loop"])
def make(request: pytest.FixtureRequest) -> Iterator[Callable[[int, int], Any]]:
    contexts = []

    async def linked(binding: int, connecting: int) -> Streams:
        served = request.param == "of the I/O thread"
        context = await asyncio.to_thread(KeepingPlainContext) if served else KeepingPlainContext()
        contexts.append(context)
        bound, connected = pair(context, binding, connecting)
        return ZMQStream(bound), ZMQStream(connected)

    yield linked
    for context in contexts:
        context.destroy(linger=0)


async def test_callbacks_get_what_is_received_and_sent(make: Any) -> None:
    pull, push = await make(zmq.PULL, zmq.PUSH)
    received: asyncio.Queue[list[Any]] = asyncio.Queue()
    sent: list[Any] = []
    pull.on_recv(received.put_nowait)
    push.on_send(lambda msg, status: sent.append((msg, status)))
    assert pull.receiving()
    assert not push.sending()
    push.send(b"a")
    push.send_multipart([b"b", b"c"])
    push.send_string("d")
    push.send_json({"e": 1})
    push.send_pyobj(None)
    assert push.sending()

    assert [await received.get() for _ in range(4)] == [[b"a"], [b"b", b"c"], [b"d"], [b'{"e": 1}']]
    assert len(await received.get()) == 1
    assert sent[:2] == [([b"a"], None), ([b"b", b"c"], None)]
    assert len(sent) == 5
    assert not push.sending()
    pull.on_recv_stream(lambda stream, msg: received.put_nowait([stream, *msg]), copy=False)
    push.send(b"f")
    stream, frame = await received.get()
    assert stream is pull
    assert frame.bytes == b"f"
    pull.stop_on_recv()
    assert not pull.receiving()
    push.close()
    pull.close()


async def test_thousands_of_messages_keep_their_order(make: Any) -> None:
    pull, push = await make(zmq.PULL, zmq.PUSH)
    numbers: list[int] = []
    done = asyncio.Event()

    def count(msg: list[bytes]) -> None:
        numbers.append(int(msg[0]))
        if len(numbers) == 3000:
            done.set()

    pull.on_recv(count)
    for number in range(3000):
        push.send(b"%d" % number)
    await asyncio.wait_for(done.wait(), 30)
    assert numbers == list(range(3000))
    push.close()
    pull.close()


async def test_coroutine_functions_are_callbacks_too_and_errors_are_logged(
    make: Any, caplog: pytest.LogCaptureFixture
) -> None:
    pull, push = await make(zmq.PULL, zmq.PUSH)
    received: asyncio.Queue[list[Any]] = asyncio.Queue()

    async def take(msg: list[bytes]) -> None:
        await received.put(msg)
        raise RuntimeError("not liked")

    pull.on_recv(take)
    with caplog.at_level(logging.ERROR, "tornado.general"):
        push.send(b"a")
        assert await received.get() == [b"a"]
        async with asyncio.timeout(10):
            while "Uncaught exception" not in caplog.text:  # noqa: ASYNC110  # the log has no event
                await asyncio.sleep(0)
    push.close()
    pull.close()


async def test_flush_moves_what_is_there_at_once(make: Any) -> None:
    pull, push = await make(zmq.PAIR, zmq.PAIR)
    received: list[Any] = []
    linked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    pull.on_recv(lambda msg: linked.set_result(None))
    push.send(b"linked")
    await linked
    pull.on_recv(received.append)
    push.send(b"a")
    assert push.flush() == 1
    assert not push.sending()
    async with asyncio.timeout(10):
        while not received:  # either the loop or a flush brings it
            pull.flush(zmq.POLLIN)
            await asyncio.sleep(0)
    assert received == [[b"a"]]
    assert pull.flush(limit=1) == 0
    push.close()
    pull.close()


async def test_close_calls_back_once_and_closes_the_socket(make: Any) -> None:
    pull, push = await make(zmq.PULL, zmq.PUSH)
    closed: list[str] = []
    pull.set_close_callback(lambda: closed.append("closed"))
    socket = pull.socket
    pull.on_recv(closed.append)
    pull.close()
    pull.close()
    assert closed == ["closed"]
    assert socket.closed
    assert pull.closed()
    with pytest.raises(OSError, match="closed"):
        pull.on_recv(None)
    push.socket.close()
    assert push.closed()


async def test_stream_of_an_async_socket_uses_the_plain_shadow(ctx: zaio.Context) -> None:
    pull, push = pair(ctx, zmq.PULL, zmq.PUSH)
    with pytest.warns(RuntimeWarning, match="plain socket"):
        stream = ZMQStream(pull)
    received: asyncio.Queue[list[Any]] = asyncio.Queue()
    stream.on_recv(received.put_nowait)
    await push.send(b"a")
    assert await received.get() == [b"a"]
    stream.close()


def test_stream_is_made_here_and_runs_in_the_loop_of_another_thread() -> None:
    """As in ipykernel: all sockets are made before any loop runs."""
    ctx = KeepingPlainContext()
    bound, connected = pair(ctx, zmq.ROUTER, zmq.DEALER)
    loop = ioloop.IOLoop(make_current=False)
    stream = ZMQStream(bound, loop)
    stream.on_recv(stream.send_multipart)
    thread = threading.Thread(target=loop.start)
    thread.start()
    connected.send(b"echo")
    assert connected.poll(10_000)
    assert connected.recv() == b"echo"
    loop.add_callback(stream.close)
    loop.add_callback(loop.stop)
    thread.join(10)
    loop.close()
    ctx.destroy(linger=0)


def test_old_names_are_there() -> None:
    with pytest.warns(DeprecationWarning, match="tornado"):
        from aiomq.compat.zmq.eventloop.ioloop import IOLoop, ZMQIOLoop, install
    assert IOLoop is ZMQIOLoop is ioloop.IOLoop
    with pytest.warns(DeprecationWarning, match="tornado"):
        install()
    from aiomq.compat.zmq.eventloop import future

    assert issubclass(future.Context, zaio.Context)

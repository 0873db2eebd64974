"""Options, endpoints and contexts of the compat layer, as a program written for pyzmq knows them."""

from __future__ import annotations

import errno
import gc
import weakref
from typing import Any

import pytest

import aiomq.compat.zmq.asyncio as zaio
from aiomq.compat import zmq


async def test_options_are_attributes_in_either_case(ctx: zaio.Context) -> None:
    socket = ctx.socket(zmq.SUB)
    socket.linger = 5
    socket.RCVHWM = 7
    socket.setsockopt(zmq.SNDHWM, 8)
    socket.SUBSCRIBE = "topic"
    socket.subscribe = b"other"
    socket.setsockopt_string(zmq.IDENTITY, "me")

    assert (socket.LINGER, socket.rcvhwm, socket.getsockopt(zmq.SNDHWM)) == (5, 7, 8)
    assert socket.get_string(zmq.IDENTITY) == "me"
    assert (socket.hwm, socket.get_hwm()) == (8, 8)
    socket.set_hwm(9)
    assert (socket.sndhwm, socket.rcvhwm, socket.type) == (9, 9, zmq.SUB)
    with pytest.raises(AttributeError):
        socket.lingr = 5
    with pytest.raises(AttributeError):
        socket.nothing  # noqa: B018  # this is what is tested
    with pytest.raises(zmq.ZMQError):
        socket.setsockopt(zmq.LINGER, -7)


async def test_subclass_may_have_attributes_of_its_own(ctx: zaio.Context) -> None:
    class Mine(zaio.Socket):
        extra: int
        other = None

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.extra = 1

    socket = ctx.socket(zmq.PULL, socket_class=Mine)
    socket.other = 2

    assert isinstance(socket, Mine)
    assert (socket.extra, socket.other) == (1, 2)


async def test_bind_and_connect_are_context_managers_of_the_socket(ctx: zaio.Context) -> None:
    with ctx.socket(zmq.PULL) as pull, ctx.socket(zmq.PUSH) as push:
        with pull.bind("tcp://127.0.0.1:*") as bound, push.connect(pull.last_endpoint):
            assert bound is pull
            await push.send(b"a")
            assert await pull.recv() == b"a"
        with pytest.raises(zmq.ZMQError) as caught:
            push.disconnect("tcp://127.0.0.1:1")
        assert caught.value.errno == errno.ENOENT
    assert pull.closed
    assert push.closed


async def test_context_options_are_defaults_of_its_sockets(ctx: zaio.Context) -> None:
    ctx.sndhwm = 3
    ctx.setsockopt(zmq.SUBSCRIBE, b"only for SUB")

    assert (ctx.sndhwm, ctx.getsockopt(zmq.SNDHWM), ctx.socket(zmq.PUSH).sndhwm) == (3, 3, 3)
    assert ctx.get(zmq.IO_THREADS) == ctx.IO_THREADS == 1
    del ctx.sndhwm
    assert ctx.socket(zmq.PUSH).sndhwm == 1000
    with pytest.raises(AttributeError):
        ctx.sndhwm  # noqa: B018  # this is what is tested
    with pytest.raises(zmq.ZMQError):
        ctx.set(zmq.SNDHWM, 3)


async def test_own_options_of_a_context_have_their_effect() -> None:
    with zmq.Context(io_threads=2) as context:
        context.MAX_SOCKETS = 1
        context.set(zmq.BLOCKY, 0)
        context.set(zmq.IPV6, 1)
        socket = context.socket(zmq.PUSH)

        assert [context.get(each) for each in (zmq.IO_THREADS, zmq.MAX_SOCKETS, zmq.BLOCKY, zmq.IPV6)] == [2, 1, 0, 1]
        assert (socket.linger, socket.ipv6) == (0, 1)
        assert "1 socket)" in repr(context)
        for refused in (lambda: context.socket(zmq.PUSH), lambda: context.set(zmq.THREAD_PRIORITY, 1)):
            with pytest.raises(zmq.ZMQError):
                refused()
        with pytest.raises(TypeError, match="IO_THREADS"):
            context.set(zmq.IO_THREADS, "2")  # type: ignore[arg-type]  # this is what is tested
        socket.close()


async def test_context_is_shared_by_its_shadows(ctx: zaio.Context) -> None:
    for shadow in (zaio.Context(ctx), zaio.Context.shadow(ctx.underlying), zmq.Context(shadow=ctx)):
        pull, push = ctx.socket(zmq.PULL), shadow.socket(zmq.PUSH, zaio.Socket)
        pull.bind("inproc://shared")
        push.connect("inproc://shared")
        await push.send(b"a")
        assert await pull.recv() == b"a"
        pull.close()
        shadow.destroy()
        assert not ctx.closed
    with pytest.raises(zmq.ZMQError, match="cannot be shared"):
        zaio.Context.shadow(12345)
    with pytest.raises(zmq.ZMQError, match="czmq"):
        zaio.Context.shadow_pyczmq(object())


async def test_async_socket_may_be_made_of_a_plain_one(ctx: zaio.Context) -> None:
    plain = zmq.Context(ctx).socket(zmq.PULL)
    plain.bind("inproc://plain")
    push = ctx.socket(zmq.PUSH)
    push.connect("inproc://plain")
    await push.send(b"a")
    await push.send(b"b")

    assert await zaio.Socket.from_socket(plain).recv() == b"a"
    assert await zaio.Socket(plain).recv() == b"b"
    plain.close()


def test_instance_is_one_for_each_class() -> None:
    plain, asynchronous = zmq.Context.instance(), zaio.Context.instance()

    assert plain is zmq.Context.instance()
    assert type(asynchronous) is zaio.Context
    plain.term()
    asynchronous.term()
    assert plain.closed
    assert zmq.Context.instance() is not plain
    zmq.Context.instance().term()


def test_socket_closed_before_a_loop_ran_is_not_kept() -> None:
    with zmq.Context() as ctx:
        socket = ctx.socket(zmq.PULL)
        kept = weakref.ref(socket)
        socket.close()
        del socket
        gc.collect()
        assert kept() is None


async def test_term_with_open_sockets_is_refused_and_destroy_is_not() -> None:
    ctx = zaio.Context()
    socket = ctx.socket(zmq.PULL)

    with pytest.raises(zmq.BlockingCallError, match="destroy"):
        ctx.term()
    assert not ctx.closed
    ctx.destroy(linger=0)
    assert ctx.closed
    assert socket.closed
    with pytest.raises(zmq.ZMQError):
        ctx.socket(zmq.PULL)


async def test_leaving_with_of_a_context_warns_of_open_sockets() -> None:
    with pytest.warns(ResourceWarning, match="unclosed socket"), zaio.Context() as ctx:
        socket = ctx.socket(zmq.PULL)
    assert ctx.closed
    assert socket.closed


async def test_leaving_async_with_of_a_context_lets_messages_leave() -> None:
    async with zaio.Context() as receiving:
        pull = receiving.socket(zmq.PULL)
        port = pull.bind_to_random_port("tcp://127.0.0.1")
        async with zaio.Context() as sending:
            push = sending.socket(zmq.PUSH)
            push.connect(f"tcp://127.0.0.1:{port}")
            for _ in range(500):
                await push.send(b"x" * 1000)
        for _ in range(500):
            assert len(await pull.recv()) == 1000
        pull.close()

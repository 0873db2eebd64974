"""`aiomq.compat.zmq.asyncio`: futures, options, contexts, as a program written for pyzmq knows them."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest

import aiomq
import aiomq.compat.zmq.asyncio as zaio
from aiomq.compat import zmq
from aiomq.compat.zmq.utils.monitor import recv_monitor_message


class KeepingContext(zaio.Context):
    """A context whose sockets need not be closed one by one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.__dict__["kept"] = []

    def socket(self, *args: Any, **kwargs: Any) -> Any:
        socket = super().socket(*args, **kwargs)
        self.__dict__["kept"].append(socket)
        return socket


@pytest.fixture
async def ctx() -> AsyncIterator[zaio.Context]:
    async with KeepingContext() as context:
        context.linger = 0
        yield context


def pair(ctx: zaio.Context, binding: int, connecting: int) -> tuple[Any, Any]:
    """Return a bound socket and one connected to it, over tcp."""
    bound, connected = ctx.socket(binding), ctx.socket(connecting)
    connected.connect(f"tcp://127.0.0.1:{bound.bind_to_random_port('tcp://127.0.0.1')}")
    return bound, connected


# -- futures ----------------------------------------------------------------------------------------------------------


async def test_send_and_recv_return_futures(ctx: zaio.Context) -> None:
    pull, push = pair(ctx, zmq.PULL, zmq.PUSH)
    received = pull.recv_multipart()
    seen: list[list[bytes]] = []
    received.add_done_callback(lambda future: seen.append(future.result()))

    sent = push.send_multipart([b"a", b"b"])

    assert isinstance(sent, asyncio.Future)
    assert isinstance(received, asyncio.Future)
    assert sent.done()  # a connecting socket queues at once
    assert not received.done()
    done, pending = await asyncio.wait([received])
    assert (done, pending) == ({received}, set())
    assert received.result() == seen[0] == [b"a", b"b"]


async def test_futures_are_served_in_the_order_of_the_calls(ctx: zaio.Context) -> None:
    pull, push = pair(ctx, zmq.PULL, zmq.PUSH)
    futures = [pull.recv() for _ in range(20)]
    for number in range(20):
        push.send(b"%d" % number)  # not awaited, and sent all the same

    assert await asyncio.gather(*futures) == [b"%d" % number for number in range(20)]


async def test_pending_recvs_share_the_frames_of_a_message_in_order(ctx: zaio.Context) -> None:
    pull, push = pair(ctx, zmq.PULL, zmq.PUSH)
    futures = [pull.recv() for _ in range(3)]
    await push.send_multipart([b"one", b"two", b"three"])

    assert await asyncio.gather(*futures) == [b"one", b"two", b"three"]


async def test_cancelled_future_takes_no_message(ctx: zaio.Context) -> None:
    pull, push = pair(ctx, zmq.PULL, zmq.PUSH)
    first, second = pull.recv(), pull.recv()
    await asyncio.sleep(0)

    assert first.cancel()
    assert first.done()  # at once, as pyzmq's
    await push.send(b"a")

    assert await second == b"a"


async def test_future_cancelled_while_its_message_arrives_loses_nothing(ctx: zaio.Context) -> None:
    bound, connected = ctx.socket(zmq.PAIR), ctx.socket(zmq.PAIR)
    bound.bind("inproc://cancel")
    connected.connect("inproc://cancel")
    first = bound.recv()
    await asyncio.sleep(0)
    connected.send(b"a")  # wakes the first; it has not run yet

    first.cancel()

    assert await bound.recv() == b"a"


async def test_closing_cancels_what_is_pending(ctx: zaio.Context) -> None:
    pull = ctx.socket(zmq.PULL)
    pull.bind("inproc://closing")
    received, polled = pull.recv(), pull.poll()
    pull.close()

    assert received.cancelled()
    assert polled.cancelled()
    assert pull.closed


async def test_error_is_the_futures(ctx: zaio.Context) -> None:
    pull, _ = pair(ctx, zmq.PULL, zmq.PUSH)
    refused = pull.send(b"a")
    nothing = pull.recv(zmq.NOBLOCK)

    with pytest.raises(zmq.ZMQError) as caught:
        await refused
    assert caught.value.errno == zmq.ENOTSUP
    with pytest.raises(zmq.Again):
        await nothing


async def test_timeout_is_again(ctx: zaio.Context) -> None:
    pull, _ = pair(ctx, zmq.PULL, zmq.PUSH)
    pull.rcvtimeo = 1

    with pytest.raises(zmq.Again):
        await pull.recv()


async def test_serialized_forms_arrive(ctx: zaio.Context) -> None:
    pull, push = pair(ctx, zmq.PULL, zmq.PUSH)
    await push.send_string("ätsch")
    await push.send_json({"a": [1, 2]}, sort_keys=True)
    await push.send_pyobj({"b": (3, 4)})
    await push.send_serialized("x y", lambda text: text.encode().split())
    await push.send(b"12345")

    assert await pull.recv_string() == "ätsch"
    assert await pull.recv_json() == {"a": [1, 2]}
    assert await pull.recv_pyobj() == {"b": (3, 4)}
    assert await pull.recv_serialized(b"-".join) == b"x-y"
    buffer = bytearray(3)
    assert await pull.recv_into(buffer) == 5
    assert buffer == b"123"


async def test_frames_and_trackers_come_with_copy_and_track(ctx: zaio.Context) -> None:
    pull, push = pair(ctx, zmq.PULL, zmq.PUSH)
    tracker = await push.send_multipart([zmq.Frame(b"a"), b"b"], copy=False, track=True)
    frames = await pull.recv_multipart(copy=False)

    assert isinstance(tracker, zmq.MessageTracker)
    await tracker.wait(10)
    assert [frame.bytes for frame in frames] == [b"a", b"b"]
    assert all(isinstance(frame, zmq.Message) for frame in frames)
    assert frames[0]["Peer-Address"] == "127.0.0.1"


async def test_poll_without_waiting_is_done_at_once_and_does_not_starve_the_loop(ctx: zaio.Context) -> None:
    pull, push = pair(ctx, zmq.PULL, zmq.PUSH)
    assert pull.poll(0).result() == 0
    await push.send(b"a")

    while not await pull.poll(0):
        pass  # without a turn of the loop now and then this would never end

    assert await pull.poll(1000, zmq.POLLIN) == zmq.POLLIN
    assert await push.poll(flags=zmq.POLLOUT) == zmq.POLLOUT


async def test_poller_gives_the_sockets_that_were_registered(ctx: zaio.Context) -> None:
    pull, push = pair(ctx, zmq.PULL, zmq.PUSH)
    reading, writing = os.pipe()
    poller = zaio.Poller()
    poller.register(pull, zmq.POLLIN)
    poller.register(reading, zmq.POLLIN)
    assert await poller.poll(1) == []
    await push.send(b"a")
    assert dict(await poller.poll()) == {pull: zmq.POLLIN}
    os.write(writing, b"x")
    await pull.recv()
    assert dict(await poller.poll()) == {reading: zmq.POLLIN}
    poller.unregister(reading)
    poller.modify(push, zmq.POLLOUT)
    assert pull in poller
    assert dict(await poller.poll(0)) == {push: zmq.POLLOUT}
    assert poller.sockets == [(pull, zmq.POLLIN), (push, zmq.POLLOUT)]
    os.close(reading)
    os.close(writing)


# -- options, endpoints, contexts -------------------------------------------------------------------------------------


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


async def test_monitor_socket_tells_of_connections(ctx: zaio.Context) -> None:
    bound = ctx.socket(zmq.PULL)
    port = bound.bind_to_random_port("tcp://127.0.0.1")
    push = ctx.socket(zmq.PUSH)
    monitor = push.get_monitor_socket(zmq.EVENT_CONNECTED | zmq.EVENT_MONITOR_STOPPED)
    push.connect(f"tcp://127.0.0.1:{port}")

    event = await recv_monitor_message(monitor)
    assert (event["event"], event["endpoint"]) == (zmq.EVENT_CONNECTED, b"tcp://127.0.0.1:%d" % port)
    assert push.get_monitor_socket() is monitor
    push.disable_monitor()
    assert (await recv_monitor_message(monitor))["event"] == zmq.EVENT_MONITOR_STOPPED
    monitor.close()


# -- what would block -------------------------------------------------------------------------------------------------


def test_blocking_calls_are_refused_with_what_to_use_instead() -> None:
    with zmq.Context() as ctx, ctx.socket(zmq.DEALER) as socket:
        socket.bind("inproc://refused")
        poller = zmq.Poller()
        poller.register(socket)
        for name, call in {
            "send": lambda: socket.send(b"a"),
            "recv": socket.recv,
            "recv_string": socket.recv_string,
            "send_json": lambda: socket.send_json([]),
            "poll": lambda: socket.poll(5),
            "Poller": poller.poll,
            "select": lambda: zmq.select([socket], [], []),
            "proxy": lambda: zmq.proxy(socket, socket),
            "device": lambda: zmq.device(zmq.QUEUE, socket, socket),
        }.items():
            with pytest.raises(zmq.BlockingCallError, match=r"would block.*(await|as a task)") as caught:
                call()
            assert caught.value.errno == zmq.ENOTSUP, name
            assert isinstance(caught.value, NotImplementedError)


async def test_plain_socket_can_be_used_without_blocking_in_a_loop() -> None:
    with zmq.Context() as ctx, ctx.socket(zmq.PAIR) as one, ctx.socket(zmq.PAIR) as other:
        one.bind("inproc://plain")
        other.connect("inproc://plain")
        for _ in range(2000):
            one.send(b"a", zmq.NOBLOCK)
            other.send_multipart([b"b", b"c"], zmq.NOBLOCK)
            assert other.recv(zmq.NOBLOCK) == b"a"
            assert one.recv_multipart(zmq.NOBLOCK) == [b"b", b"c"]
        with pytest.raises(zmq.Again):
            one.recv(zmq.NOBLOCK)
        assert zmq.select([one], [other], [], 0) == ([], [other], [])
        assert one.poll(0) == 0
        poller = zmq.Poller()
        poller.register(other, zmq.POLLOUT)
        assert poller.poll(0) == [(other, zmq.POLLOUT)]


async def test_call_on_a_closed_socket_is_enotsock(ctx: zaio.Context) -> None:
    for socket in (ctx.socket(zmq.PULL), zmq.Context(ctx).socket(zmq.PULL)):
        socket.close()
        with pytest.raises(zmq.ZMQError) as caught:
            await socket.recv()
        assert caught.value.errno == errno.ENOTSOCK


# -- sockets made before the loop runs --------------------------------------------------------------------------------


def test_sockets_made_before_the_loop_runs_start_with_the_first_call() -> None:
    ctx = zaio.Context()
    pull, push = pair(ctx, zmq.PULL, zmq.PUSH)
    bound, connected = ctx.socket(zmq.PUSH), ctx.socket(zmq.PULL)
    connected.connect(f"tcp://127.0.0.1:{bound.bind_to_random_port('tcp://127.0.0.1')}")

    async def main() -> None:
        async with ctx:
            await push.send(b"a")
            assert await pull.recv() == b"a"
            await bound.send(b"b")  # waits for the other one, which nobody has touched since the loop runs
            assert await connected.recv() == b"b"

    asyncio.run(asyncio.wait_for(main(), 30))
    assert ctx.closed


def test_errors_can_be_made_as_in_pyzmq() -> None:
    assert zmq.Again().errno == zmq.Again(zmq.EAGAIN, "ignored").errno == zmq.EAGAIN
    assert zmq.ContextTerminated().errno == zmq.ETERM
    assert zmq.ZMQError(errno=zmq.EFSM, msg="why").strerror == "why"
    assert str(zmq.ZMQError(zmq.EFSM)) == zmq.strerror(zmq.EFSM)
    assert issubclass(zmq.Again, zmq.ZMQError)
    assert zmq.ZMQError is aiomq.ZMQError
    assert zmq.InterruptedSystemCall().errno == errno.EINTR
    assert zmq.zmq_errno() == 0


def test_abilities_are_told() -> None:
    assert zmq.has("ipc") is (os.name != "nt")
    assert zmq.has("draft")
    assert not zmq.has("gssapi")
    assert not zmq.has("nonsense")

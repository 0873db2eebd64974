"""`aiomq.compat.zmq.asyncio`: sockets with futures, as a program written for pyzmq knows them."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import socket as system

import pytest

import aiomq
import aiomq.compat.zmq.asyncio as zaio
from aiomq.compat import zmq
from aiomq.compat.zmq.utils.monitor import recv_monitor_message
from tests.compat.linked import pair

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


async def test_proxy_of_async_sockets_is_a_task_that_ends_with_them(ctx: zaio.Context) -> None:
    router, dealer = ctx.socket(zmq.ROUTER), ctx.socket(zmq.DEALER)
    router.bind("inproc://front")
    dealer.bind("inproc://back")
    task = zmq.device(zmq.QUEUE, router, dealer)
    request, reply = ctx.socket(zmq.REQ), ctx.socket(zmq.REP)
    request.connect("inproc://front")
    reply.connect("inproc://back")
    await request.send(b"question")
    assert await reply.recv() == b"question"
    await reply.send(b"answer")
    assert await request.recv() == b"answer"

    dealer.close()

    with pytest.raises(asyncio.CancelledError):
        await task


# -- what would block -------------------------------------------------------------------------------------------------


async def test_calls_that_would_block_the_loop_are_refused_with_what_to_use_instead() -> None:
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


def _opens(family: str) -> bool:
    try:
        system.socket(getattr(system, family), system.SOCK_STREAM).close()
    except (AttributeError, OSError):
        return False
    return True


def test_abilities_are_told() -> None:
    assert zmq.has("ipc") is (os.name != "nt")
    assert zmq.has("draft")
    assert zmq.has("tipc") is _opens("AF_TIPC")
    assert zmq.has("vsock") is _opens("AF_VSOCK")
    assert not zmq.has("gssapi")
    assert not zmq.has("nonsense")


async def test_recv_that_is_cancelled_again_and_again_loses_nothing(ctx: zaio.Context) -> None:
    pull, push = pair(ctx, zmq.PULL, zmq.PUSH)
    dice = random.Random(7)
    received: list[int] = []

    async def send() -> None:
        for number in range(1000):
            await push.send(b"%d" % number)
            if dice.random() < 0.3:
                await asyncio.sleep(0)

    sending = asyncio.create_task(send())
    while len(received) < 1000:
        future = pull.recv()
        for _ in range(dice.randrange(3)):
            await asyncio.sleep(0)
        if future.done() or dice.random() < 0.5:
            received.append(int(await future))
        else:
            future.cancel()
    await sending

    assert received == list(range(1000))

"""Plain sockets: what needs no waiting is done anywhere, and what does where the thread may wait."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator

import pytest

import aiomq.compat.zmq.asyncio as zaio
from aiomq.compat import zmq
from tests.compat.linked import KeepingPlainContext, pair

# -- in a running loop, of a context made in it -----------------------------------------------------------------------


async def test_what_need_not_wait_is_done_in_a_running_loop() -> None:
    with zmq.Context() as ctx, ctx.socket(zmq.PUB) as pub, ctx.socket(zmq.PULL) as pull, ctx.socket(zmq.PUSH) as push:
        pub.send(b"to nobody")
        pull.bind("inproc://room")
        push.connect("inproc://room")
        push.send(b"a")
        push.send_multipart([b"b", b"c"])
        push.send_json({"d": 1})
        assert pull.recv() == b"a"
        assert pull.recv_multipart() == [b"b", b"c"]
        assert pull.recv_json() == {"d": 1}
        assert push.poll(None, zmq.POLLOUT) == zmq.POLLOUT
        assert zmq.select([pull], [push], []) == ([], [push], [])
        with pytest.raises(zmq.BlockingCallError, match=r"await socket\.recv\(\.\.\.\)"):
            pull.recv()


async def test_zero_timeout_is_again_and_no_blocking_call() -> None:
    with zmq.Context() as ctx, ctx.socket(zmq.PULL) as pull, ctx.socket(zmq.PUSH) as push:
        pull.bind("inproc://zero")
        pull.rcvtimeo = push.sndtimeo = 0
        with pytest.raises(zmq.Again):
            pull.recv()
        with pytest.raises(zmq.Again):
            push.send(b"a")


@pytest.mark.parametrize("make", [zmq.Socket.shadow, lambda socket: zmq.Socket.shadow(socket.underlying)])
async def test_shadow_of_an_async_socket_sends_and_receives_what_is_there(ctx: zaio.Context, make: object) -> None:
    assert callable(make)
    pull, push = pair(ctx, zmq.PULL, zmq.PUSH)
    await push.send(b"first")
    assert await pull.recv() == b"first"
    make(push).send_multipart([b"a", b"b"])
    assert await pull.poll(10_000)
    assert make(pull).recv_multipart() == [b"a", b"b"]
    shadow = zmq.Context.shadow(ctx)
    with shadow.socket(zmq.PAIR) as one, shadow.socket(zmq.PAIR) as other:
        one.bind("inproc://shadow")
        other.connect("inproc://shadow")
        one.send(b"c")
        assert other.recv() == b"c"


@pytest.mark.skipif(sys.platform == "win32", reason="its event loop has a read under way at all times")
@pytest.mark.parametrize("protocol", ["tcp", "ipc"])
async def test_message_is_found_while_the_loop_has_no_turn(ctx: zaio.Context, protocol: str) -> None:
    rep, req = ctx.socket(zmq.PAIR), ctx.socket(zmq.PAIR)
    rep.bind("tcp://127.0.0.1:*" if protocol == "tcp" else "ipc://*")
    req.connect(rep.last_endpoint.decode())
    await req.send(b"linked")
    assert await rep.recv() == b"linked"
    poller = zmq.Poller()
    poller.register(rep, zmq.POLLIN)
    assert poller.poll(0) == []
    for size in (5, 100_000):
        await req.send(b"x" * size)  # done at once: the loop gets no turn from here on
        deadline = time.monotonic() + 10
        while not poller.poll(0):
            assert time.monotonic() < deadline
        assert zmq.Socket.shadow(rep).recv(zmq.NOBLOCK) == b"x" * size
    await req.send(b"after")
    assert await rep.recv() == b"after"


# -- of a context made where no loop ran ------------------------------------------------------------------------------


@pytest.fixture
def served() -> Iterator[zmq.Context]:
    context = KeepingPlainContext()
    yield context
    context.destroy(linger=0)


def test_calls_block_until_there_is_something(served: zmq.Context) -> None:
    pull, push = served.socket(zmq.PULL), served.socket(zmq.PUSH)
    port = pull.bind_to_random_port("tcp://127.0.0.1")

    def later() -> None:
        push.connect(f"tcp://127.0.0.1:{port}")
        push.send_multipart([b"a", b"b"])  # waits for the connection
        push.send_pyobj({"c": 1})
        push.send_serialized("d e", lambda text: text.encode().split())

    thread = threading.Thread(target=later)
    thread.start()
    assert pull.recv_multipart() == [b"a", b"b"]
    assert pull.recv_pyobj() == {"c": 1}
    assert pull.recv_serialized(b"-".join) == b"d-e"
    thread.join(10)
    push.send(b"f")
    assert pull.poll(10_000) == zmq.POLLIN
    assert pull.recv() == b"f"


def test_messages_move_while_the_program_computes(served: zmq.Context) -> None:
    pull, push = served.socket(zmq.PULL), served.socket(zmq.PUSH)
    push.connect(f"tcp://127.0.0.1:{pull.bind_to_random_port('tcp://127.0.0.1')}")
    push.send(b"a")
    deadline = time.monotonic() + 10
    while not pull.get(zmq.EVENTS) & zmq.POLLIN:
        assert time.monotonic() < deadline
    assert pull.recv(zmq.NOBLOCK) == b"a"


def test_time_limits_are_kept(served: zmq.Context) -> None:
    pull = served.socket(zmq.PULL)
    pull.bind("inproc://late")
    pull.rcvtimeo = 30
    began = time.monotonic()
    with pytest.raises(zmq.Again):
        pull.recv()
    assert pull.poll(30) == 0
    assert zmq.select([pull], [], [], 0.03) == ([], [], [])
    assert 0.08 < time.monotonic() - began < 10
    push = served.socket(zmq.PUSH)
    push.sndtimeo = 30
    with pytest.raises(zmq.Again):
        push.send(b"a")


def test_poller_takes_sockets_and_descriptors(served: zmq.Context) -> None:
    pull, push = served.socket(zmq.PULL), served.socket(zmq.PUSH)
    pull.bind("inproc://polled")
    push.connect("inproc://polled")
    reading, writing = os.pipe()
    poller = zmq.Poller()
    poller.register(pull, zmq.POLLIN)
    poller.register(open(reading, "rb", closefd=False), zmq.POLLIN)  # noqa: SIM115  # what has a descriptor
    assert poller.poll(10) == []
    threading.Timer(0.02, push.send, (b"a",)).start()
    assert poller.poll(10_000) == [(pull, zmq.POLLIN)]
    assert pull.recv() == b"a"
    threading.Timer(0.02, os.write, (writing, b"x")).start()
    assert poller.poll(10_000) == [(reading, zmq.POLLIN)]
    os.close(reading)
    os.close(writing)


def test_proxy_ends_with_its_context_in_another_thread() -> None:
    ctx = KeepingPlainContext()
    router, dealer = ctx.socket(zmq.ROUTER), ctx.socket(zmq.DEALER)
    router.bind("inproc://front")
    dealer.bind("inproc://back")
    errors: list[int | None] = []

    def run() -> None:
        try:
            zmq.proxy(router, dealer)
        except zmq.ZMQError as error:
            errors.append(error.errno)
            router.close()

    thread = threading.Thread(target=run)
    thread.start()
    request, reply = ctx.socket(zmq.REQ), ctx.socket(zmq.REP)
    request.connect("inproc://front")
    reply.connect("inproc://back")
    request.send(b"question")
    assert reply.recv() == b"question"
    reply.send(b"answer")
    assert request.recv() == b"answer"
    ctx.term()
    thread.join(10)
    assert errors == [zmq.ETERM]
    assert ctx.closed


def test_term_waits_until_messages_have_left() -> None:
    with zmq.Context() as receiving:
        pull = receiving.socket(zmq.PULL)
        port = pull.bind_to_random_port("tcp://127.0.0.1")
        sending = zmq.Context()
        push = sending.socket(zmq.PUSH)
        push.connect(f"tcp://127.0.0.1:{port}")
        for _ in range(500):
            push.send(b"x" * 1000)
        push.close()
        sending.term()
        assert [len(pull.recv()) for _ in range(500)] == [1000] * 500
        pull.close()


async def test_socket_of_the_io_thread_can_be_used_in_a_loop() -> None:
    ctx = await asyncio.to_thread(KeepingPlainContext)
    pull, push = ctx.socket(zmq.PULL), ctx.socket(zmq.PUSH)
    push.connect(f"tcp://127.0.0.1:{pull.bind_to_random_port('tcp://127.0.0.1')}")
    with pytest.raises(zmq.BlockingCallError, match="running event loop"):
        pull.recv()
    with pytest.raises(zmq.BlockingCallError, match="running event loop"):
        pull.poll()
    push.sndtimeo = 10_000
    push.send(b"a")
    assert pull.poll(10_000) == zmq.POLLIN  # a limit is the program's own decision
    assert pull.recv() == b"a"
    shadow = zaio.Socket.shadow(pull)
    received = shadow.recv_multipart()
    push.send(b"b")
    assert await received == [b"b"]
    poller = zaio.Poller()
    poller.register(shadow, zmq.POLLIN)
    with zaio.Context() as own, own.socket(zmq.PULL) as other:
        other.bind("inproc://other")
        poller.register(other, zmq.POLLIN)
        assert await poller.poll(10) == []
        push.send(b"c")
        assert await poller.poll(10_000) == [(shadow, zmq.POLLIN)]
    assert await shadow.poll(10_000) == zmq.POLLIN
    assert await shadow.recv() == b"c"
    ctx.destroy(linger=0)


@pytest.mark.skipif(sys.platform == "win32", reason="there a process cannot send itself a signal alone")
def test_signal_ends_a_wait_and_takes_no_message(served: zmq.Context) -> None:
    pull, push = served.socket(zmq.PULL), served.socket(zmq.PUSH)
    pull.bind("inproc://signal")
    push.connect("inproc://signal")
    main = threading.main_thread().ident
    assert main is not None
    timer = threading.Timer(0.05, signal.pthread_kill, (main, signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        pull.recv()
    push.send(b"a")
    assert pull.recv() == b"a"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_child_has_an_io_thread_of_its_own(served: zmq.Context) -> None:
    pull = served.socket(zmq.PULL)
    port = pull.bind_to_random_port("tcp://127.0.0.1")
    child = os.fork()
    if child == 0:
        try:
            with zmq.Context() as ctx, ctx.socket(zmq.PUSH) as push:
                push.connect(f"tcp://127.0.0.1:{port}")
                push.send(b"from the child")
        finally:
            os._exit(0)
    assert pull.recv() == b"from the child"
    os.waitpid(child, 0)


def test_monitor_of_a_blocking_socket(served: zmq.Context) -> None:
    from aiomq.compat.zmq.utils.monitor import recv_monitor_message

    bound, push = served.socket(zmq.PULL), served.socket(zmq.PUSH)
    monitor = push.get_monitor_socket(zmq.EVENT_CONNECTED)
    push.connect(f"tcp://127.0.0.1:{bound.bind_to_random_port('tcp://127.0.0.1')}")
    assert recv_monitor_message(monitor)["event"] == zmq.EVENT_CONNECTED
    monitor.close()


async def test_async_socket_in_a_plain_poller_is_polled_while_the_loop_stands_still(ctx: zaio.Context) -> None:
    """As jupyter_client's heartbeat does: connect, register, send, sleep, poll."""
    with await asyncio.to_thread(KeepingPlainContext) as plain:
        reply = plain.socket(zmq.REP)
        port = reply.bind_to_random_port("tcp://127.0.0.1")
        looked = threading.Event()

        def answer() -> None:
            message = reply.recv()
            looked.wait(10)
            reply.send(message)

        answering = threading.Thread(target=answer)
        answering.start()
        request = ctx.socket(zmq.REQ)
        request.linger = 100
        request.connect(f"tcp://127.0.0.1:{port}")
        poller = zmq.Poller()
        poller.register(request, zmq.POLLIN)
        assert request.linger == 100
        await request.send(b"ping")
        assert poller.poll(0) == []
        looked.set()
        assert poller.poll(10_000) == [(request, zmq.POLLIN)]
        assert await request.recv() == b"ping"
        answering.join(10)
        request.close()
        reply.close()

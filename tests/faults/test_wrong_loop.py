"""A socket belongs to the loop it is first used in; before that it belongs to none, and elsewhere it says so."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest

import aiomq
from tests.sockets.links import KeepingContext, in_thread, linked, run_in_new_loop, still_works, turns, until

Endpoint = Callable[[], str]

COROUTINES: dict[str, Callable[[aiomq.Socket], Awaitable[object]]] = {
    "send": lambda socket: socket.send(b"x"),
    "send large": lambda socket: socket.send(bytes(10_000)),
    "send dontwait": lambda socket: socket.send(b"x", aiomq.DONTWAIT),
    "send part": lambda socket: socket.send(b"x", aiomq.SNDMORE),
    "send_multipart": lambda socket: socket.send_multipart([b"x", b"y"]),
    "send_many": lambda socket: socket.send_many([b"x"] * 100),
    "send_string": lambda socket: socket.send_string("x"),
    "send_json": lambda socket: socket.send_json(1),
    "recv": lambda socket: socket.recv(),
    "recv dontwait": lambda socket: socket.recv(aiomq.DONTWAIT),
    "recv_multipart": lambda socket: socket.recv_multipart(),
    "recv_many": lambda socket: socket.recv_many(),
    "recv_string": lambda socket: socket.recv_string(),
    "iteration": anext,
    "poll": lambda socket: socket.poll(0),
    "poll out": lambda socket: socket.poll(0, aiomq.POLLOUT),
}

CALLS: dict[str, Callable[[aiomq.Socket], object]] = {
    "send_nowait": lambda socket: socket.send_nowait(b"x"),
    "send_multipart_nowait": lambda socket: socket.send_multipart_nowait([b"x"]),
    "recv_nowait": lambda socket: socket.recv_nowait(),
    "recv_multipart_nowait": lambda socket: socket.recv_multipart_nowait(),
    "bind": lambda socket: socket.bind("inproc://wrong"),
    "connect": lambda socket: socket.connect("inproc://wrong"),
    "unbind": lambda socket: socket.unbind(socket.last_endpoint),
    "disconnect": lambda socket: socket.disconnect(socket.last_endpoint),
}


async def refused(operation: Callable[[aiomq.Socket], object], socket: aiomq.Socket) -> str:
    """Run an operation that must be refused; return what it says."""

    async def attempt() -> None:
        result = operation(socket)
        if isinstance(result, Awaitable):
            await result

    with pytest.raises(aiomq.WrongLoopError) as caught:
        await attempt()
    assert caught.value.errno == aiomq.EMTHREAD
    assert isinstance(caught.value, RuntimeError)
    return str(caught.value)


async def busy_pair(context: aiomq.Context, address: str) -> tuple[aiomq.Socket, aiomq.Socket]:
    """Return two sockets with much to read and much room, which have just been used."""
    one, other = linked(context, address, aiomq.DEALER, aiomq.DEALER, hwm=0)
    await one.send_many([b"x"] * 200)
    await other.send_many([b"x"] * 200)
    await until(lambda: "in=200>" in repr(one) and "in=200>" in repr(other))
    for _ in range(20):
        await one.recv()
        await one.send(b"y")
    await turns(3)
    return one, other


@pytest.mark.parametrize("name", [*COROUTINES, *CALLS])
async def test_use_from_another_thread_is_refused(context: aiomq.Context, endpoint: Endpoint, name: str) -> None:
    socket, _ = await busy_pair(context, endpoint())

    said = await in_thread(lambda: refused({**COROUTINES, **CALLS}[name], socket))

    assert "this DEALER socket belongs to another event loop, in another thread" in said
    assert "inproc://" in said


@pytest.mark.parametrize("name", [*CALLS])
async def test_use_from_a_thread_without_a_loop_is_refused(context: aiomq.Context, name: str) -> None:
    socket, _ = await busy_pair(context, "inproc://no-loop")

    def call() -> None:
        with pytest.raises(aiomq.WrongLoopError):
            CALLS[name](socket)

    await asyncio.to_thread(call)


async def test_refusals_leave_the_socket_as_it_was(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    await still_works(push, pull)

    for name in ("send", "send_multipart", "send_many", "send part"):
        await in_thread(lambda name=name: refused(COROUTINES[name], push))  # type: ignore[misc]  # a default as binding

    await still_works(push, pull)


@pytest.mark.parametrize("name", ["send large", "send dontwait", "send_multipart", "recv dontwait", "poll", *CALLS])
def test_use_from_a_later_loop_of_the_same_thread_is_refused(name: str) -> None:
    context = KeepingContext()
    socket, _ = asyncio.run(busy_pair(context, "inproc://later"))

    said = asyncio.run(refused({**COROUTINES, **CALLS}[name], socket))

    assert "this DEALER socket belongs to another event loop: a socket is used in the loop that used it first" in said
    context.destroy()


async def test_poller_with_a_socket_of_another_loop_is_refused(context: aiomq.Context) -> None:
    socket, _ = await busy_pair(context, "inproc://poller")
    poller = aiomq.Poller()
    poller.register(socket)

    async def poll() -> None:
        with pytest.raises(aiomq.WrongLoopError):
            await poller.poll(0)

    await in_thread(poll)


async def test_close_and_options_may_come_from_anywhere(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    await still_works(push, pull)

    async def elsewhere() -> int:
        linger: int = push.get(aiomq.LINGER)
        await push.aclose()
        return linger

    assert await in_thread(elsewhere) == 0
    assert push.closed
    await asyncio.to_thread(pull.close)
    await until(lambda: pull.closed)


# -- between two runs of one loop -------------------------------------------------------------------------------------


@pytest.mark.parametrize("loop_name", ["asyncio", "uvloop"])
def test_close_while_the_loop_stands_still_sends_what_is_queued(endpoint: Endpoint, loop_name: str) -> None:
    loops = pytest.importorskip(loop_name)
    context = KeepingContext()

    async def begin(push: aiomq.Socket) -> None:
        await push.send(b"first")

    async def receive(pull: aiomq.Socket) -> bytes:
        async with asyncio.timeout(10):
            return await pull.recv()

    with asyncio.Runner(loop_factory=loops.new_event_loop) as runner:
        for _ in range(3):  # a descriptor that the loop still watched would be that of the next listener
            pull, push = context.socket(aiomq.PULL), context.socket(aiomq.PUSH, linger=-1)
            pull.bind(endpoint())
            push.connect(pull.last_endpoint)
            runner.run(begin(push))
            push.close()
            assert runner.run(receive(pull)) == b"first"
            pull.close()
        runner.run(context.term())


# -- before any loop --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loop_type", [asyncio.new_event_loop, None], ids=["asyncio", "best"])
def test_bind_and_connect_before_any_loop_work_when_there_is_one(
    endpoint: Endpoint, loop_type: Callable[[], asyncio.AbstractEventLoop] | None
) -> None:
    context = KeepingContext()
    router, dealer = context.socket(aiomq.ROUTER), context.socket(aiomq.DEALER, routing_id=b"me")
    router.bind(endpoint())
    assert not router.last_endpoint.endswith(":0")
    dealer.connect(router.last_endpoint)

    async def use() -> list[bytes]:
        await dealer.send(b"hello")
        message = await router.recv_multipart()
        await context.term()
        return message

    received = run_in_new_loop(loop_type, use) if loop_type is not None else aiomq.run(use())
    assert received == [b"me", b"hello"]


def test_unbind_and_disconnect_before_any_loop_take_back_what_was_done(endpoint: Endpoint) -> None:
    with KeepingContext() as context:
        pull, push = context.socket(aiomq.PULL), context.socket(aiomq.PUSH)
        address = pull.bind(endpoint()).addr
        push.connect(address)
        push.disconnect(address)
        pull.unbind(address)

        async def use() -> None:
            with pytest.raises(aiomq.Again):
                await push.send(b"x", aiomq.DONTWAIT)

        asyncio.run(use())
        assert "bound=[] connected=[]" in repr(pull)


def test_subscriptions_and_options_before_any_loop_hold() -> None:
    context = KeepingContext()
    pub, sub = context.socket(aiomq.PUB), context.socket(aiomq.SUB)
    pub.bind("inproc://early")
    sub.subscribe("a")
    sub.rcvhwm = 5
    sub.connect("inproc://early")

    async def use() -> bytes:
        with contextlib.suppress(aiomq.Again):
            pub.send_nowait(b"nobody is subscribed, for the SUB belongs to no loop yet")
        await sub.poll(0)
        await pub.send_many([b"b", b"ab"])
        message = await sub.recv()
        await context.term()
        return message

    assert asyncio.run(use()) == b"ab"


def test_first_use_without_a_loop_needs_one() -> None:
    with KeepingContext() as context:
        pull = context.socket(aiomq.PULL)
        pull.bind("inproc://none")

        with pytest.raises(RuntimeError, match="no running event loop"):
            pull.recv_nowait()


async def test_socket_made_here_may_be_used_first_in_another_thread(context: aiomq.Context) -> None:
    pull, push = context.socket(aiomq.PULL), context.socket(aiomq.PUSH)
    pull.bind("inproc://handed-over")

    async def send() -> None:
        push.connect("inproc://handed-over")
        await push.send(b"from another thread")
        await push.aclose()

    sending = asyncio.create_task(in_thread(send))

    assert await pull.recv() == b"from another thread"
    await sending


async def test_context_is_shared_by_threads_each_with_sockets_of_its_own(context: aiomq.Context) -> None:
    pull = context.socket(aiomq.PULL)
    pull.bind("inproc://shared")

    async def send(number: int) -> None:
        for _ in range(20):
            async with context.socket(aiomq.PUSH) as push:
                push.connect("inproc://shared")
                await push.send(b"%d" % number)

    threads = [asyncio.create_task(in_thread(lambda number=number: send(number))) for number in range(4)]  # type: ignore[misc]  # a default as binding
    received = [await pull.recv() for _ in range(80)]
    await asyncio.gather(*threads)

    assert sorted(received) == sorted([b"%d" % number for number in range(4)] * 20)

"""What was bound, connected and subscribed before a loop ran begins with the first use of its context in one.

In all of these the sockets are ready before any loop is, and the first thing that happens in the loop concerns one of
them alone, or none: the other ones have to be there all the same, as with libzmq, whose threads see to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket as system
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, Final, NamedTuple, TypeVar

import pytest
import zmq

import aiomq
from aiomq import debug
from aiomq.constants import SocketType
from tests.sockets.links import KeepingContext, until

T = TypeVar("T")

BOUND: Final = 10.0
"""Seconds after which a test has failed."""

Run = Callable[[Coroutine[Any, Any, T]], T]
Endpoint = Callable[[], str]
Use = Callable[[aiomq.Socket], Awaitable[object]]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run[Any]:
    """Return what runs a coroutine in a new loop of each kind, for so long at most."""
    loops = pytest.importorskip(request.param)

    def run_bounded(main: Coroutine[Any, Any, Any]) -> Any:
        async def bounded() -> Any:
            async with asyncio.timeout(BOUND):
                return await main

        with asyncio.Runner(loop_factory=loops.new_event_loop) as runner:
            return runner.run(bounded())

    return run_bounded


def ready(
    context: aiomq.Context, address: str, bound: int, connected: int, **options: object
) -> tuple[aiomq.Socket, aiomq.Socket]:
    """Return two sockets, one bound and one connected to it, without a loop; a subscriber wants everything."""
    sockets = context.socket(bound), context.socket(connected, **options)
    for socket in sockets:
        if socket.socket_type is SocketType.SUB:
            socket.subscribe(b"")
    sockets[0].bind(address)
    sockets[1].connect(sockets[0].last_endpoint)
    return sockets


# -- one socket is used, and finds the other ---------------------------------------------------------------------------


class Pair(NamedTuple):
    """Two types of sockets: one sends first."""

    sender: SocketType
    receiver: SocketType


PAIRS: Final = [
    Pair(SocketType.PUSH, SocketType.PULL),
    Pair(SocketType.REQ, SocketType.REP),
    Pair(SocketType.REQ, SocketType.ROUTER),
    Pair(SocketType.DEALER, SocketType.ROUTER),
    Pair(SocketType.DEALER, SocketType.REP),
    Pair(SocketType.DEALER, SocketType.DEALER),
    Pair(SocketType.PAIR, SocketType.PAIR),
    Pair(SocketType.PUB, SocketType.SUB),
    Pair(SocketType.XPUB, SocketType.SUB),
    Pair(SocketType.CLIENT, SocketType.SERVER),
    Pair(SocketType.SCATTER, SocketType.GATHER),
    Pair(SocketType.CHANNEL, SocketType.CHANNEL),
    Pair(SocketType.PEER, SocketType.PEER),
    Pair(SocketType.RADIO, SocketType.DISH),
]


async def _polled(socket: aiomq.Socket) -> None:
    poller = aiomq.Poller()
    poller.register(socket, aiomq.POLLIN)
    await poller.poll(0)


async def _called(call: Callable[[], object]) -> None:
    call()


FIRST_USES: Final[dict[str, Use]] = {
    "wait_connected": lambda socket: socket.wait_connected(),
    "poll": lambda socket: socket.poll(0, aiomq.POLLIN | aiomq.POLLOUT),
    "poller": _polled,
    "ready_events": lambda socket: _called(socket.ready_events),
    "peers": lambda socket: _called(socket.peers),
    "monitor": lambda socket: _called(lambda: socket.monitor().close()),
    "new socket": lambda socket: _called(lambda: socket.context.socket(aiomq.PAIR).close()),
    "context": lambda socket: socket.context.__aenter__(),
}


def named(pair: Pair) -> str:
    return f"{pair.sender.name}-{pair.receiver.name}"


@pytest.mark.parametrize("binder", ["sender", "receiver"])
@pytest.mark.parametrize("pair", PAIRS, ids=named)
def test_either_side_finds_the_other_that_nobody_uses(
    run: Run[None], endpoint: Endpoint, pair: Pair, binder: str
) -> None:
    for used in (0, 1):
        context = KeepingContext()
        types = pair if binder == "sender" else pair[::-1]
        sockets = ready(context, endpoint(), *types)

        async def main(context: aiomq.Context = context, socket: aiomq.Socket = sockets[used]) -> None:
            async with context:
                await socket.wait_connected()

        run(main())


@pytest.mark.parametrize("use", FIRST_USES)
def test_whatever_is_used_first_starts_the_rest(run: Run[None], endpoint: Endpoint, use: str) -> None:
    context = KeepingContext()
    pull, push = ready(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    router, dealer = ready(context, endpoint(), aiomq.ROUTER, aiomq.DEALER, routing_id=b"me")
    states = [each.state for each in debug.open_sockets() if each.context_made_at == context._made_at]
    assert states == ["not started"] * 4

    async def main() -> None:
        try:
            await FIRST_USES[use](push)
            assert not [each for each in context._cores if each.not_started]
            cores = pull._core, push._core, router._core, dealer._core
            await until(lambda: all(peer.state == "connected" for core in cores for peer in core.peers))
            await push.send(b"one")
            assert await pull.recv() == b"one"
            await dealer.send(b"two")
            assert await router.recv_multipart() == [b"me", b"two"]
        finally:
            await context.term()

    run(main())


def test_report_says_what_is_not_started(run: Run[None], endpoint: Endpoint) -> None:
    context = KeepingContext()
    pull, push = ready(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    unbound = context.socket(aiomq.PAIR)
    text = debug.report()
    assert f"PULL made at {pull._core.made_at}: not started, queued" in text
    assert f"PUSH made at {push._core.made_at}: not started, queued" in text
    assert f"PAIR made at {unbound._core.made_at}: open, queued" in text

    async def main() -> None:
        await pull.wait_connected()
        assert "not started" not in debug.report()
        assert unbound._core.thread is None
        await context.term()

    run(main())


# -- messages ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["send", "recv"])
@pytest.mark.parametrize("binder", ["sender", "receiver"])
@pytest.mark.parametrize(
    "pair", [Pair(SocketType.PUSH, SocketType.PULL), Pair(SocketType.PAIR, SocketType.PAIR)], ids=named
)
def test_first_message_arrives_whichever_call_comes_first(
    run: Run[None], endpoint: Endpoint, pair: Pair, binder: str, first: str
) -> None:
    context = KeepingContext()
    one, other = ready(context, endpoint(), *(pair if binder == "sender" else pair[::-1]))
    sender, receiver = (one, other) if binder == "sender" else (other, one)

    async def main() -> None:
        async with context:
            receiving = asyncio.ensure_future(receiver.recv()) if first == "recv" else None
            if receiving is not None:
                await asyncio.sleep(0)
            await sender.send(b"first")
            assert await (receiver.recv() if receiving is None else receiving) == b"first"

    run(main())


@pytest.mark.parametrize("binder", ["sender", "receiver"])
@pytest.mark.parametrize("pair", [Pair(SocketType.REQ, SocketType.REP), Pair(SocketType.DEALER, SocketType.REP)])
def test_question_and_answer(run: Run[None], endpoint: Endpoint, pair: Pair, binder: str) -> None:
    context = KeepingContext()
    one, other = ready(context, endpoint(), *(pair if binder == "sender" else pair[::-1]))
    client, service = (one, other) if binder == "sender" else (other, one)
    begin = [b""] if pair.sender is SocketType.DEALER else []

    async def main() -> None:
        async with context:
            answering = asyncio.ensure_future(service.recv())
            await asyncio.sleep(0)
            await client.send_multipart([*begin, b"question"])
            assert await answering == b"question"
            await service.send(b"answer")
            assert await client.recv_multipart() == [*begin, b"answer"]

    run(main())


@pytest.mark.parametrize("publisher", [aiomq.PUB, aiomq.XPUB])
@pytest.mark.parametrize("binder", ["publisher", "subscriber"])
def test_publisher_that_waits_for_its_subscriber_reaches_it(
    run: Run[None], endpoint: Endpoint, publisher: int, binder: str
) -> None:
    context = KeepingContext()
    types = (publisher, aiomq.SUB) if binder == "publisher" else (aiomq.SUB, publisher)
    one, other = ready(context, endpoint(), *types)
    pub, sub = (one, other) if binder == "publisher" else (other, one)

    async def main() -> None:
        async with context:
            await pub.wait_subscribed(b"")
            await pub.send(b"first")
            assert await sub.recv() == b"first"

    run(main())


def test_publisher_over_inproc_needs_not_even_wait(run: Run[None]) -> None:
    context = KeepingContext()
    pub, sub = ready(context, "inproc://news", aiomq.PUB, aiomq.SUB)

    async def main() -> None:
        await pub.send(b"first")
        assert await sub.recv() == b"first"
        await context.term()

    run(main())


@pytest.mark.parametrize("binder", ["publisher", "subscriber"])
def test_xpub_receives_the_subscription_of_a_socket_that_nobody_uses(
    run: Run[None], endpoint: Endpoint, binder: str
) -> None:
    context = KeepingContext()
    types = (aiomq.XPUB, aiomq.SUB) if binder == "publisher" else (aiomq.SUB, aiomq.XPUB)
    xpub = ready(context, endpoint(), *types)[0 if binder == "publisher" else 1]

    async def main() -> None:
        assert await xpub.recv() == b"\1"
        await context.term()

    run(main())


@pytest.mark.parametrize("binder", ["router", "dealer"])
def test_mandatory_router_reaches_a_dealer_that_nobody_used(run: Run[None], endpoint: Endpoint, binder: str) -> None:
    context = KeepingContext()
    router, dealer = context.socket(aiomq.ROUTER, router_mandatory=1), context.socket(aiomq.DEALER, routing_id=b"me")
    first, second = (router, dealer) if binder == "router" else (dealer, router)
    first.bind(endpoint())
    second.connect(first.last_endpoint)

    async def main() -> None:
        await router.wait_connected()
        await router.send_multipart([b"me", b"hello"])
        assert await dealer.recv() == b"hello"
        await context.term()

    run(main())


def test_groups_over_udp(run: Run[None]) -> None:
    context = KeepingContext()
    dish, radio, other = context.socket(aiomq.DISH), context.socket(aiomq.RADIO), context.socket(aiomq.PAIR)
    dish.bind("udp://127.0.0.1:*")
    dish.join("g")
    radio.connect(dish.last_endpoint)

    async def main() -> None:
        async with context:
            other.bind("inproc://other")
            await radio.send(b"x", group="g")
            assert (await dish.recv(copy=False)).bytes == b"x"

    run(main())


def test_monitor_made_before_the_loop_starts_its_socket(run: Run[None]) -> None:
    context = KeepingContext()
    pull, _ = ready(context, "tcp://127.0.0.1:0", aiomq.PULL, aiomq.PUSH)
    monitor = pull.monitor(events=aiomq.Event.HANDSHAKE_SUCCEEDED)

    async def main() -> None:
        assert (await anext(monitor)).event is aiomq.Event.HANDSHAKE_SUCCEEDED
        await context.term()

    run(main())


def test_monitor_socket_made_before_the_loop_starts_all_three(run: Run[None]) -> None:
    context = KeepingContext()
    pull, _ = ready(context, "tcp://127.0.0.1:0", aiomq.PULL, aiomq.PUSH)
    events = pull.get_monitor_socket(aiomq.Event.HANDSHAKE_SUCCEEDED)

    async def main() -> None:
        assert (await aiomq.recv_monitor_message(events))["event"] is aiomq.Event.HANDSHAKE_SUCCEEDED
        events.close()
        await context.term()

    run(main())


def test_aiomq_run_starts_what_waits() -> None:
    context = KeepingContext()
    pull, push = ready(context, "tcp://127.0.0.1:0", aiomq.PULL, aiomq.PUSH)

    async def main() -> None:
        assert not pull._core.not_started
        assert not push._core.not_started
        await context.term()

    aiomq.run(main())


# -- libzmq at the other end -------------------------------------------------------------------------------------------


def handshaken(socket: zmq.Socket[bytes], act: Callable[[], object]) -> zmq.Socket[bytes]:
    """Let a libzmq socket do something; return what receives an event when its handshake is over."""
    events = socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
    act()
    return events


@contextlib.contextmanager
def publisher_and_libzmq() -> Iterator[tuple[aiomq.Context, aiomq.Socket, zmq.Socket[bytes]]]:
    """Give a PUB that was bound without a loop, its context, and a SUB of libzmq that wants everything of it."""
    context = KeepingContext()
    pub = context.socket(aiomq.PUB)
    pub.bind("tcp://127.0.0.1:0")
    with zmq.Context() as theirs, theirs.socket(zmq.SUB) as sub:
        sub.rcvtimeo = int(BOUND * 1000)
        sub.subscribe(b"")
        sub.connect(pub.last_endpoint)
        yield context, pub, sub


def test_subscriber_of_libzmq_that_has_been_waiting_gets_the_first_message(run: Run[None]) -> None:
    """The publisher itself is used for nothing before that message."""
    with publisher_and_libzmq() as (context, pub, sub):

        async def main() -> None:
            async with context:
                await until(lambda: pub._core.pattern.topics_count)  # as time passes; the socket is not touched
                await pub.send(b"first")
                assert await asyncio.to_thread(sub.recv) == b"first"

        run(main())


def test_libzmq_is_let_in_by_sockets_that_nobody_uses(run: Run[None]) -> None:
    context = KeepingContext()
    bound = [context.socket(kind) for kind in (aiomq.PULL, aiomq.REP, aiomq.ROUTER, aiomq.SUB, aiomq.PUB, aiomq.PAIR)]
    kinds = [zmq.PUSH, zmq.REQ, zmq.DEALER, zmq.PUB, zmq.SUB, zmq.PAIR]
    used, _ = ready(context, "inproc://used", aiomq.PAIR, aiomq.PAIR)
    for socket in bound:
        socket.bind("tcp://127.0.0.1:0")
    theirs = zmq.Context()
    sockets = [theirs.socket(kind) for kind in kinds]
    monitors = [
        handshaken(mine, lambda mine=mine, to=to: mine.connect(to.last_endpoint))  # type: ignore[misc]
        for mine, to in zip(sockets, bound, strict=True)
    ]

    async def main() -> None:
        async with asyncio.timeout(BOUND):
            await used.wait_connected()
            for events in monitors:
                events.rcvtimeo = int(BOUND * 1000)
                await asyncio.to_thread(events.recv_multipart)
        await context.term()

    try:
        run(main())
    finally:
        for each in sockets:
            each.disable_monitor()
        theirs.destroy(0)


# -- who is not started ------------------------------------------------------------------------------------------------


def test_socket_that_was_only_made_can_still_go_to_another_thread(run: Run[Any]) -> None:
    context = KeepingContext()
    pull, push = ready(context, "inproc://here", aiomq.PULL, aiomq.PUSH)
    free = context.socket(aiomq.SUB, rcvhwm=5)

    async def elsewhere() -> None:
        free.subscribe(b"")
        free.bind("inproc://there")
        await free.poll(0)

    async def main() -> None:
        await push.send(b"x")
        assert await pull.recv() == b"x"
        await asyncio.to_thread(asyncio.run, elsewhere())
        await context.term()

    run(main())


def test_sockets_of_another_thread_wait_for_its_loop(run: Run[None]) -> None:
    context = KeepingContext()
    made: list[aiomq.Socket] = []

    def prepare() -> None:
        made.extend(ready(context, "inproc://there", aiomq.PULL, aiomq.PUSH))

    thread = threading.Thread(target=prepare)
    thread.start()
    thread.join()
    pull, push = ready(context, "inproc://here", aiomq.PULL, aiomq.PUSH)

    async def main() -> None:
        await push.wait_connected()
        assert not pull._core.not_started
        assert [each._core.not_started for each in made] == [True, True]
        await made[1].send(b"x")  # its own use makes it this loop's
        assert not made[1]._core.not_started
        assert made[0]._core.not_started
        await context.term()

    run(main())


def test_socket_that_was_started_along_says_so_in_another_thread(run: Run[None]) -> None:
    context = KeepingContext()
    pull, push = ready(context, "inproc://here", aiomq.PULL, aiomq.PUSH)

    async def use() -> None:
        text = "in another thread: it was bound or connected before a loop ran, and so was started with its context"
        with pytest.raises(aiomq.WrongLoopError, match=text):
            await push.send(b"x")

    async def main() -> None:
        await pull.poll(0)
        await asyncio.to_thread(asyncio.run, use())
        await context.term()

    run(main())


def test_socket_that_is_closed_before_the_loop_is_not_started(run: Run[None]) -> None:
    context = KeepingContext()
    pull, push = ready(context, "tcp://127.0.0.1:0", aiomq.PULL, aiomq.PUSH)
    other = context.socket(aiomq.PAIR)
    other.connect("inproc://nowhere")
    other.disconnect("inproc://nowhere")
    push.close()
    assert not context._unstarted._waiting.keys() - {pull._core}

    async def main() -> None:
        await pull.poll(0)
        assert push._core.thread is None
        assert other._core.thread is None
        await context.term()

    run(main())


@pytest.mark.parametrize("loop_name", ["asyncio", "uvloop"])
def test_what_is_bound_between_two_runs_of_a_loop_begins_with_the_second(endpoint: Endpoint, loop_name: str) -> None:
    loops = pytest.importorskip(loop_name)
    context = KeepingContext()
    with asyncio.Runner(loop_factory=loops.new_event_loop) as runner:
        pull = context.socket(aiomq.PULL)
        pull.bind(endpoint())
        runner.run(pull.poll(0))
        push = context.socket(aiomq.PUSH)
        push.connect(pull.last_endpoint)

        async def main() -> None:
            async with asyncio.timeout(BOUND):
                await pull.wait_connected()
            await context.term()

        runner.run(main())


# -- the message that is the very first call in the loop --------------------------------------------------------------


@pytest.mark.parametrize("binder", ["sender", "receiver"])
@pytest.mark.parametrize("many", [False, True], ids=["send", "send_many"])
def test_first_message_of_a_publisher_waits_for_who_has_been_there(
    run: Run[None], endpoint: Endpoint, binder: str, many: bool
) -> None:
    context = KeepingContext()
    pair = (aiomq.PUB, aiomq.SUB)
    one, other = ready(context, endpoint(), *(pair if binder == "sender" else pair[::-1]))
    pub, sub = (one, other) if binder == "sender" else (other, one)
    sub.subscribe(b"")

    async def main() -> None:
        try:
            await (pub.send_many([b"first"]) if many else pub.send(b"first"))
            async with asyncio.timeout(BOUND):
                assert await sub.recv() == b"first"
        finally:
            await context.term()

    run(main())


def test_first_call_of_a_publisher_reaches_a_subscriber_of_libzmq_that_has_been_waiting(run: Run[None]) -> None:
    with publisher_and_libzmq() as (context, pub, sub):
        assert not sub.poll(100)  # its connection stands in the listener's queue by then

        async def main() -> None:
            try:
                await pub.send(b"first")
                assert await asyncio.to_thread(sub.recv) == b"first"
            finally:
                await context.term()

        run(main())


def test_first_call_of_a_mandatory_router_reaches_a_dealer_that_has_been_waiting(
    run: Run[None], endpoint: Endpoint
) -> None:
    context = KeepingContext()
    router, dealer = ready(context, endpoint(), aiomq.ROUTER, aiomq.DEALER)
    router.router_mandatory = 1

    async def main() -> None:
        try:
            await router.send_multipart([b"them", b"first"])
            async with asyncio.timeout(BOUND):
                assert await dealer.recv() == b"first"
        finally:
            await context.term()

    dealer.routing_id = b"them"
    dealer.disconnect(router.last_endpoint)
    dealer.connect(router.last_endpoint)
    run(main())


@pytest.mark.parametrize("sndtimeo", [-1, 0, 20])
def test_stranger_in_a_handshake_holds_the_first_message_up_for_a_moment_only(run: Run[None], sndtimeo: int) -> None:
    context = KeepingContext()
    context.sndtimeo = sndtimeo
    pub = context.socket(aiomq.PUB)
    pub.bind("tcp://127.0.0.1:0")
    host, port = pub.last_endpoint.removeprefix("tcp://").split(":")
    with system.create_connection((host, int(port))):

        async def main() -> None:
            try:
                async with asyncio.timeout(BOUND):
                    await pub.send(b"first")
                assert not pub._core.newly_begun
            finally:
                await context.term()

        run(main())

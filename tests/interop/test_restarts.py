"""Peers that go and come back in mid-stream: libzmq killed and started anew, listeners of aiomq closed and re-bound.

What RFC 30 and libzmq promise of it: a connecting side keeps what it has queued; order holds; nothing arrives twice;
a message of several frames arrives whole or not at all. What was on its way to a process that dies is lost with it.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import zmq

import aiomq
from aiomq.constants import Event, SocketType
from tests.interop.libzmq_program import END, Runs, runs
from tests.interop.peers import (
    TIMEOUT,
    LibzmqPeer,
    LibzmqProcess,
    ProcessGoneError,
    happened,
    recv_numbers,
    send_end,
    send_numbers,
)

PROMPTLY: Final[dict[str, Any]] = {"reconnect_ivl": 10, "linger": 0}
ENVELOPE: Final = (b"a frame before", b"")
STREAM: Final = 10_000_000
"""More numbers than the buffers between two sockets hold, the kernel's among them: a stream that does not end."""


BUFFER: Final = 64 * 1024
"""What a kernel is to hold of a stream: by itself it would hold, and lose, megabytes."""

transports = pytest.mark.parametrize("over", ["tcp", "ipc"])


@pytest.fixture
def address(tmp_path: Path) -> Callable[[str], str]:
    """Return a function that gives what to bind first, over a transport."""
    return {"tcp": "tcp://127.0.0.1:*", "ipc": f"ipc://{tmp_path}/s"}.__getitem__


# -- libzmq binds, dies, and comes back -------------------------------------------------------------------------------


@transports
async def test_push_keeps_its_queue_while_the_libzmq_pull_is_away(
    context: aiomq.Context, address: Callable[[str], str], over: str
) -> None:
    async with context.socket(SocketType.PUSH, **PROMPTLY) as push:
        async with LibzmqProcess(SocketType.PULL) as first_life:
            endpoint = await first_life.bind(address(over))
            push.connect(endpoint)
            await send_numbers(push, 0, 500, ENVELOPE)
            assert await first_life.recv_numbers(500, ENVELOPE) == [[0, 499]]
            with push.monitor() as monitor:
                await first_life.kill()
                await happened(monitor, Event.DISCONNECTED)
        await send_numbers(push, 500, 1_400, ENVELOPE)  # fewer than SNDHWM: none of them waits for a peer
        async with LibzmqProcess(SocketType.PULL) as second_life:
            await second_life.bind(endpoint)
            assert await second_life.recv_numbers(900, ENVELOPE) == [[500, 1_399]]


@transports
async def test_push_goes_on_in_order_when_the_libzmq_pull_is_killed_in_mid_stream(
    context: aiomq.Context, address: Callable[[str], str], over: str
) -> None:
    lives: list[Runs] = []
    enough = asyncio.Event()
    async with context.socket(SocketType.PUSH, sndbuf=BUFFER, **PROMPTLY) as push:
        endpoint = address(over)
        sending = asyncio.create_task(_send_until(enough, push))
        for number in range(4):
            async with LibzmqProcess(SocketType.PULL, rcvbuf=BUFFER) as life:
                endpoint = await life.bind(endpoint)
                if number == 0:
                    push.connect(endpoint)
                lives.append(await life.recv_numbers(1_000, ENVELOPE))
                if number == 3:
                    enough.set()
                    lives.append(await life.recv_numbers_to_end(ENVELOPE))
        last = await sending
    _assert_in_order_without_doubles(lives)
    assert lives[0][0][0] == 0
    assert lives[-1][0] == [lives[-2][0][1] + 1, last]


async def _send_until(enough: asyncio.Event, push: aiomq.Socket) -> int:
    """Send numbers until there are enough of them; return the last one."""
    for number in itertools.count():
        await send_numbers(push, number, number + 1, ENVELOPE)
        if enough.is_set():
            await send_numbers(push, number + 1, number + 2, ENVELOPE)
            await send_end(push, ENVELOPE)
            return number + 1
    raise AssertionError("there are always more numbers")


def _assert_in_order_without_doubles(lives: list[Runs]) -> None:
    """Within one connection nothing may be missing; between two of them what was on its way may."""
    assert all(len(life) == 1 for life in lives), f"lost, doubled or out of order within one connection: {lives}"
    assert all(one[0][1] < following[0][0] for one, following in itertools.pairwise(lives)), f"doubled: {lives}"


async def test_sub_subscribes_again_to_what_it_wants_by_then(
    context: aiomq.Context, address: Callable[[str], str]
) -> None:
    async with context.socket(SocketType.SUB, **PROMPTLY) as sub:
        for topic in ("kept", "kept", "dropped"):
            sub.subscribe(topic)
        async with LibzmqProcess(SocketType.XPUB) as first_life:
            endpoint = await first_life.bind(address("tcp"))
            sub.connect(endpoint)
            assert sorted([await first_life.recv_multipart() for _ in range(2)]) == [[b"\x01dropped"], [b"\x01kept"]]
            with sub.monitor() as monitor:
                await first_life.kill()
                await happened(monitor, Event.DISCONNECTED)
        sub.unsubscribe("dropped")
        sub.unsubscribe("kept")  # one of two: still wanted
        sub.subscribe("added")
        async with LibzmqProcess(SocketType.XPUB) as second_life:
            await second_life.bind(endpoint)
            wanted: set[bytes] = set()
            while b"added" not in wanted:  # the last change comes last
                notification = (await second_life.recv_multipart())[0]
                (wanted.add if notification[0] else wanted.remove)(notification[1:])
            assert wanted == {b"kept", b"added"}
            for message in (b"dropped 1", b"kept 1", b"other 1", b"added 1"):
                await second_life.send_multipart([message])
            async with asyncio.timeout(TIMEOUT):
                assert [await sub.recv(), await sub.recv()] == [b"kept 1", b"added 1"]


async def test_dealer_keeps_its_routing_id_and_its_queue_when_the_libzmq_router_restarts(
    context: aiomq.Context, address: Callable[[str], str]
) -> None:
    async with context.socket(SocketType.DEALER, routing_id=b"worker", **PROMPTLY) as dealer:
        endpoint = address("tcp")
        for life in range(3):
            with dealer.monitor() as monitor:
                async with LibzmqProcess(SocketType.ROUTER, router_mandatory=1) as router:
                    if life == 0:
                        endpoint = await router.bind(endpoint)
                        dealer.connect(endpoint)
                    await dealer.send(b"queued in life %d" % life)
                    if life > 0:
                        await router.bind(endpoint)
                    assert await router.recv_multipart() == [b"worker", b"queued in life %d" % life]
                    await router.send_multipart([b"worker", b"answer"])
                    async with asyncio.timeout(TIMEOUT):
                        assert await dealer.recv() == b"answer"
                await happened(monitor, Event.DISCONNECTED)


async def test_relaxed_req_asks_again_when_the_libzmq_rep_died_with_its_request(
    context: aiomq.Context, address: Callable[[str], str]
) -> None:
    async with context.socket(SocketType.REQ, req_relaxed=1, req_correlate=1, **PROMPTLY) as req:
        async with LibzmqProcess(SocketType.REP) as first_life:
            endpoint = await first_life.bind(address("tcp"))
            req.connect(endpoint)
            await req.send(b"question")
            assert await first_life.recv_multipart() == [b"question"]
            with req.monitor() as monitor:
                await first_life.kill()
                await happened(monitor, Event.DISCONNECTED)
        await req.send(b"question again")
        async with LibzmqProcess(SocketType.REP) as second_life, asyncio.timeout(TIMEOUT):
            await second_life.bind(endpoint)
            received = await second_life.recv_multipart()
            while received != [b"question again"]:  # the first one may have been kept too: it is answered, in vain
                await second_life.send_multipart([b"late answer"])
                received = await second_life.recv_multipart()
            await second_life.send_multipart([b"answer"])
            assert await req.recv() == b"answer"


# -- aiomq binds, and libzmq dies and comes back ----------------------------------------------------------------------


@transports
async def test_pull_reads_what_each_life_of_a_libzmq_push_got_across(
    context: aiomq.Context, address: Callable[[str], str], over: str
) -> None:
    async with context.socket(SocketType.PULL, **PROMPTLY) as pull:
        pull.bind(address(over))
        async with LibzmqProcess(SocketType.PUSH, sndbuf=BUFFER) as first_life:
            await first_life.connect(pull.last_endpoint)
            with pull.monitor() as monitor:
                stream = asyncio.create_task(first_life.send_numbers(0, STREAM, ENVELOPE))
                assert await recv_numbers(pull, 1_000, ENVELOPE) == [[0, 999]]
                await first_life.kill()
                with pytest.raises(ProcessGoneError):
                    await stream
                reading = asyncio.create_task(_recv_up_to(pull, STREAM + 499))
                await happened(monitor, Event.DISCONNECTED)  # of which an inbox that is full knows nothing yet
        async with LibzmqProcess(SocketType.PUSH) as second_life:
            await second_life.connect(pull.last_endpoint)
            await second_life.send_numbers(STREAM, STREAM + 500, ENVELOPE)
            numbers = await reading
    assert runs(each for each in numbers if each >= STREAM) == [[STREAM, STREAM + 499]]
    first = runs(each for each in numbers if each < STREAM)
    assert len(first) <= 1, f"lost, doubled or out of order within one connection: {first}"
    assert not first or first[0][0] == 1_000


async def _recv_up_to(pull: aiomq.Socket, last: int) -> list[int]:
    """Receive numbers until this one comes."""
    numbers: list[int] = []
    async with asyncio.timeout(TIMEOUT):
        while last not in numbers[-1:]:
            *envelope, number = await pull.recv_multipart()
            assert envelope == list(ENVELOPE)
            numbers.append(int(number))
    return numbers


async def test_router_reaches_each_new_life_of_a_libzmq_dealer_by_the_same_routing_id(context: aiomq.Context) -> None:
    async with context.socket(SocketType.ROUTER, router_mandatory=1, linger=0) as router:
        router.bind("tcp://127.0.0.1:*")
        for life in range(3):
            with router.monitor() as monitor:
                async with LibzmqProcess(SocketType.DEALER, routing_id=b"worker") as dealer:
                    await dealer.connect(router.last_endpoint)
                    await dealer.send_multipart([b"life %d" % life])
                    async with asyncio.timeout(TIMEOUT):
                        assert await router.recv_multipart() == [b"worker", b"life %d" % life]
                    await router.send_multipart([b"worker", b"welcome"])
                    assert await dealer.recv_multipart() == [b"welcome"]
                await happened(monitor, Event.DISCONNECTED)
            with pytest.raises(aiomq.ZMQError, match="routing id"):
                await router.send_multipart([b"worker", b"are you there?"])


async def test_rep_goes_on_when_a_libzmq_req_dies_before_its_reply(context: aiomq.Context) -> None:
    async with context.socket(SocketType.REP, linger=0) as rep:
        rep.bind("tcp://127.0.0.1:*")
        for life in range(3):
            with rep.monitor() as monitor:
                async with LibzmqProcess(SocketType.REQ) as req:
                    await req.connect(rep.last_endpoint)
                    await req.send_multipart([b"question %d" % life])
                    async with asyncio.timeout(TIMEOUT):
                        assert await rep.recv() == b"question %d" % life
                    await req.kill()
                    await happened(monitor, Event.DISCONNECTED)
            await rep.send(b"answer to nobody")
        async with LibzmqPeer(SocketType.REQ) as asker:
            await asker.connect(rep.last_endpoint)
            await asker.send_multipart([b"question"])
            async with asyncio.timeout(TIMEOUT):
                assert await rep.recv() == b"question"
            await rep.send(b"answer")
            assert await asker.recv_multipart() == [b"answer"]


# -- aiomq binds, closes, and binds again -----------------------------------------------------------------------------


@transports
async def test_libzmq_push_queue_reaches_the_next_socket_that_binds(
    context: aiomq.Context, address: Callable[[str], str], over: str
) -> None:
    async with LibzmqPeer(SocketType.PUSH) as push:
        await push.watch()
        async with context.socket(SocketType.PULL, linger=0) as first:
            first.bind(address(over))
            endpoint = first.last_endpoint
            await push.connect(endpoint)
            await push.call(lambda socket: [socket.send(b"%d" % number) for number in range(500)])
            assert await recv_numbers(first, 500) == [[0, 499]]
        await push.happened(Event.DISCONNECTED)
        await push.call(lambda socket: [socket.send(b"%d" % number) for number in range(500, 1_000)])
        async with context.socket(SocketType.PULL, linger=0) as second:
            second.bind(endpoint)
            assert await recv_numbers(second, 500) == [[500, 999]]


async def test_libzmq_push_queue_reaches_the_same_socket_when_it_binds_again(context: aiomq.Context) -> None:
    async with LibzmqPeer(SocketType.PUSH) as push, context.socket(SocketType.PULL, linger=0) as pull:
        await push.watch()
        pull.bind("tcp://127.0.0.1:*")
        endpoint = pull.last_endpoint
        await push.connect(endpoint)
        for start in range(0, 1_500, 500):
            numbers = range(start, start + 500)
            await push.call(lambda socket, numbers=numbers: [socket.send(b"%d" % number) for number in numbers])  # type: ignore[misc]  # a default as binding
            if start:
                pull.bind(endpoint)
            assert await recv_numbers(pull, 500) == [[start, start + 499]]
            pull.unbind(endpoint)
            await push.happened(Event.DISCONNECTED)


async def test_libzmq_sub_subscribes_again_at_the_next_xpub_that_binds(context: aiomq.Context) -> None:
    async with LibzmqPeer(SocketType.SUB) as sub:
        await sub.watch()
        await sub.set(subscribe=b"a")
        await sub.set(subscribe=b"b")
        endpoint = "tcp://127.0.0.1:*"
        for life in range(3):
            async with context.socket(SocketType.XPUB, linger=0) as xpub:
                xpub.bind(endpoint)
                if life == 0:
                    endpoint = xpub.last_endpoint
                    await sub.connect(endpoint)
                arrival = asyncio.create_task(sub.recv_multipart())  # libzmq subscribes anew only within a call
                async with asyncio.timeout(TIMEOUT):
                    assert {await xpub.recv(), await xpub.recv()} == {b"\x01a", b"\x01b"}
                for message in (b"a", b"none", b"b"):
                    await xpub.send(b"%s %d" % (message, life))
                assert await arrival == [b"a %d" % life]
                assert await sub.recv_multipart() == [b"b %d" % life]
            await sub.happened(Event.DISCONNECTED)


async def test_libzmq_dealer_in_mid_stream_goes_on_in_order_over_listeners_that_come_and_go(
    context: aiomq.Context,
) -> None:
    lives: list[Runs] = []
    enough = threading.Event()

    def send_until_enough(socket: zmq.Socket[bytes]) -> int:
        for number in itertools.count():
            socket.send_multipart([*ENVELOPE, b"%d" % number])
            if enough.is_set():
                socket.send_multipart([*ENVELOPE, b"%d" % (number + 1)])
                socket.send_multipart([*ENVELOPE, END])
                return number + 1
        raise AssertionError("there are always more numbers")

    async with LibzmqPeer(SocketType.DEALER, routing_id=b"stream") as dealer:
        endpoint = "tcp://127.0.0.1:*"
        sending: asyncio.Task[int] | None = None
        for life in range(4):
            async with context.socket(SocketType.ROUTER, linger=0) as router:
                router.bind(endpoint)
                if sending is None:
                    endpoint = router.last_endpoint
                    await dealer.connect(endpoint)
                    sending = asyncio.create_task(dealer.call(send_until_enough))
                lives.append(await recv_numbers(router, 1_000, (b"stream", *ENVELOPE)))
                if life == 3:
                    enough.set()
                    lives.append(await _recv_to_end(router))
        assert sending is not None
        assert lives[-1][0][1] == await sending
    _assert_in_order_without_doubles(lives)
    assert lives[0][0][0] == 0


async def _recv_to_end(router: aiomq.Socket) -> Runs:
    """Receive numbers until END comes."""
    numbers = []
    async with asyncio.timeout(TIMEOUT):
        while (message := await router.recv_multipart())[-1] != END:
            assert message[:-1] == [b"stream", *ENVELOPE]
            numbers.append(int(message[-1]))
    return runs(numbers)

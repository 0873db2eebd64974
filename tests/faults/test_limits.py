"""Every queue has its limit: what happens at it, for each pattern, and who is not held up by it."""

from __future__ import annotations

import asyncio
import errno
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import aiomq
from tests.sockets.links import linked, started, still_works, subscribed, turns, until

Endpoint = Callable[[], str]

KIB = 1024
MIB = 1024 * KIB
KERNEL = 8 * MIB
"""What an operating system may hold of one connection, generously."""

WRITE_BUFFERS = 1 * MIB
"""What a transport and an encoder may hold of one connection, apart from one message."""


def queued(socket: aiomq.Socket) -> tuple[int, int]:
    """Return the messages in a socket's outboxes and inboxes."""
    found = re.search(r"queued out=(\d+) in=(\d+)", repr(socket))
    assert found is not None
    return int(found[1]), int(found[2])


async def fill(sender: aiomq.Socket, frame: bytes = b"x", most: int = 10_000) -> int:
    """Send until there has been no room for a while; return how many messages there was room for."""
    count = refused = 0
    while refused < 50 and count < most:
        try:
            sender.send_nowait(frame)
        except aiomq.Again:
            refused += 1
        else:
            count += 1
            refused = 0
        await asyncio.sleep(0)
    return count


# -- a peer that is not there -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("socket_type", [aiomq.PUSH, aiomq.DEALER, aiomq.PAIR])
@pytest.mark.parametrize("hwm", [1, 2, 10])
async def test_connected_to_nobody_queues_to_the_hwm_and_then_waits(
    context: aiomq.Context, tmp_path: Path, socket_type: int, hwm: int
) -> None:
    socket = context.socket(socket_type, sndhwm=hwm)
    socket.connect(f"ipc://{tmp_path}/nobody")

    assert await fill(socket) == hwm
    assert socket.events & aiomq.POLLOUT == 0
    waiting = await started(socket.send(b"waits"))

    waiting.cancel()


async def test_connected_to_nobody_req_has_one_request_out(context: aiomq.Context, tmp_path: Path) -> None:
    socket = context.socket(aiomq.REQ)
    socket.connect(f"ipc://{tmp_path}/nobody")
    await socket.send(b"question")

    with pytest.raises(aiomq.ZMQError) as caught:
        await socket.send(b"another")

    assert caught.value.errno == aiomq.EFSM


@pytest.mark.parametrize("socket_type", [aiomq.PUB, aiomq.XPUB, aiomq.ROUTER])
async def test_with_nobody_there_what_may_drop_drops(context: aiomq.Context, socket_type: int) -> None:
    socket = context.socket(socket_type, sndhwm=1)
    socket.bind("inproc://drops")

    for _ in range(1000):
        await socket.send_multipart([b"to", b"nobody"])

    assert queued(socket) == (0, 0)


@pytest.mark.parametrize("socket_type", [aiomq.PUSH, aiomq.DEALER, aiomq.PAIR, aiomq.REQ])
async def test_with_nobody_there_what_may_not_drop_waits(context: aiomq.Context, socket_type: int) -> None:
    socket = context.socket(socket_type)
    socket.bind("inproc://waits")

    waiting = await started(socket.send(b"x"))
    other = context.socket(aiomq.REP if socket_type == aiomq.REQ else aiomq.DEALER)
    other.connect("inproc://waits")

    await waiting
    assert b"x" in await other.recv_multipart()


# -- a peer that does not read ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("hwm", [1, 2, 10])
async def test_push_to_a_peer_that_does_not_read_is_held_back_with_a_bounded_pile(
    context: aiomq.Context, endpoint: Endpoint, hwm: int
) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH, hwm=hwm, sndbuf=64 * KIB, rcvbuf=64 * KIB)
    frame = bytes(64 * KIB)

    count = await fill(push, frame)

    out, inbox = queued(push)[0], queued(pull)[1]
    assert count <= 2 * hwm + (KERNEL + WRITE_BUFFERS) // len(frame) + 2
    assert inbox <= (2 * hwm if pull.last_endpoint.startswith("inproc") else hwm)
    assert out <= 2 * hwm
    assert [len(await pull.recv()) for _ in range(count)] == [len(frame)] * count
    await still_works(push, pull)


async def test_messages_of_a_mebibyte_pile_up_no_further_than_their_number_allows(
    context: aiomq.Context, endpoint: Endpoint
) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH, hwm=2)
    frame = bytes(MIB)

    count = await fill(push, frame, most=100)

    assert count <= 2 + 2 + (KERNEL + WRITE_BUFFERS) // MIB + 2
    assert [await pull.recv() == frame for _ in range(count)] == [True] * count


async def test_transport_buffer_is_bounded_whatever_the_hwm(context: aiomq.Context) -> None:
    pull, push = linked(context, "tcp://127.0.0.1:0", aiomq.PULL, aiomq.PUSH, sndhwm=0, rcvhwm=1, rcvbuf=64 * KIB)
    await still_works(push, pull)
    (dialer,) = push._core.endpoints.values()

    for number in range(3000):
        push.send_nowait(bytes(8 * KIB))
        if number % 100 == 0:
            await turns(2)

    assert dialer.queued() <= WRITE_BUFFERS + 3000
    assert queued(push)[0] > 0
    for _ in range(3000):
        await pull.recv()


@pytest.mark.parametrize("hwm", [1, 2, 10])
@pytest.mark.parametrize("address", ["tcp://127.0.0.1:0", "ipc://*"])  # an inproc link has one queue for both marks
async def test_inbox_never_holds_more_than_rcvhwm(context: aiomq.Context, address: str, hwm: int) -> None:
    pull, push = linked(context, address, aiomq.PULL, aiomq.PUSH, sndhwm=0, rcvhwm=hwm)
    await push.send_many([b"%d" % number for number in range(500)])
    most = 0

    for number in range(500):
        assert await pull.recv() == b"%d" % number
        most = max(most, queued(pull)[1])
        if number % 7 == 0:
            await turns(2)
            most = max(most, queued(pull)[1])

    assert most <= hwm


async def test_rcvhwm_of_one_receives_everything_in_order(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH, hwm=1)
    sending = asyncio.create_task(push.send_many([b"%d" % number, bytes(number * 10)] for number in range(1000)))

    received = [(await pull.recv_multipart())[0] for _ in range(1000)]
    await sending

    assert received == [b"%d" % number for number in range(1000)]


async def test_rcvhwm_raised_while_the_connection_pauses_lets_more_in(context: aiomq.Context) -> None:
    pull, push = linked(context, "tcp://127.0.0.1:0", aiomq.PULL, aiomq.PUSH, sndhwm=0, rcvhwm=1)
    await push.send_many([b"x"] * 100)
    await until(lambda: queued(pull)[1] == 1)
    await turns(20)
    assert queued(pull)[1] == 1

    pull.rcvhwm = 50
    await pull.recv()
    await until(lambda: queued(pull)[1] == 50)

    assert len([await pull.recv() for _ in range(99)]) == 99


async def test_hwm_of_zero_is_no_limit(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH, hwm=0)

    for number in range(20_000):
        push.send_nowait(b"%d" % number)

    assert [await pull.recv() for _ in range(20_000)] == [b"%d" % number for number in range(20_000)]


async def test_large_message_leaves_in_its_own_turn(context: aiomq.Context) -> None:
    pull, push = linked(context, "tcp://127.0.0.1:0", aiomq.PULL, aiomq.PUSH)
    await still_works(push, pull)

    push.send_nowait(b"first of the turn")
    push.send_nowait(b"held back until the turn is over")
    assert queued(push)[0] == 1
    push.send_nowait(bytes(100 * KIB))

    assert queued(push)[0] == 0
    assert [len(await pull.recv()) for _ in range(3)] == [17, 32, 100 * KIB]


# -- who is not held up -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("socket_type", [aiomq.PUSH, aiomq.DEALER])
async def test_slow_peer_is_left_out_and_the_others_get_the_rest(
    context: aiomq.Context, endpoint: Endpoint, socket_type: int
) -> None:
    sender = context.socket(socket_type, sndhwm=2)
    sender.bind(endpoint())
    receiving_type = aiomq.PULL if socket_type == aiomq.PUSH else aiomq.DEALER
    slow, fast = (context.socket(receiving_type, rcvhwm=2, rcvbuf=64 * KIB) for _ in range(2))
    slow.connect(sender.last_endpoint)
    fast.connect(sender.last_endpoint)
    await until(lambda: "peers=2" in repr(sender))
    frame = bytes(64 * KIB)

    received: list[int] = []

    async def read(socket: aiomq.Socket) -> None:
        async for number, _ in socket:
            received.append(int(number))

    reading = [await started(read(fast))]
    for number in range(1000):
        await sender.send_multipart([b"%d" % number, frame])
    most_of_the_slow = 4 + (KERNEL + WRITE_BUFFERS) // len(frame) + 2
    await until(lambda: len(received) >= 1000 - most_of_the_slow)
    reading.append(asyncio.create_task(read(slow)))
    await until(lambda: len(received) == 1000)

    assert sorted(received) == list(range(1000))
    for socket in (fast, slow):
        socket.close()
    await asyncio.gather(*reading)


async def test_slow_subscriber_alone_misses_messages(context: aiomq.Context, endpoint: Endpoint) -> None:
    pub, fast = await subscribed(context, endpoint(), hwm=10)
    slow = context.socket(aiomq.SUB, rcvhwm=10)
    slow.subscribe("x")
    slow.connect(pub.last_endpoint)
    await until(lambda: pub.topics_count == 2)
    frame = bytes(64 * KIB)

    received: list[int] = []

    async def read() -> None:
        async for _, number, _ in fast:
            received.append(int(number))

    reading = await started(read())
    for number in range(1000):
        await pub.send_multipart([b"x", b"%d" % number, frame])
        await until(lambda number=number: len(received) >= number - 5)  # type: ignore[misc]  # bound now
    await until(lambda: len(received) == 1000)
    fast.close()
    await reading

    assert received == list(range(1000))
    kept = []
    while await slow.poll(0):
        kept.append(int((await slow.recv_multipart())[1]))
        await turns(3)
    assert 10 <= len(kept) <= 20 + (KERNEL + WRITE_BUFFERS) // len(frame) + 2
    assert kept[:10] == list(range(10))
    assert kept == sorted(set(kept))


async def test_router_drops_for_a_full_peer_and_serves_the_others(context: aiomq.Context) -> None:
    router = context.socket(aiomq.ROUTER, sndhwm=1)
    router.bind("inproc://router")
    slow, fast = (context.socket(aiomq.DEALER, rcvhwm=1, routing_id=name) for name in (b"slow", b"fast"))
    for dealer in (slow, fast):
        dealer.connect("inproc://router")

    for number in range(100):
        await router.send_multipart([b"slow", b"%d" % number])
        await router.send_multipart([b"fast", b"%d" % number])
        assert await fast.recv() == b"%d" % number

    assert await slow.recv_many() == [[b"0"], [b"1"]]


async def test_router_that_must_deliver_waits_for_a_full_peer(context: aiomq.Context) -> None:
    router, dealer = linked(context, "inproc://must", aiomq.ROUTER, aiomq.DEALER, hwm=1, linger=0)
    router.router_mandatory = True
    await dealer.send(b"who am I?")
    name, _ = await router.recv_multipart()

    await router.send_multipart([name, b"0"])
    await router.send_multipart([name, b"1"])
    with pytest.raises(aiomq.Again):
        router.send_multipart_nowait([name, b"2"])
    waiting = await started(router.send_multipart([name, b"2"]))

    assert [await dealer.recv() for _ in range(3)] == [b"0", b"1", b"2"]
    await waiting
    with pytest.raises(aiomq.ZMQError) as caught:
        await router.send_multipart([b"stranger", b"x"])
    assert caught.value.errno == errno.EHOSTUNREACH


async def test_xpub_that_must_not_drop_waits_for_the_slowest(context: aiomq.Context) -> None:
    xpub, sub = linked(context, "inproc://nodrop", aiomq.XPUB, aiomq.SUB, hwm=1)
    xpub.xpub_nodrop = True
    sub.subscribe(b"")
    await xpub.recv()
    await xpub.send_many([b"0", b"1"])

    waiting = await started(xpub.send(b"2"))

    assert [await sub.recv() for _ in range(3)] == [b"0", b"1", b"2"]
    await waiting


async def test_rep_drops_a_reply_that_has_no_room(context: aiomq.Context) -> None:
    rep = context.socket(aiomq.REP, sndhwm=1)
    rep.bind("inproc://rep")
    dealer = context.socket(aiomq.DEALER, rcvhwm=1)
    dealer.connect("inproc://rep")

    for number in range(5):
        await dealer.send_multipart([b"", b"%d" % number])
        await rep.send(await rep.recv())

    assert await dealer.recv_many() == [[b"", b"0"], [b"", b"1"]]

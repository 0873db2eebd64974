"""High-water marks in bytes, beside those in messages."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path

import pytest

import aiomq
from tests.sockets.links import started, turns, until

KIB = 1024
ADDRESSES = ["tcp://127.0.0.1:*", "ipc://*"]


def unbound(context: aiomq.Context) -> str:
    """Return an address that nobody listens at."""
    with context.socket(aiomq.PULL) as gone:
        gone.bind("tcp://127.0.0.1:*")
        return gone.last_endpoint


def offered(socket: aiomq.Socket, size: int, at_most: int = 1000) -> int:
    """Send until there is no room; return how often there was."""
    count = 0
    try:
        while count < at_most:
            socket.send_nowait(bytes(size))
            count += 1
    except aiomq.Again:
        pass
    return count


@pytest.mark.parametrize(
    ("mark", "size", "room"),
    [(10 * KIB, KIB, 10), (10 * KIB, 3 * KIB, 4), (10 * KIB, 20 * KIB, 1), (1, 0, 1000), (0, KIB, 1000)],
)
async def test_outbox_takes_the_message_that_reaches_its_mark_and_no_more(
    context: aiomq.Context, mark: int, size: int, room: int
) -> None:
    push = context.socket(aiomq.PUSH, sndhwm=1000, sndhwm_bytes=mark)
    push.connect(unbound(context))
    await turns(2)

    assert offered(push, size) == room
    assert push.peers()[0].queued_out == room


async def test_outbox_keeps_its_mark_in_messages(context: aiomq.Context) -> None:
    push = context.socket(aiomq.PUSH, sndhwm=3, sndhwm_bytes=KIB)
    push.connect(unbound(context))
    await turns(2)

    assert offered(push, 10) == 3


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("hwm", [0, 7])
async def test_all_arrives_in_order_through_byte_marks(context: aiomq.Context, address: str, hwm: int) -> None:
    pull = context.socket(aiomq.PULL, hwm=hwm, rcvhwm_bytes=50 * KIB)
    push = context.socket(aiomq.PUSH, hwm=hwm, sndhwm_bytes=30 * KIB)
    pull.bind(address)
    push.connect(pull.last_endpoint)
    sizes = [0, 1, 10, KIB, 9 * KIB, 70 * KIB, 300 * KIB] * 40

    async def send() -> None:
        for number, size in enumerate(sizes):
            await push.send_multipart([b"%d" % number, bytes(size)])

    sending = asyncio.create_task(send())
    for number, size in enumerate(sizes):
        frame, body = await pull.recv_multipart()
        assert (int(frame), len(body)) == (number, size)
    await sending


@pytest.mark.parametrize("address", ADDRESSES)
async def test_inbox_stops_at_its_mark_and_goes_on_when_half_is_taken(context: aiomq.Context, address: str) -> None:
    pull = context.socket(aiomq.PULL, rcvhwm=0, rcvhwm_bytes=10 * KIB)
    push = context.socket(aiomq.PUSH, sndhwm=0)
    pull.bind(address)
    push.connect(pull.last_endpoint)
    await push.send_many([bytes(KIB)] * 100)
    await until(lambda: pull.peers() and pull.peers()[0].queued_in == 10)
    await turns(20)
    assert pull.peers()[0].queued_in == 10

    for _ in range(4):
        await pull.recv()
    assert pull.peers()[0].queued_in == 6
    await pull.recv()
    await until(lambda: pull.peers()[0].queued_in == 10)
    for _ in range(95):
        assert len(await pull.recv()) == KIB


@pytest.mark.parametrize("address", ADDRESSES)
async def test_sender_waits_for_a_receiver_that_does_not_read(context: aiomq.Context, address: str) -> None:
    pull = context.socket(aiomq.PULL, rcvhwm=0, rcvhwm_bytes=100 * KIB)
    push = context.socket(aiomq.PUSH, sndhwm=0, sndhwm_bytes=100 * KIB)
    pull.bind(address)
    push.connect(pull.last_endpoint)
    await push.wait_connected()
    sent = 0
    try:
        while True:
            async with asyncio.timeout(0.3):
                await push.send(bytes(10 * KIB))
            sent += 1
    except TimeoutError:
        assert push.peers()[0].queued_out == 10
        assert pull.peers()[0].queued_in == 10
    waiting = await started(push.send(b"last"))
    for _ in range(sent):
        assert len(await pull.recv()) == 10 * KIB
    assert await pull.recv() == b"last"
    await waiting


async def test_publisher_drops_for_a_subscriber_whose_bytes_pile_up(context: aiomq.Context) -> None:
    pub = context.socket(aiomq.PUB, sndhwm=0, sndhwm_bytes=100 * KIB)
    sub = context.socket(aiomq.SUB, rcvhwm=1)
    pub.bind("tcp://127.0.0.1:*")
    sub.subscribe(b"")
    sub.connect(pub.last_endpoint)
    await pub.wait_subscribed()
    while pub.counters.dropped < 10:
        await pub.send(bytes(60 * KIB))

    assert pub.peers()[0].queued_out == 2


async def test_drop_oldest_makes_room_for_the_bytes_of_the_new_message(context: aiomq.Context, tmp_path: Path) -> None:
    push = context.socket(aiomq.PUSH, sndhwm_bytes=10 * KIB, on_mute="drop_oldest")
    address = f"ipc://{tmp_path}/later"
    push.connect(address)
    await turns(2)
    for number in range(30):
        await push.send(b"%d" % number + bytes(KIB))
    await push.send(b"large" + bytes(5 * KIB))
    assert push.peers()[0].queued_out <= 6
    pull = context.socket(aiomq.PULL)
    pull.bind(address)

    received = [(await pull.recv()).rstrip(b"\0") for _ in range(push.peers()[0].queued_out)]
    assert received[-1] == b"large"
    assert received[:-1] == [b"%d" % number for number in range(30 - len(received) + 1, 30)]


async def test_subscriptions_pass_a_mark_in_bytes(context: aiomq.Context, tmp_path: Path) -> None:
    xsub = context.socket(aiomq.XSUB, sndhwm_bytes=1)
    pub = context.socket(aiomq.PUB)
    address = f"ipc://{tmp_path}/later"
    xsub.connect(address)
    for topic in (b"a", b"b", b"c"):
        await xsub.send(b"\1" + topic)
    pub.bind(address)

    await until(lambda: pub.topics_count == 3)


@pytest.mark.parametrize("name", ["sndhwm_bytes", "rcvhwm_bytes"])
async def test_byte_mark_reads_as_set_and_refuses_nonsense(context: aiomq.Context, name: str) -> None:
    socket = context.socket(aiomq.DEALER)
    assert getattr(socket, name) == 64 << 20
    setattr(socket, name, 5)
    assert getattr(socket, name) == 5
    with pytest.raises(aiomq.ZMQError) as refused:
        setattr(socket, name, -1)
    assert refused.value.errno == errno.EINVAL
    with pytest.raises(TypeError, match="takes a number of bytes"):
        setattr(socket, name, "many")
    assert getattr(socket, name) == 5


@pytest.mark.parametrize("mark", ["sndhwm_bytes", "rcvhwm_bytes"])
async def test_byte_marks_are_refused_where_they_would_have_no_effect(context: aiomq.Context, mark: str) -> None:
    with context.socket(aiomq.PAIR, **{mark: 10}) as socket:
        for attempt in (socket.bind, socket.connect):
            with pytest.raises(aiomq.ZMQError, match="over tcp and ipc, not over inproc: set them to 0"):
                attempt("inproc://marked")
        setattr(socket, mark, 0)
        socket.bind("inproc://marked")

"""What peers can make a socket hold that nobody reads: marks in bytes, of a peer, of a socket and of the process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

import aiomq
from aiomq import unread
from aiomq.memory import memory_for_process
from aiomq.unsent import MESSAGE_COST
from tests.sockets.links import linked, turns, until
from tests.sockets.strangers import Stranger
from tests.transports.scripted import frame

KIB, MIB = 1 << 10, 1 << 20
ADDRESSES = ["tcp://127.0.0.1:*", "ipc://*"]
CHUNK = 256 * KIB
"""What one read brings at most."""


@pytest.fixture
def strangers() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def process_mark(monkeypatch: pytest.MonkeyPatch) -> unread.Process:
    """Let this process have a mark of 4 MiB, and nothing unread yet."""
    process = unread.Process(4 * MIB)
    monkeypatch.setattr(unread.Unread.__init__, "__defaults__", (lambda: 0, process))
    return process


def held(socket: aiomq.Socket) -> int:
    """Return how many bytes are unread."""
    return socket._core.unread.weigh()


async def settle(socket: aiomq.Socket) -> None:
    """Wait until nothing more arrives."""
    before = -1
    while before != socket._core.unread.arrived:
        before = socket._core.unread.arrived
        await turns(30)
        await asyncio.sleep(0.01)


def flood(stranger: Stranger, count: int, size: int = 64 * KIB) -> asyncio.Task[None]:
    """Send so many messages, as they are taken."""
    return asyncio.get_running_loop().create_task(stranger.send(frame(b"x" * size) * count))


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize(
    ("ours", "theirs"), [(aiomq.PULL, "PUSH"), (aiomq.ROUTER, "DEALER"), (aiomq.DEALER, "ROUTER"), (aiomq.SUB, "PUB")]
)
async def test_reading_stops_at_a_large_mark_and_goes_on_when_half_is_taken(
    context: aiomq.Context, strangers: ExitStack, address: str, ours: int, theirs: str
) -> None:
    socket = context.socket(ours, rcvhwm=0, rcvhwm_bytes=8 * MIB)
    if ours == aiomq.SUB:
        socket.subscribe(b"")
    socket.bind(address)
    stranger = strangers.enter_context(Stranger(socket.last_endpoint, theirs))
    sending = flood(stranger, 320)  # 20 MiB
    await settle(socket)
    assert 7 * MIB < held(socket) < 8 * MIB + 2 * CHUNK
    assert not sending.done()

    for _ in range(10):
        await socket.recv_multipart()
    await turns(20)
    assert held(socket) < 8 * MIB - 9 * 64 * KIB + 2 * CHUNK
    for _ in range(310):
        await socket.recv_multipart()
    await sending
    assert held(socket) == 0


async def test_what_xsubs_send_upstream_stops_at_the_mark(context: aiomq.Context, strangers: ExitStack) -> None:
    xpub = context.socket(aiomq.XPUB, rcvhwm=0, rcvhwm_bytes=8 * MIB)
    xpub.bind("tcp://127.0.0.1:*")
    sending = [flood(strangers.enter_context(Stranger(xpub.last_endpoint, "XSUB")), 400) for _ in range(2)]  # 50 MiB
    await settle(xpub)
    assert not any(each.done() for each in sending)
    assert 8 * MIB <= held(xpub) < 3 * 8 * MIB + 4 * CHUNK  # what is told of, and an inbox each

    for _ in range(800):
        assert len(await xpub.recv()) == 64 * KIB
    await asyncio.gather(*sending)
    assert held(xpub) == 0


@pytest.mark.parametrize("address", ADDRESSES)
async def test_connections_of_a_socket_share_its_mark(
    context: aiomq.Context, strangers: ExitStack, address: str
) -> None:
    pull = context.socket(aiomq.PULL, rcvhwm=0, unread_bytes_max=4 * MIB)
    pull.bind(address)
    sending = [flood(strangers.enter_context(Stranger(pull.last_endpoint, "PUSH")), 64) for _ in range(8)]  # 32 MiB
    await settle(pull)
    assert 3 * MIB < held(pull) < 4 * MIB + 8 * 2 * CHUNK

    _, good = linked(context, address, aiomq.PULL, aiomq.PUSH)  # another socket, of no concern
    late = context.socket(aiomq.PUSH)
    late.connect(pull.last_endpoint)
    await late.send(b"late")
    await until(lambda: len(pull.peers()) == 9)  # its inbox is empty: it is read
    received = [await pull.recv() for _ in range(8 * 64 + 1)]

    assert received.count(b"late") == 1
    await asyncio.gather(*sending)
    assert good.counters.sent == 0


@pytest.mark.parametrize("address", ADDRESSES)
async def test_all_sockets_share_the_mark_of_the_process(
    context: aiomq.Context, strangers: ExitStack, address: str, process_mark: unread.Process
) -> None:
    sockets = [context.socket(aiomq.PULL, rcvhwm=0) for _ in range(3)]
    sending = []
    for socket in sockets:
        socket.bind(address)
        sending += [flood(strangers.enter_context(Stranger(socket.last_endpoint, "PUSH")), 64) for _ in range(3)]
    for socket in sockets:
        await settle(socket)
    assert 3 * MIB < sum(map(held, sockets)) < 4 * MIB + 9 * 2 * CHUNK

    for socket in reversed(sockets):
        for _ in range(3 * 64):
            await socket.recv()
    await asyncio.gather(*sending)
    assert sum(map(held, sockets)) == 0


async def test_what_the_gone_have_left_counts_until_it_is_read(
    context: aiomq.Context, process_mark: unread.Process
) -> None:
    pull = context.socket(aiomq.PULL, rcvhwm=0)
    pull.bind("tcp://127.0.0.1:*")
    for _ in range(3):
        with Stranger(pull.last_endpoint, "PUSH") as stranger:
            await stranger.send(frame(bytes(MIB)))
            await until(pull.peers)
            stranger.leave()
        await until(lambda: not pull.peers())
    assert held(pull) == 3 * (MIB + MESSAGE_COST)
    for left in (2, 1, 0):
        await pull.recv()
        assert held(pull) == left * (MIB + MESSAGE_COST)


def test_mark_of_the_process_is_an_eighth_of_its_memory_or_what_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(unread.UNREAD_VARIABLE, raising=False)
    assert unread.Process().find_limit() == memory_for_process() // 8
    monkeypatch.setenv(unread.UNREAD_VARIABLE, "12345")
    assert unread.Process().find_limit() == 12345
    monkeypatch.setenv(unread.UNREAD_VARIABLE, "0")
    assert unread.Process().take(1 << 40) > 1 << 40


async def test_inbox_without_marks_takes_all(context: aiomq.Context, strangers: ExitStack) -> None:
    pull = context.socket(aiomq.PULL, rcvhwm=0, rcvhwm_bytes=0)
    pull.bind("tcp://127.0.0.1:*")
    sending = flood(strangers.enter_context(Stranger(pull.last_endpoint, "PUSH")), 1200)  # 75 MiB
    await sending
    await until(lambda: pull.peers()[0].queued_in == 1200)

"""What is on its way when a connection, an endpoint or a socket is closed: all of it leaves, and nobody complains.

A fixture of all tests fails them if an event loop has to report an exception, as asyncio's did for a connection that
was closed within the transport's own write.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Callable
from typing import Final

import pytest

import aiomq
from aiomq.transports.connection import SLICE, Connection
from aiomq.transports.unsent import held_by_system
from tests.interop.peers import LibzmqPeer, attentive
from tests.sockets.fixtures import context
from tests.sockets.links import linked, turns, until
from tests.transports.fixtures import script
from tests.transports.scripted import BOUND, COMMAND, MORE, Script, Wire

__all__ = ["context", "script"]

LARGE: Final = 20 << 20


@pytest.fixture
async def stream(context: aiomq.Context) -> aiomq.Socket:
    bound = context.socket(aiomq.STREAM, linger=0, sndhwm=0)
    bound.bind("tcp://127.0.0.1:*")
    return bound


async def slow_reader(endpoint: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect with a buffer so small that most of what is sent stays with the sender."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    sock.setblocking(False)
    host, port = endpoint.removeprefix("tcp://").split(":")
    await asyncio.get_running_loop().sock_connect(sock, (host, int(port)))
    return await asyncio.open_connection(sock=sock)


@pytest.fixture
async def reader(stream: aiomq.Socket) -> AsyncIterator[asyncio.StreamReader]:
    reader, writer = await slow_reader(stream.last_endpoint)
    yield reader
    writer.close()
    await writer.wait_closed()


async def read_slowly(reader: asyncio.StreamReader) -> int:
    count = 0
    async with asyncio.timeout(BOUND):
        while chunk := await reader.read(256 * 1024):
            count += len(chunk)
            await asyncio.sleep(0)
    return count


# -- STREAM: the empty chunk ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("linger", [0, 1, -1])
async def test_stream_closes_a_connection_after_what_was_sent_whatever_linger_says(
    stream: aiomq.Socket, reader: asyncio.StreamReader, linger: int
) -> None:
    stream.linger = linger
    peer = (await stream.recv_multipart())[0]
    for _ in range(LARGE >> 20):
        await stream.send_multipart([peer, bytes(1 << 20)])
    await stream.send_multipart([peer, b""])

    assert await read_slowly(reader) == LARGE


@pytest.mark.parametrize("end", ["close", "unbind"])
async def test_stream_that_ends_keeps_to_linger(stream: aiomq.Socket, reader: asyncio.StreamReader, end: str) -> None:
    peer = (await stream.recv_multipart())[0]
    await stream.send_multipart([peer, bytes(LARGE)])
    if end == "close":
        stream.close()
    else:
        stream.unbind(stream.last_endpoint)

    try:
        assert await read_slowly(reader) < LARGE
    except ConnectionResetError:
        return  # as well: the rest was thrown away


# -- endings with a backlog -------------------------------------------------------------------------------------------


Ending = Callable[[aiomq.Socket], None]


def _close(push: aiomq.Socket) -> None:
    push.close(-1)


def _leave(push: aiomq.Socket) -> None:
    push.linger = -1
    if "connected=[]" in repr(push):
        push.unbind(push.last_endpoint)
    else:
        push.disconnect(push.last_endpoint)


@pytest.mark.parametrize("end", [_close, _leave])
@pytest.mark.parametrize("sender", ["binds", "connects"])
@pytest.mark.parametrize("size", [100, 100_000, 1_000_000])
async def test_backlog_leaves_and_its_connection_ends_once(
    context: aiomq.Context, endpoint: Callable[[], str], end: Ending, sender: str, size: int
) -> None:
    types = (aiomq.PUSH, aiomq.PULL) if sender == "binds" else (aiomq.PULL, aiomq.PUSH)
    one, other = linked(context, endpoint(), *types, sndhwm=0, rcvhwm=1)
    push, pull = (one, other) if sender == "binds" else (other, one)
    count = 8_000_000 // size if size > 100 else 2000
    await push.wait_connected()
    for number in range(count):
        await push.send_multipart([b"%d" % number, bytes(size)])

    end(push)

    for number in range(count):
        assert (await asyncio.wait_for(pull.recv_multipart(), BOUND))[0] == b"%d" % number
    await turns(5)


# -- large frames in slices -------------------------------------------------------------------------------------------


def connection_of(push: aiomq.Socket) -> Connection:
    link = next(iter(push._core.peers)).link  # type: ignore[attr-defined]  # over a wire
    assert isinstance(link, Connection)
    return link


@pytest.mark.asyncio(loop_factories=["asyncio"])
@pytest.mark.parametrize("shape", ["one frame", "many frames", "durable"])
async def test_transport_holds_little_of_a_large_message_at_a_time(
    context: aiomq.Context, script: Script, shape: str
) -> None:
    options = {"durable": 60.0} if shape == "durable" else {}
    push = context.socket(aiomq.PUSH, heartbeat_ivl=10, heartbeat_timeout=60_000, **options)
    push.bind("tcp://127.0.0.1:*")
    wire = await script.greeted(push.last_endpoint, "PULL", ("Identity", b"them"))
    parts = [bytes([number]) * (LARGE // 5) for number in range(5)] if shape == "many frames" else [b"x" * LARGE]
    await asyncio.wait_for(push.wait_connected(), BOUND)
    await push.send_multipart(parts)
    await push.send(b"after")
    connection = connection_of(push)
    held = 0
    received: list[bytes] = []
    while len(received) <= len(parts):
        held = max(held, connection.transport.get_write_buffer_size())
        flags, body = await frame_of(wire)
        if not flags & COMMAND:
            assert bool(flags & MORE) == (len(received) < len(parts) - 1)
            received.append(body)

    assert received == [*parts, b"after"]
    assert 0 < held <= 3 * SLICE


async def frame_of(wire: Wire) -> tuple[int, bytes]:
    return await asyncio.wait_for(wire.frame(), BOUND)


async def test_command_waits_for_the_end_of_a_large_frame(context: aiomq.Context, script: Script) -> None:
    push = context.socket(aiomq.PUSH)
    push.bind("tcp://127.0.0.1:*")
    wire = await script.greeted(push.last_endpoint, "PULL")
    await asyncio.wait_for(push.wait_connected(), BOUND)
    await push.send(b"x" * LARGE)
    connection = connection_of(push)
    connection.send_command(b"\x04PONGone")
    connection.send_command(b"\x04PONGtwo")

    frames = [await frame_of(wire) for _ in range(3)]

    assert frames == [(0, b"x" * LARGE), (COMMAND, b"\x04PONGone"), (COMMAND, b"\x04PONGtwo")]


@pytest.mark.parametrize("finishing", [False, True])
@pytest.mark.parametrize("address", ["tcp://127.0.0.1:*", "ipc://*"])
async def test_connection_lost_before_its_writing_goes_on_writes_nothing(
    context: aiomq.Context, script: Script, address: str, finishing: bool
) -> None:
    push = context.socket(aiomq.PUSH)
    push.bind(address)
    await script.greeted(push.last_endpoint, "PULL")
    await asyncio.wait_for(push.wait_connected(), BOUND)
    await push.send(b"x" * LARGE)
    connection = connection_of(push)
    if finishing:
        connection.finish(None)

    connection.resume_writing()
    connection.transport.abort()
    await until(lambda: connection.lost)
    connection.resume_writing()  # as late as it may come: no loop reports an exception

    await turns(3)
    assert (connection.unsent_bytes(), connection.bytes_left() >= 0) == (0, True)


def test_closed_system_socket_holds_nothing() -> None:
    one, other = socket.socketpair()
    with one, other:
        one.send(b"x")
        assert (held_by_system(one) > 0) == (sys.platform in {"linux", "darwin"})
    assert held_by_system(one) == 0


# -- ipc, and a libzmq that does not read now -------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say what the other side has not read")
@pytest.mark.parametrize("sender", ["binds", "connects"])
@pytest.mark.parametrize("end", ["close", "leave", "term"])
@pytest.mark.parametrize("linger", [-1, 20_000])
async def test_ipc_delivers_to_a_full_libzmq_what_the_system_holds_for_it(
    context: aiomq.Context, sender: str, end: str, linger: int
) -> None:
    count = 49
    own = aiomq.Context()
    async with LibzmqPeer(aiomq.PULL, rcvhwm=1) as pull:
        push = own.socket(aiomq.PUSH, sndbuf=1 << 20, linger=linger)
        if sender == "binds":
            push.bind("ipc://*")
            await pull.connect(push.last_endpoint)
        else:
            push.connect(await pull.bind("ipc://*"))
        async with attentive(pull):
            await asyncio.wait_for(push.wait_connected(), BOUND)
        for number in range(count):
            await push.send_multipart([b"%d" % number, bytes(20_000)])
        ending = asyncio.create_task(own.term()) if end == "term" else None
        if end == "close":
            push.close()
        elif end == "leave":
            (push.unbind if sender == "binds" else push.disconnect)(push.last_endpoint)
        await turns(20)

        numbers = [int((await pull.recv_multipart())[0]) for _ in range(count)]

        assert numbers == list(range(count))
        if ending is not None:
            await asyncio.wait_for(ending, BOUND)
        else:
            await until(lambda: not push._core.endpoints)
            await own.term()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say what the other side has not read")
async def test_ipc_closes_at_once_when_the_other_side_has_read_everything(context: aiomq.Context) -> None:
    pull, push = linked(context, "ipc://*", aiomq.PULL, aiomq.PUSH)
    await push.send(b"x")
    assert await pull.recv() == b"x"

    push.close()

    await turns(6)
    assert push._core.finished


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say what the other side has not read")
async def test_ipc_waits_for_a_side_that_never_reads_no_longer_than_linger(
    context: aiomq.Context, script: Script
) -> None:
    push = context.socket(aiomq.PUSH, linger=50)
    push.bind("ipc://*")
    await script.greeted(push.last_endpoint, "PULL")
    await asyncio.wait_for(push.wait_connected(), BOUND)
    await push.send(bytes(1 << 20))

    await asyncio.wait_for(push.aclose(), BOUND)

    assert push._core.finished

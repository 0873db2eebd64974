"""PARITY section 11, STREAM: raw byte streams, played to aiomq and to the real libzmq."""

from __future__ import annotations

import asyncio
import errno
from typing import Final

import pytest

import aiomq
from aiomq import Event
from tests.parity.subjects import Make, Subject, failing
from tests.transports.scripted import Script, Wire, ready

TCP: Final = "tcp://127.0.0.1:*"

HTTP: Final = b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nHello, World!"


async def chunks(stream: Subject, routing_id: bytes, size: int) -> bytes:
    """Return so many bytes that a peer sent, however they are cut."""
    data = b""
    while len(data) < size:
        sender, chunk = await stream.recv()
        assert sender == routing_id
        assert 0 < len(chunk) <= 8192
        data += chunk
    assert len(data) == size
    return data


async def accepted(stream: Subject, script: Script) -> tuple[bytes, Wire]:
    """Return the routing id of a plain client, and the client."""
    wire = await script.dial(stream.bind(TCP))
    routing_id, chunk = await stream.recv()
    assert chunk == b""
    return routing_id, wire


async def test_parity_11_stream_tells_of_a_connection_and_gives_it_a_routing_id(make: Make, script: Script) -> None:
    stream = make(aiomq.STREAM)
    first, _ = await accepted(stream, script)
    assert len(first) == 5
    assert first[0] == 0
    second, _ = await accepted(stream, script)
    assert int.from_bytes(second[1:]) == (int.from_bytes(first[1:]) + 1) % 2**32


async def test_parity_11_stream_passes_bytes_on_as_they_are(make: Make, script: Script) -> None:
    stream = make(aiomq.STREAM)
    routing_id, wire = await accepted(stream, script)
    wire.send(b"GET / HTTP/1.0\r\n\r\n")
    assert await stream.recv() == [routing_id, b"GET / HTTP/1.0\r\n\r\n"]
    await stream.send(routing_id, HTTP)
    assert await wire.read(len(HTTP)) == HTTP


async def test_parity_11_stream_large_writes_come_in_chunks_and_leave_whole(make: Make, script: Script) -> None:
    stream = make(aiomq.STREAM)
    routing_id, wire = await accepted(stream, script)
    body = bytes(range(256)) * 4000
    wire.send(body)
    assert await chunks(stream, routing_id, len(body)) == body
    await stream.send(routing_id, body)
    assert await wire.read(len(body)) == body


async def test_parity_11_stream_empty_chunk_ends_the_connection_after_what_was_sent(make: Make, script: Script) -> None:
    stream = make(aiomq.STREAM)
    routing_id, wire = await accepted(stream, script)
    await stream.send(routing_id, HTTP)
    await stream.send(routing_id, b"")
    ended = asyncio.ensure_future(wire.ended())
    while not ended.done():  # libzmq sees to it within calls only
        assert stream.take() is None  # who ends a connection is not told of its end
        await asyncio.wait([ended], timeout=0.002)
    assert await ended == HTTP


async def test_parity_11_stream_lost_connection_is_an_empty_chunk_after_what_came(make: Make, script: Script) -> None:
    stream = make(aiomq.STREAM)
    routing_id, wire = await accepted(stream, script)
    wire.send(b"bye")
    await wire.drain()
    wire.close()
    assert await stream.recv() == [routing_id, b"bye"]
    assert await stream.recv() == [routing_id, b""]


async def test_parity_11_stream_without_notify_tells_of_bytes_alone(make: Make, script: Script) -> None:
    stream = make(aiomq.STREAM, stream_notify=0)
    wire = await script.dial(stream.bind(TCP))
    wire.send(b"first")
    routing_id, chunk = await stream.recv()
    assert chunk == b"first"
    wire.close()
    other = await script.dial(stream.bind(TCP))
    other.send(b"second")
    sender, chunk = await stream.recv()
    assert chunk == b"second"
    assert sender != routing_id


async def test_parity_11_stream_unknown_routing_id_is_unreachable(make: Make, script: Script) -> None:
    stream = make(aiomq.STREAM)
    await accepted(stream, script)
    with failing(errno.EHOSTUNREACH):
        stream.offer(b"\0none", b"to nobody")


async def test_parity_11_stream_connected_twice_has_two_peers(make: Make, script: Script) -> None:
    stream = make(aiomq.STREAM)
    acceptor = await script.listen()
    for _ in range(2):
        stream.connect(acceptor.endpoint)
    ids = [(await stream.recv())[0] for _ in range(2)]
    assert len(set(ids)) == 2
    for number, routing_id in enumerate(ids):
        await stream.send(routing_id, b"%d" % number)
    wires = [await script.accepted(acceptor) for _ in range(2)]
    assert sorted([await wire.read(1) for wire in wires]) == [b"0", b"1"]


async def test_parity_11_stream_connect_routing_id_names_the_next_peer(make: Make, script: Script) -> None:
    stream = make(aiomq.STREAM)
    acceptor = await script.listen()
    stream.set("connect_routing_id", b"conn1")
    stream.connect(acceptor.endpoint)
    wire = await script.accepted(acceptor)
    assert await stream.recv() == [b"conn1", b""]
    await stream.send(b"conn1", b"hello")
    assert await wire.read(5) == b"hello"
    stream.connect(acceptor.endpoint)
    assert (await stream.recv())[0] != b"conn1"


async def test_parity_11_stream_keeps_the_routing_id_over_a_reconnection(make: Make, script: Script) -> None:
    stream = make(aiomq.STREAM, reconnect_ivl=1)
    acceptor = await script.listen()
    stream.connect(acceptor.endpoint)
    (await script.accepted(acceptor)).close()
    routing_id, _ = await stream.recv()
    assert await stream.recv() == [routing_id, b""]
    wire = await script.accepted(acceptor)
    assert await stream.recv() == [routing_id, b""]
    await stream.send(routing_id, b"again")
    assert await wire.read(5) == b"again"


async def test_parity_11_stream_tells_monitors_what_others_do(make: Make, script: Script) -> None:
    stream = make(aiomq.STREAM)
    stream.watch()
    _, wire = await accepted(stream, script)
    wire.close()
    told = [name for name, _ in await stream.told_until(Event.DISCONNECTED)]
    # There is no handshake, and libzmq says at the end of each connection that it was never done.
    assert told == ["LISTENING", "ACCEPTED", "HANDSHAKE_FAILED_NO_DETAIL", "DISCONNECTED"]


async def test_parity_11_stream_is_always_ready_to_send(make: Make) -> None:
    assert make(aiomq.STREAM).writable


async def test_parity_11_stream_full_peer_takes_no_more(make: Make, script: Script) -> None:
    stream = make(aiomq.STREAM, sndhwm=2, sndbuf=4096)
    routing_id, _ = await accepted(stream, script)
    count = 0
    while count < 1000 and stream.offer(routing_id, bytes(1 << 20)):
        count += 1
    assert 2 <= count < 1000


@pytest.mark.parametrize("size", [1, 255, 8192, 70_000])
async def test_parity_11_stream_to_stream_both_ways(make: Make, context: aiomq.Context, size: int) -> None:
    with context.socket(aiomq.STREAM) as ours:
        ours.bind(TCP)
        theirs = make(aiomq.STREAM)
        theirs.connect(ours.last_endpoint)
        (our_id, first), (their_id, _) = await ours.recv_multipart(), await theirs.recv()
        assert first == b""
        body = b"x" * size
        await theirs.send(their_id, body)
        received = b""
        while len(received) < size:
            received += (await ours.recv_multipart())[1]
        await ours.send_multipart([our_id, received])
        assert await chunks(theirs, their_id, size) == body


async def test_parity_11_stream_takes_part_in_zmtp_by_hand(make: Make, context: aiomq.Context) -> None:
    """A STREAM sees what a DEALER says, octet by octet, and can answer it."""
    stream = make(aiomq.STREAM)
    with context.socket(aiomq.DEALER) as dealer:
        dealer.connect(stream.bind(TCP))
        routing_id, _ = await stream.recv()
        greeting = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
        await stream.send(routing_id, greeting)
        heard = b""
        while len(heard) < 64 + 43:
            heard += (await stream.recv())[1]
        assert heard[:12] == b"\xff" + bytes(7) + b"\x01\x7f\x03\x01"
        assert heard[64:72] == bytes.fromhex("0429 05") + b"READY"
        await stream.send(routing_id, ready("ROUTER"))
        await dealer.send(b"hello")
        assert (await stream.recv())[1] == b"\x00\x05hello"

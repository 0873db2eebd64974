"""What RFC 28, 29, 30 and 31 say in the same words of the queues of a peer: one scenario a clause.

Each is run under the name of the clause, for the type that has it. A scenario takes the type, one that it may have for
a peer, and the frames that a message of the type begins with: none, or those that say where it goes or came from.
`said` is what the peer says first: a publisher's must subscribe.
"""

from __future__ import annotations

import contextlib
import re
from typing import Any

import pytest

import aiomq
from tests.conformance.scripted_peer import (
    V31,
    ScriptedListener,
    ScriptedPeer,
    join,
    peers_of,
    receive,
    talk,
    turns,
    until,
    wait_for,
)

Type = aiomq.SocketType

LARGE = b"x" * 1_000_000
"""A few of these fill what the system buffers for a connection; more stay in the queue."""


async def queue_exists_from_connect_on(
    context: aiomq.Context, ours: Type, theirs: Type, *envelope: bytes, **options: Any
) -> None:
    """What is sent before the connection is made waits for it, up to the high-water mark."""
    socket = context.socket(ours, sndhwm=2, **options)
    listener = ScriptedListener()
    socket.connect(listener.endpoint)
    await socket.send_multipart([*envelope, b"1"])
    await socket.send_multipart([*envelope, b"2"])
    with pytest.raises(aiomq.Again):
        socket.send_multipart_nowait([*envelope, b"3"])
    peer = await listener.accept()
    await peer.follow(V31.handshake(ours, theirs))
    await peer.hears(V31.message(b"1") + V31.message(b"2"))
    socket.close()
    await peer.hears_end()
    peer.close()
    listener.close()


async def queue_outlives_a_connection(
    context: aiomq.Context, ours: Type, theirs: Type, *envelope: bytes, said: bytes = b"", **options: Any
) -> None:
    """What is sent between two connections of a dialed peer waits for the second one."""
    socket = context.socket(ours, reconnect_ivl=1, **options)
    listener = ScriptedListener()
    with socket.monitor() as monitor:
        socket.connect(listener.endpoint)
        peer = await listener.accept()
        await peer.follow(V31.handshake(ours, theirs, their_id=b"them"))
        await _says(socket, peer, said)
        peer.close()
        await wait_for(monitor, aiomq.Event.DISCONNECTED)
        await socket.send_multipart([*envelope, b"between", b"two"])
        peer = await listener.accept()
        await peer.follow(V31.handshake(ours, theirs, their_id=b"them"))
        await peer.hears(V31.message(b"between", b"two"))
        socket.close()
        await peer.hears_end()
    peer.close()
    listener.close()


async def accepted_queue_dies_with_its_peer(
    context: aiomq.Context, ours: Type, theirs: Type, *envelope: bytes, said: bytes = b""
) -> None:
    """What did not leave before an accepted peer went away does not go to the next one, be it of the same name."""
    socket = context.socket(ours)
    socket.bind("tcp://127.0.0.1:0")
    first = await join(socket, V31, theirs, their_id=b"them")
    await _says(socket, first, said)
    while queued_out_of(socket) == 0:
        await socket.send_multipart([*envelope, LARGE])
        await turns(2)
    first.close()
    await until(lambda: peers_of(socket) == 0)
    second = await join(socket, V31, theirs, their_id=b"them")
    await _says(socket, second, said)
    await socket.send_multipart([*envelope, b"new"])
    await second.hears(V31.message(b"new"))
    socket.close()
    await second.hears_end()
    second.close()


async def received_messages_outlive_their_peer(
    context: aiomq.Context, ours: Type, theirs: Type, *envelope: bytes
) -> None:
    """What an accepted peer sent before it left is still to be read, and then no more."""
    socket = context.socket(ours)
    if ours is aiomq.SUB:
        socket.subscribe(b"")
    socket.bind("tcp://127.0.0.1:0")
    peer = await join(socket, V31, theirs, their_id=b"them")
    await peer.says(V31.message(b"1") + V31.message(b"2", b"two"))
    await until(lambda: socket.ready_events() & aiomq.POLLIN == aiomq.POLLIN)
    peer.close()
    await until(lambda: peers_of(socket) == 0)
    assert await receive(socket) == [*envelope, b"1"]
    assert await receive(socket) == [*envelope, b"2", b"two"]
    with pytest.raises(aiomq.Again):
        socket.recv_nowait()
    socket.close()


async def incoming_queue_outlives_a_connection(
    context: aiomq.Context, ours: Type, theirs: Type, *envelope: bytes
) -> None:
    """What a dialed peer sent stays in its queue when the connection is lost; what the next one brings comes after."""
    socket = context.socket(ours, reconnect_ivl=1)
    if ours is aiomq.SUB:
        socket.subscribe(b"")
    listener = ScriptedListener()
    with socket.monitor() as monitor:
        socket.connect(listener.endpoint)
        for number in (b"1", b"2"):
            peer = await listener.accept()
            await peer.follow(V31.handshake(ours, theirs, their_id=b"them"))
            await peer.says(V31.message(number))
            peer.close()
            await wait_for(monitor, aiomq.Event.DISCONNECTED)
    assert [await receive(socket), await receive(socket)] == [[*envelope, b"1"], [*envelope, b"2"]]
    socket.close()
    listener.close()


async def directions_are_independent(
    context: aiomq.Context, ours: Type, theirs: Type, *envelope: bytes, **options: Any
) -> None:
    """Messages come in while the peer takes none, and go out while those that came are not read."""
    socket = context.socket(ours, sndhwm=1, rcvhwm=1, **options)
    async with talk(socket, V31, theirs, their_id=b"them") as peer:
        count = await _fill(socket, [*envelope, LARGE])
        await peer.says(V31.message(b"in"))
        assert await receive(socket) == [*envelope, b"in"]
        for number in range(3):
            await peer.says(V31.message(b"unread %d" % number))
        await peer.hears(V31.message(LARGE) * count)
        await socket.send_multipart([*envelope, b"out"])
        await peer.hears(V31.message(b"out"))
        for number in range(3):
            assert await receive(socket) == [*envelope, b"unread %d" % number]


async def queue_sizes_are_limited(
    context: aiomq.Context, ours: Type, theirs: Type, *envelope: bytes, **options: Any
) -> None:
    """SNDHWM is how many messages a peer's queue holds at most; when they have left there is room again."""
    socket = context.socket(ours, sndhwm=3, **options)
    async with talk(socket, V31, theirs, their_id=b"them") as peer:
        count = await _fill(socket, [*envelope, LARGE])
        assert 1 <= queued_out_of(socket) <= 3
        await peer.hears(V31.message(LARGE) * count)
        await socket.send_multipart([*envelope, b"more"])
        await peer.hears(V31.message(b"more"))


def queued_out_of(socket: aiomq.Socket) -> int:
    """Return how many messages wait to leave a socket."""
    found = re.search(r"queued out=(\d+)", repr(socket))
    assert found is not None
    return int(found[1])


async def _says(socket: aiomq.Socket, peer: ScriptedPeer, said: bytes) -> None:
    """Let a peer say what it has to say first, and have it taken in."""
    if said:
        await peer.says(said)
        await until(lambda: socket.topics_count == 1)
    await turns(5)


async def _fill(socket: aiomq.Socket, message: list[bytes]) -> int:
    """Send as long as there is room; return how many messages that were."""
    await until(lambda: bool(socket.ready_events() & aiomq.POLLOUT))
    count = 0
    with contextlib.suppress(aiomq.Again):
        while True:
            socket.send_multipart_nowait(message)
            count += 1
            await turns(2)
    return count

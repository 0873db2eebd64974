"""What RFC 23 and RFC 37 say in the same words of frames, messages and sockets: one scenario a clause.

Each is run by `test_rfc23_zmtp30` with a peer that speaks 3.0 and by `test_rfc37_zmtp31` with one that speaks 3.1,
under the name of the clause.
"""

from __future__ import annotations

import asyncio
import socket as sockets

import aiomq
from tests.conformance.scripted_peer import (
    ROLES,
    Dialect,
    ScriptedListener,
    command,
    join,
    peers_of,
    receive,
    talk,
    turns,
    until,
    wait_for,
)

COMMAND = 4
LONG = 2
MORE = 1

# -- frames -----------------------------------------------------------------------------------------------------------


async def reserved_bits_are_zero(context: aiomq.Context, dialect: Dialect) -> None:
    socket = context.socket(aiomq.XSUB)
    async with talk(socket, dialect, aiomq.XPUB) as peer:
        start = len(peer.heard)
        await socket.send(b"\x01" + b"t" * 300)
        await socket.send_multipart([b"m", b"m" * 300, b"m"])
        await socket.send(b"\x00" + b"t" * 300)
        await peer.hears(
            dialect.subscribe(b"t" * 300) + dialect.message(b"m", b"m" * 300, b"m") + dialect.cancel(b"t" * 300)
        )
        assert all(flags & 0b11111000 == 0 for flags, _ in frames_in(peer.heard[start:]))
        await peer.says(bytes.fromhex("f8 02 7262"))
        assert await receive(socket) == [b"rb"]


async def commands_have_no_more_bit(context: aiomq.Context, dialect: Dialect) -> None:
    socket = context.socket(aiomq.SUB)
    async with talk(socket, dialect, aiomq.PUB) as peer:
        assert frames_in(peer.heard[64:])[0][0] == COMMAND
        for topic in (b"t", b"t" * 300):
            socket.subscribe(topic)
            await peer.hears(dialect.subscribe(topic))
        await peer.says(command(b"PING", b"\x00\x00end"))
        await peer.hears(command(b"PONG", b"end"))
        assert {flags for flags, _ in frames_in(peer.heard[64:])} <= {0, LONG, COMMAND, COMMAND | LONG}


def frames_in(octets: bytes) -> list[tuple[int, bytes]]:
    """Return the flags and bodies of frames of ZMTP 3.x."""
    frames = []
    while octets:
        flags = octets[0]
        start = 9 if flags & 2 else 2
        stop = start + int.from_bytes(octets[1:start], "big")
        frames.append((flags, octets[start:stop]))
        octets = octets[stop:]
    return frames


# -- messages ---------------------------------------------------------------------------------------------------------


async def message_is_delivered_whole(context: aiomq.Context, dialect: Dialect) -> None:
    socket = context.socket(aiomq.PULL)
    async with talk(socket, dialect, aiomq.PUSH) as peer:
        octets = dialect.message(b"one", b"two", b"three")
        for cut in (len(octets) - 1, 10, 5, 1):
            await peer.says(octets[:cut])
            await peer.hears_nothing()
            assert socket.ready_events() == aiomq.PollEvent(0)
            await peer.says(octets[cut:])
            assert await receive(socket) == [b"one", b"two", b"three"]


async def half_a_message_is_dropped_with_its_connection(context: aiomq.Context, dialect: Dialect) -> None:
    socket = context.socket(aiomq.PULL)
    async with talk(socket, dialect, aiomq.PUSH) as peer:
        other = await join(socket, dialect, aiomq.PUSH)
        await other.says(dialect.message(b"whole") + dialect.message(b"half", b"a message")[:-1])
        other.close()
        await until(lambda: peers_of(socket) == 1)
        await peer.says(dialect.message(b"next"))
        assert sorted([await receive(socket), await receive(socket)]) == [[b"next"], [b"whole"]]


async def frames_are_held_until_the_last_is_sent(context: aiomq.Context, dialect: Dialect) -> None:
    socket = context.socket(aiomq.PUSH)
    async with talk(socket, dialect, aiomq.PULL) as peer:
        for frame in (b"one", b"two", b"3" * 10_000):
            await socket.send(frame, aiomq.SNDMORE)
            await peer.hears_nothing()
        await socket.send(b"last")
        await peer.hears(dialect.message(b"one", b"two", b"3" * 10_000, b"last"))


async def message_data_travel_in_message_frames(context: aiomq.Context, dialect: Dialect) -> None:
    socket = context.socket(aiomq.PUSH)
    bodies = (b"\x05READY", b"\x09SUBSCRIBEx", b"", b"\x01", b"x" * 256)
    async with talk(socket, dialect, aiomq.PULL) as peer:
        start = len(peer.heard)
        await socket.send_multipart(bodies)
        await peer.hears(dialect.message(*bodies))
        flags = [flags for flags, _ in frames_in(peer.heard[start:])]
        assert flags == [MORE, MORE, MORE, MORE, LONG]


# -- all sockets ------------------------------------------------------------------------------------------------------


async def socket_binds_and_connects(
    context: aiomq.Context, dialect: Dialect, ours: aiomq.SocketType, theirs: aiomq.SocketType
) -> None:
    for role in ROLES:
        async with talk(context.socket(ours), dialect, theirs, role) as peer:
            await peer.hears_nothing()


async def connecting_needs_nobody_there(context: aiomq.Context, dialect: Dialect) -> None:
    socket = context.socket(aiomq.PUSH, reconnect_ivl=1)
    with sockets.socket() as place, socket.monitor() as monitor:
        place.bind(("127.0.0.1", 0))
        socket.connect(f"tcp://127.0.0.1:{place.getsockname()[1]}")
        await socket.send(b"early")
        await wait_for(monitor, aiomq.Event.CONNECT_RETRIED)
        listener = ScriptedListener(place)
        peer = await listener.accept()
        await peer.follow(dialect.handshake(aiomq.PUSH, aiomq.PULL))
        await peer.hears(dialect.message(b"early"))
        socket.close()
        peer.close()
        listener.close()


async def message_is_sent_once_over_a_reconnect(context: aiomq.Context, dialect: Dialect) -> None:
    socket = context.socket(aiomq.PUSH, reconnect_ivl=1)
    listener = ScriptedListener()
    socket.connect(listener.endpoint)
    peer = await listener.accept()
    await peer.follow(dialect.handshake(aiomq.PUSH, aiomq.PULL))
    await socket.send(b"one")
    await socket.send_multipart([b"two", b""])
    await peer.hears(dialect.message(b"one") + dialect.message(b"two", b""))
    peer.close()
    peer = await listener.accept()
    await peer.follow(dialect.handshake(aiomq.PUSH, aiomq.PULL))
    await socket.send(b"three")
    await peer.hears(dialect.message(b"three"))
    socket.close()
    await peer.hears_end()
    peer.close()
    listener.close()


async def message_is_sent_once_for_many_subscriptions(context: aiomq.Context, dialect: Dialect) -> None:
    socket = context.socket(aiomq.PUB)
    async with talk(socket, dialect, aiomq.SUB) as peer:
        await peer.says(b"".join(dialect.subscribe(topic) for topic in (b"", b"A", b"AB", b"A")))
        await until(lambda: socket.topics_count == 3)
        await socket.send(b"ABC")
        await peer.hears(dialect.message(b"ABC"))


async def messages_arrive_in_order(context: aiomq.Context, dialect: Dialect) -> None:
    socket = context.socket(aiomq.DEALER)
    messages = [[b"%d" % number, b"x" * (number * 37 % 9000)] for number in range(200)]
    octets = b"".join(dialect.message(*message) for message in messages)
    async with talk(socket, dialect, aiomq.DEALER) as peer:
        hearing = asyncio.create_task(peer.hears(octets))
        for message in messages:
            await socket.send_multipart(message)
        await hearing
        saying = asyncio.create_task(peer.says(octets))
        for message in messages:
            assert await receive(socket) == message
        await saying


# -- publish and subscribe --------------------------------------------------------------------------------------------


async def publisher_filters(
    context: aiomq.Context, dialect: Dialect, topics: list[bytes], wanted: list[bytes], unwanted: list[bytes]
) -> None:
    for ours in (aiomq.PUB, aiomq.XPUB):
        socket = context.socket(ours)
        async with talk(socket, dialect, aiomq.SUB) as peer:
            await peer.says(b"".join(map(dialect.subscribe, topics)))
            await until(lambda socket=socket: socket.topics_count == len(topics))  # type: ignore[misc]  # a default as binding
            for frame in unwanted + wanted:
                await socket.send_multipart([frame, topics[0]])
            await peer.hears(b"".join(dialect.message(frame, topics[0]) for frame in wanted))


async def subscriber_asks(context: aiomq.Context, octets: bytes, dialect: Dialect, topic: bytes) -> None:
    sub = context.socket(aiomq.SUB)
    async with talk(sub, dialect, aiomq.PUB) as peer:
        sub.subscribe(topic)
        await peer.hears(octets)
    xsub = context.socket(aiomq.XSUB)
    async with talk(xsub, dialect, aiomq.PUB) as peer:
        await xsub.send(b"\x01" + topic)
        await peer.hears(octets)


async def subscriber_cancels(context: aiomq.Context, octets: bytes, dialect: Dialect, topic: bytes) -> None:
    sub = context.socket(aiomq.SUB)
    sub.subscribe(topic)
    async with talk(sub, dialect, aiomq.PUB) as peer:
        await peer.hears(dialect.subscribe(topic))
        sub.unsubscribe(topic)
        await peer.hears(octets)
    xsub = context.socket(aiomq.XSUB)
    async with talk(xsub, dialect, aiomq.PUB) as peer:
        await xsub.send(b"\x01" + topic)
        await xsub.send(b"\x00" + topic)
        await peer.hears(dialect.subscribe(topic) + octets)


async def subscriptions_are_counted(context: aiomq.Context, dialect: Dialect) -> None:
    for role in ROLES:
        socket = context.socket(aiomq.SUB)
        async with talk(socket, dialect, aiomq.PUB, role) as peer:
            socket.subscribe(b"A")
            socket.subscribe(b"A")
            await peer.hears(dialect.subscribe(b"A") * 2)
            socket.unsubscribe(b"A")
            await peer.says(dialect.message(b"A1"))
            assert await receive(socket) == [b"A1"]
            socket.unsubscribe(b"A")
            await peer.hears(dialect.cancel(b"A"))
            await peer.says(dialect.message(b"A2"))
            await turns(5)
            assert socket.ready_events() == aiomq.PollEvent(0)


async def publisher_counts_a_peer_once(context: aiomq.Context, dialect: Dialect) -> None:
    socket = context.socket(aiomq.XPUB)
    async with talk(socket, dialect, aiomq.SUB) as peer:
        await peer.says(dialect.subscribe(b"A") * 2 + dialect.cancel(b"A"))
        assert await receive(socket) == [b"\x01A"]
        assert await receive(socket) == [b"\x00A"]
        await socket.send(b"A1")
        await peer.hears_nothing()

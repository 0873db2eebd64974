"""RFC 37, Connection Heartbeating: PING, PONG, and what silence means."""

from __future__ import annotations

import pytest

import aiomq
from tests.conformance.greeting_clauses import LEGAL_PEERS, TYPES
from tests.conformance.scripted_peer import V31, ScriptedListener, command, dial, receive, talk

each_type = pytest.mark.parametrize("ours", TYPES, ids=lambda ours: ours.name)


@pytest.mark.parametrize("ping_context", [b"", b"c", b"sixteen octets!!", b"\x00" * 16], ids=len)
@each_type
async def test_rfc37_heartbeat_ping_is_answered_with_its_context(
    context: aiomq.Context, ours: aiomq.SocketType, ping_context: bytes
) -> None:
    """Every type answers a PING with a PONG that repeats the context."""
    async with talk(context.socket(ours), V31, next(iter(LEGAL_PEERS[ours]))) as peer:
        await peer.says(command(b"PING", b"\x00\x00" + ping_context))
        await peer.hears(command(b"PONG", ping_context))


async def test_rfc37_heartbeat_context_has_up_to_16_octets(context: aiomq.Context) -> None:
    """A PONG must not carry more. As in libzmq a PING that does gets the first 16 of them back."""
    async with talk(context.socket(aiomq.PULL), V31, aiomq.PUSH) as peer:
        await peer.says(command(b"PING", b"\x00\x00" + b"twenty octets in all"))
        await peer.hears(command(b"PONG", b"twenty octets in"))


async def test_rfc37_heartbeat_ping_amid_a_message_does_not_disturb_it(context: aiomq.Context) -> None:
    """A PING may come at any point after the handshake, so also between the frames of a message."""
    socket = context.socket(aiomq.PULL)
    async with talk(socket, V31, aiomq.PUSH) as peer:
        octets = V31.message(b"one", b"two")
        await peer.says(octets[:5] + command(b"PING", b"\x00\x00now") + octets[5:])
        await peer.hears(command(b"PONG", b"now"))
        assert await receive(socket) == [b"one", b"two"]


@pytest.mark.parametrize(("ttl", "tenths"), [(0, b"\x00\x00"), (100, b"\x00\x01"), (6_553_500, b"\xff\xff")])
async def test_rfc37_heartbeat_ping_has_a_time_to_live_in_tenths_of_a_second(
    context: aiomq.Context, ttl: int, tenths: bytes
) -> None:
    """Our PING says HEARTBEAT_TTL as 16 bits in network order, and has no context."""
    socket = context.socket(aiomq.PULL, heartbeat_ivl=10, heartbeat_ttl=ttl, heartbeat_timeout=10_000)
    socket.bind("tcp://127.0.0.1:0")
    peer = await dial(socket)
    await peer.follow(V31.handshake(aiomq.PULL, aiomq.PUSH))
    await peer.hears(command(b"PING", tenths))
    socket.close()
    peer.close()


async def test_rfc37_heartbeat_peer_that_does_not_answer_is_given_up(context: aiomq.Context) -> None:
    """The connection should be taken for dead if nothing comes within a time after a PING; then it is made again."""
    socket = context.socket(aiomq.PULL, heartbeat_ivl=10, heartbeat_timeout=30, reconnect_ivl=1)
    listener = ScriptedListener()
    socket.connect(listener.endpoint)
    for _ in range(2):
        peer = await listener.accept()
        await peer.follow(V31.handshake(aiomq.PULL, aiomq.PUSH))
        await peer.hears(command(b"PING", b"\x00\x00"))
        await peer.hears_only(command(b"PING", b"\x00\x00"))
        peer.close()
    socket.close()
    listener.close()


async def test_rfc37_heartbeat_peer_that_is_silent_for_its_time_to_live_is_given_up(context: aiomq.Context) -> None:
    """A PING with a TTL asks to be given up if nothing follows it for so long."""
    async with talk(context.socket(aiomq.PULL), V31, aiomq.PUSH) as peer:
        await peer.says(command(b"PING", b"\x00\x01"))
        await peer.hears(command(b"PONG"))
        await peer.hears_end()

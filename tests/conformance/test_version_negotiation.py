"""How a socket finds out its peer's version: what it sends when, and what monitors and reconnects make of it."""

from __future__ import annotations

import asyncio

import pytest

import aiomq
from tests.conformance.scripted_peer import (
    DIALECTS,
    NULL_GREETING,
    REVISION_0,
    ROLES,
    SIGNATURE,
    V10,
    V20,
    V30,
    V31,
    Dialect,
    ScriptedListener,
    command,
    dial,
    meet,
    names_of,
    old_type,
    ready,
    receive,
    signature,
    talk,
    turns,
    wait_for,
)

each_dialect = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
each_role = pytest.mark.parametrize("role", ROLES)

TYPES = (
    aiomq.PAIR,
    aiomq.PUB,
    aiomq.SUB,
    aiomq.REQ,
    aiomq.REP,
    aiomq.DEALER,
    aiomq.ROUTER,
    aiomq.PULL,
    aiomq.PUSH,
    aiomq.XPUB,
    aiomq.XSUB,
)
PARTNERS = {
    aiomq.PAIR: aiomq.PAIR,
    aiomq.PUB: aiomq.SUB,
    aiomq.SUB: aiomq.PUB,
    aiomq.REQ: aiomq.REP,
    aiomq.REP: aiomq.REQ,
    aiomq.DEALER: aiomq.ROUTER,
    aiomq.ROUTER: aiomq.DEALER,
    aiomq.PULL: aiomq.PUSH,
    aiomq.PUSH: aiomq.PULL,
    aiomq.XPUB: aiomq.XSUB,
    aiomq.XSUB: aiomq.XPUB,
}


# -- order ------------------------------------------------------------------------------------------------------------


@each_role
@each_dialect
async def test_handshake_sends_each_part_when_it_is_due_and_not_before(
    context: aiomq.Context, dialect: Dialect, role: str
) -> None:
    socket = context.socket(aiomq.DEALER, routing_id=b"abc")
    async with meet(socket, role) as peer:
        steps = dialect.handshake(aiomq.DEALER, aiomq.ROUTER, our_id=b"abc", their_id=b"server")
        await peer.follow(steps, silent_between=True)
        await peer.hears_nothing()
        await socket.send(b"request")
        await peer.hears(dialect.message(b"request"))


@each_role
@each_dialect
async def test_handshake_octet_by_octet_sends_the_same_octets(
    context: aiomq.Context, dialect: Dialect, role: str
) -> None:
    socket = context.socket(aiomq.DEALER, routing_id=b"abc")
    async with meet(socket, role, piece=1) as peer:
        await peer.follow(dialect.handshake(aiomq.DEALER, aiomq.ROUTER, our_id=b"abc", their_id=b"s" * 255))
        await peer.says(dialect.message(b"first", b"message"))
        assert await receive(socket) == [b"first", b"message"]


@each_role
@each_dialect
async def test_handshake_and_message_in_one_burst_are_taken_apart(
    context: aiomq.Context, dialect: Dialect, role: str
) -> None:
    socket = context.socket(aiomq.ROUTER, routing_id=b"server")
    steps = dialect.handshake(aiomq.ROUTER, aiomq.DEALER, our_id=b"server", their_id=b"abc")
    async with meet(socket, role) as peer:
        await peer.says(b"".join(said for _, said in steps) + dialect.message(b"first") + dialect.message(b"", b"2"))
        await peer.hears(b"".join(expected for expected, _ in steps))
        assert await receive(socket) == [b"abc", b"first"]
        assert await receive(socket) == [b"abc", b"", b"2"]


@each_role
@each_dialect
async def test_messages_sent_before_the_handshake_wait_for_its_end(
    context: aiomq.Context, dialect: Dialect, role: str
) -> None:
    """A socket that connects queues at once; one that binds has nobody to queue for until the handshake is over."""
    socket = context.socket(aiomq.PUSH)
    async with meet(socket, role) as peer:
        sending = asyncio.create_task(socket.send_multipart([b"early", b"x" * 300]))
        await turns(2)
        assert sending.done() is (role == "connects")
        steps = dialect.handshake(aiomq.PUSH, aiomq.PULL)
        await peer.follow(steps, silent_between=dialect is not V10)
        await peer.hears(dialect.message(b"early", b"x" * 300))
        await sending


@pytest.mark.parametrize("ours", TYPES, ids=lambda ours: ours.name)
async def test_greeting_to_a_2_0_peer_names_the_type_in_one_octet(
    context: aiomq.Context, ours: aiomq.SocketType
) -> None:
    """15/ZMTP knows nine types: an XPUB calls itself PUB (1) and an XSUB calls itself SUB (2). libzmq says 9 and 10."""
    socket = context.socket(ours)
    async with meet(socket) as peer:
        await peer.hears(SIGNATURE)
        await peer.says(SIGNATURE + b"\x01")
        await peer.hears(bytes((3, old_type(ours))))
        await peer.says(bytes((old_type(PARTNERS[ours]),)))
        await peer.hears(b"\x00\x00")


@pytest.mark.parametrize("identity", [b"", b"XY", b"i" * 253, b"i" * 254, b"i" * 255], ids=len)
@each_dialect
async def test_handshake_carries_a_routing_id_of_any_length(
    context: aiomq.Context, dialect: Dialect, identity: bytes
) -> None:
    socket = context.socket(aiomq.DEALER)
    if identity:
        socket.routing_id = identity
    async with talk(socket, dialect, aiomq.ROUTER) as peer:
        assert peer.heard.startswith(signature(identity))
        assert identity in peer.heard
        await socket.send(b"x")
        await peer.hears(dialect.message(b"x"))


@pytest.mark.parametrize("minor", [0, 1, 7])
@pytest.mark.parametrize("revision", [2, 4, 255])
async def test_revision_that_is_not_known_gets_our_own_version(
    context: aiomq.Context, revision: int, minor: int
) -> None:
    """37/ZMTP counts 2 as ZMTP 2.0; no 2.0 peer ever sent it, and libzmq takes it for 3.x, as is done here."""
    socket = context.socket(aiomq.SUB)
    socket.subscribe(b"t")
    dialect = Dialect("other", revision, minor, V31.frame, has_commands=True)
    async with talk(socket, dialect, aiomq.PUB) as peer:
        await peer.hears(command(b"SUBSCRIBE", b"t"))


@pytest.mark.parametrize("minor", [1, 2, 255])
async def test_minor_version_after_3_0_gets_subscription_commands(context: aiomq.Context, minor: int) -> None:
    socket = context.socket(aiomq.SUB)
    socket.subscribe(b"t")
    dialect = Dialect("other", 3, minor, V31.frame, has_commands=True)
    async with talk(socket, dialect, aiomq.PUB) as peer:
        await peer.hears(command(b"SUBSCRIBE", b"t"))


# -- events -----------------------------------------------------------------------------------------------------------


@each_dialect
async def test_monitor_of_a_bound_socket_tells_of_a_peer_of_each_version(
    context: aiomq.Context, dialect: Dialect
) -> None:
    """Before 3.0 no success is told, and each end of a connection is a failure without detail, as in libzmq."""
    with context.socket(aiomq.ROUTER) as socket, socket.monitor() as monitor:
        socket.bind("tcp://127.0.0.1:0")
        peer = await dial(socket)
        await peer.follow(dialect.handshake(aiomq.ROUTER, aiomq.DEALER, their_id=b"abc"))
        await peer.says(dialect.message(b"x"))
        assert await receive(socket) == [b"abc", b"x"]
        address = peer.address
        peer.close()
        events = await wait_for(monitor, aiomq.Event.DISCONNECTED)
    handshake = ["HANDSHAKE_FAILED_NO_DETAIL" if dialect.is_old else "HANDSHAKE_SUCCEEDED"]
    assert names_of(events) == ["LISTENING", "ACCEPTED", *handshake, "DISCONNECTED"]
    assert {each.peer_address for each in events[1:]} == {address}
    assert events[-1].routing_id == b"abc"
    assert isinstance(events[-1].error, EOFError)
    assert events[-1].reason == "the peer closed the connection"


@each_dialect
async def test_monitor_of_a_connected_socket_tells_of_a_peer_of_each_version(
    context: aiomq.Context, dialect: Dialect
) -> None:
    socket = context.socket(aiomq.ROUTER, reconnect_ivl=1)
    listener = ScriptedListener()
    with socket.monitor() as monitor:
        socket.connect(listener.endpoint)
        peer = await listener.accept()
        await peer.follow(dialect.handshake(aiomq.ROUTER, aiomq.DEALER, their_id=b"abc"))
        await peer.says(dialect.message(b"x"))
        assert await receive(socket) == [b"abc", b"x"]
        peer.close()
        lost = await wait_for(monitor, aiomq.Event.DISCONNECTED)
        peer = await listener.accept()
        await peer.follow(dialect.handshake(aiomq.ROUTER, aiomq.DEALER, their_id=b"abc"))
        again = await wait_for(monitor, aiomq.Event.CONNECTED)
        socket.close()
        await peer.hears_end()
    peer.close()
    listener.close()
    handshake = ["HANDSHAKE_FAILED_NO_DETAIL" if dialect.is_old else "HANDSHAKE_SUCCEEDED"]
    assert names_of(lost) == ["CONNECT_DELAYED", "CONNECTED", *handshake, "DISCONNECTED"]
    assert names_of(again) == ["CONNECT_RETRIED", "CONNECT_DELAYED", "CONNECTED"]


@pytest.mark.parametrize("dialect", [V10, REVISION_0], ids=lambda dialect: dialect.name)
async def test_frame_of_length_zero_from_a_1_0_peer_ends_the_connection_for_good(
    context: aiomq.Context, dialect: Dialect
) -> None:
    """A length counts the flags octet, so there is none of 0. 13/ZMTP would have it ignored; libzmq closes."""
    socket = context.socket(aiomq.PULL, reconnect_ivl=1)
    listener = ScriptedListener()
    with socket.monitor() as monitor:
        socket.connect(listener.endpoint)
        peer = await listener.accept()
        await peer.follow(dialect.handshake(aiomq.PULL, aiomq.PUSH))
        await peer.says(dialect.message(b"before"))
        assert await receive(socket) == [b"before"]
        await peer.says(b"\x00")
        await peer.hears_end()
        events = await wait_for(monitor, aiomq.Event.DISCONNECTED)
        socket.close()
        assert "CONNECT_RETRIED" not in names_of(await wait_for(monitor, aiomq.Event.MONITOR_STOPPED))
    peer.close()
    listener.close()
    assert names_of(events) == ["CONNECT_DELAYED", "CONNECTED", "DISCONNECTED"]
    assert "length 0" in events[-1].reason


# -- what the version decides later -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", [V20, V10, REVISION_0], ids=lambda dialect: dialect.name)
async def test_heartbeat_is_sent_to_3_x_peers_alone(context: aiomq.Context, dialect: Dialect) -> None:
    """37/ZMTP has PING from 3.1 on; libzmq sends it to 3.0 peers as well, because those of its own answer it."""
    socket = context.socket(aiomq.DEALER, heartbeat_ivl=10, heartbeat_timeout=10_000)
    async with talk(socket, dialect, aiomq.DEALER) as old:
        for newer in (V30, V31):
            peer = await dial(socket)
            await peer.follow(newer.handshake(aiomq.DEALER, aiomq.DEALER))
            await peer.hears(bytes.fromhex("04 07 04 50494e47 0000"))
            peer.close()
        await old.hears_nothing()


@pytest.mark.parametrize("after", DIALECTS, ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("before", [V31, V10], ids=lambda dialect: dialect.name)
async def test_queued_message_goes_in_the_form_of_the_version_met_after_a_reconnect(
    context: aiomq.Context, before: Dialect, after: Dialect
) -> None:
    socket = context.socket(aiomq.PUSH, reconnect_ivl=1)
    listener = ScriptedListener()
    with socket.monitor() as monitor:
        socket.connect(listener.endpoint)
        peer = await listener.accept()
        await peer.follow(before.handshake(aiomq.PUSH, aiomq.PULL))
        await socket.send(b"one")
        await peer.hears(before.message(b"one"))
        peer.close()
        await wait_for(monitor, aiomq.Event.DISCONNECTED)
        await socket.send_multipart([b"two", b"x" * 254])
        peer = await listener.accept()
        await peer.follow(after.handshake(aiomq.PUSH, aiomq.PULL))
        await peer.hears(after.message(b"two", b"x" * 254))
        socket.close()
        await peer.hears_end()
    peer.close()
    listener.close()


@pytest.mark.parametrize("after", DIALECTS, ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("before", [V31, V10], ids=lambda dialect: dialect.name)
async def test_subscriptions_are_sent_again_in_the_form_of_the_version_met_after_a_reconnect(
    context: aiomq.Context, before: Dialect, after: Dialect
) -> None:
    socket = context.socket(aiomq.SUB, reconnect_ivl=1)
    listener = ScriptedListener()
    socket.connect(listener.endpoint)
    socket.subscribe(b"t")
    peer = await listener.accept()
    await peer.follow(before.handshake(aiomq.SUB, aiomq.PUB))
    socket.subscribe(b"t")  # counted twice here; told once to the next publisher
    await peer.hears(before.subscribe(b"t") + before.subscribe(b"t"))
    peer.close()
    peer = await listener.accept()
    await peer.follow(after.handshake(aiomq.SUB, aiomq.PUB))
    await peer.hears(after.subscribe(b"t"))
    socket.close()
    await peer.hears_end()
    peer.close()
    listener.close()


async def test_each_peer_of_a_socket_is_spoken_to_in_its_own_version(context: aiomq.Context) -> None:
    socket = context.socket(aiomq.PUSH)
    socket.bind("tcp://127.0.0.1:0")
    peers = []
    for dialect in DIALECTS:
        peer = await dial(socket)
        await peer.follow(dialect.handshake(aiomq.PUSH, aiomq.PULL))
        await peer.hears_nothing()
        peers.append(peer)
    for number in range(3 * len(DIALECTS)):
        await socket.send_multipart([b"%d" % number, b"x" * 254])
    for index, (peer, dialect) in enumerate(zip(peers, DIALECTS, strict=True)):
        for number in range(index, 3 * len(DIALECTS), len(DIALECTS)):
            await peer.hears(dialect.message(b"%d" % number, b"x" * 254))
    socket.close()
    for peer in peers:
        await peer.hears_end()
        peer.close()


async def test_whole_3_1_greeting_is_the_one_of_the_rfc(context: aiomq.Context) -> None:
    socket = context.socket(aiomq.PULL)
    async with meet(socket) as peer:
        await peer.says(SIGNATURE + b"\x03\x01" + NULL_GREETING)
        await peer.hears(bytes.fromhex("ff 0000000000000001 7f 03 01 4e554c4c") + bytes(16) + bytes(32))
        await peer.hears(bytes.fromhex("041a0552454144590b536f636b65742d547970650000000450554c4c"))
        await peer.says(ready(aiomq.PUSH))
        await peer.hears_nothing()

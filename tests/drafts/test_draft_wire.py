"""The draft types octet by octet: handshakes, JOIN and LEAVE, messages to groups, and who is turned away."""

from __future__ import annotations

import asyncio
import errno
from typing import Final

import pytest

import aiomq
from aiomq import Event
from tests.conformance.scripted_peer import (
    ROLES,
    V20,
    V31,
    Dialect,
    ScriptedListener,
    command,
    dial,
    join,
    meet,
    peers_of,
    ready,
    receive,
    talk,
    until,
    v2_frame,
    wait_for,
)

PARTNERS: Final = [
    (aiomq.SERVER, aiomq.CLIENT),
    (aiomq.CLIENT, aiomq.SERVER),
    (aiomq.RADIO, aiomq.DISH),
    (aiomq.DISH, aiomq.RADIO),
    (aiomq.SCATTER, aiomq.GATHER),
    (aiomq.GATHER, aiomq.SCATTER),
    (aiomq.PEER, aiomq.PEER),
    (aiomq.CHANNEL, aiomq.CHANNEL),
]
STRANGERS: Final = [
    (aiomq.SERVER, aiomq.SERVER),
    (aiomq.SERVER, aiomq.DEALER),
    (aiomq.CLIENT, aiomq.ROUTER),
    (aiomq.RADIO, aiomq.SUB),
    (aiomq.DISH, aiomq.PUB),
    (aiomq.SCATTER, aiomq.PULL),
    (aiomq.GATHER, aiomq.PUSH),
    (aiomq.PEER, aiomq.ROUTER),
    (aiomq.CHANNEL, aiomq.PAIR),
    (aiomq.PAIR, aiomq.CHANNEL),
    (aiomq.PUB, aiomq.DISH),
]


def named(pair: object) -> str:
    """Return a type's name for the id of a test."""
    return getattr(pair, "name", str(pair))


# -- handshakes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("ours", "theirs"), PARTNERS, ids=named)
async def test_handshake_names_the_type_and_no_identity(
    context: aiomq.Context, ours: aiomq.SocketType, theirs: aiomq.SocketType, role: str
) -> None:
    socket = context.socket(ours)
    monitor = socket.monitor()
    async with talk(socket, V31, theirs, role) as peer:
        assert (await wait_for(monitor, Event.HANDSHAKE_SUCCEEDED))[-1].event is Event.HANDSHAKE_SUCCEEDED
        assert ready(ours) in peer.heard
        assert b"Identity" not in peer.heard


@pytest.mark.parametrize(("ours", "theirs"), STRANGERS, ids=named)
async def test_peer_of_another_pattern_is_turned_away_with_an_event(
    context: aiomq.Context, ours: aiomq.SocketType, theirs: aiomq.SocketType
) -> None:
    socket = context.socket(ours)
    monitor = socket.monitor()
    async with meet(socket) as peer:
        *steps, (ours_ready, theirs_ready) = V31.handshake(ours, theirs)
        await peer.follow(steps)
        await peer.hears(ours_ready)
        await peer.says(theirs_ready)
        await peer.hears_end(command(b"ERROR", b"\x18incompatible-socket-type"))
        lost = (await wait_for(monitor, Event.DISCONNECTED))[-1]
        assert theirs.name in lost.reason
        assert ours.name in lost.reason
        assert peers_of(socket) == 0


# -- CLIENT, SERVER and others: messages of one frame -----------------------------------------------------------------


async def test_server_knows_a_peer_by_its_connection(context: aiomq.Context) -> None:
    socket = context.socket(aiomq.SERVER)
    async with talk(socket, V31, aiomq.CLIENT) as peer:
        other = await join(socket, V31, aiomq.CLIENT)
        await peer.says(V31.message(b"one"))
        await other.says(V31.message(b"other"))
        ids = {}
        for _ in range(2):
            frame = await socket.recv(copy=False)
            ids[bytes(frame)] = frame.routing_id
        await socket.send(b"to one", routing_id=ids[b"one"])
        await socket.send(b"to other", routing_id=ids[b"other"])
        await peer.hears(V31.message(b"to one"))
        await other.hears(V31.message(b"to other"))
        other.close()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [each for each in PARTNERS if each[0] not in {aiomq.RADIO, aiomq.DISH, aiomq.SCATTER}],
    ids=named,
)
async def test_message_in_parts_is_dropped_and_the_peer_is_kept(
    context: aiomq.Context, ours: aiomq.SocketType, theirs: aiomq.SocketType
) -> None:
    socket = context.socket(ours)
    async with talk(socket, V31, theirs) as peer:
        await peer.says(V31.message(b"a", b"b") + V31.message(b"whole") + V31.message(b"", b"", b"c"))
        await peer.says(V31.message(b"next"))
        assert [await receive(socket), await receive(socket)] == [[b"whole"], [b"next"]]


async def test_scatter_ignores_what_a_gather_says(context: aiomq.Context) -> None:
    socket = context.socket(aiomq.SCATTER)
    async with talk(socket, V31, aiomq.GATHER) as peer:
        await peer.says(V31.message(b"noise") * 3000)
        await socket.send(b"work")
        await peer.hears(V31.message(b"work"))


# -- RADIO ------------------------------------------------------------------------------------------------------------


async def applied(radio: aiomq.Socket) -> None:
    """Return when a RADIO has dealt with what was said to it so far."""
    before = peers_of(radio)
    other = await join(radio, V31, aiomq.DISH)
    other.close()
    await until(lambda: peers_of(radio) == before)


async def test_radio_sends_group_and_body_to_who_joined(context: aiomq.Context) -> None:
    socket = context.socket(aiomq.RADIO)
    async with talk(socket, V31, aiomq.DISH) as peer:
        await socket.send(b"before", group="grp")
        await peer.says(bytes.fromhex("04 08 04 4a4f494e 677270"))
        await applied(socket)
        await socket.send(b"hi", group="grp")
        await peer.hears(bytes.fromhex("01 03 677270 00 02 6869"))
        await socket.send(b"x" * 300, group=b"grp")
        await peer.hears(bytes.fromhex("01 03 677270 02 000000000000012c") + b"x" * 300)
        await peer.says(bytes.fromhex("04 09 05 4c45415645 677270"))
        await applied(socket)
        await socket.send(b"after", group="grp")


async def test_radio_sends_to_the_group_without_a_name(context: aiomq.Context) -> None:
    socket = context.socket(aiomq.RADIO)
    async with talk(socket, V31, aiomq.DISH) as peer:
        await peer.says(command(b"JOIN"))
        await applied(socket)
        await socket.send(b"body")
        await peer.hears(bytes.fromhex("01 00 00 04") + b"body")


async def test_radio_counts_joins(context: aiomq.Context) -> None:
    socket = context.socket(aiomq.RADIO)
    async with talk(socket, V31, aiomq.DISH) as peer:
        await peer.says(command(b"JOIN", b"g") * 2 + command(b"LEAVE", b"g"))
        await applied(socket)
        await socket.send(b"still", group="g")
        await peer.hears(v2_frame(b"g", 1) + v2_frame(b"still"))
        await peer.says(command(b"LEAVE", b"g") * 2)
        await applied(socket)
        await socket.send(b"no more", group="g")


async def test_radio_ends_the_connection_of_who_joins_a_group_with_a_long_name(context: aiomq.Context) -> None:
    socket = context.socket(aiomq.RADIO)
    monitor = socket.monitor()
    async with talk(socket, V31, aiomq.DISH) as peer:
        await peer.says(command(b"JOIN", b"x" * 255))
        await applied(socket)
        await peer.says(command(b"JOIN", b"x" * 256))
        await peer.hears_end()
        events = await wait_for(monitor, Event.DISCONNECTED)
        while "256" not in events[-1].reason:
            events = await wait_for(monitor, Event.DISCONNECTED)


@pytest.mark.parametrize("body", [command(b"JOIN", b"g"), command(b"LEAVE", b"g"), command(b"JOIN", b"x" * 300)])
async def test_joining_means_nothing_to_others(context: aiomq.Context, body: bytes) -> None:
    pull, xpub = context.socket(aiomq.PULL), context.socket(aiomq.XPUB)
    async with talk(pull, V31, aiomq.PUSH) as peer:
        await peer.says(body + V31.message(b"message"))
        assert await receive(pull) == [b"message"]
    async with talk(xpub, V31, aiomq.SUB) as peer:
        await peer.says(body + V31.subscribe(b"topic"))
        assert await receive(xpub) == [b"\x01topic"]


# -- DISH -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", [V31, V20], ids=lambda each: each.name)
async def test_dish_joins_and_leaves_by_commands(context: aiomq.Context, dialect: Dialect) -> None:
    socket = context.socket(aiomq.DISH)
    socket.join("early")
    async with talk(socket, dialect, aiomq.RADIO) as peer:
        await peer.hears(command(b"JOIN", b"early"))
        socket.join("grp")
        await peer.hears(bytes.fromhex("04 08 04 4a4f494e 677270"))
        socket.leave("grp")
        await peer.hears(bytes.fromhex("04 09 05 4c45415645 677270"))
        socket.join(b"x" * 255)
        await peer.hears(bytes.fromhex("06 0000000000000104") + b"\x04JOIN" + b"x" * 255)


async def test_dish_joins_anew_after_a_reconnection(context: aiomq.Context) -> None:
    socket = context.socket(aiomq.DISH, reconnect_ivl=1)
    listener = ScriptedListener()
    socket.connect(listener.endpoint)
    peer = await listener.accept()
    await peer.follow(V31.handshake(aiomq.DISH, aiomq.RADIO))
    for group in ("a", "b"):
        socket.join(group)
        await peer.hears(command(b"JOIN", group.encode()))
    socket.leave("a")
    await peer.hears(command(b"LEAVE", b"a"))
    peer.close()
    peer = await listener.accept()
    await peer.follow(V31.handshake(aiomq.DISH, aiomq.RADIO))
    await peer.hears(command(b"JOIN", b"b"))
    await peer.says(V31.message(b"b", b"body"))
    assert await receive(socket) == [b"body"]
    socket.close()
    await peer.hears_end()
    peer.close()
    listener.close()


async def test_dish_filters_what_a_radio_sends_all_the_same(context: aiomq.Context) -> None:
    socket = context.socket(aiomq.DISH)
    async with talk(socket, V31, aiomq.RADIO) as peer:
        socket.join("grp")
        await peer.hears(command(b"JOIN", b"grp"))
        await peer.says(V31.message(b"gr", b"1") + V31.message(b"grp", b"2") + V31.message(b"grps", b"3"))
        await peer.says(V31.message(b"grp", b""))
        first, second = [await socket.recv(copy=False) for _ in range(2)]
        assert [(bytes(each), each.group) for each in (first, second)] == [(b"2", "grp"), (b"", "grp")]


@pytest.mark.parametrize(
    "said",
    [V31.message(b"alone"), V31.message(b"grp", b"body", b"more"), V31.message(b"x" * 256, b"body")],
    ids=["no-body", "third-frame", "long-name"],
)
async def test_dish_ends_the_connection_of_a_radio_that_sends_no_pair(context: aiomq.Context, said: bytes) -> None:
    socket = context.socket(aiomq.DISH)
    monitor = socket.monitor()
    async with talk(socket, V31, aiomq.RADIO) as peer:
        socket.join("grp")
        await peer.hears(command(b"JOIN", b"grp"))
        await peer.says(V31.message(b"grp", b"before") + said + V31.message(b"grp", b"after"))
        assert await receive(socket) == [b"before"]
        assert not socket.ready_events() & aiomq.POLLIN
        await peer.hears_end()
        assert "group" in (await wait_for(monitor, Event.DISCONNECTED))[-1].reason


# -- STREAM -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
async def test_stream_says_nothing_of_itself(context: aiomq.Context, role: str) -> None:
    socket = context.socket(aiomq.STREAM, handshake_ivl=1)
    monitor = socket.monitor()
    async with meet(socket, role) as peer:
        routing_id, chunk = await receive(socket)
        assert chunk == b""
        await peer.hears_nothing()
        await peer.says(b"raw")
        assert await receive(socket) == [routing_id, b"raw"]
        await socket.send_multipart([routing_id, b"\x00\x00"])
        await peer.hears(b"\x00\x00")
        events = await wait_for(monitor, Event.CONNECTED if role == "connects" else Event.ACCEPTED)
        assert Event.HANDSHAKE_SUCCEEDED not in [each.event for each in events]


async def test_stream_frames_may_all_have_sndmore(context: aiomq.Context) -> None:
    socket = context.socket(aiomq.STREAM)
    async with meet(socket) as peer:
        routing_id, _ = await receive(socket)
        for frame in (routing_id, b"response", routing_id, b""):
            await socket.send(frame, aiomq.SNDMORE)
        await peer.hears_end(b"response")


async def test_stream_unknown_routing_id_is_refused_at_the_first_frame(context: aiomq.Context) -> None:
    socket = context.socket(aiomq.STREAM)
    async with meet(socket) as peer:
        routing_id, _ = await receive(socket)
        with pytest.raises(aiomq.ZMQError) as caught:
            await socket.send(b"unknown", aiomq.SNDMORE)
        assert caught.value.errno == errno.EHOSTUNREACH
        await socket.send(routing_id, aiomq.SNDMORE)
        await socket.send(b"fine")
        await peer.hears(b"fine")


async def test_stream_chunk_for_a_peer_that_went_meanwhile_is_refused_and_forgotten(context: aiomq.Context) -> None:
    socket = context.socket(aiomq.STREAM)
    async with meet(socket) as peer:
        routing_id, _ = await receive(socket)
        other = await dial(socket)
        gone, _ = await receive(socket)
        await socket.send(gone, aiomq.SNDMORE)
        other.close()
        assert await receive(socket) == [gone, b""]
        await until(lambda: peers_of(socket) == 1)
        with pytest.raises(aiomq.ZMQError) as caught:
            await socket.send(b"lost")
        assert caught.value.errno == errno.EHOSTUNREACH
        await socket.send(routing_id, aiomq.SNDMORE)
        await socket.send(b"fine")
        await peer.hears(b"fine")


async def test_stream_reads_no_further_than_its_mark(context: aiomq.Context) -> None:
    socket = context.socket(aiomq.STREAM, rcvhwm=4)
    async with meet(socket) as peer:
        saying = asyncio.ensure_future(peer.says(b"x" * 20_000_000))
        routing_id, size = (await receive(socket))[0], 0
        await asyncio.wait([saying], timeout=0.05)
        assert not saying.done()
        while size < 20_000_000:
            sender, chunk = await receive(socket)
            assert sender == routing_id
            size += len(chunk)
        await saying


async def test_stream_routing_id_reads_as_that_of_the_last_peer(context: aiomq.Context) -> None:
    socket = context.socket(aiomq.STREAM)
    listener = ScriptedListener()
    socket.connect(listener.endpoint)
    routing_id = socket.routing_id
    peer = await listener.accept()
    assert await receive(socket) == [routing_id, b""]
    socket.connect_routing_id = b"named"
    socket.connect(listener.endpoint)
    assert socket.routing_id == routing_id
    other = await listener.accept()
    assert await receive(socket) == [b"named", b""]
    socket.connect_routing_id = b"named"
    with pytest.raises(aiomq.ZMQError) as caught:
        socket.connect(listener.endpoint)
    assert caught.value.errno == errno.EINVAL
    for each in (peer, other, listener):
        each.close()


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:*", "ipc://*"])
async def test_stream_to_stream_over_every_transport_it_has(context: aiomq.Context, address: str) -> None:
    one, other = context.socket(aiomq.STREAM), context.socket(aiomq.STREAM)
    one.bind(address)
    other.connect(one.last_endpoint)
    routing_id = other.routing_id
    await other.send_multipart([routing_id, b"question"])  # before there is a connection
    (our_id, _), (_, question) = await receive(one), await receive(one)
    assert question == b"question"
    await one.send_multipart([our_id, b"answer"])
    await one.send_multipart([our_id, b""])
    assert [await receive(other) for _ in range(3)] == [[routing_id, b""], [routing_id, b"answer"], [routing_id, b""]]

"""Traffic with peers of ZMTP 3.1, 3.0, 2.0, 1.0 and revision 0, octet by octet, whoever binds.

Every test ends with the check that the socket sent what the script says and nothing besides.
"""

from __future__ import annotations

import pytest

import aiomq
from tests.conformance.scripted_peer import (
    DIALECTS,
    REVISION_0,
    ROLES,
    V10,
    V20,
    V30,
    V31,
    Dialect,
    command,
    dial,
    meet,
    receive,
    talk,
    turns,
    until,
)

each_dialect = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
each_role = pytest.mark.parametrize("role", ROLES)

SIZES = (0, 1, 253, 254, 255, 256, 8191, 8192, 70_000)
"""Bodies around the limits of the short forms (253 in ZMTP 1.0, 255 later), and of what is sent by itself."""

TOPIC_SIZES = (0, 1, 245, 246, 252, 253, 254, 255, 256)


# -- PUSH and PULL ----------------------------------------------------------------------------------------------------


@each_role
@each_dialect
async def test_push_sends_frames_in_the_form_of_the_peer_version(
    context: aiomq.Context, dialect: Dialect, role: str
) -> None:
    socket = context.socket(aiomq.PUSH)
    async with talk(socket, dialect, aiomq.PULL, role) as peer:
        for size in SIZES:
            await socket.send(b"x" * size)
            await peer.hears(dialect.message(b"x" * size))
        for frames in ((b"ab", b""), (b"", b"y" * 254, b"z" * 256), (b"", b"", b"")):
            await socket.send_multipart(frames)
            await peer.hears(dialect.message(*frames))


@pytest.mark.parametrize("in_one_turn", [True, False])
@each_dialect
async def test_push_of_many_messages_sends_them_in_order_and_unaltered(
    context: aiomq.Context, dialect: Dialect, in_one_turn: bool
) -> None:
    socket = context.socket(aiomq.PUSH)
    messages = [[b"%d" % number] if number % 3 else [b"%d" % number, b"x" * number] for number in range(300)]
    async with talk(socket, dialect, aiomq.PULL) as peer:
        for message in messages:
            if in_one_turn:
                socket.send_multipart_nowait(message)
            else:
                await socket.send_multipart(message)
                await turns(1)
        await peer.hears(b"".join(dialect.message(*message) for message in messages))


@pytest.mark.parametrize(
    ("dialect", "size", "header"),
    [
        (V10, 5, "06 00"),
        (V10, 0, "01 00"),
        (V10, 253, "fe 00"),
        (V10, 254, "ff 00000000000000ff 00"),
        (V10, 255, "ff 0000000000000100 00"),
        (V10, 256, "ff 0000000000000101 00"),
        (REVISION_0, 253, "fe 00"),
        (REVISION_0, 254, "ff 00000000000000ff 00"),
        (V20, 0, "00 00"),
        (V20, 254, "00 fe"),
        (V20, 255, "00 ff"),
        (V20, 256, "02 0000000000000100"),
        (V30, 255, "00 ff"),
        (V30, 256, "02 0000000000000100"),
        (V31, 255, "00 ff"),
        (V31, 256, "02 0000000000000100"),
    ],
    ids=lambda value: value.name if isinstance(value, Dialect) else None,
)
async def test_push_of_a_body_sends_this_header(
    context: aiomq.Context, dialect: Dialect, size: int, header: str
) -> None:
    socket = context.socket(aiomq.PUSH)
    async with talk(socket, dialect, aiomq.PULL) as peer:
        await socket.send(b"x" * size)
        await peer.hears(bytes.fromhex(header) + b"x" * size)


@each_role
@each_dialect
async def test_pull_receives_frames_of_every_size(context: aiomq.Context, dialect: Dialect, role: str) -> None:
    socket = context.socket(aiomq.PULL)
    messages = [[b"x" * size] for size in SIZES] + [[b"ab", b""], [b"", b"y" * 254, b"z" * 256]]
    async with talk(socket, dialect, aiomq.PUSH, role) as peer:
        for message in messages:
            await peer.says(dialect.message(*message))
            assert await receive(socket) == message
        await peer.says(b"".join(dialect.message(*message) for message in messages[:5]))
        assert [await receive(socket) for _ in range(5)] == messages[:5]


@each_role
@each_dialect
async def test_pull_receives_what_comes_octet_by_octet(context: aiomq.Context, dialect: Dialect, role: str) -> None:
    socket = context.socket(aiomq.PULL)
    messages = [[b"one"], [b""], [b"a", b"", b"c"], [b"x" * 256], [b"y" * 254, b"z"]]
    async with talk(socket, dialect, aiomq.PUSH, role, piece=1) as peer:
        for message in messages:
            await peer.says(dialect.message(*message))
            assert await receive(socket) == message


@pytest.mark.parametrize(
    ("dialect", "octets"),
    [
        (V10, "ff 0000000000000003 00 6869"),
        (REVISION_0, "ff 0000000000000003 00 6869"),
        (V20, "02 0000000000000002 6869"),
        (V30, "02 0000000000000002 6869"),
        (V31, "02 0000000000000002 6869"),
    ],
    ids=lambda value: value.name if isinstance(value, Dialect) else None,
)
async def test_pull_accepts_the_long_form_of_a_short_frame(
    context: aiomq.Context, dialect: Dialect, octets: str
) -> None:
    socket = context.socket(aiomq.PULL)
    async with talk(socket, dialect, aiomq.PUSH) as peer:
        await peer.says(bytes.fromhex(octets))
        assert await receive(socket) == [b"hi"]


@each_dialect
async def test_pull_drops_the_message_that_a_lost_peer_left_half(context: aiomq.Context, dialect: Dialect) -> None:
    socket = context.socket(aiomq.PULL)
    async with talk(socket, dialect, aiomq.PUSH) as peer:
        first = await dial(socket)
        await first.follow(dialect.handshake(aiomq.PULL, aiomq.PUSH))
        await first.says(dialect.message(b"whole") + dialect.message(b"half", b"of it")[: len(b"half") + 3])
        first.close()
        assert await receive(socket) == [b"whole"]
        await peer.says(dialect.message(b"next"))
        assert await receive(socket) == [b"next"]


# -- REQ and REP ------------------------------------------------------------------------------------------------------


@each_role
@each_dialect
async def test_req_sends_a_delimiter_and_takes_the_reply_after_one(
    context: aiomq.Context, dialect: Dialect, role: str
) -> None:
    socket = context.socket(aiomq.REQ, routing_id=b"client")
    async with talk(socket, dialect, aiomq.REP, role) as peer:
        for request, reply in (([b"Q"], [b"r"]), ([b"Q1", b"Q2"], [b"", b"r2"])):
            await socket.send_multipart(request)
            await peer.hears(dialect.message(b"", *request))
            await peer.says(dialect.message(b"", *reply))
            assert await receive(socket) == reply


@each_role
@each_dialect
async def test_rep_sends_the_reply_behind_the_envelope_of_the_request(
    context: aiomq.Context, dialect: Dialect, role: str
) -> None:
    socket = context.socket(aiomq.REP)
    async with talk(socket, dialect, aiomq.DEALER, role) as peer:
        for envelope in ((), (b"hop",), (b"hop two", b"\x00\x01\x02\x03\x04")):
            await peer.says(dialect.message(*envelope, b"", b"Q", b""))
            assert await receive(socket) == [b"Q", b""]
            await socket.send(b"r")
            await peer.hears(dialect.message(*envelope, b"", b"r"))


# -- DEALER and ROUTER ------------------------------------------------------------------------------------------------


@each_role
@each_dialect
async def test_dealer_announces_its_routing_id_and_alters_no_message(
    context: aiomq.Context, dialect: Dialect, role: str
) -> None:
    socket = context.socket(aiomq.DEALER, routing_id=b"\x07" * 255)
    async with talk(socket, dialect, aiomq.ROUTER, role) as peer:
        await socket.send_multipart([b"", b"request"])
        await peer.hears(dialect.message(b"", b"request"))
        await peer.says(dialect.message(b"", b"", b"reply"))
        assert await receive(socket) == [b"", b"", b"reply"]


@each_role
@each_dialect
async def test_router_knows_a_peer_by_the_identity_it_announced(
    context: aiomq.Context, dialect: Dialect, role: str
) -> None:
    socket = context.socket(aiomq.ROUTER, routing_id=b"server")
    async with talk(socket, dialect, aiomq.DEALER, role, their_id=b"worker") as peer:
        await peer.says(dialect.message(b"hello", b""))
        assert await receive(socket) == [b"worker", b"hello", b""]
        await socket.send_multipart([b"worker", b"work", b"1"])
        await socket.send_multipart([b"nobody", b"lost"])
        await socket.send_multipart([b"worker", b""])
        await peer.hears(dialect.message(b"work", b"1") + dialect.message(b""))


@each_role
@each_dialect
async def test_router_gives_an_anonymous_peer_five_octets_that_begin_with_zero(
    context: aiomq.Context, dialect: Dialect, role: str
) -> None:
    socket = context.socket(aiomq.ROUTER)
    async with talk(socket, dialect, aiomq.DEALER, role) as peer:
        await peer.says(dialect.message(b"hello"))
        routing_id, body = await receive(socket)
        assert (len(routing_id), routing_id[0], body) == (5, 0, b"hello")
        await socket.send_multipart([routing_id, b"hello yourself"])
        await peer.hears(dialect.message(b"hello yourself"))


@pytest.mark.parametrize("flags", ["00", "7e"])
async def test_router_takes_the_identity_of_a_1_0_peer_in_the_long_form(context: aiomq.Context, flags: str) -> None:
    socket = context.socket(aiomq.ROUTER, routing_id=b"XY")
    async with meet(socket, piece=1) as peer:
        await peer.says(bytes.fromhex(f"ff 0000000000000004 {flags} 616263 06 00 68656c6c6f"))
        await peer.hears(bytes.fromhex("ff 0000000000000003 7f 5859"))
        assert await receive(socket) == [b"abc", b"hello"]


# -- PUB and SUB ------------------------------------------------------------------------------------------------------


@each_role
@each_dialect
async def test_sub_sends_each_subscription_and_the_last_cancellation(
    context: aiomq.Context, dialect: Dialect, role: str
) -> None:
    socket = context.socket(aiomq.SUB)
    socket.subscribe(b"topic")
    socket.subscribe(b"topic")
    async with talk(socket, dialect, aiomq.PUB, role) as peer:
        await peer.hears(dialect.subscribe(b"topic"))
        await peer.hears_nothing()
        socket.subscribe(b"topic")
        await peer.hears(dialect.subscribe(b"topic"))
        socket.unsubscribe(b"topic")
        socket.unsubscribe(b"topic")
        await peer.hears_nothing()
        socket.unsubscribe(b"topic")
        await peer.hears(dialect.cancel(b"topic"))


@each_dialect
async def test_sub_sends_topics_of_every_size(context: aiomq.Context, dialect: Dialect) -> None:
    socket = context.socket(aiomq.SUB)
    async with talk(socket, dialect, aiomq.PUB) as peer:
        for size in TOPIC_SIZES:
            socket.subscribe(b"T" * size)
            await peer.hears(dialect.subscribe(b"T" * size))
        for size in TOPIC_SIZES:
            socket.unsubscribe(b"T" * size)
            await peer.hears(dialect.cancel(b"T" * size))


@pytest.mark.parametrize(
    ("dialect", "topic", "octets"),
    [
        (V31, b"topic", "04 0f 09 535542534352494245 746f706963"),
        (V31, b"", "04 0a 09 535542534352494245"),
        (V31, b"T" * 246, "06 0000000000000100 09 535542534352494245" + "54" * 246),
        (V30, b"topic", "00 06 01 746f706963"),
        (V30, b"T" * 255, "02 0000000000000100 01" + "54" * 255),
        (V20, b"", "00 01 01"),
        (V20, b"T" * 255, "02 0000000000000100 01" + "54" * 255),
        (V10, b"topic", "07 00 01 746f706963"),
        (V10, b"T" * 252, "fe 00 01" + "54" * 252),
        (V10, b"T" * 253, "ff 00000000000000ff 00 01" + "54" * 253),
        (REVISION_0, b"", "02 00 01"),
    ],
    ids=lambda value: value.name if isinstance(value, Dialect) else None,
)
async def test_sub_sends_these_octets_for_a_topic(
    context: aiomq.Context, dialect: Dialect, topic: bytes, octets: str
) -> None:
    """A topic of 255 octets has a long frame towards 2.0 and 3.0 too; there libzmq forgets the LONG flag."""
    socket = context.socket(aiomq.SUB)
    async with talk(socket, dialect, aiomq.PUB) as peer:
        socket.subscribe(topic)
        await peer.hears(bytes.fromhex(octets))


@each_role
@each_dialect
async def test_sub_drops_what_it_did_not_ask_a_publisher_for(
    context: aiomq.Context, dialect: Dialect, role: str
) -> None:
    socket = context.socket(aiomq.SUB)
    socket.subscribe(b"news")
    async with talk(socket, dialect, aiomq.PUB, role, piece=1) as peer:
        await peer.hears(dialect.subscribe(b"news"))
        await peer.says(dialect.message(b"weather", b"rain") + dialect.message(b"news.local", b"1"))
        assert await receive(socket) == [b"news.local", b"1"]


@each_role
@each_dialect
async def test_xsub_sends_subscriptions_and_messages_upstream(
    context: aiomq.Context, dialect: Dialect, role: str
) -> None:
    socket = context.socket(aiomq.XSUB)
    async with talk(socket, dialect, aiomq.XPUB, role) as peer:
        for each in (b"\x01a", b"hello", b"\x00a"):
            await socket.send(each)
        await peer.hears(dialect.subscribe(b"a") + dialect.message(b"hello") + dialect.cancel(b"a"))
        await peer.says(dialect.message(b"unasked"))
        assert await receive(socket) == [b"unasked"]


@each_role
@pytest.mark.parametrize("dialect", [V31, V30, V20, REVISION_0], ids=lambda dialect: dialect.name)
async def test_pub_sends_what_the_peer_subscribed_to_and_no_more(
    context: aiomq.Context, dialect: Dialect, role: str
) -> None:
    socket = context.socket(aiomq.PUB)
    async with talk(socket, dialect, aiomq.SUB, role) as peer:
        await socket.send(b"abc: too early")
        await peer.says(dialect.subscribe(b"ab"))
        await until(lambda: socket.topics_count == 1)
        for message in ([b"a"], [b"abc", b"1"], [b"b", b"ab"], [b"ab" * 200]):
            await socket.send_multipart(message)
        await peer.hears(dialect.message(b"abc", b"1") + dialect.message(b"ab" * 200))
        await peer.says(dialect.cancel(b"ab"))
        await until(lambda: socket.topics_count == 0)
        await socket.send(b"abc: too late")


@each_role
async def test_pub_sends_everything_to_a_1_0_peer(context: aiomq.Context, role: str) -> None:
    """A 1.0 subscriber filters at its own end and says nothing, so a subscription to everything is made up for it."""
    socket = context.socket(aiomq.PUB)
    async with talk(socket, V10, aiomq.SUB, role) as peer:
        await until(lambda: socket.topics_count == 1)
        for message in ([b"a"], [b"abc", b"1"], [b""]):
            await socket.send_multipart(message)
        await peer.hears(V10.message(b"a") + V10.message(b"abc", b"1") + V10.message(b""))


@each_role
@each_dialect
async def test_xpub_receives_the_subscriptions_of_the_peer(context: aiomq.Context, dialect: Dialect, role: str) -> None:
    """A 1.0 peer is told of as subscribed to everything; nobody else is before it says so."""
    socket = context.socket(aiomq.XPUB)
    async with talk(socket, dialect, aiomq.XSUB, role, piece=1) as peer:
        if dialect is V10:
            assert await receive(socket) == [b"\x01"]
        await peer.says(
            dialect.subscribe(b"t" * 255) + dialect.message(b"hello", b"there") + dialect.cancel(b"t" * 255)
        )
        assert await receive(socket) == [b"\x01" + b"t" * 255]
        assert await receive(socket) == [b"hello", b"there"]
        assert await receive(socket) == [b"\x00" + b"t" * 255]


@pytest.mark.parametrize("dialect", [V31, V30], ids=lambda dialect: dialect.name)
async def test_xpub_accepts_both_forms_of_subscription_from_any_3_x_peer(
    context: aiomq.Context, dialect: Dialect
) -> None:
    socket = context.socket(aiomq.XPUB)
    async with talk(socket, dialect, aiomq.SUB) as peer:
        await peer.says(command(b"SUBSCRIBE", b"as a command") + V30.subscribe(b"as a message"))
        assert await receive(socket) == [b"\x01as a command"]
        assert await receive(socket) == [b"\x01as a message"]
        await peer.says(V30.cancel(b"as a command") + command(b"CANCEL", b"as a message"))
        assert await receive(socket) == [b"\x00as a command"]
        assert await receive(socket) == [b"\x00as a message"]

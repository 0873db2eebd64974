"""What RFC 23 and RFC 37 say in the same words of greetings, mechanisms and metadata: one scenario a clause.

Each is run by `test_rfc23_zmtp30` with a peer that speaks 3.0 and by `test_rfc37_zmtp31` with one that speaks 3.1,
under the name of the clause. A scenario that concerns both who binds and who connects goes through both.
"""

from __future__ import annotations

import struct

import pytest

import aiomq
from aiomq.zmtp.errors import ZmtpError
from aiomq.zmtp.mechanisms.null import NullMechanism
from aiomq.zmtp.session import Session, SessionConfig
from tests.conformance.scripted_peer import (
    NULL_GREETING,
    ROLES,
    SIGNATURE,
    V31,
    Dialect,
    ScriptedListener,
    command,
    dial,
    meet,
    metadata,
    names_of,
    peers_of,
    ready,
    receive,
    signature,
    talk,
    until,
    wait_for,
)

LEGAL_PEERS = {
    aiomq.REQ: {aiomq.REP, aiomq.ROUTER},
    aiomq.REP: {aiomq.REQ, aiomq.DEALER},
    aiomq.DEALER: {aiomq.REP, aiomq.DEALER, aiomq.ROUTER},
    aiomq.ROUTER: {aiomq.REQ, aiomq.DEALER, aiomq.ROUTER},
    aiomq.PUB: {aiomq.SUB, aiomq.XSUB},
    aiomq.XPUB: {aiomq.SUB, aiomq.XSUB},
    aiomq.SUB: {aiomq.PUB, aiomq.XPUB},
    aiomq.XSUB: {aiomq.PUB, aiomq.XPUB},
    aiomq.PUSH: {aiomq.PULL},
    aiomq.PULL: {aiomq.PUSH},
    aiomq.PAIR: {aiomq.PAIR},
}
"""The table of RFC 23 and the list of RFC 37, as far as both have it."""

TYPES = tuple(LEGAL_PEERS)


def greeting(dialect: Dialect, *, padding: bytes = bytes(8), as_server: int = 0) -> bytes:
    """Return the 64 octets of a peer's greeting."""
    assert dialect.revision is not None
    assert dialect.minor is not None
    version = bytes((dialect.revision, dialect.minor))
    return b"\xff" + padding + b"\x7f" + version + b"NULL" + bytes(16) + bytes((as_server,)) + bytes(31)


# -- version negotiation ----------------------------------------------------------------------------------------------


async def partial_greeting_goes_first(context: aiomq.Context, dialect: Dialect) -> None:
    for role in ROLES:
        async with meet(context.socket(aiomq.PULL), role) as peer:
            await peer.hears(SIGNATURE)
            await peer.hears_nothing()
            await peer.says(SIGNATURE)
            await peer.hears(b"\x03")
            await peer.hears_nothing()
            await peer.says(greeting(dialect)[10:] + ready(aiomq.PUSH))
            await peer.hears(b"\x01" + NULL_GREETING + ready(aiomq.PULL))


async def eleven_octets_are_read_before_it_decides(context: aiomq.Context, dialect: Dialect) -> None:
    for role in ROLES:
        async with meet(context.socket(aiomq.PULL), role, piece=1) as peer:
            await peer.says(greeting(dialect)[:10])
            await peer.hears(SIGNATURE + b"\x03")
            await peer.hears_nothing()
            await peer.says(greeting(dialect)[10:11])
            await peer.hears(b"\x01" + NULL_GREETING)


async def padding_means_nothing(context: aiomq.Context, dialect: Dialect) -> None:
    for padding in (bytes(8), b"\xff" * 8, b"padding!", struct.pack(">Q", 1 << 62)):
        for role in ROLES:
            socket = context.socket(aiomq.PULL)
            async with meet(socket, role) as peer:
                await peer.says(greeting(dialect, padding=padding) + ready(aiomq.PUSH) + dialect.message(b"hi"))
                await peer.hears(SIGNATURE + b"\x03\x01" + NULL_GREETING + ready(aiomq.PULL))
                assert await receive(socket) == [b"hi"]


async def higher_version_is_accepted(context: aiomq.Context, major: int, minor: int) -> None:
    newer = Dialect("newer", major, minor, V31.frame, has_commands=True)
    for role in ROLES:
        socket = context.socket(aiomq.PULL)
        async with talk(socket, newer, aiomq.PUSH, role) as peer:
            await peer.says(newer.message(b"from", b"the future"))
            assert await receive(socket) == [b"from", b"the future"]


async def own_version_is_spoken_to(context: aiomq.Context, major: int, minor: int) -> None:
    newer = Dialect("newer", major, minor, V31.frame, has_commands=True)
    socket = context.socket(aiomq.XSUB)
    async with talk(socket, newer, aiomq.XPUB) as peer:
        await socket.send(b"\x01topic")
        await socket.send(b"x" * 256)
        await peer.hears(command(b"SUBSCRIBE", b"topic") + V31.message(b"x" * 256))


class SecureMechanism(NullMechanism):
    """A mechanism that, like every one but NULL, has something to ask of a peer."""

    name = b"SECURE"
    accepts_old_peers = False


def old_peer_is_refused_by_a_secure_one(octets: bytes) -> None:
    session = Session(SessionConfig(socket_type=aiomq.PULL, mechanism=SecureMechanism))
    session.start()
    session.data_to_send()
    with pytest.raises(ZmtpError, match=r"older than ZMTP 3\.0") as refused:
        session.receive_data(octets)
    assert refused.value.fatal
    assert not session.ready


def null_peer_is_refused_by_a_secure_one(dialect: Dialect) -> None:
    session = Session(SessionConfig(socket_type=aiomq.PULL, mechanism=SecureMechanism))
    session.start()
    with pytest.raises(ZmtpError, match=r"'NULL', ours is 'SECURE'"):
        session.receive_data(greeting(dialect) + ready(aiomq.PUSH))
    assert not session.ready


# -- mechanisms and roles ---------------------------------------------------------------------------------------------


async def as_server_means_nothing(context: aiomq.Context, dialect: Dialect) -> None:
    for role in ROLES:
        for as_server in (0, 1):
            socket = context.socket(aiomq.PULL)
            async with meet(socket, role) as peer:
                await peer.says(greeting(dialect, as_server=as_server) + ready(aiomq.PUSH) + dialect.message(b"hi"))
                await peer.hears(SIGNATURE + b"\x03\x01" + NULL_GREETING + ready(aiomq.PULL))
                assert await receive(socket) == [b"hi"]


async def as_server_is_zero(context: aiomq.Context, dialect: Dialect) -> None:
    for role in ROLES:
        async with talk(context.socket(aiomq.PULL), dialect, aiomq.PUSH, role) as peer:
            assert peer.heard[32] == 0
            assert peer.heard[33:64] == bytes(31)


async def mechanism_name_is_legal(context: aiomq.Context, dialect: Dialect) -> None:
    async with talk(context.socket(aiomq.PULL), dialect, aiomq.PUSH) as peer:
        assert peer.heard[12:32] == b"NULL".ljust(20, b"\0")


async def whole_greeting_is_answered_with_a_whole_one(context: aiomq.Context, dialect: Dialect) -> None:
    for role in ROLES:
        async with meet(context.socket(aiomq.PULL), role) as peer:
            await peer.says(greeting(dialect))
            await peer.hears(SIGNATURE + b"\x03\x01" + NULL_GREETING)
            await peer.hears(ready(aiomq.PULL))


async def other_mechanism_closes(context: aiomq.Context, dialect: Dialect, name: bytes) -> None:
    socket = context.socket(aiomq.PULL, reconnect_ivl=1)
    listener = ScriptedListener()
    with socket.monitor() as monitor:
        socket.connect(listener.endpoint)
        peer = await listener.accept()
        await peer.says(greeting(dialect)[:12] + name.ljust(20, b"\0") + bytes(32) + ready(aiomq.PUSH))
        await peer.hears(SIGNATURE + b"\x03\x01" + NULL_GREETING)
        await peer.hears_end()
        failed = (await wait_for(monitor, aiomq.Event.HANDSHAKE_FAILED_PROTOCOL))[-1]
        await wait_for(monitor, aiomq.Event.DISCONNECTED)
        socket.close()
    assert failed.value == aiomq.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH
    peer.close()
    listener.close()


# -- errors -----------------------------------------------------------------------------------------------------------


async def error_command_ends_it_for_good(context: aiomq.Context, dialect: Dialect) -> None:
    socket = context.socket(aiomq.PULL, reconnect_ivl=1)
    listener = ScriptedListener()
    with socket.monitor() as monitor:
        socket.connect(listener.endpoint)
        peer = await listener.accept()
        await peer.says(greeting(dialect) + command(b"ERROR", b"\x07go away"))
        await peer.hears(SIGNATURE + b"\x03\x01" + NULL_GREETING + ready(aiomq.PULL))
        await peer.hears_end()
        lost = await wait_for(monitor, aiomq.Event.DISCONNECTED)
        await listener.accepts_nobody()
        socket.close()
        rest = await wait_for(monitor, aiomq.Event.MONITOR_STOPPED)
    assert "go away" in lost[-1].reason
    assert "CONNECT_RETRIED" not in names_of(rest)
    peer.close()
    listener.close()


async def unexpected_close_is_temporary(context: aiomq.Context, dialect: Dialect) -> None:
    socket = context.socket(aiomq.PULL, reconnect_ivl=1)
    listener = ScriptedListener()
    socket.connect(listener.endpoint)
    for said in (b"", greeting(dialect)[:11], greeting(dialect), greeting(dialect) + ready(aiomq.PUSH)):
        peer = await listener.accept()
        await peer.says(said)
        await peer.hears(SIGNATURE)
        peer.close()
    peer = await listener.accept()
    await peer.says(greeting(dialect) + ready(aiomq.PUSH) + dialect.message(b"at last"))
    assert await receive(socket) == [b"at last"]
    socket.close()
    peer.close()
    listener.close()


# -- the READY command and its metadata -------------------------------------------------------------------------------


async def ready_is_sent_before_one_is_heard(context: aiomq.Context, dialect: Dialect, role: str) -> None:
    socket = context.socket(aiomq.DEALER, routing_id=b"abc")
    async with meet(socket, role) as peer:
        await peer.says(greeting(dialect))
        await peer.hears(signature(b"abc") + b"\x03\x01" + NULL_GREETING)
        await peer.hears(ready(aiomq.DEALER, b"abc"))
        await peer.hears_nothing()
        await peer.says(ready(aiomq.DEALER) + dialect.message(b"x"))
        assert await receive(socket) == [b"x"]


async def metadata_is_refused(context: aiomq.Context, dialect: Dialect, data: bytes) -> None:
    """The peer is told with an ERROR command, which libzmq saves itself, before the connection is closed."""
    async with meet(context.socket(aiomq.PULL)) as peer:
        await peer.says(greeting(dialect) + command(b"READY", data) + dialect.message(b"x"))
        await peer.hears(SIGNATURE + b"\x03\x01" + NULL_GREETING + ready(aiomq.PULL))
        await peer.hears(command(b"ERROR", b"\x10invalid-metadata"))
        await peer.hears_end()


async def metadata_is_accepted(context: aiomq.Context, dialect: Dialect, *properties: tuple[bytes, bytes]) -> None:
    socket = context.socket(aiomq.PULL)
    async with meet(socket) as peer:
        await peer.says(greeting(dialect) + ready(aiomq.PUSH, b"", *properties) + dialect.message(b"hi"))
        await peer.hears(SIGNATURE + b"\x03\x01" + NULL_GREETING + ready(aiomq.PULL))
        assert await receive(socket) == [b"hi"]


async def case_of_names_means_nothing(context: aiomq.Context, dialect: Dialect) -> None:
    socket = context.socket(aiomq.ROUTER)
    async with meet(socket) as peer:
        data = metadata((b"SOCKET-type", b"DEALER"), (b"iDENTITY", b"abc"))
        await peer.says(greeting(dialect) + command(b"READY", data) + dialect.message(b"hi"))
        assert await receive(socket) == [b"abc", b"hi"]
        await peer.hears(SIGNATURE + b"\x03\x01" + NULL_GREETING + ready(aiomq.ROUTER))
        other = await dial(socket)
        await other.says(greeting(dialect) + command(b"READY", metadata((b"socket-TYPE", b"PUB"))))
        await other.hears(SIGNATURE + b"\x03\x01" + NULL_GREETING + ready(aiomq.ROUTER))
        await other.hears(command(b"ERROR", b"\x18incompatible-socket-type"))
        await other.hears_end()
        other.close()


async def metadata_reach_the_other_side(context: aiomq.Context, dialect: Dialect) -> None:
    socket = context.socket(aiomq.ROUTER, routing_id=b"us")
    async with talk(socket, dialect, aiomq.ROUTER, their_id=b"them") as peer:
        assert peer.heard.endswith(metadata((b"Socket-Type", b"ROUTER"), (b"Identity", b"us")))
        await socket.send_multipart([b"them", b"hello"])
        await peer.hears(dialect.message(b"hello"))


async def type_is_announced(context: aiomq.Context, dialect: Dialect, ours: aiomq.SocketType) -> None:
    async with meet(context.socket(ours)) as peer:
        await peer.says(greeting(dialect))
        await peer.hears(SIGNATURE + b"\x03\x01" + NULL_GREETING + ready(ours))
        assert b"X-" not in peer.heard


async def illegal_types_are_refused(context: aiomq.Context, dialect: Dialect, ours: aiomq.SocketType) -> None:
    socket = context.socket(ours)
    async with meet(socket) as first:
        for theirs in TYPES:
            peer = await dial(socket)
            await peer.says(greeting(dialect) + ready(theirs))
            await peer.hears(SIGNATURE + b"\x03\x01" + NULL_GREETING + ready(ours))
            if theirs in LEGAL_PEERS[ours]:
                await peer.hears_nothing()
            else:
                await peer.hears(command(b"ERROR", b"\x18incompatible-socket-type"))
                await peer.hears_end()
            peer.close()
        await until(lambda: peers_of(socket) == 0)
        await first.hears(SIGNATURE)


async def identity_is_ignored_by(
    context: aiomq.Context, dialect: Dialect, ours: aiomq.SocketType, theirs: aiomq.SocketType
) -> None:
    socket = context.socket(ours)
    async with meet(socket) as peer:
        body = metadata((b"Socket-Type", theirs.name.encode()), (b"Identity", b"abc"))
        envelope = (b"",) if ours is aiomq.REP else ()
        await peer.says(greeting(dialect) + command(b"READY", body) + dialect.message(*envelope, b"hi"))
        await peer.hears(SIGNATURE + b"\x03\x01" + NULL_GREETING + ready(ours))
        assert await receive(socket) == [b"hi"]


async def identity_has_up_to_255_octets(context: aiomq.Context, dialect: Dialect) -> None:
    socket = context.socket(aiomq.DEALER)
    with pytest.raises(aiomq.ZMQError, match="1 to 255"):
        socket.routing_id = b"i" * 256
    socket.routing_id = b"i" * 255
    async with talk(socket, dialect, aiomq.ROUTER) as peer:
        assert peer.heard.endswith(b"\x08Identity\x00\x00\x00\xff" + b"i" * 255)

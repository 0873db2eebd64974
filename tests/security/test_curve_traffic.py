"""Messages, subscriptions and heartbeats under CURVE: between both libraries, and with peers of ZMTP 3.0."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final

import pytest
import zmq

import aiomq
from aiomq import Event, z85
from aiomq.message import Item, Membership, Subscription
from aiomq.zmtp.cipher_frames import CipherDecoder, CipherEncoder
from aiomq.zmtp.commands import Ping, encode_ping
from aiomq.zmtp.errors import ZmtpError
from aiomq.zmtp.mechanisms.curve import CurveCipher
from aiomq.zmtp.mechanisms.curve_client import CurveClient
from aiomq.zmtp.mechanisms.curve_server import CurveServer
from tests.security.mechanism_pairs import ALLOWED, CurveParty, facts
from tests.security.sides import (
    CLIENT_KEYS,
    CURVE_CLIENT,
    CURVE_SERVER,
    SERVER_KEYS,
    Library,
    OurSide,
    outcome,
    shake_hands,
)
from tests.transports.scripted import BOUND, COMMAND, Script, Wire, frame, greeting, until

MESSAGES: Final = [
    [b""],
    [b"one"],
    [b"first", b"", b"last"],
    [bytes(range(256)) * 4096],
    [b"small", b"x" * 10_000, b"small"],
    [b"%d" % number for number in range(100)],
]


# -- the codec --------------------------------------------------------------------------------------------------------


def codecs(*, subscription_commands: bool = True, limit: int = -1) -> tuple[CipherEncoder, CipherDecoder]:
    party = CurveParty().to_traffic()
    assert party.client.cipher is not None
    assert party.server.cipher is not None
    encoder = CipherEncoder(subscription_commands=subscription_commands, cipher=party.client.cipher)
    return encoder, CipherDecoder(limit, party.server.cipher)


def decoded(decoder: CipherDecoder, data: bytes, chunk_size: int) -> list[Item]:
    """Return what a decoder makes of data in chunks, as a connection feeds it."""
    items: list[Item] = []
    while data:
        assembly = decoder.assembly
        if assembly.room is not None:
            size = min(len(assembly.room), len(data))
            assembly.room[:size] = data[:size]
            item, whole = assembly.fill_large(size)
            if whole and item is not None:
                items.append(item)
        else:
            size = min(chunk_size, len(data))
            decoder.feed(memoryview(data)[:size])
            while not decoder.starved:
                items += decoder.take(3)
        data = data[size:]
    return items


def encoded(encoder: CipherEncoder, items: list[Item]) -> bytes:
    queue = deque(items)
    data = b""
    while queue:
        buffers, count = encoder.encode(queue)
        data += b"".join(buffers)
        for _ in range(count):
            queue.popleft()
    return data


@pytest.mark.parametrize("chunk_size", [1, 100, 70_000])
def test_items_come_out_as_they_went_in(chunk_size: int) -> None:
    encoder, decoder = codecs()
    items: list[Item] = [message[0] if len(message) == 1 else tuple(message) for message in MESSAGES]
    items += [Subscription(b"topic", subscribe=True), Membership(b"group", join=True), b"end"]
    if chunk_size == 1:
        items = [item for item in items if not isinstance(item, bytes) or len(item) < 1000]

    assert decoded(decoder, encoded(encoder, items), chunk_size) == items


def test_single_items_are_numbered_along_with_batches() -> None:
    encoder, decoder = codecs()

    first = encoder.encode_one(b"first")
    rest = encoded(encoder, [(b"a", b"b"), b"c"])

    assert first is not None
    assert decoded(decoder, first + rest, 1000) == [b"first", (b"a", b"b"), b"c"]
    assert encoder.encode_one(bytes(100_000)) is None
    assert encoder.encode_one((b"", bytes(100_000))) is None
    assert encoder.encode_one(Subscription(b"", subscribe=True)) is None


def test_commands_are_commands_inside_alone() -> None:
    encoder, decoder = codecs()

    data = encoder.encode_command(encode_ping(7, b"context"))

    assert data[0] == 0
    assert decoded(decoder, data, 1000) == []
    assert decoder.assembly.commands == [Ping(7, b"context")]


def test_flags_of_the_outer_frame_say_nothing() -> None:
    encoder, decoder = codecs()
    data = bytearray(encoder.encode_one(b"x") or b"")
    data[0] = 0x05

    assert decoded(decoder, bytes(data), 1000) == [b"x"]


def test_limit_counts_the_wrapping() -> None:
    encoder, decoder = codecs(limit=100)

    assert decoded(decoder, encoded(encoder, [bytes(67)]), 1000) == [bytes(67)]
    with pytest.raises(ZmtpError, match="MAXMSGSIZE"):
        decoded(decoder, encoded(encoder, [bytes(68)]), 1000)


def test_what_came_before_a_spoilt_frame_is_given_out() -> None:
    encoder, decoder = codecs()
    data = encoded(encoder, [b"good", b"bad"])
    decoder.feed(data[:-1] + bytes([data[-1] ^ 1]))

    assert decoder.take(10) == [b"good"]
    with pytest.raises(ZmtpError):
        decoder.take(10)


# -- between the libraries --------------------------------------------------------------------------------------------


async def test_messages_arrive_both_ways(server_library: Library, client_library: Library) -> None:
    server = server_library.make(zmq.PAIR, **CURVE_SERVER)
    client = client_library.make(zmq.PAIR, **CURVE_CLIENT)
    await shake_hands(server, client)

    for message in MESSAGES:
        await client.send(*message)
        assert await server.recv() == message
        await server.send(*message)
        assert await client.recv() == message


async def test_subscriptions_arrive_and_end(server_library: Library, client_library: Library) -> None:
    server = server_library.make(zmq.XPUB, **CURVE_SERVER)
    client = client_library.make(zmq.XSUB, **CURVE_CLIENT)
    await shake_hands(server, client)

    await client.send(b"\x01topic")
    assert await server.recv() == [b"\x01topic"]
    await server.send(b"other", b"unwanted")
    await server.send(b"topic one", b"wanted")
    assert await client.recv() == [b"topic one", b"wanted"]
    await client.send(b"\x00topic")
    assert await server.recv() == [b"\x00topic"]


async def test_heartbeats_keep_the_connection(server_library: Library, client_library: Library) -> None:
    server = server_library.make(zmq.PAIR, heartbeat_ivl=30, heartbeat_timeout=1000, **CURVE_SERVER)
    client = client_library.make(zmq.PAIR, heartbeat_ivl=30, heartbeat_timeout=1000, **CURVE_CLIENT)
    await shake_hands(server, client)

    assert await client.quiet()
    await client.send(b"still there")
    assert await server.recv() == [b"still there"]


async def test_client_comes_back_to_a_server_that_was_restarted(
    server_library: Library, client_library: Library
) -> None:
    server = server_library.make(zmq.PULL, **CURVE_SERVER)
    client = client_library.make(zmq.PUSH, reconnect_ivl=10, **CURVE_CLIENT)
    address = server.bind("tcp://127.0.0.1:*")
    client.connect(address)
    await outcome(client)
    await client.send(b"before")
    assert await server.recv() == [b"before"]

    server.close()
    while (await client.event())[0] is not Event.DISCONNECTED:
        continue
    restarted = server_library.make(zmq.PULL, **CURVE_SERVER)
    async with asyncio.timeout(BOUND):
        while True:
            try:
                restarted.bind(address)
            except (aiomq.ZMQError, zmq.ZMQError):  # libzmq closes in the background
                await asyncio.sleep(0)
            else:
                break
    while (await outcome(client))[0] is not Event.HANDSHAKE_SUCCEEDED:
        continue
    await client.send(b"after")
    assert await restarted.recv() == [b"after"]


# -- peers of ZMTP 3.0 ------------------------------------------------------------------------------------------------


@pytest.fixture
async def script() -> AsyncIterator[Script]:
    """Return a maker of scripted peers."""
    async with Script() as made:
        yield made


class Wrapped:
    """A scripted peer of ZMTP 3.0 whose handshake is over."""

    def __init__(self, wire: Wire, cipher: CurveCipher) -> None:
        self._wire = wire
        self._cipher = cipher

    def send(self, body: bytes, *, more: bool = False, command: bool = False) -> None:
        self._wire.send(frame(self._cipher.encode(body, more=more, command=command)))

    def send_raw(self, body: bytes) -> None:
        self._wire.send(frame(body))

    async def recv(self) -> tuple[bytes, bool, bool]:
        flags, body = await self._wire.frame()
        assert flags == 0
        return self._cipher.decode(body)


async def as_client(wire: Wire, socket_type: aiomq.SocketType) -> Wrapped:
    """Speak as a CURVE client of ZMTP 3.0."""
    public, secret = map(z85.decode, CLIENT_KEYS)
    client = CurveClient(public, secret, z85.decode(SERVER_KEYS[0]))
    wire.send(greeting(b"CURVE", (3, 0)))
    await wire.read(64)
    replies = client.start(facts(socket_type))
    while replies or not client.ready:
        for reply in replies:
            wire.send(frame(reply, COMMAND))
        replies = client.receive((await wire.frame())[1])
    assert isinstance(client.cipher, CurveCipher)
    return Wrapped(wire, client.cipher)


async def as_server(wire: Wire, socket_type: aiomq.SocketType) -> Wrapped:
    """Speak as a CURVE server of ZMTP 3.0."""
    server = CurveServer(z85.decode(SERVER_KEYS[1]))
    wire.send(greeting(b"CURVE", (3, 0)))
    await wire.read(64)
    server.start(facts(socket_type))
    while not server.ready:
        replies = server.receive((await wire.frame())[1])
        if server.question is not None:
            replies = server.answer(ALLOWED)
        for reply in replies:
            wire.send(frame(reply, COMMAND))
    assert isinstance(server.cipher, CurveCipher)
    return Wrapped(wire, server.cipher)


async def test_subscriptions_go_to_an_old_publisher_as_messages(context: aiomq.Context, script: Script) -> None:
    acceptor = await script.listen()
    with context.socket(aiomq.SUB, **CURVE_CLIENT) as sub:
        sub.connect(acceptor.endpoint)
        peer = await as_server(await script.accepted(acceptor), aiomq.SocketType.PUB)
        sub.subscribe(b"topic")
        assert await peer.recv() == (b"\x01topic", False, False)
        sub.unsubscribe(b"topic")
        assert await peer.recv() == (b"\x00topic", False, False)


async def test_subscriptions_of_an_old_subscriber_are_messages(context: aiomq.Context, script: Script) -> None:
    with context.socket(aiomq.XPUB, linger=0, **CURVE_SERVER) as xpub:
        xpub.bind("tcp://127.0.0.1:0")
        peer = await as_client(await script.dial(xpub.last_endpoint), aiomq.SocketType.SUB)
        peer.send(b"\x01topic")
        assert await xpub.recv() == b"\x01topic"
        await xpub.send_multipart([b"topic", b"news"])
        assert await peer.recv() == (b"topic", True, False)
        assert await peer.recv() == (b"news", False, False)


async def pass_on(source: Wire, target: Wire, keep: Callable[[list[bytes]], list[bytes]] | None = None) -> None:
    """Hand on all that one side says; with `keep`, of the four frames after the handshake what that makes of them."""
    with contextlib.suppress(EOFError, OSError):
        for size in (10, 1, 53):  # each side waits for these parts of the other's greeting
            target.send(await source.read(size))
        for _ in range(2):  # HELLO and INITIATE, or WELCOME and READY
            target.send(frame((await source.frame())[1], COMMAND))
        if keep is not None:
            for body in keep([(await source.frame())[1] for _ in range(4)]):
                target.send(frame(body))
        while True:
            target.send(frame((await source.frame())[1]))


ATTACKS: Final[dict[str, Callable[[list[bytes]], list[bytes]]]] = {
    "cut out": lambda frames: [frames[0], frames[2], frames[3]],
    "first cut out": lambda frames: frames[1:],
    "repeated": lambda frames: [frames[0], frames[0], *frames[1:]],
    "reordered": lambda frames: [frames[0], frames[2], frames[1], frames[3]],
}


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("to_server", [True, False], ids=["to server", "to client"])
async def test_messages_changed_on_the_way_are_not_received_and_end_the_connection(
    attack: str, to_server: bool, libraries: dict[str, Library], client_library: Library, script: Script
) -> None:
    ours, theirs = (CURVE_SERVER, CURVE_CLIENT) if to_server else (CURVE_CLIENT, CURVE_SERVER)
    receiver = libraries["aiomq"].make(zmq.PULL, reconnect_ivl=-1, **ours)
    sender = client_library.make(zmq.PUSH, reconnect_ivl=-1, **theirs)
    acceptor = await script.listen()
    receiver.connect(acceptor.endpoint)
    near = await script.accepted(acceptor)
    far = await script.dial(sender.bind("tcp://127.0.0.1:*"))
    passing = [asyncio.create_task(pass_on(near, far)), asyncio.create_task(pass_on(far, near, ATTACKS[attack]))]

    assert await outcome(receiver) == (Event.HANDSHAKE_SUCCEEDED, 0)
    await sender.send(b"pay bob", b"1")
    await sender.send(b"pay eve", b"1000")

    code = aiomq.ProtocolError.PROTOCOL_ERROR_ZMTP_INVALID_SEQUENCE
    assert await outcome(receiver) == (Event.HANDSHAKE_FAILED_PROTOCOL, code)
    assert isinstance(receiver, OurSide)
    with pytest.raises(aiomq.Again):
        receiver.sock.recv_nowait()
    for each in passing:
        each.cancel()
    await asyncio.wait(passing)


async def test_what_a_peer_gets_back_of_its_own_ends_the_connection(context: aiomq.Context, script: Script) -> None:
    with context.socket(aiomq.DEALER, linger=0, **CURVE_SERVER) as sock, sock.monitor() as monitor:
        sock.bind("tcp://127.0.0.1:0")
        wire = await script.dial(sock.last_endpoint)
        peer = await as_client(wire, aiomq.SocketType.DEALER)
        for number in range(2):  # the second has the number that is awaited of the peer
            await sock.send(b"%d" % number)
        await wire.frame()

        peer.send_raw((await wire.frame())[1])

        failed = await until(monitor, Event.HANDSHAKE_FAILED_PROTOCOL)
        assert failed.value == aiomq.ProtocolError.PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC
        await wire.ended()


@pytest.mark.parametrize("order", [[1], [0, 0], [0, 2]], ids=["first cut out", "repeated", "cut out"])
@pytest.mark.parametrize("bound", [True, False], ids=["server", "client"])
async def test_subscriptions_of_an_old_peer_are_counted_too(
    order: list[int], bound: bool, context: aiomq.Context, script: Script
) -> None:
    with context.socket(aiomq.XPUB, **(CURVE_SERVER if bound else CURVE_CLIENT)) as xpub, xpub.monitor() as monitor:
        if bound:
            xpub.bind("tcp://127.0.0.1:0")
            wire = await script.dial(xpub.last_endpoint)
            peer = await as_client(wire, aiomq.SocketType.SUB)
        else:
            acceptor = await script.listen()
            xpub.connect(acceptor.endpoint)
            wire = await script.accepted(acceptor)
            peer = await as_server(wire, aiomq.SocketType.SUB)
        sealed = [peer._cipher.encode(b"\x01%d" % number, more=False, command=False) for number in range(3)]

        for number in order:
            peer.send_raw(sealed[number])

        failed = await until(monitor, Event.HANDSHAKE_FAILED_PROTOCOL)
        assert failed.value == aiomq.ProtocolError.PROTOCOL_ERROR_ZMTP_INVALID_SEQUENCE
        await wire.ended()


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda sealed: sealed, aiomq.ProtocolError.PROTOCOL_ERROR_ZMTP_INVALID_SEQUENCE),
        (
            lambda sealed: sealed[:8] + (4).to_bytes(8) + sealed[16:],
            aiomq.ProtocolError.PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC,
        ),
        (lambda sealed: b"\x05hello", aiomq.ProtocolError.PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND),
        (lambda sealed: b"clear text", aiomq.ProtocolError.PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED),
    ],
    ids=["repeated", "tampered", "named", "clear"],
)
async def test_spoilt_traffic_ends_the_connection_and_is_told(
    spoil: object, code: aiomq.ProtocolError, context: aiomq.Context, script: Script
) -> None:
    assert callable(spoil)
    with context.socket(aiomq.PULL, **CURVE_SERVER) as pull, pull.monitor() as monitor:
        pull.bind("tcp://127.0.0.1:0")
        wire = await script.dial(pull.last_endpoint)
        peer = await as_client(wire, aiomq.SocketType.PUSH)
        sealed = peer._cipher.encode(b"good", more=False, command=False)
        peer.send_raw(sealed)
        assert await pull.recv() == b"good"

        peer.send_raw(spoil(sealed))

        assert (await until(monitor, Event.HANDSHAKE_FAILED_PROTOCOL)).value == code
        await wire.ended()

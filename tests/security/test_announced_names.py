"""What a peer may not say of itself: its User-Id comes from ZAP alone, its address from what we see."""

from __future__ import annotations

import socket as system
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import pytest

import aiomq
from aiomq import z85
from aiomq.auth import CURVE_ALLOW_ANY, Authenticator
from aiomq.constants import SocketType
from aiomq.options import SocketOptions
from aiomq.zmtp.commands import encode_metadata
from aiomq.zmtp.mechanisms.base import Mechanism, SessionFacts, ZapReply, outweigh
from aiomq.zmtp.mechanisms.curve_client import CurveClient
from aiomq.zmtp.mechanisms.curve_server import CurveServer
from aiomq.zmtp.mechanisms.null import NullMechanism
from aiomq.zmtp.mechanisms.plain import PlainClient, PlainServer
from aiomq.zmtp.zap import parse_reply
from tests.security.mechanism_pairs import CLIENT, SERVER
from tests.security.sides import CLIENT_KEYS, CURVE_CLIENT, CURVE_SERVER, PLAIN_CLIENT, PLAIN_SERVER, Library, verdict
from tests.transports.scripted import Script, frame, handshake

CLAIMS: Final = (
    ("User-Id", b"root"),
    ("user-id", b"root"),
    ("USER-ID", b"root"),
    ("Peer-Address", b"127.0.0.1"),
    ("peer-address", b"127.0.0.1"),
    ("Routing-Id", b"root"),
    ("Public-Key", b"root"),
    ("__fd", b"3"),
    ("X-Role", b"root"),
)

PAIRS: Final[dict[str, tuple[Callable[[], Mechanism], Callable[[], Mechanism]]]] = {
    "NULL": (NullMechanism, NullMechanism),
    "PLAIN": (lambda: PlainClient(b"admin", b"secret"), PlainServer),
    "CURVE": (lambda: CurveClient(*CLIENT, SERVER[0]), lambda: CurveServer(SERVER[1])),
}


def facts(zap_domain: bytes = b"") -> SessionFacts:
    return SessionFacts(
        socket_type=SocketType.DEALER, routing_id=b"me", metadata=CLAIMS, zap_domain=zap_domain, peer_as_server=False
    )


def met(mechanism: str, reply: ZapReply) -> tuple[Mechanism, Mechanism]:
    """Return a client and a server that have announced to each other what is not theirs to announce."""
    client, server = (make() for make in PAIRS[mechanism])
    to_server, to_client = client.start(facts()), server.start(facts(b"global"))
    while not (client.ready and server.ready):
        if server.question is not None:
            to_client += server.answer(reply)
        elif to_server:
            to_client += server.receive(to_server.pop(0))
        else:
            to_server += client.receive(to_client.pop(0))
    for body in to_client:
        client.receive(body)
    return client, server


def found_out(mechanism: str) -> dict[str, bytes]:
    """Return what a server finds out about a client by itself."""
    return {"Public-Key": z85.encode(CLIENT[0])} if mechanism == "CURVE" else {}


@pytest.mark.parametrize("mechanism", PAIRS)
def test_peer_cannot_say_who_it_is(mechanism: str) -> None:
    announced = {"Socket-Type": b"DEALER", "Identity": b"me", "X-Role": b"root"}

    client, server = met(mechanism, ZapReply(status=200))

    assert client.metadata == announced
    assert server.metadata == announced | found_out(mechanism)


@pytest.mark.parametrize("mechanism", PAIRS)
def test_what_a_handler_says_outweighs_in_any_case_of_letters(mechanism: str) -> None:
    given = {"User-Id": b"joe", "x-role": b"guest"}

    _, server = met(mechanism, ZapReply(status=200, metadata=given))

    expected = {"Socket-Type": b"DEALER", "Identity": b"me", "User-Id": b"joe", "x-role": b"guest"}
    assert server.metadata == expected | found_out(mechanism)


def test_user_id_of_a_reply_outweighs_its_metadata() -> None:
    metadata = encode_metadata([("user-id", b"root"), ("X-Key", b"1")])
    reply = parse_reply((b"", b"1.0", b"1", b"200", b"", b"joe", metadata))

    assert reply.metadata == {"X-Key": b"1", "User-Id": b"joe"}


def test_properties_outweigh_in_any_case_of_letters() -> None:
    assert outweigh({"X-A": b"1", "x-b": b"2"}, {"x-a": b"3"}) == {"x-b": b"2", "x-a": b"3"}


@pytest.fixture
async def script() -> AsyncIterator[Script]:
    """Return a maker of scripted peers."""
    async with Script() as made:
        yield made


def known(message: aiomq.Frame, name: str) -> object:
    try:
        return message.get(name)
    except aiomq.ZMQError:
        return None


@pytest.mark.parametrize(
    "address",
    [
        "tcp://127.0.0.1:*",
        pytest.param(
            "ipc://{}/s", marks=pytest.mark.skipif(not hasattr(system, "AF_UNIX"), reason="needs Unix sockets")
        ),
        "",
    ],
    ids=["tcp", "ipc", "dialer"],
)
async def test_frames_tell_nothing_that_a_stranger_made_up(
    address: str, context: aiomq.Context, script: Script, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with context.socket(aiomq.PULL) as pull:
        if address:
            pull.bind(address.format(tmp_path_factory.mktemp("s")))
            wire = await script.dial(pull.last_endpoint)
        else:
            acceptor = await script.listen()
            pull.connect(acceptor.endpoint)
            wire = await script.accepted(acceptor)
        claims = [(name, b"192.0.2.7" if "ddress" in name else value) for name, value in CLAIMS]
        wire.send(handshake("PUSH", *claims) + frame(b"hello"))

        message = await pull.recv(copy=False)

        assert known(message, "User-Id") is known(message, "user-id") is None
        assert known(message, "Peer-Address") == known(message, "PEER-ADDRESS") != "192.0.2.7"
        assert known(message, "Routing-Id") is known(message, "__fd") is None
        assert known(message, "X-Role") == "root"


@pytest.mark.parametrize(
    ("server", "client", "user_id"),
    [
        ({"zap_domain": b"global"}, {}, "anonymous"),
        (PLAIN_SERVER, PLAIN_CLIENT, "admin"),
        (CURVE_SERVER, CURVE_CLIENT, CLIENT_KEYS[0].decode()),
    ],
    ids=["NULL", "PLAIN", "CURVE"],
)
async def test_user_id_is_the_handlers_under_every_mechanism(
    server: dict[str, Any], client: dict[str, Any], user_id: str, context: aiomq.Context
) -> None:
    async with Authenticator(context) as auth:
        auth.configure_plain("*", {"admin": "secret"})
        auth.configure_curve("*", CURVE_ALLOW_ANY)
        with context.socket(aiomq.PULL, **server) as pull, context.socket(aiomq.PUSH, **client) as push:
            _announce(push, "User-Id", b"root")
            _announce(push, "user-id", b"root")
            pull.bind("tcp://127.0.0.1:*")
            push.connect(pull.last_endpoint)
            await push.send(b"hello")

            assert (await pull.recv(copy=False)).get("USER-ID") == user_id


async def test_curve_peer_that_nobody_asked_about_has_no_user_id(context: aiomq.Context) -> None:
    with context.socket(aiomq.PULL, **CURVE_SERVER) as pull, context.socket(aiomq.PUSH, **CURVE_CLIENT) as push:
        _announce(push, "User-Id", b"root")
        pull.bind("tcp://127.0.0.1:*")
        push.connect(pull.last_endpoint)
        await push.send(b"hello")

        assert known(await pull.recv(copy=False), "User-Id") is None


def _announce(sock: aiomq.Socket, name: str, value: bytes) -> None:
    """Have a socket announce what its METADATA option would refuse."""
    options: SocketOptions = sock._core.options
    options.metadata = (*options.metadata, (name.encode(), value))


async def test_handler_may_say_where_a_peer_is_if_nobody_sees_it(
    context: aiomq.Context, libraries: dict[str, Library], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiomq.transports.peer_properties.peer_address", lambda _: b"")
    said = verdict(b"200", metadata=encode_metadata([("Peer-Address", b"the back door")]))
    async with libraries["aiomq"].handler(said):
        with context.socket(aiomq.PULL, zap_domain="global") as pull, context.socket(aiomq.PUSH) as push:
            _announce(push, "peer-address", b"127.0.0.1")
            pull.bind("tcp://127.0.0.1:*")
            push.connect(pull.last_endpoint)
            await push.send(b"hello")

            assert (await pull.recv(copy=False)).get("Peer-Address") == "the back door"

"""The options of security: which mechanism they make up, and which ones do not go together."""

from __future__ import annotations

import errno
from typing import Any

import pytest
import zmq

import aiomq
from aiomq import crypto, z85
from aiomq.constants import SecurityMechanism
from aiomq.core import SocketCore
from aiomq.security import mechanism_for
from aiomq.zmtp.mechanisms.curve_client import CurveClient
from aiomq.zmtp.mechanisms.curve_server import CurveServer
from aiomq.zmtp.mechanisms.null import NullMechanism
from aiomq.zmtp.mechanisms.plain import PlainClient, PlainServer
from tests.security.sides import CLIENT_KEYS, CURVE_CLIENT, CURVE_SERVER, PLAIN_CLIENT, PLAIN_SERVER, SERVER_KEYS
from tests.transports.judge import Judge

_SEQUENCES: list[list[tuple[str, Any]]] = [
    [],
    [("plain_server", 1)],
    [("plain_server", 1), ("plain_server", 0)],
    [("plain_username", b"admin")],
    [("plain_password", b"secret")],
    [("plain_server", 1), ("plain_username", b"admin")],
    [("plain_username", b"admin"), ("plain_server", 1)],
    [("curve_server", 1)],
    [("curve_server", 1), ("curve_server", 0)],
    [("curve_server", 1), ("curve_serverkey", SERVER_KEYS[0])],
    [("curve_publickey", CLIENT_KEYS[0])],
    [("curve_secretkey", CLIENT_KEYS[1])],
    [("plain_server", 1), ("curve_secretkey", CLIENT_KEYS[1])],
    [("curve_server", 1), ("plain_username", b"admin")],
    [("plain_server", 1), ("curve_server", 0)],
    [("zap_domain", b"global")],
]


@pytest.mark.parametrize("sequence", _SEQUENCES)
async def test_last_option_decides_as_in_libzmq(
    sequence: list[tuple[str, Any]], context: aiomq.Context, judge: Judge
) -> None:
    theirs = judge.socket(zmq.DEALER)
    with context.socket(aiomq.DEALER) as ours:
        for name, value in sequence:
            setattr(theirs, name, value)
            ours.set(name, value)

        for option in (zmq.MECHANISM, zmq.PLAIN_SERVER, zmq.CURVE_SERVER):
            assert ours.get(int(option)) == theirs.get(option), option.name


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, NullMechanism),
        (PLAIN_SERVER, PlainServer),
        (PLAIN_CLIENT, PlainClient),
        (CURVE_SERVER, CurveServer),
        (CURVE_CLIENT, CurveClient),
    ],
)
async def test_mechanism_is_what_the_options_say(
    options: dict[str, Any], expected: type, context: aiomq.Context
) -> None:
    with context.socket(aiomq.DEALER, **options) as sock:
        core: SocketCore = sock._core
        assert type(mechanism_for(core.options)()) is expected
        assert sock.get(aiomq.MECHANISM) == SecurityMechanism[expected.name.decode()]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"curve_server": 1}, "CURVE server needs a key in CURVE_SECRETKEY"),
        ({"curve_serverkey": SERVER_KEYS[0]}, "CURVE client needs a key in CURVE_PUBLICKEY and in CURVE_SECRETKEY"),
        (
            {"curve_publickey": CLIENT_KEYS[0], "curve_secretkey": CLIENT_KEYS[1]},
            "CURVE client needs a key in CURVE_SERVERKEY",
        ),
        (CURVE_CLIENT | {"curve_publickey": SERVER_KEYS[0]}, "not the keys of one pair"),
        ({"plain_server": 1, "zap_enforce_domain": 1}, "a PLAIN server with ZAP_ENFORCE_DOMAIN needs a ZAP_DOMAIN"),
        (CURVE_SERVER | {"zap_enforce_domain": 1}, "a CURVE server with ZAP_ENFORCE_DOMAIN needs a ZAP_DOMAIN"),
    ],
)
async def test_options_that_do_not_go_together_are_an_error_at_bind_and_connect(
    options: dict[str, Any], complaint: str, context: aiomq.Context
) -> None:
    with context.socket(aiomq.DEALER, **options) as sock:
        for call in (sock.bind, sock.connect):
            with pytest.raises(aiomq.ZMQError, match=complaint) as refused:
                call("tcp://127.0.0.1:5555")
            assert refused.value.errno == errno.EINVAL
            for secret in (CLIENT_KEYS[1], SERVER_KEYS[1]):
                assert secret.decode() not in str(refused.value)


@pytest.mark.parametrize(
    "options",
    [
        PLAIN_SERVER | {"zap_domain": b"global"},
        CURVE_SERVER | {"zap_domain": b"global"},
        PLAIN_CLIENT,
        CURVE_CLIENT,
        {},
    ],
    ids=["PLAIN server", "CURVE server", "PLAIN client", "CURVE client", "NULL"],
)
async def test_domain_is_enforced_where_there_is_one_and_of_servers_alone(
    options: dict[str, Any], context: aiomq.Context
) -> None:
    with context.socket(aiomq.DEALER, linger=0, zap_enforce_domain=1, **options) as sock:
        sock.bind("tcp://127.0.0.1:*")
        sock.connect(sock.last_endpoint)


@pytest.mark.parametrize("options", [PLAIN_SERVER, CURVE_SERVER], ids=["PLAIN", "CURVE"])
async def test_bind_without_the_domain_succeeds_once_it_is_set(options: dict[str, Any], context: aiomq.Context) -> None:
    with context.socket(aiomq.ROUTER, zap_enforce_domain=1, **options) as sock:
        with pytest.raises(aiomq.ZMQError, match="needs a ZAP_DOMAIN"):
            sock.bind("tcp://127.0.0.1:*")
        sock.zap_domain = "global"
        sock.bind("tcp://127.0.0.1:*")


async def test_inproc_has_no_security(context: aiomq.Context) -> None:
    with context.socket(aiomq.PAIR, curve_server=1) as one, context.socket(aiomq.PAIR, **PLAIN_CLIENT) as other:
        one.bind("inproc://clear")
        other.connect("inproc://clear")
        await other.send(b"hello")

        assert await one.recv() == b"hello"


@pytest.mark.parametrize("name", ["curve_server", "curve_publickey", "curve_secretkey", "curve_serverkey"])
async def test_curve_option_without_cryptography_says_what_to_install(
    name: str, context: aiomq.Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crypto, "is_available", lambda: False)
    value: object = 1 if name == "curve_server" else CLIENT_KEYS[0]

    with context.socket(aiomq.DEALER) as sock, pytest.raises(aiomq.ZMQError, match=r"aiozeromq\[curve\]") as refused:
        sock.set(name, value)

    assert refused.value.errno == errno.EINVAL


@pytest.mark.parametrize("form", [CLIENT_KEYS[1], CLIENT_KEYS[1] + b"\0", z85.decode(CLIENT_KEYS[1])], ids=len)
async def test_key_is_taken_in_every_form(form: bytes, context: aiomq.Context) -> None:
    with context.socket(aiomq.DEALER, curve_secretkey=form) as sock:
        assert sock._core.options.curve_secretkey == z85.decode(CLIENT_KEYS[1])


async def test_no_secret_is_shown_by_any_repr(context: aiomq.Context) -> None:
    for options in (PLAIN_CLIENT, CURVE_CLIENT, CURVE_SERVER):
        with context.socket(aiomq.DEALER, **options) as sock:
            core = sock._core
            shown = f"{sock!r} {core!r} {core.options!r} {core.session_config(core.options)!r}"

            raw = repr(z85.decode(CLIENT_KEYS[1]))
            assert not [each for each in ("secret", CLIENT_KEYS[1].decode(), raw) if each in shown]


async def test_options_set_after_a_bind_are_for_later_binds(context: aiomq.Context) -> None:
    with context.socket(aiomq.PULL, linger=0) as pull, context.socket(aiomq.PUSH, linger=0) as push:
        pull.bind("tcp://127.0.0.1:0")
        for name, value in CURVE_SERVER.items():
            pull.set(name, value)
        push.connect(pull.last_endpoint)
        await push.send(b"in the clear")

        assert await pull.recv() == b"in the clear"

"""What errors, events and logs repeat of a handshake: names that are known, and never what may be a secret."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from typing import Final

import pytest

import aiomq
from aiomq import Event
from aiomq.auth.authenticator import _Request
from aiomq.constants import SocketType
from aiomq.zmtp.commands import encode_metadata, name_of, parse_error, parse_metadata
from aiomq.zmtp.errors import ZmtpError
from aiomq.zmtp.mechanisms.base import Mechanism, ZapReply, accept_metadata
from aiomq.zmtp.mechanisms.curve_client import CurveClient
from aiomq.zmtp.mechanisms.curve_server import CurveServer
from aiomq.zmtp.mechanisms.null import NullMechanism
from aiomq.zmtp.mechanisms.plain import PlainClient, PlainServer
from tests.security.mechanism_pairs import CLIENT, SERVER, error_of, facts
from tests.security.sides import CURVE_SERVER, PLAIN_SERVER
from tests.transports.scripted import COMMAND, Script, frame, greeting, until

PASSWORD: Final = b"correct horse battery"

MECHANISMS: Final[dict[str, Callable[[], Mechanism]]] = {
    "NULL": NullMechanism,
    "PLAIN client": lambda: PlainClient(b"admin", b"secret"),
    "PLAIN server": PlainServer,
    "CURVE client": lambda: CurveClient(*CLIENT, SERVER[0]),
    "CURVE server": lambda: CurveServer(SERVER[1]),
}

HELLO: Final = b"HELLO\x05admin" + bytes((len(PASSWORD),)) + PASSWORD
SPOILT: Final = [
    *(bytes((size,)) + HELLO for size in range(len(HELLO) + 2)),
    HELLO,
    HELLO[6:],
    PASSWORD,
    b"\x15" + PASSWORD,
    b"\x05ERROR\xff" + PASSWORD,
    b"\x5eRROR\xff" + PASSWORD,
    b"\x05READY\xff" + PASSWORD,
    b"\x05READY\x0bSocket-Type\xff\xff\xff\xff" + PASSWORD,
    b"\x05READY\x15" + PASSWORD + b"\xff\xff\xff\xff",
    b"\x05READY" + encode_metadata([("Socket-Type", PASSWORD)]),
    b"\x05READY\x0bSocket-Type\0\0\0\x20REP\x07X-Token\0\0\0\x15" + PASSWORD,
    b"\x08INITIATE\xff" + PASSWORD,
    b"\x07WELCOME" + PASSWORD,
]


def told(text: str) -> bool:
    """Return whether a text tells four letters of the password in a row."""
    password = PASSWORD.decode()
    return any(password[start : start + 4] in text for start in range(len(password) - 3))


def complaint(metadata: bytes) -> str:
    """Return what is said of metadata, if they are malformed."""
    try:
        parse_metadata(metadata)
    except ZmtpError as error:
        return repr(error)
    return ""


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("body", SPOILT)
def test_no_error_repeats_what_may_be_a_secret(body: bytes, mechanism: str) -> None:
    made = MECHANISMS[mechanism]()
    made.start(facts(SocketType.DEALER))
    if mechanism == "PLAIN server" and body.startswith(b"\x05HELLO\x05"):
        made.receive(body)  # as it should be
        made.answer(ZapReply(status=200))

    error = error_of(lambda: made.receive(body))

    assert not told(f"{error} {error!r} {error.report!r}")


@pytest.mark.parametrize("cut", range(60))
def test_no_error_repeats_metadata_that_are_cut_short(cut: int) -> None:
    data = encode_metadata([("Socket-Type", b"REP"), ("X-Token", PASSWORD), (PASSWORD.decode(), b"")])
    for spoilt in (data[:-1][cut:], data[: -1 - cut]):
        assert not told(complaint(spoilt))


def test_known_names_are_told() -> None:
    assert name_of(b"\x05HELLO" + PASSWORD) == "HELLO"
    assert name_of(b"\x04PING\0\0") == "PING"
    for body in (b"", b"\x05", b"\x06HELLO", b"\x04HELLO", b"\x05hello", HELLO):
        assert not name_of(body)
    assert "type 'SUB'" in error_of(lambda: accept_metadata(facts(), encode_metadata([("Socket-Type", b"SUB")]))).reason
    assert not told(error_of(lambda: parse_error(b"\x05ERROR\x99" + PASSWORD)).reason)


def test_no_repr_shows_credentials_or_what_a_handler_gave() -> None:
    request = _Request("global", "192.0.2.7", b"PLAIN", (b"admin", PASSWORD))

    assert not told(f"{request!r} {ZapReply(status=200, metadata={'X-Token': PASSWORD})!r}")


@pytest.fixture
async def script() -> AsyncIterator[Script]:
    """Return a maker of scripted peers."""
    async with Script() as made:
        yield made


@pytest.mark.parametrize("size", [0, 4, 6, 11, 17, 19, 33])
@pytest.mark.parametrize("mechanism", ["PLAIN", "CURVE", "NULL"])
async def test_no_event_or_log_repeats_a_password(
    mechanism: str, size: int, context: aiomq.Context, script: Script, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    options = {"PLAIN": PLAIN_SERVER, "CURVE": CURVE_SERVER, "NULL": {}}[mechanism]
    with context.socket(aiomq.ROUTER, linger=0, **options) as server, server.monitor() as monitor:
        server.bind("tcp://127.0.0.1:0")
        wire = await script.dial(server.last_endpoint)
        wire.send(greeting(mechanism.encode()) + frame(bytes((size,)) + HELLO, COMMAND))

        failed = await until(monitor, Event.HANDSHAKE_FAILED_PROTOCOL)
        ended = await until(monitor, Event.DISCONNECTED)

        await wire.ended()
    assert not told(f"{failed!r} {failed.error!r} {ended!r} {ended.error!r} {caplog.text}")

"""Nothing that a stranger sends in a handshake, or instead of traffic, does more than end his connection."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aiomq.constants import ProtocolError, SocketType
from aiomq.zmtp.commands import encode_error
from aiomq.zmtp.errors import ZmtpError
from aiomq.zmtp.mechanisms.base import Mechanism, ZapReply
from aiomq.zmtp.mechanisms.curve_client import CurveClient
from aiomq.zmtp.mechanisms.curve_server import CurveServer
from aiomq.zmtp.mechanisms.null import NullMechanism
from aiomq.zmtp.mechanisms.plain import PlainClient, PlainServer
from aiomq.zmtp.zap import encode_reply, parse_reply
from tests.security.mechanism_pairs import ALLOWED, CLIENT, SERVER, CurveParty, facts

MECHANISMS: dict[str, Callable[[], Mechanism]] = {
    "NULL": NullMechanism,
    "PLAIN client": lambda: PlainClient(b"admin", b"secret"),
    "PLAIN server": PlainServer,
    "CURVE client": lambda: CurveClient(*CLIENT, SERVER[0]),
    "CURVE server": lambda: CurveServer(SERVER[1]),
}

_NAMES = st.sampled_from(
    [b"\x05HELLO", b"\x07WELCOME", b"\x08INITIATE", b"\x05READY", b"\x05ERROR", b"\x5eRROR", b"\x07MESSAGE", b""]
)
_SIZES = st.sampled_from([0, 1, 24, 160, 161, 194, 248, 300])
_BODIES = st.builds(bytes.__add__, _NAMES, st.binary(max_size=300)) | st.builds(
    lambda name, size, filler: name + filler * size, _NAMES, _SIZES, st.binary(min_size=1, max_size=1)
)


@pytest.mark.parametrize("mechanism", MECHANISMS)
@given(bodies=st.lists(_BODIES, max_size=4))
@settings(deadline=None)
def test_commands_of_a_stranger_do_no_more_than_fail(mechanism: str, bodies: list[bytes]) -> None:
    made = MECHANISMS[mechanism]()
    made.start(facts(SocketType.ROUTER))

    with contextlib.suppress(ZmtpError):
        for body in bodies:
            if made.question is not None:
                made.answer(ALLOWED)
            elif not made.ready:
                made.receive(body)

    assert made.ready is False or mechanism in {"NULL", "PLAIN client", "PLAIN server"}


@given(position=st.integers(0, 1000), octet=st.integers(1, 255), step=st.integers(0, 3))
@settings(deadline=None)
def test_one_octet_changed_in_a_curve_handshake_is_noticed_or_means_nothing(
    position: int, octet: int, step: int
) -> None:
    def spoilt(data: bytes) -> bytes:
        changed = bytearray(data)
        changed[position % len(data)] ^= octet
        return bytes(changed)

    party = CurveParty()
    failure: ZmtpError | None = None
    try:
        party.hello = spoilt(party.hello) if step == 0 else party.hello
        party.to_welcome()
        party.welcome = spoilt(party.welcome) if step == 1 else party.welcome
        party.initiate = party.client.receive(party.welcome)[0]
        party.server.receive(spoilt(party.initiate) if step == 2 else party.initiate)
        party.ready = party.server.answer(ALLOWED)[0]
        party.client.receive(spoilt(party.ready) if step == 3 else party.ready)
    except ZmtpError as error:
        failure = error

    in_padding = step == 0 and 8 <= position % 200 < 80
    assert in_padding if failure is None else failure.code is not None


@given(frames=st.lists(st.binary(max_size=20), min_size=1, max_size=9))
@example(frames=[b"", b"1.0", b"1", b"200", b"OK", b"joe", b"\x05short"])
@example(frames=[b"", *encode_reply(b"1", 200, "OK", b"joe")])
def test_reply_of_a_handler_is_taken_or_told_by_a_code_of_zap(frames: list[bytes]) -> None:
    reply: ZapReply | None = None
    code: ProtocolError | None = None
    try:
        reply = parse_reply(tuple(frames))
    except ZmtpError as error:
        code = error.code

    if reply is None:
        assert code is not None
        assert code.name.startswith("PROTOCOL_ERROR_ZAP")
    else:
        assert reply.status in {200, 300, 400, 500}
        assert reply.metadata["User-Id"] == frames[5]


@given(body=st.binary(max_size=80))
@example(body=encode_error(b"400"))
def test_octets_instead_of_traffic_do_no_more_than_fail(body: bytes) -> None:
    cipher = CurveParty().to_traffic().server.cipher
    assert cipher is not None

    with pytest.raises(ZmtpError) as caught:
        cipher.decode(body)

    assert caught.value.code is not None

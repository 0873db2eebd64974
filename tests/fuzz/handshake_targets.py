"""Handshakes: sessions that a stranger talks to, in one piece and in many, which must come to the same."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from aiomq.constants import SocketType
from aiomq.zmtp.errors import ZmtpError
from aiomq.zmtp.handshake_frames import encode_command, parse_v2
from aiomq.zmtp.mechanisms.base import Mechanism, ZapReply
from aiomq.zmtp.mechanisms.curve_client import CurveClient
from aiomq.zmtp.mechanisms.curve_server import CurveServer
from aiomq.zmtp.mechanisms.null import NullMechanism
from aiomq.zmtp.mechanisms.plain import PlainClient, PlainServer
from aiomq.zmtp.session import MAX_COMMAND_SIZE, Session, SessionConfig, State
from aiomq.zmtp.zap import parse_reply
from tests.fuzz.clear_boxes import PUBLIC_KEY, SECRET_KEY, clear_boxes
from tests.fuzz.target import Draw

__all__ = ["MECHANISMS", "TYPES", "greeting", "mechanism", "zap_replies"]

MAX_HELD: Final = 10 + MAX_COMMAND_SIZE
MAX_SAID: Final = 1 << 16
"""Octets that no side has to say in one handshake."""

MECHANISMS: Final[dict[str, Callable[[], Mechanism]]] = {
    "null": NullMechanism,
    "plain_server": PlainServer,
    "plain_client": partial(PlainClient, b"admin", b"secret"),
    "curve_server": partial(CurveServer, SECRET_KEY),
    "curve_client": partial(CurveClient, PUBLIC_KEY, SECRET_KEY, PUBLIC_KEY),
}

TYPES: Final = (SocketType.ROUTER, SocketType.DEALER, SocketType.PUB, SocketType.XSUB)

_CHUNKS: Final = (1, 2, 5, 11, 63, 64, 200, 999)
_REPLIES: Final = (
    ZapReply(status=200, metadata={"User-Id": b"joe"}),
    ZapReply(status=200),
    ZapReply(status=300, text="later"),
    ZapReply(status=400, text="never"),
    ZapReply(status=500),
    ZapReply(status=200, metadata={"Socket-Type": b"PUB", "identity": b"taken"}),
)


def _outcome(config: SessionConfig, chunks: list[bytes], reply: ZapReply) -> tuple[object, ...]:
    """Return what a handshake comes to: what was said, and how it ended."""
    session = Session(config)
    session.start()
    said = session.data_to_send()
    late = b""
    error = ""
    for chunk in chunks:
        if session.ready:
            late += chunk
            continue
        try:
            session.receive_data(chunk)
            if session.zap_request is not None:
                repr(session.zap_request)
                session.receive_zap_reply(reply)
        except ZmtpError as failure:
            error = str(failure)
        said += session.data_to_send()
        assert session.held <= MAX_HELD or session.ready
        if error:
            break
    assert len(said) <= MAX_SAID
    assert (session.state is State.FAILED) == bool(error)
    return said, error, *_end_of(session, error, late)


def _end_of(session: Session, error: str, late: bytes) -> tuple[object, ...]:
    assert repr(session)
    if error:
        assert session.held == 0
        try:
            session.receive_data(b"more")
        except ZmtpError as again:
            assert str(again) == error
        return ()
    if session.ready:
        return session.peer, session.framing, session.injected, session.leftover() + late
    return (session.state, session.held)


def _compare(config: SessionConfig, octets: bytes, size: int, prefix: bytes, reply: ZapReply) -> None:
    whole = _outcome(config, [prefix + octets], reply)
    pieces = [octets[at : at + size] for at in range(0, len(octets), size)]
    in_pieces = _outcome(config, [prefix, *pieces] if prefix else pieces, reply)
    assert whole == in_pieces, f"{whole} if it comes at once, {in_pieces} in pieces of {size}"


def greeting(data: bytes) -> None:
    """Let a stranger begin, with any version."""
    draw = Draw(data)
    name = list(MECHANISMS)[draw.number(8) % 5]
    reply = _REPLIES[draw.number(len(_REPLIES))]
    size = _CHUNKS[draw.number(8)]
    config = _config(name, draw)
    with clear_boxes():
        _compare(config, draw.rest(), size, b"", reply)


def _config(name: str, draw: Draw) -> SessionConfig:
    flags = draw.number(256)
    return SessionConfig(
        socket_type=TYPES[flags & 3],
        routing_id=b"me" if flags & 4 else b"",
        max_message_size=100 if flags & 8 else -1,
        zap_domain=b"global" if flags & 16 else b"",
        zap_enforce_domain=bool(flags & 32),
        metadata=(("X-Name", b"value"),) if flags & 64 else (),
        mechanism=MECHANISMS[name],
    )


def mechanism(name: str) -> Callable[[bytes], None]:
    """Return what lets a stranger talk to one mechanism, behind a greeting that is right."""
    wire_name = name.partition("_")[0].upper().encode()
    prefix = b"\xff" + bytes(7) + b"\x01\x7f\x03\x01" + wire_name.ljust(20, b"\0") + bytes(32)

    def run(data: bytes) -> None:
        draw = Draw(data)
        reply = _REPLIES[draw.number(len(_REPLIES))]
        size = _CHUNKS[draw.number(8)]
        config = _config(name, draw)
        which, cut = draw.number(8), draw.number(256)
        octets = draw.rest()
        if which:
            octets = _shortened(octets, which - 1, cut)
        with clear_boxes():
            _compare(config, octets, size, prefix, reply)

    return run


def _shortened(octets: bytes, which: int, cut: int) -> bytes:
    """Return frames of which one has lost its end, and says so: one that is too short gets further than one cut off."""
    start = size = 0
    body = b""
    for _ in range(which + 1):
        start += size
        frame = parse_v2(bytearray(octets[start:]), 1 << 64, "frame")
        if frame is None:
            return octets
        body, size = frame
    return octets[:start] + encode_command(body[: max(0, len(body) - cut)]) + octets[start + size :]


def zap_replies(data: bytes) -> None:
    """Read what a ZAP handler answers: frames, each behind its length."""
    draw = Draw(data)
    frames = []
    while draw:
        frames.append(draw.piece(draw.number(256)))
    try:
        reply = parse_reply(tuple(frames) if len(frames) > 1 else b"".join(frames))
    except ZmtpError as error:
        assert error.code is not None
    else:
        assert reply.status in {200, 300, 400, 500}
        assert repr(reply)

"""Makes the kept corpus from traffic that is valid: `python -m tests.fuzz.seeds`, after a target has changed its form.

What is there already, and was found worth keeping, stays.
"""

from __future__ import annotations

import hashlib
import struct
from collections import deque
from collections.abc import Iterator
from typing import Final

from aiomq.constants import SocketType
from aiomq.message import Item, Membership, Subscription
from aiomq.zmtp.cipher_frames import CipherEncoder
from aiomq.zmtp.commands import encode_control, encode_ping, encode_pong
from aiomq.zmtp.frames import FrameEncoder
from aiomq.zmtp.legacy_frames import LegacyFrameEncoder
from aiomq.zmtp.mechanisms.curve import CurveCipher
from aiomq.zmtp.session import Session, SessionConfig
from aiomq.zmtp.zap import encode_reply
from tests.fuzz.clear_boxes import clear_boxes
from tests.fuzz.connection_targets import TYPES
from tests.fuzz.engine import CORPUS
from tests.fuzz.handshake_targets import MECHANISMS

__all__ = ["main"]

GREETING_SIZE: Final = 64

ITEMS: Final[list[Item]] = [
    b"",
    b"message",
    (b"way", b"", b"body"),
    bytes(300),
    Subscription(b"topic", subscribe=True),
    Subscription(b"topic", subscribe=False),
    Membership(b"group", join=True),
    Membership(b"group", join=False),
    (b"a", b"b"),
]

BATCHES: Final[list[list[Item]]] = [ITEMS, [b"same"] * 20, [(b"x", b"", b"yy")] * 12, [bytes(260)] * 3, [(b"", b"ask")]]

PARTNERS: Final = {"ROUTER": "DEALER", "DEALER": "ROUTER", "PUB": "SUB", "XSUB": "XPUB"}


def _said(client: str, server: str, ours: SocketType, theirs: SocketType, identity: bytes = b"me") -> tuple[bytes, ...]:
    """Return what each side of a handshake says to the other: the client, and the server."""
    from tests.fuzz.handshake_targets import _REPLIES

    sessions = [
        Session(SessionConfig(socket_type=kind, routing_id=name, mechanism=MECHANISMS[mechanism]))
        for kind, name, mechanism in ((ours, identity, client), (theirs, b"", server))
    ]
    said = [b"", b""]
    for each in sessions:
        each.start()
    while any(told := [each.data_to_send() for each in sessions]):
        for number, data in enumerate(told):
            said[number] += data
            other = sessions[1 - number]
            if data and not other.ready:
                other.receive_data(data)
            if other.zap_request is not None:
                other.receive_zap_reply(_REPLIES[0])
    assert all(each.ready for each in sessions)
    return tuple(said)


def _frames(batch: list[Item]) -> bytes:
    return b"".join(FrameEncoder(subscription_commands=True).encode(deque(batch))[0])


def _traffic() -> list[bytes]:
    pings = [encode_ping(10, b"context"), encode_pong(b"context"), b"\x07UNKNOWN", b""]
    as_frames = b"".join(bytes((4, len(each))) + each for each in pings)
    return [*map(_frames, BATCHES), as_frames, _frames([bytes(300), b"a", b"b"])]


def _pairs() -> Iterator[tuple[str, str]]:
    yield from (("null", "null"), ("plain_client", "plain_server"), ("curve_client", "curve_server"))


def _greetings() -> Iterator[bytes]:
    old = b"\xff" + bytes(7) + b"\x01\x7f"
    for number, name in enumerate(MECHANISMS):
        client, server = next(pair for pair in _pairs() if name in pair)
        said = _said(client, server, SocketType.DEALER, SocketType.ROUTER)
        yield bytes((number, 0, 4, 0)) + said[0 if name == server else 1]
    for flags in (0, 2):
        yield bytes((0, 0, 0, flags)) + b"\x01\x00"  # 1.0, without a routing id
        yield bytes((0, 0, 2, flags)) + b"\x06\x00hello\x02\x00hi"
        yield bytes((0, 0, 1, flags)) + old + b"\x01\x05\x00\x02me"  # 2.0
        yield bytes((0, 0, 1, flags)) + old + b"\x00\x05\x03\x00me"  # 1.0 with a signature
        yield bytes((0, 0, 5, flags)) + old + b"\x03\x00NULL" + bytes(48) + b"\x04\x06\x05READY"


def _mechanisms(name: str) -> Iterator[bytes]:
    client, server = next(pair for pair in _pairs() if name in pair)
    for flags, partner in ((0, SocketType.DEALER), (2, SocketType.SUB)):
        ours = (SocketType.ROUTER, SocketType.DEALER, SocketType.PUB, SocketType.XSUB)[flags]
        said = _said(client, server, partner, ours) if name == server else _said(client, server, ours, partner)
        for reply, size in ((0, 7), (2, 3), (5, 1)):
            yield bytes((reply, size, flags, 0, 0)) + said[0 if name == server else 1][GREETING_SIZE:]
        yield bytes((0, 7, flags, 2, 100)) + said[0 if name == server else 1][GREETING_SIZE:]
    yield bytes((0, 7, 16, 0, 0)) + b"\x04\x0a\x05ERROR\x03400"


def _connections() -> Iterator[bytes]:
    for number, kind in enumerate(TYPES):
        for mechanism, client in ((0, "null"), (1, "curve_client")):
            server = "null" if client == "null" else "curve_server"
            partner = next(each for each in TYPES if _are_compatible(kind, each))
            said = _said(client, server, partner, kind)[0]
            traffic = b"".join(_traffic()[:3]) if client == "null" else _sealed(BATCHES[0])
            head = bytes((number, mechanism, 7 - number % 8, (31, 12, 13, 9)[number % 4], (0, 33, 66, 129)[number % 4]))
            yield head + said + traffic
        if number % 3 == 0:  # more than an inbox for five holds, in chunks of some messages
            said = _said("null", "null", next(each for each in TYPES if _are_compatible(kind, each)), kind)[0]
            yield bytes((number, 0, 2 + number % 2, (0, 1, 9)[number // 3 % 3], 2)) + said + _frames([b"", b"m"] * 30)
        yield bytes((number, 0, 4, 9, 0)) + b"\x06\x00hello" + _legacy(BATCHES[4])


def _are_compatible(kind: SocketType, other: SocketType) -> bool:
    from aiomq.socket_types import is_compatible

    return is_compatible(kind, other) and is_compatible(other, kind)


def _sealed(batch: list[Item]) -> bytes:
    cipher = CurveCipher(b"K" * 32, as_server=False, sent=2, heard=1)
    return b"".join(CipherEncoder(subscription_commands=True, cipher=cipher).encode(deque(batch))[0])


def _legacy(batch: list[Item]) -> bytes:
    return b"".join(LegacyFrameEncoder().encode(deque(batch))[0])


ADDRESSES: Final = """
    tcp://127.0.0.1:5555 tcp://*:* tcp://[::1]:5555 tcp://[fe80::1%eth0]:1 tcp://eth0:5555;10.0.0.1:80 tcp://*:0
    ipc:///tmp/feed.sock ipc://@name ipc://* inproc://feed udp://239.0.0.1:5555 udp://eth0;239.0.0.1:1
    vsock://2:5555 vsock://*:* vsock://@:1 tipc://{5555,0,0} tipc://{5555,0} tipc://<1.1.1:5> tipc://<*> ws://a:1
"""


def _addresses() -> Iterator[bytes]:
    for text in ADDRESSES.split():
        yield b"\x02" + text.encode()
        yield b"\x03" + text.encode()


def _values() -> Iterator[bytes]:
    yield from b"10.0.0.0/8 ::ffff:10.0.0.1 fe80::1%lo fe80::/10 localhost:1000:1000:1 X-Name:value proxy:1080".split()
    yield from (b"[::1]:1080", b"K" * 32, b"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7", b"::ffff:0:0/96")


def _corpus() -> Iterator[tuple[str, bytes]]:
    yield from (("greeting", each) for each in _greetings())
    for number, each in enumerate(_traffic()):
        yield "frames", bytes((number, 7 - number % 8, 0, number % 4)) + each
        yield "frames", bytes((7, 0, 0, 0)) + each
        yield "cipher_frames", bytes((1, 6, 5)) + each
        yield "floods", bytes((0, 0)) + each[:60]
    yield from (("floods", each) for each in (b"\0\0\0\1a\0\1b\0\2cc", b"\0\0\4\0", b"\1\0\1\0", b"\2\0\1\0\2\0x"))
    for number, batch in enumerate(BATCHES):
        yield "legacy_frames", bytes((number, 7 - number % 8, 0, number % 4)) + _legacy(batch)
        yield "cipher_frames", bytes((0, 6 - number, 5)) + _sealed(batch)
    yield from (("commands", encode_control(each)) for each in ITEMS if isinstance(each, Subscription | Membership))
    yield from (("commands", each) for each in (encode_ping(10, b"context"), encode_pong(bytes(16)), b"\x05READY"))
    for name in MECHANISMS:
        yield from ((name, each) for each in _mechanisms(name))
    for status in (200, 300):
        frames = (b"", *encode_reply(b"1", status, "OK", b"joe", [("X-Name", b"value")]))
        yield "zap_replies", b"".join(bytes((len(frame),)) + frame for frame in frames)
    yield from (("addresses", each) for each in _addresses())
    yield from (("option_values", each) for each in _values())
    for place in (0, 18, 100, 4096, 8200, 12345, 20000):
        yield "stores", b"\0" + struct.pack(">I", place << 8 | 1)
    yield from (("stores", each) for each in (b"\0", b"\7", b"\7\1", b"\7SQLite format 3\0"))
    yield from (("connections", each) for each in _connections())


def main() -> None:
    """Write what is not there yet."""
    with clear_boxes():
        for name, data in _corpus():
            folder = CORPUS / name
            folder.mkdir(parents=True, exist_ok=True)
            (folder / hashlib.sha1(data, usedforsecurity=False).hexdigest()[:12]).write_bytes(data)


if __name__ == "__main__":
    main()

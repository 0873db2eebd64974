"""Sessions against the real libzmq, over a blocking TCP socket: the judge of what the other tests take for granted."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Final

import pytest
import zmq

from aiomq.constants import ProtocolError, SocketType
from aiomq.zmtp.greeting import GREETING_SIZE
from aiomq.zmtp.session import Framing, Session
from tests.zmtp.session_pair import GREETING_30, GREETING_31, READY_PUB, SIGNATURE, failure_of, make_session

TIMEOUT: Final = 5.0
UNPADDED_SIGNATURE: Final = bytes.fromhex("ff 0000000000000000 7f")


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    with zmq.Context() as made:
        yield made


def bound(context: zmq.Context[zmq.Socket[bytes]], socket_type: int, routing_id: bytes = b"") -> zmq.Socket[bytes]:
    sock = context.socket(socket_type)
    sock.setsockopt(zmq.LINGER, 0)
    sock.setsockopt(zmq.RCVTIMEO, int(TIMEOUT * 1000))
    if routing_id:
        sock.setsockopt(zmq.ROUTING_ID, routing_id)
    sock.bind("tcp://127.0.0.1:*")
    return sock


def dial(sock: zmq.Socket[bytes]) -> socket.socket:
    host, port = sock.getsockopt_string(zmq.LAST_ENDPOINT).removeprefix("tcp://").split(":")
    return socket.create_connection((host, int(port)), timeout=TIMEOUT)


def read(wire: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = wire.recv(size - len(data))
        assert chunk, f"libzmq closed after {data!r}"
        data += chunk
    return data


def shake(session: Session, wire: socket.socket, chunk_size: int = 4096) -> None:
    """Carry octets between a session and a socket until the session is ready."""
    wire.sendall(session.data_to_send())
    while not session.ready:
        data = wire.recv(chunk_size)
        assert data, f"libzmq closed on {session!r}"
        try:
            session.receive_data(data)
        finally:
            wire.sendall(session.data_to_send())


@pytest.mark.parametrize("chunk_size", [1, 4096])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (SocketType.REQ, SocketType.REP),
        (SocketType.SUB, SocketType.PUB),
        (SocketType.XSUB, SocketType.XPUB),
        (SocketType.DEALER, SocketType.ROUTER),
        (SocketType.ROUTER, SocketType.REQ),
        (SocketType.PUSH, SocketType.PULL),
        (SocketType.PAIR, SocketType.PAIR),
    ],
)
def test_libzmq_meets_us_as_3_1(
    context: zmq.Context[zmq.Socket[bytes]], ours: SocketType, theirs: SocketType, chunk_size: int
) -> None:
    session = make_session(ours)
    with bound(context, int(theirs)) as sock, dial(sock) as wire:
        shake(session, wire, chunk_size)
    peer = session.peer
    assert (peer.version, peer.socket_type, peer.mechanism) == ((3, 1), theirs, "NULL")
    assert session.subscription_commands
    assert session.framing is Framing.V2


def test_libzmq_takes_our_traffic_after_the_handshake(context: zmq.Context[zmq.Socket[bytes]]) -> None:
    session = make_session(SocketType.DEALER, b"me")
    with bound(context, zmq.ROUTER, b"you") as sock, dial(sock) as wire:
        shake(session, wire)
        assert session.peer.routing_id == b"you"
        wire.sendall(bytes.fromhex("00 05 68656c6c6f"))
        assert sock.recv_multipart() == [b"me", b"hello"]
        sock.send_multipart([b"me", b"world"])
        behind = session.leftover()
        assert behind + read(wire, 7 - len(behind)) == bytes.fromhex("00 05 776f726c64")


def test_libzmq_reports_our_metadata(context: zmq.Context[zmq.Socket[bytes]]) -> None:
    session = make_session(SocketType.PUSH, metadata=(("X-app", b"v1"),))
    with bound(context, zmq.PULL) as sock, dial(sock) as wire:
        shake(session, wire)
        wire.sendall(b"\x00\x02hi")
        frame = sock.recv(copy=False)
        assert isinstance(frame, zmq.Frame)
        assert (frame["Socket-Type"], frame["X-app"]) == ("PUSH", "v1")


def test_libzmq_of_an_incompatible_type_is_refused(context: zmq.Context[zmq.Socket[bytes]]) -> None:
    session = make_session(SocketType.REQ)
    with bound(context, zmq.PUB) as sock, dial(sock) as wire:
        # Our READY is held back: libzmq closes once it has it, its own sent or not.
        wire.sendall(GREETING_31)
        error = failure_of(session, read(wire, GREETING_SIZE + len(READY_PUB)))
    assert error.reason == "a REQ socket cannot talk to a peer of type 'PUB'"
    assert session.data_to_send().startswith(GREETING_31)


def test_libzmq_with_another_mechanism_is_a_mismatch(context: zmq.Context[zmq.Socket[bytes]]) -> None:
    session = make_session(SocketType.PUSH)
    sock = context.socket(zmq.PULL)
    sock.setsockopt(zmq.LINGER, 0)
    sock.setsockopt(zmq.PLAIN_SERVER, 1)
    sock.bind("tcp://127.0.0.1:*")
    with sock, dial(sock) as wire:
        # libzmq closes once it has our greeting, its own sent or not: it gets no more than makes it send all of that.
        wire.sendall(session.data_to_send() + b"\x03")
        error = failure_of(session, read(wire, GREETING_SIZE))
    assert "'PLAIN', ours is 'NULL'" in error.reason
    assert error.code is ProtocolError.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH


@pytest.mark.parametrize(
    ("hears", "routing_id"),
    [
        (GREETING_30, b""),
        (SIGNATURE + b"\x02\x00" + GREETING_30[12:], b"abc"),
        (SIGNATURE + b"\x01\x02", b"abc"),
        (UNPADDED_SIGNATURE + b"\x01\x02\x00\x00", b""),
        (SIGNATURE + b"\x00\x02", b"abc"),
        (b"\x01\x00", b"XY"),
        (bytes.fromhex("ff 0000000000000003 00 5859"), b"XY"),
    ],
    ids=["3.0", "major 2", "2.0", "2.0 anonymous", "revision 0", "1.0", "1.0 long"],
)
def test_what_we_say_to_each_version_is_what_libzmq_says(
    context: zmq.Context[zmq.Socket[bytes]], hears: bytes, routing_id: bytes
) -> None:
    session = make_session(SocketType.DEALER, routing_id)  # a type whose routing id libzmq announces too
    session.receive_data(hears)
    ours = session.data_to_send()
    with bound(context, zmq.DEALER, routing_id) as sock, dial(sock) as wire:
        wire.sendall(hears)
        assert read(wire, len(ours)) == ours

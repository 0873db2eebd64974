"""STREAM and DGRAM by themselves, and the layout of datagrams."""

from __future__ import annotations

import errno
from collections.abc import Callable

import pytest

from aiomq.datagrams import decode_group, encode_group, format_address, parse_address
from aiomq.errors import ZMQError
from aiomq.options import SocketOptions
from aiomq.patterns.dgram import DgramPattern
from aiomq.patterns.stream import StreamPattern
from tests.patterns.fake_peer import FakePeer


@pytest.fixture
def stream() -> StreamPattern:
    return StreamPattern(SocketOptions())


@pytest.fixture
def dgram() -> DgramPattern:
    return DgramPattern(SocketOptions())


def refused(call: Callable[..., object], *args: object) -> int:
    """Return the number of the error that a call ends with."""
    with pytest.raises(ZMQError) as caught:
        call(*args)
    assert caught.value.errno is not None
    return caught.value.errno


# -- STREAM -----------------------------------------------------------------------------------------------------------


def test_stream_names_peers_and_shows_the_last_name_as_its_routing_id(stream: StreamPattern) -> None:
    first, second = FakePeer(stream).identify(), FakePeer(stream).identify()
    assert first.routing_id != second.routing_id
    assert stream.options.routing_id == second.routing_id
    named = FakePeer(stream, routing_id=b"named").identify()
    assert named.routing_id == b"named"
    assert stream.options.routing_id == second.routing_id


def test_stream_keeps_the_name_of_a_peer_that_is_identified_late(stream: StreamPattern) -> None:
    peer = FakePeer(stream).attach()
    name, peer.routing_id = peer.routing_id, b""
    stream.identify(peer)
    assert peer.routing_id == name


def test_stream_sends_by_name_and_receives_with_it(stream: StreamPattern) -> None:
    peer, other = FakePeer(stream).identify(), FakePeer(stream).identify()
    assert stream.try_send((peer.routing_id, b"chunk"))
    assert (peer.outbox, other.outbox) == ([b"chunk"], [])
    other.deliver(b"", b"data")
    assert stream.try_recv() == (other.routing_id, b"")
    assert stream.try_recv() == (other.routing_id, b"data")
    assert stream.try_recv() is None


def test_stream_empty_chunk_finishes_the_peer(stream: StreamPattern) -> None:
    peer = FakePeer(stream).identify()
    stream.try_send((peer.routing_id, b"last"))
    assert stream.try_send((peer.routing_id, b""))
    assert peer.finished
    assert peer.outbox == [b"last"]
    assert refused(stream.try_send, (peer.routing_id, b"more")) == errno.EHOSTUNREACH


def test_stream_full_peer_is_waited_for(stream: StreamPattern) -> None:
    peer = FakePeer(stream, hwm=1).identify()
    assert stream.try_send((peer.routing_id, b"1"))
    assert not stream.try_send((peer.routing_id, b"2"))
    assert stream.try_send((peer.routing_id, b""))  # closing needs no room


@pytest.mark.parametrize("message", [b"chunk", (b"id", b"chunk", b"more")])
def test_stream_message_is_a_name_and_a_chunk(stream: StreamPattern, message: bytes | tuple[bytes, ...]) -> None:
    assert refused(stream.try_send, message) == errno.EINVAL


def test_stream_message_is_whole_with_its_second_frame(stream: StreamPattern) -> None:
    peer = FakePeer(stream).identify()
    assert stream.wants_more([peer.routing_id])
    assert not stream.wants_more([peer.routing_id, b"chunk"])
    assert refused(stream.wants_more, [b"unknown"]) == errno.EHOSTUNREACH


def test_stream_refuses_a_name_that_is_taken(stream: StreamPattern) -> None:
    FakePeer(stream, routing_id=b"named").identify()
    assert refused(stream.claim, b"named") == errno.EINVAL
    stream.claim(b"free")


def test_stream_reads_what_a_peer_left_under_its_name(stream: StreamPattern) -> None:
    peer = FakePeer(stream).identify()
    peer.deliver(b"last", b"")
    peer.detach()
    assert [stream.try_recv(), stream.try_recv()] == [(peer.routing_id, b"last"), (peer.routing_id, b"")]
    assert refused(stream.try_send, (peer.routing_id, b"x")) == errno.EHOSTUNREACH


# -- DGRAM ------------------------------------------------------------------------------------------------------------


def test_dgram_passes_address_and_datagram_on(dgram: DgramPattern) -> None:
    peer = FakePeer(dgram).attach()
    assert dgram.try_send((b"127.0.0.1:5555", b"datagram"))
    assert peer.outbox == [(b"127.0.0.1:5555", b"datagram")]
    peer.deliver((b"127.0.0.1:7", b""))
    assert dgram.try_recv() == (b"127.0.0.1:7", b"")


@pytest.mark.parametrize("message", [b"alone", (b"127.0.0.1:5555", b"a", b"b"), (b"nowhere", b"a")])
def test_dgram_message_is_an_address_and_a_datagram(dgram: DgramPattern, message: bytes | tuple[bytes, ...]) -> None:
    FakePeer(dgram).attach()
    assert refused(dgram.try_send, message) == errno.EINVAL


def test_dgram_too_long_is_refused(dgram: DgramPattern) -> None:
    FakePeer(dgram).attach()
    assert dgram.try_send((b"127.0.0.1:5555", bytes(8192)))
    assert refused(dgram.try_send, (b"127.0.0.1:5555", bytes(8193))) == errno.EMSGSIZE


def test_dgram_frames_one_by_one(dgram: DgramPattern) -> None:
    assert dgram.wants_more([b"127.0.0.1:5555"])
    assert refused(dgram.wants_more, [b"nowhere"]) == errno.EINVAL
    assert refused(dgram.wants_more, [b"127.0.0.1:5555", b"a"]) == errno.EINVAL


# -- datagrams --------------------------------------------------------------------------------------------------------


def test_datagram_of_a_group_is_length_name_and_body() -> None:
    assert encode_group(b"grp", b"hi") == bytes.fromhex("03 677270 6869")
    assert encode_group(b"", b"hi") == bytes.fromhex("00 6869")
    assert decode_group(bytes.fromhex("03 677270 6869")) == (b"grp", b"hi")
    assert decode_group(b"\x03grp") == (b"grp", b"")


def test_datagram_of_a_group_over_8192_bytes_is_none() -> None:
    datagram = encode_group(b"grp", bytes(8188))
    assert datagram is not None
    assert len(datagram) == 8192
    assert encode_group(b"grp", bytes(8189)) is None
    assert decode_group(bytes(8193)) is None


@pytest.mark.parametrize("datagram", [b"", b"\x01", b"\x04grp", b"\xff" + bytes(254)])
def test_datagram_shorter_than_its_group_is_none(datagram: bytes) -> None:
    assert decode_group(datagram) is None


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (b"127.0.0.1:5555", ("127.0.0.1", 5555)),
        (b"127.0.0.1:5555\0", ("127.0.0.1", 5555)),
        (b"[::1]:1", ("::1", 1)),
        (b"10.0.0.1:65535", ("10.0.0.1", 65535)),
    ],
)
def test_address_is_read(text: bytes, address: tuple[str, int]) -> None:
    assert parse_address(text) == address
    assert parse_address(format_address(*address)) == address


@pytest.mark.parametrize(
    "text",
    [b"", b"127.0.0.1", b"127.0.0.1:", b"127.0.0.1:0", b"127.0.0.1:65536", b"host:1", b":1", b"1.2.3.4:+1", b"\xff:1"],
)
def test_address_that_is_none_is_refused(text: bytes) -> None:
    with pytest.raises(ZMQError, match=r"127\.0\.0\.1:5555") as caught:
        parse_address(text)
    assert caught.value.errno == errno.EINVAL


def test_address_of_ipv4_seen_by_ipv6_is_one_of_ipv4() -> None:
    assert format_address("::ffff:10.0.0.1", 7) == b"10.0.0.1:7"

"""Who talks to whom, and under which name."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
import zmq
from zmq.utils.monitor import parse_monitor_message

from aiomq.constants import SocketType
from aiomq.socket_types import (
    ANNOUNCES_ROUTING_ID,
    COMPATIBLE,
    UNIQUE_CONNECT,
    is_compatible,
    type_named,
    wire_name,
)

EVERY_TYPE = sorted(SocketType)
STABLE = [each for each in EVERY_TYPE if each < SocketType.STREAM]


@pytest.mark.parametrize("socket_type", EVERY_TYPE)
def test_compatibility_is_mutual(socket_type: SocketType) -> None:
    assert all(socket_type in COMPATIBLE[partner] for partner in COMPATIBLE[socket_type])


@pytest.mark.parametrize(
    ("socket_type", "partners"),
    [
        ("PAIR", "PAIR"),
        ("PUB", "SUB XSUB"),
        ("SUB", "PUB XPUB"),
        ("REQ", "REP ROUTER"),
        ("REP", "REQ DEALER"),
        ("DEALER", "REP DEALER ROUTER"),
        ("ROUTER", "REQ DEALER ROUTER"),
        ("PULL", "PUSH"),
        ("PUSH", "PULL"),
        ("XPUB", "SUB XSUB"),
        ("XSUB", "PUB XPUB"),
        ("STREAM", ""),
        ("SERVER", "CLIENT"),
        ("CLIENT", "SERVER"),
        ("RADIO", "DISH"),
        ("DISH", "RADIO"),
        ("GATHER", "SCATTER"),
        ("SCATTER", "GATHER"),
        ("DGRAM", "DGRAM"),
        ("PEER", "PEER"),
        ("CHANNEL", "CHANNEL"),
    ],
)
def test_type_talks_to_its_partners_alone(socket_type: str, partners: str) -> None:
    ours = SocketType[socket_type]

    accepted = {theirs.name for theirs in SocketType if is_compatible(ours, theirs)}

    assert accepted == set(partners.split())


@pytest.mark.parametrize("socket_type", EVERY_TYPE)
def test_type_named_finds_wire_name_as_text_and_as_bytes(socket_type: SocketType) -> None:
    name = wire_name(socket_type)

    assert type_named(name) is socket_type
    assert type_named(name.decode()) is socket_type


@pytest.mark.parametrize("name", ["", "req", "XREQ", "XREP", "REQ ", b"REQ\0", b"\xff", "\udcff", "DÉALER"])
def test_type_named_unknown_name_gives_none(name: str | bytes) -> None:
    assert type_named(name) is None


def test_types_that_announce_a_routing_id_are_those_of_libzmq() -> None:
    assert {SocketType.REQ, SocketType.DEALER, SocketType.ROUTER} == ANNOUNCES_ROUTING_ID


@pytest.fixture
def listeners() -> Iterator[list[str]]:
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as second:
        yield [f"tcp://127.0.0.1:{listener.getsockname()[1]}" for listener in (first, second)]


@pytest.mark.parametrize("socket_type", STABLE)
def test_second_connect_to_one_endpoint_makes_a_peer_where_libzmq_makes_one(
    socket_type: SocketType, listeners: list[str]
) -> None:
    twice, last = listeners
    attempts: list[str] = []
    with zmq.Context() as context, context.socket(int(socket_type)) as ours:
        ours.linger = 0
        with ours.get_monitor_socket(zmq.Event.CONNECT_DELAYED) as monitor:
            monitor.rcvtimeo = 10_000
            for address in (twice, twice, last):
                ours.connect(address)
            while last not in attempts:
                attempts.append(parse_monitor_message(monitor.recv_multipart())["endpoint"].decode())

    assert attempts.count(twice) == (1 if socket_type in UNIQUE_CONNECT else 2)

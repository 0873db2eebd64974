"""The greeting's layouts and what follows from them (RFC 37, Version Negotiation; RFC 15; RFC 13)."""

from __future__ import annotations

import pytest

from aiomq.constants import SocketType
from aiomq.zmtp import greeting as g


def test_signature_without_routing_id_is_that_of_libzmq() -> None:
    assert g.encode_signature(0) == bytes.fromhex("ff 0000000000000001 7f")


def test_signature_with_routing_id_holds_its_frame_length() -> None:
    assert g.encode_signature(3) == bytes.fromhex("ff 0000000000000004 7f")
    assert g.encode_signature(255) == bytes.fromhex("ff 0000000000000100 7f")


def test_greeting_pieces_make_the_canonical_64_octets() -> None:
    whole = g.encode_signature(0) + g.encode_revision() + g.encode_rest(b"NULL", as_server=False)
    assert whole == bytes.fromhex("ff00000000000000017f0301 4e554c4c" + "00" * 16 + "00" + "00" * 31)
    assert len(whole) == g.GREETING_SIZE


def test_rest_of_a_server_sets_octet_32_alone() -> None:
    client = g.encode_rest(b"CURVE", as_server=False)
    server = g.encode_rest(b"CURVE", as_server=True)
    assert [index + 11 for index in range(len(client)) if client[index] != server[index]] == [32]
    assert server[21] == 1


def test_rest_with_a_mechanism_name_over_20_octets_is_refused() -> None:
    assert g.encode_rest(b"M" * 20, as_server=False)[1:21] == b"M" * 20
    with pytest.raises(ValueError, match="up to 20 octets"):
        g.encode_rest(b"M" * 21, as_server=False)


@pytest.mark.parametrize(
    ("socket_type", "octet"),
    [
        (SocketType.PAIR, 0),
        (SocketType.PUB, 1),
        (SocketType.SUB, 2),
        (SocketType.REQ, 3),
        (SocketType.REP, 4),
        (SocketType.DEALER, 5),
        (SocketType.ROUTER, 6),
        (SocketType.PULL, 7),
        (SocketType.PUSH, 8),
        # 15/ZMTP, Publish-Subscribe: XPUB and XSUB are PUB and SUB on the wire.
        (SocketType.XPUB, 1),
        (SocketType.XSUB, 2),
    ],
)
def test_socket_type_for_a_2_0_peer_is_the_octet_of_rfc_15(socket_type: SocketType, octet: int) -> None:
    assert g.encode_socket_type(socket_type) == bytes((octet,))


@pytest.mark.parametrize(
    ("octets", "versioned"),
    [
        ("", None),
        ("01", False),
        ("00", False),
        ("fe", False),
        ("ff", None),
        ("ff 0000000000000001", None),
        ("ff 0000000000000001 7f", True),
        ("ff 0000000000000001 01", True),
        ("ff 1234567890abcdef ff", True),
        ("ff 0000000000000001 00", False),
        ("ff 0000000000000001 7e", False),
    ],
)
def test_signature_is_told_from_a_long_frame_by_its_last_bit(octets: str, versioned: bool | None) -> None:
    assert g.is_versioned(bytes.fromhex(octets)) is versioned


@pytest.mark.parametrize(
    ("revision", "minor", "version", "framing", "commands"),
    [
        (None, None, (1, 0), g.Framing.V1, False),
        (0, None, (1, 0), g.Framing.V1, False),
        (1, None, (2, 0), g.Framing.V2, False),
        (3, 0, (3, 0), g.Framing.V2, False),
        (3, 1, (3, 1), g.Framing.V2, True),
        (3, 2, (3, 1), g.Framing.V2, True),
        (3, 255, (3, 1), g.Framing.V2, True),
        (2, 0, (3, 1), g.Framing.V2, True),
        (4, 0, (3, 1), g.Framing.V2, True),
        (255, 255, (3, 1), g.Framing.V2, True),
    ],
)
def test_negotiation_of_each_version_picks_libzmqs_row(
    revision: int | None, minor: int | None, version: tuple[int, int], framing: g.Framing, commands: bool
) -> None:
    assert g.negotiate(revision, minor) == (version, framing, commands)


def test_old_revisions_are_0_and_1_only() -> None:
    assert [revision for revision in range(256) if g.is_old_revision(revision)] == [0, 1]


def test_parsed_greeting_ignores_padding_and_filler() -> None:
    octets = bytes.fromhex("ff 0102030405060708 01 0304") + b"PLAIN".ljust(20, b"\0") + b"\x01" + b"\xaa" * 31
    assert g.parse_greeting(octets) == (3, 4, b"PLAIN" + bytes(15), True)


def test_old_socket_type_of_a_meaningless_octet_is_none() -> None:
    assert g.old_socket_type(2) is SocketType.SUB
    assert g.old_socket_type(10) is SocketType.XSUB
    assert g.old_socket_type(0x63) is None

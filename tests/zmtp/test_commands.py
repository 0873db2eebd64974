"""Bodies of commands and metadata, octet by octet (RFC 37, Commands, Connection Heartbeating, Connection Metadata)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiomq.constants import ProtocolError
from aiomq.message import Control, Membership, Subscription
from aiomq.zmtp import commands as c
from aiomq.zmtp.errors import QUOTE_LIMIT, ZmtpError, quoted

NAMES = st.text("ABCXYZabcxyz0189-_.+", min_size=1, max_size=255)


# -- traffic ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subscription", "body"),
    [
        (Subscription(b"topic", subscribe=True), "09 535542534352494245 746f706963"),
        (Subscription(b"topic", subscribe=False), "06 43414e43454c 746f706963"),
        (Subscription(b"", subscribe=True), "09 535542534352494245"),
        (Subscription(b"", subscribe=False), "06 43414e43454c"),
        (Subscription(b"\0\xff", subscribe=True), "09 535542534352494245 00ff"),
    ],
)
def test_subscription_both_ways_is_byte_exact(subscription: Subscription, body: str) -> None:
    assert c.encode_subscription(subscription) == bytes.fromhex(body)
    assert c.parse_command(bytes.fromhex(body)) == subscription


@pytest.mark.parametrize(
    ("ttl", "context", "body"),
    [
        (0, b"", "04 50494e47 0000"),
        (10, b"", "04 50494e47 000a"),
        (10, b"abc", "04 50494e47 000a 616263"),
        (0xFFFF, b"c" * 16, "04 50494e47 ffff" + "63" * 16),
    ],
)
def test_ping_both_ways_is_byte_exact(ttl: int, context: bytes, body: str) -> None:
    assert c.encode_ping(ttl, context) == bytes.fromhex(body)
    assert c.parse_command(bytes.fromhex(body)) == c.Ping(ttl, context)


@pytest.mark.parametrize(("context", "body"), [(b"", "04 504f4e47"), (b"abc", "04 504f4e47 616263")])
def test_pong_both_ways_is_byte_exact(context: bytes, body: str) -> None:
    assert c.encode_pong(context) == bytes.fromhex(body)
    assert c.parse_command(bytes.fromhex(body)) == c.Pong(context)


def test_ping_with_a_long_context_keeps_its_first_16_octets() -> None:
    context = bytes(range(20))
    ping = c.parse_command(c.PING + b"\x00\x00" + context)
    assert ping == c.Ping(0, context[:16])
    assert c.parse_command(c.PONG + context) == c.Pong(context[:16])


@pytest.mark.parametrize("body", [b"\x04PING", b"\x04PING\x00"])
def test_ping_without_time_to_live_is_refused(body: bytes) -> None:
    with pytest.raises(ZmtpError, match="time-to-live") as caught:
        c.parse_command(body)
    assert caught.value.code is None
    assert caught.value.fatal


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00",
        b"\x03FOObar",
        b"\x09SUB",
        b"\xffPING",
        b"\x05PING\x00\x00",
        b"\x04ping\x00\x00",
        b"\x09subscribe",
        b"\x05READY\x0bSocket-Type\x00\x00",
        b"\x05ERROR",
        b"\x04joingrp",
        b"\x05LEAV",
    ],
)
def test_command_that_traffic_does_not_know_is_ignored(body: bytes) -> None:
    assert c.parse_command(body) is None


@pytest.mark.parametrize(
    ("item", "body"),
    [
        (Membership(b"grp", join=True), b"\x04JOINgrp"),
        (Membership(b"grp", join=False), b"\x05LEAVEgrp"),
        (Membership(b"", join=True), b"\x04JOIN"),
        (Subscription(b"top", subscribe=True), b"\x09SUBSCRIBEtop"),
        (Subscription(b"top", subscribe=False), b"\x06CANCELtop"),
    ],
)
def test_control_item_is_encoded_and_parsed_as_its_command(item: Control, body: bytes) -> None:
    assert c.encode_control(item) == body
    assert c.parse_command(body) == item


def test_ping_out_of_range_is_not_encoded() -> None:
    for ttl in (-1, 0x10000):
        with pytest.raises(ValueError, match="time-to-live"):
            c.encode_ping(ttl)
    with pytest.raises(ValueError, match="up to 16 octets, not 17"):
        c.encode_ping(0, bytes(17))
    with pytest.raises(ValueError, match="up to 16 octets, not 17"):
        c.encode_pong(bytes(17))


def test_commands_compare_by_what_they_say() -> None:
    assert c.Ping(1, b"a") != c.Ping(1, b"b")
    assert c.Ping(1) != c.Pong()
    assert c.Pong(b"a") != c.Pong(b"b")
    assert c.Pong() != c.Ping(0)
    assert len({c.Ping(1), c.Ping(1), c.Pong(), c.Pong()}) == 2
    assert repr(c.Ping(1, b"a")) == "<Ping ttl=1 context=b'a'>"
    assert repr(c.Pong(b"a")) == "<Pong context=b'a'>"


@given(st.binary(max_size=300))
def test_any_command_body_is_parsed_ignored_or_refused(body: bytes) -> None:
    try:
        command = c.parse_command(body)
    except ZmtpError:
        assert body.startswith(c.PING)
        return
    if isinstance(command, Subscription):
        assert c.encode_subscription(command) == body


# -- errors -----------------------------------------------------------------------------------------------------------


def test_error_both_ways_is_byte_exact() -> None:
    assert c.encode_error(b"400") == bytes.fromhex("05 4552524f52 03 343030")
    assert c.parse_error(bytes.fromhex("05 4552524f52 03 343030")) == b"400"
    assert c.parse_error(c.ERROR + b"\x00") == b""


def test_error_with_a_long_reason_is_cut_to_255_octets() -> None:
    assert c.encode_error(b"r" * 300) == c.ERROR + b"\xff" + b"r" * 255


def test_error_with_octets_after_its_reason_is_read_as_libzmq_reads_it() -> None:
    assert c.parse_error(c.ERROR + b"\x02noise") == b"no"


@pytest.mark.parametrize("body", [c.ERROR, c.ERROR + b"\x01", c.ERROR + b"\x04abc"])
def test_error_with_a_truncated_reason_is_malformed(body: bytes) -> None:
    with pytest.raises(ZmtpError, match="cut short") as caught:
        c.parse_error(body)
    assert caught.value.code is ProtocolError.PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_ERROR


# -- metadata ---------------------------------------------------------------------------------------------------------


def test_ready_with_properties_is_byte_exact() -> None:
    expected = "0552454144590b536f636b65742d547970650000000450555348 05582d617070 00000002 7631"
    assert c.encode_ready([("Socket-Type", b"PUSH"), ("X-app", b"v1")]) == bytes.fromhex(expected)


def test_metadata_of_nothing_is_empty() -> None:
    assert c.encode_metadata([]) == b""
    assert c.parse_metadata(b"") == {}


@given(st.dictionaries(NAMES.map(lambda name: "X-" + name.lower()[:253]), st.binary(max_size=100), max_size=8))
def test_metadata_comes_back_as_it_was(properties: dict[str, bytes]) -> None:
    assert c.parse_metadata(c.encode_metadata(properties.items())) == properties


@pytest.mark.parametrize("name", ["Socket-Type", "socket-type", "SOCKET-TYPE", "sOcKeT-tYpE"])
def test_metadata_known_name_in_any_case_comes_out_in_the_rfcs(name: str) -> None:
    assert c.parse_metadata(c.encode_metadata([(name, b"REP")])) == {"Socket-Type": b"REP"}


def test_metadata_unknown_name_comes_out_as_it_is() -> None:
    data = c.encode_metadata([("X-Hello", b"1"), ("x-hello", b"2"), ("resource", b"r"), ("IDENTITY", b"")])
    assert c.parse_metadata(data) == {"X-Hello": b"1", "Resource": b"r", "Identity": b""}


def test_metadata_name_outside_the_grammar_is_kept() -> None:
    assert c.parse_metadata(b"\x04X- \xff\x00\x00\x00\x00") == {"X- \\xff": b""}


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"\x01", "cut short"),
        (b"\x0bSocket-Typ", "cut short"),
        (b"\x01X", "cut short"),
        (b"\x01X\x00\x00\x00", "cut short"),
        (b"\x01X\x00\x00\x00\x01", "claims 1 octets of value where 0 are left"),
        (b"\x01X\x7f\xff\xff\xff123", "claims 2147483647 octets"),
        (b"\x01X\xff\xff\xff\xff", "claims 4294967295 octets"),
        (b"\x01X\x00\x00\x00\x00\x01", "cut short"),
        (b"\x00\x00\x00\x00\x00", "without a name"),
        (b"\x00", "without a name"),
        (b"\x01X\x00\x00\x00\x00" * (c.MAX_PROPERTIES + 1), "more than 1024 properties"),
    ],
)
def test_metadata_that_is_malformed_is_refused(data: bytes, what: str) -> None:
    with pytest.raises(ZmtpError, match=what) as caught:
        c.parse_metadata(data)
    assert caught.value.code is None
    assert caught.value.report == b"invalid-metadata"
    code = ProtocolError.PROTOCOL_ERROR_ZMTP_INVALID_METADATA
    with pytest.raises(ZmtpError) as coded:
        c.parse_metadata(data, code)
    assert coded.value.code is code


def test_metadata_with_the_most_properties_is_accepted() -> None:
    data = c.encode_metadata((f"X-{number}", b"") for number in range(c.MAX_PROPERTIES))
    assert len(c.parse_metadata(data)) == c.MAX_PROPERTIES


@pytest.mark.parametrize("name", ["", "X" * 256, "\N{EURO SIGN}" * 86])
def test_metadata_name_of_a_wrong_size_is_not_encoded(name: str) -> None:
    with pytest.raises(ValueError, match="1 to 255 octets"):
        c.encode_metadata([(name, b"")])


@given(st.binary(max_size=200))
def test_any_metadata_is_parsed_or_refused(data: bytes) -> None:
    try:
        metadata = c.parse_metadata(data)
    except ZmtpError:
        return
    assert sum(5 + len(value) for value in metadata.values()) <= len(data)


# -- quoting ----------------------------------------------------------------------------------------------------------


def test_quoted_text_is_cut_and_harmless() -> None:
    assert quoted(b"SUB") == "'SUB'"
    assert quoted(b"\x1b[2J\r\n\xff") == "'\\x1b[2J\\r\\n\\xff'"
    assert quoted(b"x" * QUOTE_LIMIT) == f"'{'x' * QUOTE_LIMIT}'"
    assert quoted(b"x" * 1000) == f"'{'x' * QUOTE_LIMIT}...'"
    assert len(quoted(b"\0" * 1000)) == QUOTE_LIMIT + 5

"""What a session does with peers that break the rules, and how much they can make it hold."""

from __future__ import annotations

import errno
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiomq.constants import ProtocolError, SocketType
from aiomq.errors import ZMQError
from aiomq.zmtp.commands import READY, encode_ready
from aiomq.zmtp.errors import ZmtpError
from aiomq.zmtp.handshake_frames import encode_command
from aiomq.zmtp.mechanisms.base import ZapReply, ZapRequest
from aiomq.zmtp.mechanisms.null import NullMechanism
from aiomq.zmtp.session import MAX_COMMAND_SIZE, MAX_ROUTING_ID_SIZE, Session, SessionConfig, State
from tests.zmtp.session_pair import (
    GREETING_31,
    NULL_REST,
    READY_PULL,
    READY_REP,
    READY_SUB,
    SIGNATURE,
    SessionPair,
    failure_of,
    feed,
    make_session,
    octets,
)

PREFIXES = [
    b"",
    SIGNATURE,
    SIGNATURE + b"\x00",
    SIGNATURE + b"\x01\x02",
    GREETING_31,
    GREETING_31 + b"\x04\xff\x05READY",
]
HELD_LIMIT = MAX_COMMAND_SIZE + 10


def failure_or_none(session: Session, data: bytes) -> ZmtpError | None:
    try:
        session.receive_data(data)
    except ZmtpError as error:
        return error
    return None


class OtherMechanism(NullMechanism):
    """One that old peers cannot have."""

    __slots__ = ()
    name = b"OTHER"
    accepts_old_peers = False


# -- violations --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [b"PLAIN", b"CURVE", b"null", b"NUL", b"NULLX", b"", b"NULL" + bytes(15) + b"x", b"\x1b[31mRED"],
)
def test_another_mechanism_is_a_mismatch(name: bytes) -> None:
    session = make_session(SocketType.REQ)
    error = failure_of(session, SIGNATURE + b"\x03\x01" + name.ljust(20, b"\0") + bytes(32))
    assert error.code is ProtocolError.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH
    assert error.fatal
    assert "\x1b" not in error.reason
    # 37/ZMTP: a peer that reads a full greeting MUST also send a full greeting. No command follows it.
    assert session.data_to_send() == GREETING_31
    assert repr(session) == "<Session REQ FAILED held=0>"


@pytest.mark.parametrize("hears", [b"\x00", bytes.fromhex("ff 0000000000000000 00"), SIGNATURE + b"\x00\x02\x00"])
def test_v1_frame_of_length_0_ends_the_session(hears: bytes) -> None:
    error = failure_of(make_session(SocketType.PUB), hears)
    assert error.code is None
    assert error.fatal
    assert "length 0" in error.reason


@pytest.mark.parametrize(
    "hears",
    [
        bytes.fromhex("ff 0000000000000101 00"),
        bytes.fromhex("ff ffffffffffffffff 00"),
        SIGNATURE + bytes.fromhex("00 02 ff 0000000000000101"),
        SIGNATURE + bytes.fromhex("01 02 02 0000000000000100"),
        SIGNATURE + bytes.fromhex("01 02 02 ffffffffffffffff"),
    ],
)
def test_routing_id_over_255_octets_is_refused_on_its_header(hears: bytes) -> None:
    error = failure_of(make_session(SocketType.ROUTER), hears)
    assert error.code is None
    assert "up to 255 are accepted" in error.reason


def test_command_over_the_limit_is_refused_on_its_header() -> None:
    session = make_session(SocketType.REQ)
    session.receive_data(GREETING_31)
    header = b"\x06" + (MAX_COMMAND_SIZE + 1).to_bytes(8, "big")
    session.receive_data(header[:-1])
    error = failure_of(session, header[-1:])
    assert error.reason == (
        "a handshake command of 49153 octets: up to 49152 are accepted here, fewer with a lower MAXMSGSIZE"
    )
    assert error.code is None
    assert session.held == 0


def test_command_at_the_limit_is_accepted() -> None:
    session = make_session(SocketType.REQ)
    value = bytes(MAX_COMMAND_SIZE - len(READY) - 8)
    command = encode_command(encode_ready([("X-a", value)]))
    assert len(command) == MAX_COMMAND_SIZE + 9
    feed(session, [GREETING_31, command[:40000], command[40000:]])
    assert session.peer.metadata == {"X-a": value}


def test_max_message_size_bounds_the_handshake_as_in_libzmq() -> None:
    assert feed(make_session(SocketType.PUSH, max_message_size=26), [GREETING_31, READY_PULL])
    session = make_session(SocketType.PUSH, max_message_size=25)
    session.receive_data(GREETING_31)
    assert "26 octets: up to 25" in failure_of(session, READY_PULL).reason
    assert "2 octets: up to 1" in failure_of(make_session(SocketType.PULL, max_message_size=1), b"\x03\x00ab").reason


def test_incompatible_socket_type_is_answered_with_error() -> None:
    session = make_session(SocketType.REQ)
    session.receive_data(GREETING_31)
    session.data_to_send()
    error = failure_of(session, READY_SUB)
    assert (error.code, error.auth_status, error.fatal) == (None, None, True)
    assert session.data_to_send() == b"\x04\x1f\x05ERROR\x18incompatible-socket-type"
    assert session.state is State.FAILED


@pytest.mark.parametrize(
    ("frame", "reply"),
    [
        (b"\x04\x07\x05READY\x01", b"\x04\x17\x05ERROR\x10invalid-metadata"),
        (b"\x00\x05hello", b"\x04\x19\x05ERROR\x12unexpected-command"),
        (b"\x04\x00", b"\x04\x19\x05ERROR\x12unexpected-command"),
        (b"\x04\x0a\x05ERROR\x03400", b""),
        (b"\x04\x06\x05ERROR", b""),
    ],
)
def test_broken_command_is_answered_with_error_but_an_error_is_not(frame: bytes, reply: bytes) -> None:
    session = make_session(SocketType.REQ)
    session.receive_data(GREETING_31)
    session.data_to_send()
    failure_of(session, frame)
    assert session.data_to_send() == reply


def test_message_before_ready_is_unexpected() -> None:
    session = make_session(SocketType.PULL)
    error = failure_of(session, GREETING_31 + bytes.fromhex("00 05 68656c6c6f"))
    assert error.code is ProtocolError.PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND


def test_two_sessions_that_do_not_fit_both_end() -> None:
    pair = SessionPair(make_session(SocketType.REQ), make_session(SocketType.SUB))
    with pytest.raises(ZmtpError, match="a SUB socket cannot talk to a peer of type 'REQ'"):
        pair.run()
    assert pair.right.state is State.FAILED
    assert "REQ socket cannot talk" in failure_of(pair.left, pair.right_sent[64:]).reason


def test_failed_session_raises_the_same_error_for_whatever_comes() -> None:
    session = make_session(SocketType.REQ)
    first = failure_of(session, b"\x00")
    assert failure_of(session, GREETING_31) is first
    assert session.held == 0
    assert not session.ready


# -- security and old peers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hears", [b"\x01", SIGNATURE[:9] + b"\x00", SIGNATURE + b"\x00\x02", SIGNATURE + b"\x01\x02"])
def test_old_peer_is_refused_where_security_is_asked(hears: bytes) -> None:
    error = failure_of(make_session(SocketType.PUB, mechanism=OtherMechanism), hears)
    assert (error.code, error.auth_status, error.fatal) == (None, None, True)
    assert "ours is OTHER" in error.reason
    error = failure_of(make_session(SocketType.PUB, zap_domain=b"global"), hears)
    assert (error.code, error.auth_status, error.fatal) == (None, None, True)
    assert "ZAP_DOMAIN" in error.reason


def test_mechanism_of_another_name_is_announced_and_met() -> None:
    pair = SessionPair(
        make_session(SocketType.REQ, mechanism=OtherMechanism), make_session(SocketType.REP, mechanism=OtherMechanism)
    )
    pair.run()
    assert pair.left.peer.mechanism == pair.right.peer.mechanism == "OTHER"
    assert pair.left_sent[12:32] == b"OTHER" + bytes(15)


def test_zap_question_holds_the_handshake_until_it_is_answered() -> None:
    session = make_session(SocketType.REQ, zap_domain=b"global")
    assert session.zap_request is None
    assert feed(session, [GREETING_31 + READY_REP]) == GREETING_31
    assert not session.ready
    assert session.zap_request == ZapRequest(mechanism=b"NULL")
    session.receive_zap_reply(ZapReply(status=200, metadata={"User-Id": b"joe"}))
    assert session.ready
    assert session.zap_request is None
    assert session.data_to_send()[:7] == b"\x04\x26\x05READ"
    assert session.peer.metadata == {"Socket-Type": b"REP", "User-Id": b"joe"}
    with pytest.raises(RuntimeError, match="no ZAP request is open"):
        session.receive_zap_reply(ZapReply(status=200))


@pytest.mark.parametrize(("status", "reply"), [(300, b""), (400, b"\x04\x0a\x05ERROR\x03400")])
def test_zap_refusal_fails_the_session(status: int, reply: bytes) -> None:
    session = make_session(SocketType.REQ, zap_domain=b"global")
    feed(session, [GREETING_31])
    with pytest.raises(ZmtpError) as caught:
        session.receive_zap_reply(ZapReply(status=status))
    assert caught.value.auth_status == status
    assert session.data_to_send() == reply
    assert session.state is State.FAILED
    assert session.zap_request is None


def test_peer_that_sends_on_and_on_while_zap_thinks_is_refused() -> None:
    session = make_session(SocketType.REQ, zap_domain=b"global")
    session.receive_data(GREETING_31 + bytes(HELD_LIMIT))
    assert session.held == HELD_LIMIT
    assert "before it was let in" in failure_of(session, b"\0").reason
    assert session.held == 0


# -- what a stranger can make us hold ----------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(
    prefix=st.sampled_from(PREFIXES),
    chunks=st.lists(st.binary(max_size=80), max_size=12),
    socket_type=st.sampled_from([SocketType.PUB, SocketType.ROUTER, SocketType.REP]),
    zap_domain=st.sampled_from([b"", b"global"]),
)
def test_random_octets_raise_zmtp_errors_alone(
    prefix: bytes, chunks: list[bytes], socket_type: SocketType, zap_domain: bytes
) -> None:
    session = make_session(socket_type, b"id", zap_domain=zap_domain)
    for chunk in [prefix, *chunks]:
        failure = failure_or_none(session, chunk)
        assert session.held <= HELD_LIMIT
        if failure is not None:
            assert 0 < len(failure.reason) < 300
            assert session.held == 0
        if failure is not None or session.ready:
            break
    assert len(session.data_to_send()) < 200


@settings(max_examples=300, deadline=None)
@given(position=st.integers(0, 63 + len(READY_REP)), octet=st.integers(0, 255))
def test_one_wrong_octet_is_accepted_refused_or_waits(position: int, octet: int) -> None:
    whole = bytearray(GREETING_31 + READY_REP)
    whole[position] = octet
    at_once = make_session(SocketType.REQ)
    in_octets = make_session(SocketType.REQ)
    outcomes: list[str] = []
    for session, chunks in ((at_once, [bytes(whole)]), (in_octets, octets(bytes(whole)))):
        try:
            for chunk in chunks:
                if session.ready:
                    break
                session.receive_data(chunk)
            outcomes.append(session.state.name)
        except ZmtpError as error:
            outcomes.append(error.reason)
    assert outcomes[0] == outcomes[1]


def test_huge_claim_reserves_nothing() -> None:
    sessions = [make_session(SocketType.REQ) for _ in range(3)]
    tracemalloc.start()
    try:
        for session, claim in zip(sessions, (1 << 16, 1 << 40, (1 << 64) - 1), strict=True):
            session.receive_data(GREETING_31)
            header = b"\x06" + claim.to_bytes(8, "big")
            if claim <= MAX_COMMAND_SIZE:
                session.receive_data(header)
            else:
                failure_of(session, header)
        assert tracemalloc.get_traced_memory()[1] < 40_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("metadata_size", [MAX_COMMAND_SIZE // 2 - 8])
def test_peer_with_our_limits_takes_all_that_we_may_announce(metadata_size: int) -> None:
    pair = SessionPair(
        make_session(SocketType.DEALER, b"i" * MAX_ROUTING_ID_SIZE, metadata=(("X-a", bytes(metadata_size)),)),
        make_session(SocketType.ROUTER),
    )
    pair.run(1000)
    assert pair.right.peer.routing_id == b"i" * MAX_ROUTING_ID_SIZE
    assert pair.right.peer.metadata["X-a"] == bytes(metadata_size)


# -- configuration -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("routing_id", "metadata", "what"),
    [
        (b"i" * 256, (), "a routing id has up to 255 octets, not 256"),
        (b"", (("", b"x"),), "1 to 255 octets, not 0"),
        (b"", (("X" * 256, b"x"),), "1 to 255 octets, not 256"),
        (b"", (("X-a", bytes(MAX_COMMAND_SIZE // 2)),), "metadata must fit into one command"),
        (b"", (("X-a", b""),) * 513, "metadata must fit into one command"),
    ],
)
def test_config_that_no_handshake_can_carry_is_refused(
    routing_id: bytes, metadata: tuple[tuple[str, bytes], ...], what: str
) -> None:
    with pytest.raises(ZMQError, match=what) as caught:
        SessionConfig(socket_type=SocketType.REQ, routing_id=routing_id, metadata=metadata)
    assert caught.value.errno == errno.EINVAL


def test_session_before_start_takes_no_octets() -> None:
    session = Session(SessionConfig(socket_type=SocketType.REQ))
    assert session.data_to_send() == b""
    with pytest.raises(RuntimeError, match="only a running handshake"):
        session.receive_data(SIGNATURE + b"\x03" + NULL_REST)

"""The NULL mechanism, octet by octet (RFC 37, The NULL Security Mechanism; libzmq's reactions to violations)."""

from __future__ import annotations

import pytest

from aiomq.constants import ProtocolError, SocketType
from aiomq.socket_types import COMPATIBLE, wire_name
from aiomq.zmtp.commands import ERROR, READY, encode_error, encode_metadata, encode_ready
from aiomq.zmtp.errors import ZmtpError
from aiomq.zmtp.mechanisms.base import SessionFacts, ZapReply, ZapRequest
from aiomq.zmtp.mechanisms.null import NullMechanism

UNEXPECTED = ProtocolError.PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND


def facts(
    socket_type: SocketType,
    routing_id: bytes = b"",
    metadata: tuple[tuple[str, bytes], ...] = (),
    zap_domain: bytes = b"",
) -> SessionFacts:
    return SessionFacts(
        socket_type=socket_type,
        routing_id=routing_id,
        metadata=metadata,
        zap_domain=zap_domain,
        peer_as_server=False,
    )


def started(socket_type: SocketType) -> NullMechanism:
    mechanism = NullMechanism()
    mechanism.start(facts(socket_type))
    return mechanism


def error_of(mechanism: NullMechanism, body: bytes) -> ZmtpError:
    with pytest.raises(ZmtpError) as caught:
        mechanism.receive(body)
    assert caught.value.fatal
    assert not mechanism.ready
    return caught.value


# -- our READY --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("socket_type", "body"),
    [
        (SocketType.PAIR, "0552454144590b536f636b65742d547970650000000450414952"),
        (SocketType.PUB, "0552454144590b536f636b65742d5479706500000003505542"),
        (SocketType.SUB, "0552454144590b536f636b65742d5479706500000003535542"),
        (SocketType.REQ, "0552454144590b536f636b65742d5479706500000003524551084964656e7469747900000000"),
        (SocketType.REP, "0552454144590b536f636b65742d5479706500000003524550"),
        (SocketType.DEALER, "0552454144590b536f636b65742d54797065000000064445414c4552084964656e7469747900000000"),
        (SocketType.ROUTER, "0552454144590b536f636b65742d5479706500000006524f55544552084964656e7469747900000000"),
        (SocketType.PULL, "0552454144590b536f636b65742d547970650000000450554c4c"),
        (SocketType.PUSH, "0552454144590b536f636b65742d547970650000000450555348"),
        (SocketType.XPUB, "0552454144590b536f636b65742d547970650000000458505542"),
        (SocketType.XSUB, "0552454144590b536f636b65742d547970650000000458535542"),
        (SocketType.SERVER, "0552454144590b536f636b65742d5479706500000006534552564552"),
        (SocketType.CLIENT, "0552454144590b536f636b65742d5479706500000006434c49454e54"),
        (SocketType.RADIO, "0552454144590b536f636b65742d5479706500000005524144494f"),
        (SocketType.DISH, "0552454144590b536f636b65742d547970650000000444495348"),
        (SocketType.GATHER, "0552454144590b536f636b65742d5479706500000006474154484552"),
        (SocketType.SCATTER, "0552454144590b536f636b65742d547970650000000753434154544552"),
        (SocketType.PEER, "0552454144590b536f636b65742d547970650000000450454552"),
        (SocketType.CHANNEL, "0552454144590b536f636b65742d54797065000000074348414e4e454c"),
    ],
)
def test_ready_of_each_type_is_that_of_libzmq(socket_type: SocketType, body: str) -> None:
    assert NullMechanism().start(facts(socket_type)) == [bytes.fromhex(body)]


def test_ready_announces_a_routing_id_of_any_type() -> None:
    dealer = NullMechanism().start(facts(SocketType.DEALER, b"abc"))
    assert dealer == [
        bytes.fromhex("0552454144590b536f636b65742d54797065000000064445414c4552084964656e7469747900000003616263")
    ]
    (rep,) = NullMechanism().start(facts(SocketType.REP, b"abc"))
    assert rep.endswith(b"\x08Identity\0\0\0\x03abc")  # libzmq's has it only where a ROUTER may be on the other side
    (rep,) = NullMechanism().start(facts(SocketType.REP))
    assert b"Identity" not in rep


def test_ready_with_application_metadata_has_it_last() -> None:
    push = NullMechanism().start(facts(SocketType.PUSH, metadata=(("X-app", b"v1"),)))
    assert push == [
        bytes.fromhex("0552454144590b536f636b65742d547970650000000450555348 05582d617070 00000002 7631"),
    ]
    (req,) = NullMechanism().start(facts(SocketType.REQ, b"id", metadata=(("X-b", b"1"), ("X-a", b"2"))))
    assert req.index(b"Identity") < req.index(b"X-b") < req.index(b"X-a")


# -- the peer's READY -------------------------------------------------------------------------------------------------


def test_handshake_is_over_when_ready_was_sent_and_received() -> None:
    mechanism = NullMechanism()
    assert not mechanism.ready
    mechanism.start(facts(SocketType.REQ))
    assert not mechanism.ready
    assert mechanism.receive(encode_ready([("Socket-Type", b"REP"), ("X-a", b"1")])) == []
    assert mechanism.ready
    assert mechanism.metadata == {"Socket-Type": b"REP", "X-a": b"1"}
    assert mechanism.cipher is None
    assert mechanism.cipher is None


@pytest.mark.parametrize("ours", SocketType)
@pytest.mark.parametrize("theirs", SocketType)
def test_socket_types_are_accepted_as_the_rfc_pairs_them(ours: SocketType, theirs: SocketType) -> None:
    mechanism = started(ours)
    ready = encode_ready([("Socket-Type", wire_name(theirs))])
    if theirs in COMPATIBLE[ours]:
        assert mechanism.receive(ready) == []
        assert mechanism.ready
    else:
        error = error_of(mechanism, ready)
        assert error.reason == f"a {ours.name} socket cannot talk to a peer of type '{theirs.name}'"
        assert (error.code, error.auth_status, error.report) == (None, None, b"incompatible-socket-type")


@pytest.mark.parametrize("name", ["socket-type", "SOCKET-TYPE"])
def test_socket_type_under_a_name_of_any_case_is_checked(name: str) -> None:
    error_of(started(SocketType.REQ), encode_ready([(name, b"SUB")]))
    mechanism = started(SocketType.REQ)
    mechanism.receive(encode_ready([(name, b"ROUTER")]))
    assert mechanism.metadata == {"Socket-Type": b"ROUTER"}


@pytest.mark.parametrize("value", [b"rep", b"REP ", b"REP\0", b"", b"XREP", b"\xff" * 200])
def test_socket_type_that_does_not_exist_is_refused(value: bytes) -> None:
    error = error_of(started(SocketType.REQ), encode_ready([("Socket-Type", value)]))
    assert error.reason == f"a REQ socket cannot talk to a peer of no type that is known (of {len(value)} octets)"
    assert len(error.reason) < 140


def test_ready_without_socket_type_is_accepted() -> None:
    mechanism = started(SocketType.REQ)
    mechanism.receive(READY)
    assert mechanism.ready
    assert mechanism.metadata == {}


@pytest.mark.parametrize("data", [b"\x00", b"\x0bSocket-Type", encode_metadata([("Socket-Type", b"REP")]) + b"\x01"])
def test_ready_with_malformed_metadata_raises_no_event(data: bytes) -> None:
    error = error_of(started(SocketType.REQ), READY + data)
    assert (error.code, error.auth_status, error.report) == (None, None, b"invalid-metadata")


# -- ERROR and the unexpected -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "status"),
    [(b"300", 300), (b"400", 400), (b"500", 500), (b"200", None), (b"4000", None), (b"40", None), (b"go away", None)],
)
def test_error_from_the_peer_tells_of_a_zap_status_alone(reason: bytes, status: int | None) -> None:
    error = error_of(started(SocketType.PUSH), encode_error(reason))
    assert error.reason == f"the peer refused the handshake: '{reason.decode()}'"
    assert (error.code, error.auth_status, error.report) == (None, status, None)


def test_error_with_a_truncated_reason_is_malformed() -> None:
    error = error_of(started(SocketType.PUSH), ERROR + b"\x04abc")
    assert error.code is ProtocolError.PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_ERROR
    assert error.auth_status is None


@pytest.mark.parametrize("body", [b"", b"\x00", b"hello", b"\x05HELLO", b"\x05READ", b"\x05ready", b"\x04PING\x00\x00"])
def test_another_command_is_unexpected(body: bytes) -> None:
    error = error_of(started(SocketType.PUSH), body)
    assert (error.code, error.report) == (UNEXPECTED, b"unexpected-command")
    name = {b"\x05HELLO": "HELLO", b"\x04PING\0\0": "PING"}.get(body, "a name that is not known")
    assert error.reason == f"unexpected command in the NULL handshake: {name}"


@pytest.mark.parametrize("second", [READY, encode_error(b"400"), b"hello"])
def test_second_command_is_unexpected(second: bytes) -> None:
    mechanism = NullMechanism()
    mechanism.start(facts(SocketType.PUSH, zap_domain=b"global"))
    mechanism.receive(encode_ready([("Socket-Type", b"PULL")]))
    assert error_of(mechanism, second).code is UNEXPECTED


def test_reports_to_the_peer_are_visible_characters() -> None:
    # 37/ZMTP: error-reason = short-size 0*255VCHAR
    for body in (encode_ready([("Socket-Type", b"SUB")]), READY + b"\x01", b"hello"):
        report = error_of(started(SocketType.REQ), body).report
        assert report is not None
        assert all(0x21 <= octet <= 0x7E for octet in report)


# -- ZAP --------------------------------------------------------------------------------------------------------------


def asking() -> NullMechanism:
    mechanism = NullMechanism()
    assert mechanism.start(facts(SocketType.PULL, zap_domain=b"global")) == []
    assert mechanism.question == ZapRequest(mechanism=b"NULL", credentials=())
    return mechanism


def test_with_a_zap_domain_ready_waits_for_the_verdict() -> None:
    mechanism = asking()
    (ready,) = mechanism.answer(ZapReply(status=200, metadata={"User-Id": b"joe"}))
    assert ready == encode_ready([("Socket-Type", b"PULL")])
    assert mechanism.question is None
    assert not mechanism.ready
    mechanism.receive(encode_ready([("Socket-Type", b"PUSH"), ("User-Id", b"root")]))
    assert mechanism.ready
    assert mechanism.metadata == {"Socket-Type": b"PUSH", "User-Id": b"joe"}


@pytest.mark.parametrize(("status", "report", "fatal"), [(300, None, False), (400, b"400", True), (500, b"500", True)])
def test_refusal_by_zap_tells_the_peer_all_but_a_temporary_one(status: int, report: bytes | None, fatal: bool) -> None:
    mechanism = asking()
    with pytest.raises(ZmtpError, match=f"status {status} 'no entry'") as caught:
        mechanism.answer(ZapReply(status=status, text="no entry"))
    error = caught.value
    assert (error.auth_status, error.report, error.fatal, error.code) == (status, report, fatal, None)


def test_answer_without_a_question_is_an_error_of_the_caller() -> None:
    with pytest.raises(RuntimeError, match="NullMechanism asked nothing"):
        started(SocketType.PULL).answer(ZapReply(status=200))


def test_repr_tells_what_is_awaited() -> None:
    mechanism = NullMechanism()
    assert repr(mechanism) == "<NullMechanism READY unsent, awaited>"
    mechanism.start(facts(SocketType.PUSH))
    assert repr(mechanism) == "<NullMechanism READY sent, awaited>"
    mechanism.receive(READY)
    assert repr(mechanism) == "<NullMechanism READY sent, received>"

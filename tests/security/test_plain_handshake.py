"""PLAIN, command by command (RFC 24), with libzmq's codes for what breaks it; and NULL with a domain."""

from __future__ import annotations

from typing import Final

import pytest

from aiomq.constants import ProtocolError, SocketType
from aiomq.zmtp.commands import encode_metadata, encode_ready
from aiomq.zmtp.mechanisms.base import ZapReply, ZapRequest
from aiomq.zmtp.mechanisms.null import NullMechanism
from aiomq.zmtp.mechanisms.plain import PlainClient, PlainServer
from tests.security.mechanism_pairs import ALLOWED, error_of, facts, paired

HELLO: Final = b"\x05HELLO\x05admin\x06secret"
WELCOME: Final = b"\x07WELCOME"
INITIATE: Final = b"\x08INITIATE" + encode_metadata([("Socket-Type", b"DEALER"), ("Identity", b"me")])
READY: Final = encode_ready([("Socket-Type", b"ROUTER"), ("Identity", b"")])

UNEXPECTED: Final = ProtocolError.PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND
MALFORMED: Final = ProtocolError.PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED
MALFORMED_HELLO: Final = ProtocolError.PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_HELLO
MALFORMED_WELCOME: Final = ProtocolError.PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_WELCOME
MALFORMED_ERROR: Final = ProtocolError.PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_ERROR


def client() -> PlainClient:
    return PlainClient(b"admin", b"secret")


def started_client() -> PlainClient:
    made = client()
    made.start(facts(routing_id=b"me"))
    return made


def started_server() -> PlainServer:
    made = PlainServer()
    made.start(facts(SocketType.ROUTER))
    return made


def test_handshake_is_the_four_commands_of_the_rfc() -> None:
    alice, bob = client(), started_server()

    assert alice.start(facts(routing_id=b"me")) == [HELLO]
    assert bob.receive(HELLO) == []
    assert bob.question == ZapRequest(mechanism=b"PLAIN", credentials=(b"admin", b"secret"), required=True)
    assert bob.answer(ALLOWED) == [WELCOME]
    assert alice.receive(WELCOME) == [INITIATE]
    assert bob.receive(INITIATE) == [READY]
    assert bob.ready
    assert alice.receive(READY) == []
    assert alice.ready


@pytest.mark.parametrize("chunk_size", [1, 7, 1 << 20])
def test_handshake_ends_with_both_sides_ready_and_traffic_in_the_clear(chunk_size: int) -> None:
    pair = paired(client, PlainServer, chunk_size=chunk_size)

    assert pair.left.peer.mechanism == pair.right.peer.mechanism == "PLAIN"
    assert pair.right.peer.routing_id == b"me"
    assert pair.right.peer.metadata["User-Id"] == b"joe"
    assert pair.left.cipher is pair.right.cipher is None


def test_metadata_of_the_handler_outweigh_those_of_the_client() -> None:
    server = started_server()
    server.receive(HELLO)
    server.answer(ZapReply(status=200, metadata={"Identity": b"given"}))

    server.receive(INITIATE)

    assert server.metadata["Identity"] == b"given"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"\x05HELLO", MALFORMED_HELLO),
        (b"\x05HELLO\x05admi", MALFORMED_HELLO),
        (b"\x05HELLO\x05admin", MALFORMED_HELLO),
        (b"\x05HELLO\x05admin\x06secre", MALFORMED_HELLO),
        (HELLO + b"\0", MALFORMED_HELLO),
        (INITIATE, UNEXPECTED),
        (b"", MALFORMED),
        (b"\x09HELLO", MALFORMED),
    ],
)
def test_hello_that_is_spoilt_ends_the_handshake(body: bytes, code: ProtocolError) -> None:
    error = error_of(lambda: started_server().receive(body))

    assert error.code is code
    assert "admi" not in error.reason
    assert "secre" not in error.reason


def test_empty_name_and_password_are_asked_about_too() -> None:
    server = started_server()
    server.receive(b"\x05HELLO\x00\x00")

    assert server.question == ZapRequest(mechanism=b"PLAIN", credentials=(b"", b""), required=True)


def test_anything_but_initiate_after_welcome_is_not_expected() -> None:
    server = started_server()
    server.receive(HELLO)
    server.answer(ALLOWED)

    assert error_of(lambda: server.receive(HELLO)).code is UNEXPECTED


def test_initiate_with_invalid_metadata_has_no_code_as_in_libzmq() -> None:
    server = started_server()
    server.receive(HELLO)
    server.answer(ALLOWED)

    error = error_of(lambda: server.receive(b"\x08INITIATE\x05short\0"))

    assert error.code is None
    assert not server.ready


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (WELCOME + b"\0", MALFORMED_WELCOME),
        (READY, UNEXPECTED),
        (HELLO, UNEXPECTED),
        (b"", UNEXPECTED),
        (b"\x05ERROR", MALFORMED_ERROR),
        (b"\x5eRROR", MALFORMED_ERROR),
        (b"\x5eRROR\x04400", MALFORMED_ERROR),
    ],
)
def test_welcome_that_is_spoilt_ends_the_handshake(body: bytes, code: ProtocolError) -> None:
    error = error_of(lambda: started_client().receive(body))

    assert error.code is code
    assert "secret" not in error.reason


def test_second_welcome_is_not_expected() -> None:
    alice = started_client()
    alice.receive(WELCOME)

    assert error_of(lambda: alice.receive(WELCOME)).code is UNEXPECTED


def test_ready_with_invalid_metadata_is_told_by_its_code() -> None:
    alice = started_client()
    alice.receive(WELCOME)

    error = error_of(lambda: alice.receive(b"\x05READY\x05short\0"))

    assert error.code is ProtocolError.PROTOCOL_ERROR_ZMTP_INVALID_METADATA


@pytest.mark.parametrize("name", [b"\x05ERROR", b"\x5eRROR"], ids=["RFC", "libzmq"])
def test_refusal_is_understood_in_both_spellings(name: bytes) -> None:
    assert error_of(lambda: started_client().receive(name + b"\x03400")).auth_status == 400


def test_refusal_is_sent_in_the_spelling_of_libzmq() -> None:
    server = started_server()
    server.receive(HELLO)

    error = error_of(lambda: server.answer(ZapReply(status=400)))

    assert error.report == b"400"
    assert server.refusal_command(b"400") == b"\x5eRROR\x03400"
    assert client().refusal_command(b"400") is None


def test_temporary_refusal_is_not_sent_and_not_fatal() -> None:
    server = started_server()
    server.receive(HELLO)

    error = error_of(lambda: server.answer(ZapReply(status=300)))

    assert (error.auth_status, error.report, error.fatal) == (300, None, False)


def test_two_servers_are_found_out_by_the_greeting() -> None:
    error = error_of(lambda: PlainServer().start(facts(peer_as_server=True)))

    assert error.code is ProtocolError.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH


def test_no_password_is_shown_by_any_repr() -> None:
    alice, bob = started_client(), started_server()
    bob.receive(HELLO)

    assert "secret" not in repr(alice) + repr(bob) + repr(bob.question)


@pytest.mark.parametrize("enforced", [False, True])
def test_null_with_a_domain_asks_and_says_whether_it_must(enforced: bool) -> None:
    mechanism = NullMechanism()

    assert mechanism.start(facts(zap_domain=b"global", zap_enforce_domain=enforced)) == []
    assert mechanism.question == ZapRequest(mechanism=b"NULL", required=enforced)


def test_null_without_a_domain_asks_nobody() -> None:
    mechanism = NullMechanism()

    assert mechanism.start(facts(zap_enforce_domain=True)) != []
    assert mechanism.question is None

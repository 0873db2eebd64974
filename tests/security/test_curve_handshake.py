"""CURVE, command by command: the RFC's vectors and clauses (RFC 25, 26), and libzmq's codes for what breaks them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from aiomq import crypto
from aiomq.constants import ProtocolError, SocketType
from aiomq.zmtp.mechanisms import curve_client, curve_server
from aiomq.zmtp.mechanisms.base import ZapRequest
from aiomq.zmtp.mechanisms.curve import CurveCipher
from aiomq.zmtp.mechanisms.curve_client import CurveClient
from aiomq.zmtp.mechanisms.curve_server import CurveServer
from tests.security.mechanism_pairs import ALLOWED, CLIENT, SERVER, CurveParty, error_of, facts, paired

CRYPTOGRAPHIC: Final = ProtocolError.PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC
UNEXPECTED: Final = ProtocolError.PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND
MALFORMED_HELLO: Final = ProtocolError.PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_HELLO
MALFORMED_INITIATE: Final = ProtocolError.PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_INITIATE
MALFORMED_READY: Final = ProtocolError.PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_READY
MALFORMED_ERROR: Final = ProtocolError.PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_ERROR
MALFORMED_MESSAGE: Final = ProtocolError.PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_MESSAGE
MALFORMED: Final = ProtocolError.PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED
SEQUENCE: Final = ProtocolError.PROTOCOL_ERROR_ZMTP_INVALID_SEQUENCE


def flipped(data: bytes, position: int) -> bytes:
    """Return data with one bit changed."""
    changed = bytearray(data)
    changed[position] ^= 1
    return bytes(changed)


def public_of(number: int) -> bytes:
    return crypto.public_key_of(bytes([number]) * 32)


# -- the vectors ------------------------------------------------------------------------------------------------------


@pytest.fixture
def fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be random: s, c, s' and c' are 01, 02, 03 and 04 in every octet; the nonces 06, 07 and 08."""

    def keys_of(number: int) -> Callable[[], tuple[bytes, bytes]]:
        return lambda: (public_of(number), bytes([number]) * 32)

    def octets_of(*numbers: int) -> Callable[[int], bytes]:
        order: Iterator[int] = iter(numbers)
        return lambda size: bytes([next(order)]) * size

    monkeypatch.setattr(curve_client, "keypair", keys_of(4))
    monkeypatch.setattr(curve_server, "keypair", keys_of(3))
    monkeypatch.setattr(curve_client, "random_octets", octets_of(8))
    monkeypatch.setattr(curve_server, "random_octets", octets_of(5, 6, 7))


def digest(header: str, body: bytes) -> str:
    return hashlib.sha256(bytes.fromhex(header) + body).hexdigest()


@pytest.mark.usefixtures("fixed")
def test_handshake_with_fixed_keys_gives_the_octets_of_other_implementations() -> None:
    client = CurveClient(public_of(2), bytes([2]) * 32, public_of(1))
    server = CurveServer(bytes([1]) * 32)
    server.start(facts(SocketType.ROUTER))

    (hello,) = client.start(facts())
    (welcome,) = server.receive(hello)
    (initiate,) = client.receive(welcome)
    assert server.receive(initiate) == []
    (ready,) = server.answer(ALLOWED)
    client.receive(ready)

    assert digest("04c8", hello) == "5c582b431bd5525dd8f93f71f004a6392c15e57148ecd5ba1b9c2671b1c3686a"
    assert digest("04a8", welcome) == "113706bfb67006355565c8d436ec0ce61749deb9e9fb7f3338e9e495cd83177c"
    assert digest("060000000000000124", initiate) == "f45daf13fd50763a4dc6c2853132cc203af17948a9810ff4ea91e795ad53ca53"
    assert ready.hex() == (
        "0552454144590000000000000001dab55f967f8ff5d5eeb25d2127fcb58684dfd0c87c144a697cceda4cee1834a1"
        "3e94cd98532c4749ab54afb0f7f44a894bb77a"
    )
    assert client.cipher is not None
    assert client.cipher.encode(b"hello", more=False, command=False).hex() == (
        "074d455353414745000000000000000353c2b8595219542c2ff3fe5ed9e5f9c32ddb4f78b1ed"
    )
    assert client.cipher.encode(b"\x09SUBSCRIBEA", more=False, command=True).hex() == (
        "074d4553534147450000000000000004b330ecdc8aa4fc9bd093cfb7a60391c28e304405918b3ac1ec7fe069"
    )
    assert server.cipher is not None
    assert server.cipher.encode(b"hi", more=True, command=False).hex() == (
        "074d4553534147450000000000000002e843fca42a2486bd36546be6ebe486acec7df8"
    )


@pytest.mark.parametrize("chunk_size", [1, 7, 1 << 20])
def test_handshake_ends_with_both_sides_ready(chunk_size: int) -> None:
    pair = paired(lambda: CurveClient(*CLIENT, SERVER[0]), lambda: CurveServer(SERVER[1]), chunk_size=chunk_size)

    assert pair.left.peer.mechanism == pair.right.peer.mechanism == "CURVE"
    assert pair.left.peer.socket_type is SocketType.ROUTER
    assert pair.right.peer.routing_id == b"me"
    assert pair.right.peer.metadata["User-Id"] == b"joe"


def test_each_side_makes_each_shared_key_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[str, bytes, bytes]] = []

    def noting(side: str) -> Callable[[bytes, bytes], bytes]:
        def make(public_key: bytes, secret_key: bytes) -> bytes:
            made.append((side, public_key, secret_key))
            return crypto.shared_key(public_key, secret_key)

        return make

    monkeypatch.setattr(curve_client, "shared_key", noting("client"))
    monkeypatch.setattr(curve_server, "shared_key", noting("server"))
    paired(lambda: CurveClient(*CLIENT, SERVER[0]), lambda: CurveServer(SERVER[1]))

    assert [side for side, *_ in made].count("client") == [side for side, *_ in made].count("server") == 3
    assert len(set(made)) == len(made)


# -- the clauses ------------------------------------------------------------------------------------------------------


def test_hello_is_at_least_as_long_as_welcome() -> None:
    party = CurveParty().to_welcome()

    assert (len(party.hello), len(party.welcome)) == (200, 168)


def test_permanent_key_of_the_client_is_never_sent_in_the_clear() -> None:
    party = CurveParty().to_ready()

    assert all(CLIENT[0] not in command for command in (party.hello, party.welcome, party.initiate, party.ready))


def test_each_connection_has_keys_and_cookies_of_its_own() -> None:
    one, other = CurveParty().to_initiate(), CurveParty().to_initiate()

    assert one.hello[80:112] != other.hello[80:112]
    assert one.welcome[8:] != other.welcome[8:]
    assert one.initiate[9:105] != other.initiate[9:105]


def test_metadata_are_sent_in_boxes_alone() -> None:
    party = CurveParty().to_ready()

    assert b"Socket-Type" not in party.initiate + party.ready


def test_padding_of_hello_is_not_looked_at() -> None:
    party = CurveParty()

    assert len(party.server.receive(flipped(party.hello, 40))[0]) == 168


def test_server_asks_about_the_clients_permanent_key() -> None:
    party = CurveParty().to_initiate()

    assert party.server.receive(party.initiate) == []
    assert party.server.question is not None
    assert party.server.question.credentials == (CLIENT[0],)
    assert not party.server.ready


@pytest.mark.parametrize("enforced", [True, False])
@pytest.mark.parametrize("domain", [b"", b"global"])
def test_server_always_asks_and_says_whether_it_must(domain: bytes, enforced: bool) -> None:
    party = CurveParty()
    party.server.start(facts(SocketType.ROUTER, zap_domain=domain, zap_enforce_domain=enforced))
    party.to_initiate()

    assert party.server.receive(party.initiate) == []
    assert party.server.question == ZapRequest(mechanism=b"CURVE", credentials=(CLIENT[0],), required=enforced)
    assert not party.server.ready


# -- what breaks them -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda hello: hello[:-1], MALFORMED_HELLO),
        (lambda hello: hello + b"\0", MALFORMED_HELLO),
        (lambda hello: flipped(hello, 6), MALFORMED_HELLO),
        (lambda hello: flipped(hello, 7), MALFORMED_HELLO),
        (lambda hello: flipped(hello, 80), CRYPTOGRAPHIC),
        (lambda hello: flipped(hello, 112), CRYPTOGRAPHIC),
        (lambda hello: flipped(hello, 199), CRYPTOGRAPHIC),
        (lambda hello: hello[:80] + bytes(32) + hello[112:], CRYPTOGRAPHIC),
        (lambda hello: b"\x08INITIATE" + bytes(248), UNEXPECTED),
        (lambda hello: b"\x05HELLX" + bytes(194), UNEXPECTED),
        (lambda hello: b"", MALFORMED),
        (lambda hello: b"\x05", MALFORMED),
        (lambda hello: b"\x06HELLO", MALFORMED),
    ],
)
def test_hello_that_is_spoilt_ends_the_handshake(spoil: Callable[[bytes], bytes], code: ProtocolError) -> None:
    party = CurveParty()

    error = error_of(lambda: party.server.receive(spoil(party.hello)))

    assert error.code is code
    assert error.report is None or code is UNEXPECTED


def test_hello_for_another_server_does_not_open() -> None:
    party = CurveParty(server_key=crypto.keypair()[0])

    assert error_of(lambda: party.server.receive(party.hello)).code is CRYPTOGRAPHIC


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda welcome: welcome[:-1], CRYPTOGRAPHIC),
        (lambda welcome: welcome + b"\0", CRYPTOGRAPHIC),
        (lambda welcome: flipped(welcome, 8), CRYPTOGRAPHIC),
        (lambda welcome: flipped(welcome, 167), CRYPTOGRAPHIC),
        (lambda welcome: b"\x05READY" + bytes(24), UNEXPECTED),
        (lambda welcome: b"\x05HELLO" + bytes(194), UNEXPECTED),
        (lambda welcome: b"", UNEXPECTED),
        (lambda welcome: b"\x05ERROR", MALFORMED_ERROR),
        (lambda welcome: b"\x05ERROR\x04400", MALFORMED_ERROR),
    ],
)
def test_welcome_that_is_spoilt_ends_the_handshake(spoil: Callable[[bytes], bytes], code: ProtocolError) -> None:
    party = CurveParty().to_welcome()

    assert error_of(lambda: party.client.receive(spoil(party.welcome))).code is code


def test_second_welcome_is_not_expected() -> None:
    party = CurveParty().to_initiate()

    assert error_of(lambda: party.client.receive(party.welcome)).code is UNEXPECTED


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda initiate: initiate[:256], MALFORMED_INITIATE),
        (lambda initiate: initiate[:8], MALFORMED),
        (lambda initiate: flipped(initiate, 9), CRYPTOGRAPHIC),
        (lambda initiate: flipped(initiate, 104), CRYPTOGRAPHIC),
        (lambda initiate: flipped(initiate, 112), CRYPTOGRAPHIC),
        (lambda initiate: initiate[:105] + bytes(7) + b"\x01" + initiate[113:], SEQUENCE),
        (lambda initiate: flipped(initiate, 113), CRYPTOGRAPHIC),
        (lambda initiate: flipped(initiate, len(initiate) - 1), CRYPTOGRAPHIC),
        (lambda initiate: initiate + b"\0", CRYPTOGRAPHIC),
        (lambda initiate: b"\x05HELLO" + bytes(194), UNEXPECTED),
    ],
)
def test_initiate_that_is_spoilt_ends_the_handshake(spoil: Callable[[bytes], bytes], code: ProtocolError) -> None:
    party = CurveParty().to_initiate()

    assert error_of(lambda: party.server.receive(spoil(party.initiate))).code is code
    assert party.server.question is None


def test_cookie_of_another_connection_is_refused() -> None:
    party, other = CurveParty().to_initiate(), CurveParty().to_initiate()

    spoilt = party.initiate[:9] + other.initiate[9:105] + party.initiate[105:]

    assert error_of(lambda: party.server.receive(spoilt)).code is CRYPTOGRAPHIC


def test_client_whose_keys_are_no_pair_is_refused() -> None:
    party = CurveParty(keys=(CLIENT[0], crypto.keypair()[1])).to_initiate()

    assert error_of(lambda: party.server.receive(party.initiate)).code is CRYPTOGRAPHIC


def test_client_with_a_key_of_zeros_is_refused() -> None:
    party = CurveParty(keys=(bytes(32), CLIENT[1])).to_initiate()

    assert error_of(lambda: party.server.receive(party.initiate)).code is CRYPTOGRAPHIC


def test_vouch_for_another_connection_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    party = CurveParty().to_welcome()
    genuine = crypto.box

    def box(text: bytes, nonce: bytes, key: bytes) -> bytes:
        stolen = nonce.startswith(b"VOUCH---")
        return genuine(crypto.keypair()[0] + text[32:] if stolen else text, nonce, key)

    monkeypatch.setattr(curve_client, "box", box)
    (initiate,) = party.client.receive(party.welcome)

    assert error_of(lambda: party.server.receive(initiate)).code is ProtocolError.PROTOCOL_ERROR_ZMTP_KEY_EXCHANGE


def test_client_of_an_incompatible_type_is_found_out_by_the_server() -> None:
    party = CurveParty()
    party.server.start(facts(SocketType.PUB))
    party.to_initiate()

    assert error_of(lambda: party.server.receive(party.initiate)).incompatible
    assert party.server.question is None


def test_server_of_an_incompatible_type_is_found_out_by_the_client() -> None:
    party = CurveParty()
    party.hello = party.client.start(facts(SocketType.REQ))[0]
    party.to_initiate()
    party.server.receive(party.initiate)  # a ROUTER has no quarrel with a REQ
    party.ready = party.server.answer(ALLOWED)[0]
    party.client.start(facts(SocketType.SUB))

    error = error_of(lambda: party.client.receive(party.ready))

    assert error.incompatible
    assert error.code is ProtocolError.PROTOCOL_ERROR_ZMTP_INVALID_METADATA


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda ready: ready[:29], MALFORMED_READY),
        (lambda ready: flipped(ready, 6), CRYPTOGRAPHIC),
        (lambda ready: flipped(ready, len(ready) - 1), CRYPTOGRAPHIC),
        (lambda ready: b"\x07WELCOME" + bytes(160), UNEXPECTED),
    ],
)
def test_ready_that_is_spoilt_ends_the_handshake(spoil: Callable[[bytes], bytes], code: ProtocolError) -> None:
    party = CurveParty().to_ready()

    assert error_of(lambda: party.client.receive(spoil(party.ready))).code is code


def test_ready_before_welcome_is_not_expected() -> None:
    party = CurveParty()

    assert error_of(lambda: party.client.receive(b"\x05READY" + bytes(24))).code is UNEXPECTED


@pytest.mark.parametrize(("reason", "status"), [(b"400", 400), (b"500", 500), (b"300", 300), (b"4000", None)])
def test_refusal_by_the_server_is_told_by_its_status(reason: bytes, status: int | None) -> None:
    party = CurveParty().to_initiate()

    error = error_of(lambda: party.client.receive(b"\x05ERROR" + bytes([len(reason)]) + reason))

    assert error.auth_status == status
    assert error.fatal


def test_two_servers_are_found_out_by_the_greeting() -> None:
    error = error_of(lambda: CurveServer(SERVER[1]).start(facts(peer_as_server=True)))

    assert error.code is ProtocolError.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH


def test_server_key_that_is_none_is_an_error_of_the_client() -> None:
    error = error_of(lambda: CurveClient(*CLIENT, bytes(32)).start(facts()))

    assert error.code is CRYPTOGRAPHIC
    assert "CURVE_SERVERKEY" in error.reason


# -- traffic ----------------------------------------------------------------------------------------------------------


def ciphers() -> tuple[CurveCipher, CurveCipher]:
    party = CurveParty().to_traffic()
    assert isinstance(party.client.cipher, CurveCipher)
    assert isinstance(party.server.cipher, CurveCipher)
    return party.client.cipher, party.server.cipher


@pytest.mark.parametrize("more", [False, True])
@pytest.mark.parametrize("command", [False, True])
@pytest.mark.parametrize("body", [b"", b"x", bytes(100_000)], ids=len)
def test_message_comes_out_as_it_went_in(body: bytes, command: bool, more: bool) -> None:
    client, server = ciphers()

    sealed = client.encode(body, more=more, command=command)

    assert len(sealed) == 33 + len(body)
    assert server.decode(sealed) == (body, more, command)
    assert client.decode(server.encode(body, more=more, command=command)) == (body, more, command)


def test_message_that_is_repeated_is_refused() -> None:
    client, server = ciphers()
    sealed = client.encode(b"pay", more=False, command=False)
    server.decode(sealed)

    assert error_of(lambda: server.decode(sealed)).code is SEQUENCE


@pytest.mark.parametrize("to_server", [True, False], ids=["to server", "to client"])
@pytest.mark.parametrize("order", [[1], [0, 2], [0, 1, 1], [0, 1, 0], [1, 0]], ids=str)
def test_message_that_is_not_the_next_is_refused(order: list[int], to_server: bool) -> None:
    sender, receiver = ciphers() if to_server else reversed(ciphers())
    sealed = [sender.encode(b"%d" % number, more=False, command=False) for number in range(3)]
    for expected, number in enumerate(order):
        if number != expected:
            break
        assert receiver.decode(sealed[number]) == (b"%d" % number, False, False)

    assert error_of(lambda: receiver.decode(sealed[number])).code is SEQUENCE


@pytest.mark.parametrize("number", [0, 2**63, 2**64 - 1])
def test_number_of_a_message_that_is_far_off_is_refused(number: int) -> None:
    client, server = ciphers()
    sealed = client.encode(b"x", more=False, command=False)

    assert error_of(lambda: server.decode(sealed[:8] + number.to_bytes(8) + sealed[16:])).code is SEQUENCE


def test_numbers_go_on_from_the_handshake() -> None:
    client, server = ciphers()

    assert client.encode(b"", more=False, command=False)[8:16] == (3).to_bytes(8)  # after HELLO and INITIATE
    assert server.encode(b"", more=False, command=False)[8:16] == (2).to_bytes(8)  # after READY


def test_message_sent_back_to_its_sender_does_not_open() -> None:
    client, server = ciphers()
    client.decode(server.encode(b"", more=False, command=False))
    own = client.encode(b"x", more=False, command=False)  # which has the number that is awaited of the server

    assert error_of(lambda: client.decode(own)).code is CRYPTOGRAPHIC


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda sealed: sealed[:32], MALFORMED_MESSAGE),
        (lambda sealed: b"\x05READY" + sealed, UNEXPECTED),
        (lambda sealed: b"", MALFORMED),
        (lambda sealed: b"\x07MESS", MALFORMED),
        (lambda sealed: flipped(sealed, 16), CRYPTOGRAPHIC),
        (lambda sealed: flipped(sealed, len(sealed) - 1), CRYPTOGRAPHIC),
        (lambda sealed: sealed[:8] + bytes(8) + sealed[16:], SEQUENCE),
    ],
)
def test_message_that_is_spoilt_is_refused(spoil: Callable[[bytes], bytes], code: ProtocolError) -> None:
    client, server = ciphers()

    assert error_of(lambda: server.decode(spoil(client.encode(b"x", more=False, command=False)))).code is code


def test_no_key_is_shown_by_any_repr_or_error() -> None:
    party = CurveParty().to_traffic()
    error = error_of(lambda: party.server.cipher and party.server.cipher.decode(b"\x05READY" + CLIENT[1]))

    shown = "".join(map(repr, (party.client, party.server, party.client.cipher, party.server.question, error)))

    for secret in (CLIENT[0], CLIENT[1], SERVER[1]):
        assert repr(secret)[2:10] not in shown
    assert ALLOWED.metadata["User-Id"].decode() not in shown

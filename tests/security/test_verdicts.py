"""What both sides are told of every way a handshake can end. The table is libzmq's: libzmq is tested by it, too."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import zmq

import aiomq
from aiomq import Event, ProtocolError, z85
from aiomq.auth import curve_keypair
from tests.security.sides import (
    CLIENT_KEYS,
    CURVE_CLIENT,
    CURVE_SERVER,
    PLAIN_CLIENT,
    PLAIN_SERVER,
    Library,
    Reply,
    answering,
    shake_hands,
    verdict,
)

_DOMAIN: Final = {"zap_domain": b"global"}
_NULL: Final = (_DOMAIN, dict[str, Any]())
_PLAIN: Final = (PLAIN_SERVER, PLAIN_CLIENT)
_CURVE: Final = (CURVE_SERVER, CURVE_CLIENT)
MECHANISMS: Final = {"NULL": _NULL, "PLAIN": _PLAIN, "CURVE": _CURVE}

SUCCEEDED: Final = Event.HANDSHAKE_SUCCEEDED
NO_DETAIL: Final = Event.HANDSHAKE_FAILED_NO_DETAIL
PROTOCOL: Final = Event.HANDSHAKE_FAILED_PROTOCOL
AUTH: Final = Event.HANDSHAKE_FAILED_AUTH


class Case(NamedTuple):
    """What a handler answers, and what comes of it."""

    reply: Reply
    event: Event
    value: int
    at_client: Event
    client_value: int | None = None
    """None where it is an error number that tells only how the connection ended."""


def _wrong(reply: Reply, code: ProtocolError) -> Case:
    return Case(reply, PROTOCOL, code, NO_DETAIL)


CASES: Final = {
    "200": Case(verdict(b"200"), SUCCEEDED, 0, SUCCEEDED, 0),
    "300": Case(verdict(b"300"), AUTH, 300, NO_DETAIL),
    "400": Case(verdict(b"400"), AUTH, 400, AUTH, 400),
    "500": Case(verdict(b"500"), AUTH, 500, AUTH, 500),
    "no answer": Case(lambda _: None, NO_DETAIL, errno.EAGAIN, NO_DETAIL),
    "too few frames": _wrong(
        answering(b"1.0", b"1", b"200", b"OK", b"joe"), ProtocolError.PROTOCOL_ERROR_ZAP_MALFORMED_REPLY
    ),
    "too many frames": _wrong(
        answering(b"1.0", b"1", b"200", b"OK", b"joe", b"", b""), ProtocolError.PROTOCOL_ERROR_ZAP_MALFORMED_REPLY
    ),
    "bad version": _wrong(
        answering(b"2.0", b"1", b"200", b"OK", b"joe", b""), ProtocolError.PROTOCOL_ERROR_ZAP_BAD_VERSION
    ),
    "bad request id": _wrong(
        answering(b"1.0", b"2", b"200", b"OK", b"joe", b""), ProtocolError.PROTOCOL_ERROR_ZAP_BAD_REQUEST_ID
    ),
    "bad status": _wrong(verdict(b"999"), ProtocolError.PROTOCOL_ERROR_ZAP_INVALID_STATUS_CODE),
    "bad metadata": _wrong(verdict(b"200", metadata=b"\x05short\0"), ProtocolError.PROTOCOL_ERROR_ZAP_INVALID_METADATA),
    "bad socket type": _wrong(
        verdict(b"200", metadata=b"\x0bSocket-Type\0\0\0\x03PUB"), ProtocolError.PROTOCOL_ERROR_ZAP_INVALID_METADATA
    ),
}


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("case", CASES)
async def test_handshake_ends_as_the_handler_has_it(
    case: str, mechanism: str, server_library: Library, client_library: Library
) -> None:
    expected = CASES[case]
    server_options, client_options = MECHANISMS[mechanism]
    async with server_library.handler(expected.reply) as requests:
        server = server_library.make(zmq.ROUTER, handshake_ivl=300, **server_options)
        client = client_library.make(zmq.DEALER, reconnect_ivl=-1, **client_options)
        at_server, at_client = await shake_hands(server, client)

    assert at_server == (expected.event, expected.value)
    assert at_client[0] is expected.at_client
    assert expected.client_value in {None, at_client[1]}
    assert requests[0][5] == mechanism.encode()


async def _without_handler(
    server_library: Library, client_library: Library, mechanism: str, **more: object
) -> tuple[Event, int]:
    server_options, client_options = MECHANISMS[mechanism]
    # Watched by a monitor, libzmq may forget to close the connection after it has told why it will.
    server = server_library.make(zmq.ROUTER, handshake_ivl=300, **server_options, **more)
    client = client_library.make(zmq.DEALER, reconnect_ivl=-1, **client_options)
    at_server, at_client = await shake_hands(server, client)
    assert at_client[0] is (SUCCEEDED if at_server[0] is SUCCEEDED else NO_DETAIL)
    return at_server


@pytest.mark.parametrize("mechanism", ["NULL", "CURVE"])
async def test_handshake_without_a_handler_succeeds(
    mechanism: str, server_library: Library, client_library: Library
) -> None:
    assert await _without_handler(server_library, client_library, mechanism) == (SUCCEEDED, 0)


async def test_plain_handshake_without_a_handler_fails(server_library: Library, client_library: Library) -> None:
    assert await _without_handler(server_library, client_library, "PLAIN") == (NO_DETAIL, errno.EFAULT)


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_handshake_without_a_handler_fails_where_the_domain_is_enforced(
    mechanism: str, server_library: Library, client_library: Library
) -> None:
    more = {"zap_enforce_domain": 1} | ({} if mechanism == "NULL" else _DOMAIN)

    assert await _without_handler(server_library, client_library, mechanism, **more) == (NO_DETAIL, errno.EFAULT)


async def test_curve_server_of_libzmq_without_a_domain_asks_nobody_where_domains_are_enforced(
    libraries: dict[str, Library], client_library: Library
) -> None:
    async with libraries["libzmq"].handler(verdict(b"400")) as requests:
        server = libraries["libzmq"].make(zmq.ROUTER, zap_enforce_domain=1, **CURVE_SERVER)
        client = client_library.make(zmq.DEALER, **CURVE_CLIENT)

        assert await shake_hands(server, client) == ((SUCCEEDED, 0), (SUCCEEDED, 0))
    assert requests == []


async def test_curve_server_without_a_domain_is_not_bound_where_domains_are_enforced(
    libraries: dict[str, Library],
) -> None:
    async with libraries["aiomq"].handler(verdict(b"400")):
        server = libraries["aiomq"].make(zmq.ROUTER, zap_enforce_domain=1, **CURVE_SERVER)

        with pytest.raises(aiomq.ZMQError, match="needs a ZAP_DOMAIN") as refused:
            server.bind("tcp://127.0.0.1:*")
        assert refused.value.errno == errno.EINVAL


async def test_request_holds_what_libzmq_puts_into_it(server_library: Library, client_library: Library) -> None:
    async with server_library.handler(verdict(b"200")) as requests:
        server = server_library.make(zmq.ROUTER, routing_id=b"server", **_DOMAIN, **PLAIN_SERVER)
        client = client_library.make(zmq.DEALER, routing_id=b"client", **PLAIN_CLIENT)
        await shake_hands(server, client)

    assert requests == [[b"1.0", b"1", b"global", b"127.0.0.1", b"server", b"PLAIN", b"admin", b"secret"]]


async def test_request_of_ipc_names_user_group_and_process(
    server_library: Library, client_library: Library, tmp_path: Path
) -> None:
    async with server_library.handler(verdict(b"200")) as requests:
        server = server_library.make(zmq.ROUTER, **CURVE_SERVER)
        client = client_library.make(zmq.DEALER, **CURVE_CLIENT)
        await shake_hands(server, client, f"ipc://{tmp_path}/socket")

    address = b"localhost:%d:%d:%d" % (os.getuid(), os.getgid(), os.getpid())  # as glibc names an ipc socket
    assert requests == [[b"1.0", b"1", b"", address, b"", b"CURVE", z85.decode(CLIENT_KEYS[0])]]


async def test_connecting_side_with_a_domain_asks_too(server_library: Library, client_library: Library) -> None:
    async with client_library.handler(verdict(b"200")) as requests:
        server = server_library.make(zmq.ROUTER)
        client = client_library.make(zmq.DEALER, **_DOMAIN)

        assert await shake_hands(server, client) == ((SUCCEEDED, 0), (SUCCEEDED, 0))
    assert requests == [[b"1.0", b"1", b"global", b"127.0.0.1", b"", b"NULL"]]


async def test_server_that_connects_asks_about_a_client_that_binds(
    server_library: Library, client_library: Library
) -> None:
    async with server_library.handler(verdict(b"200")) as requests:
        server = server_library.make(zmq.ROUTER, **PLAIN_SERVER)
        client = client_library.make(zmq.DEALER, **PLAIN_CLIENT)

        assert await shake_hands(client, server) == ((SUCCEEDED, 0), (SUCCEEDED, 0))
    assert requests[0][6:] == [b"admin", b"secret"]


# -- wrong keys, wrong roles, wrong mechanisms ------------------------------------------------------------------------


async def test_client_with_another_servers_key_is_dropped(server_library: Library, client_library: Library) -> None:
    server = server_library.make(zmq.ROUTER, **CURVE_SERVER)
    client = client_library.make(
        zmq.DEALER, reconnect_ivl=-1, **(CURVE_CLIENT | {"curve_serverkey": curve_keypair()[0]})
    )

    at_server, at_client = await shake_hands(server, client)

    assert at_server == (PROTOCOL, ProtocolError.PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC)
    assert at_client[0] is NO_DETAIL


@pytest.mark.parametrize(
    ("server_options", "client_options"),
    [({}, PLAIN_CLIENT), ({}, CURVE_CLIENT), (PLAIN_SERVER, {}), (PLAIN_SERVER, CURVE_CLIENT), (CURVE_SERVER, {})],
)
async def test_different_mechanisms_are_told_to_both_sides(
    server_options: dict[str, Any], client_options: dict[str, Any], server_library: Library, client_library: Library
) -> None:
    server = server_library.make(zmq.ROUTER, **server_options)
    client = client_library.make(zmq.DEALER, **client_options)

    at_both = await shake_hands(server, client)

    # Who finds out first closes, and that may be all the other one gets to know.
    told = (PROTOCOL, ProtocolError.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH)
    assert told in at_both
    assert {event for event, _ in at_both} <= {PROTOCOL, NO_DETAIL}


@pytest.mark.parametrize("options", [PLAIN_CLIENT, CURVE_CLIENT], ids=["PLAIN", "CURVE"])
async def test_two_clients_do_not_expect_each_other(
    options: dict[str, Any], server_library: Library, client_library: Library
) -> None:
    one = server_library.make(zmq.ROUTER, **options)
    other = client_library.make(zmq.DEALER, **options)

    at_both = await shake_hands(one, other)

    assert (PROTOCOL, ProtocolError.PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND) in at_both


@pytest.mark.parametrize("options", [PLAIN_SERVER, CURVE_SERVER], ids=["PLAIN", "CURVE"])
async def test_two_servers_do_not_come_together(
    options: dict[str, Any], server_library: Library, client_library: Library
) -> None:
    one = server_library.make(zmq.ROUTER, handshake_ivl=200, **options)
    other = client_library.make(zmq.DEALER, handshake_ivl=200, **options)

    at_both = await shake_hands(one, other)

    # libzmq waits for the time to be over; aiomq says in its greeting that it is a server, and looks for it.
    assert {event for event, _ in at_both} <= {PROTOCOL, NO_DETAIL}

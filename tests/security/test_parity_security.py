"""The points of libzmq's security that are easy to get wrong; each test is played to servers and clients of both."""

from __future__ import annotations

import errno

import pytest
import zmq

from aiomq import Event
from tests.security.sides import (
    CURVE_CLIENT,
    CURVE_SERVER,
    PLAIN_CLIENT,
    PLAIN_SERVER,
    Library,
    Side,
    outcome,
    shake_hands,
    verdict,
)


async def _retries(client: Side) -> bool:
    """Return whether a client tries again after it was disconnected."""
    while (await client.event())[0] is not Event.DISCONNECTED:
        continue
    return not await client.quiet()


@pytest.mark.parametrize(("status", "retried"), [(b"300", True), (b"400", False), (b"500", False)])
async def test_refusal_ends_reconnection_unless_it_is_temporary(
    status: bytes, retried: bool, server_library: Library, client_library: Library
) -> None:
    async with server_library.handler(verdict(status)):
        server = server_library.make(zmq.ROUTER, handshake_ivl=100, **PLAIN_SERVER)
        client = client_library.make(zmq.DEALER, reconnect_ivl=20, **PLAIN_CLIENT)
        client.connect(server.bind("tcp://127.0.0.1:*"))

        assert await _retries(client) is retried


async def test_handshake_that_takes_too_long_is_tried_again(server_library: Library, client_library: Library) -> None:
    async with server_library.handler(lambda _: None):
        server = server_library.make(zmq.ROUTER, **PLAIN_SERVER)
        client = client_library.make(zmq.DEALER, reconnect_ivl=20, handshake_ivl=100, **PLAIN_CLIENT)
        client.connect(server.bind("tcp://127.0.0.1:*"))

        assert await _retries(client)


async def test_different_mechanism_ends_reconnection(server_library: Library, client_library: Library) -> None:
    server = server_library.make(zmq.ROUTER)
    client = client_library.make(zmq.DEALER, reconnect_ivl=20, **PLAIN_CLIENT)
    client.connect(server.bind("tcp://127.0.0.1:*"))

    # Who is told that the mechanisms differ never tries again; a client that only saw the connection end does.
    told = await outcome(client)
    assert await _retries(client) is (told[0] is Event.HANDSHAKE_FAILED_NO_DETAIL)


async def test_plain_needs_a_handler_and_curve_and_null_do_not(
    server_library: Library, client_library: Library
) -> None:
    succeeded = (Event.HANDSHAKE_SUCCEEDED, 0)
    for server_options, client_options, at_server in (
        (PLAIN_SERVER, PLAIN_CLIENT, (Event.HANDSHAKE_FAILED_NO_DETAIL, errno.EFAULT)),
        (CURVE_SERVER, CURVE_CLIENT, succeeded),
        ({"zap_domain": b"global"}, {}, succeeded),
    ):
        server = server_library.make(zmq.ROUTER, handshake_ivl=300, **server_options)
        client = client_library.make(zmq.DEALER, reconnect_ivl=-1, **client_options)

        assert (await shake_hands(server, client))[0] == at_server


async def test_null_asks_with_a_domain_alone(server_library: Library, client_library: Library) -> None:
    async with server_library.handler(verdict(b"200")) as requests:
        await shake_hands(server_library.make(zmq.ROUTER), client_library.make(zmq.DEALER))
        assert requests == []

        await shake_hands(server_library.make(zmq.ROUTER, zap_domain=b"global"), client_library.make(zmq.DEALER))
        assert [request[2] for request in requests] == [b"global"]


@pytest.mark.parametrize(
    ("server_options", "client_options"), [(PLAIN_SERVER, PLAIN_CLIENT), (CURVE_SERVER, CURVE_CLIENT)]
)
async def test_identity_in_a_request_is_the_servers_own(
    server_options: dict[str, object],
    client_options: dict[str, object],
    server_library: Library,
    client_library: Library,
) -> None:
    async with server_library.handler(verdict(b"200")) as requests:
        server = server_library.make(zmq.ROUTER, routing_id=b"the server", **server_options)
        client = client_library.make(zmq.DEALER, routing_id=b"the client", **client_options)
        await shake_hands(server, client)

    assert requests[0][4] == b"the server"

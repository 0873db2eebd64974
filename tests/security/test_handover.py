"""ROUTER_HANDOVER where peers have proved who they are: nobody takes over the routing id of another user."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

import aiomq
from aiomq import Event
from aiomq.auth import CURVE_ALLOW_ANY, Authenticator, curve_keypair
from aiomq.options import SocketOptions
from aiomq.patterns.dealer_router import RouterPattern
from tests.patterns.fake_peer import FakePeer
from tests.security.sides import CURVE_CLIENT, CURVE_SERVER, PLAIN_CLIENT, PLAIN_SERVER, Library, Side
from tests.transports.scripted import until

ANOTHER_KEY: Final = dict(zip(("curve_publickey", "curve_secretkey"), curve_keypair(), strict=True))

MECHANISMS: Final[dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]]] = {
    "PLAIN": (PLAIN_SERVER, PLAIN_CLIENT, {"plain_username": b"mallory", "plain_password": b"guess"}),
    "CURVE": (CURVE_SERVER, CURVE_CLIENT, CURVE_CLIENT | ANOTHER_KEY),
    "CURVE unasked": (CURVE_SERVER, CURVE_CLIENT, CURVE_CLIENT | ANOTHER_KEY),
}
"""The options of a server, of alice, and of another user; "unasked" is without a ZAP handler."""


@pytest.fixture(params=MECHANISMS)
async def mechanism(request: pytest.FixtureRequest, context: aiomq.Context) -> AsyncIterator[str]:
    """Return a mechanism, with an authenticator that knows two users or none."""
    name: str = request.param
    auth = Authenticator(context)
    auth.configure_plain("*", {"admin": "secret", "mallory": "guess"})
    auth.configure_curve("*", CURVE_ALLOW_ANY)
    if name == "CURVE unasked":
        yield name
    else:
        async with auth:
            yield name


@pytest.fixture
def router(mechanism: str, context: aiomq.Context) -> aiomq.Socket:
    """Return a ROUTER with handover, at which alice is to be."""
    router = context.socket(aiomq.ROUTER, linger=0, router_handover=1, router_mandatory=1, **MECHANISMS[mechanism][0])
    router.bind("tcp://127.0.0.1:*")
    return router


async def arrived(router: aiomq.Socket, library: Library, options: dict[str, Any]) -> Side:
    """Return a DEALER called alice that was heard by the router."""
    side = library.make(aiomq.DEALER, **({"routing_id": b"alice", "reconnect_ivl": 5} | options))
    side.connect(router.last_endpoint)
    await side.send(b"hello")
    assert await router.recv_multipart() == [b"alice", b"hello"]
    return side


async def test_id_is_not_handed_over_to_another_user(
    mechanism: str, router: aiomq.Socket, client_library: Library
) -> None:
    _, alice_options, mallory_options = MECHANISMS[mechanism]
    with router, router.monitor() as monitor:
        alice = await arrived(router, client_library, alice_options)
        mallory = client_library.make(aiomq.DEALER, routing_id=b"alice", reconnect_ivl=5, **mallory_options)
        mallory.connect(router.last_endpoint)

        reason = (await until(monitor, Event.DISCONNECTED)).reason
        await router.send_multipart([b"alice", b"for alice alone"])

        assert reason.startswith("a peer of another user has the routing id b'alice'")
        assert await alice.recv() == [b"for alice alone"]


async def test_id_that_is_free_again_is_for_everybody(
    mechanism: str, router: aiomq.Socket, client_library: Library
) -> None:
    _, alice_options, mallory_options = MECHANISMS[mechanism]
    with router, router.monitor() as monitor:
        alice = await arrived(router, client_library, alice_options)
        alice.close()
        await until(monitor, Event.DISCONNECTED)

        await arrived(router, client_library, mallory_options)


async def test_id_is_handed_over_to_the_same_user(
    mechanism: str, router: aiomq.Socket, client_library: Library
) -> None:
    options = MECHANISMS[mechanism][1]
    with router:
        await arrived(router, client_library, options | {"reconnect_ivl": -1})

        newer = await arrived(router, client_library, options)
        await router.send_multipart([b"alice", b"for the newer"])

        assert await newer.recv() == [b"for the newer"]


async def test_id_is_handed_over_where_a_handler_gives_all_one_name(
    context: aiomq.Context, client_library: Library
) -> None:
    async with Authenticator(context):
        with context.socket(aiomq.ROUTER, linger=0, router_handover=1, zap_domain="global") as router:
            router.bind("tcp://127.0.0.1:*")
            await arrived(router, client_library, {"reconnect_ivl": -1})
            await arrived(router, client_library, {})


@pytest.mark.parametrize(
    ("holder", "newcomer", "handed_over"),
    [
        ({}, {}, True),
        ({"User-Id": b"alice"}, {"User-Id": b"alice"}, True),
        ({"User-Id": b"alice", "Public-Key": b"A"}, {"User-Id": b"alice", "Public-Key": b"B"}, True),
        ({"User-Id": b"", "Public-Key": b"A"}, {"Public-Key": b"A"}, True),
        ({"User-Id": b""}, {}, True),
        ({"User-Id": b"alice"}, {"User-Id": b"mallory"}, False),
        ({"User-Id": b"alice"}, {"User-Id": b""}, False),
        ({"User-Id": b"alice"}, {}, False),
        ({}, {"User-Id": b"alice"}, False),
        ({"Public-Key": b"A"}, {"Public-Key": b"B"}, False),
        ({"User-Id": b"", "Public-Key": b"A"}, {"User-Id": b"", "Public-Key": b"B"}, False),
        ({"User-Id": b"A"}, {"Public-Key": b"A"}, False),
    ],
)
def test_same_user_is_who_proved_the_same(
    holder: dict[str, bytes], newcomer: dict[str, bytes], handed_over: bool
) -> None:
    pattern = RouterPattern(SocketOptions(router_handover=True))
    one, two = (FakePeer(pattern, routing_id=b"X") for _ in range(2))
    one.properties, two.properties = holder, newcomer

    one.identify()
    two.identify()

    assert (one.closed, two.closed) == (handed_over, not handed_over)
    assert pattern.try_send((b"X", b"mail"))
    assert (two if handed_over else one).outbox == [b"mail"]


def test_newcomer_that_waits_gets_the_id_of_another_user_when_it_is_free() -> None:
    pattern = RouterPattern(SocketOptions(router_handover=True))
    pattern.turn_away = lambda peer, reason: True  # as over inproc
    one, two = (FakePeer(pattern, routing_id=b"X") for _ in range(2))
    one.properties = {"User-Id": b"alice"}
    one.identify()
    two.identify()

    one.detach()

    assert pattern.try_send((b"X", b"mail"))
    assert (one.outbox, two.outbox) == ([], [b"mail"])

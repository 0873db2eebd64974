"""Addresses that are allowed or denied: compared as addresses, whatever text a socket makes of them."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import pytest

import aiomq
from aiomq import Event
from aiomq.auth import Authenticator
from aiomq.auth.address_rules import AddressRules
from aiomq.transports.addresses import host_text, zone_number
from tests.security.sides import Library, outcome

SUCCEEDED = (Event.HANDSHAKE_SUCCEEDED, 0)
REFUSED = (Event.HANDSHAKE_FAILED_AUTH, 400)


def rules(*addresses: str) -> AddressRules:
    made = AddressRules()
    made.update(addresses)
    return made


def loopback() -> tuple[int, str]:
    return socket.if_nameindex()[0]


@pytest.mark.parametrize(
    ("rule", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "::ffff:127.0.0.1"),
        ("127.0.0.1", "::ffff:7f00:1"),
        ("::ffff:127.0.0.1", "127.0.0.1"),
        ("::FFFF:7F00:1", "::ffff:127.0.0.1"),
        ("10.0.0.0/8", "10.255.0.7"),
        ("10.0.0.0/8", "::ffff:10.255.0.7"),
        ("10.0.0.0/255.0.0.0", "10.255.0.7"),
        ("::ffff:10.0.0.0/104", "10.255.0.7"),
        ("0.0.0.0/0", "::ffff:192.0.2.7"),
        ("2001:DB8:0::7", "2001:db8::7"),
        ("2001:db8::/32", "2001:db8:ffff::7"),
        ("::/0", "2001:db8::7"),
        ("fe80::7", "fe80::7%eth0"),
        ("fe80::/10", "fe80::7%eth0"),
        ("fe80::7%eth0", "FE80:0::7%eth0"),
        ("localhost:1000:1000:77", "localhost:1000:1000:77"),
        ("2", "2"),
        ("<1.1.1:77>", "<1.1.1:77>"),
    ],
)
def test_address_is_the_same_in_every_form(rule: str, address: str) -> None:
    assert address in rules(rule)
    assert address in rules("192.0.2.1", "198.51.100.0/24", "2001:db8:77::/48", rule)


@pytest.mark.parametrize(
    ("rule", "address"),
    [
        ("127.0.0.1", "127.0.0.2"),
        ("127.0.0.1", "::127.0.0.1"),
        ("127.0.0.1", "::fffe:127.0.0.1"),
        ("10.0.0.0/8", "11.0.0.7"),
        ("10.0.0.0/8", "a00::7"),
        ("::/0", "192.0.2.7"),
        ("::/0", "::ffff:192.0.2.7"),
        ("fe80::7%eth0", "fe80::7%eth1"),
        ("fe80::7%eth0", "fe80::7"),
        ("fe80::7%eth0", "fe80::8%eth0"),
        ("localhost:1000:1000:77", "localhost:1000:1000:78"),
        ("0.0.0.0/0", "localhost:1000:1000:77"),
        ("0.0.0.0/0", ""),
        ("2", "0.0.0.2"),
    ],
)
def test_other_address_is_another(rule: str, address: str) -> None:
    assert address not in rules(rule)


def test_zone_is_the_same_by_name_and_by_number() -> None:
    number, name = loopback()

    assert f"fe80::7%{name}" in rules(f"fe80::7%{number}")
    assert f"fe80::7%{number}" in rules(f"fe80::7%{name}")
    assert f"fe80::7%{name}" not in rules(f"fe80::7%{number + 1000}")


def test_address_of_a_peer_tells_its_zone() -> None:
    number, name = loopback()

    assert host_text(("fe80::7", 5555, 0, number)) == f"fe80::7%{name}"
    assert host_text(("fe80::7%eth9", 5555, 0, number)) == "fe80::7%eth9"
    assert host_text(("fe80::7", 5555, 0, 123_456)) == "fe80::7%123456"
    assert host_text(("2001:db8::7", 5555, 0, 0)) == "2001:db8::7"
    assert zone_number("none such") is None


def test_many_addresses_are_told_apart() -> None:
    made = rules(*(f"10.{number >> 8}.{number & 255}.7" for number in range(10_000)), "192.0.2.0/25")

    assert bool(made)
    assert not AddressRules()
    assert "::ffff:10.39.15.7" in made
    assert "10.39.15.8" not in made
    assert "192.0.2.127" in made
    assert "192.0.2.128" not in made


@pytest.mark.parametrize("verb", ["allow", "deny"])
@pytest.mark.parametrize(
    "bad",
    [
        "",
        "localhost",
        "example.com",
        "tcp://127.0.0.1",
        "127.0.0.1:5555",
        "[::1]",
        "127.0.0",
        "127.0.0.256",
        "127.0.0.01",
        "10.0.0.1/8",
        "10.0.0.0/33",
        "2001:db8::/129",
        "fe80::7%",
        "127.0.0.1%eth0",
        "fe80::%eth0/64",
        " 127.0.0.1",
        "localhost:root:0:1",
        "*",
    ],
)
async def test_what_is_no_address_is_refused_at_the_call(bad: str, verb: str, context: aiomq.Context) -> None:
    auth = Authenticator(context)

    with pytest.raises(ValueError, match="no address to allow or deny"):
        getattr(auth, verb)("192.0.2.1", bad)

    getattr(auth, "deny" if verb == "allow" else "allow")("192.0.2.1")  # for nothing was taken


@pytest.mark.parametrize("bad", [b"127.0.0.1", None, 2130706433, ["127.0.0.1"]])
async def test_what_is_no_text_is_refused_at_the_call(bad: object, context: aiomq.Context) -> None:
    for verb in ("allow", "deny"):
        with pytest.raises(TypeError, match="is a str, not"):
            getattr(Authenticator(context), verb)(bad)


@pytest.fixture
async def auth(context: aiomq.Context) -> AsyncIterator[Authenticator]:
    """Return an authenticator that was started."""
    async with Authenticator(context) as made:
        yield made


@pytest.mark.parametrize(
    "rule",
    [
        ("deny", "127.0.0.1", REFUSED),
        ("allow", "127.0.0.1", SUCCEEDED),
        ("deny", "127.0.0.0/8", REFUSED),
        ("allow", "127.0.0.0/8", SUCCEEDED),
        ("deny", "::ffff:127.0.0.1", REFUSED),
        ("deny", "::1", SUCCEEDED),
        ("allow", "::1", REFUSED),
    ],
)
@pytest.mark.parametrize("ipv6", [False, True], ids=["IPv4", "IPv6"])
async def test_peer_of_ipv4_is_the_same_at_a_server_of_ipv6(
    ipv6: bool,
    rule: tuple[str, str, tuple[Event, int]],
    auth: Authenticator,
    libraries: dict[str, Library],
    client_library: Library,
) -> None:
    verb, address, expected = rule
    getattr(auth, verb)(address)
    server = libraries["aiomq"].make(aiomq.ROUTER, ipv6=ipv6, zap_domain=b"global")
    client = client_library.make(aiomq.DEALER, reconnect_ivl=-1)

    client.connect(server.bind("tcp://*:*").replace("[::]", "127.0.0.1").replace("0.0.0.0", "127.0.0.1"))

    assert await outcome(server) == expected

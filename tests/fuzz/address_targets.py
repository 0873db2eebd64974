"""What is text: addresses, keys, networks, and what else options take."""

from __future__ import annotations

from aiomq import endpoint, z85
from aiomq.auth.address_rules import AddressRules
from aiomq.errors import ZMQError
from aiomq.option_values import app_property, curve_key, ip_network, proxy_address
from tests.fuzz.target import Draw

__all__ = ["addresses", "option_values"]


def addresses(data: bytes) -> None:
    """Take an address apart, and put it together again."""
    draw = Draw(data)
    flags = draw.number(4)
    for_bind, ipv6 = bool(flags & 1), bool(flags & 2)
    text = draw.rest()
    try:
        parsed = endpoint.parse(text, for_bind=for_bind, ipv6=ipv6)
    except ZMQError as error:
        assert error.errno
        assert len(str(error)) < 2000
        return
    again = endpoint.parse(str(parsed), for_bind=for_bind, ipv6=ipv6)
    assert again == parsed, f"{parsed!r} is written {parsed}, which is {again!r}"


def option_values(data: bytes) -> None:
    """Read the values of options that have a form, and the rules of an authenticator."""
    for read in (curve_key, app_property, ip_network, proxy_address, z85.decode):
        try:
            read(data)
        except ValueError:
            continue
    assert z85.decode(z85.encode(data + bytes(-len(data) % 4)))[: len(data)] == data
    text = data.decode("latin-1")
    rules = AddressRules()
    try:
        rules.update([text])
    except (ValueError, ZMQError):
        return
    assert (text in rules) in {True, False}
    assert ("::ffff:10.0.0.1" in rules) == ("10.0.0.1" in rules)

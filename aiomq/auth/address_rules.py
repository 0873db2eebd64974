"""Sets of addresses, as an authenticator allows or denies them: compared as addresses, and not as texts."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import Final, TypeAlias

from aiomq.transports.addresses import zone_number

__all__ = ["AddressRules"]

_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_OTHER_FORM: Final = re.compile(r"localhost:\d+:\d+:\d+|<\d+\.\d+\.\d+:\d+>|\d+", re.ASCII)
"""Addresses of ipc, of tipc, and of vsock, which are compared as they are."""

_MAPPED: Final = 96
"""Bits before the address of IPv4 in one of IPv6 that stands for it (RFC 4291, 2.5.5.2)."""

_EXAMPLES: Final = (
    "write it as 192.0.2.7, 2001:db8::7, fe80::7%eth0, 10.0.0.0/8 or localhost:uid:gid:pid, without a port"
)


class AddressRules:
    """A set of addresses and networks.

    An address of IPv4 is the same one where a socket of IPv6 tells it (`::ffff:192.0.2.7`). An address without a zone
    is meant in every zone. `::/0` is all of IPv6, and nothing of IPv4.
    """

    def __init__(self) -> None:
        self._networks: dict[tuple[int, int], set[int]] = {}
        """By version and length of the prefix, so that thousands are looked through in a few steps."""
        self._in_zones: set[tuple[int, str]] = set()
        self._texts: set[str] = set()

    def update(self, addresses: Iterable[str]) -> None:
        """Add addresses and networks: all of them, or none if one is bad.

        Raises:
            TypeError: one is no text.
            ValueError: one is no address.
        """
        parsed = [_parsed(each) for each in addresses]
        for each in parsed:
            if isinstance(each, str):
                self._texts.add(each)
            elif isinstance(each, ipaddress.IPv6Address):
                self._in_zones.add((int(each), each.scope_id or ""))
            else:
                numbers = self._networks.setdefault((each.version, each.prefixlen), set())
                numbers.add(int(each.network_address))

    def __contains__(self, text: str) -> bool:
        """Return whether a peer's address is one of these."""
        if text in self._texts:
            return True
        try:
            address = _unmapped(ipaddress.ip_address(text))
        except ValueError:  # of ipc, or unknown
            return False
        return self._in_a_network(address) or self._in_a_zone(address)

    def _in_a_network(self, address: _Address) -> bool:
        number, size = int(address), address.max_prefixlen
        return any(
            version == address.version and number >> (size - length) << (size - length) in numbers
            for (version, length), numbers in self._networks.items()
        )

    def _in_a_zone(self, address: _Address) -> bool:
        zone = getattr(address, "scope_id", None)
        return bool(zone) and any(
            number == int(address) and _same_zone(each, str(zone)) for number, each in self._in_zones
        )

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self._networks or self._in_zones or self._texts)


def _parsed(text: str) -> _Network | ipaddress.IPv6Address | str:
    """Return a network, an address with a zone, or the text of an address that is no number."""
    if not isinstance(text, str):
        raise TypeError(f"an address to allow or deny is a str, not {type(text).__name__}: {_EXAMPLES}")
    if _OTHER_FORM.fullmatch(text):
        return text
    try:
        if "%" in text:
            return ipaddress.IPv6Address(text)
        network = ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(f"{text[:80]!r} is no address to allow or deny ({error}): {_EXAMPLES}") from None
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None or network.prefixlen < _MAPPED:
        return network
    return ipaddress.IPv4Network((mapped, network.prefixlen - _MAPPED))


def _unmapped(address: _Address) -> _Address:
    return getattr(address, "ipv4_mapped", None) or address


def _same_zone(one: str, other: str) -> bool:
    if one == other:
        return True
    number = zone_number(one)
    return number is not None and number == zone_number(other)

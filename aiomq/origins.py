"""Where a peer comes from, as far as it cannot invent that: what one stranger can have at will counts as one."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Final

__all__ = ["origin_of"]

_IPV6_SITE_BITS: Final = 64
"""What a provider gives to one customer at least, who can have any address in it."""


def origin_of(properties: Mapping[str, bytes]) -> str:
    """Return the address of a peer with these properties; an empty text if nothing is known.

    Of IPv6 it is the network of 64 bits, of ipc the user and the group, where the system tells them: another process is
    no other user.
    """
    address = properties.get("Peer-Address", b"").decode("ascii", "replace")
    if address.startswith("localhost:"):
        return address.rpartition(":")[0]
    try:
        host = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:  # of vsock or tipc
        return address
    if isinstance(host, ipaddress.IPv4Address):
        return str(host)
    if host.ipv4_mapped is not None:
        return str(host.ipv4_mapped)
    return str(ipaddress.ip_network((host, _IPV6_SITE_BITS), strict=False))

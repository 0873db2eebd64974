"""The two ends of a connection as text."""

from __future__ import annotations

import socket
from typing import Final

from aiomq.endpoint import format_host_and_port
from aiomq.endpoint_numbered import port_text

__all__ = ["address_text", "endpoint_at", "host_text", "zone_number"]

_VSOCK_PARTS: Final = 2
_IPV6_PARTS: Final = 4


def address_text(name: object) -> str:
    """Return an address as text: `host:port` for tcp, `cid:port` for vsock, nothing for an unnamed ipc client."""
    if not isinstance(name, tuple):
        return ""
    if isinstance(name[0], str):
        return format_host_and_port(name[0], name[1])
    if len(name) == _VSOCK_PARTS:
        return f"{name[0]}:{name[1]}"
    return port_text(name[1], name[2])


def host_text(name: object) -> str:
    """Return the host of an address without its port, as `Peer-Address` has it; nothing for an unnamed ipc client.

    An address of IPv6 that is good on one link alone has its zone behind it, as `fe80::1%eth0`.
    """
    if isinstance(name, tuple) and len(name) == _IPV6_PARTS and name[3] and "%" not in str(name[0]):
        return f"{name[0]}%{_zone_name(name[3])}"
    if isinstance(name, tuple) and (isinstance(name[0], str) or len(name) == _VSOCK_PARTS):
        return str(name[0])
    return address_text(name)


def _zone_name(number: int) -> str:
    try:
        return socket.if_indextoname(number)
    except OSError:  # the interface is gone
        return str(number)


def zone_number(zone: str) -> int | None:
    """Return the number of a zone that is given by number or by name; None if there is no such interface now."""
    if zone.isascii() and zone.isdigit():
        return int(zone)
    try:
        return socket.if_nametoindex(zone)
    except (OSError, ValueError):  # ValueError: a name with a NUL
        return None


def endpoint_at(address: str, endpoint: str) -> str:
    """Return an address as an endpoint of the same transport as another one; nothing for what nobody can connect to."""
    scheme, separator, _ = endpoint.partition("://")
    return "" if not address or address.startswith(":") else f"{scheme}{separator}{address}"

"""Values of socket options that have a form of their own: read here, and refused with what is accepted."""

from __future__ import annotations

import ipaddress
from typing import Final, TypeAlias

from aiomq import z85

__all__ = ["KEY_SIZE", "IPNetwork", "app_property", "curve_key", "ip_network", "proxy_address"]

IPNetwork: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

KEY_SIZE: Final = 32
"""Octets of a CURVE key."""

_Z85_SIZE: Final = 40
_MAX_NAME: Final = 255
_PREFIX: Final = b"X-"


def curve_key(data: bytes) -> bytes:
    """Return the 32 octets of a CURVE key.

    Args:
        data: 32 octets, or 40 characters of Z85, which a zero byte may end as in C.

    Raises:
        ValueError: it is neither. The value, which may be a secret, is not repeated.
    """
    if len(data) == KEY_SIZE:
        return data
    text = data.removesuffix(b"\0")
    if len(text) != _Z85_SIZE:
        raise ValueError(f"{len(data)} bytes are no key")
    return z85.decode(text)


def app_property(data: bytes) -> tuple[bytes, bytes]:
    """Return name and value of a METADATA property, `X-name:value`.

    Raises:
        ValueError: it is not of this form.
    """
    name, colon, value = data.partition(b":")
    if not colon or not value:
        raise ValueError("there is no ':' with a value after it")
    if not name.startswith(_PREFIX):
        raise ValueError("the name does not begin with 'X-'")
    if len(name) > _MAX_NAME:
        raise ValueError(f"the name is longer than {_MAX_NAME} bytes")
    return name, value


def ip_network(data: bytes) -> IPNetwork:
    """Return the network that an address stands for, alone or with the length of its prefix: `10.0.0.0/8`.

    Bits of the address after the prefix do not count.

    Raises:
        ValueError: it is no such thing.
    """
    text = data.decode("ascii", "strict")
    _, slash, length = text.partition("/")
    if slash and not (length.isascii() and length.isdigit()):
        raise ValueError(f"{length!r} is no length of a prefix")
    return ipaddress.ip_network(text, strict=False)


def proxy_address(data: bytes) -> tuple[str, int]:
    """Return host and port of a proxy, `host:port` or `[address]:port`.

    Raises:
        ValueError: it is not of this form.
    """
    host, colon, port = data.decode("utf-8", "strict").rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host:
        raise ValueError("it is not host:port")
    if not (port.isascii() and port.isdigit() and 0 < int(port) <= 65535):
        raise ValueError(f"{port!r} is no port from 1 to 65535")
    return host, int(port)

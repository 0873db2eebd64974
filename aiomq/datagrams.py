"""What stands in a datagram of RADIO and DISH, or of DGRAM, and the addresses that DGRAM's users see.

A RADIO's datagram is the length of the group's name in one octet, the name, and the body. A DGRAM's is the body alone.
"""

from __future__ import annotations

import errno
import ipaddress
from functools import lru_cache
from typing import Final

from aiomq.errors import ZMQError

__all__ = [
    "DATAGRAM_BYTES_MAX",
    "decode_group",
    "encode_group",
    "format_address",
    "parse_address",
]

DATAGRAM_BYTES_MAX: Final = 8192
"""So long may a datagram be, group included (libzmq's limit)."""


def encode_group(group: bytes, body: bytes) -> bytes | None:
    """Return the datagram for a message to a group; None if it would be too long."""
    if 1 + len(group) + len(body) > DATAGRAM_BYTES_MAX:
        return None
    return b"".join((bytes((len(group),)), group, body))


def decode_group(datagram: bytes) -> tuple[bytes, bytes] | None:
    """Return the group and body of a datagram; None if it is too short for the group it begins, or too long."""
    if not datagram or len(datagram) > DATAGRAM_BYTES_MAX:
        return None
    end = 1 + datagram[0]
    return (datagram[1:end], datagram[end:]) if end <= len(datagram) else None


def format_address(host: str, port: int) -> bytes:
    """Return an address as DGRAM's users see it: `ip:port`, or `[ip]:port` for IPv6."""
    host = host.removeprefix("::ffff:") if "." in host else host
    return (f"[{host}]:{port}" if ":" in host else f"{host}:{port}").encode()


@lru_cache(maxsize=1024)
def parse_address(address: bytes) -> tuple[str, int]:
    """Return the host and port of `ip:port` or `[ip]:port`; a NUL at the end, as libzmq writes it, is allowed.

    Raises:
        ZMQError: EINVAL if it is no such address.
    """
    host, _, port = address.removesuffix(b"\0").decode("ascii", "replace").rpartition(":")
    try:
        checked = ipaddress.ip_address(host[1:-1] if host.startswith("[") and host.endswith("]") else host)
    except ValueError:
        raise _not_an_address(address) from None
    number = int(port) if port.isdigit() and port.isascii() and len(port) <= 5 else 0
    if not 0 < number < 65536:
        raise _not_an_address(address)
    return str(checked), number


def _not_an_address(address: bytes) -> ZMQError:
    return ZMQError(errno.EINVAL, f"{address!r} is no address to send a datagram to: those look like 127.0.0.1:5555")

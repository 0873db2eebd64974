"""The address of a network interface by its name, for `tcp://eth0:5555`.

Python's standard library has no portable call for it. Where the system answers the BSD ioctl (Linux, macOS) a name
gives the interface's first IPv4 address, and on Linux also its IPv6 one; elsewhere names are taken for host names.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import sys
from pathlib import Path

__all__ = ["interface_address"]

_SIOCGIFADDR = {"linux": 0x8915, "darwin": 0xC0206921}
_IFREQ_BYTES = 256
_NAME_BYTES = 15


def interface_address(name: str, *, ipv6: bool) -> str | None:
    """Return the first address of an interface; None if there is no interface of that name, or the system can't say."""
    if sys.platform not in _SIOCGIFADDR or len(name.encode()) > _NAME_BYTES:
        return None
    if name not in {interface for _, interface in socket.if_nameindex()}:
        return None
    return (_ipv6_address(name) if ipv6 else None) or _ipv4_address(name)


def _ipv4_address(name: str) -> str | None:
    import fcntl  # noqa: PLC0415  # not on Windows

    request = struct.pack(f"{_IFREQ_BYTES}s", name.encode())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            answer = fcntl.ioctl(sock.fileno(), _SIOCGIFADDR[sys.platform], request)
        except OSError:  # an interface without an IPv4 address
            return None
    return socket.inet_ntoa(answer[20:24])


def _ipv6_address(name: str) -> str | None:
    try:
        lines = Path("/proc/net/if_inet6").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        digits, _, _, _, _, interface = line.split()
        if interface == name:
            address = ipaddress.IPv6Address(int(digits, 16))
            return f"{address}%{name}" if address.is_link_local else str(address)
    return None

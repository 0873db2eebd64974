"""Whose a connection is, for what is counted by address."""

from __future__ import annotations

import socket
from collections.abc import Hashable
from typing import Final

from aiomq.transports.credentials import peer_credentials

__all__ = ["address_key"]

_IPV6_PARTS: Final = 4
_VSOCK_PARTS: Final = 2
_PREFIX: Final = 8
"""Octets of an IPv6 address that say which network it is in: one host may have all the addresses of it."""

_MAPPED: Final = bytes(10) + b"\xff\xff"
_TRANSLATED: Final = bytes.fromhex("0064ff9b") + bytes(8)
_LINK_LOCAL: Final = bytes.fromhex("fe80") + bytes(6)


def address_key(sock: socket.socket, name: object) -> Hashable:
    """Return what is the same for connections from the same address, and differs otherwise.

    That is the host for IPv4, whether it came by an IPv4 or an IPv6 socket or through NAT64; the first 64 bits for
    IPv6, but the whole address on one link; the machine for vsock, the node for tipc, and for ipc the user, where the
    system tells.

    Args:
        sock: the connection.
        name: who is at the other end, as the system gave it.
    """
    if not isinstance(name, tuple):
        return _user(sock)
    host = name[0]
    if isinstance(host, str):
        return _network(name) if len(name) == _IPV6_PARTS else host
    machine: int = host if len(name) == _VSOCK_PARTS else name[1]
    return machine


def _user(sock: socket.socket) -> Hashable:
    try:
        credentials = peer_credentials(sock)
    except OSError:  # it is gone already
        credentials = None
    return None if credentials is None else credentials.uid


def _network(name: tuple[object, ...]) -> Hashable:
    host = str(name[0]).partition("%")[0]
    if host.startswith("::ffff:") and "." in host:
        return host[7:]
    packed = socket.inet_pton(socket.AF_INET6, host)
    if packed.startswith((_MAPPED, _TRANSLATED)):
        return socket.inet_ntop(socket.AF_INET, packed[12:])
    prefix = packed[:_PREFIX]
    return (packed, name[3]) if prefix == _LINK_LOCAL else prefix

"""The system sockets of udp: which addresses a text means, multicast groups, and the options that udp has."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket
import struct
import sys
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from aiomq.endpoint import UdpEndpoint, format_host_and_port
from aiomq.options import SocketOptions
from aiomq.transports.interfaces import interface_address
from aiomq.transports.lookups import AddressInfo, Name, is_numeric, numeric
from aiomq.transports.system_options import bind_to_device, set_buffers

__all__ = ["Address", "address_of", "bind_socket", "bound_endpoint", "numeric_target", "send_socket", "target_name"]

Address: TypeAlias = tuple[str, int] | tuple[str, int, int, int]
"""A system address of IPv4 or IPv6."""

_WILDCARD: Final = "*"


def target_name(endpoint: UdpEndpoint, options: SocketOptions) -> Name:
    """Return what has to be known to send there."""
    return _name(endpoint, endpoint.host, options)


def numeric_target(endpoint: UdpEndpoint, options: SocketOptions) -> Address | None:
    """Return the address that datagrams go to, if no name has to be looked up for it."""
    name = target_name(endpoint, options)
    if is_numeric(name.host):
        with contextlib.suppress(OSError):  # of another family: whoever looks it up is told
            return address_of(name, numeric(name))
    return None


def address_of(name: Name, found: Sequence[AddressInfo]) -> Address:
    """Return the address that datagrams go to: the first of what was found.

    Raises:
        OSError: EADDRNOTAVAIL if that is nothing.
    """
    if not found:
        raise OSError(errno.EADDRNOTAVAIL, f"{name.host!r} has no address")
    return found[0][4]


def _name(endpoint: UdpEndpoint, host: str, options: SocketOptions) -> Name:
    family = socket.AF_UNSPEC if options.ipv6 else socket.AF_INET
    return Name(f"{host}%{endpoint.zone}" if endpoint.zone else host, endpoint.port, family, socket.SOCK_DGRAM)


def send_socket(endpoint: UdpEndpoint, target: Address, options: SocketOptions) -> socket.socket:
    """Return a socket to send to a target from.

    Raises:
        OSError: the interface, or an option, means nothing here.
    """

    def prepare(sock: socket.socket) -> None:
        if _is_multicast(target):
            _send_to_group(sock, endpoint, options)
        elif endpoint.interface:
            raise OSError(errno.EINVAL, f"{target[0]} is no multicast group: only those are reached by an interface")
        if sys.platform == "win32":
            sock.bind(("", 0))  # a loop there begins to read at once

    return _made(_family(target), options, prepare)


def bind_socket(endpoint: UdpEndpoint, options: SocketOptions) -> socket.socket:
    """Return a socket that receives: at an address of ours, or from a multicast group.

    Raises:
        OSError: it can't be bound.
    """
    local = _local_address(endpoint, options)

    def prepare(sock: socket.socket) -> None:
        if _is_multicast(local):
            _receive_from_group(sock, endpoint, local)
        elif endpoint.interface:
            raise OSError(errno.EINVAL, f"{local[0]} is no multicast group: only those are joined on an interface")
        else:
            if sock.family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            sock.bind(local)
        _set_multicast(sock, options)

    return _made(_family(local), options, prepare)


def bound_endpoint(sock: socket.socket, endpoint: UdpEndpoint) -> str:
    """Return the endpoint that was really bound; of a multicast group it is the group and not the local address."""
    name = sock.getsockname()
    host = endpoint.host
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(host).is_multicast:
            interface = f"{endpoint.interface};" if endpoint.interface else ""
            return f"udp://{interface}{format_host_and_port(host, name[1])}"
    return f"udp://{format_host_and_port(name[0], name[1])}"


def _made(
    family: socket.AddressFamily, options: SocketOptions, prepare: Callable[[socket.socket], None]
) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        _set_options(sock, options)
        prepare(sock)
    except BaseException:  # raised again; nobody else would close it
        sock.close()
        raise
    return sock


def _set_options(sock: socket.socket, options: SocketOptions) -> None:
    set_buffers(sock, options)
    if options.tos > 0 and sock.family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, options.tos)
    bind_to_device(sock, options.bindtodevice)


# -- addresses -------------------------------------------------------------------------------------------------------


def _local_address(endpoint: UdpEndpoint, options: SocketOptions) -> Address:
    if endpoint.is_wildcard:
        return ("::", endpoint.port, 0, 0) if options.ipv6 and socket.has_ipv6 else ("0.0.0.0", endpoint.port)
    address = interface_address(endpoint.host, ipv6=options.ipv6)
    name = target_name(endpoint, options) if address is None else _name(endpoint, address, options)
    flags = socket.AI_PASSIVE if address is None else socket.AI_NUMERICHOST
    try:
        return address_of(name, socket.getaddrinfo(*name, flags=flags))
    except (OSError, UnicodeError) as error:
        raise OSError(errno.ENODEV, f"no interface or address is called {endpoint.host!r} ({error})") from error


def _family(address: Address) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address[0] else socket.AF_INET


def _is_multicast(address: Address) -> bool:
    return ipaddress.ip_address(address[0].partition("%")[0]).is_multicast


# -- multicast -------------------------------------------------------------------------------------------------------


def _interface_ipv4(endpoint: UdpEndpoint) -> bytes:
    """Return the address of the interface to use, or that for the system's choice."""
    name = endpoint.interface
    if not name or name == _WILDCARD:
        return bytes(4)
    try:
        return socket.inet_aton(interface_address(name, ipv6=False) or name)
    except OSError:
        raise OSError(errno.ENODEV, f"no interface or address is called {name!r}") from None


def _interface_index(endpoint: UdpEndpoint, address: Address | None = None) -> int:
    """Return the number of the interface to use for IPv6; 0 is the system's choice."""
    name = endpoint.interface or endpoint.zone
    if not name or name == _WILDCARD:
        return address[3] if address is not None and len(address) == 4 else 0
    try:
        return socket.if_nametoindex(name)
    except OSError:
        raise OSError(errno.ENODEV, f"no interface is called {name!r}; IPv6 groups need its name") from None


def _set_multicast(sock: socket.socket, options: SocketOptions) -> None:
    """Say how far datagrams to a group go, and whether they come back to this machine."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, int(options.multicast_loop))
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, options.multicast_hops)
    else:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, int(options.multicast_loop))
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, min(options.multicast_hops, 255))


def _send_to_group(sock: socket.socket, endpoint: UdpEndpoint, options: SocketOptions) -> None:
    _set_multicast(sock, options)
    if sock.family == socket.AF_INET6:
        index = _interface_index(endpoint)
        if index:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        return
    interface = _interface_ipv4(endpoint)
    if any(interface):
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, interface)


def _receive_from_group(sock: socket.socket, endpoint: UdpEndpoint, group: Address) -> None:
    """Join a group; several sockets of a machine may, and each gets all of its datagrams."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "SO_REUSEPORT"):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if sock.family == socket.AF_INET6:
        sock.bind(("::", group[1], 0, 0))
        member = struct.pack(
            "@16sI", socket.inet_pton(socket.AF_INET6, group[0].partition("%")[0]), _interface_index(endpoint, group)
        )
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, member)
    else:
        sock.bind(("", group[1]))
        sock.setsockopt(
            socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group[0]) + _interface_ipv4(endpoint)
        )

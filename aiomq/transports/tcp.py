"""tcp: addresses of every form, every address a name resolves to, and the options of the operating system's socket."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
import struct
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from aiomq.endpoint import WILDCARD, TcpEndpoint, format_tcp
from aiomq.option_values import IPNetwork, proxy_address
from aiomq.options import SocketOptions
from aiomq.transports.addresses import host_text
from aiomq.transports.adopted import adopt
from aiomq.transports.base import Address
from aiomq.transports.interfaces import interface_address
from aiomq.transports.lookups import AddressInfo, Name, is_numeric, numeric
from aiomq.transports.socks import request_target
from aiomq.transports.system_options import set_accepted_options, set_tcp_options

__all__ = ["TcpTransport"]

_FAMILIES: Final = frozenset({socket.AF_INET, socket.AF_INET6})

_RESET: Final = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
"""SO_LINGER: close by a reset, which leaves nothing behind."""

_Resolved = tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int]]


class TcpTransport:
    """Byte streams over tcp."""

    takes_time = True

    def bind(self, endpoint: TcpEndpoint, options: SocketOptions) -> socket.socket:
        """Return a socket that listens; host names are looked up, and the first address that can be bound is taken.

        With USE_FD it is that one, and the endpoint does not matter (as in libzmq).

        Raises:
            OSError: ENODEV if the host means nothing here, otherwise what the system said.
        """
        if options.use_fd >= 0:
            return adopt(options.use_fd, _FAMILIES, "tcp")
        failure: OSError | None = None
        for family, address in _local_addresses(endpoint.host, endpoint.zone, endpoint.port, ipv6=options.ipv6):
            try:
                return _listen(family, address, options)
            except OSError as error:
                failure = failure or error
        raise failure or OSError(errno.ENODEV, f"no interface or address is called {endpoint.host!r}")

    def bound_endpoint(self, sock: socket.socket, endpoint: TcpEndpoint) -> str:
        """Return the numeric address, with its zone if it has one, and the port, as the system gives them."""
        host, port = socket.getnameinfo(sock.getsockname(), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)
        return format_tcp(host, int(port))

    def names(self, target: TcpEndpoint, options: SocketOptions) -> Sequence[Name]:
        """Return the names among the host (or the proxy's in its place) and the source: all is looked up anew."""
        names = [_first_hop(target, options)]
        source = _source(target, options)
        if source is not None and source.host != WILDCARD and not interface_address(source.host, ipv6=options.ipv6):
            names.append(source)
        return [name for name in names if not is_numeric(name.host)]

    def addresses(
        self, target: TcpEndpoint, options: SocketOptions, found: Mapping[Name, Sequence[AddressInfo]]
    ) -> Sequence[Address]:
        """Return every address that the host, or that of the proxy, has.

        Raises:
            OSError: EADDRNOTAVAIL if it has none.
        """
        name = _first_hop(target, options)
        infos = found[name] if name in found else numeric(name)
        if not infos:
            raise OSError(errno.EADDRNOTAVAIL, f"{name.host!r} has no address")
        return [Address(family, address) for family, _, _, _, address in infos]

    def is_lasting(self, target: TcpEndpoint, options: SocketOptions) -> bool:
        """Tell whether the host is a number without a zone: a zone is the name of an interface."""
        host = _first_hop(target, options).host
        return is_numeric(host) and "%" not in host

    def open_socket(self, family: int) -> socket.socket:
        """Return a new system socket.

        Raises:
            OSError: there is no such family, or the system has no more of them.
        """
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setblocking(False)
        return sock

    def prepare(
        self,
        sock: socket.socket,
        target: TcpEndpoint,
        options: SocketOptions,
        found: Mapping[Name, Sequence[AddressInfo]],
    ) -> None:
        """Set the options of a socket, and bind it to its source.

        Raises:
            OSError: the system does not take them.
        """
        set_tcp_options(sock, options)
        source = _source(target, options)
        if source is not None:
            _bind_source(sock, source, options, found.get(source))

    def check(self, sock: socket.socket, target: TcpEndpoint) -> None:
        """Find out whether it is its own peer: a free port of our own host, connected from that very port.

        Raises:
            OSError: it is.
        """
        if sock.getsockname() == sock.getpeername():
            # Closed in good order, both ends of it would keep the port from the server for a minute.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            raise OSError(errno.ECONNREFUSED, f"nobody listens at {target}")

    async def introduce(
        self, loop: asyncio.AbstractEventLoop, sock: socket.socket, target: TcpEndpoint, options: SocketOptions
    ) -> None:
        """Have the proxy connect, if there is one.

        Raises:
            OSError: it did not.
        """
        if options.socks_proxy:
            await _ask_proxy(loop, sock, target, options)

    def accepted(self, sock: socket.socket, name: object, options: SocketOptions) -> str:
        """Set the options of an accepted connection; return why it is not let in (TCP_ACCEPT_FILTER), if it is not."""
        if options.tcp_accept_filter:
            host = host_text(name)
            if not host:
                raise OSError(errno.ENOTCONN, "who connected has gone already")
            if not _in_networks(host, options.tcp_accept_filter):
                return f"{host} is in no network of TCP_ACCEPT_FILTER"
        set_accepted_options(sock, options)
        return ""

    def release(self, endpoint: str) -> None:
        """Nothing to remove."""


async def _ask_proxy(
    loop: asyncio.AbstractEventLoop, sock: socket.socket, endpoint: TcpEndpoint, options: SocketOptions
) -> None:
    """Have the proxy connect; it may take as long as CONNECT_TIMEOUT says, and no handshake takes HANDSHAKE_IVL."""
    login = (options.socks_username, options.socks_password)
    limit = asyncio.timeout(options.handshake_ivl / 1000 or None)
    try:
        async with limit:
            await request_target(loop, sock, endpoint.host, endpoint.port, *login)
    except TimeoutError as error:
        if not limit.expired():  # the proxy said that it waited in vain
            raise
        raise OSError(errno.ETIMEDOUT, f"no answer of the proxy within {options.handshake_ivl} ms") from error


def _in_networks(host: str, networks: Iterable[IPNetwork]) -> bool:
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped  # who came by IPv4 to an IPv6 listener
    return any(address in network for network in networks)


def _first_hop(target: TcpEndpoint, options: SocketOptions) -> Name:
    """Return what to connect to: the target, or the proxy."""
    family = socket.AF_UNSPEC if options.ipv6 else socket.AF_INET
    host, port = f"{target.host}%{target.zone}" if target.zone else target.host, target.port
    if options.socks_proxy:
        host, port = proxy_address(options.socks_proxy)
    return Name(host, port, family, socket.SOCK_STREAM)


def _source(target: TcpEndpoint, options: SocketOptions) -> Name | None:
    """Return where to connect from, if that was said."""
    if target.source is None:
        return None
    return Name(*target.source, socket.AF_UNSPEC if options.ipv6 else socket.AF_INET, socket.SOCK_STREAM)


def _local_addresses(host: str, zone: str, port: int, *, ipv6: bool) -> Iterable[_Resolved]:
    """Yield the addresses that a host of ours means: a wildcard, an interface name, an address, a DNS name."""
    if host == "*":
        if ipv6 and socket.has_ipv6:
            yield socket.AF_INET6, ("::", port, 0, 0)
        yield socket.AF_INET, ("0.0.0.0", port)
        return
    address = interface_address(host, ipv6=ipv6)
    if address is not None:
        host = address
    family = socket.AF_UNSPEC if ipv6 else socket.AF_INET
    full = f"{host}%{zone}" if zone else host
    try:
        found = socket.getaddrinfo(full, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise OSError(errno.ENODEV, f"no interface or address is called {full!r} ({error})") from error
    for each_family, _, _, _, resolved in found:
        yield socket.AddressFamily(each_family), resolved  # type: ignore[misc]  # an address of an inet family


def _listen(family: socket.AddressFamily, address: tuple[object, ...], options: SocketOptions) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if sys.platform == "win32":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        set_tcp_options(sock, options)
        sock.bind(address)
        sock.listen(max(options.backlog, 1))
    except BaseException:  # raised again; nobody else would close it
        sock.close()
        raise
    return sock


def _bind_source(
    sock: socket.socket, source: Name, options: SocketOptions, found: Sequence[AddressInfo] | None
) -> None:
    host, _, zone = source.host.partition("%")
    candidates: Iterable[tuple[int, tuple[object, ...]]] = (
        _local_addresses(host, zone, source.port, ipv6=options.ipv6)
        if found is None
        else ((info[0], info[4]) for info in found)
    )
    for family, address in candidates:
        if family == sock.family:
            if sys.platform != "win32":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
            return
    raise OSError(errno.EADDRNOTAVAIL, f"the source {host!r} has no address of the target's family")

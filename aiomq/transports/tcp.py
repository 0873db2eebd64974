"""tcp: addresses of every form, every address a name resolves to, and the options of the operating system's socket."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import socket
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from aiomq.endpoint import TcpEndpoint, format_tcp
from aiomq.option_values import IPNetwork, proxy_address
from aiomq.options import SocketOptions
from aiomq.transports.addresses import host_text
from aiomq.transports.adopted import adopt
from aiomq.transports.base import ConnectionFactory
from aiomq.transports.handover import hand_over
from aiomq.transports.interfaces import interface_address
from aiomq.transports.socks import request_target
from aiomq.transports.system_options import set_accepted_options, set_tcp_options

__all__ = ["TcpTransport"]

_FAMILIES: Final = frozenset({socket.AF_INET, socket.AF_INET6})

_Resolved = tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int]]


class TcpTransport:
    """Byte streams over tcp."""

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

    async def serve(
        self, loop: asyncio.AbstractEventLoop, sock: socket.socket, factory: ConnectionFactory, backlog: int
    ) -> asyncio.AbstractServer:
        """Accept connections from a bound socket."""
        return await loop.create_server(factory, sock=sock, backlog=max(backlog, 1))

    async def open(
        self,
        loop: asyncio.AbstractEventLoop,
        endpoint: TcpEndpoint,
        options: SocketOptions,
        factory: ConnectionFactory,
        begun: Callable[[bool], None],
    ) -> None:
        """Resolve the name anew and try every address it has, in order.

        Raises:
            OSError: the failure of the first address, if no address answered.
        """
        family = socket.AF_UNSPEC if options.ipv6 else socket.AF_INET
        host, port = f"{endpoint.host}%{endpoint.zone}" if endpoint.zone else endpoint.host, endpoint.port
        if options.socks_proxy:
            host, port = proxy_address(options.socks_proxy)
        failure: OSError | None = None
        for each_family, _, _, _, address in await _resolve(loop, host, port, family):
            if failure is None:
                begun(True)
            try:
                await self._open_address(loop, each_family, address, endpoint, options, factory)
            except OSError as error:
                failure = failure or error
            else:
                return
        raise failure or OSError(errno.EADDRNOTAVAIL, f"{host!r} has no address")

    async def _open_address(  # noqa: PLR0917  # private, and called once
        self,
        loop: asyncio.AbstractEventLoop,
        family: int,
        address: tuple[object, ...],
        endpoint: TcpEndpoint,
        options: SocketOptions,
        factory: ConnectionFactory,
    ) -> None:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            set_tcp_options(sock, options)
            if endpoint.source is not None:
                _bind_source(sock, endpoint.source, options)
            if endpoint.zone and not options.socks_proxy and type(loop).__module__.startswith("uvloop"):
                # It looks the address up again, by host and port alone: the scope must be in the host.
                address = (f"{endpoint.host}%{endpoint.zone}", endpoint.port)
            await loop.sock_connect(sock, address)
            if sock.getsockname() == sock.getpeername():
                # A free port of our own host, connected from itself: nobody else is there.
                raise OSError(errno.ECONNREFUSED, f"nobody listens at {endpoint}")
            if options.socks_proxy:
                await _ask_proxy(loop, sock, endpoint, options)
            await hand_over(loop, sock, factory)
        except BaseException:  # raised again; nobody else would close it
            sock.close()
            raise

    def accepted(self, transport: asyncio.BaseTransport, options: SocketOptions) -> str:
        """Set the options of an accepted connection; return why it is not let in (TCP_ACCEPT_FILTER), if it is not."""
        if options.tcp_accept_filter:
            host = host_text(transport.get_extra_info("peername"))
            if not host:
                raise OSError(errno.ENOTCONN, "who connected has gone already")
            if not _in_networks(host, options.tcp_accept_filter):
                return f"{host} is in no network of TCP_ACCEPT_FILTER"
        set_accepted_options(transport.get_extra_info("socket"), options)
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


async def _resolve(
    loop: asyncio.AbstractEventLoop, host: str, port: int, family: int
) -> Sequence[tuple[int, int, int, str, tuple[object, ...]]]:
    """Return what a host means; a number is read here and now, a name is looked up in a thread of the loop's."""
    with contextlib.suppress(socket.gaierror, UnicodeError):
        return socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    try:
        return await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # a label over 63 characters, from the IDNA codec
        raise OSError(errno.ENODEV, f"{host!r} is not a host name: {error}") from error


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


def _bind_source(sock: socket.socket, source: tuple[str, int], options: SocketOptions) -> None:
    host, port = source
    host, _, zone = host.partition("%")
    for family, address in _local_addresses(host, zone, port, ipv6=options.ipv6):
        if family == sock.family:
            if sys.platform != "win32":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
            return
    raise OSError(errno.EADDRNOTAVAIL, f"the source {host!r} has no address of the target's family")

"""tcp: addresses of every form, every address a name resolves to, and the options of the operating system's socket."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import sys
from collections.abc import Iterable, Sequence

from aiomq.endpoint import TcpEndpoint, format_tcp
from aiomq.options import SocketOptions
from aiomq.transports.base import ConnectionFactory
from aiomq.transports.interfaces import interface_address

__all__ = ["TcpTransport"]

_Resolved = tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int]]


class TcpTransport:
    """Byte streams over tcp."""

    def bind(self, endpoint: TcpEndpoint, options: SocketOptions) -> socket.socket:
        """Return a socket that listens; host names are looked up, and the first address that can be bound is taken.

        Raises:
            OSError: ENODEV if the host means nothing here, otherwise what the system said.
        """
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
        self, loop: asyncio.AbstractEventLoop, endpoint: TcpEndpoint, options: SocketOptions, factory: ConnectionFactory
    ) -> None:
        """Resolve the name anew and try every address it has, in order.

        Raises:
            OSError: the failure of the first address, if no address answered.
        """
        family = socket.AF_UNSPEC if options.ipv6 else socket.AF_INET
        host = f"{endpoint.host}%{endpoint.zone}" if endpoint.zone else endpoint.host
        failure: OSError | None = None
        for each_family, _, _, _, address in await _resolve(loop, host, endpoint.port, family):
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
            _set_options(sock, options)
            if endpoint.source is not None:
                _bind_source(sock, endpoint.source, options)
            if endpoint.zone and type(loop).__module__.startswith("uvloop"):
                # It looks the address up again, by host and port alone: the scope must be in the host.
                address = (f"{endpoint.host}%{endpoint.zone}", endpoint.port)
            await loop.sock_connect(sock, address)
            if sock.getsockname() == sock.getpeername():
                # A free port of our own host, connected from itself: nobody else is there.
                raise OSError(errno.ECONNREFUSED, f"nobody listens at {endpoint}")
            await loop.create_connection(factory, sock=sock)
        except BaseException:
            sock.close()
            raise

    def release(self, endpoint: str) -> None:
        """Nothing to remove."""


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
        _set_options(sock, options)
        sock.bind(address)
        sock.listen(max(options.backlog, 1))
    except BaseException:
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


def _set_options(sock: socket.socket, options: SocketOptions) -> None:
    """Give the system's socket what the options ask for. What accepted sockets need, they inherit from the listener.

    NODELAY is always on: the encoder makes the batches.
    """
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if options.sndbuf >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, options.sndbuf)
    if options.rcvbuf >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, options.rcvbuf)
    _set_keepalive(sock, options)
    if options.tos > 0:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, options.tos)
        if sock.family == socket.AF_INET6 and hasattr(socket, "IPV6_TCLASS"):
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, options.tos)
    if options.priority > 0 and hasattr(socket, "SO_PRIORITY"):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, options.priority)
    if options.tcp_maxrt > 0 and hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, options.tcp_maxrt)
    if options.bindtodevice and hasattr(socket, "SO_BINDTODEVICE"):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, options.bindtodevice)


def _set_keepalive(sock: socket.socket, options: SocketOptions) -> None:
    if options.tcp_keepalive < 0:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, options.tcp_keepalive)
    for name, value in (
        ("TCP_KEEPCNT", options.tcp_keepalive_cnt),
        ("TCP_KEEPIDLE", options.tcp_keepalive_idle),
        ("TCP_KEEPINTVL", options.tcp_keepalive_intvl),
    ):
        if value > 0 and hasattr(socket, name):
            with contextlib.suppress(OSError):  # a value the system does not take: keepalive itself stays on
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

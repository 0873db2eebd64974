"""A tcp connection through a SOCKS5 proxy (RFC 1928), with or without a login (RFC 1929).

The proxy looks the target's name up: it is sent as text, and never resolved here.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
import struct
from collections.abc import Mapping
from typing import Final

__all__ = ["request_target"]

_VERSION: Final = 5
_CONNECT: Final = 1
_MAX_TEXT: Final = 255

_NO_LOGIN: Final = 0
_LOGIN: Final = 2
_LOGIN_VERSION: Final = 1

_IPV4: Final = 1
_NAME: Final = 3
_IPV6: Final = 4

_FAILURES: Final[Mapping[int, tuple[int, str]]] = {
    1: (errno.EIO, "general failure"),
    2: (errno.EACCES, "its rules do not allow it"),
    3: (errno.ENETUNREACH, "the network is unreachable"),
    4: (errno.EHOSTUNREACH, "the host is unreachable"),
    5: (errno.ECONNREFUSED, "the connection was refused"),
    6: (errno.ETIMEDOUT, "the time to live has expired"),
    7: (errno.EOPNOTSUPP, "it knows no CONNECT"),
    8: (errno.EAFNOSUPPORT, "it does not know this type of address"),
}


async def request_target(  # noqa: PLR0917  # what a proxy must be told
    loop: asyncio.AbstractEventLoop, sock: socket.socket, host: str, port: int, username: bytes, password: bytes
) -> None:
    """Ask the proxy that a socket is connected to for a connection to a target; then the socket is that connection.

    Args:
        loop: the running loop.
        sock: connected to the proxy, and not blocking.
        host: a name, or an address, of the target.
        port: its port.
        username: empty to come without a login.
        password: what goes with the name.

    Raises:
        OSError: the proxy refused, which the number tells as if it were the target, or it does not speak SOCKS5.
    """
    target = _address(host) + struct.pack(">H", port)
    methods = bytes((_NO_LOGIN, _LOGIN)) if username else bytes((_NO_LOGIN,))
    await loop.sock_sendall(sock, bytes((_VERSION, len(methods))) + methods)
    version, method = await _read(loop, sock, 2)
    _check_version(version, _VERSION)
    if method == _LOGIN and username:
        await _log_in(loop, sock, username, password)
    elif method != _NO_LOGIN:
        wanted = "a login (SOCKS_USERNAME, SOCKS_PASSWORD)" if not username else "another way to log in"
        raise OSError(errno.EACCES, f"the proxy asks for {wanted}: it chose method {method}")
    await loop.sock_sendall(sock, bytes((_VERSION, _CONNECT, 0)) + target)
    await _read_reply(loop, sock)


async def _log_in(loop: asyncio.AbstractEventLoop, sock: socket.socket, username: bytes, password: bytes) -> None:
    login = bytes((_LOGIN_VERSION, len(username))) + username + bytes((len(password),)) + password
    await loop.sock_sendall(sock, login)
    version, status = await _read(loop, sock, 2)
    _check_version(version, _LOGIN_VERSION)
    if status:
        raise OSError(errno.EACCES, f"the proxy refuses the login (status {status})")


async def _read_reply(loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
    version, reply, _, kind = await _read(loop, sock, 4)
    _check_version(version, _VERSION)
    if reply:
        number, text = _FAILURES.get(reply, (errno.EIO, f"reply {reply}"))
        raise OSError(number, f"the proxy did not connect: {text}")
    sizes = {_IPV4: 4, _IPV6: 16}
    if kind == _NAME:
        size = (await _read(loop, sock, 1))[0]
    elif kind in sizes:
        size = sizes[kind]
    else:
        raise OSError(errno.EPROTO, f"the proxy answers with an address of type {kind}, which SOCKS5 has not")
    await _read(loop, sock, size + 2)  # where the proxy is connected from: nobody wants to know


async def _read(loop: asyncio.AbstractEventLoop, sock: socket.socket, size: int) -> bytes:
    """Read so many bytes and not one more: the next ones are the target's."""
    data = b""
    while len(data) < size:
        more = await loop.sock_recv(sock, size - len(data))
        if not more:
            raise OSError(errno.ECONNRESET, "the proxy closed the connection in the middle of its handshake")
        data += more
    return data


def _check_version(version: int, expected: int) -> None:
    if version != expected:
        raise OSError(errno.EPROTO, f"the proxy does not speak SOCKS5: it says version {version}, not {expected}")


def _address(host: str) -> bytes:
    """Return the target's host as the request has it: a number as a number, a name as a name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return _name(host)
    return bytes((_IPV4 if address.version == 4 else _IPV6,)) + address.packed


def _name(host: str) -> bytes:
    try:
        name = host.encode("ascii") if host.isascii() else host.encode("idna")
    except UnicodeError as error:
        raise OSError(errno.ENODEV, f"{host!r} is not a host name: {error}") from error
    if len(name) > _MAX_TEXT:
        raise OSError(errno.ENAMETOOLONG, f"a proxy takes names of {_MAX_TEXT} bytes, this one has {len(name)}")
    return bytes((_NAME, len(name))) + name

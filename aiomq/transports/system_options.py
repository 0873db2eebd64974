"""What options ask of the operating system's sockets.

An option that the platform has no name for is left out without an error, as by libzmq: TCP_MAXRT outside Linux and
Windows, PRIORITY outside Linux, the keepalive times where there are none. But BINDTODEVICE, which keeps others out, is
an error then. A value that the system refuses is an error of the bind, or of the attempt to connect, except for the
keepalive times.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import sys
from typing import Protocol

from aiomq.options import SocketOptions

__all__ = ["SystemSocket", "bind_to_device", "set_accepted_options", "set_buffers", "set_tcp_options"]


class SystemSocket(Protocol):
    """A socket, or what an event loop gives in its place."""

    @property
    def family(self) -> int:
        """The family of its addresses."""

    def setsockopt(self, level: int, option: int, value: int | bytes, /) -> None:
        """Set an option of it."""


def set_buffers(sock: SystemSocket, options: SocketOptions) -> None:
    """Set the sizes of a socket's buffers (SNDBUF, RCVBUF)."""
    if options.sndbuf >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, options.sndbuf)
    if options.rcvbuf >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, options.rcvbuf)


def set_tcp_options(sock: socket.socket, options: SocketOptions) -> None:
    """Set what options ask of a tcp socket before it is connected or listens; accepted ones inherit nearly all of it.

    NODELAY is always on: the encoder makes the batches.
    """
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    set_buffers(sock, options)
    _set_keepalive(sock, options)
    if options.tos > 0:
        _set_tos(sock, options.tos)
    if options.priority > 0 and hasattr(socket, "SO_PRIORITY"):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, options.priority)
    _set_maxrt(sock, options.tcp_maxrt)
    bind_to_device(sock, options.bindtodevice)


def set_accepted_options(sock: SystemSocket, options: SocketOptions) -> None:
    """Set what an accepted tcp socket does not inherit from the one that listens."""
    if options.priority > 0 and hasattr(socket, "SO_PRIORITY"):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, options.priority)


def bind_to_device(sock: SystemSocket, device: bytes) -> None:
    """Have a socket use one network interface alone (BINDTODEVICE); empty is any.

    Raises:
        OSError: EOPNOTSUPP where the platform cannot do it, or what the system said.
    """
    if not device:
        return
    if not hasattr(socket, "SO_BINDTODEVICE"):
        raise OSError(errno.EOPNOTSUPP, f"BINDTODEVICE {device.decode(errors='replace')!r}: this platform cannot do it")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device)


def _set_tos(sock: SystemSocket, tos: int) -> None:
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, tos)
    if sock.family == socket.AF_INET6 and hasattr(socket, "IPV6_TCLASS"):
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, tos)


def _set_maxrt(sock: SystemSocket, milliseconds: int) -> None:
    if milliseconds <= 0:
        return
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
    elif hasattr(socket, "TCP_MAXRT"):  # of Windows, in seconds
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXRT, max(milliseconds // 1000, 1))


def _set_keepalive(sock: socket.socket, options: SocketOptions) -> None:
    if options.tcp_keepalive < 0:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, options.tcp_keepalive)
    idle = "TCP_KEEPALIVE" if sys.platform == "darwin" else "TCP_KEEPIDLE"
    for name, value in (
        ("TCP_KEEPCNT", options.tcp_keepalive_cnt),
        (idle, options.tcp_keepalive_idle),
        ("TCP_KEEPINTVL", options.tcp_keepalive_intvl),
    ):
        if value > 0 and hasattr(socket, name):
            with contextlib.suppress(OSError):  # a value the system does not take: keepalive itself stays on
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

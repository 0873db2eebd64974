"""USE_FD: descriptors that somebody else has bound, as a service manager does for the services it starts."""

from __future__ import annotations

import errno
import socket

__all__ = ["adopt"]


def adopt(descriptor: int, families: frozenset[int], scheme: str) -> socket.socket:
    """Return the listening socket behind a descriptor, which belongs to us from then on.

    Args:
        descriptor: the option USE_FD.
        families: the families of addresses that it may have.
        scheme: the transport that it is for, for the error.

    Raises:
        OSError: EBADF or ENOTSOCK if it is no socket, EINVAL if it is of another transport or does not listen. The
            descriptor is as it was then.
    """
    try:
        sock = socket.socket(fileno=descriptor)
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror}: the descriptor {descriptor} (USE_FD)") from error
    problem = _problem(sock, families)
    if problem:
        sock.detach()
        raise OSError(errno.EINVAL, f"the descriptor {descriptor} (USE_FD) {problem}; {scheme} needs one that listens")
    sock.setblocking(False)
    return sock


def _problem(sock: socket.socket, families: frozenset[int]) -> str:
    if sock.family not in families or sock.type != socket.SOCK_STREAM:
        return f"is a socket of {_name(sock.family)}, {_name(sock.type)}"
    if hasattr(socket, "SO_ACCEPTCONN") and not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return "does not listen"
    return ""


def _name(number: int) -> str:
    return getattr(number, "name", str(number))

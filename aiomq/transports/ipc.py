"""ipc: ZMTP over Unix domain sockets, by path, by abstract name (Linux), or by a path made for the purpose."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import stat
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from aiomq.endpoint import IPC_PATH_MAX_LEN, IpcEndpoint
from aiomq.options import SocketOptions
from aiomq.transports.adopted import adopt
from aiomq.transports.base import Address
from aiomq.transports.credentials import admits, peer_credentials
from aiomq.transports.lookups import AddressInfo, Name
from aiomq.transports.system_options import set_buffers

__all__ = ["IpcTransport"]


class IpcTransport:
    """Byte streams between processes of one machine."""

    takes_time = False  # a path is connected or refused at once

    def __init__(self) -> None:
        self._made: set[str] = set()
        """Endpoints whose path was made for `ipc://*`, to be removed again."""

    def bind(self, endpoint: IpcEndpoint, options: SocketOptions) -> socket.socket:
        """Return a socket that listens. A file in the way is removed first, and its listener goes without (as libzmq).

        With `ipc_exclusive` only one at which nobody listens is.

        With USE_FD it is that one, and no file is removed, neither now nor later.

        Raises:
            OSError: it can't be bound, or the platform has no such sockets.
        """
        if options.use_fd >= 0:
            return adopt(options.use_fd, _families(), "ipc")
        sock = _make_socket()
        path = _address(endpoint)
        try:
            set_buffers(sock, options)
            if endpoint.wildcard:
                path = str(Path(tempfile.mkdtemp(prefix="aiomq-")) / "socket")
                self._made.add(f"ipc://{path}")
                _check_length(path)
            elif not endpoint.abstract:
                if options.ipc_exclusive:
                    _check_unanswered(path)
                _remove_socket(path)
            sock.bind(path)
            sock.listen(max(options.backlog, 1))
        except BaseException:  # raised again; nobody else would close it, or remove what was made
            sock.close()
            self.release(f"ipc://{path}")
            raise
        return sock

    def bound_endpoint(self, sock: socket.socket, endpoint: IpcEndpoint) -> str:
        """Return the endpoint with the path that was bound."""
        if not endpoint.wildcard:
            return str(endpoint)
        name = sock.getsockname()
        return f"ipc://@{name[1:].decode(errors='replace')}" if isinstance(name, bytes) else f"ipc://{name}"

    def names(self, target: IpcEndpoint, options: SocketOptions) -> Sequence[Name]:
        """Nothing has to be looked up."""
        return ()

    def addresses(
        self, target: IpcEndpoint, options: SocketOptions, found: Mapping[Name, Sequence[AddressInfo]]
    ) -> Sequence[Address]:
        """Return the path or the name."""
        return (Address(getattr(socket, "AF_UNIX", socket.AF_UNSPEC), _address(target)),)

    def is_lasting(self, target: IpcEndpoint, options: SocketOptions) -> bool:
        """Paths stay what they are."""
        return True

    def open_socket(self, family: int) -> socket.socket:
        """Return a new system socket.

        Raises:
            OSError: the platform has no such sockets.
        """
        return _make_socket()

    def prepare(
        self,
        sock: socket.socket,
        target: IpcEndpoint,
        options: SocketOptions,
        found: Mapping[Name, Sequence[AddressInfo]],
    ) -> None:
        """Set the sizes of the buffers."""
        set_buffers(sock, options)

    def check(self, sock: socket.socket, target: IpcEndpoint) -> None:
        """Who is connected has somebody at the other end."""

    async def introduce(
        self, loop: asyncio.AbstractEventLoop, sock: socket.socket, target: IpcEndpoint, options: SocketOptions
    ) -> None:
        """Nobody stands between."""

    def accepted(self, sock: socket.socket, name: object, options: SocketOptions) -> str:
        """Set the options of an accepted connection; return why it is not let in (IPC_FILTER_...), if it is not."""
        set_buffers(sock, options)
        peer = peer_credentials(sock)
        return "" if admits(options, peer) else f"no IPC_FILTER lets {peer} (user:group:process) in"

    def release(self, endpoint: str) -> None:
        """Remove the path that was made for a wildcard; one that the user named stays."""
        if endpoint in self._made:
            self._made.discard(endpoint)
            path = Path(endpoint.removeprefix("ipc://"))
            with contextlib.suppress(OSError):  # removed by somebody else already
                path.unlink(missing_ok=True)
                path.parent.rmdir()


def _families() -> frozenset[int]:
    return frozenset({socket.AF_UNIX}) if hasattr(socket, "AF_UNIX") else frozenset()


def _make_socket() -> socket.socket:
    if not hasattr(socket, "AF_UNIX"):
        raise OSError(errno.EPROTONOSUPPORT, "ipc needs Unix domain sockets, which Python does not have on this system")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.setblocking(False)
    return sock


def _address(endpoint: IpcEndpoint) -> str:
    return f"\0{endpoint.path}" if endpoint.abstract else endpoint.path


def _check_unanswered(path: str) -> None:
    """Find out whether somebody listens at a path, by connecting to it.

    Raises:
        OSError: EADDRINUSE if somebody does, or that cannot be told.
    """
    with _make_socket() as probe:
        answer = probe.connect_ex(path)  # at once, whatever comes of it; EAGAIN is of a server with many to accept
    if answer not in {errno.ECONNREFUSED, errno.ENOENT}:
        why = "somebody listens there" if answer in {0, errno.EAGAIN} else os.strerror(answer)
        raise OSError(errno.EADDRINUSE, f"{why} (ipc_exclusive is set): choose another path, or end that one first")


def _check_length(path: str) -> None:
    """Refuse a path that was made here as one that was named is refused: the system's own words do not say which.

    Raises:
        OSError: ENAMETOOLONG.
    """
    length = len(os.fsencode(path))
    if length > IPC_PATH_MAX_LEN:
        sizes = f"it has {length} bytes, the system allows {IPC_PATH_MAX_LEN}"
        raise OSError(errno.ENAMETOOLONG, f"the path {path} is too long: {sizes}. Set TMPDIR to a shorter one")


def _remove_socket(path: str) -> None:
    """Remove a socket file that is in the way. Anything else there is left alone, and makes `bind` fail."""
    with contextlib.suppress(OSError):
        if stat.S_ISSOCK(os.lstat(path).st_mode):
            Path(path).unlink()

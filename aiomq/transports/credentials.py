"""Who is at the other end of an ipc connection, and whether he may be (IPC_FILTER_PID, _UID, _GID). Linux alone."""

from __future__ import annotations

import contextlib
import importlib
import socket
import struct
from typing import Final, NamedTuple, Protocol

from aiomq.options import SocketOptions

__all__ = ["HAS_CREDENTIALS", "PeerCredentials", "PeerSocket", "admits", "credentials_text", "peer_credentials"]

_OPTION: Final[int | None] = getattr(socket, "SO_PEERCRED", None)
_STRUCT: Final = struct.Struct("iII")  # struct ucred: pid, uid, gid

HAS_CREDENTIALS: Final = _OPTION is not None
"""Whether the system tells who has connected."""


class PeerSocket(Protocol):
    """A socket, or what an event loop gives in its place."""

    @property
    def family(self) -> int:
        """The family of its addresses."""

    def getsockopt(self, level: int, option: int, size: int, /) -> bytes:
        """Return an option of it."""


class PeerCredentials(NamedTuple):
    """The process at the other end, as it was when it connected or began to listen."""

    pid: int
    uid: int
    gid: int

    def __str__(self) -> str:
        return f":{self.uid}:{self.gid}:{self.pid}"


def peer_credentials(sock: PeerSocket) -> PeerCredentials | None:
    """Return who is at the other end; None where the system does not tell, and for what is no Unix domain socket."""
    if _OPTION is None or sock.family != socket.AF_UNIX:
        return None
    return PeerCredentials(*_STRUCT.unpack(sock.getsockopt(socket.SOL_SOCKET, _OPTION, _STRUCT.size)))


def credentials_text(sock: PeerSocket | None) -> str:
    """Return who is at the other end as `:uid:gid:pid`; an empty text where the system does not tell."""
    if sock is None:
        return ""
    try:
        credentials = peer_credentials(sock)
    except OSError:  # the connection is lost already
        return ""
    return "" if credentials is None else str(credentials)


def admits(options: SocketOptions, peer: PeerCredentials | None) -> bool:
    """Return whether the IPC filters let somebody in: one of them is enough, and without any of them all may come."""
    if not (options.ipc_filter_pid or options.ipc_filter_uid or options.ipc_filter_gid):
        return True
    if peer is None:
        return False
    return (
        peer.pid in options.ipc_filter_pid
        or peer.uid in options.ipc_filter_uid
        or peer.gid in options.ipc_filter_gid
        or _is_member(peer.uid, options.ipc_filter_gid)
    )


def _is_member(uid: int, gids: frozenset[int]) -> bool:
    """Return whether a user is listed as a member of one of these groups (libzmq looks there, too)."""
    if not gids:
        return False
    users, groups = importlib.import_module("pwd"), importlib.import_module("grp")  # not on every system
    with contextlib.suppress(KeyError):  # a user without a name is in no list
        name = users.getpwuid(uid).pw_name
        for gid in gids:
            with contextlib.suppress(KeyError):  # a group without a name has no list
                if name in groups.getgrgid(gid).gr_mem:
                    return True
    return False

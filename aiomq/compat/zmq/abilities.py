"""What this build can do: `zmq.has`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

from aiomq import crypto
from aiomq.transports.numbered import has_family

__all__ = ["IPC_PATH_MAX_LEN", "PYZMQ_DRAFT_API", "has"]

PYZMQ_DRAFT_API: Final = True
"""The draft sockets are there."""

IPC_PATH_MAX_LEN: Final = 0 if sys.platform == "win32" else 103 if sys.platform == "darwin" else 107
"""Octets that the path of an ipc address can have."""

_ABILITIES: Final[dict[str, Callable[[], bool]]] = {
    "curve": crypto.is_available,
    "draft": lambda: True,
    "gssapi": lambda: False,
    "ipc": lambda: sys.platform != "win32",
    "norm": lambda: False,
    "pgm": lambda: False,
    "tipc": lambda: has_family("AF_TIPC"),
    "vsock": lambda: has_family("AF_VSOCK"),
}


def has(capability: str) -> bool:
    """Return whether something is there.

    Args:
        capability: "ipc", "curve", "draft", "gssapi", "norm", "pgm", "tipc" or "vsock".
    """
    if not isinstance(capability, str):
        raise TypeError(f"a capability is named by a str, not {type(capability).__name__}")
    ability = _ABILITIES.get(capability)
    return ability is not None and ability()

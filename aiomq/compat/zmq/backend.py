"""`zmq.backend`: in pyzmq, what is compiled; here the same classes and functions as in `zmq`."""

from __future__ import annotations

from aiomq.compat.zmq.abilities import IPC_PATH_MAX_LEN, PYZMQ_DRAFT_API, has
from aiomq.compat.zmq.sugar.context import Context
from aiomq.compat.zmq.sugar.frame import Frame, Message
from aiomq.compat.zmq.sugar.poll import zmq_poll
from aiomq.compat.zmq.sugar.proxying import proxy, proxy_steerable
from aiomq.compat.zmq.sugar.socket import Socket
from aiomq.compat.zmq.sugar.version import zmq_version_info
from aiomq.crypto import curve_keypair, curve_public
from aiomq.errors import strerror

__all__ = [
    "IPC_PATH_MAX_LEN",
    "PYZMQ_DRAFT_API",
    "Context",
    "Frame",
    "Message",
    "Socket",
    "curve_keypair",
    "curve_public",
    "has",
    "proxy",
    "proxy_steerable",
    "strerror",
    "zmq_errno",
    "zmq_poll",
    "zmq_version_info",
]


def zmq_errno() -> int:
    """Return 0: errors are exceptions here, and none is kept for later."""
    return 0

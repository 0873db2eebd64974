"""ZeroMQ for asyncio: sockets that are awaited, at home with every libzmq peer."""

from __future__ import annotations

from aiomq.constants import *  # noqa: F403  # two hundred names, listed there once
from aiomq.constants import __all__ as _constants
from aiomq.context import Context
from aiomq.errors import (
    EFSM,
    EMTHREAD,
    ENOCOMPATPROTO,
    ETERM,
    Again,
    ContextTerminated,
    WrongLoopError,
    ZMQBindError,
    ZMQError,
    strerror,
)
from aiomq.events import MonitorEvent
from aiomq.monitor import Monitor
from aiomq.option_numbers import *  # noqa: F403  # type checkers do not follow a star through a star
from aiomq.poller import Poller
from aiomq.runner import run
from aiomq.socket import Socket
from aiomq.version import __version__

__all__ = [  # noqa: PLE0604  # the constants are a list of names too
    "EFSM",
    "EMTHREAD",
    "ENOCOMPATPROTO",
    "ETERM",
    "Again",
    "Context",
    "ContextTerminated",
    "Monitor",
    "MonitorEvent",
    "Poller",
    "Socket",
    "WrongLoopError",
    "ZMQBindError",
    "ZMQError",
    "__version__",
    "run",
    "strerror",
    *_constants,
]

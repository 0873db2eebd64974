"""ZeroMQ for asyncio: sockets that are awaited, at home with every libzmq peer."""

from __future__ import annotations

from aiomq import debug, z85
from aiomq.constants import *  # noqa: F403  # two hundred names, listed there once
from aiomq.constants import __all__ as _constants
from aiomq.context import Context
from aiomq.counters import Counters, PeerStatus
from aiomq.crypto import curve_keypair, curve_public
from aiomq.durable_store import SqliteStore, Store, StoredPeer
from aiomq.errors import (
    EFSM,
    EMTHREAD,
    ENOCOMPATPROTO,
    ETERM,
    Again,
    ContextTerminated,
    NotDone,
    WrongLoopError,
    ZMQBindError,
    ZMQError,
    strerror,
)
from aiomq.events import MonitorEvent
from aiomq.frame import Frame
from aiomq.monitor import Monitor
from aiomq.monitor_socket import parse_monitor_message, recv_monitor_message
from aiomq.mute import OnMute
from aiomq.option_numbers import *  # noqa: F403  # type checkers do not follow a star through a star
from aiomq.poller import Poller
from aiomq.processes import ProcessWorker, run_in_process
from aiomq.proxy import device, monitored_queue, proxy, proxy_steerable
from aiomq.runner import run
from aiomq.socket import Socket
from aiomq.threads import ThreadWorker, run_in_thread
from aiomq.tracker import MessageTracker
from aiomq.version import __version__

__all__ = [  # noqa: PLE0604  # the constants are a list of names too
    "EFSM",
    "EMTHREAD",
    "ENOCOMPATPROTO",
    "ETERM",
    "Again",
    "Context",
    "ContextTerminated",
    "Frame",
    "MessageTracker",
    "Counters",
    "Monitor",
    "MonitorEvent",
    "NotDone",
    "OnMute",
    "PeerStatus",
    "Poller",
    "ProcessWorker",
    "Socket",
    "SqliteStore",
    "Store",
    "StoredPeer",
    "ThreadWorker",
    "WrongLoopError",
    "ZMQBindError",
    "ZMQError",
    "__version__",
    "debug",
    "device",
    "monitored_queue",
    "curve_keypair",
    "curve_public",
    "parse_monitor_message",
    "proxy",
    "proxy_steerable",
    "recv_monitor_message",
    "run",
    "run_in_process",
    "run_in_thread",
    "strerror",
    "z85",
    *_constants,
]

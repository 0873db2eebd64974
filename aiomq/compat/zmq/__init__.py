"""The names of `zmq`, over aiomq; see docs/how-to/coming-from-pyzmq.md for what differs.

`import aiomq.compat.zmq as zmq` and `import aiomq.compat.zmq.asyncio` take the place of `import zmq` and
`import zmq.asyncio`; `aiomq.compat.install` lets those imports stay as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aiomq.compat.zmq import backend, constants, error, sugar, utils
from aiomq.compat.zmq.abilities import IPC_PATH_MAX_LEN, PYZMQ_DRAFT_API, has
from aiomq.compat.zmq.backend import zmq_errno
from aiomq.compat.zmq.constants import *  # noqa: F403  # two hundred names
from aiomq.compat.zmq.constants import __all__ as _constants
from aiomq.compat.zmq.error import *  # noqa: F403  # as the module that it stands for
from aiomq.compat.zmq.error import __all__ as _errors
from aiomq.compat.zmq.sugar.context import Context, SyncContext
from aiomq.compat.zmq.sugar.frame import Frame, Message
from aiomq.compat.zmq.sugar.poll import Poller, select, zmq_poll
from aiomq.compat.zmq.sugar.proxying import device, proxy, proxy_steerable
from aiomq.compat.zmq.sugar.socket import Socket, SyncSocket
from aiomq.compat.zmq.sugar.stopwatch import Stopwatch
from aiomq.compat.zmq.sugar.tracker import _FINISHED_TRACKER, MessageTracker
from aiomq.compat.zmq.sugar.version import (
    VERSION_EXTRA,
    VERSION_MAJOR,
    VERSION_MINOR,
    VERSION_PATCH,
    __revision__,
    __version__,
    pyzmq_version,
    pyzmq_version_info,
    zmq_version,
    zmq_version_info,
)
from aiomq.crypto import curve_keypair, curve_public
from aiomq.errors import strerror

COPY_THRESHOLD: Final = 65536
"""Accepted for pyzmq's sake, and without effect."""

DRAFT_API: Final = True
"""The draft sockets are there."""


def get_includes() -> list[str]:
    """Return nothing: there is no C to build against."""
    return []


def get_library_dirs() -> list[str]:
    """Return nothing: there is no library to link with."""
    return []


if TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Let type checkers know that there are more names than they can follow here."""


__all__ = [  # noqa: PLE0604  # names all the same
    *_constants,
    *_errors,
    "COPY_THRESHOLD",
    "DRAFT_API",
    "IPC_PATH_MAX_LEN",
    "PYZMQ_DRAFT_API",
    "VERSION_EXTRA",
    "VERSION_MAJOR",
    "VERSION_MINOR",
    "VERSION_PATCH",
    "_FINISHED_TRACKER",
    "Context",
    "Frame",
    "Message",
    "MessageTracker",
    "Poller",
    "Socket",
    "Stopwatch",
    "SyncContext",
    "SyncSocket",
    "__revision__",
    "__version__",
    "backend",
    "constants",
    "curve_keypair",
    "curve_public",
    "device",
    "error",
    "get_includes",
    "get_library_dirs",
    "has",
    "proxy",
    "proxy_steerable",
    "pyzmq_version",
    "pyzmq_version_info",
    "select",
    "strerror",
    "sugar",
    "utils",
    "zmq_errno",
    "zmq_poll",
    "zmq_version",
    "zmq_version_info",
]

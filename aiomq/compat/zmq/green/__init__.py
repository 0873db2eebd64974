"""`zmq.green`: calls that block only their greenlet. Needs gevent.

All sockets live in the I/O thread, which is a real one; a greenlet that waits for it lets the others run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gevent  # noqa: F401  # without it there is nothing here, as in pyzmq

import aiomq.compat.zmq as _zmq
from aiomq.compat.zmq import *  # noqa: F403  # all but what follows
from aiomq.compat.zmq.green.core import Context, Poller, Socket
from aiomq.compat.zmq.green.device import device

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Let type checkers know that there are more names than they can follow here."""


__all__ = [*_zmq.__all__, "Context", "Poller", "Socket", "device"]  # noqa: PLE0604  # names all the same

"""`zmq.eventloop.future`: sockets whose calls return futures. Tornado's loop is asyncio's, and so are its futures."""

from __future__ import annotations

import warnings
from asyncio import CancelledError
from typing import Any, ClassVar

from aiomq.compat.zmq.asyncio import Context as _Context
from aiomq.compat.zmq.asyncio import Poller, Socket

__all__ = ["CancelledError", "Context", "Poller", "Socket"]


class Context(_Context):
    """Makes sockets with futures."""

    _instance: ClassVar[Any] = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if kwargs.pop("io_loop", None) is not None:
            warnings.warn(
                "the io_loop of a context is ignored: it is the running one", DeprecationWarning, stacklevel=2
            )
        super().__init__(*args, **kwargs)

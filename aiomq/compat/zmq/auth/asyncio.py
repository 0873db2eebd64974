"""`zmq.auth.asyncio`: an authenticator of the event loop, which here is the only kind."""

from __future__ import annotations

import warnings
from typing import Any

from aiomq.compat.zmq.auth.base import Authenticator

__all__ = ["AsyncioAuthenticator"]


class AsyncioAuthenticator(Authenticator):
    """See `Authenticator`."""

    def __init__(self, context: Any = None, loop: Any = None, encoding: str = "utf-8", log: Any = None) -> None:
        if loop is not None:
            warnings.warn("an authenticator's loop is ignored: it is the running one", DeprecationWarning, stacklevel=2)
        super().__init__(context, encoding, log)

"""`zmq.auth.Authenticator`: aiomq's, for the contexts of this layer."""

from __future__ import annotations

from typing import Any

from aiomq.auth import Authenticator as _Authenticator
from aiomq.compat.zmq.asyncio import Context

__all__ = ["Authenticator"]


class Authenticator(_Authenticator):
    """Decides who may connect to the sockets of a context. It runs as a task of the event loop it is started in."""

    def __init__(self, context: Any = None, encoding: str = "utf-8", log: Any = None) -> None:
        super().__init__((Context.instance() if context is None else context)._inner, encoding, log)

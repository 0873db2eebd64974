"""`zmq.auth.ioloop`, which pyzmq deprecates: the authenticator of asyncio, whose loop is tornado's."""

from __future__ import annotations

from typing import Any

from aiomq.compat.zmq.auth.asyncio import AsyncioAuthenticator

__all__ = ["IOLoopAuthenticator"]


class IOLoopAuthenticator(AsyncioAuthenticator):
    """See `AsyncioAuthenticator`."""

    def __init__(self, context: Any = None, encoding: str = "utf-8", log: Any = None, io_loop: Any = None) -> None:
        super().__init__(context, io_loop, encoding, log)

"""`zmq.auth.thread`: an authenticator that needs no event loop of the program. It runs in the I/O thread."""

from __future__ import annotations

from typing import Any

from aiomq.compat.zmq.auth.base import Authenticator
from aiomq.compat.zmq.sugar.io_thread import io_thread

__all__ = ["ThreadAuthenticator"]


class ThreadAuthenticator(Authenticator):
    """See `Authenticator`. `start` and `stop` may be called in any thread; what it calls back runs in another one."""

    def __init__(self, context: Any = None, encoding: str = "utf-8", log: Any = None) -> None:
        super().__init__(context, encoding, log)

    def start(self) -> None:
        """Begin to decide."""
        io_thread().do(super().start)

    def stop(self) -> None:
        """Decide no more."""
        if self.is_alive():
            io_thread().do(super().stop)

    def is_alive(self) -> bool:
        """Return whether it decides now."""
        return self.zap_socket is not None

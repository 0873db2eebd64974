"""`zmq.utils.win32`: waits for sockets end with Ctrl-C on Windows too, so nothing has to be installed for that."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from typing import Any

__all__ = ["allow_interrupt"]


class allow_interrupt:  # noqa: N801  # pyzmq's name
    """Call something when Ctrl-C comes, on Windows; elsewhere it does nothing, as in pyzmq.

    Args:
        action: what to call, before KeyboardInterrupt is raised.
    """

    def __init__(self, action: Callable[[], Any] | None = None) -> None:
        self._action = action
        self._before: Any = None

    def __enter__(self) -> None:
        if sys.platform == "win32" and self._action is not None:
            self._before = signal.signal(signal.SIGINT, self._interrupted)

    def __exit__(self, *exc_info: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None

    def _interrupted(self, signum: int, frame: Any) -> None:
        assert self._action is not None
        self._action()
        if callable(self._before):
            self._before(signum, frame)

"""How a thread waits until something happened in another one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final, Protocol

__all__ = ["ThreadWaiter", "Waiter", "native"]

_LOOK: Final = 0.1
"""Seconds after which a waiting thread looks for Ctrl-C on Windows, where it does not end the wait for a lock."""


class Waiter(Protocol):
    """Waits once."""

    def wake(self) -> None:
        """End the wait; called from another thread, before `wait` or after."""

    def wait(self) -> None:
        """Wait until `wake` was called."""

    def close(self) -> None:
        """Give back what waiting takes."""


def native(module: str, name: str) -> Any:
    """Return something of a standard module as it is without gevent, which puts greenlets in the place of threads."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None:
        return monkey.get_original(module, name)
    return getattr(__import__(module), name)


class ThreadWaiter:
    """Blocks its thread. A signal that raises an exception, such as Ctrl-C, ends the wait."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        allocate: Callable[[], Any] = native("_thread", "allocate_lock")
        self._lock = allocate()
        self._lock.acquire()

    def wake(self) -> None:
        """End the wait."""
        self._lock.release()

    def wait(self) -> None:
        """Wait until `wake` was called."""
        if sys.platform == "win32":
            while not self._lock.acquire(timeout=_LOOK):
                continue
        else:
            self._lock.acquire()

    def wait_at_most(self, seconds: float) -> None:
        """Do the same, but no longer than that."""
        self._lock.acquire(timeout=seconds)

    def close(self) -> None:
        """Do nothing: a lock takes nothing that would have to be given back."""

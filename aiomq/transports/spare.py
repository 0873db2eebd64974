"""How many descriptors are left, and one that is kept for the moment when there are none.

When a process has no descriptor free, it cannot even turn away who connects: they wait in the system's queue, and do
not learn of it. The spare one is closed for that moment, and gives its number to whoever waits, who is closed at once.
"""

from __future__ import annotations

import importlib
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final

__all__ = ["DescriptorLimit", "Spare", "descriptor_limit", "spare"]

_READ_AGAIN: Final = 1.0
"""Seconds after which the limit is asked for again: a program may set it."""


def _soft_limit() -> int | None:
    """Return how many descriptors the process may have; None for no limit, or where there is none to ask for."""
    try:
        resource: Any = importlib.import_module("resource")
    except ImportError:  # of Unix alone
        return None
    soft: int = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if soft == resource.RLIM_INFINITY else soft


class DescriptorLimit:
    """The limit of the process, asked for once a second at most."""

    def __init__(
        self, ask: Callable[[], int | None] = _soft_limit, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._limit: int | None = None
        self._until = float("-inf")

    def left_above(self, descriptor: int) -> int | None:
        """Return how many descriptors with higher numbers than this there can be; None for any number.

        The system gives out the lowest number that is free; so that many are left, at most, when it has given this one.
        """
        now = self._clock()
        if now >= self._until:
            self._limit = self._ask()
            self._until = now + _READ_AGAIN
        return None if self._limit is None else self._limit - descriptor - 1


descriptor_limit: Final = DescriptorLimit()


class Spare:
    """One descriptor of the process that stands for nothing."""

    def __init__(self) -> None:
        self._descriptor = -1
        self._lock = threading.Lock()  # loops of several threads may run out at the same time

    def hold(self) -> None:
        """Take one, unless it is held already or there is none; Windows has no such limit."""
        if sys.platform != "win32":
            with self._lock:
                self._open()

    def _open(self) -> None:
        if self._descriptor < 0:
            try:
                self._descriptor = os.open(os.devnull, os.O_RDONLY)
            except OSError:  # none is free: the next one who asks finds out
                self._descriptor = -1

    def turn_away(self, listening: socket.socket) -> object:
        """Accept whoever waits, and close him at once, with the help of the spare descriptor.

        Returns:
            Who it was, as the system names him.

        Raises:
            OSError: what the system said; BlockingIOError if nobody waits.
        """
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1
            try:
                sock, name = listening.accept()
                sock.close()
            finally:
                self._open()
        return name


spare: Final = Spare()

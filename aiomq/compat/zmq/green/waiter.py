"""How a greenlet waits for another thread."""

from __future__ import annotations

from gevent.event import Event
from gevent.hub import get_hub

__all__ = ["GreenWaiter"]


class GreenWaiter:
    """Lets other greenlets run meanwhile. What is thrown into the greenlet, such as a `gevent.Timeout`, ends it."""

    def __init__(self) -> None:
        self._woken = Event()
        self._watcher = get_hub().loop.async_()
        self._watcher.start(self._woken.set)

    def wake(self) -> None:
        """End the wait; this alone may be called from another thread."""
        self._watcher.send_ignoring_arg(None)

    def wait(self) -> None:
        """Wait until `wake` was called."""
        self._woken.wait()

    def close(self) -> None:
        """Give the watcher back. Nobody calls `wake` any longer."""
        self._watcher.stop()
        self._watcher.close()

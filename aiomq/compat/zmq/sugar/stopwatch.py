"""`zmq.Stopwatch`, which pyzmq deprecates."""

from __future__ import annotations

import time
import warnings

__all__ = ["Stopwatch"]


class Stopwatch:
    """Measures time, once it is started."""

    def __init__(self) -> None:
        warnings.warn("zmq.Stopwatch is deprecated: use time.perf_counter", DeprecationWarning, stacklevel=2)
        self._started = 0.0

    def start(self) -> None:
        """Start, or start anew."""
        self._started = time.monotonic()

    def stop(self) -> int:
        """Return the microseconds since the start."""
        return int((time.monotonic() - self._started) * 1e6)

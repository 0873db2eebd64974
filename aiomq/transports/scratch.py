"""The buffers that connections read into."""

from __future__ import annotations

import asyncio
import threading
from typing import Final

from aiomq.transports.allocator import keep_freed_blocks

__all__ = ["SCRATCH_BYTES", "scratch_for"]

SCRATCH_BYTES: Final = 256 * 1024
"""What one read can bring. The buffer is shared by all connections of a thread."""

_shared = threading.local()


def scratch_for(loop: asyncio.AbstractEventLoop) -> memoryview:
    """Return the buffer to read into: one for all where a loop only borrows it, an own one where a loop keeps it."""
    proactor = getattr(asyncio, "ProactorEventLoop", None)
    if proactor is not None and isinstance(loop, proactor):
        return memoryview(bytearray(64 * 1024))
    keep_freed_blocks()
    scratch: memoryview | None = getattr(_shared, "scratch", None)
    if scratch is None:
        scratch = _shared.scratch = memoryview(bytearray(SCRATCH_BYTES))
    return scratch

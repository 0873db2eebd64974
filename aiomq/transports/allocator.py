"""Keeping the C library from giving memory back to the system after every large message.

glibc maps blocks above a threshold (128 KiB at first) from the system and unmaps them when they are freed, and it trims
the top of its heap in the same way; each time every page of the next message has to be faulted in and zeroed again.
For messages of 64 KiB and more that costs several times what copying them does. Both thresholds rise by themselves
when a larger block is freed: so one block just below the most they can rise to is allocated and freed, once in the
process and without touching its pages.

What it costs: freed memory stays with the process, and there is no bound to it but the most that was ever in use. glibc
gives back what is free at the end of its heap, above 64 MiB (twice the threshold); what is free below a block that is
still in use stays, and so do blocks under 128 KiB without this. `malloc_trim` of the C library gives all of it back.
It holds up all threads that allocate, 40 to 60 ms for 300 MB: so it is called only when it is quiet after connections
that came in have ended (`giving_back`), and else left to the program.

The environment variable `AIOMQ_KEEP_MALLOC=1` leaves the thresholds alone. Other C libraries have no such thresholds;
there the call is harmless.
"""

from __future__ import annotations

import os
import sys
from typing import Final

__all__ = ["keep_freed_blocks"]

_BLOCK: Final = (32 << 20) - (64 << 10)
"""glibc's DEFAULT_MMAP_THRESHOLD_MAX is 32 MiB on 64-bit systems; a block above it changes nothing."""

_done = False


def keep_freed_blocks() -> None:
    """Raise glibc's thresholds, unless it was done before or the user does not want it."""
    global _done  # noqa: PLW0603  # once in a process is what it is about
    if not _done and sys.platform == "linux" and os.environ.get("AIOMQ_KEEP_MALLOC", "0") in {"", "0"}:
        bytes(_BLOCK)  # zeroed by the system page by page when touched, which it never is
    _done = True

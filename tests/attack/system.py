"""What the system lets a process have: cores, memory, files."""

from __future__ import annotations

import os
from typing import Final

try:
    import resource
except ImportError:  # Windows has no such limits, and no attacks are made there
    resource = None  # type: ignore[assignment]

__all__ = ["CLIENT_CORE", "SERVER_CORE", "allow_files", "limit_memory", "settle_on"]

_CORES: Final = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []

SERVER_CORE: Final = _CORES[0] if len(_CORES) > 1 else -1
"""The server has a core of its own, so that its standing still is its own doing."""

CLIENT_CORE: Final = _CORES[1] if len(_CORES) > 1 else -1
"""The good client and the strangers share one."""


def settle_on(core: int) -> None:
    """Keep this process on one core; -1 leaves it as it is."""
    if core >= 0:
        os.sched_setaffinity(0, {core})


def limit_memory(mib: int) -> None:
    """Let this process have so much memory of its own, and no more."""
    resource.setrlimit(resource.RLIMIT_DATA, (mib << 20, mib << 20))


def allow_files(count: int) -> None:
    """Let this process open so many files, or as many as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < count:
        wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

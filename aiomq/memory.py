"""How much memory this process may have, as far as the system tells."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]

__all__ = ["memory_for_process"]

_CGROUP: Final = Path("/sys/fs/cgroup/memory.max")
_UNKNOWN: Final = 4 << 30


def memory_for_process() -> int:
    """Return the bytes of the machine, or fewer, if a limit of the process or of its container says so."""
    return min((*_of_machine(), *_of_limits(), *_of_container()), default=_UNKNOWN)


def _of_machine() -> list[int]:
    with contextlib.suppress(AttributeError, OSError, ValueError):  # no such call, or no such name: Windows
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return [size] if size > 0 else []
    return []


def _of_limits() -> list[int]:
    if resource is None:
        return []
    names = [name for name in ("RLIMIT_AS", "RLIMIT_DATA") if hasattr(resource, name)]
    limits = [resource.getrlimit(getattr(resource, name))[0] for name in names]
    return [limit for limit in limits if limit != resource.RLIM_INFINITY]


def _of_container() -> list[int]:
    with contextlib.suppress(OSError, ValueError):  # no such file, or "max"
        return [int(_CGROUP.read_text("ascii"))]
    return []

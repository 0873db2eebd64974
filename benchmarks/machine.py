"""An honest note of what the numbers were taken on."""

from __future__ import annotations

import importlib
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import msgspec

__all__ = ["Machine", "describe_machine", "load_now", "raise_file_limit", "version_of"]

_PACKAGES = ("aiozeromq", "uvloop", "msgspec", "pyzmq", "pyomq")  # the first is what aiomq is called on the index
_ROOT = Path(__file__).parent.parent


class Machine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where and with what a run was made."""

    started: str
    """UTC, ISO 8601."""
    cpu: str
    cores: int
    """How many this process may use."""
    is_virtual: bool | None
    """Whether the kernel sees a hypervisor; None where it doesn't say."""
    kernel: str
    python: str
    versions: dict[str, str]
    """Of every package that took part or could have."""
    commit: str | None
    """Of aiomq, with `-dirty` where files differ from it."""
    load_before: float | None
    """Runnable processes per minute (`os.getloadavg`) before the first measurement."""

    @property
    def is_busy(self) -> bool:
        """Whether something else was running, so that the numbers are for nothing but trying out."""
        return self.load_before is not None and self.load_before > 0.5 * self.cores


def describe_machine() -> Machine:
    """Return a note of this machine and moment."""
    return Machine(
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        cpu=_cpu_model(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        is_virtual=_is_virtual(),
        kernel=f"{platform.system()} {platform.release()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        versions={name: version for name in _PACKAGES if (version := version_of(name))},
        commit=_commit(),
        load_before=load_now(),
    )


def load_now() -> float | None:
    """Return the load of the last minute, None where the system keeps none."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def raise_file_limit(connections: int) -> None:
    """Allow this process so many connections, as far as the system lets it.

    Raises:
        RuntimeError: it does not; the text says what it allows.
    """
    try:
        resource = importlib.import_module("resource")
    except ModuleNotFoundError:  # Windows has no such limit
        return
    wanted = connections + 64
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    if hard == resource.RLIM_INFINITY or hard >= wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
    except (ValueError, OSError):
        raise RuntimeError(f"{connections} connections need {wanted} open files, the system allows {hard}") from None


def version_of(distribution: str) -> str | None:
    """Return the installed version, None where it isn't installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _cpuinfo() -> str:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _cpu_model() -> str:
    for line in _cpuinfo().splitlines():
        if line.lower().startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _is_virtual() -> bool | None:
    flags = [line for line in _cpuinfo().splitlines() if line.startswith("flags")]
    return "hypervisor" in flags[0].split() if flags else None


def _commit() -> str | None:
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None

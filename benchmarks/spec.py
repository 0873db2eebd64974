"""What the runner and its worker processes tell each other: one `Spec` on argv, `Report` lines on stdout."""

from __future__ import annotations

from typing import Literal

import msgspec

from benchmarks.cases import Case

__all__ = ["HWM", "Report", "Role", "Spec"]

HWM = 1000
"""Set on every socket of every library: libzmq's default."""

Role = Literal["bind", "proxy", "connect", "inproc"]


class Spec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that a worker process needs to know."""

    case: Case
    peer: str
    """The name of the library's adapter."""
    role: Role
    """Which end to be; `inproc` is both, in one process; `proxy` stands between the two."""
    endpoint: str
    """What to bind, wildcard port included, or what to connect to."""
    warmup_seconds: float
    duration_seconds: float
    min_round_trips: int
    max_round_trips: int
    timeout_seconds: float
    """After this long a worker ends itself, so that none is left behind."""
    onward: str = ""
    """Where a proxy, which binds `endpoint`, passes messages on to."""


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line from a worker: the endpoint it bound, or what it measured."""

    endpoint: str | None = None
    metrics: dict[str, float] | None = None
    percentiles: list[float] | None = None
    """Round trips in microseconds at each fraction of `stats.FRACTIONS`."""

"""What an attack must not bring about, and where it did."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from tests.attack.cell import Measured, Settings, stays
from tests.attack.gauge import LONG_SECONDS

__all__ = ["misses", "quantile"]

P99_SECONDS: Final = 0.100
NEWCOMER_SECONDS: Final = 1.0

KEPT_KIB: Final = 64 * 1024
"""How much more memory there may be in the end: what the allocator keeps of what was freed (docs: limits)."""


def quantile(values: Sequence[float], share: float) -> float:
    """Return the least value that a share of the values does not exceed; NaN for none."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def misses(measured: Measured, settings: Settings) -> list[str]:
    """Return which bars were missed, in a few words each; none if all were kept."""
    return [
        *_misses_of_service(measured),
        *stays(measured.before, measured.after),
        *_misses_of_memory(measured, settings),
    ]


def _misses_of_service(measured: Measured) -> list[str]:
    found = [*measured.failures]
    if measured.standing > LONG_SECONDS:
        found.append("stands")
    client = measured.client
    if client is None or not client.latencies:
        return [*found, "client not served"]
    if quantile(client.latencies, 0.99) >= P99_SECONDS:
        found.append("p99")
    if max(client.newcomers, default=math.inf) > NEWCOMER_SECONDS:
        found.append("newcomers")
    return found


def _misses_of_memory(measured: Measured, settings: Settings) -> list[str]:
    before, after = measured.before.system, measured.after.system
    found = []
    if after.rss_kib > before.rss_kib + KEPT_KIB:
        found.append("memory stays")
    if after.peak_kib > settings.memory_mib * 1024:
        found.append("memory")
    return found

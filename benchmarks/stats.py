"""Medians, quantiles and ratios."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

__all__ = ["FRACTIONS", "Summary", "advantage", "percentiles", "quantile", "summarize"]

FRACTIONS: Final = (*(number / 100 for number in range(100)), 0.995, 0.999)
"""Where a distribution is kept: the percentiles from 0 to 99, and two of the tail. `libzmq.c` has the same."""


class Summary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Several samples of one quantity, in three numbers.

    Attributes:
        median: the number to quote.
        low: the smallest sample.
        high: the greatest sample.
    """

    median: float
    low: float
    high: float

    @property
    def spread_percent(self) -> float:
        """The distance of the extremes in per cent of the median: how far the number can be trusted."""
        return 100 * (self.high - self.low) / self.median if self.median else 0.0


def quantile(samples: Sequence[float], fraction: float) -> float:
    """Return the quantile, linear between the two samples next to it.

    Raises:
        ValueError: no samples, or a fraction outside 0 to 1.
    """
    if not samples:
        raise ValueError("a quantile needs at least one sample")
    if not 0 <= fraction <= 1:
        raise ValueError(f"a quantile's fraction is from 0 to 1, not {fraction}")
    return _at(sorted(samples), fraction)


def percentiles(samples: Sequence[float]) -> list[float]:
    """Return the quantiles at `FRACTIONS`, of at least one sample."""
    ordered = sorted(samples)
    return [_at(ordered, fraction) for fraction in FRACTIONS]


def _at(ordered: Sequence[float], fraction: float) -> float:
    position = fraction * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def summarize(samples: Sequence[float]) -> Summary:
    """Return median and extremes of at least one sample."""
    return Summary(quantile(samples, 0.5), min(samples), max(samples))


def advantage(value: float, other: float, *, higher_is_better: bool) -> float | None:
    """Return how many times better `value` is than `other`: above 1 it wins, whichever way is better.

    None where no ratio makes sense, as with a rate of nothing or a memory growth that was not seen.
    """
    if value <= 0 or other <= 0:
        return None
    return value / other if higher_is_better else other / value

"""The quantities that are measured, their units, and which way is better."""

from __future__ import annotations

from typing import Final

import msgspec

__all__ = ["METRICS", "Metric", "value_text"]


class Metric(msgspec.Struct, frozen=True):
    """One quantity.

    Attributes:
        unit: what stands behind the number in a table.
        higher_is_better: whether more is good; for a time or a size it is not.
        is_compared: whether ratios and `--compare` judge it; the rest is context.
    """

    unit: str
    higher_is_better: bool
    is_compared: bool = True


METRICS: Final[dict[str, Metric]] = {
    "messages_per_second": Metric("msg/s", higher_is_better=True),
    "delivered_per_second": Metric("msg/s delivered", higher_is_better=True),
    "lost_percent": Metric("% lost", higher_is_better=False, is_compared=False),
    "echoes_per_second": Metric("echoes/s", higher_is_better=True),
    "handshakes_per_second": Metric("handshakes/s", higher_is_better=True),
    "p50_us": Metric("us p50", higher_is_better=False),
    "p99_us": Metric("us p99", higher_is_better=False),
    "bytes_per_peer": Metric("B/peer", higher_is_better=False),
    "connect_seconds": Metric("s to connect all", higher_is_better=False),
    "broadcast_ms": Metric("ms until all have it", higher_is_better=False),
    "blocked_ms": Metric("ms without a turn, at most", higher_is_better=False),
    "delivered_percent": Metric("% delivered", higher_is_better=True),
    "nanoseconds_per_match": Metric("ns/match", higher_is_better=False),
    "subscribe_us": Metric("us/subscription", higher_is_better=False),
    "queued_bytes": Metric("B/queued message", higher_is_better=False),
    "queued_blocks": Metric("blocks/queued message", higher_is_better=False, is_compared=False),
    "call_bytes": Metric("B for the time of a call", higher_is_better=False),
    "kept_blocks": Metric("blocks kept/message", higher_is_better=False, is_compared=False),
    "cpu_percent": Metric("% CPU of the measuring process", higher_is_better=False, is_compared=False),
}
"""Every name that a worker may report."""


def value_text(value: float) -> str:
    """Return a number short enough for a table: three digits that count, and k or M."""
    for limit, divisor, suffix in ((1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if abs(value) >= limit:
            return f"{_three_digits(value / divisor)}{suffix}"
    return _three_digits(value)


def _three_digits(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"

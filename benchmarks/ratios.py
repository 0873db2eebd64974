"""The tables that a report shows, as plain rows of text."""

from __future__ import annotations

import msgspec

from benchmarks.metrics import METRICS, value_text
from benchmarks.results import Results
from benchmarks.stats import advantage

__all__ = ["Table", "pick_baseline", "ratio_table", "value_table"]

_NOTHING = "-"


class Table(msgspec.Struct, frozen=True):
    """A title, the head of each column, and rows of as many cells."""

    title: str
    columns: list[str]
    rows: list[list[str]]


def pick_baseline(results: Results, wanted: str | None = None) -> str | None:
    """Return the library that the others are held against: the wanted one, else the first that was measured.

    Raises:
        ValueError: the wanted one was not measured.
    """
    measured = results.measured_peers()
    if wanted is None:
        return measured[0] if measured else None
    if wanted not in measured:
        raise ValueError(f"{wanted} was not measured, so nothing can be held against it; measured: {measured}")
    return wanted


def value_table(results: Results) -> Table:
    """Return medians with half of their spread; a row per quantity, a column per library."""
    peers = results.measured_peers()
    rows = []
    for case, metric in results.rows():
        row = [case, METRICS[metric].unit]
        for peer in peers:
            cell = results.cell(case, metric, peer)
            row.append(_value_text(cell.summary.median, cell.summary.spread_percent) if cell else _NOTHING)
        rows.append(row)
    return Table("Medians, and half the distance between the extremes", ["case", "unit", *peers], rows)


def _value_text(median: float, spread_percent: float) -> str:
    return f"{value_text(median)} ±{spread_percent / 2:.0f}%" if spread_percent else value_text(median)


def ratio_table(results: Results, baseline: str) -> Table:
    """Return how many times better the baseline is than each other library: above 1 it wins, in every row."""
    others = [peer for peer in results.measured_peers() if peer != baseline]
    rows = []
    for case, metric in results.rows():
        if METRICS[metric].is_compared and (ours := results.cell(case, metric, baseline)):
            texts = [_ratio_text(results, case, metric, ours.summary.median, peer) for peer in others]
            rows.append([case, METRICS[metric].unit, *texts])
    title = f"How many times better {baseline} is (above 1: {baseline} wins)"
    return Table(title, ["case", "unit", *(f"vs {peer}" for peer in others)], rows)


def _ratio_text(results: Results, case: str, metric: str, ours: float, peer: str) -> str:
    theirs = results.cell(case, metric, peer)
    if theirs is None:
        return _NOTHING
    ratio = advantage(ours, theirs.summary.median, higher_is_better=METRICS[metric].higher_is_better)
    return _NOTHING if ratio is None else f"{ratio:.2f}"

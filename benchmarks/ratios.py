"""The tables that a report shows, as plain rows of text."""

from __future__ import annotations

import msgspec

from benchmarks.metrics import METRICS, value_text
from benchmarks.results import Cell, Results
from benchmarks.stats import Summary, advantage, summarize

__all__ = ["Table", "paired_advantage", "pick_baseline", "ratio_table", "value_table"]

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


def paired_advantage(ours: Cell, theirs: Cell) -> Summary | None:
    """Return how many times better `ours` is, judged round by round: the machine was the same for both in a round.

    None where they have no round in common, or no ratio makes sense.
    """
    higher, others = METRICS[ours.metric].higher_is_better, theirs.by_round()
    ratios = [
        ratio
        for index, value in ours.by_round().items()
        if index in others and (ratio := advantage(value, others[index], higher_is_better=higher)) is not None
    ]
    return summarize(ratios) if ratios else None


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
            texts = [_ratio_text(ours, results.cell(case, metric, peer)) for peer in others]
            rows.append([case, METRICS[metric].unit, *texts])
    title = f"How many times better {baseline} is (above 1: {baseline} wins; medians of the ratios within each round)"
    return Table(title, ["case", "unit", *(f"vs {peer}" for peer in others)], rows)


def _ratio_text(ours: Cell, theirs: Cell | None) -> str:
    ratio = None if theirs is None else paired_advantage(ours, theirs)
    if ratio is None:
        return _NOTHING
    spread = f" ±{ratio.spread_percent / 2:.0f}%" if ratio.low != ratio.high else ""
    return f"{ratio.median:.2f}{spread}"

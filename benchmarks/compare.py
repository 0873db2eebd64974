"""What got slower, or faster, between two runs."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from benchmarks.metrics import METRICS, Metric, value_text
from benchmarks.ratios import Table
from benchmarks.results import Cell, Results, Settings
from benchmarks.stats import advantage

__all__ = ["Change", "Verdict", "change_table", "compare_results", "differences_of_setup"]

Verdict = Literal["slower", "faster", "unclear", "same"]

_ALONE: Final = 0.5
"""A part of the older value by which a single sample, whose spread nobody knows, must differ to be called a change."""


class Change(msgspec.Struct, frozen=True):
    """One quantity in two runs.

    Attributes:
        ratio: how many times better it is now; 0.5 is half as good. None where no ratio makes sense, as with nothing.
        verdict: `unclear` if the medians differ but some samples of the two runs overlap.
    """

    case: str
    metric: str
    peer: str
    before: float
    after: float
    ratio: float | None
    verdict: Verdict


def compare_results(
    before: Results, after: Results, *, threshold: float = 0.1, peers: frozenset[str] | None = None
) -> list[Change]:
    """Return every quantity that both runs have, judged.

    Args:
        before: the older run.
        after: the newer run.
        threshold: the part of the older value by which a median must differ to be called a change.
        peers: the libraries to look at; all if None.

    Raises:
        ValueError: the threshold isn't between 0 and 1.
    """
    if not 0 < threshold < 1:
        raise ValueError(f"the threshold is a part of the older value, between 0 and 1, not {threshold}")
    changes = []
    for new in after.cells:
        metric, old = METRICS[new.metric], before.cell(new.case, new.metric, new.peer)
        if old is not None and metric.is_compared and (peers is None or new.peer in peers):
            changes.append(_judge(old, new, metric, threshold))
    return changes


def _judge(old: Cell, new: Cell, metric: Metric, threshold: float) -> Change:
    was, now = old.summary, new.summary
    ratio = advantage(now.median, was.median, higher_is_better=metric.higher_is_better)
    verdict: Verdict = "same"
    if ratio is None:
        verdict = "same" if now.median == was.median else "unclear"
    elif ratio < 1 - threshold:
        verdict = "slower" if _is_apart(old, new, ratio) else "unclear"
    elif ratio > 1 / (1 - threshold):
        verdict = "faster" if _is_apart(old, new, ratio) else "unclear"
    return Change(new.case, new.metric, new.peer, was.median, now.median, ratio, verdict)


def _is_apart(old: Cell, new: Cell, ratio: float) -> bool:
    """Whether the difference is beyond the spread of the samples."""
    if min(len(old.samples), len(new.samples)) < 2 and 1 - _ALONE < ratio < 1 / (1 - _ALONE):
        return False
    return new.summary.low > old.summary.high or new.summary.high < old.summary.low


def change_table(changes: list[Change]) -> Table:
    """Return the changes that are some, the worst first."""
    rows = [
        [
            change.case,
            change.peer,
            METRICS[change.metric].unit,
            value_text(change.before),
            value_text(change.after),
            "-" if change.ratio is None else f"{change.ratio:.2f}",
            change.verdict,
        ]
        for change in sorted(changes, key=lambda change: change.ratio or 0.0)
        if change.verdict != "same"
    ]
    same = sum(change.verdict == "same" for change in changes)
    title = f"{len(rows)} changed, {same} did not"
    return Table(title, ["case", "peer", "unit", "before", "after", "times as good", "verdict"], rows)


def differences_of_setup(before: Results, after: Results) -> list[str]:
    """Return what else differs between the runs, each a reason to doubt the comparison."""
    notes = []
    for name in ("cpu", "cores", "kernel", "python"):
        was, now = getattr(before.machine, name), getattr(after.machine, name)
        if was != now:
            notes.append(f"{name}: {was} before, {now} after")
    for name in sorted((before.machine.versions.keys() | after.machine.versions.keys()) - {"aiozeromq"}):
        was, now = before.machine.versions.get(name), after.machine.versions.get(name)
        if was != now:
            notes.append(f"{name}: {was or 'absent'} before, {now or 'absent'} after")
    for name in Settings.__struct_fields__:
        was, now = getattr(before.settings, name), getattr(after.settings, name)
        if was != now:
            notes.append(f"{name}: {was} before, {now} after")
    notes.extend(
        f"the machine was busy {when} (load {run.machine.load_before})"
        for when, run in (("before", before), ("after", after))
        if run.machine.is_busy
    )
    return notes

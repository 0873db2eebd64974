"""Results for people: on the terminal, and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from benchmarks.ratios import Table, pick_baseline, ratio_table, value_table
from benchmarks.results import PeerNote, Results
from benchmarks.targets import judge_targets, target_table

__all__ = ["markdown_report", "markdown_table", "notes_on_run", "print_report", "print_table"]

_LABEL_COLUMNS = frozenset({"case", "unit", "peer", "verdict", "target", "wanted"})


def notes_on_run(results: Results) -> Iterator[str]:
    """Yield what has to be known before the numbers are believed."""
    machine, settings = results.machine, results.settings
    virtual = ", virtual" if machine.is_virtual else ""
    yield f"Machine: {machine.cpu}, {machine.cores} cores{virtual}, {machine.kernel}, {machine.python}."
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    yield f"Taken {machine.started}, commit {machine.commit or 'unknown'}, with {versions or 'no packages'}."
    yield (
        f"{settings.rounds} rounds of {settings.duration_seconds:g} s each, {settings.warmup_seconds:g} s of warm-up, "
        f"HWM {settings.hwm} at both ends, load {machine.load_before} before and {results.load_after} after."
    )
    if settings.pins:
        yield "The two processes of a round trip (latency) had a core each."
    if machine.is_busy:
        yield "The machine was busy with something else before the run: these numbers are good for trying out only."
    yield from (_peer_text(note) for note in results.peers)
    yield from (f"Not available: {lacking}" for lacking in results.lacking)
    yield from (f"Failed: {failure}" for failure in results.failures)


def _peer_text(note: PeerNote) -> str:
    if note.unavailable is not None:
        return f"{note.name}: not available ({note.unavailable})"
    return f"{note.name}: {note.about}" + (f", version {note.version}" if note.version else "")


def _tables(results: Results, baseline: str | None) -> Iterator[Table]:
    if not results.cells:
        return
    yield value_table(results)
    chosen = pick_baseline(results, baseline)
    if chosen is not None and len(results.measured_peers()) > 1:
        yield ratio_table(results, chosen)
    if (judged := judge_targets(results)) and any(verdict.is_met is not None for verdict in judged):
        yield target_table(judged)


def print_report(results: Results, console: Console, *, baseline: str | None = None) -> None:
    """Print notes and tables to the terminal."""
    for note in notes_on_run(results):
        console.print(Text(note))
    for table in _tables(results, baseline):
        print_table(table, console)


def print_table(table: Table, console: Console) -> None:
    """Print one table to the terminal."""
    grid = RichTable(title=Text(table.title), box=box.SIMPLE_HEAD, title_justify="left")
    for column in table.columns:
        grid.add_column(Text(column), justify="left" if column in _LABEL_COLUMNS else "right")
    for row in table.rows:
        grid.add_row(*map(Text, row))
    console.print(grid)


def markdown_report(results: Results, *, baseline: str | None = None, plots: Sequence[Path] = ()) -> str:
    """Return notes, plots (in the same folder) and tables as a Markdown page."""
    parts = ["# Benchmark results", "\n".join(f"- {_escaped(note)}" for note in notes_on_run(results))]
    parts += [f"![{plot.stem.rpartition('-')[2]}]({plot.name})" for plot in plots]
    for table in _tables(results, baseline):
        parts += [f"## {table.title}", markdown_table(table)]
    return "\n\n".join(parts) + "\n"


def markdown_table(table: Table) -> str:
    """Return one table in GitHub's Markdown, numbers to the right."""
    rules = ["---" if column in _LABEL_COLUMNS else "---:" for column in table.columns]
    return "\n".join(f"| {' | '.join(map(_escaped, row))} |" for row in (table.columns, rules, *table.rows))


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")

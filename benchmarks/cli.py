"""The command line: `python -m benchmarks`."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmarks.cases import FULL, QUICK, QUICK_PEERS, Case, select_cases
from benchmarks.compare import Change, change_table, compare_results, differences_of_setup
from benchmarks.options import make_parser, settings_of
from benchmarks.pages import ROOT, write_pages
from benchmarks.peers import DEFAULT_PEERS, Peer, select_peers
from benchmarks.plots import PlotError, save_plots
from benchmarks.report import markdown_report, print_report, print_table
from benchmarks.results import PeerNote, Results, Settings, load_results, save_results
from benchmarks.rounds import Plan, count_steps, probe_peers, run_rounds
from benchmarks.targets import judge_targets, target_table

__all__ = ["main"]

_RESULTS: Final = Path(__file__).parent / "results"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks, or say something about results of them.

    Returns:
        0, 1 if `--compare` found something of aiomq slower, `--targets` something missed, or a run got no results at
        all, 2 if the arguments are wrong.
    """
    parser = make_parser()
    options = parser.parse_args(arguments)
    try:
        return _dispatch(options)
    except (ValueError, OSError, PlotError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2


def _dispatch(options: argparse.Namespace) -> int:
    if options.compare:
        return _compare(options)
    if options.targets:
        return _targets(options.targets)
    if options.report:
        return _report(load_results(options.report), options.report, options.baseline)
    if options.readme:
        for path in write_pages(load_results(options.readme)):
            print(f"Written: {path.relative_to(ROOT)}")
        return 0
    return _run(options)


# -- measuring --------------------------------------------------------------------------------------------------------


def _run(options: argparse.Namespace) -> int:
    cases = _cases(options)
    if options.list:
        print("\n".join(case.id for case in cases))
        return 0
    if options.pin and not hasattr(os, "sched_setaffinity"):
        raise ValueError("--pin needs a system that can keep a process on a core, as Linux can")
    is_plan_fixed = options.quick and not options.only and options.peers is None
    with tempfile.TemporaryDirectory(prefix="aiomq-bench-") as directory:
        peers, notes = probe_peers(select_peers(options.peers or DEFAULT_PEERS), Path(directory))
        names = [peer.name for peer in peers]
        if options.baseline is not None and options.baseline not in names:
            raise ValueError(f"--baseline {options.baseline} doesn't take part; those that do: {', '.join(names)}")
        results = _measure(_plan(cases, peers, is_fixed=is_plan_fixed), notes, settings_of(options))
    path = options.out or _RESULTS / f"{results.machine.started[:19].replace(':', '')}.json"
    save_results(results, path)
    return _report(results, path, options.baseline)


def _cases(options: argparse.Namespace) -> tuple[Case, ...]:
    """Return the cases that were asked for; a quick run may name one that is not its own."""
    if options.quick:
        with contextlib.suppress(ValueError):
            return select_cases(QUICK, options.only)
    return select_cases(FULL, options.only)


def _plan(cases: Iterable[Case], peers: Sequence[Peer], *, is_fixed: bool) -> Plan:
    """Return which libraries to measure in which case: all of them, or those that a quick run is about."""
    return {case: [peer for peer in peers if not is_fixed or peer.name in QUICK_PEERS[case]] for case in cases}


def _measure(plan: Plan, notes: list[PeerNote], settings: Settings) -> Results:
    """Run all rounds behind a progress bar on standard error."""
    columns = (TextColumn("{task.description:<40}"), BarColumn(), MofNCompleteColumn())
    times = (TimeElapsedColumn(), TextColumn("left:"), TimeRemainingColumn())
    with Progress(*columns, *times, console=Console(stderr=True), transient=True) as progress:
        for note in notes:
            if note.unavailable is not None:
                progress.console.print(f"{note.name}: not available ({note.unavailable})", markup=False)
        task = progress.add_task("", total=count_steps(plan, settings.rounds))
        return run_rounds(
            plan,
            notes,
            settings,
            on_step=lambda text: progress.update(task, description=text),
            after_step=lambda: progress.advance(task),
        )


# -- saying something about results -----------------------------------------------------------------------------------


def _report(results: Results, path: Path, wanted: str | None) -> int:
    """Print a run, and write its page and plots beside it."""
    # The wanted baseline may have failed everywhere; what else was measured is still worth showing.
    baseline = wanted if wanted in results.measured_peers() else None
    page = path.with_suffix(".md")
    try:
        plots = save_plots(results, path)
    except PlotError as error:
        plots = []
        print(f"No plots: {error}", file=sys.stderr)
    page.write_text(markdown_report(results, baseline=baseline, plots=plots), encoding="utf-8")
    print_report(results, _console(), baseline=baseline)
    print(f"Written to {path} and, beside it, {', '.join(file.name for file in (page, *plots))}")
    return 0 if results.cells else 1


def _targets(path: Path) -> int:
    outcomes = judge_targets(load_results(path))
    print_table(target_table(outcomes), _console())
    return 1 if any(outcome.is_met is False for outcome in outcomes) else 0


def _compare(options: argparse.Namespace) -> int:
    before, after = (load_results(path) for path in options.compare)
    wanted = None if options.peers is None else frozenset(peer.name for peer in select_peers(options.peers))
    changes = compare_results(before, after, threshold=options.threshold, peers=wanted)
    if not changes:
        raise ValueError("the two runs have no measurement in common")
    slower = [change for change in changes if change.verdict == "slower"]
    judged = slower if wanted is not None else [change for change in slower if _is_ours(change)]
    for note in differences_of_setup(before, after):
        print(f"Beware: {note}")
    if others := sorted({change.peer for change in slower if change not in judged}):
        print(f"Beware: {', '.join(others)} got slower too: that may be the machine. Only aiomq is judged")
    print_table(change_table(changes), _console())
    return 1 if judged else 0


def _is_ours(change: Change) -> bool:
    return change.peer.startswith("aiomq")


def _console() -> Console:
    """Return the terminal, or a page wide enough for every table where the output goes to a file."""
    return Console() if sys.stdout.isatty() else Console(width=250)

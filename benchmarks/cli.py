"""The command line: `python -m benchmarks`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.cases import FULL, QUICK, Case, select_cases
from benchmarks.compare import change_table, compare_results, differences_of_setup
from benchmarks.peers import DEFAULT_PEERS, PEERS, Peer, select_peers
from benchmarks.report import markdown_report, print_report, print_table
from benchmarks.results import PeerNote, Results, Settings, load_results, save_results
from benchmarks.rounds import count_steps, probe_peers, run_rounds
from benchmarks.spec import HWM

__all__ = ["main"]

_RESULTS = Path(__file__).parent / "results"

_FULL_SETTINGS = Settings(
    rounds=5,
    duration_seconds=1.0,
    warmup_seconds=0.3,
    min_round_trips=2000,
    max_round_trips=10000,
    timeout_seconds=30.0,
    hwm=HWM,
)
_QUICK_SETTINGS = Settings(
    rounds=3,
    duration_seconds=0.3,
    warmup_seconds=0.1,
    min_round_trips=500,
    max_round_trips=2000,
    timeout_seconds=15.0,
    hwm=HWM,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks, or compare two results of them.

    Returns:
        0, 1 if `--compare` found something slower or a run got no results at all, 2 if the arguments are wrong.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return _compare(options) if options.compare else _run(options)
    except (ValueError, OSError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure aiomq beside other libraries.")
    parser.add_argument("--quick", action="store_true", help="fewer cases and 0.3 s each: a look, not a measurement")
    parser.add_argument(
        "--peers", nargs="+", metavar="NAME", default=list(DEFAULT_PEERS), help=f"from: all, {', '.join(PEERS)}"
    )
    parser.add_argument("--only", nargs="+", metavar="CASE", default=[], help="part of a case's id, or a glob")
    parser.add_argument("--list", action="store_true", help="print the ids of the cases and end")
    parser.add_argument("--rounds", type=_positive(int), metavar="N", help="samples of each measurement")
    parser.add_argument("--duration", type=_positive(float), metavar="SECONDS", help="of one measurement")
    parser.add_argument("--baseline", metavar="NAME", help="whom the ratios are about, else the first")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to write JSON, and Markdown beside it")
    parser.add_argument("--compare", nargs=2, type=Path, metavar=("OLD", "NEW"), help="say what got slower, and end")
    parser.add_argument("--threshold", type=float, default=0.1, help="for --compare, the least change (default 0.1)")
    return parser


def _positive(kind: Callable[[str], float]) -> Callable[[str], float]:
    def convert(text: str) -> float:
        value = kind(text)
        if not value > 0:
            raise argparse.ArgumentTypeError(f"must be above 0, not {text}")
        return value

    return convert


def _settings(options: argparse.Namespace) -> Settings:
    base = _QUICK_SETTINGS if options.quick else _FULL_SETTINGS
    duration = options.duration or base.duration_seconds
    return Settings(
        rounds=options.rounds or base.rounds,
        duration_seconds=duration,
        warmup_seconds=min(base.warmup_seconds, duration),
        # A shorter time asks for fewer round trips too.
        min_round_trips=max(1, int(base.min_round_trips * min(1.0, duration / base.duration_seconds))),
        max_round_trips=base.max_round_trips,
        timeout_seconds=base.timeout_seconds + 2 * duration,
        hwm=base.hwm,
    )


def _run(options: argparse.Namespace) -> int:
    cases = select_cases(QUICK if options.quick and not options.only else FULL, options.only)
    if options.list:
        print("\n".join(case.id for case in cases))
        return 0
    settings = _settings(options)
    with tempfile.TemporaryDirectory(prefix="aiomq-bench-") as directory:
        peers, notes = probe_peers(select_peers(options.peers), Path(directory))
        names = [peer.name for peer in peers]
        if options.baseline is not None and options.baseline not in names:
            raise ValueError(f"--baseline {options.baseline} doesn't take part; those that do: {', '.join(names)}")
        results = _measure(peers, notes, cases, settings)
    path = options.out or _RESULTS / f"{results.machine.started[:19].replace(':', '')}.json"
    save_results(results, path)
    # The wanted baseline may have failed everywhere; what else was measured is still worth showing.
    baseline = options.baseline if options.baseline in results.measured_peers() else None
    path.with_suffix(".md").write_text(markdown_report(results, baseline=baseline), encoding="utf-8")
    print_report(results, _console(), baseline=baseline)
    print(f"Written to {path} and {path.with_suffix('.md').name}")
    return 0 if results.cells else 1


def _measure(peers: list[Peer], notes: list[PeerNote], cases: Sequence[Case], settings: Settings) -> Results:
    """Run all rounds behind a progress bar on standard error."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        for note in notes:
            if note.unavailable is not None:
                progress.console.print(f"{note.name}: not available ({note.unavailable})", markup=False)
        task = progress.add_task("", total=count_steps(peers, cases, settings.rounds))
        return run_rounds(
            peers,
            notes,
            cases,
            settings,
            on_step=lambda text: progress.update(task, description=text),
            after_step=lambda: progress.advance(task),
        )


def _compare(options: argparse.Namespace) -> int:
    before, after = (load_results(path) for path in options.compare)
    changes = compare_results(before, after, threshold=options.threshold)
    for note in differences_of_setup(before, after):
        print(f"Beware: {note}")
    if not changes:
        raise ValueError("the two runs have no measurement in common")
    print_table(change_table(changes), _console())
    return 1 if any(change.verdict == "slower" for change in changes) else 0


def _console() -> Console:
    """Return the terminal, or a page wide enough for every table where the output goes to a file."""
    return Console() if sys.stdout.isatty() else Console(width=250)

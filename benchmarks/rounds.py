"""A whole run: every library in every case, round by round, so that a slow minute of the machine hits all alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from benchmarks.cases import Case
from benchmarks.machine import describe_machine, load_now
from benchmarks.peers import Peer
from benchmarks.processes import MeasurementError, measure
from benchmarks.results import FORMAT, Cell, Distribution, PeerNote, Results, Settings
from benchmarks.spec import Report
from benchmarks.stats import quantile

__all__ = ["Plan", "count_steps", "probe_peers", "run_rounds"]

_FAILURES_MAX: Final = 2
"""So often a measurement may fail, or take too long, before the rest of the run goes on without it."""

OnStep: TypeAlias = Callable[[str], None]

Plan: TypeAlias = Mapping[Case, Sequence[Peer]]
"""What to measure, in this order, and of which libraries."""


def probe_peers(peers: Sequence[Peer], directory: Path) -> tuple[list[Peer], list[PeerNote]]:
    """Return the libraries that are there, and a note on each, also on those that aren't."""
    available, notes = [], []
    for peer in peers:
        try:
            version = peer.prepare(directory)
        except Exception as error:  # whatever a library does when it can't be used is a reason to leave it out
            reason = f"{type(error).__name__}: {error}"
            notes.append(PeerNote(peer.name, peer.about, unavailable=reason))
        else:
            available.append(peer)
            notes.append(PeerNote(peer.name, peer.about, version=version))
    return available, notes


def _steps(plan: Plan, rounds: int) -> Iterator[tuple[int, Case, Peer]]:
    """Yield what to measure, in order: in each round every case, and in each case all libraries side by side.

    The library that begins changes from round to round, so that none always runs right after the same other one.
    """
    for index in range(rounds):
        for case, peers in plan.items():
            if case.rounds_max is not None and index >= case.rounds_max:
                continue
            able = [peer for peer in peers if peer.supports(case)]
            turn = index % len(able) if able else 0
            for peer in (*able[turn:], *able[:turn]):
                yield index, case, peer


def count_steps(plan: Plan, rounds: int) -> int:
    """Return how many measurements a run consists of."""
    return sum(1 for _ in _steps(plan, rounds))


class _Notebook:
    """What was measured so far."""

    def __init__(self) -> None:
        self._samples: dict[tuple[str, str, str], dict[int, float]] = {}
        self._percentiles: dict[tuple[str, str], list[list[float]]] = {}
        self.failures: list[str] = []

    def add(self, index: int, case: Case, peer: Peer, report: Report) -> None:
        """Note one measurement."""
        for metric, value in (report.metrics or {}).items():
            self._samples.setdefault((case.id, metric, peer.name), {})[index] = value
        if report.percentiles:
            self._percentiles.setdefault((case.id, peer.name), []).append(report.percentiles)

    def cells(self) -> list[Cell]:
        """Return every quantity with its samples."""
        return [
            Cell.of(case, peer, metric, list(samples.values()), list(samples))
            for (case, metric, peer), samples in self._samples.items()
        ]

    def distributions(self) -> list[Distribution]:
        """Return the distributions, each point the median of the rounds."""
        return [
            Distribution(case, peer, [quantile(points, 0.5) for points in zip(*rounds, strict=True)])
            for (case, peer), rounds in self._percentiles.items()
        ]


def run_rounds(
    plan: Plan,
    notes: list[PeerNote],
    settings: Settings,
    *,
    on_step: OnStep = lambda text: None,
    after_step: Callable[[], None] = lambda: None,
) -> Results:
    """Measure everything. A measurement that fails is noted, and tried again in the next round; one that failed
    twice is left out of the rest. An interrupt from the keyboard ends the run early, with the results so far.

    Args:
        plan: what to measure, of libraries that are there.
        notes: what `probe_peers` had to say on all of them.
        settings: for how long and how often.
        on_step: called with the name of each measurement before it.
        after_step: called after each one.
    """
    machine, notebook = describe_machine(), _Notebook()
    failed: Counter[str] = Counter()
    for index, case, peer in _steps(plan, settings.rounds):
        name = f"{case.id} {peer.name}"
        on_step(name)
        try:
            if failed[name] < _FAILURES_MAX:
                notebook.add(index, case, peer, measure(peer, case, settings))
        except MeasurementError as error:
            failed[name] += 1
            notebook.failures.append(f"{name}: {error}")
        except KeyboardInterrupt:
            notebook.failures.append(f"{name}: interrupted, and everything after it left out")
            break
        after_step()
    return Results(
        format=FORMAT,
        machine=machine,
        load_after=load_now(),
        settings=settings,
        peers=notes,
        cells=notebook.cells(),
        failures=notebook.failures,
        lacking=[
            f"{case.id} {peer.name}: {missing}"
            for case, peers in plan.items()
            for peer in peers
            if (missing := peer.lacks(case)) is not None and case.scenario in peer.scenarios
        ],
        distributions=notebook.distributions(),
    )

"""A whole run: every library in every case, round by round, so that a slow minute of the machine hits all alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.cases import Case
from benchmarks.machine import describe_machine, load_now
from benchmarks.peers import Peer
from benchmarks.processes import MeasurementError, measure
from benchmarks.results import FORMAT, Cell, PeerNote, Results, Settings

__all__ = ["count_steps", "probe_peers", "run_rounds"]

OnStep = Callable[[str], None]


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


def _steps(peers: Sequence[Peer], cases: Sequence[Case], rounds: int) -> Iterator[tuple[Case, Peer]]:
    """Yield what to measure, in order: in each round every case, and in each case all libraries side by side.

    The library that begins changes from round to round, so that none always runs right after the same other one.
    """
    for index in range(rounds):
        turn = index % len(peers) if peers else 0
        for case in cases:
            for peer in (*peers[turn:], *peers[:turn]):
                if peer.supports(case):
                    yield case, peer


def count_steps(peers: Sequence[Peer], cases: Sequence[Case], rounds: int) -> int:
    """Return how many measurements a run consists of."""
    return sum(1 for _ in _steps(peers, cases, rounds))


def run_rounds(
    peers: Sequence[Peer],
    notes: list[PeerNote],
    cases: Sequence[Case],
    settings: Settings,
    *,
    on_step: OnStep = lambda text: None,
    after_step: Callable[[], None] = lambda: None,
) -> Results:
    """Measure everything. A measurement that fails is noted, and tried again in the next round. An interrupt
    from the keyboard ends the run early, with the results so far.

    Args:
        peers: the libraries that are there.
        notes: what `probe_peers` had to say on all of them.
        cases: what to measure.
        settings: for how long and how often.
        on_step: called with the name of each measurement before it.
        after_step: called after each one.
    """
    machine = describe_machine()
    samples: dict[tuple[str, str, str], list[float]] = {}
    failures: list[str] = []
    for case, peer in _steps(peers, cases, settings.rounds):
        on_step(f"{case.id} {peer.name}")
        try:
            measured = measure(peer, case, settings)
        except MeasurementError as error:
            failures.append(f"{case.id} {peer.name}: {error}")
        except KeyboardInterrupt:
            failures.append(f"{case.id} {peer.name}: interrupted, and everything after it left out")
            break
        else:
            for metric, value in measured.items():
                samples.setdefault((case.id, metric, peer.name), []).append(value)
        after_step()
    return Results(
        format=FORMAT,
        machine=machine,
        load_after=load_now(),
        settings=settings,
        peers=notes,
        cells=[Cell.of(case, peer, metric, values) for (case, metric, peer), values in samples.items()],
        failures=failures,
    )

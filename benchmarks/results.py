"""A run's results, as they are written to and read from JSON."""

from __future__ import annotations

from pathlib import Path

import msgspec

from benchmarks.machine import Machine
from benchmarks.stats import Summary, summarize

__all__ = ["FORMAT", "Cell", "Distribution", "PeerNote", "Results", "Settings", "load_results", "save_results"]

FORMAT = 2
"""Raised whenever the fields below change their meaning."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long and how often was measured."""

    rounds: int
    duration_seconds: float
    warmup_seconds: float
    min_round_trips: int
    max_round_trips: int
    timeout_seconds: float
    hwm: int
    pins: bool = False
    """Whether the two processes of a round trip were kept on a core each."""


class PeerNote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One library that took part, or why it could not."""

    name: str
    about: str
    """How it is used: its event loop, or that it blocks."""
    version: str | None = None
    unavailable: str | None = None
    """Why it isn't there; None if it is."""


class Cell(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One quantity of one library in one case: a sample for each round in which the measurement succeeded."""

    case: str
    peer: str
    metric: str
    rounds: list[int]
    """Which round each sample is from: what was measured in the same round can be held against each other."""
    samples: list[float]
    summary: Summary

    @classmethod
    def of(cls, case: str, peer: str, metric: str, samples: list[float], rounds: list[int] | None = None) -> Cell:
        """Return a cell with the summary of its samples, of the first rounds if nothing else is said."""
        return cls(
            case, peer, metric, list(range(len(samples))) if rounds is None else rounds, samples, summarize(samples)
        )

    def by_round(self) -> dict[int, float]:
        """Return the samples by the number of their round."""
        return dict(zip(self.rounds, self.samples, strict=True))


class Distribution(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The round trips of one library in one case: microseconds at each of `FRACTIONS`, the median of the rounds."""

    case: str
    peer: str
    microseconds: list[float]


class Results(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that one run has to say."""

    format: int
    machine: Machine
    load_after: float | None
    settings: Settings
    peers: list[PeerNote]
    cells: list[Cell]
    failures: list[str]
    """Measurements that did not come to an end, each with its reason."""
    lacking: list[str] = []
    """Measurements that a library has nothing for, each with what it lacks."""
    distributions: list[Distribution] = []

    def cell(self, case: str, metric: str, peer: str) -> Cell | None:
        """Return what was measured there, if anything was."""
        for cell in self.cells:
            if (cell.case, cell.metric, cell.peer) == (case, metric, peer):
                return cell
        return None

    def rows(self) -> list[tuple[str, str]]:
        """Return every (case, metric) once, in the order of measuring."""
        return list(dict.fromkeys((cell.case, cell.metric) for cell in self.cells))

    def measured_peers(self) -> list[str]:
        """Return the names of the libraries that have at least one number."""
        present = {cell.peer for cell in self.cells}
        return [note.name for note in self.peers if note.name in present]


def save_results(results: Results, path: Path) -> None:
    """Write the results as indented JSON, folders included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")


def load_results(path: Path) -> Results:
    """Read results again.

    Raises:
        ValueError: the file holds something else, or results of another format.
        OSError: the file can't be read.
    """
    try:
        results = msgspec.json.decode(path.read_bytes(), type=Results)
    except msgspec.DecodeError as error:
        raise ValueError(f"{path} holds no benchmark results: {error}") from error
    if results.format != FORMAT:
        raise ValueError(f"{path} has results of format {results.format}, this program reads format {FORMAT}")
    return results

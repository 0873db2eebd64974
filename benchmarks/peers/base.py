"""What the runner needs to know about a library."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import msgspec

from benchmarks.cases import Case, Scenario
from benchmarks.spec import Report, Spec

__all__ = ["MESSAGING", "Peer", "PythonPeer", "Reporter"]

Reporter: TypeAlias = Callable[[Report], None]
"""How a worker speaks to the runner."""

MESSAGING: frozenset[Scenario] = frozenset(
    {
        *("throughput", "multipart", "latency", "threads", "threads-latency", "fanout", "topics", "echo", "proxy"),
        *("connections", "memory", "curve", "curve-mixed", "curve-handshakes"),
    }
)
"""The scenarios of every ZeroMQ library; the others need something that only aiomq has."""


class Peer(ABC):
    """A library in one way of using it.

    Attributes:
        name: what `--peers` and the tables call it.
        about: its event loop, or that it blocks.
        scenarios: what it can be measured in.
        transports: what it can be measured over.
    """

    def __init__(
        self,
        name: str,
        about: str,
        *,
        scenarios: frozenset[Scenario] = MESSAGING,
        transports: frozenset[str] = frozenset({"tcp", "ipc", "inproc"}),
    ) -> None:
        self.name = name
        self.about = about
        self.scenarios = scenarios
        self.transports = transports

    def supports(self, case: Case) -> bool:
        """Return whether this library can be measured in that case."""
        return case.scenario in self.scenarios and case.transport in self.transports and self.lacks(case) is None

    def lacks(self, case: Case) -> str | None:
        """Return what this library has not, of what a case is about; None if nothing is missing.

        It differs from `scenarios` in that it is told to the user.
        """
        return None

    @abstractmethod
    def prepare(self, directory: Path) -> str | None:
        """Make ready what has to be made once (in that directory) and return the version of the library.

        Raises:
            Exception: the library isn't there, or doesn't work here; the text is shown to the user.
        """

    @abstractmethod
    def command(self, spec: Spec) -> list[str]:
        """Return the command line of a worker process."""

    def __repr__(self) -> str:
        return f"<Peer {self.name}: {self.about}>"


class PythonPeer(Peer):
    """A library whose worker is `python -m benchmarks.worker`."""

    @abstractmethod
    def run(self, spec: Spec, report: Reporter) -> None:
        """Do the part that the spec describes, inside the worker process."""

    def command(self, spec: Spec) -> list[str]:
        """Return the command line of a worker process."""
        return [sys.executable, "-m", "benchmarks.worker", msgspec.json.encode(spec).decode()]

"""One measurement: its worker processes from start to end, and never longer than its time."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TypeAlias

import msgspec

from benchmarks.cases import Case
from benchmarks.metrics import METRICS
from benchmarks.peers import Peer
from benchmarks.peers.scenarios import CHAIN, MEASURING_ROLE
from benchmarks.results import Settings
from benchmarks.spec import Report, Role, Spec

__all__ = ["MeasurementError", "measure"]

_ROOT = Path(__file__).parent.parent
_GRACE_SECONDS = 2.0
"""How much longer the runner waits than a worker, which then had the time to say where it hung."""

_Lines: TypeAlias = "queue.SimpleQueue[tuple[Role, bytes]]"


class MeasurementError(Exception):
    """A worker failed, ended early or took too long."""


class _Worker:
    """A child process, what it says, and its certain end.

    What it says goes into a queue that all workers of a measurement share, an empty line when it ends.
    """

    def __init__(self, command: list[str], role: Role, lines: _Lines) -> None:
        self._role: Role = role
        self._lines = lines
        # In a file, so that it can't block on a full pipe.
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed by `stop`
        try:
            self._process = subprocess.Popen(
                command, cwd=_ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._errors
            )
        except BaseException:  # raised again; nobody else would close it
            self._errors.close()
            raise
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._lines.put((self._role, line))
        self._lines.put((self._role, b""))

    def pin(self, index: int) -> None:
        """Keep the process on one core, with all threads that it will have. Done before it has begun."""
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(self._process.pid, {cores[index % len(cores)]})

    def epitaph(self) -> str:
        """Wait for its end and return how it ended, with the last that it wrote to its standard error."""
        code = self._process.wait(timeout=_GRACE_SECONDS)
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip().splitlines()
        return f"the {self._role} worker ended with {code}: {' | '.join(_essence(said)) or 'no message'}"

    def stop(self) -> None:
        """End the process if it still runs, and wait for it."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._errors.close()


def _essence(said: list[str]) -> list[str]:
    """Return the lines that say what happened: the last of an error, those around the mark of a worker out of time."""
    for index, line in enumerate(said):
        if line.startswith("Timeout ("):
            return said[max(0, index - 4) : index + 6]
    return said[-4:]


class _Measurement:
    """The workers of one measurement and the time they have together."""

    def __init__(self, peer: Peer, case: Case, settings: Settings) -> None:
        self._peer, self._case, self._settings = peer, case, settings
        self._deadline = time.monotonic() + settings.timeout_seconds + _GRACE_SECONDS
        self._lines: _Lines = queue.SimpleQueue()
        self._workers: dict[Role, _Worker] = {}

    def play(self, endpoint: str) -> Report:
        """Start the workers and return what one of them measured."""
        if self._case.transport == "inproc":
            self._start("inproc", endpoint)
            return self._measured("inproc")
        *binders, last = CHAIN.get(self._case.scenario, ("bind", "connect"))
        onward = ""
        for role in binders:
            self._start(role, f"{endpoint}-{role}" if self._case.transport == "ipc" else endpoint, onward)
            onward = self._bound_endpoint(role)
        self._start(last, onward)
        return self._measured(MEASURING_ROLE[self._case.scenario])

    def stop(self) -> None:
        """End all workers, whatever they are doing."""
        for worker in self._workers.values():
            worker.stop()

    def _start(self, role: Role, endpoint: str, onward: str = "") -> None:
        settings = self._settings
        spec = Spec(
            case=self._case,
            peer=self._peer.name,
            role=role,
            endpoint=endpoint,
            warmup_seconds=settings.warmup_seconds,
            duration_seconds=settings.duration_seconds,
            min_round_trips=settings.min_round_trips,
            max_round_trips=settings.max_round_trips,
            timeout_seconds=settings.timeout_seconds,
            onward=onward,
        )
        worker = self._workers[role] = _Worker(_command(self._peer, spec), role, self._lines)
        if settings.pins and self._case.scenario == "latency" and role != "inproc":
            worker.pin(len(self._workers) - 1)

    def _bound_endpoint(self, role: Role) -> str:
        report = self._next_report()[1]
        if report.endpoint is None:
            raise MeasurementError(f"the {role} worker did not say where it is bound")
        return report.endpoint

    def _measured(self, role: Role) -> Report:
        while True:
            sender, report = self._next_report()
            if sender == role and report.metrics is not None:
                return report

    def _next_report(self) -> tuple[Role, Report]:
        """Return the next line of any worker; raise if one has ended instead, as both are needed to the last."""
        try:
            role, line = self._lines.get(timeout=max(0.0, self._deadline - time.monotonic()))
        except queue.Empty:
            raise MeasurementError(f"no result within {self._settings.timeout_seconds:g} s") from None
        if not line:
            raise MeasurementError(self._workers[role].epitaph())
        try:
            return role, msgspec.json.decode(line, type=Report)
        except msgspec.DecodeError as error:
            raise MeasurementError(f"the {role} worker said {line!r}, which is no report: {error}") from error


def _command(peer: Peer, spec: Spec) -> list[str]:
    """Return the command line of a worker: the library's, or that of the subscribers that are the same for all."""
    if spec.case.scenario == "connections" and spec.role == "connect":
        return [sys.executable, "-m", "benchmarks.crowd", msgspec.json.encode(spec).decode()]
    return peer.command(spec)


def measure(peer: Peer, case: Case, settings: Settings) -> Report:
    """Measure one library in one case, once; the report has metrics.

    Raises:
        MeasurementError: no result, with the reason.
    """
    measurement = _Measurement(peer, case, settings)
    with tempfile.TemporaryDirectory(prefix="aiomq-bench-") as directory, contextlib.ExitStack() as stack:
        stack.callback(measurement.stop)
        try:
            report = measurement.play(_endpoint(case, directory))
        except (OSError, subprocess.TimeoutExpired) as error:
            raise MeasurementError(f"the workers could not be run: {error}") from error
    if unknown := (report.metrics or {}).keys() - METRICS.keys():
        raise MeasurementError(f"the worker measured {', '.join(sorted(unknown))}, which metrics.py doesn't know")
    return report


def _endpoint(case: Case, directory: str) -> str:
    if case.transport == "tcp":
        return "tcp://127.0.0.1:*"
    return f"ipc://{directory}/socket" if case.transport == "ipc" else "inproc://benchmark"

"""One side of a measurement, in a process of its own: `python -m benchmarks.worker SPEC`, the spec in JSON."""

from __future__ import annotations

import faulthandler
import logging
import sys
from typing import Final

import msgspec

from benchmarks.machine import raise_file_limit
from benchmarks.peers import PEERS
from benchmarks.peers.base import PythonPeer
from benchmarks.peers.scenarios import BASELINE_PEERS
from benchmarks.spec import Report, Spec

__all__ = ["main"]

LOOP_LOGGER = "asyncio"
"""What event loops log to when a callback or a task of theirs failed, and nobody set an exception handler."""


def main(arguments: list[str]) -> int:
    """Do what the one argument says; endpoint and measurements go to stdout, one line of JSON each."""
    if len(arguments) != 1:
        print("usage: python -m benchmarks.worker SPEC (one JSON object, see benchmarks/spec.py)", file=sys.stderr)
        return 2
    spec = msgspec.json.decode(arguments[0], type=Spec)
    peer = PEERS.get(spec.peer)
    if not isinstance(peer, PythonPeer):
        print(f"no peer {spec.peer!r} runs in Python; there are: {', '.join(PEERS)}", file=sys.stderr)
        return 2
    # Shows where it hangs, and leaves no process behind should the runner be gone.
    faulthandler.dump_traceback_later(spec.timeout_seconds, exit=True)
    if spec.case.scenario == "connections":
        raise_file_limit(spec.case.fan + BASELINE_PEERS)
    logging.getLogger(LOOP_LOGGER).addHandler(_complaints)
    peer.run(spec, _print_report)
    faulthandler.cancel_dump_traceback_later()
    return 0


class _Complaints(logging.Handler):
    """Keeps what event loops report of callbacks and tasks that failed: no figure is worth that."""

    def __init__(self) -> None:
        super().__init__(level=logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(logging.Formatter().format(record))


_complaints: Final = _Complaints()


def _print_report(report: Report) -> None:
    if _complaints.texts:
        raise SystemExit(f"an event loop called its exception handler: {' | '.join(_complaints.texts)}")
    print(msgspec.json.encode(report).decode(), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

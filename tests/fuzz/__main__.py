"""`python -m tests.fuzz`: run the targets, each in a process of its own, and print what came of it.

With atheris (the extra `fuzz`) inputs are kept that reach new code; without it, or with `--engine plain`, the corpus is
mutated blindly, some times faster. A finding is left in the folder that the table names.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.fuzz.engine import CORPUS
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS

__all__ = ["main"]

GROWTH_MAX: Final = 20_000
"""Blocks of memory that caches may still take in the second half of a run."""

SLACK: Final = 300.0
"""Seconds that a process may need besides, on a machine that does much else, before it counts as one that hangs."""

SHOWN: Final = 4000
"""Octets of the log of a finding that are shown."""

_DONE: Final = re.compile(rb"^Done (\d+) runs in (\d+) second", re.MULTILINE)


@dataclass(slots=True)
class Result:
    """What came of one target."""

    name: str
    executions: int = 0
    seconds: float = 0.0
    growth: int = 0
    finding: str = ""

    @property
    def row(self) -> str:
        """Return its line of the table."""
        rate = self.executions / self.seconds if self.seconds else 0.0
        return (
            f"{self.name:<15}{self.executions:>12,}{self.seconds:>10.1f}{rate:>11,.0f}{self.growth:>9,}  "
            f"{self.finding or 'none'}"
        )


def _run(target: Target, runs: int, arguments: argparse.Namespace, engine: str, scratch: Path) -> Result:
    """Run a target in a process of its own."""
    command = [sys.executable, "-m", "tests.fuzz.engine", target.name, engine]
    command += [str(max(1, runs)), str(arguments.seconds), str(scratch), arguments.seed]
    log = scratch / f"{target.name}.log"
    began = time.perf_counter()
    with log.open("wb") as output:
        try:
            # What a target raises is told by the process's end; a hang that nothing else ends, by the time limit.
            done = subprocess.run(
                command, stdout=output, stderr=subprocess.STDOUT, timeout=2 * arguments.seconds + SLACK, check=False
            )
            status = "" if done.returncode == 0 else f"exit status {done.returncode}, see {log}"
        except subprocess.TimeoutExpired:
            status = f"did not end in time, see {log}"
    result = _read(target.name, log.read_bytes(), time.perf_counter() - began)
    result.finding = status or ("" if result.growth <= GROWTH_MAX else f"{result.growth} blocks of memory stay")
    return result


def _read(name: str, log: bytes, seconds: float) -> Result:
    """Return what the output of a process tells."""
    result = Result(name, seconds=seconds)
    for line in log.splitlines():
        if line.startswith(b'{"executions"'):
            told = json.loads(line)
            result.executions, result.growth = told["executions"], told["growth"]
    if (done := _DONE.search(log)) is not None:
        result.executions = int(done[1])
    return result


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "targets", nargs="*", metavar="TARGET", help=f"one of {', '.join(TARGETS)}; all if none is named"
    )
    parser.add_argument("--executions", type=int, default=100_000, help="over these targets, each its share")
    parser.add_argument("--seconds", type=float, default=600.0, help="the longest that one target may take")
    parser.add_argument("--engine", choices=("atheris", "plain"), help="atheris, if it is there")
    parser.add_argument("--seed", default="1", help="for the draws")
    parser.add_argument("--keep", type=Path, help="where logs, new inputs and findings go; a new folder if not given")
    arguments = parser.parse_args()
    if unknown := set(arguments.targets) - set(TARGETS):
        parser.error(f"there is no target {', '.join(sorted(unknown))}")
    return arguments


def _fast_folder() -> str | None:
    """Return a folder whose files are in memory, where there is one: the stores of a target wear no disk."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _show(name: str, scratch: Path) -> None:
    """Print the end of a target's log, with the input that led to a finding."""
    text = (scratch / f"{name}.log").read_bytes()[-SHOWN:].decode(errors="replace")
    print(f"-- the end of what {name} said:\n{text}\n--", flush=True)


def main() -> int:
    """Run what the command line asks for; return 1 if there are findings."""
    arguments = _parsed()
    engine = arguments.engine or ("atheris" if importlib.util.find_spec("atheris") else "plain")
    targets = [TARGETS[name] for name in arguments.targets] or list(TARGETS.values())
    scratch = arguments.keep or Path(tempfile.mkdtemp(prefix="fuzz-"))
    scratch.mkdir(parents=True, exist_ok=True)
    total = sum(each.share for each in targets)
    print(f"engine: {engine}, corpus: {CORPUS.name}, logs: {scratch}")
    print(f"{'target':<15}{'executions':>12}{'seconds':>10}{'a second':>11}{'growth':>9}  findings")
    results = []
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=_fast_folder()) as folder:
        os.environ["TMPDIR"] = folder
        for target in targets:
            runs = arguments.executions * target.share // total
            results.append(_run(target, runs, arguments, engine, scratch))
            print(results[-1].row, flush=True)
            if results[-1].finding:
                _show(target.name, scratch)
    findings = [each for each in results if each.finding]
    whole = Result("all", sum(each.executions for each in results), sum(each.seconds for each in results))
    whole.finding = f"{len(findings)} targets" if findings else ""
    print(whole.row)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())

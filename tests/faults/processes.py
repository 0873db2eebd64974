"""Other processes for tests: Python programs that talk to the test over their standard streams."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Program:
    """A Python program in a process of its own."""

    def __init__(self, source: str, *arguments: str, options: tuple[str, ...] = ()) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *options, "-c", textwrap.dedent(source), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def read_line(self) -> str:
        """Return the next line that it prints; blocks until then."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def write_line(self, text: str) -> None:
        """Give it a line to read."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{text}\n")
        self.process.stdin.flush()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def finish(self, timeout: float = 20) -> tuple[int, str, str]:
        """Wait for its end; return its status, and what else it printed and complained about."""
        output, errors = self.process.communicate(timeout=timeout)
        return self.process.returncode, output, errors


@contextlib.contextmanager
def program(source: str, *arguments: str, options: tuple[str, ...] = ()) -> Iterator[Program]:
    """Run a program, and end it with the block at the latest."""
    running = Program(source, *arguments, options=options)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait()
        for stream in (running.process.stdin, running.process.stdout, running.process.stderr):
            if stream is not None:
                stream.close()

"""Child processes that are told what to do by lines and answer by lines, and their certain end."""

from __future__ import annotations

import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, TypeVar

import msgspec

__all__ = ["NoAnswerError", "Worker"]

T = TypeVar("T")

_ROOT: Final = Path(__file__).parents[2]
_END_SECONDS: Final = 5.0


class NoAnswerError(Exception):
    """A child process ended, or did not answer in time."""


class Worker:
    """One child process.

    Args:
        module: what it runs.
        spec: its task.
        fds: descriptors that it inherits.
    """

    def __init__(self, module: str, spec: msgspec.Struct, fds: tuple[int, ...] = ()) -> None:
        self.name = module.rpartition(".")[2]
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed by `stop`
        command = [sys.executable, "-m", module, msgspec.json.encode(spec).decode()]
        self._process = subprocess.Popen(
            command,
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            pass_fds=fds,
            bufsize=0,
        )
        self._unread = b""

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def tell(self, line: str) -> None:
        """Send it a line; without effect if it has ended."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode() + b"\n")
        except BrokenPipeError:
            return

    def say_no_more(self) -> None:
        """End its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def hear(self, kind: type[T], seconds: float) -> T:
        """Return what it says next.

        Raises:
            NoAnswerError: it says nothing in that time, or has ended.
        """
        assert self._process.stdout is not None
        deadline = time.monotonic() + seconds
        while b"\n" not in self._unread:
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise NoAnswerError(f"the {self.name} said nothing in {seconds:g} s")
            chunk = self._process.stdout.read(1 << 20)
            if not chunk:
                raise NoAnswerError(self._epitaph())
            self._unread += chunk
        line, _, self._unread = self._unread.partition(b"\n")
        return msgspec.json.decode(line, type=kind)

    def _epitaph(self) -> str:
        try:
            code: int | str = self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            code = "no code yet"
        said = self.errors()
        return f"the {self.name} ended with {code}: {' | '.join(said[-3:]) or 'no word'}"

    def errors(self) -> list[str]:
        """Return the lines of its standard error."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace").strip().splitlines()

    def wait(self, seconds: float) -> None:
        """Wait for its end, and end it if that takes longer."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                stream.close()

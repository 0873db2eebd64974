"""libzmq itself, without Python: `libzmq.c`, compiled against the system's libzmq or the one that pyzmq brings."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.cases import Scenario
from benchmarks.peers.base import Peer
from benchmarks.spec import Spec

__all__ = ["LibzmqPeer"]

_SOURCE: Final = Path(__file__).with_name("libzmq.c")

_LATENCIES: Final = frozenset({"latency", "threads-latency"})
_SCENARIOS: Final[frozenset[Scenario]] = frozenset(
    {"throughput", "multipart", "latency", "threads", "threads-latency", "proxy"}
)


class LibzmqPeer(Peer):
    """What the reference implementation reaches when nothing but C is in its way."""

    def __init__(self) -> None:
        super().__init__("libzmq", "C, blocking", scenarios=_SCENARIOS)
        self._program: Path | None = None

    def prepare(self, directory: Path) -> str | None:
        """Compile the program and return the version of the library that it runs with, and whose it is.

        Raises:
            RuntimeError: there is no C compiler or no libzmq, or the compiler refused.
        """
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if compiler is None:
            raise RuntimeError("no C compiler (cc, gcc or clang)")
        program, said = directory / "libzmq-worker", ""
        for origin, arguments in _libraries():
            command = [compiler, "-O2", "-o", str(program), str(_SOURCE), *arguments, "-lpthread"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            if done.returncode == 0:
                self._program = program
                version = subprocess.run([program, "version"], capture_output=True, text=True, timeout=10, check=True)
                return f"{version.stdout.strip()} ({origin})"
            said = done.stderr.strip()[-300:]
        raise RuntimeError(f"no libzmq to link with: install libzmq3-dev or pyzmq; {compiler} said: {said}")

    def command(self, spec: Spec) -> list[str]:
        """Return the command line of a worker process: one word a field.

        Raises:
            RuntimeError: `prepare` has not been called.
        """
        if self._program is None:
            raise RuntimeError("the libzmq worker has not been compiled yet")
        case = spec.case
        words = (
            "latency" if case.scenario in _LATENCIES else "throughput",
            spec.role,
            spec.endpoint,
            spec.onward or "-",
            case.size,
            case.frames,
            case.chunk,
            spec.warmup_seconds,
            spec.duration_seconds,
            spec.min_round_trips,
            spec.max_round_trips,
            int(spec.timeout_seconds + 1),
        )
        return [str(self._program), *map(str, words)]


def _libraries() -> Iterator[tuple[str, list[str]]]:
    """Yield whose library may be linked, and what the linker needs for it: the system's first, then pyzmq's."""
    yield "the system's", ["-lzmq"]
    pyzmq = importlib.util.find_spec("zmq")
    if pyzmq is not None and pyzmq.origin is not None:
        bundled = Path(pyzmq.origin).parent.parent / "pyzmq.libs"
        for library in sorted(bundled.glob("libzmq*.so*")):
            yield "pyzmq's", [str(library), f"-Wl,-rpath,{bundled}", "-Wl,--allow-shlib-undefined"]

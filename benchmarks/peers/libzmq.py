"""libzmq itself, without Python: `libzmq.c`, compiled against the library that pyzmq brings (or the system has)."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from ctypes.util import find_library
from pathlib import Path

from benchmarks.peers.base import Peer
from benchmarks.spec import Spec

__all__ = ["LibzmqPeer"]

_SOURCE = Path(__file__).with_name("libzmq.c")


class LibzmqPeer(Peer):
    """What the reference implementation reaches when nothing but C is in its way."""

    def __init__(self) -> None:
        super().__init__("libzmq", "C, blocking", scenarios=frozenset({"throughput", "multipart", "latency"}))
        self._program: Path | None = None

    def prepare(self, directory: Path) -> str | None:
        """Compile the program and return the version of the library that it runs with.

        Raises:
            RuntimeError: there is no C compiler or no libzmq, or the compiler refused.
        """
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if compiler is None:
            raise RuntimeError("no C compiler (cc, gcc or clang)")
        program = directory / "libzmq-worker"
        command = [compiler, "-O2", "-o", str(program), str(_SOURCE), *_link_arguments(), "-lpthread"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode:
            raise RuntimeError(f"{compiler} failed: {done.stderr.strip()[-300:]}")
        self._program = program
        version = subprocess.run([program, "version"], capture_output=True, text=True, timeout=10, check=True)
        return version.stdout.strip()

    def command(self, spec: Spec) -> list[str]:
        """Return the command line of a worker process: one word a field.

        Raises:
            RuntimeError: `prepare` has not been called.
        """
        if self._program is None:
            raise RuntimeError("the libzmq worker has not been compiled yet")
        case = spec.case
        words = (
            "latency" if case.scenario == "latency" else "throughput",
            spec.role,
            spec.endpoint,
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


def _link_arguments() -> list[str]:
    """Return what the linker needs to find a libzmq; pyzmq's own first, so that the two are compared alike."""
    pyzmq = importlib.util.find_spec("zmq")
    if pyzmq is not None and pyzmq.origin is not None:
        bundled = Path(pyzmq.origin).parent.parent / "pyzmq.libs"
        for library in sorted(bundled.glob("libzmq*.so*")):
            return [str(library), f"-Wl,-rpath,{bundled}", "-Wl,--allow-shlib-undefined"]
    if find_library("zmq") is None:
        raise RuntimeError("no libzmq: neither in a wheel of pyzmq nor on the system")
    return ["-lzmq"]
